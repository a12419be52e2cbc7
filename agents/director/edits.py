"""A brief taken apart so that it can be changed: beats of some length, and in them the parts of acts that go through several.

Rules
- Time is put into a beat or taken out of it. Beats before and after keep what they hold, relative to their own start, so that a
  beat which nothing is asked of stays as it was, wherever it moves to.
- A part says of its act when it begins and ends as seen from its beat. In a beat where the act was there long before, or stays
  long after, it does not matter how long, and such a part is not touched for the sake of arithmetic.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from configs.lexicon import Lexicon
from protocol.brief import Act, Beat, Brief, Limit, Still
from protocol.keyframes import MAX_SECONDS, exact

SETTLED = 1.0
"""Seconds after its onset from which on a pose is the same whenever it began."""
FAR = 1.0
"""Seconds past the end of a beat from which on it does not matter in the beat when a pose ends."""
LEAST_BEAT = 0.3
"""Seconds that a note leaves of a beat at least."""
_TOUCH = 1e-3
Span = TypeVar("Span", Limit, Still)


@dataclass(slots=True)
class Part:
    """What a beat sees of an act.

    Attributes:
        thread: number of the act through all its beats.
        act: as the beat has it.
    """

    thread: int
    act: Act


@dataclass(slots=True)
class Sheet:
    """A beat being changed.

    Attributes:
        origin: number of the parent's beat that it comes from, from 0; None for a new one.
        seconds: its length.
        summary: its words.
        parts: its acts.
        limits: as in a beat.
        stills: as in a beat.
    """

    origin: int | None
    seconds: float
    summary: str
    parts: list[Part]
    limits: tuple[Limit, ...] = ()
    stills: tuple[Still, ...] = ()

    @property
    def begun(self) -> list[Part]:
        """The parts of acts that begin in it."""
        return [part for part in self.parts if part.act.start >= 0]


@dataclass(frozen=True, slots=True)
class Group:
    """Acts that belong together: they come from the same words and begin at the same time.

    Attributes:
        threads: their numbers.
        home: the beat in which they begin, or are seen first.
        start: seconds from the start of the take.
        end: when the last of them is over.
        acts: as their first beat has them.
    """

    threads: tuple[int, ...]
    home: int
    start: float
    end: float
    acts: tuple[Act, ...]

    @property
    def words(self) -> str:
        """The words that they come from, or their names if there are none."""
        return self.acts[0].words or ", ".join(act.name.replace("_", " ") for act in self.acts)

    @property
    def names(self) -> frozenset[str]:
        """What they are."""
        return frozenset(act.name for act in self.acts)


class Draft:
    """A brief being changed.

    Args:
        brief: the parent's.
        lexicon: how acts behave in time.
    """

    def __init__(self, brief: Brief, lexicon: Lexicon) -> None:
        self.lexicon = lexicon
        self.sheets: list[Sheet] = []
        self._threads = 0
        before: Sheet | None = None
        for number, beat in enumerate(brief.beats):
            sheet = Sheet(number, exact(beat.end - beat.start), beat.summary, [], beat.limits, beat.stills)
            going = [part for part in before.parts if part.act.end > before.seconds] if before else []
            for act in beat.acts:
                sheet.parts.append(Part(self._continued(act, going), act))
            self.sheets.append(sheet)
            before = sheet

    def _continued(self, act: Act, going: list[Part]) -> int:
        """The number of the act that a part goes on with, taken out of those that go on; a new one if there is none."""
        mates = [part for part in going if act.start < 0 and _alike(part.act, act)]
        mates.sort(key=lambda part: _same_but_times(part.act, act) is False)
        if mates:
            going.remove(mates[0])
            return mates[0].thread
        return self.thread()

    def thread(self) -> int:
        """A number for a new act."""
        self._threads += 1
        return self._threads

    # ------------------------------------------------------------------------------------------------------- looking

    @property
    def seconds(self) -> float:
        """Length of the take."""
        return exact(sum(sheet.seconds for sheet in self.sheets))

    def starts(self) -> list[float]:
        """Start of each beat in seconds."""
        found, at = [], 0.0
        for sheet in self.sheets:
            found.append(at)
            at = exact(at + sheet.seconds)
        return found

    def at(self, seconds: float) -> int:
        """The beat at a time; the last one for all that comes later."""
        starts = self.starts()
        return max(number for number, start in enumerate(starts) if start <= max(seconds, 0.0) + 1e-9)

    def parts(self, thread: int) -> list[tuple[int, Part]]:
        """The parts of an act with their beats, in order."""
        return [(n, part) for n, sheet in enumerate(self.sheets) for part in sheet.parts if part.thread == thread]

    def span(self, thread: int) -> tuple[float, float]:
        """From when to when an act lasts, in seconds from the start of the take."""
        parts, starts = self.parts(thread), self.starts()
        (first, head), (last, tail) = parts[0], parts[-1]
        return exact(starts[first] + head.act.start), exact(starts[last] + tail.act.end)

    def groups(self) -> list[Group]:
        """All acts in the order in which they begin, those that belong together as one."""
        threads: dict[int, tuple[int, Act]] = {}
        for number, sheet in enumerate(self.sheets):
            for part in sheet.parts:
                threads.setdefault(part.thread, (number, part.act))
        together: dict[tuple[int, str, float], list[int]] = {}
        for thread, (home, act) in threads.items():
            # Acts without words come from a planner that gives none; each stands for itself.
            together.setdefault((home, act.words or act.name, round(act.start, 1)), []).append(thread)
        found = []
        for (home, _, _), members in together.items():
            spans = [self.span(thread) for thread in members]
            acts = tuple(threads[thread][1] for thread in members)
            found.append(Group(tuple(members), home, min(s for s, _ in spans), max(e for _, e in spans), acts))
        return sorted(found, key=lambda group: (group.start, group.home))

    def group(self, threads: Iterable[int]) -> Group | None:
        """The group of some acts as it is by now; None if it is gone."""
        wanted = set(threads)
        return next((group for group in self.groups() if wanted & set(group.threads)), None)

    def called(self, beat: int) -> str:
        """What the user calls a beat: by its number, from 0, in the take that the note is about, as all commands count them."""
        origin = self.sheets[beat].origin if beat < len(self.sheets) else None
        return "the new beat" if origin is None else f"beat {origin}"

    def passes(self, group: Group) -> bool:
        """Whether nothing of a group is held."""
        return not any(self.poses(act) for act in group.acts)

    def poses(self, act: Act) -> bool:
        """Whether an act is held rather than passing."""
        return self.lexicon.kind(act.name).hold in ("keep", "step")

    def keeps(self, act: Act) -> bool:
        """Whether an act is held until something contradicts it."""
        return self.lexicon.kind(act.name).hold == "keep"

    def settled(self, act: Act, start: float) -> bool:
        """Whether a pose that began at `start`, as seen from a beat, has long been there when the beat begins."""
        kind = self.lexicon.kind(act.name)
        return kind.hold in ("keep", "step") and -start >= kind.onset / act.speed + SETTLED

    # ------------------------------------------------------------------------------------------------------ changing

    def stretch(self, number: int, at: float, seconds: float) -> float:
        """Put time into a beat, or take it out where `seconds` is below 0.

        What goes on at that place is held longer or shorter; what passes is not; what begins there or later moves.

        Args:
            number: the beat.
            at: where, in seconds from its start; time taken out is the time after it.
            seconds: how much.

        Returns:
            How much it was: a beat keeps `LEAST_BEAT`.
        """
        sheet = self.sheets[number]
        seconds = exact(max(seconds, min(0.0, LEAST_BEAT - sheet.seconds), min(0.0, at - sheet.seconds)))
        if seconds == 0:
            return 0.0
        length, ends = sheet.seconds, sheet.seconds - _TOUCH

        def moved(time: float) -> float:
            return exact(max(at, time + seconds))

        for part in sheet.parts:
            act = part.act
            begins = act.start >= 0 and act.start >= at
            passes = not self.poses(act) and not begins and act.end < ends and self.lexicon.kind(act.name).hold == "own"
            start = moved(act.start) if begins else act.start
            end = moved(act.end) if act.end >= at and not passes else act.end
            part.act = _timed(act, start, end)
            if act.end > length:
                self._told_later(part.thread, number, exact((start - (length + seconds)) - (act.start - length)))
            if act.start < 0 and end != act.end:
                self._told_earlier(part.thread, number, end - act.end)
        sheet.limits = tuple(
            _between(limit, moved(limit.start) if limit.start >= max(at, _TOUCH) else limit.start, moved(limit.end))
            if limit.end >= at
            else limit
            for limit in sheet.limits
        )
        sheet.stills = tuple(
            _between(still, moved(still.start) if still.start >= max(at, _TOUCH) else still.start, moved(still.end))
            if still.end >= at
            else still
            for still in sheet.stills
        )
        sheet.seconds = exact(length + seconds)
        return seconds

    def _told_later(self, thread: int, number: int, seconds: float) -> None:
        """Tell later beats that an act began so many seconds later (below 0: earlier), where they can tell."""
        for beat, part in self.parts(thread):
            if beat <= number:
                continue
            start = exact(min(part.act.start + seconds, -0.0001))
            if not (self.settled(part.act, part.act.start) and self.settled(part.act, start)):
                part.act = _timed(part.act, start, part.act.end)

    def _told_earlier(self, thread: int, number: int, seconds: float) -> None:
        """Tell earlier beats that an act ends so many seconds later, where they can tell."""
        for beat, part in self.parts(thread):
            length = self.sheets[beat].seconds
            if beat < number and min(part.act.end, part.act.end + seconds) <= length + FAR:
                part.act = _timed(part.act, part.act.start, max(exact(part.act.end + seconds), exact(length + _TOUCH)))

    def scale(self, number: int, factor: float) -> None:
        """Let everything in a beat take so many times as long."""
        sheet = self.sheets[number]
        length = sheet.seconds
        sheet.seconds = exact(max(LEAST_BEAT, length * factor))
        factor = sheet.seconds / length

        def moved(time: float) -> float:
            if time < 0:
                return time
            return exact(time * factor if time <= length + _TOUCH else sheet.seconds + time - length)

        for part in sheet.parts:
            act = part.act
            part.act = _timed(act, moved(act.start), moved(act.end))
            if act.start >= 0:
                part.act = part.act.model_copy(update={"speed": _bounded(act.speed / factor, 0.1, 4.0)})
            if act.end > length:
                gone = part.act.start - sheet.seconds - (act.start - length)
                self._told_later(part.thread, number, exact(gone))
                self._paced_later(part.thread, number, part.act.speed)
        sheet.limits = tuple(_between(limit, moved(limit.start), moved(limit.end)) for limit in sheet.limits)
        sheet.stills = tuple(_between(still, moved(still.start), moved(still.end)) for still in sheet.stills)

    def _paced_later(self, thread: int, number: int, speed: float) -> None:
        """The pace of an act in its later beats, where its onset is still seen."""
        for beat, part in self.parts(thread):
            if beat > number and not self.settled(part.act, part.act.start):
                part.act = part.act.model_copy(update={"speed": speed})

    def place(self, thread: int, start: float, end: float, act: Act | None = None) -> None:
        """Let an act last from `start` to `end` on the take's clock, with a part in every beat of that time.

        Args:
            thread: its number; of a new one if `act` is given.
            start: seconds.
            end: seconds, after the start.
            act: what it is from now on; None leaves that.
        """
        known = dict(self.parts(thread))
        pattern = act or next(iter(known.values())).act
        for number, (sheet, begins) in enumerate(zip(self.sheets, self.starts(), strict=True)):
            part = known.get(number)
            if not (start < begins + sheet.seconds - _TOUCH and end > begins + _TOUCH):
                if part is not None:
                    sheet.parts.remove(part)
                continue
            mine = pattern if act is not None or part is None else part.act
            since, until = exact(start - begins), exact(end - begins)
            if part is not None and self.settled(mine, since) and self.settled(mine, part.act.start):
                since = part.act.start
            if part is not None and min(until, part.act.end) > sheet.seconds + FAR:
                until = part.act.end
            mine = _timed(mine, since, until)
            if part is None:
                sheet.parts.append(Part(thread, mine))
            elif part.act != mine:
                part.act = mine

    def change(self, thread: int, **what: object) -> None:
        """Give an act other values in all its beats (its times are for `place`, its pace for `pace`)."""
        for _, part in self.parts(thread):
            part.act = part.act.model_copy(update=what)

    def pace(self, thread: int, speed: float) -> None:
        """Give an act another pace where its onset is seen; how it is let go stays as it was."""
        for number, (_, part) in enumerate(self.parts(thread)):
            if not number or not self.settled(part.act, part.act.start):
                part.act = part.act.model_copy(update={"speed": exact(speed)})

    def drop(self, threads: Iterable[int]) -> set[int]:
        """Take acts out; the beats in which they began."""
        gone = set(threads)
        homes = {parts[0][0] for thread in sorted(gone) if (parts := self.parts(thread))}
        for sheet in self.sheets:
            sheet.parts = [part for part in sheet.parts if part.thread not in gone]
        return homes

    def close(self, number: int) -> None:
        """Take a whole beat out; what goes on through it goes on."""
        sheet = self.sheets[number]
        for part in sheet.parts:
            if part.act.end > sheet.seconds and part.act.start < 0:
                self._told_later(part.thread, number, sheet.seconds)
        del self.sheets[number]

    def open(self, number: int, seconds: float, summary: str) -> Sheet:
        """Put a new beat in before the one of that number; what is held over that place goes on through it."""
        sheet = Sheet(None, exact(seconds), summary, [])
        if number:
            before = self.sheets[number - 1]
            for part in before.parts:
                past = part.act.end - before.seconds
                if past > _TOUCH and (number < len(self.sheets) or self.poses(part.act)):
                    since = exact(part.act.start - before.seconds)
                    # What is held beyond the end of the take is held beyond the new end too.
                    until = past if number == len(self.sheets) else exact(past + seconds)
                    sheet.parts.append(Part(part.thread, _timed(part.act, since, max(until, exact(seconds + past)))))
        self.sheets.insert(number, sheet)
        for part in list(sheet.parts):
            self._told_later(part.thread, number, exact(-seconds))
        return sheet

    # ------------------------------------------------------------------------------------------------------- the whole

    def adopt(self, number: int, other: Sheet) -> None:
        """Give a beat in which the same begins as in another the other's length, and its times where they make no difference.

        Args:
            number: the beat.
            other: of another draft.
        """
        sheet = self.sheets[number]
        self.stretch(number, sheet.seconds, exact(other.seconds - sheet.seconds))
        if sheet.seconds != other.seconds:
            return
        theirs = [part.act for part in other.parts]
        for part in sheet.parts:
            act = part.act
            for old in theirs:
                late = min(act.end, old.end) > sheet.seconds + FAR or act.end == old.end
                early = act.start == old.start or (self.settled(act, act.start) and self.settled(old, old.start))
                if late and early and _same_but_times(act, old):
                    part.act = old

    def brief(self, understood: Sequence[tuple[str, str]], unread: Sequence[str]) -> tuple[Brief, tuple[int | None, ...]]:
        """The brief as it is by now, and for each of its beats the number of the parent's that it comes from."""
        beats, at = [], 0.0
        for sheet in self.sheets:
            end = exact(at + sheet.seconds)
            beats.append(
                Beat(
                    start=at,
                    end=end,
                    summary=sheet.summary,
                    acts=tuple(part.act for part in sheet.parts),
                    limits=sheet.limits,
                    stills=sheet.stills,
                )
            )
            at = end
        brief = Brief(beats=tuple(beats), understood=tuple(understood), unread=tuple(unread))
        return brief, tuple(sheet.origin for sheet in self.sheets)


def conflicting(new: str, old: str, lexicon: Lexicon) -> bool:
    """Whether a pose ends another when it begins: the same part of the face, or the contrary mood."""
    mine, theirs = lexicon.kind(new), lexicon.kind(old)
    if old in lexicon.acts.ends.get(new, ()):
        return True
    if mine.hold == "own" or theirs.hold == "own":
        return False
    return mine.mood * theirs.mood < 0 or bool(set(mine.parts) & set(theirs.parts))


def _alike(one: Act, other: Act) -> bool:
    return (one.name, one.side, one.words) == (other.name, other.side, other.words)


def _same_but_times(one: Act, other: Act) -> bool:
    return replace_times(one, other.start, other.end) == other


def replace_times(act: Act, start: float, end: float) -> Act:
    """An act at other times."""
    return act.model_copy(update={"start": start, "end": end})


def _timed(act: Act, start: float, end: float) -> Act:
    """An act at other times that are in order and no longer than a journal holds."""
    start = exact(start)
    return replace_times(act, start, exact(min(max(end, start + 0.05), MAX_SECONDS)))


def _between(item: Span, start: float, end: float) -> Span:
    return item.model_copy(update={"start": exact(start), "end": exact(max(end, start))})


def _bounded(value: float, low: float, high: float) -> float:
    return exact(min(high, max(low, value)))
