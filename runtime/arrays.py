"""Digests of arrays: how rows of a motion and frames are known by in messages."""

from __future__ import annotations

import hashlib

from typing import Any

import numpy as np

from numpy.typing import NDArray


def digest_of(array: NDArray[Any]) -> str:
    """128 bits of BLAKE2b over an array's type, shape and values."""
    made = hashlib.blake2b(f"{array.dtype.str} {array.shape}".encode(), digest_size=16)
    made.update(np.ascontiguousarray(array).data)
    return made.hexdigest()
