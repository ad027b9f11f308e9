"""Outputs are whole or not there, whoever is killed meanwhile."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from esim.errors import EsimError
from esim.storage.folders import only_writer, unique_slugs, whole_file, whole_folder


def killed(code: str) -> None:
    """Run a program up to where it says that it is there, and kill it."""
    head = (
        "from pathlib import Path\n"
        "from esim.storage.folders import *\n"
        "import os\n"
        "def here():\n    print('here', flush=True)\n    input()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", head + code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as run:
        assert run.stdout is not None and run.stdout.readline() == "here\n"
        run.send_signal(signal.SIGKILL)


def write(folder: Path, text: str) -> None:
    with whole_folder(folder, lambda path: True) as partial:
        (partial / "f").write_text(text)


def test_what_a_killed_run_left_is_removed_by_the_next(tmp_path: Path) -> None:
    killed(
        f"with whole_folder(Path({str(tmp_path / 'out')!r}), lambda p: True) as partial:\n"
        f"  with whole_file(Path({str(tmp_path / 'page.html')!r})) as out:\n"
        "    (partial / 'f').write_text('half')\n"
        "    here()\n"
    )
    assert len(os.listdir(tmp_path)) == 2 and not (tmp_path / "out").exists()
    (tmp_path / ".out.mine").write_text("not ours")
    write(tmp_path / "out", "whole")
    with whole_file(tmp_path / "page.html") as out:
        out.write(b"whole")
    assert sorted(os.listdir(tmp_path)) == [".out.mine", "out", "page.html"]


def test_what_a_live_run_writes_is_left_alone(tmp_path: Path) -> None:
    with whole_folder(tmp_path / "out", lambda path: True) as first:
        (first / "f").write_text("first")
        write(tmp_path / "out", "second")
        assert (first / "f").read_text() == "first"
    assert (tmp_path / "out" / "f").read_text() == "first"
    assert os.listdir(tmp_path) == ["out"]


def test_a_run_killed_while_it_replaces_a_folder_loses_nothing(tmp_path: Path) -> None:
    write(tmp_path / "out", "old")
    killed(
        "rename = Path.rename\n"
        "def slow(self, target):\n"
        "    here() if '.part' in self.name else rename(self, target)\n"
        "Path.rename = slow\n"
        f"with whole_folder(Path({str(tmp_path / 'out')!r}), lambda p: True) as partial:\n"
        "    (partial / 'f').write_text('new')\n"
    )
    assert not (tmp_path / "out").exists()
    with pytest.raises(EsimError, match="full"), whole_folder(tmp_path / "out", lambda path: True):
        raise OSError(28, "the disk is full")
    assert (tmp_path / "out" / "f").read_text() == "old"
    assert os.listdir(tmp_path) == ["out"]


def test_one_process_writes_at_a_time(tmp_path: Path) -> None:
    with (
        only_writer(tmp_path / "h"),
        pytest.raises(EsimError, match="another process"),
        only_writer(tmp_path / "h"),
    ):
        pass
    assert os.listdir(tmp_path) == []
    with only_writer(tmp_path / "h"):
        (tmp_path / "h" / "f").write_text("x")
    assert os.listdir(tmp_path) == ["h"]


def test_names_give_different_files() -> None:
    slugs = unique_slugs(["a-3", "a", "a", "A", "../a", "/", "\u202e", "..", "x" * 200])
    assert slugs == ["a-3", "a", "a-4", "A-5", "a-6", "unnamed", "unnamed-7", "unnamed-8", "x" * 80]


def test_an_interrupted_exchange_puts_the_old_folder_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "f").write_text("old")
    rename, seen = Path.rename, []

    def interrupted(path: Path, target: Path) -> Path:
        seen.append(path)
        if len(seen) == 2:  # the old one is away, the new one not yet there
            raise SystemExit(143)
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(SystemExit), whole_folder(tmp_path / "out", lambda path: True) as folder:
        (folder / "f").write_text("new")
    assert (tmp_path / "out" / "f").read_text() == "old"
    assert os.listdir(tmp_path) == ["out"]
