"""Two replays against each other: which studies differ, and by what."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from matplotlib.figure import Figure
from typer.testing import CliRunner

import esim
from esim.analyses.diff import diff
from esim.analyses.history import replay_history as many
from esim.assumptions import Costs
from esim.cli import app
from esim.report.differing import difference_answer, most_changed
from esim.report.figures.difference_figures import changes_info, draw_changes
from esim.report.formats.html import html
from esim.report.formats.markdown import markdown
from esim.results.difference import Difference
from esim.results.replay import ReplayDocument
from esim.results.saved import read_result
from esim.rules import rule
from esim.storage.history import Location
from esim.storage.history.write import Input, append
from esim.study import Study
from tests.report.pages import EVIL, local, page_of, parsed

SETTINGS = many.ReplaySettings(rule("sagemaker"), costs=Costs(price=2.0))


def study(name: str, seed: int) -> Study:
    values = np.random.default_rng(seed).lognormal(size=(8, 5)) / np.arange(1, 6)
    start = np.arange(8.0)
    return Study.from_arrays(values, "minimize", name=name, elapsed=np.arange(1.0, 6.0),
                             start=start, end=start + 5)  # fmt: skip


STUDIES = {name: study(name, i) for i, name in enumerate(("a", "b", "c", *EVIL[:3]))}


def replayed(folder: Path, settings: many.ReplaySettings = SETTINGS, **studies: Study) -> Path:
    """The replay of a history of these studies beside those above."""
    every = [one for one in {**STUDIES, **studies}.values() if one is not None]
    history = append(Location(str(folder / "h")), [Input("in", "0", "t", every)], None)
    many.replay_history(history, settings, out=folder / "out", jobs=1)
    return folder / "out"


def difference(old: Path, new: Path) -> Difference:
    found = diff(read_result(old), read_result(new))
    assert Difference.from_dict(json.loads(found.to_json())) == found
    return found


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return replayed(tmp_path_factory.mktemp("old"))


def test_nothing_differs(old: Path) -> None:
    found = difference(old, old)
    assert (found.settings, found.changed, found.unchanged) == ((), (), len(STUDIES))
    assert (
        list(difference_answer(found))[-1] == "Nothing has changed in the 6 studies that both have."
    )


def test_other_data_and_other_studies(old: Path, tmp_path: Path) -> None:
    # Twice the values: nothing that is saved or lost moves with them.
    silent = dataclasses.replace(STUDIES["a"], values=STUDIES["a"].values * 2.0)
    other: dict[str, Any] = {"a": silent, "b": study("b", 77), "d": study("d", 8), "c": None}
    new = replayed(tmp_path, **other)
    found = difference(old, new)
    assert {one.study: one.why for one in found.changed} == {"a": ("data",), "b": ("data",)}
    assert found.changed[0].old == dataclasses.replace(
        found.changed[0].new,  # type: ignore[type-var]
        degradation_normalized=found.changed[0].old.degradation_normalized,  # type: ignore[union-attr]
    )
    assert (found.only_old, found.only_new, found.unchanged) == (("c",), ("d",), 3)
    before, after = (
        {row["study"]: row for row in pq.read_table(path / "studies.parquet").to_pylist()}
        for path in (old, new)
    )
    both = [name for name in before if name in after]
    for side, rows in ((found.old, before), (found.new, after)):
        assert side.in_both is not None
        assert side.in_both["steps_run"] == sum(rows[name]["steps_run"] for name in both)
        assert side.totals["steps_run"] == sum(row["steps_run"] for row in rows.values())
    lost = [sum(row["best_trial_stopped"] for row in rows.values()) for rows in (before, after)]
    told = f"best trials lost {lost[0]} -> {lost[1]}, of 6 studies."
    assert told in next(iter(difference_answer(found)))


@pytest.mark.parametrize(
    ("changed", "names", "cause"),
    [
        ({"rule": rule("sagemaker", min_peers=3)}, ["min_peers"], "rule"),
        ({"costs": Costs(price=3.0)}, ["price"], "costs"),
        ({"clock": "order"}, ["clock"], "clock"),
        ({"final": "best"}, ["final"], "final value"),
    ],
)
def test_another_setting(
    old: Path, tmp_path: Path, changed: dict[str, Any], names: list[str], cause: str
) -> None:
    found = difference(old, replayed(tmp_path, dataclasses.replace(SETTINGS, **changed)))
    assert [one.name for one in found.settings] == names
    assert found.changed and {one.why for one in found.changed} == {(cause,)}


def edited(old: Path, folder: Path, version: str) -> Path:
    """The same replay with another number in one study, written by another version."""
    shutil.copytree(old, folder)
    document = json.loads((folder / "result.json").read_text())
    (folder / "result.json").write_text(json.dumps({**document, "esim": version}))
    table = pq.read_table(folder / "studies.parquet")
    run = table["steps_run"].to_pylist()
    at = table.column_names.index("steps_run")
    pq.write_table(
        table.set_column(at, "steps_run", pa.array([run[0] - 1, *run[1:]])),
        folder / "studies.parquet",
    )
    return folder


def test_a_version_is_named_if_nothing_else_differs(old: Path, tmp_path: Path) -> None:
    found = difference(old, edited(old, tmp_path / "n", "99.0"))
    assert [(one.study, one.why) for one in found.changed] == [
        (next(iter(sorted(STUDIES))), ("version",))
    ]
    found = difference(old, edited(old, tmp_path / "m", esim.__version__))
    assert [one.why for one in found.changed] == [("unknown",)]


def test_a_failure_is_told(old: Path, tmp_path: Path) -> None:
    timeless = dataclasses.replace(STUDIES["a"], elapsed=None)
    recorded = dataclasses.replace(SETTINGS, clock="recorded")
    found = difference(old, replayed(tmp_path, recorded, a=timeless))
    (one,) = (one for one in found.changed if one.study == "a")
    assert one.why == ("failure", "data") and one.new is None


def test_documents_of_replays(old: Path, tmp_path: Path) -> None:
    path = tmp_path / "replay.json"
    results = [esim.replay(one, costs=SETTINGS.costs) for one in STUDIES.values()]
    path.write_text(ReplayDocument(tuple(results)).to_json())
    found = difference(old, path)
    assert (found.settings[0].name, found.changed, found.untold) == ("clock", (), len(STUDIES))
    values = STUDIES["a"].values.copy()
    values[4] += 1e-9  # the last value of the first trial
    results[0] = esim.replay(dataclasses.replace(STUDIES["a"], values=values), costs=SETTINGS.costs)
    other = tmp_path / "other.json"
    other.write_text(ReplayDocument(tuple(results)).to_json())
    assert [(one.study, one.why) for one in difference(path, other).changed] == [("a", ("data",))]


def test_without_tables_only_totals_are_compared(old: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone.json"
    shutil.copy(old / "result.json", alone)
    found = difference(old, alone)
    assert not found.by_study and found.in_both == 0
    assert "cannot be compared" in [*difference_answer(found)][1]


def test_what_is_shown(old: Path, tmp_path: Path) -> None:
    new = replayed(tmp_path, dataclasses.replace(SETTINGS, rule=rule("sagemaker", min_peers=3)))
    run = CliRunner().invoke(app, ["diff", str(old), str(new), "--out", str(tmp_path / "d")])
    assert run.exit_code == 0, run.output
    assert "min_peers" in run.output and "by the rule" in run.output
    assert (tmp_path / "d" / "figures" / "changes.svg").is_file()
    found = Difference.from_dict(json.loads((tmp_path / "d" / "result.json").read_text()))
    page = page_of(tmp_path / "d")
    tables = {table.name: table for table in page.tables()}
    assert [row[0] for row in tables["changed"].rows] == [o.study for o in most_changed(found)]
    root = parsed(html(page))
    assert not [e for e in root.iter() if local(e) == "img"]
    assert "<script" not in markdown(page).replace("\\<script", "")
    info = changes_info(found)
    assert sum(map(len, info.now.values())) == len(found.changed)
    axes = Figure().subplots()
    assert draw_changes(info, axes) is axes
    refused = CliRunner().invoke(app, ["diff", str(old), str(tmp_path / "d")])
    assert refused.exit_code == 1
    assert "is no replay" in str(refused.exception)
