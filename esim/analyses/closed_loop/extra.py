"""The libraries of the extra `closed-loop`, imported when first used."""

from __future__ import annotations

import importlib
from typing import Any

from esim.errors import EsimError

_PACKAGES = {
    "sklearn": "scikit-learn",
    "scipy": "scikit-learn",
    "threadpoolctl": "scikit-learn",
    "optuna": "optuna",
}


def library(module: str) -> Any:
    """A module of one of the extra's libraries.

    Args:
        module: its full name, such as "sklearn.tree".

    Raises:
        EsimError: the library is not installed; the error names it.
    """
    package = _PACKAGES[module.partition(".")[0]]
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise EsimError(
            f"the closed loop needs {package}, which is not installed",
            why=str(error),
            fix="pip install scikit-learn optuna",
        ) from None
