"""Reads PD1: ``pd1_matched_phase1_results.jsonl.gz`` and its like, also in ``pd1.tar.gz``.

Each line is a trial: "study_group" and "trial_dir" name it, "hps.*" are its hyperparameters, and
"valid/error_rate" and the like are lists that stand beside "global_step". A study is a study group
in one of the four files, as matched and unmatched points and the two phases are collections of
their own. The objective is valid/error_rate, which is minimized (the archive's README.txt;
google-research/hyperbo).

The seconds are those of the trainer, init2winit: steps_per_sec is the mean speed since the process
started, evaluations included, and a process that was preempted starts again at the last
evaluation. eval_time is the duration of a single evaluation, not the time since the start.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from esim.errors import EsimError
from esim.readers.encodings import archive, cells, jsontext
from esim.readers.formats import Detection, Format, Found
from esim.readers.options import Options
from esim.readers.run_logs import run_names
from esim.readers.runs import (
    Curve,
    Experiment,
    Run,
    detected,
    file_notes,
    status_note,
    status_of,
    studies,
)
from esim.readers.source import File, Source
from esim.study import Float64, Note, Status

FORMAT = Format(
    name="pd1",
    summary="PD1: pd1_*_results.jsonl.gz, also in pd1.tar.gz; a study group of a file is a study",
    times=True,
    configs=True,
    several_studies=True,
    first_step="before",
    files="pd1_*_results.jsonl.gz, also in pd1.tar.gz",
)

OBJECTIVE = "valid/error_rate"
STEP, SPEED, PREEMPTIONS = "global_step", "steps_per_sec", "preemption_count"
STATUSES: Mapping[str, Status] = {"done": Status.COMPLETED, "diverged": Status.FAILED}
_FILE = re.compile(r"pd1_((?:un)?matched_phase[0-9])_results\.jsonl(?:\.gz)?")
_IN_ARCHIVE = re.compile(rb"pd1_(?:un)?matched_phase[0-9]_results\.jsonl")
_METRIC = re.compile(r"(?:train|valid|test)/(?!denominator).*|train_cost")
_NO_CURVE = Curve(np.empty(0, dtype=np.int64), np.empty(0))
_GROUP = re.compile(rb'"study_group"\s*+:\s*+("[^"\\]*+(?:\\.[^"\\]*+)*+")')


def detect(source: Source) -> Detection:
    """Whether there are files of PD1's names, or an archive in which they are."""
    files = _files(source)
    folders = {file.folder for file in files}
    beside = {f for f in source.files if f.folder in folders and f.base.endswith(".json")}
    return detected(files, "of PD1", frozenset({*files, *beside}))


def read(source: Source, options: Options) -> Found:
    """Read a study for each study group of each file.

    Args:
        source: the input.
        options: what the user asked for.

    Raises:
        EsimError: an archive is damaged, a line is no JSON, or a list holds something other than
            numbers.
    """
    files = _files(source)
    if not files:
        raise EsimError("no file of PD1", where=source.label, fix="pd1_*_results.jsonl.gz")
    objective = options.objective or OBJECTIVE
    found: dict[str, list[Run]] = {}
    unknown: list[str] = []
    for part in archive.parts(files, _FILE):
        named = _FILE.fullmatch(part.base)
        for number, line in enumerate(io.BytesIO(part.data), start=1):
            place = f"{part.place}:{number}"
            if not line.strip():
                continue
            group = _GROUP.search(line)
            if group is None:
                raise EsimError("not a trial of PD1", where=place, why="it has no study_group")
            name = jsontext.parse(group[1].decode("utf-8", "replace"), place)
            study = f"{named[1]}/{name}" if named else name
            runs = found.setdefault(study, [])
            if not options.studies or study in options.studies:
                row = jsontext.parse(line.decode("utf-8", "replace"), place)
                if not isinstance(row, dict):
                    raise EsimError("not a JSON object", where=place)
                runs.append(_run(row, place, objective, unknown))
    experiments = [
        Experiment(
            name=study,
            runs=_named(runs),
            where=f"{source.label}, {study}",
            objective=OBJECTIVE,
            objective_from="PD1",
            direction="minimize",
            times="elapsed",
            notes=(Note("step_column", f"steps are {STEP}"),),
        )
        for study, runs in found.items()
    ]
    notes = (*file_notes(source, set(files)), *status_note(unknown))
    return studies(experiments, options, source, notes)


def _files(source: Source) -> list[File]:
    return [
        file
        for file in source.files
        if _FILE.fullmatch(file.base)
        or (archive.is_archive(file) and (file.base == "pd1.tar" or _IN_ARCHIVE.search(file.head)))
    ]


def _run(row: dict[str, Any], place: str, objective: str, unknown: list[str]) -> Run:
    """The run of a trial, named by its folder, with the curve of the objective only."""
    metrics = [
        key
        for key, values in row.items()
        if isinstance(values, list) and values and _METRIC.fullmatch(key)
    ]
    curve = _curve(row, objective, place) if objective in metrics else _NO_CURVE
    return Run(
        trial=cells.identifier(row.get("trial_dir"), place, "trial_dir"),
        metrics=metrics,
        curve=lambda _: curve,
        status=status_of(str(row.get("status", "")), STATUSES, unknown),
        config={
            key.removeprefix("hps."): value
            for key, value in row.items()
            if key.startswith("hps.") and value is not None
        },
    )


def _curve(row: dict[str, Any], objective: str, place: str) -> Curve:
    steps = [cells.integer(cell, place, STEP) for cell in row.get(STEP) or ()]
    values = [cells.number(cell, place, objective) for cell in row[objective]]
    if len(steps) != len(values):
        what = f"{len(values)} values of {objective} and {len(steps)} of {STEP}"
        raise EsimError(what, where=place)
    speeds, preemptions = (
        [cells.number(cell, place, name) for cell in row.get(name) or ()]
        for name in (SPEED, PREEMPTIONS)
    )
    timed = len(speeds) == len(preemptions) == len(steps) and not np.isnan(preemptions).any()
    return Curve(
        np.array(steps, dtype=np.int64),
        np.array(values, dtype=np.float64),
        _elapsed(steps, speeds, preemptions) if timed else None,
    )


def _elapsed(
    steps: Sequence[int], speeds: Sequence[float], preemptions: Sequence[float]
) -> Float64:
    """float64 [R]: the seconds of training and evaluation at each report, NaN if unknown.

    Args:
        steps: the steps done at each report. [R]
        speeds: the mean steps a second since the process started. [R]
        preemptions: how often the run had been preempted. [R]
    """
    elapsed = np.full(len(steps), np.nan)
    began, before, times = 0, 0.0, preemptions[0] if preemptions else 0.0
    for i, (step, speed) in enumerate(zip(steps, speeds, strict=True)):
        if preemptions[i] != times:  # a new process, which started at the last report
            began, before, times = steps[i - 1], float(elapsed[i - 1]), preemptions[i]
        if speed > 0:
            elapsed[i] = before + (step - began) / speed
    return elapsed


def _named(runs: Sequence[Run]) -> list[Run]:
    """The runs under the parts of their folders in which they differ."""
    names = run_names([run.trial for run in runs], "0")
    if len(set(names)) < len(names):
        names = [str(number) for number in range(len(names))]
    return [replace(run, trial=name) for run, name in zip(runs, names, strict=True)]
