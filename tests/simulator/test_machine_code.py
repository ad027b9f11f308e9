"""Kernels are called by their machine code: every type of argument arrives as it was given."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any, NamedTuple

import numpy as np
import pytest
from numba import config

from esim.simulator.kernels.jit import Kernel, inner, kernel
from esim.simulator.kernels.machine_code import OfArray, calling
from tests.paths import ROOT

pytestmark = pytest.mark.skipif(bool(config.DISABLE_JIT), reason="nothing is compiled")


class Group(NamedTuple):
    flag: bool
    whole: int
    share: float
    table: Any


def tell(numbers, table, narrow, flags, empty, group, nothing, number, share, yes, told):  # type: ignore[no-untyped-def]
    told[0] = numbers[1] + len(numbers)
    told[1] = table[1, 2] + 10 * table.shape[0] + 100 * table.shape[1]
    told[2] = narrow[0, 1, 0] + narrow.shape[2]
    told[3] = flags[2, 0]
    told[4] = len(empty)
    told[5] = group.whole + (1000 if group.flag else 0)
    told[6] = group.share
    told[7] = group.table[0, 3]
    told[8] = number if nothing is None else -1.0
    told[9] = share
    told[10] = 1.0 if yes else 0.0


def arguments(**changed: Any) -> tuple[Any, ...]:
    given: dict[str, Any] = {
        "numbers": np.array([5.5, 6.5, 7.5]),
        "table": np.arange(12, dtype=np.int64).reshape(3, 4),
        "narrow": np.arange(8, dtype=np.int32).reshape(2, 2, 2),
        "flags": np.array([[0, 0], [0, 0], [1, 0]], dtype=np.bool_),
        "empty": np.empty(0, dtype=np.uint32),
        "group": Group(True, 2**40, 0.25, np.array([[1.0, 2.0, 3.0, 4.0]])),
        "nothing": None,
        "number": -(2**40),
        "share": -0.125,
        "yes": False,
    }
    return (*(given | changed).values(),)


def test_every_type_of_argument_arrives() -> None:
    told, expected = np.zeros(11), np.zeros(11)
    compiled = kernel(tell)
    assert isinstance(compiled, Kernel)
    for words in (
        {},
        {"yes": np.True_, "number": np.int64(3), "share": np.float64(2.5)},
        {
            "group": Group(False, -1, float("inf"), np.arange(8.0).reshape(2, 4)),
            "numbers": np.ones(2),
        },
        {"table": np.arange(6, dtype=np.int64).reshape(2, 3)},
    ):
        compiled(*arguments(**words), told)
        tell(*arguments(**words), expected)
        np.testing.assert_array_equal(told, expected)
    # Numbers of NumPy are other types to Python, and one to a kernel.
    assert len(compiled._entries) == 2


def test_an_array_with_gaps_is_refused() -> None:
    with pytest.raises(TypeError, match="contiguous"):
        kernel(tell)(*arguments(numbers=np.arange(6.0)[::2]), np.zeros(11))


def test_what_numba_would_pass_in_another_way_is_refused() -> None:
    with pytest.raises(TypeError, match="a kernel takes"):
        calling("it", ["ptr", "ptr", "i64", "ptr"], ["i64"])
    with pytest.raises(TypeError, match="a kernel takes"):
        calling("it", ["ptr", "ptr", *OfArray(8, 2).types], [OfArray(8, 1)])


def test_an_index_out_of_bounds_is_told() -> None:
    code = """
import numpy as np
from tests.simulator.test_machine_code import arguments, tell
from esim.simulator.kernels.jit import kernel
try:
    kernel(tell)(*arguments(), np.zeros(3))
except RuntimeError as error:
    print(error)
"""
    ran = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True, text=True, check=True, cwd=ROOT,
        env={**os.environ, "NUMBA_BOUNDSCHECK": "1"},
    )  # fmt: skip
    assert ran.stdout == "tell failed\n"


@inner
def twice(x: float) -> float:
    return 2.0 * x


def test_inner_functions_are_compiled_into_kernels() -> None:
    def fills(told):  # type: ignore[no-untyped-def]
        for at in range(len(told)):
            told[at] = twice(at)

    told = np.zeros(3)
    kernel(fills)(told)
    assert told.tolist() == [0.0, 2.0, 4.0]
