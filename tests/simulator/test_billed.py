"""What was billed: the recorded bill, and under the rule each job's own share of it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import esim
from esim.analyses.history.replay_history import ReplaySettings, replay_history
from esim.readers.convert import convert
from esim.storage.history import History

CURVES = [[1.0] * 3, [2.0] * 3, [3.0] * 3]
SECONDS = [[10.0, 20.0, 30.0]] * 3


def spot(**columns: object) -> esim.Study:
    """Three jobs of 40 s with 10 s of upload; the second and third stop at their first report."""
    return esim.Study.from_arrays(
        CURVES, "minimize", SECONDS, [0.0, 40.0, 80.0], [40.0, 80.0, 120.0],
        **columns,  # type: ignore[arg-type]
    )  # fmt: skip


def test_a_bill_by_hand() -> None:
    # Stopped at 10 s, with 10 s of upload: 20 of 40 s, half of what each job was billed.
    # Recorded 8 + 20 + 40 = 68 s, under the rule 8 + 10 + 20 = 38 s. At 3600 an hour: the same.
    study = spot(billed=[8.0, 20.0, 40.0])
    result = esim.replay(study, clock="order", costs=esim.Costs(price=3600.0))
    summary = result.summary
    assert summary.trials_stopped == 2
    assert (summary.billed_seconds_recorded, summary.billed_seconds_run) == (68.0, 38.0)
    assert (summary.cost_recorded, summary.cost) == (68.0, 38.0)
    assert summary.seconds_recorded == 90.0  # of training: unchanged
    (said,) = (w.text for w in result.warnings if w.code == "billed_as_recorded")
    assert said.startswith("3 trials were billed 68 s and ran 120 s, as on spot instances")


def test_jobs_whose_bill_is_unknown_are_counted() -> None:
    # The second: 40 s on the clock, 20 under the rule. 8 + 40 + 40 = 88, 8 + 20 + 20 = 48.
    summary = esim.replay(spot(billed=[8.0, float("nan"), 40.0]), clock="order").summary
    assert (summary.billed_seconds_recorded, summary.billed_seconds_run) == (88.0, 48.0)


def test_a_bill_of_the_same_time_changes_nothing() -> None:
    plain, billed = (esim.replay(s) for s in (spot(), spot(billed=[40.0, 40.0, 40.0])))
    assert plain.summary == billed.summary
    assert plain.warnings == billed.warnings


def test_the_recorded_bill_holds_what_came_before_the_log_too() -> None:
    # 10 s of start-up: 50 s on the clock, 30 under the rule: 3/5 of the recorded 20 s.
    costs = esim.Costs(startup_s=10.0)
    summary = esim.replay(spot(billed=[20.0] * 3), clock="order", costs=costs).summary
    assert summary.billed_seconds_recorded == 60.0
    assert summary.billed_seconds_run == pytest.approx(20.0 + 12.0 + 12.0)


def test_without_report_times_the_recorded_bill_is_known() -> None:
    study = esim.Study.from_arrays(CURVES, "minimize", billed=[8.0, 20.0, 40.0])
    summary = esim.replay(study).summary
    assert summary.billed_seconds_recorded == 68.0
    assert summary.billed_seconds_run is None and summary.billed_saved_fraction is None
    kept = esim.replay(study, "none").summary
    assert (kept.billed_seconds_run, kept.billed_saved_fraction) == (68.0, 0.0)


def test_studies_with_and_without_a_bill_are_replayed_alike_together(tmp_path: Path) -> None:
    for name, study in (("a", spot(name="a")), ("b", spot(name="b", billed=[8.0, 20.0, 40.0]))):
        study.to_parquet(tmp_path / "in" / name)
    convert([str(tmp_path / "in" / "a"), str(tmp_path / "in" / "b")], str(tmp_path / "out"))
    history = History.open(str(tmp_path / "out"))
    assert history is not None
    read = {study.name: study for chunk in history.chunks() for study in chunk.studies()}
    assert read["a"].billed is None
    assert read["b"].billed is not None and read["b"].billed.tolist() == [8.0, 20.0, 40.0]
    settings = ReplaySettings(esim.rule("sagemaker"), "order", 1)
    together = replay_history(history, settings, engine="threads").totals
    assert together["billed_seconds_recorded"] == 120.0 + 68.0


def test_a_history_written_before_there_was_a_bill_is_read(tmp_path: Path) -> None:
    spot(name="b", billed=[8.0, 20.0, 40.0]).to_parquet(tmp_path / "in")
    convert([str(tmp_path / "in")], str(tmp_path / "out"))
    (shard,) = (tmp_path / "out").rglob("trials.parquet")
    pq.write_table(pq.read_table(shard).drop_columns(["billed_s"]), shard)
    (study,) = esim.read_studies(tmp_path / "out")
    assert study.billed is None and study.trials == ("0", "1", "2")


def test_a_stored_study_without_the_column_is_read(tmp_path: Path) -> None:
    spot(billed=[8.0, 20.0, 40.0]).to_parquet(tmp_path / "s")
    table = pq.read_table(tmp_path / "s" / "trials.parquet")
    pq.write_table(table.drop_columns(["billed_s"]), tmp_path / "s" / "trials.parquet")
    assert esim.Study.from_parquet(tmp_path / "s").billed is None


@pytest.mark.parametrize("wrong", [-1.0, float("inf")])
def test_a_bill_that_cannot_be_is_refused(wrong: float) -> None:
    with pytest.raises(esim.EsimError, match="billed seconds"):
        spot(billed=[wrong, 1.0, 1.0])
    study = dataclasses.replace(spot(), billed=spot().start[:2])
    with pytest.raises(esim.EsimError, match=r"column billed must be float64 \[3\]"):
        study.validate()
