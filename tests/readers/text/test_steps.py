"""From emissions to steps: what repeats, restarts, doubles or goes back."""

from __future__ import annotations

import numpy as np
import pytest

from esim.readers.options import Metric
from esim.readers.text.controls import seen
from esim.readers.text.index_forms import choose_form, prepare
from esim.readers.text.log_text import LogText
from esim.readers.text.printers import printer_of
from esim.readers.text.scan import scan
from esim.readers.text.steps import AlignedCurve, align

LOSS = Metric.compile("loss", r"loss=([0-9\.]+)", "")


def curve(*texts: str, names: tuple[str, ...] = ()) -> AlignedCurve:
    """The curve of one job whose streams hold these texts."""
    found = []
    for i, text in enumerate(texts):
        data, printed = seen(text.encode())
        printer = printer_of(names[i] if names else "")
        log = LogText("x.log", data, printed=printed, printer=printer)
        found.append(prepare(log, scan(log, LOSS)))
    return align(found, choose_form([found]))


def lines(*pairs: tuple[int, float]) -> str:
    return "".join(f"epoch={step} loss={value}\n" for step, value in pairs)


@pytest.mark.parametrize(
    ("pairs", "steps", "values", "dropped"),
    [
        ([(0, 0.5), (1, 0.4)], [0, 1], [0.5, 0.4], {}),
        # XGBoost's and LightGBM's best line at the end, in the middle or the last one again.
        ([(0, 0.5), (1, 0.3), (2, 0.4), (1, 0.3)], [0, 1, 2], [0.5, 0.3, 0.4],
         {"best_line_repeated": 1}),
        ([(0, 0.5), (1, 0.3), (1, 0.3)], [0, 1], [0.5, 0.3], {"duplicate_lines": 1}),
        # A doubled logger, line by line.
        ([(0, 0.5), (0, 0.5), (1, 0.3), (1, 0.3)], [0, 1], [0.5, 0.3], {"duplicate_lines": 2}),
        # Batches of an epoch: the last one counts.
        ([(0, 0.9), (0, 0.7), (0, 0.5), (1, 0.4), (1, 0.3)], [0, 1], [0.5, 0.3],
         {"per_batch_lines": 3}),
        # A restart from a checkpoint, with other values and with the same; the later run counts.
        ([(0, 0.5), (1, 0.4), (2, 0.3), (1, 0.41), (2, 0.31), (3, 0.2)], [0, 1, 2, 3],
         [0.5, 0.41, 0.31, 0.2], {"restarts": 2}),
        ([(0, 0.5), (1, 0.4), (0, 0.5), (1, 0.4), (2, 0.3)], [0, 1, 2], [0.5, 0.4, 0.3],
         {"restarts": 2}),
        # Back to another value, and no further.
        ([(0, 0.5), (1, 0.4), (0, 0.6)], [0, 1], [0.6, 0.4], {"epochs_backwards": 1}),
    ],
)  # fmt: skip
def test_steps_in_the_line(
    pairs: list[tuple[int, float]],
    steps: list[int],
    values: list[float],
    dropped: dict[str, int],
) -> None:
    actual = curve(lines(*pairs))
    np.testing.assert_array_equal(actual.steps, steps)
    np.testing.assert_array_equal(actual.values, values)
    assert actual.dropped == dropped
    assert len(actual.steps) + sum(dropped.values()) == len(pairs)  # nothing is lost


def test_a_final_line_without_a_step() -> None:
    actual = curve(lines((0, 0.5), (1, 0.4)) + "final loss=0.4\n")
    np.testing.assert_array_equal(actual.steps, [0, 1])
    assert actual.dropped == {"emissions_without_index": 1}
    assert actual.evidence["emissions_without_index"] == "x.log:3: final loss=0.4"


def test_hosts_in_the_line() -> None:
    text = "".join(
        f"host=algo-{host}, epoch={step} loss={step}.{host}\n"
        for step in range(3)
        for host in (2, 1)
    )
    actual = curve(text)
    np.testing.assert_array_equal(actual.values, [0.1, 1.1, 2.1])
    assert actual.dropped == {"duplicate_lines": 3}


def test_a_step_only_the_second_host_has_counts() -> None:
    text = "".join(f"host=algo-1, epoch={k} loss={k}.1\n" for k in range(2))
    text += "".join(f"host=algo-2, epoch={k} loss={k}.2\n" for k in range(3))
    actual = curve(text)
    np.testing.assert_array_equal(actual.values, [0.1, 1.1, 2.2])


def test_hosts_by_stream_without_steps() -> None:
    names = ("job/algo-1-1600000000", "job/algo-2-1600000000")
    actual = curve("loss=0.5\nloss=0.4\n", "loss=0.6\nloss=0.7\n", names=names)
    np.testing.assert_array_equal(actual.steps, [1, 2])
    np.testing.assert_array_equal(actual.values, [0.5, 0.4])
    assert actual.dropped == {"duplicate_lines": 2}


def test_a_restarted_job_has_two_streams_of_one_host() -> None:
    names = ("job/algo-1-1600000000", "job/algo-1-1600009999")
    first, second = lines((0, 0.5), (1, 0.4), (2, 0.35)), lines((1, 0.45), (2, 0.3))
    actual = curve(first, second, names=names)
    np.testing.assert_array_equal(actual.values, [0.5, 0.45, 0.3])
    assert sum(actual.dropped.values()) == 2


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.5, 0.5, 0.4, 0.4, 0.3, 0.3], [0.5, 0.4, 0.3]),  # a doubled logger
        ([0.5, 0.5], [0.5, 0.5]),  # two values may be equal
        ([0.5, 0.5, 0.5, 0.5], [0.5, 0.5, 0.5, 0.5]),  # a plateau
        ([0.5, 0.5, 0.4], [0.5, 0.5, 0.4]),
        ([0.5, 0.5, 0.4, 0.3], [0.5, 0.5, 0.4, 0.3]),
    ],
)
def test_doubled_lines_without_steps(values: list[float], expected: list[float]) -> None:
    actual = curve("".join(f"loss={value}\n" for value in values))
    np.testing.assert_array_equal(actual.values, expected)
    np.testing.assert_array_equal(actual.steps, np.arange(1, len(expected) + 1))


@pytest.mark.parametrize("colour", ["", "\x1b[34m"])
def test_the_epoch_on_a_line_before(colour: str) -> None:
    text = "".join(
        f"{colour}Epoch {k}/3\n- ETA: 1s - loss=0.9\n- 0s - loss=0.{k}\n" for k in (1, 2, 3)
    )
    actual = curve(text)
    np.testing.assert_array_equal(actual.steps, [1, 2, 3])
    np.testing.assert_array_equal(actual.values, [0.1, 0.2, 0.3])
    assert actual.dropped == {"per_batch_lines": 3}
