"""How far long work is: which phase, how much of it is done, how fast that goes, and how long it will go on.

Rules
- On a terminal one line changes; elsewhere there is a line when a phase begins, one every few seconds, and one at its end.
- What is said in between has a line of its own and never lands in the middle of another.
- No line on a terminal is longer than the terminal is wide: it could not be changed in place.
- It may be told from several threads.
- The clock is handed in.
"""

from __future__ import annotations

import contextlib
import os
import threading

from collections.abc import Callable
from typing import TextIO

_EVERY_S = 0.2
"""Between two states of the line on a terminal: as often as an eye can follow."""
_PLAIN_EVERY_S = 5.0
"""Between two lines in a file."""
_SETTLED_S = 0.5
"""Before that a rate says nothing."""
_SLOW = 10.0
"""Frames per second below which a rate needs a decimal."""


class Progress:
    """Says how far the work is.

    Args:
        stream: to say it on.
        clock: seconds, never going back.
    """

    def __init__(self, stream: TextIO, clock: Callable[[], float]) -> None:
        self._stream = stream
        self._clock = clock
        self._terminal = stream.isatty()
        self._name = ""
        self._total = self._done = 0
        self._began = self._said = 0.0
        self._width = 0
        self._lock = threading.RLock()

    def phase(self, name: str, total: int = 0) -> None:
        """Begin a phase; the one before it is done.

        Args:
            name: what is being done, such as "rendering".
            total: frames that it has to do; 0 if it does something else.
        """
        with self._lock:
            self.finish()
            self._name, self._total, self._done = name, total, 0
            self._began = self._said = self._clock()
            opening = f"{name} {_frames(total)}" if total else name
            if self._terminal:
                self._rewrite(opening)
            else:
                self._write(f"{opening}\n")

    def step(self, done: int, about: str = "") -> None:
        """Say how many frames of the phase are done, if it is time to.

        Args:
            done: frames so far.
            about: what else is going on.
        """
        with self._lock:
            now = self._clock()
            self._done = done
            if not self._name or now - self._said < (_EVERY_S if self._terminal else _PLAIN_EVERY_S):
                return
            self._said = now
            line = self._line(now - self._began, about)
            if self._terminal:
                self._rewrite(line)
            else:
                self._write(f"{line}\n")

    def _line(self, took: float, about: str) -> str:
        """How far it is after so many seconds."""
        done = self._done
        line = f"{self._name}: {done:,} of {_frames(self._total)}" if self._total else self._name
        if self._total and done and took >= _SETTLED_S:
            line += f", {_rate(done / took)}, {_duration((self._total - done) * took / done)} left"
        return f"{line}; {about}" if about else line

    def say(self, line: str) -> None:
        """Say something else, on a line of its own."""
        with self._lock:
            self.interrupt()
            self._write(f"{line}\n")

    def finish(self, about: str = "") -> None:
        """The phase is done: say what it came to.

        Args:
            about: what else it came to.
        """
        with self._lock:
            if not self._name:
                return
            took = self._clock() - self._began
            if self._total:
                rate = f", {_rate(self._done / took)}" if self._done and took >= _SETTLED_S else ""
                line = f"{self._name}: {_frames(self._done)} in {_duration(took)}{rate}"
            else:
                line = f"{self._name}: {took:.1f} s"
            line += f"; {about}" if about else ""
            self._name = ""
            if self._terminal:
                self._rewrite(line)
                self.interrupt()
            elif self._total or about:
                self._write(f"{line}\n")

    def interrupt(self) -> None:
        """Leave the line as it is, so that what comes next has one of its own."""
        with self._lock:
            if self._width:
                self._write("\n")
                self._width = 0

    def _rewrite(self, line: str) -> None:
        line = fitting(line, self._stream)
        self._write("\r" + line.ljust(self._width))
        self._width = len(line)

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


def fitting(line: str, stream: TextIO) -> str:
    """As much of a line as the terminal behind a stream has columns for; all of it where that is not known."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        columns = os.get_terminal_size(stream.fileno()).columns
        if 1 < columns <= len(line):
            return f"{line[: columns - 2]}…"
    return line


def _frames(count: int) -> str:
    return "1 frame" if count == 1 else f"{count:,} frames"


def _rate(value: float) -> str:
    return f"{value:.1f} frames/s" if value < _SLOW else f"{value:.0f} frames/s"


def _duration(seconds: float) -> str:
    """A length of time that a person can read at a glance."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"
