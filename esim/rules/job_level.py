"""Job-level rules: what ends a whole tuning job, as rows of a table and as presets.

The presets stand in `job_level.toml`, a table each. A row says when the job ends: from that moment
on no trial starts, and those in flight finish or are cut. It judges at the end of a trial, unless
it says otherwise.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from esim.errors import EsimError, near_names
from esim.rules.columns import column
from esim.rules.readings import Reading
from esim.rules.shares import share

EndsBy = Literal["no progress", "standstill", "small gain", "target", "trials", "launches", "time"]
Counted = Literal["ended", "completed", "failed", "all"]
ComparedWith = Literal["best", "last progress"]
Ordered = Literal["ends", "launches"]
TargetOf = Literal["final", "best", "report"]
InFlight = Literal["finish", "cut"]

_FILE = Path(__file__).parent / "job_level.toml"
# What a row's limit must be a whole number of, by `ends_by`.
_WHOLE = ("no progress", "trials", "launches")
# Columns that have a meaning only with these values of `ends_by`.
_ONLY = {
    "counts": ("no progress", "standstill", "small gain", "trials"),
    "gain": ("no progress", "standstill"),
    "relative": ("no progress", "standstill"),
    "at_least": ("no progress", "standstill"),
    "compared_with": ("no progress", "standstill"),
    "resets": ("no progress",),
    "first_counts": ("no progress",),
    "ordered": ("no progress",),
    "min_trials": ("no progress", "standstill", "small gain"),
    "window": ("small gain",),
    "value": ("target",),
}


@dataclass(frozen=True, repr=False)
class JobRule:
    """A rule that ends a whole tuning job: a row of the table of job-level rules.

    Raises:
        EsimError: a column cannot have its value, or another column makes it meaningless.

    Example:
        >>> from esim.rules import job_rule
        >>> job_rule("not-improving=10,gain=0").limit
        10.0
    """

    name: str
    source: str = column("", "", "the document or code the row copies, with its version")
    ends_by: EndsBy = column(
        "no progress",
        "",
        "what ends the job once it reaches the limit: no progress = trials since the last that was "
        "better than those before; standstill = seconds since then; small gain = the gain of the "
        "last `window` trials, in interquartile ranges, that falls below the limit; target = the "
        "best value; trials = how many have ended; launches = how many have started; time = "
        "seconds since the first start",
    )
    limit: float = column(1.0, "", "the number N in NAME=N")
    beyond: bool = column(False, "", "whether the limit must be exceeded, or only reached")
    counts: Counted = column(
        "ended",
        "",
        "which trials count: ended = completed, or stopped by a rule, with a final value; "
        "completed = not stopped; failed = only failed ones; all",
    )
    gain: float = column(
        0.0, "", "what a progress must gain on the best before it: a share (1% or 0.01) or amount"
    )
    relative: bool = column(True, "", "whether `gain` is a share of that best, or an amount")
    at_least: bool = column(
        True, "", "whether a gain of exactly `gain` is a progress; none is one if it is 0"
    )
    compared_with: ComparedWith = column(
        "best",
        "",
        "what a progress must gain on: the best so far, or the value of the last progress, which "
        "small gains leave as it is",
    )
    resets: bool = column(True, "", "whether a progress sets the count of trials back to 0")
    first_counts: bool = column(
        False, "", "whether the first trial counts as one without progress, and ends nothing"
    )
    ordered: Ordered = column(
        "ends",
        "",
        "in which order trials stand as they are counted: as they end; or, of those that have "
        "ended, as they were launched",
    )
    min_trials: int = column(0, "", "no end before so many trials that count have ended")
    window: int = column(5, "", "ends_by=small gain: how many trials the gain is of")
    value: TargetOf = column(
        "final",
        "",
        "ends_by=target: whose value: a trial's final value or its best at its end, or any report "
        "at once",
    )
    idle: bool = column(False, "", "whether it judges only while no trial runs")
    in_flight: InFlight = column(
        "cut",
        "",
        "what becomes of the trials that run: they finish, under a trial-level rule if there is "
        "one; or are told to stop at that moment",
    )

    def __post_init__(self) -> None:
        _validate(self)

    @property
    def parameters(self) -> dict[str, Any]:
        """Every column but name and source, by name."""
        return {k: v for k, v in vars(self).items() if k not in ("name", "source")}

    def __repr__(self) -> str:
        return f"<JobRule {self.text!r}; .parameters has every column>"

    @property
    def text(self) -> str:
        """How it is written with `--until`: its name, its limit, and columns unlike its preset's.

        >>> from esim.rules import job_rule
        >>> job_rule("not-improving=10,gain=0%").text
        'not-improving=10,gain=0'
        """
        usual = job_presets().get(self.name)
        changed = {}
        if usual is not None and usual.rule is not None:
            was = usual.rule.parameters
            changed = {k: v for k, v in self.parameters.items() if v != was[k] and k != "limit"}
        words = [f"{self.name}={self.limit:.15g}"]
        words += [f"{k}={_word(v)}" for k, v in changed.items()]
        return ",".join(words)


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.15g}" if isinstance(value, float) else str(value)


@dataclass(frozen=True)
class JobPreset:
    """A job-level rule and what its user must know about it; see `esim.rules.Preset`.

    Attributes:
        name: the NAME of NAME=N.
        rule: the row, whose limit is its system's default; None if it cannot be replayed.
        system, version, source, summary, differs, refused: as of a `Preset`.
        parameter: what its system calls the limit.
        sets: the keys of a HyperParameterTuningJobConfig of SageMaker that hold the limit; () if
            SageMaker has no such rule.
        least, most: what the system accepts as the limit; None: no bound is known.
        columns: that differ from the defaults.
        readings: other plausible readings of what its source leaves open.
    """

    name: str
    rule: JobRule | None
    system: str = ""
    version: str = ""
    source: str = ""
    summary: str = ""
    parameter: str = ""
    differs: tuple[str, ...] = ()
    refused: str | None = None
    sets: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None
    columns: Mapping[str, Any] = field(default_factory=dict)
    readings: tuple[Reading, ...] = ()


@functools.cache
def job_presets() -> Mapping[str, JobPreset]:
    """Every job-level rule by name, SageMaker's first; those that cannot be replayed among them."""
    found = {}
    for name, entries in tomllib.loads(_FILE.read_text(encoding="utf-8")).items():
        texts: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in entries.items()
        }
        texts["readings"] = tuple(Reading(**one) for one in texts.get("readings", ()))
        made = JobPreset(name=name, rule=None, **texts)
        if made.refused is None:
            source = f"{made.source}; {made.version}" if made.version else made.source
            made = dataclasses.replace(made, rule=JobRule(name, source, **made.columns))
        found[name] = made
    return found


def job_preset(name: str) -> JobPreset:
    """The preset of a job-level rule.

    Args:
        name: one of `job_presets`.

    Raises:
        EsimError: there is no such one; the error lists near names.
    """
    if name not in job_presets():
        fix = f"one of: {near_names(name, job_presets())}"
        raise EsimError(f"no job-level rule named {name!r}", fix=fix)
    return job_presets()[name]


def job_rule(text: str | JobRule) -> JobRule:
    """A job-level rule from how it is written.

    Args:
        text: ``NAME=N``, with columns that differ from the preset's behind commas:
            ``not-improving=10,gain=0``. Or a rule, which is returned as it is.

    Raises:
        EsimError: there is no such rule or column, it cannot be replayed, or a value cannot be.

    Example:
        >>> from esim.rules import job_rule
        >>> rule = job_rule("target=0.81,in_flight=finish")
        >>> rule.limit, rule.in_flight
        (0.81, 'finish')
    """
    if isinstance(text, JobRule):
        return text
    first, *others = text.split(",")
    name, equals, limit = (part.strip() for part in first.partition("="))
    found = job_preset(name)
    if found.rule is None:
        raise EsimError(f"{name} cannot be replayed", why=found.refused)
    if not equals:
        fix = f"{name}=N, N being its {found.parameter or 'limit'}"
        raise EsimError(f"{name} needs a limit", fix=fix)
    columns = {"limit": _parsed(name, "limit", limit)}
    for assignment in others:
        key, equals, value = (part.strip() for part in assignment.partition("="))
        known = [k for k in found.rule.parameters if k != "limit"]
        if not equals or key not in known:
            fix = f"column=value, column one of: {near_names(key, known)}"
            raise EsimError(f"{name}: cannot set {assignment.strip()!r}", fix=fix)
        columns[key] = _parsed(name, key, value)
    return dataclasses.replace(found.rule, **columns)


def job_rules(until: str | JobRule | Iterable[str | JobRule] | None) -> tuple[JobRule, ...]:
    """Job-level rules of which any ends the job, from one, several or none.

    Raises:
        EsimError: as `job_rule`.
    """
    if until is None:
        return ()
    if isinstance(until, (str, JobRule)):
        until = [until]
    return tuple(job_rule(one) for one in until)


def job_readings(rule: JobRule) -> Iterator[tuple[Reading, JobRule]]:
    """The plausible readings of a job-level rule's source that differ from the rule."""
    row = job_presets().get(rule.name)
    for reading in () if row is None else row.readings:
        changed = dataclasses.replace(rule, **reading.columns)
        if changed != rule:
            yield reading, changed


def default_rule(until: Sequence[JobRule]) -> str:
    """The trial-level rule where none is named: job-level rules act alone."""
    return "none" if until else "sagemaker"


def job_meanings() -> dict[str, str]:
    """What each column of a job-level rule means, by its name, in the order of the table."""
    return {f.name: f.metadata["meaning"] for f in dataclasses.fields(JobRule) if f.metadata}


@functools.cache
def _kinds() -> dict[str, Any]:
    return get_type_hints(JobRule)


def _parsed(name: str, key: str, text: str) -> Any:
    """The value of a column as it is typed."""
    kind = _kinds()[key]
    if get_origin(kind) is Literal:
        return text
    if key == "gain" and text.endswith("%"):
        return share(text, f"{name}: gain")
    try:
        return {"true": True, "false": False}[text.lower()] if kind is bool else kind(text)
    except (KeyError, ValueError):
        word = {bool: "true or false", int: "a whole number", float: "a number"}[kind]
        raise EsimError(f"{name}: {key} cannot be {text!r}", fix=word) from None


def _validate(rule: JobRule) -> None:
    """Refuse values that cannot be, and columns that mean nothing beside the others."""

    def refuse(key: str, fix: str) -> None:
        raise EsimError(f"{rule.name}: {key} cannot be {getattr(rule, key)!r}", fix=fix)

    for key, kind in _kinds().items():
        value = getattr(rule, key)
        if get_origin(kind) is Literal and value not in get_args(kind):
            refuse(key, "one of " + ", ".join(get_args(kind)))
        if kind in (int, float):
            numeric = isinstance(value, (int, float)) and not isinstance(value, bool)
            if not numeric or not math.isfinite(value):
                refuse(key, "a number")
        if kind is bool and not isinstance(value, bool):
            refuse(key, "true or false")
    if rule.ends_by in _WHOLE and not (rule.limit >= 1 and rule.limit == int(rule.limit)):
        if not (rule.beyond and rule.limit == 0):
            refuse("limit", "a whole number, at least 1")
    elif rule.ends_by != "target" and rule.limit <= 0 and not rule.beyond:
        refuse("limit", "a number above 0")
    if rule.gain < 0:
        refuse("gain", "a number, at least 0")
    if rule.min_trials < 0:
        refuse("min_trials", "a whole number, at least 0")
    if rule.window < 2:
        refuse("window", "a whole number, at least 2")
    for key, ends_by in _ONLY.items():
        usual = next(f.default for f in dataclasses.fields(JobRule) if f.name == key)
        if rule.ends_by not in ends_by and getattr(rule, key) != usual:
            refuse(key, f"ends_by={' or '.join(ends_by)}, or leave {key} at {usual!r}")
    if rule.ordered == "launches" and not (
        rule.resets and rule.compared_with == "best" and not rule.gain and not rule.first_counts
    ):
        refuse("ordered", "ends, or resets=true, compared_with=best, gain=0, first_counts=false")
    if rule.idle and rule.ends_by in ("time", "launches"):
        refuse("idle", f"false with ends_by={rule.ends_by}")
    if rule.value == "report" and rule.idle:
        refuse("idle", "false with value=report")
