"""The report of two replays against each other: a document of schema esim.diff/1 as a page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from esim.errors import EsimError
from esim.report.differing import (
    AMOUNTS,
    amounts,
    compared_sides,
    difference_answer,
    most_changed,
    why_words,
)
from esim.report.figures.figure_lists import difference_plots
from esim.report.pages.page import (
    Cell,
    Column,
    Doubt,
    Page,
    Part,
    Picture,
    Say,
    Section,
    Table,
    Tile,
    filled,
)
from esim.report.pages.provenance import facts
from esim.report.words import clean, count, percent, plural
from esim.results.difference import ChangedStudy, Difference
from esim.results.saved import SavedResult

_ON_PAGE = 50  # studies


def difference_page(source: SavedResult, studies: Sequence[str] = ()) -> Page:
    """The page of two replays.

    Raises:
        EsimError: the document cannot be used, or single studies are asked for.
    """
    if studies:
        raise EsimError("a difference shows no study in full", fix="leave out --study")
    found = Difference.from_dict(source.document, source.where)
    sections = [
        Section("totals", "Over all studies", (_totals(found),)),
        Section(
            "settings",
            "What differs",
            (_settings(found), *map(Picture, difference_plots(found).values())),
        ),
    ]
    if found.by_study:
        sections.append(Section("studies", "Study by study", tuple(_studies(found))))
    sections.append(_provenance(found, source))
    return Page(
        title=f"{found.old.rule.name} and {found.new.rule.name}: two replays"
        if found.old.rule.name != found.new.rule.name
        else f"Two replays of {found.new.rule.name}",
        subtitle=f"{plural(found.old.totals['studies'], 'study')} before, "
        f"{plural(found.new.totals['studies'], 'study')} now",
        answer=tuple(difference_answer(found)),
        tiles=tuple(_tiles(found)),
        doubts=tuple(_doubts(found)),
        sections=tuple(sections),
        table="changed" if found.changed else "totals",
    )


def _tiles(found: Difference) -> Iterator[Tile]:
    old, new = found.old.totals, found.new.totals
    before = percent(old["steps_saved_fraction"])
    yield Tile("steps saved", percent(new["steps_saved_fraction"]), f"before: {before}")
    lost = [side["best_trials_stopped"] for side in (old, new)]
    yield Tile("best trial lost in", count(lost[1]), f"before: {count(lost[0])}",
               bad=lost[1] > lost[0])  # fmt: skip
    if found.by_study:
        yield Tile(
            "studies that differ", count(len(found.changed)), f"of {found.in_both:,} in both"
        )


def _doubts(found: Difference) -> Iterator[Doubt]:
    if not found.by_study:
        yield Doubt(
            "single studies are not compared: a table of studies is not beside its document"
        )
    if any(len(one.why) > 1 for one in found.changed):
        yield Doubt("where several things differ, nothing tells which of them changed a study")
    if found.only_old or found.only_new:
        yield Doubt("old and new have other studies: compare the totals over those in both")
    if found.untold:
        yield Doubt(
            f"of {plural(found.untold, 'study')} only the recorded amounts could be compared, not "
            "the reports"
        )


def _totals(found: Difference) -> Table:
    sides = compared_sides(found)
    unit = next((totals["currency"] for _, totals in sides if totals["currency"]), "")
    columns = [Column(key, label, kind, unit) for key, (label, kind) in AMOUNTS.items()]
    rows = [(name, *amounts(totals).values()) for name, totals in sides]
    return filled("totals", "Before and now", (Column("replay", ""), *columns), rows)


def _settings(found: Difference) -> Part:
    if not found.settings:
        return Say("Nothing: rule, clock, costs and version are the same.")
    rows = [
        (one.cause, one.name, *(None if v is None else str(v) for v in (one.old, one.new)))
        for one in found.settings
    ]
    columns = (
        Column("cause", "of"),
        Column("name", "setting"),
        Column("old", "old"),
        Column("new", "new"),
    )
    return Table("settings", "Settings that differ", columns, rows)


_COLUMNS = (
    Column("study", "study"),
    Column("old_steps_saved", "steps saved, old", "percent"),
    Column("new_steps_saved", "new", "percent"),
    Column("old_cost_saved", "money saved, old", "money"),
    Column("new_cost_saved", "new", "money"),
    Column("old_degradation", "normalized degradation, old", "percent"),
    Column("new_degradation", "new", "percent"),
    Column("old_lost", "best trial, old", "fate"),
    Column("new_lost", "new", "fate"),
    Column("why", "by"),
)


def _studies(found: Difference) -> Iterator[Part]:
    if found.changed:
        rows = [_row(one) for one in most_changed(found)]
        caption = "Studies that differ: newly lost best trials first, then by the change"
        unit = found.new.totals["currency"] or ""
        columns = [replace(column, unit=unit) for column in _COLUMNS]
        yield filled("changed", caption, columns, rows, most=_ON_PAGE)
    else:
        yield Say(f"None of the {plural(found.in_both, 'study')} in both differs.")
    for names, which in ((found.only_old, "old"), (found.only_new, "new")):
        if names:
            caption = f"Only in the {which} one"
            column = (Column("study", "study"),)
            yield Table(f"only-{which}", caption, column, [(one,) for one in names], most=_ON_PAGE)


def _row(one: ChangedStudy) -> tuple[Cell, ...]:
    cells: list[Cell] = [one.study]
    for key in ("steps_saved_fraction", "cost_saved", "degradation_normalized",
                "best_trial_stopped"):  # fmt: skip
        cells += [None if side is None else getattr(side, key) for side in (one.old, one.new)]
    return (*cells, why_words(one))


def _provenance(found: Difference, source: SavedResult) -> Section:
    rows = [("esim", found.esim), ("document", source.schema)]
    for which, side in (("old", found.old), ("new", found.new)):
        rows += [
            (f"{which}, read", clean(side.path, 200)),
            (f"{which}, document", side.schema),
            (f"{which}, written by", f"esim {side.esim}"),
        ]
    return Section("provenance", "Where this comes from", (facts("versions", "Read", rows),))
