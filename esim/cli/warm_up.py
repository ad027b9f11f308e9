"""`esim warm-up`: compile now what the first replay would compile."""

from __future__ import annotations

import time


def warm_up() -> None:
    """Compile the kernels ahead, for container images and shared machines."""
    from esim.simulator.warm_up import warm_up as compile_all

    start = time.perf_counter()
    kept_in = compile_all()
    print(f"compiled in {time.perf_counter() - start:.1f} s, kept in {kept_in}")
