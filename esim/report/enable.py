"""How to switch on early stopping of type AUTO, and what ends a tuning job, in SageMaker."""

from __future__ import annotations

import json
from collections.abc import Sequence

from esim.rules import job_presets


def how_to_enable(tuning_job: str, objective: str, direction: str) -> tuple[str, ...]:
    """What to write or click in boto3, in the SageMaker Python SDK and in the console.

    Args:
        tuning_job: the name of the job.
        objective: the name of its objective metric.
        direction: "minimize" or "maximize".

    Returns:
        Lines for a terminal.
    """
    kind = direction.capitalize()
    metric = _literal(objective)
    return (
        *_config_of(tuning_job),
        '         config["TrainingJobEarlyStoppingType"] = "Auto"'
        "  # then create_hyper_parameter_tuning_job",
        f"SDK      HyperparameterTuner(..., objective_metric_name={metric},",
        f'             objective_type="{kind}", early_stopping_type="Auto")',
        "console  Create hyperparameter tuning job: Early stopping, Auto",
    )


def how_to_end(tuning_job: str, limits: Sequence[tuple[str, float]]) -> tuple[str, ...]:
    """What to write in boto3 so that SageMaker ends the next tuning job by job-level rules.

    Args:
        tuning_job: the name of the job.
        limits: the names and limits of job-level rules; those that SageMaker lacks are left out.

    Returns:
        Lines for a terminal; none if SageMaker has none of the rules.
    """
    config: dict[str, dict[str, object]] = {}
    remarks = []
    for name, limit in limits:
        row = job_presets().get(name)
        if row is None or not row.sets:
            continue
        value: object = int(limit) if limit == int(limit) and name != "target" else limit
        for key in reversed(row.sets[2:]):
            value = {key: value}
        config.setdefault(row.sets[0], {})[row.sets[1]] = value
        if (row.least or limit) > limit or (row.most or limit) < limit:
            most = "" if row.most is None else f", and at most {row.most:.15g}"
            remarks.append(f"         # {name}: SageMaker takes at least {row.least:.15g}{most}")
    if not config:
        return ()
    lines = []
    for key, values in config.items():
        told = json.dumps(values)
        if key == "ResourceLimits":  # every tuning job has them
            lines.append(f'         config["{key}"].update({told})')
        else:
            lines.append(f'         config["{key}"] = {told}')
    return (*_config_of(tuning_job), *lines, *remarks)


def _config_of(tuning_job: str) -> tuple[str, str]:
    """How to take the configuration of a past tuning job in boto3."""
    return (
        "boto3    config = sm.describe_hyper_parameter_tuning_job(",
        f"             HyperParameterTuningJobName={_literal(tuning_job)})"
        '["HyperParameterTuningJobConfig"]',
    )


def _literal(text: str) -> str:
    """The text as a Python literal to copy: not shortened, and with control characters escaped."""
    return json.dumps(text) if text.isascii() and text.isprintable() else ascii(text)
