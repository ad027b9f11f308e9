"""Clocks: who counts as previous, and when. And how long each job takes under one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from esim.costs import Costs
from esim.errors import EsimError
from esim.study import Float64, Status, Study

Mode = Literal["order", "recorded", "simulated"]


@dataclass(frozen=True)
class Clock:
    """How trials meet.

    Attributes:
        mode: "order": one after another in launch order; "recorded": when they ran; "simulated":
            in launch order on `workers` slots, the next trial starting when a slot frees.
        workers: slots of the simulated clock; 1 otherwise.
    """

    mode: Mode
    workers: int = 1

    def __post_init__(self) -> None:
        if self.mode not in get_args(Mode):
            raise EsimError(f"unknown clock {self.mode!r}", fix="order, recorded or simulated")
        if not isinstance(self.workers, int) or self.workers < 1:
            raise EsimError(f"workers cannot be {self.workers!r}", fix="a whole number, at least 1")
        if self.workers > 1 and self.mode != "simulated":
            raise EsimError(
                f"clock {self.mode!r} takes no workers, got {self.workers}", fix="clock simulated"
            )


def choose_clock(study: Study, mode: str | None, workers: int) -> Clock:
    """The clock asked for; by default `simulated` if workers are given, else `recorded` where the
    study has every time it needs, else `order`.

    Raises:
        EsimError: an unknown clock, or times that `recorded` needs and the study lacks.
    """
    if mode is None:
        mode = "simulated" if workers > 1 else "recorded" if study.has_schedule else "order"
    clock = Clock(mode, workers)  # type: ignore[arg-type]  # checked there
    if clock.mode == "recorded" and not study.has_schedule:
        lacks = "report times" if study.elapsed is None else "starts or ends of some trials"
        raise EsimError(
            f"study {study.name!r} cannot be replayed by the recorded clock",
            why=f"it lacks {lacks}",
            fix="--clock order, or --clock simulated with --workers",
        )
    return clock


def side_by_side(study: Study) -> int:
    """How many trials ran at once at most, as recorded; 1 where starts or ends are unknown.

    A job that starts as another ends takes its slot; one that still runs keeps its own.
    """
    reporting = np.diff(study.offsets) > 0
    ended = reporting & (study.status != Status.RUNNING)
    if np.isnan(study.start[reporting]).any() or np.isnan(study.end[ended]).any():
        return 1
    known = np.isfinite(study.start)
    start = study.start[known]
    end = np.where(np.isfinite(study.end[known]), study.end[known], np.inf)
    # A job that ends as it starts takes a slot for that moment.
    end = np.sort(np.maximum(end, np.nextafter(start, np.inf)))
    start = np.sort(start)
    running = np.arange(1, len(start) + 1) - np.searchsorted(end, start, side="right")
    return int(running.max(initial=1))


def report_seconds(study: Study) -> Float64:
    """float64 [R]: seconds of each row since its trial's start; a step is one where unknown."""
    return study.steps.astype(np.float64) if study.elapsed is None else study.elapsed


def last_row(study: Study, column: NDArray[Any]) -> NDArray[Any]:
    """A column [R] at each trial's last row, [N]; 0 where it has no row."""
    return last_kept(study, column, np.diff(study.offsets))


def last_kept(
    study: Study, column: NDArray[Any], rows_kept: NDArray[Any], otherwise: float = 0
) -> NDArray[Any]:
    """A column [R] at the last of the rows that each trial makes, [..., N]; `otherwise` where it
    makes none. `rows_kept`: how many it makes, int [..., N].
    """
    if not len(column):
        return np.full(rows_kept.shape, otherwise, dtype=column.dtype)
    last = np.maximum(study.offsets[:-1] + rows_kept - 1, 0)
    return np.where(rows_kept > 0, column[last], otherwise)


def last_second(study: Study) -> Float64:
    """float64 [N]: `report_seconds` at each trial's last row."""
    column = study.steps if study.elapsed is None else study.elapsed
    return last_row(study, column).astype(np.float64)


def durations(study: Study) -> Float64:
    """float64 [N]: seconds from each trial's start to its natural end.

    From its start and end where both are known, else to its last report; in steps if the study has
    no seconds at all.
    """
    last = last_second(study)
    if study.elapsed is None:
        return last
    span = study.end - study.start
    return np.where(np.isfinite(span), np.maximum(span, last), last)


def stop_overheads(study: Study, costs: Costs) -> Float64:
    """float64 [N]: seconds from the report with which a stop takes effect to the job's end."""
    if costs.upload_s is not None:
        return np.full(study.n_trials, costs.stop_latency_s + costs.upload_s)
    tail = durations(study) - last_second(study)
    return costs.stop_latency_s + tail
