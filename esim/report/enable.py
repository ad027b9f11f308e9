"""How to switch on early stopping of type AUTO, and what ends a tuning job, in SageMaker."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from esim.report.rule_words import changed_columns, column_word, preset_of
from esim.report.words import clean
from esim.results.named_rule import NamedRule, RecordedJobRule
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


def switching_on(
    rule: NamedRule, until: Sequence[RecordedJobRule], job: tuple[str, str, str] | None
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """How to switch a rule on where it runs: what the lines are for, and the lines.

    Args:
        rule: the rule.
        until: job-level rules that end the tuning job.
        job: the name, objective and direction of a tuning job of SageMaker; None: of no single job.

    Yields:
        A sentence alone where there are no lines to copy.
    """
    row, changed = preset_of(rule), changed_columns(rule)
    name = clean(rule.name)
    if rule.name.partition("[")[0] == "sagemaker":
        lines = how_to_enable(*(job or ("NAME", "OBJECTIVE", "minimize")))
        yield "Early stopping of type AUTO, for the next tuning job in SageMaker", lines
        if changed:
            yield "SageMaker has no setting for what is changed here: its AUTO takes none.", ()
    elif row is None:
        yield f"{name} is a rule of your own: no system is known that has a switch for it.", ()
    elif row.system == "baseline":
        yield f"{name} is a baseline to compare with, which no system runs.", ()
    else:
        yield f"{name} copies a rule of {row.system} ({row.version}): {row.source}.", ()
        own = [f"{key}={column_word(rule.parameters[column])}"
               for key, column in row.parameters.items() if column in rule.parameters]  # fmt: skip
        if own:
            yield f"Set its own parameters in {row.system} so", tuple(own)
        named = set(row.parameters.values())
        more = [f"{key}={column_word(value)}" for key, value in changed.items() if key not in named]
        if more:
            yield f"{row.system} has no parameter for {', '.join(more)}.", ()
    limits = [
        (one.text.partition("=")[0], float(limit))
        for one in until
        if isinstance(limit := one.parameters.get("limit"), (int, float))
    ]
    ending = how_to_end(job[0] if job else "NAME", limits)
    if ending:
        yield "To have SageMaker end the tuning job so", ending


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
