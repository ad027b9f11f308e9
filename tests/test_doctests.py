"""The examples in the docstrings of all modules, and which public names must have one."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

import esim
from esim.results import certificate, forecast, plots, replay

PACKAGE = Path(esim.__file__).parent
MODULES = {
    ".".join(("esim", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(
        ".__init__"
    ): path
    for path in sorted(PACKAGE.rglob("*.py"))
}
PUBLIC = [name for name in esim.__all__ if callable(getattr(esim, name))]


@pytest.mark.parametrize("module", MODULES)
def test_examples_of_a_module(module: str) -> None:
    if module.startswith("esim.analyses.closed_loop."):
        pytest.importorskip("sklearn")
    if ">>> " in MODULES[module].read_text(encoding="utf-8"):
        failed, _ = doctest.testmod(importlib.import_module(module))
        assert failed == 0


# What people call on what they hold; names alone of those whose example is that of their class.
METHODS = [
    *(f"Study.{name}" for name in ("from_arrays", "to_parquet", "from_parquet", "validate")),
    *(f"Study.{name}" for name in ("trial_index", "with_first_step")),
    *(f"ReplayResult.{name}" for name in ("save", "report", "to_json", "ranges", "trials")),
    *("Summary.to_frame", "Comparison.rule", "Comparison.to_json", "Estimate.quantity"),
    *("Certificate.candidate", "Rule.with_columns", "Plots.draw"),
]


@pytest.mark.parametrize("name", METHODS)
def test_a_public_method_has_an_example(name: str) -> None:
    owner, method = name.split(".")
    holder = next(
        found
        for module in (esim, replay, forecast, certificate, plots)
        if (found := getattr(module, owner, None)) is not None
    )
    assert ">>> " in (getattr(holder, method).__doc__ or ""), f"{name} has no example"


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_name_has_an_example(name: str) -> None:
    found = doctest.DocTestFinder().find(getattr(esim, name), name)
    assert any(test.examples for test in found), f"esim.{name} has no example"
