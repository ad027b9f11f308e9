"""The first run makes code; what it makes is kept, and no trouble with that changes a result."""

from __future__ import annotations

import os
import re
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.blocks import marked
from tests.paths import ROOT

# The literal rule takes the running averages of ended trials, lower is better.
#   a  3, 2, 1        no peers, never stopped; averages 3, 2.5, 2
#   b  4, 5, 6        4 > 3 at its first step, stopped; average 4
#   c  3.2, 2.6, 1.4  3.2 <= (3 + 4) / 2; then 2.6 > 2.5, a's, as b never came so far: stopped
KEPT = [[3, 1, 2]]
STUDY = """
import shutil, sys, esim
curves = [[3, 2, 1], [4, 5, 6], [3.2, 2.6, 1.4]]
study = esim.Study.from_arrays(curves, "minimize", elapsed=[1.0, 2.0, 3.0])
"""
REPLAY = STUDY + 'print(esim.replay_orders(study, "sagemaker", [[0, 1, 2]]).tolist())'
REPLAY_MANY = """
import numpy, esim
curves = numpy.random.default_rng(0).standard_normal((2000, 3))
study = esim.Study.from_arrays(curves, "maximize", elapsed=[1.0, 2.0, 3.0])
esim.replay_orders(study, "sagemaker", [numpy.arange(2000)], workers=4)
esim.replay_orders(study, "sagemaker", [numpy.arange(2000)] * 9, workers=4)
"""
COMMAND = "import sys\nfrom esim.cli import main\nmain()"
# Ends with the number of kernels whose code was made, and whether numba was imported.
COUNTED = """
import sys
from esim.simulator.kernels import jit
code, made, make_one = 0, [], jit._made
jit._made = lambda *its: (made.append(its), make_one(*its))[1]
try:
    exec(sys.argv.pop(1))
except SystemExit as end:
    code = end.code
print("made", len(made), "numba" in sys.modules, file=sys.stderr)
sys.exit(code)
"""


@dataclass(frozen=True)
class Ran:
    """What a process left: its exit code, what it printed, for how many kernels it made code, and
    whether it imported numba."""

    code: int
    out: str
    errors: str
    made: int
    numba: bool


class Started:
    """A process that runs some code with esim compiled, whatever the tests are."""

    def __init__(
        self,
        code: str,
        *words: str,
        limit: Callable[[], None] | None = None,
        **environment: str,
    ) -> None:
        own = {name: held for name, held in os.environ.items() if name != "NUMBA_CACHE_DIR"}
        own |= {"PYTHONPATH": str(ROOT), "NUMBA_DISABLE_JIT": "0"}
        self._process = subprocess.Popen(
            [sys.executable, "-c", COUNTED, code, *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**own, **environment},
            preexec_fn=limit,
        )

    def wait(self) -> Ran:
        out, errors = self._process.communicate(timeout=300)
        last = errors.split()
        made = int(last[-2]) if last[-3:-2] == ["made"] else -1
        return Ran(self._process.returncode, out, errors, made, last[-1:] == ["True"])


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that three processes filled, which started at once on an empty one."""
    cache = tmp_path_factory.mktemp("warm") / "cache"
    started = [Started(REPLAY, XDG_CACHE_HOME=str(cache)) for _ in range(3)]
    for one in started:
        ran = one.wait()
        assert (ran.code, ran.out) == (0, f"{KEPT}\n"), ran.errors
    return cache


def functions(cache: Path) -> list[Path]:
    """The files of a cache, which holds nothing but one folder of kernels."""
    (folder,) = (cache / "esim").iterdir()
    return sorted(folder.iterdir())


def test_processes_that_start_at_once_leave_what_serves_the_next(warm: Path) -> None:
    ran = Started(REPLAY, XDG_CACHE_HOME=str(warm)).wait()
    assert (ran.code, ran.out, ran.made) == (0, f"{KEPT}\n", 0), ran.errors
    assert not ran.numba
    names = [path.name for path in functions(warm)]
    assert len(names) >= 4
    # No part of a file is left, which would bear a longer name.
    kept = r"esim\.simulator\.kernels\.\w+\.\w+-[0-9a-f]{16}"
    assert all(re.fullmatch(kept, name) for name in names)


def test_with_a_setting_of_numbas_it_compiles_itself(warm: Path, tmp_path: Path) -> None:
    cache = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "NUMBA_OPT": "1"}
    for made in (len(functions(warm)), 0):
        ran = Started(REPLAY, **cache).wait()
        assert (ran.code, ran.out, ran.made) == (0, f"{KEPT}\n", made), ran.errors
        assert ran.numba == (made > 0)


def full() -> None:
    """No file may grow beyond 512 bytes: what a full disk is to a program."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (512, 512))


def test_where_nothing_can_be_kept_all_code_is_made_anew(warm: Path, tmp_path: Path) -> None:
    started = {
        # Nobody can make a file there, whatever the rights: root neither.
        "read-only": Started(REPLAY, XDG_CACHE_HOME="/proc"),
        "full": Started(REPLAY, XDG_CACHE_HOME=str(tmp_path / "full"), limit=full),
        "no home": Started(REPLAY, XDG_CACHE_HOME="", HOME="nowhere"),
    }
    for case, one in started.items():
        ran = one.wait()
        assert (case, ran.code, ran.out) == (case, 0, f"{KEPT}\n"), ran.errors
        assert (case, ran.made, ran.errors) == (case, len(functions(warm)), ran.errors)
    assert functions(tmp_path / "full") == []
    assert not Path("nowhere").exists()


def test_what_a_killed_process_left_is_made_again(warm: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    shutil.copytree(warm, cache)
    names = [path.name for path in functions(cache)]
    for i, path in enumerate(functions(cache)):
        held = path.read_bytes()
        wrong = bytes(byte ^ 0xFF for byte in held[-100:])
        path.write_bytes([held[: len(held) // 2], b"", held[:-100] + wrong][i % 3])
    ran = Started(REPLAY, XDG_CACHE_HOME=str(cache)).wait()
    assert (ran.code, ran.out, ran.made) == (0, f"{KEPT}\n", len(names)), ran.errors
    assert [path.name for path in functions(cache)] == names
    again = Started(REPLAY, XDG_CACHE_HOME=str(cache)).wait()
    assert (again.code, again.out, again.made) == (0, f"{KEPT}\n", 0), again.errors


def test_a_folder_that_vanishes_while_esim_runs_is_made_again(warm: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    shutil.copytree(warm, cache)
    code = f"""{REPLAY}
shutil.rmtree(sys.argv[1])
print(esim.replay_orders(study, "sagemaker", [[0, 1, 2]], workers=3).tolist())
"""
    ran = Started(code, str(cache), XDG_CACHE_HOME=str(cache)).wait()
    # On three slots all run from the start: nobody has ended before the last reports.
    assert (ran.code, ran.out) == (0, f"{KEPT}\n[[3, 3, 3]]\n"), ran.errors
    assert any("run_timed" in path.name for path in functions(cache))


def test_an_image_with_the_lines_of_the_docs_has_no_code_to_make(tmp_path: Path) -> None:
    variable, command = marked("image")["warm-up"].body.splitlines()
    cache = {re.match(r"ENV (\w+)=", variable)[1]: str(tmp_path / "cache")}
    ran = Started(COMMAND, *command.removeprefix("RUN esim ").split(), **cache).wait()
    assert ran.code == 0, ran.errors
    folder = functions(tmp_path / "cache")[0].parent
    assert ran.out.split(", ")[1] == f"kept in {folder}\n"
    data = str(ROOT / "data" / "image_digits")
    started = [
        Started(COMMAND, "replay", data, "--readings", **cache),
        Started(REPLAY_MANY, **cache),
    ]
    for one in started:
        ran = one.wait()
        assert (ran.code, ran.made, ran.numba) == (0, 0, False), ran.errors


def test_warm_up_says_that_nothing_can_be_kept(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    ran = Started(COMMAND, "warm-up", XDG_CACHE_HOME=str(tmp_path / "file")).wait()
    assert ran.code == 1
    assert "cannot be kept" in ran.errors
    assert str(tmp_path / "file") in ran.errors
    assert "NUMBA_CACHE_DIR" in ran.errors
