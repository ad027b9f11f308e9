"""The answers of commands in two lines: what is saved and lost and how sure, and what to do next.

They stand last on a terminal, where the first lines have scrolled away. What only one command
needs is imported by its function: a replay waits for none of it.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from esim.report.answer import totals_sentence
from esim.report.replayed_history import changed_columns, history_answer
from esim.report.words import clean, interval_words, percent, plural, signed
from esim.results.chances import chance_words
from esim.rules import names

if TYPE_CHECKING:
    from esim.results.certificate import Certificate
    from esim.results.closed_loop import ClosedLoop
    from esim.results.comparison.comparison import Comparison
    from esim.results.forecast import Estimate
    from esim.results.history import HistoryReplay
    from esim.results.identification import Identification
    from esim.results.named_rule import NamedRule, RecordedJobRule
    from esim.results.replay import ReplayResult
    from esim.results.watched import Watched


def replays_in_short(results: Sequence[ReplayResult]) -> tuple[str, str]:
    """The answer of replays: of one study, or the totals of several."""
    first, several = results[0], len(results) > 1
    flags = _flags(first.rule, first.until)
    estimate = f"esim estimate LOGS{flags} tells what the next job may save and lose, and how sure"
    doubts = len({warning.code for one in results for warning in one.warnings})
    told = [totals_sentence(results) if several else _replayed(first)]
    if doubts:
        told.append(f"{plural(doubts, 'reason')} to doubt it above.")
    if not any(one.summary.trials_stopped or one.summary.ended_by for one in results):
        if all(max(one.columns.steps_recorded, default=0) < 2 for one in results):
            return " ".join(told), "Next: replay logs with a value after every epoch."
        if all(one.summary.trials < 2 for one in results):
            return " ".join(told), "Next: replay logs of several trials."
        return " ".join(told), "Next: esim compare LOGS looks for a rule that saves something."
    if any(one.summary.best_trial_stopped for one in results):
        return " ".join(told), f"Next: esim compare LOGS names safer rules; {estimate}."
    return " ".join(told), f"Next: {estimate}."


def _replayed(result: ReplayResult) -> str:
    """What one replay saved and lost."""
    s = result.summary
    if not (s.trials_stopped or s.ended_by):
        return "Nothing saved, nothing lost."
    saved = f"{percent(s.steps_saved_fraction)} of the steps"
    if result.readings:
        low, high = result.ranges()["steps_saved_fraction"]
        saved += f" ({percent(low)} to {percent(high)} over readings)"
    if s.seconds_saved_fraction is not None:
        saved += f" and {percent(s.seconds_saved_fraction)} of the training time"
    if s.degradation is None:
        lost = "what it loses is unknown"
    elif s.degradation <= 0:
        lost = "the best value kept"
    else:
        lost = f"the best value lost: {signed(s.degradation)}"
        if s.degradation_normalized is not None:
            lost += f", {percent(s.degradation_normalized)} of the way to the median trial"
    return f"{saved} saved; {lost}."


def history_in_short(result: HistoryReplay) -> tuple[str, str]:
    """The answer of the replay of a history."""
    flags = _flags(result.rule, result.until)
    return history_answer(result), (
        "Next: esim replay HISTORY --study NAME shows one study; "
        f"esim estimate HISTORY{flags} tells what the next job may save and lose, and how sure."
    )


def comparison_in_short(comparison: Comparison) -> tuple[str, ...]:
    """What saves most, what is safest, and what to do next: of a comparison's answer."""
    answer = comparison.answer
    first = 1 if answer.ranked_by == "record" and len(answer.sentences) > 1 else 0
    told = answer.sentences[first : first + (1 if answer.safest is None else 2)]
    return (" ".join(told), *answer.sentences[-1:])


def estimate_in_short(found: Estimate) -> tuple[str, ...]:
    """The advice of an estimate, with what is saved and how likely the best is kept."""
    if found.advice is None:
        return ()
    told = [found.advice.sentence]
    saved = found.around("steps_saved_fraction")
    if saved is not None:
        span = interval_words(saved.low, saved.high, percent)
        told.append(f"Steps saved: {percent(saved.median)} ({span}).")
    if found.probability_best_kept is not None:
        told.append(f"Chance to keep the best trial: {chance_words(found.probability_best_kept)}.")
    return (" ".join(told), *[found.advice.next_step] * bool(found.advice.next_step))


def certificate_in_short(document: Certificate | Watched) -> tuple[str, str]:
    """What is certified, or whether it still holds."""
    from esim.report.certified import certificate_answer, watch_answer
    from esim.results.watched import Watched

    if isinstance(document, Watched):
        if document.holds:
            return watch_answer(document)[0], "Next: go on watching, with the studies to come."
        return watch_answer(document)[0], watch_answer(document)[-1]
    first = certificate_answer(document)[0]
    if document.certified is None:
        return first, (
            "Next: add past studies, or ask for less (--risk, --max-loss, --confidence)."
        )
    return first, (
        "Next: keep it (--out DIR); esim certify NEW-LOGS --watch DIR tells later whether it still "
        "holds."
    )


def identification_in_short(found: Identification, written: str | None) -> tuple[str, str]:
    """Which rules are left.

    Args:
        found: what was found.
        written: the file that they were written to, if they were.
    """
    told = f"{found.verdict[:1].upper()}{found.verdict[1:]}."
    if not found.left:
        return told, (
            "Next: see the jobs that speak against them; --error-rate 2% allows for jobs that were "
            "stopped by hand, --rules presets tries rules of other systems."
        )
    if written is not None:
        file = clean(shlex.quote(written), 300)
        return told, f"Next: esim replay OTHER-LOGS --rule {file} replays what is left."
    return told, (
        "Next: esim identify LOGS --out rule.json writes what is left; esim replay OTHER-LOGS "
        "--rule rule.json replays it."
    )


def closed_loop_in_short(found: ClosedLoop) -> tuple[str, str]:
    """What the first search would have done with the rule."""
    from esim.report.simulated_search import answer

    return next(iter(answer(found))), (
        "Next: esim estimate LOGS answers without a simulated search; where both agree, try the "
        "rule on one job."
    )


def _flags(rule: NamedRule, until: Iterable[RecordedJobRule]) -> str:
    """The flags for another command to have the same rule."""
    words = []
    job_level = tuple(until)
    if rule.name not in names():
        words += ["--rule", "FILE.toml"]
    elif rule.name != ("none" if job_level else "sagemaker"):
        words += ["--rule", rule.name]
    for column, value in changed_columns(rule):
        words += ["--set", f"{column}={value}"]
    for one in job_level:
        words += ["--until", one.text]
    return "".join(f" {shlex.quote(word)}" for word in words)
