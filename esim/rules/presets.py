"""The named rows, and rows from a user's file: each a TOML file, checked as it is read."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from esim.errors import EsimError, near_names
from esim.rules.table import Rule

BASELINES = ("none", "oracle", "i-epoch", "top-k-after")

_FILES = Path(__file__).parent / "toml"
_TEXTS = ("system", "version", "source", "summary", "earliest")
_KINDS: dict[str, tuple[type, str]] = {
    "differs": (list, "a list of texts"),
    "defects": (list, "a list of texts"),
    "columns": (dict, "a table"),
    "parameters": (dict, "a table"),
}
_KEYS = (*_TEXTS, *_KINDS, "name", "based_on", "refused")


@dataclass(frozen=True)
class Preset:
    """A row and what one must know of it.

    Attributes:
        rule: the row; None if the system's rule cannot be replayed.
        system, version: whose rule it is, and the version it copies.
        source: the document or code it copies.
        summary: what it does, in a sentence.
        earliest: its earliest possible stop.
        differs: where it differs from its kin, and what its source leaves open.
        defects: what its system gets wrong and the row reproduces.
        refused: why it cannot be replayed.
        parameters: the system's own parameter -> the column it is here.
    """

    name: str
    rule: Rule | None
    system: str = ""
    version: str = ""
    source: str = ""
    summary: str = ""
    earliest: str = ""
    differs: tuple[str, ...] = ()
    defects: tuple[str, ...] = ()
    refused: str | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)


def read_preset(path: str | Path) -> Preset:
    """A row from a TOML file.

    Keys: `columns`, a table of the columns that differ from the defaults, or from the preset named
    by `based_on`; and, all optional, name (default: the file's), system, version, source, summary,
    earliest, differs, defects, refused, parameters.

    Raises:
        EsimError: no such file, no TOML, an unknown key, column or value.
    """
    path = Path(path)
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise EsimError("cannot read the rule", where=str(path), why=error.strerror) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise EsimError("not a TOML file", where=str(path), why=str(error)) from None
    try:
        return _preset(found, path.stem)
    except EsimError as error:
        raise EsimError(error.what, where=str(path), why=error.why, fix=error.fix) from None


def _preset(found: dict[str, Any], stem: str) -> Preset:
    for key, value in found.items():
        if key not in _KEYS:
            raise EsimError(f"unknown key {key!r}", fix=f"one of: {near_names(key, _KEYS)}")
        kind, word = _KINDS.get(key, (str, "a text"))
        if not isinstance(value, kind):
            raise EsimError(f"{key} must be {word}", why=f"it is {value!r}")
    texts = {key: found[key].strip() for key in _TEXTS if key in found}
    name = found.get("name", stem)
    columns = {k: _number(k, v) for k, v in found.get("columns", {}).items()}
    rule = None
    if "refused" not in found:
        base = preset(found["based_on"]).rule if "based_on" in found else Rule(name="")
        if base is None:
            raise EsimError(f"{found['based_on']} cannot be replayed, so nothing is based on it")
        source = texts.get("source", base.source)
        version = texts.get("version")
        rule = base.with_columns(**columns).named(
            name, f"{source}; {version}" if version else source
        )
    return Preset(
        name=name,
        rule=rule,
        **texts,
        differs=tuple(found.get("differs", ())),
        defects=tuple(found.get("defects", ())),
        refused=found.get("refused"),
        parameters=found.get("parameters", {}),
    )


def _number(column: str, value: Any) -> Any:
    """A whole number as a float where the column holds floats."""
    is_float = isinstance(getattr(Rule, column, None), float)
    return float(value) if is_float and type(value) is int else value


@functools.cache
def preset(name: str) -> Preset:
    """A preset by name. Raises EsimError, with near names, if there is none."""
    if name not in names():
        raise EsimError(f"no rule named {name!r}", fix=f"one of: {near_names(name, names())}")
    return read_preset(_FILES / f"{name}.toml")


@functools.cache
def names() -> tuple[str, ...]:
    """The presets, `sagemaker` first and the baselines last; also those that are refused."""
    every = {path.stem for path in _FILES.glob("*.toml")}
    return ("sagemaker", *sorted(every - {"sagemaker", *BASELINES}), *BASELINES)


class _Presets(Mapping[str, Rule]):
    """Every preset that can be replayed, by name, each read when it is asked for."""

    def __getitem__(self, name: str) -> Rule:
        row = preset(name).rule if name in names() else None
        if row is None:
            raise KeyError(name)
        return row

    def __iter__(self) -> Iterator[str]:
        return (name for name in names() if preset(name).rule is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)


PRESETS: Mapping[str, Rule] = _Presets()


def rule(name: str | Path | Rule, **columns: Any) -> Rule:
    """A preset by name, a row from a TOML file, or a rule itself, with columns changed.

    Raises:
        EsimError: no such preset, file, column or value; near names are given.
    """
    row = name if isinstance(name, Rule) else _named(name)
    return row.with_columns(**columns) if columns else row


def _named(name: str | Path) -> Rule:
    is_file = isinstance(name, Path) or name.endswith(".toml")
    found = read_preset(name) if is_file else preset(str(name))
    if found.rule is None:
        raise EsimError(f"rule {found.name!r} cannot be replayed", why=found.refused)
    return found.rule
