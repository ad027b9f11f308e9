"""Tells from names who printed a log: the training job, the host, and the start of a log stream.

The names are declared as data, each row with examples. Sources: Amazon SageMaker Developer Guide,
"Log Groups and Streams"; CloudWatch Logs, "Export log data to Amazon S3" (a "/" of the stream
becomes "-"); PyTorch, "torchrun" (``--log-dir``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath

from esim.readers.source import File
from esim.readers.text.log_text import NOBODY, Printer

ENDINGS = frozenset(
    {".log", ".txt", ".text", ".out", ".err", ".json", ".jsonl", ".csv", ".md", ".ipynb", ".gz"}
)


@dataclass(frozen=True)
class NameForm:
    """How a name tells who printed what it names.

    Attributes:
        name: what such names are.
        regex: matches the whole name; with the groups `job`, `host`, `started`, `run` and `rank`
            as far as it tells them.
        samples: such names, and what a person reads in them.
    """

    name: str
    regex: re.Pattern[str]
    samples: tuple[tuple[str, Printer], ...]


# Of a stream or a file's path, without the endings of its kind and compression. Of several forms
# that match the first one counts.
NAME_FORMS: tuple[NameForm, ...] = (
    NameForm(
        "containers of local mode",
        re.compile(
            r"(?:.*/)?(?:[\w.-]+[_-])?(?P<host>algo-\d+)-(?P<run>(?!\d{5})[a-z0-9]{5})"
            r"(?:[_-]\d{1,3})?"
        ),
        (("algo-1-1kcnw_1", Printer(None, "algo-1", 0, "1kcnw")),),
    ),
    NameForm(
        "AWS Batch's log streams",
        re.compile(r"(?:.*/)?(?P<job>[^/]+/default/[0-9a-f]{32})"),
        (("train/default/" + "0a" * 16, Printer("train/default/" + "0a" * 16)),),
    ),
    NameForm(
        "log streams in a folder that names no job",
        re.compile(
            r"(?:.*/)?(?P<job>logs?|streams?|outputs?|downloads?)/(?P<host>algo-\d+)"
            r"-(?P<started>(?P<run>\d{6,}))"
        ),
        (("logs/algo-1-1709287200", Printer("logs", "algo-1", 1709287200, "1709287200")),),
    ),
    NameForm(
        "SageMaker's log streams, also as folders",
        re.compile(
            r"(?:.*/)?(?P<job>[^/]+)/(?P<host>algo-\d+)(?:-(?P<started>\d+))?(?:-\w+)?(?:/\d+)?"
        ),
        (
            (
                "tune-001-0a1b2c3d/algo-1-1709287200",
                Printer("tune-001-0a1b2c3d", "algo-1", 1709287200),
            ),
            ("x/logs/job-1/algo-2-1", Printer("job-1", "algo-2", 1)),
            ("job/algo-12", Printer("job", "algo-12")),
        ),
    ),
    NameForm(
        "the same as S3 exports write them, and as files beside one another",
        re.compile(r"(?:.*/)?(?P<job>[^/]+?)-(?P<host>algo-\d+)-(?P<started>\d{6,})(?:/\d+)?"),
        (("task/job-1-algo-2-1709287200/000000", Printer("job-1", "algo-2", 1709287200)),),
    ),
    NameForm(
        "what torchrun --log-dir writes",
        re.compile(r"(?:.*/)?(?P<job>[^/]+)/attempt_(?P<started>\d+)/(?P<rank>\d+)/std(?:out|err)"),
        (("runs/none_x1y2/attempt_0/3/stdout", Printer("none_x1y2", "rank 3", 0)),),
    ),
    NameForm(
        "a file for each rank",
        re.compile(r"(?:.*/)?(?P<job>[^/]+)/rank[-_]?(?P<rank>\d+)"),
        (("runs/a/rank_2", Printer("a", "rank 2")),),
    ),
)


def printer_of(name: str) -> Printer:
    """Who prints a log stream, or a file of this path without its endings.

    >>> printer_of("job-1/algo-2-1709287200")
    Printer(job='job-1', host='algo-2', started=1709287200, run='')
    """
    match = _match_of(name)
    return NOBODY if match is None else printer_from(match)


def printer_from(match: re.Match[str]) -> Printer:
    """Who the groups of a match name."""
    found = {key: value for key, value in match.groupdict().items() if value}
    host = found.get("host", "")
    if "rank" in found:
        host = f"{host} rank {int(found['rank'])}".strip()
    return Printer(found.get("job"), host, int(found.get("started", 0)), found.get("run", ""))


def printer_of_file(file: File) -> tuple[Printer, str]:
    """Who printed a file as its path tells, and the folder in which the job's own folder lies.

    The folder is "" where the path holds the name of a log stream in one piece, as S3 exports do:
    parts of one stream may lie in several folders.
    """
    path = PurePosixPath(file.plain_name)
    while path.suffix in ENDINGS:
        path = path.with_suffix("")
    name = f"{_folder_above(file.root)}/{path.as_posix()}"
    match = _match_of(name)
    if match is None:
        return NOBODY, ""
    found = printer_from(match)
    inside = found.job is not None and name[match.end("job")] == "/"
    return found, name[: match.start("job")] if inside else ""


def _match_of(name: str) -> re.Match[str] | None:
    """The match of the first form that a whole name has."""
    return next((match for form in NAME_FORMS if (match := form.regex.fullmatch(name))), None)


@lru_cache(maxsize=64)  # the files of an input have few roots
def _folder_above(root: Path) -> str:
    """The name of the folder that the name of a file is relative to."""
    whole = root.resolve()
    return whole.name if whole.is_dir() else whole.parent.name
