"""Do the answers of `esim.closed_loop` hold where the truth is known?

`python -m tests.benchmarks.closed_loop TABLES KEPT REPORTS` reads TABLES/taskset (JSON lists of
trials, as the DPL repository keeps them) and the tables of this repository, and writes
REPORTS/closed_loop.md. What is computed of a table, a searcher and a size is kept in the folder
KEPT, and not computed again: each takes between half a minute and some minutes of one core. With a
fourth argument only the kept files whose names hold it are made, and no report: so several can run
side by side.

A table holds many configurations with their curves; a position that a searcher proposes runs as the
nearest one. On it jobs are played without a rule and with each, from the same seed: these pairs are
the truth. The job without a rule is the log that a user would have.
"""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

import esim
from esim.analyses.closed_loop import drawn_futures
from esim.analyses.closed_loop.drawn_futures import Drawn
from esim.analyses.closed_loop.futures import Arm, Budget, Side, play_future
from esim.analyses.closed_loop.learn import learned
from esim.analyses.closed_loop.loop import Terms, play
from esim.analyses.closed_loop.problem import Curve, recorded_curve, study_of
from esim.analyses.closed_loop.record_covered import recorded_best
from esim.analyses.closed_loop.searchers import searcher
from esim.analyses.closed_loop.space import Space, space_of
from esim.analyses.closed_loop.spreads import best_to_median, numbers
from esim.analyses.closed_loop.surrogate import Draw
from esim.analyses.workers.engines import run as run_on
from esim.assumptions import Costs
from esim.errors import EsimError
from esim.rules import job_rules
from esim.simulator.run import OrderRun
from esim.study import Float64, Study
from esim.study.times import last_values
from tests.benchmarks.closed_loop_page import page
from tests.benchmarks.timing import machine
from tests.paths import DATA

WORKERS = 4
TRUTHS = {30: 10, 100: 6}  # pairs on the table, of which the first are the logs
LOGS = {30: 2, 100: 1}  # that are not refused, if there are so many
FUTURES = {30: 20, 100: 20}
BEYOND = 1.5
TIMED = 10  # futures
SIZES = (30, 100)
SEARCHERS = ("random", "tpe", "gp")
ARMS = {
    "sagemaker": Arm(esim.rule("sagemaker")),
    "optuna-median": Arm(esim.rule("optuna-median")),
    "ray-asha": Arm(esim.rule("ray-asha")),
    "not-improving=10": Arm(esim.rule("none"), job_rules("not-improving=10")),
}
ASKED = ("steps_saved_fraction", "degradation", "degradation_equal_time")


class Nearest:
    """A table as a problem: a position runs as the nearest configuration that has not run yet."""

    def __init__(self, study: Study, space: Space, positions: Float64) -> None:
        self.study, self.space, self.positions = study, space, positions
        self.features = space.features(positions)
        self.ran: list[int] = []

    def fresh(self) -> Nearest:
        """The table before anything has run."""
        return Nearest(self.study, self.space, self.positions)

    def run(self, position: Float64) -> tuple[Float64, Curve]:
        row = self.row(position)
        return self.positions[row], recorded_curve(self.study, row)

    def row(self, position: Float64) -> int:
        """The row that runs for a position, and does not run again."""
        away = ((self.features - self.space.features(position)) ** 2).sum(axis=1)
        away[self.ran] = np.inf
        row = int(np.argmin(away))
        self.ran.append(row)
        return row


@dataclass(frozen=True)
class DrawnOnTable(Drawn):
    """Futures whose search can run the configurations of the table alone, as the true one can.

    Their curves are the surrogate's: of the table it knows the configurations.
    """

    table: Nearest

    def problem(self, drawn: Draw) -> OnTable:
        return OnTable(drawn, self.table.fresh())


@dataclass(frozen=True)
class OnTable:
    """A draw of which only a table's configurations can run."""

    drawn: Draw
    table: Nearest  # in the space of the log

    def run(self, position: Float64) -> tuple[Float64, Curve]:
        at = self.table.positions[self.table.row(position)]
        return at, self.drawn.run(at)[1]


def in_space(study: Study, space: Space) -> Nearest:
    """A table whose positions are in the space of a log, at its border where they lie outside."""
    columns = []
    for dimension in space.dimensions:
        values = study.config[dimension.name]
        if dimension.kind == "category":
            at = [dimension.levels.index(str(v)) if str(v) in dimension.levels else 0
                  for v in values]  # fmt: skip
            columns.append(np.array(at, dtype=np.float64))
        else:
            numbers = np.array([float(v) for v in values])
            columns.append(dimension.snapped(dimension.positions(numbers)))
    return Nearest(study, space, np.stack(columns, axis=1))


def tables(folder: Path) -> Iterator[Study]:
    """Four tasks of TaskSet, and two searches recorded by this project."""
    for path in sorted((folder / "taskset").glob("*.json")):
        (study,) = esim.read_studies(path)
        name = study.name.replace("FixedTextRNNClassification_imdb_", "")
        yield dataclasses.replace(study, name=name)
    for name in ("mlp_digits", "xgboost_digits"):
        yield from esim.read_studies(DATA / name / "sagemaker")


def problem(study: Study) -> Nearest:
    return Nearest(study, *space_of(study))


def pair(table: Nearest, name: str, n: int, seed: int) -> dict[str, dict[str, float]]:
    """The truth: the numbers of each rule from one seed of the search."""
    with threadpool_limits(1):
        without, sides = play_future(
            table.fresh,
            lambda: searcher(name, table.space, seed, WORKERS),
            list(ARMS.values()),
            terms(),
            table.study,
            Budget("trials", n, BEYOND),
        )
    return told(without, sides, table.study.sign)


def log(table: Nearest, name: str, n: int, seed: int) -> Study:
    """The log of the job without a rule from a seed of the search."""

    def more(launched: int, now: float, run: OrderRun | None, study: Study | None) -> bool:
        return launched < n

    ran = table.fresh()
    search = searcher(name, table.space, seed, WORKERS)
    with threadpool_limits(1):
        play(ran, search, esim.rule("none"), terms(), table.study, more)
    return log_of(table.study, ran.ran)


def terms() -> Terms:
    return Terms(WORKERS, Costs(slot_gap_s=0.0))


def told(without: Side, sides: Sequence[Side], sign: float) -> dict[str, dict[str, float]]:
    found = {}
    for rule, side in zip(ARMS, sides, strict=True):
        its = numbers(without, side, sign, 1.0)
        found[rule] = {name: its[name] for name in ASKED}
    return found


def log_of(table: Study, rows: Sequence[int]) -> Study:
    """The log of a job that ran these rows of a table, in this order."""
    job = study_of(table, [recorded_curve(table, row) for row in rows])
    config = {name: [values[row] for row in rows] for name, values in table.config.items()}
    return dataclasses.replace(job, config=config)


def cell(table: Nearest, name: str, n: int, jobs: int) -> dict[str, Any]:
    """The truth of a table, a searcher and a size; for each log what replay and the loop say."""
    begun, spent = time.perf_counter(), {}
    truth = [
        made
        for _, made in sorted(
            run_on(partial(pair, table, name, n), range(TRUTHS[n]), jobs=jobs), key=lambda x: x[0]
        )
    ]
    spent["truth_s"] = time.perf_counter() - begun
    logs: list[dict[str, Any]] = []
    for seed in range(TRUTHS[n]):  # what is refused takes no time
        if sum(one["refused"] is None for one in logs) < LOGS[n]:
            logs.append(one_log(log(table, name, n, seed), table.study, name, n, jobs))
    spent["all_s"] = time.perf_counter() - begun
    return {
        "table": table.study.name,
        "searcher": name,
        "n": n,
        "scale": best_to_median(last_values(table.study), table.study.sign),
        "truth": truth,
        "logs": logs,
        **spent,
    }


def one_log(study: Study, table: Study, name: str, n: int, jobs: int) -> dict[str, Any]:
    """What replay and the closed loop say of each rule, from one log."""
    replayed = {}
    for rule, arm in ARMS.items():
        s = esim.replay(study, arm.rule, "simulated", WORKERS, until=arm.until).summary
        replayed[rule] = {key: getattr(s, key) for key in ASKED if hasattr(s, key)}
    found: dict[str, Any] = {"replayed": replayed, "refused": None}
    try:
        surrogate, quality = learned([study], (), 0)
    except EsimError as error:
        return found | {"refused": str(error)}
    budget, space = Budget("trials", n, BEYOND), surrogate.space
    arms = tuple(ARMS.values())
    drawn = DrawnOnTable(surrogate, arms, terms(), budget, 0, in_space(table, space))
    units = [(name, number) for number in range(FUTURES[n])]
    played = sorted(run_on(drawn.future, units, jobs=jobs), key=lambda one: one[0])
    record = recorded_best(
        last_values(study), [without.finals for _, (without, _) in played], study.sign
    )
    futures = [told(without, sides, study.sign) for _, (without, sides) in played]
    return found | {
        "rank_correlation": quality.rank_correlation,
        "covered": record.covered,
        "futures": futures,
    }


def main(folder: Path, kept: Path, reports: Path, jobs: int = 1, only: str = "") -> None:
    kept.mkdir(parents=True, exist_ok=True)
    cells = []
    for study in tables(folder):
        table = problem(study)
        for n in SIZES:
            if 2 * BEYOND * n > study.n_trials:  # the search would come to the table's end
                continue
            for name in SEARCHERS:
                place = kept / f"{study.name}-{name}-{n}.json"
                if not place.exists() and only in place.name:
                    place.write_text(json.dumps(cell(table, name, n, jobs)), encoding="utf-8")
                    print(place.name, file=sys.stderr)
                if place.exists():
                    cells.append(json.loads(place.read_text(encoding="utf-8")))
    if only:  # one cell at a time
        return
    place = kept / "speed.txt"
    if not place.exists():
        place.write_text("\n".join(speeds()), encoding="utf-8")
    speed = place.read_text(encoding="utf-8").splitlines()
    (reports / "closed_loop.md").write_text(page(cells, speed, len(ARMS)), encoding="utf-8")


def speeds() -> list[str]:
    """Seconds of 100 futures of 100 trials of 50 steps, and what of it is the searcher's own."""
    rng = np.random.default_rng(0)
    x = rng.random((100, 4))
    steps = np.arange(1, 51)
    values = ((x - 0.4) ** 2).sum(axis=1)[:, None] + 1 / steps + 0.02 * rng.random((100, 50))
    config = {f"x{at}": column.tolist() for at, column in enumerate(x.T)}
    study = Study.from_arrays(values, "minimize", config=config)
    surrogate, _ = learned([study], (), 0)
    lines = [
        f"Processor seconds of 100 futures of 100 trials of 50 steps under sagemaker on {WORKERS} "
        f"workers, from the first {TIMED} of them; the arm with the rule has up to 3 times as many "
        f"trials. On two idle cores it takes half as long. {machine()}.",
        "",
        "| search | all | the searcher's own | the rest | the rest on two cores |",
        "|---|--:|--:|--:|--:|",
    ]
    for name in SEARCHERS:
        drawn = Drawn(surrogate, (ARMS["sagemaker"],), terms(), Budget("trials", 100), 0)
        timed_future(drawn, name, TIMED)  # compiles
        took = [timed_future(drawn, name, number) for number in range(TIMED)]
        whole, own = (100 / TIMED * sum(column) for column in zip(*took, strict=True))
        rest = whole - own
        lines.append(f"| {name} | {whole:.0f} | {own:.0f} | {rest:.0f} | {rest / 2:.0f} |")
        print(lines[-1], file=sys.stderr)
    texts = {
        jobs: esim.closed_loop(
            study, "sagemaker", WORKERS, budget=13, futures=20, jobs=jobs
        ).to_json()
        for jobs in (1, 2, 4)
    }
    same = len(set(texts.values())) == 1
    lines += ["", f"Documents of 1, 2 and 4 processes: {'the same bytes' if same else 'DIFFER'}."]
    return lines


def timed_future(drawn: Drawn, name: str, number: int) -> tuple[float, float]:
    """Processor seconds of a future, and those of its searchers."""
    own = 0.0

    class Timed:
        """A searcher whose time is taken."""

        def __init__(self, inner: Any) -> None:
            self.inner = inner

        def __getattr__(self, method: str) -> Any:
            def call(*arguments: Any) -> Any:
                nonlocal own
                begun = time.process_time()
                try:
                    return getattr(self.inner, method)(*arguments)
                finally:
                    own += time.process_time() - begun

            return call

    real = drawn_futures.searcher
    drawn_futures.searcher = lambda *asked: Timed(real(*asked))  # type: ignore[assignment]
    begun = time.process_time()
    try:
        drawn.future((name, number))
    finally:
        drawn_futures.searcher = real
    return time.process_time() - begun, own


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]), only=sys.argv[4] if len(sys.argv) > 4 else "")
