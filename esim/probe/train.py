"""Prints the reports of one designed curve, an epoch at a time; it trains nothing.

It runs in a training job, with `design.json` beside it and nothing but the standard library.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

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


def linger(*_: object) -> None:
    """Told to stop: report nothing more, and live on until killed like a job that saves."""
    print("told to stop", flush=True)
    time.sleep(LINGERS_S)
    sys.exit(0)


def main() -> None:
    """Print the curve that the tuning job has chosen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--curve", required=True)
    chosen = parser.parse_known_args()[0].curve.strip('"')
    signal.signal(signal.SIGTERM, linger)
    begin = time.monotonic()
    design = json.loads(Path(__file__).with_name("design.json").read_text())
    for second, line in lines(design, chosen):
        time.sleep(max(0.0, begin + second - time.monotonic()))
        print(line, flush=True)


if __name__ == "__main__":
    main()
