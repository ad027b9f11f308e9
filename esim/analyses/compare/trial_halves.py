"""Random halves of one study's trials: a rule is chosen on one half and judged on the other."""

from __future__ import annotations

import dataclasses

import numpy as np

from esim.study import Int64, Study
from esim.study.facts import reporting

HALVINGS = 5  # how often the trials are divided anew
FEWEST = 10  # trials of a half


def trial_halves(study: Study, rng: np.random.Generator) -> list[tuple[Study, Study]]:
    """Divide a study's trials into two random halves, `HALVINGS` times.

    Args:
        study: the study; both halves keep its launch order.
        rng: where the permutations come from.

    Returns:
        Pairs of studies; none if a half would hold fewer than `FEWEST` trials. Trials that report
        no value are in none.
    """
    known = reporting(study)
    if len(known) < 2 * FEWEST:
        return []
    found = []
    for i in range(HALVINGS):
        shuffled = rng.permutation(known)
        middle = len(known) // 2
        first, second = np.sort(shuffled[:middle]), np.sort(shuffled[middle:])
        found.append(
            (
                subset(study, first, f"{study.name}, half {2 * i + 1}"),
                subset(study, second, f"{study.name}, half {2 * i + 2}"),
            )
        )
    return found


def subset(study: Study, trials: Int64, name: str) -> Study:
    """A study of some of a study's trials.

    Args:
        study: where the trials are taken from.
        trials: int64 [n], positions of the trials, in the launch order of the new study.
        name: of the new study.
    """
    lengths = study.lengths[trials]
    offsets = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
    rows = np.arange(offsets[-1]) + np.repeat(study.offsets[:-1][trials] - offsets[:-1], lengths)
    return dataclasses.replace(
        study,
        name=name,
        trials=tuple(study.trials[i] for i in trials),
        offsets=offsets,
        steps=study.steps[rows],
        values=study.values[rows],
        elapsed=None if study.elapsed is None else study.elapsed[rows],
        start=study.start[trials],
        end=study.end[trials],
        status=study.status[trials],
        censored=study.censored[trials],
        instance_type=tuple(study.instance_type[i] for i in trials),
        instance_count=study.instance_count[trials],
        billed=None if study.billed is None else study.billed[trials],
        config={k: tuple(v[i] for i in trials) for k, v in study.config.items()},
    )
