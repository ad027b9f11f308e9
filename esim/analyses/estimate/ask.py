"""What is asked of every past study alike."""

from __future__ import annotations

from dataclasses import dataclass, replace

from esim.analyses.estimate.samples import Launch
from esim.analyses.workers.by_study import MANY
from esim.assumptions import Clock, Costs
from esim.rules import JobRule, Rule
from esim.simulator.job_end import Until


@dataclass(frozen=True)
class Ask:
    """What is asked of every study alike.

    Attributes:
        rule: the rule of the next job.
        trials: m, of the next job.
        clock, costs, final: as in `replay`.
        until: job-level rules that end the next job.
        launch: how the trials of a sample are launched, as in `samples.draw`.
        launch_why: why they are launched so.
        samples: R, replays of each study.
        draws: of each distribution that is forecast: R, or more if there are many studies.
        among: how many studies there are, if they are many; less is kept of each then.
        held: how many of the studies, spread evenly, are held in memory for the variants and
            checks that stand beside the forecast.
        threads: of a replay; None: as many as the machine has cores.
    """

    rule: Rule
    trials: int
    clock: Clock
    costs: Costs
    final: str
    launch: Launch
    samples: int
    draws: int
    among: int | None = None
    launch_why: str = ""
    held: int = MANY
    threads: int | None = None
    until: tuple[JobRule, ...] = ()

    @property
    def ends(self) -> Until:
        """The job-level rules, with what they go by."""
        return Until(self.until, self.final)

    def of_few(self, samples: int) -> Ask:
        """The same question for a few studies, with so many samples of each."""
        return replace(self, samples=samples, draws=samples, among=None)
