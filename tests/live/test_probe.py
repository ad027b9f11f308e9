"""The probe's jobs as real processes, a minute and more: name this file to run it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from esim.analyses.identify.identify import identify
from esim.fetch import Account
from esim.probe.design import shipped
from esim.probe.sagemaker import write_probe
from tests.fetch.aws import FakeAws, environment, served
from tests.probe.service import as_processes
from tests.probe.test_probe import ACCOUNT, fetched, readings, run_probe, unlike

EPOCH_S = 0.5


def test_processes_are_stopped_and_the_rule_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "probe"
    write_probe(folder, replace(shipped(), epoch_s=EPOCH_S), ACCOUNT)
    account, hidden = FakeAws(), readings()[0]
    with served(account) as address:
        for key, value in environment(address).items():
            monkeypatch.setenv(key, value)
        run_probe(as_processes(account, hidden, folder, 0.3), folder)
        studies = fetched(Account(), tmp_path)
    _, left = identify(studies, unlike(hidden, 0))
    assert hidden.name in {one.name for one in left}
    assert len(left) <= 4
