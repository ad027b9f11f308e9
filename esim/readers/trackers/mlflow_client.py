"""Reads MLflow's runs through a client of MLflow, which is recognised by what it offers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from esim.errors import EsimError
from esim.readers.address import Address
from esim.readers.trackers.mlflow_records import PARENT, LoggedMetric, MlflowRun, with_infinities

PAGE = 1000  # runs in the answer to a request; MLflow allows 50000


def shown(uri: str) -> str:
    """The address of a store without its password."""
    return str(Address(uri)) if "://" in uri else uri


@dataclass(frozen=True)
class Asked:
    """A store that is asked through a client.

    Attributes:
        client: an `mlflow.MlflowClient`.
        uri: the store's address, which may hold a password.
        where: the input, for errors.
        took: is told the values that were read.
    """

    client: Any
    uri: str
    where: str
    took: Callable[[bytes], None] = lambda data: None

    def experiments(self, studies: Sequence[str] = ()) -> dict[str, str]:
        """The id and name of each active experiment that may hold some studies.

        Args:
            studies: the names of studies; if none is given, or no experiment can hold one of them,
                all experiments are told.

        Raises:
            EsimError: MLflow refuses the request.
        """
        found = {
            one.experiment_id: str(one.name) for one in self._pages(self.client.search_experiments)
        }
        fitting = {
            number: name
            for number, name in found.items()
            if any(study == name or study.startswith(f"{name}/") for study in studies)
        }
        return fitting or found

    def runs(self, experiments: Mapping[str, str]) -> Iterator[MlflowRun]:
        """Read every active run of some experiments; curves are read when they are asked for.

        Args:
            experiments: id -> name.

        Raises:
            EsimError: MLflow refuses a request.
        """
        for number, name in sorted(experiments.items(), key=lambda pair: int(pair[0])):
            wanted = {"experiment_ids": [number], "order_by": ["attributes.start_time ASC"]}
            for run in self._pages(self.client.search_runs, **wanted):
                yield MlflowRun(
                    run_id=run.info.run_id,
                    name=run.info.run_name or "",
                    experiment=name,
                    parent=run.data.tags.get(PARENT),
                    status=run.info.status,
                    start=_ms(run.info.start_time),
                    end=_ms(run.info.end_time),
                    params=dict(run.data.params),
                    metrics=sorted(run.data.metrics),
                    logged=self._logged(run.info.run_id),
                )

    def ask(self, question: Callable[[], Any]) -> Any:
        """The answer to a question. Raises EsimError if MLflow refuses it."""
        try:
            return question()
        except Exception as error:
            if all(kind.__name__ != "MlflowException" for kind in type(error).__mro__):
                raise
            why = str(error).replace(self.uri, shown(self.uri))[:300]
            raise EsimError(
                "the MLflow server does not answer", where=self.where, why=why
            ) from None

    def _pages(self, search: Callable[..., Any], **what: Any) -> Iterator[Any]:
        """The results on all pages of a search."""
        token = None
        while True:
            page = self.ask(lambda: search(**what, max_results=PAGE, page_token=token))  # noqa: B023
            yield from page
            token = page.token
            if not token:
                return

    def _logged(self, run: str) -> Callable[[str], LoggedMetric]:
        def logged(metric: str) -> LoggedMetric:
            rows = [
                (one.timestamp, one.value, one.step)
                for one in self.ask(lambda: self.client.get_metric_history(run, metric))
            ]
            rows.sort(key=lambda row: (row[0], row[2]))
            self.took(repr((run, metric, rows)).encode())
            times, values, steps = zip(*rows, strict=True) if rows else ((), (), ())
            return LoggedMetric(
                np.array(times, dtype=np.float64),
                with_infinities(np.array(values, dtype=np.float64)),
                np.array(steps, dtype=np.int64),
            )

        return logged


def _ms(time: int | None) -> float:
    return math.nan if time is None else float(time)
