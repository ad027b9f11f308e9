"""The report of a closed loop: a document of schema esim.closed-loop/1 as a page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from esim.report.figures.best_so_far import best_so_far_plots
from esim.report.pages.page import (
    Column,
    Doubt,
    Missing,
    Page,
    Part,
    Picture,
    Section,
    Table,
    Tile,
    filled,
)
from esim.report.pages.provenance import facts, provenance, rule_table
from esim.report.simulated_search import (
    AT_EQUAL_BUDGET,
    AT_EQUAL_TRIALS,
    SEARCH_WORDS,
    acting,
    answer,
    between,
    head,
    held_rows,
    rows,
    show,
)
from esim.report.words import MISSING, clean, number, percent, plural, share_words
from esim.results.closed_loop import ClosedLoop, SearcherForecast
from esim.results.saved import SavedResult

_LONGEST = 600  # characters of a sentence
SEARCHES = tuple(f"search-{name}" for name in SEARCH_WORDS)  # ids of their sections


def closed_loop_page(source: SavedResult, studies: Sequence[str] = ()) -> Page:
    """The page of a closed loop.

    Args:
        source: the document, and where it was read.
        studies: not used: a closed loop is of one study.

    Raises:
        EsimError: the document does not follow its schema.
    """
    found = ClosedLoop.from_dict(source.document, source.where)
    plots = {plot.name: plot for plot in best_so_far_plots(found)}
    sections = []
    for one in found.searchers:
        parts: list[Part] = list(_numbers(found, one))
        parts += [Picture(p) for name, p in plots.items() if f"-{one.searcher}-" in name]
        title = f"Search {SEARCH_WORDS[one.searcher]}"
        sections.append(Section(f"search-{one.searcher}", title, tuple(parts)))
    sections += [
        Section("surrogate", "What it was learned from, and how well", tuple(_surrogate(found))),
        Section("rule", "The rule", (rule_table("rule", found.rule),)),
        provenance(found, source),
    ]
    return Page(
        title=f"{clean(found.study)}: what the search would have done with {acting(found)}",
        subtitle=f"{plural(found.futures, 'future')} of each search, "
        f"{plural(found.clock.workers, 'worker')}",
        answer=tuple(answer(found)),
        tiles=tuple(_tiles(found)),
        doubts=tuple(Doubt(clean(c.text, _LONGEST), code=c.code) for c in found.caveats),
        sections=tuple(sections),
        table=f"numbers-{next((s.searcher for s in found.searchers if s.record.covered), 'none')}",
    )


def _tiles(found: ClosedLoop) -> Iterator[Tile]:
    for one in found.searchers[:3]:
        name = SEARCH_WORDS[one.searcher]
        if not one.record.covered:
            yield Tile(f"steps saved, {name}", MISSING, "does not do what the log did", bad=True)
            continue
        saved = one.quantities["steps_saved_fraction"]
        yield Tile(f"steps saved, {name}", percent(saved.median), between(saved))
    yield Tile(
        "rank correlation", f"{found.surrogate.rank_correlation:.2f}", "of trials not seen"
    )  # fmt: skip


def _numbers(found: ClosedLoop, one: SearcherForecast) -> Iterator[Part]:
    record, search = one.record, f"Search {SEARCH_WORDS[one.searcher]}"
    yield facts(
        f"record-{one.searcher}",
        f"{search}: do the futures without the rule look like the log?",
        (
            ("launches with the log's best so far outside the band", share_words(record.outside)),
            ("what may be chance", share_words(record.allowed)),
            ("so", "yes" if record.covered else "no: no number is shown"),
        ),
    )
    if not record.covered:
        yield Missing("The surrogate does not reproduce the log with this search.")
        return
    columns = (
        Column("when", ""),
        Column("quantity", "with the rule"),
        Column("median", "median", "amount"),
        Column("interval", f"{share_words(found.confidence)} of jobs"),
        Column("mean", "mean", "amount"),
        Column("known", "known in", "share"),
    )
    cells = [
        (when, label, show(s, s.median), between(s), show(s, s.mean), s.known)
        for when, names in (("equal trials", AT_EQUAL_TRIALS), ("equal budget", AT_EQUAL_BUDGET))
        for label, s in rows(one, names)
    ]
    caption = f"{search}: with the rule against without it"
    yield filled(f"numbers-{one.searcher}", caption, columns, cells)
    yield facts(
        f"futures-{one.searcher}",
        f"{search}: what was made of the futures",
        (
            ("an interval holds one more job with a chance of", share_words(found.confidence)),
            ("that of what is lost of the best is wider, times", f"{one.widening:.2f}"),
        ),
    )
    if found.pair is not None and one.against is not None:
        yield filled(
            f"against-{one.searcher}",
            f"{search}: held against {clean(found.pair.study)}, "
            f"{plural(found.pair.trials, 'trial')} of which "
            f"{found.pair.trials_stopped} were cut short",
            (
                Column("quantity", "what it recorded"),
                Column("recorded", "recorded"),
                Column("median", "median"),
                Column("interval", f"{share_words(found.confidence)} of jobs"),
                Column("held", "held"),
            ),
            list(held_rows(one.against)),
        )


def _surrogate(found: ClosedLoop) -> Iterator[Table]:
    q = found.surrogate
    told = [
        ("from", "; ".join(head(found))),
        ("trials learned from, left out", f"{q.trials}, {q.left_out}"),
        ("hyperparameters", ", ".join(clean(name) for name in q.hyperparameters)),
        ("that never change", ", ".join(clean(name) for name in q.constant) or MISSING),
        ("rank correlation of final values", f"{q.rank_correlation:.2f}"),
        ("refused below", f"{q.least_correlation:.2f}"),
        ("error of curves, that of the mean curve = 1", f"{q.curve_error:.2f}"),
        ("rank correlation of training seconds", number(q.seconds_correlation, 2)),
        ("final values in a band of", f"{share_words(q.band)}: {share_words(q.band_holds)}"),
        ("errors added to what is drawn, times", f"{q.noise:g}"),
    ]
    yield facts("quality", "Measured on trials that its trees had not seen", told)
