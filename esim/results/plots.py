"""The figures of results as methods, which take matplotlib axes and return them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from esim.study.door import above

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Plots:
    """The figures of one result.

    Every method takes the axes to draw on, or makes a figure of pyplot, and returns the axes. It
    raises EsimError where the result has nothing to show in that figure.

    Example:
        >>> import esim
        >>> study = esim.Study.from_arrays([[3, 2, 1], [4, 4, 4], [5, 5, 5]], direction="minimize")
        >>> esim.replay(study).plot.names()
        ('saved', 'finals', 'curves')
    """

    def __init__(self, result: Any) -> None:
        self._result = result

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {', '.join(self.names())}>"

    def names(self) -> tuple[str, ...]:
        """The figures that show something."""
        return tuple(above("plots_of")(self._result))

    def draw(self, name: str, axes: Axes | None = None) -> Axes:
        """Draw the figure of a name.

        Args:
            name: one of `names`.
            axes: where to draw; None: a new figure of pyplot, with title and legend.

        Raises:
            EsimError: the result has no such figure.

        Example:
            >>> from matplotlib.figure import Figure
            >>> import esim
            >>> study = esim.Study.from_arrays([[3, 2, 1], [4, 4, 4], [5, 5, 5]], "minimize")
            >>> axes = Figure().subplots()
            >>> esim.replay(study).plot.draw("curves", axes) is axes
            True
        """
        drawn: Axes = above("draw_plot")(self._result, name, axes)
        return drawn


class ReplayPlots(Plots):
    """The figures of a replay."""

    def curves(self, axes: Axes | None = None) -> Axes:
        """The curves of all trials, and where the rule stops them."""
        return self.draw("curves", axes)

    def threshold(self, axes: Axes | None = None) -> Axes:
        """What trials were held against."""
        return self.draw("threshold", axes)

    def saved(self, axes: Axes | None = None) -> Axes:
        """What is saved of steps, time and money."""
        return self.draw("saved", axes)

    def finals(self, axes: Axes | None = None) -> Axes:
        """Final values with the rule and without."""
        return self.draw("finals", axes)

    def stops(self, axes: Axes | None = None) -> Axes:
        """At which steps trials are stopped."""
        return self.draw("stops", axes)

    def front(self, axes: Axes | None = None) -> Axes:
        """Saved against lost, over the readings of the rule's source."""
        return self.draw("front", axes)

    def readings(self, axes: Axes | None = None) -> Axes:
        """What each reading of the rule's source saves."""
        return self.draw("readings", axes)

    def wrong(self, number: int = 1, axes: Axes | None = None) -> Axes:
        """A trial that was stopped though it was good: the first, second, ... of these."""
        return self.draw(f"wrong-{number}", axes)

    def schedule(self, axes: Axes | None = None) -> Axes:
        """When each trial runs with the rule."""
        return self.draw("schedule-rule", axes)

    def schedule_recorded(self, axes: Axes | None = None) -> Axes:
        """When each trial ran as recorded."""
        return self.draw("schedule-recorded", axes)


class ComparisonPlots(Plots):
    """The figures of a comparison."""

    def front(self, axes: Axes | None = None) -> Axes:
        """Saved against lost, a point a rule."""
        return self.draw("front", axes)

    def orders(self, axes: Axes | None = None) -> Axes:
        """How the saving of each rule varies over launch orders."""
        return self.draw("orders", axes)

    def workers(self, what: str = "saved", axes: Axes | None = None) -> Axes:
        """What changes with the number of workers; `names` has what there is."""
        return self.draw(f"workers-{what}", axes)


class EstimatePlots(Plots):
    """The figures of an estimate."""

    def forecast(self, what: str = "saved", axes: Axes | None = None) -> Axes:
        """How likely each value of a number of the next job is; `names` has what there is."""
        return self.draw(f"forecast-{what}", axes)

    def trade(self, axes: Axes | None = None) -> Axes:
        """Saved against lost, a point a replay."""
        return self.draw("trade", axes)

    def by_trials(self, axes: Axes | None = None) -> Axes:
        """The saving by the next job's number of trials."""
        return self.draw("by-trials", axes)

    def by_workers(self, axes: Axes | None = None) -> Axes:
        """The saving by the next job's number of workers."""
        return self.draw("by-workers", axes)


class CertificatePlots(Plots):
    """The figure of a certificate."""

    def sequence(self, axes: Axes | None = None) -> Axes:
        """The rules from safe to bold, and up to where they are certified."""
        return self.draw("sequence", axes)


class WatchPlots(Plots):
    """The figure of a watch."""

    def wealth(self, axes: Axes | None = None) -> Axes:
        """What bets against the certificate have made of 1."""
        return self.draw("wealth", axes)
