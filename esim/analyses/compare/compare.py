"""`compare`: rules on the same studies, launch orders, workers and prices."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, get_args

from esim.analyses.compare.baselines import baselines
from esim.analyses.compare.choice import DividesStudy, choose
from esim.analyses.compare.comparison_document import assemble
from esim.analyses.compare.contestants import Contestant, Field, contestants
from esim.analyses.compare.replay_table import replay_studies, replay_whole_studies
from esim.analyses.compare.spreads import MeanIntervals
from esim.analyses.compare.study_replays import (
    Conditions,
    StudyReplays,
    orders_each,
    sample_orders,
    table_orders,
    table_sample,
    table_workers,
)
from esim.analyses.workers.by_study import MOST, Made, Studies, going_through
from esim.analyses.workers.finished import FinishedParts, finished_parts
from esim.assumptions import CONFIDENCE, Clock, Costs
from esim.errors import EsimError
from esim.results.comparison.comparison import Comparison, Saved, Settings
from esim.rules import JobRule, Rule, job_rules, share, usual
from esim.simulator.replay import Final
from esim.storage.history import History
from esim.study import Study
from esim.study.facts import Facts

BOOTSTRAP = 2000  # replicates of each interval
SAFEST_WITHIN = 0.1  # points of saving that the safest rule of the answer may be behind
Progress = Callable[[int, int], None]  # called with (replays done, replays in all)


def compare(
    studies: Study | Iterable[Study] | History,
    rules: Iterable[str | Rule] | None = None,
    *,
    grid: Mapping[str, Sequence[Any]] | None = None,
    readings: bool = False,
    until: str | JobRule | Sequence[str | JobRule] = (),
    clock: str | None = None,
    workers: int | None = None,
    orders: int = 100,
    costs: Costs | None = None,
    final: Final = "last",
    saved: Saved = "steps",
    max_degradation: float | str = 0.05,
    safest_within: float | str = SAFEST_WITHIN,
    choice: bool = False,
    confidence: float | str = CONFIDENCE,
    seed: int = 0,
    engine: str | None = None,
    jobs: int | None = None,
    address: str | None = None,
    most_studies: int = MOST,
    inputs: Sequence[Mapping[str, Any]] = (),
    progress: Progress | None = None,
    out: Path | None = None,
    resume: bool = False,
) -> Comparison:
    """Compare rules, and the baselines of any fair comparison, on recorded studies.

    Studies are replayed a few at a time, and only their numbers are kept. Of a history that is too
    large for memory, each worker holds one row group at a time. If there are more than 100 studies
    (`MANY`), a few kB of each are kept: the means over its launch orders, from which intervals and
    tests are computed, and a few launch orders, from which quantiles are taken. Each is then
    replayed in fewer launch orders, so that together they are as many as of 100 studies, with at
    least 10 of each.

    Args:
        studies: one study, several, or a history (`esim.History.open`).
        rules: names of presets, or rules; by default the `usual` ones.
        grid: column of the rules' table -> values; each rule takes part with every combination.
        readings: whether SageMaker's plausible readings take part too.
        until: job-level rules, as `esim.rules.job_rule` takes them. Each takes part alone, and
            beside each of `rules`; by default beside SageMaker's.
        clock: the clock of the recorded launch order, as in `replay`. Resampled launch orders are
            simulated on as many workers as ran side by side when the study was recorded; with
            "order" they too are replayed one trial after another.
        workers: slots of the simulated clock, for both.
        orders: random launch orders of each study, at least 2; of many, see above.
        costs, final: as in `replay`.
        saved: the amount by which contestants are ranked and chosen: "steps", "seconds",
            "billed", "makespan" or "cost".
        max_degradation: the largest normalized degradation that ranks and choice accept, a share:
            0.05 or "5%". It is at most 1, for who loses more has lost to the median trial.
        safest_within: how much less than the rule that saves most the safest one in the answer may
            save, a share of the recorded amount: 0.1 or "10%" are 10 points.
        choice: whether to choose the rule that saves most within `max_degradation`, and to judge
            that choice on studies or trials that it was not made on.
        confidence: of the intervals, a share from 0.5 to 0.999; tests have the level
            1 - confidence.
        seed: the same seed gives the same bytes, whatever `engine` and `jobs` are.
        engine: where studies are replayed: "threads" (the default for studies in memory), "local"
            (processes, the default for a history), "dask" or "ray".
        jobs: workers on this machine; by default as many as it has cores.
        address: of a running dask or ray cluster.
        most_studies: of a history of more, so many are drawn at random, by the seed, and the
            others are not read; 0: all are taken.
        inputs: what the studies were read from, for the document.
        progress: called with the number of replays (one study under one rule) that are done, and
            with their number in all.
        out: where the result of a history will be written. What is finished is kept in
            ``<out>.partial`` until it is there; the result itself is not written.
        resume: go on from ``<out>.partial`` of an interrupted run of the same comparison.

    Raises:
        EsimError: no study; an unknown rule, column or value; an engine that is not installed; or
            a study in memory lacks the amount `saved` or the times that the clock needs. A study
            of a history that fails stops no other and is listed in `failures`.

    Example:
        >>> import esim
        >>> study = esim.Study.from_arrays([[3, 2, 1], [4, 4, 4], [5, 5, 5]], direction="minimize")
        >>> found = esim.compare(study, ["sagemaker"], orders=2)
        >>> [entry.key for entry in found.rules if entry.role == "rule"]
        ['sagemaker']
    """
    costs, grid = costs or Costs(), grid or {}
    rules = None if rules is None else list(rules)
    max_degradation = share(max_degradation, "max_degradation")
    safest_within = share(safest_within, "safest_within")
    confidence = check_confidence(confidence)
    check_words(final, saved)
    if orders < 2:
        raise EsimError(f"orders cannot be {orders}", fix="a whole number, at least 2")
    if clock is not None or workers is not None:
        Clock(clock or "simulated", 1 if workers is None else workers)  # type: ignore[arg-type]  # checked there
    asked = contestants(
        usual() if rules is None else rules,
        grid,
        readings=readings,
        until=job_rules(until),
        beside=["sagemaker"] if rules is None else rules,
    )
    given: Iterable[Study] | History = [studies] if isinstance(studies, Study) else studies
    if not isinstance(given, History):
        given = named_apart(given)
    with going_through(
        given, engine=engine, jobs=jobs, address=address, most=most_studies, seed=seed
    ) as every:
        known = every.facts()
        field = _with_baselines(asked, known)
        orders = orders_each(orders, len(known))
        settings = Settings(
            seed=seed,
            orders=orders,
            confidence=confidence,
            bootstrap=BOOTSTRAP,
            saved=saved,
            max_degradation=max_degradation,
            clock=clock,
            workers=workers,
            workers_table=table_workers(max(study.trials_reporting for study in known)),
            workers_orders=table_orders(orders, len(known)),
            final=final,
            grid={k: list(v) for k, v in grid.items()},
            costs=costs,
            drawn_from=every.drawn_from,
            safest_within=safest_within,
        )
        conditions = Conditions(
            settings=settings,
            final=final,
            sample=sample_orders(orders, len(known)),
            workers_sample=table_sample(orders, len(known)),
            ranked=field.ranked,
            summaries=sample_orders(orders, len(known)) is None,
        )
        told = every.lots, field.contestants, conditions
        with finished_parts(given, out, resume, *told) as parts:
            replayed = replay_every(
                every, replay_whole_studies, field.contestants, conditions, progress, parts
            )
        means = MeanIntervals(confidence, BOOTSTRAP, seed)
        found = None
        if choice:
            replay_parts = partial(_replayed_parts, every, replayed, conditions, jobs, progress)
            found = choose(replayed, field, settings, means, replay_parts)
        return assemble(
            replayed, field, settings, means, found, conditions.sample,
            inputs=tuple(inputs), failures=dict(every.failures),
        )  # fmt: skip


def _with_baselines(asked: Field, known: Sequence[Facts]) -> Field:
    """The contestants that were asked for, between the baselines that suit the studies."""
    longest = max(study.reports_longest for study in known)
    bounds = tuple(baselines(longest, max(study.trials_reporting for study in known)))
    always = {one.rule for one in bounds}
    others = tuple(one for one in asked.contestants if one.until or one.rule not in always)
    # `none` comes first, because of contestants that save the same the earlier is chosen.
    return replace(asked, contestants=bounds[:1] + others + bounds[1:])


def _replayed_parts(
    every: Studies,
    replayed: Sequence[StudyReplays],
    conditions: Conditions,
    jobs: int | None,
    progress: Progress | None,
    one: StudyReplays,
    few: Sequence[Contestant],
    divide: DividesStudy,
) -> Sequence[StudyReplays]:
    """Replay parts of a study under the conditions of the whole study.

    Args:
        every: all studies.
        replayed: the replays of all studies, in the same order.
        one: which of the replayed studies is divided.
        few: the contestants that take part.
        divide: makes pairs of parts of the study.
    """
    (study,) = every.some([replayed.index(one)])
    halves = [half for pair in divide(study) for half in pair]
    if not halves:
        return []
    same = replace(
        conditions,
        settings=replace(
            conditions.settings,
            # A half has fewer trials side by side, but runs on as many workers as the whole does.
            clock=one.orders_clock.mode,
            workers=one.orders_clock.workers,
            workers_table=(),
        ),
        sample=None,
        ranked=tuple(range(len(few))),
        summaries=False,
    )
    with going_through(halves, jobs=jobs) as those:
        return replay_every(those, replay_studies, few, same, progress)


def replay_every(
    every: Studies,
    work: Callable[..., list[Made]],
    field: Sequence[Contestant],
    conditions: Conditions,
    progress: Progress | None,
    parts: FinishedParts | None = None,
) -> list[Made]:
    """Replay every study under every contestant.

    Args:
        work: what is made of studies; its arguments are those of `replay_studies`.
        parts: as of `Studies.in_lots`.
    """
    count, of = itertools.count(1), len(every) * len(field)

    def one_done() -> None:
        if progress is not None:
            progress(min(next(count), of), of)  # what failed together is done again alone

    def studies_done(studies: int) -> None:
        for _ in range(studies * len(field)):
            one_done()

    tell = one_done if every.here else None
    return every.in_lots(
        partial(work, tuple(field), conditions, every.threads, tell),
        (lambda studies: None) if every.here else studies_done,
        parts,
    )


def named_apart(studies: Iterable[Study]) -> list[Study]:
    """The studies, those that share a name with an earlier one with a number behind it."""
    used: set[str] = set()
    found = []
    for study in studies:
        name, n = study.name, 1
        while name in used:
            n += 1
            name = f"{study.name} ({n})"
        used.add(name)
        found.append(study if name == study.name else replace(study, name=name))
    return found


def check_confidence(confidence: float | str) -> float:
    """The confidence of a comparison as a number.

    Raises:
        EsimError: it is no share from 0.5 to 0.999.
    """
    return share(confidence, "confidence", low=0.5, high=0.999)


def check_words(final: str, saved: str) -> None:
    """Raise EsimError for a final value or an amount to be saved that is none."""
    for word, given, words in (
        ("final", final, get_args(Final)),
        ("saved", saved, get_args(Saved)),
    ):
        if given not in words:
            raise EsimError(f"{word} cannot be {given!r}", fix=" or ".join(words))
