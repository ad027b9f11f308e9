"""`watch`: does a certificate still hold in the studies that came after it?"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from esim.analyses.certify.betting import wealth
from esim.analyses.certify.certify import conditions_of, of_use
from esim.analyses.certify.study_losses import study_losses
from esim.analyses.compare.compare import Progress, named_apart, replay_every
from esim.analyses.compare.contestants import contestant
from esim.analyses.workers.by_study import going_through
from esim.errors import EsimError
from esim.results.certificate import Certificate
from esim.results.watched import Watched, WatchedStudy
from esim.storage.history import History
from esim.storage.history.dates import with_dates
from esim.study import Study

_ENOUGH = 1.0 - 1e-12  # of the wealth that is needed, 1 / the chance of a false alarm


def watch(
    certificate: Certificate | Watched,
    studies: Study | Iterable[Study] | History,
    *,
    engine: str | None = None,
    jobs: int | None = None,
    address: str | None = None,
    inputs: Sequence[Mapping[str, Any]] = (),
    progress: Progress | None = None,
) -> Watched:
    """Replay new studies under a certified rule, and bet against its certificate.

    The bets (`esim.analyses.certify.betting`) say that the certificate no longer holds with a
    chance of at most 1 - its confidence as long as it does, however often one looks. Studies of a
    history are bet on in the order in which they began (those without a date come last), others in
    their order, which should be that in which they came, and in which they must not have been put
    by what they lost.

    Args:
        certificate: of `certify`; or an earlier watch, which goes on.
        studies: new ones. Those that the certificate was made from, or that were watched before, do
            not count.
        engine, jobs, address, inputs, progress: as in `compare`.

    Raises:
        EsimError: the certificate certifies no rule; a study in memory lacks what its replays need.

    Example:
        >>> import esim
        >>> past = [esim.Study.from_arrays([[x + i] * 3 for x in (1, 2, 3)], "minimize",
        ...         name=f"job-{i}") for i in range(7)]
        >>> certificate = esim.certify(past[:5], ["sagemaker"], risk="30%", confidence="80%")
        >>> esim.watch(certificate, past).holds, len(esim.watch(certificate, past).studies)
        (True, 2)
    """
    if isinstance(certificate, Watched):
        told, old = certificate.certificate, certificate.studies
    else:
        told, old = certificate, ()
    if told.certified is None:
        raise EsimError("the certificate certifies no rule", fix="one of esim certify that does")
    candidate, alarm = told.candidate(told.certified), 1.0 - told.asked.confidence
    conditions = conditions_of(told.replays, told.asked.max_loss)
    given = studies if isinstance(studies, (Study, History)) else named_apart(studies)
    with going_through(given, engine=engine, jobs=jobs, address=address) as every:
        field = [replace(contestant(candidate.rule), until=candidate.job_rules())]
        judged = replay_every(every, study_losses, field, conditions, progress)
        failures = dict(every.failures)
    if isinstance(given, History):
        dated = with_dates(given, strict=False)
        began = {entry.study: entry.first_start for entry in dated.entries}
        judged = sorted(judged, key=lambda one: _or_last(began[one.name]))
    before = [(one.study, one.content) for one in told.studies]
    before += [(one.study, one.content) for one in old]
    counted, out = of_use(judged, before)
    new = [
        WatchedStudy(one.name, one.content, float(one.saved[0]), float(one.lost[0]), math.nan)
        for one in counted
    ]
    whole = [*old, *new]
    rich = wealth(np.array([one.lost for one in whole]), told.asked.risk).tolist()
    over = [one.study for one, held in zip(whole, rich, strict=True) if held * alarm >= _ENOUGH]
    return Watched(
        certificate=told,
        rule=candidate.key,
        false_alarm=alarm,
        studies=tuple(replace(one, wealth=held) for one, held in zip(whole, rich, strict=True)),
        broken_by=over[0] if over else None,
        left_out=out,
        inputs=tuple(inputs),
        failures=failures,
    )


def _or_last(moment: float | None) -> float:
    return math.inf if moment is None or math.isnan(moment) else moment
