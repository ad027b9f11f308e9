"""The report of a replayed history: a document of schema esim.replay-many/1 as a page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from esim.errors import EsimError
from esim.report.figures.figure_lists import history_plots
from esim.report.figures.plot import Plot
from esim.report.pages.page import (
    Cell,
    Code,
    Column,
    Doubt,
    Missing,
    Page,
    Part,
    Picture,
    Say,
    Section,
    Table,
    Tile,
    filled,
)
from esim.report.pages.provenance import facts, newest_words, provenance, rule_table
from esim.report.replayed_history import (
    HEADLINES,
    acting_rule,
    command_for,
    doubt_words,
    gravest_first,
    history_answer,
    spread_answer,
    worst_first,
)
from esim.report.words import clean, money, percent, plural, seconds
from esim.results.history import SPREAD, Breakdown, By, HistoryReplay
from esim.results.replay import TOTALED
from esim.results.replayed_studies import ReplayedStudy, replayed_studies
from esim.results.saved import SavedResult
from esim.storage.history.dates import month

_WORST = 20  # studies that are listed with what they lose
_LOOKED_AT = 5  # of these, with the commands that show them
_ON_PAGE = 50  # rows of the table of all studies that a page shows
_AGAIN = "esim replay HISTORY --out FOLDER keeps it beside the result"


def history_page(source: SavedResult, studies: Sequence[str] = ()) -> Page:
    """The page of a replayed history.

    Raises:
        EsimError: the document or the table beside it cannot be used, or single studies are asked
            for.
    """
    result = HistoryReplay.from_dict(source.document, source.where)
    if not result.inputs:
        raise EsimError("it does not say which history was replayed", where=source.where)
    if studies:
        raise EsimError(
            "the page of a history shows no study in full",
            fix=command_for(result, studies[0]) + " --out FOLDER, and esim report FOLDER",
        )
    rows = replayed_studies(source)
    done = [one for one in rows or () if one.summary is not None]
    parts = _breakdowns(result, done)
    plots = history_plots([one.summary for one in done if one.summary is not None], parts)
    where = clean(str(result.inputs[0]["path"]), 60)
    sections = [
        _spread(result, rows is not None, plots),
        _worst(result, done, rows is not None),
        *([_parts(parts, plots)] if parts else []),
        *([_every(done)] if done else []),
        *([_failed(result)] if result.failures else []),
        _assumed(result, done),
        provenance(result, source),
    ]
    trials = plural(result.totals["trials"] or 0, "trial")
    return Page(
        title=f"{where}: early stopping with {acting_rule(result)}",
        subtitle=f"{plural(result.studies, 'study')}, {trials}{_span(done)}",
        answer=(history_answer(result), *spread_answer(result, done)),
        tiles=tuple(_tiles(result, done)),
        doubts=tuple(_doubts(result)),
        sections=tuple(sections),
        table="studies" if done else "spread",
        date=newest_words(one.last_end for one in done if one.last_end is not None),
    )


def _breakdowns(result: HistoryReplay, done: Sequence[ReplayedStudy]) -> list[Breakdown]:
    """By month and by group, as far as the document or the table beside it tells."""
    found = {} if result.by is None else {result.by.what: result.by}
    columns = {key: [getattr(one.summary, key) for one in done] for key in TOTALED}
    names: dict[By, list[str | None]] = {
        "month": [None if one.first_start is None else month(one.first_start) for one in done],
        "group": [one.group for one in done],
    }
    for what, of_studies in names.items():
        if what not in found and len(set(of_studies) - {None}) > (what == "group"):
            found[what] = Breakdown.of(what, of_studies, columns)
    return [found[what] for what in names if what in found]


def _span(done: Sequence[ReplayedStudy]) -> str:
    known = [one.first_start for one in done if one.first_start is not None]
    if not known:
        return ""
    first, last = month(min(known)), month(max(known))
    return f"; begun in {first}" if first == last else f"; begun from {first} to {last}"


def _tiles(result: HistoryReplay, done: Sequence[ReplayedStudy]) -> Iterator[Tile]:
    t, spread = result.totals, result.spread.get("steps_saved_fraction", {})
    if t["steps_saved_fraction"] is not None:
        note = f"median study {percent(spread['q50'])}" if spread else ""
        yield Tile("steps saved", percent(t["steps_saved_fraction"]), note)
    for label, recorded, run, unit in (
        ("training time saved", "seconds_recorded", "seconds_run", ""),
        ("money saved", "cost_recorded", "cost", str(t["currency"] or "")),
    ):
        pairs = [(getattr(one.summary, recorded), getattr(one.summary, run)) for one in done]
        known = [(was, now) for was, now in pairs if was is not None and now is not None]
        n = len(known)
        if not done and t[run] is not None:
            known, n = [(t[recorded], t[run])], result.studies
        was, saved = sum(was for was, _ in known), sum(was - now for was, now in known)
        if not was:
            continue
        show = (lambda x: money(x, unit)) if run == "cost" else seconds  # noqa: B023
        some = "" if n == result.studies else f", in the {n:,} studies where it is known"
        yield Tile(label, show(saved), f"{percent(saved / was)} of {show(was)}{some}")
    lost = t["best_trials_stopped"]
    share = percent(lost / result.studies) if result.studies else ""
    yield Tile("best trial lost in", f"{lost:,} of {result.studies:,}", f"studies, {share}",
               bad=lost > 0)  # fmt: skip


def _doubts(result: HistoryReplay) -> Iterator[Doubt]:
    if result.failures:
        yield Doubt(f"{plural(len(result.failures), 'study')} could not be replayed: see below")
    for note in result.inputs[0].get("notes", ()):
        yield Doubt(clean(note["text"], 300))
    for code in gravest_first(result.warnings):
        n = result.warnings[code]
        everywhere = n == result.studies
        where = "in every study" if everywhere else f"in {n:,} of {result.studies:,} studies"
        yield Doubt(doubt_words(code), where, code)


def _spread(result: HistoryReplay, kept: bool, plots: dict[str, Plot]) -> Section:
    known = {key: spread for key, spread in result.spread.items() if key in HEADLINES}
    columns = [Column("share", "of the studies have at most")]
    for key, spread in known.items():
        label, show = HEADLINES[key]
        n = spread["studies"]
        some = "" if n == result.studies else f", {n:,} studies"
        columns.append(Column(key, f"{label}{some}", "percent" if show is percent else "number"))
    rows: list[tuple[Cell, ...]] = [
        (f"{100 * level:.0f} %", *(spread[name] for spread in known.values()))
        for name, level in SPREAD.items()
    ]
    table = Table("spread", "Quantiles over the studies", columns, rows)
    figures: list[Part] = [Picture(plots[key]) for key in ("savings", "losses") if key in plots]
    if not kept:
        figures.append(Missing("Single studies: their table is not here.", _AGAIN))
    return Section("spread", "How it spreads over the studies", (*figures, table))


def _worst(result: HistoryReplay, done: Sequence[ReplayedStudy], kept: bool) -> Section:
    title = "Where most is lost"
    if not kept:
        missing = Missing("The worst studies: the table of studies is not here.", _AGAIN)
        return Section("worst", title, (missing,))
    worst = worst_first(done)[:_WORST]
    if not worst:
        return Section("worst", title, (Say("No study is known to lose anything."),))
    losing = len(worst_first(done))
    columns = (*_COLUMNS[:6], *_WORST_COLUMNS)
    rows = [(*_row(one)[:6], *_fates(one)) for one in worst]
    most = f"All {losing} studies that lose"
    if losing > len(worst):
        most = f"{len(worst)} of the {losing:,} studies that lose"
    if losing == 1:
        most = "The one study that loses"
    lines: list[str] = []
    for one in worst[:_LOOKED_AT]:
        lines.append(command_for(result, one.study))
        best = one.summary.best_recorded if one.summary else None
        if best is not None and not result.until:
            lines.append(command_for(result, one.study, best.trial))
    return Section(
        "worst",
        title,
        (
            filled("worst", f"{most}, the worst first" if losing > 1 else most, columns, rows),
            Code("To look at the first of them, and at what became of their best trials", lines),
        ),
    )


_COLUMNS = (
    Column("study", "study"),
    Column("group", "group"),
    Column("began", "began"),
    Column("trials", "trials", "count"),
    Column("trials_stopped", "stopped", "count"),
    Column("steps_saved_fraction", "steps saved", "percent", bar=True),
    Column("seconds_saved_fraction", "training time saved", "percent"),
    Column("billed_saved_fraction", "billed time saved", "percent"),
    Column("makespan_saved_fraction", "makespan saved", "percent"),
    Column("cost_saved", "money saved", "money"),
    Column("degradation_normalized", "normalized degradation", "percent"),
    Column("best_rank", "rank of the best kept", "count"),
    Column("best_trial_stopped", "best trial", "fate"),
)
_WORST_COLUMNS = (
    Column("degradation_normalized", "normalized degradation", "percent"),
    Column("best_recorded_trial", "best trial"),
    Column("best_recorded", "its value", "number"),
    Column("best", "best value kept", "number"),
    Column("best_rank", "its rank", "count"),
)


def _row(one: ReplayedStudy) -> tuple[Cell, ...]:
    """A study's cells under `_COLUMNS`."""
    s = one.summary
    assert s is not None
    began = None if one.first_start is None else datetime.fromtimestamp(one.first_start, UTC)
    told: dict[str, Cell] = {
        "study": one.study,
        "group": one.group,
        "began": None if began is None else began.strftime("%Y-%m-%d"),
        "cost_saved": None
        if s.cost is None or s.cost_recorded is None
        else s.cost_recorded - s.cost,
    }
    return tuple(told[c.key] if c.key in told else getattr(s, c.key) for c in _COLUMNS)


def _fates(one: ReplayedStudy) -> tuple[Cell, ...]:
    """A study's cells under `_WORST_COLUMNS`."""
    s = one.summary
    assert s is not None
    was, now = s.best_recorded, s.best
    return (
        s.degradation_normalized,
        None if was is None else was.trial,
        None if was is None else was.value,
        None if now is None else now.value,
        s.best_rank,
    )


def _parts(parts: Sequence[Breakdown], plots: dict[str, Plot]) -> Section:
    keys = [f"by-{one.what}" for one in parts]
    pictures = [Picture(plots[key]) for key in keys if key in plots]
    title = "By " + " and by ".join(one.what for one in parts)
    return Section("parts", title, (*pictures, *map(_part_table, parts)))


def _part_table(parts: Breakdown) -> Table:
    unit = next((one.totals["currency"] for one in parts.parts if one.totals["cost"]), "")
    columns = (
        Column(parts.what, parts.what),
        Column("studies", "studies", "count"),
        Column("trials", "trials", "count"),
        Column("trials_stopped", "stopped", "count"),
        Column("steps_saved_fraction", "steps saved", "percent", bar=True),
        Column("seconds_saved_fraction", "training time saved", "percent"),
        Column("seconds_saved", "in time", "seconds"),
        Column("cost_saved", "money saved", "money", str(unit or "")),
        Column("best_trials_stopped", "best lost in", "count"),
    )
    rows = []
    for one in parts.parts:
        t = one.totals
        saved = {
            f"{amount}_saved": None if t[run] is None else t[recorded] - t[run]
            for amount, recorded, run in (
                ("seconds", "seconds_recorded", "seconds_run"),
                ("cost", "cost_recorded", "cost"),
            )
        }
        told = {**t, **saved, parts.what: "no date" if one.name is None else one.name}
        rows.append(tuple(told[column.key] for column in columns))
    captions = {
        "month": "By the month in which a study began (UTC)",
        "group": "By the group that esim convert --group named, else by input",
    }
    return filled(f"by-{parts.what}", captions[parts.what], columns, rows)


def _every(done: Sequence[ReplayedStudy]) -> Section:
    ranked = worst_first(done)
    losing = {one.study for one in ranked}
    rows = [_row(one) for one in (*ranked, *(one for one in done if one.study not in losing))]
    currency = next((s.currency for one in done if (s := one.summary) and s.currency), "")
    columns = [replace(column, unit=currency or "") for column in _COLUMNS]
    caption = "Every study, those that lose most first"
    table = filled("studies", caption, columns, rows, most=_ON_PAGE)
    return Section("studies", "All studies", (table,))


def _failed(result: HistoryReplay) -> Section:
    columns = (Column("study", "study"), Column("why", "why"))
    rows = [(study, " ".join(why.split())) for study, why in result.failures.items()]
    return Section("failed", "Not replayed", (Table("failed", "Why", columns, rows),))


def _assumed(result: HistoryReplay, done: Sequence[ReplayedStudy]) -> Section:
    clocks: dict[str, int] = {}
    for one in done:
        clocks[one.clock or "unknown"] = clocks.get(one.clock or "unknown", 0) + 1
    told = "; ".join(f"{name} in {plural(n, 'study')}" for name, n in clocks.items())
    costs = result.costs
    price = "none given" if costs.price is None else money(costs.price, costs.currency)
    rows = [
        ("rule", result.rule.name),
        *(("ended by", f"{one.text}, a job-level rule") for one in result.until),
        ("copied from", result.rule.source),
        ("clock", told or result.clock.mode or "each study's own: recorded where it has times"),
        *([("workers", str(result.clock.workers))] if result.clock.workers > 1 else []),
        ("final value", f"the {result.final} reported value of a trial"),
        ("price of an instance-hour", price),
        ("a stop takes effect after", seconds(costs.stop_latency_s)),
        ("start-up of a job", seconds(costs.startup_s)),
        ("date of a study", "the first start of its trials in the logs, UTC"),
    ]
    return Section(
        "assumptions",
        "Assumptions",
        (facts("assumptions", "What was assumed", rows), rule_table("rule", result.rule)),
    )
