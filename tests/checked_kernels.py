"""Runs every kernel a second time, with bounds checks, on copies of what it is called with.

`pytest --check-bounds` does it wherever a test calls a kernel, also in processes that `--jobs`
starts. An index out of bounds fails, and so does any byte that comes out in another way than
without the checks.
"""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from esim.analyses.workers import engines
from esim.simulator.kernels import jit
from esim.simulator.warm_up import warm_up

_run, _lowered, _end_with = jit.Kernel.__call__, jit.lowered, engines._end_with
_twins: dict[jit.Kernel, jit.Kernel] = {}
_inner: dict[jit.Function, Any] = {}  # as jit._INNER: what numba makes of them with the checks


def check() -> None:
    """From now on, in this process and in the workers that it starts."""
    jit.Kernel.__call__ = run_both  # type: ignore[method-assign]
    engines._end_with = _start_worker


def compile_half(worker: str) -> None:
    """Before the tests, two processes compile half of the kernels with checks each, and keep them.

    Otherwise both compile everything, as both begin with the same few kernels. One half is what
    replays rules that hold peers ranked beforehand against each other, and all small kernels; the
    other what replays rules that look up more. They share few of the functions that are inlined.
    """
    if worker not in ("gw0", "gw1"):
        return

    def run_half(kernel: jit.Kernel, *arguments: Any) -> None:
        at = {"run_orders": 4, "run_timed": 5}.get(kernel.function.__name__)
        curves = [] if at is None else arguments[at : at + 4]  # statistic, rank, end_rank, curve
        more = any(one is not None for which, one in enumerate(curves) if which != 1)
        (_run_checked if more == (worker == "gw1") else _run)(kernel, *arguments)

    before = jit.Kernel.__call__
    jit.Kernel.__call__ = run_half  # type: ignore[method-assign]
    gc.disable()  # what numba makes stays, and looking through it takes a fifth of the time
    try:
        warm_up()
    finally:
        gc.enable()
        jit.Kernel.__call__ = before  # type: ignore[method-assign]


def _run_checked(kernel: jit.Kernel, *arguments: Any) -> None:
    if kernel not in _twins:
        _twins[kernel] = _Checked(kernel.function)
    _run(_twins[kernel], *arguments)


def _start_worker(watched: Connection) -> None:
    check()
    _end_with(watched)


def run_both(kernel: jit.Kernel, *arguments: Any) -> None:
    """Run a kernel with and without bounds checks.

    Threads beside the main one work on parts of the same arrays, each on its own: there, what
    others write meanwhile is told from the kernel's own by what the checked one has written.
    """
    copies: dict[int, tuple[np.ndarray, np.ndarray]] = {}
    alone = threading.current_thread() is threading.main_thread()
    checked = _copied(arguments, copies)
    pairs = list(copies.values())
    before = [b"" if alone else copy.tobytes() for _, copy in pairs]
    _run_checked(kernel, *checked)
    _run(kernel, *arguments)
    for old, (array, copy) in zip(before, pairs, strict=True):
        actual, expected = array.tobytes(), copy.tobytes()
        same = actual == expected
        if not same and not alone:
            first, now, then = (np.frombuffer(one, np.uint8) for one in (old, actual, expected))
            same = np.array_equal(now[first != then], then[first != then])
        assert same, f"{kernel.function.__name__}: other bytes with bounds checks"


def _copied(value: Any, copies: dict[int, tuple[np.ndarray, np.ndarray]]) -> Any:
    """Arguments with copies of their arrays; an array that is there twice is one copy."""
    its = type(value)
    if its is np.ndarray:
        if not value.size:  # nothing to write
            return value
        if (known := copies.get(id(value))) is None:
            known = copies[id(value)] = value, value.copy()
        return known[1]
    if isinstance(value, tuple) and its not in jit._ALL_NUMBERS:
        parts = [_copied(part, copies) for part in value]
        return its(*parts) if its is not tuple else tuple(parts)
    return value


class _Checked(jit.Kernel):
    """A kernel with bounds checks; kept on disk as with NUMBA_BOUNDSCHECK=1."""

    def _entry(self, arguments: tuple[Any, ...]) -> Any:
        # Nobody else compiles or loads a kernel meanwhile: callers hold jit._compiling.
        settings = jit._SETTINGS
        jit._SETTINGS, jit.lowered = sorted([*settings, "NUMBA_BOUNDSCHECK=1"]), _with_checks
        try:
            return super()._entry(arguments)
        finally:
            jit._SETTINGS, jit.lowered = settings, _lowered


def _with_checks(kernel: jit.Kernel, arguments: tuple[Any, ...]) -> Any:
    with _checks():
        return _lowered(kernel, arguments)


@contextmanager
def _checks() -> Iterator[None]:
    """What numba compiles here has bounds checks: the inner functions too, made anew for it."""
    from numba.core import config

    ordinary, bounds, level = dict(jit._INNER), config.BOUNDSCHECK, config.OPT
    python = {id(made): one for one, made in ordinary.items() if made is not None}
    modules = [sys.modules[name] for name in {one.__module__ for one in ordinary}]
    names = [dict(vars(module)) for module in modules]
    for module, its in zip(modules, names, strict=True):
        vars(module).update({name: python.get(id(value), value) for name, value in its.items()})
    jit._INNER.update({one: _inner.get(one) for one in ordinary})
    config.BOUNDSCHECK = 1
    config.OPT = config._OptLevel(1)  # three quarters of the time, and as strict
    try:
        yield
    finally:
        _inner.update(jit._INNER)
        jit._INNER.update(ordinary)
        config.BOUNDSCHECK, config.OPT = bounds, level
        for module, its in zip(modules, names, strict=True):
            vars(module).update(its)
