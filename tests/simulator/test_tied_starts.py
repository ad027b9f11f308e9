"""Trials that started at the same moment: the launch order hangs on names, and a caveat says so."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import esim
from esim.simulator.job_end import Until
from esim.simulator.tied_starts import ORDERS, tied_starts

ROWS = {"trial-1": [3, 3, 3], "trial-2": [2, 2, 2], "trial-10": [1, 1, 1]}


def table(folder: Path, trials: list[str], starts: dict[str, int]) -> Path:
    """A table whose rows stand in the order of `trials`, with a table of their starts."""
    rows = [f"{t},{step},{v}" for t in trials for step, v in enumerate(ROWS[t], start=1)]
    (folder / "reports.csv").write_text("\n".join(["trial,step,loss", *rows, ""]))
    listed = [f"{t},{starts[t]}" for t in reversed(trials) if t in starts]
    (folder / "trials.csv").write_text("\n".join(["trial,start", *listed, ""]))
    return folder


@pytest.mark.parametrize("rows", list(itertools.permutations(ROWS)))
def test_the_order_of_rows_decides_nothing(tmp_path: Path, rows: tuple[str, ...]) -> None:
    # In natural order trial-2 comes before trial-10, which text puts first.
    folder = table(tmp_path, list(rows), dict.fromkeys(ROWS, 100))
    assert esim.read_study(folder, direction="minimize").trials == (
        "trial-1",
        "trial-2",
        "trial-10",
    )


def test_a_start_goes_before_a_name(tmp_path: Path) -> None:
    folder = table(tmp_path, list(ROWS), {"trial-10": 100, "trial-2": 200, "trial-1": 200})
    assert esim.read_study(folder, direction="minimize").trials == (
        "trial-10",
        "trial-1",
        "trial-2",
    )


def test_without_any_start_a_note_says_what_launch_order_is(tmp_path: Path) -> None:
    folder = table(tmp_path, ["trial-10", "trial-2", "trial-1"], {})
    (folder / "trials.csv").unlink()
    study = esim.read_study(folder, direction="minimize")
    assert study.trials == ("trial-10", "trial-2", "trial-1")
    assert [note.code for note in study.notes if note.count == 3] == ["starts_unknown"]


def caveats(study: esim.Study, **asked: object) -> list[str]:
    result = esim.replay(study, "sagemaker", **asked)  # type: ignore[arg-type]
    return [caveat.text for caveat in result.warnings if caveat.code == "tied_starts"]


def test_the_range_by_hand() -> None:
    # One after another, minimizing: whoever is worse than the median of those before stops at its
    # first report, and 2 of its 3 steps are saved. The order 1, 2, 3 (worse and worse) stops two:
    # 4 of 9 steps, 44.4 %. The order 3, 2, 1 stops none: 0 %.
    curves = [[1.0] * 3, [2.0] * 3, [3.0] * 3]
    study = esim.Study.from_arrays(curves, "minimize", start=[5.0, 5.0, 5.0])
    (said,) = caveats(study, clock="order")
    assert said.startswith("3 trials started at the same moment as another")
    assert "over 6 orders of them the rule saves 0.0 % to 44.4 % of the steps" in said


def test_no_caveat_where_it_does_not_matter() -> None:
    curves = [[1.0] * 3, [2.0] * 3, [3.0] * 3]
    assert not caveats(esim.Study.from_arrays(curves, "minimize"))
    assert not caveats(esim.Study.from_arrays(curves, "minimize", start=[5.0, 6.0, 7.0]))
    alike = [[1.0] * 3] * 3
    assert not caveats(esim.Study.from_arrays(alike, "minimize", start=[5.0, 5.0, 5.0]))
    # Side by side all start at once, and nobody has ended before the others make their last report.
    side = esim.Study.from_arrays(curves, "minimize", start=[5.0, 5.0, 5.0])
    assert not caveats(side, workers=3)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6))
def test_the_replay_lies_in_its_range_and_draws_are_orders_of_the_tied(seed: int) -> None:
    rng = np.random.default_rng(seed)
    start = np.sort(rng.integers(0, 5, 12)).astype(float)
    study = esim.Study.from_arrays(rng.random((12, 6)), "minimize", start=start)
    result = esim.replay(study, "sagemaker", clock="order")
    for text in (w.text for w in result.warnings if w.code == "tied_starts"):
        (told,) = re.findall(r"over (\d+) orders .* saves ([\d.]+) % to ([\d.]+) %", text)
        orders, low, high = map(float, told)
        saved = result.summary.steps_saved_fraction
        assert saved is not None and low - 0.05 <= 100 * saved <= high + 0.05
        assert orders <= ORDERS
    again = list(
        tied_starts(study, result.rule, result.clock, result.costs, Until(final=result.final))
    )
    assert again == [w for w in result.warnings if w.code == "tied_starts"]
