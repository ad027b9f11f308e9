"""Reads hyperparameters from JSON and YAML files beside a run; YAML never creates objects."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

from esim.errors import EsimError, plural
from esim.readers.assembly import some
from esim.readers.encodings import jsontext
from esim.readers.encodings.endings import ended_lines
from esim.readers.encodings.utf8 import text_of
from esim.readers.nested import flat
from esim.readers.source import File, Source
from esim.study import Note

_CLOSED = (b"}", b"]", b'"', b"'")  # with which a whole value of YAML may end
_LARGEST = 1 << 20  # characters; a larger file is taken for something other than hyperparameters


class Configs:
    """The files of hyperparameters in an input; a file is read when a run asks for it.

    Attributes:
        used: the files that have been read.
    """

    def __init__(self, source: Source, names: Sequence[str]) -> None:
        self._files = {
            (file.root, file.folder, file.base): file
            for name in names
            for file in source.by_base.get(name, [])
        }
        self._names = names
        self._unread: list[str] = []
        self._no_yaml = False
        self.used: set[File] = set()

    def of(self, log: File, folder: str | None = None) -> dict[str, Any]:
        """The hyperparameters of a run; empty if there is no file or it cannot be read.

        Args:
            log: the run's log.
            folder: the folder to look in; None looks beside the log.
        """
        for name in self._names:
            file = self._files.get((log.root, log.folder if folder is None else folder, name))
            if file is not None:
                return self._read(file)
        return {}

    def above(self, log: File, run: str) -> dict[str, Any]:
        """The hyperparameters of a run, beside its log or between that and the run's folder.

        Args:
            log: the run's log.
            run: the run's folder, as in `File.folder`.
        """
        for folder in (log.folder, *map(str, PurePosixPath(log.folder).parents)):
            if folder != log.folder and not PurePosixPath(folder).is_relative_to(run):
                break
            found = self.of(log, "" if folder == "." else folder)
            if found:
                return found
        return {}

    def notes(self) -> list[Note]:
        """The note on files that could not be read, if any."""
        if not self._unread:
            return []
        why = "; with pip install pyyaml YAML is read" if self._no_yaml else ""
        text = (
            f"{plural(len(self._unread), 'file')} of hyperparameters left unread: "
            f"{some(self._unread)}"
        )
        return [Note("config_unread", text + why, len(self._unread))]

    def _read(self, file: File) -> dict[str, Any]:
        try:
            found = jsontext.document(file) if file.base.endswith(".json") else _yaml(file)
            self.used.add(file)
            return flat_config(_unwrapped(found)) if isinstance(found, dict) else {}
        except (EsimError, RecursionError):
            self._unread.append(file.name)
        except ImportError:
            self._unread.append(file.name)
            self._no_yaml = True
        return {}


def flat_config(nested: dict[Any, Any]) -> dict[str, Any]:
    """Hyperparameters by name, with the names of nested ones joined by "/".

    Args:
        nested: a mapping of names to values or further mappings.

    Raises:
        EsimError: the mappings are nested too deeply.
    """
    try:
        return flat(_text_keys(nested))
    except RecursionError:
        raise EsimError("hyperparameters are nested too deeply") from None


def _unwrapped(found: dict[Any, Any]) -> dict[Any, Any]:
    """The values without what W&B's config.yaml wraps them in: ``lr: {desc: null, value: 0.1}``."""
    return {
        name: value["value"]
        if isinstance(value, dict) and "value" in value and set(value) <= {"desc", "value"}
        else value
        for name, value in found.items()
        if name not in ("_wandb", "wandb_version")
    }


def _text_keys(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): _text_keys(inner) for name, inner in value.items()}
    return value


def _yaml(file: File) -> Any:
    """The plain data of a YAML file.

    Raises:
        EsimError: it is not YAML, is too large, or has aliases.
        ImportError: PyYAML is not installed.
    """
    import yaml

    class Plain(yaml.SafeLoader):  # type: ignore[misc]
        """Refuses aliases, with which a small file can expand to a huge one; tags are ignored."""

        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.AliasEvent):
                raise yaml.YAMLError("it holds aliases")
            return super().compose_node(parent, index)

    def untagged(loader: Any, suffix: str, node: Any) -> Any:
        if isinstance(node, yaml.MappingNode):
            return loader.construct_mapping(node, deep=True)
        if isinstance(node, yaml.SequenceNode):
            return loader.construct_sequence(node, deep=True)
        return loader.construct_scalar(node)

    Plain.add_multi_constructor("", untagged)
    text = text_of(ended_lines(file, file.read(), _CLOSED))
    if len(text) > _LARGEST:
        raise EsimError("too large for hyperparameters", where=str(file))
    try:
        return yaml.load(text, Plain)
    except RecursionError:
        raise
    except Exception as error:  # PyYAML raises many kinds for a tag that does not fit its scalar
        raise EsimError("not YAML", where=str(file), why=str(error).split("\n")[0]) from None
