"""Reads offline `.wandb` run files, the records that wandb would have sent to its server.

A file is a LevelDB log: seven bytes of header, then blocks of 32,768 bytes with pieces of records.
The records are Protobuf messages. wandb itself no longer has a reader.
Source: wandb/core/pkg/leveldb/record.go, wandb/proto/wandb_internal.proto (0.31).
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from esim.readers.encodings import wire

MAGIC = b":W&B\xe1\xbe"  # a version, 0, follows
_HEADER = 7
_BLOCK = 32_768
_PIECE = struct.Struct("<IHB")  # CRC-32 of kind and data, length, kind
_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4


@dataclass
class RunFile:
    """What a run file says about its run.

    Attributes:
        run_id, project, sweep: the ids or names; "" if the file does not say.
        start: seconds since 1970 UTC; None if it is not recorded.
        config: hyperparameter -> its value as JSON text.
        rows: one for each logged step: name (nested names joined with ".") -> value as JSON text.
        exit_code: the exit code of the run's process; None if the file does not hold its end.
        runtime: seconds that the run had taken at its end.
        cut_off: whether the file ends within a record.
        damaged: whether a checksum is wrong; what follows it is not read.
        odd: how many records are no messages.
    """

    run_id: str = ""
    project: str = ""
    sweep: str = ""
    start: float | None = None
    config: dict[str, str] = field(default_factory=dict)
    rows: list[dict[str, str]] = field(default_factory=list)
    exit_code: int | None = None
    runtime: int = 0
    cut_off: bool = False
    damaged: bool = False
    odd: int = 0

    @classmethod
    def parse(cls, data: bytes) -> RunFile:
        """The run in the contents of a file.

        Args:
            data: the contents, which start with `MAGIC`.
        """
        run = cls()
        for record in run._records(data):
            try:
                run._take(record)
            except wire.WireError:
                run.odd += 1
        return run

    def _records(self, data: bytes) -> Iterator[bytes]:
        at, size = _HEADER, len(data)
        pieces: list[bytes] = []
        while at < size:
            left = _BLOCK - at % _BLOCK
            if left < _PIECE.size:
                at += left  # too short for a piece, so it is filled with zeros
                continue
            if at + _PIECE.size > size:
                break
            checksum, length, kind = _PIECE.unpack_from(data, at)
            start = at + _PIECE.size
            if (checksum, length, kind) == (0, 0, 0) and not any(data[at:]):
                return  # space that is reserved and not written yet
            if length > min(left, size - at) - _PIECE.size:
                self.damaged = length > left - _PIECE.size
                self.cut_off = not self.damaged
                return
            if zlib.crc32(data[at + 6 : start + length]) != checksum:
                self.damaged = True
                return
            if kind in (_FULL, _FIRST):
                pieces = []
            pieces.append(data[start : start + length])
            if kind in (_FULL, _LAST):
                yield b"".join(pieces)
                pieces = []
            at = start + length
        self.cut_off = at < size or bool(pieces)

    def _take(self, record: bytes) -> None:
        for number, _, value in wire.fields(record):
            if number == 2:
                row: dict[str, str] = {}
                for key, _, item in wire.fields(wire.part(value)):
                    if key == 1:
                        _add(row, wire.part(item))
                    elif key == 2:  # the step; older clients also log it as _step
                        step = wire.message(wire.part(item)).get(1, 0)
                        row.setdefault("_step", str(wire.whole(step)))
                self.rows.append(row)
            elif number == 5:
                self._config(wire.part(value))
            elif number == 17:
                self._run(wire.part(value))
            elif number == 18:
                ended = wire.message(wire.part(value))
                self.exit_code = wire.whole(ended.get(1, 0))
                self.runtime = wire.whole(ended.get(2, 0))

    def _run(self, data: bytes) -> None:
        for number, _, value in wire.fields(data):
            if number == 1:
                self.run_id = wire.text(value)
            elif number == 3:
                self.project = wire.text(value)
            elif number == 4:
                self._config(wire.part(value))
            elif number == 12:
                self.sweep = wire.text(value)
            elif number == 17:
                moment = wire.message(wire.part(value))
                self.start = wire.whole(moment.get(1, 0)) + wire.whole(moment.get(2, 0)) / 1e9

    def _config(self, data: bytes) -> None:
        for number, _, value in wire.fields(data):
            if number == 1:
                _add(self.config, wire.part(value))


def _add(row: dict[str, str], item: bytes) -> None:
    """Add an item to a row.

    Its name is in key (1) or nested_key (2, repeated), its value in value_json (16) or in a field
    of its type.
    """
    names: list[str] = []
    text = "null"
    for number, _, value in wire.fields(item):
        if number in (1, 2):
            names.append(wire.text(value))
        elif number in (8, 16):
            text = wire.text(value)
        elif number == 4:
            text = json.dumps(bool(value))
        elif number == 5 and isinstance(value, int):  # sint64, zigzag
            text = str((value >> 1) ^ -(value & 1))
        elif number == 6:
            text = json.dumps(wire.double(value))
        elif number == 7:
            text = json.dumps(wire.text(value))
    row[".".join(names)] = text
