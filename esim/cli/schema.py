"""`esim schema`: the JSON schemas of the documents that commands write."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from esim.cli.process import print_document
from esim.cli.usage import refuse, usage


def schema(
    name: Annotated[
        str | None,
        typer.Argument(
            help="The document, by its key schema or in short: replay.", show_default=False
        ),
    ] = None,
) -> None:
    """List the documents that commands write as JSON, or print the JSON schema of one."""
    from esim.errors import near_names
    from esim.results.records import to_json
    from esim.results.schemas import schema_of

    documents = schema_documents()
    if name is None:
        from esim.report.terminal.console import terminal
        from esim.report.terminal.tables import Heading, table

        listed = table("", "document", Heading("what it holds", "left", flows=True))
        for title, record in documents.items():
            listed.add_row(title, schema_of(title, record)["description"])
        terminal().print(listed)
        return
    known = {title.removeprefix("esim.").partition("/")[0]: title for title in documents}
    title = known.get(name, name)
    with usage():
        if title not in documents:
            refuse(f"no schema {name!r}", f"one of: {near_names(name, known)}")
    print_document(to_json(schema_of(title, documents[title])))


def schema_documents() -> dict[str, Any]:
    """The records of all documents that commands write, by the names of their schemas."""
    from esim.fetch.tuning import SUMMARY, FetchSummary
    from esim.report.formats import csv_and_json
    from esim.results.schemas import DOCUMENTS

    return {**DOCUMENTS, csv_and_json.SCHEMA: csv_and_json.PageDocument, SUMMARY: FetchSummary}
