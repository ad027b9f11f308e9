"""One tiny study, 6 trials x 5 steps, in every encoding of a plain table: the same Study."""

from __future__ import annotations

import csv
import gzip
import io
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from esim.readers.inputs import read_inputs, read_studies, read_study
from esim.study import Study
from tests.paths import ROOT

# Ids that a guessing reader would take for numbers, a missing value and a date.
TRIALS = ("01234", "1234", "NaN", "1e5", "", "2026-11-23")
IDS = tuple(trial or "null" for trial in TRIALS)
HEADER = ("trial", "step", "loss", "elapsed_s")


def rows() -> list[tuple[str, int, float, float]]:
    """Trial i at step s has loss 10 i + 1 / s and needs 1.5 s per step."""
    return [(IDS[i], s, 10 * i + 1 / s, 1.5 * s) for i in range(6) for s in range(1, 6)]


def expected() -> Study:
    steps = np.arange(1, 6)
    return Study.from_arrays(
        [10 * i + 1 / steps for i in range(6)],
        direction="minimize",
        elapsed=1.5 * steps,
        names=IDS,
        status=["unknown"] * 6,
        name="tiny",
        objective="loss",
    )


def assert_same_study(actual: Study, expected: Study, *, notes: bool = False) -> None:
    """Every column equal to the last bit, NaN equal to NaN."""
    for name in ("name", "objective", "direction", "trials", "instance_type"):
        assert getattr(actual, name) == getattr(expected, name), name
    for name in ("offsets", "steps", "values", "start", "end", "status", "censored"):
        np.testing.assert_array_equal(getattr(actual, name), getattr(expected, name), name)
    np.testing.assert_array_equal(actual.instance_count, expected.instance_count)
    for name in ("elapsed", "billed"):
        its, wanted = getattr(actual, name), getattr(expected, name)
        assert (its is None) == (wanted is None), name
        if wanted is not None:
            np.testing.assert_array_equal(its, wanted, name)
    assert list(actual.config) == list(expected.config)
    for key, column in expected.config.items():
        assert [*map(repr, actual.config[key])] == [*map(repr, column)], key
    if notes:
        assert actual.notes == expected.notes


def csv_text(data: Sequence[Sequence[Any]], header: Sequence[str] = HEADER, **options: Any) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n", **options)
    writer.writerow(header)
    writer.writerows(data)
    return text.getvalue()


def jsonl_text(data: Sequence[Sequence[Any]], header: Sequence[str] = HEADER) -> str:
    return "".join(json.dumps(dict(zip(header, row, strict=True))) + "\n" for row in data)


def write_parquet(path: Path, data: Sequence[Sequence[Any]], **types: Any) -> None:
    columns = dict(zip(HEADER, zip(*data, strict=True), strict=True))
    pa.parquet.write_table(
        pa.table({name: pa.array(column, types.get(name)) for name, column in columns.items()}),
        path,
    )


def zst(data: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    return bytes(sink.getvalue())


def one_csv(folder: Path) -> list[Path]:
    (folder / "x.csv").write_text(csv_text(rows()))
    return [folder / "x.csv"]


def quoted_csv(folder: Path) -> list[Path]:
    (folder / "x.csv").write_text(csv_text(rows(), quoting=csv.QUOTE_ALL).replace("\n", "\r\n"))
    return [folder / "x.csv"]


def tsv_with_bom(folder: Path) -> list[Path]:
    (folder / "x.tsv").write_text("\ufeff" + csv_text(rows(), delimiter="\t"))
    return [folder / "x.tsv"]


def float_steps(folder: Path) -> list[Path]:
    (folder / "x.csv").write_text(csv_text([(t, float(s), v, e) for t, s, v, e in rows()]))
    return [folder / "x.csv"]


def spaced_cells(folder: Path) -> list[Path]:
    (folder / "x.csv").write_text(csv_text([(t, f" {s}", f"{v!r} ", e) for t, s, v, e in rows()]))
    return [folder / "x.csv"]


def one_jsonl(folder: Path) -> list[Path]:
    (folder / "x.jsonl").write_text(jsonl_text(rows()))
    return [folder / "x.jsonl"]


def odd_jsonl(folder: Path) -> list[Path]:
    data = [(int(t) if t == "1234" else t, float(s), str(v), e) for t, s, v, e in rows()]
    (folder / "x.jsonl").write_text("\n" + jsonl_text(data) + "\n\n")
    return [folder / "x.jsonl"]


def one_parquet(folder: Path) -> list[Path]:
    write_parquet(folder / "x.parquet", rows())
    return [folder / "x.parquet"]


def other_parquet_types(folder: Path) -> list[Path]:
    write_parquet(
        folder / "x.parquet",
        rows(),
        trial=pa.dictionary(pa.int8(), pa.large_string()),
        step=pa.uint16(),
    )
    return [folder / "x.parquet"]


def gz(folder: Path) -> list[Path]:
    data = csv_text(rows()).encode()
    # Two members, as `cat a.gz b.gz` makes them.
    (folder / "x.csv.gz").write_bytes(gzip.compress(data[:100]) + gzip.compress(data[100:]))
    return [folder / "x.csv.gz"]


def gz_without_the_name(folder: Path) -> list[Path]:
    (folder / "x").write_bytes(gzip.compress(jsonl_text(rows()).encode()))
    return [folder / "x"]


def zstd(folder: Path) -> list[Path]:
    (folder / "x.csv.zst").write_bytes(zst(csv_text(rows()).encode()))
    return [folder / "x.csv.zst"]


def parquet_gz(folder: Path) -> list[Path]:
    write_parquet(folder / "x.parquet", rows())
    (folder / "x.parquet.gz").write_bytes(gzip.compress((folder / "x.parquet").read_bytes()))
    (folder / "x.parquet").unlink()
    return [folder / "x.parquet.gz"]


def many_files(folder: Path) -> list[Path]:
    """Seven rows a file, so that trials go on in the next one."""
    paths = []
    for part in range(5):
        path = folder / f"part-{part}.csv"
        path.write_text(csv_text(rows()[7 * part : 7 * part + 7]))
        paths.append(path)
    return paths


def a_folder(folder: Path) -> list[Path]:
    many_files(folder)
    (folder / ".hidden.csv").write_text("trial,step,loss\nz,1,1\n")
    (folder / "part-0.csv~").write_text("trial,step,loss\nz,1,1\n")
    (folder / "README.md").write_text("# notes\n")
    return [folder]


def a_folder_of_mixed_compression(folder: Path) -> list[Path]:
    for i, path in enumerate(many_files(folder)):
        if i % 2:
            path.with_suffix(".csv.gz").write_bytes(gzip.compress(path.read_bytes()))
            path.unlink()
    return [folder]


def esims_own(folder: Path) -> list[Path]:
    expected().to_parquet(folder / "study")
    return [folder / "study"]


def esims_own_reports_alone(folder: Path) -> list[Path]:
    expected().to_parquet(folder / "study")
    return [folder / "study" / "reports.parquet"]


ENCODINGS = [
    one_csv,
    quoted_csv,
    tsv_with_bom,
    float_steps,
    spaced_cells,
    one_jsonl,
    odd_jsonl,
    one_parquet,
    other_parquet_types,
    gz,
    gz_without_the_name,
    zstd,
    parquet_gz,
    many_files,
    a_folder,
    a_folder_of_mixed_compression,
    esims_own,
    esims_own_reports_alone,
]


@pytest.mark.parametrize("write", ENCODINGS, ids=lambda f: f.__name__)
def test_every_encoding_gives_the_same_study(
    tmp_path: Path, write: Callable[[Path], list[Path]]
) -> None:
    paths = write(tmp_path)
    before = listing(tmp_path)

    actual = read_study(*paths, direction="minimize", name="tiny")

    assert_same_study(actual, expected())
    assert {note.code for note in actual.notes} <= {"starts_unknown"}
    assert listing(tmp_path) == before


def listing(folder: Path) -> dict[str, tuple[int, int]]:
    return {
        str(path.relative_to(folder)): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
    }


def test_a_column_study_makes_studies(tmp_path: Path) -> None:
    data = [(study, *row) for row in rows() for study in ("b", "007")]
    (tmp_path / "x.csv").write_text(csv_text(data, ("study", *HEADER)))

    actual = read_studies(tmp_path / "x.csv", direction="minimize")

    assert [study.name for study in actual] == ["b", "007"]
    for study in actual:
        assert study.trials == IDS
        np.testing.assert_array_equal(study.values, expected().values)


def test_studies_take_their_names_from_folders_and_files(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "logs.csv").write_text(csv_text(rows()))
    (tmp_path / "three.v2.csv.gz").write_bytes(gzip.compress(csv_text(rows()).encode()))

    paths = (tmp_path / "one", tmp_path / "three.v2.csv.gz", tmp_path / "two")
    reading = read_inputs(*paths, direction="maximize")

    assert [study.name for study in reading.studies] == ["one", "three.v2", "two"]
    assert [one.path for one in reading.inputs] == [str(path) for path in paths]


def test_inputs_carry_hash_format_and_notes(tmp_path: Path) -> None:
    import hashlib

    a_folder(tmp_path)
    (one,) = read_inputs(tmp_path, direction="minimize").inputs

    # What `sha256sum part-*.csv | sha256sum` prints.
    lines = "".join(
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n"
        for path in sorted(tmp_path.glob("part-?.csv"))
    )
    assert one.sha256 == hashlib.sha256(lines.encode()).hexdigest()
    assert one.format == "table"
    assert [(note.code, note.count) for note in one.notes] == [
        ("files_skipped", 2),
        ("files_not_read", 1),
    ]
    path = tmp_path / "part-0.csv"
    (one,) = read_inputs(path, direction="minimize").inputs
    assert one.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_reading_imports_late_and_never_pandas(tmp_path: Path) -> None:
    paths = [*one_csv(tmp_path), *one_jsonl(tmp_path), *one_parquet(tmp_path), *zstd(tmp_path)]
    program = f"""
import sys
import esim.readers
assert not {{"pyarrow", "pandas"}} & set(sys.modules)
for path in {[str(path) for path in paths]}:
    esim.readers.read_study(path, direction="minimize")
print("pyarrow" in sys.modules, "pandas" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert done.stdout.split() == ["True", "False"]
