"""The one door upwards: what a record offers as a method although a room above it does the work.

A study can be written to Parquet, and records show themselves in a notebook; storage and report,
which do so, import the records. The import runs when the method is called, and only for what is
listed here.
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
}


def above(name: str) -> Any:
    """The function of that name in the room above that has it."""
    return getattr(importlib.import_module(_ABOVE[name]), name)
