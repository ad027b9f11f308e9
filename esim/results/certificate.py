"""The certificate of a rule as records, and its document esim.certificate/1. Computes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

from esim.assumptions import Clock, Costs, Mode
from esim.errors import EsimError, plural
from esim.results.comparison.entries import LeftOut, Saved
from esim.results.named_rule import RecordedJobRule, RecordedRule, ToldRule
from esim.results.plots import CertificatePlots
from esim.results.recorded_inputs import Inputs
from esim.results.records import Document, finite
from esim.results.replay import Caveat
from esim.results.shown import share_words
from esim.results.validate import validate_document
from esim.rules import JobRule, Rule, job_rule, share
from esim.storage.typed import plain
from esim.study.door import above
from esim.version import __version__

SCHEMA = "esim.certificate/1"
Verdict = Literal["certified", "not certified", "not tested"]
Part = Literal["design", "test"]


@dataclass(frozen=True)
class Asked:
    """What a certificate is to promise.

    Attributes:
        max_loss: the normalized loss that is accepted; more of it is a loss.
        risk: the chance of a loss in a new study that is accepted.
        confidence: how sure that is to be.
    """

    max_loss: float
    risk: float
    confidence: float

    def __post_init__(self) -> None:
        share(self.max_loss, "max_loss")
        share(self.risk, "risk", low=0.001, high=0.999)
        share(self.confidence, "confidence", low=0.5, high=0.999)


@dataclass(frozen=True)
class Replays:
    """How studies were replayed, so that new ones can be replayed alike.

    Attributes:
        orders: random launch orders of each study; 0: its recorded launch order alone.
        seed: of the launch orders, and of the studies that choose.
        saved: the amount by which bold is told from safe.
        clock, workers: as asked; None: as each study was recorded.
        final: which reported value is a trial's final one.
        costs: of the jobs.
    """

    orders: int
    seed: int
    saved: Saved
    clock: Mode | None
    workers: int | None
    final: Literal["last", "best"]
    costs: Costs

    def __post_init__(self) -> None:
        Clock(self.clock or "simulated", 1 if self.workers is None else self.workers)
        if self.seed < 0:
            raise EsimError(f"seed cannot be {self.seed}", fix="a whole number, at least 0")


@dataclass(frozen=True)
class Candidate:
    """A rule of the sequence. Means are over the studies of each part; None: there are none.

    Attributes:
        design_saved, design_lost: share saved and mean loss where the sequence was chosen.
        saved_fraction, lost: the same of the studies that test.
        studies_lost: how many of these have any loss.
        p: of the test, None where it was not tested.
        verdict: whether its risk is known to be as low as asked.
        bounded_on_average: whether conformal risk control bounds its risk, which is less.
        until: job-level rules that end the job, beside it or, if it is `none`, alone.
    """

    key: str
    rule: Annotated[Rule, ToldRule]
    design_saved: float | None
    design_lost: float | None
    saved_fraction: float
    lost: float
    studies_lost: int
    p: float | None
    verdict: Verdict
    bounded_on_average: bool
    until: tuple[RecordedJobRule, ...] = ()

    def job_rules(self) -> tuple[JobRule, ...]:
        """The job-level rules that were certified with it.

        Raises:
            EsimError: this version of esim means another rule by the same words.
        """
        found = []
        for recorded in self.until:
            rule = job_rule(recorded.text)
            if RecordedJobRule.of(rule) != recorded:
                raise EsimError(
                    f"{recorded.text!r} meant another rule when it was certified",
                    why="a preset has changed since",
                    fix="certify again",
                )
            found.append(rule)
        return tuple(found)


@dataclass(frozen=True)
class JudgedStudy:
    """A study that counted. `content` tells it from others, whatever their names."""

    study: str
    part: Part
    content: str


@dataclass(frozen=True)
class Needed:
    """How many tested studies, without a loss in any, are enough.

    `certified`: for a certificate; `on_average`: for a bound on average.
    """

    certified: int
    on_average: int


@dataclass(frozen=True, repr=False)
class Certificate(Document):
    """The boldest rule whose risk is known to be low: the document of `esim certify --json`.

    Attributes:
        certified: the key of that rule; None if there is none.
        on_average: the key of the boldest whose risk is bounded on average only; None likewise.
        test: how p-values were computed.
        sequence: the candidates that were worth a test, from safe to bold.
        candidates: how many there were to begin with.
        clocks: in which the launch orders of the studies were replayed, the most frequent first.
        studies: those that counted, by name.
        left_out: how many did not count, and why.
        failures: study of a history -> why it could not be replayed; it counts nowhere else.

    Example:
        >>> import esim
        >>> past = [esim.Study.from_arrays([[x + i] * 3 for x in (1, 2, 3)], "minimize",
        ...         name=f"job-{i}") for i in range(6)]
        >>> found = esim.certify(past, ["sagemaker"], risk=0.3, confidence=0.8)
        >>> found.certified, found.sequence[0].p < 0.2
        ('sagemaker', True)
        >>> Certificate.from_dict(found.to_dict()).to_dict() == found.to_dict()
        True
    """

    schema: ClassVar = SCHEMA
    asked: Asked
    certified: str | None
    on_average: str | None
    needed: Needed
    test: Literal["binomial", "hoeffding-bentkus"]
    sequence: tuple[Candidate, ...]
    candidates: int
    replays: Replays
    clocks: tuple[Clock, ...]
    studies: tuple[JudgedStudy, ...]
    left_out: tuple[LeftOut, ...] = ()
    warnings: tuple[Caveat, ...] = ()
    inputs: Inputs = ()
    esim: str = __version__
    command: str | None = None  # the command line that made it, where one did
    failures: Mapping[str, str] = field(default_factory=dict)

    def _in_short(self) -> Iterator[str]:
        asked = self.asked
        yield f"Certificate: {self.certified or 'no rule'} is certified, of {self.candidates}"
        yield (
            f"asked: a loss above {share_words(asked.max_loss)} in at most "
            f"{share_words(asked.risk)} of new studies, with confidence "
            f"{share_words(asked.confidence)}"
        )
        studies = plural(len(self.studies), "study")
        yield f'{studies}; .plot.sequence() .report("r.html") .save("folder")'

    @property
    def plot(self) -> CertificatePlots:
        """Its figure: `certificate.plot.sequence()`."""
        return CertificatePlots(self)

    def __post_init__(self) -> None:
        validate_document(self)
        known = {one.key for one in self.sequence}
        for key in (self.certified, self.on_average):
            if key is not None and key not in known:
                raise EsimError(f"{key!r} is not in the sequence")

    def candidate(self, key: str) -> Candidate:
        """A rule of the sequence by its key. Raises KeyError.

        Example:
            >>> import esim
            >>> past = [esim.Study.from_arrays([[x + i] * 3 for x in (1, 2, 3)], "minimize",
            ...         name=f"job-{i}") for i in range(5)]
            >>> found = esim.certify(past, ["sagemaker"], risk="30%", confidence="80%")
            >>> found.candidate("sagemaker").verdict
            'certified'
        """
        for one in self.sequence:
            if one.key == key:
                return one
        raise KeyError(key)

    def counted(self, part: Part) -> int:
        """How many studies chose the sequence ("design"), or tested it ("test")."""
        return sum(study.part == part for study in self.studies)

    def to_dict(self) -> dict[str, Any]:
        """The document, schema esim.certificate/1, of strict JSON values: infinities are null."""
        entries = plain(self)
        for entry, one in zip(entries["sequence"], self.sequence, strict=True):
            entry["rule"] = plain(RecordedRule.of(one.rule))
            if not one.until:
                del entry["until"]
        for name in ("command", "failures"):
            if not entries[name]:
                del entries[name]
        head = {"schema": SCHEMA, "esim": entries.pop("esim"), "inputs": entries.pop("inputs")}
        found: dict[str, Any] = finite(head | entries)
        return found

    def _repr_html_(self) -> str:
        """In a notebook."""
        html: str = above("certificate_html")(self)
        return html
