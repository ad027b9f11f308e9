"""Gates and exit codes of every command: 0 done, 1 unreadable, 2 usage, 3 a gate."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import esim
from esim.cli import app
from esim.errors import EsimError
from esim.storage.history import Location
from esim.storage.history.write import Input, append
from tests.analyses.test_history import studies
from tests.cli.test_identify import REAL, write_real
from tests.paths import DATA

# What is typed, and a condition that is so, one that is not, and one that is unknown there.
GATED = {
    "replay {study}": ("steps_saved_fraction < 1", "steps_saved_fraction > 1", "cost > 5"),
    "replay {study} {other}": ("best_trials_stopped >= 0", "studies != 2", "cost > 5"),
    "replay {history} --jobs 1": (
        "spread.steps_saved_fraction.q50 <= 1",
        "best_trial_stopped_fraction > 100%",
        "cost > 5",
    ),
    "compare {study} --rules sagemaker --orders 2": (
        "rules.sagemaker.best_kept <= 1",
        "rules.sagemaker.steps_saved_fraction > 1",
        "rules.sagemaker.cost_saved_fraction > 1",
    ),
    "estimate {study} --trials 4 --replicates 100": (
        "probability_best_kept <= 1",
        "steps_saved_fraction.low > 1",
        "cost_saved > 5",
    ),
    "check {study}": ("warnings > 0", "errors > 0 or not acts", None),
    "certify {history} --rules sagemaker --orders 2 --risk 50% --confidence 50%": (
        "candidates == 1",
        "test == 'binomial'",
        None,
    ),
    "certify {history} --watch {certificate}": ("wealth > 0", "not rule == 'sagemaker'", None),
    "identify {stopped} --rules presets": ("candidates > 1", "left > candidates", None),
}
WRITES = {"certify", "identify"}  # the others draw figures, which takes seconds


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("gates")
    past = studies(4)
    append(Location(str(folder / "h")), [Input("in", "0", "table", past)], None)
    certificate = folder / "result.json"
    asked = {"risk": 0.5, "confidence": 0.5, "max_loss": 1, "orders": 2}
    certificate.write_text(esim.certify(studies(7)[4:], ["sagemaker"], **asked).to_json())
    return {
        "study": str(DATA / "image_digits"),
        "other": str(DATA / "tiny/sagemaker"),
        "history": str(folder / "h"),
        "certificate": str(certificate),
        "stopped": write_real(folder, list(REAL)[:1])[0],
        "nothing": str(folder / "nothing"),
    }


def ran(command: str, *more: str, **places: str) -> Result:
    words = [word.format(**places) for word in shlex.split(command)]
    return CliRunner().invoke(app, [*words, *more], env={"COLUMNS": "300"})


def code(result: Result) -> int:
    """The exit code of the process: `esim.cli.process.run` makes 1 of such an error."""
    unreadable = isinstance(result.exception, EsimError)
    assert unreadable or result.exception is None or isinstance(result.exception, SystemExit)
    return 1 if unreadable else result.exit_code


@pytest.mark.parametrize("command", GATED)
def test_a_gate_ends_a_command_with_3_if_it_holds_or_is_unknown(
    command: str, places: dict[str, str], tmp_path: Path
) -> None:
    so, not_so, unknown = GATED[command]
    out = ["--out", str(tmp_path / "out")] if command.split()[0] in WRITES else []

    passed = ran(command, "--json", "--fail-if", not_so, **places)
    assert code(passed) == 0, passed.output
    assert passed.stderr == ""

    gates = [word for one in (not_so, so, unknown) if one for word in ("--fail-if", one)]
    failed = ran(command, "--json", *out, *gates, **places)
    assert code(failed) == 3, failed.output
    assert failed.stdout == passed.stdout  # the document, whole, and nothing else
    first, *rest = failed.stderr.splitlines()
    assert first.startswith(f"esim: the gate {so!r} failed: {so.split()[0]} is ")
    if unknown is not None:
        undecided = f"esim: the gate {unknown!r} cannot be decided, so it fails: "
        assert rest == [f"{undecided}{unknown.split()[0]} is unknown"]
    assert not out or (tmp_path / "out").is_dir()


@pytest.mark.parametrize("command", GATED)
def test_a_gate_that_is_none_is_wrong_usage_before_any_log_is_read(
    command: str, places: dict[str, str]
) -> None:
    nowhere = dict.fromkeys(places, places["nothing"])
    early = ran(command, "--fail-if", "steps >", **nowhere)
    assert code(early) == 2
    assert "the gate 'steps >': a missing key or number at its end" in early.stderr
    if "--jobs" not in command:  # which is for a history alone
        assert code(ran(command, "--fail-if", "steps > 3", **nowhere)) == 1


@pytest.mark.parametrize("command", ["check {study}", "replay {history} --jobs 1"])
def test_a_key_that_a_result_does_not_have_is_wrong_usage(
    command: str, places: dict[str, str]
) -> None:
    none = ran(command, "--json", "--fail-if", "studis.x > 0", **places)
    assert code(none) == 2
    assert json.loads(none.stdout)["esim"]  # the document is whole
    assert "no key 'studis.x' in esim." in none.stderr
    assert "fix: studies" in none.stderr


OTHERS = (
    "explain {nothing} trial",
    "report {nothing}",
    "convert {nothing} {nothing}/out",
    "replay {nothing}",
    "compare {nothing}",
    "estimate {nothing}",
    "check {nothing}",
    "certify {nothing}",
    "certify {study} --watch {nothing}",
    "identify {nothing}",
)
NAMES = (
    *("replay", "check", "compare", "certify", "estimate", "explain", "identify", "report"),
    *(
        "closed-loop",
        "convert",
        "demo",
        "diff",
        "rules",
        "formats",
        "schema",
        "warm-up",
        "fetch sagemaker",
        "probe sagemaker",
    ),
)


@pytest.mark.parametrize("command", OTHERS)
def test_what_cannot_be_read_ends_a_command_with_1(command: str, places: dict[str, str]) -> None:
    assert code(ran(command, **places)) == 1


@pytest.mark.parametrize("command", NAMES)
def test_a_flag_that_there_is_not_ends_a_command_with_2(command: str) -> None:
    assert code(ran(command, "--nosuch")) == 2


def test_the_commands_are_all_of_them() -> None:
    from typer.main import get_command

    commands = get_command(app).commands  # type: ignore[attr-defined]
    assert {name.split()[0] for name in NAMES} == set(commands)


def test_a_check_that_fails_is_a_gate(places: dict[str, str]) -> None:
    assert code(ran("check {study}", **places)) == 0
    strict = ran("check {study} --strict", **places)
    assert code(strict) == 3


def test_gates_are_no_part_of_the_command_in_a_document(places: dict[str, str]) -> None:
    gated = ran("replay {study} --json", "--fail-if", "steps_run < 0", **places)
    assert json.loads(gated.stdout)["command"] == f"esim replay {places['study']}"
    assert gated.stdout == ran("replay {study} --json", **places).stdout
