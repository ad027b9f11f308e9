"""Logs as people export them, 348 small ones, against what a person reads in each.

`cases/cases.json` says for each what is right and why. The numbers are invented; the shapes are
those of the programs. Kinds by the begin of a name: a silently wrong, b wrongly explained, c
refused (with the errors, x), e exports, f and g what tempts the reader's own rules, t tempting
values, p plain, z beside SageMaker.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

import esim

CASES = Path(__file__).parent / "cases"
EVERY: list[dict[str, Any]] = json.loads((CASES / "cases.json").read_text(encoding="utf-8"))


def read(case: dict[str, Any]) -> list[esim.Study]:
    last: esim.EsimError | None = None
    for objective in case.get("any_of_objectives", [case["objective"]]):
        try:
            return esim.read_studies(
                CASES / case["path"],
                objective=objective,
                direction=case["direction"],
                metrics=case.get("metrics", []),
            )
        except esim.EsimError as error:
            last = error
    assert last is not None
    raise last


def same(actual: list[float], expected: list[float]) -> bool:
    pairs = zip(actual, expected, strict=False)
    return len(actual) == len(expected) and all(
        math.isclose(a, b, rel_tol=1e-6) or (math.isnan(a) and math.isnan(b)) for a, b in pairs
    )


@pytest.mark.parametrize("case", EVERY, ids=[case["path"] for case in EVERY])
def test_case(case: dict[str, Any]) -> None:
    if "error" in case:
        with pytest.raises(esim.EsimError) as caught:
            read(case)
        assert case["error"] in str(caught.value)
        return
    studies = read(case)
    curves = [
        (name, study.values[study.offsets[i] : study.offsets[i + 1]].tolist())
        for study in studies
        for i, name in enumerate(study.trials)
    ]
    values = [curve for _, curve in curves]
    said = case["why"]
    if "trials" in case:
        assert len(values) == len(case["trials"]), said
        assert all(map(same, values, case["trials"])), (values, said)
    if "n_trials" in case:
        assert len(values) == case["n_trials"], said
    if "first" in case:
        assert same(values[0], case["first"]), said
    for key, trial in (("first_start", 0), ("second_start", 1)):
        if key in case:
            assert same(values[trial][: len(case[key])], case[key]), said
    if "names" in case:
        assert [name for name, _ in curves] == case["names"], said
    if "check" in case:
        assert case["check"] in str(esim.check(studies[0])), said
    keys = {"trials", "n_trials", "first", "first_start", "second_start", "names", "check"}
    assert keys & case.keys(), "the case says nothing"


def test_every_file_has_a_case() -> None:
    named = {case["path"].split("/")[0] for case in EVERY}
    assert named == {path.name for path in CASES.iterdir()} - {"cases.json"}
