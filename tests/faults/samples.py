"""The small inputs that are changed here, and what came of reading a changed one, as a class.

same    the study is as before
fewer   it holds nothing that it did not hold before, and lacks something
noted   it differs, and a note says something that was not said before
other   it differs without a word
error   an `EsimError`
BUG     any other exception, an input that takes longer than ten seconds, or a file that was cut
        off and gives other values without a note on a file that is cut off or left out; but not
        where the cut is at the end of a line: that is a whole file with fewer lines
"""

from __future__ import annotations

import gzip
import json
import os
import signal
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow.csv import read_csv as csv_table

import esim
from esim.errors import BugError
from esim.readers.inputs import read_inputs
from esim.readers.own_formats import own_formats
from tests.paths import DATA, ROOT

CLASSES = ("same", "fewer", "noted", "other", "error", "BUG")
LONGEST_S = 10
# Notes that a file ends too early, is left out, or holds a trial without reports.
_OF_A_CUT = frozenset(
    {
        *("lines_cut_off", "last_line_unended", "records_cut_off", "records_damaged"),
        *("files_not_read", "trials_without_reports"),
    }
)
_WRITTEN = 1.7e9  # when every file was, as far as its own time says

# What people save: the objective first, in the middle and last; steps and times last.
_ROWS = {
    "value last": ("trial,step,loss", "t{t},{s},{v!r}"),
    "step last": ("trial,loss,step", "t{t},{v!r},{s}"),
    "time last": ("trial,loss,step,elapsed_s", "t{t},{v!r},{s},{e}"),
    "trial last": ("step,loss,trial", "{s},{v:.4f},t{t}"),
    "timestamp last": (
        "trial,step,loss,timestamp",
        "t{t},{s},{v:.4f},2026-01-01T00:{t:02d}:{s:02d}Z",
    ),
    "quoted": ('"trial","step","loss"', '"t{t}","{s}","{v!r}"'),
}
_LOGS = {
    "step last": "loss={v!r} epoch={s}",
    "value last": "epoch {s}: loss={v:.4g}",
    "xgboost": "[{s}]#011validation-rmse:{v:.5f}",
    "xgboost with times": "2026-01-01T00:00:{s:02d}.000Z [{s}]#011validation-rmse:{v:.5f}",
}


@dataclass(frozen=True)
class Seen:
    """What is read of an input.

    Attributes:
        format: the name of the format it is read as.
        facts: what the studies hold: a tuple each for a value, a time and a setting.
        notes: the code of each note, and what it counts.
    """

    format: str
    facts: frozenset[tuple[Any, ...]]
    notes: frozenset[tuple[str, int]]


@dataclass(frozen=True)
class Sample:
    """A small input that is read without fault.

    Attributes:
        name: its name.
        files: path -> contents.
        options: what it is read with.
        seen: what is read of it.
    """

    name: str
    files: Mapping[str, bytes]
    options: dict[str, Any]
    seen: Seen

    def outcome(self, folder: Path, cut_off: bool = False) -> str:
        """The class of what is read of the sample, changed, in a folder; with what went wrong.

        Args:
            folder: the folder.
            cut_off: whether the change was that a file ends in the middle of a line.
        """
        try:
            with in_time(LONGEST_S):
                found = read(folder, self.options)
        except BugError as error:
            return bug(error.__cause__ or error)
        except esim.EsimError:
            return "error"
        except Exception as error:
            return bug(error)
        invented, said = found.facts - self.seen.facts, found.notes - self.seen.notes
        if cut_off and invented and not _OF_A_CUT & {code for code, _ in said}:
            return f"BUG cut off, and of {min(invented, key=str)} only {sorted(said)} is said"[:200]
        if found.facts == self.seen.facts:
            return "same"
        if said:
            return "noted"
        return "other" if invented else "fewer"


def samples() -> Iterator[Sample]:
    """Every sample that the tests have of a format, the tiny study's, and tables and logs."""
    for folder in [*sorted((ROOT / "tests/formats").iterdir()), *sorted((DATA / "tiny").iterdir())]:
        if folder.is_dir():
            files = {
                str(path.relative_to(folder)): path.read_bytes()
                for path in sorted(folder.rglob("*"))
                if path.is_file()
            }
            yield from _sample(folder.name, files)
            plain = {
                name.removesuffix(".gz"): gzip.decompress(data) if name.endswith(".gz") else data
                for name, data in files.items()
            }
            if plain.keys() != files.keys():
                yield from _sample(f"{folder.name}, unpacked", plain)
    for fmt in own_formats():
        files = {name: text.encode() for name, text in fmt.sample.items()}
        if files:
            yield from _sample(f"{fmt.name}, sample", files)
    for line in (ROOT / "tests/readers/tables/cases.jsonl").read_text().splitlines():
        case = json.loads(line)
        texts = {k: v for k, v in case["files"].items() if isinstance(v, str)}
        if len(texts) == len(case["files"]) and not case["file"]:
            files = {name: text.encode() for name, text in texts.items()}
            yield from _sample(f"table {case['name']}", files, objective=case["objective"])
    yield from _tables_and_logs()


def _tables_and_logs() -> Iterator[Sample]:
    for name, (header, row) in _ROWS.items():
        text = "\n".join([header, *(line for t in range(3) for line in _lines(row, t)), ""])
        data = text.encode()
        yield from _sample(f"csv, {name}", {"t.csv": data}, objective="loss")
        crlf = data.replace(b"\n", b"\r\n")
        yield from _sample(f"csv, {name}, CR LF", {"t.csv": crlf}, objective="loss")
        tabs = data.replace(b",", b"\t")
        yield from _sample(f"tsv, {name}", {"t.tsv": tabs}, objective="loss")
    yield from _sample("csv, UTF-16", {"t.csv": text.encode("utf-16")}, objective="loss")
    yield from _sample("csv, gzip", {"t.csv.gz": gzip.compress(data)}, objective="loss")
    frames = [pa.compress(part, "zstd", asbytes=True) for part in (data[:75], data[75:])]
    yield from _sample("csv, zstd", {"t.csv.zst": b"".join(frames)}, objective="loss")
    table, parquet = csv_table(pa.py_buffer(data)), BytesIO()
    pq.write_table(table, parquet)
    yield from _sample("parquet", {"t.parquet": parquet.getvalue()}, objective="loss")
    with TemporaryDirectory() as folder:
        study = esim.Study.from_arrays([[0.9, 0.5], [0.8, 0.7]], direction="minimize")
        study.to_parquet(Path(folder) / "s")
        files = {path.name: path.read_bytes() for path in sorted((Path(folder) / "s").iterdir())}
        yield from _sample("study", files)
    document = json.dumps(table.to_pylist(), indent=1).encode()
    yield from _sample("json", {"t.json": document}, objective="loss")
    row = '{{"trial": "t{t}", "step": {s}, "loss": {v!r}}}'
    text = "\n".join([*(line for t in range(3) for line in _lines(row, t)), ""])
    yield from _sample("json lines", {"t.jsonl": text.encode()}, objective="loss")
    runs = {
        f"r{t}.csv": "\n".join(["step,loss", *_lines("{s},{v!r}", t), ""]).encode()
        for t in range(3)
    }
    yield from _sample("csv, a file a run", runs, objective="loss")
    for name, row in _LOGS.items():
        files = {f"r{t}.log": "\n".join([*_lines(row, t), ""]).encode() for t in range(3)}
        if "xgboost" in name:
            yield from _sample(f"log, {name}", files, objective="validation:rmse")
        else:
            given = ["loss=loss=([0-9.]+)"]
            yield from _sample(f"log, {name}", files, objective="loss", metrics=given)


def _lines(row: str, trial: int) -> list[str]:
    """Eleven lines of a trial."""
    return [
        row.format(t=trial, s=s, v=(1 + trial / 7) / s, e=10.25 * s + trial) for s in range(1, 12)
    ]


def _sample(name: str, files: Mapping[str, bytes], **options: Any) -> Iterator[Sample]:
    """A sample, if it can be read; where an error names the objectives, with the first of them."""
    with written(files) as folder:
        options = {"direction": "minimize", **options}
        try:
            seen = read(folder, options)
        except esim.EsimError as error:
            options["objective"] = str(error.fix).partition("--objective ")[2].strip("'")
            if "contradicts" in str(error):
                options = {}
            try:
                seen = read(folder, options)
            except esim.EsimError:
                return
        yield Sample(name, files, options, seen)


@contextmanager
def written(files: Mapping[str, bytes]) -> Iterator[Path]:
    """A folder, for a while, with some files; `write` changes one."""
    with TemporaryDirectory() as folder:
        for name, data in files.items():
            (Path(folder) / "in" / name).parent.mkdir(parents=True, exist_ok=True)
            write(Path(folder) / "in" / name, data)
        yield Path(folder) / "in"


def whole(data: bytes) -> bool:
    """Whether a file ends where a line does, or is empty."""
    return data[-1:] in (b"", b"\n")


def write(path: Path, data: bytes) -> None:
    """Write a file as if at the time of all others: their order may be that of the trials."""
    path.write_bytes(data)
    os.utime(path, (_WRITTEN, _WRITTEN))


def read(folder: Path, options: dict[str, Any]) -> Seen:
    """What is read of a folder, and replayed."""
    reading = read_inputs(folder, **options)
    said = [note for one in (*reading.inputs, *reading.studies) for note in one.notes]
    facts: list[tuple[Any, ...]] = []
    for study in reading.studies:
        facts.append((study.name, study.objective, study.direction))
        of_row = np.repeat(np.arange(study.n_trials), np.diff(study.offsets)).tolist()
        rows = zip(of_row, study.steps.tolist(), study.values.tolist(), strict=True)
        named = [(study.name, study.trials[i], step, repr(value)) for i, step, value in rows]
        facts += named
        if study.elapsed is not None:
            times = study.elapsed.tolist()
            facts += [(*row[:3], "at", f"{t:.6g}") for row, t in zip(named, times, strict=True)]
        for key, column in study.config.items():
            settings = zip(study.trials, column, strict=True)
            facts += [(study.name, t, key, repr(v)) for t, v in settings if v is not None]
        if study.n_reports:
            esim.replay(study)
    return Seen(
        reading.inputs[0].format,
        frozenset(facts),
        frozenset((note.code, note.count) for note in said),
    )


@contextmanager
def in_time(seconds: int) -> Iterator[None]:
    """Raise TimeoutError where what is inside takes longer."""

    def late(number: int, frame: Any) -> None:
        raise TimeoutError(f"longer than {seconds} s")

    signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)


def bug(error: BaseException) -> str:
    """The outcome of an error that no reader should raise, with its place in esim."""
    trace = traceback.extract_tb(error.__traceback__)
    places = [f"{Path(f.filename).name}:{f.lineno}" for f in trace if "/esim/" in f.filename]
    return f"BUG {type(error).__name__}: {str(error)[:80]} at {' > '.join(places[-3:])}"
