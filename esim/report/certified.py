"""A certificate, and what became of it, in sentences: what is assumed comes first."""

from __future__ import annotations

from collections.abc import Sequence

from esim.report.words import agree, clean, clock_words, percent, plural, probability
from esim.results.certificate import Candidate, Certificate
from esim.results.comparison.entries import LeftOut
from esim.results.watched import Watched

AMOUNTS = {"seconds": "training time", "billed": "billed time", "cost": "money"}


def assumptions(c: Certificate) -> tuple[str, str, str]:
    """What a certificate assumes, in three lines."""
    test, design = c.counted("test"), c.counted("design")
    parts = plural(test, "study", "test") + " the rules"
    parts += f" and {design:,} {agree(design, 'choose')} their order" * bool(design)
    most = c.asked.max_loss
    more = f"over {percent(most)} of the way to the median" if most else "anything"
    loss = (
        f"as the share of {plural(c.replays.orders, 'launch order')} in which it loses"
        if c.replays.orders
        else "as lost or not, in the order in which it was launched"
    )
    clocks = [clock_words(clock) for clock in c.clocks[:3]]
    rest = f" and {len(c.clocks) - 3} others" if len(c.clocks) > 3 else ""
    return (
        "Assumed: the next study is one more of the same kind, independent of these.",
        f"{parts[:1].upper()}{parts[1:]}; each counts once, {loss}.",
        f"Lost: the best of the {c.replays.final} values gets worse by {more}. Clock: "
        f"{', or '.join(clocks)}{rest}.",
    )


def certificate_answer(c: Certificate) -> tuple[str, ...]:
    """What is certified, and what is bounded on average only."""
    if c.certified is not None:
        one = c.candidate(c.certified)
        first = (
            f"Certified with {percent(c.asked.confidence)} confidence: under {clean(one.key, 200)} "
            f"a new study loses more than {percent(c.asked.max_loss)} with a chance of at most "
            f"{percent(c.asked.risk)}. {_tested(c, one)}"
        )
    else:
        first = f"No rule can be certified: {_why_none(c)}."
    if c.on_average is None:
        weaker = (
            "A weaker promise, of the average alone, cannot be made either: it takes at least "
            f"{plural(c.needed.on_average, 'tested study')} without a loss."
        )
        return (first,) if c.certified is not None else (first, weaker)
    keys = [one.key for one in c.sequence]
    if c.certified is not None and keys.index(c.on_average) <= keys.index(c.certified):
        return (first,)  # which is no bolder, and weaker
    bound = c.candidate(c.on_average)
    what = clean(bound.key, 200)
    return (
        first,
        f"Weaker, on average only (conformal risk control): {what} keeps the risk within "
        f"{percent(c.asked.risk)} in the mean over all draws of {c.counted('test')} tested studies "
        "and a new one; how often the draw was a lucky one, so that its risk is higher, is not "
        f"bounded. {_tested(c, bound)}",
    )


def _tested(c: Certificate, one: Candidate) -> str:
    amount = AMOUNTS.get(c.replays.saved, c.replays.saved)
    return (
        f"On the tested studies it saved {percent(one.saved_fraction)} of the {amount} and lost in "
        f"{percent(one.lost)}" + (f" (p {probability(one.p)})." if one.p is not None else ".")
    )


def _why_none(c: Certificate) -> str:
    test, needed = c.counted("test"), c.needed.certified
    if not c.sequence:
        return "none of them saves anything in the studies that choose their order"
    if test < needed:
        return (
            f"a risk of {percent(c.asked.risk)} with {percent(c.asked.confidence)} confidence "
            f"takes at least {plural(needed, 'tested study')} without a loss, and there "
            f"{agree(test, 'are')} {test:,}"
        )
    one = c.sequence[0]
    return (
        f"already the safest, {clean(one.key, 200)}, lost in {percent(one.lost)} of "
        f"{plural(test, 'tested study')} (p {probability(one.p)}, at most "
        f"{probability(1 - c.asked.confidence)} is needed)"
    )


def watch_answer(w: Watched) -> tuple[str, ...]:
    """Whether the certificate holds, and what the new studies lost."""
    asked, n = w.certificate.asked, len(w.studies)
    promise = f"a risk of at most {percent(asked.risk)} under {clean(w.rule, 200)}"
    if not n:
        return (f"There is no new study to hold against the certificate ({promise}).",)
    lost = sum(one.lost for one in w.studies) / n
    most = max(one.wealth for one in w.studies)
    needed = 1.0 / w.false_alarm
    seen = (
        f"{plural(n, 'new study')} lost in {percent(lost)}; bets against it have made 1 into "
        f"{most:.3g} at most, and {needed:.3g} would be enough (as long as it holds, that happens "
        f"with a chance of at most {percent(w.false_alarm)}, however long one watches)."
    )
    if w.broken_by is None:
        return (f"No evidence that the certificate fails: {promise}.", seen)
    place = [one.study for one in w.studies].index(w.broken_by) + 1
    return (
        f"The certificate no longer holds: after study {place} of {n}, {clean(w.broken_by, 80)}, "
        f"the evidence against {promise} is sufficient.",
        seen,
        "Certify anew from recent studies, or go back to a rule that stops less.",
    )


def watch_doubts(w: Watched) -> list[str]:
    """Reasons to doubt a watch."""
    return [
        "new studies count in the order in which they began (of a history) or were read: give all "
        "of them, in the order in which they ran, for to sort them by what they lost, or to leave "
        "some out, changes the answer",
        *left_out_lines(w.left_out),
    ]


def left_out_lines(out: Sequence[LeftOut]) -> list[str]:
    """How many studies did not count, and why."""
    return [f"{plural(one.studies, 'study')} left out: {one.text}" for one in out]
