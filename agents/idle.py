"""Idle motion: what keeps a face alive when nothing is asked of it.

Each region plans its own: the eyes blink and make small saccades, brows and lips stir, the head sways and breathes. All of
it is seeded by take and region and planned on the take's clock; a beat performs its part of that plan, so idle motion goes on
over a beat's end as if there were none. It is proposed and negotiated like everything else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from agents.chance import Chance
from agents.performance import Move, Wandering
from agents.pointing import HEAD_PACE, SOON, goal_of, head_part
from configs.emotions import EmotionTable
from configs.gestures import Behaviour, Blinks, Catalogue, Gesture, Wander
from protocol.brief import Act, Beat
from protocol.channels import Region
from protocol.gaze import saccade_seconds
from protocol.keyframes import exact

BLINK_SECONDS = 0.3
"""Room that a blink needs."""
AGAIN = 0.44
"""Seconds from one blink of a pair to the other."""
_SETTLES = 0.05
"""Seconds that a pair of blinks needs beyond its two, so that neither is squeezed."""
_NEAR = 0.7
"""Seconds around a blink that goes with a shift of gaze in which none comes by itself."""
_NEVER = 1e6
"""Seconds, later than any take ends."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What a beat asks of a face, as far as blinking goes by it.

    Attributes:
        gestures, emotions: the tables that its acts name.
        begins: the value that each channel begins with.
    """

    gestures: Catalogue
    emotions: EmotionTable
    begins: Mapping[str, float]


def idle_motion(
    region: Region, behaviour: Behaviour, beat: Beat, *labels: object, scene: Scene | None = None
) -> tuple[list[Move], list[Wandering]]:
    """A region's idle moves and movements over a beat.

    Args:
        region: whose.
        behaviour: the table.
        beat: its spans of stillness are kept clear of blinks; movement is stopped there by whoever composes it.
        labels: of the seed; the same in all beats of a take, or idle motion starts afresh with each.
        scene: what the acts of the beat mean to the lids; None for a face that blinks as at rest whatever it does.
    """
    moves: list[Move] = []
    if region == "eyes":
        moves = _blinks(behaviour, beat, Chance(*labels, "blinks"))
        if scene is not None and behaviour.liveliness is not None:
            moves = _attuned(behaviour, beat, scene, moves, labels)
    wandering = []
    for name, wander in behaviour.idle.wander.items():
        if wander.region == region:
            steps = _wander(wander, beat, Chance(*labels, name))
            if steps:
                wandering.append(Wandering(name=name, steps=tuple(steps)))
    return moves, wandering


def _quiet(beat: Beat, start: float, end: float) -> bool:
    return any(still.start < end and start < still.end for still in beat.stills)


def _blinks(behaviour: Behaviour, beat: Beat, chance: Chance, slower: float = 1.0) -> list[Move]:
    """Blinks that come by themselves; gaps are so many times as long as at rest."""
    blinks, seconds = behaviour.idle.blinks, exact(beat.end - beat.start)
    settles = _SETTLES if behaviour.liveliness is not None else 0.0
    # The gap that a take starts in has been running for a while already.
    at = slower * chance.quantile(blinks.gaps) * chance.share()
    moves = []
    while at < beat.end:
        count = 2 if chance.chooses(blinks.double) else 1
        partial, size, seed = chance.chooses(blinks.partial), chance.between(*blinks.partial_size), chance.share()
        room = BLINK_SECONDS + (count - 1) * AGAIN
        # A blink that a beat's end would cut comes a little earlier.
        start = min(at - beat.start, seconds - room)
        if at >= beat.start and start >= 0 and not _quiet(beat, start, start + room):
            moves.append(
                blink(
                    start,
                    start + count * AGAIN + (settles if count > 1 else 0),
                    size if partial else 1.0,
                    count,
                    int(seed * 2**32),
                )
            )
        at += max(slower * chance.quantile(blinks.gaps), room)
    return moves


def _attuned(behaviour: Behaviour, beat: Beat, scene: Scene, moves: list[Move], labels: tuple[object, ...]) -> list[Move]:
    """Blinks as often as what goes on has them, and with large shifts of the gaze.

    The plan at rest runs on through a take, whatever is asked: in each beat some of its blinks are left out, or some of a
    second, independent plan come to it.
    """
    blinks = behaviour.idle.blinks
    result: list[Move] = []
    for start, sure in _evoked(blinks, beat, scene, Chance(*labels, "evoked", beat.start)):
        if sure and not _quiet(beat, start, start + BLINK_SECONDS) and start + BLINK_SECONDS <= exact(beat.end - beat.start):
            result.append(blink(start, start + BLINK_SECONDS))
    more = max((rate for _, _, rate in _rates(blinks, beat, scene)), default=blinks.rest) - blinks.rest
    extra = _blinks(behaviour, beat, Chance(*labels, "more blinks"), blinks.rest / more) if more > 0 else []
    chance = Chance(*labels, "fewer blinks", beat.start)
    for plan, own in ((moves, True), (extra, False)):
        for move in plan:
            start, lot = move.act.start, chance.share()
            rate = _rate_at(blinks, beat, scene, start)
            wanted = lot < rate / blinks.rest if own else lot * more < rate - blinks.rest
            if wanted and not any(_near(move, other, _NEAR if own else 2 * AGAIN) for other in result):
                result.append(move)
    return sorted(result, key=lambda move: move.act.start)


def _near(move: Move, other: Move, apart: float) -> bool:
    return move.act.start - apart < other.act.end and other.act.start < move.act.end + apart - BLINK_SECONDS


def _rates(blinks: Blinks, beat: Beat, scene: Scene) -> Iterator[tuple[float, float, float]]:
    """(start, end, blinks per minute) of acts that have a rate of their own, slighter acts less of it."""
    for act in beat.acts:
        own = blinks.rates.get(act.name)
        if act.name in scene.emotions.states:
            own = scene.emotions.states[act.name].blink_rate
        if own is not None:
            yield act.start, act.end, blinks.rest + (own - blinks.rest) * min(act.strength, 1.0)


def _rate_at(blinks: Blinks, beat: Beat, scene: Scene, time: float) -> float:
    """Blinks per minute at a time: of several acts that go on, what is farthest from rest."""
    rates = [rate for start, end, rate in _rates(blinks, beat, scene) if start <= time < end]
    return max(rates, key=lambda rate: max(rate / blinks.rest, blinks.rest / rate), default=blinks.rest)


def _evoked(blinks: Blinks, beat: Beat, scene: Scene, chance: Chance) -> Iterator[tuple[float, bool]]:
    """When the gaze is to shift, a little sooner, and whether a blink goes with it.

    The line of sight goes from one target to the next, home in between; head and eyes together make a shift.
    """
    if blinks.on_shift is None:
        return
    perhaps, surely = blinks.on_shift
    turn, lift = scene.begins["headYaw"], scene.begins["headPitch"]
    at = (turn + scene.begins["eyeYawLeft"], lift + scene.begins["eyePitchLeft"])
    head = turn
    for time, target, turned in _targets(beat, scene):
        sides, height = abs(target[0] - at[0]), abs(target[1] - at[1])
        apart = max(sides, height) + 0.4 * min(sides, height)  # near enough to a distance, and no square root
        chances = (apart - perhaps) / (surely - perhaps)
        lot = chance.share()
        yield exact(max(time - blinks.lead, 0.0)), lot < chances or abs(turned - head) >= blinks.on_turn
        at, head = target, turned


def _targets(beat: Beat, scene: Scene) -> list[tuple[float, tuple[float, float], float]]:
    """(when, yaw and pitch in the world, yaw of the head) of everything that is looked or turned at, and of going home."""
    asked, seconds = [], exact(beat.end - beat.start)
    for act in sorted(beat.acts, key=lambda act: act.start):
        gesture = scene.gestures.gestures.get(act.name)
        if gesture is None or gesture.aim is None or not {"eyes", "head"} & set(act.regions):
            continue
        yaw, pitch = goal_of(act, gesture.aim)
        yaw, pitch = yaw * act.strength, pitch * act.strength
        turned = head_part(gesture.aim, yaw, head=True) if "head" in act.regions else 0.0
        leaves, back = _leaves(act, gesture, turned)
        if gesture.lasts is None and act.end >= seconds:
            leaves = max(leaves, seconds)  # it is left for the next beat to release
        asked.append((act.start, leaves, back, (yaw, pitch), turned))
    found: list[tuple[float, tuple[float, float], float]] = []
    if not any(start <= 0 < leaves for start, leaves, *_ in asked):
        found.append((0.0, (0.0, 0.0), 0.0))
    for number, (start, leaves, back, target, turned) in enumerate(asked):
        if leaves > 0:
            found.append((max(start, 0.0), target, turned))
        later = asked[number + 1][0] if number + 1 < len(asked) else _NEVER
        if leaves > 0 and leaves < seconds and leaves + back + SOON < later:
            found.append((leaves, (0.0, 0.0), 0.0))
    return found


def _leaves(act: Act, gesture: Gesture, turned: float) -> tuple[float, float]:
    """When the gaze leaves what an act points at, as the head begins to go back, and how long that takes."""
    end = act.end if gesture.lasts is None else min(act.end, act.start + gesture.lasts / act.speed)
    if not turned:
        return end, 0.0
    up, down = gesture.onset + abs(turned) / HEAD_PACE, gesture.offset + abs(turned) / HEAD_PACE
    length = (end - act.start) * act.speed
    # By half before the act is over, if there is time for it.
    stays = length - down / 2 if length > up + down else length * up / (up + down)
    return act.start + stays / act.speed, down / act.speed


def blink(start: float, end: float, size: float = 1.0, count: int = 1, seed: int = 0) -> Move:
    """A blink that nobody asked for."""
    act = Act(name="blink", start=exact(start), end=exact(max(end, start + 0.2)), strength=exact(size), count=count)
    return Move(act=act, seed=seed, idle=True)


def _wander(wander: Wander, beat: Beat, chance: Chance) -> list[tuple[float, float, float]]:
    """Steps of (start, seconds, share), the first of them over before the beat if there is one."""
    steps: list[tuple[float, float, float]] = []
    largest = max(abs(size) for size in wander.channels.values())
    # A muscle only pulls; an angle goes both ways.
    low, high = wander.shares or (-1.0 if wander.unit != "share" else 0.0, 1.0)
    at, before = chance.between(*wander.every) * chance.share(), 0.0
    while at < beat.end:
        goal = chance.between(low, high)
        for share in (goal, 0.0) if wander.returns else (goal,):
            takes = saccade_seconds(abs(share - before) * largest) if wander.jump else chance.between(*wander.takes)
            start = at - beat.start
            if len(steps) == 1 and start + takes <= 0:
                steps.clear()
            if start < exact(beat.end - beat.start):
                steps.append((exact(start), exact(takes), exact(share)))
            at, before = at + takes, share
            if wander.returns and share == goal:
                at += chance.between(*wander.stays)
        at += chance.between(*wander.every)
    return steps
