"""Whether a certificate holds in new studies, as the document esim.watch/1. Computes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from esim.errors import EsimError, plural
from esim.results.certificate import Certificate
from esim.results.comparison.entries import LeftOut
from esim.results.plots import WatchPlots
from esim.results.recorded_inputs import Inputs
from esim.results.records import Document, finite
from esim.results.validate import validate_document
from esim.storage.typed import Unbounded, plain
from esim.study.door import above
from esim.version import __version__

SCHEMA = "esim.watch/1"


@dataclass(frozen=True)
class WatchedStudy:
    """A new study under the certified rule.

    Attributes:
        content: tells it from others, whatever their names.
        saved_fraction: the share saved, in the mean over its launch orders.
        lost: its loss: the share of launch orders in which more than the accepted loss was lost.
        wealth: of the bets against the certificate, after this study.
    """

    study: str
    content: str
    saved_fraction: float
    lost: float
    wealth: Unbounded


@dataclass(frozen=True, repr=False)
class Watched(Document):
    """New studies against a certificate: the document of `esim certify --watch --json`.

    Attributes:
        certificate: what is watched.
        rule: the key of its rule.
        false_alarm: the chance, at most, of ever saying that it no longer holds while it does.
        studies: the new ones, those of earlier watches first, in the order in which they came.
        broken_by: the first study after which the wealth had reached 1 / `false_alarm`; None: it
            has not.
        left_out: how many did not count, and why.
        failures: study of a history -> why it could not be replayed; it counts nowhere else.
    """

    schema: ClassVar = SCHEMA
    certificate: Certificate
    rule: str
    false_alarm: float
    studies: tuple[WatchedStudy, ...]
    broken_by: str | None
    left_out: tuple[LeftOut, ...] = ()
    inputs: Inputs = ()
    esim: str = __version__
    command: str | None = None  # the command line that made it, where one did
    failures: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        validate_document(self)
        if not 0.0 < self.false_alarm < 1.0:
            raise EsimError(f"false_alarm cannot be {self.false_alarm}")
        if self.broken_by is not None and self.broken_by not in {s.study for s in self.studies}:
            raise EsimError(f"{self.broken_by!r} is none of the studies")
        if not all(0.0 <= one.lost <= 1.0 for one in self.studies):
            raise EsimError("a loss is not between 0 and 1")

    def _in_short(self) -> Iterator[str]:
        holds = "holds" if self.holds else f"no longer holds since {self.broken_by!r}"
        yield f"Watched: the certificate of {self.rule} {holds}"
        new = plural(len(self.studies), "new study")
        yield f'{new}; .plot.wealth() .report("r.html") .save("folder")'

    @property
    def plot(self) -> WatchPlots:
        """Its figure: `watched.plot.wealth()`."""
        return WatchPlots(self)

    @property
    def holds(self) -> bool:
        """Whether there is no sufficient evidence against the certificate."""
        return self.broken_by is None

    def to_dict(self) -> dict[str, Any]:
        """The document, schema esim.watch/1, of strict JSON values."""
        entries = plain(self) | {"certificate": self.certificate.to_dict()}
        for name in ("command", "failures"):
            if not entries[name]:
                del entries[name]
        head = {"schema": SCHEMA, "esim": entries.pop("esim"), "inputs": entries.pop("inputs")}
        found: dict[str, Any] = finite(head | entries)
        return found

    def _repr_html_(self) -> str:
        """In a notebook."""
        html: str = above("certificate_html")(self)
        return html
