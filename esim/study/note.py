"""`Note`, what a reader says about an input."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Note:
    """Something about an input that a person who reads a result must know.

    Attributes:
        code: a fixed word that names the kind of note, such as "duplicate_steps".
        text: the note as a sentence.
        count: how many reports, trials or files it is about.
        evidence: the first few places where it was seen, each as ``path:line: text``.
    """

    code: str
    text: str
    count: int = 1
    evidence: tuple[str, ...] = ()
