"""Every candidate as the service that runs a probe's jobs, many rules at a time."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

import esim
from esim.assumptions import Clock, Costs
from esim.rules import Rule
from esim.rules.candidates import Candidate, answers, asked
from esim.simulator.jobs import StopEffects, stop_effects
from esim.simulator.kernels.arguments import Criteria
from esim.simulator.kernels.timed import run_timed
from esim.simulator.plan.build import CRITERIA, prepare, with_criteria
from esim.simulator.plan.columns import NOTHING
from esim.simulator.plan.plan import Plan
from esim.simulator.run import times_of
from esim.study import Study
from tests.references.generate import build

Pairs = NDArray[np.int64]  # [K, 2]
Reports = tuple[tuple[int, float], ...]

EPOCH_S, UPLOAD_S, GAP_S = 180, 127.0, 244.0
LETTERS = asked(parents=False)
_SHARED = sorted(Rule.__dataclass_fields__.keys() - CRITERIA)


def study_of(curves: Sequence[Reports], workers: int, late: Sequence[float] = ()) -> Study:
    """The jobs as they would be if no rule ran, with reports when `train.py` makes them.

    Args:
        curves: the reports of each job, in launch order.
        workers: jobs at a time.
        late: seconds by which each script starts late; empty: none does.
    """
    steps = [[e for e, _ in rows] for rows in curves]
    begin = late or [0.0] * len(curves)
    elapsed = [
        [begin[number] + EPOCH_S * (e + (number % workers) / workers) for e, _ in rows]
        for number, rows in enumerate(curves)
    ]
    return build(steps, [[v for _, v in rows] for rows in curves], elapsed=elapsed)


@dataclass(frozen=True)
class _Alike:
    """Rules that share a plan and the delay of a stop, and their places among all."""

    rule: Rule
    at: NDArray[np.int64]
    criteria: list[Criteria]


class Services:
    """Services that run the same jobs, each under a rule of its own."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.many = len(rules)
        groups: dict[Hashable, list[int]] = {}
        for at, rule in enumerate(rules):
            groups.setdefault((self._key(rule), rule.delay), []).append(at)
        # What a rule is to the kernels does not depend on the jobs, as long as all complete.
        blank, plans = study_of([((1, 1.0),)], 1), dict[Hashable, Plan]()
        self.alike = []
        for its in groups.values():
            first = rules[its[0]]
            plan = plans.setdefault(self._key(first), prepare(blank, first))
            criteria = [with_criteria(plan, rules[at]).arrays.rule for at in its]
            self.alike.append(_Alike(first, np.array(its), criteria))
        self.delay = np.array([rule.delay for rule in rules])
        self.delays = {one.rule.delay: one for one in self.alike}.items()

    @staticmethod
    def _key(rule: Rule) -> Hashable:
        return tuple(getattr(rule, name) for name in _SHARED)

    def records(
        self,
        curves: Sequence[Reports],
        workers: int,
        gap_s: float = GAP_S,
        late: Sequence[float] = (),
    ) -> NDArray[np.int32]:
        """What each does to the jobs: int32 [R, N], twice the reports kept, + 1 if it was stopped.

        Args:
            curves, workers, late: as for `study_of`.
            gap_s: seconds from the end of a job to the start of the next.
        """
        study, clock = study_of(curves, workers, late), Clock("simulated", workers)
        costs = Costs(upload_s=UPLOAD_S, slot_gap_s=gap_s)
        n, plans = study.n_trials, dict[Hashable, Plan]()
        kept = np.zeros((self.many, n), dtype=np.int32)
        order, spans = np.arange(n)[None], np.empty((1, n, 2))
        for one in self.alike:
            key = self._key(one.rule)
            if key not in plans:
                plans[key] = prepare(study, one.rule)
        # All plans are of the same reports, so that a stop's effects depend on its delay alone.
        plan = next(iter(plans.values()))
        effects = {d: stop_effects(replace(plan, rule=one.rule), costs) for d, one in self.delays}
        times = times_of(plan, clock, costs, StopEffects(NOTHING), True)
        for one in self.alike:
            its, effect = plans[self._key(one.rule)], effects[one.rule.delay]
            some = np.zeros((len(one.at), n), dtype=np.int32)
            since = times.seconds if effect.since is None else effect.since
            plan_arrays, *curves = its.arguments(effect.made)
            now, state = times._replace(since=since), its.state()
            for criteria, its_kept in zip(one.criteria, some[:, None], strict=True):
                of_rule = plan_arrays._replace(rule=criteria)
                run_timed(order, -1, its_kept, spans, of_rule, *curves, state, now, None)
            kept[one.at] = some
        stopped, rows = plan.stopped(kept), plan.rows_kept(kept)
        for delay, effect in effects.items():
            if effect.rows is not None:
                its = (self.delay == delay)[:, None] & stopped
                told = np.where(its, plan.first + kept - 1, 0)
                rows = np.where(its, effect.rows[told], rows)
        return (2 * rows + stopped).astype(np.int32)


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
