"""Reads the scalars and hyperparameters in the event files of one run.

The tensorboard package is not used, because it needs a dozen others. Its EventAccumulator takes
three times as long for the same numbers, its event file loader alone takes as long as all of this,
and both accept a file that is cut off or damaged as if it were complete. See
tests/benchmarks/readers_events.py for times and tests/live/test_trainers.py for equal numbers.

Field numbers: tensorflow/core/util/event.proto, tensorflow/core/framework/{summary,tensor}.proto,
tensorboard/plugins/hparams/plugin_data.proto.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from esim.readers.encodings import wire
from esim.readers.trackers.tensorboard.records import records
from esim.study import Status

_HPARAMS = b"_hparams_/"
# DataType of a tensor of numbers -> how they are stored in tensor_content.
_CONTENT = {1: "<f4", 2: "<f8", 3: "<i4", 9: "<i8", 19: "<f2"}
_FLOAT, _DOUBLE = 1, 2
_STATUS = {1: Status.COMPLETED, 2: Status.FAILED, 3: Status.RUNNING}  # hparams/api.proto


@dataclass
class TagValues:
    """The values of a tag, in the order in which they were written.

    Attributes:
        walls: seconds since 1970 UTC at which each value was written.
        steps, values: the step of each value, and the value.
        files: how many values each file holds.
    """

    walls: list[float] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    files: list[int] = field(default_factory=list)

    def cut(self, step: int) -> int:
        """Drop the values from a step on.

        Args:
            step: the step.

        Returns:
            How many values were dropped.
        """
        kept = [i for i, at in enumerate(self.steps) if at < step]
        dropped = len(self.steps) - len(kept)
        if dropped:
            self.walls = [self.walls[i] for i in kept]
            self.steps = [self.steps[i] for i in kept]
            self.values = [self.values[i] for i in kept]
        return dropped


@dataclass
class RunEvents:
    """The events in a run's files, which are added file by file in the order they were begun.

    Attributes:
        wanted: the tags whose values are kept; None keeps all.
        scalars: tag -> its values.
        first_tag: the tag of the first scalar, wanted or not; "" if there is none.
        begun: when the first event was written, in seconds since 1970 UTC; None without events.
        hparams: the hyperparameters of the hparams plugin's session; None if there is no session.
        status, start, end: how and when that session ended and when it started (seconds since 1970
            UTC), where it says so.
        cut_off, damaged, odd: how many files end within a record, how many have a wrong checksum,
            and how many events are no messages.
        restarts, superseded: how often the run was restarted from an earlier step, and how many
            values do not count because of that.
        exact: whether some value was stored in 64 bits.
    """

    wanted: tuple[str, ...] | None = None
    scalars: dict[str, TagValues] = field(default_factory=dict)
    first_tag: str = ""
    begun: float | None = None
    hparams: dict[str, Any] | None = None
    status: Status = Status.UNKNOWN
    start: float | None = None
    end: float | None = None
    cut_off: int = 0
    damaged: int = 0
    odd: int = 0
    restarts: int = 0
    superseded: int = 0
    exact: bool = False

    def add(self, data: bytes) -> None:
        """Add the events of the next file.

        Args:
            data: the file's contents.
        """
        found = records(data)
        self.cut_off += bool(found.left) and not found.damaged
        self.damaged += found.damaged
        # The last wanted tag is the end of all the others.
        wanted = None if self.wanted is None else self.wanted[-1].encode()
        before, self.scalars = self.scalars, {}
        for payload in found.payloads:
            try:
                self._event(payload, wanted, before)
            except wire.WireError:
                self.odd += 1
        again = 0
        for tag, new in self.scalars.items():
            new.files.append(len(new.steps))
            old = before.setdefault(tag, TagValues())
            # This file begins at an earlier step: the run was resumed from there.
            again += (dropped := old.cut(new.steps[0])) > 0
            self.superseded += dropped
            for name in ("walls", "steps", "values", "files"):
                getattr(old, name).extend(getattr(new, name))
        self.restarts += again > 0
        self.scalars = before

    def _event(self, payload: bytes, wanted: bytes | None, before: Mapping[str, TagValues]) -> None:
        wall, step, summary, session = 0.0, 0, b"", b""
        for number, _, value in wire.fields(payload):
            if number == 1:
                wall = wire.double(value)
            elif number == 2:
                step = wire.whole(value)
            elif number == 5:
                summary = wire.part(value)
            elif number == 7:
                session = wire.part(value)
        if self.begun is None or 0 < wall < self.begun:
            self.begun = wall
        if session and wire.message(session).get(1) == 1:
            # As in tensorboard/backend/event_processing/event_accumulator.py, _Purge.
            dropped = sum(p.cut(step) for part in (before, self.scalars) for p in part.values())
            self.superseded += dropped
            self.restarts += dropped > 0
        if summary and (
            wanted is None or wanted in summary or _HPARAMS in summary or not self.first_tag
        ):
            for number, _, value in wire.fields(summary):
                if number == 1:
                    self._value(wire.part(value), wall, step)

    def _value(self, data: bytes, wall: float, step: int) -> None:
        tag, number, tensor, metadata = "", None, None, b""
        for key, kind, value in wire.fields(data):
            if key == 1:
                tag = wire.text(value)
            elif key == 2 and kind == wire.FIXED32:
                number = wire.single(value)
            elif key == 8:
                tensor = wire.part(value)
            elif key == 9:
                metadata = wire.part(value)
        if tag.startswith("_hparams_/"):
            self._session(metadata)
            return
        skipped = self.wanted is not None and tag not in self.wanted
        if skipped and self.first_tag:
            return
        if number is None and tensor is not None:
            number = self._tensor(tensor)
        if number is None:
            return  # it is a picture, a histogram or a text
        self.first_tag = self.first_tag or tag
        if skipped:
            return
        points = self.scalars.get(tag)
        if points is None:
            points = self.scalars[tag] = TagValues()
        points.walls.append(wall)
        points.steps.append(step)
        points.values.append(number)

    def _tensor(self, data: bytes) -> float | None:
        """The number in a tensor; None if the tensor is not a single number."""
        parts = wire.message(data)
        kind = parts.get(1)
        content = parts.get(4)
        if content is None and kind in (_FLOAT, _DOUBLE):
            # A repeated number of one entry has the same bytes whether it is packed or not.
            content = parts.get(5 if kind == _FLOAT else 6)
        if not isinstance(kind, int) or kind not in _CONTENT or not isinstance(content, bytes):
            return None
        stored = np.dtype(_CONTENT[kind])
        if len(content) != stored.itemsize:
            return None
        self.exact = self.exact or kind != _FLOAT
        return float(np.frombuffer(content, stored)[0])

    def _session(self, metadata: bytes) -> None:
        plugin = wire.message(wire.part(wire.message(metadata).get(1, b"")))
        content = wire.message(wire.part(plugin.get(2, b"")))
        if 3 in content:
            self.hparams = {} if self.hparams is None else self.hparams
            for number, _, value in wire.fields(wire.part(content[3])):
                if number == 1:
                    entry = wire.message(wire.part(value))
                    name = wire.text(entry.get(1, b""))
                    self.hparams[name] = _json_value(wire.part(entry.get(2, b"")))
                elif number == 5:
                    self.start = wire.double(value)
        if 4 in content:
            ended = wire.message(wire.part(content[4]))
            self.status = _STATUS.get(wire.whole(ended.get(1, 0)), Status.UNKNOWN)
            self.end = wire.double(ended[2]) if 2 in ended else None


def _json_value(data: bytes) -> Any:
    """The value of a google.protobuf.Value; None for null, lists and objects."""
    for number, _, value in wire.fields(data):
        if number == 2:
            return wire.double(value)
        if number == 3:
            return wire.text(value)
        if number == 4:
            return bool(value)
    return None
