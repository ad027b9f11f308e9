"""Small files that stand for huge ones: an error that says the limit, and little memory."""

from __future__ import annotations

import csv
import gzip
import io
import json
import sqlite3
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from esim.errors import EsimError
from esim.readers.encodings.compressed import unpacked
from esim.readers.encodings.database import open_file
from esim.readers.encodings.parquet_tables import parquet_table
from esim.readers.inputs import read_inputs, read_study
from esim.readers.limits import Limits, check_json, limited, parse_size
from esim.readers.source import File
from tests.readers.test_hostile import SYNE, ray, result
from tests.readers.test_tiny import assert_same_study

LEAST = "64MiB"  # the lowest that can be asked for: what is small may then unpack to 4 MiB
ROWS = b"trial,step,loss\n" + b"a,1,0.5\n" * (1 << 20)  # 8 MiB
TABLE = "trial,step,loss\na,1,0.5\na,2,0.25\nb,1,0.75\n"
CHOSEN: dict[str, Any] = {"objective": "loss", "direction": "minimize"}


def refused(path: Path, **options: Any) -> str:
    with pytest.raises(EsimError) as caught:
        read_inputs(path, **{**CHOSEN, "max_size": LEAST, **options})
    return str(caught.value)


def zst(data: bytes) -> bytes:
    return bytes(pa.compress(data, "zstd", asbytes=True))


def test_the_limits_that_the_module_states() -> None:
    limits = Limits()
    assert (limits.size, limits.row, limits.cell) == (2 << 30, 64 << 20, 16 << 20)
    assert (limits.columns, limits.members) == (32768, 1 << 20)
    # 128 MiB for what is small, 200 times what is stored, and never more than the first limit.
    assert limits.expanded(1000) == 128 << 20
    assert limits.expanded(1 << 20) == 200 << 20
    assert limits.expanded(1 << 30) == 2 << 30
    assert Limits(8 << 30).expanded(1000) == 512 << 20


@pytest.mark.parametrize(
    ("text", "size"),
    [("8GiB", 8 << 30), ("8 gb", 8 << 30), ("0.5T", 1 << 39), (1 << 30, 1 << 30), ("64M", 1 << 26)],
)
def test_sizes_as_people_write_them(text: str | int, size: int) -> None:
    assert parse_size(text, "") == size


@pytest.mark.parametrize("text", ["", "much", "-8GiB", "8 KiB", 0, "1e9", "63MiB"])
def test_what_is_no_size(text: str | int) -> None:
    with pytest.raises(EsimError, match="cannot be a limit on sizes"):
        parse_size(text, "--max-size")


# --- compressed ------------------------------------------------------------------------------


@pytest.mark.parametrize(("ending", "pack"), [("gz", gzip.compress), ("zst", zst)])
def test_what_expands_too_far_is_refused_and_the_flag_raises_the_limit(
    tmp_path: Path, ending: str, pack: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / f"t.csv.{ending}"
    path.write_bytes(pack(ROWS))
    assert path.stat().st_size < 20_000
    actual = refused(path)
    assert f"{path}: the unpacked file is too large" in actual
    assert "more than 4 MiB; the limit is 4 MiB" in actual
    assert "--max-size 256MiB (max_size in Python)" in actual
    assert read_study(path, **CHOSEN, max_size="256MiB").n_trials == 1


@pytest.mark.parametrize("kind", ["gzip", "zstd"])
def test_unpacking_stops_at_the_limit(kind: Any) -> None:
    data = {"gzip": gzip.compress, "zstd": zst}[kind](bytes(128 << 20))
    tracemalloc.start()
    with pytest.raises(EsimError, match="too large"):
        unpacked(data, kind, "x", 1 << 20)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64 << 20


def test_gzip_files_of_several_members_and_padding(tmp_path: Path) -> None:
    path = tmp_path / "t.csv.gz"
    half = len(TABLE) // 2
    first, second = TABLE[:half].encode(), TABLE[half:].encode()
    path.write_bytes(gzip.compress(first) + bytes(300) + gzip.compress(second) + bytes(5))
    assert read_study(path, **CHOSEN).values.tolist() == [0.5, 0.25, 0.75]
    path.write_bytes(gzip.compress(first) + b"and more")
    assert "the gzip data is cut off or damaged" in refused(path)


def test_members_of_archives_count_together(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "results.csv.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("results.csv", SYNE + "1,1,1,1,STOP,Stopped,0,1\n" * 300_000)
    assert "the unpacked archive is too large\n  why: more than 4 MiB" in refused(tmp_path)


def test_an_archive_of_too_many_members(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "results.csv.zip", "w") as archive:
        for i in range(33_000):
            archive.writestr(str(i), b"")
    assert "too many members\n  why: 33,000; the limit is 32,768" in refused(tmp_path)


@pytest.mark.parametrize("pack", [gzip.compress, zst])
def test_a_compressed_member_of_an_archive(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    data = pack(b'{"test_losses": [' + b"1," * (4 << 20) + b"1]}")
    member = tarfile.TarInfo("p/SGD/num_epochs__2__lr__1/random_seed__42__2019-02-13-00-00-00.json")
    member.size = len(data)
    with tarfile.open(tmp_path / "p.tar.gz", "w:gz") as archive:
        archive.addfile(member, io.BytesIO(data))
    assert "too large" in refused(tmp_path, objective=None, format="deepobs")


# --- tables ----------------------------------------------------------------------------------


def test_numbers_that_repeat_in_parquet(tmp_path: Path) -> None:
    n = 400_000
    same = {"step": pa.array(np.ones(n, np.int64)), "loss": pa.array(np.ones(n))}
    table = pa.table({"trial": pa.array(np.zeros(n, np.int64)), **same})
    pq.write_table(table, tmp_path / "t.parquet")
    assert (tmp_path / "t.parquet").stat().st_size < 10_000
    # 3 columns of 8 bytes a row, 9.6 million bytes, and what little is stored.
    assert "the table is too large\n  why: 9.16 MiB; the limit is 4 MiB" in refused(tmp_path)


@pytest.mark.parametrize("typed", [True, False])
def test_texts_that_repeat_in_parquet(tmp_path: Path, typed: bool) -> None:
    """A text of 100,000 letters, stored once and used a hundred times."""
    ids = pa.DictionaryArray.from_arrays(pa.array(np.zeros(100, np.int32)), pa.array(["x" * 10**5]))
    table = pa.table({"trial": ids, "step": np.arange(100), "loss": np.ones(100)})
    table = table if typed else table.cast(table.schema.set(0, pa.field("trial", pa.string())))
    pq.write_table(table, tmp_path / "t.parquet")
    # What is looked at first are 50 rows.
    assert "first rows of the table is too large\n  why: 4.77 MiB" in refused(tmp_path)
    with limited(64 << 20), pytest.raises(EsimError, match=r"the table is too large\n.*9.54 MiB"):
        parquet_table((tmp_path / "t.parquet").read_bytes(), ["trial"], "x")


def test_texts_that_repeat_are_read_as_ever(tmp_path: Path) -> None:
    """Watched columns are read as dictionaries: ids, and times as text."""
    rows = [
        ("ab"[i // 400], i, f"2026-01-01T00:{i // 60:02d}:{i % 60:02d}Z", 1.0 / (i + 1))
        for i in range(800)
    ]
    names = ("trial", "step", "timestamp", "loss")
    columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    expected = read_study(tmp_path, **CHOSEN)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Limits, "expanded", lambda self, stored: 100_000)  # texts x bytes are more
        table = parquet_table((tmp_path / "t.parquet").read_bytes(), None, "x")
        assert pa.types.is_dictionary(table["timestamp"].type)
        assert_same_study(read_study(tmp_path, **CHOSEN), expected, notes=True)


def test_rows_cells_and_columns(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(TABLE + f"b,2,{'5' * (3 << 20)}\n")
    assert f"{path}:5: a row is too large\n  why: more than 2 MiB" in refused(path)
    path.write_text("trial,step,loss,what\n" + f'b,"2",1,"{"x" * (1 << 20)}"\nb,x,1,2\n')
    assert f"{path}:2: a cell is too large\n  why: more than 512 KiB" in refused(path)
    path = tmp_path / "t.jsonl"
    path.write_text(json.dumps({"trial": "a", "step": 1, **{f"m{i}": 1 for i in range(2000)}}))
    assert "too many columns\n  why: 2,002; the limit is 1,024" in refused(path)


def test_a_large_cell_within_the_limit_is_read(tmp_path: Path) -> None:
    """Python's own limit on cells, 131,072 letters, is back afterwards."""
    path = tmp_path / "t.csv"
    path.write_text(f'trial,step,loss,what\nb,1e0,1,"{"x" * 200_000}"\n')
    assert read_study(path, **CHOSEN).n_reports == 1
    assert csv.field_size_limit() == 131_072


# --- JSON ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "entry", ["[]", "{}", "0", "1.5", '"a"', '{"a": []}', '{"a": 1.5, "b": 2.5, "c": "xyz"}']
)
def test_parsed_json_takes_no_more_than_is_reckoned(entry: str) -> None:
    text = "[" + ",".join([entry] * 50_000) + "]"
    tracemalloc.start()
    held = json.loads(text)
    taken = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    lists, objects, entries = (text.count(sign) for sign in "[{,")
    assert len(held) == 50_000
    assert taken <= 1.05 * (len(text) + 72 * lists + 200 * objects + 32 * entries)


def test_json_that_expands_when_it_is_parsed(tmp_path: Path) -> None:
    bomb = "[" + "[]," * 1_150_000 + "[]]"
    check_json(bomb, "x")
    with limited(64 << 20), pytest.raises(EsimError, match="once it is parsed"):
        check_json(bomb.encode(), "x")
    ray(tmp_path, result(1), '{"loss": 1, "training_iteration": 2, "more": ' + bomb + "}")
    with pytest.raises(EsimError, match=r"result.json:2: a row is too large"):
        read_inputs(tmp_path, **CHOSEN, max_size=LEAST)
    assert "once it is parsed" in refused(tmp_path, max_size="110MiB")
    assert read_study(tmp_path, **CHOSEN).n_reports == 2


def test_deep_nesting(tmp_path: Path) -> None:
    deep = '{"a":' * 300 + "1" + "}" * 300
    ray(tmp_path, '{"loss": 1, "training_iteration": 1, "config": ' + deep + "}", result(2))
    with pytest.raises(EsimError, match="nested too deeply"):
        read_inputs(tmp_path, **CHOSEN)


# --- databases -------------------------------------------------------------------------------


def optuna(path: Path, value: str, rows: int = 6) -> Path:
    """A storage of Optuna in which SQLite computes a column."""
    connection = sqlite3.connect(path)
    connection.executescript(
        f"""
        PRAGMA synchronous = OFF;
        CREATE TABLE studies (study_id INTEGER PRIMARY KEY, study_name TEXT);
        CREATE TABLE study_directions (study_id INTEGER, direction TEXT, objective INTEGER);
        CREATE TABLE version_info (version_info_id INTEGER PRIMARY KEY, schema_version INTEGER,
            library_version TEXT);
        CREATE TABLE trials (trial_id INTEGER PRIMARY KEY, number INTEGER, study_id INTEGER,
            state TEXT, datetime_start DATETIME, datetime_complete DATETIME);
        CREATE TABLE trial_params (param_id INTEGER PRIMARY KEY, trial_id INTEGER, param_name TEXT,
            param_value FLOAT, distribution_json TEXT);
        CREATE TABLE trial_values (trial_value_id INTEGER PRIMARY KEY, trial_id INTEGER,
            objective INTEGER, value FLOAT, value_type TEXT);
        CREATE TABLE trial_intermediate_values (id INTEGER PRIMARY KEY, trial_id INTEGER,
            step INTEGER, x INTEGER, intermediate_value FLOAT AS ({value}),
            intermediate_value_type TEXT AS ('FINITE'));
        INSERT INTO studies VALUES (1, 's');
        INSERT INTO study_directions VALUES (1, 'MINIMIZE', 0);
        INSERT INTO trials VALUES (1, 0, 1, 'COMPLETE', NULL, NULL);
        """
    )
    steps = [(1, i, i) for i in range(rows)]
    insert = "INSERT INTO trial_intermediate_values (trial_id, step, x) VALUES (?, ?, ?)"
    connection.executemany(insert, steps)
    connection.commit()
    connection.close()
    return path


def test_a_column_that_sqlite_computes(tmp_path: Path) -> None:
    assert read_study(optuna(tmp_path / "0.db", "1.0 / (1 + x)")).values[:2].tolist() == [1, 0.5]
    for number, value in enumerate(("hex(zeroblob(50000000))", "zeroblob(90000000)"), start=1):
        with pytest.raises(EsimError, match="a cell is larger than its file"):
            read_study(optuna(tmp_path / f"{number}.db", value))


@pytest.mark.parametrize("value", ["'x' || hex(zeroblob(30000))", "zeroblob(60000)"])
def test_cells_within_the_limit_that_are_too_many(tmp_path: Path, value: str) -> None:
    """300 times 60 kB."""
    path = optuna(tmp_path / "x.db", value, 300)
    assert "the answer to a query is too large\n  why: more than " in refused(path)


def test_a_query_that_does_not_end(tmp_path: Path) -> None:
    """Each row with each of each: 27 billion of them, and none of them counts."""
    path = optuna(tmp_path / "x.db", "1.0", 3000)
    table = "trial_intermediate_values"
    endless = f"SELECT 1 FROM {table} a, {table} b, {table} c WHERE a.x + b.x + c.x < 0"
    with open_file(File(path, path, path.name)) as database:
        with pytest.raises(EsimError, match="the database takes too long"):
            database.rows(endless)
        assert len(database.rows("SELECT study_id FROM studies")) == 1
