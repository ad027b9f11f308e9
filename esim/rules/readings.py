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
        parents: whether the jobs of warm-start parents count as previous ones.
        clock: the clock that this reading replays with; None leaves it as the user chose it.
    """

    code: str
    question: str
    answer: str
    columns: Mapping[str, Any] = field(default_factory=dict)
    clock: ClockMode | None = None
    parents: bool = False

    @property
    def letters(self) -> str:
        """The questions that it settles, a letter each; "" if its code names none."""
        return self.code.rstrip("0123456789") if self.code[-1].isdigit() else ""


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

LEFT = "left by esim identify"  # the question of readings that are rules of such a set

# Readings that no replay of one tuning job can follow, or that rest on hearsay: `esim identify`
# holds them against what was recorded, and no range counts them.
PARENTS = Reading("P2", "a warm start's parents", "their jobs count", parents=True)
UNVERIFIED = (
    # Said of the KDD 2021 paper on the service; it could not be verified in its text.
    Reading(
        "HI2",
        "a belief, unverified",
        "unverified: 10 completed, 10 %",
        {"min_completed": 10, "warmup_share": 0.1},
    ),
)


@dataclass(frozen=True)
class Question:
    """One question that the documentation leaves open.

    Attributes:
        letter: how its readings' codes begin.
        text: what is left open.
        literal: how the literal reading, number 1, settles it.
        told_by: what jobs must show for its readings to be told apart.
    """

    letter: str
    text: str
    literal: str
    told_by: str


QUESTIONS: tuple[Question, ...] = (
    Question(
        "A",
        "what is compared",
        "its current value",
        "a job whose value gets worse again after it had been among the better half",
    ),
    Question(
        "B",
        "who is a previous job",
        "completed and stopped ones",
        "MaxParallelTrainingJobs above 1, and bad jobs launched after some were stopped",
    ),
    Question(
        "E",
        "a shorter peer",
        "drops out beyond its end",
        "jobs of different lengths, and a bad one that outlasts half of them",
    ),
    Question(
        "F",
        "even number of peers",
        "the mean of the middle two",
        "a job whose value lies between the middle two of an even number of peers",
    ),
    Question(
        "H",
        "peers before a stop",
        "1",
        "clearly bad jobs among the first, from the second to the eleventh",
    ),
    Question(
        "I",
        "epochs before a stop",
        "none",
        "long jobs, some of which are bad from their first epoch on",
    ),
    Question(
        "J",
        "when it is previous",
        "once its job has ended",
        "MaxParallelTrainingJobs above 1, and a job that reports while a stopped one uploads",
    ),
    Question(
        "K",
        "when a stop takes effect",
        "at once",
        "a job that turns bad with many epochs still to come, each of them minutes long",
    ),
    Question(
        "L",
        "what an epoch is",
        "the index in the line",
        "jobs that report at different epochs, or leave some out",
    ),
    Question(
        "O",
        "values' precision",
        "as they are",
        "a value within a millionth of the median",
    ),
    Question(
        "P",
        PARENTS.question,
        "their jobs do not count",
        "a warm start whose first jobs are bad, with its parents' logs beside its own",
    ),
)
