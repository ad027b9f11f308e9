"""Runs of a service with a hidden rule, which candidates are held against."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

import esim
from esim.analyses.identify.evidence import Scene, hold
from esim.analyses.identify.noise import misses_allowed
from esim.rules import BASELINES, PRESETS
from esim.rules.candidates import Candidate, answers, asked, combinations
from esim.study import Status, Study
from tests.benchmarks.probe import same_on_every_input
from tests.references.service import kept, picked, served, timed, warm_started

SHIPPED = ("xgboost_digits/sagemaker", "mlp_digits/sagemaker", "image_digits")
MADE_UP, TASKSET = "made up", "taskset"
AFTER = (10, 20, 50)
RISK = 0.05
UPLOAD_S = 5.0
PARENTS = 10  # jobs of a warm start's parent, or a quarter of all there are


@dataclass(frozen=True)
class Row:
    """The runs of one row: on which curves, on how many workers, and how often a job goes wrong.

    Attributes:
        runs: how many there are. Every other one has a warm-start parent.
        full: in how many of those without a parent all candidates are held, not only the hidden
            rule and, without noise, those that differ from it in one question.
    """

    curves: str
    workers: int
    error_rate: float
    runs: int
    full: int


@dataclass(frozen=True)
class Run:
    """What one hidden rule left.

    Attributes:
        stopped: how many of the jobs were stopped.
        truth: whether the hidden rule is left after each number of jobs in `AFTER`.
        alone: whether it would be left after all of them, were it the only candidate.
        left: candidates left then; empty if not all were held.
        told: question -> (numbers of jobs, pairs) whether each candidate that answers it alone
            otherwise, and is not the same on every input, has fallen.
        hidden: the codes of the hidden rule.
    """

    stopped: int
    truth: tuple[bool, ...]
    alone: bool
    left: tuple[int, ...]
    told: dict[str, np.ndarray]
    hidden: tuple[str, ...]


@cache
def readings(parents: bool) -> tuple[Candidate, ...]:
    """Every combination of readings."""
    return combinations(esim.rule("sagemaker"), parents=parents)


@cache
def _codes(parents: bool) -> tuple[np.ndarray, dict[tuple[str, ...], int]]:
    """The answers of each candidate as numbers, int8 [C, Q], and the place of each by its codes."""
    letters, every = asked(parents=parents), readings(parents)
    numbers = [{code: at for at, code in enumerate(answers(letter))} for letter in letters]
    rows = [[of[code] for of, code in zip(numbers, one.codes, strict=True)] for one in every]
    return np.array(rows, dtype=np.int8), {one.codes: at for at, one in enumerate(every)}


def evenly(runs: int, rng: np.random.Generator) -> list[tuple[str, ...]]:
    """Codes of hidden rules in which each answer of a question comes as often as the others."""
    each = {
        letter: rng.permutation(np.resize(list(answers(letter)), runs)).tolist()
        for letter in asked(parents=True)
    }
    alone = [code for code in answers("I") if code not in answers("H")]
    each["I"] = rng.permutation(np.resize(alone, runs)).tolist()
    both = [code if code in answers("I") else None for code in each["H"]]
    each["I"] = [one or code for one, code in zip(both, each["I"], strict=True)]
    return list(zip(*each.values(), strict=True))


def neighbours(hidden: int, parents: bool) -> dict[str, list[int]]:
    """Question -> the candidates that answer it alone otherwise, and may act otherwise."""
    codes, _ = _codes(parents)
    apart = codes != codes[hidden]
    rule = same_on_every_input(readings(parents)[hidden]).rule
    found = {}
    for column, letter in enumerate(asked(parents=parents)):
        its = np.flatnonzero(apart[:, column] & (apart.sum(axis=1) == 1)).tolist()
        every = readings(parents)
        found[letter] = [
            at for at in its if letter == "P" or same_on_every_input(every[at]).rule != rule
        ]
    return found


@cache
def curves_of(name: str, data: str) -> Study:
    """The jobs from which the jobs of a run are drawn."""
    if name == MADE_UP:
        return made_up(np.random.default_rng(0), 100, 16)
    if name.startswith(TASKSET):
        return esim.read_studies(f"{data}/{TASKSET}")[int(name.removeprefix(TASKSET)) - 1]
    return esim.read_study(f"data/{name}")


def made_up(rng: np.random.Generator, trials: int, steps: int) -> Study:
    """Falling curves that cross, of different lengths, with steps left out here and there."""
    level, speed = rng.normal(1.0, 0.5, (trials, 1)), rng.uniform(0.05, 0.5, (trials, 1))
    values = level + np.exp(-speed * np.arange(1, steps + 1)) + rng.normal(0, 0.1, (trials, steps))
    for trial, length in enumerate(rng.integers(steps // 2, steps + 1, trials)):
        values[trial, length:] = np.nan
        values[trial, rng.integers(0, steps)] = np.nan
    return esim.Study.from_arrays(values.round(3), "minimize")


def all_curves(data: str) -> tuple[str, ...]:
    """The names of all curves; of TaskSet only where its folder is."""
    tasks = sorted(Path(data, TASKSET).glob("*.json")) if data else []
    return (*SHIPPED, MADE_UP, *(f"{TASKSET}{n}" for n in range(1, len(tasks) + 1)))


def drawn(study: Study, jobs: int, rng: np.random.Generator) -> Study:
    """Some jobs of a study, each at its own pace."""
    some = picked(study, rng.permutation(study.n_trials)[:jobs].tolist())
    return timed(some, rng.integers(9, 12, some.n_trials).tolist())


def stopped_by_hand(jobs: Study, error_rate: float, rng: np.random.Generator) -> Study:
    """The jobs, of which some are stopped by somebody else, each at a random report."""
    wrong = rng.random(jobs.n_trials) < error_rate
    rows = np.diff(jobs.offsets)
    rows = np.where(wrong, rng.integers(1, rows + 1), rows)
    jobs = kept(jobs, rows.tolist())
    return replace(jobs, status=np.where(wrong, Status.STOPPED, jobs.status).astype(np.int8))


def recorded(
    study: Study, hidden: Candidate, warm: bool, row: Row, rng: np.random.Generator
) -> Scene:
    """What a service with a hidden rule records of jobs drawn from a study."""
    many = min(PARENTS, study.n_trials // 4) if warm else 0
    jobs = drawn(study, min(AFTER[-1] + many, study.n_trials), rng)
    own = stopped_by_hand(picked(jobs, range(many, jobs.n_trials)), row.error_rate, rng)
    if not warm:
        return Scene(served(own, hidden.rule, row.workers, UPLOAD_S))
    parent = replace(picked(jobs, range(many)), name="parent")
    before = served(parent, hidden.rule, row.workers, UPLOAD_S)
    if hidden.parents:
        return Scene(warm_started(parent, own, hidden.rule, row.workers, UPLOAD_S), (before,))
    record = served(own, hidden.rule, row.workers, UPLOAD_S)
    later = before.end.max() + 60.0 - record.start[0]
    return Scene(replace(record, start=record.start + later, end=record.end + later), (before,))


def one_run(row: Row, number: int, codes: tuple[str, ...], data: str) -> Run:
    """Run a service under a hidden rule, and hold candidates against what it recorded."""
    rng = np.random.default_rng((number, row.workers, int(1000 * row.error_rate)))
    warm = number % 2 == 1
    every = readings(warm)
    hidden = _codes(warm)[1][codes if warm else codes[:-1]]
    scene = recorded(curves_of(row.curves, data), every[hidden], warm, row, rng)
    full = not warm and number < 2 * row.full
    near = {} if row.error_rate else neighbours(hidden, warm)
    some = range(len(every)) if full else [hidden, *(at for its in near.values() for at in its)]
    place = {at: i for i, at in enumerate(some)}
    missed = hold(scene, [every[at] for at in some], 0.0, 1).missed
    missed = missed[:, np.argsort(scene.study.end, kind="stable")]
    left, truth, told = [], [], {letter: [] for letter in near}
    for n in (n for n in AFTER if n <= scene.study.n_trials):
        allowed = misses_allowed(n, row.error_rate, RISK, len(every))
        stays = missed[:, :n].sum(axis=1) <= allowed
        truth.append(bool(stays[place[hidden]]))
        if full:
            left.append(int(stays.sum()))
        for letter, its in near.items():
            told[letter].append([not stays[place[at]] for at in its])
    most = misses_allowed(missed.shape[1], row.error_rate, RISK, 1)
    alone = int(missed[place[hidden]].sum()) <= most
    stopped = int((scene.study.status == Status.STOPPED).sum())
    fallen = {letter: np.array(its, dtype=np.bool_) for letter, its in told.items()}
    return Run(stopped, tuple(truth), alone, tuple(left), fallen, every[hidden].codes)


def runs_of(row: Row, data: str) -> list[Run]:
    """All runs of a row."""
    rng = np.random.default_rng((len(row.curves), row.workers, int(1000 * row.error_rate)))
    return [one_run(row, at, codes, data) for at, codes in enumerate(evenly(row.runs, rng))]


def presets() -> list[Candidate]:
    """Every preset that a service could run."""
    return [Candidate(name, esim.rule(name)) for name in PRESETS if name not in BASELINES]


@dataclass(frozen=True)
class Hidden:
    """What is left of all presets in the runs of one that is hidden. Lists: a number a run."""

    name: str
    stopped: list[int]
    left: list[int]
    dropped: int


def preset_runs(name: str, runs: int, data: str) -> Hidden:
    """Runs of a service under a hidden preset, on all curves and numbers of workers in turn."""
    every, names = presets(), all_curves(data)
    stopped, left, dropped = [], [], 0
    for number in range(runs):
        rng = np.random.default_rng((number, len(PRESETS)))
        study = drawn(curves_of(names[number % len(names)], data), AFTER[-1], rng)
        workers = (1, 4)[number // len(names) % 2]
        scene = Scene(served(study, esim.rule(name), workers, UPLOAD_S))
        misses = hold(scene, every, 0.0, 1).missed.any(axis=1)
        stopped.append(int((scene.study.status == Status.STOPPED).sum()))
        left.append(int((~misses).sum()))
        dropped += bool(misses[[one.name for one in every].index(name)])
    return Hidden(name, stopped, left, dropped)


def data_folder(given: str | None) -> str:
    """The folder that holds TaskSet; "" if there is none."""
    return given or os.environ.get("ESIM_SHARED_DATA", "")


def told_apart(runs: Sequence[Run], letter: str, after: int) -> tuple[int, int]:
    """Of the candidates that answer a question alone otherwise, how many have fallen, of how many.

    Only runs of so many jobs count.
    """
    its = [run.told[letter][after] for run in runs if len(run.told.get(letter, ())) > after]
    return sum(int(one.sum()) for one in its), sum(len(one) for one in its)
