"""The sweeps find what they look for, and a few cuts of a few samples find nothing."""

from __future__ import annotations

from itertools import islice

from tests.faults.samples import Sample, Seen, samples, written
from tests.faults.sweeps import cut, sweep

FILES = {"t.csv": b"trial,step,loss\na,1,0.5\na,2,0.25\n"}
OPTIONS = {"objective": "loss", "direction": "minimize"}


def seen(*values: float) -> Seen:
    """What is read of the file, if its values were these."""
    reports = {("in", "a", step, repr(value)) for step, value in enumerate(values, start=1)}
    return Seen("table", frozenset({("in", "loss", "minimize"), *reports}), frozenset())


def test_the_classes() -> None:
    with written(FILES) as folder:
        for values, expected in (
            ((0.5, 0.25), "same"),
            ((0.5, 0.25, 0.125), "fewer"),
            ((0.5,), "other"),
        ):
            assert Sample("x", FILES, OPTIONS, seen(*values)).outcome(folder) == expected
        # A file that was cut off may lack values, but not give others.
        fewer, other = (Sample("x", FILES, OPTIONS, seen(*v)) for v in ((0.5, 0.25, 0.125), (0.5,)))
        assert fewer.outcome(folder, cut_off=True) == "fewer"
        assert other.outcome(folder, cut_off=True).startswith("BUG cut off, and of")


def test_cuts_of_some_samples() -> None:
    tally = sweep(list(islice(samples(), 3)), cut, 30, seed=1, keep=None)
    assert tally.total >= 30
    assert not tally.show("cut")
