"""Reads SageMaker's exported JSON, which describes tuning jobs and their training jobs.

The answers are recognised by their keys, whatever the file is called:
describe-hyper-parameter-tuning-job, describe-training-job, and
list-training-jobs-for-hyper-parameter-tuning-job as one answer, as pages (one after another or in a
list), or as the list of summaries alone.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from esim.errors import EsimError
from esim.readers.encodings.aws_json import documents
from esim.readers.encodings.times import parse_moment
from esim.readers.source import File
from esim.study import Direction, as_direction

_MARKS = (b'"HyperParameterTuningJobConfig"', b'"TrainingJobName"', b'"TrainingJobSummaries"')
_SPOT = "EnableManagedSpotTraining"
_END = "HyperParameterTuningEndTime"
_NUMBERED = re.compile(r"(.+)-(\d{3,})-[0-9a-f]{8}")


@dataclass(frozen=True)
class Completion:
    """What a description says of the end of the whole tuning job; None and False: nothing.

    Attributes:
        target: TargetObjectiveMetricValue.
        not_improving: MaxNumberOfTrainingJobsNotImproving.
        on_convergence: whether convergence was to end it.
        runtime: MaxRuntimeInSeconds.
        autotune: whether Autotune was on, which may choose such settings itself.
        resource: MinResource and MaxResource of strategy Hyperband.
        converged: seconds since 1970 at which SageMaker found that the job had converged.
        without_progress: how many training jobs did not improve, as SageMaker counts them.
    """

    target: float | None = None
    not_improving: int | None = None
    on_convergence: bool = False
    runtime: int | None = None
    autotune: bool = False
    resource: tuple[int | None, int | None] = (None, None)
    converged: float | None = None
    without_progress: int | None = None


@dataclass(frozen=True)
class TuningJob:
    """What describe-hyper-parameter-tuning-job says.

    Attributes:
        name: the tuning job's name.
        path: the file that describes it.
        objective, direction: the objective metric and its direction.
        strategy: how configurations were chosen, such as "Bayesian".
        auto: whether early stopping was on.
        regexes: metric -> its regex, from the training job definitions.
        static: the names of the hyperparameters that were not tuned.
        definitions: how many training job definitions it has, one for each algorithm.
        instance_type, instance_count: type and number of the machines of a training job.
        spot: whether any definition asks for spot instances.
        completion: what was to end the whole job.
        end: seconds since 1970 UTC at which it ended; None if it had not, or that is not recorded.
        cut_short: whether it ended, or may have ended, before all of its training jobs had.
        parents: the tuning jobs that it was warm-started from.
    """

    name: str
    path: str
    objective: str
    direction: Direction
    strategy: str
    auto: bool
    regexes: Mapping[str, str]
    static: frozenset[str]
    definitions: int
    instance_type: str | None
    instance_count: int
    spot: bool = False
    completion: Completion = Completion()
    end: float | None = None
    cut_short: bool = False
    parents: tuple[str, ...] = ()


@dataclass(frozen=True)
class TrainingJob:
    """What the list and the description of a training job say; None where neither does.

    Attributes:
        name: the training job's name.
        tuning: the tuning job's name.
        status: SageMaker's word for how it ended.
        created, start, end: seconds since 1970 UTC.
        final: name and value of the final objective metric.
        tuned: the hyperparameters that were tuned, as text.
        all_hyperparameters: all hyperparameters, as text.
        regexes: metric -> its regex.
        instance_type, instance_count: type and number of its machines.
        zone_known: False if a time named no zone, so that UTC was assumed.
        billed: seconds that were billed.
        spot: whether it asked for spot instances.
        secondary: SageMaker's word for where it was, or for how it ended in more detail.
    """

    name: str
    tuning: str | None = None
    status: str | None = None
    created: float | None = None
    start: float | None = None
    end: float | None = None
    final: tuple[str, float] | None = None
    tuned: Mapping[str, str] | None = None
    all_hyperparameters: Mapping[str, str] | None = None
    regexes: Mapping[str, str] = field(default_factory=dict)
    instance_type: str | None = None
    instance_count: int | None = None
    zone_known: bool = True
    billed: float | None = None
    spot: bool | None = None
    secondary: str | None = None

    @property
    def number(self) -> int | None:
        """The launch number NNN in a name ``<tuning job>-NNN-<8 hex>``; None in other names."""
        match = _NUMBERED.fullmatch(self.name)
        return int(match[2]) if match else None

    def joined(self, other: TrainingJob) -> TrainingJob:
        """This record completed by another one of the same job, whose values win over this one's.

        Args:
            other: the other record.
        """
        news = {key: value for key, value in vars(other).items() if value not in (None, {})}
        news["zone_known"] = self.zone_known and other.zone_known
        return replace(self, **news)


@dataclass(frozen=True)
class Records:
    """What the JSON files of one input say.

    Attributes:
        tuning_jobs, training_jobs: the jobs by name.
        files: the files that were read.
    """

    tuning_jobs: dict[str, TuningJob]
    training_jobs: dict[str, TrainingJob]
    files: frozenset[File]


def is_record(file: File) -> bool:
    """Whether the first bytes look like one of these JSON files."""
    head = file.head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    return head in (b"{", b"[") and any(mark in file.head for mark in _MARKS)


def is_description(file: File) -> bool:
    """Whether the first bytes look like describe-hyper-parameter-tuning-job."""
    return is_record(file) and _MARKS[0] in file.head


def read_records(files: Sequence[File]) -> Records:
    """Read the JSON files.

    Args:
        files: the files (see `is_record`).

    Raises:
        EsimError: the JSON is broken (the error names path and line), a value cannot be (it names
            path and key), or there are two different descriptions of one tuning job.
    """
    tuning: dict[str, TuningJob] = {}
    training: dict[str, TrainingJob] = {}
    for file in files:
        for document in (d for whole in documents(file) for d in _opened(whole)):
            if "HyperParameterTuningJobConfig" in document:
                found = _tuning_job(document, str(file))
                known = tuning.setdefault(found.name, found)
                if replace(known, path="") != replace(found, path=""):
                    raise EsimError(
                        f"two different descriptions of tuning job {found.name!r}",
                        where=str(file),
                        why=f"the other is {known.path}",
                    )
            elif "TrainingJobName" in document:
                job = _training_job(document, str(file))
                training[job.name] = training[job.name].joined(job) if job.name in training else job
    return Records(tuning, training, frozenset(files))


def _opened(document: Any) -> Iterator[dict[str, Any]]:
    if isinstance(document, list):
        for item in document:
            yield from _opened(item)
    elif isinstance(document, dict):
        summaries = document.get("TrainingJobSummaries")
        if isinstance(summaries, list):
            yield from _opened(summaries)
        else:
            yield document


def _tuning_job(document: dict[str, Any], path: str) -> TuningJob:
    fields = _Fields(document, path)
    config = fields.part("HyperParameterTuningJobConfig")
    several = fields.get("TrainingJobDefinitions", list) or []
    definitions = [_Fields(d, path, "TrainingJobDefinitions") for d in several] or [
        fields.part("TrainingJobDefinition", optional=True)
    ]
    objectives = [
        part
        for part in (
            config.part("HyperParameterTuningJobObjective", optional=True),
            *(definition.part("TuningObjective", optional=True) for definition in definitions),
        )
        if part.values
    ]
    if not objectives:
        raise fields.missing("HyperParameterTuningJobConfig.HyperParameterTuningJobObjective")
    named = {(o.need("MetricName", str), o.need("Type", str)) for o in objectives}
    if len(named) > 1:
        raise EsimError(
            "a tuning job with several objectives",
            where=path,
            why=", ".join(sorted(metric for metric, _ in named)),
            fix="keep one definition per description",
        )
    metric, kind = named.pop()
    regexes: dict[str, str] = {}
    static: set[str] = set()
    for definition in definitions:
        regexes.update(_regexes(definition))
        static.update(definition.get("StaticHyperParameters", dict) or {})
    machines = definitions[0].part("ResourceConfig", optional=True)
    if not machines.values:
        machines = definitions[0].part("HyperParameterTuningResourceConfig", optional=True)
    try:
        direction = as_direction(kind)
    except EsimError as error:
        raise EsimError(error.what, where=path, fix=error.fix) from None
    end = document.get(_END)
    warm = fields.part("WarmStartConfig", optional=True)
    parents = [
        _Fields(parent, path, "ParentHyperParameterTuningJobs")
        for parent in warm.get("ParentHyperParameterTuningJobs", list) or []
    ]
    return TuningJob(
        name=fields.need("HyperParameterTuningJobName", str),
        path=path,
        objective=metric,
        direction=direction,
        strategy=config.get("Strategy", str) or "Bayesian",  # the API's default
        auto=(config.get("TrainingJobEarlyStoppingType", str) or "Off").lower() == "auto",
        regexes=regexes,
        static=frozenset(static),
        definitions=len(definitions),
        instance_type=machines.get("InstanceType", str),
        instance_count=machines.get("InstanceCount", int) or 1,
        spot=any(definition.flag(_SPOT) for definition in definitions),
        end=None if end is None else parse_moment(end, f"{path}, {_END}").seconds,
        cut_short=_cut_short(fields, config),
        parents=tuple(p.need("HyperParameterTuningJobName", str) for p in parents),
        completion=_completion(fields, config, path),
    )


def _cut_short(fields: _Fields, config: _Fields) -> bool:
    """Whether the tuning job was stopped, or had a limit at which it stops what still runs."""
    status = fields.get("HyperParameterTuningJobStatus", str)
    limits = config.part("ResourceLimits", optional=True)
    return (
        status in ("Stopping", "Stopped", "Failed")
        or limits.get("MaxRuntimeInSeconds", int) is not None
        or bool(config.part("TuningJobCompletionCriteria", optional=True).values)
    )


def _completion(fields: _Fields, config: _Fields, path: str) -> Completion:
    """What ends the job, of a description and its HyperParameterTuningJobConfig."""
    criteria = config.part("TuningJobCompletionCriteria", optional=True)
    best = criteria.part("BestObjectiveNotImproving", optional=True)
    convergence = criteria.part("ConvergenceDetected", optional=True)
    hyperband = config.part("StrategyConfig", optional=True)
    hyperband = hyperband.part("HyperbandStrategyConfig", optional=True)
    details = fields.part("TuningJobCompletionDetails", optional=True)
    autotune = fields.part("Autotune", optional=True)
    key, converged = "ConvergenceDetectedTime", None
    if details.values.get(key) is not None:
        where = f"{path}, TuningJobCompletionDetails.{key}"
        converged = parse_moment(details.values[key], where).seconds
    return Completion(
        target=criteria.get("TargetObjectiveMetricValue", int, float),
        not_improving=best.get("MaxNumberOfTrainingJobsNotImproving", int),
        on_convergence=convergence.get("CompleteOnConvergence", str) == "Enabled",
        runtime=config.part("ResourceLimits", optional=True).get("MaxRuntimeInSeconds", int),
        autotune=autotune.get("Mode", str) == "Enabled",
        resource=(hyperband.get("MinResource", int), hyperband.get("MaxResource", int)),
        converged=converged,
        without_progress=details.get("NumberOfTrainingJobsObjectiveNotImproving", int),
    )


def _training_job(document: dict[str, Any], path: str) -> TrainingJob:
    fields = _Fields(document, path)
    name = fields.need("TrainingJobName", str)
    fields = _Fields(document, path, name)
    machines = fields.part("ResourceConfig", optional=True)
    final = fields.part("FinalHyperParameterTuningJobObjectiveMetric", optional=True)
    value = final.get("Value", int, float)
    arn = fields.get("TuningJobArn", str)
    moments = {
        key: parse_moment(document[key], f"{path}, {name}, {key}")
        for key in ("CreationTime", "TrainingStartTime", "TrainingEndTime")
        if document.get(key) is not None
    }
    seconds = {key: moment.seconds for key, moment in moments.items()}
    return TrainingJob(
        name=name,
        tuning=fields.get("TuningJobName", str) or (arn.rsplit("/", 1)[-1] if arn else None),
        status=fields.get("TrainingJobStatus", str),
        created=seconds.get("CreationTime"),
        start=seconds.get("TrainingStartTime"),
        end=seconds.get("TrainingEndTime"),
        final=None if value is None else (final.get("MetricName", str) or "", float(value)),
        tuned=fields.texts("TunedHyperParameters"),
        all_hyperparameters=fields.texts("HyperParameters"),
        regexes=_regexes(fields),
        instance_type=machines.get("InstanceType", str),
        instance_count=machines.get("InstanceCount", int),
        zone_known=all(moment.zone_known for moment in moments.values()),
        billed=fields.get("BillableTimeInSeconds", int, float),
        spot=fields.flag(_SPOT),
        secondary=fields.get("SecondaryStatus", str),
    )


def _regexes(fields: _Fields) -> dict[str, str]:
    algorithm = fields.part("AlgorithmSpecification", optional=True)
    found = {}
    for entry in algorithm.get("MetricDefinitions", list) or []:
        definition = _Fields(entry, fields.path, "MetricDefinitions")
        found[definition.need("Name", str)] = definition.need("Regex", str)
    return found


class _Fields:
    """A JSON object whose values are checked when they are read; errors name path and key."""

    def __init__(self, values: Any, path: str, inside: str = "") -> None:
        self.path, self.inside = path, inside
        if not isinstance(values, dict):
            raise EsimError(f"{inside} is not an object", where=path, why=f"{values!r:.80}")
        self.values: dict[str, Any] = values

    def get(self, key: str, *kinds: type) -> Any:
        """The value of a key, None if it is absent or null.

        Raises EsimError for other types, and for whole numbers that no array of numbers can hold.
        """
        value = self.values.get(key)
        most = sys.float_info.max if float in kinds else 2**63 - 1
        wrong = isinstance(value, bool) or not isinstance(value, kinds)
        wrong = wrong or (isinstance(value, int) and abs(value) > most)
        if value is not None and wrong:
            words = " or ".join(kind.__name__ for kind in kinds)
            raise EsimError(
                f"{self._at(key)} is not {words}", where=self.path, why=f"{value!r:.80}"
            )
        return value

    def flag(self, key: str) -> bool | None:
        """The value of a key, None if it is absent or null. Raises EsimError if it is no flag."""
        value = self.values.get(key)
        if value is None or isinstance(value, bool):
            return value
        raise EsimError(f"{self._at(key)} is not bool", where=self.path, why=f"{value!r:.80}")

    def need(self, key: str, *kinds: type) -> Any:
        value = self.get(key, *kinds)
        if value is None:
            raise self.missing(key)
        return value

    def part(self, key: str, optional: bool = False) -> _Fields:
        value = self.get(key, dict) if optional else self.need(key, dict)
        return _Fields(value or {}, self.path, self._at(key))

    def texts(self, key: str) -> dict[str, str] | None:
        values = self.get(key, dict)
        return None if values is None else {name: str(value) for name, value in values.items()}

    def missing(self, key: str) -> EsimError:
        return EsimError(f"no {self._at(key)}", where=self.path)

    def _at(self, key: str) -> str:
        return f"{self.inside}.{key}" if self.inside else key
