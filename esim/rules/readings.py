"""The plausible readings of what SageMaker's documentation of its rule leaves open.

Each reading settles one open question in another way than the literal rule does. The letters are
those of a list of these questions. Its questions C, D, M and N are missing here: B decides whether
the curve of a stopped job counts, a job that has failed counts in no reading (where running jobs
count too, it does until it fails), and the others are about the logs and not about the rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

ClockMode = Literal["order", "recorded", "simulated"]


@dataclass(frozen=True)
class Reading:
    """One way to settle one question that the documentation leaves open.

    Attributes:
        code: the question's letter and the reading's number; number 1 is the literal reading.
        question: what the documentation leaves open.
        answer: how this reading settles it.
        columns: the columns of the rule that this reading changes, with their values.
        clock: the clock that this reading replays with; None leaves it as the user chose it.
    """

    code: str
    question: str
    answer: str
    columns: Mapping[str, Any] = field(default_factory=dict)
    clock: ClockMode | None = None


LITERAL = Reading("-", "the literal rule", "as it stands")

READINGS: tuple[Reading, ...] = (
    LITERAL,
    Reading("A2", "what is compared", "its best so far", {"own": "best"}),
    Reading("A3", "what is compared", "own running average", {"own": "average"}),
    Reading("B2", "who is a previous job", "completed only", {"pool": "completed"}),
    Reading("B3", "who is a previous job", "running jobs too", {"pool": "reached"}),
    Reading("E2", "a shorter peer", "its full average", {"short": "carry"}),
    Reading("F2", "even number of peers", "the better of two", {"method": "lower"}),
    Reading("F3", "even number of peers", "the worse of two", {"method": "higher"}),
    Reading("H2", "peers before a stop", "3", {"min_peers": 3}),
    Reading("H3", "peers before a stop", "5", {"min_peers": 5}),
    Reading("H4", "peers before a stop", "10", {"min_peers": 10}),
    Reading("I2", "epochs before a stop", "5", {"min_reports": 6}),
    Reading("I3", "epochs before a stop", "10 % of a job", {"warmup_share": 0.1}),
    Reading("I4", "epochs before a stop", "half a job", {"warmup_share": 0.5}),
    Reading("J2", "when it is previous", "by launch order", clock="order"),
    Reading("J3", "when it is previous", "once told to stop", {"peer_from": "stop"}),
    Reading("J4", "when it is previous", "when it had ended", clock="recorded"),
    Reading("K2", "when a stop takes effect", "one epoch later", {"delay": 1}),
    Reading("K3", "when a stop takes effect", "three epochs later", {"delay": 3}),
    Reading("L2", "what an epoch is", "the n-th report", {"match": "number"}),
    Reading("O2", "values' precision", "1e-6 is a tie", {"tolerance": 1e-6}),
    Reading(
        "++",
        "all cautious at once",
        "best, 5 peers, 5 ep.",
        {"own": "best", "min_peers": 5, "min_reports": 6},
    ),
)
