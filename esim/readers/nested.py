"""Nested mappings, such as hyperparameters, as flat ones and as columns."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any


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
    """
    found: dict[str, Any] = {}
    for key, value in nested.items():
        if isinstance(value, Mapping) and value:
            found.update(flat(value, f"{prefix}{key}{separator}", separator))
        else:
            found[f"{prefix}{key}"] = value
    return found


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return json.dumps(value, default=str)
