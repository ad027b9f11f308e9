"""Exports that are cut off, mingled or wrong: refused with a place, or counted; never lost."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from esim.errors import EsimError
from esim.readers.inputs import read_inputs, read_study
from tests.readers.test_sagemaker import NAMES, ZERO, Export, codes, expected
from tests.readers.test_tiny import assert_same_study


@pytest.fixture
def export(tmp_path: Path) -> Export:
    return Export(tmp_path / "export")


def split(line: str) -> tuple[datetime, str]:
    at, _, message = line.partition(" ")
    return datetime.fromisoformat(at.replace("Z", "+00:00")), message


def page(export: Export, name: str) -> dict[str, Any]:
    events = [
        {"timestamp": round(at.timestamp() * 1000), "message": message}
        for at, message in map(split, export.lines[name])
    ]
    return {"events": events, "nextForwardToken": "f/1"}


def instead_of_logs(export: Export, files: dict[str, bytes]) -> Path:
    """The records, and these files for logs."""
    folder = export.write()
    for path in sorted((folder / "logs").rglob("*.log")):
        path.unlink()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


def json_logs(export: Export) -> dict[str, bytes]:
    return {f"{name}.json": json.dumps(page(export, name), indent=1).encode() for name in NAMES}


def csv_log(export: Export, name: str) -> bytes:
    text = io.StringIO(newline="")
    rows = csv.writer(text, quoting=csv.QUOTE_ALL)
    rows.writerow(["timestamp", "message"])
    for at, message in map(split, export.lines[name]):
        rows.writerow([round(at.timestamp() * 1000), message])
    return text.getvalue().encode()


def refused(folder: Path) -> str:
    with pytest.raises(EsimError) as caught:
        read_study(folder)
    return str(caught.value)


# --- cut off ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9, 0.99])
def test_json_cut_off_anywhere_is_refused_with_its_line(export: Export, kept: float) -> None:
    files = json_logs(export)
    whole = files[f"{NAMES[1]}.json"]
    part = whole[: int(len(whole) * kept)]
    folder = instead_of_logs(export, {**files, f"{NAMES[1]}.json": part})
    actual = refused(folder)
    assert f"{NAMES[1]}.json:" in actual
    assert "broken or cut-off JSON" in actual
    assert int(actual.split(".json:")[1].split(":")[0]) >= part.count(b"\n")


def test_the_second_of_two_pages_cut_off(export: Export) -> None:
    files = json_logs(export)
    two = files[f"{NAMES[0]}.json"] + b"\n" + files[f"{NAMES[0]}.json"][:-20]
    actual = refused(instead_of_logs(export, {**files, f"{NAMES[0]}.json": two}))
    assert "broken or cut-off JSON" in actual


def test_a_csv_cut_off_inside_a_quoted_message(export: Export) -> None:
    """The cut message would still match, with a shorter number."""
    files = {f"{name}.csv": csv_log(export, name) for name in NAMES}
    assert_same_study(read_study(instead_of_logs(export, files)), expected())
    last = files[f"{NAMES[2]}.csv"]
    assert last.endswith(b'validation-rmse:22.25"\r\n')
    (export.folder / f"{NAMES[2]}.csv").write_bytes(last[:-4])
    actual = read_study(export.folder)
    assert np.diff(actual.offsets).tolist() == [3, 3, 2]
    (note,) = (note for note in actual.notes if note.code == "lines_cut_off")
    assert note.evidence == (f"{export.folder / NAMES[2]}.csv:5",)


# --- the wrong jobs --------------------------------------------------------------------------


def test_streams_of_other_jobs_in_one_file_are_counted(export: Export) -> None:
    every = [
        {"logStreamName": f"{job}/algo-1-{ZERO}", "eventId": f"{job}{i}", **event}
        for job, name in [*zip(NAMES, NAMES, strict=True), ("other-001-aaaaaaaa", NAMES[0])]
        for i, event in enumerate(page(export, name)["events"])
    ]
    data = json.dumps({"events": every}).encode()
    reading = read_inputs(instead_of_logs(export, {"all.json": data}))
    assert_same_study(reading.studies[0], expected())
    (note,) = (n for n in reading.studies[0].notes if n.code == "streams_unknown")
    assert note.count == 1
    assert "other-001-aaaaaaaa" in note.text


def test_a_job_without_its_log_is_kept_and_counted(export: Export) -> None:
    files = json_logs(export)
    del files[f"{NAMES[1]}.json"]
    actual = read_study(instead_of_logs(export, files))
    assert actual.trials == tuple(NAMES)
    assert np.diff(actual.offsets).tolist() == [3, 0, 3]
    assert codes(actual)["jobs_without_logs"] == 1


def test_events_without_any_page_are_a_log_without_values(export: Export) -> None:
    files = {**json_logs(export), f"{NAMES[1]}.json": b'{"events": [], "nextForwardToken": "f"}'}
    actual = read_study(instead_of_logs(export, files))
    assert np.diff(actual.offsets).tolist() == [3, 0, 3]


# --- times -----------------------------------------------------------------------------------


def test_mixed_time_zones_are_one_time(export: Export) -> None:
    zones = [UTC, timezone(timedelta(hours=2)), timezone(-timedelta(hours=7, minutes=30))]
    for job, zone in zip(export.jobs, zones, strict=True):
        for key in ("CreationTime", "TrainingStartTime", "TrainingEndTime"):
            job[key] = datetime.fromtimestamp(job[key], zone).isoformat()
    for name, zone in zip(NAMES, zones[::-1], strict=True):
        export.lines[name] = [
            f"{at.astimezone(zone).isoformat(timespec='milliseconds')} {message}"
            for at, message in map(split, export.lines[name])
        ]
    assert_same_study(export.read(), expected())


def test_records_in_local_time_without_a_zone_do_not_fit_their_logs(export: Export) -> None:
    local = timezone(timedelta(hours=2))
    for job in export.jobs:
        for key in ("CreationTime", "TrainingStartTime", "TrainingEndTime"):
            job[key] = str(datetime.fromtimestamp(job[key], local).replace(tzinfo=None))
    actual = export.refused()
    assert "before its trial's start" in actual
    assert "are both times in the same zone?" in actual


def test_a_log_of_two_years_ago_in_an_unreadable_time(export: Export) -> None:
    files = json_logs(export)
    broken = files[f"{NAMES[0]}.json"].replace(b'"timestamp": 17', b'"timestamp": "x17', 1)
    broken = broken.replace(b',\n   "message"', b'",\n   "message"', 1)
    actual = refused(instead_of_logs(export, {**files, f"{NAMES[0]}.json": broken}))
    assert "event 1" in actual
    assert "is not a time" in actual


# --- bytes -----------------------------------------------------------------------------------


def test_crlf_and_a_byte_order_mark_around_json(export: Export) -> None:
    files = {
        name: b"\xef\xbb\xbf" + data.replace(b"\n", b"\r\n")
        for name, data in json_logs(export).items()
    }
    assert_same_study(read_study(instead_of_logs(export, files)), expected())


def test_invalid_utf8_around_and_inside_metric_lines(export: Export) -> None:
    files = {
        f"{name}.log": "\n".join(export.lines[name])
        .encode()
        .replace(b"train-rmse:1.5", b"train-rmse:1.5\xc3")
        + b"\n\xff\xfe\x80 broken\n"
        for name in NAMES
    }
    actual = read_study(instead_of_logs(export, files))
    assert_same_study(actual, expected())


def test_invalid_utf8_inside_the_number_is_counted_not_guessed(export: Export) -> None:
    line = export.lines[NAMES[0]][2]
    files = {f"{n}.log": ("\n".join(export.lines[n]) + "\n").encode() for n in NAMES}
    wrong = line.encode().replace(b"validation-rmse:1.25", b"validation-rmse:\xff1.25")
    files[f"{NAMES[0]}.log"] = files[f"{NAMES[0]}.log"].replace(line.encode(), wrong)
    actual = read_study(instead_of_logs(export, files))
    assert actual.steps[:2].tolist() == [0, 2]
    assert codes(actual)["lines_unmatched"] == 1


def test_one_very_long_line_between_the_others(export: Export) -> None:
    long = "#011".join(["validation-rms:1"] * 200_000)  # 4 MB that almost match
    for name in NAMES:
        at = export.lines[name][0].partition(" ")[0]
        export.lines[name].insert(1, f"{at} {long}")
    assert_same_study(export.read(), expected())
