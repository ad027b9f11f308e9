"""What a rule saves and loses in a month and a year, as parts of a page."""

from __future__ import annotations

from collections.abc import Iterator

from esim.report.pages.page import Cell, Column, Missing, Part, Say, Table, Tile, filled
from esim.report.projection import MONTHS, PerJob, Projection
from esim.report.words import money, number


def amount_words(value: float, projection: Projection) -> str:
    """An amount that is saved, with its unit."""
    if projection.priced:
        return money(value, projection.unit)
    digits = float(f"{value:.4g}")
    return f"{digits:,.0f} {projection.unit}" if digits >= 1000 else f"{digits:g} {projection.unit}"


def projection_tile(projection: Projection, jobs: float) -> Tile:
    """What is saved in a month."""
    month = projection.saved.times(jobs)
    note = f"{number(jobs)} tuning jobs a month, {amount_words(MONTHS * month.mean, projection)} "
    return Tile("saved in a month", amount_words(month.mean, projection), f"{note}a year")


def projection_parts(
    projection: Projection | None, jobs: float | None, source: str
) -> Iterator[Part]:
    """The projection for so many tuning jobs a month.

    Args:
        projection: of a job; None: no amount is known.
        jobs: tuning jobs a month; None: not told.
        source: the result that it is made of, in a word.
    """
    if jobs is None or projection is None:
        why = "How many tuning jobs run in a month was not told."
        if projection is None:
            why = "The results know of no amount that could be projected."
        yield Missing(why, "" if projection is None else "esim report ... --jobs-per-month N")
        return
    year = MONTHS * jobs
    yield Say(
        f"{number(jobs)} tuning jobs a month times what the {source} expects of one on average. "
        f"A month comes to {amount_words(projection.saved.times(jobs).mean, projection)}, a year "
        f"to {amount_words(projection.saved.times(year).mean, projection)}, if the jobs are like "
        "those it was made of."
    )
    if projection.saved.low is not None or projection.saved.high is not None:
        yield Say(
            "The low and high ends are as if every job were at the end of the interval for one "
            "job; the sum of many is nearer to the mean."
        )
    yield _table(projection, jobs)
    if not projection.priced:
        yield Missing("No price was given, so no money.", "esim estimate LOGS --price 0.23")


def _table(projection: Projection, jobs: float) -> Table:
    unit = projection.unit
    ends = (Column("low", "low end", "number"), Column("high", "high end", "number"))
    columns = (
        Column("span", "in"),
        Column("jobs", "tuning jobs", "count" if jobs == int(jobs) else "number"),
        Column("saved", f"{unit} saved", "number"),
        *ends,
        Column("lost", "jobs that lose their best trial", "number"),
        *(Column(f"lost_{one.key}", one.label, one.kind) for one in ends),
    )
    rows: list[tuple[Cell, ...]] = []
    for span, n in (("a job", 1.0), ("a month", jobs), ("a year", MONTHS * jobs)):
        lost = None if projection.lost is None else projection.lost.times(n)
        rows.append((span, n, *_cells(projection.saved.times(n)), *_cells(lost)))
    return filled("projection", "Saved and lost", columns, rows)


def _cells(found: PerJob | None) -> tuple[float | None, float | None, float | None]:
    if found is None:
        return (None, None, None)
    four = (None if x is None else float(f"{x:.4g}") for x in (found.mean, found.low, found.high))
    mean, low, high = four
    return (mean, low, high)
