"""What speaks against a candidate, with the numbers: the value, the threshold, the peers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from esim.analyses.explain.account import told_apart
from esim.analyses.identify.evidence import Scene, nan_is_a_report, rows_made
from esim.analyses.identify.final_values import bounds
from esim.analyses.identify.standing import Standing
from esim.errors import plural
from esim.results.identification import Evidence
from esim.rules.candidates import Candidate
from esim.simulator.forced import forced_rows
from esim.study import Status, Study

_OWN = {"current": "value", "best": "best value so far", "average": "running average"}


class Accounts:
    """Accounts of the jobs that contradict candidates, each made when it is asked for."""

    def __init__(self, stands: Standing, candidates: Sequence[Candidate]) -> None:
        self.stands, self.candidates = stands, candidates

    def against(self, candidate: int, most: int) -> Iterator[Evidence]:
        """The first jobs that contradict a candidate, in the order of jobs."""
        for number in (np.flatnonzero(self.stands.missed(candidate)) + 1)[:most].tolist():
            place, trial = self.stands.job[number - 1].tolist()
            held, asked = self.stands.held[place], self.candidates[candidate]
            if held.scene.has_curves:
                told = int(held.told[candidate, trial])
                yield _of_curves(held.scene, asked, trial, told, number)
            else:
                yield _of_ends(held.scene, asked, trial, number)


def _of_curves(scene: Scene, asked: Candidate, trial: int, told: int, number: int) -> Evidence:
    """Why a job contradicts a candidate that first says stop once so many rows are `told`."""
    study, rule, whole = scene.study, asked.rule, scene.whole(asked.parents)
    made = int(rows_made(study, nan_is_a_report(rule))[trial])
    due = made - rule.delay
    early = told < due
    row = told if early else due
    place = study.offsets[trial] + max(row, 1) - 1
    step, empty = int(study.steps[place]), bool(np.isnan(study.values[place]))
    at = whole.n_trials - study.n_trials + trial
    columns = forced_rows(whole, rule, scene.clock(asked.parents), at)
    here = np.flatnonzero(columns["step"] == step)
    own = threshold = math.nan
    peers = None
    if len(here) and row >= 1:
        stops = here[columns["stop"][here]]
        which = int(stops[0] if len(stops) else here[-1])
        own, threshold = float(columns["own"][which]), float(columns["threshold"][which])
        peers = int(columns["peers"][which])
    later = f", to take effect {plural(rule.delay, 'report')} later" if rule.delay else ""
    held = _compared(asked, own, threshold, peers, empty)
    if early:
        said = f"would stop it at step {step}{later}: {held}"
    elif row < 1:
        said = (
            f"lets a stop follow {plural(rule.delay, 'report')} on its decision, and it made {made}"
        )
    else:
        said = f"would not stop it at step {step}{later}: {held}"
    return Evidence(
        job=number,
        study=study.name,
        trial=study.trials[trial],
        step=step,
        own=_known(own),
        threshold=_known(threshold),
        peers=peers,
        text=f"{said}; {_seen(study, trial, made)}",
    )


def _compared(
    asked: Candidate, own: float, threshold: float, peers: int | None, empty: bool
) -> str:
    of = plural(peers or 0, "peer")
    if math.isnan(own):
        return f"the report {'has no value' if empty else 'is not judged'}, with {of}"
    what = _OWN[asked.rule.own]
    if math.isnan(threshold):
        return f"{what} {own:.6g} has no threshold, with {of}"
    left, right = told_apart(own, threshold, least=6)
    tie = ", a tie" if own == threshold else ""
    return f"{what} {left} against {right}{tie}, of {of}"


def _seen(study: Study, trial: int, made: int) -> str:
    """What the record shows of the end of a job that made so many rows."""
    last = int(study.steps[study.offsets[trial] + made - 1])
    status = Status(int(study.status[trial]))
    if status == Status.STOPPED:
        return f"it was stopped after step {last}"
    ended = {Status.COMPLETED: " and completed", Status.FAILED: " and failed"}.get(status, "")
    return f"it went on to step {last}{ended}"


def _of_ends(scene: Scene, asked: Candidate, trial: int, number: int) -> Evidence:
    """Why a stop contradicts a candidate where there are no curves."""
    study, whole = scene.study, scene.whole(asked.parents)
    at = whole.n_trials - study.n_trials + trial
    why = bounds(whole, at, range(whole.n_trials)).refute(asked.rule)
    text = f"it was stopped, but {why}"
    return Evidence(number, study.name, study.trials[trial], None, None, None, None, text)


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
