"""The records of a journal's file, found one after the other without being looked into.

The frames of the file are read here and not by the mcap package's readers: those read nothing of a torn file or do not say
where it is torn, and trust the lengths in it with memory. What a file claims is believed only as far as its bytes go.
"""

from __future__ import annotations

import struct
import zlib

from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from typing import IO, Any

import zstandard

from mcap import records as mcap
from mcap.data_stream import ReadDataStream
from mcap.exceptions import EndOfFile
from mcap.opcode import Opcode

from protocol.messages import MESSAGES

PROFILE = "textuportray.journal/1"
MAX_RECORD = 64 * 2**20
"""The most bytes that one record of the file, or one chunk unpacked, may have. The largest message takes a quarter of it."""

# Chunks of real takes hold some fifteen times as many bytes as they take up in the file; what repeats without end, thousands.
_MAX_RATIO = 100
_FAMILY = PROFILE.partition("/")[0]
TOPIC = "/protocol/"
ENCODING = "msgpack"
_MAGIC = b"\x89MCAP0\r\n"
_PIECE = 2**20
_HEAD = struct.Struct("<HIQQ")  # of a message: channel, sequence, when it was logged, when published
_FOOT = struct.Struct("<BQQQ")  # what the checksum of the index covers of the footer: all but itself


class JournalError(ValueError):
    """A journal that cannot be read or written, with the place and the reason."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A record as the file holds it: `at` this byte, of this kind by its channel, with nanoseconds for its time.

    What its payload says is not known to be in order before :func:`protocol.journal.read_record` has looked at it.
    """

    kind: str
    schema: bytes
    seq: int
    time: int
    payload: bytes
    at: int


@dataclass
class Scan:
    """One pass over a journal: `begin`, then `messages`; how it ended is known when those are exhausted."""

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
                if in_data:
                    raise JournalError(f"byte {at} of the journal: it ends without the record that ends its records")
                footer = _parse(mcap.Footer, content, at)
                summed = zlib.crc32(_FOOT.pack(opcode, len(content), footer.summary_start, footer.summary_offset_start), crc)
                if footer.summary_crc not in (0, summed):
                    raise JournalError(f"the index of the journal is damaged before byte {at}: its checksum does not match")
                self._check_end()
                return
            if opcode == Opcode.DATA_END:
                expected = _parse(mcap.DataEnd, content, at).data_section_crc
                if expected not in (0, crc):
                    raise JournalError(f"the journal is damaged somewhere before byte {at}: its checksum does not match")
                in_data = False
                self._crc = 0  # what follows has a checksum of its own, which the footer holds
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
            if item.message_encoding != ENCODING or item.topic.removeprefix(TOPIC) not in MESSAGES:
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
        kind = channel.topic.removeprefix(TOPIC)
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
