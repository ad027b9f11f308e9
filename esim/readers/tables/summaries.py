"""Tables that tools export with a row for each trial and its last values only: a row of data each.

They hold no curves, and are not read. What would hold them is said instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from esim.readers.tables.names import plain_name


@dataclass(frozen=True)
class Summary:
    """A table of trials without curves.

    Attributes:
        what: whose table it is.
        columns: the names that it has, as `plain_name` gives them.
        lacks: names that it does not have: with them it holds curves.
        instead: what holds the curves, and how to get it.
    """

    what: str
    columns: frozenset[str]
    instead: str
    lacks: frozenset[str] = frozenset()


SUMMARIES = (
    Summary(
        "Optuna's trials_dataframe()",
        frozenset({"number", "datetime_start", "state"}),
        'save study.trials_dataframe(attrs=("number", "value", "state", "datetime_start", '
        '"datetime_complete", "params", "intermediate_values")), or give the storage itself',
        lacks=frozenset({"intermediate_values"}),
    ),
    Summary(
        "MLflow's search_runs()",
        frozenset({"run_id", "artifact_uri"}),
        "give the tracking store: the mlruns folder, the database or the server's address",
    ),
    Summary(
        "MLflow's table of runs",
        frozenset({"start_time", "duration", "run_id", "source_type"}),
        "give the tracking store: the mlruns folder, the database or the server's address",
    ),
    Summary(
        "W&B's table of runs",
        frozenset({"name", "state", "created", "runtime"}),
        "save run.history(samples=...) or list(run.scan_history()) of each run",
    ),
    Summary(
        "W&B's table of runs",
        frozenset({"name", "summary", "config"}),
        "save run.history(samples=...) or list(run.scan_history()) of each run",
    ),
    Summary(
        "scikit-learn's cv_results_",
        frozenset({"mean_fit_time", "rank_test_score"}),
        "scikit-learn records no curves; HalvingGridSearchCV records a score at each rung",
        lacks=frozenset({"n_resources"}),
    ),
    Summary(
        "Ultralytics' tune()",
        frozenset({"fitness", "lr0"}),
        "give the folders of the runs, which have results.csv",
    ),
    Summary(
        "Katib's table of trials",
        frozenset({"trial_name", "status"}),
        "give the logs of the trials, or the observation_logs of Katib's database",
        lacks=frozenset({"step", "epoch"}),
    ),
)


def summary_of(columns: Sequence[str]) -> Summary | None:
    """Which of the summaries a table is, by the names of its columns; None if it is none.

    Example:
        >>> summary_of(["", "number", "value", "datetime_start", "state"]).what
        "Optuna's trials_dataframe()"
    """
    names = {plain_name(name) for name in columns}
    for summary in SUMMARIES:
        lacked = any(name.startswith(lack) for name in names for lack in summary.lacks)
        if summary.columns <= names and not lacked:
            return summary
    return None
