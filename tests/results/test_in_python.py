"""Results in Python: what they say they are, what they write, and the figures they draw."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pytest
from matplotlib.figure import Figure
from typer.testing import CliRunner

import esim
from esim.cli import app
from esim.results.replay import ReplayDocument
from esim.results.saved import read_result, replay_document
from tests.paths import DATA

STUDY = DATA / "image_digits"


@pytest.fixture(autouse=True)
def _no_window() -> Iterator[None]:
    plt.switch_backend("agg")
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def study() -> esim.Study:
    return esim.read_study(STUDY)


@pytest.fixture(scope="module")
def results(study: esim.Study) -> dict[str, Any]:
    past = [
        esim.Study.from_arrays([[x + i] * 3 for x in (1, 2, 3)], "min", name=f"job-{i}")
        for i in range(7)
    ]
    certificate = esim.certify(past[:5], ["sagemaker"], risk="30%", confidence="80%")
    few = esim.Study.from_arrays([[9 - i % 3, 8 - i % 4, 7 - i % 5] for i in range(8)], "min")
    return {
        "replay": esim.replay(few),
        "compare": esim.compare(few, ["sagemaker"], orders=2),
        "estimate": esim.estimate(few, replicates=100),
        "certify": certificate,
        "watch": esim.watch(certificate, past),
    }


def test_all_say_in_three_short_lines_what_they_are(
    study: esim.Study, results: dict[str, Any]
) -> None:
    replayed = esim.replay(study)
    others = [replayed, esim.check(study), results["estimate"].document(), ReplayDocument(())]
    for one in (study, *results.values(), *others):
        lines = repr(one).splitlines()
        assert 1 <= len(lines) <= 3 and max(map(len, lines)) <= 113, one
        assert lines[0].startswith(f"<{type(one).__name__}") and lines[-1].endswith(">")
    assert repr(replayed) == (
        "<ReplayResult of 'image-digits': rule sagemaker, clock recorded; 16 of 20 trials stopped\n"
        " saved: 63.5 % of the steps, 62.2 % of the training seconds; the best value is kept\n"
        ' .summary .trials .decisions .plot.curves() .report("r.html") .save("folder")>'
    )
    assert len(repr(replayed.summary)) < 300
    harmful = esim.Study.from_arrays([[1.0]], "min", name="\x1b[31m" + "n" * 500)
    assert "\x1b" not in repr(harmful) and len(repr(harmful)) < 200


@pytest.mark.parametrize("name", ["replay", "compare", "estimate", "certify", "watch"])
def test_a_result_is_saved_and_reported(results: dict[str, Any], name: str, tmp_path: Path) -> None:
    result = results[name]
    result.save(tmp_path / "out")
    saved = json.loads((tmp_path / "out" / "result.json").read_text())
    assert saved == json.loads(result.to_json())
    assert list((tmp_path / "out" / "figures").glob("*.svg"))
    result.report(tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    told = CliRunner().invoke(app, ["report", str(tmp_path / "out")])
    assert told.exit_code == 0, told.output
    assert page == (tmp_path / "out" / "report.html").read_text()
    with pytest.raises(esim.EsimError, match=r"cannot tell from 'page\.txt'"):
        result.report(tmp_path / "page.txt")
    (tmp_path / "out" / "report.html").write_text("a person's")
    with pytest.raises(esim.EsimError, match=r"report\.html"):
        result.save(tmp_path / "out")


def test_figures_take_axes_and_return_them(results: dict[str, Any]) -> None:
    for result in results.values():
        for name in result.plot.names():
            axes = Figure().subplots()
            assert result.plot.draw(name, axes) is axes and axes.has_data(), name
    plot = results["replay"].plot
    for method in (plot.curves, plot.saved, plot.finals, plot.threshold, plot.stops):
        axes = Figure().subplots()
        assert method(axes) is axes
    new = plot.curves()
    assert new.figure is plt.gcf() and new.figure.legends
    for drawn in (
        results["compare"].plot.front(), results["estimate"].plot.forecast(),
        results["certify"].plot.sequence(), results["watch"].plot.wealth(),
    ):  # fmt: skip
        assert drawn.has_data()
    with pytest.raises(esim.EsimError, match="no figure 'readings'"):
        plot.readings()
    assert "curves" in repr(plot)


def test_hyperparameters_stand_beside_the_trials(study: esim.Study) -> None:
    frame = esim.replay(study).trials
    assert [name for name in frame if name.startswith("config.")] == [
        f"config.{name}" for name in study.config
    ]
    assert frame["config.optimizer"].tolist() == list(study.config["optimizer"])
    assert "config.optimizer" not in frame.iloc[:, :20]


def test_the_summary_as_a_table_has_every_key(results: dict[str, Any]) -> None:
    summary = results["replay"].summary
    row = summary.to_frame().iloc[0].to_dict()
    assert row["best"] == summary.best.trial and row["best_value"] == summary.best.value
    for key, value in summary.to_dict().items():
        if not isinstance(value, (dict, tuple, type(None))):
            assert row[key] == value, key
        else:
            assert any(name.startswith(key) for name in row), key


def test_a_replay_read_from_a_file_keeps_no_study(results: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text(results["replay"].to_json())
    (again,) = replay_document(read_result(tmp_path / "r.json")).studies
    assert again.recorded is None and again.to_json() == results["replay"].to_json()
    assert not any(name.startswith("config.") for name in again.trials)
    with pytest.raises(esim.EsimError, match="not at hand"):
        again.save(tmp_path / "other")


def test_who_calls_the_package_report_is_told_what_does_it() -> None:
    with pytest.raises(TypeError, match=r'result\.report\("report\.html"\)'):
        esim.report(1)
    assert set(esim.__all__) <= set(dir(esim)) and "importlib" not in dir(esim)
