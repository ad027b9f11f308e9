"""The probe's run, played at length: name this file to run it, some minutes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from esim.analyses.identify.identify import identify
from esim.fetch import Account
from esim.probe.design import shipped
from esim.probe.sagemaker import write_probe
from tests.fetch.aws import FakeAws, environment, served
from tests.probe.service import as_processes, on_paper
from tests.probe.test_probe import ACCOUNT, fetched, readings, run_probe, unlike

EPOCH_S = 0.5
DRAWN = 40


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeAws]:
    account = FakeAws()
    account.page, account.page_events = 100, 1000
    with served(account) as address:
        for key, value in environment(address).items():
            monkeypatch.setenv(key, value)
        yield account


def test_processes_are_stopped_and_the_rule_is_found(tmp_path: Path, aws: FakeAws) -> None:
    folder, hidden = tmp_path / "probe", readings()[0]
    write_probe(folder, replace(shipped(), epoch_s=EPOCH_S), ACCOUNT)
    run_probe(as_processes(aws, hidden, folder, 0.3), folder)
    _, left = identify(fetched(Account(), tmp_path), unlike(hidden, 0))
    assert hidden.name in {one.name for one in left}
    assert len(left) <= 4


def test_rules_drawn_blind_are_among_those_left(tmp_path: Path, aws: FakeAws) -> None:
    """With looks every 10 s a job may end between a report and its look: one miss is allowed."""
    folder, asker = tmp_path / "probe", Account()
    write_probe(folder, shipped(), ACCOUNT)
    design = json.loads((folder / "design.json").read_text())
    rng = np.random.default_rng(0)
    dropped = []
    for number, at in enumerate(rng.choice(len(readings()), DRAWN, replace=False).tolist()):
        vars(aws).update(vars(FakeAws()) | {"page": 100, "page_events": 1000})
        run_probe(on_paper(aws, readings()[at], design), folder)
        _, left = identify(fetched(asker, tmp_path / str(number)), unlike(readings()[at], number))
        print(readings()[at].name, len(left))
        dropped += [] if readings()[at] in left else [readings()[at].name]
    assert len(dropped) <= 1, dropped
