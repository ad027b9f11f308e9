"""`identify`: by hand, against a naive twin, and blind against a service with a hidden rule."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import config

import esim
from esim.analyses.identify.candidates import candidates_of
from esim.analyses.identify.evidence import Scene, hold
from esim.analyses.identify.identify import identify
from esim.analyses.identify.noise import misses_allowed, tail
from esim.analyses.identify.standing import Terms
from esim.errors import EsimError
from esim.results.identification import Answer, Identification, OpenQuestion
from esim.results.rule_set import RuleSet
from esim.rules.candidates import Candidate, answers, asked, combinations
from esim.study import Note, Status, Study
from esim.study.times import last_second
from tests.benchmarks.identify_runs import made_up
from tests.references import naive
from tests.references.generate import FromHypothesis, FromSeed, build, make_rule, make_study
from tests.references.service import served, timed

DONE, CUT, FAILED, RUNNING = Status.COMPLETED, Status.STOPPED, Status.FAILED, Status.RUNNING
INTERRUPTED = Status.INTERRUPTED
LITERAL = esim.rule("sagemaker")


@cache
def readings(parents: bool = False) -> tuple[Candidate, ...]:
    return combinations(LITERAL, parents=parents)


def by_name(*names: str, parents: bool = False) -> list[Candidate]:
    found = {one.name: one for one in readings(parents)}
    return [found[name] for name in names]


@cache
def few(letters: str) -> tuple[Candidate, ...]:
    """The combinations of readings of some questions; the others are read literally."""
    every = asked(parents="P" in letters)
    rest = [at for at, letter in enumerate(every) if letter not in letters]
    return tuple(
        one
        for one in readings("P" in letters)
        if all(one.codes[at].endswith("1") for at in rest) and "HI2" not in one.codes
    )


def jobs(*curves: list[float], status: list[Status], **columns: object) -> Study:
    """Jobs one after another, with a report at steps 1, 2, ..."""
    return build([list(range(1, len(c) + 1)) for c in curves], curves, status=status, **columns)


def question(found: Identification, letter: str) -> OpenQuestion:
    return next(one for one in found.questions if one.letter == letter)


def answer(found: Identification, letter: str, code: str) -> Answer:
    return next(one for one in question(found, letter).answers if one.code == code)


# ---------------------------------------------------------------------------------------- by hand


def test_one_stop_by_hand() -> None:
    """a: 4 3 2, completed. b: 3 4, stopped after its second report. Averages of a: 4, 3.5, 3.

    At step 1: 3 < 4, nobody stops. At step 2: the value 4 > 3.5 stops; the best so far, 3 < 3.5,
    does not; the own average, 3.5, is a tie and does not. So A2 and A3 fall with b, the second job.
    One previous job was enough (H), and two reports (I2 wants six). Half of a's three steps is 1.5,
    so I4 stands. K2 would have had to decide at step 1.
    """
    study = jobs([4, 3, 2], [3, 4], status=[DONE, CUT])
    found, left = identify([study], readings())
    assert answer(found, "A", "A1").left > 0
    assert question(found, "A").settled == "A1"
    assert question(found, "H").settled == "H1"
    assert question(found, "K").settled == "K1"
    assert [a.code for a in question(found, "I").answers if a.left] == ["I1", "I3", "I4"]
    best = answer(found, "A", "A2")
    assert (best.left, best.fell) == (0, 2)
    assert best.evidence is not None
    assert (best.evidence.trial, best.evidence.step) == ("t1", 2)
    assert (best.evidence.own, best.evidence.threshold, best.evidence.peers) == (3, 3.5, 1)
    assert best.evidence.text == (
        "would not stop it at step 2: best value so far 3 against 3.5, of 1 peer; it was stopped "
        "after step 2"
    )
    late = answer(found, "K", "K2").evidence
    assert late is not None
    assert late.text == (
        "would not stop it at step 1, to take effect 1 report later: value 3 against 4, of 1 peer; "
        "it was stopped after step 2"
    )
    # What is left: E, F, J, L and O cannot be told apart by two jobs, B1 and B3 neither.
    assert found.left == len(left) == 3 * 2 * 3 * 3 * 2 * 2 * 2  # B E F I J L O
    (literal,) = found.named
    assert (literal.name, literal.left, literal.misses, literal.jobs) == ("literal", True, 0, 2)
    assert [job.left for job in found.jobs] == [22032, found.left]


def test_one_job_that_went_on_by_hand() -> None:
    """a: 1 1, completed; b: 2 2, completed: any rule that asks for one peer and no warm-up stops b.

    The stop at its first report would have ended it early; a stop one report later comes with its
    last, and is seen nowhere. So the literal rule falls, and H2 or K2 keep it.
    """
    study = jobs([1, 1], [2, 2], status=[DONE, DONE])
    found, left = identify([replace(study, notes=(Note("auto_was_on", ""),))],
                           by_name("literal", "H2", "K2", "I2", "I3"))  # fmt: skip
    assert [one.name for one in left] == ["H2", "K2", "I2"]
    (miss,) = found.named[0].evidence
    assert miss.text == (
        "would stop it at step 1: value 2 against 1, of 1 peer; it went on to step 2 and completed"
    )
    assert found.alike_total == 2  # K2 says stop, and it is not seen


@pytest.mark.parametrize(
    ("status", "left"),
    [(CUT, []), (INTERRUPTED, ["literal"]), (FAILED, ["literal"]), (RUNNING, ["literal"])],
)
def test_how_a_job_ended_that_no_rule_stopped(status: Status, left: list[str]) -> None:
    """b is better than a throughout, and yet it is shorter."""
    study = jobs([3, 3, 3], [2, 2], [9], status=[DONE, status, CUT])
    assert [one.name for one in identify([study], by_name("literal"))[1]] == left


def test_none_of_these_rules() -> None:
    study = jobs([3, 3, 3], [2, 2], status=[DONE, CUT])  # the better of two was stopped
    found, left = identify([study], few("ABH"))
    assert (found.left, left) == (0, ())
    assert found.verdict.startswith("none of these 36 rules")
    assert all(one.settled is None and not one.why for one in found.questions)
    assert found.alike == ()


def test_a_stop_with_latency() -> None:
    """Told at 10 s, the job reports at 20 s too before it ends: 15 s, but not 5 s, allow for it."""
    study = jobs(
        [1, 1, 1], [2, 2], status=[DONE, CUT], elapsed=[[10, 20, 30], [10, 20]],
        start=[0, 40], end=[30, 60],
    )  # fmt: skip
    left = {
        s: [one.name for one in identify([study], by_name("literal"), Terms(latency_s=s))[1]]
        for s in (0.0, 5.0, 15.0)
    }
    assert left == {0.0: [], 5.0: [], 15.0: ["literal"]}


def test_nan_is_a_report_to_rules_that_count_it_by_hand() -> None:
    """a: 1 1 1. b reports 0.5 and NaN, and was stopped; c the same, and went on to a second NaN.

    Where NaN is no report, b and c made one, better than 1: the stop contradicts. Where it is worse
    than any value it ends a job with its second report, by the one job that completed: b fits, and
    c, which went on, does not.
    """
    nan = math.nan
    study = jobs([1, 1, 1], [0.5, nan], [0.5, nan, nan], status=[DONE, CUT, DONE])
    worst = Candidate("worst", esim.rule("sagemaker", nan="worst", pool="completed"))
    missed = hold(Scene(study), [*by_name("literal"), worst], 0.0, 1).missed
    assert missed.tolist() == [[False, True, False], [False, False, True]]
    found, _ = identify([study], [worst])
    assert [one.text for one in found.named[0].evidence] == [
        "would stop it at step 2: the report has no value, with 1 peer; it went on to step 3 and "
        "completed"
    ]


def test_a_service_that_looks_a_little_later_by_hand() -> None:
    """a ends at 34. b starts at 22 and reports 2 > 1 at 32: nobody has ended, and it goes on.

    A service that looks at 35 has a before it, and stops b with one report. Within 5 s it may have
    looked by then, within 1 s not: at 33 a still uploads. c reports at 44 and was stopped with its
    second report, at 54: at the first a had ended for both, so that no later look explains it.
    """
    curves, start = [[1, 1, 1], [2], [2, 2]], [0, 22, 34]
    study = jobs(
        *curves, status=[DONE, CUT, CUT], elapsed=[[10, 20, 30], [10], [10, 20]], start=start,
        end=[34, 36, 60],
    )  # fmt: skip
    misses = {
        s: hold(Scene(study), by_name("literal"), 0.0, 1, s).missed[0].tolist()
        for s in (0.0, 1.0, 5.0)
    }
    assert misses == {
        0.0: [False, True, True],
        1.0: [False, True, True],
        5.0: [False, False, True],
    }
    found, _ = identify([study], by_name("literal"), Terms(poll_s=5.0))
    assert found.poll_s == 5.0
    assert "within 5 s" in next(c.text for c in found.caveats if c.code == "decided_at_once")


def test_jobs_behind_a_lost_curve_are_no_evidence() -> None:
    """The third job ended, and its curve is lost: the fourth may have been held against it."""
    status = [DONE, CUT, DONE, CUT]
    study = build([[1, 2], [1], [], [1]], [[1, 1], [2], [], [0]], status=status)
    found, left = identify([study], by_name("literal", "A2"))
    assert len(left) == 2 and [job.trial for job in found.jobs] == ["t0", "t1"]
    assert {caveat.code for caveat in found.caveats} >= {"curves_lost", "no_times"}
    failed = build([[1, 2], [1], [], [1]], [[1, 1], [2], [], [0]], status=[DONE, CUT, FAILED, CUT])
    assert identify([failed], by_name("literal"))[1] == ()  # it was no peer: 0 is the best of all


@pytest.mark.parametrize(
    ("value", "said"),
    [(4.0, "value 4 against 4, a tie, of 1 peer"), (4 - 1e-7, "value 3.9999999 against 4, of 1")],
)
def test_values_that_look_alike_are_told_apart(value: float, said: str) -> None:
    """The one peer's average is 4: neither value is worse, and the job was stopped."""
    found, _ = identify([jobs([4, 4], [value], status=[DONE, CUT])], by_name("literal"))
    (evidence,) = found.named[0].evidence
    assert evidence.text.startswith(f"would not stop it at step 1: {said}")


def test_candidates_by_name_and_as_rules() -> None:
    """Of 4, 5: 4 is the median of one peer at step 1. A stop there refutes who asks for 5 jobs."""
    stopped = jobs([4, 3], [5], status=[DONE, CUT])
    five = esim.rule("optuna-median")  # whose min_completed is 5
    found, left = identify([stopped], ["vizier-median", five])
    assert (found.candidates, [one.name for one in left]) == (2, ["vizier-median"])
    assert identify([stopped], ["readings"])[0] == identify([stopped])[0]
    assert identify([stopped], ["presets"])[0].candidates > 20
    assert repr(found).startswith("<Identification: one of 2 rules is left")
    with pytest.raises(EsimError, match="no rule named 'optuna-medin'"):
        identify([stopped], ["optuna-medin"])


def test_what_cannot_be_identified() -> None:
    with pytest.raises(EsimError, match="no rule was on"):
        identify([jobs([1], [2], status=[DONE, DONE])])
    stopped = jobs([1, 1], [2], status=[DONE, CUT])
    with pytest.raises(EsimError, match="no rule was on"):
        identify([stopped], without=["made-up"])
    with pytest.raises(EsimError, match="looks ahead"):
        identify([stopped], [Candidate("o", esim.rule("oracle"))])
    with pytest.raises(EsimError, match="two candidates"):
        identify([stopped], [Candidate("o", LITERAL), Candidate("o", LITERAL)])
    with pytest.raises(EsimError, match="error_rate"):
        Terms(error_rate=0.7)


# ------------------------------------------------------------------------------- warm-start parents


def test_parents_jobs_as_previous_ones() -> None:
    """The child's first job was stopped at once: nobody of its own had ended before it."""
    parent = replace(jobs([1, 1], [1, 1], status=[DONE, DONE]), name="old")
    warm = Note("warm_start", "", 1, ("old",))
    child = replace(jobs([5], [0.5, 0.5], status=[CUT, DONE]), name="new", notes=(warm,))
    found, left = identify([parent, child], few("AHP"), without=["old"])
    assert question(found, "P").settled == "P2"
    assert left and all(one.parents for one in left)
    assert found.studies[0].parents == ("old",)
    evidence = answer(found, "P", "P1").evidence
    assert evidence is not None and "0 peers" in evidence.text
    # Without the parent's logs it is not refuted that its jobs count, and nothing else is left.
    found, left = identify([child], few("AHP"))
    assert found.studies[0].parents_missing == ("old",)
    assert len(left) == len(few("AHP")) // 2 and all(one.parents for one in left)
    assert "parents_missing" in {caveat.code for caveat in found.caveats}


def test_parents_of_which_not_all_curves_are_known_are_missing() -> None:
    warm = Note("warm_start", "", 2, ("a", "b"))
    child = replace(jobs([5], [1, 1], status=[CUT, DONE]), name="c", notes=(warm,))
    whole = replace(jobs([1], [2], status=[DONE, DONE]), name="a")
    lost = replace(build([[1], []], [[1], []], status=[DONE, DONE]), name="b")
    finals = replace(whole, name="b", notes=(Note("finals_only", ""),))
    for other in (lost, finals):
        scene = Scene.of(child, {"a": whole, "b": other})
        assert ([one.name for one in scene.parents], scene.missing) == (["a"], ("b",))
    failed = replace(build([[1], []], [[1], []], status=[DONE, FAILED]), name="b")
    assert Scene.of(child, {"a": whole, "b": failed}).missing == ()
    bare = replace(child, notes=(warm, Note("finals_only", "")))
    assert Scene.of(bare, {"a": whole, "b": finals}).missing == ()


# ------------------------------------------------------------------------------------------- noise


@pytest.mark.parametrize("n", [1, 7, 60])
@pytest.mark.parametrize("p", [0.0, 0.02, 0.3])
def test_the_tail_of_the_binomial_is_exact(n: int, p: float) -> None:
    exact = Fraction(p)
    for least in range(n + 2):
        terms = (math.comb(n, k) * exact**k * (1 - exact) ** (n - k) for k in range(least, n + 1))
        assert tail(n, p, least) == pytest.approx(float(sum(terms)), rel=1e-9, abs=1e-300)


def test_misses_allowed_by_hand() -> None:
    """Bin(10, 0.1): P(>= 3) = 0.0702, P(>= 4) = 0.0128. Among 4 candidates 0.05 / 4 = 0.0125."""
    assert misses_allowed(10, 0.1, 0.05, 1) == 3  # 0.0128 <= 0.05 drops 4
    assert misses_allowed(10, 0.1, 0.05, 4) == 4  # 0.0128 > 0.0125 keeps 4
    assert misses_allowed(10, 0.0, 0.05, 1) == 0


def test_an_error_rate_keeps_the_truth_though_a_job_was_stopped_by_hand() -> None:
    curves = [[1.0, 1.0], *([2.0 + i] for i in range(19)), [0.5]]  # the last was the best of all
    study = jobs(*curves, status=[DONE] + [CUT] * 20)
    assert identify([study], by_name("literal", "A2"))[1] == ()
    found, left = identify([study], by_name("literal", "H4", "I2"), Terms(error_rate=0.02))
    assert [one.name for one in left] == ["literal"]
    assert found.named[0].misses == 1 <= found.misses_allowed < found.named[0].jobs
    assert "0.02" in found.guarantee and "at least 0.9:" in found.guarantee


# -------------------------------------------------------------------------------------- naive twin


def misses_of_the_twin(
    study: Study, candidate: Candidate, clock: str, known: list[int]
) -> list[bool]:
    """The definition, word by word: one decision after another, from the naive replay.

    `known`: how many rows of each trial speak.
    """
    rule, told = candidate.rule, {}
    never_acts = replace(rule, delay=10**9)
    for decision in naive.replay(study, never_acts, clock=clock, as_recorded=True).decisions:
        if decision.stop and decision.trial not in told:
            told[decision.trial] = decision.report
    found = []
    for trial in range(study.n_trials):
        start, stop = study.offsets[trial : trial + 2].tolist()
        rows = [row for row in range(start, stop) if not math.isnan(study.values[row])]
        made = rows[-1] + 1 - start if rows else 0
        ends = None  # rows that it would have made
        if trial in told:
            effect = rows.index(told[trial]) + rule.delay
            ends = rows[effect] + 1 - start if effect < len(rows) else None
        too_early = ends is not None and ends < known[trial]
        cut = study.status[trial] == CUT and 0 < known[trial] == made
        found.append(too_early or (cut and ends != made))
    return found


@pytest.mark.parametrize("seed", range(6 if config.DISABLE_JIT else 15))
def test_misses_are_those_of_the_twin(seed: int) -> None:
    pick = FromSeed(np.random.default_rng((seed, 181)))
    study = make_study(pick, times=pick.one((None, "schedule")), max_trials=10)
    every = [one for one in readings() if one.rule.peer_from == "end"]
    some = [every[int(at)] for at in np.random.default_rng(seed).choice(len(every), 12)]
    plain = [replace(one, rule=replace(one.rule, adding="in order")) for one in some]
    scene = Scene(study)
    held = hold(scene, plain, 0.0, 1)
    for its, candidate in zip(held.missed, plain, strict=True):
        twin = misses_of_the_twin(study, candidate, scene.clock().mode, scene.known.tolist())
        assert its.tolist() == twin, candidate.name


# -------------------------------------------------------------------------------------- properties


def any_recorded(draw: st.DataObject) -> tuple[Study, list[Candidate]]:
    pick = FromHypothesis(draw.draw)
    study = make_study(pick, times="schedule", max_trials=8, infinities=False)
    some = [pick.one(range(len(readings()))) for _ in range(6)]
    made = [Candidate(f"made {i}", make_rule(pick)) for i in range(2)]
    return study, [*{at: readings()[at] for at in some}.values(), *made]


def left_of(study: Study, candidates: list[Candidate], **how: float) -> set[str]:
    held = hold(Scene(study), candidates, 0.0, 1, **how)
    return {one.name for one, its in zip(candidates, held.missed, strict=True) if not its.any()}


@settings(max_examples=10 if config.DISABLE_JIT else 20, deadline=None)
@given(st.data())
def test_what_is_left_does_not_hang_on_names_or_on_the_order_of_candidates(
    data: st.DataObject,
) -> None:
    study, candidates = any_recorded(data)
    expected = left_of(study, candidates)
    assert left_of(study, candidates[::-1]) == expected
    renamed = replace(study, trials=tuple(f"x{i}" for i in range(study.n_trials)))
    assert left_of(renamed, [c for c in candidates if c.rule.brackets == "one"]) <= expected
    assert left_of(study, candidates, poll_s=2.0) >= expected


def cut_at(study: Study, moment: float) -> Study:
    """The record as it was at a moment: what is seen later is missing, and who runs is running."""
    assert study.elapsed is not None
    number = np.diff(study.offsets)
    when = np.repeat(study.start, number) + study.elapsed
    began = study.start <= moment
    keep = (when <= moment) & np.repeat(began, number)
    rows = np.add.reduceat(np.append(keep, False), study.offsets[:-1]) * (number > 0)
    end = np.fmax(study.end, study.start + last_second(study))  # none ends before its last report
    running = (end > moment) | (study.status == RUNNING)
    status = np.where(running, RUNNING, study.status).astype(np.int8)
    return replace(
        study,
        offsets=np.concatenate(([0], np.cumsum(rows))).astype(np.int64),
        steps=study.steps[keep],
        values=study.values[keep],
        elapsed=study.elapsed[keep],
        end=np.where(running, np.nan, end),
        status=status,
        censored=np.isin(status, [CUT, FAILED, RUNNING, INTERRUPTED]),
    )


@settings(max_examples=10 if config.DISABLE_JIT else 40, deadline=None)
@given(st.data())
def test_a_log_cut_at_a_moment_only_ever_leaves_more(data: st.DataObject) -> None:
    study, candidates = any_recorded(data)
    ends = study.end[np.isfinite(study.end)]
    last = float(ends.max()) if len(ends) else 1.0
    moment = data.draw(st.integers(0, int(last) + 1)) + 0.25
    plain = [c for c in candidates if not c.rule.waits_for_first and c.rule.nan != "pass"]
    assert left_of(cut_at(study, moment), plain) >= left_of(study, plain)


# ------------------------------------------------------------------------------------------- blind


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("seed", range(6))
def test_a_hidden_rule_is_never_dropped(seed: int, workers: int) -> None:
    rng = np.random.default_rng((seed, workers))
    every = readings()
    hidden = every[int(rng.integers(len(every)))]
    some = {hidden.name: hidden, "literal": every[0]}
    some |= {every[int(at)].name: every[int(at)] for at in rng.choice(len(every), 150)}
    record = served(timed(made_up(rng, 30, 16)), hidden.rule, workers, upload_s=7.0)
    found, left = identify([record], list(some.values()))
    assert hidden in left, hidden.name
    assert found.left < len(some) / 2
    assert found.as_of == "2026-09"


def test_a_hidden_preset_is_found_among_presets() -> None:
    rng = np.random.default_rng(3)
    candidates = candidates_of(["presets"], {})
    assert candidates is not None
    for name in ("azure-median", "katib-medianstop", "vizier-median", "synetune-median"):
        record = served(timed(made_up(rng, 40, 16)), esim.rule(name), 4)
        found, left = identify([record], candidates)
        assert [one.name for one in left] == [name]
        assert not found.questions and len(found.named) == len(candidates)


# --------------------------------------------------------------------------- candidates, documents


def test_every_combination_of_readings_stands_once() -> None:
    every = readings()
    assert len(every) == 3 * 3 * 2 * 3 * (4 * 4 + 1) * 2 * 3 * 2 * 2
    assert len({one.codes for one in every}) == len({one.name for one in every}) == len(every)
    assert len(readings(parents=True)) == 2 * len(every)
    for letter in asked(parents=True):
        codes = {one.codes[asked(parents=True).index(letter)] for one in readings(parents=True)}
        assert codes == answers(letter).keys()
    belief = next(one for one in every if one.name == "HI2")
    assert (belief.rule.min_completed, belief.rule.warmup_share) == (10, 0.1)


def test_documents_are_read_back() -> None:
    study = jobs([4, 3, 2], [3, 4], status=[DONE, CUT])
    found, left = identify([study], by_name("literal", "A2", "H2", "O2"))
    assert Identification.from_dict(found.to_dict()) == found
    rules = RuleSet.of(left, found.verdict)
    assert RuleSet.from_dict(rules.to_dict()) == rules
    assert [one.rule for one in rules.candidates()] == [one.rule for one in left]
    assert [one.columns for one in rules.readings()] == [{}, {"tolerance": 1e-6}]


def test_progress_is_told_up_to_its_end() -> None:
    study = esim.Study.from_arrays(
        [[3, 2, 1], [4, 4], [2, 2, 2]], "min", status=["completed", "stopped", "completed"]
    )
    told: list[tuple[int, int]] = []
    found, _ = identify([study], progress=lambda done, of: told.append((done, of)))
    assert [done for done, _ in told] == sorted(done for done, _ in told) and len(told) > 5
    assert {of for _, of in told} == {found.candidates}
    assert told[-1] == (found.candidates, found.candidates)
