"""The report of a replayed history: its numbers, figures, months, worst studies, hostile names."""

from __future__ import annotations

import dataclasses
import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from matplotlib.figure import Figure
from typer.testing import CliRunner

import esim
from esim.analyses.history import replay_history as many
from esim.assumptions import Costs
from esim.cli import app
from esim.report.figures.history_figures import (
    draw_losses,
    draw_parts,
    draw_savings,
    losses_info,
    parts_info,
    savings_info,
)
from esim.report.formats.csv_and_json import csv_of
from esim.report.formats.html import html
from esim.report.formats.markdown import markdown
from esim.report.pages.document import read_page
from esim.report.replayed_history import command_for, doubt_words, gravest_first, worst_first
from esim.results.history import Breakdown
from esim.results.replay import TOTALED
from esim.results.replayed_studies import replayed_studies
from esim.results.saved import read_result
from esim.rules import rule
from esim.simulator import caveats
from esim.storage.history import History, Location
from esim.storage.history.write import Input, append
from esim.study import Study
from tests.report.pages import EVIL, local, page_of, parsed

MAY = 1714521600.0  # 2024-05-01T00:00Z
NAMES = (*EVIL, *(f"plain {i}" for i in range(4)))
SETTINGS = many.ReplaySettings(rule("sagemaker", min_reports=2), costs=Costs(price=3600.0))


def study(name: str, i: int) -> Study:
    """Every second one has times; they begin in May and in June."""
    values = np.random.default_rng(i).lognormal(size=(6, 4))
    times: dict[str, Any] = {}
    if i % 2:
        start = MAY + 86400.0 * 20 * (i % 3) + np.arange(6.0)
        times = {"elapsed": np.arange(1.0, 5.0), "start": start, "end": start + 4}
    return Study.from_arrays(values, "minimize", name=name, **times)


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("history")
    every = [study(name, i) for i, name in enumerate(NAMES)]
    inputs = [
        Input("a", "0", "table", every[:9]),
        Input("b", "0", "table", every[9:], "<i>team</i>"),
    ]
    history = append(Location(str(folder / "h")), inputs, None)
    many.replay_history(history, SETTINGS, out=folder / "out", jobs=1)
    return folder / "out"


def test_the_page_says_what_the_table_says(replayed: Path) -> None:
    page = page_of(replayed)
    rows = {row["study"]: row for row in pq.read_table(replayed / "studies.parquet").to_pylist()}
    tables = {table.name: table for table in page.tables()}
    every = tables["studies"]
    keys = [column.key for column in every.columns]
    assert len(every.rows) == len(rows) == len(NAMES)
    for cells in every.rows:
        shown = dict(zip(keys, cells, strict=True))
        row = rows[shown["study"]]
        for key in ("trials_stopped", "steps_saved_fraction", "best_trial_stopped", "best_rank"):
            assert shown[key] == row[key]
        known = row["cost"] is not None
        assert shown["cost_saved"] == (row["cost_recorded"] - row["cost"] if known else None)
    worst = tables["worst"].rows
    losses = [row["degradation_normalized"] for row in rows.values()]
    assert [cells[6] for cells in worst] == sorted((x for x in losses if x > 0), reverse=True)
    lost = sum(row["best_trial_stopped"] for row in rows.values())
    assert page.tiles[-1].value == f"{lost} of {len(NAMES)}"
    saved = sum(row["cost_recorded"] - row["cost"] for row in rows.values() if row["cost"])
    assert page.tiles[2].value == f"{saved:,.2f} USD"
    assert f"in the {len(NAMES) // 2} studies where it is known" in page.tiles[2].note


def test_months_and_groups_add_up(replayed: Path) -> None:
    tables = {table.name: table for table in page_of(replayed).tables()}
    rows = pq.read_table(replayed / "studies.parquet").to_pylist()
    for name in ("by-month", "by-group"):
        assert sum(row[1] for row in tables[name].rows) == len(rows)  # type: ignore[misc, arg-type]
        stopped = sum(row[3] for row in tables[name].rows)  # type: ignore[misc, arg-type]
        assert stopped == sum(row["trials_stopped"] for row in rows)
    months = [row[0] for row in tables["by-month"].rows]
    assert months == ["2024-05", "2024-06", "no date"]
    assert [row[0] for row in tables["by-group"].rows] == ["<i>team</i>", "a"]
    csv = csv_of(read_page(replayed)[0], "by-month").splitlines()
    assert csv[0].startswith("month,studies,trials,trials_stopped,steps_saved_fraction")


def test_names_from_logs_are_harmless(replayed: Path) -> None:
    page = page_of(replayed)
    root = parsed(html(page))
    assert not [e for e in root.iter() if local(e) == "img"]
    assert len([e for e in root.iter() if local(e) == "svg"]) == 4
    assert "<script" not in markdown(page).replace("\\<script", "")


def test_without_the_table_the_page_says_what_is_missing(replayed: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone.json"
    alone.write_bytes((replayed / "result.json").read_bytes())
    page = page_of(alone)
    missing = [p for s in page.sections for p in s.parts if p.kind == "missing"]
    assert len(missing) == 2
    assert next(table.name for table in page.tables()) == "spread"
    html(page)
    with pytest.raises(esim.EsimError, match=r"no study in full\n  fix: esim replay .* --study x"):
        page_of(alone, studies=["x"])


def test_a_table_of_an_earlier_version_is_read(replayed: Path, tmp_path: Path) -> None:
    later = ["first_start", "last_end", "group", "digest", "trials_cut"]
    (tmp_path / "result.json").write_bytes((replayed / "result.json").read_bytes())
    table = pq.read_table(replayed / "studies.parquet")
    pq.write_table(table.drop_columns(later), tmp_path / "studies.parquet")
    found = replayed_studies(read_result(tmp_path))
    now = replayed_studies(read_result(replayed))
    assert found is not None and now is not None
    none = dict.fromkeys(later[:4])
    assert found == tuple(dataclasses.replace(one, **none) for one in now)
    assert "by-month" not in [table.name for table in page_of(tmp_path).tables()]
    pq.write_table(table.drop_columns(["steps_run"]), tmp_path / "studies.parquet")
    with pytest.raises(esim.EsimError, match="column 'steps_run'"):
        replayed_studies(read_result(tmp_path))


def test_the_command_shows_the_study_as_it_was_replayed(replayed: Path, tmp_path: Path) -> None:
    source = read_result(replayed)
    result = many.HistoryReplay.from_dict(source.document)
    rows = replayed_studies(source)
    assert rows is not None
    one = worst_first(rows)[0]
    words = shlex.split(command_for(result, one.study))
    assert words[5:] == ["--set", "min_reports=2", "--price", "3600"]
    shown = CliRunner().invoke(app, [*words[1:], "--json"])
    summary = json.loads(shown.stdout)["studies"][0]["summary"]
    assert one.summary is not None
    assert summary == json.loads(json.dumps(one.summary.to_dict()))
    assert one.summary.best_recorded is not None
    explained = shlex.split(command_for(result, one.study, one.summary.best_recorded.trial))
    assert CliRunner().invoke(app, explained[1:]).exit_code == 0


def test_every_caveat_has_words() -> None:
    codes = [code for code, _ in caveats._CHECKS] + list(caveats._NOTES)
    assert [code for code in codes if doubt_words(code) == code] == []
    assert doubt_words("of_another_version") == "of_another_version"


def test_what_the_figures_draw(replayed: Path) -> None:
    rows = replayed_studies(read_result(replayed))
    assert rows is not None
    base = rows[0].summary
    assert base is not None
    saved, lost, loss = (0.12, 0.13, 0.99, None), (True, False, True, True), (0.5, -1.0, 2.0, None)
    some = [
        dataclasses.replace(
            base, steps_saved_fraction=s, best_trial_stopped=b, degradation_normalized=d
        )
        for s, b, d in zip(saved, lost, loss, strict=True)
    ]
    info = savings_info(some)  # 0.12 and 0.13 lie in the third bin of a twentieth, 0.99 in the last
    assert np.flatnonzero(info.kept).tolist() == [2]
    assert np.flatnonzero(info.lost).tolist() == [2, 19]
    assert info.median == 0.13
    losses = losses_info(some)
    assert losses.losses.tolist() == [0.5, 2.0] and losses.studies == 3
    assert (losses.end, losses.beyond) == (pytest.approx(1.985), 1)  # 0.5 + 0.99 x 1.5
    unbounded = [dataclasses.replace(base, degradation_normalized=d) for d in (0.5, np.inf)]
    without_end = losses_info(unbounded)
    assert (without_end.end, without_end.beyond) == (0.5, 1)
    columns = {key: [getattr(base, key)] * 3 for key in TOTALED}
    parts = parts_info(Breakdown.of("month", ["2024-05", "2024-05", None], columns))
    assert parts.names == ("2024-05",)
    assert parts.unit == "steps"  # the study has no times
    assert parts.recorded.tolist() == [2 * base.steps_recorded]
    for draw, drawn in (
        (draw_savings, info),
        (draw_losses, losses),
        (draw_losses, without_end),
        (draw_parts, parts),
    ):
        axes = Figure().subplots()
        assert draw(drawn, axes) is axes  # type: ignore[arg-type]


def test_a_report_beside_the_result_is_replaced_with_it(tmp_path: Path) -> None:
    history = append(Location(str(tmp_path / "h")), [Input("a", "0", "t", [study("s", 1)])], None)
    for _ in range(2):
        many.replay_history(history, SETTINGS, out=tmp_path / "out", jobs=1)
        assert CliRunner().invoke(app, ["report", str(tmp_path / "out")]).exit_code == 0
        assert (tmp_path / "out" / "report.html").is_file()
    assert History.open(str(tmp_path / "h")) is not None


def test_the_gravest_doubt_stands_first() -> None:
    codes = ["of a later version", "few_trials", "winner_stopped"]
    assert gravest_first(codes) == ["winner_stopped", "few_trials", "of a later version"]
