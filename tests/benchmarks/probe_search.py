"""Searches the curves of `esim probe`.

`python -m tests.benchmarks.probe_search > esim/probe/design.json` found the shipped design, in some
five minutes of one core. With `ROUNDS STEPS MORE SEED` behind it, instead of `FOUND_BY`, it finds
another.

The score of a design is how many pairs of rules it does not tell apart that differ in the answer to
one question, with two schedules of the job that runs four at a time, and a little for each epoch. A
step changes a curve, and is kept if the score is no worse. Most steps take a pair that is not told
apart, find the reports at which the two rules hold some value against different limits, and put a
value between these. Each round goes STEPS steps, scored on a sample of the pairs that is drawn by
question, mostly of pairs not told apart. At last MORE steps are kept only if all pairs agree.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

import esim
from esim.probe.design import Design, ProbeJob
from esim.rules.candidates import combinations
from esim.study import Float64
from tests.benchmarks.probe_curves import LENGTHS, between, changed, random_curve
from tests.benchmarks.probe_service import EPOCH_S, LETTERS, Pairs, Reports, Services, neighbours

FOUND_BY = (5, 250, 1075, 1)
JOBS = 30  # of a grid; more values of a hyperparameter are not allowed
# The first jobs are long at the start: what a share of completed jobs' length is shows only once
# several have completed that are longer than ten epochs.
FIRST, LONG, SHORT = 11, (11, 13), (3, 9)
MOST_EPOCHS = (260, 310)  # of the jobs of each grid together
WORKERS = (1, 4)
EACH_TOLD, EACH_UNTOLD = 25, 75  # pairs of a sample, for each question
HARD = {"J": 2.0, "O": 1.5}  # weights of questions; others 1
PER_EPOCH = 1.0
LOOKS = 8  # curves in which a place for a value is looked for
GRIDS = ((0, 0), (1, 0), (1, 1))  # the grids, by number, and the schedules of each


def epochs(curves: Sequence[Reports]) -> int:
    """How long the jobs of a grid take."""
    return sum(rows[-1][0] for rows in curves)


@dataclass(frozen=True)
class Sample:
    """Some pairs of rules. K of them.

    Attributes:
        at: int64 [K], their numbers among all pairs.
        services: of the rules.
        pairs: int64 [K, 2], the places of the rules among those of the services.
        weights: float64 [K], what each counts.
        equal: bool [3, K], whether each of `GRIDS` does not tell the pair apart.
    """

    at: NDArray[np.int64]
    services: Services
    pairs: Pairs
    weights: Float64
    equal: NDArray[np.bool_]

    @property
    def untold(self) -> NDArray[np.bool_]:
        """Whether no grid tells the pair apart, with each schedule. [2, K]"""
        return self.equal[0] & self.equal[1:]

    def score(self, curves: Sequence[Sequence[Reports]], schedules: int = 2) -> float:
        """The weighted number of pairs not told apart, and a little for each epoch.

        Args:
            curves: of the grids.
            schedules: so many are counted, on average.
        """
        left = self.untold[:schedules].mean(axis=0) @ self.weights
        return float(left) + PER_EPOCH * sum(map(epochs, curves))


@dataclass
class Search:
    """A search under way.

    Attributes:
        curves: of the two grids.
        rng: what it draws from.
        late: the schedules of the second grid: seconds by which each script starts late.
    """

    curves: list[list[Reports]]
    rng: np.random.Generator
    late: tuple[tuple[float, ...], ...]

    def __post_init__(self) -> None:
        self.candidates = combinations(esim.rule("sagemaker"))
        self.pairs, self.question = neighbours(self.candidates)
        self.rules = [one.rule for one in self.candidates]
        self.all = Services(self.rules)

    def whole(self) -> Sample:
        """All pairs, counted."""
        weights = np.array([HARD.get(letter, 1.0) for letter in LETTERS])[self.question]
        equal = [self.equal(turn, self.curves[turn], self.all, self.pairs, s) for turn, s in GRIDS]
        return Sample(np.arange(len(self.pairs)), self.all, self.pairs, weights, np.array(equal))

    def equal(
        self, turn: int, curves: Sequence[Reports], of: Services, pairs: Pairs, schedule: int
    ) -> NDArray[np.bool_]:
        """Whether a grid does not tell each pair apart. [K]"""
        rows = of.records(curves, WORKERS[turn], late=self.late[schedule] if turn else ())
        return np.asarray((rows[pairs[:, 0]] == rows[pairs[:, 1]]).all(axis=1))

    def sample(self, whole: Sample) -> Sample:
        """Some pairs of all, mostly of those that are not told apart."""
        chosen, weights = [], []
        untold = whole.untold.any(axis=0)
        for column in range(len(LETTERS)):
            for hit, most in ((True, EACH_UNTOLD), (False, EACH_TOLD)):
                those = np.flatnonzero((self.question == column) & (untold == hit))
                its = self.rng.permutation(those)[:most]
                chosen.append(its)
                weights.append(whole.weights[its] * len(those) / max(len(its), 1))
        at = np.concatenate(chosen)
        its, where = np.unique(self.pairs[at], return_inverse=True)
        services = Services([self.rules[i] for i in its.tolist()])
        found = np.concatenate(weights)
        return Sample(at, services, where.reshape(-1, 2), found, whole.equal[:, at])

    def tried(self, on: Sample, turn: int, curves: list[Reports], *, better: bool) -> Sample | None:
        """The sample with other curves of a grid; None if its score is worse, or no better."""
        both = list(self.curves)
        both[turn] = curves
        found = replace(on, equal=on.equal.copy())
        for at, (grid, schedule) in enumerate(GRIDS):
            if grid == turn:
                found.equal[at] = self.equal(turn, curves, on.services, on.pairs, schedule)
                if found.score(both, 1) > on.score(self.curves, 1):
                    return None  # with the first schedule already
        new, old = found.score(both), on.score(self.curves)
        return found if new < old or (new == old and not better) else None

    def round(self, whole: Sample, steps: int) -> Sample:
        """Go some steps that are better on a sample; all pairs, counted anew."""
        some = self.sample(whole)
        for _ in range(steps):
            trial = self.proposed(some)
            if trial is not None:
                found = self.tried(some, *trial, better=False)
                if found is not None:
                    some, self.curves[trial[0]] = found, trial[1]
        return self.whole()

    def refine(self, whole: Sample, steps: int) -> Sample:
        """Go some steps that are better on a sample and on all pairs."""
        some = self.sample(whole)
        for number in range(steps):
            trial = self.proposed(some)
            if trial is None or self.tried(some, *trial, better=True) is None:
                continue
            found = self.tried(whole, *trial, better=True)
            if found is not None:
                whole, self.curves[trial[0]] = found, trial[1]
                some = self.sample(whole)
                self.tell(whole, f"{number + 1} steps")
        return whole

    def proposed(self, on: Sample) -> tuple[int, list[Reports]] | None:
        """A grid and what its curves might be; None: nothing came to mind, or it takes too long."""
        found = self._proposed(on)
        return None if found is None or epochs(found[1]) > MOST_EPOCHS[found[0]] else found

    def _proposed(self, on: Sample) -> tuple[int, list[Reports]] | None:
        rng, untold = self.rng, on.untold
        if rng.random() < 0.35 or not untold.any():
            turn = int(rng.integers(2))
            return turn, changed(self.curves[turn], rng)
        schedule = int(rng.integers(len(self.late)))
        if not untold[schedule].any():
            return None
        its = np.flatnonzero(untold[schedule])
        odds = on.weights[its]
        pair = self.pairs[on.at[int(rng.choice(its, p=odds / odds.sum()))]].tolist()
        rules = self.rules[pair[0]], self.rules[pair[1]]
        turn = int(rng.integers(2)) if rules[0].peer_from == rules[1].peer_from else 1
        late = self.late[schedule] if turn else ()
        begun = self.curves[turn]
        for _ in range(LOOKS):
            found = between(begun, WORKERS[turn], late, rules, rng)
            if found is not None:
                return turn, found
            begun = changed(self.curves[turn], rng)
        return None

    def tell(self, whole: Sample, what: str) -> None:
        """Say how far it has come."""
        by = ", ".join(
            f"{letter} {' '.join(str(u[self.question == column].sum()) for u in whole.untold)}"
            for column, letter in enumerate(LETTERS)
        )
        its, left = [epochs(c) for c in self.curves], whole.untold.sum(axis=1)
        print(f"{what}: {left} untold ({by}), epochs {its}", file=sys.stderr, flush=True)


def search(rounds: int, steps: int, more: int, seed: int) -> list[list[Reports]]:
    """Curves for one job at a time and for four."""
    rng = np.random.default_rng(seed)
    curves = [
        [random_curve(rng, LONG if number < FIRST else SHORT) for number in range(JOBS)]
        for _ in WORKERS
    ]
    late = tuple(rng.uniform(0.0, 90.0, JOBS).round(1).tolist())
    found = Search(curves, rng, ((), late))
    whole = found.whole()
    for number in range(rounds):
        found.tell(whole, f"{number} rounds")
        whole = found.round(whole, steps)
    found.rng = np.random.default_rng((seed, 1))
    found.refine(whole, more)
    return found.curves


def design(one: Sequence[Reports], four: Sequence[Reports]) -> Design:
    """The design: the warm-started job runs curves that are worse than all others."""
    worst = 1 + max(value for rows in (*one, *four) for _, value in rows)
    bad = tuple((epoch, worst) for epoch in range(1, LENGTHS[1] + 1))

    def named(letter: str, curves: Sequence[Reports]) -> dict[str, Reports]:
        return {f"{letter}{number:02d}": rows for number, rows in enumerate(curves, 1)}

    return Design(
        EPOCH_S,
        (
            ProbeJob("one", "Grid", 1, None, named("a", one)),
            ProbeJob("four", "Grid", 4, None, named("b", four)),
            ProbeJob("warm", "Random", 1, "one", named("c", [bad, bad])),
        ),
    )


def dump(found: Design) -> str:
    """The design as JSON, a curve a line."""
    text = json.dumps(found.to_dict(), indent=None)
    return (
        text.replace('"curves": {', '"curves": {\n')
        .replace("]], ", "]],\n")
        .replace("}, {", "},\n{")
    )


if __name__ == "__main__":
    print(dump(design(*search(*(map(int, sys.argv[1:5]) if sys.argv[1:] else FOUND_BY)))))
