"""The reports of a certificate and of a watch over one: esim.certificate/1, esim.watch/1."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from esim.errors import EsimError
from esim.report.certified import (
    AMOUNTS,
    assumptions,
    certificate_answer,
    left_out_lines,
    watch_answer,
    watch_doubts,
)
from esim.report.figures.figure_lists import certificate_plots
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
)
from esim.report.pages.provenance import facts, provenance, rule_table
from esim.report.words import clean, clock_words, number, percent, plural
from esim.results.certificate import Certificate
from esim.results.saved import SavedResult
from esim.results.watched import Watched

_METHOD = (
    "A study is the unit, however many trials it has. A part of the studies chooses a sequence of "
    "rules: from the safest on, each that saves more than all before it. The other studies test "
    "one rule of it after another, each at the full level, until a test fails: Learn then Test "
    "(arXiv 2110.01052). The chance that any rule is certified whose risk is above what was asked "
    "is then at most 1 - confidence, for every number of studies and every kind of losses.",
    "Bounded on average is less (conformal risk control, arXiv 2208.02814): the risk of the rule "
    "that is picked so is within what was asked in the mean over many draws of such studies. A "
    "single draw may have been a lucky one, and nothing says how often.",
)
_BETS = (
    "After each new study a bet against the certificate is settled, at odds that are fair if its "
    "risk is as asked. Whoever bets against what is true turns 1 into w with a chance of at most "
    "1 / w, however long (Ville 1939; Waudby-Smith and Ramdas, arXiv 2010.09686). So a wealth of "
    "1 / (1 - confidence) says that the certificate no longer holds, and says so falsely with a "
    "chance of at most 1 - confidence over all time. A part of the wealth is kept for bets that "
    "begin with each later study, since risks may rise at any time."
)


def certificate_page(source: SavedResult, studies: Sequence[str] = ()) -> Page:
    """The page of a certificate.

    Raises:
        EsimError: the document cannot be used, or single studies are asked for.
    """
    _refuse_studies(studies)
    c = Certificate.from_dict(source.document, source.where)
    title = "No rule certified" if c.certified is None else f"{clean(c.certified, 60)}: certified"
    drawn = map(Picture, certificate_plots(c).values())
    parts: list[Part] = [*drawn, _asked(c), _sequence(c)]
    if c.certified is not None:
        parts.append(rule_table("rule", c.candidate(c.certified).rule))
    return Page(
        title=title,
        subtitle=f"{plural(len(c.studies), 'study')}; {plural(c.candidates, 'rule')}; seed "
        f"{c.replays.seed}",
        answer=certificate_answer(c),
        tiles=tuple(_tiles(c)),
        doubts=tuple(
            Doubt(text) for text in (*left_out_lines(c.left_out), *(w.text for w in c.warnings))
        ),
        sections=(
            Section("assumed", "What is assumed", tuple(Say(line) for line in assumptions(c))),
            Section("sequence", "From safe to bold", tuple(parts)),
            Section("method", "How it was computed", tuple(map(Say, _METHOD))),
            provenance(c, source),
        ),
        table="sequence",
    )


def watch_page(source: SavedResult, studies: Sequence[str] = ()) -> Page:
    """The page of a watch.

    Raises:
        EsimError: the document cannot be used, or single studies are asked for.
    """
    _refuse_studies(studies)
    w = Watched.from_dict(source.document, source.where)
    c = w.certificate
    rows: list[Sequence[Cell]] = [
        (one.study, one.saved_fraction, one.lost, one.wealth) for one in w.studies
    ]
    columns = (
        Column("study", "new study"),
        Column("saved_fraction", "saved", "percent"),
        Column("lost", "lost in", "percent"),
        Column("wealth", "wealth", "number"),
    )
    broken = frozenset(i for i, one in enumerate(w.studies) if one.study == w.broken_by)
    table = Table("studies", "In the order of reading", columns, rows, strong=broken)
    return Page(
        title=f"{clean(w.rule, 60)}: the certificate "
        + ("holds so far" if w.holds else "no longer holds"),
        subtitle=f"{plural(len(w.studies), 'new study')} since {len(c.studies)} certified it",
        answer=watch_answer(w),
        tiles=(),
        doubts=tuple(Doubt(text) for text in watch_doubts(w)),
        sections=(
            Section("assumed", "What is assumed", tuple(Say(line) for line in assumptions(c))),
            Section(
                "studies",
                "New studies",
                (*map(Picture, certificate_plots(w).values()), _asked(c), table),
            ),
            Section("method", "How it was computed", (Say(_BETS),)),
            provenance(w, source),
        ),
        table="studies",
    )


def _refuse_studies(studies: Sequence[str]) -> None:
    if studies:
        raise EsimError("a certificate shows no study in full", fix="leave out --study")


def _tiles(c: Certificate) -> Iterator[Tile]:
    if c.certified is None:
        return
    one = c.candidate(c.certified)
    yield Tile(
        "risk of losing too much",
        f"at most {percent(c.asked.risk)}",
        f"with {percent(c.asked.confidence)} confidence",
    )
    yield Tile(
        f"{AMOUNTS.get(c.replays.saved, c.replays.saved)} saved",
        percent(one.saved_fraction),
        f"mean of the {c.counted('test')} tested studies",
    )
    yield Tile(
        f"lost more than {percent(c.asked.max_loss)}",
        percent(one.lost),
        f"of the tested studies; {one.studies_lost:,} of them had any such loss",
    )


def _sequence(c: Certificate) -> Table:
    columns = (
        Column("rule", "rule"),
        Column("design_saved", "saved, in the studies that chose", "percent"),
        Column("design_lost", "lost in, there", "percent"),
        Column("saved_fraction", "saved, in the tested studies", "percent", bar=True),
        Column("lost", "lost in", "percent"),
        Column("studies_lost", "studies with a loss", "count"),
        Column("p", "p", "p"),
        Column("verdict", "verdict"),
        Column("bounded_on_average", "bounded on average", "yes"),
    )
    rows: list[Sequence[Cell]] = [
        tuple(getattr(one, "key" if column.key == "rule" else column.key) for column in columns)
        for one in c.sequence
    ]
    strong = frozenset(i for i, one in enumerate(c.sequence) if one.key == c.certified)
    return Table(
        "sequence",
        f"The rules worth a test, of {c.candidates}; the boldest certified one stands out",
        columns,
        rows,
        strong=strong,
    )


def _asked(c: Certificate) -> Table:
    rows = (
        ("accepted loss", percent(c.asked.max_loss)),
        ("risk of more", percent(c.asked.risk)),
        ("confidence", percent(c.asked.confidence)),
        ("p-value", c.test),
        ("tested studies without a loss that are enough", number(c.needed.certified)),
        ("the same on average", number(c.needed.on_average)),
        ("launch orders of a study", number(c.replays.orders) if c.replays.orders else "recorded"),
        ("clocks", "; ".join(clock_words(clock) for clock in c.clocks)),
        ("final value", c.replays.final),
    )
    return facts("asked", "What was asked", rows)
