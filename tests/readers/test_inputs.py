"""Several inputs at once: studies of one name, and what is no log beside logs."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from esim.cli import app
from esim.errors import EsimError
from esim.readers.convert import convert
from esim.readers.inputs import read_inputs, read_studies
from tests.paths import DATA, FORMATS

TINY = DATA / "tiny"


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


SAMPLE = "".join(f"[{k}]\tvalidation-rmse:0.{9 - k}\n" for k in range(3))  # XGBoost's lines
STRAYS = {
    "README.md": f"# Runs of sagemaker\n\nThe output:\n\n```\n{SAMPLE}```\n",
    "report.html": f"<html><body><pre>\n{SAMPLE}</pre></body></html>\n",
    "prices.csv": "name,price\na,1\n",
    ".DS_Store": "\0\0\0\1Bud1",
    "requirements.txt": "sagemaker==2.0\n",
    "train.py": f'"""\n{SAMPLE}"""\nimport sagemaker\n',
    "notes.txt": "nothing of note\n",
    "summary.csv": "study,best,epochs\ns0,0.1,5\ns1,0.2,5\n",
    "config.json": '{"lr": 0.1, "epochs": 3}',
}
REFUSED = ("no format matches", "no log, by its name", "recognised as table by its columns alone")


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    """Ten folders, each with a table of one study, all with trials of the same names."""
    made = [tmp_path / "logs" / f"s{i}" for i in range(10)]
    for i, folder in enumerate(made):
        folder.mkdir(parents=True)
        (folder / "log.csv").write_text(f"trial,step,loss\na,1,{i}\na,2,0.5\nb,1,0.25\n")
    return made


@pytest.mark.parametrize("name", STRAYS)
def test_a_stray_file_beside_folders_is_named_and_changes_nothing(
    folders: list[Path], name: str
) -> None:
    before = read_studies(*folders, direction="minimize")
    stray = folders[0].parent / name
    stray.write_text(STRAYS[name])
    found = read_inputs(stray, *folders, direction="minimize")
    assert [study.name for study in found.studies] == [f"s{i}" for i in range(10)]
    for actual, expected in zip(found.studies, before, strict=True):
        assert actual.notes == expected.notes
        np.testing.assert_array_equal(actual.values, expected.values)
    assert [(i.path, i.format) for i in found.inputs][:2] == [
        (str(stray), ""),
        (str(folders[0]), "table"),
    ]
    (note,) = found.inputs[0].notes
    assert note.code == "input_not_read" and note.text.startswith(REFUSED)
    for study in read_studies(stray, *folders, direction="minimize"):
        assert study.notes[-1].text == f"{stray} is not read: {note.text}"


def test_convert_reads_the_others_and_lists_the_strays(folders: list[Path], tmp_path: Path) -> None:
    strays = [folders[0].parent / name for name in STRAYS]
    for stray in strays:
        stray.write_text(STRAYS[stray.name])
    (folders[0].parent / "plots").mkdir()
    paths = [str(path) for path in sorted(folders[0].parent.iterdir())]
    out = str(tmp_path / "out")
    done = convert(paths, out, direction="minimize")
    assert done.history is not None and set(done.history.names) == {f"s{i}" for i in range(10)}
    assert set(done.failed) == {str(folders[0].parent / "plots"), *map(str, strays)}
    assert all(str(stray) in done.failed[str(stray)] for stray in strays)
    again = convert(paths, out, direction="minimize")
    assert (len(again.unchanged), again.failed) == (10, done.failed)


def test_a_stray_file_beside_files_is_named(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("trial,step,loss\na,1,0.5\n")
    (tmp_path / "prices.csv").write_text(STRAYS["prices.csv"])
    paths = [str(tmp_path / name) for name in ("prices.csv", "log.csv")]
    found = read_inputs(*paths, direction="minimize")
    assert [study.trials for study in found.studies] == [("a",)]
    assert [i.format for i in found.inputs] == ["", "table"]
    assert found.inputs[0].notes[0].text == "it is not read as table"
    done = convert(paths, str(tmp_path / "out"), direction="minimize")
    assert done.failed == {paths[0]: "it is not read as table"}


def test_tables_that_are_recognised_weakly_are_read_where_nothing_is_surely(tmp_path: Path) -> None:
    for name in ("a.csv", "b/b.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("round,loss\n1,0.5\n2,0.25\n")
    studies = read_studies(tmp_path / "a.csv", tmp_path / "b", direction="minimize")
    assert [study.values.tolist() for study in studies] == [[0.5, 0.25]] * 2


def test_no_input_of_a_known_format_is_an_error(tmp_path: Path) -> None:
    for name in ("requirements.txt", "prices.csv"):
        (tmp_path / name).write_text(STRAYS[name])
    with pytest.raises(EsimError, match="no format matches"):
        read_inputs(tmp_path / "requirements.txt", tmp_path / "prices.csv")


def test_a_damaged_input_is_no_stray(folders: list[Path], tmp_path: Path) -> None:
    (folders[3] / "log.csv.gz").write_text("no gzip")
    with pytest.raises(EsimError, match="not a gzip file"):
        read_inputs(*folders, direction="minimize")
    done = convert([str(path) for path in folders], str(tmp_path / "out"), direction="minimize")
    assert list(done.failed) == [str(folders[3])]


@pytest.mark.parametrize("moved", [6, 2])
def test_logs_join_the_description_that_needs_them(tmp_path: Path, moved: int) -> None:
    """Neither the logs, which are of an unknown program, nor the prices are of a known format."""
    (expected,) = read_studies(TINY / "sagemaker")
    described, logs, stray = (tmp_path / name for name in ("described", "logs", "prices.csv"))
    shutil.copytree(TINY / "sagemaker", described)
    logs.mkdir()
    for folder in sorted((described / "logs").iterdir())[:moved]:
        shutil.move(folder, logs)
    stray.write_text(STRAYS[stray.name])
    other = tmp_path / "other"
    for file in (TINY / "sagemaker").rglob("*.*"):
        copy = other / str(file.relative_to(TINY / "sagemaker")).replace("tiny", "other")
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(file.read_text().replace("tiny", "other"))
    for paths in ([described, logs], [stray, other, logs, described]):
        found = read_inputs(*paths)
        (actual,) = (study for study in found.studies if study.name == "tiny")
        assert actual.trials == expected.trials
        np.testing.assert_array_equal(actual.values, expected.values)
        passed_over = [i.path for i in found.inputs if not i.format]
        assert passed_over == [str(stray)] * (stray in paths)


def test_convert_prints_what_is_no_log(folders: list[Path], tmp_path: Path) -> None:
    stray = folders[0].parent / "README.md"
    for readme in (stray, folders[0] / "README.md"):
        readme.write_text(STRAYS["README.md"])
    paths = [str(path) for path in (stray, *folders)]
    out = str(tmp_path / "out")
    ran = CliRunner().invoke(app, ["convert", *paths, out, "--direction", "minimize"])
    assert ran.exit_code == 1
    assert "s0: 1 file not tables of trials: README.md\n" in ran.stdout
    assert f"README.md\n{stray}: no log, by its name\n  why: " in ran.stderr
    ran = CliRunner().invoke(app, ["replay", *paths, "--direction", "minimize"])
    assert ran.exit_code == 0
    assert "not read: " in ran.stdout and "no log, by its name" in " ".join(ran.stdout.split())
