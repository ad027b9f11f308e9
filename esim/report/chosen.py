"""Which studies of a result are shown in full."""

from __future__ import annotations

from collections.abc import Sequence

from esim.errors import EsimError, near_names
from esim.results.replay import ReplayResult

MOST = 6  # studies with figures, unless some are asked for


def shown_in_full(
    results: Sequence[ReplayResult], names: Sequence[str] = ()
) -> Sequence[ReplayResult]:
    """The ones asked for; else all, or where there are many those whose best value suffers most.

    Raises EsimError, with near names, for a study that is not there.
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
