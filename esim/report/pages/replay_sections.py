"""The sections of one replayed study, and of what the replay assumed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from esim.report.answer import best_fate, over_readings, wrong_sentence
from esim.report.figures.figure_lists import replay_plots
from esim.report.figures.plot import Plot
from esim.report.figures.stop_histogram import one_moment
from esim.report.figures.stopped_wrongly import stopped_wrongly
from esim.report.pages.page import Cell, Column, Missing, Part, Picture, Say, Section, Table, filled
from esim.report.pages.provenance import facts, rule_table
from esim.report.words import (
    better_words,
    clean,
    clock_words,
    makespan_words,
    money,
    number,
    percent,
    plural,
    seconds,
    signed,
    until_words,
)
from esim.results.recorded_reports import RecordedReports
from esim.results.replay import DECISIONS, REPORTS, ReplayResult

_AGAIN = "esim replay LOGS --out FOLDER keeps it beside the result"
_MOST_WRONG = 25


class _Pictures:
    """The plots of a study, as parts of a page."""

    def __init__(self, plots: Mapping[str, Plot], slug: str) -> None:
        self._plots, self._slug = plots, slug

    def __call__(self, *beginnings: str) -> list[Part]:
        """Those whose names begin so, in that order."""
        return [
            Picture(plot, self._slug)
            for beginning in beginnings
            for name, plot in self._plots.items()
            if name.startswith(beginning)
        ]


def study_sections(
    result: ReplayResult,
    reports: RecordedReports | None,
    decisions: Mapping[str, Any],
    slug: str,
    prefix: str,
) -> list[Section]:
    """Everything about one study.

    Args:
        slug: a name for its figures.
        prefix: what ids and tables begin with where the page holds several studies, else "".
    """
    pictures = _Pictures(replay_plots(result, reports, decisions), slug)
    sections: tuple[tuple[str, str, list[Part]], ...] = (
        ("saved", "What would have been saved", [_saved(result, prefix), *pictures("saved")]),
        ("quality", "What it would have cost in quality", _quality(result, prefix, pictures)),
        ("readings", "How far it depends on the reading", _readings(result, prefix, pictures)),
        ("curves", "Curves and stops", _curves(result, reports, decisions, pictures)),
        ("wrong", "Who was stopped wrongly", _wrong(result, reports, decisions, prefix, pictures)),
        ("schedule", "Schedule", _schedule(result, pictures)),
        ("money", "Billed time and money", _money(result, prefix)),
        ("trials", "Every trial", [_trials(result, prefix)]),
    )
    chapter = clean(result.study) if prefix else ""
    return [
        Section(f"{prefix}{key}", title, tuple(parts), chapter) for key, title, parts in sections
    ]


def _saved(result: ReplayResult, prefix: str) -> Table:
    s, ranges = result.summary, result.ranges()
    amounts = (
        ("steps", s.steps_recorded, s.steps_run, "steps_saved_fraction", "count", ""),
        (
            "training time",
            s.seconds_recorded,
            s.seconds_run,
            "seconds_saved_fraction",
            "seconds",
            "",
        ),
        (
            "billed time",
            s.billed_seconds_recorded,
            s.billed_seconds_run,
            "billed_saved_fraction",
            "seconds",
            "",
        ),
        (
            makespan_words(s),
            s.makespan_recorded_s,
            s.makespan_s,
            "makespan_saved_fraction",
            "seconds",
            "",
        ),
        ("cost", s.cost_recorded, s.cost, "cost_saved_fraction", "money", s.currency or ""),
    )
    rows: list[tuple[Cell, ...]] = []
    for label, recorded, run, key, kind, unit in amounts:
        if recorded is None and run is None:
            continue
        show = Column("", "", kind, unit).show  # type: ignore[arg-type]  # one of the kinds above
        low, high = ranges.get(key, (None, None))
        rows.append((label, show(recorded), show(run), getattr(s, key), low, high))
    if s.steps_saved_fraction_bounds is not None:
        rows.append(
            ("steps, had the cut trials gone on", None, None, None, *s.steps_saved_fraction_bounds)
        )
    columns: tuple[Column, ...] = (
        Column("amount", "amount"),
        Column("recorded", "recorded", "amount"),
        Column("run", "with the rule", "amount"),
        Column("saved_fraction", "saved", "percent"),
        Column("low", "lowest reading" if ranges else "at least", "percent"),
        Column("high", "highest reading" if ranges else "at most", "percent"),
    )
    if all(row[4] is None for row in rows):
        columns, rows = columns[:4], [row[:4] for row in rows]
    return Table(f"{prefix}saved", "Amounts, as recorded and with the rule", columns, tuple(rows))


def _quality(result: ReplayResult, prefix: str, pictures: _Pictures) -> list[Part]:
    s, ranges = result.summary, result.ranges()
    if s.best is None or s.best_recorded is None:
        return [Missing("No trial has a final value to compare.")]
    fate = best_fate(result)
    rank = "" if s.best_rank is None else f", rank {s.best_rank} of the study"
    rows = [
        ("best trial", f"{number(s.best_recorded.value)}: {clean(s.best_recorded.trial)}, {fate}"),
        ("best under the rule", f"{number(s.best.value)}: {clean(s.best.trial)}{rank}"),
    ]
    if s.degradation is not None:
        side = "none" if not s.degradation else "worse" if s.degradation > 0 else "better"
        rows.append(("degradation", f"{signed(s.degradation)}, {side}"))
    else:
        told = f"unknown; {signed(s.degradation_on_record)} on the recorded values"
        rows.append(("degradation", told))
    if s.degradation_normalized is not None:
        share = f"{percent(s.degradation_normalized)} of the way from best to median trial"
        rows.append(("normalized", share))
    if "degradation_on_record" in ranges:
        low, high = ranges["degradation_on_record"]
        rows.append(("degradation over readings", f"{signed(low)} to {signed(high)}"))
    rows.append(("a final value is", f"the {result.final} reported value of a trial"))
    found = facts(f"{prefix}quality", "The best trial with and without the rule", rows)
    return [found, *pictures("finals")]


def _readings(result: ReplayResult, prefix: str, pictures: _Pictures) -> list[Part]:
    if not result.readings:
        return [
            Missing(
                "The documentation leaves open how the rule is to be read; only the reading asked "
                "for was replayed.",
                "esim replay LOGS --readings replays every plausible one",
            )
        ]
    columns = (
        Column("code", "", "text"),
        Column("question", "what it leaves open"),
        Column("reading", "read as"),
        Column("steps_saved_fraction", "steps saved", "percent", bar=True),
        Column("seconds_saved_fraction", "training time saved", "percent"),
        Column("trials_stopped", "stopped", "count"),
        Column("degradation_on_record", "degradation", "signed"),
        Column("best_trial_stopped", "best trial", "fate"),
    )
    rows = tuple(
        (
            row.code,
            row.question,
            row.reading,
            *(getattr(row.summary, column.key) for column in columns[3:]),
        )
        for row in result.readings
    )
    caption = "What each reading gives"
    table = filled(f"{prefix}readings", caption, columns, rows, strong=frozenset({0}))
    return [Say(over_readings(result)), *pictures("front", "readings"), table]


def _curves(
    result: ReplayResult,
    reports: RecordedReports | None,
    decisions: Mapping[str, Any],
    pictures: _Pictures,
) -> list[Part]:
    parts = pictures("curves", "threshold", "stops")
    if reports is None:
        parts.append(Missing(f"The curves are not here: there is no {REPORTS}.", _AGAIN))
    elif not decisions:
        parts.append(Missing(f"The threshold is not here: there is no {DECISIONS}.", _AGAIN))
    elif not pictures("threshold"):
        text = "Reports at one step at most were held against a threshold, so it is not drawn."
        parts.append(Say(text))
    moment = one_moment(result)
    if moment is not None:
        parts.append(Say(moment))
    if not result.summary.trials_stopped:
        parts.append(Say("Nothing was stopped."))
    return parts


def _wrong(
    result: ReplayResult,
    reports: RecordedReports | None,
    decisions: Mapping[str, Any],
    prefix: str,
    pictures: _Pictures,
) -> list[Part]:
    wrong, columns = stopped_wrongly(result), result.columns
    parts: list[Part] = [Say(wrong_sentence(result))]
    if not wrong.trials:
        return parts
    rows = tuple(
        (
            columns.trial[i],
            rank,
            float(columns.final_value_recorded[i]),
            int(columns.stop_step[i]),
            int(columns.steps_recorded[i]),
            float(columns.final_value[i]),
            float(columns.threshold[i]),
            int(columns.peers[i]),
        )
        for i, rank in zip(wrong.trials, wrong.ranks, strict=True)
    )
    table = Table(
        f"{prefix}wrong",
        "Stopped, though they would have ended better than the best trial kept",
        (
            Column("trial", "trial"),
            Column("rank", "rank had it gone on", "count"),
            Column("final_value_recorded", "final value, recorded", "number"),
            Column("stop_step", "stopped at step", "count"),
            Column("steps_recorded", "of", "count"),
            Column("final_value", "value at the stop", "number"),
            Column("threshold", "threshold", "number"),
            Column("peers", "peers", "count"),
        ),
        rows,
        most=_MOST_WRONG,
    )
    drawn = pictures("wrong")
    if not drawn:
        name = REPORTS if reports is None else DECISIONS
        drawn = [Missing(f"Their curves are not here: there is no {name}.", _AGAIN)]
    return [*parts, table, *drawn]


def _schedule(result: ReplayResult, pictures: _Pictures) -> list[Part]:
    drawn = pictures("schedule")
    if drawn:
        return drawn
    return [
        Missing(
            f"Trials were replayed {clock_words(result.clock)}, so there is no schedule to draw.",
            "esim replay LOGS --workers P simulates one on P slots",
        )
    ]


def _money(result: ReplayResult, prefix: str) -> list[Part]:
    s, costs = result.summary, result.costs
    if s.billed_seconds_recorded is None:
        return [Missing("The logs hold no times: billed time and money are not known.")]
    upload = "as recorded" if costs.upload_s is None else f"{costs.upload_s:g} s"
    rows = [
        ("billed time", f"{seconds(s.billed_seconds_run)} of {seconds(s.billed_seconds_recorded)}"),
        ("billed time saved", percent(s.billed_saved_fraction)),
        ("start-up of each job", f"{costs.startup_s:g} s"),
        ("until a stop takes effect", f"{costs.stop_latency_s:g} s"),
        ("upload of a stopped job", upload),
        *(() if s.slot_gap_s is None else (("between jobs, unbilled", f"{s.slot_gap_s:.3g} s"),)),
    ]
    if s.cost is None or s.cost_recorded is None:
        missing: list[Part] = [
            Missing("No price was given, so no money.", "esim replay LOGS --price 0.23")
        ]
    else:
        missing = []
        price = f"{costs.price:g} {costs.currency} an instance-hour"
        saved = money(s.cost_recorded - s.cost, s.currency)
        rows = [
            ("cost", f"{money(s.cost, s.currency)} of {money(s.cost_recorded, s.currency)}"),
            ("saved", f"{saved}, {percent(s.cost_saved_fraction)}"),
            ("price, as given", price),
            *rows,
        ]
    return [facts(f"{prefix}money", "What is paid for", rows), *missing]


def _trials(result: ReplayResult, prefix: str) -> Table:
    columns: tuple[Column, ...] = (
        Column("trial", "trial"),
        Column("stopped", "stopped", "yes"),
        Column("stop_step", "at step", "count"),
        Column("steps_recorded", "of steps", "count"),
        Column("final_value_recorded", "final value, recorded", "number"),
        Column("final_value", "with the rule", "number"),
        Column("threshold", "threshold", "number"),
        Column("peers", "peers", "count"),
        Column("seconds_recorded", "training time", "seconds"),
        Column("seconds_run", "with the rule", "seconds"),
        Column("censored", "cut short when recorded", "yes"),
    )
    rows = [
        tuple(None if row[c.key] != row[c.key] else row[c.key] for c in columns)
        for row in result.columns.rows()
    ]
    if not result.columns.censored.any():
        columns, rows = columns[:-1], [row[:-1] for row in rows]
    if result.until:
        ended = zip(result.columns.started.tolist(), result.columns.cut.tolist(), strict=True)
        columns = (*columns, Column("started", "started", "yes"), Column("cut", "cut", "yes"))
        rows = [(*row, *its) for row, its in zip(rows, ended, strict=True)]
    return filled(f"{prefix}trials", "In launch order", columns, rows, most=60)


def assumptions(results: Sequence[ReplayResult]) -> Section:
    """The rule, the clock and the costs behind the numbers."""
    first = results[0]
    clocks = dict.fromkeys(clock_words(r.clock) for r in results)
    directions = dict.fromkeys(better_words(r.direction) for r in results)
    until = [("ended by", f"{until_words(first)}, a job-level rule")] if first.until else []
    rows = [
        ("rule", first.rule.name),
        *until,
        ("copied from", first.rule.source),
        ("trials meet", "; ".join(clocks)),
        ("objective", "; ".join(directions)),
        ("final value", f"the {first.final} reported value of a trial"),
        ("a stop at the last report", "changes nothing and is not counted"),
        ("studies", plural(len(results), "study")),
    ]
    return Section(
        "assumptions",
        "Assumptions",
        (facts("assumptions", "What was assumed", rows), rule_table("rule", first.rule)),
    )
