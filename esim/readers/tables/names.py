"""The names that people and programs give to columns, and what their words tell."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache

from esim.readers.encodings.durations import unit_in

# What a column is -> the names it is known by, the preferred one first. Names are compared without
# regard to case, blanks, signs and units in brackets (`plain_name`).
ALIASES: Mapping[str, tuple[str, ...]] = {
    "study": ("study", "study_name"),
    "trial": (
        *("trial", "trial_id", "trial_number", "trial_name", "trial_no", "trial_index"),
        # An id before a name: two runs may have one name.
        *("run_id", "run_uuid", "run_hash", "run", "run_name", "run_number", "run_index"),
        *("job", "job_id", "job_name", "training_job_name", "experiment_key", "config_id"),
        *(
            "model",
            "method",
            "algorithm",
            "config",
            "experiment",
            "experiment_name",
            "experiment_id",
            "exp",
            "dir_name",
            "name",
            "params",
        ),
    ),
    "step": (
        *("step", "epoch", "iteration", "training_iteration", "global_step", "round"),
        *("iter", "epochs", "steps", "iterations", "epoch_number", "epoch_no", "epoch_num"),
        *("boosting_round", "n_iter", "num_epoch", "current_steps", "update", "updates"),
        *("time_total_timesteps", "total_timesteps", "timesteps", "env_steps", "generation"),
        *("n_resources", "itr", "ep", "tree", "trees", "number_of_trees", "n_estimators", "entry"),
    ),
    "time": (
        *("elapsed_s", "elapsed", "elapsed_time", "elapsed_seconds", "time_total_s"),
        *("relative_time", "runtime", "time_elapsed", "passed_time", "passed", "total_time"),
        *("duration", "time_total"),
        *("timestamp", "wall_time", "walltime", "datetime", "date", "date_time", "created_at"),
        *("logged_at", "ts", "time"),
    ),
    "metric": (
        *("metric", "metric_name", "key", "tag", "attribute_path", "variable", "series", "name"),
    ),
    "value": ("value", "metric_value", "float_value", "val"),
    "split": (
        *("phase", "split", "mode", "subset", "stage", "partition", "set", "data_set"),
        *("metric_context_subset", "run_context"),
    ),
    "start": ("start", "start_time", "started", "started_at", "datetime_start"),
    "end": ("end", "end_time", "ended", "ended_at", "datetime_complete", "completed_at"),
    "status": ("status", "state"),
}
# A column of one of these names tells trials for sure; the others may hold other things.
SURE_TRIALS = ALIASES["trial"][: ALIASES["trial"].index("job")]
CONFIG = re.compile(r"(?:config|params|param|hparams|hp)[./_]")

_TRIAL_COLUMN = re.compile(r"(?:trial|run|job|exp(?:eriment)?|config)[ _-]?\d+", re.IGNORECASE)

# What stands in brackets and is no part of a name: units, not the part of data as in "loss (val)".
_UNIT = re.compile(
    r"\s*[(\[]\s*(?:s|secs?|seconds?|ms|msecs?|mins?|minutes?|h|hrs?|hours?|%|#|iters?|steps?|\d*)"
    r"\s*[)\]]",
    re.IGNORECASE,
)


def names_no_trial(columns: Sequence[str]) -> bool:
    """Whether no column has a name of what names trials."""
    return not any(plain_name(name) in ALIASES["trial"] for name in columns)


def name_trials(columns: Sequence[str]) -> bool:
    """Whether columns of values are named after trials: trial_0, trial_1, ..."""
    return len(columns) > 1 and all(map(_TRIAL_COLUMN.fullmatch, columns))


def names_time(columns: Sequence[str]) -> bool:
    """Whether a column has the name of a time."""
    return any(plain_name(unit_in(name)[0]) in ALIASES["time"] for name in columns)


def names_rows(columns: Sequence[str]) -> bool:
    """Whether a column may tell rows of different metrics or data sets apart."""
    kinds = {*ALIASES["metric"], *ALIASES["split"]}
    return any(plain_name(name) in kinds for name in columns)


@cache
def plain_name(name: str) -> str:
    """A column's name as aliases are compared.

    >>> plain_name("Epoch #"), plain_name("Wall time"), plain_name("_step"), plain_name("Time (s)")
    ('epoch', 'wall_time', 'step', 'time')
    """
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", _UNIT.sub("", name))
    return re.sub(r"[\W_]+", "_", spaced.lower()).strip("_")


# Plain names of columns with settings of a trial.
SETTINGS = (
    *("lr", "learning_rate", "batch_size", "bs", "momentum", "dropout", "weight_decay", "wd"),
    *("optimizer", "hidden", "hidden_size", "depth", "seed", "alpha", "gamma", "max_depth"),
)
# The index of a frame that was saved with it.
ROW_NUMBERS = ("index", "idx", "level_0", "level_1")  # plain names of columns that number rows
INDEX = ("", "Unnamed: 0", "__index_level_0__")


# Words for the parts of the data that a metric is of.
PART_WORDS = (
    r"(?:train(?:ing)?|valid(?:ation)?|validate|val|test(?:ing)?|eval(?:uation)?|evaluate|dev"
    r"|learn|fit|holdout|oof)"
)
_PART = re.compile(PART_WORDS, re.IGNORECASE)
_WITH_PART = re.compile(rf"(?:^|[^a-z]|^[dx]_?){PART_WORDS}(?:[^a-z]|$)", re.IGNORECASE)

# Names of which a part is one of these words name metrics.
_METRIC = re.compile(
    r"(?:^|[^a-z])(?:\w*loss|\w*acc(?:uracy)?|\w*auc|err(?:or)?s?|m?error|f1|r?mse|mae|mape|rmsle|nll"
    r"|elbo|precision|recall|perplexity|ppl|rewards?|returns?|bleu|rouge|i?iou|miou|m?ap|r2(?!\d)|dice"
    r"|psnr|ssim|wer|cer|ndcg|fid)(?:$|[^a-z])",
    re.IGNORECASE,
)
_VAGUE_METRIC = re.compile(r"(?:^|[^a-z])(?:scores?|metrics?|objective|values?)(?:$|[^a-z])", re.I)
# Words that make them names of something else, such as the weights of losses.
_NO_METRIC = re.compile(
    r"weights?|coef|lambda|names?|classes|sizes?|layers|(?:^|[^a-z])ids?(?:$|[^a-z])|bins?|milestones"
    r"|schedule|types?|functions?|fns?",
    re.IGNORECASE,
)


def names_metric(name: str, vague: bool = True) -> bool:
    """Whether a name is that of a metric, as far as its words tell.

    Args:
        name: the name.
        vague: whether words such as "value" and "score" do.

    Example:
        >>> names_metric("Val Loss"), names_metric("loss_weights"), names_metric("lr")
        (True, False, False)
    """
    words = name.replace("_", " ")
    if _NO_METRIC.search(words):
        return False
    return _METRIC.search(words) is not None or (vague and _VAGUE_METRIC.search(words) is not None)


def names_part(text: str) -> bool:
    """Whether a text names a part of the data: training, validation or test."""
    return _PART.fullmatch(text.strip()) is not None


def holds_part(name: str) -> bool:
    """Whether a name has a word for a part of the data: "val", "dtrain", "X_test", "valid_1"."""
    return _WITH_PART.search(name) is not None
