"""The report of a forecast: a document of schema esim.estimate/1 as a page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from esim.errors import EsimError
from esim.report.figures.figure_lists import estimate_plots
from esim.report.figures.forecast import next_words, single_values
from esim.report.pages.page import (
    Cell,
    Column,
    Doubt,
    Kind,
    Missing,
    Page,
    Part,
    Picture,
    Say,
    Section,
    Table,
    Tile,
    filled,
)
from esim.report.pages.provenance import facts, provenance, rule_table
from esim.report.words import clean, interval_words, number, open_end, percent, plural
from esim.results.chances import chance_words
from esim.results.estimate import EstimateDocument, ForecastQuantity, Interval
from esim.results.saved import SavedResult

_KINDS: dict[str, Kind] = {
    "share": "percent", "normalized": "percent", "steps": "count", "trials": "count",
    "rank": "count", "seconds": "seconds", "money": "money", "value": "signed",
}  # fmt: skip
_LABELS = {
    "steps_saved_fraction": "steps saved, share",
    "seconds_saved_fraction": "training time saved, share",
    "billed_saved_fraction": "billed time saved, share",
    "cost_saved_fraction": "money saved, share",
    "makespan_saved_fraction": "makespan saved, share",
    "makespan_saved_s": "makespan saved",
    "degradation_normalized": "loss, of the way from best to median",
    "best_rank": "rank of the best kept",
}
_VERDICTS = {
    "enable": "yes",
    "enable_with_doubts": "not sure enough",
    "do_not_enable": "no",
    "not_enough_history": "not enough to tell",
}


def estimate_page(source: SavedResult, studies: Sequence[str] = ()) -> Page:
    """The page of a forecast.

    Raises:
        EsimError: the document cannot be used; or studies are asked for, which it does not show.
    """
    if studies:
        raise EsimError("a forecast is of the next job: it shows no study by itself")
    d = EstimateDocument.from_dict(source.document, source.where)
    plots = estimate_plots(d)

    def pictures(*beginnings: str) -> list[Part]:
        return [
            Picture(plot)
            for beginning in beginnings
            for name, plot in plots.items()
            if name.startswith(beginning)
        ]

    past = d.studies
    of = clean(past[0].study) if len(past) == 1 else plural(len(past), "past study")
    return Page(
        title=f"{of}: what {_acting(d)} would do to the next job",
        subtitle=f"The next job: {next_words(d)}; {clean(d.objective)}, {d.direction}; "
        f"from {plural(sum(s.history for s in past), 'past trial')}",
        answer=forecast_answer(d),
        tiles=tuple(_tiles(d)),
        doubts=tuple(Doubt(w.text, code=w.code) for w in d.warnings),
        sections=(
            Section(
                "forecast",
                "What to expect",
                (
                    *map(Say, single_values(d)),
                    *pictures("forecast"),
                    _quantities(d),
                    *pictures("trade"),
                ),
            ),
            Section("advice", "Whether to enable it", tuple(_advice(d))),
            Section("sizes", "What it depends on", (*pictures("by-"), *_sizes(d))),
            Section("readings", "How far it depends on the reading", tuple(_readings(d))),
            Section("same-cost", "More trials for the same money", tuple(_same_cost(d))),
            Section("trust", "How good such forecasts were", tuple(_trust(d))),
            Section("assumptions", "Assumptions", tuple(_assumptions(d))),
            provenance(d, source),
        ),
        table="quantities",
    )


def _spread(found: ForecastQuantity | Interval | None) -> str:
    if found is None:
        return "unknown"
    return f"{percent(found.median)} ({interval_words(found.low, found.high, percent)})"


def _parts(found: Interval | None) -> tuple[float | None, float | None, float | None]:
    return (None, None, None) if found is None else (found.median, found.low, found.high)


def forecast_answer(d: EstimateDocument) -> tuple[str, ...]:
    """The advice in sentences: whether to switch the rule on, each aim, and what to do next."""
    return ("This forecast gives no advice.",) if d.advice is None else d.advice.answer


def _acting(d: EstimateDocument) -> str:
    """The rule and the job-level rules that act, in words."""
    until = " or ".join(clean(rule.text) for rule in d.until)
    if not until:
        return d.rule.name
    return until if d.rule.name == "none" else f"{d.rule.name} until {until}"


def _tiles(d: EstimateDocument) -> Iterator[Tile]:
    if d.advice is not None:
        verdict = d.advice.verdict
        yield Tile(
            "switch it on?",
            _VERDICTS.get(verdict, clean(verdict.replace("_", " "), 30)),
            "",
            bad=verdict == "do_not_enable",
        )
    saved, lost = map(d.quantities.get, ("steps_saved_fraction", "degradation_normalized"))
    sure = f"at {100 * d.confidence:g} %"
    for label, found in (("steps saved", saved), ("lost", lost)):
        if found is not None:
            span = f"{percent(found.low)} to {percent(found.high)} {sure}"
            yield Tile(label, percent(found.median), span)
    kept, around = d.probability_best_kept, d.probability_best_kept_interval
    if kept is not None:
        note = "" if around is None else f"{chance_words(around[0])} to {chance_words(around[1])}"
        yield Tile("chance to keep the best", chance_words(kept), note, bad=kept < 0.5)


def _quantities(d: EstimateDocument) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for name, found in d.quantities.items():
        if found is None:
            continue
        kind = _KINDS.get(found.unit, "number")
        show = Column("", "", kind, d.costs.currency).show
        high = found.high if found.low is None else open_end(found.high, show)
        parts = (found.median, found.low, high, found.mean)
        rows.append((_LABELS.get(name, name.replace("_", " ")), *(show(x) for x in parts)))
    sure = f"{100 * d.confidence:g} %"
    columns = (
        Column("quantity", "quantity"),
        Column("median", "median", "amount"),
        Column("low", f"{sure} interval from", "amount"),
        Column("high", "to", "amount"),
        Column("mean", "mean", "amount"),
    )
    return Table("quantities", "The next job", columns, tuple(rows))


def _advice(d: EstimateDocument) -> Iterator[Part]:
    advice = d.advice
    if advice is None:
        return
    limits, chances = advice.thresholds, advice.chances
    rows = [
        ("saving asked for", f"{percent(limits.min_saving)} of the {_amount(limits.saving)}"),
        ("chance of that", chance_words(chances.saving_at_least)),
        ("loss accepted", f"{percent(limits.max_degradation)} of the way from best to median"),
        ("chance of that or less", chance_words(chances.degradation_at_most)),
    ]
    if chances.degradation_at_most_as_seen is not None:
        as_seen = chance_words(chances.degradation_at_most_as_seen)
        rows.append(("the same, were every next trial like a past one", as_seen))
    yield facts("advice", "What the advice is made of", rows)
    if advice.alternatives:
        yield Table(
            "alternatives",
            "Other settings of the rule",
            (
                Column("changed", "changed"),
                Column("saved", "steps saved"),
                Column("probability_best_kept", "best kept", "share"),
                Column("text", "in words"),
            ),
            tuple(
                (
                    ", ".join(f"{k}={v}" for k, v in a.changed.items()),
                    _spread(a.headline.steps_saved_fraction),
                    a.headline.probability_best_kept,
                    a.text,
                )
                for a in advice.alternatives
            ),
        )


def _amount(key: str) -> str:
    return _LABELS.get(key, key).partition(" saved")[0]


def _sizes(d: EstimateDocument) -> Iterator[Table]:
    for which, rows in (("trials", d.by_trials), ("workers", d.by_workers)):
        if not rows:
            continue
        yield filled(
            f"by-{which}",
            f"By {which}",
            (
                Column(which, which, "count"),
                Column("median", "steps saved", "percent", bar=True),
                Column("low", "from", "percent"),
                Column("high", "to", "percent"),
                Column("probability_best_kept", "best kept", "share"),
                Column("extrapolated", "beyond the history", "yes"),
            ),
            [
                (
                    row.trials if which == "trials" else row.workers,
                    *_parts(row.steps_saved_fraction),
                    row.probability_best_kept,
                    row.extrapolated,
                )
                for row in rows
            ],
        )


def _readings(d: EstimateDocument) -> Iterator[Part]:
    if not d.readings:
        yield Missing(
            "Only the reading asked for was forecast.",
            "esim estimate LOGS --readings looks at every plausible one",
        )
        return
    columns = (
        Column("code", ""),
        Column("question", "what it leaves open"),
        Column("reading", "read as"),
        Column("saved", "steps saved", "percent", bar=True),
        Column("low", "from", "percent"),
        Column("high", "to", "percent"),
        Column("probability_best_kept", "best kept", "share"),
    )
    rows = [
        (
            row.code,
            row.question,
            row.reading,
            *_parts(row.headline.steps_saved_fraction),
            row.headline.probability_best_kept,
        )
        for row in d.readings
    ]
    yield filled("readings", "What each reading gives", columns, rows, strong=frozenset({0}))


def _same_cost(d: EstimateDocument) -> Iterator[Part]:
    found = d.same_cost
    if found is None:
        fix = "esim estimate LOGS --same-cost"
        yield Missing("What the saving would buy in trials was not asked for.", fix)
        return
    yield Say(f"{found.text[:1].upper()}{found.text[1:]}.")
    rows = [
        (label, f"{number(x.median)} ({interval_words(x.low, x.high, number)})")
        for label, x in (
            ("trials for the same", found.trials),
            ("best without the rule", found.best_without),
            ("best of as many trials with it", found.best_same_trials),
            ("best of more trials with it", found.best_more_trials),
        )
        if x is not None
    ]
    yield facts("same-cost", "Median and interval", rows)


def _trust(d: EstimateDocument) -> Iterator[Part]:
    backtest = d.backtest
    if backtest is None:
        yield Missing(
            "Whether such forecasts hold on these logs was not tried.",
            "esim estimate LOGS --backtest",
        )
    else:
        yield Say(f"{backtest.text[:1].upper()}{backtest.text[1:]}.")
        columns: tuple[Column, ...] = (
            Column("quantity", "quantity"),
            Column("covered", "inside the interval", "percent"),
            Column("width", "mean width", "number"),
        )
        rows: tuple[tuple[Cell, ...], ...] = tuple(
            (_LABELS.get(r.quantity, r.quantity.replace("_", " ")), r.covered, r.width)
            for r in backtest.rows
        )
        yield Table("backtest", f"{backtest.splits} splits of the past", columns, rows)
    if d.leave_one_out:
        columns = (
            Column("study", "study"),
            Column("trials", "trials", "count"),
            Column("forecast", "forecast, steps saved"),
            Column("happened", "happened", "percent"),
            Column("inside", "inside", "yes"),
            Column("probability_best_kept", "chance to keep the best", "share"),
            Column("best_kept", "best kept", "yes"),
        )
        rows = tuple(
            (
                r.study,
                r.trials,
                _spread(r.forecast),
                r.happened,
                r.inside,
                r.probability_best_kept,
                r.best_kept,
            )
            for r in d.leave_one_out
        )
        yield Table("leave-one-out", "Each study forecast from the others", columns, rows)


def _assumptions(d: EstimateDocument) -> Iterator[Part]:
    method, costs = d.method, d.costs
    yield Say(method.text)
    rows = [("it assumes", text) for text in method.assumes]
    if d.next.launch_why:
        rows.append(("launch order of the samples", f"{d.next.launch}: {d.next.launch_why}"))
    rows += [("source", text) for text in method.sources]
    price = "none" if costs.price is None else f"{costs.price:g} {costs.currency}"
    rows += [
        ("replicates", f"{d.replicates:,}"),
        ("seed", str(d.seed)),
        ("price of an instance-hour", price),
        ("final value", f"the {d.final} reported value of a trial"),
        ("next trials over past trials", number(d.extrapolated, 3)),
    ]
    yield facts("method", "Method", rows)
    past = tuple((s.study, s.history, s.trials_censored) for s in d.studies)
    columns = (
        Column("study", "past study"),
        Column("trials", "trials", "count"),
        Column("trials_censored", "cut short", "count"),
    )
    yield Table("past", "The past", columns, past)
    if d.failures:
        yield facts("failures", "Could not be replayed", list(d.failures.items()))
    yield rule_table("rule", d.rule)
