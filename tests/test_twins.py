"""Every preset against its naive twin, verdict by verdict."""

from __future__ import annotations

import pytest

from esim.rules import PRESETS, Rule
from tests.curves import KINDS, curves
from tests.drive import drive, esim_verdicts
from tests.twins import TWINS, Twin

#: Python's sort leaves the place of NaN to chance.
UNDEFINED = {("nni-medianstop", "nan")}


def assert_agrees(rule: str | Rule, twin: Twin, kind: str, direction: str, workers: int | None,
                  seed: int = 0, times: bool = False) -> tuple[int, int]:  # fmt: skip
    """Decisions compared, and stops among them."""
    study = curves(kind, direction, 40, 30, seed, times=times)  # type: ignore[arg-type]
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
                stops += assert_agrees(name, twin, kind, direction, workers, times=times)[1]
    assert stops > 100 or name in ("none", "optuna-threshold"), stops


def test_every_preset_has_a_twin() -> None:
    looks_ahead = {"oracle", "top-k-after"}
    assert set(PRESETS) == set(TWINS) | looks_ahead | {"sagemaker"}
