"""`textuportray plan`: a direction becomes motion."""

from __future__ import annotations

import argparse
import json
import sys
import time

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runtime.cli import Stopper
    from runtime.take import TakeResult

EXAMPLES = """example:
  textuportray plan "She smiles warmly, then glances left and raises an eyebrow" -o motion.json

Sides are the subject's own. Besides motion.json, the folder motion.take keeps the journal of how the regions agreed:
see it with `textuportray replay motion.take`."""


def describe(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("direction", metavar="DIRECTION", help="what the face should do, in words")
    parser.add_argument("-o", "--output", required=True, type=Path, metavar="FILE", help="motion file to write (JSON)")
    parser.add_argument("--seconds", metavar="S", help="length of the take; without it, what the direction needs (3 to 20)")
    parser.add_argument("--fps", default="60", help="frame rate of the motion, such as 25 or 30000/1001 (default 60)")
    parser.add_argument("--seed", default="0", metavar="N", help="of everything random (default 0)")
    parser.add_argument(
        "--emotion", default="", metavar="TEXT", help="emotional colouring apart from what the direction asks for"
    )
    parser.add_argument(
        "--idle", action=argparse.BooleanOptionalAction, default=True, help="let the face blink, breathe and sway by itself"
    )
    parser.add_argument(
        "--no-negotiation",
        dest="negotiate",
        action="store_false",
        help="commit first proposals as they are (to see what negotiation is for)",
    )
    parser.add_argument("--explain", action="store_true", help="show each beat, its acts and the words they come from")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.add_argument(
        "--constraints",
        type=Path,
        metavar="FILE",
        help="constraints to use instead of the program's own (see configs/constraints.yaml)",
    )
    parser.add_argument(
        "--gestures", type=Path, metavar="FILE", help="catalogue of gestures to use instead (see configs/gestures.yaml)"
    )


def run(options: argparse.Namespace, stopper: Stopper) -> int:
    """Plan the take and say what came of it."""
    from runtime import options as asked
    from runtime.outputs import TakeFiles
    from runtime.take import load, plan_to_files

    direction = asked.parse_direction(options.direction)
    replaced = {"constraints.yaml": options.constraints, "gestures.yaml": options.gestures}
    wanted = asked.TakeOptions(
        direction=direction,
        seconds=None if options.seconds is None else asked.parse_seconds(options.seconds),
        fps=asked.parse_fps(options.fps),
        seed=asked.parse_seed(options.seed),
        idle=options.idle,
        negotiate=options.negotiate,
        emotion=asked.parse_emotion(options.emotion),
        tables={name: path for name, path in replaced.items() if path is not None},
    )
    loaded = load(dict(wanted.tables))
    files = TakeFiles.beside(options.output)
    files.check()
    began = time.monotonic()
    with stopper:
        result, samples = plan_to_files(wanted, loaded, files, lambda: time.monotonic() - began, stopper)
    took = time.monotonic() - began
    if options.json:
        print(json.dumps(_as_data(result, files, samples.shape[1], took), ensure_ascii=False))
    else:
        print("\n".join(_as_text(result, files, samples.shape[1], took, explain=options.explain)))
    for line in _warnings(result):
        print(f"warning: {line}", file=sys.stderr)
    return 0


def _as_text(result: TakeResult, files: Any, frames: int, took: float, *, explain: bool) -> list[str]:
    assert result.brief is not None
    talk = talked(result)
    beats = len(result.brief.beats)
    plural = "" if beats == 1 else "s"
    lines = [
        f"{files.output}: {result.brief.seconds:g} s, {frames} frames, {beats} beat{plural}, planned in {took:.2f} s",
        f"{talk['proposals']} proposals, {talk['objections']} objections, {talk['rulings']} rulings; see {files.folder}",
    ]
    return lines + (explained(result) if explain else [])


def explained(result: TakeResult) -> list[str]:
    """Each beat, what it asks for and the words that say so."""
    assert result.brief is not None
    lines = []
    for number, beat in enumerate(result.brief.beats):
        lines.append(f"beat {number}  {beat.start:.2f}-{beat.end:.2f} s  {beat.summary}")
        for act in beat.acts:
            start = max(act.start, 0.0) + beat.start
            end = min(act.end + beat.start, beat.end)
            going = "goes on " if act.start < 0 else ""
            extra = "".join(
                [
                    f" x{act.count}" if act.count else "",
                    f" {act.side}" if act.side != "both" else "",
                    f" yaw {act.yaw:g}" if act.yaw else "",
                    f" pitch {act.pitch:g}" if act.pitch else "",
                    f" strength {act.strength:g}" if act.strength != 1 else "",
                    f" speed {act.speed:g}" if act.speed != 1 else "",
                ]
            )
            lines.append(f'  {start:6.2f}-{end:5.2f}  {going}{act.name}{extra}   "{act.words}"')
        lines += [f'  not: {", ".join(limit.channels)} above {limit.most:g}   "{limit.words}"' for limit in beat.limits]
        lines += [f'  still {still.start:.2f}-{still.end:.2f}   "{still.words}"' for still in beat.stills]
    return lines


def talked(result: TakeResult) -> Counter[str]:
    """How much was said before the take was agreed on."""
    from protocol.messages import Objected, Proposed, Ruled

    counts: Counter[str] = Counter(proposals=0, objections=0, rulings=0)
    for record in result.records:
        message = record.message
        counts["proposals"] += isinstance(message, Proposed)
        counts["objections"] += isinstance(message, Objected)
        counts["rulings"] += isinstance(message, Ruled)
    return counts


def _warnings(result: TakeResult) -> list[str]:
    assert result.brief is not None
    found = []
    if result.brief.unread:
        found.append("not understood: " + ", ".join(f'"{words}"' for words in result.brief.unread))
    if not any(beat.acts or beat.stills for beat in result.brief.beats):
        found.append("nothing in the direction asks for anything that a face can do, so the face only idles")
    return found


def _as_data(result: TakeResult, files: Any, frames: int, took: float) -> dict[str, Any]:
    assert result.brief is not None
    return {
        "output": str(files.output),
        "take": str(files.folder),
        "seconds": result.brief.seconds,
        "frames": frames,
        "planned_in": round(took, 4),
        **talked(result),
        "understood": [list(pair) for pair in result.brief.understood],
        "unread": list(result.brief.unread),
        "beats": [beat.model_dump(mode="json") for beat in result.brief.beats],
    }
