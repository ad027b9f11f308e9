"""What a replay assumes: when trials run (the clock), and what a job costs beyond its training.

And how sure what is told of it is to be, where nobody says (`CONFIDENCE`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from esim.errors import EsimError

Mode = Literal["order", "recorded", "simulated"]
_MODES = get_args(Mode)
CONFIDENCE = 0.9  # of intervals, tests and guarantees, in every analysis


@dataclass(frozen=True)
class Clock:
    """When trials run in a replay, which decides who is whose peer.

    Attributes:
        mode: "order" runs one trial after another in launch order; "recorded" runs each trial when
            it ran in the past; "simulated" runs them in launch order on `workers` slots, and the
            next trial starts when a slot becomes free.
        workers: the slots of the simulated clock; 1 for the other clocks.

    Raises:
        EsimError: the mode is unknown, or the number of workers is not possible with it.

    Example:
        >>> from esim.assumptions import Clock
        >>> Clock("simulated", workers=4)
        Clock(mode='simulated', workers=4)
    """

    mode: Mode
    workers: int = 1

    def __post_init__(self) -> None:
        if self.mode not in _MODES:
            raise EsimError(f"unknown clock {self.mode!r}", fix="order, recorded or simulated")
        if not isinstance(self.workers, int) or self.workers < 1:
            raise EsimError(f"workers cannot be {self.workers!r}", fix="a whole number, at least 1")
        if self.workers > 1 and self.mode != "simulated":
            raise EsimError(
                f"clock {self.mode!r} takes no workers, got {self.workers}", fix="clock simulated"
            )


@dataclass(frozen=True)
class Costs:
    """The seconds and the money that a job costs beyond its training.

    SageMaker bills from TrainingStartTime to TrainingEndTime, which includes download and upload
    (Developer Guide; `describe_training_job`, BillableTimeInSeconds). Where the record says what a
    job was billed (`Study.billed`), that is its bill, start-up included, and under the rule the
    same share of it as of the seconds counted here.

    Attributes:
        price: money per instance-hour; None computes no money.
        currency: the unit of the price, shown as it is.
        startup_s: billed seconds of each job before the moment from which the logs count. It is 0
            if the logs count from the start of billing, as those of SageMaker do.
        stop_latency_s: seconds from the report that decides a stop to the end of training.
            SageMaker polls, then gives the job up to 120 s to finish; 0 is the best case. While a
            stop is on its way the trial trains on: its reports up to that moment, that moment
            included, are made and count, and a trial that makes its last report by then was not
            stopped. Without report times a step counts as a second.
        upload_s: seconds from the end of a stopped trial's training to the end of its job; None
            takes what the trial took after its last report when it was recorded. A stopped trial
            is a peer of others once its job has ended, as a completed one.
        slot_gap_s: seconds from the end of a job to the start of the next in its slot, which
            nothing bills: a part of the makespan wherever the record does not say when each job
            starts. None takes the median of the gaps in the record (`recorded_slot_gaps`), 0 where
            it shows none.

    Raises:
        EsimError: a number is negative or not finite.

    Example:
        >>> import esim
        >>> esim.Costs(price=1.5, currency="EUR", stop_latency_s=30.0).upload_s is None
        True
    """

    price: float | None = None
    currency: str = "USD"
    startup_s: float = 0.0
    stop_latency_s: float = 0.0
    upload_s: float | None = None
    slot_gap_s: float | None = None

    def __post_init__(self) -> None:
        for name in ("price", "startup_s", "stop_latency_s", "upload_s", "slot_gap_s"):
            value = getattr(self, name)
            if value is None and name not in ("startup_s", "stop_latency_s"):
                continue
            if value is None or not (math.isfinite(value) and value >= 0):
                raise EsimError(f"{name} cannot be {value!r}", fix="a number, at least 0")
