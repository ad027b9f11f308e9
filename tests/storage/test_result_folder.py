"""A folder of --out is replaced only if all in it was written there, and is as it was written."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from esim.errors import EsimError
from esim.storage.result_folder import (
    LIST,
    add_to_list,
    check_replaceable,
    is_listed,
    result_folder,
)


def write(folder: Path, text: str = "1") -> None:
    with result_folder(folder) as partial:
        (partial / "result.json").write_text(text)
        (partial / "figures").mkdir()
        (partial / "figures" / "a.svg").write_text(text)


def test_what_was_written_is_listed_as_sha256sum_does_and_may_be_replaced(tmp_path: Path) -> None:
    write(tmp_path / "out")
    digest = hashlib.sha256(b"1").hexdigest()
    listed = (tmp_path / "out" / LIST).read_text()
    assert listed == f"{digest}  figures/a.svg\n{digest}  result.json\n"
    write(tmp_path / "out", "2")
    assert (tmp_path / "out" / "result.json").read_text() == "2"
    (tmp_path / "out" / "figures" / "a.svg").unlink()  # what is gone is no reason to refuse
    write(tmp_path / "out", "3")
    assert os.listdir(tmp_path) == ["out"]


@pytest.mark.parametrize("name", ["report.html", "figures/a.png", "result.json", "figures/a.svg"])
def test_what_was_not_written_there_or_was_changed_is_left_alone(tmp_path: Path, name: str) -> None:
    write(tmp_path / "out")
    (tmp_path / "out" / name).write_text("a person's")
    for attempt in (lambda: check_replaceable(tmp_path / "out"), lambda: write(tmp_path / "out")):
        with pytest.raises(EsimError, match=name):
            attempt()
    assert (tmp_path / "out" / name).read_text() == "a person's"


def test_a_folder_without_a_list_is_somebody_elses(tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text("a person's")
    with pytest.raises(EsimError, match=r"report\.html"):
        check_replaceable(tmp_path)
    (tmp_path / LIST).write_bytes(b"\xff\n")
    with pytest.raises(EsimError, match=r"report\.html"):
        check_replaceable(tmp_path)
    (tmp_path / "empty").mkdir()
    check_replaceable(tmp_path / "empty")
    check_replaceable(tmp_path / "new")
    with pytest.raises(EsimError, match="a file stands there"):
        check_replaceable(tmp_path / "report.html")


def test_a_page_beside_a_result_is_listed_too(tmp_path: Path) -> None:
    write(tmp_path / "out")
    page = tmp_path / "out" / "report.html"
    page.write_text("page")
    assert is_listed(page) is False
    add_to_list(page)
    assert is_listed(page) is True
    check_replaceable(tmp_path / "out")
    page.write_text("edited")
    assert is_listed(page) is False
    alone = tmp_path / "alone.html"
    alone.write_text("page")
    add_to_list(alone)
    assert is_listed(alone) is None and not (tmp_path / LIST).exists()
