"""Statistics of a motion beside those of people: blinks, saccades, gaze and head, smiles, nods, laughter, sides, stillness.

Everything is read from the sampled motion alone, as from a capture. Times are seconds, angles degrees, coefficients shares.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from numpy.typing import NDArray

from protocol.channels import CHANNELS, INDEX

Row = NDArray[np.float64]
RATE = 480
"""Frames per second at which motions are measured: a saccade of 5 degrees then takes 15 of them."""


@dataclass(frozen=True, slots=True)
class Blink:
    """One closing and opening of the lids.

    Attributes:
        at: when they begin to close.
        peak: how far they close, 0 to 1.
        closing: seconds from 5 % to 95 % of the way down, stretched to all of it.
        opening: likewise up.
        speeds: largest speed down and up, shares per second.
    """

    at: float
    end: float
    peak: float
    closing: float
    opening: float
    speeds: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Jump:
    """One saccade: when it starts, its size in the head, its duration and largest speed, how fast the head turned, its end."""

    at: float
    size: float
    seconds: float
    speed: float
    head: float
    last: float


def both(samples: Row, stem: str) -> Row:
    """The mean of the two sides of a channel."""
    return 0.5 * (samples[INDEX[f"{stem}Left"]] + samples[INDEX[f"{stem}Right"]])


def crossing(row: Row, level: float, start: int, stop: int) -> float:
    """The frame, with its fraction, at which a row first passes a level between two frames."""
    part = row[start : stop + 1] - level
    found = np.flatnonzero(part[:-1] * part[1:] <= 0)
    if not len(found):
        return float(start)
    at = int(found[0])
    step = float(part[at + 1] - part[at])
    return start + at + (-float(part[at]) / step if step else 0.0)


def runs(true: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """Stretches [first, last] of what is true."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], true.astype(np.int8), [0]))))
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        yield int(start), int(stop) - 1


def blinks(samples: Row) -> list[Blink]:
    """Passing closures of both lids: at least 0.3 deeper than what is around them, and no longer than 0.6 s."""
    row = np.minimum(samples[INDEX["eyeBlinkLeft"]], samples[INDEX["eyeBlinkRight"]])
    far = round(0.45 * RATE)
    found: list[Blink] = []
    for place in np.flatnonzero((row[1:-1] >= row[:-2]) & (row[1:-1] > row[2:])):
        peak = int(place) + 1
        before, after = row[max(peak - far, 0) : peak], row[peak : peak + far]
        down, up = float(before.min()), float(after.min())
        if min(row[peak] - down, row[peak] - up) < 0.3:
            continue
        start = max(peak - far, 0) + int(np.flatnonzero(before <= down + 0.02 * (row[peak] - down))[-1])
        end = peak + int(np.flatnonzero(after <= up + 0.02 * (row[peak] - up))[0])
        if (end - start) / RATE > 0.6 or (found and start / RATE < found[-1].at + 0.05):
            continue
        near = 0.97 * float(row[peak])
        top = [frame for frame in range(start, end + 1) if row[frame] >= near]
        closing, opening = _rise(row, start, top[0]), _rise(row[::-1], len(row) - 1 - end, len(row) - 1 - top[-1])
        speed = np.diff(row[start : end + 1]) * RATE
        fastest = (float(speed.max()), float(-speed.min()))
        found.append(Blink(start / RATE, end / RATE, float(row[peak]), closing, opening, fastest))
    return found


def _rise(row: Row, start: int, stop: int) -> float:
    """Seconds of a rise from its first to its last frame, by its steep part."""
    low, high = float(row[start]), float(row[stop])
    a, b = (crossing(row, low + share * (high - low), start, stop) for share in (0.05, 0.95))
    return (b - a) / RATE / 0.68


def speed(row: Row) -> Row:
    """Change per second, as long as the row."""
    result: Row = np.gradient(row) * RATE
    return result


def jumps(samples: Row) -> list[Jump]:
    """Saccades of the eyes in the head of at least 1 degree."""
    yaw, pitch = both(samples, "eyeYaw"), both(samples, "eyePitch")
    fast = np.hypot(speed(yaw), speed(pitch))
    head = np.hypot(speed(samples[INDEX["headYaw"]]), speed(samples[INDEX["headPitch"]]))
    found = []
    for start, stop in runs(fast > 25):
        size = float(np.hypot(yaw[stop] - yaw[start], pitch[stop] - pitch[start]))
        top = float(fast[start : stop + 1].max())
        # Slower by far than the main sequence: the eyes turn against the head, or pursue.
        if size < 1 or top < 50 or top < 0.45 * 473 * (1 - np.exp(-size / 7.8)):
            continue
        # The ends are slow: what moves at less than a twentieth of the largest speed counts by the profile.
        over = [start + first for first, _ in runs(fast[start : stop + 1] > top / 20)]
        ends = [start + last for _, last in runs(fast[start : stop + 1] > top / 20)]
        found.append(
            Jump(start / RATE, size, (ends[-1] - over[0] + 1) / RATE, top, float(head[start : stop + 1].max()), stop / RATE)
        )
    return found


@dataclass(frozen=True, slots=True)
class Shift:
    """A large movement of head or line of sight.

    Attributes:
        at, end: when it starts and ends.
        size: degrees.
        rests: whether it comes from rest and stays a while, unlike one swing of a shake.
    """

    at: float
    end: float
    size: float
    rests: bool = True


def turns(samples: Row, least: float, axes: Sequence[str] = ("headYaw", "headPitch")) -> list[Shift]:
    """Turns of the head of at least so many degrees on an axis, each a stretch faster than 6 degrees a second."""
    found = []
    for axis in axes:
        row = samples[INDEX[axis]]
        stretches = [one for sign in (1, -1) for one in runs(sign * speed(row) > 6.0)]
        large = sorted((a, b) for a, b in stretches if abs(row[b] - row[a]) >= 0.3 * least)
        for number, (start, stop) in enumerate(large):
            size = abs(float(row[stop] - row[start]))
            before = (start - large[number - 1][1]) / RATE if number else 1.0
            after = (large[number + 1][0] - stop) / RATE if number + 1 < len(large) else 1.0
            if size >= least:
                found.append(Shift(start / RATE, stop / RATE, size, min(before, after) > 0.2))
    return found


def shifts(samples: Row, least: float) -> list[Shift]:
    """Shifts of the line of sight in the world of at least so many degrees within 0.6 s."""
    yaw = samples[INDEX["headYaw"]] + both(samples, "eyeYaw")
    pitch = samples[INDEX["headPitch"]] + both(samples, "eyePitch")
    found: list[Shift] = []
    quick = np.hypot(speed(yaw), speed(pitch)) > 30
    reach = round(0.3 * RATE)
    joined: list[list[int]] = []
    for start, stop in runs(quick):
        if joined and start - joined[-1][1] < reach // 3:
            joined[-1][1] = stop
        else:
            joined.append([start, stop])
    for start, stop in joined:
        size = float(np.hypot(yaw[stop] - yaw[start], pitch[stop] - pitch[start]))
        if size >= least and (stop - start) / RATE < 1.0:
            found.append(Shift(start / RATE, stop / RATE, size))
    return found


def leads(samples: Row) -> list[float]:
    """Seconds by which the eyes start before the head, in every turn of at least 8 degrees with a saccade near it."""
    found = []
    eyes = [jump for jump in jumps(samples) if jump.size >= 3]
    for turn in turns(samples, 8.0):
        near = [jump for jump in eyes if -0.35 < jump.at - turn.at < 0.25]
        if near:
            found.append(turn.at - max(near, key=lambda jump: jump.size).at)
    return found


def reflex(samples: Row) -> list[float]:
    """Gain of the eyes against the head while that turns, after the line of sight has arrived: -1 holds it where it is."""
    found = []
    moving = [(jump.at, jump.last) for jump in jumps(samples)]
    for turn in turns(samples, 8.0):
        first = max((stop for at, stop in moving if turn.at - 0.1 < at < turn.end), default=turn.at) + 0.02
        a, b = round(first * RATE), round((turn.end - 0.1 * (turn.end - first)) * RATE)
        head, eye = samples[INDEX["headYaw"]], both(samples, "eyeYaw")
        if b - a > 0.08 * RATE and abs(head[b] - head[a]) > 3:
            found.append(float((eye[b] - eye[a]) / (head[b] - head[a])))
    return found


@dataclass(frozen=True, slots=True)
class Onset:
    """A coefficient coming up: when, how long from 2 to 98 %, from 10 to 80 %, the largest speed, and how far."""

    at: float
    seconds: float
    middle: float
    speed: float
    size: float


def onset(row: Row, start: float = 0.0, stop: float | None = None) -> Onset | None:
    """The first rise of a row to (nearly) its largest value in a span."""
    first = round(start * RATE)
    part = row[first : None if stop is None else round(stop * RATE)]
    base, top = float(part[0]), float(part.max())
    if top - base < 0.1:
        return None
    peak = int(np.flatnonzero(part >= base + 0.98 * (top - base))[0])
    low = int(np.flatnonzero(part[: peak + 1] <= base + 0.02 * (top - base))[-1])
    ten, eighty = (crossing(part, base + share * (top - base), low, peak) for share in (0.1, 0.8))
    quick = float((np.diff(part[low : peak + 1]) * RATE).max())
    return Onset((first + low) / RATE, (peak - low) / RATE, (eighty - ten) / RATE, quick, top - base)


def offset_seconds(row: Row) -> float:
    """Seconds of the last fall of a row, by its steep part: from 90 to 10 % of its largest value, stretched to all of it."""
    top = float(row.max())
    high, low = (int(np.flatnonzero(row >= share * top)[-1]) for share in (0.9, 0.1))
    return (low - high) / RATE / 0.6


def beat_rate(row: Row, least: float) -> list[float]:
    """Repetitions per second: one over the time between neighbouring peaks that stand out by `least`."""
    peaks = []
    extreme, at, rising = float(row[0]), 0, True
    for frame, value in enumerate(row):
        if rising:
            if value > extreme:
                extreme, at = float(value), frame
            elif extreme - value > least:
                peaks.append(at)
                extreme, at, rising = float(value), frame, False
        elif value < extreme:
            extreme, at = float(value), frame
        elif value - extreme > least:
            extreme, at, rising = float(value), frame, True
    return [RATE / (b - a) for a, b in pairwise(peaks)]


def still_share(samples: Row) -> float:
    """Share of the time in which nothing at all moves for a quarter of a second or more."""
    written = [known for known in CHANNELS.values() if not known.derived]
    scale = np.array([[1.0 if known.unit == "share" else 20.0] for known in written])
    moves = (np.abs(np.diff(samples[[INDEX[known.name] for known in written]] / scale, axis=1)) * RATE).max(axis=0)
    return sum(stop - start + 1 for start, stop in runs(moves < 0.002) if stop - start > 0.25 * RATE) / max(len(moves), 1)


def held(samples: Row) -> list[float]:
    """How much held coefficients stir: (largest - smallest) / mean over every second in which one is held up above 0.25."""
    found = []
    for name, known in CHANNELS.items():
        if known.derived or known.unit != "share" or name.startswith("eyeBlink"):
            continue
        row = samples[INDEX[name]]
        for start in range(0, len(row) - RATE, RATE // 2):
            part = row[start : start + RATE]
            mean = float(part.mean())
            if mean > 0.25 and float(np.abs(part - mean).max()) < 0.12 * mean:
                found.append(float(part.max() - part.min()) / mean)
    return found


def sides(samples: Row, stem: str) -> tuple[float, float] | None:
    """|left - right| / larger where a pair is up, and the seconds by which one comes after the other; None if it never is."""
    left, right = samples[INDEX[f"{stem}Left"]], samples[INDEX[f"{stem}Right"]]
    top = np.maximum(left, right)
    if float(top.max()) < 0.2 or min(float(left.max()), float(right.max())) < 0.6 * float(top.max()):
        return None
    up = top > 0.8 * float(top.max())
    apart = float((np.abs(left - right)[up] / top[up]).mean())
    starts = []
    for row in (left, right):
        peak = int(np.argmax(row))
        low = int(np.argmin(row[: peak + 1][::-1])) if peak else 0
        low = peak - low
        starts.append(crossing(row, 0.5 * (float(row[low]) + float(row[peak])), low, peak) / RATE)
    return apart, abs(starts[0] - starts[1])
