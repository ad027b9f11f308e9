"""One study in every form a table can have: what is read is the same, whatever the form.

Forms differ in encoding, names, order of columns and rows, line ends, and in how they hold trials.
"""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import esim

Curves = dict[str, list[float]]
ALIASES = {
    "trial": ["trial_id", "run_id", "Run", "Trial Number", "experiment", "job"],
    "step": ["epoch", "Epoch", "global_step", "training_iteration", "Iter", "ROUND"],
    "value": ["val_loss", "Val Loss", "accuracy", "eval/mAP"],
}
values = st.floats(min_value=-100, max_value=100).map(lambda x: round(x, 6))
studies = st.dictionaries(
    st.integers(0, 99).map(lambda n: f"r{n}"),
    st.lists(values, min_size=2, max_size=7),
    min_size=2,
    max_size=5,
)


@st.composite
def names(draw: st.DrawFn) -> dict[str, str]:
    return {role: draw(st.sampled_from(known)) for role, known in ALIASES.items()}


def rows(curves: Curves, n: dict[str, str]) -> list[dict[str, object]]:
    return [
        {n["trial"]: trial, n["step"]: step, n["value"]: value}
        for trial, curve in curves.items()
        for step, value in enumerate(curve, start=1)
    ]


def csv_of(table: list[dict[str, object]], delimiter: str = ",", end: str = "\n") -> str:
    header = list(table[0])
    lines = [delimiter.join(header)]
    lines += [delimiter.join(str(row[name]) for name in header) for row in table]
    return end.join(lines) + end


def same(path: Path, curves: Curves, objective: str) -> None:
    found = esim.read_study(path, objective=objective, direction="minimize")
    actual = {
        trial: (
            found.steps[slice(*found.offsets[i : i + 2])].tolist(),
            found.values[slice(*found.offsets[i : i + 2])].tolist(),
        )
        for i, trial in enumerate(found.trials)
    }
    assert actual == {
        trial: (list(range(1, len(curve) + 1)), curve) for trial, curve in curves.items()
    }


@settings(max_examples=15, deadline=None)
@given(
    studies,
    names(),
    st.sampled_from([",", "\t", ";"]),
    st.sampled_from(["\n", "\r\n"]),
    st.randoms(use_true_random=False),
)
def test_a_column_names_the_trial(
    tmp_path_factory: pytest.TempPathFactory,
    curves: Curves,
    n: dict[str, str],
    delimiter: str,
    end: str,
    shuffled: random.Random,
) -> None:
    """The order of rows and columns, a column of something else and the delimiter do not count."""
    table = rows(curves, n)
    shuffled.shuffle(table)
    order = [*table[0], "note", "lr"]
    shuffled.shuffle(order)
    table = [{name: {**row, "note": "x", "lr": 0.1}[name] for name in order} for row in table]
    path = tmp_path_factory.mktemp("t") / "runs.csv"
    path.write_text(csv_of(table, delimiter, end), newline="")
    same(path, curves, n["value"])


@settings(max_examples=15, deadline=None)
@given(studies, names(), st.sampled_from(["json", "jsonl", "parquet", "csv.gz", "utf-16"]))
def test_the_encoding_does_not_count(
    tmp_path_factory: pytest.TempPathFactory, curves: Curves, n: dict[str, str], kind: str
) -> None:
    table = rows(curves, n)
    path = tmp_path_factory.mktemp("t") / f"runs.{kind}"
    if kind == "json":
        path.write_text(json.dumps(table))
    elif kind == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in table))
    elif kind == "parquet":
        columns = {name: [row[name] for row in table] for name in table[0]}
        pa.parquet.write_table(pa.table(columns), path)
    elif kind == "csv.gz":
        path.write_bytes(gzip.compress(csv_of(table).encode()))
    else:
        path.write_text(csv_of(table), encoding="utf-16")
    same(path, curves, n["value"])


@settings(max_examples=20, deadline=None)
@given(studies, names(), st.sampled_from(["csv", "tsv", "jsonl", "json", "lists"]), st.booleans())
def test_a_file_is_a_trial(
    tmp_path_factory: pytest.TempPathFactory,
    curves: Curves,
    n: dict[str, str],
    kind: str,
    in_folders: bool,
) -> None:
    folder = tmp_path_factory.mktemp("t") / "logs"
    for trial, curve in curves.items():
        table = [{n["step"]: step, n["value"]: value} for step, value in enumerate(curve, start=1)]
        ending = "json" if kind == "lists" else kind
        path = folder / trial / f"log.{ending}" if in_folders else folder / f"{trial}.{ending}"
        path.parent.mkdir(parents=True, exist_ok=True)
        if kind in ("csv", "tsv"):
            path.write_text(csv_of(table, "," if kind == "csv" else "\t"))
        elif kind == "jsonl":
            path.write_text("".join(json.dumps(row) + "\n" for row in table))
        elif kind == "json":
            path.write_text(json.dumps(table))
        else:
            path.write_text(json.dumps({name: [row[name] for row in table] for name in table[0]}))
    (folder / "README.md").write_text("# Runs\n\nepoch 1: loss 0.5\n")
    same(folder, curves, n["value"])


@settings(max_examples=15, deadline=None)
@given(studies, names(), st.randoms(use_true_random=False))
def test_a_row_is_a_metric(
    tmp_path_factory: pytest.TempPathFactory,
    curves: Curves,
    n: dict[str, str],
    shuffled: random.Random,
) -> None:
    """A table with a row for each metric of a report never mixes them."""
    table = [
        {n["trial"]: row[n["trial"]], n["step"]: row[n["step"]], "metric": metric, "value": value}
        for row in rows(curves, n)
        for metric, value in ((n["value"], row[n["value"]]), ("train_loss", 7.5))
    ]
    shuffled.shuffle(table)
    path = tmp_path_factory.mktemp("t") / "runs.csv"
    path.write_text(csv_of(table))
    same(path, curves, n["value"])


@settings(max_examples=15, deadline=None)
@given(studies, st.sampled_from(["{}", "epoch_{}", "step {}", "val_loss_{}"]))
def test_a_row_is_a_trial(
    tmp_path_factory: pytest.TempPathFactory, curves: Curves, pattern: str
) -> None:
    longest = max(3, *map(len, curves.values()))
    table: list[dict[str, object]] = [
        {
            "trial": trial,
            "lr": 0.1,
            **{
                pattern.format(step): curve[step - 1] if step <= len(curve) else ""
                for step in range(1, longest + 1)
            },
        }
        for trial, curve in curves.items()
    ]
    path = tmp_path_factory.mktemp("t") / "runs.csv"
    path.write_text(csv_of(table))
    metric = "val_loss" if pattern == "val_loss_{}" else "value"  # "epoch_3" names a step only
    same(path, curves, metric)


@settings(max_examples=15, deadline=None)
@given(studies, names(), st.integers(1, 30))
def test_files_that_are_cut_in_two_are_one_table(
    tmp_path_factory: pytest.TempPathFactory, curves: Curves, n: dict[str, str], at: int
) -> None:
    """As parts of one input, and as one file in which the header stands again."""
    table = rows(curves, n)
    at = 1 + at % (len(table) - 1)
    whole = csv_of(table[:at]) + csv_of(table[at:])
    one = tmp_path_factory.mktemp("t") / "joined.csv"
    one.write_text(whole)
    same(one, curves, n["value"])
    found = esim.read_study(one, objective=n["value"], direction="minimize")
    assert "header_repeated" in {note.code for note in found.notes}


def test_a_nan_is_a_report_and_a_blank_is_none(tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    path.write_text("run,epoch,loss,acc\na,1,0.5,\na,2,nan,\na,3,,0.5\nb,1,0.25,\nb,2,0.125,\n")
    study = esim.read_study(path, objective="loss", direction="minimize")
    assert study.steps.tolist() == [1, 2, 1, 2]
    np.testing.assert_array_equal(study.values, [0.5, np.nan, 0.25, 0.125])
