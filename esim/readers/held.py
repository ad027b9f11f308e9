"""`Held`, an input that is an object of the running program and not a path."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from esim.study import Study


@dataclass(frozen=True, eq=False)
class Held:
    """An object that the user gives in place of a path; as text ``<optuna.study.Study 'name'>``.

    Attributes:
        value: the object.
        type: the name of its type.
        name: its own name, "" if it has none.
    """

    value: Any
    type: str
    name: str = ""

    def __str__(self) -> str:
        return f"<{self.type} {self.name!r}>" if self.name else f"<{self.type}>"


def is_named(value: Any, name: str) -> bool:
    """Whether an object is of a class, told by its name: the library need not be imported.

    Args:
        value: the object.
        name: as users import the class; its first part is the package, its last part the class.
    """
    parts = name.split(".")
    wanted = parts[0], parts[-1]
    classes = type(value).__mro__
    return any((one.__module__.partition(".")[0], one.__qualname__) == wanted for one in classes)


def sha256_of(studies: Iterable[Study]) -> str:
    """A hash of everything that was read into some studies, whatever it was read from."""
    digest = hashlib.sha256()
    for study in studies:
        columns = (study.offsets, study.steps, study.values, study.elapsed)
        about = (study.start, study.end, study.status, study.censored)
        digest.update(repr((study.name, study.objective, study.direction, study.trials)).encode())
        digest.update(repr(sorted((key, tuple(v)) for key, v in study.config.items())).encode())
        for column in (*columns, *about):
            digest.update(b"none" if column is None else column.tobytes())
    return digest.hexdigest()
