"""Histories replayed: as `esim.replay` does it, the same bytes from every engine, nothing lost."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

import esim
from esim.analyses.history import replay_history as many
from esim.analyses.history.replay_history import replay_chunk
from esim.analyses.workers import engines
from esim.assumptions import Costs
from esim.cli import app
from esim.errors import EsimError
from esim.results import tables
from esim.results.replay import BestTrial
from esim.rules import rule
from esim.storage.history import History, Location, layout
from esim.storage.history.write import Input, append
from esim.study import Study

RUN = CliRunner()
SETTINGS = many.ReplaySettings(rule("sagemaker"), costs=Costs(price=2.0))


def studies(n: int) -> list[Study]:
    rng = np.random.default_rng(0)
    made = []
    for i in range(n):
        values = rng.lognormal(size=(6, 1)) / np.arange(1, 6) + 0.1 * rng.standard_normal((6, 5))
        times = {"elapsed": np.arange(1.0, 6.0), "start": np.arange(6.0), "end": np.arange(6.0, 12)}
        made.append(Study.from_arrays(values, "minimize", name=f"s{i}", **(times if i % 2 else {})))
    return made


@pytest.fixture
def history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> History:
    """Seven studies of 30 reports, three to a chunk."""
    monkeypatch.setattr(layout, "ROWS", 90)
    return append(Location(str(tmp_path / "h")), [Input("in", "0", "table", studies(7))], None)


def files(folder: Path) -> dict[str, bytes]:
    found = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def test_each_study_as_replay_does_it(history: History, tmp_path: Path) -> None:
    result = many.replay_history(history, SETTINGS, out=tmp_path / "out", jobs=1)
    rows = pq.read_table(tmp_path / "out" / "studies.parquet").to_pylist()
    trials = pq.read_table(tmp_path / "out" / "trials").to_pylist()
    expected = [esim.replay(one, costs=SETTINGS.costs) for one in studies(7)]
    assert [row["study"] for row in rows] == [f"s{i}" for i in range(7)]
    assert [trial["study"] for trial in trials] == [f"s{i}" for i in range(7) for _ in range(6)]
    assert len(pd.read_parquet(tmp_path / "out" / "trials")) == 42
    for row, one in zip(rows, expected, strict=True):
        summary = json.loads(json.dumps(one.summary.to_dict()))
        assert {key: row[key] for key in summary} == summary
        assert row["clock"] == one.clock.mode
        assert row["warnings"] == [w.code for w in one.warnings]
        its = [
            {k: v for k, v in t.items() if k != "study"} for t in trials if t["study"] == one.study
        ]
        nan = [{k: None if v != v else v for k, v in t.items()} for t in one.columns.rows()]
        assert its == nan
    assert result.totals["trials"] == 42
    assert result.totals["steps_run"] == sum(one.summary.steps_run for one in expected)
    assert result.totals["cost"] is None  # half of the studies have no times
    saved = [one.summary.steps_saved_fraction for one in expected]
    assert result.spread["steps_saved_fraction"]["q50"] == np.quantile(saved, 0.5)
    assert result.spread["cost_saved_fraction"]["studies"] == 3
    assert json.loads((tmp_path / "out" / "result.json").read_text())["studies"] == 7


@pytest.mark.parametrize(("engine", "jobs"), [("local", 2), ("threads", 1), ("threads", 3)])
def test_the_same_bytes_from_every_engine(
    history: History, tmp_path: Path, engine: str, jobs: int
) -> None:
    many.replay_history(history, SETTINGS, out=tmp_path / "a", jobs=1)
    many.replay_history(history, SETTINGS, out=tmp_path / "b", engine=engine, jobs=jobs)
    assert files(tmp_path / "a") == files(tmp_path / "b")
    in_memory = many.replay_history(history, SETTINGS, engine=engine, jobs=jobs)
    again = many.replay_history(history, SETTINGS, jobs=1)
    assert in_memory == again


def test_a_study_that_fails_does_not_stop_the_others(history: History, tmp_path: Path) -> None:
    recorded = many.ReplaySettings(rule("sagemaker"), clock="recorded")
    result = many.replay_history(history, recorded, out=tmp_path / "out", jobs=1)
    assert list(result.failures) == ["s0", "s2", "s4", "s6"]
    assert "cannot be replayed by the recorded clock" in result.failures["s0"]
    assert result.studies == 3
    rows = pq.read_table(tmp_path / "out" / "studies.parquet").to_pylist()
    assert [row["error"] is None for row in rows] == [False, True] * 3 + [False]


def test_a_history_without_studies_has_both_tables(tmp_path: Path) -> None:
    nothing = append(Location(str(tmp_path / "h")), [Input("in", "0", "table", [])], None)
    result = many.replay_history(nothing, SETTINGS, out=tmp_path / "out", jobs=1)
    assert result.studies == 0
    for name, schema in (
        ("studies.parquet", tables.studies_schema()), ("trials", tables.trials_schema())
    ):  # fmt: skip
        table = pq.read_table(tmp_path / "out" / name)
        assert (table.num_rows, table.column_names) == (0, schema.names)


def test_a_broken_study_in_a_chunk_is_named(history: History) -> None:
    class Broken(layout.Chunk):
        def read(self, *, configs: bool = True) -> layout.StoredStudies:
            stored = super().read(configs=configs)
            its = slice(self.entries[1].first_report, self.entries[2].first_report)
            stored.reports["step"][its] = stored.reports["step"][its][::-1].copy()
            return stored

    chunk = Broken(**vars(history.chunks()[0]))
    studies = replay_chunk(SETTINGS, chunk).studies
    assert [error is None for error in studies["error"]] == [True, False, True]
    assert "study 's1'" in studies["error"][1]
    assert "steps must increase strictly" in studies["error"][1]


def test_a_damaged_file_costs_its_own_studies(history: History, tmp_path: Path) -> None:
    path = tmp_path / "h" / "shards" / history.entries[0].shard / "reports.parquet"
    path.write_bytes(b"PAR1" + bytes(100) + b"PAR1")
    result = many.replay_history(history, SETTINGS, jobs=1)
    assert list(result.failures) == history.names
    assert "damaged Parquet file" in result.failures["s3"]
    assert (result.studies, result.totals["trials"]) == (0, None)


def interrupted(history: History, out: Path, chunks: int) -> None:
    def done(studies: int) -> None:
        finished.append(studies)
        if len(finished) == chunks:
            raise KeyboardInterrupt

    finished: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        many.replay_history(history, SETTINGS, out=out, jobs=1, done=done)


def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The chunks that are replayed from now on."""
    seen: list[int] = []
    real = many.replay_chunk

    def watch(settings: many.ReplaySettings, chunk: layout.Chunk) -> many.ReplayedChunk:
        seen.append(chunk.number)
        return real(settings, chunk)

    monkeypatch.setattr(many, "replay_chunk", watch)
    return seen


def test_resume(history: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    many.replay_history(history, SETTINGS, out=tmp_path / "whole", jobs=1)
    out = tmp_path / "out"
    interrupted(history, out, 2)
    assert not out.exists()
    seen = counted(monkeypatch)
    done: list[int] = []
    many.replay_history(history, SETTINGS, out=out, jobs=1, resume=True, done=done.append)
    assert seen == [2]
    assert sum(done) == 7
    assert files(out) == files(tmp_path / "whole")
    assert not out.with_name("out.partial").exists()


def test_without_resume_it_begins_anew(
    history: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted(history, tmp_path / "out", 2)
    seen = counted(monkeypatch)
    many.replay_history(history, SETTINGS, out=tmp_path / "out", jobs=1)
    assert seen == [0, 1, 2]


def test_parts_of_another_replay(history: History, tmp_path: Path) -> None:
    interrupted(history, tmp_path / "out", 2)
    other = many.ReplaySettings(rule("sagemaker", min_peers=3))
    with pytest.raises(EsimError, match="parts of another run"):
        many.replay_history(history, other, out=tmp_path / "out", resume=True)


def test_foreign_folders_stay(history: History, tmp_path: Path) -> None:
    (tmp_path / "out.partial").mkdir()
    (tmp_path / "out.partial" / "mine").write_text("x")
    with pytest.raises(EsimError, match="other things"):
        many.replay_history(history, SETTINGS, out=tmp_path / "out")
    assert (tmp_path / "out.partial" / "mine").read_text() == "x"


# --- engines ---------------------------------------------------------------------------------


def square(x: int) -> int:
    if x < 0:
        raise EsimError(f"{x} is negative")
    return x * x


@pytest.mark.parametrize(("engine", "jobs"), [("local", 1), ("threads", 2)])
def test_engines(engine: str, jobs: int) -> None:
    units = list(range(20))
    assert sorted(engines.run(square, units, engine=engine, jobs=jobs)) == [
        (i, i * i) for i in units
    ]
    assert list(engines.run(square, [], engine=engine, jobs=jobs)) == []
    with pytest.raises(EsimError, match="-3 is negative"):
        list(engines.run(square, [1, -3, 2], engine=engine, jobs=jobs))


def test_work_is_handed_out_as_it_is_taken() -> None:
    begun: list[int] = []
    results = engines.run(partial(_note, begun), range(1000), engine="threads", jobs=2)
    next(results)
    assert len(begun) < 20
    results.close()  # type: ignore[attr-defined]


def _note(begun: list[int], unit: int) -> int:
    begun.append(unit)
    return unit


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"engine": "spark"}, "one of: local, threads, dask, ray"),
        ({"jobs": 0}, "at least 1"),
        ({"address": "tcp://x"}, "takes no address"),
    ],
)
def test_bad_words(words: dict[str, Any], message: str) -> None:
    with pytest.raises(EsimError, match=message):
        list(engines.run(square, [1], **words))


@pytest.mark.parametrize("engine", ["dask", "ray"])
def test_a_missing_engine(engine: str) -> None:
    module = {"dask": "distributed", "ray": "ray"}[engine]
    code = (
        f"import sys; sys.modules[{module!r}] = None\n"
        "from esim.analyses.workers import engines\n"
        f"list(engines.run(abs, [1], engine={engine!r}))\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert f"pip install {'distributed' if engine == 'dask' else engine}" in run.stderr


# --- the command -----------------------------------------------------------------------------


def test_command(history: History, tmp_path: Path) -> None:
    folder = str(tmp_path / "h")
    shown = RUN.invoke(app, ["replay", folder, "--jobs", "1"])
    assert shown.exit_code == 0
    assert "7 studies, 42 trials" in shown.output
    document = RUN.invoke(app, ["replay", folder, "--jobs", "1", "--json"])
    assert json.loads(document.stdout)["schema"] == "esim.replay-many/1"
    one = RUN.invoke(app, ["replay", folder, "--study", "s3", "--json"])
    assert [s["study"] for s in json.loads(one.stdout)["studies"]] == ["s3"]
    failing = RUN.invoke(app, ["replay", folder, "--jobs", "1", "--clock", "recorded"])
    assert failing.exit_code == 1
    assert "Not replayed: 4 studies" in failing.output
    # So few studies are shown one by one, unless an engine is asked for.
    whole = RUN.invoke(app, ["replay", folder, "--json"])
    assert json.loads(whole.stdout)["schema"] == "esim.replay/1"


@pytest.mark.parametrize(
    "words",
    [["--readings"], ["--engine", "spark"], ["--resume"], ["--address", "x"]],
)
def test_wrong_usage(history: History, tmp_path: Path, words: list[str]) -> None:
    words = ["replay", str(tmp_path / "h"), "--jobs", "1", *words]
    assert RUN.invoke(app, words).exit_code == 2


def test_an_engine_is_for_a_history(tmp_path: Path) -> None:
    study = studies(1)[0]
    study.to_parquet(tmp_path / "one")
    run = RUN.invoke(app, ["replay", str(tmp_path / "one"), "--engine", "threads"])
    assert run.exit_code == 2
    assert "convert" in run.output


def test_a_row_a_study_as_pyarrow_makes_it() -> None:
    rows = [
        {
            "study": "é",
            "error": None,
            "warnings": ["few_trials", ""],
            "trials": 2**40,
            "steps_saved_fraction": float("nan"),
            "steps_saved_fraction_bounds": (0.1, 0.2),
            "best": {"trial": "t", "value": -0.0},
            "best_trial_stopped": False,
        },
        {"study": "b", "error": "why", "best_trial_stopped": None},
        {"study": "c", "warnings": [], "best_trial_stopped": True, "currency": "USD"},
    ]
    for some in (rows, rows[1:2], []):
        columns = {name: [row.get(name) for row in some] for name in tables.studies_schema().names}
        expected = pa.Table.from_pylist(some, schema=tables.studies_schema())
        columns["best"] = [best and BestTrial(**best) for best in columns["best"]]
        made = tables.studies_table(columns)
        made.validate(full=True)
        assert repr(made.to_pylist()) == repr(expected.to_pylist())
        assert [c.null_count for c in made.columns] == [c.null_count for c in expected.columns]


def test_a_worker_does_without_pandas(history: History) -> None:
    code = (
        "import sys\nfrom esim.analyses.history import replay_history as many\n"
        "from esim.storage.history import History\n"
        "from esim.rules import rule\n"
        "settings, history = many.ReplaySettings(rule('sagemaker')), History.open(sys.argv[1])\n"
        "many.replay_chunk(settings, history.chunks()[0])\n"
        "assert 'pandas' not in sys.modules and 'matplotlib' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code, str(history.location)], check=True)


def dies_on_the_third(settings: many.ReplaySettings, chunk: layout.Chunk) -> many.ReplayedChunk:
    """A worker that is killed, as for want of memory, once two chunks are finished."""
    if chunk.number == 2:
        while len(list(Path(chunk.location.address).parent.glob("out.partial/*.studies"))) < 2:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGKILL)
    return replay_chunk(settings, chunk)


def test_a_killed_worker_costs_nothing_that_was_finished(
    history: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, out = tmp_path / "whole", tmp_path / "out"
    many.replay_history(history, SETTINGS, out=whole, jobs=1)
    with monkeypatch.context() as patch:
        patch.setattr(many, "replay_chunk", dies_on_the_third)
        with pytest.raises(EsimError, match=r"(?s)the engine gave up.*--resume"):
            many.replay_history(history, SETTINGS, out=out, jobs=2)
    assert not out.exists()
    assert len(list(out.with_name("out.partial").glob("*.studies"))) == 2
    many.replay_history(history, SETTINGS, out=out, jobs=1, resume=True)
    assert files(out) == files(whole)


MAY = 1714521600.0  # 2024-05-01T00:00Z
DAY = 86400.0


@pytest.fixture
def dated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> History:
    """Two studies in May and one in June 2024, and s3 without a date; two inputs, one named."""
    monkeypatch.setattr(layout, "ROWS", 90)
    begun = {"s0": MAY, "s1": MAY + 30 * DAY, "s2": MAY + 31 * DAY}
    made = [
        dataclasses.replace(one, start=begun[one.name] + np.arange(6.0), end=np.full(6, np.nan))
        if one.name in begun
        else one
        for one in studies(4)
    ]
    inputs = [
        Input("logs/a", "0", "table", made[:2]),
        Input("logs/b", "0", "table", made[2:], "team b"),
    ]
    return append(Location(str(tmp_path / "h")), inputs, None)


def test_totals_by_month_and_by_group_add_up(dated: History, tmp_path: Path) -> None:
    result = many.replay_history(dated, SETTINGS, out=tmp_path / "out", jobs=1, by="month")
    rows = {
        row["study"]: row for row in pq.read_table(tmp_path / "out/studies.parquet").to_pylist()
    }
    assert str(rows["s1"]["first_start"]) == "2024-05-31 00:00:00+00:00"
    assert rows["s3"]["first_start"] is None
    assert [rows[f"s{i}"]["group"] for i in range(4)] == ["logs/a", "logs/a", "team b", "team b"]
    assert rows["s0"]["digest"] == dated.entries[0].digest
    assert result.by is not None
    months = [(part.name, part.totals["studies"]) for part in result.by.parts]
    assert months == [("2024-05", 2), ("2024-06", 1), (None, 1)]
    run = [rows[name]["steps_run"] for name in ("s0", "s1")]
    assert result.by.parts[0].totals["steps_run"] == sum(run)
    assert result.by.parts[0].totals["steps_saved_fraction"] == 1 - sum(run) / 60  # 2 x 6 x 5 steps
    assert many.HistoryReplay.from_dict(result.to_dict()) == result
    groups = many.replay_history(dated, SETTINGS, jobs=1, by="group").by
    assert groups is not None
    assert [(part.name, part.totals["trials"]) for part in groups.parts] == [
        ("logs/a", 12), ("team b", 12),
    ]  # fmt: skip


@pytest.mark.usefixtures("dated")
def test_replay_by_month_on_the_command_line(tmp_path: Path) -> None:
    h = str(tmp_path / "h")
    shown = RUN.invoke(app, ["replay", h, "--by", "month", "--before", "2024-06", "--jobs", "1"])
    assert shown.exit_code == 0, shown.output
    assert "2 of 4 studies began before 2024-06" in shown.output
    assert "1 of 4 studies have no date and are left out" in shown.output
    months = [line.split() for line in shown.output.splitlines() if line.startswith("  2024")]
    assert months == [["2024-05", "2", "12", "6", "40.0", "%", "1"]]
    document = json.loads(RUN.invoke(app, ["replay", h, "--since", "2024", "--json"]).stdout)
    assert document["studies"] == 3
    assert [note["code"] for note in document["inputs"][0]["notes"]] == [
        "studies_by_date", "studies_undated",
    ]  # fmt: skip
    compared = ["compare", h, "--since", "2024-06", "--rules", "sagemaker", "--json"]
    document = json.loads(RUN.invoke(app, [*compared, "--engine", "threads"]).stdout)
    assert [one["study"] for one in document["studies"]] == ["s2"]
    assert document["inputs"][0]["notes"][0]["text"] == "1 of 4 studies began in 2024-06 or later"
    for typed, said in (
        (["--by", "week"], "month or group"),
        (["--since", "May"], "not a date"),
        (["--since", "2024", "--study", "s0"], "without --study"),
    ):
        refused = RUN.invoke(app, ["replay", h, *typed])
        assert refused.exit_code == 2 and said in refused.output
    assert RUN.invoke(app, ["replay", h, "--since", "2030"]).exit_code == 1
