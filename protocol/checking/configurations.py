"""The systems that are explored, by name: small ones with every test run, and large ones for a change of the protocol itself.

Each names what it has to come across, so that none is empty: an exploration in which nobody ever objects proves nothing about
objections.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from protocol.checking.exploring import Exploration, Explored, System
from protocol.checking.links import Links
from protocol.checking.negotiation import Negotiation
from protocol.checking.rendering import Rendering
from protocol.checking.scenario import Budget


@dataclass(frozen=True, slots=True)
class Configuration:
    """A system with its bounds.

    Attributes:
        about: what is in it.
        make: makes it.
        sometimes: marks that it has to come across.
    """

    about: str
    make: Callable[[], System[Any]]
    sometimes: tuple[str, ...]

    def explore(
        self, most: int, told: Callable[[int, int, int], None] = lambda states, new, depth: None, *, edges: bool = True
    ) -> tuple[Explored, System[Any]]:
        """Explore it.

        Args:
            most: states after which it is given up.
            told: after each layer how many states are known, how many of them are new, and how deep they are.
            edges: whether it is found out if the system may go round in a circle, which takes 16 bytes a transition.
        """
        system = self.make()
        return Exploration(system, most, edges=edges).run(told), system


def _negotiation(about: str, *sometimes: str, **how: Any) -> Configuration:
    return Configuration(about, lambda: Negotiation(**how), sometimes)


def _links(about: str, bodies: int, *sometimes: str, **how: int) -> Configuration:
    return Configuration(about, lambda: Links(bodies, **how), sometimes)


def _rendering(about: str, beats: tuple[int, ...], *sometimes: str, **how: Any) -> Configuration:
    return Configuration(about, lambda: Rendering(*beats, **how), sometimes)


SMALL: Mapping[str, Configuration] = MappingProxyType(
    {
        "objections": _negotiation(
            "two unusual proposals, two votes that are not honest",
            *("committed after objections", "committed by ruling", "audit sent back", "ruled: projected", "done"),
            budget=Budget(bold=2, objections=2),
            active=("brows", "mouth"),
        ),
        "misfits": _negotiation(
            "a proposal that does not fit the beat, and unusual ones",
            *("refused", "fallback installed", "given up", "committed by ruling", "done"),
            budget=Budget(wrongs=1, bold=2, objections=1),
            active=("brows", "mouth"),
        ),
        "deaths in two beats": _negotiation(
            "a region that is silent once and a process that dies, in two beats",
            *("rejoined while gathering", "rejoined while voting", "rejoin waits for the next beat", "fallback voted"),
            *("late proposal discarded", "late vote discarded", "done"),
            beats=2,
            budget=Budget(silences=1, crashes=1),
            active=("brows", "mouth"),
        ),
        "nobody answers": _negotiation(
            "a region and its fallback are silent",
            *("fallback installed", "given up", "done"),
            budget=Budget(silences=2),
            active=("brows",),
        ),
        "forgeries": _negotiation(
            "a message out of turn, and a vote that is not honest",
            *("refused", "committed after objections", "committed by ruling", "done"),
            budget=Budget(forged=1, objections=1),
        ),
        "outage": _negotiation(
            "the coordinator is lost anywhere, also between two records, and resumed",
            *(
                "resumed while directing",
                "resumed while gathering",
                "resumed while voting",
                "resumed between two records",
                "done",
            ),
            budget=Budget(outages=1),
        ),
        "deaths change nothing": _negotiation(
            "a process dies while four regions settle what two of them yield",
            *("rejoined while gathering", "rejoined while voting", "committed after objections", "done"),
            usual="bold",
            rounds=3,
            budget=Budget(crashes=1),
            same=True,
        ),
        "haste changes nothing": _negotiation(
            "a deadline passes although the region would have answered",
            *("fallback voted", "late proposal discarded", "late vote discarded", "committed after objections", "done"),
            usual="bold",
            rounds=3,
            budget=Budget(early=1),
            active=("brows",),
            same=True,
        ),
        "link": _links(
            "two bodies each way, two losses, a repetition",
            2,
            *("arrived out of order", "arrived twice", "lost", "sent again"),
            losses=2,
            repeats=1,
        ),
        "link of processes": _links(
            "a body each way, a loss, a repetition, a death and a new incarnation besides",
            1,
            *("fenced", "refused", "let in", "new incarnation heard of"),
            losses=1,
            repeats=1,
            crashes=1,
            renewals=1,
        ),
        "frames": _rendering(
            "two beats, a failure and a loss of frames",
            (2, 1),
            *("filmed", "rendered again after a failure", "rendered again after a loss", "written while others render"),
            failures=1,
            losses=1,
        ),
        "renderers": _rendering(
            "renderers that die, fall silent and answer twice",
            (2,),
            *("filmed", "rendered again after a death", "quiet, and back", "an answer came twice"),
            deaths=1,
            silences=1,
            repeats=1,
        ),
        "a poisoned chunk": _rendering(
            "a chunk that cannot be rendered, and a death",
            (3, 1),
            *("a chunk was given up, others rendered", "dismissed", "rendered again after a failure"),
            poisoned=1,
            deaths=1,
        ),
        "a deadly chunk": _rendering(
            "a chunk that ends every renderer",
            (2,),
            *("a chunk was given up, others rendered", "rendered again after a death"),
            poisoned=1,
            kills=True,
            spare=3,
        ),
        "nobody to render": _rendering(
            "the only renderer dies, the user stops",
            (1, 1),
            *("broken for want of renderers", "closed early", "filmed"),
            workers=1,
            spare=0,
            deaths=1,
            stops=1,
        ),
    }
)
"""For every test run."""
