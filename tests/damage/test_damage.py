"""A few mutations of each kind; `python -m tests.damage` makes any number."""

from __future__ import annotations

import warnings
from functools import partial
from pathlib import Path

import pytest

from tests.damage import documents, samples, tables
from tests.damage.outcomes import Outcomes, documents_damaged, folders_damaged, of_folder


def test_damage_to_what_is_stored_is_noticed(tmp_path: Path) -> None:
    found = Outcomes()
    folders_damaged(tmp_path, 16, 2, found)
    assert found.faults == {}
    # What disks and copies do to bytes is refused, or hits none that are read.
    assert all(found.counts["stored", kind, "refused"] >= 13 for kind in tables.DAMAGE)
    assert sum(found.counts.values()) == 7 * 2 * len(tables.ALL)


def test_documents_of_other_types_and_shapes_are_refused_or_shown(tmp_path: Path) -> None:
    found = Outcomes()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of sums of numbers that are as large as they can be
        documents_damaged(tmp_path, 16, 2, found)
    assert found.faults == {}
    assert sum(found.counts.values()) == 9 * 2 * len(documents.KINDS)


@pytest.mark.parametrize("name", ["history", "study"])
def test_a_dense_sample_of_flipped_bits(tmp_path: Path, name: str) -> None:
    """Every 193rd bit of every file: an error, a note, or nothing else is read."""
    sample, found = samples.stored(tmp_path)[name], Outcomes()
    right, notes = sample.read(sample.folder)
    for path in sorted(sample.folder.rglob("*.parquet")):
        data = path.read_bytes()
        for bit in range(0, 8 * len(data), 193):
            flipped = bytearray(data)
            flipped[bit // 8] ^= 1 << bit % 8
            path.write_bytes(flipped)
            made = partial(of_folder, sample, right, notes, "a flipped bit")
            found.add("stored", f"{path.name}, bit {bit}", "a flipped bit", made)
        path.write_bytes(data)
    assert found.faults == {}
    assert found.counts["stored", "a flipped bit", "refused"] > 200
