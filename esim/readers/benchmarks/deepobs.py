"""Reads DeepOBS: ``<problem>/<optimizer>/<setting>/random_seed__<seed>__<time>.json``, or a tar.

A problem with an optimizer is a study; a setting with a seed is a trial. Lists such as
`test_losses` have a value for each epoch and one before training, which is the first. The time is
the computer's own. DeepOBS 1.1 makes the name before training; of 1.2, some states of the source do
so behind it. Source: `make_run_name` of runner_utils.py; `create_output_directory` and
`generate_output_directory_name` of abstract_runner.py.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from esim.errors import EsimError, plural
from esim.readers import runs
from esim.readers.assembly import some
from esim.readers.encodings import archive, cells, jsontext
from esim.readers.formats import Detection, Format, Found
from esim.readers.natural import natural
from esim.readers.options import Options
from esim.readers.runs import Curve, Experiment, Run
from esim.readers.source import File, Source
from esim.study import Note, Status

FORMAT = Format(
    name="deepobs",
    summary="DeepOBS: a JSON file a run, also in a tar file; a problem with an optimizer is a "
    "study",
    needs=("direction", "objective, if there are several metrics"),
    schedule=True,
    configs=True,
    several_studies=True,
    first_step="before",
    files="random_seed__*.json, or a tar of them",
)

_RUN = re.compile(r"random_seed__(-?\d+)__([\d-]+)\.json")
_SETTINGS = (
    "optimizer",
    "batch_size",
    "num_epochs",
    "learning_rate",
    "weight_decay",
    "lr_sched_epochs",
    "lr_sched_factors",
    "random_seed",
)
_OF_1_1, _OF_1_2 = "optimizer", "optimizer_name"  # the keys of the optimizer's name
_MINIBATCH = "minibatch_"  # the lists of such a name have a value for each batch, not each epoch


@dataclass(frozen=True)
class _Recorded:
    """A run as it was found.

    Attributes:
        setting, file: the names of its folder and of its file.
        place: where it is, for errors.
        record: what the file holds.
    """

    setting: str
    file: str
    place: str
    record: Mapping[str, Any]

    @property
    def time(self) -> float:
        """The time in the file's name, as seconds since 1970; NaN if it is none."""
        match = _RUN.fullmatch(self.file)
        try:
            at = datetime.strptime(match[2] if match else "", "%Y-%m-%d-%H-%M-%S")
        except ValueError:
            return math.nan
        return at.replace(tzinfo=UTC).timestamp()


def detect(source: Source) -> Detection:
    """Whether a file has the name of a run's file, or is a tar file that begins with one."""
    return runs.detected(_files(source), "of DeepOBS")


def read(source: Source, options: Options) -> Found:
    """Read a study for each problem and optimizer.

    Args:
        source: the input.
        options: what the user asked for.

    Raises:
        EsimError: an archive is damaged, the JSON is broken, or a list holds something other than
            numbers.
    """
    groups: dict[str, dict[tuple[str, str], _Recorded]] = {}
    files = _files(source)
    for part in archive.parts(files, _RUN):
        record = jsontext.parse(part.text, part.place)
        if not isinstance(record, Mapping):
            raise EsimError("not a JSON object", where=part.place)
        parts = part.name.split("/")
        setting = parts[-2] if len(parts) > 1 else ""
        told = f"{record.get('testproblem')}/{record.get(_OF_1_1, record.get(_OF_1_2))}"
        members = groups.setdefault("/".join(parts[-4:-2]) or told, {})
        run = _Recorded(setting, parts[-1], part.place, record)
        if members.setdefault((setting, parts[-1]), run) is not run:
            raise EsimError(
                f"the run {setting}/{parts[-1]} is found twice",
                where=part.place,
                why=f"{members[setting, parts[-1]].place} holds it, too",
                fix="leave one of them out",
            )
    if not groups:
        raise EsimError("no run of DeepOBS", where=source.label)
    experiments = [_experiment(name, m.values(), source) for name, m in groups.items()]
    return runs.studies(experiments, options, source, runs.file_notes(source, set(files)))


def _files(source: Source) -> list[File]:
    return [
        file
        for file in source.files
        if _RUN.fullmatch(file.base) or (archive.is_archive(file) and b"random_seed__" in file.head)
    ]


def _experiment(name: str, found: Iterable[_Recorded], source: Source) -> Experiment:
    members = list(found)
    timed = all(math.isfinite(run.time) for run in members)
    if timed:
        members.sort(key=lambda run: (run.time, natural(run.setting), run.file))
    starts = timed and all(_OF_1_1 in run.record for run in members)
    short: list[str] = []
    made = []
    trials = _trials([(run.setting, run.file) for run in members])
    for trial, run in zip(trials, members, strict=True):
        lists = {
            key: value
            for key, value in run.record.items()
            if isinstance(value, list) and key.endswith(("_losses", "_accuracies"))
        }
        epochs = run.record.get("num_epochs")
        reached = max((len(v) for k, v in lists.items() if not k.startswith(_MINIBATCH)), default=0)
        whole = not isinstance(epochs, int) or reached > epochs
        if not whole:
            short.append(trial)
        config = {key: run.record[key] for key in _SETTINGS if key in run.record}
        for key in ("hyperparams", "optimizer_hyperparams"):
            inner = run.record.get(key)
            config.update(runs.flat(inner) if isinstance(inner, Mapping) else {})
        made.append(
            Run(
                trial=trial,
                metrics=[key for key, value in lists.items() if value],
                curve=_curve(lists, run.place),
                start=run.time if starts else math.nan,
                status=Status.COMPLETED if whole else Status.STOPPED,
                config=config,
            )
        )
    notes = [Note("step_column", "steps are epochs, 0 before training")]
    if starts:
        text = "starts are the times in the files' names; they name no time zone, taken as UTC"
        notes.append(Note("zone_assumed", text, len(made)))
    if short:
        text = f"{plural(len(short), 'run')} ended before num_epochs: {some(short)}"
        notes.append(Note("ended_early", text, len(short)))
    order = "the times in the files' names, which are of the start or, by some versions, of the end"
    return Experiment(
        name,
        made,
        f"{source.label}, {name}",
        notes=tuple(notes),
        ordered_by=order if timed and not starts else "",
    )


def _trials(members: Sequence[tuple[str, str]]) -> list[str]:
    """The trials' ids, made of those parts of setting, seed and time in which the runs differ."""
    split = []
    for setting, file in members:
        words = setting.split("__")
        pairs = ["__".join(words[i : i + 2]) for i in range(0, len(words), 2)]
        match = _RUN.fullmatch(file)
        seed, time = match.groups() if match else (file, "")
        split.append([*pairs, f"random_seed__{seed}", time])
    if len({len(parts) for parts in split}) > 1:
        return [f"{setting}/{file}" for setting, file in members]
    telling = [len(set(column)) > 1 for column in zip(*split, strict=True)]
    telling[-1] = False  # the time is used only where runs differ in nothing else
    ids = ["/".join(p for p, tells in zip(parts, telling, strict=True) if tells) for parts in split]
    if len(set(ids)) < len(ids):
        ids = [f"{short}/{parts[-1]}" for short, parts in zip(ids, split, strict=True)]
    return ids if len(set(ids)) == len(ids) else [f"{setting}/{file}" for setting, file in members]


def _curve(lists: Mapping[str, list[Any]], place: str) -> Callable[[str], Curve]:
    def curve(metric: str) -> Curve:
        values = [cells.number(value, place, metric) for value in lists[metric]]
        return Curve(np.arange(len(values), dtype=np.int64), np.array(values, dtype=np.float64))

    return curve
