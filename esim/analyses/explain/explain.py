"""Why one trial was stopped, or was not, with what it was compared with at each report."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator

import numpy as np

from esim.analyses.explain.account import account, best_words, decision
from esim.analyses.explain.held_against import Peers, peers_of
from esim.assumptions import Costs
from esim.errors import plural
from esim.results.explanation import Explanation, ReportRow, Verdict
from esim.rules import Rule
from esim.rules import rule as named_rule
from esim.simulator.jobs import check_slot_gap, choose_clock
from esim.simulator.plan.build import prepare
from esim.simulator.plan.plan import Plan
from esim.simulator.run import OrderRun, run_once, with_first_completed
from esim.study import Status, Study
from esim.study.times import last_values

__all__ = ["Explanation", "ReportRow", "explain"]


def explain(
    study: Study,
    trial: str,
    rule: str | Rule = "sagemaker",
    clock: str | None = None,
    workers: int = 1,
    *,
    costs: Costs | None = None,
) -> Explanation:
    """Replay a study and account for one of its trials.

    The trial is judged to the end of its record: what is said of reports after a stop is what the
    rule would have said had the trial gone on. Up to the stop everything is as in `replay`.

    Args:
        study: the recorded trials.
        trial: the trial's id, or a beginning of it that no other trial's has.
        rule, clock, workers, costs: as for `replay`.

    Raises:
        EsimError: no such trial, or what `replay` raises.

    Example:
        >>> import esim
        >>> curves = [[3, 2, 1], [4, 4, 4], [5, 5, 5]]
        >>> study = esim.Study.from_arrays(curves, "minimize", names=["a", "b", "c"])
        >>> found = esim.explain(study, "c")
        >>> found.stopped, found.rows[0].value, found.rows[0].threshold
        (True, 5.0, 3.5)
    """
    study.validate()
    at = study.trial_index(trial)
    row = named_rule(rule)
    chosen = choose_clock(study, clock, workers)
    costs = costs or Costs()
    check_slot_gap(chosen, costs)
    plan = with_first_completed(prepare(study, row), chosen, costs)
    run = run_once(plan, chosen, costs)
    probed = run_once(plan, chosen, costs, probe=at, traced=True)
    peers = peers_of(plan, chosen, costs, probed, at)
    rows = tuple(_rows(plan, run, probed, peers, at))
    decided = decision(rows) if run.stopped[at] else None
    ran = [r for r in rows if r.ran]
    values = [r.value for r in rows if r.value is not None]
    run_values = [r.value for r in ran if r.value is not None]
    rank, ranked = _rank(study, at)
    found = Explanation(
        study=study.name,
        objective=study.objective,
        direction=study.direction,
        rule=row,
        clock=chosen,
        trial=study.trials[at],
        number=at + 1,
        trials=study.n_trials,
        status=Status(int(study.status[at])).word,
        censored=bool(study.censored[at]),
        stopped=bool(run.stopped[at]),
        decided_step=None if decided is None else decided.step,
        stop_step=None if decided is None else ran[-1].step,
        last_step=rows[-1].step if rows else None,
        final_value_recorded=values[-1] if values else None,
        final_value=run_values[-1] if run_values else None,
        rank=rank,
        ranked=ranked,
        account="",
        rows=rows,
    )
    return dataclasses.replace(found, account=account(found))


def _rows(
    plan: Plan, run: OrderRun, probed: OrderRun, peers: Peers, at: int
) -> Iterator[ReportRow]:
    """What there is to say of each report of the trial at a position in the study."""
    study = plan.study
    its = plan.judgements(at)
    judgements = np.arange(its.start, its.stop)
    row_of = judgements if plan.row_of is None else plan.row_of[judgements]
    kept = int(run.rows_kept[at])
    decided = False
    rows = range(int(study.offsets[at]), int(study.offsets[at + 1]))
    begins = np.searchsorted(row_of, np.arange(rows.start, rows.stop + 1))  # judged in their order
    for number, row in enumerate(rows, 1):
        step, ran = int(study.steps[row]), number <= kept
        here = judgements[begins[number - 1] : begins[number]]
        if len(here) == 0:
            why = "no value" if math.isnan(study.values[row]) else "not a finite value"
            yield ReportRow(step, None, None, None, None, None, None, "not judged", why, ran)
            continue
        verdicts = [_verdict(plan, probed, peers, at, int(j), number) for j in here]
        told = [verdict for verdict, _ in verdicts]
        which = told.index("stop") if "stop" in told else len(here) - 1
        verdict, reason = verdicts[which]
        judgement = int(here[which])
        nth = judgement - its.start
        if not ran:
            reason = reason or "after the stop"
        elif decided:
            reason = reason or "a stop was already decided"
        elif verdict == "stop":
            decided = True
            if not run.stopped[at]:
                reason = "nothing was left to save"
        yield ReportRow(
            step=step,
            value=_known(float(study.values[row])),
            own=_known(study.sign * float(plan.own_statistic[judgement])),
            threshold=_known(float(peers.threshold[nth])),
            peers=int(peers.count[nth]),
            peers_low=_known(float(peers.low[nth])),
            peers_high=_known(float(peers.high[nth])),
            verdict=verdict,
            reason=reason,
            ran=ran,
        )


def _verdict(
    plan: Plan, probed: OrderRun, peers: Peers, at: int, judgement: int, number: int
) -> tuple[Verdict, str]:
    """What the rule says of a judgement, and why where it does not judge or compare.

    `at`: the trial's position in the study; `number`: the number of the report in it, from 1.
    """
    rule = plan.rule
    offset = judgement - plan.judgements(at).start
    own = plan.judged_own[judgement]
    threshold, seen = peers.threshold[offset], float(peers.count[offset])
    waits = math.isnan(probed.trace[judgement, 0])
    if math.isnan(own):
        return "not judged", _own_reason(plan, judgement, number)
    if plan.stops(slice(judgement, judgement + 1))[0]:
        return ("not judged", _others_reason(rule)) if waits else _told(plan, probed, judgement)
    if seen < rule.min_peers:
        few = f"too few peers ({int(seen)} < {rule.min_peers})" if seen else "no peers yet"
        return "not judged", few
    if waits and not math.isnan(threshold):
        return "not judged", _others_reason(rule)
    if math.isnan(threshold):
        return "go on", "the threshold is not a number"
    return _told(plan, probed, judgement)


def _told(plan: Plan, probed: OrderRun, judgement: int) -> tuple[Verdict, str]:
    """The verdict of a judgement that was made, and why being worse does not stop the trial."""
    row, needed = int(probed.trace[judgement, 2]), plan.rule.consecutive
    if row >= needed:
        return "stop", ""
    if plan.rule.against == "leader":
        return "go on", f"behind at {row} of {needed} checkpoints in a row" if row else ""
    if row < 0:
        return "go on", f"worse, but {best_words(plan.rule)}"
    return "go on", f"worse {row} of {needed} times in a row" if row else ""


def _own_reason(plan: Plan, judgement: int, number: int) -> str:
    """What in the trial's own course keeps the rule from judging a report."""
    rule = plan.rule
    step = int(plan.steps[judgement])
    where = number if rule.match == "number" else step
    if rule.rungs != "none":
        return "not at a rung"
    if where < rule.warmup_steps and rule.axis == "step":
        return f"warm-up (step {step} < {rule.warmup_steps})"
    if number < rule.min_reports:
        return f"too few reports ({number} < {rule.min_reports})"
    if math.isnan(plan.own_statistic[judgement]):
        return f"no running average before step {rule.counts_from}"
    if rule.against != "peers":
        return "within bounds" if rule.against == "bounds" else "its own curve is no reason"
    if rule.patience >= 0:
        return f"patience (improved within {plural(rule.patience, 'report')})"
    return f"interval (judged once in {plural(rule.interval, 'step')})"


def _others_reason(rule: Rule) -> str:
    """What the rule waits for in other trials before it judges any."""
    waits = []
    if rule.min_completed:
        waits.append(f"too few completed trials (< {rule.min_completed})")
    if rule.warmup_share:
        waits.append(f"warm-up (before {100 * rule.warmup_share:g} % of a completed trial)")
    if rule.on_the_way:
        low, high = 100 * rule.progress_from, 100 * rule.progress_to
        waits.append(f"not between {low:g} % and {high:g} % of the way")
    return " or ".join(waits)


def _rank(study: Study, at: int) -> tuple[int | None, int]:
    """The rank of a trial's recorded final value, and among how many. Failed trials have none."""
    finals = last_values(study)
    finals[study.which(Status.FAILED)] = np.nan
    if study.direction == "maximize":
        finals = -finals
    ranked = int((~np.isnan(finals)).sum())
    if math.isnan(finals[at]) or study.censored[at]:
        return None, ranked
    return 1 + int((finals < finals[at]).sum()), ranked


def _known(value: float) -> float | None:
    """A number, or None for NaN."""
    return None if math.isnan(value) else value
