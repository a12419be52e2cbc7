"""A job that is followed: each line once, losses of the connection, an end that is asked for, and what its log means."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from cluster.entry import BEGUN, END, RESULT
from cluster.following import LOOK_SECONDS, Follower, Log
from cluster.jobs import PATIENCE, JobServer, Standing
from runtime.take_error import TakeError
from tests.jobbing import Client, Clock, Look


def followed(looks: Sequence[Look], ending: Sequence[Look] = ()) -> tuple[Follower, Client, list[str], Clock]:
    lines: list[str] = []
    client, clock = Client(looks, ending), Clock()
    return Follower(JobServer("http://h:1", client), "job-1", lines.append, clock, clock.wait), client, lines, clock


def test_each_line_is_told_once_and_whole():
    follower, _, lines, clock = followed(
        [("PENDING", ""), ("RUNNING", "one\ntw"), ("RUNNING", "one\ntwo\n"), ("SUCCEEDED", "one\ntwo\nend")]
    )
    assert follower.until(lambda: False) == Standing("SUCCEEDED")
    assert lines == ["one", "two", "end"]
    assert clock.waits == [LOOK_SECONDS] * 3


def test_following_ends_when_enough_is_known_and_can_go_on():
    follower, _, lines, _ = followed([("RUNNING", "one\n"), ("RUNNING", "one\ntwo\n"), ("STOPPED", "one\ntwo\nthree\n")])
    assert follower.until(lambda: "two" in lines) == Standing("RUNNING")
    assert follower.until(lambda: False) == Standing("STOPPED")
    assert lines == ["one", "two", "three"]


def test_an_answer_that_takes_long_is_asked_for_less_often():
    follower, client, _, clock = followed([("RUNNING", ""), ("RUNNING", ""), ("SUCCEEDED", "")])
    took = iter([1.0, 20.0, 0.0])

    def slow() -> None:
        clock.now += next(took)

    client.looked = slow
    follower.until(lambda: False)
    assert clock.waits == [5.0, 10.0], "at most so long, for a signal is not heard meanwhile"


def test_a_connection_that_comes_back_costs_nothing():
    follower, _, lines, _ = followed(
        [("RUNNING", "one\n"), ConnectionError("gone"), ConnectionError("gone"), ("SUCCEEDED", "one\ntwo\n")]
    )
    assert follower.until(lambda: False).status == "SUCCEEDED"
    assert lines == ["one", "two"]


def test_a_cluster_that_is_gone_is_given_up_in_the_end():
    follower, _, _, clock = followed([("RUNNING", "one\n"), ConnectionError("gone")])
    with pytest.raises(
        TakeError, match="The job may go on all the same; look for it with: ray job logs --follow --address http://h:1 job-1"
    ):
        follower.until(lambda: False)
    assert PATIENCE <= clock.now < PATIENCE + 2 * LOOK_SECONDS


# ------------------------------------------------------------------------------------------------------------- its end


def test_a_job_that_is_ended_is_asked_once_and_followed_to_its_end():
    follower, client, lines, _ = followed([("RUNNING", "one\n")], [("RUNNING", "one\ntwo\n"), ("STOPPED", "one\ntwo\nthree\n")])
    assert follower.end() == Standing("STOPPED")
    assert client.stopped == ["job-1"]
    assert lines == ["one", "two", "three"]


def test_a_connection_that_is_lost_while_a_job_is_ended_costs_nothing():
    follower, client, _, _ = followed([("RUNNING", "")], [ConnectionError("gone"), ConnectionError("gone"), ("STOPPED", "")])
    assert follower.end() == Standing("STOPPED")
    assert client.stopped == ["job-1"]


def test_a_job_that_has_not_come_so_far_that_it_can_be_ended_is_asked_again():
    follower, client, _, _ = followed([("PENDING", "")], [("STOPPED", "")])
    ready = iter([False, False, True])
    stop = client.stop_job
    client.stop_job = lambda job: next(ready) and stop(job)  # type: ignore[method-assign]
    assert follower.end() == Standing("STOPPED")


def test_a_job_that_cannot_be_told_to_end_is_named():
    follower, _, _, clock = followed([("RUNNING", "")], [ConnectionError("gone")] * 99)
    clock.now = 100.0  # the clock of giving up begins with the first try
    with pytest.raises(
        TakeError, match="The job may go on all the same; stop it with: ray job stop --address http://h:1 job-1"
    ):
        follower.end()
    assert PATIENCE <= clock.now - 100.0 < PATIENCE + 2 * LOOK_SECONDS


# ------------------------------------------------------------------------------------------------------------- its log


def heard(*lines: str) -> Log:
    log = Log()
    for line in lines:
        log.hear(line)
    return log


def test_the_result_goes_to_one_place_and_all_else_to_the_other(capsys):
    log = heard("of Ray", f"{BEGUN} job-1 on h", "planning", RESULT, "out.mp4: 2 s", END, "textuportray: not said any more")
    assert log.begun
    assert not log.explained
    printed = capsys.readouterr()
    assert printed.out == "out.mp4: 2 s\n"
    assert printed.err == f"{BEGUN} job-1 on h\nplanning\n"


def test_what_a_command_says_of_a_signal_is_no_reason():
    log = heard(BEGUN, "textuportray: stopping after the step at hand")
    assert not log.explained
    log = heard(BEGUN, "textuportray: stopped by SIGTERM. Go on with: textuportray resume out.take")
    assert log.explained
    assert log.resumable
