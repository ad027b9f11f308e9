"""Columns ranked: each value's rank among its column's, whatever the column's length."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from esim.simulator.plan import ranking
from esim.simulator.plan.ranking import rank_columns
from esim.study import Float64

# What sorts badly by its bits: signs, zeros of both signs, infinities, the smallest numbers, ties.
ODD = [0.0, -0.0, np.inf, -np.inf, 5e-324, -5e-324, 1.0, 1.0 + 2**-52, -1.0, np.nan]
numbers = st.sampled_from(ODD) | st.floats(allow_nan=True, allow_infinity=True, width=64)


def check(values: Float64, column: np.ndarray, n_columns: int, threads: int | None = None) -> None:
    column, half = column.astype(np.int32), len(values) // 2
    blocks = [(column[:half], values[:half]), (column[half:], values[half:])]
    sizes = np.bincount(column, minlength=n_columns)
    rank, universe, members = rank_columns(blocks, sizes, threads)
    for c in range(n_columns):
        cells = np.flatnonzero(column == c)
        known = [i for i in cells if not np.isnan(values[i])]
        start = int(members[c, ranking.UNIVERSE])
        found = universe[start : start + len(known)]
        assert found.tolist() == sorted(values[known].tolist())
        assert sorted(rank[known].tolist()) == list(range(len(known)))
        for i in cells:
            if np.isnan(values[i]):
                assert rank[i] == -1
            else:
                assert universe[start + rank[i]] == values[i]


@settings(deadline=None)
@given(st.data())
def test_short_and_long_columns(data: st.DataObject) -> None:
    some = data.draw(st.lists(numbers, min_size=1, max_size=30))
    many = data.draw(st.sampled_from([3, 250, 1500]))
    n_columns = data.draw(st.integers(1, 4))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    values = rng.choice(np.array(some), size=many)
    check(values, rng.integers(0, n_columns, size=many), n_columns)


@settings(deadline=None)
@given(st.data())
def test_rows_of_a_cell_for_each_column_are_ranked_as_any_cells(data: st.DataObject) -> None:
    """Block after block, up to the first that lacks a number, and those after it."""
    n_columns = data.draw(st.integers(1, 5))
    rows = data.draw(st.lists(st.integers(0, 9), min_size=1, max_size=4))
    lacks = data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows)))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    blocks = []
    for n, missing in zip(rows, lacks, strict=True):
        values = rng.integers(-3, 4, (n, n_columns)).astype(float)
        values[rng.random(values.shape) < 0.2 * missing] = np.nan
        column = np.tile(np.arange(n_columns, dtype=np.int32), n)
        blocks.append((column, values.ravel()))
    sizes = np.full(n_columns, sum(rows))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranking, "_ROWS", data.draw(st.integers(1, 10)))
        rank, universe, members = rank_columns(blocks, sizes, 1, whole_rows=True)
    by_cells = rank_columns(blocks, sizes, 1)
    np.testing.assert_array_equal(rank, by_cells[0])
    np.testing.assert_array_equal(members, by_cells[2])
    column, value = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
    for c, start in enumerate(members[:-1, ranking.UNIVERSE].tolist()):
        known = slice(start, start + np.count_nonzero(~np.isnan(value[column == c])))
        np.testing.assert_array_equal(universe[known], by_cells[1][known])


@pytest.mark.parametrize("length", [127, 128, 5_000, ranking._AT_ONCE + 1])
@pytest.mark.parametrize("scale", [1.0, 1e-300, 1e300])
def test_alike_columns_of_any_length(
    length: int, scale: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranking, "_SMALL", 0)  # in threads
    rng = np.random.default_rng(length)
    values = scale * rng.standard_normal(3 * length)
    values[rng.choice(3 * length, 5)] = np.nan
    check(values, np.arange(3 * length) % 3, 3, threads=2)


@pytest.mark.parametrize("length", [20, 300, 3_000, 6_000])
@pytest.mark.parametrize("largest", [1.0, -1.0, 1e30, np.inf])
def test_values_that_differ_in_their_last_bits_only(length: int, largest: float) -> None:
    # With a zero and one of another size beside them, no number has room for what tells them apart.
    rng = np.random.default_rng(length)
    values = 0.3 + 1e-12 * rng.standard_normal(length)
    values[:2] = 0.0, largest
    some_apart = np.where(rng.random(length) < 0.99, np.arange(length) / length, values)
    check(np.concatenate((values, some_apart, -values)), np.repeat([0, 1, 2], length), 3)


def test_columns_of_many_lengths_are_ranked_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranking, "_AT_ONCE", 64)
    rng = np.random.default_rng(1)
    sizes = [0, 3, 3, 3, 70, 70, 1, 0, 0, 30, 30, 30, 2, 128, 0]
    column = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    values = rng.standard_normal(len(column))
    values[rng.random(len(column)) < 0.1] = np.nan
    check(values, column, len(sizes))


def test_nothing_to_rank() -> None:
    check(np.full(4, np.nan), np.array([0, 1, 1, 2]), 3)
    check(np.empty(0), np.empty(0, dtype=np.int32), 0)
