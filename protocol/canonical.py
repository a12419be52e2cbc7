"""The one form in bytes that a value has: msgpack with the names of every map in order.

Digests are taken over it and messages travel in it, so equal values have equal digests and equal bytes everywhere.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import msgpack

from protocol.keyframes import Curve, Frozen


def pack(value: Any) -> bytes:
    """The canonical bytes of a model or of plain data.

    Raises:
        TypeError: something in it is neither.
        UnicodeEncodeError: a text in it has no UTF-8 form.
    """
    data: bytes = msgpack.packb(_in_order(value), default=fields)
    return data


def fields(value: Any) -> dict[str, Any]:
    """A model's fields by name, in order, models in them as they are: msgpack comes back for those.

    This takes a third of the time of dumping the whole model and sorting the result.

    Raises:
        TypeError: it is not a model.
    """
    if type(value) is Curve:
        return {"channel": value.channel, "keys": [_key_fields(key.__dict__) for key in value.keys]}
    if not isinstance(value, Frozen):
        raise TypeError(f"{type(value).__name__} has no place in a message")
    held = value.__dict__
    return {name: _in_order(held[name]) for name in _names(type(value))}


def _key_fields(held: dict[str, Any]) -> dict[str, Any]:
    """Those of a keyframe, which is most of what is ever packed: three times as fast as going by the names."""
    return {
        "handles": held["handles"],
        "mode": held["mode"],
        "source": held["source"],
        "time": held["time"],
        "value": held["value"],
    }


@cache
def _names(model: type[Frozen]) -> tuple[str, ...]:
    return tuple(sorted(model.model_fields))


def _in_order(value: Any) -> Any:
    return {name: _in_order(value[name]) for name in sorted(value)} if type(value) is dict else value
