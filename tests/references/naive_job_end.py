"""The naive twin of job-level rules: plain Python, written from the documents of their systems.

Of esim nothing is used but the record types; what the trials do under a trial-level rule is the
naive replay's. A job is a list of trials in launch order, each with the second it begins and ends.
Whenever a trial ends, the rules look at the list of those that have ended. From the first moment at
which one of them is met no trial begins; those in flight finish, as if the others had never been,
or are told to stop.
"""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from esim.rules import JobRule, Rule
from esim.study import Status, Study
from tests.references import naive


@dataclass(frozen=True)
class NaiveEnd:
    """What became of a job. Lists are [n_trials], in the study's order.

    Attributes:
        by: the position of the rule that ended the job; None: nothing is left out or cut.
        after: how many trials had ended by then; None without a moment.
        at_s: seconds from the first begin to that moment; None without one.
    """

    by: int | None
    after: int | None
    at_s: float | None
    started: list[bool]
    cut: list[bool]
    stopped: list[bool]
    kept: list[int]


@dataclass
class _Trial:
    place: int  # in the study
    number: int  # of launch
    begin: float
    end: float
    final: float | None
    best: float | None
    how: str  # completed, stopped, failed, running


def end_job(
    study: Study, rule: Rule | None, until: Sequence[JobRule], final: str, settings: dict[str, Any]
) -> NaiveEnd:
    """End a job by the naive replay's settings."""
    n = study.n_trials
    order = [int(i) for i in settings.get("order", range(n))]
    most = min((int(r.limit) + r.beyond for r in until if r.ends_by == "launches"), default=n)
    launched = order[:most]
    run = _replay(study, rule, launched, settings)
    trials = _trials(study, run, launched, final, settings)
    at, by, last = math.inf, None, 0
    for position, one in enumerate(until):
        met = _first(study, one, trials, run, settings)
        if met is not None and (met[0], met[1]) < (at, last if by is not None else n + 1):
            at, last, by = met[0], met[1], position
    ends = sorted((t for t in trials if math.isfinite(t.end)), key=lambda t: (t.end, t.number))
    had_ended = {t.place for t in ends[:last]}
    report = by is not None and until[by].ends_by == "target" and until[by].value == "report"
    started, cut = [False] * n, [False] * n
    for t in trials:
        begun = t.begin <= at if report else t.begin < at
        started[t.place] = begun or t.place in had_ended or at == math.inf
    for t in reversed(trials):  # one of unknown begin: if a later one has begun
        if math.isnan(t.begin) and at < math.inf:
            started[t.place] = any(started[u.place] for u in trials if u.number > t.number)
    kept, stopped = list(run.kept), list(run.stopped)
    in_flight = [t for t in trials if started[t.place] and t.end > at]
    if by is not None and until[by].in_flight == "cut":
        for t in in_flight:
            rows, was_cut = _cut(study, run, t, at, settings)
            if was_cut:
                kept[t.place], cut[t.place], stopped[t.place] = rows, True, False
    elif in_flight and not all(started[t.place] for t in trials):
        run = _replay(study, rule, [i for i in launched if started[i]], settings)
        kept, stopped = list(run.kept), list(run.stopped)
    for i in range(n):
        if not started[i]:
            kept[i], stopped[i] = 0, False
    left_out = any(not started[t.place] for t in trials) or any(cut)
    if by is not None and left_out:
        count = last if last else sum(t.end <= at for t in trials)
        zero = min(t.begin for t in trials if not math.isnan(t.begin))
        told = settings["clock"] != "order" or study.elapsed is not None
        return NaiveEnd(by, count, at - zero if told else None, started, cut, stopped, kept)
    bounds = None
    if most < n:
        limits = [r.limit + r.beyond if r.ends_by == "launches" else math.inf for r in until]
        bounds = limits.index(min(limits))
    return NaiveEnd(bounds, None, None, started, cut, stopped, kept)


def _replay(study: Study, rule: Rule | None, launched: list[int], settings: dict[str, Any]) -> Any:
    """The naive replay of some trials alone; its lists are of the whole study."""
    some = sorted(launched)
    options = dict(settings)
    options["order"] = [some.index(i) for i in launched]
    if settings["clock"] == "simulated":  # the gap is that of the whole record
        options["slot_gap_s"] = _gap(study, settings)
    run = naive.replay(_only(study, some), rule, **options)
    n = study.n_trials

    def whole(values: list[Any], nothing: Any) -> list[Any]:
        found = [nothing] * n
        for i, value in zip(some, values, strict=True):
            found[i] = value
        return found

    return dataclasses.replace(
        run,
        kept=whole(run.kept, 0),
        stopped=whole(run.stopped, False),
        start=whole(run.start, math.nan),
        end=whole(run.end, math.nan),
        trained=whole(run.trained, None),
    )


def _gap(study: Study, settings: dict[str, Any]) -> float:
    """Seconds between the jobs of a slot."""
    given = settings.get("slot_gap_s")
    return naive.recorded_gap(study) if given is None else float(given)


def _only(study: Study, some: list[int]) -> Study:
    """The study with some of its trials."""
    rows = [r for i in some for r in range(int(study.offsets[i]), int(study.offsets[i + 1]))]
    counts = [int(study.offsets[i + 1] - study.offsets[i]) for i in some]
    return dataclasses.replace(
        study,
        trials=tuple(study.trials[i] for i in some),
        offsets=np.concatenate(([0], np.cumsum(counts))).astype(np.int64),
        steps=study.steps[rows],
        values=study.values[rows],
        elapsed=None if study.elapsed is None else study.elapsed[rows],
        start=study.start[some],
        end=study.end[some],
        status=study.status[some],
        censored=study.censored[some],
        instance_type=tuple(study.instance_type[i] for i in some),
        instance_count=study.instance_count[some],
        config={},
        billed=None,
    )


def _second(study: Study, row: int) -> float:
    if study.elapsed is None:
        return float(study.steps[row]) + study.done_at_zero
    return float(study.elapsed[row])


def _trials(
    study: Study, run: Any, launched: list[int], final: str, settings: dict[str, Any]
) -> list[_Trial]:
    """The trials of a job in launch order. One after another each begins as the last one ends."""
    found, jobs = [], 0.0
    gap = 0.0 if study.elapsed is None else _gap(study, settings)
    for number, i in enumerate(launched):
        begin, end = run.start[i], run.end[i]
        if settings["clock"] == "order":
            begin = jobs + gap * number if number else 0.0
            jobs += _seconds_of_job(study, run, i, settings)
            end = jobs + gap * number
        if math.isnan(end) or math.isnan(begin):
            end = math.inf
        first = int(study.offsets[i])
        values = [float(v) for v in study.values[first : first + run.kept[i]] if v == v]
        how = {Status.COMPLETED: "completed", Status.FAILED: "failed"}.get(
            Status(int(study.status[i])), "other"
        )
        how = "stopped" if run.stopped[i] else how
        if how == "failed":
            values = []  # there is no model
        pick = min if study.direction == "minimize" else max
        best = pick(values) if values else None
        last = best if final == "best" else values[-1] if values else None
        found.append(_Trial(i, number, begin, end, last, best, how))
    return found


def _seconds_of_job(study: Study, run: Any, i: int, settings: dict[str, Any]) -> float:
    if study.elapsed is None:
        return 1.0
    startup = float(settings.get("startup_s", 0.0))
    first, stop = int(study.offsets[i]), int(study.offsets[i + 1])
    last = _second(study, stop - 1) if stop > first else 0.0
    span = float(study.end[i]) - float(study.start[i])
    whole = last if math.isnan(span) else max(span, last)
    if not run.stopped[i]:
        return startup + whole
    trained = _trained(study, run, i)
    upload = settings.get("upload_s")
    return startup + min(whole, trained + (whole - last if upload is None else upload))


def _trained(study: Study, run: Any, i: int) -> float:
    """Seconds that a stopped trial trains."""
    if run.trained[i] is not None:
        return float(run.trained[i])
    return _second(study, int(study.offsets[i]) + run.kept[i] - 1)


def _cut(
    study: Study, run: Any, trial: _Trial, at: float, settings: dict[str, Any]
) -> tuple[int, bool]:
    """The rows a trial makes that is told to stop, and whether that cuts it short."""
    startup = 0.0 if settings["clock"] == "recorded" else float(settings.get("startup_s", 0.0))
    until = max(at - trial.begin - startup, 0.0) + float(settings.get("stop_latency_s", 0.0))
    rows = range(int(study.offsets[trial.place]), int(study.offsets[trial.place + 1]))
    made = sum(_second(study, row) <= until for row in rows)
    if run.stopped[trial.place] and _trained(study, run, trial.place) <= until:
        return run.kept[trial.place], False
    return made, made < len(rows)


# ------------------------------------------------------------------------------- when it is met


def _first(
    study: Study, rule: JobRule, trials: list[_Trial], run: Any, settings: dict[str, Any]
) -> tuple[float, int] | None:
    """The moment at which a rule is met, and how many had ended by it; 0: time alone tells."""
    begins = [t.begin for t in trials if not math.isnan(t.begin)]
    zero = min(begins, default=math.inf)
    if rule.ends_by == "launches":
        return None
    if rule.ends_by == "time":
        return zero + rule.limit, 0
    if rule.ends_by == "target" and rule.value == "report":
        moments = [_report(study, rule, t, run, settings) for t in trials]
        first = min(moments, default=math.inf)
        return None if first == math.inf else (first, 0)
    ended: list[_Trial] = []
    for trial in sorted(trials, key=lambda t: (t.end, t.number)):
        if trial.end == math.inf:
            return None
        ended.append(trial)
        if rule.idle and any(t.begin < trial.end and t not in ended for t in trials):
            continue
        if _met(study, rule, ended, zero):
            return trial.end, len(ended)
    return None


def _report(
    study: Study, rule: JobRule, trial: _Trial, run: Any, settings: dict[str, Any]
) -> float:
    """When a trial makes its first report that reaches a target."""
    if math.isnan(trial.begin):
        return math.inf
    startup = 0.0 if settings["clock"] == "recorded" else float(settings.get("startup_s", 0.0))
    first = int(study.offsets[trial.place])
    for row in range(first, first + run.kept[trial.place]):
        if _reaches(study, rule, float(study.values[row])):
            no_times = study.elapsed is None and settings["clock"] == "order"
            return trial.begin + startup + (0.0 if no_times else _second(study, row))
    return math.inf


def _reaches(study: Study, rule: JobRule, value: float | None) -> bool:
    if value is None or math.isnan(value):
        return False
    if value == rule.limit:
        return not rule.beyond
    return value < rule.limit if study.direction == "minimize" else value > rule.limit


def _counts(rule: JobRule, trial: _Trial) -> bool:
    if rule.counts == "all":
        return True
    if rule.counts == "failed":
        return trial.how == "failed"
    if trial.final is None:
        return False
    return trial.how == "completed" if rule.counts == "completed" else trial.how != "failed"


def _met(study: Study, rule: JobRule, ended: list[_Trial], zero: float) -> bool:
    """Whether a rule is met by the trials that have ended, the last of them just now."""
    sign = 1.0 if study.direction == "minimize" else -1.0
    if rule.ends_by == "target":
        last = ended[-1]
        return _reaches(study, rule, last.best if rule.value == "best" else last.final)
    counted = [t for t in ended if _counts(rule, t)]
    enough = len(counted) >= rule.min_trials
    news = _counts(rule, ended[-1])
    if rule.ends_by == "trials":
        return news and _over(rule, len(counted))
    if rule.ends_by == "small gain":
        return len(counted) >= max(rule.min_trials, rule.window) and _gains_little(
            rule,
            [sign * t.final for t in sorted(counted, key=lambda t: t.number)],
            sign,  # type: ignore[operator]
        )
    values = [None if t.final is None else sign * t.final for t in counted]
    if rule.ordered == "launches":
        by_number = sorted(counted, key=lambda t: t.number)
        values = [None if t.final is None else sign * t.final for t in by_number]
        known = [v for v in values if v is not None]
        behind = len(values) - 1 - values.index(min(known)) if known else len(values) - 1
        return news and enough and _over(rule, behind)
    progress = _progress(rule, values)
    if rule.ends_by == "standstill":
        since = max((t.end for t, yes in zip(counted, progress, strict=True) if yes), default=zero)
        return enough and _over(rule, ended[-1].end - since)
    if rule.first_counts and len(counted) == 1:
        return False
    without = [not yes for yes in progress]
    if rule.first_counts and without:
        without[0] = True
    if rule.resets and True in [not w for w in without]:
        without = without[len(without) - without[::-1].index(False) :]
    return news and enough and _over(rule, sum(without))


def _over(rule: JobRule, number: float) -> bool:
    return number > rule.limit if rule.beyond else number >= rule.limit


def _progress(rule: JobRule, values: list[float | None]) -> list[bool]:
    """Of each value, lower being better, whether it is a progress on those before it."""
    found: list[bool] = []
    for at, value in enumerate(values):
        before = [v for v in values[:at] if v is not None]
        if rule.compared_with == "last progress":
            before = [v for v, yes in zip(values[:at], found, strict=True) if yes and v is not None]
        if value is None:
            found.append(False)
            continue
        if not before:
            found.append(value < math.inf)
            continue
        beat = min(before) if rule.compared_with == "best" else before[-1]
        if not math.isfinite(beat):
            found.append(value < beat)
            continue
        bar = beat - (abs(beat) * rule.gain if rule.relative else rule.gain)
        found.append(value < beat and (value <= bar if rule.at_least else value < bar))
    return found


def _gains_little(rule: JobRule, values: list[float], sign: float) -> bool:
    """Lower is better. The best now against the best `window` - 1 trials before."""
    gained = min(values[: len(values) - rule.window + 1]) - min(values)
    spread = [sign * v for v in values]
    if any(map(math.isinf, spread)) or len(set(spread)) == 1:
        return False
    low, _, high = statistics.quantiles(spread, n=4, method="inclusive")
    if high == low:
        return False  # x / 0 is infinite, 0 / 0 no number
    return gained / (high - low) < rule.limit
