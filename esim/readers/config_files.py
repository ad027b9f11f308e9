"""Hyperparameters in a file beside a run: JSON or YAML. No tag of YAML ever makes an object."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from esim.errors import EsimError
from esim.readers.assembly import some
from esim.readers.encodings import jsontext
from esim.readers.runs import flat
from esim.readers.source import File, Source
from esim.study import Note

_LARGEST = 1 << 20  # a file of hyperparameters is not larger


class Configs:
    """The files of hyperparameters in an input, read when a run asks for its own.

    Attributes:
        used: the files that were read.
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
        """The hyperparameters beside a run's log, or in another folder of the same input."""
        for name in self._names:
            file = self._files.get((log.root, log.folder if folder is None else folder, name))
            if file is not None:
                return self._read(file)
        return {}

    def notes(self) -> list[Note]:
        """What could not be read."""
        if not self._unread:
            return []
        why = "; pip install 'esim[yaml]' reads YAML" if self._no_yaml else ""
        text = f"{len(self._unread)} file(s) of hyperparameters left unread: {some(self._unread)}"
        return [Note("config_unread", text + why, len(self._unread))]

    def _read(self, file: File) -> dict[str, Any]:
        try:
            found = jsontext.document(file) if file.base.endswith(".json") else _yaml(file)
            self.used.add(file)
            return plain_config(_unwrapped(found)) if isinstance(found, dict) else {}
        except (EsimError, RecursionError):
            self._unread.append(file.name)
        except ImportError:
            self._unread.append(file.name)
            self._no_yaml = True
        return {}


def plain_config(nested: dict[Any, Any]) -> dict[str, Any]:
    """Hyperparameters as a run holds them: nested names joined with "/".

    Raises:
        EsimError: nested too deeply.
    """
    try:
        return flat(_text_keys(nested))
    except RecursionError:
        raise EsimError("hyperparameters are nested too deeply") from None


def _unwrapped(found: dict[Any, Any]) -> dict[Any, Any]:
    """W&B's config.yaml wraps each value: ``lr: {desc: null, value: 0.1}``."""
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
    """The plain data of a YAML file. Raises EsimError: not YAML, too large, or with aliases."""
    import yaml

    class Plain(yaml.SafeLoader):  # type: ignore[misc]
        """Aliases could make a small file large; a tag of Python's is read as what it tags."""

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
    text = file.text()
    if len(text) > _LARGEST:
        raise EsimError("too large for hyperparameters", where=str(file))
    try:
        return yaml.load(text, Plain)
    except RecursionError:
        raise
    except Exception as error:  # a tag on a scalar that it does not fit raises whatever it likes
        raise EsimError("not YAML", where=str(file), why=str(error).split("\n")[0]) from None
