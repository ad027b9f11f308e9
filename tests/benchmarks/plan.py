"""What a history costs, a model of it, and clusters simulated: `python -m tests.benchmarks.plan`.

Costs are processor seconds of one core, measured here; the model is fitted to them, and runs of
many workers are simulated with it. reports/scaling.md holds what it printed.
"""

from __future__ import annotations

import argparse
import heapq
import pickle
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from esim.analyses.history import replay_history as many
from esim.analyses.history.finished_chunks import FinishedChunks
from esim.analyses.workers.engines import AHEAD
from esim.analyses.workers.finished import FinishedParts
from esim.rules import rule
from esim.storage.history import Location, layout
from esim.storage.history.write import Input, append
from tests.benchmarks.scale import study
from tests.benchmarks.timing import machine

SHAPES = ((20, 25, 400), (100, 50, 300), (100, 100, 300), (100, 400, 100), (1000, 50, 60))
PLANNED = 100_000, 100, 100  # studies, trials, steps
SETTINGS = many.ReplaySettings(rule("sagemaker"))


def worked(run: Callable[[], object], times: int = 5) -> float:
    """Processor seconds of the run that took fewest."""
    found = []
    for _ in range(times):
        start = time.process_time()
        run()
        found.append(time.process_time() - start)
    return min(found)


@dataclass(frozen=True)
class Cost:
    """A study of some shape: milliseconds of a worker and of them reading; of the driver as a part
    arrives and as the tables are written; kilobytes on disk."""

    trials: int
    steps: int
    worker: float
    reading: float
    arriving: float
    writing: float
    size: float


def cost(trials: int, steps: int, studies: int) -> Cost:
    """Measured on a history of so many studies."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = [study(i, trials, steps) for i in range(studies)]
        there = append(Location(str(folder / "h")), [Input("g", "0", "g", made)], None)
        chunks = there.chunks()
        parts = [many.replay_chunk(SETTINGS, chunk) for chunk in chunks]
        each = 1e3 / studies
        worker = worked(lambda: [many.replay_chunk(SETTINGS, chunk) for chunk in chunks])
        reading = worked(lambda: [chunk.read(configs=False).joined() for chunk in chunks])

        def keep() -> FinishedChunks:
            (folder / "out.partial").mkdir(exist_ok=True)
            kept = FinishedChunks(FinishedParts(folder / "out.partial"))
            for number, part in enumerate(parts):
                kept.keep(number, pickle.loads(pickle.dumps(part)))
            return kept

        kept = keep()
        arriving = worked(keep)
        inputs = [{"path": "h"}]

        def write() -> None:
            tables = Path(tempfile.mkdtemp(dir=folder))
            gathered = many.Gathered(SETTINGS, inputs)
            many.write_result(tables, kept, range(len(chunks)), gathered)

        writing = worked(write)
        size = sum(p.stat().st_size for p in (folder / "h").rglob("*.parquet")) / studies / 1e3
    return Cost(trials, steps, *(each * s for s in (worker, reading, arriving, writing)), size)


def fitted(costs: list[Cost]) -> tuple[NDArray[np.float64], float]:
    """Milliseconds a study, a trial and a report of a worker, and the largest relative miss."""
    x = np.array([_sizes(c.trials, c.steps) for c in costs])
    y = np.array([c.worker for c in costs])
    model = np.linalg.lstsq(x / y[:, None], np.ones(len(y)), rcond=None)[0]
    return model, float(np.abs(x @ model / y - 1).max())


def _sizes(trials: int, steps: int) -> list[float]:
    return [1.0, trials, trials * steps]


def simulated(chunks: int, worker: float, taking: float, workers: int) -> float:
    """Seconds of a run: workers on a core each, and a driver that takes one part after another.

    Args:
        worker, taking: seconds a chunk of a worker, and of the driver that keeps and writes it.
    """
    submitted = 0
    free = [0.0] * workers
    finished: list[float] = []  # of chunks under way
    driver = 0.0
    for _ in range(chunks):
        while submitted < chunks and len(finished) < AHEAD * workers:
            start = max(heapq.heappop(free), driver)  # the driver hands out the next chunk
            heapq.heappush(free, start + worker)
            heapq.heappush(finished, start + worker)
            submitted += 1
        driver = max(driver, heapq.heappop(finished)) + taking
    return driver


def lines(costs: list[Cost]) -> Iterator[str]:
    """The tables, in Markdown."""
    yield "| trials x steps | reports | ms a study | of it reading | driver, ms | kB on disk |"
    yield "|---|---|---|---|---|---|"
    for c in costs:
        yield (
            f"| {c.trials:,} x {c.steps} | {c.trials * c.steps:,} | {c.worker:.2f} "
            f"| {c.reading:.2f} | {c.arriving + c.writing:.3f} | {c.size:.0f} |"
        )
    model, miss = fitted(costs)
    yield ""
    yield (
        "Fitted: **{:.0f} µs a study + {:.2f} µs a trial + {:.3f} µs a report** of a worker, "
        "within {:.1%} of each row.".format(*model * 1e3, miss)
    )
    yield ""
    studies, trials, steps = PLANNED
    of_driver = next(c for c in costs if (c.trials, c.steps) == (trials, steps))
    ms = float(np.dot(_sizes(trials, steps), model))
    in_chunk = layout.ROWS // (trials * steps)
    yield (
        f"{studies:,} studies of {trials} x {steps}: {studies * trials * steps:,} reports, "
        f"{studies * of_driver.size / 1e6:.1f} GB on disk, {studies * ms / 1e3:,.0f} s of workers, "
        f"{studies * (of_driver.arriving + of_driver.writing) / 1e3:.0f} s of the driver."
    )
    yield ""
    yield "| workers | s | times one worker | the driver's share of the time |"
    yield "|---|---|---|---|"
    alone = None
    for workers in (1, 8, 64):
        taking = in_chunk * (of_driver.arriving + of_driver.writing) / 1e3
        chunks = studies // in_chunk
        took = simulated(chunks, in_chunk * ms / 1e3, taking, workers)
        alone = alone or took
        share = chunks * taking / took
        yield f"| {workers} | {took:,.1f} | {alone / took:.1f} | {share:.0%} |"


def main() -> None:
    """Print every table."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    print(f"`python -m tests.benchmarks.plan`; {machine('numba', 'pyarrow')}.\n")
    for line in lines([cost(*shape) for shape in SHAPES]):
        print(line)


if __name__ == "__main__":
    main()
