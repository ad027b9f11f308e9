"""The README's image classification example, replayed by hand from its log lines.

Nothing here but the call under test is esim's: the lines are searched with a regex, the rule and
the clocks are a queue of events (time, ends before launches before reports, launch order) in ms.
"""

from __future__ import annotations

import heapq
import json
import re
from dataclasses import dataclass
from datetime import datetime
from statistics import fmean, median
from typing import Any

import pytest

import esim
from tests.paths import DATA

FOLDER = DATA / "image_digits"
LINE = re.compile(r"(\S+Z) \[.* INFO \d+\] Epoch\[(\d+)\] Validation-accuracy=(\d\.\d{6})")
END, LAUNCH, REPORT = 0, 1, 2


@dataclass(frozen=True)
class Job:
    """One training job as its log and its description have it; times in ms."""

    name: str
    start: int
    after: list[int]  # from the start to each epoch's line
    seconds: int  # from the start to the end, ms
    epochs: list[int]
    accuracy: list[float]


def ms(time: str) -> int:
    """ISO 8601 to ms since 1970."""
    return round(datetime.fromisoformat(time).timestamp() * 1000)


def described() -> dict[str, Any]:
    text = (FOLDER / "describe-hyper-parameter-tuning-job.json").read_text(encoding="utf-8")
    return dict(json.loads(text))


def jobs() -> list[Job]:
    """The jobs in launch order, which is the number in their names."""
    listed = FOLDER / "list-training-jobs-for-hyper-parameter-tuning-job.json"
    summaries = json.loads(listed.read_text(encoding="utf-8"))["TrainingJobSummaries"]
    found = []
    for summary in sorted(summaries, key=lambda one: str(one["TrainingJobName"])):
        name, start = summary["TrainingJobName"], ms(summary["TrainingStartTime"])
        (stream,) = (FOLDER / "logs" / name).iterdir()
        lines = LINE.findall(stream.read_text(encoding="utf-8"))
        found.append(
            Job(
                name=name,
                start=start,
                after=[ms(time) - start for time, _, _ in lines],
                seconds=ms(summary["TrainingEndTime"]) - start,
                epochs=[int(epoch) for _, epoch, _ in lines],
                accuracy=[float(value) for _, _, value in lines],
            )
        )
    return found


def by_hand(jobs: list[Job], workers: int | None) -> list[int]:
    """Epochs each job runs with the rule on, as recorded or on that many slots."""
    kept = [len(job.accuracy) for job in jobs]
    ended: list[int] = []
    events = [(job.start, LAUNCH, i, 0) for i, job in enumerate(jobs)]
    if workers is not None:
        events = [(0, LAUNCH, i, 0) for i in range(workers)]
    waiting = list(range(len(events), len(jobs)))
    heapq.heapify(events)
    while events:
        now, kind, i, epoch = heapq.heappop(events)
        job = jobs[i]
        if kind == LAUNCH:
            heapq.heappush(events, (now + job.after[0], REPORT, i, 0))
        elif kind == END:
            ended.append(i)
            if waiting:
                heapq.heappush(events, (now, LAUNCH, waiting.pop(0), 0))
        else:
            averages = [
                fmean(jobs[peer].accuracy[: epoch + 1]) for peer in ended if kept[peer] > epoch
            ]
            worse = bool(averages) and job.accuracy[epoch] < median(averages)
            if worse or epoch + 1 == len(job.accuracy):
                kept[i] = epoch + 1
                heapq.heappush(events, (now + job.seconds - job.after[-1], END, i, 0))
            else:
                between = job.after[epoch + 1] - job.after[epoch]
                heapq.heappush(events, (now + between, REPORT, i, epoch + 1))
    return kept


def test_the_recording_is_the_notebooks_scenario() -> None:
    """20 jobs of 10 epochs, two at a time and no more; nothing stopped them."""
    config = described()["HyperParameterTuningJobConfig"]
    assert config["TrainingJobEarlyStoppingType"] == "Off"
    assert config["Strategy"] == "Random"
    assert config["ResourceLimits"] == {
        "MaxNumberOfTrainingJobs": 20, "MaxParallelTrainingJobs": 2,
    }  # fmt: skip
    assert config["HyperParameterTuningJobObjective"] == {
        "Type": "Maximize", "MetricName": "validation:accuracy",
    }  # fmt: skip
    recorded = jobs()
    assert len(recorded) == 20
    assert all(job.epochs == list(range(10)) for job in recorded)
    assert [job.start for job in recorded] == sorted(job.start for job in recorded)
    running = [
        sum(other.start <= job.start < other.start + other.seconds for other in recorded)
        for job in recorded
    ]
    assert running == [1] + [2] * 19


@pytest.mark.parametrize(
    ("clock", "workers"), [("order", 1), ("recorded", None), ("simulated", 2), ("simulated", 4)]
)
def test_training_time_off_and_auto_and_the_stopped_jobs(clock: str, workers: int | None) -> None:
    recorded = jobs()
    kept = by_hand(recorded, workers)
    auto = list(zip(recorded, kept, strict=True))
    expected_stopped = [(job.name, n) for job, n in auto if n < len(job.accuracy)]
    assert 5 < len(expected_stopped) < 20
    expected_off_s = sum(job.after[-1] for job in recorded) / 1000
    expected_auto_s = sum(job.after[n - 1] for job, n in auto) / 1000

    result = esim.replay(esim.read_study(FOLDER), clock=clock, workers=workers or 1)
    trials = result.trials
    stopped = trials[trials.stopped]
    actual_stopped = list(zip(stopped.trial, stopped.reports_kept, strict=True))
    assert actual_stopped == expected_stopped
    assert result.summary.seconds_recorded == pytest.approx(expected_off_s)
    assert result.summary.seconds_run == pytest.approx(expected_auto_s)
    if clock == "order":  # no schedule, so no ends
        return
    # What the notebook sums: each job from its start to its end, not to its last report.
    tails_s = sum(job.seconds - job.after[-1] for job in recorded) / 1000
    actual_off_s = (trials.end_recorded_s - trials.start_recorded_s).sum()
    actual_auto_s = (trials.end_s - trials.start_s).sum()
    assert actual_off_s == pytest.approx(expected_off_s + tails_s, abs=1e-4)
    assert actual_auto_s == pytest.approx(expected_auto_s + tails_s, abs=1e-4)
