"""The report of an identification: a document of schema esim.identify/1 as a page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from esim.report.figures.fallen_readings import fall_plot
from esim.report.pages.page import (
    Column,
    Doubt,
    Missing,
    Page,
    Part,
    Picture,
    Say,
    Section,
    Tile,
    filled,
)
from esim.report.pages.provenance import provenance
from esim.report.words import clean, plural
from esim.results.identification import Evidence, Identification
from esim.results.saved import SavedResult

_LONGEST = 600  # characters of a sentence


def identification_page(source: SavedResult, studies: Sequence[str] = ()) -> Page:
    """The page of an identification.

    Args:
        source: the document, and where it was read.
        studies: not used: an identification is of all its studies together.

    Raises:
        EsimError: the document does not follow its schema.
    """
    found = Identification.from_dict(source.document, source.where)
    one = len(found.studies) == 1
    name = clean(found.studies[0].study) if one else plural(len(found.studies), "tuning job")
    sections = [
        Section("settled", "What the jobs say", tuple(_settled(found))),
        *([Section("open", "What they leave open", left)] if (left := tuple(_open(found))) else []),
        Section("rules", "The rules by name", tuple(_named(found))),
        Section("jobs", "The jobs", tuple(_jobs(found))),
        provenance(found, source),
    ]
    return Page(
        title=f"{name}: which rule stopped these jobs",
        subtitle=f"{plural(found.candidates, 'rule')} held against "
        f"{plural(len(found.jobs), 'job')}",
        answer=(f"{found.verdict[:1].upper()}{found.verdict[1:]}.", found.guarantee),
        tiles=tuple(_tiles(found)),
        doubts=tuple(Doubt(clean(caveat.text, _LONGEST)) for caveat in found.caveats),
        sections=tuple(sections),
        table="readings" if found.questions else "rules",
    )


def _tiles(found: Identification) -> Iterator[Tile]:
    yield Tile("rules left", f"{found.left:,}", f"of {found.candidates:,}", bad=not found.left)
    if found.questions:
        settled = sum(question.settled is not None for question in found.questions)
        yield Tile("questions settled", f"{settled} of {len(found.questions)}")
        literal = found.named[0]
        yield Tile(
            "literal reading", "left" if literal.left else "refuted",
            f"{literal.misses} of {literal.jobs} jobs against it", bad=not literal.left,
        )  # fmt: skip
    stopped = sum(study.stopped for study in found.studies)
    yield Tile("stops", f"{stopped}", f"among {plural(len(found.jobs), 'job')}")


def _settled(found: Identification) -> Iterator[Part]:
    plot = fall_plot(found)
    if plot is not None:
        yield Picture(plot)
    if not found.questions:
        yield Say("The candidates are no readings of one documentation: see the rules by name.")
        return
    columns = (
        Column("code", ""),
        Column("question", "what is left open"),
        Column("reading", "read as"),
        Column("left", "rules left", "count"),
        Column("fell", "fell with job", "count"),
        Column("evidence", "what speaks against it"),
    )
    rows = [
        (a.code, q.question, a.reading, a.left, a.fell, _told(a.evidence))
        for q in found.questions
        for a in q.answers
    ]
    strong = {i for i, row in enumerate(rows) if row[0] in {q.settled for q in found.questions}}
    yield filled("readings", "Every reading of every question", columns, rows,
                 strong=frozenset(strong))  # fmt: skip


def _told(evidence: Evidence | None) -> str | None:
    return None if evidence is None else f"{evidence.trial}: {evidence.text}"


def _open(found: Identification) -> Iterator[Part]:
    still = [question for question in found.questions if question.why]
    if found.questions and not still:
        yield Say("Nothing." if found.left else "No rule is left, so nothing is open.")
    if still:
        yield filled(
            "open",
            "Questions that these jobs do not settle",
            (
                Column("letter", ""),
                Column("question", "what is left open"),
                Column("why", "why it is still open"),
                Column("told_by", "what a next job must show"),
            ),
            [(q.letter, q.question, q.why, q.told_by) for q in still],
        )
    if found.alike:
        yield filled(
            "alike",
            "Rules left that say stop at the same reports of all these jobs",
            (
                Column("candidates", "rules", "count"),
                Column("simplest", "the simplest of them"),
                Column("varies", "what varies among them"),
            ),
            [(a.candidates, a.simplest, ", ".join(a.varies) or None) for a in found.alike],
        )
        if found.alike_total > len(found.alike):
            yield Say(f"{found.alike_total - len(found.alike):,} more such classes are not listed.")


def _named(found: Identification) -> Iterator[Part]:
    columns = (
        Column("name", "rule"),
        Column("left", "left"),
        Column("misses", "jobs against it", "count"),
        Column("jobs", "of", "count"),
        Column("fell", "fell with job", "count"),
        Column("evidence", "the first job against it"),
    )
    rows = [
        (n.name, n.left, n.misses, n.jobs, n.fell, _told(n.evidence[0] if n.evidence else None))
        for n in found.named
    ]
    yield filled("rules", "Rules, and how many jobs contradict each", columns, rows)


def _jobs(found: Identification) -> Iterator[Part]:
    columns = (
        Column("number", "", "count"),
        Column("study", "tuning job"),
        Column("trial", "job"),
        Column("status", "how it ended"),
        Column("step", "last step", "count"),
        Column("left", "rules left after it", "count"),
    )
    rows = [(j.number, j.study, j.trial, j.status, j.step, j.left) for j in found.jobs]
    if not rows:
        yield Missing("No job can speak.")
        return
    yield filled("jobs", "The jobs that can speak, in the order of their ends", columns, rows)
