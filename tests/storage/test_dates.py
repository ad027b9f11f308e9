"""When studies of a history ran: kept in the index, read of old ones, and chosen by."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from esim.errors import EsimError
from esim.storage.history import History, Location
from esim.storage.history.dates import began_between, moment, month, study_dates, with_dates
from esim.storage.history.write import Input, append, study_digest
from esim.study import Study

MAY = 1714521600.0  # 2024-05-01T00:00Z: 19844 days after 1970 of 86400 s
JUNE = MAY + 31 * 86400.0


def study(name: str, start: float | None) -> Study:
    times: dict[str, Any] = {}
    if start is not None:
        times = {"start": [start + 50, start], "end": [start + 60, np.nan]}
    return Study.from_arrays([[3.0, 2.0], [4.0, 1.0]], "minimize", name=name, **times)


def written(folder: Path, *studies: Study, group: str | None = None) -> History:
    given = Input(f"in-{studies[0].name}", "0", "table", studies, group)
    return append(Location(str(folder)), [given], History.open(str(folder)))


def without_columns(folder: Path, *names: str) -> None:
    """The index as it was before it had these columns."""
    path = folder / "index.parquet"
    pq.write_table(pq.read_table(path).drop_columns(list(names)), path)


def test_the_index_has_the_first_start_and_the_last_end(tmp_path: Path) -> None:
    written(tmp_path, study("a", MAY), study("b", None), study("c", 0.0), group="team")
    rows = pq.read_table(tmp_path / "index.parquet").to_pylist()
    assert [(r["first_start"], r["last_end"]) for r in rows] == [
        (MAY, MAY + 60), (None, None), (None, None),
    ]  # fmt: skip
    assert {row["group_name"] for row in rows} == {"team"}
    history = History.open(str(tmp_path))
    assert history is not None
    assert with_dates(history) is history  # none is looked up again


def test_a_history_without_dates_is_read_and_added_to(tmp_path: Path) -> None:
    written(tmp_path, study("a", MAY), study("b", None))
    before = pq.read_table(tmp_path / "index.parquet").to_pylist()
    without_columns(tmp_path, "first_start", "last_end", "digest", "group_name")
    old = History.open(str(tmp_path))
    assert old is not None
    assert [entry.first_start for entry in old.entries] == [None, None]
    found = with_dates(old).entries
    assert (found[0].first_start, found[0].last_end) == (MAY, MAY + 60)
    assert np.isnan(found[1].first_start)
    assert began_between(old, "2024-05", None).names == ["a"]
    written(tmp_path, study("c", JUNE))
    rows = pq.read_table(tmp_path / "index.parquet").to_pylist()
    assert [row["first_start"] for row in rows] == [MAY, None, JUNE]
    assert [row["digest"] is None for row in rows] == [True, True, False]
    assert [row["first_start"] for row in before] == [MAY, None]


def test_an_old_history_with_a_damaged_table_can_be_added_to(tmp_path: Path) -> None:
    written(tmp_path, study("a", MAY))
    without_columns(tmp_path, "first_start", "last_end")
    (table,) = tmp_path.glob("shards/*/trials.parquet")
    table.write_bytes(table.read_bytes()[:50])
    old = History.open(str(tmp_path))
    assert old is not None
    with pytest.raises(EsimError, match=r"trials\.parquet"):
        began_between(old, "2024", None)
    assert written(tmp_path, study("c", JUNE)).names == ["a", "c"]


def test_a_date_that_cannot_be_is_refused(tmp_path: Path) -> None:
    written(tmp_path, study("a", MAY))
    path = tmp_path / "index.parquet"
    table = pq.read_table(path)
    at = table.column_names.index("first_start")
    import pyarrow as pa

    pq.write_table(table.set_column(at, "first_start", pa.array([1e300])), path)
    with pytest.raises(EsimError, match="a date that cannot be in an index"):
        History.open(str(tmp_path))


def test_studies_are_chosen_by_their_first_start(tmp_path: Path) -> None:
    history = written(
        tmp_path, study("a", MAY - 1), study("b", MAY), study("c", JUNE), study("d", None)
    )
    assert began_between(history, "2024-05", None).names == ["b", "c"]
    assert began_between(history, "2024-05-01", "2024-06-01").names == ["b"]
    assert began_between(history, None, "2024-05-01T02:00+02:00").names == ["a"]
    chosen = began_between(history, "2024-05", "2024-06")
    assert [(note.code, note.count, note.text) for note in chosen.notes] == [
        ("studies_by_date", 1, "1 of 4 studies began in 2024-05 or later and before 2024-06"),
        ("studies_undated", 1, "1 of 4 studies have no date and are left out"),
    ]
    assert chosen.sha256 == history.sha256
    with pytest.raises(EsimError, match=r"from 2024-04 to 2024-06; 1 of 4 have no date"):
        began_between(history, "2025", None)


def test_times_from_another_zero_are_no_dates() -> None:
    nan = np.nan
    for start, end, expected in (
        ([MAY, MAY + 5], [MAY + 9, nan], (MAY, MAY + 9)),
        ([nan, nan], [MAY, nan], (nan, MAY)),
        ([nan], [nan], (nan, nan)),
        ([0.0, 5.0], [9.0, 9.0], (nan, nan)),
        ([MAY], [9.0], (nan, nan)),  # one of both is no wall clock
        ([], [], (nan, nan)),
    ):
        found = study_dates(np.array(start), np.array(end))
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("text", ["", "hello", "2024-13", "2024-02-30", "24", "2024-05-17T25:00"])
def test_what_is_no_date(text: str) -> None:
    with pytest.raises(EsimError, match=r"not a date.*\n  fix: a year"):
        moment(text)


def test_months_are_those_of_utc() -> None:
    assert (month(MAY - 1e-3), month(MAY), month(JUNE)) == ("2024-04", "2024-05", "2024-06")


def test_a_digest_is_of_what_a_replay_reads() -> None:
    one = study("a", MAY)
    others = [
        replace(one, values=one.values + 1e-15),
        replace(one, end=one.end + 1),
        replace(one, direction="maximize"),
        replace(one, trials=("0", "2")),
        replace(one, instance_count=one.instance_count + 1),
        replace(one, done_at_zero=1),
    ]
    digests = {study_digest(study) for study in [one, *others]}
    assert len(digests) == 1 + len(others)
    assert study_digest(replace(one, name="b", notes=())) == study_digest(one)
