"""`esim identify` on the command line: real stops of 2020, the set of rules, the page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import esim
from esim.cli import app
from tests.readers.test_tiny import listing
from tests.references.service import picked, served, timed

START = 1586934000  # 2020-04-15T07:00:00Z
GAP = 200  # seconds from the end of a job to the start of the next one
# Status, planned epochs, seconds from start to end, final value; one job at a time.
REAL = {
    "200415-0647": [
        ("Completed", 2, 2629, 0.7765), ("Completed", 13, 3400, 0.7824),
        ("Completed", 11, 3268, 0.7639), ("Stopped", 10, 2337, 0.7565),
        ("Stopped", 13, 2358, 0.7455), ("Stopped", 2, 2319, 0.7514),
        ("Completed", 6, 3221, 0.7641), ("Stopped", 9, 3373, 0.7658),
    ],
    "200415-1938": [
        ("Completed", 8, 4543, 0.7432), ("Stopped", 34, 2340, 0.7267),
        ("Stopped", 18, 2358, 0.7037), ("InProgress", 10, None, None),
    ],
    "200530-2243": [("Completed", 1, 524, 0.7143), ("Stopped", 1, 475, 0.5)],
}  # fmt: skip
PARENTS = {"200415-1938": "200415-0647"}


def write_real(folder: Path, names: list[str]) -> list[str]:
    """The answers of the two describing calls for some tuning jobs; there are no logs."""
    paths = []
    for number, name in enumerate(names):
        at = START + 50_000 * number
        tuning = {
            "HyperParameterTuningJobName": name,
            "HyperParameterTuningJobConfig": {
                "Strategy": "Bayesian",
                "HyperParameterTuningJobObjective": {
                    "Type": "Maximize",
                    "MetricName": "validation:accuracy",
                },
                "ResourceLimits": {"MaxNumberOfTrainingJobs": 10, "MaxParallelTrainingJobs": 1},
                "TrainingJobEarlyStoppingType": "Auto",
            },
            "TrainingJobDefinition": {"StaticHyperParameters": {}},
        }
        if name in PARENTS:
            parent = {"HyperParameterTuningJobName": PARENTS[name]}
            tuning["WarmStartConfig"] = {"ParentHyperParameterTuningJobs": [parent]}
        jobs = []
        for i, (status, epochs, seconds, value) in enumerate(REAL[name]):
            job: dict[str, Any] = {
                "TrainingJobName": f"{name}-{i + 1:03d}-0000000{i}",
                "TrainingStartTime": at,
                "TrainingJobStatus": status,
                "TunedHyperParameters": {"epochs": str(epochs)},
            }
            if seconds is not None:
                final = {"MetricName": "validation:accuracy", "Value": value}
                job |= {
                    "TrainingEndTime": at + seconds,
                    "FinalHyperParameterTuningJobObjectiveMetric": final,
                }
                at += seconds + GAP
            jobs.append(job)
        place = folder / name
        place.mkdir(parents=True)
        (place / "tuning.json").write_text(json.dumps(tuning))
        (place / "jobs.json").write_text(json.dumps({"TrainingJobSummaries": jobs}))
        paths.append(str(place))
    return paths


def run(*words: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, list(words), env={"COLUMNS": "300"})
    assert result.exit_code == code, result.output
    return result.output if code != 1 else str(result.exception)


def refuted(document: dict[str, Any]) -> set[str]:
    return {
        answer["code"]
        for question in document["questions"]
        for answer in question["answers"]
        if not answer["left"]
    }


def test_the_real_stops_of_2020_refute_what_they_can_and_nothing_more(tmp_path: Path) -> None:
    """The last tuning job's stop had one previous job, of one epoch as it was planned itself.

    So 3, 5 and 10 peers are refuted, and 5 epochs. In the first one the completed jobs lie at 2634
    s + 62 s an epoch, and stops come after 2319, 2337 and 2358 s. If the first of these made one
    epoch, it lies 377 s below the line, and the others made at most 1.3 and 1.6; had it made both
    of its two planned ones, 2.6, as (2358 - 2319) / 62 + 2. Half the mean of 2, 13 and 11 epochs is
    4.3. A tenth of it, 0.87, is not refuted; nor is anything else, the parents' jobs among it.
    """
    document = json.loads(run("identify", *write_real(tmp_path, list(REAL)), "--json"))
    assert refuted(document) == {"H2", "H3", "H4", "HI2", "I2", "I4"}
    settled = {q["letter"]: q["settled"] for q in document["questions"]}
    assert settled == {**dict.fromkeys("ABEFIJKLOP"), "H": "H1"}
    assert document["as_of"] == "2020-04"
    assert document["left"] == document["candidates"] * 2 // 17  # H1 with I1 or I3
    assert {s["stopped"] for s in document["studies"]} == {4, 2, 1}
    assert "finals_only" in {caveat["code"] for caveat in document["caveats"]}
    assert document["named"][0]["left"]


def test_one_of_the_real_jobs_alone(tmp_path: Path) -> None:
    """The first one: its first stop had three previous jobs."""
    document = json.loads(run("identify", *write_real(tmp_path, ["200415-0647"]), "--json"))
    assert refuted(document) == {"H3", "H4", "HI2", "I2", "I4"}
    evidence = {
        a["code"]: a["evidence"]["text"]
        for q in document["questions"] if q["letter"] in "HI"
        for a in q["answers"] if a["evidence"]
    }  # fmt: skip
    assert evidence["H3"] == ("it was stopped, but it had at most 3 peers, and the rule asks for 5")
    assert evidence["I4"] == (
        "it was stopped, but it had made at most 1.29 epochs, and the rule judges none before "
        "epoch 4.33"
    )


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty jobs of a shipped tuning job as a service with a hidden rule would have left them."""
    study = esim.read_study("data/xgboost_digits/sagemaker")
    hidden = esim.rule("sagemaker", min_reports=6, method="lower")
    folder = tmp_path_factory.mktemp("recorded") / "hidden"
    served(timed(picked(study, range(20))), hidden, 4).to_parquet(folder)
    return folder


def test_what_is_left_is_written_and_replayed(recorded: Path, tmp_path: Path) -> None:
    before = listing(recorded)
    out = tmp_path / "out"
    told = run("identify", str(recorded), "--rules", "sagemaker", "--grid", "min_reports=1,6",
               "--grid", "method=midpoint,lower,higher", "--out", str(out))  # fmt: skip
    one = "sagemaker[method=lower,min_reports=6]"
    assert f"One of 6 rules is left, as of the jobs of 2026-09: {one}" in told
    assert f"Next: esim replay OTHER-LOGS --rule {out / 'rule.json'} replays what" in told
    assert listing(recorded) == before
    assert {path.name for path in out.glob("[!.]*")} == {"figures", "result.json", "rule.json"}
    run("report", str(out), "--out", str(tmp_path / "page.html"), "--out", str(tmp_path / "p.md"))
    assert "which rule stopped these jobs" in (tmp_path / "page.html").read_text()
    rules = json.loads((out / "rule.json").read_text())
    assert (rules["first"]["method"], rules["first"]["min_reports"]) == ("lower", 6)
    again = run("identify", str(recorded), "--rules", str(out / "rule.json"))
    assert f"The rule {one} is left, as of the jobs of 2026-09: it fits 20 jobs" in again
    replayed = json.loads(run("replay", str(recorded), "--rule", str(out / "rule.json"), "--json"))
    assert replayed["studies"][0]["rule"]["parameters"]["method"] == "lower"
    run("compare", str(recorded), "--rules", str(out / "rule.json"), "--orders", "2")


def test_one_rule_left_is_one_number_and_several_are_a_range(
    recorded: Path, tmp_path: Path
) -> None:
    one, several = tmp_path / "one.json", tmp_path / "several.json"
    run("identify", str(recorded), "--rules", "sagemaker", "--grid", "min_reports=6", "--grid",
        "method=lower", "--out", str(one))  # fmt: skip
    run("identify", str(recorded), "--rules", "sagemaker", "--grid", "min_reports=6", "--grid",
        "method=lower,midpoint", "--error-rate", "40%", "--out", str(several))  # fmt: skip
    shipped = "data/xgboost_digits/sagemaker"
    assert "left by esim identify" not in run("replay", shipped, "--rule", str(one))
    told = run("replay", shipped, "--rule", str(several))
    assert "The rules left by esim identify, in 2 different ways, save" in told
    told = run("explain", shipped, "3", "--rule", str(several), code=2)
    assert "esim explain is for one rule" in told
    told = run("replay", shipped, "--rule", str(several), "--readings", code=2)
    assert "leave one of them out" in told
    forecast = run("estimate", str(recorded), "--rule", str(several), "--replicates", "100")
    assert "left by esim identify" in forecast


def test_what_is_refused(recorded: Path, tmp_path: Path) -> None:
    told = run("identify", "data/xgboost_digits/sagemaker", code=1)
    assert "no rule was on in these tuning jobs" in told
    told = run("identify", str(recorded), "--rules", "sagemaker", "--out",
               str(recorded / "rule.json"), code=2)  # fmt: skip
    assert not (recorded / "rule.json").exists()
    told = run("identify", str(recorded), "--rules", "readings,ray-median", code=2)
    assert "the readings stand alone" in told
    told = run("identify", str(recorded), "--rules", "azure-bandit", "--out",
               str(tmp_path / "none.json"), code=1)  # fmt: skip
    assert "no rule is left to write" in told
    wrong = tmp_path / "wrong.json"
    wrong.write_text('{"schema": "esim.replay/1"}')
    assert "not a set of rules" in run("replay", str(recorded), "--rule", str(wrong), code=2)
