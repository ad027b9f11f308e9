"""Gates: results that make a command end with exit code 3."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import typer

from esim.cli.flags import OutputFlags
from esim.cli.usage import usage

if TYPE_CHECKING:
    from esim.results.gates import Gate

FAILED = 3  # the exit code


def typed_gate(text: str) -> Any:
    """The gate that a flag was given: with `parser=typed_gate`.

    Raises:
        typer.BadParameter: it is no condition; the error says where.
    """
    from esim.results.gates import Gate

    with usage():
        return Gate(text)


class Document(Protocol):
    """A result that can be written."""

    def to_dict(self) -> dict[str, Any]:
        """The document, of plain values."""


@dataclass(frozen=True)
class GateFlags:
    """When the command fails by its result."""

    fail_if: Annotated[
        list[Any] | None,
        typer.Option(
            "--fail-if",
            parser=typed_gate,
            metavar="CONDITION",
            help="End with exit code 3 if this is so, or is unknown: 'cost_saved_fraction < 10%', "
            "with any key of the result, and, or, not; repeatable (docs/ci.md).",
            show_default=False,
        ),
    ] = None

    def decide(self, document: Document) -> None:
        """Decide the gates, once the result is written and shown.

        Args:
            document: the result.

        Raises:
            typer.BadParameter: the result has no key of a gate, or its value does not compare so.
            typer.Exit: a gate failed; stderr says which, and by which values.
        """
        if not self.fail_if:
            return
        entries = document.to_dict()
        with usage():
            failed = [told for gate in self.fail_if if (told := _failure(gate, entries))]
        for one in failed:
            print(f"esim: {one}", file=sys.stderr)
        if failed:
            raise typer.Exit(FAILED)


def _failure(gate: Gate, entries: Mapping[str, Any]) -> str | None:
    """Why a gate fails, in a sentence; None if it does not."""
    from esim.errors import clean
    from esim.results.gates import shown

    decided = gate.decide(entries)
    if not decided.fails:
        return None
    told = "failed" if decided.holds else "cannot be decided, so it fails"
    values = ", ".join(f"{clean(key, 200)} is {shown(one)}" for key, one in decided.found.items())
    return f"the gate {clean(gate.text, 200)!r} {told}: {values}"


@dataclass(frozen=True)
class ResultFlags(OutputFlags, GateFlags):
    """Where the result goes, and when it makes the command fail."""
