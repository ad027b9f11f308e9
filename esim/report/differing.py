"""Two replays against each other in words, for the terminal and for pages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from esim.errors import some_of
from esim.report.pages.page import Kind
from esim.report.words import count, percent, plural
from esim.results.difference import ChangedStudy, Difference, Side

# Totals that are shown: each with its label, and what it is (`esim.report.pages.page.Kind`).
AMOUNTS: dict[str, tuple[str, Kind]] = {
    "studies": ("studies", "count"),
    "trials": ("trials", "count"),
    "trials_stopped": ("trials stopped", "count"),
    "steps_saved_fraction": ("steps saved", "percent"),
    "seconds_saved_fraction": ("training time saved", "percent"),
    "seconds_saved": ("training time saved, amount", "seconds"),
    "billed_saved_fraction": ("billed time saved", "percent"),
    "cost_saved": ("money saved", "money"),
    "best_trials_stopped": ("best trial lost in", "count"),
}
WHY = {
    "data": "the data",
    "rule": "the rule",
    "job-level rule": "what ends the job",
    "clock": "the clock",
    "costs": "the costs",
    "final value": "which value is the final one",
    "failure": "one of the replays failed",
    "version": "the version of esim",
    "unknown": "nothing that is told",
}


def amounts(totals: Mapping[str, Any]) -> dict[str, Any]:
    """The amounts of `AMOUNTS` in some totals; None where one is unknown."""
    found = {key: totals.get(key) for key in AMOUNTS}
    for key, recorded, run in (
        ("seconds_saved", "seconds_recorded", "seconds_run"),
        ("cost_saved", "cost_recorded", "cost"),
    ):
        if totals[recorded] is not None and totals[run] is not None:
            found[key] = totals[recorded] - totals[run]
    return found


def compared_sides(found: Difference) -> list[tuple[str, Mapping[str, Any]]]:
    """The totals to compare, with their names: where studies differ also over those in both."""
    sides = [("old", found.old.totals), ("new", found.new.totals)]
    if (found.only_old or found.only_new) and found.in_both:
        both = (("old, in both", found.old.in_both), ("new, in both", found.new.in_both))
        sides += [(name, totals) for name, totals in both if totals is not None]
    return sides


def difference_answer(found: Difference) -> Iterator[str]:
    """What changed in total, and in how many studies and why, in sentences."""
    old, new = found.old.totals, found.new.totals
    yield _totals_sentence(old, new, "")
    if not found.by_study:
        yield "Single studies cannot be compared: a table of studies is not beside its document."
        return
    if found.in_both and (found.only_old or found.only_new):
        a, b = found.old.in_both, found.new.in_both
        assert a is not None and b is not None
        yield _totals_sentence(a, b, f"In the {plural(found.in_both, 'study')} that both have: ")
    yield _changed_sentence(found)


def _totals_sentence(old: Mapping[str, Any], new: Mapping[str, Any], head: str) -> str:
    saved = [percent(one["steps_saved_fraction"]).removesuffix(" %") for one in (old, new)]
    lost = [count(one["best_trials_stopped"]) for one in (old, new)]
    before, after = old["studies"], new["studies"]
    studies = f"of {plural(after, 'study')}"
    if before != after:
        studies = f"of {count(before)} and {plural(after, 'study')}"
    text = f"saved {saved[0]} -> {saved[1]} % of the steps; best trials lost {lost[0]} -> {lost[1]}"
    return f"{head}{text}, {studies}." if head else f"{text[0].upper()}{text[1:]}, {studies}."


def _changed_sentence(found: Difference) -> str:
    n, both = len(found.changed), plural(found.in_both, "study")
    alone = [
        f"{plural(len(names), 'study')} only in the {which} one"
        for names, which in ((found.only_old, "old"), (found.only_new, "new"))
        if names
    ]
    tail = f"; {' and '.join(alone)}" if alone else ""
    if not found.in_both:
        return f"No study is in both{tail}."
    if not n:
        return f"Nothing has changed in the {both} that both have{tail}."
    whys = Counter(why_words(one) for one in found.changed)
    told = "; ".join(f"{count(times)} by {why}" for why, times in whys.most_common())
    text = f"{some_of(n, found.in_both, 'study', 'differ')}: {told}{tail}."
    return f"{text[0].upper()}{text[1:]}"


def why_words(one: ChangedStudy) -> str:
    """Why a study differs, in words."""
    return " and ".join(WHY[cause] for cause in one.why)


def side_words(side: Side) -> str:
    """A replay in a line: where it was read, its rule and the version of esim."""
    until = "".join(f" until {rule.text}" for rule in side.until)
    return f"{side.path}: rule {side.rule.name}{until}, esim {side.esim}"


def most_changed(found: Difference) -> list[ChangedStudy]:
    """The studies that differ, those first whose best is lost in the new one alone.

    Then those whose saving differs most.
    """

    def rank(one: ChangedStudy) -> tuple[bool, float, str]:
        if one.old is None or one.new is None:
            return False, -2.0, one.study
        lost = one.new.best_trial_stopped is True and one.old.best_trial_stopped is not True
        shares = (one.old.steps_saved_fraction, one.new.steps_saved_fraction)
        change = 0.0 if None in shares else abs(shares[1] - shares[0])  # type: ignore[operator]
        return not lost, -change, one.study

    return sorted(found.changed, key=rank)
