"""The examples in the docstrings of all modules, and which public names must have one."""

from __future__ import annotations

import doctest
import importlib
import inspect
from pathlib import Path

import pytest

import esim

PACKAGE = Path(esim.__file__).parent
MODULES = sorted(
    ".".join(("esim", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")
    for path in PACKAGE.rglob("*.py")
)
PUBLIC = [name for name in esim.__all__ if callable(getattr(esim, name))]


def examples_of(thing: object) -> list[doctest.Example]:
    """The examples in the docstring of a function or class, and of a class's own methods."""
    found = doctest.DocTestFinder(recurse=True).find(thing, name="public")
    return [example for test in found for example in test.examples]


@pytest.mark.parametrize("module", MODULES)
def test_examples_of_a_module(module: str) -> None:
    text = (PACKAGE.parent / Path(*module.split("."))).with_suffix(".py")
    package = PACKAGE.parent / Path(*module.split("."), "__init__.py")
    if ">>> " not in (text if text.exists() else package).read_text(encoding="utf-8"):
        return
    failed, _ = doctest.testmod(importlib.import_module(module))
    assert failed == 0


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_name_has_an_example(name: str) -> None:
    thing = getattr(esim, name)
    assert inspect.getdoc(thing), f"esim.{name} has no docstring"
    assert examples_of(thing), f"esim.{name} has no example"
