"""Text from a journal on its way into markup."""

from __future__ import annotations

from html import escape


def text(value: str) -> str:
    """Text for markup; what no browser may read, such as half of a pair of surrogates, is replaced."""
    return escape(value.encode("utf-8", "replace").decode(), quote=True)
