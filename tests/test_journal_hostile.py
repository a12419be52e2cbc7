"""Journals made to do harm: they are refused in words, within bounds of memory, by whatever opens them.

Each is read with no more than `ROOM` bytes to spare, so that what claims gigabytes and is believed ends in a `MemoryError`.
"""

from __future__ import annotations

import contextlib
import io
import random
import struct
import zlib

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import msgpack
import pytest
import zstandard

from mcap.data_stream import ReadDataStream
from mcap.opcode import Opcode

from protocol import journal as journal_module
from protocol import journal_file
from protocol.journal import MAX_RECORD, PROFILE, JournalError, payload_schema, read_journal, scan_journal
from protocol.messages import MESSAGES, Aborted, Accepted
from protocol.wire import MAX_MESSAGE, encode, to_plain
from runtime.cli import main
from tests import fuzz_journal
from tests.fuzz_journal import GOLDEN, MAGIC, Frame, _channel, _schema, assembled, bounded, fuzz, golden
from tests.program import at_home, planned
from tests.takes import take_opened

ROOM = 512 * 2**20
"""Bytes: what the largest message and the largest chunk need to be unpacked, and some."""
LIE = b'{"properties": {"sender": {"type": "integer"}}, "$ref": "file:///etc/passwd"}'


def message(payload: bytes, seq: int = 1, kind: str = "Aborted", when: int = 0, schema: bytes | None = None) -> list[Frame]:
    """A record of this payload, with the channel that it is on."""
    number = [*MESSAGES].index(kind) + 1
    said = payload_schema(kind) if schema is None else schema
    head = struct.pack("<HIQQ", number, seq, when, when)
    return [
        (Opcode.SCHEMA, _schema(number, kind, said)),
        (Opcode.CHANNEL, _channel(number, f"/protocol/{kind}")),
        (Opcode.MESSAGE, head + payload),
    ]


def framed(body: Any, **changes: Any) -> bytes:
    """A payload that holds this, or these bytes, as its message."""
    inner = body if isinstance(body, bytes) else msgpack.packb(body)
    rest = {"epoch": 1, "number": 1, "receivers": ["eyes"], "sender": "coordinator", **changes}
    return b"\x85" + msgpack.packb("body") + inner + b"".join(msgpack.packb(part) for pair in rest.items() for part in pair)


def chunk(content: bytes, size: int | None = None, packed: bytes | None = None) -> bytes:
    """A chunk with this in it, or what claims so."""
    small = zstandard.compress(content) if packed is None else packed
    head = struct.pack("<QQQII", 0, 0, len(content) if size is None else size, zlib.crc32(content), 4)
    inside = head + b"zstd" + struct.pack("<Q", len(small)) + small
    return struct.pack("<BQ", Opcode.CHUNK, len(inside)) + inside


def file(*frames: Frame, close: bool = False, chunks: bool = False) -> bytes:
    """A journal of these."""
    return assembled(frames, chunks=chunks, close=close)


def aborted(**changes: Any) -> dict[str, Any]:
    return to_plain(Aborted(beat=0, error="no")) | changes


def opened(**tables: str) -> dict[str, Any]:
    return to_plain(take_opened()) | {"configuration": tables}


def nested(opening: bytes, depth: int) -> bytes:
    return opening * depth + b"\xc0"


def many_chunks() -> bytes:
    """Good records of a message of four megabytes in which one letter repeats: a chunk of sixteen takes a few kilobytes."""
    reply = {"kind": "Decided", "beat": 0, "role": "eyes", "incarnation": 1, "round": 0, "planner": "x", "request": "0" * 32}
    payload = framed(reply | {"reply": "x" * 3_900_000})
    chunks = b""
    for first in range(1, 80, 16):
        frames = [frame for at in range(16) for frame in message(payload, first + at, "Decided")[0 if at == 0 else 2 :]]
        chunks += chunk(b"".join(struct.pack("<BQ", opcode, len(content)) + content for opcode, content in frames))
    return file() + chunks


def damaged(data: bytes, at: int) -> bytes:
    at %= len(data)
    return data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :]


def wrong_curves() -> dict[str, Any]:
    """Sixteen million keyframes, none of which is one."""
    tracks = [{"region": "eyes", "curves": [{"channel": "eyeYaw", "keys": [0] * 20_000}] * 800, "sources": []}]
    return {"kind": "RoundOpened", "beat": 0, "round": 1, "vector": {}, "tracks": tracks, "objections": []}


GOOD = framed(aborted())
LONG = framed(aborted(error="x" * MAX_MESSAGE))
TABLES = {f"{at}.yaml": "x" * 1_900_000 for at in range(9)}
LISTS = b"\xdc\x4e\x20"  # of twenty thousand
FIELDS = {str(at): 0 for at in range(900)}
NULLS = b"\xc0" * 30_000
HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "a record of 2^63 bytes": (lambda: file() + struct.pack("<BQ", 5, 2**63), "does not begin a record"),
    "a chunk of 2^63 bytes": (lambda: file() + struct.pack("<BQ", 6, 2**63), "does not begin a record"),
    "a chunk of 2^63 unpacked bytes": (lambda: file() + chunk(b"x", size=2**63), "above the limit"),
    "a chunk that claims to be large": (lambda: file() + chunk(b"x", size=MAX_RECORD), "damaged"),
    "a chunk of nothing, compressed a ten thousandfold": (lambda: file() + chunk(bytes(MAX_RECORD)), "a record of type 0"),
    "a window of 2^31 bytes": (lambda: file() + chunk(b"x", 10, b"\x28\xb5\x2f\xfd\x00\xa8" + b"\1\0\0"), "cannot be unpacked"),
    "chunks that are no end of the same": (many_chunks, "above the limit of 100 for each byte of the file"),
    "a text of 2^31 bytes in a schema": (
        lambda: file((Opcode.SCHEMA, b"\1\0\xff\xff\xff\x7fx")),
        "malformed schema record",
    ),
    "a map of 2^31 bytes in a channel": (
        lambda: file(message(GOOD)[0], (Opcode.CHANNEL, _channel(19, "/protocol/Aborted")[:-4] + b"\xff\xff\xff\x7f")),
        "malformed channel record|names a schema that is not there",
    ),
    "a wrong checksum of the file": (
        lambda: damaged(file(*message(GOOD), close=True), -60),
        "checksum does not match",
    ),
    "a wrong checksum of a chunk": (
        lambda: damaged(file(*message(GOOD), chunks=True), -9),
        "damaged|cannot be unpacked",
    ),
    "a foreign channel": (lambda: file(message(GOOD)[0], (Opcode.CHANNEL, _channel(1, "/camera", 10))), "is not a channel"),
    "lists in lists": (lambda: file(*message(framed(nested(b"\x91", 100_000)))), "nested deeper than any message"),
    "maps in maps": (lambda: file(*message(framed(nested(b"\x81\xa1a", 100_000)))), "nested deeper than any message"),
    "lists in lists that claim to be long": (lambda: file(*message(framed(nested(LISTS, 9)))), "max_array"),
    "lists in lists that may be as long": (
        lambda: file(*message(framed(nested(LISTS, 900) + NULLS))),
        "not a well-formed message",
    ),
    "a list of 2^32 values": (lambda: file(*message(framed(b"\xdd\xff\xff\xff\xff"))), "not a well-formed .*max_array"),
    "a map of 2^32 values": (lambda: file(*message(framed(b"\xdf\xff\xff\xff\xff"))), "not a well-formed .*max_map"),
    "a text of 2^32 bytes": (lambda: file(*message(framed(b"\xdb\xff\xff\xff\xff"))), "not a well-formed message"),
    "2^32 bytes": (lambda: file(*message(framed(b"\xc6\xff\xff\xff\xff"))), "not a well-formed message"),
    "an extension of 2^32 bytes": (lambda: file(*message(framed(b"\xc9\xff\xff\xff\xff\5"))), "not a well-formed message"),
    "an extension": (lambda: file(*message(framed(msgpack.ExtType(5, b"x")))), "extension type 5|max_ext_len"),
    "a time stamp": (lambda: file(*message(framed(msgpack.Timestamp(1)))), "not a well-formed message|extension"),
    "one name twice": (lambda: file(*message(framed(b"\x82\xa4kind\xa1a\xa4kind\xa1b"))), "'kind' occurs twice"),
    "millions of values": (lambda: file(*message(framed([[0] * 20_000] * 800))), "more than [0-9]+ val"),
    "millions of maps": (lambda: file(*message(framed([[{}] * 20_000] * 800))), "more than [0-9]+ (maps|values)"),
    "millions of short texts": (lambda: file(*message(framed([["ab"] * 20_000] * 270))), "more than [0-9]+ values"),
    "millions of keyframes that are none": (lambda: file(*message(framed(wrong_curves()), 1, "RoundOpened")), "more than"),
    "millions of unknown fields": (
        lambda: file(*message(framed({"kind": "Restored", "decisions": [FIELDS] * 3000}), 1, "Restored")),
        r"Restored\.",
    ),
    "a larger message than there is": (lambda: file(*message(LONG)), "bytes are more|at most 400"),
    "a number that is none": (lambda: file(*message(framed(aborted(beat=float("nan"))))), "Aborted.beat"),
    "a number without end": (lambda: file(*message(framed(aborted(beat=float("inf"))))), "Aborted.beat"),
    "a number beyond all": (lambda: file(*message(framed(aborted(beat=2**64 - 1)))), "Aborted.beat"),
    "half of a surrogate pair": (lambda: file(*message(framed(b"\x81\xa4kind\xa3\xed\xa0\x80"))), "not a well-formed message"),
    "a time beyond all": (lambda: file(*message(GOOD, when=2**64 - 1)), "time .* is outside"),
    "a kind that is not the channel's": (lambda: file(*message(GOOD, 1, "Decided")), "Aborted on the channel of Decided"),
    "tables of sixteen megabytes": (
        lambda: file(*message(framed(opened(**TABLES)), 1, "TakeOpened")),
        "bytes are more",
    ),
    "a table of three megabytes": (
        lambda: file(*message(framed(opened(a="x" * 3_000_000)), 1, "TakeOpened")),
        r"TakeOpened\.configuration\.a: ",
    ),
}  # fmt: skip
"""Journals by what is in them, and what is said of them."""
LARGE = frozenset(
    name for name in HOSTILE if name.startswith(("millions", "tables", "chunks", "a larger", "lists", "maps", "a time", "half"))
)
"""Those that commands open in the slow tests only."""


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_journal_is_refused_in_words_and_within_bounds(name):
    make, words = HOSTILE[name]
    data = make()
    with bounded(ROOM), pytest.raises(JournalError, match=words):
        read_journal(io.BytesIO(data))


@pytest.fixture(scope="module")
def made_with(tmp_path_factory) -> bytes:
    """What a take says of how it was made."""
    return (planned(tmp_path_factory.mktemp("whole")) / "motion.take" / "take.json").read_bytes()


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.slow) if name in LARGE else name for name in HOSTILE])
def test_so_it_is_by_every_command(name, tmp_path, capsys, made_with):
    make, _ = HOSTILE[name]
    with at_home(tmp_path):
        (tmp_path / "a.take").mkdir()
        (tmp_path / "a.take" / "journal.mcap").write_bytes(make())
        (tmp_path / "a.take" / "take.json").write_bytes(made_with)
        capsys.readouterr()
        for words in (
            ["replay", "a.take"],
            ["replay", "a.take", "--check"],
            ["verify", "a.take"],
            ["resume", "a.take"],
            ["why", "a.take", "jawOpen@0.5"],
            ["report", "a.take", "-o", "page.html"],
        ):
            with bounded(ROOM):
                code = main(words)
            said = capsys.readouterr()
            assert code == 1, words
            assert said.out == "", words
            *warnings, error = said.err.splitlines()
            assert error.startswith("textuportray: ")
            assert "journal" in error
            assert len(error) < 1000
            assert [line for line in warnings if not line.startswith("warning: the take is shown without")] == []
            assert "should not happen" not in said.err
            assert "the memory is not enough" not in said.err
        with bounded(ROOM):
            assert main(["diff", "a.take", str(GOLDEN / "grin_and_turn.mcap")]) in (1, 3)  # it need not look at every record
        assert "should not happen" not in capsys.readouterr().err
        assert sorted(path.name for path in tmp_path.iterdir()) == ["a.take"]


def test_what_a_schema_says_is_for_other_programs_and_nobody_is_led_by_it():
    found = read_journal(io.BytesIO(file(*message(GOOD, schema=LIE), close=True)))
    assert [record.message for record in found.records] == [Aborted(beat=0, error="no")]


def test_good_records_of_great_numbers_are_read():
    """What is small is read however much there is of it: the memory that it takes is in proportion to the file."""
    payload = framed(encode(Accepted(beat=0, round=1, role="eyes", incarnation=1, vector="0" * 32)))
    frames = [frame for seq in range(1, 20_001) for frame in message(payload, seq, "Accepted")[0 if seq == 1 else 2 :]]
    with bounded(ROOM):
        assert len(read_journal(io.BytesIO(file(*frames, close=True))).records) == 20_000


@pytest.mark.slow
def test_a_million_small_records_take_less_than_two_kilobytes_each():
    payload = framed(encode(Accepted(beat=0, round=1, role="eyes", incarnation=1, vector="0" * 32)))
    first, *_ = frames = message(payload, 1, "Accepted")
    record = struct.pack("<BQ", Opcode.MESSAGE, 22 + len(payload))
    number = [*MESSAGES].index("Accepted") + 1
    rest = b"".join(record + struct.pack("<HIQQ", number, seq, 0, 0) + payload for seq in range(2, 1_000_001))
    assert first[0] == Opcode.SCHEMA
    with bounded(2 * 10**9):
        assert len(read_journal(io.BytesIO(file(*frames) + rest)).records) == 1_000_000


# --------------------------------------------------------------------------------------------------------------- by chance


def test_whatever_is_done_to_a_journal_it_is_read_or_refused_in_words():
    counts = Counter(fuzz(7, case, None) for case in range(150))
    assert counts["refused"] > 20
    assert sum(count for name, count in counts.items() if name.startswith("read, ")) > 10


def test_commands_answer_in_words_too(tmp_path):
    with at_home(tmp_path):
        for case in range(8):
            fuzz(8, case, tmp_path)


@pytest.mark.parametrize(
    ("name", "broken"),
    [
        ("_parse", lambda kind, content, at: kind.read(ReadDataStream(io.BytesIO(content)))),
        ("restore", lambda data: MESSAGES[data["kind"]](**{name: value for name, value in data.items() if name != "kind"})),
        (
            "unpack",
            lambda data, limit: msgpack.unpackb(data, use_list=False, object_hook=lambda found: found["kind"] and found),
        ),
    ],
)
def test_a_reader_that_trusts_what_it_reads_is_found_out(name, broken, monkeypatch):
    def failures() -> Iterator[str]:
        for case in range(400):
            try:
                fuzz(9, case, None)
            except Exception as error:  # noqa: BLE001 - whatever comes of it
                yield type(error).__name__

    golden()
    monkeypatch.setattr(journal_file if name == "_parse" else journal_module, name, broken)
    assert next(failures(), None) is not None


def test_a_changed_byte_in_the_index_of_a_closed_journal_does_not_go_unnoticed():
    """It repeats what the records say, and other readers go by it."""
    whole = min((path.read_bytes() for path in GOLDEN.glob("*.mcap")), key=len)
    assert read_journal(io.BytesIO(whole)).closed
    first = whole.rindex(struct.pack("<BQ", Opcode.DATA_END, 4))
    for at in (*range(first, first + 40), *range(first, len(whole), 991), *range(len(whole) - 40, len(whole))):
        with contextlib.suppress(JournalError):
            assert not read_journal(io.BytesIO(damaged(whole, at))).closed, at


def test_what_is_taken_apart_and_put_together_is_the_same_journal():
    for frames in golden():
        for chunks in (False, True):
            data = assembled(frames, chunks=chunks, close=True)
            assert data.startswith(MAGIC)
            assert PROFILE.encode() in data
            assert [stored.payload for stored in scan_journal(io.BytesIO(data)).stored] == [
                content[22:] for opcode, content in frames if opcode == Opcode.MESSAGE
            ]


def test_the_same_seed_makes_the_same_journal():
    made = [fuzz_journal.tampered(random.Random("5/3")) for _ in range(2)]  # noqa: S311 - the same every time
    assert made[0] == made[1]
