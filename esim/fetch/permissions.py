"""The read-only operations that fetch calls, and the IAM policy that allows these and no others."""

from __future__ import annotations

import json
from dataclasses import dataclass

LOG_GROUP = "/aws/sagemaker/TrainingJobs"

_TUNING = "arn:aws:sagemaker:*:*:hyper-parameter-tuning-job/*"
_TRAINING = "arn:aws:sagemaker:*:*:training-job/*"
_LOGS = f"arn:aws:logs:*:*:log-group:{LOG_GROUP}:*"


@dataclass(frozen=True)
class Operation:
    """An operation of AWS's API.

    Attributes:
        service: boto3's name of the service, which is also the prefix of its actions in IAM.
        name: the operation's name in the API.
        method: the operation's name in boto3.
        resource: the resource on which IAM must allow it; "*" where IAM has no smaller one.
        needs: members without which its answer, or any part of it that has such, is of no use.
        about: the parameter that its answer repeats; None if it does not.
        items, key, token: of an operation that lists things, the member that holds them, the member
            that names each, and parameter and member of the page behind; "" of others.
    """

    service: str
    name: str
    method: str
    resource: str
    needs: tuple[str, ...]
    about: str | None = None
    items: str = ""
    key: str = ""
    token: str = ""

    @property
    def action(self) -> str:
        """The operation's name in IAM: service and name joined by a colon."""
        return f"{self.service}:{self.name}"


# Operations and resources as in AWS's Service Authorization Reference; all of them read or list.
OPERATIONS = {
    operation.method: operation
    for operation in (
        Operation(
            "sagemaker",
            "DescribeHyperParameterTuningJob",
            "describe_hyper_parameter_tuning_job",
            _TUNING,
            needs=(
                "HyperParameterTuningJobName",
                "HyperParameterTuningJobArn",
                "HyperParameterTuningJobConfig",
                "HyperParameterTuningJobStatus",
                "CreationTime",
            ),
            about="HyperParameterTuningJobName",
        ),
        Operation(
            "sagemaker",
            "ListTrainingJobsForHyperParameterTuningJob",
            "list_training_jobs_for_hyper_parameter_tuning_job",
            _TUNING,
            needs=(
                "TrainingJobSummaries",
                "TrainingJobName",
                "TrainingJobStatus",
            ),
            items="TrainingJobSummaries",
            key="TrainingJobName",
            token="NextToken",
        ),
        Operation(
            "sagemaker",
            "DescribeTrainingJob",
            "describe_training_job",
            _TRAINING,
            needs=(
                "TrainingJobName",
                "TrainingJobStatus",
                "CreationTime",
            ),
            about="TrainingJobName",
        ),
        Operation(
            "sagemaker",
            "ListHyperParameterTuningJobs",
            "list_hyper_parameter_tuning_jobs",
            "*",
            needs=(
                "HyperParameterTuningJobSummaries",
                "HyperParameterTuningJobName",
            ),
            items="HyperParameterTuningJobSummaries",
            key="HyperParameterTuningJobName",
            token="NextToken",
        ),
        Operation(
            "logs",
            "DescribeLogStreams",
            "describe_log_streams",
            _LOGS,
            needs=(
                "logStreams",
                "logStreamName",
            ),
            items="logStreams",
            key="logStreamName",
            token="nextToken",
        ),
        Operation(
            "logs",
            "GetLogEvents",
            "get_log_events",
            _LOGS,
            needs=(
                "events",
                "nextForwardToken",
                "timestamp",
                "message",
            ),
        ),
    )
}


def policy() -> str:
    """The smallest IAM policy under which fetch works, as JSON.

    `sagemaker:ListHyperParameterTuningJobs` is needed only for `--all` and for near names in
    errors.
    """
    resources = dict.fromkeys(operation.resource for operation in OPERATIONS.values())
    statements = [
        {
            "Effect": "Allow",
            "Action": [o.action for o in OPERATIONS.values() if o.resource == resource],
            "Resource": resource,
        }
        for resource in resources
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, indent=2)
