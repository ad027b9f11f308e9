"""Reads NAS-Bench-201: ``NAS-Bench-201-v1_1-096897_cifar100.json`` and its like, also in their zip.

These files are HPOBench's (nasbench_201_data_v1.3.zip): ``{seed: {architecture: {"train_acc1es":
{"0": 14.2, ...}, "train_times": {...}, "eval_acc1es": {"ori-test@0": 9.6, ...}, ...}}}``. What was
evaluated once, at the end, is a metric of one report. A data set with a seed is a study, as a
tuning job trains each architecture once. The objective is the accuracy that is recorded after each
epoch: of x-valid for cifar10-valid, else of ori-test, as in HPOBench
(hpobench/benchmarks/nas/nasbench_201.py). Index 0 is after the first epoch. The seconds are those
of training and of the evaluations on the same images, as the benchmark has them; in NATS-Bench they
are the same for each epoch.

The benchmark's own files (NAS-Bench-201-*.pth, NATS-*.pickle.pbz2) are pickles, which can run any
program when they are loaded. They are recognised, and the error gives the lines that export them
to a table with the authors' library.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from esim.errors import EsimError
from esim.readers.encodings import archive, big_json, cells, jsontext
from esim.readers.formats import Detection, Format, Found
from esim.readers.options import Options
from esim.readers.runs import Curve, Experiment, Run, detected, file_notes, studies
from esim.readers.source import File, Source
from esim.study import Float64, Note

FORMAT = Format(
    name="nasbench201",
    summary="NAS-Bench-201: HPOBench's JSON files, also in their zip; says how to export pickles",
    times=True,
    configs=True,
    several_studies=True,
    first_step="done",
    files="HPOBench's JSON files, also in their zip",
)

EXPORT = """\
from {library}
data, curve = "cifar100", "ori-test"  # or "ImageNet16-120"; of "cifar10-valid" it is "x-valid"
with open(data + ".csv", "w") as out:
    print("study,trial,step,accuracy,elapsed_s", file=out)
    for index in range(len(api)):
        for seed, run in api.query_by_index(index, data, hp="{epochs}").items():
            seconds = 0.0
            for epoch in range({epochs}):
                at = f"{{curve}}@{{epoch}}"
                seconds += run.train_times[epoch] + run.eval_times[at]
                row = f"{{data}}/{{seed}}", index, epoch + 1, run.eval_acc1es[at], seconds
                print(*row, sep=",", file=out)
        api.arch2infos_dict.pop(index)
"""
_NATS = (
    "nats_bench import create\napi = create({path!r}, {space!r}, fast_mode={fast}, verbose=False)"
)
_OLD = "nas_201_api import NASBench201API\napi = NASBench201API({path!r}, verbose=False)"
_PICKLE = re.compile(
    r"(?P<path>(?:.*/)?(?:NAS-Bench-201-v\w+-[0-9a-f]+\.pth"
    r"|NATS-(?P<space>tss|sss)-v\w+-[0-9a-f]+(?:(?P<folder>-simple|-full)|\.pickle\.pbz2)))"
    r"(?P<rest>\.tar|/(?:[0-9]{6}|meta)\.pickle\.pbz2)?"
)
_MEMBER = re.compile(r".*\.json")
_START = re.compile(
    rb'\s*+\{\s*+"[0-9]+"\s*+:\s*+\{\s*+"\|(?:none|skip_connect|nor_conv_|avg_pool_)[^"]*+"\s*+:'
)
_KINDS = {"accuracy": "acc1es", "loss": "losses"}
_INPUT = re.compile(r"([^|~]+)~([0-9])")


def detect(source: Source) -> Detection:
    """Whether there are the JSON files, or pickles of the benchmark's names."""
    files, pickles = _files(source), [*_pickles(source)]
    return detected(files or pickles, "of NAS-Bench-201", frozenset({*files, *pickles}))


def read(source: Source, options: Options) -> Found:
    """Read a study for each data set and seed.

    Args:
        source: the input.
        options: what the user asked for.

    Raises:
        EsimError: there are only pickles, an archive is damaged, the JSON is broken, or an entry
            holds something other than numbers.
    """
    files = _files(source)
    if not files:
        for pickle, named in _pickles(source).items():
            raise _not_opened(pickle, named)
        raise EsimError("no file of NAS-Bench-201", where=source.label)
    found: list[tuple[str, list[Run]]] = []
    objectives: dict[str, str] = {}
    for part in archive.parts(files, _MEMBER):
        data = part.base.removesuffix(".json").rpartition("_")[2]

        def wanted(seed: str, data: str = data) -> bool:
            found.append((f"{data}/{seed}", []))
            return not options.studies or found[-1][0] in options.studies

        for seed, architecture, text in big_json.entries(part.data, part.place, wanted):
            place = f"{part.place}, {seed}, {architecture}"
            entry = jsontext.parse(text, place)
            if not isinstance(entry.get("eval_acc1es"), dict):
                raise EsimError("not an entry of NAS-Bench-201", where=place, why="no eval_acc1es")
            study, runs = found[-1]
            default = objectives.setdefault(study, _default(entry))
            runs.append(_run(architecture, entry, place, options.objective or default))
    experiments = [
        Experiment(
            name=study,
            runs=runs,
            where=f"{source.label}, {study}",
            objective=objectives.get(study),
            objective_from="HPOBench",
            direction="maximize",
            times="elapsed",
            notes=(Note("step_column", "steps are epochs, 0 after the first"),),
        )
        for study, runs in found
    ]
    return studies(experiments, options, source, file_notes(source, set(files)))


def _files(source: Source) -> list[File]:
    return [file for file in source.files if _START.match(archive.beginning(file)[1])]


def _pickles(source: Source) -> dict[File, re.Match[str]]:
    """The pickles of the benchmark's names, and what their paths tell."""
    paths = {
        file: file.path.absolute().as_posix()
        for file in source.files
        if file.base.endswith((".pth", ".pbz2", ".tar"))
    }
    found = {file: _PICKLE.fullmatch(path) for file, path in paths.items()}
    return {file: match for file, match in found.items() if match is not None}


def _not_opened(file: File, named: re.Match[str]) -> EsimError:
    """The error that says how a pickle is exported."""
    space, fast = named["space"], bool(named["folder"])
    library = (_NATS if space else _OLD).format(path=named["path"], space=space, fast=fast)
    install = "nats_bench" if space else "nas-bench-201 'torch<2.6'"
    first = f"tar xf {file}; " if named["rest"] == ".tar" else ""
    return EsimError(
        "a pickle of NAS-Bench-201, which esim never opens",
        where=str(file),
        why="a pickle can run any program when it is loaded",
        fix=(
            "give HPOBench's nasbench_201_data_v1.3.zip, or Syne Tune's blackbox nasbench201; "
            f"or export it: {first}pip install {install}, run these lines with Python, and "
            "then: esim replay cifar100.csv --direction maximize\n\n"
            + EXPORT.format(library=library, epochs=90 if space == "sss" else 200)
        ),
    )


def _default(entry: Any) -> str:
    """The accuracy that is recorded after each epoch: of x-valid, else of ori-test."""
    each_epoch = sum(key.startswith("x-valid@") for key in entry["eval_acc1es"]) > 1
    return "x-valid/accuracy" if each_epoch else "ori-test/accuracy"


def _run(architecture: str, entry: Any, place: str, objective: str) -> Run:
    """The run of an architecture, with the curve of the objective only."""
    sets = dict.fromkeys(key.partition("@")[0] for key in entry["eval_acc1es"])
    metrics = [f"{images}/{kind}" for images in ("train", *sets) for kind in _KINDS]
    curve = _curve(entry, objective, place)
    operations = {
        f"{node}<-{source}": operation
        for node, inputs in enumerate(architecture.split("+"), start=1)
        for operation, source in _INPUT.findall(inputs)
    }
    return Run(architecture, metrics, lambda _: curve, config=operations)


def _curve(entry: Any, objective: str, place: str) -> Curve:
    """The curve of a metric; it has no reports if the entry does not have it."""
    images, _, kind = objective.rpartition("/")
    part, prefix = ("train", "") if images == "train" else ("eval", f"{images}@")
    values = _of_epochs(entry, f"{part}_{_KINDS.get(kind)}", prefix, place)
    steps = sorted(values)
    training = _of_epochs(entry, "train_times", "", place)
    evaluation = _of_epochs(entry, "eval_times", prefix, place) if prefix else {}
    elapsed: Float64 | None = None
    if steps and all(epoch in training for epoch in range(steps[-1] + 1)):
        trained = np.cumsum([training[epoch] for epoch in range(steps[-1] + 1)])
        elapsed = trained[steps] + np.cumsum([evaluation.get(epoch, 0.0) for epoch in steps])
    return Curve(
        np.array(steps, dtype=np.int64),
        np.array([values[step] for step in steps], dtype=np.float64),
        elapsed,
    )


def _of_epochs(entry: Any, name: str, prefix: str, place: str) -> dict[int, float]:
    """The numbers of each epoch, those of keys that begin so; none if the entry lacks the name."""
    numbers = entry.get(name)
    if not isinstance(numbers, Mapping):
        return {}
    try:
        return {
            int(key[len(prefix) :]): cells.number(cell, place, name)
            for key, cell in numbers.items()
            if key.startswith(prefix)
        }
    except EsimError:
        raise
    except ValueError as error:
        raise EsimError("not an epoch", where=place, why=f"{name}: {error}") from None
