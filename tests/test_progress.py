"""Progress: one line that changes on a terminal, few lines elsewhere, with a rate and the time that is left."""

from __future__ import annotations

import io
import os

import pytest

from runtime.progress import Progress


class Terminal(io.StringIO):
    """Takes what is written, as a terminal does."""

    def isatty(self) -> bool:
        """It is one."""
        return True


class Clock:
    """Shows the time that it is set to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def work(stream: io.StringIO, steps: list[tuple[float, int]], total: int = 200) -> str:
    """What is said of a phase whose frames are done at these seconds."""
    clock = Clock()
    progress = Progress(stream, clock)
    progress.phase("rendering", total)
    for seconds, done in steps:
        clock.now = 100.0 + seconds
        progress.step(done)
    progress.finish()
    return stream.getvalue()


def test_elsewhere_there_is_a_line_every_few_seconds():
    steps = [(second, 10 * second) for second in range(1, 21)]
    assert work(io.StringIO(), [(float(s), done) for s, done in steps]).splitlines() == [
        "rendering 200 frames",
        "rendering: 50 of 200 frames, 10 frames/s, 15 s left",
        "rendering: 100 of 200 frames, 10 frames/s, 10 s left",
        "rendering: 150 of 200 frames, 10 frames/s, 5 s left",
        "rendering: 200 of 200 frames, 10 frames/s, 0 s left",
        "rendering: 200 frames in 20 s, 10 frames/s",
    ]


def test_on_a_terminal_one_line_changes_and_ends():
    said = work(Terminal(), [(0.1, 1), (1.0, 5), (1.1, 6), (2.0, 10), (40.0, 200)])
    assert said.count("\n") == 1
    assert [line.rstrip() for line in said.split("\r")] == [
        "",
        "rendering 200 frames",
        "rendering: 5 of 200 frames, 5.0 frames/s, 39 s left",
        "rendering: 10 of 200 frames, 5.0 frames/s, 38 s left",
        "rendering: 200 of 200 frames, 5.0 frames/s, 0 s left",
        "rendering: 200 frames in 40 s, 5.0 frames/s",
    ]


def test_a_shorter_line_covers_the_longer_one_before_it():
    shown = ""
    for line in work(Terminal(), [(1.0, 5), (40.0, 200)]).split("\r")[1:]:
        shown = line.rstrip("\n") + shown[len(line.rstrip("\n")) :]
    assert shown.rstrip() == "rendering: 200 frames in 40 s, 5.0 frames/s"


def test_short_work_says_no_rate():
    assert work(io.StringIO(), [(0.1, 3)], total=3).splitlines()[-1] == "rendering: 3 frames in 0 s"


@pytest.mark.parametrize(
    ("left", "said"), [(59, "59 s left"), (61, "1 min 01 s left"), (3599, "59 min 59 s left"), (7500, "2 h 05 min left")]
)
def test_time_is_given_as_people_give_it(left, said):
    # One frame in 10 s, so that a tenth of the seconds left is the number of frames left.
    clock, stream = Clock(), io.StringIO()
    progress = Progress(stream, clock)
    progress.phase("rendering", 1000 + left)
    clock.now += 1000
    progress.step(1000)
    assert stream.getvalue().splitlines()[-1].endswith(said)


def test_a_phase_without_frames_says_how_long_it_took_on_a_terminal():
    for stream, said in ((Terminal(), ["planning", "planning: 1.5 s"]), (io.StringIO(), ["planning"])):
        clock = Clock()
        progress = Progress(stream, clock)
        progress.phase("planning")
        clock.now += 1.5
        progress.finish()
        progress.finish()
        assert [line for line in stream.getvalue().replace("\r", "\n").splitlines() if line] == said


def test_what_else_goes_on_is_told_beside_the_frames():
    clock, stream = Clock(), io.StringIO()
    progress = Progress(stream, clock)
    progress.phase("planning")
    clock.now += 6
    progress.step(0, "beat 1 of 3, round 2")
    progress.phase("rendering", 200)
    clock.now += 10
    progress.step(100, "beat 2 of 3")
    clock.now += 1
    progress.step(110, "beat 3 of 3")
    assert stream.getvalue().splitlines() == [
        "planning",
        "planning; beat 1 of 3, round 2",
        "rendering 200 frames",
        "rendering: 100 of 200 frames, 10 frames/s, 10 s left; beat 2 of 3",
    ]


def test_what_is_said_in_between_has_its_own_line():
    clock, stream = Clock(), Terminal()
    progress = Progress(stream, clock)
    progress.phase("planning")
    progress.say("warning: hello")
    progress.say("warning: again")
    progress.phase("rendering", 10)
    progress.interrupt()
    assert [line.rstrip() for line in stream.getvalue().replace("\r", "\n").splitlines() if line] == [
        "planning",
        "warning: hello",
        "warning: again",
        "planning: 0.0 s",
        "rendering 10 frames",
    ]
    assert stream.getvalue().endswith("\n")


def test_a_rate_needs_frames():
    assert work(io.StringIO(), [(6.0, 0)]).splitlines()[1] == "rendering: 0 of 200 frames"


def test_a_phase_tells_at_its_end_what_else_it_came_to():
    for stream in (Terminal(), io.StringIO()):
        clock = Clock()
        progress = Progress(stream, clock)
        progress.phase("planning")
        clock.now += 1.5
        progress.finish("3 answers")
        assert stream.getvalue().replace("\r", "\n").splitlines()[-1] == "planning: 1.5 s; 3 answers"


def test_between_phases_nothing_is_told():
    clock, stream = Clock(), io.StringIO()
    progress = Progress(stream, clock)
    clock.now += 100
    progress.step(0, "something")
    assert stream.getvalue() == ""


def test_a_line_is_no_longer_than_the_terminal_is_wide(monkeypatch):
    monkeypatch.setattr(Terminal, "fileno", lambda self: 0)
    monkeypatch.setattr("os.get_terminal_size", lambda number: os.terminal_size((20, 24)))
    clock, stream = Clock(), Terminal()
    progress = Progress(stream, clock)
    progress.phase("planning")
    clock.now += 1
    progress.step(0, "the director drafts the beats")
    assert stream.getvalue().split("\r")[-1] == "planning; the dire…"
