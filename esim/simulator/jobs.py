"""Which clock a study can be replayed by, and how long a stopped job takes to end."""

from __future__ import annotations

import numpy as np

from esim.assumptions import Clock, Costs
from esim.errors import EsimError
from esim.study import Float64, Study
from esim.study.times import durations, last_second


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


def stop_overheads(study: Study, costs: Costs, whole: Float64 | None = None) -> Float64:
    """float64 [N]: seconds from the report with which a stop takes effect to the job's end.

    Args:
        whole: the study's `durations`, if they are at hand.
    """
    if costs.upload_s is not None:
        return np.full(study.n_trials, costs.stop_latency_s + costs.upload_s)
    tail = (durations(study) if whole is None else whole) - last_second(study)
    return costs.stop_latency_s + tail
