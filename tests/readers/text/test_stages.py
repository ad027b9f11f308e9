"""The stages that log text goes through, each on its own: samples, plain twins and properties."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from types import FrameType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from esim import EsimError, read_studies, read_study
from esim.readers.source import File
from esim.readers.text.algorithms import LINE_FORMS
from esim.readers.text.borders import jobs_in
from esim.readers.text.controls import seen
from esim.readers.text.exports import EXPORTS, Batch, Export, is_export
from esim.readers.text.forms import LineForm, TableForm
from esim.readers.text.index_forms import BAR, STEP_FORMS, StepForm
from esim.readers.text.log_text import LogText
from esim.readers.text.prefixes import (
    PREFIXES,
    UNIFORM,
    Prefix,
    names_printers,
    read_line,
    read_uniform,
    uniform_prefix,
)
from esim.readers.text.printers import NAME_FORMS, NameForm, printer_of
from esim.readers.text.scan import scan
from esim.readers.text.suggest import candidates, with_number_group

# --- exports ---------------------------------------------------------------------------------


@pytest.mark.parametrize("export", EXPORTS, ids=lambda export: export.name[:20])
def test_samples_of_exports(export: Export, tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(export.sample)
    file = File(path, path, "x")
    assert [e for e in EXPORTS if e.recognised(export.sample)] == [export]
    assert is_export(file)
    actual: list[tuple[str | None, float, str]] = []
    for event in export.events(file):
        if isinstance(event, Batch):
            rows = zip(event.times.tolist(), event.messages, strict=True)
            actual += [(event.stream, at, message) for at, message in rows]
        else:
            actual.append((event.stream, event.time, event.message))
    assert actual == list(export.reads)


# --- printers --------------------------------------------------------------------------------


@pytest.mark.parametrize("form", NAME_FORMS, ids=lambda form: form.name[:20])
def test_samples_of_names(form: NameForm) -> None:
    for name, printer in form.samples:
        assert printer_of(name) == printer
        assert next(f for f in NAME_FORMS if f.regex.fullmatch(name)) is form


@pytest.mark.parametrize("prefix", PREFIXES, ids=lambda prefix: prefix.name)
def test_samples_of_prefixes(prefix: Prefix) -> None:
    for text, printer in prefix.samples:
        line = read_line(text)
        assert line.printer == printer
        assert line.message in ("mse: 0.9", "[0]#011train-rmse:0.5")
        assert prefix.holds in text
        if prefix.holds:
            assert names_printers(f"hello\n{text}\n")


@pytest.mark.parametrize("prefix", UNIFORM, ids=lambda prefix: prefix.name)
def test_samples_of_prefixes_of_every_line(prefix: Prefix) -> None:
    """They count where every line has one, and several take turns."""
    for text, printer in prefix.samples:
        own = re.match(prefix.regex, text)
        assert own is not None
        other = own[0].replace(own[1], "9" if own[1].isdigit() else "other") + "mse: 0.5"
        assert uniform_prefix("\n".join([text, other] * 3)) is prefix
        assert uniform_prefix("\n".join([text, other, "mse: 0.5", text, other])) is None
        assert uniform_prefix("\n".join([text] * 3 + [other] * 3)) is None
        (line, _) = read_uniform([text, other], prefix)
        assert (line.printer, line.message) == (printer, "mse: 0.9")


def test_prefixes_behind_one_another() -> None:
    line = read_line("2026-03-01T10:00:00Z job/algo-2-17 [1,3]<stdout>: mse: 0.9")
    assert (line.printer.job, line.printer.host) == ("job", "algo-2 rank 3")
    assert (line.time, line.message) == ("2026-03-01T10:00:00Z", "mse: 0.9")


def test_what_is_no_prefix() -> None:
    for text in ("epoch_1 | loss 0.5", "[0] train-rmse:0.5", "val_loss: 0.5", "INFO | loss 0.5"):
        assert read_line(text).message == text


# --- clean lines -----------------------------------------------------------------------------


def shown(line: str) -> list[str]:
    """What was seen of a line: a plain terminal that starts a new line at each refresh."""
    states, current, at = [], "", 0
    while at < len(line):
        if line[at] in "\r\b":
            moves = re.match(r"[\r\b]+", line[at:])
            assert moves is not None
            at += moves.end()
            if at == len(line):
                break
            if "\r" in moves[0] or len(moves[0]) >= len(current):
                states.append(current)
                current = ""
            else:
                current = current[: len(current) - len(moves[0])]
        else:
            current += line[at]
            at += 1
    seen_states = [state for state in [*states, current] if state.strip()]
    return seen_states or [current]


@given(st.lists(st.sampled_from(["a", "é", " ", "\r", "\b", "\b\b\b", "0.5"]), max_size=12))
def test_refreshes_against_a_plain_terminal(pieces: list[str]) -> None:
    line = "".join(pieces)
    expected = shown(line) if re.search(r"[\r\b]", line.removesuffix("\r")) else [line]
    data, rows = seen(f"first\n{line}\nlast\n".encode())
    actual = data.decode().split("\n")[1:-2]
    assert [text.rstrip("\r") for text in actual] == [text.rstrip("\r") for text in expected]
    if rows is not None:
        assert rows.tolist() == [0, *[1] * len(actual), 2, 3]


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        (b"#015epoch=1 loss=0.5#033[0m", b"epoch=1 loss=0.5"),
        (b"1/3 loss: 0.9#010#010#010#010#010#010#010#010#010#010#010#010#010#0153/3 loss: 0.5",
         b"1/3 loss: 0.9\n3/3 loss: 0.5"),
        (b"\x1b[1m3/3\x1b[0m \x1b]0;title\x07loss: 0.5", b"3/3 loss: 0.5"),
        (b"[0]#011train-rmse:0.5", b"[0]#011train-rmse:0.5"),
        (b"issue #0101 and #010", b"issue #0101 and #010"),
        (b"a\r\nb\r\n", b"a\nb\n"),
    ],
)  # fmt: skip
def test_control_characters(printed: bytes, expected: bytes) -> None:
    assert seen(printed)[0] == expected


# --- borders of jobs -------------------------------------------------------------------------


@given(st.lists(st.sampled_from([
    b"Creating training-job with name: a\n", b"2024 Starting - Starting the training job\n",
    b"Billable seconds: 60\n", b"loss=0.5\n", b"\n",
]), max_size=10))  # fmt: skip
def test_jobs_are_the_whole_text(lines: list[bytes]) -> None:
    data = b"".join(lines)
    jobs = jobs_in(data)
    assert b"".join(data[job.first : job.stop] for job in jobs) == data
    assert all(a.stop == b.first for a, b in pairwise(jobs))


# --- points ----------------------------------------------------------------------------------


@pytest.mark.parametrize("form", [BAR, *STEP_FORMS], ids=lambda form: form.name)
def test_samples_of_index_forms(form: StepForm) -> None:
    for line, index in form.samples:
        match = form.regex.search(line)
        assert match is not None
        assert float(match[1]) == index


# --- linear time -----------------------------------------------------------------------------

HOSTILE = st.lists(
    st.sampled_from([
        "9", ".", "-", " ", "  ", "\t", "#011", "[1]", "{", "'epoch': ", "'eval_", '"epoch": ',
        "train-", "validation-", ":", "=", "loss", " - loss: ", "0s", "ETA:", "Epoch 1: 100%",
        "#quality_metric: host=", "epoch=1, ", "validation ", " <loss>=", "'s ", "learn: ",
        "metrics={", "Saving dict for global step 1:", "epoch  a", "1  ", "e5", "step ", "|",
    ]),
    min_size=1,
    max_size=6,
).map("".join)  # fmt: skip
LENGTH = 200_000  # a form that took the square of it would need minutes, and the cube centuries
GUARD_S = 60  # all forms together take about half a second


@contextmanager
def guarded() -> Iterator[None]:
    """Raises TimeoutError in what hangs."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise TimeoutError("this would take minutes")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, GUARD_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@settings(max_examples=25, deadline=None)
@given(unit=HOSTILE)
@pytest.mark.parametrize("form", LINE_FORMS, ids=lambda form: form.name[:24])
def test_no_form_hangs_on_a_hostile_line(form: LineForm | TableForm, unit: str) -> None:
    line = unit * (LENGTH // len(unit) + 1)
    text = LogText("x.log", line.encode())
    with guarded():
        if not form.general:  # nobody asks those for names
            list(form.names_in(line))
        for sample in form.samples:
            own = form.metric_in(text, sample.metric)
            if own is not None:
                scan(text, own)


@settings(max_examples=25, deadline=None)
@given(unit=HOSTILE)
def test_no_other_stage_hangs_on_a_hostile_line(unit: str) -> None:
    line = unit * (LENGTH // len(unit) + 1)
    with guarded():
        for form in (BAR, *STEP_FORMS):
            list(form.regex.finditer(line))
        candidates([LogText("x.log", line.encode())])
        read_line(line)
        seen(line.encode())
        names_printers(line)
        jobs_in(line.encode())


# --- what to try next ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("regex", "line", "expected"),
    [
        (r"accuracy: (\S+)", "accuracy: 0.61, loss: 0.9", 0.61),
        (r"loss=(.*)", "loss=0.5 (best)", 0.5),
        (r"a[(]b (?:x|y)+ (?P<v>[^,]*), z", "a(b xy 7 %, z", None),
    ],
)
def test_a_group_that_takes_numbers(regex: str, line: str, expected: float | None) -> None:
    better = with_number_group(re.compile(regex), [line])
    if expected is None:
        assert better is None
    else:
        assert better is not None
        match = re.search(better, line)
        assert match is not None
        assert float(match[1]) == expected


def test_the_command_to_try_reads_the_log(tmp_path: Path) -> None:
    """Validation before training; counters, times and sizes are no metrics."""
    path = tmp_path / "notes.log"
    path.write_text(
        "".join(
            f"iter {k}: train loss {0.5 / k:.4f}, val loss {0.6 / k:.4f}, lr 0.001, {k} s\n"
            for k in range(1, 5)
        )
    )
    with pytest.raises(EsimError) as caught:
        read_study(path, direction="minimize")
    command = re.search(
        r"esim replay \S+ --objective (\S+) --direction (\S+) --metric '(.*?)' ", str(caught.value)
    )
    assert command is not None
    assert "a guess" in str(caught.value)
    assert "lr" not in str(caught.value).split("the lines also hold")[1]
    (study,) = read_studies(path, objective=command[1], direction=command[2], metrics=[command[3]])
    np.testing.assert_array_equal(study.values, [0.6, 0.3, 0.2, 0.15])
    np.testing.assert_array_equal(study.steps, [1, 2, 3, 4])


def test_json_is_not_searched_for_lines(tmp_path: Path) -> None:
    path = tmp_path / "curves.json"
    path.write_text('[{"trial": 0, "valid": {"loss": [' + ", ".join(["0.5"] * 50_000) + "]}}]")
    with pytest.raises(EsimError, match="no metric 'loss'"):  # it is a table, and no log
        read_study(path, objective="loss", direction="minimize")


def test_table_forms_have_a_header() -> None:
    tables = [form for form in LINE_FORMS if isinstance(form, TableForm)]
    assert tables
    assert all(sample.header for form in tables for sample in form.samples)
