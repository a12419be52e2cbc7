"""Reading a motion file, at another frame rate if asked for, and easing its values into what a rig can show.

Rules
- `protocol.motion.Motion` says what a motion document is. As Python objects an hour of frames would take tens of gigabytes,
  so the document without its frames is held to that model, and the frames are read in blocks straight into an array.
- Size, frames and seconds are bounded before anything of that size is built.
- The `eyeLook*` coefficients follow from the eye angles wherever a motion comes from; what a file holds of them is not used.
- What is left out or cut is said in `notes`; what is no motion is refused with the place, frames being counted from 0.
"""

from __future__ import annotations

import math
import re

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from numpy.typing import ArrayLike, NDArray
from pydantic import TypeAdapter

from protocol.channels import CHANNELS, INDEX, NAMES, look_coefficients
from protocol.keyframes import MAX_SECONDS
from renderer.inputs import open_input
from renderer.motion_text import (
    ADVICE,
    BLOCK,
    MAX_BYTES,
    MAX_FRAMES,
    SPACE,
    MotionError,
    Place,
    find_frames,
    listed,
    read_header,
    shown,
)

__all__ = ["Beyond", "MotionData", "MotionError", "Samples", "eased", "read_motion", "resample"]

Samples = NDArray[np.float32]
"""float32 [frames, channels], the channels in the order of `protocol.channels.NAMES`."""

_MAX_ROW = 1024 * 1024
"""Bytes of one frame."""
_FRAMES_AT_ONCE = 20_000
_NAMED = 5
"""The most channels that have a note of their own."""
_IN_NUMBERS = b"0123456789+-.eE,[]" + SPACE
_NUMBER = re.compile(rb"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_ROW = re.compile(rb"\[([^][]*)\]")
_LIST_OF_ROWS = TypeAdapter(list[list[float]])
_DERIVED = [INDEX[channel.name] for channel in CHANNELS.values() if channel.derived]


@dataclass(frozen=True, slots=True, eq=False)
class MotionData:
    """A motion as it is rendered.

    Attributes:
        samples: float32 [frames, channels], read-only, in the channels' units; frame n is shown at n / fps seconds. Values may
            lie up to the width of a channel's range beyond it (see `eased`).
        fps: frames per second, exactly.
        direction: the words that it came from; empty if it came from none.
        seed: of the take that it came from.
        notes: what was left out or cut, each a sentence.
    """

    samples: Samples
    fps: Fraction
    direction: str
    seed: int
    notes: tuple[str, ...]

    @property
    def seconds(self) -> Fraction:
        """How long it lasts: each frame, the last one too, is shown for 1 / fps seconds."""
        return len(self.samples) / self.fps


@dataclass(frozen=True, slots=True)
class Beyond:
    """Values of a channel that lay beyond a range.

    Attributes:
        channel: its name.
        worst: the value that lay furthest beyond, in the channel's unit.
        frame: the first that holds it.
        count: of frames with values beyond the range.
    """

    channel: str
    worst: float
    frame: int
    count: int


def read_motion(path: Path) -> MotionData:
    """Read a motion document.

    A file may hold fewer channels than the vocabulary and in another order: what it does not hold is at rest, at 0. Channels
    that are not in the vocabulary are left out. A value more than the width of its channel's range beyond that range is a
    mistake and cut there. Each of these is noted.

    Raises:
        MotionError: the file is missing, too large or cut off, no motion of this version, holds no frame or none of the
            channels, lasts too long, or a frame is not a row of finite numbers, one for each channel.
    """
    with open_input(path, "a motion", most=MAX_BYTES, refused=MotionError) as stream:
        place = find_frames(path, stream)
        header, columns = read_header(path, place.rest)
        seconds = place.rows / header.rate
        if seconds > MAX_SECONDS:
            raise MotionError(
                f"{path} lasts {float(seconds):,.0f} seconds at its {header.fps} frames per second and the limit is "
                f"{MAX_SECONDS:,.0f}. Split it into shorter motions."
            )
        samples, far = _Rows(path, stream, place, columns).read()
    for first in range(0, len(samples), _FRAMES_AT_ONCE):
        derive(samples[first : first + _FRAMES_AT_ONCE])
    samples.setflags(write=False)
    return MotionData(samples, header.rate, header.direction, header.seed, tuple(_notes(columns, far)))


def resample(motion: MotionData, fps: Fraction) -> Samples:
    """A motion at another frame rate, by linear interpolation.

    Args:
        motion: to show.
        fps: frames per second, above 0.

    Returns:
        float32 [frames, channels], read-only: frame n is the motion at exactly n / fps seconds, for all n with n / fps below
        the motion's length. After the motion's last frame its values stay as they are. The `eyeLook*` coefficients are read
        off the interpolated eye angles, so that a glance across the centre shows no mixture of both directions.

    Raises:
        MotionError: more than `MAX_FRAMES` frames come out.
        ValueError: the rate is not above 0.
    """
    if fps <= 0:
        raise ValueError(f"{fps} frames per second is no rate: it must be above 0")
    if fps == motion.fps:
        return motion.samples
    count = math.ceil(motion.seconds * fps)
    if count > MAX_FRAMES:
        raise MotionError(
            f"The motion lasts {float(motion.seconds):,.1f} seconds, which is {count:,} frames at {fps} per second, and "
            f"the limit is {MAX_FRAMES:,}. Ask for fewer frames per second."
        )
    given = motion.samples
    step = motion.fps / fps  # frames of the motion from one frame of the result to the next
    result = np.empty((count, given.shape[1]), np.float32)
    for first in range(0, count, _FRAMES_AT_ONCE):
        numbers = range(first, min(first + _FRAMES_AT_ONCE, count))
        # Whole numbers of any size: these products outgrow 64 bits at rates such as 2997003/50021.
        places = [divmod(number * step.numerator, step.denominator) for number in numbers]
        before = np.array([place for place, _ in places])
        share = np.array([part / step.denominator for _, part in places])[:, None]
        after = np.minimum(before + 1, len(given) - 1)
        start = given[before].astype(np.float64)
        result[first : first + len(places)] = start + (given[after] - start) * share
        derive(result[first : first + len(places)])
    result.setflags(write=False)
    return result


def eased(samples: Samples, low: ArrayLike, high: ArrayLike, soft: float = 0.8) -> tuple[Samples, tuple[Beyond, ...]]:
    """Ease values beyond a range smoothly into it: small ones stay, large ones come near the range's end and never pass it.

    With the bound b (`high` above 0, `low` below), the knee k = soft * b and the room r = b - k, a value x beyond the knee
    becomes k + r * tanh((x - k) / r). Slope and curvature are continuous at the knee (1 and 0 on both sides), so no jerk shows
    where easing begins. A value at the bound itself becomes k + 0.76 r: at the default, 95 % of the bound. A bound of 0 leaves
    no room, so what lies on its side is cut to 0: rest stays rest.

    Args:
        samples: float32 [frames, channels], finite.
        low: smallest values that can be shown, one for each channel or one for all; at most 0.
        high: largest values that can be shown, likewise; at least 0.
        soft: share of the range that is left as it is, 0 to below 1.

    Returns:
        float32 [frames, channels] within `low` and `high`, and which channels had values beyond those, in the order of the
        channels.

    Raises:
        ValueError: a range does not hold 0, or `soft` is not such a share.
    """
    lows = np.broadcast_to(np.asarray(low, np.float32), samples.shape[1:])
    highs = np.broadcast_to(np.asarray(high, np.float32), samples.shape[1:])
    if not 0 <= soft < 1:
        raise ValueError(f"a share of {soft} of a range cannot be left as it is: give 0 to below 1")
    if not ((lows <= 0) & (highs >= 0)).all():
        raise ValueError("each range must hold 0, where a channel rests")
    result = np.empty(samples.shape, np.float32)
    beyond = _Extremes()
    for first in range(0, len(samples), _FRAMES_AT_ONCE):
        channels = samples[first : first + _FRAMES_AT_ONCE].T.astype(np.float32, order="C")
        for name, values, smallest, largest in zip(NAMES, channels, lows.tolist(), highs.tolist(), strict=True):
            if values.min() < soft * smallest or values.max() > soft * largest:
                beyond.add(name, values, (smallest, largest), first)
                _ease(values, -1.0, -smallest, soft)
                _ease(values, 1.0, largest, soft)
        result[first : first + _FRAMES_AT_ONCE] = channels.T
    return result, beyond.found()


def _ease(values: Samples, side: float, size: float, soft: float) -> None:
    """Ease in place what lies on one side (1 or -1) of rest, where the range reaches `size` far."""
    knee, room = soft * size, (1 - soft) * size
    outside = side * values > knee
    sized = side * values[outside].astype(np.float64)
    values[outside] = side * (knee + room * np.tanh((sized - knee) / room)) if room else 0.0


class _Extremes:
    """Collects values beyond ranges, block by block."""

    def __init__(self) -> None:
        self._found: dict[str, Beyond] = {}

    def add(self, channel: str, values: NDArray[Any], bounds: tuple[float, float], first: int) -> None:
        """Look at some frames of a channel, of which `first` is the first."""
        excess = np.maximum(bounds[0] - values, values - bounds[1])
        count = int((excess > 0).sum())
        if not count:
            return
        frame = int(excess.argmax())
        worst = float(values[frame])
        earlier = self._found.get(channel)
        if earlier is not None:
            count += earlier.count
            if max(bounds[0] - earlier.worst, earlier.worst - bounds[1]) >= excess[frame]:
                self._found[channel] = replace(earlier, count=count)
                return
        self._found[channel] = Beyond(channel, worst, first + frame, count)

    def found(self) -> tuple[Beyond, ...]:
        """What lay beyond, in the order of the channels."""
        return tuple(self._found[name] for name in NAMES if name in self._found)


def derive(samples: Samples) -> None:
    """Fill in the `eyeLook*` coefficients of some frames from their eye angles, in place."""
    work = samples.T.astype(np.float64)
    look_coefficients(work)
    samples[:, _DERIVED] = work[_DERIVED].T


class _Rows:
    """Reads the frames of a document, block by block, into one array.

    Args:
        path: of the file.
        stream: to read.
        place: of the frames in it.
        columns: what their columns are, known or not.
    """

    def __init__(self, path: Path, stream: BinaryIO, place: Place, columns: Sequence[str]) -> None:
        self._path = path
        self._stream = stream
        self._place = place
        self._columns = columns
        used = [(column, CHANNELS[name]) for column, name in enumerate(columns) if name in CHANNELS]
        used = [(column, channel) for column, channel in used if not channel.derived]
        self._names = [channel.name for _, channel in used]
        self._sources = [column for column, _ in used]
        self._targets = [INDEX[name] for name in self._names]
        self._low = np.array([2 * channel.low - channel.high for _, channel in used], np.float64)
        self._high = np.array([2 * channel.high - channel.low for _, channel in used], np.float64)

    def read(self) -> tuple[Samples, tuple[Beyond, ...]]:
        """The samples without the `eyeLook*` coefficients, and what lay so far beyond its range that it was cut."""
        samples = np.zeros((self._place.rows, len(NAMES)), np.float32)
        far = _Extremes()
        done = 0
        for block in self._blocks():
            values = self._parsed(block, done)[:, self._sources]
            if done + len(values) > len(samples):
                raise self._changed()
            if (values < self._low).any() or (values > self._high).any():
                for column, name in enumerate(self._names):
                    far.add(name, values[:, column], (self._low[column], self._high[column]), done)
                values = np.clip(values, self._low, self._high)
            samples[done : done + len(values), self._targets] = values
            done += len(values)
        if done != len(samples):  # as many lists began as were read, since all of them were flat
            raise self._changed()
        return samples, far.found()

    def _blocks(self) -> Iterator[bytes]:
        """The text of the frames in pieces of whole rows, separated by commas as in one list."""
        self._stream.seek(self._place.start)
        left, text, begun = self._place.end - self._place.start, b"", False
        while left:
            chunk = self._stream.read(min(BLOCK, left))
            if not chunk:
                raise self._changed()
            left -= len(chunk)
            text += chunk
            if cut := text.rfind(b"]") + 1:
                block, text = text[:cut], text[cut:]
                if begun:
                    block = block.lstrip(SPACE)
                    if not block.startswith(b","):
                        raise self._not_a_list()
                    block = block[1:]
                begun = True
                yield block
            if len(text) > _MAX_ROW:
                raise MotionError(f"{self._path} is no motion: one of its frames is longer than a MiB. {ADVICE}")
        if text.strip(SPACE):
            raise self._not_a_list()

    def _parsed(self, block: bytes, first: int) -> NDArray[np.float64]:
        """Rows as float64 [frames, columns]; `first` is the number of the first of them."""
        # Text, words and NaN hold bytes that numbers do not: what gets past this is a number or no JSON.
        if not block.translate(None, _IN_NUMBERS):
            try:
                values = np.array(_LIST_OF_ROWS.validate_json(b"[" + block + b"]"), np.float64)
            except ValueError:  # no JSON, or rows of different lengths
                raise self._wrong(block, first) from None
            if values.shape[1:] == (len(self._columns),) and np.isfinite(values).all():
                return values
        raise self._wrong(block, first)

    def _wrong(self, block: bytes, first: int) -> MotionError:
        """What is wrong with a block that could not be used."""
        for number, row in enumerate(_ROW.finditer(block), first):
            values = [value.strip(SPACE) for value in row[1].split(b",")] if row[1].strip(SPACE) else []
            for value, name in zip(values, self._columns, strict=False):
                if not _NUMBER.fullmatch(value) or not math.isfinite(float(value)):
                    said = shown(value.decode("ascii", "backslashreplace")) if value else "nothing"
                    return MotionError(
                        f"{self._path} holds {said} for {shown(name)} in frame {number}, which is no finite number. {ADVICE}"
                    )
            if len(values) != len(self._columns):
                return MotionError(
                    f"{self._path} has {len(values):,} values in frame {number}, where {len(self._columns):,} channels are "
                    f"named. {ADVICE}"
                )
        return self._not_a_list()

    def _changed(self) -> MotionError:
        return MotionError(f"{self._path} changed while it was read. Try again when it is written to the end.")

    def _not_a_list(self) -> MotionError:
        return MotionError(f"{self._path} is no motion: its frames are not a list of lists of numbers. {ADVICE}")


def _notes(columns: Sequence[str], far: Sequence[Beyond]) -> Iterator[str]:
    unknown = [name for name in columns if name not in CHANNELS]
    if unknown:
        yield f"Channels that are not known were left out: {listed(unknown)}."
    looks = [name for name in columns if name in CHANNELS and CHANNELS[name].derived]
    if looks and not any(name in columns for name in NAMES if name.startswith(("eyeYaw", "eyePitch"))):
        yield "The eyeLook channels are not used: gaze comes from eyeYaw and eyePitch, which the file does not hold."
    for beyond in far[:_NAMED]:
        channel = CHANNELS[beyond.channel]
        values = "1 value" if beyond.count == 1 else f"{beyond.count:,} values"
        yield (
            f"{channel.name}: {values} far beyond {channel.low:g} to {channel.high:g} cut, the worst {beyond.worst:g} "
            f"in frame {beyond.frame}."
        )
    if len(far) > _NAMED:
        yield f"{len(far) - _NAMED} more channels had values far beyond their range, which were cut."
