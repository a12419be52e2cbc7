"""The log: one JSON line per event, readable lines on a terminal, and always where it belongs."""

from __future__ import annotations

import io
import json
import sys

import pytest
import structlog

from runtime.logs import PLACE, configure


@pytest.fixture(autouse=True)
def _as_before():
    before = structlog.get_config()
    yield
    structlog.configure(**before)
    structlog.contextvars.clear_contextvars()


class Terminal(io.StringIO):
    """Where a person looks on."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def redirected(monkeypatch):
    """Makes something standard error. To be called within a test: before, pytest puts its own there once more."""
    return lambda stream: monkeypatch.setattr(sys, "stderr", stream) or stream


def test_an_event_is_one_line_of_json_with_take_beat_and_region(redirected):
    stream = redirected(io.StringIO())
    configure(debug=False)
    structlog.get_logger().warning("message refused", take="take-1", beat=2, region="eyes", reason="it is 4°\ntoo late")
    (line,) = stream.getvalue().splitlines()
    event = json.loads(line)
    assert event.pop("timestamp").endswith("Z")
    assert event == {
        "event": "message refused",
        "level": "warning",
        "take": "take-1",
        "beat": 2,
        "region": "eyes",
        "reason": "it is 4°\ntoo late",
    }


def test_what_does_not_apply_is_null(redirected):
    stream = redirected(io.StringIO())
    configure(debug=False)
    structlog.get_logger().error("broken")
    event = json.loads(stream.getvalue())
    assert [event[name] for name in PLACE] == [None, None, None]


def test_take_and_beat_may_be_bound_by_whoever_knows_them(redirected):
    stream = redirected(io.StringIO())
    configure(debug=False)
    with structlog.contextvars.bound_contextvars(take="take-1", beat=0):
        structlog.get_logger().warning("late", region="head")
    structlog.get_logger().warning("later")
    first, second = map(json.loads, stream.getvalue().splitlines())
    assert (first["take"], first["beat"], first["region"]) == ("take-1", 0, "head")
    assert second["take"] is None


def test_what_is_of_no_concern_to_the_user_is_told_only_when_debugging(redirected):
    stream = redirected(io.StringIO())
    configure(debug=False)
    structlog.get_logger().info("Proposed")
    structlog.get_logger().debug("Proposed")
    assert stream.getvalue() == ""
    configure(debug=True)
    structlog.get_logger().debug("Proposed")
    assert json.loads(stream.getvalue())["level"] == "debug"


def _raise_and_log():
    try:
        raise ValueError("no such\n  lid")
    except ValueError:
        structlog.get_logger().exception("the agent failed", region="eyes")


@pytest.mark.parametrize("where", [io.StringIO, Terminal])
def test_an_exception_is_told_in_one_line_without_its_traceback(where, redirected):
    target = redirected(where())
    configure(debug=False)
    _raise_and_log()
    (line,) = target.getvalue().splitlines()
    assert "ValueError: no such lid" in line
    assert "Traceback" not in line


@pytest.mark.parametrize("where", [io.StringIO, Terminal])
def test_an_exception_is_told_with_its_traceback_when_debugging(where, redirected):
    target = redirected(where())
    configure(debug=True)
    _raise_and_log()
    assert "_raise_and_log" in target.getvalue()


def test_on_a_terminal_an_event_reads_as_a_line(redirected):
    terminal = redirected(Terminal())
    configure(debug=False)
    structlog.get_logger().warning("message refused", region="eyes")
    (line,) = terminal.getvalue().splitlines()
    with pytest.raises(ValueError, match="Expecting value"):
        json.loads(line)
    for part in ("message refused", "region", "eyes", "take", "beat"):
        assert part in line
