"""Studies of a row group: joined where they lie, they are what each is by itself."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from esim.errors import EsimError
from esim.storage.history import History, Location, layout
from esim.storage.history.write import Input, append
from esim.study import Note, Study
from esim.study import batch as batching
from esim.study.batch import Batch

TIMES: dict[str, Any] = {"elapsed": np.arange(1.0, 4.0), "start": np.arange(4.0)}


def study(i: int, **changes: Any) -> Study:
    values = np.random.default_rng(i).normal(size=(4, 3))
    direction = changes.pop("direction", "minimize")
    times = {name: changes.pop(name) for name in ("elapsed", "start", "end") if name in changes}
    made = Study.from_arrays(values, direction, name=f"s{i}", **times)
    return dataclasses.replace(made, **changes)


def history(folder: Path, *studies: Study) -> History:
    return append(Location(str(folder)), [Input("in", "0", "table", list(studies))], None)


def same(a: Study, b: Study) -> None:
    for name, one in vars(a).items():
        other = getattr(b, name)
        if isinstance(one, np.ndarray):
            assert one.dtype == other.dtype and one.flags.c_contiguous, name
            np.testing.assert_array_equal(one, other, err_msg=name)
        else:
            assert one == other, name


def test_joined_as_each_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "STUDIES", 3)
    ended = {**TIMES, "end": np.arange(5.0, 9.0)}
    made = (
        *(study(i, notes=(Note("n", f"of {i}"),)) for i in range(4)),  # 3 side by side, then 1
        study(4, **TIMES),  # times, but no ends: no schedule
        study(5, **ended),
        study(6, **ended, billed=np.array([1.0, 2.0, np.nan, 0.0])),
        study(7, **ended),
        study(8, direction="maximize"),
        study(9, done_at_zero=1),
        Study.from_arrays(np.empty((0, 3)), "minimize", name="t"),
        study(10),
    )
    (chunk,) = history(tmp_path, *made).chunks()
    stored = chunk.read(configs=False)
    names = [entry.study for entry in chunk.entries]
    by_name = {one.name: one for one in made}
    found = {tuple(names[at] for at in places): batch for places, batch in stored.joined()}
    assert set(found) == {
        ("s0", "s1", "s10"), ("s2", "s3", "t"), ("s4",), ("s5", "s7"), ("s6",), ("s8",), ("s9",),
    }  # fmt: skip
    for its, batch in found.items():
        alone = [by_name[name] for name in its]
        expected = Batch.of(alone)
        same(batch.whole, dataclasses.replace(expected.whole, config=batch.whole.config))
        assert batch.names == list(its) and batch.sizes.tolist() == expected.sizes.tolist()
        assert list(batch.notes) == [one.notes for one in alone]
        for one, other in zip(batch.studies, alone, strict=True):
            same(one, other)


def test_neighbours_are_joined_without_a_copy(tmp_path: Path) -> None:
    (chunk,) = history(tmp_path, *(study(i) for i in range(5))).chunks()
    stored = chunk.read(configs=False)
    ((_, batch),) = stored.joined()
    assert np.shares_memory(batch.whole.values, stored.reports["value"])


def test_ids_that_stand_twice_in_a_study(tmp_path: Path) -> None:
    (chunk,) = history(tmp_path, study(0), study(1)).chunks()
    stored = chunk.read(configs=False)
    stored.trials["trial"][5] = stored.trials["trial"][4]
    stored.study(0)
    with pytest.raises(EsimError, match="trial ids must differ"):
        stored.joined()


def test_an_index_that_does_not_fit(tmp_path: Path) -> None:
    (chunk,) = history(tmp_path, study(0), study(1)).chunks()
    longer = dataclasses.replace(chunk.entries[1], reports=11)
    other = dataclasses.replace(chunk, entries=(chunk.entries[0], longer))
    for read in (lambda: other.read().joined(), lambda: list(other.studies())):
        with pytest.raises(EsimError, match="the index does not fit the file"):
            read()


def test_a_file_that_was_replaced_is_read_anew(tmp_path: Path) -> None:
    for values in (3, 4):
        made = dataclasses.replace(study(0), values=np.full(12, float(values)))
        there = history(tmp_path / str(values), made)
    first, second = (next((tmp_path / str(n)).glob("shards/*/reports.parquet")) for n in (3, 4))
    (chunk,) = there.chunks()
    assert chunk.read().reports["value"][0] == 4.0
    second.unlink()
    first.rename(second)
    assert chunk.read().reports["value"][0] == 3.0
    assert len(layout._footers) <= layout._MOST_FOOTERS
