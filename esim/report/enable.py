"""How to switch AUTO on for a tuning job: boto3, the SageMaker Python SDK, the console."""

from __future__ import annotations

import json


def how_to_enable(tuning_job: str, objective: str, direction: str) -> tuple[str, ...]:
    """Lines for a terminal, for this very job."""
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
    """A Python string, whole: it is code to copy. Anything a terminal could obey is escaped."""
    return json.dumps(text) if text.isascii() and text.isprintable() else ascii(text)
