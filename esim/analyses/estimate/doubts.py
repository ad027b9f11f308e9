"""Why to doubt a forecast, each reason with a code, the gravest first."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from esim.analyses.estimate.histories import LEAST
from esim.analyses.estimate.widen import EXPONENT_SD, FAR
from esim.analyses.workers.by_study import MANY
from esim.results.estimate import Estimate
from esim.results.replay import Caveat
from esim.simulator.caveats import GRACE_S
from esim.study.facts import Facts


def needed(confidence: float) -> int:
    """The least number of past observations whose range holds a new one with such confidence.

    The range of n independent observations holds another with probability (n - 1) / (n + 1),
    whatever they are distributed like (Hahn and Meeker, "Statistical Intervals", 1991).
    """
    return math.ceil((1.0 + confidence) / (1.0 - confidence) - 1e-9)


def doubts(
    past: Sequence[Facts], trials: Sequence[int], found: Estimate, held: int
) -> Iterator[Caveat]:
    """The warnings of an estimate from these studies, of so many trials each.

    Args:
        held: from how many of the studies is what stands beside the forecast.
    """
    n, confidence = max(trials), f"{100 * found.confidence:g} %"
    saved = found.quantities["steps_saved_fraction"]
    if n < LEAST:
        yield Caveat(
            "too_few_trials",
            f"the history holds {_trials(n)}: nothing can be said of the next job; {LEAST} trials "
            f"are the least to forecast from, {needed(found.confidence)} for {confidence}",
        )
    elif (fewest := min(each for each in trials if each >= LEAST)) < needed(found.confidence):
        yield Caveat(
            "few_trials",
            f"{_trials(fewest)} are few for an interval at {confidence}: it rests on the "
            f"shape of Student's distribution; {needed(found.confidence)} trials are the least "
            "whose own range would do",
        )
    short = sum(1 for each in trials if each < LEAST)
    if short and n >= LEAST:
        yield Caveat(
            "studies_left_out",
            f"{short} of {len(trials)} studies hold fewer than {LEAST} trials and are left out",
        )
    cut = sum(study.cut_short for study in past)
    every = sum(study.trials for study in past)
    if cut:
        yield Caveat(
            "degradation_unknown",
            f"{cut} of {every} past trials had been cut short when they were recorded: what they "
            "would have saved and become is not known, so neither is the degradation, and the "
            "saving is forecast as if every job ended where these did",
        )
    if saved is not None and not saved.spread:
        yield Caveat(
            "no_variation",
            "every replay of the past gave the same saving: how far the next job may differ cannot "
            "be told, so there is no interval",
        )
    if found.extrapolated > 1 and n >= LEAST:
        times = f"{found.extrapolated:.3g} times"
        how = (
            "what is saved beyond them carries on the trend along the launch order, and the "
            f"interval is wider for it (the trend's exponent is taken as known to {EXPONENT_SD}); "
        )
        if found.extrapolated > FAR:
            how += "what becomes of the best of so long a job cannot be known"
        else:
            how += "the degradation is that of a job as long as the past one"
        far = "far " if found.extrapolated > FAR else ""
        yield Caveat("beyond_history", f"{far}beyond the history, {times} its trials: {how}")
    if found.extrapolated > 1 and saved is None and n >= LEAST:
        yield Caveat(
            "too_parallel",
            f"{_trials(n)} cannot show how a longer job on {found.next.workers} workers goes on: "
            "half of them and more have no earlier peers",
        )
    if found.next.workers >= found.next.trials > 1:
        yield Caveat(
            "all_at_once",
            f"{found.next.workers} workers start all {found.next.trials} trials at once: a rule "
            "whose peers have ended finds few or none",
        )
    if len(past) > 1:
        yield Caveat(
            "few_studies" if len(past) < needed(found.confidence) else "several_studies",
            f"the next study is taken as one more of {len(past)} of the same kind"
            + (
                f"; at {confidence} so few carry the interval only with Student's distribution"
                if len(past) < needed(found.confidence)
                else ""
            ),
        )
        if len(past) > MANY:
            yield Caveat(
                "many_studies",
                f"each of the {len(past):,} studies is replayed {found.replicates} times, and one "
                "that lacks a number is left out of it",
            )
        if held < len(past):
            yield Caveat(
                "beside_from_some",
                "what stands beside the forecast (other jobs, readings, checks) is from "
                f"{held} of the studies, spread evenly",
            )
        if len({study.objective for study in past}) > 1:
            yield Caveat(
                "objectives_differ",
                "the studies' objectives differ: degradation is only forecast in units of the "
                "distance from best to median",
            )
    if found.next.launch == "recorded":
        yield Caveat(
            "keeps_launch_order",
            "samples of the past trials keep their launch order, as under Bayesian search later "
            "trials depend on earlier ones; a stop would have changed them, which no replay shows",
        )
    elif any(study.noted("strategy_bayesian") for study in past):
        yield Caveat(
            "strategy_bayesian",
            "the search was Bayesian, so its trials are not exchangeable: launch recorded keeps "
            "their order",
        )
    with_auto = [note for study in past for note in study.notes if note.code == "auto_was_on"]
    if len(past) > MANY and with_auto:
        yield Caveat("auto_was_on", f"AUTO was on when {len(with_auto)} of them were recorded")
    else:
        for note in with_auto:
            yield Caveat(note.code, note.text)
    if found.probability_best_kept is not None:
        yield Caveat(
            "best_of_few",
            "what becomes of the next job's best is known from the few best trials of the past: "
            "its chance to be kept is rough, and never near 0 or 1",
        )
    if not any(study.timed for study in past):
        yield Caveat("no_times", "the logs lack times: time and money cannot be forecast")
    elif found.costs.stop_latency_s == 0 and found.median("trials_stopped") > 0:
        yield Caveat(
            "stop_at_once",
            f"stops take effect at once; SageMaker may bill up to {GRACE_S} s more for each "
            "stopped job (--stop-latency-s)",
        )
    if any(study.infinite for study in past):
        yield Caveat("infinite_values", "some values are infinite: they are compared as such")


def _trials(n: int) -> str:
    return f"{n} trial" if n == 1 else f"{n} trials"
