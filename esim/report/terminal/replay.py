"""Inputs, replays, reports written and explanations, as texts and tables on a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group, RenderableType
from rich.text import Text

from esim.report.answer import (
    best_fate,
    is_of_left,
    over_readings,
    totals_sentence,
    verdict,
)
from esim.report.replayed_history import doubt_words, gravest_first
from esim.report.rule_words import rule_and_changes
from esim.report.terminal.console import inset, separate
from esim.report.terminal.tables import FittingTable, Heading, table
from esim.report.words import (
    MISSING,
    aligned,
    clean,
    count,
    makespan_words,
    money,
    number,
    percent,
    plural,
    seconds,
    signed,
    until_words,
)
from esim.results.replay import ReadingRow, ReplayResult, Summary

if TYPE_CHECKING:
    from esim.results.explanation import Explanation

_EACH = 3  # with more studies than this, each gets one line instead of tables of its own
_BAR = 10  # characters of a bar from 0 to 100 %
_AFTER = 3  # reports shown after a stop


def show_inputs(inputs: Sequence[Mapping[str, Any]], console: Console) -> None:
    """Print each input with its format, its hash and the notes of its reader.

    Args:
        inputs: the `inputs` of a result document.
        console: what is printed on.
    """
    several = len({study for source in inputs for study in _studies_noted(source)}) > 1
    for source in inputs:
        line = f"read {clean(source['path'])} as {source['format']}, sha256 {source['sha256'][:12]}"
        if not source["format"]:
            line = f"not read: {clean(source['path'])}"
        console.print(Text(line, style="dim"))
        about: dict[str, list[str | None]] = {}  # a text that many studies share is printed once
        for note in source["notes"]:
            about.setdefault(note["text"], []).append(note.get("study"))
        for text, studies in about.items():
            of = ""
            if several and studies[0] is not None:
                many = len(studies) > 1
                of = f"{plural(len(studies), 'study')}: " if many else f"{clean(studies[0])}: "
            console.print(inset(Text(f"· {of}{_sentence(text)}", style="dim"), (0, 0, 0, 1)))


def _studies_noted(source: Mapping[str, Any]) -> set[str]:
    return {note["study"] for note in source["notes"] if "study" in note}


def show_replays(results: Sequence[ReplayResult], console: Console) -> None:
    """Print the answer and tables of each study, or a line each if there are many; and totals."""
    if len(results) > 1:
        console.print(inset(Text(totals_sentence(results), style="bold"), (0, 0, 1, 0)))
    if len(results) > _EACH:
        console.print(_lines(results))
        show_doubts(Counter(w.code for one in results for w in one.warnings), console)
        return
    for i, result in enumerate(results):
        if i:
            separate(console)
        console.print(_study(result))


def show_doubts(doubts: Mapping[str, int], console: Console) -> None:
    """Print the reasons to doubt the replays of many studies, the gravest first.

    Args:
        doubts: code of a caveat -> how many studies have it; if empty, nothing is printed.
        console: what is printed on.
    """
    if not doubts:
        return
    console.print(Text("Why to doubt it", style="bold"))
    for code in gravest_first(doubts):
        told = f"· {plural(doubts[code], 'study')}: {doubt_words(code)}"
        console.print(inset(Text(told), (0, 0, 0, 1)))
    console.print(Text(" --study NAME explains them for one study", style="dim"))


def show_written(answer: Sequence[str], targets: Sequence[Path], console: Console) -> None:
    """Print the sentences of a report's answer, and the files that the report was written to."""
    for sentence in answer:
        console.print(Text(_sentence(sentence)))
    for target in targets:
        console.print(Text(f"wrote {clean(str(target), 300)}", style="dim"), soft_wrap=True)


def show_explanation(explanation: Explanation, console: Console) -> None:
    """Print what the rule decided about one trial, report by report."""
    e = explanation
    console.print(Text.assemble((clean(e.trial), "bold"), (_where(e), "dim")))
    console.print(inset(Text(_sentence(e.account), style="bold"), (1, 0)))
    side = {"current": "value", "best": "best so far", "average": "own average"}[e.rule.own]
    shown = table("", "step", "value", *([] if side == "value" else [side]), "threshold", "peers")
    shown.add_column("decision", justify="left", flows=True)
    saved = [row for row in e.rows if not row.ran]
    rows = (*(row for row in e.rows if row.ran), *saved[:_AFTER])
    columns = ([getattr(row, name) for row in rows] for name in ("value", "own", "threshold"))
    for row, value, own, threshold in zip(rows, *map(aligned, columns), strict=True):
        said = row.verdict if not row.reason else f"{row.verdict}: {row.reason}"
        if not row.ran:
            said = {"stop": "would stop again", "go on": "would go on"}.get(row.verdict, said)
        style = "dim" if not row.ran else "bold red" if row.verdict == "stop" else ""
        shown.add_row(
            str(row.step),
            value,
            *([] if side == "value" else [own]),
            threshold,
            count(row.peers),
            Text(_sentence(said)),
            style=style,
        )
    console.print(shown)
    if len(saved) > _AFTER:
        console.print(Text(f"… and {len(saved) - _AFTER} more that did not run", "dim"))


def _where(e: Explanation) -> str:
    better = "lower" if e.direction == "minimize" else "higher"
    return (
        f"  trial {e.number} of {e.trials} of {clean(e.study)}; {clean(e.objective)}, {better} is "
        f"better; rule {rule_and_changes(e.rule)}, clock {e.clock.mode}"
    )


def _study(result: ReplayResult) -> RenderableType:
    s = result.summary
    better = "lower" if result.direction == "minimize" else "higher"
    workers = (
        f", {plural(result.clock.workers, 'worker')}" if result.clock.mode == "simulated" else ""
    )
    until = f" until {until_words(result)}" if result.until else ""
    head = Text()
    head.append(clean(result.study), style="bold")
    head.append(
        f"  {clean(result.objective)}, {better} is better; {plural(s.trials, 'trial')}; "
        f"rule {rule_and_changes(result.rule)}{until}, clock {result.clock.mode}{workers}",
        style="dim",
    )
    parts: list[RenderableType] = [
        head,
        inset(Text(_headline(result), style="bold"), (1, 0)),
        _saved(result),
        _quality(result),
    ]
    if result.readings:
        parts.append(_readings(result.readings))
    if result.warnings:
        parts.append(Text("Why to doubt it", style="bold"))
        parts += [inset(Text(f"· {_sentence(w.text)}"), (0, 0, 0, 1)) for w in result.warnings]
    return Group(*parts)


def _headline(result: ReplayResult) -> str:
    if is_of_left(result.readings):
        return f"{over_readings(result)} The simplest of them: {verdict(result)}"
    return verdict(result)


def _sentence(text: str) -> str:
    return clean(text, longest=2000)


def _amounts(s: Summary) -> Iterator[tuple[str, str, str, float | None, str]]:
    """Each known amount: its label, recorded, run, the share saved, and that share's key."""
    rows = (
        ("steps", count, s.steps_recorded, s.steps_run, "steps_saved_fraction"),
        (
            "training time",
            seconds,
            s.seconds_recorded,
            s.seconds_run,
            "seconds_saved_fraction",
        ),
        (
            "billed time",
            seconds,
            s.billed_seconds_recorded,
            s.billed_seconds_run,
            "billed_saved_fraction",
        ),
        (
            makespan_words(s),
            seconds,
            s.makespan_recorded_s,
            s.makespan_s,
            "makespan_saved_fraction",
        ),
    )
    for label, show, recorded, run, key in rows:
        if recorded is not None or run is not None:
            yield label, show(recorded), show(run), getattr(s, key), key
    if s.cost_recorded is not None:
        recorded_money, run_money = money(s.cost_recorded, s.currency), money(s.cost, s.currency)
        yield "cost", recorded_money, run_money, s.cost_saved_fraction, "cost_saved_fraction"


def _saved(result: ReplayResult) -> FittingTable:
    s = result.summary
    ranges = result.ranges()
    shown = table(
        "What would have been saved",
        Heading("", "left", flows=True),
        Heading("recorded", minor=1),
        "with the rule",
        "saved",
    )
    if ranges:
        shown.add_column("over readings")
    for label, recorded, run, share, key in _amounts(s):
        cells = [label, recorded, run, percent(share)]
        if ranges:
            cells.append(_range(ranges.get(key), percent))
        shown.add_row(*cells)
    blank = [""] * bool(ranges)
    if s.steps_saved_fraction_bounds is not None:
        low, high = s.steps_saved_fraction_bounds
        shown.add_row(
            Text("steps, were none cut short", style="dim"),
            "",
            "",
            _range((low, high), percent),
            *blank,
        )
    counts = [("trials, of them stopped", count(s.trials), s.trials_stopped)]
    if s.trials_stopped_at_last:
        counts.append(("  at their last report", "", s.trials_stopped_at_last))
    if result.until:
        counts.append(("  cut as the job ended", "", s.trials_cut))
        counts.append(("  never started", "", s.trials_not_started))
    for label, of, n in counts:
        shown.add_row(label, of, count(n), "", *blank)
    return shown


def _range(bounds: tuple[float, float] | None, show: object) -> str:
    if bounds is None or not callable(show):
        return MISSING
    low, high = map(show, bounds)
    return low if low == high else f"{low} to {high}"


def _quality(result: ReplayResult) -> FittingTable:
    s, ranges = result.summary, result.ranges()
    shown = FittingTable(
        "What it would have cost",
        Heading("", "left"),
        Heading("", "left", flows=True),
        show_header=False,
    )
    if s.best_recorded is not None and s.best is not None:
        shown.add_row(
            "best trial",
            f"{number(s.best_recorded.value)}  {clean(s.best_recorded.trial)} "
            f"({best_fate(result)})",
        )
        rank = "" if s.best_rank is None else f" (rank {s.best_rank} of the study)"
        shown.add_row("best under the rule", f"{number(s.best.value)}  {clean(s.best.trial)}{rank}")
        shown.add_row("degradation", _degradation(s))
        if ranges:
            kept = sum(r.summary.best_trial_stopped is False for r in result.readings)
            shown.add_row(
                "  over readings",
                f"{_range(ranges.get('degradation_on_record'), signed)}; "
                f"{kept} of {len(result.readings)} keep the best trial",
            )
    return shown


def _degradation(s: Summary) -> str:
    if s.degradation is None:
        if s.degradation_on_record is None:
            return MISSING
        return f"unknown ({signed(s.degradation_on_record)} on the recorded values)"
    if s.degradation == 0:
        return "0, none"
    share = ""
    if s.degradation_normalized is not None:
        share = f", {percent(abs(s.degradation_normalized))} of the way from best to median trial"
    return f"{signed(s.degradation)} ({'worse' if s.degradation > 0 else 'better'}{share})"


def _readings(rows: Sequence[ReadingRow]) -> FittingTable:
    """A row for each reading of the documentation."""
    of = "rule left" if is_of_left(rows) else "reading of the documentation"
    shown = table(
        f"Steps saved, by {of}",
        "",
        Heading("what it leaves open", "left", flows=True),
        Heading("read as", "left", flows=True),
        "saved",
        Heading("", "left", minor=2, style="cyan"),
        Heading("degradation", minor=1),
        Heading("best", "left"),
    )
    previous = ""
    losses = aligned([row.summary.degradation_on_record for row in rows], 4, "+")
    for row, loss in zip(rows, losses, strict=True):
        s = row.summary
        share = s.steps_saved_fraction
        bar = "" if share is None else "█" * round(_BAR * share)
        question = "" if row.question == previous else row.question
        previous = row.question
        fate = {True: "lost", False: "kept", None: MISSING}[s.best_trial_stopped]
        shown.add_row(
            row.code,
            question,
            clean(row.reading),
            percent(share),
            bar.ljust(_BAR, "·"),
            loss,
            Text(fate, style="bold red" if fate == "lost" else ""),
            style="bold" if row is rows[0] else "",
        )
    return shown


def _lines(results: Sequence[ReplayResult]) -> FittingTable:
    shown = table(
        "Studies",
        "study",
        Heading("trials", minor=2),
        Heading("stopped", minor=1),
        "steps saved",
        Heading("time saved", minor=3),
        "degradation",
        "best",
    )
    losses = aligned([result.summary.degradation for result in results], 4, "+")
    for result, loss in zip(results, losses, strict=True):
        s = result.summary
        fate = {True: "lost", False: "kept", None: MISSING}[s.best_trial_stopped]
        shown.add_row(
            clean(result.study),
            count(s.trials),
            count(s.trials_stopped),
            percent(s.steps_saved_fraction),
            percent(s.seconds_saved_fraction),
            loss,
            fate,
        )
    return shown
