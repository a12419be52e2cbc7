"""How fast ten minutes of a whole face are sampled: `python tests/bench_sampling.py`.

Every channel that can be written gets a keyframe each 0.4 s on average, in a mix of all modes like that of composed
gestures, and is sampled at 60 frames per second on one core. Beside it, in the same run and on the same keyframes: SciPy's
PCHIP and NumPy's linear interpolation, channel by channel, which know one mode each and promise no equal bits. Each figure
is the best of several rounds, taken in turn so that a busy spell of the machine meets all of them.
"""

from __future__ import annotations

import sys
import time

from collections.abc import Callable
from fractions import Fraction
from typing import get_args

import numpy as np

from scipy.interpolate import PchipInterpolator

from protocol.channels import CHANNELS, WRITABLE
from protocol.interpolation import compile_curve, frame_times, sample_curves
from protocol.keyframes import Curve, Mode, exact, key

SECONDS = 600
FPS = Fraction(60)
ROUNDS = 7
BAR = 1000
"""Times real time that sampling must reach at least."""

MIX: dict[Mode, float] = {
    "hold": 0.05,
    "linear": 0.08,
    "ease_in": 0.07,
    "ease_out": 0.1,
    "ease_in_out": 0.15,
    "smooth": 0.3,
    "cubic": 0.05,
    "bezier": 0.05,
    "min_jerk": 0.1,
    "spring": 0.05,
}


def random_curve(channel: str, rng: np.random.Generator) -> Curve:
    """Keyframes for ten minutes in a mix of modes, at random values of the channel."""
    times = np.concatenate(([0.0], np.cumsum(rng.uniform(0.05, 0.75, int(SECONDS / 0.4)))))
    values = rng.uniform(CHANNELS[channel].low, CHANNELS[channel].high, times.size)
    modes = get_args(Mode)
    picks = rng.choice(len(modes), times.size, p=[MIX[mode] for mode in modes])
    keys = []
    for at, value, pick in zip(times.tolist(), values.tolist(), picks.tolist(), strict=True):
        handles = tuple(exact(x) for x in rng.uniform(0, 1, 4).tolist()) if modes[pick] == "bezier" else None
        keys.append(key(at, value, modes[pick], handles=handles))
    return Curve(channel=channel, keys=tuple(keys))


def main() -> int:
    rng = np.random.default_rng(20)
    curves = [random_curve(name, rng) for names in WRITABLE.values() for name in names]
    # Derived channels are cheaper: they are read off the eye angles. Here they are curves too, so that all columns count.
    curves += [random_curve("browInnerUp", rng) for _ in range(len(CHANNELS) - len(curves))]
    frames = frame_times(SECONDS * 60, FPS)
    compiled = [compile_curve(curve) for curve in curves]
    columns = [(curve.segments.times, curve.segments.values) for curve in compiled]

    contenders: dict[str, Callable[[], object]] = {
        "compile and sample": lambda: [compile_curve(curve).sample(frames) for curve in curves],
        "sample compiled curves": lambda: [curve.sample(frames) for curve in compiled],
        "compile and sample together": lambda: sample_curves(curves, frames),
        "scipy PchipInterpolator": lambda: [PchipInterpolator(times, values)(frames) for times, values in columns],
        "numpy.interp": lambda: [np.interp(frames, times, values) for times, values in columns],
    }
    best = dict.fromkeys(contenders, float("inf"))
    for _ in range(ROUNDS):
        for name, work in contenders.items():
            start = time.perf_counter()
            work()
            best[name] = min(best[name], time.perf_counter() - start)

    keys = sum(len(curve.keys) for curve in curves)
    print(f"{len(curves)} channels, {keys} keyframes, {frames.size} frames ({SECONDS} s at {FPS}/s); best of {ROUNDS}")
    for name, seconds in best.items():
        print(f"  {name:<27} {seconds * 1000:8.1f} ms  {SECONDS / seconds:8.0f} x real time")
    whole = best["compile and sample"]
    for name in ("scipy PchipInterpolator", "numpy.interp"):
        print(f"  compile and sample takes {whole / best[name]:.2f} of the time of {name}")
    reached = SECONDS / whole
    if reached < BAR:
        print(f"too slow: {reached:.0f} x real time, at least {BAR} is asked for", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
