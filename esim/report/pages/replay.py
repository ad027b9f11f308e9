"""The report of a replay: a document of schema esim.replay/1 as a page."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from esim.errors import EsimError
from esim.report.answer import answer, subtitle
from esim.report.chosen import shown_in_full
from esim.report.figures.labelled_rows import studies_plot
from esim.report.pages.page import Column, Doubt, Page, Part, Picture, Say, Section, Tile, filled
from esim.report.pages.provenance import newest_words, provenance
from esim.report.pages.replay_sections import assumptions, study_sections
from esim.report.words import acting_words, clean, clock_words, money, percent, plural, signed
from esim.results.replay import ReplayResult
from esim.results.saved import SavedResult, replay_document, reports_of
from esim.storage.folders import unique_slugs
from esim.storage.history.dates import study_dates


def replay_page(source: SavedResult, studies: Sequence[str] = ()) -> Page:
    """The page of a replay.

    Args:
        studies: the ones to show in full; by default all, or the ones that lose most where there
            are many.

    Raises:
        EsimError: the document or a table beside it cannot be used, or lacks a study.
    """
    document = replay_document(source)
    results = document.studies
    if not results:
        raise EsimError("there is nothing to report", where=source.where, why="no study in it")
    shown = shown_in_full(results, studies)
    slugs = dict(
        zip((r.study for r in results), unique_slugs([r.study for r in results]), strict=True)
    )
    one = len(results) == 1
    acting = acting_words(results[0])
    ended = results[0].until and results[0].rule.name == "none"
    stopping = "a job ended early" if ended else "early stopping"
    sections: list[Section] = [] if one else [_all_studies(results, shown, studies)]
    for i, result in enumerate(shown, 1):
        reports, decisions = reports_of(source, result), result.trace()
        prefix = "" if one else f"s{i}-"
        sections += study_sections(result, reports, decisions, slugs[result.study], prefix)
    sections.append(assumptions(results))
    sections.append(provenance(document, source))
    head = subtitle(results[0]) if one else plural(len(results), "study")
    return Page(
        title=f"{clean(results[0].study) if one else plural(len(results), 'tuning job')}: "
        f"{stopping} with {acting}",
        subtitle=f"{head}; rule {acting}" + (f", {clock_words(results[0].clock)}" if one else ""),
        answer=answer(results),
        tiles=tuple(_tiles(results)),
        doubts=tuple(_doubts(results)),
        sections=tuple(sections),
        table="readings" if one and results[0].readings else "studies" if not one else "saved",
        date=newest_words(last for one in results for last in _last_ends(one)),
    )


def _last_ends(result: ReplayResult) -> Iterator[float]:
    """When the last trial ended, if that is known and a time of a wall clock."""
    columns = result.columns
    _, last = study_dates(columns.start_recorded_s, columns.end_recorded_s)
    if not math.isnan(last):
        yield last


def _tiles(results: Sequence[ReplayResult]) -> Iterator[Tile]:
    if len(results) > 1:
        shares = [r.summary.steps_saved_fraction for r in results]
        saved = [share for share in shares if share is not None]
        fates = [r.summary.best_trial_stopped for r in results]
        lost, told = sum(fate is True for fate in fates), sum(fate is not None for fate in fates)
        if saved:
            yield Tile(
                "steps saved, median study",
                percent(float(np.median(saved))),
                f"{percent(min(saved))} to {percent(max(saved))} over studies",
            )
        yield Tile(
            "best trial stopped in",
            f"{lost} of {told}",
            "studies" if told == len(results) else "studies of which it is known",
            bad=lost > 0,
        )
        return
    result = results[0]
    s, ranges = result.summary, result.ranges()

    def over(key: str, show: Any) -> str:
        return f"{show(ranges[key][0])} to {show(ranges[key][1])} over readings" if ranges else ""

    yield Tile(
        "steps saved", percent(s.steps_saved_fraction), over("steps_saved_fraction", percent)
    )
    if s.seconds_saved_fraction is not None:
        yield Tile(
            "training time saved",
            percent(s.seconds_saved_fraction),
            over("seconds_saved_fraction", percent),
        )
    if s.cost_saved_fraction is not None and s.cost is not None and s.cost_recorded is not None:
        yield Tile(
            "money saved",
            money(s.cost_recorded - s.cost, s.currency),
            f"of {money(s.cost_recorded, s.currency)}",
        )
    known = s.degradation if s.degradation is not None else s.degradation_on_record
    yield Tile(
        "best trial",
        {True: "lost", False: "kept", None: "unknown"}[s.best_trial_stopped],
        f"degradation {signed(known)}"
        + ("" if s.degradation is not None or known is None else " on record"),
        bad=s.best_trial_stopped is True,
    )


def _doubts(results: Sequence[ReplayResult]) -> Iterator[Doubt]:
    """Each reason once, with the studies it holds for where they are several."""
    if len(results) == 1:
        yield from (Doubt(w.text, code=w.code) for w in results[0].warnings)
        return
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for result in results:
        for warning in result.warnings:
            found[warning.code].append((result.study, warning.text))
    for code, told in found.items():
        names = ", ".join(clean(study, 40) for study, _ in told[:3])
        more = f" and {len(told) - 3} more" if len(told) > 3 else ""
        everywhere = len(told) == len(results)
        where = "in every study" if everywhere else f"in {names}{more}"
        texts = {text for _, text in told}
        text = told[0][1] if len(texts) == 1 else f"for example: {told[0][1]}"
        yield Doubt(text, where, code)


def _all_studies(
    results: Sequence[ReplayResult], shown: Sequence[ReplayResult], asked: Sequence[str]
) -> Section:
    columns = (
        Column("study", "study"),
        Column("trials", "trials", "count"),
        Column("trials_stopped", "stopped", "count"),
        Column("steps_saved_fraction", "steps saved", "percent", bar=True),
        Column("steps_saved_low", "lowest reading", "percent"),
        Column("steps_saved_high", "highest reading", "percent"),
        Column("seconds_saved_fraction", "training time saved", "percent"),
        Column("billed_saved_fraction", "billed time saved", "percent"),
        Column("makespan_saved_fraction", "makespan saved", "percent"),
        Column("cost_saved_fraction", "money saved", "percent"),
        Column("degradation", "degradation", "signed"),
        Column("degradation_normalized", "normalized", "percent"),
        Column("best_rank", "rank of the best kept", "count"),
        Column("best_trial_stopped", "best trial", "fate"),
    )
    rows = []
    for result in results:
        s = result.summary
        low, high = result.ranges().get("steps_saved_fraction", (None, None))
        found = {"study": result.study, "steps_saved_low": low, "steps_saved_high": high}
        rows.append([found[c.key] if c.key in found else getattr(s, c.key) for c in columns])
    parts: list[Part] = [
        filled("studies", "Every study", columns, rows),
        Picture(studies_plot(results)),
    ]
    if len(shown) < len(results):
        why = "asked for" if asked else "whose best value suffers most"
        parts.append(
            Say(
                f"Shown in full below: the {len(shown)} of {len(results)} studies {why}. "
                "--study NAME shows another."
            )
        )
    return Section("studies", "All studies", tuple(parts))
