"""Logging: readable lines on a terminal, one JSON line per event otherwise, always with take, beat, region and chunk.

Where an event comes from is bound by whoever knows it, with `structlog.contextvars`, or given with the event. On Ray a JSON
line also has the ids under which Ray knows the process, so that it can be found beside Ray's own logs and metrics. Nothing
else is added by itself: neither the environment, where secrets are, nor the local variables of a traceback.
"""

from __future__ import annotations

import logging
import sys

from collections.abc import MutableMapping
from typing import Any

import structlog

PLACE = ("take", "beat", "region", "chunk")
"""The keys that every event has; null where it has none of that."""
RAY_IDS = ("job_id", "node_id", "worker_id", "actor_id", "task_id")
"""The keys that an event of a process on Ray has besides; those that it has no id for are left out."""


# Local variables may hold a key or a token: structlog would show them.
_AS_DATA = structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False))
_AS_TEXT = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)


def _with_place(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name in PLACE:
        event.setdefault(name, None)
    return event


def _with_ray_ids(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Whoever is on Ray has imported it and joined; nobody else pays for it.

    Asking takes 10 µs, as long as writing the line does. So nothing is remembered: a driver may leave one cluster and join
    another, and every thread of an actor has a task of its own.
    """
    for name, value in _ray_ids(sys.modules.get("ray")).items():
        event.setdefault(name, value)
    return event


def _ray_ids(ray: Any) -> dict[str, str]:
    if not hasattr(ray, "is_initialized") or not ray.is_initialized():  # it has nothing while it is still being imported
        return {}
    # Not by its name in `ray`, which starts a Ray where there is none: a line may be written while another thread leaves.
    context = ray.runtime_context.get_runtime_context()
    # A driver has a task id of no use, and Ray warns whoever asks for it.
    asked = RAY_IDS if context.worker.mode == ray.WORKER_MODE else RAY_IDS[:3]
    try:
        found = {name: getattr(context, f"get_{name}")() for name in asked}
    except RuntimeError:  # left in between
        return {}
    return {name: value for name, value in found.items() if value is not None}


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
    _set_up(debug=debug, readable=sys.stderr.isatty())


def configure_actor(*, debug: bool) -> None:
    """Set up the log of an actor's process: always JSON, on its standard error, which Ray keeps among its session's logs.

    To be called in the actor, for instance first thing in its `__init__`; what its driver set up does not reach it.

    Args:
        debug: as in :func:`configure`.
    """
    _set_up(debug=debug, readable=False)


def _set_up(*, debug: bool, readable: bool) -> None:
    if not debug:
        trace: list[Any] = [_without_traceback]
    else:
        trace = [] if readable else [_AS_DATA]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _with_place,
            *([] if readable else [_with_ray_ids]),
            *trace,
            _AS_TEXT if readable else structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG if debug else logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
