"""What differs between two replays, and why, as the document esim.diff/1. Computes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Self

from esim.assumptions import Costs
from esim.results.history import TOTALS as TOTALS
from esim.results.history import AskedClock, validate_totals
from esim.results.named_rule import RecordedJobRule, RecordedRule
from esim.results.records import Document, finite, following_schema
from esim.results.totals import Totals
from esim.results.validate import validate_document
from esim.storage.typed import Scalar, Scalars, plain
from esim.version import __version__

SCHEMA = "esim.diff/1"
Cause = Literal[
    "data", "rule", "job-level rule", "clock", "costs", "final value", "failure", "version",
    "unknown",
]  # fmt: skip


@dataclass(frozen=True)
class Side:
    """One of the two replays.

    Attributes:
        path: where its document was read.
        schema: the name of its document's schema.
        esim: the version that wrote it.
        rule, until, clock, costs, final: how its studies were replayed; a clock's mode of None is
            each study's own.
        totals: over all of its studies.
        in_both: the same over the studies that both replays have; None where that is not known.
    """

    path: str
    schema: str
    esim: str
    rule: RecordedRule
    until: tuple[RecordedJobRule, ...]
    clock: AskedClock
    costs: Costs
    final: str
    totals: Scalars = field(metadata={"told": Totals})
    in_both: Scalars | None = field(metadata={"told": Totals | None})


@dataclass(frozen=True)
class Setting:
    """A setting that differs between the two replays.

    Attributes:
        cause: what kind of setting it is.
        name: which: a column of the rule, or a flag.
        old, new: its value in either replay; None: none was given.
    """

    cause: Cause
    name: str
    old: Scalar
    new: Scalar


@dataclass(frozen=True)
class StudyNumbers:
    """The numbers of a study that are compared for a reader; None = unknown.

    Attributes:
        cost_saved: the money that the rule saves, in the currency of the replay.
    """

    steps_saved_fraction: float | None
    seconds_saved_fraction: float | None
    cost_saved: float | None
    degradation_normalized: float | None
    best_trial_stopped: bool | None


@dataclass(frozen=True)
class ChangedStudy:
    """A study of both replays of which a number, or what is recorded of it, differs.

    Attributes:
        why: what differs that may have changed it. "version" stands there only if nothing else
            differs, and "unknown" if nothing at all does; "failure": one of them could not replay
            it.
        old, new: None where it could not be replayed.
    """

    study: str
    why: tuple[Cause, ...]
    old: StudyNumbers | None
    new: StudyNumbers | None


@dataclass(frozen=True, repr=False)
class Difference(Document):
    """Two replays against each other: the document of `esim diff --json`.

    Attributes:
        old, new: the replays.
        settings: what differs in how they were made.
        by_study: whether the studies could be compared one by one; if not, the lists are empty.
        changed: studies of both that differ, in the order of the new replay.
        unchanged: how many studies of both do not.
        untold: of how many of both nothing says whether their reports are the same; only that the
            recorded amounts are.
        only_old, only_new: studies of one replay alone.
        esim: the version that wrote it.

    Example:
        >>> side = Side("a", "esim.replay/1", "1", RecordedRule("none", "", {}), (),
        ...             AskedClock(None, 1), Costs(), "last", TOTALS, None)
        >>> found = Difference(side, side, (), False, (), 0, 0, (), ())
        >>> Difference.from_dict(found.to_dict()) == found
        True
    """

    schema: ClassVar = SCHEMA
    old: Side
    new: Side
    settings: tuple[Setting, ...]
    by_study: bool
    changed: tuple[ChangedStudy, ...]
    unchanged: int
    untold: int
    only_old: tuple[str, ...]
    only_new: tuple[str, ...]
    esim: str = __version__

    def __post_init__(self) -> None:
        validate_document((self.old, self.new, self.changed, self.unchanged, self.untold))

    @property
    def in_both(self) -> int:
        """How many studies both replays have."""
        return len(self.changed) + self.unchanged

    def to_dict(self) -> dict[str, Any]:
        """The document, schema esim.diff/1, of strict JSON values."""
        entries = plain(self)
        found: dict[str, Any] = finite({"schema": SCHEMA, "esim": entries.pop("esim"), **entries})
        return found

    @classmethod
    def from_dict(cls, document: Mapping[str, Any], where: str | None = None) -> Self:
        """As of every document; its totals are checked too. Raises EsimError."""
        found = super().from_dict(document, where)
        with following_schema(SCHEMA, where):
            for side in (found.old, found.new):
                validate_totals(side.totals, "totals")
                if side.in_both is not None:
                    validate_totals(side.in_both, "in_both")
        return found
