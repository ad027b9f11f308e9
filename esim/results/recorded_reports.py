"""The reports of a study as they were recorded, which figures of its curves are drawn from."""

from __future__ import annotations

from dataclasses import dataclass

from esim.study import Float64, Int64, Study


@dataclass(frozen=True)
class RecordedReports:
    """Every report of a study as it was recorded: what a figure of its curves is drawn from.

    N trials in launch order, R reports; trial i owns ``offsets[i]:offsets[i + 1]``.

    Attributes:
        offsets: int64 [N + 1].
        steps: int64 [R].
        values: float64 [R]; NaN where the trial reached the step without a value.
    """

    offsets: Int64
    steps: Int64
    values: Float64

    @classmethod
    def of(cls, study: Study) -> RecordedReports:
        """A study's reports."""
        return cls(study.offsets, study.steps, study.values)
