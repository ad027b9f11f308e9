"""The kernels that come with esim are those that numba makes of the sources.

`python -m tests.simulator.test_shipped` makes them anew, which each change in a kernel needs.
"""

from __future__ import annotations

import gc
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from esim.simulator.kernels import shipped
from esim.simulator.kernels.machine_code import KERNEL, MachineCode, assembled, of_module
from tests.paths import ROOT

# Loops are laid out for a processor with wide registers; LLVM makes machine code for the one at
# hand, whatever it has. Laid out for any processor, ranking took twice the time.
ANY = {"NUMBA_CPU_NAME": "x86-64-v4", "NUMBA_CPU_FEATURES": "", "NUMBA_DISABLE_JIT": "0"}


def made_of() -> dict[str, Any]:
    """The sources, and what makes the kernels of them."""
    import numba
    from llvmlite import binding

    return {
        "python": str(sys.implementation.cache_tag),
        "numba": numba.__version__,
        "llvm": list(binding.llvm_version_info),
        "sources": shipped.sources(),
    }


def without_names(module: Any, name: str) -> bytes:
    """The bitcode of a module, with no name but that of the function of this name, now KERNEL.

    numba's names hold counters, and are longer than the code.
    """
    from llvmlite import binding

    names = {name: KERNEL}
    text = re.sub(
        r"_ZN[\w.$]+", lambda found: names.setdefault(found[0], f"n{len(names)}"), str(module)
    )
    made = binding.parse_assembly(text)
    made.name = KERNEL
    for variable in made.global_variables:
        variable.linkage = "internal"
    machine = binding.Target.from_triple(made.triple).create_target_machine()
    options = binding.create_pipeline_tuning_options(speed_level=0)
    passes = binding.create_new_module_pass_manager()
    passes.add_global_dead_code_eliminate_pass()
    passes.add_strip_symbols_pass()
    passes.run(made, binding.create_pass_builder(machine, options))
    made.verify()
    bitcode: bytes = made.as_bitcode()
    return bitcode


def fill(folder: Path) -> None:
    """Make all kernels, in a process that has made none."""
    from esim.simulator.kernels import jit
    from esim.simulator.warm_up import warm_up

    def made(kernel: jit.Kernel, arguments: tuple[Any, ...], types: Any) -> MachineCode:
        module, name, code = jit.lowered(kernel, arguments)
        file = folder / shipped.file_of(kernel.function, types)
        file.write_bytes(without_names(module, name))
        return of_module(module, name, code, [one for one, _ in types])

    jit._made = made
    gc.disable()  # what numba makes stays to the end of the process
    warm_up()
    (folder / shipped.MADE).write_text(json.dumps(made_of(), indent=2) + "\n")


def make(folder: Path, cache: Path) -> None:
    """Make all kernels, in a process of its own."""
    code = "import pathlib, sys\nfrom tests.simulator.test_shipped import fill\n"
    subprocess.run(
        [sys.executable, "-c", f"{code}fill(pathlib.Path(sys.argv[1]))", str(folder)],
        check=True, cwd=ROOT, env={**os.environ, **ANY, "NUMBA_CACHE_DIR": str(cache)},
    )  # fmt: skip


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_they_are_of_the_sources() -> None:
    made = json.loads((shipped.FOLDER / shipped.MADE).read_bytes())
    assert made["sources"] == shipped.sources(), "python -m tests.simulator.test_shipped"


@pytest.mark.slow
def test_made_anew_they_are_the_same(tmp_path: Path) -> None:
    if json.loads((shipped.FOLDER / shipped.MADE).read_bytes()) != made_of():
        pytest.skip("they were made with other versions")
    (tmp_path / "made").mkdir()
    make(tmp_path / "made", tmp_path / "cache")
    assert files(tmp_path / "made") == files(shipped.FOLDER)


def test_of_other_sources_or_a_later_llvm_there_are_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "bitcode"
    shutil.copytree(shipped.FOLDER, folder)
    monkeypatch.setattr(shipped, "FOLDER", folder)
    (name,) = (one for one in files(folder) if one.startswith("ranks.fill-"))
    monkeypatch.setattr(shipped, "file_of", lambda function, types: name)
    its = made_of()
    cases = [its, its | {"sources": "others"}, its | {"llvm": [its["llvm"][0] + 1, 0, 0]}, {}, None]
    found = []
    for case in cases:
        (folder / shipped.MADE).write_text("" if case is None else json.dumps(case))
        shipped._fit.cache_clear()
        found.append(shipped.bitcode(len, ()) is not None)
    shipped._fit.cache_clear()
    assert found == [True, False, False, False, False]


def test_what_is_for_another_processor_is_left_to_numba() -> None:
    from llvmlite import binding

    text = f"define i32 @{KERNEL}(ptr %a, ptr %b) {{\n ret i32 0\n}}"
    layout = "E-m:e-i64:64-n32:64"  # the most significant byte comes first
    assert assembled(binding.parse_assembly(text).as_bitcode(), []) is None
    other = binding.parse_assembly(f'target datalayout = "{layout}"\n{text}')
    assert assembled(other.as_bitcode(), []) is None
    assert assembled(other.as_bitcode()[:40] + b"from another time", []) is None


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as there:
        made, cache = Path(there, "made"), Path(there, "cache")
        made.mkdir()
        make(made, cache)
        shipped.FOLDER.mkdir(exist_ok=True)
        for name in files(shipped.FOLDER).keys() - files(made).keys():
            (shipped.FOLDER / name).unlink()
        for name, held in files(made).items():
            (shipped.FOLDER / name).write_bytes(held)
