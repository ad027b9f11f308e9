"""Every command that writes, on a disk that has no room: one error, and no half of a result."""

from __future__ import annotations

import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.test_cli import TINY, run, run_main
from tests.paths import DATA

LARGER = str(DATA / "mlp_digits" / "sagemaker")
COMMANDS = {
    "replay": ("replay", LARGER, "--out", "{out}"),
    "convert": ("convert", LARGER, "{out}"),
    "replay of a history": ("replay", "{history}", "--engine", "threads", "--out", "{out}"),
    "report": ("report", "{result}", "--out", "{out}"),
}


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """No file can grow beyond so many bytes, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A history, and a result to report of."""
    folder = tmp_path_factory.mktemp("made")
    run("convert", LARGER, str(folder / "history"))
    run("replay", TINY, "--out", str(folder / "result"))
    return {name: str(folder / name) for name in ("history", "result")}


@pytest.mark.slow
@pytest.mark.parametrize("size", [0, 3_000])
@pytest.mark.parametrize("command", COMMANDS)
def test_a_full_disk_is_one_error(
    command: str, size: int, made: dict[str, str], tmp_path: Path,
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    out = tmp_path / ("out.html" if command == "report" else "out")
    words = [word.format(out=out, **made) for word in COMMANDS[command]]
    with files_of_at_most(size):
        code, _, said = run_main(capsys, monkeypatch, *words)
    assert code == 1
    assert "cannot be written" in said
    assert "File too large" in said
    assert "Traceback" not in said
    history = command == "convert"  # without an index it is none
    assert not (out / "index.parquet").exists() if history else not out.exists()
    assert {path.name for path in tmp_path.iterdir()} <= {"out.partial", "out" if history else ""}
    code, _, _ = run_main(capsys, monkeypatch, *words)
    assert code == 0
    assert {path.name for path in tmp_path.iterdir()} == {out.name}
