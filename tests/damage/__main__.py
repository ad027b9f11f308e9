"""Any number of mutations: `python -m tests.damage --seed 1 --budget 1000 --drawn 0.01`.

Prints how often each mutation was right, noted or refused, and every outcome that is none of these.
"""

from __future__ import annotations

import argparse
import tempfile
import warnings
from pathlib import Path

from tests.damage.outcomes import Outcomes, documents_damaged, folders_damaged


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--budget", type=int, default=100, help="of each kind for each file")
    parser.add_argument("--drawn", type=float, default=0.0, help="share of pages with figures")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    found = Outcomes()
    with tempfile.TemporaryDirectory() as folder:
        folders_damaged(Path(folder), asked.seed, asked.budget, found)
        documents_damaged(Path(folder), asked.seed, asked.budget, found, drawn=asked.drawn)
    print(found.table())
    for fault, cases in found.faults.items():
        print(f"{len(cases)} x {fault}: {cases[0]}")


if __name__ == "__main__":
    main()
