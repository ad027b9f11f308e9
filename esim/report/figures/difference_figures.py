"""Figure of two replays: what each study saved in one and in the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from esim.report.figures import style
from esim.report.figures.plot import Plot
from esim.report.words import plural
from esim.results.difference import Difference

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MARKS = {
    "same": ("o", style.BLUE, "the best trial fares alike"),
    "won": ("D", style.GREEN, "lost before, kept now"),
    "lost": ("X", style.VERMILLION, "kept before, lost now"),
}


class ChangesInfo(NamedTuple):
    """What is drawn: of each kind of studies that differ, the steps saved before and now."""

    before: dict[str, tuple[float, ...]]  # "same", "won", "lost" -> shares
    now: dict[str, tuple[float, ...]]  # the same studies


def changes_info(found: Difference) -> ChangesInfo:
    """The savings of the studies that differ and are known in both replays."""
    pairs: dict[str, list[tuple[float, float]]] = {kind: [] for kind in _MARKS}
    for one in found.changed:
        if one.old is None or one.new is None:
            continue
        saved = (one.old.steps_saved_fraction, one.new.steps_saved_fraction)
        if saved[0] is None or saved[1] is None:
            continue
        was, now = (head.best_trial_stopped is True for head in (one.old, one.new))
        kind = "same" if was == now else "lost" if now else "won"
        pairs[kind].append((saved[0], saved[1]))
    return ChangesInfo(
        *({kind: tuple(pair[i] for pair in its) for kind, its in pairs.items()} for i in (0, 1))
    )


def draw_changes(info: ChangesInfo, axes: Axes) -> Axes:
    """Draw each study as a mark at what it saved before and now, with a line where both agree."""
    axes.plot((0, 1), (0, 1), color=style.FAINT, lw=1.0, ls="--", label="as before")
    for kind, (marker, colour, label) in _MARKS.items():
        if info.now[kind]:
            axes.plot(info.before[kind], info.now[kind], marker, color=colour, ms=5,
                      mec=style.PAPER, mew=0.4, ls="none", label=label, clip_on=False,
                      rasterized=len(info.now[kind]) > style.MANY)  # fmt: skip
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    style.label_shares(axes.xaxis)
    style.label_shares(axes.yaxis)
    axes.set_xlabel("steps saved, old")
    axes.set_ylabel("steps saved, new")
    return axes


def changes_plot(found: Difference) -> Plot | None:
    """The plot of the studies that differ; None if there is none to show."""
    info = changes_info(found)
    n = {kind: len(its) for kind, its in info.now.items()}
    if not sum(n.values()):
        return None
    higher = sum(
        b > a for kind in _MARKS for a, b in zip(info.before[kind], info.now[kind], strict=True)
    )
    return Plot(
        name="changes",
        title="what the studies that differ saved, before and now",
        caption="Above the line a study saves more than before.",
        description=f"{plural(sum(n.values()), 'study')} that differ; {higher:,} save more than "
        f"before, {n['lost']:,} lose a best trial that was kept, {n['won']:,} keep one that was "
        "lost.",
        height=3.6,
        info=info,
        draw=draw_changes,
    )
