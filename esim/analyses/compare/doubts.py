"""The reasons to doubt a comparison, each with a code, the gravest first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from esim.analyses.compare.contestants import Contestant, Field
from esim.analyses.compare.left_out import left_out_doubts, named
from esim.analyses.compare.ranking import fewest_studies
from esim.analyses.compare.study_replays import ON_RECORD, StudyReplays, ranked_number
from esim.analyses.workers.by_study import drawn_words
from esim.errors import plural
from esim.results.comparison.comparison import Doubt, Sensitivity, Settings
from esim.results.replay import Caveat
from esim.simulator.caveat_texts import few_trials
from esim.simulator.caveats import never_stops
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
            f"{named(alone)}: a job-level rule alone keeps what came before the end, so it is "
            "exact for a search that learns too, in the recorded launch order and clock",
        )
    yield from _about_rules(replayed, field.contestants)
    yield from _that_act_alike(replayed, field.contestants)
    if len(field.ranked) > _MANY and not chosen:
        yield Doubt(
            "best_of_many",
            f"the best of {len(field.ranked)} looks better than it is, because it was picked for "
            "that: --choose tells what such a pick gives on trials that it was not picked on",
        )
    if (
        sensitivity.rule is not None
        and sensitivity.launch_order is not None
        and sensitivity.launch_order > sensitivity.rule
    ):
        yield Doubt(
            "order_matters_more",
            "what is saved hangs more on the order in which the trials start than on the rule: do "
            "not take small differences between rules for real",
        )
    for column in dict.fromkeys(c for columns in field.without.values() for c in columns):
        names = [name for name, columns in field.without.items() if column in columns]
        yield Doubt(
            "grid_left_out",
            f"{column} changes nothing in {', '.join(names)}: --grid does not vary them by it",
        )
    ahead = [c.key for c in field.contestants if c.look_ahead]
    if ahead:
        yield Doubt(
            "look_ahead",
            f"{', '.join(ahead)}: no rule can do so while trials run; compare with them, they "
            "cannot be chosen and are not ranked",
        )


def _about_studies(
    replayed: Sequence[StudyReplays], settings: Settings, loss: str
) -> Iterator[Doubt]:
    if loss == ON_RECORD:
        cut = [p.study.name for p in replayed if not p.study.degradation_known]
        yield Doubt(
            "ranked_on_record",
            f"{named(cut)}: trials had been cut short when they were recorded, and one of them "
            "might have become the best, so rules are ranked by the recorded values and what they "
            "really lose is unknown: compare on jobs whose trials ran to their end",
        )
    needed = fewest_studies(settings.confidence)
    if len(replayed) == 1:
        yield Doubt(
            "one_study",
            "one study: intervals and tests are about other launch orders of the same trials, and "
            "say nothing of another job: compare on several studies",
        )
    elif len(replayed) < needed:
        yield Doubt(
            "few_studies",
            f"only {len(replayed)} studies: intervals of means over so few are too narrow, and how "
            f"the rules compare on other studies cannot be tested; that takes {needed}",
        )
    yield from left_out_doubts(replayed, ranked_number(settings), loss)
    lacking = [p.study.name for p in replayed if not p.orders.known("seconds_saved_fraction")]
    if lacking:
        yield Doubt(
            "no_times",
            f"{named(lacking)}: the logs lack times, so only steps are compared: add logs with "
            "times",
        )
    for code, text in (
        (
            "strategy_bayesian",
            "the search learns from results, so a random launch order is none that happens: see "
            "esim closed-loop",
        ),
        (
            "auto_was_on",
            "AUTO was on already, so what the stopped trials would have reached is unknown: "
            "compare on jobs without it",
        ),
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
        text = f"{contestant.key} stops nothing in any launch order"
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
            "these save and lose the same in every launch order, so any one of them will do: "
            f"{'; '.join(f'({named(names)})' for names in groups)}",
        )


def _never_ends(
    replayed: Sequence[StudyReplays], r: int, contestant: Contestant
) -> Iterator[Doubt]:
    """The doubt about job-level rules that save nothing."""
    saved = "steps_saved_fraction"
    acts = [p for p in replayed if p.orders.known(saved) and p.orders.of(saved)[r].any()]
    if acts:
        return
    text = f"{contestant.key} ends no job early: try a smaller limit"
    yield Doubt("never_acts", text, rule=contestant.key)


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
            f"it waits for more than {plural(rule.min_reports, 'report')}, and no trial there made "
            f"more than {reports}"
        )
    most = max(s.trials_reporting for s in idle)
    for column in ("min_completed", "min_peers"):
        least = getattr(rule, column)
        if least >= most:
            others = plural(least, "other trial")
            return f"it waits for {others}, and no study there has more than {most} in all"
    return f"its earliest possible stop is {contestant.earliest}" if contestant.earliest else ""


def study_caveats(study: Facts) -> Iterator[Caveat]:
    """The caveats about one study of a comparison: few trials, and the notes of its reader."""
    few = few_trials(study.trials_reporting, study.trials)
    if few is not None:
        yield Caveat("few_trials", few)
    for note in study.notes:
        yield Caveat(note.code, note.text)
