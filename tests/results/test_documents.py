"""Every result document is read back as records that write the same bytes."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import esim
from esim.cli import app
from esim.results.check import CheckDocument
from esim.results.comparison.comparison import Comparison
from esim.results.explanation import Explanation
from esim.results.history import HistoryReplay
from esim.results.records import to_json
from esim.results.replay import ReplayDocument
from tests.paths import ROOT

DOCUMENTS: dict[str, Any] = {
    "esim.replay/1": ReplayDocument,
    "esim.compare/1": Comparison,
    "esim.explain/1": Explanation,
    "esim.check/1": CheckDocument,
    "esim.replay-many/1": HistoryReplay,
}
MLP = "data/mlp_digits/table --objective validation:accuracy --direction maximize"
COMMANDS = (
    "replay data/xgboost_digits/sagemaker --readings",
    f"replay {MLP} --workers 4 --price 0.23 --readings",
    "replay data/image_digits --workers 2",
    "replay data/image_digits data/xgboost_digits/sagemaker --rule ray-asha --set reduction=3",
    "compare data/image_digits --rules sagemaker,azure-bandit --orders 5",
    "explain data/xgboost_digits/sagemaker xgboost-digits-104-72013146",
    "explain data/image_digits image-digits-016-44445730 --rule ray-asha",
    "check data/xgboost_digits/sagemaker data/image_digits",
    f"check {MLP}",
)
COMMITTED = [
    path
    for path in sorted((ROOT / "reports").rglob("*.json"))
    if json.loads(path.read_text(encoding="utf-8")).get("schema") in DOCUMENTS
]


def assert_reads_back(text: str) -> None:
    """What is read back writes the same bytes."""
    document = json.loads(text)
    again = DOCUMENTS[document["schema"]].from_dict(document)
    assert again.to_json() == text
    assert to_json(again.to_dict()) == text


@pytest.mark.parametrize("command", COMMANDS)
def test_what_a_command_prints_reads_back(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    result = CliRunner().invoke(app, [*shlex.split(command), "--json"])
    assert result.exit_code in (0, 1), result.output
    assert_reads_back(result.stdout.removesuffix("\n"))


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: path.parent.name)
def test_a_committed_document_reads_back(path: Path) -> None:
    assert_reads_back(path.read_text(encoding="utf-8").removesuffix("\n"))


@pytest.mark.parametrize("schema", DOCUMENTS)
def test_what_does_not_follow_its_schema_is_refused(schema: str) -> None:
    with pytest.raises(esim.EsimError, match=f"does not follow its schema, {schema}"):
        DOCUMENTS[schema].from_dict({"schema": schema, "studies": 3, "rule": 3}, "r.json")
