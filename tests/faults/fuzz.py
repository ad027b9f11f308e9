"""Changes the tiny samples of every format at random, and reads them: no input ends in a traceback.

    python -m tests.faults.fuzz --seconds 60 --seed 1 [--only NAME] [--keep FOLDER]

Each change is one of a few kinds: a value of JSON or a cell of a table becomes something hostile, a
key is lost, a line is doubled or lost, bytes are flipped, put in or cut off. What comes of it is a
class: the same study, another one with a note that the sample does not have, another one without,
or a clear error. All else fails: a bug (any exception but EsimError), and an input that takes
longer than ten seconds. Prints a table of class by kind, and exits with 1 if anything failed;
`--keep` copies the inputs that did.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import esim
from esim.errors import BugError
from esim.readers.inputs import read_inputs
from esim.readers.own_formats import own_formats
from tests.paths import DATA, ROOT

LONGEST_S = 10
HOSTILE: tuple[Any, ...] = (
    *(None, True, 0, -1, 2**53, 2**63, 2**64, 10**40, 10**400, 1e308, -1e308, 1e-320),
    *(float("nan"), float("inf"), "", " ", "nan", "1e999", "0x10", "١", "1,5", "-"),
    *([], {}, [[]], [None], {"": None}, [1, 2, 3], {"a": {"b": [1]}}),
    *("\x00", "\x1b[2J", "\ud800", "../../x", "a" * 5000, "é", "9" * 5000, "2026-13-45T99:99:99Z"),
)


@dataclass(frozen=True)
class Sample:
    """A small input that is read without fault.

    Attributes:
        name: its name.
        files: path -> contents.
        options: what it is read with.
        studies: what is read of it, as `seen` shows it.
    """

    name: str
    files: dict[str, bytes]
    options: dict[str, Any]
    studies: tuple[Any, ...]


def samples() -> Iterator[Sample]:
    """Every sample that the tests have of a format, and the tiny study's."""
    for folder in [*sorted((ROOT / "tests/formats").iterdir()), *sorted((DATA / "tiny").iterdir())]:
        if folder.is_dir():
            files = {
                str(path.relative_to(folder)): path.read_bytes()
                for path in sorted(folder.rglob("*"))
                if path.is_file()
            }
            yield from _sample(folder.name, files)
    for fmt in own_formats():
        files = {name: text.encode() for name, text in fmt.sample.items()}
        if files:
            yield from _sample(f"{fmt.name}, sample", files)
    for line in (ROOT / "tests/readers/tables/cases.jsonl").read_text().splitlines():
        case = json.loads(line)
        texts = {k: v for k, v in case["files"].items() if isinstance(v, str)}
        if len(texts) == len(case["files"]) and not case["file"]:
            files = {name: text.encode() for name, text in texts.items()}
            yield from _sample(f"table {case['name']}", files, case["objective"])


def _sample(name: str, files: dict[str, bytes], objective: str | None = None) -> Iterator[Sample]:
    with tempfile.TemporaryDirectory() as folder:
        _write(Path(folder) / "in", files)
        options: dict[str, Any] = {"direction": "minimize"}
        if objective is not None:
            options["objective"] = objective
        try:
            found = _read(Path(folder) / "in", options)
        except esim.EsimError as error:
            named = str(error.fix).partition("--objective ")[2].strip("'")
            options["objective"] = named
            if "contradicts" in str(error):
                options = {}
            try:
                found = _read(Path(folder) / "in", options)
            except esim.EsimError:
                return
        yield Sample(name, files, options, found)


def _write(folder: Path, files: dict[str, bytes]) -> None:
    for name, contents in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(contents)


def _read(folder: Path, options: dict[str, Any]) -> tuple[Any, ...]:
    reading = read_inputs(folder, **options)
    notes = frozenset(
        note.code for one in (*reading.inputs, *reading.studies) for note in one.notes
    )
    columns = tuple(
        (s.trials, s.offsets.tobytes(), s.steps.tobytes(), s.values.tobytes())
        for s in reading.studies
    )
    for study in reading.studies:
        if study.n_reports:
            esim.replay(study)
    return columns, notes


# -- changes ---------------------------------------------------------------------------------------


def json_value(data: bytes, rng: random.Random) -> bytes | None:
    """A value somewhere in a JSON text, or in a line of it, becomes a hostile one, or is lost."""
    lines = data.split(b"\n")
    at = rng.randrange(len(lines))
    for text, put in ((data, None), (lines[at], at)):
        try:
            value = json.loads(text)
        except ValueError:
            continue
        places = list(_places(value))
        if not places:
            return None
        holder, key = rng.choice(places)
        if rng.random() < 0.2:
            del holder[key]
        else:
            holder[key] = rng.choice(HOSTILE)
        new = json.dumps(value).encode()
        if put is None:
            return new
        lines[put] = new
        return b"\n".join(lines)
    return None


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    items: Any = ()
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value))
    for key, inner in items:
        yield value, key
        yield from _places(inner)


def cell(data: bytes, rng: random.Random) -> bytes | None:
    """A word of a text becomes a hostile one."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None
    words = list(re.finditer(r"[^\s,;\"'{}\[\]:=]+", text))
    if not words:
        return None
    word = rng.choice(words)
    new = str(rng.choice(HOSTILE[:38]))
    return (text[: word.start()] + new + text[word.end() :]).encode("utf-8", "surrogatepass")


def line(data: bytes, rng: random.Random) -> bytes | None:
    """A line is lost, doubled, or changes places with another."""
    lines = data.split(b"\n")
    if len(lines) < 2:
        return None
    a, b = rng.randrange(len(lines)), rng.randrange(len(lines))
    kind = rng.randrange(3)
    if kind == 0:
        del lines[a]
    elif kind == 1:
        lines.insert(a, lines[b])
    else:
        lines[a], lines[b] = lines[b], lines[a]
    return b"\n".join(lines)


def flip(data: bytes, rng: random.Random) -> bytes | None:
    """A few bits are flipped."""
    if not data:
        return None
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 4, 32))):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def cut(data: bytes, rng: random.Random) -> bytes | None:
    """The end is cut off."""
    return data[: rng.randrange(len(data))] if data else None


def put_in(data: bytes, rng: random.Random) -> bytes | None:
    """A few bytes, or a part of the file again, are put in."""
    at = rng.randrange(len(data) + 1)
    part = rng.randbytes(rng.randrange(1, 9))
    if data and rng.random() < 0.5:
        begin = rng.randrange(len(data))
        part = data[begin : begin + rng.randrange(1, 200)]
    return data[:at] + part + data[at:]


def database(data: bytes, rng: random.Random) -> bytes | None:
    """A cell of a SQLite database becomes a hostile one."""
    if data[:15] != b"SQLite format 3":
        return None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.db"
        path.write_bytes(data)
        con = sqlite3.connect(path)
        try:
            listed = con.execute("select name from sqlite_master where type = 'table'")
            tables = [name for (name,) in listed]
            table = rng.choice(tables)
            columns = [row[1] for row in con.execute(f'pragma table_info("{table}")')]
            rows = [r for (r,) in con.execute(f'select rowid from "{table}"')]
            if not rows:
                return None
            given = rng.choice(HOSTILE)
            if not isinstance(given, (type(None), int, float, str)) or given in (2**63, 2**64):
                given = json.dumps(given)
            con.execute(
                f'update "{table}" set "{rng.choice(columns)}" = ? where rowid = ?',
                (given, rng.choice(rows)),
            )
            con.commit()
        except (sqlite3.Error, OverflowError, UnicodeEncodeError):
            return None
        finally:
            con.close()
        return path.read_bytes()


# Those that find most come twice.
CHANGES = (json_value, json_value, cell, cell, line, flip, cut, put_in, database)


@contextmanager
def in_time(seconds: int) -> Iterator[None]:
    def late(number: int, frame: Any) -> None:
        raise TimeoutError(f"longer than {seconds} s")

    signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--count", type=int, default=10**9)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="")
    parser.add_argument("--keep", type=Path)
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    every = [sample for sample in samples() if asked.only in sample.name]
    rng = random.Random(asked.seed)
    outcomes: Counter[tuple[str, str]] = Counter()
    faults: dict[str, tuple[str, str]] = {}
    seen: Counter[str] = Counter()
    began = time.monotonic()
    while time.monotonic() - began < asked.seconds and outcomes.total() < asked.count:
        sample, change = rng.choice(every), rng.choice(CHANGES)
        name = rng.choice(sorted(sample.files))
        new = change(sample.files[name], rng)
        if new is None or new == sample.files[name]:
            continue
        with tempfile.TemporaryDirectory() as folder:
            into = Path(folder) / "in"
            _write(into, {**sample.files, name: new})
            outcome = _outcome(sample, into, change is cut)
            if outcome.startswith("BUG") and outcome not in faults:
                faults[outcome] = (sample.name, name)
                if asked.keep:
                    kept = asked.keep / f"{len(faults):03}"
                    shutil.copytree(into, kept)
                    (asked.keep / f"{len(faults):03}.txt").write_text(
                        f"{sample.name}: {name}: {change.__name__}\n{sample.options}\n{outcome}\n"
                    )
        seen[outcome] += 1
        outcomes[change.__name__, outcome[:3] if outcome.startswith("BUG") else outcome] += 1
    classes = ("same", "noted", "other", "error", "BUG")
    print(f"{len(every)} samples, seed {asked.seed}")
    print(f"{'change':12}" + "".join(f"{name:>9}" for name in classes))
    for change in dict.fromkeys(CHANGES):
        row = [outcomes[change.__name__, name] for name in classes]
        print(f"{change.__name__:12}" + "".join(f"{n:9,}" for n in row))
    print(f"{'total':12}{outcomes.total():9,}")
    for fault, (sample_name, file) in faults.items():
        print(f"\n{seen[fault]} x {fault}\n    first in {sample_name}: {file}")
    return bool(faults)


def _outcome(sample: Sample, folder: Path, is_cut: bool) -> str:
    try:
        with in_time(LONGEST_S):
            found, notes = _read(folder, sample.options)
    except BugError as error:
        return _bug(error.__cause__ or error)
    except esim.EsimError:
        return "error"
    except Exception as error:
        return _bug(error)
    if found == sample.studies[0]:
        return "same"
    if notes - sample.studies[1]:
        return "noted"
    invented = is_cut and _invented(found, sample.studies[0])
    return "BUG a file cut off gives other values without a note" if invented else "other"


def _invented(found: tuple[Any, ...], before: tuple[Any, ...]) -> bool:
    """Whether a study holds a report that the one before the cut does not hold."""
    known = {row for study in before for row in _reports(study)}
    return any(row not in known for study in found for row in _reports(study))


def _reports(study: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    trials, *columns = study
    offsets, steps = (np.frombuffer(column, dtype=np.int64) for column in columns[:2])
    values = np.frombuffer(columns[2])
    for i, trial in enumerate(trials):
        for at in range(offsets[i], offsets[i + 1]):
            yield trial, int(steps[at]), repr(float(values[at]))


def _bug(error: BaseException) -> str:
    trace = traceback.extract_tb(error.__traceback__)
    places = [f"{Path(f.filename).name}:{f.lineno}" for f in trace if "/esim/" in f.filename]
    return f"BUG {type(error).__name__}: {str(error)[:80]} at {' > '.join(places[-3:])}"


if __name__ == "__main__":
    sys.exit(main())
