"""Where reports are judged at rungs, and the cells that trials show there.

Counted first, then filled: a kernel cannot allocate, so its caller makes room in between.

    out = RungJudgements(...)          # only the offsets have room
    judge_at_rungs(rungs, out, False)  # sets the offsets
    out = out._replace(...)            # room for as many judgements and cells as they say
    judge_at_rungs(rungs, out, True)   # fills it

N trials, R reports, B brackets of at most L rungs each. The column of comparison of a bracket's
rung is bracket * L + rung. E judgements, K cells: a report makes one judgement or, at several rungs
one after the other, more than one; a cell is what a trial shows to its peers in a column.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from esim.simulator.kernels.jit import inner, kernel

# The ways to judge a report: at EACH rung that the trial has newly come to, one after the other; at
# the HIGHEST rung it has come to and has not been judged at yet; or, STANDING, every report at the
# last rung that the trial has come to.
EACH, HIGHEST, STANDING = 1, 2, 3
MOST_RUNGS = 62  # for HIGHEST: the rungs a trial has been judged at are the bits of one int64

# What stands in place of a judgement's column.
NOT_JUDGED = -1
ALWAYS_STOPS = -2  # the trial stops here, whatever its peers

NO_REPORT = -1  # what stands in place of a report where there is none


class Rungs(NamedTuple):
    """The rungs, the trials that come to them, and how they are judged there."""

    way: int  # EACH, HIGHEST or STANDING
    adds_at_end: bool  # a trial also adds, as it ends, a cell at the highest rung without one
    stop_at: int  # the position from which a trial stops whatever its peers; 0: none
    nan_stops: bool  # for EACH: a NaN stops at the next rung, whatever the peers
    opens: NDArray[np.int64]  # [N] the number of each trial's first report that may be judged
    bracket: NDArray[np.int64]  # [N]
    levels: NDArray[np.float64]  # [B, L] the position of each rung, ascending; inf: no rung
    offsets: NDArray[np.int64]  # [N + 1] trial -> its reports
    positions: NDArray[np.int64] | NDArray[np.float64]  # [R] steps, seconds or numbers of reports
    values: NDArray[np.float64]  # [R] NaN: none


class RungJudgements(NamedTuple):
    """The judgements at rungs and the cells shown there."""

    offsets: NDArray[np.int64]  # [N + 1] trial -> its judgements
    cell_offsets: NDArray[np.int64]  # [N + 1] trial -> its cells
    report: NDArray[np.int64]  # [E] which report is judged
    column: NDArray[np.int32]  # [E] the column where it is judged, NOT_JUDGED or ALWAYS_STOPS
    group: NDArray[np.int32]  # [E] judgements of the same report from this one on, itself counted
    cell_column: NDArray[np.int32]  # [K]
    cell_report: NDArray[np.int64]  # [K] the report that the cell takes its statistic from
    shown_by: NDArray[np.int32]  # [K] which of the trial's judgements shows it, from 0
    # The cell that a trial adds if it ends with a judgement: the report it takes its statistic from
    # [E], NO_REPORT if it adds none, and its column [E], 0 if it adds none.
    end_report: NDArray[np.int64]
    end_column: NDArray[np.int32]


@kernel
def judge_at_rungs(rungs, out, fill):
    """Set the offsets of the judgements and cells and, with `fill`, everything else.

    A report at which no rung has its turn is a judgement all the same, in the column NOT_JUDGED.
    """
    n_levels = rungs.levels.shape[1]
    e = c = np.int64(0)  # the next judgement, the next cell
    out.offsets[0] = out.cell_offsets[0] = 0
    for trial in range(len(rungs.offsets) - 1):
        first_e = e
        bracket = rungs.bracket[trial]
        column = bracket * n_levels  # of the bracket's first rung
        judged_at = np.int64(0)  # for HIGHEST: bit k is set once the trial is judged at rung k
        rung = np.int64(0)  # for EACH and STANDING: the next rung to come to
        first = rungs.offsets[trial]
        for at in range(first, rungs.offsets[trial + 1]):
            start_e, start_c = e, c
            if at - first >= rungs.opens[trial]:
                if _always_stops(at, bracket, rung, rungs):
                    e = _judge(e, np.int64(ALWAYS_STOPS), out, fill)
                elif rungs.way == HIGHEST:
                    highest = _highest(at, bracket, judged_at, rungs)
                    if highest >= 0:
                        judged_at |= 1 << highest
                        c = _show(c, e - first_e, column + highest, out, fill)
                        e = _judge(e, column + highest, out, fill)
                else:
                    while _has_come_to(at, bracket, rung, rungs):
                        c = _show(c, e - first_e, column + rung, out, fill)
                        if rungs.way == EACH:
                            e = _judge(e, column + rung, out, fill)
                        rung += 1
                    if rungs.way == STANDING and rung > 0:
                        e = _judge(e, column + rung - 1, out, fill)
            if e == start_e:
                e = _judge(e, np.int64(NOT_JUDGED), out, fill)
            if fill:
                for i in range(start_c, c):
                    out.cell_report[i] = at
                for i in range(start_e, e):
                    out.report[i] = at
                    out.group[i] = e - i
                    out.end_report[i] = NO_REPORT
                    out.end_column[i] = 0
                if rungs.adds_at_end:
                    highest = _highest(at, bracket, judged_at, rungs)
                    if highest >= 0:
                        out.end_report[e - 1] = at
                        out.end_column[e - 1] = column + highest
        out.offsets[trial + 1] = e
        out.cell_offsets[trial + 1] = c


@inner
def _judge(e, column, out, fill):
    """Judge at a column; the next judgement."""
    if fill:
        out.column[e] = column
    return e + 1


@inner
def _show(c, judgement, column, out, fill):
    """Show a cell in a column with the trial's judgement of that number; the next cell."""
    if fill:
        out.shown_by[c] = judgement
        out.cell_column[c] = column
    return c + 1


@inner
def _has_come_to(at, bracket, rung, rungs):
    """Whether there is such a rung and a report stands at or beyond it."""
    return rung < rungs.levels.shape[1] and rungs.positions[at] >= rungs.levels[bracket, rung]


@inner
def _always_stops(at, bracket, rung, rungs):
    """Whether a report stops its trial whatever the peers; `rung`: the next to come to."""
    if rungs.stop_at > 0 and rungs.positions[at] >= rungs.stop_at:
        return True
    if rungs.way == EACH and rungs.nan_stops and np.isnan(rungs.values[at]):
        return _has_come_to(at, bracket, rung, rungs)
    return False


@inner
def _highest(at, bracket, judged_at, rungs):
    """The highest rung that a report has come to and its trial is not judged at; -1: none."""
    for k in range(min(rungs.levels.shape[1], MOST_RUNGS) - 1, -1, -1):
        if rungs.positions[at] >= rungs.levels[bracket, k] and not (judged_at >> k) & 1:
            return k
    return -1
