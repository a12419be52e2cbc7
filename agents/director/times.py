"""Times that a direction names: "after three seconds", "from 1s to 2.5s", "at 0:04", "in the last second"."""

from __future__ import annotations

import re

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

TimeKind = Literal["at", "after", "until", "span", "length", "within", "first", "last", "share", "every", "throughout"]


@dataclass(frozen=True, slots=True)
class TimeMark:
    """A time, and the characters that name it.

    Attributes:
        kind: "at" seconds into the take, "after" seconds from what came before, "until" seconds into the take, "span" from
            `low` to `high` seconds, "length" lasting, "within" taking that long to come about, "first" and "last" seconds
            of the take, "share" of the take from `low` to `high` (0..1), "every" so many seconds, "throughout" the take.
        low: seconds, or a share.
        high: end of a span or share; otherwise 0.
        start: place of its first character.
        end: place after its last character.
    """

    kind: TimeKind
    low: float
    high: float
    start: int
    end: int


_Rule = tuple[str, TimeKind, Callable[[re.Match[str]], tuple[float, float]]]
_FRACTIONS: Mapping[str, float] = {
    "half": 2,
    "third": 3,
    "quarter": 4,
    "fourth": 4,
    "fifth": 5,
    "sixth": 6,
    "eighth": 8,
    "tenth": 10,
}
_INSTANTS: tuple[tuple[str, float], ...] = (
    (r"(?:a|the|one) (?:split|fraction of a|mere fraction of a) (?:second|moment)", 0.3),
    (r"(?:an?|the) (?:(?:brief|tiny|fleeting|single) )?(?:instant|flash|heartbeat|trice)", 0.4),
    (r"(?:the|a) (?:blink|twinkling) of an eye", 0.3),
    (r"a (?:second|moment) or (?:two|so)", 1.5),
    (r"(?:just |only )?a (?:brief |short |little |fleeting |passing |quick )?moment", 1.0),
    (r"(?:just |only )?a beat", 1.0),
    (r"a few (?:moments|beats)", 2.0),
    (r"a (?:long|good|lengthy) (?:moment|while|time|beat|pause)", 2.5),
    (r"a (?:short |little |brief )?(?:while|bit|time|pause)", 1.5),
    (r"a few (?:seconds|secs)", 3.0),
    (r"several (?:seconds|secs)", 4.0),
    (r"(?:a couple(?: of)?) (?:seconds|secs)", 2.0),
)
_UNIT = r"(?:seconds?|secs?|s|milliseconds?|msecs?|ms|minutes?|mins?)\b"
_ABOUT = (
    r"(?:about |around |roughly |approximately |exactly |precisely |nearly |almost |at least |only |just |the |"
    r"a further |a full |some |the next |the following |maybe |perhaps |no more than |more than |up to )*"
)


_CLIP = r"(?: of the (?:clip|take|video|shot|scene))?"
_TO = r" ?(?:to|and|until|till|-|\u2014) ?(?:seconds? )?"
_INSTANT = "|".join(pattern for pattern, _ in _INSTANTS)


class TimeReader:
    """Finds times in a direction's lower-case text.

    Args:
        numbers: number words and their values.
    """

    def __init__(self, numbers: Mapping[str, int]) -> None:
        self._numbers = numbers
        spoken = "|".join(sorted(numbers, key=lambda word: (-len(word), word)))
        number = rf"(?:\d+(?:[.,]\d+)?|(?:{spoken})\b|another\b|an?\b)"
        fraction = rf"(?:(?:a|an|one|two|three|{spoken}) )?(?:{'|'.join(_FRACTIONS)})s?(?: of)? an?"
        clock = r"\d{1,2}:\d{2}(?:[.,]\d+)?"
        self._one = re.compile(
            rf"(?P<clock>{clock})|(?P<fraction>{fraction}) (?P<whole>second|minute)"
            rf"|(?P<half>{number}) and a half (?P<unit1>{_UNIT})|(?P<behind>{number}) (?P<unit3>{_UNIT}) and a half"
            rf"|(?P<number>{number})[ -]?(?P<unit2>{_UNIT})|(?P<bare>{number})"
        )
        halves = rf"{number} and a half {_UNIT}|{number} {_UNIT} and a half"
        seconds = rf"(?:{fraction} (?:second|minute)|{halves}|{number}[ -]?(?:{_UNIT}))"
        said = [*self._spans(clock, seconds, number), *self._points(clock, seconds, number), *_shares()]
        said.append((rf"(?<![\w-])(?P<a>{seconds})(?: long)?(?![\w-])", "length", self._single))
        said.append((rf"(?<![\w:])(?P<a>{clock})(?![\w:])", "at", self._single))
        self._rules = [(re.compile(pattern), kind, values) for pattern, kind, values in said]

    def _spans(self, clock: str, seconds: str, number: str) -> list[_Rule]:
        """From one time to another; the first or last seconds; every so often."""
        time, loose = rf"(?:{clock}|{seconds})", rf"(?:{clock}|{seconds}|{number})"
        during = rf"\b(?:for|in|during|over|within|throughout) {_ABOUT}"
        every = rf"\bevery (?P<a>{seconds}|other second|second|couple of seconds|few seconds)"
        return [
            (rf"\b(?:from|between) (?:seconds? )?(?P<a>{loose}){_TO}(?P<b>{time})", "span", self._pair),
            (rf"\b(?:from|between) seconds? (?P<a>{loose}){_TO}(?P<b>{loose})", "span", self._pair),
            (rf"(?<![\w:])(?P<a>{loose}) ?(?:-|\u2014|to) ?(?P<b>{time})", "span", self._pair),
            (rf"{during}first (?P<a>{seconds}|{_UNIT}|half)", "first", self._edge),
            (rf"{during}(?:last|final|closing) (?P<a>{seconds}|{_UNIT}|half)", "last", self._edge),
            (every, "every", self._every),
        ]

    def _points(self, clock: str, seconds: str, number: str) -> list[_Rule]:
        """After, at, until and for so many seconds."""
        time, some = rf"(?:{clock}|{seconds})", rf"(?P<a>{seconds}|{_INSTANT})"
        into = r"into (?:the|it)(?: (?:clip|take|video|shot|scene))?"
        mark = rf"(?: (?:mark|point)| (?:in|{into})\b)?"
        at = r"\b(?:at|by|starting at|starting from|beginning at|from)(?: about| around| exactly)?(?: the)?"
        return [
            (rf"\bafter a (?:\w+ )?(?:pause|beat|silence|wait) of {_ABOUT}(?P<a>{seconds})", "after", self._single),
            (rf"\b(?:after|following) {_ABOUT}{some}(?: have passed| has passed| pass(?:es)?)?", "after", self._single),
            (rf"{_ABOUT}{some} (?:later|afterwards|after that|thereafter|on)\b", "after", self._single),
            (rf"{at} (?P<a>{time}){mark}", "at", self._single),
            (rf"\b(?:at|from)(?: the)? second (?P<a>{number})", "at", self._single),
            (rf"{_ABOUT}(?P<a>{seconds}) (?:in\b|{into})", "at", self._single),
            (rf"\b(?:until|till)(?: the)? (?P<a>{time}){mark}", "until", self._single),
            (rf"\b(?:for|lasting|lasts|during) {_ABOUT}{some}(?: long)?", "length", self._single),
            (rf"\b(?:over|within|in|across|(?:in|over) the course of) {_ABOUT}(?P<a>{seconds})", "within", self._single),
        ]

    def find(self, flat: str) -> list[TimeMark]:
        """The times in a text, in order; where several readings overlap, the rule that stands first.

        Args:
            flat: lower-case text with plain quotes and blanks (`text.shadow`).
        """
        taken: list[TimeMark] = []
        for rule, kind, values in self._rules:
            for found in rule.finditer(flat):
                start, end = found.span()
                if all(end <= mark.start or start >= mark.end for mark in taken):
                    low, high = values(found)
                    if kind != "span" or high > low:
                        taken.append(TimeMark(kind, low, high, start, end))
        return sorted(taken, key=lambda mark: mark.start)

    def _single(self, found: re.Match[str]) -> tuple[float, float]:
        return self._seconds(found["a"]), 0.0

    def _pair(self, found: re.Match[str]) -> tuple[float, float]:
        return self._seconds(found["a"]), self._seconds(found["b"])

    def _edge(self, found: re.Match[str]) -> tuple[float, float]:
        if found["a"] == "half":
            return 0.0, 0.5
        alone = re.fullmatch(_UNIT, found["a"])
        return (1.0 if alone else self._seconds(found["a"])), 0.0

    def _every(self, found: re.Match[str]) -> tuple[float, float]:
        loose = {"other second": 2.0, "second": 1.0, "couple of seconds": 2.0, "few seconds": 3.0}
        return loose.get(found["a"]) or self._seconds(found["a"]), 0.0

    def _seconds(self, said: str) -> float:
        for pattern, value in _INSTANTS:
            if re.fullmatch(pattern, said):
                return value
        found = self._one.fullmatch(said)
        if found is None:
            return 1.0
        if found["clock"]:
            minutes, _, rest = found["clock"].partition(":")
            return int(minutes) * 60 + float(rest.replace(",", "."))
        if found["fraction"]:
            *often, part = [word for word in found["fraction"].split() if word not in ("of", "a", "an")]
            top = self._number(often[0]) if often else 1.0
            bottom = _FRACTIONS.get(part) or _FRACTIONS[part.removesuffix("s")]
            return top / bottom * (60 if found["whole"] == "minute" else 1)
        if found["behind"]:
            return (self._number(found["behind"]) + 0.5) * _scale(found["unit3"])
        if found["half"]:
            return (self._number(found["half"]) + 0.5) * _scale(found["unit1"])
        return self._number(found["number"] or found["bare"]) * _scale(found["unit2"] or "s")

    def _number(self, said: str) -> float:
        if said[0].isdigit():
            return float(said.replace(",", "."))
        return float(self._numbers.get(said, 1))


def _shares() -> list[_Rule]:
    """Parts of the take, and all of it."""

    def of(low: float, high: float) -> Callable[[re.Match[str]], tuple[float, float]]:
        return lambda found: (low, high)

    within = r"\b(?:in|during|for|over)"
    whole = (
        r"\b(?:throughout|(?:for |during )?the (?:whole|entire) (?:time|clip|take|video|shot|scene)|all the time"
        r"|all the way through|the whole way through|from (?:beginning|start) to (?:end|finish)|for the duration)"
    )
    return [
        (r"\b(?:until|till|to) the (?:very )?end\b", "throughout", of(0.0, 0.0)),
        (whole + r"(?: of)?(?: the (?:clip|take|video|shot|scene))?", "throughout", of(0.0, 0.0)),
        (r"\b(?:half-?way|midway)(?: through)?(?: the (?:clip|take|video|shot|scene))?\b", "share", of(0.5, 1.0)),
        (r"\bin the middle of the (?:clip|take|video|shot|scene)\b", "share", of(0.4, 1.0)),
        (within + r" the second half\b" + _CLIP, "share", of(0.5, 1.0)),
        (within + r" the first half\b" + _CLIP, "share", of(0.0, 0.5)),
        (r"\b(?:towards?|near|nearing) the (?:very )?end\b" + _CLIP, "share", of(0.7, 1.0)),
        (r"\b(?:at|in|from) the (?:very )?(?:beginning|start|outset)\b" + _CLIP, "share", of(0.0, 1.0)),
    ]


def _scale(unit: str) -> float:
    """Seconds in a unit of time."""
    if unit.startswith("mi") and "milli" not in unit:
        return 60.0
    return 0.001 if unit.startswith(("ms", "milli")) else 1.0
