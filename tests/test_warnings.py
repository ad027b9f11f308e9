"""Every command on odd values: no warning of NumPy, which pytest makes an error, and no traceback.

`compare` is run on them in its own tests.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from esim.cli import app

RUN = CliRunner()
VALUES = {
    "finite": ["0.5", "0.25", "0.125"],
    "plus": ["0.5", "inf", "inf"],
    "minus": ["0.5", "-inf", "0.25"],
    "both": ["-inf", "inf", "0.5"],
    "none": ["NaN", "NaN", "NaN"],
    "late": ["NaN", "0.75", "NaN"],
    "huge": ["1e308", "-1e308", "1.7e308"],
    "tiny": ["-1e308", "1e-308", "-1.7e308"],
}
STATUSES = ("completed", "stopped", "failed", "running", "")


@pytest.fixture
def logs(tmp_path: Path) -> str:
    """Forty trials with every kind of value under every status."""
    reports, trials = ["trial,step,loss,elapsed_s"], ["trial,start,end,status"]
    for i, (status, (kind, values)) in enumerate(
        (status, item) for status in STATUSES for item in VALUES.items()
    ):
        trial = f"{kind}-{status}"
        reports += [f"{trial},{k},{value},{10 * k}" for k, value in enumerate(values, 1)]
        trials.append(f"{trial},{5 * i},{'' if status == 'running' else 5 * i + 30},{status}")
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "reports.csv").write_text("\n".join(reports) + "\n")
    (folder / "trials.csv").write_text("\n".join(trials) + "\n")
    return str(folder)


def ran(*arguments: str) -> str:
    result = RUN.invoke(app, [*arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
@pytest.mark.parametrize(
    "command",
    [
        "replay --readings --price 1",
        "replay --readings --final best --clock order",
        "replay --readings --workers 3",
        "replay --rule ax-percentile",
        "replay --rule ray-median --set warmup_steps=0 --set min_peers=1",
        "replay --rule synetune-asha",
        "replay --rule oracle",
        "check",
        "estimate --replicates 100 --trials 8",
        "explain late-completed",
        "explain huge-",
    ],
)
def test_odd_values(logs: str, command: str, direction: str) -> None:
    name, *options = command.split()
    ran(name, logs, *options, "--direction", direction)
    json.loads(ran(name, logs, *options, "--direction", direction, "--json"))


def test_odd_values_in_what_is_written(logs: str, tmp_path: Path) -> None:
    # Matplotlib cannot draw a range of 1e308.
    table = Path(logs, "reports.csv")
    table.write_text(table.read_text().replace("e308", "e100"))
    ran("convert", logs, str(tmp_path / "h"), "--direction", "minimize")
    ran("replay", str(tmp_path / "h"))
    document = tmp_path / "result.json"
    document.write_text(ran("replay", logs, "--direction", "minimize", "--readings", "--json"))
    ran("report", str(document), "--out", str(tmp_path / "r.md"), "--out", str(tmp_path / "r.csv"))
