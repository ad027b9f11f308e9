"""What a replay found, as records and as the result document. Computes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np

from esim.assumptions import Clock, Costs
from esim.errors import EsimError, plural
from esim.results.named_rule import NamedRule, RecordedJobRule, RecordedRule
from esim.results.plots import ReplayPlots
from esim.results.recorded_inputs import Inputs
from esim.results.records import Document
from esim.results.shown import Shown, share_words
from esim.results.totals import Totals
from esim.results.trial_columns import TrialColumns
from esim.results.validate import validate_document, validate_trials
from esim.storage.typed import MisfitError, Scalars, Unbounded, build, plain
from esim.study import Direction, Study
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


@dataclass(frozen=True, repr=False)
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

    def __repr__(self) -> str:
        shown = (
            "trials",
            "trials_stopped",
            *_HEADLINES[1:4],
            "cost_saved_fraction",
            *_HEADLINES[7:8],
        )
        known = ((name, getattr(self, name)) for name in shown)
        told = ", ".join(f"{k}={v:.6g}" for k, v in known if v is not None)
        return f"Summary({told}; .to_frame() has all)"

    def to_frame(self) -> pd.DataFrame:
        """All of it as a table of one row; a column a number, named as in documents.

        The best trials are ``best`` and ``best_recorded``, their values ``best_value`` and
        ``best_recorded_value``; bounds end in ``_low`` and ``_high``.

        Example:
            >>> import esim
            >>> study = esim.Study.from_arrays([[3, 2, 1], [4, 4, 4], [5, 5, 5]], "minimize")
            >>> frame = esim.replay(study).summary.to_frame()
            >>> frame[["trials", "trials_stopped", "best", "best_value"]].values.tolist()
            [[3, 2, '0', 1.0]]
        """
        import pandas as pd

        row: dict[str, Any] = {}
        for name, value in vars(self).items():
            if name in ("best", "best_recorded"):
                row[name] = None if value is None else value.trial
                row[f"{name}_value"] = None if value is None else value.value
            elif name.endswith("_bounds"):
                row[f"{name}_low"], row[f"{name}_high"] = (None, None) if value is None else value
            else:
                row[name] = value
        return pd.DataFrame([row])

    def to_dict(self) -> dict[str, Any]:
        """The schema's keys."""
        return {
            name: vars(value) if isinstance(value, BestTrial) else value
            for name, value in vars(self).items()
        }


# Summaries of studies by their keys: a value a study.
Summaries = Mapping[str, Sequence[Any]]


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


@dataclass(frozen=True, repr=False)
class ReplayResult(Shown):
    """One study replayed through one rule.

    Attributes:
        summary: the headline numbers.
        columns: what became of each trial, as arrays; `trials` has the same as a table.
        warnings: reasons to doubt the numbers.
        readings: with `readings` of `esim.replay`: what each reading gives.
        until: the job-level rules.
        recorded: the study that was replayed; None if the result was read from a document.

    Example:
        >>> import esim
        >>> study = esim.Study.from_arrays([[3, 2, 1], [4, 4, 4], [5, 5, 5]], direction="minimize")
        >>> esim.replay(study)
        <ReplayResult of 'study': rule sagemaker, clock order; 2 of 3 trials stopped
         saved: 44.4 % of the steps; the best value is kept
         .summary .trials .decisions .plot.curves() .report("r.html") .save("folder")>
    """

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
    trace: Callable[[], Mapping[str, Any]] = field(default=dict, compare=False)
    recorded: Study | None = field(default=None, compare=False)

    def _in_short(self) -> Iterator[str]:
        found = self.summary
        yield (
            f"ReplayResult of {self.study!r}: rule {self.rule.name}, clock {self.clock.mode}; "
            f"{found.trials_stopped} of {plural(found.trials, 'trial')} stopped"
        )
        known = (
            f"{share_words(share)} of the {what}"
            for what, share in (
                ("steps", found.steps_saved_fraction),
                ("training seconds", found.seconds_saved_fraction),
                ("cost", found.cost_saved_fraction),
            )
            if share is not None
        )
        lost = {None: "unknown", True: "lost", False: "kept"}[found.best_trial_stopped]
        yield f"saved: {', '.join(known) or 'unknown'}; the best value is {lost}"
        yield '.summary .trials .decisions .plot.curves() .report("r.html") .save("folder")'

    @property
    def plot(self) -> ReplayPlots:
        """Its figures: `result.plot.curves()`."""
        return ReplayPlots(self)

    @property
    def trials(self) -> pd.DataFrame:
        """One row a trial, in launch order; the study's hyperparameters as ``config.<name>``.

        Example:
            >>> import esim
            >>> study = esim.Study.from_arrays([[2, 1], [4, 4]], "min", config={"lr": [0.1, 1.0]})
            >>> esim.replay(study).trials[["trial", "stop_step", "config.lr"]].values.tolist()
            [['0', nan, 0.1], ['1', 1.0, 1.0]]
        """
        import pandas as pd

        frame = pd.DataFrame(self.columns.rows())
        if self.recorded is None or not self.recorded.config:
            return frame
        config = {f"config.{name}": list(v) for name, v in self.recorded.config.items()}
        return frame.join(pd.DataFrame(config, index=frame.index))

    @property
    def decisions(self) -> pd.DataFrame:
        """One row a report that ran and holds a value: the own side, the threshold, the peers.

        Replayed again when asked for: a trace costs more than the answer.
        """
        import pandas as pd

        return pd.DataFrame(dict(self.trace()))

    def ranges(self) -> dict[str, tuple[float, float]]:
        """Headline number -> its lowest and highest over the readings; empty without readings.

        Example:
            >>> import esim
            >>> study = esim.Study.from_arrays([[3, 2, 1], [4, 4, 4], [5, 5, 5]], "minimize")
            >>> low, high = esim.replay(study, readings=True).ranges()["steps_saved_fraction"]
            >>> low <= esim.replay(study).summary.steps_saved_fraction <= high
            True
        """
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
        """The result document for this study alone.

        Example:
            >>> import json
            >>> import esim
            >>> study = esim.Study.from_arrays([[3, 2, 1], [4, 4, 4], [5, 5, 5]], "minimize")
            >>> json.loads(esim.replay(study).to_json())["schema"]
            'esim.replay/1'
        """
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


@dataclass(frozen=True, repr=False)
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
