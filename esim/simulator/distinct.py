"""Which of many readings of a rule do something else on some studies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from esim.assumptions import Clock, Costs
from esim.rules import Reading, Rule
from esim.simulator.plan.build import prepare
from esim.simulator.run import run_many
from esim.study import Study

ORDERS = 10  # launch orders in which they are compared, the recorded one first


def distinct_readings(
    studies: Sequence[Study], rule: Rule, readings: Sequence[Reading], clock: Clock
) -> tuple[Reading, ...]:
    """The readings without those that keep the same reports as an earlier one.

    They are compared in `ORDERS` launch orders of each study, one trial after another and by the
    clock; the answer of a reading that stands for others says for how many.

    Args:
        studies: what they are compared on.
        rule: the rule that they change.
        readings: the readings; the first is always among those returned.
        clock: one that the studies can be replayed by.

    >>> import esim
    >>> from esim.rules import Reading
    >>> study = esim.Study.from_arrays([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]], "minimize")
    >>> readings = [Reading("a", "", "one"), Reading("b", "", "two", {"own": "best"}),
    ...             Reading("c", "", "three", {"min_peers": 2})]
    >>> found = distinct_readings([study], esim.rule("sagemaker"), readings, Clock("order"))
    >>> [reading.answer for reading in found]
    ['one and 1 more', 'three']
    """
    rng = np.random.default_rng(0)
    orders = [
        np.stack([np.arange(n), *(rng.permutation(n) for _ in range(ORDERS - 1))])
        for n in (study.n_trials for study in studies)
    ]
    clocks = dict.fromkeys((Clock("order"), clock))
    alike: dict[tuple[bytes, ...], list[Reading]] = {}
    for reading in readings:
        changed = rule.with_columns(**reading.columns)
        kept = (
            run_many(plan, one, Costs(), its).rows_kept.tobytes()
            for plan, its in zip((prepare(s, changed) for s in studies), orders, strict=True)
            for one in clocks
        )
        alike.setdefault(tuple(kept), []).append(reading)
    return tuple(
        replace(same[0], answer=f"{same[0].answer} and {len(same) - 1} more")
        if len(same) > 1
        else same[0]
        for same in alike.values()
    )
