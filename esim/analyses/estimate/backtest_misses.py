"""Which intervals a backtest found to hold too seldom; they weigh on the advice.

Splits of one study overlap, so their coverage varies far more than that of as many studies would.
"""

from __future__ import annotations

from collections.abc import Sequence

from esim.results.backtest import Backtest, BacktestRow

# An interval at 90 % that misses in more than 20 % of the splits leaves doubts; in more than 40 %
# the forecast cannot be relied on. Both are times the misses that the confidence allows.
TOO_OFTEN, FAR_TOO_OFTEN = 2.0, 4.0


def missed_rows(test: Backtest) -> Sequence[BacktestRow]:
    """The rows whose intervals missed more than `TOO_OFTEN` as often as they may."""
    least = 1.0 - TOO_OFTEN * (1.0 - test.confidence)
    return [row for row in test.rows if row.covered < least]


def missed_words(row: BacktestRow, confidence: float) -> str:
    """One such row in words."""
    return (
        f"in the backtest the {100 * confidence:g} % interval of the {row.label} held in "
        f"{100 * row.covered:.0f} % of the splits, so do not rely on it"
    )
