"""Gates: the grammar of conditions, and what their keys name in each result."""

from __future__ import annotations

import contextlib
import dataclasses
import operator
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import esim
from esim.errors import EsimError
from esim.results.gates import Gate
from tests.analyses.test_history import studies

TOTALS = {"a": 3, "b": 0.25, "yes": True, "no": False, "gone": None, "word": "enable", "inf": 1e999}
DOCUMENT: dict[str, Any] = {
    "schema": "esim.replay-many/1",
    "totals": TOTALS,
    "list": [{"key": "x y", "v": 1}, {"key": "z", "v": 2}],
    "mean": {"mean": 5.0, "low": 4.0},
    "pair": [0.1, 0.9],
    "own": {"summary": {"deep": 7}},
}


def holds(text: str) -> bool | None:
    return Gate(text).decide(DOCUMENT).holds


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a > 2", True),
        ("a>2", True),
        ("a >= 3 and a <= 3", True),
        ("a > 3 or b < 0.3", True),
        ("2 < a", True),
        ("b == 25%", True),
        ("b > 25 %", False),
        ("b > -1e-3", True),
        ("b > .2", True),
        ("yes", True),
        ("not yes", False),
        ("not no and yes", True),
        ("no and no or yes", True),  # and binds first
        ("no and (no or yes)", False),
        ("not (yes or no)", False),
        ("word == 'enable'", True),
        ('word != "enable"', False),
        ("yes == true", True),
        ("totals.a == 3", True),
        ('list["x y"].v == 1', True),
        ("list.z.v == 2", True),
        ("list[0].v == 1", True),
        ("list[-1].v == 2", True),
        ("list == 2", True),  # how many
        ("mean == 5", True),
        ("mean.low == 4", True),
        ("pair.low == 0.1 and pair.high == 0.9 and pair[1] == 0.9", True),
        ("own.deep == 7", True),
        # What is unknown.
        ("gone > 1", None),
        ("inf > 1", None),  # null in the document's JSON
        ("gone.deeper > 1", None),
        ("gone", None),
        ("not gone", None),
        ("gone > 1 or yes", True),
        ("gone > 1 or no", None),
        ("gone > 1 and no", False),
        ("gone > 1 and yes", None),
        ("gone == null", True),
        ("gone != null and gone > 1", False),
        ("a == null", False),
    ],
)
def test_a_condition_in_a_result(text: str, expected: bool | None) -> None:
    assert holds(text) is expected
    assert Gate(text).decide(DOCUMENT).fails is (expected is not False)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "a missing key or number at its end"),
        ("a >", "a missing key or number at its end"),
        ("a > > 3", "a missing key or number at '> 3'"),
        ("a > 3 b", "more than one condition at 'b'"),
        ("1 < a < 3", "a second comparison at '< 3'"),
        ("(a > 3", "a missing ) at its end"),
        ("a > 3)", "more than one condition at ')'"),
        ("a = 3", "not understood at '= 3'"),
        ("a + b > 3", "not understood at '+ b > 3'"),
        ("__import__('os').x", "more than one condition at \"('os').x\""),
        ("a > 1e999", "too large"),
        ("a > null", "null does not compare by >"),
        ("not " * 60 + "a", "nested too deeply"),
        ("a and", "a missing key or number at its end"),
        ("list[x] > 3", "not understood at '[x] > 3'"),
    ],
)
def test_what_is_no_condition_is_refused_with_its_place(text: str, said: str) -> None:
    with pytest.raises(EsimError, match=re.escape(said)):
        Gate(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("word > 3", "these do not compare by >\n  why: word is 'enable' and 3 is 3"),
        ("word > 'a'", "these do not compare by >"),
        ("yes == 1", "why: yes is true and 1 is 1"),
        ("a", "a is 3, neither true nor false\n  fix: 'a > 0'"),
        ("worm == 'x'", "no key 'worm' in esim.replay-many/1\n  fix: word, "),
        ("totals.aa > 3", "no key 'totals.aa'\n  why: nothing is called 'aa' in it\n  fix: a, "),
        ("list.q.v > 3", "why: nothing is called 'q' in it\n  fix: x y, z"),
        ("pair[2] > 3", "why: nothing is called '2' in it"),
        ("a.b > 3", "why: nothing is called 'b' in it"),
    ],
)
def test_what_a_result_does_not_have_is_refused(text: str, said: str) -> None:
    with pytest.raises(EsimError, match=re.escape(said)):
        holds(text)


CONDITIONS = st.recursive(
    st.sampled_from(["yes", "no", "gone", "a > 2", "a < 2", "gone < 2"]),
    lambda inner: st.one_of(
        inner.map(lambda one: f"not ({one})"),
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(lambda t: f"({' '.join(t)})"),
    ),
    max_leaves=8,
)


@given(CONDITIONS)
def test_logic_is_that_of_python_for_either_value_of_what_is_unknown(text: str) -> None:
    """Known only if nothing that an unknown part may be changes it; each unknown is its own."""
    parts = re.split(r"\b(gone < 2|gone|yes|no|a > 2|a < 2)\b", text)
    known = {"yes": True, "no": False, "a > 2": True, "a < 2": False}
    unknown = [i for i, part in enumerate(parts) if part.startswith("gone")]
    found = set()
    for bits in range(2 ** len(unknown)):
        case = [str(known.get(part, part)) for part in parts]
        for at, i in enumerate(unknown):
            case[i] = str(bool(bits >> at & 1))
        found.add(bool(eval("".join(case))))
    # With one unknown part at most the logic is exact; with several it may know less, never other.
    if len(unknown) < 2:
        assert holds(text) is (found.pop() if len(found) == 1 else None)
    elif (told := holds(text)) is not None:
        assert found == {told}


@given(st.floats(-1e6, 1e6), st.sampled_from(["<", "<=", ">", ">=", "==", "!="]))
def test_numbers_compare_as_in_python(number: float, sign: str) -> None:
    signs = {"<": "lt", "<=": "le", ">": "gt", ">=": "ge", "==": "eq", "!=": "ne"}
    assert holds(f"a {sign} {number!r}") is getattr(operator, signs[sign])(3, number)


@given(st.text(st.sampled_from("ab.[]\"'0123<>=!()% andortuel-_"), max_size=40))
def test_any_text_is_a_condition_or_refused(text: str) -> None:
    with contextlib.suppress(EsimError):
        holds(text)


# --- what keys name in the results of analyses --------------------------------------------------


@pytest.fixture(scope="module")
def past() -> list[esim.Study]:
    return studies(6)


def value(result: Any, key: str) -> Any:
    """What a key is in a result."""
    (found,) = Gate(f"{key} == null").decide(result.to_dict()).found.values()
    return found


def test_keys_of_a_replay_of_one_study_are_its_summarys(past: list[esim.Study]) -> None:
    from esim.results.replay import ReplayDocument

    result = esim.replay(past[0])
    document = ReplayDocument((result,))
    summary = result.summary
    assert value(document, "steps_saved_fraction") == summary.steps_saved_fraction
    assert value(document, "summary.degradation") == summary.degradation
    assert value(document, "trials") == summary.trials
    assert value(document, "best.value") == summary.best.value  # type: ignore[union-attr]
    assert value(document, "totals.steps_run") == summary.steps_run
    assert value(document, "best_trial_stopped_fraction") == float(summary.best_trial_stopped)
    assert value(document, "rule.parameters.quantile") == 0.5


def test_keys_of_a_replay_of_several_studies_are_of_the_totals(past: list[esim.Study]) -> None:
    from esim.results.replay import ReplayDocument

    document = ReplayDocument(tuple(esim.replay(one) for one in past[:2]))
    recorded = [one.summary.steps_recorded for one in document.studies]
    assert value(document, "steps_recorded") == sum(recorded)
    assert value(document, "studies[1].steps_recorded") == recorded[1]
    assert value(document, f'studies["{past[1].name}"].summary.steps_recorded') == recorded[1]
    said = "no key 'degradation' in esim.replay/1\n  why: it is of one study, and these are 2"
    with pytest.raises(EsimError, match=re.escape(said)):
        value(document, "degradation")


def test_keys_of_a_comparison_are_of_the_rule_that_it_names(past: list[esim.Study]) -> None:
    found = esim.compare(past, ["sagemaker", "azure-bandit"], orders=4, max_degradation=1.0)
    best = found.rule(found.answer.best or "")
    saved = best.orders.steps_saved_fraction
    assert value(found, "steps_saved_fraction") == saved.mean  # type: ignore[union-attr]
    assert value(found, "steps_saved_fraction.low") == saved.low  # type: ignore[union-attr]
    assert value(found, "best_kept") == best.orders.best_kept.share  # type: ignore[union-attr]
    row = found.rule("azure-bandit")
    kept = row.orders.best_kept
    assert value(found, "rules.azure-bandit.best_kept") == kept.share  # type: ignore[union-attr]
    assert value(found, "rules.azure-bandit.recorded.best_kept") == row.recorded.best_kept
    assert value(found, "answer.ties") == len(found.answer.ties)


def test_keys_of_an_estimate_are_its_quantities(past: list[esim.Study]) -> None:
    document = esim.estimate(past, trials=4, replicates=100).document()
    saved = document.quantities["steps_saved_fraction"]
    assert value(document, "steps_saved_fraction") == saved.median  # type: ignore[union-attr]
    assert value(document, "steps_saved_fraction.low") == saved.low  # type: ignore[union-attr]
    low, _ = document.probability_best_kept_interval or (None, None)
    assert value(document, "probability_best_kept_interval.low") == low
    assert value(document, "failures") == 0  # left out of the document: there is none
    assert value(document, "cost_saved") is None
    assert value(document, "cost_saved.low") is None


def test_keys_of_a_certificate_are_of_the_certified_rule(past: list[esim.Study]) -> None:
    asked = {"risk": 0.5, "confidence": 0.5, "orders": 2}
    found = esim.certify(past[:3], ["sagemaker"], max_loss=1, **asked)
    assert found.certified == "sagemaker"
    (row,) = found.sequence
    assert value(found, "saved_fraction") == row.saved_fraction
    assert value(found, "certified") == "sagemaker"
    assert value(found, "sequence.sagemaker.p") == row.p
    assert value(found, "max_loss") == 1
    watched = esim.watch(found, past[3:])
    assert value(watched, "wealth") == watched.studies[-1].wealth
    assert value(watched, "broken_by") is None
    nothing = dataclasses.replace(found, certified=None)
    assert value(nothing, "saved_fraction") is None
    assert Gate("saved_fraction < 5%").decide(nothing.to_dict()).fails


def test_keys_of_a_check_are_of_its_study_and_totals(past: list[esim.Study]) -> None:
    from esim.results.check import CheckDocument

    one = esim.check(past[0])
    document = CheckDocument((one,))
    assert value(document, "acts") == one.acts
    assert value(document, "errors") == sum(f.severity == "error" for f in one.findings)
    assert value(document, "findings") == len(one.findings)
    both = CheckDocument((one, esim.check(past[1])))
    assert value(both, "studies_ok") == sum(each.ok for each in (one, esim.check(past[1])))
