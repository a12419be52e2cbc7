"""Whoever gives up a video need not wait for the thread that writes it, and never closes it under that thread's hands."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time

from concurrent.futures import Future, ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from agents.exchange import unspent
from configs.cluster import builtin_profiles
from protocol.channels import REGIONS
from renderer.video import Sink, VideoError, open_sink
from runtime.onray.base import _Run
from runtime.onray.loop import Loop
from tests.program import left

TREE = Path(__file__).resolve().parent.parent
LONG = 120
"""Seconds until a test gives up on something that takes a moment."""
SIDE = 640
"""Pixels of frames that take a while to encode, as they are nothing but noise."""

WRITES = """
import signal, sys, threading, time
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
import numpy as np
from renderer.video import open_sink

SIDE = int(sys.argv[2])
noise = np.random.default_rng(0).integers(0, 256, (8, SIDE, SIDE, 3), np.uint8)
begun = threading.Event()

class Interrupted(BaseException):
    pass

def caught(number, frame):
    raise Interrupted

def write(sink):
    while True:
        for frame in noise:
            sink.write(frame)
            begun.set()

signal.signal(signal.SIGINT, caught)
with ThreadPoolExecutor(1) as pool:
    try:
        with open_sink(sys.argv[1], SIDE, SIDE, Fraction(25)) as sink:
            writing = pool.submit(write, sink)
            begun.wait()
            print("writing", flush=True)
            time.sleep(60)
    except Interrupted:
        print(writing.exception())
"""
"""A program whose thread writes frames until it may not, and which is interrupted meanwhile."""


@pytest.mark.parametrize("name", ["a.mp4", "a.gif", "a_%05d.png"])
def test_an_interrupt_while_a_frame_is_encoded_waits_for_that_frame_alone(name, tmp_path):
    words = [sys.executable, "-c", WRITES, str(tmp_path / name), str(SIDE)]
    with subprocess.Popen(words, cwd=TREE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "writing\n"
        program.send_signal(signal.SIGINT)
        said, complaints = program.communicate(timeout=LONG)
    assert (program.returncode, complaints) == (0, "")
    assert said == f"{tmp_path / name} takes no more frames: it was finished or given up.\n"
    assert left(tmp_path) == []


def test_a_video_that_is_there_takes_no_more_frames(tmp_path):
    frame = np.zeros((48, 64, 3), np.uint8)
    with open_sink(tmp_path / "a.mp4", 64, 48, Fraction(25)) as sink:
        sink.write(frame)
    with pytest.raises(VideoError, match="takes no more frames"):
        sink.write(frame)


def test_closing_waits_until_the_frame_is_written(tmp_path):
    inside, allowed = threading.Event(), threading.Event()
    order: list[str] = []

    class Encoder:
        written = 0

        def write(self, picture: Any) -> None:
            inside.set()
            assert allowed.wait(LONG)
            order.append("written")

        def finish(self) -> None: ...

        def abandon(self) -> None:
            order.append("closed")

    sink = Sink(tmp_path, (2, 2), "keep", Encoder(), ())
    with ThreadPoolExecutor(2) as pool:
        pool.submit(sink.write, np.zeros((2, 2, 3), np.uint8))
        assert inside.wait(LONG)
        closing = pool.submit(sink.abandon)
        time.sleep(0.05)
        assert not closing.done()
        allowed.set()
        closing.result(LONG)
    assert order == ["written", "closed"]


def test_a_take_that_is_stopped_does_not_wait_for_the_chunk_that_is_encoded():
    inside, allowed = threading.Event(), threading.Event()
    ended: list[str] = []
    state: Any = SimpleNamespace(phase="open")

    def write(frames: Any) -> None:
        inside.set()
        allowed.wait(LONG)
        ended.append("written")

    def stop(reason: str) -> None:
        state.phase = "closed"

    def coordinator(place: _Run) -> Any:
        place._encoder.submit(write, ())
        return SimpleNamespace(state=state, stop=stop)

    play: Any = SimpleNamespace(
        language_model=None,
        take="t",
        resumed="",
        film=None,
        coordinator=coordinator,
        begin=lambda coordinator: None,
        stopped=lambda: "SIGINT" if inside.is_set() else None,
        spent=unspent,
    )
    called = SimpleNamespace(remote=lambda *words: SimpleNamespace(future=Future))
    actors: Any = {region: SimpleNamespace(begin=called) for region in REGIONS}
    crew: Any = None
    run = _Run(crew, Loop(time.monotonic), None, actors, builtin_profiles().named("laptop"), play, 1)
    try:
        assert run.run() is state
        assert ended == []
    finally:
        allowed.set()
