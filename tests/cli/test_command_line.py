"""What was typed: flags whose values are plain become what typer makes of them."""

from __future__ import annotations

import subprocess
import sys
from typing import Annotated, Any

import pytest
import typer
from typer.core import TyperCommand
from typer.testing import CliRunner

from esim.cli.command_line import Plain
from tests.paths import DATA


def halved(text: str | float) -> float:
    if text == "none":
        raise typer.BadParameter("no number")
    return float(text) / 2


def command(
    logs: list[str],
    some: Annotated[list[str] | None, typer.Option()] = None,
    word: str | None = None,
    number: Annotated[int, typer.Option(min=1)] = 7,
    most: Annotated[int | None, typer.Option(max=9)] = None,
    amount: Annotated[float, typer.Option(min=0)] = 0.5,
    half: Annotated[float, typer.Option(parser=halved)] = 3.0,
    halves: Annotated[list[Any] | None, typer.Option(parser=halved)] = None,
    yes: Annotated[bool, typer.Option("--yes")] = False,
    shown: Annotated[str | None, typer.Option(callback=lambda it: it and f"<{it}>")] = None,
) -> None:
    print([(type(one), one) for one in (logs, some, word, number, most, amount, half)])
    print(halves, yes, shown)


@pytest.mark.parametrize(
    "words",
    [
        "a b",
        "",
        "a --some x --some y --word= --yes --shown me",
        "a --number 12 --most 9 --amount 2 --half 5 --halves 1 --halves 7",
        "a --number 0",
        "a --number -3",
        "a --number 007",
        "a --number 1_0",
        "a --number 1.0",
        "a --number ٣",
        "a --number x",
        "a --most 10",
        "a --most -2",
        "a --amount -1",
        "a --amount nan",
        "a --amount x",
        "a --half none",
        "a --half x",
        "a --halves 1 --halves none",
    ],
)
def test_a_value_is_what_typer_makes_of_it(words: str) -> None:
    found = []
    for kind in (TyperCommand, Plain):
        app = typer.Typer(add_completion=False)
        app.command(cls=kind)(command)
        ran = CliRunner().invoke(app, words.split(), env={"COLUMNS": "100"})
        found.append((ran.exit_code, ran.output))
    assert found[0] == found[1]


def test_a_replay_imports_no_library_that_it_does_without() -> None:
    code = (
        "import sys\nfrom esim.cli import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        "print({'numba', 'pandas', 'pydantic', 'matplotlib'} & set(sys.modules), file=sys.stderr)"
    )
    words = ("replay", str(DATA / "tiny" / "sagemaker"), "--workers", "2")
    ran = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True)
    assert ran.stderr == "set()\n"
