"""Plain values as typed records: what fits is read, what does not is refused with its place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

import pytest

from esim.errors import EsimError
from esim.storage.typed import MisfitError, Scalar, build, convert, parse, plain


@dataclass(frozen=True)
class Inner:
    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        if self.low is not None and self.high is not None and self.low > self.high:
            raise EsimError("low cannot be above high", why=f"{self.low} > {self.high}")


@dataclass(frozen=True)
class Told:
    text: str

    @classmethod
    def from_plain(cls, value: Any) -> Told:
        return cls(f"told {convert(str, value)}")


@dataclass(frozen=True)
class Record:
    beside: ClassVar = ("schema",)
    name: str
    word: Literal["a", "b"]
    pair: tuple[int, str]
    rows: tuple[Inner, ...]
    by_name: Mapping[str, Sequence[Scalar]]
    inner: Inner = field(metadata={"flat": True})
    column: int = field(metadata={"key": "trials"})
    told: Annotated[Any, Told] = None
    number: float = 0.0
    hidden: Any = field(default=None, compare=False)


WHOLE: dict[str, Any] = {
    "schema": "x/1",
    "name": "é",
    "word": "a",
    "pair": [1, "x"],
    "rows": [{"low": 1}, [1, 2.5], {}],
    "by_name": {"k": [1, "x", None, True, 0.5]},
    "low": 0.5,
    "trials": 3,
    "told": "t",
}


def test_what_fits_is_read() -> None:
    record = build(Record, WHOLE)
    assert record == Record(
        name="é",
        word="a",
        pair=(1, "x"),
        rows=(Inner(1), Inner(1, 2.5), Inner()),
        by_name={"k": (1, "x", None, True, 0.5)},
        inner=Inner(0.5),
        column=3,
        told=Told("told t"),
    )


def test_a_record_is_plain_without_what_does_not_compare() -> None:
    record = Record("n", "b", (1, "x"), (), {}, Inner(1.0, 2.0), 3, hidden=object())
    assert plain(record) == {
        "name": "n", "word": "b", "pair": [1, "x"], "rows": [], "by_name": {}, "low": 1.0,
        "high": 2.0, "trials": 3, "told": None, "number": 0.0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": 3}, "name: 3 is not text"),
        ({"name": "\ud800"}, r"name: '\\ud800' is not Unicode text"),
        ({"word": "c"}, "word: 'c' is not one of a, b"),
        ({"word": ["a"]}, r"word: \['a'\] is not one of"),
        ({"pair": [1]}, "pair: 1 values where there must be 2"),
        ({"pair": [True, "x"]}, r"pair\[0\]: True is not a whole number"),
        ({"pair": [1.0, "x"]}, r"pair\[0\]: 1.0 is not a whole number"),
        ({"pair": [10**301, "x"]}, r"pair\[0\]: 1000.* is too large"),
        ({"pair": "1x"}, "pair: '1x' is not a list"),
        ({"rows": [{}, {"low": "x"}]}, r"rows\[1\].low: 'x' is not a number"),
        ({"rows": [{"lo": 1}]}, r"rows\[0\]: 'lo' is not one of its fields"),
        ({"rows": [[1, 2, 3]]}, r"rows\[0\]: 3 values for 2 fields"),
        ({"rows": [3]}, r"rows\[0\]: 3 is not an object"),
        ({"rows": [{"low": 2, "high": 1}]}, r"rows\[0\]: low cannot be above high: 2 > 1"),
        ({"low": float("inf")}, "low: inf is not finite"),
        ({"number": 10**400}, "number: 1000.* is too large"),
        ({"by_name": {"k": [[]]}}, r"by_name.k\[0\]: \[\] is "),
        ({"by_name": []}, r"by_name: \[\] is not an object"),
        ({"told": 3}, "told: 3 is not text"),
        ({"column": 3}, "'column' is not one of its fields"),
        ({"hidden": 3}, "'hidden' is not one of its fields"),
        ({"trials": ...}, "there is no 'trials'"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(change: dict[str, Any], said: str) -> None:
    entries = {k: v for k, v in {**WHOLE, **change}.items() if v is not ...}
    with pytest.raises(MisfitError, match=f"^{said}"):
        build(Record, entries)


@pytest.mark.parametrize("text", ["", "{", "nul", "[" * 100_000, "1" * 5000, '"\x00"'])
def test_what_is_no_json(text: str) -> None:
    with pytest.raises(MisfitError):
        parse(text)


def test_words_that_are_no_json_are_refused_where_they_must_be() -> None:
    assert parse("[NaN, Infinity, 1]")[2] == 1
    for word in ("NaN", "Infinity", "-Infinity"):
        with pytest.raises(MisfitError, match="not strict JSON"):
            parse(word, strict=True)
