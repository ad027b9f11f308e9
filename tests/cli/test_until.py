"""`--until`: job-level rules on the command line, on one study and on a history."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

import esim
from esim.cli import app
from esim.study import Study
from tests.paths import DATA

TINY = str(DATA / "tiny" / "sagemaker")


def run(*words: str, code: int = 0) -> Result:
    result = CliRunner().invoke(app, words, env={"COLUMNS": "200"})
    assert result.exit_code == code, result.output
    return result


def replayed(*words: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run("replay", TINY, "--json", *words).stdout)["studies"][0]
    return found


def test_alone_it_lets_every_trial_go_on() -> None:
    # Two slots, 52 s a trial: 1 and 2 end at 52 s, 3 and 4 at 104. The best of 1 and 2 is the
    # first, 2.0; the second is without progress, and so is the third: the job ends at 104 s.
    study = replayed("--until", "not-improving=2")
    assert study["rule"]["name"] == "none"
    assert [rule["text"] for rule in study["until"]] == ["not-improving=2"]
    s = study["summary"]
    assert (s["trials_not_started"], s["trials_cut"], s["trials_stopped"]) == (2, 0, 0)
    assert (s["ended_by"], s["ended_after"], s["ended_at_s"]) == ("not-improving=2", 3, 104.0)
    assert (s["steps_run"], s["steps_recorded"]) == (20, 30)
    assert [trial["started"] for trial in study["trials"]] == [True] * 4 + [False] * 2
    assert study["trials"][4]["final_value"] is None


def test_with_a_rule_both_act_and_any_of_several_ends_the_job() -> None:
    auto = replayed("--rule", "sagemaker")
    both = replayed("--rule", "sagemaker", "--until", "max-jobs=4", "--until", "not-improving=9")
    assert both["rule"]["name"] == "sagemaker"
    assert both["summary"]["ended_by"] == "max-jobs=4"
    for alone, trial in zip(auto["trials"][:4], both["trials"][:4], strict=True):
        assert trial == alone
    assert "until" not in auto
    assert (auto["summary"]["trials_not_started"], auto["summary"]["ended_by"]) == (0, None)


def test_the_answer_in_words() -> None:
    out = run("replay", TINY, "--until", "not-improving=2").output
    assert "rule none until not-improving=2, clock recorded" in out
    assert "not-improving=2 would have ended the job after 3 of 6 trials" in out
    assert "2 would never have started" in out
    assert "saved 33.3 % of the steps" in out
    assert "never started                                  2" in out
    out = run("replay", TINY, "--until", "not-improving=5").output
    assert "not-improving=5 would not have ended the job before its time" in out
    assert "not-improving=5 would have changed nothing: the job ends as it did" in out
    out = run("replay", TINY, "--rule", "sagemaker", "--until", "max-runtime=60").output
    assert "max-runtime=60 would have ended the job after 2 of 6 trials" in out
    assert "2 would never have started, and 2 would have been cut" in out
    assert "trials that still run as the job ends are taken to be cut then" in out


def test_a_report_page_of_it(tmp_path: Path) -> None:
    for rule, title in (
        ([], "tiny: a job ended early with max-runtime=60"),
        (["--rule", "sagemaker"], "tiny: early stopping with sagemaker until max-runtime=60"),
    ):
        out = str(tmp_path / f"out{len(rule)}")
        run("replay", TINY, *rule, "--until", "max-runtime=60", "--out", out)
        run("report", out, "--out", f"{out}/report.md")
        page = (Path(out) / "report.md").read_text()
        assert title in page
        assert "max-runtime=60, a job-level rule" in page
        rows = [line for line in page.splitlines() if line.startswith("| tiny-005")]
        assert any(row.endswith("| no | no |") for row in rows)  # neither started nor cut


def test_the_help_says_what_acts() -> None:
    words = " ".join(run("replay", "--help").output.replace("│", " ").split())
    assert "with --until: none, which stops no trial" in words
    assert "Alone it lets every trial go on; with --rule both act." in words


@pytest.mark.parametrize(
    ("until", "said"),
    [
        ("not-improvin=3", "one of: not-improving"),
        ("not-improving", "not-improving=N"),
        ("converged=1", "how convergence is found is not published"),
    ],
)
def test_wrong_usage_is_2(until: str, said: str) -> None:
    out = " ".join(run("replay", TINY, "--until", until, code=2).output.replace("│", " ").split())
    assert said in out


def test_rules_lists_and_shows_them() -> None:
    listed = run("rules").output
    assert "Job-level rules" in listed
    assert "optuna-stagnation" in listed
    shown = " ".join(run("rules", "not-improving").output.split())
    assert "its N MaxNumberOfTrainingJobsNotImproving" in shown
    assert "what a progress must gain on the best before it" in shown
    assert "cannot be replayed" in run("rules", "converged").output


def test_a_history_is_replayed_as_its_studies(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    studies = [
        Study.from_arrays(rng.random((n, 4)), "minimize", name=f"s{n}") for n in (0, 1, 7, 12, 9)
    ]
    (tmp_path / "studies").mkdir()
    for study in studies:
        study.to_parquet(tmp_path / "studies" / study.name)
    history = str(tmp_path / "history")
    run("convert", *[str(tmp_path / "studies" / s.name) for s in studies], history)
    until = ["--until", "not-improving=3", "--until", "max-jobs=8"]
    for rule in ([], ["--rule", "sagemaker"]):
        out = tmp_path / f"out{len(rule)}"
        said = run("replay", history, "--jobs", "1", *rule, *until, "--out", str(out)).output
        assert "until not-improving=3" in said
        document = json.loads((out / "result.json").read_text())
        assert [one["text"] for one in document["until"]] == ["not-improving=3", "max-jobs=8"]
        rows = {row["study"]: row for row in pq.read_table(out / "studies.parquet").to_pylist()}
        kept = sum(row["trials_not_started"] for row in rows.values())
        assert document["totals"]["trials_not_started"] == kept > 0
        for study in studies:
            alone = esim.replay(
                study, rule[1] if rule else None, until=["not-improving=3", "max-jobs=8"]
            )
            row, summary = rows[study.name], alone.summary
            for key in ("trials_not_started", "ended_by", "ended_after", "steps_run"):
                assert row[key] == getattr(summary, key), (study.name, key)
