"""The small worlds that are explored: what must hold, what is asked for, and what each region may come up with.

In a beat of half a second each region moves one channel. Two rules couple them: jaw and brows together stay below 1, jaw and
left upper lid below 1.2; brows and eyes yield. A *calm* region stays at rest, which fits everything; a *bold* one moves so far
that, if jaw and brows or lids do it together, a rule is broken.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from protocol.brief import Beat, Brief
from protocol.channels import WRITABLE, Region
from protocol.constraints import Constraints
from protocol.keyframes import Curve, Source, Track, exact, key, make_track
from protocol.messages import BeatOpened, Decided, TakeOpened, Violation, digest
from protocol.region import Revision
from protocol.rules import Margins, RuleSet, Sum
from protocol.timeline import last_values

SECONDS = 0.5
"""Of a beat."""
ARRIVES = 0.4
"""Seconds at which a movement is over."""
LEAD: Mapping[Region, str] = {"brows": "browInnerUp", "eyes": "eyeWideLeft", "mouth": "jawOpen", "head": "headYaw"}
"""The one channel that each region moves."""
BOLD: Mapping[Region, float] = {"brows": 0.6, "eyes": 0.7, "mouth": 0.8, "head": 6.0}
"""Where a bold region moves it to."""
MILD: Mapping[Region, float] = {"brows": 0.2, "eyes": 0.4, "mouth": 0.5, "head": 3.0}
"""Where it moves to when it has been asked to yield."""


def constraints() -> Constraints:
    """The two rules."""
    about: dict[str, Any] = {"kind": "sum", "severity": "hard", "why": "regions need something to agree on", "source": "J"}
    brows = Sum(
        id="brows-under-jaw",
        weights={"browInnerUp": 1.0, "jawOpen": 1.0},
        max=1.0,
        yields="brows",
        gives=("browInnerUp",),
        **about,
    )
    eyes = Sum(
        id="lids-under-jaw",
        weights={"eyeWideLeft": 1.0, "jawOpen": 1.0},
        max=1.2,
        yields="eyes",
        gives=("eyeWideLeft",),
        **about,
    )
    return Constraints.of(RuleSet(margins=Margins(level=0.25, speed=0.0, accel=0.0, drift=0.0), rules=(brows, eyes)))


def brief(beats: int) -> Brief:
    """Equal beats that ask for nothing in particular."""
    spans = [(exact(SECONDS * n), exact(SECONDS * (n + 1))) for n in range(beats)]
    return Brief(beats=tuple(Beat(start=start, end=end, summary=f"beat at {start:g} s") for start, end in spans))


def opening(rounds: int, flags: tuple[str, ...] = ()) -> TakeOpened:
    """A take of an empty configuration."""
    return TakeOpened(
        take="explored",
        direction="",
        seed=0,
        fps="60",
        seconds=None,
        flags=flags,
        emotion="",
        rounds=rounds,
        configuration={},
        versions={},
    )


def briefed(opened: TakeOpened, beats: int) -> Decided:
    """The director's answer."""
    reply = brief(beats).model_dump_json()
    return Decided(
        beat=None, role="director", incarnation=1, round=0, planner="explored", request=digest(opened.take), reply=reply
    )


def revision(beat: BeatOpened, region: Region, incarnation: int, round_: int, manner: str) -> Revision:
    """What a region comes up with."""
    request = digest([region, beat.beat, round_])
    decided = Decided(
        beat=beat.beat, role=region, incarnation=incarnation, round=round_, planner="explored", request=request, reply=manner
    )
    return Revision(decided, track(beat, region, manner), manner)


def track(beat: BeatOpened, region: Region, manner: str) -> Track:
    """A region's movement in a beat: "calm", "bold" or "mild"; or "wrong", which does not begin where the last beat ended."""
    start = last_values(beat.end_state)
    curves = []
    for name in WRITABLE[region]:
        lead = name == LEAD[region]
        origin = exact(start[name] + 0.1) if lead and manner == "wrong" else start[name]
        goal = {"bold": BOLD[region], "mild": MILD[region]}.get(manner, origin)
        there = (key(ARRIVES, goal, "hold"),) if lead and goal != origin else ()
        curves.append(Curve(channel=name, keys=(key(0, origin, "min_jerk" if there else "hold"), *there)))
    return make_track(region, curves, (Source(gesture=manner),))


def objection(region: Region) -> Violation:
    """What a region brings up whether it is so or not."""
    yields: Region = "eyes" if region == "eyes" else "brows"
    return Violation(
        constraint="lids-under-jaw" if yields == "eyes" else "brows-under-jaw",
        channels=(LEAD[yields], LEAD["mouth"]),
        start=0.1,
        end=ARRIVES,
        measured=1.4,
        bound=1.0,
        yields=yields,
        suggested=0.2,
    )


@dataclass(frozen=True, slots=True)
class Budget:
    """How much may go wrong, in all.

    Attributes:
        bold: proposals that are not calm.
        objections: votes against.
        silences: questions that a region never answers.
        wrongs: proposals that do not fit the beat.
        crashes: of regions' processes.
        early: deadlines that pass although the region would have answered.
        outages: of the coordinator, which is then resumed.
        forged: messages that a region sends out of turn.
        stops: of the user.
    """

    bold: int = 0
    objections: int = 0
    silences: int = 0
    wrongs: int = 0
    crashes: int = 0
    early: int = 0
    outages: int = 0
    forged: int = 0
    stops: int = 0
