"""Do certificates keep their promise where the truth is known?

`python -m tests.benchmarks.certificates > reports/certify.md`, some minutes on one core; `--small`
tries it out. With `--data FOLDER` (recorded curves that are not in this repository) also what is
certified on halves of real studies, and what the other halves say. Everything is seeded.
"""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass

import numpy as np

from esim.analyses.certify.in_sequence import (
    certify_in_sequence,
    halves,
    on_average,
    safe_to_bold,
)
from tests.benchmarks.loss_families import Family

STUDIES = (10, 20, 30, 44, 60, 100, 200)
ASKED = ((0.1, 0.9), (0.2, 0.9), (0.3, 0.8))  # risk, confidence


@dataclass(frozen=True)
class Repeated:
    """Many certificates of one family.

    Attributes:
        times: how many.
        level: 1 - confidence.
        certified: the share that certifies any candidate.
        broken: the share that certifies a candidate whose risk is above the asked one.
        saved: the mean of what the certified candidate saves, 0 where there is none, as a share of
            what the boldest candidate saves whose risk is as asked.
        bounded: the share that bounds any candidate on average.
        mean_risk_on_average: of the candidates that are bounded on average, 0 where there is none.
        error_on_average: the standard error of that mean.
        broken_on_average: how often the risk of such a candidate is above the asked one.
    """

    times: int
    level: float
    certified: float
    broken: float
    saved: float
    bounded: float
    mean_risk_on_average: float
    error_on_average: float
    broken_on_average: float


def promise_kept(found: Repeated) -> bool:
    """Whether no more are broken than the confidence allows, and three standard errors."""
    return found.broken <= found.level + 3 * math.sqrt(
        found.level * (1 - found.level) / found.times
    )


def repeated(family: Family, studies: int, times: int, risk: float, confidence: float) -> Repeated:
    """Certify so many times, each time from new studies."""
    rng = np.random.default_rng(zlib.crc32(repr((studies, risk, confidence)).encode()))
    # What each saves in truth, nearly: that the order is that of their boldness is enough.
    worth = np.arange(1, len(family.risks) + 1) / len(family.risks)
    best = float(worth[family.risks <= risk].max())
    some, broken, saves, bounded, realised = 0, 0, 0.0, 0, []
    for again in range(times):
        table = family.judged(studies, rng)
        design = halves(studies, len(family.risks), risk, confidence, seed=again)
        test = np.setdiff1d(np.arange(studies), design)
        sequence = safe_to_bold(table.of(design))
        lost = table.lost[test]
        found = certify_in_sequence(lost, sequence, risk, confidence, whole=family.whole)
        if found.certified:
            some += 1
            chosen = sequence[found.certified - 1]
            broken += bool(family.risks[chosen] > risk)
            saves += float(worth[chosen]) / best
        reach = on_average(lost, sequence, risk)
        bounded += bool(reach)
        realised.append(float(family.risks[sequence[reach - 1]]) if reach else 0.0)
    return Repeated(
        times=times,
        level=1 - confidence,
        certified=some / times,
        broken=broken / times,
        saved=saves / times,
        bounded=bounded / times,
        mean_risk_on_average=float(np.mean(realised)),
        error_on_average=float(np.std(realised) / math.sqrt(times)),
        broken_on_average=float(np.mean(np.array(realised) > risk)),
    )
