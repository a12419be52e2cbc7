"""The journal: what was committed can be read again, whatever happened to the file after."""

import io
import json
import os
import struct

from collections.abc import Sequence
from contextlib import suppress

import msgpack
import pytest

from hypothesis import given
from hypothesis import strategies as st
from mcap.reader import make_reader
from mcap.writer import CompressionType, Writer

from protocol.journal import (
    MAX_RECORD,
    PROFILE,
    Journal,
    JournalError,
    JournalWriter,
    Record,
    compact,
    payload_schema,
    read_journal,
)
from protocol.messages import MESSAGES, Aborted, Accepted, Decided, Message, Rejoined, TakeClosed
from protocol.wire import encode, to_plain

MAGIC = b"\x89MCAP0\r\n"
HEADER, FOOTER, SCHEMA, CHANNEL, MESSAGE, CHUNK, DATA_END = 1, 2, 3, 4, 5, 6, 15
VECTOR = "0123456789abcdef" * 2

CONVERSATION: tuple[Message, ...] = (
    Rejoined(region="eyes", nonce="a1"),
    Accepted(beat=0, round=1, role="eyes", incarnation=1, vector=VECTOR),
    Accepted(beat=0, round=1, role="mouth", incarnation=2, vector=VECTOR),
    Accepted(beat=0, round=1, role="brows", incarnation=1, vector=VECTOR),
    TakeClosed(outcome="done", reason="ünï", beats=1, timeline=None),
)


def records(messages: Sequence[Message] = CONVERSATION) -> tuple[Record, ...]:
    return tuple(
        Record(seq, seq * 0.1, "eyes", ("coordinator", "critic")[: seq % 3], seq % 4, 2 * seq, message)
        for seq, message in enumerate(messages, start=1)
    )


def nothing() -> None:
    """A disk that needs no forcing."""


def journal(messages: Sequence[Message] = CONVERSATION, *, close: bool = True) -> bytes:
    stream = io.BytesIO()
    writer = JournalWriter(stream, nothing, "textuportray 1.2")
    for record in records(messages):
        writer.append(record)
    if close:
        writer.close()
    return stream.getvalue()


def read(data: bytes) -> Journal:
    return read_journal(io.BytesIO(data))


def compacted(data: bytes) -> bytes:
    target = io.BytesIO()
    compact(io.BytesIO(data), target)
    return target.getvalue()


def frames(data: bytes) -> list[tuple[int, int, int]]:
    """(opcode, first byte, byte after) of every record between the two magics."""
    found, at = [], len(MAGIC)
    while at < len(data) - len(MAGIC):
        opcode, length = struct.unpack_from("<BQ", data, at)
        found.append((opcode, at, at + 9 + length))
        at += 9 + length
    return found


def place_of(opcode: int, data: bytes) -> int:
    return next(start for found, start, _ in frames(data) if found == opcode)


def foreign(
    profile: str = PROFILE, topic: str = "/protocol/Aborted", encoding: str = "msgpack", data: bytes = b"\x80"
) -> bytes:
    """A journal as some other program may write it."""
    stream = io.BytesIO()
    writer = Writer(stream, use_chunking=False)
    writer.start(profile, "elsewhere 3")
    channel = writer.register_channel(topic, encoding, writer.register_schema("x", "jsonschema", b"{}"))
    writer.add_message(channel, 0, data, 0, 1)
    writer.finish()
    return stream.getvalue()


def payload(**changes: object) -> bytes:
    body = to_plain(Aborted(beat=0, error="no"))
    members = {"body": body, "epoch": 1, "number": 1, "receivers": ["eyes"], "sender": "coordinator", **changes}
    data: bytes = msgpack.packb({name: value for name, value in members.items() if value is not ...})
    return data


def test_what_is_written_is_read():
    found = read(journal())
    assert found == Journal(records(), None, "textuportray 1.2", closed=True)
    assert [record.seq for record in found.records] == [1, 2, 3, 4, 5]
    assert found.records[2].time == 0.3


@given(st.floats(0, 1e6), st.integers(0, 2**40))
def test_times_survive_to_the_nanosecond(time, number):
    record = Record(1, time, "head", (), 0, number, CONVERSATION[0])
    assert abs(record.time - time) <= 0.5e-9 + 1e-10  # half a nanosecond, and the last place of a float near 1e6
    stream = io.BytesIO()
    JournalWriter(stream, nothing).append(record)
    assert read(stream.getvalue()).records == (record,)


def test_equal_records_give_equal_bytes():
    assert journal() == journal()
    assert compacted(journal()) == compacted(journal())


def test_a_body_that_is_at_hand_is_written_as_it_is():
    streams = io.BytesIO(), io.BytesIO()
    for stream, given_body in zip(streams, (False, True), strict=True):
        writer = JournalWriter(stream, nothing)
        for record in records():
            writer.append(record, encode(record.message) if given_body else None)
    assert streams[0].getvalue() == streams[1].getvalue()


def test_the_disk_is_forced_at_commit_points_and_nowhere_else(tmp_path):
    synced: list[int] = []
    path = tmp_path / "journal.mcap"
    with path.open("wb") as stream:

        def sync() -> None:
            os.fsync(stream.fileno())
            synced.append(path.stat().st_size)

        writer = JournalWriter(stream, sync)
        for record in records()[:3]:
            writer.append(record)
        assert synced == []
        writer.commit()
        assert len(synced) == 1
        assert read(path.read_bytes()).records == records()[:3]
        writer.append(records()[3])
        assert len(synced) == 1
        writer.close()
        writer.close()
        assert len(synced) == 2
        assert synced[1] == path.stat().st_size
    assert read(path.read_bytes()).closed


def test_a_running_take_can_be_read():
    found = read(journal(close=False))
    assert found == Journal(records(), None, "textuportray 1.2", closed=False)


@pytest.mark.parametrize("close", [True, False])
def test_a_cut_at_any_byte_costs_only_the_record_that_it_cuts(close):
    data = journal(close=close)
    whole = [(0, 0, len(MAGIC)), *frames(data if close else data + MAGIC)]
    for cut in range(len(data)):
        complete = [(opcode, end) for opcode, _, end in whole if end <= cut]
        reached = complete[-1][1] if complete else 0
        count = sum(opcode == MESSAGE for opcode, _ in complete)
        found = read(data[:cut])
        assert found.records == records()[:count], cut
        assert found.torn_at == (None if cut == reached and complete else reached), cut
        assert not found.closed


def test_a_cut_costs_a_compacted_journal_at_most_the_chunk_that_it_cuts():
    data = compacted(journal())
    start, end = next((start, end) for opcode, start, end in frames(data) if opcode == CHUNK)
    for cut in range(len(data)):
        found = read(data[:cut])
        assert found.records == (records() if cut >= end else ()), cut
        if start < cut < end:
            assert found.torn_at == start


def test_space_that_a_crash_left_unwritten_is_a_torn_tail():
    data = journal(close=False)
    for gap in (1, 8, 9, 4096):
        found = read(data + bytes(gap))
        assert (found.records, found.torn_at) == (records(), len(data))


def test_a_journal_is_read_from_a_pipe_and_in_small_pieces():
    class Trickle(io.RawIOBase):
        def __init__(self, data: bytes) -> None:
            self.rest = data

        def read(self, size: int = -1) -> bytes:
            piece, self.rest = self.rest[: min(size, 7)], self.rest[min(size, 7) :]
            return piece

    assert read_journal(Trickle(journal())) == read(journal())  # type: ignore[arg-type]


@pytest.mark.parametrize("data", [b"{}", b"\x89PNG\r\n\x1a\n" + bytes(50), bytes(100), b"\x89MCAP1\r\n"])
def test_something_else_is_no_journal(data):
    with pytest.raises(JournalError, match="not a journal"):
        read(data)


@pytest.mark.parametrize(
    ("profile", "words"),
    [
        ("ros2", "MCAP file of profile 'ros2'"),
        ("", "MCAP file of profile ''"),
        ("textuportray.journal/2", "journal of version '2', written by 'elsewhere 3'; this software reads version '1'"),
        ("textuportray.journal", "journal of version ''"),
    ],
)
def test_another_profile_or_version_is_refused_by_name(profile, words):
    with pytest.raises(JournalError, match=words):
        read(foreign(profile))


def test_an_mcap_file_without_header_is_no_journal():
    with pytest.raises(JournalError, match="without a header"):
        read(MAGIC + struct.pack("<BQI", DATA_END, 4, 0))


@pytest.mark.parametrize("opcode", [HEADER, SCHEMA, CHANNEL, MESSAGE, DATA_END, FOOTER])
def test_a_length_beyond_the_limit_is_refused_where_it_stands(opcode):
    data = bytearray(journal())
    at = place_of(opcode, bytes(data))
    data[at + 1 : at + 9] = struct.pack("<Q", 2**63)
    with pytest.raises(JournalError, match=f"byte {at} of the journal does not begin a record"):
        read(bytes(data))


def test_a_length_beyond_the_end_claims_no_memory():
    class Counting(io.BytesIO):
        largest = 0

        def read(self, size: int | None = -1, /) -> bytes:
            self.largest = max(self.largest, size if size is not None and size >= 0 else MAX_RECORD)
            return super().read(size)

    data = bytearray(journal())
    at = place_of(MESSAGE, bytes(data))
    data[at + 1 : at + 9] = struct.pack("<Q", MAX_RECORD)
    stream = Counting(bytes(data))
    found = read_journal(stream)
    assert (found.records, found.torn_at) == ((), at)
    assert stream.largest <= 2**20


@given(st.data())
def test_a_damaged_journal_is_read_or_refused_in_words(data):
    whole = bytearray(compacted(journal()) if data.draw(st.booleans()) else journal())
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    with suppress(JournalError):  # any other exception is a failure
        found = read(bytes(whole))
        assert [record.seq for record in found.records] == [*range(1, len(found.records) + 1)]


@pytest.mark.parametrize(("opcode", "words"), [(MESSAGE, "its checksum does not match"), (CHUNK, "damaged|cannot be unpacked")])
def test_a_changed_letter_in_a_closed_journal_does_not_go_unnoticed(opcode, words):
    whole = bytearray(journal() if opcode == MESSAGE else compacted(journal()))
    end = next(end for found, _, end in frames(bytes(whole)) if found == opcode)
    whole[end - 1] ^= 1  # of a record: the last letter of its sender, any of which would do
    with pytest.raises(JournalError, match=words):
        read(bytes(whole))


def with_message(head: bytes) -> bytes:
    """The journal with the first message's head (channel u16, sequence u32) replaced."""
    data = bytearray(journal(close=False))
    at = place_of(MESSAGE, bytes(data)) + 9
    data[at : at + len(head)] = head
    return bytes(data)


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (struct.pack("<HI", 1, 2), "record 2 cannot follow record 0"),
        (struct.pack("<HI", 1, 0), "record 0 cannot follow record 0"),
        (struct.pack("<HI", 9, 1), "channel 9 is not defined"),
    ],
)
def test_gaps_and_undefined_channels_are_refused_with_their_place(head, words):
    data = with_message(head)
    with pytest.raises(JournalError, match=f"byte {place_of(MESSAGE, data)} of the journal: {words}"):
        read(data)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"topic": "/protocol/Whispered"}, "'/protocol/Whispered' is not a channel of this protocol"),
        ({"topic": "/camera"}, "'/camera' is not a channel of this protocol"),
        ({"encoding": "json"}, "is not a channel of this protocol"),
        ({"data": b"\xc1"}, "record 1 at byte [0-9]+ of the journal: not a well-formed message"),
        ({"data": payload(sender=...)}, "expected body, epoch, number, receivers, sender"),
        ({"data": payload(mood="good")}, "expected body, epoch, number, receivers, sender"),
        ({"data": payload(epoch=-1)}, "cannot be negative"),
        ({"data": payload(epoch=True)}, "of a wrong type"),
        ({"data": payload(sender=3)}, "of a wrong type"),
        ({"data": payload(receivers=[3])}, "a receiver is not a name"),
        ({"data": payload(body=to_plain(CONVERSATION[0]))}, "Rejoined on the channel of Aborted"),
        ({"data": payload(body={"kind": "Aborted", "beat": -1, "error": ""})}, "Aborted.beat: .*greater than or equal to 0"),
    ],
)
def test_content_that_breaks_the_rules_is_refused_with_its_place(change, words):
    with pytest.raises(JournalError, match=words):
        read(foreign(**change))


def test_a_record_needs_its_head_and_its_place_among_the_records():
    data = journal(close=False)
    with pytest.raises(JournalError, match=f"byte {len(data)} of the journal: a record without its head"):
        read(data + struct.pack("<BQ", MESSAGE, 21) + bytes(21))
    _, start, end = [frame for frame in frames(journal()) if frame[0] == MESSAGE][-1]
    again = data + struct.pack("<BQI", DATA_END, 4, 0)
    with pytest.raises(JournalError, match=f"byte {len(again)} of the journal: a record after the end of the records"):
        read(again + data[start:end])


def test_what_follows_the_end_is_refused():
    with pytest.raises(JournalError, match=f"something follows the end of the journal at byte {len(journal())}"):
        read(journal() + b"x")
    with pytest.raises(JournalError, match="does not end as it should"):
        read(journal()[:-1] + b"x")


def test_a_chunk_that_claims_more_than_the_limit_is_refused():
    data = bytearray(compacted(journal()))
    at = place_of(CHUNK, bytes(data))
    data[at + 9 + 16 : at + 9 + 24] = struct.pack("<Q", MAX_RECORD + 1)  # after the two times: the uncompressed size
    with pytest.raises(JournalError, match=f"byte {at} of the journal: a chunk of {MAX_RECORD + 1} bytes"):
        read(bytes(data))


def test_a_chunk_that_unpacks_to_more_than_it_claims_is_refused():
    data = bytearray(compacted(journal()))
    at = place_of(CHUNK, bytes(data))
    data[at + 9 + 16 : at + 9 + 28] = struct.pack("<QI", 1000, 0)  # and no checksum that would tell
    with pytest.raises(JournalError, match="the chunk there is damaged"):
        read(bytes(data))


def uncompressed_chunk() -> bytearray:
    """A journal of one record in a chunk that is not compressed."""
    stream = io.BytesIO()
    writer = Writer(stream, compression=CompressionType.NONE)
    writer.start(PROFILE, "")
    channel = writer.register_channel("/protocol/Aborted", "msgpack", writer.register_schema("x", "jsonschema", b"{}"))
    writer.add_message(channel, 0, payload(), 0, 1)
    writer.finish()
    data = bytearray(stream.getvalue())
    assert [record.message for record in read(bytes(data)).records] == [Aborted(beat=0, error="no")]
    return data


def test_a_changed_letter_in_a_chunk_does_not_go_unnoticed():
    data = uncompressed_chunk()
    data[data.index(b"coordinator")] ^= 1
    with pytest.raises(JournalError, match="the chunk there is damaged"):
        read(bytes(data))


def test_a_chunk_that_ends_inside_a_record_is_refused():
    data = uncompressed_chunk()
    at = place_of(CHUNK, bytes(data))
    data[at + 9 + 24 : at + 9 + 28] = bytes(4)
    inner = at + 9 + 40  # the first record of the chunk, after times, size, checksum, compression and length
    data[inner + 1 : inner + 9] = struct.pack("<Q", 2**62)
    with pytest.raises(JournalError, match=f"byte {at} of the journal: the chunk there ends inside a record"):
        read(bytes(data))


def test_a_compression_that_is_not_supported_is_named():
    data = uncompressed_chunk()
    at = place_of(CHUNK, bytes(data))
    content = data[at + 9 : at + 9 + 28] + struct.pack("<I", 3) + b"lz4" + data[at + 9 + 32 :]
    length = struct.unpack_from("<Q", data, at + 1)[0] + 3
    with pytest.raises(JournalError, match="compression 'lz4' is not supported, only zstd"):
        read(bytes(data[: at + 1]) + struct.pack("<Q", length) + bytes(content))


def test_a_compacted_journal_is_smaller_and_reads_the_same():
    messages = [Decided(beat=0, role="eyes", incarnation=1, round=0, planner="lexicon", request=VECTOR, reply="ab" * 2000)] * 20
    data = journal(messages)
    small = compacted(data)
    assert read(small) == read(data)
    assert len(small) * 5 < len(data)
    assert read(compacted(small)) == read(data)


def test_a_compacted_journal_has_the_index_and_the_statistics_of_any_mcap_file():
    reader = make_reader(io.BytesIO(compacted(journal())))
    summary = reader.get_summary()
    assert summary is not None
    assert summary.statistics is not None
    assert summary.statistics.message_count == len(CONVERSATION)
    assert summary.statistics.message_end_time == 500_000_000
    assert len(summary.chunk_indexes) == 1
    assert [message.sequence for _, _, message in reader.iter_messages(topics=["/protocol/Accepted"])] == [2, 3, 4]


def test_an_open_or_torn_journal_is_not_compacted():
    for data in (journal(close=False), journal()[:-20], journal()[:-3], b""):
        with pytest.raises(JournalError, match="resume it"):
            compacted(data)


def test_an_empty_journal_is_a_journal():
    data = journal(())
    assert read(data) == read(compacted(data)) == Journal((), None, "textuportray 1.2", closed=True)


def test_every_channel_carries_the_schema_of_its_payload():
    summary = make_reader(io.BytesIO(journal())).get_summary()
    assert summary is not None
    assert [channel.topic for channel in summary.channels.values()] == [
        "/protocol/Rejoined",
        "/protocol/Accepted",
        "/protocol/TakeClosed",
    ]
    for channel in summary.channels.values():
        schema = summary.schemas[channel.schema_id]
        assert (channel.message_encoding, schema.encoding) == ("msgpack", "jsonschema")
        assert schema.data == payload_schema(schema.name)


@pytest.mark.parametrize("kind", MESSAGES)
def test_a_payload_schema_resolves_and_lists_every_field(kind):
    schema = json.loads(payload_schema(kind))
    body = schema["properties"]["body"]
    assert set(body["properties"]) == {"kind", *MESSAGES[kind].model_fields}
    assert body["properties"]["kind"] == {"const": kind}
    assert set(schema["required"]) == set(schema["properties"])

    def referred(part: object) -> set[str]:
        if isinstance(part, dict):
            own = {part["$ref"]} if "$ref" in part else set()
            return own.union(*(referred(value) for value in part.values()))
        return set().union(*(referred(value) for value in part)) if isinstance(part, list) else set()

    assert referred(schema) == {f"#/$defs/{name}" for name in schema["$defs"]}


def test_the_writer_takes_records_in_order_only():
    writer = JournalWriter(io.BytesIO(), nothing)
    first, second, third, *_ = records()
    with pytest.raises(JournalError, match="record 2 cannot follow record 0"):
        writer.append(second)
    writer.append(first)
    for wrong in (first, third):
        with pytest.raises(JournalError, match=f"record {wrong.seq} cannot follow record 1"):
            writer.append(wrong)
    writer.append(second)
    writer.close()
    with pytest.raises(JournalError, match="record 3 comes after the journal was closed"):
        writer.append(third)


def test_an_unbuffered_stream_is_refused_because_commits_could_not_reach_it(tmp_path):
    with (tmp_path / "journal.mcap").open("wb", buffering=0) as stream, pytest.raises(JournalError, match="buffered"):
        JournalWriter(stream, nothing)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"seq": 0}, "place is 1"),
        ({"seq": 2**32}, "place is 1"),
        ({"time": -0.1}, "time -0.1 s is outside"),
        ({"time": float("nan")}, "time nan s is outside"),
        ({"time": 1e7}, "outside"),
        ({"epoch": -1}, "cannot be negative"),
        ({"number": -1}, "cannot be negative"),
    ],
)
def test_a_record_refuses_what_the_file_cannot_hold(change, words):
    fields = {"seq": 1, "time": 0.0, "sender": "eyes", "receivers": (), "epoch": 0, "number": 0, "message": CONVERSATION[0]}
    with pytest.raises(JournalError, match=words):
        Record(**(fields | change))
