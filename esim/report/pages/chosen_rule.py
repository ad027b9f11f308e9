"""The rule that a comparison picks: what it gives on other studies, how the choice was judged."""

from __future__ import annotations

from collections.abc import Iterator

from esim.report.pages.page import Column, Missing, Part, Say, Table
from esim.report.pages.provenance import facts
from esim.report.words import percent, share_words
from esim.results.comparison.comparison import Choice, Comparison, Mean


def mean_words(mean: Mean) -> str:
    """The interval of a mean; an end that is unknown is a dash."""
    return f"{percent(mean.low)} to {percent(mean.high)}"


def elsewhere_parts(comparison: Comparison) -> Iterator[Part]:
    """What the best gives on average on other studies; nothing where that cannot be told."""
    beyond = comparison.answer.elsewhere
    if beyond is None:
        return
    accepted = percent(comparison.settings.max_degradation)
    rows = [
        (what, f"{percent(mean.mean)} here, {mean_words(mean)} elsewhere")
        for what, mean in (
            ("saved", beyond.saved),
            ("lost", beyond.loss_normalized),
            ("changed, gains set off", beyond.degradation_normalized),
            ("best value kept", beyond.best_kept),
            (f"loses at most {accepted}", beyond.within),
        )
    ]
    needed = beyond.studies_needed
    told = "yes" if beyond.promised else "no"
    if not beyond.promised and needed is not None:
        told += f"; that takes at least {needed:,} studies"
    rows.append((f"a mean loss of at most {accepted} is promised", told))
    caption = (
        f"Means of the best over other studies like these {beyond.studies}, the picking of one of "
        f"{beyond.candidates} allowed for"
    )
    yield facts("elsewhere", caption, rows)


def choice_parts(choice: Choice | None) -> Iterator[Part]:
    """The choice of a rule, and what it gave where it was not made."""
    if choice is None:
        yield Missing(
            "The best of many looks better than it is. No choice was tried on what it was not "
            "made on.",
            "esim compare LOGS --choose --max-degradation 0.05",
        )
        return
    yield Say(choice.text)
    rows = [
        ("chosen", choice.chosen or "none stays within the loss"),
        ("loss accepted", percent(choice.max_degradation)),
        ("tried on", f"{choice.folds} folds of {choice.by}, {choice.repeats} times"),
    ]
    if choice.in_sample is not None:
        rows.append(("saved where it was chosen", percent(choice.in_sample.saved)))
    if choice.held_out is not None:
        held = choice.held_out
        for label, mean in (
            ("saved", held.saved),
            ("lost", held.loss_normalized),
            ("changed, gains set off", held.degradation_normalized),
        ):
            if mean is None:
                continue
            rows.append((f"{label} where it was not", percent(mean.mean)))
            if mean.low is not None:
                rows.append((f"{label} on other studies", mean_words(mean)))
        rows.append(("best value kept there", share_words(held.best_kept.share)))
        rows.append(("within the loss there", share_words(held.within.share)))
    yield facts("choice", "The choice, and what it gave elsewhere", rows)
    if choice.picked:
        yield Table(
            "picked",
            "What was picked, fold by fold",
            (Column("rule", "picked"), Column("times", "times", "count")),
            tuple((p.key, p.times) for p in choice.picked),
        )
    if choice.candidates:
        yield Table(
            "candidates",
            "The candidates",
            (
                Column("rule", "candidate"),
                Column("saved", "saved", "percent"),
                Column("loss_normalized", "lost", "percent"),
                Column("accepted", "within the loss", "yes"),
            ),
            tuple((x.key, x.saved, x.loss_normalized, x.accepted) for x in choice.candidates),
        )
