"""Every decision of whatever peers are installed here: `pytest tests/live/test_parity.py`."""

from __future__ import annotations

import pytest

from tests.live.parity import PEERS, cases, compare, settings
from tests.references.curves import curves


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("peer", PEERS)
def test_every_decision_is_equal(peer: str) -> None:
    try:
        _, every = cases(peer)
    except ImportError as error:
        pytest.skip(f"{peer} is not installed: {error}")
    for case in every:
        for kind, direction, workers in settings(case):
            study = curves(kind, direction, *case.small, 3, times=case.times)  # type: ignore[arg-type]
            decisions, equal, _ = compare(case, study, workers)
            assert equal == decisions, (case.rule, case.columns, kind, direction, workers)
