"""What 109 more programs print, recorded in data/frameworks, against what they themselves logged.

The truth in `truth.json` is from the programs' own callbacks and loggers, with all digits; the text
has fewer. `data/record` says how each was recorded.
"""

from __future__ import annotations

import json
import re
from itertools import product
from typing import Any

import numpy as np
import pytest

from esim import EsimError, Study, check, read_study
from tests.paths import DATA

RECORDED = DATA / "frameworks"
TRUTH: list[dict[str, Any]] = json.loads((RECORDED / "truth.json").read_text(encoding="utf-8"))
# What the text alone does not tell, and why; each has a finding in `esim check`, or is an error.
UNKNOWABLE = {
    # Each rank prints its own values, and no line tells the ranks apart.
    ("torchrun_own.log", "val_loss"): "per_batch_lines",
    # The closing validation of the best model is a row like those of the epochs, without an index.
    ("ultralytics.log", "mAP50"): "lines_unmatched",
    # A terminal in which several lines are drawn again: a name and its number stand on two lines.
    ("lightning2_rich_terminal.log", "val_loss"): "general_form",
    ("lightning2_rich_terminal.log", "train_loss"): "general_form",
    ("lightning2_rich_terminal.log", "val/acc"): "error",
    ("lightning20_rich.log", "train_loss"): "error",
}
# Rows of a table, or of lists, without a name for the epoch: the n-th value is step n.
COUNTED = {"spacy.log", "fastai_no_bar.log"}


def names_of(entry: dict[str, Any]) -> list[str]:
    """The metric's name, and as SageMaker calls it."""
    name = entry["objective"]
    names = [name]
    if re.match(r"(train|test|eval|validation)-", name):
        names.append(name.replace("-", ":", 1))
    if "'s " in name:
        names.append(name.replace("'s ", ":"))
    return names


def read(entry: dict[str, Any]) -> Study:
    """As a user would: any text is a log once the format is named."""
    for name, format in product(names_of(entry), (None, "sagemaker")):
        try:
            return read_study(
                RECORDED / entry["log"],
                objective=name,
                direction=entry["direction"],
                metrics=entry.get("metrics", []),
                format=format,
            )
        except EsimError as error:
            last = error
    raise last


def expected_of(entry: dict[str, Any], study: Study) -> tuple[list[float] | None, list[float]]:
    """Steps and values that a person takes from the log."""
    codes = {note.code for note in study.notes}
    steps, values = entry["steps"], entry["values"]
    if "k_fold" in codes:
        values = entry.get("other_curves", {}).get("mean of the folds", values)
    if steps is None:
        return None, values
    if "training_stages" in codes or entry["log"] in COUNTED:
        steps = range(1, len(values) + 1)
    elif any(step != int(step) for step in steps):  # the n-th evaluation
        assert "fractional_epochs" in codes
        steps = range(1, len(values) + 1)
    return list(steps), values


def tolerance(entry: dict[str, Any], value: float) -> float:
    """Half a unit of the last digit that the text shows."""
    decimals, digits = entry["decimals"], entry.get("significant")
    if decimals is not None:
        return float(0.5001 * 10.0**-decimals)
    if digits:
        return float(0.51 * 10 ** (1 - digits) * 10 ** np.floor(np.log10(abs(value) or 1)))
    return 6e-6 * max(1.0, abs(value))


IDS = [f"{entry['log']} {entry['objective']}" for entry in TRUTH]


@pytest.mark.parametrize("entry", TRUTH, ids=IDS)
def test_the_programs_own_curve(entry: dict[str, Any]) -> None:
    said = UNKNOWABLE.get((entry["log"], entry["objective"]))
    if said == "error":
        with pytest.raises(EsimError, match="nearest lines"):
            read(entry)
        return
    study = read(entry)
    assert study.n_trials == 1
    if said is not None:
        assert said in {finding.code for finding in check(study).findings}
        return
    steps, values = expected_of(entry, study)
    assert study.n_reports == len(values), (study.values, values)
    off = [abs(a - b) / tolerance(entry, b) for a, b in zip(study.values, values, strict=True)]
    assert max(off) <= 1, entry["to_note"]
    if steps is not None:
        np.testing.assert_array_equal(study.steps, steps)


def test_every_recording_has_a_truth() -> None:
    named = {entry["log"] for entry in TRUTH}
    assert len(named) == 109
    assert named <= {path.name for path in RECORDED.iterdir()}
