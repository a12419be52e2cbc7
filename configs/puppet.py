"""What the puppet's muscles do to a face: how far each pulls, which folds follow it, and what part of the face it may change.

Rules
- A channel's name without its side stands for both sides alike.
- Lengths of motion are centimetres on a grown-up's face; the renderer scales them to the one at hand.
- Places are head coordinates in u, the distance of the outer eye corners, counted from points of the mesh: "out" from the
  middle of the face towards the side that the place belongs to, "up" towards the forehead.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from configs.loading import EntryError, builtin, load_yaml_model
from configs.mesh import POINTS
from protocol.channels import CHANNELS, both_sides
from protocol.keyframes import Frozen

Word = Annotated[str, Field(pattern=r"^[a-z][a-z ]{0,40}$")]
Point = Annotated[int, Field(ge=0, lt=POINTS)]
Offset = Annotated[float, Field(ge=-3, le=3)]
Share = Annotated[float, Field(ge=0, le=1)]


class Part(Frozen):
    """One part of a muscle's motion: how far at 1.

    Attributes:
        cm: centimetres; or
        share: of something that faces differ in, such as the thickness of the lips.
        source: "anatomy": measured on faces or published; "judgement": set by eye.
    """

    cm: Annotated[float, Field(ge=0, le=5)] | None = None
    share: Share | None = None
    source: Literal["anatomy", "judgement"]

    @model_validator(mode="after")
    def _is_one_length(self) -> Self:
        if (self.cm is None) == (self.share is None):
            raise ValueError("a part has either cm or share")
        return self

    @property
    def amount(self) -> float:
        """Whichever of the two it has."""
        return self.share if self.cm is None and self.share is not None else self.cm or 0.0


class Fold(Frozen):
    """Light and shade that come with a muscle.

    Attributes:
        shade: how much darker than smooth skin its deepest place is, as a share of the brightness.
        light: how much brighter its highest place is.
        detail: how much of the portrait's own lines there is added to them.
        by: the channels that bring it about, and how much of it each does alone.
    """

    shade: Annotated[float, Field(ge=0, le=0.25)] = 0.0
    light: Annotated[float, Field(ge=0, le=0.25)] = 0.0
    detail: Annotated[float, Field(ge=0, le=2)] = 0.0
    by: Annotated[dict[str, Share], Field(min_length=1)]


Weight = Annotated[float, Field(ge=0, le=5)]


class Seal(Frozen):
    """What closes lips that are open in the portrait.

    Attributes:
        upper: the upper lip's share of the way.
        by: how much each channel closes them at 1; 1 or more in all closes them wholly.
        alone: the same of channels that add nothing to the others.
        against: how much of that each channel undoes at 1.
    """

    upper: Share
    by: dict[str, Weight]
    alone: dict[str, Weight]
    against: dict[str, Weight]


class MuscleTable(Frozen):
    """Strengths.

    Attributes:
        muscles: by channel, the parts of its motion.
        seal: of the lips.
        folds: by name.
    """

    muscles: dict[str, Annotated[dict[Word, Part], Field(min_length=1)]]
    seal: Seal
    folds: dict[Word, Fold]

    @model_validator(mode="after")
    def _knows_its_channels(self) -> Self:
        for name in self.muscles:
            if not both_sides(name):
                raise EntryError(("muscles", name), "no channel has this name")
        for kind, weights in (("by", self.seal.by), ("alone", self.seal.alone), ("against", self.seal.against)):
            for name in weights:
                if not both_sides(name):
                    raise EntryError(("seal", kind, name), "no channel has this name")
        for fold, entry in self.folds.items():
            for name in entry.by:
                if not both_sides(name):
                    raise EntryError(("folds", fold, "by", name), "no channel has this name")
        return self

    def parts(self, channel: str) -> dict[str, float]:
        """Centimetres, or shares, by part of a channel's motion, for one side or both.

        Raises:
            KeyError: the table has nothing about it.
        """
        entry = self.muscles.get(channel)
        if entry is None:
            entry = self.muscles[CHANNELS[channel].stem if channel in CHANNELS else channel]
        return {name: part.amount for name, part in entry.items()}


def load_muscles(path: Path | None = None) -> MuscleTable:
    """Read the strengths, the program's own unless another file is named.

    Raises:
        ConfigError: they cannot be read, or are not what they have to be.
    """
    return load_yaml_model(path or builtin("muscles.yaml"), MuscleTable)


@cache
def builtin_muscles() -> MuscleTable:
    """The program's own strengths, read once: they never change."""
    return load_muscles()


class Spot(Frozen):
    """A place on the face, counted from a named one.

    Attributes:
        at: a place of the table.
        out, up: u, from there.
    """

    at: Word
    out: Offset = 0.0
    up: Offset = 0.0


class Box(Frozen):
    """All between two places: `first` and `last` are opposite corners."""

    first: Spot
    last: Spot


class Ellipse(Frozen):
    """All around a place.

    Attributes:
        middle: its centre.
        wide, high: u from the centre to its sides and to its top.
    """

    middle: Spot
    wide: Annotated[float, Field(gt=0, le=3)]
    high: Annotated[float, Field(gt=0, le=3)]


class FaceRegion(Frozen):
    """A part of one side of the face.

    Attributes:
        about: what it is.
        boxes, ellipses: it consists of all of these.
    """

    about: Annotated[str, Field(min_length=1, max_length=120)]
    boxes: tuple[Box, ...] = ()
    ellipses: tuple[Ellipse, ...] = ()

    @property
    def spots(self) -> tuple[Spot, ...]:
        """Every place that it is made of."""
        return (*(spot for box in self.boxes for spot in (box.first, box.last)), *(each.middle for each in self.ellipses))

    @model_validator(mode="after")
    def _is_somewhere(self) -> Self:
        if not self.spots:
            raise ValueError("a region has at least one box or ellipse")
        return self


class FaceRegions(Frozen):
    """Which part of a face each channel may change while the head is still.

    Attributes:
        places: points of the mesh by name: one on the middle line, or the subject's right one and then the left.
        regions: by name.
        channels: by channel, the regions that it may change; one side's if the channel belongs to a side, else both sides'.
    """

    places: dict[Word, Annotated[tuple[Point, ...], Field(min_length=1, max_length=2)]]
    regions: dict[Word, FaceRegion]
    channels: dict[str, Annotated[tuple[Word, ...], Field(min_length=1)]]

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        for name, region in self.regions.items():
            for spot in region.spots:
                if spot.at not in self.places:
                    raise EntryError(("regions", name), f"there is no place {spot.at!r}")
        for name, chosen in self.channels.items():
            if not both_sides(name):
                raise EntryError(("channels", name), "no channel has this name")
            for region_name in chosen:
                if region_name not in self.regions:
                    raise EntryError(("channels", name), f"there is no region {region_name!r}")
        given = sorted(channel for name in self.channels for channel in both_sides(name))
        wanted = sorted(name for name, channel in CHANNELS.items() if channel.region != "head")
        if given != wanted:
            wrong = sorted(set(wanted) ^ set(given)) or [name for name in given if given.count(name) > 1]
            raise EntryError(("channels",), f"every channel but the head's is there once, which {wrong[0]} is not")
        return self

    def of(self, channel: str) -> tuple[FaceRegion, ...]:
        """The regions that a channel may change.

        Raises:
            KeyError: it moves the head, or is no channel.
        """
        chosen = self.channels.get(channel) or self.channels[CHANNELS[channel].stem]
        return tuple(self.regions[name] for name in chosen)


def load_face_regions(path: Path | None = None) -> FaceRegions:
    """Read the regions, the program's own unless another file is named.

    Raises:
        ConfigError: they cannot be read, or are not what they have to be.
    """
    return load_yaml_model(path or builtin("face_regions.yaml"), FaceRegions)


@cache
def builtin_face_regions() -> FaceRegions:
    """The program's own regions, read once: they never change."""
    return load_face_regions()
