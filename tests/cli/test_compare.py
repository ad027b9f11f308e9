"""`esim compare`: what it prints and writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

import esim
from esim import Study
from esim.report.figures.comparison_figures import (
    draw_workers,
    front_info,
    orders_info,
    workers_info,
)
from esim.report.figures.figure_lists import comparison_plots
from esim.report.figures.labelled_rows import draw_rows
from esim.report.figures.pareto_front import draw_front
from esim.report.files import write_comparison
from esim.results.comparison.comparison import Comparison
from tests.analyses.test_compare import RULES, walks
from tests.cli.test_cli import DATA, run

TINY = [str(DATA / "tiny" / "sagemaker"), "--rules", "sagemaker", "--orders", "4"]
IMAGE = [str(DATA / "image_digits"), "--rules", "sagemaker", "--orders", "10"]


def test_the_answer_comes_first() -> None:
    out = run("compare", *IMAGE, "--grid", "min_reports=1,6").output
    lines = [line for line in out.splitlines() if line.strip()]
    assert lines[1].startswith("Within a mean loss of 5.0 %, sagemaker")
    assert "sagemaker[min_reports=6]" in out  # brackets are text, not markup
    assert "10 random launch orders, 2 workers; seed 0" in out
    assert "one study: intervals and tests are about other launch orders" in out
    for workers in ("1 worker", "4 workers", "16 workers"):
        assert workers in out


def test_json_is_the_document_and_nothing_else() -> None:
    out = run("compare", *TINY, "--grid", "own=current,best", "--json", "--seed", "3").stdout
    document = json.loads(out, parse_constant=pytest.fail)
    assert document["schema"] == "esim.compare/1"
    assert document["inputs"][0]["format"] == "sagemaker"
    assert document["settings"]["seed"] == 3
    assert document["settings"]["grid"] == {"own": ["current", "best"]}
    assert Comparison.from_dict(document).to_dict() == document


def test_jobs_change_no_byte_of_the_output() -> None:
    first, second = (run("compare", *TINY, "--json", "--jobs", n).stdout for n in "14")
    assert first == second


def test_a_choice_is_told_in_sample_and_held_out() -> None:
    out = run("compare", *IMAGE, "--choose", "--max-degradation", "0.1").output
    out = " ".join(out.split())
    assert "The choice" in out
    assert "Within a mean loss of 10.0 %, sagemaker saves most" in out
    assert "sagemaker saves most within a mean loss of 10.0 %" in out
    held_out = out.index("Chosen on some halves of the trials and held against the others")
    assert held_out < out.index("On all it was chosen from")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--rules", "sagemakr"], "no rule named 'sagemakr'"),
        (["--grid", "min_reports"], "cannot set 'min_reports'"),
        (["--grid", "min_reports=1,x"], "cannot be 'x'"),
        (["--saved", "effort"], "--saved cannot be 'effort'"),
        (["--saved", "cost"], "needs a price"),
        (["--orders", "1"], "orders"),
        (["--clock", "order", "--workers", "2"], "takes no workers"),
    ],
)
def test_wrong_usage(words: list[str], message: str) -> None:
    assert message in " ".join(run("compare", *TINY[:1], *words, code=2).output.split())


def test_out_writes_the_document_tables_and_figures(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    run("compare", *TINY, "--out", str(folder))
    run("compare", *TINY, "--out", str(folder))  # over its own files
    document = json.loads((folder / "result.json").read_text())
    keys = [r["key"] for r in document["rules"]]
    assert pd.read_parquet(folder / "rules.parquet").rule.tolist() == keys
    assert pd.read_csv(folder / "rules.csv").rule.tolist() == keys
    assert len(pd.read_csv(folder / "studies.csv")) == len(keys)
    names = {p.name for p in (folder / "figures").iterdir()}
    assert {"front.svg", "front.png", "orders.svg", "workers-saved.svg"} <= names


def test_a_name_is_no_formula_no_markup_and_no_escape(tmp_path: Path) -> None:
    odd = '=1+cmd|"/c calc"!A1 [red]\x1b[31m <script>'
    study = Study.from_arrays(
        np.arange(12.0).reshape(4, 3), "minimize", name=odd, names=["-a", "@b", "+c", "=d"]
    )
    found = esim.compare(study, RULES, orders=2)
    write_comparison(tmp_path / "out", found)
    first = pd.read_csv(tmp_path / "out" / "studies.csv")
    shown = odd.replace("\x1b", r"\x1b")
    assert first.study[0] == f"'{shown}"
    assert all(str(t).startswith("'") for t in first.recorded_best)
    assert pd.read_parquet(tmp_path / "out" / "studies.parquet").study[0] == odd
    from rich.console import Console

    from esim.report.terminal.comparison import show_comparison

    console = Console(width=200, record=True)
    show_comparison(found, console)
    text = console.export_text()
    assert "[red]" in text
    assert "\x1b" not in text


# ----------------------------------------------------------------------------------- figures


def compared(**settings: Any) -> Comparison:
    return esim.compare([walks(1), walks(2)], RULES, orders=6, **settings)


def axes() -> Any:
    return Figure().subplots()


def test_the_front_is_drawn_where_it_is() -> None:
    found = compared()
    info = front_info(found)
    at = {p.label: (p.saved, p.loss) for p in info.points}
    assert set(at) == {e.key for e in found.rules}
    assert info.front == tuple(at[key] for key in found.front.rules)
    assert list(info.front) == sorted(info.front)
    assert {p.label for p in info.points if p.named} >= set(found.front.rules)
    assert [p.label for p in info.points if p.strong] == [found.answer.best]
    shown = draw_front(info, axes())
    assert shown.get_xlabel() == "steps saved"
    drawn = {tuple(line.get_xydata()[0]) for line in shown.lines if line.get_marker() == "o"}
    rules = {at[e.key] for e in found.rules if e.role == "rule"}
    assert drawn == rules


def test_order_rows_are_the_contestants_best_first() -> None:
    found = compared()
    info = orders_info(found)
    assert [row.label for row in info.rows] == [e.key for e in found.rules]
    first = found.rules[0].orders
    saved, kept = first.steps_saved_fraction, first.best_kept
    assert saved is not None and kept is not None
    assert (info.rows[0].low, info.rows[0].high) == (saved.q05, saved.q95)
    assert info.rows[0].inner == (saved.q25, saved.q75)
    assert info.rows[0].note == f"{100 * kept.share:.0f} %"
    assert [row.strong for row in info.rows].count(True) == 1
    assert draw_rows(info, axes()).get_xlabel().startswith("steps saved")


def test_worker_lines_are_the_rules() -> None:
    found = compared()
    info = workers_info(found)
    assert {line.label for line in info} == {e.key for e in found.rules if e.role == "rule"}
    assert info[0].workers == (1, 4, 16)
    entry = found.rule(info[0].label)
    assert info[0].saved == tuple(at.saved.mean for at in entry.workers)
    assert info[0].kept == tuple(at.best_kept.share for at in entry.workers)
    for what in ("saved", "kept"):
        assert len(draw_workers(info, axes(), what=what, label="x").lines) == len(info)


def test_figures_of_what_there_is() -> None:
    every = {"front", "orders", "workers-saved", "workers-kept"}
    assert set(comparison_plots(compared())) == every
    lone = Study.from_arrays([[1.0, 2.0]], "minimize")  # no scale: nothing to set against
    assert set(comparison_plots(esim.compare(lone, RULES, orders=2))) == {"orders"}
