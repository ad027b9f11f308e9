"""What lies beside logs and is known by its name: descriptions, licences, sources, settings, pages.

Such a file may hold a log all the same: someone saved one under that name. So these names alone
never rule a file out; they say that it does not count where other files are logs.
"""

from __future__ import annotations

import re

_NAMES = re.compile(
    r"(?:read[-_]?me|licen[cs]e|copying|notice|authors|contribut(?:ors|ing)|changelog|citation"
    r"|code[-_]of[-_]conduct|requirements|constraints|dockerfile|makefile|pipfile|manifest)"
    r"(?:[-_][\w-]*)?(?:\.(?:md|markdown|txt|in))?"
)
_SUFFIXES = (
    *(".html", ".htm", ".rst", ".tex", ".xml", ".svg", ".css"),
    *(".py", ".pyi", ".sh", ".js", ".ts", ".r", ".jl", ".java", ".c", ".cpp", ".cu", ".h", ".go"),
    *(".yaml", ".yml", ".toml", ".cfg", ".ini", ".lock", ".cff"),
)


def is_aside(base: str) -> bool:
    """Whether a file lies beside logs, by its name.

    Args:
        base: its name (`File.base`).
    """
    name = base.lower()
    return name.endswith(_SUFFIXES) or _NAMES.fullmatch(name) is not None
