"""The notes on a SageMaker tuning job and on how its logs were read."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise

from esim.errors import plural
from esim.readers.assembly import some
from esim.readers.sagemaker.records import Completion, TrainingJob, TuningJob
from esim.readers.source import File
from esim.readers.text.find import Matches
from esim.readers.text.index_forms import MARKED, StepForm
from esim.readers.text.log_text import EXAMPLE_LENGTH, EXAMPLES, Emissions, LogText
from esim.readers.text.steps import FATES, AlignedCurve, label_of
from esim.study import Note

# How notes describe emissions that are no reports, by the codes of `FATES`.
_FATE_WORDS = {
    "emissions_without_index": "no step, where others have one; left out",
    "duplicate_lines": "a step said again (another host, a doubled logger, a last line); left out",
    "best_line_repeated": "an earlier step again, at the end of a log; left out",
    "per_batch_lines": "before the last one of the epoch, which counts: of batches, or of "
    "processes that nothing names",
    "restarts": "run again after a restart; the later run counts",
    "summary_lines": "behind the last epoch's own, as of a closing evaluation; left out",
    "refreshed_lines": "overwritten by a later refresh of the line, which counts",
    "several_values": "on the line of another value under another label; left out",
    "best_lines": "the best or the final value, besides those of the epochs; left out",
    "k_fold": "of the folds of a cross-validation: the value of a round is their mean, where "
    "SageMaker itself takes each as a value of its own",
    "epochs_backwards": "back at an earlier step with another value; the later value counts",
}

_LOOK_AT = 2_000  # emissions whose labels are examined, which takes 5 us each
_SEPARATOR = re.compile(r"#011|\t| - |, ")
_WORD = re.compile(r"[A-Za-z_][A-Za-z]")
_TRAINING = re.compile(r"(?<![a-z])(?:train|learn)")
_OF_DATA = re.compile(r"(?<![a-z])(?:train|val|test|eval|dev)")
_MANY_LABELS = 50
_NEAR = 200  # characters in front of a value that are looked at first
_FAR = 10_000

EXACT_STRATEGIES = ("Random", "Grid")
# How SageMaker says in more detail that it was no early stopping that stopped a job.
LIMITS = ("MaxRuntimeExceeded", "MaxWaitTimeExceeded", "Interrupted")
AT_THE_END_S = 300.0  # what a tuning job still runs when it is stopped ends within this before it
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
    notes += completion_notes(tuning.completion)
    if tuning.strategy == "Hyperband":
        least, most = ("unknown" if at is None else at for at in tuning.completion.resource)
        between = ""
        if any(at is not None for at in tuning.completion.resource):
            between = f", between MinResource {least} and MaxResource {most}"
        text = f"strategy Hyperband stops jobs by itself{between}, and AUTO must be off with it"
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
    if tuning.parents:
        text = f"the tuning job was warm-started from {some(tuning.parents)}"
        notes.append(Note("warm_start", text, len(tuning.parents), tuning.parents))
    otherwise = [job.name for job in jobs if interrupted(tuning, job)]
    if otherwise:
        text = (
            f"{plural(len(otherwise), 'job', 'were')} stopped, or may have been, by a limit "
            "of time, an "
            f"interruption or the end of the tuning job, not by a rule: {some(otherwise)}"
        )
        notes.append(Note("stopped_otherwise", text, len(otherwise)))
    spot = [job for job in jobs if (tuning.spot if job.spot is None else job.spot)]
    if spot:
        text = (
            f"{plural(len(spot), 'job')} asked for spot instances "
            "(EnableManagedSpotTraining), which are "
            "billed less than they train, and may wait and be interrupted"
        )
        notes.append(Note("spot_instances", text, len(spot)))
    unbilled = [job.name for job in spot if job.billed is None]
    if unbilled:
        text = (
            f"the bill of {plural(len(unbilled), 'job')} on spot instances is not recorded; it is "
            f"taken as on demand: {some(unbilled)}"
        )
        notes.append(Note("spot_bill_unknown", text, len(unbilled)))
    silent = [job.name for job in jobs if job.name not in logs]
    if silent:
        text = f"{plural(len(silent), 'training job', 'have')} no log: {some(silent)}"
        notes.append(Note("jobs_without_logs", text, len(silent)))
    unzoned = [job.name for job in jobs if not job.zone_known]
    if unzoned:
        text = f"no time zone in the times of {plural(len(unzoned), 'job')}; taken as UTC"
        notes.append(Note("zone_assumed", text, len(unzoned)))
    return notes


def completion_notes(completion: Completion) -> list[Note]:
    """Notes on what was to end the whole job, and on what SageMaker found of that.

    `converged` has the moment as its evidence, in seconds since 1970: a replay ends the job there.
    """
    notes = []
    limits = {
        "not-improving": completion.not_improving,
        "target": completion.target,
        "max-runtime": completion.runtime,
    }
    on = [f"{name}={limit:.15g}" for name, limit in limits.items() if limit is not None]
    on += ["ConvergenceDetected"] if completion.on_convergence else []
    if on:
        text = (
            f"the tuning job had completion criteria: {', '.join(on)}; if one of them ended it, "
            "what it would have launched beyond that is unknown"
        )
        notes.append(Note("completion_criteria", text, len(on)))
    if completion.autotune:
        text = "Autotune was on, which may switch on early stopping and completion criteria itself"
        notes.append(Note("autotune_on", text))
    if completion.converged is not None:
        at = datetime.fromtimestamp(completion.converged, UTC).isoformat(timespec="seconds")
        text = f"SageMaker found at {at} that the tuning job had converged"
        notes.append(Note("converged", text, 1, (repr(completion.converged),)))
    if completion.without_progress is not None:
        text = (
            f"SageMaker counts {completion.without_progress} training jobs that did not improve "
            "(1 % or less)"
        )
        notes.append(Note("without_progress", text, completion.without_progress))
    return notes


def interrupted(tuning: TuningJob, job: TrainingJob) -> bool:
    """Whether a job was stopped by something else than early stopping, or may well have been.

    That is what its secondary status says, or that it was stopped within minutes before the end of
    a tuning job that stops what still runs.
    """
    if (job.status or "").lower() not in ("stopped", "stopping"):
        return False
    if job.secondary in LIMITS:
        return True
    if tuning.end is None or job.end is None:
        return False
    return tuning.cut_short and job.end >= tuning.end - AT_THE_END_S


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
    fractional = sum(curve.fractional for curve in curves)
    if fractional:
        text = "indices are fractions of epochs: step n is the n-th of them"
        notes.append(Note("fractional_epochs", text, fractional))
    staged = sum(curve.stages > 0 for curve in curves)
    if staged:
        text = (
            f"{plural(staged, 'job', 'train')} in stages, each stage from epoch 1 to the end "
            "that it announces; the "
            "epochs are counted on"
        )
        notes.append(Note("training_stages", text, staged))
    crowded = [hosts for curve in curves if (hosts := curve.hosts)]
    if crowded:
        text = (
            f"{objective!r} of {plural(len(crowded), 'job')} is printed by several hosts or "
            "ranks, such as "
            f"{some(crowded[0])}; of each step the first one that has it counts"
        )
        notes.append(Note("several_hosts", text, len(crowded)))
    again = 0 if form is not None else sum(map(_started_again, matches.jobs))
    if again:
        text = (
            f"{plural(again, 'job', 'have')} several log streams of one host, as behind a "
            "restart, and lines "
            "without an index: their values are counted on"
        )
        notes.append(Note("restarts_unnumbered", text, again))
    for code in FATES[1:]:
        count = sum(curve.dropped.get(code, 0) for curve in curves)
        if count:
            examples = [curve.evidence[code] for curve in curves if code in curve.evidence]
            text = f"{plural(count, 'line')} with {objective!r}: {_FATE_WORDS[code]}"
            notes.append(Note(code, text, count, tuple(examples[:EXAMPLES])))
    texts = [text for job in matches.jobs for text in job]
    unread = sum(text.unread for text in texts)
    if unread:
        examples = [example for text in texts for example in text.examples]
        said = (
            f"{plural(unread, 'line', 'hold')} the metric's name without a value, as {examples[0]}"
        )
        notes.append(Note("lines_unmatched", said, unread, tuple(examples[:EXAMPLES])))
    empty = sum(text.empty for text in texts)
    if empty:
        said = f"{plural(empty, 'line', 'match')} {objective!r} with nothing in the group"
        notes.append(Note("empty_capture", said, empty))
    metric = matches.metric
    if metric is None:
        return notes
    if matches.respelled:
        text = f"the regex of {objective!r} matches only with its tabs read as tabs or spaces"
        notes.append(Note("tabs_respelled", text))
    if matches.form is not None:
        said = f"the regex of {objective!r} is the table's, {matches.form.name}: {metric.shown}"
        notes.append(Note("regex_from_table", said))
        if matches.form.caution:
            notes.append(Note("table_caution", f"{objective!r} is {matches.form.caution}"))
        if matches.form.general:
            text = f"{objective!r} is looked for by its name alone, in lines of no known program"
            notes.append(Note("general_form", text))
    return [*notes, *_regex_notes(objective, matches, texts)]


def _started_again(texts: Sequence[Emissions]) -> bool:
    """Whether one host has printed values in several log streams."""
    hosts = [(t.printer.host, t.printer.started) for t in texts if t.messages and t.printer.started]
    return len(set(hosts)) > len({host for host, _ in hosts})


def _regex_notes(objective: str, matches: Matches, texts: Sequence[Emissions]) -> Iterator[Note]:
    """Notes on lines where the regex takes a part of a number, or the value of another metric."""
    assert matches.metric is not None
    regex = matches.metric.regex
    literal = _literal_before(regex.pattern)
    other: list[str] = []
    labels: dict[str, str] = {}
    told: list[tuple[str, float]] = []  # labels and values in their order
    others = 0
    training = "train" in objective.lower()
    each = max(1, _LOOK_AT // max(1, sum(bool(text.messages) for text in texts)))
    for text in texts:
        for i in _spread(len(text.messages), each):
            message, first = text.messages[i], int(text.at[i])
            match = _match_at(regex, message, first)
            if match is None:
                continue
            place = f"{text.where}:{text.lines[i]}: {message[:EXAMPLE_LENGTH]}"
            ahead = message[max(0, first - _NEAR) : first]
            named = first - len(literal) if ahead.endswith(literal) else first
            inside = _inside_a_word(message, match.start()) or _inside_a_word(message, named)
            if inside or _is_of_other_data(ahead, training):
                others += 1
                if len(other) < EXAMPLES:
                    other.append(place)
            if matches.form is None:
                told.append((label_of(message, first).lower(), float(text.values[i])))
                labels.setdefault(told[-1][0], place)
    cuts = sum(text.cut for text in texts)
    if cuts:
        cut = [example for text in texts for example in text.cut_examples]
        said = f"the regex of {objective!r} takes only part of the number in {plural(cuts, 'line')}"
        yield Note("value_cut", said, cuts, tuple(cut[:EXAMPLES]))
    if not others and (_are_of_two_kinds(list(labels)) or _take_turns(told)):
        said = f"the regex of {objective!r} takes values of several kinds: " + ", ".join(
            f"{label!r}" for label in list(labels)[:EXAMPLES]
        )
        yield Note("other_metric_matched", said, len(labels), tuple(labels.values())[:EXAMPLES])
    if others:
        said = (
            f"the regex of {objective!r} takes another metric's value in {plural(others, 'line')}"
        )
        yield Note("other_metric_matched", said, others, tuple(other))


def _spread(count: int, most: int) -> list[int]:
    """Positions spread over some emissions, the first and the last among them."""
    if count <= most:
        return list(range(count))
    return [round(i * (count - 1) / max(1, most - 1)) for i in range(most)]


def _match_at(regex: re.Pattern[str], message: str, first: int) -> re.Match[str] | None:
    """The match of which the group begins at a place; None if there is none."""
    for begin in (0,) if first < _NEAR else (first - _NEAR, 0):
        match = regex.search(message, begin)
        while match is not None and match.start(1) < first and match.end() > match.start():
            match = regex.search(message, match.end())
        if match is not None and match.start(1) == first:
            return match
        if first > _FAR:  # so that a long line of many values takes linear time
            return None
    return None


def _literal_before(pattern: str) -> str:
    """The text that stands in front of a regex's first group in every match; "" if none does."""
    before = re.split(r"(?<!\\)\((?!\?)", pattern, maxsplit=1)[0]
    plain = re.search(r"(?:[\w/ :=-]|\\[^\w])*$", before)
    return re.sub(r"\\(\W)", r"\1", plain[0]) if plain else ""


def _are_of_two_kinds(labels: Sequence[str]) -> bool:
    """Whether values stand behind labels of training and of something else, or of two metrics."""
    if len(labels) < 2:
        return False
    training = [label for label in labels if _TRAINING.search(label)]
    if training and len(training) < len(labels):
        return True
    return any(_is_longer(b, a) for a in labels for b in labels[:_MANY_LABELS])


def _take_turns(told: Sequence[tuple[str, float]]) -> bool:
    """Whether two labels alternate, as where a regex takes the loss of training and evaluation.

    A doubled logger says the same value under another label.
    """
    pairs = list(pairwise(told))
    turns = all(a != b for (a, _), (b, _) in pairs)
    doubled = all(a == b for (_, a), (_, b) in pairs[::2])
    return len({label for label, _ in told}) == 2 and len(pairs) > 2 and turns and not doubled


def _is_longer(label: str, other: str) -> bool:
    """Whether a label names another metric than the one that it ends with, as val_loss and loss."""
    if not other or label == other or not label.endswith(other):
        return False
    more = label[: -len(other)]
    return more[-1] in "_-/" or _OF_DATA.search(more) is not None


def _is_of_other_data(before: str, training: bool) -> bool:
    """Whether the label in front of a value is that of training data, or of validation data.

    Args:
        before: what stands in front of the value; the label is behind the last separator.
        training: whether the metric is one of training data.
    """
    label = _SEPARATOR.split(before.lower())[-1].lstrip()
    return label.startswith("valid") if training else label.startswith("train")


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
    text = f"{plural(len(wrong), 'final value', 'differ')} from the record's: {some(wrong)}"
    return [Note("final_value_differs", text, len(wrong))]
