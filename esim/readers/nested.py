"""Nested mappings, such as hyperparameters, as flat ones and as columns."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from esim.readers.limits import DEPTH, too_deep


def config_columns(configs: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """The values of each hyperparameter in all runs.

    Args:
        configs: the hyperparameters of each of N runs.

    Returns:
        Hyperparameter -> its value in each run, None where a run has none; lists and mappings
        become JSON text. [N] each
    """
    keys = dict.fromkeys(key for config in configs for key in config)
    return {key: [_plain(config.get(key)) for config in configs] for key in keys}


def flat(nested: Mapping[str, Any], prefix: str = "", separator: str = "/") -> dict[str, Any]:
    """Nested mappings as a single one with joined keys; lists stay as they are.

    Args:
        nested: the mapping.
        prefix: what stands before every key.
        separator: what stands between the keys that are joined.

    Raises:
        EsimError: they are nested too deeply.
    """
    found: dict[str, Any] = {}
    _add(found, nested, prefix, separator, DEPTH)
    return found


def _add(
    found: dict[str, Any], nested: Mapping[str, Any], prefix: str, separator: str, deeper: int
) -> None:
    if not deeper:
        raise too_deep(prefix[:60])
    for key, value in nested.items():
        if isinstance(value, Mapping) and value:
            _add(found, value, f"{prefix}{key}{separator}", separator, deeper - 1)
        else:
            found[f"{prefix}{key}"] = value


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return json.dumps(value, default=str)
