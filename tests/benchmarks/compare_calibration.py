"""Do the test and the intervals of `esim.compare` hold?

`python -m tests.benchmarks.compare_calibration > reports/compare-calibration.md`, some 20 minutes
on one core; `--small` tries it out in a minute, and `test`, `choice` or `replays` makes that part.

Outcomes of contestants on studies are made up, so that the truth is known; then studies are made up
and replayed, and the truth is the mean over all of them. Everything is seeded.
"""

from __future__ import annotations

import argparse
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

import esim
from esim.analyses.compare.choice import choose
from esim.analyses.compare.compare import _with_baselines
from esim.analyses.compare.contestants import Field, contestants
from esim.analyses.compare.ranking import fewest_studies
from esim.analyses.compare.replay_table import replay_studies
from esim.analyses.compare.spreads import MeanIntervals
from esim.analyses.compare.statistics import best_of_many_test, ranks
from esim.analyses.compare.study_replays import LOSS, Conditions, StudyReplays
from esim.study import Float64, Study
from esim.study.facts import facts
from tests.benchmarks.outcome_families import FAMILIES, NULLS, alike_normal
from tests.references.outcome_tables import ACCEPTED, field_of, replays_of, settings_of

SAVED = "steps_saved_fraction"
LEVEL = 0.05
PERMUTATIONS = 199  # a test of them has exactly its level, as one of 2,000 has
NAIVE = 2.0  # standard errors, of an interval that takes the chosen one as given


def seeded(*words: object) -> np.random.Generator:
    """A generator for a cell, the same in every run."""
    return np.random.default_rng(zlib.crc32(repr(words).encode()))


# ------------------------------------------------------------------------------- 1: the test


def claims(saved: Float64, rng: np.random.Generator) -> tuple[Float64, Float64]:
    """p values of what is saved and of ranks, of values [R, S]; the best has 1."""
    seed = np.random.SeedSequence(int(rng.integers(2**32)))
    placed = -ranks(saved, np.zeros(saved.shape), ACCEPTED)
    return tuple(  # type: ignore[return-value]  # of two
        best_of_many_test(v, int(v.mean(axis=1).argmax()), seed, PERMUTATIONS)
        for v in (saved, placed)
    )


def false_claims(name: str, contestants: int, studies: int, times: int) -> tuple[float, float]:
    """In which share of comparisons some difference that is none is called significant."""
    rng, found = seeded("null", name, contestants, studies), np.zeros(2)
    for _ in range(times):
        values = NULLS[name](contestants, studies, rng)
        first = (contestants + 1) // 2 if name == "half truly worse" else contestants
        for at, p in enumerate(claims(values, rng)):
            # A best from the worse half would make every claim against it false.
            told = p[:first] if p.argmax() < first else p
            found[at] += bool((told <= LEVEL).any())
    share = found / times
    return float(share[0]), float(share[1])


def power(ahead: float, contestants: int, studies: int, times: int) -> tuple[float, float]:
    """Which share of the differences from a best that is so much ahead is found."""
    rng, found = seeded("power", ahead, contestants, studies), np.zeros(2)
    for _ in range(times):
        values = alike_normal(contestants, studies, rng)
        values[0] += ahead * 0.1
        found += [(p[1:] <= LEVEL).mean() if p[0] == 1.0 else 0.0 for p in claims(values, rng)]
    share = found / times
    return float(share[0]), float(share[1])


def chance(times: int) -> str:
    """How far a share of 5 % may be off by chance, in points."""
    return f"{196 * (LEVEL * (1 - LEVEL) / times) ** 0.5:.1f}"


def of_the_test(times: int) -> Iterator[str]:
    sizes, studies = (2, 3, 8, 20, 30), (6, 8, 12, 20)
    yield "## Saves significantly more, and ranks\n"
    yield (
        "Share of comparisons in which any difference that is none is called significant at 5 %: "
        f"of what is saved / of ranks. {times} comparisons a cell, half as many of 20 and 30 "
        f"rules, so a share of 5 % varies by {chance(times)} (of 20 and 30 rules "
        f"{chance(times // 2)}) points either way. Below "
        f"{fewest_studies(1 - LEVEL)} studies no difference is called significant of other "
        "studies. A test that takes the picked best as given has 12 % (8 rules, 8 studies) and "
        "28 % (20 rules, 8 studies) in the first family.\n"
    )
    yield from head(["rules that do not differ", "rules"], [f"{n} studies" for n in studies])
    for name in NULLS:
        for k in sizes:
            cells = [false_claims(name, k, n, times if k < 20 else times // 2) for n in studies]
            yield row([name, k], [f"{100 * a:.1f} / {100 * b:.1f}" for a, b in cells])
    yield (
        "\nThe last three families are not of rules that could be exchanged for each other, which "
        "is what the test supposes: of many near copies on few studies its level is not kept.\n"
    )
    yield (
        "Power: which share of true differences is found, where one rule is ahead of all others "
        "by so many standard deviations of a difference between studies (normal): of what is saved "
        f"/ of ranks. {max(times // 5, 20)} comparisons a cell.\n"
    )
    yield from head(["ahead by", "rules"], [f"{n} studies" for n in studies])
    for ahead in (1.0, 2.0, 4.0):
        for k in sizes:
            cells = [power(ahead, k, n, max(times // 5, 20)) for n in studies]
            yield row([f"{ahead:g}", k], [f"{100 * a:.0f} / {100 * b:.0f}" for a, b in cells])


# ------------------------------------------------------------------------------ 2: the choice


@dataclass
class Held:
    """Counts over comparisons in which a contestant that saves something is chosen."""

    chosen: int = 0
    loss: int = 0
    saved: int = 0
    naive: int = 0
    promised: int = 0
    false_promises: int = 0
    said_within: int = 0

    def __post_init__(self) -> None:
        self.highs: list[float] = []
        self.held_out: list[float] = []
        self.truths: list[float] = []

    def cells(self, times: int) -> list[str]:
        """The columns of a table."""

        def of(n: int) -> str:
            return f"{100 * n / self.chosen:.0f} %" if self.chosen else "-"

        def middle(values: Sequence[float]) -> str:
            return f"{100 * np.median(values):.0f} %" if values else "-"

        misses = f"{100 * (self.chosen - self.loss) / times:.1f} %"
        return [
            of(self.chosen) if not self.chosen else f"{100 * self.chosen / times:.0f} %",
            of(self.loss),
            misses,
            of(self.saved),
            of(self.naive),
            f"{100 * np.mean(self.held_out):.1f} / {100 * np.mean(self.truths):.1f} %"
            if self.chosen
            else "-",
            of(self.said_within),
            f"{self.promised} ({self.false_promises})",
            middle(self.highs),
        ]


COLUMNS = [
    "chosen",
    "loss inside",
    "of all",
    "saved inside",
    "naive inside",
    "held out / true",
    "truth above 5 %",
    "promised (false)",
    "upper end",
]


def judge(
    held: Held,
    replays: Sequence[StudyReplays],
    field: Field,
    truth: tuple[Float64, Float64],
    seed: int,
) -> None:
    """Choose on some studies, and count what the choice says against the truth."""
    means = MeanIntervals(1 - LEVEL, 200, seed)
    found = choose(replays, field, settings_of(), means, lambda *_: [])
    assert found is not None and found.held_out is not None
    keys = [field.contestants[r].key for r in field.ranked]
    at = keys.index(found.chosen)
    out = found.held_out
    if out.saved.low is None or out.loss_normalized is None:
        return  # nothing is saved: nothing is said of other studies
    saved, loss = truth[0][at], truth[1][at]
    low, high = out.loss_normalized.low, out.loss_normalized.high
    assert low is not None and high is not None and out.saved.high is not None
    held.chosen += 1
    held.loss += low <= loss <= high
    held.saved += out.saved.low <= saved <= out.saved.high
    own = np.array([p.orders.of(LOSS)[field.ranked[at]].mean() for p in replays])
    reach = NAIVE * own.std(ddof=1) / len(own) ** 0.5
    held.naive += abs(loss - own.mean()) <= reach
    held.said_within += loss > ACCEPTED
    held.promised += high <= ACCEPTED
    held.false_promises += bool(high <= ACCEPTED < loss)
    held.highs.append(high)
    held.held_out.append(out.loss_normalized.mean)
    held.truths.append(loss)


def of_the_choice(times: int, truth_studies: int) -> Iterator[str]:
    yield "\n## The choice, on made-up outcomes\n"
    yield (
        f"{times} comparisons a cell. *chosen*: in how many a rule that saves something is chosen; "
        "what follows is of these. *loss inside*, *saved inside*: how often the 95 % interval for "
        "other studies holds the chosen rule's true mean. *of all*: misses of the loss in all "
        "comparisons, at most 5 % are allowed. *naive inside*: the same of its mean on the studies "
        "it was chosen on, two standard errors either way. *held out / true*: mean held-out loss, "
        "mean true loss. *truth above 5 %*: how often the chosen rule truly loses more than "
        "accepted. *promised*: in how many the upper end is at most 5 %, in brackets how many of "
        "these truly lose more. *upper end*: the median one, of the loss.\n"
    )
    yield from head(["family", "rules", "studies"], COLUMNS)
    for name, make in FAMILIES.items():
        for k in (5, 20):
            every = make(k, truth_studies, seeded("truth", name, k))
            truth = (every[0].mean(axis=0), np.maximum(every[1], 0.0).mean(axis=0))
            for n in (5, 10, 20) if k == 20 else (10,):
                rng, held = seeded("choice", name, k, n), Held()
                for at in range(times):
                    judge(held, replays_of(*make(k, n, rng)), field_of(k), truth, at)
                yield row([name, k, n], held.cells(times))
    yield "\nMany studies, where a small loss can be promised:\n"
    yield from head(["family", "rules", "studies"], COLUMNS)
    for name in ("mild", "rare 50 %, together", "two kinds (not tuned on)"):
        every = FAMILIES[name](5, truth_studies, seeded("truth", name, 5))
        truth = (every[0].mean(axis=0), np.maximum(every[1], 0.0).mean(axis=0))
        rng, held = seeded("many", name), Held()
        for at in range(times):
            judge(held, replays_of(*FAMILIES[name](5, 200, rng)), field_of(5), truth, at)
        yield row([name, 5, 200], held.cells(times))


# ----------------------------------------------------------------------------- 3: real replays

RULES = ("sagemaker", "optuna-median", "vizier-median", "synetune-asha", "azure-bandit")


def curves(kind: str, rng: np.random.Generator, trials: int = 30, steps: int = 15) -> Float64:
    """Curves of a study's trials, to be minimized: [trials, steps]."""
    at = np.arange(1, steps + 1)
    final = rng.uniform(0.2, 1.0, (trials, 1))
    if kind == "fast converging":
        found = final + rng.uniform(0.5, 1.0, (trials, 1)) * np.exp(-at / 2)
    elif kind == "crossing":
        # The lower the final value, the slower the curve: early leaders lose.
        found = final + 1.5 * np.exp(-at * (0.08 + 0.6 * final**2))
    else:  # a rare slow winner, in one study of four
        found = final + rng.uniform(0.5, 1.0, (trials, 1)) * np.exp(-at / 3)
        if rng.random() < 0.25:
            found[rng.integers(trials)] = np.linspace(2.0, 0.05, steps)
    noisy: Float64 = found + rng.normal(0, 0.02, found.shape)
    return noisy


def replayed(kind: str, studies: int) -> tuple[list[StudyReplays], Field]:
    """A population of studies under real rules and baselines, in four launch orders each."""
    rng = seeded("curves", kind)
    made = [
        Study.from_arrays(curves(kind, rng), "minimize", name=f"{kind} {n}") for n in range(studies)
    ]
    field = _with_baselines(contestants([esim.rule(r) for r in RULES], {}), [facts(made[0])])
    settings = settings_of(orders=4)
    same = Conditions(settings, "last", None, None, field.ranked)
    places = range(len(made))
    return replay_studies(field.contestants, same, 1, None, places, made), field


def of_replays(times: int, population: int) -> Iterator[str]:
    yield "\n## The choice, on replays\n"
    yield (
        f"{population} made-up studies of each kind (30 trials, 15 steps) are replayed under "
        f"{len(RULES)} rules and the baselines in four launch orders; the truth is the mean over "
        f"all of them, and each of {times} comparisons is of some drawn from them. The columns are "
        "those above; *alike*: the outcomes of each study are dealt to the rules at random, so "
        "that none is better, and some difference is called significant in that share.\n"
    )
    yield from head(["studies like", "studies"], [*COLUMNS, "alike"])
    for kind in ("fast converging", "crossing", "rare slow winner"):
        pool, field = replayed(kind, population)
        rows = list(field.ranked)
        saved = np.stack([p.orders.of(SAVED)[rows].mean(axis=1) for p in pool])
        loss = np.stack([p.orders.of(LOSS)[rows].mean(axis=1) for p in pool])
        truth = (saved.mean(axis=0), loss.mean(axis=0))
        for n in (5, 10, 20):
            rng, held, alike = seeded("replays", kind, n), Held(), 0
            for at in range(times):
                drawn = rng.integers(population, size=n)
                judge(held, [pool[i] for i in drawn], field, truth, at)
                dealt = rng.permuted(saved[drawn], axis=1).T
                alike += bool((claims(dealt, rng)[0] <= LEVEL).any())
            told = (
                f"{100 * alike / times:.1f} %" if n >= fewest_studies(1 - LEVEL) else "not tested"
            )
            yield row([kind, n], [*held.cells(times), told])


def head(labels: Sequence[str], columns: Sequence[str]) -> Iterator[str]:
    """The head of a table in Markdown."""
    yield row(labels, columns)
    yield "|" + "---|" * len(labels) + "--:|" * len(columns)


def row(labels: Sequence[object], cells: Sequence[str]) -> str:
    """A row of a table in Markdown."""
    return "| " + " | ".join([*map(str, labels), *cells]) + " |"


def main() -> None:
    """Print the report, in Markdown, row by row."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("part", nargs="?", choices=("test", "choice", "replays"))
    words.add_argument("--small", action="store_true", help="few comparisons, to try it out")
    given = words.parse_args()
    small, times = given.small, 20 if given.small else 500
    print("# Do the test and the intervals of `esim compare` hold?\n")
    print("`python -m tests.benchmarks.compare_calibration`; every cell is seeded.\n")
    for part, lines in (
        ("test", of_the_test(times if small else 1000)),
        ("choice", of_the_choice(times, 2_000 if small else 100_000)),
        ("replays", of_replays(times, 40 if small else 200)),
    ):
        for line in lines if given.part in (None, part) else ():
            print(line, flush=True)
    print(
        "\nOn one study nothing is said of the next job, so there is nothing to count: "
        "`esim compare --choose` says that one study cannot tell."
    )


if __name__ == "__main__":
    main()
