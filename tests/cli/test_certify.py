"""`esim certify`: what it prints first, what it writes, and with which exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from esim.report.certified import assumptions
from esim.report.pages.document import read_page
from esim.results.certificate import Certificate
from esim.results.saved import watchable
from esim.results.watched import Watched
from tests.analyses.test_certify import GOOD, LATE, study
from tests.cli.test_cli import DATA, run

READ = ["--direction", "minimize", "--first-step", "done"]
ASKED = ["--rules", "sagemaker", "--orders", "recorded", "--risk", "30%", "--confidence", "80%"]


def table(path: Path, good: int, late: int, first: int = 0) -> str:
    """A plain table of studies."""
    lines = ["study,trial,step,loss"]
    for i, kind in enumerate([GOOD] * good + [LATE] * late):
        one = study(kind, first + i)
        for trial in range(3):
            values = one.values[3 * trial : 3 * trial + 3]
            lines += [f"{one.name},t{trial},{step},{x}" for step, x in enumerate(values, start=1)]
    path.write_text("\n".join(lines) + "\n")
    return str(path)


@pytest.fixture
def past(tmp_path: Path) -> str:
    return table(tmp_path / "past.csv", 6, 0)


def test_what_is_assumed_stands_in_the_first_three_lines(past: str) -> None:
    out = run("certify", past, *READ, *ASKED).output
    lines = out.splitlines()
    assert lines[:3] == [
        "Assumed: the next study is one more of the same kind, independent of these.",
        "6 studies test the rules; each counts once, as lost or not, in the order in which it was "
        "launched.",
        "Lost: the best of the last values gets worse by over 5.0 % of the way to the median. "
        "Clock: one trial after another.",
    ]
    assert " ".join(lines[4:7]).startswith(
        "Certified with 80.0 % confidence: under sagemaker a new study loses more than 5.0 % with "
        "a chance of at most 30.0 %."
    )
    assert "(p 0.118)" in out  # 0.7^6
    assert "to ask again with other risks" in " ".join(out.split())


def test_too_few_studies_say_how_many_are_needed(past: str) -> None:
    out = " ".join(
        run("certify", past, *READ, "--rules", "sagemaker", "--orders", "3").output.split()
    )
    assert (
        "No rule can be certified: a risk of 10.0 % with 90.0 % confidence takes at least 22 "
        "tested studies without a loss, and there are 6." in out
    )
    assert "cannot be made either: it takes at least 9 tested studies without a loss" in out


def test_one_study_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    result = run("certify", str(DATA / "tiny" / "sagemaker"), code=1)
    assert "one study can certify nothing" in str(result.exception)


def test_the_weaker_promise_says_what_is_weaker(tmp_path: Path) -> None:
    past = table(tmp_path / "past.csv", 10, 0)
    out = " ".join(
        run("certify", past, *READ, "--rules", "sagemaker", "--orders", "recorded").output.split()
    )
    assert "No rule can be certified" in out
    assert "Weaker, on average only (conformal risk control): sagemaker keeps the risk" in out
    assert "how often the draw was a lucky one, so that its risk is higher, is not bounded" in out


def test_the_document_the_folder_and_the_pages(past: str, tmp_path: Path) -> None:
    out = run("certify", past, *READ, *ASKED, "--json", "--out", str(tmp_path / "o")).stdout
    document = json.loads(out, parse_constant=pytest.fail)
    assert document["schema"] == "esim.certificate/1"
    assert document["command"].startswith("esim certify")
    assert (tmp_path / "o" / "result.json").read_text() == out.removesuffix("\n")
    told = Certificate.from_dict(document)
    assert told.to_json() + "\n" == out
    assert watchable(tmp_path / "o") == told
    for ending in ("html", "csv"):
        run("report", str(tmp_path / "o"), "--out", str(tmp_path / f"r.{ending}"))
    page, _ = read_page(tmp_path / "o")
    assert page.title == "sagemaker: certified"
    assert [part.text for part in page.sections[0].parts] == list(assumptions(told))  # type: ignore[union-attr]
    assert "sagemaker,,,0.333" in (tmp_path / "r.csv").read_text()


def test_a_watch_ends_with_3_where_the_certificate_no_longer_holds(
    past: str, tmp_path: Path
) -> None:
    folder = str(tmp_path / "o")
    run("certify", past, *READ, *ASKED, "--out", folder)
    fine = table(tmp_path / "fine.csv", 3, 0, first=100)
    out = run("certify", fine, *READ, "--watch", folder, "--out", str(tmp_path / "w")).output
    assert out.startswith("Assumed: ")
    assert "No evidence that the certificate fails" in out
    bad = table(tmp_path / "bad.csv", 0, 7, first=200)
    broken = run("certify", bad, *READ, "--watch", str(tmp_path / "w"), "--json", code=3).stdout
    told = Watched.from_dict(json.loads(broken))
    assert [one.study for one in told.studies][:4] == ["job-100", "job-101", "job-102", "job-200"]
    # 30 % and 80 %: a wealth of 5 is enough.
    before = [one.wealth for one in told.studies if one.study != told.broken_by]
    assert told.broken_by is not None
    assert min(one.wealth for one in told.studies if one.study == told.broken_by) >= 5 > before[0]
    (tmp_path / "watch.json").write_text(broken)
    run("report", str(tmp_path / "watch.json"), "--out", str(tmp_path / "w.html"))
    page, _ = read_page(tmp_path / "watch.json")
    assert page.title == "sagemaker: the certificate no longer holds"
    text = " ".join(run("certify", bad, *READ, "--watch", folder, code=3).output.split())
    assert "The certificate no longer holds: after study" in text


def test_wrong_usage(past: str, tmp_path: Path) -> None:
    for words, said in (
        (["--risk", "5"], "did you mean 5% or 0.05?"),
        (["--orders", "all"], "--orders cannot be 'all'"),
        (["--in-order"], "--in-order needs an order of the rules"),
        (["--saved", "cost"], "--saved cost needs a price"),
        (["--watch", "x.json", "--risk", "10%"], "--risk cannot go with --watch"),
        (["--watch", "x.json", "--max-loss", "10%"], "--max-loss cannot go with --watch"),
    ):
        assert said in run("certify", past, *words, code=2).output.replace("\n", " ")
    other = tmp_path / "other.json"
    other.write_text('{"schema": "esim.replay/1"}')
    result = run("certify", past, "--watch", str(other), code=1)
    assert "a document of 'esim.replay/1' is no certificate" in str(result.exception)
