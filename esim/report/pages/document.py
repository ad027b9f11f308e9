"""From a result document to a report: each kind of document is a module that makes a page of it."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from esim.errors import EsimError
from esim.report.files import ENDINGS, FIGURES
from esim.report.pages.page import Page, Picture
from esim.results.saved import SavedResult, read_result
from esim.storage.folders import whole_file
from esim.storage.places import keep_apart
from esim.storage.result_folder import add_to_list, is_listed

MARK = b'<meta name="generator" content="esim">'  # in page.html.j2
# Schema -> the module and the function that make a page of it: (source, studies) -> Page.
KINDS = {
    "esim.replay/1": ("esim.report.pages.replay", "replay_page"),
    "esim.replay-many/1": ("esim.report.pages.history", "history_page"),
    "esim.compare/1": ("esim.report.pages.comparison", "compare_page"),
    "esim.estimate/1": ("esim.report.pages.estimate", "estimate_page"),
    "esim.certificate/1": ("esim.report.pages.certificate", "certificate_page"),
    "esim.watch/1": ("esim.report.pages.certificate", "watch_page"),
    "esim.diff/1": ("esim.report.pages.difference", "difference_page"),
    "esim.closed-loop/1": ("esim.report.pages.closed_loop", "closed_loop_page"),
    "esim.identify/1": ("esim.report.pages.identification", "identification_page"),
}


def read_page(result: Path, studies: Sequence[str] = ()) -> tuple[Page, SavedResult]:
    """The report of a result document, or of the folder that `--out` wrote.

    Args:
        studies: those to show in full; empty: as many as a page bears.

    Raises:
        EsimError: the document or a table beside it cannot be used.
    """
    source = read_result(result)
    return page_of(source, studies), source


def page_of(source: SavedResult, studies: Sequence[str] = ()) -> Page:
    """The report of a result document; `studies` as for `read_page`.

    Raises:
        EsimError: there is no report of such a document, or it cannot be used.
    """
    if source.schema not in KINDS:
        raise EsimError(
            f"there is no report of {source.schema!r}",
            where=source.where,
            fix="a document of " + ", ".join(KINDS),
        )
    module, function = KINDS[source.schema]
    make: Callable[[SavedResult, Sequence[str]], Page] = getattr(
        importlib.import_module(module), function
    )
    return make(source, studies)


def check_ending(target: Path) -> None:
    """Raise EsimError for a file whose ending does not tell what to write."""
    if target.suffix.lstrip(".").lower() not in ENDINGS:
        raise EsimError(
            f"cannot tell from {target.name!r} what to write",
            fix="a file ending in " + ", ".join(f".{end}" for end in ENDINGS),
        )


def read_decision(
    results: Sequence[Path], studies: Sequence[str] = (), jobs_per_month: float | None = None
) -> tuple[Page, list[SavedResult]]:
    """The page of several results together, to decide from.

    Args:
        results: at most one of each kind, in any order; documents, or folders of `--out`.
        studies: those of the replay to show in full.
        jobs_per_month: how many tuning jobs to project to; None: none.

    A folder of --out lists it as one of its own.

    Raises:
        EsimError: a result cannot be used, or has no place on such a page.
    """
    from esim.report.pages.decision import decision_page

    sources = [read_result(path) for path in results]
    return decision_page(sources, studies, jobs_per_month), sources


def write_page(
    page: Page, sources: Sequence[SavedResult], target: Path, table: str | None = None
) -> None:
    """Write a report as the target's ending says, whole or not at all.

    Args:
        page: the report.
        sources: the results that it is made of.
        target: the file.
        table: the one that goes into `.csv`, by name; None: the page's main one.

    Raises:
        EsimError: no such table, or the file cannot be written or is a result document.
    """
    keep_apart(target, [Path(source.where) for source in sources])
    data = _bytes(page, sources, target, table)
    try:
        with whole_file(target) as out:
            out.write(data)
        add_to_list(target)
    except OSError as error:
        raise EsimError("cannot be written", where=str(target), why=str(error)) from error


def check_own_page(target: Path) -> None:
    """Refuse to replace a page that esim did not write, where nobody named the file.

    Raises:
        EsimError: something else stands there.
    """
    try:
        listed = is_listed(target) if target.exists() else True
        if listed is None:
            listed = MARK in target.read_bytes()[:4096]
    except OSError as error:
        raise EsimError("cannot be read", where=str(target), why=str(error)) from error
    if not listed:
        raise EsimError(
            "a page stands there that esim did not write, or that was changed since",
            where=str(target),
            fix="name another with --out, or this one if it may go",
        )


def _bytes(page: Page, sources: Sequence[SavedResult], target: Path, table: str | None) -> bytes:
    kind = target.suffix.lower()
    if kind == ".pdf":
        from esim.report.formats.pdf import pdf

        return pdf(page)
    if kind == ".html":
        from esim.report.formats.html import html

        return html(page).encode()
    if kind == ".md":
        from esim.report.formats.markdown import markdown

        return markdown(page, _figures(page, sources, target)).encode()
    from esim.report.formats.csv_and_json import csv_of, json_of

    return (csv_of(page, table) if kind == ".csv" else json_of(page)).encode()


def _figures(page: Page, sources: Sequence[SavedResult], target: Path) -> dict[str, str]:
    """The figures of results that stand beside the target, or in a folder beside its own."""
    names = [
        part.name
        for section in page.sections
        for part in section.parts
        if isinstance(part, Picture)
    ]
    here = target.resolve().parent
    found = {}
    for source in sources:
        folder = source.folder.resolve()
        if here not in (folder, folder.parent) and here.parent != folder.parent:
            continue
        path = os.path.relpath(folder / FIGURES, here)
        for name in names:
            if (folder / FIGURES / f"{name}.png").is_file():
                found[name] = f"{Path(path).as_posix()}/{name}.png"
    return found
