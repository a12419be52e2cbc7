"""What a program asks a session for by keywords, held to the same bounds as the options of the command line.

Rules
- A value goes through the option's own check, so that both refuse the same; what is said of it names the keyword.
- A keyword that there is not is refused with those that there are, and so is a value of another type than the keyword's.
"""

from __future__ import annotations

import os

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from configs.loading import did_you_mean
from protocol.language_model import LanguageModel
from protocol.messages import MAX_ROUNDS
from runtime.commands.asking import DEVICES, RENDERERS, RUNTIMES
from runtime.onray.placement import parse_workers
from runtime.options import (
    Background,
    TakeOptions,
    UsageError,
    parse_background,
    parse_direction,
    parse_emotion,
    parse_face,
    parse_fps,
    parse_seconds,
    parse_seed,
    parse_size,
    quoted,
    video_rate,
)

_OF_SHELLS = " (in quotes, since a shell takes # for a comment)"
"""What the command line's errors say of colours, and programs need not be told."""


@dataclass(frozen=True, slots=True)
class _Keyword:
    """A keyword.

    Attributes:
        types: of what it may be given; bool is no number here.
        meant: what it has to be, for the error.
        parse: the option's check of what was given, as text; None where the type is all that matters.
        empty: whether None may be given, which is the same as leaving it out.
    """

    types: tuple[type, ...]
    meant: str
    parse: Callable[[str], Any] | None = None
    empty: bool = False


def _rounds(text: str) -> int:
    if not 1 <= int(text) <= MAX_ROUNDS:
        raise UsageError(f"--rounds {quoted(text)} is not a round that can be the last of a beat. Give 1 to {MAX_ROUNDS}.")
    return int(text)


def _one_of(name: str, choices: Sequence[str]) -> _Keyword:
    def parse(text: str) -> str:
        if text not in choices:
            raise UsageError(f"--{name} {quoted(text)} is not known. Give {' or '.join(choices)}.")
        return text

    return _Keyword((str,), " or ".join(choices), parse)


_SESSION: Mapping[str, _Keyword] = {
    "runtime": _one_of("runtime", RUNTIMES),
    "renderer": _one_of("renderer", RENDERERS),
    "device": _one_of("device", DEVICES),
    "workers": _Keyword((int,), "a whole number, or None", parse_workers, empty=True),
}
_TAKE: Mapping[str, _Keyword] = {
    "seconds": _Keyword((int, float), "a number of seconds such as 4 or 7.5, or None", parse_seconds, empty=True),
    "fps": _Keyword((int, float, Fraction, str), 'a number such as 25, or a ratio such as "30000/1001"', parse_fps),
    "seed": _Keyword((int,), "a whole number", parse_seed),
    "idle": _Keyword((bool,), "True or False"),
    "negotiate": _Keyword((bool,), "True or False"),
    "emotion": _Keyword((str,), "words that name a feeling", parse_emotion),
    "rounds": _Keyword((int,), "a whole number", _rounds),
}
_FILM: Mapping[str, _Keyword] = {
    "size": _Keyword((int,), "the pixels of the longer side, or None", parse_size, empty=True),
    "face": _Keyword((int,), "the number of a face, or None", parse_face, empty=True),
    "background": _Keyword((str, tuple, list), 'keep, alpha, green, or a colour such as "#2040a0" or (32, 64, 160)'),
    "sheet": _Keyword((str, os.PathLike), "the name of a file, or None", str, empty=True),
    "neutral": _Keyword((bool,), "True or False"),
}


def check_session(asked: Mapping[str, Any]) -> None:
    """Refuse a session of another kind than there is.

    Args:
        asked: its `runtime`, `renderer`, `device` and `workers`.

    Raises:
        UsageError: it is one.
    """
    _parsed(asked, _SESSION, "A session")


def take_options(direction: object, asked: Mapping[str, Any], language_model: LanguageModel | None) -> TakeOptions:
    """What a take is asked for.

    Args:
        direction: the words.
        asked: the other keywords.
        language_model: what its planners ask; None for the embedded ones.

    Raises:
        UsageError: that cannot be.
    """
    words = _text(direction, 'The direction has to be words, such as "She smiles."')
    return TakeOptions(direction=parse_direction(words), language_model=language_model, **_parsed(asked, _TAKE, "A take"))


def film_options(film: Mapping[str, Any] | None) -> dict[str, Any]:
    """How a take is filmed besides, as `runtime.options.FilmOptions` takes it; `sheet` as text, which may be a URL.

    Raises:
        UsageError: that cannot be.
    """
    if film is not None and not isinstance(film, Mapping):
        raise UsageError(f'film= is {_kind(film)}. Give a dictionary such as {{"size": 720}}.')
    given = _parsed(film or {}, _FILM, "film=")
    if "background" in given:
        given["background"] = _background(given["background"])
    return given


def check_video_rate(wanted: TakeOptions) -> None:
    """Refuse a frame rate that a video cannot have.

    Raises:
        UsageError: it is one.
    """
    try:
        video_rate(wanted.fps, f"fps={wanted.fps}")
    except UsageError as error:
        raise UsageError(str(error).replace("--fps", "fps=")) from None


def named(what: str, value: object) -> str:
    """The name of a file, a folder or a URL as text.

    Args:
        what: it is of, for the error.
        value: what was given.

    Raises:
        UsageError: it is neither text nor a path.
    """
    return _text(value, f"{what} has to be the name of a file or a URL")


def _text(value: object, wanted: str) -> str:
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if not isinstance(value, str):
        raise UsageError(f"{wanted}, and this is {_kind(value)}.")
    return value


def _parsed(given: Mapping[str, Any], known: Mapping[str, _Keyword], where: str) -> dict[str, Any]:
    parsed = {}
    for name, value in given.items():
        keyword = known.get(name)
        if keyword is None:
            meant = did_you_mean(str(name), known) or "."
            raise UsageError(f"{where} has no keyword {quoted(str(name))}{meant} There are {', '.join(known)}.")
        if value is None and keyword.empty:
            continue
        if not isinstance(value, keyword.types) or (isinstance(value, bool) and bool not in keyword.types):
            raise UsageError(f"{name}={_shown(value)} is {_kind(value)}. Give {keyword.meant}.")
        parsed[name] = value if keyword.parse is None else _checked(name, value, keyword.parse)
    return parsed


def _checked(name: str, value: object, parse: Callable[[str], Any]) -> Any:
    text = str(value)
    try:
        return parse(text)
    except UsageError as error:
        said = str(error).replace(f"--{name} {quoted(text)}", f"{name}={_shown(value)}").replace(f"--{name}", name)
        raise UsageError(said.replace(_OF_SHELLS, "")) from None


def _background(value: Any) -> Background:
    if isinstance(value, str):
        background: Background = _checked("background", value, parse_background)
        return background
    colour = tuple(value)
    if len(colour) != 3 or not all(type(part) is int and 0 <= part <= 255 for part in colour):
        raise UsageError(f"background={_shown(value)} is not a colour. Give {_FILM['background'].meant}.")
    return colour


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def _kind(value: object) -> str:
    return "None" if value is None else f"of type {type(value).__name__}"
