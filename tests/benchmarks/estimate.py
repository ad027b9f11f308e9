"""How long a forecast takes: `python -m tests.benchmarks.estimate`, compiled, 1000 replicates."""

from __future__ import annotations

import os
from functools import partial

import numpy as np

import esim
from esim.study import Study
from tests.benchmarks.replay import curves
from tests.benchmarks.timing import fastest


def main() -> None:
    """Print a table, in Markdown: seconds, and how many copies of all replayed values that is."""
    study = Study.from_arrays(curves("mixed", 100, 50), direction="minimize")
    replayed = np.zeros((1000, 100, 50))
    copy = fastest(partial(np.copy, replayed), 5)
    print(f"# A forecast: 100 past trials x 50 steps, 1000 replicates, {os.cpu_count()} cores\n")
    print("| next job | threads | seconds | copies of what is replayed |\n|---|---|---|---|")
    for workers in (1, 4):
        for threads in (1, 2):
            run = partial(
                esim.estimate, study, trials=100, workers=workers, replicates=1000, jobs=threads
            )
            run()
            seconds = fastest(run, 5)
            words = f"100 trials on {workers} worker{'s' * (workers > 1)}"
            print(f"| {words} | {threads} | {seconds:.2f} | {seconds / copy:.0f} |")


if __name__ == "__main__":
    main()
