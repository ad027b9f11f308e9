"""The rules to decide for: who saves most, and who is safest at nearly that saving."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from esim.results.comparison.comparison import Pick, RuleEntry, Settings

_ROUNDING = 1e-12


@dataclass(frozen=True)
class Picks:
    """What the ranked contestants leave to decide for.

    Attributes:
        saves_most: who saves most within the accepted loss.
        safest: of those that stay within it and save at most `Settings.safest_within` less, the one
            that most often keeps the best value; of several the one that loses least, then the one
            that saves most, then the better ranked.
        never_loses: of all that keep the best value in every launch order and save something, the
            one that saves most; None if there is none.
    """

    saves_most: Pick
    safest: Pick
    never_loses: Pick | None


def picks(rules: Sequence[RuleEntry], settings: Settings, loss: str) -> Picks | None:
    """The rules to decide for.

    Args:
        rules: the contestants, the best first.
        settings: of the comparison.
        loss: name of the loss that ranks.

    Returns:
        None if nothing is ranked, or if nothing within the accepted loss saves anything.
    """
    saving = [
        pick
        for entry in rules
        if entry.against_best is not None and entry.against_best.verdict != "loses too much"
        if (pick := _pick(entry, settings, loss)) is not None and pick.saved > 0.0
    ]
    if not saving:
        return None
    most = saving[0]
    least = most.saved - settings.safest_within - _ROUNDING
    near = [pick for pick in saving if pick.saved >= least]
    # max takes the first of several that are as good.
    safest = max(near, key=lambda pick: (pick.best_kept, -pick.loss, pick.saved))
    keeps = [pick for pick in saving if pick.best_kept == 1.0]
    return Picks(most, safest, max(keeps, key=lambda pick: pick.saved, default=None))


def _pick(entry: RuleEntry, settings: Settings, loss: str) -> Pick | None:
    saved = getattr(entry.orders, f"{settings.saved}_saved_fraction")
    lost, kept = getattr(entry.orders, loss), entry.orders.best_kept
    if saved is None or lost is None or kept is None:
        return None
    return Pick(entry.key, saved.mean, kept.share, lost.mean)
