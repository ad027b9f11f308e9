"""Counts the pairs of rules that a run of `esim probe` tells apart.

`python -m tests.benchmarks.probe > reports/benchmark-probe.md`, a minute. `probe_search` beside it
finds the design. Every candidate acts as the service, in the simulated clock. What it does to the
jobs is all that `esim identify` can see, and a candidate is left exactly if it would have done the
same: so two candidates are told apart if their records differ.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

import esim
from esim.probe.design import Design, shipped
from esim.probe.sagemaker import minutes
from esim.rules import Rule
from esim.rules.candidates import Candidate, combinations
from tests.benchmarks.probe_service import (
    EPOCH_S,
    GAP_S,
    LETTERS,
    UPLOAD_S,
    Services,
    neighbours,
    same_on_every_input,
)

Rows = NDArray[np.int32]
LATE_S = 90.0  # a script starts up to so much later than its job


def records(
    found: Design, services: Services, gap_s: float = GAP_S, late: Sequence[float] = ()
) -> Rows:
    """What each service does to all jobs of a probe, those of `Services.records`. int32 [2 C, N]

    The first C rows are those of the candidates to which the parents' jobs do not count, the other
    C those to which they do: such a warm-started job goes on where its parent ended.

    Args:
        found: the probe.
        services: of C candidates.
        gap_s, late: as for `Services.records`; late those of the tuning job with four at a time.
    """
    one, four, warm = (list(job.curves.values()) for job in found.jobs)
    after = services.records([*one, *warm], 1, gap_s)
    side, alone = services.records(four, 4, gap_s, late), services.records(warm, 1, gap_s)
    own, warmed = after[:, : len(one)], after[:, len(one) :]
    return np.concatenate([np.hstack([own, side, alone]), np.hstack([own, side, warmed])])


def within(rows: NDArray[np.integer]) -> tuple[int, NDArray[np.int64]]:
    """How many pairs of rows are equal, and how many rows are like each, itself among them. [C]"""
    _, which, counts = np.unique(rows, axis=0, return_inverse=True, return_counts=True)
    return int((counts * (counts - 1) // 2).sum()), counts[which.reshape(-1)]


def throughout(candidates: Sequence[Candidate]) -> NDArray[np.int64]:
    """The number of the rule that each candidate is on every input. int64 [2 C, 1]"""
    numbers: dict[Rule, int] = {}
    each = [numbers.setdefault(same_on_every_input(one).rule, len(numbers)) for one in candidates]
    return np.array([*each, *(number + len(numbers) for number in each)])[:, None]


def page(found: Design) -> list[str]:
    """What the probe tells apart, and what it costs."""
    candidates = combinations(esim.rule("sagemaker"))
    services = Services([candidate.rule for candidate in candidates])
    rows, same = records(found, services), throughout(candidates)
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
        *_by_question(candidates, rows),
        "",
        "| otherwise than designed | pairs not told apart |",
        "|---|---|",
    ]
    for what, other in _otherwise(found, services):
        lines.append(f"| {what} | {within(other)[0] - equal:,} |")
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


def _otherwise(found: Design, services: Services) -> Iterator[tuple[str, Rows]]:
    """What may turn out otherwise than designed, and the records then."""
    for gap in (150.0, 390.0):
        what = f"{gap:.0f} s from a job to the next, not {GAP_S:.0f}"
        yield what, records(found, services, gap)
    rng = np.random.default_rng(0)
    for number in range(1, 4):
        late = rng.uniform(0.0, LATE_S, len(found.jobs[1].curves)).tolist()
        what = f"each script starts up to {LATE_S:.0f} s later, by chance, {number}"
        yield what, records(found, services, late=late)
    for number in range(1, 4):
        jobs = []
        for job in found.jobs:
            names = rng.permutation(list(job.curves)).tolist()
            jobs.append(replace(job, curves={name: job.curves[name] for name in names}))
        what = f"jobs that do not know their number, the grid in another order, {number}"
        yield what, records(replace(found, jobs=tuple(jobs)), services)


def _by_question(candidates: Sequence[Candidate], rows: Rows) -> list[str]:
    """A row of the table for each question, from pairs that are not the same on every input."""
    pairs, question = neighbours(candidates)
    told = (rows[pairs[:, 0]] != rows[pairs[:, 1]]).any(axis=1)
    lines = []
    for column, letter in enumerate(LETTERS):
        its = told[question == column]
        lines.append(f"| {letter} | {len(its):,} | {100 * its.mean():.1f} % |")
    half = len(candidates)
    parents = (rows[:half] != rows[half:]).any(axis=1)
    lines.append(f"| P | {half:,} | {100 * parents.mean():.1f} % |")
    return lines


if __name__ == "__main__":
    print("# What the probe tells apart\n\nWritten by `python -m tests.benchmarks.probe`.")
    print("`python -m tests.benchmarks.probe_search` found the design, in five minutes.\n")
    print("\n".join(page(shipped())))
