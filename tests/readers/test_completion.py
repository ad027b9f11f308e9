"""What a description of a tuning job says of its end: read, noted, checked, and replayed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import esim
from esim.cli import app
from esim.errors import EsimError
from esim.report.enable import how_to_end
from tests.paths import DATA

TINY = DATA / "tiny" / "sagemaker"
DESCRIPTION = "describe-hyper-parameter-tuning-job.json"


def export(folder: Path, changed: dict[str, Any], **config: Any) -> Path:
    """The tiny tuning job, with other keys in its description and its configuration."""
    shutil.copytree(TINY, folder / "tiny")
    path = folder / "tiny" / DESCRIPTION
    document = json.loads(path.read_text())
    document["HyperParameterTuningJobConfig"].update(config)
    path.write_text(json.dumps({**document, **changed}))
    return folder / "tiny"


def notes(folder: Path) -> dict[str, str]:
    return {note.code: note.text for note in esim.read_study(folder).notes}


def test_criteria_that_were_on(tmp_path: Path) -> None:
    limits = {"MaxNumberOfTrainingJobs": 6, "MaxParallelTrainingJobs": 2}
    folder = export(
        tmp_path,
        {"Autotune": {"Mode": "Enabled"}},
        ResourceLimits={**limits, "MaxRuntimeInSeconds": 3600},
        TuningJobCompletionCriteria={
            "TargetObjectiveMetricValue": 0.5,
            "BestObjectiveNotImproving": {"MaxNumberOfTrainingJobsNotImproving": 10},
            "ConvergenceDetected": {"CompleteOnConvergence": "Enabled"},
        },
    )
    said = notes(folder)
    on = "not-improving=10, target=0.5, max-runtime=3600, ConvergenceDetected; if one of them"
    assert on in said["completion_criteria"]
    assert "Autotune was on" in said["autotune_on"]
    out = " ".join(CliRunner().invoke(app, ["check", str(folder)]).output.split())
    assert "the tuning job had completion criteria: not-improving=10, target=0.5" in out
    assert "what to do: esim replay --until NAME=N tells what others would have done" in out
    warned = [one.code for one in esim.replay(esim.read_study(folder)).warnings]
    assert "completion_criteria" in warned and "autotune_on" in warned


def test_without_any_nothing_is_said(tmp_path: Path) -> None:
    folder = export(
        tmp_path,
        {"TuningJobCompletionDetails": {}},
        TuningJobCompletionCriteria={"ConvergenceDetected": {"CompleteOnConvergence": "Disabled"}},
    )
    assert notes(folder) == notes(TINY)


def test_hyperband_says_between_what(tmp_path: Path) -> None:
    folder = export(
        tmp_path, {}, Strategy="Hyperband",
        StrategyConfig={"HyperbandStrategyConfig": {"MinResource": 2, "MaxResource": 20}},
    )  # fmt: skip
    said = notes(folder)["strategy_hyperband"]
    assert "by itself, between MinResource 2 and MaxResource 20" in said


@pytest.mark.parametrize("written", ["2026-11-20T12:01:44+00:00", 1795176104.0])
def test_the_convergence_that_sagemaker_found_is_replayed(tmp_path: Path, written: object) -> None:
    # 104 s after the first start: of two jobs a time of 52 s, the first four have ended, and the
    # last two would start at that moment. The best, 1, is that of the fourth: 20 of 30 steps.
    details = {"ConvergenceDetectedTime": written, "NumberOfTrainingJobsObjectiveNotImproving": 3}
    assert esim.read_study(TINY).start.min() == 1795176000.0
    folder = export(tmp_path, {"TuningJobCompletionDetails": details})
    assert "SageMaker found at 2026-11-20T12:01:44+00:00" in notes(folder)["converged"]
    assert "counts 3 training jobs that did not improve" in notes(folder)["without_progress"]
    study = esim.read_study(folder)
    said = {one.code: one.text for one in esim.replay(study, clock="order").warnings}
    assert said["converged"].endswith(
        "had converged; ending it there would have saved 33.3 % of the steps and 33.3 % of the "
        "training time (2 never started, 0 cut), and lost nothing of the best"
    )


def test_what_converged_after_all_jobs_or_loses_the_best(tmp_path: Path) -> None:
    start = esim.read_study(TINY).start.min()

    def told(seconds: float, name: str) -> str:
        details = {"ConvergenceDetectedTime": start + seconds}
        folder = export(tmp_path / name, {"TuningJobCompletionDetails": details})
        result = esim.replay(esim.read_study(folder))
        return next(one.text for one in result.warnings if one.code == "converged")

    assert told(500.0, "late").endswith("by then all of its training jobs had ended")
    # At 52 s the first two have ended; the best of them is 2, and that of all is 1. The finals are
    # 2, 4, 5, 1, 3, 7: from the best to the median, 3.5, it is 2.5.
    assert told(52.0, "soon").endswith(
        "(4 never started, 0 cut), and lost 1, 40.0 % of the way from the best to the median trial"
    )


def test_a_time_that_is_none_is_an_error(tmp_path: Path) -> None:
    folder = export(tmp_path, {"TuningJobCompletionDetails": {"ConvergenceDetectedTime": "soon"}})
    with pytest.raises(EsimError, match=r"TuningJobCompletionDetails\.ConvergenceDetectedTime"):
        esim.read_study(folder)


def test_how_to_have_it_end_so() -> None:
    job = [
        "boto3    config = sm.describe_hyper_parameter_tuning_job(",
        '             HyperParameterTuningJobName="tune")["HyperParameterTuningJobConfig"]',
    ]
    limits = [("not-improving", 10.0), ("target", 0.0), ("max-jobs", 50.0), ("max-runtime", 60.0)]
    assert how_to_end("tune", [*limits, ("ray-timeout", 5.0)]) == (
        *job,
        '         config["TuningJobCompletionCriteria"] = {"BestObjectiveNotImproving": '
        '{"MaxNumberOfTrainingJobsNotImproving": 10}, "TargetObjectiveMetricValue": 0.0}',
        '         config["ResourceLimits"].update({"MaxNumberOfTrainingJobs": 50, '
        '"MaxRuntimeInSeconds": 60})',
        "         # max-runtime: SageMaker takes at least 120, and at most 15768000",
    )
    assert how_to_end("tune", [("ray-timeout", 5.0)]) == ()
    out = CliRunner().invoke(app, ["replay", str(TINY), "--until", "not-improving=3"])
    assert "To have SageMaker end the next one so" not in out.output  # it ends nothing there
    out = CliRunner().invoke(app, ["replay", str(TINY), "--until", "not-improving=2"])
    assert 'config["TuningJobCompletionCriteria"] = {"BestObj' in out.output
