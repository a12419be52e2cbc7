"""Options that several commands have in common: what a take is asked for, and how a motion is to be made visible."""

from __future__ import annotations

import argparse

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runtime.options import FilmOptions, TakeOptions

RENDERERS = ("puppet",)
DEVICES = ("auto", "cpu", "cuda")


def add_take_options(parser: argparse.ArgumentParser, fps: str) -> None:
    """Add what a take can be asked for besides its direction; `fps` is the usual frame rate."""
    parser.add_argument("--seconds", metavar="S", help="length of the take; without it, what the direction needs (3 to 20)")
    parser.add_argument("--fps", default=fps, help=f"frame rate, such as 25 or 30000/1001 (default {fps})")
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


def take_options(options: argparse.Namespace) -> TakeOptions:
    """What the take is asked for.

    Raises:
        UsageError: that cannot be.
    """
    from runtime import options as asked

    replaced = {"constraints.yaml": options.constraints, "gestures.yaml": options.gestures}
    return asked.TakeOptions(
        direction=asked.parse_direction(options.direction),
        seconds=None if options.seconds is None else asked.parse_seconds(options.seconds),
        fps=asked.parse_fps(options.fps),
        seed=asked.parse_seed(options.seed),
        idle=options.idle,
        negotiate=options.negotiate,
        emotion=asked.parse_emotion(options.emotion),
        tables={name: path for name, path in replaced.items() if path is not None},
    )


def add_portrait_options(parser: argparse.ArgumentParser) -> None:
    """Add how a portrait is read."""
    parser.add_argument("--size", metavar="N", help="pixels of the longer side (default: the portrait's own)")
    parser.add_argument("--face", metavar="N", help="which face acts if there are several, 1 for the largest")


def portrait_options(options: argparse.Namespace) -> tuple[int | None, int | None]:
    """Size and face that are asked for; None for what is not.

    Raises:
        UsageError: they cannot be.
    """
    from runtime import options as asked

    size = None if options.size is None else asked.parse_size(options.size)
    face = None if options.face is None else asked.parse_face(options.face)
    return size, face


def add_film_options(parser: argparse.ArgumentParser) -> None:
    """Add how a motion is to be made visible."""
    add_portrait_options(parser)
    parser.add_argument(
        "--background",
        default="keep",
        metavar="WHAT",
        help="behind the person: keep (the portrait's own, the default), alpha, green, or a colour such as '#2040a0'",
    )
    parser.add_argument("--renderer", choices=RENDERERS, default=RENDERERS[0], help="what makes the frames (default puppet)")
    parser.add_argument("--sheet", type=Path, metavar="FILE", help="also write a contact sheet of the take (PNG)")
    parser.add_argument("--device", choices=DEVICES, default="auto", help="where frames are computed (default auto)")


def film_options(options: argparse.Namespace) -> FilmOptions:
    """How a motion is to be made visible.

    Raises:
        UsageError: that cannot be.
    """
    from runtime import options as asked

    size, face = portrait_options(options)
    return asked.FilmOptions(
        portrait=options.portrait,
        output=options.output,
        renderer=options.renderer,
        device=options.device,
        size=size,
        face=face,
        background=asked.parse_background(options.background),
        sheet=options.sheet,
    )
