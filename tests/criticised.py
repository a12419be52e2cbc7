"""Tiny takes in which the critic has something to say: the mouth is to open, and hardly does.

Each beat of half a second asks for an open mouth. What the critic misses it takes from the catalogue, so nothing of it is made
up for these tests.
"""

from __future__ import annotations

import dataclasses

from typing import Any

from agents.regions import Judgements
from protocol.brief import Act, Brief
from protocol.channels import Region
from protocol.coordinator_state import CRITIC_OBJECTS
from protocol.messages import OF_CRITIC
from protocol.region import Judge, Judged
from tests.takes import TinyDirector, TinyRegion, Told, brief, playing, tiny_take

MISSED = f"{OF_CRITIC}open_mouth"


def asking(beats: int = 1) -> Brief:
    """A brief whose beats ask for an open mouth."""
    plain = brief(beats)
    act = Act(name="open_mouth", start=0.0, end=0.5, words="opens her mouth")
    return plain.model_copy(update={"beats": tuple(beat.model_copy(update={"acts": (act,)}) for beat in plain.beats)})


class AskingForMouths(TinyDirector):
    """Asks for an open mouth in each beat."""

    def __init__(self, beats: int = 1) -> None:
        super().__init__(beats)
        self._brief = asking(beats)


class Shy(TinyRegion):
    """Hardly moves; where the critic has objected it moves as far as is suggested."""

    goal: tuple[float, ...] = (0.42,) * 16
    """Where it moves to in each round in which it is sent back."""

    def __init__(self, region: Region, judgements: Judgements) -> None:
        super().__init__(region, judgements, (0.03, 0.04))

    def judge(self, asked: Judge) -> Judged:
        judged = super().judge(asked)
        missed = [
            objection.violation
            for objection in asked.round.objections
            if objection.by == "critic" and objection.violation.yields == self.region
        ]
        if judged.violations or not missed:
            return judged
        revision = self._revision(asked, asked.round.round, self.goal[asked.round.round])
        return dataclasses.replace(judged, violations=tuple(missed), revision=revision)


class Unwilling(Shy):
    """Does a little else each time that it is sent back, and never enough."""

    goal = tuple(0.05 + number / 100 for number in range(16))


class Deaf(TinyRegion):
    """Hardly moves, and takes up nothing that the critic says."""

    def __init__(self, region: Region, judgements: Judgements) -> None:
        super().__init__(region, judgements, (0.03, 0.04))


def criticised(mouth: type[TinyRegion], *, beats: int = 2, rounds: int = 7, **how: Any) -> Told:
    """A tiny take whose mouth is played so; the critic has a vote."""
    cast = {"director": AskingForMouths(beats), "agents": playing("mouth", mouth), "flags": (CRITIC_OBJECTS,), **how}
    return tiny_take(beats=beats, rounds=rounds, **cast)
