"""What there is to say about a SageMaker tuning job and how its logs were read."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from esim.readers.assemble import some
from esim.readers.sagemaker.records import TrainingJob, TuningJob
from esim.readers.sagemaker.scan import EXAMPLES
from esim.readers.sagemaker.steps import Curve, StepForm
from esim.readers.sagemaker.text import Emissions
from esim.readers.source import File
from esim.study import Note

EXACT_STRATEGIES = ("Random", "Grid")
FINAL_TOLERANCE = 1e-6  # relative; the API's values are float32 widened to float64


def job_notes(
    tuning: TuningJob, jobs: Sequence[TrainingJob], logs: Mapping[str, list[File]]
) -> list[Note]:
    """What the records say that a reader of a result must know."""
    notes = []
    if tuning.auto:
        text = (
            "the tuning job ran with TrainingJobEarlyStoppingType=Auto: stopped jobs are cut "
            "short, and what they would have reached is unknown"
        )
        notes.append(Note("auto_was_on", text))
    if tuning.strategy not in EXACT_STRATEGIES:
        text = (
            f"strategy {tuning.strategy}: later configurations depend on earlier results, so a "
            "replay is exact only for Random and Grid"
        )
        notes.append(Note("strategy_bayesian", text))
    silent = [job.name for job in jobs if job.name not in logs]
    if silent:
        text = f"{len(silent)} training job(s) have no log: {some(silent)}"
        notes.append(Note("jobs_without_logs", text, len(silent)))
    crowded = [job.name for job in jobs if len(_hosts(logs.get(job.name, ()))) > 1]
    if crowded:
        text = f"{len(crowded)} job(s) ran on several hosts; all their lines count: {some(crowded)}"
        notes.append(Note("several_hosts", text, len(crowded)))
    unzoned = [job.name for job in jobs if not job.zone_known]
    if unzoned:
        text = f"times of {len(unzoned)} job(s) name no time zone; taken as UTC"
        notes.append(Note("zone_assumed", text, len(unzoned)))
    return notes


def line_notes(
    objective: str,
    found: Sequence[Sequence[Emissions]],
    curves: Sequence[Curve],
    form: StepForm | None,
) -> list[Note]:
    """How lines became steps, and what was left out."""
    if form is not None:
        notes = [Note("step_from_line", f"steps are the index in the line, {form.name}")]
    else:
        notes = [Note("step_by_emission", "lines carry no index: step n is the n-th value printed")]
    repeated = sum(curve.repeated for curve in curves)
    if repeated:
        text = f"{repeated} line(s) repeat an earlier step at the end of a log; left out"
        notes.append(Note("best_line_repeated", text, repeated))
    without = sum(curve.without_index for curve in curves)
    if without:
        text = f"{without} line(s) with {objective!r} carry no step, {form and form.name}; left out"
        notes.append(Note("emissions_without_index", text, without))
    texts = [text for job in found for text in job]
    unread = sum(text.unread for text in texts)
    if unread:
        examples = [example for text in texts for example in text.examples]
        said = f"{unread} line(s) hold the metric's name but give no value, as {examples[0]}"
        notes.append(Note("lines_unmatched", said, unread, tuple(examples[:EXAMPLES])))
    return notes


def final_notes(jobs: Sequence[TrainingJob], curves: Sequence[Curve]) -> list[Note]:
    """Where the last value in the log is not the final metric in the record."""
    wrong = []
    for job, curve in zip(jobs, curves, strict=True):
        if job.final is None or not len(curve.values):
            continue
        last = float(curve.last)
        if not math.isclose(last, job.final[1], rel_tol=FINAL_TOLERANCE):
            wrong.append(f"{job.name} ({last:.9g} in the log, {job.final[1]:.9g} in the record)")
    if not wrong:
        return []
    text = f"{len(wrong)} final value(s) differ from the record's: {some(wrong)}"
    return [Note("final_value_differs", text, len(wrong))]


def _hosts(files: Sequence[File]) -> set[str]:
    found = set()
    for file in files:
        for part in PurePosixPath(file.name).parts:
            match = re.search(r"(?:^|-)algo-(\d+)-", part)
            if match:
                found.add(match[1])
    return found
