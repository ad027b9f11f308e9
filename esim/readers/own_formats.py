"""The formats of esim itself: what the modules of readers declare as `FORMAT` or `FORMATS`."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import replace
from functools import cache

from esim.readers.formats import Format

# The folders of readers, in the order in which `esim formats` lists them.
KINDS = ("tables", "sagemaker", "tuners", "trackers", "trainers", "benchmarks")


@cache
def own_formats() -> tuple[Format, ...]:
    """The formats of esim, in the order of their folders and then of their names.

    Every module of a reader is imported, which takes about 0.1 s. What recognises an input needs
    them all anyway; libraries that read a single format are imported when it is read.
    """
    return tuple(format for kind in KINDS for format in _declared(kind))


def _declared(kind: str) -> list[Format]:
    package = importlib.import_module(f"esim.readers.{kind}")
    found = []
    for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        module = importlib.import_module(info.name)
        declared = (getattr(module, "FORMAT", None), *getattr(module, "FORMATS", ()))
        found += [
            replace(format, module=info.name, takes=format.takes or ())
            for format in declared
            if isinstance(format, Format)
        ]
    return sorted(found, key=lambda format: format.name)
