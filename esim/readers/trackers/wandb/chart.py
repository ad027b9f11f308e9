"""Reads the CSV file that a chart on the web page of Weights & Biases exports.

The first column holds the steps. Each run has three columns: ``<run> - <metric>``, and the same
with ``__MIN`` and ``__MAX``. Their values differ where a point of the chart averages several rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from esim.errors import EsimError, agree, plural
from esim.readers.formats import Detection, Format, Found
from esim.readers.options import Options
from esim.readers.run_logs import Layout, RunLog, RunLogs
from esim.readers.runs import Experiment, detected, file_notes, studies
from esim.readers.source import Source
from esim.readers.tables.records import contents, csv_rows
from esim.readers.tables.shape import Shape, shape_of
from esim.study import Note

FORMAT = Format(
    name="wandb-chart",
    summary="Weights & Biases: the CSV file that a chart exports, a column a run",
    needs=("direction", "objective, if there are several metrics"),
    by_contents=True,
    takes=("step",),
    files="the CSV that a chart exports, a column a run",
)

_LOW, _HIGH = "__MIN", "__MAX"
_BETWEEN = " - "
STEP = "Step"


@dataclass
class _Chart:
    """The columns of a chart's file.

    Attributes:
        shape: the file.
        columns: for each run and metric, the numbers of the columns of value, minimum and maximum.
        renamed: how many runs got another name because two had the same.
    """

    shape: Shape
    columns: dict[tuple[str, str], tuple[int, int, int]] = field(default_factory=dict)
    renamed: int = 0

    def __post_init__(self) -> None:
        names = self.shape.columns
        for at, name in enumerate(names[1:-2], start=1):
            if names[at + 1] == name + _LOW and names[at + 2] == name + _HIGH:
                run, _, metric = name.rpartition(_BETWEEN)
                number = 1
                while (run if number == 1 else f"{run} #{number}", metric) in self.columns:
                    number += 1  # another run has the same name
                self.renamed += number > 1
                key = (run if number == 1 else f"{run} #{number}", metric)
                self.columns[key] = (at, at + 1, at + 2)


def detect(source: Source) -> Detection:
    """Whether there is a CSV file whose columns come in threes: value, minimum and maximum."""
    files = [chart.shape.file for chart in _charts(source)]
    return detected(files, f"with columns <run> - <metric>, {_LOW}, {_HIGH}")


def read(source: Source, options: Options) -> Found:
    """Read the runs of the charts as one study. Raises EsimError as `esim.readers.runs.studies`."""
    charts = _charts(source)
    if not charts:
        raise EsimError("no exported chart", where=source.label)
    chart_of: dict[tuple[str, str], _Chart] = {}
    for chart in charts:
        for key in chart.columns:
            if key in chart_of:
                raise EsimError(
                    f"{key[1]!r} of run {key[0]!r} is in two charts",
                    where=str(chart.shape.file),
                    why=f"{chart_of[key].shape.file} has it too",
                    fix="give one of them",
                )
            chart_of[key] = chart
    averaged: set[tuple[str, int]] = set()
    logs = [
        RunLog(
            trial=run,
            columns=[STEP, *(metric for name, metric in chart_of if name == run)],
            rows=lambda run=run: _rows(charts, run, averaged),  # type: ignore[misc]
            where=source.label,
        )
        for run in dict.fromkeys(name for name, _ in chart_of)
    ]
    together = RunLogs(logs, Layout(steps=(STEP,), sparse=True), options, source.label)
    renamed = sum(chart.renamed for chart in charts)
    notes = []
    if renamed:
        text = (
            f"{plural(renamed, 'run', 'have')} another's name; numbered in the order of the columns"
        )
        notes.append(Note("trials_renamed", text, renamed))

    def told(objective: str) -> list[Note]:
        said = together.told(objective)
        if averaged:
            text = (
                f"{plural(len(averaged), 'point')} of the chart {agree(len(averaged), 'are')} "
                "the average of several rows: the lowest "
                "and highest differ; export the history for each of them"
            )
            said = [*said, Note("chart_averages", text, len(averaged))]
        return said

    experiment = Experiment(
        name=source.default_name,
        runs=together.runs,
        where=source.label,
        notes=tuple(notes),
        told=told,
    )
    used = {chart.shape.file for chart in charts}
    return studies([experiment], options, source, file_notes(source, used))


def _charts(source: Source) -> list[_Chart]:
    shapes = (shape_of(file) for file in source.files if _LOW.encode() in file.head)
    charts = (_Chart(shape) for shape in shapes if shape is not None and shape.encoding == "CSV")
    return [chart for chart in charts if chart.columns]


def _rows(
    charts: Sequence[_Chart], run: str, averaged: set[tuple[str, int]]
) -> Iterator[tuple[str, dict[str, str]]]:
    for chart in charts:
        mine = [(metric, at) for (name, metric), at in chart.columns.items() if name == run]
        for place, row in csv_rows(chart.shape, contents(chart.shape)):
            found = {STEP: row[0]}
            for metric, (at, low, high) in mine:
                found[metric] = row[at]
                if row[low] != row[high]:
                    averaged.add((place, at))
            yield place, found
