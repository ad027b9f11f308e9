"""`esim check`: would AUTO act, and can the logs be trusted?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from esim.cli.dates import ReadDatedStudiesFlags
from esim.cli.flags import Json, Logs
from esim.cli.gates import FAILED, GateFlags
from esim.cli.groups import with_groups
from esim.cli.inputs import described, sagemaker_studies
from esim.cli.process import print_document
from esim.cli.progress import progress

if TYPE_CHECKING:
    from esim.readers.inputs import ReadInput
    from esim.results.check import CheckDocument
    from esim.storage.history import History


@with_groups
def check(
    *,
    logs: Logs,
    reading: ReadDatedStudiesFlags,
    strict: Annotated[
        bool, typer.Option("--strict", help="Warnings too make the exit code 3.")
    ] = False,
    gates: GateFlags,
    json: Json = False,
) -> None:
    """Would SageMaker's early stopping (AUTO) act on such a job, and can its logs be trusted? Exit
    code 3 if they cannot."""
    from esim.analyses.check import check as examine
    from esim.results.check import CheckDocument

    with progress() as display:
        task = display.add_task("reading logs", total=None)
        history = reading.history(logs, asked=True)
        failures: dict[str, str] = {}
        found: ReadInput | History
        if history is None:
            found = reading.read(logs)
            checks = tuple(examine(one) for one in found.studies)
        else:
            from esim.analyses.history.check_history import check_history

            found = history
            display.update(task, description="checking", total=len(history.names))
            checks, failures = check_history(history, lambda n: display.advance(task, n))
    document = CheckDocument(checks, _inputs(found), failures)
    if json:
        print_document(document.to_json())
    else:
        _show(document, found)
    gates.decide(document)
    bad = ("error", "warning") if strict else ("error",)
    if any(finding.severity in bad for one in checks for finding in one.findings):
        raise typer.Exit(FAILED)
    if failures:
        raise typer.Exit(1)


def _inputs(found: ReadInput | History) -> tuple[dict[str, Any], ...]:
    """What was read, with the notes of every study."""
    from esim.readers.inputs import ReadInput
    from esim.storage.history.index import INDEX, notes_of

    inputs = described(found)
    if not isinstance(found, ReadInput):
        where = found.location.where(INDEX)
        inputs[0]["notes"] += [
            {**vars(note), "study": entry.study}
            for entry in found.entries
            for note in notes_of(entry.notes, where)
        ]
    return tuple(inputs)


def _show(document: CheckDocument, found: ReadInput | History) -> None:
    from esim.report.checked import checks_in_short
    from esim.report.terminal.check import show_checks
    from esim.report.terminal.console import show_last, terminal
    from esim.report.terminal.history import show_failures
    from esim.report.terminal.replay import show_inputs

    console = terminal()
    show_checks(document, sagemaker_studies(found), console)
    show_failures(document.failures, console, "Not checked")
    # The notes on studies stand among the findings; those on the paths stand here.
    for each in (inputs := described(found)):
        each["notes"] = [note for note in each["notes"] if "study" not in note]
    show_inputs(inputs, console)
    show_last(checks_in_short(document), console)
