"""`pytest --check-bounds` finds what a kernel without bounds checks passes over."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numba import config

from esim.simulator.kernels import jit
from tests import checked_kernels

pytestmark = pytest.mark.skipif(
    bool(config.DISABLE_JIT or config.BOUNDSCHECK), reason="one kind of kernels alone"
)


@jit.inner
def value_at(values, at):  # type: ignore[no-untyped-def]
    return values[at]


def copies(values, at, out):  # type: ignore[no-untyped-def]
    out[0] = value_at(values, at)


def test_an_index_out_of_bounds_fails_also_in_an_inner_function() -> None:
    kernel, values, out = jit.Kernel(copies), np.array([1.0, 2.0, 3.0]), np.zeros(1)
    checked_kernels.run_both(kernel, values, 2, out)
    assert out[0] == 3.0
    checked_kernels._run(kernel, values[:2], 2, out)  # without checks it reads what lies behind
    assert out[0] == 3.0
    with pytest.raises(RuntimeError, match="copies failed"):
        checked_kernels.run_both(kernel, values[:2], 2, out)


def test_other_bytes_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel, out = jit.Kernel(copies), np.zeros(1)
    values = np.array([1.0])
    checked_kernels.run_both(kernel, values, 0, out)

    def run(its: jit.Kernel, values: np.ndarray, at: int, out: np.ndarray) -> None:
        out[0] = 1.0 if its is kernel else -1.0

    monkeypatch.setattr(checked_kernels, "_run", run)
    with pytest.raises(AssertionError, match="copies: other bytes"):
        checked_kernels.run_both(kernel, values, 0, out)


def test_what_another_thread_writes_meanwhile_is_not_the_kernels(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kernel, out = jit.Kernel(copies), np.zeros(2)
    ours = 1.0

    def run(its: jit.Kernel, values: np.ndarray, at: int, out: np.ndarray) -> None:
        out[0] = 1.0
        if its is kernel:
            out[:] = ours, 7.0  # the second as if by another thread

    monkeypatch.setattr(checked_kernels, "_run", run)
    with pytest.raises(AssertionError, match="copies: other bytes"):  # nobody else is there
        checked_kernels.run_both(kernel, np.zeros(1), 0, out)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(checked_kernels.run_both, kernel, np.zeros(1), 0, np.zeros(2)).result()
        ours = 2.0
        with pytest.raises(AssertionError, match="copies: other bytes"):
            pool.submit(checked_kernels.run_both, kernel, np.zeros(1), 0, np.zeros(2)).result()
