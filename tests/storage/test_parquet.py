"""Studies as Parquet: without loss, whole or not at all."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import esim
from esim.errors import EsimError
from esim.readers.inputs import read_study
from esim.storage import arrow, sealed
from esim.storage import parquet as storage
from esim.study import Note, Status, Study
from tests.readers.test_tiny import assert_same_study, expected

texts = st.text(max_size=8)  # any Unicode text but surrogates
numbers = st.floats(allow_nan=True, allow_infinity=True)
plain = st.none() | texts | st.integers(-(2**70), 2**70) | numbers | st.booleans()


@st.composite
def studies(draw: st.DrawFn) -> Study:
    trials = draw(st.lists(texts, min_size=1, max_size=5, unique=True))
    n = len(trials)
    curves = [sorted(draw(st.sets(st.integers(0, 2**40), max_size=4))) for _ in trials]
    lengths = [len(curve) for curve in curves]
    offsets = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
    total = int(offsets[-1])
    elapsed = None
    if draw(st.booleans()):
        finite = st.floats(0, 1e9)
        elapsed = np.array(
            [t for k in lengths for t in sorted(draw(st.lists(finite, min_size=k, max_size=k)))],
            dtype=np.float64,
        )
    status = np.array(draw(st.lists(st.sampled_from(Status), min_size=n, max_size=n)), np.int8)
    start = np.array(draw(st.lists(st.just(np.nan) | st.floats(0, 1e9), min_size=n, max_size=n)))
    column = st.lists(plain, min_size=n, max_size=n)
    same = st.one_of(
        *(
            st.lists(st.none() | kind, min_size=n, max_size=n)
            for kind in (texts, st.integers(-(2**63), 2**63 - 1), numbers, st.booleans())
        )
    )
    billed = None
    if draw(st.booleans()):
        seconds = st.just(np.nan) | st.floats(0, 1e9)
        billed = np.array([1.5, *draw(st.lists(seconds, min_size=n - 1, max_size=n - 1))])
    return Study(
        billed=billed,
        name=draw(texts),
        objective=draw(texts | st.sampled_from(["trial", "metric.x", "elapsed_s", "config.a"])),
        direction=draw(st.sampled_from(["minimize", "maximize"])),
        trials=tuple(trials),
        offsets=offsets,
        steps=np.array([step for curve in curves for step in curve], dtype=np.int64),
        values=np.array(draw(st.lists(numbers, min_size=total, max_size=total)), np.float64),
        elapsed=elapsed,
        start=start,
        end=start + draw(st.floats(0, 1e6)),
        status=status,
        censored=np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n)), np.bool_),
        instance_type=tuple(draw(st.lists(st.none() | texts, min_size=n, max_size=n))),
        instance_count=np.array(
            draw(st.lists(st.integers(1, 9), min_size=n, max_size=n)), dtype=np.int64
        ),
        config=draw(st.dictionaries(texts, column | same, max_size=3)),
        notes=tuple(Note(code, text, 2) for code, text in draw(st.lists(st.tuples(texts, texts)))),
    )


@settings(max_examples=100, deadline=None)
@given(study=studies())
def test_round_trip(study: Study) -> None:
    with tempfile.TemporaryDirectory() as folder:
        study.to_parquet(folder)
        assert_same_study(Study.from_parquet(folder), study, notes=True)
        assert_same_study(read_study(folder), study, notes=True)
        assert sorted(os.listdir(folder)) == [storage.REPORTS, storage.TRIALS]


def test_other_tools_read_it(tmp_path: Path) -> None:
    expected().to_parquet(tmp_path / "s")
    reports = pyarrow.parquet.read_table(tmp_path / "s" / "reports.parquet")
    assert reports.column_names == ["study", "trial", "step", "loss", "elapsed_s"]
    assert reports["loss"].to_pylist() == expected().values.tolist()
    assert set(reports["study"].to_pylist()) == {"tiny"}
    trials = pyarrow.parquet.read_table(tmp_path / "s" / "trials.parquet")
    assert trials["start"].null_count == 6


def test_the_same_study_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        expected().to_parquet(tmp_path / name)
    for name in (storage.REPORTS, storage.TRIALS):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_an_old_study_is_replaced_and_other_things_are_not(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "s"
    Study.from_arrays([[1.0]], "minimize").to_parquet(folder)
    expected().to_parquet(folder)
    assert_same_study(Study.from_parquet(folder), expected())
    (folder / "thesis.tex").write_text("x")
    with pytest.raises(EsimError, match="holds other things"):
        expected().to_parquet(folder)
    (tmp_path / "file").write_text("x")
    with pytest.raises(EsimError, match="a file stands there"):
        expected().to_parquet(tmp_path / "file")
    assert sorted(os.listdir(tmp_path)) == ["deep", "file"]
    assert os.listdir(tmp_path / "deep") == ["s"]


def test_a_failure_leaves_the_old_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "s"
    expected().to_parquet(folder)
    write = sealed.write_table

    def full(table: Any, out: IO[bytes], **options: Any) -> None:
        if out.name.endswith(storage.TRIALS):
            raise OSError(28, "No space left on device")
        write(table, out, **options)

    monkeypatch.setattr(sealed, "write_table", full)
    with pytest.raises(EsimError, match="No space left"):
        Study.from_arrays([[1.0]], "minimize").to_parquet(folder)
    assert_same_study(Study.from_parquet(folder), expected())
    assert os.listdir(tmp_path) == ["s"]


@pytest.mark.parametrize(
    ("study", "what"),
    [
        (Study.from_arrays([[1.0]], "minimize", config={"a": [[1]]}), "'a' is a list"),
        (Study.from_arrays([[1.0]], "minimize", names=["\ud800"]), "not Unicode text"),
        (Study.from_arrays([[1.0]], "minimize", config={"a": ["\ud800"]}), "not Unicode text"),
    ],
)
def test_what_cannot_be_stored(tmp_path: Path, study: Study, what: str) -> None:
    with pytest.raises(EsimError, match=what):
        study.to_parquet(tmp_path / "s")
    assert os.listdir(tmp_path) == []


def test_numpy_scalars_are_stored(tmp_path: Path) -> None:
    config = {"a": [np.int64(3)], "b": [np.float32(0.5)], "c": [np.bool_(True)]}
    Study.from_arrays([[1.0]], "minimize", config=config).to_parquet(tmp_path)
    actual = Study.from_parquet(tmp_path).config
    assert {key: list(column) for key, column in actual.items()} == {
        "a": [3],
        "b": [0.5],
        "c": [True],
    }


def test_what_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(EsimError, match="no study stored by esim"):
        Study.from_parquet(tmp_path / "none")
    expected().to_parquet(tmp_path / "a")
    Study.from_arrays([[1.0]], "minimize").to_parquet(tmp_path / "b")
    shutil.copy(tmp_path / "b" / storage.TRIALS, tmp_path / "a" / storage.TRIALS)
    with pytest.raises(EsimError, match="not of one study"):
        Study.from_parquet(tmp_path / "a")
    path = tmp_path / "b" / storage.TRIALS
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(EsimError, match="damaged Parquet file"):
        Study.from_parquet(tmp_path / "b")


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("trials", lambda t: t.append_column("trial", t["trial"]), "several columns 'trial'"),
        ("trials", lambda t: t.drop_columns(["start"]), "no column 'start'"),
        ("trials", lambda t: with_cells(t, "start", [{"a": 1}] * 6), "'start' holds struct"),
        ("trials", lambda t: with_cells(t, "status", ["x"] * 6), "unknown status 'x'"),
        ("trials", lambda t: with_cells(t, "config.z", [[1]] * 6), "'config.z' holds list"),
        ("trials", lambda t: t.slice(1), "their trials differ"),
        ("reports", lambda t: t.append_column("step", t["step"]), "several columns 'step'"),
        ("reports", lambda t: t.slice(1).take([0, 0, 1]), "steps must increase"),
        ("both", lambda t: record_of(t, "[" * 99_999), "nested too deeply"),
        ("both", lambda t: record_of(t, '{"schema": "esim.study/1", "name": 3}'), "name: 3 is not"),
        ("both", lambda t: record_of(t, '{"schema": "esim.study/9"}'), "not of one study"),
    ],
)
def test_what_another_program_wrote_is_checked(
    tmp_path: Path, name: str, change: Callable[[Any], Any], said: str
) -> None:
    expected().to_parquet(tmp_path / "s")
    for file in ("reports", "trials") if name == "both" else (name,):
        path = tmp_path / "s" / f"{file}.parquet"
        pyarrow.parquet.write_table(change(pyarrow.parquet.read_table(path)), path)
    for read in (Study.from_parquet, read_study):
        with pytest.raises(EsimError, match=said) as refused:
            read(tmp_path / "s")
        assert str(tmp_path) in str(refused.value)


def with_cells(table: Any, name: str, cells: list[Any]) -> Any:
    if name not in table.column_names:
        return table.append_column(name, pyarrow.array(cells))
    return table.set_column(table.column_names.index(name), name, pyarrow.array(cells))


def record_of(table: Any, text: str) -> Any:
    return table.replace_schema_metadata({storage.METADATA_KEY: text})


def test_a_study_without_seals_is_read(tmp_path: Path) -> None:
    expected().to_parquet(tmp_path / "s")
    for path in (tmp_path / "s").iterdir():
        pyarrow.parquet.write_table(pyarrow.parquet.read_table(path), path)
    assert_same_study(Study.from_parquet(tmp_path / "s"), expected())


def test_small_files_are_read_from_arrows_own_memory() -> None:
    """A thread of Arrow's that lets go of a Python object as the interpreter ends aborts it."""
    for size, held in ((1_000, False), (5 * 2**20, True)):
        data = bytes(size)
        before = sys.getrefcount(data)
        stream = arrow.reader(data)
        assert (sys.getrefcount(data) > before) == held
        assert stream.read() == data


def test_arrow_reads_bytes_through_that_alone() -> None:
    """Decompression, which is done where it is asked for, may take them as they are."""
    package = Path(esim.__file__).parent
    found = [
        f"{path.relative_to(package)}: {line.strip()}"
        for path in sorted(package.rglob("*.py"))
        for line in path.read_text().splitlines()
        if "BufferReader(" in line and path.name != "arrow.py"
    ]
    assert len(found) == 1 and "CompressedInputStream" in found[0], found
