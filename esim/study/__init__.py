"""The record of a past tuning job, and what can be derived from that record alone."""

from esim.study.arrays import Float64, Int64
from esim.study.direction import Direction, as_direction
from esim.study.note import Note
from esim.study.record import EXACT, Study
from esim.study.status import STATUS_WORDS, Status, as_status, is_censored

__all__ = [
    "EXACT",
    "STATUS_WORDS",
    "Direction",
    "Float64",
    "Int64",
    "Note",
    "Status",
    "Study",
    "as_direction",
    "as_status",
    "is_censored",
]
