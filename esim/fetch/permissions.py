"""What fetch may call: read-only operations, and the IAM policy that allows them and no more."""

from __future__ import annotations

import json
from dataclasses import dataclass

LOG_GROUP = "/aws/sagemaker/TrainingJobs"

_TUNING = "arn:aws:sagemaker:*:*:hyper-parameter-tuning-job/*"
_TRAINING = "arn:aws:sagemaker:*:*:training-job/*"
_LOGS = f"arn:aws:logs:*:*:log-group:{LOG_GROUP}:*"


@dataclass(frozen=True)
class Operation:
    """An API operation.

    Attributes:
        service: boto3's name of the service, and IAM's prefix of its actions.
        name: as the API spells it.
        method: as boto3 spells it.
        resource: what IAM must allow it on; "*" where IAM knows no smaller resource.
    """

    service: str
    name: str
    method: str
    resource: str

    @property
    def action(self) -> str:
        """IAM's name: the operation's behind the service's."""
        return f"{self.service}:{self.name}"


# Operations and resources of the Service Authorization Reference; all of them read or list.
OPERATIONS = {
    operation.method: operation
    for operation in (
        Operation(
            "sagemaker",
            "DescribeHyperParameterTuningJob",
            "describe_hyper_parameter_tuning_job",
            _TUNING,
        ),
        Operation(
            "sagemaker",
            "ListTrainingJobsForHyperParameterTuningJob",
            "list_training_jobs_for_hyper_parameter_tuning_job",
            _TUNING,
        ),
        Operation("sagemaker", "DescribeTrainingJob", "describe_training_job", _TRAINING),
        Operation(
            "sagemaker", "ListHyperParameterTuningJobs", "list_hyper_parameter_tuning_jobs", "*"
        ),
        Operation("logs", "DescribeLogStreams", "describe_log_streams", _LOGS),
        Operation("logs", "GetLogEvents", "get_log_events", _LOGS),
    )
}


def policy() -> str:
    """The smallest IAM policy under which fetch works, as JSON.

    `sagemaker:ListHyperParameterTuningJobs` serves `--all` and near names only.
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
