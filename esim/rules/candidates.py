"""The rules that a service may be running: candidates, which its recorded jobs are held against."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, product
from typing import Any

from esim.rules.readings import PARENTS, QUESTIONS, READINGS, UNVERIFIED, Reading
from esim.rules.table import Rule


@dataclass(frozen=True)
class Candidate:
    """A rule that a service may be running.

    Attributes:
        name: the codes of the readings in which it is not literal, or the name of the rule.
        rule: the rule.
        codes: the reading of each question that is asked; empty for a rule that is no reading.
        parents: whether the jobs of warm-start parents count as previous ones.
    """

    name: str
    rule: Rule
    codes: tuple[str, ...] = ()
    parents: bool = False


def asked(*, parents: bool) -> str:
    """The letters of the questions that `combinations` answers, in the order of the codes.

    Args:
        parents: whether the question about warm-start parents is asked.
    """
    return "".join(q.letter for q in QUESTIONS if parents or q.letter not in PARENTS.letters)


def answers(letter: str) -> dict[str, str]:
    """The readings of a question: code -> how it settles the question. The literal one is first."""
    literal = next(q.literal for q in QUESTIONS if q.letter == letter)
    of_it = (r for r in (*READINGS, *UNVERIFIED, PARENTS) if letter in r.letters)
    others = {r.code: r.answer for r in of_it if r.columns or r.parents}
    return {f"{letter}1": literal, **others}


@lru_cache(maxsize=2)  # each takes most of a second
def combinations(rule: Rule, *, parents: bool = False) -> tuple[Candidate, ...]:
    """Every combination of the readings of SageMaker's documentation, the literal one first.

    Readings that only name a clock are left out: here the record is the clock.

    Args:
        rule: the literal rule.
        parents: whether there are warm-start parents, whose jobs may count.

    >>> import esim
    >>> found = combinations(esim.rule("sagemaker"))
    >>> len(found), found[0].name, found[1].name, found[-1].name
    (22032, 'literal', 'O2', 'A3 B3 E2 F3 HI2 J3 K3 L2 O2')
    """
    letters = asked(parents=False)
    found = [_of_readings(rule, letters, chosen) for chosen in _choices(letters)]
    if not parents:
        return tuple(found)
    return tuple(_with_parents(one, counted) for counted in (False, True) for one in found)


def _with_parents(candidate: Candidate, counted: bool) -> Candidate:
    """The candidate that also answers whether the jobs of warm-start parents count."""
    code = PARENTS.code if counted else f"{PARENTS.letters}1"
    codes = (*candidate.codes, code)
    return Candidate(_name(codes), candidate.rule, codes, counted)


def _choices(letters: str) -> Iterator[list[Reading]]:
    """Readings that together settle each question once; the literal ones are left out."""
    axes: dict[str, list[Reading | None]] = {letter: [None] for letter in letters}
    joint = []
    for reading in (*READINGS, *UNVERIFIED):
        if reading.letters in axes and reading.columns:
            axes[reading.letters].append(reading)
        elif len(reading.letters) > 1:
            joint.append(reading)
    every = [product(*axes.values())]
    for reading in joint:
        rest = (ones for letter, ones in axes.items() if letter not in reading.letters)
        every.append(product([reading], *rest))
    for chosen in chain(*every):
        yield [reading for reading in chosen if reading is not None]


def _of_readings(rule: Rule, letters: str, chosen: Sequence[Reading]) -> Candidate:
    answered = {letter: f"{letter}1" for letter in letters}
    columns: dict[str, Any] = {}
    for reading in chosen:
        answered.update(dict.fromkeys(reading.letters, reading.code))
        columns.update(reading.columns)
    codes = tuple(answered.values())
    return Candidate(_name(codes), Rule(**(vars(rule) | columns)), codes)


def _name(codes: Sequence[str]) -> str:
    """The codes of what is not literal, each once."""
    return " ".join(dict.fromkeys(c for c in codes if not c.endswith("1"))) or "literal"
