"""Every decision of the real libraries against esim's, report by report, in one process.

`python -m tests.live.parity PEER...` (default: all that are installed here) compares, writes the
decisions of a small part to tests/golden/decisions, which the ordinary tests replay, and brings
reports/parity.md up to date. Each PEER is a module beside this one, tests/live/peer_PEER.py, which
says what to install; those that do not go together are run each in its own environment.
"""

from __future__ import annotations

import dataclasses
import importlib
import json
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import esim
from esim.study import Status, Study
from tests.paths import ROOT
from tests.references.curves import KINDS, curves
from tests.references.drive import Judge, drive, esim_verdicts

GOLDEN = ROOT / "tests" / "references" / "golden_decisions"
REPORT = ROOT / "reports" / "parity.md"
SHARED = ("optuna_sqlite_arcanum/optuna_study.db", "bohb_deepcave/BOHB")
PEERS = ("optuna", "ray", "synetune", "nni", "sweeps", "boosting", "keras", "ax")


@dataclass(frozen=True)
class Case:
    """A real rule and the row that copies it.

    Attributes:
        rule: the preset.
        make: a fresh judge around the real object, for a study.
        columns: what is changed in the preset, to match what `make` passes.
        kinds: the curves it is compared on; without those its source leaves undefined.
        times: whether the curves need seconds.
        small, large: trials and steps of the curves recorded, and of more that are compared.
        recorded: whether recorded studies are compared; not where the peer is too slow.
    """

    rule: str
    make: Callable[[Study], Judge]
    columns: Mapping[str, Any] = field(default_factory=dict)
    kinds: tuple[str, ...] = KINDS
    times: bool = False
    small: tuple[int, int] = (40, 30)
    large: tuple[int, int] | None = (100, 50)
    recorded: bool = True


def settings(case: Case) -> Iterator[tuple[str, str, int | None]]:
    """Curves, direction, workers (None: one trial after another)."""
    for kind in case.kinds:
        for direction in ("minimize", "maximize"):
            for workers in (None, 1, 8):
                yield kind, direction, workers


def compare(case: Case, study: Study, workers: int | None) -> tuple[int, int, list[list[bool]]]:
    """Decisions compared, how many of them are equal, and the real ones."""
    expected = drive(study, case.make(study), workers=workers)
    clock = {"clock": "order"} if workers is None else {"clock": "simulated", "workers": workers}
    actual = esim_verdicts(study, esim.rule(case.rule, **case.columns), **clock)
    equal = 0
    for theirs, ours in zip(expected.verdicts, actual, strict=True):
        equal += sum(a == b for a, b in zip(theirs, ours, strict=False))
        equal -= max(0, len(ours) - len(theirs))
    return expected.decisions, equal, expected.verdicts


def recorded_studies() -> Iterator[tuple[Study, int]]:
    """Recorded studies, each with a number of workers: the shipped ones, and those in the folder
    ESIM_SHARED_DATA names. Every trial ends with its last report, as it does in `drive`.
    """
    for study, workers in _recorded():
        unknown = np.full(study.n_trials, np.nan)
        yield (
            dataclasses.replace(
                study,
                start=unknown,
                end=unknown,
                status=np.full(study.n_trials, Status.COMPLETED, dtype=np.int8),
                censored=np.zeros(study.n_trials, dtype=np.bool_),
            ),
            workers,
        )


def _recorded() -> Iterator[tuple[Study, int]]:
    folder = os.environ.get("ESIM_SHARED_DATA")
    for name in SHARED if folder else ():
        for study in esim.read_studies(Path(str(folder)) / name):
            yield study, 4
    for name, metric, direction in (
        ("xgboost_digits/sagemaker", None, None),
        ("mlp_digits/table", "validation:accuracy", "maximize"),
    ):
        yield esim.read_study(ROOT / "data" / name, objective=metric, direction=direction), 4


def run(case: Case, version: str) -> dict[str, Any]:
    """Compare a case on everything, record its golden part, and return its row of the table."""
    decisions = equal = studies = stops = 0
    golden = []
    for kind, direction, workers in settings(case):
        for size, seed in ((case.small, 1), (case.large, 2)):
            if size is None:
                continue
            study = curves(kind, direction, *size, seed, times=case.times)  # type: ignore[arg-type]
            compared, same, verdicts = compare(case, study, workers)
            decisions, equal, studies = decisions + compared, equal + same, studies + 1
            stops += sum(v[-1] for v in verdicts if v)
            if seed == 1:
                golden.append({
                    "kind": kind, "direction": direction, "workers": workers,
                    "kept": [len(v) for v in verdicts],
                    "stop": "".join("01"[v[-1]] if v else "-" for v in verdicts),
                })  # fmt: skip
    for study, workers in recorded_studies():
        undefined = "nan" not in case.kinds and bool(np.isnan(study.values).any())
        if not case.recorded or undefined or (case.times and study.elapsed is None):
            continue
        compared, same, _ = compare(case, study, workers)
        decisions, equal, studies = decisions + compared, equal + same, studies + 1
    row = {
        "rule": case.rule, "columns": dict(case.columns), "peer": version, "studies": studies,
        "decisions": decisions, "equal": equal, "stops": stops,
    }  # fmt: skip
    changed = "".join(f"-{k}-{v}" for k, v in case.columns.items())
    document = {**row, "times": case.times, "size": case.small, "seed": 1, "runs": golden}
    GOLDEN.mkdir(exist_ok=True)
    text = json.dumps(document, indent=None, separators=(",", ":")).replace('{"kind"', '\n{"kind"')
    (GOLDEN / f"{case.rule}{changed}.json").write_text(text + "\n")
    return row


def write_report() -> None:
    """reports/parity.md from the golden files."""
    rows = [json.loads(path.read_text()) for path in sorted(GOLDEN.glob("*.json"))]
    lines = [
        "# Decision for decision",
        "",
        "Each rule's real object and esim's row, fed the same reports in the same order: generated "
        "curves (plain, tied, with NaN values, with missing steps), both directions, one trial "
        "after another, on 1 and on 8 slots, and the recorded studies. Written by "
        "`python -m tests.live.parity`.",
        "",
        "| rule | columns changed | library | replays | decisions | stops | equal |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        changed = ", ".join(f"{k}={v}" for k, v in row["columns"].items())
        share = "100 %" if row["equal"] == row["decisions"] else f"**{row['equal']:,}**"
        lines.append(
            f"| {row['rule']} | {changed} | {row['peer']} | {row['studies']} "
            f"| {row['decisions']:,} | {row['stops']:,} | {share} |"
        )
    REPORT.write_text("\n".join(lines) + "\n")


def cases(peer: str) -> tuple[str, list[Case]]:
    """A peer's name with its version, and its cases. Raises ImportError if it is not installed."""
    module = importlib.import_module(f"tests.live.peer_{peer}")
    return module.version(), module.CASES


def main() -> int:
    """Compare, record and report; how many cases are not equal in every decision."""
    wrong = 0
    for peer in sys.argv[1:] or PEERS:
        try:
            version, every = cases(peer)
        except ImportError as error:
            print(f"{peer}: not installed here ({error})")
            continue
        for case in every:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                row = run(case, version)
            wrong += row["equal"] != row["decisions"]
            print(f"{row['rule']} {row['columns']} {version}: {row['equal']}/{row['decisions']} "
                  f"equal, {row['stops']} stops, {row['studies']} replays", flush=True)  # fmt: skip
    write_report()
    return wrong


if __name__ == "__main__":
    sys.exit(main())
