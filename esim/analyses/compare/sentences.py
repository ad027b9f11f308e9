"""What a comparison says in words: the answer and the choice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from esim.analyses.compare.ranking import fewest_studies
from esim.results.comparison.comparison import (
    Answer,
    Choice,
    Dist,
    Elsewhere,
    LeftOut,
    Mean,
    RuleEntry,
    Settings,
    Share,
)

_MOST_NAMES = 3
AMOUNT = {
    "steps": "steps",
    "seconds": "training time",
    "billed": "billed time",
    "makespan": "makespan",
    "cost": "cost",
}


def answer(
    rules: Sequence[RuleEntry],
    settings: Settings,
    studies: int,
    out: tuple[LeftOut, ...],
    beyond: Elsewhere | None,
) -> Answer:
    """Which contestant is best, whether that is more than chance, and what it may cost.

    Args:
        rules: the contestants, the best first.
        settings: of the comparison.
        studies: in how many the contestants can be ranked.
        out: the other studies.
        beyond: what the best gives on other studies.
    """
    best = next((e for e in rules if e.against_best and e.against_best.verdict == "best"), None)
    if best is None:
        unknown = (
            "Which rule is best cannot be told: what any of them would have lost is unknown from "
            "this record."
        )
        return Answer(None, (), None, None, (unknown,), studies, out)
    rivals = [e for e in rules if e.against_best and e.against_best.significant is not None]
    ties = tuple(e.key for e in rivals if e.against_best and not e.against_best.significant)
    sentences: tuple[str, ...]
    reckless = sum(e.against_best is not None for e in rules) - len(rivals) - 1
    saved: Dist | None = getattr(best.orders, f"{settings.saved}_saved_fraction")
    if saved is None or saved.mean <= 0:
        sentences = (
            f"Within a mean loss of {percent(settings.max_degradation)} nothing saves anything: "
            f"stop nothing.{_left_out(studies, out)}",
            f"What saves something loses more than that: {reckless} of the contestants.",
        )
    else:
        sentences = (
            _best_sentence(best, saved, settings, studies) + _left_out(studies, out),
            _significance(ties, len(rivals), reckless, settings, studies),
            _cost(best, settings, studies),
        )
        if beyond is not None:
            sentences += (_elsewhere(beyond, settings),)
    return Answer(
        best=best.key,
        ties=ties,
        significant=not ties if rivals else None,
        about=about(studies, settings),
        sentences=sentences,
        studies=studies,
        left_out=out,
        elsewhere=beyond,
    )


def _best_sentence(best: RuleEntry, saved: Dist, settings: Settings, studies: int) -> str:
    """What the best saves: over several studies on these, over one with other launch orders."""
    here = f" on these {studies} studies" if studies > 1 else ""
    text = (
        f"Within a mean loss of {percent(settings.max_degradation)}{here}, {best.key} saves most: "
        f"{percent(saved.mean)} of the {AMOUNT[settings.saved]}"
    )
    if studies == 1:
        text += f" ({percent(saved.low)} to {percent(saved.high)})"
    kept = best.orders.best_kept
    if kept is not None:
        text += f". It keeps the best value in {_times(kept)} launch orders"
    return text + "."


def _left_out(studies: int, out: Sequence[LeftOut]) -> str:
    """How many studies are left out, and why; empty if none is."""
    if not out:
        return ""
    total = sum(one.studies for one in out)
    whys = "; ".join(one.text if len(out) == 1 else f"{one.studies}: {one.text}" for one in out)
    are = "is" if total == 1 else "are"
    return f" {total} of {studies + total} studies {are} left out for all rules ({whys})."


def _elsewhere(beyond: Elsewhere, settings: Settings) -> str:
    """What the best gives on other studies like these, and whether the loss can be promised."""
    text = (
        f"On other studies like these it saves {_range(beyond.saved)} on average and loses "
        f"{_range(beyond.loss_normalized)}, more than {percent(settings.max_degradation)} in at "
        f"most {percent(1.0 - (beyond.within.low or 0.0))} of launch orders "
        f"({_confidence(settings)}, the picking of one of {beyond.candidates} candidates allowed "
        f"for): a mean loss of at most {percent(settings.max_degradation)} there "
    )
    return text + (
        "is within that."
        if beyond.promised
        else f"cannot be promised{_needed(beyond.studies_needed)}."
    )


def _needed(studies: int | None) -> str:
    """How many studies would do."""
    return "" if studies is None else f" (that takes at least {studies:,} studies)"


def _range(mean: Mean) -> str:
    if mean.low is None:
        return "an amount that cannot be told"
    if mean.high is None:
        return f"{percent(mean.low)} or more without an upper end"
    return f"{percent(mean.low)} to {percent(mean.high)}"


def _confidence(settings: Settings) -> str:
    return f"{100 * settings.confidence:g} % intervals"


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


def _cost(best: RuleEntry, settings: Settings, studies: int) -> str:
    loss, within = best.orders.loss_normalized, best.orders.within
    if loss is None or within is None:
        return "What it may cost is unknown."
    if loss.max <= 0:
        return "It lost nothing in any launch order."
    interval = f" ({percent(loss.low)} to {percent(loss.high)})" if studies == 1 else ""
    text = (
        f"It may cost {percent(loss.mean)}{interval} of the way from the best to the median trial"
    )
    if within.count < within.of:
        text += (
            f", and more than {percent(settings.max_degradation)} in "
            f"{percent(1 - within.share)} of the launch orders"
        )
    change = best.orders.degradation_normalized
    if change is not None and change.mean < loss.mean:
        text += (
            f"; gains set off against losses, the best value changes by {100 * change.mean:+.1f} %"
        )
    return text + "."


def choice_text(choice: Choice, settings: Settings) -> str:
    """The choice in a few sentences."""
    inside, out = choice.in_sample, choice.held_out
    what = "studies" if choice.by == "studies" else "halves of the trials"
    text = (
        f"Within a mean loss of {percent(choice.max_degradation)}, {choice.chosen} saves most: "
        f"{percent(inside.saved)}, for a loss of {_loss(inside.loss_normalized)}, on "
        "what it was chosen on."
    )
    if out is None:
        text += " There is too little to hold anything out: expect less."
    else:
        text += (
            f" Chosen anew on some {what} and told on the others, a choice like that saved "
            f"{percent(out.saved.mean)} for a loss of {_held_out_loss(out.loss_normalized)}."
        )
    if choice.by == "trials":
        return text + (
            " What the next job gives one study cannot tell: compare two or more, for an interval"
            f"{_promise(choice)}."
        )
    if out is None or out.saved.low is None or out.loss_normalized is None:
        return text
    text += (
        f" On other studies like these, {choice.chosen} saves {_range(out.saved)} on average and "
        f"loses {_range(out.loss_normalized)} ({_confidence(settings)})"
    )
    high = out.loss_normalized.high
    if high is not None and high <= choice.max_degradation:
        return text + "."
    if out.loss_normalized.mean > choice.max_degradation:
        return text + (
            ". The choice loses more than accepted: choose with a smaller --max-degradation."
        )
    return text + f", so the loss may be more than accepted{_needed(choice.studies_needed)}."


def _promise(choice: Choice) -> str:
    """How many studies would promise that the loss is accepted."""
    if choice.studies_needed is None:
        return ""
    return (
        f", and at least {choice.studies_needed:,} to promise a mean loss of at most "
        f"{percent(choice.max_degradation)}"
    )


def _held_out_loss(loss: Mean | None) -> str:
    return _loss(None if loss is None else loss.mean)


def _loss(loss: float | None) -> str:
    return "an unknown amount" if loss is None else percent(loss)


def percent(share: float) -> str:
    """A share in per cent."""
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
