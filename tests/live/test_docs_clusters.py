"""The docs' blocks for clusters, run word for word, each in a clone and an environment of its own.

python -m pytest tests/live/test_docs_clusters.py

dask and ray are installed by the blocks themselves. Spark's needs `pip install pyspark` and a Java.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.blocks import marked
from tests.paths import ROOT

BLOCKS = {name: block.body for name, block in marked("cluster").items()}
ESIM = [sys.executable, "-c", "from esim.cli import main; main()"]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone with the history that docs/platform.md makes, and its local replay."""
    where = tmp_path / "clone"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in filter(None, listed.stdout.split("\0")):
        (where / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, where / name)
    logs = ["data/xgboost_digits/sagemaker", "data/image_digits"]
    for words in (
        ["convert", *logs, "history"],
        ["replay", "history", "--jobs", "1", "--out", "expected"],
    ):
        subprocess.run([*ESIM, *words], cwd=where, check=True)
    return where


def files(folder: Path) -> dict[str, bytes]:
    found = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def test_the_docs_show_these() -> None:
    assert set(BLOCKS) == {"dask", "ray", "spark"}


@pytest.mark.parametrize("name", ["dask", "ray"])
def test_a_cluster_from_nothing(name: str, clone: Path) -> None:
    own = {key: held for key, held in os.environ.items() if key != "PYTHONPATH"}
    subprocess.run(["bash", "-eu", "-c", BLOCKS[name]], cwd=clone, env=own, check=True, timeout=900)
    assert files(clone / "replayed") == files(clone / "expected")


def test_spark(clone: Path) -> None:
    code = (
        f"{BLOCKS['spark']}\nimport pyarrow.parquet as pq\npq.write_table(studies, 'got.parquet')"
    )
    own = {**os.environ, "PYSPARK_PYTHON": sys.executable}
    subprocess.run([sys.executable, "-c", code], cwd=clone, env=own, check=True, timeout=900)
    expected = pq.read_table(clone / "expected" / "studies.parquet")
    assert pq.read_table(clone / "got.parquet").equals(expected)
