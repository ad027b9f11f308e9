"""The command line: flags, help and exit codes. Nothing is computed here.

`app` and its commands are imported when they are first used, after signals have been seen to.
"""

from __future__ import annotations

import gc
import signal
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from esim.cli.commands import app as app


def main() -> None:
    """Run the command line.

    Exit codes: 0 done, 1 the logs cannot be used, 2 wrong usage, 3 a gate
    fails: --fail-if, check, or a certificate that no longer holds. A signal: 128 and its number.
    """
    # Imports make 100,000 objects that stay: to look through them again and again for cycles, and
    # once more at the end, takes a tenth of a replay of one job.
    gc.set_threshold(100_000)
    interrupt = signal.getsignal(signal.SIGINT)
    if interrupt is signal.default_int_handler:  # no traceback of an import
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from esim.cli.process import run

    signal.signal(signal.SIGINT, interrupt)
    code = run(lambda: __getattr__("app")())
    gc.freeze()
    sys.exit(code)


def __getattr__(name: str) -> Any:
    if name != "app":
        raise AttributeError(name)
    from esim.cli.commands import app

    return app
