"""What a row of the rule table makes of the curves, before anything is replayed.

Values are oriented so that lower is better and hold no NaN. N trials, R reports, C columns.
"""

from __future__ import annotations

import numpy as np

from esim.kernels.jit import kernel

CURRENT, BEST, AVERAGE = 0, 1, 2


@kernel
def statistic(kind, average_from, offsets, steps, values, out):
    """Current value, best so far, or running average of each report. float64 [R]

    The average is over the reports at steps >= average_from; NaN before the first of them.
    """
    for trial in range(len(offsets) - 1):
        total, n = 0.0, 0
        best = np.inf
        for at in range(offsets[trial], offsets[trial + 1]):
            value = values[at]
            if kind == CURRENT:
                out[at] = value
            elif kind == BEST:
                if value < best:
                    best = value
                out[at] = best
            else:
                if steps[at] >= average_from:
                    total += value
                    n += 1
                out[at] = total / n if n > 0 else np.nan


@kernel
def gate(warmup_steps, interval, min_reports, offsets, steps, own):
    """Blank (NaN) the own side of reports that the trial's own course keeps from judgement."""
    for trial in range(len(offsets) - 1):
        done = -1
        for at in range(offsets[trial], offsets[trial + 1]):
            if steps[at] < warmup_steps:
                own[at] = np.nan
                continue
            part = (steps[at] - warmup_steps) // interval
            if part == done or at - offsets[trial] + 1 < min_reports:
                own[at] = np.nan
            done = part


@kernel
def expand_cells(offsets, column, cell_offsets, cell_column, shown_by, source):
    """A cell for every column between a trial's first and last: its last report up to there.

    A cell is shown by the report that reaches its column; its statistic is that of the last
    report at or before it, `source` [K], an index into the reports.
    """
    for trial in range(len(offsets) - 1):
        cell = cell_offsets[trial]
        first = offsets[trial]
        for at in range(first, offsets[trial + 1]):
            if at > first:
                for between in range(column[at - 1] + 1, column[at]):
                    cell_column[cell] = between
                    shown_by[cell] = at - first
                    source[cell] = at - 1
                    cell += 1
            cell_column[cell] = column[at]
            shown_by[cell] = at - first
            source[cell] = at
            cell += 1


@kernel
def fill_universe(first, cell_column, statistics, start, universe, owner, length):
    """Sort cells from the first on into their columns, NaN left out.

    `start` [C + 1] holds the columns' starts, `length` [C] how full they are.
    """
    for at in range(len(statistics)):
        value = statistics[at]
        if not np.isnan(value):
            c = cell_column[first + at]
            slot = start[c] + length[c]
            universe[slot] = value
            owner[slot] = first + at
            length[c] += 1
