"""Every preset against its naive twin, verdict by verdict."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import esim
from esim import rule as row
from esim.assumptions import Clock, Costs
from esim.rules import PRESETS, Rule
from esim.simulator.plan.build import prepare
from esim.simulator.run import run_many
from tests.references import twins
from tests.references.curves import KINDS, curves
from tests.references.drive import drive, esim_verdicts
from tests.references.twins import TWINS, Twin

#: Python's sort leaves the place of NaN to chance.
UNDEFINED = {
    ("nni-medianstop", "nan"),
    ("ax-stability", "tied"),  # its sort leaves equals to chance, its variances rounding
}
#: Trials and steps where a twin is slow.
SMALL = {"ax-stability": (20, 20)}
WITHOUT_NAN = ("plain", "tied", "missing")
UNTIED = ("plain", "nan", "missing")


def assert_agrees(rule: str | Rule, twin: Twin, kind: str, direction: str, workers: int | None,
                  size: tuple[int, int] = (40, 30), times: bool = False
                  ) -> tuple[int, int]:  # fmt: skip
    """Decisions compared, and stops among them."""
    study = curves(kind, direction, *size, 0, times=times)  # type: ignore[arg-type]
    expected = drive(study, twin, workers=workers)
    clock = {"clock": "order"} if workers is None else {"clock": "simulated", "workers": workers}
    actual = esim_verdicts(study, rule, **clock)
    assert actual == expected.verdicts
    return expected.decisions, sum(expected.stopped)


@pytest.mark.parametrize("name", TWINS)
def test_presets(name: str) -> None:
    stops = 0
    for kind in KINDS:
        if (name, kind) in UNDEFINED:
            continue
        for direction in ("minimize", "maximize"):
            for workers in (None, 1, 8):
                twin = TWINS[name](direction)
                times = name == "ray-median" or workers == 8
                size = SMALL.get(name, (40, 30))
                stops += assert_agrees(name, twin, kind, direction, workers, size, times)[1]
    assert stops > 100 or name in ("none", "optuna-threshold", *SMALL), stops


STEPS = {"axis": "step"}
#: Row, twin and the kinds of curves on which the source is defined.
GRID: list[tuple[esim.Rule, Callable[[str], Twin], tuple[str, ...]]] = [
    (row("optuna-median", min_completed=2, warmup_steps=3, interval=4, min_peers=3),
     lambda d: twins.OptunaPercentile(d, 50.0, 2, 3, 4, 3), WITHOUT_NAN),
    (row("optuna-percentile", min_completed=1, quantile=0.667),
     lambda d: twins.OptunaPercentile(d, 66.7, 1), KINDS),
    (row("optuna-sha", first_rung=2, reduction=3.0), lambda d: twins.OptunaSha(d, 2, 3), KINDS),
    (row("optuna-hyperband", first_rung=2, max_resource=20, reduction=2.0),
     lambda d: twins.OptunaHyperband(d, 2, 20, 2), KINDS),
    (row("optuna-patient", patience=2, min_delta=0.01),
     lambda d: twins.OptunaPatient(d, 2, 0.01), KINDS),
    (row("optuna-median", patience=1, min_completed=1),
     lambda d: twins.OptunaPatient(d, 1, 0.0, twins.OptunaPercentile(d, 50.0, 1)), KINDS),
    (row("optuna-threshold", lower=0.3, upper=1.4, warmup_steps=2, interval=3),
     lambda d: twins.OptunaThreshold(d, 0.3, 1.4, 2, 3), KINDS),
    (row("optuna-wilcoxon", p_value=0.3, min_peers=3),
     lambda d: twins.OptunaWilcoxon(d, 0.3, 3), KINDS),
    (row("ray-median", **STEPS, warmup_steps=3, min_peers=1),
     lambda d: twins.RayMedian(d, 3, 1, True), KINDS),
    (row("ray-asha", first_rung=2, reduction=3.0, max_steps=9),
     lambda d: twins.RayAsha(d, 2, 9, 3), KINDS),
    (row("ray-asha", reduction=1.5), lambda d: twins.RayAsha(d, 1, 100, 1.5), KINDS),
    (row("synetune-asha", first_rung=2, reduction=4.0, max_steps=9),
     lambda d: twins.SynetuneAsha(d, 2, 9, 4), KINDS),
    (row("synetune-median", own="current", peer="value", adding="in order", warmup_steps=3,
         min_peers=2, quantile=0.25),
     lambda d: twins.SynetuneMedian(d, 3, 2, 0.25, False), KINDS),
    (row("nni-medianstop", min_reports=3), lambda d: twins.Nni(d, 3), WITHOUT_NAN),
    (row("katib-medianstop", min_reports=2, min_peers=1), lambda d: twins.Katib(d, 2, 1), KINDS),
    (row("wandb-hyperband", first_rung=2, reduction=2.0, own="best"),
     lambda d: twins.Wandb(d, 2, 2, False), KINDS),
    (row("wandb-hyperband", first_rung=1, reduction=1.5), lambda d: twins.Wandb(d, 1, 1.5), KINDS),
    (row("ax-percentile", quantile=0.75, warmup_steps=3, min_peers=2, min_completed=2),
     lambda d: twins.AxPercentile(d, 25.0, 3, 2), KINDS),
    (row("ax-depth", quantile=0.75, warmup_steps=3, min_peers=2, protect=3),
     lambda d: twins.AxDepth(d, 25.0, 3, math.inf, 2, 3), KINDS),
    (row("ax-top3", progress_from=0.4, progress_to=0.8, min_peers=2, protect=1),
     lambda d: twins.AxDepth(d, 50.0, 0.4, 0.8, 2, 1, True), KINDS),
    (row("ax-stability", consecutive=2, protect=1, protect_share=0.0, protect_leaders=3, smooth=3,
         checkpoints=0.05, progress_to=0.95),
     lambda d: twins.AxStability(d, 0.1, 0.95, 0.05, 3, None, 0.0, 2, 0.0, 1, 3), UNTIED),
    (row("ax-stability", consecutive=1, protect_share=0.25, protect_leaders=0, smooth=1,
         most_variance=0.01, slack_amount=0.2, min_peers=4, progress_from=0.0),
     lambda d: twins.AxStability(d, 0.0, 1.0, 0.1, 1, 0.01, 0.2, 1, 0.25, 2, 0, 4), UNTIED),
    (row("keras-patience", patience=3, min_delta=0.1),
     lambda d: twins.Patience(d, "keras", 3, 0.1), KINDS),
    (row("xgboost-patience", patience=2, min_delta=0.1),
     lambda d: twins.Patience(d, "xgboost", 2, 0.1), KINDS),
    (row("lightgbm-patience", patience=2, min_delta=0.1),
     lambda d: twins.Patience(d, "lightgbm", 2, 0.1), KINDS),
]  # fmt: skip


@pytest.mark.parametrize("case", GRID, ids=lambda case: case[0].name)
@settings(max_examples=12, deadline=None)
@given(st.data())
def test_any_curves_with_other_parameters(
    case: tuple[esim.Rule, Callable[[str], Twin], tuple[str, ...]], data: st.DataObject
) -> None:
    rule, make, kinds = case
    kind = data.draw(st.sampled_from(kinds))
    direction = data.draw(st.sampled_from(("minimize", "maximize")))
    workers = data.draw(st.sampled_from((None, 1, 3, 8)))
    study = curves(
        kind, direction, data.draw(st.integers(1, 14)), data.draw(st.integers(2, 14)),
        data.draw(st.integers(0, 10**6)), times=data.draw(st.booleans()),
    )  # fmt: skip
    order = data.draw(st.permutations(range(study.n_trials)))
    expected = drive(study, make(direction), workers=workers, order=order)
    kept = esim.replay_orders(study, rule, np.array([order]), workers=workers or 1)
    if workers != 1:  # one slot: as one after another, but for the times of ends
        assert kept[0].tolist() == [len(v) for v in expected.verdicts]
    expected = drive(study, make(direction), workers=workers)
    clock = "order" if workers is None else "simulated"
    assert esim_verdicts(study, rule, clock=clock, workers=workers or 1) == expected.verdicts


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("workers", [None, 1, 8])
def test_reports_in_the_same_second(kind: str, workers: int | None) -> None:
    stops = 0
    for direction in ("minimize", "maximize"):
        study = curves(kind, direction, 30, 30, 3, times=True)  # type: ignore[arg-type]
        assert study.elapsed is not None
        width = 3 * int(np.diff(study.elapsed).max())
        study = dataclasses.replace(study, elapsed=np.floor(study.elapsed / width) * width)
        repeats = (np.diff(study.elapsed) == 0).sum()
        assert repeats > 100
        twin = twins.RayMedian(direction, width, 1)
        expected = drive(study, twin, workers=workers)
        rule = row("ray-median", warmup_steps=width, min_peers=1)
        clock = (
            {"clock": "order"} if workers is None else {"clock": "simulated", "workers": workers}
        )
        assert esim_verdicts(study, rule, **clock) == expected.verdicts
        stops += sum(expected.stopped)
    assert stops > 5


def test_reports_in_the_same_second_are_not_interpolated() -> None:
    study = esim.Study.from_arrays(np.ones((2, 3)), "minimize", elapsed=[1.0, 2.0, 2.0])
    with pytest.raises(esim.EsimError, match="twice in the same second"):
        esim.replay(study, row("ax-percentile", axis="seconds"))


@pytest.mark.parametrize("steps", [1, 2, 3, 4])
@pytest.mark.parametrize("workers", [None, 3])
def test_trials_too_short_to_be_judged(steps: int, workers: int | None) -> None:
    study = curves("plain", "minimize", 20, steps, 2)
    expected = drive(study, twins.Katib("minimize"), workers=workers)
    clock = {"clock": "order"} if workers is None else {"clock": "simulated", "workers": workers}
    assert esim_verdicts(study, "katib-medianstop", **clock) == expected.verdicts


@pytest.mark.parametrize("name", ["optuna-sha", "optuna-hyperband"])
@pytest.mark.parametrize("workers", [1, 3])
def test_rungs_that_wait_for_the_first_to_complete_in_many_orders(name: str, workers: int) -> None:
    study = curves("missing", "minimize", 20, 300, 9)  # so long that a hundredth is 1 to 3 steps
    orders = np.stack([np.random.default_rng(i).permutation(20) for i in range(6)])
    kept = esim.replay_orders(study, name, orders, workers=workers)
    for order, actual in zip(orders, kept, strict=True):
        slots = None if workers == 1 else workers
        expected = drive(study, TWINS[name]("minimize"), workers=slots, order=order)
        assert actual.tolist() == [len(v) for v in expected.verdicts]


@pytest.mark.parametrize("name", ["optuna-sha", "optuna-hyperband"])
@pytest.mark.parametrize("workers", [1, 3])
def test_rungs_that_wait_for_the_first_to_complete_in_jobs_of_some_trials(
    name: str, workers: int
) -> None:
    # The samples of a forecast: 12 of 20 trials are launched, the others never run.
    study = curves("missing", "minimize", 20, 300, 9)
    orders = np.stack([np.random.default_rng(i).permutation(20)[:12] for i in range(6)])
    clock = Clock("order") if workers == 1 else Clock("simulated", workers)
    kept = run_many(prepare(study, esim.rule(name)), clock, Costs(), orders).rows_kept
    for order, actual in zip(orders, kept, strict=True):
        slots = None if workers == 1 else workers
        expected = drive(study, TWINS[name]("minimize"), workers=slots, order=order)
        assert actual[order].tolist() == [len(expected.verdicts[i]) for i in order]


def test_every_preset_has_a_twin() -> None:
    looks_ahead = {"oracle", "top-k-after"}
    assert set(PRESETS) == set(TWINS) | looks_ahead


#: Presets whose source is a document, which says nothing of bits.
DOCUMENTS = ("sagemaker", "vizier-median", "azure-median", "azure-bandit", "azure-truncation")


@pytest.mark.parametrize("name", DOCUMENTS)
@settings(max_examples=50, deadline=None)
@given(st.data())
def test_a_tie_on_paper_is_a_tie(name: str, data: st.DataObject) -> None:
    # Few tenths, also around zero: ties of averages everywhere. The twins compute in fractions.
    # Averages of three and more around zero are left out: thirds of opposite signs, each rounded to
    # digits of its own trial, need not cancel out to the last bit in a median.
    low = data.draw(st.sampled_from((-3, -10, 1, 10_000)))
    steps = data.draw(st.integers(1, 8 if low > 0 else 2))
    shape = data.draw(st.integers(2, 8)), steps
    tenths = data.draw(arrays(np.int64, shape, elements=st.integers(low, low + 7)))
    direction = data.draw(st.sampled_from(("minimize", "maximize")))
    study = esim.Study.from_arrays(tenths / 10, direction)
    expected = drive(study, TWINS[name](direction)).verdicts
    assert esim_verdicts(study, name, clock="order") == expected


def test_ties_by_hand() -> None:
    # Averages 1.1 and 1.3, median 1.2, which as a float is 1.2000000000000002: 1.2 ties with it.
    study = esim.Study.from_arrays([[1.1, 1.1], [1.3, 1.3], [1.2, 1.2]], "maximize")
    # The averages are 0.3, 0.1, 0 and 0.25, the third as a float -9e-18: 0.0 ties with it.
    zero = esim.Study.from_arrays([[0.3, -0.1, -0.2, 1.0], [0.0, 0.0, 0.0, 0.0]], "minimize")
    for name in ("sagemaker", "vizier-median"):
        assert esim.replay(study, name).columns.reports_kept.tolist() == [2, 2, 2]
        assert esim.replay(zero, name).columns.reports_kept.tolist() == [4, 4]
    # Without rounding to decimals, and without a tolerance, they stop.
    bits = esim.rule("vizier-median", tolerance=0.0)
    assert esim.replay(study, bits).columns.reports_kept.tolist() == [2, 2, 1]
    in_order = esim.rule("vizier-median", adding="in order")
    assert esim.replay(zero, in_order).columns.reports_kept.tolist() == [4, 3]
