"""One study in every shape that logs are exported in: the same study comes back."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from esim import EsimError, Study, read_study
from tests.readers.test_sagemaker import NAMES, ZERO, Export, codes, expected
from tests.readers.test_tiny import assert_same_study


@pytest.fixture
def export(tmp_path: Path) -> Export:
    return Export(tmp_path / "export")


def events(export: Export, name: str) -> list[dict[str, Any]]:
    """A job's lines as CloudWatch events, milliseconds."""
    found = []
    for i, line in enumerate(export.lines[name]):
        at, _, message = line.partition(" ")
        moment = datetime.fromisoformat(at.replace("Z", "+00:00"))
        found.append(
            {
                "timestamp": round(moment.timestamp() * 1000),
                "message": message,
                "ingestionTime": 1795460999000 + i,
            }
        )
    return found


def stream(name: str) -> str:
    return f"{name}/algo-1-{ZERO}"


def iso(event: dict[str, Any]) -> str:
    return datetime.fromtimestamp(event["timestamp"] / 1000, UTC).isoformat(timespec="microseconds")


def records_only(export: Export) -> Path:
    export.write()
    for path in sorted((export.folder / "logs").rglob("*.log")):
        path.unlink()
    return export.folder


def get_log_events(export: Export, folder: Path) -> None:
    for name in NAMES:
        path = folder / f"{name}/algo-1-{ZERO}.json"
        path.parent.mkdir()
        pages = [
            {"events": part, "nextForwardToken": "f/1", "nextBackwardToken": "b/1"}
            for part in (events(export, name)[:2], events(export, name)[2:], [])
        ]
        path.write_text("\n".join(json.dumps(page, indent=2) for page in pages))


def get_log_events_gz(export: Export, folder: Path) -> None:
    for name in NAMES:
        path = folder / f"{name}.json.gz"
        path.write_bytes(gzip.compress(json.dumps({"events": events(export, name)}).encode()))


def filter_log_events(export: Export, folder: Path) -> None:
    every = [
        {"logStreamName": stream(name), "eventId": f"{name}{i}", **event}
        for name in NAMES
        for i, event in enumerate(events(export, name))
    ]
    every.sort(key=lambda event: event["timestamp"])
    pages = [{"events": every[:5], "searchedLogStreams": []}, {"events": every[4:]}]  # overlap
    (folder / "filtered.json").write_text(json.dumps(pages))


def tail(export: Export, folder: Path) -> None:
    every = [(e["timestamp"], f"{iso(e)} {stream(n)} {e['message']}") for n in NAMES
             for e in events(export, n)]  # fmt: skip
    (folder / "tail.txt").write_text("".join(f"{line}\n" for _, line in sorted(every)))


def console_csv(export: Export, folder: Path) -> None:
    for name in NAMES:
        text = io.StringIO()
        rows = csv.writer(text)
        rows.writerow(["timestamp", "message"])
        rows.writerows([e["timestamp"], e["message"] + "\n"] for e in events(export, name))
        (folder / f"{name}.csv").write_text(text.getvalue())


def insights_csv(export: Export, folder: Path) -> None:
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(["@timestamp", "@message", "@logStream"])
    for name in NAMES:
        for event in reversed(events(export, name)):  # newest first
            at = iso(event).replace("T", " ").removesuffix("000+00:00")
            rows.writerow([at, event["message"], stream(name)])
    (folder / "insights.csv").write_text(text.getvalue())


def insights_json(export: Export, folder: Path) -> None:
    results = [
        [
            {"field": "@timestamp", "value": iso(e).replace("T", " ").removesuffix("000+00:00")},
            {"field": "@message", "value": e["message"]},
            {"field": "@logStream", "value": stream(name)},
            {"field": "@ptr", "value": f"{name}{e['timestamp']}"},
        ]
        for name in NAMES
        for e in reversed(events(export, name))
    ]
    document = {"results": results, "statistics": {}, "status": "Complete"}
    (folder / "results.json").write_text(json.dumps(document))


def s3_export(export: Export, folder: Path) -> None:
    for name in NAMES:
        path = folder / f"task/{name}-algo-1-{ZERO}/000000.gz"
        path.parent.mkdir(parents=True)
        text = "".join(f"{line}\n" for line in export.lines[name][::-1])
        path.write_bytes(gzip.compress(text.encode()))


def crlf(export: Export, folder: Path) -> None:
    for name in NAMES:
        text = "".join(f"{line}\r\n" for line in export.lines[name])
        (folder / f"{name}.log").write_bytes(text.encode())


def utf16(export: Export, folder: Path) -> None:
    for name in NAMES:
        text = "".join(f"{line}\r\n" for line in export.lines[name])
        (folder / f"{name}.log").write_bytes(text.encode("utf-16"))


@pytest.mark.parametrize(
    "shape",
    [
        get_log_events,
        get_log_events_gz,
        filter_log_events,
        tail,
        console_csv,
        insights_csv,
        insights_json,
        s3_export,
        crlf,
        utf16,
    ],
    ids=lambda shape: shape.__name__,
)
def test_every_shape_is_the_same_study(
    export: Export, shape: Callable[[Export, Path], None]
) -> None:
    folder = records_only(export)
    shape(export, folder)
    actual = read_study(folder)
    assert_same_study(actual, expected())
    assert codes(actual).keys() <= {"step_from_line", "best_line_repeated"}


def test_a_notebooks_output_beside_the_records(export: Export) -> None:
    folder = records_only(export)
    text = "".join(
        f"INFO:sagemaker:Creating training-job with name: {name}\n"
        + "".join(f"\x1b[34m{e['message']}\x1b[0m\n" for e in events(export, name))
        for name in NAMES
    )
    (folder / "notebook.txt").write_text(text)
    actual = read_study(folder)
    assert actual.values.tolist() == expected().values.tolist()
    assert actual.elapsed is None
    assert codes(actual)["log_times_missing"] == 1


def test_a_message_of_several_lines(export: Export) -> None:
    folder = records_only(export)
    for name in NAMES:
        those = events(export, name)
        those[1]["message"] = "first line\n" + those[1]["message"]
        (folder / f"{name}.json").write_text(json.dumps({"events": those}))
    assert_same_study(read_study(folder), expected())


def read(export: Export) -> Study:
    return read_study(export.folder)


def test_half_a_page(export: Export) -> None:
    folder = records_only(export)
    whole = json.dumps({"events": events(export, NAMES[0])}, indent=1)
    (folder / f"{NAMES[0]}.json").write_text(whole[: len(whole) // 2])
    with pytest.raises(EsimError, match=rf"{NAMES[0]}\.json:\d+: broken or cut-off JSON"):
        read(export)


def test_an_event_without_a_message(export: Export) -> None:
    folder = records_only(export)
    those = [*events(export, NAMES[0]), {"timestamp": 1795460999000, "message": None}]
    (folder / f"{NAMES[0]}.json").write_text(json.dumps({"events": those}))
    with pytest.raises(EsimError, match="event 5: a log event without a message"):
        read(export)


def test_a_time_that_is_none(export: Export) -> None:
    folder = records_only(export)
    (folder / f"{NAMES[0]}.csv").write_text("timestamp,message\nyesterday,x\n")
    with pytest.raises(EsimError, match=rf"{NAMES[0]}\.csv:2: 'yesterday' is not a time"):
        read(export)


def test_a_row_cut_off(export: Export) -> None:
    folder = records_only(export)
    (folder / f"{NAMES[0]}.csv").write_text("timestamp,message\n1795460999000,x\n17954\n")
    with pytest.raises(EsimError, match=rf"{NAMES[0]}\.csv:3: a row with too few cells"):
        read(export)


def test_events_of_a_job_that_no_record_names(export: Export) -> None:
    folder = records_only(export)
    filter_log_events(export, folder)
    extra = {"logStreamName": "other-001/algo-1-1", "timestamp": 1795460999000, "message": "x"}
    (folder / "more.json").write_text(json.dumps({"events": [extra]}))
    actual = read_study(folder)
    assert codes(actual)["streams_unknown"] == 1


def test_a_very_long_line(export: Export) -> None:
    long = "x" * 5_000_000
    export.lines[NAMES[0]].insert(2, f"{export.lines[NAMES[0]][1].split(' ')[0]} {long}")
    assert_same_study(export.read(), expected())
