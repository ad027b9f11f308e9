"""The columns in which trials are compared, and the cells that trials show in them."""

from __future__ import annotations

import binascii
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from esim.errors import EsimError
from esim.rules import Rule
from esim.simulator.kernels.curves import (
    column_spans,
    expand_cells,
    number_columns,
    position_room,
)
from esim.simulator.kernels.rungs import (
    EACH,
    HIGHEST,
    MOST_RUNGS,
    STANDING,
    RungJudgements,
    Rungs,
    judge_at_rungs,
)
from esim.study import Float64, Int64
from esim.study.batch import Batch

Int32 = NDArray[np.int32]
NOTHING = np.empty(0, dtype=np.int32)

# Ranking every column pays while the cells are not many more than the reports; on trials whose
# steps do not align (each trial on its own grid) peers are looked up one by one instead.
_MOST_CELLS_A_REPORT = 4
# Carried averages may stand in any later column, so every column then gets a bit for every report.
_MOST_CARRY_BITS = 2**31
_WAYS = {"each": EACH, "highest": HIGHEST, "standing": STANDING}


@dataclass(frozen=True)
class FirstCompleted:
    """What the first trials to complete settle for rungs that wait for them. N trials.

    Attributes:
        longest: the last step among the trials that complete first; 0 if none completes.
        opens: int64 [N], how many reports each trial makes before that moment (all of them if none
            completes). Those are neither judged nor shown. None where trials run one after another:
            then the trials launched before any has completed are neither judged nor shown at all.
    """

    longest: int
    opens: Int64 | None


@dataclass(frozen=True)
class Columns:
    """The columns in which each study's trials are compared. S studies, R reports, C columns.

    Columns are numbered one study after another. A study's last column belongs to no report:
    whatever is judged there stops.

    Attributes:
        column: int32 [R], the column of each report.
        first: int64 [S + 1], study -> its columns; the last number is C.
        reports: int64 [S + 1], study -> its reports.
        sizes: int64 [C], how many reports stand in each column.
    """

    column: Int32
    first: Int64
    reports: Int64
    sizes: Int64

    @property
    def count(self) -> int:
        """How many columns there are before the last one, C - 1."""
        return int(self.first[-1]) - 1

    def stops(self) -> Int32:
        """For each report the column of its study that stops whatever is judged there. int32 [R]"""
        return np.repeat(self.first[1:] - 1, np.diff(self.reports)).astype(np.int32)


def columns(offsets: Int64, positions: NDArray[Any], trials: Int64) -> Columns:
    """The column of each report: one for each position at which its study's trials report.

    Args:
        offsets: int64 [N + 1], trial -> its reports.
        positions: [R], where each report stands on the rule's axis. As int64 they grow strictly
            inside a trial, and are not below 0.
        trials: int64 [S + 1], study -> its trials.
    """
    reports = offsets[trials]
    if positions.dtype == np.int64:
        room = np.empty(len(trials), dtype=np.int64)
        position_room(trials, offsets, positions, room)
        if room[-1] <= 4 * len(positions) + 1024 * (len(trials) - 1):
            column = np.empty(len(positions), dtype=np.int32)
            first = np.empty(len(trials), dtype=np.int64)
            sizes = np.empty(int(room[-1]) + len(trials) - 1, dtype=np.int64)
            seen = np.zeros(int(room[-1]), dtype=np.int64)
            number_columns(trials, offsets, positions, room, seen, column, first, sizes)
            return Columns(column, first, reports, sizes[: first[-1]])
    found = [np.unique(positions[a:b], return_inverse=True) for a, b in pairwise(reports)]
    counts = np.array([len(distinct) for distinct, _ in found])
    first = np.concatenate(([0], np.cumsum(counts + 1))).astype(np.int64)
    parts = [inverse + start for (_, inverse), start in zip(found, first[:-1], strict=True)]
    column = np.concatenate(parts).astype(np.int32)
    return Columns(column, first, reports, np.bincount(column, minlength=int(first[-1])))


@dataclass(frozen=True)
class Ranked:
    """Cells whose statistics are ranked in their columns before anything is replayed. K cells.

    Attributes:
        offsets: int64 [N + 1], trial -> its cells.
        column: int32 [K], the column of each cell.
        shown_by: int32 [K], which of the trial's reports shows each cell, from 0; empty: its n-th
            report shows its n-th cell.
        source: int64 [K], the report each cell takes its statistic from; None: the cells are the
            reports.
        first_column: int32 [N], the column of each trial's first cell, where every further one
            stands in the next column; empty: not all do.
    """

    offsets: Int64
    column: Int32
    shown_by: Int32
    source: Int64 | None
    first_column: Int32


@dataclass(frozen=True)
class LookedUp:
    """No cells: a replay looks peers up one by one.

    Ranking would cost more, or two reports of a trial stand in one column, where only the later one
    counts.
    """


def cells(rule: Rule, offsets: Int64, column: Int32) -> Ranked | LookedUp:
    """The cells that reports show in their columns, or that peers are looked up instead.

    Args:
        rule: its columns say in which columns beside its own a report counts.
        offsets: int64 [N + 1], trial -> its reports.
        column: int32 [R], the column of each report.

    Raises:
        EsimError: two reports of a trial stand in one column and are to be interpolated.
    """
    reports = len(column)
    if rule.axis == "seconds":
        again = column[1:] == column[:-1]
        again[offsets[1:-1][(offsets[1:-1] > 0) & (offsets[1:-1] < reports)] - 1] = False
        if again.any() and rule.match == "interpolate":
            raise EsimError(
                "nothing to interpolate", why="a trial reports twice in the same second",
                fix="--set axis=step",
            )  # fmt: skip
        if again.any():
            return LookedUp()
    widths = np.empty(len(offsets) - 1, dtype=np.int64)
    first_column = np.empty(len(offsets) - 1, dtype=np.int32)
    column_spans(offsets, column, first_column, widths)
    total = int(widths.sum())
    carries = rule.short == "carry"
    if rule.match not in ("upto", "interpolate") or total == reports:
        if carries and (int(column.max(initial=-1)) + 1) * reports > _MOST_CARRY_BITS:
            return LookedUp()
        in_a_row = first_column if total == reports else NOTHING
        return Ranked(offsets, column, NOTHING, None, in_a_row)
    if carries or (total > _MOST_CELLS_A_REPORT * reports and rule.match == "upto"):
        return LookedUp()
    cell_offsets = np.concatenate(([0], np.cumsum(widths)))
    cell_column = np.empty(total, dtype=np.int32)
    shown_by = np.empty(total, dtype=np.int32)
    source = np.empty(total, dtype=np.int64)
    expand_cells(offsets, column, cell_offsets, cell_column, shown_by, source)
    return Ranked(cell_offsets, cell_column, shown_by, source, NOTHING)


def at_rungs(
    rule: Rule,
    batch: Batch,
    offsets: Int64,
    positions: NDArray[Any],
    values: Float64,
    first_completed: Sequence[FirstCompleted] | None,
) -> tuple[RungJudgements, int]:
    """Where reports are judged at rungs and what their trials show there; how many columns.

    Args:
        rule: a rule that judges at rungs.
        batch: the studies, whose trials have rungs, and so columns, of their own.
        offsets: int64 [N + 1], trial -> its reports.
        positions: [R], where each report stands on the rule's axis.
        values: float64 [R].
        first_completed: what rungs that wait for the first trials to complete are set by, for each
            study.

    Raises:
        EsimError: more rungs than a trial can be judged at.
    """
    n = batch.whole.n_trials
    reports = offsets[batch.trials].tolist()
    highest = [float(positions[a:b].max()) if a < b else 0.0 for a, b in pairwise(reports)]
    longest = [0] * len(batch) if first_completed is None else [f.longest for f in first_completed]
    levels, bracket = _levels(rule, batch, highest, longest)
    opens = np.zeros(n, dtype=np.int64)
    if first_completed is not None and first_completed[0].opens is not None:
        opens = np.concatenate([its.opens for its in first_completed])
    rungs = Rungs(
        way=_WAYS[rule.rungs],
        adds_at_end=rule.again != "never",
        stop_at=rule.max_steps,
        nan_stops=rule.nan == "stop",
        opens=opens,
        bracket=bracket,
        levels=levels,
        offsets=offsets,
        positions=positions,
        values=values,
    )
    ends = np.empty(n + 1, dtype=np.int64), np.empty(n + 1, dtype=np.int64)
    counted = _room(*ends, 0, 0)
    judge_at_rungs(rungs, counted, False)
    found = _room(*ends, int(counted.offsets[-1]), int(counted.cell_offsets[-1]))
    judge_at_rungs(rungs, found, True)
    return found, levels.size


def _room(offsets: Int64, cell_offsets: Int64, judgements: int, n_cells: int) -> RungJudgements:
    """Room for so many judgements and cells at rungs."""
    return RungJudgements(
        offsets=offsets,
        cell_offsets=cell_offsets,
        report=np.empty(judgements, dtype=np.int64),
        column=np.empty(judgements, dtype=np.int32),
        group=np.empty(judgements, dtype=np.int32),
        cell_column=np.empty(n_cells, dtype=np.int32),
        cell_report=np.empty(n_cells, dtype=np.int64),
        shown_by=np.empty(n_cells, dtype=np.int32),
        end_report=np.empty(judgements, dtype=np.int64),
        end_column=np.empty(judgements, dtype=np.int32),
    )


def _levels(
    rule: Rule, batch: Batch, highest: Sequence[float], longest: Sequence[int]
) -> tuple[Float64, Int64]:
    """The steps of the rungs, float64 [B, L], and the bracket of each trial, int64 [N].

    B brackets, one study's after another's, of at most L rungs; inf stands where a bracket has
    fewer. Of each study, `highest`: the last position of any report; `longest`: the last step of
    the first trials to complete.

    Raises:
        EsimError: more rungs than a trial can be judged at.
    """
    rows: list[list[float]] = []
    brackets: list[Int64] = []
    sizes = batch.sizes.tolist()
    for name, n, top, last in zip(batch.names, sizes, highest, longest, strict=True):
        its_rows, bracket = _levels_of_study(rule, name, n, top, last)
        brackets.append(bracket + len(rows))
        rows += its_rows
    width = max(1, *(len(row) for row in rows))
    if rule.rungs == "highest" and width > MOST_RUNGS:
        raise EsimError(
            f"rule {rule.name!r}: {width} rungs up to step {max(highest):g}",
            why=f"a trial can be held by {MOST_RUNGS}",
            fix="a larger reduction or first_rung",
        )
    levels = np.array([row + [math.inf] * (width - len(row)) for row in rows])
    return levels, np.concatenate(brackets)


def _levels_of_study(
    rule: Rule, name: str, n: int, highest: float, longest: int
) -> tuple[list[list[float]], Int64]:
    """The steps of the rungs of each of a study's brackets, and each trial's bracket, int64 [N]."""
    first = rule.first_rung or max(longest // 100, 1)
    bracket = np.zeros(n, dtype=np.int64)
    n_brackets = 1
    if rule.brackets == "crc32":
        most = rule.max_resource or longest + 1
        n_brackets = max(math.floor(math.log(most / first, rule.reduction)) + 1, 1)
        budgets = [
            math.ceil(n_brackets * rule.reduction**left / (left + 1))
            for left in range(n_brackets - 1, -1, -1)
        ]
        ends = np.cumsum(budgets)
        drawn = [binascii.crc32(f"{name}_{number}".encode()) % int(ends[-1]) for number in range(n)]
        bracket = np.searchsorted(ends, drawn, side="right").astype(np.int64)
    top = min(highest, rule.max_steps or math.inf)
    rounded = rule.rungs == "standing"
    rows = [_rungs(first, rule.reduction, b, top, rounded=rounded) for b in range(n_brackets)]
    return rows, bracket


def _rungs(first: int, reduction: float, bracket: int, top: float, *, rounded: bool) -> list[float]:
    """The steps of a bracket's rungs up to `top`.

    Rounded, each is a whole step, and the next is computed from the one before as in W&B's bands.
    Otherwise each is computed from the first, and need not be a whole step.
    """
    found: list[float] = []
    level, k = first * reduction**bracket, 0
    while (int(level) if rounded else level) <= top:
        step = float(int(level)) if rounded else level
        if not found or step > found[-1]:
            found.append(step)
        k += 1
        level = level * reduction if rounded else first * reduction ** (bracket + k)
    return found
