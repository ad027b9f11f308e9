"""Real clusters and a real object store, on this machine.

pip install distributed ray 'moto[server]' && python -m pytest tests/live/test_engines.py
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import esim
from esim.analyses.history import replay_history as many
from esim.analyses.workers import engines
from esim.errors import EsimError
from esim.readers.convert import convert
from esim.rules import rule
from esim.storage.history import History, Location, layout
from esim.storage.history.write import Input, append
from esim.study import Study

SETTINGS = many.ReplaySettings(rule("sagemaker"))
STUDIES = 400


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    """400 studies of 100 x 20 in 40 chunks."""
    before, layout.ROWS = layout.ROWS, 20_000
    rng = np.random.default_rng(0)
    made = [
        Study.from_arrays(
            rng.lognormal(size=(100, 1)) / np.arange(1, 21) + 0.1 * rng.standard_normal((100, 20)),
            "minimize",
            name=f"s{i:03d}",
        )
        for i in range(STUDIES)
    ]
    location = Location(str(tmp_path_factory.mktemp("history") / "h"))
    history = append(location, [Input("in", "0", "table", made)], None)
    layout.ROWS = before
    assert len(history.chunks()) == 40
    return history


@pytest.fixture(scope="module")
def expected(history: History, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    out = tmp_path_factory.mktemp("expected") / "out"
    many.replay_history(history, SETTINGS, out=out, jobs=1)
    return files(out)


def files(folder: Path) -> dict[str, bytes]:
    found = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def process(*words: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


# --- dask ------------------------------------------------------------------------------------


@pytest.fixture
def dask_cluster(tmp_path: Path) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """A scheduler and two workers, separate processes that talk over TCP: its address, and the
    workers before the scheduler."""
    where = tmp_path / "scheduler.json"
    scheduler = process(
        "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0",
        "--no-dashboard", "--scheduler-file", str(where),
    )  # fmt: skip
    workers = [
        process(
            "distributed.cli.dask_worker", "--scheduler-file", str(where), "--nthreads", "1",
            "--no-dashboard", "--no-nanny", "--local-directory", str(tmp_path / f"w{i}"),
        )
        for i in range(2)
    ]  # fmt: skip
    from distributed import Client

    with Client(scheduler_file=str(where), timeout="60s") as client:
        client.wait_for_workers(2, timeout=60)
        address = client.scheduler.address
    yield address, [*workers, scheduler]
    for one in (*workers, scheduler):
        one.kill()
        one.wait()


def test_dask(
    history: History,
    expected: dict[str, bytes],
    dask_cluster: tuple[str, list[subprocess.Popen[bytes]]],
    tmp_path: Path,
) -> None:
    address, _ = dask_cluster
    out = tmp_path / "out"
    many.replay_history(history, SETTINGS, out=out, engine="dask", address=address)
    assert files(out) == expected


def test_dask_compares_and_forecasts(
    history: History, dask_cluster: tuple[str, list[subprocess.Popen[bytes]]]
) -> None:
    address, _ = dask_cluster
    for run in (
        partial(esim.compare, rules=["sagemaker"], orders=4),
        partial(esim.estimate, replicates=100),
    ):
        there: Any = run(history, engine="dask", address=address)
        assert there.to_json() == run(history, jobs=1).to_json()


def test_a_dask_worker_killed_during_the_run_loses_nothing(
    history: History,
    expected: dict[str, bytes],
    dask_cluster: tuple[str, list[subprocess.Popen[bytes]]],
    tmp_path: Path,
) -> None:
    address, workers = dask_cluster
    finished: list[int] = []

    def kill_one(studies: int) -> None:
        finished.append(studies)
        if len(finished) == 3:
            os.kill(workers[0].pid, signal.SIGKILL)
            workers[0].wait()

    out = tmp_path / "out"
    many.replay_history(history, SETTINGS, out=out, engine="dask", address=address, done=kill_one)
    assert workers[0].returncode == -signal.SIGKILL
    assert sum(finished) == STUDIES
    assert files(out) == expected


@pytest.mark.parametrize("lost", ["workers", "scheduler"])
def test_a_dask_cluster_that_is_gone_is_an_error(
    lost: str,
    history: History,
    dask_cluster: tuple[str, list[subprocess.Popen[bytes]]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engines, "LOST_S", 3.0)
    monkeypatch.setattr(engines, "PULSE_S", 1.0)
    address, (*workers, scheduler) = dask_cluster

    def kill(studies: int) -> None:
        for one in workers if lost == "workers" else [scheduler]:
            one.kill()
            one.wait()

    began = time.monotonic()
    with pytest.raises(EsimError, match=r"no worker has been there|the engine gave up"):
        many.replay_history(
            history, SETTINGS, out=tmp_path / "out", engine="dask", address=address, done=kill
        )
    assert time.monotonic() - began < 30
    assert not (tmp_path / "out").exists()


def test_a_dask_cluster_of_its_own(
    history: History, expected: dict[str, bytes], tmp_path: Path
) -> None:
    code = (
        "import sys\nfrom esim.cli import main\n"
        "if __name__ == '__main__':\n    main()\n"  # its workers are spawned
    )
    script = tmp_path / "esim_main.py"
    script.write_text(code)
    words = ["replay", str(history.location), "--engine", "dask", "--jobs", "2"]
    out = tmp_path / "out"
    subprocess.run([sys.executable, str(script), *words, "--out", str(out)], check=True)
    assert files(out) == expected


# --- ray -------------------------------------------------------------------------------------


def descendants(process: int) -> list[tuple[int, str]]:
    """Number and command line of every process that a process started, itself or through others."""
    listed = subprocess.run(["ps", "-eo", "pid=,ppid=,args="], capture_output=True, text=True)
    children: dict[int, list[tuple[int, str]]] = {}
    for line in listed.stdout.splitlines():
        pid, parent, args = line.split(maxsplit=2)
        children.setdefault(int(parent), []).append((int(pid), args))
    found = list(children.get(process, []))
    for pid, _ in found:  # which grows meanwhile
        found += children.get(pid, [])
    return found


def test_ray_with_a_worker_killed_during_the_run(
    history: History, expected: dict[str, bytes], tmp_path: Path
) -> None:
    killed: list[int] = []

    def kill_one(studies: int) -> None:
        busy = [pid for pid, name in descendants(os.getpid()) if name.startswith("ray::_call")]
        if busy and not killed:
            os.kill(busy[0], signal.SIGKILL)
            killed.append(busy[0])

    out = tmp_path / "out"
    many.replay_history(history, SETTINGS, out=out, engine="ray", jobs=2, done=kill_one)
    assert killed
    assert files(out) == expected


# --- an object store -------------------------------------------------------------------------


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An S3-compatible server on loopback."""
    port = 5055
    server = process("moto.server", "-H", "127.0.0.1", "-p", str(port))
    url = f"http://127.0.0.1:{port}"
    for _ in range(200):
        try:
            urllib.request.urlopen(f"{url}/moto-api/data.json", timeout=1)
            break
        except OSError:
            time.sleep(0.1)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    import boto3

    boto3.client("s3", endpoint_url=url, region_name="us-east-1").create_bucket(Bucket="history")
    yield f"s3://history/h?region=us-east-1&scheme=http&endpoint_override=127.0.0.1:{port}"
    server.kill()
    server.wait()


def test_object_storage(
    bucket: str, history: History, expected: dict[str, bytes], tmp_path: Path
) -> None:
    logs = tmp_path / "logs"
    for entry, study in zip(history.entries[:3], history.chunks()[0].studies(), strict=False):
        study.to_parquet(logs / entry.study)
    conversion = convert([str(path) for path in sorted(logs.iterdir())], bucket)
    assert conversion.history is not None
    assert conversion.history.names == ["s000", "s001", "s002"]
    again = convert([str(path) for path in sorted(logs.iterdir())], bucket)
    assert len(again.unchanged) == 3
    there = History.open(bucket)
    assert there is not None
    here = append(
        Location(str(tmp_path / "here")),
        [Input("in", "0", "table", list(history.chunks(["s000", "s001", "s002"])[0].studies()))],
        None,
    )
    for location, out in ((there, "a"), (here, "b")):
        many.replay_history(location, SETTINGS, out=tmp_path / out, jobs=1)
    a, b = files(tmp_path / "a"), files(tmp_path / "b")
    assert a["studies.parquet"] == b["studies.parquet"]
    assert a.keys() == b.keys()
    assert {name for name in a if a[name] != b[name]} == {"result.json"}  # names its input


def test_processes_read_object_storage_by_themselves(
    bucket: str, history: History, tmp_path: Path
) -> None:
    study = next(history.chunks()[0].studies())
    append(Location(bucket), [Input("in", "0", "table", [study])], None)
    there = History.open(bucket)
    assert there is not None
    result = many.replay_history(there, SETTINGS, engine="local", jobs=2)
    assert result.studies == 1
