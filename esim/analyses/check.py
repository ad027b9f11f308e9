"""Would AUTO act at all on such a tuning job, and can its logs be trusted?

Findings come from what the reader noted, from the study's columns, and from one replay of the
literal rule. Sources: Amazon SageMaker Developer Guide, "Stop Training Jobs Early" (what AUTO
needs), and its example notebook (jobs of less than 4 minutes gain little).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from esim.errors import plural, some_of
from esim.results.check import SEVERITIES, Check, Finding, Severity
from esim.simulator.replay import replay
from esim.study import Float64, Int64, Note, Status, Study
from esim.study.facts import cut_short, reporting
from esim.study.times import ends_before_reports

FEW_JOBS = 10
SHORT_S = 240.0
EVIDENCE = 3  # jobs or lines named
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
    "finals_only": ("error", "add the logs of the training jobs: final values have no curves"),
    "time_aligned": ("error", "export the log text: averages over 60 s are not epochs"),
    "no_curves": (
        "error",
        "add the logs of the training jobs: a table of final values has no curves",
    ),
    "table_caution": ("warning", "tune on a metric that is printed after every epoch"),
    "auto_was_on": (
        "warning",
        "esim identify tells which rule made these stops; judge savings by a job without AUTO",
    ),
    "warm_start": ("note", "give its parents' logs too: they may be previous jobs"),
    "stopped_otherwise": ("note", "leave these stops out when you judge the rule"),
    "autotune_on": ("warning", "judge AUTO by a tuning job without Autotune"),
    "completion_criteria": (
        "note",
        "esim replay --until NAME=N tells what others would have done",
    ),
    "converged": ("note", "esim replay --until converged tells what ending the job there gives"),
    "epochs_backwards": ("warning", _KEEP_INDEX),
    "emissions_without_index": ("warning", _KEEP_INDEX),
    "summary_lines": ("warning", "print the closing summary under another name: AUTO may count it"),
    "per_batch_lines": ("warning", "print the metric once an epoch: AUTO may count each line"),
    "duplicate_lines": ("warning", "print it once, on one host: AUTO may count each line"),
    "best_line_repeated": (
        "warning",
        "switch the algorithm's own early stopping off: AUTO may count the line as an epoch",
    ),
    "restarts_unnumbered": ("warning", "print the epoch's index: a restart may begin anew"),
    "restarts": (
        "warning",
        "resume from the epoch of the checkpoint, or use no spot instances",
    ),
    "duplicate_steps": ("warning", _KEEP_INDEX),
    "steps_unsorted": ("warning", _KEEP_INDEX),
    "lines_unmatched": ("warning", "look whether the regex should match these lines"),
    "final_value_differs": (
        "warning",
        "look whether the values are read as they are meant, by the job's own regex",
    ),
    "jobs_without_logs": ("warning", "export their logs too"),
    "jobs_without_metric": ("warning", "look whether they failed, or print another metric"),
    "jobs_of_no_tuning_job": ("warning", "export the tuning job's own list of jobs"),
    "streams_unknown": ("warning", "export the records of these jobs too"),
    "streams_lost": ("warning", "run the same esim fetch again"),
    "documents_changed": ("warning", "unless you changed them, remove them and fetch again"),
    "several_values": ("warning", "look whether the regex takes the value that is meant"),
    "k_fold": ("warning", "AUTO takes each fold's values as further epochs: train folds as jobs"),
    "training_stages": ("warning", "look whether these are stages of one training, or several"),
    "best_lines": ("warning", "print the best so far under another name: AUTO may count it"),
    "fractional_epochs": ("note", "expect AUTO to judge at each evaluation, not at each epoch"),
    "jobs_told_apart": ("warning", "look whether these are jobs; save each job's log on its own"),
    "tabs_respelled": ("warning", "AUTO reads #011 where these logs have a tab or spaces"),
    "general_form": ("warning", "give the regex that the job had: --metric 'NAME=REGEX'"),
    "several_hosts": ("warning", "print the metric on one host: AUTO may count each line"),
    "strategy_bayesian": ("note", "take a replay of it as an estimate; AUTO itself does not mind"),
    "missing_values": ("warning", "look at the first of them: a NaN is no value to AUTO"),
    "infinite_values": ("warning", "look at the first of them"),
    "trials_all_nan": ("warning", "look whether these trials diverged"),
    "trials_without_reports": ("warning", "look whether a failure or a missing log explains it"),
    "trials_not_listed": ("warning", "export the list of jobs again"),
    "elapsed_before_start": ("warning", "look whether all times are in one zone"),
    "ended_before_report": ("warning", "look whether starts, ends and report times are one clock"),
    "elapsed_raised": ("warning", "look whether the log's times can be trusted"),
    "first_step_assumed": ("note", "say what step 0 means: --first-step done or before"),
    "elapsed_unknown": ("warning", "add a table of the trials with their starts"),
    "spot_instances": ("warning", "expect other times on demand; restarts cost steps and time"),
    "spot_bill_unknown": ("warning", "add describe-training-job: it has BillableTimeInSeconds"),
    "starts_unknown": ("note", "add a table of the trials with their starts"),
    "start_incomplete": ("warning", "export the list of jobs: it has their starts"),
    "zone_assumed": ("warning", "export times with their zone"),
    # Of the other formats.
    "best_of_round": ("warning", "record every epoch: the tuner keeps the best one of a round"),
    "columns_named": ("note", "look whether these are meant; --trial, --step, --time name others"),
    "files_are_studies": ("note", "rename trials that are others in each file"),
    "files_are_trials": (
        "note",
        "name the column of the trials with --trial if a file has several",
    ),
    "files_of_earlier_fit": ("note", "give each fit a folder of its own"),
    "folds_as_trials": ("warning", "judge a rule by configurations, not by folds of one"),
    "header_repeated": ("note", "look whether several runs were written into one file"),
    "nan_or_absent": ("warning", "give the folder of the runs, which tells NaN from no report"),
    "number_style": ("note", "look whether these numbers are read as they are meant"),
    "rows_are_trials": ("note", "look whether these columns are the steps of a curve"),
    "rows_numbered": ("note", "name the column that counts steps with --step if there is one"),
    "short_lists": ("warning", "save the steps of each list beside it"),
    "chart_averages": ("warning", "export the history of each run, not the chart"),
    "ended_early": ("warning", "look whether they were cut short"),
    "final_only": ("warning", "report the metric while the trial trains"),
    "links_not_followed": ("warning", "give the linked folders themselves, or copies of them"),
    "last_line_unended": (
        "warning",
        "look whether the file was cut off: the last number may lack digits",
    ),
    "lines_cut_off": (
        "warning",
        "copy the files again once the runs have ended; if the line is whole, end it",
    ),
    "objective_unavailable": ("warning", "look whether they print the metric as expected"),
    "input_not_read": ("note", "leave it out, or say its --format"),
    "one_point_curves": ("warning", "record the metric after every epoch, not once at the end"),
    "plugin_broken": ("warning", "update or remove the package"),
    "records_cut_off": ("warning", "copy the files again once the runs have ended"),
    "records_damaged": ("warning", "copy the files again"),
    "records_odd": ("warning", "look whether a newer version wrote these files"),
    "runs_without_begin": ("warning", "download them from Neptune, where their begin is"),
    "runs_without_end": ("warning", "look whether they still run, or crashed"),
    "short_of_max_steps": ("warning", "look whether they were cut short"),
    "status_unknown": ("warning", "look at what these trials' status means"),
    "stopped_by_length": ("warning", "judge a rule by trials that ran to their end"),
    "storage_copies": ("note", "leave copies of a storage out of the folder"),
    "storages_joined": ("note", "look whether these are workers of one study"),
    "studies_by_folder": ("note", "give the storages in place of the folder if it is one study"),
    "studies_without_objective": ("warning", "name the objective of these studies"),
    "zero_or_nan": ("warning", "look whether these are zeros: a NaN is no value"),
    "uneven_curves": ("note", "look whether the short ones were cut short"),
}
# Notes that say how the logs were read, or what the columns say by themselves: no findings.
INFORMATION = frozenset(
    {
        "billed_from_log",
        "columns_not_read",
        "comment_lines",
        "config_unread",
        "config_vectors",
        "curves_from_metrics",
        "data_sets_numbered",
        "elapsed_from_first_report",
        "elapsed_missing",
        "emitted_once",
        "entries_left_out",
        "experiments_joined",
        "files_not_read",
        "files_of_one_step",
        "files_skipped",
        "first_step",
        "float32",
        "folders_joined",
        "log_times_missing",
        "means",
        "metric_unused",
        "objective_chosen",
        "order_from_printed_times",
        "parents_no_trials",
        "refreshed_lines",
        "regex_from_table",
        "rows_chosen",
        "runs_deleted",
        "scores_turned",
        "session_copies",
        "single_values",
        "start_from_events",
        "start_from_first_report",
        "step_by_emission",
        "step_column",
        "step_from_line",
        "step_from_marker",
        "step_unit",
        "time_unit",
        "times_from_log",
        "times_left_out",
        "times_of_training",
        "trials_listed_twice",
        "trials_renamed",
        "trials_waited",
        "without_progress",
    }
)
UNAVAILABLE = frozenset({"strategy_hyperband", "several_algorithms"})
NEVER = frozenset({"emitted_once", "emitted_late"})


def check(study: Study) -> Check:
    """What stands between this study and AUTO.

    Raises:
        EsimError: the study's columns break their promises (`Study.validate`).

    Example:
        >>> import esim
        >>> study = esim.Study.from_arrays([[0.9], [0.8]], direction="minimize")
        >>> esim.check(study).study
        'study'
    """
    stopped = replay(study, "sagemaker").summary.trials_stopped
    found = [*_noted(study.notes), *_seen(study)]
    verdict, acts = _verdict(study, found, stopped)
    if acts is False and all(finding.severity != "error" for finding in found):
        text = f"AUTO's rule, read word for word, stops none of {_jobs(study)}"
        cure = "esim replay --readings tells whether the rule stops some if it is read otherwise"
        found.append(Finding("nothing_stopped", "warning", text, cure, len(reporting(study))))
    found.sort(key=lambda finding: SEVERITIES.index(finding.severity))
    return Check(study.name, verdict, acts, tuple(found))


def _verdict(study: Study, found: list[Finding], stopped: int) -> tuple[str, bool | None]:
    """The answer in a sentence, and `Check.acts`. A doubt outweighs a claim."""
    errors = {finding.code: finding.text for finding in found if finding.severity == "error"}
    if errors.keys() & UNAVAILABLE:
        why = "; ".join(text for code, text in errors.items() if code in UNAVAILABLE)
        return f"AUTO is not available for this tuning job: {why}", False
    doubts = [text for code, text in errors.items() if code not in NEVER]
    if doubts:
        return f"these logs cannot be trusted: {doubts[0]}", None
    if errors:
        return "AUTO can never act: there is no curve to judge while a job trains", False
    if any(finding.code == "auto_was_on" for finding in found):
        said = (
            "AUTO was already on: stopped jobs are recorded only up to their stop, and tell what "
            "its rule is (esim identify)"
        )
        return said, True if stopped else None
    if len(reporting(study)) == 1:
        return "a single job tells nothing of AUTO: it compares a job with the ones before it", None
    if stopped:
        return (
            f"AUTO would act: its rule, read word for word, stops {stopped} of {_jobs(study)}",
            True,
        )
    return f"AUTO would have stopped none of these {_jobs(study)}", False


def _jobs(study: Study) -> str:
    """How many jobs report a value; the others tell nothing of AUTO."""
    jobs = len(reporting(study))
    return plural(jobs, "job") + ("" if jobs == study.n_trials else " with reports")


def _noted(notes: tuple[Note, ...]) -> Iterator[Finding]:
    for note in notes:
        if note.code not in INFORMATION:
            severity, cure = GRADES.get(note.code, ("note", ""))
            yield Finding(note.code, severity, note.text, cure, note.count, note.evidence)


def _seen(study: Study) -> Iterator[Finding]:
    """What the columns themselves show."""
    rows = np.flatnonzero(~np.isnan(study.values))
    before = np.searchsorted(rows, study.offsets)
    counts = np.diff(before)  # values of each job; a row of NaN is no report of the objective
    with_values = reporting(study)
    jobs = len(with_values)
    if not jobs:
        text = "no job has a value of the objective"
        yield Finding("no_curves", "error", text, "look whether this is the metric they print")
        return
    single = np.flatnonzero(counts == 1)
    if len(single) == jobs:
        yield _of_jobs(
            study,
            single,
            "emitted_once",
            "error",
            f"{some_of(jobs, jobs, 'job', 'report')} the objective once: AUTO can never act",
            "print the objective after every epoch, not once at the end",
        )
    elif len(single := single[~study.censored[single]]):
        yield _of_jobs(
            study,
            single,
            "emitted_once_by_some",
            "warning",
            f"{some_of(len(single), jobs, 'job', 'report')} the objective only once",
            "look whether they were cut short",
        )
    yield from _timing(study, counts, rows[before[with_values]], with_values)
    if jobs < FEW_JOBS:
        text = f"only {plural(jobs, 'job', 'report')} values: fewer than {FEW_JOBS} tell little"
        cure = "add more past tuning jobs of the kind"
        yield Finding("few_jobs", "warning", text, cure, jobs)
    failed = np.flatnonzero(study.which(Status.FAILED))
    if len(failed):
        yield _of_jobs(
            study,
            failed,
            "failed_jobs",
            "warning",
            f"{plural(len(failed), 'job')} failed: such jobs never count as the best, and no "
            "job is compared with them",
            "look at why they failed",
        )
    cut = np.flatnonzero(cut_short(study))
    if len(cut):
        yield _of_jobs(
            study,
            cut,
            "censored_jobs",
            "warning",
            f"{plural(len(cut), 'job')} had been cut short when recorded: what they would have "
            "reached is unknown",
            "judge AUTO by a tuning job whose jobs ran to their end",
        )
    yield from _values(study)
    early = np.flatnonzero(ends_before_reports(study))
    if len(early) and all(note.code != "ended_before_report" for note in study.notes):
        severity, cure = GRADES["ended_before_report"]
        text = f"{plural(len(early), 'job', 'end')} before the last report: taken to end with it"
        yield _of_jobs(study, early, "ended_before_report", severity, text, cure)


def _values(study: Study) -> Iterator[Finding]:
    """Values that are none, where no reader has said so."""
    noted = {note.code for note in study.notes}
    for code, wrong, word in (
        ("missing_values", np.isnan(study.values), "NaN"),
        ("infinite_values", np.isinf(study.values), "infinite"),
    ):
        rows = np.flatnonzero(wrong)
        if len(rows) and code not in noted:
            severity, cure = GRADES[code]
            places = []
            for row in rows[:EVIDENCE].tolist():
                trial = int(np.searchsorted(study.offsets, row, side="right")) - 1
                places.append(f"{study.trials[trial]}, step {study.steps[row]}")
            text = f"{plural(len(rows), 'value', 'are')} {word}"
            yield Finding(code, severity, text, cure, len(rows), tuple(places))


def _timing(study: Study, counts: Int64, first: Int64, with_values: Int64) -> Iterator[Finding]:
    """What the times show of jobs that ran to their end.

    Args:
        counts: values of each job. [N]
        first: the row of the first value of each job in `with_values`.
    """
    seconds = _seconds(study)
    whole = ~study.censored & np.isfinite(seconds)
    if study.elapsed is None:
        text = "the reports have no times: jobs are replayed one after another"
        yield Finding("times_missing", "note", text, "export the log with its timestamps")
    else:
        # Without an end a job's last report is its end, and its second-last tells nothing.
        several = (counts > 1) & whole & np.isfinite(study.end - study.start)
        late = study.elapsed[first] > LATE_SHARE * seconds[with_values]
        late_jobs = with_values[late & several[with_values]]
        if 2 * len(late_jobs) > several.sum():
            yield _of_jobs(
                study,
                late_jobs,
                "emitted_late",
                "error",
                f"{some_of(len(late_jobs), int(several.sum()), 'job', 'report')} the objective "
                "only in the last "
                f"{100 * (1 - LATE_SHARE):.0f} % of the time, when training is over",
                "print the objective while the job trains, after every epoch",
            )
    short = np.flatnonzero(whole & (counts > 0) & (seconds < SHORT_S))
    timed = int((whole & (counts > 0)).sum())
    if 2 * len(short) > timed:
        yield _of_jobs(
            study,
            short,
            "short_jobs",
            "warning",
            f"{some_of(len(short), timed, 'job', 'take')} less than {SHORT_S:.0f} s: starting and "
            "stopping a job take a large part of what AUTO saves",
            "expect less than a replay says, or tune on longer jobs",
        )


def _seconds(study: Study) -> Float64:
    """float64 [N]: each job's seconds: end - start, else its last report; NaN where unknown.

    A job that ends before its last report is taken to end with it.
    """
    seconds = study.end - study.start
    if study.elapsed is not None:
        has = study.lengths > 0
        last = np.full(study.n_trials, np.nan)
        last[has] = study.elapsed[study.offsets[1:][has] - 1]
        seconds = np.where(np.isfinite(seconds), np.fmax(seconds, last), last)
    return seconds


def _of_jobs(
    study: Study, jobs: Int64, code: str, severity: Severity, text: str, cure: str
) -> Finding:
    names = tuple(study.trials[i] for i in jobs[:EVIDENCE].tolist())
    return Finding(code, severity, text, cure, len(jobs), names)
