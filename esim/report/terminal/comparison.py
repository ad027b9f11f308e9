"""A comparison on a terminal: first the answer, then tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.text import Text

from esim.report.shown_rules import (
    ShownRules,
    baseline_words,
    is_safest,
    order_words,
    others_words,
    shown_rules,
)
from esim.report.terminal.console import inset
from esim.report.terminal.history import show_failures
from esim.report.terminal.tables import FittingTable, Heading, table
from esim.report.words import (
    MISSING,
    clean,
    comparison_name,
    count,
    gains,
    left_out_words,
    number,
    percent,
    plural,
    probability,
    share_words,
)
from esim.results.comparison.comparison import (
    AtWorkers,
    Comparison,
    RuleEntry,
    Share,
    StudyEntry,
)

_AMOUNT = {"seconds": "time", "billed": "billed time"}
_MOST_STUDIES = 12  # rows of the table of studies
_MOST_LOSERS = 3  # rules named that most often lose the best value of a study
_BAR = 4  # characters of a bar from 0 to 100 %


def show_comparison(comparison: Comparison, console: Console, *, every: bool = False) -> None:
    """Print the answer, tables by rule, by workers and by study, and the reasons to doubt it.

    Args:
        comparison: what is printed.
        console: what is printed on.
        every: whether all rules and baselines are; otherwise what it takes to decide.
    """
    c, few = comparison, shown_rules(comparison, every=every)
    console.print(_head(c))
    answer = "\n".join(clean(sentence, 2000) for sentence in c.answer.sentences)
    console.print(inset(Text(answer, style="bold"), (1, 0)))
    if c.choice is not None:
        console.print(Text("The choice", style="bold"))
        console.print(inset(Text(clean(c.choice.text, 2000)), (0, 0, 1, 1)))
        picks = ", ".join(f"{clean(p.key, 200)} {plural(p.times, 'time')}" for p in c.choice.picked)
        if picks:
            console.print(inset(Text(f"Picked: {picks}.", style="dim"), (0, 0, 1, 1)))
    console.print(_rules(c, few))
    for text in _not_shown(c, few):
        console.print(inset(Text(text), (0, 0, 0, 1)))
    console.print()
    idle = [e.key for e in few.shown if e.role == "rule" and e.beyond_i_epoch is False]
    if idle:
        names = clean(", ".join(idle), 2000)
        console.print(
            inset(
                Text(f"No better than to stop every trial at one and the same report: {names}."),
                (0, 0, 1, 1),
            )
        )
    if len({at.workers for entry in c.rules for at in entry.workers}) > 1:
        console.print(_workers(c, few))
        console.print(inset(Text(clean(c.sensitivity.text, 2000)), (0, 0, 1, 1)))
    if any(study.rules for study in c.studies):
        console.print(_studies(c.studies))
    else:
        console.print(Text("--out DIR writes the means of each study", style="dim"))
    if c.warnings:
        console.print(Text("\nWhy to doubt it", style="bold"))
        for text in _doubts(c, few):
            console.print(inset(Text(f"· {text}"), (0, 0, 0, 1)))
    show_failures(c.failures, console)


def _not_shown(c: Comparison, few: ShownRules) -> Iterator[str]:
    """What the table leaves out."""
    baselines, others = baseline_words(c, few), others_words(c, few)
    if baselines:
        yield baselines
    if others or baselines:
        yield f"Not shown: {others or 'baselines'} (--all)."


def _doubts(c: Comparison, few: ShownRules) -> Iterator[str]:
    """The reasons to doubt it; those about rules that are not shown are counted."""
    hidden = {entry.key for entry in few.others}
    yield from (clean(doubt.text, 2000) for doubt in c.warnings if doubt.rule not in hidden)
    rest = sum(doubt.rule in hidden for doubt in c.warnings)
    if rest:
        yield f"{rest} more about rules that are not shown: --all shows them"


def _head(c: Comparison) -> Text:
    trials = sum(s.trials for s in c.studies)
    rules = sum(e.role == "rule" for e in c.rules)
    field = f"{plural(rules, 'rule')}, {plural(len(c.rules) - rules, 'baseline')}"
    each = " each" if len(c.studies) > 1 else ""
    head = Text(clean(comparison_name(c)), style="bold")
    head.append(
        f"  {plural(trials, 'trial')}; {field}; "
        f"{plural(c.settings.orders, 'random launch order')}{each}, "
        f"{_side_by_side(c.studies)}; seed {c.settings.seed}",
        style="dim",
    )
    return head


def _side_by_side(studies: Sequence[StudyEntry]) -> str:
    slots = sorted({s.orders_clock.workers for s in studies})
    if slots == [1]:
        return "one trial after another"
    if len(slots) == 1:
        return plural(slots[0], "worker")
    return f"{slots[0]} to {slots[-1]} workers, as recorded"


def _rules(c: Comparison, few: ShownRules) -> FittingTable:
    what = _AMOUNT.get(c.settings.saved, c.settings.saved)
    over = left_out_words(c)
    title = f"Rules{order_words(c)}: {what} saved over launch orders" + (over and f", {over}")
    signed = gains(c)
    several, best = " and studies" if len(c.studies) > 1 else "", c.answer.best is not None
    shown = table(title, "rule", Heading("saved", means=f"saved: mean over launch orders{several}"))
    shown.add_column("", justify="left", minor=3, style="cyan")
    shown.add_column("90 % of\norders", minor=1)
    shown.add_column("best\nkept", means="best kept: in how many orders the best value stays")
    word = "loss on record" if c.answer.ranked_by == "record" else "loss"
    lost = (
        f"{word}: mean way from the best to the median trial, at most "
        f"{percent(c.settings.max_degradation)} is accepted"
    )
    shown.add_column(word.replace("on ", "on\n"), means=lost)
    if signed:
        shown.add_column("change", minor=2, means="change: the loss with gains set off against it")
    shown.add_column("rank", minor=5, means="rank: mean" if best else "")
    marks = [f"safest: within {100 * c.settings.safest_within:g} points of the best"] * best
    marks += ["◆: no other rule both saves more and loses less"] * bool(c.front.rules)
    shown.add_column("against the best", justify="left", means="; ".join(marks))
    tested = "studies" if c.answer.about == "studies" else "launch orders only"
    chance = f"p: the chance of such a difference if there is none, over {tested}"
    shown.add_column("p", minor=4, means=chance if best else "")
    ranked = False
    for entry in few.shown:
        if not ranked and entry.look_ahead:
            shown.add_section()
            ranked = True
        saved, loss = c.saved_of(entry), c.loss_of(entry)
        change = entry.orders.degradation_normalized
        bar = "" if saved is None else "█" * round(_BAR * max(0.0, saved.mean))
        shown.add_row(
            Text(clean(entry.key, 60)),
            MISSING if saved is None else percent(saved.mean),
            bar.ljust(_BAR, "·"),
            MISSING if saved is None else _between(saved.q05, saved.q95),
            _kept(entry.orders.best_kept),
            MISSING if loss is None else percent(loss.mean),
            *([MISSING if change is None else percent(change.mean)] if signed else []),
            MISSING if entry.rank is None else number(entry.rank.mean, 4),
            _against(entry, safest=is_safest(c, entry.key)),
            _p(entry),
            style="dim"
            if entry.role == "baseline"
            else "bold"
            if entry.key == c.answer.best or is_safest(c, entry.key)
            else "",
        )
    return shown


def _style(entry: RuleEntry, c: Comparison) -> str:
    if entry.key == c.answer.best:
        return "bold"
    return "dim" if entry.role == "baseline" else ""


def _against(entry: RuleEntry, *, safest: bool) -> Text:
    mark = " ◆" if entry.front else ""
    if entry.look_ahead:
        return Text("a bound")
    against = entry.against_best
    if against is None:
        return Text(f"{MISSING}{mark}")
    word: str = against.verdict
    if safest:
        word = "best, safest" if word == "best" else "safest"
    style = {"best": "bold green", "loses too much": "red"}.get(against.verdict, "")
    return Text(f"{word}{mark}", style="bold green" if safest else style)


def _p(entry: RuleEntry) -> str:
    """The p-value against the best, where the difference is significant."""
    against = entry.against_best
    known = against is not None and against.p is not None and against.significant
    return probability(against.p) if against is not None and known else ""


def _between(low: float, high: float) -> str:
    return f"{percent(low).removesuffix(' %')} to {percent(high)}"


def _kept(share: Share | None) -> str:
    return share_words(None if share is None else share.share)


def _workers(c: Comparison, few: ShownRules) -> FittingTable:
    slots = sorted({at.workers for entry in c.rules for at in entry.workers})
    what = _AMOUNT.get(c.settings.saved, c.settings.saved)
    shown = table(f"By workers: {what} saved, and how often the best value is kept", "rule")
    for n in slots:
        inner = n not in (slots[0], slots[-1])
        shown.add_column(plural(n, "worker"), minor=slots.index(n) if inner else 0)
    for entry in few.shown:
        at = {w.workers: w for w in entry.workers}
        shown.add_row(
            Text(clean(entry.key, 60)),
            *(_at(at.get(n)) for n in slots),
            style=_style(entry, c),
        )
    return shown


def _at(at: AtWorkers | None) -> str:
    if at is None or at.saved is None:
        return MISSING
    return f"{share_words(at.saved.mean)}, {_kept(at.best_kept)}"


def _studies(studies: Sequence[StudyEntry]) -> FittingTable:
    shown = table("By study", "study", Heading("trials", minor=2), Heading("workers", minor=1))
    shown.add_column("saves most\nwithin the loss", justify="left", flows=True)
    lose = "most often lose the best value\n(share of orders)"
    shown.add_column(lose, justify="left", flows=True)
    for study in studies[:_MOST_STUDIES]:
        losers = [
            f"{clean(loser.key, 40)} {share_words(loser.share.share)}"
            for loser in study.loses_best[:_MOST_LOSERS]
        ]
        shown.add_row(
            Text(clean(study.study, 40)),
            count(study.trials),
            count(study.orders_clock.workers),
            Text(_winner(study)),
            Text(", ".join(losers) or "none of them"),
        )
    if len(studies) > _MOST_STUDIES:
        shown.add_row(f"and {len(studies) - _MOST_STUDIES} more", "", "", "", "")
    return shown


def _winner(study: StudyEntry) -> str:
    if study.winner is None:
        return MISSING
    ties = len(study.winner.ties)
    return clean(study.winner.key, 40) + (f" (and {ties} not significantly less)" if ties else "")
