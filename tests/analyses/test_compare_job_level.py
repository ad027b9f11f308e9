"""Job-level rules in a comparison: alone and beside a rule, in one table and on one front."""

from __future__ import annotations

import numpy as np
import pytest

import esim
from esim.errors import EsimError
from esim.results.comparison.comparison import Comparison
from esim.study import Note, Study


def flat(finals: list[float], **more: object) -> Study:
    """Trials of two equal reports each."""
    return Study.from_arrays([[v, v] for v in finals], "minimize", **more)  # type: ignore[arg-type]


def test_each_takes_part_alone_and_beside_the_rules_that_were_named() -> None:
    found = esim.compare(flat([3, 2, 1, 4]), ["sagemaker", "ray-median"], until="max-jobs=2",
                         orders=2)  # fmt: skip
    rules = {entry.key: entry for entry in found.rules if entry.role == "rule"}
    assert set(rules) == {
        "sagemaker",
        "ray-median",
        "max-jobs=2",
        "sagemaker until max-jobs=2",
        "ray-median until max-jobs=2",
    }
    assert [one.text for one in rules["max-jobs=2"].until] == ["max-jobs=2"]
    assert rules["max-jobs=2"].name == "none" and rules["sagemaker"].until == ()
    assert Comparison.from_dict(found.to_dict()).to_json() == found.to_json()
    by_default = esim.compare(flat([3, 2, 1, 4]), until=["max-jobs=2"], orders=2)
    keys = [entry.key for entry in by_default.rules if entry.until]
    assert sorted(keys) == ["max-jobs=2", "sagemaker until max-jobs=2"]


def test_launch_orders_by_hand() -> None:
    # Of six equal trials, launched one after another, the first three start in any order: half of
    # the steps are saved, and the best value is kept, being all there is.
    found = esim.compare(flat([1] * 6), [], until="not-improving=2", orders=5)
    entry = found.rule("not-improving=2")
    saved = entry.orders.steps_saved_fraction
    assert saved is not None and (saved.min, saved.max, saved.mean) == (0.5, 0.5, 0.5)
    assert entry.orders.best_kept is not None and entry.orders.best_kept.share == 1.0
    assert entry.recorded.steps_saved_fraction == 0.5
    assert entry.first_stop.text == "stops no trial, but ends the job"
    assert found.answer.best == "not-improving=2" and entry.front
    # max-jobs=3 of 1 to 6: in half of all orders of six the best is among the first three.
    finals = [1.0, 2, 3, 4, 5, 6]
    entry = esim.compare(flat(finals), [], until="max-jobs=3", orders=400).rule("max-jobs=3")
    assert entry.orders.best_kept is not None
    assert abs(entry.orders.best_kept.share - 0.5) < 0.1


def test_the_recorded_order_is_the_replay() -> None:
    rng = np.random.default_rng(2)
    study = flat(rng.random(30).tolist(), name="job", start=np.arange(30.0).tolist())
    until = ["not-improving=4,gain=0", "max-jobs=12"]
    found = esim.compare(study, ["sagemaker"], until=until, orders=3)
    for text in until:
        for key, rule in ((text, "none"), (f"sagemaker until {text}", "sagemaker")):
            entry = found.rule(key)
            summary = esim.replay(study, rule, until=text).summary
            assert entry.recorded.steps_saved_fraction == summary.steps_saved_fraction, key
            assert entry.recorded.degradation_normalized == summary.degradation_normalized, key


def test_doubts_about_them() -> None:
    note = Note("strategy_bayesian", "strategy Bayesian: later configurations depend")
    study = Study.from_arrays([[1.0, 1]] * 3, "minimize")
    object.__setattr__(study, "notes", (*study.notes, note))
    found = esim.compare(study, ["sagemaker"], until=["not-improving=9"], orders=2)
    doubts = {(one.code, one.rule): one.text for one in found.warnings}
    idle = doubts["never_acts", "not-improving=9"]
    assert idle == "not-improving=9 ends no job early: try a smaller limit"
    assert "exact for a search that learns too" in doubts["job_level_exact", None]
    assert doubts["job_level_exact", None].startswith("not-improving=9: ")


def test_what_needs_times_is_an_error() -> None:
    with pytest.raises(EsimError, match="cannot be ended by max-runtime=9"):
        esim.compare(flat([1, 2, 3]), ["sagemaker"], until="max-runtime=9", orders=2)
