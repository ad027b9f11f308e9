"""Which rule stopped these jobs? Every candidate is held against what was recorded."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime

import numpy as np

from esim.analyses.identify.accounts import Accounts
from esim.analyses.identify.candidates import READINGS, candidates_of
from esim.analyses.identify.evidence import AUTO, Held, Scene, hold
from esim.analyses.identify.questions import classes, named, questions
from esim.analyses.identify.sentences import caveats, guarantee, verdict
from esim.analyses.identify.standing import Standing, Terms, standing
from esim.errors import EsimError
from esim.results.identification import Identification, IdentifiedStudy, JobRow
from esim.rules import Rule
from esim.rules import rule as named_rule
from esim.rules.candidates import Candidate, combinations
from esim.study import Status, Study
from esim.study.times import last_row

ALIKE = 20  # classes that are listed
_DATED = 1e9  # seconds since 1970 of 2001: smaller ends count from another zero


def identify(
    studies: Sequence[Study],
    candidates: Sequence[str | Rule | Candidate] | None = None,
    terms: Terms | None = None,
    *,
    without: Collection[str] = (),
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Identification, tuple[Candidate, ...]]:
    """Hold candidates against the jobs of tuning jobs that ran with a rule on.

    Args:
        studies: the tuning jobs, with warm-start parents among them where there are any.
        candidates: the rules that may have run, all under other names: names of presets or of
            files, "presets" for all presets, rules, or what an earlier call left. None: every
            combination of the readings of SageMaker's documentation.
        terms: how they are held against the jobs.
        without: the names of the studies that ran without a rule. They only serve as parents.
        progress: called with how often a candidate has been held against a tuning job, and with
            how often one will be.

    Returns:
        What was found, and the candidates that are left.

    Raises:
        EsimError: no rule was on in any of the studies, none of their jobs can speak, or a
            candidate is no rule that a service could run.

    Example:
        >>> import esim
        >>> from esim.analyses.identify.identify import identify
        >>> status = ["completed", "stopped", "completed"]
        >>> curves = [[3, 2, 1], [4, 4], [2, 2, 2]]
        >>> study = esim.Study.from_arrays(curves, "minimize", status=status)
        >>> found, left = identify([study])
        >>> found.candidates, found.left == len(left) < found.candidates
        (22032, True)
    """
    terms = terms or Terms()
    by_name = {study.name: study for study in studies}
    scenes = [Scene.of(study, by_name) for study in studies if _had_a_rule(study, without)]
    if not scenes:
        raise EsimError(
            "no rule was on in these tuning jobs",
            why="nothing says so, and no job was stopped",
            fix="esim replay tells what a rule would have done; identify needs jobs that ran with "
            "early stopping on",
        )
    for scene in scenes:
        scene.study.validate()
    if candidates is None or tuple(candidates) == (READINGS,):
        asks = any(scene.parents or scene.missing for scene in scenes)
        candidates = combinations(named_rule("sagemaker"), parents=asks)
    else:
        those = [one for one in candidates if not isinstance(one, Candidate)]
        told = candidates_of(those, {}) if those else ()
        candidates = (*(one for one in candidates if isinstance(one, Candidate)), *(told or ()))
    check_candidates(candidates)
    done, of = 0, len(scenes) * len(candidates)

    def advance(more: int) -> None:
        nonlocal done
        done += more
        if progress is not None:
            progress(done, of)

    held = [
        hold(scene, candidates, terms.latency_s, terms.threads, terms.poll_s, advance)
        for scene in scenes
    ]
    stands = standing(held, terms)
    if not len(stands.job):
        raise EsimError("no job of these can speak", why="none that ended has a report before it")
    accounts = Accounts(stands, candidates)
    left = tuple(candidates[at] for at in stands.left.tolist())
    alike = classes(stands, candidates)
    as_of = _month(held)
    found = Identification(
        verdict=verdict(stands, candidates, as_of),
        guarantee=guarantee(stands, terms.error_rate, terms.risk),
        as_of=as_of,
        studies=tuple(_about(one.scene) for one in held),
        candidates=len(candidates),
        left=len(left),
        error_rate=terms.error_rate,
        risk=terms.risk,
        misses_allowed=stands.allowed,
        latency_s=terms.latency_s,
        poll_s=terms.poll_s,
        questions=tuple(questions(stands, candidates, accounts)),
        named=tuple(named(stands, candidates, accounts)),
        alike=alike[:ALIKE],
        alike_total=len(alike),
        jobs=tuple(_jobs(stands)),
        caveats=tuple(caveats(scenes, terms.poll_s)),
    )
    return found, left


def check_candidates(candidates: Sequence[Candidate]) -> None:
    """Raise EsimError for candidates that no service could run, or two of one name."""
    names = set()
    for one in candidates:
        if one.rule.against == "hindsight":
            raise EsimError(f"rule {one.name!r} looks ahead", fix="leave it out: no service can")
        if one.name in names:
            raise EsimError(f"two candidates are named {one.name!r}", fix="rename one of them")
        names.add(one.name)


def _had_a_rule(study: Study, without: Collection[str]) -> bool:
    noted = any(note.code == AUTO for note in study.notes)
    return study.name not in without and (noted or bool(study.which(Status.STOPPED).any()))


def _month(held: Sequence[Held]) -> str | None:
    """The month in which the last job ended that can speak."""
    ends = np.concatenate([one.scene.study.end[one.scene.told] for one in held])
    known = ends[np.isfinite(ends) & (ends > _DATED)]
    return f"{datetime.fromtimestamp(known.max(), UTC):%Y-%m}" if len(known) else None


def _about(scene: Scene) -> IdentifiedStudy:
    study = scene.study
    return IdentifiedStudy(
        study=study.name,
        objective=study.objective,
        jobs=study.n_trials,
        told=int(scene.told.sum()),
        stopped=int((scene.told & study.which(Status.STOPPED)).sum()),
        clock=scene.clock().mode,
        curves=scene.has_curves,
        parents=tuple(parent.name for parent in scene.parents),
        parents_missing=scene.missing,
    )


def _jobs(stands: Standing) -> list[JobRow]:
    gone = np.bincount(stands.fell, minlength=len(stands.job) + 1)
    rows, left = [], len(stands.fell)
    for number, (s, t) in enumerate(stands.job.tolist(), 1):
        study = stands.held[s].scene.study
        left -= int(gone[number])
        word = Status(int(study.status[t])).word
        step = int(last_row(study, study.steps)[t])
        rows.append(JobRow(number, study.name, study.trials[t], word, step, left))
    return rows
