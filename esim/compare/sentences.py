"""What a comparison says in words: the answer, the method, the choice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from esim.comparison import Answer, Choice, Dist, Rank, RuleEntry, Settings, Share

_MOST_NAMES = 3
AMOUNT = {
    "steps": "steps",
    "seconds": "training time",
    "billed": "billed time",
    "makespan": "makespan",
    "cost": "cost",
}


def fewest_studies(confidence: float) -> int:
    """Studies below which no difference can be significant: a sign flip each, two-sided."""
    studies = 1
    while 2.0 ** (1 - studies) > 1.0 - confidence + 1e-12:
        studies += 1
    return studies


def answer(rules: Sequence[RuleEntry], settings: Settings, studies: int, ranked: int) -> Answer:
    """Who is best, whether that is more than chance, and what it may cost.

    Args:
        rules: the contestants.
        studies: how many are compared.
        ranked: in how many of them the contestants can be ranked.
    """
    rows = [(e, e.rank) for e in rules if e.rank is not None]
    if not rows:
        return Answer(
            None,
            (),
            None,
            (
                "Which rule is best cannot be told: what any of them would have lost is unknown "
                "from this record.",
            ),
        )
    best, _ = min(rows, key=lambda row: row[1].mean)
    ties = [e.key for e, r in rows if e is not best and r.significant is not True]
    tested = [r.significant for e, r in rows if e is not best and r.significant is not None]
    significant = None if not tested else not ties
    return Answer(
        best.key,
        tuple(ties),
        significant,
        (
            _best_sentence(best, settings),
            _significance(best, ties, rows, settings, ranked),
            _cost(best),
        ),
    )


def _best_sentence(best: RuleEntry, settings: Settings) -> str:
    within = f"a loss of up to {_percent(settings.max_degradation)}"
    if best.name == "none":
        return (
            f"Within {within} nothing beats stopping nothing: over launch orders every rule loses "
            "more than that too often for what it saves."
        )
    saved: Dist | None = getattr(best.orders, f"{settings.saved}_saved_fraction")
    text = f"Within {within}, {best.key} is best"
    if saved is not None:
        text += (
            f": it saves {_percent(saved.mean)} of the {AMOUNT[settings.saved]} "
            f"({_percent(saved.low)} to {_percent(saved.high)})"
        )
    kept = best.orders.best_kept
    if kept is not None:
        text += f" and keeps the best trial in {_times(kept)} launch orders"
    return text + "."


def _significance(
    best: RuleEntry,
    ties: Sequence[str],
    rows: Sequence[tuple[RuleEntry, Rank]],
    settings: Settings,
    studies: int,
) -> str:
    if len(rows) == 1:
        return "There is nothing to compare it with."
    needed = fewest_studies(settings.confidence)
    others = len(rows) - 1
    if 1 < studies < needed:
        return f"Not significant: from {studies} studies no difference can be; it takes {needed}."
    where = "over launch orders of this one study" if studies == 1 else f"over {studies} studies"
    if not ties:
        return f"Significantly better than all {others} others {where}."
    if len(ties) == others:
        return f"Not significant {where}: none of the {others} others is significantly worse."
    return (
        f"Better than {others - len(ties)} of {others} others significantly {where}; not "
        f"significantly than {_listed(ties)}."
    )


def _cost(best: RuleEntry) -> str:
    loss = best.orders.degradation_normalized
    if loss is None:
        return "What it may cost is unknown."
    if loss.max <= 0:
        return "It lost nothing in any launch order."
    return (
        f"It may cost {_percent(loss.mean)} of the way from the best to the median trial on "
        f"average, and {_percent(loss.q95)} or more in one launch order of twenty."
    )


def choice_text(choice: Choice) -> str:
    """The choice in a sentence or two."""
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


def methods(settings: Settings, studies: int) -> Mapping[str, str]:
    """How each kind of number was computed."""
    interval = f"{100 * settings.confidence:g} %"
    drawn = "studies, and launch orders inside each" if studies > 1 else "launch orders"
    about = (
        "They say how far the mean may be off for other studies like these"
        if studies > 1
        else "They are about other launch orders of this one study, not about other studies"
    )
    blocks = "study" if studies > 1 else "launch order"
    return {
        "orders": (
            f"{settings.orders} random launch orders a study, the same for every rule, besides "
            "the recorded one, on as many workers as --workers says, else as ran side by side "
            "when recorded (one after another where that is unknown)."
        ),
        "intervals": (
            f"{interval} percentile intervals of the mean from {settings.bootstrap:,} bootstrap "
            f"replicates over {drawn}, the same draws for every rule. {about}."
        ),
        "best_kept": (
            f"{interval} Wilson intervals (JASA 22:209-212, 1927), over several studies with the "
            "effective sample size of Korn and Graubard (Survey Methodology 24:193-201, 1998): "
            "orders of one study are alike."
        ),
        "ranks": (
            "In each launch order of each study: first those that lose at most "
            f"{_percent(settings.max_degradation)} (normalized degradation), who saves more of "
            f"the {AMOUNT[settings.saved]} the better; then the others, who loses less the "
            "better. Ties share the mean rank; the mean is over orders, then over studies."
        ),
        "test": (
            f"Paired sign-flip permutation test of each {blocks}'s mean rank against the best's "
            "(Fisher 1935; Pitman 1937), adjusted for all contestants by the largest statistic "
            "under the same flips (Westfall and Young 1993)."
        ),
        "front": (
            "On the Pareto front: nobody saves as much on average with as little mean normalized "
            "degradation, and does better in one. A rule is worth having if it extends the front "
            "of i-epoch, which stops every trial at step i (Egele et al., arXiv 2404.04111)."
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
