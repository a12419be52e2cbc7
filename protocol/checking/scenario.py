"""The small worlds that are explored: what must hold, what is asked for, and what each region may come up with.

In a beat of half a second each region moves a channel or two. Two rules couple them: jaw and brows together stay below 1, jaw
and left upper lid below 1.2; brows and eyes yield. A *calm* region stays at rest, which fits everything; a *bold* one moves so
far that, if jaw and brows or lids do it together, a rule is broken.

Where "looks" count, too, the left eye may look up the less, the wider the jaw is open. What it looks like is derived from its
angle, so no repair knows what to change: a ruling on it has to go further down its ladder.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from protocol.brief import Beat, Brief
from protocol.channels import WRITABLE, Region
from protocol.constraints import Constraints
from protocol.keyframes import Curve, Source, Track, exact, key, make_track
from protocol.messages import OF_CRITIC, BeatOpened, Decided, FilmOpened, TakeOpened, Violation, digest
from protocol.region import Revision
from protocol.rules import Ceiling, Margins, RuleSet, Sum
from protocol.timeline import last_values

Rules = Literal["levels", "looks"]
"""Which rules hold: on what two regions do together, or on where the eye looks as well."""

SECONDS = 0.5
"""Of a beat."""
ARRIVES = 0.4
"""Seconds at which a movement is over."""
LEAD: Mapping[Region, str] = MappingProxyType(
    {"brows": "browInnerUp", "eyes": "eyeWideLeft", "mouth": "jawOpen", "head": "headYaw"}
)
"""The channel of each region that the rules speak of."""
GOALS: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "calm": {},
        "bold": {"browInnerUp": 0.6, "eyeWideLeft": 0.7, "jawOpen": 0.8, "headYaw": 6.0},
        "more": {"browInnerUp": 0.15, "eyeWideLeft": 0.15, "jawOpen": 0.15, "headYaw": 2.0},
        "most": {"browInnerUp": 0.19, "eyeWideLeft": 0.19, "jawOpen": 0.19, "headYaw": 2.5},
        "mild": {"browInnerUp": 0.2, "eyeWideLeft": 0.4, "jawOpen": 0.5, "headYaw": 3.0},
        "wide": {"jawOpen": 1.0},
        "up": {"eyePitchLeft": 13.0},
        "far up": {"eyePitchLeft": 26.0},
    }
)
"""Where a region moves its channels, by its manner; *mild* is what it does when it has been asked to yield, *more*
and *most* when the critic has sent it back."""
_OFTEN: Mapping[Region, tuple[str, ...]] = MappingProxyType(dict.fromkeys(WRITABLE, ("bold",)))
UNUSUAL: Mapping[Rules, Mapping[Region, tuple[str, ...]]] = MappingProxyType(
    {"levels": _OFTEN, "looks": MappingProxyType({**_OFTEN, "eyes": ("bold", "up", "far up"), "mouth": ("bold", "wide")})}
)
"""What a region may come up with besides staying calm."""


def _rule_set(rules: Rules) -> RuleSet:
    about: dict[str, Any] = {"severity": "hard", "why": "regions need something to agree on", "source": "J"}
    brows = Sum(
        kind="sum",
        id="brows-under-jaw",
        weights={"browInnerUp": 1.0, "jawOpen": 1.0},
        max=1.0,
        yields="brows",
        gives=("browInnerUp",),
        **about,
    )
    eyes = Sum(
        kind="sum",
        id="lids-under-jaw",
        weights={"eyeWideLeft": 1.0, "jawOpen": 1.0},
        max=1.2,
        yields="eyes",
        gives=("eyeWideLeft",),
        **about,
    )
    # Half as far up fits a bold jaw, a quarter of the way is too far from all the way up, and below a wide one even rest is.
    looks = Ceiling(
        kind="ceiling",
        id="looks-under-jaw",
        channels=("eyeLookUpLeft",),
        driver={"jawOpen": 1.0},
        points=((0.5, 1.0), (0.8, 0.1), (1.0, -0.1)),
        yields="eyes",
        **about,
    )
    margins = Margins(level=0.25, speed=0.0, accel=0.0, drift=0.0)
    return RuleSet(margins=margins, rules=(brows, eyes, *((looks,) if rules == "looks" else ())))


RULE_SETS: Mapping[Rules, RuleSet] = MappingProxyType({"levels": _rule_set("levels"), "looks": _rule_set("looks")})
CONSTRAINTS: Mapping[Rules, Constraints] = MappingProxyType({name: Constraints.of(each) for name, each in RULE_SETS.items()})
FILM = FilmOpened(
    renderer="explored",
    portrait="0" * 64,
    face=None,
    width=2,
    height=2,
    ranges={},
    background="original",
    span=60,
)
"""What is rendered, where a take is."""


def brief(beats: int) -> Brief:
    """Equal beats that ask for nothing in particular."""
    spans = [(exact(SECONDS * n), exact(SECONDS * (n + 1))) for n in range(beats)]
    return Brief(beats=tuple(Beat(start=start, end=end, summary=f"beat at {start:g} s") for start, end in spans))


def opening(rounds: int, rules: Rules, flags: tuple[str, ...] = ()) -> TakeOpened:
    """A take whose configuration holds its rules, as that of any take does."""
    return TakeOpened(
        take="explored",
        direction="",
        seed=0,
        fps="60",
        seconds=None,
        flags=flags,
        emotion="",
        rounds=rounds,
        configuration={"constraints.yaml": RULE_SETS[rules].model_dump_json()},
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
    """A region's movement in a beat, by one of the manners in GOALS; "wrong" does not begin where the last beat ended."""
    start, goals = last_values(beat.end_state), GOALS.get(manner, {})
    curves = []
    for name in WRITABLE[region]:
        origin = exact(start[name] + 0.1) if name == LEAD[region] and manner == "wrong" else start[name]
        goal = goals.get(name, origin)
        there = (key(ARRIVES, goal, "hold"),) if goal != origin else ()
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


def missed(region: Region) -> Violation:
    """What the critic may miss of a region."""
    return Violation(
        constraint=f"{OF_CRITIC}seen",
        channels=(LEAD[region],),
        start=0.1,
        end=ARRIVES,
        measured=0.2,
        bound=1.0,
        yields=region,
        suggested=0.5,
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
        outages: of the coordinator's process, which is then resumed.
        blackouts: of the coordinator's machine: what was not yet forced to disk is lost as well.
        forged: messages that a region sends out of turn.
        stops: of the user.
        broken: films that cannot be made.
        critic: objections of the critic; if there are any, it has a vote.
    """

    bold: int = 0
    objections: int = 0
    silences: int = 0
    wrongs: int = 0
    crashes: int = 0
    early: int = 0
    outages: int = 0
    blackouts: int = 0
    forged: int = 0
    stops: int = 0
    broken: int = 0
    critic: int = 0
