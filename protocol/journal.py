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
import struct
import zlib

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from io import BytesIO, RawIOBase
from typing import IO, Any

import msgpack
import zstandard

from mcap import records as mcap
from mcap.data_stream import ReadDataStream
from mcap.exceptions import EndOfFile
from mcap.opcode import Opcode
from mcap.writer import CompressionType, Writer

from protocol.messages import MESSAGES, Message
from protocol.wire import MAX_MESSAGE, KnownTracks, WireError, encode, restore, unpack

PROFILE = "textuportray.journal/1"
MAX_SEQ = 2**32 - 1
MAX_RECORD = 64 * 2**20
"""The most bytes that one record of the file, or one chunk unpacked, may have. The largest message takes a quarter of it."""

# Chunks of real takes hold some fifteen times as many bytes as they take up in the file; what repeats without end, thousands.
_MAX_RATIO = 100
_MAX_PAYLOAD = MAX_MESSAGE + 64 * 1024
_FAMILY = PROFILE.partition("/")[0]
_TOPIC = "/protocol/"
_ENCODING = "msgpack"
_MAGIC = b"\x89MCAP0\r\n"
_PIECE = 2**20
_HEAD = struct.Struct("<HIQQ")  # of a message: channel, sequence, when it was logged, when published
_MEMBERS = ("body", "epoch", "number", "receivers", "sender")


class JournalError(ValueError):
    """A journal that cannot be read or written, with the place and the reason."""


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
class Stored:
    """A record as the file holds it: `at` this byte, of this kind by its channel, with nanoseconds for its time.

    What its payload says is not known to be in order before :func:`read_record` has looked at it.
    """

    kind: str
    schema: bytes
    seq: int
    time: int
    payload: bytes
    at: int


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
            self._channels[kind] = self._writer.register_channel(_TOPIC + kind, _ENCODING, schema)
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
    scan = _Scan(stream)
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
    scan = _Scan(stream)
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
    scan = _Scan(source)
    scan.begin()
    writer = Writer(target, compression=CompressionType.ZSTD)
    writer.start(PROFILE, scan.version)
    channels: dict[str, int] = {}
    count = 0
    for stored in scan.messages():
        count += 1
        if stored.kind not in channels:
            schema = writer.register_schema(stored.kind, "jsonschema", stored.schema)
            channels[stored.kind] = writer.register_channel(_TOPIC + stored.kind, _ENCODING, schema)
        writer.add_message(channels[stored.kind], stored.time, stored.payload, stored.time, stored.seq)
    if not scan.closed:
        raise JournalError("the journal was not closed, so its take is not over; resume it before compacting")
    writer.finish()
    target.flush()
    return count


@dataclass
class _Scan:
    """One pass over a journal: `begin`, then `messages`; how it ended is known when those are exhausted.

    The frames of the file are read here and not by the mcap package's readers: those read nothing of a torn file or do not say
    where it is torn, and trust the lengths in it with memory.
    """

    stream: IO[bytes]
    torn_at: int | None = None
    version: str = ""
    closed: bool = False
    _at: int = 0
    _crc: int = 0
    _seq: int = 0
    _unpacked: int = 0
    _schemas: dict[int, mcap.Schema] = field(default_factory=dict)
    _channels: dict[int, mcap.Channel] = field(default_factory=dict)

    def begin(self) -> None:
        """Read up to the header and check that this is a journal of the right version."""
        magic = self._read(len(_MAGIC))
        if magic == _MAGIC:
            header = self._frame()
            if header is not None:
                self._check_header(*header)
        elif _MAGIC.startswith(magic):
            self.torn_at = 0
        else:
            raise JournalError("this is not a journal: it does not begin like an MCAP file")

    def messages(self) -> Iterator[Stored]:
        """The records from there to the end."""
        in_data = True
        while True:
            at, crc = self._at, self._crc
            frame = self._frame()
            if frame is None:
                return
            opcode, content = frame
            if opcode == Opcode.FOOTER:
                self._check_end()
                return
            if opcode == Opcode.DATA_END:
                expected = _parse(mcap.DataEnd, content, at).data_section_crc
                if expected not in (0, crc):
                    raise JournalError(f"the journal is damaged somewhere before byte {at}: its checksum does not match")
                in_data = False
            elif opcode in (Opcode.CHUNK, Opcode.MESSAGE):
                if not in_data:
                    raise JournalError(f"byte {at} of the journal: a record after the end of the records")
                yield from self._chunk(content, at) if opcode == Opcode.CHUNK else (self._message(content, at),)
            else:
                self._register(opcode, content, at)

    def _frame(self) -> tuple[int, bytes] | None:
        """The next record's opcode and content; None at the end of the file, which is torn if `torn_at` is set."""
        at = self._at
        head = self._read(9)
        if head == b"":
            return None
        opcode, length = head[0], int.from_bytes(head[1:], "little")
        if opcode == 0 and self._only_zeros_follow(head):  # blocks that a crashed machine allotted but never filled
            self.torn_at = at
            return None
        if len(head) == 9:
            if opcode == 0 or length > MAX_RECORD:
                raise JournalError(f"byte {at} of the journal does not begin a record: type {opcode}, {length} bytes long")
            content = self._read(length)
            if len(content) == length:
                return opcode, content
        self.torn_at = at
        return None

    def _read(self, length: int) -> bytes:
        """Up to `length` bytes, fewer only at the end of the file. Memory grows with what is there, not what is claimed."""
        pieces = []
        while length and (piece := self.stream.read(min(length, _PIECE))):
            pieces.append(piece)
            length -= len(piece)
            self._at += len(piece)
            self._crc = zlib.crc32(piece, self._crc)
        return b"".join(pieces)

    def _only_zeros_follow(self, head: bytes) -> bool:
        piece = head
        while piece:
            if piece.strip(b"\0"):
                return False
            piece = self._read(_PIECE)
        return True

    def _check_header(self, opcode: int, content: bytes) -> None:
        if opcode != Opcode.HEADER:
            raise JournalError("this is not a journal: an MCAP file, but without a header")
        header = _parse(mcap.Header, content, len(_MAGIC))
        if header.profile != PROFILE:
            family, _, version = header.profile.partition("/")
            if family != _FAMILY:
                raise JournalError(f"this is not a journal but an MCAP file of profile {header.profile[:60]!r}")
            raise JournalError(
                f"this is a journal of version {version[:20]!r}, written by {header.library[:60]!r}; this software reads "
                f"version {PROFILE.partition('/')[2]!r}: use the software that wrote it"
            )
        self.version = header.library

    def _check_end(self) -> None:
        at = self._at
        magic = self._read(len(_MAGIC))
        if not _MAGIC.startswith(magic):
            raise JournalError(f"the journal does not end as it should at byte {at}")
        if magic != _MAGIC:
            self.torn_at = at if magic else None
        elif self._read(1):
            raise JournalError(f"something follows the end of the journal at byte {at + len(_MAGIC)}")
        else:
            self.closed = True

    def _register(self, opcode: int, content: bytes, at: int) -> None:
        """Learn of a schema or channel; anything else, such as indexes, is not needed to read all of a file."""
        known: dict[int, Any]
        if opcode == Opcode.SCHEMA:
            item, known = _parse(mcap.Schema, content, at), self._schemas
        elif opcode == Opcode.CHANNEL:
            item, known = _parse(mcap.Channel, content, at), self._channels
            if item.message_encoding != _ENCODING or item.topic.removeprefix(_TOPIC) not in MESSAGES:
                raise JournalError(f"byte {at} of the journal: {item.topic[:80]!r} is not a channel of this protocol")
            if item.schema_id not in self._schemas:
                raise JournalError(f"byte {at} of the journal: channel {item.topic!r} names a schema that is not there")
        else:
            return
        if known.setdefault(item.id, item) != item:
            raise JournalError(f"byte {at} of the journal: {type(item).__name__.lower()} {item.id} is defined twice")

    def _message(self, content: bytes, at: int) -> Stored:
        if len(content) < _HEAD.size:
            raise JournalError(f"byte {at} of the journal: a record without its head")
        number, seq, time, _published = _HEAD.unpack_from(content)
        channel = self._channels.get(number)
        if channel is None:
            raise JournalError(f"byte {at} of the journal: channel {number} is not defined")
        if seq != self._seq + 1:
            raise JournalError(f"byte {at} of the journal: record {seq} cannot follow record {self._seq}")
        self._seq = seq
        kind = channel.topic.removeprefix(_TOPIC)
        return Stored(kind, self._schemas[channel.schema_id].data, seq, time, content[_HEAD.size :], at)

    def _chunk(self, content: bytes, at: int) -> Iterator[Stored]:
        data = _unpack_chunk(_parse(mcap.Chunk, content, at), at)
        self._unpacked += len(data)
        if self._unpacked > MAX_RECORD + _MAX_RATIO * self._at:
            raise JournalError(
                f"byte {at} of the journal: up to there {self._unpacked} bytes are packed, above the limit of {_MAX_RATIO} for "
                "each byte of the file"
            )
        start = 0
        while start < len(data):
            opcode, length = data[start], int.from_bytes(data[start + 1 : start + 9], "little")
            inner = data[start + 9 : start + 9 + length]
            start += 9 + length
            if start > len(data):
                raise JournalError(f"byte {at} of the journal: the chunk there ends inside a record")
            if opcode == Opcode.MESSAGE:
                yield self._message(inner, at)
            elif opcode in (Opcode.SCHEMA, Opcode.CHANNEL):
                self._register(opcode, inner, at)
            else:
                raise JournalError(f"byte {at} of the journal: the chunk there holds a record of type {opcode}")


def _parse(kind: Any, content: bytes, at: int) -> Any:
    try:
        return kind.read(ReadDataStream(BytesIO(content)))
    except (EndOfFile, ValueError, OverflowError, struct.error) as error:
        raise JournalError(f"byte {at} of the journal: malformed {kind.__name__.lower()} record") from error


def _unpack_chunk(chunk: Any, at: int) -> bytes:
    size = chunk.uncompressed_size
    data: bytes = chunk.data
    if size > MAX_RECORD:
        raise JournalError(f"byte {at} of the journal: a chunk of {size} bytes is above the limit of {MAX_RECORD}")
    if chunk.compression == "zstd":
        try:
            with zstandard.ZstdDecompressor(max_window_size=MAX_RECORD).stream_reader(data) as unpacked:
                data = unpacked.read(size + 1)
        except zstandard.ZstdError as error:
            raise JournalError(f"byte {at} of the journal: the chunk there cannot be unpacked ({error})") from error
    elif chunk.compression:
        raise JournalError(f"byte {at} of the journal: compression {chunk.compression[:20]!r} is not supported, only zstd")
    if len(data) != size or chunk.uncompressed_crc not in (0, zlib.crc32(data)):
        raise JournalError(f"byte {at} of the journal: the chunk there is damaged")
    return data


def _pack_payload(record: Record, body: bytes) -> bytes:
    """The payload's bytes; msgpack values are self-delimiting, so the body goes in as it is."""
    rest = (record.epoch, record.number, record.receivers, record.sender)
    members = (body, *(msgpack.packb(value) for value in rest))
    packed = (msgpack.packb(name) + member for name, member in zip(_MEMBERS, members, strict=True))
    return b"".join((bytes((0x80 | len(_MEMBERS),)), *packed))


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
