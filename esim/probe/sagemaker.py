"""A probe of SageMaker: requests for its tuning jobs, what they run, and how to go about it."""

from __future__ import annotations

import gzip
import io
import json
import re
import tarfile
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from esim.errors import EsimError
from esim.probe.design import Design, ProbeJob
from esim.storage.folders import whole_folder

SCRIPT, CURVES, SOURCE, README = "train.py", "design.json", "source.tar.gz", "README.md"
METRIC = {"Name": "objective", "Regex": r"objective=([-+]?[0-9.]+(?:e[-+]?[0-9]+)?)"}
# A tuning job's name has at most 32 characters, of which "-four" takes five.
_PREFIX = re.compile(r"(?=.{1,27}$)[A-Za-z0-9](-*[A-Za-z0-9])*")
_SLACK_S = 3600  # beyond its curve, before a job is ended


@dataclass(frozen=True)
class Account:
    """What the requests say of the account that is to run them.

    Attributes:
        prefix: the tuning jobs' names begin with it.
        role: the ARN of the role that the training jobs run under.
        image: the address of the container image; one in which SageMaker's training toolkit runs a
            script, such as AWS's own for scikit-learn or PyTorch.
        bucket: the bucket that takes the script, and the jobs' (empty) output.
        instance_type: what they run on.
        price: money per instance-hour; None: unknown.
        currency: of the price.

    Raises:
        EsimError: the name is none that AWS takes, or the price is below 0.
    """

    prefix: str = "esim-probe"
    role: str = "ROLE_ARN"
    image: str = "IMAGE_URI"
    bucket: str = "BUCKET"
    instance_type: str = "ml.m5.large"
    price: float | None = None
    currency: str = "USD"

    def __post_init__(self) -> None:
        if not _PREFIX.fullmatch(self.prefix):
            raise EsimError(
                f"tuning jobs cannot be named {self.prefix!r}",
                fix="1 to 27 letters and digits, with hyphens between; a word is put behind",
            )
        if self.price is not None and not self.price >= 0:
            raise EsimError(f"price cannot be {self.price!r}", fix="a number, at least 0")

    @property
    def missing(self) -> tuple[str, ...]:
        """What the requests leave to be filled in."""
        blank = Account()
        return tuple(
            getattr(blank, name)
            for name in ("role", "image", "bucket")
            if getattr(self, name) == getattr(blank, name)
        )


def request(design: Design, job: ProbeJob, account: Account) -> dict[str, Any]:
    """The arguments of boto3's `create_hyper_parameter_tuning_job` for one tuning job."""
    limits = {"MaxParallelTrainingJobs": job.workers}
    if job.strategy != "Grid":  # which takes every combination, and is told no number
        limits["MaxNumberOfTrainingJobs"] = len(job.curves)
    longest = max(rows[-1][0] for rows in job.curves.values())
    asked: dict[str, Any] = {
        "HyperParameterTuningJobName": f"{account.prefix}-{job.name}",
        "HyperParameterTuningJobConfig": {
            "Strategy": job.strategy,
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": METRIC["Name"]},
            "ResourceLimits": limits,
            "ParameterRanges": {
                "CategoricalParameterRanges": [{"Name": "curve", "Values": list(job.curves)}]
            },
            "TrainingJobEarlyStoppingType": "Auto",
        },
        "TrainingJobDefinition": {
            "StaticHyperParameters": {
                "sagemaker_program": SCRIPT,
                "sagemaker_submit_directory": f"s3://{account.bucket}/{account.prefix}/{SOURCE}",
            },
            "AlgorithmSpecification": {
                "TrainingImage": account.image,
                "TrainingInputMode": "File",
                "MetricDefinitions": [METRIC],
            },
            "RoleArn": account.role,
            "OutputDataConfig": {"S3OutputPath": f"s3://{account.bucket}/{account.prefix}/output"},
            "ResourceConfig": {
                "InstanceType": account.instance_type,
                "InstanceCount": 1,
                "VolumeSizeInGB": 5,
            },
            "StoppingCondition": {"MaxRuntimeInSeconds": int(longest * design.epoch_s) + _SLACK_S},
        },
    }
    if job.parent is not None:
        parent = {"HyperParameterTuningJobName": f"{account.prefix}-{job.parent}"}
        asked["WarmStartConfig"] = {
            "ParentHyperParameterTuningJobs": [parent],
            "WarmStartType": "IdenticalDataAndAlgorithm",
        }
    return asked


def write_probe(folder: Path, design: Design, account: Account) -> None:
    """Write a probe into a folder of its own. Nothing is started.

    Args:
        folder: new, empty, or with an earlier probe, which is replaced.
        design: what it runs.
        account: who runs it.

    Raises:
        EsimError: the folder holds other things, or cannot be written.
    """
    script = files("esim.probe").joinpath(SCRIPT).read_bytes()
    curves = json.dumps(design.to_dict()).encode()
    found = {
        SCRIPT: script,
        CURVES: curves,
        SOURCE: _packed({SCRIPT: script, CURVES: curves}),
        README: readme(design, account).encode(),
    }
    for job in design.jobs:
        asked = json.dumps(request(design, job, account), indent=2) + "\n"
        found[f"{job.name}.json"] = asked.encode()
    with whole_folder(folder, lambda path: str(path) in found) as partial:
        for name, content in found.items():
            (partial / name).write_bytes(content)


def _packed(contents: dict[str, bytes]) -> bytes:
    """Files as a .tar.gz, the same bytes each time."""
    packed = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=packed, mode="wb", mtime=0, filename="") as gz,
        tarfile.open(fileobj=gz, mode="w", format=tarfile.USTAR_FORMAT) as tar,
    ):
        for name, content in contents.items():
            about = tarfile.TarInfo(name)
            about.size, about.mode = len(content), 0o644
            tar.addfile(about, io.BytesIO(content))
    return packed.getvalue()


def minutes(design: Design, job: ProbeJob) -> float:
    """Instance-minutes that a tuning job's curves take if none is stopped."""
    return job.epochs() * design.epoch_s / 60


def readme(design: Design, account: Account) -> str:
    """How to run the probe, on one page."""
    rows = []
    for job in design.jobs:
        at_most = minutes(design, job)
        wall = at_most / job.workers / 60
        cost = "" if account.price is None else f" {at_most / 60 * account.price:.2f} |"
        rows.append(
            f"| `{job.name}.json` | {len(job.curves)} | {job.workers} | {at_most:,.0f} | "
            f"{wall:,.0f} h |{cost}"
        )
    head = "" if account.price is None else f" {account.currency} |"
    total = sum(minutes(design, job) for job in design.jobs)
    money = ""
    if account.price is not None:
        money = f", {total / 60 * account.price:.2f} {account.currency}"
    names = [f"{account.prefix}-{job.name}" for job in design.jobs]
    warm = [job for job in design.jobs if job.parent is not None]
    blanks = (
        f"Fill in {', '.join(account.missing)} in the .json files, or write them anew with "
        "`esim probe sagemaker` and `--role`, `--image`, `--bucket`.\n\n"
        if account.missing
        else ""
    )
    start = "\n".join(
        f"    aws sagemaker create-hyper-parameter-tuning-job --cli-input-json file://{job.name}.json"
        for job in design.jobs
    )
    fetch = "\n".join(f"    esim fetch sagemaker {name}" for name in names)
    after = "; ".join(
        f"`{account.prefix}-{job.name}` only once `{account.prefix}-{job.parent}` has ended"
        for job in warm
    )
    return f"""# Which rule does SageMaker's early stopping run?

Training jobs that print designed curves and train nothing, with early stopping on. Which of them
are stopped, and where, tells the readings of the documentation apart. esim has started nothing:
these are the files, and you run them.

## What it costs

| request | training jobs | at a time | instance-minutes | time |{head}
|---|---|---|---|---|{"---|" if head else ""}
{chr(10).join(rows)}

At most {total:,.0f} instance-minutes on {account.instance_type}{money}: as jobs are stopped, it is
less. Each job's start (the image's download) is billed on top, and the minutes between two jobs
make it longer. Storage is nothing to speak of.

## Steps

{blanks}1. Put the script where the jobs look for it:

    aws s3 cp {SOURCE} s3://{account.bucket}/{account.prefix}/{SOURCE}

2. Start the tuning jobs; {after}:

{start}

3. Do not stop a job by hand: that would speak against the rule that runs. Once all have ended:

{fetch}
    esim identify {" ".join(names)}

An epoch lasts {design.epoch_s:g} s. Should stopped jobs still report after
they were told to stop (most images do not pass the signal on), say for how long they may:
`esim identify ... --stop-latency-s 120`. If no rule is left, the service may
look at a report some seconds later: `--poll-s 10`.

## Permissions

- Yours: `sagemaker:CreateHyperParameterTuningJob`, `iam:PassRole` for the role, `s3:PutObject` for
  the script; for fetching, what `esim fetch sagemaker --policy` prints.
- The role's: `s3:GetObject` and `s3:PutObject` under `s3://{account.bucket}/{account.prefix}/`,
  `s3:ListBucket`; `logs:CreateLogGroup`, `logs:CreateLogStream`, `logs:PutLogEvents`,
  `cloudwatch:PutMetricData`; and, to load the image, `ecr:GetAuthorizationToken`,
  `ecr:BatchGetImage`, `ecr:GetDownloadUrlForLayer`. SageMaker must be allowed to assume it.

The image is any in which SageMaker's training toolkit runs a script, such as AWS's images for
scikit-learn or PyTorch in your region. A script of your own may stand in for {SCRIPT} if it prints
the same lines: the n-th job of a tuning job prints the n-th curve, as its name tells the number
(`TRAINING_JOB_NAME`); where it does not, the job prints the curve that it is asked for. The first
line of a job's log says which, and how it was chosen.
"""
