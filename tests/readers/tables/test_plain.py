"""The plain table: what is settled and noted, and what is refused, with its place."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

import esim
from esim.errors import EsimError
from esim.readers.inputs import read_inputs, read_studies, read_study
from esim.readers.own_formats import own_formats
from esim.study import Note, Status, Study
from tests.readers.test_tiny import csv_text, jsonl_text, zst

nan, inf = np.nan, np.inf


def put(path: Path, *lines: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return path


def codes(study: Study) -> dict[str, int]:
    return {note.code: note.count for note in study.notes}


def refused(*paths: Path, **options: object) -> str:
    options = {"direction": "minimize", **options}
    with pytest.raises(EsimError) as caught:
        read_inputs(*paths, **options)  # type: ignore[arg-type]
    return str(caught.value)


# --- what is settled and noted ---------------------------------------------------------------


def test_of_duplicate_steps_the_last_one_counts(tmp_path: Path) -> None:
    table = put(tmp_path / "x.csv", "trial,step,loss", "a,1,5", "a,2,4", "a,1,3", "b,1,1", "b,1,2")
    study = read_study(table, direction="minimize")
    assert study.steps.tolist() == [1, 2, 1]
    assert study.values.tolist() == [3, 4, 2]
    assert codes(study) == {"starts_unknown": 2, "steps_unsorted": 1, "duplicate_steps": 2}


def test_interleaved_trials_are_not_out_of_order(tmp_path: Path) -> None:
    table = put(tmp_path / "x.csv", "trial,step,loss", "b,1,1", "a,1,2", "b,2,3", "a,2,4")
    study = read_study(table, direction="minimize")
    assert study.trials == ("b", "a")
    assert study.values.tolist() == [1, 3, 2, 4]
    assert codes(study) == {"starts_unknown": 2}


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_missing_numbers_are_reports_without_a_value(tmp_path: Path, kind: str) -> None:
    if kind == "csv":
        lines = [f"a,{i},{cell}" for i, cell in enumerate(["", "NaN", "nan", "NA", "null", "1"], 1)]
        table = put(tmp_path / "x.csv", "trial,step,loss", *lines)
    elif kind == "jsonl":
        cells = ["null", "NaN", '""', '"NaN"', '"NA"', "1"]
        lines = [f'{{"trial":"a","step":{i},"loss":{cell}}}' for i, cell in enumerate(cells, 1)]
        table = put(tmp_path / "x.jsonl", *lines)
    else:
        table = tmp_path / "x.parquet"
        columns = {
            "trial": ["a"] * 6,
            "step": range(1, 7),
            "loss": [None, nan, nan, None, nan, 1.0],
        }
        pa.parquet.write_table(pa.table(columns), table)
    study = read_study(table, direction="minimize")
    np.testing.assert_array_equal(study.values, [nan] * 5 + [1])
    assert codes(study) == {"missing_values": 5}


@pytest.mark.parametrize("odd", [False, True], ids=["typed columns", "cell by cell"])
def test_infinities_are_values_and_counted(tmp_path: Path, odd: bool) -> None:
    cells = ["inf", "-inf", "Infinity", "-Infinity", "+inf", "1e400"][: 5 if odd else 6]
    lines = [f"a,{i},{cell}" for i, cell in enumerate(cells, 1)]
    table = put(tmp_path / "x.csv", "trial,step,loss", *lines, *(["a,9e0,1"] if odd else []))
    study = read_study(table, direction="minimize")
    assert study.values[:5].tolist() == [inf, -inf, inf, -inf, inf]
    assert codes(study) == {"infinite_values": 5 if odd else 6}


def test_a_trial_without_a_value_is_kept_and_noted(tmp_path: Path) -> None:
    table = put(tmp_path / "x.csv", "trial,step,loss", "a,1,", "a,2,nan", "b,1,1")
    study = read_study(table, direction="minimize")
    assert study.trials == ("a", "b")
    assert codes(study) == {"starts_unknown": 2, "missing_values": 2, "trials_all_nan": 1}


def test_listed_trials_without_reports_are_kept_last(tmp_path: Path) -> None:
    put(tmp_path / "r.csv", "trial,step,loss", "b,1,1", "a,1,2")
    put(tmp_path / "any name.csv", "trial,status", "c,Failed", "a,Completed", "b,Stopped")
    study = read_study(tmp_path, direction="minimize")
    assert study.trials == ("b", "a", "c")
    assert study.offsets.tolist() == [0, 1, 2, 2]
    assert study.status.tolist() == [Status.STOPPED, Status.COMPLETED, Status.FAILED]
    assert study.censored.tolist() == [True, False, True]
    assert codes(study) == {"starts_unknown": 2, "trials_without_reports": 1}


def test_launch_order_is_by_start(tmp_path: Path) -> None:
    put(tmp_path / "r.csv", "trial,step,loss", "a,1,1", "b,1,2", "c,1,3")
    put(
        tmp_path / "t.csv",
        "trial,start,end,status,instance_type,instance_count,config.lr",
        "a,2026-01-01T00:00:20Z,2026-01-01T00:00:30.5Z,completed,ml.m5.large,2,0.10",
        "b,2026-01-01T01:00:10+01:00,,running,,,",
        "z,,,,,,x",
        "c,2026-01-01 00:00:15,2026-01-01T00:00:25,completed,,,1e-3",
    )
    study = read_study(tmp_path, direction="minimize")
    zero = 1767225600.0  # 2026-01-01T00:00:00Z
    assert study.trials == ("b", "c", "a", "z")
    np.testing.assert_array_equal(study.start - zero, [10, 15, 20, nan])
    np.testing.assert_array_equal(study.end - zero, [nan, 25, 30.5, nan])
    assert study.instance_type == (None, None, "ml.m5.large", None)
    assert study.instance_count.tolist() == [1, 1, 2, 1]
    assert list(study.config["lr"]) == [None, "1e-3", "0.10", "x"]
    # One start is written without a zone; ISO 8601 itself is nothing to note.
    assert codes(study) == {"zone_assumed": 1, "trials_without_reports": 1}


def test_incomplete_starts_do_not_order(tmp_path: Path) -> None:
    put(tmp_path / "r.csv", "trial,step,loss", "a,1,1", "b,1,2", "c,1,3")
    put(tmp_path / "t.csv", "trial,start", "b,5", "a,9")
    study = read_study(tmp_path, direction="minimize")
    assert study.trials == ("a", "b", "c")
    assert codes(study) == {"time_unit": 1, "trials_not_listed": 1, "start_incomplete": 1}


def test_ends_before_the_last_report_are_noted(tmp_path: Path) -> None:
    put(tmp_path / "r.csv", "trial,step,loss,elapsed_s", "a,1,1,10", "b,1,2,10", "c,1,3,10")
    put(tmp_path / "t.csv", "trial,start,end", "a,100,105", "b,200,209", "c,300,")
    study = read_study(tmp_path, direction="minimize")
    (note,) = (note for note in study.notes if note.code == "ended_before_report")
    assert (note.count, note.text) == (
        1,
        "1 trial ends before the last report; taken to end then: a",
    )


def test_the_column_censored_overrides_the_status(tmp_path: Path) -> None:
    put(tmp_path / "r.csv", "trial,step,loss", "a,1,1", "b,1,2", "c,1,3")
    put(tmp_path / "t.csv", "trial,status,censored", "a,stopped,false", "b,,TRUE", "c,stopped,")
    study = read_study(tmp_path, direction="minimize")
    assert study.censored.tolist() == [False, True, True]


def test_a_trial_listed_twice(tmp_path: Path) -> None:
    put(tmp_path / "r.csv", "trial,step,loss", "a,1,1")
    put(tmp_path / "t.csv", "trial,status", "a,running", "a,completed")
    study = read_study(tmp_path, direction="minimize")
    assert study.status.tolist() == [Status.COMPLETED]
    assert codes(study) == {"trials_listed_twice": 1}


def test_configurations_of_jsonl_keep_their_types(tmp_path: Path) -> None:
    (tmp_path / "r.jsonl").write_text(jsonl_text([("a", 1, 0.5, 1)]))
    put(tmp_path / "t.jsonl", '{"trial":"a","config.lr":0.1,"config.n":3,"config.o":null}')
    study = read_study(tmp_path, direction="minimize")
    assert {key: list(column) for key, column in study.config.items()} == {
        "lr": [0.1],
        "n": [3],
        "o": [None],
    }


@pytest.mark.parametrize(
    ("stamps", "unit"),
    [
        (["100", "103.5", "110"], "epoch seconds"),
        (["1700000000", "1700000003.5", "1700000010"], "epoch seconds"),
        (["1700000000000", "1700000003500", "1700000010000"], "epoch milliseconds"),
        (["1700000000000000", "1700000003500000", "1700000010000000"], "epoch microseconds"),
        (["2023-11-14T22:13:20Z", "2023-11-14T22:13:23.5Z", "2023-11-14T23:13:30+01:00"], None),
        (["2023-11-14 22:13:20.25", "2023-11-14 22:13:23.75", "2023-11-14 22:13:30.25"], None),
    ],
    ids=["relative", "s", "ms", "us", "ISO", "no zone"],
)
@pytest.mark.parametrize("odd", [False, True], ids=["typed columns", "cell by cell"])
def test_timestamps_become_elapsed_seconds(
    tmp_path: Path, stamps: list[str], unit: str | None, odd: bool
) -> None:
    lines = [f"a,{step}{'e0' if odd else ''},1,{stamp}" for step, stamp in enumerate(stamps)]
    table = put(tmp_path / "x.csv", "trial,step,loss,timestamp", *lines)
    study = read_study(table, direction="minimize")
    assert study.elapsed is not None
    # Steps take 3.5 and 6.5 s; the first, printed as index 0, is taken to have lasted the median.
    assert study.elapsed.tolist() == [5, 8.5, 15]
    said = [note.text for note in study.notes if note.code == "time_unit"]
    assert said == ([] if unit is None else [f"column timestamp is read as {unit}"])
    assert codes(study)["elapsed_from_first_report"] == 1
    assert ("zone_assumed" in codes(study)) == (" " in stamps[0])


def test_timestamps_count_from_the_trials_start(tmp_path: Path) -> None:
    put(
        tmp_path / "r.csv",
        "trial,step,loss,timestamp",
        "a,1,1,1700000003500",
        "a,2,1,1700000004001",
    )
    put(tmp_path / "t.csv", "trial,start", "a,2023-11-14T22:13:20Z")
    study = read_study(tmp_path, direction="minimize")
    assert study.elapsed is not None
    assert study.elapsed.tolist() == [3.5, 4.001]


def test_billed_seconds_of_the_table_of_trials(tmp_path: Path) -> None:
    put(tmp_path / "r.csv", "trial,step,loss", "a,1,1", "b,1,2")
    put(tmp_path / "t.csv", "trial,billed_s", "b,", "a,22")
    study = read_study(tmp_path, direction="minimize")
    assert study.billed is not None
    np.testing.assert_array_equal(study.billed, [22.0, np.nan])
    put(tmp_path / "t.csv", "trial,billed_s", "b,", "a,-1")
    with pytest.raises(EsimError, match="billed_s cannot be -1"):
        read_study(tmp_path, direction="minimize")


def test_elapsed_that_falls_is_raised(tmp_path: Path) -> None:
    lines = ["a,1,1,3", "a,2,1,2", "a,3,1,4", "b,1,1,1", "b,2,1,0.5"]
    table = put(tmp_path / "x.csv", "trial,step,loss,elapsed_s", *lines)
    study = read_study(table, direction="minimize")
    assert study.elapsed is not None
    assert study.elapsed.tolist() == [3, 3, 4, 1, 1]
    assert codes(study) == {"starts_unknown": 2, "elapsed_raised": 2}


def test_a_missing_time_leaves_the_study_without_times(tmp_path: Path) -> None:
    table = put(tmp_path / "x.csv", "trial,step,loss,elapsed_s", "a,1,1,3", "a,2,1,")
    study = read_study(table, direction="minimize")
    assert study.elapsed is None
    assert codes(study) == {"elapsed_missing": 1}


def test_a_little_before_the_start_is_the_start(tmp_path: Path) -> None:
    table = put(tmp_path / "x.csv", "trial,step,loss,elapsed_s", "a,1,1,-0.5", "a,2,1,1")
    study = read_study(table, direction="minimize")
    assert study.elapsed is not None
    assert study.elapsed.tolist() == [1, 2]  # its first step takes as long as its second
    assert codes(study) == {"elapsed_before_start": 1, "elapsed_from_first_report": 1}


def test_objective_and_metrics(tmp_path: Path) -> None:
    table = put(tmp_path / "x.csv", "trial,step,loss,accuracy,status", "a,1,1,0.5,ok")
    study = read_study(table, direction="maximize", objective="accuracy")
    assert (study.objective, study.values.tolist()) == ("accuracy", [0.5])
    assert codes(study) == {"columns_not_read": 1}


def test_a_jsonl_metric_may_come_late(tmp_path: Path) -> None:
    lines = ['{"trial":"a","step":1}', '{"trial":"a","step":2,"loss":1}']
    study = read_study(put(tmp_path / "x.jsonl", *lines), direction="minimize")
    np.testing.assert_array_equal(study.values, [nan, 1])


def test_folders_without_a_column_study_are_joined_aloud(tmp_path: Path) -> None:
    put(tmp_path / "a" / "x.csv", "trial,step,loss", "a,1,1")
    put(tmp_path / "b" / "x.csv", "trial,step,loss", "b,1,2")
    study = read_study(tmp_path, direction="minimize")
    assert study.trials == ("a", "b")
    assert codes(study) == {"starts_unknown": 2, "folders_joined": 2}


def test_direction_and_objective_of_our_own_files_are_known(tmp_path: Path) -> None:
    study = Study.from_arrays([[1.0, 2.0]], "maximize", objective="f1", name="s")
    study.to_parquet(tmp_path / "s")
    assert read_study(tmp_path / "s").direction == "maximize"
    assert read_study(tmp_path / "s" / "reports.parquet").direction == "maximize"
    assert "contradicts" in refused(tmp_path / "s", direction="minimize")
    assert "one of: f1" in refused(tmp_path / "s", direction="maximize", objective="f2")


def test_formats_are_listed() -> None:
    assert len({fmt.name for fmt in own_formats()}) == len(own_formats()) >= 23
    assert all(fmt.summary for fmt in own_formats())


# --- what is refused -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "where", "what"),
    [
        (["a,1,high"], ":2", "'high' is not a number"),
        (["a,1,1", "", "a,2,1,5"], ":4", "4 cells where the header has 3"),
        (["a,1,1", "a,two,1"], ":3", "'two' is not a number"),
        (["a,1,1", "a,2.5,1"], ":3", "'2.5' is not a whole number"),
        (["a,1,1", "a,,1"], ":3", "no step"),
        (["a,1,1", ",2,1"], ":3", "no trial"),
        (["a,1,1", "a,99999999999999999999,1"], ":3", "99999999999999999999 is too large"),
        (["a,1,1", "a,9007199254740992,1"], ":3", "9007199254740992 is too large"),
        (["a,1,1", "a,9e15,1", "a,9.1e15,1"], ":4", "9.1e15 is too large"),
        (["a,1,1", "a,inf,1"], ":3", "'inf' is not a whole number"),
        (["a,1,1", "a,2,1_000"], ":3", "'1_000' is not a number"),
        (["a,1,1", "a,2,True"], ":3", "'True' is not a number"),
        (["a,1,1", "a,2,1\x1f"], ":3", "'1\\x1f' is not a number"),
        (['"a', 'b",1,1', "c,1,x"], ":4", "'x' is not a number"),
        (["a,1,1", 'a,1,"1'], ":3", "not CSV"),
        (["a,-1,1"], ", trial 'a'", "step -1 is negative"),
    ],
)
def test_bad_cells_of_csv(tmp_path: Path, lines: list[str], where: str, what: str) -> None:
    table = put(tmp_path / "x.csv", "trial,step,loss", *lines)
    assert refused(table).startswith(f"{table}{where}: {what}")


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ('{"trial":"a","step":2,"loss":"high"}', "'high' is not a number"),
        ('{"trial":"a","step":2,"loss":true}', "True is not a number"),
        ('{"trial":"a","step":2,"loss":[1]}', "[1] is not a number"),
        ('{"trial":"a","step":2.5,"loss":1}', "2.5 is not a whole number"),
        ('{"trial":"a","loss":1}', "no step"),
        ('{"step":2,"loss":1}', "no trial"),
        ('{"trial":1.5,"step":2,"loss":1}', "1.5 is not an id"),
        ('{"trial":"a","step":2,"loss":1', "not JSON"),
        ("[1]", "not a JSON object"),
    ],
)
def test_bad_cells_of_jsonl(tmp_path: Path, line: str, what: str) -> None:
    table = put(tmp_path / "x.jsonl", '{"trial":"a","step":1,"loss":1}', "", line)
    assert refused(table).startswith(f"{table}:3: {what}")


@pytest.mark.parametrize(
    ("columns", "what"),
    [
        ({"trial": ["a", "a"], "step": [1, 2], "loss": ["1", "high"]}, "'high' is not a number"),
        ({"trial": ["a", "a"], "step": [1, None], "loss": [1, 2]}, "no step"),
        ({"trial": ["a", None], "step": [1, 2], "loss": [1, 2]}, "no trial"),
        ({"trial": ["a", "b"], "step": [1, 2.5], "loss": [1, 2]}, "2.5 is not a whole number"),
    ],
)
def test_bad_cells_of_parquet(tmp_path: Path, columns: dict[str, list[object]], what: str) -> None:
    table = tmp_path / "x.parquet"
    pa.parquet.write_table(pa.table(columns), table)
    assert refused(table).startswith(f"{table}, row 2: {what}")


def test_parquet_with_text_of_numbers(tmp_path: Path) -> None:
    columns = {"trial": [1, 1], "step": ["1", "2"], "loss": ["0.5", "NA"]}
    pa.parquet.write_table(pa.table(columns), tmp_path / "x.parquet")
    study = read_study(tmp_path / "x.parquet", direction="minimize")
    assert study.trials == ("1",)
    np.testing.assert_array_equal(study.values, [0.5, nan])


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("a,yesterday,,,,,", "'yesterday' is not a time"),
        ("a,2026-01-02T00:00:00Z,2026-01-01T00:00:00Z,,,,", "trial 'a' ends before it starts"),
        ("a,2026-01-02T00:00:00Z,5,,,,", None),
        ("a,,,sleeping,,,", "unknown status 'sleeping'"),
        ("a,,,,2.5,,", "'2.5' is not a whole number"),
        ("a,,,,,maybe,", "'maybe' is neither true nor false"),
        (",,,,,,", "no trial"),
    ],
)
def test_bad_cells_of_the_trials(tmp_path: Path, line: str, what: str | None) -> None:
    put(tmp_path / "r.csv", "trial,step,loss", "a,1,1")
    header = "trial,start,end,status,instance_count,censored,config.x"
    table = put(tmp_path / "t.csv", header, line)
    actual = refused(tmp_path)
    assert actual.startswith(f"{table}:2: {what}") or what is None


def test_mixed_times(tmp_path: Path) -> None:
    header = "trial,step,loss,timestamp"
    table = put(tmp_path / "x.csv", header, "a,1,1,1700000000000", "a,2,1,1700000000")
    assert refused(table).startswith(f"{table}:3: 1700000000 is not a time in epoch milliseconds")
    table = put(tmp_path / "x.csv", header, "a,1,1,2026-01-01T00:00:00Z", "a,2,1,1700000000")
    assert refused(table).startswith(f"{table}:3: '1700000000' is not ISO 8601")
    table = put(tmp_path / "x.csv", "trial,step,loss,elapsed_s", "a,1,1,-3600")
    assert "3600 s before its trial's start" in refused(table)


def test_columns_that_are_missing(tmp_path: Path) -> None:
    table = put(tmp_path / "x.csv", "trial,place,loss", "a,1,1")
    assert "x.csv (CSV) has no column step; it has trial, place, loss" in refused(table)
    assert refused(table, format="table").startswith(f"{table}: no table with the columns")
    table = put(tmp_path / "x.csv", "trial,step", "a,1")
    assert refused(table).startswith(f"{tmp_path / 'x.csv'}: no metric column")
    table = put(tmp_path / "x.csv", "trial,step,loss,loss", "a,1,1,1")
    assert refused(table).startswith(f"{table}:1: column 'loss' stands twice")


def test_objective_and_direction_are_never_guessed(tmp_path: Path) -> None:
    table = put(tmp_path / "x.csv", "trial,step,val_loss,val_accuracy", "a,1,1,1")
    assert "several metrics could be the objective\n  why: val_loss, val_acc" in refused(table)
    assert "no metric 'val_los'\n  fix: one of: val_loss" in refused(table, objective="val_los")
    assert "direction is unknown" in refused(table, objective="val_loss", direction=None)
    assert "unknown direction 'down'" in refused(table, objective="val_loss", direction="down")


def test_a_file_without_the_objective(tmp_path: Path) -> None:
    put(tmp_path / "a.csv", "trial,step,loss", "a,1,1")
    table = put(tmp_path / "b.csv", "trial,step,lost", "b,1,1")
    assert refused(tmp_path, objective="loss").startswith(f"{table}: no metric 'loss'")


def test_nothing_to_read(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "the folder is empty" in refused(tmp_path / "empty")
    put(tmp_path / "empty" / ".git", "x")
    assert "the folder is empty, 1 hidden or left over" in refused(tmp_path / "empty")
    assert "no reports" in refused(put(tmp_path / "x.csv", "trial,step,loss"))
    (tmp_path / "y.csv").write_bytes(b"")
    assert "no format matches" in refused(tmp_path / "y.csv")
    assert "no paths given" in refused()


def test_paths_that_cannot_be_read(tmp_path: Path) -> None:
    table = put(tmp_path / "reports.csv", "trial,step,loss", "a,1,1")
    missing = tmp_path / "report.csv"
    assert refused(missing).startswith(f"{missing}: cannot be read\n  why: No such file")
    assert "beside it: reports.csv" in refused(missing)
    assert "given twice" in refused(table, tmp_path / "." / "reports.csv")
    assert "no format 'tabel'\n  fix: one of: table" in refused(table, format="tabel")
    assert "is not NAME=REGEX" in refused(table, metrics=["loss"])


@pytest.mark.parametrize("cut", [3, 40, -9, -1])
def test_truncated_gz(tmp_path: Path, cut: int) -> None:
    text = csv_text([(f"t{i}", 1, i, i) for i in range(1000)])
    table = tmp_path / "x.csv.gz"
    table.write_bytes(gzip.compress(text.encode())[:cut])
    assert refused(table).startswith(f"{table}: the gzip data is cut off or damaged")


def test_damaged_files(tmp_path: Path) -> None:
    table = put(tmp_path / "x.csv.gz", "trial,step,loss", "a,1,1")
    assert refused(table).startswith(f"{table}: not a gzip file")
    data = bytearray(gzip.compress(csv_text([("a", i, i, i) for i in range(99)]).encode()))
    data[-6] ^= 1  # in the checksum
    table.write_bytes(data)
    assert refused(table).startswith(f"{table}: the gzip data is cut off or damaged")
    packed = tmp_path / "y.csv.zst"
    packed.write_bytes(zst(csv_text([("a", i, i, i) for i in range(9999)]).encode())[:-20])
    assert refused(packed).startswith(f"{packed}: the zstd data is cut off or damaged")
    table = tmp_path / "z.parquet"
    pa.parquet.write_table(pa.table({"trial": ["a"], "step": [1], "loss": [1.0]}), table)
    table.write_bytes(table.read_bytes()[:-20])
    assert refused(table).startswith(f"{table}: damaged Parquet file")
    table = tmp_path / "latin.csv"
    table.write_bytes(b"trial,step,loss\na,1,1\n\xe9,2,1\n")
    assert "latin.csv" in refused(table)


def test_mixed_formats(tmp_path: Path) -> None:
    put(tmp_path / "a.csv", "trial,step,loss", "a,1,1")
    (tmp_path / "b.jsonl").write_text(jsonl_text([("b", 1, 1, 1)]))
    assert "mixed formats: reports in CSV and in JSONL" in refused(tmp_path)
    job = {"HyperParameterTuningJobName": "j", "HyperParameterTuningJobConfig": {}}
    (tmp_path / "b.jsonl").unlink()
    (tmp_path / "describe.json").write_text(json.dumps(job))
    assert "mixed formats: table and sagemaker match" in refused(tmp_path)
    assert read_study(tmp_path, direction="minimize", format="table").trials == ("a",)


def test_the_same_trial_in_two_folders_is_refused(tmp_path: Path) -> None:
    put(tmp_path / "a" / "x.csv", "trial,step,loss", "0,1,1")
    put(tmp_path / "b" / "x.csv", "trial,step,loss", "1,1,1", "0,1,1")
    assert "trial '0' is in two folders" in refused(tmp_path)


def test_several_studies_where_one_was_expected(tmp_path: Path) -> None:
    table = put(tmp_path / "x.csv", "study,trial,step,loss", "p,a,1,1", "q,a,1,1")
    with pytest.raises(EsimError, match="2 studies where one was expected") as caught:
        read_study(table, direction="minimize")
    assert caught.value.why == "found p, q"
    assert "one name, 'n', for 2 studies" in refused(table, name="n")
    other = put(tmp_path / "sub" / "y.csv", "study,trial,step,loss", "p,a,1,1")
    assert "study 'p' is found twice" in refused(table, other.parent)


def test_trials_of_other_studies(tmp_path: Path) -> None:
    reports = put(tmp_path / "r.csv", "study,trial,step,loss", "p,a,1,1", "q,a,1,1")
    trials = put(tmp_path / "t.csv", "study,trial", "p,a", "r,a")
    assert refused(tmp_path).startswith(f"{trials}:3: no reports of study 'r'")
    put(trials, "trial", "a")
    assert refused(tmp_path).startswith(f"{trials}: no column study")
    put(reports, "trial,step,loss", "a,1,1")
    put(trials, "study,trial", "p,a", "r,a")
    assert refused(tmp_path).startswith(f"{trials}:3: the reports have no column study")
    put(trials, "study,trial,status", "p,a,failed")
    assert read_studies(tmp_path, direction="minimize")[0].status.tolist() == [Status.FAILED]


def test_metric_regexes_are_for_text(tmp_path: Path) -> None:
    table = put(tmp_path / "x.csv", "trial,step,loss", "a,1,1")
    study = read_study(table, direction="minimize", metrics=["loss=(.*)"])
    assert study.notes == (Note("metric_unused", "--metric is for log text; a table has columns"),)


def test_the_first_step_of_trials_without_a_start_takes_its_time(tmp_path: Path) -> None:
    """Ten trials of two steps of 60 s each: half of the steps are half of the time."""
    rows = [
        f"t{i},{step},{i},{1700000000 + 1000 * i + 60 * step}" for i in range(10) for step in (1, 2)
    ]
    study = read_study(
        put(tmp_path / "x.csv", "trial,step,loss,timestamp", *rows), direction="minimize"
    )
    assert study.elapsed is not None
    assert study.elapsed.tolist() == [60, 120] * 10
    summary = esim.replay(study).summary  # each trial is worse than those before it
    assert (summary.steps_run, summary.seconds_run) == (11, 660)
    assert summary.seconds_saved_fraction == summary.steps_saved_fraction == 1 - 11 / 20


def test_a_trial_of_one_report_takes_the_others_pace(tmp_path: Path) -> None:
    rows = "a,1,3,1700000000", "a,2,2,1700000010", "b,1,4,1700000100", "c,3,1,1700000200"
    study = read_study(
        put(tmp_path / "x.csv", "trial,step,loss,timestamp", *rows), direction="minimize"
    )
    assert study.elapsed is not None
    assert study.elapsed.tolist() == [10, 20, 10, 30]


def test_without_two_reports_seconds_are_unknown(tmp_path: Path) -> None:
    rows = "a,1,3,1700000000", "b,1,4,1700000100"
    study = read_study(
        put(tmp_path / "x.csv", "trial,step,loss,timestamp", *rows), direction="minimize"
    )
    assert study.elapsed is None
    assert codes(study)["elapsed_unknown"] == 2


def test_elapsed_seconds_that_count_from_the_first_report(tmp_path: Path) -> None:
    rows = "a,1,3,0", "a,2,2,10", "b,1,4,0", "b,2,4,20"
    table = put(tmp_path / "x.csv", "trial,step,loss,elapsed_s", *rows)
    study = read_study(table, direction="minimize")
    assert study.elapsed is not None
    assert study.elapsed.tolist() == [10, 20, 20, 40]
    # An evaluation before training takes none: nothing is done yet.
    rows = "a,0,3,0", "a,1,2,10", "b,0,4,0", "b,1,4,20"
    study = read_study(put(table, "trial,step,loss,elapsed_s", *rows), direction="minimize")
    assert study.elapsed is not None
    assert study.elapsed.tolist() == [0, 10, 0, 20]
    assert study.done_at_zero == 0


@pytest.mark.parametrize(("asked", "saved"), [("done", 4 / 12), ("before", 4 / 9)])
def test_first_step_is_asked_for(tmp_path: Path, asked: str, saved: float) -> None:
    curves = [3, 2, 2, 1], [4, 4, 4, 4], [2, 2.5, 3, 3]  # worked out in tests/study/test_first_step
    rows = [f"t{i},{s},{v}" for i, curve in enumerate(curves) for s, v in enumerate(curve)]
    table = put(tmp_path / "x.csv", "trial,step,loss", *rows)
    study = read_study(table, direction="minimize", first_step=asked)
    assert esim.replay(study).summary.steps_saved_fraction == pytest.approx(saved)
