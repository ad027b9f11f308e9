"""Parts of one study, to choose a rule on and to tell what it gives."""

from __future__ import annotations

import dataclasses

import numpy as np

from esim.study import Int64, Study

HALVINGS = 5
FEWEST = 10  # trials of a half


def halves(study: Study, rng: np.random.Generator) -> list[tuple[Study, Study]]:
    """The trials in two random halves, several times; none if there are too few."""
    if study.n_trials < 2 * FEWEST:
        return []
    found = []
    for i in range(HALVINGS):
        shuffled = rng.permutation(study.n_trials)
        middle = study.n_trials // 2
        first, second = np.sort(shuffled[:middle]), np.sort(shuffled[middle:])
        found.append(
            (
                subset(study, first, f"{study.name}, half {2 * i + 1}"),
                subset(study, second, f"{study.name}, half {2 * i + 2}"),
            )
        )
    return found


def subset(study: Study, trials: Int64, name: str) -> Study:
    """The study of some of its trials, int64 [n] positions, in the given order."""
    lengths = np.diff(study.offsets)[trials]
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
        config={k: tuple(v[i] for i in trials) for k, v in study.config.items()},
    )
