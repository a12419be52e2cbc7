"""The table by which notes to a take are read: what may be asked of it, and in which words (`configs/lexicon/notes.yaml`)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Change = Literal["longer", "shorter", "stronger", "weaker", "oftener", "rarer", "faster", "slower", "sooner", "later"]
Telling = Literal["remove", "add", "instead", "swap", "turn_into", "hold", "move", "end", "only"]
Place = Literal["beginning", "end", "first_half", "second_half", "middle", "whole"]
Link = Literal["during", "before", "after", "until"]
Positive = Annotated[float, Field(gt=0, le=4, allow_inf_nan=False)]


class Table(BaseModel):
    """A value of a file: immutable, without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Notes(Table):
    """The file of notes: how a director asks for changes to a take that is there.

    Attributes:
        asks: change to its phrases, each with what it does when nothing says how much: a factor on the time that something is
            seen, on its strength or on its pace; seconds for "sooner" and "later".
        tells: the other things that a note asks for, and their phrases.
        degrees: phrase to how many times as far from 1 it makes those factors.
        places: parts of the take and their phrases.
        links: how a clause says when, and its phrases.
        beats: nouns for a beat.
        ordinals: word to its number; -1 is the last.
        everything: phrases for the whole take.
        same: words for what was spoken of last.
        manners: words that ask for nothing of themselves.
        of_itself: acts that a face does without being asked.
        wishes: words of somebody who asks for a change.
        of_a_tale: phrases that a direction of its own uses too.
        tellers: words with which a direction of its own begins.
        anew: phrases that say that a new direction follows.
        families: acts that a note may mean by each other's names.
        variants: acts of which one is done in place of another that is there.
        parts: noun to the parts of the face (as in `Kind.parts`) that it stands for.
    """

    asks: dict[Change, dict[str, Positive]]
    tells: dict[Telling, tuple[str, ...]]
    degrees: dict[str, Positive]
    places: dict[Place, tuple[str, ...]]
    links: dict[Link, tuple[str, ...]]
    beats: tuple[str, ...]
    ordinals: dict[str, Annotated[int, Field(ge=-1, le=100)]]
    everything: tuple[str, ...]
    same: tuple[str, ...]
    manners: tuple[str, ...]
    of_itself: tuple[str, ...]
    wishes: tuple[str, ...]
    of_a_tale: tuple[str, ...]
    tellers: tuple[str, ...]
    anew: tuple[str, ...]
    families: tuple[tuple[str, ...], ...]
    variants: tuple[tuple[str, ...], ...]
    parts: dict[str, tuple[str, ...]]
