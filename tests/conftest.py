"""What every test needs."""

from __future__ import annotations

import pytest


def pytest_configure(config: pytest.Config) -> None:
    from numba import config as numba_config

    if numba_config.DISABLE_JIT:
        # Compiled, inf - inf is NaN and a sum too large is inf, without a word; interpreted by
        # NumPy's scalars both warn.
        for what in ("invalid value", "overflow"):
            config.addinivalue_line("filterwarnings", f"ignore:{what} encountered:RuntimeWarning")
