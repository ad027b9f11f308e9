"""Studies x rules -> Comparison: every rule on the same launch orders, workers and prices."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, get_args

from esim.analyses.compare.assemble import assemble
from esim.analyses.compare.baselines import baselines
from esim.analyses.compare.choice import Halves, choose
from esim.analyses.compare.contestants import Contestant, contestants
from esim.analyses.compare.play import (
    Played,
    Protocol,
    play,
    play_whole,
    sample_orders,
    table_orders,
    table_sample,
    table_workers,
)
from esim.analyses.compare.spreads import Means
from esim.analyses.workers.by_study import Studies, going_through
from esim.assumptions import Clock, Costs
from esim.errors import EsimError
from esim.results.comparison.comparison import Comparison, Saved, Settings
from esim.rules import BASELINES, PRESETS, Rule
from esim.simulator.replay import Final
from esim.storage.history import History
from esim.study import Study
from esim.study.facts import facts_at
from esim.version import __version__

BOOTSTRAP = 2000
Progress = Callable[[int, int], None]


def compare(
    studies: Study | Iterable[Study] | History,
    rules: Iterable[str | Rule] | None = None,
    *,
    grid: Mapping[str, Sequence[Any]] | None = None,
    readings: bool = False,
    clock: str | None = None,
    workers: int | None = None,
    orders: int = 100,
    costs: Costs | None = None,
    final: Final = "last",
    saved: Saved = "steps",
    max_degradation: float = 0.05,
    choice: bool = False,
    confidence: float = 0.95,
    seed: int = 0,
    engine: str | None = None,
    jobs: int | None = None,
    address: str | None = None,
    inputs: Sequence[Mapping[str, Any]] = (),
    progress: Progress | None = None,
) -> Comparison:
    """Compare rules, and the baselines of any fair comparison, on recorded studies.

    Studies are replayed one by one, and only their numbers are kept: of a history one study for
    each worker is in memory at a time. Of more than 100 studies (`MANY`) a few kB each are
    kept: means over launch orders, by which intervals and tests go, and as many launch orders as
    quantiles take.

    Args:
        studies: one study or several, or a history (`esim.History.open`).
        rules: names of presets or rules; by default every preset.
        grid: column -> values: each rule at every combination.
        readings: SageMaker's plausible readings are contestants too.
        clock: of the recorded order, as in `replay`; resampled orders are simulated on the workers
            that ran side by side when recorded ("order": always one after another).
        workers: slots of the simulated clock, for both.
        orders: random launch orders a study, at least 2.
        costs, final: as in `replay`.
        saved: which saved amount ranks, front and choice are about.
        max_degradation: the normalized degradation accepted in ranks and choice.
        choice: also choose the rule that saves most within it, told on held-out parts.
        confidence: of intervals; 1 - confidence is the level of the tests.
        seed: the same seed gives the same bytes, whatever `engine` and `jobs` are.
        engine: where studies are replayed: threads (the default of studies in memory), local
            (processes, the default of a history), dask or ray.
        jobs: workers of this machine; by default its cores.
        address: of a running dask or ray cluster.
        inputs: what the studies were read from, for the document.
        progress: called with how many of how many replays of a study and rule are done.

    Raises:
        EsimError: no study, an unknown rule, column or value, an engine that is not there; or an
            amount `saved` or a clock's times that a study in memory lacks. A study of a history
            that fails stops no other and stands in `failures`.

    Example:
        >>> import esim
        >>> study = esim.Study.from_arrays([[3, 2, 1], [4, 4, 4], [5, 5, 5]], direction="minimize")
        >>> found = esim.compare(study, ["sagemaker"], orders=2)
        >>> [entry.key for entry in found.rules if entry.role == "rule"]
        ['sagemaker']
    """
    costs = costs or Costs()
    _check(final, saved, max_degradation, orders, confidence)
    if clock is not None or workers is not None:
        Clock(clock or "simulated", 1 if workers is None else workers)  # type: ignore[arg-type]  # checked there
    named = [row for row in PRESETS.values() if row.name not in BASELINES]
    asked = contestants(named if rules is None else rules, grid or {}, readings=readings)
    given: Iterable[Study] | History = [studies] if isinstance(studies, Study) else studies
    if not isinstance(given, History):
        given = _named_apart(given)
    with going_through(given, engine=engine, jobs=jobs, address=address) as every:
        known = every.each(facts_at)
        most = max(study.trials for study in known)
        bounds = baselines(max(study.reports_longest for study in known), most)
        always = {one.rule for one in bounds}
        # `none` comes first: of those that save the same the earlier is the better.
        others = [one for one in asked.contestants if one.rule not in always]
        field = bounds[:1] + others + bounds[1:]
        ranked = tuple(r for r, one in enumerate(field) if not one.look_ahead)
        protocol = Protocol(
            clock=clock,
            workers=workers,
            costs=costs,
            final=final,
            orders=orders,
            seed=seed,
            sample=sample_orders(orders, len(known)),
            workers_table=table_workers(most),
            workers_orders=table_orders(orders, len(known)),
            workers_sample=table_sample(orders, len(known)),
            ranked=ranked,
            saved=f"{saved}_saved_fraction",
            accepted=max_degradation,
        )
        played = _played(every, play_whole, field, protocol, progress)

        def parts_replayed(
            one: Played, few: Sequence[Contestant], parts: Halves
        ) -> Sequence[Played]:
            (study,) = every.some([played.index(one)])
            halves = [half for pair in parts(study) for half in pair]
            if not halves:
                return []
            # The halves run as the whole does: on as many workers.
            same = replace(
                protocol,
                clock=one.orders_clock.mode,
                workers=one.orders_clock.workers,
                sample=None,
                workers_table=(),
                ranked=tuple(range(len(few))),
            )
            with going_through(halves, jobs=jobs) as those:
                return _played(those, play, few, same, progress)

        settings = Settings(
            seed=seed,
            orders=orders,
            confidence=confidence,
            bootstrap=BOOTSTRAP,
            saved=saved,
            max_degradation=max_degradation,
            clock=clock,
            workers=workers,
            workers_table=protocol.workers_table,
            workers_orders=protocol.workers_orders,
            final=final,
            grid={k: list(v) for k, v in (grid or {}).items()},
            costs=costs,
        )
        means = Means(confidence, BOOTSTRAP, seed)
        found = None
        if choice:
            found = choose(
                played, field, ranked, protocol.saved, max_degradation, means, parts_replayed
            )
        whole = assemble(
            played, field, ranked, settings, means, found, asked.without, protocol.sample
        )
        return replace(whole, inputs=tuple(inputs), esim=__version__, failures=dict(every.failures))


def _played(
    every: Studies,
    work: Callable[..., Played],
    field: Sequence[Contestant],
    protocol: Protocol,
    progress: Progress | None,
) -> list[Played]:
    """Every study under every contestant."""
    count, of = itertools.count(1), len(every) * len(field)

    def one_done() -> None:
        if progress is not None:
            progress(next(count), of)

    def studies_done(studies: int) -> None:
        for _ in range(studies * len(field)):
            one_done()

    tell = one_done if every.here else None
    return every.each(
        partial(work, tuple(field), protocol, every.threads, tell),
        (lambda studies: None) if every.here else studies_done,
    )


def _named_apart(studies: Iterable[Study]) -> list[Study]:
    """Studies of one name get numbers behind it."""
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


def _check(final: str, saved: str, max_degradation: float, orders: int, confidence: float) -> None:
    for word, given, words in (
        ("final", final, get_args(Final)),
        ("saved", saved, get_args(Saved)),
    ):
        if given not in words:
            raise EsimError(f"{word} cannot be {given!r}", fix=" or ".join(words))
    if orders < 2:
        raise EsimError(f"orders cannot be {orders}", fix="a whole number, at least 2")
    if not 0 <= max_degradation < float("inf"):
        raise EsimError(f"max_degradation cannot be {max_degradation}", fix="a number, at least 0")
    if not 0.5 <= confidence < 1:
        raise EsimError(f"confidence cannot be {confidence}", fix="a number from 0.5 to below 1")
