"""Does a run of the probe find a hidden rule? The whole path, blind, with rules drawn evenly.

`python -m tests.benchmarks.identify_probe > reports/benchmark-identify-probe.md`, ten minutes on an
idle machine; with a number N behind it, of the first N rules only. `esim probe sagemaker` writes
the shipped design. A service on loopback, which looks at its jobs every 10 seconds by a clock of
its own, runs it under the hidden rule. `esim fetch` copies it, and `esim identify` holds all
candidates against it.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from esim.analyses.identify.evidence import Scene, hold
from esim.fetch import Account, fetch_tuning_job
from esim.probe.design import shipped
from esim.readers.inputs import read_inputs
from esim.results.rule_set import read_rule_set
from tests.benchmarks.identify_runs import evenly, readings
from tests.benchmarks.probe import records
from tests.benchmarks.probe_service import Services
from tests.benchmarks.timing import machine
from tests.cli.test_identify import run
from tests.fetch.aws import FakeAws, environment, served
from tests.probe.service import on_paper

DRAWN = 40
POLL_S = 10.0


@dataclass(frozen=True)
class Outcome:
    """What the run of one hidden rule left.

    Attributes:
        hidden: its name.
        stopped: how many of the probe's jobs were stopped.
        left: how many candidates are left.
        truth: whether the hidden rule is one of them.
        at_once: whether it would be, were each report taken to be judged at its own moment.
    """

    hidden: str
    stopped: int
    left: int
    truth: bool
    at_once: bool


def outcome(codes: tuple[str, ...]) -> Outcome:
    """Write the probe, run it under a hidden rule, fetch what it left, and identify."""
    hidden = next(one for one in readings(True) if one.codes == codes)
    account = FakeAws()
    account.page, account.page_events = 100, 1000
    with served(account) as address, tempfile.TemporaryDirectory() as place:
        os.environ.update(environment(address))
        probe, kept = Path(place, "probe"), Path(place, "rule.json")
        run("probe", "sagemaker", str(probe), "--role", "arn:aws:iam::123456789012:role/probe",
            "--image", "1.dkr/sk", "--bucket", "b-1")  # fmt: skip
        service = on_paper(
            account, hidden, json.loads((probe / "design.json").read_text()), poll_s=POLL_S
        )
        names = [job.name for job in shipped().jobs]
        for name in names:
            service.run(json.loads((probe / f"{name}.json").read_text()))
        folders = [str(Path(place, name)) for name in names]
        asker = Account()
        for name, folder in zip(names, folders, strict=True):
            fetch_tuning_job(asker, f"esim-probe-{name}", Path(folder))
        run("identify", *folders, "--poll-s", str(POLL_S), "--out", str(kept))
        left = [one.name for one in read_rule_set(kept).rules]
        studies = {study.name: study for study in read_inputs(*folders).studies}
        scenes = [Scene.of(study, studies) for study in studies.values()]
        misses = [hold(scene, [hidden], 0.0, 1).missed.any() for scene in scenes]
    stopped = sum(job.told_at is not None for jobs in service.jobs.values() for job in jobs)
    found = Outcome(hidden.name, stopped, len(left), hidden.name in left, not any(misses))
    print(found, file=sys.stderr)
    return found


def promised(names: list[str]) -> list[int]:
    """How many candidates would do the same to every job as each of some, itself counted."""
    rows = records(shipped(), Services([one.rule for one in readings(False)]))
    place = {one.name: at for at, one in enumerate(readings(True))}
    return [int((rows == rows[place[name]]).all(axis=1).sum()) for name in names]


def main() -> None:
    """Print the page."""
    drawn = evenly(DRAWN, np.random.default_rng(18))[: int(sys.argv[1]) if sys.argv[1:] else DRAWN]
    with ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn")) as pool:
        found = list(pool.map(outcome, drawn))
    most = promised([one.hidden for one in found])
    lines = [
        "# Finding a hidden rule with the probe",
        "",
        "Written by `python -m tests.benchmarks.identify_probe`.",
        "",
        machine("numba"),
        "",
        f"{len(found)} hidden rules in which each answer of each question comes up as often as the "
        f"others, each through `esim probe`, a service on loopback that looks at its jobs every "
        f"{POLL_S:g} s, `esim fetch` and `esim identify --poll-s {POLL_S:g}` over all "
        f"{len(readings(True)):,} candidates.",
        "",
        f"- The hidden rule is left in {sum(one.truth for one in found)} of {len(found)}. Without "
        f"`--poll-s` it would be in {sum(one.at_once for one in found)}: a job may end between a "
        "report and the look at it.",
        f"- Candidates left: {_spread([one.left for one in found])}. "
        "[The design](benchmark-probe.md) promises, to a service that looks at once: "
        f"{_spread(most)}.",
        "",
        "| hidden | stopped | left | promised | hidden rule left |",
        "|---|---|---|---|---|",
    ]
    for one, best in zip(found, most, strict=True):
        truth = "yes" if one.truth else "no"
        lines.append(f"| {one.hidden} | {one.stopped} | {one.left} | {best} | {truth} |")
    print("\n".join(lines))


def _spread(numbers: list[int]) -> str:
    return (
        f"median {np.median(numbers):g}, nine in ten at most {np.quantile(numbers, 0.9):g}, at "
        f"worst {max(numbers)}"
    )


if __name__ == "__main__":
    main()
