"""The samples in the tables of formats: each is recognised as its format, and read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import esim
from esim.readers.formats import Format
from esim.readers.inputs import read_inputs
from esim.readers.own_formats import own_formats
from esim.readers.tables.summaries import SUMMARIES

SAMPLED = [format for format in own_formats() if format.sample]


def put(format: Format, folder: Path) -> Path:
    for name, contents in format.sample.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(contents)
    return folder


@pytest.mark.parametrize("format", SAMPLED, ids=[format.name for format in SAMPLED])
def test_a_sample_is_read_as_its_format(format: Format, tmp_path: Path) -> None:
    folder = put(format, tmp_path)
    try:
        found = read_inputs(folder, direction="minimize")
    except esim.EsimError as error:  # of several metrics the error names one
        objective = str(error.fix).partition("--objective ")[2]
        found = read_inputs(folder, direction="minimize", objective=objective)
    (study,) = found.studies
    assert found.inputs[0].format == format.name
    assert study.n_trials == 1
    assert study.n_reports > 1
    assert np.isfinite(study.values).all()
    assert (study.elapsed is not None) <= format.times


def test_samples_are_of_most_loggers() -> None:
    assert len(SAMPLED) > 10


def test_tables_of_last_values_are_told_apart(tmp_path: Path) -> None:
    for i, summary in enumerate(SUMMARIES):
        path = tmp_path / f"{i}.csv"
        path.write_text(
            ",".join(sorted(summary.columns)) + "\n" + ",".join("1" * len(summary.columns))
        )
        with pytest.raises(esim.EsimError) as caught:
            esim.read_study(path, objective="value", direction="minimize")
        assert "no curves" in str(caught.value)
        assert summary.instead in str(caught.value)
