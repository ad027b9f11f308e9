"""Which room may import which, no circle between files, and what light commands leave alone."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import esim

PACKAGE = Path(esim.__file__).parent

# Room -> the rooms it may import, besides itself, `errors` and `version`. Downwards only.
ALL = {
    "study",
    "rules",
    "assumptions",
    "storage",
    "results",
    "simulator",
    "readers",
    "fetch",
    "probe",
}
ARROWS: dict[str, set[str]] = {
    "study": set(),
    "rules": set(),
    "assumptions": set(),
    "storage": {"study"},
    "readers": {"study", "storage"},
    "fetch": {"study", "storage"},
    "probe": {"storage"},
    "results": {"study", "rules", "assumptions", "storage"},
    "simulator": {"study", "rules", "assumptions", "results"},
    "analyses": {"study", "rules", "assumptions", "storage", "results", "simulator"},
    "report": {"study", "rules", "assumptions", "storage", "results"},
    "cli": ALL | {"analyses", "report", ""},
}
# Inside the simulator, from the top down: a part imports only those behind it.
SIMULATOR = (
    "warm_up",
    "replay",
    "distinct",
    "caveats",
    "caveat_texts",
    "tied_starts",
    "accounting",
    "job_end",
    "job_end_moment",
    "trial_outcomes",
    "best",
    "forced",
    "decisions",
    "run",
    "jobs",
    "plan",
    "kernels",
)
FILES_AT_THE_TOP = {"__init__", "__main__", "errors", "version", "assumptions"}
MODULES = {
    ".".join(("esim", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(
        ".__init__"
    ): path
    for path in sorted(PACKAGE.rglob("*.py"))
}
AWS = ("boto3", "botocore")


@cache
def imported(module: str) -> set[str]:
    """The modules of esim that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: relative import"
            parts = {f"{node.module}.{alias.name}" for alias in node.names}
            submodules = parts & MODULES.keys()
            found |= submodules
            if len(submodules) < len(parts):
                found.add(node.module or "")
    return found & MODULES.keys()


def room_of(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


@pytest.mark.parametrize("module", [m for m in MODULES if room_of(m) in ARROWS])
def test_a_room_imports_only_what_its_arrows_allow(module: str) -> None:
    room = room_of(module)
    for target in imported(module):
        reached = room_of(target)
        assert reached in ARROWS[room] | {room, "errors", "version"}, f"{module} imports {target}"


def test_at_the_top_stand_rooms_and_five_files() -> None:
    top = {p.stem for p in PACKAGE.iterdir() if p.suffix == ".py" or (p / "__init__.py").exists()}
    assert top == ARROWS.keys() | FILES_AT_THE_TOP


def test_inside_the_simulator_arrows_run_down() -> None:
    for module in MODULES:
        parts = module.split(".")
        if parts[1:2] != ["simulator"] or len(parts) < 3:
            continue
        assert parts[2] in SIMULATOR, module
        below = SIMULATOR[SIMULATOR.index(parts[2]) :]
        for target in imported(module):
            if room_of(target) == "simulator" and target != "esim.simulator":
                assert target.split(".")[2] in below, f"{module} imports {target}"


def test_no_files_import_each_other_in_a_circle() -> None:
    # A package's face only hands names on: whoever imports it is tied to the files behind it.
    sorter = TopologicalSorter(
        {
            module: {target for target in imported(module) if not module.startswith(f"{target}.")}
            for module in MODULES
        }
    )
    sorter.prepare()  # raises CycleError, which names the circle


def test_kernels_import_only_numpy_numba_and_its_llvm() -> None:
    allowed = {"numpy", "numba", "llvmlite", "__future__"} | set(sys.stdlib_module_names)
    for path in (PACKAGE / "simulator" / "kernels").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            for name in names:
                kernel = name.startswith("esim.simulator.kernels")
                assert kernel or name.split(".")[0] in allowed, f"{path.name} imports {name}"


def test_only_fetch_talks_to_aws() -> None:
    for module, path in MODULES.items():
        text = path.read_text(encoding="utf-8")
        asks = any(f"import {name}" in text or f"from {name}" in text for name in AWS)
        assert room_of(module) == "fetch" or not asks, module


@pytest.mark.parametrize(
    "command",
    [
        ["--help"],
        ["replay", "--help"],
        ["fetch", "sagemaker", "--help"],
        ["probe", "sagemaker", "--help"],
        ["closed-loop", "--help"],
        ["rules"],
        ["formats"],
    ],
)
def test_light_commands_leave_heavy_libraries_alone(command: list[str]) -> None:
    code = (
        "import sys\nfrom esim.cli import main\n"
        "try:\n    main()\nexcept SystemExit as e:\n    assert not e.code, e.code\n"
        "heavy = {'numba', 'pandas', 'pyarrow', 'matplotlib', 'boto3', 'botocore'}\n"
        "heavy |= {'sklearn', 'scipy', 'optuna'}\n"
        "heavy &= set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    run = subprocess.run([sys.executable, "-c", code, *command], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


def test_the_drawing_of_the_architecture_shows_the_arrows_of_the_code() -> None:
    text = (PACKAGE.parent / "docs" / "architecture.md").read_text(encoding="utf-8")
    drawn: dict[str, set[str]] = {room: set() for room in ARROWS}
    for source, target in re.findall(r"^    (\w+) --> (\w+)$", text, flags=re.MULTILINE):
        drawn[source].add(target)
    built: dict[str, set[str]] = {room: set() for room in ARROWS}
    for module in MODULES:
        if room_of(module) in built:
            reached = {room_of(target) for target in imported(module)}
            built[room_of(module)] |= reached & built.keys()
    for room, targets in built.items():
        targets.discard(room)
        assert drawn[room] <= targets, f"{room} does not import {drawn[room] - targets}"
        assert targets <= reached_from(room, drawn), f"{room}: arrows that are not drawn"


def reached_from(room: str, arrows: dict[str, set[str]]) -> set[str]:
    """All rooms to which a path of arrows runs."""
    return arrows[room].union(*(reached_from(target, arrows) for target in arrows[room]))
