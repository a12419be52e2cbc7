"""Logging: readable lines on a terminal, one JSON line per event otherwise, always with take, beat and region.

Where an event comes from is bound by whoever knows it, with `structlog.contextvars`, or given with the event.
"""

from __future__ import annotations

import logging
import sys

from collections.abc import MutableMapping
from typing import Any

import structlog

PLACE = ("take", "beat", "region")
"""The keys that every event has; null where it has none of that."""


def _with_place(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name in PLACE:
        event.setdefault(name, None)
    return event


def _without_traceback(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Of an exception only what it is and says: where it was raised is for those who debug."""
    if event.pop("exc_info", None):
        error = sys.exc_info()[1]
        if error is not None:
            event["error"] = f"{type(error).__name__}: {' '.join(str(error).split())[:400]}"
    return event


def configure(*, debug: bool) -> None:
    """Set up the log of this process, on standard error.

    Args:
        debug: every event with tracebacks, instead of warnings and worse without.
    """
    readable = sys.stderr.isatty()
    if not debug:
        trace: list[Any] = [_without_traceback]
    else:
        trace = [] if readable else [structlog.processors.dict_tracebacks]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _with_place,
            *trace,
            structlog.dev.ConsoleRenderer() if readable else structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG if debug else logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
