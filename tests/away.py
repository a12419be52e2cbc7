"""A place that is not this machine's: files under `away://` that a test can look at, since they lie in a folder on the disk."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from fsspec.implementations.local import LocalFileSystem


class Away(LocalFileSystem):  # type: ignore[misc] # untyped
    """The disk under a scheme that only fsspec knows, as `file://` is taken for a path."""

    protocol = "away"
    cachable = False

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        return LocalFileSystem._strip_protocol(str(path).removeprefix("away://"))


def away_url(path: Path) -> str:
    """The URL of a file or folder of the disk."""
    return f"away://{path}"


@contextmanager
def away_files() -> Iterator[None]:
    """The scheme is known inside."""
    from fsspec.registry import _registry  # noqa: PLC0415 - what can be registered cannot be taken back otherwise

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(_registry, Away.protocol, Away)
        yield
