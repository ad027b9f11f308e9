"""The formats of training libraries that write a table for each run: a row of data each.

Sources: keras/src/callbacks/csv_logger.py; lightning/fabric/loggers/csv_logs.py and
lightning/pytorch/loggers/csv_logs.py; ultralytics/engine/trainer.py, save_metrics;
detectron2/utils/events.py, JSONWriter; mmcv/runner/hooks/logger/text.py; mmengine/visualization/
vis_backend.py and hooks/logger_hook.py; llamafactory/train/callbacks.py, LogCallback; dvclive/
plots/metric.py; stable_baselines3/common/logger.py and monitor.py.
"""

from __future__ import annotations

from collections.abc import Sequence

from esim.readers.formats import Format
from esim.readers.loggers import Logger
from esim.readers.run_logs import Layout
from esim.readers.tables.names import name_trials, names_no_trial, names_rows, names_time

_NEEDS = ("direction", "objective, if there are several metrics")
_TAKES = ("step", "where")


def _is_keras(columns: Sequence[str]) -> bool:
    others = {"step", "_step", "iteration", "global_step"}
    first = columns[:1] == ("epoch",) and len(columns) > 1
    plain = first and not others & set(columns) and not names_time(columns)
    trials = name_trials(columns[1:]) or not names_no_trial(columns)
    return plain and not trials and not names_rows(columns)


def _is_ultralytics(columns: Sequence[str]) -> bool:
    own = any(name.startswith(("train/", "metrics/")) for name in columns)
    return columns[:1] == ("epoch",) and own


KERAS = Logger(
    # A second training with append=True continues the file without another header.
    what="Keras' CSVLogger",
    header="epoch as the first column",
    hint=b"epoch",
    is_header=_is_keras,
    layout=Layout(steps=("epoch",)),
    all_tables=True,
    configs=("hparams.json", "hparams.yaml", "config.json", "config.yaml"),
)
LIGHTNING = Logger(
    # A row is one call of log_metrics: training and validation have rows of their own.
    what="Lightning's CSVLogger",
    file="metrics.csv",
    header="a column step",
    is_header=lambda columns: (
        "step" in columns and names_no_trial(columns) and not names_rows(columns)
    ),
    layout=Layout(steps=("epoch", "step"), sparse=True),
    configs=("hparams.yaml",),
    owns=True,
)
ULTRALYTICS = Logger(
    # `time` counts from the begin of training; older releases have none.
    what="Ultralytics",
    file="results.csv",
    header="epoch, train/* and metrics/*",
    is_header=_is_ultralytics,
    layout=Layout(steps=("epoch",), elapsed=("time",)),
    configs=("args.yaml", "opt.yaml"),
    owns=True,
)
DETECTRON2 = Logger(
    # `time` and `data_time` are seconds an iteration; evaluations may have rows of their own.
    what="Detectron2",
    file="metrics.json",
    header="iteration",
    is_header=lambda columns: "iteration" in columns and names_no_trial(columns),
    layout=Layout(
        steps=("iteration",),
        beside=("time", "data_time", "rank_data_time", "eta_seconds", "lr"),
        sparse=True,
    ),
    encodings=("JSONL",),
    owns=True,
)
MMCV = Logger(
    # The first line describes the environment. `iter` begins again in each epoch unless training
    # is by iteration, and counts the batches of the evaluation in rows of mode "val".
    what="MMCV",
    path=r"(?P<run>.*?)(?:^|/)\d{8}_\d{6}\.log\.json",
    resumes=True,
    header="mode, epoch and iter",
    is_header=lambda columns: {"mode", "epoch", "iter"} <= set(columns),
    layout=Layout(
        steps=("epoch", "iter"),
        beside=("time", "data_time", "memory", "lr", "seed"),
        sparse=True,
        split="mode",
        carried="iter",
        carried_from="train",
    ),
    encodings=("JSONL",),
)
MMENGINE = Logger(
    # Rows of an evaluation say only the epoch (as `step`) or 0: they belong to the row before.
    what="MMEngine",
    path=r"(?P<run>.*?)(?:^|/)\d{8}_\d{6}/vis_data/scalars\.json",
    resumes=True,
    header="iter or step",
    is_header=lambda columns: "step" in columns and names_no_trial(columns),
    layout=Layout(
        steps=("epoch", "iter"),
        beside=("time", "data_time", "memory", "lr", "step"),
        sparse=True,
        carried="iter",
    ),
    encodings=("JSONL",),
)
LLAMA_FACTORY = Logger(
    what="LLaMA-Factory",
    file="trainer_log.jsonl",
    header="current_steps",
    is_header=lambda columns: "current_steps" in columns,
    layout=Layout(
        steps=("current_steps",),
        elapsed=("elapsed_time",),
        beside=(
            *("total_steps", "percentage", "remaining_time", "throughput", "total_tokens"),
            *("lr", "learning_rate", "epoch"),
        ),
        sparse=True,
    ),
    encodings=("JSONL",),
    owns=True,
)
DVCLIVE = Logger(
    # A file a metric, named by its path below plots/metrics; older releases keep them elsewhere.
    what="DVCLive",
    path=r"(?P<run>.*?)(?:(?:^|/)dvclive)?(?:^|/)(?:plots/)?(?:metrics|scalars)/(?P<metric>.+)\.tsv",
    header="step and a metric",
    is_header=lambda columns: "step" in columns and len(set(columns) - {"step", "timestamp"}) == 1,
    layout=Layout(steps=("step",), timestamps=("timestamp",), sparse=True),
    configs=("params.yaml",),
)
STABLE_BASELINES = Logger(
    # Rows of an evaluation hold no time; the order of columns differs from run to run.
    what="Stable-Baselines' logger",
    path=r"(?P<run>.*?)(?:^|/)progress\.(?:csv|json)",
    header="a column of time steps",
    is_header=lambda columns: any(name.endswith("total_timesteps") for name in columns),
    layout=Layout(
        steps=("time/total_timesteps", "misc/total_timesteps", "total_timesteps"),
        elapsed=("time/time_elapsed", "misc/time_elapsed", "time_elapsed"),
        beside=("time/fps", "time/iterations", "fps", "nupdates", "serial_timesteps"),
        sparse=True,
    ),
    encodings=("CSV", "JSONL"),
    owns=True,
)
MONITOR = Logger(
    # A row for each episode: its reward, its length, and the seconds since the run's start.
    what="Stable-Baselines' Monitor",
    file="monitor.csv",
    header="r, l and t",
    is_header=lambda columns: {"r", "l", "t"} <= set(columns),
    layout=Layout(steps=("row",), elapsed=("t",), beside=("l",)),
)

FORMATS = (
    Format(
        name="detectron2",
        summary="Detectron2: metrics.json of each run, JSON lines with iteration",
        needs=_NEEDS,
        first_step="done",
        takes=_TAKES,
        files="metrics.json, JSON lines with iteration",
        reader=DETECTRON2,
        sample={
            "exp1/metrics.json": '{"iteration": 19, "lr": 0.001, "time": 0.3, "total_loss": 1.9}\n'
            '{"iteration": 39, "lr": 0.001, "time": 0.3, "total_loss": 1.2}\n'
            '{"bbox/AP": 31.2, "iteration": 39}\n'
        },
    ),
    Format(
        name="dvclive",
        summary="DVCLive: plots/metrics/*.tsv of each run, a file a metric",
        needs=_NEEDS,
        times=True,
        configs=True,
        first_step="done",
        takes=_TAKES,
        files="dvclive/plots/metrics/*.tsv",
        reader=DVCLIVE,
        sample={
            "a/dvclive/plots/metrics/val/loss.tsv": "step\tloss\n0\t1.5\n1\t0.75\n",
            "a/dvclive/plots/metrics/acc.tsv": "step\tacc\n0\t0.5\n1\t0.625\n",
        },
    ),
    Format(
        name="keras",
        summary="Keras' CSVLogger: a CSV file a run, epoch first",
        needs=_NEEDS,
        configs=True,
        by_contents=True,
        first_step="done",
        takes=_TAKES,
        files="CSVLogger's file, a run a file",
        reader=KERAS,
        sample={"lr1.csv": "epoch,loss,val_loss\n0,1.5,1.25\n1,0.75,0.625\n"},
    ),
    Format(
        name="lightning",
        summary="Lightning's CSVLogger: metrics.csv and hparams.yaml of each version",
        needs=_NEEDS,
        configs=True,
        first_step="done",
        takes=_TAKES,
        files="CSVLogger's metrics.csv, hparams.yaml",
        reader=LIGHTNING,
        sample={
            "version_0/metrics.csv": "epoch,step,train_loss,val_loss\n0,9,1.5,\n0,9,,1.25\n"
            "1,19,0.75,\n1,19,,0.625\n"
        },
    ),
    Format(
        name="llama-factory",
        summary="LLaMA-Factory: trainer_log.jsonl of each run",
        needs=_NEEDS,
        times=True,
        first_step="before",
        takes=_TAKES,
        files="trainer_log.jsonl",
        reader=LLAMA_FACTORY,
        sample={
            "lora1/trainer_log.jsonl": '{"current_steps": 10, "total_steps": 20, "loss": 1.5, '
            '"lr": 5e-05, "epoch": 0.5, "percentage": 50.0, "elapsed_time": "0:00:10", '
            '"remaining_time": "0:00:10"}\n'
            '{"current_steps": 20, "total_steps": 20, "loss": 0.75, "lr": 0.0, "epoch": 1.0, '
            '"percentage": 100.0, "elapsed_time": "0:00:20", "remaining_time": "0:00:00"}\n'
        },
    ),
    Format(
        name="mmcv",
        summary="MMCV (OpenMMLab 1.x): *.log.json of each run, rows of mode train and val",
        needs=_NEEDS,
        first_step="before",
        takes=_TAKES,
        files="*.log.json of OpenMMLab 1.x",
        reader=MMCV,
        sample={
            "work1/20240131_120000.log.json": '{"env_info": "linux", "seed": 0}\n'
            '{"mode": "train", "epoch": 1, "iter": 50, "lr": 0.01, "loss": 1.5}\n'
            '{"mode": "val", "epoch": 1, "iter": 200, "lr": 0.01, "bbox_mAP": 0.25}\n'
            '{"mode": "train", "epoch": 2, "iter": 50, "lr": 0.01, "loss": 0.75}\n'
            '{"mode": "val", "epoch": 2, "iter": 200, "lr": 0.01, "bbox_mAP": 0.5}\n'
        },
    ),
    Format(
        name="mmengine",
        summary="MMEngine (OpenMMLab 2.x): vis_data/scalars.json of each run",
        needs=_NEEDS,
        first_step="before",
        takes=_TAKES,
        files="vis_data/scalars.json of OpenMMLab 2.x",
        reader=MMENGINE,
        sample={
            "work1/20240131_120000/vis_data/scalars.json": '{"lr": 0.01, "loss": 1.5, "epoch": 1, '
            '"iter": 3, "step": 3}\n{"acc": 0.25, "step": 1}\n'
            '{"lr": 0.01, "loss": 0.75, "epoch": 2, "iter": 6, "step": 6}\n'
            '{"acc": 0.5, "step": 2}\n'
        },
    ),
    Format(
        name="monitor",
        summary="Stable-Baselines and Gym: monitor.csv of each run, a row an episode",
        needs=_NEEDS,
        times=True,
        beside_others=True,
        takes=_TAKES,
        files="monitor.csv of Stable-Baselines and Gym",
        reader=MONITOR,
        sample={
            "a/monitor.csv": '#{"t_start": 1700000000.5, "env_id": "x"}\nr,l,t\n9.0,9,0.5\n'
            "12.0,12,0.75\n"
        },
    ),
    Format(
        name="stable-baselines",
        summary="Stable-Baselines (also OpenAI Baselines): progress.csv of each run",
        needs=_NEEDS,
        times=True,
        first_step="before",
        takes=_TAKES,
        files="progress.csv",
        reader=STABLE_BASELINES,
        sample={
            "ppo1/progress.csv": "rollout/ep_rew_mean,time/total_timesteps,time/time_elapsed\n"
            "20.5,2048,3\n40.25,4096,6\n"
        },
    ),
    Format(
        name="ultralytics",
        summary="Ultralytics and YOLOv5: results.csv and args.yaml of each run",
        needs=_NEEDS,
        times=True,
        configs=True,
        first_step="done",
        takes=_TAKES,
        files="results.csv, args.yaml",
        reader=ULTRALYTICS,
        sample={
            "train/results.csv": "epoch,time,train/loss,metrics/mAP50(B)\n1,9.5,1.5,0.25\n"
            "2,19,0.75,0.5\n"
        },
    ),
)
