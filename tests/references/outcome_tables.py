"""Made-up outcomes of contestants on studies, in place of replays: the truth of each is known."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

import esim
from esim.analyses.compare.contestants import Contestant, Field
from esim.analyses.compare.kept_numbers import keep_numbers
from esim.analyses.compare.statistics import first_shares, ranks
from esim.analyses.compare.study_replays import LOSS, RECORDED_NUMBERS, StudyReplays
from esim.assumptions import Clock, Costs
from esim.results.comparison.comparison import Settings
from esim.study import Float64, Study
from esim.study.facts import Facts, facts

ACCEPTED = 0.05


@cache
def _facts(name: str) -> Facts:
    """Of some study of that name; nothing that is made up depends on it."""
    return facts(Study.from_arrays([[1.0], [2.0], [3.0]], "minimize", name=name))


def replays_of(saved: Float64, loss: Float64) -> list[StudyReplays]:
    """Studies with these outcomes.

    Args:
        saved, loss: float64 [S, R], of each study and contestant: the steps saved, and the signed
            normalized degradation. NaN = unknown.
    """
    found = []
    for s, (saves, loses) in enumerate(zip(saved, loss, strict=True)):
        cut = np.maximum(loses, 0.0)
        one = np.stack([saves, loses, cut, loses <= 0.0, cut <= ACCEPTED])[:, :, None]
        names = ("steps_saved_fraction", "degradation_normalized", LOSS, "best_kept", "within")
        numbers = dict(zip(names, np.repeat(one, 2, axis=2), strict=True))
        placed = ranks(one[0], one[2], ACCEPTED)
        found.append(
            StudyReplays(
                study=_facts(f"made up {s}"),
                clock=Clock("order"),
                orders_clock=Clock("order"),
                recorded=np.full((len(RECORDED_NUMBERS), len(saves)), np.nan),
                best_recorded=None,
                summaries=(),
                orders=keep_numbers(numbers),
                workers={},
                first_stop=np.full(len(saves), np.nan),
                reach=None,
                ranks=placed,
                first=first_shares(placed),
            )
        )
    return found


def field_of(contestants: int) -> Field:
    """So many contestants, all ranked."""
    rule = esim.rule("sagemaker")
    return Field(tuple(Contestant(str(r), rule, {}) for r in range(contestants)), {})


def settings_of(orders: int = 2, workers_table: Sequence[int] = ()) -> Settings:
    """The settings of a comparison of made-up outcomes."""
    return Settings(
        seed=0, orders=orders, confidence=0.95, bootstrap=200, saved="steps",
        max_degradation=ACCEPTED, clock=None, workers=None, workers_table=tuple(workers_table),
        workers_orders=orders, final="last", grid={}, costs=Costs(),
    )  # fmt: skip
