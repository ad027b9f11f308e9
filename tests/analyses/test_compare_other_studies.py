"""What a comparison says of studies that it has not seen, against a truth that is known."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

import esim
from esim import Status, Study
from esim.analyses.compare.choice import choose
from esim.analyses.compare.other_studies import elsewhere, studies_needed
from esim.analyses.compare.ranking import ranking
from esim.analyses.compare.spreads import MeanIntervals
from esim.analyses.compare.study_replays import LOSS
from esim.results.comparison.comparison import Choice
from esim.study import Float64
from tests.analyses.test_compare import RULES, walks
from tests.references.outcome_tables import ACCEPTED, field_of, replays_of, settings_of

MEANS = MeanIntervals(0.95, 200, 0)


def chosen_of(saved: Float64, loss: Float64) -> Choice:
    """The choice of one of the contestants of made-up outcomes [S, R]."""
    field = field_of(saved.shape[1])
    found = choose(replays_of(saved, loss), field, settings_of(), MEANS, lambda *_: [])
    assert found is not None
    return found


# -------------------------------------------------------------------------- other studies


def test_the_interval_holds_what_the_chosen_rule_loses_elsewhere() -> None:
    """Eight contestants that lose 50 % in one study of ten each, 5 % on average; ten studies.

    The chosen one is one that happened to lose nothing or little. The truth, 5 %, is in the
    interval in at least 95 % of comparisons; an interval from resampled studies holds it in half.
    """
    rng = np.random.default_rng(0)
    held, tries = 0, 40
    for _ in range(tries):
        saved = np.clip(rng.normal(0.5, 0.1, (10, 8)), 0, 1)
        loss = 0.5 * (rng.random((10, 8)) < 0.1)
        saved[:, 0] = loss[:, 0] = 0.0  # stop nothing
        found = chosen_of(saved, loss)
        if found.chosen == "0":
            held += 1
            continue
        out = found.held_out
        assert out is not None and out.loss_normalized is not None
        low, high = out.loss_normalized.low, out.loss_normalized.high
        assert low is not None and high is not None
        held += low <= 0.05 <= high
        assert high > ACCEPTED
        assert "so the loss may be more" in found.text or found.text == ""
    assert held >= 0.95 * tries


def test_an_interval_elsewhere_by_hand() -> None:
    # Two candidates, so each end is missed with 0.025 / 2 = 0.0125. The second saves all and never
    # loses in 20 studies: at most 1 - 0.0125 ** (1 / 20) = 0.1968 of the largest loss, 100 %, and
    # it saves at least 0.0125 ** (1 / 20) = 0.8032.
    saved, loss = np.zeros((20, 2)), np.zeros((20, 2))
    saved[:, 1] = 1.0
    found = elsewhere(replays_of(saved, loss), (0, 1), 1, "steps_saved_fraction", 0.05, MEANS)
    assert found is not None
    assert (found.studies, found.candidates, found.promised) == (20, 2, False)
    assert (found.saved.mean, found.saved.high, found.loss_normalized.low) == (1.0, 1.0, 0.0)
    assert found.saved.low == pytest.approx(0.8032, abs=0.01)
    assert found.loss_normalized.high == pytest.approx(0.1968, abs=0.01)
    # 1 - 0.0125 ** (1 / S) <= 0.05 from S = log 0.0125 / log 0.95 = 85.4 on.
    assert found.studies_needed == 86
    # Where the first, though not picked, lost 200 % in some study, that is possible: twice as much.
    loss[3, 0] = 2.0
    twice = elsewhere(replays_of(saved, loss), (0, 1), 1, "steps_saved_fraction", 0.05, MEANS)
    assert twice is not None
    assert twice.loss_normalized.high == pytest.approx(2 * 0.1968, abs=0.02)
    loss[3, 0] = np.inf
    endless = elsewhere(replays_of(saved, loss), (0, 1), 1, "steps_saved_fraction", 0.05, MEANS)
    assert endless is not None
    assert (endless.loss_normalized.high, endless.studies_needed) == (None, None)


def test_a_small_mean_loss_is_promised_from_enough_studies() -> None:
    saved, loss = np.zeros((90, 2)), np.zeros((90, 2))
    saved[:, 1] = 1.0
    replays = replays_of(saved, loss)
    found = elsewhere(replays, (0, 1), 1, "steps_saved_fraction", 0.05, MEANS)
    assert found is not None
    assert found.promised
    assert studies_needed(replays, (0, 1), 0.0, MEANS) is None
    assert studies_needed(replays, (0, 1), 2.0, MEANS) == 1


def test_the_answer_and_the_choice_say_the_same_of_other_studies() -> None:
    found = esim.compare([walks(seed) for seed in range(6)], RULES, orders=5, choice=True)
    beyond, choice = found.answer.elsewhere, found.choice
    assert beyond is not None and choice is not None and choice.held_out is not None
    assert found.answer.best == choice.chosen
    loss = choice.held_out.loss_normalized
    assert loss is not None
    assert (beyond.loss_normalized.low, beyond.loss_normalized.high) == (loss.low, loss.high)
    assert "cannot be promised (that takes at least" in found.answer.sentences[4]
    assert "so the loss may be more" in choice.text or "choose with a smaller" in choice.text


def test_one_study_does_not_tell_the_next_job() -> None:
    found = esim.compare(walks(1, trials=40), RULES, orders=5, choice=True)
    choice = found.choice
    assert choice is not None and choice.held_out is not None
    assert "What the next job gives one study cannot tell" in choice.text
    assert "expect that" not in choice.text
    assert choice.held_out.saved.low is None and choice.held_out.saved.high is None
    assert choice.held_out.best_kept.low is None
    assert found.answer.elsewhere is None


# -------------------------------------------------------------------------------- the test


def test_ranks_of_rules_that_are_alike_are_seldom_called_better() -> None:
    """Ten exchangeable contestants on eight studies: neither what is saved nor ranks differ.

    Any difference may be called significant in 5 % of comparisons; 7 of 40 or more then have a
    chance of 0.3 %.
    """
    rng = np.random.default_rng(5)
    claims = np.zeros(2)
    for _ in range(40):
        saved = np.clip(rng.normal(0.5, 0.1, (8, 10)) + rng.normal(0, 0.1, (8, 1)), 0, 1)
        replays = replays_of(saved, np.zeros((8, 10)))
        found = ranking(replays, range(10), "steps_saved_fraction", LOSS, ACCEPTED, MEANS)
        claims += [
            any(one is not None and one.significant for one in found.against),
            any(one is not None and one.significant for one in found.ranks),
        ]
    assert (claims < 7).all()


# ------------------------------------------------------------------------- the same studies


def cut(study: Study) -> Study:
    """The same study, its last trial cut short when it was recorded."""
    status = study.status.copy()
    status[-1] = Status.STOPPED
    censored = study.censored.copy()
    censored[-1] = True
    return dataclasses.replace(study, status=status, censored=censored)


def test_all_means_are_over_the_studies_where_every_loss_is_known() -> None:
    studies = [walks(1), cut(walks(2)), walks(3)]
    found = esim.compare(studies, RULES, orders=5)
    alone = esim.compare([walks(1), walks(3)], RULES, orders=5)
    for entry in found.rules:
        same = alone.rule(entry.key)
        assert entry.orders.steps_saved_fraction.studies == 2
        assert entry.orders.steps_saved_fraction.mean == same.orders.steps_saved_fraction.mean
        assert entry.orders.best_kept == same.orders.best_kept
        assert entry.recorded == same.recorded
        assert [at.saved for at in entry.workers] == [at.saved for at in same.workers]
    # The headline's amount is the largest in the table of those that stay within the loss.
    within = [
        e for e in found.rules if e.against_best and e.against_best.verdict != "loses too much"
    ]
    most = max(e.orders.steps_saved_fraction.mean for e in within)
    assert found.rule(found.answer.best).orders.steps_saved_fraction.mean == most
    assert found.answer.studies == 2
    assert [(o.code, o.studies) for o in found.answer.left_out] == [("degradation_unknown", 1)]
    assert (
        "1 of 3 studies is left out for all rules (trials had been cut short when recorded)."
        in found.answer.sentences[0]
    )
    assert (
        "walks 2: trials had been cut short"
        in {w.code: w.text for w in found.warnings}["degradation_unknown"]
    )


def test_where_no_loss_is_known_the_record_ranks() -> None:
    """Cut short or not, the recorded values are the same: so are ranking, picks and losses."""
    found = esim.compare([cut(walks(1)), cut(walks(2))], RULES, orders=3)
    whole = esim.compare([walks(1), walks(2)], RULES, orders=3)
    assert (found.answer.ranked_by, whole.answer.ranked_by) == ("record", "loss")
    assert [e.key for e in found.rules] == [e.key for e in whole.rules]
    assert found.answer.saves_most == whole.answer.saves_most
    assert found.answer.safest == whole.answer.safest
    assert found.answer.studies == 2 and found.answer.left_out == ()
    for entry in found.rules:
        same = whole.rule(entry.key)
        assert entry.orders.loss_normalized is None and entry.orders.within is None
        assert entry.orders.loss_on_record == same.orders.loss_normalized
        assert entry.against_best == same.against_best
    # What is not known is not told: nothing of other studies, and no choice.
    assert found.answer.elsewhere is None and not found.front.rules
    assert esim.compare(cut(walks(1)), RULES, orders=3, choice=True).choice is None
    assert found.answer.sentences[0].startswith("Ranked by what was recorded: trials had been cut")
    assert found.answer.sentences[-1].startswith("Next: record a job without early stopping")
    assert "ranked_on_record" in {w.code for w in found.warnings}


def test_one_study_with_a_known_loss_ranks_alone() -> None:
    found = esim.compare([cut(walks(1)), walks(2)], RULES, orders=3)
    assert found.answer.ranked_by == "loss"
    assert found.answer.studies == 1 and found.answer.left_out[0].studies == 1


# ------------------------------------------------------------------------------ known losses


def flat(last: float) -> Study:
    """Every trial ends at 1 but the last, which is at 2 and ends at `last`."""
    return Study.from_arrays([[3.0, 1.0]] * 11 + [[2.0, last]], "minimize", name=f"flat {last}")


def test_a_loss_of_nothing_is_known_without_a_scale() -> None:
    """All trials end at 1, so best and median do not differ: a best of 1 that is kept loses 0."""
    found = esim.compare(flat(1.0), ["sagemaker", "none"], orders=4, final="best")
    none = next(r for r in found.studies[0].rules if r.key == "none")
    assert none.recorded.degradation == none.recorded.degradation_normalized == 0.0
    assert none.recorded.best_kept is True
    # The baseline that stops all at their first report loses 2 - 1 on a scale of 0: unknown.
    first = next(r for r in found.studies[0].rules if r.key == "i-epoch[i=1]")
    assert first.recorded.degradation == 1.0
    assert first.recorded.degradation_normalized is None
    assert [o.code for o in found.answer.left_out] == ["no_scale"]


def test_gains_do_not_make_up_for_losses() -> None:
    # Two studies, one contestant: it loses 0.04 in one and gains 0.04 in the other. The mean of
    # losses is 0.02, of signed changes 0.
    saved = np.array([[0.0, 0.5], [0.0, 0.5]])
    found = chosen_of(saved, np.array([[0.0, 0.04], [0.0, -0.04]]))
    assert found.chosen == "1"
    assert found.in_sample.loss_normalized == 0.02
    assert found.in_sample.degradation_normalized == 0.0
    # A loss of 0.2 and a gain of 0.2: a mean loss of 0.1 is not accepted.
    found = chosen_of(saved, np.array([[0.0, 0.2], [0.0, -0.2]]))
    assert found.chosen == "0"
    assert [c.accepted for c in found.candidates] == [True, False]


def test_both_means_are_shown_where_a_best_value_got_better() -> None:
    """Trials get worse at the end: stopped before, with `final="last"`, the best gets better."""
    rng = np.random.default_rng(0)
    values = rng.uniform(1, 2, (20, 1)) + np.array([[3.0, 1.0, 0.5, 0.2, 0.4, 0.9]])
    values[:10] += 0.2
    found = esim.compare(Study.from_arrays(values, "minimize"), ["sagemaker"], orders=10)
    orders = found.rule("i-epoch[i=5]").orders
    assert orders.degradation_normalized.mean < 0.0
    assert orders.loss_normalized.mean == 0.0
    assert orders.loss_normalized.low == orders.loss_normalized.high == 0.0


# -------------------------------------------------------------------------------------- ties


def test_tied_best_values_are_counted_alike_in_every_column() -> None:
    """Two trials tie for best, and the first of them is always stopped: the value is kept.

    Ten middling trials end at 2; one reaches 1 in a straight line, the other only at its end.
    """
    middling = [[4.0, 3.0, 2.0]] * 10
    study = Study.from_arrays([*middling, [9.0, 9.0, 1.0], [1.0, 1.0, 1.0]], "minimize")
    found = esim.compare(study, ["sagemaker"], orders=20, clock="order")
    entry = found.rule("sagemaker")
    row = next(r for r in found.studies[0].rules if r.key == "sagemaker")
    assert row.recorded.trials_stopped > 0
    assert row.recorded.best_kept is True
    assert row.recorded.degradation == 0.0
    assert entry.recorded.best_kept == entry.orders.best_kept.share == 1.0
    assert all(at.best_kept.share == 1.0 for at in entry.workers)
    assert "sagemaker" not in {loser.key for loser in found.studies[0].loses_best}


# ------------------------------------------------------------------------------ infinite values

SHAPES = ("early", "end", "one", "best", "both", "huge")


def infinite(shape: str, seed: int) -> Study:
    """Falling curves with values at some places that are infinite, or all nearly so."""
    study = walks(seed, trials=12, steps=8)
    values = study.values.reshape(12, 8).copy()
    if shape == "early":
        values[:, :3] = np.inf
    elif shape == "end":
        values[3:, -1] = np.inf
    elif shape == "one":
        values[2, :4] = np.inf
    elif shape == "best":
        values[2, -1] = -np.inf
    elif shape == "huge":  # finite, but no differences and sums of them
        values *= np.where(np.arange(12) % 2, 3e307, -3e307)[:, None]
    else:
        values[2, 3], values[:5, 0] = -np.inf, np.inf
    return Study.from_arrays(values, "minimize", name=f"{shape} {seed}")


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("studies", [1, 2])
@pytest.mark.parametrize("final", ["last", "best"])
def test_infinite_values_are_compared_without_a_warning(
    shape: str, studies: int, final: str
) -> None:
    """Warnings of NumPy are errors here, also in threads, because `jobs=1` uses none."""
    with np.errstate(all="raise", under="ignore"):
        found = esim.compare(
            [infinite(shape, seed) for seed in range(studies)], ["sagemaker"],
            orders=3, choice=True, final=final, jobs=1,
        )  # fmt: skip
    again = type(found).from_dict(found.to_dict())
    assert again.to_json() == found.to_json()
    for entry in found.rules:
        loss = entry.orders.loss_normalized
        assert loss is None or not math.isnan(loss.mean)
        if entry.key == "none" and loss is not None:
            assert loss.max == 0.0
    if shape == "early":
        assert found.rule("i-epoch[i=1]").orders.loss_normalized.mean == math.inf
