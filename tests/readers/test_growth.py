"""Reading takes time in proportion to the trials."""

from __future__ import annotations

import time
from pathlib import Path

from esim.readers.inputs import read_inputs


def test_a_table_of_many_trials_beside_their_reports(tmp_path: Path) -> None:
    """Half a second; a search of all trials for each of them would take 13 s."""
    n = 20_000
    reports = "".join(f"t{i},1,0.5\nt{i},2,0.25\n" for i in range(n))
    (tmp_path / "reports.csv").write_text("trial,step,loss\n" + reports)
    trials = "".join(f"t{i},{1_700_000_000 + i}\n" for i in range(n))
    (tmp_path / "trials.csv").write_text("trial,start\n" + trials)
    began = time.process_time()
    (study,) = read_inputs(str(tmp_path), direction="minimize").studies
    assert study.n_trials == n
    assert time.process_time() - began < 5.0
