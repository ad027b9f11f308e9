"""The naive twin of the accounting: one job at a time, one trial after another, in plain Python.

Written from the design, section 6 and the words it defines, and from how SageMaker bills. Nothing
of esim is used but the record types. None = unknown; a loss may be infinite.

What the documents leave open is settled here so:

- what a job spends is known if it is known of each of its trials, so of no trials it is nothing;
  money is unknown without a price, and a total that is not finite is unknown;
- from the first start to the last end takes a first start: without one it is unknown;
- a failed trial has no model, unless it is stopped before it fails;
- a trial cut short, but not by a failure, might have become the best: what the best lost is then
  known on the record only;
- of trials as good as each other the first launched is the best;
- the best is lost if the best value under the rule is worse than the best recorded, else kept.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from esim.study import Status, Study


@dataclass(frozen=True)
class Terms:
    """What a replay assumed: the clock, which value is final, seconds and money of a job."""

    clock: str = "order"
    final: str = "last"
    price: float | None = None
    startup_s: float = 0.0
    upload_s: float | None = None
    slot_gap_s: float = 0.0


@dataclass(frozen=True)
class Times:
    """When each trial's job starts and ends, by trial; not finite: unknown, or still running."""

    start: Sequence[float]
    end: Sequence[float]
    start_recorded: Sequence[float]
    end_recorded: Sequence[float]


def account(
    study: Study,
    launched: Sequence[int],
    kept: Sequence[int],
    stopped: Sequence[bool],
    terms: Terms,
    times: Times | None = None,
    trained: Sequence[float | None] | None = None,
) -> dict[str, Any]:
    """The summary of a job that launches these trials, `best_kept` and `loss_on_record`.

    Args:
        launched: positions of the trials in the study, in launch order.
        kept, stopped: rows each trial of the study makes under the rule, and whether it is stopped.
        times: under a clock with times.
        trained: seconds up to which each trial trains that is stopped; by default up to its last
            row, as a stop at once has it.
    """
    found: dict[str, Any] = {
        "trials": len(launched),
        "trials_stopped": sum(bool(stopped[i]) for i in launched),
        "trials_censored": sum(bool(study.censored[i]) for i in launched),
        "trials_not_started": 0,
        "trials_cut": 0,
        "ended_by": None,
        "ended_after": None,
        "ended_at_s": None,
    }
    whole = [_rows(study, i) for i in range(study.n_trials)]
    nobody = [False] * study.n_trials
    at_once: Sequence[float | None] = [None] * study.n_trials
    for key, rows, cut, until in (
        ("recorded", whole, nobody, at_once),
        ("run", kept, stopped, at_once if trained is None else trained),
    ):
        trials = [_spent(study, i, int(rows[i]), bool(cut[i]), until[i], terms) for i in launched]
        for what in ("steps", "seconds", "billed_seconds"):
            found[f"{what}_{key}"] = _sum([trial[what] for trial in trials])
        money = None if terms.price is None else _sum([trial["cost"] for trial in trials])
        found["cost_recorded" if key == "recorded" else "cost"] = money
        name = "makespan_recorded_s" if key == "recorded" else "makespan_s"
        if terms.clock == "order":
            jobs = [trial["job"] for trial in trials]
            in_line = [None if job is None else job + terms.startup_s for job in jobs]
            gaps = terms.slot_gap_s * (len(launched) - 1)
            found[name] = _sum([*in_line, gaps]) if launched else None
        else:
            assert times is not None
            spans = (
                (times.start_recorded, times.end_recorded)
                if key == "recorded"
                else (times.start, times.end)
            )
            found[name] = _makespan(study, launched, spans, times.end_recorded)
    for share, recorded, run in (
        ("steps_saved_fraction", "steps_recorded", "steps_run"),
        ("seconds_saved_fraction", "seconds_recorded", "seconds_run"),
        ("billed_saved_fraction", "billed_seconds_recorded", "billed_seconds_run"),
        ("makespan_saved_fraction", "makespan_recorded_s", "makespan_s"),
        ("cost_saved_fraction", "cost_recorded", "cost"),
    ):
        found[share] = _share(found[recorded], found[run])
    found["steps_saved_fraction_bounds"] = _bounds(study, launched, kept, stopped)
    return {**found, **_best(study, launched, kept, stopped, terms.final)}


def _resource(study: Study, row: int) -> int:
    """Units of training done at a row, whatever its log counts from."""
    return int(study.steps[row]) + study.done_at_zero


def _rows(study: Study, i: int) -> int:
    return int(study.offsets[i + 1] - study.offsets[i])


def _spent(
    study: Study, i: int, rows: int, cut: bool, trained: float | None, terms: Terms
) -> dict[str, float | None]:
    """What one trial takes that makes so many rows, and is stopped or not."""
    last = int(study.offsets[i]) + rows - 1
    steps = float(_resource(study, last)) if rows else 0.0
    bill = math.nan if study.billed is None else float(study.billed[i])
    hourly = None
    if terms.price is not None:
        hourly = terms.price * int(study.instance_count[i]) / 3600.0
    if study.elapsed is None:
        billed = None if cut or math.isnan(bill) else bill
        cost = None if billed is None or hourly is None else billed * hourly
        return {
            "steps": steps,
            "seconds": None,
            "job": None,
            "billed_seconds": billed,
            "cost": cost,
        }
    seconds = float(study.elapsed[last]) if rows else 0.0
    logged = float(study.elapsed[study.offsets[i + 1] - 1]) if _rows(study, i) else 0.0
    start, end = float(study.start[i]), float(study.end[i])
    clocked = math.isfinite(start) and math.isfinite(end)
    job = max(logged, end - start) if clocked else logged

    def counted(length: float) -> float:
        whole = math.floor(start + length) - math.floor(start) if clocked else length
        return terms.startup_s + whole

    in_all = counted(job)
    if cut:
        upload = job - logged if terms.upload_s is None else terms.upload_s
        seconds = seconds if trained is None else trained
        job = min(job, seconds + upload)
    billed = counted(job)
    if not math.isnan(bill):  # what was billed, and of a stopped job the same share of its seconds
        billed = bill * billed / in_all if in_all > 0 else bill
    cost = None if hourly is None else billed * hourly
    return {"steps": steps, "seconds": seconds, "job": job, "billed_seconds": billed, "cost": cost}


def _sum(parts: Sequence[float | None]) -> float | None:
    total = 0.0
    for part in parts:
        if part is None:
            return None
        total += part
    return total if math.isfinite(total) else None


def _share(recorded: float | None, run: float | None) -> float | None:
    if recorded is None or run is None or recorded <= 0:
        return None
    share = 1.0 - run / recorded
    return share if math.isfinite(share) else None


def _makespan(
    study: Study,
    launched: Sequence[int],
    spans: tuple[Sequence[float], Sequence[float]],
    end_recorded: Sequence[float],
) -> float | None:
    """A trial still running when it was recorded is known up to its last report."""
    starts, ends = [], []
    for i in launched:
        start, end = float(spans[0][i]), float(spans[1][i])
        if not math.isfinite(start):
            continue
        if not math.isfinite(end_recorded[i]):
            logged = 0.0
            if _rows(study, i):
                last = int(study.offsets[i + 1]) - 1
                at_last = _resource(study, last) if study.elapsed is None else study.elapsed[last]
                logged = float(at_last)
            end = min(end, start + logged) if math.isfinite(end) else start + logged
        starts.append(start)
        ends.append(end)
    return max(ends) - min(starts) if starts else None


def _cut_short(study: Study, i: int) -> bool:
    """Whether a trial might have gone on; of one that made no report nothing is known."""
    ended = study.status[i] == Status.FAILED or not _rows(study, i)
    return bool(study.censored[i]) and not ended


def _bounds(
    study: Study, launched: Sequence[int], kept: Sequence[int], stopped: Sequence[bool]
) -> tuple[float, float] | None:
    """The saved share of steps if trials cut short had gone on to the job's longest step."""

    def reached(i: int, rows: int) -> int:
        return _resource(study, int(study.offsets[i]) + rows - 1) if rows else 0

    cut = [i for i in launched if _cut_short(study, i)]
    recorded = sum(reached(i, _rows(study, i)) for i in launched)
    if not cut or not recorded:
        return None
    run = sum(reached(i, int(kept[i])) for i in launched)
    longest = max(reached(i, _rows(study, i)) for i in launched)
    beyond = {i: longest - reached(i, _rows(study, i)) for i in cut}
    going_on = sum(steps for i, steps in beyond.items() if not stopped[i])
    worst = 1.0 - (run + going_on) / (recorded + going_on)
    return worst, 1.0 - run / (recorded + sum(beyond.values()))


def _best(
    study: Study,
    launched: Sequence[int],
    kept: Sequence[int],
    stopped: Sequence[bool],
    final: str,
) -> dict[str, Any]:
    """What becomes of the best; all of it unknown without a final value with and without a rule."""
    unknown = dict.fromkeys(
        (
            "best_recorded",
            "best",
            "degradation",
            "degradation_on_record",
            "degradation_normalized",
            "best_rank",
            "best_trial_stopped",
            "best_kept",
            "loss_on_record",
        )
    )
    sign = 1.0 if study.direction == "minimize" else -1.0  # lower is better
    recorded: dict[int, float] = {}
    run: dict[int, float] = {}
    for i in launched:
        failed = study.status[i] == Status.FAILED
        whole, rule = (_final(study, i, rows, final) for rows in (_rows(study, i), int(kept[i])))
        if whole is not None and not failed:
            recorded[i] = sign * whole
        if rule is not None and (not failed or stopped[i]):
            run[i] = sign * rule
    if not recorded or not run:
        return unknown
    winner, best = min(recorded, key=recorded.__getitem__), min(run, key=run.__getitem__)
    first, value = recorded[winner], run[best]
    worse_by = 0.0 if value == first else value - first  # equal infinities too
    scale = abs(median(recorded.values()) - first)
    cut = any(_cut_short(study, i) for i in launched)
    on_scale = math.isfinite(scale) and scale > 0
    scaled = not cut and on_scale
    nothing_lost = not cut and worse_by == 0
    return {
        "best_recorded": (study.trials[winner], sign * first),
        "best": (study.trials[best], sign * value),
        "degradation": None if cut else worse_by,
        "degradation_on_record": worse_by,
        "degradation_normalized": 0.0 if nothing_lost else worse_by / scale if scaled else None,
        "best_rank": 1 + sum(other < value for other in recorded.values()),
        "best_trial_stopped": value > first,
        "best_kept": value <= first,
        "loss_on_record": 0.0 if worse_by <= 0 else worse_by / scale if on_scale else None,
    }


def _final(study: Study, i: int, rows: int, final: str) -> float | None:
    start = int(study.offsets[i])
    values = [float(v) for v in study.values[start : start + rows] if not math.isnan(v)]
    if not values:
        return None
    if final == "last":
        return values[-1]
    return min(values) if study.direction == "minimize" else max(values)
