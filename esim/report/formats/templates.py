"""The jinja2 templates of this folder, and how they are filled."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment


def environment(*, autoescape: bool, finalize: Callable[[Any], Any] | None = None) -> Environment:
    """What loads templates; a name that a template uses and is not given raises an error.

    Args:
        autoescape: whether every expression is escaped for HTML.
        finalize: applied to the value of every expression before it is escaped.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("esim.report.formats"),
        autoescape=autoescape,
        finalize=finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
