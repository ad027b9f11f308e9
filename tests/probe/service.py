"""A service on loopback that runs tuning jobs, and stops training jobs by a hidden rule.

It takes the requests of `esim probe`, runs the probe's script (as processes, or by a clock of its
own), reads what it prints by the request's regex, looks at it every few seconds, and decides by the
naive twin, on what there is at that moment. Descriptions and logs go into an account of
`tests.fetch.aws`, where `esim fetch` finds them.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol

from esim.probe import train
from esim.rules.candidates import Candidate
from esim.study import Status
from tests.fetch.aws import ARN, FakeAws, complete
from tests.references.naive import Report, Trial, decide

EPOCH = 1.79e9  # seconds since 1970 at which a service with a clock of its own begins
STUDY: Any = SimpleNamespace(direction="minimize", done_at_zero=0)  # all that the twin asks of it


class Script(Protocol):
    """A running script."""

    def printed(self, now: float) -> list[tuple[float, str]]:
        """The lines since the last call, up to now, with the moments they were printed."""

    def tell(self, now: float) -> None:
        """Tell it to stop."""

    def ended(self, now: float) -> float | None:
        """The moment it ended, None if it still runs."""


class ScriptOnPaper:
    """What a script would print, by a clock that nobody waits for."""

    def __init__(self, design: Mapping[str, Any], curve: str, start: float, grace_s: float) -> None:
        self.due = [(start + second, line) for second, line in train.lines(design, curve)]
        self.end, self.grace_s = self.due[-1][0], grace_s

    def printed(self, now: float) -> list[tuple[float, str]]:
        its = [one for one in self.due if one[0] <= now]
        self.due = self.due[len(its) :]
        return its

    def tell(self, now: float) -> None:
        self.due, self.end = [], now + self.grace_s

    def ended(self, now: float) -> float | None:
        return self.end if self.end <= now else None


class ScriptAsProcess:
    """The script itself."""

    def __init__(self, folder: Path, curve: str, grace_s: float) -> None:
        words = [sys.executable, str(folder / "train.py"), "--curve", curve]
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        self.lines: list[tuple[float, str]] = []
        self.grace_s, self.kill_at = grace_s, float("inf")
        self.reader = threading.Thread(target=self._read)
        self.reader.start()
        self.done: float | None = None

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                self.lines.append((time.time(), line.rstrip("\n")))
        self.process.wait()
        self.done = time.time()

    def printed(self, now: float) -> list[tuple[float, str]]:
        its, self.lines = self.lines, []
        return its

    def tell(self, now: float) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.kill_at = now + self.grace_s

    def ended(self, now: float) -> float | None:
        if now >= self.kill_at and self.done is None:
            self.process.kill()
            self.reader.join()
        return self.done


@dataclass
class Job:
    """A training job."""

    name: str
    curve: str
    start: float
    script: Script
    trial: Trial
    events: list[tuple[int, str]] = field(default_factory=list)
    told_at: float | None = None
    end: float | None = None


@dataclass
class Service:
    """A service with a hidden rule.

    Attributes:
        account: where descriptions and logs go.
        hidden: the rule that it runs.
        script: starts the script for a curve at a moment.
        wait: lets so many seconds pass, and returns the moment.
        poll_s: it looks at its jobs once in so many seconds.
        startup_s: from the start of a training job to that of its script.
        gap_s: from the end of a training job to the start of the next.
        jobs: what it has run, by tuning job.
    """

    account: FakeAws
    hidden: Candidate
    script: Callable[[str, float], Script]
    wait: Callable[[float], float]
    poll_s: float = 10.0
    startup_s: float = 40.0
    gap_s: float = 240.0
    jobs: dict[str, list[Job]] = field(default_factory=dict)

    def run(self, asked: Mapping[str, Any]) -> None:
        """Run the tuning job of a request to its end."""
        name, config = asked["HyperParameterTuningJobName"], asked["HyperParameterTuningJobConfig"]
        (values,) = config["ParameterRanges"]["CategoricalParameterRanges"]
        waiting, done, slots = list(values["Values"]), [], []
        now = begin = self.wait(0.0)
        parents = asked.get("WarmStartConfig", {}).get("ParentHyperParameterTuningJobs", [])
        former = [
            job
            for parent in parents
            if self.hidden.parents
            for job in self.jobs[parent["HyperParameterTuningJobName"]]
        ]
        free = [now] * config["ResourceLimits"]["MaxParallelTrainingJobs"]
        pattern = re.compile(asked["TrainingJobDefinition"]["AlgorithmSpecification"]
                             ["MetricDefinitions"][0]["Regex"])  # fmt: skip
        while waiting or slots:
            for moment in sorted(free):
                if moment <= now and waiting:
                    free.remove(moment)
                    number, curve = len(done) + 1, waiting.pop(0)
                    script = self.script(curve, now + self.startup_s)
                    trial = Trial(len(former) + number, Status.COMPLETED, 0, 0, [])
                    job = Job(f"{name}-{number:03d}-{number:08x}", curve, now, script, trial)
                    done.append(job)
                    slots.append(job)
            now = self.wait(self.poll_s)
            self._look(slots, [job.trial for job in (*former, *done)], pattern, now)
            free += [job.end + self.gap_s for job in slots if job.end is not None]
            slots = [job for job in slots if job.end is None]
        self.jobs[name] = done
        self._describe(asked, done, begin, now)

    def _look(
        self, jobs: Sequence[Job], trials: list[Trial], pattern: re.Pattern[str], now: float
    ) -> None:
        """See what has come, and stop whom the rule stops by what is there now."""
        for job in jobs:
            job.end = job.script.ended(now)
            if job.end is not None:
                job.trial.ended = job.told_at is None
                job.trial.gone = job.told_at is not None
        lines = [(moment, job, line) for job in jobs for moment, line in job.script.printed(now)]
        for moment, job, line in sorted(lines, key=lambda one: one[0]):
            job.events.append((int(moment * 1000), line))
            found = pattern.search(line)
            if found:
                epoch = int(line.partition("epoch=")[2].split()[0])
                self._judge(job, trials, Report(len(job.trial.reports), epoch, float(found[1])))
                if self._due(job.trial) and job.end is None and job.told_at is None:
                    job.told_at, job.trial.stopped, job.trial.off = now, True, True
                    job.script.tell(now)

    def _judge(self, job: Job, trials: list[Trial], report: Report) -> None:
        trial = job.trial
        trial.reports.append(report)
        trial.steps.append(report.step)
        trial.shown = trial.reports
        if decide(STUDY, self.hidden.rule, trials, trial).stop and trial.told_at is None:
            trial.told_at = len(trial.shown)

    def _due(self, trial: Trial) -> bool:
        told = trial.told_at
        return told is not None and len(trial.shown) >= told + self.hidden.rule.delay

    def _describe(
        self, asked: Mapping[str, Any], jobs: Sequence[Job], begin: float, end: float
    ) -> None:
        """Put what AWS would say of a tuning job that has ended into the account."""
        asked = json.loads(json.dumps(asked))
        name, definition = asked["HyperParameterTuningJobName"], asked["TrainingJobDefinition"]
        arn = f"{ARN}hyper-parameter-tuning-job/{name}"
        objective = asked["HyperParameterTuningJobConfig"]["HyperParameterTuningJobObjective"]
        metrics = definition["AlgorithmSpecification"]["MetricDefinitions"]
        metrics.append({"Name": "ObjectiveMetric", "Regex": metrics[0]["Regex"]})
        counts = [job.told_at is None for job in jobs]
        self.account.summaries[name] = []
        for job in jobs:
            word = "Completed" if job.told_at is None else "Stopped"
            assert job.end is not None
            seconds = max(1, int(job.end) - int(job.start))  # the least that the API can say
            times = {
                "CreationTime": _iso(job.start),
                "TrainingStartTime": _iso(job.start),
                "TrainingEndTime": _iso(job.end),
            }
            told = job.end if job.told_at is None else job.told_at
            stages = (
                ("Training", job.start, told),
                ("Uploading" if word == "Completed" else "Stopping", told, job.end),
                (word, job.end, job.end),
            )
            final = {
                "MetricName": objective["MetricName"],
                "Value": job.trial.reports[-1].value,
            }
            its = {
                "TrainingJobName": job.name,
                "TrainingJobArn": f"{ARN}training-job/{job.name}",
                "TrainingJobStatus": word,
                **times,
            }
            self.account.summaries[name].append(
                {
                    **its,
                    "TunedHyperParameters": {"curve": job.curve},
                    "FinalHyperParameterTuningJobObjectiveMetric": final,
                    "ObjectiveStatus": "Succeeded",
                }
            )
            described = {
                **its,
                "TuningJobArn": arn,
                "SecondaryStatus": word,
                "HyperParameters": definition["StaticHyperParameters"] | {"curve": job.curve},
                "SecondaryStatusTransitions": [
                    {"Status": stage, "StartTime": _iso(a), "EndTime": _iso(b)}
                    for stage, a, b in stages
                ],
                "AlgorithmSpecification": definition["AlgorithmSpecification"],
                "ResourceConfig": definition["ResourceConfig"],
                "StoppingCondition": definition["StoppingCondition"],
                "TrainingTimeInSeconds": seconds,
                "BillableTimeInSeconds": seconds,
            }
            self.account.training_jobs[job.name] = complete(described)
            self.account.streams[f"{job.name}/algo-1-{int(job.start)}"] = job.events
        self.account.tuning_jobs[name] = complete(
            {
                **asked,
                "HyperParameterTuningJobArn": arn,
                "HyperParameterTuningJobStatus": "Completed",
                "CreationTime": _iso(begin),
                "HyperParameterTuningEndTime": _iso(end),
                "ObjectiveStatusCounters": {"Succeeded": len(jobs)},
                "TrainingJobStatusCounters": {
                    "Completed": sum(counts),
                    "Stopped": len(jobs) - sum(counts),
                },
            }
        )


def _iso(second: float) -> str:
    return datetime.fromtimestamp(second, UTC).isoformat(timespec="milliseconds")


def as_processes(account: FakeAws, hidden: Candidate, folder: Path, grace_s: float) -> Service:
    """A service that runs the script of a folder, whose jobs have some seconds to end."""

    def wait(seconds: float) -> float:
        time.sleep(seconds)
        return time.time()

    def script(curve: str, start: float) -> Script:
        return ScriptAsProcess(folder, curve, grace_s)

    return Service(account, hidden, script, wait, poll_s=0.04, startup_s=0.0, gap_s=0.2)


def on_paper(account: FakeAws, hidden: Candidate, design: Mapping[str, Any], **how: Any) -> Service:
    """A service with a clock of its own, whose jobs have two minutes once told to stop."""
    now = EPOCH

    def wait(seconds: float) -> float:
        nonlocal now
        now += seconds
        return now

    def script(curve: str, start: float) -> Script:
        return ScriptOnPaper(design, curve, start, 120.0)

    return Service(account, hidden, script, wait, **how)
