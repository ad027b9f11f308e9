"""The columns in which trials are compared: a column for every position of a study's reports."""

from __future__ import annotations

from itertools import chain

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from esim.simulator.plan.columns import columns

# Positions of a trial: in a row, with gaps, none at all, and so high that no array counts up to
# them.
spans = st.builds(
    lambda first, n: set(range(first, first + n)), st.integers(0, 9), st.integers(0, 6)
)
positions = spans | st.sets(st.integers(0, 12), max_size=5)
far = st.sets(st.integers(0, 12) | st.sampled_from([10**6, 2**52]), max_size=4)
studies = st.lists(st.lists(positions | far, max_size=5), min_size=1, max_size=4)


@pytest.mark.parametrize("number", [np.int64, np.float64])
@settings(max_examples=60)
@given(studies)
@example([[{0, 1, 2}, {1, 2, 3}], [], [set()], [{5}, {4, 6}]])
@example([[{2**52}], [{0}]])
def test_as_of_sorted_positions(number: type, given_: list[list[set[int]]]) -> None:
    trials = [sorted(trial) for study in given_ for trial in study]
    offsets = np.cumsum([0, *map(len, trials)]).astype(np.int64)
    ends = np.cumsum([0, *map(len, given_)]).astype(np.int64)
    found = columns(offsets, np.array(list(chain(*trials)), dtype=number), ends)
    column: list[int] = []
    first = [0]
    sizes: list[int] = []
    for study in given_:
        every = [position for trial in study for position in sorted(trial)]
        distinct = sorted(set(every))
        column += [first[-1] + distinct.index(position) for position in every]
        sizes += [every.count(position) for position in distinct] + [0]  # none in the last
        first.append(first[-1] + len(distinct) + 1)
    assert found.column.tolist() == column
    assert found.first.tolist() == first
    assert found.sizes.tolist() == sizes
    assert found.reports.tolist() == offsets[ends].tolist()
    assert found.column.dtype == np.int32
