"""What `esim fetch` stored is held against the hashes in its `fetch.json` when it is read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from esim.errors import BugError, EsimError
from esim.readers.inputs import read_inputs, read_study
from tests.faults.fuzz import HOSTILE
from tests.paths import DATA
from tests.readers.test_tiny import assert_same_study

JOB = "tune-001-0123abcd"
LOG = f"logs/{JOB}/algo-1-1600000000.log.zst"
DESCRIPTION = "describe-hyper-parameter-tuning-job.json"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder as fetch leaves it, of one job with three epochs."""
    text = "".join(f"2020-09-13T12:26:4{i}.000Z [{i}] loss: 0.{5 - i}\n" for i in range(3)).encode()
    packed = pa.compress(text, "zstd", asbytes=True)
    described = {
        "HyperParameterTuningJobName": "tune",
        "HyperParameterTuningJobConfig": {
            "Strategy": "Random",
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "loss"},
        },
        "TrainingJobDefinition": {
            "AlgorithmSpecification": {
                "MetricDefinitions": [{"Name": "loss", "Regex": "loss: ([0-9.]+)"}]
            }
        },
    }
    summary = {"TrainingJobName": JOB, "TrainingJobStatus": "Completed"}
    files = {
        DESCRIPTION: json.dumps(described).encode(),
        "list-training-jobs-for-hyper-parameter-tuning-job.json": json.dumps(
            {"TrainingJobSummaries": [summary]}
        ).encode(),
    }
    stream = {
        "name": f"{JOB}/algo-1-1600000000",
        "file": LOG,
        "events": 3,
        "size": len(packed),
        "sha256": sha256(text),
        "file_sha256": sha256(packed),
    }
    manifest = {
        "schema": "esim.fetch/1",
        "HyperParameterTuningJobStatus": "Completed",
        "TrainingJobs": [{**summary, "described": False, "streams": [stream]}],
        "documents": {name: sha256(data) for name, data in files.items()},
        "notes": [],
    }
    files |= {LOG: packed, "fetch.json": json.dumps(manifest).encode()}
    for name, data in files.items():
        path = tmp_path / "tune" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return tmp_path / "tune"


def change_manifest(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    path = folder / "fetch.json"
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))


def codes(folder: Path) -> set[str]:
    reading = read_inputs(folder)
    of_input = {note.code for note in reading.inputs[0].notes}
    of_study = {note.code for note in reading.studies[0].notes}
    stored = {"streams_lost", "documents_changed"}
    assert of_input & stored == of_study & stored
    return of_input & stored


def test_what_is_as_it_was_is_read_without_a_word(folder: Path) -> None:
    study = read_study(folder)
    assert study.values.tolist() == [0.5, 0.4, 0.3]
    assert codes(folder) == set()


def test_a_flipped_bit_of_a_log_is_an_error_wherever_it_is(folder: Path) -> None:
    path = folder / LOG
    data = path.read_bytes()
    for at in range(len(data)):
        changed = bytearray(data)
        changed[at] ^= 1 << at % 8
        path.write_bytes(changed)
        with pytest.raises(EsimError) as error:
            read_study(folder)
        assert str(path) in str(error.value)
        assert not isinstance(error.value, BugError)


def test_the_error_names_the_file_and_what_to_do(folder: Path) -> None:
    path = folder / LOG
    text = b"2020-09-13T12:26:40.000Z [0] loss: 0.1\n"
    path.write_bytes(pa.compress(text, "zstd", asbytes=True))
    with pytest.raises(EsimError) as error:
        read_study(folder)
    assert error.value.where == str(path)
    assert "not what esim fetch stored" in str(error.value)
    assert f"{folder / 'fetch.json'} holds" in str(error.value)
    assert "remove the file and run the same esim fetch again" in str(error.value)

    def forget(manifest: dict[str, Any]) -> None:
        manifest["TrainingJobs"][0]["streams"][0] |= {"sha256": None, "file_sha256": None}

    change_manifest(folder, forget)
    assert read_study(folder).values.tolist() == [0.1]


def test_the_change_is_told_before_the_error_that_comes_of_it(folder: Path) -> None:
    (folder / LOG).write_bytes(pa.compress(b"nothing of the kind\n", "zstd", asbytes=True))
    with pytest.raises(EsimError, match="not what esim fetch stored"):
        read_study(folder)


def test_a_decompressed_log_and_one_of_an_earlier_version_are_compared_too(folder: Path) -> None:
    expected = read_study(folder)

    def earlier(manifest: dict[str, Any]) -> None:
        del manifest["TrainingJobs"][0]["streams"][0]["file_sha256"], manifest["documents"]

    change_manifest(folder, earlier)
    assert_same_study(read_study(folder), expected, notes=True)
    packed = folder / LOG
    with pa.CompressedInputStream(pa.OSFile(str(packed), "r"), "zstd") as stream:
        text = bytes(stream.read())
    packed.write_bytes(pa.compress(text.replace(b"0.4", b"0.1"), "zstd", asbytes=True))
    with pytest.raises(EsimError, match="not what esim fetch stored"):
        read_study(folder)
    packed.unlink()
    plain = packed.with_suffix("")
    plain.write_bytes(text)
    assert_same_study(read_study(folder), expected, notes=True)
    plain.write_bytes(text.replace(b"0.4", b"0.1"))
    with pytest.raises(EsimError, match="not what esim fetch stored"):
        read_study(folder)


def test_a_lost_log_and_a_changed_description_are_noted(folder: Path) -> None:
    path = folder / DESCRIPTION
    path.write_text(path.read_text().replace("Random", "Bayesian"))
    assert codes(folder) == {"documents_changed"}
    other = folder / "logs" / JOB / "mine.log"  # so that there is something to read
    other.write_text("[0] loss: 0.5\n")
    (folder / LOG).unlink()
    assert codes(folder) == {"documents_changed", "streams_lost"}


def test_folders_above_and_beside_are_compared_too(folder: Path) -> None:
    (folder / LOG).write_bytes(pa.compress(b"[0] loss: 0.1\n", "zstd", asbytes=True))
    with pytest.raises(EsimError, match="not what esim fetch stored"):
        read_study(folder.parent)
    # The user's own file of that name is none of ours.
    (folder / "fetch.json").write_text("{broken")
    assert read_study(folder).values.tolist() == [0.1]


def test_any_manifest_is_read_or_refused(folder: Path) -> None:
    path = folder / "fetch.json"
    text = path.read_text()
    places: list[Callable[[Any], tuple[Any, Any]]] = [
        *(lambda m, key=key: (m, key) for key in json.loads(text)),
        lambda m: (m["TrainingJobs"], 0),
        *(lambda m, key=key: (m["TrainingJobs"][0], key) for key in ("streams", "described")),
        lambda m: (m["TrainingJobs"][0]["streams"], 0),
        *(
            lambda m, key=key: (m["TrainingJobs"][0]["streams"][0], key)
            for key in ("name", "file", "sha256", "file_sha256", "size")
        ),
        lambda m: (m["documents"], DESCRIPTION),
    ]
    refused = 0
    for place in places:
        for value in HOSTILE[::3]:
            manifest = json.loads(text)
            holder, key = place(manifest)
            holder[key] = value
            path.write_text(json.dumps(manifest))
            try:
                read_study(folder)
            except BugError:
                raise
            except EsimError:
                refused += 1
    assert refused > len(places) * len(HOSTILE[::3]) / 2


@pytest.mark.parametrize(
    ("said", "more"),
    [
        ("BillableTimeInSeconds", {"BillableTimeInSeconds": 10**400}),
        ("Value", {"FinalHyperParameterTuningJobObjectiveMetric": {"Value": -(10**400)}}),
        ("InstanceCount", {"ResourceConfig": {"InstanceCount": 2**63}}),
    ],
)
def test_numbers_that_no_array_holds_are_refused(
    folder: Path, said: str, more: dict[str, Any]
) -> None:
    path = folder / "list-training-jobs-for-hyper-parameter-tuning-job.json"
    job = json.loads(path.read_text())["TrainingJobSummaries"][0]
    path.write_text(json.dumps({"TrainingJobSummaries": [job | more]}))
    with pytest.raises(EsimError, match=f"{said} is not") as error:
        read_study(folder)
    assert not isinstance(error.value, BugError)


def test_what_aws_cli_exported_has_no_hashes() -> None:
    assert not {"streams_lost", "documents_changed"} & {
        note.code for note in read_study(DATA / "tiny" / "sagemaker").notes
    }
