"""Where the code of kernels is from: kept by an earlier run, come with esim, or numba's."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np

from esim.simulator.kernels.arguments import Criteria
from esim.simulator.kernels.kept import KeptCode
from esim.simulator.kernels.machine_code import (
    Argument,
    Entry,
    MachineCode,
    OfArray,
    assembled,
    host,
    loaded,
    of_module,
)
from esim.simulator.kernels.shipped import bitcode, sources

Function = Callable[..., Any]
Typed = tuple[Argument, str]  # what an argument is in the table, and NumPy's name of its type

# No fastmath: NaN must stay NaN. No reference counts (_nrt): kernels own nothing and allocate
# nothing, and counting the references to the arrays in their named tuples makes a replay about 20
# times slower (measured on 1000 trials of 50 reports, two cores, numba 0.68.1: 3.1 to 3.7 ms with,
# 0.17 ms without). No wrappers: kernels are called by their machine code alone.
_OPTIONS: dict[str, Any] = {
    "error_model": "numpy",
    "nogil": True,
    "_nrt": False,
    "no_cfunc_wrapper": True,
    "no_cpython_wrapper": True,
}
# What numba may compile differently by: with any of these set, it compiles, and its code has a file
# of its own.
_SETTINGS = sorted(
    f"{name}={value}"
    for name, value in os.environ.items()
    if name.startswith("NUMBA_")
    and name not in ("NUMBA_CACHE_DIR", "NUMBA_NUM_THREADS", "NUMBA_DISABLE_JIT")
)
_INTERPRETED = os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0")
_compiling = threading.RLock()


def cache_folder() -> Path | None:
    """The folder of compiled kernels, named after their sources and numba's and Python's versions.

    It is in $NUMBA_CACHE_DIR, else in $XDG_CACHE_HOME, else in ~/.cache; None if there is no home.
    """
    digest = hashlib.sha256(str(sys.implementation.cache_tag).encode())
    for library in ("numba", "llvmlite"):  # whose import is what this is to avoid
        found = importlib.util.find_spec(library)
        if found is not None and found.origin is not None:
            digest.update(Path(found.origin).with_name("_version.py").read_bytes())
    digest.update(sources().encode())
    home = Path(os.path.expanduser("~")) / ".cache"
    for base in (os.environ.get("NUMBA_CACHE_DIR"), os.environ.get("XDG_CACHE_HOME"), home):
        if base and Path(base).is_absolute():
            return Path(base) / "esim" / f"kernels-{digest.hexdigest()[:16]}"
    return None


@cache
def _kept() -> KeptCode | None:
    folder = cache_folder()
    return None if folder is None else KeptCode(folder)


def kept_in() -> Path:
    """The folder in which this process has kept what it compiled.

    Raises:
        OSError: not all of it could be kept, or there is no folder to keep it in.
    """
    kept = _kept()
    if kept is None:
        raise FileNotFoundError("no home folder")
    if kept.trouble is not None:
        raise kept.trouble
    return kept.folder


class Kernel:
    """A kernel, which is compiled, or loaded, at its first call with arguments of new types.

    Attributes:
        function: the kernel itself, in Python.
    """

    def __init__(self, function: Function) -> None:
        self.function = function
        self._entries: dict[tuple[Any, ...], tuple[struct.Struct, Entry]] = {}

    def __call__(self, *arguments: Any) -> None:
        """Run the kernel.

        Args:
            arguments: arrays, contiguous in C's order, numbers, flags, named tuples of these, or
                None.
        """
        table: list[Any] = []
        types: list[Any] = []
        _put(arguments, table, types)
        key = tuple(types)
        found = self._entries.get(key)
        if found is None:
            with _compiling:
                found = self._entries.get(key) or self._entry(arguments)
            self._entries[key] = found
        packed, entry = found
        if entry(packed.pack(*table)):
            raise RuntimeError(f"{self.function.__name__} failed")  # an index out of bounds

    def _entry(self, arguments: tuple[Any, ...]) -> tuple[struct.Struct, Entry]:
        types = types_of(arguments)
        name = f"{self.function.__module__}.{self.function.__name__}"
        digest = hashlib.sha256(repr((types, host(), _SETTINGS)).encode()).hexdigest()
        file, kept = f"{name}-{digest[:16]}", _kept()
        code = None if kept is None else kept.read(file)
        if code is None:
            code = _made(self, arguments, types)
            if kept is not None:
                kept.write(file, code)
        packed = (_PACKED.get(its, "q") if isinstance(its, str) else "q" for its, _ in types)
        return struct.Struct("=" + "".join(packed)), loaded(code)


def _put(arguments: tuple[Any, ...], table: list[Any], types: list[Any]) -> None:
    """Add arguments to the table of a call, and what tells their types to the types."""
    for argument in arguments:
        its = type(argument)
        if its is np.ndarray:
            if not argument.flags.c_contiguous:
                raise TypeError("kernels take contiguous arrays")
            table.append(id(argument))
            types.append(argument.dtype.num)
            types.append(argument.ndim)
        elif its in _ALL_NUMBERS:
            table += argument
            types.append(its)
        elif argument is None:
            table.append(0)
            types.append(None)
        elif isinstance(argument, tuple):
            types.append(its)
            _put(argument, table, types)
        else:
            table.append(argument)
            types.append(its)


_PACKED = {"double": "d", "i8": "?7x"}  # how `struct` writes them into eight bytes
_ALL_NUMBERS = {Criteria}  # named tuples whose fields are numbers and flags, of types they declare


def _flat(arguments: tuple[Any, ...]) -> Iterator[Any]:
    """Arguments one by one: a named tuple as its fields."""
    for argument in arguments:
        if isinstance(argument, tuple):
            yield from _flat(argument)
        else:
            yield argument


def types_of(arguments: tuple[Any, ...]) -> tuple[Typed, ...]:
    """The types of the arguments of a call: they choose the code."""
    return tuple(map(_type, _flat(arguments)))


def _type(argument: Any) -> Typed:
    """What an argument is in the table, and NumPy's name of its type."""
    if isinstance(argument, np.ndarray):
        return OfArray(argument.itemsize, argument.ndim), argument.dtype.str
    if argument is None:
        return "none", ""
    if isinstance(argument, bool | np.bool_):
        return "i8", ""
    return ("double" if isinstance(argument, float | np.floating) else "i64"), ""


_INNER: dict[Function, Any] = {}  # functions that only kernels call -> what numba makes of them


def for_compiled(function: Function) -> Function:
    """A kernel as numba's own, for functions that it compiles and that call the kernel."""
    if not isinstance(function, Kernel):
        return function
    import numba
    from numba.extending import intrinsic

    for its, made in list(_INNER.items()):
        if made is None:
            instruction = _INSTRUCTIONS.get(its)
            compiled = numba.njit(**_OPTIONS, forceinline=True)
            _INNER[its] = compiled(its) if instruction is None else intrinsic(instruction)
    # Kernels name these functions as globals of their modules, where numba must find its own.
    for module in {its.__module__ for its in (*_INNER, function.function)}:
        names = vars(sys.modules[module])
        for name, value in list(names.items()):
            if isinstance(value, FunctionType) and value in _INNER:
                names[name] = _INNER[value]
    found: Function = numba.njit(**_OPTIONS)(function.function)
    return found


def lowered(kernel: Kernel, arguments: tuple[Any, ...]) -> tuple[Any, str, bytes]:
    """What numba makes of a kernel for arguments of these types.

    Returns:
        LLVM's module, the name of the kernel's function in it, and its object file.
    """
    import numba

    jitted: Any = for_compiled(kernel)
    jitted.compile(tuple(numba.typeof(_like(argument)) for argument in arguments))
    (compiled,) = jitted.overloads.values()
    _, kind, (code, _) = compiled.library.serialize_using_object_code()
    assert kind == "object"
    return compiled.library._final_module, compiled.fndesc.llvm_func_name, code


def _made(kernel: Kernel, arguments: tuple[Any, ...], types: tuple[Typed, ...]) -> MachineCode:
    """The machine code of a kernel: of the bitcode that comes with esim, else numba's."""
    ready = None if _SETTINGS else bitcode(kernel.function, types)
    code = None if ready is None else assembled(ready, [one for one, _ in types])
    return code or of_module(*lowered(kernel, arguments), [one for one, _ in types])


def _like(argument: Any) -> Any:
    """An argument of the same types, whose arrays may be written to."""
    if isinstance(argument, np.ndarray):
        return np.empty((0,) * argument.ndim, argument.dtype)
    if isinstance(argument, tuple):
        return type(argument)(*map(_like, argument))
    if isinstance(argument, bool | np.bool_):
        return bool(argument)
    if argument is None or isinstance(argument, float | np.floating):
        return argument
    return int(argument)


def kernel(function: Function) -> Function:
    """A kernel, compiled at its first call. It fills arrays that it is given: it cannot allocate.

    A user waits for the compilation, which takes longer with every line, and with every function
    that is called, as each is compiled by itself and again within its callers. Therefore what every
    replay runs has loops instead of slices (`x[:] = 0`), and no `min`, `max`, `in` or
    `np.isfinite`, which to numba are functions.
    """
    return function if _INTERPRETED else Kernel(function)


def inner(function: Function) -> Function:
    """A function that only kernels call: inlined into them, and not to be called from Python.

    If it were called, each array would be passed as seven numbers, which doubled the time of a
    replay when it was measured.
    """
    _INNER[function] = None
    return function


@inner
def prefetch(array, at):
    """Ask the processor to bring what stands at an index into its cache, and do not wait for it.

    Interpreted, it does nothing. `at` counts in the array's first dimension.
    """


@inner
def lowest_bit(bits):
    """The position of the lowest bit that is set in an int64, which is not 0."""
    number = int(bits) & 0xFFFFFFFFFFFFFFFF
    return np.int64((number & -number).bit_length() - 1)


@inner
def highest_bit(bits):
    """The position of the highest bit that is set in an int64; -1: none is."""
    return np.int64((int(bits) & 0xFFFFFFFFFFFFFFFF).bit_length() - 1)


@inner
def ones(bits):
    """How many bits of an int64 are set."""
    return np.int64((int(bits) & 0xFFFFFFFFFFFFFFFF).bit_count())


def _prefetching(context: Any, array: Any, at: Any) -> Any:
    """`prefetch`, as numba's intrinsics are written: its types, and what makes its code."""
    from llvmlite import ir
    from numba.core import cgutils, types

    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        held = context.make_array(signature.args[0])(context, builder, given[0])
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        asked = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        stride = cgutils.unpack_tuple(builder, held.strides)[0]
        first = builder.bitcast(held.data, byte)
        place = builder.gep(first, [builder.mul(stride, given[1])])
        to_read, soon_again, data_cache = number(0), number(3), number(1)
        builder.call(asked, [place, to_read, soon_again, data_cache])
        return context.get_dummy_value()

    return types.void(array, at), code


def _lowest(context: Any, bits: Any) -> Any:
    """`lowest_bit`, as numba's intrinsics are written."""
    from llvmlite import ir
    from numba.core import types

    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        return builder.cttz(given[0], ir.IntType(1)(0))

    return types.int64(types.int64), code


def _highest(context: Any, bits: Any) -> Any:
    """`highest_bit`, as numba's intrinsics are written."""
    from llvmlite import ir
    from numba.core import types

    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        return builder.sub(ir.IntType(64)(63), builder.ctlz(given[0], ir.IntType(1)(0)))

    return types.int64(types.int64), code


def _counted(context: Any, bits: Any) -> Any:
    """`ones`, as numba's intrinsics are written."""
    from numba.core import types

    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        return builder.ctpop(given[0])

    return types.int64(types.int64), code


# Functions of which numba makes one or two of LLVM's instructions.
_INSTRUCTIONS = {
    prefetch: _prefetching,
    lowest_bit: _lowest,
    highest_bit: _highest,
    ones: _counted,
}
