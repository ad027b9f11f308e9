"""Figures of a certificate: what its rules save and lose; and of a watch: the wealth of bets."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from esim.report.figures import style
from esim.report.figures.plot import Plot
from esim.report.words import percent, plural
from esim.results.certificate import Certificate
from esim.results.watched import Watched

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MARKS = {
    "certified": ("o", style.BLUE),
    "not certified": ("X", style.VERMILLION),
    "not tested": ("s", style.GREY),
}


class SequenceInfo(NamedTuple):
    """What is drawn: the rules of the sequence on the studies that tested, from safe to bold."""

    lost: tuple[float, ...]  # [n], shares of the studies
    saved: tuple[float, ...]  # [n], shares
    verdicts: tuple[str, ...]  # [n]
    risk: float  # as asked
    certified: tuple[str, int] | None  # the boldest certified rule, and its place
    axis: str  # the label of what is saved


def sequence_info(c: Certificate) -> SequenceInfo:
    """What each rule of the sequence saved and lost."""
    keys = [one.key for one in c.sequence]
    return SequenceInfo(
        lost=tuple(one.lost for one in c.sequence),
        saved=tuple(one.saved_fraction for one in c.sequence),
        verdicts=tuple(one.verdict for one in c.sequence),
        risk=c.asked.risk,
        certified=None if c.certified is None else (c.certified, keys.index(c.certified)),
        axis=f"{c.replays.saved} saved, mean",
    )


def draw_sequence(info: SequenceInfo, axes: Axes) -> Axes:
    """Draw the rules as a path from safe to bold, with a line at the risk that was asked."""
    axes.plot(info.lost, info.saved, color=style.PALE, lw=1.2, zorder=1)
    for x, y, verdict in zip(info.lost, info.saved, info.verdicts, strict=True):
        marker, colour = _MARKS[verdict]
        axes.plot(x, y, marker, color=colour, ms=6.5, mec=style.PAPER, mew=0.5, ls="none",
                  label=verdict, clip_on=False, zorder=3)  # fmt: skip
    if info.certified is not None:
        name, at = info.certified
        axes.annotate(
            style.literal_text(name, 46),
            (info.lost[at], info.saved[at]),
            (7, -3),
            textcoords="offset points",
            va="top",
            fontsize=8,
            fontweight="bold",
            bbox={"facecolor": style.PAPER, "edgecolor": "none", "pad": 0.4},
            zorder=2.5,  # it interrupts the line of the risk
        )
    axes.axvline(info.risk, color=style.INK, lw=1.0, ls="--", label="risk as asked", zorder=1)
    axes.set_xlim(0, max(1.5 * info.risk, 1.05 * max(info.lost), 0.01))
    axes.set_ylim(0, min(1.0, 1.15 * max(info.saved) + 0.02))
    style.label_shares(axes.xaxis)
    style.label_shares(axes.yaxis)
    axes.set_xlabel("lost too much, mean of the tested studies")
    axes.set_ylabel(info.axis)
    return axes


def sequence_plot(c: Certificate) -> Plot | None:
    """The plot of the rules of a certificate; None if no rule was worth a test."""
    if not c.sequence:
        return None
    sure = sum(one.verdict == "certified" for one in c.sequence)
    return Plot(
        name="sequence",
        title="rules from safe to bold",
        caption=f"Means of {plural(c.counted('test'), 'tested study')}. A rule left of the line "
        "may still fail its test: few studies show a low risk only if they lose much less.",
        description=f"{plural(len(c.sequence), 'rule')} by what they lose and save; {sure} are "
        f"certified to stay within a risk of {percent(c.asked.risk)}.",
        height=3.2,
        info=sequence_info(c),
        draw=draw_sequence,
    )


class WealthInfo(NamedTuple):
    """What is drawn: the wealth of bets against a certificate after each new study."""

    wealth: tuple[float, ...]  # [n]
    enough: float  # at which the certificate no longer holds
    broken: int | None  # the first study after which it was, from 1


def wealth_info(w: Watched) -> WealthInfo:
    """The wealth after each study."""
    names = [one.study for one in w.studies]
    return WealthInfo(
        wealth=tuple(one.wealth for one in w.studies),
        enough=1.0 / w.false_alarm,
        broken=None if w.broken_by is None else names.index(w.broken_by) + 1,
    )


def draw_wealth(info: WealthInfo, axes: Axes) -> Axes:
    """Draw the wealth on a logarithmic axis, with a line at what is enough."""
    from matplotlib.ticker import MaxNLocator

    studies = range(len(info.wealth) + 1)
    axes.plot(studies, (1.0, *info.wealth), color=style.BLUE, lw=1.4, label="wealth")
    axes.axhline(info.enough, color=style.INK, lw=1.0, ls="--", label="enough")
    if info.broken is not None:
        axes.plot(info.broken, info.wealth[info.broken - 1], "X", color=style.VERMILLION, ms=7,
                  ls="none", label="no longer holds", zorder=3)  # fmt: skip
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.set_xlim(0, max(1, len(info.wealth)))
    axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True))
    axes.set_xlabel("new studies")
    axes.set_ylabel("wealth of bets against it")
    return axes


def wealth_plot(w: Watched) -> Plot | None:
    """The plot of a watch; None without new studies."""
    if not w.studies:
        return None
    info = wealth_info(w)
    end = "" if info.broken is None else f"; it is enough after study {info.broken}"
    return Plot(
        name="wealth",
        title="bets against the certificate",
        caption="While the certificate holds, the wealth reaches the line with a chance of at most "
        f"{percent(w.false_alarm)}.",
        description=f"The wealth after each of {plural(len(w.studies), 'new study')}, which "
        f"begins with 1 and ends with {info.wealth[-1]:.3g}{end}.",
        height=2.7,
        info=info,
        draw=draw_wealth,
    )
