"""Idle motion: what keeps a face alive when nothing is asked of it.

Each region plans its own: the eyes blink and make small saccades, brows and lips stir, the head sways and breathes. All of
it is seeded by take and region and planned on the take's clock; a beat performs its part of that plan, so idle motion goes on
over a beat's end as if there were none. It is proposed and negotiated like everything else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from agents.chance import Chance
from agents.expansion import Expander
from agents.layers import pace_of
from agents.performance import Move, Wandering
from agents.pointing import SOON, Course, goal_of
from configs.emotions import EmotionTable
from configs.gestures import Behaviour, Blinks, Catalogue, Cycle, Gesture, Wander
from protocol.brief import Act, Beat
from protocol.channels import Region
from protocol.constraints import HALF_CLOSED
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
_LIDS = ("eyeBlink", "eyeBlinkLeft", "eyeBlinkRight")
_APART = 0.25
"""Seconds that a blink keeps from what else the lids do."""
_USES = 0.4
"""Level of the lids from which an act uses them."""
_RESTED = 1.0
"""Seconds without a blink after eyes were shut for longer than one: there is nothing to wet yet (our judgement)."""
_NEVER = 1e6
"""Seconds, later than any take ends."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What a beat asks of a face, as far as blinking goes by it.

    Attributes:
        gestures, emotions: the tables that its acts name.
        begins: the value that each channel begins with.
        moves: how the eyes perform those acts, as far as that is known; the others are taken as they are asked for.
    """

    gestures: Catalogue
    emotions: EmotionTable
    begins: Mapping[str, float]
    moves: Sequence[Move] = ()


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
    for start, sure in _evoked(behaviour, beat, scene, Chance(*labels, "evoked", beat.start)):
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


def _evoked(behaviour: Behaviour, beat: Beat, scene: Scene, chance: Chance) -> Iterator[tuple[float, bool]]:
    """When the gaze is to shift, a little sooner, and whether a blink goes with it.

    The line of sight goes from one target to the next, home in between; head and eyes together make a shift.
    """
    blinks = behaviour.idle.blinks
    if blinks.on_shift is None:
        return
    perhaps, surely = blinks.on_shift
    turn, lift = scene.begins["headYaw"], scene.begins["headPitch"]
    at = (turn + scene.begins["eyeYawLeft"], lift + scene.begins["eyePitchLeft"])
    head = turn
    for time, target, turned in _targets(behaviour, beat, scene):
        sides, height = abs(target[0] - at[0]), abs(target[1] - at[1])
        apart = max(sides, height) + 0.4 * min(sides, height)  # near enough to a distance, and no square root
        chances = (apart - perhaps) / (surely - perhaps)
        lot = chance.share()
        yield exact(max(time - blinks.lead, 0.0)), lot < chances or abs(turned - head) >= blinks.on_turn
        at, head = target, turned


def _targets(behaviour: Behaviour, beat: Beat, scene: Scene) -> list[tuple[float, tuple[float, float], float]]:
    """(when, yaw and pitch in the world, yaw of the head) of everything that is looked or turned at, and of going home."""
    asked, seconds = [], exact(beat.end - beat.start)
    moves = [*scene.moves, *(Move(act=act) for act in beat.acts if all(act != move.act for move in scene.moves))]
    expander = Expander(scene.gestures, scene.emotions, "eyes", seconds, behaviour.liveliness, tuple(moves))
    for move in sorted(moves, key=lambda move: move.act.start):
        act, gesture = move.act, scene.gestures.gestures.get(move.act.name)
        if gesture is None or gesture.aim is None or not {"eyes", "head"} & set(act.regions):
            continue
        yaw, pitch = goal_of(act, gesture.aim)
        yaw, pitch = (degrees * act.strength * move.size for degrees in (yaw, pitch))
        courses = {axis: course for axis in ("Yaw", "Pitch") if (course := expander.course(move, axis)) is not None}
        leaves, back = _leaves(move, gesture, behaviour, list(courses.values()))
        if gesture.lasts is None and act.end >= seconds:
            leaves = max(leaves, seconds)  # it is left for the next beat to release
        turned = courses["Yaw"].size if "Yaw" in courses else 0.0
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


def _leaves(move: Move, gesture: Gesture, behaviour: Behaviour, courses: Sequence[Course]) -> tuple[float, float]:
    """When the gaze leaves what a move points at, a little before the head begins to go back, and how long that takes."""
    act = move.act
    backs = [(course.back, course.back_seconds) for course in courses if course.back is not None]
    if not backs:
        return act.end if gesture.lasts is None else min(act.end, act.start + gesture.lasts / pace_of(move)), 0.0
    after = behaviour.liveliness.head_after / pace_of(move) if behaviour.liveliness else 0.0
    back, seconds = min(backs)
    return back - after, seconds


def lids_taken(
    catalogue: Catalogue, acts: Iterable[Act], begins: Mapping[str, float] | None = None
) -> list[tuple[float, float]]:
    """When the lids do something else, so that no blink comes by itself: (start, end) in seconds of the beat.

    Args:
        catalogue: the gestures that acts name.
        acts: those that the eyes perform.
        begins: the value that each channel begins with; lids that are shut by then have just been closed for long. None if
            that does not matter.
    """
    taken = []
    if begins is not None and min(begins["eyeBlinkLeft"], begins["eyeBlinkRight"]) > HALF_CLOSED:
        taken.append((0.0, _RESTED))
    for act in acts:
        gesture = catalogue.gestures.get(act.name)
        if gesture is None:
            continue
        held = 0.0 if gesture.lasts else _most(gesture.levels)
        if max(_most(gesture.levels), _peak(gesture.cycle)) >= _USES:
            shut = held * min(act.strength, 1.0) > HALF_CLOSED
            taken.append((act.start - _APART, act.end + (_RESTED if shut else _APART)))
    return taken


def is_clear(act: Act, taken: Sequence[tuple[float, float]]) -> bool:
    """Whether a blink comes while the lids do nothing else."""
    return not any(start < act.end and act.start < end for start, end in taken)


def _most(levels: Mapping[str, float]) -> float:
    """How far levels shut the lids, 0 to 1."""
    return max(levels.get(name, 0.0) for name in _LIDS)


def _peak(cycle: Cycle | None) -> float:
    """How far a repetition shuts the lids, 0 to 1."""
    if cycle is None:
        return 0.0
    keys = [value for name in _LIDS for _, value in cycle.keys.get(name, ())]
    return max((*keys, *map(_most, cycle.variants)), default=0.0)


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
