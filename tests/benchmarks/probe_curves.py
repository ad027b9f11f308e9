"""The steps of the search in `probe_search`: other curves for the jobs of a grid."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from esim.assumptions import Clock, Costs
from esim.rules import Rule
from esim.simulator.plan.build import prepare
from esim.simulator.run import run_once
from esim.study import Float64
from tests.benchmarks.probe_service import GAP_S, UPLOAD_S, Reports, study_of

LENGTHS = (3, 14)  # epochs of a job, from and to
LEAST = 0.25  # of all values


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
