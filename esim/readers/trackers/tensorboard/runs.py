"""Reads TensorBoard's event files; every folder with event files is a run, as in TensorBoard.

The exceptions are folders that writers make inside a run: `train` and `validation` (Keras), the
session of add_hparams, and the curves of add_scalars. They belong to the run that they are in, and
their metrics are named ``<folder>/<tag>``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from esim.errors import EsimError, plural
from esim.readers import runs
from esim.readers.assembly import some
from esim.readers.config_files import Configs
from esim.readers.encodings import wire
from esim.readers.formats import Detection, Format, Found
from esim.readers.natural import natural
from esim.readers.options import Options
from esim.readers.run_logs import folder_of, run_names
from esim.readers.runs import Curve, Experiment
from esim.readers.source import File, Source
from esim.readers.step_order import restart_note
from esim.readers.trackers.tensorboard.events import RunEvents, TagValues
from esim.readers.trackers.tensorboard.records import header_ok
from esim.study import Note

FORMAT = Format(
    name="tensorboard",
    summary="TensorBoard event files: one run a folder, hyperparameters of its hparams plugin",
    needs=("direction", "objective, if there are several tags"),
    times=True,
    schedule=True,
    configs=True,
    beside_others=True,
    files="events.out.tfevents.*",
)

# The names of folders that Keras, Estimators and others make inside a run.
_PARTS = frozenset(
    {"train", "training", "validation", "valid", "val", "eval", "evaluation", "test"}
)
_CONFIGS = ("hparams.yaml", "hparams.json", "config.yaml", "config.json")


def detect(source: Source) -> Detection:
    """Whether there are event files, by their names as in TensorBoard, that start with a record."""
    files = _event_files(source)
    if not files:
        return Detection(False, "")
    good = [file for file in files if header_ok(file.head)]
    if not good:
        return Detection(False, f"{files[0].name} does not start with a record")
    return Detection(True, f"event files {some([f.name for f in good])}", claims=frozenset(files))


def read(source: Source, options: Options) -> Found:
    """Read the runs of the input as one study. Raises EsimError as `esim.readers.runs.studies`."""
    files = _event_files(source)
    if not files:
        raise EsimError("no event files", where=source.label, why="their names hold tfevents")
    folders: dict[str, list[File]] = {}
    for file in sorted(files, key=lambda file: natural(file.name)):
        folders.setdefault(folder_of(file), []).append(file)
    found = _read(folders, options.objective)
    if not any(run.scalars for run in found.values()):
        found = _read(folders, None)  # for the error, which lists all metrics
    trials = _trials(found)
    configs = Configs(source, _CONFIGS)
    names = run_names(list(trials), source.default_name)
    order = sorted(zip(names, trials.values(), strict=True), key=lambda pair: natural(pair[0]))
    together = [
        runs.Run(
            trial=name,
            metrics=list(trial.tags),
            curve=trial.curve,
            start=trial.start,
            end=trial.end,
            status=trial.own.status,
            config=trial.own.hparams or configs.of(folders[trial.folder][0], trial.config_folder),
        )
        for name, trial in order
    ]
    experiment = Experiment(
        name=source.default_name,
        runs=together,
        where=source.label,
        notes=_notes(found, configs),
        told=lambda objective: _told(dict(order), objective),
    )
    return runs.studies(
        [experiment], options, source, runs.file_notes(source, {*files, *configs.used})
    )


@dataclass(frozen=True)
class _Trial:
    """A run together with the folders inside it that belong to it.

    Attributes:
        folder: one of its folders that hold event files.
        config_folder: where a file of its hyperparameters may be; None looks in `folder`.
        tags: metric -> its values.
        own: the events that describe the whole run, such as its session.
        start, end: seconds since 1970 UTC, NaN if unknown.
    """

    folder: str
    config_folder: str | None
    tags: Mapping[str, TagValues]
    own: RunEvents
    start: float
    end: float

    def curve(self, metric: str) -> Curve:
        """The curve of a metric, with times in seconds since 1970 UTC.

        Args:
            metric: one of `tags`.
        """
        points = self.tags[metric]
        return Curve(
            np.array(points.steps, dtype=np.int64),
            np.array(points.values, dtype=np.float64),
            np.array(points.walls, dtype=np.float64),
        )


def _event_files(source: Source) -> list[File]:
    return [
        file
        for file in source.files
        if "tfevents" in file.base and not file.base.endswith(".profile-empty")
    ]


def _read(folders: Mapping[str, Sequence[File]], objective: str | None) -> dict[str, RunEvents]:
    """The events of all folders; only those of the objective's tag if it is given."""
    found = {}
    for folder, files in folders.items():
        # In the name of the objective, a folder inside a run may stand before the tag.
        wanted = None if objective is None else tuple(_tails(objective))
        run = found[folder] = RunEvents(wanted)
        for file in files:
            run.add(file.read())
    return found


def _tails(metric: str) -> list[str]:
    """A metric's name and the ends of it: "a/b/c", "b/c" and "c"."""
    parts = metric.split("/")
    return ["/".join(parts[i:]) for i in range(len(parts))]


def _trials(found: Mapping[str, RunEvents]) -> dict[str, _Trial]:
    """The trials by their folders."""
    owners = _Owners(found)
    # For each trial, its folders, with what stands before the tags in each.
    members: dict[str, list[tuple[str, str]]] = {}
    for folder in found:
        of = owners.of(folder)
        prefix = "" if of == folder else folder[len(of) :].strip("/") + "/"
        members.setdefault(of, []).append((prefix, folder))
    trials = {}
    for of, parts in members.items():
        own = next((found[f] for _, f in reversed(parts) if found[f].hparams is not None), None)
        tags = {
            prefix + tag: points
            for prefix, folder in parts
            if not (prefix and owners.is_session(folder))
            for tag, points in found[folder].scalars.items()
        }
        begun = [found[f].begun for _, f in parts]
        first = own or found[parts[0][1]]
        trials[of] = _Trial(
            folder=parts[0][1],
            config_folder=None if of in found else of,
            tags=tags,
            own=first,
            start=first.start or min((b for b in begun if b is not None), default=np.nan),
            end=first.end or np.nan,
        )
    return trials


class _Owners:
    """Decides whether a folder of events is a trial of its own or belongs to one that it is in."""

    def __init__(self, found: Mapping[str, RunEvents]) -> None:
        self._found = found
        self._parts = Counter(leaf for name in found if (leaf := _split(name)[1]) in _PARTS)
        self._inside = Counter(above for above, leaf in map(_split, found) if leaf in _PARTS)
        # Events directly in the input's folder are a run among others, unless all folders below
        # belong to that run.
        self._one_run = "" in found and all(
            self.is_session(name) or _split(name)[1] in _PARTS for name in found if name
        )

    def is_session(self, folder: str) -> bool:
        """Whether add_hparams wrote the folder inside a run; it repeats the run's final values."""
        return self._found[folder].hparams is not None and _split(folder)[1] not in _PARTS

    def of(self, folder: str) -> str:
        """The folder of the trial that a folder belongs to."""
        above, leaf = _split(folder)
        run = above
        while run and run not in self._found:
            run = _split(run)[0]
        if run and self._is_inside(folder, run):
            return self.of(run)
        if leaf in _PARTS and above in self._found:
            return self.of(above)
        if leaf in _PARTS and (self._parts[leaf] > 1 or self._inside[above] > 1):
            return above
        return "" if self._one_run and not run else folder

    def _is_inside(self, folder: str, run: str) -> bool:
        """Whether a folder below a run's is a session of that run or a curve of add_scalars.

        Such a curve is named after its tag: <tag>_<name> (torch) or <tag>/<name> (tensorboardX).
        """
        name = folder[len(run) + 1 :].replace("/", "_")
        tag = self._found[folder].first_tag.replace("/", "_")
        return self.is_session(folder) or (tag != "" and name.startswith(f"{tag}_"))


def _split(folder: str) -> tuple[str, str]:
    above, _, leaf = folder.rpartition("/")
    return above, leaf


def _notes(folders: Mapping[str, RunEvents], configs: Configs) -> tuple[Note, ...]:
    found = folders.values()
    faults = {
        folder or "the given folder": (run.cut_off, run.damaged, run.odd)
        for folder, run in folders.items()
    }
    notes = [*configs.notes(), *wire.fault_notes("event", faults)]
    restarts = sum(run.restarts for run in found)
    if restarts:
        notes.append(restart_note(restarts, sum(run.superseded for run in found)))
    if not any(run.exact for run in found):
        text = "values are stored as 32-bit floats: what differs by less than 1 in 10^7 is a tie"
        notes.append(Note("float32", text))
    if not all(run.start for run in found):
        notes.append(Note("start_from_events", "a run's start is when its first event was written"))
    return tuple(notes)


def _told(trials: Mapping[str, _Trial], objective: str) -> list[Note]:
    """The note on runs that may be studies: folders with many files of one step each."""
    files = {
        name: trial.tags[objective].files
        for name, trial in trials.items()
        if objective in trial.tags
    }
    doubtful = [name for name, sizes in files.items() if len(sizes) > 2 and set(sizes) == {1}]
    if not doubtful:
        return []
    text = (
        f"{plural(len(doubtful), 'run', 'have')} many event files of one step each, as if "
        "every file were a "
        f"trial and its step the trial's number: {some(doubtful)}"
    )
    return [Note("files_of_one_step", text, len(doubtful))]
