"""The only way in which a record may call code of a higher layer: a lazy import of listed names.

A study has a method that writes it to Parquet, and records show themselves in notebooks. The
packages that do this work, storage and report, import the records, so the records cannot import
them. The import runs when such a method is called.
"""

from __future__ import annotations

import importlib
from typing import Any

_ABOVE = {
    "write_study": "esim.storage.parquet",
    "read_study_folder": "esim.storage.parquet",
    "study_html": "esim.report.notebook",
    "replay_html": "esim.report.notebook",
    "comparison_html": "esim.report.notebook",
    "estimate_html": "esim.report.notebook",
    "certificate_html": "esim.report.notebook",
    "save_result": "esim.report.in_python",
    "report_result": "esim.report.in_python",
    "plots_of": "esim.report.in_python",
    "draw_plot": "esim.report.in_python",
}


def above(name: str) -> Any:
    """The function of that name in the higher layer.

    Args:
        name: one of the names listed in this module.
    """
    return getattr(importlib.import_module(_ABOVE[name]), name)
