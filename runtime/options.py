"""What a take is asked for, checked before any work."""

from __future__ import annotations

import re
import unicodedata

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from protocol.keyframes import exact

MAX_DIRECTION = 20_000
"""Characters of a direction: ten pages."""
MAX_EMOTION = 400
MIN_SECONDS, MAX_SECONDS = 0.1, 3600.0
MAX_FPS = 240
ROUNDS = 4
"""The last allowed round of a beat."""


_RATE = re.compile(r"[-+]?[0-9]{1,20}(\.[0-9]{0,20}|/[0-9]{1,20})?")


class UsageError(ValueError):
    """The user asked for something that cannot be: what, why, and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeOptions:
    """What a take is asked for.

    Attributes:
        direction: the words; control characters are refused, surrounding space is dropped.
        seconds: length, above 0; None leaves it to the director.
        fps: frame rate of the motion.
        seed: of everything random.
        idle: whether the face keeps itself alive.
        negotiate: False commits first proposals as they are.
        emotion: emotional colouring apart from the direction.
        rounds: the last allowed round of a beat.
        tables: other files by the name of the table that they stand for.
    """

    direction: str
    seconds: float | None = None
    fps: Fraction = Fraction(60)
    seed: int = 0
    idle: bool = True
    negotiate: bool = True
    emotion: str = ""
    rounds: int = ROUNDS
    tables: Mapping[str, Path] = field(default_factory=dict)


def parse_direction(text: str) -> str:
    """The direction, if it is one, without surrounding space.

    Raises:
        UsageError: it is empty, too long or holds control characters.
    """
    words = text.strip()
    if not words:
        raise UsageError(
            'The direction is empty, so there is nothing to perform. Say what the face should do, such as "She smiles."'
        )
    if len(words) > MAX_DIRECTION:
        raise UsageError(
            f"The direction has {len(words):,} characters and the limit is {MAX_DIRECTION:,}. Split it into several takes."
        )
    _refuse_controls(words, "The direction")
    return words


def parse_emotion(text: str) -> str:
    """The emotional colouring, without surrounding space; empty for none.

    Raises:
        UsageError: it is too long or holds control characters.
    """
    words = text.strip()
    if len(words) > MAX_EMOTION:
        raise UsageError(
            f"--emotion has {len(words):,} characters and the limit is {MAX_EMOTION}. Name the feeling in a few words; what "
            "is to happen belongs in the direction."
        )
    _refuse_controls(words, "--emotion")
    return words


def _refuse_controls(words: str, what: str) -> None:
    for character in words:
        category = unicodedata.category(character)
        if category == "Cs":  # how bytes that are not UTF-8 arrive
            raise UsageError(f"{what} is not valid UTF-8 text. Save or type it in that encoding and try again.")
        if category in ("Cc", "Co") and character not in "\t\n\r":
            raise UsageError(
                f"{what} holds the control character U+{ord(character):04X}, which is no word. Remove it and try again."
            )


def _quoted(text: str) -> str:
    """What the user gave, fit for one line of an error."""
    return repr(text if len(text) <= 40 else text[:37] + "...")


def parse_seconds(text: str) -> float:
    """A length in seconds.

    Raises:
        UsageError: not a number, not above 0, or above MAX_SECONDS.
    """
    try:
        value = float(text)
    except ValueError:
        raise UsageError(f"--seconds {_quoted(text)} is not a number. Give a length such as 4 or 7.5.") from None
    if not MIN_SECONDS <= value <= MAX_SECONDS:  # false for NaN
        raise UsageError(
            f"--seconds {_quoted(text)} is not a length that a take can have. Give {MIN_SECONDS:g} to {MAX_SECONDS:g} seconds."
        )
    return exact(value)


def parse_fps(text: str) -> Fraction:
    """A frame rate: a whole number, a decimal or a ratio such as 30000/1001.

    Raises:
        UsageError: not a rate, not above 0, or above MAX_FPS.
    """
    given = _quoted(text)
    try:
        # Fraction takes exponents too, and "1e999999999" would keep it busy for ever.
        rate = Fraction(text) if _RATE.fullmatch(text) else None
    except ZeroDivisionError:
        rate = None
    if rate is None:
        raise UsageError(f"--fps {given} is not a frame rate. Give a number such as 25, or a ratio such as 30000/1001.")
    if not 0 < rate <= MAX_FPS:
        raise UsageError(f"--fps {given} is not a frame rate that a video can have. Give a rate above 0 and up to {MAX_FPS}.")
    if rate.numerator >= 10**7 or rate.denominator >= 10**7:
        raise UsageError(f"--fps {given} is too fine a ratio. Give one of numbers below ten million, such as 30000/1001.")
    return rate


def parse_seed(text: str) -> int:
    """A seed.

    Raises:
        UsageError: not a whole number from 0 below 2^63.
    """
    if not text.isascii() or not text.isdigit() or int(text[:20]) >= 2**63 or len(text) > 19:
        raise UsageError(f"--seed {_quoted(text)} is not a seed. Give a whole number from 0 to {2**63 - 1}.")
    return int(text)


def parse_place(text: str) -> int:
    """The place of a record in a journal.

    Raises:
        UsageError: not a whole number from 1.
    """
    if not re.fullmatch("[0-9]{1,10}", text) or int(text) < 1:
        raise UsageError(
            f"--until {_quoted(text)} is not the place of a record. Give a whole number from 1; --numbers shows them."
        )
    return int(text)
