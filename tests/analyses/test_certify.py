"""`certify` and `watch` on studies: what counts as a loss, which studies count, what is said."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import esim
from esim.analyses.certify.study_losses import losses, nearness
from esim.errors import EsimError
from esim.results.certificate import Certificate
from esim.results.watched import Watched
from esim.storage.history import History, Location
from esim.storage.history.write import Input, append
from esim.study import Status, Study

# Under the median rule: the best trial is better than the others at every step, and never stopped.
GOOD = [[1.0, 1.0, 1.0], [2.0, 2.0, 2.0], [9.0, 9.0, 9.0]]
# The last is the worst until its last report, and best there: stopped unless it is launched first.
LATE = [[1.0, 1.0, 1.0], [2.0, 2.0, 2.0], [9.0, 9.0, 0.5]]


def study(curves: Sequence[Sequence[float]], number: int) -> Study:
    """A study of its own: each number shifts the values a little, which changes no decision."""
    shifted = np.array(curves) + 0.001 * number
    return Study.from_arrays(shifted, "minimize", name=f"job-{number}")


def jobs(good: int, late: int, first: int = 0) -> list[Study]:
    kinds = [GOOD] * good + [LATE] * late
    return [study(kind, first + i) for i, kind in enumerate(kinds)]


def certify(studies: Any, rules: Any = ("sagemaker",), **asked: Any) -> Certificate:
    return esim.certify(studies, rules, **({"orders": "recorded"} | asked))


# ---------------------------------------------------------------------------------- a loss


def test_what_counts_as_a_loss() -> None:
    nan = float("nan")
    #                within  more  none  no scale, worse; better; alike   unknown
    loss = np.array([[0.05, 0.051, 0.0, nan, nan, nan, nan, np.inf]])
    degradation = np.array([[0.1, 0.1, -0.3, 0.1, -0.1, 0.0, nan, 5.0]])
    lost = losses(loss, degradation, 0.05)
    assert lost.tolist() == [[0, 1, 0, 1, 0, 0, 1, 1]]
    assert nearness(loss, lost, 0.05).tolist() == [[1, 1, 0, 1, 0, 0, 1, 1]]
    assert nearness(loss, lost, 0.5)[0, :2] == pytest.approx([0.1, 0.102])
    assert nearness(loss, lost, 0.0).tolist() == lost.tolist()


def test_a_study_is_lost_by_half_where_half_of_its_launch_orders_lose() -> None:
    # LATE is lost unless its last trial is launched first. esim.compare counts the same orders.
    past = jobs(1, 4)
    found = certify(past, orders=40, risk=0.9, confidence=0.5)
    compared = esim.compare(past, ["sagemaker"], orders=40)
    within = compared.rule("sagemaker").orders.within
    assert within is not None
    (one,) = found.sequence
    assert one.lost == pytest.approx(1 - within.share)
    assert 0.4 < one.lost < 0.7  # 4/5 of 2/3
    assert one.studies_lost == 4
    saved = compared.rule("sagemaker").orders.steps_saved_fraction
    assert saved is not None
    assert one.saved_fraction == pytest.approx(saved.mean)


# ------------------------------------------------------------------------------ the certificate


@pytest.mark.parametrize(
    ("good", "late", "certified", "p"),
    # 0.9^22 = 0.0985; 0.9^21 = 0.1094; one lost of 38 and of 37, by hand in test_certify_numbers.
    [(22, 0, True, 0.0985), (21, 0, False, 0.1094), (37, 1, True, 0.0953), (36, 1, False, 0.1036)],
)
def test_a_single_rule_is_tested_by_all_studies(
    good: int, late: int, certified: bool, p: float
) -> None:
    found = certify(jobs(good, late))
    assert (found.certified, found.test) == ("sagemaker" if certified else None, "binomial")
    assert found.counted("test") == good + late
    assert found.sequence[0].p == pytest.approx(p, abs=5e-5)
    assert found.on_average == "sagemaker"  # (0 + 1) / 22, (1 + 1) / 37
    assert (found.needed.certified, found.needed.on_average) == (22, 9)


def test_the_boldest_of_a_sequence_is_certified() -> None:
    rules = [
        esim.rule("sagemaker", min_reports=3),
        esim.rule("sagemaker", min_reports=2),
        "sagemaker",
    ]
    found = certify(jobs(34, 0), rules, orders=6)
    assert [one.key for one in found.sequence] == ["sagemaker[min_reports=2]", "sagemaker"]
    assert found.certified == "sagemaker"
    assert (found.candidates, found.counted("design"), found.counted("test")) == (3, 8, 26)
    assert [one.verdict for one in found.sequence] == ["certified"] * 2
    assert found.sequence[0].saved_fraction < found.sequence[1].saved_fraction


def test_what_is_told_of_a_rule_is_from_the_studies_that_test() -> None:
    past = jobs(14, 10)
    found = certify(past, ["sagemaker", "ray-median"], orders=5, risk=0.6)
    testing = {one.study for one in found.studies if one.part == "test"}
    assert len(testing) == 18
    for one in found.sequence:
        alone = certify([s for s in past if s.name in testing], [one.key], orders=5, risk=0.6)
        (same,) = alone.sequence
        assert (one.saved_fraction, one.lost) == (same.saved_fraction, same.lost)
        assert one.p in (None, same.p)


def test_rules_in_their_order_are_tested_by_all() -> None:
    found = certify(jobs(22, 0), ["sagemaker", "none"], in_order=True)
    assert (found.counted("design"), found.certified) == (0, "none")
    with pytest.raises(EsimError, match="in_order cannot go with a grid"):
        certify(jobs(22, 0), ["sagemaker"], in_order=True, grid={"min_reports": [1]})


def test_what_is_lost_is_not_certified() -> None:
    found = certify(jobs(12, 12))
    assert (found.certified, found.on_average) == (None, None)
    assert found.sequence[0].verdict == "not certified"
    assert found.sequence[0].lost == 0.5


@pytest.mark.parametrize(
    ("asked", "needed"),
    [((0.1, 0.9), 22), ((0.2, 0.9), 11), (("30%", "80%"), 5)],
)
def test_one_study_is_refused_with_how_many_are_needed(asked: Any, needed: int) -> None:
    risk, confidence = asked
    for past in (study(GOOD, 0), jobs(1, 0)):
        with pytest.raises(EsimError) as refused:
            certify(past, risk=risk, confidence=confidence)
        assert "one study can certify nothing, however many trials it has" in str(refused.value)
        assert f"at least {needed} studies without a loss: " in str(refused.value)
    with pytest.raises(EsimError, match="besides those that choose the sequence"):
        certify(study(GOOD, 0), ["sagemaker", "ray-median"])


def test_studies_that_cannot_tell_are_left_out_and_said() -> None:
    past = jobs(4, 0)
    status = np.full(3, int(Status.COMPLETED), dtype=np.int8)
    status[1] = int(Status.STOPPED)
    cut = dataclasses.replace(
        study(GOOD, 8), status=status, censored=np.array([False, True, False])
    )
    again = dataclasses.replace(past[0], name="the same once more")
    silent = Study.from_arrays([[np.nan, np.nan]], "minimize", name="silent")
    found = certify([*past, cut, again, silent], risk=0.3, confidence=0.7)
    assert [one.study for one in found.studies] == [one.name for one in past]
    told = {one.code: one.studies for one in found.left_out}
    assert told == {"counted_before": 1, "degradation_unknown": 1, "nothing_recorded": 1}
    assert found.certified == "sagemaker"  # 0.7^4 = 0.24
    with pytest.raises(EsimError, match=r"one study can certify nothing.*\n.*left out"):
        certify([past[0], cut])


def test_a_rule_that_leaves_nothing_loses() -> None:
    # This rule stops each trial at its first report, which has no value here.
    past = []
    for one in jobs(3, 0):
        values = one.values.copy()
        values[::3] = np.nan
        past.append(dataclasses.replace(one, values=values))
    for orders in ("recorded", 2):
        found = certify(past, ["optuna-threshold"], orders=orders)
        (one,) = found.sequence
        assert (one.lost, one.studies_lost, one.saved_fraction) == (1.0, 3, pytest.approx(2 / 3))
        assert "loss_unknown" in {doubt.code for doubt in found.warnings}


def test_the_same_bytes_from_every_number_of_workers_and_from_a_history(tmp_path: Any) -> None:
    past = jobs(8, 4)
    asked = {"rules": ["sagemaker", "ray-median"], "orders": 5, "risk": 0.3}
    first, second = (certify(past, jobs=n, **asked).to_json() for n in (1, 3))
    assert first == second
    append(Location(str(tmp_path / "h")), [Input("in", "0", "table", past)], None)
    history = History.open(str(tmp_path / "h"))
    assert set(history.names) == {one.name for one in past}
    assert certify(history, engine="threads", jobs=1, **asked).to_json() == first
    assert certify(past[::-1], **asked).to_json() == first
    other = certify(past, seed=1, **asked)
    assert other.to_json() != first


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"risk": 0.0}, "risk cannot be 0.0"),
        ({"risk": 10}, "risk cannot be 10"),
        ({"confidence": 0.4}, "confidence cannot be 0.4"),
        ({"max_loss": -0.1}, "max_loss cannot be -0.1"),
        ({"orders": 0}, "orders cannot be 0"),
        ({"seed": -1}, "seed cannot be -1"),
        ({"saved": "luck"}, "saved cannot be 'luck'"),
        ({"clock": "noon"}, "unknown clock 'noon'"),
        ({"rules": ["oracle"]}, "there is no rule to certify"),
        ({"saved": "seconds"}, "has no seconds to save"),
    ],
)
def test_what_cannot_be_asked(asked: dict[str, Any], said: str) -> None:
    with pytest.raises(EsimError, match=said):
        certify(jobs(3, 0), **asked)


# ----------------------------------------------------------------------------------- the watch


@pytest.fixture(scope="module")
def certificate() -> Certificate:
    return certify(jobs(22, 0))


def test_a_certificate_that_holds(certificate: Certificate) -> None:
    found = esim.watch(certificate, jobs(9, 1, first=100))
    assert (found.holds, found.rule, len(found.studies)) == (True, "sagemaker", 10)
    assert [one.lost for one in found.studies] == [0.0] * 9 + [1.0]
    assert found.false_alarm == pytest.approx(0.1)


def test_a_certificate_that_no_longer_holds(certificate: Certificate) -> None:
    # Each lost study multiplies a bet on risk q by q / 0.1; by hand: q = 0.11 ... 0.99 in 50 steps
    # have means 0.55 and, of q^2, 0.37: after two, 1/2 * 37 + 1/6 * 5.5 + 1/3 = 19.8 > 10.
    found = esim.watch(certificate, jobs(0, 5, first=100))
    assert found.broken_by == "job-101"
    assert found.studies[0].wealth == pytest.approx(0.5 * 5.5 + 0.5, abs=0.01)
    assert found.studies[1].wealth == pytest.approx(19.75, abs=0.05)


def test_old_studies_are_not_new(certificate: Certificate) -> None:
    renamed = dataclasses.replace(study(GOOD, 3), name="another name")
    found = esim.watch(certificate, [study(GOOD, 2), renamed, study(GOOD, 50), study(GOOD, 50)])
    assert [one.study for one in found.studies] == ["job-50"]
    assert {one.code: one.studies for one in found.left_out} == {
        "not_new": 2,
        "counted_before": 1,
    }


def test_a_history_is_watched_in_the_order_of_its_dates(
    certificate: Certificate, tmp_path: Path
) -> None:
    """Two losses in a row end it (see above): read first, but begun last, they do so last."""
    one, two, *rest = jobs(4, 2, first=100)[::-1]  # the two that lose, then four that do not
    nan = float("nan")  # the day of rest[3], which comes last
    days = {rest[0].name: 1.0, rest[1].name: 2.0, rest[2].name: 3.0, two.name: 4.0, one.name: 5.0}
    begun = {name: 1_780_000_000 + 86_400 * day for name, day in days.items()}
    dated = [
        dataclasses.replace(study, start=np.full(study.n_trials, begun.get(study.name, nan)))
        for study in (one, two, *rest)
    ]
    append(Location(str(tmp_path / "h")), [Input("in", "0", "table", dated)], None)
    found = esim.watch(certificate, History.open(str(tmp_path / "h")))
    names = [held.study for held in found.studies]
    assert names == [*(sorted(days, key=days.__getitem__)), rest[3].name]
    assert [held.lost for held in found.studies] == [0.0, 0.0, 0.0, 1.0, 1.0, 0.0]


def test_a_watch_goes_on(certificate: Certificate) -> None:
    new = jobs(3, 3, first=100)
    first = esim.watch(certificate, new[:4])
    again = Watched.from_dict(first.to_dict())
    whole, on = esim.watch(certificate, new), esim.watch(again, new)
    assert on.studies == whole.studies
    assert on.broken_by == whole.broken_by
    assert {one.code: one.studies for one in on.left_out} == {"not_new": 4}


def test_without_a_certified_rule_there_is_nothing_to_watch() -> None:
    with pytest.raises(EsimError, match="certifies no rule"):
        esim.watch(certify(jobs(3, 0)), jobs(1, 0, first=100))


def test_new_studies_are_replayed_as_the_old_ones_were() -> None:
    rule = esim.rule("sagemaker", min_reports=2)
    told = certify(jobs(22, 0), [rule], orders=7, max_loss=0.2, final="best", seed=4)
    again = Certificate.from_dict(told.to_dict())
    assert again.sequence[0].rule == rule
    new = jobs(1, 1, first=100)
    alone = certify(new, [rule], orders=7, max_loss=0.2, final="best", seed=4)
    found = esim.watch(again, new)
    assert np.mean([one.lost for one in found.studies]) == alone.sequence[0].lost


def test_a_job_level_rule_can_be_certified_and_watched() -> None:
    # Of GOOD's 9 steps the median rule saves 4, as the second and third trial stop at their first
    # report. A job of one trial saves 6, and keeps the best, which is launched first.
    found = certify(jobs(40, 0), until="max-jobs=1")
    assert found.certified == "max-jobs=1"
    one = found.candidate("max-jobs=1")
    assert one.rule.name == "none"
    assert one.saved_fraction == pytest.approx(6 / 9)
    assert found.candidate("sagemaker").saved_fraction == pytest.approx(4 / 9)
    again = Certificate.from_dict(found.to_dict())
    assert again.to_dict() == found.to_dict()
    assert "until" not in found.to_dict()["sequence"][0]
    # LATE's best is launched last, and a job of one trial never starts it.
    watched = esim.watch(again, jobs(2, 20, first=100))
    assert [each.lost for each in watched.studies[:3]] == [0.0, 0.0, 1.0]
    assert [each.saved_fraction for each in watched.studies[:3]] == pytest.approx([6 / 9] * 3)
    assert not watched.holds


def test_a_job_level_rule_that_means_another_is_not_watched() -> None:
    told = certify(jobs(40, 0), until="max-jobs=1").to_dict()
    told["sequence"][-1]["until"][0]["parameters"]["in_flight"] = "cut"
    with pytest.raises(EsimError, match="meant another rule"):
        esim.watch(Certificate.from_dict(told), jobs(1, 0, first=100))


def test_job_level_rules_have_no_order_from_safe_to_bold() -> None:
    with pytest.raises(EsimError, match="in_order cannot go with until"):
        certify(jobs(4, 0), until="max-jobs=1", in_order=True)
