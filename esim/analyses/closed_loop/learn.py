"""The surrogate learned and held against what it has not seen; what it cannot learn is refused."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np

from esim.analyses.closed_loop.extra import library
from esim.analyses.closed_loop.same_problem import pooled, repeated, whole_trials
from esim.analyses.closed_loop.space import space_of
from esim.analyses.closed_loop.surrogate import Surrogate, fit, on_grid
from esim.errors import EsimError
from esim.results.closed_loop import LearnedLog, SurrogateQuality
from esim.study import Float64, Int64, Study
from esim.study.facts import cut_short, reporting

LEAST_TRIALS = 20
MOST_CUT_SHORT = 0.25  # of the trials
LEAST_CORRELATION = 0.3
# Of so large a rank correlation among n trials that have nothing to do with each other the chance
# is about 1 in 100: it is nearly normal, with variance 1 / (n - 1).
_CHANCE_QUANTILE = 2.326
_BAND = 0.9
# Never none: draws of nothing but recorded curves would have no value better than the best one. A
# quarter widens what is drawn by 3 % (a smoothed bootstrap, Silverman and Young 1987).
_NOISES = (0.25, 0.5, 0.75, 1.0)
_DRAWS = 400  # with which each held-out trial is compared


def learned(
    studies: Sequence[Study], leave_out: Sequence[str], seed: int
) -> tuple[Surrogate, SurrogateQuality]:
    """The surrogate of studies' problem, and how well it predicts trials that it has not seen.

    Args:
        studies: of one problem, at least one; all their trials are learned from.
        leave_out: hyperparameters that are no part of the space.
        seed: of the forest.

    Raises:
        EsimError: the studies cannot be learned from: they are not of one problem, they have no
            configurations, too few trials that ran to their end, or curves that do not depend
            enough on the configurations.
    """
    for one in studies:
        _check_whole(one)
    study = pooled(studies, leave_out)
    space, positions = space_of(study, leave_out)
    where = f"study {study.name!r}"
    whole = whole_trials(study)
    whole = whole[~repeated(studies)[whole]]
    if len(whole) < LEAST_TRIALS:
        raise EsimError(
            f"{len(whole)} trials with a value ran to their end, and at least {LEAST_TRIALS} are "
            "needed",
            where=where,
            why="from fewer it cannot be told whether a surrogate predicts anything",
            fix="esim estimate needs no surrogate; it forecasts from few trials",
        )
    surrogate, quality = _held_out(fit(study, whole, space, positions, seed), study.n_trials)
    least = least_correlation(len(whole))
    if not quality.rank_correlation >= least:
        raise EsimError(
            "the surrogate does not predict the trials that it has not seen",
            where=where,
            why=f"rank correlation of their final values {quality.rank_correlation:.2f}, and below "
            f"{least:.2f} it may be chance; its curves have {100 * quality.curve_error:.0f} % of "
            "the error of the mean curve. The configurations may not tell how a trial turns out, "
            f"or {len(whole)} trials are too few to learn it",
            fix="esim estimate, which does not use configurations, or the log of a longer job",
        )
    if len(studies) > 1:
        logs = tuple(_of_each(surrogate, studies, leave_out, seed))
        quality = dataclasses.replace(quality, logs=logs)
    return surrogate, quality


def _check_whole(study: Study) -> None:
    """Raise EsimError for a study of which many trials were cut short."""
    has_value, cut = reporting(study), cut_short(study)
    if len(has_value) and cut[has_value].mean() > MOST_CUT_SHORT:
        raise EsimError(
            f"{cut.sum()} of {len(has_value)} trials were cut short when they were recorded",
            where=f"study {study.name!r}",
            why="how a trial would have ended that was stopped is not recorded, and the trials "
            "that ran to their end are no fair sample of all",
            fix="the log of a job that ran with early stopping off",
        )


def _of_each(
    surrogate: Surrogate, studies: Sequence[Study], leave_out: Sequence[str], seed: int
) -> Iterator[LearnedLog]:
    """How the trials of each study are predicted from all studies, and from their own alone."""
    its, told = _predicted_finals(surrogate, surrogate.donors())
    finals = surrogate.finals()
    begin = 0
    for study in studies:
        own = (surrogate.trials[told] >= begin) & (surrogate.trials[told] < begin + study.n_trials)
        begin += study.n_trials
        yield LearnedLog(
            study=study.name,
            trials=int(own.sum()),
            rank_correlation=_known(_rank_correlation(its[own], finals[told][own])),
            alone=_alone(study, leave_out, seed),
        )


def _alone(study: Study, leave_out: Sequence[str], seed: int) -> float | None:
    """The rank correlation of a surrogate of one study; None if it has too few trials for one."""
    whole = whole_trials(study)
    if len(whole) < LEAST_TRIALS:
        return None
    try:
        space, positions = space_of(study, leave_out)
    except EsimError:  # none varies within the study
        return None
    grown = fit(study, whole, space, positions, seed)
    its, told = _predicted_finals(grown, grown.donors())
    return _known(_rank_correlation(its, grown.finals()[told]))


def _predicted_finals(grown: Surrogate, donors: Int64) -> tuple[Float64, Int64]:
    """Final scores predicted by trees that had not seen a trial, float64 [m], and which trials."""
    finals, known = grown.finals(), donors >= 0
    told = np.flatnonzero(known.any(axis=1))
    return np.array([finals[donors[i][known[i]]].mean() for i in told]), told


def least_correlation(trials: int) -> float:
    """The rank correlation below which a surrogate of so many trials is refused."""
    return float(max(LEAST_CORRELATION, _CHANCE_QUANTILE / np.sqrt(trials - 1)))


def _held_out(grown: Surrogate, recorded: int) -> tuple[Surrogate, SurrogateQuality]:
    """The surrogate with its noise settled, and its quality on trials that trees had not seen."""
    donors, finals = grown.donors(), grown.finals()
    curves = np.stack([on_grid(scores) for scores in grown.scores])
    known = donors >= 0
    told = np.flatnonzero(known.any(axis=1))
    predicted = np.stack([curves[donors[i][known[i]]].mean(axis=0) for i in told])
    others = (curves.sum(axis=0) - curves[told]) / (len(curves) - 1)
    error = np.abs(curves[told] - predicted).mean()
    error_of_mean = np.abs(curves[told] - others).mean()
    error_finals = np.array([errors[-1] for errors in grown.errors])
    coverages = [_coverage(noise, donors, finals, error_finals) for noise in _NOISES]
    # The least noise of those whose band comes as near as any to what it should hold.
    at = int(np.argmin([round(abs(coverage - _BAND), 6) for coverage in coverages]))
    seconds = np.array([c.elapsed[-1] if c.elapsed is not None else np.nan for c in grown.curves])
    predicted_s = np.array([seconds[donors[i][known[i]]].mean() for i in told])
    quality = SurrogateQuality(
        trials=len(grown.trials),
        left_out=recorded - len(grown.trials),
        hyperparameters=tuple(d.name for d in grown.space.dimensions),
        constant=grown.space.constant,
        filled=dict(grown.space.filled),
        rank_correlation=_rank_correlation(predicted[:, -1], finals[told]),
        least_correlation=least_correlation(len(grown.trials)),
        curve_error=float(error / error_of_mean) if error_of_mean > 0 else 1.0,
        seconds_correlation=_known(_rank_correlation(predicted_s, seconds[told])),
        band=_BAND,
        band_holds=coverages[at],
        noise=_NOISES[at],
        not_a_number=int((~np.isfinite(grown.study.values)).sum()),
        logs=(),
    )
    return dataclasses.replace(grown, noise=_NOISES[at]), quality


def _coverage(noise: float, donors: Int64, finals: Float64, errors: Float64) -> float:
    """Of trials not seen, the share whose final score lies in the central band of their draws."""
    rng = np.random.default_rng(0)
    held = []
    for i, row in enumerate(donors):
        known = row[row >= 0]
        if not len(known):
            continue
        drawn = finals[rng.choice(known, _DRAWS)] + noise * rng.choice(errors, _DRAWS)
        low, high = np.quantile(drawn, [(1 - _BAND) / 2, (1 + _BAND) / 2])
        held.append(low <= finals[i] <= high)
    return float(np.mean(held))


def _rank_correlation(a: Float64, b: Float64) -> float:
    """Spearman's; 0 where one side is the same throughout, NaN where it is unknown."""
    if np.isnan(a).any() or np.isnan(b).any():
        return float("nan")
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return 0.0
    return float(library("scipy.stats").spearmanr(a, b).statistic)


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value
