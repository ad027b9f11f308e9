"""What an identification amounts to, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from esim.analyses.identify.evidence import AUTO, Scene, last_value_row
from esim.analyses.identify.questions import simplest
from esim.analyses.identify.standing import Standing
from esim.errors import agree, plural
from esim.results.replay import Caveat
from esim.rules.candidates import Candidate
from esim.study import Status


def verdict(stands: Standing, candidates: Sequence[Candidate], as_of: str | None) -> str:
    """How many candidates are left, and as of when."""
    left, of = len(stands.left), len(candidates)
    jobs = plural(len(stands.job), "job")
    when = f"as of the jobs of {as_of}" if as_of else "by these jobs, which have no dates"
    if not left:
        least = int(stands.misses.min())
        return (
            f"none of these {of:,} rules, {when}: each is contradicted by at least {least} of "
            f"{jobs}"
        )
    at = simplest(stands, candidates)
    best, misses = candidates[at].name, int(stands.misses[at])
    if left == of == 1:
        return f"the rule {best} is left, {when}: it fits {jobs}"
    if left == 1:
        return f"one of {of:,} rules is left, {when}: {best} ({jobs})"
    if left == of:
        return f"all of {of:,} rules are left, {when}: nothing in {jobs} tells them apart"
    which = (
        f"the simplest of those with {misses:,} against them" if misses else "the simplest of them"
    )
    return f"{left:,} of {of:,} rules are left, {when} ({jobs}); {which}: {best}"


def guarantee(stands: Standing, error_rate: float, risk: float) -> str:
    """What may be relied on."""
    if not error_rate:
        return (
            "If the rule that ran is among the candidates and every stop is its own, as recorded, "
            "it is among those left. One job of another kind, such as one stopped by hand, can "
            "drop it: --error-rate allows for such jobs."
        )
    return (
        f"If the rule that ran is among the candidates, and each job goes wrong independently with "
        f"a probability of at most {error_rate:g}, it is among those left with a probability of at "
        f"least {1 - risk:g}: a candidate is dropped only with more than {stands.allowed} misses."
    )


def caveats(scenes: Sequence[Scene], poll_s: float) -> Iterator[Caveat]:
    """Assumptions behind the evidence, and what was left out of it."""
    unsaid = [one.study.name for one in scenes if all(n.code != AUTO for n in one.study.notes)]
    if unsaid:
        yield Caveat(
            "rule_assumed",
            f"nothing says that a rule was on in {_some(unsaid)}, and stops by hand look the same: "
            "give the description of the tuning job too",
        )
    untimed = [s.study.name for s in scenes if s.has_curves and s.clock().mode == "order"]
    if untimed:
        yield Caveat(
            "no_times",
            f"the jobs of {_some(untimed)} lack times: each is taken to have ended before the next "
            "was launched, which is wrong where they ran side by side",
        )
    if any(s.has_curves and s.clock().mode == "recorded" for s in scenes):
        yield Caveat(
            "decided_at_once",
            f"a report is taken to be judged within {poll_s:g} s: by all jobs that had ended at "
            "its own moment, or by those too that ended in these seconds"
            if poll_s
            else "a report is taken to be judged at its own moment, by all jobs that have ended by "
            "then; a service that polls judges it a little later, by jobs that may have ended in "
            "between (--poll-s allows for it)",
        )
    for scene in scenes:
        yield from _of_scene(scene)


def _of_scene(scene: Scene) -> Iterator[Caveat]:
    study = scene.study
    name = study.name
    if not scene.has_curves:
        yield Caveat(
            "finals_only",
            f"{name} has no curves: only its stops speak, of the peers and the epochs before a "
            "stop. A job is taken to report once an epoch, in seconds that follow a line",
        )
        return
    lost = int((scene.known < last_value_row(study)).sum())
    if lost:
        yield Caveat(
            "curves_lost",
            f"{name} has jobs that ended and have no curve, which the service may have counted: "
            f"what {plural(lost, 'job')} reported after the first of them had ended is left out",
        )
    otherwise = int(study.which(Status.INTERRUPTED).sum())
    if otherwise:
        yield Caveat(
            "stopped_otherwise",
            f"{plural(otherwise, 'job')} of {name} {agree(otherwise, 'were')} stopped, or may have "
            "been, by no rule: that a rule did not stop them earlier counts, their stop does not",
        )
    gaps = _gaps(scene)
    if gaps:
        yield Caveat(
            "reports_missing",
            f"{plural(gaps, 'job')} of {name} {agree(gaps, 'have')} no report at some step inside "
            "the curve: if lines were lost there, the service saw other values (--error-rate "
            "allows for it)",
        )
    if scene.missing:
        yield Caveat(
            "parents_missing",
            f"{name} was warm-started from {_some(scene.missing)}, whose logs are not here, or not "
            "of all their jobs: that those count is refuted by none of its jobs",
        )


def _gaps(scene: Scene) -> int:
    """How many jobs lack a step inside their curve that some other job of theirs has."""
    study = scene.study
    lacking = 0
    every = np.unique(study.steps)
    for trial in np.flatnonzero(scene.told).tolist():
        own = study.steps[study.offsets[trial] : study.offsets[trial + 1]]
        between = every[(every >= own[0]) & (every <= own[-1])]
        lacking += len(between) > len(own)
    return lacking


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
