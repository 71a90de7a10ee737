"""Counters of all processes of a server in shared memory.

Each process writes its own slot, and any of them adds up all: a scrape reaches one worker and
speaks for the server. A checksum tells a slot that was read while it was written.
"""

from __future__ import annotations

import zlib
from multiprocessing.heap import Arena

import msgspec

from satchel.serving.metrics import Counters, ModelState, Totals

SLOT = 1 << 19
_HEADER = 8
_TRIES = 100


class Supervised(msgspec.Struct):
    """What the supervisor knows.

    Attributes:
        retired: What workers that have ended counted.
        models: The models.
        restarts: Workers that ended by themselves.
        live: The slots of the workers that run.
    """

    retired: Counters
    models: list[ModelState]
    restarts: int
    live: list[int]


_encode = msgspec.msgpack.encode
_decode_counters = msgspec.msgpack.Decoder(Counters).decode
_decode_supervised = msgspec.msgpack.Decoder(Supervised).decode


class Board:
    """Slots of shared memory: the first is the supervisor's, the others are those of workers.

    It can be handed to a process when that starts. What is not written takes no memory.

    Args:
        slots: How many slots.
    """

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self._memory = Arena(slots * SLOT)

    def write_counters(self, slot: int, counters: Counters) -> None:
        """Write a worker's counters."""
        self._write(slot, _encode(counters))

    def write_supervised(self, supervised: Supervised) -> None:
        """Write what the supervisor knows."""
        self._write(0, _encode(supervised))

    def counters(self, slot: int) -> Counters | None:
        """Return the counters of a worker; None if it has not written any."""
        payload = self._read(slot)
        return None if payload is None else _decode_counters(payload)

    def clear(self, slot: int) -> None:
        """Empty a slot for another worker."""
        self._view(slot)[:_HEADER] = bytes(_HEADER)

    def totals(self) -> Totals:
        """Add up what all processes have counted."""
        payload = self._read(0)
        if payload is None:
            return Totals(Counters(), [], 0, 0)
        supervised = _decode_supervised(payload)
        for slot in supervised.live:
            counters = self.counters(slot)
            if counters is not None:
                supervised.retired.add(counters)
        return Totals(
            supervised.retired, supervised.models, len(supervised.live), supervised.restarts
        )

    def _view(self, slot: int) -> memoryview:
        return memoryview(self._memory.buffer)[slot * SLOT : (slot + 1) * SLOT]

    def _write(self, slot: int, payload: bytes) -> None:
        view = self._view(slot)
        assert len(payload) <= SLOT - _HEADER
        view[_HEADER : _HEADER + len(payload)] = payload
        view[:4] = len(payload).to_bytes(4, "little")
        view[4:_HEADER] = zlib.crc32(payload).to_bytes(4, "little")

    def _read(self, slot: int) -> bytes | None:
        view = self._view(slot)
        for _ in range(_TRIES):
            length = int.from_bytes(view[:4], "little")
            if length == 0:
                return None
            payload = bytes(view[_HEADER : _HEADER + min(length, SLOT - _HEADER)])
            if zlib.crc32(payload) == int.from_bytes(view[4:_HEADER], "little"):
                return payload
        return None
