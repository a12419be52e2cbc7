"""The journal: every message of a take in its total order, as an MCAP file.

Form: profile `textuportray.journal/1`; one channel per kind of message, topic `/protocol/<Kind>`, encoded as msgpack with a
JSON Schema; `sequence` is the place in the total order, `log_time` nanoseconds since the take began. A record's payload is a
map of `body` (the message in its wire form), `epoch`, `number`, `receivers` and `sender`. See https://mcap.dev/spec.

While a take runs the file is written without chunks, so that whatever reached the disk can be read: a record that is cut off
loses itself and nothing before it. :func:`compact` turns a closed journal into the compressed, indexed form.

Nothing here opens a file or asks for the time: streams, the call that forces them to disk, and times are handed in.
"""

from __future__ import annotations

import gc
import json

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from io import RawIOBase
from typing import IO

import msgpack

from mcap.writer import CompressionType, Writer

from protocol.journal_file import ENCODING, TOPIC, Scan
from protocol.journal_file import MAX_RECORD as MAX_RECORD
from protocol.journal_file import PROFILE as PROFILE
from protocol.journal_file import JournalError as JournalError
from protocol.journal_file import Stored as Stored
from protocol.messages import MESSAGES, Message
from protocol.wire import MAX_MESSAGE, KnownTracks, WireError, encode, restore, unpack

MAX_SEQ = 2**32 - 1
_MAX_PAYLOAD = MAX_MESSAGE + 64 * 1024
_MEMBERS = ("body", "epoch", "number", "receivers", "sender")
_PACKED_MEMBERS = tuple(msgpack.packb(name) for name in _MEMBERS)
_PAYLOAD = bytes((0x80 | len(_MEMBERS),))


@dataclass(frozen=True, slots=True)
class Record:
    """One message in its place.

    Attributes:
        seq: place in the total order, from 1.
        time: seconds since the take began, kept to the nanosecond.
        sender: role that sent it.
        receivers: roles that it is for, in order.
        epoch: incarnation of the link that it came over; 0 if none.
        number: its number on that link; 0 if it came over none.
        message: what was sent.

    Raises:
        JournalError: a field out of range.
    """

    seq: int
    time: float
    sender: str
    receivers: tuple[str, ...]
    epoch: int
    number: int
    message: Message

    def __post_init__(self) -> None:
        if not 1 <= self.seq <= MAX_SEQ:
            raise JournalError(f"a record's place is 1..{MAX_SEQ}, not {self.seq}")
        if not 0 <= self.time <= 1e6:  # up to there a float tells nanoseconds apart; false for NaN
            raise JournalError(f"record {self.seq}: time {self.time} s is outside 0..1000000")
        if self.epoch < 0 or self.number < 0:
            raise JournalError(f"record {self.seq}: epoch {self.epoch} and number {self.number} cannot be negative")
        object.__setattr__(self, "time", self.nanoseconds / 1e9)

    @property
    def nanoseconds(self) -> int:
        """Time since the take began."""
        return round(self.time * 1e9)


@dataclass(frozen=True, slots=True)
class Journal:
    """What could be read.

    Attributes:
        records: every complete record, in order.
        torn_at: the byte at which a cut-off record begins; None if the file ends with a complete one.
        version: the software that wrote it; empty if the file ends before it says so.
        closed: whether the journal was closed. A take that still runs, or was killed, leaves it open.
    """

    records: tuple[Record, ...]
    torn_at: int | None
    version: str
    closed: bool


@dataclass(frozen=True, slots=True)
class Scanned:
    """A journal whose records have been found and not been looked into; otherwise like :class:`Journal`."""

    stored: tuple[Stored, ...]
    torn_at: int | None
    version: str
    closed: bool


class JournalWriter:
    """Appends records to a stream in the live form."""

    def __init__(self, stream: IO[bytes], sync: Callable[[], None], version: str = "textuportray") -> None:
        """Begin a journal.

        Args:
            stream: empty, writable and buffered, such as `open(path, "wb")` gives; the caller closes it.
            sync: forces to disk what has been flushed, such as `lambda: os.fsync(stream.fileno())`.
            version: the software that writes, for the file's header.

        Raises:
            JournalError: the stream is unbuffered, so that commits could not be flushed.
        """
        if isinstance(stream, RawIOBase):
            raise JournalError("a journal needs a buffered stream; open the file without buffering=0")
        self._stream = stream
        self._sync = sync
        self._writer = Writer(stream, use_chunking=False, enable_data_crcs=True)
        self._channels: dict[str, int] = {}
        self._seq = 0
        self._open = True
        self._writer.start(PROFILE, version)

    def append(self, record: Record, body: bytes | None = None) -> None:
        """Write a record; it is safe only after :meth:`commit`.

        Args:
            record: the next one, its place one after the last.
            body: its message's wire form, where the caller has it already.

        Raises:
            JournalError: the journal is closed, or the record is not the next one.
            WireError: the message is too large; nothing is written.
        """
        if not self._open:
            raise JournalError(f"record {record.seq} comes after the journal was closed")
        if record.seq != self._seq + 1:
            raise JournalError(f"record {record.seq} cannot follow record {self._seq}")
        payload = _pack_payload(record, encode(record.message) if body is None else body)
        kind = type(record.message).__name__
        if kind not in self._channels:
            schema = self._writer.register_schema(kind, "jsonschema", payload_schema(kind))
            self._channels[kind] = self._writer.register_channel(TOPIC + kind, ENCODING, schema)
        time = record.nanoseconds
        self._writer.add_message(self._channels[kind], time, payload, time, record.seq)
        self._seq = record.seq

    def commit(self) -> None:
        """Force everything appended so far to disk."""
        self._stream.flush()
        self._sync()

    def close(self) -> None:
        """Write the end of the file and force it to disk; the second time does nothing."""
        if self._open:
            self._open = False
            self._writer.finish()
            self.commit()


@cache
def payload_schema(kind: str) -> bytes:
    """The JSON Schema of the payload of a kind of message, as JSON text."""
    body = MESSAGES[kind].model_json_schema()
    definitions = body.pop("$defs", {})
    body["properties"] = {"kind": {"const": kind}, **body["properties"]}
    body["required"] = ["kind", *body.get("required", ())]
    names = {"type": "string"}
    count = {"type": "integer", "minimum": 0}
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"{kind} and how it travelled",
        "type": "object",
        "properties": {
            "body": body,
            "epoch": count,
            "number": count,
            "receivers": {"type": "array", "items": names},
            "sender": names,
        },
        "required": list(_MEMBERS),
        "additionalProperties": False,
        "$defs": definitions,
    }
    return json.dumps(schema, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def read_journal(stream: IO[bytes]) -> Journal:
    """Read a journal in either form, whole, cut off or still being written.

    Args:
        stream: readable, at the journal's first byte; it need not be seekable.

    Raises:
        JournalError: not a journal, one of another version, or one whose content breaks its rules; naming the place.
    """
    scan = Scan(stream)
    scan.begin()
    known = KnownTracks()
    with _nothing_collected():
        records = tuple(read_record(stored, known) for stored in scan.messages())
    return Journal(records, scan.torn_at, scan.version, scan.closed)


def scan_journal(stream: IO[bytes]) -> Scanned:
    """Find the records of a journal as :func:`read_journal` does, for whoever looks into some of them only.

    Raises:
        JournalError: not a journal, one of another version, or one whose records are not in their places.
    """
    scan = Scan(stream)
    scan.begin()
    stored = tuple(scan.messages())
    return Scanned(stored, scan.torn_at, scan.version, scan.closed)


def compact(source: IO[bytes], target: IO[bytes]) -> int:
    """Rewrite a closed journal in chunks, compressed with zstd, with index and statistics.

    Args:
        source: at the journal's first byte.
        target: empty and writable; when this fails, what it then holds is to be thrown away.

    Returns:
        How many records there are.

    Raises:
        JournalError: as for :func:`read_journal`, or the journal was not closed: then it is to be resumed, not archived.
    """
    scan = Scan(source)
    scan.begin()
    writer = Writer(target, compression=CompressionType.ZSTD)
    writer.start(PROFILE, scan.version)
    channels: dict[str, int] = {}
    count = 0
    for stored in scan.messages():
        count += 1
        if stored.kind not in channels:
            schema = writer.register_schema(stored.kind, "jsonschema", stored.schema)
            channels[stored.kind] = writer.register_channel(TOPIC + stored.kind, ENCODING, schema)
        writer.add_message(channels[stored.kind], stored.time, stored.payload, stored.time, stored.seq)
    if not scan.closed:
        raise JournalError("the journal was not closed, so its take is not over; resume it before compacting")
    writer.finish()
    target.flush()
    return count


def _pack_payload(record: Record, body: bytes) -> bytes:
    """The payload's bytes; msgpack values are self-delimiting, so the body goes in as it is."""
    rest = (record.epoch, record.number, record.receivers, record.sender)
    members = (body, *map(msgpack.packb, rest))
    return _PAYLOAD + b"".join([part for named in zip(_PACKED_MEMBERS, members, strict=True) for part in named])


@contextmanager
def _nothing_collected() -> Iterator[None]:
    """No search for garbage: all that is made here is kept and holds no cycles, and looking at it again and again takes longer
    than making it."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def read_record(stored: Stored, known: KnownTracks | None = None) -> Record:
    """What a stored record says.

    Args:
        stored: the record.
        known: tracks of records before it, which it may hold again.

    Raises:
        JournalError: its payload is not that of a message of its kind, naming the place.
    """
    try:
        payload = unpack(stored.payload, _MAX_PAYLOAD)
        if not isinstance(payload, dict) or set(payload) != set(_MEMBERS):
            raise WireError(f"expected {', '.join(_MEMBERS)}")
        message = restore(payload["body"], known)
        if type(message).__name__ != stored.kind:
            raise WireError(f"{type(message).__name__} on the channel of {stored.kind}")
        epoch, number, receivers, sender = (payload[name] for name in _MEMBERS[1:])
        if not (type(epoch) is type(number) is int and isinstance(sender, str) and isinstance(receivers, tuple)):
            raise WireError("epoch, number, receivers or sender is of a wrong type")
        if not all(isinstance(receiver, str) for receiver in receivers):
            raise WireError("a receiver is not a name")
        return Record(stored.seq, stored.time / 1e9, sender, receivers, epoch, number, message)
    except ValueError as error:
        raise JournalError(f"record {stored.seq} at byte {stored.at} of the journal: {error}") from error
