"""Studies gone through one by one: the same results from memory, a history and every engine."""

from __future__ import annotations

import gc
import json
import re
import weakref
from dataclasses import asdict, replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import esim
from esim import EsimError, History, Study
from esim.analyses.compare.kept_numbers import keep_numbers
from esim.analyses.compare.statistics import bootstrap_studies
from esim.analyses.estimate.ask import Ask
from esim.analyses.estimate.forecast import settle
from esim.analyses.estimate.full_estimate import Wanted, full_estimate
from esim.analyses.estimate.past_numbers import past_numbers
from esim.analyses.estimate.past_replays import replay_past_studies
from esim.analyses.estimate.past_study import PastStudies, PastStudy
from esim.analyses.workers.by_study import going_through
from esim.analyses.workers.finished import FinishedParts
from esim.cli import app
from esim.results.comparison.comparison import Comparison
from esim.results.forecast import Estimate
from esim.rules import job_rules
from esim.storage.history import Chunk, Location, layout
from esim.storage.history.write import Input, append
from esim.study.facts import facts, facts_at
from tests.analyses.test_history import studies

RUN = CliRunner()
# Modules by name: the packages have functions of the same names.
REPLAYS, ESTIMATE, ANSWERS = (
    import_module("esim.analyses.compare.study_replays"),
    import_module("esim.analyses.estimate.forecast"),
    import_module("esim.analyses.estimate.answers"),
)
BY_STUDY = import_module("esim.analyses.workers.by_study")
PLOT = import_module("esim.report.figures.plot")
FORECAST = [f"esim.analyses.estimate.{name}" for name in ("quantities", "doubts", "advice")]
FEW = [REPLAYS, ESTIMATE, *map(import_module, FORECAST)]
RULES = ["sagemaker", "optuna-median"]
ONE = ["compare", "--orders", "2", "--rules", "sagemaker"]
COMPARE: dict[str, Any] = {"rules": RULES, "orders": 6}


@pytest.fixture
def history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> History:
    """Seven studies of 30 reports, three to a chunk."""
    monkeypatch.setattr(layout, "ROWS", 90)
    return append(Location(str(tmp_path / "h")), [Input("in", "0", "table", studies(7))], None)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seven studies are many."""
    for module in FEW:
        monkeypatch.setattr(module, "MANY", 3)
    monkeypatch.setattr(REPLAYS, "_SAMPLE", 20)


# ------------------------------------------------------------------------------------ a round


def name_at(position: int, study: Study) -> tuple[int, str]:
    if study.name in ("s1", "s5"):
        raise EsimError(f"not {study.name}")
    if study.name == "s2":
        raise ZeroDivisionError("by zero")
    return position, study.name


def only_name(position: int, study: Study) -> tuple[int, str]:
    return position, study.name


def test_a_study_that_fails_is_left_out_from_then_on(history: History) -> None:
    with going_through(history, jobs=1) as every:
        assert len(every) == 7
        kept = [(i, f"s{i}") for i in (0, 3, 4, 6)]
        assert every.each(name_at) == kept
        assert every.failures == {
            "s1": "not s1", "s5": "not s5", "s2": "ZeroDivisionError: by zero",
        }  # fmt: skip
        assert every.each(only_name) == kept  # and the others keep their positions
        assert len(every) == 4
        assert [study.name for study in every.some([1, 3])] == ["s3", "s6"]


def test_a_damaged_file_costs_its_own_studies(history: History, tmp_path: Path) -> None:
    assert history.entries[0].shard == history.entries[6].shard
    chunks = history.chunks()
    broken = [Chunk(Location(str(tmp_path)), 0, "x", 0, chunks[0].entries), *chunks[1:]]

    class Broken(History):
        def chunks(self, studies: Any = None) -> list[Chunk]:
            return broken

    there = Broken(history.location, history.entries, history.sha256)
    with going_through(there, jobs=1) as every:
        assert [name for _, name in every.each(only_name)] == ["s3", "s4", "s5", "s6"]
        assert list(every.failures) == ["s0", "s1", "s2"]


def fails(position: int, study: Study) -> None:
    raise EsimError("no good")


def test_a_history_of_which_nothing_can_be_used_is_an_error(history: History) -> None:
    with (
        going_through(history, jobs=1) as every,
        pytest.raises(EsimError, match="none of 7 studies"),
    ):
        every.each(fails)


def test_a_study_in_memory_that_fails_raises() -> None:
    with going_through(studies(2), jobs=2) as every, pytest.raises(EsimError, match="not s1"):
        every.each(name_at)


def watched(alive: list[weakref.ref[Study]], most: list[int], position: int, study: Study) -> int:
    alive.append(weakref.ref(study))
    gc.collect()
    most.append(sum(ref() is not None for ref in alive))
    return position


def test_studies_of_a_history_are_let_go(history: History) -> None:
    alive: list[weakref.ref[Study]] = []
    most: list[int] = []
    with going_through(history, jobs=1) as every:
        assert every.each(partial(watched, alive, most)) == list(range(7))
        assert max(most) <= 2  # the one at work, and the one before it
        gc.collect()
        assert not any(ref() is not None for ref in alive)


def test_studies_held_in_memory_do_not_hold_their_chunk(history: History) -> None:
    with going_through(history, jobs=1) as every:
        (study,) = every.some([4])
    plain = studies(7)[4]
    for name, column in vars(study).items():
        if isinstance(column, np.ndarray):
            assert column.base is None, name
            np.testing.assert_array_equal(column, getattr(plain, name))


# ---------------------------------------------------------------------------------- a comparison


@pytest.mark.parametrize("many", [False, True])
def test_compare_gives_the_same_bytes_from_everywhere(
    history: History, many: bool, request: pytest.FixtureRequest
) -> None:
    if many:
        request.getfixturevalue("few")
    expected = esim.compare(studies(7), choice=True, jobs=1, **COMPARE)
    assert (expected.study_means is not None) == many
    for source, words in (
        (studies(7), {"jobs": 3}),
        (iter(studies(7)), {"engine": "local", "jobs": 2}),
        (history, {"jobs": 1}),
        (history, {"jobs": 2}),
        (history, {"engine": "threads", "jobs": 3}),
    ):
        found = esim.compare(source, choice=True, **words, **COMPARE)
        assert found.to_json() == expected.to_json()
        pd.testing.assert_frame_equal(found.by_study, expected.by_study)


@pytest.mark.parametrize("command", [ONE, ["estimate", "--workers", "1"]])
def test_a_history_is_read_once(
    command: list[str], history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    real = Chunk.studies
    monkeypatch.setattr(
        Chunk,
        "studies",
        lambda chunk, **words: (read.append(chunk.number), real(chunk, **words))[1],
    )
    words = [command[0], str(history.location), *command[1:], "--engine", "threads", "--json"]
    once = RUN.invoke(app, words)
    assert once.exit_code == 0, once.output
    assert sorted(read) == [0, 1, 2]
    monkeypatch.setattr(BY_STUDY, "HELD", 100)  # a study has 30 reports
    read.clear()
    again = RUN.invoke(app, words)
    assert set(read) == {0, 1, 2} and len(read) >= 6
    assert again.stdout == once.stdout


@pytest.mark.parametrize("first", [2, 5])
def test_studies_that_are_taken_first_are_told_in_their_places(
    history: History, first: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BY_STUDY, "FIRST", first)
    monkeypatch.setattr(BY_STUDY, "_LOTS", 2)  # three studies to a lot
    with going_through(history, jobs=1) as every:
        known = every.facts()
        assert every.lots == ((0, 1, 2), (3, 4, 5), (6,))
        every.take_first(range(7))
        assert every.lots == ((0, 1, 2), (3, 4, 5), (6,))
        every.take_first([1, 4, 5, 6])
        apart = ((1, 4), (5, 6)) if first == 2 else ((1, 4, 5, 6),)
        assert every.lots == (*apart, (0, 2), (3,))
        assert every.positions == tuple(range(7))
        assert [study.name for study in every.some([0, 1, 4, 6])] == ["s0", "s1", "s4", "s6"]
        assert every.each(facts_at) == known
        kept = [(i, f"s{i}") for i in (0, 3, 4, 6)]
        assert every.each(name_at) == every.each(only_name) == kept
        assert [study.name for study in every.some([1, 3])] == ["s3", "s6"]
    with going_through(history, jobs=1) as every:  # what is not held stays as it is
        every.take_first([1, 4])
        assert every.lots == ((0, 1, 2), (3, 4, 5), (6,))
    with going_through(studies(7), jobs=1) as every:
        assert every.lots == ((0, 1, 2), (3, 4, 5), (6,))
        every.take_first([1])
        assert every.lots == ((1,), (0, 2), (3, 4, 5), (6,))
        with pytest.raises(EsimError, match="not s1"):
            every.each(name_at)


def test_failing_studies_that_are_held(history: History) -> None:
    """What is held of a history stops no other, as what is read from it again."""
    with going_through(history, engine="threads") as every:
        every.facts()
        assert every.each(name_at) == [(at, f"s{at}") for at in (0, 3, 4, 6)]
        assert set(every.failures) == {"s1", "s2", "s5"}
        assert every.positions == (0, 3, 4, 6)


@pytest.mark.parametrize("command", [ONE, ["estimate", "--workers", "1"]])
def test_an_interrupted_run_goes_on(
    command: list[str], history: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for draw in ("figure_of", "save"):  # figures are drawn by other tests
        monkeypatch.setattr(PLOT, draw, lambda *given: None)
    words = [command[0], str(history.location), *command[1:], "--jobs", "1"]
    whole, out = tmp_path / "whole", tmp_path / "out"
    assert RUN.invoke(app, [*words, "--out", str(whole)]).exit_code == 0
    real = FinishedParts.keep_object

    def dies_on_the_third(parts: FinishedParts, name: str, made: Any) -> None:
        if name == "2.made":
            raise KeyboardInterrupt
        real(parts, name, made)

    with monkeypatch.context() as patch:
        patch.setattr(FinishedParts, "keep_object", dies_on_the_third)
        assert RUN.invoke(app, [*words, "--out", str(out)]).exit_code != 0
    partial = tmp_path / "out.partial"
    assert not out.exists()
    assert {path.name for path in partial.glob("*.made")} == {"0.made", "1.made"}
    other = RUN.invoke(app, [*words, "--seed", "1", "--out", str(out), "--resume"])
    assert other.exit_code == 1
    assert "parts of another run" in f"{other.output}{other.exception}"
    kept: list[str] = []

    def count(parts: FinishedParts, name: str, made: Any) -> None:
        kept.append(name)
        real(parts, name, made)

    monkeypatch.setattr(FinishedParts, "keep_object", count)
    again = RUN.invoke(app, [*words, "--out", str(out), "--resume"])
    assert again.exit_code == 0, again.output
    assert kept == [f"{at}.made" for at in range(2, 7)]  # a study is a lot of its own
    assert not partial.exists()
    found, expected = (json.loads((one / "result.json").read_text()) for one in (out, whole))
    assert found == expected


def test_what_other_lots_have_finished_is_made_anew(history: History, tmp_path: Path) -> None:
    expected = [(i, f"s{i}") for i in range(7)]
    # Of the lots (1, 4, 5), (0), (2), (3) and (6) the third and the fourth are as before.
    for lots, done in (((), 7), ((1, 4, 5), 5), ((1, 4, 5), 0)):
        studies_made: list[int] = []
        with (
            going_through(history, jobs=1) as every,
            FinishedParts.opened(tmp_path / "out", "key", resume=bool(lots)) as parts,
        ):
            every.facts()
            every.take_first(lots)
            made = every.each(partial(noted, studies_made), parts=parts)
        assert made == expected
        assert len(studies_made) == done


def noted(made: list[int], position: int, study: Study) -> tuple[int, str]:
    made.append(position)
    return position, study.name


def test_only_records_and_arrays_are_read_of_finished_parts(tmp_path: Path) -> None:
    class Calls:
        def __reduce__(self) -> Any:
            return Path.touch, (tmp_path / "called",)

    with FinishedParts.opened(tmp_path / "out", "key", resume=False) as parts:
        whole = facts(studies(1)[0]), np.arange(3.0)
        parts.keep_object("0.made", whole)
        read, array = parts.read_object("0.made")
        assert read == whole[0]
        np.testing.assert_array_equal(array, whole[1])
        parts.keep_object("1.made", Calls())
        with pytest.raises(EsimError, match="a finished part of the run is damaged"):
            parts.read_object("1.made")
        held = bytearray((parts.folder / "0.made").read_bytes())
        held[20] ^= 1
        (parts.folder / "0.made").write_bytes(held)
        with pytest.raises(EsimError, match="damaged"):
            parts.read_object("0.made")
    assert not (tmp_path / "called").exists()


@pytest.mark.parametrize("name", ["replay", "compare", "estimate"])
def test_there_must_be_something_to_go_on_from(name: str, history: History, tmp_path: Path) -> None:
    of_history = RUN.invoke(app, [name, str(history.location), "--resume"])
    assert of_history.exit_code == 2
    assert "--resume goes on with an --out" in of_history.output
    of_logs = RUN.invoke(app, [name, "data/image_digits", "--resume", "--out", str(tmp_path / "o")])
    assert of_logs.exit_code == 2
    assert "are for what esim convert wrote" in re.sub(r"[│\s]+", " ", of_logs.output)


def test_of_one_known_study_its_halves_are_read_again(tmp_path: Path) -> None:
    from tests.analyses.test_compare import walks

    some = [walks(1), walks(2, status=["completed"] * 23 + ["stopped"])]
    there = append(Location(str(tmp_path / "h")), [Input("in", "0", "table", some)], None)
    expected = esim.compare(some, choice=True, **COMPARE)
    assert expected.choice is not None
    assert expected.choice.by == "trials"
    again = esim.compare(there, choice=True, jobs=1, **COMPARE)
    assert again.to_json() == expected.to_json()


def test_a_study_that_cannot_be_compared_stops_no_other(history: History) -> None:
    """Every other study has times."""
    found = esim.compare(history, clock="recorded", jobs=1, **COMPARE)
    assert list(found.failures) == ["s0", "s2", "s4", "s6"]
    assert "cannot be replayed by the recorded clock" in found.failures["s0"]
    timed = studies(7)[1::2]
    expected = esim.compare(timed, clock="recorded", **COMPARE)
    assert [s.study for s in found.studies] == ["s1", "s3", "s5"]
    assert found.rules == expected.rules
    again = Comparison.from_dict(json.loads(found.to_json()))
    assert again.failures == found.failures
    assert "failures" not in expected.to_dict()
    lacking = esim.compare(history, saved="seconds", jobs=1, **COMPARE)
    assert "has no seconds to save" in lacking.failures["s2"]
    assert lacking.rules == esim.compare(timed, saved="seconds", **COMPARE).rules


def test_of_many_studies_means_are_what_they_are_of_few(few: None) -> None:
    """All means, shares and extremes; only what launch orders one by one are for is in short."""
    some = studies(7)
    short = esim.compare(some, **COMPARE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(REPLAYS, "MANY", 100)
        whole = esim.compare(some, **COMPARE)
    assert [e.key for e in short.rules] == [e.key for e in whole.rules]
    for a, b in zip(short.rules, whole.rules, strict=True):
        assert (a.recorded, a.first_stop) == (b.recorded, b.first_stop)
        for x, y in zip(a.workers, b.workers, strict=True):
            assert (x.orders, x.studies, x.best_kept) == (y.orders, y.studies, y.best_kept)
            assert x.saved is not None and y.saved is not None
            assert x.saved.mean == pytest.approx(y.saved.mean)
        for name, value in vars(a.orders).items():
            other = getattr(b.orders, name)
            for part in ("mean", "min", "max", "share", "count", "of", "studies"):
                if hasattr(value, part):
                    assert getattr(value, part) == pytest.approx(getattr(other, part)), name
        if a.rank is not None and b.rank is not None:
            assert a.rank.mean == pytest.approx(b.rank.mean)
            assert a.rank.first == pytest.approx(b.rank.first)
    assert short.sensitivity == whole.sensitivity
    assert (short.answer.best, short.front) == (whole.answer.best, whole.front)
    assert [w.code for w in short.warnings] == [w.code for w in whole.warnings]
    assert "the first 3 of each study" in short.methods["orders"]
    assert not any(study.rules for study in short.studies)
    # The table of each study and contestant, by the means.
    rows, full = short.by_study, whole.by_study
    assert rows[["study", "rule", "role"]].equals(full[["study", "rule", "role"]])
    for column in ("steps_saved_fraction", "degradation_normalized", "best_kept", "within"):
        np.testing.assert_allclose(rows[column], full[column].astype(float), rtol=1e-12)
    np.testing.assert_allclose(rows["rank"], full["rank"].astype(float), rtol=1e-12)


def test_what_is_kept_of_many_studies_does_not_grow_with_orders() -> None:
    rng = np.random.default_rng(0)
    tables = {"a": rng.random((5, 100)), "b": rng.random((5, 100))}
    tables["b"][3, 7] = np.nan
    kept = keep_numbers(tables, 2)
    assert kept.names == ("a",)
    assert (kept.cases.shape, kept.sample.shape, kept.ends.shape) == (
        (1, 5, 1),
        (1, 5, 2),
        (1, 5, 2),
    )
    assert kept.sample.base is None  # no view that keeps the whole table
    assert kept.of("a")[:, 0].tolist() == tables["a"].mean(axis=1).tolist()
    assert kept.ends[0, 2].tolist() == [tables["a"][2].min(), tables["a"][2].max()]


@pytest.mark.parametrize("at_once", [2_000_000, 70])
def test_the_bootstrap_over_many_studies_is_that_of_plain_loops(
    at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from esim.analyses.compare import statistics

    monkeypatch.setattr(statistics, "_AT_ONCE", at_once)
    rng = np.random.default_rng(1)
    means = rng.random((30, 2))
    found = bootstrap_studies(means, np.random.default_rng(5), 400)
    again, expected = np.random.default_rng(5), []
    while len(expected) < 400:
        rows = min(max(1, at_once // 30), 400 - len(expected))
        for drawn in again.integers(0, 30, (rows, 30)):
            expected.append([sum(means[s][r] for s in drawn) / 30 for r in range(2)])
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    # As far around the mean as a mean of 30 is.
    assert found.std(axis=0) == pytest.approx(means.std(axis=0) / 30**0.5, rel=0.1)


# -------------------------------------------------------------------------------- a forecast


def surveyed(source: Any, ask: dict[str, Any], **words: Any) -> Estimate:
    with going_through(source, **words) as past:
        known = past.each(facts_at)
        settled = settle(known, esim.rule("sagemaker"), replicates=120, **ask)
        return full_estimate(past, known, settled, 0, 0.9, Wanted(same_cost=True, backtest=True))


@pytest.mark.parametrize("many", [False, True])
def test_estimate_gives_the_same_bytes_from_everywhere(
    history: History, many: bool, request: pytest.FixtureRequest
) -> None:
    if many:
        request.getfixturevalue("few")
    expected = surveyed(studies(7), {"trials": 4, "workers": 1}, jobs=1)
    assert ("many_studies" in {w.code for w in expected.warnings}) == many
    for source, words in (
        (studies(7), {"jobs": 3}),
        (history, {"jobs": 2}),
        (history, {"engine": "threads", "jobs": 3}),
    ):
        assert (
            surveyed(source, {"trials": 4, "workers": 1}, **words).to_json() == expected.to_json()
        )
    plain = esim.estimate(history, trials=4, workers=1, replicates=120, jobs=1)
    assert plain.quantities.keys() == expected.quantities.keys()
    assert plain.to_dict()["quantities"] == expected.to_dict()["quantities"]


@pytest.mark.parametrize("until", [None, "not-improving=4"])
@pytest.mark.parametrize("name", ["sagemaker", "ray-median", "optuna-sha", "katib-medianstop"])
def test_studies_asked_together_answer_as_each_alone(name: str, until: str | None) -> None:
    """Of any sizes, those with too few trials among them, and whatever some are asked beside."""
    rng = np.random.default_rng(4)
    some = studies(5)
    for i, trials in enumerate((9, 3, 17, 0, 6, 9, 1)):
        values = rng.lognormal(size=(trials, 1)) / np.arange(1, 6)
        values += 0.1 * rng.standard_normal(values.shape)
        some.append(Study.from_arrays(list(values), "minimize", name=f"more {i}"))
    known, ends = list(map(facts, some)), job_rules(until)
    words: dict[str, Any] = {"replicates": 100, "workers": 2, "until": ends}
    ask = replace(settle(known, esim.rule(name), trials=7, **words), samples=20)
    longer = replace(ask, trials=12)
    beside: dict[int, list[Ask]] = {11: [longer], 13: [longer], 16: [longer], 18: [longer]}
    places = range(10, 10 + len(some))
    together = ANSWERS.answers((ask,), beside, 5, 1, None, None, places, some)
    for at, study, found in zip(places, some, together, strict=True):
        (alone,) = ANSWERS.answers((ask,), beside, 5, 1, None, None, [at], [study])
        assert (found.position, found.facts, found.trials) == (at, alone.facts, alone.trials)
        np.testing.assert_equal(found.happened, alone.happened)
        assert list(found.numbers) == list(alone.numbers) == [ask, *beside.get(at, ())]
        for question, numbers in alone.numbers.items():
            its = found.numbers[question]
            assert (its is None) == (numbers is None) == (alone.trials < 4)
            if its is not None and numbers is not None:
                np.testing.assert_equal(asdict(its), asdict(numbers))


def test_a_study_that_cannot_be_forecast_from_stops_no_other(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ANSWERS, "replay_past_studies", all_but_s3)
    found = esim.estimate(history, replicates=100, jobs=1)
    assert found.failures == {"s3": "no good"}
    assert found.to_dict()["failures"] == {"s3": "no good"}
    assert [study.study for study in found.studies] == ["s0", "s1", "s2", "s4", "s5", "s6"]
    assert found.quantities["steps_saved_fraction"] is not None
    with pytest.raises(EsimError, match="no good"):
        esim.estimate(studies(7), replicates=100)


def all_but_s3(past: PastStudies, ask: Ask) -> Any:
    if any(one.study.name == "s3" for one in past.each):
        raise EsimError("no good")
    return replay_past_studies(past, ask)


def test_many_studies_say_what_few_do(few: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same replays, of which less is kept: centres and variances are all there."""
    some = studies(7)
    with pytest.MonkeyPatch.context() as patch:
        for module in FEW:
            patch.setattr(module, "MANY", 100)
        whole = esim.estimate(some, trials=4, workers=1, replicates=100)
    monkeypatch.setattr(ESTIMATE, "_TIMES", 7)
    short = esim.estimate(some, trials=4, workers=1, replicates=100)
    assert short.replicates == whole.replicates == 100
    for name in ("steps_saved_fraction", "trials_stopped", "steps_saved"):
        a, b = short.quantities[name], whole.quantities[name]
        assert a is not None and b is not None
        assert len(a.draws) == 100
        assert a.median == pytest.approx(b.median, abs=0.5 * b.draws.std())
        assert a.draws.std() == pytest.approx(b.draws.std(), rel=0.2)
        assert b.draws.std() > 0
    # Of the past winners of many studies some are kept, spread evenly.
    assert short.probability_best_kept == pytest.approx(whole.probability_best_kept, abs=0.01)
    # Half of them have no times: of few that leaves time unknown, of many the others tell.
    assert whole.quantities["seconds_saved_fraction"] is None
    timed = esim.estimate(some[1::2], trials=4, workers=1, replicates=100)
    found, expected = (e.quantities["seconds_saved_fraction"] for e in (short, timed))
    assert found is not None and expected is not None
    assert found.draws.std() > 0
    assert abs(found.median - expected.median) < 0.1


def test_a_study_whose_unseen_best_is_unknown_leaves_it_to_the_others(
    few: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two trials of one study end infinitely well: from there to the median no way is finite."""
    monkeypatch.setattr(ESTIMATE, "_TIMES", 1)  # with 20 replays each, two of an unseen best
    some = [replace(study, direction="maximize", values=-study.values) for study in studies(7)]
    values = some[2].values.copy()
    values[5:10] = values[15:20] = [-9.0, -9.0, -9.0, -9.0, np.inf]
    some[2] = replace(some[2], values=values)
    found = esim.estimate(some, "azure-bandit", trials=8, workers=1, replicates=100, seed=1)
    lost = found.quantities["degradation_normalized"]
    assert lost is not None and not np.isnan(lost.draws).any()
    assert len(found.studies) == 7


def test_more_studies_are_replayed_less_often_each(few: None) -> None:
    asked = [facts(study) for study in studies(7)]
    assert settle(asked[:3], esim.rule("sagemaker"), replicates=500).samples == 500
    ask = settle(asked, esim.rule("sagemaker"), replicates=500)
    assert (ask.samples, ask.draws, ask.among, ask.held) == (10 * 500 // 7, 500, 7, 7)
    many = settle(asked * 1000, esim.rule("sagemaker"), replicates=100)
    assert (many.samples, many.draws, many.among, many.held) == (20, 100, 7000, 40)


def test_what_a_forecast_keeps_of_many_studies_is_little(few: None) -> None:
    study = studies(1)[0]
    seed = np.random.SeedSequence(0)
    ask = settle([facts(study)] * 2000, esim.rule("sagemaker"), replicates=1000)
    (replays,) = replay_past_studies(PastStudies([PastStudy(study, seed)]), ask)
    assert replays is not None
    learned = past_numbers(replays, ask)
    arrays = [varies.shape for varies in learned.numbers.values() if varies is not None]
    arrays += [*learned.best.values(), *learned.slow.values(), learned.best_kept, learned.scatter]
    assert all(array.base is None for array in arrays)  # no view that keeps the replays
    assert sum(array.size for array in arrays) < 150


def test_of_a_long_history_some_studies_are_drawn(history: History, tmp_path: Path) -> None:
    found = esim.estimate(history, replicates=100, jobs=1, most_studies=3)
    names = [study.study for study in found.studies]
    assert len(names) == 3 and names == sorted(names)
    assert found.drawn_from == 7
    document = found.to_dict()
    assert document["drawn_from"] == 7
    drawn = next(w for w in found.warnings if w.code == "studies_drawn")
    assert drawn.text.startswith("3 of the 7 studies")
    # Drawn studies are no others than if they alone were there, but for their places.
    assert esim.estimate(history, replicates=100, most_studies=3).to_dict() == document
    seeds = range(1, 40)
    draws = [set(drawn_names(history, seed)) for seed in seeds]
    for name in (f"s{i}" for i in range(7)):  # 39 draws of 3 of 7: 16.7 expected, sd 3.1
        assert 5 < sum(name in draw for draw in draws) < 29
    whole = esim.estimate(history, replicates=100, most_studies=7)
    assert whole.drawn_from is None and "drawn_from" not in whole.to_dict()
    out = tmp_path / "out"
    words = ["estimate", str(history.location), "--replicates", "100", "--jobs", "1"]
    shown = RUN.invoke(app, [*words, "--most-studies", "3", "--out", str(out)])
    assert shown.exit_code == 0, shown.output
    assert json.loads((out / "result.json").read_text())["drawn_from"] == 7


def drawn_names(history: History, seed: int) -> list[str]:
    with going_through(history, engine="threads", most=3, seed=seed) as past:
        return [study.name for study in past.each(facts_at)]


def test_studies_held_in_memory_are_few_or_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ESTIMATE, "_HELD", 100)  # a study has 30 reports
    for n, held in ((1, 1), (3, 3), (4, 2), (250, 2)):
        asked = settle([facts(study) for study in studies(1) * n], esim.rule("sagemaker"))
        assert asked.held == held, n
    with going_through(studies(5)) as past:
        known = past.each(facts_at)
        asked = settle(known, esim.rule("sagemaker"), replicates=100)
        found = full_estimate(past, known, asked, 0, 0.9, Wanted())
    assert "beside_from_some" in {w.code for w in found.warnings}
    assert len(found.leave_one_out) == 2


# --------------------------------------------------------------------------------- the commands


def test_the_command_goes_through_a_history(history: History, tmp_path: Path, few: None) -> None:
    folder = str(tmp_path / "h")
    words = ["compare", folder, "--rules", "sagemaker", "--orders", "4", "--jobs", "1"]
    shown = RUN.invoke(app, words)
    assert shown.exit_code == 0, shown.output
    assert "7 studies  42 trials" in shown.output
    assert "--out DIR writes the means of each study" in shown.output
    out = tmp_path / "out"
    made = RUN.invoke(app, [*words, "--out", str(out), "--json"])
    assert made.exit_code == 0, made.output
    found = json.loads(made.stdout)
    assert found["inputs"][0]["sha256"] == history.sha256
    assert found["command"] == f"esim compare {folder} --rules sagemaker --orders 4"
    rows = pd.read_parquet(out / "studies.parquet")
    assert len(rows) == 7 * len(found["rules"])
    page = RUN.invoke(app, ["report", str(out / "result.json"), "--out", str(tmp_path / "r.md")])
    assert page.exit_code == 0, page.output
    assert "Of 7 studies only means were kept." in (tmp_path / "r.md").read_text()
    failing = RUN.invoke(app, [*words, "--clock", "recorded"])
    assert failing.exit_code == 1
    assert "Not replayed: 4 studies" in failing.output


def test_the_forecast_of_a_history(
    history: History, tmp_path: Path, few: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, out = str(tmp_path / "h"), tmp_path / "out"
    words = ["estimate", folder, "--replicates", "100", "--workers", "1", "--engine", "threads"]
    shown = RUN.invoke(app, [*words, "--jobs", "2"])
    assert shown.exit_code == 0, shown.output
    assert "from 42 past trials of 7 studies" in " ".join(shown.output.split())
    monkeypatch.setattr(ANSWERS, "replay_past_studies", all_but_s3)
    failing = RUN.invoke(app, [*words, "--out", str(out)])
    assert failing.exit_code == 1
    assert "Not replayed: 1 study" in failing.output
    document = json.loads((out / "result.json").read_text())
    assert document["failures"] == {"s3": "no good"}
    assert document["command"] == f"esim estimate {folder} --replicates 100 --workers 1"
    page = RUN.invoke(app, ["report", str(out), "--out", str(tmp_path / "r.md")])
    assert page.exit_code == 0, page.output
    assert "| s3 | no good |" in (tmp_path / "r.md").read_text()


def test_a_small_history_is_compared_as_logs_are(history: History, tmp_path: Path) -> None:
    words = ["compare", str(tmp_path / "h"), "--rules", "sagemaker", "--orders", "4", "--json"]
    whole = json.loads(RUN.invoke(app, words).stdout)
    streamed = json.loads(RUN.invoke(app, [*words, "--engine", "threads"]).stdout)
    for one in (whole, streamed):
        for key in ("inputs", "command"):
            del one[key]
    assert whole == streamed


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--engine", "spark"], 2, "no engine 'spark'"),
        (["--address", "x"], 2, "takes no address"),
        (["--jobs", "1", "--objective", "loss"], 1, "no metric 'loss'"),
        (["--jobs", "1", "--direction", "maximize"], 1, "maximize"),
    ],
)
def test_wrong_usage(
    history: History, tmp_path: Path, words: list[str], code: int, message: str
) -> None:
    for command in ("compare", "estimate", "replay"):
        run = RUN.invoke(app, [command, str(tmp_path / "h"), *words])
        assert run.exit_code == code, (command, run.output)
        text = run.output if run.exception is None or code == 2 else str(run.exception)
        assert message in " ".join(text.split()), command


def test_an_engine_is_for_a_history(tmp_path: Path) -> None:
    studies(1)[0].to_parquet(tmp_path / "one")
    for command in ("compare", "estimate"):
        run = RUN.invoke(app, [command, str(tmp_path / "one"), "--engine", "threads"])
        assert run.exit_code == 2
        assert "convert" in run.output


def test_of_a_long_history_a_comparison_draws_studies(history: History) -> None:
    found = esim.compare(history, **COMPARE, jobs=1, most_studies=4)
    assert found.settings.drawn_from == 7
    assert len(found.studies) == 4
    doubt = next(d for d in found.warnings if d.code == "studies_drawn")
    assert doubt.text.startswith("4 of the 7 studies")
    names = [study.study for study in found.studies]
    some = [study for study in studies(7) if study.name in names]
    alone = esim.compare(some, **COMPARE)
    assert [rule.recorded for rule in found.rules] == [rule.recorded for rule in alone.rules]
    whole = esim.compare(history, **COMPARE, jobs=1, most_studies=7)
    assert whole.settings.drawn_from is None


def test_of_a_long_history_a_certificate_draws_studies(history: History) -> None:
    asked: dict[str, Any] = {"risk": "60%", "confidence": "60%", "rules": ["sagemaker"]}
    found = esim.certify(history, **asked, orders=6, jobs=1, most_studies=4)
    assert len(found.studies) == 4
    drawn = next(d for d in found.warnings if d.code == "studies_drawn")
    assert "of the 7 studies, drawn at random" in drawn.text
    whole = esim.certify(history, **asked, orders=6, jobs=1)
    assert len(whole.studies) == 7
    assert "studies_drawn" not in {d.code for d in whole.warnings}
