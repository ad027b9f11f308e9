"""What proposes the next configuration: a searcher is asked for a position and told values.

SageMaker's own Bayesian search is not public, so two stand for it: Optuna's tree-structured Parzen
estimator, and a Gaussian process of scikit-learn's with expected improvement, as in Snoek,
Larochelle, Adams 2012, NeurIPS. Both draw their first ten positions at random.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from esim.analyses.closed_loop.extra import library
from esim.analyses.closed_loop.space import Space
from esim.errors import EsimError
from esim.study import Float64

STARTUP = 10  # positions drawn at random before a searcher learns
_CANDIDATES = 200  # among which the Gaussian process chooses, and as many near the best
_NEAR = 0.05  # the standard deviation of those, of the range of a dimension
_REFIT = 1.5  # the kernel is fitted anew when there are so many times as many values
_STEPS = 25  # of the optimizer, at most


class Searcher(Protocol):
    """Proposes positions, one trial after another. Values are oriented so that lower is better."""

    def ask(self) -> Float64:
        """The position of the next trial. float64 [D]"""
        ...

    def started(self, trial: int, position: Float64) -> None:
        """The trial that was asked for runs at this position."""
        ...

    def tell(self, trial: int, value: float) -> None:
        """A trial has ended with a value, finite."""
        ...

    def drop(self, trial: int) -> None:
        """A trial has ended, and nothing is told of it."""
        ...


class RandomSearcher:
    """Draws evenly, whatever it is told."""

    def __init__(self, space: Space, seed: int, workers: int) -> None:
        self._space, self._rng = space, np.random.default_rng(seed)

    def ask(self) -> Float64:
        """See `Searcher`."""
        position: Float64 = self._space.drawn(self._rng, 1)[0]
        return position

    def started(self, trial: int, position: Float64) -> None:
        """See `Searcher`."""

    def tell(self, trial: int, value: float) -> None:
        """See `Searcher`."""

    def drop(self, trial: int) -> None:
        """See `Searcher`."""


class TpeSearcher:
    """Optuna's TPESampler with its defaults; with workers, it takes trials that run to end badly.

    Raises:
        EsimError: Optuna is not installed.
    """

    def __init__(self, space: Space, seed: int, workers: int) -> None:
        self._optuna = optuna = library("optuna")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            sampler = optuna.samplers.TPESampler(
                n_startup_trials=STARTUP, constant_liar=workers > 1, seed=seed
            )
        verbosity = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.ERROR)  # no line for each study
        self._study = optuna.create_study(sampler=sampler)
        optuna.logging.set_verbosity(verbosity)
        self._asked: Any = None
        self._proposed = np.empty(0)
        self._running: dict[int, Any] = {}
        of = optuna.distributions
        self._space = space
        self._dimensions = {
            str(at): of.CategoricalDistribution(tuple(range(len(d.levels))))
            if d.kind == "category"
            else of.FloatDistribution(0.0, 1.0)
            for at, d in enumerate(space.dimensions)
        }

    def ask(self) -> Float64:
        """See `Searcher`."""
        self._asked = self._study.ask(self._dimensions)
        params = self._asked.params
        asked = np.array([float(params[name]) for name in self._dimensions])
        self._proposed = self._space.snapped(asked)
        return self._proposed

    def started(self, trial: int, position: Float64) -> None:
        """See `Searcher`."""
        if not np.array_equal(position, self._proposed):  # another is run, of which Optuna learns
            params = {
                name: int(x) if self._space.dimensions[int(name)].kind == "category" else float(x)
                for name, x in zip(self._dimensions, position, strict=True)
            }
            self._study.tell(self._asked, state=self._optuna.trial.TrialState.FAIL)
            self._study.enqueue_trial(params)
            self._asked = self._study.ask(self._dimensions)
        self._running[trial] = self._asked

    def tell(self, trial: int, value: float) -> None:
        """See `Searcher`."""
        self._study.tell(self._running.pop(trial), value)

    def drop(self, trial: int) -> None:
        """See `Searcher`."""
        self._study.tell(self._running.pop(trial), state=self._optuna.trial.TrialState.FAIL)


class GaussianProcessSearcher:
    """Expected improvement on a Gaussian process of scikit-learn's.

    Its kernel is Matern's with smoothness 5/2 and a length for each feature, plus noise, fitted by
    likelihood when there are half as many values again as at the last fit. Values enter as normal
    scores. A trial that runs counts as one that ends as the process expects (a Kriging believer,
    Ginsbourger, Le Riche, Carraro 2010).

    Raises:
        EsimError: scikit-learn is not installed.
    """

    def __init__(self, space: Space, seed: int, workers: int) -> None:
        self._module = library("sklearn.gaussian_process")
        self._kernels = library("sklearn.gaussian_process.kernels")
        self._ndtri = library("scipy.special").ndtri
        self._normal = library("scipy.stats").norm
        self._rankdata = library("scipy.stats").rankdata
        self._minimize = library("scipy.optimize").minimize
        self._at_bound = library("sklearn.exceptions").ConvergenceWarning
        self._space, self._rng, self._seed = space, np.random.default_rng(seed), seed
        self._told: dict[int, float] = {}
        self._positions: dict[int, Float64] = {}
        self._kernel: Any = None
        self._fitted = 0

    def ask(self) -> Float64:
        """See `Searcher`."""
        if len(self._told) < STARTUP:
            first: Float64 = self._space.drawn(self._rng, 1)[0]
            return first
        known = np.stack([self._positions[trial] for trial in self._told])
        scores = self._scores()
        waiting = [p for trial, p in self._positions.items() if trial not in self._told]
        self._fit_kernel(self._features(known), scores)
        features = self._features(known)
        model = self._model(self._kernel, None).fit(features, scores)
        if waiting:
            running = self._features(np.stack(waiting))
            expected = model.predict(running)
            model.fit(np.concatenate((features, running)), np.append(scores, expected))
        candidates = self._candidates(known[np.argsort(scores, kind="stable")[:5]])
        mean, sd = model.predict(self._features(candidates), return_std=True)
        gap = scores.min() - mean
        ratio = gap / np.maximum(sd, 1e-12)
        improvement = gap * self._normal.cdf(ratio) + sd * self._normal.pdf(ratio)
        found: Float64 = candidates[int(np.argmax(improvement))]
        return found

    def started(self, trial: int, position: Float64) -> None:
        """See `Searcher`."""
        self._positions[trial] = position

    def tell(self, trial: int, value: float) -> None:
        """See `Searcher`."""
        self._told[trial] = value

    def drop(self, trial: int) -> None:
        """See `Searcher`."""
        del self._positions[trial]

    def _features(self, positions: Float64) -> Float64:
        return self._space.features(positions).astype(np.float64)

    def _scores(self) -> Float64:
        values = np.array(list(self._told.values()))
        ranks = self._rankdata(values)
        return np.asarray(self._ndtri((ranks - 0.5) / len(ranks)))

    def _fit_kernel(self, features: Float64, scores: Float64) -> None:
        """Fit the kernel to what was told, where that is enough more than at the last fit."""
        if self._kernel is not None and len(scores) < _REFIT * self._fitted:
            return
        k = self._kernels
        start = k.ConstantKernel(1.0, (0.05, 20.0)) * k.Matern(
            np.full(features.shape[1], 0.5), (0.05, 20.0), nu=2.5
        ) + k.WhiteKernel(0.1, (1e-4, 1.0))
        with warnings.catch_warnings():  # a length at its bound: the feature does not matter
            warnings.simplefilter("ignore", self._at_bound)
            model = self._model(start, self._most_likely).fit(features, scores)
        self._kernel, self._fitted = model.kernel_, len(scores)

    def _most_likely(self, objective: Any, start: Any, bounds: Any) -> tuple[Any, float]:
        """The kernel's parameters, as scikit-learn asks an optimizer for them."""
        found = self._minimize(
            objective, start, method="L-BFGS-B", jac=True, bounds=bounds,
            options={"maxiter": _STEPS},
        )  # fmt: skip
        return found.x, found.fun

    def _model(self, kernel: Any, optimizer: Any) -> Any:
        return self._module.GaussianProcessRegressor(
            kernel, optimizer=optimizer, random_state=self._seed
        )

    def _candidates(self, best: Float64) -> Float64:
        """Positions drawn evenly, and as many near the best. float64 [2 C, D]"""
        far = self._space.drawn(self._rng, _CANDIDATES)
        near = best[self._rng.integers(len(best), size=_CANDIDATES)]
        moved = near + _NEAR * self._rng.standard_normal(near.shape)
        another = (
            self._rng.random(near.shape) < _NEAR
        )  # of a categorical one: at times another level
        for at, dimension in enumerate(self._space.dimensions):
            if dimension.kind == "category":
                moved[:, at] = np.where(another[:, at], far[:, at], near[:, at])
            else:
                moved[:, at] = dimension.snapped(moved[:, at])
        return np.concatenate((far, moved))


_SEARCHERS: dict[str, Callable[[Space, int, int], Searcher]] = {
    "random": RandomSearcher,
    "tpe": TpeSearcher,
    "gp": GaussianProcessSearcher,
}
SEARCHERS = tuple(_SEARCHERS)
LEARNING = ("tpe", "gp")  # those that choose by what they were told


def searcher(name: str, space: Space, seed: int, workers: int) -> Searcher:
    """A searcher of a space.

    Args:
        name: one of `SEARCHERS`.
        space: in which it searches.
        seed: the same seed and the same answers give the same positions.
        workers: how many trials run at once.

    Raises:
        EsimError: there is no such searcher, or its library is not installed.
    """
    if name not in _SEARCHERS:
        raise EsimError(f"no searcher {name!r}", fix="one of: " + ", ".join(SEARCHERS))
    return _SEARCHERS[name](space, seed, workers)
