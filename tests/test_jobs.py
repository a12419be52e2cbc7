"""Jobs without a cluster: where their server is, how they are handed in, what is said when it does not do as it is asked."""

from __future__ import annotations

import http.server
import json
import re
import socket
import sys
import threading
import time

from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster import jobs
from cluster.jobs import ADDRESS, PATIENCE, USUAL, Entry, JobServer, new_name
from runtime.options import UsageError
from runtime.take_error import TakeError
from tests.jobbing import Client, Clock, fails

ENTRY = Entry("true", Path("folder"), {"A": "b"}, {"job_name": "test"})
NO_NODE = RuntimeError("Request failed with status code 500: No available agent to submit job, please try again later..")
THERE = RuntimeError("Request failed with status code 400: ValueError: Job with submission_id job-1 already exists. Please")


def handed_in(client: Client, clock: Clock, stopped: int = 99) -> bool:
    """Whether a job was taken, by somebody who stops after so many tries."""
    return JobServer("http://h:1", client).submit("job-1", ENTRY, clock, clock.wait, lambda: len(client.handed_in) >= stopped)


@pytest.fixture(autouse=True)
def _no_address(monkeypatch) -> None:
    monkeypatch.delenv(ADDRESS, raising=False)


# ------------------------------------------------------------------------------------------------------------- where


def test_without_a_word_it_is_the_usual_place():
    assert jobs._place(None) == (USUAL, "")


def test_the_environment_says_another_place_and_an_address_goes_before_it(monkeypatch):
    monkeypatch.setenv(ADDRESS, "http://10.0.0.5:8265/")
    assert jobs._place(None) == ("http://10.0.0.5:8265", f" (from {ADDRESS})")
    assert jobs._place("https://ray.example") == ("https://ray.example", "")


def test_a_host_and_a_port_are_enough():
    assert jobs._place("10.0.0.5:8265") == ("http://10.0.0.5:8265", "")


@pytest.mark.parametrize(
    "given", ["", "ray://10.0.0.5:10001", "http://", "http://host:port", "http://host:1/?token=1", "host:0"]
)
def test_what_is_no_address_is_refused(given):
    with pytest.raises(UsageError, match="is not the address of a cluster's dashboard"):
        jobs._place(given)


def test_a_password_in_an_address_is_refused_without_being_told():
    with pytest.raises(UsageError) as caught:
        jobs._place("http://me:secret@host:8265")
    assert "secret" not in str(caught.value)


def test_where_nobody_listens_is_said_at_once():
    with socket.socket() as held:  # bound, and not listening
        held.bind(("127.0.0.1", 0))
        place = f"http://127.0.0.1:{held.getsockname()[1]}"
        with pytest.raises(TakeError, match=f"No cluster takes jobs at {place}: connection refused. Give the address"):
            JobServer.at(place)


def test_a_ray_without_its_client_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "aiohttp", None)
    with pytest.raises(TakeError, match=r"pip install 'textuportray\[cluster\]'"):
        JobServer.at(None)


# ------------------------------------------------------------------------------------------------------------ errors


class AuthenticationError(Exception):
    """As Ray calls it."""


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (AuthenticationError("Authentication failed"), "asks for a token, and the one given is missing or wrong"),
        (RuntimeError("Version check returned 404. Please"), "What answers at http://h:1 takes no jobs"),
        (RuntimeError("Package size exceeds the maximum size of 500 MiB"), "does not take so large a folder"),
        (RuntimeError("Request failed with status code 500"), r"did not do as it was asked \(RuntimeError: Request failed"),
    ],
)
def test_what_goes_wrong_is_one_paragraph(error, said):
    client = Client([])
    client.answers = [fails(error)]
    with pytest.raises(TakeError, match=said) as caught:
        handed_in(client, Clock())
    assert len(client.handed_in) == 1
    assert "\n" not in str(caught.value)
    assert caught.value.__cause__ is None, "Ray's own says no more, and a token could be in it"


def test_of_a_chain_of_errors_the_innermost_says_why_there_was_no_answer():
    try:
        try:
            raise ConnectionRefusedError(111, "Connection refused")
        except OSError as error:
            raise ConnectionError("HTTPConnectionPool(host='h', port=1): Max retries exceeded") from error
    except ConnectionError as error:
        server = JobServer("http://h:1", Client([error]))
    with pytest.raises(TakeError, match="The cluster at http://h:1 gives no answer: connection refused"):
        server.standing("job-1")


# ---------------------------------------------------------------------------------------------------------- handing in


def test_a_job_has_the_name_that_it_was_given_and_no_other_has_it():
    client = Client([])
    assert handed_in(client, Clock())
    (given,) = client.handed_in
    environment = {"working_dir": "folder", "env_vars": {"A": "b"}}
    assert given == {
        "submission_id": "job-1",
        "entrypoint": "true",
        "runtime_env": environment,
        "metadata": {"job_name": "test"},
    }
    assert re.fullmatch(r"raysubmit_\w{16}", new_name())
    assert new_name() != new_name()


def test_a_cluster_that_is_not_ready_yet_is_asked_again():
    client, clock = Client([]), Clock()
    client.answers = [fails(NO_NODE)] * 3
    assert handed_in(client, clock)
    assert clock.waits == [1.0] * 3


def test_a_cluster_that_is_never_ready_is_told_about():
    client, clock = Client([]), Clock()
    client.answers = [fails(NO_NODE)] * 99
    with pytest.raises(TakeError, match="no node that takes a job for 30 s") as caught:
        handed_in(client, clock)
    assert clock.now == PATIENCE
    assert "may have been taken" not in str(caught.value)


def test_who_stops_waits_for_no_node():
    client = Client([])
    client.answers = [fails(NO_NODE)] * 99
    assert not handed_in(client, Clock(), stopped=2)
    assert len(client.handed_in) == 2


def test_a_job_whose_answer_was_lost_is_handed_in_again_under_its_name():
    """So there is one job, whether it had been taken or not."""
    client = Client([])
    client.answers = [fails(ConnectionError("gone")), fails(THERE)]
    assert handed_in(client, Clock(), stopped=1), "it may have been taken, so who stops has to know"
    assert {given["submission_id"] for given in client.handed_in} == {"job-1"}


def test_a_job_that_may_have_been_taken_is_named():
    client, clock = Client([]), Clock()
    client.answers = [fails(ConnectionError("gone"))] * 99
    with pytest.raises(TakeError, match="The job job-1 may have been taken all the same: ray job") as caught:
        handed_in(client, clock)
    assert clock.now == PATIENCE
    assert "ray job status --address http://h:1 job-1 shows it, ray job stop --address http://h:1 job-1 stops it" in str(
        caught.value
    )


# ---------------------------------------------------------------------------------------------------- without an answer


class Silent(http.server.BaseHTTPRequestHandler):
    """Says its version if it is asked for as many as are left, and nothing more."""

    versions = 0

    def do_POST(self) -> None:
        time.sleep(5)

    def do_GET(self) -> None:
        if "version" not in self.path or not self.versions:
            time.sleep(5)
            return
        type(self).versions -= 1
        said = json.dumps({"version": "4", "ray_version": "2.60.0", "ray_commit": "", "session_name": ""}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def silent(monkeypatch) -> Iterator[str]:
    """The address of a cluster that takes connections and gives no answer."""
    monkeypatch.setattr(jobs, "ANSWER_SECONDS", 0.3)
    monkeypatch.setattr(Silent, "versions", 0)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Silent) as server:
        server.block_on_close = False
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_cluster_that_says_nothing_is_not_waited_for(silent):
    began = time.monotonic()
    with pytest.raises(TakeError, match=f"No cluster takes jobs at {silent}: nothing came back in time"):
        JobServer.at(silent)
    assert time.monotonic() - began < 3


def test_nor_is_one_that_falls_silent_later(silent):
    Silent.versions = 2
    server = JobServer.at(silent)
    began = time.monotonic()
    with pytest.raises(TakeError, match=f"The cluster at {silent} gives no answer: nothing came back in time"):
        server.standing("job-1")
    with pytest.raises(TakeError, match="gives no answer"):
        server.stop("job-1")
    assert time.monotonic() - began < 3
