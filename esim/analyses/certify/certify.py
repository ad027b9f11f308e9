"""`certify`: the boldest rule whose risk is low, with a stated confidence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from esim.analyses.certify.in_sequence import (
    Judged,
    LearnedAndTested,
    choosing_studies,
    learn_then_test,
)
from esim.analyses.certify.p_values import loss_free_on_average, loss_free_studies
from esim.analyses.certify.study_losses import LEFT_OUT, StudyLosses, study_losses
from esim.analyses.compare.compare import Progress, check_words, named_apart, replay_every
from esim.analyses.compare.contestants import Field, contestants
from esim.analyses.compare.study_replays import Conditions, orders_each
from esim.analyses.workers.by_study import MOST, drawn_words, going_through
from esim.assumptions import CONFIDENCE, Clock, Costs, Mode
from esim.errors import EsimError, plural
from esim.results.certificate import (
    Asked,
    Candidate,
    Certificate,
    JudgedStudy,
    Needed,
    Replays,
    Verdict,
)
from esim.results.comparison.entries import LeftOut, Saved, Settings
from esim.results.named_rule import RecordedJobRule
from esim.results.replay import Caveat
from esim.rules import JobRule, Rule, job_rules, share, usual
from esim.simulator.replay import Final
from esim.storage.history import History
from esim.study import Int64, Study


def certify(
    studies: Study | Iterable[Study] | History,
    rules: Iterable[str | Rule] | None = None,
    *,
    max_loss: float | str = 0.05,
    risk: float | str = 0.1,
    confidence: float | str = CONFIDENCE,
    grid: Mapping[str, Sequence[Any]] | None = None,
    until: str | JobRule | Sequence[str | JobRule] = (),
    in_order: bool = False,
    orders: int | Literal["recorded"] = 100,
    clock: Mode | None = None,
    workers: int | None = None,
    costs: Costs | None = None,
    final: Final = "last",
    saved: Saved = "steps",
    seed: int = 0,
    engine: str | None = None,
    jobs: int | None = None,
    address: str | None = None,
    most_studies: int = MOST,
    inputs: Sequence[Mapping[str, Any]] = (),
    progress: Progress | None = None,
) -> Certificate:
    """The boldest rule that loses more than `max_loss` in a new study with a chance within `risk`.

    With a chance of at least `confidence` over the studies that it was tested on, that is so,
    whatever the losses look like and however few studies there are (Learn then Test, arXiv
    2110.01052): a part of the studies chooses a sequence of rules from safe to bold, the others
    test one after another, until one fails. It is assumed that the studies and the new one are
    drawn independently from the same population. A study counts once, however many trials it has.

    Args:
        studies: several, or a history (`esim.History.open`).
        rules: names of presets, or rules; by default the `usual` ones.
        max_loss: the loss that is accepted, as a share of the way from the best to the median final
            value: 0.05 or "5%".
        risk: the accepted chance of more than that.
        confidence: how sure that is to be.
        grid: column of the rules' table -> values; each rule takes part with every combination.
        until: job-level rules, as `esim.rules.job_rule` takes them. Each takes part alone, and
            beside each of `rules`; by default beside SageMaker's.
        in_order: the rules stand in their order from safe to bold already, so that all studies
            test.
        orders: random launch orders of each study, over which its loss is averaged (from 0 to 1);
            or "recorded": its recorded launch order alone, in which it is lost or not. Of many
            studies each gets fewer, as in `compare`.
        clock, workers, costs, final, engine, jobs, address, inputs, progress: as in `compare`.
        most_studies: of a history of more, so many are drawn at random, by the seed; 0: all. What
            is certified of them holds of all, because they are drawn from the same population.
        saved: the amount by which the boldest is found: "steps", "seconds", "billed", "makespan" or
            "cost".
        seed: of launch orders and of the studies that choose; the same seed gives the same bytes.

    Raises:
        EsimError: a single study, which can certify nothing; an unknown rule, column or value; a
            study in memory lacks the amount `saved` or the times that the clock needs.

    Example:
        >>> import esim
        >>> past = [esim.Study.from_arrays([[x + i] * 3 for x in (1, 2, 3)], "minimize",
        ...         name=f"job-{i}") for i in range(5)]
        >>> esim.certify(past, ["sagemaker"], risk="30%", confidence="80%").certified
        'sagemaker'
    """
    asked = check_asked(max_loss, risk, confidence)
    check_words(final, saved)
    rules = None if rules is None else list(rules)
    field = contestants(
        usual() if rules is None else rules,
        grid or {},
        until=job_rules(until),
        beside=["sagemaker"] if rules is None else rules,
    )
    if not field.ranked:
        raise EsimError("there is no rule to certify", why="every one looks ahead")
    replays = Replays(_orders(orders), seed, saved, clock, workers, final, costs or Costs())
    for name, given_too in (("a grid", grid), ("until", until)):
        if in_order and given_too:
            raise EsimError(f"in_order cannot go with {name}", fix="rules in their order alone")
    given = studies if isinstance(studies, (Study, History)) else named_apart(studies)
    with going_through(
        given, engine=engine, jobs=jobs, address=address, most=most_studies, seed=seed
    ) as every:
        _refuse_few(len(every), asked, choosing=len(field.contestants) > 1 and not in_order)
        replays = replace(replays, orders=orders_each(replays.orders, len(every)))
        conditions = conditions_of(replays, asked.max_loss)
        judged = replay_every(every, study_losses, field.contestants, conditions, progress)
        counted, out = of_use(judged)
        _refuse_few(len(counted), asked, choosing=False, out=out)
        # By name, so that the order of reading changes nothing.
        counted.sort(key=lambda one: one.name)
        made = _Certifying(
            asked, field, replays, counted, in_order=in_order, drawn_from=every.drawn_from
        )
        return made.certificate(out, inputs, dict(every.failures))


def check_asked(max_loss: float | str, risk: float | str, confidence: float | str) -> Asked:
    """What is asked, as numbers. Raises EsimError if a certificate cannot promise it."""
    words = {"max_loss": max_loss, "risk": risk, "confidence": confidence}
    return Asked(**{name: share(value, name) for name, value in words.items()})


def conditions_of(replays: Replays, max_loss: float) -> Conditions:
    """How studies are replayed."""
    settings = Settings(
        seed=replays.seed,
        orders=replays.orders,
        confidence=0.5,
        bootstrap=0,
        saved=replays.saved,
        max_degradation=max_loss,
        clock=replays.clock,
        workers=replays.workers,
        workers_table=(),
        workers_orders=0,
        final=replays.final,
        grid={},
        costs=replays.costs,
    )
    return Conditions(settings, replays.final, sample=None, workers_sample=None, ranked=())


def of_use(
    judged: Sequence[StudyLosses], before: Iterable[tuple[str, str]] = ()
) -> tuple[list[StudyLosses], tuple[LeftOut, ...]]:
    """The studies that count, and how many do not, by reason.

    Args:
        judged: all that were replayed.
        before: names and contents of studies that have counted before: no such study is new.
    """
    known = {word for one in before for word in one}
    counted, out, seen = [], Counter[str](), set[str]()
    for one in judged:
        why = one.left_out
        if one.name in known or one.content in known:
            why = "not_new"
        elif why is None and one.content in seen:
            why = "counted_before"
        seen.add(one.content)
        if why is None:
            counted.append(one)
        else:
            out[why] += 1
    return counted, tuple(LeftOut(code, n, LEFT_OUT[code]) for code, n in sorted(out.items()))


def _orders(orders: int | str) -> int:
    if orders == "recorded":
        return 0
    if not isinstance(orders, int) or orders < 1:
        raise EsimError(
            f"orders cannot be {orders!r}", fix='a whole number, at least 1, or "recorded"'
        )
    return orders


def _refuse_few(studies: int, asked: Asked, *, choosing: bool, out: Sequence[LeftOut] = ()) -> None:
    """Raise EsimError where fewer than two studies are left: a trial is no unit."""
    if studies > 1:
        return
    needed = loss_free_studies(asked.risk, asked.confidence)
    some = loss_free_on_average(asked.risk)
    why = "; ".join(f"{one.studies} left out: {one.text}" for one in out)
    one_more = ", besides those that choose the sequence of rules" if choosing else ""
    raise EsimError(
        f"{'one study' if studies else 'no study'} can certify nothing, however many trials it has",
        why=why or "what another study loses can only be learned from several studies",
        fix=f"at least {needed} studies without a loss{one_more}: a risk of at most "
        f"{asked.risk:.4g} with confidence {asked.confidence:.4g} needs "
        f"(1 - {asked.risk:.4g})^n <= {1 - asked.confidence:.4g}; on average only, {some}",
    )


@dataclass(frozen=True)
class _Certifying:
    """The S studies that count, under the R candidates of a field."""

    asked: Asked
    field: Field
    replays: Replays
    studies: Sequence[StudyLosses]
    in_order: bool
    drawn_from: int | None

    def certificate(
        self,
        out: tuple[LeftOut, ...],
        inputs: Sequence[Mapping[str, Any]],
        failures: Mapping[str, str],
    ) -> Certificate:
        """Choose the sequence on one part of the studies, and test it on the other."""
        asked, ranked = self.asked, list(self.field.ranked)
        table = Judged(
            *(
                np.stack([getattr(one, name)[ranked] for one in self.studies])
                for name in ("saved", "lost", "near")
            )
        )
        whole = self.replays.orders <= 1
        choosing = self._choosing(len(ranked), whole=whole)
        found = learn_then_test(table, choosing, asked.risk, asked.confidence, whole=whole)
        rows = tuple(self._candidates(table, choosing, found))
        certified, bounded = found.test.certified, found.bounded
        chose = set(choosing.tolist())
        return Certificate(
            asked=asked,
            certified=rows[certified - 1].key if certified else None,
            on_average=rows[bounded - 1].key if bounded else None,
            needed=Needed(
                loss_free_studies(asked.risk, asked.confidence), loss_free_on_average(asked.risk)
            ),
            test="binomial" if whole else "hoeffding-bentkus",
            sequence=rows,
            candidates=len(ranked),
            replays=self.replays,
            clocks=_clocks(self.studies),
            studies=tuple(
                JudgedStudy(one.name, "design" if at in chose else "test", one.content)
                for at, one in enumerate(self.studies)
            ),
            left_out=out,
            warnings=tuple(self._doubts()),
            inputs=tuple(inputs),
            failures=failures,
        )

    def _candidates(
        self, table: Judged, choosing: Int64, found: LearnedAndTested
    ) -> Iterator[Candidate]:
        """The rules of the sequence, with what was found of each."""
        chosen, tested = table.of(choosing), table.of(found.testing)
        p, certified = found.test.p, found.test.certified
        verdicts: tuple[Verdict, ...] = ("certified", "not certified", "not tested")
        for place, at in enumerate(found.sequence):
            one = self.field.contestants[self.field.ranked[at]]
            yield Candidate(
                key=one.key,
                rule=one.rule,
                design_saved=float(chosen.saved[:, at].mean()) if len(choosing) else None,
                design_lost=float(chosen.lost[:, at].mean()) if len(choosing) else None,
                saved_fraction=float(tested.saved[:, at].mean()),
                lost=float(tested.lost[:, at].mean()),
                studies_lost=int((tested.lost[:, at] > 0.0).sum()),
                p=p[place] if place < len(p) else None,
                verdict=verdicts[(place >= certified) + (place >= len(p))],
                bounded_on_average=place < found.bounded,
                until=tuple(map(RecordedJobRule.of, one.until)),
            )

    def _choosing(self, candidates: int, *, whole: bool) -> Int64:
        if self.in_order:
            return np.empty(0, dtype=np.int64)
        asked, seed = self.asked, self.replays.seed
        return choosing_studies(
            len(self.studies), candidates, asked.risk, asked.confidence, seed, whole=whole
        )

    def _doubts(self) -> Iterator[Caveat]:
        yield Caveat(
            "exchangeable",
            "nothing tells beforehand whether the next study is like these: another kind of model, "
            "data or search is not covered: esim certify NEW-LOGS --watch DIR tells afterwards",
        )
        yield Caveat(
            "asked_once",
            "the confidence is that of one question: to ask again with other risks, rules or seeds "
            "until something is certified lessens it",
        )
        if self.drawn_from is not None:
            yield Caveat(
                "studies_drawn",
                drawn_words(len(self.studies), self.drawn_from),
            )
        if self.replays.orders:
            yield Caveat(
                "random_orders",
                "launch orders are random, but a search that learns launches better trials later: "
                "--orders recorded takes each study as it was launched",
            )
        unknown = sum(one.unknown > 0 for one in self.studies)
        if unknown:
            yield Caveat(
                "loss_unknown",
                f"in {plural(unknown, 'study')} some rule leaves no trial with a final value in "
                "some launch order, which counts as a loss: leave such studies out, or the rule",
            )
        for column in dict.fromkeys(c for names in self.field.without.values() for c in names):
            names = [name for name, columns in self.field.without.items() if column in columns]
            yield Caveat(
                "grid_left_out",
                f"{column} changes nothing in {', '.join(names)}: --grid does not vary them by it",
            )


def _clocks(studies: Sequence[StudyLosses]) -> tuple[Clock, ...]:
    """The clocks of the studies, the most frequent first."""
    return tuple(clock for clock, _ in Counter(one.clock for one in studies).most_common())
