"""Do certificates keep their promise where the truth is known?

`python -m tests.benchmarks.certificates > reports/certify.md`, some minutes on one core; `--small`
tries it out. With `--data FOLDER` also what is certified on halves of recorded studies that are not
in this repository (TaskSet's json, AlgoPerf's folder), and what the other halves say of it.
Everything is seeded.
"""

from __future__ import annotations

import argparse
import math
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

import esim
from esim.analyses.certify.betting import wealth
from esim.analyses.certify.certify import conditions_of
from esim.analyses.certify.in_sequence import (
    Judged,
    choosing_studies,
    learn_then_test,
)
from esim.analyses.certify.study_losses import study_losses
from esim.analyses.compare.compare import replay_every
from esim.analyses.compare.contestants import Field, contestants
from esim.analyses.compare.trial_halves import subset
from esim.analyses.workers.by_study import going_through
from esim.assumptions import Costs
from esim.results.certificate import Replays
from esim.rules import BASELINES, PRESETS
from esim.study import Float64, Study
from tests.benchmarks.loss_families import FAMILIES, Family, drawn_from, just_above

STUDIES = (10, 20, 30, 44, 60, 100, 200)
ASKED = ((0.1, 0.9), (0.2, 0.9), (0.3, 0.8))  # risk, confidence
MAX_LOSS, ORDERS = 0.05, 20  # of the recorded studies
GRID = {"min_reports": [1, 3, 6, 10]}


# ---------------------------------------------------------------------------- the promise


@dataclass(frozen=True)
class Picked:
    """The positions of who is certified, bounded on average, and picked by eye; None: nobody.

    By eye: the boldest whose mean loss over all studies at hand is within the risk.
    """

    certified: int | None
    on_average: int | None
    by_eye: int | None


def picked(
    table: Judged,
    risk: float,
    confidence: float,
    seed: int,
    *,
    whole: bool,
    choosing: int | None = None,
) -> Picked:
    """Choose the sequence on one part of the studies, test on the other, as `esim.certify` does.

    Or on so many studies as `choosing` says.
    """
    studies, candidates = table.lost.shape
    design = (
        choosing_studies(studies, candidates, risk, confidence, seed, whole=whole)
        if choosing is None
        else np.arange(choosing)
    )
    told = learn_then_test(table, design, risk, confidence, whole=whole)
    sequence, found, reach = told.sequence, told.test.certified, told.bounded
    within = np.flatnonzero(table.lost.mean(axis=0) <= risk)
    eye = int(within[table.saved.mean(axis=0)[within].argmax()]) if len(within) else None
    return Picked(
        sequence[found - 1] if found else None, sequence[reach - 1] if reach else None, eye
    )


@dataclass(frozen=True)
class Repeated:
    """Many certificates of one family.

    Attributes:
        times: how many.
        level: 1 - confidence.
        certified: the share that certifies any candidate.
        broken: the share that certifies a candidate whose risk is above the asked one.
        saved: the mean of what the certified candidate saves, 0 where there is none, as a share of
            what the boldest candidate saves whose risk is as asked.
        bounded: the share that bounds any candidate on average.
        mean_risk_on_average: of the candidates that are bounded on average, 0 where there is none.
        error_on_average: the standard error of that mean.
        broken_on_average: how often the risk of such a candidate is above the asked one.
        broken_by_eye: the same of the candidate that is picked by eye.
    """

    times: int
    level: float
    certified: float
    broken: float
    saved: float
    bounded: float
    mean_risk_on_average: float
    error_on_average: float
    broken_on_average: float
    broken_by_eye: float


def promise_kept(found: Repeated) -> bool:
    """Whether no more are broken than the confidence allows, and three standard errors."""
    chance = math.sqrt(found.level * (1 - found.level) / found.times)
    return found.broken <= found.level + 3 * chance


def repeated(
    family: Family,
    studies: int,
    times: int,
    risk: float,
    confidence: float,
    choosing: int | None = None,
) -> Repeated:
    """Certify so many times, each time from new studies; `choosing` as in `picked`."""
    rng = np.random.default_rng(zlib.crc32(repr((studies, risk, confidence)).encode()))
    best = float(family.saves[family.risks <= risk].max(initial=1e-9))
    all_picked = [
        picked(
            family.draw(studies, rng),
            risk,
            confidence,
            again,
            whole=family.whole,
            choosing=choosing,
        )
        for again in range(times)
    ]

    def risks(who: Sequence[int | None]) -> Float64:
        return np.array([0.0 if at is None else family.risks[at] for at in who])

    certified = [one.certified for one in all_picked]
    bounded = [one.on_average for one in all_picked]
    above = risk + 1e-9
    return Repeated(
        times=times,
        level=1 - confidence,
        certified=float(np.mean([at is not None for at in certified])),
        broken=float((risks(certified) > above).mean()),
        saved=sum(float(family.saves[at]) for at in certified if at is not None) / best / times,
        bounded=float(np.mean([at is not None for at in bounded])),
        mean_risk_on_average=float(risks(bounded).mean()),
        error_on_average=float(risks(bounded).std() / math.sqrt(times)),
        broken_on_average=float((risks(bounded) > above).mean()),
        broken_by_eye=float((risks([one.by_eye for one in all_picked]) > above).mean()),
    )


def percent(value: float) -> str:
    """A share in per cent."""
    return f"{100 * value:.1f}"


def of_the_promise(families: dict[str, Family], times: int) -> Iterator[str]:
    """A table: a row for each family, what is asked, and number of studies."""
    yield (
        "| losses | risk, confidence | studies | certified | **broken** | allowed | saved of what "
        "could be | bounded on average | its mean risk | broken so | broken by eye |"
    )
    yield "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|"
    for name, family in families.items():
        for risk, confidence in ASKED:
            for studies in STUDIES:
                found = repeated(family, studies, times, risk, confidence)
                mark = "" if promise_kept(found) else " (too often)"
                yield (
                    f"| {name} | {percent(risk)}, {percent(confidence)} | {studies} | "
                    f"{percent(found.certified)} | **{percent(found.broken)}**{mark} | "
                    f"{percent(found.level)} | {percent(found.saved)} | {percent(found.bounded)} | "
                    f"{percent(found.mean_risk_on_average)} | {percent(found.broken_on_average)} | "
                    f"{percent(found.broken_by_eye)} |"
                )


def of_the_worst(times: int) -> Iterator[str]:
    """A table of how often something is certified where nothing may be."""
    names = [f"{studies} studies" for studies in STUDIES]
    yield f"| losses | risk, confidence | {' | '.join(names)} | allowed |"
    yield "|---|---|" + "--:|" * (len(STUDIES) + 1)
    for whole, kind in ((True, "0 or 1"), (False, "0 or 1/2, all together")):
        for risk, confidence in ASKED:
            family = just_above(risk, whole=whole)
            found = [repeated(family, studies, times, risk, confidence) for studies in STUDIES]
            told = [
                percent(one.broken) + ("" if promise_kept(one) else " (too often)") for one in found
            ]
            yield (
                f"| {kind} | {percent(risk)}, {percent(confidence)} | {' | '.join(told)} | "
                f"{percent(1 - confidence)} |"
            )


def of_the_parts(times: int) -> Iterator[str]:
    """A table of what is saved by how many studies choose the sequence, and the others test."""
    yield "| losses | studies | half choose | a quarter chooses | as esim does |"
    yield "|---|--:|--:|--:|--:|"
    for name, family in FAMILIES.items():
        for studies in (44, 60, 100, 200):
            found = [
                repeated(family, studies, times, 0.1, 0.9, choosing=choosing).saved
                for choosing in (studies // 2, studies // 4, None)
            ]
            yield f"| {name} | {studies} | {' | '.join(map(percent, found))} |"


# ------------------------------------------------------------------------------- the watch


def of_the_watch(times: int, most: int = 200) -> Iterator[str]:
    """False alarms while a certificate holds, and studies until it is said to hold no longer."""
    yield (
        "| risk asked, level | losses | false alarms in "
        f"{most} studies | risk afterwards | after studies as asked | found in {most} | median "
        "delay | 90 % within |"
    )
    yield "|---|---|--:|--:|--:|--:|--:|--:|"
    for risk, level in ((0.1, 0.1), (0.2, 0.1), (0.3, 0.2)):
        for kind in ("0 or 1", "shares"):
            rng = np.random.default_rng(zlib.crc32(repr((risk, level, kind)).encode()))
            calm = _losses(kind, risk, (times, most), rng)
            alarms = np.mean([bool((wealth(row, risk) >= 1 / level).any()) for row in calm])
            for worse in (1.5, 2.0, 3.0):
                for before in (0, 20, 50):
                    after = _losses(kind, worse * risk, (times // 4, most), rng)
                    delays = [
                        _delay(np.concatenate([early[:before], late]), before, risk, level)
                        for early, late in zip(calm, after, strict=False)
                    ]
                    found = np.isfinite(delays)
                    middle, far = (
                        f"{q:.0f}" if np.isfinite(q) else f"over {most}"
                        for q in np.quantile(delays, [0.5, 0.9], method="inverted_cdf")
                    )
                    yield (
                        f"| {percent(risk)}, {percent(level)} | {kind} | {percent(float(alarms))} "
                        f"| {percent(worse * risk)} | {before} | {percent(float(found.mean()))} | "
                        f"{middle} | {far} |"
                    )


def _losses(kind: str, risk: float, shape: tuple[int, int], rng: np.random.Generator) -> Float64:
    if kind == "0 or 1":
        return (rng.random(shape) < risk).astype(np.float64)
    return rng.beta(risk, 1 - risk, shape)


def _delay(losses: Float64, before: int, risk: float, level: float) -> float:
    """Studies from the change to the alarm; infinite without one. An early alarm is none."""
    over = np.flatnonzero(wealth(losses, risk)[before:] >= 1 / level)
    return float(over[0]) + 1.0 if len(over) else np.inf


# ------------------------------------------------------------------------- recorded studies


def candidates() -> Field:
    """Every preset at every point of a small grid."""
    return contestants([row for row in PRESETS.values() if row.name not in BASELINES], GRID)


def losses_of(studies: Sequence[Study], field: Field, orders: int) -> tuple[Judged, list[str]]:
    """What candidates save and lose in recorded studies, and the names of those that count."""
    final: Literal["last", "best"] = "best"
    replays = Replays(orders, 0, "steps", None, None, final, Costs())
    with going_through(studies, jobs=1) as every:
        found = replay_every(
            every, study_losses, field.contestants, conditions_of(replays, MAX_LOSS), None
        )
    counted = [one for one in found if one.left_out is None]
    table = Judged(
        *(np.stack([getattr(one, name) for one in counted]) for name in ("saved", "lost", "near"))
    )
    return table, [one.name for one in counted]


def taskset(folder: Path, trials: int) -> list[Study]:
    """TaskSet's tasks in studies of so many trials each, drawn anew in each task."""
    found = []
    for at, path in enumerate(sorted(folder.glob("*.json"))):
        whole = esim.read_study(path)
        shuffled = np.random.default_rng(at).permutation(whole.n_trials)
        for n in range(whole.n_trials // trials):
            some = shuffled[n * trials : (n + 1) * trials]
            found.append(subset(whole, some, f"task {at + 1}, {n + 1}"))
    return found


def of_halves(name: str, table: Judged, field: Field, times: int, whole: bool) -> Iterator[str]:
    """Certify on half of the studies, many times, and look at the other half."""
    studies = len(table.lost)
    for risk, confidence in ASKED:
        rng = np.random.default_rng(19)
        keys, lost, saved, above = Counter[str](), [], [], 0
        for again in range(times):
            shuffled = rng.permutation(studies)
            one, other = shuffled[: studies // 2], shuffled[studies // 2 :]
            at = picked(table.of(one), risk, confidence, again, whole=whole).certified
            if at is None:
                continue
            keys[field.contestants[at].key] += 1
            lost.append(float(table.lost[other, at].mean()))
            saved.append(float(table.saved[other, at].mean()))
            above += lost[-1] > risk
        told = ", ".join(f"{key} {n}" for key, n in keys.most_common(3)) or "-"
        means = f"{percent(np.mean(saved))} | {percent(np.mean(lost))}" if lost else "- | -"
        yield (
            f"| {name} | {studies // 2} | {percent(risk)}, {percent(confidence)} | "
            f"{percent(len(lost) / times)} | {told} | {means} | {percent(above / times)} |"
        )


def of_other_tasks(table: Judged, names: Sequence[str], field: Field) -> Iterator[str]:
    """Certify on some tasks, and watch in the others, which are not exchangeable with them."""
    tasks = np.array([name.split(",")[0] for name in names])
    for risk, confidence in ASKED:
        for task in sorted(set(tasks)):
            one, other = np.flatnonzero(tasks != task), np.flatnonzero(tasks == task)
            at = picked(table.of(one), risk, confidence, 0, whole=False).certified
            if at is None:
                yield f"| {task} | {percent(risk)}, {percent(confidence)} | nothing | - | - | - |"
                continue
            lost = table.lost[other, at]
            over = np.flatnonzero(wealth(lost, risk) >= 1 / (1 - confidence))
            said = f"after {over[0] + 1} of {len(other)}" if len(over) else f"never ({len(other)})"
            yield (
                f"| {task} | {percent(risk)}, {percent(confidence)} | "
                f"{field.contestants[at].key} | {percent(float(table.lost[one, at].mean()))} | "
                f"{percent(float(lost.mean()))} | {said} |"
            )


def of_recorded(folder: Path, times: int, trials: int = 25) -> Iterator[str]:
    """What is certified on recorded studies."""
    field = candidates()
    sources = {
        f"TaskSet, {trials} trials a study": taskset(folder / "taskset", trials),
        "AlgoPerf": list(esim.read_studies(folder / "algoperf_v05")),
    }
    tables = {
        (name, orders): losses_of(studies, field, orders)
        for name, studies in sources.items()
        for orders in (ORDERS, 0)
    }

    def title(name: str, orders: int) -> str:
        return f"{name}, {f'{orders} launch orders' if orders else 'recorded order'}"

    yield "\n### Halves\n"
    yield (
        f"{len(field.contestants)} candidates (every preset, each with min_reports of "
        f"{', '.join(map(str, GRID['min_reports']))}), a loss is more than {percent(MAX_LOSS)} % "
        f"of the way from best to median (best values). {times} times the studies are halved at "
        "random; a rule is certified on one half, and the other half is looked at, whose mean "
        "loss varies by chance: above the asked risk it is more often than the true risk is.\n"
    )
    yield (
        "| studies | in a half | risk, confidence | certified | which, how often | saved in the "
        "other half | lost there | other half above the risk |"
    )
    yield "|---|--:|---|--:|---|--:|--:|--:|"
    for (name, orders), (table, _) in tables.items():
        yield from of_halves(title(name, orders), table, field, times, not orders)
    yield "\n### Drawn from them\n"
    yield (
        "The same studies, taken for all that there are, so that each candidate's risk is known; "
        f"studies are drawn from them with replacement, {times} repetitions.\n"
    )
    yield from of_the_promise(
        {
            title(name, orders): drawn_from(table, whole=not orders)
            for (name, orders), (table, _) in tables.items()
        },
        times,
    )
    yield "\n### Another task\n"
    yield (
        "TaskSet: certified on three tasks, and watched in the fourth, which is not one of their "
        "population. What is said where less is lost there than asked is a false alarm.\n"
    )
    yield "| fourth task | risk, confidence | certified | lost in the three | there | said |"
    yield "|---|---|---|--:|--:|---|"
    first = next(iter(tables))
    yield from of_other_tasks(*tables[first], field)


def report(times: int, data: Path | None) -> Iterator[str]:
    """The report in Markdown."""
    chance = 100 * math.sqrt(0.09 / times)
    yield "# Do certificates keep their promise?\n"
    yield (
        "`python -m tests.benchmarks.certificates`, the recorded studies with `--data FOLDER`; "
        f"{times} repetitions a row, each from new studies of candidates whose risks are known "
        "([loss_families.py](../tests/benchmarks/loss_families.py)). All numbers are in per cent. "
        "*Broken*: a rule was certified whose true risk is above the asked one; that may be in at "
        f"most 1 - confidence of the repetitions (one standard error of 10 % is {chance:.1f} "
        "points). *By eye*: the boldest rule whose mean loss over all studies at hand is within "
        "the risk, without any test.\n"
    )
    yield "## The promise, and what it finds\n"
    yield from of_the_promise(FAMILIES, times)
    yield "\n## The worst case\n"
    yield (
        "The risks of all candidates are a thousandth of the asked one above it, so that every "
        "certificate is broken. How close that comes to what is allowed depends on the number of "
        "tested studies: whole numbers of lost studies hit a level of 10 % only nearly.\n"
    )
    yield from of_the_worst(times)
    yield "\n## How many studies choose\n"
    yield (
        "Saved of what could be, at a risk of 10 % and 90 % confidence, by how many studies choose "
        "the sequence of rules while the others test. Of losses that are 0 or 1, tested studies "
        "that allow no further lost one can only be lost; esim tests no more than are of use. "
        f"{times // 4} repetitions.\n"
    )
    yield from of_the_parts(times // 4)
    yield "\n## The watch\n"
    yield (
        "Bets against a certificate, in studies whose risk is exactly the asked one (false alarms "
        "may come in at most the level of the repetitions), and in studies whose risk has risen, "
        "after so many in which it had not. The delay is in studies from the change on; a "
        f"quarter of the {times} repetitions.\n"
    )
    yield from of_the_watch(times)
    if data is not None:
        yield "\n## Recorded studies"
        yield from of_recorded(data, times // 4)


def main() -> None:
    """Print the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="few repetitions, to try it out")
    parser.add_argument("--data", type=Path, help="the folder with taskset and algoperf_v05")
    given = parser.parse_args()
    for line in report(40 if given.small else 1000, given.data):
        print(line, flush=True)


if __name__ == "__main__":
    main()
