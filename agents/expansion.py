"""From moves to layers: what one gesture or emotional state does to each channel, over time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from agents.flesh import Flesh
from agents.layers import Layer, lateness, least_seconds, one_sided, pace_of, reached, sided
from agents.performance import Drawn, Move, Wandering
from agents.pointing import FARTHEST, HEAD_PACE, SOON, Course, Heading, course_of, eyes_ahead, goal_of, head_part, lowered
from agents.repeating import repeated
from configs.emotions import EmotionTable, State
from configs.gestures import Aim, Catalogue, Gesture, Liveliness, Wander
from protocol.brief import Act, Beat
from protocol.channels import CHANNELS, SIDES, Region, both_sides
from protocol.gaze import REACH_DOWN, REACH_UP, REACH_YAW, saccade_seconds
from protocol.keyframes import Keyframe, Mode, Source, exact, key, leaving, replaced

_REACHES: Mapping[str, tuple[float, float]] = MappingProxyType(
    {"Yaw": (-REACH_YAW, REACH_YAW), "Pitch": (REACH_DOWN, REACH_UP)}
)
_UNHURRIED = 0.6
"""Pace below which eyes glide along with the head instead of jumping ahead of it."""
_DRIFT = 1.5
"""Degrees up to which what is left of the last beat is idle drift."""
_NEVER = 1e6
"""Seconds, later than any take ends."""
_APPROACH = 0.3
"""Seconds in which a line drawn by hand comes from rest to its first point."""
DRAWN = "drawn"
"""What keyframes of a line drawn by hand are said to come from."""


@dataclass(frozen=True, slots=True)
class Expander:
    """Expands moves of one region.

    Attributes:
        region: only its channels are expanded.
        seconds: length of the beat; what ends with the beat is held to its end and released by the next.
        lively: what flesh adds; None plays gestures to the letter.
        moves: everything that the region performs in the beat: eyes that look at something know how the head turns meanwhile.
        begins: the value that each channel begins with, as far as it is left over from the last beat.
    """

    gestures: Catalogue
    emotions: EmotionTable
    region: Region
    seconds: float
    lively: Liveliness | None = None
    moves: tuple[Move, ...] = ()
    begins: Mapping[str, float] = field(default_factory=dict)

    def layers(self, move: Move) -> Iterator[Layer]:
        """Everything that a move does in this region.

        Raises:
            KeyError: neither a gesture nor an emotional state has this name.
        """
        act = move.act
        source = Source(gesture=act.name, words=act.words)
        if act.name not in self.gestures:
            state = self.emotions.state(act.name)
            if act.side != "both" and state.side not in ("both", act.side):
                state = state.mirrored()
            yield from self._held(_unevenly(move, state), _as_gesture(state), dict(state.levels), source)
            return
        gesture = self.gestures[act.name]
        act = sided(act, gesture)
        move = move.model_copy(update={"act": act})
        yield from self._held(move, gesture, _levels(gesture, act), source)
        if gesture.prepare and self.lively and not move.idle:
            yield from self._prepared(move, gesture, self.lively.ready, source)
        if gesture.aim:
            yield from self._aimed(move, gesture, gesture.aim, source)
        if gesture.cycle:
            yield from repeated(self.region, self.seconds, self.lively, move, gesture, gesture.cycle, source)

    def _held(self, move: Move, gesture: Gesture, levels: Mapping[str, float], source: Source) -> Iterator[Layer]:
        """The sustained part: up, hold, down."""
        flesh = self._flesh(move, gesture, levels)
        for channel, level in levels.items():
            if CHANNELS[channel].region != self.region:
                continue
            value = reached(channel, level, move)
            if self.region == "eyes" and CHANNELS[channel].unit == "degree":
                yield from self._jump(move, gesture, channel, value, source)
                continue
            late = _lag(gesture, channel) / pace_of(move) + lateness(channel, move)
            rising, falling = gesture.onset / pace_of(move), gesture.offset / pace_of(move)
            keys = self._envelope(move, gesture, channel, value, late, rising, falling, flesh)
            yield Layer(channel, keys, source, passing=gesture.lasts is not None and channel.startswith("eyeBlink"))

    def _flesh(self, move: Move, gesture: Gesture, levels: Mapping[str, float]) -> Flesh | None:
        """What flesh adds to a move; None of idle ones and where gestures are played to the letter."""
        if not self.lively or move.idle:
            return None
        soonest = min((self.lively.lag(name) for one in levels for name in both_sides(one)), default=0.0)
        return Flesh(self.lively, move, gesture, soonest)

    def _prepared(self, move: Move, gesture: Gesture, ready: float, source: Source) -> Iterator[Layer]:
        """What comes and goes while a gesture begins."""
        start = move.act.start
        spelled = {channel: level for name, level in gesture.prepare.items() for channel in both_sides(name)}
        for channel, level in one_sided(spelled, move.act, gesture).items():
            if CHANNELS[channel].region == self.region:
                keys = (key(start, 0, "min_jerk"), key(start + ready, reached(channel, level, move), "min_jerk"))
                yield Layer(channel, (*keys, key(start + 2.5 * ready, 0, "hold")), source, passing=True)

    def _envelope(
        self,
        move: Move,
        gesture: Gesture,
        channel: str,
        value: float,
        late: float,
        rising: float,
        falling: float,
        flesh: Flesh | None,
    ) -> tuple[Keyframe, ...]:
        """Up, hold, down.

        Where it lies depends on the act alone, not on the beat: an act that goes on over a beat's end is cut there and goes
        on in the next beat along the same curve.
        """
        start, end, left = self._span(move, gesture)
        least = least_seconds(channel, value)
        up, down = max(rising, least), max(falling, least)
        first: tuple[Keyframe, ...] = ()
        if flesh:
            late += flesh.late(channel)
            first = flesh.wound_up(channel, value, start + late)
        begin = first[-1] if first else key(start + late, 0, gesture.rise)
        late = begin.time - start
        if left:
            up = max(min(up, 0.8 * (end - start)), least)
            top = start + late + up
            held = flesh.held(channel, value, top, end) if flesh else ()
            return (*first[:-1], begin, key(top, value, "smooth" if held else "hold"), *held)
        if flesh and flesh.flashes:
            # Over in time, however small it has to stay for that.
            late = min(late, 0.3 * (end - start))
            room = (end - start - late) / (2 * least) if least else 1.0
            value *= min(room, 1.0)
            least *= min(room, 1.0)
            share = min((end - start - late) / (up + down), 1.0)
            up, down = max(up * share, least), max(down * share, least)
            up = min(up, end - start - late - down)
        elif gesture.lasts is None and end - start > up + down:
            end += down / 2  # over by half where the act ends
            if move.act.end < self.seconds:
                end = min(end, self.seconds)
        if up + down > end - start:
            share = (end - start) / (up + down)
            up, down = max(up * share, least), max(down * share, least)
            late = min(late, 0.3 * (end - start))
        late = min(late, 0.3 * (end - start))
        begin = replaced(begin, time=start + late)
        top = start + late + up
        fall_from = max(end - down, top + 0.001)
        held = ()
        if flesh:
            fall_from, down = flesh.let_go(channel, fall_from, down, top, least)
            held = flesh.held(channel, value, top, fall_from)
        last = held[-1].value if held else value
        return (
            *(one for one in first[:-1] if one.time < begin.time),
            begin,
            key(top, value, "smooth" if held else "hold"),
            *held[:-1],
            key(fall_from, last, gesture.fall),
            key(fall_from + down, 0, "hold"),
        )

    def _span(self, move: Move, gesture: Gesture) -> tuple[float, float, bool]:
        """Start and end of a move, and whether it is left as it is at the end of the beat, for the next one to release."""
        act = move.act
        if gesture.lasts is not None:
            natural = gesture.lasts / pace_of(move)
            return act.start, min(act.start + natural, max(act.end, act.start + 0.4 * natural)), False
        flashes = self.lively is not None and not move.idle and act.end - act.start <= self.lively.flash
        return act.start, act.end, abs(act.end - self.seconds) < 1e-3 and not flashes

    # ------------------------------------------------------------------------------------------------------- pointing

    def _aimed(self, move: Move, gesture: Gesture, aim: Aim, source: Source) -> Iterator[Layer]:
        act = move.act
        yaw, pitch = goal_of(act, aim)
        size = act.strength * move.size
        goals = {"Yaw": yaw * size, "Pitch": pitch * size}
        flesh = self._flesh(move, gesture, {})
        for axis, goal in goals.items():
            head = head_part(aim, goal, head="head" in act.regions)
            leads = flesh is not None and pace_of(move) >= _UNHURRIED
            if aim.who == "eyes":
                low, high = _REACHES[axis]
                eyes = min(max(goal - head, low), high)
                if "head" in act.regions:
                    head = goal - eyes
                if self.region == "eyes":
                    heading = self._heading(move, axis) if leads else Heading(())
                    if heading.courses:
                        yield from self._led(move, axis, goal, heading, source)
                    elif eyes:
                        for channel in both_sides(f"eye{axis}"):
                            yield from self._jump(move, gesture, channel, eyes, source)
            elif self.region == "eyes" and aim.eyes_lead and goal and leads:
                yield from self._led(move, axis, goal, self._heading(move, axis), source)
            if self.region == "head" and head and "head" in act.regions:
                yield Layer(f"head{axis}", self._turned(move, gesture, aim, axis, head), source)

    def _turned(self, move: Move, gesture: Gesture, aim: Aim, axis: str, head: float) -> tuple[Keyframe, ...]:
        """The head's part of pointing somewhere."""
        known, flesh = CHANNELS[f"head{axis}"], self._flesh(move, gesture, {})
        value = min(max(head, known.low), known.high)
        more, pace = abs(value) / HEAD_PACE, pace_of(move)
        rising, falling = (gesture.onset + more) / pace, (gesture.offset + more) / pace
        after = flesh.lively.head_after / pace if flesh and aim.who == "eyes" else 0.0
        keys = self._envelope(move, gesture, known.name, value, after, rising, falling, flesh)
        return self._handed_on(move, keys, after) if flesh and not keys[-1].value else keys

    def _handed_on(self, move: Move, keys: tuple[Keyframe, ...], after: float) -> tuple[Keyframe, ...]:
        """A turn of the head that waits to be let go until the next has begun: from one target it goes to the next."""
        fall, gone = keys[-2:]
        others = (other for other in self.moves if _named(other) != _named(move) and self._points(other))
        nexts = [other.act.start + after for other in others if fall.time < other.act.start + after <= gone.time + SOON]
        if not nexts:
            return keys
        late = min(nexts) - fall.time
        return (*keys[:-2], key(fall.time + late, fall.value, fall.mode), key(gone.time + late, 0, "hold"))

    def _heading(self, move: Move, axis: str) -> Heading:
        """Where the head is to point meanwhile, as far as eyes can expect it from what they know themselves."""
        courses = [course for other in self.moves or (move,) if (course := self.course(other, axis)) is not None]
        expected = sum(course.at(0.0) for course in courses)
        left = self.begins.get(f"head{axis}", expected) - expected
        if abs(left) > _DRIFT:
            courses.append(Course(-1.0, 0.5, left, 0.0, max(0.7, abs(left) / 35)))
        return Heading(tuple(courses))

    def course(self, move: Move, axis: str) -> Course | None:
        """How the head is expected to turn for a move, on "Yaw" or "Pitch"; None if it does not."""
        gesture = self.gestures.gestures.get(move.act.name)
        if gesture is None or gesture.aim is None or "head" not in move.act.regions:
            return None
        goal = goal_of(move.act, gesture.aim)[0 if axis == "Yaw" else 1] * move.act.strength * move.size
        head = head_part(gesture.aim, goal, head=True)
        if gesture.aim.who == "eyes":
            low, high = _REACHES[axis]
            head = goal - min(max(goal - head, low), high)
        return course_of(self._turned(move, gesture, gesture.aim, axis, head)) if head else None

    def _led(self, move: Move, axis: str, goal: float, heading: Heading, source: Source) -> Iterator[Layer]:
        """The eyes' part where the head turns as well: they are there first, and hold their target while it comes."""
        assert self.lively is not None
        gesture = self.gestures[move.act.name]
        start, end, left = self._span(move, gesture)
        after = self.lively.head_after / pace_of(move)
        own = [one for one in heading.courses if one.start >= start and one.start < start + 0.5]
        start = max(start, min((one.start for one in own), default=start) - after)
        backs = [one.back for one in own if one.back is not None and one.back > start]
        leave = None if left or end >= self.seconds else min(backs, default=end + after) - after
        reach = (-FARTHEST, FARTHEST) if axis == "Yaw" else (REACH_DOWN, REACH_UP)
        # Home, unless there is something else to look at.
        others = [other.act for other in self.moves if _named(other) != _named(move) and self._points(other)]
        home = leave is None or not any(act.start - 1e-3 <= leave < act.end for act in others)
        line = eyes_ahead(goal, reach, start, heading, leave, self.lively.saccade, home=home)
        gone = line[-1].time if leave is not None else _NEVER
        released = (gone - 0.02, gone) if home else (line[-2].time, gone)
        under, covers = gesture.aim is not None and gesture.aim.who == "head", (line[0].time, line[1].time, *released)
        sunk = [lowered(-one.value) for one in line] if axis == "Pitch" else []
        lids = tuple([replaced(one, value=lid) for one, lid in zip(line, sunk, strict=True)]) if any(sunk) else ()
        for side in SIDES:
            yield Layer(f"eye{axis}{side}", tuple(line), source, covers=covers, under=under)
            if lids:
                yield Layer(f"eyeBlink{side}", lids, source)

    def _points(self, move: Move) -> bool:
        """Whether a move points somewhere."""
        gesture = self.gestures.gestures.get(move.act.name)
        return gesture is not None and gesture.aim is not None

    def _jump(self, move: Move, gesture: Gesture, channel: str, value: float, source: Source) -> Iterator[Layer]:
        """A saccade there and, if the move is over within the beat, one back; slow if the act is. The lid goes with it."""
        takes = saccade_seconds(abs(value))
        if pace_of(move) < _UNHURRIED:
            takes = 0.35 / pace_of(move)
        start, end, left = self._span(move, gesture)
        times = [start, start + takes]
        if not left:
            back = max(end - takes, start + takes + 0.05)
            times += [back, back + takes]
        profile: Mode = self.lively.saccade if self.lively else "min_jerk"
        yield Layer(channel, _there_and_back(times, value, profile), source)
        if channel.startswith("eyePitch") and lowered(-value):
            lid = channel.replace("eyePitch", "eyeBlink")
            yield Layer(lid, _there_and_back(times, lowered(-value), profile), source)


def left_over(gestures: Catalogue, emotions: EmotionTable, intent: Beat, start: Mapping[str, float]) -> Mapping[str, float]:
    """What a beat begins with and nothing of it holds: the whole start, or nothing if something moves the head on.

    Args:
        gestures, emotions: what acts are made of.
        intent: the beat.
        start: the value that each channel begins with.
    """
    for act in intent.acts:
        if act.start < 0 and "head" in act.regions:
            gesture = gestures.gestures.get(act.name)
            if gesture is None and any(name.startswith("head") for name in emotions.state(act.name).levels):
                return {}
            if gesture is not None and gesture.aim is None and "head" in gesture.regions:
                return {}
    return start


def wandering_layers(plan: Wandering, wander: Wander, lively: Liveliness | None = None) -> Iterator[Layer]:
    """The layers of an idle movement, from the place that its first step leads to, or from rest if that is still ahead."""
    profile: Mode = lively.saccade if lively and wander.jump else "min_jerk"
    source = Source(gesture=f"idle {plan.name}")
    for name, size in wander.channels.items():
        keys = [key(min(plan.steps[0][0], 0.0), 0, "hold")] if plan.steps else []
        for start, takes, share in plan.steps:
            if start > keys[-1].time + 0.002:
                keys.append(key(start, keys[-1].value, profile))
            else:
                keys[-1] = leaving(keys[-1], profile)
            keys.append(key(max(start + takes, keys[-1].time + 0.01), share * size, "hold"))
        if len(keys) > 1:
            for channel in both_sides(name):
                yield Layer(channel, tuple(keys), source, passing=True)


def drawn_layer(drawn: Drawn) -> Layer:
    """The layer of a line drawn by hand: it comes from rest and stays where it ends; of coefficients the largest shows."""
    keys = [key(time, value, mode) for time, value, mode in drawn.points]
    first = keys[0]
    if first.time > 0:
        keys.insert(0, key(max(first.time - _APPROACH, 0), 0, "min_jerk"))
    source = Source(gesture=DRAWN, words=drawn.words)
    return Layer(drawn.channel, tuple(keys), source, passing=CHANNELS[drawn.channel].unit != "share")


def _named(move: Move) -> tuple[str, float, int]:
    """What tells a move from others of its beat."""
    return move.act.name, move.act.start, move.seed


def _as_gesture(state: State) -> Gesture:
    return Gesture(about=state.about[:200], source=state.source[:200], onset=state.onset, offset=state.offset)


def _levels(gesture: Gesture, act: Act) -> dict[str, float]:
    spelled = {channel: level for name, level in gesture.levels.items() for channel in both_sides(name)}
    return one_sided(spelled, act, gesture)


def _unevenly(move: Move, state: State) -> Move:
    """A move with the right side weaker, if the state is uneven: as one that is put on."""
    return move.model_copy(update={"right": exact(move.right * (1 - state.uneven))}) if state.uneven else move


def _there_and_back(times: list[float], value: float, profile: Mode) -> tuple[Keyframe, ...]:
    """A jump to a value between the first two times and, if there are four, back between the others."""
    values = (0.0, value, value, 0.0)
    return tuple(key(time, values[n], profile if n % 2 == 0 else "hold") for n, time in enumerate(times))


def _lag(gesture: Gesture, channel: str) -> float:
    return gesture.lag.get(channel) or gesture.lag.get(CHANNELS[channel].stem) or 0.0
