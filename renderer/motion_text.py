"""The text of a motion document: where its frames lie, and the document without them, held to the model.

Rules
- Members may stand in any order, so frames are found before they are read; nothing is read as numbers here.
- What stands before and after the frames is bounded, and so is the number of frames, before any of them is built.
"""

from __future__ import annotations

import json
import re

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from pydantic import ValidationError

from protocol.channels import CHANNELS
from protocol.keyframes import MAX_SECONDS
from protocol.motion import Motion
from renderer.errors import RendererError

MAX_BYTES = 2 * 1024**3
"""The largest file that is read. An hour at 240 frames per second with six decimals takes about a quarter of it."""
MAX_FRAMES = int(MAX_SECONDS) * 240
"""The longest take at the highest rate that one can be made at."""
BLOCK = 4 * 1024 * 1024
"""Bytes of frames that are read at once; as Python numbers they take about ten times the memory."""
SPACE = b" \t\r\n"
"""What JSON takes for white space."""
ADVICE = "Give a file that `textuportray plan` wrote, or one in its format (docs/schemas/motion.schema.json)."
"""What to do about a file that is no motion."""
FORMAT, VERSION = "textuportray.motion", 1

_MAX_HEAD = 1024 * 1024
"""Bytes of a document before its frames, and again after them: the longest direction fits, each letter escaped."""
_LISTED = 5
"""The most names that one sentence lists."""
_TOKEN = re.compile(rb'(?s)"(?:[^"\\]|\\.)*+"?|[][{}]')
_COLON = re.compile(rb"[ \t\r\n]*:[ \t\r\n]*")
_OPENED = re.compile(rb"\[[ \t\r\n]*([][]|$)")
_END = re.compile(rb"\][ \t\r\n]*\]")


class MotionError(RendererError):
    """A motion file cannot be used."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the frames of a document lie.

    Attributes:
        start: offset behind the bracket that opens the list of frames.
        end: offset of the one that closes it.
        rows: how many lists begin in between.
        rest: the document without its frames.
    """

    start: int
    end: int
    rows: int
    rest: bytes


def find_frames(path: Path, stream: BinaryIO) -> Place:
    """Find the frames without reading them as numbers, whatever members stand before and after.

    Args:
        path: of the document.
        stream: to read from its beginning.

    Raises:
        MotionError: it is not JSON, has no frames, more than `MAX_FRAMES`, or no end.
    """
    head = stream.read(_MAX_HEAD)
    if not head.removeprefix(b"\xef\xbb\xbf").lstrip(SPACE).startswith(b"{"):
        raise MotionError(f"{path} is no motion: it is not JSON. {ADVICE}")
    value = _member(head, b'"frames"')
    if value is None:
        if len(head) < _MAX_HEAD:
            read_header(path, head)  # where it is another kind of document, or cut off, this says so
        raise MotionError(f"{path} is no motion: its first MiB holds no frames. {ADVICE}")
    opened = _OPENED.match(head, value)
    if not opened:
        raise MotionError(f"{path} is no motion: its frames are not a list of lists of numbers. {ADVICE}")
    if opened[1] == b"]":
        raise MotionError(f"{path} holds no frame, so there is nothing to show. {ADVICE}")
    start = offset = value + 1
    stream.seek(start)
    rows, carried = 0, b""
    while chunk := stream.read(BLOCK):
        text = carried + chunk
        closed = _END.search(text)
        upto = closed.end() - 1 if closed else len(text)
        rows += text.count(b"[", 0, upto)
        if rows > MAX_FRAMES:
            raise MotionError(
                f"{path} holds more than {MAX_FRAMES:,} frames, which is the limit: an hour at 240 frames per second. "
                "Split it into shorter motions."
            )
        if closed:
            end = offset + upto - len(carried)
            break
        carried = b"]" if text.rstrip(SPACE).endswith(b"]") else b""
        offset += len(chunk)
    else:
        raise MotionError(
            f"{path} is cut off: its list of frames has no end. It may not have been copied to the end; get it again."
        )
    stream.seek(end + 1)
    tail = stream.read(_MAX_HEAD + 1)
    if len(tail) > _MAX_HEAD:
        raise MotionError(f"{path} is no motion: it goes on for more than a MiB after its frames. {ADVICE}")
    return Place(start, end, rows, head[:value] + b"[]" + tail)


def _member(head: bytes, name: bytes) -> int | None:
    """The offset of the value of a member of the outermost object; the name with its quotation marks."""
    depth = 0
    for token in _TOKEN.finditer(head):
        if token[0] in (b"{", b"["):
            depth += 1
        elif token[0] in (b"}", b"]"):
            depth -= 1
        elif depth == 1 and token[0] == name and (colon := _COLON.match(head, token.end())):
            return colon.end()
    return None


def read_header(path: Path, rest: bytes) -> tuple[Motion, tuple[str, ...]]:
    """The document with one frame of rest in place of its own, and what its columns are, known or not.

    The model's `channels` are those of the columns that are known.

    Args:
        path: of the document.
        rest: `Place.rest`.

    Raises:
        MotionError: it is no motion of this version, or holds no channel that moves a face.
    """
    try:
        document = json.loads(rest.decode("utf-8-sig"), object_pairs_hook=_each_once)
    except UnicodeDecodeError:
        raise MotionError(f"{path} is no motion: it is not UTF-8 text. Save it in that encoding.") from None
    except (ValueError, RecursionError) as error:
        raise MotionError(f"{path} is no motion: it is not JSON ({error}), or is cut off. {ADVICE}") from None
    if (given := document.get("format")) != FORMAT:
        said = f"says that it is {shown(given)}" if given is not None else "does not say what it is"
        raise MotionError(f'{path} is no motion: it {said}, and a motion has the format "{FORMAT}". {ADVICE}')
    if (given := document.get("version")) != VERSION:
        raise MotionError(f"{path} is a motion of version {shown(given)} and this program reads version {VERSION}. {ADVICE}")
    columns = document.get("channels")
    known: object = columns
    if isinstance(columns, list) and all(isinstance(name, str) for name in columns):
        known = [name for name in columns if name in CHANNELS]
        if columns and all(name not in CHANNELS or CHANNELS[name].derived for name in columns):
            raise MotionError(f"{path} holds none of the channels that move a face, only {listed(columns)}. {ADVICE}")
    rest_frame = [0.0] * len(known) if isinstance(known, list) else []
    try:
        header = Motion.model_validate_json(json.dumps({**document, "channels": known, "frames": [rest_frame]}))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        member = ".".join(str(part) for part in first["loc"])[:100]
        raise MotionError(f"{path} is no motion: {member}: {first['msg'].removeprefix('Value error, ')}. {ADVICE}") from None
    return header, tuple(columns)


def _each_once(members: list[tuple[str, Any]]) -> dict[str, Any]:
    seen: dict[str, Any] = {}
    for name, value in members:
        if name in seen:
            raise ValueError(f"{shown(name)} is given twice")
        seen[name] = value
    return seen


def listed(names: Iterable[str]) -> str:
    """The first few of some names that a file holds, and how many more there are."""
    texts = [shown(name) for name in names]
    return ", ".join(texts[:_LISTED]) + (f" and {len(texts) - _LISTED:,} more" if len(texts) > _LISTED else "")


def shown(value: object) -> str:
    """What a file holds, fit for one line of an error: names bare, anything else so that control characters are seen."""
    text = ascii(value)
    if isinstance(value, str) and value.isascii() and value.isalnum():
        text = value
    return text if len(text) <= 40 else text[:37] + "..."
