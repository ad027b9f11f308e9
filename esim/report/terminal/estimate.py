"""An estimate on a terminal: what is saved, what it may cost, how sure that is, and doubts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from rich.console import Console, RenderableType
from rich.text import Text

from esim.report.rule_words import rule_and_changes
from esim.report.terminal.check import show_enabling
from esim.report.terminal.console import inset
from esim.report.terminal.history import show_failures
from esim.report.terminal.tables import FittingTable, Heading, table
from esim.report.words import (
    MISSING,
    clean,
    count,
    interval_words,
    money,
    number,
    percent,
    plural,
    seconds,
    signed,
)
from esim.results.chances import chance_words

if TYPE_CHECKING:
    from esim.results.estimate import Headline, Interval, LeftOut
    from esim.results.forecast import Estimate
    from esim.study import Study

_SAVED = (
    ("steps", "steps_saved_fraction", "steps_saved"),
    ("training time", "seconds_saved_fraction", "seconds_saved"),
    ("billed time", "billed_saved_fraction", "billed_seconds_saved"),
    ("makespan", "makespan_saved_fraction", "makespan_saved_s"),
    ("cost", "cost_saved_fraction", "cost_saved"),
)
AS_SEEN = "    were every next trial like a past one"
_BAR = 20  # characters of a bar from 0 to 100 %
_ENABLES = ("enable", "enable_with_doubts")
_COLOUR = {
    "enable": "bold green",
    "enable_with_doubts": "bold yellow",
    "do_not_enable": "bold red",
    "not_enough_history": "bold red",
}


def show_estimate(found: Estimate, enable: Mapping[str, Study], console: Console) -> None:
    """Print an estimate.

    Args:
        found: the estimate.
        enable: name -> study, of the studies for which to print how to enable AUTO; it is printed
            only if the advice is to enable it.
        console: what is printed on.
    """
    for part in _parts(found):
        console.print(part)
    show_failures(found.failures, console)
    advised = found.advice is not None and found.advice.verdict in _ENABLES
    if advised and found.rule.name == "sagemaker" and len(found.studies) == 1:
        for study in enable.values():
            show_enabling(study.name, study.objective, study.direction, console)


def _sure(found: Estimate) -> str:
    return f"{100 * found.confidence:g} %"


def _parts(found: Estimate) -> Iterator[RenderableType]:
    yield _head(found)
    if found.advice is not None:
        first, *others = found.advice.answer
        style = _COLOUR[found.advice.verdict]
        yield inset(Text(_sentence(first), style=style), (1, 0, 0, 0))
        yield inset(Text("\n".join(map(_sentence, others))), (0, 0, 1, 0))
    if any(quantity is not None for quantity in found.quantities.values()):
        yield _saved(found)
        yield _lost(found)
    if found.by_workers or found.by_trials:
        yield _other_jobs(found)
    if found.readings:
        yield _readings(found)
    if found.same_cost is not None:
        yield from _same_cost(found)
    if found.leave_one_out:
        yield _left_out(found.leave_one_out, _sure(found))
    if found.backtest is not None:
        yield from _backtest(found)
    if found.advice is not None and found.advice.alternatives:
        yield from _alternatives(found)
    yield Text("Why to doubt it", style="bold")
    for doubt in found.warnings:
        yield inset(Text(f"· {_sentence(doubt.text)}"), (0, 0, 0, 1))
    for assumed in found.method.assumes:
        yield inset(Text(f"· assumed: {assumed}"), (0, 0, 0, 1))


def _head(found: Estimate) -> Text:
    better = "lower" if found.direction == "minimize" else "higher"
    past = sum(study.history for study in found.studies)
    several = f" of {len(found.studies)} studies" if len(found.studies) > 1 else ""
    name = found.studies[0].study if len(found.studies) == 1 else "the next study"
    workers = plural(found.next.workers, "worker")
    until = " or ".join(clean(rule.text) for rule in found.until)
    until = until and f" until {until}"
    head = Text(clean(name), style="bold")
    head.append(
        f"  {clean(found.objective)}, {better} is better; next job: "
        f"{plural(found.next.trials, 'trial')} on {workers}; from {plural(past, 'past trial')}"
        f"{several}; rule {rule_and_changes(found.rule)}{until}",
        style="dim",
    )
    return head


def _sentence(text: str) -> str:
    return clean(text, longest=2000)


def _span(interval: Interval | None, show: Callable[[float | None], str]) -> str:
    return MISSING if interval is None else interval_words(interval.low, interval.high, show)


def _saved(found: Estimate) -> FittingTable:
    sure = f"{_sure(found)} interval"
    shown = table("What the next job would save", "", "share", sure, "amount")
    shown.add_column(sure, minor=1)
    show: dict[str, Callable[[float | None], str]] = {
        "steps_saved": count,
        "cost_saved": lambda value: money(value, found.costs.currency),
    }
    for label, share_name, amount_name in _SAVED:
        share, amount = found.around(share_name), found.around(amount_name)
        if share is None and amount is None:
            continue
        as_words = show.get(amount_name, seconds)
        shown.add_row(
            label,
            MISSING if share is None else percent(share.median),
            _span(share, percent),
            MISSING if amount is None else as_words(amount.median),
            _span(amount, as_words),
        )
    stopped = found.around("trials_stopped")
    if stopped is not None:
        shown.add_row("trials stopped", "", "", count(stopped.median), _span(stopped, count))
    left_out = found.around("trials_not_started") if found.until else None
    if left_out is not None:
        cells = count(left_out.median), _span(left_out, count)
        shown.add_row("trials never started", "", "", *cells)
    return shown


def _lost(found: Estimate) -> FittingTable:
    what = Heading("", "left", flows=True)
    shown = table("What it may cost", what, "median", f"{_sure(found)} interval")
    kept, around = found.probability_best_kept, found.probability_best_kept_interval
    if kept is not None and around is not None:
        shown.add_row(
            "chance that the best trial is kept",
            chance_words(kept),
            f"{chance_words(around[0])} to {chance_words(around[1])}",
        )
    if found.unseen is not None:
        shown.add_row(AS_SEEN, chance_words(found.unseen.best_kept_as_seen), "")
    rows: tuple[tuple[str, str, Callable[[float | None], str]], ...] = (
        ("degradation of the best value", "degradation", signed),
        ("  of the way from best to median trial", "degradation_normalized", percent),
        ("rank of the best one left", "best_rank", count),
    )
    for label, name, show in rows:
        interval = found.around(name)
        if interval is None:
            if name == "degradation_normalized":
                shown.add_row("degradation of the best value", "unknown", "")
            continue
        shown.add_row(label, show(interval.median), _span(interval, show))
        if name == "degradation_normalized" and found.degradation_as_seen is not None:
            as_seen = found.degradation_as_seen.around(found.confidence)
            shown.add_row(AS_SEEN, show(as_seen.median), _span(as_seen, show))
    return shown


def _other_jobs(found: Estimate) -> FittingTable:
    shown = table(
        "If the job is another one",
        "",
        "steps saved",
        f"{_sure(found)} interval",
        Heading("", "left", minor=1, style="cyan"),
        "best kept",
    )
    for rows, what in ((found.by_trials, "trial"), (found.by_workers, "worker")):
        for one in rows:
            label = plural(one.trials if what == "trial" else one.workers, what)
            shown.add_row(*_headline_cells(label, one, _is_asked(found, one)))
        shown.add_section()
    if any(one.extrapolated for one in (*found.by_trials, *found.by_workers)):
        shown.caption = "* longer than any past job: as if the trend went on"
    return shown


def _is_asked(found: Estimate, one: Headline) -> bool:
    return (one.trials, one.workers) == (found.next.trials, found.next.workers)


def _headline_cells(label: str, one: Headline, asked: bool) -> list[str | Text]:
    style = "bold" if asked else ""
    saved = one.steps_saved_fraction
    kept = one.probability_best_kept
    mark = " *" if one.extrapolated else ""
    return [
        Text(label + mark, style=style),
        Text(MISSING if saved is None else percent(saved.median), style=style),
        Text(_span(saved, percent), style=style),
        "" if saved is None else _bar(saved),
        Text(chance_words(kept, MISSING), style=style),
    ]


def _bar(saved: Interval) -> str:
    """A bar from 0 to 100 %, in which a line is the interval and a block is the median."""

    def place(share: float) -> int:
        return round((_BAR - 1) * min(max(share, 0.0), 1.0))

    cells = ["·"] * _BAR
    if saved.low is not None and saved.high is not None:
        for i in range(place(saved.low), place(saved.high) + 1):
            cells[i] = "─"
    cells[place(saved.median)] = "█"
    return "".join(cells)


def _readings(found: Estimate) -> FittingTable:
    sure = f"{_sure(found)} interval"
    shown = table(
        "By reading of the documentation",
        "",
        Heading("read as", "left", flows=True),
        "steps saved",
        Heading(sure, minor=1),
        "best kept",
    )
    for row in found.readings:
        saved, kept = row.headline.steps_saved_fraction, row.headline.probability_best_kept
        shown.add_row(
            row.code,
            clean(f"{row.question}: {row.reading}"),
            MISSING if saved is None else percent(saved.median),
            _span(saved, percent),
            chance_words(kept, MISSING),
        )
    return shown


def _same_cost(found: Estimate) -> Iterator[RenderableType]:
    more = found.same_cost
    assert more is not None
    held = {"cost": "money", "billed_seconds": "billed time", "steps": "steps"}[more.saved_by]
    yield Text(f"\nMore trials for the same {held}", style="bold")
    yield inset(Text(f"{_sentence(more.text)}"), (0, 0, 0, 2))
    if more.best_without is None:
        return
    small, large = more.shown
    shown = table("", "best value of", "median", f"{_sure(found)} interval")
    for label, interval in (
        (f"{plural(small, 'trial')} without the rule", more.best_without),
        (f"{plural(small, 'trial')} with it", more.best_same_trials),
        (f"{plural(large, 'trial')} with it", more.best_more_trials),
    ):
        if interval is not None:
            shown.add_row(label, number(interval.median), _span(interval, number))
    yield shown


def _left_out(rows: Sequence[LeftOut], sure: str) -> FittingTable:
    shown = table(
        "Each study forecast from the others",
        "study",
        Heading("forecast", minor=2),
        f"{sure} interval",
        "happened",
        "inside",
        Heading("best kept", minor=1),
    )
    for row in rows:
        said = {True: "yes", False: "no", None: MISSING}
        chance = row.probability_best_kept
        shown.add_row(
            clean(row.study),
            MISSING if row.forecast is None else percent(row.forecast.median),
            _span(row.forecast, percent),
            percent(row.happened),
            Text(said[row.inside], style="bold red" if row.inside is False else ""),
            f"{said[row.best_kept]} ({chance_words(chance, MISSING)})",
        )
    return shown


def _backtest(found: Estimate) -> Iterator[RenderableType]:
    test = found.backtest
    assert test is not None
    yield Text("\nBacktest: part of these trials forecast from the others", style="bold")
    yield inset(Text(_sentence(test.text)), (0, 0, 0, 2))
    if test.rows:
        shown = table("", "", f"inside the {_sure(found)} interval", "mean width")
        for row in test.rows:
            shown.add_row(row.label, f"{100 * row.covered:.0f} %", percent(row.width))
        if test.best_kept is not None:
            kept = test.best_kept
            shown.add_row(
                "best kept",
                f"{100 * kept.happened:.0f} %",
                f"forecast {chance_words(kept.forecast)}",
            )
        yield shown


def _alternatives(found: Estimate) -> Iterator[RenderableType]:
    assert found.advice is not None
    yield Text("\nMore cautious, at nearly the same saving", style="bold")
    for one in found.advice.alternatives:
        saved, kept = one.headline.steps_saved_fraction, one.headline.probability_best_kept
        share = MISSING if saved is None else percent(saved.median)
        chance = chance_words(kept, MISSING)
        text = f"· {one.text}: saves {share} of the steps, keeps the best with {chance}"
        yield inset(Text(text), (0, 0, 0, 1))
    yield inset(
        Text(
            "SageMaker's AUTO has no such setting; other tuners and rules of your own have.",
            style="dim",
        ),
        (0, 0, 1, 3),
    )
