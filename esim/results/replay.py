"""What a replay found, as records and as the result document. Computes nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, make_dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from esim.assumptions import Clock, Costs
from esim.errors import EsimError
from esim.results.named_rule import NamedRule, RecordedJobRule, RecordedRule
from esim.results.recorded_inputs import Inputs
from esim.results.records import Document
from esim.results.totals import Totals
from esim.results.validate import validate_document, validate_trials
from esim.storage.typed import MisfitError, Scalars, Unbounded, build, convert, plain, shown
from esim.study import Direction
from esim.study.door import above
from esim.version import __version__

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = "esim.replay/1"
# The document in the folder of --out, and the tables beside it.
RESULT, TRIALS = "result.json", "trials.parquet"
DECISIONS, REPORTS = "decisions.parquet", "reports.parquet"
_HEADLINES = (
    "trials_stopped",
    "steps_saved_fraction",
    "seconds_saved_fraction",
    "billed_saved_fraction",
    "makespan_saved_fraction",
    "cost_saved_fraction",
    "cost",
    "degradation",
    "degradation_on_record",
    "degradation_normalized",
    "best_rank",
)


@dataclass(frozen=True)
class BestTrial:
    """A trial and its final value; NaN where a document holds one that was not finite."""

    trial: str
    value: Unbounded

    def __post_init__(self) -> None:
        if self.value is None:
            object.__setattr__(self, "value", np.nan)


@dataclass(frozen=True)
class Caveat:
    """A reason to doubt the numbers, or an assumption behind them."""

    code: str
    text: str


@dataclass(frozen=True)
class Summary:
    """The headline numbers of one study. None = unknown. Fractions are of the recorded amount.

    Steps are the last step each trial reached, summed; seconds are training seconds, billed seconds
    whole jobs; makespan from the first start to the last end, recorded and replayed by one model,
    in which `slot_gap_s` pass between the jobs of a slot. A trial that is told to stop with its
    last report is no stopped one: nothing is saved, though SageMaker lists it as Stopped.
    Degradation is signed: positive = worse.

    With job-level rules: trials that never start, and those cut in flight; the rule that ended the
    job (None: it would have ended so anyway), after how many ended trials, and when, in seconds
    since the first start (None where the rule bounds launches, or the clock has no times).
    """

    trials: int
    trials_stopped: int
    trials_censored: int
    steps_recorded: int
    steps_run: int
    steps_saved_fraction: float | None
    steps_saved_fraction_bounds: tuple[float, float] | None
    seconds_recorded: float | None
    seconds_run: float | None
    seconds_saved_fraction: float | None
    billed_seconds_recorded: float | None
    billed_seconds_run: float | None
    billed_saved_fraction: float | None
    makespan_recorded_s: float | None
    makespan_s: float | None
    makespan_saved_fraction: float | None
    cost_recorded: float | None
    cost: float | None
    cost_saved_fraction: float | None
    currency: str | None
    best_recorded: BestTrial | None
    best: BestTrial | None
    degradation: float | None
    degradation_on_record: float | None
    degradation_normalized: float | None
    best_rank: int | None
    best_trial_stopped: bool | None
    trials_stopped_at_last: int | None = None
    slot_gap_s: float | None = None
    trials_not_started: int = 0
    trials_cut: int = 0
    ended_by: str | None = None
    ended_after: int | None = None
    ended_at_s: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """The schema's keys."""
        return {
            name: vars(value) if isinstance(value, BestTrial) else value
            for name, value in vars(self).items()
        }


# Summaries of studies by their keys: a value a study.
Summaries = Mapping[str, Sequence[Any]]


@dataclass(frozen=True)
class TrialColumns:
    """Per trial, in launch order. [N] each; NaN and -1 = unknown or not stopped."""

    trial: Sequence[str]
    stopped: NDArray[np.bool_]
    stopped_at_last: NDArray[np.bool_]
    stop_step: NDArray[np.int64]
    steps_recorded: NDArray[np.int64]
    steps_run: NDArray[np.int64]
    seconds_recorded: NDArray[np.float64]
    seconds_run: NDArray[np.float64]
    final_value_recorded: NDArray[np.float64]
    final_value: NDArray[np.float64]
    threshold: NDArray[np.float64]
    peers: NDArray[np.int64]
    censored: NDArray[np.bool_]
    reports_kept: NDArray[np.int64]
    start_s: NDArray[np.float64]
    end_recorded_s: NDArray[np.float64]
    end_s: NDArray[np.float64]
    start_recorded_s: NDArray[np.float64]
    started: NDArray[np.bool_]
    cut: NDArray[np.bool_]

    @property
    def ended_early(self) -> NDArray[np.bool_]:
        """Which trials do not run to their end: stopped, cut, or never started. [N]"""
        return np.asarray(self.stopped | self.cut | ~self.started)

    def rows(self) -> list[dict[str, Any]]:
        """One dict a trial, None where unknown."""
        lists = []
        for name, column in vars(self).items():
            values = column.tolist() if isinstance(column, np.ndarray) else list(column)
            if name in _NONE_IS_BELOW:
                values = [None if value < 0 else value for value in values]
            lists.append(values)
        return [dict(zip(vars(self), row, strict=True)) for row in zip(*lists, strict=True)]

    @classmethod
    def plain_kind(cls) -> Any:
        """What they are in a document: a list of such dicts."""
        cells = {"bool": bool, "int64": int, "float64": float | None}
        row = [
            (
                name,
                str if kind not in cells else int | None if name in _NONE_IS_BELOW else cells[kind],
            )
            for name, kind in _kinds(cls).items()
        ]
        optional = [(*one, field(default=_BEFORE[one[0]])) for one in row if one[0] in _BEFORE]
        needed = [one for one in row if one[0] not in _BEFORE]
        doc = {"__doc__": "What became of one trial, in launch order. None = unknown."}
        return Sequence[make_dataclass("TrialRow", [*needed, *optional], namespace=doc)]  # type: ignore[misc]

    @classmethod
    def from_plain(cls, rows: Any) -> TrialColumns:
        """The columns of such dicts: NaN where a number is None, -1 where a whole one is.

        Raises:
            MisfitError: the rows are of another kind.
        """
        kinds = _kinds(cls)
        if not isinstance(rows, (list, tuple)):
            raise MisfitError(f"{shown(rows)} is not a list")
        for number, row in enumerate(rows):
            if not isinstance(row, Mapping) or kinds.keys() != {**_BEFORE, **row}.keys():
                raise MisfitError(f"{shown(row)} has other fields").inside(number)
        rows = [{**_BEFORE, **row} for row in rows]
        made = {}
        for name, kind in kinds.items():
            try:
                made[name] = _column([row[name] for row in rows], name, kind)
            except MisfitError as error:
                raise error.inside(name) from None
        return cls(**made)


def _kinds(columns: Any) -> dict[str, str]:
    """The names of the types of an array's cells, by column."""
    return {f.name: str(f.type).removeprefix("NDArray[np.").strip("_]") for f in fields(columns)}


def _column(cells: Sequence[Any], name: str, kind: str) -> Any:
    """The cells of a column of `TrialColumns`, whose type is of this kind, as an array or texts."""
    if kind not in _CELLS:
        return convert(tuple[str, ...], cells)
    unknown = -1 if name in _NONE_IS_BELOW else np.nan if kind == "float64" else None
    known = [unknown if cell is None else cell for cell in cells]
    if not set(map(type, known)) <= _CELLS[kind]:
        odd = next(cell for cell in known if type(cell) not in _CELLS[kind])
        raise MisfitError(f"{shown(odd)} is not of type {kind}")
    try:
        column = np.array(known, dtype=kind)
    except OverflowError:
        raise MisfitError("a number is too large") from None
    if kind == "float64" and np.isinf(column).any():
        raise MisfitError("a number is not finite")
    return column


_CELLS: Mapping[str, set[type]] = {"bool": {bool}, "int64": {int}, "float64": {int, float}}
_NONE_IS_BELOW = ("stop_step", "peers")
# Of what was written before there were job-level rules, and before such stops were counted.
_BEFORE = {"started": True, "cut": False, "stopped_at_last": False}


@dataclass(frozen=True)
class ReadingRow:
    """One reading of the rule's source, and what it gives."""

    code: str
    question: str
    reading: str
    clock: Clock
    parameters: Scalars
    summary: Summary

    def to_dict(self) -> dict[str, Any]:
        """The reading's entry in the result document."""
        entry: dict[str, Any] = plain(self)
        return entry


@dataclass(frozen=True)
class ReplayResult:
    """One study replayed through one rule."""

    beside: ClassVar = {"ranges": Mapping[str, tuple[Unbounded, Unbounded]]}
    study: str
    objective: str
    direction: Direction
    rule: Annotated[NamedRule, RecordedRule]
    clock: Clock
    costs: Costs
    final: str
    summary: Summary
    columns: TrialColumns = field(metadata={"key": "trials"})
    warnings: tuple[Caveat, ...]
    readings: tuple[ReadingRow, ...] = ()
    until: tuple[RecordedJobRule, ...] = ()
    trace: Callable[[], Mapping[str, Any]] = field(default=dict, repr=False, compare=False)

    @property
    def trials(self) -> pd.DataFrame:
        """One row a trial, in launch order."""
        import pandas as pd

        return pd.DataFrame(self.columns.rows())

    @property
    def decisions(self) -> pd.DataFrame:
        """One row a report that ran and holds a value: the own side, the threshold, the peers.

        Replayed again when asked for: a trace costs more than the answer.
        """
        import pandas as pd

        return pd.DataFrame(dict(self.trace()))

    def ranges(self) -> dict[str, tuple[float, float]]:
        """Headline number -> its lowest and highest over the readings; empty without readings."""
        found: dict[str, tuple[float, float]] = {}
        for key in _HEADLINES if self.readings else ():
            # Makespans by different clocks are of different models and do not compare.
            rows = [r for r in self.readings if r.clock == self.clock or "makespan" not in key]
            values = [getattr(row.summary, key) for row in rows]
            known = [value for value in values if value is not None]
            if known:
                found[key] = (min(known), max(known))
        return found

    def to_dict(self) -> dict[str, Any]:
        """The study's entry in the result document."""
        entry: dict[str, Any] = {
            "study": self.study,
            "objective": self.objective,
            "direction": self.direction,
            "rule": plain(RecordedRule.of(self.rule)),
            "clock": vars(self.clock),
            "costs": vars(self.costs),
            "final": self.final,
            "summary": self.summary.to_dict(),
            "trials": self.columns.rows(),
            "warnings": [vars(w) for w in self.warnings],
        }
        if self.readings:
            entry["readings"] = [row.to_dict() for row in self.readings]
            entry["ranges"] = self.ranges()
        if self.until:
            entry["until"] = plain(self.until)
        return entry

    @classmethod
    def from_plain(cls, entry: Any) -> ReplayResult:
        """A result from its entry in the document, without its decisions.

        Raises:
            MisfitError: it is of another kind, or holds a number that cannot be.
        """
        found = build(cls, entry)
        trials = found.columns.trial
        best = [one.trial for one in (found.summary.best, found.summary.best_recorded) if one]
        if len(set(trials)) != found.summary.trials or not set(best) <= set(trials):
            raise MisfitError("its summary is not of its trials")
        if found.summary.cost is not None and found.costs.price is None:
            raise MisfitError("it has a cost and no price")
        try:
            validate_document(found)
            validate_trials(found.columns)
        except EsimError as error:
            raise MisfitError(f"{error.what}: {error.why}") from None
        return found

    def to_json(self) -> str:
        """The result document for this study alone."""
        return ReplayDocument((self,)).to_json()

    def _repr_html_(self) -> str:
        """In a notebook."""
        html: str = above("replay_html")(self)
        return html


_ADD_UP = (
    "trials",
    "trials_stopped",
    "trials_stopped_at_last",
    "trials_censored",
    "trials_not_started",
    "trials_cut",
    "steps_recorded",
    "steps_run",
    "seconds_recorded",
    "seconds_run",
    "billed_seconds_recorded",
    "billed_seconds_run",
    "cost_recorded",
    "cost",
)
# What `add_up` reads of a summary.
TOTALED = (*_ADD_UP, "currency", "best_trial_stopped")
_SHARES = {
    "steps_saved_fraction": ("steps_recorded", "steps_run"),
    "seconds_saved_fraction": ("seconds_recorded", "seconds_run"),
    "billed_saved_fraction": ("billed_seconds_recorded", "billed_seconds_run"),
    "cost_saved_fraction": ("cost_recorded", "cost"),
}


def saved_fraction(recorded: float | None, run: float | None) -> float | None:
    """1 - run / recorded; None if either is unknown or nothing was recorded."""
    if recorded is None or run is None or not recorded > 0:
        return None
    return 1.0 - run / recorded


def totals(results: Sequence[ReplayResult]) -> dict[str, Any]:
    """The summary keys that add up over studies; None if one of them is unknown."""
    return add_up({key: [getattr(result.summary, key) for result in results] for key in TOTALED})


def add_up(columns: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    """The same from the summaries' columns, a value a study."""
    stopped = columns["best_trial_stopped"]
    sums: dict[str, Any] = {"studies": len(stopped)}
    for key in _ADD_UP:
        known = len(stopped) > 0 and all(value is not None for value in columns[key])
        sums[key] = sum(columns[key]) if known else None
    for key, (recorded, run) in _SHARES.items():
        sums[key] = saved_fraction(sums[recorded], sums[run])
    currencies = set(columns["currency"])
    sums["currency"] = currencies.pop() if len(currencies) == 1 else None
    sums["best_trials_stopped"] = sum(one is True for one in stopped)
    told = sum(one is not None for one in stopped)
    sums["best_trial_stopped_fraction"] = sums["best_trials_stopped"] / told if told else None
    return vars(Totals(**sums))


@dataclass(frozen=True)
class ReplayDocument(Document):
    """Replays of one or many studies: the document of `esim replay --json`.

    Attributes:
        studies: a result a study.
        inputs: what was read, and what the readers noted.
        command: the command line that made it, where one did.
        esim: the version that wrote it.

    Example:
        >>> import esim
        >>> study = esim.Study.from_arrays([[3, 2, 1], [4, 4, 4], [5, 5, 5]], direction="minimize")
        >>> document = ReplayDocument((esim.replay(study),))
        >>> ReplayDocument.from_dict(document.to_dict()).to_json() == document.to_json()
        True
    """

    schema: ClassVar = SCHEMA
    beside: ClassVar = {"schema": str, "totals": Totals}
    studies: tuple[ReplayResult, ...]
    inputs: Inputs = ()
    command: str | None = None
    esim: str = __version__

    def to_dict(self) -> dict[str, Any]:
        """The document, schema esim.replay/1, of plain values."""
        return {
            "schema": SCHEMA,
            "esim": self.esim,
            **({} if self.command is None else {"command": self.command}),
            "inputs": list(self.inputs),
            "studies": [result.to_dict() for result in self.studies],
            "totals": totals(self.studies),
        }
