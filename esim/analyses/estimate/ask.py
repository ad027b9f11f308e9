"""What is asked of every past study alike."""

from __future__ import annotations

from dataclasses import dataclass, replace

from esim.analyses.estimate.samples import Launch
from esim.analyses.workers.by_study import MANY
from esim.assumptions import Clock, Costs
from esim.rules import JobRule, Rule
from esim.simulator.job_end import Until

LEAST_SAMPLES = 100  # replicates of each of a few studies, at least
LEAST_SHARED = 20  # and of each of those that share them


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
        held: of how many of the studies, spread evenly, the variants and checks are that stand
            beside the forecast.
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
    def sets_of_half(self) -> int:
        """How many halves of a study's trials are replayed; of fewer, variances come out large."""
        return max(self.samples * 3 // 20, 20)

    @property
    def winners(self) -> int:
        """Jobs of each study whose best is one of its trials."""
        return max(self.samples * 3 // 10, 4 if self.shared else 20)

    @property
    def slow_winners(self) -> int:
        """Jobs of each study whose best is like none of its trials."""
        return max(self.winners // 5, 2 if self.shared else 20)

    @property
    def shared(self) -> bool:
        """Whether many studies share the replays, so that what is told is a mean over them."""
        return self.samples < LEAST_SAMPLES

    @property
    def ends(self) -> Until:
        """The job-level rules, with what they go by."""
        return Until(self.until, self.final)

    def beside(self, draws: int, studies: int) -> Ask:
        """The same question, at most so many draws and as many replays of all studies together."""
        few = min(self.draws, draws)
        return replace(self, samples=max(few // studies, LEAST_SHARED), draws=few, among=None)
