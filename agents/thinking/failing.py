"""The ways in which a language model fails a planner, which then goes by the embedded one."""

from __future__ import annotations


class Failed(Exception):
    """There is no answer to use; the text says why, for people. The key is never in it."""

    @property
    def told(self) -> str:
        """The failure in a line."""
        return f"the language model was not followed: {self}"[:300]


def unforeseen(error: Exception, key: str | None) -> Failed:
    """A fault of the planner or of what it is built on, which is no end of a take either."""
    said = " ".join(f"{type(error).__name__}: {error}".split())
    return Failed(said.replace(key.strip(), "[key]") if key and key.strip() else said)


class NoAnswer(Failed):
    """The server did not answer."""


class NotUnderstood(Failed):
    """What the model answered could not be used, not even after repairs."""


class Spent(Failed):
    """A budget has no room for another answer."""
