"""The surrogate of a closed loop: what it learns, what it measures of itself, what it refuses."""

from __future__ import annotations

import dataclasses
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import esim
from esim.analyses.closed_loop.space import space_of
from esim.errors import EsimError
from esim.study import Study

pytest.importorskip("sklearn")
pytest.importorskip("optuna")

from esim.analyses.closed_loop.learn import learned, least_correlation
from esim.analyses.closed_loop.scores import Scale
from esim.analyses.closed_loop.surrogate import Draw


def problem(trials: int = 40, seed: int = 0, **columns: Any) -> Study:
    """Curves that fall to a floor set by x, at a pace set by y; z is noise."""
    rng = np.random.default_rng(seed)
    x, y, z = rng.random((3, trials))
    steps = np.arange(1, 9)
    values = 2 * (x[:, None] - 0.3) ** 2 + 1 / steps + 0.01 * rng.random((trials, 8))
    config = {"x": x.tolist(), "y": y.tolist(), "z": z.tolist()}
    pace = 1.0 + 9.0 * y
    elapsed = pace[:, None] * steps
    kept: dict[str, Any] = {"elapsed": elapsed, "config": config, **columns}
    return esim.Study.from_arrays(values, "minimize", **kept)


def refused(study: Study, *leave_out: str) -> str:
    with pytest.raises(EsimError) as error:
        learned([study], leave_out, 0)
    return str(error.value)


def test_it_predicts_what_it_has_not_seen() -> None:
    _, quality = learned([problem(60)], (), 0)
    assert quality.rank_correlation > 0.85
    assert quality.seconds_correlation is not None and quality.seconds_correlation > 0.6
    assert quality.curve_error < 0.6
    assert 0.8 <= quality.band_holds <= 1.0
    assert quality.hyperparameters == ("x", "y", "z")


def test_its_band_holds_new_trials() -> None:
    """Simulated truth: 200 new configurations of the same problem, 40 draws of each."""
    study, new = problem(60), problem(200, seed=9)
    surrogate, _ = learned([study], (), 0)
    draws = [Draw.of(surrogate, np.random.default_rng(i)) for i in range(40)]
    columns = [
        dimension.snapped(dimension.positions(np.array(new.config[dimension.name])))
        for dimension in surrogate.space.dimensions
    ]
    positions = np.stack(columns, axis=1)
    finals = np.array([[d.run(p)[1].values[-1] for d in draws] for p in positions])
    low, high = np.quantile(finals, [0.05, 0.95], axis=1)
    truth = new.values[new.offsets[1:] - 1]
    assert 0.75 <= ((truth >= low) & (truth <= high)).mean() <= 0.99
    assert np.corrcoef(np.median(finals, axis=1), truth)[0, 1] > 0.8


def test_a_draw_is_a_function_of_the_configuration() -> None:
    surrogate, _ = learned([problem()], (), 0)
    surrogate = dataclasses.replace(surrogate, noise=0.5)
    draw = Draw.of(surrogate, np.random.default_rng(1))
    for position in surrogate.space.drawn(np.random.default_rng(2), 5):
        first, again = draw.run(position)[1], draw.run(position.copy())[1]
        assert first.values.tobytes() == again.values.tobytes()
        assert first.seconds == again.seconds or np.isnan([first.seconds, again.seconds]).all()


def test_without_noise_a_draw_gives_recorded_curves() -> None:
    study = problem()
    surrogate = dataclasses.replace(learned([study], (), 0)[0], noise=0.0)
    draw = Draw.of(surrogate, np.random.default_rng(1))
    recorded = study.values.reshape(40, 8)
    for position in surrogate.space.drawn(np.random.default_rng(2), 10):
        curve = draw.run(position)[1]
        assert np.isclose(recorded, curve.values, rtol=1e-12).all(axis=1).any()


def test_no_configurations() -> None:
    study = dataclasses.replace(problem(), config={})
    assert "the trials have no configurations" in refused(study)


def test_constant_configurations() -> None:
    study = dataclasses.replace(problem(), config={"x": [1] * 40, "y": ["a"] * 40})
    text = refused(study)
    assert "no hyperparameter varies" in text and "x, y never changes" in text


def test_a_categorical_hyperparameter_of_200_levels() -> None:
    study = problem(200)
    names = [f"run-{i}" for i in range(200)]
    study = dataclasses.replace(study, config={**study.config, "output": names})
    text = refused(study)
    assert "hyperparameter output has 200 levels" in text.replace("'", "")
    assert "--leave-out output" in text
    assert learned([study], ("output",), 0)[1].trials == 200


def test_eight_trials() -> None:
    assert "8 trials with a value ran to their end, and at least 20" in refused(problem(8))


@pytest.mark.parametrize("trials", [20, 30, 100])
def test_curves_that_do_not_depend_on_configurations(trials: int) -> None:
    """Shuffled configurations: at most one in a hundred would pass by chance; of two none does."""
    for seed in range(2):
        study = problem(trials, seed)
        mixed = np.random.default_rng(seed + 50).permutation(trials)
        config = {k: [v[i] for i in mixed] for k, v in study.config.items()}
        text = refused(dataclasses.replace(study, config=config))
        assert "does not predict" in text and "rank correlation" in text


def test_trials_cut_short() -> None:
    status = ["stopped"] * 12 + ["completed"] * 28
    assert "12 of 40 trials were cut short" in refused(problem(status=status))
    few = ["stopped"] * 4 + ["completed"] * 36
    quality = learned([problem(status=few)], (), 0)[1]
    assert (quality.trials, quality.left_out) == (36, 4)


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.tree", None)
    assert "pip install scikit-learn optuna" in refused(problem())


def test_least_correlation_by_hand() -> None:
    # 2.326 / sqrt(29) = 0.4319; 2.326 / sqrt(99) = 0.2338, below 0.3.
    assert least_correlation(30) == pytest.approx(0.4319, abs=1e-4)
    assert least_correlation(100) == 0.3


def test_the_scale_by_hand() -> None:
    # 1 2 2 9 of four: mean ranks 1, 2.5, 4, so quantiles 0.125, 0.5, 0.875 of the normal
    # distribution: -1.1503, 0, 1.1503. Below 1 the slope of the best goes on, from 1 to 2.
    scale = Scale.of(np.array([2.0, 9.0, 1.0, 2.0, np.nan, np.inf]))
    np.testing.assert_allclose(scale.scores, [-1.15035, 0.0, 1.15035], atol=1e-5)
    np.testing.assert_allclose(scale.to_scores(np.array([np.nan, np.inf, 5.5])), [1.15035, 1.15035,
                               0.575175], atol=1e-5)  # fmt: skip
    np.testing.assert_allclose(scale.to_values(np.array([-1.15035 * 2, 0.0, 5.0])), [0.0, 2.0, 9.0],
                               atol=1e-4)  # fmt: skip


@settings(max_examples=50, deadline=None)
@given(values=st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30))
def test_the_scale_gives_recorded_values_back(values: list[float]) -> None:
    given_values = np.array(values)
    scale = Scale.of(given_values)
    np.testing.assert_allclose(scale.to_values(scale.to_scores(given_values)), given_values,
                               rtol=1e-9, atol=1e-9)  # fmt: skip
    assert (np.diff(scale.to_scores(np.sort(given_values))) >= 0).all()


def test_a_space_by_hand() -> None:
    study = esim.Study.from_arrays(
        [[1.0]] * 5,
        "minimize",
        config={
            "lr": ["0.001", "0.01", "0.1", "0.03", "0.004"],
            "depth": [1, 2, 3, 5, None],
            "kind": ["b", "a", "b", None, "b"],
            "on": [True, False, True, True, False],
            "batch": [64] * 5,
        },
    )
    space, positions = space_of(study)
    lr, depth, kind, on = space.dimensions
    assert (lr.kind, lr.log, lr.low, lr.high) == ("float", True, 0.001, 0.1)
    assert (depth.kind, depth.log, depth.low, depth.high) == ("int", False, 1.0, 5.0)
    assert kind.levels == ("a", "b") and on.levels == ("False", "True")
    assert space.constant == ("batch",)
    assert space.filled == (("depth", 1), ("kind", 1))
    # The median of 1 2 3 5 is 2.5, a whole number 2: (2 - 1) / 4. The usual kind is b.
    np.testing.assert_allclose(positions[:, 1], [0.0, 0.25, 0.5, 1.0, 0.25])
    assert positions[:, 2].tolist() == [1.0, 0.0, 1.0, 1.0, 1.0]
    # Half the way from 0.001 to 0.1 is 0.01. Between depths of 1 and 5, 0.4 is 2.6: 3, at 0.5.
    np.testing.assert_allclose(positions[:3, 0], [0.0, 0.5, 1.0], atol=1e-12)
    np.testing.assert_allclose(space.snapped(np.array([0.2, 0.4, 0.7, 9.0])), [0.2, 0.5, 1.0, 1.0])
    assert space.features(positions[0]).tolist() == [0.0, 0.0, 0.0, 1.0, 0.0, 1.0]
    drawn = space.drawn(np.random.default_rng(0), 50)
    np.testing.assert_allclose([space.snapped(one) for one in drawn], drawn, atol=1e-12)
    with pytest.raises(EsimError, match="no hyperparameter 'rate'"):
        space_of(study, ["rate"])
