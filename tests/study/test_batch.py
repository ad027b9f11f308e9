"""Studies replayed together: what `esim.replay` makes of each, to the last bit."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from functools import cache
from itertools import chain
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import config

import esim
from esim.assumptions import Costs
from esim.errors import EsimError
from esim.results.replay import ReplayResult
from esim.results.trial_columns import TrialColumns
from esim.rules import PRESETS, Rule
from esim.simulator.replay import replay_batches
from esim.study import Study
from esim.study import batch as batching
from esim.study.batch import Batch, batches
from tests.references.generate import FromHypothesis, FromSeed, Pick, make_rule, make_study

SEEDED = 30 if config.DISABLE_JIT else 300
NOBODY = Study.from_arrays([], "minimize", name="nobody")
SILENT = Study.from_arrays([[], []], "maximize", name="silent")


def make_studies(pick: Pick) -> list[Study]:
    """Some studies: of both directions, some with times, some without trials or reports."""
    made = [make_study(pick) for _ in range(pick.integer(1, 6))]
    if pick.one((False, False, True)):
        made += [NOBODY, SILENT]
    return [
        dataclasses.replace(study, name=f"study-{i}") for i, study in enumerate(pick.shuffled(made))
    ]


def told(result: ReplayResult) -> str:
    return json.dumps(result.to_dict(), default=lambda value: value.item())


def assert_same_columns(actual: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    """The columns of `decisions`, without a frame, which takes longer than the replay."""
    assert list(actual) == list(expected)
    for name, column in actual.items():
        one, other = np.asarray(column), np.asarray(expected[name])
        assert one.dtype == other.dtype and np.array_equal(one, other, equal_nan=one.dtype == float)


Job = tuple[list[Study], dict[str, Any]]


def make_job(pick: Pick) -> Job:
    """Some studies, and how they are replayed."""
    studies = make_studies(pick)
    options: dict[str, Any] = {
        "clock": pick.one((None, "order", "simulated")),
        "workers": 1,
        "costs": Costs(price=2.0, startup_s=float(pick.one((0, 3)))),
        "final": pick.one(("last", "best")),
    }
    if options["clock"] == "simulated":
        options["workers"] = pick.integer(1, 3)
    return studies, options


@cache
def job_of_presets(at: int) -> Job:
    return make_job(FromSeed(np.random.default_rng((7, at))))


def check_together(job: Job, rule: Rule) -> int:
    """How many studies shared a batch with another, each found as by itself."""
    studies, options = job
    shared, seen = 0, set()
    for places, replayed in replay_batches(studies, rule, **options):
        shared += len(places) if len(places) > 1 else 0
        for place, result in zip(places, replayed.results(), strict=True):
            alone = esim.replay(studies[place], rule, **options)
            # The orders of equal starts are looked at for one study only.
            its = [caveat for caveat in alone.warnings if caveat.code != "tied_starts"]
            alone = dataclasses.replace(alone, warnings=tuple(its))
            assert told(result) == told(alone)
            assert_same_columns(result.trace(), alone.trace())
            seen.add(place)
    assert seen == set(range(len(studies)))
    return shared


def check_any_rule(pick: Pick) -> int:
    rule = make_rule(pick)
    return check_together(make_job(pick), rule)


@pytest.mark.parametrize("name", PRESETS)
def test_presets_find_the_same_in_stacks(name: str) -> None:
    jobs = map(job_of_presets, range(max(SEEDED // 20, 3)))
    shared = sum(check_together(job, PRESETS[name]) for job in jobs)
    alone = PRESETS[name].short == "carry" or PRESETS[name].frozen
    assert (shared == 0) == alone


def test_any_rules_find_the_same_in_stacks() -> None:
    picks = [FromSeed(np.random.default_rng((8, at))) for at in range(SEEDED)]
    assert sum(check_any_rule(pick) for pick in picks) > SEEDED / 4


@settings(max_examples=20 if config.DISABLE_JIT else 60, deadline=None)
@given(st.data())
def test_any_studies_find_the_same_in_stacks(data: st.DataObject) -> None:
    check_any_rule(FromHypothesis(data.draw))


def test_a_stack_is_of_one_kind_and_not_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "REPORTS", 40)
    monkeypatch.setattr(batching, "STUDIES", 5)
    picks = [FromSeed(np.random.default_rng((9, at))) for at in range(40)]
    made = [*(make_study(pick) for pick in picks), *[NOBODY] * 12]
    kinds = [pick.one("ab") for pick in (*picks, *picks[:12])]
    groups = list(batches(made, kinds))
    assert sorted(chain.from_iterable(groups)) == list(range(len(made)))
    assert max(map(len, groups)) == 5
    for group in groups:
        assert group == sorted(group)
        told = {
            (kinds[i], made[i].direction, made[i].elapsed is None, made[i].done_at_zero)
            for i in group
        }
        assert len(told) == 1
        assert len(group) == 1 or sum(made[i].n_reports for i in group) <= 40


def test_sums_tables_and_parts() -> None:
    rng = np.random.default_rng(3)
    sizes = [4, 0, 1, 300, 0]
    batch = Batch.of([Study.from_arrays(np.ones((n, 1)), "minimize", name=str(n)) for n in sizes])
    assert batch.sizes.tolist() == sizes
    values = rng.lognormal(0, 9, sum(sizes))
    parts = np.split(values, np.cumsum(sizes)[:-1])
    assert batch.sums(values) == [part.sum() for part in parts]  # to the last bit
    assert batch.sums(values > 1.0) == [int((part > 1.0).sum()) for part in parts]
    table = batch.table(values, np.nan)
    assert table.shape == (5, 300)
    for row, part in zip(table, parts, strict=True):
        np.testing.assert_array_equal(row[: len(part)], part)
        assert np.isnan(row[len(part) :]).all()
    columns = dict.fromkeys((field.name for field in dataclasses.fields(TrialColumns)), values)
    for its, part in zip(batch.each(TrialColumns(**columns)), parts, strict=True):
        assert its.final_value.tolist() == part.tolist()


def test_sums_over_studies_of_one_size() -> None:
    values = np.random.default_rng(5).lognormal(0, 9, (7, 300))
    batch = Batch.of([Study.from_arrays(np.ones((300, 1)), "minimize", name=c) for c in "abcdefg"])
    flat = values.reshape(-1)
    assert batch.sums(flat) == [row.sum() for row in values.copy()]  # to the last bit
    assert batch.sums(flat > 1.0) == [int((row > 1.0).sum()) for row in values]


def test_a_broken_study_is_named() -> None:
    good = Study.from_arrays([[3.0, 2.0], [1.0, 1.5]], "minimize", name="good")
    backwards = dataclasses.replace(good, name="bad", steps=good.steps[::-1].copy())
    short = dataclasses.replace(good, name="short", values=good.values[:-1])
    options: dict[str, Any] = {
        "clock": None, "workers": 1, "costs": Costs(), "final": "last"
    }  # fmt: skip
    for broken, why in ((backwards, "steps must increase strictly"), (short, "column values")):
        with pytest.raises(EsimError, match=why) as error:
            list(replay_batches([good, broken, good], PRESETS["sagemaker"], **options))
        assert f"study {broken.name!r}" in str(error.value)
