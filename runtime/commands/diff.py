"""`textuportray diff`: where two takes part, and what follows from it in the motion."""

from __future__ import annotations

import argparse
import json
import sys
import textwrap
import time

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from protocol.debugging.codes import DIVERGENCES

if TYPE_CHECKING:
    from protocol.debugging.diverging import Difference, Divergence
    from protocol.debugging.effects import Effect, Shift
    from protocol.debugging.pages import Pages
    from runtime.cli import Stopper

EXAMPLES = f"""examples:
  textuportray diff smile.mp4 smile-2.mp4
  textuportray diff before.take after.take --json

TAKE is a motion or video, its .take folder, or the journal in it; also a URL. Takes are compared by what was said in them,
wherever they were made and in whatever order it arrived. Two values are those of the first / the second.

codes:
{chr(10).join(f"  {code}  {text}" for code, text in DIVERGENCES.items())}

Exit code 0 if both say the same, 3 if they part; 1 or 2 if they could not be compared."""

PART = 3
"""The exit code where two takes part: the same as where a journal and this version's machines do."""
MOST_BEATS = 4
"""Changed beats of which the regions are told."""


def describe(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("first", metavar="TAKE", help="a take")
    parser.add_argument("second", metavar="TAKE", help="the take that it is compared with")
    parser.add_argument("--json", action="store_true", help="print the comparison as JSON")


def run(options: argparse.Namespace, stopper: Stopper) -> int:
    """Compare both takes."""
    from protocol.debugging.diverging import compared, diverge
    from runtime.commands.placing import placed
    from runtime.commands.telling import harmless
    from runtime.progress import Progress
    from runtime.takes import open_pages

    progress = Progress(sys.stderr, time.monotonic)
    try:
        with placed(progress) as places:
            journals = [open_pages(places.journal(take)) for take in (options.first, options.second)]
    finally:
        progress.interrupt()
    found = diverge(compared(journals[0]), compared(journals[1]))
    print(json.dumps(as_data(found), ensure_ascii=False) if options.json else harmless("\n".join(as_text(found))))
    for line in _unfinished(journals):
        print(f"warning: {line}", file=sys.stderr)
    return PART if found.code else 0


def _unfinished(journals: Sequence[Pages]) -> Iterator[str]:
    for which, journal in zip(("first", "second"), journals, strict=True):
        if journal.torn_at is not None:
            yield f"the journal of the {which} is torn at byte {journal.torn_at}; only what comes before that is compared"
        elif not journal.closed:
            yield f"the journal of the {which} was not closed; the take was cut off or still runs"


@dataclass(frozen=True, slots=True)
class _Room:
    """How much is told of each thing: places of a difference, channels, lines of a sentence, notes."""

    fields: int
    channels: int
    lines: int
    notes: int


_ROOMS = (_Room(4, 4, 2, 4), _Room(3, 4, 2, 3), _Room(2, 3, 2, 2), _Room(1, 2, 1, 2), _Room(0, 2, 1, 2))
"""From ample to tight: in the last, everything that two takes may differ in has its place."""
MOST_LINES = 19


def as_text(found: Divergence) -> list[str]:
    """The comparison for people, in less than 20 lines."""
    told = (_lines(found, room) for room in _ROOMS)
    return next(lines for lines in told if len(lines) <= MOST_LINES)


def _lines(found: Divergence, room: _Room) -> list[str]:
    lines = []
    if not found.code:
        beats = f", {_counted(len(found.effect.unchanged), 'beat')}" if found.effect else ""
        lines.append(f"the same: {_counted(found.messages[0], 'message')}{beats}, the same motion")
    for difference in found.differences:
        lines += _told(difference, room)
    if found.keyframe and not any(
        found.keyframe.endswith(line) for each in found.differences for line in each.fields[: room.fields]
    ):
        lines += _wrapped(f"first keyframe that differs: {found.keyframe}", 2, room)
    if found.code:
        lines += _effect(found.effect, room)
    for note in found.notes[: room.notes]:
        lines += _wrapped(f"note: {note}", 2, room)
    return lines


def _told(difference: Difference, room: _Room) -> Iterator[str]:
    place = ""
    if difference.records:
        place = " (record " + " / ".join(str(seq) if seq else "none" for seq in difference.records) + ")"
    if len(difference.fields) == 1 and not difference.more and not difference.records:
        yield from _wrapped(f"{difference.code} {difference.text}: {difference.fields[0]}", 4, room)
        return
    places = len(difference.fields) + difference.more
    count = f", in {places} places" if places and not room.fields else ""
    yield from _wrapped(f"{difference.code} {difference.text}{place}{count}", 4, room)
    for line in difference.fields[: room.fields]:
        yield from _wrapped(f"    {line}", 6, room)
    if room.fields and places > room.fields:
        yield f"    and {places - min(len(difference.fields), room.fields)} more"


def _effect(effect: Effect | None, room: _Room) -> Iterator[str]:
    """What follows in the motion."""
    from protocol.channels import CHANNELS

    if effect is None:
        yield "motion: at least one of them has none yet"
        return
    one, two = effect.seconds
    length = f"both {one:g} s long" if one == two else f"{one:g} s / {two:g} s long"
    if effect.same:
        yield f"motion: the same, {length}"
        return
    if effect.shifts:
        told = f"{len(effect.shifts)} of {len(CHANNELS)} channels differ, from {min(s.since for s in effect.shifts):.2f} s on"
    else:
        told = "the same as far as both go"
    yield f"motion: {length}; {told}"
    for names, shift in list(_by_stem(effect.shifts).values())[: room.channels]:
        amount = f"by up to {_amount(shift.channel, shift.most)} at {shift.at:.2f} s"
        yield f"    {' and '.join(names)} {amount}, from {shift.since:.2f} s on"
    parts = [
        f"unchanged {_numbers(effect.unchanged)}" if effect.unchanged else "none unchanged",
        f"changed {_changed(effect)}" if effect.changed else "",
        f"only in the first {_numbers(effect.removed)}" if effect.removed else "",
        f"only in the second {_numbers(effect.added)}" if effect.added else "",
        f"moved {', '.join(f'{a} to {b}' for a, b in effect.moved[:6])}" if effect.moved else "",
    ]
    yield from _wrapped(f"beats: {'; '.join(part for part in parts if part)}", 4, room)


def _by_stem(shifts: Sequence[Shift]) -> dict[str, tuple[list[str], Shift]]:
    """Both sides of a channel together, with the side that differs more."""
    from protocol.channels import CHANNELS

    found: dict[str, tuple[list[str], Shift]] = {}
    for shift in shifts:
        found.setdefault(CHANNELS[shift.channel].stem, ([], shift))[0].append(shift.channel)
    return found


def _changed(effect: Effect) -> str:
    """Changed beats; where they are few, with the regions that do something else, unless all four do."""
    from protocol.channels import REGIONS

    if len(effect.changed) > MOST_BEATS or all(regions == REGIONS for regions in effect.regions):
        return _numbers(effect.changed)
    told = zip(effect.changed, effect.regions, strict=True)
    return ", ".join(f"{n} ({' and '.join(regions)})" if 0 < len(regions) < len(REGIONS) else str(n) for n, regions in told)


def _numbers(numbers: Sequence[int]) -> str:
    """Numbers of beats, runs of them as a span."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    shown = [str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs]
    return ", ".join(shown[:8]) + (" …" if len(shown) > 8 else "")


def _amount(channel: str, value: float) -> str:
    from protocol.channels import CHANNELS

    places = 2 if value >= 0.01 else 5
    return f"{value:.{places}f}" + {"share": "", "degree": "°", "cm": " cm"}[CHANNELS[channel].unit]


def _wrapped(text: str, under: int, room: _Room) -> list[str]:
    """A text in as many lines as there is room for."""
    indent = " " * under
    from protocol.conversation import WIDTH

    lines = textwrap.wrap(text, WIDTH, subsequent_indent=indent, break_on_hyphens=False, max_lines=room.lines, placeholder=" …")
    return lines or [""]


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def as_data(found: Divergence) -> dict[str, Any]:
    """The comparison for programs."""
    return {
        "same": found.code is None,
        "code": found.code,
        "differences": [asdict(difference) for difference in found.differences],
        "keyframe": found.keyframe or None,
        "motion": None if found.effect is None else {"same": found.effect.same, **asdict(found.effect)},
        "messages": list(found.messages),
        "notes": list(found.notes),
    }
