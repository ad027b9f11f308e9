"""Which studies of a replay are shown with all their tables and figures."""

from __future__ import annotations

from collections.abc import Sequence

from esim.errors import EsimError, near_names
from esim.results.replay import ReplayResult

MOST = 6  # studies shown in full, unless some are asked for by name


def shown_in_full(
    results: Sequence[ReplayResult], names: Sequence[str] = ()
) -> Sequence[ReplayResult]:
    """The studies to show in full.

    Args:
        results: the replays, one for each study.
        names: the studies asked for. Without names all studies are shown, or, if there are more
            than six, the six with the largest normalized degradation.

    Returns:
        The results to show: in the order of `names`, or else in the order of `results`.

    Raises:
        EsimError: there is no study of this name; the error lists similar names.
    """
    known = {r.study: r for r in results}
    for name in names:
        if name not in known:
            raise EsimError(f"no study {name!r}", fix=f"one of: {near_names(name, known)}")
    if names:
        return [known[name] for name in dict.fromkeys(names)]
    if len(results) <= MOST:
        return results
    costly = sorted(results, key=lambda r: -(r.summary.degradation_normalized or 0.0))
    first = {r.study for r in costly[:MOST]}
    return [r for r in results if r.study in first]
