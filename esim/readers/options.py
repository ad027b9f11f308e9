"""The options of reading, and how they are combined with what the logs record."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from esim.errors import EsimError, near_names
from esim.readers.limits import parse_size
from esim.study import Direction, Note, as_direction
from esim.study.first_step import FirstStep, as_first_step

_HELD_OUT = re.compile("val|eval|test|dev", re.IGNORECASE)  # in the name of a likely objective


@dataclass(frozen=True)
class Metric:
    """A metric of log text.

    Attributes:
        name: its name.
        regex: is searched in each line; its first group is the metric's value.
        behind: if given, the regex is searched only behind the first match of this one.
        needs: a text that a line with a value holds; "" if there is none.
        without: a text that no such line holds; "" if there is none.
    """

    name: str
    regex: re.Pattern[str]
    behind: re.Pattern[str] | None = None
    needs: str = ""
    without: str = ""

    @property
    def shown(self) -> str:
        """The regex as one text."""
        return (f"{self.behind.pattern}.*?" if self.behind else "") + self.regex.pattern

    @property
    def search(self) -> Callable[[str], re.Match[str] | None]:
        """What finds the first match in a line; it returns None if there is none."""
        bare = self.behind is None and not self.needs and not self.without
        return self.regex.search if bare else self._search

    def _search(self, line: str) -> re.Match[str] | None:
        if self.needs not in line or (self.without and self.without in line):
            return None
        if self.behind is None:
            return self.regex.search(line)
        # In two searches, so that a line of many prefixes takes linear time.
        before = self.behind.search(line)
        return None if before is None else self.regex.search(line, before.end())

    @classmethod
    def compile(cls, name: str, regex: str, where: str) -> Metric:
        """A metric from the text of its regex.

        Args:
            name: the metric's name.
            regex: the text of the regex.
            where: who gives the regex, for errors.

        Raises:
            EsimError: the regex is broken or has no group.
        """
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
    """The options of `esim.readers.read_inputs`, checked; the attributes are its arguments."""

    objective: str | None = None
    direction: Direction | None = None
    metrics: tuple[Metric, ...] = ()
    name: str | None = None
    accept_time_aligned: bool = False
    studies: tuple[str, ...] = ()
    trial: str | None = None
    step: str | None = None
    time: str | None = None
    value: str | None = None
    where: tuple[tuple[str, str], ...] = ()
    first_step: FirstStep | None = None
    max_size: int | None = None  # bytes; None leaves the limits as they are
    finals: bool = False
    index_means: FirstStep | None = None  # what index 0 means in the format that is read
    any_text: bool = False  # whether the user named the format, so that any text is a log

    @property
    def of_tables(self) -> dict[str, str]:
        """The options on the columns of a table that were given: option -> what it asks for."""
        given = {
            "trial": self.trial,
            "step": self.step,
            "time": self.time,
            "value": self.value,
            "where": ", ".join(f"{column}={cell}" for column, cell in self.where) or None,
        }
        return {name: text for name, text in given.items() if text is not None}

    @classmethod
    def parse(
        cls,
        *,
        objective: str | None = None,
        direction: str | None = None,
        metrics: Sequence[str] = (),
        name: str | None = None,
        accept_time_aligned: bool = False,
        studies: Sequence[str] = (),
        trial: str | None = None,
        step: str | None = None,
        time: str | None = None,
        value: str | None = None,
        where: Sequence[str] = (),
        first_step: str | None = None,
        max_size: int | str | None = None,
        finals: bool = False,
    ) -> Options:
        """The options from the arguments of `esim.readers.read_inputs`.

        Raises:
            EsimError: the direction is neither minimize nor maximize, a metric is not NAME=REGEX,
                a condition is not COLUMN=TEXT, first_step is neither done nor before, or max_size
                is no size.
        """
        conditions = []
        for text in [where] if isinstance(where, str) else where:
            column, equals, cell = text.partition("=")
            if not (equals and column):
                raise EsimError(f"condition {text!r} is not COLUMN=TEXT", where="--where")
            conditions.append((column, cell))
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
            trial=trial,
            step=step,
            time=time,
            value=value,
            where=tuple(conditions),
            first_step=as_first_step(first_step),
            max_size=None if max_size is None else parse_size(max_size, "--max-size"),
            finals=finals,
        )


def chosen_studies(options: Options, names: Sequence[str]) -> list[str]:
    """The names of the studies to read: those that the user asks for, by default all.

    Args:
        options: what the user asked for. `read_inputs` refuses names that no input has.
        names: the names of all studies of the input.
    """
    return [name for name in names if name in options.studies or not options.studies]


def settle_step(
    options: Options, columns: Sequence[str], default: str, where: str
) -> tuple[str, Note]:
    """The column that counts steps, and a note that names it.

    Args:
        options: what the user asked for.
        columns: the columns of the logs.
        default: the column that the format takes if the user names none.
        where: the input, for errors.

    Raises:
        EsimError: the logs have no such column; the error lists near names.
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
    """The metric to replay: the one the user asks for, else the recorded one, else the only one.

    Args:
        options: what the user asked for.
        candidates: the metrics of the logs.
        where: the input, for errors.
        recorded: the objective that the logs record, if they do.

    Raises:
        EsimError: the metric is none of the candidates (the error lists near names), or none is
            asked for or recorded and there are several.
    """
    wanted = options.objective or recorded
    if wanted is None:
        if len(candidates) == 1:
            return candidates[0]
        if not candidates:
            raise EsimError("no metric column", where=where, fix="add one column per metric")
        likely = [name for name in candidates if _HELD_OUT.search(name)] or candidates
        raise EsimError(
            "several metrics could be the objective",
            where=where,
            why=", ".join(candidates),
            fix=f"name one, such as --objective {shlex.quote(likely[0])}",
        )
    if wanted in candidates:
        return wanted
    meant = spelled_so(wanted, candidates)
    if len(meant) == 1:
        return meant[0]
    raise EsimError(
        f"no metric {wanted!r}",
        where=where,
        why=f"several are spelled much so: {', '.join(meant)}" if meant else None,
        fix=f"one of: {near_names(wanted, candidates)}" if candidates else None,
    )


def spelled_so(wanted: str, candidates: Sequence[str]) -> list[str]:
    """The candidates that a name is another spelling of, in case, blanks and signs.

    >>> spelled_so("val_loss", ["Val Loss", "val/acc"])
    ['Val Loss']
    """

    def plain(name: str) -> str:
        return re.sub(r"[\s_./:-]+", "/", name.strip().casefold())

    return [name for name in candidates if plain(name) == plain(wanted)]


def settle_direction(options: Options, where: str, recorded: Direction | None = None) -> Direction:
    """The direction of the objective: the recorded one, else the one that the user gives.

    Args:
        options: what the user asked for.
        where: the input, for errors.
        recorded: the direction that the logs record, if they do.

    Raises:
        EsimError: neither is known, or they contradict each other.
    """
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


def unread_metrics(options: Options, objective: str, read: Metric | None) -> list[Note]:
    """The notes on those --metric of log text that were given and do not count.

    Args:
        options: what the user asked for.
        objective: the metric that is read.
        read: its regex; None if it is one of esim's own.
    """
    notes = []
    for metric in options.metrics:
        if metric is read:
            continue
        text = f"--metric {metric.name} is not read: the objective is {objective}"
        if metric.name == objective:
            text = (
                f"--metric {metric.name} is not read: the description has its regex; under "
                "another name, with --objective and --direction, yours is read"
            )
        notes.append(Note("metric_unused", text))
    return notes
