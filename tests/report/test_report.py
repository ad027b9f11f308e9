"""`esim report`: results read back, and what is written from them."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from typer.testing import CliRunner

import esim
from esim.cli import app
from esim.report.formats.csv_and_json import csv_of, json_of, page_digest
from esim.report.formats.markdown import escaped, markdown
from esim.report.formats.pdf import pdf
from esim.report.pages.document import read_page, write_page
from esim.results.replay import ReplayDocument
from esim.results.saved import read_result, replay_document, reports_of
from tests.paths import ROOT
from tests.report.pages import EVIL, evil_study, page_of, plain_study, result_folder


@pytest.fixture(scope="module")
def evil(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return result_folder(tmp_path_factory.mktemp("evil") / "out", evil_study(), readings=True)


def run(*words: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, words, env={"COLUMNS": "120"})
    assert result.exit_code == code, result.output
    return result.output


# ------------------------------------------------------------------------------- read back


@pytest.mark.parametrize("folder", ["xgboost_digits", "mlp_digits", "image_digits"])
def test_a_document_read_back_is_the_same_document(folder: str) -> None:
    source = read_result(ROOT / "reports" / folder)
    again = ReplayDocument.from_dict(source.document)
    assert json.loads(again.to_json()) == source.document


def test_a_study_without_decisions_beside_one_with_some(tmp_path: Path) -> None:
    silent = esim.Study.from_arrays([[float("nan")]], "minimize", name="silent")
    folder = result_folder(tmp_path / "out", plain_study(), silent)
    results = replay_document(read_result(folder)).studies
    assert len(results[0].trace()["trial"]) > 0
    assert len(results[1].trace()["trial"]) == 0


def test_the_tables_hold_what_was_replayed(tmp_path: Path) -> None:
    study = evil_study()
    folder = result_folder(tmp_path / "out", plain_study(), study)
    source = read_result(folder)
    result = replay_document(source).studies[1]
    reports = reports_of(source, result)
    assert reports is not None
    for name in ("offsets", "steps", "values"):
        assert getattr(reports, name).tolist() == getattr(study, name).tolist()
    expected = esim.replay(study).trace()
    actual = result.trace()
    assert actual["trial"] == expected["trial"]
    assert actual["threshold"].tolist() == pytest.approx(
        expected["threshold"].tolist(), nan_ok=True
    )
    assert result.decisions.columns.tolist() == list(expected)


def test_tables_of_another_result_are_refused(tmp_path: Path) -> None:
    one = result_folder(tmp_path / "one", plain_study(n=5))
    other = result_folder(tmp_path / "other", plain_study(n=6))
    (one / "reports.parquet").write_bytes((other / "reports.parquet").read_bytes())
    with pytest.raises(esim.EsimError, match="another result"):
        read_page(one)
    (one / "reports.parquet").write_bytes(b"not parquet")
    with pytest.raises(esim.EsimError, match=r"reports\.parquet"):
        read_page(one)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not a JSON document"),
        ("[1]", "names no schema"),
        ('{"schema": "esim.replay/1", "x": NaN}', "NaN is not strict JSON"),
        ('{"schema": "esim.replay/1"}', "studies"),
        ('{"schema": "esim.replay/1", "studies": [], "inputs": []}', "nothing to report"),
        ('{"schema": "esim.replay/1", "studies": [{"study": "x"}]}', "does not follow its schema"),
        ('{"schema": "esim.replay/9"}', "no report of 'esim.replay/9'"),
        ("\ufeff{}", "names no schema"),
    ],
)
def test_what_is_no_result_is_refused(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(esim.EsimError) as refused:
        read_page(path)
    assert said in str(refused.value)
    assert "r.json" in str(refused.value)


def test_where_there_is_nothing(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.json"):
        with pytest.raises(esim.EsimError, match="no result document"):
            read_page(path)


# ------------------------------------------------------------------------- the command line


def test_the_page_stands_beside_the_result(tmp_path: Path) -> None:
    folder = result_folder(tmp_path / "out", plain_study())
    out = run("report", str(folder))
    assert "The rule would have saved" in out
    assert (folder / "report.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    run("report", str(folder / "result.json"), "--out", str(tmp_path / "x.md"))
    assert (tmp_path / "x.md").read_text(encoding="utf-8").startswith("# plain")
    # the folder is still one that a replay may write anew
    result_folder(folder, plain_study())
    assert not (folder / "report.html").exists()


def test_every_ending_is_written_the_same_twice(tmp_path: Path) -> None:
    folder = result_folder(tmp_path / "out", plain_study(n=5))
    for name in ("one", "two"):
        outs = [str(tmp_path / f"{name}.{end}") for end in ("html", "md", "pdf", "csv", "json")]
        run("report", str(folder), *(word for out in outs for word in ("--out", out)))
    for end in ("html", "md", "pdf", "csv", "json"):
        first = (tmp_path / f"one.{end}").read_bytes()
        assert first
        assert first == (tmp_path / f"two.{end}").read_bytes(), end


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--out", "x.docx"], "x.docx"),
        (["--out", "x"], ".html"),
        (["--table", "trials"], "--out FILE.csv"),
    ],
)
def test_wrong_usage_is_2(words: list[str], said: str, evil: Path) -> None:
    assert said in run("report", str(evil), *words, code=2)


def test_the_document_holds_its_command_wherever_it_went(tmp_path: Path) -> None:
    tiny = str(ROOT / "data" / "tiny" / "sagemaker")
    out = run("replay", tiny, "--clock", "order", "--set", "min_peers=2", "--json")
    assert json.loads(out)["command"] == f"esim replay {tiny} --clock order --set min_peers=2"
    run("replay", tiny, "--out", str(tmp_path / "o"))
    assert read_result(tmp_path / "o").document["command"] == f"esim replay {tiny}"
    run("replay", tiny, f"--out={tmp_path / 'p'}")
    assert read_result(tmp_path / "p").document["command"] == f"esim replay {tiny}"
    assert "command" not in json.loads(esim.replay(plain_study()).to_json())


def test_a_file_that_cannot_be_written_is_told(evil: Path, tmp_path: Path) -> None:
    page, *sources = read_page(evil)
    with pytest.raises(esim.EsimError, match="cannot be written"):
        write_page(page, sources, tmp_path / "none" / "x.csv")
    (tmp_path / "keep.csv").write_text("old")
    with pytest.raises(esim.EsimError, match="no table"):
        write_page(page, sources, tmp_path / "keep.csv", "nothing")
    assert (tmp_path / "keep.csv").read_text() == "old"


def test_names_do_no_harm_on_a_terminal(evil: Path, tmp_path: Path) -> None:
    out = run("report", str(evil), "--out", str(tmp_path / "x.csv"))
    assert not re.search("[\x00-\x08\x0b-\x1f]", out.replace("\r", ""))


# ------------------------------------------------------------------------------- Markdown


def _tokens(text: str) -> list[object]:
    found = []
    for token in MarkdownIt("gfm-like", {"linkify": False, "html": True}).parse(text):
        found += [token, *(token.children or [])]
    return found


@pytest.mark.parametrize("name", EVIL)
def test_markdown_shows_a_name_as_it_is(name: str) -> None:
    text = f"| a | b |\n|---|---|\n| {escaped(name)} | x |\n\n{escaped(name)}\n"
    for token in _tokens(text):
        assert token.type not in (
            "html_inline", "html_block", "link_open", "image", "code_inline", "strong_open",
            "em_open", "list_item_open", "heading_open", "s_open", "fence", "code_block",
        ), token  # fmt: skip
    cells = [t.content for t in _tokens(text) if t.type == "inline"]
    assert len(cells) == 5  # two headings, two cells, one paragraph
    assert "@user" not in text and "http:" not in text  # nothing to follow, nobody to call


@pytest.mark.parametrize("text", ["- a", "+ a", "1. a", "2) a", "---", "===", "12.5 %", "-0.5"])
def test_markdown_begins_no_list(text: str) -> None:
    kinds = {t.type for t in _tokens(f"x\n\n{escaped(text)}\n")}
    assert kinds == {"paragraph_open", "paragraph_close", "inline", "text"}
    assert escaped("12.5 %") == "12.5 %"


def test_markdown_tables_keep_their_columns(evil: Path) -> None:
    text = markdown(page_of(evil))
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert rows
    kinds = [t.type for t in _tokens(text)]
    assert "html_inline" not in kinds
    assert not re.search(r"(?<!\\)<(script|img)", text)
    for token in _tokens(text):
        if token.type == "html_block":
            folds = r"<summary>\d+ (rows|more columns, as in the plain rule)</summary>"
            assert re.fullmatch(rf"(</?details>|{folds}|\s)+", token.content), token.content
    groups = [places for table in page_of(evil).tables() for _, places in table.groups if places]
    assert kinds.count("table_open") == len(groups)


def test_markdown_shows_figures_only_beside_them(tmp_path: Path) -> None:
    folder = result_folder(tmp_path / "out", plain_study(n=5), drawn=True)
    page, *sources = read_page(folder)
    write_page(page, sources, folder / "report.md")
    paths = re.findall(r"\]\(([^)]+)\)", (folder / "report.md").read_text(encoding="utf-8"))
    assert len(paths) >= 3
    assert all((folder / path).is_file() for path in paths)
    (tmp_path / "next").mkdir()
    for place in ("beside.md", "next/report.md"):  # as a page of several results stands
        write_page(page, sources, tmp_path / place)
        text = (tmp_path / place).read_text(encoding="utf-8")
        paths = re.findall(r"\]\(([^)]+)\)", text)
        assert len(paths) >= 3
        assert all(((tmp_path / place).parent / path).is_file() for path in paths)
    (tmp_path / "far" / "away").mkdir(parents=True)
    write_page(page, sources, tmp_path / "far" / "away" / "elsewhere.md")
    assert "](" not in (tmp_path / "far" / "away" / "elsewhere.md").read_text(encoding="utf-8")


# ------------------------------------------------------------------------- CSV, JSON, PDF


def test_csv_is_raw_and_calculates_nothing(evil: Path) -> None:
    page = page_of(evil)
    for table in page.tables():
        rows = list(csv.reader(io.StringIO(csv_of(page, table.name))))
        assert rows[0] == [column.key for column in table.columns]
        assert len(rows) == 1 + len(table.rows)
        for row, raw in zip(rows[1:], table.rows, strict=True):
            for cell, value in zip(row, raw, strict=True):
                if isinstance(value, str):
                    assert len(cell) < 2 or cell[0] not in "=+-@\t\r\n", cell
                    assert not re.search("[\x00-\x1f]", cell)
                elif isinstance(value, float):
                    assert float(cell) == value
    trials = list(csv.DictReader(io.StringIO(csv_of(page, "trials"))))
    assert trials[2]["trial"] == "'" + EVIL[2]
    assert trials[13]["trial"] == "n" * 300
    assert csv_of(page) == csv_of(page, "readings")


@pytest.mark.parametrize("sign", [*"=+-@\t\r\n", "\uff1d", "\uff0b"])
def test_csv_cells_that_a_spreadsheet_would_obey(sign: str, tmp_path: Path) -> None:
    study = esim.Study.from_arrays([[1.0, 2.0]], "minimize", names=[f"{sign}cmd|' /C calc'!A0"])
    folder = result_folder(tmp_path / "out", study)
    row = next(csv.DictReader(io.StringIO(csv_of(page_of(folder), "trials"))))
    assert row["trial"].startswith("'")


def test_json_is_strict_and_whole(evil: Path) -> None:
    page = page_of(evil)
    found = json.loads(json_of(page), parse_constant=pytest.fail)
    assert found["schema"] == "esim.report/1"
    assert found["answer"] == list(page.answer)
    assert len(found["sections"]) == len(page.sections)
    trials = [p for s in found["sections"] for p in s["parts"] if p.get("name") == "trials"]
    assert [row[0] for row in trials[0]["rows"]][: len(EVIL)] == list(EVIL)


def test_pdf_holds_whose_page_it_is(evil: Path) -> None:
    page = page_of(evil)
    data = pdf(page)
    assert data.startswith(b"%PDF-")
    assert page_digest(page).encode() in data
    assert b"/Alt" in data and b"/Outlines" in data and b"/Lang" in data


def test_answers_are_three_sentences_from_the_numbers(tmp_path: Path) -> None:
    # b stops at 1 and c at 2: 3 of 9 steps saved; c would have ended best, at 0.3, b second
    curves = [[1.0, 0.8, 0.6], [1.2, 0.5, 0.5], [0.9, 1.0, 0.3]]
    study = esim.Study.from_arrays(curves, "minimize", names=["a", "b", "c"])
    page = page_of(result_folder(tmp_path / "out", study))
    assert page.answer == (
        "The rule would have saved 33.3 % of the steps and lost the best trial: 0.6 instead of "
        "0.3, 0.3 higher, the 3rd best of the study.",
        "How far that depends on how the rule is read was not looked at.",
        "Of the 2 trials stopped, 2 would have beaten the best one kept, and 1 would have ended "
        "in the better half of the study.",
    )
    assert [(t.label, t.value) for t in page.tiles] == [
        ("steps saved", "33.3 %"), ("best trial", "lost")
    ]  # fmt: skip
