"""`app`, the command line of all commands.

Commands import what they need when they run, so that `esim --help` stays fast.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Annotated, Any

import typer

from esim.cli.command_line import AfterLogs, Plain, Recording
from esim.version import __version__

# In the order of `esim --help`. Each is a function, or for several commands `app`, in the module of
# its name.
NAMES = (
    "demo",
    "replay",
    "check",
    "compare",
    "certify",
    "estimate",
    "closed-loop",
    "explain",
    "identify",
    "diff",
    "probe",
    "report",
    "convert",
    "fetch",
    "rules",
    "formats",
    "schema",
    "warm-up",
)
_AFTER_LOGS = ("explain", "convert")


class _Commands(Mapping[str, Any]):
    """The commands by name. A module is imported when its command is first asked for.

    To import all and to read their flags takes 0.1 s.
    """

    def __init__(self) -> None:
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in NAMES:
            raise KeyError(name)
        if name not in self._made:
            word = name.replace("-", "_")
            module = import_module(f"esim.cli.{word}")
            its = getattr(module, "app", None)
            if its is None:
                its = typer.Typer(add_completion=False)
                its.command(name, cls=AfterLogs if name in _AFTER_LOGS else Plain)(
                    getattr(module, word)
                )
            self._made[name] = typer.main.get_command(its)
            self._made[name].name = name
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(NAMES)

    def __len__(self) -> int:
        return len(NAMES)


class _Root(Recording):
    """The command line's root, which imports a command when it is asked for."""

    def __init__(self, **words: Any) -> None:
        super().__init__(**words)
        self.commands: Any = _Commands()


app = typer.Typer(
    name="esim",
    cls=_Root,
    help="Replay recorded metric logs of tuning jobs through early-stopping rules: "
    "how much compute would have been saved, and would the best model have been kept?",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"esim {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass
