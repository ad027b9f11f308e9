"""Run a random search locally and write it down in the shape of a SageMaker export.

A job says how to load its data and how to train one configuration; `record` runs its trials in a
few slots (the next trial starts when a slot frees), stamps every printed line with the wall clock
and writes the layout that `data/README.md` describes. Times are whole milliseconds since the epoch.
"""

from __future__ import annotations

import csv
import gzip
import json
import math
import multiprocessing
import os
import re
import shutil
import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np

Say = Callable[[str], None]
Config = dict[str, str]

DATA = Path(__file__).resolve().parent.parent
PERMISSION_CHECK = "Permission Check Successful"


@dataclass(frozen=True)
class Continuous:
    """A real hyperparameter, drawn uniformly on a linear or a logarithmic scale."""

    name: str
    low: float
    high: float
    log: bool = False

    def draw(self, rng: np.random.Generator) -> str:
        """Return one value as the text the trial is given."""
        if self.log:
            return f"{math.exp(rng.uniform(math.log(self.low), math.log(self.high))):.6g}"
        return f"{rng.uniform(self.low, self.high):.6g}"


@dataclass(frozen=True)
class Integer:
    """A whole-number hyperparameter; both ends are included."""

    name: str
    low: int
    high: int

    def draw(self, rng: np.random.Generator) -> str:
        """Return one value as the text the trial is given."""
        return str(rng.integers(self.low, self.high, endpoint=True))


@dataclass(frozen=True)
class Categorical:
    """A hyperparameter with named values."""

    name: str
    values: tuple[str, ...]

    def draw(self, rng: np.random.Generator) -> str:
        """Return one value as the text the trial is given."""
        return self.values[int(rng.integers(len(self.values)))]


Range = Continuous | Integer | Categorical


@dataclass(frozen=True)
class Metric:
    """A metric's name and the regex whose first group is its value."""

    name: str
    regex: str


@dataclass(frozen=True)
class Job:
    """One tuning job: what is searched, how a trial trains, how its lines are read.

    `load` and `train` must be importable (plain functions of the script), because the slots are
    processes of their own. The first metric is the objective.
    """

    name: str
    folder: str
    logs: Literal["streams", "s3-export"]
    direction: Literal["Minimize", "Maximize"]
    metrics: tuple[Metric, ...]
    step_regex: str
    ranges: tuple[Range, ...]
    static: Config
    trials: int
    seed: int
    load: Callable[[], Any]
    train: Callable[[Any, Config, Say], None]
    slots: int = 4
    table: bool = True  # as a table too; then the export is a folder beside it


@dataclass(frozen=True)
class Line:
    """One printed line, as it reaches the log: control characters are text."""

    at: int  # ms
    text: str


@dataclass(frozen=True)
class Trial:
    """One trial as it ran; all times in ms, created <= started <= loaded <= lines <= ended."""

    name: str
    config: Config  # the tuned hyperparameters
    created: int
    started: int
    loaded: int
    ended: int
    lines: tuple[Line, ...]

    def __post_init__(self) -> None:
        """Refuse a trial whose times are out of order."""
        times = [self.created, self.started, self.loaded, *(x.at for x in self.lines), self.ended]
        if times != sorted(times):
            raise ValueError(f"{self.name}: the clock went backwards, record again")


@dataclass(frozen=True)
class Report:
    """The values of one step, as the text that was printed."""

    at: int  # ms
    step: int
    values: tuple[str, ...]  # one per metric


def now() -> int:
    """Return the wall clock in whole milliseconds."""
    return time.time_ns() // 1_000_000


def iso(ms: int) -> str:
    """Return a time as the AWS command line prints it."""
    return datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S") + (
        f".{ms % 1000:03d}000+00:00"
    )


def iso_z(ms: int) -> str:
    """Return a time as a log export writes it."""
    return iso(ms).replace("000+00:00", "Z")


def control_characters_as_text(text: str) -> str:
    """Return the line as CloudWatch stores it: a tab is the four characters #011."""
    return re.sub(r"[\x00-\x1f]", lambda m: f"#{ord(m[0]):03o}", text.rstrip("\n"))


# --- running ---------------------------------------------------------------------------------

_next: Any = None  # the shared counter of launched trials, set in every slot


def _open_slot(counter: Any) -> None:
    global _next
    _next = counter


def _run_next(task: tuple[Job, list[tuple[str, Config]]]) -> Trial:
    """Launch the next trial in order; starts are 2 ms apart at least, so their order is clear."""
    job, launches = task
    with _next.get_lock():
        name, config = launches[_next.value]
        _next.value += 1
        created = now()
        time.sleep(0.002)
        started = now()
    lines: list[Line] = []

    def say(text: str) -> None:
        lines.append(Line(now(), control_characters_as_text(text)))

    data = job.load()
    loaded = now()
    job.train(data, {**job.static, **config}, say)
    return Trial(name, config, created, started, loaded, now(), tuple(lines))


def _launches(job: Job, rng: np.random.Generator) -> list[tuple[str, Config]]:
    return [
        (
            f"{job.name}-{number:03d}-{rng.bytes(4).hex()}",
            {r.name: r.draw(rng) for r in job.ranges},
        )
        for number in range(1, job.trials + 1)
    ]


def run(job: Job, launches: list[tuple[str, Config]]) -> list[Trial]:
    """Run every trial, `job.slots` at a time, one thread each; return them in launch order."""
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = "1"
    context = multiprocessing.get_context("spawn")
    counter = context.Value("i", 0)
    done: list[Trial] = []
    with context.Pool(job.slots, initializer=_open_slot, initargs=(counter,)) as pool:
        for trial in pool.imap_unordered(_run_next, [(job, launches)] * len(launches)):
            done.append(trial)
            seconds = (trial.ended - trial.started) / 1000
            print(f"{len(done)}/{len(launches)} {trial.name} {seconds:.1f} s", flush=True)
    return sorted(done, key=lambda trial: trial.name)


# --- reading the printed lines ---------------------------------------------------------------


def reports(job: Job, trial: Trial) -> list[Report]:
    """Return the trial's reports: the lines that carry a step and every metric."""
    found = []
    for line in trial.lines:
        step = re.search(job.step_regex, line.text)
        values = [re.search(metric.regex, line.text) for metric in job.metrics]
        if step and all(values):
            texts = tuple(match[1] for match in values if match)
            found.append(Report(line.at, int(step[1]), texts))
    if not found:
        raise ValueError(f"{trial.name}: no line carries {[m.name for m in job.metrics]}")
    return found


def final_value(job: Job, trial: Trial) -> float:
    """Return the last objective as the API gives it: float32 widened to float64."""
    return float(np.float32(reports(job, trial)[-1].values[0]))


# --- writing ---------------------------------------------------------------------------------


def _write_json(path: Path, document: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8", newline="\n")


def _write_csv(path: Path, header: list[str], rows: Iterable[list[str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def _parameter_ranges(ranges: tuple[Range, ...]) -> dict[str, Any]:
    kinds: dict[str, list[dict[str, Any]]] = {
        "IntegerParameterRanges": [],
        "ContinuousParameterRanges": [],
        "CategoricalParameterRanges": [],
    }
    for r in ranges:
        match r:
            case Categorical():
                kinds["CategoricalParameterRanges"].append(
                    {"Name": r.name, "Values": list(r.values)}
                )
            case _:
                scale = "Logarithmic" if isinstance(r, Continuous) and r.log else "Linear"
                kinds[f"{type(r).__name__}ParameterRanges"].append(
                    {
                        "Name": r.name,
                        "MinValue": f"{r.low:g}",
                        "MaxValue": f"{r.high:g}",
                        "ScalingType": scale,
                    }
                )
    return cast("dict[str, Any]", kinds)


def _metric_definitions(job: Job) -> list[dict[str, str]]:
    """Return the definitions; a tuning job carries its objective once more as ObjectiveMetric."""
    named = [*job.metrics, Metric("ObjectiveMetric", job.metrics[0].regex)]
    return [{"Name": metric.name, "Regex": metric.regex} for metric in named]


RESOURCES = {"InstanceType": "local", "InstanceCount": 1}


def _summary(job: Job, trial: Trial) -> dict[str, Any]:
    return {
        "TrainingJobName": trial.name,
        "CreationTime": iso(trial.created),
        "TrainingStartTime": iso(trial.started),
        "TrainingEndTime": iso(trial.ended),
        "TrainingJobStatus": "Completed",
        "TunedHyperParameters": trial.config,
        "FinalHyperParameterTuningJobObjectiveMetric": {
            "MetricName": job.metrics[0].name,
            "Value": final_value(job, trial),
        },
        "ObjectiveStatus": "Succeeded",
    }


def _training_job(job: Job, trial: Trial) -> dict[str, Any]:
    seconds = trial.ended // 1000 - trial.started // 1000
    phases = [
        ("Starting", trial.created, trial.started),
        ("Downloading", trial.started, trial.loaded),
        ("Training", trial.loaded, trial.ended),
        ("Completed", trial.ended, trial.ended),
    ]
    return {
        "TrainingJobName": trial.name,
        "TrainingJobStatus": "Completed",
        "SecondaryStatus": "Completed",
        "HyperParameters": {**job.static, **trial.config},
        "AlgorithmSpecification": {"MetricDefinitions": _metric_definitions(job)},
        "ResourceConfig": RESOURCES,
        "CreationTime": iso(trial.created),
        "TrainingStartTime": iso(trial.started),
        "TrainingEndTime": iso(trial.ended),
        "SecondaryStatusTransitions": [
            {"Status": status, "StartTime": iso(start), "EndTime": iso(end)}
            for status, start, end in phases
        ],
        "TrainingTimeInSeconds": seconds,
        "BillableTimeInSeconds": seconds,
    }


def _tuning_job(job: Job, trials: list[Trial], created: int, ended: int) -> dict[str, Any]:
    pick = min if job.direction == "Minimize" else max
    return {
        "HyperParameterTuningJobName": job.name,
        "HyperParameterTuningJobConfig": {
            "Strategy": "Random",
            "HyperParameterTuningJobObjective": {
                "Type": job.direction,
                "MetricName": job.metrics[0].name,
            },
            "ResourceLimits": {
                "MaxNumberOfTrainingJobs": len(trials),
                "MaxParallelTrainingJobs": job.slots,
            },
            "TrainingJobEarlyStoppingType": "Off",
            "ParameterRanges": _parameter_ranges(job.ranges),
            "RandomSeed": job.seed,
        },
        "TrainingJobDefinition": {
            "StaticHyperParameters": job.static,
            "AlgorithmSpecification": {"MetricDefinitions": _metric_definitions(job)},
            "ResourceConfig": RESOURCES,
        },
        "HyperParameterTuningJobStatus": "Completed",
        "CreationTime": iso(created),
        "HyperParameterTuningEndTime": iso(ended),
        "TrainingJobStatusCounters": {
            "Completed": len(trials),
            "InProgress": 0,
            "RetryableError": 0,
            "NonRetryableError": 0,
            "Stopped": 0,
        },
        "ObjectiveStatusCounters": {"Succeeded": len(trials), "Pending": 0, "Failed": 0},
        "BestTrainingJob": _summary(job, pick(trials, key=lambda trial: final_value(job, trial))),
    }


def _write_streams(folder: Path, trials: list[Trial]) -> None:
    """Write one text file per log stream, in order of time."""
    for trial in trials:
        path = folder / trial.name / f"algo-1-{trial.started // 1000}.log"
        path.parent.mkdir(parents=True)
        text = "".join(f"{iso_z(line.at)} {line.text}\n" for line in trial.lines)
        path.write_text(text, encoding="utf-8", newline="\n")


def _write_s3_export(folder: Path, trials: list[Trial], rng: np.random.Generator) -> None:
    """Write what an S3 export task leaves: gzip, blocks of lines in no order of time."""
    task = folder / str(uuid.UUID(bytes=rng.bytes(16), version=4))
    for trial in trials:
        path = task / f"{trial.name}-algo-1-{trial.started // 1000}" / "000000.gz"
        path.parent.mkdir(parents=True)
        lines = [f"{iso_z(line.at)} {line.text}\n" for line in trial.lines]
        blocks = [lines[i : i + 7] for i in range(0, len(lines), 7)]
        text = "".join("".join(blocks[i]) for i in rng.permutation(len(blocks)))
        path.write_bytes(gzip.compress(text.encode(), mtime=0))
    (folder / "aws-logs-write-test").write_text(PERMISSION_CHECK, encoding="utf-8")


def _write_table(folder: Path, job: Job, trials: list[Trial]) -> None:
    _write_csv(
        folder / "reports.csv",
        ["study", "trial", "step", *(metric.name for metric in job.metrics), "elapsed_s"],
        (
            [job.name, t.name, str(r.step), *r.values, f"{(r.at - t.started) / 1000:.3f}"]
            for t in trials
            for r in reports(job, t)
        ),
    )
    tuned = [r.name for r in job.ranges]
    _write_csv(
        folder / "trials.csv",
        ["study", "trial", "start", "end", "status", "instance_type", "instance_count"]
        + [f"config.{name}" for name in tuned],
        (
            [job.name, t.name, iso_z(t.started), iso_z(t.ended), "Completed", "local", "1"]
            + [t.config[name] for name in tuned]
            for t in trials
        ),
    )


def record(job: Job) -> None:
    """Run the job and write `data/<folder>/`, which appears only when it is whole."""
    rng = np.random.default_rng(job.seed)
    launches = _launches(job, rng)
    created = now()
    trials = run(job, launches)
    ended = now()

    target = DATA / job.folder
    partial = DATA / f".{job.folder}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    export = partial / "sagemaker" if job.table else partial
    _write_json(
        export / "describe-hyper-parameter-tuning-job.json",
        _tuning_job(job, trials, created, ended),
    )
    newest_first = [_summary(job, trial) for trial in reversed(trials)]
    _write_json(
        export / "list-training-jobs-for-hyper-parameter-tuning-job.json",
        {"TrainingJobSummaries": newest_first},
    )
    for trial in trials:
        _write_json(export / "training-jobs" / f"{trial.name}.json", _training_job(job, trial))
    if job.logs == "streams":
        _write_streams(export / "logs", trials)
    else:
        _write_s3_export(export / "logs", trials, rng)
    if job.table:
        _write_table(partial / "table", job, trials)
    shutil.rmtree(target, ignore_errors=True)
    partial.rename(target)
    print(f"{job.folder}: {len(trials)} trials in {(ended - created) / 1000:.1f} s")
