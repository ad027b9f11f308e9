"""The reasons to doubt a comparison, each with a code, the gravest first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from esim.analyses.compare.contestants import Contestant, Field
from esim.analyses.compare.left_out import left_out_doubts, named
from esim.analyses.compare.ranking import fewest_studies
from esim.analyses.compare.study_replays import ON_RECORD, StudyReplays, ranked_number
from esim.analyses.workers.by_study import drawn_words
from esim.results.comparison.comparison import Doubt, Sensitivity, Settings
from esim.results.replay import Caveat
from esim.simulator.caveats import few_trials, never_stops
from esim.study.facts import Facts

_MANY = 10  # ranked contestants; the best of more looks better than it is


def doubts(
    replayed: Sequence[StudyReplays],
    field: Field,
    settings: Settings,
    sensitivity: Sensitivity,
    loss: str,
    *,
    chosen: bool,
) -> Iterator[Doubt]:
    """The doubts about a comparison, the gravest first.

    Args:
        replayed: every study under every contestant.
        field: the contestants.
        settings: of the comparison.
        sensitivity: what moves the saved fraction by how much.
        loss: name of the loss that ranks.
        chosen: whether a choice of a rule was judged on data that it was not made on.
    """
    if settings.drawn_from is not None:
        yield Doubt(
            "studies_drawn",
            drawn_words(len(replayed), settings.drawn_from),
        )
    yield from _about_studies(replayed, settings, loss)
    alone = [c.key for c in field.contestants if c.until and never_stops(c.rule)]
    if alone and any(p.study.noted("strategy_bayesian") for p in replayed):
        yield Doubt(
            "job_level_exact",
            f"{named(alone)}: a job-level rule alone keeps what came before the end, so that it is "
            "exact under Bayesian search too, in the recorded launch order by the recorded clock",
        )
    yield from _about_rules(replayed, field.contestants)
    yield from _that_act_alike(replayed, field.contestants)
    if len(field.ranked) > _MANY and not chosen:
        yield Doubt(
            "best_of_many",
            f"the best of {len(field.ranked)} contestants looks better than it is: --choose tells "
            "what such a choice gives on what it was not made on",
        )
    if (
        sensitivity.rule is not None
        and sensitivity.launch_order is not None
        and sensitivity.launch_order > sensitivity.rule
    ):
        yield Doubt(
            "order_matters_more",
            "the order in which the trials start moves what is saved by more than the choice of "
            "the rule does",
        )
    for column in dict.fromkeys(c for columns in field.without.values() for c in columns):
        names = [name for name, columns in field.without.items() if column in columns]
        yield Doubt(
            "grid_left_out", f"{column} means nothing to {', '.join(names)}: taken as they are"
        )
    ahead = [c.key for c in field.contestants if c.look_ahead]
    if ahead:
        yield Doubt(
            "look_ahead",
            f"{', '.join(ahead)}: what no rule can do as trials run; bounds to compare with, not "
            "choices, and not ranked",
        )


def _about_studies(
    replayed: Sequence[StudyReplays], settings: Settings, loss: str
) -> Iterator[Doubt]:
    if loss == ON_RECORD:
        cut = [p.study.name for p in replayed if not p.study.degradation_known]
        yield Doubt(
            "ranked_on_record",
            f"{named(cut)}: trials had been cut short when they were recorded, and one of them "
            "might have become the best: rules are ranked by the recorded values, and what they "
            "really lose is unknown",
        )
    needed = fewest_studies(settings.confidence)
    if len(replayed) == 1:
        yield Doubt(
            "one_study",
            "one study: intervals and tests are about other launch orders of the same trials; "
            "how the rules compare on another job they cannot say",
        )
    elif len(replayed) < needed:
        yield Doubt(
            "few_studies",
            f"{len(replayed)} studies: the intervals of means over so few are too narrow, but for "
            "what is said of other studies, and how the rules compare on those cannot be tested "
            f"(that takes {needed})",
        )
    yield from left_out_doubts(replayed, ranked_number(settings), loss)
    lacking = [p.study.name for p in replayed if not p.orders.known("seconds_saved_fraction")]
    if lacking:
        yield Doubt("no_times", f"{named(lacking)}: the logs lack times; only steps are compared")
    for code, text in (
        (
            "strategy_bayesian",
            "the launch order carries information (Bayesian search): resampled orders are not "
            "what would have happened",
        ),
        ("auto_was_on", "AUTO was on when it was recorded"),
    ):
        names = [p.study.name for p in replayed if p.study.noted(code)]
        if names:
            yield Doubt(code, f"{named(names)}: {text}")


def _about_rules(
    replayed: Sequence[StudyReplays], contestants: Sequence[Contestant]
) -> Iterator[Doubt]:
    for r, contestant in enumerate(contestants):
        if contestant.role != "rule":
            continue
        if contestant.until:
            yield from _never_ends(replayed, r, contestant)
            continue
        idle = [p.study for p in replayed if np.isnan(p.first_stop[r])]
        if not idle:
            continue
        text = f"{contestant.key} never stops anything in any order"
        if len(idle) < len(replayed):
            text = f"{contestant.key} stops nothing in {len(idle)} of {len(replayed)} studies"
        reason = _why_idle(contestant, idle)
        yield Doubt("never_acts", text + (f": {reason}" if reason else ""), rule=contestant.key)


def _that_act_alike(
    replayed: Sequence[StudyReplays], contestants: Sequence[Contestant]
) -> Iterator[Doubt]:
    """The doubt about rules that save and lose the same as others wherever they were replayed."""
    alike: dict[bytes, list[str]] = {}
    for r, contestant in enumerate(contestants):
        acts = any(np.isfinite(p.first_stop[r]) for p in replayed)
        if contestant.role == "rule" and not contestant.until and acts:
            numbers = ((p.recorded[:, r], p.orders.cases[:, r]) for p in replayed)
            key = b"".join(part.tobytes() for parts in numbers for part in parts)
            alike.setdefault(key, []).append(contestant.key)
    groups = [names for names in alike.values() if len(names) > 1]
    if groups:
        yield Doubt(
            "act_alike",
            f"{sum(map(len, groups))} rules act as {len(groups)}: they save and lose the "
            f"same in every launch order: {'; '.join(f'({named(names)})' for names in groups)}",
        )


def _never_ends(
    replayed: Sequence[StudyReplays], r: int, contestant: Contestant
) -> Iterator[Doubt]:
    """The doubt about job-level rules that save nothing."""
    saved = "steps_saved_fraction"
    acts = [p for p in replayed if p.orders.known(saved) and p.orders.of(saved)[r].any()]
    if acts:
        return
    yield Doubt("never_acts", f"{contestant.key} ends no job early", rule=contestant.key)


def _why_idle(contestant: Contestant, idle: Sequence[Facts]) -> str:
    """Why a rule stops nothing in some studies, in words; empty if no one gate explains it."""
    rule = contestant.rule
    reports = max(s.reports_longest for s in idle)
    unit, longest = "step", float(max(s.steps_longest for s in idle))
    if rule.match == "number":
        unit, longest = "report", float(reports)
    elif rule.axis == "seconds":
        unit, longest = "second", max(s.seconds_longest for s in idle)
    if rule.warmup_steps >= longest:
        return (
            f"it waits until {unit} {rule.warmup_steps}, and no trial there goes beyond "
            f"{longest:,.0f}"
        )
    if rule.min_reports >= reports:
        return (
            f"it waits for report {rule.min_reports}, and no trial there made more than {reports}"
        )
    most = max(s.trials_reporting for s in idle)
    for column in ("min_completed", "min_peers"):
        least = getattr(rule, column)
        if least >= most:
            return f"it waits for {least} other trials, and no study there has more than {most}"
    return f"its earliest possible stop is {contestant.earliest}" if contestant.earliest else ""


def study_caveats(study: Facts) -> Iterator[Caveat]:
    """The caveats about one study of a comparison: few trials, and the notes of its reader."""
    few = few_trials(study.trials_reporting, study.trials)
    if few is not None:
        yield Caveat("few_trials", few)
    for note in study.notes:
        yield Caveat(note.code, note.text)
