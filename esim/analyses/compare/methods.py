"""How each kind of number in a comparison was made, in words."""

from __future__ import annotations

from collections.abc import Mapping

from esim.analyses.compare.ranking import fewest_studies
from esim.analyses.compare.sentences import AMOUNT, about, percent
from esim.analyses.compare.statistics import PERMUTATIONS
from esim.results.comparison.comparison import Settings


def methods(settings: Settings, studies: int, sample: int | None) -> Mapping[str, str]:
    """How each kind of number was made.

    Args:
        settings: of the comparison.
        studies: in how many the contestants can be ranked.
        sample: launch orders of each study that were kept one by one; None: all.
    """
    return {
        **_methods_of_intervals(settings, studies, sample),
        **_methods_of_ranks(settings, studies),
        "front": (
            "On the Pareto front: nobody saves as much on average with as little mean normalized "
            "degradation, and does better in one. A rule is worth having if it extends the front "
            "of i-epoch, which stops every trial at report i (Egele et al., arXiv 2404.04111)."
        ),
        "choice": (
            "The contestant that saves most with a mean loss of at most "
            f"{percent(settings.max_degradation)}; held out: chosen anew on the other studies "
            "(each left out once, in ten groups if more than 20) or, with one study, on a random "
            "half of its trials and told on the other half, both ways, five times. Intervals of "
            "what is held out are those of other studies; halves of one study have none."
        ),
        "elsewhere": (
            "What the best gives on average on other studies like these: each study is one case, "
            "its mean over launch orders. One more study is added at the end of the range (0 or 1 "
            "for savings and shares; for the loss 0, or the largest mean loss of any ranked "
            "contestant in any study, at least 100 %), all are weighed by flat Dirichlet weights, "
            "and the ends are quantiles of the weighted means (Gaffke 2005; Learned-Miller and "
            "Thomas, arXiv 1905.06208; for cases of 0 and 1 those of Clopper and Pearson 1934). "
            f"The chance of a miss, {100 * (1 - settings.confidence):g} %, is divided among all "
            "candidates (Bonferroni), so that it holds for whichever was picked. With few studies "
            "a loss that none of them shows cannot be excluded: the intervals are wide."
        ),
        "degradation": (
            "Best final value under the rule minus best without, positive = worse; normalized by "
            "the distance from the best to the median final value of the study, and 0 where it is "
            "exactly 0, whatever that distance. The loss is the same, but 0 where the best value "
            "got better: the mean of losses, which ranks go by, sets no gain off against a loss."
        ),
    }


def _methods_of_intervals(
    settings: Settings, studies: int, sample: int | None
) -> Mapping[str, str]:
    """Launch orders, the intervals over them, and those of shares."""
    interval = f"{100 * settings.confidence:g} %"
    drawn = "studies, and launch orders inside each" if studies > 1 else "launch orders"
    spread = ""
    if sample is not None:
        drawn = (
            "studies, each with its mean over launch orders (Davison and Hinkley, Bootstrap "
            "Methods, 1997, section 3.8)"
        )
        spread = (
            " Of so many studies, means, least and greatest are over all orders, the quantiles "
            f"over the first {sample} of each study."
        )
    meaning = (
        "They say how far the mean moves if studies are drawn anew from these; for few studies, "
        "and for the best of many, that is too narrow (see elsewhere)"
        if studies > 1
        else "They are about other launch orders of this one study, not about other studies"
    )
    return {
        "orders": (
            f"{settings.orders} random launch orders a study, the same for every rule, besides "
            "the recorded one, on as many workers as --workers says, else as ran side by side "
            f"when recorded (one after another where that is unknown).{spread}"
        ),
        "intervals": (
            f"{interval} percentile intervals of the mean from {settings.bootstrap:,} bootstrap "
            f"replicates over {drawn}, the same draws for every rule. {meaning}."
        ),
        "best_kept": (
            f"{interval} Wilson intervals (JASA 22:209-212, 1927), over several studies with the "
            "effective sample size of Korn and Graubard (Survey Methodology 24:193-201, 1998): "
            "orders of one study are alike."
        ),
    }


def _methods_of_ranks(settings: Settings, studies: int) -> Mapping[str, str]:
    """Who is best, ranks, and the test."""
    blocks = "study" if about(studies, settings) == "studies" else "launch order"
    return {
        "best": (
            f"Who saves most of the {AMOUNT[settings.saved]} on average, of those whose mean "
            f"loss is at most {percent(settings.max_degradation)}. All numbers of all contestants "
            "are over the same studies: those in which what is saved and lost is known for every "
            "contestant in every launch order."
        ),
        "ranks": (
            "In each launch order of each study: first those that lose at most "
            f"{percent(settings.max_degradation)} (normalized), who saves more of "
            f"the {AMOUNT[settings.saved]} the better; then the others, who loses less the "
            "better. Ties share the mean rank; the mean is over orders, then over studies."
        ),
        "test": (
            f"Permutation test of what is saved against what the best saves, and of mean ranks "
            f"against the best-ranked's: in every {blocks} the values are dealt anew to the "
            f"contestants, {PERMUTATIONS:,} times, and the best is picked anew; the observed "
            "statistics, |sum of differences from the best| / root of the sum of their squares, "
            "are compared with the largest of each dealing (Westfall and Young 1993). So picking "
            "the best on the same data is part of the test: of contestants that do not differ, "
            "any is called better in at most "
            f"{100 * (1 - settings.confidence):g} % of comparisons."
            + (
                f" Below {fewest_studies(settings.confidence)} studies it is about other launch "
                "orders of the same studies only."
                if blocks == "launch order"
                else ""
            )
        ),
    }
