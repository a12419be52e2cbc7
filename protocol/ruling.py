"""Rulings: the smallest change that satisfies every hard constraint, by a ladder that always succeeds.

    project   repair what is broken, in the channels of whoever yields
    scale     take the movement of the region that is still at fault down to a part of its size, and repair
    rest      let that region go to rest
    hold      keep that region at the values that it was last committed with

A region at fault goes down rung by rung; when one has reached the last, those that share its remaining violations go down
too. With all four held, nothing moves, and a beat is only ever committed if its end can be held: so the ladder ends.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from protocol.channels import CHANNELS, PRECEDENCE, REGIONS, WRITABLE, Region
from protocol.constraints import Constraints
from protocol.keyframes import Curve, Source, Track, exact, key, make_track
from protocol.messages import RUNGS, EndState, RegionRuling, Rung, Violation
from protocol.remembering import Remembered
from protocol.repair import repair_tracks, violations
from protocol.timeline import RATE, View, last_values, staying, view

SCALES = (0.75, 0.5, 0.25)
"""Parts of its size that a movement is taken down to, one after the other."""
REST_SECONDS = 0.6
"""How long a region takes to go to rest, or the whole beat if that is shorter."""


def rule(
    constraints: Constraints, state: EndState, tracks: Sequence[Track], seconds: float
) -> tuple[tuple[Track, ...], tuple[RegionRuling, ...]]:
    """Four tracks that keep every hard constraint, and what became of each.

    Args:
        constraints: what must hold.
        state: how the beat begins.
        tracks: the proposals that were not agreed on, one of each region in order.
        seconds: the beat's length.

    Returns:
        The tracks and, per region, the rung that it was taken to.

    Raises:
        ValueError: even four regions at rest break a constraint: the end state was never to be held.
    """
    steps: dict[Region, int] = dict.fromkeys(REGIONS, 0)
    start = last_values(state)
    tracks = tuple(_beginning(track, start) for track in tracks)
    while True:
        attempt = tuple(_LADDER[steps[track.region]][1](track, start, seconds) for track in tracks)
        attempt = repair_tracks(state, attempt, seconds, constraints.hard, REGIONS, "ruled")
        seen = view(state, attempt, seconds)
        left = violations(seen, constraints.hard)
        if not left or (set(steps.values()) == {len(_LADDER) - 1} and not _shows(seen, constraints)):
            return attempt, tuple(_verdict(steps[new.region], old, new) for old, new in zip(tracks, attempt, strict=True))
        for region in _at_fault(left, steps):
            steps[region] += 1


def _shows(seen: View, constraints: Constraints) -> bool:
    """Whether what is broken would show on the finished motion, or only strains the margins of negotiation.

    The past is told in keyframes of its own, a trace apart from what was judged; with all regions held that is all there is.
    """
    span = {"first": seen.first, "last": seen.last}
    return any(check.violations(seen.samples, RATE, strict=False, **span) for check in constraints.hard)


def _beginning(track: Track, start: Mapping[str, float]) -> Track:
    """A track that begins where the last beat ended, whatever it says itself."""
    curves = []
    for curve in track.curves:
        first = curve.keys[0].model_copy(update={"value": start[curve.channel]})
        curves.append(curve.model_copy(update={"keys": (first, *curve.keys[1:])}))
    return track.model_copy(update={"curves": tuple(curves)})


def _at_fault(left: Sequence[Violation], steps: Mapping[Region, int]) -> list[Region]:
    """Who goes down a rung: those who yield; if they are at the bottom already, the last in precedence of those involved."""
    bottom = len(_LADDER) - 1
    yielding = sorted({violation.yields for violation in left if steps[violation.yields] < bottom}, key=REGIONS.index)
    if yielding:
        return yielding
    involved = {CHANNELS[name].region for violation in left for name in violation.channels}
    for candidates in (involved, set(REGIONS)):
        for region in reversed(PRECEDENCE):
            if region in candidates and steps[region] < bottom:
                return [region]
    raise ValueError(
        f"nothing is left to hold back, yet {left[0].constraint} is broken: the beat began from an end that cannot be held"
    )


def _kept(track: Track, start: Mapping[str, float], seconds: float) -> Track:
    return track


def _scaled(share: float) -> Callable[[Track, Mapping[str, float], float], Track]:
    def scale(track: Track, start: Mapping[str, float], seconds: float) -> Track:
        curves = []
        for curve in track.curves:
            origin = start[curve.channel]
            keys = tuple(k.model_copy(update={"value": exact(origin + (k.value - origin) * share)}) for k in curve.keys)
            curves.append(curve.model_copy(update={"keys": keys}))
        return track.model_copy(update={"curves": tuple(curves)})

    return scale


def _rested(track: Track, start: Mapping[str, float], seconds: float) -> Track:
    sources = (Source(gesture="rest", note="ruled"),)
    curves = []
    for curve in track.curves:
        origin = start[curve.channel]
        there = (key(min(REST_SECONDS, seconds), 0.0, "hold"),) if origin else ()
        curves.append(Curve(channel=curve.channel, keys=(key(0.0, origin, "min_jerk" if origin else "hold"), *there)))
    return make_track(track.region, curves, sources)


def _held(track: Track, start: Mapping[str, float], seconds: float) -> Track:
    return keep(track.region, start)


def keep(region: Region, values: Mapping[str, float]) -> Track:
    """A track that stays at the given values."""
    return make_track(region, [staying(name, values[name]) for name in WRITABLE[region]], (Source(gesture="hold"),))


_LADDER: tuple[tuple[Rung, Callable[[Track, Mapping[str, float], float], Track]], ...] = (
    ("projected", _kept),
    *(("scaled", _scaled(share)) for share in SCALES),
    ("rested", _rested),
    ("held", _held),
)
_SAID: Mapping[Rung, str] = {
    "kept": "as proposed",
    "projected": "changed where it broke a constraint",
    "scaled": "taken down in size until it fits",
    "rested": "let go to rest",
    "held": "held at its last committed values",
}
assert set(_SAID) == set(RUNGS)


def _verdict(step: int, old: Track, new: Track) -> RegionRuling:
    rung: Rung = _LADDER[step][0] if new != old else "kept"
    return RegionRuling(region=new.region, rung=rung, why=_SAID[rung])


def _resting(state: EndState) -> dict[Region, Track]:
    values = last_values(state)
    return {region: keep(region, values) for region in REGIONS}


resting: Remembered[EndState, dict[Region, Track]] = Remembered(_resting, 8)
"""Tracks of all regions that stay where the last beat ended: the peers of whoever proposes and has not seen theirs yet."""
