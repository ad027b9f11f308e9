"""Job-level rules as rows: how they are written, what is refused, and what is said of each."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

import esim
from esim.errors import EsimError
from esim.rules import (
    JobRule,
    default_rule,
    job_meanings,
    job_preset,
    job_presets,
    job_readings,
    job_rule,
)
from esim.rules import job_rules as several

SAGEMAKER = ["not-improving", "target", "max-runtime", "max-jobs", "converged"]


def test_sagemakers_come_first_and_read_its_documents_literally() -> None:
    assert list(job_presets())[: len(SAGEMAKER)] == SAGEMAKER
    rule = job_rule("not-improving=10")
    assert (rule.ends_by, rule.limit, rule.gain, rule.relative) == ("no progress", 10.0, 0.01, True)
    assert (rule.resets, rule.counts, rule.in_flight) == (True, "ended", "cut")
    assert job_rule("max-jobs=50").in_flight == "finish"


@pytest.mark.parametrize("name", job_presets())
def test_every_row_says_what_it_copies(name: str) -> None:
    row = job_preset(name)
    assert row.system and row.version and row.source and row.summary
    assert (row.rule is None) == (row.refused is not None)
    if row.rule is not None:
        assert row.parameter
        assert row.rule.text == f"{name}={row.rule.limit:g}"
        assert job_rule(row.rule.text) == row.rule
        assert row.version in row.rule.source


def test_readings_are_others_and_can_be() -> None:
    for name, row in job_presets().items():
        if row.rule is None:
            assert not row.readings
            continue
        assert len(list(job_readings(row.rule))) == len(row.readings), name
        codes = [reading.code for reading in row.readings]
        assert len(set(codes)) == len(codes)
    (flight,) = job_readings(job_rule("max-runtime=60"))
    assert flight[1].in_flight == "finish"
    assert not list(job_readings(job_rule("max-runtime=60,in_flight=finish")))


def test_how_it_is_written_is_read_back() -> None:
    for text in (
        "not-improving=10,gain=0",
        "not-improving=3,counts=completed,relative=false,resets=false,in_flight=finish",
        "target=-0.125,value=report",
        "optuna-stagnation=0",
        "hyperopt-no-progress=7,gain=0.05,compared_with=best",
        "max-runtime=3600.5",
    ):
        assert job_rule(text).text == job_rule(job_rule(text).text).text
        assert set(job_rule(text).text.split(",")) == set(text.split(","))
    assert job_rule("not-improving=10, gain = 5%").gain == 0.05


def test_one_several_or_none() -> None:
    assert several(None) == several([]) == ()
    assert several("max-jobs=3") == several(["max-jobs=3"]) == (job_rule("max-jobs=3"),)
    assert several(job_rule("max-jobs=3")) == (job_rule("max-jobs=3"),)
    assert default_rule(()) == "sagemaker"
    assert default_rule(several("max-jobs=3")) == "none"


@pytest.mark.parametrize(
    ("text", "what", "fix"),
    [
        ("not-improvin=3", "no job-level rule named 'not-improvin'", "one of: not-improving"),
        ("not-improving", "needs a limit", "not-improving=N, N being its MaxNumberOf"),
        ("not-improving=", "limit cannot be ''", "a number"),
        ("not-improving=0", "limit cannot be 0.0", "a whole number, at least 1"),
        ("not-improving=2.5", "limit cannot be 2.5", "a whole number"),
        ("max-runtime=0", "limit cannot be 0.0", "a number above 0"),
        ("max-runtime=nan", "limit cannot be nan", "a number"),
        ("target=x", "limit cannot be 'x'", "a number"),
        ("not-improving=3,gian=0", "cannot set 'gian=0'", "gain"),
        ("not-improving=3,gain", "cannot set 'gain'", "column=value"),
        ("not-improving=3,gain=-1", "gain cannot be -1.0", "at least 0"),
        ("not-improving=3,gain=101%", "gain cannot be '101%'", "a share"),
        ("not-improving=3,resets=maybe", "resets cannot be 'maybe'", "true or false"),
        ("not-improving=3,counts=some", "counts cannot be 'some'", "one of ended, completed"),
        ("not-improving=3,window=3", "window cannot be 3", "small gain"),
        ("not-improving=3,ordered=launches", "ordered cannot be 'launches'", "gain=0"),
        ("max-jobs=3,idle=true", "idle cannot be True", "false with ends_by=launches"),
    ],
)
def test_what_cannot_be_is_refused(text: str, what: str, fix: str) -> None:
    with pytest.raises(EsimError) as caught:
        job_rule(text)
    assert what in caught.value.what
    assert fix in str(caught.value.fix)


@pytest.mark.parametrize("name", [n for n, p in job_presets().items() if p.refused])
def test_what_cannot_be_replayed_says_why(name: str) -> None:
    with pytest.raises(EsimError, match=f"{name} cannot be replayed") as caught:
        job_rule(f"{name}=1")
    assert caught.value.why == job_preset(name).refused


def test_every_column_is_explained_and_used() -> None:
    columns = {f.name for f in dataclasses.fields(JobRule)}
    assert set(job_meanings()) == columns - {"name"}
    assert all(meaning for meaning in job_meanings().values())
    source = Path(esim.__file__).parent / "simulator"
    code = "".join(path.read_text() for path in source.glob("job_end*.py"))
    for column in columns - {"name", "source"}:
        assert re.search(rf"\b\w+\.{column}\b", code), column
