"""What a check of recorded logs found, as records and as the document esim.check/1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from esim.results.recorded_inputs import Inputs
from esim.results.records import Document
from esim.storage.typed import plain
from esim.version import __version__

SCHEMA = "esim.check/1"
Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Finding:
    """Something that keeps AUTO from acting, or these logs from being trusted.

    Attributes:
        count: how many lines, jobs or values it is about.
        evidence: a few of them: a job, or ``path:line: text``.
    """

    code: str
    severity: Severity
    text: str
    cure: str
    count: int = 1
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True)
class Check:
    """The findings of one study, the gravest first.

    Attributes:
        verdict: the answer in a sentence.
        acts: whether AUTO would stop any job, by the literal rule; None where these logs cannot
            tell.
    """

    study: str
    verdict: str
    acts: bool | None
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether no finding is an error."""
        return all(finding.severity != "error" for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """The study's entry in the document, of plain values."""
        entry: dict[str, Any] = plain(self)
        return entry


@dataclass(frozen=True)
class CheckTotals:
    """What adds up over the checked studies.

    Attributes:
        studies: how many.
        studies_ok: how many of them have no error.
        errors, warnings, notes: how many findings of this severity they have.
    """

    studies: int
    studies_ok: int
    errors: int
    warnings: int
    notes: int


@dataclass(frozen=True)
class CheckDocument(Document):
    """The checks of all studies that were read: the document of `esim check --json`.

    Attributes:
        studies: a check a study, in the order in which they were read.
        inputs: what was read, and what the readers noted.
        esim: the version that wrote it.

    Example:
        >>> finding = Finding("few_peers", "warning", "few jobs ended", "run more", count=3)
        >>> document = CheckDocument((Check("job", "AUTO would act.", True, (finding,)),))
        >>> CheckDocument.from_dict(document.to_dict()) == document
        True
    """

    studies: tuple[Check, ...]
    schema: ClassVar = SCHEMA
    beside: ClassVar = {"schema": str, "totals": CheckTotals}
    inputs: Inputs = ()
    esim: str = __version__

    @property
    def totals(self) -> CheckTotals:
        """What adds up over the studies."""
        grades = [finding.severity for one in self.studies for finding in one.findings]
        return CheckTotals(
            studies=len(self.studies),
            studies_ok=sum(one.ok for one in self.studies),
            errors=grades.count("error"),
            warnings=grades.count("warning"),
            notes=grades.count("note"),
        )

    def to_dict(self) -> dict[str, Any]:
        """The document, schema esim.check/1, of plain values."""
        return {
            "schema": SCHEMA,
            "esim": self.esim,
            "inputs": plain(self.inputs),
            "studies": plain(self.studies),
            "totals": plain(self.totals),
        }
