"""Would AUTO act at all on such a tuning job, and can its logs be trusted?

Findings come from what the reader noted, from the study's columns, and from one replay of the
literal rule. Sources: Amazon SageMaker Developer Guide, "Stop Training Jobs Early" (what AUTO
needs), and its example notebook (jobs of less than 4 minutes gain little).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from esim.clocks import durations
from esim.replay import replay
from esim.study import Note, Status, Study

Severity = Literal["error", "warning", "note"]

FEW_JOBS = 10
SHORT_S = 240.0
LATE_SHARE = 0.9  # a first report behind this share of the job comes after training

_KEEP_INDEX = "print the epoch's index in the metric's line, once an epoch"
# What a reader's note means to AUTO: how grave, and the cure.
GRADES: dict[str, tuple[Severity, str]] = {
    "strategy_hyperband": ("error", "use Strategy Random, Bayesian or Grid with AUTO"),
    "several_algorithms": ("error", "AUTO needs one TrainingJobDefinition: tune one algorithm"),
    "value_cut": (
        "error",
        "let the group take the whole number: ([-+]?[0-9]*\\.?[0-9]+(?:[eE][-+]?[0-9]+)?)",
    ),
    "other_metric_matched": (
        "error",
        "put what stands before the name into the regex, as in [^_]loss: or validation-rmse:",
    ),
    "empty_capture": ("error", "a lazy group at the end takes nothing: write (\\S+) for (.*?)"),
    "time_aligned": ("error", "export the log text: averages over 60 s are not epochs"),
    "table_caution": ("error", "tune on a metric that is printed after every epoch"),
    "auto_was_on": ("warning", "judge AUTO by a tuning job that ran without it"),
    "epochs_backwards": ("warning", _KEEP_INDEX),
    "emissions_without_index": ("warning", _KEEP_INDEX),
    "per_batch_lines": ("warning", "print the metric once an epoch: AUTO may count each line"),
    "duplicate_lines": ("warning", "print it once, on one host: AUTO may count each line"),
    "best_line_repeated": (
        "warning",
        "the final value becomes the best one; AUTO may count a phantom epoch",
    ),
    "restarts": ("warning", "resume from the checkpoint's epoch, or leave spot instances out"),
    "duplicate_steps": ("warning", _KEEP_INDEX),
    "steps_unsorted": ("warning", _KEEP_INDEX),
    "lines_unmatched": ("warning", "look whether the regex should match these lines"),
    "final_value_differs": ("warning", "look whether the regex is the one the job ran with"),
    "jobs_without_logs": ("warning", "export their logs too"),
    "jobs_without_metric": ("warning", "look whether they failed, or print another metric"),
    "jobs_of_no_tuning_job": ("warning", "export the tuning job's own list of jobs"),
    "streams_unknown": ("warning", "export the records of these jobs too"),
    "several_hosts": ("warning", "print the metric on one host: AUTO may count each line"),
    "strategy_bayesian": ("warning", "a replay is exact only for Random and Grid"),
    "missing_values": ("warning", "look at the first of them: a NaN is no value to AUTO"),
    "infinite_values": ("warning", "look at the first of them"),
    "trials_all_nan": ("warning", "look whether these trials diverged"),
    "trials_without_reports": ("warning", "look whether they failed, or their logs are missing"),
    "trials_not_listed": ("warning", "export the list of jobs again"),
    "elapsed_before_start": ("warning", "look whether all times are in one zone"),
    "elapsed_raised": ("warning", "look whether the log's times can be trusted"),
    "start_incomplete": ("warning", "export the list of jobs: it has their starts"),
    "zone_assumed": ("warning", "export times with their zone"),
}
# Notes that say how the logs were read, and are nothing to cure.
INFORMATION = frozenset(
    {
        "columns_not_read",
        "elapsed_from_first_report",
        "elapsed_missing",
        "files_not_read",
        "files_skipped",
        "folders_joined",
        "log_times_missing",
        "metric_unused",
        "regex_from_table",
        "step_by_emission",
        "step_from_line",
        "step_from_marker",
        "time_unit",
        "trials_listed_twice",
    }
)
UNAVAILABLE = frozenset({"strategy_hyperband", "several_algorithms"})
NEVER = frozenset({"emitted_once", "emitted_late", "table_caution"})


@dataclass(frozen=True)
class Finding:
    """Something that keeps AUTO from acting, or these logs from being trusted.

    Attributes:
        count: how many lines, jobs or values it is about.
        evidence: a few of them: a job, or ``path:line: text``.
    """

    code: str
    severity: Severity
    text: str
    cure: str
    count: int = 1
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True)
class Check:
    """The findings of one study, the gravest first.

    Attributes:
        verdict: the answer in a sentence.
        acts: whether the literal rule stops any trial; None if AUTO could not be on, or could
            never act.
    """

    study: str
    verdict: str
    acts: bool | None
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether no finding is an error."""
        return all(finding.severity != "error" for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def check(study: Study) -> Check:
    """What stands between this study and AUTO."""
    found = [*_noted(study.notes), *_seen(study)]
    codes = {finding.code for finding in found}
    stopped = replay(study, "sagemaker").summary.trials_stopped
    acts: bool | None = stopped > 0
    if codes & UNAVAILABLE:
        verdict, acts = "AUTO is not available for this tuning job", None
    elif codes & NEVER:
        verdict, acts = "AUTO can never act: there is no curve to judge while a job trains", None
    elif any(finding.severity == "error" for finding in found):
        verdict = "these logs cannot be trusted as they are: see the errors"
    elif acts:
        verdict = f"AUTO would act: the literal rule stops {stopped} of {study.n_trials} jobs"
    else:
        verdict = f"AUTO would have stopped none of these {study.n_trials} jobs"
    order = ("error", "warning", "note")
    found.sort(key=lambda finding: order.index(finding.severity))
    return Check(study.name, verdict, acts, tuple(found))


def _noted(notes: tuple[Note, ...]) -> Iterator[Finding]:
    for note in notes:
        if note.code not in INFORMATION:
            severity, cure = GRADES.get(note.code, ("note", ""))
            yield Finding(note.code, severity, note.text, cure, note.count, note.evidence)


def _seen(study: Study) -> Iterator[Finding]:
    """What the columns themselves show."""
    lengths = np.diff(study.offsets)
    jobs = int((lengths > 0).sum())
    single = [study.trials[i] for i in np.flatnonzero(lengths == 1)]
    few = tuple(single[:3])
    if len(single) == jobs:
        yield Finding(
            "emitted_once",
            "error",
            f"the objective is reported once by each of {jobs} job(s): AUTO can never act",
            "print the objective after every epoch, not once at the end",
            jobs,
            few,
        )
    elif single:
        yield Finding(
            "emitted_once_by_some",
            "warning",
            f"{len(single)} of {jobs} job(s) report the objective only once",
            "look whether they were cut short",
            len(single),
            few,
        )
    yield from _timing(study, lengths)
    if jobs < FEW_JOBS:
        yield Finding(
            "few_jobs",
            "warning",
            f"{jobs} job(s) with reports are too few to judge by (fewer than {FEW_JOBS})",
            "add more past tuning jobs of the kind",
            jobs,
        )
    failed = [study.trials[i] for i in np.flatnonzero(study.status == Status.FAILED)]
    if failed:
        yield Finding(
            "failed_jobs",
            "warning",
            f"{len(failed)} job(s) failed: they are never peers, and never the best",
            "look at why they failed",
            len(failed),
            tuple(failed[:3]),
        )
    cut = study.censored & (study.status != Status.FAILED)
    if cut.any():
        names = [study.trials[i] for i in np.flatnonzero(cut)]
        yield Finding(
            "censored_jobs",
            "warning",
            f"{len(names)} job(s) had been cut short when they were recorded: what they would "
            "have reached is unknown",
            "judge AUTO by a tuning job that ran without it",
            len(names),
            tuple(names[:3]),
        )


def _timing(study: Study, lengths: np.ndarray[Any, np.dtype[np.int64]]) -> Iterator[Finding]:
    if study.elapsed is None:
        return
    has = np.flatnonzero(lengths > 1)
    whole = np.isfinite(study.start) & np.isfinite(study.end)
    timed = has[whole[has]]
    seconds = durations(study)
    if len(timed):
        first = study.elapsed[study.offsets[:-1][timed]]
        late = timed[first > LATE_SHARE * np.maximum(seconds[timed], 1e-9)]
        if 2 * len(late) > len(timed):
            yield Finding(
                "emitted_late",
                "error",
                f"{len(late)} of {len(timed)} job(s) report the objective only in the last "
                f"{1 - LATE_SHARE:.0%} of their time, when training is over",
                "print the objective while the job trains, after every epoch",
                len(late),
                tuple(study.trials[i] for i in late[:3]),
            )
    known = seconds[lengths > 0]
    if len(known) and float(np.median(known)) < SHORT_S:
        yield Finding(
            "short_jobs",
            "warning",
            f"half of the jobs take less than {np.median(known):.0f} s: below {SHORT_S:.0f} s "
            "start-up and polling eat the gain",
            "expect less than a replay says, or tune on longer jobs",
            len(known),
        )
