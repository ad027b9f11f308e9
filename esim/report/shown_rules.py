"""Which rules of a comparison are shown at once: those that it takes to decide."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from esim.report.words import agree, clean, percent, plural
from esim.results.comparison.comparison import Comparison, RuleEntry

MOST = 10  # rules that save something, shown at once beside those named and those picked


@dataclass(frozen=True)
class ShownRules:
    """The rules of a comparison, each list in the comparison's order.

    Attributes:
        shown: the first ten that save something, those that the user named, and those that the
            answer picks.
        others: the other rules.
        baselines: the baselines that are not shown.
    """

    shown: tuple[RuleEntry, ...]
    others: tuple[RuleEntry, ...]
    baselines: tuple[RuleEntry, ...]


def shown_rules(comparison: Comparison, *, every: bool = False) -> ShownRules:
    """Which rules are shown at once.

    Args:
        comparison: whose rules.
        every: whether all are, baselines too.
    """
    answer, rules = comparison.answer, comparison.rules
    if every:
        return ShownRules(rules, (), ())
    picked = {pick.key for pick in (answer.saves_most, answer.safest) if pick is not None}
    if answer.best is not None:
        picked.add(answer.best)
    saving = [e for e in rules if e.role == "rule" and not _saves_nothing(comparison, e)]
    first = {entry.key for entry in saving[:MOST]}
    shown = [e for e in rules if e.key in picked | first or (e.named and e.role == "rule")]
    rest = [entry for entry in rules if entry not in shown]
    return ShownRules(
        tuple(shown),
        tuple(entry for entry in rest if entry.role == "rule"),
        tuple(entry for entry in rest if entry.role == "baseline"),
    )


def is_ranked(comparison: Comparison) -> bool:
    """Whether the rules stand in a ranking."""
    return comparison.answer.best is not None


def order_words(comparison: Comparison) -> str:
    """In which order the rules stand: ", best first" where that is known, and by what."""
    if not is_ranked(comparison):
        return ""
    by = " on the record" if comparison.answer.ranked_by == "record" else ""
    return f", best first{by}"


def is_safest(comparison: Comparison, key: str | None) -> bool:
    """Whether a contestant is marked as the safest.

    The one that saves most is only where it always keeps the best value: that nothing near it is
    safer does not make it safe.
    """
    safest, most = comparison.answer.safest, comparison.answer.saves_most
    if safest is None or safest.key != key:
        return False
    return safest != most or safest.best_kept == 1.0


def others_words(comparison: Comparison, shown: ShownRules) -> str:
    """How many other rules there are, and how they stand; empty if there are none."""
    if not shown.others:
        return ""
    reckless = sum(
        e.against_best is not None and e.against_best.verdict == "loses too much"
        for e in shown.others
    )
    idle = sum(_saves_nothing(comparison, e) for e in shown.others)
    parts = [f"{reckless:,} {agree(reckless, 'lose')} too much"] * bool(reckless)
    parts += [f"{idle:,} {agree(idle, 'save')} nothing"] * bool(idle)
    told = plural(len(shown.others), "more rule")
    return f"{told} ({', '.join(parts)})" if parts else told


def _saves_nothing(comparison: Comparison, entry: RuleEntry) -> bool:
    saved = comparison.saved_of(entry)
    return saved is not None and saved.mean == 0.0


def baseline_words(comparison: Comparison, shown: ShownRules) -> str:
    """What the baselines that are not shown save, in one sentence; empty if all are."""
    told = list(_baselines(comparison, shown))
    return f"Baselines: {'; '.join(told)}." if told else ""


def _baselines(comparison: Comparison, shown: ShownRules) -> Iterator[str]:
    saves = {e.key: comparison.saved_of(e) for e in shown.baselines}
    known = {key: saved.mean for key, saved in saves.items() if saved is not None}
    epochs, bounds = [], []
    for entry in shown.baselines:
        if entry.key not in known:
            continue
        if entry.look_ahead:
            bounds.append(entry)
        elif entry.name == "i-epoch":
            epochs.append(entry)
        else:
            yield f"{clean(entry.key)} saves {percent(known[entry.key])}"
    if epochs:
        ranked = is_ranked(comparison)
        within = [
            e
            for e in epochs
            if not ranked or (e.against_best and e.against_best.verdict != "loses too much")
        ]
        if within:
            most = max(within, key=lambda e: known[e.key])
            at = most.changed["warmup_steps"]
            yield f"every trial stopped at report {at} saves {percent(known[most.key])}"
        else:
            yield "every trial stopped at one and the same report loses too much at any"
    if bounds:
        names = ", ".join(f"{clean(e.key)} {percent(known[e.key])}" for e in bounds)
        yield f"what no rule can reach, because it looks ahead: {names}"
