"""A user's regex ends in bounded time: on a line and in total, in the main thread and in others."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from esim import EsimError
from esim.readers.options import Metric
from esim.readers.text import given, watch
from esim.readers.text.given import scan_given
from esim.readers.text.log_text import LogText
from esim.readers.text.scan import scan
from esim.readers.text.suggest import with_number_group

QUICK = """
from esim.readers.text import given, watch
watch.Watch.__init__.__defaults__ = (0.2,)
given.serve()
"""


@pytest.fixture
def other(monkeypatch: pytest.MonkeyPatch) -> Iterator[given.OtherProcess]:
    """The process that scans for other threads, which watches for 0.2 s instead of 5 s."""
    process = given.OtherProcess()
    monkeypatch.setattr(given, "SERVE", QUICK)
    monkeypatch.setattr(given, "_OTHER", process)
    yield process
    process.end()


def in_a_thread(data: bytes, regex: str) -> list[object]:
    """The values that a regex finds, or the error."""
    found: list[object] = []

    def run() -> None:
        try:
            metric = Metric.compile("loss", regex, "")
            found.extend(scan_given(LogText("x.log", data), metric).values.tolist())
        except EsimError as error:
            found.append(str(error))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return found


def test_a_regex_in_another_thread(other: given.OtherProcess) -> None:
    assert in_a_thread(b"loss=0.5\n", r"loss=(\S+)") == [0.5]
    assert in_a_thread(b"a b loss=0.25\n", r"(?:\w+ )+loss=(\S+)") == [0.25]


@pytest.mark.parametrize("regex", [r"loss=(a+)+b", r"loss=(.*.*.*.*.*)b"])
def test_a_regex_without_end_in_another_thread(regex: str, other: given.OtherProcess) -> None:
    (actual,) = in_a_thread(b"loss=ab\nloss=" + b"a" * 3000 + b"\n", regex)
    assert "x.log:2: the regex of metric 'loss' takes too long" in str(actual)
    assert in_a_thread(b"loss=0.5\n", r"loss=(\S+)") == [0.5]


def test_the_other_process_may_be_killed(other: given.OtherProcess) -> None:
    assert in_a_thread(b"loss=0.5\n", r"loss=(\S+)") == [0.5]
    assert other.process is not None
    other.process.kill()
    other.process.wait()
    (actual,) = in_a_thread(b"loss=0.5\n", r"loss=(\S+)")
    assert "the process that searches log text has ended" in str(actual)
    assert in_a_thread(b"loss=0.5\n", r"loss=(\S+)") == [0.5]


def test_the_other_process_ends_with_this_one() -> None:
    """Also where this one is killed: the pipe it holds is closed."""
    code = """if True:
        import os, signal
        from esim.readers.options import Metric
        from esim.readers.text import given
        from esim.readers.text.log_text import LogText
        given.can_watch = lambda: False
        given.scan_given(LogText("x.log", b"loss=0.5"), Metric.compile("loss", "loss=(.*)", ""))
        print(given._OTHER.process.pid, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    status = Path(f"/proc/{int(done.stdout)}/stat")
    for _ in range(100):
        if not status.exists() or status.read_text().rpartition(")")[2].split()[0] == "Z":
            return
        threading.Event().wait(0.05)
    os.kill(int(done.stdout), 9)
    raise AssertionError("it still runs")


def test_all_lines_together_have_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each line takes a millisecond or so, which is no trouble alone."""
    monkeypatch.setattr(watch, "TOTAL_S", 0.1)
    text = LogText("x.log", (b"loss=" + b"a" * 14 + b"\n") * 10)
    metric = Metric.compile("loss", r"loss=((?:a+)+)b", "")
    said = r"takes too long(?s:.*) why: 0 s on 0\.0 MB"
    with pytest.raises(EsimError, match=said), watch.bounded():
        list(map(scan, [text] * 10_000, [metric] * 10_000))


def test_what_another_process_takes_counts(
    other: given.OtherProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(given, "can_watch", lambda: False)
    metric = Metric.compile("loss", r"loss=(\S+)", "")
    so_far = watch.Spent(seconds=1.0, size=1000)
    with watch.bounded(so_far):
        assert scan_given(LogText("x.log", b"loss=0.5\n"), metric).values.tolist() == [0.5]
    assert so_far.size == 1009
    assert so_far.seconds > 1.0
    with watch.bounded(watch.Spent(seconds=1e6)), pytest.raises(EsimError, match="too long"):
        scan_given(LogText("x.log", b"loss=0.5\n"), metric)


def test_a_better_regex_is_tried_in_bounded_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The group of the first is the last, so that its repeats stay."""
    monkeypatch.setattr(watch.Watch.__init__, "__defaults__", (0.2,))
    regex = Metric.compile("loss", r"loss=(.)(?:a+)+b", "").regex
    assert with_number_group(regex, ["loss=0" + "a" * 60]) is None
