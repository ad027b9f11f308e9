"""Log text of training jobs: metric lines to steps, values and times.

A metric definition means what it means to SageMaker: Python `re`, line by line, the first group is
the value. Control characters stay as the text CloudWatch makes of them (a tab is ``#011``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from esim.readers.options import Metric
from esim.readers.source import File
from esim.readers.times import parse_time

# CloudWatch's own time in front of a line, as exported; the job's own times stay in the message.
_STAMP = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d))(?: |$)", re.ASCII
)
_COLOURS = re.compile(r"(?:\x1b|#033)\[[0-9;?]*[A-Za-z]")
_VALUE = re.compile(
    r"\s*[-+]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|inf(?:inity)?|nan)\s*",
    re.ASCII | re.IGNORECASE,
)
EXAMPLE_LENGTH = 160


@dataclass(frozen=True)
class StepForm:
    """A way lines carry the index of their step; the first group is the index.

    `samples`: lines of real logs and the index a person reads in them; the tests check them.
    """

    name: str
    regex: re.Pattern[str]
    samples: tuple[tuple[str, int], ...]


# In order: of two forms found in equally many lines the first one counts.
STEP_FORMS: tuple[StepForm, ...] = (
    StepForm(
        "[N]<tab>",
        re.compile(r"\[(\d+)\](?:#011|\t)"),
        (
            ("[0]#011train-rmse:19.374#011validation-rmse:20.5943", 0),
            ("[12]\ttrain-error:0.1\tvalidation-error:0.2", 12),
            ("[500]#011valid_0's multi_logloss: 0.2187", 500),
        ),
    ),
    StepForm(
        "Epoch[N]",
        re.compile(r"\bepoch\s?\[(\d+)\]", re.IGNORECASE),
        (("[09/14/2020 05:39:02 INFO 139869866030912] Epoch[3] Validation-accuracy=0.729", 3),),
    ),
    StepForm(
        "epoch=N",
        re.compile(r"\bepoch\s*=\s*(\d+)(?!\.?\d)", re.IGNORECASE),
        (
            ("#quality_metric: host=algo-1, epoch=0, validation mse_objective <loss>=88.19", 0),
            ("epoch=7 train_loss=0.5 val_accuracy=0.9", 7),
        ),
    ),
    StepForm(
        "epoch: N",
        re.compile(r"\bepoch[\"']?\s*:\s*(\d+)(?!\.?\d)", re.IGNORECASE),
        (
            ("Train Epoch: 1 [0/60000 (0%)] Loss: 2.300039", 1),
            ('{"epoch": 4, "val_loss": 0.25}', 4),
        ),
    ),
    StepForm(
        "Epoch N/M",
        re.compile(r"\bepoch\s+\[?(\d+)\s*/\s*\d+", re.IGNORECASE),
        (("Epoch 3/10 - loss: 0.7000 - val_loss: 0.25", 3), ("Epoch [5/20], Loss: 0.1", 5)),
    ),
    StepForm(
        "epoch N",
        re.compile(r"\bepoch\s+(\d+)(?!\.?\d)", re.IGNORECASE),
        (("Epoch 3: val_loss 0.25", 3), ("after epoch 12, accuracy=0.5", 12)),
    ),
)


@dataclass(frozen=True)
class Emission:
    """A line that matched: its value, its time (seconds since 1970 UTC) if it had one."""

    value: float
    time: float | None
    line: str


@dataclass
class Lines:
    """What a job's lines hold.

    Attributes:
        emissions: in order of time, as the streams have them where times are equal or missing.
        unread: lines that hold the metric's name, or match, but give no number.
        examples: the first few of those.
    """

    emissions: list[Emission] = field(default_factory=list)
    unread: int = 0
    examples: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Curve:
    """A job's reports after alignment, in order of time; of equal steps the last one counts.

    Attributes:
        kept: positions in the emissions.
        steps: the step of each.
        repeated: emissions left out that say again the value of an earlier step, as XGBoost and
            LightGBM do at the end with their best one.
        without_index: emissions left out because their line has no index.
    """

    kept: list[int]
    steps: list[int]
    repeated: int = 0
    without_index: int = 0


def read_lines(files: Iterable[File], metric: Metric) -> Lines:
    """The emissions of a metric in one job's streams. Raises EsimError if one is unreadable."""
    found = Lines()
    near = _near(metric)
    search = metric.regex.search
    literal = required_literal(metric.regex)
    for file in files:
        stamp: str | None = None
        for raw in file.text().split("\n"):
            line = raw.removesuffix("\r")
            if "\x1b[" in line or "#033[" in line:
                line = _COLOURS.sub("", line)
            stamped = _STAMP.match(line)
            if stamped:
                stamp, line = stamped[1], line[stamped.end() :]
            # Regexes that begin with .* are slow on lines that do not match; most do not.
            match = search(line) if literal in line else None
            if match is not None and _VALUE.fullmatch(match[1] or ""):
                # A line without a time of its own continues the event before it.
                time = None if stamp is None else parse_time(stamp, str(file))
                found.emissions.append(Emission(float(match[1]), time, line))
            elif match is not None or near.search(line):
                found.unread += 1
                if len(found.examples) < 3:
                    found.examples.append(line[:EXAMPLE_LENGTH])
    if all(emission.time is not None for emission in found.emissions):
        found.emissions.sort(key=lambda emission: emission.time or 0.0)  # exports are unsorted
    return found


def choose_form(jobs: Iterable[Lines]) -> StepForm | None:
    """The form that most lines of a study carry, None if at most half of them carry any."""
    lines = [emission.line for job in jobs for emission in job.emissions]
    best: StepForm | None = None
    most = len(lines) // 2
    for form in STEP_FORMS:
        count = sum(form.regex.search(line) is not None for line in lines)
        if count > most:
            best, most = form, count
        if count == len(lines):
            break
    return best


def align(lines: Lines, form: StepForm | None) -> Curve:
    """The step of each emission: the index in its line, else its number, from 1."""
    n = len(lines.emissions)
    if form is None:
        return Curve(list(range(n)), list(range(1, n + 1)))
    kept: list[int] = []
    steps: list[int] = []
    last: dict[int, float] = {}
    furthest = -1
    repeated = without = 0
    for i, emission in enumerate(lines.emissions):
        match = form.regex.search(emission.line)
        if match is None:
            without += 1
            continue
        step = int(match[1])
        if step < furthest and step in last and _same(last[step], emission.value):
            repeated += 1
            continue
        furthest = max(furthest, step)
        last[step] = emission.value
        kept.append(i)
        steps.append(step)
    return Curve(kept, steps, repeated, without)


def nearest_lines(jobs: Sequence[Lines]) -> str:
    """A few lines that look like the metric but are not it, for an error."""
    examples = [example for job in jobs for example in job.examples]
    return " | ".join(examples[:3]) if examples else "no line holds its name"


def required_literal(regex: re.Pattern[str]) -> str:
    """The longest text that every match contains, "" if that is not plain to see.

    Only what stands at the top level counts; groups, classes and repeated characters do not.
    """
    pattern = regex.pattern
    if regex.flags & (re.IGNORECASE | re.VERBOSE) or "(?#" in pattern:
        return ""
    best = run = ""
    at = 0
    while at < len(pattern):
        char = pattern[at]
        token = _TOKEN.match(pattern, at)
        at = token.end() if token else at + 1
        if char == "|":
            return ""
        if char in "?*{":  # the character before may be missing
            run = run[:-1]
        if char == "(":
            at = _group_end(pattern, at)
        literal = char
        if char == "\\" and token:
            literal = token[0][1] if len(token[0]) == 2 and not token[0][1].isalnum() else ""
        elif char in ".^$[(?*{+":
            literal = ""
        best = max(best, run, key=len)
        run = run + literal if literal else ""
    return max(best, run, key=len)


# An escape, a class or a count in braces as a whole.
_TOKEN = re.compile(
    r"\\(?:x..|u....|U.{8}|N\{[^}]*\}|[0-7]{1,3}|.)|\[\^?\]?(?:\\.|[^\]\\])*\]|\{\d*,?\d*\}",
    re.DOTALL,
)


def _group_end(pattern: str, at: int) -> int:
    """Behind the parenthesis that closes the one before `at`."""
    depth = 1
    while depth and at < len(pattern):
        char = pattern[at]
        token = _TOKEN.match(pattern, at)
        at = token.end() if token else at + 1
        depth += (char == "(") - (char == ")")
    return at


def _same(a: float, b: float) -> bool:
    return a == b or (a != a and b != b)


def _near(metric: Metric) -> re.Pattern[str]:
    """Lines that hold the metric's name, however it is joined, or the regex's longest word."""
    words = [re.escape(word) for word in re.split(r"[^A-Za-z0-9]+", metric.name) if word]
    names = [r"[^A-Za-z0-9]{1,3}".join(words)] if words else []
    plain = re.sub(r"\[[^\]]*\]|\\.|\(\?[^)]*\)", " ", metric.regex.pattern)
    literals = [word for word in re.split(r"[^A-Za-z_:=-]+", plain) if len(word) >= 5]
    if literals:
        names.append(re.escape(max(literals, key=len)))
    # A word needs a number behind it: "epochs: 5" in a configuration dump is not a metric line.
    joined = "|".join(names) or r"(?!)"
    return re.compile(rf"(?:{joined})\W{{0,6}}[-+.\dniNI]", re.IGNORECASE)
