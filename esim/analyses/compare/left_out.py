"""Which studies rules cannot be compared on, and why."""

from __future__ import annotations

from collections.abc import Sequence

from esim.analyses.compare.spreads import usable
from esim.analyses.compare.study_replays import LOSS, StudyReplays
from esim.results.comparison.comparison import Doubt, LeftOut

_MOST_STUDIES = 3  # studies that one doubt names
# Code of a reason -> the short one, for a headline, and the long one.
_REASONS = {
    "degradation_unknown": (
        "trials had been cut short when recorded",
        "trials had been cut short when they were recorded, and one of them might have become the "
        "best: what a rule loses there is unknown, so it does not count",
    ),
    "no_scale": (
        "the best and the median final value do not differ, or infinitely",
        "the best and the median final value do not differ, or differ infinitely, so a loss there "
        "has no scale, and some rule does lose: it does not count",
    ),
    "nothing_left": (
        "in some launch order no trial with a final value is left",
        "no trial has a final value, or in some launch order some rule leaves none that has: what "
        "it loses there is unknown, so it does not count",
    ),
    "saved_unknown": (
        "what is saved is unknown",
        "what is saved there is unknown, so it does not count",
    ),
}


def left_out(replayed: Sequence[StudyReplays], saved: str, loss: str) -> tuple[LeftOut, ...]:
    """How many studies rules are not compared on, by reason; the order is that of the reasons.

    All contestants are compared on the same studies. So a study in which a number of any contestant
    is unknown in any launch order is left out for all of them.

    Args:
        replayed: every study under every contestant.
        saved, loss: names of the fraction saved and of the loss that count.
    """
    return tuple(
        LeftOut(code, len(names), _REASONS[code][0])
        for code, names in _by_reason(replayed, saved, loss).items()
    )


def left_out_doubts(replayed: Sequence[StudyReplays], saved: str, loss: str) -> list[Doubt]:
    """The same as reasons to doubt, which name studies."""
    return [
        Doubt(code, f"{named(names)}: {_REASONS[code][1]}")
        for code, names in _by_reason(replayed, saved, loss).items()
    ]


def _by_reason(replayed: Sequence[StudyReplays], saved: str, loss: str) -> dict[str, list[str]]:
    """Reason -> the names of the studies that are left out for it."""
    found: dict[str, list[str]] = {code: [] for code in _REASONS}
    for p in replayed:
        if not usable(p, saved, loss):
            found[_reason(p, loss)].append(p.study.name)
    return {code: names for code, names in found.items() if names}


def _reason(p: StudyReplays, loss: str) -> str:
    """Why saved or lost is unknown in a study."""
    if loss == LOSS and not p.study.degradation_known:
        return "degradation_unknown"
    if not p.orders.known("degradation_on_record"):
        return "nothing_left"
    if not p.orders.known(loss):
        return "no_scale"
    return "saved_unknown"


def named(names: Sequence[str]) -> str:
    """Some names, and how many more there are."""
    shown = ", ".join(names[:_MOST_STUDIES])
    rest = len(names) - _MOST_STUDIES
    return f"{shown} and {rest} more" if rest > 0 else shown
