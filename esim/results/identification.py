"""Which rules the recorded stops leave, as records and as the document esim.identify/1."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from esim.results.recorded_inputs import Inputs
from esim.results.records import Document, finite
from esim.results.replay import Caveat
from esim.storage.typed import plain
from esim.version import __version__

SCHEMA = "esim.identify/1"


@dataclass(frozen=True)
class Evidence:
    """A job that contradicts a rule, and where. None = there is none, or it is not known.

    Attributes:
        job: its number among all jobs that can speak, from 1, in the order of their ends.
        step: the report at which the rule says what was not seen, or fails to say what was.
        own: the job's side of the comparison there.
        threshold, peers: what it is held against, and of how many jobs that is made.
        text: the same in a sentence, with what was seen.
    """

    job: int
    study: str
    trial: str
    step: int | None
    own: float | None
    threshold: float | None
    peers: int | None
    text: str


@dataclass(frozen=True)
class Answer:
    """One reading of a question.

    Attributes:
        code: the reading's code.
        reading: how it settles the question.
        candidates, left: how many candidates have it, and how many of them are left.
        fell: the number of the job with which the last of them fell; None if any is left.
        evidence: what speaks against the one that differs from the simplest rule left in this
            reading alone, or against the best of the fallen; None if there is none.
    """

    code: str
    reading: str
    candidates: int
    left: int
    fell: int | None
    evidence: Evidence | None


@dataclass(frozen=True)
class OpenQuestion:
    """A question that the documentation leaves open, and what the jobs say of it.

    Attributes:
        letter: how its readings' codes begin.
        settled: the code of the only reading left; None if several are, or none.
        why: why it is still open; "" if it is settled or no reading is left.
        told_by: what a next job must show to tell the readings left apart; "" if it is settled.
    """

    letter: str
    question: str
    settled: str | None
    why: str
    told_by: str
    answers: tuple[Answer, ...]


@dataclass(frozen=True)
class NamedCandidate:
    """One candidate by name: the literal reading, a preset, or a rule of the user's.

    Attributes:
        misses, jobs: how many jobs contradict it, of how many.
        left: whether it is left.
        fell: the number of the job with which it fell; None if it is left.
        evidence: the first jobs that contradict it.
    """

    name: str
    misses: int
    jobs: int
    left: bool
    fell: int | None
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True)
class Alike:
    """Candidates left that say stop at the same reports of all these jobs: they look the same.

    Attributes:
        candidates: how many.
        simplest: the name of the one that differs least from the literal rule.
        varies: in which readings they differ, by question.
    """

    candidates: int
    simplest: str
    varies: tuple[str, ...]


@dataclass(frozen=True)
class JobRow:
    """One job that can speak, in the order of ends.

    Attributes:
        status: how it ended.
        step: its last report.
        left: how many candidates are left after it.
    """

    number: int
    study: str
    trial: str
    status: str
    step: int
    left: int


@dataclass(frozen=True)
class IdentifiedStudy:
    """A tuning job whose stops were looked at.

    Attributes:
        jobs, told, stopped: all of its jobs, those that can speak, and those of them that a rule
            may have stopped.
        clock: "recorded" or "order".
        curves: whether there are curves; else only ends and final values spoke.
        parents: the tuning jobs it was warm-started from.
        parents_missing: those of them whose logs are not here.
    """

    study: str
    objective: str
    jobs: int
    told: int
    stopped: int
    clock: str
    curves: bool
    parents: tuple[str, ...]
    parents_missing: tuple[str, ...]


@dataclass(frozen=True, repr=False)
class Identification(Document):
    """What recorded stops leave of the candidates.

    Attributes:
        verdict: the answer in a sentence, with its date.
        guarantee: what may be relied on, in words.
        as_of: the month of the last job that spoke, as 2026-11; None if the jobs have no dates.
        studies: the tuning jobs.
        candidates, left: how many rules were held against the jobs, and how many are left.
        error_rate, risk: a candidate is dropped when so many misses or more have a probability of
            at most risk / candidates, were each job to go wrong with the probability error_rate.
        misses_allowed: the misses with which a candidate stays.
        latency_s: seconds a stop may take to end the training, beyond a rule's delay.
        poll_s: seconds that may pass from a report to the moment at which the service looks at it.
        questions: what the jobs say of each; empty if the candidates are no readings.
        named: the literal reading, or the candidates that are no readings.
        alike: the rules left that these jobs cannot tell apart, the most first.
        alike_total: how many such classes there are; only the first are listed.
        jobs: the jobs that can speak.
        caveats: reasons to doubt it, or assumptions behind it.
        esim: the version that wrote the document.
    """

    verdict: str
    guarantee: str
    as_of: str | None
    studies: tuple[IdentifiedStudy, ...]
    candidates: int
    left: int
    error_rate: float
    risk: float
    misses_allowed: int
    latency_s: float
    poll_s: float
    questions: tuple[OpenQuestion, ...]
    named: tuple[NamedCandidate, ...]
    alike: tuple[Alike, ...]
    alike_total: int
    jobs: tuple[JobRow, ...]
    caveats: tuple[Caveat, ...]
    schema: ClassVar = SCHEMA
    inputs: Inputs = ()
    command: str | None = None
    esim: str = __version__

    def _in_short(self) -> Iterator[str]:
        yield f"Identification: {self.verdict}"
        yield '.questions .named .jobs .report("r.html") .save("folder")'

    def to_dict(self) -> dict[str, Any]:
        """The document, schema esim.identify/1, of strict JSON values."""
        entries = plain(self)
        head = {"schema": SCHEMA, "esim": entries.pop("esim")}
        found: dict[str, Any] = {**head, **finite(entries)}
        return found
