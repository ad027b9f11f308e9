"""The findings of `esim check` on a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from esim.report.checked import checks_answer, verdict_sentence
from esim.report.enable import how_to_enable, how_to_end
from esim.report.terminal.console import inset, separate
from esim.report.words import clean, plural
from esim.results.check import Check, CheckDocument, CommonFinding, Finding, common_findings

if TYPE_CHECKING:
    from esim.results.replay import ReplayResult
    from esim.study import Study

_EACH = 10  # with more studies than this, findings are told once for all
_GRAVEST = 20  # kinds of findings that are then shown
_NAMED = 3  # studies that each of them names
_STYLE = {"error": "bold red", "warning": "yellow", "note": "dim"}
_LONGEST = 2000  # characters of a sentence
_EVIDENCE = 160  # characters of a line of evidence
_PLACE = 60  # characters of the path:line in it


def show_checks(document: CheckDocument, enable: Mapping[str, Study], console: Console) -> None:
    """Print the findings and the verdict of each study; of many, totals and the gravest findings.

    Args:
        document: the checks.
        enable: name -> study, of the studies for which to print how to enable AUTO; it is printed
            only if the check found no error and AUTO would act.
        console: what is printed on.
    """
    if len(document.studies) > _EACH:
        _show_common(document, console)
        return
    for i, check in enumerate(document.studies):
        if i:
            separate(console)
        for part in _check(check):
            console.print(part)
        study = enable.get(check.study)
        if study is not None and check.ok and check.acts:
            show_enabling(study.name, study.objective, study.direction, console)


def _show_common(document: CheckDocument, console: Console) -> None:
    """Print the totals over all studies, and the gravest findings with the studies they are of."""
    console.print(Text(checks_answer(document), style="bold"))
    common = common_findings(document.studies)
    if common:
        console.print(Text("\nWhat was found, with the words of the first study that has it"))
    for one in common[:_GRAVEST]:
        many = plural(len(one.studies), "study")
        names = ", ".join(clean(name, 40) for name in one.studies[:_NAMED])
        more = ", …" if len(one.studies) > _NAMED else ""
        head = Text(many, style="bold").append(f"  {names}{more}", style="")
        parts: list[RenderableType] = [head, Text(clean(one.text, _LONGEST))]
        parts += _evidence_and_cure(one)
        console.print(_row(one.severity, parts))
    if len(common) > _GRAVEST:
        left = f"\nand {plural(len(common) - _GRAVEST, 'kind')} of lesser findings: --json has all"
        console.print(Text(left))


def show_enabling(name: str, objective: str, direction: str, console: Console) -> None:
    """Print how to enable AUTO for a tuning job, given its name, objective and direction."""
    console.print(Text("\nTo switch AUTO on for the next one", style="bold"))
    for line in how_to_enable(name, objective, direction):
        console.print(Text(f"  {line}"), soft_wrap=True)  # not broken, so that it can be copied


def show_ending(result: ReplayResult, console: Console) -> None:
    """Print how to have SageMaker end the next tuning job so; nothing if it has no such rule."""
    limits = [(rule.text.partition("=")[0], rule.parameters["limit"]) for rule in result.until]
    lines = how_to_end(result.study, limits)
    if not lines:
        return
    console.print(Text("\nTo have SageMaker end the next one so", style="bold"))
    for line in lines:
        console.print(Text(f"  {line}"), soft_wrap=True)


def _check(check: Check) -> Iterator[RenderableType]:
    counts = {s: sum(f.severity == s for f in check.findings) for s in _STYLE}
    head = Text()
    head.append(clean(check.study), style="bold")
    told = [plural(n, s) for s, n in counts.items() if n]
    head.append("  " + (", ".join(told) or "nothing to object"), style="dim")
    yield head
    for finding in check.findings:
        body = Text(clean(finding.text, _LONGEST))
        yield _row(finding.severity, [body, *_evidence_and_cure(finding)])
    yield inset(Text(verdict_sentence(check), style="bold"), (1, 0, 0, 0))
    if not check.ok:
        errors = "the error" if counts["error"] == 1 else f"the {counts['error']} errors"
        yield Text(f"See to {errors} before you switch AUTO on.")


def _row(severity: str, parts: Sequence[RenderableType]) -> RenderableType:
    """A finding beside its severity."""
    row = Table.grid(padding=(0, 2, 0, 0))
    row.add_column(width=8)
    row.add_column(overflow="fold")  # a long path:line continues on the next line
    row.add_row(Text(severity, style=_STYLE[severity]), Group(*parts))
    return inset(row, (1, 0, 0, 0))


def _evidence_and_cure(finding: Finding | CommonFinding) -> Iterator[Text]:
    named = ", ".join(finding.evidence)
    if any(": " in text for text in finding.evidence):  # path:line: text
        told = [_evidence(text) for text in finding.evidence if text not in finding.text]
    elif finding.evidence and named not in finding.text:  # jobs
        told = [_evidence(named) + (", …" if finding.count > len(finding.evidence) else "")]
    else:
        told = []
    yield from (Text(text, style="dim") for text in told)
    if finding.cure:
        yield Text(f"what to do: {finding.cure}")


def _evidence(text: str) -> str:
    """Evidence, shortened: a job, or ``path:line: text`` with only the end of a long path."""
    place, colon, line = text.partition(": ")
    if not colon:
        return clean(text, _EVIDENCE)
    place = clean(place, _LONGEST)
    place = place if len(place) <= _PLACE else f"…{place[1 - _PLACE :]}"
    return f"{place}: {clean(line, _EVIDENCE - _PLACE)}"
