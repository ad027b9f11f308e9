"""The decisions of the real libraries, recorded by `python -m tests.live.parity`, replayed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import esim
from esim.rules import PRESETS
from tests.paths import TESTS
from tests.references.curves import curves
from tests.references.drive import esim_verdicts

FILES = sorted((TESTS / "references" / "golden_decisions").glob("*.json"))
#: Closed services, a sidecar in Go, and rules that nobody ships.
UNRECORDED = {"sagemaker", "vizier-median", "katib-medianstop", "azure-median", "azure-bandit",
              "azure-truncation", "none", "oracle", "i-epoch", "top-k-after"}  # fmt: skip


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_recorded_decisions(path: Path) -> None:
    found = json.loads(path.read_text())
    assert found["equal"] == found["decisions"] > 0
    row = esim.rule(found["rule"], **found["columns"])
    for run in found["runs"]:
        study = curves(
            run["kind"], run["direction"], *found["size"], found["seed"], times=found["times"]
        )
        workers = run["workers"]
        clock = {"clock": "order"} if workers is None else {"clock": "simulated"}
        verdicts = esim_verdicts(study, row, **clock, workers=workers or 1)
        assert [len(v) for v in verdicts] == run["kept"], run
        assert "".join("01"[v[-1]] if v else "-" for v in verdicts) == run["stop"], run


def test_every_rule_that_can_be_driven_is_recorded() -> None:
    recorded = {json.loads(path.read_text())["rule"] for path in FILES}
    assert recorded == set(PRESETS) - UNRECORDED
