"""Which room may import which: the arrows of the design, read from the imports."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import esim

PACKAGE = Path(esim.__file__).parent

# Room -> the rooms it may import besides itself and `errors`.
RECORD = {"study"}
RESULTS = RECORD | {"results", "rules", "costs", "clocks"}
ARROWS: dict[str, set[str]] = {
    "errors": set(),
    "study": {"storage"},
    "storage": {"study", "folders", "arrow"},
    "arrow": {"study"},
    "folders": set(),
    "costs": set(),
    "rules": set(),
    "kernels": set(),
    "clocks": {"study", "costs"},
    "results": RESULTS,
    "caveats": RESULTS | {"stack"},
    "readers": {"study", "storage", "arrow", "history"},
    "history": {"study", "storage", "arrow", "folders"},
    "convert": {"study", "readers", "history"},
    "engines": set(),
    "facts": {"study", "clocks"},
    "stack": {"study"},
    "by_study": {"study", "engines", "history"},
    "tables": RESULTS | {"arrow"},
    "many": RESULTS | {"by_study", "engines", "folders", "history", "replay", "stack", "tables"},
    "warm_up": {"kernels", "prepare", "replay", "rules", "study"},
    "prepare": {"study", "stack", "rules", "kernels"},
    "run": {"study", "stack", "rules", "clocks", "costs", "prepare", "kernels"},
    "quality": {"study"},
    "outcomes": RESULTS | {"prepare", "stack", "quality", "run"},
    "replay": RESULTS | {"prepare", "stack", "run", "outcomes", "caveats"},
    "comparison": RESULTS,
    "compare": RESULTS
    | {"comparison", "prepare", "replay", "run", "outcomes", "quality", "caveats", "by_study"}
    | {"facts", "history"},
    "check": RESULTS | {"replay"},
    "estimate": RESULTS
    | {"prepare", "outcomes", "quality", "replay", "run", "caveats", "by_study", "facts"}
    | {"history"},
    "fetch": {"folders"},
    "explain": RESULTS | {"prepare", "run", "kernels"},
    "plots": RESULTS | {"comparison", "explain", "report", "folders"},
    "report": RESULTS
    | {"comparison", "check", "estimate", "explain", "plots", "folders", "many"}
    | {"tables"},
    "cli": RESULTS
    | {"readers", "replay", "check", "compare", "explain", "report", "plots", "folders", "fetch"}
    | {"estimate", "history", "convert", "engines", "by_study", "facts", "many", "warm_up"},
    # esim/__init__.py
    "": {"study", "check", "compare", "comparison", "costs", "estimate", "rules", "readers"}
    | {"replay", "history"},
}
# Names for annotations only, read from `if TYPE_CHECKING`.
TYPES_ONLY = {
    ("outcomes", "run"),
    ("report", "estimate"),
    ("report", "explain"),
    ("report", "check"),
    ("report", "many"),
    ("cli", "history"),
    ("cli", "comparison"),
    ("plots", "explain"),
}
# Upwards only where a notebook asks a record to show itself.
HOOKS = {(room, "report") for room in ("study", "results", "comparison", "estimate")}


def room_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return "" if parts == ("__init__",) else parts[0]


def imported(path: Path) -> set[tuple[str, bool]]:
    """Rooms a file imports, and whether only for type checking; a notebook's hook aside."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    hooks: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name == "_repr_html_":
            hooks |= set(ast.walk(node))
    typing_only: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            typing_only |= {child for part in node.body for child in ast.walk(part)}
    found = set()
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            if node.module == "esim":
                names = [f"esim.{alias.name}" for alias in node.names]
            else:
                names = [node.module or ""]
        for name in names:
            parts = name.split(".")
            if parts[0] == "esim" and len(parts) > 1 and parts[1] != "__version__":
                if node in hooks and (room_of(path), parts[1]) in HOOKS:
                    continue
                found.add((parts[1], node in typing_only))
    return found


AWS = ("boto3", "botocore")
FILES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_room_imports_only_what_its_arrows_allow(path: Path) -> None:
    room = room_of(path)
    assert room in ARROWS, f"{room}: a room without arrows"
    for target, typing_only in imported(path):
        if target in (room, "errors") or ((room, target) in TYPES_ONLY and typing_only):
            continue
        if (room, target) in TYPES_ONLY:
            pytest.fail(f"{path.name} imports esim.{target} for more than types")
        assert target in ARROWS[room], f"{room} may not import {target}"


def test_kernels_import_only_numpy_and_numba() -> None:
    allowed = {"numpy", "numba", "esim", "__future__"}
    standard = set(sys.stdlib_module_names)
    for path in (PACKAGE / "kernels").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            for name in names:
                assert name.split(".")[0] in allowed | standard, f"{path.name} imports {name}"


def test_only_fetch_talks_to_aws() -> None:
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        asks = any(f"import {name}" in text or f"from {name}" in text for name in AWS)
        assert room_of(path) == "fetch" or not asks, path.name


@pytest.mark.parametrize(
    "command",
    [["--help"], ["replay", "--help"], ["fetch", "sagemaker", "--help"], ["rules"], ["formats"]],
)
def test_light_commands_leave_heavy_libraries_alone(command: list[str]) -> None:
    code = (
        "import sys\nfrom esim.cli import main\n"
        "try:\n    main()\nexcept SystemExit as e:\n    assert not e.code, e.code\n"
        "heavy = {'numba', 'pandas', 'pyarrow', 'matplotlib', 'boto3', 'botocore'}\n"
        "heavy &= set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    run = subprocess.run([sys.executable, "-c", code, *command], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
