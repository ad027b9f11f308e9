"""What a rule would have done to a history of studies, as the document esim.replay-many/1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Self

from esim.assumptions import Costs
from esim.results.named_rule import RecordedJobRule, RecordedRule
from esim.results.recorded_inputs import Inputs
from esim.results.records import Document, following_schema
from esim.results.replay import TOTALED, add_up
from esim.results.totals import Totals
from esim.results.validate import validate_document
from esim.storage.typed import MisfitError, Scalars, Unbounded, plain, shown
from esim.version import __version__

SCHEMA = "esim.replay-many/1"
# The folder of --out: the document, the table of studies, and a folder with tables of trials.
RESULT, STUDIES, TRIALS = "result.json", "studies.parquet", "trials"
By = Literal["month", "group"]
# Quantiles of each headline number over the studies, by their names in the document.
SPREAD = {"q05": 0.05, "q25": 0.25, "q50": 0.5, "q75": 0.75, "q95": 0.95}
# Totals of no study: their keys, and of these the ones that earlier versions did not write.
TOTALS: dict[str, Any] = add_up({key: [] for key in TOTALED})
_LATER = (
    "trials_stopped_at_last",
    "trials_not_started",
    "trials_cut",
    "best_trial_stopped_fraction",
)


def validate_totals(totals: Mapping[str, Any], name: str) -> None:
    """Raise MisfitError, about what stands under this name, if these are no totals of studies."""
    if missing := TOTALS.keys() - totals.keys() - set(_LATER):
        raise MisfitError(f"it lacks {min(missing)}").inside(name)
    for key in TOTALS.keys() - {"currency"}:
        number = totals.get(key)
        needed = key in ("studies", "best_trials_stopped")
        known = isinstance(number, (int, float)) and not isinstance(number, bool)
        if not known and (needed or number is not None):
            raise MisfitError(f"{shown(number)} is no such number").inside(key).inside(name)
    if not isinstance(totals.get("currency"), str | None):
        raise MisfitError("it is not text").inside("currency").inside(name)


@dataclass(frozen=True)
class AskedClock:
    """The clock that was asked for. A mode of None is each study's own default."""

    mode: str | None
    workers: int


@dataclass(frozen=True)
class Part:
    """The studies of a month or of a group, and what adds up over them.

    Attributes:
        name: the month of their first starts in UTC, such as "2024-05", or their group; None of the
            studies without a date.
        totals: as of the whole history.
    """

    name: str | None
    totals: Scalars = field(metadata={"told": Totals})


@dataclass(frozen=True)
class Breakdown:
    """A history's totals by month or by group.

    Attributes:
        what: what the parts are: month or group.
        parts: one for each, in the order of their names.
    """

    what: By
    parts: tuple[Part, ...]

    @classmethod
    def of(
        cls, what: By, names: Sequence[str | None], columns: Mapping[str, Sequence[Any]]
    ) -> Breakdown:
        """The totals of studies by the parts that they belong to.

        Args:
            what: the parts are months or groups.
            names: the part of each study; None is unknown, and comes last. [S]
            columns: those of `TOTALED`, a value a study. [S] each

        Example:
            >>> columns = dict.fromkeys(TOTALED, [None, None]) | {"trials": [10, 20]}
            >>> months = Breakdown.of("month", ["2024-05", "2024-05"], columns)
            >>> [(part.name, part.totals["trials"]) for part in months.parts]
            [('2024-05', 30)]
        """
        at: dict[str | None, list[int]] = {}
        for study, name in enumerate(names):
            at.setdefault(name, []).append(study)
        return cls(
            what,
            tuple(
                Part(name, add_up({key: [columns[key][i] for i in at[name]] for key in TOTALED}))
                for name in sorted(at, key=lambda name: (name is None, name or ""))
            ),
        )


@dataclass(frozen=True)
class Tables:
    """Where the tables are, beside the document in the folder of --out.

    Attributes:
        studies: the table with a row a study.
        trials: the folder with tables of trials.
    """

    studies: str = STUDIES
    trials: str = TRIALS


@dataclass(frozen=True, repr=False)
class HistoryReplay(Document):
    """What a rule would have done to a history.

    Attributes:
        inputs: the history that was replayed.
        rule, clock, costs, final, until: how every study was replayed.
        studies: how many were replayed, the failed ones not counted.
        totals: the summary keys that add up over studies.
        spread: headline number -> its quantiles over the studies that know it, by name.
        failures: study -> why it could not be replayed.
        warnings: code -> in how many studies.
        by: the totals by month or by group, where they were asked for.
        command: the command line that made it, where one did.
        esim: the version that wrote it.

    Example:
        >>> found = HistoryReplay(
        ...     inputs=(),
        ...     rule=RecordedRule("sagemaker", "its documentation", {"quantile": 0.5}),
        ...     clock=AskedClock(None, 1),
        ...     costs=Costs(),
        ...     final="last",
        ...     studies=2,
        ...     totals=TOTALS | {"studies": 2, "trials": 40, "best_trials_stopped": 0},
        ...     spread={},
        ...     failures={"job-3": "no report"},
        ...     warnings={},
        ... )
        >>> HistoryReplay.from_dict(found.to_dict()) == found
        True
    """

    schema: ClassVar = SCHEMA
    beside: ClassVar = {"schema": str, "tables": Tables}
    inputs: Inputs
    rule: RecordedRule
    clock: AskedClock
    costs: Costs
    final: str
    studies: int
    totals: Scalars = field(metadata={"told": Totals})
    spread: Mapping[str, Mapping[str, Unbounded]]
    failures: Mapping[str, str]
    warnings: Mapping[str, int]
    until: tuple[RecordedJobRule, ...] = ()
    by: Breakdown | None = None
    command: str | None = None
    esim: str = __version__

    def __post_init__(self) -> None:
        validate_document(self)

    def to_dict(self) -> dict[str, Any]:
        """The document, schema esim.replay-many/1, of plain values."""
        entries = plain(self)
        head = {"schema": SCHEMA, "esim": entries.pop("esim")}
        for name in ("until", "by", "command"):
            if not entries[name]:
                del entries[name]
        return {**head, **entries, "tables": plain(Tables())}

    def _validate(self) -> None:
        """Raise MisfitError if totals or quantiles are not those of such a document."""
        parts = () if self.by is None else self.by.parts
        validate_totals(self.totals, "totals")
        for part in parts:
            validate_totals(part.totals, str(part.name))
        for key, spread in self.spread.items():
            if spread.keys() != {"studies", *SPREAD}:
                raise MisfitError(f"its fields are not {', '.join(SPREAD)}").inside(key)

    @classmethod
    def from_dict(cls, document: Mapping[str, Any], where: str | None = None) -> Self:
        """As of every document; its totals and quantiles are checked too. Raises EsimError."""
        found = super().from_dict(document, where)
        with following_schema(SCHEMA, where):
            found._validate()
        return found
