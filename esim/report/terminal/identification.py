"""Which rules the recorded stops leave, on a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.console import Console, RenderableType
from rich.text import Text

from esim.report.terminal.console import inset
from esim.report.terminal.tables import FittingTable, Heading, table
from esim.report.words import agree, clean, count, plural

if TYPE_CHECKING:
    from esim.results.identification import Evidence, Identification, IdentifiedStudy

_LONGEST = 1000  # characters of a sentence
_NAMED = 40  # rules that are listed


def show_identification(found: Identification, console: Console) -> None:
    """Print what is settled and by which job, what is open and why, and what speaks against."""
    for study in found.studies:
        console.print(_study(study))
    verdict = clean(found.verdict, _LONGEST)
    verdict = f"{verdict[:1].upper()}{verdict[1:]}."
    console.print(inset(Text(verdict, style="bold"), (1, 0, 0, 0)))
    console.print(inset(Text(clean(found.guarantee, _LONGEST)), (0, 0, 1, 0)))
    if found.questions:
        console.print(_questions(found))
        for part in _evidence(found):
            console.print(part)
        for part in _open(found):
            console.print(part)
    console.print(_named(found))
    for part in _misses(found):
        console.print(part)
    if found.caveats:
        console.print(Text("\nWhy to doubt it", style="bold"))
        for caveat in found.caveats:
            console.print(inset(Text(f"· {clean(caveat.text, _LONGEST)}"), (0, 0, 0, 1)))


def _study(study: IdentifiedStudy) -> Text:
    head = Text()
    head.append(clean(study.study), style="bold")
    told = (
        f"{plural(study.jobs, 'job')}, of which {study.told} {agree(study.told, 'tell')} something "
        f"and {study.stopped} {agree(study.stopped, 'were')} stopped"
    )
    what = "" if study.curves else "; ends and final values alone"
    head.append(f"  {clean(study.objective)}; {told}{what}; clock {study.clock}", style="dim")
    return head


def _questions(found: Identification) -> FittingTable:
    shown = table(
        "What the jobs say",
        "",
        Heading("what is left open", "left", flows=True),
        Heading("read as", "left", flows=True),
        "left",
        Heading("fell with", "left", minor=1),
    )
    for question in found.questions:
        for i, answer in enumerate(question.answers):
            settled = question.settled == answer.code
            shown.add_row(
                answer.code,
                question.question if i == 0 else "",
                answer.reading,
                count(answer.left),
                f"job {answer.fell}" if answer.fell else "",
                style="bold" if settled else "" if answer.left else "dim",
            )
    return shown


def _evidence(found: Identification) -> Iterator[RenderableType]:
    told = [
        (answer.code, answer.evidence)
        for question in found.questions
        for answer in question.answers
        if answer.evidence is not None
    ]
    same: dict[tuple[int, str, str], list[str]] = {}  # what many readings share is said once
    for code, found_by in dict(told).items():
        same.setdefault((found_by.job, found_by.trial, found_by.text), []).append(code)
    if told:
        yield Text("What speaks against each", style="bold")
        every = dict(told)
        for codes in same.values():
            yield _line(", ".join(codes), every[codes[0]])
        yield Text("")


def _line(name: str, evidence: Evidence) -> RenderableType:
    text = Text(f"{clean(name, _LONGEST)}: ")
    text.append(f"job {evidence.job}, {clean(evidence.trial, 40)}", style="dim")
    text.append(f": {clean(evidence.text, _LONGEST)}")
    return inset(text, (0, 0, 0, 1))


def _open(found: Identification) -> Iterator[RenderableType]:
    still = [question for question in found.questions if question.why]
    if not still:
        return
    yield Text("\nStill open", style="bold")
    for question in still:
        yield inset(
            Text(
                f"{question.letter}, {question.question}: {question.why}. To tell: "
                f"{question.told_by}."
            ),
            (0, 0, 0, 1),
        )
    if found.alike_total:
        most = found.alike[0]
        yield inset(
            Text(
                f"The rules left fall into {found.alike_total:,} groups that decide alike at every "
                f"report of these jobs; the largest holds {most.candidates:,}, such as "
                f"{most.simplest}."
                if found.alike_total > 1
                else "The rules left decide alike at every report of these jobs."
            ),
            (0, 0, 0, 1),
        )


def _named(found: Identification) -> FittingTable:
    title = "The literal reading" if found.questions else "The rules"
    fell = Heading("fell with job", "left", minor=1)
    shown = table(title, "rule", "left", "jobs against it", fell, words=True)
    for one in found.named[:_NAMED]:
        against = f"{one.misses} of {one.jobs}"
        shown.add_row(
            clean(one.name, 60),
            "yes" if one.left else "no",
            against,
            count(one.fell) if one.fell else "",
            style="bold" if one.left else "",
        )
    return shown


def _misses(found: Identification) -> Iterator[RenderableType]:
    for one in found.named[:_NAMED]:
        for evidence in one.evidence[: 3 if found.questions else 1]:
            yield _line(one.name, evidence)
