"""A take as long as they get: ten thousand messages of the real agents, rendered.

Eight minutes of motion in some three hundred beats, planned by the region agents, objected to and revised as in any take, and
rendered by a renderer that only pretends to, in chunks of eight frames. Making it takes half a minute, so what needs it is a
bench; tests make do with fewer beats.
"""

from __future__ import annotations

import logging
import random

from fractions import Fraction
from pathlib import Path

import pytest
import structlog

from runtime.options import TakeOptions
from runtime.outputs import TakeFiles
from tests import staging
from tests.staging import FakeRenderer, film_take, studio
from tests.takes import load_tables

BEATS = 295
"""Beats of a take of ten thousand messages."""
FRAMES_OF_CHUNK = 8
_PER_BEAT = 1.57
"""Seconds that a beat of these words lasts: about 39 frames in five chunks, three messages each, and 19 of the regions."""
_PARTS = (
    "smiles broadly",
    "frowns",
    "looks left",
    "raises her eyebrows",
    "blinks twice",
    "turns her head to the right",
    "opens her mouth in surprise",
    "nods",
    "looks down",
    "wrinkles her nose",
    "closes her eyes for a moment",
    "tilts her head",
)


def direction(beats: int, seed: int = 3) -> str:
    """Words for so many beats, about."""
    draw = random.Random(seed)  # noqa: S311 - the same words every time
    sentences = []
    for _ in range(beats):
        parts = draw.sample(_PARTS, 2 if draw.random() < 0.5 else 1)
        sentences.append("She " + " and ".join(parts) + ".")
    return " ".join(sentences)


def long_take(folder: Path, beats: int = BEATS) -> Path:
    """Make a rendered take of so many beats; its `.take` folder.

    Args:
        folder: where it goes; it is made if it is not there.
        beats: how many, about; each has some 34 messages.
    """
    folder.mkdir(parents=True, exist_ok=True)
    output = folder / "long.gif"
    TakeFiles.beside(output).folder.mkdir(exist_ok=True)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    options = TakeOptions(direction=direction(beats), fps=Fraction(25), seconds=round(beats * _PER_BEAT, 1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(staging, "span", lambda width, height: FRAMES_OF_CHUNK)  # as of a large picture
        film_take(studio(FakeRenderer(), folder), load_tables(), output, options)
    return TakeFiles.beside(output).folder
