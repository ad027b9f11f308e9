"""Judgements in a row that go against a trial, and the best that go on: by hand and by twins."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
import pytest

import esim
from esim.analyses.explain.explain import explain
from tests.references.curves import KINDS, curves
from tests.references.drive import drive, esim_verdicts
from tests.references.twins import OptunaSha, RayAsha, Twin

# Peers a, b: running averages 1, 1, 1, 1, 1 and, until it is stopped, 2, 2, ...
A, B = [1.0, 1, 1, 1, 1], [2.0, 2, 2, 2, 2]


def kept(values: list[list[float]], direction: str = "minimize", **columns: Any) -> list[int]:
    """The reports that trials make one after another under the literal rule with these columns."""
    study = esim.Study.from_arrays(values, direction)  # type: ignore[arg-type]
    found = esim.replay(study, esim.rule("sagemaker", **columns), "order")
    return found.columns.reports_kept.tolist()


def test_a_better_report_breaks_the_row() -> None:
    # c against a alone (b has stopped at 1): worse, better, worse, worse: 2 in a row at step 4.
    c = [2.0, 0, 2, 2, 0]
    assert kept([A, c]) == [5, 1]
    assert kept([A, c], consecutive=2) == [5, 4]
    assert kept([A, c], consecutive=3) == [5, 5]
    assert kept([[-v for v in t] for t in (A, c)], "maximize", consecutive=2) == [5, 4]


def test_the_first_stop_of_a_constant_curve_is_its_pth_judgement() -> None:
    assert [kept([A, B], consecutive=p)[1] for p in (1, 2, 3, 4)] == [1, 2, 3, 4]
    # The fifth judgement is its last report, where nothing is left to save.
    assert kept([A, B], consecutive=5) == [5, 5]


def test_reports_that_are_not_judged_neither_count_nor_break_the_row() -> None:
    # interval=2 from step 1: judged at 1, 3, 5; worse at 1 and 3, better at 2, which nobody judges.
    assert kept([A, [2.0, 0, 2, 0, 2]], consecutive=2, interval=2, warmup_steps=1) == [5, 3]
    # Step 2 has one peer only, as a has no report there, and min_peers=2 are wanted: not judged.
    nan = float("nan")
    peers = [[1.0, nan, 1, 1, 1], A]
    c = [2.0, 0, 2, 0, 2]
    columns = {"consecutive": 2, "min_peers": 2, "match": "step"}
    assert kept([*peers, c], **columns) == [4, 5, 3]  # a has 4 reports
    # With two peers there it is judged, and is better: the row is broken.
    assert kept([A, A, c], **columns) == [5, 5, 5]


def test_a_value_that_is_not_a_number_is_no_judgement() -> None:
    assert kept([A, [2.0, float("nan"), 2, 0, 0]], consecutive=2) == [5, 2]  # of steps 1 and 3


def test_the_row_goes_on_where_trials_run_side_by_side() -> None:
    study = esim.Study.from_arrays([[1.0, 1], B, [2.0, 0, 2, 2, 2]], "minimize")
    # Two slots: a (2 s) and b start; c starts at 2 as a ends. At step 2, after a's end, b is judged
    # for the first time against a's average at step 2: worse; beyond step 2 a has no report and
    # drops out. So b is never judged twice; nor is c: worse at 1, better at 2.
    rule = esim.rule("sagemaker", consecutive=2)
    found = esim.replay(study, rule, "simulated", 2)
    assert found.columns.reports_kept.tolist() == [2, 5, 5]
    decisions = found.decisions
    assert decisions[decisions.trial == study.trials[1]].stop.tolist() == [False] * 5


def test_the_best_go_on() -> None:
    # d = 3 at step 1 is held against running averages 1, 2 and 2: the median is 2, and two
    # different values are better. Third best: protect=3 lets it go on, protect=2 does not.
    trials = [A, [2.0] * 5, [2.0] * 5, [3.0] * 5]
    together = {"pool": "reached", "protect": 3}
    assert kept(trials, **together) == [5, 5, 5, 5]
    # c ties with the median of 1 and 2... 1.5, and is worse: 1 < 1.5 < 2, the second best.
    assert kept(trials, pool="reached", protect=2) == [5, 5, 5, 1]
    assert kept([[-v for v in t] for t in trials], "maximize", **together) == [5, 5, 5, 5]


def test_protection_breaks_the_row() -> None:
    # c: worse at every step, but second best at step 2, where b shows 5. One of a, b is better.
    trials = [A, [1.5, 5, 1.5, 1.5, 1.5], [2.0, 2, 2, 2, 2]]
    columns: dict[str, Any] = {"pool": "reached", "peer": "value", "match": "step", "quantile": 0.0}
    assert kept(trials, **columns) == [5, 1, 1]
    # b is second best at steps 1 (of a, b): it goes on. c is third at 1, second at 2, third at 3.
    assert kept(trials, **columns, protect=2) == [5, 5, 1]
    assert kept(trials, **columns, protect=2, consecutive=2) == [5, 5, 4]


@pytest.mark.parametrize(
    ("preset", "columns", "said"),
    [
        ("sagemaker", {"consecutive": 0}, "consecutive cannot be 0"),
        ("optuna-threshold", {"consecutive": 2}, "against=peers, leader or pairs"),
        ("katib-medianstop", {"consecutive": 2}, "never in a row"),
        ("sagemaker", {"protect": -1}, "protect cannot be -1"),
        ("optuna-wilcoxon", {"protect": 1}, "against=peers"),
        ("katib-medianstop", {"protect": 1}, "frozen=false"),
    ],
)
def test_what_means_nothing_is_refused(preset: str, columns: dict[str, Any], said: str) -> None:
    with pytest.raises(esim.EsimError, match="cannot be") as raised:
        esim.rule(preset, **columns)
    assert said in str(raised.value)


def test_an_explanation_counts_the_row() -> None:
    study = esim.Study.from_arrays([A, [2.0, 0, 2, 2, 0]], "minimize", names=["a", "c"])
    found = explain(study, "c", esim.rule("sagemaker", consecutive=2))
    said = [(row.verdict, row.reason, row.ran) for row in found.rows]
    assert said == [
        ("go on", "worse 1 of 2 times in a row", True),
        ("go on", "", True),
        ("go on", "worse 1 of 2 times in a row", True),
        ("stop", "", True),
        ("go on", "after the stop", False),
    ]
    assert found.account.startswith(
        "Stopped at step 4: its value 2 was higher (worse, minimizing) than 1, the running average "
        "of the only earlier trial, and so for 2 judgements in a row. "
    )
    spared = explain(study, "c", esim.rule("sagemaker", consecutive=3))
    assert spared.account == (
        "Not stopped: it was worse at 3 of its 5 judged reports, but never 3 times in a row; last "
        "at step 4 (its value 2 was higher (worse, minimizing) than 1, the running average of the "
        "only earlier trial). It ended at 0, the best of 2."
    )
    best = explain(study, "c", esim.rule("sagemaker", protect=2))
    assert "worse at 3 of its 5 judged reports, but among the best 2 there" in best.account


class RayAshaInARow(RayAsha):
    """ASHA that stops a trial at the p-th rung in a row at which it is cut."""

    def __init__(self, direction: str, p: int, max_t: int) -> None:
        super().__init__(direction, max_t=max_t)
        self.p = p
        self.row: dict[int, int] = defaultdict(int)

    def on_result(self, trial: int, step: int, value: float) -> bool:
        x = -1.0 * value if self.minimize else 1.0 * value
        for milestone, recorded in self.rungs:
            if step < milestone or trial in recorded:
                continue
            others = [v for v in recorded.values() if not np.isnan(v)]
            if others and not np.isnan(x):  # else nothing is compared
                self.row[trial] = self.row[trial] + 1 if self.is_cut(x, recorded) else 0
            stops = bool(others) and not np.isnan(x) and self.row[trial] >= self.p
            recorded[trial] = x
            return stops
        return False


class ShaInARow(OptunaSha):
    """Successive halving in which a trial comes to the next rung until it has failed at p."""

    def __init__(self, direction: str, p: int) -> None:
        super().__init__(direction, 1, 2)
        self.p = p
        self.row: dict[int, int] = defaultdict(int)

    def judge(self, trial: int, step: int, seconds: float, value: float) -> bool:
        while True:
            rung = len(self.recorded[trial])
            if step < 2**rung:
                return False
            if np.isnan(value):
                return True
            self.recorded[trial].append(value)
            every = sorted(
                (r[rung] for r in self.recorded.values() if len(r) > rung),
                reverse=not self.minimize,
            )
            bar = every[max(len(every) // 2 - 1, 0)]
            cut = value > bar if self.minimize else value < bar
            self.row[trial] = self.row[trial] + 1 if cut else 0
            if self.row[trial] >= self.p:
                return True


class MedianInARow(Twin):
    """The p-th report in a row worse than the median of all values at the step, but for the best 3
    different ones."""

    def __init__(self, direction: str, p: int) -> None:
        super().__init__(direction)
        self.p = p
        self.row: dict[int, int] = defaultdict(int)

    def judge(self, trial: int, step: int, seconds: float, value: float) -> bool:
        sign = 1 if self.minimize else -1
        if np.isnan(value):
            return False
        there = [sign * r[step] for r in self.reports.values() if not np.isnan(r.get(step, np.nan))]
        worse = sign * value > np.median(there)
        best = len({v for v in there if v < sign * value}) < 3
        self.row[trial] = self.row[trial] + 1 if worse and not best else 0
        return self.row[trial] >= self.p


CASES = [
    (esim.rule("ray-asha", consecutive=2, max_steps=20), lambda d: RayAshaInARow(d, 2, 20)),
    (
        esim.rule("optuna-sha", first_rung=1, reduction=2.0, consecutive=2),
        lambda d: ShaInARow(d, 2),
    ),
    (
        esim.Rule("m", peer="value", pool="reached", include_self=True, match="step", protect=3,
                  consecutive=3),
        lambda d: MedianInARow(d, 3),
    ),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0].name)
def test_twins(case: Any) -> None:
    rule, make = case
    stops = 0
    for kind in KINDS:
        for direction in ("minimize", "maximize"):
            for workers in (None, 8):
                study = curves(kind, direction, 40, 30, 6)  # type: ignore[arg-type]
                expected = drive(study, make(direction), workers=workers)
                clock = "order" if workers is None else "simulated"
                actual = esim_verdicts(study, rule, clock=clock, workers=workers or 1)
                assert actual == expected.verdicts
                stops += sum(expected.stopped)
    assert stops > 100
