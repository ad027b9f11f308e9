"""Whether to switch the rule on: one sentence, from two aims that the user can set."""

from __future__ import annotations

from collections.abc import Sequence

from esim.analyses.estimate.doubts import needed
from esim.analyses.estimate.past_replays import LEAST
from esim.analyses.workers.by_study import MANY
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
) -> Advice:
    """Advice from an estimate.

    There are two aims: to save at least `min_saving`, and to lose at most `max_degradation`. The
    verdict is "not_enough_history" if there are too few trials or a chance to meet an aim is
    unknown; "do_not_enable" if a chance is below a half; "enable" if both chances reach the
    estimate's confidence; and else "enable_with_doubts".

    Args:
        found: the estimate.
        min_saving: a fraction of the money; where that is unknown, of the billed time; else of the
            steps. A share: 0.1 or "10%".
        max_degradation: the normalized degradation, a share: 0.05 or "5%". It is at most 1, for who
            loses more has lost to the median trial.
        alternatives: more cautious rules to name.

    Raises:
        EsimError: an aim is no share.
    """
    min_saving = share(min_saving, "min_saving")
    max_degradation = share(max_degradation, "max_degradation")
    saving = next((n for n in SAVING if found.quantities[n] is not None), SAVING[-1])
    saved, lost = found.quantities[saving], found.quantities["degradation_normalized"]
    chances = _chance(saved, low=min_saving), _chance(lost, high=max_degradation)
    asked = f"{100 * found.confidence:g} %"
    reasons = [
        _reason(f"saves at least {100 * min_saving:g} % of the {WORDS[saving]}", chances[0]),
        _reason(
            f"loses at most {100 * max_degradation:g} % of the distance from best to median trial",
            chances[1],
        ),
    ]
    short = _short(found)
    if short is not None:
        verdict, reasons = "not_enough_history", [short, *reasons]
    elif chances[0] is None or chances[1] is None:
        verdict = "not_enough_history"
    elif min(chances[0], chances[1]) < 0.5:
        verdict = "do_not_enable"
    elif min(chances[0], chances[1]) >= found.confidence:
        verdict = "enable"
    else:
        verdict = "enable_with_doubts"
    return Advice(
        verdict=verdict,
        sentence=_sentence(verdict, reasons, asked),
        reasons=tuple(reasons),
        thresholds=Thresholds(min_saving, max_degradation, saving),
        chances=Chances(*chances),
        alternatives=tuple(alternatives),
    )


def _chance(quantity: Quantity | None, **bounds: float) -> float | None:
    return None if quantity is None or not quantity.spread else quantity.chance(**bounds)


def _reason(what: str, chance: float | None) -> str:
    if chance is None:
        return f"whether it {what} cannot be known"
    return f"it {what} with a chance of {_percent(chance)}"


def _percent(chance: float) -> str:
    if chance >= 0.99:
        return "99 % or more"
    if chance <= 0.01:
        return "1 % or less"
    return f"{100 * chance:.0f} %"


def _short(found: Estimate) -> str | None:
    """Why the history is too short for any advice; None if it is not."""
    fewest = min(study.trials for study in found.studies)
    need = max(LEAST, needed(found.confidence))
    if len(found.studies) == 1 and fewest < need:
        asked = f"{100 * found.confidence:g} %"
        return f"{fewest} past trials are fewer than the {need} that {asked} takes"
    if 1 < len(found.studies) <= MANY and fewest < LEAST:
        return f"a study of {fewest} trials says nothing"
    return None


def _sentence(verdict: str, reasons: Sequence[str], asked: str) -> str:
    words = {
        "enable": f"Enable it, with {asked} or more on both aims",
        "enable_with_doubts": f"Enable it only with doubts, short of {asked} on both aims",
        "do_not_enable": "Do not enable it, an aim is more likely missed than met",
        "not_enough_history": "Not enough history to advise",
    }
    return f"{words[verdict]}: {'; '.join(reasons)}."
