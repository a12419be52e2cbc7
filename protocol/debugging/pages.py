"""A journal of which only those records are read that somebody looks at.

A take of thousands of messages is on the screen before a hundredth of it has been read: of what kind each record is stands
beside it in the file. A record is unpacked and checked in full when it is asked for, as strictly as by `read_journal`; so a
bad one is found later, and not at all by who never gets there.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import msgpack

from protocol.journal import MAX_RECORD, Record, Scanned, Stored, read_record

KEPT = 512
"""Records that are kept once they are read: enough to step about in without reading them again."""


@dataclass(frozen=True, slots=True)
class Address:
    """Who speaks to whom in a record, which is known without looking into its message.

    Attributes:
        sender: role that sent it.
        receivers: roles that it is for.
    """

    sender: str
    receivers: tuple[str, ...]


@dataclass(frozen=True)
class Pages:
    """The records of a journal by their places, from 1.

    Attributes:
        stored: as the file holds them.
        torn_at: as for `Journal`.
        closed: the same; False for a part of one.
        part: whether there is more in the journal.
    """

    stored: Sequence[Stored]
    torn_at: int | None = None
    closed: bool = True
    part: bool = False
    _read: Any = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        stored = self.stored
        object.__setattr__(self, "_read", lru_cache(maxsize=KEPT)(lambda seq: read_record(stored[seq - 1])))

    @classmethod
    def of(cls, scanned: Scanned) -> Pages:
        """Those of a journal that was scanned."""
        return cls(scanned.stored, scanned.torn_at, scanned.closed)

    def __len__(self) -> int:
        return len(self.stored)

    def __iter__(self) -> Iterator[Record]:
        """One after the other, without keeping them.

        Raises:
            JournalError: as for :meth:`record`, when it comes to that one.
        """
        return map(read_record, self.stored)

    def record(self, seq: int) -> Record:
        """One of them.

        Raises:
            JournalError: it breaks the rules of its kind, naming the place.
        """
        found: Record = self._read(seq)
        return found

    def kind(self, seq: int) -> str:
        """What kind of message one is, by its channel."""
        return self.stored[seq - 1].kind

    def address(self, seq: int) -> Address:
        """Who speaks to whom in one of them.

        Raises:
            JournalError: as for :meth:`record`.
        """
        match _members(self.stored[seq - 1].payload, {"sender", "receivers"}):
            case {"sender": str(sender), "receivers": tuple(receivers)} if all(isinstance(one, str) for one in receivers):
                return Address(sender, receivers)
        record = self.record(seq)  # whatever is wrong with it, this says it best
        return Address(record.sender, record.receivers)

    def until(self, seq: int) -> Pages:
        """Those up to a place."""
        return self if seq >= len(self) else replace(self, stored=self.stored[:seq], torn_at=None, closed=False, part=True)


def _members(payload: bytes, names: Container[object]) -> dict[object, object]:
    """Some members of a map, without unpacking the others; {} if it is none."""
    found: dict[object, object] = {}
    unpacker = msgpack.Unpacker(max_buffer_size=MAX_RECORD, use_list=False, max_bin_len=0, max_ext_len=0)
    unpacker.feed(payload)
    try:
        for _ in range(unpacker.read_map_header()):
            name = unpacker.unpack()
            if isinstance(name, str) and name in names:
                found[name] = unpacker.unpack()
            else:
                unpacker.skip()
    except (ValueError, msgpack.UnpackException):
        return {}
    return found
