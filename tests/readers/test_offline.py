"""What trackers log offline (Comet, Neptune, ClearML) and AllenNLP's metrics, each in its exact
shape; tests/live/test_loggers.py lets the real libraries write them.
"""

from __future__ import annotations

import json
import math
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import esim
from esim.errors import EsimError
from esim.readers.inputs import read_inputs
from esim.readers.plugins import known_formats
from esim.study import Status, Study

BEGAN = 1_700_000_000  # seconds; the trackers write milliseconds or a float
NAMES = ("comet", "neptune", "clearml", "allennlp")


def wrote(folder: Path, files: dict[str, str]) -> Path:
    """A folder with some files: path -> contents."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def lines(*records: Any) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


def curves(study: Study) -> dict[str, tuple[list[int], list[float]]]:
    """Trial -> its steps and values."""
    parts = [slice(*pair) for pair in zip(study.offsets, study.offsets[1:], strict=False)]
    return {
        trial: (study.steps[part].tolist(), study.values[part].tolist())
        for trial, part in zip(study.trials, parts, strict=True)
    }


def read(path: Path, objective: str | None = None, **options: Any) -> Study:
    return esim.read_study(path, objective=objective, direction="minimize", **options)


def offered(path: Path) -> list[str]:
    """The metrics that the error on an unknown one lists."""
    with pytest.raises(EsimError, match="no metric 'nosuch'") as error:
        read(path, "nosuch")
    return sorted(str(error.value.fix).removeprefix("one of: ").split(", "))


def codes(path: Path, objective: str) -> dict[str, str]:
    """The notes on the input and its only study: code -> text."""
    found = read_inputs(path, objective=objective, direction="minimize")
    notes = [*found.studies[0].notes, *found.inputs[0].notes]
    return {note.code: note.text for note in notes}


@pytest.mark.parametrize("name", NAMES)
def test_the_sample_of_a_format_is_a_run_of_two_reports(tmp_path: Path, name: str) -> None:
    (fmt,) = (fmt for fmt in known_formats() if fmt.name == name)
    found = read_inputs(
        wrote(tmp_path, dict(fmt.sample)), objective=OBJECTIVE[name], direction="minimize"
    )
    assert [one.format for one in found.inputs] == [name]
    (study,) = found.studies
    ((steps, values),) = curves(study).values()
    assert (steps, values) == ([9, 19] if name == "comet" else [0, 1], VALUES[name])
    assert study.elapsed is not None
    assert study.config  # the learning rate, or the number of epochs


OBJECTIVE = {"comet": "validate_loss", "neptune": "val/loss", "clearml": "loss/val"}
OBJECTIVE["allennlp"] = "validation_loss"
VALUES = {name: [1.5, 0.75] for name in NAMES} | {"allennlp": [1.25, 0.625]}


# --- Comet --------------------------------------------------------------------------------------


def metric(name: str, value: Any, second: int, **more: Any) -> dict[str, Any]:
    """A message of Comet; `more` are its step, epoch and context."""
    context = {"context": more.pop("context")} if "context" in more else {}
    logged = {"epoch": None, "metricName": name, "metricValue": value, "step": None, **more}
    when = {"local_timestamp": 1000 * (BEGAN + second), "message_id": second}
    return {"payload": {**context, **when, "metric": logged}, "type": "metric_msg"}


def parameter(name: str, value: Any, source: str = "manual") -> dict[str, Any]:
    told = {"paramName": name, "paramValue": value, "source": source, "step": None}
    return {"payload": {"local_timestamp": 1000 * BEGAN, "param": told}, "type": "parameter_msg"}


def comet(
    key: str, *messages: dict[str, Any], start: int = 0, project: str | None = "p"
) -> dict[str, str]:
    about = {
        "offline_id": key,
        "project_name": project,
        "start_time": 1000 * (BEGAN + start),
        "stop_time": 1000 * (BEGAN + start + 100),
        "resume_strategy": "create",
    }
    return {"experiment.json": json.dumps(about), "messages.json": lines(*messages)}


def packed(path: Path, files: dict[str, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("tmp1234", "import comet_ml")
        for name, text in files.items():
            archive.writestr(name, text)


def test_comet_joins_contexts_and_leaves_out_what_it_measures_itself(tmp_path: Path) -> None:
    for key, start, shift in (("bbbb", 0, 0.0), ("aaaa", 200, 1.0)):
        messages = [
            {"payload": {"file_name": "train.py", "message_id": 1}, "type": "file_name"},
            parameter("lr", 0.5 + shift),
            parameter("curr_step", 0, "auto-logged"),
            metric("sys.cpu.percent.avg", 3.5, start + 1),
            metric("loss", 9.0, start + 10, step=5, epoch=1),
            metric("loss", 4.0 + shift, start + 10, step=5, epoch=1, context="validate"),
            metric("loss", 8.0, start + 20, step=10, epoch=2),
            metric("loss", 3.0 + shift, start + 20, step=10, epoch=2, context="validate"),
            metric("process duration", 0, start + 30, step=10, epoch=2),
        ]
        packed(tmp_path / f"{key}.zip", comet(key, *messages, start=start))
    study = read(tmp_path, "validate_loss")
    # in launch order by start_time, which is not that of the keys
    assert curves(study) == {"bbbb": ([5, 10], [4.0, 3.0]), "aaaa": ([5, 10], [5.0, 4.0])}
    assert study.elapsed is not None
    assert study.elapsed.tolist() == [10.0, 20.0, 10.0, 20.0]
    assert (study.end - study.start).tolist() == [100.0, 100.0]
    assert study.config == {"lr": (0.5, 1.5)}
    assert (study.name, set(study.status.tolist())) == ("p", {Status.UNKNOWN})
    with pytest.raises(
        EsimError, match=r"no metric 'sys.cpu.percent.avg'\n.*: loss, validate_loss"
    ):
        read(tmp_path, "sys.cpu.percent.avg")


def test_comet_counts_by_epochs_or_by_values_where_steps_are_null(tmp_path: Path) -> None:
    messages = [
        *(metric("loss", 1.0 / n, n, epoch=3 * n) for n in (1, 2, 4)),
        *(metric("acc", 0.5 * n, n) for n in (1, 2)),
        metric("epoch", 7.0, 5, epoch=7),  # PyTorch Lightning logs it; it is no metric
        metric("note", "fine", 6, epoch=8),
    ]
    wrote(tmp_path / "aaaa", comet("aaaa", *messages))
    assert curves(read(tmp_path, "loss")) == {"aaaa": ([3, 6, 12], [1.0, 0.5, 0.25])}
    assert curves(read(tmp_path, "acc")) == {"aaaa": ([1, 2], [0.5, 1.0])}
    assert offered(tmp_path) == ["acc", "loss"]


def test_comet_takes_epochs_where_the_step_does_not_move(tmp_path: Path) -> None:
    messages = [metric("loss", 1.0 / n, n, step=0, epoch=n) for n in (1, 2, 4)]
    wrote(tmp_path / "aaaa", comet("aaaa", *messages))
    assert curves(read(tmp_path)) == {"aaaa": ([1, 2, 4], [1.0, 0.5, 0.25])}
    assert codes(tmp_path, "loss")["step_column"] == "steps are epoch: step repeats"


def test_comet_special_floats_are_texts(tmp_path: Path) -> None:
    values = [1.5, "NaN", "Infinity"]
    messages = [metric("loss", value, n, step=n) for n, value in enumerate(values, start=1)]
    wrote(tmp_path / "aaaa", comet("aaaa", *messages))
    np.testing.assert_array_equal(read(tmp_path).values, [1.5, math.nan, math.inf])


def test_a_comet_run_that_was_resumed_has_two_archives(tmp_path: Path) -> None:
    first = comet("aaaa", *(metric("loss", v, s, step=s) for s, v in ((1, 4.0), (2, 3.0))))
    second = comet("aaaa", *(metric("loss", v, s, step=s) for s, v in ((3, 2.0),)), start=2)
    packed(tmp_path / "aaaa-x1y2.zip", second)
    packed(tmp_path / "aaaa.zip", first)
    wrote(tmp_path / "unpacked", first)  # the same once more
    study = read(tmp_path)
    assert curves(study) == {"aaaa": ([1, 2, 3], [4.0, 3.0, 2.0])}
    assert (study.start[0], study.end[0]) == (BEGAN, BEGAN + 102)
    assert codes(tmp_path, "loss")["session_copies"] == (
        "1 session is there twice and read once: aaaa.zip"
    )


def test_comet_projects_are_studies_and_names_are_trials(tmp_path: Path) -> None:
    for key, project, name in (("aaaa", "p", "one"), ("bbbb", "p", "two"), ("cccc", None, "")):
        named = {"payload": {"key": "Name", "value": name}, "type": "log_other"}
        files = comet(key, named, metric("loss", 1.0, 1, step=1), project=project)
        wrote(tmp_path / key, files)
    studies = esim.read_studies(tmp_path, direction="minimize")
    assert [(study.name, study.trials) for study in studies] == [
        ("p", ("one", "two")),
        (tmp_path.name, ("cccc",)),
    ]


def test_comet_says_which_line_is_broken(tmp_path: Path) -> None:
    files = comet("aaaa", metric("loss", 1.0, 1, step=1))
    wrote(tmp_path / "aaaa", files)
    cut = files["messages.json"] + '{"payload":{"metr'
    wrote(tmp_path / "aaaa", {"messages.json": cut})
    assert codes(tmp_path, "loss")["lines_cut_off"].startswith("1 file ends in the middle")
    for broken, what in (("[1]\n", "not a message of Comet"), ("{\n", "not JSON")):
        wrote(tmp_path / "aaaa", {"messages.json": files["messages.json"] + broken})
        with pytest.raises(EsimError, match=f"messages.json:2: {what}"):
            read(tmp_path)


# --- Neptune ------------------------------------------------------------------------------------


def neptune(*operations: dict[str, Any], first: int = 1) -> str:
    return lines(
        *(
            {"obj": operation, "version": n, "at": float(BEGAN + n)}
            for n, operation in enumerate(operations, start=first)
        )
    )


def series(path: str, *values: tuple[float, float | None, int]) -> dict[str, Any]:
    """A LogFloats of some values, each with step and second."""
    logged = [{"value": v, "step": s, "ts": float(BEGAN + t)} for v, s, t in values]
    return {"type": "LogFloats", "path": path.split("/"), "values": logged}


def assign(kind: str, path: str, value: Any) -> dict[str, Any]:
    return {"type": f"Assign{kind}", "path": path.split("/"), "value": value}


def metadata(second: int) -> str:
    created = f"2023-11-14T22:13:{20 + second}.500000+00:00"  # BEGAN + second + 0.5
    return json.dumps({"mode": "offline", "structureVersion": 3, "createdAt": created})


def test_neptune_counts_where_steps_are_null(tmp_path: Path) -> None:
    log = neptune(
        assign("String", "sys/name", "Untitled"),
        assign("Float", "params/lr", 0.5),
        assign("Int", "params/layers", 3),
        series("monitoring/12c2/cpu", (1.0, None, 1)),
        series("train/loss", (4.0, None, 10), (3.0, None, 20)),
        series("val/loss", (8.0, 10.0, 10), (7.0, None, 20), (6.0, 30.0, 30)),
        series("train/loss", (2.0, None, 30)),
        series("fine", (1.0, 0.5, 1), (2.0, 1.0, 2)),
        series("gone", (1.0, None, 1)),
        {"type": "DeleteAttribute", "path": ["gone"]},
        assign("Float", "final/loss", 2.0),  # a result
        assign("Bool", "sys/failed", True),
    )
    folder = ".neptune/offline/run__0a1b-2c__77__k3yk3y42"
    wrote(tmp_path, {f"{folder}/data-1.log": log, f"{folder}/metadata.json": metadata(2)})
    study = read(tmp_path, "train/loss")
    assert curves(study) == {"0a1b-2c": ([0, 1, 2], [4.0, 3.0, 2.0])}
    assert study.elapsed is not None
    assert study.elapsed.tolist() == [7.5, 17.5, 27.5]  # since createdAt
    assert study.config == {"params/lr": (0.5,), "params/layers": (3,)}
    assert study.status.tolist() == [Status.FAILED]
    assert curves(read(tmp_path, "val/loss")) == {"0a1b-2c": ([10, 11, 30], [8.0, 7.0, 6.0])}
    assert curves(read(tmp_path, "fine"))["0a1b-2c"][0] == [1, 2]  # halves: a note says so
    assert offered(tmp_path) == ["fine", "train/loss", "val/loss"]


def test_neptune_layouts_of_all_releases(tmp_path: Path) -> None:
    """A run in several files and folders; other containers are no runs."""
    first = neptune(series("loss", (4.0, None, 1)), series("loss", (3.0, None, 2)))
    later = neptune(series("loss", (2.0, None, 3)), first=3)
    resumed = neptune(series("loss", (1.0, 7.0, 9)))
    wrote(
        tmp_path / ".neptune",
        {
            "async/run__aaaa/exec-1700000000.5-2023-11-14_22.13.20.5-7/data-1.log": first,
            "async/run__aaaa/exec-1700000000.5-2023-11-14_22.13.20.5-7/data-3.log": later,
            "async/run__aaaa/exec-1700000009.5-2023-11-14_22.13.29.5-8/data-1.log": resumed,
            "offline/bbbb/exec-0-2023/data-1.log": neptune(series("loss", (9.0, None, 20))),
            "offline/project__cccc__7__k3yk3y42/data-1.log": neptune(series("x", (1.0, None, 1))),
        },
    )
    expected = {"aaaa": ([0, 1, 2, 7], [4.0, 3.0, 2.0, 1.0]), "bbbb": ([0], [9.0])}
    assert curves(read(tmp_path)) == expected
    assert curves(read(tmp_path / ".neptune")) == expected
    folder = tmp_path / ".neptune/async/run__aaaa"
    assert curves(read(folder)) == {"aaaa": expected["aaaa"]}


def test_a_neptune_run_whose_begin_was_sent_is_left_out(tmp_path: Path) -> None:
    """Its steps would be counted from another value than Neptune's."""
    tail = neptune(series("loss", (2.0, None, 3)), first=1001)
    whole = neptune(series("loss", (4.0, None, 1)), series("loss", (3.0, None, 2)))
    wrote(
        tmp_path,
        {
            "async/run__aaaa__7__k3yk3y42/data-1001.log": tail,
            "async/run__bbbb__7__k3yk3y42/data-1.log": whole,
        },
    )
    assert curves(read(tmp_path)) == {"bbbb": ([0, 1], [4.0, 3.0])}
    assert codes(tmp_path, "loss")["runs_without_begin"] == (
        "1 run left out: the begin was sent to Neptune and is not here: aaaa"
    )


def test_neptune_says_which_line_is_no_operation(tmp_path: Path) -> None:
    for broken in ('{"obj": 3}', '{"obj": {"type": "LogFloats", "path": ["a"], "values": 1}}'):
        log = neptune(series("loss", (1.0, None, 1))) + broken + "\n"
        wrote(tmp_path, {"run__a/data-1.log": log})
        with pytest.raises(EsimError, match=r"data-1.log:2: not a"):
            read(tmp_path)


def test_only_neptune_looks_into_its_hidden_folder(tmp_path: Path) -> None:
    """Whatever else is beside it reads as before; other hidden folders are skipped."""
    log = neptune(series("val/loss", (4.0, None, 1)))
    upload = "run,epoch,loss\nx,1,9\n"
    hidden = {
        ".neptune/offline/run__a__7__k/data-1.log": log,
        ".neptune/offline/run__a__7__k/upload_path/table.csv": upload,
        ".hidden/offline/run__b__7__k/data-1.log": log,
        ".hidden/table.csv": upload,
    }
    wrote(tmp_path, hidden)
    assert read(tmp_path).trials == ("a",)
    assert codes(tmp_path, "val/loss")["files_skipped"] == (
        "1 hidden or left-over file skipped: .hidden"
    )
    wrote(tmp_path, {"table.csv": "run,epoch,loss\na,1,3\na,2,2\nb,1,4\nb,2,1\n"})
    study = read(tmp_path)
    assert curves(study) == {"a": ([1, 2], [3.0, 2.0]), "b": ([1, 2], [4.0, 1.0])}
    assert codes(tmp_path, "loss")["files_skipped"] == (
        "2 hidden or left-over files skipped: .hidden, .neptune"
    )
    named = read(tmp_path, format="neptune")
    assert named.trials == ("a",)


def test_comet_looks_into_its_hidden_folder(tmp_path: Path) -> None:
    packed(tmp_path / ".cometml-runs/aaaa.zip", comet("aaaa", metric("loss", 1.0, 1, step=1)))
    assert read(tmp_path).trials == ("aaaa",)


# --- ClearML ------------------------------------------------------------------------------------


def scalar(title: str, series: str, value: float, at: int, second: int) -> dict[str, Any]:
    return {
        "timestamp": 1000 * (BEGAN + second),
        "type": "training_stats_scalar",
        "task": "offline-1",
        "iter": at,
        "metric": title,
        "variant": series,
        "value": value,
        "method": "get",
    }


def clearml(*arrays: list[dict[str, Any]], name: str = "t1", **task: Any) -> dict[str, str]:
    entry = {"section": "General", "name": "lr", "type": "float", "value": "0.5"}
    section = {"lr": entry, "opt": {"name": "opt", "type": "str", "value": "sgd"}}
    parameters = {"General": section, "Args": {"n": {"name": "n", "type": "int", "value": "3"}}}
    about = {"id": "offline-1", "name": name, "project_name": "p", "hyperparams": parameters}
    created = {"timestamp": 1000 * BEGAN, "type": "log", "msg": "created new task"}
    return {
        "task.json": json.dumps({**about, **task}),
        "metrics.jsonl": "\n".join(lines(array) for array in arrays),  # blank lines between
        "log.jsonl": lines([created], [{**created, "timestamp": 1000 * (BEGAN + 50)}]),
    }


def test_clearml_events_of_several_lines_are_a_curve(tmp_path: Path) -> None:
    other = {**scalar("loss", "val", 77.0, 1, 15), "task": "a-model"}
    plot = {"timestamp": 1000 * BEGAN, "type": "plot", "task": "offline-1", "metric": "h"}
    files = clearml(
        [plot, scalar(":monitor:machine", "cpu_usage", 3.0, 1, 5)],
        [scalar("loss", "train", 9.0, 0, 10), scalar("loss", "val", 4.0, 0, 10), other],
        [scalar("loss", "val", 0.0, 1, 20), scalar("Summary", "best", 3.0, -(2**31), 30)],
    )
    wrote(tmp_path / "offline-1", files)
    packed(tmp_path / "offline-1.zip", files)  # the client leaves both
    study = read(tmp_path, "loss/val")
    assert curves(study) == {"t1": ([0, 1], [4.0, 0.0])}
    assert study.elapsed is not None
    assert study.elapsed.tolist() == [10.0, 20.0]  # since the task was created
    assert study.config == {"lr": (0.5,), "opt": ("sgd",), "Args/n": (3,)}
    notes = codes(tmp_path, "loss/val")
    assert notes["session_copies"] == "1 session is there twice and read once: offline-1.zip"
    assert notes["single_values"].startswith("1 value of report_single_value")
    assert notes["zero_or_nan"] == (
        "1 report is 0: ClearML records NaN and infinite values as 0, too"
    )
    assert "zero_or_nan" not in codes(tmp_path, "loss/train")
    assert offered(tmp_path) == ["loss/train", "loss/val"]


def test_clearml_archives_alone_are_trials(tmp_path: Path) -> None:
    for n in (2, 1):
        files = clearml([scalar("loss", "val", float(n), 1, 10)], name="same", id=f"offline-{n}")
        text = files["metrics.jsonl"].replace("offline-1", f"offline-{n}")
        packed(tmp_path / f"offline-{n}.zip", {**files, "metrics.jsonl": text})
    # the names are not unique, and they started at the same time
    assert curves(read(tmp_path)) == {"offline-1": ([1], [1.0]), "offline-2": ([1], [2.0])}


def test_clearml_says_which_line_is_no_array(tmp_path: Path) -> None:
    files = clearml([scalar("loss", "val", 1.0, 1, 10)])
    broken = files["metrics.jsonl"] + '{"task": 1}\n'
    wrote(tmp_path / "offline-1", {**files, "metrics.jsonl": broken})
    with pytest.raises(EsimError, match=r"metrics.jsonl:2: not a list of events of ClearML"):
        read(tmp_path)
    wrote(tmp_path / "offline-1", {**files, "task.json": '{"hyperparams": [1]}'})
    with pytest.raises(EsimError, match="not a task of ClearML"):
        read(tmp_path)


# --- AllenNLP -----------------------------------------------------------------------------------


def epochs(values: list[float], **more: Any) -> dict[str, str]:
    """The files of a serialization directory; an epoch takes 60 s."""
    best = list(np.minimum.accumulate(values))
    files = {
        f"metrics_epoch_{n}.json": json.dumps(
            {
                "best_epoch": values.index(best[n]),
                "peak_worker_0_memory_MB": 512.0,
                "training_duration": f"0:{n + 1:02}:00.250000",
                "epoch": n,
                "training_worker_0_memory_MB": 500.0,
                "training_loss": 2 * value,
                "validation_loss": value,
                "best_validation_loss": best[n],
                **more,
            },
            indent=2,
        )
        for n, value in enumerate(values)
    }
    final = {"best_epoch": 0, "training_duration": "0:20:00", "validation_loss": 0.0}
    return {**files, "metrics.json": json.dumps({**final, "test_loss": 1.0})}


def test_allennlp_epochs_are_in_order_of_their_numbers(tmp_path: Path) -> None:
    values = [float(abs(7 - n) + 1) for n in range(12)]
    wrote(tmp_path / "model_10", epochs(values))
    wrote(tmp_path / "model_9", epochs([v + 1 for v in values]))
    config = {"model": {"type": "crf"}, "trainer": {"optimizer": {"lr": 0.5}}}
    wrote(tmp_path / "model_9", {"config.json": json.dumps(config), "log/train/events": "x"})
    study = read(tmp_path, "validation_loss")
    assert curves(study) == {
        "model_9": (list(range(12)), [v + 1 for v in values]),
        "model_10": (list(range(12)), values),
    }
    assert study.done_at_zero == 1
    assert study.elapsed is not None
    assert study.elapsed[:12].tolist() == [60.0 * n + 0.25 for n in range(1, 13)]
    assert study.config["trainer/optimizer/lr"] == (0.5, None)
    assert offered(tmp_path) == ["training_loss", "validation_loss"]  # neither best_* nor memory


def test_allennlp_time_goes_on_where_training_was_resumed(tmp_path: Path) -> None:
    """Its duration counts from there: 2 min, then 3 min again from epoch 2 on."""
    first = epochs([4.0, 3.0], training_start_epoch=0)
    second = epochs([9.0, 9.0, 2.0], training_start_epoch=2)
    wrote(tmp_path / "a", {**second, **first})
    study = read(tmp_path, "validation_loss")
    assert study.elapsed is not None
    assert study.elapsed.tolist() == [60.25, 120.25, 300.5]


def test_metrics_of_epochs_of_others_are_not_allennlp(tmp_path: Path) -> None:
    mine = json.dumps({"epoch": 0, "train": {"loss": 1.0}, "val": {"loss": 2.0}})
    wrote(tmp_path, {"metrics_epoch_0.json": mine})
    with pytest.raises(EsimError) as error:
        read(tmp_path, "validation_loss", format="allennlp")
    assert "no metrics of AllenNLP" in str(error.value)
