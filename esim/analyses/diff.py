"""What differs between two replays of studies, and why."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from esim.assumptions import Costs
from esim.errors import EsimError
from esim.results import history, replay
from esim.results.difference import Cause, ChangedStudy, Difference, Setting, Side, StudyNumbers
from esim.results.history import AskedClock, HistoryReplay
from esim.results.named_rule import NamedRule, RecordedJobRule, RecordedRule
from esim.results.records import finite
from esim.results.replay import TOTALED, ReplayDocument, Summary, add_up, totals
from esim.results.replayed_studies import replayed_studies
from esim.results.saved import SavedResult, saved_result
from esim.results.shown import Shown
from esim.rules import Rule

# Numbers that only a price changes, and those that no rule does: they are of the record.
_OF_MONEY = frozenset({"cost", "cost_recorded", "cost_saved_fraction", "currency"})
_RECORDED = ("trials", "trials_censored", "steps_recorded", "seconds_recorded")


@dataclass(frozen=True)
class _Held:
    """A study of one replay.

    Attributes:
        record: what its result tells of what was recorded, by name; what two results both tell is
            compared.
        digest: the hash of what was recorded; None where that is not known.
        clock: the clock's mode and workers, where they were the study's own.
        summary: None if it could not be replayed.
    """

    record: Mapping[str, Any]
    digest: str | None
    clock: Any
    summary: Summary | None


def diff(
    old: SavedResult | Shown | str | Path, new: SavedResult | Shown | str | Path
) -> Difference:
    """What differs between two replays, study by study, and what may have changed it.

    What a replay gives follows from what was recorded, from the rule and the other settings, and
    from the version of esim. A study that differs is told with all of these that differ; no replay
    is made to tell their shares.

    Args:
        old, new: replays: what `esim.replay` gave, a file with its JSON, or the folder that --out
            wrote. Of a history the folder is needed, else only totals are compared.

    Raises:
        EsimError: a document or a table cannot be used, or is of another kind.

    Example:
        >>> import esim
        >>> study = esim.Study.from_arrays([[3, 2, 1], [4, 4, 4], [5, 5, 5]], "minimize")
        >>> strict, lenient = esim.replay(study), esim.replay(study, "none")
        >>> [(one.study, one.why) for one in esim.diff(strict, lenient).changed]
        [('study', ('rule',))]
    """
    before, after = (_sides(saved_result(one)) for one in (old, new))
    settings = tuple(_settings(before.side, after.side))
    if before.studies is None or after.studies is None:
        return Difference(before.side, after.side, settings, False, (), 0, 0, (), ())
    both = [name for name in after.studies if name in before.studies]
    changed, untold = [], 0
    for name in both:
        a, b = before.studies[name], after.studies[name]
        why = tuple(_why(a, b, settings))
        if why:
            changed.append(ChangedStudy(name, why, _headline(a.summary), _headline(b.summary)))
        untold += "data" not in why and (a.digest is None or b.digest is None)
    return Difference(
        old=_with_both(before, both),
        new=_with_both(after, both),
        settings=settings,
        by_study=True,
        changed=tuple(changed),
        unchanged=len(both) - len(changed),
        untold=untold,
        only_old=tuple(name for name in before.studies if name not in after.studies),
        only_new=tuple(name for name in after.studies if name not in before.studies),
    )


@dataclass(frozen=True)
class _Read:
    """A replay, and its studies by name; None if there is no table of them."""

    side: Side
    studies: Mapping[str, _Held] | None


def _sides(source: SavedResult) -> _Read:
    if source.schema == replay.SCHEMA:
        return _of_replay(source)
    if source.schema == history.SCHEMA:
        return _of_history(source)
    raise EsimError(
        f"a document of {source.schema!r} is no replay",
        where=source.where,
        fix="what `esim replay LOGS --json` or `--out FOLDER` wrote",
    )


def _of_history(source: SavedResult) -> _Read:
    found = HistoryReplay.from_dict(source.document, source.where)
    side = _side(source, found.esim, found.rule, found.until, found.clock, found.costs, found.final,
                 found.totals)  # fmt: skip
    rows = replayed_studies(source)
    if rows is None:
        return _Read(side, None)
    studies = {}
    for one in rows:
        record = {} if one.summary is None else _record(one.summary, found.final)
        studies[one.study] = _Held(record, one.digest, one.clock, one.summary)
    return _Read(side, studies)


def _of_replay(source: SavedResult) -> _Read:
    document = ReplayDocument.from_dict(source.document, source.where)
    if not document.studies:
        raise EsimError("there is nothing to compare", where=source.where, why="no study in it")
    first = document.studies[0]
    modes = {one.clock.mode for one in document.studies}
    clock = AskedClock(modes.pop() if len(modes) == 1 else None, first.clock.workers)
    studies = {}
    for one in document.studies:
        t = one.columns
        record = {
            **_record(one.summary, one.final),
            "of each trial": [list(t.trial), *(c.tolist() for c in (t.steps_recorded, t.censored))],
            "seconds of each": finite(t.seconds_recorded.tolist()),
            f"finals {one.final}": finite(t.final_value_recorded.tolist()),
        }
        studies[one.study] = _Held(record, None, one.clock.mode, one.summary)
    side = _side(source, document.esim, first.rule, first.until, clock, first.costs, first.final,
                 totals(document.studies))  # fmt: skip
    return _Read(side, studies)


def _record(summary: Summary, final: str) -> dict[str, Any]:
    """What a summary tells of what was recorded; which trial was best depends on final values."""
    told = finite(summary.to_dict())
    return {key: told[key] for key in _RECORDED} | {f"best {final}": told["best_recorded"]}


def _side(
    source: SavedResult,
    esim: str,
    rule: NamedRule,
    until: Sequence[RecordedJobRule],
    clock: AskedClock,
    costs: Costs,
    final: str,
    added_up: Mapping[str, Any],
) -> Side:
    return Side(
        source.where, source.schema, esim, RecordedRule.of(rule), tuple(until), clock, costs, final,
        added_up, None,
    )  # fmt: skip


def _settings(old: Side, new: Side) -> Iterator[Setting]:
    """The settings that differ between the two replays."""
    if old.rule.name != new.rule.name:
        yield Setting("rule", "rule", old.rule.name, new.rule.name)
    defaults = {field.name: field.default for field in dataclasses.fields(Rule)}
    a, b = old.rule.parameters, new.rule.parameters
    for column in dict.fromkeys((*a, *b)):
        # A version that knew no such column judged as its default does.
        pair = [told.get(column, defaults.get(column)) for told in (a, b)]
        if pair[0] != pair[1]:
            yield Setting("rule", column, pair[0], pair[1])
    ends = [" or ".join(rule.text for rule in side.until) or None for side in (old, new)]
    if ends[0] != ends[1]:
        yield Setting("job-level rule", "until", ends[0], ends[1])
    for field in ("mode", "workers"):
        pair = [getattr(side.clock, field) for side in (old, new)]
        if pair[0] != pair[1]:
            yield Setting("clock", "clock" if field == "mode" else field, pair[0], pair[1])
    for name in vars(old.costs):
        pair = [getattr(side.costs, name) for side in (old, new)]
        if pair[0] != pair[1]:
            yield Setting("costs", name, pair[0], pair[1])
    if old.final != new.final:
        yield Setting("final value", "final", old.final, new.final)
    if old.esim != new.esim:
        yield Setting("version", "esim", old.esim, new.esim)


def _why(old: _Held, new: _Held, settings: Sequence[Setting]) -> Iterator[Cause]:
    """What differs that may have changed a study; nothing if nothing of it has changed."""
    if old.digest is not None and new.digest is not None:
        other_data = old.digest != new.digest
    else:
        told = old.record.keys() & new.record.keys()
        other_data = any(old.record[key] != new.record[key] for key in told)
    if old.summary is None or new.summary is None:
        if old.summary is not new.summary:
            yield "failure"
        if other_data:
            yield "data"
        return
    a, b = (finite(one.to_dict()) for one in (old.summary, new.summary))
    changed = {name for name in a if a[name] != b[name]}
    if not changed and not other_data:
        return
    if other_data:
        yield "data"
    if not changed:
        return
    causes = dict.fromkeys(one.cause for one in settings if one.cause != "version")
    if changed <= _OF_MONEY and "costs" in causes:
        causes = {"costs": None}
    if old.clock != new.clock:
        causes["clock"] = None
    yield from causes
    if not causes and not other_data:
        yield "version" if any(one.cause == "version" for one in settings) else "unknown"


def _headline(summary: Summary | None) -> StudyNumbers | None:
    if summary is None:
        return None
    s = summary
    known = s.cost is not None and s.cost_recorded is not None
    return StudyNumbers(
        s.steps_saved_fraction,
        s.seconds_saved_fraction,
        s.cost_recorded - s.cost if known else None,  # type: ignore[operator]
        s.degradation_normalized,
        s.best_trial_stopped,
    )


def _with_both(read: _Read, names: Sequence[str]) -> Side:
    """A replay with its totals over the studies of these names."""
    assert read.studies is not None
    summaries = [one for name in names if (one := read.studies[name].summary) is not None]
    in_both = add_up({key: [getattr(one, key) for one in summaries] for key in TOTALED})
    return dataclasses.replace(read.side, in_both=in_both)
