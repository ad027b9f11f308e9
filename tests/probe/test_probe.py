"""`esim probe sagemaker`: what it writes, and a hidden rule that its run finds, end to end."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import botocore.session
import numpy as np
import pytest
from botocore.validate import ParamValidator

import esim
from esim.analyses.identify.identify import identify
from esim.fetch import Account as AwsAccount
from esim.fetch import fetch_tuning_job
from esim.probe import train
from esim.probe.design import Design, shipped
from esim.probe.sagemaker import METRIC, Account, write_probe
from esim.readers.inputs import read_inputs
from esim.rules.candidates import Candidate, combinations
from esim.study import Status
from tests.cli.test_identify import run
from tests.fetch.aws import FakeAws, environment, served
from tests.probe.service import Service, on_paper

NAMES = ("one", "four", "warm")
ACCOUNT = Account(role="arn:aws:iam::123456789012:role/probe", image="1.dkr/sk", bucket="b-1")


@cache
def readings() -> tuple[Candidate, ...]:
    return combinations(esim.rule("sagemaker"), parents=True)


@pytest.fixture(scope="module")
def probe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("probe") / "probe"
    write_probe(folder, shipped(), ACCOUNT)
    return folder


@pytest.fixture(scope="module")
def server() -> Iterator[FakeAws]:
    account = FakeAws()
    with served(account) as address, pytest.MonkeyPatch.context() as patch:
        for key, value in environment(address).items():
            patch.setenv(key, value)
        yield account


@pytest.fixture(scope="module")
def asker(server: FakeAws) -> AwsAccount:
    return AwsAccount()  # once: botocore takes a second to read SageMaker's model


@pytest.fixture
def aws(server: FakeAws) -> FakeAws:
    """Its state is each test's own."""
    vars(server).update(vars(FakeAws()) | {"page": 100, "page_events": 1000})
    return server


def test_the_requests_are_what_aws_takes(probe: Path) -> None:
    models = botocore.session.get_session().get_service_model("sagemaker")
    shape = models.operation_model("CreateHyperParameterTuningJob").input_shape
    for job in shipped().jobs:
        asked = json.loads((probe / f"{job.name}.json").read_text())
        report = ParamValidator().validate(asked, shape)
        assert not report.has_errors(), report.generate_report()
        (values,) = asked["HyperParameterTuningJobConfig"]["ParameterRanges"].values()
        assert 0 < len(values[0]["Values"]) <= 30
        assert values[0]["Values"] == list(job.curves)
        assert asked["HyperParameterTuningJobConfig"]["TrainingJobEarlyStoppingType"] == "Auto"


def test_what_is_written(tmp_path: Path) -> None:
    folder = tmp_path / "probe"
    words = ("probe", "sagemaker", str(folder), "--price", "0.6", "--currency", "EUR")
    told = run(*words)
    design = shipped()
    minutes = sum(job.epochs() for job in design.jobs) * design.epoch_s / 60
    assert f"at most {minutes:,.0f} instance-minutes, {minutes / 100:,.2f} EUR" in told
    assert "to be filled in: ROLE_ARN, IMAGE_URI, BUCKET" in told
    assert "nothing was started" in told
    page = (folder / "README.md").read_text()
    assert f"{minutes:,.0f} instance-minutes" in page
    assert "esim fetch sagemaker esim-probe-warm" in page
    assert Design.from_dict(json.loads((folder / "design.json").read_text())) == design
    with tarfile.open(folder / "source.tar.gz") as tar:
        assert tar.getnames() == ["train.py", "design.json"]
    before = digest(folder)
    run(*words)
    assert digest(folder) == before  # again, over the earlier one: the same bytes
    (folder / "mine.txt").write_text("mine")
    assert "the folder holds other things" in run(*words, code=1)
    for prefix in ("x" * 28, "a b", "-a", ""):
        told = run("probe", "sagemaker", str(tmp_path / "other"), f"--prefix={prefix}", code=2)
        assert "tuning jobs cannot be named" in told
    assert not (tmp_path / "other").exists()


def digest(folder: Path) -> str:
    found = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        found.update(path.name.encode() + path.read_bytes())
    return found.hexdigest()


def test_the_script_prints_a_curve(tmp_path: Path) -> None:
    design = shipped()
    write_probe(tmp_path / "probe", replace(design, epoch_s=0), ACCOUNT)
    curves = design.jobs[0].curves
    asked, *_, last = curves
    words = [sys.executable, str(tmp_path / "probe" / "train.py"), "--curve", asked, "--other", "1"]

    def told(job: str) -> list[str]:
        env = {**os.environ, "TRAINING_JOB_NAME": job}
        run = subprocess.run(words, env=env, capture_output=True, text=True, check=True, timeout=60)
        return run.stdout.splitlines()

    for job, name, how in (
        ("", asked, f"prints curve {asked}, as asked for: 'no job name' has no such number"),
        (f"p-one-{len(curves):03d}-0123abcd", last, f"as it is job number {len(curves)}"),
    ):
        first, *lines = told(job)
        assert how in first
        assert lines == [f"epoch={epoch} objective={value!r}" for epoch, value in curves[name]]
        assert not re.search(METRIC["Regex"], first)


@pytest.mark.parametrize(
    ("job", "curve"),
    [
        ("esim-probe-four-001-0123abcd", "b01"),
        ("esim-probe-four-012-0123abcd", "b12"),
        ("esim-probe-four-031-0123abcd", "b07"),  # more jobs than curves
        ("esim-probe-four-000-0123abcd", "b07"),
        ("my-own-job-012", "b07"),
        ("", "b07"),
    ],
)
def test_a_job_prints_the_curve_of_its_number(job: str, curve: str) -> None:
    design = shipped().to_dict()
    assert len(design["tuning_jobs"][1]["curves"]) == 30
    chosen, how = train.curve_of(design, "b07", job)
    assert chosen == curve
    assert ("as asked for" in how) == (curve == "b07")


def run_probe(service: Service, folder: Path) -> None:
    for name in NAMES:
        service.run(json.loads((folder / f"{name}.json").read_text()))


def fetched(asker: AwsAccount, folder: Path) -> list[esim.Study]:
    for name in NAMES:
        fetch_tuning_job(asker, f"esim-probe-{name}", folder / name)
    return list(read_inputs(*(str(folder / name) for name in NAMES)).studies)


def unlike(hidden: Candidate, seed: int) -> list[Candidate]:
    """The hidden rule, all that answer one question otherwise, and others at random."""
    codes = np.array([one.codes for one in readings()])
    apart = (codes != np.array(hidden.codes)).sum(axis=1)
    near = np.flatnonzero(apart <= 1)
    rng = np.random.default_rng(seed)
    some = {*near.tolist(), *rng.choice(len(codes), 200, replace=False).tolist()}
    return [readings()[at] for at in sorted(some)]


@pytest.mark.parametrize("name", ["A2 B3 H3 I4 P2", "E2 F2 J3 K2 L2"])
def test_a_hidden_rule_is_found_end_to_end(
    name: str, probe: Path, aws: FakeAws, asker: AwsAccount, tmp_path: Path
) -> None:
    hidden = next(one for one in readings() if one.name == name)
    design = json.loads((probe / "design.json").read_text())
    run_probe(on_paper(aws, hidden, design), probe)
    studies = fetched(asker, tmp_path)
    assert [study.n_trials for study in studies] == [len(j.curves) for j in shipped().jobs]
    assert any((study.status == Status.STOPPED).any() for study in studies)
    candidates = unlike(hidden, 0)
    _, left = identify(studies, candidates)
    names = [one.name for one in left]
    assert name in names
    assert len(left) <= 4, names
