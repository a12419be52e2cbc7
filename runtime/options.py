"""What a take is asked for, checked before any work."""

from __future__ import annotations

import re
import unicodedata

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, TypeAlias

from protocol.keyframes import exact
from protocol.language_model import LanguageModel

MAX_DIRECTION = 20_000
"""Characters of a direction: ten pages."""
MAX_EMOTION = 400
MIN_SECONDS, MAX_SECONDS = 0.1, 3600.0
MAX_FPS = 240
ROUNDS = 4
"""The last allowed round of a beat."""
MIN_SIZE, MAX_SIZE = 32, 8192
"""Pixels of a video's longer side."""
MAX_FACE = 20
"""Of a portrait's faces the largest so many are looked at."""
MAX_TERM = 1_000_000
"""Of a video's frame rate as a ratio of two numbers: containers count in 32 bits."""

Background: TypeAlias = Literal["keep", "alpha", "green"] | tuple[int, int, int]
"""What is to be behind the person: what the portrait shows, nothing, chroma-key green, or a colour in 0..255."""


MAX_NAME = 4096
"""Characters of a file's name with its folders."""

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
        language_model: what the planners ask; None for the embedded ones.
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
    language_model: LanguageModel | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmOptions:
    """How a motion is to be made visible.

    Attributes:
        portrait: the still picture.
        output: a video, a pattern of numbered pictures, or a folder for them, which may end in a slash.
        renderer: by name.
        device: "auto", "cpu" or "cuda".
        size: pixels of the longer side; None for the portrait's own.
        face: which face acts, 1 for the largest; None for the largest, with a warning if there are several.
        background: what is behind the person.
        sheet: where a contact sheet goes; None for none.
        neutral: whether the expression of the portrait is relaxed before it acts.
    """

    portrait: Path
    output: str
    renderer: str = "puppet"
    device: str = "auto"
    size: int | None = None
    face: int | None = None
    background: Background = "keep"
    sheet: Path | None = None
    neutral: bool = False

    def as_data(self) -> dict[str, Any]:
        """For a take's record: enough to film it again, wherever that is asked for from."""
        data: dict[str, Any] = {name: getattr(self, name) for name in ("renderer", "device", "size", "face", "neutral")}
        data["portrait"] = str(self.portrait.absolute())
        data["output"] = self.output
        data["background"] = list(self.background) if isinstance(self.background, tuple) else self.background
        data["sheet"] = None if self.sheet is None else str(self.sheet.absolute())
        return data

    @classmethod
    def from_data(cls, data: object, named: str) -> FilmOptions:
        """What `as_data` gave, read back from a record, in which anything may stand.

        Args:
            data: as it was read.
            named: the file, for errors.

        Raises:
            UsageError: that cannot be.
        """
        given = {**_LATER, **data} if isinstance(data, dict) else {}
        for name in given.keys() - _FILM.keys():
            raise UsageError(
                f"{named} asks for {quoted(str(name))} of the film, which this version does not know. Use the version that "
                "began the take."
            )
        for name, (fits, meant) in _FILM.items():
            if name not in given or not fits(given[name]):
                found = quoted(repr(given[name])) if name in given else "missing"
                raise UsageError(
                    f"{named} is not as it was written: {name} of the film is {found} and has to be {meant}. Put the file "
                    "back, or make the take again with animate."
                )
        background, sheet = given["background"], given["sheet"]
        return cls(
            portrait=Path(given["portrait"]),
            output=given["output"],
            renderer=given["renderer"],
            device=given["device"],
            size=given["size"],
            face=given["face"],
            background=(background[0], background[1], background[2]) if isinstance(background, list) else background,
            sheet=None if sheet is None else Path(sheet),
            neutral=given["neutral"],
        )

    def words(self, motion: Path) -> list[str]:
        """The command line that renders a motion like this."""
        words = ["textuportray", "render", str(self.portrait), str(motion), "-o", self.output]
        given = {
            "--size": self.size,
            "--face": self.face,
            "--background": "#" + bytes(self.background).hex() if isinstance(self.background, tuple) else self.background,
            "--sheet": self.sheet,
            "--renderer": self.renderer,
            "--device": self.device,
        }
        usual = {"--background": "keep", "--renderer": "puppet", "--device": "auto"}
        for name, value in given.items():
            if value is not None and value != usual.get(name):
                words += [name, str(value)]
        return [*words, "--neutral"] if self.neutral else words


def _is_name(value: object) -> bool:
    if not isinstance(value, str) or not 0 < len(value) <= MAX_NAME or "\0" in value:
        return False
    return not any("\ud800" <= letter <= "\udfff" for letter in value)


def _is_whole(value: object, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _is_background(value: object) -> bool:
    if isinstance(value, list):
        return len(value) == 3 and all(_is_whole(part, 0, 255) for part in value)
    return value in ("keep", "alpha", "green")


_FILM: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "portrait": (_is_name, "the name of a file"),
    "output": (_is_name, "the name of a file"),
    "renderer": (_is_name, "the name of a renderer"),
    "device": (lambda value: value in ("auto", "cpu", "cuda"), "auto, cpu or cuda"),
    "size": (lambda value: value is None or _is_whole(value, MIN_SIZE, MAX_SIZE), f"{MIN_SIZE} to {MAX_SIZE}, or null"),
    "face": (lambda value: value is None or _is_whole(value, 1, MAX_FACE), f"1 to {MAX_FACE}, or null"),
    "background": (_is_background, "keep, alpha, green, or a list of three numbers from 0 to 255"),
    "sheet": (lambda value: value is None or _is_name(value), "the name of a file, or null"),
    "neutral": (lambda value: isinstance(value, bool), "true or false"),
}
"""What there has to be in the data of `FilmOptions`: how each is known, and what it is."""
_LATER: Mapping[str, Any] = {"neutral": False}
"""What records of earlier versions do not say, and what they meant."""


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


def quoted(text: str) -> str:
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
        raise UsageError(f"--seconds {quoted(text)} is not a number. Give a length such as 4 or 7.5.") from None
    if not MIN_SECONDS <= value <= MAX_SECONDS:  # false for NaN
        raise UsageError(
            f"--seconds {quoted(text)} is not a length that a take can have. Give {MIN_SECONDS:g} to {MAX_SECONDS:g} seconds."
        )
    return exact(value)


def parse_fps(text: str) -> Fraction:
    """A frame rate: a whole number, a decimal or a ratio such as 30000/1001.

    Raises:
        UsageError: not a rate, not above 0, or above MAX_FPS.
    """
    given = quoted(text)
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


def parse_video_fps(text: str) -> Fraction:
    """A frame rate that a video can have.

    Raises:
        UsageError: as for `parse_fps`, or too fine a ratio.
    """
    return video_rate(parse_fps(text), f"--fps {quoted(text)}")


def video_rate(rate: Fraction, what: str) -> Fraction:
    """The rate, if a video can have it.

    Args:
        rate: frames per second.
        what: it is, for the error.

    Raises:
        UsageError: it is below 1, above MAX_FPS or too fine a ratio.
    """
    if rate < 1:
        raise UsageError(f"{what} is below the 1 that a video has at least. Give --fps with a rate such as 25.")
    if rate > MAX_FPS:
        raise UsageError(f"{what} is above the {MAX_FPS} that a video can have. Give --fps with a rate such as 25.")
    if rate.numerator > MAX_TERM or rate.denominator > MAX_TERM:
        raise UsageError(
            f"{what} is too fine a ratio for a video, which counts in numbers up to {MAX_TERM:,}. Give --fps with a rate such "
            "as 25 or 30000/1001."
        )
    return rate


def parse_size(text: str) -> int:
    """Pixels of a video's longer side.

    Raises:
        UsageError: not a whole number from MIN_SIZE to MAX_SIZE.
    """
    if not re.fullmatch("[0-9]{1,6}", text) or not MIN_SIZE <= int(text) <= MAX_SIZE:
        raise UsageError(
            f"--size {quoted(text)} is not a size. Give the pixels of the longer side, {MIN_SIZE} to {MAX_SIZE}, such as 720."
        )
    return int(text)


def parse_face(text: str) -> int:
    """Which of several faces is meant.

    Raises:
        UsageError: not a whole number from 1 to MAX_FACE.
    """
    if not re.fullmatch("[0-9]{1,3}", text) or not 1 <= int(text) <= MAX_FACE:
        raise UsageError(
            f"--face {quoted(text)} is not the number of a face. Give 1 for the largest, 2 for the next, up to {MAX_FACE}."
        )
    return int(text)


def parse_background(text: str) -> Background:
    """What is to be behind the person.

    Raises:
        UsageError: none of the words, and no colour.
    """
    if text in ("keep", "alpha", "green"):
        return text  # type: ignore[return-value]  # narrowed to its literals
    if re.fullmatch("#[0-9a-fA-F]{6}", text):
        red, green, blue = bytes.fromhex(text[1:])
        return red, green, blue
    raise UsageError(
        f"--background {quoted(text)} is not known. Give keep, alpha, green, or a colour such as '#2040a0' (in quotes, since "
        "a shell takes # for a comment)."
    )


def parse_seed(text: str) -> int:
    """A seed.

    Raises:
        UsageError: not a whole number from 0 below 2^63.
    """
    if not text.isascii() or not text.isdigit() or int(text[:20]) >= 2**63 or len(text) > 19:
        raise UsageError(f"--seed {quoted(text)} is not a seed. Give a whole number from 0 to {2**63 - 1}.")
    return int(text)


def parse_place(text: str) -> int:
    """The place of a record in a journal.

    Raises:
        UsageError: not a whole number from 1.
    """
    if not re.fullmatch("[0-9]{1,10}", text) or int(text) < 1:
        raise UsageError(
            f"--until {quoted(text)} is not the place of a record. Give a whole number from 1; --numbers shows them."
        )
    return int(text)
