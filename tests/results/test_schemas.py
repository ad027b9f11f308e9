"""The published schemas: what they say of each key, and that documents and readers agree on it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import make_dataclass
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import esim
from esim.cli import app
from esim.cli.schema import schema_documents
from esim.errors import EsimError
from esim.report.formats.csv_and_json import json_of
from esim.report.pages.document import read_page
from esim.results.replay import ReplayDocument
from esim.results.rule_set import RuleSet
from esim.results.schemas import DOCUMENTS
from esim.rules.candidates import Candidate
from esim.storage.json_schema import json_schema
from tests.damage.samples import documents
from tests.paths import ROOT
from tests.results.following import assert_follows, validator

NAMES = list(schema_documents())
ANY = np.random.default_rng(0)


@pytest.fixture(scope="module")
def samples() -> list[dict[str, Any]]:
    made = list(documents().values())
    rules = [esim.rule("sagemaker"), esim.rule("sagemaker", min_peers=3)]
    left = RuleSet.of([Candidate(f"{one.min_peers}", one) for one in rules], "as a test")
    page = json_of(read_page(ROOT / "reports/image_digits/result.json")[0])
    return [*made, json.loads(left.to_json()), json.loads(page)]


def objects(schema: Any) -> Iterator[dict[str, Any]]:
    """The schemas in a schema that say which keys an object has."""
    if isinstance(schema, dict):
        if isinstance(schema.get("properties"), dict) and "required" in schema:
            yield schema
        for part in schema.values():
            yield from objects(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from objects(part)


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_tells_every_key_and_allows_no_other(name: str) -> None:
    schema = validator(name).schema
    for one in objects(schema):
        assert one["additionalProperties"] is False
        assert one["description"]
        assert set(one["required"]) <= set(one["properties"])
        for key, told in one["properties"].items():
            assert told["description"].strip(), key
            assert "None" not in told["description"], key
    assert schema["properties"]["schema"]["const"] == schema["title"] == name


@pytest.mark.parametrize("name", NAMES)
def test_the_command_prints_it(name: str) -> None:
    printed = CliRunner().invoke(app, ["schema", name.removeprefix("esim.").partition("/")[0]])
    assert printed.exit_code == 0
    assert json.loads(printed.stdout) == validator(name).schema


def test_the_command_lists_them() -> None:
    lines = CliRunner().invoke(app, ["schema"]).stdout.splitlines()
    assert [line.split()[0] for line in lines if line.startswith("  esim.")] == NAMES
    printed = CliRunner().invoke(app, ["schema", "esim.rules/1"])
    assert json.loads(printed.stdout) == validator("esim.rules/1").schema
    wrong = CliRunner().invoke(app, ["schema", "rulez"])
    assert wrong.exit_code == 2
    assert "rules" in wrong.stderr


def test_documents_follow_their_schemas(samples: list[dict[str, Any]]) -> None:
    for document in samples:
        assert_follows(document)


def leaves(value: Any) -> Iterator[tuple[Any, str | int]]:
    """The numbers, texts, flags and nulls of a document: what holds each, and where."""
    for key, one in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(one, (dict, list)):
            yield from leaves(one)
        else:
            yield value, key


def reads(document: dict[str, Any]) -> bool:
    try:
        DOCUMENTS[document["schema"]].from_dict(document)
    except EsimError:
        return False
    return True


def test_a_value_of_another_type_follows_no_schema(samples: list[dict[str, Any]]) -> None:
    for document in samples:
        holds = validator(document["schema"]).is_valid
        found = list(leaves(document))
        for i in ANY.choice(len(found), size=min(len(found), 6), replace=False):
            holder, key = found[i]
            before = holder[key]
            for odd in ({"odd": 1}, [before]):
                holder[key] = odd
                assert not holds(document), (document["schema"], key, odd)
            holder[key] = before


def test_what_may_be_null_by_the_schema_may_be_null_in_what_is_read(
    samples: list[dict[str, Any]],
) -> None:
    """A number whose record has no word for unknown is never null, and the schema says so."""
    for document in samples:
        holds = validator(document["schema"]).is_valid
        if document["schema"] not in DOCUMENTS:
            continue
        found = list(leaves(document))
        for i in ANY.choice(len(found), size=min(len(found), 6), replace=False):
            holder, key = found[i]
            before, holder[key] = holder[key], None
            if holds(document):
                assert reads(document), (document["schema"], key)
            holder[key] = before


def test_keys_that_are_missing_or_unknown(samples: list[dict[str, Any]]) -> None:
    for document in samples:
        holds = validator(document["schema"]).is_valid
        assert not holds({**document, "more": 1})
        assert not holds({"schema": document["schema"]})
        assert not holds({**document, "schema": "esim.other/1"})


def test_documents_of_studies_in_which_losses_are_infinite_follow() -> None:
    """The best is lost to a trial that is infinitely worse: its loss has no bound, and is null."""
    rows = [[3.0, 2.0, -4.0], [1.0, 1.0, np.inf], [2.0, 2.0, np.inf], [9.0, 9.0, 9.0]]
    odd = esim.Study.from_arrays(rows, "minimize", name="odd")
    flat = esim.Study.from_arrays([[1.0, 1.0]] * 4, "minimize", name="flat")
    one = esim.Study.from_arrays([[1.0, 0.5]], "minimize", name="one")
    for studies in ([odd], [flat], [one], [odd, flat, one]):
        results = tuple(esim.replay(study, readings=True) for study in studies)
        assert_follows(json.loads(ReplayDocument(results).to_json()))
        compared = esim.compare(studies, ["sagemaker", "azure-bandit"], orders=4, choice=True)
        assert_follows(json.loads(compared.to_json()))
    forecast = esim.estimate([odd, flat], trials=4, replicates=100)
    assert_follows(json.loads(forecast.to_json()))


def test_two_records_of_one_name_are_refused() -> None:
    here, other = (make_dataclass("Point", [(key, float)]) for key in "xy")
    both = make_dataclass("Both", [("a", here), ("b", other)])
    with pytest.raises(TypeError, match="two records are called Point"):
        json_schema(both, "both/1", {"schema": "s"})
