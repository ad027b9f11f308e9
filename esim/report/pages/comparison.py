"""The report of a comparison: a document of schema esim.compare/1 as a page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from esim.errors import EsimError, near_names
from esim.report.figures.comparison_figures import AMOUNTS, amount_of
from esim.report.figures.figure_lists import comparison_plots
from esim.report.pages.chosen_rule import choice_parts, elsewhere_parts, mean_words
from esim.report.pages.page import (
    Cell,
    Column,
    Doubt,
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
from esim.report.pages.provenance import facts, provenance
from esim.report.shown_rules import (
    baseline_words,
    is_safest,
    order_words,
    others_words,
    shown_rules,
)
from esim.report.words import (
    clean,
    clock_words,
    comparison_name,
    gains,
    left_out_words,
    number,
    percent,
    plural,
    share_words,
)
from esim.results.comparison.comparison import Comparison, RuleEntry, Settings
from esim.results.saved import SavedResult


def compare_page(source: SavedResult, studies: Sequence[str] = ()) -> Page:
    """The page of a comparison.

    Args:
        studies: those whose rules are listed one by one; by default all.

    Raises:
        EsimError: the document cannot be used, or lacks a study.
    """
    c = Comparison.from_dict(source.document, source.where)
    if not c.rules or not c.studies:
        raise EsimError(
            "there is nothing to report", where=source.where, why="no rule, or no study"
        )
    known = [s.study for s in c.studies]
    for name in studies:
        if name not in known:
            raise EsimError(f"no study {name!r}", fix=f"one of: {near_names(name, known)}")
    plots = comparison_plots(c)

    def pictures(*names: str) -> list[Part]:
        return [Picture(plots[name]) for name in names if name in plots]

    rules = sum(e.role == "rule" for e in c.rules)
    return Page(
        title=f"{clean(comparison_name(c))}: {plural(rules, 'stopping rule')} compared",
        subtitle=f"{sum(s.trials for s in c.studies):,} trials; {plural(rules, 'rule')} and "
        f"{plural(len(c.rules) - rules, 'baseline')}; {c.settings.orders} random launch orders "
        f"besides the recorded one; seed {c.settings.seed}",
        answer=c.answer.sentences,
        tiles=tuple(_tiles(c)),
        doubts=tuple(
            Doubt(w.text, "; ".join(clean(x, 60) for x in (w.study, w.rule) if x), w.code)
            for w in c.warnings
        ),
        sections=(
            Section(
                "rules",
                "Every rule",
                (*pictures("front"), *elsewhere_parts(c), *_baselines(c), _rules(c), _standing(c)),
            ),
            Section(
                "orders",
                "How much the launch order matters",
                (Say(c.sensitivity.text), *pictures("orders")),
            ),
            Section("workers", "How much the workers matter", tuple(_workers(c, pictures))),
            Section("studies", "Each study", tuple(_each_study(c, studies or known))),
            Section("choice", "A rule chosen for the next job", tuple(choice_parts(c.choice))),
            Section("assumptions", "How it was computed", tuple(_methods(c))),
            provenance(c, source),
        ),
        table="rules",
    )


def _tiles(c: Comparison) -> Iterator[Tile]:
    most, safest = c.answer.saves_most, c.answer.safest
    if most is None or safest is None:
        return
    within = f"within a mean loss of {percent(c.settings.max_degradation)}"
    points = f"within {100 * c.settings.safest_within:g} points of that"
    same = "saves most, and is safest" if is_safest(c, most.key) else "saves most"
    told = ((same, within, most),) + ((("safest", points, safest),) if most != safest else ())
    for label, where, pick in told:
        numbers = (
            f"{percent(pick.saved)} of the {amount_of(c)}, best value kept in "
            f"{share_words(pick.best_kept)} of launch orders; {where}"
        )
        yield Tile(label, clean(pick.key, 34), numbers, bad=pick.best_kept < 0.5)
    beyond = c.answer.elsewhere
    about = "" if beyond is None else f"; {mean_words(beyond.loss_normalized)} elsewhere"
    way = f"of the way from best to median, by what saves most{about}"
    yield Tile("lost", percent(most.loss), way, bad=most.loss > c.settings.max_degradation)


def _rules(c: Comparison) -> Table:
    amount, signed = amount_of(c), gains(c)
    on_record = " on record" if c.answer.ranked_by == "record" else ""
    columns = (
        Column("rule", "rule"),
        Column("saved", f"{amount} saved", "percent", bar=True),
        Column("saved_low", "interval from", "percent"),
        Column("saved_high", "to", "percent"),
        Column("saved_q05", "90 % of orders from", "percent"),
        Column("saved_q95", "to", "percent"),
        Column("best_kept", "best kept", "share"),
        Column("loss", "loss" + on_record, "percent"),
        Column("loss_low", "interval from", "percent"),
        Column("loss_high", "to", "percent"),
        *((Column("change", "gains set off", "percent"),) if signed else ()),
        Column("against_best", "against the best", bad="loses too much"),
        Column("p", "p", "p"),
    )
    rows: list[tuple[Cell, ...]] = []
    for e in c.rules:
        saved, loss, kept = c.saved_of(e), c.loss_of(e), e.orders.best_kept
        change, against = e.orders.degradation_normalized, e.against_best
        rows.append(
            (
                e.key,
                *(
                    (None,) * 5
                    if saved is None
                    else (saved.mean, saved.low, saved.high, saved.q05, saved.q95)
                ),
                None if kept is None else kept.share,
                *((None,) * 3 if loss is None else (loss.mean, loss.low, loss.high)),
                *((None if change is None else change.mean,) if signed else ()),
                _against(c, e),
                None if against is None or against.p is None else _short(against.p),
            )
        )
    best = frozenset(i for i, e in enumerate(c.rules) if e.key == c.answer.best)
    over = left_out_words(c)
    what = f"Means over launch orders{' and studies' if len(c.studies) > 1 else ''}"
    what += order_words(c)
    what += over and f"; {over}"
    if len(c.studies) > 1:
        what += "; intervals: if studies and launch orders were drawn anew from these"
    return Table("rules", what, columns, tuple(rows), strong=best, **_folded(c))


def _against(c: Comparison, e: RuleEntry) -> str | None:
    """How it stands beside the best."""
    if e.look_ahead:
        return "a bound"
    if e.against_best is None:
        return None
    verdict = e.against_best.verdict
    return f"{verdict}, safest" if is_safest(c, e.key) else verdict


def _folded(c: Comparison) -> dict[str, Any]:
    """Which rows of a table of all rules are shown at once, and what the others are."""
    few = shown_rules(c)
    keys = {e.key for e in few.shown}
    baselines = plural(len(few.baselines), "baseline") if few.baselines else ""
    return {
        "at_once": frozenset(i for i, e in enumerate(c.rules) if e.key in keys),
        "rest": " and ".join(part for part in (others_words(c, few), baselines) if part),
    }


def _baselines(c: Comparison) -> Iterator[Say]:
    told = baseline_words(c, shown_rules(c))
    if told:
        yield Say(told)


def _difference(e: RuleEntry) -> tuple[float | None, float | None, float | None]:
    """What it saves minus what the best saves, and its interval."""
    if e.against_best is None or e.against_best.saved_difference is None:
        return (None, None, None)
    d = e.against_best.saved_difference
    return (d.mean, d.low, d.high)


def _short(value: float) -> float:
    """Four digits: what is behind them is chance."""
    return float(f"{value:.4g}")


def _standing(c: Comparison) -> Table:
    columns = (
        Column("rule", "rule"),
        Column("role", "role"),
        Column("front", "on the Pareto front", "yes"),
        Column("beyond_i_epoch", "beyond i-epoch's front", "yes"),
        Column("saved_difference", "saves more than the best by", "percent"),
        Column("difference_low", "interval from", "percent"),
        Column("difference_high", "to", "percent"),
        Column("rank", "mean rank", "number"),
        Column("rank_low", "interval from", "number"),
        Column("rank_high", "to", "number"),
        Column("first_stop", "earliest stop"),
    )
    rows: list[tuple[Cell, ...]] = [
        (
            e.key,
            "bound" if e.look_ahead else e.role,
            e.front,
            e.beyond_i_epoch,
            *_difference(e),
            *(
                (None,) * 3
                if e.rank is None
                else (_short(e.rank.mean), _short(e.rank.low), _short(e.rank.high))
            ),
            e.first_stop.text,
        )
        for e in c.rules
    ]
    return filled("standing", "Where each stands", columns, rows, **_folded(c))


def _workers(c: Comparison, pictures: Callable[..., list[Part]]) -> Iterator[Part]:
    slots = sorted({at.workers for e in c.rules for at in e.workers})
    if len(slots) < 2:
        yield Missing("Only one number of workers was replayed.")
        return
    yield from pictures("workers-saved", "workers-kept")
    columns = [Column("rule", "rule")]
    for n in slots:
        columns += [
            Column(f"saved_{n}", f"saved, {plural(n, 'worker')}", "percent"),
            Column(f"best_kept_{n}", "best kept", "share"),
        ]
    rows: list[tuple[Cell, ...]] = []
    for e in c.rules:
        at = {w.workers: w for w in e.workers}
        cells: list[Cell] = [e.key]
        for n in slots:
            found = at.get(n)
            cells += [
                None if found is None or found.saved is None else found.saved.mean,
                None if found is None or found.best_kept is None else found.best_kept.share,
            ]
        rows.append(tuple(cells))
    caption = f"{amount_of(c)} saved and the best value kept, by workers"
    yield Table(
        "workers", caption[0].upper() + caption[1:], tuple(columns), tuple(rows), **_folded(c)
    )


def _each_study(c: Comparison, names: Sequence[str]) -> Iterator[Part]:
    yield _studies(c)
    if any(s.rules for s in c.studies):
        yield _by_study(c, names)
    else:
        yield Missing(
            f"Of {len(c.studies):,} studies only means were kept.",
            "esim compare HISTORY --out DIR  # DIR/studies.parquet: a row a study and rule",
        )
    if c.failures:
        yield facts("failures", "Could not be replayed", list(c.failures.items()))


def _studies(c: Comparison) -> Table:
    columns = (
        Column("study", "study"),
        Column("trials", "trials", "count"),
        Column("workers", "workers", "count"),
        Column("winner", "best rule"),
        Column("ties", "not significantly worse", "count"),
        Column("loses_best", "most often lose the best value"),
        Column("best_trial", "best trial"),
        Column("best_value", "its value", "number"),
    )
    rows: list[tuple[Cell, ...]] = []
    for s in c.studies:
        losers = ", ".join(
            f"{clean(loser.key, 40)} {share_words(loser.share.share)}" for loser in s.loses_best[:3]
        )
        rows.append(
            (
                s.study,
                s.trials,
                s.orders_clock.workers,
                None if s.winner is None else s.winner.key,
                None if s.winner is None else len(s.winner.ties),
                losers or ("none of them" if s.rules else None),
                None if s.best_recorded is None else s.best_recorded.trial,
                None if s.best_recorded is None else s.best_recorded.value,
            )
        )
    caption = "Who wins, and who loses the best value (share of launch orders)"
    if not any(s.rules for s in c.studies):
        return filled("studies", "What was compared", columns, rows)
    return Table("studies", caption, columns, tuple(rows))


def _by_study(c: Comparison, names: Sequence[str]) -> Table:
    key = f"{c.settings.saved}_saved_fraction"
    columns = (
        Column("study", "study"),
        Column("rule", "rule"),
        Column(key, f"{amount_of(c)} saved", "percent"),
        Column("trials_stopped", "stopped", "count"),
        Column("degradation_on_record", "degradation", "signed"),
        Column("degradation_normalized", "normalized", "percent"),
        Column("best_rank", "rank of the best kept", "count"),
        Column("best_kept", "best value kept", "yes"),
        Column("rank_mean", "mean rank over orders", "number"),
    )
    shown = frozenset(names)
    rows: list[tuple[Cell, ...]] = [
        (
            s.study,
            r.key,
            *(getattr(r.recorded, column.key) for column in columns[2:8]),
            None if r.rank_mean is None else _short(r.rank_mean),
        )
        for s in c.studies
        if s.study in shown
        for r in s.rules
    ]
    caption = "In the recorded launch order, as esim replay tells it"
    return Table("study_rules", caption, columns, tuple(rows), most=100)


def _methods(c: Comparison) -> Iterator[Part]:
    yield facts("methods", "Methods", list(c.methods.items()))
    sources = {e.name: e.source for e in c.rules if e.source}
    yield facts("sources", "What the rules copy", list(sources.items()))
    yield facts("settings", "Settings", list(_settings(c.settings)))
    clocks = tuple((s.study, clock_words(s.clock), clock_words(s.orders_clock)) for s in c.studies)
    by = (Column("clock", "recorded order"), Column("orders_clock", "random orders"))
    yield Table("clocks", "How the trials meet", (Column("study", "study"), *by), clocks)
    changed = tuple(
        (e.key, ", ".join(f"{k}={v}" for k, v in e.changed.items())) for e in c.rules if e.changed
    )
    if changed:
        yield facts("changed", "Rules that were changed", changed)


def _settings(s: Settings) -> Iterator[tuple[str, str]]:
    yield "what ranks", f"{AMOUNTS.get(s.saved, s.saved)} saved"
    yield "loss accepted", f"{percent(s.max_degradation)} of the way from best to median trial"
    yield "launch orders", f"{s.orders}, and {s.workers_orders} for each number of workers"
    yield "confidence", f"{100 * s.confidence:g} %"
    yield "bootstrap replicates", f"{s.bootstrap:,}"
    yield "seed", str(s.seed)
    yield "final value", f"the {s.final} reported value of a trial"
    price = "none" if s.costs.price is None else f"{number(s.costs.price)} {s.costs.currency}"
    yield "price of an instance-hour", price
    yield "until a stop takes effect", f"{s.costs.stop_latency_s:g} s"
