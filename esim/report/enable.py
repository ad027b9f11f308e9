"""How to switch on early stopping of type AUTO for a tuning job of SageMaker."""

from __future__ import annotations

import json


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
    job, metric = _literal(tuning_job), _literal(objective)
    return (
        "boto3    config = sm.describe_hyper_parameter_tuning_job(",
        f'             HyperParameterTuningJobName={job})["HyperParameterTuningJobConfig"]',
        '         config["TrainingJobEarlyStoppingType"] = "Auto"'
        "  # then create_hyper_parameter_tuning_job",
        f"SDK      HyperparameterTuner(..., objective_metric_name={metric},",
        f'             objective_type="{kind}", early_stopping_type="Auto")',
        "console  Create hyperparameter tuning job: Early stopping, Auto",
    )


def _literal(text: str) -> str:
    """The text as a Python literal to copy: not shortened, and with control characters escaped."""
    return json.dumps(text) if text.isascii() and text.isprintable() else ascii(text)
