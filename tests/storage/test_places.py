"""Places to write to."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from esim.errors import EsimError
from esim.storage.places import keep_apart, place


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("", "an empty path"),
        ("/", "the root folder"),
        ("x" * 300, "too long"),
        (os.fsdecode(b"caf\xe9"), "not Unicode"),
        ("loop/x", "symbolic links"),
        ("s3://bucket/x", "an address"),
        ("gs://bucket", "an address"),
        ("https://host/x", "an address"),
    ],
)
def test_what_is_no_place(
    typed: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    os.symlink("loop", "loop")
    with pytest.raises(EsimError, match=why):
        place(typed)


def test_odd_names_are_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for odd in ("a b", "-x", "a\nb", "e\u0301", "x~", "a:b", "\x1b[31m", "new/deep/er"):
        assert place(odd) == Path(odd)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert place("~/out") == tmp_path / "home" / "out"
    assert place(".") == tmp_path and place("a/../b") == tmp_path / "b"


@pytest.mark.parametrize(
    ("out", "how"),
    [
        ("logs", "is read itself"),
        ("logs/out", "lies in what is read"),
        ("logs/a/../b.html", "lies in what is read"),
        ("link/out", "lies in what is read"),
        (".", "holds what is read"),
        ("over", "holds what is read"),
        ("file", "is read itself"),
    ],
)
def test_what_is_read_is_not_written(out: str, how: str, tmp_path: Path) -> None:
    for folder in ("logs/a", "over/there"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "link").symlink_to("logs")
    (tmp_path / "logs" / "b").symlink_to("../over/there")
    (tmp_path / "file").touch()
    inputs = [tmp_path / "logs", tmp_path / "file", tmp_path / "logs" / "b", tmp_path / "nowhere"]
    with pytest.raises(EsimError, match=how):
        keep_apart(tmp_path / out, inputs)
    keep_apart(tmp_path / "logs2", inputs)
    keep_apart(tmp_path / "nowhere" / "x", inputs)
