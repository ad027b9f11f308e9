"""Kernel against twin on real logs, decision by decision: TaskSet and AlgoPerf.

Set ESIM_SHARED_DATA to the folder that holds `taskset` and `algoperf_v05`; the logs are not part
of this repository. Run with -s to see how many decisions were compared.

A minute of AlgoPerf and two of TaskSet. Under the readings that stop late, the twin would take
minutes more for TaskSet's 1000 trials: there the first 300 are compared.
"""

from __future__ import annotations

import csv
import json
import math
import os
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numba import config

from esim import EsimError, Study, replay, rule
from esim.simulator.decisions import decision_columns
from esim.simulator.plan.build import prepare
from esim.simulator.plan.plan import Plan
from tests.references import naive
from tests.references.generate import build
from tests.simulator.test_kernel import DECISION, judged_until_told, kernel_run
from tests.simulator.test_ranked_or_looked_up import both_ways

SHARED = os.environ.get("ESIM_SHARED_DATA", "")
pytestmark = pytest.mark.skipif(not SHARED, reason="ESIM_SHARED_DATA is not set")

LITERAL = rule("sagemaker")
READINGS: dict[str, dict[str, Any]] = {
    "literal": {},
    "own best": {"own": "best"},
    "own average": {"own": "average"},
    "reached": {"pool": "reached"},
    "carry": {"short": "carry"},
    "from the sixth report": {"min_reports": 6},
    "one report later": {"delay": 1},
    "by number": {"match": "number"},
}
STOPS_LATE = ("carry", "from the sixth report", "one report later")
FIRST = 300

TASKS = (
    "FixedTextRNNClassification_imdb_patch128_LSTM128_avg_bs64",
    "FixedTextRNNClassification_imdb_patch32_GRU64_avg_bs128",
    "FixedTextRNNClassification_imdb_patch32_LSTM128_bs128",
    "FixedTextRNNClassification_imdb_patch32_VRNN64_tanh_avg_bs128",
)
SUBMISSIONS = (
    "cyclic_lr",
    "lawa_ema",
    "lawa_queue",
    "schedule_free_adamw",
    "schedule_free_prodigy",
    "shampoo_submission",
)
#: Workload -> its objective and direction, as the data's SOURCE.txt has them.
WORKLOADS = {
    "criteo1tb_pytorch": ("validation/loss", "minimize"),
    "fastmri_pytorch": ("validation/ssim", "maximize"),
    "imagenet_resnet_pytorch": ("validation/accuracy", "maximize"),
    "librispeech_conformer_pytorch": ("validation/wer", "minimize"),
    "ogbg_pytorch": ("validation/mean_average_precision", "maximize"),
    "wmt_pytorch": ("validation/bleu", "maximize"),
}

#: All but one left logs.
BLOCKS = {(s, w) for s in SUBMISSIONS for w in WORKLOADS}
BLOCKS -= {("schedule_free_prodigy", "criteo1tb_pytorch")}


@cache
def taskset(task: str, n: int) -> Study:
    """The first n trials; steps 0..50, diverged values as they stand (NaN, Infinity, 1e34)."""
    with (Path(SHARED) / "taskset" / f"{task}.json").open() as file:
        trials = json.load(file)[:n]
    curves = [trial["valid"]["loss"] for trial in trials]
    return build([list(range(len(c))) for c in curves], curves)


@cache
def algoperf(submission: str, workload: str) -> Study:
    """25 trials of up to 124 evaluations, each on its own grid of steps, with elapsed seconds."""
    objective, direction = WORKLOADS[workload]
    folder = Path(SHARED) / "algoperf_v05" / submission
    steps, values, elapsed = [], [], []
    for path in sorted(folder.glob(f"study_*/{workload}/trial_*/eval_measurements.csv")):
        with path.open() as file:
            rows = list(csv.DictReader(file))
        steps.append([int(float(row["global_step"])) for row in rows])
        values.append([float(row[objective] or "nan") for row in rows])
        elapsed.append([float(row["accumulated_submission_time"]) for row in rows])
    return build(steps, values, direction=direction, elapsed=elapsed)


@pytest.fixture(scope="module")
def counts() -> Iterator[Counter[str]]:
    counter: Counter[str] = Counter()
    yield counter
    print("\n" + ", ".join(f"{n} {what}" for what, n in sorted(counter.items())))


def compare(
    plan: Plan, options: dict[str, Any], expected: naive.NaiveReplay, counts: Counter[str]
) -> None:
    """Decisions in the order they were made. Means may differ in their last bits, depending on how
    they are added: where that decides, the two part ways and are compared up to there.
    """
    run = kernel_run(plan, options)
    columns = decision_columns(plan, run, slice(None))
    index = {name: i for i, name in enumerate(plan.study.trials)}
    rows = zip(*(columns[c] for c in DECISION), strict=True)
    actual = {(index[trial], int(step)): rest for trial, step, *rest in rows}
    judged = judged_until_told(expected)
    for at, decision in judged.items():
        own, threshold, peers, stop = actual[at]
        close = decision.own is not None and decision.threshold is not None and near(
            decision.own, decision.threshold, 1e-12
        )  # fmt: skip
        counts["within 1e-12 of the threshold"] += close
        assert peers == decision.peers, at
        assert equal(own, decision.own), at
        assert equal(threshold, decision.threshold), at
        if close and bool(stop) != decision.stop:
            counts["replays that parted ways there"] += 1
            return
        assert bool(stop) == decision.stop, at
        counts["decisions"] += 1
        counts["decisions with a threshold"] += decision.threshold is not None
    assert len(actual) == len(judged)
    assert run.rows_kept.tolist() == expected.kept
    assert run.stopped.tolist() == expected.stopped
    if options["clock"] == "simulated":
        np.testing.assert_allclose(run.began, expected.start, rtol=1e-12)
        np.testing.assert_allclose(run.ended, expected.end, rtol=1e-12)
    counts["replays"] += 1
    counts["stops"] += sum(expected.stopped)


def near(a: float, b: float, share: float) -> bool:
    return a == b or abs(a - b) <= share * abs(b)


def equal(actual: float, expected: float | None) -> bool:
    if expected is None or math.isnan(expected):
        return math.isnan(actual)
    return near(actual, expected, 1e-9)


CLOCKS = ("order", "simulated")


@pytest.mark.parametrize("clock", CLOCKS)
@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize("task", TASKS)
def test_taskset(task: str, reading: str, clock: str, counts: Counter[str]) -> None:
    whole = reading not in STOPS_LATE and not config.DISABLE_JIT
    study = taskset(task, 1000 if whole else FIRST)
    assert study.n_trials == (1000 if whole else FIRST)
    row = LITERAL.with_columns(**READINGS[reading])
    options = {"clock": clock, "workers": 8 if clock == "simulated" else 1}
    compare(prepare(study, row), options, naive.replay(study, row, **options), counts)


@pytest.mark.parametrize(("submission", "workload"), sorted(BLOCKS))
def test_algoperf(
    submission: str, workload: str, counts: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    study = algoperf(submission, workload)
    assert study.n_trials in (24, 25)  # one trial left no log
    with pytest.raises(EsimError, match="starts or ends"):
        replay(study, LITERAL, "recorded")
    for reading in READINGS.values():
        row = LITERAL.with_columns(**reading)
        for clock in CLOCKS:
            options = {"clock": clock, "workers": 5 if clock == "simulated" else 1}
            expected = naive.replay(study, row, **options)
            for plan in both_ways(monkeypatch, study, row):
                compare(plan, options, expected, counts)
