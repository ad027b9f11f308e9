"""Made-up studies, rules and settings for tests: one description, two sources of choice.

`studies(seed, n)`, `rules(seed, n)` and `runs(seed, n)` draw from a numpy generator: the same seed
gives the same things. `any_study()`, `any_rule()` and `any_run()` are the same descriptions as
hypothesis strategies, which shrink towards the first choice everywhere.

All values are multiples of 1/8 of small size (or infinite), all times are whole seconds: sums are
exact in any order, and ties are frequent.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
from hypothesis import strategies as st

from esim.rules.table import Rule
from esim.study import Direction, Status, Study

T = TypeVar("T")


class Pick(Protocol):
    """A source of choices."""

    def integer(self, low: int, high: int) -> int:
        """A whole number, both ends possible."""

    def one(self, choices: Sequence[T]) -> T:
        """One of the choices."""

    def shuffled(self, things: Sequence[T]) -> list[T]:
        """The things in any order."""


class FromSeed:
    """Choices from a numpy generator."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def integer(self, low: int, high: int) -> int:
        return int(self.rng.integers(low, high + 1))

    def one(self, choices: Sequence[T]) -> T:
        return choices[int(self.rng.integers(len(choices)))]

    def shuffled(self, things: Sequence[T]) -> list[T]:
        return [things[int(at)] for at in self.rng.permutation(len(things))]


class FromHypothesis:
    """Choices that hypothesis makes, and shrinks."""

    def __init__(self, draw: Callable[[st.SearchStrategy[Any]], Any]) -> None:
        self.draw = draw

    def integer(self, low: int, high: int) -> int:
        return self.draw(st.integers(low, high))

    def one(self, choices: Sequence[T]) -> T:
        return self.draw(_sampled(choices))

    def shuffled(self, things: Sequence[T]) -> list[T]:
        return self.draw(st.permutations(things))


_SAMPLED: dict[int, tuple[Sequence[Any], st.SearchStrategy[Any]]] = {}


def _sampled(choices: Sequence[T]) -> st.SearchStrategy[T]:
    """The strategy of some choices; that of a tuple is made once, which took a third of a draw."""
    if not isinstance(choices, tuple):
        return st.sampled_from(choices)
    found = _SAMPLED.get(id(choices))
    if found is None:
        if len(_SAMPLED) > 1000:  # of tuples that are made anew each time
            _SAMPLED.clear()
        found = _SAMPLED[id(choices)] = choices, st.sampled_from(choices)
    return found[1]


# ------------------------------------------------------------------------------------- studies

NO, SELDOM, OFTEN = (False,), (False,) * 7 + (True,), (False, True)

GRIDS = ("from one", "from zero", "gaps", "own")
TIMES = ("none", "elapsed", "schedule", "ends only")
STATUSES, INFINITIES, BILLED = tuple(Status), (np.inf, -np.inf), (np.nan, 0, 2, 5)
VALUES = ("few", "many", "all equal", "falling")


def make_study(
    pick: Pick,
    *,
    max_trials: int = 8,
    max_steps: int = 7,
    times: str | None = None,
    infinities: bool = True,
    repeated_times: bool = True,
) -> Study:
    """Any study: ragged, with NaN rows, ties, copies, empty trials, all statuses and time columns.

    Args:
        times: "none"; "elapsed"; "schedule" = elapsed, start and end, so that the recorded clock
            can run; "ends only" = start and end without elapsed. None: any of them.
        infinities: whether a trial may report one of the infinities (never both in one trial).
        repeated_times: whether two rows of one trial may have the same elapsed seconds.
    """
    n = pick.integer(1, max_trials)
    longest = pick.integer(1, max_steps)
    grid = pick.one(GRIDS)
    shared = _grid(pick, grid, longest)
    kind = pick.one(VALUES)
    direction: Direction = pick.one(("minimize", "maximize"))
    nan_rows = pick.one((NO, NO, SELDOM, OFTEN))
    some_infinite = pick.one((NO, NO, NO, SELDOM)) if infinities else NO

    steps: list[list[int]] = []
    values: list[list[float]] = []
    for i in range(n):
        if i > 0 and pick.one(SELDOM):  # the whole curve of an earlier trial
            copied = pick.integer(0, i - 1)
            steps.append(list(steps[copied]))
            values.append(list(values[copied]))
            continue
        grid_here = _grid(pick, grid, longest) if grid == "own" else shared
        whole = pick.one((True, True, False))
        length = len(grid_here) if whole else pick.integer(0, len(grid_here))
        steps.append(grid_here[:length])
        curve = _values(pick, kind, length)
        infinity = pick.one(INFINITIES)
        curve = [infinity if pick.one(some_infinite) else value for value in curve]
        curve = [np.nan if pick.one(nan_rows) else value for value in curve]
        if length and pick.one(SELDOM):
            curve[-1] = np.nan
        values.append(curve)

    any_status = pick.one((False, True, True))
    status = [
        pick.one(STATUSES) if any_status and pick.one(OFTEN) else Status.COMPLETED for _ in range(n)
    ]
    times = pick.one(TIMES) if times is None else times
    elapsed = start = end = None
    if times in ("elapsed", "schedule"):
        elapsed = [_elapsed(pick, s, repeated_times) for s in steps]
    if times in ("schedule", "ends only"):
        start, end = _schedule(pick, steps, elapsed, status, sure=times == "schedule")
    study = build(
        steps, values, direction=direction, status=status, elapsed=elapsed, start=start, end=end
    )
    billed = None
    if pick.one(SELDOM):
        billed = np.array([float(pick.one(BILLED)) for _ in range(n)])
    return dataclasses.replace(study, done_at_zero=pick.one((0, 0, 1)), billed=billed)


def build(
    steps: Sequence[Sequence[int]],
    values: Sequence[Sequence[float]],
    *,
    direction: Direction = "minimize",
    status: Sequence[Status] | None = None,
    elapsed: Sequence[Sequence[float]] | None = None,
    start: Sequence[float] | None = None,
    end: Sequence[float] | None = None,
) -> Study:
    """A validated study from one list a trial; NaN rows stay. Trials are called "t0", "t1", ..."""
    n = len(steps)
    codes = np.array([Status.COMPLETED] * n if status is None else status, dtype=np.int8)
    study = Study(
        name="made-up",
        objective="loss",
        direction=direction,
        trials=tuple(f"t{i}" for i in range(n)),
        offsets=np.cumsum([0] + [len(s) for s in steps]).astype(np.int64),
        steps=_flat(steps, np.int64),
        values=_flat(values, np.float64),
        elapsed=None if elapsed is None else _flat(elapsed, np.float64),
        start=np.array([np.nan] * n if start is None else start, dtype=np.float64),
        end=np.array([np.nan] * n if end is None else end, dtype=np.float64),
        status=codes,
        censored=~np.isin(codes, [Status.COMPLETED, Status.UNKNOWN]),
        instance_type=(None,) * n,
        instance_count=np.ones(n, dtype=np.int64),
    )
    study.validate()
    return study


def _flat(columns: Sequence[Sequence[float]], dtype: type) -> np.ndarray:
    return np.array([x for column in columns for x in column], dtype=dtype)


def _grid(pick: Pick, grid: str, longest: int) -> list[int]:
    if grid == "from one":
        return list(range(1, longest + 1))
    if grid == "from zero":
        return list(range(longest))
    steps, step = [], pick.integer(0, 2)
    for _ in range(longest):
        steps.append(step)
        step += pick.integer(1, 3)
    return steps


def _values(pick: Pick, kind: str, length: int) -> list[float]:
    if kind == "all equal":
        return [0.5] * length
    if kind == "few":
        return [pick.integer(0, 3) / 8 for _ in range(length)]
    if kind == "many":
        return [pick.integer(-40, 40) / 8 for _ in range(length)]
    level, curve = pick.integer(8, 40), []
    for _ in range(length):
        curve.append(level / 8)
        level -= pick.integer(-1, 4)
    return curve


def _elapsed(pick: Pick, steps: Sequence[int], repeated_times: bool) -> list[float]:
    """Whole seconds: as the steps, or of any pace."""
    if pick.one(OFTEN):
        return [float(step) for step in steps]
    repeats = pick.one(SELDOM) if repeated_times else False
    seconds, now = [], pick.integer(0, 2)
    for _ in steps:
        seconds.append(float(now))
        now += pick.integer(0 if repeats else 1, 3)
    return seconds


def _schedule(
    pick: Pick,
    steps: Sequence[Sequence[int]],
    elapsed: Sequence[Sequence[float]] | None,
    status: Sequence[Status],
    *,
    sure: bool,
) -> tuple[list[float], list[float]]:
    """Start and end of each trial; NaN in places, but for an end of a running trial only if sure.

    Many starts and ends are equal; some ends are later than the last row, a few earlier.
    """
    n = len(steps)
    start = [float(pick.integer(0, 8)) for _ in range(n)]
    if pick.one((True, True, True, False)):
        start.sort()
    end = []
    for i in range(n):
        seconds = steps[i] if elapsed is None else elapsed[i]
        last = float(seconds[-1]) if len(seconds) else 0.0
        later = pick.one((0, 0, 0, 1, 2, 5, -1))
        end.append(start[i] + max(0.0, last + later))
    for i in range(n):
        unknown = status[i] == Status.RUNNING
        if not sure or len(steps[i]) == 0:
            unknown = unknown or pick.one(SELDOM)
            if pick.one(SELDOM):
                start[i] = np.nan
        if unknown:
            end[i] = np.nan
    return start, end


# --------------------------------------------------------------------------------------- rules

CATEGORICAL: dict[str, tuple[Any, ...]] = {
    "own": ("current", "best", "average"),
    "peer": ("average", "value", "best"),
    "pool": ("ended", "completed", "reached"),
    "match": ("upto", "step", "number"),
    "method": ("midpoint", "linear", "lower", "higher"),
    "short": ("drop", "carry"),
    "failed_peers": (False, True),
    "strict": (True, False),
    "include_self": (False, True),
}

#: Every combination of the categorical columns that the table allows: 3,456.
COMBINATIONS: tuple[dict[str, Any], ...] = tuple(
    row
    for row in (
        dict(zip(CATEGORICAL, combination, strict=True))
        for combination in itertools.product(*CATEGORICAL.values())
    )
    if row["pool"] == "reached" or not row["include_self"]
)

#: Columns that forbid decisions: all of them at their defaults in half of the rules.
GATES = ("warmup_steps", "warmup_share", "interval", "min_reports", "min_peers", "min_completed")

#: The default comes first and most often, or hardly any rule would ever act.
NUMERIC: dict[str, tuple[Any, ...]] = {
    "average_from": (0, 0, 0, 1, 2, 3),
    "quantile": (0.5, 0.5, 0.5, 0.0, 0.25, 0.3, 0.625, 0.75, 1.0),
    "warmup_steps": (0, 0, 0, 1, 2, 3),
    "warmup_share": (0.0, 0.0, 0.0, 0.0, 0.25, 0.5, 1.0),
    "interval": (1, 1, 1, 2, 3),
    "min_reports": (1, 1, 1, 2, 3),
    "min_peers": (1, 1, 1, 2, 3),
    "min_completed": (0, 0, 0, 1, 2),
    # 3 / 32 of a mean of eighths is no eighth, so that rounding never decides a tie.
    "tolerance": (0.0, 0.0, 1e-6, 0.09375),
    "delay": (0, 0, 0, 1, 2),
}

#: Columns whose choices no combination multiplies.
BESIDE: dict[str, tuple[Any, ...]] = {
    "peer_from": ("end", "end", "stop"),
    "consecutive": (1, 1, 1, 2, 3),
    "protect": (0, 0, 0, 1, 2),
}


def make_rule(pick: Pick, categorical: dict[str, Any] | None = None) -> Rule:
    """Any row of the table; with `categorical`, one with these columns."""
    if categorical is None:
        categorical = {column: pick.one(choices) for column, choices in CATEGORICAL.items()}
        if categorical["pool"] != "reached":
            categorical["include_self"] = False
    gated = pick.one(OFTEN)
    numeric = {
        column: pick.one(choices) if gated or column not in GATES else choices[0]
        for column, choices in NUMERIC.items()
    }
    beside = {column: pick.one(choices) for column, choices in BESIDE.items()}
    return Rule(name="made-up", **categorical, **numeric, **beside)


# ---------------------------------------------------------------------------------------- runs


@dataclass(frozen=True)
class Run:
    """A study, a rule and the replay's other arguments, by the twin's names."""

    study: Study
    rule: Rule
    settings: dict[str, Any]


def make_settings(pick: Pick, study: Study) -> dict[str, Any]:
    """Any clock the study can run in, with its settings and a launch order."""
    clocks = ["order", "simulated", "simulated"]
    if study.has_schedule:
        clocks += ["recorded", "recorded"]
    settings: dict[str, Any] = {"clock": pick.one(clocks)}
    if pick.one(OFTEN):
        settings["order"] = pick.shuffled(range(study.n_trials))
    if settings["clock"] == "simulated":
        settings["workers"] = pick.integer(1, 4)
        settings["startup_s"] = float(pick.one((0, 0, 1, 3)))
        settings["slot_gap_s"] = pick.one((None, None, 0.0, 1.0, 2.5))
    settings["stop_latency_s"] = float(pick.one((0, 0, 1, 4)))
    if settings["clock"] != "order":
        settings["upload_s"] = pick.one((None, None, 0.0, 2.0))
    return settings


def make_run(pick: Pick) -> Run:
    study = make_study(pick, times=pick.one((None, "schedule")))
    return Run(study, make_rule(pick), make_settings(pick, study))


# ----------------------------------------------------------------------------------- from seeds


def studies(seed: int, n: int, **options: Any) -> Iterator[Study]:
    """n studies; options as for `make_study`."""
    pick = FromSeed(np.random.default_rng(seed))
    return (make_study(pick, **options) for _ in range(n))


def rules(seed: int, n: int) -> Iterator[Rule]:
    """n rules; with n >= len(COMBINATIONS) every combination of categorical columns is among them.

    Smaller n take a random part of the combinations, without repeats.
    """
    pick = FromSeed(np.random.default_rng(seed))
    shuffled = pick.shuffled(COMBINATIONS)
    return (make_rule(pick, shuffled[at % len(shuffled)]) for at in range(n))


def runs(seed: int, n: int) -> Iterator[Run]:
    """n runs, the rules as those of `rules`."""
    pick = FromSeed(np.random.default_rng((seed, 1)))
    for rule in rules(seed, n):
        study = make_study(pick, times=pick.one((None, "schedule")))
        yield Run(study, rule, make_settings(pick, study))


# ----------------------------------------------------------------------------- hypothesis


@st.composite
def any_study(draw: Callable[[st.SearchStrategy[Any]], Any], **options: Any) -> Study:
    """Strategy; options as for `make_study`."""
    return make_study(FromHypothesis(draw), **options)


@st.composite
def any_rule(draw: Callable[[st.SearchStrategy[Any]], Any]) -> Rule:
    return make_rule(FromHypothesis(draw))


@st.composite
def any_run(draw: Callable[[st.SearchStrategy[Any]], Any]) -> Run:
    return make_run(FromHypothesis(draw))
