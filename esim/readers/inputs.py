"""Reads paths, URLs and objects into studies: `read_study`, `read_studies`, `read_inputs`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import compress
from pathlib import Path
from typing import Any

from esim.errors import EsimError, naming_arguments, near_names
from esim.readers.choosing import NoFormatError, choose_each
from esim.readers.encodings.endings import ending_notes
from esim.readers.formats import Format
from esim.readers.history_input import find_history, validate_chunk
from esim.readers.input_files import InputFile, ReadInput, described, not_read
from esim.readers.limits import limited
from esim.readers.objects.kinds import is_object, labels, object_sources
from esim.readers.opening import open_sources, root_of
from esim.readers.options import Options
from esim.readers.plugins import installed
from esim.readers.source import Source
from esim.readers.text.watch import bounded
from esim.storage.history import History
from esim.study import Study

# Flags of the command line -> arguments.
_ALIKE = (
    "accept_time_aligned direction first_step format max_size objective step time trial value where"
)
_ARGUMENTS = {name.replace("_", "-"): name for name in _ALIKE.split()}
_ARGUMENTS |= {"metric": "metrics[]", "study": "studies[]", "where": "where[]"}
__all__ = [
    "Format",
    "InputFile",
    "ReadInput",
    "read_inputs",
    "read_studies",
    "read_study",
]


def read_inputs(
    *paths: str | Path | Any,
    objective: str | None = None,
    direction: str | None = None,
    format: str | None = None,
    metrics: Sequence[str] = (),
    name: str | None = None,
    accept_time_aligned: bool = False,
    studies: Sequence[str] = (),
    trial: str | None = None,
    step: str | None = None,
    time: str | None = None,
    value: str | None = None,
    where: Sequence[str] = (),
    first_step: str | None = None,
    max_size: int | str | None = None,
    finals: bool = False,
) -> ReadInput:
    """Read every study in some files, folders, databases or objects, and describe the inputs.

    All files given are parts of one input; every folder, URL and object is an input of its own. A
    file or folder of no known format among several is passed over, and a note says so.

    Args:
        paths: files (plain, .gz or .zst), folders, and URLs of databases and tracking servers;
            ``-`` is standard input, and pipes are read once. A
            history that `esim convert` wrote is read as a whole if it is the only path. In place of
            paths, objects: an optuna `Study`, Ray Tune's `ResultGrid` or `ExperimentAnalysis`, an
            `MlflowClient`, Syne Tune's `ExperimentResult`, or a table of pandas, or of any library
            that hands it over by Arrow's C interface or `__dataframe__` (Polars, PyArrow, DuckDB).
        objective: the name of the metric to replay. The default is the objective that the logs
            record, or the only metric there is.
        direction: "minimize" or "maximize"; needed where the logs do not record it.
        format: the name of a format (`esim formats` lists them). By default the format is
            recognised from the contents.
        metrics: definitions ``NAME=REGEX`` for log text; the regex's first group is the value.
        name: what to call the study, if there is exactly one.
        accept_time_aligned: take the n-th point in time as step n where the logs hold averages
            over time and no epochs. Without it such logs are refused.
        studies: the names of the studies to read where the logs hold several; the default is all.
            An MLflow server is asked for the experiments of these only.
        trial: the column of a table that names the trial. By default it is found by its name, and
            in tables without one each file is a trial.
        step: the column that counts steps where a format has several; the default is the format's
            own choice.
        time: the column of a table that holds the time of a report; by default found by its name.
        value: the column of a table that holds the values of the objective.
        where: conditions ``COLUMN=TEXT`` on the rows of a table that count.
        first_step: what an index of 0 means: "done", it is printed after the first step of
            training, or "before", nothing is done yet. By default the format tells, or what the
            indices and times show (`esim.study.first_step`).
        finals: whether a SageMaker tuning job without any curve is read all the same, with the
            final value of each job as its only report, at step 1; the note `finals_only` says so.
        max_size: how much one file may hold once it is unpacked, in bytes or as "8GiB"; the other
            limits of `esim.readers.limits` grow with it. The default is 2 GiB.

    Raises:
        EsimError: no path is given or one cannot be read, no format matches or several do, a limit
            is exceeded, or the logs cannot be used. The error says where.
        TypeError: an object is of a type that is not read, or objects are mixed with paths.
    """
    options = Options.parse(
        objective=objective,
        direction=direction,
        metrics=metrics,
        name=name,
        accept_time_aligned=accept_time_aligned,
        studies=studies,
        trial=trial,
        step=step,
        time=time,
        value=value,
        where=where,
        first_step=first_step,
        max_size=max_size,
        finals=finals,
    )
    with limited(options.max_size), bounded():
        return _read_all(paths, format, options)


def _read_all(paths: Sequence[Any], format: str | None, options: Options) -> ReadInput:
    """What `read_inputs` does once its options are parsed."""
    name = options.name
    if any(is_object(given) for given in paths):
        of_objects = object_sources(paths, format, options)
        read, inputs = _read_sources(of_objects, [source for source, _ in of_objects], options)
        return _named(read, inputs, name)
    history = find_history(paths)
    if history is not None:
        return _whole_history(history, options)
    sources = open_sources(paths)
    broken = list(installed()[1])
    options = replace(options, any_text=format is not None)
    chosen = choose_each(sources, format, broken, options)
    for source, error in chosen.refused:
        if source.address or not isinstance(error, NoFormatError):
            raise error
    read, inputs = _read_sources(chosen.read, sources, options)
    for source, error in chosen.refused:
        why = f"{error.what}: {error.why}" if error.why else error.what
        inputs.append(not_read(source.roots[0], why))
    if inputs:
        inputs[0] = replace(inputs[0], notes=(*inputs[0].notes, *dict.fromkeys(broken)))
    order = {str(root_of(path)): i for i, path in enumerate(paths)}
    return _named(read, sorted(inputs, key=lambda i: order[i.path]), name)


def _named(read: Sequence[Study], inputs: Sequence[InputFile], name: str | None) -> ReadInput:
    """What was read, under the name that the user gives to the one study there is, if any."""
    if name is None:
        return ReadInput(tuple(read), tuple(inputs))
    if len(read) != 1:
        raise EsimError(
            f"one name, {name!r}, for {len(read)} studies",
            why="found " + ", ".join(study.name for study in read),
        )
    renamed = replace(read[0], name=name)
    return ReadInput((renamed,), tuple(replace(one, studies=(name,)) for one in inputs))


def _read_sources(
    chosen: Sequence[tuple[Source, Format]], sources: Sequence[Source], options: Options
) -> tuple[list[Study], list[InputFile]]:
    """The studies that were asked for, and a description of the paths they were read from.

    Raises:
        EsimError: an input holds no study, two hold one of the same name, or none holds one that
            was asked for.
    """
    read: list[Study] = []
    inputs: list[InputFile] = []
    read_from: dict[str, str] = {}  # study -> the file or folder that holds it
    names: dict[str, None] = {}  # of all studies, those that were not asked for too
    for source, fmt in chosen:
        found = fmt.read(source, options)
        if not (found.studies or options.studies):
            why = f"read as {fmt.name}, it holds no report"
            raise EsimError("nothing to read", where=source.label, why=why)
        if notes := ending_notes((*source.files, *source.hidden)):
            told = (replace(study, notes=(*study.notes, *notes)) for study in found.studies)
            found = replace(found, studies=tuple(told))
        names.update(dict.fromkeys([*found.names, *(study.name for study in found.studies)]))
        places = found.places or (source.label,) * len(found.studies)
        if options.studies:
            asked = [study.name in options.studies for study in found.studies]
            places = tuple(compress(places, asked))
            found = replace(found, studies=tuple(compress(found.studies, asked)), places=places)
            if not found.studies:
                continue
        for study, place in zip(found.studies, places, strict=True):
            if study.name in read_from:
                raise _found_twice(study.name, read_from[study.name], place)
            read_from[study.name] = place
        read += found.studies
        inputs += described(source, fmt, found)
    for wanted in options.studies:
        if wanted not in names:
            raise EsimError(
                f"no study {wanted!r}",
                where=", ".join(source.label for source in sources),
                fix=f"one of: {near_names(wanted, names)}",
            )
    return read, inputs


def _found_twice(name: str, first: str, second: str) -> EsimError:
    """The error that two places hold a study of one name.

    Args:
        name: the study's name.
        first, second: the files or folders; the same one if the reader does not tell.
    """
    return EsimError(
        f"study {name!r} is found twice",
        where=second,
        why=f"{first} holds it, too" if first != second else "two parts hold it",
        fix="read them one at a time; files that make one study are given without their folders",
    )


def _whole_history(history: History, options: Options) -> ReadInput:
    """Read the studies of a history, all into memory at once."""
    found: list[Study] = []
    for chunk in history.chunks(options.studies or None):
        validate_chunk(history, chunk, options)
        found += chunk.studies()
    names = tuple(study.name for study in found)
    what = InputFile(str(history.location), history.sha256, "history", (), names)
    return ReadInput(tuple(found), (what,))


def apart(
    paths: Sequence[str | Path], format: str | None = None, **options: Any
) -> tuple[list[tuple[str, ...]], dict[str, str]]:
    """Group the paths into inputs that can be read one at a time.

    Args:
        paths: as for `read_inputs`.
        format: the name of a format; None recognises it from the contents.
        options: the other options of `read_inputs`.

    Returns:
        The paths of each input; each path whose format is not known, and why.

    Raises:
        EsimError: as `read_inputs`, where a path cannot be opened or no format matches any.
    """
    parsed = Options.parse(**options)
    with limited(parsed.max_size), bounded():
        chosen = choose_each(open_sources(paths), format, [], parsed)
    groups = [tuple(str(root) for root in source.roots) for source, _ in chosen.read]
    return groups, {str(source.roots[0]): str(error) for source, error in chosen.refused}


def contents(paths: Sequence[str | Path]) -> list[tuple[str, str]]:
    """Name and hash of each file below the paths, without reading them as logs.

    Args:
        paths: as for `read_inputs`; databases and servers have no files.

    Returns:
        (name, sha256 of the bytes as stored) for each file.

    Raises:
        EsimError: a path cannot be opened, or can be read only once.
    """
    found = []
    for source in open_sources(paths):
        for file in source.files:
            if file.special:
                why = "a conversion looks at its inputs before it reads them"
                raise EsimError("a pipe is not converted", where=str(file), why=why, fix="a file")
            file.hash()
            found.append((file.name, file.sha256 or ""))
    return found


def read_studies(
    *paths: str | Path | Any,
    objective: str | None = None,
    direction: str | None = None,
    format: str | None = None,
    metrics: Sequence[str] = (),
    name: str | None = None,
    accept_time_aligned: bool = False,
    studies: Sequence[str] = (),
    trial: str | None = None,
    step: str | None = None,
    time: str | None = None,
    value: str | None = None,
    where: Sequence[str] = (),
    first_step: str | None = None,
    max_size: int | str | None = None,
) -> list[Study]:
    """Read every study in some files, folders, databases or objects.

    Arguments and errors are those of `esim.readers.read_inputs`, whose help lists them. The note
    on a file or folder that was passed over is one of every study.

    Returns:
        The studies, in the order of the paths.

    Example:
        >>> import pathlib, tempfile
        >>> import esim
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> rows = "study,trial,step,loss", "s,a,1,0.5", "s,a,2,0.25", "t,b,1,0.75"
        >>> _ = (folder / "log.csv").write_text("\\n".join(rows))
        >>> studies = esim.read_studies(folder / "log.csv", direction="minimize")
        >>> [(study.name, study.n_trials, study.n_reports) for study in studies]
        [('s', 1, 2), ('t', 1, 1)]
    """
    with naming_arguments(_ARGUMENTS):
        found = read_inputs(
            *paths,
            objective=objective,
            direction=direction,
            format=format,
            metrics=metrics,
            name=name,
            accept_time_aligned=accept_time_aligned,
            studies=studies,
            trial=trial,
            step=step,
            time=time,
            value=value,
            where=where,
            first_step=first_step,
            max_size=max_size,
        )
    passed_over = [
        replace(note, text=f"{one.path} is not read: {note.text}")
        for one in found.inputs
        for note in one.notes
        if not one.format
    ]
    return [replace(study, notes=(*study.notes, *passed_over)) for study in found.studies]


def read_study(
    *paths: str | Path | Any,
    objective: str | None = None,
    direction: str | None = None,
    format: str | None = None,
    metrics: Sequence[str] = (),
    name: str | None = None,
    accept_time_aligned: bool = False,
    studies: Sequence[str] = (),
    trial: str | None = None,
    step: str | None = None,
    time: str | None = None,
    value: str | None = None,
    where: Sequence[str] = (),
    first_step: str | None = None,
    max_size: int | str | None = None,
) -> Study:
    """Read the one study in some files, folders, databases or objects.

    Arguments are those of `esim.readers.read_inputs`, whose help lists them.

    Raises:
        EsimError: as `read_inputs`, and if there are several studies; the error names them.

    Example:
        >>> import pathlib, tempfile
        >>> import esim
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> rows = "trial,step,loss", "a,1,0.5", "a,2,0.25", "b,1,0.75"
        >>> _ = (folder / "log.csv").write_text("\\n".join(rows))
        >>> study = esim.read_study(folder / "log.csv", direction="minimize")
        >>> study.objective, study.trials, study.values
        ('loss', ('a', 'b'), array([0.5 , 0.25, 0.75]))

        A table in memory is read as well, and a study of Optuna or the results of Ray Tune:

        >>> import pandas as pd
        >>> frame = pd.DataFrame({"trial": ["a", "a", "b"], "step": [1, 2, 1], "loss": [3, 2, 4]})
        >>> esim.read_study(frame, direction="minimize").values
        array([3., 2., 4.])
    """
    found = read_studies(
        *paths,
        objective=objective,
        direction=direction,
        format=format,
        metrics=metrics,
        name=name,
        accept_time_aligned=accept_time_aligned,
        studies=studies,
        trial=trial,
        step=step,
        time=time,
        value=value,
        where=where,
        first_step=first_step,
        max_size=max_size,
    )
    if len(found) != 1:
        names = [study.name for study in found]
        more = f" and {len(names) - 10} more" if len(names) > 10 else ""
        raise EsimError(
            f"{len(found)} studies where one was expected",
            where=labels(paths),
            why="found " + ", ".join(names[:10]) + more,
            fix="esim.read_studies reads them all; studies=[name] reads one",
        )
    return found[0]
