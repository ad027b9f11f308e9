"""What to try next where a metric is not found: the values that a text holds, and their regexes."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from esim.errors import EsimError, near_names
from esim.readers.options import Metric
from esim.readers.text.forms import NUMBER
from esim.readers.text.given import scan_given
from esim.readers.text.log_text import EXAMPLE_LENGTH, EXAMPLES, Emissions, LogText
from esim.study import Direction

NUMBER_GROUP = r"([-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)"
_LOOK_AT = 1 << 20  # bytes of each text
_TEXTS = 20
_PAIR = re.compile(
    r"(?<![\w.])(?P<name>[A-Za-z][\w/@.-]{0,60}(?: [A-Za-z][\w-]{0,20}){0,2}(?:\(\w{1,20}\))?)"
    r"(?P<quote>[\"']?)(?P<between>\s{0,3}[:=]\s{0,3}[\"']?|\s{0,30}\|\s{1,3}|\s{1,3})"
    rf"(?P<value>{NUMBER})(?![\w.:/-]{{0,20}}[A-Za-z:/])"
)
_NO_METRIC = re.compile(
    r"(?i)(?:^|[\W_])(?:epochs?|steps?|iter(?:ation)?s?|batch(?:es)?|rounds?|lr|learning.?rate|"
    r"momentum|(?:wall|run|elapsed|total)?.?time|runtime|eta|remaining|sec(?:ond)?s?|ms|speed|"
    r"samples?|size|memory|mem|seed|ports?|version|pid|jobs?|dates?|workers?|rank|fold|number|num|"
    r"count|total|id|v_num|gpus?|cpus?|line|param(?:eter)?s?|per_second)(?:$|[\W_])"
)
_VALIDATION = re.compile(r"(?i)(?:^|[\W_])(?:val(?:id(?:ation)?)?|eval|dev|test)(?:$|[\W_])")
_TRAINING = re.compile(r"(?i)(?:^|[\W_])(?:train(?:ing)?|learn)(?:$|[\W_])")
_UP = re.compile(
    r"(?i)acc|auc|f1|map|precision|recall|bleu|rouge|score|r2|dice|iou|ndcg|rew|return|jaccard"
    r"|psnr|ssim|kappa|mcc|mrr|hits"
)
_METRIC = re.compile(
    r"(?i)loss|err|rmse|mse|mae|mape|perplexity|ppl|nll|wer|cer|entropy|" + _UP.pattern[4:]
)


@dataclass
class Candidate:
    """A value that a text names.

    Attributes:
        name: what stands in front of it.
        between: what stands between the name and the value.
        values: the different values, as text.
        example: a line that holds it, as ``path:line: text``.
    """

    name: str
    between: str
    values: set[str] = field(default_factory=set)
    example: str = ""

    @property
    def metric(self) -> str:
        """A name for the metric."""
        return re.sub(r"\W+", "_", self.name).strip("_")

    @property
    def regex(self) -> str:
        """A regex that takes the value."""
        spaced = re.sub(r"(?:\\?\s)+", r"\\s+", re.escape(self.between))
        return rf"\b{re.escape(self.name)}".replace(r"\ ", " ") + spaced + NUMBER_GROUP

    @property
    def direction(self) -> Direction:
        """A guess from the name."""
        return "maximize" if _UP.search(self.name) else "minimize"


def candidates(texts: Iterable[LogText], wanted: str | None = None) -> list[Candidate]:
    """The values that may be metrics, the likeliest first: of validation before of training.

    Args:
        texts: the texts; only the begin of each is looked at.
        wanted: the metric that was asked for.

    Returns:
        Counters, times and sizes are left out.
    """
    found: dict[tuple[str, str], Candidate] = {}
    for _, text in zip(range(_TEXTS), texts, strict=False):
        lines = text.data[:_LOOK_AT].decode("utf-8", "replace").split("\n")
        for row, line in enumerate(lines):
            place = f"{text.where}:{text.line_of(row)}: {line[:EXAMPLE_LENGTH]}"
            for match in _PAIR.finditer(line[:10_000]):
                name, between = _named(match["name"]), match["quote"] + match["between"]
                if (
                    not name
                    or _NO_METRIC.search(name)
                    or (not between.strip() and not _METRIC.search(name))
                ):
                    continue
                one = found.setdefault((name, between), Candidate(name, between, example=place))
                one.values.add(match["value"])
    near = near_names(wanted, [c.name for c in found.values()]) if wanted else ""

    def rank(one: Candidate) -> tuple[bool, bool, bool, bool, int]:
        return (
            wanted is None or one.name.lower() not in wanted.lower() + near.lower()[:60],
            not _METRIC.search(one.name),
            not _VALIDATION.search(one.name),
            _TRAINING.search(one.name) is not None,
            -len(one.values),
        )

    return sorted(found.values(), key=rank)


def _named(words: str) -> str:
    """What stands in front of a value, without counters before it, as in "epoch val_loss"."""
    left = words.split(" ")
    while left and _NO_METRIC.search(left[0]):
        left = left[1:]
    return " ".join(left)


def try_next(found: Sequence[Candidate], label: str) -> str:
    """A complete command for the likeliest of some values, marked as a guess.

    Args:
        found: the values.
        label: the input.
    """
    if not found:
        return "--metric 'NAME=REGEX' with the value as the first group"
    best = found[0]
    metric = shlex.quote(f"{best.metric}={best.regex}")
    others = ", ".join(dict.fromkeys(one.metric for one in found[1:6]))
    return (
        f"esim replay {shlex.quote(label)} --objective {best.metric} "
        f"--direction {best.direction} --metric {metric}   (a guess from the names"
        + (f"; the lines also hold {others})" if others else ")")
    )


def with_number_group(regex: re.Pattern[str], lines: Iterable[str]) -> str | None:
    """The regex with a first group that takes numbers; None if it takes none on some lines.

    Args:
        regex: the user's regex.
        lines: lines whose first group was no number.
    """
    pattern = regex.pattern
    depth, begin, at = 0, -1, 0
    while at < len(pattern):
        if pattern[at] == "\\":
            at += 2
            continue
        if pattern[at] == "[":
            at = _class_end(pattern, at)
            continue
        if pattern[at] == "(":
            capturing = pattern[at + 1 : at + 2] != "?" or pattern.startswith("(?P<", at)
            if begin < 0 and capturing:
                begin, depth = at, 0
            depth += begin >= 0
        elif pattern[at] == ")" and begin >= 0:
            depth -= 1
            if not depth:
                break
        at += 1
    if begin < 0:
        return None
    changed = pattern[:begin] + NUMBER_GROUP + pattern[at + 1 :]
    try:
        better = re.compile(changed, regex.flags)
    except re.error:
        return None
    lines = list(lines)
    text = LogText("", "\n".join(lines).encode("utf-8", "replace"))
    try:
        found = scan_given(text, Metric("", better))
    except EsimError:  # it takes too long
        return None
    whole = len(set(found.rows.tolist())) == len(lines) and not found.cut
    return changed if whole else None


def _class_end(pattern: str, at: int) -> int:
    """The position behind a class of characters."""
    at += 2 if pattern[at + 1 : at + 2] == "^" else 1
    at += pattern[at : at + 1] == "]"
    while at < len(pattern) and pattern[at] != "]":
        at += 2 if pattern[at] == "\\" else 1
    return at + 1


def nearest_lines(
    jobs: Sequence[Sequence[Emissions]], texts: Iterable[LogText], wanted: str
) -> str:
    """A few lines that come near a metric but give no value of it, as text for an error.

    Args:
        jobs: for each job, the emissions of each of its texts.
        texts: the texts, for the lines of other metrics if none comes near.
        wanted: the metric.
    """
    examples = [example for job in jobs for text in job for example in text.examples]
    if not examples:
        examples = list(dict.fromkeys(one.example for one in candidates(texts, wanted)))
    if not examples:
        return "no line holds a value behind a name"
    return "".join(f"\n    {example}" for example in examples[:EXAMPLES])
