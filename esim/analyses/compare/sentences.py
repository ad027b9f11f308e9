"""What a comparison says in words: the answer and the choice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from esim.analyses.compare.picks import Picks, picks
from esim.analyses.compare.ranking import fewest_studies
from esim.analyses.compare.study_replays import ON_RECORD
from esim.errors import agree, plural
from esim.results.chances import chance_words
from esim.results.comparison.comparison import (
    Answer,
    Choice,
    Dist,
    Elsewhere,
    LeftOut,
    Mean,
    RuleEntry,
    Settings,
)
from esim.rules import PRESETS

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
    loss: str,
    studies: int,
    out: tuple[LeftOut, ...],
    beyond: Elsewhere | None,
) -> Answer:
    """Which contestants to decide for, whether that is more than chance, and what it may cost.

    Args:
        rules: the contestants, the best first.
        settings: of the comparison.
        loss: name of the loss that ranks.
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
        more = (
            "Next: compare on jobs of several trials that ran to their end, with final values that "
            "differ; the reasons to doubt it say what is missing here."
        )
        return Answer(None, (), None, None, (unknown, more), studies, out)
    rivals = [e for e in rules if e.against_best and e.against_best.significant is not None]
    ties = tuple(e.key for e in rivals if e.against_best and not e.against_best.significant)
    reckless = sum(e.against_best is not None for e in rules) - len(rivals) - 1
    found = picks(rules, settings, loss)
    sentences: tuple[str, ...] = (_ON_RECORD,) if loss == ON_RECORD else ()
    if found is None:
        sentences += (
            f"Within a mean loss of {percent(settings.max_degradation)} nothing saves anything: "
            f"stop nothing.{_left_out(studies, out)}",
            f"What saves something loses more than that: {plural(reckless, 'rule')}, baselines "
            "counted."
            if reckless
            else "No rule saves anything on these logs.",
            "Next: accept a larger loss (--max-degradation), or compare on more past jobs."
            if reckless
            else "Next: leave early stopping off, or compare on logs with more values a trial.",
        )
    else:
        sentences += (
            _most_sentence(best, settings, studies) + _left_out(studies, out),
            _safest_sentence(found, settings),
            _cost(best, settings, loss, studies),
            _significance(best.key, ties, len(rivals), reckless, settings, studies),
        )
        if beyond is not None:
            sentences += (_elsewhere(best.key, beyond, settings),)
        sentences += (
            _next_step(next(e for e in rules if e.key == found.safest.key), loss, studies),
        )
    return Answer(
        best=best.key,
        ties=ties,
        significant=not ties if rivals else None,
        about=about(studies, settings),
        sentences=sentences,
        studies=studies,
        left_out=out,
        elsewhere=beyond,
        ranked_by="record" if loss == ON_RECORD else "loss",
        saves_most=None if found is None else found.saves_most,
        safest=None if found is None else found.safest,
    )


_ON_RECORD = (
    "Ranked by what was recorded: trials had been cut short when recorded, and how they would have "
    "ended is unknown, so a rule may lose more than is told here."
)


def _most_sentence(best: RuleEntry, settings: Settings, studies: int) -> str:
    """Who saves most: over several studies on these, over one with other launch orders."""
    here = f" on these {studies} studies" if studies > 1 else ""
    saved: Dist | None = getattr(best.orders, f"{settings.saved}_saved_fraction")
    kept = best.orders.best_kept
    assert saved is not None and kept is not None
    span = f" ({percent(saved.low)} to {percent(saved.high)})" if studies == 1 else ""
    return (
        f"Within a mean loss of {percent(settings.max_degradation)}{here}, {best.key} saves most: "
        f"{percent(saved.mean)} of the {AMOUNT[settings.saved]}{span}, and it keeps the best value "
        f"in {_orders(kept.share)}."
    )


def _safest_sentence(found: Picks, settings: Settings) -> str:
    """Who is safest at nearly that saving, and what it takes to lose nothing."""
    most, safest, sure = found.saves_most, found.safest, found.never_loses
    within = f"Within {100 * settings.safest_within:g} points of that"
    if safest == most and most.best_kept == 1.0:
        return "It is the safest too."
    if safest == most:
        text = f"{within} nothing is safer."
    else:
        text = (
            f"{within}, {safest.key} is safest: {percent(safest.saved)}, and it keeps the best "
            f"value in {_orders(safest.best_kept)}."
        )
        if safest.best_kept == 1.0:
            return text
    if sure is None:
        return f"{text} No rule that saves anything keeps it in all of them."
    return f"{text} To keep it in all of them, {sure.key} saves most: {percent(sure.saved)}."


def _orders(share: float) -> str:
    """A share of the launch orders."""
    return "all launch orders" if share == 1.0 else f"{chance_words(share)} of the launch orders"


def _next_step(entry: RuleEntry, loss: str, studies: int) -> str:
    """What to do with the answer."""
    if loss == ON_RECORD:
        return (
            "Next: record a job without early stopping; only trials that ran to their end tell "
            "what a rule loses."
        )
    rule = ""
    if entry.name in PRESETS:
        changed = "".join(f" --set {k}={v}" for k, v in entry.changed.items())
        until = "".join(f" --until {rule.text}" for rule in entry.until)
        rule = f" --rule {entry.name}{changed}{until}"
    text = f"Next: esim estimate LOGS{rule} tells what the next job may save and lose under it"
    if studies == 1:
        return f"{text}; more studies tell whether it holds elsewhere."
    return f"{text}; esim certify LOGS tells whether a risk can be promised."


def _left_out(studies: int, out: Sequence[LeftOut]) -> str:
    """How many studies are left out, and why; empty if none is."""
    if not out:
        return ""
    total = sum(one.studies for one in out)
    whys = "; ".join(one.text if len(out) == 1 else f"{one.studies}: {one.text}" for one in out)
    are = "is" if total == 1 else "are"
    return f" {total} of {studies + total} studies {are} left out for all rules ({whys})."


def _elsewhere(best: str, beyond: Elsewhere, settings: Settings) -> str:
    """What the best gives on other studies like these, and whether the loss can be promised."""
    accepted = percent(settings.max_degradation)
    text = (
        f"On other studies like these {best} saves {_range(beyond.saved)} on average and loses "
        f"{_range(beyond.loss_normalized)} ({_confidence(settings)}, which allow for the picking "
        f"of one of {beyond.candidates}): a mean loss of at most {accepted} there "
    )
    return text + (
        "is promised."
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
    best: str, ties: Sequence[str], rivals: int, reckless: int, settings: Settings, studies: int
) -> str:
    """Whether the best saves significantly more than the others.

    Args:
        best: its key.
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
        text = f" Whether that holds for other studies cannot be tested with fewer than {needed}."
    others = {1: "the one other", 2: "both others"}.get(rivals, f"all {rivals} others")
    if not rivals:
        told = f"{where} nothing else stays within that loss"
    elif not ties:
        told = f"{where} {best} saves significantly more than {others} within that loss"
    elif len(ties) == rivals:
        told = f"{where} what {best} saves more than {others} within that loss may be chance"
    else:
        told = (
            f"{where} {best} saves significantly more than {rivals - len(ties)} of the {rivals} "
            f"others within that loss; beside {_listed(ties)} the difference may be chance"
        )
    if reckless:
        told += f"; {reckless} {agree(reckless, 'lose')} more"
    return f"{told}.{text}"


def _cost(best: RuleEntry, settings: Settings, loss: str, studies: int) -> str:
    lost: Dist | None = getattr(best.orders, loss)
    within, change = best.orders.within, best.orders.degradation_normalized
    assert lost is not None
    if lost.max <= 0:
        return f"{best.key} lost nothing in any launch order."
    interval = f" ({percent(lost.low)} to {percent(lost.high)})" if studies == 1 else ""
    text = (
        f"{best.key} may cost {percent(lost.mean)}{interval} of the way from the best to the "
        "median trial"
    )
    if within is not None and within.count < within.of:
        text += (
            f", and more than {percent(settings.max_degradation)} in "
            f"{percent(1 - within.share)} of the launch orders"
        )
    if change is not None and change.mean < lost.mean:
        text += (
            f"; gains set off against losses, the best value changes by {100 * change.mean:+.1f} %"
        )
    return text + "."


def choice_text(choice: Choice, settings: Settings) -> str:
    """The choice in a few sentences: first what it gave where it was not made."""
    inside, out = choice.in_sample, choice.held_out
    what = "studies" if choice.by == "studies" else "halves of the trials"
    accepted = percent(choice.max_degradation)
    if out is None:
        text = "There is too little to hold anything out: expect less than what follows."
    else:
        lost = out.loss_normalized
        told = _loss(None if lost is None else lost.mean)
        more = lost is not None and lost.mean > choice.max_degradation
        text = (
            f"Chosen on some {what} and held against the others, a choice like this saved "
            f"{percent(out.saved.mean)} for a mean loss of {told}"
            f"{f', more than the {accepted} accepted' if more else ''}."
        )
    text += (
        f" On all it was chosen from, {choice.chosen} saves most within a mean loss of {accepted}: "
        f"{percent(inside.saved)}, for a loss of {_loss(inside.loss_normalized)}."
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


def _loss(loss: float | None) -> str:
    return "an unknown amount" if loss is None else percent(loss)


def percent(share: float) -> str:
    """A share in per cent."""
    return f"{100 * share:.1f} %"


def _listed(names: Sequence[str]) -> str:
    shown = list(names[:_MOST_NAMES])
    rest = len(names) - len(shown)
    if rest:
        return f"{', '.join(shown)} and {rest} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else shown[0]
