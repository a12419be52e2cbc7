"""`textuportray why`: where one value of a take comes from."""

from __future__ import annotations

import argparse
import json
import re
import sys
import time

from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from protocol.debugging.pages import Pages
    from runtime.cli import Stopper

EXAMPLES = """examples:
  textuportray why smile.mp4 mouthSmileLeft@1.2
  textuportray why smile.take 'headYaw@#30' --json

TAKE is a motion or video, its .take folder, or the journal in it; also a URL. The time is in seconds of the take, or the
number of a frame after a #. Channels are those of the motion, such as mouthSmileLeft, jawOpen or headYaw."""

_PLACE = re.compile(r"([^@]*)@(?:#([0-9]{1,7})|([0-9]{1,7}(?:\.[0-9]{0,9})?|\.[0-9]{1,9}) ?s?)")


def describe(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("take", metavar="TAKE", help="the take")
    parser.add_argument("value", metavar="CHANNEL@TIME", help="which value, such as jawOpen@1.2 or 'jawOpen@#30'")
    parser.add_argument("--json", action="store_true", help="print the explanation as JSON")


def run(options: argparse.Namespace, stopper: Stopper) -> int:
    """Find the value and tell what led to it."""
    from protocol.debugging.explaining import NothingThereError, excerpt, explain
    from runtime.commands.placing import placed
    from runtime.commands.replay import opened_by, rules_of
    from runtime.commands.telling import harmless
    from runtime.explaining import Told, composed, repertoire_of
    from runtime.options import UsageError
    from runtime.progress import Progress
    from runtime.takes import open_pages

    channel, frame, seconds = parse_value(options.value)
    progress = Progress(sys.stderr, time.monotonic)
    try:
        with placed(progress) as places:
            pages = open_pages(places.journal(options.take))
    finally:
        progress.interrupt()
    message = opened_by(pages.record(1))
    rules = rules_of(message)
    fps = Fraction(message.fps)
    try:
        if frame is not None:
            seconds = _second(pages, frame, fps)
        explanation = explain(excerpt(pages, seconds), rules, channel, seconds)
    except NothingThereError as error:
        raise UsageError(f"{options.value[:80]}: {error}. Ask for another time.") from None
    told = Told(explanation, composed(repertoire_of(message.configuration, rules), explanation), fps, frame)
    print(json.dumps(told.as_data(), ensure_ascii=False) if options.json else harmless("\n".join(told.as_text())))
    if pages.torn_at is not None:
        print(f"warning: the journal is torn at byte {pages.torn_at}; only what comes before that counts", file=sys.stderr)
    return 0


def parse_value(text: str) -> tuple[str, int | None, float]:
    """Which value is meant: its channel, and its frame or its second.

    Raises:
        UsageError: there is no such channel, or no time that can be read.
    """
    from runtime.options import UsageError

    found = _PLACE.fullmatch(text.strip())
    if found is None:
        raise UsageError(
            f"{text[:80]!r} does not say which value is meant. Give a channel and a time, such as jawOpen@1.2 (seconds) or "
            "'jawOpen@#30' (frame)."
        )
    channel, frame, seconds = found.groups()
    return _channel(channel), None if frame is None else int(frame), 0.0 if seconds is None else float(seconds)


def _channel(name: str) -> str:
    """The channel that is called so, capitals aside.

    Raises:
        UsageError: none or several.
    """
    import difflib

    from protocol.channels import NAMES, both_sides
    from runtime.options import UsageError

    by_small = {each.lower(): each for each in NAMES}
    if name.lower() in by_small:
        return by_small[name.lower()]
    stems = {each.removesuffix(side).lower(): each.removesuffix(side) for each in NAMES for side in ("Left", "Right")}
    sides = both_sides(stems.get(name.lower(), ""))
    if sides:
        raise UsageError(f"{name} has two sides, the subject's own: ask for {' or for '.join(sides)}.")
    near = difflib.get_close_matches(name.lower(), by_small, 3, 0.6)
    hint = f"Did you mean {' or '.join(by_small[each] for each in near)}?" if near else f"Channels are: {', '.join(NAMES)}."
    raise UsageError(f"there is no channel {name[:40]!r}. {hint}")


def _second(pages: Pages, frame: int, fps: Fraction) -> float:
    """When a frame of a take is shown.

    Raises:
        NothingThereError: the take does not have so many.
    """
    from protocol.debugging.explaining import NothingThereError, brief_of
    from protocol.interpolation import frame_times
    from protocol.timeline import frame_count

    brief = brief_of(pages)  # among the first records, so that no more are read
    if brief is not None and frame >= (count := frame_count(brief.seconds, fps)):
        raise NothingThereError(f"the take has {count} frames, 0 to {count - 1}, at {fps} per second ({brief.seconds:g} s)")
    return float(frame_times(1, fps, frame)[0])
