"""Curves that benchmarks publish, in the shape of their files; the numbers are worked out by hand.

Every reader was also run on real fragments: the logs.zip of WikiText-2 in nas-bench-nlp-release,
the explorer's data of LCDB-1.1, and three architectures of NATS-Bench's fake_torch_dir, which the
authors' library wrote out in HPOBench's layout, and Syne Tune's converter as a blackbox.
"""

from __future__ import annotations

import gzip
import io
import json
import sys
import tarfile
import types
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import esim
from esim.errors import EsimError
from esim.readers.inputs import read_inputs
from esim.readers.limits import Limits
from esim.study import Status, Study

NAN = float("nan")


def by_name(path: Path, fmt: str, **options: Any) -> dict[str, Study]:
    """The studies of an input, which is recognised as this format."""
    reading = read_inputs(path, **options)
    assert [one.format for one in reading.inputs] == [fmt]
    return {study.name: study for study in reading.studies}


def curve(study: Study, trial: str) -> tuple[list[int], list[float], list[float] | None]:
    """Steps, values and seconds of a trial."""
    at = study.trials.index(trial)
    part = slice(study.offsets[at], study.offsets[at + 1])
    elapsed = None if study.elapsed is None else study.elapsed[part].tolist()
    return study.steps[part].tolist(), study.values[part].tolist(), elapsed


def zipped(path: Path, members: Mapping[str, bytes | str]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def tarred(path: Path, members: Mapping[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            if name.endswith("/"):
                member.type = tarfile.DIRTYPE
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


def notes(study: Study) -> dict[str, str]:
    return {note.code: note.text for note in study.notes}


# LCBench -----------------------------------------------------------------------------------------


def lcbench_entry(accuracies: list[float], seconds: list[float], **config: Any) -> dict[str, Any]:
    log = {
        "time": seconds,
        "epoch": list(range(len(accuracies))),
        "Train/loss": [1 / (1 + a) for a in accuracies],
        "Train/val_accuracy": accuracies,
    }
    return {"config": config, "log": log, "results": {"final_val_accuracy": accuracies[-1]}}


def lcbench_data() -> dict[str, Any]:
    one = lcbench_entry([10, 50, 60, 60.5], [0.5, 1.5, 2.75, 3], batch_size=64, loss='a}"{')
    two = lcbench_entry([20, 40, NAN, 30], [0.25, 2.25, 4.25, 5], batch_size=32, loss="b")
    return {"adult": {"10": one, "9": two}, 'odd "name}': {"0": one}}


LCBENCH = json.dumps(lcbench_data())


@pytest.mark.parametrize("write", ["plain", "indented", "gz", "zip", "tar"])
def test_lcbench(tmp_path: Path, write: str) -> None:
    path = tmp_path / "data_2k_lw.json"
    if write == "plain":
        path.write_text(LCBENCH)
    elif write == "indented":
        path.write_text(json.dumps(lcbench_data(), indent=1))
    elif write == "gz":
        path = tmp_path / "data_2k_lw.json.gz"
        path.write_bytes(gzip.compress(LCBENCH.encode()))
    elif write == "zip":
        path = zipped(tmp_path / "data_2k_lw.zip", {"lw/": "", "lw/data_2k_lw.json": LCBENCH})
    else:
        members = {"lw/": b"", "lw/data_2k_lw.json": LCBENCH.encode()}
        path = tarred(tmp_path / "data_2k_lw.tar.gz", members)
    found = by_name(path, "lcbench")
    assert list(found) == ["adult", 'odd "name}']
    adult = found["adult"]
    assert (adult.objective, adult.direction) == ("Train/val_accuracy", "maximize")
    assert adult.trials == ("9", "10")  # launch order is that of the ids
    assert adult.config["batch_size"] == (32, 64)
    # Entry 0 and the last are left out; 1.5 - 0.5 and 2.75 - 0.5 seconds.
    assert curve(adult, "10") == ([1, 2], [50, 60], [1.0, 2.25])
    steps, values, elapsed = curve(adult, "9")
    assert steps == [1, 2] and elapsed == [2.0, 4.0]
    np.testing.assert_array_equal(values, [40, NAN])
    assert "of each of 2 logs the first entry" in notes(adult)["entries_left_out"]
    assert notes(found['odd "name}'])["entries_left_out"].startswith("of each of 1 log ")


def test_lcbench_reads_only_what_is_asked_for(tmp_path: Path) -> None:
    """What other data sets hold is passed over, so a fault in them shows only when it is read."""
    path = tmp_path / "data_2k_lw.json"
    path.write_text(LCBENCH.replace("60.5", "sixty", 1))
    (study,) = by_name(path, "lcbench", studies=['odd "name}']).values()
    assert study.n_reports == 2
    with pytest.raises(EsimError, match=r"lw\.json, adult, configuration 10: not JSON"):
        read_inputs(path)
    with pytest.raises(EsimError, match=r"no study 'adlut'\n.*one of: adult"):
        read_inputs(path, studies=["adlut"])


def test_lcbench_other_metrics_and_faults(tmp_path: Path) -> None:
    path = tmp_path / "data_2k_lw.json"
    path.write_text(LCBENCH)
    found = by_name(path, "lcbench", objective="Train/loss", direction="minimize")
    assert curve(found["adult"], "10")[1] == [1 / 51, 1 / 61]
    with pytest.raises(EsimError, match=r"no metric 'Train/los'\n.*one of: Train/loss"):
        read_inputs(path, objective="Train/los")
    path.write_text(LCBENCH[:-40])
    with pytest.raises(EsimError, match=r"lw\.json:1: no JSON object of objects\n.*it is cut off"):
        read_inputs(path)
    broken = lcbench_data()
    del broken["adult"]["9"]["log"]
    path.write_text(json.dumps(broken))
    with pytest.raises(EsimError, match="adult, configuration 9: not a configuration of LCBench"):
        read_inputs(path)
    path.write_text(LCBENCH[:-1] + ', "more": [1, 2]}')
    with pytest.raises(EsimError, match=r"no JSON object of objects\n.*goes on with .*: \[1, 2\]"):
        read_inputs(path)


# PD1 ---------------------------------------------------------------------------------------------

GROUP = "mnist_simple_cnn,mnist,simple_cnn,simple_cnn,256"


def pd1_row(trial: str, group: str = GROUP, **columns: Any) -> str:
    row = {
        "dataset": "mnist",
        "hparams": {"lr_hparams": {"initial_value": 0.5}},
        "trial_dir": f"/cns/studies/{group}/{trial}",
        "status": "done",
        "hps.lr_hparams.initial_value": 0.5,
        "hps.input_shape": [28, 28, 1],
        "hps.activation_fn": None,
        "global_step": [100, 200, 300],
        "steps_per_sec": [10.0, 20.0, 5.0],
        "eval_time": [1.0, 1.0, 1.0],
        "preemption_count": [0, 0, 1],
        "valid/error_rate": [0.9, 0.5, 0.25],
        "valid/denominator": [5000, 5000, 5000],
        "study_group": group,
        "best_valid/error_rate": 0.25,
    }
    return json.dumps(row | columns) + "\n"


def pd1_text() -> str:
    silent = dict.fromkeys(("global_step", "steps_per_sec", "valid/error_rate"))
    return (
        pd1_row("1")
        + pd1_row("2", status="diverged", **silent)
        + pd1_row("3", status="diverged", **{"valid/error_rate": [0.9, None, 0.8]})
        + pd1_row("1", group="other")
    )


@pytest.mark.parametrize("write", ["plain", "gz", "tar"])
def test_pd1(tmp_path: Path, write: str) -> None:
    name, text = "pd1_matched_phase1_results.jsonl", pd1_text().encode()
    (tmp_path / "pd1").mkdir()
    (tmp_path / "pd1" / "mnist.json").write_text('{"dataset": "mnist", "model": "simple_cnn"}')
    if write == "plain":
        (tmp_path / "pd1" / name).write_bytes(text)
    elif write == "gz":
        (tmp_path / "pd1" / f"{name}.gz").write_bytes(gzip.compress(text))
    else:
        members = {"pd1/": b"", "pd1/README.txt": b"PD1", f"pd1/{name}.gz": gzip.compress(text)}
        tarred(tmp_path / "pd1" / "pd1.tar.gz", members)
    found = by_name(tmp_path / "pd1", "pd1")
    assert list(found) == [f"matched_phase1/{GROUP}", "matched_phase1/other"]
    study = found[f"matched_phase1/{GROUP}"]
    assert (study.objective, study.direction) == ("valid/error_rate", "minimize")
    assert study.trials == ("1", "3", "2")  # trials without reports come last
    # 100 / 10 and 200 / 20 seconds of one process; another one from step 200: 10 + 100 / 5.
    assert curve(study, "1") == ([100, 200, 300], [0.9, 0.5, 0.25], [10.0, 10.0, 30.0])
    np.testing.assert_array_equal(curve(study, "3")[1], [0.9, NAN, 0.8])
    assert study.status.tolist() == [Status.COMPLETED, Status.FAILED, Status.FAILED]
    assert study.config["lr_hparams.initial_value"] == (0.5,) * 3
    assert study.config["input_shape"] == ("[28, 28, 1]",) * 3
    assert "activation_fn" not in study.config
    assert found["matched_phase1/other"].trials == ("1",)


def test_pd1_reads_only_what_is_asked_for_and_names_lines(tmp_path: Path) -> None:
    path = tmp_path / "pd1_unmatched_phase0_results.jsonl"
    path.write_text(pd1_row("1") + pd1_row("1", group="other").replace("0.25", "x"))
    (study,) = by_name(path, "pd1", studies=[f"unmatched_phase0/{GROUP}"]).values()
    assert study.trials == ("1",)
    with pytest.raises(EsimError, match=r"results\.jsonl:2: not JSON"):
        read_inputs(path)
    path.write_text(pd1_row("1") + '{"dataset": "mnist"}\n')
    with pytest.raises(EsimError, match=r"jsonl:2: not a trial of PD1\n.*no study_group"):
        read_inputs(path)
    path.write_text(pd1_row("1", global_step=[100, 200]))
    with pytest.raises(EsimError, match=r"jsonl:1: 3 values of valid/error_rate and 2 of global"):
        read_inputs(path)


# NAS-Bench-201 -----------------------------------------------------------------------------------

ARCHS = (
    "|none~0|+|none~0|skip_connect~1|+|none~0|none~1|nor_conv_3x3~2|",
    "|avg_pool_3x3~0|+|nor_conv_1x1~0|none~1|+|none~0|none~1|none~2|",
)


def nb201_entry(each_epoch: str, once: str, accuracies: list[float]) -> dict[str, Any]:
    n = len(accuracies)
    at_end = {f"{once}@{n - 1}": 99.0}
    return {
        "name": "?",
        "train_acc1es": {str(e): a + 1 for e, a in enumerate(accuracies)},
        "train_times": {str(e): 2.0 for e in range(n)},
        "eval_acc1es": {f"{each_epoch}@{e}": a for e, a in enumerate(accuracies)} | at_end,
        "eval_losses": {f"{each_epoch}@{e}": 1 / a for e, a in enumerate(accuracies)},
        "eval_times": {f"{s}@{e}": 0.5 for s in (each_epoch, once) for e in range(n)},
    }


def nb201(each_epoch: str, once: str) -> str:
    seeds = {"777": [10.0, 20.0, 30.0], "888": [11.0, 12.0, 13.0]}
    data = {
        seed: {arch: nb201_entry(each_epoch, once, accuracies) for arch in ARCHS[: i + 1]}
        for i, (seed, accuracies) in enumerate(seeds.items())
    }
    return json.dumps(data)


@pytest.mark.parametrize("archive", [False, True])
def test_nasbench201(tmp_path: Path, archive: bool) -> None:
    files = {
        "NAS-Bench-201-v1_1-096897_cifar10-valid.json": nb201("x-valid", "ori-test"),
        "NAS-Bench-201-v1_1-096897_cifar100.json": nb201("ori-test", "x-test"),
    }
    if archive:
        zipped(tmp_path / "nasbench_201_data_v1.3.zip", files)
    else:
        for name, text in files.items():
            (tmp_path / name).write_text(text)
    found = by_name(tmp_path, "nasbench201")
    names = ["cifar10-valid/777", "cifar10-valid/888", "cifar100/777", "cifar100/888"]
    assert list(found) == names
    assert found["cifar10-valid/777"].objective == "x-valid/accuracy"
    study = found["cifar100/888"]
    assert (study.objective, study.direction) == ("ori-test/accuracy", "maximize")
    assert study.trials == ARCHS
    assert study.config["3<-2"] == ("nor_conv_3x3", "none")
    assert curve(study, ARCHS[0]) == ([0, 1, 2], [11, 12, 13], [2.5, 5.0, 7.5])
    assert study.done_at_zero == 1
    (once,) = by_name(
        tmp_path,
        "nasbench201",
        studies=["cifar100/888"],
        objective="x-test/accuracy",
        direction="maximize",
    ).values()
    assert curve(once, ARCHS[1]) == ([2], [99], [6.5])  # three epochs, and one evaluation


class FakeRun:
    """A trial as the authors' libraries give it."""

    def __init__(self, accuracies: list[float]) -> None:
        self.train_times = dict.fromkeys(range(len(accuracies)), 2.0)
        self.eval_acc1es = {f"ori-test@{e}": a for e, a in enumerate(accuracies)}
        self.eval_times = {f"ori-test@{e}": 0.5 for e in range(len(accuracies))}


class FakeApi:
    """What the exporting lines use of the authors' libraries, and how it was created."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.created = args, kwargs
        self.arch2infos_dict: dict[int, Any] = {}
        FakeApi.last = self

    last: FakeApi

    def __len__(self) -> int:
        return 2

    def query_by_index(self, index: int, data: str, hp: str) -> dict[int, FakeRun]:
        assert data == "cifar100"
        self.arch2infos_dict[index] = None
        seeds = (777, 888)[: index + 1]
        return {s: FakeRun([float(s + index + e) for e in range(int(hp))]) for s in seeds}


@pytest.mark.parametrize(
    ("name", "module", "function", "args", "kwargs", "epochs"),
    [
        ("NAS-Bench-201-v1_1-096897.pth", "nas_201_api", "NASBench201API", ("",), {}, 200),
        (
            "NATS-tss-v1_0-3ffb9.pickle.pbz2",
            "nats_bench",
            "create",
            ("", "tss"),
            {"fast_mode": False},
            200,
        ),
        (
            "NATS-sss-v1_0-50262-simple/000011.pickle.pbz2",
            "nats_bench",
            "create",
            ("/..", "sss"),
            {"fast_mode": True},
            90,
        ),
    ],
)
def test_pickles_of_nasbench201_are_not_opened_and_the_lines_of_the_error_export_them(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    module: str,
    function: str,
    args: tuple[str, ...],
    kwargs: dict[str, Any],
    epochs: int,
) -> None:
    pickle = tmp_path / "logs" / name
    pickle.parent.mkdir(parents=True)
    pickle.write_bytes(b"cos\nsystem\n(S'touch opened'\ntR.")
    with pytest.raises(EsimError, match="a pickle of NAS-Bench-201, which esim never opens") as it:
        read_inputs(tmp_path / "logs")
    assert "esim replay cifar100.csv --direction maximize" in (it.value.fix or "")
    lines = (it.value.fix or "").partition("\n\n")[2]
    monkeypatch.chdir(tmp_path)
    fake = types.ModuleType(module)
    setattr(fake, function, FakeApi)
    monkeypatch.setitem(sys.modules, module, fake)
    exec(lines, {})
    path = pickle.parent if args[0] else pickle
    assert FakeApi.last.created == ((str(path), *args[1:]), kwargs | {"verbose": False})
    assert not FakeApi.last.arch2infos_dict
    assert not (tmp_path / "opened").exists()
    found = by_name(tmp_path / "cifar100.csv", "table", direction="maximize")
    assert list(found) == ["cifar100/777", "cifar100/888"]
    assert found["cifar100/777"].trials == ("0", "1")
    steps, values, elapsed = curve(found["cifar100/888"], "1")
    assert steps == list(range(1, epochs + 1))
    assert values[:2] == [889, 890] and elapsed is not None and elapsed[:2] == [2.5, 5.0]


# NAS-Bench-NLP -----------------------------------------------------------------------------------


def nlp_log(model: int, losses: list[float], **more: Any) -> str:
    log = {
        "data": "data/ptb",
        "recepie_id": model,
        "cuda": True,
        "lr": 0.001,
        "recepie": '{"f": {"op": "linear"}}',
        "experiment_id": 999,
        "init_time": "2020-04-28_17-16-54",
        "num_params": 100,
        "wall_times": [2.5] * len(losses),
        "train_losses": [loss + 1 for loss in losses],
        "val_losses": losses,
        "test_losses": losses,
        "status": "OK",
    }
    return json.dumps(log | more)


@pytest.mark.parametrize("archive", [False, True])
def test_nasbench_nlp(tmp_path: Path, archive: bool) -> None:
    later = "2020-04-28_17-16-55"
    logs = {
        "log_stats_model_7_2020-04-28_17-16-55_999.json": nlp_log(7, [6.0, 5.5], init_time=later),
        "log_stats_model_8_2020-04-28_17-16-54_999.json": nlp_log(
            8, [6.5, NAN], status="loss is nan!"
        ),
        "log_stats_model_9_2020-04-28_17-16-55_999.json": nlp_log(
            9, [], init_time=later, status="Exception: CUDA"
        ),
    }
    if archive:
        zipped(tmp_path / "logs.zip", logs)
    else:
        for name, text in logs.items():
            (tmp_path / name).write_text(text)
    (study,) = by_name(tmp_path, "nasbench-nlp").values()
    assert (study.name, study.objective, study.direction) == ("ptb", "val_losses", "minimize")
    assert study.trials == ("8", "7", "9")  # in the order of their starts
    assert study.start[1] - study.start[0] == 1.0
    assert curve(study, "7") == ([1, 2], [6.0, 5.5], [2.5, 5.0])
    assert study.status.tolist() == [Status.FAILED, Status.COMPLETED, Status.FAILED]
    assert study.config["num_params"] == (100,) * 3
    assert "init_time" in notes(study)["zone_assumed"]


def test_nasbench_nlp_of_several_folders_and_trainings(tmp_path: Path) -> None:
    for folder, logs in {
        "train_logs_single_run": {1: nlp_log(7, [6.0])},
        "train_logs_multi_runs": {1: nlp_log(7, [6.1]), 2: nlp_log(7, [6.2], experiment_id=998)},
    }.items():
        (tmp_path / folder).mkdir()
        members = {f"log_stats_model_7_x_{i}.json": text for i, text in logs.items()}
        zipped(tmp_path / folder / "logs.zip", members)
    found = by_name(tmp_path, "nasbench-nlp")
    assert list(found) == ["train_logs_multi_runs", "train_logs_single_run"]
    assert found["train_logs_multi_runs"].trials == ("7/998", "7/999")


# TaskSet -----------------------------------------------------------------------------------------


def taskset(folder: Path, **replaced: Any) -> Path:
    ys = np.zeros((2, 2, 3, 4), dtype=np.float32)
    ys[0, 0, :, 1] = [3, 2, 1]
    ys[1, 0, :, 1] = [3, NAN, np.inf]
    ys[0, 1, :, 1] = [4, 3, 2]
    ys[0, 0, :, 3] = [9, 8, 7]
    names = np.array([b"adam1p_wide_grid_seed0", b"adam1p_wide_grid_seed1"])
    arrays = {"optimizers": names, "xs": np.array([0.0, 200.0, 400.0]), "ys": ys} | replaced
    (folder / "mlp_family_seed0").mkdir(exist_ok=True)
    path = folder / "mlp_family_seed0" / "adam1p_wide_grid_1k_10000_replica5.npz"
    np.savez(path, **{key: array for key, array in arrays.items() if array is not None})
    return path


def test_taskset_npz(tmp_path: Path) -> None:
    path = taskset(tmp_path)
    stem = "mlp_family_seed0/adam1p_wide_grid_1k"
    found = by_name(path, "taskset")
    assert list(found) == [f"{stem}/replica0", f"{stem}/replica1"]
    study = found[f"{stem}/replica0"]
    assert (study.objective, study.direction) == ("valid/loss", "minimize")
    assert study.trials == ("adam1p_wide_grid_seed0", "adam1p_wide_grid_seed1")
    assert curve(study, "adam1p_wide_grid_seed0") == ([0, 200, 400], [3, 2, 1], None)
    np.testing.assert_array_equal(curve(study, "adam1p_wide_grid_seed1")[1], [3, NAN, np.inf])
    assert curve(found[f"{stem}/replica1"], "adam1p_wide_grid_seed0")[1] == [4, 3, 2]
    assert not study.config and study.done_at_zero == 0
    config = {"adam1p_wide_grid_seed0": [{"learning_rate": 0.5}, "adam1p_wide_grid"]}
    (tmp_path / "adam1p_wide_grid.json").write_text(json.dumps(config))
    told = by_name(tmp_path, "taskset", objective="test/loss", direction="minimize")
    assert told[f"{stem}/replica0"].config["learning_rate"] == (0.5, None)
    assert curve(told[f"{stem}/replica0"], "adam1p_wide_grid_seed0")[1] == [9, 8, 7]


@pytest.mark.parametrize(
    ("replaced", "fault"),
    [
        ({"xs": np.arange(4.0)}, r"not the arrays of TaskSet\n.*xs \(4,\), ys \(2, 2, 3, 4\)"),
        ({"ys": None}, "not the arrays of TaskSet"),
        ({"optimizers": np.array([print, "b"], dtype=object)}, r"optimizers\.npy: no array"),
    ],
)
def test_taskset_npz_of_other_arrays(tmp_path: Path, replaced: Any, fault: str) -> None:
    with pytest.raises(EsimError, match=fault):
        read_inputs(taskset(tmp_path, **replaced))


# LCDB 1.1 ----------------------------------------------------------------------------------------


def test_lcdb_explorer(tmp_path: Path) -> None:
    (tmp_path / "er").mkdir()
    meta = {
        "learners": ["SVM_Linear", "KNN"],
        "dataset_ids": [11],
        "anchors": [16, 18, 20],
        "stat_labels": ["mean", "stderr"],
        "tvt_labels": ["train", "val", "test"],
    }
    (tmp_path / "meta.json").write_text(json.dumps(meta))
    (tmp_path / "names.json").write_text('{"11": "balance-scale", "12": "mfeat"}')
    blank = [[None] * 3] * 3
    of_svm = [[0.1, 0.5, 0.6], [0.1, 0.25, 0.3], [None, None, None]]
    of_knn = [[0.1, None, 0.6], [0.1, 0.375, 0.3], [0.0, 0.125, 0.25]]
    curves = [[of_svm, blank], [of_knn, blank]]
    (tmp_path / "er" / "11.json").write_text(json.dumps(curves))
    (study,) = by_name(tmp_path, "lcdb").values()
    assert (study.name, study.objective, study.direction) == ("11", "valid/error rate", "minimize")
    assert curve(study, "SVM_Linear") == ([16, 18], [0.5, 0.25], None)
    np.testing.assert_array_equal(curve(study, "KNN")[1], [NAN, 0.375, 0.125])
    (tested,) = by_name(
        tmp_path, "lcdb", objective="test/error rate", direction="minimize"
    ).values()
    assert curve(tested, "KNN")[1] == [0.6, 0.3, 0.25]
    (tmp_path / "er" / "11.json").write_text(json.dumps(curves[:1]))
    with pytest.raises(EsimError, match=r"an array of another shape\n.*\(1, 2, 3, 3\); expected"):
        read_inputs(tmp_path)


def test_lcdb_hdf5_without_its_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "LCDB11_ER_265_24.hdf5"
    path.write_bytes(b"\x89HDF\r\n\x1a\n")
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(EsimError, match=r"HDF5 cannot be read\n.*pip install h5py"):
        read_inputs(path)


def test_lcdb_hdf5(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    errors = np.zeros((2, 2, 2, 2, 3, 3, 3, 2))
    # Data set 1, learner 0, outer split 1, validation: the means of two inner splits.
    errors[1, 0, 1, :, :, 1, 0, 0] = [[0.5, 0.25, NAN], [0.25, 0.25, 0.125]]
    errors[1, 0, 1, :, :, 2, 2, 0] = [[0.5, 0.5, 0.5], [1, 1, 1]]
    path = tmp_path / "LCDB11_ER_265_24.hdf5"
    with h5py.File(path, "w") as file:
        file["error rate"], file["anchor list"] = errors, np.array([16, 18, 20])
        file["dataset ids"], file["learner zoo"] = np.array([3, 6]), np.bytes_(["LDA", "KNN"])
    with h5py.File(tmp_path / "LCDB11_ER_265_catboost.hdf5", "w") as file:
        file["error rate"] = errors[:, :1, :, :, :, :, :1, :1]
        file["dataset ids"] = np.array([3, 6])
    found = by_name(tmp_path, "lcdb")
    assert list(found) == ["3/outer0", "3/outer1", "6/outer0", "6/outer1"]
    study = found["6/outer1"]
    assert (study.objective, study.direction) == ("valid/error rate", "minimize")
    assert study.trials == ("LDA", "KNN", "catboost")
    assert curve(study, "LDA") == ([16, 18], [0.375, 0.25], None)
    assert curve(study, "catboost")[0] == [16, 18]  # ceil(16 * 2 ** (k / 8))
    (other,) = by_name(
        path,
        "lcdb",
        studies=["6/outer1"],
        objective="test/error rate/standardFS",
        direction="minimize",
    ).values()
    assert curve(other, "LDA")[1] == [0.75] * 3
    (tmp_path / "LCDB11_ER_CC18_24.hdf5").write_bytes(path.read_bytes())
    with pytest.raises(EsimError, match="'LDA' is found twice in study '3/outer0'"):
        read_inputs(tmp_path)


# Syne Tune's blackboxes --------------------------------------------------------------------------


def blackbox(folder: Path, default: str, names: list[str], tasks: Mapping[str, Any]) -> None:
    """A folder as Syne Tune writes it: in files of all tasks, or for PD1 in those of each."""
    clock = {"metric_elapsed_time": "metric_elapsed_time", "time_attr": "hp_epoch"}
    about = clock | {"metric_default": default, "objectives_names": names, "task_names": [*tasks]}
    (folder / "metadata.json").write_text(json.dumps(about))
    (folder / "configspace.json").write_text("{}")
    configs = pa.table({"hp_x0": ["none", "skip"], "lr": [0.5, 0.25]})
    if default == "metric_valid_error_rate":
        for task, values in tasks.items():
            pq.write_table(configs, folder / f"{task}-hyperparameters.parquet")
            np.save(folder / f"{task}-objectives_evaluations.npy", values)
            np.save(folder / f"{task}-fidelity_values.npy", np.arange(1, 4))
    else:
        pq.write_table(configs, folder / "hyperparameters.parquet")
        np.save(folder / "objectives_evaluations.npy", np.stack([*tasks.values()]))
        np.save(folder / "fidelities_values.npy", np.arange(1, 4))


def test_blackbox_of_all_tasks(tmp_path: Path) -> None:
    values = np.zeros((2, 2, 3, 2), dtype=np.float32)  # configurations, seeds, epochs, objectives
    values[1, 1] = [[0.5, 2], [0.25, 4], [0.125, 6]]
    names = ["metric_valid_error", "metric_elapsed_time"]
    blackbox(tmp_path, "metric_valid_error", names, {"cifar10": values, "cifar100": values})
    found = by_name(tmp_path, "syne-tune-blackbox")
    assert list(found) == ["cifar10/seed0", "cifar10/seed1", "cifar100/seed0", "cifar100/seed1"]
    study = found["cifar100/seed1"]
    assert (study.objective, study.direction) == ("metric_valid_error", "minimize")
    assert curve(study, "1") == ([1, 2, 3], [0.5, 0.25, 0.125], [2, 4, 6])
    assert study.config == {"hp_x0": ("none", "skip"), "lr": (0.5, 0.25)}
    np.save(tmp_path / "fidelities_values.npy", np.arange(1, 5))
    with pytest.raises(EsimError, match=r"another shape\n.*\(2, 2, 3, 2\); expected \(2, -1, 4, 2"):
        read_inputs(tmp_path)
    (tmp_path / "hyperparameters.parquet").unlink()
    with pytest.raises(EsimError, match=r"no hyperparameters\.parquet"):
        read_inputs(tmp_path)


def test_blackbox_of_pd1_has_no_times(tmp_path: Path) -> None:
    """Its times add up eval_time, which is the duration of each evaluation."""
    values = np.array([[[[0.5, 2], [0.25, 4], [NAN, NAN]]], [[[1, 2]] * 3]], dtype=np.float32)
    names = ["metric_valid_error_rate", "metric_elapsed_time"]
    blackbox(tmp_path, "metric_valid_error_rate", names, {"mnist_256": values})
    (study,) = by_name(tmp_path, "syne-tune-blackbox").values()
    assert study.name == "mnist_256"
    assert curve(study, "0") == ([1, 2], [0.5, 0.25], None)  # the padding is no report
    assert "seconds of evaluations" in notes(study)["times_left_out"]


# All of them -------------------------------------------------------------------------------------


def test_archives_that_are_damaged_or_too_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = zipped(tmp_path / "lw.zip", {"data_2k_lw.json": LCBENCH})
    whole = path.read_bytes()
    path.write_bytes(whole[:-30])
    with pytest.raises(EsimError, match="the zip file cannot be read"):
        read_inputs(path)
    begin = len(whole) - 6  # of the offset of the list of members: the first lies before the file
    path.write_bytes(whole[:begin] + b"\xff\xff\xff\0" + whole[-2:])
    with pytest.raises(EsimError, match="the zip file cannot be read"):
        read_inputs(path)
    path.write_bytes(whole)
    monkeypatch.setattr(Limits, "expanded", lambda self, stored: len(LCBENCH) - 1)
    with pytest.raises(EsimError, match="the unpacked archive is too large"):
        read_inputs(path)
    name = "pd1_matched_phase1_results.jsonl.gz"
    bomb = tarred(tmp_path / "pd1.tar.gz", {f"pd1/{name}": gzip.compress(b" " * len(LCBENCH))})
    with pytest.raises(EsimError, match="too large"):
        read_inputs(bomb)
    monkeypatch.undo()
    damaged = tarred(tmp_path / "pd1.tar.gz", {f"pd1/{name}": gzip.compress(b"{}")[:-6]})
    with pytest.raises(EsimError, match="the gzip data is cut off or damaged"):
        read_inputs(damaged)


@pytest.mark.parametrize(
    "text",
    [
        '{"a": {"b": {"config": {"lr": 1}, "log": {"loss": [1, 2]}}}}',
        '{"runs": {"1": {"config": {"lr": 1}, "Train/loss": [1, 2]}}}',
        '{"777": {"model": {"eval_acc1es": {"x-valid@0": 1}}}}',
        '{"learners": ["a"], "anchors": [1, 2]}',
        '{"study_group": "g", "valid/error_rate": [1, 2]}',
        '{"objectives_names": ["loss"], "task_names": ["a"]}',
        '{"val_losses": [1, 2], "recepie_id": 3}',
    ],
)
@pytest.mark.parametrize("archive", [False, True])
def test_other_peoples_json_is_not_claimed(tmp_path: Path, text: str, archive: bool) -> None:
    names = {fmt.name for fmt in esim.readers.plugins.known_formats() if "benchmarks" in fmt.module}
    path = tmp_path / "metadata.json"
    path.write_text(text)
    if archive:
        path = zipped(tmp_path / "logs.zip", {"metadata.json": text})
    for fmt in esim.readers.plugins.known_formats():
        if fmt.name in names:
            assert not fmt.detect(esim.readers.opening.open_sources([path])[0]).matches, fmt.name
