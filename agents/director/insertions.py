"""What a note takes out of a draft and puts in: acts, beats, pauses, and what is not to move.

As with other changes, each says in one sentence what it did, and touches as few beats as it can.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from agents.director.changes import BEYOND, FASTEST, LEAST_SEEN, SLOWEST, bounded, counted
from agents.director.cues import Cue
from agents.director.edits import Draft, Group, Part, conflicting, replace_times
from agents.director.performance import own_time
from agents.director.staging import BETWEEN, ONE_OF_SEVERAL, spared_limit
from configs.lexicon import Call, Lexicon
from protocol.brief import Act, Limit, Still
from protocol.keyframes import exact

OVER = 0.1
"""Seconds before the end of a beat at which an added pose is let go, so that the next beat begins as it did."""


@dataclass(frozen=True, slots=True)
class New:
    """An act to be put in.

    Attributes:
        call: what it is.
        speed: its pace.
        words: that ask for it.
        after: seconds after the others that come with it.
        lasts: seconds; None leaves that to the act.
    """

    call: Call
    speed: float
    words: str
    after: float = 0.0
    lasts: float | None = None


class Inserter:
    """Takes things out of a draft and puts them in.

    Args:
        draft: to be changed.
        lexicon: how acts behave in time.
    """

    def __init__(self, draft: Draft, lexicon: Lexicon) -> None:
        self._draft = draft
        self._lexicon = lexicon

    def removed(self, group: Group, start: float | None = None) -> str:
        """Take a group away, from a time on the take's clock on if one is given; a beat that had nothing else goes with it."""
        draft, name = self._draft, self._draft.called(group.home)
        if start is not None and start > max(group.start, 0.0) + LEAST_SEEN:
            for thread in group.threads:
                begin, end = draft.span(thread)
                draft.place(thread, begin, min(end, start))
            return f"{name}: \u201c{group.words}\u201d is over at {start:.3g} s"
        homes = draft.drop(group.threads)
        closed = ""
        for home in sorted(homes, reverse=True):
            sheet = draft.sheets[home]
            if not sheet.begun and not sheet.stills and len(draft.sheets) > 1:
                draft.close(home)
                closed = ", and its beat with it"
            elif not sheet.begun:
                sheet.summary = "rest" if not sheet.stills else sheet.summary
        return f"{name}: \u201c{group.words}\u201d is taken away{closed}"

    def forbidden(
        self, bounds: dict[str, float], span: tuple[float, float], words: str, beside: frozenset[str] = frozenset()
    ) -> str:
        """Keep channels from moving over a span of the take's clock.

        Args:
            bounds: channels, with or without side, and the most that each may reach.
            span: seconds, from and to.
            words: that ask for it.
            beside: parts of the face; while an act takes one of them it may move all the same.
        """
        draft = self._draft
        names = []
        for number, (sheet, begins) in enumerate(zip(draft.sheets, draft.starts(), strict=True)):
            whole = (max(0.0, exact(span[0] - begins)), min(sheet.seconds, exact(span[1] - begins)))
            free = _without(whole, [part.act for part in sheet.parts if beside & set(self._lexicon.kind(part.act.name).parts)])
            for start, end in free:
                sheet.limits = (*sheet.limits, *_new_limits(sheet.limits, bounds, exact(start), exact(end), words))
            if free:
                names.append(draft.called(number))
        where = "the whole take" if len(names) == len(draft.sheets) else ", ".join(names) or "nowhere"
        return f"{where}: \u201c{words}\u201d"

    def frozen(self, beat: int, seconds: float | None, words: str) -> str:
        """Let nothing move in a beat; None for a new beat at the end of the take."""
        draft = self._draft
        length = 1.5 if seconds is None else seconds
        sheet = draft.open(beat, length, words)
        sheet.stills = (Still(start=0.0, end=exact(length), words=words[:400]),)
        return f"a new beat{self._where(beat)}: \u201c{words}\u201d for {length:g} s"

    def appended(self, new: Sequence[New], beat: int, summary: str) -> str:
        """Put a new beat in before the one of that number, with acts of its own.

        Args:
            new: its acts.
            beat: number; that of the beats there are for one at the end.
            summary: the words of the beat.
        """
        draft = self._draft
        last = beat == len(draft.sheets)
        length = exact(max([0.8, *(one.after + self._natural(one) for one in new)]))
        sheet = draft.open(beat, length, summary)
        carried = list(sheet.parts)
        for one in new:
            kind = self._lexicon.kind(one.call.name)
            for part in carried:
                if part in sheet.parts and conflicting(one.call.name, part.act.name, self._lexicon):
                    self._yield(beat, part, one.after)
            start = exact((0.2 if not beat else 0.0) + one.after)
            if one.lasts is not None:
                end = start + one.lasts
            elif kind.hold == "own":
                end = start + own_time(kind, one.call.count, one.speed)
            else:
                end = length + BEYOND if last else length - OVER
            sheet.parts.append(Part(draft.thread(), _act(one, start, exact(end))))
        sheet.parts.sort(key=lambda part: part.act.start)
        return f"a new beat{self._where(beat)}: \u201c{summary}\u201d"

    def joined(self, new: Sequence[New], start: float, end: float | None, beside: Sequence[Group] = ()) -> str:
        """Add acts at a time on the take's clock, within the beats that are there.

        Args:
            new: what.
            start: seconds.
            end: when poses among them are let go; None for the end of their beat.
            beside: what they are to be seen with, whatever it is.
        """
        draft = self._draft
        beat = draft.at(start)
        spared = {thread for group in beside for thread in group.threads}
        for one in new:
            kind = self._lexicon.kind(one.call.name)
            begins, sheet = draft.starts()[beat], draft.sheets[beat]
            local, last = exact(start - begins + one.after), beat == len(draft.sheets) - 1
            if one.lasts is not None or kind.hold == "own":
                over = exact(local + (one.lasts or own_time(kind, one.call.count, one.speed)))
                if over > sheet.seconds - 0.05 and last:
                    draft.stretch(beat, sheet.seconds, exact(over + 0.3 - sheet.seconds))
            else:
                over = self._let_go(beat, one, local, None if end is None else end - begins)
            for part in list(sheet.parts):
                met = part.act.end > local and part.act.start < local + 0.25 and part.thread not in spared
                if met and conflicting(one.call.name, part.act.name, self._lexicon):
                    self._yield(beat, part, local)
            act = _act(one, local, max(over, local + 0.1))
            draft.place(draft.thread(), exact(begins + local), exact(begins + act.end), act)
            sheet.summary = _joined(sheet.summary, one.words)
        return f"{draft.called(beat)}: \u201c{new[0].words}\u201d is added at {start:.3g} s"

    def _let_go(self, beat: int, one: New, start: float, end: float | None) -> float:
        """When a pose that begins in a beat is let go, in seconds from the beat's start; the beat makes room for it."""
        draft, sheet = self._draft, self._draft.sheets[beat]
        least = start + self._lexicon.kind(one.call.name).onset / one.speed + LEAST_SEEN
        if least + OVER > sheet.seconds:
            draft.stretch(beat, sheet.seconds, exact(round(least + OVER - sheet.seconds, 2)))
        if beat == len(draft.sheets) - 1 and (end is None or end >= sheet.seconds - 0.01):
            return exact(sheet.seconds + BEYOND)
        return exact(max(least, min(sheet.seconds - OVER, sheet.seconds if end is None else end)))

    def spread(self, new: Sequence[New]) -> str:
        """Add poses over the whole take."""
        draft = self._draft
        for one in new:
            end = exact(draft.seconds + BEYOND)
            draft.place(draft.thread(), 0.2, end, _act(one, 0.2, end))
        return f"the whole take: \u201c{new[0].words}\u201d is added"

    def _yield(self, beat: int, part: Part, at: float) -> None:
        """End an act in a beat where one begins that contradicts it; in later beats it goes on as it did."""
        sheet = self._draft.sheets[beat]
        sheet.parts.remove(part)
        if at - max(part.act.start, 0.0) > LEAST_SEEN:
            sheet.parts.append(Part(self._draft.thread(), replace_times(part.act, part.act.start, exact(at))))

    def repeated(self, groups: Sequence[Group], times: int) -> str:
        """Let acts of one beat that do not repeat of themselves be done so many times, one after the other."""
        draft, first = self._draft, groups[0]
        name = draft.called(first.home)
        for group in groups[times:]:
            draft.drop(group.threads)
        start, end = draft.span(groups[min(len(groups), times) - 1].threads[0])
        for number in range(times - len(groups)):
            begin = exact(start + (end - start + BETWEEN) * (number + 1))
            sheet, begins = draft.sheets[first.home], draft.starts()[first.home]
            missing = exact(begin + end - start - begins + 0.05 - sheet.seconds)
            if missing > 0:
                draft.stretch(first.home, sheet.seconds, missing)
            for act in first.acts:
                draft.place(draft.thread(), begin, exact(begin + end - start), act)
        return f"{name}: \u201c{first.words}\u201d is done {counted(times)}"

    def replaced(self, group: Group, new: Sequence[New]) -> str:
        """Put other acts in the place of a group, at its times."""
        draft, home = self._draft, group.home
        held = [thread for thread in group.threads if draft.poses(draft.parts(thread)[0][1].act)]
        start, end = draft.span(held[0] if held else group.threads[0])
        sheet, begins = draft.sheets[home], draft.starts()[home]
        draft.drop(group.threads)
        for one in new:
            kind = self._lexicon.kind(one.call.name)
            begin, until = exact(max(start, 0.0 if one.after else start) + one.after), end
            if one.lasts is not None or kind.hold == "own":
                until = exact(max(begin, 0.0) + (one.lasts or own_time(kind, one.call.count, one.speed)))
                missing = exact(until - begins + 0.05 - sheet.seconds)
                if missing > 0:
                    draft.stretch(home, sheet.seconds, missing)
            elif not held:
                until = exact(begins + sheet.seconds - OVER) if home + 1 < len(draft.sheets) else exact(draft.seconds + BEYOND)
            draft.place(draft.thread(), begin, max(until, exact(begin + LEAST_SEEN)), _act(one, 0.0, 1.0))
        sheet.summary = (
            sheet.summary.replace(group.words, new[0].words)[:400] if group.words in sheet.summary else sheet.summary
        )
        return f"{self._draft.called(home)}: \u201c{new[0].words}\u201d in place of \u201c{group.words}\u201d"

    def _where(self, beat: int) -> str:
        if beat + 1 == len(self._draft.sheets):
            return " at the end"
        return f" before {self._draft.called(beat + 1)}"

    def _natural(self, one: New) -> float:
        """Seconds that a beat needs for an act."""
        kind = self._lexicon.kind(one.call.name)
        if one.lasts is not None:
            return one.lasts + 0.3
        if kind.hold == "own":
            return own_time(kind, one.call.count, one.speed) + 0.4
        return kind.seconds / bounded(one.speed, 0.4, 1.5)

    def asked(self, cues: Iterable[Cue]) -> list[New]:
        """What cues ask for, each act with its place among those that come with it."""
        return [one for cue in cues for call in cue.calls for one in self._times(cue, call)]

    def _times(self, cue: Cue, call: Call) -> list[New]:
        """An act as often as it is asked for: what does not repeat of itself is done one after the other."""
        kind = self._lexicon.kind(call.name)
        speed = exact(bounded(cue.speed * call.speed, SLOWEST, FASTEST))
        room = cue.natural or max(1.0, *(self._lexicon.kind(other.name).seconds for other in cue.calls))
        if call.count > 1 and not kind.repeats and kind.hold != "span":
            once = (kind.seconds if kind.hold == "own" else min(kind.seconds, ONE_OF_SEVERAL)) / bounded(speed, 0.4, 2.0)
            single = call.model_copy(update={"count": 0})
            return [
                New(single, speed, cue.words, exact(number * (once + BETWEEN)), exact(once)) for number in range(call.count)
            ]
        lasts = cue.brief if cue.brief is not None else cue.length
        if lasts is None and call.until is not None and call.until < 1:
            lasts = exact((call.until - call.at[0]) * room)
        return [New(call, speed, cue.words, exact(at * room), lasts and exact(lasts)) for at in call.at]


def _act(one: New, start: float, end: float) -> Act:
    """What is put in, as an act of a beat."""
    call = one.call
    return Act(
        name=call.name,
        start=exact(start),
        end=exact(end),
        strength=exact(call.strength),
        speed=exact(one.speed),
        side=call.side,
        count=call.count,
        yaw=exact(call.yaw),
        pitch=exact(call.pitch),
        regions=call.regions,
        words=one.words[:400],
    )


def _without(span: tuple[float, float], acts: Sequence[Act]) -> list[tuple[float, float]]:
    """What is left of a span of a beat without the times of some acts."""
    free, start = [], span[0]
    for act in sorted(acts, key=lambda act: act.start):
        free.append((start, min(act.start, span[1])))
        start = max(start, act.end)
    free.append((start, span[1]))
    return [(exact(begin), exact(end)) for begin, end in free if end - begin > 0.05]


def _new_limits(known: Sequence[Limit], bounds: dict[str, float], start: float, end: float, words: str) -> list[Limit]:
    """Limits for a span of a beat, without those that hold already."""
    found = spared_limit(bounds, start, end, words[:400])
    return [
        limit
        for limit in found
        if not any(
            set(limit.channels) <= set(old.channels) and old.most <= limit.most and old.start <= start and old.end >= end
            for old in known
        )
    ]


def _joined(summary: str, words: str) -> str:
    """A beat's summary with what is added to it."""
    return words[:400] if summary in ("rest", "") else summary if words in summary else f"{summary} / {words}"[:400]
