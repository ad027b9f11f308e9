"""Does `esim identify` find a hidden rule, and how fast?

`python -m tests.benchmarks.identify > reports/benchmark-identify.md`, some minutes. A service with
a hidden rule, drawn from all combinations of readings, runs 50 jobs whose curves are drawn from a
tuning job in `data/`, on 1 or 4 workers. With noise each job is stopped by somebody else, at a
random report, with a given probability; the service goes on with what is left of it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

import esim
from esim.analyses.identify.evidence import Scene, hold
from esim.analyses.identify.noise import misses_allowed
from esim.assumptions import Clock
from esim.rules.candidates import Candidate, combinations
from esim.simulator.forced import forced_decisions
from esim.study import Status, Study
from tests.benchmarks.timing import machine
from tests.references.service import kept, picked, served, timed

CURVES = ("xgboost_digits/sagemaker", "mlp_digits/sagemaker", "image_digits")
AFTER = (10, 20, 50)
ERROR_RATES = (0.0, 0.02)
RISK = 0.05
RUNS = 17  # for each kind of curves, number of workers and error rate: 204 in all
TARGET = 2_000, 200, 100  # candidates, trials, reports of the speed that is asked for


@dataclass(frozen=True)
class Run:
    """What one hidden rule left.

    Attributes:
        stopped: how many of the jobs were stopped.
        left: candidates left after each number of jobs in `AFTER`.
        truth: whether the hidden rule is among them then.
    """

    stopped: int
    left: tuple[int, ...]
    truth: tuple[bool, ...]


def one_run(
    study: Study, candidates: Sequence[Candidate], workers: int, error_rate: float, seed: int
) -> Run:
    """Run a service under a hidden rule, and hold all candidates against what it recorded."""
    rng = np.random.default_rng(seed)
    hidden = int(rng.integers(len(candidates)))
    jobs = picked(study, rng.permutation(study.n_trials)[: AFTER[-1]].tolist())
    by_hand = rng.random(jobs.n_trials) < error_rate
    rows = np.diff(jobs.offsets)
    rows = np.where(by_hand, rng.integers(1, rows + 1), rows)
    jobs = kept(jobs, rows.tolist())
    jobs.status[by_hand] = Status.STOPPED
    record = served(jobs, candidates[hidden].rule, workers, upload_s=5.0)
    held = hold(Scene(record), candidates, 0.0, None)
    missed = held.missed[:, np.argsort(record.end, kind="stable")]
    left, truth = [], []
    for n in (n for n in AFTER if n <= record.n_trials):
        allowed = misses_allowed(n, error_rate, RISK, len(candidates))
        stays = missed[:, :n].sum(axis=1) <= allowed
        left.append(int(stays.sum()))
        truth.append(bool(stays[hidden]))
    return Run(int((record.status == Status.STOPPED).sum()), tuple(left), tuple(truth))


def survivors(candidates: Sequence[Candidate]) -> list[str]:
    """The table of what is left, a row for each kind of curves, workers and error rate."""
    lines = [
        "| curves | workers | jobs that go wrong | runs | stopped | left after 10 | 20 | 50 jobs "
        "| truth dropped |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name in CURVES:
        study = timed(esim.read_study(f"data/{name}"))
        for workers in (1, 4):
            for error_rate in ERROR_RATES:
                seeds = range(RUNS)
                runs = [one_run(study, candidates, workers, error_rate, seed) for seed in seeds]
                left = ["–"] * len(AFTER)
                for i in range(len(runs[0].left)):
                    low, high = np.percentile([run.left[i] for run in runs], (25, 75))
                    left[i] = f"{low:,.0f} to {high:,.0f}"
                dropped = sum(not all(run.truth) for run in runs)
                stopped = np.mean([run.stopped for run in runs])
                cells = (name.split("/")[0], workers, f"{100 * error_rate:g} %", len(runs),
                         f"{stopped:.0f}", *left, dropped)  # fmt: skip
                lines.append("| " + " | ".join(map(str, cells)) + " |")
                print(lines[-1], file=sys.stderr)
    return lines


def speed(candidates: Sequence[Candidate]) -> list[str]:
    """Seconds for the candidates of the target, drawn from all, and for all of them."""
    few, trials, reports = TARGET
    rng = np.random.default_rng(0)
    values = np.cumsum(rng.normal(-0.02, 0.05, (trials, reports)), axis=1) + rng.normal(
        1, 0.3, (trials, 1)
    )
    jobs = timed(esim.Study.from_arrays(values, "minimize"))
    record = served(jobs, esim.rule("sagemaker", min_reports=6), 4)
    rules = [candidate.rule for candidate in candidates]
    drawn = [rules[at] for at in rng.choice(len(rules), few, replace=False)]
    lines = ["| candidates | seconds | of the processors |", "|---|---|---|"]
    forced_decisions(record, drawn[:10], Clock("recorded"))
    for some in (drawn, rules):
        begin, spent = time.perf_counter(), time.process_time()
        forced_decisions(record, some, Clock("recorded"))
        took = time.perf_counter() - begin, time.process_time() - spent
        lines.append(f"| {len(some):,} | {took[0]:.1f} | {took[1]:.1f} |")
    return lines


def main() -> None:
    """Print the page."""
    candidates = combinations(esim.rule("sagemaker"))
    _, trials, reports = TARGET
    page = [
        "# Finding a hidden rule",
        "",
        "Written by `python -m tests.benchmarks.identify`.",
        "",
        machine("numba"),
        "",
        f"## What is left of {len(candidates):,} candidates",
        "",
        "The middle half of the runs. Where jobs go wrong the rule is dropped with a probability "
        f"of at most {RISK:g}. Of the image classifier there are 20 jobs.",
        "",
        *survivors(candidates),
        "",
        f"## Speed: {trials} jobs of {reports} reports",
        "",
        *speed(candidates),
    ]
    print("\n".join(page))


if __name__ == "__main__":
    main()
