"""The notes on a SageMaker tuning job and on how its logs were read."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath

from esim.readers.assembly import some
from esim.readers.sagemaker.records import TrainingJob, TuningJob
from esim.readers.source import File
from esim.readers.text.find import Matches
from esim.readers.text.log_text import EXAMPLE_LENGTH, EXAMPLES, Emissions, LogText
from esim.readers.text.steps import FATES, MARKED, AlignedCurve, StepForm
from esim.study import Note

# How notes describe emissions that are no reports, by the codes of `FATES`.
_FATE_WORDS = {
    "emissions_without_index": "carry no step where others do; left out",
    "duplicate_lines": "say a step again (another host, a doubled logger, a last line); left out",
    "best_line_repeated": "repeat an earlier step at the end of a log; left out",
    "per_batch_lines": "stand before the last one of their epoch, which counts",
    "restarts": "were run again after a restart; the later run counts",
    "summary_lines": "stand behind the last epoch's own, as a closing evaluation does; left out",
    "epochs_backwards": "go back to an earlier step with another value; the later value counts",
}

_LOOK_AT = 20_000  # emissions whose match is examined, which takes 1 us each
_DIGITS = frozenset("0123456789.eE-")  # a quick test before the regexes; "" is not in it
_GOES_ON = re.compile(r"[eE][-+]?[0-9]|\.?[0-9]")
_SIGN_BEFORE = re.compile(r"[=:\s(]-$|[0-9]\.?$")
_SEPARATOR = re.compile(r"#011|\t| - |, ")
_WORD = re.compile(r"[A-Za-z_][A-Za-z]")

EXACT_STRATEGIES = ("Random", "Grid")
FINAL_TOLERANCE = 1e-6  # relative, because the API's values have the precision of float32


def job_notes(
    tuning: TuningJob, jobs: Sequence[TrainingJob], logs: Mapping[str, list[File | LogText]]
) -> list[Note]:
    """Notes on what the records say that the person who reads a result must know.

    Args:
        tuning: the tuning job.
        jobs: its training jobs.
        logs: the logs of each job.
    """
    notes = []
    if tuning.auto:
        text = (
            "the tuning job ran with TrainingJobEarlyStoppingType=Auto: stopped jobs are cut "
            "short, and what they would have reached is unknown"
        )
        notes.append(Note("auto_was_on", text))
    if tuning.strategy == "Hyperband":
        text = "strategy Hyperband stops jobs by itself, and AUTO must be off with it"
        notes.append(Note("strategy_hyperband", text))
    if tuning.definitions > 1:
        text = f"{tuning.definitions} training job definitions: AUTO is for tuning one algorithm"
        notes.append(Note("several_algorithms", text, tuning.definitions))
    if tuning.strategy not in EXACT_STRATEGIES:
        text = (
            f"strategy {tuning.strategy}: later configurations depend on earlier results, so a "
            "replay is exact only for Random and Grid"
        )
        notes.append(Note("strategy_bayesian", text))
    spot = [job for job in jobs if (tuning.spot if job.spot is None else job.spot)]
    if spot:
        text = (
            f"{len(spot)} job(s) asked for spot instances (EnableManagedSpotTraining), which are "
            "billed less than they train, and may wait and be interrupted"
        )
        notes.append(Note("spot_instances", text, len(spot)))
    unbilled = [job.name for job in spot if job.billed is None]
    if unbilled:
        text = (
            f"what {len(unbilled)} job(s) on spot instances were billed is not recorded; it is "
            f"taken as if they were on demand: {some(unbilled)}"
        )
        notes.append(Note("spot_bill_unknown", text, len(unbilled)))
    silent = [job.name for job in jobs if job.name not in logs]
    if silent:
        text = f"{len(silent)} training job(s) have no log: {some(silent)}"
        notes.append(Note("jobs_without_logs", text, len(silent)))
    crowded = [job.name for job in jobs if len(_hosts(logs.get(job.name, ()))) > 1]
    if crowded:
        text = (
            f"{len(crowded)} job(s) ran on several hosts; of each step the first host counts: "
            + some(crowded)
        )
        notes.append(Note("several_hosts", text, len(crowded)))
    unzoned = [job.name for job in jobs if not job.zone_known]
    if unzoned:
        text = f"times of {len(unzoned)} job(s) name no time zone; taken as UTC"
        notes.append(Note("zone_assumed", text, len(unzoned)))
    return notes


def line_notes(
    objective: str, matches: Matches, curves: Sequence[AlignedCurve], form: StepForm | None
) -> list[Note]:
    """Notes on how lines became steps, and on lines that were left out.

    Args:
        objective: the metric.
        matches: where it was found.
        curves: the curve of each job.
        form: how lines name their step.
    """
    if form is MARKED:
        notes = [Note("step_from_marker", "steps are the epoch that a line before names")]
    elif form is not None:
        notes = [Note("step_from_line", f"steps are the index in the line, {form.name}")]
    else:
        notes = [Note("step_by_emission", "lines carry no index: step n is the n-th value printed")]
    for code in FATES[1:]:
        count = sum(curve.dropped.get(code, 0) for curve in curves)
        if count:
            examples = [curve.evidence[code] for curve in curves if code in curve.evidence]
            text = f"{count} line(s) with {objective!r} {_FATE_WORDS[code]}"
            notes.append(Note(code, text, count, tuple(examples[:EXAMPLES])))
    texts = [text for job in matches.jobs for text in job]
    unread = sum(text.unread for text in texts)
    if unread:
        examples = [example for text in texts for example in text.examples]
        said = f"{unread} line(s) hold the metric's name but give no value, as {examples[0]}"
        notes.append(Note("lines_unmatched", said, unread, tuple(examples[:EXAMPLES])))
    empty = sum(text.empty for text in texts)
    if empty:
        said = f"{empty} line(s) match {objective!r} with nothing in the group"
        notes.append(Note("empty_capture", said, empty))
    if matches.regex is None:
        return notes
    if matches.form is not None:
        name, pattern = matches.form.name, matches.regex.pattern
        said = f"the regex of {objective!r} is the table's, {name}: {pattern}"
        notes.append(Note("regex_from_table", said))
        if matches.form.caution:
            notes.append(Note("table_caution", f"{objective!r} is {matches.form.caution}"))
    return [*notes, *_regex_notes(objective, matches.regex, texts)]


def _regex_notes(
    objective: str, regex: re.Pattern[str], texts: Sequence[Emissions]
) -> Iterator[Note]:
    """Notes on lines where the regex takes a part of a number, or the value of another metric."""
    cut: list[str] = []
    other: list[str] = []
    cuts = others = looked = 0
    apart = "train" not in objective.lower()
    for text in texts:
        for line, message in zip(text.lines, text.messages, strict=True):
            if looked == _LOOK_AT:
                break
            looked += 1
            match = regex.search(message)
            if match is None:
                continue
            first, last = match.span(1)
            if _takes_a_part(message, first, last):
                cuts += 1
                if len(cut) < EXAMPLES:
                    cut.append(f"{text.where}:{line}: {message[:EXAMPLE_LENGTH]}")
            if _inside_a_word(message, match.start()) or (
                apart and _is_of_training(message[:first])
            ):
                others += 1
                if len(other) < EXAMPLES:
                    other.append(f"{text.where}:{line}: {message[:EXAMPLE_LENGTH]}")
    if cuts:
        said = f"the regex of {objective!r} takes only part of the number in {cuts} line(s)"
        yield Note("value_cut", said, cuts, tuple(cut))
    if others:
        said = f"the regex of {objective!r} takes another metric's value in {others} line(s)"
        yield Note("other_metric_matched", said, others, tuple(other))


def _takes_a_part(message: str, first: int, last: int) -> bool:
    """Whether the number continues behind the group, or begins before it."""
    behind = message[last : last + 1] in _DIGITS and _GOES_ON.match(message, last)
    before = message[first - 1 : first] in _DIGITS and _SIGN_BEFORE.search(message[:first])
    return bool(behind or before)


def _is_of_training(before: str) -> bool:
    """Whether the metric's label, which is behind the last separator, begins with "train"."""
    before = before.lower()
    return "train" in before and _SEPARATOR.split(before)[-1].lstrip().startswith("train")


def _inside_a_word(message: str, at: int) -> bool:
    """Whether a match begins in the middle of a name, as that of "loss:" in "val_loss:" does.

    "modelTest" does not count, because notebooks join a status line to the line after it.
    """
    if at == 0 or not _WORD.match(message[at - 1 : at + 1]):
        return False
    return not (message[at - 1].islower() and message[at].isupper())


def final_notes(jobs: Sequence[TrainingJob], curves: Sequence[AlignedCurve]) -> list[Note]:
    """The note on jobs whose last value in the log is not the final metric in the record, if any.

    Args:
        jobs: the training jobs.
        curves: the curve of each of them.
    """
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


def _hosts(parts: Sequence[File | LogText]) -> set[str]:
    """The numbers of the hosts that the names of a job's log streams hold."""
    found = set()
    for log in parts:
        name = log.stream if isinstance(log, LogText) else log.name
        for part in PurePosixPath(name).parts:
            match = re.search(r"(?:^|-)algo-(\d+)-", part)
            if match:
                found.add(match[1])
    return found
