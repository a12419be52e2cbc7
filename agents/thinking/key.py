"""What a server's key is made of: known before anything is sent, and without loading what sends it."""

from __future__ import annotations

import re

_KEY = re.compile(r"[!#-&(-\[\]-~]+")
"""What can be sent in a header, and shows as it is wherever texts are quoted."""
WRONG = "a space, a line break, a quotation mark, a backslash or a letter beyond ASCII"
"""What none holds."""


def can_be_sent(key: str) -> bool:
    """Whether a key, without what surrounds it, can be one; so can none at all, for servers that want none."""
    return not key or _KEY.fullmatch(key) is not None
