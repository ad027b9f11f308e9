"""What was typed, so that a result can say which command made it."""

from __future__ import annotations

import shlex
from functools import partial
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

_TYPED = "esim.typed"
_ALONE = ("--json", "--resume")
_ELSEWHERE = ("--out", "--fail-if", "--engine", "--jobs", "--address")


def _plainly(params: list[Any]) -> list[Any]:
    """Parameters of a command: flags without a value and arguments show no type, and values that
    are plain are not converted by typer.

    It makes a model of pydantic's for each flag, given or not: with pydantic's import that takes an
    eighth of a replay. What is not plain is left to typer, and so is what to say of it.
    """
    for param in params:
        if param.param_type_name == "argument" or param.is_flag:
            param.display_type_rich = lambda ctx: None
        its = getattr(param, "type_descriptor", None)  # only where typer has models
        if its is not None and "process_value" not in vars(param):
            param.process_value = partial(_processed, param, its, param.process_value)
    return params


def _processed(param: Any, its: Any, by_typer: Any, context: Any, value: Any) -> Any:
    """The value of a parameter, from what was typed or its default."""
    many = param.nargs == -1 or getattr(param, "multiple", False)
    try:
        if value is None and not param.required:
            plain: Any = () if many else None
        elif many and not value:
            return by_typer(context, value)
        else:
            plain = [_plain(its, one) for one in value] if many else _plain(its, value)
    except (LookupError, ValueError, typer.BadParameter):
        return by_typer(context, value)
    return plain if param.callback is None else param.callback(context, param, plain)


def _plain(its: Any, value: Any) -> Any:
    """A value that is plain to convert. Raises LookupError if it is not."""
    kind, info = its.annotation, its.parameter_info
    kind = str if kind == list[str] else kind
    if info.parser is not None:
        return info.parser(value)
    if type(value) is kind and kind in (str, int, float) and not its.is_path:
        return value
    whole = kind is int and isinstance(value, str) and value.isascii() and value.isdigit()
    if whole and info.max is None and int(value) >= (info.min or 0):
        return int(value)
    raise LookupError(value)


def _joined(help: str | None) -> str | None:
    """A command's help in lines that the list of commands need not break anew."""
    if help is None:
        return None
    return "\n\n".join(" ".join(part.split()) for part in help.split("\n\n"))


class Plain(TyperCommand):
    """A command whose help is in plain words."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.help = _joined(self.help)

    def get_params(self, ctx: Any) -> list[Any]:
        """As the base class; see `_plainly`."""
        return _plainly(super().get_params(ctx))


class Recording(TyperGroup):
    """The command line's root: keeps what was typed."""

    def get_params(self, ctx: Any) -> list[Any]:
        """As the base class; see `_plainly`."""
        return _plainly(super().get_params(ctx))

    def make_context(
        self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any
    ) -> Any:
        """A context that knows its words."""
        typed = tuple(args)
        context = super().make_context(info_name, args, parent, **extra)
        context.meta[_TYPED] = typed
        return context


class AfterLogs(Plain):
    """A command whose last argument stands after any number of logs.

    Of one word the parser makes the last argument, and then misses the logs; people name these
    first.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> Any:
        """As the base class; of what is missing, it names what people left out."""
        typed = list(args)
        try:
            return super().parse_args(ctx, args)
        except typer.BadParameter as refused:
            error: Any = refused
            arguments: list[Any] = [p for p in self.params if p.param_type_name == "argument"]
            if error.param is arguments[0]:
                values = self.make_parser(ctx).parse_args(args=typed)[0]
                if isinstance(values.get(arguments[-1].name), str):
                    error.param = arguments[-1]
            raise


def command_line(context: typer.Context) -> str | None:
    """The command as it was typed, ready for a shell, but for what changes nothing in the result:
    where it went, where and on how many cores it ran, and what was held against it."""
    words = iter(context.meta.get(_TYPED, ()))
    kept = []
    for word in words:
        if word in _ELSEWHERE:
            next(words, None)
        elif word not in _ALONE and word.partition("=")[0] not in _ELSEWHERE:
            kept.append(word)
    return shlex.join(("esim", *kept)) if kept else None
