"""Lines found, cut and timed many at once, against the plain way of doing it."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esim import EsimError
from esim.readers.options import Metric
from esim.readers.source import BESIDE_BYTES, File
from esim.readers.text import rows
from esim.readers.text.log_text import LogText
from esim.readers.text.rows import line_ends, positions_of, rows_with
from esim.readers.text.scan import scan

LOSS = Metric.compile("loss", r"loss=(\S+)", "")


@given(st.lists(st.sampled_from([b"#033[", b"#", b"03", b"ab", b"\n"])), st.sampled_from([1, 9999]))
def test_places_of_a_literal(pieces: list[bytes], rare: int) -> None:
    data = b"".join(pieces)
    expected = [at for at in range(len(data)) if data[at : at + 5] == b"#033["]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows, "_RARE", rare)  # 1: by the rarest byte; 9999: by `re`
        assert list(positions_of(data, b"#033[")) == expected


@given(st.lists(st.sampled_from([b"loss", b"acc", b"\n", b"\r\n", b" "])))
def test_rows_with_a_needle(pieces: list[bytes]) -> None:
    data = b"".join(pieces)
    lines = data.split(b"\n")
    ends = line_ends(data)
    assert len(ends) == len(lines)
    one = [row for row, line in enumerate(lines) if b"loss" in line]
    two = [row for row, line in enumerate(lines) if b"loss" in line or b"acc" in line]
    assert rows_with(data, ends, [b"loss"]).tolist() == one
    assert rows_with(data, ends, [b"loss", b"acc"]).tolist() == two
    assert rows_with(data, ends, []).tolist() == list(range(len(lines)))


def test_a_text_of_many_blocks() -> None:
    pad = b"x" * 1000
    lines = [b"2026-11-23T00:%02d:%02d.250Z loss=%d " % (k // 60, k % 60, k) for k in range(3600)]
    # Every third line continues the event before it; 11 MB in all.
    data = b"\n".join(line[25:] + pad if k % 3 == 2 else line + pad for k, line in enumerate(lines))
    data += b"\n" + b"\n".join([pad] * 7000)
    actual = scan(LogText("x.log", data), LOSS)
    midnight = 1795392000.25  # date -u -d 2026-11-23 +%s
    assert actual.values.tolist() == list(range(3600))
    assert actual.times.tolist() == [midnight + k - (k % 3 == 2) for k in range(3600)]
    assert actual.lines.tolist() == list(range(1, 3601))
    assert {message[:5] for message in actual.messages} == {"loss="}


def test_a_time_that_is_none() -> None:
    data = b"2026-02-30T00:00:00.000Z loss=1\n"
    with pytest.raises(EsimError, match=re.escape("'2026-02-30T00:00:00.000Z' is not a time")):
        scan(LogText("x.log", data), LOSS)


def test_a_large_file_is_hashed_beside_the_reading(tmp_path: Path) -> None:
    contents = [bytes([i]) * (BESIDE_BYTES + i) for i in range(3)]
    files = []
    for i, data in enumerate(contents):
        path = tmp_path / f"{i}.log"
        path.write_bytes(data)
        files.append(File(path, path, path.name))
    assert [file.sha256 for file in files] == [None] * 3
    assert [file.read() for file in files] == contents
    assert [file.sha256 for file in files] == [hashlib.sha256(c).hexdigest() for c in contents]
