"""What a rule would have done to a history of studies, as the document esim.replay-many/1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from esim.assumptions import Costs
from esim.results.named_rule import RecordedJobRule, RecordedRule
from esim.results.recorded_inputs import Inputs
from esim.results.records import Document
from esim.results.totals import Totals
from esim.results.validate import validate_document
from esim.storage.typed import Scalars, Unbounded, plain
from esim.version import __version__

SCHEMA = "esim.replay-many/1"
# The folder of --out: the document, the table of studies, and a folder with tables of trials.
RESULT, STUDIES, TRIALS = "result.json", "studies.parquet", "trials"


@dataclass(frozen=True)
class AskedClock:
    """The clock that was asked for. A mode of None is each study's own default."""

    mode: str | None
    workers: int


@dataclass(frozen=True)
class Tables:
    """Where the tables are, beside the document in the folder of --out.

    Attributes:
        studies: the table with a row a study.
        trials: the folder with tables of trials.
    """

    studies: str = STUDIES
    trials: str = TRIALS


@dataclass(frozen=True)
class HistoryReplay(Document):
    """What a rule would have done to a history.

    Attributes:
        inputs: the history that was replayed.
        rule, clock, costs, final, until: how every study was replayed.
        studies: how many were replayed, the failed ones not counted.
        totals: the summary keys that add up over studies.
        spread: headline number -> its quantiles over the studies that know it, by name.
        failures: study -> why it could not be replayed.
        warnings: code -> in how many studies.
        esim: the version that wrote it.

    Example:
        >>> found = HistoryReplay(
        ...     inputs=(),
        ...     rule=RecordedRule("sagemaker", "its documentation", {"quantile": 0.5}),
        ...     clock=AskedClock(None, 1),
        ...     costs=Costs(),
        ...     final="last",
        ...     studies=2,
        ...     totals={"trials": 40},
        ...     spread={"steps_saved_fraction": {"studies": 2, "q50": 0.25}},
        ...     failures={"job-3": "no report"},
        ...     warnings={},
        ... )
        >>> HistoryReplay.from_dict(found.to_dict()) == found
        True
    """

    schema: ClassVar = SCHEMA
    beside: ClassVar = {"schema": str, "tables": Tables}
    inputs: Inputs
    rule: RecordedRule
    clock: AskedClock
    costs: Costs
    final: str
    studies: int
    totals: Scalars = field(metadata={"told": Totals})
    spread: Mapping[str, Mapping[str, Unbounded]]
    failures: Mapping[str, str]
    warnings: Mapping[str, int]
    until: tuple[RecordedJobRule, ...] = ()
    esim: str = __version__

    def __post_init__(self) -> None:
        validate_document(self)

    def to_dict(self) -> dict[str, Any]:
        """The document, schema esim.replay-many/1, of plain values."""
        entries = plain(self)
        head = {"schema": SCHEMA, "esim": entries.pop("esim")}
        if not self.until:
            del entries["until"]
        return {**head, **entries, "tables": plain(Tables())}
