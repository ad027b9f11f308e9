"""Inputs that are no regular files, or lie behind links: read once and whole, or said."""

from __future__ import annotations

import gzip
import io
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from esim.errors import EsimError
from esim.readers import special_files
from esim.readers.convert import convert
from esim.readers.inputs import read_inputs, read_study
from tests.paths import ROOT
from tests.readers.test_hostile import old_optuna, open_writer
from tests.readers.test_tiny import assert_same_study

CHOSEN: dict[str, Any] = {"objective": "loss", "direction": "minimize", "name": "s"}
# 200 kB: more than the first 64 KiB, and more than a pipe holds.
TABLE = ("trial,step,loss\n" + "".join(f"t{i},{i % 9},{i / 7}\n" for i in range(9000))).encode()


@contextmanager
def written(data: bytes, path: Path | None = None) -> Iterator[str]:
    """A pipe into which a program writes: a named one, or one as a shell's ``<(...)``."""
    if path is None:
        reading, writing = os.pipe()
        name = f"/dev/fd/{reading}"
    else:
        os.mkfifo(path)
        name = str(path)

    def write() -> None:
        with open(writing, "wb") if path is None else path.open("wb") as stream:
            stream.write(data)

    program = threading.Thread(target=write)
    program.start()
    try:
        yield name
    finally:
        program.join()
        if path is None:
            os.close(reading)


def as_stored(tmp_path: Path, kind: str) -> bytes:
    if kind == "parquet":
        table = pyarrow.csv.read_csv(io.BytesIO(TABLE))
        pq.write_table(table, tmp_path / "t.parquet")
        return (tmp_path / "t.parquet").read_bytes()
    return gzip.compress(TABLE, 1) if kind == "gzip" else TABLE


@pytest.mark.parametrize("kind", ["csv", "gzip", "parquet"])
@pytest.mark.parametrize("named", [True, False])
def test_a_pipe_is_read_once_and_whole(tmp_path: Path, kind: str, named: bool) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(TABLE)
    expected = read_inputs(path, **CHOSEN)
    data = as_stored(tmp_path, kind)
    with written(data, tmp_path / "pipe" if named else None) as pipe:
        actual = read_inputs(pipe, **CHOSEN)
    assert_same_study(actual.studies[0], expected.studies[0], notes=True)
    assert actual.inputs[0].path == pipe
    if kind == "csv":
        assert actual.inputs[0].sha256 == expected.inputs[0].sha256


def test_a_database_out_of_a_pipe(tmp_path: Path) -> None:
    expected = read_study(old_optuna(tmp_path / "x.db"))
    with written((tmp_path / "x.db").read_bytes()) as pipe:
        assert_same_study(read_study(pipe), expected, notes=True)


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(TABLE)))
    found = read_inputs("-", objective="loss", direction="minimize")
    assert (found.studies[0].name, found.studies[0].n_reports) == ("stdin", 9000)
    assert found.inputs[0].path == "-"
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(EsimError, match="-: standard input is closed"):
        read_inputs("-")


def test_a_pipe_that_nobody_writes_into(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(special_files, "WAIT_S", 0.1)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(EsimError, match=r"pipe: nothing is written into the pipe\n.*0.1 s"):
        read_inputs(tmp_path / "pipe")


def test_an_endless_device() -> None:
    with pytest.raises(EsimError, match=r"/dev/zero: the input is too large\n.*64 MiB"):
        read_inputs("/dev/zero", max_size="64MiB")
    with pytest.raises(EsimError, match="no format matches"):
        read_inputs("/dev/null")


def test_a_pipe_is_not_converted(tmp_path: Path) -> None:
    with written(TABLE) as pipe:
        failed = convert([pipe], str(tmp_path / "out"), objective="loss", direction="minimize")
    assert "a pipe is not converted" in failed.failed[pipe]


def test_pipes_and_links_in_a_folder_are_said(tmp_path: Path) -> None:
    """A link to a file is that file; one to a folder may lead anywhere, and is not followed."""
    logs, elsewhere = tmp_path / "logs", tmp_path / "elsewhere"
    for folder, trial in ((logs, "a"), (elsewhere, "b")):
        folder.mkdir()
        (folder / f"{trial}.csv").write_text("step,loss\n1,0.5\n2,0.25\n")
    os.mkfifo(logs / "pipe")
    (logs / "run2").symlink_to(elsewhere, target_is_directory=True)
    (logs / "c.csv").symlink_to(elsewhere / "b.csv")
    found = read_inputs(logs, **CHOSEN)
    assert found.studies[0].trials == ("a", "c")
    notes = {note.code: note.text for note in found.inputs[0].notes}
    assert notes["links_not_followed"] == f"1 linked folder is not followed: {logs / 'run2'}"
    assert notes["files_skipped"] == "1 hidden or left-over file skipped: pipe"
    assert read_study(logs / "run2", **CHOSEN).n_reports == 2
    alone = tmp_path / "alone"
    alone.mkdir()
    (alone / "run2").symlink_to(elsewhere, target_is_directory=True)
    with pytest.raises(EsimError, match=r"1 linked folder not followed\n.*give .*run2 itself"):
        read_inputs(alone, **CHOSEN)


def test_the_hash_of_a_database_covers_its_unfinished_writes(tmp_path: Path) -> None:
    path = old_optuna(tmp_path / "x.db")
    before = read_inputs(path).inputs[0].sha256
    with open_writer(path, "WAL") as writer:
        assert read_inputs(path).inputs[0].sha256 != before  # the mode stands in the file
        hashes = set()
        for value in (0.75, 0.5):
            writer.execute(f"INSERT OR REPLACE INTO trial_values VALUES (4, 9, 2, {value})")
            hashes.add(read_inputs(path).inputs[0].sha256)
            assert read_study(path).values[-1] == value
    assert len(hashes) == 2


# --- nothing, or something else than was asked for, is read ------------------------------------


@pytest.mark.parametrize("header", ["study,trial,step,val", "trial,step,val", "step,val"])
def test_a_table_with_a_header_alone_is_an_error(tmp_path: Path, header: str) -> None:
    (tmp_path / "t.csv").write_text(header + "\n")
    with pytest.raises(EsimError, match=r"nothing to read|no report|no format matches"):
        read_inputs(tmp_path, direction="minimize")


def test_a_regex_that_does_not_count_is_said(tmp_path: Path) -> None:
    logs = ROOT / "data" / "tiny" / "sagemaker"
    said = read_study(logs, metrics=["validation:loss=nothing (x)", "other=(y)"]).notes
    assert [note.text for note in said if note.code == "metric_unused"] == [
        "--metric validation:loss is not read: the description has its regex; under another name, "
        "with --objective and --direction, yours is read",
        "--metric other is not read: the objective is validation:loss",
    ]
    (tmp_path / "a.log").write_text("loss=0.5\nloss=0.25\n")
    study = read_study(tmp_path, metrics=["loss=loss=(.*)", "b=b(.)"], **CHOSEN)
    np.testing.assert_array_equal(study.values, [0.5, 0.25])
    assert "--metric b is not read: the objective is loss" in {note.text for note in study.notes}
