"""Tries a regex on a text in a process of its own, where its time can be limited."""

from __future__ import annotations

import pickle
import sys

from esim.errors import EsimError
from esim.readers.options import Metric
from esim.readers.text.scan import scan


def run() -> None:
    """Scan the text on standard input; write the error that this raises, if any, to the output."""
    name, pattern, text = pickle.load(sys.stdin.buffer)
    try:
        scan(text, Metric.compile(name, pattern, ""))
    except EsimError as error:
        parts = {key: getattr(error, key) for key in ("what", "where", "why", "fix")}
        sys.stdout.buffer.write(pickle.dumps(parts))
