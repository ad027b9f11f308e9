"""Every result document is read back as records that write the same bytes."""

from __future__ import annotations

import dataclasses
import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import esim
from esim.cli import app
from esim.errors import EsimError
from esim.results.certificate import Certificate
from esim.results.check import CheckDocument
from esim.results.comparison.comparison import Comparison
from esim.results.difference import Difference
from esim.results.estimate import EstimateDocument
from esim.results.explanation import Explanation
from esim.results.history import HistoryReplay
from esim.results.records import to_json
from esim.results.replay import ReplayDocument
from esim.results.watched import Watched
from esim.storage.history import Location
from esim.storage.history.write import Input, append
from tests.analyses.test_history import studies
from tests.paths import ROOT

DOCUMENTS: dict[str, Any] = {
    "esim.replay/1": ReplayDocument,
    "esim.compare/1": Comparison,
    "esim.estimate/1": EstimateDocument,
    "esim.explain/1": Explanation,
    "esim.check/1": CheckDocument,
    "esim.replay-many/1": HistoryReplay,
    "esim.certificate/1": Certificate,
    "esim.watch/1": Watched,
    "esim.diff/1": Difference,
}
EARLIER = ROOT / "tests" / "report" / "estimate_sample.json"  # its rule has fewer columns
MLP = "data/mlp_digits/table --objective validation:accuracy --direction maximize"
COMMANDS = (
    "replay data/xgboost_digits/sagemaker --readings",
    f"replay {MLP} --workers 4 --price 0.23 --readings",
    "replay data/image_digits --workers 2",
    "replay data/image_digits data/xgboost_digits/sagemaker --rule ray-asha --set reduction=3",
    "compare data/image_digits --rules sagemaker,azure-bandit --orders 5",
    "estimate data/xgboost_digits/sagemaker --trials 20 --workers 4 --replicates 100",
    f"estimate {MLP} --trials 8 --replicates 100 --backtest --same-cost --readings --price 1",
    "explain data/xgboost_digits/sagemaker xgboost-digits-104-72013146",
    "explain data/image_digits image-digits-016-44445730 --rule ray-asha",
    "check data/xgboost_digits/sagemaker data/image_digits",
    f"check {MLP}",
)
# Of a history of which every second study has recorded times.
OF_A_HISTORY = {
    "replay --price 2": 0,
    "replay --clock recorded": 1,
    "estimate --replicates 100 --trials 4": 0,
    "compare --rules sagemaker --orders 2": 0,
    "certify --rules sagemaker,azure-bandit --orders 2 --risk 50% --confidence 50%": 0,
}
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


@pytest.mark.parametrize(("command", "code"), OF_A_HISTORY.items())
def test_what_is_found_in_a_history_reads_back(command: str, code: int, tmp_path: Path) -> None:
    folder = str(tmp_path / "h")
    append(Location(folder), [Input("in", "0", "table", studies(4))], None)
    name, *flags = shlex.split(command)
    result = CliRunner().invoke(app, [name, folder, *flags, "--jobs", "1", "--json"])
    assert result.exit_code == code, result.output
    assert bool(json.loads(result.stdout).get("failures")) == (code == 1)
    assert_reads_back(result.stdout.removesuffix("\n"))


def test_an_estimate_that_a_study_could_not_join_reads_back() -> None:
    found = dataclasses.replace(
        esim.estimate(studies(3), trials=4, replicates=100), failures={"s3": "no good"}
    )
    text = found.to_json()
    assert json.loads(text)["failures"] == {"s3": "no good"}
    assert_reads_back(text)


def test_a_watch_reads_back() -> None:
    past = studies(6)
    told = esim.certify(past[:3], ["sagemaker"], risk=0.5, confidence=0.5, max_loss=1, orders=2)
    assert_reads_back(esim.watch(told, past[3:]).to_json())


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("certified", "nobody", "'nobody' is not in the sequence"),
        ("asked.risk", 0.0, "asked: risk cannot be 0.0"),
        ("replays.workers", 0, "replays: workers cannot be 0"),
        ("sequence.0.p", 1.5, "p is 1.5: that is more than 1"),
        ("sequence.0.rule.parameters.quantile", "x", "'x' is not a number"),
    ],
)
def test_what_a_certificate_cannot_say_is_refused(path: str, value: object, said: str) -> None:
    told = esim.certify(studies(3), ["sagemaker"], risk=0.5, confidence=0.5, orders=2)
    document: Any = json.loads(told.to_json())
    *above, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    holder = document
    for part in above:
        holder = holder[part]
    holder[last] = value
    with pytest.raises(EsimError, match=re.escape(said)):
        Certificate.from_dict(document)


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: path.parent.name)
def test_a_committed_document_reads_back(path: Path) -> None:
    assert_reads_back(path.read_text(encoding="utf-8").removesuffix("\n"))


def test_a_document_of_an_earlier_version_reads_back() -> None:
    document = json.loads(EARLIER.read_text(encoding="utf-8"))
    again = EstimateDocument.from_dict(document)
    document["costs"]["slot_gap_s"] = None  # which it did not have
    assert json.loads(again.to_json()) == document
    assert set(again.rule.parameters) == set(document["rule"]["parameters"])


def test_a_replay_of_an_earlier_version_reads_back() -> None:
    document = json.loads((ROOT / "reports/image_digits/result.json").read_text(encoding="utf-8"))
    (study,) = document["studies"]
    for key in ("trials_stopped_at_last", "slot_gap_s", "trials_cut", "ended_by"):
        del study["summary"][key]
    del study["costs"]["slot_gap_s"]
    for trial in study["trials"]:
        del trial["stopped_at_last"], trial["started"], trial["cut"]
    (again,) = ReplayDocument.from_dict(document).studies
    assert again.summary.trials_stopped_at_last is None
    assert again.summary.steps_run == study["summary"]["steps_run"]
    assert again.columns.started.all()


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("esim", 3, "esim: 3 is not text"),
        ("inputs.0.notes.0.text", 0.0, r"inputs\[0\].notes\[0\].text: 0.0 is not text"),
        ("inputs.0.sha256", [], r"inputs\[0\].sha256: \[\] is not text"),
        ("studies", {}, "studies: {} is not a list"),
        ("studies.0.clock.mode", "noon", "clock.mode: 'noon' is not one of"),
        ("studies.0.costs.price", -1, r"studies\[0\].costs: price cannot be -1"),
        ("studies.0.costs.stop_latency_s", None, "stop_latency_s cannot be None"),
        ("studies.0.summary.trials_stopped", [3], r"trials_stopped: \[3\] is not a whole number"),
        (
            "studies.0.summary.steps_run",
            10**6,
            "steps_run is 1000000: that is more than 200, steps",
        ),
        ("studies.0.summary.steps_saved_fraction", 1.5, "fraction is 1.5: that is more than 1"),
        ("studies.0.summary.steps_recorded", -1, "that is more than -1, steps_recorded"),
        (
            "studies.0.summary.best.trial",
            "nobody",
            r"studies\[0\]: its summary is not of its trials",
        ),
        ("studies.0.summary.cost", 10**400, "cost: .* is too large"),
        ("studies.0.trials.3", {}, r"studies\[0\].trials\[3\]: {} has other fields"),
        ("studies.0.trials.3.final_value", "x", r"trials.final_value: 'x' is not of type float64"),
        ("studies.0.trials.3.steps_run", 2**63, "trials.steps_run: a number is too large"),
        ("studies.0.trials.3.stopped", None, "trials.stopped: None is not of type bool"),
        ("studies.0.trials.3.trial", "\ud800", "is not Unicode text"),
        ("studies.0.rule.parameters.quantile", {}, r"rule.parameters.quantile: {} is "),
        ("studies.0.readings.0.summary", None, r"readings\[0\].summary: None is not an object"),
        ("studies.0.readings.0.clock.workers", 1.0, "workers: 1.0 is not a whole number"),
    ],
)
def test_a_value_of_another_type_is_refused_with_its_place(
    path: str, value: object, said: str
) -> None:
    document = json.loads((ROOT / "reports/image_digits/result.json").read_text(encoding="utf-8"))
    *above, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    holder = document
    for part in above:
        holder = holder[part]
    holder[last] = value
    with pytest.raises(esim.EsimError, match=said) as refused:
        ReplayDocument.from_dict(document, "r.json")
    assert str(refused.value).startswith("r.json: the document does not follow its schema")


@pytest.mark.parametrize("keys", [("best",), ("ties", 0), ("front", "rules", 0)])
def test_a_rule_that_takes_no_part_is_refused(keys: tuple[str | int, ...]) -> None:
    document = json.loads((ROOT / "reports/compare/result.json").read_text(encoding="utf-8"))
    document["answer"]["ties"] = ["sagemaker"]
    holder = document if keys[0] == "front" else document["answer"]
    for key in keys[:-1]:
        holder = holder[key]
    holder[keys[-1]] = "sagemakur"
    with pytest.raises(esim.EsimError, match="no rule 'sagemakur' takes part"):
        Comparison.from_dict(document, "r.json")


@pytest.mark.parametrize("schema", DOCUMENTS)
def test_what_does_not_follow_its_schema_is_refused(schema: str) -> None:
    with pytest.raises(esim.EsimError, match=f"does not follow its schema, {schema}"):
        DOCUMENTS[schema].from_dict({"schema": schema, "studies": 3, "rule": 3}, "r.json")
