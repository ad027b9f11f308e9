"""Whether to switch the rule on, from two aims that the user can set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from esim.analyses.estimate.advice_sentences import (
    AMOUNTS,
    Advised,
    next_step,
    reasons,
    sentence,
)
from esim.analyses.estimate.backtest_misses import FAR_TOO_OFTEN, missed_rows
from esim.analyses.estimate.doubts import needed
from esim.analyses.estimate.past_study import LEAST
from esim.analyses.workers.by_study import MANY
from esim.errors import plural
from esim.results.backtest import Backtest, BacktestRow
from esim.results.estimate import Advice, Alternative, Chances, Thresholds
from esim.results.forecast import Estimate, Quantity
from esim.rules import share

MIN_SAVING, MAX_DEGRADATION = 0.1, 0.05


def advise(
    found: Estimate,
    min_saving: float | str = MIN_SAVING,
    max_degradation: float | str = MAX_DEGRADATION,
    alternatives: Sequence[Alternative] = (),
    test: Backtest | None = None,
) -> Advice:
    """Advice from an estimate.

    There are two aims: to save at least `min_saving`, and to lose at most `max_degradation`. The
    verdict is

    - "not_enough_history" if there are too few trials, a chance to meet an aim is unknown, the
      chance of the loss is below a half only because of trials that no past one is like, or the
      backtest's intervals missed far too often;
    - else "do_not_enable" if a chance is below a half;
    - else "enable" if both chances reach the estimate's confidence and no backtest speaks against
      it; and else "enable_with_doubts".

    Args:
        found: the estimate.
        min_saving: a fraction of the money; where that is unknown, of the billed time; else of the
            steps. A share: 0.1 or "10%".
        max_degradation: the normalized degradation, a share: 0.05 or "5%". It is at most 1, for who
            loses more has lost to the median trial.
        alternatives: more cautious rules to name.
        test: what a backtest found, if one was made.

    Raises:
        EsimError: an aim is no share.
    """
    min_saving = share(min_saving, "min_saving")
    max_degradation = share(max_degradation, "max_degradation")
    known = [name for name in AMOUNTS if found.quantities[name] is not None]
    saving = known[0] if known else "steps_saved_fraction"
    lost = found.quantities["degradation_normalized"]
    chances = Chances(
        _chance(found.quantities[saving], low=min_saving),
        _chance(lost, high=max_degradation),
        None if lost is None else _chance(found.degradation_as_seen, high=max_degradation),
    )
    missed = () if test is None else missed_rows(test)
    thresholds = Thresholds(min_saving, max_degradation, saving)
    verdict, short = _verdict(found, chances, missed), next(_short(found), "")
    need, far = max(LEAST, needed(found.confidence)), _far_off(found, missed)
    told = Advised(found, verdict, thresholds, chances, short, need, missed, far)
    return Advice(
        verdict=verdict,
        sentence=sentence(told),
        reasons=tuple(reasons(told)),
        thresholds=thresholds,
        chances=chances,
        alternatives=tuple(alternatives),
        next_step=next_step(told),
    )


def _verdict(found: Estimate, chances: Chances, missed: Sequence[BacktestRow]) -> str:
    saved, lost = chances.saving_at_least, chances.degradation_at_most
    if any(_short(found)) or saved is None or lost is None or _far_off(found, missed):
        return "not_enough_history"
    as_seen = chances.degradation_at_most_as_seen
    if min(saved, lost if as_seen is None else as_seen) < 0.5:
        return "do_not_enable"
    if lost < 0.5:
        return "not_enough_history"
    if min(saved, lost) >= found.confidence and not missed:
        return "enable"
    return "enable_with_doubts"


def _far_off(found: Estimate, missed: Sequence[BacktestRow]) -> bool:
    """Whether a backtest's interval missed far too often."""
    return any(row.covered < 1.0 - FAR_TOO_OFTEN * (1.0 - found.confidence) for row in missed)


def _chance(quantity: Quantity | None, **bounds: float) -> float | None:
    """The chance; 0 or 1 only of a share that is known, for no number of draws can show either."""
    if quantity is None or not quantity.spread:
        return None
    chance = quantity.chance(**bounds)
    if quantity.unit == "share" and quantity.draws.min() == quantity.draws.max():
        return chance
    least = 0.5 / len(quantity.draws)
    return min(max(chance, least), 1.0 - least)


def _short(found: Estimate) -> Iterator[str]:
    """Why the history is too short for any advice; nothing if it is not."""
    fewest = min(past.trials_reporting or 0 for past in found.studies)
    need = max(LEAST, needed(found.confidence))
    if len(found.studies) == 1 and fewest < need:
        asked = f"{100 * found.confidence:g} %"
        told = plural(fewest, "past trial", "report")
        yield f"{told} values, and a confidence of {asked} takes {need}"
    elif 1 < len(found.studies) <= MANY and fewest < LEAST:
        yield f"in one study only {plural(fewest, 'trial', 'report')} values, too few"
