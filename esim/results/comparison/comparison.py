"""What a comparison of rules found, as records and as the result document. Computes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from esim.errors import plural
from esim.results.comparison.entries import (
    Answer,
    Candidate,
    Choice,
    Doubt,
    Elsewhere,
    FirstStop,
    Front,
    HeldOut,
    InSample,
    LeftOut,
    Loses,
    Pick,
    Picked,
    Recorded,
    RecordedMeans,
    Role,
    RuleEntry,
    Saved,
    Sensitivity,
    Settings,
    StudyEntry,
    StudyMeans,
    StudyRule,
    Winner,
)
from esim.results.comparison.numbers import (
    AgainstBest,
    AtWorkers,
    Dist,
    Mean,
    Middle,
    Rank,
    Share,
    Spread,
    Standing,
)
from esim.results.comparison.tables import flat, spread_row, standing
from esim.results.plots import ComparisonPlots
from esim.results.recorded_inputs import Inputs
from esim.results.records import Document, finite, following_schema
from esim.results.validate import validate_document
from esim.storage.typed import MisfitError, build, plain
from esim.study.door import above

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = "esim.compare/1"
COMPARED = ("rules", "studies", "workers")  # the tables in the folder of --out
__all__ = [
    "COMPARED",
    "SCHEMA",
    "AgainstBest",
    "Answer",
    "AtWorkers",
    "Candidate",
    "Choice",
    "Comparison",
    "Dist",
    "Doubt",
    "Elsewhere",
    "FirstStop",
    "Front",
    "HeldOut",
    "InSample",
    "LeftOut",
    "Loses",
    "Mean",
    "Middle",
    "Pick",
    "Picked",
    "Rank",
    "Recorded",
    "RecordedMeans",
    "Role",
    "RuleEntry",
    "Saved",
    "Sensitivity",
    "Settings",
    "Share",
    "Spread",
    "Standing",
    "StudyEntry",
    "StudyMeans",
    "StudyRule",
    "Winner",
]


@dataclass(frozen=True, repr=False)
class Comparison(Document):
    """Rules compared over studies: the document of `esim compare --json`.

    Attributes:
        failures: study of a history -> why it could not be replayed; it counts nowhere else.
        study_means: of many studies, in place of their entries' rules; not in the document.

    Example:
        >>> import esim
        >>> study = esim.Study.from_arrays([[3, 2, 1], [4, 4, 4], [5, 5, 5]], direction="minimize")
        >>> comparison = esim.compare(study, ["sagemaker"], orders=2)
        >>> comparison.rule("sagemaker").role
        'rule'
    """

    schema: ClassVar = SCHEMA
    settings: Settings
    methods: Mapping[str, str]
    answer: Answer
    rules: tuple[RuleEntry, ...]
    studies: tuple[StudyEntry, ...]
    front: Front
    sensitivity: Sensitivity
    choice: Choice | None
    warnings: tuple[Doubt, ...]
    inputs: Inputs = ()
    esim: str = ""
    command: str | None = None  # the command line that made it, where one did
    failures: Mapping[str, str] = field(default_factory=dict)
    study_means: StudyMeans | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        validate_document(self)

    def _in_short(self) -> Iterator[str]:
        rules = sum(entry.role == "rule" for entry in self.rules)
        studies = plural(len(self.studies), "study")
        yield f"Comparison of {plural(rules, 'rule')} on {studies}"
        most, safest = (pick and pick.key for pick in (self.saves_most, self.safest))
        yield f"within the accepted loss {most or 'none'} saves most; safest: {safest or 'none'}"
        yield '.table .by_study .saves_most .safest .plot.front() .report("r.html") .save("folder")'

    @property
    def plot(self) -> ComparisonPlots:
        """Its figures: `comparison.plot.front()`."""
        return ComparisonPlots(self)

    def rule(self, key: str) -> RuleEntry:
        """A contestant by its key. Raises KeyError.

        Example:
            >>> import esim
            >>> study = esim.Study.from_arrays([[3, 2, 1], [4, 4, 4], [5, 5, 5]], "minimize")
            >>> found = esim.compare(study, ["sagemaker"], orders=2)
            >>> entry = found.rule("none")
            >>> entry.role, found.saved_of(entry).mean, found.loss_of(entry).mean
            ('baseline', 0.0, 0.0)
        """
        for entry in self.rules:
            if entry.key == key:
                return entry
        raise KeyError(key)

    @property
    def saves_most(self) -> RuleEntry | None:
        """Who saves most within the accepted loss; None where nothing is saved or ranked."""
        pick = self.answer.saves_most
        return None if pick is None else self.rule(pick.key)

    @property
    def safest(self) -> RuleEntry | None:
        """Who is safest at nearly that saving (`Answer.safest`); None likewise."""
        pick = self.answer.safest
        return None if pick is None else self.rule(pick.key)

    def saved_of(self, entry: RuleEntry) -> Dist | None:
        """The saved share of a contestant that ranks; None if it is unknown."""
        found: Dist | None = getattr(entry.orders, f"{self.settings.saved}_saved_fraction")
        return found

    def loss_of(self, entry: RuleEntry) -> Dist | None:
        """The loss of a contestant that ranks; None if it is unknown."""
        on_record = self.answer.ranked_by == "record"
        return entry.orders.loss_on_record if on_record else entry.orders.loss_normalized

    @property
    def table(self) -> pd.DataFrame:
        """One row a contestant: the numbers over all studies."""
        import pandas as pd

        return pd.DataFrame([spread_row(e.key, e.role, e.orders) | standing(e) for e in self.rules])

    @property
    def by_study(self) -> pd.DataFrame:
        """One row a study and contestant; of many studies only means over launch orders."""
        import pandas as pd

        roles = {entry.key: entry.role for entry in self.rules}
        if self.study_means is not None:
            names, means = self.study_means.names, self.study_means.values
            labels = {
                "study": np.repeat([study.study for study in self.studies], len(self.rules)),
                "rule": np.tile(list(roles), len(self.studies)),
                "role": np.tile(list(roles.values()), len(self.studies)),
            }
            return pd.DataFrame(
                labels | dict(zip(names, means.reshape(-1, len(names)).T, strict=True))
            )
        rows = []
        for study in self.studies:
            for r in study.rules:
                row = {"study": study.study, **spread_row(r.key, roles[r.key], r.orders)}
                row["rank"] = r.rank_mean
                rows.append(row | {f"recorded_{k}": v for k, v in flat(r.recorded).items()})
        return pd.DataFrame(rows)

    @property
    def by_workers(self) -> pd.DataFrame:
        """One row a contestant and number of workers."""
        import pandas as pd

        return pd.DataFrame(
            [{"rule": entry.key, **flat(at)} for entry in self.rules for at in entry.workers]
        )

    def to_dict(self) -> dict[str, Any]:
        """The result document, schema esim.compare/1: strict JSON values, infinities are null."""
        found: dict[str, Any] = {"schema": SCHEMA, "esim": self.esim, "inputs": list(self.inputs)}
        return found | {
            f.name: finite(plain(getattr(self, f.name)))
            for f in fields(self)
            if f.name not in ("inputs", "esim", "study_means")
            and (f.name != "failures" or self.failures)
        }

    def _repr_html_(self) -> str:
        """In a notebook."""
        html: str = above("comparison_html")(self)
        return html

    @classmethod
    def from_dict(cls, document: Mapping[str, Any], where: str | None = None) -> Comparison:
        """The records of a result document.

        Args:
            document: plain values, as `to_dict` gives them.
            where: the file it was read from, for errors.

        Raises:
            EsimError: the document does not follow its schema.
        """
        with following_schema(SCHEMA, where):
            found = build(cls, document)
            known = {entry.key for entry in found.rules}
            picks = (found.answer.saves_most, found.answer.safest)
            named = [found.answer.best, *found.answer.ties, *found.front.rules]
            named += [pick.key for pick in picks if pick is not None]
            for key in named:
                if key is not None and key not in known:
                    raise MisfitError(f"no rule {key!r} takes part").inside("answer")
            return found
