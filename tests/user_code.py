"""What a user writes, for the type checker: ``mypy --strict tests/user_code.py`` must know it all.

Nothing runs it; `assert_type` fails in the checker where a name or a type is not complete.
"""

from __future__ import annotations

from typing import assert_type

import pandas as pd
from matplotlib.axes import Axes

import esim
from esim.results.comparison.entries import RuleEntry
from esim.results.replay import ReplayResult, Summary


def notebook(axes: Axes) -> None:
    study = esim.read_study("logs", direction="max")
    assert_type(study, esim.Study)
    result = esim.replay(study, "ray-median", costs=esim.Costs(price=1.2, currency="EUR"))
    assert_type(result, ReplayResult)
    assert_type(result.summary, Summary)
    assert_type(result.summary.steps_saved_fraction, float | None)
    assert_type(result.trials, pd.DataFrame)
    assert_type(result.summary.to_frame(), pd.DataFrame)
    assert_type(result.plot.curves(axes), Axes)
    result.save("folder")
    result.report("r.html")
    comparison = esim.compare([study], ["sagemaker"], orders=10)
    assert_type(comparison, esim.Comparison)
    assert_type(comparison.saves_most, RuleEntry | None)
    assert_type(comparison.plot.front(), Axes)
    estimate = esim.estimate(study, trials=50)
    assert_type(estimate.interval("steps_saved_fraction"), tuple[float, float])
    assert_type(estimate.plot.trade(), Axes)
    certificate = esim.certify([study], risk="10%")
    assert_type(certificate.certified, str | None)
    assert_type(esim.watch(certificate, [study]).holds, bool)
    assert_type(esim.check(study).ok, bool)
    assert_type(esim.rule("sagemaker").name, str)
