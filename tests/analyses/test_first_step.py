"""Logs that count the same steps from 0 and from 1 give the same forecast and comparison."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import esim
from esim.study import Study


def counted(first: int, seed: int = 5) -> Study:
    """30 trials of up to 12 steps, whose indices start from `first`; 0 is the first one done."""
    rng = np.random.default_rng(seed)
    level = rng.uniform(0.1, 1.0, size=(30, 1))
    values = level + np.exp(-np.arange(1, 13) / 4.0) + 0.05 * rng.standard_normal((30, 12))
    values[rng.uniform(size=30) < 0.2, 8:] = np.nan
    return Study.from_arrays(
        values,
        "minimize",
        elapsed=np.cumsum(rng.uniform(5, 6, size=(30, 12)), axis=1),
        steps=np.arange(first, first + 12),
        first_step="done" if first == 0 else None,
    )


RULES = ["sagemaker", "optuna-sha", "optuna-hyperband", "ray-asha", "azure-median", "i-epoch"]


@pytest.mark.parametrize("rule", [*RULES, esim.rule("sagemaker", warmup_steps=3, interval=2)])
@pytest.mark.parametrize("workers", [1, 4])
def test_a_replay(rule: Any, workers: int) -> None:
    zero, one = (esim.replay(counted(first), rule, workers=workers).to_dict() for first in (0, 1))
    for trial, other in zip(zero["trials"], one["trials"], strict=True):
        if trial["stopped"]:
            assert trial.pop("stop_step") + 1 == other.pop("stop_step")
    assert repr(zero) == repr(one)  # NaN is not equal to itself


def test_a_comparison() -> None:
    zero, one = (
        esim.compare([counted(first), counted(first, 6)], rules=RULES, orders=20)
        for first in (0, 1)
    )
    assert repr(zero.to_dict()) == repr(one.to_dict())


def test_a_forecast() -> None:
    zero, one = (
        esim.estimate(counted(first), "ray-asha", trials=20, workers=4, replicates=100)
        for first in (0, 1)
    )
    assert json.loads(zero.to_json()) == json.loads(one.to_json())
