"""esim: replay recorded metric logs of tuning jobs through early-stopping rules."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from esim.version import __version__

if TYPE_CHECKING:
    from esim.analyses.certify.certify import certify
    from esim.analyses.certify.watch import watch
    from esim.analyses.check import check
    from esim.analyses.closed_loop.closed_loop import closed_loop
    from esim.analyses.compare.compare import compare
    from esim.analyses.estimate.forecast import estimate
    from esim.analyses.explain.explain import explain
    from esim.analyses.identify.identify import identify
    from esim.assumptions import Costs
    from esim.errors import EsimError
    from esim.readers import read_studies, read_study
    from esim.results.comparison.comparison import Comparison
    from esim.rules import Rule, rule
    from esim.simulator.replay import replay, replay_orders
    from esim.storage.history import History
    from esim.study import Status, Study

# Imported when first used: `esim --help` must not wait for numba, pandas or pyarrow.
_HOMES = {
    "Comparison": "esim.results.comparison.comparison",
    "Costs": "esim.assumptions",
    "EsimError": "esim.errors",
    "History": "esim.storage.history",
    "Rule": "esim.rules",
    "Status": "esim.study",
    "Study": "esim.study",
    "certify": "esim.analyses.certify.certify",
    "check": "esim.analyses.check",
    "closed_loop": "esim.analyses.closed_loop.closed_loop",
    "compare": "esim.analyses.compare.compare",
    "estimate": "esim.analyses.estimate.forecast",
    "explain": "esim.analyses.explain.explain",
    "identify": "esim.analyses.identify.identify",
    "read_studies": "esim.readers",
    "read_study": "esim.readers",
    "replay": "esim.simulator.replay",
    "replay_orders": "esim.simulator.replay",
    "rule": "esim.rules",
    "watch": "esim.analyses.certify.watch",
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
    "certify",
    "check",
    "closed_loop",
    "compare",
    "estimate",
    "explain",
    "identify",
    "read_studies",
    "read_study",
    "replay",
    "replay_orders",
    "rule",
    "watch",
]


def __dir__() -> list[str]:
    """The public names, those too that were not used yet, for editors and notebooks."""
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})


def __getattr__(name: str) -> Any:
    if name == "report":  # the package, which says how a result is reported
        return importlib.import_module("esim.report")
    if name not in _HOMES:
        raise AttributeError(f"module 'esim' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
