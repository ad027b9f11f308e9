"""What every test needs."""

from __future__ import annotations

import gc
import os
from collections.abc import Generator

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--check-bounds",
        action="store_true",
        help="run every kernel a second time, with bounds checks (tests/checked_kernels.py)",
    )


def pytest_configure(config: pytest.Config) -> None:
    from numba import config as numba_config

    if numba_config.DISABLE_JIT:
        # Compiled, inf - inf is NaN and a sum too large is inf, without a word; interpreted by
        # NumPy's scalars both warn.
        for what in ("invalid value", "overflow"):
            config.addinivalue_line("filterwarnings", f"ignore:{what} encountered:RuntimeWarning")
    if config.getoption("--check-bounds"):
        from tests import checked_kernels

        checked_kernels.compile_half(os.environ.get("PYTEST_XDIST_WORKER", ""))
        checked_kernels.check()


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Modules and tests stay to the end: nobody looks through them for garbage."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.collect()
        gc.freeze()
        gc.set_threshold(20_000, 10, 10)
