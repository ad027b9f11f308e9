"""Whether to switch the rule on: one sentence, from two aims that the user can set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from esim.analyses.estimate.backtest_misses import FAR_TOO_OFTEN, missed_rows, missed_words
from esim.analyses.estimate.doubts import needed
from esim.analyses.estimate.past_replays import LEAST
from esim.analyses.workers.by_study import MANY
from esim.results.backtest import Backtest, BacktestRow
from esim.results.chances import chance_words
from esim.results.estimate import Advice, Alternative, Chances, Thresholds
from esim.results.forecast import Estimate, Quantity
from esim.rules import share

MIN_SAVING, MAX_DEGRADATION = 0.1, 0.05
SAVING = ("cost_saved_fraction", "billed_saved_fraction", "steps_saved_fraction")
WORDS = {
    "cost_saved_fraction": "money",
    "billed_saved_fraction": "billed time",
    "steps_saved_fraction": "steps",
}


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
    saving = next((n for n in SAVING if found.quantities[n] is not None), SAVING[-1])
    lost = found.quantities["degradation_normalized"]
    chances = Chances(
        _chance(found.quantities[saving], low=min_saving),
        _chance(lost, high=max_degradation),
        None if lost is None else _chance(found.degradation_as_seen, high=max_degradation),
    )
    missed = () if test is None else missed_rows(test)
    verdict = _verdict(found, chances, missed)
    reasons = (
        *_short(found),
        f"it saves at least {100 * min_saving:g} % of the {WORDS[saving]} with a chance of "
        f"{chance_words(chances.saving_at_least)}",
        f"it loses at most {100 * max_degradation:g} % of the distance from best to median trial "
        f"with a chance of {chance_words(chances.degradation_at_most)}",
        *_unseen(found, chances),
        *(missed_words(row, found.confidence) for row in missed),
    )
    return Advice(
        verdict=verdict,
        sentence=f"{_WORDS[verdict]}{_short_of(verdict, chances, found.confidence)}: "
        f"{'; '.join(reasons)}.",
        reasons=reasons,
        thresholds=Thresholds(min_saving, max_degradation, saving),
        chances=chances,
        alternatives=tuple(alternatives),
    )


_WORDS = {
    "enable": "Enable it",
    "enable_with_doubts": "Enable it only with doubts",
    "do_not_enable": "Do not enable it, an aim is more likely missed than met",
    "not_enough_history": "Not enough history to advise",
}


def _short_of(verdict: str, chances: Chances, confidence: float) -> str:
    """How the chances stand to the confidence, where that made the verdict."""
    least = min(chances.saving_at_least or 0.0, chances.degradation_at_most or 0.0)
    asked = f"{100 * confidence:g} %"
    if verdict == "enable":
        return f", with {asked} or more on both aims"
    short = verdict == "enable_with_doubts" and least < confidence
    return f", short of {asked} on both aims" if short else ""


def _verdict(found: Estimate, chances: Chances, missed: Sequence[BacktestRow]) -> str:
    saved, lost = chances.saving_at_least, chances.degradation_at_most
    far = any(row.covered < 1.0 - FAR_TOO_OFTEN * (1.0 - found.confidence) for row in missed)
    if any(_short(found)) or saved is None or lost is None or far:
        return "not_enough_history"
    as_seen = chances.degradation_at_most_as_seen
    if min(saved, lost if as_seen is None else as_seen) < 0.5:
        return "do_not_enable"
    if lost < 0.5:
        return "not_enough_history"
    if min(saved, lost) >= found.confidence and not missed:
        return "enable"
    return "enable_with_doubts"


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
        yield f"{fewest} past trials with reports are fewer than the {need} that {asked} takes"
    elif 1 < len(found.studies) <= MANY and fewest < LEAST:
        yield f"a study of {fewest} trials with reports says nothing"


def _unseen(found: Estimate, chances: Chances) -> Iterator[str]:
    """What the chance of the loss would be, and what history it takes, but for unseen trials."""
    as_seen, lost = chances.degradation_at_most_as_seen, chances.degradation_at_most
    if found.unseen is None or as_seen is None or lost is None:
        return
    if lost >= found.confidence or as_seen < 0.5:
        return
    text = f"were every next trial like a past one, that chance would be {chance_words(as_seen)}"
    enough = found.unseen.trials_needed
    if as_seen >= found.confidence and enough is not None:
        text += (
            f", and {enough:,} past trials would do for {100 * found.confidence:g} % on a job of "
            f"{found.next.trials}"
        )
    yield text
