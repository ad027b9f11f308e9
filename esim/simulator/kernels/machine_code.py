"""The machine code of kernels: how it is loaded and called without numba.

numba compiles a kernel to an object file, whose function takes each array as its address, number of
values, size of a value, shape and strides, and each named tuple as its fields, one after another:
some 250 arguments. A second, small object file is made beside it, with the function that is called:
it takes a table of eight bytes for each array or number, and looks the rest up in the arrays. LLVM
(llvmlite) compiles both, and loads them into this process. numba is imported only where it
compiles: to import it and to let it load a kernel took 0.45 s of the 1.2 s of a replay from the
command line (two cores, numba 0.68.1).
"""

from __future__ import annotations

import ctypes
import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, NamedTuple

ENTRY, KERNEL = "esim_entry", "esim_kernel"
Entry = Callable[[bytes], int]  # takes the table, returns 0, or another number: it failed


class MachineCode(NamedTuple):
    """A kernel for one processor and types of arguments.

    Attributes:
        objects: the object files: the kernel's, and that of the function that calls it.
        outside: names of functions that the kernel takes from the process, beyond those of LLVM.
    """

    objects: tuple[bytes, bytes]
    outside: tuple[str, ...]

    def to_bytes(self) -> bytes:
        """The code as bytes, for `of_bytes`."""
        return pickle.dumps(tuple(self))

    @classmethod
    def of_bytes(cls, held: bytes) -> MachineCode:
        """The code that `to_bytes` gave."""
        return cls(*pickle.loads(held))


@cache
def host() -> tuple[str, str, str]:
    """The processor that code is made for: LLVM's names of its kind, its model and features."""
    from llvmlite import binding

    features = binding.get_host_cpu_features().flatten()
    return binding.get_process_triple(), binding.get_host_cpu_name(), features


@cache
def _machine() -> Any:
    """LLVM's account of this processor."""
    from llvmlite import binding

    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    triple, model, features = host()
    target = binding.Target.from_triple(triple)
    return target.create_target_machine(
        cpu=model, features=features, opt=1, codemodel="jitdefault", jit=True
    )


# Where an array's object holds the address of its data, its shape and its strides: PyArrayObject in
# NumPy's C interface, behind the head of every Python object. Reading them there takes a fifth of
# the 22 us that asking 25 arrays for their addresses takes.
_DATA, _SHAPE, _STRIDES = (object.__basicsize__ + offset for offset in (0, 16, 24))


@dataclass(frozen=True)
class OfArray:
    """An argument that is an array.

    Attributes:
        itemsize: bytes of a value.
        ndim: the number of its dimensions.
    """

    itemsize: int
    ndim: int

    @property
    def types(self) -> list[str]:
        """LLVM's types of the arguments that the array is passed as."""
        return ["ptr", "ptr", "i64", "i64", "ptr", *["i64"] * (2 * self.ndim)]


Argument = OfArray | Literal["i64", "i8", "double", "none"]


def calling(name: str, types: Sequence[str], arguments: Sequence[Argument]) -> bytes:
    """The object file of `ENTRY`, which calls a function with the arguments of a table.

    Args:
        name: of the function. It returns 0, or another number if it failed.
        types: LLVM's types of its arguments, of which the first two are addresses that it may
            write to: of what it returns, which a kernel does not, and of an error.
        arguments: what stands in the table: of an array its object's address, else a number.

    Raises:
        TypeError: the types are not those of the arguments.
    """
    from llvmlite import binding

    lines = ["%results = alloca [2 x i64]", "%error = getelementptr i64, ptr %results, i64 1"]
    given = ["ptr %results", "ptr %error"]

    def add(line: str) -> str:
        lines.append(f"%v{len(lines)} = {line}")
        return f"%v{len(lines) - 1}"

    def at(base: str, offset: int, kind: str) -> str:
        """What stands so many bytes behind an address."""
        place = add(f"getelementptr i8, ptr {base}, i64 {offset}")
        return add(f"load {kind}, ptr {place}, align 8")

    for slot, argument in enumerate(arguments):
        if argument == "none":
            given.append("ptr null")
        elif isinstance(argument, OfArray):
            array = at("%table", 8 * slot, "ptr")
            shape, strides = at(array, _SHAPE, "ptr"), at(array, _STRIDES, "ptr")
            sizes = [at(shape, 8 * axis, "i64") for axis in range(argument.ndim)]
            steps = [at(strides, 8 * axis, "i64") for axis in range(argument.ndim)]
            values = "1"
            for size in sizes:
                values = add(f"mul i64 {values}, {size}")
            given += ["ptr null", "ptr null", f"i64 {values}", f"i64 {argument.itemsize}"]
            given.append(f"ptr {at(array, _DATA, 'ptr')}")
            given += [f"i64 {number}" for number in (*sizes, *steps)]
        elif argument == "i8":
            number = at("%table", 8 * slot, "i64")
            given.append(f"i8 {add(f'trunc i64 {number} to i8')}")
        else:
            given.append(f"{argument} {at('%table', 8 * slot, argument)}")
    if [one.partition(" ")[0] for one in given] != list(types):
        raise TypeError(f"a kernel takes {list(types)}, not {given}")
    body = "\n  ".join(lines)
    text = f"""target triple = "{host()[0]}"
declare i32 @"{name}"({", ".join(types)})
define i32 @{ENTRY}(ptr %table) {{
  {body}
  %status = call i32 @"{name}"({", ".join(given)})
  ret i32 %status
}}"""
    module = binding.parse_assembly(text)
    module.verify()
    made: bytes = _machine().emit_object(module)
    return made


def of_module(module: Any, name: str, code: bytes, arguments: Sequence[Argument]) -> MachineCode:
    """The machine code of a kernel that is a function of a module of LLVM's.

    Args:
        module: the module.
        name: of the function.
        code: the module's object file.
        arguments: what stands in the table of a call, as for `calling`.
    """
    types = [str(one.type) for one in module.get_function(name).arguments]
    declared = [one.name for one in module.functions if one.is_declaration]
    outside = tuple(one for one in declared if not one.startswith("llvm."))
    return MachineCode((code, calling(name, types, arguments)), outside)


def assembled(bitcode: bytes, arguments: Sequence[Argument]) -> MachineCode | None:
    """The machine code of a kernel in LLVM's bitcode, in which its name is KERNEL.

    None if the bitcode is for another kind of processor or system, or cannot be read.
    """
    from llvmlite import binding

    machine = _machine()
    try:
        module = binding.parse_bitcode(bitcode)
    except RuntimeError:
        return None
    if module.data_layout != str(machine.target_data):
        return None
    return of_module(module, KERNEL, machine.emit_object(module), arguments)


_ENGINES: list[Any] = []  # hold the code that is loaded


def loaded(code: MachineCode) -> Entry:
    """The entry of a kernel, once its code is loaded into this process.

    Calls let other threads of Python run.
    """
    from llvmlite import binding

    machine = _machine()
    if any(binding.address_of_symbol(name) is None for name in code.outside):
        import numba  # noqa: F401  # names functions of its own to LLVM

    engine = binding.create_mcjit_compiler(binding.parse_assembly(""), machine)
    for one in code.objects:
        engine.add_object_file(binding.ObjectFileRef.from_data(one))
    engine.finalize_object()
    _ENGINES.append(engine)
    return ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_char_p)(engine.get_function_address(ENTRY))
