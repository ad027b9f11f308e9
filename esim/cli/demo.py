"""`esim demo`: an answer before there are any logs at hand."""

from __future__ import annotations

import shlex
from pathlib import Path

import typer

LOGS = Path(__file__).with_name("image_digits")  # as in data/
_NEXT = (
    ("explain {} image-digits-003-2d125bc4", "why this trial would have been stopped"),
    ("replay {} --readings", "what depends on how the documentation is read"),
    ("compare {}", "other stopping rules on the same job"),
    ("estimate {} --trials 50", "what to expect of the next job, and how sure"),
    ("replay {} --out result", "with tables and figures; then: esim report result"),
    (
        "replay YOUR-LOGS",
        "your own: a folder, a table or a database (esim formats)",
    ),
)


def demo(context: typer.Context) -> None:
    """Replay a small tuning job that comes with esim, and say what to try next."""
    logs = shlex.quote(str(LOGS))
    from esim.report.terminal.console import terminal

    terminal().print(
        "20 small networks trained on images of digits, each for 10 epochs: a SageMaker tuning job "
        "with its CloudWatch logs, as its owner has them. Early stopping was off.\n"
    )
    print(f"$ esim replay {logs}\n", flush=True)
    context.find_root().command.main(["replay", str(LOGS)], standalone_mode=False)
    print("\nTry next")
    for words, what in _NEXT:
        print(f"  # {what}\n  esim {words.format(logs)}")
