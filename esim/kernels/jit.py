"""The one place that knows numba's options, and where compiled kernels are kept."""

from __future__ import annotations

import hashlib
import os
import shutil
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


_ROOM = 64 * 2**20  # bytes: all kernels together take a tenth; numba fails on a full disk


def _usable(folder: Path) -> bool:
    """Whether kernels can be kept there; if not they are compiled anew in each process."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
    except OSError:
        return False
    return os.access(folder, os.W_OK) and free > _ROOM


def folder() -> Path | None:
    """Where this process keeps compiled kernels; None if it cannot."""
    return Path(_FOLDER) if _OPTIONS["cache"] else None


_FOLDER = vars(config)["CACHE_DIR"] or str(cache_folder())  # the user's NUMBA_CACHE_DIR goes first
# No fastmath: NaN must stay NaN. No GIL: threads run side by side. No reference counts: kernels own
# nothing and allocate nothing, and counting their two dozen arrays at every inner call made a
# decision 40 times slower (213 ns, now 5 ns).
_OPTIONS: dict[str, Any] = {
    "error_model": "numpy",
    "nogil": True,
    "cache": _usable(Path(_FOLDER)),
    "_nrt": False,
}


def _compiled(function: Function, **options: Any) -> Function:
    """The function, to be compiled at its first call and kept in esim's own folder."""
    theirs = vars(config)["CACHE_DIR"]
    vars(config)["CACHE_DIR"] = (
        _FOLDER  # read by numba while it decorates; other code keeps its own
    )
    try:
        compiled: Function = numba.njit(**_OPTIONS, **options)(function)
    finally:
        vars(config)["CACHE_DIR"] = theirs
    return compiled


def kernel(function: Function) -> Function:
    """Compile at first call. Arrays in, arrays filled: a kernel cannot allocate.

    A user waits for that: it grows with the lines, and with every function that is called, as each
    is compiled by itself and again within its callers. So loops instead of slices (`x[:] = 0`), and
    no `min`, `max`, `in` or `np.isfinite` in what every replay runs: to numba they are functions.
    """
    return _compiled(function, no_cfunc_wrapper=True)


def inner(function: Function) -> Function:
    """The same for a function that only kernels call: without its door to Python, and inlined.

    Called, it would be handed each array as seven numbers: that doubled the time of a replay.
    """
    return _compiled(function, no_cpython_wrapper=True, no_cfunc_wrapper=True, forceinline=True)
