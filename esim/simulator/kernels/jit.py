"""How kernels are compiled, with numba's options, and the folder in which they are kept."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
from numba.core import config

from esim.simulator.kernels.kept import Kept

Function = Callable[..., Any]


def cache_folder() -> Path | None:
    """The folder of compiled kernels, named after their sources and numba's and Python's versions.

    It is in $NUMBA_CACHE_DIR, else in $XDG_CACHE_HOME, else in ~/.cache; None if there is no home.
    """
    digest = hashlib.sha256(f"{numba.__version__} {sys.implementation.cache_tag}".encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    home = Path(os.path.expanduser("~")) / ".cache"
    for base in (vars(config)["CACHE_DIR"], os.environ.get("XDG_CACHE_HOME"), home):
        if base and Path(base).is_absolute():
            return Path(base) / "esim" / f"kernels-{digest.hexdigest()[:16]}"
    return None


_FOLDER = cache_folder()
# No fastmath: NaN must stay NaN. No GIL: threads run side by side. No reference counts (_nrt):
# kernels own nothing and allocate nothing, and counting the references to the arrays in their named
# tuples makes a replay about 20 times slower (measured on 1000 trials of 50 reports, two cores,
# numba 0.68.1: 3.1 to 3.7 ms with, 0.17 ms without). No C wrapper: nobody takes a kernel's address.
_OPTIONS: dict[str, Any] = {
    "error_model": "numpy",
    "nogil": True,
    "_nrt": False,
    "no_cfunc_wrapper": True,
}


def kept_in() -> Path:
    """The folder in which this process has kept what it compiled.

    Raises:
        OSError: not all of it could be kept, or there is no folder to keep it in.
    """
    if _FOLDER is None:
        raise FileNotFoundError("no home folder")
    if Kept.trouble is not None:
        raise Kept.trouble
    return _FOLDER


def _compiled(function: Function, **options: Any) -> Function:
    """The function, to be compiled at its first call and kept in esim's own folder."""
    compiled: Function = numba.njit(**_OPTIONS, **options)(function)
    if _FOLDER is not None and compiled is not function:  # which it is under NUMBA_DISABLE_JIT
        vars(compiled)["_cache"] = Kept(f"{function.__module__}.{function.__name__}", _FOLDER)
    return compiled


def kernel(function: Function) -> Function:
    """A kernel, compiled at its first call. It fills arrays that it is given: it cannot allocate.

    A user waits for the compilation, which takes longer with every line, and with every function
    that is called, as each is compiled by itself and again within its callers. Therefore what every
    replay runs has loops instead of slices (`x[:] = 0`), and no `min`, `max`, `in` or
    `np.isfinite`, which to numba are functions.
    """
    return _compiled(function)


def inner(function: Function) -> Function:
    """A function that only kernels call: inlined into them, and not to be called from Python.

    If it were called, each array would be passed as seven numbers, which doubled the time of a
    replay when it was measured.
    """
    return _compiled(function, no_cpython_wrapper=True, forceinline=True)
