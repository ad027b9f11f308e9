"""The baselines that every comparison holds its rules against."""

from __future__ import annotations

from collections.abc import Iterator

from esim.analyses.compare.contestants import Contestant
from esim.rules import PRESETS

_LADDER = (1, 2, 5)  # reports; and ten times, a hundred times as many, and so on
_KEPT = 10  # trials that top-k-after keeps, as in its preset


def baselines(longest: int, most: int) -> list[Contestant]:
    """The baselines that suit the studies.

    `none` stops nothing. `i-epoch` stops every trial at its report i, for several i: a strong
    baseline (Egele et al., arXiv 2404.04111, 2307.15422). `top-k-after` keeps the k best trials
    after report i, and `oracle` knows how every trial ends: both look ahead, and bound what a rule
    can do.

    Args:
        longest: the largest number of reports that any trial made.
        most: trials of the largest study.
    """
    some = [i for i in _ladder() if i < longest] if longest > 1 else [1]
    found = [Contestant("none", PRESETS["none"], {}, "baseline")]
    for i in some:
        row = PRESETS["i-epoch"].with_columns(warmup_steps=i)
        found.append(Contestant(f"i-epoch[i={i}]", row, {"warmup_steps": i}, "baseline"))
    for i in sorted({1, max(1, longest // 10)}):
        changed = {"warmup_steps": i, "keep": min(_KEPT, max(1, most // 4))}
        row = PRESETS["top-k-after"].with_columns(**changed)
        key = f"top-k-after[i={i},k={changed['keep']}]"
        found.append(Contestant(key, row, changed, "baseline", look_ahead=True))
    found.append(Contestant("oracle", PRESETS["oracle"], {}, "baseline", look_ahead=True))
    return found


def _ladder() -> Iterator[int]:
    """1, 2, 5, 10, 20, 50, ... reports."""
    scale = 1
    while scale < 10**6:
        yield from (step * scale for step in _LADDER)
        scale *= 10
