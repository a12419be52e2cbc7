"""Times that a direction names: "after three seconds", "from 1s to 2.5s", "at 0:04", "in the last second"."""

from __future__ import annotations

import re

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

TimeKind = Literal[
    "until_last", "at", "after", "until", "span", "length", "within", "first", "last", "share", "every", "throughout"
]


@dataclass(frozen=True, slots=True)
class TimeMark:
    """A time, and the characters that name it.

    Attributes:
        kind: "at" seconds into the take, "after" seconds from what came before, "until" seconds into the take, "span" from
            `low` to `high` seconds, "length" lasting, "within" taking that long to come about, "first" and "last" seconds of
            the take, "until_last" until so many seconds before its end, "share" of the take from `low` to `high` (0..1),
            "every" so many seconds, "throughout" the take (`low` 1: from where it is said to its end).
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
_FULL = r" (?:full|whole|long|short|more|further|good|clear|solid|entire|additional|extra)"
_ABOUT = (
    r"(?:about |around |roughly |approximately |exactly |precisely |nearly |almost |at least |only |just |the |"
    r"a further |a full |some |the next |the following |maybe |perhaps |no more than |more than |up to )*"
)


_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
_ORDINAL = "|".join(_ORDINALS)
_PARTS_OF_A_TAKE = tuple(
    (rf"{ordinal} {fraction}", (low / parts, high / parts))
    for fraction, parts in (("third", 3), ("quarter", 4), ("fifth", 5))
    for ordinal, low, high in (
        ("(?:first|opening|initial)", 0, 1),
        ("second", 1, 2),
        *((("middle", 1, 2),) if parts == 3 else ()),
        *((("third", 2, 3),) if parts > 3 else ()),
        ("(?:last|final|closing)", parts - 1, parts),
    )
)
"""What parts of a take are called, and the shares of it from which and to which they last."""
_LONE = r"(?:seconds?|secs?)\b"
"""A second by itself; "in the last minute" says nothing of a take."""
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
        fraction = rf"(?:(?:(?:a|an|one|two|three|{spoken}) )?(?:{'|'.join(_FRACTIONS)})s?(?: of)? an?|half|quarter)"
        clock = r"\d{1,2}:\d{2}(?:[.,]\d+)?"
        self._one = re.compile(
            rf"(?P<clock>{clock})|(?P<fraction>{fraction}) (?P<whole>second|minute)"
            rf"|(?P<half>{number}) and a half (?P<unit1>{_UNIT})|(?P<behind>{number}) (?P<unit3>{_UNIT}) and a half"
            rf"|(?P<number>{number})(?:{_FULL})?[ -]?(?P<unit2>{_UNIT})|(?P<bare>{number})"
        )
        halves = rf"{number} and a half {_UNIT}|{number} {_UNIT} and a half"
        seconds = rf"(?:{fraction} (?:second|minute)|{halves}|{number}(?:{_FULL})?[ -]?(?:{_UNIT}))"
        said = [*self._spans(clock, seconds, number), *self._points(clock, seconds, number), *_shares()]
        said.append((rf"(?<![\w-])(?P<a>{seconds})(?: long)?(?![\w-])", "length", self._single))
        said.append((rf"(?<![\w:])(?P<a>{clock})(?![\w:])", "at", self._single))
        self._rules = [(re.compile(pattern), kind, values) for pattern, kind, values in said]

    def _spans(self, clock: str, seconds: str, number: str) -> list[_Rule]:
        """From one time to another; the first or last seconds; every so often."""
        time, loose = rf"(?:{clock}|{seconds})", rf"(?:{clock}|{seconds}|{number})"
        during = rf"\b(?:for|in|during|over|within|throughout|only in|just for) {_ABOUT}"
        every = rf"\bevery (?P<a>{seconds}|other second|second|couple of seconds|few seconds)"
        return [
            (rf"\b(?:from|between) (?:seconds? )?(?P<a>{loose}){_TO}(?P<b>{time})", "span", self._pair),
            (rf"\bbetween the (?P<a>{_ORDINAL})(?: second)? and (?:the )?(?P<b>{_ORDINAL}) seconds?", "span", self._ordinals),
            (rf"\b(?:in|during) the (?P<a>{_ORDINAL}) second\b", "at", self._nth),
            (rf"\b(?:from|between) seconds? (?P<a>{loose}){_TO}(?P<b>{loose})", "span", self._pair),
            (rf"(?<![\w:])(?P<a>{loose}) ?(?:-|\u2014|to) ?(?P<b>{time})", "span", self._pair),
            (rf"{during}(?:first|opening|initial) (?P<a>{seconds}|{_LONE}|half)", "first", self._edge),
            (rf"{during}(?:last|final|closing) (?P<a>{seconds}|{_LONE}|half)", "last", self._edge),
            (rf"(?:^|(?<=[.\n;,]))[ ]*(?P<a>{seconds}) ?[:\u2014](?= )", "at", self._single),
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
            (
                rf"\b(?:ending|ends|finishing|stopping|stops|over|gone|done) (?:at|by) (?P<a>{time}){mark}",
                "until",
                self._single,
            ),
            (rf"{at} (?P<a>{time}){mark}", "at", self._single),
            (rf"\b(?:until|till|up to|by)(?: the)? second (?P<a>{number})", "until", self._single),
            (rf"\b(?:at|from)(?: the)? second (?P<a>{number})", "at", self._single),
            (rf"{_ABOUT}(?P<a>{seconds}) (?:in\b|{into})", "at", self._single),
            (rf"\b(?:until|till|up to|up until)(?: the)? (?P<a>{time}){mark}", "until", self._single),
            (rf"\bit (?:takes|took) (?:\w+ )?{_ABOUT}(?P<a>{seconds})(?: for \w+)?(?: to\b)?", "within", self._single),
            (rf"\btaking {_ABOUT}(?P<a>{seconds})(?: to\b| over it)?", "within", self._single),
            (rf"\bfrom (?P<a>{time}) (?:on|onwards?)\b", "at", self._single),
            (
                rf"\b(?:not until|no earlier than|no sooner than|only after|only at)(?: the)? (?P<a>{time}){mark}",
                "at",
                self._single,
            ),
            (rf"\b(?:until|till) (?:the |his |her )?(?:last|final|closing) (?P<a>{seconds}|{_LONE})", "until_last", self._edge),
            (rf"\bwith (?:only |just )?(?P<a>{seconds}) (?:to go|left|remaining)\b", "last", self._single),
            (rf"(?:the )?(?P<a>{seconds}) (?:from|before) the end\b", "last", self._single),
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
        return _listed(sorted(taken, key=lambda mark: mark.start), flat)

    def _single(self, found: re.Match[str]) -> tuple[float, float]:
        return self._seconds(found["a"]), 0.0

    def _ordinals(self, found: re.Match[str]) -> tuple[float, float]:
        return float(_ORDINALS.index(found["a"]) + 1), float(_ORDINALS.index(found["b"]) + 1)

    def _nth(self, found: re.Match[str]) -> tuple[float, float]:
        return float(_ORDINALS.index(found["a"])), 0.0

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


def _listed(marks: Sequence[TimeMark], flat: str) -> list[TimeMark]:
    """Times that go on a list of times: "at 1 s, 2 s and 3 s" are three points."""
    result: list[TimeMark] = []
    for mark in marks:
        before = result[-1] if result else None
        if before is not None and before.kind == "at" and mark.kind == "length":
            between = flat[before.end : mark.start].strip()
            if between in (",", "and", ", and", "&", "then", ", then", "and then"):
                result.append(replace(mark, kind="at"))
                continue
        result.append(mark)
    return result


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
        (r"\b(?:until|till|to) the (?:very |bitter )?end\b" + _CLIP, "throughout", of(1.0, 1.0)),
        (whole + r"(?: of)?(?: the (?:clip|take|video|shot|scene))?", "throughout", of(0.0, 0.0)),
        (
            r"\b(?:half-?way|midway|half way)(?: through| in(?:to it)?)?(?: the (?:clip|take|video|shot|scene))?\b",
            "share",
            of(0.5, 1.0),
        ),
        (r"\bin the middle(?: of the (?:clip|take|video|shot|scene)\b|(?= ?(?:[,.;:]|$)))", "share", of(0.4, 1.0)),
        *[(within + rf" the {part}\b" + _CLIP, "share", of(*share)) for part, share in _PARTS_OF_A_TAKE],
        (within + r" the second half\b" + _CLIP, "share", of(0.5, 1.0)),
        (within + r" the first half\b" + _CLIP, "share", of(0.0, 0.5)),
        (r"\b(?:towards?|near|nearing) the (?:very )?end\b" + _CLIP, "share", of(0.7, 1.0)),
        (r"\b(?:(?:only|right|just) (?:at|before)|just before|not until|at) the very end\b" + _CLIP, "share", of(0.75, 1.0)),
        (r"\b(?:right at|just before|not until) the end\b" + _CLIP, "share", of(0.75, 1.0)),
        (r"\b(?:in|for|during) the (?:last|final|closing|dying) moments?\b" + _CLIP, "share", of(0.75, 1.0)),
        (r"\b(?:one|a) third of the way(?: through| in)?\b" + _CLIP, "share", of(0.33, 1.0)),
        (r"\btwo thirds of the way(?: through| in)?\b" + _CLIP, "share", of(0.67, 1.0)),
        (r"\b(?:a|one) quarter of the way(?: through| in)?\b" + _CLIP, "share", of(0.25, 1.0)),
        (r"\bthree quarters of the way(?: through| in)?\b" + _CLIP, "share", of(0.75, 1.0)),
        (r"\b(?:at|in|from) the (?:very )?(?:beginning|start|outset)\b" + _CLIP, "share", of(0.0, 1.0)),
    ]


def _scale(unit: str) -> float:
    """Seconds in a unit of time."""
    if unit.startswith("mi") and "milli" not in unit:
        return 60.0
    return 0.001 if unit.startswith(("ms", "milli")) else 1.0
