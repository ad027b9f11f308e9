"""Tables and logs of runs as people have them, small ones, against what a person reads in each.

A line of `cases.jsonl` is a case: its files (path -> text, or bytes as base64), what is right, and
why. The numbers are invented; the shapes are those that the programs write. Kinds by the begin of a
name: a CatBoost, b DVCLive, c Detectron2, d MMCV and MMEngine, e LLaMA-Factory, f Keras, g
Stable-Baselines, h to m other trainers, n Optuna, o Ray, p MLflow, q W&B, r TensorBoard, s Comet,
t Neptune, u ClearML, v tuners, w Katib and Guild, x by hand, y Aim, z options, ! and !! what
tempts a reader to wrong numbers: there `or_error` says that an error is right, too.
"""

from __future__ import annotations

import base64
import json
import math
import os
from pathlib import Path
from typing import Any

import pytest

import esim

TEXT = (Path(__file__).parent / "cases.jsonl").read_text(encoding="utf-8")
EVERY: list[dict[str, Any]] = [json.loads(line) for line in TEXT.splitlines()]


def write(case: dict[str, Any], folder: Path) -> Path:
    for name, contents in case["files"].items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(contents, str):
            path.write_bytes(contents.encode())
        else:
            path.write_bytes(base64.b64decode(contents["base64"]))
        second = case.get("written", {}).get(name, 1_700_000_000)  # as a checkout writes them
        os.utime(path, (second, second))
    return folder / next(iter(case["files"])) if case["file"] else folder


def read(case: dict[str, Any], path: Path) -> list[esim.Study]:
    last: esim.EsimError | None = None
    options = case.get("options", {})
    for objective in case.get("any_of_objectives", [case["objective"]]):
        try:
            return esim.read_studies(
                path, objective=objective, direction=case["direction"], **options
            )
        except esim.EsimError as error:
            last = error
    assert last is not None
    raise last


def same(actual: list[float], expected: list[float | None]) -> bool:
    pairs = zip(actual, expected, strict=False)
    # JSON holds a NaN as null.
    close = all(
        math.isnan(a) if b is None else math.isclose(a, b, rel_tol=1e-6) or (a != a and b != b)
        for a, b in pairs
    )
    return len(actual) >= len(expected) and close


def begins(actual: Any, wrong: list[float] | None) -> None:
    """A column of a trial must not begin so."""
    if wrong is not None and actual is not None:
        assert not same(actual.tolist(), wrong)


def test_every_kind_is_here() -> None:
    assert len(EVERY) > 250
    assert len({case["name"] for case in EVERY}) == len(EVERY)


@pytest.mark.parametrize("case", EVERY, ids=[case["name"] for case in EVERY])
def test_case(case: dict[str, Any], tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    path = write(case, folder)
    if "error" in case:
        with pytest.raises(esim.EsimError) as caught:
            read(case, path)
        assert case["error"] in str(caught.value)
        said = str(caught.value).lower()
        assert any(word in said for word in case.get("any_error", [case["error"].lower()]))
        return
    try:
        studies = read(case, path)
    except esim.EsimError as error:
        if not case.get("or_error") or case.get("must_not_say", "\0") in str(error):
            raise
        return
    found = [
        (name, study.values[slice(*study.offsets[i : i + 2])].tolist())
        for study in studies
        for i, name in enumerate(study.trials)
    ]
    curves = [curve for _, curve in found]
    if "trials" in case:
        assert len(curves) == len(case["trials"])
        for actual, expected in zip(curves, case["trials"], strict=True):
            assert len(actual) == len(expected)
            assert same(actual, expected)
    assert len(curves) == case.get("n_trials", len(curves))
    assert same(curves[0], case.get("first", []))
    assert same(curves[1] if len(curves) > 1 else [], case.get("second_start", []))
    assert [name for name, _ in found] == case.get("names", [name for name, _ in found])
    assert len(studies) == case.get("study", len(studies))
    first = studies[0]
    assert first.objective == case.get("objective_is", first.objective)
    steps = first.steps[: first.offsets[1]].tolist()
    assert steps[: len(case.get("first_steps", []))] == case.get("first_steps", [])
    if "first_steps_any" in case:
        assert any(steps[: len(one)] == one for one in case["first_steps_any"])
    for study in studies:
        for i in range(study.n_trials):
            part = slice(*study.offsets[i : i + 2])
            begins(study.values[part], case.get("must_not_start"))
            begins(study.steps[part], case.get("must_not_steps"))
            begins(
                None if study.elapsed is None else study.elapsed[part], case.get("must_not_elapsed")
            )
    if "first_elapsed" in case:
        assert first.elapsed is not None
        assert same(first.elapsed[: first.offsets[1]].tolist(), case["first_elapsed"])
