"""The words of the pages, each with its meaning, as in docs/glossary.md."""

from __future__ import annotations

import re
from collections.abc import Iterable

WORDS = {
    "study": "one past tuning job and its trials (SageMaker: hyperparameter tuning job)",
    "trial": "one configuration trained once (SageMaker: training job)",
    "step": "the integer position of a report: epoch, boosting round, checkpoint",
    "report": "one row of a log: trial, step, value of the objective, seconds since the trial's "
    "start",
    "final value": "a trial's last reported value; with `--final best`, its best",
    "running average": "the mean of a trial's reports up to a step",
    "rule": "decides at each report whether the trial goes on or stops",
    "reading": "one way to settle what a rule's source leaves open",
    "candidate": "a rule that a service may have run, held against what it did (`esim identify`)",
    "peer": "another trial that counts in the comparison at this moment",
    "threshold": "what a trial's statistic is compared with: a quantile of its peers' statistics, "
    "or a bound",
    "rung": "a step at which successive halving compares trials",
    "grace period": "steps before which nothing is stopped",
    "patience": "how many reports may pass without improvement",
    "censored": "already cut short when it was recorded; its later values do not exist",
    "degradation": "the best final value under the rule minus the best without it, signed so that "
    "positive is worse",
    "normalized degradation": "degradation in units of the distance from the best to the median "
    "final value; a degradation of 0 is 0 whatever that distance",
    "loss": "normalized degradation, but 0 where the best value got better: a mean of losses sets "
    "no gain off against a loss",
    "certificate": "a rule, and a risk that it stays within with a stated confidence "
    "([certify](certify.md))",
    "risk": "the chance that a new study loses more than what is accepted",
    "stop latency": "seconds from the report that decides a stop to the end of training; the trial "
    "trains on until then",
    "makespan": "seconds from the first start to the last end",
    "baseline": "in the simulator, the run without the rule under the same clock; in a comparison, "
    "a rule to compare with: none, oracle, i-epoch, top-k-after",
    "unseen": "of a kind that no past trial shows; a forecast of the best trial counts such a one "
    "at its worst, as a slow winner: worse than all others until its last report, and best there",
}
_LINK = re.compile(r"\s*\(\[[^]]*\]\([^)]*\)\)")


def used_words(texts: Iterable[str]) -> list[tuple[str, str]]:
    """The words that stand in some texts, alone or in the plural, and what each means.

    Links to the documentation are left out, since a page stands alone.
    """
    every = "\n".join(texts).lower()
    return [
        (word, _LINK.sub("", meaning).replace("`", ""))
        for word, meaning in WORDS.items()
        if re.search(rf"\b{re.escape(word.removesuffix('y'))}(?:y|ies|s|es)?\b", every)
    ]
