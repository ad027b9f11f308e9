"""Last lines without a line end: what may be cut off is left out, what is kept is said."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

import esim
from esim.errors import EsimError
from esim.study import Study

LOSS = {"objective": "loss", "direction": "minimize"}
HEADER = "trial,step,loss\n"


def read(path: Path, name: str, text: str | bytes) -> Study:
    (path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return esim.read_studies(path / name, **LOSS)[0]


def ending(study: Study) -> dict[str, tuple[str, ...]]:
    codes = ("lines_cut_off", "last_line_unended")
    return {note.code: note.evidence for note in study.notes if note.code in codes}


@pytest.mark.parametrize("last", ["0.176", "0.1", "0.", "0", ""])
def test_a_number_with_fewer_digits_than_those_above_is_left_out(tmp_path: Path, last: str) -> None:
    study = read(tmp_path, "t.csv", f"{HEADER}a,1,0.5123\na,2,0.4321\na,3,{last}")
    assert study.values.tolist() == [0.5123, 0.4321]
    assert ending(study) == {"lines_cut_off": (f"{tmp_path / 't.csv'}:4",)}
    (told,) = (one for one in esim.check(study).findings if one.code == "lines_cut_off")
    assert told.severity == "warning"


def test_a_number_with_none_above_it_is_left_out(tmp_path: Path) -> None:
    study = read(tmp_path, "t.csv", "trial,step,loss,f1\na,1,0.5,\nb,1,0.4,0.9")
    assert study.trials == ("a",)
    assert list(ending(study)) == ["lines_cut_off"]


@pytest.mark.parametrize("last", ["0.1766", "0.17663"])
def test_a_number_as_long_as_those_above_is_kept_and_said(tmp_path: Path, last: str) -> None:
    study = read(tmp_path, "t.csv", f"{HEADER}a,1,0.5123\na,2,0.4321\na,3,{last}")
    assert study.values.tolist() == [0.5123, 0.4321, float(last)]
    assert ending(study) == {"last_line_unended": (f"{tmp_path / 't.csv'}:4",)}


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_line_with_its_end_is_whole_however_short(tmp_path: Path, end: str) -> None:
    text = f"{HEADER}a,1,0.5123\na,2,0.4321\na,3,0.1\n".replace("\n", end)
    study = read(tmp_path, "t.csv", text)
    assert study.values.tolist() == [0.5123, 0.4321, 0.1]
    assert ending(study) == {}


def test_what_is_closed_is_whole_and_not_worth_a_word(tmp_path: Path) -> None:
    quoted = 'trial,step,loss\n"a","1","0.5123"\n"a","2","0.1"'
    objects = '{"trial": "a", "step": 1, "loss": 0.5123}\n{"trial": "a", "step": 2, "loss": 0.1}'
    for name, text in (("t.csv", quoted), ("t.jsonl", objects)):
        study = read(tmp_path, name, text)
        assert study.values.tolist() == [0.5123, 0.1]
        assert ending(study) == {}


def test_an_object_that_is_not_closed_is_left_out(tmp_path: Path) -> None:
    whole = '{"trial": "a", "step": 1, "loss": 0.5}\n'
    for last in ('{"trial": "a", "step": 2, "loss": 0.1', '{"trial": "a", "at": {"x": 1}', "{"):
        study = read(tmp_path, "t.jsonl", whole * 2 + last)
        assert study.values.tolist() == [0.5]
        assert ending(study) == {"lines_cut_off": (f"{tmp_path / 't.jsonl'}:3",)}


def test_a_step_below_those_before_it_is_left_out_not_a_restart(tmp_path: Path) -> None:
    rows = "".join(f"a,0.{step + 10},{step}\n" for step in range(8, 12))
    study = read(tmp_path, "t.csv", f"trial,loss,step\n{rows}a,0.22,1")  # of 12
    assert study.steps.tolist() == [8, 9, 10, 11]
    assert list(ending(study)) == ["lines_cut_off"]


def test_a_row_with_too_few_cells_or_an_open_quote_is_left_out(tmp_path: Path) -> None:
    for last in ("a,2", "a,", "a", 'a,2,"0.4'):
        study = read(tmp_path, "t.csv", f"{HEADER}a,1,0.5\nb,1,0.4\n{last}")
        assert study.trials == ("a", "b")
        assert study.values.tolist() == [0.5, 0.4]
        assert list(ending(study)) == ["lines_cut_off"]


def test_a_cut_file_that_was_compressed_is_one_too(tmp_path: Path) -> None:
    text = f"{HEADER}a,1,0.5123\na,2,0.4321\na,3,0.1".encode()
    study = read(tmp_path, "t.csv.gz", gzip.compress(text))
    assert study.values.tolist() == [0.5123, 0.4321]
    assert ending(study) == {"lines_cut_off": (f"{tmp_path / 't.csv.gz'}:4",)}
    with pytest.raises(EsimError, match="gzip data is cut off"):
        read(tmp_path, "t.csv.gz", gzip.compress(text)[:-3])


def test_the_last_line_of_a_log(tmp_path: Path) -> None:
    lines = [f"epoch {step}: loss={0.6 - step / 100:.4f}" for step in range(1, 5)]
    options = {**LOSS, "metrics": ["loss=loss=([0-9.]+)"]}
    for last, values, code in (
        ("epoch 5: loss=0.55", [0.59, 0.58, 0.57, 0.56], "lines_cut_off"),
        ("epoch 5: loss=0.5512", [0.59, 0.58, 0.57, 0.56, 0.5512], "last_line_unended"),
        ("training is done", [0.59, 0.58, 0.57, 0.56], None),
    ):
        (tmp_path / "r.log").write_text("\n".join([*lines, last]))
        study = esim.read_studies(tmp_path / "r.log", **options)[0]
        assert study.values.tolist() == values
        assert list(ending(study)) == ([code] if code else [])


def test_several_files_are_counted_and_named(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / f"{name}.csv").write_text("step,loss\n1,0.5123\n2,0.4321\n3,0.1")
    study = esim.read_studies(tmp_path, **LOSS)[0]
    (note,) = (note for note in study.notes if note.code == "lines_cut_off")
    assert note.count == 2
    assert note.evidence == (f"{tmp_path / 'a.csv'}:4", f"{tmp_path / 'b.csv'}:4")
