"""Makes the recordings of tests/formats from what a library has written.

    python -m tests.live.record NAME FOLDER

copies a folder that tests/live/tuners.py filled to tests/formats/NAME: without pickles, outputs and
sources, databases compressed, and without what they say of the machine.
"""

from __future__ import annotations

import gzip
import json
import re
import shutil
import socket
import sqlite3
import sys
from pathlib import Path
from typing import Any

from tests.paths import FORMATS

DROPPED = re.compile(
    r".*\.(pkl|dill|out|err|txt|py|zst|lock)|basic-variant-state.*|events\.out.*|\..*"
    r"|(std|trial).*|end|mlflow\.(user|source.*)|configspace.json|(run|install).*\.sh"
)
# SQLite: statement, for tables that name paths or people.
SCRUBS = (
    "UPDATE experiments SET artifact_location = 'mlruns'",
    "UPDATE runs SET artifact_uri = 'mlruns', user_id = 'user', source_name = ''",
    "DELETE FROM tags WHERE key NOT IN ('mlflow.runName', 'mlflow.parentRunId')",
    "UPDATE TrialJobEvent SET logPath = ''",
)


def record(name: str, folder: Path) -> None:
    target = FORMATS / name
    shutil.rmtree(target, ignore_errors=True)
    for path in sorted(folder.rglob("*")):
        below = path.relative_to(folder)
        hidden = any(part.startswith(".") or part == "0" for part in below.parts[:-1])
        if path.is_symlink() or not path.is_file() or hidden or DROPPED.fullmatch(path.name):
            continue
        if name == "syne_tune" and path.parent.parent != folder:
            continue
        if name == "nni" and path.name != "nni.sqlite":
            continue
        out = target / Path(*(part[:60] for part in below.parts))
        out.parent.mkdir(parents=True, exist_ok=True)
        data = path.read_bytes()
        if data.startswith(b"SQLite format 3"):
            out.with_name(out.name + ".gz").write_bytes(gzip.compress(_database(path), mtime=0))
        elif path.suffix == ".zip":
            out.write_bytes(data)
        else:
            out.write_text(_text(path, data.decode(), folder))


def _text(path: Path, text: str, folder: Path) -> str:
    if path.name.startswith("experiment_state"):
        document = json.loads(text)
        for pair in document["trial_data"]:
            pair[:] = [json.dumps(_without_pickles(json.loads(part))) for part in pair]
        text = json.dumps(_without_pickles(document))
    if path.name == "run.json":
        text = json.dumps(json.loads(text) | {"meta": {}, "host": {}})
    for found, instead in [
        (str(folder), ""),
        (socket.gethostname(), "host"),
        (r"\d+\.\d+\.\d+\.\d+", "127.0.0.1"),
        (r'"pid": \d+', '"pid": 1'),
        (r"user_id: \w+", "user_id: user"),
        (r"(artifact_(?:uri|location)): .*", r"\1: mlruns"),
        (r'"worker_id":"[^"]*"', '"worker_id":"worker"'),
    ]:
        text = re.sub(found, instead, text)
    return text


def _without_pickles(value: Any) -> Any:
    """Pickled strings cut down to one byte: still there, still no use."""
    if isinstance(value, dict):
        return {key: _without_pickles(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_without_pickles(one) for one in value]
    return "80" if isinstance(value, str) and re.fullmatch(r"80[0-9a-f]{6,}", value) else value


def _database(path: Path) -> bytes:
    connection = sqlite3.connect(":memory:")
    source = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
    source.backup(connection)
    source.close()
    for statement in SCRUBS:
        try:
            connection.execute(statement)
        except sqlite3.OperationalError:
            continue  # a table of another tool
    try:
        for row, params in connection.execute("SELECT rowid, params FROM ExperimentProfile"):
            kept = {k: v for k, v in json.loads(params).items() if k in ("experimentName", "tuner")}
            connection.execute(
                "UPDATE ExperimentProfile SET params = ?, logDir = '' WHERE rowid = ?",
                (json.dumps(kept), row),
            )
    except sqlite3.OperationalError:
        pass
    connection.commit()
    connection.execute("VACUUM")
    data = connection.serialize()
    connection.close()
    return data


if __name__ == "__main__":
    record(sys.argv[1], Path(sys.argv[2]).resolve())
