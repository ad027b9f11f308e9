"""What a comparison says in words: the answer, the choice, and how its numbers were computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from esim.analyses.compare.ranking import fewest_studies
from esim.results.comparison.comparison import Answer, Choice, Dist, RuleEntry, Settings, Share

_MOST_NAMES = 3
AMOUNT = {
    "steps": "steps",
    "seconds": "training time",
    "billed": "billed time",
    "makespan": "makespan",
    "cost": "cost",
}


def answer(rules: Sequence[RuleEntry], settings: Settings, studies: int) -> Answer:
    """Which contestant is best, whether that is more than chance, and what it may cost.

    Args:
        rules: the contestants, the best first.
        settings: of the comparison.
        studies: in how many the contestants can be ranked.
    """
    best = next((e for e in rules if e.against_best and e.against_best.verdict == "best"), None)
    if best is None:
        unknown = (
            "Which rule is best cannot be told: what any of them would have lost is unknown from "
            "this record."
        )
        return Answer(None, (), None, None, (unknown,))
    rivals = [e for e in rules if e.against_best and e.against_best.significant is not None]
    ties = tuple(e.key for e in rivals if e.against_best and not e.against_best.significant)
    sentences: tuple[str, ...]
    reckless = sum(e.against_best is not None for e in rules) - len(rivals) - 1
    saved: Dist | None = getattr(best.orders, f"{settings.saved}_saved_fraction")
    if saved is None or saved.mean <= 0:
        sentences = (
            f"Within a mean loss of {_percent(settings.max_degradation)} nothing saves anything: "
            "stop nothing.",
            f"What saves something loses more than that: {reckless} of the contestants.",
        )
    else:
        sentences = (
            _best_sentence(best, saved, settings),
            _significance(ties, len(rivals), reckless, settings, studies),
            _cost(best, settings),
        )
    return Answer(best.key, ties, not ties if rivals else None, about(studies, settings), sentences)


def _best_sentence(best: RuleEntry, saved: Dist, settings: Settings) -> str:
    text = (
        f"Within a mean loss of {_percent(settings.max_degradation)}, {best.key} saves most: "
        f"{_percent(saved.mean)} of the {AMOUNT[settings.saved]} ("
        f"{_percent(saved.low)} to {_percent(saved.high)})"
    )
    kept = best.orders.best_kept
    if kept is not None:
        text += f". It keeps the best trial in {_times(kept)} launch orders"
    return text + "."


def about(studies: int, settings: Settings) -> Literal["studies", "orders"]:
    """What the test generalizes to: other studies, or other launch orders of these studies."""
    return "studies" if studies >= fewest_studies(settings.confidence) else "orders"


def _significance(
    ties: Sequence[str], rivals: int, reckless: int, settings: Settings, studies: int
) -> str:
    """Whether the best saves significantly more than the others.

    Args:
        ties: those that do not save significantly less.
        rivals: how many others stay within the accepted loss.
        reckless: how many do not.
    """
    over_studies = about(studies, settings) == "studies"
    if over_studies:
        where, text = f"Over {studies} studies", ""
    else:
        these = "this one study" if studies == 1 else f"these {studies} studies"
        where = f"Over launch orders of {these}"
        needed = fewest_studies(settings.confidence)
        text = f"For other studies no difference is significant (that takes {needed} studies). "
    if not rivals:
        text += f"{where} nothing else stays within that loss"
    elif not ties:
        others = "the one other" if rivals == 1 else f"all {rivals} others"
        text += f"{where} it saves significantly more than {others} within that loss"
    elif len(ties) == rivals:
        others = "the one other" if rivals == 1 else f"any of the {rivals} others"
        text += f"{where} it saves not significantly more than {others} within that loss"
    else:
        text += (
            f"{where} it saves significantly more than {rivals - len(ties)} of the {rivals} others "
            f"within that loss, but not than {_listed(ties)}"
        )
    if reckless:
        text += f"; {reckless} lose{'s' if reckless == 1 else ''} more"
    return text + "."


def _cost(best: RuleEntry, settings: Settings) -> str:
    loss, within = best.orders.degradation_normalized, best.orders.within
    if loss is None or within is None:
        return "What it may cost is unknown."
    if loss.max <= 0:
        return "It lost nothing in any launch order."
    text = (
        f"It may cost {_percent(loss.mean)} ({_percent(loss.low)} to {_percent(loss.high)}) of the "
        "way from the best to the median trial"
    )
    if within.count < within.of:
        text += (
            f", and more than {_percent(settings.max_degradation)} in "
            f"{_percent(1 - within.share)} of the launch orders"
        )
    return text + "."


def choice_text(choice: Choice) -> str:
    """The choice in a few sentences."""
    inside = choice.in_sample
    text = (
        f"Within a mean loss of {_percent(choice.max_degradation)}, {choice.chosen} saves most: "
        f"{_percent(inside.saved)}, for a loss of {_percent(inside.degradation_normalized)}, on "
        "what it was chosen on."
    )
    out = choice.held_out
    what = "studies" if choice.by == "studies" else "halves of the trials"
    if out is None:
        return text + " There is too little to hold anything out: expect less."
    return text + (
        f" Chosen anew on some {what} and told on the others, a choice like that saved "
        f"{_percent(out.saved.mean)} ({_percent(out.saved.low)} to {_percent(out.saved.high)}) for "
        f"a loss of {_percent(out.degradation_normalized.mean)} "
        f"({_percent(out.degradation_normalized.low)} to "
        f"{_percent(out.degradation_normalized.high)}): expect that of the next job."
        + (
            " It loses more than accepted: choose with a smaller --max-degradation."
            if out.degradation_normalized.mean > choice.max_degradation
            else ""
        )
    )


def methods(settings: Settings, studies: int, sample: int | None) -> Mapping[str, str]:
    """How each kind of number was computed.

    Args:
        settings: of the comparison.
        studies: in how many the contestants can be ranked.
        sample: launch orders of each study that were kept one by one; None: all.
    """
    return {
        **_methods_of_intervals(settings, studies, sample),
        **_methods_of_ranks(settings, studies),
        "front": (
            "On the Pareto front: nobody saves as much on average with as little mean normalized "
            "degradation, and does better in one. A rule is worth having if it extends the front "
            "of i-epoch, which stops every trial at report i (Egele et al., arXiv 2404.04111)."
        ),
        "choice": (
            "The contestant that saves most with a mean normalized degradation of at most "
            f"{_percent(settings.max_degradation)}; held out: chosen anew on the other studies "
            "(each left out once, in ten groups if more than 20) or, with one study, on a random "
            "half of its trials and told on the other half, both ways, five times."
        ),
        "degradation": (
            "Best final value under the rule minus best without, positive = worse; normalized by "
            "the distance from the best to the median final value of the study."
        ),
    }


def _methods_of_intervals(
    settings: Settings, studies: int, sample: int | None
) -> Mapping[str, str]:
    """Launch orders, the intervals over them, and those of shares."""
    interval = f"{100 * settings.confidence:g} %"
    drawn = "studies, and launch orders inside each" if studies > 1 else "launch orders"
    spread = ""
    if sample is not None:
        drawn = (
            "studies, each with its mean over launch orders (Davison and Hinkley, Bootstrap "
            "Methods, 1997, section 3.8)"
        )
        spread = (
            " Of so many studies, means, least and greatest are over all orders, the quantiles "
            f"over the first {sample} of each study."
        )
    meaning = (
        "They say how far the mean may be off for other studies like these"
        if studies > 1
        else "They are about other launch orders of this one study, not about other studies"
    )
    return {
        "orders": (
            f"{settings.orders} random launch orders a study, the same for every rule, besides "
            "the recorded one, on as many workers as --workers says, else as ran side by side "
            f"when recorded (one after another where that is unknown).{spread}"
        ),
        "intervals": (
            f"{interval} percentile intervals of the mean from {settings.bootstrap:,} bootstrap "
            f"replicates over {drawn}, the same draws for every rule. {meaning}."
        ),
        "best_kept": (
            f"{interval} Wilson intervals (JASA 22:209-212, 1927), over several studies with the "
            "effective sample size of Korn and Graubard (Survey Methodology 24:193-201, 1998): "
            "orders of one study are alike."
        ),
    }


def _methods_of_ranks(settings: Settings, studies: int) -> Mapping[str, str]:
    """Who is best, ranks, and the test."""
    blocks = "study" if about(studies, settings) == "studies" else "launch order"
    return {
        "best": (
            f"Who saves most of the {AMOUNT[settings.saved]} on average, of those whose mean "
            f"normalized degradation is at most {_percent(settings.max_degradation)}."
        ),
        "ranks": (
            "In each launch order of each study: first those that lose at most "
            f"{_percent(settings.max_degradation)} (normalized degradation), who saves more of "
            f"the {AMOUNT[settings.saved]} the better; then the others, who loses less the "
            "better. Ties share the mean rank; the mean is over orders, then over studies."
        ),
        "test": (
            f"Paired sign-flip permutation test, a {blocks} a pair, of what is saved against what "
            "the best saves, and of mean ranks against the best-ranked's (Fisher 1935; Pitman "
            "1937), adjusted for all contestants tested by the largest statistic under the same "
            "flips (Westfall and Young 1993)."
            + (
                f" Below {fewest_studies(settings.confidence)} studies it is about other launch "
                "orders of the same studies only."
                if blocks == "launch order"
                else ""
            )
        ),
    }


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _times(share: Share) -> str:
    if share.count == share.of:
        return f"all {share.of:,}"
    return f"{100 * share.share:.0f} % of the"


def _listed(names: Sequence[str]) -> str:
    shown = list(names[:_MOST_NAMES])
    rest = len(names) - len(shown)
    if rest:
        return f"{', '.join(shown)} and {rest} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else shown[0]
