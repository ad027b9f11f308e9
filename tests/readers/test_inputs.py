"""Several inputs at once: studies of one name, and what is no log beside logs."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from esim.errors import EsimError
from esim.readers.inputs import read_studies
from tests.paths import FORMATS


@pytest.mark.parametrize("folders", [(".",), ("a", "b")])
def test_a_study_found_twice_names_the_files(tmp_path: Path, folders: tuple[str, ...]) -> None:
    (database,) = (FORMATS / "nni").rglob("nni.sqlite*")
    copies = [tmp_path / folder / "x" / "db" / database.name for folder in "ab"]
    for copy in copies:
        copy.parent.mkdir(parents=True)
        shutil.copy(database, copy)
    with pytest.raises(EsimError, match="study 'tiny' is found twice") as caught:
        read_studies(*(tmp_path / folder for folder in folders))
    assert caught.value.where == str(copies[1])
    assert caught.value.why == f"{copies[0]} holds it, too"
