"""The tiny study of data/tiny as plain numbers, for programs that have no esim."""

import datetime

METRIC = "validation:loss"
# Trial -> values at steps 1 to 5, learning rate, second of its start; a report every 10 s, and an
# end after 52 s.
TRIALS: dict[str, tuple[list[float], float, int]] = {
    "tiny-001-00000001": ([8, 6, 4, 3, 2], 0.1, 0),
    "tiny-002-00000002": ([9, 7, 6, 5, 4], 0.3, 0),
    "tiny-003-00000003": ([4, 5, 5, 5, 5], 0.003, 52),
    "tiny-004-00000004": ([7, 3, 2, 2, 1], 0.03, 52),
    "tiny-005-00000005": ([6, 6, 5, 4, 3], 0.05, 104),
    "tiny-006-00000006": ([9, 9, 8, 8, 7], 0.001, 104),
}
BEGAN = 1795176000  # 2026-11-20T12:00:00Z


def moment(second: float) -> datetime.datetime:
    """A time of the tiny study as Optuna and Sacred keep it: without a zone."""
    return datetime.datetime.fromtimestamp(BEGAN + second, datetime.UTC).replace(tzinfo=None)
