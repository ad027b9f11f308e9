"""Words for an explanation: a sentence or two that say why a trial was stopped, or was not."""

from __future__ import annotations

import math

from esim.errors import plural
from esim.results.explanation import Explanation, ReportRow
from esim.rules import Rule

_OWN = {"current": "value", "best": "best value so far", "average": "running average"}
_PEER = {"value": "value", "best": "best value so far", "average": "running average"}
_POOL = {
    "ended": "that had ended",
    "completed": "that had completed",
    "reached": "that had come as far",
}


def account(e: Explanation) -> str:
    """The explanation in a sentence or two."""
    if not any(row.value is not None for row in e.rows):
        return "Not stopped: it has no report with a value, so there was nothing to judge."
    if e.stopped:
        return f"{_why_stopped(e)} {_what_was_left(e)}"
    return f"{_why_not(e)} {_how_it_ended(e)}"


def decision(rows: tuple[ReportRow, ...]) -> ReportRow:
    """The row whose verdict stopped the trial."""
    return next(row for row in rows if row.verdict == "stop")


def _why_stopped(e: Explanation) -> str:
    row = decision(e.rows)
    held = _comparison(e, row)
    if e.rule.consecutive > 1 and row.threshold is not None:
        held += f", and so for {e.rule.consecutive} judgements in a row"
    if e.stop_step != row.step:
        return f"Stopped at step {e.stop_step}, decided at step {row.step}: {held}."
    return f"Stopped at step {row.step}: {held}."


def _comparison(e: Explanation, row: ReportRow) -> str:
    """The own statistic, the threshold and what it is made of, for a judged row."""
    if row.own is None or row.threshold is None:
        return _by_itself(e, row)
    minimizing = e.direction == "minimize"
    worse = row.own > row.threshold if minimizing else row.own < row.threshold
    word = "higher" if minimizing else "lower"
    relation = f"{word} (worse, {e.direction[:-1]}ing) than" if worse else "no better than"
    own = _OWN[e.rule.own]
    left, right = told_apart(row.own, row.threshold)
    return f"its {own} {left} was {relation} {right}, {_threshold_words(e, row.peers or 0)}"


def _by_itself(e: Explanation, row: ReportRow) -> str:
    """Why a row stops that is compared with no threshold."""
    rule = e.rule
    if rule.max_steps and row.step >= rule.max_steps:
        return f"the rule ends every trial at step {rule.max_steps}"
    if row.own is None:
        return "its value was not a number"
    if rule.against == "bounds":
        own = "value" if rule.own == "current" else _OWN[rule.own]
        return f"its {own} {_number(row.own)} lay outside {rule.lower:g} to {rule.upper:g}"
    if rule.against == "hindsight":
        return f"it was not among the best {rule.keep}, which only hindsight knows"
    if rule.against == "leader":
        return (
            f"its moving average was stable and worse than the leader's at {rule.consecutive} "
            "checkpoints in a row"
        )
    if rule.against == "pairs":
        return (
            "its values were significantly worse than the best completed trial's at the same steps"
            f" (Wilcoxon, p < {rule.p_value:g})"
        )
    if rule.patience >= 0:
        return f"its best had not improved for {plural(rule.patience, 'report')}"
    return "the rule stops every trial there"


def _threshold_words(e: Explanation, peers: int) -> str:
    peer = _PEER[e.rule.peer]
    pool = _POOL[e.rule.pool]
    one, who = ("earlier ", "") if e.clock.mode == "order" else ("", f" {pool}")
    itself = ", itself included" if e.rule.include_self else ""
    if peers == 1:
        return f"the {peer} of the only {one}trial{who}{itself}"
    if e.rule.rungs != "none":
        level = f"limit of the best 1/{e.rule.reduction:g}"
    elif e.rule.method == "mean":
        level = "mean"
    elif e.rule.method in ("rank", "within", "portion"):
        level = f"limit of the best {100 * e.rule.quantile:g} %"
    elif e.rule.quantile == 0.5:
        level = "median"
    elif e.rule.quantile == 0.0:
        level = "best"
    else:
        level = f"{100 * e.rule.quantile:g} % quantile (0 = best)"
    plural = peer.replace("average", "averages").replace("value", "values")
    return f"the {level} of the {plural} of {peers} {one}trials{who}{itself}"


def _what_was_left(e: Explanation) -> str:
    end = _number(e.final_value_recorded)
    if e.rank is None:
        return f"It {_cut(e)}, at step {e.last_step} with {end}: its true end is unknown."
    return f"It had been recorded to step {e.last_step} and would have ended at {end}, {_rank(e)}."


def _how_it_ended(e: Explanation) -> str:
    end = _number(e.final_value_recorded)
    if e.rank is None:
        return f"It {_cut(e)}, at step {e.last_step} with {end}."
    return f"It ended at {end}, {_rank(e)}."


def _cut(e: Explanation) -> str:
    if e.status == "failed":
        return "failed when it was recorded"
    if e.status == "running":
        return "was still running when it was recorded"
    return "had already been cut short when it was recorded"


def _rank(e: Explanation) -> str:
    return f"the best of {e.ranked}" if e.rank == 1 else f"rank {e.rank} of {e.ranked}"


def _why_not(e: Explanation) -> str:
    judged = [row for row in e.rows if row.verdict != "not judged"]
    if not judged:
        reasons = [row.reason.partition(" (")[0] for row in e.rows if row.value is not None]
        common = max(dict.fromkeys(reasons), key=reasons.count)
        everywhere = "" if len(set(reasons)) == 1 else ", mostly"
        return (
            f"Not stopped: none of its {_reports(len(reasons))} was judged{everywhere}: {common}."
        )
    stops = [row for row in judged if row.verdict == "stop"]
    if stops:
        row = stops[0]
        where = "its last report, where nothing was left to save"
        if row.step != e.last_step:
            where = "and it reached its end before a stop could take effect"
        return (
            f"Not stopped: the rule called for a stop at step {row.step}, {where} "
            f"({_comparison(e, row)})."
        )
    first, own = judged[0], _OWN[e.rule.own]
    spared = [row for row in judged if row.verdict == "go on" and row.reason.startswith("worse")]
    if spared:
        return _why_spared(e, spared, len(judged))
    near = min(judged, key=_margin)
    if e.rule.against == "leader":
        return (
            "Not stopped: at none of its judged reports had it been stable and worse than the "
            f"leader for {e.rule.consecutive} checkpoints in a row."
        )
    if near.own is None or near.threshold is None:
        return f"Not stopped: none of its {len(judged)} judged reports could be compared."
    left, right = told_apart(near.own, near.threshold)
    since = "" if first.step == e.rows[0].step else f", from step {first.step} on"
    close = f"{left} against {right}, {_threshold_words(e, near.peers or 0)}"
    if len(judged) == 1:
        return f"Not stopped: judged once, at step {near.step}, its {own} was no worse ({close})."
    return (
        f"Not stopped: its {own} was no worse at any of the {len(judged)} reports judged{since}; "
        f"closest at step {near.step} ({close})."
    )


def _why_spared(e: Explanation, spared: list[ReportRow], judged: int) -> str:
    """Why the reports at which a trial was worse did not stop it."""
    why = []
    if any("in a row" in row.reason for row in spared):
        why.append(f"never {e.rule.consecutive} times in a row")
    best = sum("among the best" in row.reason for row in spared)
    if best:
        there = "there" if best == len(spared) else f"at {best} of them"
        why.append(f"{best_words(e.rule)} {there}")
    near = spared[-1]
    return (
        f"Not stopped: it was worse at {len(spared)} of its {judged} judged reports, but "
        f"{' and '.join(why)}; last at step {near.step} ({_comparison(e, near)})."
    )


def best_words(rule: Rule) -> str:
    """Among whom a trial is that is worse and goes on."""
    best = [f"{rule.protect}"] if rule.protect else []
    best += [f"{100 * rule.protect_share:g} %"] if rule.protect_share else []
    return f"among the best {' or '.join(best)}"


def _margin(row: ReportRow) -> float:
    if row.own is None or row.threshold is None:
        return math.inf
    gap = abs(row.own - row.threshold)
    return math.inf if math.isnan(gap) else gap


def _reports(n: int) -> str:
    return "1 report" if n == 1 else f"{n} reports"


def told_apart(a: float, b: float, least: int = 4) -> tuple[str, str]:
    """Both numbers, with digits enough to tell them apart, and no fewer than `least`.

    Example:
        >>> told_apart(0.696791, 0.6967904), told_apart(0.5, 0.5)
        (('0.696791', '0.69679'), ('0.5', '0.5'))
    """
    for digits in range(least, 17):
        left, right = f"{a:.{digits}g}", f"{b:.{digits}g}"
        if left != right or a == b:
            return left, right
    return repr(a), repr(b)


def _number(value: float | None) -> str:
    return "no value" if value is None else f"{value:.6g}"
