"""CONTRIBUTING's rule and format, each one file, used as somebody new would."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path

import pytest

import esim
from esim.readers.own_formats import own_formats
from esim.rules import read_preset
from tests.paths import ROOT

TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", TEXT, flags=re.DOTALL)
    return str(found)


def test_the_rule_is_one_file(tmp_path: Path) -> None:
    (tmp_path / "mine-median.toml").write_text(block("toml"))
    preset = read_preset(tmp_path / "mine-median.toml")
    assert preset.rule is not None
    assert (preset.name, preset.rule.warmup_steps) == ("mine-median", 5)


def test_the_format_is_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "scores.py").write_text(block("python"))
    folder = importlib.import_module("esim.readers.benchmarks")
    monkeypatch.setattr(folder, "__path__", [*folder.__path__, str(tmp_path)])
    logs = tmp_path / "logs"
    logs.mkdir()
    for name, scores in (("a", "3 2 1"), ("b", "4 3")):
        (logs / f"{name}.scores").write_text("\n".join(scores.split()))
    own_formats.cache_clear()
    try:
        study = esim.read_study(logs, direction="minimize")
    finally:
        own_formats.cache_clear()
        sys.modules.pop("esim.readers.benchmarks.scores", None)
    assert study.trials == ("a", "b")
    assert study.values.tolist() == [3.0, 2.0, 1.0, 4.0, 3.0]
    assert study.steps.tolist() == [1, 2, 3, 1, 2]
