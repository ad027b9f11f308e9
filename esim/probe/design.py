"""The curves that a probe's jobs print, and the tuning jobs that they make up."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any


@dataclass(frozen=True)
class ProbeJob:
    """One tuning job of a probe.

    Attributes:
        name: what its name ends with.
        strategy: how the service walks through the curves: "Grid", each once; or "Random".
        workers: training jobs at a time.
        parent: the name of the one that it is warm-started from; None: it is not.
        curves: name -> reports, (epoch from 1, value) each, in the order in which they are listed.
    """

    name: str
    strategy: str
    workers: int
    parent: str | None
    curves: Mapping[str, tuple[tuple[int, float], ...]]

    def epochs(self) -> int:
        """How many epochs its training jobs make in all if none is stopped."""
        return sum(reports[-1][0] for reports in self.curves.values())


@dataclass(frozen=True)
class Design:
    """What a probe runs. The values are to be minimized.

    Attributes:
        epoch_s: seconds of an epoch.
        jobs: its tuning jobs, in the order in which they are to be started.
    """

    epoch_s: float
    jobs: tuple[ProbeJob, ...]

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        jobs = [
            {
                "name": job.name,
                "strategy": job.strategy,
                "workers": job.workers,
                "parent": job.parent,
                "curves": {name: [list(row) for row in rows] for name, rows in job.curves.items()},
            }
            for job in self.jobs
        ]
        return {"epoch_s": self.epoch_s, "tuning_jobs": jobs}

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> Design:
        """What `to_dict` gave."""
        jobs = (
            ProbeJob(
                name=job["name"],
                strategy=job["strategy"],
                workers=job["workers"],
                parent=job["parent"],
                curves={
                    name: tuple((int(epoch), float(value)) for epoch, value in rows)
                    for name, rows in job["curves"].items()
                },
            )
            for job in kept["tuning_jobs"]
        )
        return cls(kept["epoch_s"], tuple(jobs))


def shipped() -> Design:
    """The design that esim ships; `tests/benchmarks/probe_search.py` found it.

    >>> [(job.name, job.strategy, job.workers) for job in shipped().jobs]
    [('one', 'Grid', 1), ('four', 'Grid', 4), ('warm', 'Random', 1)]
    """
    return Design.from_dict(json.loads(files("esim.probe").joinpath("design.json").read_text()))
