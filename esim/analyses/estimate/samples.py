"""Jobs of some of a study's trials, drawn without repeats, replayed, and what each saved and lost.

A sample never holds a trial twice: two identical curves side by side are something no real job has,
and a median rule reacts to them. R samples of m trials each, N trials in the study.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from esim.assumptions import Clock, Costs
from esim.errors import EsimError
from esim.simulator.outcomes import billed, finals_of, job_seconds, makespan
from esim.simulator.plan.build import Prepared
from esim.simulator.quality import quality
from esim.simulator.run import Runs, run_many
from esim.study import Float64, Int64, Status, Study
from esim.study.times import last_kept, last_row, last_second

Launch = Literal["shuffled", "recorded"]
_MOST_CELLS = 4_000_000  # of [samples, trials] held at once
# What a sample of trials spends, as recorded and under the rule.
SPENT = ("steps", "seconds", "billed_seconds", "cost", "makespan_s")
_BY_TRIAL = SPENT[:-1]


@dataclass(frozen=True)
class Samples:
    """R replayed jobs of m trials. NaN = unknown.

    Attributes:
        recorded, run: what is spent without and with the rule (`SPENT`), float64 [R] each.
        recorded_at, run_at: the mean over samples at each launch position, float64 [m] each.
        degradation: of the best final value on the recorded values, positive = worse. float64 [R]
        normalized: the same in units of the distance from best to median. float64 [R]
        best_rank: of the best trial under the rule. float64 [R]
        best_kept: 1 if the best trial, or one as good, is not stopped, else 0. float64 [R]
        best_recorded, best: the best final values without and with the rule. float64 [R]
        stopped: share of the trials stopped. float64 [R]
    """

    size: int
    recorded: dict[str, Float64]
    run: dict[str, Float64]
    recorded_at: dict[str, Float64]
    run_at: dict[str, Float64]
    degradation: Float64
    normalized: Float64
    best_rank: Float64
    best_kept: Float64
    best_recorded: Float64
    best: Float64
    stopped: Float64


def draw(
    seed: np.random.SeedSequence, trials: Int64, size: int, samples: int, launch: Launch
) -> Int64:
    """Which trials each sample holds, in launch order. int64 [R, m], places in the study

    One child of the seed a sample, so that more samples leave the first ones as they are.

    Args:
        trials: int64 [n], places in the study, in launch order.
        launch: "shuffled": any order is as likely; "recorded": the trials keep their order.
    """
    if launch not in get_args(Launch):
        raise EsimError(f"launch cannot be {launch!r}", fix="shuffled or recorded")
    drawn = np.empty((samples, size), dtype=np.int64)
    for i in range(samples):
        places = _generator(seed, i).permutation(len(trials))[:size]
        drawn[i] = trials[places if launch == "shuffled" else np.sort(places)]
    return drawn


def reorder(seed: np.random.SeedSequence, sets: Int64, orders: int, launch: Launch) -> Int64:
    """Each of S sets, int64 [S, m], in several launch orders. int64 [S * orders, m]"""
    repeated = np.repeat(sets, orders, axis=0)
    if launch == "shuffled":
        for i, row in enumerate(repeated):
            _generator(seed, i).shuffle(row)
    return repeated


def _generator(seed: np.random.SeedSequence, i: int) -> np.random.Generator:
    child = np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, i))
    return np.random.Generator(np.random.PCG64(child))


def play(
    prepared: Prepared,
    clock: Clock,
    costs: Costs,
    final: str,
    orders: Int64,
    *,
    threads: int | None = None,
) -> Samples:
    """Replay samples, int64 [R, m]; the result does not depend on the number of threads."""
    block = max(1, _MOST_CELLS // max(1, prepared.study.n_trials))
    parts = [
        _play(prepared, clock, costs, final, orders[at : at + block], threads)
        for at in range(0, len(orders), block)
    ]
    if len(parts) == 1:
        return parts[0]
    weights = [len(part.stopped) / len(orders) for part in parts]

    def joined(name: str) -> Any:
        values = [getattr(part, name) for part in parts]
        if name.endswith("_at"):
            pairs = list(zip(weights, values, strict=True))
            return {key: np.sum([w * v[key] for w, v in pairs], axis=0) for key in values[0]}
        if isinstance(values[0], dict):
            return {key: np.concatenate([v[key] for v in values]) for key in values[0]}
        return np.concatenate(values)

    names = [name for name in vars(parts[0]) if name != "size"]
    return Samples(size=orders.shape[1], **{name: joined(name) for name in names})


def _play(
    prepared: Prepared,
    clock: Clock,
    costs: Costs,
    final: str,
    orders: Int64,
    threads: int | None,
) -> Samples:
    study = prepared.study
    runs = run_many(prepared, clock, costs, orders, threads=threads)
    recorded, run = _spent(study, costs, runs, orders)
    makespans = _makespans(prepared, clock, costs, runs, orders, threads)
    return Samples(
        size=orders.shape[1],
        recorded={**{k: v.sum(axis=-1) for k, v in recorded.items()}, "makespan_s": makespans[0]},
        run={**{k: v.sum(axis=-1) for k, v in run.items()}, "makespan_s": makespans[1]},
        recorded_at={k: v.mean(axis=0) for k, v in recorded.items()},
        run_at={k: v.mean(axis=0) for k, v in run.items()},
        **_quality(prepared, final, runs, orders),
        stopped=np.take_along_axis(runs.stopped, orders, axis=-1).mean(axis=-1),
    )


def _spent(
    study: Study, costs: Costs, runs: Runs, orders: Int64
) -> tuple[dict[str, Float64], dict[str, Float64]]:
    """What each launched trial spends without and with the rule, [R, m] each."""
    before: dict[str, Float64] = {"steps": last_row(study, study.steps).astype(np.float64)}
    after = {"steps": last_kept(study, study.steps.astype(np.float64), runs.rows_kept)}
    for name in _BY_TRIAL[1:]:
        before[name] = np.full(study.n_trials, np.nan)
        after[name] = np.full(runs.stopped.shape, np.nan)
    if study.elapsed is not None:
        before["seconds"] = last_row(study, study.elapsed)
        after["seconds"] = last_kept(study, study.elapsed, runs.rows_kept)
        before["billed_seconds"], after["billed_seconds"] = billed(
            study, costs, after["seconds"], runs.stopped
        )
        if costs.price is not None:
            hourly = costs.price * study.instance_count / 3600.0
            before["cost"] = before["billed_seconds"] * hourly
            after["cost"] = after["billed_seconds"] * hourly
    return (
        {name: column[orders] for name, column in before.items()},
        {name: np.take_along_axis(column, orders, axis=-1) for name, column in after.items()},
    )


def _makespans(
    prepared: Prepared,
    clock: Clock,
    costs: Costs,
    runs: Runs,
    orders: Int64,
    threads: int | None,
) -> tuple[Float64, Float64]:
    """Seconds from the first start to the last end without and with the rule, [R] each."""
    study = prepared.study
    if clock.mode == "order":
        if study.elapsed is None:
            return np.full(len(orders), np.nan), np.full(len(orders), np.nan)
        ran = last_kept(study, study.elapsed, runs.rows_kept)
        whole, job = job_seconds(study, costs, ran, runs.stopped)
        startup = costs.startup_s * orders.shape[1]
        after = np.take_along_axis(job, orders, axis=-1).sum(axis=-1)
        return whole[orders].sum(axis=-1) + startup, after + startup
    baseline = run_many(prepared, clock, costs, orders, acting=False, threads=threads)
    launched = np.zeros(runs.stopped.shape, dtype=np.bool_)
    np.put_along_axis(launched, orders, True, axis=-1)
    known, last = np.isfinite(baseline.spans[..., 1]), last_second(study)
    without, under = (
        makespan(last, known, np.where(launched, spans[..., 0], np.nan), spans[..., 1])
        for spans in (baseline.spans, runs.spans)
    )
    return without, under


def _quality(prepared: Prepared, final: str, runs: Runs, orders: Int64) -> dict[str, Float64]:
    """What becomes of each sample's best; NaN in samples in which no trial has a final value."""
    study = prepared.study
    finals = np.take_along_axis(finals_of(study, final, runs.rows_kept), orders, axis=-1)
    recorded = finals_of(study, final, prepared.all_rows())[orders]
    stopped = np.take_along_axis(runs.stopped, orders, axis=-1)
    found = quality(study, recorded, finals, stopped, (study.status == Status.FAILED)[orders])
    scaled = np.isfinite(found.spread) & (found.spread > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        normalized = np.where(scaled, found.on_record / found.spread, np.nan)
    first = np.take_along_axis(recorded, found.winner[:, None], axis=-1)[:, 0]
    columns = {
        "degradation": found.on_record,
        "normalized": normalized,
        "best_rank": found.rank,
        "best_kept": found.best_kept,
        "best_recorded": first,
        "best": study.sign * found.best_value,
    }
    return {key: np.where(found.known, values, np.nan) for key, values in columns.items()}
