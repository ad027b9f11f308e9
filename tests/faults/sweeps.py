"""Cuts every file of the samples off at many places, and flips a bit at as many others.

    python -m tests.faults.sweeps --cuts 20000 --flips 10000 --seed 1 [--only NAME] [--keep FOLDER]

The places are spread over all samples, at random; small ones are swept whole. Prints a table of
each sweep, format by class (`tests.faults.samples`), and exits with 1 if there was a BUG. A flipped
bit of a number may give another number: `other` is right there.
"""

from __future__ import annotations

import argparse
import random
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.faults.samples import Sample, samples, whole, write, written
from tests.faults.tally import Tally


def cut(data: bytes, at: int, rng: random.Random) -> bytes:
    """The bytes before a place."""
    return data[:at]


def flip(data: bytes, at: int, rng: random.Random) -> bytes:
    """The bytes with one bit flipped at a place."""
    return data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]


def sweep(
    every: Sequence[Sample],
    change: Callable[[bytes, int, random.Random], bytes],
    count: int,
    seed: int,
    keep: Path | None,
) -> Tally:
    """Change each file at some places, one at a time.

    Args:
        every: the samples.
        change: what is done at a place.
        count: at how many places of all samples together, if they have as many.
        seed: chooses the places.
        keep: where inputs that failed are copied to.
    """
    rng = random.Random(seed)
    tally = Tally(keep)
    sizes = [sum(map(len, sample.files.values())) for sample in every]
    most = 1  # places in a sample
    while most < max(sizes) and sum(min(size, most) for size in sizes) < count:
        most += 1
    for sample in every:
        with written(sample.files) as folder:
            for name, at in _places(sample, most, rng):
                data = sample.files[name]
                new = change(data, at, rng)
                write(folder / name, new)
                outcome = sample.outcome(folder, cut_off=change is cut and not whole(new))
                tally.add(sample.seen.format, outcome, f"{sample.name}: {name}, byte {at}", folder)
                write(folder / name, data)
    return tally


def _places(sample: Sample, most: int, rng: random.Random) -> list[tuple[str, int]]:
    """Some places in the files of a sample, each a file and a byte; files count alike."""
    files = [(name, len(data)) for name, data in sorted(sample.files.items()) if data]
    if sum(size for _, size in files) <= most:
        return [(name, at) for name, size in files for at in range(size)]
    places: dict[tuple[str, int], None] = {}
    while len(places) < most:
        name, size = rng.choice(files)
        places[name, rng.randrange(size)] = None
    return list(places)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cuts", type=int, default=20_000)
    parser.add_argument("--flips", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="")
    parser.add_argument("--keep", type=Path)
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    every = [sample for sample in samples() if asked.only in sample.name]
    failed = False
    for change, count in ((cut, asked.cuts), (flip, asked.flips)):
        keep = asked.keep / change.__name__ if asked.keep else None
        failed |= sweep(every, change, count, asked.seed, keep).show(change.__name__)
    return failed


if __name__ == "__main__":
    sys.exit(main())
