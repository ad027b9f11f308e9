"""What a replay found, as records and as the result document. Computes nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from esim.assumptions import Clock, Costs
from esim.results.named_rule import NamedRule, RecordedRule
from esim.results.records import following_schema, plain, to_json
from esim.study import Direction, as_direction
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
    """A trial and its final value."""

    trial: str
    value: float


@dataclass(frozen=True)
class Caveat:
    """A reason to doubt the numbers, or an assumption behind them."""

    code: str
    text: str


@dataclass(frozen=True)
class Summary:
    """The headline numbers of one study. None = unknown. Fractions are of the recorded amount.

    Steps are the last step each trial reached, summed; seconds are training seconds, billed seconds
    whole jobs; makespan from the first start to the last end, recorded and replayed by one model.
    Degradation is signed: positive = worse.
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

    def to_dict(self) -> dict[str, Any]:
        """The schema's keys."""
        return {
            name: vars(value) if isinstance(value, BestTrial) else value
            for name, value in vars(self).items()
        }

    @classmethod
    def from_dict(cls, entry: Mapping[str, Any]) -> Summary:
        """A summary from its entry. The value of a best trial is NaN where it was not finite."""
        values = {f.name: entry[f.name] for f in fields(cls)}
        for name in ("best", "best_recorded"):
            if values[name] is not None:
                value = values[name]["value"]
                values[name] = BestTrial(values[name]["trial"], np.nan if value is None else value)
        if values["steps_saved_fraction_bounds"] is not None:
            values["steps_saved_fraction_bounds"] = tuple(values["steps_saved_fraction_bounds"])
        return cls(**values)


# Summaries of studies by their keys: a value a study.
Summaries = Mapping[str, Sequence[Any]]


@dataclass(frozen=True)
class TrialColumns:
    """Per trial, in launch order. [N] each; NaN and -1 = unknown or not stopped."""

    trial: Sequence[str]
    stopped: NDArray[np.bool_]
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

    def rows(self) -> list[dict[str, Any]]:
        """One dict a trial, None where unknown."""
        lists = []
        for name, column in vars(self).items():
            values = column.tolist() if isinstance(column, np.ndarray) else list(column)
            if name in ("stop_step", "peers"):
                values = [None if value < 0 else value for value in values]
            lists.append(values)
        return [dict(zip(vars(self), row, strict=True)) for row in zip(*lists, strict=True)]

    @classmethod
    def from_rows(cls, rows: Sequence[Mapping[str, Any]]) -> TrialColumns:
        """The columns of such dicts: NaN where a number is None, -1 where a whole one is."""

        def column(name: str, kind: str) -> NDArray[Any]:
            cells = [row[name] for row in rows]
            if kind == "float64":
                return np.array([np.nan if x is None else x for x in cells], dtype=np.float64)
            return np.array([-1 if x is None else x for x in cells], dtype=kind)

        kinds = {
            f.name: str(f.type).removeprefix("NDArray[np.").removesuffix("]").rstrip("_")
            for f in fields(cls)
            if f.name != "trial"
        }
        arrays = {name: column(name, kind) for name, kind in kinds.items()}
        return cls(trial=tuple(str(row["trial"]) for row in rows), **arrays)


@dataclass(frozen=True)
class ReadingRow:
    """One reading of the rule's source, and what it gives."""

    code: str
    question: str
    reading: str
    clock: Clock
    parameters: Mapping[str, Any]
    summary: Summary

    def to_dict(self) -> dict[str, Any]:
        """The reading's entry in the result document."""
        entry: dict[str, Any] = plain(self)
        return entry

    @classmethod
    def from_dict(cls, entry: Mapping[str, Any]) -> ReadingRow:
        """A reading from its entry."""
        return cls(
            code=entry["code"],
            question=entry["question"],
            reading=entry["reading"],
            clock=Clock(**entry["clock"]),
            parameters=dict(entry["parameters"]),
            summary=Summary.from_dict(entry["summary"]),
        )


@dataclass(frozen=True)
class ReplayResult:
    """One study replayed through one rule."""

    study: str
    objective: str
    direction: Direction
    rule: NamedRule
    clock: Clock
    costs: Costs
    final: str
    summary: Summary
    columns: TrialColumns
    warnings: tuple[Caveat, ...]
    readings: tuple[ReadingRow, ...] = ()
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
        return entry

    @classmethod
    def from_dict(cls, entry: Mapping[str, Any]) -> ReplayResult:
        """A result from its entry in the document, without its decisions."""
        return cls(
            study=str(entry["study"]),
            objective=str(entry["objective"]),
            direction=as_direction(entry["direction"]),
            rule=RecordedRule(**entry["rule"]),
            clock=Clock(**entry["clock"]),
            costs=Costs(**entry["costs"]),
            final=str(entry["final"]),
            summary=Summary.from_dict(entry["summary"]),
            columns=TrialColumns.from_rows(entry["trials"]),
            warnings=tuple(Caveat(**warning) for warning in entry["warnings"]),
            readings=tuple(ReadingRow.from_dict(row) for row in entry.get("readings", ())),
        )

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
    "trials_censored",
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
    return sums


@dataclass(frozen=True)
class ReplayDocument:
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

    studies: tuple[ReplayResult, ...]
    inputs: tuple[Mapping[str, Any], ...] = ()
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

    def to_json(self) -> str:
        """The document as strict JSON."""
        return to_json(self.to_dict())

    @classmethod
    def from_dict(cls, document: Mapping[str, Any], where: str | None = None) -> ReplayDocument:
        """The records of a document, as they were when it was written.

        Infinities stand as null in the document, and so are unknown here. The decisions of a result
        stand in a table beside the document (`esim.results.saved`).

        Args:
            document: plain values, as `to_dict` gives them.
            where: the file it was read from, for errors.

        Raises:
            EsimError: the document does not follow its schema.
        """
        with following_schema(SCHEMA, where):
            return cls(
                studies=tuple(ReplayResult.from_dict(entry) for entry in document["studies"]),
                inputs=tuple(document["inputs"]),
                command=document.get("command"),
                esim=str(document.get("esim", "")),
            )
