"""Telling URLs from paths, and showing them without what nobody else is to know.

Rules
- Credentials in a URL are never shown: neither `user:password@` nor what follows a question mark, which may be a signature.
- Where it cannot be told what belongs to the credentials, more is left out rather than less.
- An error of a driver is quoted without them, and not at all if it holds a secret of the environment or the configuration.
- A `file://` URL is a path written in another way: it becomes that before anybody asks whether it is a URL.
"""

from __future__ import annotations

import os
import re

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote, unquote_to_bytes, urlsplit

from runtime.options import UsageError

_URL = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.\-]*::)*([A-Za-z][A-Za-z0-9+.\-]+)://")
_QUOTED_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]+://[^\s'\"<>()]+")
_SECRET = re.compile(r"secret|token|passw|password|credential|signature|sas|(^|_)(key|pass|pat|auth)(_|$)", re.IGNORECASE)
"""Names of settings whose values are not to be shown, such as AWS_SECRET_ACCESS_KEY."""
_SHORTEST_SECRET = 4
"""Characters; what is shorter would be found in any sentence."""
_MOST_SAID = 200
_LOCAL = frozenset(("file", "local"))
"""Schemes of what is on this machine; the second is fsspec's own word for the first."""
_WEB = frozenset(("http", "https"))
_ESCAPES = re.compile(r"(?:%(?![01]|[2-9]d[^%/]*\.png$)[0-9A-Fa-f]{2})+")
"""Bytes in a `file://` URL, but for control characters and what numbers pictures, as in %05d.png and %5d.png."""
_NAMES_BEFORE_AT = frozenset(("abfs", "abfss", "az", "wasb", "wasbs"))
"""Schemes with the name of a container before the @, as in abfs://container@account.dfs.core.windows.net/a.mp4."""
_MEANING: Mapping[type[Exception], str] = {
    FileNotFoundError: "there is no such file or folder",
    IsADirectoryError: "it is a folder",
    NotADirectoryError: "it lies in what is no folder",
    NotImplementedError: "places of this kind cannot do that",
    PermissionError: "permission denied",
    TimeoutError: "there was no answer in time",
}


def is_url(text: str) -> bool:
    """Whether a text is a URL rather than a path: it begins with two or more letters and `://`."""
    return _URL.match(text) is not None


def scheme_of(url: str) -> str:
    """The scheme of a URL, such as "s3", in small letters."""
    return url.partition("://")[0].lower()


def is_web(url: str) -> bool:
    """Whether a URL is of the web, which is only read."""
    return scheme_of(url) in _WEB


def name_of(url: str) -> str:
    """The name of what a URL leads to, within its folder; "" if it has none."""
    path = urlsplit(url).path if is_web(url) else url.partition("://")[2].partition("?")[0]
    return path.rstrip("/").rpartition("/")[2]


def parent_of(url: str) -> str:
    """The URL of the folder that something is in."""
    scheme, _, rest = url.partition("?")[0].rstrip("/").partition("://")
    above, slash, _ = rest.rpartition("/")
    return f"{scheme}://{above or slash}"


def local_name(text: str) -> str:
    """What the user named, as a path if it is a URL of this machine: `file:///a/b%20c.png` is `/a/b c.png`.

    Raises:
        UsageError: it is such a URL without a whole path, or of another machine.
    """
    if scheme_of(text) not in _LOCAL or not is_url(text):
        return text
    path = text.partition("://")[2].removeprefix("localhost")
    if not path.startswith("/"):
        raise UsageError(
            f"{shown(text)} names no file of this machine: after file:// comes the whole path, as in "
            "file:///home/me/smile.mp4. Give that, or the path alone."
        )
    return _ESCAPES.sub(lambda found: os.fsdecode(unquote_to_bytes(found[0])), path)


def shown(url: str) -> str:
    """A URL, or a path, as it may be shown."""
    if not is_url(url):
        return url
    scheme, _, rest = url.partition("://")
    rest, _, query = rest.partition("?")
    authority, slash, path = rest.partition("/")
    if ":" in authority and "@" in path + query:  # a password may hold a slash or a question mark, though it should not
        return f"{scheme}://…"
    user, at, host = authority.rpartition("@")
    if at and (scheme.lower() not in _NAMES_BEFORE_AT or ":" in user):
        authority = host
    return f"{scheme}://{authority}{slash}{path}"


def said_safely(error: Exception, *urls: str) -> str:
    """What an error says, without credentials, for use in parentheses.

    Args:
        error: of a driver.
        urls: that it may be about, as the user gave them.
    """
    text = " ".join(str((isinstance(error, OSError) and error.strerror) or error).split())
    for url in urls:
        text = text.replace(url, shown(url))
    text = _QUOTED_URL.sub(lambda found: shown(found[0]), text).rstrip(".")
    if any(secret in text for secret in _secrets(urls)):
        text = ""
    meaning = next((words for kind, words in _MEANING.items() if isinstance(error, kind)), "")
    if isinstance(error, OSError) and error.strerror and text:
        return text[:_MOST_SAID]
    return f"{meaning or type(error).__name__}: {text[:_MOST_SAID]}" if text else meaning or type(error).__name__


def _secrets(urls: tuple[str, ...]) -> set[str]:
    """Texts that are not to be shown."""
    from fsspec.config import conf  # noqa: PLC0415 - takes 0.1 s

    found = [*_values(os.environ), *_values(conf)]
    for url in urls:
        rest, _, query = url.partition("://")[2].partition("?")
        user, at, _ = rest.partition("/")[0].rpartition("@")
        found += [value for _, value in parse_qsl(query)]
        found += user.split(":", 1)[1:] if ":" in user else [user] if at else []
    return {text for value in found for text in (value, unquote(value)) if len(text) >= _SHORTEST_SECRET}


def _values(settings: Mapping[str, Any]) -> Iterator[str]:
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from _values(value)
        elif isinstance(value, str) and _SECRET.search(name):
            yield value
