"""Whether anybody listens where a language model is to be asked: who is not there is named at once, who is slow is not."""

from __future__ import annotations

import socket
import time

from collections.abc import Iterator

import pytest

from protocol.language_model import LanguageModel
from runtime import listening
from runtime.listening import require_listening
from runtime.take_error import TakeError
from tests.thoughts import model_at

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def _without_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def closed() -> int:
    """A port at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture
def listener() -> Iterator[int]:
    """A port at which somebody listens, and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


def at(host: str, port: int) -> LanguageModel:
    return model_at(f"http://{host}:{port}/v1")


def test_the_embedded_planner_asks_nobody():
    require_listening(None)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_who_listens_may_be_asked(listener: int, host: str):
    require_listening(at(host, listener))


def test_where_nobody_listens_is_said_at_once_with_what_to_do(closed: int):
    began = time.monotonic()
    with pytest.raises(TakeError) as caught:
        require_listening(at("127.0.0.1", closed))
    assert time.monotonic() - began < 2
    said = str(caught.value)
    assert said.startswith(
        f"nobody answers at 127.0.0.1:{closed} (Connection refused), so there is no language model to ask at "
    )
    assert "--llm-base-url" in said
    assert said.endswith("--planner lexicon plans without one.")


def test_a_name_that_nobody_knows_is_said(monkeypatch: pytest.MonkeyPatch):

    def unknown(*rest: object, **more: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(TakeError, match=r"nobody knows a host 'nowhere\.example' \(Name or service not known\)"):
        require_listening(at("nowhere.example", 80))


@pytest.mark.parametrize("host", ["a..example", f"{'a' * 64}.example"])
def test_a_name_that_no_host_can_have_is_nobodys(host: str):
    with pytest.raises(TakeError, match=rf"nobody knows a host '{host}' \(no host can have that name\)"):
        require_listening(at(host, 80))


def test_an_address_with_colons_is_told_from_its_port(monkeypatch: pytest.MonkeyPatch):

    def closed(*rest: object, **more: object) -> None:
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(socket, "create_connection", closed)
    with pytest.raises(TakeError, match=r"nobody answers at \[::1\]:80 "):
        require_listening(at("[::1]", 80))


def test_who_does_not_answer_in_time_is_asked_all_the_same(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(listening, "KNOCKING_SECONDS", 0.05)

    def slow(*rest: object, **more: object) -> None:
        time.sleep(0.3)
        raise TimeoutError

    monkeypatch.setattr(socket, "create_connection", slow)
    began = time.monotonic()
    require_listening(at("127.0.0.1", 9))
    assert time.monotonic() - began < 0.25


def test_a_proxy_knows_better(monkeypatch: pytest.MonkeyPatch, closed: int):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    require_listening(at("127.0.0.1", closed))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with pytest.raises(TakeError):
        require_listening(at("127.0.0.1", closed))
