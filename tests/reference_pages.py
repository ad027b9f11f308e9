"""The pages of docs/ that are made from the code; `python -m tests.test_docs` writes them."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import typer

import esim
from esim.cli import app
from esim.cli.schema import schema_documents
from esim.results.schemas import schema_of

NOTE = "Made from the code by `python -m tests.test_docs`; not to be edited."


def commands() -> str:
    """Every command with its arguments and options, by the panels of `--help`."""
    root: Any = typer.main.get_command(app)
    parts = [
        "# Commands",
        "What `esim COMMAND --help` prints, on one page. Options are grouped as there; those of a "
        "group mean the same in every command that has it.",
        "| command | what it does |\n|---|---|\n"
        + "\n".join(
            f"| [`{name}`](#{name.replace(' ', '-')}) | {_cell(_first(command.help))} |"
            for name, command in _leaves("esim", root)
        ),
    ]
    for name, command in _leaves("esim", root):
        parts += [f"## {name}", command.help.replace("\b", "").strip(), *_parameters(name, command)]
    return _page(parts)


def _leaves(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    if not hasattr(command, "commands"):
        yield name, command
        return
    for word, inner in command.commands.items():
        if not inner.hidden:
            yield from _leaves(f"{name} {word}", inner)


def _parameters(name: str, command: Any) -> Iterator[str]:
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    usage = []
    for one in arguments:
        word = (one.metavar or one.name.upper()) + ("..." if one.nargs == -1 else "")
        usage.append(word if one.required else f"[{word}]")
    panels: dict[str, list[Any]] = {}
    for one in command.params:
        if one.param_type_name == "option" and not one.hidden:
            panels.setdefault(one.rich_help_panel or "Options", []).append(one)
    yield f"```text\n{' '.join([name, *usage, *(['[OPTIONS]'] if panels else [])])}\n```"
    if arguments:
        rows = [(f"`{one.name.upper()}`", one.help) for one in arguments]
        yield _table(("argument", "what it is"), rows)
    for panel, options in panels.items():
        yield _table((panel.lower(), "what it does"), [_option(one) for one in options])


def _option(one: Any) -> tuple[str, str]:
    flags = ", ".join(f"`{word}`" for word in [*one.opts, *one.secondary_opts])
    if one.type_descriptor.annotation is not bool:
        flags += f" {one.metavar or 'VALUE'}"
    text = (one.help or "").strip()
    shown = one.show_default and one.default not in (None, "", (), []) and one.default is not False
    return flags, f"{text} Default: {one.default}." if shown else text


def documents() -> str:
    """Every key of every document, from the schemas that `esim schema` prints."""
    schemas = {name: schema_of(name, record) for name, record in schema_documents().items()}
    parts = [
        "# Documents and their keys",
        "Each command with `--json` prints one of these documents, and `--out DIR` writes it. "
        "`esim schema NAME` prints the same as JSON Schema. A key whose type has *null* can be "
        "unknown; what null means is then said. Records that several documents share stand once, "
        "under [Records](#records). [CI](ci.md#keys) says how a condition names a key.",
        _table(
            ("document", "what it is"),
            [
                (f"[`{name}`](#{_slug(name)})", schema["description"])
                for name, schema in schemas.items()
            ],
        ),
    ]
    places = _places(schemas)
    for name, schema in schemas.items():
        parts += [f"## {name}", schema["description"], _keys(schema, name, places)]
    parts += ["## Records"]
    headings: dict[str, tuple[str, Mapping[str, Any]]] = {}
    for (document, record), heading in places.items():
        headings.setdefault(heading, (document, schemas[document]["$defs"][record]))
    for heading, (document, record) in sorted(headings.items()):
        parts += [f"### {heading}"]
        parts += [record["description"]] if record.get("description") else []
        parts += [_keys(record, document, places)]
    return _page(parts)


def _places(schemas: Mapping[str, Any]) -> dict[tuple[str, str], str]:
    """The heading of each record of each document: its name, with the document if others differ."""
    kinds: dict[str, dict[str, list[str]]] = {}
    for document, schema in schemas.items():
        for record, held in schema.get("$defs", {}).items():
            kinds.setdefault(record, {}).setdefault(json.dumps(held), []).append(document)
    found = {}
    for record, held in kinds.items():
        for owners in held.values():
            heading = record if len(held) == 1 else f"{record} of {' and '.join(owners)}"
            found.update({(document, record): heading for document in owners})
    return found


def _keys(record: Mapping[str, Any], document: str, places: Mapping[Any, str]) -> str:
    if "properties" not in record:
        return f"It is {_type(record, document, places)}."
    rows = [
        (f"`{key}`", _type(held, document, places), held.get("description", ""))
        for key, held in record["properties"].items()
    ]
    return _table(("key", "type", "meaning"), rows)


def _type(held: Mapping[str, Any], document: str, places: Mapping[Any, str]) -> str:
    def of(inner: Mapping[str, Any]) -> str:
        return _type(inner, document, places)

    if "$ref" in held:
        heading = places[document, held["$ref"].rpartition("/")[2]]
        return f"[{heading.partition(' of ')[0]}](#{_slug(heading)})"
    if "anyOf" in held:
        return " or ".join(map(of, held["anyOf"]))
    if "const" in held:
        return f"`{json.dumps(held['const'])}`"
    if "enum" in held:
        return " or ".join(f"`{json.dumps(one)}`" for one in held["enum"])
    kind = held.get("type", "any")
    if isinstance(kind, list):
        return " or ".join(of({**held, "type": one}) for one in kind)
    if kind == "array" and isinstance(held.get("items"), dict):
        return f"list of {of(held['items'])}"
    if kind == "array" and "prefixItems" in held:
        return f"list of {', '.join(map(of, held['prefixItems']))}"
    if kind == "object" and isinstance(held.get("additionalProperties"), dict):
        return f"name -> {of(held['additionalProperties'])}"
    names = {"boolean": "true or false", "string": "text", "array": "list", "null": "*null*"}
    return names.get(kind, kind)


def api() -> str:
    """The names of the package with their signatures and first sentences."""
    kinds: dict[str, list[tuple[str, str]]] = {"Functions": [], "Classes": []}
    for name in esim.__all__:
        if name.startswith("__"):
            continue
        what = getattr(esim, name)
        kind = "Classes" if inspect.isclass(what) else "Functions"
        kinds[kind].append((f"`esim.{name}`", _first(inspect.getdoc(what))))
    parts = [
        "# Python",
        "Everything that `import esim` gives. `help(esim.replay)` prints a name's arguments, "
        "units, errors, source and an example; on the documentation site they stand below. "
        "[In a notebook](notebooks.md) shows them at work.",
    ]
    for kind, rows in kinds.items():
        parts += [f"## {kind}", _table(("name", "what it does"), rows)]
    return _page(parts)


def _page(parts: list[str]) -> str:
    return "\n\n".join([parts[0], f"<!-- {NOTE} -->", *parts[1:]]) + "\n"


def _table(heads: tuple[str, ...], rows: list[Any]) -> str:
    lines = [heads, ("---",) * len(heads), *[[_cell(one) for one in row] for row in rows]]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(text: str) -> str:
    flat = " ".join((text or "").split()).replace("|", "\\|").replace("<", "&lt;")
    return re.sub(r"``([^`]*)``", r"`\1`", flat)


def _first(text: str | None) -> str:
    return (text or "").strip().partition("\n\n")[0]


def _slug(heading: str) -> str:
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


GENERATED: dict[str, Callable[[], str]] = {
    "docs/commands.md": commands,
    "docs/documents.md": documents,
    "docs/api.md": api,
}
