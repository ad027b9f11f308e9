"""What the jobs of one tuning job say of each candidate."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import product

import numpy as np
from numpy.typing import NDArray

from esim.analyses.identify.final_values import bounds
from esim.assumptions import Clock
from esim.errors import EsimError
from esim.rules import Rule
from esim.rules.candidates import Candidate
from esim.simulator.forced import NEVER, Decisions, forced_decisions
from esim.study import Int64, Status, Study
from esim.study.batch import Batch
from esim.study.times import durations, report_seconds

FINALS_ONLY, WARM_START, AUTO = "finals_only", "warm_start", "auto_was_on"
_ENDED = (Status.COMPLETED, Status.STOPPED, Status.UNKNOWN, Status.INTERRUPTED)


@dataclass(frozen=True)
class Scene:
    """A tuning job as a service saw it: its jobs behind those that may have been previous ones.

    Attributes:
        study: the tuning job.
        parents: the tuning jobs that it was warm-started from, as far as all of their jobs' curves
            are known, where it has curves itself.
        missing: the names of the others.
    """

    study: Study
    parents: tuple[Study, ...] = ()
    missing: tuple[str, ...] = ()

    @classmethod
    def of(cls, study: Study, others: Mapping[str, Study]) -> Scene:
        """The scene of a study among others, by name."""
        named = [name for note in study.notes if note.code == WARM_START for name in note.evidence]
        known = {
            name: others[name]
            for name in named
            if name in others and (_all_curves(others[name]) or not _has_curves(study))
        }
        return cls(study, tuple(known.values()), tuple(n for n in named if n not in known))

    @property
    def has_curves(self) -> bool:
        """Whether there is more of its jobs than final values."""
        return _has_curves(self.study)

    def whole(self, parents: bool) -> Study:
        """All jobs that count, one after another; the tuning job's own come last.

        Raises:
            EsimError: a parent's jobs cannot stand beside this one's.
        """
        if not (parents and self.parents):
            return self.study
        parts = [*self.parents, self.study]
        if len({one.direction for one in parts}) > 1:
            raise EsimError(
                f"tuning job {self.study.name!r} and its parents want different things",
                why=", ".join(f"{one.name!r} is to {one.direction}" for one in parts),
                fix="leave the parents' logs out, or give --objective and --direction",
            )
        if len({one.done_at_zero for one in parts}) > 1:
            raise EsimError(
                f"tuning job {self.study.name!r} and its parents count steps in different ways",
                fix="say what step 0 means: --first-step done or before",
            )
        if any(one.elapsed is None for one in parts):
            parts = [replace(one, elapsed=None) for one in parts]
        parts = [replace(one, billed=None) for one in parts]
        return replace(Batch.of(parts).whole, name=self.study.name, config=_configs(parts))

    def clock(self, parents: bool = False) -> Clock:
        """The clock of the record, of the tuning job alone or with its parents."""
        parts = (self.study, *self.parents) if parents else (self.study,)
        return Clock("recorded" if all(one.has_schedule for one in parts) else "order")

    @cached_property
    def told(self) -> NDArray[np.bool_]:
        """Which of its jobs can speak for or against a candidate. bool [N]"""
        if not self.has_curves:
            return self.study.which(Status.STOPPED)
        return self.known > 0

    @cached_property
    def known(self) -> Int64:
        """How many rows of each job speak, NaN at its end left out. int64 [N]"""
        return self.known_of(last_value_row(self.study))

    def known_of(self, made: Int64) -> Int64:
        """How many of the rows that each job made speak. int64 [N]

        Those that were made after a job had ended whose curve is lost do not: the service may have
        held that job against them.
        """
        study = self.study
        lost = _lost(study)
        if not lost.any():
            return made
        if self.clock().mode == "order":
            return np.where(np.arange(len(made)) < np.flatnonzero(lost)[0], made, 0)
        ended = np.fmax(study.start + durations(study), study.end)[lost]
        first = np.nan_to_num(ended, nan=-np.inf).min()
        seconds = np.repeat(study.start, study.lengths) + report_seconds(study)
        upto = np.concatenate(([0], np.cumsum(seconds <= first)))[study.offsets]
        return np.minimum(made, np.diff(upto))


def _has_curves(study: Study) -> bool:
    return all(note.code != FINALS_ONLY for note in study.notes)


def _all_curves(study: Study) -> bool:
    return _has_curves(study) and not _lost(study).any()


def _lost(study: Study) -> NDArray[np.bool_]:
    """Which jobs ended, may count as previous ones, and have no curve. bool [N]"""
    return np.asarray((last_value_row(study) == 0) & np.isin(study.status, _ENDED))


def _configs(parts: Sequence[Study]) -> dict[str, list[object]]:
    names = dict.fromkeys(name for part in parts for name in part.config)
    return {
        name: [v for part in parts for v in part.config.get(name, [None] * part.n_trials)]
        for name in names
    }


@dataclass(frozen=True)
class Held:
    """C candidates held against the N jobs of one scene.

    Attributes:
        scene: the tuning job.
        missed: bool [C, N], which jobs contradict each candidate.
        judged: bool [C, N], which jobs could have.
        told: int32 [C, N], reports made when each first says stop; NEVER: it does not, or nothing
            is known.
    """

    scene: Scene
    missed: NDArray[np.bool_]
    judged: NDArray[np.bool_]
    told: NDArray[np.int32]


def hold(
    scene: Scene,
    candidates: Sequence[Candidate],
    latency_s: float,
    threads: int | None,
    poll_s: float = 0.0,
    advance: Callable[[int], None] = lambda candidates: None,
) -> Held:
    """Hold candidates against the jobs of a tuning job.

    A job contradicts a candidate that would have ended it earlier than it was seen to end, and if
    it was stopped also one that would not have ended it there.

    Args:
        scene: the tuning job.
        candidates: the rules that the service may have run.
        latency_s: seconds that a stop may take, beyond a rule's delay.
        threads: bounds the threads.
        poll_s: seconds that may pass from a report to the moment at which the service looks at it.
        advance: called with the number of candidates that were held since the last call.
    """
    shape = len(candidates), scene.study.n_trials
    held = Held(
        scene,
        np.zeros(shape, dtype=np.bool_),
        np.zeros(shape, dtype=np.bool_),
        np.full(shape, NEVER, dtype=np.int32),
    )
    warm = bool(scene.parents or scene.missing)
    counted = np.array([candidate.parents and warm for candidate in candidates])
    of_nan = np.array([nan_is_a_report(candidate.rule) for candidate in candidates])
    for parents, nan in product((False, True), repeat=2):
        which = np.flatnonzero((counted == parents) & (of_nan == nan))
        if not len(which) or (parents and scene.missing):
            advance(len(which))
            continue  # what the missing parents' jobs were is not known, so nothing is refuted
        rules = [candidates[at].rule for at in which.tolist()]
        whole = scene.whole(parents)
        own = slice(whole.n_trials - scene.study.n_trials, None)
        held.judged[which] = scene.told
        if scene.has_curves:
            clock = scene.clock(parents)
            decide = partial(forced_decisions, latency_s=latency_s, threads=threads)
            if poll_s and clock.mode == "recorded":
                sooner = replace(whole, end=whole.end - poll_s)
                others = decide(sooner, rules, clock)
                found = either(decide(whole, rules, clock, advance=advance), others)
            else:
                found = decide(whole, rules, clock, advance=advance)
            held.told[which] = found.told[:, own]
            made = rows_made(scene.study, nan)
            missed = contradicts(scene.study, found, made, scene.known_of(made), own)
            held.missed[which] = missed & scene.told
            continue
        for trial in np.flatnonzero(scene.told).tolist():
            most = bounds(whole, trial + (own.start or 0), range(whole.n_trials))
            held.missed[which, trial] = [bool(most.refute(rule)) for rule in rules]
        advance(len(which))
    return held


def either(one: Decisions, other: Decisions) -> Decisions:
    """What is sure where it is not known by which of two pools each report was judged.

    Until the first decision of either both let a trial go on. Where the two differ it may have been
    told to stop then, at any later report, or never.
    """
    same = one.told == other.told
    return Decisions(
        told=np.minimum(one.told, other.told),
        ends=np.minimum(one.ends, other.ends),
        latest=np.where(same, one.latest, NEVER).astype(np.int32),
    )


def contradicts(
    study: Study, found: Decisions, made: Int64, known: Int64, own: slice = slice(None)
) -> NDArray[np.bool_]:
    """Which jobs were seen to go on, or to end, otherwise than decisions would have it. bool [C, N]

    Args:
        study: the jobs as they were recorded.
        found: the decisions of C rules.
        made: int64 [N], how many rows each job made.
        known: int64 [N], how many of them speak.
        own: which of the decided trials they are.
    """
    stopped = study.which(Status.STOPPED) & (known == made) & (known > 0)
    return np.asarray((found.latest[:, own] < known) | (stopped & (found.ends[:, own] > made)))


def nan_is_a_report(rule: Rule) -> bool:
    """Whether a row without a value is a report to a rule, which may stop its trial there."""
    return rule.nan not in ("missing", "finite")


def rows_made(study: Study, nan: bool) -> Int64:
    """int64 [N]: how many rows each trial has made; with `nan` those without a value too."""
    return study.lengths if nan else last_value_row(study)


def last_value_row(study: Study) -> Int64:
    """int64 [N]: how many rows each trial has, those without a value at its end left out."""
    rows = np.flatnonzero(~np.isnan(study.values))
    upto = np.searchsorted(rows, study.offsets[1:])
    last = rows[np.maximum(upto - 1, 0)] + 1 if len(rows) else np.zeros_like(upto)
    return np.maximum(np.where(upto > 0, last, 0) - study.offsets[:-1], 0)
