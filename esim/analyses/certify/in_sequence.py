"""Candidates in a sequence from safe to bold, and how far along it the risk is known to be low.

Everything here is about numbers of studies (rows) and candidates (columns), whatever a candidate
is: a rule for trials, or one that ends whole jobs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from esim.analyses.certify.p_values import (
    binomial_p,
    hoeffding_bentkus_p,
    loss_free_on_average,
    loss_free_studies,
    losses_allowed,
    studies_allowing,
)
from esim.study import Float64, Int64


@dataclass(frozen=True)
class Judged:
    """What R candidates saved and lost in S studies.

    Attributes:
        saved: float64 [S, R], the share saved, in the mean over a study's launch orders.
        lost: float64 [S, R], the study's loss: the share of its launch orders in which more than
            the accepted loss was lost.
        near: float64 [S, R], how near it came to that: the mean over launch orders of the loss as a
            share of the accepted one, at most 1; so it is at least `lost`.
    """

    saved: Float64
    lost: Float64
    near: Float64

    def of(self, studies: Int64) -> Judged:
        """The same of some studies, int64 [n]."""
        return Judged(self.saved[studies], self.lost[studies], self.near[studies])


def choosing_studies(
    studies: int, candidates: int, risk: float, confidence: float, seed: int, *, whole: bool
) -> Int64:
    """Which studies choose the sequence, at random; the others test it.

    A quarter to a half of them choose: more tests find more than a better sequence does
    (reports/certify.md). Where a loss is 0 or 1, no more test than are needed for the number of
    lost studies that three quarters would allow: each that is too many can only be lost. Where
    three quarters could certify nothing even without a loss, and more of them could, as many test.
    A single candidate leaves nothing to choose. Nothing here depends on what was saved or lost.

    Args:
        studies: S.
        candidates: R.
        risk, confidence: as asked.
        seed: where the permutation comes from.
        whole: whether every loss is 0 or 1.

    Returns:
        Positions of the studies that choose, ascending. int64 [n]
    """
    if candidates == 1:
        return np.empty(0, dtype=np.int64)
    test = studies - max(1, studies // 4)
    for least in (loss_free_studies(risk, confidence), loss_free_on_average(risk)):
        if studies > least:
            test = max(test, least)
            break
    lost = losses_allowed(test, risk, confidence)
    if whole and lost >= 0:
        test = studies_allowing(lost, risk, confidence, range(studies - studies // 2, test + 1))
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(0, 4)))
    return np.sort(rng.permutation(studies)[: studies - test])


def safe_to_bold(design: Judged) -> list[int]:
    """The candidates worth a test, from the safest to the one that saves most.

    They are taken in the order of their risk, of equal risks in that of how near they came to a
    loss, and of equals there in that of what they save; each that saves more than all before it
    stays. The others lose at least as much and save no more. To fix the sequence on studies of its
    own is the split fixed sequence testing of Learn then Test, arXiv 2110.01052; to take the front
    of what is saved and lost is from Laufer-Goldshtein, Fisch, Barzilay and Jaakkola, arXiv
    2210.07913.

    Args:
        design: the studies that choose. Without any the candidates stay in their order.

    Returns:
        Positions of candidates; those that save nothing are left out.
    """
    if not len(design.saved):
        return list(range(design.saved.shape[1]))
    saved, lost, near = (table.mean(axis=0) for table in vars(design).values())
    most, kept = 0.0, []
    for at in np.lexsort((saved, near.round(12), lost.round(12))).tolist():
        if saved[at] > most:
            most = float(saved[at])
            kept.append(at)
    return kept


@dataclass(frozen=True)
class SequenceTest:
    """What the tests of a sequence say.

    Attributes:
        p: p-values of its candidates up to the first that is not certified, that one included.
        certified: how many are certified: all before that one.
    """

    p: tuple[float, ...]
    certified: int


def certify_in_sequence(
    lost: Float64, sequence: Sequence[int], risk: float, confidence: float, *, whole: bool
) -> SequenceTest:
    """Test "the risk is above what was asked" for each candidate, until one test fails.

    Each test has the level 1 - confidence, none of it is shared out: the chance that any candidate
    is certified whose risk is above the asked one is at most that level, since the first such
    candidate of the sequence must be (Theorem 1 of Learn then Test, arXiv 2110.01052, with
    its fixed sequence testing). So any certified candidate may be taken, the boldest too.

    Args:
        lost: float64 [n, R], the losses of the studies that test.
        sequence: positions of candidates, chosen without these studies.
        risk, confidence: as asked.
        whole: whether every loss can only be 0 or 1, whatever the study, so that the binomial
            p-value is exact; else it is that of Hoeffding and Bentkus.
    """
    studies, p_of = len(lost), binomial_p if whole else hoeffding_bentkus_p
    told: list[float] = []
    for at in sequence:
        told.append(p_of(float(lost[:, at].sum()), studies, risk))
        if told[-1] > 1.0 - confidence + 1e-12:
            return SequenceTest(tuple(told), len(told) - 1)
    return SequenceTest(tuple(told), len(told))


def on_average(lost: Float64, sequence: Sequence[int], risk: float) -> int:
    """How far along a sequence the risk is bounded on average: conformal risk control.

    Losses are made monotone: a study counts with the largest loss of the candidates up to each. The
    boldest is taken for which (their sum + 1) / (n + 1) <= risk. Then the loss of a new study,
    exchangeable with the n, under the candidate that is taken is at most the risk in the mean over
    the new study and over the n (Angelopoulos, Bates, Fisch, Lei and Schuster, arXiv 2208.02814,
    Theorem 1, with B = 1 and the loss made monotone). That is weaker than a certificate: nothing is
    said of how often the n studies are such that the risk is higher.

    Args:
        lost: float64 [n, R], the losses of the studies that test.
        sequence: positions of candidates, chosen without these studies.
        risk: as asked.

    Returns:
        How many candidates of the sequence are within it.
    """
    monotone = np.maximum.accumulate(lost[:, list(sequence)], axis=1)
    bound = (monotone.sum(axis=0) + 1.0) / (len(lost) + 1)
    return int((bound <= risk + 1e-12).sum())


@dataclass(frozen=True)
class LearnedAndTested:
    """What S studies say of R candidates.

    Attributes:
        testing: positions of the studies that test. int64 [n]
        sequence: positions of the candidates that are worth a test, from safe to bold.
        test: what the tests say.
        bounded: how many candidates of the sequence are bounded on average.
    """

    testing: Int64
    sequence: tuple[int, ...]
    test: SequenceTest
    bounded: int


def learn_then_test(
    table: Judged, choosing: Int64, risk: float, confidence: float, *, whole: bool
) -> LearnedAndTested:
    """Choose a sequence on some studies, and test it on all others.

    Args:
        table: what the candidates saved and lost in each study.
        choosing: positions of the studies that choose, as of `choosing_studies`; none: the
            candidates stand in their sequence already.
        risk, confidence: as asked.
        whole: as in `certify_in_sequence`.
    """
    testing = np.setdiff1d(np.arange(len(table.lost)), choosing)
    sequence, lost = safe_to_bold(table.of(choosing)), table.lost[testing]
    return LearnedAndTested(
        testing=testing,
        sequence=tuple(sequence),
        test=certify_in_sequence(lost, sequence, risk, confidence, whole=whole),
        bounded=on_average(lost, sequence, risk),
    )
