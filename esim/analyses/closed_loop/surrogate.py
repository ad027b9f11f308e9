"""A surrogate of the user's own problem: which recorded curve a configuration would be like.

Each tree of a random forest is grown on four fifths of the trials, drawn at random without repeats,
until its leaves hold one trial, so that it names for any configuration the trial that it takes for
alike: the donor. One tree is one draw of the problem: its donors' curves and times, whole as they
were recorded, plus the error curve of a donor of a trial that the tree had not seen, scaled so that
what is predicted spreads as recorded trials do. The same configuration has the same curve
throughout a draw.

Sources: random forests as surrogate benchmarks, Eggensperger, Hutter, Hoos, Leyton-Brown, AAAI
2015; of curves, Klein, Dai, Hutter, Lawrence, Gonzalez 2019, arXiv:1905.12982 (there with a neural
network). That the trials in a tree's leaf are draws of the conditional distribution: Meinshausen
2006, Quantile Regression Forests, JMLR 7:983. Samples without repeats (Buhlmann and Yu 2002, Annals
of Statistics 30:927) leave more trials to be donors than bootstrap samples do, four fifths in place
of 63 %: a best trial that is no donor cannot be found.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from esim.analyses.closed_loop.extra import library
from esim.analyses.closed_loop.problem import Curve, recorded_curve
from esim.analyses.closed_loop.scores import Scale
from esim.analyses.closed_loop.space import Space
from esim.study import Float64, Int64, Study
from esim.study.times import durations

TREES = 200
SEEN = 0.8  # of the trials, by each tree
GRID = 16  # places along a curve, evenly spaced over its reports, by which trees are grown
_TIME_WEIGHT = 0.25  # of a trial's seconds in growing trees; the places of its curve have 1


class Tree(NamedTuple):
    """One tree of the forest, M nodes; as lists, which are walked faster than arrays."""

    feature: list[int]  # [M] the feature that splits a node; negative: it is a leaf
    threshold: list[float]  # [M]
    left: list[int]  # [M] where features at most the threshold go
    right: list[int]  # [M]
    donor: list[int]  # [M] the trial in a leaf; -1 elsewhere
    seen: NDArray[np.bool_]  # [n] whether the tree was grown on the trial

    def find(self, features: list[float]) -> int:
        """The donor of a configuration, whose features are given in single precision."""
        node = 0
        while self.feature[node] >= 0:
            low = features[self.feature[node]] <= self.threshold[node]
            node = self.left[node] if low else self.right[node]
        return self.donor[node]


@dataclass(frozen=True)
class Surrogate:
    """What was learned from n trials of a study that ran to their end.

    Attributes:
        study: the trials as recorded.
        trials: int64 [n], their positions in it.
        space: the search space.
        positions: float64 [n, D], in the space.
        scale: of values, lower ones better.
        forest: its trees.
        curves: of each trial. [n]
        scores: float64 arrays, of each trial the scores of its reports. [n]
        errors: of each trial the scores of its reports minus those of its donor in a tree that
            had not seen it. [n]
        noise: by what the errors are scaled in a draw.
    """

    study: Study
    trials: Int64
    space: Space
    positions: Float64
    scale: Scale
    forest: tuple[Tree, ...]
    curves: tuple[Curve, ...]
    scores: tuple[Float64, ...]
    errors: tuple[Float64, ...]
    noise: float = 0.0

    def finals(self) -> Float64:
        """The score of each trial's last report, float64 [n]."""
        return np.array([scores[-1] for scores in self.scores])

    def donors(self) -> Int64:
        """The donor of each trial in each tree that had not seen it, int64 [n, T]; -1: it had."""
        features = self.space.features(self.positions).tolist()
        found = np.full((len(self.trials), len(self.forest)), -1, dtype=np.int64)
        for t, tree in enumerate(self.forest):
            for i in np.flatnonzero(~tree.seen):
                found[i, t] = tree.find(features[i])
        return found


def fit(study: Study, trials: Int64, space: Space, positions: Float64, seed: int) -> Surrogate:
    """Grow the forest.

    Args:
        study: the recorded trials.
        trials: int64 [n], those to learn from; each ran to its end, with a value.
        space: the search space.
        positions: float64 [N, D], of all trials of the study.
        seed: of the samples.

    Raises:
        EsimError: scikit-learn is not installed.
    """
    reported = [study.values[study.offsets[i] : study.offsets[i + 1]] for i in trials]
    scale = Scale.of(study.sign * np.concatenate(reported))
    scores = tuple(scale.to_scores(study.sign * values) for values in reported)
    forest = _grow(space.features(positions[trials]), _targets(study, trials, scores), seed)
    curves = tuple(recorded_curve(study, int(i)) for i in trials)
    its = positions[trials]
    grown = Surrogate(study, trials, space, its, scale, forest, curves, scores, ())
    first = [row[row >= 0][:1] for row in grown.donors()]
    errors = tuple(
        _error(curves[i], scores[i], curves[d[0]], scores[d[0]])
        if len(d)
        else np.zeros_like(scores[i])
        for i, d in enumerate(first)
    )
    return Surrogate(study, trials, space, its, scale, forest, curves, scores, errors)


def on_grid(scores: Float64) -> Float64:
    """A curve's scores at `GRID` places, evenly spaced over its reports. float64 [GRID]"""
    at = np.linspace(0, len(scores) - 1, GRID)
    return np.interp(at, np.arange(len(scores)), scores)


def _targets(study: Study, trials: Int64, scores: tuple[Float64, ...]) -> Float64:
    """What trees are grown by: curves, and log seconds where they differ. [n, GRID or + 1]"""
    curves = np.stack([on_grid(one) for one in scores])
    seconds = np.log(np.maximum(durations(study)[trials], 1e-9))
    spread = float(seconds.std())
    if spread == 0.0:
        return curves
    weight = np.sqrt(_TIME_WEIGHT * GRID)
    return np.column_stack((curves, weight * (seconds - seconds.mean()) / spread))


def _grow(features: NDArray[np.float32], targets: Float64, seed: int) -> tuple[Tree, ...]:
    regressor = library("sklearn.tree").DecisionTreeRegressor
    rng, n = np.random.default_rng(seed), len(features)
    forest = []
    for _ in range(TREES):
        rows = rng.permutation(n)[: round(SEEN * n)]
        grown = regressor(random_state=int(rng.integers(2**31))).fit(features[rows], targets[rows])
        tree = grown.tree_
        donor = np.full(tree.node_count, -1, dtype=np.int64)
        donor[grown.apply(features[rows])] = rows  # of several that are alike, the last
        seen = np.zeros(n, dtype=np.bool_)
        seen[rows] = True
        forest.append(
            Tree(
                feature=tree.feature.tolist(),
                threshold=tree.threshold.tolist(),
                left=tree.children_left.tolist(),
                right=tree.children_right.tolist(),
                donor=donor.tolist(),
                seen=seen,
            )
        )
    return tuple(forest)


def _error(curve: Curve, scores: Float64, donor: Curve, donors: Float64) -> Float64:
    """The scores of a trial's reports minus its donor's at the same steps."""
    return scores - np.interp(curve.steps, donor.steps, donors)


@dataclass(frozen=True)
class Draw:
    """One draw of the problem. `esim.analyses.closed_loop.problem.Problem` is what it does.

    Attributes:
        surrogate: of which it is a draw.
        tree: whose donors it takes.
        other: the tree that names the trial whose error is added.
        swap: int64 [n], which trial's error stands for whose.
    """

    surrogate: Surrogate
    tree: Tree
    other: Tree
    swap: Int64

    @classmethod
    def of(cls, surrogate: Surrogate, rng: np.random.Generator) -> Draw:
        """Another draw from a generator."""
        tree, other = rng.choice(len(surrogate.forest), size=2, replace=False)
        swap = rng.permutation(len(surrogate.trials))
        return cls(surrogate, surrogate.forest[tree], surrogate.forest[other], swap)

    def run(self, position: Float64) -> tuple[Float64, Curve]:
        """See `Problem.run`."""
        its = self.surrogate
        features = its.space.features(position).tolist()
        donor = self.tree.find(features)
        curve, scores = its.curves[donor], its.scores[donor]
        if its.noise:
            other = self.swap[self.other.find(features)]
            error = np.interp(curve.steps, its.curves[other].steps, its.errors[other])
            scores = scores + its.noise * error
        values = its.study.sign * its.scale.to_values(scores)
        return position, curve._replace(values=values)
