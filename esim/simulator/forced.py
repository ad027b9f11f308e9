"""What rules decide on a study as it was recorded, whose trials they do not stop.

A replay lets a rule act: what it stops changes whom later trials are compared with. Here each
report is judged by the pool as it was recorded at that moment, so that the decisions of many rules
can be held against what did happen, whatever search chose the configurations. The kernels of a
replay decide.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from esim.assumptions import Clock, Costs
from esim.rules import Rule
from esim.simulator.decisions import decision_columns
from esim.simulator.jobs import stop_effects
from esim.simulator.kernels.engine import EVERY, UNSEEN
from esim.simulator.plan.build import CRITERIA, prepare, with_criteria
from esim.simulator.plan.plan import Plan
from esim.simulator.plan.ranking import in_threads
from esim.simulator.run import run_once, with_first_completed
from esim.study import Int64, Status, Study
from esim.study.batch import Batch
from esim.study.times import last_second

NEVER = np.iinfo(np.int32).max  # the rows of a trial that no decision ends

# What rules share a plan by, and a run.
_of_plan = attrgetter(*(f.name for f in fields(Rule) if f.name not in CRITERIA), "peer_from")
_of_run = attrgetter(*sorted(CRITERIA - {"name", "source", "delay"}))

_OF_RULE = ("rule", "flags")  # the arrays of a plan that `with_criteria` makes anew


@dataclass(frozen=True)
class Decisions:
    """The first decision to stop of each of C rules on each of N trials, in rows of the study.

    Attributes:
        told: int32 [C, N], how many rows the trial has made when the rule first says stop; NEVER:
            it never does.
        ends: int32 [C, N], how many it makes in all, with the rule's delay; NEVER: its end comes
            first.
        latest: int32 [C, N], the same if the stop takes up to the latency on top.
    """

    told: NDArray[np.int32]
    ends: NDArray[np.int32]
    latest: NDArray[np.int32]


def forced_decisions(
    study: Study,
    rules: Sequence[Rule],
    clock: Clock,
    *,
    latency_s: float = 0.0,
    threads: int | None = None,
    advance: Callable[[int], None] = lambda rules: None,
) -> Decisions:
    """What each rule first decides on each trial of a study as it was recorded.

    Args:
        study: the recorded trials.
        rules: C rules. Those that differ only in what kernels read by themselves share a plan, and
            those that differ only in their delay a run.
        clock: "recorded"; or "order", by which a trial has ended once the next is launched.
        latency_s: seconds that a stop may take, on top of the rule's delay, to end the training.
        threads: how many threads work; None: as many as the machine has cores. The result does not
            depend on it.
        advance: called with the number of rules that were gone through since the last call.

    Raises:
        EsimError: a rule cannot be planned on this study.

    >>> import esim
    >>> study = esim.Study.from_arrays([[3.0, 2.0, 1.0], [5.0, 4.0, 4.0]], direction="minimize")
    >>> rules = [esim.rule("sagemaker"), esim.rule("sagemaker", delay=1)]
    >>> forced_decisions(study, rules, Clock("order")).ends[:, 1].tolist()
    [1, 2]
    """
    shape = len(rules), study.n_trials
    found = Decisions(*(np.full(shape, NEVER, dtype=np.int32) for _ in range(3)))
    known: dict[Hashable, Int64] = {}
    for places in _alike(rules, range(len(rules)), _of_plan):
        plan = forced_plan(study, rules[places[0]], clock)
        runs = _alike(rules, places, _of_run)
        judgements = _judgements(plan, [rules[same[0]] for same in runs], clock, known, threads)
        for delay in {rules[at].delay for at in places}:
            rows = _rows_made(plan, delay, latency_s)
            for judgement, same in zip(judgements, runs, strict=True):
                its = judgement >= 0
                at_judgement = (plan.first + judgement)[its]
                for at in same:
                    if rules[at].delay == delay:
                        for column, made in zip(vars(found).values(), rows, strict=True):
                            column[at, its] = made[at_judgement]
        advance(len(places))
    return found


def _alike(rules: Sequence[Rule], places: Sequence[int], key: Any) -> list[list[int]]:
    """Those of some places in a list of rules, by what is the same of their rules."""
    found: dict[Any, list[int]] = {}
    for at in places:
        found.setdefault(key(rules[at]), []).append(at)
    return list(found.values())


def forced_plan(study: Study, rule: Rule, clock: Clock) -> Plan:
    """The plan of a rule on a study whose trials end as they were recorded.

    Trials that were stopped when they were recorded are stopped trials to the rule: their last
    report, which they might have gone on from, comes before their end even at the same moment.
    """
    cut = study.which(Status.STOPPED)
    plan = _with_unseen(prepare(study, rule), cut)
    if rule.waits_for_first:
        plan = _with_unseen(with_first_completed(plan, clock, Costs()), cut)
    if rule.peer_from == "stop" and clock.mode != "order":
        end = np.where(cut, study.start + last_second(study), study.end)
        plan = replace(plan, batch=Batch.of([replace(study, end=end)]))
    if rule.again == "completed" and plan.end_rank is not None:
        of_cut = np.repeat(cut, np.diff(plan.arrays.offsets))
        plan = replace(plan, end_rank=np.where(of_cut, np.int32(-1), plan.end_rank))
    return plan


def _with_unseen(plan: Plan, cut: NDArray[np.bool_]) -> Plan:
    """The plan in which more would have followed the last report of some trials. bool [N]"""
    flags = plan.arrays.flags.copy()
    flags[:, UNSEEN] |= cut
    return replace(plan, arrays=plan.arrays._replace(flags=flags))


def forced_rows(study: Study, rule: Rule, clock: Clock, trial: int) -> dict[str, Any]:
    """What a rule decides at each report of one trial of a study as it was recorded.

    Args:
        study, clock: as for `forced_decisions`.
        rule: the rule.
        trial: the trial's position in the study.

    Returns:
        The columns of `decision_columns`, a row for each judgement of the trial.
    """
    plan = forced_plan(study, rule, clock)
    run = run_once(plan, clock, Costs(), probe=EVERY, traced=True)
    return decision_columns(plan, run, plan.judgements(trial))


def _judgements(
    plan: Plan,
    rules: Sequence[Rule],
    clock: Clock,
    known: dict[Hashable, Int64],
    threads: int | None,
) -> list[Int64]:
    """For each rule the first judgement of each trial at which it says stop, int64 [N]; -1: none.

    What reads the same numbers decides the same: it is run once, and kept in `known`.
    """
    plans = [with_criteria(plan, rule) for rule in rules]
    digest = _digest(plan)
    # No trial is stopped here, so from when a stopped one would be a peer makes no difference.
    keys = [
        (digest, one.arrays.rule._replace(from_stop=False), one.arrays.flags.tobytes())
        for one in plans
    ]
    new = {key: one for key, one in zip(keys, plans, strict=True) if key not in known}
    known.update((key, np.empty(plan.study.n_trials, dtype=np.int64)) for key in new)
    waiting = list(new.items())
    workers = threads or os.cpu_count() or 1

    def judge(some: Sequence[tuple[Hashable, Plan]]) -> None:
        for key, one in some:
            known[key][:] = run_once(one, clock, Costs(), probe=EVERY).decided

    in_threads([partial(judge, waiting[w::workers]) for w in range(workers)], workers)
    return [known[key] for key in keys]


def _digest(plan: Plan) -> bytes:
    """Of all that a run reads of a plan but the rule's criteria and the flags of trials."""
    found = hashlib.sha256()
    arrays = [array for name, array in plan.arrays._asdict().items() if name not in _OF_RULE]
    for array in (*arrays, plan.statistic, plan.rank, plan.end_rank, plan.curve, plan.study.end):
        found.update(b"none" if array is None else np.ascontiguousarray(array).data)
        found.update(b"|")
    return found.digest()


def _rows_made(plan: Plan, delay: int, latency_s: float) -> tuple[Int64, Int64, Int64]:
    """`Decisions.told`, `ends` and `latest` if the first decision is each judgement. [E] each"""
    counts = np.diff(plan.arrays.offsets)
    row = np.arange(len(plan.values)) if plan.row_of is None else plan.row_of
    told = row + 1 - np.repeat(plan.study.offsets[:-1], counts)
    delayed = replace(plan, rule=replace(plan.rule, delay=delay))
    at_once, late = (stop_effects(delayed, Costs(stop_latency_s=s)) for s in (0.0, latency_s))
    if at_once.rows is None:
        return told, told, told if late.rows is None else late.rows
    in_time = at_once.made <= np.repeat(counts, counts)
    ends = np.where(in_time, at_once.rows, NEVER)
    return told, ends, ends if late.rows is None else np.where(in_time, late.rows, NEVER)
