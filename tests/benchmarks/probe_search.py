"""Searches the curves of `esim probe`.

`python -m tests.benchmarks.probe_search ROUNDS STEPS SEED > esim/probe/design.json`

The score of a design is how many pairs of rules it does not tell apart that differ in the answer to
one question, with two schedules of the job that runs four at a time, and a little for each epoch.
A round counts all pairs, and then goes so many steps on a sample of them that is drawn by question,
mostly of pairs not yet told apart. A step changes a curve, and is kept if the score is no worse.
Most steps take a pair that is not told apart, find the reports at which the two rules hold some
value against different limits, and put a value between these.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

import esim
from esim.assumptions import Clock, Costs
from esim.probe.design import Design, ProbeJob
from esim.rules import Rule
from esim.rules.candidates import Candidate, answers, combinations
from esim.simulator.plan.build import prepare
from esim.simulator.run import run_once
from esim.study import Float64
from tests.benchmarks.probe_service import (
    EPOCH_S,
    GAP_S,
    LETTERS,
    UPLOAD_S,
    Reports,
    Services,
    same_on_every_input,
    study_of,
)

Pairs = NDArray[np.int64]  # [K, 2]

JOBS = 30  # of a grid; more values of a hyperparameter are not allowed
LENGTHS = (3, 14)  # epochs of a job, from and to
# The first jobs are long at the start: what a share of completed jobs' length is shows only once
# several have completed that are longer than ten epochs.
FIRST, LONG, SHORT = 11, (11, 13), (3, 9)
MOST_EPOCHS = 280  # of the jobs of a grid together
LEAST = 0.25  # of all values
WORKERS = (1, 4)
EACH_TOLD, EACH_UNTOLD = 25, 75  # pairs of a sample, for each question
HARD = {"J": 2.0, "O": 1.5}  # weights of questions; others 1
PER_EPOCH = 1.0
LOOKS = 8  # curves in which a place for a value is looked for


def random_curve(rng: np.random.Generator, lengths: tuple[int, int] = LENGTHS) -> Reports:
    """A curve of few different values, so that many rules meet at ties; some epochs left out."""
    length = int(rng.integers(lengths[0], lengths[1] + 1))
    level = float(rng.integers(8, 25)) / 8
    values = np.full(length, level)
    for _ in range(int(rng.integers(0, 4))):
        at = int(rng.integers(0, length))
        values[at:] += float(rng.integers(-8, 9)) / 8
    if rng.random() < 0.3:
        values += rng.integers(-2, 3, length) / 8
    values = np.maximum(values, LEAST)
    if rng.random() < 0.4:
        values[int(rng.integers(0, length)) :] *= 1 + 5e-7
    kept = np.ones(length, dtype=bool)
    if rng.random() < 0.4:
        kept = rng.random(length) < 0.7
        kept[-1] = True
    epochs = np.arange(1, length + 1)
    return tuple(
        (int(e), round(float(v), 9)) for e, v in zip(epochs[kept], values[kept], strict=True)
    )


def changed(curves: Sequence[Reports], rng: np.random.Generator) -> list[Reports]:
    """Curves of which one is another, or ends or begins elsewhere, or two swapped."""
    found = list(curves)
    at = int(rng.integers(len(found)))
    rows = list(found[at])
    begin = int(rng.integers(len(rows)))
    kind = rng.random()
    if kind < 0.25:
        found[at] = random_curve(rng)
    elif kind < 0.45:
        by = float(rng.integers(-4, 5)) / 8
        by = by or 5e-7 * rows[begin][1]
        found[at] = tuple(
            (e, round(max(v + by, LEAST), 9) if i >= begin else v) for i, (e, v) in enumerate(rows)
        )
    elif kind < 0.6:
        other = int(rng.integers(len(found)))
        found[at], found[other] = found[other], found[at]
    elif kind < 0.7:
        found[at] = found[int(rng.integers(len(found)))]
    elif kind < 0.85:
        if len(rows) > 2:
            del rows[begin]
        found[at] = tuple(rows)
    else:
        last = min(rows[-1][0] + int(rng.integers(1, 5)), LENGTHS[1])
        more = range(rows[-1][0] + 1, last + 1)
        found[at] = (*rows, *((epoch, rows[-1][1]) for epoch in more))
    return found


def _limits(curves: Sequence[Reports], workers: int, late: Sequence[float], rule: Rule) -> Float64:
    """The values above which each report ends its job, as things stand. [E]

    inf: none does, or too few reports follow for the job to be stopped; NaN: it is not made.
    """
    study = study_of(curves, workers, late)
    plan = prepare(study, rule)
    costs = Costs(upload_s=UPLOAD_S, slot_gap_s=GAP_S)
    trace = run_once(plan, Clock("simulated", workers), costs, traced=True).trace
    limit = trace[:, 0] + rule.tolerance * np.abs(trace[:, 0])
    found = np.full(len(limit), np.inf)
    for trial in range(study.n_trials):
        its = plan.judgements(trial)
        values = plan.values[its]
        for k, at in enumerate(range(its.start, its.stop - 1 - rule.delay)):
            if np.isnan(plan.own[at]) or np.isnan(limit[at]):
                continue
            if rule.own == "average":
                found[at] = (k + 1) * limit[at] - values[:k].sum()
            elif rule.own == "current" or k == 0 or values[:k].min() > limit[at]:
                found[at] = limit[at]
    found[np.isnan(trace[:, 1])] = np.nan
    return found


def between(
    curves: Sequence[Reports],
    workers: int,
    late: Sequence[float],
    pair: tuple[Rule, Rule],
    rng: np.random.Generator,
) -> list[Reports] | None:
    """Curves of which one has a value that two rules, which did the same so far, judge otherwise.

    None: there is no place for one.
    """
    one, two = (_limits(curves, workers, late, rule) for rule in pair)
    low, high = np.minimum(one, two), np.maximum(one, two)
    places = np.flatnonzero((high > low) & (high > LEAST) & (low < 8.0))
    if not len(places):
        return None
    place = int(rng.choice(places))
    bottom = max(low[place], LEAST)
    top = high[place] if np.isfinite(high[place]) else bottom + float(rng.integers(1, 9)) / 4
    value = round(float(bottom + (top - bottom) * rng.choice([0.5, 0.5, 0.25, 0.75])), 9)
    if not low[place] < value <= high[place]:
        return None
    found, job = list(curves), 0
    while place >= len(found[job]):
        place -= len(found[job])
        job += 1
    upto = len(found[job]) if rng.random() < 0.3 else place + 1
    found[job] = tuple(
        (e, value if place <= i < upto else v) for i, (e, v) in enumerate(found[job])
    )
    return found


def neighbours(candidates: Sequence[Candidate]) -> tuple[Pairs, NDArray[np.int64]]:
    """Pairs of candidates that answer one question otherwise, and are not the same throughout.

    Returns:
        the pairs [K, 2], and the number of the question of each [K].
    """
    place = {one.codes: at for at, one in enumerate(candidates)}
    rules = [same_on_every_input(one).rule for one in candidates]
    pairs, asked_of = [], []
    for column, letter in enumerate(LETTERS):
        for at, one in enumerate(candidates):
            for code in answers(letter):
                other = place.get((*one.codes[:column], code, *one.codes[column + 1 :]), -1)
                if other > at and rules[at] != rules[other]:
                    pairs.append((at, other))
                    asked_of.append(column)
    return np.array(pairs), np.array(asked_of)


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

    def epochs(self, curves: Sequence[Reports]) -> int:
        """How long the jobs take."""
        return sum(rows[-1][0] for rows in curves)

    def equal(
        self, turn: int, curves: Sequence[Reports], of: Services, pairs: Pairs, schedule: int = 0
    ) -> NDArray[np.bool_]:
        """Whether a grid does not tell each pair apart. [K]"""
        rows = of.records(curves, WORKERS[turn], late=self.late[schedule] if turn else ())
        return np.asarray((rows[pairs[:, 0]] == rows[pairs[:, 1]]).all(axis=1))

    def sample(self, untold: NDArray[np.bool_]) -> tuple[NDArray[np.int64], Float64]:
        """Some pairs of all, and what each stands for. untold [schedules, K]"""
        chosen, weights = [], []
        for column, letter in enumerate(LETTERS):
            for hit, most in ((True, EACH_UNTOLD), (False, EACH_TOLD)):
                those = np.flatnonzero((self.question == column) & (untold.any(axis=0) == hit))
                its = self.rng.permutation(those)[:most]
                chosen.append(its)
                each = HARD.get(letter, 1.0) * len(those) / max(len(its), 1)
                weights.append(np.full(len(its), each))
        return np.concatenate(chosen), np.concatenate(weights)

    def round(self, steps: int) -> None:
        """Count all pairs, then go some steps on a sample of them."""
        grids = ((0, 0), *((1, schedule) for schedule in range(len(self.late))))
        equal = np.array([self.equal(t, self.curves[t], self.all, self.pairs, s) for t, s in grids])
        untold = equal[0] & equal[1:]
        self.tell(untold)
        chosen, weights = self.sample(untold)
        its, where = np.unique(self.pairs[chosen], return_inverse=True)
        pairs = where.reshape(-1, 2)
        services = Services([self.rules[at] for at in its.tolist()])
        kept = equal[:, chosen]
        best = self.score(kept, weights, self.curves)
        for _ in range(steps):
            trial = self.proposed(kept, weights, self.pairs[chosen])
            if trial is None or self.epochs(trial[1]) > MOST_EPOCHS:
                continue
            turn, curves = trial
            both, found = list(self.curves), kept.copy()
            both[turn] = curves
            for at, (grid, schedule) in enumerate(grids):
                if grid == turn:
                    found[at] = self.equal(turn, curves, services, pairs, schedule)
                    if self.score(found[:2], weights, both) > self.score(
                        kept[:2], weights, self.curves
                    ):
                        break  # with the first schedule already
            else:
                score = self.score(found, weights, both)
                if score <= best:
                    best, kept, self.curves = score, found, both

    def score(
        self, equal: NDArray[np.bool_], weights: Float64, curves: Sequence[Sequence[Reports]]
    ) -> float:
        """The estimated number of pairs not told apart, weighted, and a little for each epoch.

        equal: bool [1 + schedules, K], whether the first grid, and the second with each schedule,
        does not tell each pair apart.
        """
        untold = (equal[0] & equal[1:]).mean(axis=0)
        return float(untold @ weights) + PER_EPOCH * sum(map(self.epochs, curves))

    def proposed(
        self, equal: NDArray[np.bool_], weights: Float64, pairs: Pairs
    ) -> tuple[int, list[Reports]] | None:
        """A grid and what its curves might be; None: nothing came to mind."""
        rng = self.rng
        untold = equal[0] & equal[1:]
        if rng.random() < 0.35 or not untold.any():
            turn = int(rng.integers(2))
            return turn, changed(self.curves[turn], rng)
        schedule = int(rng.integers(len(self.late)))
        if not untold[schedule].any():
            return None
        its = np.flatnonzero(untold[schedule])
        odds = weights[its]
        pair = pairs[int(rng.choice(its, p=odds / odds.sum()))].tolist()
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

    def tell(self, untold: NDArray[np.bool_]) -> None:
        """Say how far it has come."""
        by = ", ".join(
            f"{letter} {' '.join(str(u[self.question == column].sum()) for u in untold)}"
            for column, letter in enumerate(LETTERS)
        )
        epochs = [self.epochs(c) for c in self.curves]
        print(f"{untold.sum(axis=1)} untold ({by}), epochs {epochs}", file=sys.stderr, flush=True)


def search(rounds: int, steps: int, seed: int) -> list[list[Reports]]:
    """Curves for one job at a time and for four."""
    rng = np.random.default_rng(seed)
    curves = [
        [random_curve(rng, LONG if number < FIRST else SHORT) for number in range(JOBS)]
        for _ in WORKERS
    ]
    late = tuple(rng.uniform(0.0, 90.0, JOBS).round(1).tolist())
    found = Search(curves, rng, ((), late))
    for _ in range(rounds):
        found.round(steps)
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
    print(dump(design(*search(*map(int, sys.argv[1:4])))))
