"""The gallery: how every gesture and every emotional state looks on the sample portrait; `make gallery` runs it.

Rules
- What is shown is what the program does. The words of a strip are taken from the lexicon, the director reads them, the regions
  negotiate, and the puppet renders; idle motion is off, so that nothing moves that was not asked for.
- Which frames tell the motion is read off the motion itself (`telling`).
- The page follows from the tables alone, so a test can say that it is stale; only the pictures need the models. Seed 0: the
  same tree gives the same pictures.
"""

from __future__ import annotations

import io
import re
import sys

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import numpy as np

from PIL import Image, ImageDraw, ImageFont

from agents.director.lexicon import LexiconPlanner
from configs.gestures import Gesture
from configs.lexicon import Lexicon
from configs.tables import Tables
from protocol.brief import Brief
from protocol.channels import CHANNELS, NAMES, Channel, both_sides
from protocol.constraints import Samples
from protocol.journal import JournalWriter
from protocol.timeline import sample
from renderer.interface import Frames, Renderer, Rig
from renderer.portrait import read_portrait
from renderer.sample import write_sample
from renderer.weights import open_weights
from runtime.fitting import shown_rows
from runtime.inline import InlineBase
from runtime.loading import Loaded, load
from runtime.options import TakeOptions
from runtime.renderers import open_renderer
from runtime.take import Watch, opening, run_take

R = TypeVar("R", bound=Rig)

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "gallery.md"
FOLDER = ROOT / "docs" / "gallery"

RATE = Fraction(60)
"""Frames per second of the motion that frames are chosen from: enough for a blink."""
FRAMES = 5
"""Frames of a strip."""
WORDS = 4
"""Ways to say it that the page gives of each."""
BOX = (138, 108, 374, 398)
"""Left, top, right and bottom of what is shown of the sample portrait, pixels: the face with room to turn and bow, and as
little of the hair as that allows, which takes most of the bytes. Chosen by eye."""
EYES_BOX, MOUTH_BOX = (172, 138, 340, 246), (184, 218, 322, 378)
"""The same of what moves eyes and brows alone, or the mouth: seen closer, since little of a whole face moves there."""
CLOSER: Mapping[str, tuple[int, int, int, int]] = {"brows": EYES_BOX, "eyes": EYES_BOX, "mouth": MOUTH_BOX}
"""By group."""
ACROSS = 120
"""Of a frame in the gallery, pixels: the sample's whole face is 110 of them high from the hairline to the chin."""
COLUMNS = 2
QUALITY = 40
"""Of the WebP files: lashes, lips and teeth stay what they are, by eye, and the gallery stays below 1.5 MB."""
SELECTION = ("joy", "sadness", "anger", "fear", "disgust", "surprise", "wink", "laugh", "yawn", "roll_head")
"""What the README shows."""
AFTER: Mapping[str, str] = {"look_at_camera": "look left", "wake_up": "sleep"}
"""What has to be done before a gesture that comes back from something."""

_VISIBLE = {"share": 1.0, "degree": 12.0, "cm": 4.0}
"""How much of a unit is as plainly visible as a coefficient at 1; of the head's degrees."""
_GAZE = 25.0
"""The same of the eyes' degrees: a head that turns shows more than eyes do."""
_QUIET = 0.04
"""Share of the largest excursion that counts as not moving yet."""
_TIME = 0.35
"""How far apart the ends of a motion are by their time alone, beside 1 for its largest excursion by its pose: so that a held
pose is shown as held, and that of equal nods not only the first is shown."""
_MARGIN, _GAP, _BETWEEN, _LINE, _TEXT = 6, 1, 14, 18, 14
_PAPER, _INK = (255, 255, 255), (40, 40, 40)


@dataclass(frozen=True, slots=True)
class Strip:
    """One gesture or emotional state.

    Attributes:
        name: as in its table.
        group: the picture in which it is.
        about: what it is, in words.
        words: ways to say it, as the lexicon has them; the first is what it is shown by.
    """

    name: str
    group: str
    about: str
    words: tuple[str, ...]

    @property
    def title(self) -> str:
        """Its name as words."""
        return self.name.replace("_", " ")

    @property
    def direction(self) -> str:
        """What the director is given."""
        before = AFTER.get(self.name)
        return f"{before}, then {self.words[0]}" if before else self.words[0]


GROUPS: Mapping[str, str] = {
    "brows": "Brows",
    "eyes": "Eyes and lids",
    "mouth": "Mouth, jaw and nose",
    "head": "Head",
    "face": "The whole face",
    "basic": "Basic emotions",
    "compound": "Compound emotions",
    "further": "Further states",
}
"""Headings by group, in the order of the page; each group is one picture."""


# ----------------------------------------------------------------------------------------------------------- what is shown


def strips(tables: Tables) -> list[Strip]:
    """Every gesture and state that moves anything, by group in the order of the tables."""
    planner = LexiconPlanner(tables.lexicon, tuple(tables.emotions.states))
    found = [
        Strip(name, group_of(gesture), gesture.about, said(tables, planner, name))
        for name, gesture in tables.gestures.gestures.items()
        if _reach(gesture)
    ]
    for name in tables.emotions.states:
        state = tables.emotions.state(name)
        if state.levels:
            found.append(Strip(name, state.kind, state.about.rstrip("."), said(tables, planner, name)))
    order = list(GROUPS)
    return sorted(found, key=lambda strip: order.index(strip.group))


def motionless(tables: Tables) -> list[str]:
    """Gestures and states that move nothing of their own: they let others go."""
    gestures = [name for name, gesture in tables.gestures.gestures.items() if not _reach(gesture)]
    return [*gestures, *(name for name in tables.emotions.states if not tables.emotions.state(name).levels)]


def group_of(gesture: Gesture) -> str:
    """The region that it moves most, or "face" if it moves three of them plainly."""
    reach = _reach(gesture)
    most = max(reach.values())
    plainly = [region for region, value in reach.items() if value >= 0.4 * most]
    return "face" if len(plainly) >= 3 else max(reach, key=lambda region: reach[region])


def _reach(gesture: Gesture) -> dict[str, float]:
    """How far it moves each region that it moves, by the channel that goes furthest."""
    reach: dict[str, float] = {}
    for name, value in _sizes(gesture):
        channel = CHANNELS[both_sides(name)[0]]
        size = abs(value) / _visible(channel)
        if size:
            reach[channel.region] = max(reach.get(channel.region, 0.0), size)
    return reach


def _sizes(gesture: Gesture) -> Iterator[tuple[str, float]]:
    yield from gesture.levels.items()
    if gesture.cycle is not None:
        for variant in gesture.cycle.variants:
            yield from variant.items()
        for name, keys in gesture.cycle.keys.items():
            yield from ((name, value) for _, value in keys)
    if gesture.aim is not None:
        yield ("eyeYaw" if gesture.aim.who == "eyes" else "headYaw"), 15.0


def _visible(channel: Channel) -> float:
    return _GAZE if channel.unit == "degree" and channel.region == "eyes" else _VISIBLE[channel.unit]


def said(tables: Tables, planner: LexiconPlanner, name: str) -> tuple[str, ...]:
    """Ways to ask for an act, those first that the director takes for it and nothing else.

    Raises:
        ValueError: the lexicon has no words for it.
    """
    alone: dict[str, None] = {}
    among: dict[str, None] = {}
    for words in _candidates(tables.lexicon, name):
        acts = {act.name for beat in planner.plan(words, None).beats for act in beat.acts}
        if name in acts:
            (alone if acts == {name} else among)[words] = None
        if len(alone) == WORDS:
            break
    if not (alone or among):
        raise ValueError(f"the lexicon has no words for {name}")
    return tuple([*alone, *among][:WORDS])


def _candidates(lexicon: Lexicon, name: str) -> Iterator[str]:
    """What may ask for an act, by every entry that calls for it, its own first; "left" goes with what needs a direction."""
    calling = [entry for entry in lexicon.entries if name in (call.name for call in lexicon.calls(entry))]
    for entry in sorted(calling, key=lambda entry: entry != name):
        aimed = " left" if lexicon.entries[entry].needs_aim else ""
        for pattern in lexicon.entries[entry].say:
            words = spelled(pattern, lexicon)
            if not lexicon.modifiers.denying.intersection(words.split()):  # "not wipe smile" says it, but is no example
                yield f"{words}{aimed}"


def spelled(pattern: str, lexicon: Lexicon) -> str:
    """A pattern of the lexicon as the plainest words that it finds: the first of each choice, without what may be missing."""
    words = []
    for place in re.sub(r"\s*@\s*[\d.]+\s*$", "", pattern).lstrip("=+ ").split():
        if not place.endswith("?"):
            first = place.split("|")[0]
            first = lexicon.words.classes[first[1:-1]][0] if first.startswith("<") else first
            words.append(first.replace("_", " "))
    return " ".join(words)


# --------------------------------------------------------------------------------------------------------------- its motion


def performed(strip: Strip, loaded: Loaded) -> tuple[Brief, Samples]:
    """A take of a strip's direction, as `textuportray plan --no-idle --seed 0` makes it.

    Returns:
        What was understood, and the motion that the regions agreed on: float64 [channels, frames] at `RATE`.
    """
    opened = opening(TakeOptions(direction=strip.direction, fps=RATE, seed=0, idle=False), loaded)
    journal = JournalWriter(io.BytesIO(), lambda: None, "")
    result = run_take(opened, loaded, journal, InlineBase(), Watch(lambda: 0.0))
    assert result.brief is not None
    assert result.timeline is not None
    return result.brief, sample(result.timeline, RATE)


def shown(name: str, brief: Brief, motion: Samples) -> tuple[int, ...]:
    """The frames of a take that tell one of its acts: of the first such act, from where it begins to where it is over."""
    spans = [(beat.start + act.start, beat.start + act.end) for beat in brief.beats for act in beat.acts if act.name == name]
    start, end = spans[0][0], max(span[1] for span in spans)
    last = motion.shape[1] - 1
    # What comes before an act belongs to it, as flesh prepares for it; and so does the way back.
    first = max(0, round((start - 0.15) * RATE))
    return telling(motion, first, min(last, round((end + 0.25) * RATE)), FRAMES)


def telling(motion: Samples, first: int, last: int, count: int) -> tuple[int, ...]:
    """The frames that tell a motion: before it begins, where it has gone furthest, and those most unlike all the others.

    Frames are apart by their pose (each channel by what of it is plainly visible) and a little by their time; each next one is
    that which is furthest from all that were chosen (Gonzalez 1985, Clustering to minimize the maximum intercluster distance).

    Args:
        motion: float64 [channels, frames].
        first: the first frame that may be chosen.
        last: the last one.
        count: how many are wanted, at least 2.

    Returns:
        Frames in the order of their time, at most `count`.
    """
    scale = np.array([_visible(CHANNELS[name]) for name in NAMES])
    poses = motion[:, first : last + 1].T / scale
    away = np.linalg.norm(poses - poses[0], axis=1)
    begins = max(0, int(np.argmax(away > _QUIET * away.max())) - 1)
    poses, away = poses[begins:], away[begins:]
    time = np.linspace(0.0, _TIME, len(poses))[:, None]
    places = np.hstack([poses / max(float(away.max()), 1e-9), time])
    chosen = [0, int(np.argmax(away))]
    while len(chosen) < min(count, len(places)):
        apart = np.min([np.linalg.norm(places - places[each], axis=1) for each in chosen], axis=0)
        chosen.append(int(np.argmax(apart)))
    return tuple(first + begins + each for each in sorted(set(chosen)))


# ------------------------------------------------------------------------------------------------------------- its pictures


def filmed(
    chosen: Sequence[Strip], loaded: Loaded, renderer: Renderer[R], rig: R, box: tuple[int, int, int, int]
) -> list[Image.Image]:
    """Strips, each with its name above its frames. They are rendered at one stroke, which is faster.

    Args:
        chosen: which.
        loaded: the tables.
        renderer: what renders.
        rig: who acts.
        box: what of a frame is shown, pixels.
    """
    rows = []
    for strip in chosen:
        brief, motion = performed(strip, loaded)
        rows.append(shown_rows(motion, rig.ranges)[list(shown(strip.name, brief, motion))])
    frames = renderer.render(rig, np.concatenate(rows))
    ends = np.cumsum([len(each) for each in rows])
    return [drawn(strip.title, each, box) for strip, each in zip(chosen, np.split(frames, ends[:-1]), strict=True)]


def drawn(title: str, frames: Frames, box: tuple[int, int, int, int]) -> Image.Image:
    """Frames side by side under a title.

    Args:
        title: above them.
        frames: uint8 [frames, height, width, 3].
        box: what of them is shown, pixels.
    """
    across, down = ACROSS, round(ACROSS * (box[3] - box[1]) / (box[2] - box[0]))
    page = Image.new("RGB", (FRAMES * (across + _GAP) - _GAP, _LINE + down), _PAPER)
    ImageDraw.Draw(page).text((1, 0), title, _INK, ImageFont.load_default(_TEXT))
    for place, frame in enumerate(frames):
        small = Image.fromarray(frame).resize((across, down), Image.Resampling.LANCZOS, box=box)
        page.paste(small, (place * (across + _GAP), _LINE))
    return page


def arranged(pictures: Sequence[Image.Image]) -> Image.Image:
    """Strips of one size in columns, read line by line."""
    across, down = pictures[0].size
    columns = min(COLUMNS, len(pictures))
    rows = -(-len(pictures) // columns)
    width, height = columns * (across + _BETWEEN) - _BETWEEN, rows * (down + _MARGIN) - _MARGIN
    page = Image.new("RGB", (width + 2 * _MARGIN, height + 2 * _MARGIN), _PAPER)
    for place, picture in enumerate(pictures):
        row, column = divmod(place, columns)
        page.paste(picture, (_MARGIN + column * (across + _BETWEEN), _MARGIN + row * (down + _MARGIN)))
    return page


# ----------------------------------------------------------------------------------------------------------------- the page


_INTRODUCTION = f"""# What the face can do

Every gesture and every emotional state that directions can ask for, on the sample portrait (Eileen Collins, a photograph by
NASA in the public domain), which smiles and is relaxed first (`--neutral`). Each strip is a take with seed 0 and without idle
motion, rendered by the puppet. Its {FRAMES} frames are those that tell the motion, in the order of time: before it begins,
where it has gone furthest, and those that are least like the others. What moves little else than
eyes, brows or the mouth is seen closer.

Below each picture stands what brings its strips about, in words of the lexicon. A direction may use them in any form, in any
order and with others between them: *raise brow* is found in "He raises his left eyebrow a little", too. A strip shows the first
of them. [directions.md](directions.md) has the rest of what can be said. `make gallery` makes all of this anew."""


def page(tables: Tables) -> str:
    """The text of `docs/gallery.md`."""
    every = strips(tables)
    lines = [_INTRODUCTION]
    for group, heading in GROUPS.items():
        of_group = [strip for strip in every if strip.group == group]
        alt = f"Strips of {FRAMES} frames each: {', '.join(strip.title for strip in of_group)}"
        lines += ["", f"## {heading}", "", f"![{alt}](gallery/{group}.webp)", ""]
        lines += ["| strip | what it is | words that bring it about |", "|---|---|---|"]
        lines += [f"| **{strip.title}** | {strip.about} | {_quoted(strip)} |" for strip in of_group]
    still = ", ".join(f"*{name.replace('_', ' ')}*" for name in motionless(tables))
    lines += ["", f"No strip is there of {still}: they move nothing of their own, and only let go of what was there."]
    return "\n".join(lines) + "\n"


def _quoted(strip: Strip) -> str:
    words = ", ".join(f"*{words}*" for words in strip.words)
    return f"{words}, shown after *{AFTER[strip.name]}*" if strip.name in AFTER else words


def main() -> int:
    """Render every strip and write the page; the exit code."""
    loaded = load()
    FOLDER.mkdir(exist_ok=True)
    renderer = open_renderer("puppet", "cpu").renderer
    with TemporaryDirectory() as folder:
        portrait = Path(folder, "portrait.png")
        write_sample(portrait, open_weights())
        rig = renderer.prepare(read_portrait(portrait), neutral=True)
    every = strips(loaded.tables)
    named = {strip.name: strip for strip in every}
    for group in GROUPS:
        of_group = [strip for strip in every if strip.group == group]
        write(arranged(filmed(of_group, loaded, renderer, rig, CLOSER.get(group, BOX))), FOLDER / f"{group}.webp")
    chosen = filmed([named[name] for name in SELECTION], loaded, renderer, rig, BOX)
    write(arranged(chosen), FOLDER / "selection.webp")
    PAGE.write_text(page(loaded.tables), encoding="utf-8")
    total = sum(path.stat().st_size for path in FOLDER.iterdir())
    sys.stdout.write(f"{len(every)} strips in {FOLDER.relative_to(ROOT)}, {total / 1e6:.2f} MB\n")
    return 0


def write(picture: Image.Image, path: Path) -> None:
    """Write a picture as WebP."""
    stream = io.BytesIO()
    picture.save(stream, "WEBP", quality=QUALITY, method=6)
    path.write_bytes(stream.getvalue())


if __name__ == "__main__":
    sys.exit(main())
