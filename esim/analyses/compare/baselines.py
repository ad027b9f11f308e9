"""The baselines of every fair comparison."""

from __future__ import annotations

from collections.abc import Iterator

from esim.analyses.compare.contestants import Contestant
from esim.rules import PRESETS

_LADDER = (1, 2, 5)  # and ten times, a hundred times, ...: reports
_KEPT = 10  # top-k-after: its preset's k


def baselines(longest: int, most: int) -> list[Contestant]:
    """Nothing stopped; every trial stopped at report i; the best k after i; the oracle.

    What stops all alike (i-epoch) and what knows the end are the strong and the impossible case
    that a rule is to be held against (Egele et al., arXiv 2404.04111, 2307.15422).

    Args:
        longest: the most reports that any trial made.
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
    scale = 1
    while scale < 10**6:
        yield from (step * scale for step in _LADDER)
        scale *= 10
