"""How candidates stand after all the jobs that they are held against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from esim.analyses.identify.evidence import Held
from esim.analyses.identify.noise import misses_allowed
from esim.assumptions import CONFIDENCE
from esim.errors import EsimError
from esim.study import Float64, Int64, Study
from esim.study.times import last_second

RISK = round(1.0 - CONFIDENCE, 12)


@dataclass(frozen=True)
class Terms:
    """How candidates are held against jobs.

    Attributes:
        error_rate: the probability, at most, with which a job goes wrong: it was stopped by
            something else, or its record is not what the service saw. 0: none does.
        risk: the probability with which the truth may be dropped.
        latency_s: seconds that a stop may take to end the training, beyond a rule's delay.
        poll_s: seconds that may pass from a report to the moment at which the service looks at it:
            a job that ends in between may have been a previous one, or not.
        threads: bounds the threads; None: as many as the machine has cores.

    Raises:
        EsimError: a number is out of range.
    """

    error_rate: float = 0.0
    risk: float = RISK
    latency_s: float = 0.0
    poll_s: float = 0.0
    threads: int | None = None

    def __post_init__(self) -> None:
        if not 0.0 <= self.error_rate < 0.5:
            raise EsimError(f"error_rate cannot be {self.error_rate!r}", fix="0 to below 0.5")
        if not 0.0 < self.risk < 1.0:
            raise EsimError(f"risk cannot be {self.risk!r}", fix="between 0 and 1")
        for name in ("latency_s", "poll_s"):
            if not 0.0 <= getattr(self, name) < np.inf:
                value = getattr(self, name)
                raise EsimError(f"{name} cannot be {value!r}", fix="a number, at least 0")


@dataclass(frozen=True)
class Standing:
    """How C candidates stand after J jobs that can speak, which are in the order of their ends.

    Attributes:
        held: the candidates held against each tuning job.
        job: int64 [J, 2], each job's place in `held`, and in its tuning job.
        misses: int64 [C], how many jobs contradict each.
        jobs: int64 [C], how many could have.
        allowed: the misses with which a candidate stays.
        fell: int64 [C], the number of the job, from 1, with which each fell; 0: it is left.
    """

    held: tuple[Held, ...]
    job: Int64
    misses: Int64
    jobs: Int64
    allowed: int
    fell: Int64

    @property
    def left(self) -> Int64:
        """The places of the candidates that are left."""
        return np.flatnonzero(self.fell == 0)

    def missed(self, candidate: int) -> NDArray[np.bool_]:
        """Which jobs contradict a candidate. bool [J]"""
        rows = [self.held[s].missed[candidate, trial] for s, trial in self.job.tolist()]
        return np.array(rows, dtype=np.bool_)


def _seen_last(study: Study) -> Float64:
    """When each job's last report was made, float64 [N]; NaN where that is unknown."""
    unknown = study.elapsed is None
    return np.full(study.n_trials, np.nan) if unknown else study.start + last_second(study)


def standing(held: Sequence[Held], terms: Terms) -> Standing:
    """How candidates stand after all the jobs that they were held against."""
    places = [(s, t) for s, one in enumerate(held) for t in np.flatnonzero(one.scene.told)]
    ends = [np.fmax(one.scene.study.end, _seen_last(one.scene.study)) for one in held]
    moments = np.array([ends[s][t] for s, t in places])
    known = np.isfinite(moments).all()
    order = np.argsort(moments, kind="stable") if known else np.arange(len(moments))
    job = np.array(places, dtype=np.int64).reshape(-1, 2)[order]
    candidates = len(held[0].missed)
    misses, judged = np.zeros(candidates, dtype=np.int64), np.zeros(candidates, dtype=np.int64)
    for one in held:
        misses += one.missed.sum(axis=1)
        judged += one.judged.sum(axis=1)
    n = int(judged.max(initial=0))
    allowed = misses_allowed(n, terms.error_rate, terms.risk, candidates)
    seen, fell = np.zeros(candidates, dtype=np.int64), np.zeros(candidates, dtype=np.int64)
    for number, (s, t) in enumerate(job.tolist(), 1):
        seen += held[s].missed[:, t]
        fell[(seen > allowed) & (fell == 0)] = number
    return Standing(tuple(held), job, misses, judged, allowed, fell)
