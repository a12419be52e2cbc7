"""The error of a take that could not be finished."""

from __future__ import annotations


class TakeError(Exception):
    """The work failed: what, why, and what to do."""
