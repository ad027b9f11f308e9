"""Kernels that come with esim, made ahead: a file of LLVM's bitcode for each, in `bitcode/`.

numba has inferred their types and LLVM has optimised them. What is left is to make machine code for
this processor of them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).with_name("bitcode")
MADE = "made.json"  # says of what they were made, and with what


def sources() -> str:
    """A digest of the sources of all kernels, and of what compiles them."""
    digest = hashlib.sha256()
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()


def file_of(function: Callable[..., Any], types: tuple[Any, ...]) -> str:
    """The name of a kernel's file, for arguments of these types."""
    digest = hashlib.sha256(repr(types).encode()).hexdigest()
    return f"{function.__module__.rpartition('.')[2]}.{function.__name__}-{digest[:16]}.bc"


@cache
def _fit() -> bool:
    """Whether they were made of the sources as they are, by no later LLVM than is here."""
    from llvmlite import binding

    with suppress(OSError, ValueError, KeyError):
        made = json.loads((FOLDER / MADE).read_bytes())
        return bool(made["llvm"] <= [*binding.llvm_version_info] and made["sources"] == sources())
    return False


def bitcode(function: Callable[..., Any], types: tuple[Any, ...]) -> bytes | None:
    """A kernel for arguments of these types; None if there is none that fits."""
    if not _fit():
        return None
    try:
        return (FOLDER / file_of(function, types)).read_bytes()
    except OSError:
        return None
