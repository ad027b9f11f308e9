"""Histories: without loss, only what changed, and never half an index."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import esim
from esim.errors import EsimError
from esim.readers.convert import convert
from esim.storage.history import History, Location, is_store, layout
from esim.storage.history.write import Input, append
from esim.study import Study
from tests.paths import DATA
from tests.readers.test_tiny import assert_same_study
from tests.storage.test_parquet import studies as any_study


def study(name: str, seed: int = 0, trials: int = 3, steps: int = 4) -> Study:
    values = np.random.default_rng(seed).standard_normal((trials, steps))
    return Study.from_arrays(values, "minimize", name=name, config={"lr": [0.1] * trials})


def written(folder: Path, *inputs: Input) -> History:
    return append(Location(str(folder)), inputs, History.open(str(folder)))


def given_input(path: str, *studies: Study, sha256: str = "0") -> Input:
    return Input(path, sha256, "table", studies)


@settings(max_examples=40, deadline=None)
@given(many=st.lists(any_study(), min_size=1, max_size=4, unique_by=lambda s: s.name))
def test_round_trip(many: list[Study]) -> None:
    many = [one for one in many if one.name]
    with tempfile.TemporaryDirectory() as folder:
        written(Path(folder) / "h", given_input("in", *many))
        actual = {one.name: one for one in esim.read_studies(f"{folder}/h")}
        assert actual.keys() == {one.name for one in many}
        for one in many:
            assert_same_study(actual[one.name], one, notes=True)


def test_row_groups_hold_whole_studies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # 12 reports a study: two fit into a row group of 30, two row groups into a shard of 50.
    monkeypatch.setattr(layout, "ROWS", 30)
    monkeypatch.setattr(layout, "SHARD_ROWS", 50)
    many = [study(f"s{i}", i) for i in range(7)]
    history = written(tmp_path, given_input("in", *many))
    assert [(e.shard[-2:], e.group) for e in history.entries] == [
        ("-0", 0), ("-0", 0), ("-0", 1), ("-0", 1), ("-2", 0), ("-2", 0), ("-2", 1),
    ]  # fmt: skip
    assert [len(chunk.entries) for chunk in history.chunks()] == [2, 2, 2, 1]
    for expected, actual in zip(many, esim.read_studies(tmp_path), strict=True):
        assert_same_study(actual, expected)


def test_any_tool_reads_the_tables(tmp_path: Path) -> None:
    history = written(tmp_path, given_input("in", study("a"), study("b", 1)))
    shard = tmp_path / "shards" / history.entries[0].shard
    reports = pq.read_table(shard / "reports.parquet").to_pandas()
    assert list(reports.columns) == ["study", "trial", "step", "value", "elapsed_s"]
    assert reports.groupby("study").size().to_dict() == {"a": 12, "b": 12}
    assert pq.read_table(shard / "trials.parquet").num_rows == 6


def test_a_changed_input_replaces_its_studies(tmp_path: Path) -> None:
    written(tmp_path, given_input("x", study("a"), study("b")), given_input("y", study("c")))
    history = written(tmp_path, given_input("x", study("b", 9), sha256="1"))
    assert history.names == ["b", "c"]
    by_name = {one.name: one for one in esim.read_studies(tmp_path)}
    assert_same_study(by_name["b"], study("b", 9))
    assert_same_study(by_name["c"], study("c"))


def test_a_name_is_given_once(tmp_path: Path) -> None:
    written(tmp_path, given_input("x", study("a")))
    with pytest.raises(EsimError, match=r"there already\n  why: it was read from x"):
        written(tmp_path, given_input("y", study("a")))
    assert History.open(str(tmp_path)).names == ["a"]  # type: ignore[union-attr]
    assert len(list((tmp_path / "shards").iterdir())) == 1


def test_an_interrupted_write_changes_nothing(tmp_path: Path) -> None:
    before = written(tmp_path, given_input("x", study("a")))

    def inputs() -> object:
        yield given_input("y", study("b"))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        append(Location(str(tmp_path)), inputs(), before)  # type: ignore[arg-type]
    after = History.open(str(tmp_path))
    assert after is not None and after.sha256 == before.sha256
    files = [path.name for path in tmp_path.rglob("*") if path.is_file()]
    assert sorted(files) == ["index.parquet", "reports.parquet", "trials.parquet"]


def test_one_study_of_many(tmp_path: Path) -> None:
    written(tmp_path, given_input("in", study("alpha"), study("beta", 1)))
    assert_same_study(esim.read_study(tmp_path, studies=["beta"]), study("beta", 1))
    with pytest.raises(EsimError, match="one of: alpha, beta"):
        esim.read_study(tmp_path, studies=["alpa"])
    with pytest.raises(EsimError, match="no metric 'x'"):
        esim.read_studies(tmp_path, objective="x")
    with pytest.raises(EsimError, match="contradicts"):
        esim.read_studies(tmp_path, direction="maximize")


@pytest.mark.parametrize("name", ["index.parquet", "reports.parquet", "trials.parquet"])
def test_a_damaged_file_is_named(tmp_path: Path, name: str) -> None:
    written(tmp_path, given_input("in", study("a")))
    (path,) = tmp_path.rglob(name)
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(EsimError, match=name):
        esim.read_studies(tmp_path)


def rewritten(path: Path, change: Callable[[Any], Any]) -> None:
    """Another program's file in place of esim's: without a seal."""
    pq.write_table(change(pq.read_table(path)), path)


def with_column(name: str, values: Any) -> Callable[[Any], Any]:
    def change(table: Any) -> Any:
        at = table.column_names.index(name)
        return table.set_column(at, name, values(table) if callable(values) else values)

    return change


def test_a_history_without_seals_is_read(tmp_path: Path) -> None:
    written(tmp_path, given_input("in", study("a"), study("b", 1)))
    for path in tmp_path.rglob("*.parquet"):
        rewritten(path, lambda table: table)
    for expected, actual in zip(
        [study("a"), study("b", 1)], esim.read_studies(tmp_path), strict=True
    ):
        assert_same_study(actual, expected)


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        (
            "index",
            with_column("trials", pa.array(np.array([3], np.float16))),
            "'trials' holds halffloat",
        ),
        ("index", lambda t: t.append_column("trials", t["trials"]), "several columns 'trials'"),
        ("index", lambda t: t.drop_columns(["group"]), "no column 'group'"),
        ("index", with_column("direction", pa.array(["up"])), "unknown direction 'up'"),
        ("index", with_column("shard", pa.array(["../x"])), "'../x' cannot be the name of a shard"),
        ("index", with_column("first_trial", pa.array([-1])), "cannot be in an index"),
        ("index", with_column("group", pa.array([9])), "it has 1 row groups, not 10"),
        ("index", with_column("reports", pa.array([11])), "the index does not fit the file"),
        ("index", with_column("notes", pa.array(["[3]"])), r"notes .*\n  why: \[0\]: 3 is not"),
        ("index", lambda t: pa.concat_tables([t, t]), "several rows are of one study"),
        ("reports", lambda t: t.drop_columns(["value"]), "no column 'value'"),
        ("reports", with_column("step", pa.array([None] * 12, pa.int64())), "'step' lacks 12"),
        (
            "reports",
            with_column("step", lambda t: t["step"].cast(pa.int32())),
            "'step' holds int32",
        ),
        ("reports", with_column("step", pa.array([*[1] * 12])), "steps must increase strictly"),
        ("reports", lambda t: t.slice(1), "the index does not fit the file|must"),
        ("trials", with_column("status", pa.array([0.0] * 3)), "'status' holds double"),
        ("trials", with_column("status", pa.array(["x"] * 3)), "unknown status 'x'"),
        (
            "trials",
            with_column("reports", pa.array([-4, 8, 8])),
            "must never decrease|does not fit",
        ),
        ("trials", with_column("reports", pa.array([2**62] * 3)), "does not fit|must"),
        ("trials", with_column("trial", pa.array(["t"] * 3)), "'t' stands twice"),
        ("trials", with_column("config", pa.array(["{"] * 3)), "not JSON"),
        ("trials", with_column("config", pa.array(["[" * 9999] * 3)), "nested too deeply"),
        ("trials", with_column("config", pa.array(["[]"] * 3)), "not the hyperparameters"),
        ("trials", with_column("config", pa.array(['{"a": []}'] * 3)), "'a' is a list"),
        ("trials", with_column("instance_count", pa.array([0] * 3)), "at least 1"),
    ],
)
def test_what_another_program_wrote_is_checked(
    tmp_path: Path, name: str, change: Callable[[Any], Any], said: str
) -> None:
    written(tmp_path, given_input("in", study("a")))
    (path,) = tmp_path.rglob(f"{name}.parquet")
    rewritten(path, change)
    with pytest.raises(EsimError, match=said) as refused:
        esim.read_studies(tmp_path)
    assert str(tmp_path) in str(refused.value)


def test_an_index_of_other_files(tmp_path: Path) -> None:
    big, small = tmp_path / "big", tmp_path / "small"
    written(big, given_input("in", study("a"), study("b", 1)))
    written(small, given_input("in", study("a")))
    shutil.copy(big / "index.parquet", small)
    with pytest.raises(EsimError, match="does not fit"):
        esim.read_studies(small)


def test_another_index_is_not_ours(tmp_path: Path) -> None:
    study("a").to_parquet(tmp_path)
    (tmp_path / "reports.parquet").rename(tmp_path / "index.parquet")
    assert History.open(str(tmp_path)) is None


def test_a_store_that_cannot_be_reached() -> None:
    with pytest.raises(EsimError, match=r"hdfs://127\.0\.0\.1:9/x: cannot be reached"):
        esim.read_studies("hdfs://127.0.0.1:9/x")


def test_stores() -> None:
    assert is_store("s3://bucket/x") and is_store("gs://bucket")
    assert not is_store("sqlite:///x.db") and not is_store("C:/x") and not is_store("s3")


# --- esim.readers.convert ----------------------------------------------------------------


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    folder = tmp_path / "logs"
    for name in ("one", "two"):
        shutil.copytree(DATA / "tiny/table", folder / name)
        for path in (folder / name).iterdir():
            path.write_text(path.read_text().replace("tiny", name))
    return folder


def converted(logs: Path, out: Path) -> tuple[list[str], list[str], list[str]]:
    """Inputs read, unchanged, and failed."""
    read: list[str] = []
    conversion = convert(
        [str(path) for path in sorted(logs.iterdir())],
        str(out),
        told=lambda path, studies, notes: read.extend([Path(path).name] if studies else []),
        objective="validation:loss",
        direction="minimize",
    )
    names = ([Path(p).name for p in part] for part in (conversion.unchanged, conversion.failed))
    return read, *names


def test_only_what_is_new_or_changed_is_read(logs: Path, tmp_path: Path) -> None:
    out = tmp_path / "history"
    assert converted(logs, out) == (["one", "two"], [], [])
    first = (out / "index.parquet").read_bytes()
    assert converted(logs, out) == ([], ["one", "two"], [])
    assert (out / "index.parquet").read_bytes() == first
    changed = next((logs / "two").glob("reports*"))
    changed.write_text(changed.read_text().replace("two", "deux"))
    trials = next((logs / "two").glob("trials*"), None)
    if trials is not None:
        trials.write_text(trials.read_text().replace("two", "deux"))
    assert converted(logs, out) == (["two"], ["one"], [])
    assert {s.name for s in esim.read_studies(out)} == {"one", "deux"}


def test_the_same_logs_give_the_same_bytes(logs: Path, tmp_path: Path) -> None:
    for out in ("a", "b"):
        converted(logs, tmp_path / out)
    files = sorted(p.relative_to(tmp_path / "a") for p in (tmp_path / "a").rglob("*.parquet"))
    assert len(files) == 3
    for name in files:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_an_input_that_cannot_be_read_does_not_stop_the_others(logs: Path, tmp_path: Path) -> None:
    broken = next((logs / "one").glob("reports*"))
    broken.write_text(broken.read_text() + "x,y\n")
    assert converted(logs, tmp_path / "history") == (["two"], [], ["one"])
    assert [s.name for s in esim.read_studies(tmp_path / "history")] == ["two"]


def test_a_history_is_not_written_among_its_logs(logs: Path) -> None:
    with pytest.raises(EsimError, match="lies in what is read"):
        convert([str(logs)], str(logs / "history"))
    assert not (logs / "history").exists()


def test_nothing_else_is_overwritten(logs: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("x")
    for out in ("mine", "mine/thesis.tex"):
        with pytest.raises(EsimError, match=r"other things|a file"):
            convert([str(logs / "one")], str(tmp_path / out))
