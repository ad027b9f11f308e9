"""What programs put in front of each line that they pass on: times, log streams, containers, ranks.

The forms are declared as data, each with examples, and are looked for again behind one another, so
that ``<time> <stream> [1,0]<stdout>: <message>`` names all three. Sources: AWS CLI, "aws logs
tail"; awslogs; Docker Compose, "logs"; kubectl, "logs --prefix"; Open MPI, "--tag-output"; Horovod,
"horovodrun"; PyTorch, "torchrun --tee"; Ray, "Logging".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from itertools import pairwise

from esim.readers.text.log_text import NOBODY, Printer
from esim.readers.text.printers import printer_from, printer_of


@dataclass(frozen=True)
class Prefix:
    """What stands in front of a line.

    Attributes:
        name: who puts it there.
        regex: matches it; with the groups of `esim.readers.text.printers.NameForm`, or `time`, or
            `name` for the name of a log stream or container.
        samples: lines, and who a person reads has printed them.
        holds: a text that every such line holds; looked for first, because that is fast.
        every: whether it stands in front of every event, so that it is looked for only where a text
            begins with it. A program may print the name of a log stream, too.
    """

    name: str
    regex: str
    samples: tuple[tuple[str, Printer], ...]
    holds: str = ""
    every: bool = False


# The time that an export puts in front of a line: CloudWatch's, Docker's, Kubernetes'.
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:?\d\d)"

PREFIXES: tuple[Prefix, ...] = (
    Prefix(
        "the time: aws logs tail, S3 exports, docker logs -t, kubectl logs --timestamps",
        rf"(?P<time>{TIME})(?:[ \t]|$)",
        (("2026-11-23T16:11:03.000Z [0]#011train-rmse:0.5", NOBODY),),
    ),
    Prefix(
        "the time without its zone: aws logs tail --format short",
        r"(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d) ",
        (("2026-11-23T16:11:03 [0]#011train-rmse:0.5", NOBODY),),
        every=True,
    ),
    Prefix(
        "the log group: awslogs get",
        r"/aws/sagemaker/\w{1,99} {1,99}(?=\S)",
        (("/aws/sagemaker/TrainingJobs j1/algo-1-17 mse: 0.9", Printer("j1", "algo-1", 17)),),
        every=True,
    ),
    Prefix(
        "the log stream: aws logs tail, awslogs get",
        r"(?P<name>[\w.-]{1,256}/(?:algo-\d{1,4}[\w./-]{0,99}|default/[0-9a-f]{32})) {1,99}",
        (("job-1/algo-2-1709287200   mse: 0.9", Printer("job-1", "algo-2", 1709287200)),),
        every=True,
    ),
    Prefix(
        "the container: SageMaker's local mode",
        r"(?P<name>(?:[\w.-]{1,99}[_-])?algo-\d{1,4}-\w{5}(?:[_-]\d{1,3})?) {0,99}\| ?",
        (
            ("algo-1-1kcnw_1  | mse: 0.9", Printer(None, "algo-1", 0, "1kcnw")),
            ("77w2vb4bc8-algo-2-nbhoa  | mse: 0.9", Printer(None, "algo-2", 0, "nbhoa")),
        ),
        holds="|",
    ),
    Prefix(
        "the process: mpirun --tag-output, horovodrun",
        r"(?:[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d [\d:]{8} \d{4})?"
        r"\[(?:\d{1,9},)?(?:mpirank:)?(?P<rank>\d{1,9})(?:,(?P<host>algo-\d{1,4}))?\]"
        r"<std(?:out|err)>:? ?",
        (
            ("[1,3]<stdout>:mse: 0.9", Printer(None, "rank 3")),
            ("[0]<stderr>: mse: 0.9", Printer(None, "rank 0")),
            ("[1,mpirank:1,algo-2]<stdout>:mse: 0.9", Printer(None, "algo-2 rank 1")),
        ),
        holds="]<std",
    ),
    Prefix(
        "the process: torchrun --tee",
        r"\[(?:default|rank|trainer|worker)_?(?P<rank>\d{1,9})\]: ?",
        (("[default1]:mse: 0.9", Printer(None, "rank 1")),),
        holds="]:",
    ),
    Prefix(
        "the pod: kubectl logs --prefix",
        r"\[pod/(?P<pod>[^\]/\s]{1,253})/(?P<container>[^\]\s]{1,253})\] ?",
        (
            ("[pod/train-a-worker-1/pytorch] mse: 0.9", Printer("train-a", "worker-1")),
            ("[pod/train-b/main] mse: 0.9", Printer("train-b")),
        ),
        holds="[pod/",
    ),
    Prefix(
        "the process: Ray",
        r"\((?P<actor>\w{1,99})(?: [^()\s]{1,99})? pid=(?P<pid>\d{1,9})(?:, ip=[\w.:]{1,64})?\) ",
        (
            ("(RayTrainWorker pid=71, ip=10.0.0.7) mse: 0.9", Printer(None, "RayTrainWorker 71")),
            ("(train_fn pid=71) mse: 0.9", Printer("train_fn 71")),
        ),
        holds=" pid=",
    ),
)

# Prefixes that much else looks like: they count only where every line has one, and several of them
# take turns.
UNIFORM: tuple[Prefix, ...] = (
    Prefix(
        "the process: srun --label",
        r"(?P<rank>\d{1,5}): ",
        (("3: mse: 0.9", Printer(None, "rank 3")),),
    ),
    Prefix(
        "the container: Docker Compose",  # replicas of a service are one job
        r"(?!(?i:debug|info|warn\w*|error|critical|train(?:ing)?|val\w*|test\w*|eval\w*|dev) )"
        r"(?P<job>[A-Za-z][\w.-]{0,99}?)(?:[_-](?P<host>\d{1,3}))? {1,99}\| ?",
        (
            ("train-small  | mse: 0.9", Printer("train-small")),
            ("train-2  | mse: 0.9", Printer("train", "2")),
        ),
    ),
)

# The rows that are times, and what makes such a time whole.
_TIMES = {"p0": "", "p1": "Z"}
_POD_HOST = re.compile(r"(.+?)-((?:master|worker|launcher|chief|ps)-\d+)(?:-\w{5})?")
_MOST = 6  # prefixes in front of one line
_ABOVE = 5  # lines
_WORKERS = ("RayTrainWorker", "TrainWorker", "RayWorker")


@dataclass(frozen=True)
class Line:
    """A line without what others have put in front of it.

    Attributes:
        printer: who printed it, as far as the prefixes tell.
        time: the time in front of it, as text; "" if there is none.
        message: the rest.
        prefixed: whether a prefix names its printer.
    """

    printer: Printer
    time: str
    message: str
    prefixed: bool


def read_line(line: str, every: bool = True) -> Line:
    """What the prefixes of a line say.

    Args:
        line: the line.
        every: whether prefixes that stand in front of every event are looked for, too.

    >>> read_line("/aws/sagemaker/TrainingJobs j1/algo-1-17 mse: 0.9").printer
    Printer(job='j1', host='algo-1', started=17, run='')
    """
    printer, time, at, prefixed = NOBODY, "", 0, False
    match = _anything(every).match
    for _ in range(_MOST):
        found = match(line, at)
        if found is None:
            break
        kind = found.lastgroup or ""
        if kind in _TIMES:
            if time:  # the program's own time, behind the export's
                break
            time = found[0].rstrip() + _TIMES[kind]
        else:
            prefixed = True
            printer = _joined(printer, _named(kind, found[0]))
        at = found.end()
    return Line(printer, time, line[at:], prefixed)


@lru_cache(maxsize=4096)  # a text has few printers and many lines
def _named(kind: str, text: str) -> Printer:
    """Who the text of a prefix names."""
    match = re.match(PREFIXES[int(kind[1:])].regex, text + "x")
    assert match is not None  # it has just matched as a part of the whole
    found = match.groupdict()
    if "name" in found:
        name = found["name"]
        known = printer_of(name)
        return known if known != NOBODY else Printer(host=name)
    if "pod" in found:
        pod = _POD_HOST.fullmatch(found["pod"])
        return Printer(pod[1], pod[2]) if pod else Printer(found["pod"])
    if "actor" in found:
        name = f"{found['actor']} {found['pid']}"
        return Printer(host=name) if found["actor"] in _WORKERS else Printer(name)
    return printer_from(match)


@lru_cache(maxsize=4096)
def _joined(outer: Printer, inner: Printer) -> Printer:
    """Who is named by two prefixes, one behind the other."""
    return replace(
        outer,
        job=outer.job or inner.job,
        host=" ".join(filter(None, (outer.host, inner.host))),
        started=outer.started or inner.started,
        run=outer.run or inner.run,
    )


@cache
def _anything(every: bool) -> re.Pattern[str]:
    """The prefixes in one pattern, each in a group p0, p1, ... without groups inside."""
    rows = [f"(?P<p{i}>{_plain(p)})" for i, p in enumerate(PREFIXES) if every or not p.every]
    return re.compile("|".join(rows))


@cache
def _at_lines(prefix: Prefix) -> re.Pattern[str]:
    """A prefix at the begin of a line, or behind a time there."""
    return re.compile(rf"^(?:{TIME}[ \t])?{_plain(prefix)}", re.MULTILINE)


@cache
def _ahead() -> re.Pattern[str]:
    """The prefixes that stand in front of every event, at the begin of a text."""
    rows = "|".join(_plain(p) for p in PREFIXES if p.every)
    return re.compile(rf"(?:{TIME}[ \t])?(?:{rows})")


def _plain(prefix: Prefix) -> str:
    return f"(?:{re.sub(r'[(][?]P<[a-z]+>', '(?:', prefix.regex)})"


def begins_with_printers(text: str) -> bool:
    """Whether one of the first lines has a prefix that stands in front of every event.

    The command that printed the text may stand above it.
    """
    return any(_ahead().match(line) for line in text.split("\n", _ABOVE)[:_ABOVE])


def names_printers(text: str) -> bool:
    """Whether other prefixes name the printers of some lines of a text."""
    inside = [p for p in PREFIXES if p.holds and p.holds in text]
    return any(_at_lines(prefix).search(text) for prefix in inside)


def uniform_prefix(text: str) -> Prefix | None:
    """The prefix of `UNIFORM` that every line of a text has; None if there is none.

    Args:
        text: some lines, of which the first and the last may be cut off.
    """
    lines = [line for line in text.split("\n") if line.strip()]
    for prefix in UNIFORM:
        match = re.compile(prefix.regex).match
        names = []
        for line in lines[1:-1] or lines:
            found = match(line)
            if found is None:  # nearly always the first line
                break
            names.append(found[0])
        else:
            turns = sum(a != b for a, b in pairwise(names))
            if 2 <= len(set(names)) <= turns:
                return prefix
    return None


def read_uniform(lines: Sequence[str], prefix: Prefix) -> Iterator[Line]:
    """What a prefix says that every line has."""
    for text in lines:
        match = re.match(prefix.regex, text)
        if match is None:
            yield Line(NOBODY, "", text, False)
        else:
            yield Line(printer_from(match), "", text[match.end() :], True)


def read_lines(
    lines: Sequence[str], every: bool, printed: Sequence[int] | None = None
) -> Iterator[Line]:
    """What the prefixes of lines say.

    A line without any continues the one before it where every event has a prefix, or where it is a
    refresh of that line. Other prefixes stand in front of each line, so that a line without one is
    by nobody that is known.

    Args:
        lines: the lines.
        every: as `read_line` takes it.
        printed: the line of which each is a refresh, by number; None if each is its own.
    """
    last = Line(NOBODY, "", "", False)
    for row, text in enumerate(lines):
        line = read_line(text, every)
        refresh = printed is not None and row > 0 and printed[row] == printed[row - 1]
        if line.prefixed or line.time or not (every or refresh):
            last = line = line if line.time else replace(line, time=last.time)
        else:
            line = replace(last, message=text)
        yield line
