"""What is the output of a training job, and what only lies beside it: pages, sources, JSON."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from textwrap import indent
from typing import Any

import pytest

from esim.errors import EsimError
from esim.readers.choosing import choose_format
from esim.readers.inputs import read_inputs, read_study
from esim.readers.opening import open_sources
from esim.readers.text.looks import logs_among
from tests.paths import DATA, FORMATS

SAMPLE = "".join(f"[{k}]\tvalidation-rmse:0.{9 - k}\n" for k in range(3))  # XGBoost's lines
FENCED = f"# Training with sagemaker\n\n```\n{SAMPLE}```\n"
PAGE = f"<html><body>algo-1 of sagemaker<pre>\n{SAMPLE}</pre></body></html>\n"


def notebook(*printed: str) -> str:
    """A notebook whose cells have printed these texts."""
    outputs = [[{"output_type": "stream", "name": "stdout", "text": text}] for text in printed]
    cells = [
        {"cell_type": "code", "metadata": {}, "source": ["import sagemaker"], "outputs": output}
        for output in [*outputs, []]
    ]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


def logs(folder: Path, files: dict[str, str]) -> list[str]:
    """Those of some files, written into a folder, that are taken as logs."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (source,) = open_sources([folder])
    return [file.name for file in logs_among(source.files)]


# Without lines of a known program; sagemaker, /opt/ml/ and algo-1 stand in prose, too.
NO_LOGS = {
    "README.md": "# sagemaker\n\nHosts are algo-1 and algo-2.\n\n    /opt/ml/model\n",
    "docs/guide.rst": "Runs on sagemaker print the loss after each epoch.\n",
    "report.html": "<html><body>rule sagemaker: loss 0.5 at step 3</body></html>\n",
    "notes.md": "Best so far: epoch 9, `val_loss: 0.1` on sagemaker.\n",
    "analysis.ipynb": notebook(),
    "requirements.txt": "sagemaker==2.0\n",
    "LICENSE": "Licence of sagemaker-training\n",
    "train.py": "import sagemaker\nprint('epoch 1: loss: 0.5')\n",
    "rules.csv": "rule,loss\nsagemaker,0.5\n",
    "figure.svg": "<svg><text>sagemaker</text></svg>\n",
    "config.yaml": "image: sagemaker\nepochs: 3\nloss: 0.5\n",
}


@pytest.mark.parametrize("name", NO_LOGS)
def test_what_lies_beside_logs_is_none(tmp_path: Path, name: str) -> None:
    assert logs(tmp_path, {name: NO_LOGS[name]}) == []
    with pytest.raises(EsimError, match="no format matches"):
        choose_format(*open_sources([tmp_path / name]))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("export.md", FENCED),
        ("export.md", f"# Run\n\n```python\nfit()\n```\n\n{indent(SAMPLE, '    ')}"),
        ("README.md", FENCED),
        ("README.txt", SAMPLE),
        ("run.html", PAGE),
        ("run.ipynb", notebook("anything")),
        ("log.py", SAMPLE),
        ("out.txt", "sagemaker-training-toolkit INFO started\n"),
        ("out.csv", SAMPLE),
    ],
)  # fmt: skip
def test_a_log_in_a_page_is_one(tmp_path: Path, name: str, text: str) -> None:
    assert logs(tmp_path, {name: text}) == [name]


def test_an_example_in_a_page_is_no_trial_beside_logs(tmp_path: Path) -> None:
    asides = {"README.md": FENCED, "report.html": PAGE, "train.py": SAMPLE, "docs/x.rst": SAMPLE}
    assert logs(tmp_path, {"a.log": SAMPLE, "b.md": FENCED, **asides}) == ["a.log", "b.md"]
    reading = read_inputs(tmp_path, direction="minimize")
    assert [study.trials for study in reading.studies] == [("a", "b")]
    (note,) = reading.inputs[0].notes
    assert note.text.startswith("4 files are no logs of training jobs: README.md, docs/x.rst")


def test_a_page_given_alone_is_read(tmp_path: Path) -> None:
    path = tmp_path / "README.md"
    path.write_text(FENCED)
    assert read_study(path, direction="minimize").values.tolist() == [0.9, 0.8, 0.7]
    path.write_text("score 0.5\nscore 0.25\n")
    metric = ["score=score ([0-9.]+)"]
    study = read_study(path, objective="score", direction="minimize", metrics=metric)
    assert study.values.tolist() == [0.5, 0.25]


@pytest.mark.parametrize("name", sorted(path.name for path in FORMATS.iterdir()))
def test_pages_beside_the_files_of_a_format_change_nothing(tmp_path: Path, name: str) -> None:
    (source,) = open_sources([FORMATS / name])
    expected = choose_format(source).name
    folder = tmp_path / name
    shutil.copytree(FORMATS / name, folder)
    logs(folder, {**NO_LOGS, "README.md": FENCED, "report.html": PAGE, "x.md": FENCED})
    logs(folder, {"run.ipynb": notebook(SAMPLE)})
    (source,) = open_sources([folder])
    assert choose_format(source).name == expected


# --- JSON --------------------------------------------------------------------------------------

TRIAL = {  # as KerasTuner writes it, with other numbers
    "trial_id": "00",
    "hyperparameters": {"space": [], "values": {"units": 32}},
    "metrics": {"metrics": {"val_loss": {"direction": "min", "observations": []}}},
    "score": 0.5,
    "best_step": 3,
    "status": "COMPLETED",
    "message": None,
}
NO_EVENTS: dict[str, Any] = {
    "trial.json": TRIAL,
    "failed/trial.json": {**TRIAL, "message": "Traceback (most recent call last)"},
    "oracle.json": {"ongoing_trials": {}, "start_order": ["00"], "end_order": ["00"], "events": []},
    "package.json": {"name": "events", "version": "1.0", "keywords": ["message", "results"]},
    "composer.lock": {"packages": [{"name": "a", "time": "2024-01-01"}], "message": "generated"},
    "config.json": {"architectures": ["A"], "hidden_size": 8, "results": [{"loss": 0.5}]},
    "hparams.json": {"lr": 0.1, "message": "the first try", "epochs": 3},
    "vocab.json": {"message": 17, "events": 18, "log": 19, "timestamp": 20},
    "lint.json": [{"type": "error", "path": "a.py", "line": 3, "message": "unused"}],
    "scan.json": {"results": [{"check": "c", "path": "a.py", "extra": {"message": "unused"}}]},
    "history.json": [{"epoch": 1, "loss": 0.5, "message": ""}, {"epoch": 2, "loss": 0.4}],
}


@pytest.mark.parametrize("filler", [0, 20_000])
@pytest.mark.parametrize("name", NO_EVENTS)
def test_json_that_holds_no_events_is_no_log(tmp_path: Path, name: str, filler: int) -> None:
    """Also where it is longer than the first bytes that are looked at."""
    found = NO_EVENTS[name]
    more = {f"w{k}": k for k in range(filler)}
    text = json.dumps({**found, **more} if isinstance(found, dict) else [*found, more], indent=1)
    assert logs(tmp_path, {name: text}) == []


EVENT = {"timestamp": 1709287200000, "message": "[0]#011validation-rmse:0.5"}
EVENTS = {
    "a page": json.dumps({"events": [EVENT], "nextForwardToken": "f/1"}),
    "an empty page": json.dumps({"events": [], "nextForwardToken": "f/1"}),
    "pages": json.dumps([{"events": [EVENT]}, {"events": [EVENT]}]),
    "events": json.dumps([EVENT, EVENT]),
    "one event": json.dumps(EVENT),
    "rows": json.dumps([[{"field": "@message", "value": "x"}]]),
    "rows of a query": json.dumps({"results": [[{"field": "@message", "value": "x"}]]}),
    "Insights without a time": json.dumps([{"@message": "x"}]),
    "Docker": '{"log": "x\\n", "stream": "stdout", "time": "2024-03-01T10:00:00Z"}\n' * 2,
    "loggers' lines": '{"level": "INFO", "message": "val_loss: 0.5"}\n' * 2,
    "lines of messages": '{"message": "val_loss: 0.5"}\n' * 2,
}


@pytest.mark.parametrize("name", EVENTS)
def test_json_of_events_is_a_log(tmp_path: Path, name: str) -> None:
    assert logs(tmp_path, {"log.json": EVENTS[name]}) == ["log.json"]


@pytest.mark.parametrize("name", ["a page", "pages", "events"])
@pytest.mark.parametrize("message", ["x, {\\" * 30, "x, {\\" * 30_000])
def test_long_json_of_events_is_a_log(tmp_path: Path, name: str, message: str) -> None:
    """The first bytes hold some events, or a part of the first one."""
    event = {**EVENT, "message": message}
    events = json.dumps([event] * 600 if len(message) < 1000 else [event])[1:-1]
    text = EVENTS[name].replace(json.dumps(EVENT), events, 1)
    assert len(text) > 64 * 1024
    assert logs(tmp_path, {"log.json": text}) == ["log.json"]


def test_settings_in_the_folder_of_a_job_are_no_log(tmp_path: Path) -> None:
    shutil.copytree(DATA / "tiny" / "sagemaker", tmp_path / "tiny")
    job = next((tmp_path / "tiny" / "logs").iterdir())
    (job / "settings.json").write_text(json.dumps({**TRIAL, "note": "validation_loss=0.001"}))
    reading = read_inputs(tmp_path / "tiny")
    (expected,) = read_inputs(DATA / "tiny" / "sagemaker").studies
    assert reading.studies[0].values.tolist() == expected.values.tolist()
    (note,) = reading.inputs[0].notes
    assert note.text == f"1 file is neither records nor logs: logs/{job.name}/settings.json"


def test_pages_beside_runs_that_only_their_columns_show_change_nothing(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.csv").write_text("round,loss\n1,0.5\n2,0.25\n")
    logs(tmp_path, {"README.md": FENCED, "x.md": FENCED, "run.ipynb": notebook(SAMPLE)})
    study = read_study(tmp_path, direction="minimize")
    assert study.trials == ("a", "b") and study.values.tolist() == [0.5, 0.25] * 2
