"""Reads rules from TOML files: the named presets and files of the user's own."""

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
# Looks at the whole curves of all trials anew at each report, which takes a hundred times as long
# as the others: 100 orders of 1000 trials take minutes. It is compared where it is named.
SLOW = ("ax-stability",)

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
    """A rule and what its user must know about it.

    Attributes:
        name: the name that `rule` takes.
        rule: the row of the rule table; None if the system's rule cannot be replayed.
        system, version: the system whose rule it is, and the version that the row copies.
        source: the document or code that the row copies.
        summary: what the rule does, in a sentence.
        earliest: its earliest possible stop.
        differs: how it differs from similar rules, and what its source leaves open.
        defects: faults of the system's rule that the row reproduces.
        refused: why it cannot be replayed; None if it can.
        parameters: the system's own parameter -> the column that stands for it.
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
    """Read a rule from a TOML file.

    All keys are optional. `columns` is a table of the columns that differ from the defaults, or
    from the preset that `based_on` names. The others are the attributes of `Preset`: name (the
    default is the file's name), system, version, source, summary, earliest, differs, defects,
    refused and parameters.

    Args:
        path: the TOML file.

    Raises:
        EsimError: the file cannot be read or is not TOML, or it holds an unknown key, column or
            value.

    Example:
        >>> import pathlib, tempfile
        >>> from esim.rules import read_preset
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "late.toml"
        >>> _ = path.write_text('based_on = "sagemaker"\\n[columns]\\nwarmup_steps = 10\\n')
        >>> late = read_preset(path)
        >>> late.name, late.rule.warmup_steps
        ('late', 10)
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
    """The preset in the contents of a TOML file, whose name without its ending is `stem`."""
    for key, value in found.items():
        if key not in _KEYS:
            fix = f"one of: {near_names(key, _KEYS)}"
            if hasattr(Rule, key):
                fix = f"put it under [columns]: {key} is a column of the rule"
            raise EsimError(f"unknown key {key!r}", fix=fix)
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
        # Named first: the error of a column must not name the preset that this one is based on.
        rule = base.named(name, f"{source}; {version}" if version else source)
        rule = rule.with_columns(**columns)
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
    """A column's value from TOML: a whole number becomes a float where the column holds floats."""
    is_float = isinstance(getattr(Rule, column, None), float)
    return float(value) if is_float and type(value) is int else value


@functools.cache
def preset(name: str) -> Preset:
    """The preset of a name.

    Args:
        name: one of `names`.

    Raises:
        EsimError: there is no such preset; the error lists near names.

    Example:
        >>> from esim.rules import preset
        >>> preset("sagemaker").rule.peer
        'average'
    """
    if name not in names():
        raise EsimError(f"no rule named {name!r}", fix=f"one of: {near_names(name, names())}")
    path = _FILES / f"{name}.toml"
    found = read_preset(path)
    if found.name != name:
        raise EsimError(
            f"the rule {found.name!r} stands in a file of another name",
            where=str(path),
            fix=f"call the file {found.name}.toml, or leave out the name in it",
        )
    return found


@functools.cache
def names() -> tuple[str, ...]:
    """The names of all presets: `sagemaker` first, the baselines last.

    Presets whose rule cannot be replayed are among them.
    """
    every = {path.stem for path in _FILES.glob("*.toml")}
    return ("sagemaker", *sorted(every - {"sagemaker", *BASELINES}), *BASELINES)


class _Presets(Mapping[str, Rule]):
    """The rule of every preset that can be replayed, by name; a file is read when it is needed."""

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


def usual() -> tuple[Rule, ...]:
    """The rules that take part where none is named: all presets but baselines and slow ones."""
    return tuple(row for row in PRESETS.values() if row.name not in (*BASELINES, *SLOW))


def rule(name: str | Path | Rule, **columns: Any) -> Rule:
    """A rule, with some of its columns changed.

    Args:
        name: the name of a preset, the path of a TOML file, or a rule.
        columns: the columns to change (`esim rules NAME` lists them) and their new values; a share
            may be a text such as "5%".

    Raises:
        EsimError: there is no such preset, file or column (the error lists near names), or a value
            that its column cannot have.

    Example:
        >>> import esim
        >>> rule = esim.rule("ray-median", warmup_steps=1)
        >>> rule.name, rule.warmup_steps
        ('ray-median', 1)
    """
    row = name if isinstance(name, Rule) else _named(name)
    return row.with_columns(**columns) if columns else row


def _named(name: str | Path) -> Rule:
    is_file = isinstance(name, Path) or name.endswith(".toml")
    found = read_preset(name) if is_file else preset(str(name))
    if found.rule is None:
        raise EsimError(f"rule {found.name!r} cannot be replayed", why=found.refused)
    return found.rule
