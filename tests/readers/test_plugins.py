"""Readers of other packages: found by their entry point, and harmless where they are broken."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from esim.cli import app
from esim.errors import EsimError
from esim.readers import plugins
from esim.readers.inputs import read_inputs

GOOD = """
import numpy as np
from esim.readers import Format
from esim.readers.formats import Detection
from esim.readers.runs import Curve, Experiment, Run, studies
FORMAT = Format(name="{name}", summary="one value a file")
def detect(source):
    files = [file for file in source.files if file.base.endswith(".one")]
    return Detection(bool(files), f"{{len(files)}} files", claims=frozenset(files))
def read(source, options):
    runs = [
        Run(f.base, ["v"], lambda _, f=f: Curve(np.ones(1, np.int64), np.array([float(f.text())])))
        for f in source.files
    ]
    return studies([Experiment(source.default_name, runs, source.label)], options, source)
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "site"
    folder.mkdir()
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(folder))
    plugins.installed.cache_clear()
    yield folder
    plugins.installed.cache_clear()
    for name in set(sys.modules) - before:
        if name.startswith("plug_"):
            del sys.modules[name]


def install(site: Path, name: str, code: str, target: str = "FORMAT") -> None:
    info = site / f"pkg_{name}-1.dist-info"
    info.mkdir()
    (site / f"plug_{name}.py").write_text(code)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: pkg-{name}\nVersion: 1\n")
    (info / "entry_points.txt").write_text(f"[esim.readers]\n{name} = plug_{name}:{target}\n")


def logs(tmp_path: Path) -> Path:
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "a.one").write_text("3")
    return folder


def table(tmp_path: Path) -> Path:
    path = tmp_path / "x.csv"
    path.write_text("trial,step,loss\na,1,5\n")
    return path


def test_a_plugin_reads(site: Path, tmp_path: Path) -> None:
    install(site, "good", GOOD.format(name="good"))
    reading = read_inputs(logs(tmp_path), direction="minimize")
    assert reading.studies[0].values.tolist() == [3]
    (one,) = reading.inputs
    assert (one.format, [note.code for note in one.notes]) == ("good", [])


@pytest.mark.parametrize(
    ("code", "target", "why"),
    [
        ("import no_such_module", "FORMAT", "ModuleNotFoundError: No module named"),
        ("raise SystemExit(3)", "FORMAT", "SystemExit: 3"),
        ("FORMAT = (", "FORMAT", "SyntaxError"),
        ("x = 1", "FORMAT", "AttributeError"),
        ("FORMAT = 'format'", "FORMAT", "TypeError: plug_bad:FORMAT is a str"),
        (GOOD.format(name="table"), "FORMAT", "ValueError: the name table is taken"),
    ],
)
def test_one_that_cannot_be_loaded_is_told_and_stops_nothing(
    site: Path, tmp_path: Path, code: str, target: str, why: str
) -> None:
    install(site, "bad", code, target)
    install(site, "good", GOOD.format(name="good"))
    (one,) = read_inputs(table(tmp_path), direction="minimize").inputs
    assert one.format == "table"
    (note,) = one.notes
    assert note.code == "plugin_broken"
    assert note.text.startswith(f"the reader bad of the package pkg-bad is broken: {why}")
    assert read_inputs(logs(tmp_path), direction="minimize").inputs[0].format == "good"
    for command in (["--help"], ["formats"], ["replay", "--help"]):
        ran = CliRunner().invoke(app, command)
        assert ran.exit_code == 0, command
        assert ("is broken" in ran.output) == (command == ["formats"])
    with pytest.raises(EsimError, match="the reader bad of the package pkg-bad is broken"):
        read_inputs(table(tmp_path), direction="minimize", format="bad")


@pytest.mark.parametrize("fault", ["1 / 0", "raise SystemExit", "return None"])
def test_one_that_fails_to_detect_is_told_and_stops_nothing(
    site: Path, tmp_path: Path, fault: str
) -> None:
    code = f"{GOOD.format(name='bad')}\ndef detect(source):\n    {fault}\n"
    install(site, "bad", code)
    (one,) = read_inputs(table(tmp_path), direction="minimize").inputs
    assert [note.code for note in one.notes] == ["plugin_broken"]


@pytest.mark.parametrize("fault", ["1 / 0", "raise SystemExit", "return None"])
def test_one_that_fails_to_read_is_named(site: Path, tmp_path: Path, fault: str) -> None:
    install(site, "bad", f"{GOOD.format(name='bad')}\ndef read(source, options):\n    {fault}\n")
    with pytest.raises(EsimError, match="the reader 'bad' of the package pkg-bad failed"):
        read_inputs(logs(tmp_path), direction="minimize")


def test_a_plugin_that_does_not_match_claims_nothing(site: Path, tmp_path: Path) -> None:
    code = GOOD.format(name="greedy") + (
        "\ndef detect(source):\n    return Detection(False, '', claims=frozenset(source.files))\n"
    )
    install(site, "greedy", code)
    assert read_inputs(table(tmp_path), direction="minimize").inputs[0].format == "table"
