"""The log: one JSON line per event, readable lines on a terminal, and always where it belongs."""

from __future__ import annotations

import io
import json
import sys

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
import structlog

from runtime.logs import PLACE, RAY_IDS, configure, configure_actor


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


def test_an_event_is_one_line_of_json_with_take_beat_region_and_chunk(redirected):
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
        "chunk": None,
        "reason": "it is 4°\ntoo late",
    }


def test_what_does_not_apply_is_null(redirected):
    stream = redirected(io.StringIO())
    configure(debug=False)
    structlog.get_logger().error("broken")
    event = json.loads(stream.getvalue())
    assert [event[name] for name in PLACE] == [None] * 4


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


def test_local_variables_are_never_told(redirected):
    def fetch():
        password = "correct horse"  # noqa: S105 - what must not appear
        return 1 / (len(password) - 13)

    for where in (io.StringIO, Terminal):
        target = redirected(where())
        configure(debug=True)
        try:
            fetch()
        except ZeroDivisionError:
            structlog.get_logger().exception("the place cannot be reached")
        assert "fetch" in target.getvalue()
        assert "correct horse" not in target.getvalue()


DRIVER = {"job_id": "01", "node_id": "ab", "worker_id": "cd"}


def fake_ray(ids: Mapping[str, str | None], *, joined: bool = True, mode: int = 1) -> Any:
    """Ray as far as the log asks it: 0 is the mode of a driver, 1 that of a worker."""

    def asked(name: str) -> str | None:
        if not joined or name not in ids:
            raise RuntimeError("Ray has not been initialized")
        return ids[name]

    getters = {f"get_{name}": lambda name=name: asked(name) for name in RAY_IDS}
    context = SimpleNamespace(worker=SimpleNamespace(mode=mode), **getters)
    inner = SimpleNamespace(get_runtime_context=lambda: context)
    return SimpleNamespace(is_initialized=lambda: joined, WORKER_MODE=1, runtime_context=inner)


def logged_with(ray: Any, stream: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The event that is logged in a process where this is `ray`."""
    monkeypatch.setitem(sys.modules, "ray", ray)
    configure_actor(debug=False)
    structlog.get_logger().warning("late")
    event: dict[str, Any] = json.loads(stream.getvalue())
    return event


def test_an_actor_says_where_on_ray_it_is(redirected, monkeypatch):
    ids = {**DRIVER, "actor_id": "ef", "task_id": "09"}
    event = logged_with(fake_ray(ids), redirected(io.StringIO()), monkeypatch)
    assert {name: event[name] for name in RAY_IDS} == ids
    assert set(PLACE) <= set(event)


def test_what_has_no_id_does_not_name_it(redirected, monkeypatch):
    ids = {**DRIVER, "actor_id": None, "task_id": "09"}
    event = logged_with(fake_ray(ids), redirected(io.StringIO()), monkeypatch)
    assert "actor_id" not in event
    assert event["task_id"] == "09"


def test_a_driver_is_not_asked_for_a_task_or_an_actor(redirected, monkeypatch):
    ray = fake_ray(DRIVER, mode=0)
    event = logged_with(ray, redirected(io.StringIO()), monkeypatch)
    assert [event.get(name) for name in RAY_IDS] == ["01", "ab", "cd", None, None]


@pytest.mark.parametrize(
    "ray",
    [
        pytest.param(fake_ray({}, joined=False), id="not joined"),
        pytest.param(SimpleNamespace(), id="still being imported"),
        pytest.param(fake_ray({}), id="left while it is asked"),
        pytest.param(None, id="not imported"),
    ],
)
def test_a_process_that_is_not_on_ray_logs_as_ever(ray, redirected, monkeypatch):
    event = logged_with(ray, redirected(io.StringIO()), monkeypatch)
    assert event["event"] == "late"
    assert not set(RAY_IDS) & set(event)


def test_what_an_event_says_itself_stands(redirected, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", fake_ray(DRIVER, mode=0))
    stream = redirected(io.StringIO())
    configure_actor(debug=False)
    structlog.get_logger().warning("a node is gone", node_id="another")
    assert json.loads(stream.getvalue())["node_id"] == "another"


def test_an_actor_writes_json_even_to_a_terminal(redirected):
    terminal = redirected(Terminal())
    configure_actor(debug=False)
    structlog.get_logger().info("not told")
    structlog.get_logger().warning("told", chunk=3)
    assert json.loads(terminal.getvalue())["chunk"] == 3


@pytest.mark.ray
def test_a_real_actor_and_its_driver_log_their_ids(redirected, monkeypatch):
    ray = pytest.importorskip("ray")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    ray.init("local", num_cpus=1, include_dashboard=False, log_to_driver=False, configure_logging=False)
    try:

        class Actor:
            def log(self) -> str:
                sys.stderr = stream = io.StringIO()
                configure_actor(debug=False)
                structlog.get_logger().warning("late", chunk=2)
                return stream.getvalue()

        told = json.loads(ray.get(ray.remote(Actor).remote().log.remote()))
        stream = redirected(io.StringIO())
        configure(debug=False)
        structlog.get_logger().warning("late")
        driver = json.loads(stream.getvalue())
    finally:
        ray.shutdown()
    assert (told["event"], told["chunk"]) == ("late", 2)
    assert all(len(bytes.fromhex(told[name])) >= 4 for name in RAY_IDS)
    assert [name for name in RAY_IDS if name in driver] == ["job_id", "node_id", "worker_id"]
    assert driver["job_id"] == told["job_id"]
    assert driver["worker_id"] != told["worker_id"]
