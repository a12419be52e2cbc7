"""What a note does to a draft: acts held longer, made larger, moved, taken away, added and replaced.

Each change says in one sentence what it did, and touches as few beats as it can.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from agents.director.edits import Draft, Group, Part, conflicting, replace_times
from agents.director.performance import own_time
from agents.director.staging import TAIL
from configs.lexicon import Lexicon
from protocol.brief import Act, Side
from protocol.channels import Region
from protocol.keyframes import exact

STRONGEST, WEAKEST = 2.0, 0.1
"""Strengths that a note reaches: what the lexicon's strongest words ask for, and what is just seen."""
FASTEST, SLOWEST = 4.0, 0.12
MOST_YAW, MOST_PITCH = 45.0, 25.0
"""Degrees aside, up and down that words can ask for."""
LEAST_SEEN = 0.4
"""Seconds for which a pose is seen at least."""
REST = 0.15
"""Seconds from the end of an act to the end of its beat that a longer one leaves, if there were so many."""
BEYOND = 10.0
"""Seconds past the end of the take at which a pose ends that is never let go."""


class Changer:
    """Changes a draft.

    Args:
        draft: to be changed.
        lexicon: how acts behave in time.
    """

    def __init__(self, draft: Draft, lexicon: Lexicon) -> None:
        self._draft = draft
        self._lexicon = lexicon

    # ------------------------------------------------------------------------------------------------------- how long

    def longer(self, group: Group, seconds: float, beat: int | None = None) -> str:
        """Let a group be seen so many seconds longer: its beat grows, and what comes later moves.

        Args:
            group: which.
            seconds: above 0.
            beat: where to hold it, if not in the beat in which it begins.
        """
        home = group.home if beat is None else beat
        name = self._draft.called(home)
        sheet = self._draft.sheets[home]
        reaching = [t for t in group.threads if (part := self._part(t, home)) and part.act.end >= sheet.seconds - 0.001]
        if reaching:
            self._draft.stretch(home, sheet.seconds, seconds)
        else:
            self._longer_inside(group, seconds, home)
        verb = "is held" if any(self._draft.poses(act) for act in group.acts) else "takes"
        return f"{name}: \u201c{group.words}\u201d {verb} {seconds:g} s longer"

    def _longer_inside(self, group: Group, seconds: float, home: int) -> None:
        """Hold on to acts that are over within their beat."""
        sheet = self._draft.sheets[home]
        ends = {thread: part.act.end for thread in group.threads if (part := self._part(thread, home))}
        last = max(ends.values())
        rivals = [
            part
            for part in sheet.parts
            if part.thread not in ends and part.act.start >= last - 0.05 and self._rival(group, part.act)
        ]
        if rivals:
            self._draft.stretch(home, min(part.act.start for part in rivals), seconds)
        else:
            room = sheet.seconds - last
            missing = exact(seconds + min(REST, room) - room)
            if missing > 0:
                self._draft.stretch(home, sheet.seconds, missing)
        for thread in sorted(ends, key=lambda t: t):
            start, end = self._draft.span(thread)
            part = self._part(thread, home)
            assert part is not None
            self._until(thread, start, exact(end + seconds - (part.act.end - ends[thread])))

    def _until(self, thread: int, start: float, end: float) -> None:
        """Let an act end at another time; a passing one goes at the pace that fills it."""
        first = self._draft.parts(thread)[0][1].act
        before = self._draft.span(thread)
        if self._lexicon.kind(first.name).hold == "own" and end - start > 0.05:
            pace = exact(bounded(first.speed * (before[1] - before[0]) / (end - start), SLOWEST, FASTEST))
            self._draft.pace(thread, pace)
        self._draft.place(thread, start, end)

    def shorter(self, group: Group, seconds: float) -> str:
        """Let a group be seen so many seconds less; returns what was done, with the seconds that it came to."""
        draft, home = self._draft, group.home
        sheet, name = draft.sheets[home], self._draft.called(group.home)
        parts = {thread: part for thread in group.threads if (part := self._part(thread, home))}
        said = f"{name}: \u201c{group.words}\u201d"
        last = max(part.act.end for part in parts.values())
        start = max(0.0, min(part.act.start for part in parts.values()))
        if last >= sheet.seconds - 0.001:
            busy = [part.act for part in sheet.parts if part.thread not in parts and part.act.start >= 0]
            floor = max([start + LEAST_SEEN + 0.2, *(self._seen(act, sheet.seconds) for act in busy)])
            seconds = exact(min(seconds, max(0.0, sheet.seconds - floor)))
            if seconds <= 0:
                return f"{said} is already as short as what it goes with allows"
            draft.stretch(home, exact(sheet.seconds - seconds), -seconds)
            return f"{said} is {seconds:g} s shorter"
        seconds = exact(min(seconds, max(0.0, last - start - 0.15)))
        if seconds <= 0:
            return f"{said} is already as short as it gets"
        for thread, part in parts.items():
            begin, end = draft.span(thread)
            if part.act.end > last - seconds:
                self._until(thread, begin, max(exact(end - seconds), exact(begin + 0.15)))
        others = [part.act for part in sheet.parts if part.thread not in parts and part.act.start >= 0]
        if all(act.start > last or min(act.end, sheet.seconds) <= last - seconds for act in others):
            draft.stretch(home, exact(last - seconds), -seconds)
        return f"{said} takes {seconds:g} s less"

    def ended(self, group: Group, seconds: float) -> str:
        """Let a group end so many seconds earlier than it does, or than the take; no beat changes its length for a pose."""
        draft = self._draft
        if draft.passes(group):
            return self.shorter(group, seconds)
        until = max(exact(min(group.end, draft.seconds) - seconds), exact(max(group.start, 0.0) + LEAST_SEEN))
        for thread in group.threads:
            draft.place(thread, draft.span(thread)[0], until)
        return f"{draft.called(group.home)}: \u201c{group.words}\u201d is let go at {until:.3g} s"

    def _seen(self, act: Act, length: float) -> float:
        """How long a beat must be for an act that begins in it to be seen."""
        if self._draft.poses(act):
            return act.start + LEAST_SEEN
        return min(act.end, length)

    def lasting(self, group: Group, seconds: float) -> str:
        """Let a group be seen for so many seconds."""
        draft = self._draft
        held = any(draft.poses(act) for act in group.acts)
        tail = TAIL if held and group.end < draft.seconds else 0.0
        now = min(group.end, draft.seconds) - max(group.start, 0.0) - tail
        more = exact(seconds - now)
        if abs(more) < 0.05:
            return f"{self._draft.called(group.home)}: \u201c{group.words}\u201d already lasts {seconds:g} s"
        if more > 0:
            self.longer(group, more)
        else:
            until = exact(max(group.start, 0.0) + seconds + (TAIL if held else 0.0))
            for thread in group.threads:
                start, end = draft.span(thread)
                if end > until:
                    self._until(thread, start, max(until, exact(start + 0.15)))
        return f"{self._draft.called(group.home)}: \u201c{group.words}\u201d lasts {seconds:g} s"

    def until(self, group: Group, end: float) -> str:
        """Hold a group until a time on the take's clock; at or past the end of the take it is never let go."""
        draft = self._draft
        rivals = [
            other.start
            for other in draft.groups()
            if other.start > group.start + 0.25 and any(self._rival(group, act, held=True) for act in other.acts)
        ]
        to = min([end, *rivals])
        if end >= draft.seconds:
            to = min([draft.seconds + BEYOND, *rivals])
        name, said = self._draft.called(group.home), f"\u201c{group.words}\u201d"
        if min(group.end, draft.seconds) >= min(to, draft.seconds) - 0.05 and end >= draft.seconds:
            return f"{name}: {said} is already held for as long as there is room"
        earlier = to < group.end - 0.01
        for thread in group.threads:
            self._until(thread, draft.span(thread)[0], max(to, exact(group.start + 0.15)))
        if earlier:
            return f"{name}: {said} is let go at {to:.3g} s"
        return f"{name}: {said} is held until {'the end' if to > draft.seconds else f'{to:.3g} s'}"

    def within(self, group: Group, start: float, end: float) -> str:
        """Let a group be seen only in a span of the take's clock."""
        draft, name = self._draft, self._draft.called(group.home)
        last = end >= draft.seconds - 0.01
        for thread in group.threads:
            begin, over = draft.span(thread)
            draft.place(thread, max(begin, start), over if last else max(min(over, end), exact(max(begin, start) + 0.15)))
        return f"{name}: \u201c{group.words}\u201d is seen only from {start:.3g} s to {'the end' if last else f'{end:.3g} s'}"

    def rest(self, beat: int, seconds: float) -> str:
        """Make a beat so many seconds longer or (below 0) shorter, by what is held in it."""
        sheet, name = self._draft.sheets[beat], self._draft.called(beat)
        at = sheet.seconds if sheet.begun else sheet.seconds / 2
        done = self._draft.stretch(beat, exact(at if seconds > 0 else max(0.05, sheet.seconds + seconds)), seconds)
        if not done:
            return f"{name}: it is already as short as it gets"
        return f"{name}: \u201c{sheet.summary}\u201d is {abs(done):g} s {'longer' if done > 0 else 'shorter'}"

    # ------------------------------------------------------------------------------------------------ how much, how fast

    def sized(self, group: Group, factor: float, beats: Iterable[int] | None = None) -> str:
        """Make a group so many times as strong.

        Args:
            group: which.
            factor: above 0.
            beats: only in these; None for all of them.
        """
        wanted = None if beats is None else set(beats)
        reached: list[float] = []
        for thread in group.threads:
            for beat, part in self._draft.parts(thread):
                if wanted is None or beat in wanted:
                    larger = _larger(part.act, factor)
                    if wanted is not None and beat == min(wanted) and larger.start < 0:
                        larger = replace_times(larger, 0.0, larger.end)  # it is seen to grow
                    reached.append(_size(larger) / _size(part.act))
                    part.act = larger
        beat = group.home if wanted is None or group.home in wanted else min(wanted)
        said = f"{self._draft.called(beat)}: \u201c{group.words}\u201d"
        if all(abs(ratio - 1) < 0.01 for ratio in reached):
            return f"{said} is already as {'strong' if factor > 1 else 'weak'} as it gets"
        ratio = max(reached) if factor > 1 else min(reached)
        clipped = " (as far as it goes)" if abs(ratio - factor) > 0.02 * factor else ""
        return f"{said} is {_percent(ratio)} {'stronger' if factor > 1 else 'weaker'}{clipped}"

    def often(self, group: Group, factor: float) -> str:
        """Let something that repeats be done more often (above 1) or less often."""
        done = []
        for thread in group.threads:
            act = self._draft.parts(thread)[0][1].act
            kind = self._lexicon.kind(act.name)
            times = act.count or kind.often
            more = max(times + 1, round(times * factor)) if factor > 1 else min(times - 1, round(times * factor))
            if more < 1:
                return f"{self._draft.called(group.home)}: \u201c{group.words}\u201d is already done only once"
            done.append(self.counted(group, min(60, more)))
        return done[-1]

    def counted(self, group: Group, times: int) -> str:
        """Let a group be done so many times, at its pace."""
        for thread in group.threads:
            act = self._draft.parts(thread)[0][1].act
            kind = self._lexicon.kind(act.name)
            self._draft.change(thread, count=times)
            if kind.hold == "own":
                now = act.end - act.start
                more = exact(own_time(kind, times, act.speed) - now)
                if more > 0:
                    self._longer_inside(self._one(thread), more, group.home)
                elif now + more > 0.1:
                    start, _ = self._draft.span(thread)
                    self._draft.place(thread, start, exact(start + now + more))
                self._draft.pace(thread, act.speed)
        return f"{self._draft.called(group.home)}: \u201c{group.words}\u201d is done {counted(times)}"

    def paced(self, group: Group, factor: float) -> str:
        """Give a group so many times the pace; its beat makes room for a slower one."""
        draft, home = self._draft, group.home
        name = self._draft.called(home)
        slowest = 1.0
        for thread in group.threads:
            _, part = draft.parts(thread)[0]
            act, kind = part.act, self._lexicon.kind(part.act.name)
            speed = exact(bounded(act.speed * factor, SLOWEST, FASTEST))
            ratio = speed / act.speed
            slowest = ratio if abs(ratio - 1) > abs(slowest - 1) else slowest
            if kind.hold == "own":
                length = act.end - act.start
                more = exact(length / ratio - length)
                if more > 0:
                    self._longer_inside(self._one(thread), more, home)
                else:
                    start, end = draft.span(thread)
                    draft.place(thread, start, max(exact(end + more), exact(start + 0.1)))
            else:
                needed = kind.onset / speed * 1.25 + LEAST_SEEN
                room = min(act.end, draft.sheets[home].seconds) - max(act.start, 0.0)
                if ratio < 1 and act.start >= 0 and needed > room:
                    self.longer(self._one(thread), exact(round(needed - room, 2)))
            draft.pace(thread, speed)
        said = f"{name}: \u201c{group.words}\u201d"
        if abs(slowest - 1) < 0.01:
            return f"{said} is already as {'fast' if factor > 1 else 'slow'} as it gets"
        return f"{said} is {_percent(slowest)} {'faster' if factor > 1 else 'slower'}"

    def scaled(self, beats: Iterable[int], factor: float) -> str:
        """Let whole beats take so many times as long."""
        chosen = list(beats)
        was = sum(self._draft.sheets[beat].seconds for beat in chosen)
        for beat in chosen:
            self._draft.scale(beat, factor)
        which = (
            "the whole take"
            if len(chosen) == len(self._draft.sheets)
            else ", ".join(self._draft.called(beat) for beat in chosen)
        )
        took = sum(self._draft.sheets[beat].seconds for beat in chosen)
        return f"{which}: it takes {took:.3g} s instead of {was:.3g} s"

    # ------------------------------------------------------------------------------------------------------------ when

    def moved(self, group: Group, seconds: float) -> str:
        """Let a group begin so many seconds later (below 0: earlier)."""
        draft, home = self._draft, group.home
        name, sheet = self._draft.called(home), draft.sheets[home]
        begun = sheet.begun
        mine = [part.act.start for part in begun if part.thread in group.threads]
        first = bool(mine) and min(mine) <= min(part.act.start for part in begun) + 0.05
        others = [part for part in begun if part.thread not in group.threads and part.act.start <= min(mine, default=0) + 0.05]
        alone = first and not others
        done = self._beat_moved(home, min(mine), seconds) if alone else 0.0
        if abs(done) < 0.05:  # what comes before cannot be shorter: it begins while that goes on
            done = self._act_moved(group, seconds)
        if abs(done) < 0.05:
            where = "at the very beginning" if group.start < 0.3 else "as early as what comes before it allows"
            return f"{name}: \u201c{group.words}\u201d is already {where}"
        return f"{name}: \u201c{group.words}\u201d begins {abs(done):.2g} s {'later' if done > 0 else 'earlier'}"

    def _beat_moved(self, home: int, start: float, seconds: float) -> float:
        """Move a beat as a whole by the length of the one before; within the first beat, what it begins with."""
        draft = self._draft
        if home == 0:
            if seconds > 0:
                return draft.stretch(0, start, seconds)
            return draft.stretch(0, max(0.0, start + seconds), max(seconds, -start))
        before = draft.sheets[home - 1]
        if seconds > 0:
            return draft.stretch(home - 1, before.seconds, seconds)
        floor = max([0.5, *(self._seen(part.act, before.seconds) for part in before.begun)])
        less = min(-seconds, max(0.0, before.seconds - floor))
        return draft.stretch(home - 1, exact(before.seconds - less), -exact(less)) if less >= 0.05 else 0.0

    def _act_moved(self, group: Group, seconds: float) -> float:
        """Move acts alone, over the beginning of their beat if need be."""
        draft = self._draft
        seconds = exact(max(seconds, -max(0.0, group.start)))
        home = draft.sheets[group.home]
        if seconds > 0:
            past = max(part.act.end for t in group.threads if (part := self._part(t, group.home))) + seconds
            passing = not any(draft.poses(act) for act in group.acts)
            latest = max(act.start for act in group.acts) + seconds + LEAST_SEEN
            missing = (past if passing else min(past, latest)) + 0.05 - home.seconds
            if missing > 0:
                draft.stretch(group.home, home.seconds, exact(missing))
        for thread in group.threads:
            start, end = draft.span(thread)
            over = end > draft.starts()[group.home] + home.seconds - 0.001 and draft.poses(draft.parts(thread)[0][1].act)
            draft.place(thread, exact(start + seconds), end if over else exact(end + seconds))
        return seconds

    def begun_at(self, group: Group, seconds: float) -> str:
        """Let a group begin at a time on the take's clock."""
        now = group.start
        self.moved(group, exact(seconds - now))
        current = self._draft.group(group.threads)
        assert current is not None
        if abs(current.start - seconds) > 0.06:  # what comes before it cannot be that short: it goes on alone
            self._act_moved(current, exact(seconds - current.start))
            current = self._draft.group(group.threads) or current
        return f"{self._draft.called(current.home)}: \u201c{group.words}\u201d begins at {current.start:.3g} s"

    def renamed(self, group: Group, words: str) -> None:
        """Let the acts of a group come from other words, in the summary of their beat too."""
        self.altered(group, words=words[:400])
        sheet = self._draft.sheets[group.home]
        if group.words in sheet.summary:
            sheet.summary = sheet.summary.replace(group.words, words)[:400]

    def altered(self, group: Group, **what: object) -> None:
        """Give all acts of a group other values, such as a side."""
        for thread in group.threads:
            self._draft.change(thread, **what)

    def turned(self, group: Group, yaw: float, pitch: float, side: Side, words: str) -> str:
        """Let a group point elsewhere, and say so in other words."""
        for thread in group.threads:
            self._draft.change(thread, yaw=exact(yaw), pitch=exact(pitch), side=side)
        self.renamed(group, words)
        return f"{self._draft.called(group.home)}: \u201c{group.words}\u201d goes {_direction(yaw, pitch)}"

    def sided(self, group: Group, side: Side, name: Callable[[str], str], words: str) -> str:
        """Let a group be done on one side (or both), and say so in other words.

        Args:
            group: which.
            side: the subject's own.
            name: what an act of a name is called when it has a side.
            words: for its acts.
        """
        for thread in group.threads:
            for _, part in self._draft.parts(thread):
                part.act = part.act.model_copy(update={"side": side, "name": name(part.act.name)})
        self.renamed(group, words)
        where = "on both sides" if side == "both" else f"on the {side}"
        return f"{self._draft.called(group.home)}: \u201c{group.words}\u201d is done {where}"

    def by(self, group: Group, regions: tuple[Region, ...]) -> str:
        """Let a group be done by some regions alone."""
        self.altered(group, regions=regions)
        return f"{self._draft.called(group.home)}: \u201c{group.words}\u201d is done by the {' and '.join(regions)} alone"

    # --------------------------------------------------------------------------------------------------------- looking

    def _part(self, thread: int, beat: int) -> Part | None:
        return next((part for part in self._draft.sheets[beat].parts if part.thread == thread), None)

    def _one(self, thread: int) -> Group:
        """An act as a group of its own."""
        home, part = self._draft.parts(thread)[0]
        return Group((thread,), home, *self._draft.span(thread), (part.act,))

    def _rival(self, group: Group, act: Act, *, held: bool = False) -> bool:
        """Whether an act cannot be done while a group is."""
        kind = self._lexicon.kind(act.name)
        for mine in group.acts:
            own = self._lexicon.kind(mine.name)
            if conflicting(act.name, mine.name, self._lexicon) or (not held and set(kind.parts) & set(own.parts)):
                return True
        return False


def _larger(act: Act, factor: float) -> Act:
    """An act so many times as strong; one that points somewhere goes further instead."""
    if act.yaw or act.pitch:
        yaw = bounded(act.yaw * factor, -max(MOST_YAW, abs(act.yaw)), max(MOST_YAW, abs(act.yaw)))
        pitch = bounded(act.pitch * factor, -max(MOST_PITCH, abs(act.pitch)), max(MOST_PITCH, abs(act.pitch)))
        return act.model_copy(update={"yaw": exact(yaw), "pitch": exact(pitch)})
    strength = bounded(act.strength * factor, min(WEAKEST, act.strength), max(STRONGEST, act.strength))
    return act.model_copy(update={"strength": exact(strength)})


def _size(act: Act) -> float:
    return max(abs(act.yaw), abs(act.pitch)) or act.strength


def bounded(value: float, low: float, high: float) -> float:
    """A value, or the bound that it is beyond."""
    return min(high, max(low, value))


def _percent(ratio: float) -> str:
    return f"{abs(ratio - 1) * 100:.0f} %"


def counted(count: int) -> str:
    """A number of times, in words."""
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def _direction(yaw: float, pitch: float) -> str:
    aside = f"{abs(yaw):g}\u00b0 to the {'left' if yaw > 0 else 'right'}" if yaw else ""
    upright = f"{abs(pitch):g}\u00b0 {'up' if pitch > 0 else 'down'}" if pitch else ""
    return " and ".join(part for part in (aside, upright) if part) or "straight ahead"
