"""Real processes that are killed without a last word: what they leave goes on to the end that they would have come to."""

from __future__ import annotations

import signal
import subprocess
import time

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from PIL import Image

from protocol.journal import JournalError, Record
from protocol.messages import Merged, TakeOpened
from renderer.video import read_frames
from runtime.cli import main
from runtime.takes import open_take
from tests.program import at_home, command, left


@pytest.fixture(autouse=True)
def _at_home(tmp_path) -> Iterator[None]:
    with at_home(tmp_path):
        yield


def frames(output: str) -> np.ndarray:
    return np.stack(list(read_frames(Path(output))))


def killed(words: list[str], folder: Path, far_enough: Callable[[tuple[Record, ...]], bool]) -> None:
    """Start the program and kill it when its journal has come far enough."""
    with subprocess.Popen(command(*words), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        try:
            deadline = time.monotonic() + 120
            while process.poll() is None and time.monotonic() < deadline:
                live = folder / "journal.live.mcap"
                # Journals can be read while they are written.
                if live.exists() and live.stat().st_size > 100_000 and far_enough(_so_far(folder)):
                    break
                time.sleep(0.02)
        finally:
            process.kill()
            process.wait()
    assert process.returncode == -signal.SIGKILL, process.stderr and process.stderr.read()


def _so_far(folder: Path) -> tuple[Record, ...]:
    try:
        return open_take(folder).records
    except JournalError:
        return ()  # its first record is long, and not there as a whole yet


LONG = "She smiles warmly, then glances left and raises an eyebrow, then nods twice, then frowns, then laughs."


def test_a_plan_that_is_killed_in_its_middle_goes_on_to_the_same_bytes():
    words = ["plan", LONG, "--seconds", "8", "-o"]
    killed([*words, "out.json"], Path("out.take"), lambda records: len(records) > 30)
    assert left(Path()) == ["out.take", "out.take/journal.live.mcap", "out.take/take.json"]
    assert main(["resume", "out.json"]) == 0
    assert main([*words, "whole.json"]) == 0
    assert Path("out.json").read_bytes() == Path("whole.json").read_bytes()
    assert main(["verify", "out.json"]) == 0


@pytest.mark.slow  # it loads and prepares everything three times; tests/test_production.py cuts takes off every day
def test_a_take_that_is_killed_while_it_is_rendered_goes_on_to_the_same_frames(models, sample):
    Image.fromarray(sample).resize((256, 320)).save("sample.png")
    words = ["animate", "sample.png", "She blinks, then nods.", "--seconds", "1", "--size", "128", "--runtime", "inline", "-o"]
    killed([*words, "out.mkv"], Path("out.take"), lambda records: any(isinstance(r.message, Merged) for r in records))
    assert isinstance(open_take(Path("out.take")).records[0].message, TakeOpened)
    assert main(["resume", "out.mkv"]) == 0
    assert main([*words, "whole.mkv"]) == 0
    assert np.array_equal(frames("out.mkv"), frames("whole.mkv"))
    assert Path("out.take/motion.json").read_bytes() == Path("whole.take/motion.json").read_bytes()
    assert main(["verify", "out.mkv"]) == 0
