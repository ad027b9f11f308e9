"""The answer of a replay in sentences: what is saved, what is lost, how sure that is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from esim.report.figures.stopped_wrongly import stopped_wrongly
from esim.report.words import (
    better_words,
    clean,
    count,
    money,
    number,
    ordinal,
    percent,
    plural,
    seconds,
    signed,
    until_words,
)
from esim.results.replay import ReadingRow, ReplayResult, totals
from esim.rules.readings import LEFT


def verdict(result: ReplayResult) -> str:
    """What the rule would have saved and lost, in one sentence or two."""
    s = result.summary
    ended = f"{job_end(result)} " if result.until else ""
    subject = "It" if s.ended_by is not None else "The rule"
    if s.trials_stopped == 0 and s.ended_by is None:
        return f"{ended}The rule would have stopped nothing: nothing saved, nothing lost."
    saved = f"saved {percent(s.steps_saved_fraction)} of the steps"
    if s.seconds_saved_fraction is not None:
        saved += f" and {percent(s.seconds_saved_fraction)} of the training time"
    if s.best is None or s.best_recorded is None:
        return f"{ended}{subject} would have {saved}; no trial has a final value to compare."
    if s.degradation is None:
        lost = "what that cost in quality cannot be known from this record"
    elif s.degradation > 0:
        lost = (
            f"lost the best trial: {number(s.best.value)} instead of "
            f"{number(s.best_recorded.value)}, {_worse(result)}"
        )
    elif s.degradation < 0:
        early = "cut" if s.trials_stopped == 0 else "stopped"
        lost = f"ended with a better final value, because a {early} trial got worse later"
    else:
        lost = "kept the best trial"
        if _fate(result) != "kept":
            lost = "kept the best value, though not in the trial that had it first"
    joint = ";" if s.degradation is None else " and"
    return f"{ended}{subject} would have {saved}{joint} {lost}."


def job_end(result: ReplayResult) -> str:
    """When job-level rules would have ended the job, in a sentence."""
    s = result.summary
    if s.ended_by is None:
        return f"{until_words(result)} would not have ended the job before its time."
    when = ""
    if s.ended_after is not None:
        when = f" after {s.ended_after:,} of {plural(s.trials, 'trial')}"
    if s.ended_at_s is not None and s.seconds_recorded is not None:
        when += f", {seconds(s.ended_at_s)} after its first start"
    left = f"{count(s.trials_not_started)} would never have started"
    if s.trials_cut:
        left += f", and {count(s.trials_cut)} would have been cut"
    if s.trials_stopped:
        left += f"; {result.rule.name} would have stopped {count(s.trials_stopped)}"
    return f"{s.ended_by} would have ended the job{when}: {left}."


def best_fate(result: ReplayResult) -> str:
    """What became of the best recorded trial and of its value, in a few words."""
    fate = _fate(result)
    if result.summary.best_trial_stopped or fate == "kept":
        return fate
    return f"{fate}, its value kept"


def _fate(result: ReplayResult) -> str:
    """What became of the trial that is named as the best recorded."""
    best, columns = result.summary.best_recorded, result.columns
    if best is None:
        return "kept"
    at = list(columns.trial).index(best.trial)
    if not columns.started[at]:
        return "never started"
    if columns.cut[at]:
        return "cut as the job ended"
    return "stopped by the rule" if columns.stopped[at] or _is_lost(result) else "kept"


def _is_lost(result: ReplayResult) -> bool:
    return bool(result.summary.best_trial_stopped)


def _worse(result: ReplayResult) -> str:
    s = result.summary
    word = "higher" if result.direction == "minimize" else "lower"
    rank = "" if s.best_rank is None else f", the {ordinal(s.best_rank)} best of the study"
    return f"{number(abs(s.degradation or 0.0), 4)} {word}{rank}"


def totals_sentence(results: Sequence[ReplayResult]) -> str:
    """What the rule would have saved and lost over all studies, in one sentence."""
    t: dict[str, Any] = totals(results)
    left = f" and {count(t['trials_not_started'])} never started" if results[0].until else ""
    text = (
        f"All {t['studies']} studies: {count(t['trials_stopped'])} of {count(t['trials'])} trials "
        f"stopped{left}, {percent(t['steps_saved_fraction'])} of the steps saved"
    )
    if t["seconds_saved_fraction"] is not None:
        text += f", {percent(t['seconds_saved_fraction'])} of the training time"
    if t["cost"] is not None:
        text += (
            f", {money(t['cost_recorded'] - t['cost'], t['currency'])} of "
            f"{money(t['cost_recorded'], t['currency'])}"
        )
    return f"{text}; {best_stopped(t['best_trials_stopped'], t['studies'])}."


def best_stopped(lost: int, of: int, word: str = "stopped") -> str:
    """In how many of several studies the best trial was stopped."""
    where = f"{count(lost)} of {plural(of, 'study')}" if lost else "no study"
    return f"the best trial was {word} in {where}"


def answer(results: Sequence[ReplayResult]) -> tuple[str, ...]:
    """The answer in at most three sentences.

    For one study: what is saved and lost, how far that depends on the reading, and how many trials
    are stopped wrongly. For several: the totals, the range of savings, and the largest degradation.
    """
    if len(results) != 1:
        return tuple(_of_many(results))
    result = results[0]
    told = (verdict(result), over_readings(result))
    return (*(told[::-1] if is_of_left(result.readings) else told), wrong_sentence(result))


def is_of_left(rows: Sequence[ReadingRow]) -> bool:
    """Whether readings are the rules that `esim identify` left: their range is the answer then."""
    return bool(rows) and rows[0].question == LEFT


def over_readings(result: ReplayResult) -> str:
    """How far the steps saved depend on the reading of the documentation, or on censored trials."""
    rows, s = result.readings, result.summary
    if not rows:
        if s.steps_saved_fraction_bounds is not None:
            low, high = (percent(x) for x in s.steps_saved_fraction_bounds)
            return (
                f"Had the trials that were cut short gone on, between {low} and {high} of the "
                "steps would have been saved."
            )
        return "How far that depends on how the rule is read was not looked at."
    low, high = (percent(x) for x in result.ranges()["steps_saved_fraction"])
    kept = sum(row.summary.best_trial_stopped is False for row in rows)
    how_many = {len(rows): "all of them keep", 0: "none of them keeps"}.get(
        kept, f"{kept} of the {len(rows)} keep"
    )
    if is_of_left(rows):
        span = f"all save {low}" if low == high else f"save {low} to {high}"
        few = "" if len(rows) == 1 else f", in {len(rows)} different ways,"
        return (
            f"The rules left by esim identify{few} {span} of the steps, and {how_many} the best "
            "trial."
        )
    return (
        f"Over {len(rows)} plausible readings of the documentation the steps saved run from {low} "
        f"to {high}, and {how_many} the best trial."
    )


def wrong_sentence(result: ReplayResult) -> str:
    """How many trials are stopped wrongly, by the recorded final values."""
    wrong, stopped = stopped_wrongly(result), result.summary.trials_stopped
    if not stopped:
        return "It stops no trial."
    of = f"Of the {plural(stopped, 'trial')} stopped"
    if not wrong.stopped:
        return f"{of} it is known of none how it would have ended."
    if wrong.stopped < stopped:
        of += f" it is known of {wrong.stopped:,} how they would have ended: of these"
    half = f"{wrong.better_half:,} would have ended in the better half of the study"
    if not wrong.trials:
        return f"{of} none would have beaten the best one kept, and {half}."
    return f"{of}, {len(wrong.trials):,} would have beaten the best one kept, and {half}."


def _of_many(results: Sequence[ReplayResult]) -> Iterator[str]:
    yield totals_sentence(results)
    known = [r for r in results if r.summary.steps_saved_fraction is not None]
    if known:
        least, most = (
            f(known, key=lambda r: r.summary.steps_saved_fraction or 0.0) for f in (min, max)
        )
        yield (
            f"From study to study the steps saved run from "
            f"{percent(least.summary.steps_saved_fraction)} ({clean(least.study, 40)}) to "
            f"{percent(most.summary.steps_saved_fraction)} ({clean(most.study, 40)})."
        )
    worst = max(results, key=lambda r: r.summary.degradation_normalized or 0.0, default=None)
    if worst is not None and (worst.summary.degradation_normalized or 0.0) > 0:
        yield (
            f"It costs most in {clean(worst.study, 40)}: {signed(worst.summary.degradation)}, "
            f"{percent(worst.summary.degradation_normalized)} of the way from the best to the "
            "median trial."
        )
    else:
        yield "In no study is the best final value known to be worse under the rule."


def subtitle(result: ReplayResult) -> str:
    """What was replayed: objective, trials, steps and training time."""
    s = result.summary
    return (
        f"{clean(result.objective)}, {better_words(result.direction)}; "
        f"{plural(s.trials, 'trial')}, {count(s.steps_recorded)} steps"
        + (f", {seconds(s.seconds_recorded)} of training" if s.seconds_recorded else "")
    )
