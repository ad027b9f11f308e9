"""What a replay assumes: how trials meet (the clock), and what a job costs beyond its training."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from esim.errors import EsimError

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


@dataclass(frozen=True)
class Costs:
    """Seconds and money of a job. Raises EsimError for a negative or non-finite number.

    SageMaker bills from TrainingStartTime to TrainingEndTime, so download and upload too (Developer
    Guide; `describe_training_job`, BillableTimeInSeconds).

    Attributes:
        price: money per instance-hour; None: no money is computed.
        currency: the price's unit, shown as it is.
        startup_s: billed seconds of each job before the seconds the logs count from. 0: the logs
            count from the start of billing, as SageMaker's do.
        stop_latency_s: from the report that decides a stop to the end of training. SageMaker polls,
            then gives the job up to 120 s to finish; 0 is the most favourable case.
        upload_s: from a stopped trial's end of training to the end of its job; None: what the trial
            took after its last report when it was recorded.
    """

    price: float | None = None
    currency: str = "USD"
    startup_s: float = 0.0
    stop_latency_s: float = 0.0
    upload_s: float | None = None

    def __post_init__(self) -> None:
        for name in ("price", "startup_s", "stop_latency_s", "upload_s"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value >= 0):
                raise EsimError(f"{name} cannot be {value!r}", fix="a number, at least 0")
