"""Reads LCDB 1.1: ``LCDB11_ER_265_24.hdf5`` and its like, or the JSON files of its explorer.

The curves run over sizes of the training set, which are the steps; each point is a training of its
own. A learner is a trial. An HDF5 file (4TU.ResearchData) holds an array [data set, learner, outer
split, inner split, anchor, train-valid-test, feature scaling, data leakage], and beside it the ids
of data sets on OpenML, the names of learners, and the anchors. A study is a data set with an outer
split, and a curve is the mean over the inner splits, as the authors have it when they select
learners with successive halving (learning-curve-research/LCDB-1.1, analysis/DA4 -
successive_halving.ipynb); where a split has no value, the mean has none. Curves are those without
data leakage, and, unless the metric names it, without feature scaling. The objective is what the
authors recommend: the validation set.

The explorer's files (docs/data of that repository: meta.json, er/<id>.json) hold the means over all
25 splits of the error rate, [learner, mean and error, anchor, train-valid-test]. A study is a data
set.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from esim.errors import EsimError, plural
from esim.readers.encodings import jsontext
from esim.readers.formats import Detection, Format, Found
from esim.readers.limits import limits, too_large, too_many
from esim.readers.options import Options
from esim.readers.runs import Curve, Experiment, Run, detected, file_notes, studies
from esim.readers.source import File, Source
from esim.study import Direction, Float64, Int64, Note

FORMAT = Format(
    name="lcdb",
    summary="LCDB 1.1: LCDB11_*.hdf5, or meta.json and er/*.json of its explorer",
    several_studies=True,
    first_step="before",
    files="LCDB11_*.hdf5, or meta.json and er/*.json",
)

SPLITS = ("train", "valid", "test")
SCALINGS = ("", "/minmaxFS", "/standardFS")  # behind the name of a metric
DIRECTIONS: dict[str, Direction] = {
    "error rate": "minimize",
    "log-loss": "minimize",
    "AUC": "maximize",
    "f1": "maximize",
}
ERROR_RATE = "valid/error rate"
_HDF5 = re.compile(r"LCDB11_(?:ER|AUC|f1|log-loss)_[^_]+_(.+)\.hdf5")
_MAGIC = b"\x89HDF\r\n\x1a\n"
_STEPS = Note("step_column", "steps are sizes of the training set")


def detect(source: Source) -> Detection:
    """Whether there are HDF5 files of LCDB's names, or the meta.json of its explorer."""
    hdf5, explorers = _hdf5(source), _explorers(source)
    claims = {*hdf5, *(file for of in explorers for file in (of, *_beside(source, of)))}
    return detected([*hdf5, *explorers], "of LCDB", frozenset(claims))


def read(source: Source, options: Options) -> Found:
    """Read a study for each data set, and of HDF5 files for each outer split of it.

    Args:
        source: the input.
        options: what the user asked for.

    Raises:
        EsimError: h5py is not installed, or a file is damaged or holds other arrays.
    """
    hdf5, explorers = _hdf5(source), _explorers(source)
    if not hdf5 and not explorers:
        raise EsimError("no file of LCDB 1.1", where=source.label, fix="LCDB11_ER_265_24.hdf5")
    used = {*hdf5, *explorers}
    experiments: list[Experiment] = []
    for meta in explorers:
        used.update(_beside(source, meta))
        experiments += _explored(source, meta, options)
    with ExitStack() as opened:
        experiments += _recorded([_Database(file, opened) for file in hdf5], source, options)
        return studies(experiments, options, source, file_notes(source, used))


def _hdf5(source: Source) -> list[File]:
    return [f for f in source.files if _HDF5.fullmatch(f.base) and f.head.startswith(_MAGIC)]


def _explorers(source: Source) -> list[File]:
    return [
        file
        for file in source.by_base.get("meta.json", ())
        if b'"tvt_labels"' in file.head and b'"anchors"' in file.head
    ]


def _beside(source: Source, meta: File) -> list[File]:
    """The files of an explorer beside its meta.json."""
    folder = f"{meta.folder}/er".lstrip("/")
    names = [f for f in source.by_folder.get(meta.folder, ()) if f.base == "names.json"]
    return [*names, *(f for f in source.by_folder.get(folder, ()) if f.base.endswith(".json"))]


def _explored(source: Source, meta: File, options: Options) -> Iterator[Experiment]:
    """The study of each data set of an explorer."""
    about = jsontext.document(meta)
    try:
        learners, anchors = list(about["learners"]), np.array(about["anchors"], dtype=np.int64)
    except (KeyError, TypeError, ValueError) as error:
        raise EsimError("no learners and anchors", where=str(meta), why=str(error)) from None
    shape = (len(learners), 2, len(anchors), len(SPLITS))
    for file in _beside(source, meta):
        if file.base == "names.json":
            continue
        name = file.base.removesuffix(".json")
        runs: list[Run] = []
        if not options.studies or name in options.studies:
            try:
                curves = np.array(jsontext.document(file), dtype=np.float64)
            except (TypeError, ValueError) as error:
                raise EsimError("not numbers", where=str(file), why=str(error)) from None
            if curves.shape != shape:
                why = f"{curves.shape}; expected {shape}"
                raise EsimError("an array of another shape", where=str(file), why=why)
            metrics = [f"{split}/error rate" for split in SPLITS]
            runs = [
                Run(str(learner), metrics, _picked(curves[i, 0], metrics, anchors))
                for i, learner in enumerate(learners)
            ]
        yield Experiment(
            name=name,
            runs=runs,
            where=str(file),
            objective=ERROR_RATE,
            objective_from="LCDB",
            direction="minimize",
            notes=(_STEPS, Note("means", "curves are means over 25 splits of the data")),
        )


def _picked(curves: Float64, metrics: Sequence[str], anchors: Int64) -> Callable[[str], Curve]:
    return lambda metric: _curve(curves[:, metrics.index(metric)], anchors)


def _curve(values: Float64, anchors: Int64) -> Curve:
    """A curve up to its last value: anchors beyond the size of a data set have none."""
    n = int(np.flatnonzero(~np.isnan(values)).max(initial=-1)) + 1
    return Curve(anchors[:n], values[:n])


class _Database:
    """An HDF5 file.

    Attributes:
        metric: its metric, such as "error rate".
        learners, data_sets: their names; the numbers of their positions if it does not hold them.
        anchors: int64 [R], the sizes of training sets.
        splits: the number of outer splits.
        numbered: whether it does not hold the ids of its data sets.
    """

    def __init__(self, file: File, opened: ExitStack) -> None:
        try:
            import h5py
        except ImportError:
            raise EsimError(
                "HDF5 cannot be read", where=str(file), fix="pip install h5py"
            ) from None
        file.hash()
        try:
            contents = io.BytesIO(file.read()) if file.special else file.path
            self._held = opened.enter_context(h5py.File(contents, "r"))
        except OSError as error:
            raise EsimError("damaged HDF5 file", where=str(file), why=str(error)) from None
        self._place, self._most = str(file), limits().expanded(file.stored_size)
        self.metric = next((name for name in DIRECTIONS if name in self._held), "")
        shape: Any = self._held[self.metric].shape if self.metric else ()
        if len(shape) != 8 or shape[5] != len(SPLITS) or 0 in shape:
            why = f"it holds {', '.join(f'{k} {v.shape}' for k, v in self._held.items())}"
            raise EsimError("not an array of LCDB 1.1", where=str(file), why=why)
        if math.prod(shape[:3]) > limits().members:
            raise too_many("trials", str(file), limits().members, math.prod(shape[:3]))
        named = _HDF5.fullmatch(file.base)
        alone = [named[1]] if named and shape[1] == 1 else []
        self.learners = self._names("learner zoo", shape[1]) or alone or _numbers(shape[1])
        ids = self._names("dataset ids", shape[0])
        self.data_sets, self.numbered = ids or _numbers(shape[0]), not ids
        self.splits = int(shape[2])
        anchors = self._names("anchor list", shape[4])
        self.anchors = np.array(
            [int(a) for a in anchors] or [math.ceil(16 * 2 ** (k / 8)) for k in range(shape[4])],
            dtype=np.int64,
        )
        self.scalings = SCALINGS[: shape[6]]
        self._block = lru_cache(maxsize=1)(self._read)

    @property
    def metrics(self) -> list[str]:
        """The names of its metrics: a part of the data each, with each feature scaling."""
        return [f"{split}/{self.metric}{s}" for split in SPLITS for s in self.scalings]

    def curve(self, data_set: int, learner: int, outer: int) -> Callable[[str], Curve]:
        """Reads the curves of a learner on a data set, by the name of a metric."""

        def read(metric: str) -> Curve:
            split, scaling = divmod(self.metrics.index(metric), len(self.scalings))
            inner = self._block(data_set)[learner, outer, :, :, split, scaling, 0]
            return _curve(inner.mean(axis=0), self.anchors)

        return read

    def _read(self, data_set: int) -> NDArray[Any]:
        """[learner, outer, inner, anchor, train-valid-test, scaling, leakage]"""
        held = self._held[self.metric]
        size = 8 * math.prod(held.shape[1:])  # what is not stored reads as a filling
        if size > self._most:
            raise too_large("the curves of a data set", self._place, self._most, size)
        try:
            return np.asarray(held[data_set], dtype=np.float64)
        except OSError as error:
            raise EsimError("damaged HDF5 file", where=self._place, why=str(error)) from None

    def _names(self, key: str, n: int) -> list[str]:
        """The names that a list in the file holds; none if it does not hold n of them."""
        there = key in self._held and self._held[key].shape == (n,)
        held = self._held[key][()].tolist() if there else []
        names = [name.decode() if isinstance(name, bytes) else str(name) for name in held]
        return names if len(names) == n else []


def _numbers(n: int) -> list[str]:
    return [str(number) for number in range(n)]


def _recorded(databases: Sequence[_Database], source: Source, options: Options) -> list[Experiment]:
    """The study of each data set and outer split, with the learners and metrics of all files."""
    found: dict[str, dict[str, dict[str, Callable[[str], Curve]]]] = {}
    for database in databases:
        for number, data_set in enumerate(database.data_sets):
            for outer in range(database.splits):
                study = f"{data_set}/outer{outer}"
                learners = found.setdefault(study, {})
                if options.studies and study not in options.studies:
                    continue
                for position, learner in enumerate(database.learners):
                    metrics = learners.setdefault(learner, {})
                    if not metrics.keys().isdisjoint(database.metrics):
                        raise EsimError(
                            f"{learner!r} is found twice in study {study!r}",
                            where=source.label,
                            why=f"several files hold its {database.metric}",
                            fix="give one of them",
                        )
                    curve = database.curve(number, position, outer)
                    metrics.update(dict.fromkeys(database.metrics, curve))
    first = databases[0].metric if databases else ""
    objective = ERROR_RATE if any(ERROR_RATE in d.metrics for d in databases) else f"valid/{first}"
    notes = [_STEPS, Note("means", "curves are means over the inner splits of the data")]
    unnamed = [database for database in databases if database.numbered]
    if unnamed:
        text = f"data sets without ids in {plural(len(unnamed), 'file')}: numbered from 0"
        notes.append(Note("data_sets_numbered", text, len(unnamed)))
    return [
        Experiment(
            name=study,
            runs=[
                Run(learner, list(metrics), lambda metric, of=metrics: of[metric](metric))  # type: ignore[misc]
                for learner, metrics in learners.items()
            ],
            where=f"{source.label}, {study}",
            objective=objective,
            objective_from="LCDB",
            direction=DIRECTIONS.get(objective.partition("/")[2]),
            notes=tuple(notes),
        )
        for study, learners in found.items()
    ]
