"""What a check of recorded logs found, as records and as the document esim.check/1."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, get_args

from esim.errors import plural
from esim.results.recorded_inputs import Inputs
from esim.results.records import Document
from esim.storage.typed import plain
from esim.study.brief import brief
from esim.version import __version__

SCHEMA = "esim.check/1"
Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)  # the gravest first


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


@dataclass(frozen=True, repr=False)
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

    def __repr__(self) -> str:
        # All codes, however many: a finding is looked for by its code.
        codes = " ".join(dict.fromkeys(finding.code for finding in self.findings))
        return f"{brief(self._in_short())[:-1]}\n found: {codes or 'nothing'}>"

    def _in_short(self) -> Iterator[str]:
        yield f"Check of {self.study!r}: {self.verdict}"
        grades = [finding.severity for finding in self.findings]
        yield ", ".join(plural(grades.count(severity), severity) for severity in SEVERITIES)

    @property
    def ok(self) -> bool:
        """Whether no finding is an error."""
        return all(finding.severity != "error" for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """The study's entry in the document, of plain values."""
        entry: dict[str, Any] = plain(self)
        return entry


@dataclass(frozen=True)
class CommonFinding:
    """A finding, and the studies in which it was made.

    Attributes:
        code, severity, cure: as in `Finding`.
        text, evidence: of the first study.
        count: how many lines, jobs or values it is about, over all studies.
        studies: their names, in the order in which they were read.
    """

    code: str
    severity: Severity
    text: str
    cure: str
    count: int
    evidence: tuple[str, ...]
    studies: tuple[str, ...]


def common_findings(checks: Iterable[Check]) -> tuple[CommonFinding, ...]:
    """Each finding of some checks once: errors first, then those made in the most studies."""
    found: dict[tuple[str, Severity], list[tuple[str, Finding]]] = {}
    for one in checks:
        for finding in one.findings:
            found.setdefault((finding.code, finding.severity), []).append((one.study, finding))
    common = [
        CommonFinding(
            code,
            severity,
            text=its[0][1].text,
            cure=its[0][1].cure,
            count=sum(finding.count for _, finding in its),
            evidence=its[0][1].evidence,
            studies=tuple(dict.fromkeys(study for study, _ in its)),
        )
        for (code, severity), its in found.items()
    ]
    common.sort(key=lambda one: (SEVERITIES.index(one.severity), -len(one.studies), one.code))
    return tuple(common)


@dataclass(frozen=True)
class CheckTotals:
    """What adds up over the checked studies.

    Attributes:
        studies: how many.
        studies_ok: how many of them have no error.
        studies_warned: how many have a warning.
        errors, warnings, notes: how many findings of this severity they have.
        auto_acts: in how many AUTO would stop a job.
        auto_stops_none: in how many it would stop none.
        auto_unknown: of how many the logs cannot tell.
    """

    studies: int
    studies_ok: int
    errors: int
    warnings: int
    notes: int
    studies_warned: int
    auto_acts: int
    auto_stops_none: int
    auto_unknown: int


@dataclass(frozen=True, repr=False)
class CheckDocument(Document):
    """The checks of all studies that were read: the document of `esim check --json`.

    Attributes:
        studies: a check a study, in the order in which they were read.
        inputs: what was read, and what the readers noted.
        failures: study of a history -> why it could not be checked.
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
    failures: Mapping[str, str] = field(default_factory=dict)
    esim: str = __version__

    @property
    def totals(self) -> CheckTotals:
        """What adds up over the studies."""
        grades = [finding.severity for one in self.studies for finding in one.findings]
        acts = [one.acts for one in self.studies]
        return CheckTotals(
            studies=len(self.studies),
            studies_ok=sum(one.ok for one in self.studies),
            errors=grades.count("error"),
            warnings=grades.count("warning"),
            notes=grades.count("note"),
            studies_warned=sum(
                any(finding.severity == "warning" for finding in one.findings)
                for one in self.studies
            ),
            auto_acts=acts.count(True),
            auto_stops_none=acts.count(False),
            auto_unknown=acts.count(None),
        )

    def to_dict(self) -> dict[str, Any]:
        """The document, schema esim.check/1, of plain values."""
        return {
            "schema": SCHEMA,
            "esim": self.esim,
            "inputs": plain(self.inputs),
            "studies": plain(self.studies),
            **({"failures": dict(self.failures)} if self.failures else {}),
            "totals": plain(self.totals),
        }
