"""Reads what Comet's client logs offline: ``<key>.zip`` of each run, or the same unpacked.

It holds experiment.json and messages.json, a message a line. A run that was resumed has an archive
for each time. Source: comet_ml/offline.py and messages.py (3.58).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

from esim.errors import EsimError
from esim.readers.encodings.times import parse_time
from esim.readers.formats import Detection, Format, Found
from esim.readers.options import Options
from esim.readers.run_logs import Layout
from esim.readers.run_reading import ROW
from esim.readers.source import Source
from esim.readers.trackers.logged import TIME, LoggedRun, studies_of
from esim.readers.trackers.sessions import Session, detection, sessions, without_copies

FORMAT = Format(
    name="comet",
    summary="Comet, logged offline: <key>.zip of each run, packed or unpacked",
    files="*.zip of Comet's offline runs, also unpacked",
    needs=("direction", "objective, if there are several metrics"),
    times=True,
    schedule=True,
    configs=True,
    several_studies=True,
    takes=("step",),
    sample={
        "0a1b/experiment.json": '{"offline_id": "0a1b", "project_name": "p", '
        '"start_time": 1700000000000, "stop_time": 1700000030000}',
        "0a1b/messages.json": '{"payload":{"local_timestamp":1700000000000,"message_id":1,"param":'
        '{"paramName":"lr","paramValue":0.1,"source":"manual","step":null}},"type":"parameter_msg"}'
        '\n{"payload":{"context":"validate","local_timestamp":1700000010000,"message_id":2,'
        '"metric":{"epoch":1,"metricName":"loss","metricValue":1.5,"step":9}},"type":"metric_msg"}'
        '\n{"payload":{"context":"validate","local_timestamp":1700000020000,"message_id":3,'
        '"metric":{"epoch":2,"metricName":"loss","metricValue":0.75,"step":19}},'
        '"type":"metric_msg"}\n',
    },
)

_ABOUT, _MESSAGES = "experiment.json", "messages.json"
# A step or epoch is null where the caller gave none.
_LAYOUT = Layout(steps=("step", "epoch", ROW), timestamps=(TIME,), sparse=True)
_OWN_METRICS = ("sys.", "process duration")  # what Comet measures of the machine
_OWN_PARAMETERS = ("curr_step", "curr_epoch")


def detect(source: Source) -> Detection:
    """Whether there is a folder or a zip file with both files."""
    return detection(source, _sessions(source), "of Comet")


def read(source: Source, options: Options) -> Found:
    """Read a study for each project.

    Args:
        source: the input.
        options: what the user asked for.

    Raises:
        EsimError: there is no run, a line is no message, or as `esim.readers.runs.studies`.
    """
    source = source.with_hidden()
    found = _sessions(source)
    if not found:
        why = f"expected {_ABOUT} and {_MESSAGES}, in a folder or a zip file"
        raise EsimError("no run of Comet", where=source.label, why=why)
    abouts = {session: session.document(_ABOUT) for session in found}
    keys = {session: str(abouts[session].get("offline_id") or session.stem) for session in found}
    starts = {session: _moment(session, abouts[session], "start_time") for session in found}
    kept, notes = without_copies(((keys[one], starts[one]), one) for one in found)
    by_key: dict[str, list[Session]] = {}
    for session in sorted(kept, key=lambda one: starts[one]):
        by_key.setdefault(keys[session], []).append(session)
    runs = []
    for key, parts in by_key.items():
        logged = _Messages()
        for session in parts:
            for place, message in session.lines(_MESSAGES):
                logged.add(place, message)
        first, last = abouts[parts[0]], parts[-1]
        runs.append(
            LoggedRun(
                run_id=key,
                name=logged.name,
                project=str(first.get("project_name") or ""),
                file=last.file,
                rows=logged.rows,
                start=starts[parts[0]],
                end=_moment(last, abouts[last], "stop_time"),
                config=logged.config,
            )
        )
    used = {file for session in found for file in session.used}
    return studies_of(runs, _LAYOUT, options, source, used, notes)


def _sessions(source: Source) -> list[Session]:
    return sessions(source.with_hidden(), (_ABOUT, _MESSAGES))


def _moment(session: Session, about: Mapping[str, Any], key: str) -> float:
    """Seconds since 1970 UTC; NaN if it is not recorded."""
    return parse_time(about[key], str(session.file)) if about.get(key) else math.nan


class _Messages:
    """What the messages of a run say.

    Attributes:
        name: the run's name, "" if it has none.
        rows: as in `LoggedRun`.
        config: its hyperparameters.
    """

    def __init__(self) -> None:
        self.name = ""
        self.rows: list[tuple[str, dict[str, Any]]] = []
        self.config: dict[str, Any] = {}
        self._logged: Counter[str] = Counter()

    def add(self, place: str, message: Any) -> None:
        """Take up a message.

        Raises:
            EsimError: it has no payload, or its metric no name.
        """
        payload = message.get("payload") if isinstance(message, Mapping) else None
        if not isinstance(payload, Mapping):
            raise EsimError("not a message of Comet", where=place, why="it has no payload")
        # As on Comet's page, what is logged in a context such as "validate" has it in its name.
        context = f"{payload['context']}_" if payload.get("context") else ""
        metric, parameter = payload.get("metric"), payload.get("param") or payload.get("params")
        if isinstance(metric, Mapping):
            if "metricName" not in metric:
                raise EsimError("a metric without a name", where=place)
            self._value(place, f"{context}{metric['metricName']}", metric, payload)
        elif isinstance(parameter, Mapping):
            if parameter.get("paramName") not in _OWN_PARAMETERS:
                self.config[f"{context}{parameter.get('paramName')}"] = parameter.get("paramValue")
        elif message.get("type") == "log_other" and payload.get("key") == "Name":
            self.name = str(payload.get("value") or "")

    def _value(
        self, place: str, name: str, metric: Mapping[str, Any], payload: Mapping[str, Any]
    ) -> None:
        if name.startswith(_OWN_METRICS) or name in (*_LAYOUT.steps, TIME):
            return
        self._logged[name] += 1
        time = payload.get("local_timestamp")
        row = {
            "step": metric.get("step"),
            "epoch": metric.get("epoch"),
            ROW: self._logged[name],
            TIME: None if time is None else parse_time(time, place),
            name: metric.get("metricValue"),
        }
        self.rows.append((place, row))
