"""Fitting a motion to what a rig can show: rounded as a motion file keeps it, eased into the rig's ranges, and told about."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from protocol.channels import CHANNELS, INDEX, NAMES
from protocol.constraints import Samples as Sampled
from renderer.motions import Samples, derive, eased
from runtime.outputs import rounded

Ranges = Mapping[str, tuple[float, float]]
"""Lowest and highest value that a rig can show, by channel."""
_UNITS = {"degree": " degrees", "cm": " cm", "share": ""}
_NAMED = 5
"""The most channels beyond their own range that have a note of their own."""
_NOTABLE = 0.05
"""Share of a range by which a value has to lie beyond it to be worth a word: less is hardly seen."""


def shown_rows(samples: Sampled, ranges: Ranges) -> Samples:
    """Frames of a committed motion as they are rendered: the very numbers that rendering the take's motion file comes to.

    Args:
        samples: float64 [channels, frames] of the timeline.
        ranges: of the rig.

    Returns:
        float32 [frames, channels].
    """
    rows = as_rendered(samples)
    return fitted(rows, ranges)[0] if len(rows) else rows


def as_rendered(samples: Sampled) -> Samples:
    """A committed motion as a renderer reads it from its file: float32 [frames, channels], from float64 [channels, frames]."""
    rows = rounded(samples).astype(np.float32)
    derive(rows)
    return rows


def fitted(samples: Samples, ranges: Ranges) -> tuple[Samples, tuple[str, ...]]:
    """A motion within what a rig can show, and what of it had to be changed.

    Where the rig names a range, values beyond it are eased into it (`renderer.motions.eased`). All other channels have their
    full range as it is, so that a closed eye stays closed; what lies beyond that is cut off.
    """
    low, high = np.full(len(NAMES), -np.inf, np.float32), np.full(len(NAMES), np.inf, np.float32)
    for name, bounds in ranges.items():
        low[INDEX[name]], high[INDEX[name]] = bounds
    shown, beyond = eased(samples, low, high)
    notes = []
    for each in beyond:
        least, most = ranges[each.channel]
        if max(each.worst - most, least - each.worst) <= _NOTABLE * (most - least):
            continue
        unit = _UNITS[CHANNELS[each.channel].unit]
        notes.append(
            f"{_spoken(each.channel)} eased from {each.worst:.3g} to {shown[each.frame, INDEX[each.channel]]:.3g}{unit}: this "
            "portrait cannot show more of it"
        )
    cut = []
    for name, channel in CHANNELS.items():
        if name in ranges:
            continue
        values = shown[:, INDEX[name]]
        least, most = float(values.min()), float(values.max())
        worst, excess = max((least, channel.low - least), (most, most - channel.high), key=lambda pair: pair[1])
        if excess <= 0:
            continue
        np.clip(values, channel.low, channel.high, out=values)
        if excess > _NOTABLE * (channel.high - channel.low) and not channel.derived:
            cut.append(f"{_spoken(name)} cut from {worst:.3g} to its range of {channel.low:g} to {channel.high:g}")
    named = len(cut) if len(cut) <= _NAMED + 1 else _NAMED  # one more line says as much as "1 more"
    notes += cut[:named]
    if named < len(cut):
        notes.append(f"values of {len(cut) - named} more channels cut to their ranges")
    return shown, tuple(notes)


def _spoken(channel: str) -> str:
    """A channel's name as words: headYaw becomes head yaw."""
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in channel)
