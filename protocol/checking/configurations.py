"""The systems that are explored, by name: small ones with tests and proofs, and large ones for a change of the protocol itself.

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
            edges: whether it is found out if the system may go round in a circle, which takes 8 bytes a transition.
        """
        system = self.make()
        return Exploration(system, most, edges=edges).run(told), system

    def faults(self, found: Explored) -> list[str]:
        """What an exploration of it leaves to be desired, in words; nothing if all holds and all was come across."""
        if found.broken is not None:
            return [f"{found.broken.name} does not hold: {found.broken.text}"]
        if not found.exhausted:
            return [f"not exhausted after {found.states:,} states"]
        missing = [mark for mark in self.sometimes if not found.marks[mark]]
        return [
            *(["it may go round in a circle, and never end"] if found.acyclic is False else []),
            *(["it never ends"] if not found.ends else []),
            *([f"never came across: {', '.join(missing)}"] if missing else []),
        ]


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
            active=("brows",),
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
        "every rung": _negotiation(
            "what no repair can change: a ruling has to scale a movement, let a region rest, or hold it",
            *("ruled: projected", "ruled: scaled", "ruled: rested", "ruled: held", "done"),
            rules="looks",
            rounds=1,
            budget=Budget(bold=2, objections=1),
            active=("eyes", "mouth"),
        ),
        "power cut": _negotiation(
            "the coordinator's machine is lost anywhere, with what is not on disk, and the coordinator resumed elsewhere",
            *("resumed from what was on disk", "resumed while directing", "resumed while gathering", "done"),
            beats=2,
            budget=Budget(blackouts=1),
        ),
        "power cut after the end": _negotiation(
            "a region and its fallback are silent, which ends the take; the coordinator's machine is lost before or after",
            *("given up", "resumed after the end", "resumed from what was on disk", "rejoin waits for the next beat", "done"),
            budget=Budget(blackouts=1, silences=2),
            active=("brows",),
        ),
        "slow host": _negotiation(
            "a process dies; others are heard while the coordinator's host works on a brief, an audit or a ruling",
            *(f"rejoined while {phase}" for phase in ("directing", "gathering", "voting", "auditing", "ruling")),
            *("committed by ruling", "done"),
            rounds=1,
            budget=Budget(crashes=1, objections=1),
            active=("brows",),
            apart=True,
        ),
        "the critic": _negotiation(
            "the critic misses something three times, two votes are not honest",
            *("the critic sent back", "the critic had no more say", "committed after the critic objected"),
            *("committed by ruling", "done"),
            rounds=4,
            budget=Budget(critic=3, objections=2),
            active=("brows",),
        ),
        "the critic three times": _negotiation(
            "the critic misses something of one region three times",
            *("the critic sent back", "the critic had no more say", "committed after the critic objected", "done"),
            rounds=7,
            budget=Budget(critic=3),
            active=("brows",),
        ),
        "the critic and an audit": _negotiation(
            "two unusual proposals, two votes that are not honest; what an audit finds fault with is not for the critic",
            *("audit sent back", "committed after objections", "committed by ruling", "done"),
            rounds=3,
            flags=("critic",),
            budget=Budget(bold=2, objections=2),
            active=("brows", "mouth"),
        ),
        "the critic and a death": _negotiation(
            "the critic misses something, a process dies, also while the critic looks",
            *("the critic sent back", "rejoined while reviewing", "committed after the critic objected", "done"),
            rounds=3,
            budget=Budget(critic=1, crashes=1),
            active=("brows",),
        ),
        "an outage while the critic looks": _negotiation(
            "the coordinator is lost anywhere, also while the critic looks, and resumed",
            *("resumed while reviewing", "resumed while voting", "resumed between two records", "done"),
            rounds=3,
            flags=("critic",),
            budget=Budget(outages=1),
        ),
        "film": _negotiation(
            "a process dies, also while frames are made, and the film may break",
            *("rejoined while gathering", "rejoined while voting", "rejoined while rendering", "the film broke", "done"),
            budget=Budget(crashes=1, broken=1),
            active=("brows",),
            film=True,
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
            (2, 1),
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
"""For the tests: in seconds each."""

DEEP: Mapping[str, Configuration] = MappingProxyType(
    {
        "three rounds": _negotiation(
            "three votes that are not honest in up to three rounds, two unusual proposals",
            *("committed after objections", "committed by ruling", "audit sent back", "ruled: projected", "done"),
            rounds=3,
            budget=Budget(bold=2, objections=3),
            active=("brows", "eyes", "mouth"),
        ),
        "all unusual": _negotiation(
            "any region may be unusual, twice, and vote as it does not think, twice",
            *("committed after objections", "committed by ruling", "audit sent back", "done"),
            budget=Budget(bold=2, objections=2),
        ),
        "every rung twice": _negotiation(
            "rulings on what no repair can change in two beats, the second from where the first was held",
            *("ruled: projected", "ruled: scaled", "ruled: rested", "ruled: held", "done"),
            beats=2,
            rounds=1,
            rules="looks",
            budget=Budget(bold=2, objections=1),
            active=("eyes", "mouth"),
        ),
        "silence, misfit and death": _negotiation(
            "any region: one does not answer, one proposal does not fit, one process dies",
            *("refused", "fallback voted", "given up", "rejoin waits for the next beat", "rejoined while voting", "done"),
            budget=Budget(wrongs=1, silences=1, crashes=1),
        ),
        "objections, silence and death": _negotiation(
            "two votes that are not honest, a region that does not answer, a process that dies",
            *("committed after objections", "committed by ruling", "fallback voted", "late vote discarded", "done"),
            budget=Budget(objections=2, silences=1, crashes=1),
            active=("brows", "mouth"),
        ),
        "silences in two beats": _negotiation(
            "two questions that are not answered and a process that dies, in two beats",
            *("rejoin waits for the next beat", "fallback voted", "given up", "late proposal discarded", "done"),
            beats=2,
            budget=Budget(silences=2, crashes=1),
            active=("brows", "mouth"),
        ),
        "three beats": _negotiation(
            "a question that is not answered and a process that dies, in three beats",
            *("rejoin waits for the next beat", "fallback voted", "late proposal discarded", "done"),
            beats=3,
            budget=Budget(silences=1, crashes=1),
            active=("brows", "mouth"),
        ),
        "haste and death": _negotiation(
            "two deadlines that pass although an answer would have come, and a process that dies",
            *("fallback voted", "given up", "rejoin waits for the next beat", "late proposal discarded", "done"),
            budget=Budget(early=2, crashes=1),
            active=("brows", "mouth"),
        ),
        "two deaths": _negotiation(
            "any two processes die, also of one region, and the user may stop",
            *("rejoined while gathering", "rejoined while voting", "late vote discarded", "stopped", "done"),
            budget=Budget(crashes=2, stops=1),
        ),
        "forgery and death": _negotiation(
            "any region says something out of turn, votes as it does not think, or dies",
            *("refused", "rejoined while voting", "committed after objections", "committed by ruling", "done"),
            budget=Budget(forged=1, objections=1, crashes=1),
            active=("brows", "mouth"),
        ),
        "outage and stop": _negotiation(
            "the coordinator is lost anywhere, the user may stop, before or after",
            *("resumed after the end", "resumed while voting", "resumed between two records", "stopped", "done"),
            budget=Budget(outages=1, stops=1),
        ),
        "outage and death": _negotiation(
            "the coordinator is lost anywhere, and a region's process before or after",
            *("resumed while gathering", "resumed while voting", "rejoined while voting", "late proposal discarded", "done"),
            budget=Budget(outages=1, crashes=1),
            active=("brows",),
        ),
        "outage and silence": _negotiation(
            "the coordinator is lost anywhere, also while a fallback plays",
            *("resumed while voting", "fallback voted", "rejoin waits for the next beat", "done"),
            budget=Budget(outages=1, silences=1),
            active=("brows",),
        ),
        "two outages": _negotiation(
            "the coordinator is lost twice, once with what is not on disk; first proposals are committed as they are",
            *("resumed from what was on disk", "resumed while gathering", "resumed between two records", "done"),
            flags=("no-negotiation",),
            budget=Budget(outages=1, blackouts=1),
        ),
        "power cut and stop": _negotiation(
            "the coordinator's machine is lost with what is not on disk, in two beats; the user may stop",
            *("resumed from what was on disk", "resumed after the end", "stopped", "done"),
            beats=2,
            budget=Budget(blackouts=1, stops=1),
        ),
        "film": _negotiation(
            "a process dies, the coordinator is lost, the film breaks: at any time, also while frames are made",
            *("rejoined while rendering", "resumed while rendering", "resumed after the end", "the film broke", "done"),
            budget=Budget(crashes=1, outages=1, broken=1),
            active=("brows",),
            film=True,
        ),
        "the critic three times, and boldness": _negotiation(
            "the critic misses something three times, of any region, in up to seven rounds; one proposal is unusual",
            *("the critic sent back", "the critic had no more say", "committed after the critic objected", "done"),
            rounds=7,
            budget=Budget(critic=3, bold=1),
            active=("brows", "mouth"),
        ),
        "the critic and an outage": _negotiation(
            "the critic misses something; the coordinator is lost anywhere, also while the critic looks, and resumed",
            *("the critic sent back", "resumed while reviewing", "resumed between two records", "done"),
            rounds=3,
            budget=Budget(critic=1, outages=1),
            active=("brows",),
        ),
        "the critic in two beats": _negotiation(
            "the critic misses something twice, in two beats; a region does not answer, the machine is lost",
            *("the critic sent back", "fallback voted", "resumed from what was on disk", "done"),
            beats=2,
            rounds=3,
            budget=Budget(critic=2, silences=1, blackouts=1),
            active=("brows",),
        ),
        "longer link": _links(
            "three bodies each way, a loss, a repetition",
            3,
            *("arrived out of order", "arrived twice", "lost", "sent again"),
            losses=1,
            repeats=1,
        ),
        "longer link of processes": _links(
            "two bodies each way, a loss, a repetition, a death",
            2,
            *("fenced", "let in", "arrived out of order", "arrived twice", "lost"),
            losses=1,
            repeats=1,
            crashes=1,
        ),
        "renderers in two beats": _rendering(
            "a renderer dies, one is silent, a chunk fails once; three chunks in two beats",
            (2, 1),
            *("filmed", "rendered again after a death", "rendered again after a failure", "quiet, and back"),
            "an answer came after its renderer was replaced",
            deaths=1,
            silences=1,
            failures=1,
        ),
        "frames lost and answered twice": _rendering(
            "frames are lost before they are written, a renderer dies, an answer comes twice",
            (2, 1),
            *("filmed", "rendered again after a loss", "rendered again after a death", "an answer came twice"),
            deaths=1,
            losses=1,
            repeats=1,
        ),
        "a poisoned one of four chunks": _rendering(
            "a chunk of four that cannot be rendered, and a death",
            (3, 1),
            *("a chunk was given up, others rendered", "dismissed", "rendered again after a failure"),
            poisoned=1,
            deaths=1,
        ),
        "two deaths of renderers": _rendering(
            "two renderers die, in two beats of two chunks",
            (2, 2),
            *("filmed", "rendered again after a death", "an answer came after its renderer was replaced"),
            deaths=2,
        ),
    }
)
"""For a change of the protocol itself: more than ten million states together, in minutes."""
