"""TensorBoard event files, written here byte by byte: what must be read, counted and survived."""

from __future__ import annotations

import math
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from esim.errors import EsimError
from esim.readers.inputs import read_inputs, read_study
from esim.readers.trackers.tensorboard.records import records
from esim.study import Study

# --- a naive writer, from the format's source (TFRecord, event.proto) ------------------------


def crc32c(data: bytes) -> int:
    """Bit by bit: polynomial 0x1EDC6F41, reflected in and out."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def masked(data: bytes) -> bytes:
    crc = crc32c(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) % 2**32)


def record(payload: bytes) -> bytes:
    length = struct.pack("<Q", len(payload))
    return length + masked(length) + payload + masked(payload)


def varint(value: int) -> bytes:
    value %= 2**64
    out = b""
    while value > 127:
        out += bytes([value % 128 + 128])
        value //= 128
    return out + bytes([value])


def block(number: int, data: bytes) -> bytes:
    return varint(number * 8 + 2) + varint(len(data)) + data


def event(wall: float, step: int, *parts: bytes) -> bytes:
    """wall_time 1, step 2, and whatever else."""
    return record(b"\x09" + struct.pack("<d", wall) + b"\x10" + varint(step) + b"".join(parts))


def scalar(wall: float, step: int, value: float, tag: str = "loss") -> bytes:
    """Summary 5, its Value 1: tag 1, simple_value 2."""
    held = block(1, tag.encode()) + b"\x15" + struct.pack("<f", value)
    return event(wall, step, block(5, block(1, held)))


def tensor(step: int, dtype: int, content: bytes, field: int = 4, tag: str = "loss") -> bytes:
    """Value: tag 1, tensor 8; the tensor's dtype 1 and content."""
    held = block(1, tag.encode()) + block(8, b"\x08" + varint(dtype) + block(field, content))
    return event(100.0 + step, step, block(5, block(1, held)))


def begun(wall: float = 100.0) -> bytes:
    return record(b"\x09" + struct.pack("<d", wall) + block(3, b"brain.Event:2"))


def write(path: Path, *parts: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(parts))
    return path


NAME = "events.out.tfevents.1.host"


def read(folder: Path, objective: str | None = "loss") -> Study:
    return read_study(folder, objective=objective, direction="minimize")


def codes(study: Study) -> dict[str, int]:
    usual = {"float32", "start_from_events", "objective_chosen", "uneven_curves"}
    return {note.code: note.count for note in study.notes if note.code not in usual}


# --- what is read ----------------------------------------------------------------------------


def test_crc_of_the_standard() -> None:
    """The check value of CRC-32C."""
    assert crc32c(b"123456789") == 0xE3069283


def test_one_run_a_folder(tmp_path: Path) -> None:
    for i, name in enumerate(["run2", "run10"]):
        points = [scalar(100.0 + s, s, i + 1 / s) for s in range(1, 4)]
        write(tmp_path / name / NAME, begun(), *points)
    study = read(tmp_path)
    assert study.trials == ("run2", "run10")
    np.testing.assert_array_equal(study.steps, [1, 2, 3] * 2)
    expected = np.array([1, 1 / 2, 1 / 3, 2, 3 / 2, 4 / 3], dtype=np.float32)
    np.testing.assert_array_equal(study.values, expected.astype(np.float64))
    np.testing.assert_array_equal(study.start, [100, 100])
    assert study.elapsed is not None
    np.testing.assert_array_equal(study.elapsed, [1, 2, 3] * 2)
    assert {note.code for note in study.notes} == {"float32", "start_from_events"}


@pytest.mark.parametrize(
    ("dtype", "field", "content", "expected"),
    [
        (1, 4, struct.pack("<f", 0.1), float(np.float32(0.1))),
        (1, 5, struct.pack("<f", 0.1), float(np.float32(0.1))),
        (2, 4, struct.pack("<d", 0.1), 0.1),
        (2, 6, struct.pack("<d", 0.1), 0.1),
        (3, 4, struct.pack("<i", -7), -7.0),
        (9, 4, struct.pack("<q", 2**40), 2.0**40),
    ],
)
def test_tensors_of_one_number(
    tmp_path: Path, dtype: int, field: int, content: bytes, expected: float
) -> None:
    write(tmp_path / NAME, begun(), tensor(1, dtype, content, field))
    assert read(tmp_path).values.tolist() == [expected]


def test_what_is_no_scalar_is_left_alone(tmp_path: Path) -> None:
    histogram = tensor(1, 1, struct.pack("<3f", 1, 2, 3), tag="weights")
    text = tensor(1, 7, b"words", 8, tag="words")
    write(tmp_path / NAME, begun(), histogram, text, scalar(101, 1, 2))
    study = read(tmp_path, None)
    assert (study.objective, study.values.tolist()) == ("loss", [2])


def test_nan_is_a_report_without_a_value_and_infinity_a_value(tmp_path: Path) -> None:
    points = [scalar(101, 1, math.nan), scalar(102, 2, math.inf), scalar(103, 3, -math.inf)]
    write(tmp_path / NAME, begun(), *points)
    study = read(tmp_path)
    np.testing.assert_array_equal(study.values, [math.nan, math.inf, -math.inf])
    assert codes(study) == {"missing_values": 1, "infinite_values": 2}


def test_an_unknown_tag_lists_those_there_are(tmp_path: Path) -> None:
    write(tmp_path / NAME, begun(), scalar(101, 1, 2, "val/loss"), scalar(101, 1, 2, "acc"))
    with pytest.raises(EsimError, match="one of: val/loss, acc"):
        read(tmp_path, "loss")
    assert read(tmp_path, "val_loss").objective == "val/loss"  # another spelling


def test_parts_of_a_run_by_their_folders(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(tmp_path / name / "train" / NAME, begun(), scalar(101, 1, 5))
        write(tmp_path / name / "validation" / NAME, begun(), scalar(101, 1, 7))
    study = read(tmp_path, "validation/loss")
    assert (study.trials, study.values.tolist()) == (("a", "b"), [7, 7])
    with pytest.raises(EsimError, match="one of: train/loss, validation/loss"):
        read(tmp_path)


@pytest.mark.parametrize("inside", ["loss_val", "loss/val"])
def test_curves_of_add_scalars_belong_to_their_run(tmp_path: Path, inside: str) -> None:
    for name in ("a", "b"):
        write(tmp_path / name / NAME, begun(), scalar(101, 1, 5, "other"))
        write(tmp_path / name / inside / NAME, begun(), scalar(101, 1, 7))
    assert read(tmp_path, f"{inside}/loss").trials == ("a", "b")
    assert read(tmp_path, "other").trials == ("a", "b")


@pytest.mark.parametrize("above", ["", "logs"])
def test_a_stray_event_file_above_the_runs(tmp_path: Path, above: str) -> None:
    write(tmp_path / above / NAME, begun(), scalar(101, 1, 5, "other"))
    for name in ("a", "b"):
        write(tmp_path / above / name / NAME, begun(), scalar(101, 1, 7))
    study = read(tmp_path)
    assert set(study.trials) >= {"a", "b"} or set(study.trials) >= {"logs/a", "logs/b"}
    assert study.values.tolist() == [7, 7]
    assert codes(study)["trials_without_reports"] == 1


def test_a_run_taken_up_again_in_another_file(tmp_path: Path) -> None:
    """Steps 1 to 4, then a new file from 3 on that ends at 3: 4 was never part of that model."""
    write(tmp_path / f"{NAME}.1", begun(), *(scalar(100 + s, s, s) for s in range(1, 5)))
    write(tmp_path / f"{NAME}.2", begun(200), scalar(203, 3, 30))
    study = read(tmp_path)
    assert (study.steps.tolist(), study.values.tolist()) == ([1, 2, 3], [1, 2, 30])
    assert codes(study) == {"restarts": 1}


def test_a_session_log_makes_void_what_came_before(tmp_path: Path) -> None:
    """SessionLog 7 with status START, as SummaryWriter(purge_step=2) writes it."""
    before = [scalar(100 + s, s, s) for s in range(1, 5)]
    start = event(150, 2, block(7, b"\x08\x01"))
    write(tmp_path / NAME, begun(), *before, start, scalar(160, 2, 20), scalar(161, 3, 30))
    study = read(tmp_path)
    assert (study.steps.tolist(), study.values.tolist()) == ([1, 2, 3], [1, 20, 30])
    assert codes(study) == {"restarts": 1}


def test_the_last_of_a_step_counts(tmp_path: Path) -> None:
    write(tmp_path / NAME, begun(), scalar(101, 1, 5), scalar(102, 1, 6), scalar(103, 2, 7))
    study = read(tmp_path)
    assert study.values.tolist() == [6, 7]
    assert codes(study) == {"duplicate_steps": 1}


def test_many_files_of_one_step_each_are_said(tmp_path: Path) -> None:
    for i in range(4):
        write(tmp_path / f"{NAME}.{i}", begun(), scalar(101 + i, i, i))
    assert codes(read(tmp_path)) == {"files_of_one_step": 1, "first_step_assumed": 1}


# --- what is survived ------------------------------------------------------------------------


@pytest.mark.parametrize("cut", range(1, 40))
def test_a_file_still_being_written(tmp_path: Path, cut: int) -> None:
    last = scalar(102, 2, 6)
    assert len(last) > 40
    data = begun() + scalar(101, 1, 5) + last
    (tmp_path / NAME).write_bytes(data[:-cut])
    study = read(tmp_path)
    assert study.values.tolist() == [5]
    assert codes(study) == {"records_cut_off": 1, "one_point_curves": 1}
    (note,) = (note for note in study.notes if note.code == "records_cut_off")
    assert note.evidence == ("the given folder",)


@given(at=st.integers(0, 200), bit=st.integers(0, 7))
def test_a_flipped_bit_ends_the_reading_there(at: int, bit: int) -> None:
    """Every record before the damaged one is kept, and none from it on."""
    parts = [begun(), *(scalar(100 + s, s, s / 3) for s in range(1, 6))]
    data = bytearray(b"".join(parts))
    at %= len(data)
    data[at] ^= 1 << bit
    ends = np.cumsum([len(part) for part in parts])
    whole = int((ends <= at).sum())
    found = records(bytes(data))
    assert found.payloads == [part[12:-4] for part in parts[:whole]]
    assert found.left == len(data) - (int(ends[whole - 1]) if whole else 0)
    assert found.damaged


@pytest.mark.parametrize("length", [2**63, 2**64 - 1, 10**12])
def test_giant_lengths(tmp_path: Path, length: int) -> None:
    """With a right checksum they are a record that is not all there, else damage."""
    head = struct.pack("<Q", length)
    for checksum, code in ((masked(head), "records_cut_off"), (b"abcd", "records_damaged")):
        write(tmp_path / NAME, begun(), scalar(101, 1, 5), head, checksum, b"x" * 100)
        assert code in codes(read(tmp_path))


@given(payload=st.binary(max_size=60))
def test_payloads_that_are_no_messages(payload: bytes) -> None:
    from esim.readers.trackers.tensorboard.events import RunEvents

    run = RunEvents()
    run.add(begun() + record(payload) + scalar(101, 1, 5))
    assert run.scalars["loss"].values[-1] == 5
    assert run.odd in (0, 1)


@given(lengths=st.lists(st.integers(0, 700), max_size=6))
def test_records_of_every_length(lengths: list[int]) -> None:
    payloads = [bytes((i * 37 + at) % 256 for at in range(n)) for i, n in enumerate(lengths)]
    found = records(b"".join(record(payload) for payload in payloads))
    assert (found.payloads, found.left, found.damaged) == (payloads, 0, False)


def test_a_name_is_not_enough(tmp_path: Path) -> None:
    write(tmp_path / NAME, b"no records here, but long enough")
    with pytest.raises(EsimError, match="does not start with a record"):
        read_inputs(tmp_path, direction="minimize")


def test_negative_and_giant_steps(tmp_path: Path) -> None:
    write(tmp_path / NAME, begun(), scalar(101, -1, 5))
    with pytest.raises(EsimError, match="step -1 is negative"):
        read(tmp_path)
    write(tmp_path / NAME, begun(), scalar(101, 2**53 - 1, 5))
    assert read(tmp_path).steps.tolist() == [2**53 - 1]
    write(tmp_path / NAME, begun(), scalar(101, 2**63 - 1, 5))
    with pytest.raises(EsimError, match=f"step {2**63 - 1} is too large"):
        read(tmp_path)
