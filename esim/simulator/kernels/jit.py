"""The one place that knows numba's options, and where compiled kernels are kept."""

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
    """Where compiled kernels are kept: named after all their sources and the versions of numba and
    Python. In $NUMBA_CACHE_DIR, else $XDG_CACHE_HOME, else ~/.cache; None if there is no home.
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
# No fastmath: NaN must stay NaN. No GIL: threads run side by side. No reference counts: kernels own
# nothing and allocate nothing, and counting their two dozen arrays at every inner call made a
# decision 40 times slower (213 ns, now 5 ns). No C wrapper: nobody takes a kernel's address.
_OPTIONS: dict[str, Any] = {
    "error_model": "numpy",
    "nogil": True,
    "_nrt": False,
    "no_cfunc_wrapper": True,
}


def kept_in() -> Path:
    """Where this process has kept what it compiled.

    Raises:
        OSError: it could not keep all of it, or there is no folder to keep it in.
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
    """Compile at first call. Arrays in, arrays filled: a kernel cannot allocate.

    A user waits for that: it grows with the lines, and with every function that is called, as each
    is compiled by itself and again within its callers. So loops instead of slices (`x[:] = 0`), and
    no `min`, `max`, `in` or `np.isfinite` in what every replay runs: to numba they are functions.
    """
    return _compiled(function)


def inner(function: Function) -> Function:
    """The same for a function that only kernels call: without its door to Python, and inlined.

    Called, it would be handed each array as seven numbers: that doubled the time of a replay.
    """
    return _compiled(function, no_cpython_wrapper=True, forceinline=True)
