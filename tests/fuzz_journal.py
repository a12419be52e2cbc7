"""Journals that somebody has tampered with: whatever is in them, they are read or refused in words.

    python tests/fuzz_journal.py --seconds 600 [--seed N] [--case N]

The golden journals are damaged at random: bytes, frames of the file, and values in the messages, of which those come out with
the right lengths and checksums, so that what is behind these is reached. Each is read; what can be read is checked, told and
replayed, and every so often shown by the commands. Nothing but a `JournalError` may come of reading, no error that "should not
happen" of a command; nothing may take longer than `PATIENCE` or more memory than `ROOM`. `--case` runs one of them again.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import io
import random
import resource
import signal
import struct
import sys
import tempfile
import time
import traceback
import zlib

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any

import msgpack
import zstandard

from mcap.opcode import Opcode
from mcap.writer import CompressionType, Writer

from protocol.conversation import Conversation
from protocol.debugging.pages import Pages
from protocol.history import history
from protocol.journal import PROFILE, JournalError, read_journal, scan_journal
from protocol.messages import MESSAGES, digest
from protocol.monitor import monitor
from protocol.replay import replay
from runtime.cli import main as textuportray
from runtime.commands.replay import constraints_of

GOLDEN = Path(__file__).parent / "golden"
MAGIC = b"\x89MCAP0\r\n"
PATIENCE = 60
"""Seconds that one journal may take; the golden ones take less than two."""
ROOM = 1 << 30
"""Bytes that reading and checking may take beside what the program has taken before."""
LONGEST = 3000
"""Letters of an error."""
COMMANDS_EVERY = 10
"""Of so many journals one is shown by the commands."""

Frame = tuple[int, bytes]
"""Opcode and content of a record of the file."""

EVIL: tuple[Any, ...] = (
    None, True, -1, 0, 1, 2**31, 2**63, 2**64 - 1, -(2**63), 0.0, -0.0, 1e308, 1e-320,
    float("nan"), float("inf"), float("-inf"), "", "\0", "\x1b[2J", "x" * 70_000, "eyes", "coordinator",
    "renderer-1", "0" * 32, "../../etc/passwd", "{}", "[" * 5000,
    b"\0\1", msgpack.ExtType(5, b"abc"), msgpack.Timestamp(1), (), {}, ((),) * 50, {"kind": "Aborted"}, {"a": {}},
)  # fmt: skip
"""What values are replaced by."""
WRONG: tuple[bytes, ...] = (
    b"\xc1", b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xdb\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff",
    b"\xc9\xff\xff\xff\xff\1", b"\x91" * 2000 + b"\xc0", b"\x81\xa1a" * 2000 + b"\xc0", b"\xdc\x4e\x20" * 900,
    b"\x82\xa1a\1\xa1a\2", b"\xa2\xff\xfe", b"\xd4\5\0",
)  # fmt: skip
"""What payloads are replaced by: no MessagePack, or such that claims what is not there."""


# ------------------------------------------------------------------------------------------------------- taking apart


def frames_of(data: bytes) -> list[Frame]:
    """The records of a file, chunks unpacked, without what follows the data."""
    stream = io.BytesIO(data)
    found: list[Frame] = []
    known: dict[str, int] = {}
    for stored in scan_journal(stream).stored:
        if stored.kind not in known:
            known[stored.kind] = len(known) + 1
            found.append((Opcode.SCHEMA, _schema(known[stored.kind], stored.kind, stored.schema)))
            found.append((Opcode.CHANNEL, _channel(known[stored.kind], f"/protocol/{stored.kind}")))
        head = struct.pack("<HIQQ", known[stored.kind], stored.seq, stored.time, stored.time)
        found.append((Opcode.MESSAGE, head + stored.payload))
    return found


@cache
def golden() -> tuple[tuple[Frame, ...], ...]:
    """The frames of every golden journal."""
    return tuple(tuple(frames_of(path.read_bytes())) for path in sorted(GOLDEN.glob("*.mcap")))


def assembled(frames: Sequence[Frame], *, chunks: bool, close: bool) -> bytes:
    """A journal of these frames, with the lengths and checksums that it should have."""
    stream = io.BytesIO()
    writer = Writer(stream, use_chunking=False, compression=CompressionType.NONE)
    writer.start(PROFILE, "fuzz")
    data = stream.getvalue()
    packed = b"".join(struct.pack("<BQ", opcode & 255, len(content)) + content for opcode, content in frames)
    if chunks:
        small = zstandard.compress(packed)
        content = (
            struct.pack("<QQQII", 0, 0, len(packed), zlib.crc32(packed), 4) + b"zstd" + struct.pack("<Q", len(small)) + small
        )
        packed = struct.pack("<BQ", Opcode.CHUNK, len(content)) + content
    data += packed
    if close:
        data += struct.pack("<BQI", Opcode.DATA_END, 4, zlib.crc32(data))
        data += struct.pack("<BQQQI", Opcode.FOOTER, 20, 0, 0, 0) + MAGIC
    return data


def _text(text: str) -> bytes:
    data = text.encode("utf-8", "surrogatepass")
    return struct.pack("<I", len(data)) + data


def _schema(number: int, name: str, data: bytes) -> bytes:
    return struct.pack("<H", number) + _text(name) + _text("jsonschema") + struct.pack("<I", len(data)) + data


def _channel(number: int, topic: str, schema: int | None = None, encoding: str = "msgpack") -> bytes:
    return struct.pack("<HH", number, number if schema is None else schema) + _text(topic) + _text(encoding) + bytes(4)


# -------------------------------------------------------------------------------------------------------- tampering


def changed_bytes(chance: random.Random, data: bytes) -> bytes:
    """Bits turned over, pieces cut out, doubled, moved, overwritten."""
    work = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 5, 30))):
        if not work:
            break
        at = chance.randrange(len(work))
        length = min(chance.choice((1, 4, 8, 100, 5000)), len(work) - at)
        match chance.randrange(6):
            case 0:
                work[at] ^= 1 << chance.randrange(8)
            case 1:
                work[at : at + length] = chance.randbytes(length)
            case 2:
                del work[at : at + length]
            case 3:
                to = chance.randrange(len(work))
                work[to:to] = work[at : at + length]
            case 4:
                del work[at:]
            case 5:
                work[at : at + 8] = struct.pack(
                    "<Q", chance.choice((0, 2**31, 2**63, 2**64 - 1, 64 * 2**20, chance.getrandbits(64)))
                )
    return bytes(work)


def changed_frames(chance: random.Random, frames: list[Frame]) -> None:
    """Frames left out, doubled, moved, of another kind; channels and schemas that are not what they should be."""
    at = chance.randrange(len(frames))
    opcode, content = frames[at]
    other = chance.randrange(len(frames))
    match chance.randrange(10):
        case 0:
            del frames[at]
        case 1:
            frames.insert(other, (opcode, content))
        case 2:
            frames[at], frames[other] = frames[other], frames[at]
        case 3:
            frames[at] = (chance.randrange(256), content)
        case 4:
            frames[at] = (opcode, content[: chance.randrange(len(content) + 1)])
        case 5:
            frames[at] = (opcode, content + chance.randbytes(chance.choice((1, 100))))
        case 6:
            topic = chance.choice(
                ("/protocol/Whispered", "/camera", "/protocol/", "", "x" * 9000, f"/protocol/{chance.choice([*MESSAGES])}")
            )
            frames[at] = (
                Opcode.CHANNEL,
                _channel(chance.randrange(30), topic, chance.randrange(30), chance.choice(("msgpack", "json"))),
            )
        case 7:
            lie = chance.choice((b"", b"{}", b"[" * 10_000, b'{"$ref": "file:///etc/passwd"}', b"\xff" * 100))
            frames[at] = (Opcode.SCHEMA, _schema(chance.randrange(30), chance.choice([*MESSAGES]), lie))
        case 8:
            seq, when = chance.choice((0, 1, at, 2**32 - 1)), chance.choice((0, 10**9, 10**15, 2**63, 2**64 - 1))
            frames[at] = (opcode, struct.pack("<HIQQ", chance.randrange(30), seq, when, when) + content[22:])
        case 9:
            _numbered_again(frames, chance.randrange(len(frames)), chance.choice((-1, 0, 1)))


def _numbered_again(frames: list[Frame], start: int, shift: int) -> None:
    """Put the places of all messages in order, with a step where it is wished."""
    seq = 0
    for at, (opcode, content) in enumerate(frames):
        if opcode == Opcode.MESSAGE and len(content) >= 22:
            seq += 1
            if at == start:
                seq = max(0, seq + shift)
            frames[at] = (opcode, content[:2] + struct.pack("<I", seq) + content[6:])


def changed_message(chance: random.Random, frames: list[Frame]) -> None:
    """A value somewhere in a message is another one."""
    places = [at for at, (opcode, content) in enumerate(frames) if opcode == Opcode.MESSAGE and len(content) > 22]
    at = chance.choice(places)
    opcode, content = frames[at]
    head, payload = content[:22], content[22:]
    if chance.random() < 0.1:
        frames[at] = (opcode, head + chance.choice(WRONG))
        return
    try:
        value = msgpack.unpackb(payload, strict_map_key=False)
        for _ in range(chance.choice((1, 1, 1, 3))):
            value = _tampered(chance, value, [*_others(chance, frames, places)])
        if chance.random() < 0.7:
            _digested_again(value["body"])
        frames[at] = (opcode, head + msgpack.packb(value))
    except (ValueError, TypeError, KeyError, OverflowError, msgpack.UnpackException):
        frames[at] = (opcode, head + changed_bytes(chance, payload))


def _digested_again(body: dict[str, Any]) -> None:
    """Let a proposal have the digest of its track, whatever that is by now."""
    if body["kind"] == "Proposed":
        body["digest"] = digest(body["track"])


def _others(chance: random.Random, frames: list[Frame], places: list[int]) -> Iterator[Any]:
    """Values from another message."""
    with contextlib.suppress(ValueError, msgpack.UnpackException):
        value = msgpack.unpackb(frames[chance.choice(places)][1][22:], strict_map_key=False)
        found = [value]
        while found:
            each = found.pop()
            if isinstance(each, dict):
                found += each.values()
            elif isinstance(each, list):
                found += each[:3]
            yield each


def _tampered(chance: random.Random, value: Any, others: list[Any]) -> Any:
    """The value with a part of it changed, wherever chance leads."""
    if isinstance(value, dict) and value and chance.random() < 0.93:
        name = chance.choice([*value])
        match chance.randrange(30):
            case 0:
                return {key: each for key, each in value.items() if key != name}
            case 1:
                return {**value, chance.choice(("extra", "kind", "\x1b[31m", "x" * 300)): 0}
        return {**value, name: _tampered(chance, value[name], others)}
    if isinstance(value, list) and value and chance.random() < 0.93:
        at = chance.randrange(len(value))
        match chance.randrange(12):
            case 0:
                return value[:at] + value[at + 1 :]
            case 1:
                return value + [copy.deepcopy(value[at])] * chance.choice((1, 5, 3000))
            case 2:
                return chance.sample(value, len(value))
        return [*value[:at], _tampered(chance, value[at], others), *value[at + 1 :]]
    if isinstance(value, (int, float)) and not isinstance(value, bool) and chance.random() < 0.6:
        return chance.choice((value + 1, value - 1, value * 2, -value, value / 2, value + 0.0001, 10**6 * value))
    if isinstance(value, str) and value and chance.random() < 0.4:
        at = chance.randrange(len(value))
        return value[:at] + chance.choice(("", "0", "9" * 30, " ", "\n", ": &a [*a]", value[at:] * 2)) + value[at + 1 :]
    return chance.choice(others) if others and chance.random() < 0.4 else chance.choice(EVIL)


def tampered(chance: random.Random) -> bytes:
    """A journal as nobody writes it."""
    frames = list(chance.choice(golden()))
    if chance.random() < 0.5:
        del frames[chance.randrange(len(frames)) :]
    frames = frames or [(Opcode.MESSAGE, b"")]
    how = chance.random()
    if how > 0.25:
        for _ in range(chance.choice((1, 1, 2, 4))):
            if frames:
                (
                    changed_message
                    if how > 0.5 and any(o == Opcode.MESSAGE and len(c) > 22 for o, c in frames)
                    else changed_frames
                )(chance, frames)
        if chance.random() < 0.5:
            _numbered_again(frames, -1, 0)
    data = assembled(frames, chunks=chance.random() < 0.4, close=chance.random() < 0.7)
    return changed_bytes(chance, data) if how <= 0.25 else data


# ----------------------------------------------------------------------------------------------------------- looking


def looked_at(data: bytes) -> str:
    """Read a journal, and whatever can be made of it.

    Returns:
        What became of it, for the count.
    """
    try:
        journal = read_journal(io.BytesIO(data))
    except JournalError as error:
        if len(str(error)) > LONGEST:
            raise AssertionError(f"an error of {len(str(error))} letters") from error
        with contextlib.suppress(JournalError):
            _told(Pages.of(scan_journal(io.BytesIO(data))))
        return "refused"
    _told(Pages.of(scan_journal(io.BytesIO(data))))
    found = [*monitor(journal.records), *history(journal.records, complete=journal.closed)]
    if not journal.records:
        return "read, empty"
    try:
        _, constraints = constraints_of(journal)
    except JournalError:
        return "read, not to be replayed"
    found += replay(journal.records, constraints, complete=journal.closed).findings
    return "read, with findings" if found else "read, in order"


def _told(pages: Pages) -> None:
    talk = Conversation({})
    for record in pages:
        for line in talk.lines(record):
            line.encode("utf-8", "replace")


def shown(data: bytes, folder: Path, chance: random.Random) -> None:
    """Let the commands open it.

    Raises:
        AssertionError: one of them fails otherwise than in words.
    """
    take = folder / "bad.take"
    take.mkdir(exist_ok=True)
    journal = take / chance.choice(("journal.mcap", "journal.live.mcap"))
    journal.write_bytes(data)
    (take / "take.json").write_text('{"format": "textuportray.take", "version": 1}')
    other = GOLDEN / "grin_and_turn.mcap"
    for words in (
        ["replay", str(take)],
        ["replay", str(take), "--json"],
        ["replay", str(take), "--check"],
        ["replay", str(take), "--break", chance.choice(("eyes", "jawOpen", "Ruled", "beat 1", "0.5s", "gaze-rests-or-jumps"))],
        ["verify", str(take)],
        [
            "why",
            str(take),
            f"{chance.choice(('jawOpen', 'headYaw', 'mouthSmileLeft'))}@{chance.choice(('0', '0.7', '#3', '99999'))}",
        ],
        ["diff", str(take), str(other)],
        ["diff", str(other), str(take)],
        ["report", str(take), "-o", str(folder / "page.html")],
        ["resume", str(take)],
    ):
        said = io.StringIO()
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(said):
            code = textuportray(words)
        assert code in (0, 1, 2, 3), (words[0], code)
        assert "should not happen" not in said.getvalue(), f"{' '.join(words[:1] + words[2:])}: {said.getvalue()[-800:]}"
        assert "Traceback" not in said.getvalue()
    journal.unlink(missing_ok=True)
    for left in take.iterdir():
        left.unlink()


@contextlib.contextmanager
def bounded(room: int = ROOM) -> Iterator[None]:
    """No more time and memory than is due; what takes more fails.

    Args:
        room: bytes that may be taken beside what the program has by now.
    """

    def late(number: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"it takes more than {PATIENCE} s")

    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    before = resource.getrlimit(resource.RLIMIT_AS)
    handler = signal.signal(signal.SIGALRM, late)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + room, before[1]))
    signal.alarm(PATIENCE)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, handler)
        resource.setrlimit(resource.RLIMIT_AS, before)


def fuzz(seed: int, case: int, folder: Path | None) -> str:
    """One journal: made, and looked at.

    Args:
        seed: of the run.
        case: which one.
        folder: where commands may work; None if only the protocol is to look at it.

    Returns:
        What became of it.

    Raises:
        Exception: whatever should not have come of it.
    """
    chance = random.Random(f"{seed}/{case}")  # noqa: S311 - the same journals every time
    data = tampered(chance)
    with bounded():
        became = looked_at(data)
    if folder is not None:
        with bounded():
            shown(data, folder, chance)
    return became


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Read journals that somebody has tampered with.")
    parser.add_argument("--seconds", type=float, default=600, help="how long (default 600)")
    parser.add_argument("--seed", type=int, default=1, help="of all chance (default 1)")
    parser.add_argument("--case", type=int, help="only this one, with the commands")
    return parser.parse_args()


def main() -> int:
    """Fuzz for a while; 1 if anything was found."""
    options = _arguments()
    until = time.monotonic() + options.seconds
    counts: Counter[str] = Counter()
    found: dict[str, int] = {}
    golden()
    with tempfile.TemporaryDirectory() as scratch:
        case = options.case or 0
        while time.monotonic() < until:
            commands = Path(scratch) if options.case is not None or case % COMMANDS_EVERY == 0 else None
            try:
                counts[fuzz(options.seed, case, commands)] += 1
            except Exception as error:  # noqa: BLE001 - that is what it looks for
                place = traceback.extract_tb(error.__traceback__)[-1]
                what = f"{type(error).__name__} at {place.filename}:{place.lineno}: {str(error)[:300]}"
                counts["WRONG"] += 1
                if what not in found:
                    found[what] = case
                    print(f"case {case}: {what}", flush=True)
                    if options.case is not None:
                        traceback.print_exc()
            if options.case is not None:
                break
            case += 1
    print(f"seed {options.seed}: {sum(counts.values())} journals in {options.seconds:g} s at most")
    for name, count in counts.most_common():
        print(f"  {count:7}  {name}")
    print(f"  {len(found)} kinds of failure")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
