"""One page of several results: what it says, whether they belong together, what a month brings."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import esim
from esim.assumptions import Costs
from esim.cli import app
from esim.errors import EsimError
from esim.report.enable import switching_on
from esim.report.formats.csv_and_json import json_of
from esim.report.formats.html import html
from esim.report.formats.markdown import markdown
from esim.report.formats.pdf import pdf
from esim.report.glossary import WORDS, used_words
from esim.report.pages.document import read_decision
from esim.report.pages.page import Code, Page, Picture, Section, Table
from esim.report.pages.projection import amount_words
from esim.report.projection import (
    PerJob,
    Projection,
    history_projection,
    replay_projection,
)
from esim.report.rule_words import rule_sentences
from esim.results.history import TOTALS, AskedClock, HistoryReplay
from esim.results.named_rule import RecordedJobRule, RecordedRule
from esim.rules.job_level import job_rule
from tests.paths import ROOT
from tests.report.pages import evil_study, local, parsed, result_folder

INPUTS = [{"path": "logs/<i>", "sha256": "0" * 64, "format": "table", "notes": []}]
COSTS = Costs(price=3.6)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A replay with its tables, a comparison and an estimate, of a study full of traps."""
    folder = tmp_path_factory.mktemp("decision")
    study = evil_study()
    found = {"replay": result_folder(folder / "replay", study)}
    documents = {
        "compare": esim.compare(study, ["sagemaker", "azure-bandit"], orders=4, costs=COSTS),
        "estimate": esim.estimate(study, replicates=100, costs=COSTS).document(),
    }
    for name, document in documents.items():
        found[name] = folder / f"{name}.json"
        found[name].write_text(
            json.dumps(document.to_dict() | {"inputs": INPUTS, "esim": esim.__version__}),
            encoding="utf-8",
        )
    return found


@pytest.fixture(scope="module")
def page(results: dict[str, Path]) -> Page:
    return read_decision(list(results.values()), jobs_per_month=200)[0]


def sections(page: Page) -> dict[str, Section]:
    return {section.id: section for section in page.sections}


def tables(page: Page) -> dict[str, Table]:
    return {table.name: table for table in page.tables()}


def changed(path: Path, to: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    document = json.loads(path.read_text(encoding="utf-8"))
    change(document)
    to.write_text(json.dumps(document), encoding="utf-8")
    return to


def test_it_answers_every_question_in_order(page: Page, results: dict[str, Path]) -> None:
    assert [(s.id, s.title) for s in page.sections] == [
        ("rule", "What the rule is"),
        ("past", "What it would have done"),
        ("next", "What to expect"),
        ("alternative", "Which alternative"),
        ("projection", "By month and year"),
        ("enable", "How to switch it on"),
        ("provenance", "Where this comes from"),
        ("glossary", "Words"),
    ]
    said = sections(page)
    first = said["rule"].parts[0]
    assert "worse than the median of the running averages" in first.text  # type: ignore[union-attr]
    assert [p.plot.name for p in said["rule"].parts if isinstance(p, Picture)] == ["typical-stop"]
    assert len(page.answer) == 3
    picks = tables(page)["alternatives"].rows
    assert picks[0][:2] == ("the rule here", "sagemaker")
    document = json.loads(results["compare"].read_text(encoding="utf-8"))
    assert {row[1] for row in picks[1:]} == {
        document["answer"][key]["key"] for key in ("saves_most", "safest")
    }
    code = [part for part in said["enable"].parts if isinstance(part, Code)]
    assert any('"TrainingJobEarlyStoppingType"] = "Auto"' in line for line in code[0].lines)
    names = [table.name for table in page.tables()]
    assert len(names) == len(set(names))
    assert "They belong together" in said["provenance"].parts[0].text  # type: ignore[union-attr]


def test_the_order_of_the_results_does_not_matter(page: Page, results: dict[str, Path]) -> None:
    for order in itertools.permutations(results.values()):
        assert json_of(read_decision(order, jobs_per_month=200)[0]) == json_of(page)


def test_each_kind_once_and_a_rule_to_decide_on(results: dict[str, Path], tmp_path: Path) -> None:
    twice = [results["estimate"], results["replay"], results["estimate"]]
    with pytest.raises(EsimError, match="two results of the same kind, estimate"):
        read_decision(twice)
    with pytest.raises(EsimError, match="nothing says which rule"):
        read_decision([results["compare"]])
    path = tmp_path / "check.json"
    path.write_text('{"schema": "esim.check/1"}', encoding="utf-8")
    with pytest.raises(EsimError, match="has no place on a page of several"):
        read_decision([results["replay"], path])


def test_what_is_missing_is_said(results: dict[str, Path]) -> None:
    alone = read_decision([results["estimate"], results["compare"]])[0]
    text = " ".join(markdown(alone).split())
    assert "There is no replay among the results. `esim replay LOGS --out FOLDER`" in text
    assert "A drawing of the rule at work takes the curves" in text
    assert "How many tuning jobs run in a month was not told." in text


def other_input(document: dict[str, Any]) -> None:
    document["inputs"] = [{**INPUTS[0], "sha256": "1" * 64, "path": "elsewhere"}]


def other_rule(document: dict[str, Any]) -> None:
    document["rule"]["parameters"]["min_peers"] = 7


def other_studies(document: dict[str, Any]) -> None:
    document["studies"][0]["study"] = "another"


def without_the_rule(document: dict[str, Any]) -> None:
    for entry in document["rules"]:
        entry["parameters"]["min_peers"] = 7


@pytest.mark.parametrize(
    ("of", "change", "told"),
    [
        ("estimate", other_input, "the estimate was made of other logs than the replay, by the "
         "SHA-256 of what was read: logs/<i> only in the replay; elsewhere only in the estimate"),
        ("estimate", other_rule, "the estimate is of another rule: it differs in min_peers"),
        ("estimate", lambda d: d.update(esim="0.0.9"), "different versions of esim: "),
        ("estimate", lambda d: d.update(final="best"), "the estimate takes the best value as "
         "final, the replay the last one"),
        ("estimate", lambda d: d["costs"].update(startup_s=9.0), "the estimate assumes other "
         "costs than the replay: startup"),
        ("estimate", other_studies, "the estimate is of 1 study and the replay of 1"),
        ("compare", without_the_rule, "sagemaker is not among the rules of the comparison"),
    ],
)  # fmt: skip
def test_results_that_do_not_belong_together_are_named_first(
    results: dict[str, Path],
    tmp_path: Path,
    of: str,
    change: Callable[[dict[str, Any]], object],
    told: str,
) -> None:
    other = changed(results[of], tmp_path / "other.json", change)
    page = read_decision([*(path for kind, path in results.items() if kind != of), other])[0]
    assert told in page.doubts[0].text
    assert sum(told in doubt.text for doubt in page.doubts) == 1
    assert told in sections(page)["provenance"].parts[0].text  # type: ignore[union-attr]


def test_a_price_that_one_result_lacks_is_no_contradiction(
    results: dict[str, Path], tmp_path: Path
) -> None:
    def unpriced(document: dict[str, Any]) -> None:
        document["settings"]["costs"]["price"] = None

    other = changed(results["compare"], tmp_path / "unpriced.json", unpriced)
    page = read_decision([results["replay"], results["estimate"], other])[0]
    assert "They belong together" in sections(page)["provenance"].parts[0].text  # type: ignore[union-attr]


def test_doubts_are_merged_the_gravest_of_each_first(page: Page, results: dict[str, Path]) -> None:
    replay = json.loads((results["replay"] / "result.json").read_text(encoding="utf-8"))
    estimate = json.loads(results["estimate"].read_text(encoding="utf-8"))
    first = replay["studies"][0]["warnings"][0], estimate["warnings"][0]
    assert [d.text for d in page.doubts[:2]] == [one["text"] for one in first]
    codes = [(d.code, d.where.split(";")[0]) for d in page.doubts]
    by_code: dict[str, set[str]] = {}
    for code, kind in codes:
        by_code.setdefault(code, set()).add(kind)
    assert all(len(kinds) == 1 for kinds in by_code.values())
    every = {w["code"] for w in (*replay["studies"][0]["warnings"], *estimate["warnings"])}
    assert every <= by_code.keys()


def test_a_month_and_a_year_by_hand() -> None:
    """Two trials; the worse of them is stopped at its first report of three.

    A job runs 3 + 3 steps of 10 s. Under the rule the second ends after 1 step: 2 steps of 6 and
    20 s of 60 s are saved. At 3.6 an instance-hour a second is 0.001: 0.02 a job, 2 a month of 100
    jobs, 24 a year.
    """
    study = esim.Study.from_arrays(
        [[3, 2, 1], [9, 9, 9]], "minimize", elapsed=[[10.0, 20.0, 30.0]] * 2,
        start=[0.0, 30.0], end=[30.0, 60.0],
    )  # fmt: skip
    result = esim.replay(study, costs=Costs(price=3.6))
    found = replay_projection([result, result])
    assert found is not None and (found.unit, found.priced) == ("USD", True)
    assert found.saved.mean == pytest.approx(0.02)
    assert found.lost == PerJob(0.0)
    assert found.saved.times(100).mean == pytest.approx(2.0)
    hours = replay_projection([esim.replay(study)])
    assert hours is not None and (hours.unit, hours.priced) == ("instance-hours", False)
    assert hours.saved.mean == pytest.approx(20 / 3600)
    steps = replay_projection([esim.replay(esim.Study.from_arrays([[3, 2, 1], [9, 9, 9]],
                                                                  "minimize"))])  # fmt: skip
    assert steps is not None and (steps.unit, steps.saved.mean) == ("steps", 2.0)
    assert replay_projection([]) is None
    assert PerJob(2.0, 1.0, None).times(12) == PerJob(24.0, 12.0, None)


def test_a_history_and_its_certificate(tmp_path: Path) -> None:
    """Two studies of 20 and 30 steps run 30 in all: 10 saved a job, 100 a month of ten jobs."""
    totals = {"studies": 2, "trials": 8, "trials_stopped": 4, "best_trials_stopped": 1,
              "steps_recorded": 50, "steps_run": 30, "steps_saved_fraction": 0.4}  # fmt: skip
    history = HistoryReplay(
        inputs=tuple(INPUTS),
        rule=RecordedRule.of(esim.rule("sagemaker")),
        clock=AskedClock(None, 1),
        costs=Costs(),
        final="last",
        studies=2,
        totals=TOTALS | totals,
        spread={},
        failures={},
        warnings={"few_trials": 2, "winner_stopped": 1},
    )
    found = history_projection(history)
    assert found == Projection(PerJob(10.0), "steps", False, PerJob(0.5))
    past = [esim.Study.from_arrays([[x + i] * 3 for x in (1, 2, 3)], "minimize", name=f"job-{i}")
            for i in range(6)]  # fmt: skip
    certificate = esim.certify(past, ["sagemaker"], risk=0.3, confidence=0.8)
    paths = [tmp_path / "certificate.json", tmp_path / "history.json"]
    for path, document in zip(paths, (certificate, history), strict=True):
        path.write_text(document.to_json(), encoding="utf-8")
    page = read_decision(paths, jobs_per_month=10)[0]
    assert "the certificate was made of other logs than the replay" in page.doubts[0].text
    assert not any("does not certify" in doubt.text for doubt in page.doubts)
    assert {"certificate", "past"} <= sections(page).keys()
    assert page.tiles[-1].value == "100 steps"
    document = json.loads(paths[1].read_text(encoding="utf-8"))
    other_rule(document)
    paths[1].write_text(json.dumps(document), encoding="utf-8")
    told = [doubt.text for doubt in read_decision(paths)[0].doubts]
    assert "the certificate does not certify sagemaker as it is set here" in told


def test_large_amounts_are_written_out() -> None:
    steps = Projection(PerJob(1.0), "steps", False, None)
    assert amount_words(119_868.0, steps) == "119,900 steps"
    assert amount_words(12.3456, steps) == "12.35 steps"
    assert amount_words(1234.5, Projection(PerJob(1.0), "USD", True, None)) == "1,234.50 USD"


def test_the_projection_is_that_of_the_forecast(page: Page, results: dict[str, Path]) -> None:
    document = json.loads(results["estimate"].read_text(encoding="utf-8"))
    saved = document["quantities"]["cost_saved"]
    table = tables(page)["projection"]
    at = {column.key: i for i, column in enumerate(table.columns)}
    for row, jobs in zip(table.rows, (1, 200, 2400), strict=True):
        assert row[at["jobs"]] == jobs
        assert row[at["saved"]] == pytest.approx(jobs * saved["mean"], rel=1e-3)
        assert row[at["low"]] == pytest.approx(jobs * saved["low"], rel=1e-3)
        lost = jobs * (1 - document["probability_best_kept"])
        assert row[at["lost"]] == pytest.approx(lost, rel=1e-3, abs=1e-12)
    assert page.tiles[-1].label == "saved in a month"
    assert page.tiles[-1].value == f"{200 * saved['mean']:,.2f} USD"


def test_names_from_logs_stay_text(page: Page) -> None:
    few = replace(page, sections=[s for s in page.sections if s.id not in ("past", "next")])
    root = parsed(html(few))  # the figures of both are those of their own pages
    assert not [e for e in root.iter() if local(e) in ("img", "b", "link", "iframe", "form")]
    for element in root.iter():
        for key, value in element.attrib.items():
            if str(key).rpartition("}")[2] in ("href", "src"):
                assert value.startswith(("#", "data:image/png;base64,"))
    assert "<b>study</b>" in "".join(root.itertext())
    ids = [e.get("id") for e in root.iter() if e.get("id")]
    assert len(ids) == len(set(ids))
    assert pdf(replace(page, sections=page.sections[:1])).startswith(b"%PDF")


def test_title_note_and_date_are_the_users(results: dict[str, Path], tmp_path: Path) -> None:
    said = ["--title", "Shall <we>?", "--note", "No **harm** meant", "--date", "2026-05-17"]
    paths = [str(path) for path in results.values()]
    out = [str(tmp_path / f"d.{end}") for end in ("md", "json")]
    run = CliRunner().invoke(
        app, ["report", *paths, *said, *itertools.chain(*(("--out", o) for o in out))]
    )
    assert run.exit_code == 0, run.output
    lines = Path(out[0]).read_text(encoding="utf-8")
    assert r"# Shall \<we\>?" in lines and r"No \*\*harm\*\* meant" in lines
    document = json.loads(Path(out[1]).read_text(encoding="utf-8"))
    assert (document["date"], document["note"]) == ("2026-05-17", "No **harm** meant")
    bare = Page("Shall <we>?", "of it", ("Yes.",), (), (), (), "", "No <harm> meant", "2026-05-17")
    text = "".join(parsed(html(bare)).itertext())
    assert "Shall <we>?" in text and "No <harm> meant" in text and "Date: 2026-05-17" in text


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--date", "yesterday"], "is no date"),
        (["--jobs-per-month", "0"], "cannot be 0"),
        (["--jobs-per-month", "nan"], "cannot be nan"),
    ],
)
def test_what_has_no_meaning_is_refused(
    results: dict[str, Path], words: list[str], told: str
) -> None:
    paths = [str(path) for path in results.values()]
    run = CliRunner().invoke(app, ["report", *paths, *words])
    assert run.exit_code == 2 and told in " ".join(run.output.split())
    one = CliRunner().invoke(app, ["report", paths[0], "--jobs-per-month", "9"])
    assert one.exit_code == 2 and "of several results" in " ".join(one.output.split())


def test_no_result_is_written_over(results: dict[str, Path]) -> None:
    before = results["estimate"].read_bytes()
    run = CliRunner().invoke(
        app, ["report", *map(str, results.values()), "--out", str(results["estimate"])]
    )
    assert run.exit_code == 1 and results["estimate"].read_bytes() == before


def test_a_page_without_a_date_takes_that_of_the_newest_trial(tmp_path: Path) -> None:
    """1,700,000,000 s since 1970 is the evening of 2023-11-14 UTC; the last job ends a day on."""
    start = np.array([1.7e9, 1.7e9 + 86400 - 60])
    study = esim.Study.from_arrays(
        [[3, 2], [4, 3]], "minimize", elapsed=[[10.0, 20.0]] * 2, start=start, end=start + 60
    )
    page = read_decision([result_folder(tmp_path / "dated", study)])[0]
    assert page.date == "newest recorded trial of 2023-11-15 (UTC)"
    zero = esim.Study.from_arrays([[3, 2], [4, 3]], "minimize")
    assert read_decision([result_folder(tmp_path / "undated", zero)])[0].date == ""


def test_the_words_are_those_of_the_glossary() -> None:
    text = (ROOT / "docs/glossary.md").read_text(encoding="utf-8")
    for word, meaning in WORDS.items():
        assert f"| {word} | {meaning} |" in text, word
    assert [word for word, _ in used_words(["Two studies, a rungless PEER."])] == ["study", "peer"]
    assert "](" not in "".join(meaning for _, meaning in used_words(WORDS))


def test_a_rule_in_two_sentences() -> None:
    assert rule_sentences(esim.rule("sagemaker"))[1] == (
        "Its earliest stop: the first report, as soon as one trial has ended."
    )
    assert rule_sentences(esim.rule("sagemaker", min_peers=5))[1] == "Changed: min_peers=5."
    mine = rule_sentences(esim.Rule("mine", "a paper", strict=False))
    assert mine == (
        "mine is a rule of your own (a paper).", "It differs from the plain rule by strict=false."
    )  # fmt: skip


def test_how_to_switch_on_a_rule_of_another_system() -> None:
    """Its own parameters, by the names that its system gives them."""
    told = list(switching_on(esim.rule("synetune-asha", max_steps=0, min_peers=2), (), None))
    lines = next(lines for _, lines in told if lines)
    assert {"max_t=0", "grace_period=1", "reduction_factor=3"} <= set(lines)
    assert told[-1][0] == "Syne Tune has no parameter for min_peers=2."
    assert "no system runs" in next(switching_on(esim.rule("none"), (), None))[0]
    until = RecordedJobRule.of(job_rule("max-jobs=9"))
    ending = list(switching_on(esim.rule("none"), [until], ("job", "loss", "minimize")))[-1]
    assert ending[0].startswith("To have SageMaker end")
