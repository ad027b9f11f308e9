"""What jobs of which only ends and final values are known say against a candidate.

Without curves no value can be held against a threshold. But a stop tells that some report was
judged: there were peers enough, and epochs enough. Both are bounded from above, generously to the
candidates: whoever began may have been a peer, and a job made as many epochs as were planned, or as
fit into its time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from esim.rules import Rule
from esim.study import Float64, Status, Study

# Hyperparameters that say how many epochs, or rounds, a job was to make.
PLANNED = (
    "epochs", "num_epochs", "n_epochs", "max_epochs", "num_train_epochs", "nb_epochs", "num_round",
    "num_boost_round", "n_estimators", "iterations",
)  # fmt: skip


@dataclass(frozen=True)
class Bounds:
    """What a stopped job can have seen at most before its stop.

    Attributes:
        began, ended, completed: how many other jobs had begun, ended and completed by then.
        epochs: how many epochs it had made; inf where nothing bounds them.
        length: the mean number of epochs of the jobs that had completed; NaN where that is unknown.
    """

    began: int
    ended: int
    completed: int
    epochs: float
    length: float

    def refute(self, rule: Rule) -> str:
        """Why a rule cannot have made the stop; "" if it can.

        When a stop takes effect is not asked: one that is decided at a job's last report may still
        be on its way as the job ends.
        """
        peers = {"reached": self.began, "ended": self.ended, "completed": self.completed}[rule.pool]
        peers += rule.include_self
        if rule.against == "peers" and peers < rule.min_peers:
            return f"it had at most {peers} peers, and the rule asks for {rule.min_peers}"
        if self.completed < rule.min_completed:
            least = rule.min_completed
            return f"at most {self.completed} jobs had completed, and the rule waits for {least}"
        if rule.warmup_share and not self.completed:
            return "no job had completed, and the rule waits for one"
        first = max(rule.min_reports, rule.warmup_steps, rule.warmup_share * self.length)
        if self.epochs < first:  # never where the length is not known, which `max` takes for less
            return (
                f"it had made at most {self.epochs:.3g} epochs, and the rule judges none before "
                f"epoch {first:.3g}"
            )
        return ""


def bounds(study: Study, stopped: int, peers: Sequence[int]) -> Bounds:
    """The bounds on a stopped job.

    Args:
        study: jobs with their starts and ends; a job has one report, or none.
        stopped: the job's position in it.
        peers: the positions of the jobs that may be previous ones.
    """
    others = np.array([at for at in peers if at != stopped], dtype=np.int64)
    end = study.end[stopped]  # times that are not known, NaN, are later than nothing
    began = others[~(study.start[others] > end) & ~study.which(Status.FAILED)[others]]
    ended = began[~(study.end[began] > end)]
    completed = ended[np.isin(study.status[ended], (Status.COMPLETED, Status.UNKNOWN))]
    planned = planned_epochs(study)
    lengths = planned[completed]
    return Bounds(
        began=len(began),
        ended=len(ended),
        completed=len(completed),
        epochs=_epochs(study, planned, stopped),
        length=float(lengths.mean()) if len(lengths) else math.nan,
    )


def planned_epochs(study: Study) -> Float64:
    """float64 [N]: how many epochs each job was to make; NaN where its configuration is silent."""
    name = next((name for name in PLANNED if name in study.config), None)
    if name is None:
        return np.full(study.n_trials, np.nan)
    return np.array([_number(value) for value in study.config[name]])


def _number(value: object) -> float:
    try:
        return float(str(value).strip('"'))
    except ValueError:
        return math.nan


def _epochs(study: Study, planned: Float64, stopped: int) -> float:
    """At most so many epochs fit into a job's time, and into its plan; at least 1.

    The seconds of completed jobs are taken to be a start-up and so many for each epoch: the line of
    least squares, from which a job may lie as far as the farthest of them; stopped jobs too lie as
    far off as they must, for each has made one epoch. And a job that took no longer than the one of
    most epochs a second made no more than that one's share.
    """
    most = planned[stopped] if planned[stopped] > 0 else math.inf
    seconds = study.end - study.start
    whole = study.which(Status.COMPLETED) & (planned > 0) & (seconds > 0)
    x, y = planned[whole], seconds[whole]
    if len(x) and np.isfinite(seconds[stopped]):
        fastest = int((x / y).argmax())
        fit = math.inf
        if seconds[stopped] <= y[fastest]:
            fit = x[fastest] * seconds[stopped] / y[fastest]
        if len(x) > 2 and x.min() < x.max():
            slope, first = np.polyfit(x, y, 1)
            if slope > 0:
                cut = seconds[study.which(Status.STOPPED)]
                short = first + slope - cut[np.isfinite(cut)]
                off = max(np.abs(y - first - slope * x).max(), short.max(initial=0.0))
                fit = min(fit, (seconds[stopped] - first + off) / slope)
        most = min(most, max(1.0, fit))
    return float(most)
