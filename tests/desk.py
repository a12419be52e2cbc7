"""A coordinator played by hand: shorthand for what its peers and its host say, and one desk in each phase."""

from collections.abc import Callable

import pytest

from protocol.channels import REGIONS
from protocol.coordination import (
    Audited,
    Briefed,
    DeadlineFired,
    Resume,
    Reviewed,
    RulingMade,
    StageSet,
    Start,
    Stop,
)
from protocol.coordinator import COORDINATOR_MACHINE
from protocol.coordinator_state import CRITIC_OBJECTS, CoordinatorState
from protocol.machine import PeerError, Received
from protocol.messages import (
    Accepted,
    BeatOpened,
    Objected,
    RegionRuling,
    Rejoined,
    RoundOpened,
)
from protocol.timeline import rest
from tests.filmed import film_opened
from tests.takes import Script, brief, decided, proposed, take_opened, track, violation

OTHERS = ("eyes", "mouth", "head")


class Desk(Script[CoordinatorState]):
    """A coordinator with shorthand for what its peers and its host say at this point."""

    def __init__(self, beats=2, rounds=3, flags=()):
        super().__init__(COORDINATOR_MACHINE, CoordinatorState())
        self.beats = beats
        self.opening = take_opened(rounds, flags)

    @property
    def open_beat(self) -> BeatOpened:
        """The open beat."""
        assert self.state.beat is not None
        return self.state.beat

    @property
    def on_table(self) -> RoundOpened:
        """The open round."""
        assert self.state.round is not None
        return self.state.round

    @property
    def beat(self):
        """Number of the open beat."""
        return self.state.beat.beat if self.state.beat else 0

    @property
    def round(self):
        """Number of the open round; 0 while proposals are gathered."""
        return self.state.round.round if self.state.round else 0

    def start(self):
        """The take begins."""
        return self(Start(self.opening, rest()))

    def brief(self):
        """The director answers."""
        return self(Briefed(decided("director", None), brief(self.beats)))

    def proposal(self, region, target=0.0, **changes):
        """What a region would rightly propose now, but for the changes."""
        member = self.state.member(region)
        said = {
            "beat": self.beat,
            "incarnation": member.incarnation,
            "revision": member.proposal.revision + 1 if member.proposal else 1,
            "round_": self.round,
            "shape": track(region, target),
        }
        return Received(proposed(region, **{**said, **changes}))

    def decision(self, region, **changes):
        """What a region would rightly say of its planner now, but for the changes."""
        said = {"beat": self.beat, "incarnation": self.state.member(region).incarnation, "round_": self.round}
        return Received(decided(region, **{**said, **changes}))

    def vote(self, region, *violations, **changes):
        """How a region votes now: against the vector if it names violations."""
        said = {
            "beat": self.beat,
            "round": self.round,
            "role": region,
            "incarnation": self.state.member(region).incarnation,
            "vector": self.state.round.vector.digest if self.state.round else "0" * 32,
        }
        if violations:
            return Received(Objected(**{**said, "violations": violations, **changes}))
        return Received(Accepted(**{**said, **changes}))

    def propose_all(self, regions=REGIONS):
        """Regions decide and propose; the last outputs."""
        outputs = ()
        for region in regions:
            self(self.decision(region))
            outputs = self(self.proposal(region))
        return outputs

    def accept_all(self, regions=REGIONS):
        """Regions accept; the last outputs."""
        outputs = ()
        for region in regions:
            outputs = self(self.vote(region))
        return outputs

    def audit(self, *violations):
        """The host has audited."""
        return self(Audited(violations, rest()))

    def review(self, *violations):
        """The critic has looked."""
        return self(Reviewed(violations))

    def rule(self, *shapes):
        """The host has ruled: these tracks, or the proposals as they are."""
        rulings = tuple(RegionRuling(region=region, rung="kept", why="as proposed") for region in REGIONS)
        return self(RulingMade(shapes or self.state.tracks, rulings, rest()))

    def fire(self, region, **changes):
        """A deadline passes, by default the one that is armed."""
        said = {"incarnation": self.state.member(region).incarnation, "beat": self.beat, "round": self.round}
        return self(DeadlineFired(region, **{**said, **changes}))

    def rejoin(self, region="brows", nonce="n1"):
        """A new process of a region asks to be let in."""
        return self(Received(Rejoined(region=region, nonce=nonce)))

    def film(self):
        """The portrait is prepared."""
        return self(StageSet(film_opened()))

    def resume(self):
        """The take goes on with new processes."""
        return self(Resume((("python", "3.12"),)))


def directing(*, film=False, **how) -> Desk:
    desk = Desk(**how)
    desk.start()
    if film:
        desk.film()
    return desk


def gathering(**how) -> Desk:
    desk = directing(**how)
    desk.brief()
    return desk


def voting(**how) -> Desk:
    desk = gathering(**how)
    desk.propose_all()
    return desk


def auditing(**how) -> Desk:
    desk = voting(**how)
    desk.accept_all()
    return desk


def reviewing(**how) -> Desk:
    desk = auditing(**{"flags": (CRITIC_OBJECTS,), **how})
    desk.audit()
    return desk


def ruling(**how) -> Desk:
    desk = voting(**{**how, "rounds": 1})
    desk(desk.vote("brows", violation()))
    desk.accept_all(OTHERS)
    return desk


def rendering(**how) -> Desk:
    desk = auditing(**{"beats": 1, **how, "film": True})
    while desk.state.phase != "rendering":
        desk.audit()
        if desk.state.phase == "gathering":
            desk.propose_all()
            desk.accept_all()
    return desk


def closed(**how) -> Desk:
    desk = gathering(**how)
    desk(Stop("enough"))
    return desk


def fallback_plays(desk: Desk, phase: str) -> Desk:
    """A take that is rendered comes to a phase; where there can be one, with a commit behind it and a fallback for the head."""
    desk.opening = take_opened(rounds=3, flags=(CRITIC_OBJECTS,)) if phase == "reviewing" else take_opened(rounds=1)
    desk.start()
    desk.film()
    if phase == "directing":
        return desk
    desk.brief()
    desk.propose_all()
    desk.accept_all()
    desk.audit()
    if phase == "reviewing":
        desk.review()
    desk.fire("head")
    if phase == "gathering":
        return desk
    desk.propose_all()
    if phase == "voting":
        return desk
    desk.accept_all(OTHERS if phase == "ruling" else REGIONS)
    if phase == "ruling":
        desk(desk.vote("brows", violation()))
    elif phase in ("rendering", "reviewing"):
        desk.audit()
    return desk


PHASES: dict[str, Callable[..., Desk]] = {
    "idle": Desk,
    "directing": directing,
    "gathering": gathering,
    "voting": voting,
    "auditing": auditing,
    "reviewing": reviewing,
    "ruling": ruling,
    "rendering": rendering,
    "closed": closed,
}
PLANNING = ("directing", "gathering", "voting", "auditing", "reviewing", "ruling")
OPEN = (*PLANNING, "rendering")
ASKING = ("gathering", "voting")


def refuses(desk, event, error=PeerError, match=None):
    """Whether an event is refused with the state left as it was."""
    before = desk.state
    with pytest.raises(error, match=match):
        desk(event)
    return desk.state is before
