"""The naive twin of the replay: plain Python, written from the documents and not from the kernel.

Nothing of esim is used but the record types `Study`, `Status` and `Rule`, as plain data. Every
decision is rebuilt from lists: collect the peers, sort, pick. Clarity goes before speed.

A mean is ``sum(values) / len(values)``. A kernel that adds in another order may differ from it in
the last bits, which is why the tests take values whose sums are exact (multiples of 1/8).

What the agreed semantics leave open is settled here so:

- a position in the sorted list that is a whole number gives that element, for every method (no
  ``inf - inf`` from a weight of zero);
- a statistic that is NaN (a mean over both infinities) is no statistic;
- `Decision.stop` is the verdict of the comparison, also where nothing is left to save;
- after a verdict to stop no further report of the trial is judged, even if the delay leaves
  nothing to save and the trial runs to its natural end;
- a trial handles its own events in the order of its rows: if several rows share the time of its
  natural end, the earlier ones are ordinary reports, handled before that end;
- a stop that takes time lets the trial train on from the report with which it takes effect, and a
  report at the very moment it ends is still made; a trial that has made its last row by then, and
  was not still running when it was recorded, has reached its natural end and is not stopped;
- a trial recorded as RUNNING has no recorded tail in the recorded clock: its upload is 0 there;
- it would have gone on, so a stop at its last report does stop it, and counts;
- where it takes several judgements in a row to stop, a report with no threshold, or with one that
  is NaN, is no judgement: the row goes on where it was.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Literal

from esim.rules.table import Rule
from esim.study import Status, Study

Clock = Literal["order", "recorded", "simulated"]

END, REPORT = 0, 1  # kinds of events: at equal times ends come before reports


@dataclass(frozen=True)
class Decision:
    """What the rule saw and said at one report.

    Attributes:
        trial: index of the trial in the study.
        report: index of the row in the study's columns.
        step: the report's step.
        own: the trial's own statistic; None where the trial's own side was not judged (warm-up,
            interval, minimum reports, no statistic yet, already told to stop).
        threshold: without tolerance; None unless the own side was judged, the peers were enough,
            and the gates on completed trials were open.
        peers: peers with a statistic at this place, the trial itself among them if it is included.
        stop: the verdict.
    """

    trial: int
    report: int
    step: int
    own: float | None
    threshold: float | None
    peers: int
    stop: bool


@dataclass(frozen=True)
class NaiveReplay:
    """What each trial of the study would have done. Lists are [n_trials], in the study's order.

    Attributes:
        kept: rows kept, NaN rows included; all of them if not stopped.
        stopped: whether the rule cut the trial short.
        start, end: seconds; the end is when the job ends and its slot frees. NaN in clock order.
        decisions: one for each report with a value that was made, in the order of events.
        stop_threshold, stop_peers: of the decision that stopped the trial; None if not stopped.
        trained: seconds since its start up to which a stopped trial trains; None if not stopped.
    """

    kept: list[int]
    stopped: list[bool]
    start: list[float]
    end: list[float]
    decisions: list[Decision]
    stop_threshold: list[float | None]
    stop_peers: list[int | None]
    trained: list[float | None]


@dataclass(frozen=True)
class Report:
    """A row with a value. `row` counts from the trial's first row, `step` is the resource."""

    row: int
    step: int
    value: float


@dataclass
class Trial:
    """A trial and how far its replay has come."""

    index: int
    status: Status
    first_row: int  # of the study's columns
    n_rows: int
    reports: list[Report]
    shown: list[Report] = field(default_factory=list)  # made so far
    ended: bool = False  # naturally
    stopped: bool = False  # by the rule: it will make `rows_made` rows
    rows_made: int = 0
    trained: float = math.nan  # seconds since its start
    off: bool = False  # stopped, and its training has ended
    gone: bool = False  # stopped, and its job has ended
    told_at: int | None = None  # ordinal of the report at which the rule said stop
    told: Decision | None = None
    against: int = 0  # how many of its last judgements have gone against it
    steps: list[int] = field(init=False)  # of the reports
    known: dict[int, float | None] = field(default_factory=dict)  # see _peer_statistic

    def __post_init__(self) -> None:
        self.steps = [report.step for report in self.reports]

    @property
    def kept(self) -> int:
        return self.rows_made if self.stopped else self.n_rows

    @property
    def to_make(self) -> list[int]:
        """Ordinals of the reports that a stopped trial makes yet."""
        made = len(self.shown)
        ordinals = range(made + 1, len(self.reports) + 1)
        return [o for o in ordinals if self.reports[o - 1].row < self.rows_made]

    @property
    def completed(self) -> bool:
        word = self.status in (Status.COMPLETED, Status.UNKNOWN)
        return self.ended and word and len(self.reports) > 0


def replay(
    study: Study,
    rule: Rule | None,
    *,
    clock: Clock = "order",
    workers: int = 1,
    order: Sequence[int] | None = None,
    startup_s: float = 0.0,
    stop_latency_s: float = 0.0,
    upload_s: float | None = None,
    slot_gap_s: float | None = None,
    acting: bool = True,
    as_recorded: bool = False,
) -> NaiveReplay:
    """Replay the study under the rule. With acting=False, or no rule: the baseline.

    `as_recorded`: the last report of a trial that was recorded as stopped is not its end, even if
    both come at one moment: it might have gone on.

    `order` is the launch order as trial indices. `workers`, `startup_s` and `slot_gap_s` (None: as
    recorded) count in the simulated clock only; `upload_s` in the simulated and the recorded one;
    `stop_latency_s` in all.
    """
    launch = list(range(study.n_trials)) if order is None else [int(i) for i in order]
    if sorted(launch) != list(range(study.n_trials)):
        raise ValueError(f"order must be a permutation of the trials, not {launch!r}")
    if workers < 1:
        raise ValueError(f"workers must be at least 1, not {workers!r}")
    acting_rule = rule if acting else None
    trials = _trials(study)
    decisions: list[Decision] = []
    if clock == "order":
        start, end = _one_after_another(
            study, acting_rule, trials, launch, decisions, stop_latency_s
        )
    elif clock in ("recorded", "simulated"):
        start, end = _by_events(
            study,
            acting_rule,
            trials,
            launch,
            decisions,
            workers=workers if clock == "simulated" else None,
            startup_s=startup_s,
            stop_latency_s=stop_latency_s,
            upload_s=upload_s,
            slot_gap_s=recorded_gap(study) if slot_gap_s is None else slot_gap_s,
            as_recorded=as_recorded,
        )
    else:
        raise ValueError(f"unknown clock {clock!r}")
    told = [t.told if t.stopped else None for t in trials]
    return NaiveReplay(
        kept=[t.kept for t in trials],
        stopped=[t.stopped for t in trials],
        start=start,
        end=end,
        decisions=decisions,
        stop_threshold=[None if d is None else d.threshold for d in told],
        stop_peers=[None if d is None else d.peers for d in told],
        trained=[t.trained if t.stopped else None for t in trials],
    )


def _trials(study: Study) -> list[Trial]:
    trials = []
    for i in range(study.n_trials):
        first, last = int(study.offsets[i]), int(study.offsets[i + 1])
        reports = [
            Report(row - first, _resource(study, row), float(study.values[row]))
            for row in range(first, last)
            if not math.isnan(study.values[row])
        ]
        trials.append(Trial(i, Status(int(study.status[i])), first, last - first, reports))
    return trials


# ---------------------------------------------------------------------------------------- clocks


def _one_after_another(
    study: Study,
    rule: Rule | None,
    trials: list[Trial],
    launch: list[int],
    decisions: list[Decision],
    stop_latency_s: float,
) -> tuple[list[float], list[float]]:
    """Clock order: each trial has ended before the next one starts."""
    for i in launch:
        trial = trials[i]
        for ordinal in range(1, len(trial.reports) + 1):
            if trial.stopped and ordinal not in trial.to_make:
                break
            _make_report(study, rule, trials, i, ordinal, decisions, stop_latency_s)
        trial.ended, trial.off, trial.gone = not trial.stopped, trial.stopped, trial.stopped
    unknown = [math.nan] * len(trials)
    return unknown, list(unknown)


@dataclass(frozen=True)
class Event:
    time: float
    kind: int  # END or REPORT
    ordinal: int | None  # of the report made at this event, from 1; None if there is none
    training_only: bool = False  # the end of a stopped trial's training, before its upload
    refills: bool = False  # the slot that it has left takes the next trial


def recorded_gap(study: Study) -> float:
    """The median time from a job's end to the next start in its slot; 0 if there is none to see.

    As many slots as ran at once at any start; each later start takes the slot free for longest.
    """
    begun = [i for i in range(study.n_trials) if math.isfinite(study.start[i])]
    if any(study.offsets[i] < study.offsets[i + 1] for i in set(range(study.n_trials)) - {*begun}):
        return 0.0
    ends = {i: float(study.end[i]) for i in begun if math.isfinite(study.end[i])}
    for i in set(begun) - {*ends}:
        if study.status[i] != Status.RUNNING:
            return 0.0
        ends[i] = math.inf
    starts = sorted(float(study.start[i]) for i in begun)
    slots = max(
        (
            sum(study.start[i] <= t and (ends[i] > t or study.start[i] == t) for i in begun)
            for t in starts
        ),
        default=0,
    )
    free = sorted(end for end in ends.values() if math.isfinite(end))
    return median([t - free.pop(0) for t in starts[slots:]] or [0.0])


def _by_events(
    study: Study,
    rule: Rule | None,
    trials: list[Trial],
    launch: list[int],
    decisions: list[Decision],
    *,
    workers: int | None,
    startup_s: float,
    stop_latency_s: float,
    upload_s: float | None,
    slot_gap_s: float,
    as_recorded: bool,
) -> tuple[list[float], list[float]]:
    """Clocks recorded (workers=None) and simulated: the next event is the least of all.

    Events are compared by (time, kind, place in launch order).
    """
    n = len(trials)
    start, end = [math.nan] * n, [math.nan] * n
    natural_end = [math.nan] * n
    coming: list[list[Event]] = [[] for _ in range(n)]  # of each trial, in its own order
    waiting = list(launch)

    def launch_next(time: float) -> None:
        i = waiting.pop(0)
        start[i] = time
        first_second = time + startup_s
        natural_end[i] = first_second + _duration(study, i)
        coming[i] = _timeline(study, trials[i], first_second, natural_end[i], as_recorded)

    if workers is None:
        if study.elapsed is None:
            raise ValueError("the recorded clock needs elapsed seconds")
        for i in launch:
            start[i] = float(study.start[i])
            natural_end[i] = _recorded_end(study, i)
            if trials[i].n_rows and (math.isnan(start[i]) or math.isnan(natural_end[i])):
                raise ValueError(f"the recorded clock needs start and end of trial {i}")
            coming[i] = _timeline(study, trials[i], start[i], natural_end[i], as_recorded)
    else:
        for _ in range(min(workers, n)):
            launch_next(0.0)

    while True:
        heads = [
            (coming[i][0].time, coming[i][0].kind, place, i)
            for place, i in enumerate(launch)
            if coming[i]
        ]
        if not heads:
            break
        time, kind, _, i = min(heads)
        event = coming[i].pop(0)
        trial = trials[i]
        if event.ordinal is not None:
            was_stopped = trial.stopped
            _make_report(study, rule, trials, i, event.ordinal, decisions, stop_latency_s)
            if trial.stopped and not was_stopped:
                tail = _recorded_tail(study, i, clock_is_recorded=workers is None)
                upload = tail if upload_s is None else upload_s
                free = min(time + stop_latency_s + upload, natural_end[i])
                coming[i] = [e for e in coming[i] if e.ordinal in trial.to_make]
                trained = min(time + stop_latency_s, natural_end[i])
                coming[i] += [Event(trained, END, None, True), Event(free, END, None)]
        if event.refills:
            if waiting:
                launch_next(time)
        elif event.training_only:
            trial.off = True
        elif kind == END:
            end[i] = time
            trial.ended, trial.gone = not trial.stopped, trial.stopped
            if workers is not None and waiting:
                if slot_gap_s:
                    coming[i].append(Event(time + slot_gap_s, END, None, refills=True))
                else:
                    launch_next(time)
    if workers is None:
        for trial in trials:
            if trial.n_rows == 0:
                end[trial.index] = float(study.end[trial.index])  # no event, perhaps unknown
    return start, end


def _timeline(
    study: Study, trial: Trial, first_second: float, natural_end: float, as_recorded: bool
) -> list[Event]:
    """A trial's reports and its natural end, in its own order.

    The last row's report and an end at the same time are one event, of kind END. An end that is
    infinite never comes.
    """
    events = []
    for ordinal, report in enumerate(trial.reports, start=1):
        time = first_second + _row_second(study, trial.index, report.row)
        is_last_row = report.row == trial.n_rows - 1
        ends_there = is_last_row and time == natural_end
        # A running trial's last row is not its last: what follows was not recorded any more.
        status = study.status[trial.index]
        cut = status == Status.RUNNING or (as_recorded and status == Status.STOPPED)
        kind = END if ends_there and not cut else REPORT
        events.append(Event(time, kind, ordinal))
    end_stands = bool(events) and events[-1].kind == END
    if math.isfinite(natural_end) and not end_stands:
        events.append(Event(natural_end, END, None))
    return events


def _resource(study: Study, row: int) -> int:
    """Units of training done at a row of the study's columns, whatever its log counts from."""
    return int(study.steps[row]) + study.done_at_zero


def _row_second(study: Study, i: int, row: int) -> float:
    """Seconds from the trial's start to its row; without elapsed one step is one second."""
    at = int(study.offsets[i]) + row
    return float(_resource(study, at)) if study.elapsed is None else float(study.elapsed[at])


def _last_second(study: Study, i: int) -> float:
    """Seconds from the trial's start to its last row, 0 without rows."""
    n_rows = int(study.offsets[i + 1] - study.offsets[i])
    return _row_second(study, i, n_rows - 1) if n_rows else 0.0


def _duration(study: Study, i: int) -> float:
    """Natural length in seconds: end - start if both are known, never less than the last row.

    Without report times steps stand for seconds, so recorded seconds do not count.
    """
    if study.elapsed is None:
        return _last_second(study, i)
    length = float(study.end[i]) - float(study.start[i])
    return _last_second(study, i) if math.isnan(length) else max(length, _last_second(study, i))


def _recorded_end(study: Study, i: int) -> float:
    """Natural end in the recorded clock; infinite for a trial that was still running."""
    if study.status[i] == Status.RUNNING:
        return math.inf
    end = float(study.end[i])
    if math.isnan(end):
        return end
    if study.offsets[i + 1] == study.offsets[i]:
        return end
    return max(end, float(study.start[i]) + _last_second(study, i))


def _recorded_tail(study: Study, i: int, *, clock_is_recorded: bool) -> float:
    """Seconds between the last row and the end of the job: upload and clean-up, as recorded."""
    if clock_is_recorded and study.status[i] == Status.RUNNING:
        return 0.0
    return _duration(study, i) - _last_second(study, i)


# ---------------------------------------------------------------------------------- one report


def _make_report(
    study: Study,
    rule: Rule | None,
    trials: list[Trial],
    i: int,
    ordinal: int,
    decisions: list[Decision],
    stop_latency_s: float,
) -> None:
    """Trial i makes its report of this ordinal (from 1): show it, judge it, stop if due."""
    trial = trials[i]
    trial.shown = trial.reports[:ordinal]
    if rule is None:
        return
    decision = decide(study, rule, trials, trial)
    decisions.append(decision)
    if decision.stop:
        trial.told_at, trial.told = ordinal, decision
    if trial.told_at is not None and ordinal == trial.told_at + rule.delay:
        row = trial.shown[-1].row
        trial.trained = _row_second(study, i, row) + stop_latency_s
        trial.rows_made = row + 1
        if stop_latency_s > 0:
            while trial.rows_made < trial.n_rows:
                if _row_second(study, i, trial.rows_made) > trial.trained:
                    break
                trial.rows_made += 1
        trial.trained = min(trial.trained, _last_second(study, i))
        trial.stopped = trial.rows_made < trial.n_rows or study.status[i] == Status.RUNNING


def decide(study: Study, rule: Rule, trials: list[Trial], trial: Trial) -> Decision:
    """The decision at the trial's newest report."""
    here = trial.shown[-1]
    peers = _peer_statistics(study, rule, trials, trial)
    own = _own_statistic(study, rule, trial) if _own_side_is_judged(rule, trial) else None
    threshold = None
    stop = False
    enough = len(peers) >= rule.min_peers
    if own is not None and enough and _completed_gates_are_open(rule, trials, here.step):
        threshold = _quantile(rule, _best_first(study, peers))
        if not math.isnan(threshold):
            worse = _says_stop(study, rule, own, threshold)
            goes_on = not worse or _is_protected(study, rule, own, peers)
            trial.against = 0 if goes_on else trial.against + 1
            stop = not goes_on and trial.against >= rule.consecutive
    return Decision(
        trial=trial.index,
        report=trial.first_row + here.row,
        step=here.step - study.done_at_zero,  # as the log counts
        own=own,
        threshold=threshold,
        peers=len(peers),
        stop=stop,
    )


def _own_side_is_judged(rule: Rule, trial: Trial) -> bool:
    if trial.told_at is not None:
        return False
    places = [_place(rule, number, r) for number, r in enumerate(trial.shown, start=1)]
    here = places[-1]
    if here < rule.warmup_steps:
        return False
    bucket = (here - rule.warmup_steps) // rule.interval
    earlier_buckets = [
        (earlier - rule.warmup_steps) // rule.interval
        for earlier in places[:-1]
        if earlier >= rule.warmup_steps
    ]
    return bucket not in earlier_buckets and len(trial.shown) >= rule.min_reports


def _place(rule: Rule, number: int, report: Report) -> int:
    """Where a report stands: its step, or its number, from 1, where trials meet by number."""
    return number if rule.match == "number" else report.step


def _completed_gates_are_open(rule: Rule, trials: list[Trial], step: int) -> bool:
    if rule.min_completed == 0 and rule.warmup_share == 0:
        return True
    completed = [t for t in trials if t.completed]
    if len(completed) < rule.min_completed:
        return False
    if rule.warmup_share > 0:
        if not completed:
            return False
        last_steps = [t.reports[-1].step for t in completed]
        if step < rule.warmup_share * (sum(last_steps) / len(last_steps)):
            return False
    return True


def _is_protected(study: Study, rule: Rule, own: float, peers: list[float]) -> bool:
    """Whether fewer than `protect` places are taken by peers that are better; equals share one."""
    sign = 1 if study.direction == "minimize" else -1
    better = {peer for peer in peers if sign * peer < sign * own}
    return len(better) < rule.protect


def _says_stop(study: Study, rule: Rule, own: float, threshold: float) -> bool:
    if math.isnan(threshold):
        return False
    if math.isinf(threshold):
        tie = own == threshold
    else:
        tie = abs(own - threshold) <= rule.tolerance * abs(threshold)
    if tie:
        return not rule.strict
    return own > threshold if study.direction == "minimize" else own < threshold


# ---------------------------------------------------------------------------------- statistics


def _own_statistic(study: Study, rule: Rule, trial: Trial) -> float | None:
    kind = {"current": "value", "best": "best", "average": "average"}[rule.own]
    return _statistic(study, rule, kind, trial.shown)


def _peer_statistics(study: Study, rule: Rule, trials: list[Trial], trial: Trial) -> list[float]:
    """The statistics, at the trial's newest report, of all peers that have one there."""
    here, number = trial.shown[-1], len(trial.shown)
    found = []
    for other in trials:
        if other is trial:
            continue
        if _is_in_pool(rule, other):
            value = _statistic_at(study, rule, other, here.step, number)
            if value is not None:
                found.append(value)
    if rule.include_self:
        value = _statistic(study, rule, rule.peer, trial.shown)
        if value is not None:
            found.append(value)
    return found


def _is_in_pool(rule: Rule, other: Trial) -> bool:
    failed = other.ended and other.status == Status.FAILED
    if rule.pool == "reached":  # what it has not yet shown does not count
        return rule.failed_peers or not failed
    if rule.pool == "completed":
        return other.completed
    return _has_ended(rule, other)


def _has_ended(rule: Rule, other: Trial) -> bool:
    """Whether the trial counts as ended, by its own end or by a stop."""
    if other.stopped:
        return other.off if rule.peer_from == "stop" else other.gone
    failed = other.ended and other.status == Status.FAILED
    return other.ended and (rule.failed_peers or not failed)


def _carries(rule: Rule, other: Trial) -> bool:
    """Whether the peer counts beyond its last report."""
    return rule.short == "carry" and _has_ended(rule, other)


def _statistic_at(study: Study, rule: Rule, other: Trial, step: int, number: int) -> float | None:
    """The peer's statistic at the place compared, None if it does not count there."""
    shown = len(other.shown)
    if shown == 0:
        return None
    if rule.match == "number":
        beyond = number > shown
        there = not beyond
        until_here = min(number, shown)
    else:
        beyond = step > other.steps[shown - 1]
        until_here = bisect_right(other.steps, step, hi=shown)  # reports up to the step
        at_step = until_here > 0 and other.steps[until_here - 1] == step
        there = at_step if rule.match == "step" else not beyond
    if there or (beyond and _carries(rule, other)):
        return _peer_statistic(study, rule, other, until_here)
    return None


def _peer_statistic(study: Study, rule: Rule, other: Trial, n: int) -> float | None:
    """The peer's statistic over its first n reports: always the same, so kept once known."""
    if n not in other.known:
        other.known[n] = _statistic(study, rule, rule.peer, other.reports[:n])
    return other.known[n]


def _statistic(study: Study, rule: Rule, kind: str, reports: list[Report]) -> float | None:
    """Running average, value or best so far, at the last of these reports."""
    values = [report.value for report in reports]
    if kind == "average":
        values = [
            report.value
            for number, report in enumerate(reports, start=1)
            if _place(rule, number, report) >= rule.average_from
        ]
    if not values:
        return None
    if kind == "value":
        return values[-1]
    if kind == "best":
        return min(values) if study.direction == "minimize" else max(values)
    mean = sum(values) / len(values)
    return None if math.isnan(mean) else mean


def _best_first(study: Study, values: list[float]) -> list[float]:
    return sorted(values, reverse=study.direction == "maximize")


def _quantile(rule: Rule, best_first: list[float]) -> float:
    position = (len(best_first) - 1) * rule.quantile
    low = math.floor(position)
    part = position - low
    if part == 0:
        return best_first[low]
    a, b = best_first[low], best_first[low + 1]
    if rule.method == "lower":
        return a
    if rule.method == "higher":
        return b
    if rule.method == "midpoint":
        return (a + b) / 2
    return a + part * (b - a) if part < 0.5 else b - (b - a) * (1 - part)
