"""Changes the samples at random, cuts them off and flips their bits: `fuzz` and `sweeps` in one.

    python -m tests.faults --count 1200 --cuts 1200 --flips 600 --seed 1

What the samples hold is read once for all.
"""

from __future__ import annotations

import argparse
import sys
import warnings

from tests.faults.fuzz import fuzz
from tests.faults.samples import samples
from tests.faults.sweeps import cut, flip, sweep


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("count", "cuts", "flips"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    every = list(samples())
    failed = fuzz(every, asked.count, asked.seed, None).show("change")
    for change, count in ((cut, asked.cuts), (flip, asked.flips)):
        failed |= sweep(every, change, count, asked.seed, None).show(change.__name__)
    return failed


if __name__ == "__main__":
    sys.exit(main())
