"""The replay of a history in words, for the terminal and for pages."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from typing import Any

from esim.errors import EsimError
from esim.report.words import clean, count, money, number, percent, seconds
from esim.results.history import HistoryReplay
from esim.results.named_rule import NamedRule
from esim.rules import rule

# Headline numbers: what each is called, and how it is written.
HEADLINES: dict[str, tuple[str, Callable[[float], str]]] = {
    "steps_saved_fraction": ("steps saved", percent),
    "seconds_saved_fraction": ("training time saved", percent),
    "billed_saved_fraction": ("billed time saved", percent),
    "makespan_saved_fraction": ("makespan saved", percent),
    "cost_saved_fraction": ("cost saved", percent),
    "degradation_normalized": ("degradation, of best to median", percent),
    "best_rank": ("rank of the best kept", number),
}


def history_answer(result: HistoryReplay) -> str:
    """What the rule would have saved and lost over all studies, in a sentence."""
    t = result.totals
    if not result.studies:
        return "No study could be replayed."
    left = ""
    if result.until:
        left = (
            f", the jobs would have ended without starting {count(t['trials_not_started'])} and "
            f"cutting {count(t['trials_cut'])} of them,"
        )
    text = (
        f"The rule would have stopped {count(t['trials_stopped'])} of {count(t['trials'])} trials"
        f"{left} and saved {percent(t['steps_saved_fraction'])} of the steps"
    )
    if t["seconds_saved_fraction"] is not None:
        saved = seconds(t["seconds_recorded"] - t["seconds_run"])
        text += f" and {percent(t['seconds_saved_fraction'])} of the training time ({saved})"
    if t["cost"] is not None:
        text += f", {money(t['cost_recorded'] - t['cost'], t['currency'])}"
    lost = t["best_trials_stopped"]
    word = "the best was lost" if result.until else "it stopped the best trial"
    return f"{text}; {word} in {count(lost)} of {count(result.studies)} studies."


def acting_rule(result: HistoryReplay) -> str:
    """The rule and what ends the whole job, as they are written."""
    return result.rule.name + "".join(f" until {clean(one.text)}" for one in result.until)


def command_for(result: HistoryReplay, study: str, trial: str | None = None) -> str:
    """The command that shows one study of the history as this replay had it.

    Args:
        result: the replay of the history.
        study: its name.
        trial: one of its trials, which is then explained.
    """
    words = ["esim", "replay" if trial is None else "explain", str(result.inputs[0]["path"])]
    words += [*([] if trial is None else [trial]), "--study", study]
    return shlex.join([*words, *_flags(result)])


def _flags(result: HistoryReplay) -> Iterator[str]:
    if result.rule.name != "sagemaker" or not result.until:
        yield from () if result.rule.name == "sagemaker" else ("--rule", result.rule.name)
    for column, value in _changed(result.rule):
        yield from ("--set", f"{column}={value}")
    for one in result.until:
        yield from ("--until", one.text)
    if result.clock.workers > 1:
        yield from ("--workers", str(result.clock.workers))
    if result.clock.mode is not None:
        yield from ("--clock", result.clock.mode)
    if result.final != "last":
        yield from ("--final", result.final)
    if result.costs.price is not None:
        yield from ("--price", f"{result.costs.price:g}")


def _changed(named: NamedRule) -> Iterator[tuple[str, Any]]:
    """The columns in which a rule differs from the preset of its name; none if there is no such."""
    try:
        preset = rule(named.name).parameters
    except EsimError:
        return
    for column, value in named.parameters.items():
        if column in preset and preset[column] != value:
            yield column, str(value).lower() if isinstance(value, bool) else value
