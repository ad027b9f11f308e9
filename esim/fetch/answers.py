"""Holds AWS's answers against what botocore's model of the service says they are.

botocore hands on what comes over the wire: a number as text stays text, what is missing stays away,
and a page of HTML that a proxy puts in the place of an answer is an answer without anything in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from esim.errors import EsimError
from esim.fetch.permissions import Operation

CONTINUE = "run the same command again: it continues where it stopped"

MOST_IDLE = 1000  # pages in a row without anything new; CloudWatch sends some between others
MOST_PAGES = 100_000  # of one list or log stream; AWS allows about 25 a second

_TYPES: dict[str, type | tuple[type, ...]] = {
    "boolean": bool,
    "integer": int,
    "long": int,
    "float": (int, float),
    "double": (int, float),
    "string": str,
    "timestamp": datetime,
    "structure": dict,
    "list": list,
    "map": dict,
}
_NO_NUMBERS = ("NaN", "Infinity", "-Infinity")  # which JSON can only send as text


def require_shape(
    answer: Mapping[str, Any], shape: Any, operation: Operation, asked: Mapping[str, Any]
) -> None:
    """Refuse an answer that is not of the shape that its operation has.

    Every value has the type that botocore's model gives it. Of what the model calls required only
    `Operation.needs` is required here, as nothing reads the rest; a job that failed, say, need not
    have model artifacts. Of log events the model requires nothing, and fetch does.

    Args:
        answer: the answer, as botocore gives it.
        shape: botocore's model of it.
        operation: the operation.
        asked: the parameters of the call.

    Raises:
        EsimError: it is of another shape, or about another job than asked for.
    """
    found = _fault_in(answer, shape, operation.needs)
    fault = None if found is None else f"{'.'.join(reversed(found[0])) or 'it'} {found[1]}"
    if fault is None and operation.about is not None:
        told, wanted = str(answer[operation.about]), str(asked[operation.about])
        if told.casefold() != wanted.casefold():  # AWS does not tell upper from lower case
            fault = f"it is about {told!r}, and {wanted!r} was asked for"
    if fault is not None:
        headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
        kind = headers.get("content-type", "")
        raise unusable(operation, f"{fault}; it came as {kind}" if kind else fault)


def unusable(operation: Operation, why: str) -> EsimError:
    """The error that an answer is not what the operation answers.

    Args:
        operation: the operation.
        why: what is wrong with the answer.
    """
    return EsimError(
        f"not an answer that {operation.action} gives",
        why=why,
        fix=f"does a proxy or another service answer in the place of AWS? else {CONTINUE}",
    )


class Pages:
    """Counts the pages of one answer, so that answers without end come to one."""

    def __init__(self, operation: Operation, what: str) -> None:
        """Begin to count.

        Args:
            operation: the operation that answers page by page.
            what: what is asked about, for errors.
        """
        self._operation, self._what = operation, what
        self._pages = self._idle = 0
        self._tokens: set[str] = set()

    def count(self, news: bool, token: str | None) -> None:
        """Count a page.

        Args:
            news: whether it brings anything.
            token: that of the page behind it; None if it is the last.

        Raises:
            EsimError: the token came before, so that the pages would begin again; or nothing new
                came in `MOST_IDLE` pages, or `MOST_PAGES` came.
        """
        self._pages += 1
        self._idle = 0 if news else self._idle + 1
        if token is None:
            return
        if token in self._tokens:
            raise self._endless("the token of a page comes a second time")
        self._tokens.add(token)
        if self._idle >= MOST_IDLE:
            raise self._endless(f"{self._idle:,} pages in a row bring nothing new")
        if self._pages >= MOST_PAGES:
            raise self._endless(f"more than {MOST_PAGES:,} pages")

    def _endless(self, why: str) -> EsimError:
        return EsimError(
            f"the answers of {self._operation.action} have no end",
            where=self._what,
            why=why,
            fix=f"does a proxy or another service answer in the place of AWS? else {CONTINUE}",
        )


def _fault_in(value: Any, shape: Any, needs: tuple[str, ...]) -> tuple[list[str], str] | None:
    """Where in a value its first fault is, the innermost key first, and what is wrong there."""
    kind = shape.type_name
    # For Python, True is an integer.
    wrong = not isinstance(value, _TYPES.get(kind, object)) or (
        isinstance(value, bool) and kind != "boolean"
    )
    if wrong and not (kind in ("float", "double") and value in _NO_NUMBERS):
        return [], f"is {value!r:.80}, no {kind}"
    parts: Iterable[tuple[Any, Any, Any]]
    if kind == "structure":
        members = shape.members
        for name in needs:
            if name in members and name not in value:
                return [name], "is not there"
        parts = [(name, value[name], members[name]) for name in value if name in members]
    elif kind == "list":
        parts = [(i, item, shape.member) for i, item in enumerate(value)]
    elif kind == "map":
        parts = [(name, item, shape.value) for name, item in value.items()]
    else:
        fault = _fault_of_time(value) if kind == "timestamp" else None
        return None if fault is None else ([], fault)
    for name, item, part in parts:
        found = _fault_in(item, part, needs)
        if found is not None:
            found[0].append(str(name))
            return found
    return None


def _fault_of_time(value: datetime) -> str | None:
    if value.utcoffset() is None:
        return f"is {value}, of no time zone"
    try:
        value.astimezone(UTC)
    except OverflowError:
        return f"is {value}, in no year that UTC has"
    return None
