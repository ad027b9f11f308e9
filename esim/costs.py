"""What a trial's job costs beyond its training: assumptions, each a parameter with a default."""

from __future__ import annotations

import math
from dataclasses import dataclass

from esim.errors import EsimError


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
