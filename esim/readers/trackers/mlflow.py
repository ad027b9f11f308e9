"""Reads MLflow: its file store (mlruns), SQLite and other databases, and tracking servers.

The runs of an experiment make a study; the children of a parent run make a study of their own.
Deleted runs are left out, as in MLflow.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace

import numpy as np

from esim.errors import EsimError, plural
from esim.readers import runs
from esim.readers.assembly import some
from esim.readers.encodings.database import (
    open_address,
    open_databases,
    sqlite_files,
    with_sidecars,
)
from esim.readers.formats import Detection, Format, Found
from esim.readers.options import Options
from esim.readers.runs import Curve, Experiment, Run
from esim.readers.source import File, Source
from esim.readers.trackers import mlflow_files, mlflow_server, mlflow_sql
from esim.readers.trackers.logged import names_or_ids
from esim.readers.trackers.mlflow_records import LoggedMetric, MlflowRun
from esim.study import Note, Status

FORMAT = Format(
    name="mlflow",
    summary="MLflow: file store (mlruns), SQLite file, postgresql: or mysql: URL, http: URL of "
    "a tracking server; the children of a parent run are one study",
    needs=("direction", "objective, if there are several metrics"),
    times=True,
    schedule=True,
    configs=True,
    several_studies=True,
    files="mlruns, SQLite file, postgresql:, mysql:, http:",
)

STATUSES: Mapping[str, Status] = {"scheduled": Status.RUNNING}


def detect(source: Source) -> Detection:
    """Whether there is a run's meta.yaml, a database with MLflow's tables, or an http: address."""
    if source.address is not None:
        if source.address.kind == "server":
            return Detection(True, "an address of a tracking server")
        with open_address(source.address) as database:
            if all(table in database.tables for table in mlflow_sql.TABLES):
                return Detection(True, "it has MLflow's tables")
        return Detection(False, "the database lacks MLflow's tables")
    folders = mlflow_files.run_folders(source)
    files = sqlite_files(source, *mlflow_sql.TABLES)
    saw = []
    if folders:
        saw.append(f"{some([file.name for file in folders.values()])} is of a run of MLflow")
    if files:
        saw.append(f"{some([file.name for file in files])} has MLflow's tables")
    claims = with_sidecars(source, files) | source.below(mlflow_files.stores(folders))
    return Detection(bool(saw), "; ".join(saw), claims=claims if saw else frozenset())


def read(source: Source, options: Options) -> Found:
    """Read the studies of a store.

    Args:
        source: the input.
        options: what the user asked for.

    Raises:
        EsimError: there is no run, a line is not one of a metric (the error names path and line), a
            database is damaged, or a server does not answer.
    """
    used: set[File] = set()
    with ExitStack() as stack:
        if source.address is not None and source.address.kind == "server":
            found = list(mlflow_server.read_runs(source.address, options.studies))
        else:
            found = list(mlflow_files.read_runs(source, used))
            databases = stack.enter_context(open_databases(source, *mlflow_sql.TABLES))
            for origin, database in databases:
                found += mlflow_sql.read_runs(database)
                if isinstance(origin, File):
                    used |= with_sidecars(source, [origin])
        if not found:
            raise EsimError("no run of MLflow", where=source.label)
        grouped, notes = experiments(found, source.label)
        made = runs.studies(grouped, options, source, notes)
    # Only now `used` is complete, because the files of curves are read by `studies`.
    return replace(made, notes=(*made.notes, *runs.file_notes(source, used)))


def experiments(found: Sequence[MlflowRun], where: str) -> tuple[list[Experiment], list[Note]]:
    """The experiments that some runs make, and notes on the runs that are no trials.

    Args:
        found: all runs.
        where: the input, for errors.
    """
    active = [run for run in found if not run.deleted]
    # Ids are random, so runs that started in the same millisecond are ordered by name.
    active.sort(key=lambda run: (math.isnan(run.start), run.start, run.name))
    notes = []
    if len(active) < len(found):
        n = len(found) - len(active)
        notes.append(Note("runs_deleted", f"{plural(n, 'deleted run', 'are')} left out", n))
    by_id = {run.run_id: run for run in active}
    parents = {run.parent for run in active if run.parent is not None}
    # A parent run without a parent is the tuning job itself and not one of its trials.
    heads = {run.run_id for run in active if run.run_id in parents and run.parent is None}
    if heads:
        text = f"{plural(len(heads), 'parent run', 'stand')} for studies of child runs, no trials"
        notes.append(Note("parents_no_trials", text, len(heads)))
    groups: dict[tuple[str, str | None], list[MlflowRun]] = {}
    for run in active:
        if run.run_id not in heads:
            groups.setdefault((run.experiment, run.parent), []).append(run)
    names = _names(list(groups), by_id)
    return [_experiment(names[key], members, where) for key, members in groups.items()], notes


def _names(
    groups: Iterable[tuple[str, str | None]], by_id: Mapping[str, MlflowRun]
) -> dict[tuple[str, str | None], str]:
    """The studies' names: the experiment's, followed by the parent run's, and its id if needed."""
    named = {
        (experiment, parent): experiment
        if parent is None
        else f"{experiment}/{by_id[parent].name if parent in by_id else parent}"
        for experiment, parent in groups
    }
    often = list(named.values())
    return {
        key: f"{name} ({key[1]})" if key[1] and often.count(name) > 1 else name
        for key, name in named.items()
    }


def _experiment(name: str, members: Sequence[MlflowRun], where: str) -> Experiment:
    ids = names_or_ids([run.name for run in members], [run.run_id for run in members])
    unknown: list[str] = []
    unstepped: dict[str, int] = {}
    made = []
    for trial, run in zip(ids, members, strict=True):
        made.append(
            Run(
                trial=trial,
                metrics=run.metrics,
                curve=_curve(run.logged, unstepped),
                start=run.start / 1e3,
                end=run.end / 1e3,
                status=runs.status_of(run.status, STATUSES, unknown),
                config=run.params,
            )
        )

    def told(objective: str) -> Iterable[Note]:
        n = unstepped.get(objective, 0)
        if n:
            text = f"{plural(n, 'run')} logged without a step: step n is the n-th value"
            yield Note("step_by_emission", text, n)

    return Experiment(
        name=name,
        runs=made,
        where=f"{where}, experiment {name!r}",
        notes=tuple(runs.status_note(unknown)),
        told=told,
    )


def _curve(
    read: Callable[[str], LoggedMetric], unstepped: dict[str, int]
) -> Callable[[str], Curve]:
    """The curve of each metric; the values of a run that logged no steps are numbered from 1.

    For each metric the number of such runs is counted in `unstepped`.
    """

    def curve(metric: str) -> Curve:
        logged = read(metric)
        steps = logged.steps
        if len(steps) > 1 and not steps.any():
            unstepped[metric] = unstepped.get(metric, 0) + 1
            steps = np.arange(1, len(steps) + 1, dtype=np.int64)
        return Curve(steps, logged.values, logged.times / 1e3)

    return curve
