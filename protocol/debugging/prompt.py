"""The words that a person steps through a journal with: a line typed is answered by lines to show.

Nothing is read or printed here: whoever holds the terminal does that.
"""

from __future__ import annotations

import difflib
import re
import textwrap

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from protocol.conversation import WIDTH
from protocol.debugging.breaks import Break, BreakError, Vocabulary, parse_break
from protocol.debugging.saying import heading, in_a_line, in_full
from protocol.debugging.standing import standings
from protocol.debugging.stepping import Walk
from protocol.journal import JournalError

WORDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "next": ("n, n 10, Enter", "one record forward, or ten"),
        "back": ("b, b 10", "one record back, or ten"),
        "go": ("g 42, g end", "go to a record; g start is before the first"),
        "continue": ("c", "on to the next break"),
        "reverse": ("r", "back to the last break"),
        "break": ("break WHAT", "stop at a role, channel, constraint, kind of message, beat or time"),
        "breaks": ("breaks", "list the breaks"),
        "delete": ("delete 1", "take away a break; delete all"),
        "state": ("s", "where every role stands"),
        "show": ("show, show track", "the whole message, or what is called so in it; show all has long texts in full"),
        "list": ("l, l 20", "the records around this one, a line each"),
        "why": ("why jawOpen@1.2", "how to have one value explained"),
        "help": ("?", "this list"),
        "quit": ("q", "leave"),
    }
)
"""What can be typed, with how it is written and what it does. A word may be cut short."""

_MEANT = MappingProxyType({"?": "help", "h": "help", "p": "show", "print": "show", "exit": "quit", "s": "state", "w": "why"})
_BREAKS = """  break mouth              what mouth says, and what is said to or about it alone; any role
  break jawOpen            who moves or changes that channel; mouthSmile is both sides
  break gaze-rests-or-jumps  who objects on account of that constraint
  break Objected           that kind of message
  break beat 2             that beat opens
  break 1.5s               what is decided about that moment of the motion
  break after 1.5s         the first message recorded so long after the take began
  break mouth Objected     several hold at once"""
_INDENT = " " * 26
_MOST = 10_000
_NUMBER = re.compile(r"[0-9]{1,9}")
_LIST = 10


@dataclass
class Prompt:
    """Somebody stepping through a journal.

    Args:
        walk: where they are.
        vocabulary: the names that the journal knows.
        take: what the take is called on the command line.
        only: stop at these records only; None for all.

    Attributes:
        breaks: by their numbers.
        over: whether they have left.
    """

    walk: Walk
    vocabulary: Vocabulary
    take: str
    only: Break | None = None
    breaks: dict[int, Break] = field(default_factory=dict)
    over: bool = False
    _standing: dict[str, str] = field(default_factory=dict)
    _count: int = 0

    def opening(self) -> Iterator[str]:
        """What there is, and the first record."""
        yield from self._go(self._after(0) or len(self.walk.pages))
        yield ""
        yield "n next, b back, g 42 go to, c on to the next break, break WHAT, show, l list, ? all commands, q leave"

    def stop_at(self, text: str) -> str:
        """Set a break; what it stops at.

        Raises:
            BreakError: there is nothing of that name.
        """
        known = parse_break(text, self.walk.pages, self.vocabulary)
        self._count += 1
        self.breaks[self._count] = known
        return f"break {self._count}: {known.text}: {known.meaning}"

    def answer(self, line: str) -> Iterator[str]:
        """What comes of a line that was typed."""
        words = line.split()
        word, rest = (words[0].lower(), words[1:]) if words else ("next", [])
        if _NUMBER.fullmatch(word):
            word, rest = "go", [word]
        name = _MEANT.get(word) or next((known for known in WORDS if known.startswith(word)), None)
        if name is None:
            near = difflib.get_close_matches(word, WORDS, 1)
            yield f"there is no command {word[:40]!r}. {f'Did you mean {near[0]}?' if near else '? lists them.'}"
            return
        answers: Mapping[str, Callable[[list[str]], Iterator[str]]] = {
            "next": self._next,
            "back": self._back,
            "go": self._go_to,
            "continue": lambda rest: self._to_break(Break.next),
            "reverse": lambda rest: self._to_break(Break.previous),
            "break": self._break,
            "breaks": lambda rest: self._list_breaks(),
            "delete": self._delete,
            "state": lambda rest: self._states(),
            "show": self._show,
            "list": self._list,
            "why": self._why,
            "help": lambda rest: self._help(),
            "quit": lambda rest: self._quit(),
        }
        try:
            yield from answers[name](rest)
        except BreakError as error:
            yield str(error)
        except JournalError as error:
            yield f"{error}. What comes before it can be stepped through."

    # ---------------------------------------------------------------------------------------------------------- moving

    def _next(self, rest: list[str]) -> Iterator[str]:
        count = _count(rest)
        if count is None:
            yield "n takes how many records, such as n 10"
            return
        for step in range(count):
            place = self._after(self.walk.at)
            if place is None:
                yield self._end()
                return
            if step < count - 1:
                self.walk.go(place)
                yield from self._record()
            else:
                yield from self._go(place)

    def _back(self, rest: list[str]) -> Iterator[str]:
        count = _count(rest)
        if count is None:
            yield "b takes how many records, such as b 10"
            return
        place = self.walk.at
        for _ in range(count):
            place = self._before(place) or 0
        if place == 0:
            yield "this is before the first record"
        yield from self._go(place)

    def _go_to(self, rest: list[str]) -> Iterator[str]:
        ends = {"start": 0, "first": 1, "end": len(self.walk.pages), "last": len(self.walk.pages)}
        text = rest[0].lower() if rest else ""
        if text not in ends and not _NUMBER.fullmatch(text):
            yield f"g takes the number of a record, 1 to {len(self.walk.pages)}, or start or end"
            return
        place = ends[text] if text in ends else int(text)
        if place > len(self.walk.pages):
            yield f"there are {len(self.walk.pages)} records; this is the last"
        yield from self._go(place)

    def _to_break(self, find: Callable[[Break, int], int | None]) -> Iterator[str]:
        """On or back to the nearest place that a break stops at."""
        if not self.breaks:
            yield "there are no breaks. Set one, such as: break Objected"
            return
        ahead = find is Break.next
        found = {number: find(known, self.walk.at) for number, known in self.breaks.items()}
        places = [place for place in found.values() if place is not None]
        if not places:
            yield f"no break stops {'behind' if ahead else 'before'} record {self.walk.at}"
            return
        place = (min if ahead else max)(places)
        for number, known in self.breaks.items():
            if found[number] == place:
                yield f"break {number}: {known.text}"
        yield from self._go(place)

    def _after(self, place: int) -> int | None:
        if self.only is not None:
            return self.only.next(place)
        return place + 1 if place < len(self.walk.pages) else None

    def _before(self, place: int) -> int | None:
        if self.only is not None:
            return self.only.previous(place)
        return place - 1 if place > 1 else None

    def _go(self, place: int) -> Iterator[str]:
        self.walk.go(place)
        yield from self._record()
        yield ""
        yield from self._states()

    def _end(self) -> str:
        pages = self.walk.pages
        if pages.part:
            return "this is the last record that was asked for"
        if pages.torn_at is not None:
            return f"this is the last record; behind it the journal is torn, at byte {pages.torn_at}"
        if self.only is not None and self.walk.at < len(pages):
            return f"no record behind this one is about {self.only.text}; g end goes to the last"
        return "this is the last record" + ("" if pages.closed else "; the journal goes no further, or not yet")

    # --------------------------------------------------------------------------------------------------------- showing

    def _record(self) -> Iterator[str]:
        record = self.walk.record
        if record is None:
            return
        yield heading(record, len(self.walk.pages))
        said = [line for line in self.walk.said if line]
        yield from (said or _wrapped(f"  {in_a_line(record)}", "    "))

    def _states(self) -> Iterator[str]:
        """A line for each role; a mark for those that stand otherwise than they last were shown."""
        before, self._standing = self._standing, {}
        for one in standings(self.walk.states):
            line = str(one)
            self._standing[one.role] = line
            mark = ">" if before and before.get(one.role) != line else " "
            yield from _wrapped(f"{mark} {line}", _INDENT)

    def _show(self, rest: list[str]) -> Iterator[str]:
        record = self.walk.record
        if record is None:
            yield "this is before the first record"
            return
        part = " ".join(rest)
        lines = list(in_full(record, "" if part == "all" else part, whole=part == "all"))
        if not lines:
            yield f"the {type(record.message).__name__} has nothing called {part[:40]!r}; show names everything in it"
            return
        yield heading(record, len(self.walk.pages))
        yield from (f"  {line}" if line else "" for line in lines)

    def _list(self, rest: list[str]) -> Iterator[str]:
        count = _count(rest) if rest else _LIST
        if count is None:
            yield "l takes how many records, such as l 20"
            return
        pages, at = self.walk.pages, self.walk.at
        first = max(1, min(at - count // 2, len(pages) - count + 1))
        for seq in range(first, min(first + count, len(pages) + 1)):
            record = pages.record(seq)
            yield from _wrapped(f"{'>' if seq == at else ' '}{seq:>6}  {record.time:8.3f} s  {in_a_line(record)}", " " * 22)

    def _why(self, rest: list[str]) -> Iterator[str]:
        yield f"a value is explained by: textuportray why {self.take} {rest[0] if rest else 'jawOpen@1.2'}"

    # --------------------------------------------------------------------------------------------------- keeping breaks

    def _break(self, rest: list[str]) -> Iterator[str]:
        if not rest:
            yield "break takes what to stop at:"
            yield from _BREAKS.splitlines()
            return
        yield from _wrapped(self.stop_at(" ".join(rest)), "  ")

    def _list_breaks(self) -> Iterator[str]:
        if not self.breaks:
            yield "there are no breaks"
        for number, known in self.breaks.items():
            yield from _wrapped(f"break {number}: {known.text}: {known.meaning}", "  ")

    def _delete(self, rest: list[str]) -> Iterator[str]:
        if rest[:1] == ["all"]:
            self.breaks.clear()
            yield "all breaks are taken away"
        elif rest and _NUMBER.fullmatch(rest[0]) and int(rest[0]) in self.breaks:
            yield f"break {int(rest[0])}: {self.breaks.pop(int(rest[0])).text}: taken away"
        else:
            numbers = ", ".join(map(str, self.breaks))
            yield f"delete takes the number of a break{f' ({numbers})' if numbers else '; there are none'}"

    def _help(self) -> Iterator[str]:
        yield from (f"  {written:<18} {does}" for written, does in WORDS.values())
        yield "  a number alone goes to that record; commands may be cut short"
        yield ""
        yield from _BREAKS.splitlines()

    def _quit(self) -> Iterator[str]:
        self.over = True
        return iter(())


def _count(rest: list[str]) -> int | None:
    """How many, 1 unless it is said; None if that is no number."""
    if not rest:
        return 1
    return min(int(rest[0]), _MOST) if _NUMBER.fullmatch(rest[0]) and int(rest[0]) else None


def _wrapped(line: str, under: str) -> list[str]:
    return textwrap.wrap(line, WIDTH, subsequent_indent=under, break_on_hyphens=False) or [""]
