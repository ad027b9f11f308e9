"""The closed loop's intervals before and now, on tables it was developed on and on others.

`python -m tests.benchmarks.closed_loop_intervals TABLES KEPT REPORTS` reads what
tests/benchmarks/closed_loop.py kept in the folder KEPT, measures what a second log adds on the
tables of TABLES/taskset (kept there too; a minute), and writes REPORTS/closed_loop_intervals.md.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from esim.analyses.closed_loop.closed_loop import widening
from esim.analyses.closed_loop.futures import Budget
from esim.analyses.closed_loop.held_against import held_against
from esim.analyses.closed_loop.learn import learned
from esim.analyses.closed_loop.loop import play
from esim.analyses.closed_loop.searchers import searcher
from esim.analyses.closed_loop.surrogate import Draw
from esim.errors import EsimError
from esim.study import Float64, Study
from esim.study.brief import counted
from esim.study.times import last_values
from tests.benchmarks.closed_loop import (
    ARMS,
    FUTURES,
    TRUTHS,
    WORKERS,
    DrawnOnTable,
    Nearest,
    in_space,
    log,
    problem,
    tables,
    terms,
)
from tests.benchmarks.closed_loop_continuous import NAME as CONTINUOUS
from tests.benchmarks.closed_loop_page import SEARCHERS, SHOWN, SIZES, futures, interval

DEVELOPED = (
    "patch128_LSTM128_avg_bs64",
    "patch32_GRU64_avg_bs128",
    "patch32_LSTM128_bs128",
    "patch32_VRNN64_tanh_avg_bs128",
)
FAMILIES = ("developed on", "held out", "continuous")
LEVEL = 0.9
LOGS = 6  # of each table, among which pairs learn together
SEEN = 200  # configurations of a table, whose values are predicted
DRAWS = 3  # of a surrogate
LOGS_HELD, JOBS = 2, 10  # of each table: logs, and jobs with the rule that they are held against


def family_of(table: str) -> str:
    """Of which of `FAMILIES` a table is."""
    if table == CONTINUOUS:
        return "continuous"
    return "developed on" if table in DEVELOPED else "held out"


@dataclasses.dataclass(frozen=True)
class Answers:
    """What one log says of a number under a rule, and what is true.

    Attributes:
        truth: float64 [pairs].
        futures: float64 [F], the number as the futures have it.
        now: the interval as the command tells it.
    """

    truth: Float64
    futures: Float64
    now: tuple[float, float]

    def measured(self) -> list[float]:
        """Bias, error, and of the interval before and now: the share covered, and the width."""
        bias = self.futures.mean() - self.truth.mean()
        before = np.quantile(self.futures, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        found = [bias, abs(bias)]
        for low, high in (before, self.now):
            found += [((low <= self.truth) & (self.truth <= high)).mean(), high - low]
        return found


def answers(cells: Sequence[dict[str, Any]], key: str, scaled: bool) -> Iterator[Answers]:
    """Of each log that is answered and each rule."""
    for cell in cells:
        scale = cell["scale"] if scaled else 1.0
        for one in cell["logs"]:
            if one["refused"] is not None or not one["covered"]:
                continue
            for rule in cell["truth"][0]:
                truth = np.array([pair[rule][key] for pair in cell["truth"]], dtype=float)
                told = np.array([future[rule][key] for future in one["futures"]], dtype=float)
                told = told[np.isfinite(told)] / scale
                now = interval(told, cell["searcher"], one["rank_correlation"], scaled)
                yield Answers(truth / scale, told, now)


def before_and_now(cells: Sequence[dict[str, Any]]) -> Iterator[str]:
    """A row for each family of tables, number, searcher and size."""
    yield (
        "| tables | number | search | n | logs answered | bias | error | covered before | now "
        "| width before | now |"
    )
    yield "|---|---|---|--:|--:|--:|--:|--:|--:|--:|--:|"
    for family in FAMILIES:
        for key, name, scaled in SHOWN:
            for search in SEARCHERS:
                for n in SIZES:
                    part = [
                        c for c in cells
                        if (family_of(c["table"]), c["searcher"], c["n"]) == (family, search, n)
                    ]  # fmt: skip
                    found = list(answers(part, key, scaled))
                    if found:
                        yield _row(family, name, search, n, part, found)


def _row(
    family: str, name: str, search: str, n: int, cells: Sequence[dict[str, Any]],
    found: Sequence[Answers],
) -> str:  # fmt: skip
    bias, error, before, width, now, wider = np.mean([one.measured() for one in found], axis=0)
    logs = len(found) // len(cells[0]["truth"][0])
    told = f"{family} | {name} | {search} | {n} | {logs}, of {counted(len(cells), 'table')}"
    columns = [f"{bias:+.3f}", f"{error:.3f}", f"{100 * before:.0f} %", f"{100 * now:.0f} %"]
    columns += [f"{width:.3f}", f"{wider:.3f}"]
    return f"| {told} | {' | '.join(columns)} |"


def against_table(studies: Sequence[Study], table: Study) -> list[float] | None:
    """A surrogate of logs of a table, held against configurations of it. None: it is refused.

    Returns:
        The rank correlation of predicted and recorded values; and which share is as good as the
        fifth best trial of the first log, of the values that are drawn and of those recorded.
    """
    try:
        surrogate, _ = learned(studies, (), 0)
    except EsimError:
        return None
    rows = np.random.default_rng(0).choice(table.n_trials, SEEN, replace=False)
    positions = in_space(table, surrogate.space).positions[rows]
    finals = surrogate.finals()
    features = surrogate.space.features(positions).tolist()
    told = np.array([np.mean([finals[t.find(f)] for t in surrogate.forest]) for f in features])
    recorded = np.nan_to_num(table.sign * last_values(table)[rows], nan=np.inf)
    draws = [Draw.of(surrogate, np.random.default_rng(at)) for at in range(DRAWS)]
    drawn = np.array([draw.run(at)[1].values[-1] for draw in draws for at in positions])
    fifth = np.sort(table.sign * last_values(studies[0]))[4]
    good = [float((table.sign * drawn <= fifth).mean()), float((recorded <= fifth).mean())]
    return [_correlation(told, recorded), *good]


def _correlation(a: Float64, b: Float64) -> float:
    ranks = [np.argsort(np.argsort(x, kind="stable"), kind="stable") for x in (a, b)]
    return float(np.corrcoef(*ranks)[0, 1])


def several_logs(folder: Path, kept: Path) -> list[dict[str, Any]]:
    """Of each table and searcher, surrogates of logs of 30 trials, one and two."""
    place = kept / "several_logs.json"
    if place.exists():
        found: list[dict[str, Any]] = json.loads(place.read_text(encoding="utf-8"))
        return found
    found = []
    for table in tables(folder):
        if table.n_trials < 1000:
            continue
        for search in ("random", "tpe"):
            its = problem(table)
            logs = [log(its, search, 30, seed) for seed in range(LOGS)]
            logs = [dataclasses.replace(one, name=str(at)) for at, one in enumerate(logs)]
            pairs = list(combinations(logs, 2))[:: LOGS - 1]
            found.append(
                {
                    "table": table.name,
                    "searcher": search,
                    "one": [against_table([one], table) for one in logs],
                    "two": [against_table(pair, table) for pair in pairs],
                }
            )
    place.write_text(json.dumps(found), encoding="utf-8")
    return found


def of_several(found: Sequence[dict[str, Any]]) -> Iterator[str]:
    """A row for each searcher."""
    yield (
        "| search | refused, one log | two | true rank correlation, one log | two | as good as the "
        "fifth best of a log, drawn from one | recorded |"
    )
    yield "|---|--:|--:|--:|--:|--:|--:|"
    for search in ("random", "tpe"):
        its = [one for one in found if one["searcher"] == search]
        columns: list[str] = []
        means: list[str] = []
        for many in ("one", "two"):
            told = [value for one in its for value in one[many]]
            known = [value for value in told if value is not None]
            columns.append(f"{len(told) - len(known)} of {len(told)}")
            correlation = np.mean([value[0] for value in known])
            means.append(f"{correlation:.2f}")
        good = [value[1:] for one in its for value in one["one"] if value is not None]
        shares = [f"{100 * share:.1f} %" for share in np.mean(good, axis=0)]
        yield f"| {search} | {' | '.join(columns + means + shares)} |"


def job_with_rule(table: Nearest, search: str, n: int, seed: int) -> Study:
    """A job on a table under sagemaker, as it is recorded: a stopped trial ends where it stops."""
    its = searcher(search, table.space, seed, WORKERS)
    with threadpool_limits(1):
        went = play(
            table.fresh(), its, ARMS["sagemaker"].rule, terms(), table.study,
            lambda launched, now, run, study: launched < n,
        )  # fmt: skip
    study, kept = went.study, went.run.rows_kept
    number = np.arange(study.n_reports) - np.repeat(study.offsets[:-1], np.diff(study.offsets))
    rows = number < np.repeat(kept, np.diff(study.offsets))
    return dataclasses.replace(
        study,
        offsets=np.concatenate(([0], np.cumsum(kept))),
        steps=study.steps[rows],
        values=study.values[rows],
        censored=went.run.stopped,
    )


def pairs_held(folder: Path, kept: Path) -> list[dict[str, Any]]:
    """Of each table, logs of a TPE of 30 trials held against jobs with the rule."""
    place = kept / "pairs.json"
    if place.exists():
        found: list[dict[str, Any]] = json.loads(place.read_text(encoding="utf-8"))
        return found
    found = []
    for study in tables(folder):
        if study.n_trials < 1000:
            continue
        table, answered = problem(study), 0
        jobs = [job_with_rule(table, "tpe", 30, 100 + seed) for seed in range(JOBS)]
        for seed in range(TRUTHS[30]):
            its = log(table, "tpe", 30, seed)
            try:
                surrogate, quality = learned([its], (), 0)
            except EsimError:
                continue
            by = widening("tpe", quality.rank_correlation)
            drawn = DrawnOnTable(
                surrogate, (ARMS["sagemaker"],), terms(), Budget("trials", 30, 1.0), 0,
                in_space(study, surrogate.space),
            )  # fmt: skip
            ruled = [drawn.future(("tpe", number))[1][0] for number in range(FUTURES[30])]
            for job in jobs:
                held = held_against(its, job, ruled, "last", LEVEL, by)
                told = {name: one.covered for name, one in held.quantities.items()}
                told["best so far"] = held.best_so_far.covered
                found.append({"table": study.name, "held": told})
            answered += 1
            if answered == LOGS_HELD:
                break
    place.write_text(json.dumps(found), encoding="utf-8")
    return found


def of_pairs(found: Sequence[dict[str, Any]]) -> Iterator[str]:
    """A row for each family of tables."""
    names = list(found[0]["held"])
    yield f"| tables | pairs | {' | '.join(name.replace('_', ' ') for name in names)} |"
    yield "|---|--:|" + "--:|" * len(names)
    for family in FAMILIES:
        part = [one["held"] for one in found if family_of(one["table"]) == family]
        if part:
            shares = [f"{100 * np.mean([one[name] for one in part]):.0f} %" for name in names]
            yield f"| {family} | {len(part)} | {' | '.join(shares)} |"


def page(
    cells: Sequence[dict[str, Any]],
    several: Sequence[dict[str, Any]],
    pairs_found: Sequence[dict[str, Any]],
) -> str:
    """The report."""
    truths = {n: {len(c["truth"]) for c in cells if c["n"] == n} for n in SIZES}
    pairs = " and ".join(f"{max(found)} at n = {n}" for n, found in truths.items() if found)
    few = {
        (len(one["futures"]), c["searcher"], c["n"])
        for c in cells for one in c["logs"] if one["refused"] is None and len(one["futures"]) < 19
    }  # fmt: skip
    fewer = "".join(
        f" ({many} of {search} at n = {n}: the widest interval then holds "
        f"{100 * (many - 1) / (many + 1):.0f} %)"
        for many, search, n in sorted(few)
    )
    return "\n".join(
        [
            "# The closed loop's intervals, before and now",
            "",
            "`python -m tests.benchmarks.closed_loop_intervals TABLES KEPT reports`, from what "
            "`tests.benchmarks.closed_loop` keeps of its cells; what a cell is stands in "
            f"[closed_loop.md](closed_loop.md). {pairs} pairs are the truth, {futures(cells)} "
            f"futures{fewer} the forecast of a log, 4 rules. The futures are the same before and "
            "now; what is made of them differs:",
            "",
            "- The interval of one more job. Quantiles of 20 futures hold 81 % of such jobs where "
            "they say 90 %, and of 10 futures 74 %: most of what was missed. The ends are now "
            "ranks of one more among the futures.",
            "- Of a search that learns, the interval of what is lost of the best is wider than "
            "its futures say by 1 over the surrogate's rank correlation on trials not seen: the "
            "futures share the surrogate's error.",
            "",
            "The middle of the forecast is as it was. A surrogate has too many good configurations "
            "(last columns of the table of logs), so a TPE finds its best too soon on it and loses "
            "too little by a stop; for the Gaussian process the bias is the other way on some "
            "tables, so it is not corrected. Tried on TPE logs of the tables developed on, and "
            "left: errors from several trees at once, means of trees, trees on half of the trials "
            "or on fewer of the crowded ones, and donors matched by distance, which all left the "
            "search as easy; a second surrogate learned from each future (iterated bootstrap), "
            "whose correction took the bias of losses from -0.12 to -0.09 for twice the time; and "
            "losses divided by the rank correlation, which took it to -0.06, but makes those of "
            "the Gaussian process, already too large from 100 trials on two tables, twice as "
            "large. The widening was chosen on the same logs; of the tables held out nothing was.",
            "",
            "Tables developed on: "
            + ", ".join(DEVELOPED)
            + ". Held out, used for nothing before: "
            + ", ".join(sorted({c["table"] for c in cells if family_of(c["table"]) == "held out"}))
            + ". All are of one family, small recurrent networks with the same 1,000 "
            "configurations. Continuous: softmax regression of six hyperparameters, trained on "
            "digits for every configuration that is asked for, so that neither the true jobs nor "
            "the futures are bound to the points of a table "
            "(`python -m tests.benchmarks.closed_loop_continuous KEPT`).",
            "",
            *before_and_now(cells),
            "",
            "Bias: the closed loop's mean minus the mean of the true pairs. Error: its absolute "
            "value. Means over logs, rules and tables. Degradations are in units of the table's "
            "distance from best to median.",
            "",
            "## What a second log adds",
            "",
            f"{LOGS} logs of 30 trials of each table, and pairs of them. The true rank correlation "
            f"is of {SEEN} configurations of the table, recorded against predicted, of logs that "
            "are not refused.",
            "",
            *of_several(several),
            "",
            "## A job with the rule held against the forecast",
            "",
            f"{LOGS_HELD} logs of a TPE of 30 trials of each table, and {JOBS} jobs of the same "
            "search under sagemaker from other seeds: how many lie in the 90 % interval of the "
            "log's 20 futures, as `esim closed-loop LOGS --against JOB` has it.",
            "",
            *of_pairs(pairs_found),
            "",
        ]
    )


def main(folder: Path, kept: Path, reports: Path) -> None:
    """Write the report."""
    cells = [json.loads(p.read_text(encoding="utf-8")) for p in sorted(kept.glob("*-*-*.json"))]
    text = page(cells, several_logs(folder, kept), pairs_held(folder, kept))
    (reports / "closed_loop_intervals.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
