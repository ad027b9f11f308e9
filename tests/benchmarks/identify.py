"""Does `esim identify` find a hidden rule, and how fast?

`python -m tests.benchmarks.identify --data FOLDER > reports/benchmark-identify.md`, some 20
minutes; FOLDER, or ESIM_SHARED_DATA, holds TaskSet's curves in `taskset`. A service with a hidden
rule runs jobs whose curves are drawn from recorded ones, on 1 or 4 workers, each at its own pace,
every other time with a warm-start parent. With noise each job is stopped by somebody else, at a
random report, with a given probability; the service goes on with what is left of it.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np

import esim
from esim.assumptions import Clock
from esim.rules.candidates import Candidate, answers, asked
from esim.rules.readings import QUESTIONS
from esim.simulator.forced import forced_decisions
from tests.benchmarks.identify_runs import (
    AFTER,
    MADE_UP,
    RISK,
    TASKSET,
    Hidden,
    Row,
    Run,
    all_curves,
    data_folder,
    preset_runs,
    presets,
    readings,
    runs_of,
    told_apart,
)
from tests.benchmarks.timing import machine
from tests.references.service import served, timed

ERROR_RATES = (0.0, 0.02)
RUNS, FULL, PRESET_RUNS = 200, 8, 20  # of each row; of these with all candidates; of each preset
TARGET = 2_000, 200, 100  # candidates, trials, reports of the speed that is asked for


def rows(data: str, runs: int, full: int) -> list[Row]:
    """The rows of the table."""
    return [
        Row(curves, workers, error_rate, runs, full)
        for curves in all_curves(data)
        for workers in (1, 4)
        for error_rate in ERROR_RATES
    ]


def survivors(found: Sequence[tuple[Row, Sequence[Run]]]) -> Iterator[str]:
    """The table of what is left, a row for each kind of curves, workers and error rate."""
    yield (
        "| curves | workers | jobs that go wrong | runs | stopped | left after 10 | 20 | 50 jobs "
        "| rule dropped |"
    )
    yield "|---|---|---|---|---|---|---|---|---|"
    for row, runs in found:
        left = ["–"] * len(AFTER)
        every = [run.left for run in runs if run.left]
        for i in range(len(every[0])):
            low, high = np.percentile([one[i] for one in every], (25, 75))
            left[i] = f"{low:,.0f} to {high:,.0f}"
        stopped = np.mean([run.stopped for run in runs])
        cells = (row.curves.split("/")[0], row.workers, f"{100 * row.error_rate:g} %", len(runs),
                 f"{stopped:.0f}", *left, dropped(runs))  # fmt: skip
        yield "| " + " | ".join(map(str, cells)) + " |"


def dropped(runs: Sequence[Run]) -> int:
    """In how many runs the hidden rule was dropped, after any of the numbers of jobs."""
    return sum(not all(run.truth) for run in runs)


def in_all(found: Sequence[tuple[Row, Sequence[Run]]]) -> Iterator[str]:
    """What is promised, and what was seen."""
    for error_rate in ERROR_RATES:
        runs = [run for row, runs in found if row.error_rate == error_rate for run in runs]
        most = f"at most {RISK:g}" if error_rate else "0"
        yield (
            f"- {100 * error_rate:g} % of the jobs go wrong: the rule was dropped in "
            f"{dropped(runs)} of {len(runs):,} runs; promised is a share of {most}. Were it the "
            f"only candidate, it would be dropped in {sum(not run.alone for run in runs)}."
        )
    hidden = [run.hidden for _, runs in found for run in runs]
    counts = {
        f"{letter} {min(its)} to {max(its)}"
        for column, letter in enumerate(asked(parents=True))
        if (its := [sum(codes[column : column + 1] == (code,) for codes in hidden)
                    for code in answers(letter)])
    }  # fmt: skip
    yield f"- How often each answer of a question was hidden: {', '.join(sorted(counts))}."


def by_question(found: Sequence[tuple[Row, Sequence[Run]]]) -> Iterator[str]:
    """How soon a question is settled, for each kind of curves."""
    kinds = {"shipped": [], MADE_UP: [], TASKSET: []}
    for row, runs in found:
        if not row.error_rate:
            kind = MADE_UP if row.curves == MADE_UP else "shipped"
            kinds[TASKSET if row.curves.startswith(TASKSET) else kind].extend(runs)
    kinds = {kind: runs for kind, runs in kinds.items() if runs}
    head = [f"{kind}: {n}" for kind in kinds for n in AFTER]
    yield f"| question | {' | '.join(head)} jobs |"
    yield "|---|" + "---|" * len(head)
    for question in QUESTIONS:
        cells = []
        for runs in kinds.values():
            for after in range(len(AFTER)):
                fallen, of = told_apart(runs, question.letter, after)
                cells.append(f"{100 * fallen / of:.0f} %" if of else "–")
        yield f"| {question.letter}: {question.text} | {' | '.join(cells)} |"


def of_presets(found: Sequence[Hidden]) -> Iterator[str]:
    """What is left of all presets, with each of them hidden."""
    yield "| hidden | runs | stopped | presets left | rule dropped |"
    yield "|---|---|---|---|---|"
    for one in found:
        low, high = np.percentile(one.left, (25, 75))
        yield (
            f"| {one.name} | {len(one.left)} | {np.mean(one.stopped):.0f} | {low:.0f} to "
            f"{high:.0f} | {one.dropped} |"
        )


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
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", help="the folder that holds `taskset`")
    parser.add_argument("--small", action="store_true", help="try it out, with a tenth of the runs")
    given = parser.parse_args()
    data, part = data_folder(given.data), 10 if given.small else 1
    its = rows(data, RUNS // part, -(-FULL // part))
    names = [one.name for one in presets()]
    with ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn")) as pool:
        found = []
        for row, runs in zip(its, pool.map(partial(runs_of, data=data), its), strict=True):
            found.append((row, runs))
            print(row, dropped(runs), file=sys.stderr)
        hide = partial(preset_runs, runs=PRESET_RUNS // part, data=data)
        hidden = list(pool.map(hide, names))
    candidates = readings(False)
    _, trials, reports = TARGET
    page = [
        "# Finding a hidden rule",
        "",
        "Written by `python -m tests.benchmarks.identify --data FOLDER`.",
        "",
        machine("numba"),
        "",
        f"## What is left of {len(candidates):,} candidates",
        "",
        f"Hidden rules in which each answer of each question comes up as often as the others. "
        f"Left is the middle half of the {FULL // part} runs a row in which all candidates were "
        "held, none with a warm start. In the other runs the hidden rule was held, which is "
        "dropped or not whatever the others do, and without noise those next to it. In every "
        f"second run the jobs had a warm-start parent, and the candidates are "
        f"{len(readings(True)):,}. Of the image classifier there are 20 jobs."
        + ("" if len(all_curves(data)) > 4 else " TaskSet's curves were not at hand."),
        "",
        *survivors(found),
        "",
        *in_all(found),
        "",
        "## Which questions are settled, and how soon",
        "",
        "Without noise: of the candidates that answer one question otherwise than the hidden rule, "
        "and are not the same on every input, the share that has fallen.",
        "",
        *by_question(found),
        "",
        f"## Presets: what is left of {len(names)}",
        "",
        "Up to 50 jobs of all curves in turn, on 1 or 4 workers, without noise. The middle half of "
        "the runs.",
        "",
        *of_presets(hidden),
        "",
        f"## Speed: {trials} jobs of {reports} reports",
        "",
        *speed(candidates),
    ]
    print("\n".join(page))


if __name__ == "__main__":
    main()
