"""What hangs on the launch order of trials that started at the same recorded moment."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike

from esim.assumptions import Clock, Costs
from esim.errors import plural
from esim.results.replay import Caveat
from esim.rules import Rule
from esim.simulator.job_end import Until, play_many
from esim.simulator.plan.build import prepare
from esim.simulator.trial_outcomes import outcomes_of_trials
from esim.study import Int64, Study

ORDERS = 100  # launch orders of the tied that are replayed, at most
REPORTS = 2_000_000  # reports that are replayed for them, a fifth of a second; but at least
_FEWEST = 10  # orders


def tied_starts(
    study: Study, rule: Rule, clock: Clock, costs: Costs, until: Until
) -> Iterator[Caveat]:
    """A caveat where the saved share of steps hangs on the launch order of equal starts.

    A record does not tell which of two trials with the same start came first; readers settle it by
    name. The study is replayed in all orders of the tied trials where they are at most `ORDERS`,
    else in so many of them, drawn with a fixed seed; in fewer if it is long (`REPORTS`).

    Args:
        study: the replayed study.
        rule, clock, costs, until: of the replay.

    Yields:
        One caveat, or none: where no starts are equal, or where no order moves the share by
        a tenth of a per cent.
    """
    groups = _tied(study)
    if not groups:
        return
    most = max(_FEWEST, REPORTS // max(study.n_reports, 1))
    orders = _orders(study.n_trials, groups, min(most, ORDERS))
    runs = play_many(prepare(study, rule), clock, costs, until, orders)
    trials = outcomes_of_trials(study, costs, until.final, runs)
    run, recorded = trials.run.steps.sum(axis=-1), trials.recorded.steps.sum()
    if recorded == 0:
        return
    low, high = (f"{100.0 * (1.0 - steps / recorded):.1f}" for steps in (run.max(), run.min()))
    if low == high:
        return
    yield Caveat(
        "tied_starts",
        f"{plural(sum(map(len, groups)), 'trial')} started at the same moment as another, and "
        f"which came first is not recorded: over {plural(len(orders), 'order')} of them the rule "
        f"saves {low} % to {high} % of the steps; logs with finer start times tell",
    )


def _tied(study: Study) -> list[Int64]:
    """The positions of the trials with reports of each start that several have."""
    reporting = np.flatnonzero((study.lengths > 0) & np.isfinite(study.start))
    starts, group = np.unique(study.start[reporting], return_inverse=True)
    return [
        reporting[group == shared]
        for shared in np.flatnonzero(np.bincount(group, minlength=len(starts)) > 1)
    ]


def _orders(trials: int, groups: list[Int64], most: int) -> Int64:
    """Launch orders in which tied trials change places: int64 [O, trials], the recorded one first.

    Args:
        trials: how many trials there are.
        groups: the positions of the trials of each shared start.
        most: bounds O.
    """
    shuffles: Iterable[Sequence[ArrayLike]]
    if math.prod(math.factorial(min(len(group), most)) for group in groups) <= most:
        shuffles = itertools.product(*(itertools.permutations(group.tolist()) for group in groups))
    else:
        rng = np.random.default_rng(0)
        drawn = ([rng.permutation(group) for group in groups] for _ in range(most - 1))
        shuffles = itertools.chain([groups], drawn)
    orders = []
    for shuffled in shuffles:
        order = np.arange(trials, dtype=np.int64)
        for group, members in zip(groups, shuffled, strict=True):
            order[group] = members
        orders.append(order)
    return np.stack(orders)
