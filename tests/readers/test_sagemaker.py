"""SageMaker exports: descriptions and log text to a study."""

from __future__ import annotations

import copy
import dataclasses
import gzip
import json
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from esim import check, replay
from esim.errors import EsimError
from esim.readers.inputs import read_inputs, read_studies, read_study
from esim.readers.options import Metric
from esim.readers.text.index_forms import STEP_FORMS, StepForm
from esim.readers.text.log_text import LogText
from esim.readers.text.scan import required_literals, scan
from esim.study import Status, Study
from tests.paths import DATA
from tests.readers.test_tiny import assert_same_study, listing

ZERO = 1795460800  # 2026-11-23T19:06:40Z
REGEX = r".*\[[0-9]+\].*#011validation-rmse:([-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?).*"
NAMES = [f"tune-{i:03d}-0000000{i}" for i in range(1, 4)]


def stamp(second: float) -> str:
    whole, ms = divmod(round(second * 1000), 1000)
    return f"2026-11-23T19:{6 + (40 + whole) // 60:02d}:{(40 + whole) % 60:02d}.{ms:03d}Z"


class Export:
    """Three jobs of three rounds. Job i starts at 10 i s and reports 10 i + round every 2 s."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tuning: dict[str, Any] = {
            "HyperParameterTuningJobName": "tune",
            "HyperParameterTuningJobConfig": {
                "Strategy": "Random",
                "HyperParameterTuningJobObjective": {
                    "Type": "Minimize",
                    "MetricName": "validation:rmse",
                },
            },
            "TrainingJobDefinition": {
                "StaticHyperParameters": {"num_round": "3"},
                "AlgorithmSpecification": {
                    "MetricDefinitions": [
                        {"Name": "validation:rmse", "Regex": "never: (x)"},
                        {"Name": "train:rmse", "Regex": r"train-rmse:([0-9\.]+)"},
                        {"Name": "ObjectiveMetric", "Regex": REGEX},
                    ]
                },
                "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 2},
            },
        }
        self.jobs = [
            {
                "TrainingJobName": name,
                "CreationTime": ZERO + 10 * i - 5,
                "TrainingStartTime": ZERO + 10 * i,
                "TrainingEndTime": ZERO + 10 * i + 9,
                "TrainingJobStatus": "Completed",
                "TunedHyperParameters": {"eta": f"0.{i}0"},
                "FinalHyperParameterTuningJobObjectiveMetric": {
                    "MetricName": "validation:rmse",
                    "Value": float(np.float32(10 * i + 2.25)),
                },
            }
            for i, name in enumerate(NAMES)
        ]
        self.lines = {
            name: [
                f"{stamp(10 * i)} [2026-11-23:19:06:40:INFO] Running standalone xgboost training.",
                *(
                    f"{stamp(10 * i + 2 * k + 1.125)} "
                    f"[{k}]#011train-rmse:1.5#011validation-rmse:{10 * i + k}.25"
                    for k in range(3)
                ),
            ]
            for i, name in enumerate(NAMES)
        }

    def write(self) -> Path:
        """Write the records, and the logs as one text file per stream."""
        self.folder.mkdir(exist_ok=True)
        (self.folder / "a.json").write_text(json.dumps(self.tuning))
        listed = json.dumps({"TrainingJobSummaries": self.jobs[::-1], "NextToken": "x"})
        (self.folder / "b.json").write_text(listed)
        for name, lines in self.lines.items():
            path = self.folder / "logs" / name / f"algo-1-{ZERO}.log"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(f"{line}\n" for line in lines))
        return self.folder

    def read(self, **options: Any) -> Study:
        return read_study(self.write(), **options)

    def refused(self, **options: Any) -> str:
        with pytest.raises(EsimError) as caught:
            self.read(**options)
        return str(caught.value)


@pytest.fixture
def export(tmp_path: Path) -> Export:
    return Export(tmp_path / "export")


def expected() -> Study:
    return Study.from_arrays(
        [[10 * i + k + 0.25 for k in range(3)] for i in range(3)],
        "minimize",
        elapsed=[1.125, 3.125, 5.125],
        steps=[0, 1, 2],
        start=[ZERO + 10 * i for i in range(3)],
        end=[ZERO + 10 * i + 9 for i in range(3)],
        names=NAMES,
        name="tune",
        objective="validation:rmse",
        instance_type=["ml.m5.large"] * 3,
        instance_count=[2, 2, 2],
        config={"eta": [f"0.{i}0" for i in range(3)]},
    )


def codes(study: Study) -> dict[str, int]:
    return {note.code: note.count for note in study.notes}


def test_an_export(export: Export) -> None:
    folder = export.write()
    before = listing(folder)
    actual = read_study(folder)
    assert_same_study(actual, expected())
    assert codes(actual) == {"step_from_line": 1}
    assert listing(folder) == before


# --- the shapes of the records and of the logs -----------------------------------------------


def test_shapes_of_the_list(export: Export) -> None:
    folder = export.write()
    first, *rest = export.jobs
    pages = [{"TrainingJobSummaries": [first], "NextToken": "x"}, {"TrainingJobSummaries": rest}]
    for text in (
        json.dumps(export.jobs, indent=2),
        json.dumps(pages),
        "\ufeff" + "\n".join(json.dumps(page) for page in pages),
        "".join(json.dumps(job) + "\n" for job in export.jobs),
        json.dumps([{"TuningJobName": "tune", **job} for job in export.jobs]),
    ):
        (folder / "b.json").write_text(text)
        assert_same_study(read_study(folder), expected())
    (folder / "b.json").unlink()
    for i, page in enumerate(pages):
        (folder / f"page{i}").write_text(json.dumps(page))
    assert_same_study(read_study(folder), expected())


def test_descriptions_of_jobs_without_a_list(export: Export) -> None:
    arn = "arn:aws:sagemaker:eu-west-1:1:hyper-parameter-tuning-job/tune"
    folder = export.write()
    (folder / "b.json").unlink()
    export.tuning["TrainingJobDefinition"]["ResourceConfig"] = None
    (folder / "a.json").write_text(json.dumps(export.tuning))
    for job in export.jobs:
        described = {
            **job,
            "TuningJobArn": arn,
            "TunedHyperParameters": None,
            "HyperParameters": {
                "num_round": "3",
                "_tuning_objective_metric": "validation:rmse",
                **job["TunedHyperParameters"],
            },
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 2},
        }
        (folder / f"{job['TrainingJobName']}.json").write_text(json.dumps(described))
    assert_same_study(read_study(folder), expected())


@pytest.mark.parametrize(
    "encode",
    [
        float,
        lambda second: int(second * 1000),
        lambda second: str(int(second * 1000)),
        lambda second: stamp(second - ZERO),
        lambda second: stamp(second - ZERO).replace("T", " ").replace("Z", "000+00:00"),
    ],
)
def test_encodings_of_times(export: Export, encode: Any) -> None:
    for job in export.jobs:
        for key in ("CreationTime", "TrainingStartTime", "TrainingEndTime"):
            job[key] = encode(job[key])
    assert_same_study(export.read(), expected())


def test_times_without_a_zone_are_noted(export: Export) -> None:
    for job in export.jobs:
        at = (job["TrainingStartTime"] - ZERO + 40, job["TrainingEndTime"] - ZERO + 40)
        for key, second in zip(("TrainingStartTime", "TrainingEndTime"), at, strict=True):
            minute = 6 + second // 60
            job[key] = (
                f"datetime.datetime(2026, 11, 23, 19, {minute}, {second % 60}, tzinfo=tzlocal())"
            )
    actual = export.read()
    assert_same_study(actual, expected())
    assert codes(actual)["zone_assumed"] == 3


def test_an_s3_export_task_is_not_sorted(export: Export, tmp_path: Path) -> None:
    folder = export.write()
    task = folder / "prefix" / "9d0c0b6c-task"
    for name, lines in export.lines.items():
        stream = task / f"{name}-algo-1-{ZERO}"
        stream.mkdir(parents=True)
        parts = (lines[3], lines[1], "", lines[2]), (lines[0],)
        for i, part in enumerate(parts):
            text = "".join(f"{line}\r\n" for line in part)
            (stream / f"{i:06d}.gz").write_bytes(gzip.compress(text.encode()))
        (folder / "logs" / name / f"algo-1-{ZERO}.log").unlink()
    (folder / "prefix" / "aws-logs-write-test").write_text("Permission Check Successful")
    actual = read_study(folder)
    assert_same_study(actual, expected())
    assert codes(actual) == {"step_from_line": 1}


def test_plain_logs_have_no_times(export: Export) -> None:
    folder = export.write()
    for name, lines in export.lines.items():
        (folder / "logs" / name / f"algo-1-{ZERO}.log").unlink()
        text = "".join(line.split(" ", 1)[1] + "\n" for line in lines)
        (folder / f"{name}.log").write_text(text)
    actual = read_study(folder)
    assert actual.elapsed is None
    np.testing.assert_array_equal(actual.values, expected().values)
    assert codes(actual) == {"step_from_line": 1, "log_times_missing": 1}
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    assert_same_study(read_study(*files), actual)


def test_records_and_logs_in_two_paths(export: Export, tmp_path: Path) -> None:
    folder = export.write()
    (folder / "logs").rename(tmp_path / "elsewhere")
    reading = read_inputs(folder, tmp_path / "elsewhere")
    assert_same_study(reading.studies[0], expected())
    assert [one.format for one in reading.inputs] == ["sagemaker", "sagemaker"]


def test_colours_and_broken_bytes(export: Export) -> None:
    folder = export.write()
    for i, name in enumerate(NAMES):
        path = folder / "logs" / name / f"algo-1-{ZERO}.log"
        start, end = ("\x1b[34m", "\x1b[0m") if i else ("#033[34m", "#033[0m")
        text = "".join(
            line.replace(" ", f" {start}", 1) + end + "\n" for line in export.lines[name]
        )
        path.write_bytes(b"\xff\xfe broken\n" + text.encode())
    assert_same_study(read_study(folder), expected())


def test_two_tuning_jobs_in_one_folder(export: Export) -> None:
    folder = export.write()
    other = Export(folder)
    text = json.dumps([other.tuning, *other.jobs]).replace("tune", "tune-b")
    (folder / "other.json").write_text(text)
    for name, lines in other.lines.items():
        (folder / f"{name.replace('tune', 'tune-b')}.log").write_text("\n".join(lines))
    actual = {study.name: study for study in read_studies(folder)}
    assert list(actual) == ["tune", "tune-b"]
    assert_same_study(actual["tune"], expected())
    np.testing.assert_array_equal(actual["tune-b"].values, expected().values)


# --- steps -----------------------------------------------------------------------------------


@pytest.mark.parametrize("form", STEP_FORMS, ids=lambda form: form.name)
def test_samples_of_the_step_forms(form: StepForm) -> None:
    for line, index in form.samples:
        match = form.regex.search(line)
        assert match is not None, line
        assert float(match[1]) == index
        # The first form of the table that fits is the one the sample belongs to.
        assert next(f for f in STEP_FORMS if f.regex.search(line)) is form


@pytest.mark.parametrize("line", ["epochs=5", "[0-100]#011Speed: 5", "5ms/step - loss: 0.5"])
def test_what_is_no_step(line: str) -> None:
    assert not any(form.regex.search(line) for form in STEP_FORMS)


def test_without_an_index_the_nth_value_is_step_n(export: Export) -> None:
    export.tuning["TrainingJobDefinition"]["AlgorithmSpecification"]["MetricDefinitions"] = [
        {"Name": "validation:rmse", "Regex": "rmse is (.*)"}
    ]
    export.lines = {
        name: [re.sub(r"\[(\d)\]#.*:", "rmse is ", line) for line in lines]
        for name, lines in export.lines.items()
    }
    actual = export.read()
    assert actual.steps.tolist() == [1, 2, 3] * 3
    np.testing.assert_array_equal(actual.values, expected().values)
    assert codes(actual) == {"step_by_emission": 1}


def test_the_best_line_repeated_at_the_end_is_left_out(export: Export) -> None:
    lines = export.lines[NAMES[1]]
    lines += [f"{stamp(17)} Stopping. Best iteration:", lines[2].replace(stamp(13.125), stamp(17))]
    assert "[1]#011train-rmse:1.5#011validation-rmse:11.25" in lines[-1]
    # SageMaker's final value is the last one printed: the best, 11.25.
    export.jobs[1]["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] = 11.25
    actual = export.read()
    assert_same_study(actual, expected())
    assert codes(actual) == {"step_from_line": 1, "best_line_repeated": 1}


def test_another_value_for_a_step_counts(export: Export) -> None:
    line = export.lines[NAMES[1]][2]
    again = line.replace(stamp(13.125), stamp(16)).replace("11.25", "9")
    export.lines[NAMES[1]].append(again)
    del export.jobs[1]["FinalHyperParameterTuningJobObjectiveMetric"]
    actual = export.read()
    assert actual.values[3:6].tolist() == [10.25, 9, 12.25]
    assert codes(actual) == {
        "step_from_line": 1,
        "epochs_backwards": 1,
        "elapsed_raised": 1,
    }


def test_a_summary_line_without_an_index_is_left_out(export: Export) -> None:
    definitions = export.tuning["TrainingJobDefinition"]["AlgorithmSpecification"]
    definitions["MetricDefinitions"][2]["Regex"] = r"validation-rmse:([0-9\.]+)"
    export.lines[NAMES[0]].append(f"{stamp(8)} done, validation-rmse:2.25")
    actual = export.read()
    assert_same_study(actual, expected())
    assert codes(actual) == {"step_from_line": 1, "emissions_without_index": 1}


def test_lines_that_only_look_like_the_metric_are_counted(export: Export) -> None:
    export.lines[NAMES[0]] += [
        f"{stamp(8)} [3]#011train-rmse:1.5#011validation-rmse:-nan",
        f"{stamp(8)} validation:rmse = 0.5",
    ]
    actual = export.read()
    assert_same_study(actual, expected())
    (note,) = (note for note in actual.notes if note.code == "lines_unmatched")
    assert note.count == 2
    assert ".log:5: [3]#011train-rmse:1.5#011validation-rmse:-nan" in note.text


@pytest.mark.parametrize(
    ("captured", "values", "unread"),
    [("1e-3", [1e-3], 0), ("nan", [np.nan], 0), ("-inf", [-np.inf], 0), ("", [], 1), ("x", [], 1)],
)
def test_what_a_group_may_capture(
    tmp_path: Path, captured: str, values: list[float], unread: int
) -> None:
    text = LogText("x.log", f"loss={captured};\n".encode())
    actual = scan(text, Metric.compile("loss", "loss=(.*);", ""))
    np.testing.assert_array_equal(actual.values, values)
    assert actual.unread == unread


@pytest.mark.parametrize(
    ("regex", "literal"),
    [
        (REGEX, "#011validation-rmse:"),
        (r"val_accuracy=([0-9\.]+)", "val_accuracy="),
        (r"Average loss: ([0-9\.]+)", "Average loss: "),
        (
            r"#quality_metric: host=\S+, epoch=\S+, validation \S+ <loss>=(\S+)",
            "#quality_metric: host=",
        ),
        (r"metrics={'r2': (\S+)}", "metrics"),
        (r"x{(}a)y", "y"),
        (r"(?#()ab(c)", ""),
        (r"loss\.x=(a)", "loss.x="),
        (r"ab?(c)de", "de"),
        (r"abc+(d)", "abc"),
        (r"abc{2}(d)", "ab"),
        (r"abc{0,2}?(d)", "ab"),
        (r"abc*?(d)", "ab"),
        (r"loss|(accuracy)", ""),
        (r"(?i)LOSS (x)", ""),
        (r"(?i:LOSS) (x)", " "),
        (r"(?:loss|acc[)(]uracy\))=(x)", "="),
        (r"[]x]loss[^]]acc(x)", "loss"),
        (r"\bloss\x41b(x)", "loss"),
        (r"(a)?", ""),
    ],
)
def test_the_text_every_match_contains(regex: str, literal: str) -> None:
    assert max(required_literals(re.compile(regex)), key=len, default="") == literal


@settings(max_examples=500, deadline=None)
@given(
    regex=st.text("ab([)]{1,}|?*+.\\\\^-", max_size=12),
    line=st.text("ab()[]{1,}|?*+.-", max_size=12),
)
def test_no_match_lacks_that_text(regex: str, line: str) -> None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compiled = re.compile(regex)
    except re.error:
        return
    if compiled.search(line) is not None:
        assert all(literal in line for literal in required_literals(compiled))


# --- what is noted ---------------------------------------------------------------------------


def test_statuses_and_jobs_without_logs(export: Export) -> None:
    export.jobs[0]["TrainingJobStatus"] = "Stopped"
    export.jobs[1].update(TrainingJobStatus="InProgress", TrainingEndTime=None)
    export.jobs[2]["TrainingJobStatus"] = "Failed"
    export.jobs.append(
        {
            "TrainingJobName": "tune-004-00000004",
            "CreationTime": ZERO + 30,
            "TrainingJobStatus": "Stopping",
        }
    )
    actual = export.read()
    assert actual.trials == (*NAMES, "tune-004-00000004")
    assert actual.status.tolist() == [
        Status.STOPPED,
        Status.RUNNING,
        Status.FAILED,
        Status.STOPPED,
    ]
    assert actual.censored.all()
    assert np.isnan(actual.start[3])
    assert np.isnan(actual.end[1])
    assert list(actual.config["eta"]) == ["0.00", "0.10", "0.20", None]
    assert codes(actual) == {
        "step_from_line": 1,
        "jobs_without_logs": 1,
        "trials_without_reports": 1,
    }


def test_auto_and_strategy(export: Export) -> None:
    config = export.tuning["HyperParameterTuningJobConfig"]
    config.update(TrainingJobEarlyStoppingType="Auto", Strategy="Bayesian")
    assert codes(export.read()) == {
        "auto_was_on": 1,
        "strategy_bayesian": 1,
        "step_from_line": 1,
    }


def test_final_values_are_compared(export: Export) -> None:
    export.jobs[2]["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] = 22.2502
    actual = export.read()
    (note,) = (note for note in actual.notes if note.code == "final_value_differs")
    assert f"{NAMES[2]} (22.25 in the log, 22.2502 in the record)" in note.text


def test_unknown_streams_and_jobs(export: Export) -> None:
    folder = export.write()
    (folder / "logs" / "other-job").mkdir()
    (folder / "logs" / "other-job" / "algo-1-17.log").write_text("x\n")
    (folder / "notes.txt").write_text("x\n")
    (folder / "more.json").write_text('{"TrainingJobName": "x", "TuningJobName": "gone"}')
    reading = read_inputs(folder)
    assert_same_study(reading.studies[0], expected())
    assert codes(reading.studies[0]) == {"streams_unknown": 1, "step_from_line": 1}
    assert {note.code: note.count for note in reading.inputs[0].notes} == {
        "jobs_of_no_tuning_job": 1,
        "streams_unknown": 1,
        "files_not_read": 1,
    }


def test_several_hosts_are_noted(export: Export) -> None:
    folder = export.write()
    beside = folder / "logs" / NAMES[0] / f"algo-2-{ZERO}.log"
    beside.write_text("hello\n")
    assert "several_hosts" not in codes(read_study(folder))  # it does not print the metric
    beside.write_text("\n".join(export.lines[NAMES[0]]))
    assert codes(read_study(folder))["several_hosts"] == 1


def test_launch_order_is_by_start_then_number(export: Export) -> None:
    for job, start in zip(export.jobs, (5, 0, 0), strict=True):
        job["TrainingStartTime"] = ZERO + start
    assert export.read().trials == (NAMES[1], NAMES[2], NAMES[0])
    for job in export.jobs:
        job["TrainingStartTime"] = None
    assert export.read().trials == tuple(NAMES)


# --- the objective ---------------------------------------------------------------------------


def test_another_objective_needs_a_direction(export: Export) -> None:
    actual = export.read(objective="train:rmse", direction="maximize")
    assert (actual.objective, actual.direction) == ("train:rmse", "maximize")
    assert set(actual.values.tolist()) == {1.5}
    assert "direction is unknown" in export.refused(objective="train:rmse")
    assert "contradicts" in export.refused(direction="maximize")
    actual = export.refused(objective="train:rmsse")
    assert "no metric 'train:rmsse'\n  fix: one of: train:rmse" in actual


def test_the_regex_may_be_given(export: Export) -> None:
    definition = export.tuning["TrainingJobDefinition"]
    definition["AlgorithmSpecification"] = {}
    actual = export.refused(objective="loss", metrics=["train=x(.)"], direction="minimize")
    assert "no metric 'loss'" in actual
    from_table = export.read()
    assert_same_study(from_table, expected())
    assert codes(from_table)["regex_from_table"] == 1
    goal = export.tuning["HyperParameterTuningJobConfig"]["HyperParameterTuningJobObjective"]
    goal["MetricName"] = "my_score"
    actual = export.refused()
    assert "the regex of metric 'my_score' is unknown" in actual
    assert "metrics=['my_score=REGEX'] with the value as the first group" in actual
    goal["MetricName"] = "validation:rmse"
    assert_same_study(export.read(metrics=[f"validation:rmse={REGEX}"]), expected())
    actual = export.read(objective="t", direction="minimize", metrics=["t=train-rmse:([0-9.]+)"])
    assert set(actual.values.tolist()) == {1.5}


# --- what is refused -------------------------------------------------------------------------


def test_a_regex_that_cannot_be(export: Export) -> None:
    definitions = export.tuning["TrainingJobDefinition"]["AlgorithmSpecification"]
    definitions["MetricDefinitions"][2]["Regex"] = "rmse:("
    assert "the regex of metric 'validation:rmse' is broken" in export.refused()
    definitions["MetricDefinitions"][2]["Regex"] = "rmse:.*"
    assert "has no group" in export.refused()
    definitions["MetricDefinitions"][2]["Regex"] = r"validation_rmse=(\d+)"
    actual = export.refused()
    assert "matches no line of any log" in actual
    assert "nearest lines: " in actual
    assert ".log:2: [0]#011train-rmse:1.5#011validation-rmse:0.25" in actual


def test_logs_that_are_missing(export: Export) -> None:
    export.lines = {}
    actual = export.refused()
    assert f"no log of its training jobs\n  why: looked for paths like {NAMES[0]}" in actual
    export.jobs = []
    assert "no training job of tuning job 'tune'" in export.refused()


def test_logs_without_a_description(export: Export) -> None:
    folder = export.write()
    (folder / "a.json").unlink()
    with pytest.raises(EsimError, match="no format matches") as caught:
        read_study(folder)
    assert "b.json describes training jobs, but the JSON of describe-hyper" in str(caught.value)
    with pytest.raises(EsimError, match="no tuning job is described"):
        read_study(folder, format="sagemaker")


def test_broken_json(export: Export) -> None:
    folder = export.write()
    text = json.dumps({"TrainingJobSummaries": export.jobs}, indent=1)
    (folder / "b.json").write_text(text[: len(text) // 2])
    with pytest.raises(EsimError, match=r"b\.json:\d+: broken or cut-off JSON"):
        read_study(folder)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"CreationTime": "soon"}, "CreationTime: 'soon' is not a time"),
        ({"TrainingJobStatus": "Dancing"}, "unknown TrainingJobStatus 'Dancing'"),
        ({"TrainingEndTime": ZERO - 99}, "TrainingEndTime is before TrainingStartTime"),
        ({"TrainingStartTime": ZERO + 3600, "TrainingEndTime": None}, "before its trial's start"),
        ({"TunedHyperParameters": [1]}, f"{NAMES[0]}.TunedHyperParameters is not dict"),
    ],
)
def test_values_that_cannot_be(export: Export, change: dict[str, Any], what: str) -> None:
    export.jobs[0].update(change)
    assert what in export.refused()


def test_descriptions_that_cannot_be(export: Export) -> None:
    folder = export.write()
    other = copy.deepcopy(export.tuning)
    other["HyperParameterTuningJobConfig"]["Strategy"] = "Grid"
    (folder / "c.json").write_text(json.dumps(other))
    with pytest.raises(EsimError, match="two different descriptions of tuning job 'tune'"):
        read_study(folder)
    (folder / "c.json").unlink()
    del export.tuning["HyperParameterTuningJobConfig"]["HyperParameterTuningJobObjective"]
    assert "HyperParameterTuningJobObjective" in export.refused()
    export.tuning["HyperParameterTuningJobConfig"]["HyperParameterTuningJobObjective"] = {
        "Type": "Smallest",
        "MetricName": "m",
    }
    assert "unknown direction 'Smallest'" in export.refused()


def test_a_truncated_log(export: Export) -> None:
    folder = export.write()
    path = folder / "logs" / NAMES[0] / f"algo-1-{ZERO}.log"
    packed = gzip.compress(path.read_bytes())
    path.unlink()
    path.with_suffix(".gz").write_bytes(packed[:-9])
    with pytest.raises(EsimError, match="the gzip data is cut off or damaged") as caught:
        read_study(folder)
    assert str(path.with_suffix(".gz")) in str(caught.value)


# --- the recorded studies --------------------------------------------------------------------


@pytest.mark.parametrize("name", ["xgboost_digits", "mlp_digits"])
def test_recorded_studies_read_the_same_from_logs_and_tables(name: str) -> None:
    folder = DATA / name
    before = listing(folder)
    logs = read_study(folder / "sagemaker")
    options = {"objective": logs.objective, "direction": logs.direction}
    table = read_study(folder / "table", **options)
    assert_same_study(dataclasses.replace(logs, billed=None), table)  # the tables have no bill
    assert codes(logs) == {"step_from_line": 1}
    assert logs.has_schedule
    assert listing(folder) == before


# --- spot instances and what was billed --------------------------------------------------------


def test_what_was_billed_is_read(export: Export) -> None:
    for job, seconds in zip(export.jobs, (2, None, 9), strict=True):
        if seconds is not None:
            job["BillableTimeInSeconds"] = seconds
    study = export.read()
    assert study.billed is not None
    np.testing.assert_array_equal(study.billed, [2.0, np.nan, 9.0])
    assert codes(study) == {"step_from_line": 1}


def test_spot_is_told_from_either_description(export: Export) -> None:
    export.tuning["TrainingJobDefinition"]["EnableManagedSpotTraining"] = True
    export.jobs[0]["BillableTimeInSeconds"] = 2
    export.jobs[1]["EnableManagedSpotTraining"] = False  # the job's own word counts
    study = export.read()
    assert codes(study) == {"spot_instances": 2, "spot_bill_unknown": 1, "step_from_line": 1}
    (unknown,) = (note.text for note in study.notes if note.code == "spot_bill_unknown")
    assert NAMES[2] in unknown
    told = {finding.code: finding.severity for finding in check(study).findings}
    assert told["spot_instances"] == told["spot_bill_unknown"] == "warning"
    warned = {caveat.code for caveat in replay(study).warnings}
    assert {"spot_bill_unknown", "billed_as_recorded"} <= warned


@pytest.mark.parametrize(
    ("key", "value"), [("EnableManagedSpotTraining", "yes"), ("BillableTimeInSeconds", "22")]
)
def test_values_of_another_type_are_refused(export: Export, key: str, value: str) -> None:
    export.jobs[0][key] = value
    assert key in export.refused()


def test_the_bill_that_a_notebook_shows(tmp_path: Path) -> None:
    lines = [f"{stamp(k)} [{k}]#011validation-rmse:{k}.5" for k in range(3)]
    shown = [*lines, "Training seconds: 117", "Billable seconds: 22", "Wall time: 4min"]
    (tmp_path / "a.log").write_text("\n".join(shown))
    (tmp_path / "b.log").write_text("\n".join(lines))
    (tmp_path / "c.log").write_text("no metric of sagemaker here\nBillable seconds: 5\n")
    study = read_study(tmp_path, objective="validation:rmse", direction="minimize")
    assert study.trials == ("a", "b")
    assert study.billed is not None
    np.testing.assert_array_equal(study.billed, [22.0, np.nan])
    assert codes(study)["billed_from_log"] == 2


def test_what_was_stopped_by_no_rule_is_told_apart(export: Export) -> None:
    """The first job ran into its own limit of time, the second was stopped by who knows what."""
    for job, word in zip(export.jobs, ("MaxRuntimeExceeded", "Stopped", "Completed"), strict=True):
        job.update(SecondaryStatus=word)
        if word != "Completed":
            job.update(TrainingJobStatus="Stopped")
    actual = export.read()
    assert actual.status.tolist() == [Status.INTERRUPTED, Status.STOPPED, Status.COMPLETED]
    assert actual.censored.tolist() == [True, True, False]
    assert codes(actual)["stopped_otherwise"] == 1


@pytest.mark.parametrize(
    ("status", "end", "expected"),
    [("Stopped", 40, Status.INTERRUPTED), ("Stopped", 4000, Status.STOPPED),
     ("Completed", 40, Status.STOPPED)],
)  # fmt: skip
def test_what_ran_when_the_tuning_job_was_stopped(
    export: Export, status: str, end: int, expected: Status
) -> None:
    """The last job ends 29 s after ZERO, within five minutes before a stopped tuning job's end."""
    export.tuning.update(
        HyperParameterTuningJobStatus=status, HyperParameterTuningEndTime=ZERO + end
    )
    export.jobs[2].update(TrainingJobStatus="Stopped")
    assert export.read().status.tolist() == [Status.COMPLETED, Status.COMPLETED, expected]


def test_parents_of_a_warm_start_are_noted(export: Export) -> None:
    parents = ["older", "oldest"]
    export.tuning["WarmStartConfig"] = {
        "WarmStartType": "IdenticalDataAndAlgorithm",
        "ParentHyperParameterTuningJobs": [{"HyperParameterTuningJobName": p} for p in parents],
    }
    (note,) = (note for note in export.read().notes if note.code == "warm_start")
    assert note.evidence == ("older", "oldest")


def test_final_values_alone_are_read_when_asked_for(export: Export) -> None:
    export.lines = {}
    assert "no log of its training jobs" in export.refused()
    (actual,) = read_inputs(export.folder, finals=True).studies
    assert actual.values.tolist() == [2.25, 12.25, 22.25]
    assert actual.steps.tolist() == [1, 1, 1] and actual.elapsed.tolist() == [9, 9, 9]
    assert codes(actual)["finals_only"] == 3
