"""The one place that knows numba's options, and where compiled kernels are kept."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
from numba.core import config

Function = Callable[..., Any]


def cache_folder() -> Path:
    """Where compiled kernels are kept: named after all their sources and numba's version.

    numba itself notices an edit only in the file that holds a function, not in those it calls.
    """
    digest = hashlib.sha256(numba.__version__.encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(base) / "esim" / f"kernels-{digest.hexdigest()[:16]}"


def _usable_cache() -> bool:
    """Point numba at the cache folder; False if there is nowhere to write it."""
    if config.CACHE_DIR:  # the user's own NUMBA_CACHE_DIR
        return True
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    if not os.access(folder, os.W_OK):
        return False
    config.CACHE_DIR = str(folder)
    return True


_CACHE = _usable_cache()


# No fastmath: NaN must stay NaN. No GIL: threads run side by side. No reference counts: kernels own
# nothing and allocate nothing, and counting their two dozen arrays at every inner call made a
# decision 40 times slower (213 ns, now 5 ns).
_OPTIONS: dict[str, Any] = {"error_model": "numpy", "nogil": True, "cache": _CACHE, "_nrt": False}


def kernel(function: Function) -> Function:
    """Compile at first call. Arrays in, arrays filled: a kernel cannot allocate."""
    compiled: Function = numba.njit(**_OPTIONS)(function)
    return compiled


def inner(function: Function) -> Function:
    """The same for a function that only kernels call: without its door to Python."""
    options = {**_OPTIONS, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    compiled: Function = numba.njit(**options)(function)
    return compiled
