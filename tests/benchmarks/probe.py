"""Searches the curves of `esim probe`, and counts the pairs of rules that its run tells apart.

`python -m tests.benchmarks.probe search TRIES JOBS SEED > design.json` searches, a few hundred
tries a minute; with `again` behind it, from the shipped design on, which was found in such steps.
`python -m tests.benchmarks.probe > reports/benchmark-probe.md` counts. Every candidate acts as the
service, in the simulated clock. What it does to the jobs is all that `esim identify` can see, and a
candidate is left exactly if it would have done the same: so two candidates are told apart if their
records differ.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Hashable, Sequence
from dataclasses import replace

import numpy as np

import esim
from esim.assumptions import Clock, Costs
from esim.probe.design import Design, ProbeJob, shipped
from esim.probe.sagemaker import minutes
from esim.rules import Rule
from esim.rules.candidates import Candidate, answers, asked, combinations
from esim.simulator.plan.build import CRITERIA, prepare, with_criteria
from esim.simulator.plan.plan import Plan
from esim.simulator.run import run_once
from esim.study import Study
from tests.references.generate import build

Reports = tuple[tuple[int, float], ...]

EPOCH_S, UPLOAD_S, GAP_S = 180, 127.0, 244.0
LENGTHS = (3, 14)  # epochs of a job, from and to
LETTERS = asked(parents=False)
_SHARED = sorted(Rule.__dataclass_fields__.keys() - CRITERIA)


def random_curve(rng: np.random.Generator) -> Reports:
    """A curve of few different values, so that many rules meet at ties; some epochs left out."""
    length = int(rng.integers(LENGTHS[0], LENGTHS[1] + 1))
    level = float(rng.integers(8, 25)) / 8
    values = np.full(length, level)
    for _ in range(int(rng.integers(0, 4))):
        at = int(rng.integers(0, length))
        values[at:] += float(rng.integers(-8, 9)) / 8
    if rng.random() < 0.3:
        values += rng.integers(-2, 3, length) / 8
    values = np.maximum(values, 0.25)
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
    """Curves of which one is another, or has another level from some epoch on, or two swapped."""
    found = list(curves)
    at = int(rng.integers(len(found)))
    kind = rng.random()
    if kind < 0.4:
        found[at] = random_curve(rng)
    elif kind < 0.7:
        rows = list(found[at])
        begin = int(rng.integers(len(rows)))
        by = float(rng.integers(-4, 5)) / 8
        by = by or 5e-7 * rows[begin][1]
        found[at] = tuple(
            (e, round(max(v + by, 0.25), 9) if i >= begin else v) for i, (e, v) in enumerate(rows)
        )
    elif kind < 0.85:
        other = int(rng.integers(len(found)))
        found[at], found[other] = found[other], found[at]
    else:
        rows = list(found[at])
        if len(rows) > 2:
            del rows[int(rng.integers(len(rows)))]
        found[at] = tuple(rows)
    return found


def study_of(curves: Sequence[Reports], workers: int) -> Study:
    """The jobs as they would be if no rule ran, with reports when `train.py` makes them."""
    steps = [[e for e, _ in rows] for rows in curves]
    elapsed = [
        [EPOCH_S * (e + (number % workers) / workers) for e, _ in rows]
        for number, rows in enumerate(curves)
    ]
    return build(steps, [[v for _, v in rows] for rows in curves], elapsed=elapsed)


class Service:
    """A service that runs some curves under one rule after another."""

    def __init__(self, curves: Sequence[Reports], workers: int, gap_s: float = GAP_S) -> None:
        self.study, self.clock = study_of(curves, workers), Clock("simulated", workers)
        self.costs = Costs(upload_s=UPLOAD_S, slot_gap_s=gap_s)
        self.plans: dict[Hashable, Plan] = {}

    def record(self, rule: Rule) -> np.ndarray:
        """What it does to the jobs: int32 [N], twice the reports kept, and 1 if it was stopped."""
        key = tuple(getattr(rule, name) for name in _SHARED)
        if key not in self.plans:
            self.plans[key] = prepare(self.study, rule)
        run = run_once(with_criteria(self.plans[key], rule), self.clock, self.costs)
        return 2 * run.rows_kept + run.stopped


def same_on_every_input(candidate: Candidate) -> Candidate:
    """The candidate that does the same whatever happens: its own, or the one with J1 for J3.

    From when a stopped job is a previous one (J) is asked only where stopped jobs are told from
    running ones: not among completed ones (B2), and not among all that have reported (B3) unless
    their average is carried on (E2) once they have ended.
    """
    codes = dict(zip(LETTERS, candidate.codes, strict=False))
    if codes["J"] == "J3" and (codes["B"] == "B2" or (codes["B"], codes["E"]) == ("B3", "E1")):
        rule = replace(candidate.rule, peer_from=esim.rule("sagemaker").peer_from)
        return replace(candidate, rule=rule)
    return candidate


def neighbours(candidates: Sequence[Candidate], bases: int, seed: int) -> list[tuple[int, int]]:
    """Pairs of candidates that answer one question otherwise, and are not the same throughout."""
    rng = np.random.default_rng(seed)
    codes = np.array([one.codes for one in candidates])
    pairs = []
    for base in rng.choice(len(candidates), bases, replace=False).tolist():
        apart = (codes != codes[base]).sum(axis=1)
        for other in np.flatnonzero(apart == 1).tolist():
            one, two = same_on_every_input(candidates[base]), same_on_every_input(candidates[other])
            if one.rule != two.rule:
                pairs.append((base, other))
    return pairs


def search(
    tries: int, jobs: int, seed: int, begun: Design | None = None
) -> tuple[list[Reports], list[Reports]]:
    """Curves for one job at a time and for four, by steps that tell no fewer pairs apart."""
    candidates = combinations(esim.rule("sagemaker"))
    pairs = neighbours(candidates, 60, seed)
    its = sorted({at for pair in pairs for at in pair})
    rng = np.random.default_rng(seed)

    def done(curves: Sequence[Reports], workers: int) -> dict[int, bytes]:
        service = Service(curves, workers)
        return {at: service.record(candidates[at].rule).tobytes() for at in its}

    def left(kept: Sequence[dict[int, bytes]]) -> int:
        return sum(all(r[a] == r[b] for r in kept) for a, b in pairs)

    workers = (1, 4)
    curves = [[random_curve(rng) for _ in range(jobs)] for _ in workers]
    if begun is not None:
        curves = [list(job.curves.values()) for job in begun.jobs[:2]]
    kept = [done(c, w) for c, w in zip(curves, workers, strict=True)]
    best = left(kept)
    for number in range(tries):
        turn = number % 2
        trial = changed(curves[turn], rng)
        found = list(kept)
        found[turn] = done(trial, workers[turn])
        score = left(found)
        if score < best:
            print(f"{number + 1} tries: {score} of {len(pairs)}", file=sys.stderr, flush=True)
        if score <= best:
            best, kept, curves[turn] = score, found, trial
    return curves[0], curves[1]


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


def records(found: Design, candidates: Sequence[Candidate], gap_s: float = GAP_S) -> np.ndarray:
    """What each candidate does to all jobs of a probe, those of `Service.record`. int32 [2 C, N]

    The first C rows are those of the candidates to which the parents' jobs do not count, the other
    C those to which they do: such a warm-started job goes on where its parent ended.
    """
    one, four, warm = (list(job.curves.values()) for job in found.jobs)
    services = (Service([*one, *warm], 1, gap_s), Service(four, 4, gap_s), Service(warm, 1, gap_s))
    after, side, alone = (
        np.array([service.record(candidate.rule) for candidate in candidates])
        for service in services
    )
    own, warmed = after[:, : len(one)], after[:, len(one) :]
    return np.concatenate([np.hstack([own, side, alone]), np.hstack([own, side, warmed])])


def within(rows: np.ndarray) -> tuple[int, np.ndarray]:
    """How many pairs of rows are equal, and how many rows are like each, itself among them. [C]"""
    _, which, counts = np.unique(rows, axis=0, return_inverse=True, return_counts=True)
    return int((counts * (counts - 1) // 2).sum()), counts[which.reshape(-1)]


def throughout(candidates: Sequence[Candidate]) -> np.ndarray:
    """The number of the rule that each candidate is on every input. int64 [2 C, 1]"""
    numbers: dict[Rule, int] = {}
    each = [numbers.setdefault(same_on_every_input(one).rule, len(numbers)) for one in candidates]
    return np.array([*each, *(number + len(numbers) for number in each)])[:, None]


def page(found: Design) -> list[str]:
    """What the probe tells apart, and what it costs."""
    candidates = combinations(esim.rule("sagemaker"))
    rows, same = records(found, candidates), throughout(candidates)
    n = len(rows)
    every, (equal, alike) = n * (n - 1) // 2, within(same)
    sizes = [len(job.curves) for job in found.jobs]
    cut = np.cumsum(sizes)
    parts = {
        "`one`": rows[:, : cut[0]],
        "`four`": rows[:, cut[0] : cut[1]],
        "`one` and `four`": rows[:, : cut[1]],
        "all three": rows,
    }
    lines = [
        f"{n:,} candidates are {every:,} pairs. {equal:,} of them do the same on every input "
        f"(`same_on_every_input` says why); {every - equal:,} can be told apart.",
        "",
        "| jobs | pairs told apart | of those that can be | not told apart |",
        "|---|---|---|---|",
    ]
    for name, part in parts.items():
        left = within(part)[0] - equal
        can = every - equal
        lines.append(f"| {name} | {can - left:,} | {100 * (1 - left / can):.4f} % | {left:,} |")
    together = within(rows)[1]
    alone = float((together == alike).mean())
    lines += [
        "",
        f"The run leaves the rule that ran, and none but those that are the same on every input, "
        f"for {100 * alone:.1f} % of the candidates; at most {int(np.quantile(together, 0.9)):,} "
        f"for nine in ten, and {int(together.max()):,} at worst.",
        "",
        "| question | pairs that differ in it alone | told apart |",
        "|---|---|---|",
        *_by_question(candidates, rows, same),
        "",
        "| otherwise than designed | pairs not told apart |",
        "|---|---|",
    ]
    for gap in (150.0, 390.0):
        other = within(records(found, candidates, gap))[0] - equal
        lines.append(f"| {gap:.0f} s from a job to the next, not {GAP_S:.0f} | {other:,} |")
    for seed in range(3):
        rng = np.random.default_rng(seed)
        jobs = []
        for job in found.jobs:
            names = rng.permutation(list(job.curves)).tolist()
            jobs.append(replace(job, curves={name: job.curves[name] for name in names}))
        other = within(records(replace(found, jobs=tuple(jobs)), candidates))[0] - equal
        lines.append(f"| the grid in another order, {seed + 1} | {other:,} |")
    most = [minutes(found, job) for job in found.jobs]
    curves = [rows_ for job in found.jobs for rows_ in job.curves.values()]
    kept = rows[0] // 2
    used = sum(c[k - 1][0] * EPOCH_S + UPLOAD_S * (r % 2)
               for c, k, r in zip(curves, kept, rows[0], strict=True)) / 60  # fmt: skip
    lines += [
        "",
        f"Instance-minutes at most: {' + '.join(f'{m:,.0f}' for m in most)} = {sum(most):,.0f}; "
        f"under the literal rule {used:,.0f}.",
    ]
    return lines


def _by_question(candidates: Sequence[Candidate], rows: np.ndarray, same: np.ndarray) -> list[str]:
    """A row of the table for each question, from pairs that are not the same on every input."""
    place = {one.codes: at for at, one in enumerate(candidates)}
    lines = []
    for column, letter in enumerate(LETTERS):
        found = [0, 0]
        for at, one in enumerate(candidates):
            for code in answers(letter):
                other = place.get((*one.codes[:column], code, *one.codes[column + 1 :]), -1)
                if other > at and same[at] != same[other]:
                    found[0] += 1
                    found[1] += bool((rows[at] != rows[other]).any())
        lines.append(f"| {letter} | {found[0]:,} | {100 * found[1] / max(found[0], 1):.1f} % |")
    half = len(candidates)
    told = (rows[:half] != rows[half:]).any(axis=1)
    lines.append(f"| P | {half:,} | {100 * told.mean():.1f} % |")
    return lines


def main() -> None:
    """Search, or print the page."""
    if sys.argv[1:2] == ["search"]:
        tries, jobs, seed = map(int, sys.argv[2:5])
        begun = shipped() if sys.argv[5:] else None
        print(dump(design(*search(tries, jobs, seed, begun))))
        return
    head = [
        "# What the probe tells apart",
        "",
        "Written by `python -m tests.benchmarks.probe`.",
        "",
    ]
    print("\n".join([*head, *page(shipped())]))


if __name__ == "__main__":
    main()
