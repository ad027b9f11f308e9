"""Changes the tiny samples of every format at random, and reads them: no input ends in a traceback.

    python -m tests.faults.fuzz --count 20000 --seed 1 [--seconds 60] [--only NAME] [--keep FOLDER]

Each change is one of a few kinds: a value of JSON or a cell of a table becomes something hostile, a
key is lost, a line is doubled or lost, bytes are flipped, put in or cut off. Prints a table of the
changes by class (`tests.faults.samples`), and exits with 1 if there was a BUG; `--keep` copies the
first input of each.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sqlite3
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.faults.samples import Sample, samples, whole, written
from tests.faults.tally import Tally

HOSTILE: tuple[Any, ...] = (
    *(None, True, 0, -1, 2**53, 2**63, 2**64, 10**40, 10**400, 1e308, -1e308, 1e-320),
    *(float("nan"), float("inf"), "", " ", "nan", "1e999", "0x10", "١", "1,5", "-"),
    *([], {}, [[]], [None], {"": None}, [1, 2, 3], {"a": {"b": [1]}}),
    *("\x00", "\x1b[2J", "\ud800", "../../x", "a" * 5000, "é", "9" * 5000, "2026-13-45T99:99:99Z"),
)


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


def fuzz(
    every: Sequence[Sample], count: int, seed: int, keep: Path | None, seconds: float = 1e9
) -> Tally:
    """Make so many changes of samples chosen at random, and read what they leave."""
    rng = random.Random(seed)
    tally = Tally(keep)
    began = time.monotonic()
    while time.monotonic() - began < seconds and tally.total < count:
        sample, change = rng.choice(every), rng.choice(CHANGES)
        name = rng.choice(sorted(sample.files))
        new = change(sample.files[name], rng)
        if new is None or new == sample.files[name]:
            continue
        with written({**sample.files, name: new}) as folder:
            outcome = sample.outcome(folder, change is cut and not whole(new))
            tally.add(change.__name__, outcome, f"{sample.name}: {name}", folder)
    print(f"{len(every)} samples, seed {seed}")
    return tally


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=1e9)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="")
    parser.add_argument("--keep", type=Path)
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    every = [sample for sample in samples() if asked.only in sample.name]
    return fuzz(every, asked.count, asked.seed, asked.keep, asked.seconds).show("change")


if __name__ == "__main__":
    sys.exit(main())
