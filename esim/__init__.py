"""esim: replay recorded metric logs of tuning jobs through early-stopping rules."""

from __future__ import annotations

import importlib
import sys
import types
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from esim.check import check
    from esim.compare import compare
    from esim.comparison import Comparison
    from esim.costs import Costs
    from esim.errors import EsimError
    from esim.estimate import estimate
    from esim.history import History
    from esim.readers import read_studies, read_study
    from esim.replay import replay, replay_orders
    from esim.rules import Rule, rule
    from esim.study import Status, Study

__version__ = "0.1.0"

# Imported when first used: `esim --help` must not wait for numba, pandas or pyarrow.
_HOMES = {
    "Comparison": "esim.comparison",
    "Costs": "esim.costs",
    "EsimError": "esim.errors",
    "History": "esim.history",
    "Rule": "esim.rules",
    "Status": "esim.study",
    "Study": "esim.study",
    "read_studies": "esim.readers",
    "read_study": "esim.readers",
    "check": "esim.check",
    "compare": "esim.compare",
    "estimate": "esim.estimate",
    "replay": "esim.replay",
    "replay_orders": "esim.replay",
    "rule": "esim.rules",
}

__all__ = [
    "Comparison",
    "Costs",
    "EsimError",
    "History",
    "Rule",
    "Status",
    "Study",
    "__version__",
    "check",
    "compare",
    "estimate",
    "read_studies",
    "read_study",
    "replay",
    "replay_orders",
    "rule",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'esim' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


class _Package(types.ModuleType):
    """Keeps `esim.replay` the function: importing a submodule would bind its name to the module."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _HOMES and isinstance(value, types.ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
