"""What the user said about the logs, and settling it with what the logs say."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from esim.errors import EsimError, near_names
from esim.study import Direction, Note, as_direction


@dataclass(frozen=True)
class Metric:
    """A metric of log text: its value is the first group of the regex, line by line."""

    name: str
    regex: re.Pattern[str]

    @classmethod
    def compile(cls, name: str, regex: str, where: str) -> Metric:
        """Raises EsimError if the regex is broken or has no group."""
        try:
            pattern = re.compile(regex)
        except re.error as error:
            raise EsimError(
                f"the regex of metric {name!r} is broken", where=where, why=f"{error}: {regex}"
            ) from None
        if pattern.groups == 0:
            raise EsimError(
                f"the regex of metric {name!r} has no group",
                where=where,
                why=f"the first group is the value: {regex}",
                fix="put the number in parentheses",
            )
        return cls(name, pattern)


@dataclass(frozen=True)
class Options:
    """The options of `esim.readers.read_inputs`, checked."""

    objective: str | None = None
    direction: Direction | None = None
    metrics: tuple[Metric, ...] = ()
    name: str | None = None
    accept_time_aligned: bool = False
    studies: tuple[str, ...] = ()
    step: str | None = None

    @classmethod
    def parse(
        cls,
        *,
        objective: str | None,
        direction: str | None,
        metrics: Sequence[str],
        name: str | None,
        accept_time_aligned: bool = False,
        studies: Sequence[str] = (),
        step: str | None = None,
    ) -> Options:
        """Raises EsimError for a direction or a NAME=REGEX that is not one."""
        parsed = []
        for text in [metrics] if isinstance(metrics, str) else metrics:
            metric, equals, regex = text.partition("=")
            if not (equals and metric and regex):
                raise EsimError(f"metric {text!r} is not NAME=REGEX", where="--metric")
            parsed.append(Metric.compile(metric, regex, "--metric"))
        return cls(
            objective=objective,
            direction=None if direction is None else as_direction(direction),
            metrics=tuple(parsed),
            name=name,
            accept_time_aligned=accept_time_aligned,
            studies=(studies,) if isinstance(studies, str) else tuple(studies),
            step=step,
        )


def chosen_studies(options: Options, names: Sequence[str]) -> list[str]:
    """The studies to read: those asked for, else all. `read_inputs` refuses unknown names."""
    return [name for name in names if name in options.studies or not options.studies]


def settle_step(
    options: Options, columns: Sequence[str], default: str, where: str
) -> tuple[str, Note]:
    """The column that counts steps, the option or the format's own, and a note that says so.

    Raises:
        EsimError: the logs have no such column (with near names).
    """
    step = options.step or default
    if step not in columns:
        raise EsimError(
            f"no step column {step!r}",
            where=where,
            fix=f"--step with one of: {near_names(step, columns)}" if columns else None,
        )
    return step, Note("step_column", f"steps are {step}")


def settle_objective(
    options: Options, candidates: Sequence[str], where: str, recorded: str | None = None
) -> str:
    """The metric to replay: the option, else the recorded one, else the only candidate.

    Raises:
        EsimError: it is none of the candidates (with near names), or there are several.
    """
    wanted = options.objective or recorded
    if wanted is None:
        if len(candidates) == 1:
            return candidates[0]
        if not candidates:
            raise EsimError("no metric column", where=where, fix="add one column per metric")
        raise EsimError(
            "several metrics could be the objective",
            where=where,
            why=", ".join(candidates),
            fix=f"name one: --objective {candidates[0]}",
        )
    if wanted not in candidates:
        raise EsimError(
            f"no metric {wanted!r}",
            where=where,
            fix=f"one of: {near_names(wanted, candidates)}" if candidates else None,
        )
    return wanted


def settle_direction(options: Options, where: str, recorded: Direction | None = None) -> Direction:
    """The direction: recorded or given. Raises EsimError if neither, or if they contradict."""
    if recorded is not None and options.direction not in (None, recorded):
        raise EsimError(
            f"direction {options.direction!r} contradicts the logs",
            where=where,
            why=f"they say {recorded!r}",
            fix="leave the direction out",
        )
    direction = recorded or options.direction
    if direction is None:
        raise EsimError(
            "the direction is unknown",
            where=where,
            why="the logs do not say whether the objective is minimized or maximized",
            fix="--direction minimize or --direction maximize",
        )
    return direction
