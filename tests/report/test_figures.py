"""Figures: what is drawn, computed apart from drawing it; and that drawing it works."""

from __future__ import annotations

import itertools
import math
import subprocess
import sys
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.cbook import is_math_text
from matplotlib.figure import Figure
from matplotlib.text import Text

import esim
from esim.analyses.explain.explain import explain
from esim.assumptions import Costs
from esim.report.figures import style
from esim.report.figures.explained_trial import (
    draw_explained,
    draw_peers,
    explain_figure,
    explained_info,
)
from esim.report.figures.figure_lists import replay_plots
from esim.report.figures.final_values import draw_finals, finals_info
from esim.report.figures.labelled_rows import draw_rows, readings_info, studies_info, studies_plot
from esim.report.figures.pareto_front import (
    FrontInfo,
    Point,
    _cross,
    _label_offsets,
    _steps,
    draw_front,
    pareto,
    readings_front,
)
from esim.report.figures.plot import Plot, figure_of, save
from esim.report.figures.running_threshold import draw_threshold, threshold_info
from esim.report.figures.saved_amounts import amounts_info, draw_amounts
from esim.report.figures.schedule import draw_schedule, schedule_info
from esim.report.figures.stop_histogram import draw_stops, one_moment, stops_info, stops_plot
from esim.report.figures.stopped_wrongly import draw_wrong, stopped_wrongly, wrong_infos
from esim.report.figures.trial_curves import (
    MOST_LINES,
    TrialCurve,
    bands_of,
    curves_info,
    draw_curves,
)
from esim.results.recorded_reports import RecordedReports
from esim.results.replay import ReplayResult
from esim.study import Study
from tests.references import generate

CURVES = [[1.0, 0.8, 0.6], [1.2, 0.5, 0.5], [0.9, 1.0, 0.3]]  # b stops at 1, c at 2
ODD_NAMES = [
    "$a_1$ and $b$",
    "x^2 _under_ <b>&amp;",
    "back\\slash $",
    "\x00\x1b[31mred",
    "日本" + "W" * 90,
]


def small(**columns) -> Study:
    return Study.from_arrays(CURVES, "minimize", names=["a", "b", "c"], name="small", **columns)


def timed() -> Study:
    """Side by side, each long enough to see the earlier ones end."""
    return small(elapsed=[[10.0, 20, 30]] * 3, start=[0.0, 30, 60], end=[30.0, 65, 100])


def big(n: int = MOST_LINES + 50) -> Study:
    rng = np.random.default_rng(3)
    curves = 2 / (1 + np.arange(20)) * rng.uniform(0.5, 1.5, (n, 1)) + rng.uniform(0, 1, (n, 1))
    return Study.from_arrays(curves, "minimize", name="big")


def odd() -> Study:
    curves = np.array([[1.0, 0.8], [1.1, 0.9], [1.2, 0.4], [0.9, 0.7], [0.95, 0.1]])
    return Study.from_arrays(
        curves, "minimize", names=ODD_NAMES, name="$study_{1}$ " * 20, objective="v_$\\alpha$" * 9,
        elapsed=[[1.0, 2.0]] * 5, start=np.arange(5) * 2.0, end=np.arange(5) * 2.0 + 2,
    )  # fmt: skip


def axes() -> Axes:
    return Figure().subplots()


def plots(study: Study, result: ReplayResult | None = None) -> dict[str, Plot]:
    result = esim.replay(study, readings=True) if result is None else result
    return replay_plots(result, RecordedReports.of(study), result.trace())


# ------------------------------------------------------------------------------ what is drawn


def test_saved_amounts_are_the_known_ones():
    names = [a.label for a in amounts_info(esim.replay(small()))]
    assert names == ["steps"]
    result = esim.replay(timed(), costs=Costs(price=36.0, currency="EUR"))
    info = amounts_info(result)
    assert [a.label for a in info] == [
        "steps", "training time", "billed time", "cost", "makespan"
    ]  # fmt: skip
    # 3 + 1 + 2 of 9 steps; 30 + 10 + 20 of 90 s; stopped jobs add their tails of 5 and 10 s
    steps, training, billed, cost, _ = info
    assert (steps.run, steps.recorded, steps.share) == ("6", "9", pytest.approx(6 / 9))
    assert (training.run, training.recorded) == ("60.0 s", "90.0 s")
    assert (billed.run, billed.recorded) == ("75.0 s", "105.0 s")
    assert (cost.run, cost.recorded) == ("0.75 EUR", "1.05 EUR")


def test_finals_are_the_better_half_best_first():
    info = finals_info(esim.replay(small()))
    assert info.finals.tolist() == [0.3, 0.5, 0.6]
    assert info.stopped.tolist() == [True, True, False]
    assert (info.best_recorded, info.best) == (0.3, 0.6)
    assert "0.3, lost" in info.best_recorded_words
    assert "0.6, rank 3" in info.best_words
    assert len(finals_info(esim.replay(big(200))).finals) >= 100


def test_curves_end_where_the_rule_stopped_them():
    info = curves_info(esim.replay(small()), RecordedReports.of(small()))
    assert [c.values.tolist() for c in info.kept] == [[1.0, 0.8, 0.6]]
    assert [c.values.tolist() for c in info.stopped] == [[1.2], [0.9, 1.0]]
    assert info.stops.steps.tolist() == [1, 2]
    assert info.stops.values.tolist() == [1.2, 1.0]
    assert info.best_recorded is not None
    assert info.best_recorded.rest.values.tolist() == [1.0, 0.3]
    assert info.best is not None
    assert info.best.rest.steps.size == 0
    assert info.outside == 0


def test_many_curves_become_bands():
    study = big()
    info = curves_info(esim.replay(study), RecordedReports.of(study))
    assert (info.kept, info.stopped) == ((), ())
    values = np.sort(study.values.reshape(study.n_trials, -1), axis=0)
    expected = values[
        np.round((study.n_trials - 1) * np.array([0.05, 0.25, 0.5, 0.75, 0.95])).astype(int)
    ]
    assert np.array_equal(info.bands, expected)
    assert info.grid.tolist() == list(range(1, 21))


def test_bands_carry_the_last_value_and_stop_with_the_trials():
    # Four trials to step 4, one to step 2: five of them at 1 and 2, too few behind.
    whole = [TrialCurve(np.array([0, 4]), np.array([i, i + 10.0])) for i in range(4)]
    whole.append(TrialCurve(np.array([0, 1, 2]), np.array([100.0, 101, np.inf])))
    grid, bands = bands_of(whole)
    assert grid.tolist() == [0, 1, 2, 4]
    assert bands[2].tolist()[:3] == [2, 2, 2]
    assert bands[4].tolist()[:3] == [100, 101, np.inf]
    assert np.isnan(bands[:, 3]).all()


def test_stops_by_share_of_length():
    # b ran 1 of 3 steps, c 2 of 3
    info = stops_info(esim.replay(small()))
    assert info.counts.sum() == 2
    assert info.counts[6] == 1  # 1/3 lies between 30 and 35 %
    assert info.counts[13] == 1
    assert info.median == pytest.approx(0.5)


def test_one_bar_is_a_sentence():
    """Of 20 reports each, the second and third are stopped at their first, at step 1 of 20."""
    same = Study.from_arrays([[1.0] * 20, [2.0] * 20, [3.0] * 20], "minimize")
    result = esim.replay(same)
    assert stops_plot(result) is None
    assert one_moment(result) == "All 2 stops come after 5 to 10 % of a trial's recorded steps."
    assert one_moment(esim.replay(small())) is None
    assert stops_plot(esim.replay(small())) is not None


def test_a_change_of_scale_is_marked():
    """The stop at step 1 of 99: even up to 5, then doubling, and a line where that begins."""
    curves = [list(range(99, -1, -1)), [200.0, 200.0, *[-1.0] * 98]]
    study = Study.from_arrays(curves, "minimize")
    result = esim.replay(study)
    (info,) = wrong_infos(result, RecordedReports.of(study), result.trace())
    axes = draw_wrong(info, Figure().subplots())
    assert axes.get_xscale() == "symlog"
    assert axes.get_xlabel() == "step (even up to 5; beyond, each mark doubles)"
    assert any(list(line.get_xdata()) == [5, 5] for line in axes.lines)


def test_no_line_of_a_front_runs_through_a_label():
    """All labels but those of named points keep clear of the fronts' lines."""
    points = [Point(f"rule {i}", "rule", i / 10, i**2 / 100, i % 2 == 0, i == 4) for i in range(9)]
    front = tuple((p.saved, p.loss) for p in points)
    info = FrontInfo(tuple(points), front, (), None, "steps", "lost", "rules", "the best")
    axes = Figure(figsize=(4.4, 3.6)).subplots()
    draw_front(info, axes)
    offsets = _label_offsets(info, axes)
    lines = list(_steps(front, axes))
    assert len(lines) == 2 * (len(front) - 1)
    size = np.array([3.3, 2.1]) * 72
    for i, (dx, dy, side) in offsets.items():
        x, y = (axes.transScale + axes.transLimits).transform(front[i]) * size
        width = 0.62 * 7.5 * len(points[i].label)
        left = x + dx - {"left": 0.0, "right": width, "center": width / 2}[side]
        box = (left, y + dy - 5, left + width, y + dy + 5)
        assert points[i].named or not any(_cross(box, line) for line in lines), points[i]
    labels = [text for text in axes.texts if text.get_bbox_patch() is not None]
    assert labels and all(t.get_bbox_patch().get_alpha() in (None, 1) for t in labels)


def test_schedule_is_in_one_unit_from_the_first_start():
    info = schedule_info(esim.replay(timed()))
    assert info is not None
    assert info.unit == "seconds"
    assert info.recorded.began.tolist() == [0, 30, 60]
    assert info.recorded.ended.tolist() == [30, 65, 100]
    assert info.run.ended.tolist() == [30, 45, 90]  # c: 60 + 20 and its tail of 10 s
    assert (info.recorded.makespan, info.run.makespan) == (100, 90)
    assert schedule_info(esim.replay(small())) is None


def test_a_trial_that_never_ended_is_drawn_to_its_last_report():
    study = small(
        elapsed=[[10.0, 20, 30]] * 3, start=[0.0, 30, 60], end=[30.0, 65, math.nan],
        status=["completed", "completed", "running"],
    )  # fmt: skip
    info = schedule_info(esim.replay(study, esim.rule("sagemaker", min_peers=9)))
    assert info is not None
    assert info.recorded.ended.tolist() == [30, 65, 90]


def test_readings_begin_with_the_literal_one():
    info = readings_info(esim.replay(small(), readings=True))
    assert [row.strong for row in info.rows] == [True] + [False] * (len(info.rows) - 1)
    assert info.rows[0].saved == pytest.approx(3 / 9)
    assert info.rows[0].note == "+0.3"
    assert info.rows[0].lost is True
    assert readings_info(esim.replay(small())).rows == ()


def test_studies_are_rows_most_saved_first():
    info = studies_info([esim.replay(small()), esim.replay(big())])
    assert [row.label for row in info.rows] == ["big", "small"]
    assert info.rows[1].saved == pytest.approx(3 / 9)
    assert info.rows[1].low is None
    # of the finals 0.3, 0.5, 0.6: 0.3 worse than 0.3, and 0.2 from the best to the median
    assert info.rows[1].note == "150.0 %"
    ranged = studies_info([esim.replay(small(), readings=True)]).rows[0]
    assert ranged.low <= ranged.saved <= ranged.high


@pytest.mark.slow
@pytest.mark.parametrize(
    ("saved", "degradation", "expected"),
    [
        ([0.1, 0.5, 0.9], [0.0, 0.1, 0.2], (0, 1, 2)),
        ([0.1, 0.5, 0.9], [0.2, 0.1, 0.0], (2,)),  # one beats all
        ([0.5, 0.5, 0.5], [0.1, 0.0, 0.0], (1,)),  # equal: the first
        ([0.1, 0.4, 0.4], [0.0, 0.0, 0.3], (1,)),  # beaten by more saved at an equal loss
        ([0.3, 0.6], [-0.1, 0.0], (0, 1)),  # a gain is no loss
        ([], [], ()),
    ],
)
def test_pareto_front(saved, degradation, expected):
    assert pareto(np.array(saved), np.array(degradation)) == expected


def test_front_is_of_the_readings():
    result = esim.replay(small(), readings=True)
    info = readings_front(result)
    assert len(info.points) == len(result.readings)
    assert [p.label for p in info.points if p.strong] == ["literal"]
    assert list(info.front) == sorted(info.front)
    for saved, loss in info.front:
        assert not any(
            q.saved >= saved and q.loss <= loss and (q.saved, q.loss) != (saved, loss)
            for q in info.points
        )


def test_threshold_is_of_the_decisions_by_step():
    result = esim.replay(small())
    info = threshold_info(result, RecordedReports.of(small()), result.trace())
    # step 1: a has no peer; b is held against 1.0; c against the median of 1.0 and 1.2
    # step 2: c is held against a's average (1.0 + 0.8) / 2; b had stopped at step 1
    assert info.steps.tolist() == [1, 2]
    assert info.low.tolist() == pytest.approx([1.0, 0.9])
    assert info.middle.tolist() == pytest.approx([1.05, 0.9])
    assert info.high.tolist() == pytest.approx([1.1, 0.9])
    assert info.judged == 3


def test_thresholds_of_many_steps_are_taken_together():
    result = esim.replay(small())
    decisions = {"step": np.arange(1000), "threshold": np.arange(1000.0)}
    info = threshold_info(result, RecordedReports.of(small()), decisions)
    assert len(info.steps) == 200
    assert info.low[:2].tolist() == [0, 5]
    assert info.high[-1] == 999
    assert info.middle[0] == 2


def test_wrong_are_those_that_would_have_beaten_the_best_kept():
    result = esim.replay(small())
    wrong = stopped_wrongly(result)
    # kept: a with 0.6; stopped: b, would have ended at 0.5, and c at 0.3; the median is 0.5
    assert wrong.trials == (2, 1)
    assert wrong.ranks == (1, 2)
    assert (wrong.better_half, wrong.stopped) == (1, 2)
    first, second = wrong_infos(result, RecordedReports.of(small()), result.trace())
    assert (first.ran.values.tolist(), first.rest.values.tolist()) == ([0.9, 1.0], [1.0, 0.3])
    assert first.threshold.tolist() == pytest.approx([1.1, 0.9])
    assert second.threshold.tolist() == pytest.approx([1.0])
    assert first.best is not None and first.best.values.tolist() == [1.0, 0.8, 0.6]
    assert "1st best" in first.label


def test_a_trial_cut_short_in_the_record_is_not_called_wrong():
    cut = small(status=["completed", "stopped", "completed"])
    wrong = stopped_wrongly(esim.replay(cut))
    assert wrong.trials == (2,)
    assert wrong.stopped == 1


def test_explained_columns():
    info = explained_info(explain(small(), "c"))
    assert info.steps.tolist() == [1, 2, 3]
    assert info.ran == 2
    assert info.stop == (2.0, 1.0)
    assert info.decision is None
    assert info.own is None
    assert info.peers.tolist() == [2, 1, 1]
    assert info.low.tolist() == pytest.approx([1.0, 0.9, 0.8])
    late = explained_info(explain(small(), "b", esim.rule("sagemaker", delay=1, own="best")))
    assert (late.decision, late.stop) == ((1.0, 1.2), (2.0, 0.5))
    assert late.own is not None
    assert late.own.tolist() == [1.2, 0.5, 0.5]


@pytest.mark.parametrize(
    ("values", "typical", "expected"),
    [
        ([0.0, 1.0], (0, 1), (-0.04, 1.04, False)),
        ([0.0, 1.0, 2.0], (0, 1), (-0.08, 2.08, False)),  # within 1.5 times the distance
        ([0.0, 1.0, 1e9], (0, 1), (-0.1, 2.6, True)),  # cut at 1 + 1.5
        ([0.0, 1.0, math.inf], (0, 1), (-0.04, 1.04, True)),
        ([2.0, 2.0], (2, 2), (1.9, 2.1, False)),
        ([0.0], (0, 0), (-0.5, 0.5, False)),
        ([], (math.nan, math.nan), (0, 1, False)),
        ([math.inf], (math.nan, math.nan), (0, 1, True)),
    ],
)
def test_limits(values, typical, expected):
    actual = style.limits_around(np.array(values), *typical)
    assert actual == (pytest.approx(expected[0]), pytest.approx(expected[1]), expected[2])


def test_limits_leave_out_diverging_trials_but_not_the_best():
    curves = [[1.0, 0.5 + i / 100] for i in range(20)] + [[1.0, 1e12], [1.0, 0.05]]
    study = Study.from_arrays(curves, "minimize")
    info = curves_info(esim.replay(study), RecordedReports.of(study))
    assert info.limits.high < 10
    assert info.limits.low < 0.05
    assert info.outside == 1


# ----------------------------------------------------------------------------------- drawing


def test_every_drawing_takes_and_returns_an_axes():
    study = timed()
    result = esim.replay(study, readings=True)
    reports, trace = RecordedReports.of(study), result.trace()
    told = explained_info(explain(study, "b"))
    schedule = schedule_info(result)
    assert schedule is not None
    draws = [
        (draw_amounts, amounts_info(result)),
        (draw_finals, finals_info(result)),
        (draw_curves, curves_info(result, reports)),
        (draw_stops, stops_info(result)),
        (draw_rows, readings_info(result)),
        (draw_rows, studies_info([result])),
        (draw_front, readings_front(result)),
        (draw_threshold, threshold_info(result, reports, trace)),
        (draw_wrong, wrong_infos(result, reports, trace)[0]),
        (draw_explained, told),
        (draw_peers, told),
    ]
    for draw, info in draws:
        where = axes()
        assert draw(info, where) is where
        where.figure.draw_without_rendering()
    for with_rule in (False, True):
        where = axes()
        assert draw_schedule(schedule, where, with_rule=with_rule) is where


def every_plot(study: Study, **how) -> dict[str, Plot]:
    result = esim.replay(study, readings=True, **how)
    return {**plots(study, result), "studies": studies_plot([result])}


def drawn(study: Study, every: dict[str, Plot], width: float) -> dict[str, Figure]:
    return {name: figure_of(plot, study.name, width) for name, plot in every.items()}


def every_figure(study: Study, **how) -> dict[str, Figure]:
    found = drawn(study, every_plot(study, **how), style.WIDTH)
    return found | every_explanation(study, **how)


def every_explanation(study: Study, **how) -> dict[str, Figure]:
    return {
        f"explain {trial}": explain_figure(explain(study, trial, **how))
        for trial in study.trials[:3]
    }


def test_figures_are_those_with_something_to_draw():
    without = {"saved", "finals", "curves"}
    stopped = without | {"threshold", "stops", "wrong-1", "wrong-2"}
    assert set(plots(small(), esim.replay(small()))) == stopped
    assert set(plots(timed())) >= {
        "schedule-recorded", "schedule-rule", "readings", "front", "stops"
    }  # fmt: skip
    never = esim.replay(small(), esim.rule("sagemaker", min_peers=9))
    assert set(plots(small(), never)) - {"threshold"} == without


def test_without_the_tables_the_rest_is_drawn():
    result = esim.replay(small())
    assert set(replay_plots(result, None, {})) == {"saved", "finals", "stops"}
    assert "curves" in replay_plots(result, RecordedReports.of(small()), {})


def test_every_plot_tells_in_words_what_it_shows():
    for plot in plots(timed()).values():
        assert plot.title and plot.description.endswith(".")
        assert plot.name == plot.name.lower()


@pytest.mark.parametrize(
    "study",
    [
        small(),
        odd(),
        big(),
        Study.from_arrays([[1.0]], "maximize"),
        Study.from_arrays([[], [1.0, 2.0], []], "minimize"),
        Study.from_arrays(
            [[math.inf, -math.inf, 1.0], [math.inf] * 3, [-1e300, 1e300, 0]], "minimize"
        ),
        generate.build([[1, 2]], [[math.nan, math.nan]]),
        Study.from_arrays([[0.5] * 4] * 30, "minimize"),
    ],
    ids=["small", "odd", "big", "one report", "empty trials", "infinite", "no values", "equal"],
)
def test_draws_without_a_warning_and_inside_its_borders(study, tmp_path):
    telling = study.name in ("small", "big") or study.trials[:1] == (ODD_NAMES[0],)
    every, explained = every_plot(study), every_explanation(study)  # these are of one width
    for width in (style.WIDTH, style.NARROW) if telling else (style.WIDTH,):
        figures = drawn(study, every, width)
        for name, figure in (figures | explained if width == style.WIDTH else figures).items():
            if width == style.WIDTH:
                with style.styled():
                    figure.savefig(tmp_path / "figure.svg")
                ElementTree.parse(tmp_path / "figure.svg")
            else:
                figure.draw_without_rendering()
            _stands_inside_and_apart(figure, name)


@pytest.mark.slow
def test_draws_any_generated_study():
    for study in generate.studies(20261123, 5):
        for figure in every_figure(study).values():
            figure.draw_without_rendering()


def _texts(figure: Figure) -> list[Text]:
    return [t for t in figure.findobj(Text) if t.get_visible() and t.get_text().strip()]


def _stands_inside_and_apart(figure: Figure, name: str) -> None:
    """All stands inside; ticks' labels stand apart on each axis, and titles, labels and legends
    from each other."""
    renderer = figure._get_renderer()  # asked for without one, each artist makes its own
    width, height = figure.bbox.width, figure.bbox.height
    drawn = [*figure.axes, *figure.legends, figure._suptitle]
    parts = [artist.get_tightbbox(renderer) for artist in drawn]
    for artist, box in zip(drawn, parts, strict=True):
        assert box.x0 > -2, (name, artist)
        assert box.y0 > -2, (name, artist)
        assert box.x1 < width + 2, (name, artist)
        assert box.y1 < height + 2, (name, artist)
    for part in figure.axes:
        for axis in (part.xaxis, part.yaxis):
            low, high = sorted(axis.get_view_interval())
            shown = [t.label1 for t in axis.get_major_ticks() if low <= t.get_loc() <= high]
            shown = [label for label in shown if label.get_text() and label.get_visible()]
            boxes = [label.get_window_extent(renderer) for label in shown]
            for one, other in itertools.combinations(boxes, 2):
                assert not one.overlaps(other), (name, axis)
    for one, other in itertools.combinations(parts, 2):
        overlap = (
            min(one.x1, other.x1) - max(one.x0, other.x0),
            min(one.y1, other.y1) - max(one.y0, other.y0),
        )
        assert min(overlap) < 3, name


def test_names_are_not_mathematics():
    for name, figure in every_figure(odd()).items():
        for text in _texts(figure):
            assert not is_math_text(text.get_text()), (name, text.get_text())
    assert style.literal_text("$a_1$ <b>") == r"\$a_1\$ <b>"
    assert not is_math_text(style.literal_text("back\\slash $x$ \\$"))
    assert style.literal_text("a\x00b日") == "a\\x00b\N{REPLACEMENT CHARACTER}"


def test_the_direction_stands_at_the_axis():
    assert style.objective_label("loss", "minimize") == "loss\n(lower is better)"
    assert style.objective_label("accuracy", "maximize") == "accuracy\n(higher is better)"


# ------------------------------------------------------------------------------------- files


def test_save_gives_the_same_bytes_again(tmp_path):
    every = plots(timed())
    for name in ("one", "two"):
        found = {key: figure_of(every[key], "x") for key in ("curves", "readings", "saved")}
        for key, figure in found.items():
            save(figure, tmp_path / f"{key}.{name}")
    for key in found:
        for end in ("svg", "png"):
            first = (tmp_path / f"{key}.one.{end}").read_bytes()
            assert first == (tmp_path / f"{key}.two.{end}").read_bytes()
    assert b"<dc:date>" not in (tmp_path / "saved.one.svg").read_bytes()


def test_save_is_whole_or_not_at_all(tmp_path, monkeypatch):
    figure = figure_of(plots(small())["stops"])
    (tmp_path / "old.svg").write_text("old")

    def breaks(out, **_):
        out.write(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(figure, "savefig", breaks)
    with pytest.raises(OSError, match="disk full"):
        save(figure, tmp_path / "old")
    assert [p.name for p in tmp_path.iterdir()] == ["old.svg"]
    assert (tmp_path / "old.svg").read_text() == "old"


def test_drawing_changes_no_setting_and_obeys_none(tmp_path):
    before = dict(matplotlib.rcParams)
    plain = tmp_path / "plain", tmp_path / "own"
    save(explain_figure(explain(small(), "b")), plain[0])
    assert dict(matplotlib.rcParams) == before
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "red", "lines.linewidth": 9}):
        save(explain_figure(explain(small(), "b")), plain[1])
    assert (tmp_path / "plain.svg").read_bytes() == (tmp_path / "own.svg").read_bytes()


def test_importing_plots_loads_nothing_heavy():
    code = (
        "import sys, esim.report.figures.figure_lists\n"
        "heavy = {'matplotlib', 'numba', 'pandas', 'esim.replay', 'esim.explain', 'esim.readers'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_pyplot_is_not_used():
    code = (
        "import sys, esim\n"
        "from esim.report.figures.figure_lists import replay_plots\n"
        "from esim.report.figures.plot import figure_of\n"
        "study = esim.Study.from_arrays([[1.0, 2.0]], 'minimize')\n"
        "for plot in replay_plots(esim.replay(study), None, {}).values():\n    figure_of(plot)\n"
        "print('matplotlib.pyplot' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
