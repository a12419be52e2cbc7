"""Which errors are the user's to read, what they say, and the exit code of each."""

from __future__ import annotations

import errno

from collections.abc import Mapping
from types import MappingProxyType

from configs.loading import ConfigError
from protocol.journal import JournalError
from renderer.errors import RendererError
from runtime.options import UsageError
from runtime.places import PlaceError
from runtime.take_error import TakeError

EXIT_CODES: Mapping[type[Exception], int] = MappingProxyType(
    {UsageError: 2, ConfigError: 2, TakeError: 1, JournalError: 1, PlaceError: 1, RendererError: 1}
)
"""Errors whose text is written for the user."""

_MISNAMED = frozenset({errno.ENOENT, errno.EISDIR, errno.ENOTDIR, errno.EACCES, errno.ENAMETOOLONG})
_MOST = 1000


def exit_code(error: Exception) -> int:
    """The exit code of an error: 2 where the user named what cannot be, otherwise 1."""
    for kind, code in EXIT_CODES.items():
        if isinstance(error, kind):
            return code
    return 2 if isinstance(error, OSError) and error.errno in _MISNAMED else 1


def paragraph(error: Exception) -> str:
    """What an error says to the user, in one paragraph."""
    text = " ".join(str(error).split())[:_MOST]
    if isinstance(error, tuple(EXIT_CODES)):
        return text
    if isinstance(error, OSError):
        place = f"{error.filename}: " if error.filename else ""
        return f"{place}{error.strerror or text}. Check that it exists, that you may use it and that the disk is not full."
    if isinstance(error, MemoryError):
        return "the memory is not enough for this. Ask for a shorter take or fewer frames per second."
    said = f": {text}" if text else ""
    return f"an error that should not happen: {type(error).__name__}{said}. Run it again with --debug and report what it shows."
