"""The scan of log text against a plain loop over its lines."""

from __future__ import annotations

import math
import re
import time
from datetime import datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from esim import EsimError
from esim.readers.options import Metric
from esim.readers.text.log_text import LogText
from esim.readers.text.scan import scan
from esim.readers.text.watch import Watch

NUMBER = r"([-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)"
REGEXES = (
    rf".*\[[0-9]+\].*#011validation-rmse:{NUMBER}.*",
    rf"rmse:{NUMBER}",
    r"rmse:(\S+)",
    rf"^\[(?:0|1)\].*rmse:{NUMBER}$",
    rf"(?i)RMSE:{NUMBER}",
    rf"a|rmse:{NUMBER}",
    rf"\S+\s+x rmse:{NUMBER}",
    r"rmse:(.*?)",
)
TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+\d\d:\d\d))(?: |$)")


def naive(data: bytes, regex: str) -> list[tuple[float, float, str, int]]:
    """Line by line: value, time, message and number of everything that matches."""
    found = []
    at = math.nan
    for number, line in enumerate(data.decode("utf-8", errors="replace").split("\n"), start=1):
        line = line[:-1] if line.endswith("\r") else line
        stamp = TIME.match(line)
        if stamp:
            at = datetime.fromisoformat(stamp[1].replace("Z", "+00:00")).timestamp()
            line = line[stamp.end() :]
        for match in re.finditer(regex, line):
            try:
                value = float(match[1] if match[1] and "_" not in match[1] else "none")
            except ValueError:
                continue
            found.append((value, at, line, number))
    return found


PIECES = st.sampled_from(
    [
        b"[0]#011train-rmse:1.5", b"#011validation-rmse:", b"rmse:", b"RMSE:", b"0.25", b"-1e-05",
        b"nan", b"inf", b"x ", b" ", b"a", b"\xff\xfe", b"\xe2\x80\xa8", b"\x85", b"\x1c", b"\x0b",
        b"\xc3\xa9", b"\x1b[34m", b"#033[0m", b"[1]", b"\t", b"1_0", b"\x00",
    ]
)  # fmt: skip
STAMPS = st.sampled_from(
    [b"", b"", b"2026-11-23T16:11:03.000Z ", b"2026-11-23T16:11:04.5Z ",
     b"2026-11-23T16:11:03+01:00 ", b"2026 "]
)  # fmt: skip
LINES = st.builds(
    lambda stamp, pieces, end: stamp + b"".join(pieces) + end,
    STAMPS,
    st.lists(PIECES, max_size=6),
    st.sampled_from([b"", b"\r"]),
)


@settings(max_examples=400, deadline=None)
@given(st.lists(LINES, max_size=12), st.sampled_from(REGEXES), st.booleans())
def test_against_a_plain_loop(lines: list[bytes], regex: str, ended: bool) -> None:
    data = b"\n".join(lines) + (b"\n" if ended else b"")
    actual = scan(LogText("x.log", data), Metric.compile("validation:rmse", regex, ""))
    expected = naive(data, regex)
    np.testing.assert_array_equal(actual.values, [row[0] for row in expected])
    np.testing.assert_allclose(actual.times, [row[1] for row in expected], rtol=0, atol=1e-6)
    assert actual.messages == [row[2] for row in expected]
    assert actual.lines.tolist() == [row[3] for row in expected]


def test_lines_that_come_near_are_counted_among_lines_that_match() -> None:
    data = b"rmse: 0.5\nrmse: oops 7\nValidation-RMSE: 3\nvalidation rmse = nan\nother 5\n"
    actual = scan(
        LogText("x.log", data), Metric.compile("validation:rmse", r"^rmse: ([0-9.]+)$", "")
    )
    assert actual.values.tolist() == [0.5]
    assert actual.unread == 2
    assert actual.examples == ("x.log:3: Validation-RMSE: 3", "x.log:4: validation rmse = nan")


def test_a_long_line_without_a_match_is_no_trouble() -> None:
    line = b"[0]#011" + b"validation-rms" * 300_000
    text = LogText("x.log", line + b"\n[1]#011validation-rmse:0.5\n")
    actual = scan(text, Metric.compile("validation:rmse", REGEXES[0], ""))
    assert actual.values.tolist() == [0.5]


def test_a_catastrophic_regex_is_cut_off() -> None:
    metric = Metric.compile("loss", r"loss=(a+)+b", "")
    said = r"(?s)the regex of metric 'loss' takes too long.*\(a\+\)\+b"
    began = time.monotonic()
    with (
        Watch(metric, LogText("x.log", b""), b"", limit_s=0.2),
        pytest.raises(EsimError, match=said),
    ):
        metric.regex.search("loss=" + "a" * 60)
    assert time.monotonic() - began < 30  # it would take years


def test_the_place_of_a_line_that_takes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Watch.__init__, "__defaults__", (0.2,))
    data = b"loss=ab\nloss=" + b"a" * 60 + b"\n"
    with pytest.raises(EsimError, match=r"x\.log:2"):
        scan(LogText("x.log", data), Metric.compile("loss", r"loss=(a+)+b", ""))


def test_a_slow_file_of_quick_lines_is_not_cut_off() -> None:
    metric = Metric.compile("loss", r"loss=(\S+)", "")
    with Watch(metric, LogText("x.log", b""), b"", limit_s=0.05) as watch:
        for line in range(30):
            watch.at = line
            time.sleep(0.01)
