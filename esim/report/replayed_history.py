"""The replay of a history in words, for the terminal and for pages."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from esim.errors import EsimError
from esim.report.answer import best_stopped
from esim.report.rule_words import rule_and_changes
from esim.report.words import clean, count, money, number, percent, seconds
from esim.results.history import HistoryReplay
from esim.results.named_rule import NamedRule
from esim.results.replayed_studies import ReplayedStudy
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
    word = "lost" if result.until else "stopped"
    return f"{text}; {best_stopped(t['best_trials_stopped'], result.studies, word)}."


def worst_first(studies: Sequence[ReplayedStudy]) -> list[ReplayedStudy]:
    """The studies that lose: a worse best value, or their best trial; those that lose most first.

    A study that loses its best trial and of which it is unknown how much comes last.
    """
    losing = []
    for one in studies:
        s = one.summary
        worse = s is not None and s.degradation_normalized
        if s is not None and ((worse or 0.0) > 0 or s.best_trial_stopped):
            losing.append((-(worse or 0.0), one.study, one))
    return [one for *_, one in sorted(losing, key=lambda found: found[:2])]


def spread_answer(result: HistoryReplay, studies: Sequence[ReplayedStudy]) -> Iterator[str]:
    """How savings spread over the studies, and where most is lost, in a sentence each."""
    spread = result.spread.get("steps_saved_fraction")
    if spread is not None and result.studies > 1:
        yield (
            f"In the middle nine tenths of the studies the steps saved run from "
            f"{percent(spread['q05'])} to {percent(spread['q95'])}."
        )
    if (worst := worst_first(studies)[:1]) and (s := worst[0].summary) is not None:
        yield (
            f"It costs most in {clean(worst[0].study, 40)}: {percent(s.degradation_normalized)} of "
            "the way from the best to the median trial."
        )


def doubt_words(code: str) -> str:
    """A caveat in words that hold for every study that has it; the code itself if it is unknown."""
    return _DOUBTS.get(code, code)


def gravest_first(codes: Iterable[str]) -> list[str]:
    """The codes of caveats in the order in which a replay tells them; unknown ones last."""
    order = list(_DOUBTS)
    return sorted(codes, key=lambda code: order.index(code) if code in _DOUBTS else len(order))


_DOUBTS = {
    "winner_stopped": "the best trial is stopped, cut or never started: esim compare names safer "
    "rules",
    "degradation_unknown": "trials had been cut short when they were recorded, so what is lost is "
    "unknown: replay jobs whose trials ran to their end",
    "failed_trials": "trials failed, and none of them counts as the best: look at why",
    "stops_at_first_report": "most stops fall on a trial's first report, which knows the least: "
    "--set min_reports=2 waits for one more",
    "steps_from_zero": "a trial that is stopped at its first report, before any training, counts "
    "as no step run: --set min_reports=2 lets it train",
    "looks_ahead": "the rule knows how trials go on, or pauses them: measure other rules by it, it "
    "cannot be switched on",
    "axis_without_times": "the rule counts seconds and the logs lack times, so a step counts as a "
    "second: --set axis=step counts steps",
    "nothing_stopped": "the rule stops no trial: esim compare looks for one that does",
    "job_not_ended": "the job-level rule changes nothing: try another limit",
    "in_flight": "whether trials that still run as the job ends are cut is assumed: --until "
    "NAME=N,in_flight=finish or cut",
    "few_trials": "so few trials that one launch order says little about the next job: esim "
    "estimate tells how sure it is",
    "one_after_another": "trials are replayed one after another; side by side fewer would be "
    "stopped: --clock simulated --workers N tells",
    "starts_as_recorded": "each trial keeps its recorded start, though a stop would free a machine "
    "sooner: --clock simulated --workers N tells",
    "steps_as_seconds": "the logs lack times, so one step counts as one second: replay logs with "
    "times",
    "stop_at_once": "a stop is taken to end its trial at once; where it takes longer, less is "
    "saved: --stop-latency-s N counts the seconds",
    "tied_starts": "trials started at the same moment, and what is saved depends on which came "
    "first: logs with finer start times tell",
    "billed_as_recorded": "trials were billed for other seconds than they ran, as on spot "
    "instances: on demand expect another bill",
    "infinite_values": "some values are infinite and compared as such: look whether these trials "
    "diverged",
    "auto_was_on": "early stopping was on already, so what the stopped trials would have reached "
    "is unknown: replay jobs without it",
    "autotune_on": "Autotune was on and may have changed the job: replay jobs without it",
    "completion_criteria": "the job had completion criteria, and may have ended before its time: "
    "what it would have launched is unknown",
    "converged": "SageMaker found the job converged before it ended: --until converged ends it "
    "there",
    "strategy_bayesian": "the search learns from results, so after a stop it would have gone on "
    "otherwise: esim closed-loop simulates that",
    "first_step_assumed": "what step 0 means is assumed: --first-step done or before says it",
    "spot_bill_unknown": "trials ran on spot instances and their bill is not recorded: add "
    "describe-training-job",
}


def acting_rule(result: HistoryReplay) -> str:
    """The rule and what ends the whole job, as they are written."""
    until = "".join(f" until {clean(one.text)}" for one in result.until)
    return rule_and_changes(result.rule) + until


def command_for(result: HistoryReplay, study: str, trial: str | None = None) -> str:
    """The command that shows one study of the history as this replay had it.

    Args:
        result: the replay of the history.
        study: its name.
        trial: one of its trials, which is then explained.
    """
    words = ["esim", "replay" if trial is None else "explain", str(result.inputs[0]["path"])]
    words += [*([] if trial is None else [trial]), "--study", study]
    return shlex.join([*words, *_flags(result, trial is not None)])


def _flags(result: HistoryReplay, explained: bool) -> Iterator[str]:
    """The flags that make a replay of one study as this one; `esim explain` has fewer."""
    if result.rule.name != ("none" if result.until else "sagemaker"):
        yield from ("--rule", result.rule.name)
    for column, value in changed_columns(result.rule):
        yield from ("--set", f"{column}={value}")
    if result.clock.mode is not None:
        yield from ("--clock", result.clock.mode)
    if result.clock.workers > 1:
        yield from ("--workers", str(result.clock.workers))
    if explained:
        return
    for one in result.until:
        yield from ("--until", one.text)
    if result.final != "last":
        yield from ("--final", result.final)
    if result.costs.price is not None:
        yield from ("--price", f"{result.costs.price:g}")
        if result.costs.currency != "USD":
            yield from ("--currency", result.costs.currency)


def changed_columns(named: NamedRule) -> Iterator[tuple[str, Any]]:
    """The columns in which a rule differs from the preset of its name; none if there is no such."""
    try:
        preset = rule(named.name).parameters
    except EsimError:
        return
    for column, value in named.parameters.items():
        if column in preset and preset[column] != value:
            yield column, str(value).lower() if isinstance(value, bool) else value
