"""Studies x rules -> Comparison: every rule on the same launch orders, workers and prices."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, get_args

import esim
from esim.clocks import Clock
from esim.compare.assemble import assemble
from esim.compare.baselines import baselines
from esim.compare.choice import choose
from esim.compare.contestants import contestants
from esim.compare.play import Protocol, play, table_orders, table_workers
from esim.compare.spreads import Means
from esim.comparison import Comparison, Saved, Settings
from esim.costs import Costs
from esim.errors import EsimError
from esim.replay import Final
from esim.rules import BASELINES, PRESETS, Rule
from esim.study import Study

BOOTSTRAP = 2000


def compare(
    studies: Study | Iterable[Study],
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
    jobs: int | None = None,
    inputs: Sequence[Mapping[str, Any]] = (),
    progress: Callable[[int, int], None] | None = None,
) -> Comparison:
    """Compare rules, and the baselines of any fair comparison, on recorded studies.

    Args:
        studies: one study or several.
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
        seed: the same seed gives the same bytes, whatever `jobs` is.
        jobs: threads; by default the machine's cores.
        inputs: what the studies were read from, for the document.
        progress: called with how many of how many replays of a study and rule are done.

    Raises:
        EsimError: no study, an unknown rule, column or value, or an amount `saved` that a study
            lacks.
    """
    every = _named_apart([studies] if isinstance(studies, Study) else list(studies))
    costs = costs or Costs()
    _check(every, final, saved, max_degradation, orders, confidence, jobs)
    if clock is not None or workers is not None:
        Clock(clock or "simulated", 1 if workers is None else workers)  # type: ignore[arg-type]  # checked there
    named = [row for row in PRESETS.values() if row.name not in BASELINES]
    asked = contestants(named if rules is None else rules, grid or {}, readings=readings)
    bounds = baselines(every)
    always = {one.rule for one in bounds}
    # `none` comes first: of those that save the same the earlier is the better.
    others = [one for one in asked.contestants if one.rule not in always]
    field = bounds[:1] + others + bounds[1:]
    protocol = Protocol(clock, workers, costs, final, orders, seed, jobs, table_workers(every))
    played = play(every, field, protocol, progress)
    key = f"{saved}_saved_fraction"
    for p in played:
        if saved != "steps" and not all(getattr(s, key) is not None for s in p.recorded):
            raise EsimError(
                f"study {p.study.name!r} has no {saved} to save",
                why="its logs lack report times" if costs.price is not None or saved != "cost"
                else "no price was given",
                fix="--saved steps",
            )  # fmt: skip
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
        workers_orders=table_orders(orders, len(every)),
        final=final,
        grid={k: list(v) for k, v in (grid or {}).items()},
        costs=costs,
    )
    means = Means(confidence, BOOTSTRAP, seed)
    ranked = [r for r, one in enumerate(field) if not one.look_ahead]
    found = None
    if choice:
        found = choose(played, field, ranked, key, max_degradation, means, protocol, progress)
    whole = assemble(played, field, ranked, settings, means, found, asked.without)
    return replace(whole, inputs=tuple(inputs), esim=esim.__version__)


def _named_apart(studies: list[Study]) -> list[Study]:
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


def _check(
    studies: Sequence[Study],
    final: str,
    saved: str,
    max_degradation: float,
    orders: int,
    confidence: float,
    jobs: int | None,
) -> None:
    if not studies:
        raise EsimError("no study to compare rules on")
    for study in studies:
        study.validate()
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
    if jobs is not None and jobs < 1:
        raise EsimError(f"jobs cannot be {jobs}", fix="a whole number, at least 1")
