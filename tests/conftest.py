"""What every test needs."""

from __future__ import annotations

import pytest


def pytest_configure(config: pytest.Config) -> None:
    from numba import config as numba_config

    if numba_config.DISABLE_JIT:
        # Compiled, inf - inf is NaN without a word; interpreted by numpy's scalars it warns.
        config.addinivalue_line("filterwarnings", "ignore:invalid value encountered:RuntimeWarning")
