"""The account of one trial, as records and as a document. Computes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from esim.assumptions import Clock
from esim.results.named_rule import RecordedRule, ToldRule
from esim.results.records import Document, finite
from esim.rules import Rule
from esim.storage.typed import plain
from esim.study import Direction
from esim.version import __version__

SCHEMA = "esim.explain/1"
EXPLANATION = "explanation"  # its figure in the folder of --out, but for the ending
Verdict = Literal["go on", "stop", "not judged"]


@dataclass(frozen=True)
class ReportRow:
    """One report of the trial. None = there is none.

    Attributes:
        step: where the trial stood.
        value: the objective as reported.
        own: the trial's side of the comparison.
        threshold: what the own side is held against; shown also where the rule did not judge.
        peers: how many trials the threshold is made of.
        peers_low, peers_high: between them lies the middle half of the peers' statistics.
        verdict: what the rule says here, also behind the stop, as if the trial had gone on.
        reason: why it did not judge, or why its verdict changes nothing; "" if there is no need.
        ran: whether the trial still made this report under the rule.
    """

    step: int
    value: float | None
    own: float | None
    threshold: float | None
    peers: int | None
    peers_low: float | None
    peers_high: float | None
    verdict: Verdict
    reason: str
    ran: bool


@dataclass(frozen=True, repr=False)
class Explanation(Document):
    """The account of one trial.

    Attributes:
        trial, number: its id, and its place in the launch order, from 1.
        status: how it had ended when it was recorded.
        stopped: whether the rule ended it before its last recorded report.
        decided_step, stop_step: where a stop was decided, and its last step under the rule (later
            where stops take effect with a delay); None if it was not stopped.
        final_value_recorded, final_value: its last value as recorded and under the rule.
        rank, ranked: the place of its recorded final value in the study, 1 = best, out of how many;
            None if its end is unknown, or if it failed.
        account: the same in a sentence or two.
        rows: every recorded report, in order.
        esim: the version that wrote the document.

    Example:
        >>> from esim.analyses.explain.explain import explain
        >>> from esim.study import Study
        >>> curves = [[3, 2, 1], [4, 4, 4], [5, 5, 5]]
        >>> study = Study.from_arrays(curves, direction="minimize", names=["a", "b", "c"])
        >>> found = explain(study, "c")
        >>> found.stopped
        True
        >>> Explanation.from_dict(found.to_dict()).account == found.account
        True
    """

    schema: ClassVar = SCHEMA
    study: str
    objective: str
    direction: Direction
    rule: Annotated[Rule, ToldRule]
    clock: Clock
    trial: str
    number: int
    trials: int
    status: str
    censored: bool
    stopped: bool
    decided_step: int | None
    stop_step: int | None
    last_step: int | None
    final_value_recorded: float | None
    final_value: float | None
    rank: int | None
    ranked: int
    account: str
    rows: tuple[ReportRow, ...]
    esim: str = __version__

    def _in_short(self) -> Iterator[str]:
        yield f"Explanation of {self.trial!r} in {self.study!r}: rule {self.rule.name}"
        yield self.account
        yield '.account .rows .save("folder")'

    def to_dict(self) -> dict[str, Any]:
        """The document, schema esim.explain/1, of strict JSON values: infinities are null."""
        entries = {**plain(self), "rule": plain(RecordedRule.of(self.rule))}
        head = {"schema": SCHEMA, "esim": entries.pop("esim")}
        return {**head, **finite(entries)}
