"""Prints the reports of one designed curve, an epoch at a time; it trains nothing.

It runs in a training job, with `design.json` beside it and nothing but the standard library.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

# A tuning job names its training jobs so: its own name, the launch's number, 8 hex digits.
NUMBERED = re.compile(r".+-([0-9]{3,})-[0-9a-f]{8}")
LINGERS_S = 600  # longer than a service lets a job live that it has told to stop


def lines(design: Mapping[str, Any], curve: str) -> Iterator[tuple[float, str]]:
    """What is printed of a curve: (seconds since the start, line) of each report.

    The curves of jobs that run side by side are apart by a part of an epoch, so that none ends just
    as another reports.
    """
    for job in design["tuning_jobs"]:
        for number, (name, rows) in enumerate(job["curves"].items()):
            if name == curve:
                later = design["epoch_s"] * (number % job["workers"]) / job["workers"]
                for epoch, value in rows:
                    yield epoch * design["epoch_s"] + later, f"epoch={epoch} objective={value!r}"


def curve_of(design: Mapping[str, Any], asked: str, job: str) -> tuple[str, str]:
    """The curve to print, and a line that says how it was chosen.

    A grid is walked through in no documented order, so the first job takes the first curve, and so
    on. Where the job's name does not tell its number, it takes the one that it was asked for.

    Args:
        design: the design.
        asked: the curve that the hyperparameter names.
        job: the name of the training job, "" if it is unknown.
    """
    numbered = NUMBERED.fullmatch(job)
    for one in design["tuning_jobs"]:
        if asked in one["curves"] and numbered:
            number = int(numbered[1])
            if 1 <= number <= len(one["curves"]):
                curve = list(one["curves"])[number - 1]
                return curve, f"prints curve {curve}, as it is job number {number}"
    return asked, f"prints curve {asked}, as asked for: {job or 'no job name'!r} has no such number"


def linger(*_: object) -> None:
    """Told to stop: report nothing more, and live on until killed like a job that saves."""
    print("told to stop", flush=True)
    time.sleep(LINGERS_S)
    sys.exit(0)


def main() -> None:
    """Print the curve of this job."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--curve", required=True)
    asked = parser.parse_known_args()[0].curve.strip('"')
    signal.signal(signal.SIGTERM, linger)
    begin = time.monotonic()
    design = json.loads(Path(__file__).with_name("design.json").read_text())
    # SageMaker sets the variable in every training job's container.
    curve, how = curve_of(design, asked, os.environ.get("TRAINING_JOB_NAME", ""))
    print(how, flush=True)
    for second, line in lines(design, curve):
        time.sleep(max(0.0, begin + second - time.monotonic()))
        print(line, flush=True)


if __name__ == "__main__":
    main()
