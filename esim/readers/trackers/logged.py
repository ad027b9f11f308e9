"""Makes studies of runs whose tracker records each logged value as an event of its own."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from esim.readers.encodings import cells
from esim.readers.formats import Found
from esim.readers.launch_order import launch_order
from esim.readers.options import Options
from esim.readers.run_logs import Layout, RunLog, RunLogs
from esim.readers.runs import Experiment, file_notes, studies
from esim.readers.source import File, Source
from esim.study import Note, Status

TIME = "timestamp"  # seconds since 1970 UTC, in the rows of a run


@dataclass(frozen=True)
class LoggedRun:
    """A run as its tracker recorded it.

    Attributes:
        run_id: its id.
        name: its name, "" if it has none.
        project: the project that it is of, "" if that is not recorded.
        file: one of its files.
        rows: each logged value as its place (``path:line``) and a row that holds the value under
            the metric's name, the steps and `TIME`.
        start, end, status, config: as in `esim.readers.runs.Run`.
    """

    run_id: str
    name: str
    project: str
    file: File
    rows: Sequence[tuple[str, Mapping[str, Any]]]
    start: float = math.nan
    end: float = math.nan
    status: Status = Status.UNKNOWN
    config: Mapping[str, Any] = field(default_factory=dict)

    @property
    def first_report(self) -> float:
        """Seconds since 1970 UTC, NaN if unknown."""
        times = (row.get(TIME) for _, row in self.rows)
        return min((time for time in times if time is not None), default=math.nan)


def names_or_ids(names: Sequence[str], ids: Sequence[str]) -> Sequence[str]:
    """The names of runs, which people know; their ids if names are missing or not unique.

    Args:
        names: the names, "" where a run has none. [N]
        ids: the ids. [N]
    """
    return names if all(names) and len(set(names)) == len(names) else ids


def studies_of(
    runs: Iterable[LoggedRun],
    layout: Layout,
    options: Options,
    source: Source,
    used: Collection[File],
    notes: Sequence[Note] = (),
    told: Callable[[str, RunLogs], Iterable[Note]] = lambda objective, logs: (),
) -> Found:
    """A study for each project.

    Args:
        runs: the runs.
        layout: the steps of their rows.
        options: what the user asked for.
        source: the input.
        used: the files that were read.
        notes: notes about the files.
        told: gives further notes about the curves of a metric.

    Raises:
        EsimError: as `esim.readers.runs.studies`.
    """
    projects: dict[str, list[LoggedRun]] = {}
    for run in runs:
        projects.setdefault(run.project or source.default_name, []).append(run)
    experiments = []
    for project, members in projects.items():
        names = names_or_ids([run.name for run in members], [run.run_id for run in members])
        order, ordered_by = launch_order(
            names,
            [run.run_id for run in members],
            [run.file.path for run in members],
            [run.first_report for run in members],
        )
        logs = RunLogs(
            [_log(names[i], members[i], layout) for i in order], layout, options, source.label
        )
        experiments.append(
            Experiment(
                name=project,
                runs=logs.runs,
                where=source.label,
                ordered_by=ordered_by,
                told=lambda objective, logs=logs: (  # type: ignore[misc]
                    *logs.told(objective),
                    *told(objective, logs),
                ),
            )
        )
    return studies(experiments, options, source, (*file_notes(source, used), *notes))


def _log(trial: str, run: LoggedRun, layout: Layout) -> RunLog:
    columns: dict[str, None] = {}
    for _, row in run.rows:
        for name, cell in row.items():
            if name not in columns and cells.holds_number(cell):
                columns[name] = None
    return RunLog(
        trial=trial,
        columns=list(columns),
        rows=lambda: run.rows,
        where=str(run.file),
        start=run.start,
        end=run.end,
        status=run.status,
        config=run.config,
    )
