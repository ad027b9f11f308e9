"""The keys of a result document by which a gate names a value.

A key is a path into the document, such as ``totals.cost``, ``rules.sagemaker.best_kept``,
``rules["azure-bandit slack=0.1"].best_kept`` or ``readings[2].summary.cost``. An entry of a list is
named by its number from 0 (from the end: -1, ...) or by its own name. Beside the document's own
keys, those of its summary or totals need no path (`_near`). A number with an interval stands for
its mean, median or share, a list or an object of names for how many it holds, and a list of two
numbers has ``low`` and ``high``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from typing import Any, TypeGuard

from esim.errors import EsimError, clean, near_names
from esim.results import (
    certificate,
    check,
    closed_loop,
    estimate,
    history,
    identification,
    replay,
    watched,
)
from esim.results.comparison import comparison
from esim.results.records import finite
from esim.results.schemas import DOCUMENTS

Found = str | float | bool | None

_PART = re.compile(
    r"\.?(?P<name>[A-Za-z_][\w-]*)|\[\s*(?:(?P<number>-?\d+)|(?P<text>[\"'].*?[\"']))\s*\]"
)
# By which of its keys an entry of a list is named.
_NAMES = ("key", "study", "code", "letter", "quantity", "name", "trial", "searcher")
# Objects whose keys count as those of what holds them.
_INNER = ("summary", "orders")
# The key of the number itself beside its interval.
_MIDDLE = ("mean", "median", "share")


@dataclass(frozen=True)
class Key:
    """A path into a result document.

    Attributes:
        text: as it was typed.
    """

    text: str

    def value(self, document: Mapping[str, Any]) -> Found:
        """What stands there; None if it is unknown.

        Args:
            document: a result document of plain values.

        Raises:
            EsimError: there is no such key; the error names near ones.
        """
        shelves = [document, *_near(document), *_left_out(document)]
        (first, *_), *rest = _PART.findall(self.text)
        shelf = next((one for one in shelves if first in one), None)
        if shelf is None:
            raise _no_key(self.text, first, shelves, document)
        at: Any = shelf[first]
        for name, number, text in rest:
            if at is None:
                return None
            at = self._inside(at, int(number) if number else name or text[1:-1])
        return _number_of(at)

    def _inside(self, holder: Any, part: str | int) -> Any:
        known = dict(_entries(holder))
        if part in known:
            return known[part]
        names = [str(one) for one in known if isinstance(one, str)] or list(map(str, known))
        what = f"nothing is called {clean(str(part))!r} in it"
        fix = near_names(str(part), names) if names else "a key of the document"
        raise EsimError(f"no key {clean(self.text, 200)!r}", why=what, fix=fix)


def _entries(holder: Any) -> Iterator[tuple[str | int, Any]]:
    """The keys that something in a document has, with their values."""
    if isinstance(holder, Mapping):
        for name in _INNER:
            if isinstance(holder.get(name), Mapping):
                yield from holder[name].items()
        yield from holder.items()
    elif _is_list(holder):
        for number, one in enumerate(holder):
            yield number - len(holder), one
            yield number, one
            if isinstance(one, Mapping):
                own = next((one[key] for key in _NAMES if key in one), None)
                if isinstance(own, str):
                    yield own, one
        if len(holder) == 2 and all(isinstance(one, (int, float)) for one in holder):
            yield from zip(("low", "high"), holder, strict=True)


def _is_list(value: Any) -> TypeGuard[Sequence[Any]]:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _number_of(value: Any) -> Found:
    """What something in a document is in a comparison."""
    if isinstance(value, Mapping):
        return _number_of(next((value[key] for key in _MIDDLE if key in value), len(value)))
    if _is_list(value):
        return len(value)
    found: Found = finite(value)
    return found


def _near(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What a result has in short, whose keys need no path; the first that has a key counts.

    Of a replay or a check of one study its own, and the totals; of several the totals. Of a history
    the totals. Of a comparison the row of the rule that the answer names, of an estimate its
    quantities, of a closed loop with one searcher those of that, of a certificate the row of the
    certified rule, of a watch the last study.
    """
    schema = document["schema"]
    if schema in (replay.SCHEMA, check.SCHEMA):
        only = [*document["studies"]] if len(document["studies"]) == 1 else []
        return [*(one["summary"] for one in only if "summary" in one), document["totals"], *only]
    if schema == history.SCHEMA:
        return [document["totals"]]
    if schema == comparison.SCHEMA:
        row = _row(document["rules"], document["answer"]["best"], comparison.RuleEntry)
        unknown = dict.fromkeys(field.name for field in fields(comparison.Spread))
        return [row["orders"] or unknown, row]
    if schema == estimate.SCHEMA:
        return [document["quantities"]]
    if schema == certificate.SCHEMA:
        row = _row(document["sequence"], document["certified"], certificate.Candidate)
        return [row, document["asked"]]
    if schema == watched.SCHEMA:
        studies = document["studies"]
        last = studies[-1:] or [dict.fromkeys(f.name for f in fields(watched.WatchedStudy))]
        return [*last, document["certificate"]]
    if schema == closed_loop.SCHEMA:
        one = [*document["searchers"]] if len(document["searchers"]) == 1 else []
        return [shelf for its in one for shelf in (its["quantities"], its)]
    assert schema == identification.SCHEMA
    return []


def _left_out(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What a document leaves out where there is nothing to say of it: its own keys, its study's."""
    records: list[Any] = [DOCUMENTS[document["schema"]]]
    if document["schema"] == replay.SCHEMA and len(document["studies"]) == 1:
        records.append(replay.ReplayResult)
    stored = [one for record in records for one in fields(record) if one.compare]
    return [
        {one.name: one.default for one in stored if one.default is not MISSING},
        {one.name: {} for one in stored if one.default_factory is dict},
    ]


def _row(rows: Sequence[Mapping[str, Any]], key: str | None, record: type) -> Mapping[str, Any]:
    """The row of this key; all unknown if there is none."""
    found = next((row for row in rows if row["key"] == key), None)
    return dict.fromkeys(f.name for f in fields(record)) if found is None else found


def _no_key(
    text: str, first: str, shelves: Sequence[Mapping[str, Any]], document: Mapping[str, Any]
) -> EsimError:
    """The error about a key that begins with no name of the document."""
    studies = document.get("studies")
    fix = near_names(first, dict.fromkeys(key for shelf in reversed(shelves) for key in shelf))
    why = None
    if _is_list(studies) and len(studies) > 1 and first in (*dict(_entries(studies[0])),):
        why = f"it is of one study, and these are {len(studies)}"
        fix = f'studies[0].{text}, studies["NAME"].{text}, or of all studies: {fix}'
    return EsimError(f"no key {clean(text, 200)!r} in {document['schema']}", why=why, fix=fix)
