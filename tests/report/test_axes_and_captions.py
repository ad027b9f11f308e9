"""Figures: ticks that can be read, captions that agree, and what is not worth a figure."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import esim
from esim.report.figures import style
from esim.report.figures.history_figures import losses_plot
from esim.report.figures.labelled_rows import Row, RowsInfo, draw_rows, readings_info
from esim.report.figures.pareto_front import (
    FrontInfo,
    Point,
    draw_front,
    front_plot,
    readings_front,
)
from esim.report.figures.running_threshold import threshold_plot
from esim.report.figures.stop_histogram import stops_info
from esim.report.figures.trial_curves import curves_plot
from esim.results.recorded_reports import RecordedReports
from esim.study import Study
from tests.references.generate import build
from tests.report.test_figures import small, timed


def axes() -> Axes:
    return Figure().subplots()


@pytest.mark.parametrize(
    ("share", "told"),
    [(0.025, "2.5 %"), (0.15000000000000002, "15 %"), (1.0, "100 %"), (0.0, "0 %")],
)
def test_shares_at_an_axis_are_not_rounded(share: float, told: str) -> None:
    drawn = axes()
    style.label_shares(drawn.xaxis)
    assert drawn.xaxis.get_major_formatter()(share) == told


def test_losses_far_apart_have_ticks_that_do_not_overlap() -> None:
    """An accepted loss of 1 % and one of 10,000 %: the ticks at 1, 2 and 5 % lie too close."""
    points = tuple(Point(str(x), "rule", 0.5, x, False, False) for x in (0.0, 100.0))
    drawn = draw_front(FrontInfo(points, (), (), 0.01, "steps", "lost", "rules", "best"), axes())
    ticks = drawn.yaxis.get_majorticklocs()
    heights = (drawn.transScale + drawn.transLimits).transform([(0, t) for t in ticks])[:, 1]
    assert ticks[0] == 0 and len(ticks) > 3
    assert (np.diff(heights) * 2.1 * 72 >= 9).all()


def test_what_is_saved_ends_at_one_place() -> None:
    """So that 9.3 % and 14.3 % have their points below each other."""
    info = readings_info(esim.replay(small(), readings=True))
    drawn = draw_rows(info, axes())
    saved = [t for t in drawn.texts if t.get_text().endswith(" %")]
    assert len(saved) == len(info.rows)
    assert len({(t.get_ha(), t.get_position()) for t in saved}) == 1
    assert saved[0].get_ha() == "right"


def test_notes_beside_rows_have_their_points_below_each_other() -> None:
    """To three places of a fraction, 0 lacks the point and three digits, +0.5 two digits."""
    notes = ("0", "+0.5", "-1.125", "\N{EN DASH}")
    rows = tuple(Row("row", 0.5, None, None, n, None, False) for n in notes)
    drawn = draw_rows(RowsInfo(rows, "x", "note", "", False), axes())
    told = [t.get_text() for t in drawn.texts if t.get_text().strip() in notes]
    blank, digit = "\N{PUNCTUATION SPACE}", "\N{FIGURE SPACE}"
    places = (f"0{blank}{3 * digit}", f"+0.5{2 * digit}", "-1.125", "\N{EN DASH}")
    assert [t for t in told if t in places] == list(places)


def test_trials_cut_with_the_job_are_not_called_stopped() -> None:
    """The job ends after 25 s, in which a made two of its three reports, and no other started."""
    study = timed()
    result = esim.replay(study, until=["max-runtime=25"])
    plot = curves_plot(result, RecordedReports.of(study))
    assert plot is not None
    assert plot.caption.endswith(" 0 of 3 trials stopped, 1 cut as the job ends.")


def test_stops_are_shares_of_the_steps_that_were_run() -> None:
    """Counted from 0, the report at index 1 of 4 is the second: half of the steps."""
    study = build([[0, 1, 2, 3]] * 2, [[1, 1, 1, 1], [0, 2, 3, 4]]).with_first_step("done")
    result = esim.replay(study)
    assert result.columns.steps_run.tolist() == [4, 2]
    assert stops_info(result).median == 0.5


def test_no_front_where_none_loses_more() -> None:
    """Whoever is stopped, the first trial stays the best."""
    ahead = Study.from_arrays([[1.0] * 6, *([9.0 + i] * 6 for i in range(5))], "minimize")
    result = esim.replay(ahead, readings=True)
    assert len(readings_front(result).points) > 2
    assert front_plot(result) is None


def test_a_threshold_at_one_step_is_not_drawn() -> None:
    result, reports = esim.replay(small()), RecordedReports.of(small())
    assert threshold_plot(result, reports, result.trace()) is not None
    once = {"step": np.array([2, 2]), "threshold": np.array([1.0, 2.0])}
    assert threshold_plot(result, reports, once) is None


def test_one_study_that_loses_is_no_line() -> None:
    """c, the best, is stopped, so the study loses."""
    one = esim.replay(small()).summary
    assert one.degradation_normalized is not None and one.degradation_normalized > 0
    assert losses_plot([one]) is None
    assert losses_plot([one, one]) is not None
