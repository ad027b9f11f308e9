"""NNI's median stop assessor. `pip install nni==3.0 'setuptools<81'`."""

from __future__ import annotations

import importlib.metadata

from nni.algorithms.hpo.medianstop_assessor import MedianstopAssessor
from nni.assessor import AssessResult

from esim.study import Study
from tests.live.parity import Case


class Assessed:
    def __init__(self, study: Study, **options: object) -> None:
        self.assessor = MedianstopAssessor(optimize_mode=study.direction, **options)
        self.history: dict[int, list[float]] = {}

    def start(self, trial: int) -> None:
        self.history[trial] = []

    def report(self, trial: int, step: int, seconds: float, value: float) -> bool:
        self.history[trial].append(value)
        said = self.assessor.assess_trial(str(trial), list(self.history[trial]))
        return bool(said == AssessResult.Bad)

    def end(self, trial: int, how: str) -> None:
        if self.history[trial]:
            self.assessor.trial_end(str(trial), how == "completed")


def version() -> str:
    return f"nni {importlib.metadata.version('nni')}"


#: Python's sort leaves the place of NaN to chance, so there is nothing to compare.
_KINDS = ("plain", "tied", "missing")
CASES = [
    Case("nni-medianstop", Assessed, {}, kinds=_KINDS),
    Case("nni-medianstop", lambda s: Assessed(s, start_step=5), {"min_reports": 5}, kinds=_KINDS),
]
