"""The notebook of docs/, run by a kernel of its own; its outputs are compared, or written anew.

`python -m tests.notebook` prints the executed notebook, as the test reads it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.paths import ROOT

NOTEBOOK = ROOT / "docs" / "notebook.ipynb"
# Of a picture only that there is one: its bytes differ between versions and machines.
_PICTURE = re.compile(r"image/")


def executed() -> str:
    """The notebook with the outputs that its cells have now, as JSON; in a process of its own."""
    held = {key: value for key, value in os.environ.items() if key != "MPLBACKEND"}
    ran = subprocess.run(
        [sys.executable, "-m", "tests.notebook"], cwd=ROOT, capture_output=True, text=True,
        env={**held, "PYTHONPATH": str(ROOT), "NUMBA_DISABLE_JIT": "0"},
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def outputs(text: str) -> list[list[Any]]:
    """What each cell of a notebook shows: its text, and for each picture its kind."""
    import nbformat

    found = []
    for cell in nbformat.reads(text, as_version=4).cells:
        shown: list[Any] = []
        for output in cell.get("outputs", ()):
            if output.output_type == "stream":
                shown.append((output.name, output.text))
            else:
                pictures = any(map(_PICTURE.match, output.data))
                # Beside a picture its text only names it.
                shown.append(sorted(output.data) if pictures else dict(output.data))
        found.append(shown)
    return found


def _execute(path: Path) -> str:
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    # A kernel sends what a cell prints whenever its timer rings, so in one piece or in several:
    # joined, that does not depend on how fast the machine is.
    client = NotebookClient(
        notebook, timeout=300, kernel_name="python3", coalesce_streams=True,
        resources={"metadata": {"path": path.parent}},
    )  # fmt: skip
    client.execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # times
    notebook.metadata.pop("language_info", None)  # the version of Python
    return str(nbformat.writes(notebook)) + "\n"


if __name__ == "__main__":
    sys.stdout.write(_execute(NOTEBOOK))
