"""Messages as bytes and as plain data.

On the wire a message is one msgpack map: its fields and `kind`, its name. The form is canonical (keys in alphabetical order,
shortest integers, every float as float64), so equal messages are equal bytes. The plain form is the same map made of dicts,
lists, text and numbers, ready for JSON.

What arrives is not trusted: size is checked before anything is unpacked, lengths and the number of maps while unpacking, and
then the models check every field. A refusal names the place, such as `Proposed.track.curves[3].keys[1].value`.
"""

from __future__ import annotations

import contextlib

from typing import Any, TypeVar

import msgpack

from pydantic import ValidationError

from protocol.canonical import fields, pack, pack_map
from protocol.keyframes import MAX_KEYFRAMES, Frozen, Track
from protocol.messages import MESSAGES, Message, Proposed, RoundOpened, Ruled

MAX_MESSAGE = 16 * 2**20
"""The most bytes that one message may take."""

# A keyframe, the only map that comes in great numbers, takes more than 40 bytes; so a message of keyframes alone stays below.
_MAX_MAPS = MAX_MESSAGE // 40
# With what they hold, keyframes take more than seven bytes for each value; a value in memory may take a hundred.
_MAX_VALUES = MAX_MESSAGE // 6
# What is not longer cannot hold so many maps or values, since each takes a byte at least.
_SHORT = min(_MAX_MAPS, _MAX_VALUES // 2)
_MAX_MAP = 1024
_MAX_DEPTH = 32
_MOST_TRACKS = 32  # of the beat that is negotiated: four regions, a few rounds
_MAX_FAULTS = 10_000  # pydantic lists all or none; a list of hundreds of thousands takes seconds and half a gigabyte
_KIND = "kind"

Model = TypeVar("Model", bound=Frozen)


class WireError(ValueError):
    """What arrived is not a message; the text names the place and what is wrong with it."""


def encode(message: Message) -> bytes:
    """The canonical bytes of a message.

    Raises:
        WireError: it takes more than MAX_MESSAGE bytes, or holds text that has no UTF-8 form.
    """
    kind = _kind(message)
    try:
        held = {**fields(message), _KIND: kind}
        data = pack_map(held) if isinstance(message, (Proposed, RoundOpened, Ruled)) else pack(held)
    except UnicodeEncodeError as error:
        raise WireError(f"{kind}: holds text that cannot be encoded ({error.reason})") from error
    if len(data) > MAX_MESSAGE:
        raise WireError(f"{kind}: takes {len(data)} bytes, more than the {MAX_MESSAGE} that a message may have")
    return data


class Packed(bytes):
    """The canonical bytes of a message, and the message: who reads them in the process that made them need not parse them.

    What comes from elsewhere, or is changed on its way, is plain bytes and is checked as such.
    """

    message: Message


def packed(message: Message) -> Packed:
    """The canonical bytes of a message whose parts have all been checked, together with it.

    Raises:
        WireError: as for :func:`encode`.
    """
    data = Packed(encode(message))
    data.message = message
    return data


def decode(data: bytes) -> Message:
    """The message that bytes stand for.

    Raises:
        WireError: not msgpack, too large or too deep, an unknown kind, or a field that is unknown, missing or out of range.
    """
    return restore(unpack(data))


def to_plain(message: Message) -> dict[str, Any]:
    """A message as a dict for JSON, `kind` first."""
    return {_KIND: _kind(message), **plain(message)}


def from_plain(data: Any) -> Message:
    """The message that a dict read from JSON stands for.

    Raises:
        WireError: as for :func:`decode`.
    """
    return restore(_tuples(data, "message"))


def plain(model: Frozen) -> dict[str, Any]:
    """Any model of the protocol as a dict for JSON."""
    return model.model_dump(mode="json")


def parse(model: type[Model], data: Any) -> Model:
    """The value of a model that a dict read from JSON stands for.

    Raises:
        WireError: naming the place.
    """
    return _validate(model, _tuples(data, model.__name__))


def unpack(data: bytes, limit: int = MAX_MESSAGE) -> Any:
    """Plain data from one msgpack value, with tuples for arrays; nothing but numbers, text, None, truth, arrays and maps.

    Raises:
        WireError: longer than `limit` bytes, malformed, cut off, followed by more bytes, a name that occurs twice in a map, a
            byte string or an extension type, or lengths beyond what a message can need.
    """
    if len(data) > limit:
        raise WireError(f"{len(data)} bytes are more than the {limit} that are allowed here")
    if len(data) <= _SHORT:
        with contextlib.suppress(ValueError, TypeError):
            found = msgpack.unpackb(data, use_list=False, **_limits(data))
            if msgpack.packb(found) == data:
                return found  # so no name occurred twice
    maps = values = 0

    def to_tuple(items: tuple[Any, ...]) -> tuple[Any, ...]:
        nonlocal values
        values += len(items) + 1
        if values > _MAX_VALUES:
            raise WireError(f"more than {_MAX_VALUES} values in one message")
        return items

    def to_dict(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
        nonlocal maps, values
        maps += 1
        values += len(pairs)
        if maps > _MAX_MAPS:
            raise WireError(f"more than {_MAX_MAPS} maps in one message")
        if values > _MAX_VALUES:
            raise WireError(f"more than {_MAX_VALUES} values in one message")
        found = dict(pairs)
        if len(found) != len(pairs):
            names = [name for name, _ in pairs]
            raise WireError(f"{next(name for name in names if names.count(name) > 1)!r} occurs twice in a map")
        return found

    try:
        return msgpack.unpackb(
            data,
            use_list=False,
            object_pairs_hook=to_dict,
            list_hook=to_tuple,
            **_limits(data),
        )
    except WireError:
        raise
    except msgpack.ExtraData as error:
        raise WireError(f"{len(error.extra)} bytes follow the message") from error
    except msgpack.StackError as error:
        raise WireError("nested deeper than any message") from error
    except ValueError as error:  # cut off, malformed, a limit passed, text that is not UTF-8, a key that is not text
        raise WireError(f"not a well-formed message: {str(error) or 'unknown code byte'}") from error


def _limits(data: bytes) -> dict[str, Any]:
    return {
        "ext_hook": _refuse_extension,
        "max_array_len": min(MAX_KEYFRAMES, len(data)),  # room is made for as many as are claimed
        "max_map_len": _MAX_MAP,
        "max_bin_len": 0,
        "max_ext_len": 0,
    }


class KnownTracks:
    """Tracks that were read before: most of a take is told twice, in a proposal and in the round that it goes into."""

    def __init__(self) -> None:
        self._by_form: dict[bytes, Track] = {}

    def fill_in(self, held: dict[str, Any]) -> dict[str, Any]:
        """The fields of a message, with tracks that are known in the place of what they would be read from again."""
        tracks = held.get("tracks")
        if not isinstance(tracks, tuple) or not self._by_form:
            return held
        return {**held, "tracks": tuple([self._by_form.get(_form(track), track) for track in tracks])}

    def learn(self, track: Track, data: Any) -> None:
        """Know a track by what it was read from."""
        if len(self._by_form) >= _MOST_TRACKS:
            self._by_form.clear()
        self._by_form[_form(data)] = track


def _form(track: Any) -> bytes:
    """What a track is known by: bytes that are equal only if it is, to the types of its numbers and the order of its names."""
    data: bytes = msgpack.packb(track)
    return data


def restore(data: Any, known: KnownTracks | None = None) -> Message:
    """The message in what :func:`unpack` gave.

    Args:
        data: that.
        known: tracks of messages before, if there are any; what is new is added.

    Raises:
        WireError: naming the place.
    """
    if not isinstance(data, dict):
        raise WireError(f"a message is a map, not {type(data).__name__}")
    kind = data.get(_KIND)
    model = MESSAGES.get(kind) if isinstance(kind, str) else None
    if model is None:
        raise WireError(f"kind: {_shown(kind)} is not a kind of message")
    held = {name: value for name, value in data.items() if name != _KIND}
    if known is None:
        return _validate(model, held)
    message: Message = _validate(model, known.fill_in(held))
    if isinstance(message, Proposed):
        known.learn(message.track, held["track"])
    return message


def _kind(message: Message) -> str:
    kind = type(message).__name__
    if MESSAGES.get(kind) is not type(message):
        raise TypeError(f"{kind} is not a message")
    return kind


def _tuples(data: Any, place: str, depth: int = 0) -> Any:
    """Plain data with tuples for lists, which is what strict models take."""
    if depth > _MAX_DEPTH:
        raise WireError(f"{place}: nested deeper than any message")
    if isinstance(data, dict):
        return {name: _tuples(value, place, depth + 1) for name, value in data.items()}
    if isinstance(data, (list, tuple)):
        return tuple([_tuples(value, place, depth + 1) for value in data])
    return data


def _validate(model: type[Model], data: Any) -> Model:
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise WireError(_first_fault(model.__name__, error)) from None


def _first_fault(name: str, error: ValidationError) -> str:
    """Where the first fault is and what it is, without the value itself, which may be large or not ours to print."""
    if error.error_count() > _MAX_FAULTS:
        return f"{name}: wrong in {error.error_count()} places"
    fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = name
    for step in fault["loc"]:
        place += f"[{step}]" if isinstance(step, int) else f".{_shorten(step)}"
    what = {"extra_forbidden": "unknown field", "missing": "field is missing"}.get(fault["type"], fault["msg"])
    more = error.error_count() - 1
    return f"{place}: {what.removeprefix('Value error, ')}" + (f" (and {more} more)" if more else "")


def _shown(value: Any) -> str:
    return repr(_shorten(value)) if isinstance(value, str) else type(value).__name__


def _shorten(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "…"


def _refuse_extension(code: int, _data: bytes) -> Any:
    raise WireError(f"extension type {code} has no place in a message")
