"""Motions of whole briefs, and ways to spoil them: what a critic has to see."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from agents.critic import IntentFound, Review, review
from agents.rehearsal import rehearse
from configs.tables import Tables
from protocol.brief import Act, Beat, Brief
from protocol.channels import CHANNELS, INDEX, NAMES
from protocol.constraints import Samples
from protocol.messages import TakeOpened
from runtime.loading import Loaded
from runtime.options import TakeOptions
from runtime.take import opening

RATE = 60
FPS = Fraction(RATE)
DIRECTION = "She smiles warmly, then glances left and raises an eyebrow. She nods twice, then winks with the left eye."


def opened(loaded: Loaded, direction: str = DIRECTION, *, idle: bool = True, seed: int = 0) -> TakeOpened:
    """The opening of a take."""
    return opening(TakeOptions(direction=direction, idle=idle, seed=seed), loaded)


def understood(loaded: Loaded, direction: str = DIRECTION) -> Brief:
    """What the embedded director makes of a direction."""
    return loaded.director.brief(opened(loaded, direction), {}, lambda exchange: None)


def beat_of(*acts: Act, seconds: float, start: float = 0.0) -> Beat:
    """A beat that asks for these acts."""
    return Beat(start=start, end=start + seconds, summary="", acts=acts)


def alone(act: Act, seconds: float) -> Brief:
    """A brief that asks for one thing."""
    return Brief(beats=(beat_of(act, seconds=seconds),))


def without(brief: Brief, name: str) -> Brief:
    """A brief without the acts of a name."""
    beats = [beat.model_copy(update={"acts": tuple(a for a in beat.acts if a.name != name)}) for beat in brief.beats]
    return brief.model_copy(update={"beats": tuple(beats)})


def judged(tables: Tables, brief: Brief, samples: Samples, *, idle: bool = True) -> Review:
    """What the critic says."""
    return review(brief, samples, FPS, tables, idle=idle)


def found(reviewed: Review, name: str) -> IntentFound:
    """What it says of the first intent of a name."""
    return next(intent for intent in reviewed.intents if intent.name == name)


def performed(loaded: Loaded, brief: Brief, *, idle: bool = True) -> Samples:
    """The motion that embedded regions make of a brief."""
    return rehearse(loaded.tables, opened(loaded, idle=idle), brief)


def still_face(seconds: float) -> Samples:
    """A face at rest that nothing moves."""
    return np.zeros((len(NAMES), round(seconds * RATE)))


# ------------------------------------------------------------------------------------------------------------- damages


def delayed(samples: Samples, seconds: float = 0.6) -> Samples:
    """All of it later."""
    frames = round(seconds * RATE)
    return np.concatenate([np.repeat(samples[:, :1], frames, axis=1), samples[:, :-frames]], axis=1)


def halved(samples: Samples) -> Samples:
    """All of it half as large."""
    return samples * 0.5


def frozen(samples: Samples, seconds: float) -> Samples:
    """As it was at a time, from then on."""
    frame = round(seconds * RATE)
    spoilt = samples.copy()
    spoilt[:, frame:] = samples[:, frame : frame + 1]
    return spoilt


def mirrored(samples: Samples) -> Samples:
    """Both sides alike: each coefficient of a pair as large as the larger of them."""
    spoilt = samples.copy()
    for name in NAMES:
        stem = CHANNELS[name].stem
        if name == f"{stem}Left" and CHANNELS[name].unit == "share":
            rows = [INDEX[f"{stem}Left"], INDEX[f"{stem}Right"]]
            spoilt[rows] = samples[rows].max(axis=0)
    return spoilt


def at_one_stroke(samples: Samples) -> Samples:
    """Every coefficient that moves follows the one that moves most; both sides do."""
    spoilt = mirrored(samples)
    rows = [INDEX[n] for n, c in CHANNELS.items() if c.unit == "share" and not c.derived and "Blink" not in n]
    tops = spoilt[rows].max(axis=1)
    course = spoilt[rows[int(np.argmax(tops))]] / tops.max()
    spoilt[rows] = np.where(tops[:, np.newaxis] > 0.05, tops[:, np.newaxis] * course, spoilt[rows])
    return spoilt


def shaken(samples: Samples, size: float = 0.012) -> Samples:
    """With noise on every channel: so much of a coefficient, a third of a degree."""
    chance = np.random.default_rng(1)
    spoilt = samples.copy()
    for name, channel in CHANNELS.items():
        if not channel.derived:
            scale = size * {"share": 1.0, "degree": 25.0, "cm": 3.0}[channel.unit]
            spoilt[INDEX[name]] += chance.normal(0, scale, samples.shape[1])
    return spoilt
