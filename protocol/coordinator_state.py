"""What the coordinator's role remembers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from protocol.brief import Brief
from protocol.channels import REGIONS, Region
from protocol.keyframes import Track
from protocol.machine import PeerError
from protocol.messages import (
    BeatOpened,
    Decided,
    EndState,
    FilmOpened,
    Proposed,
    Rejoined,
    RoundOpened,
    TakeOpened,
    Vector,
    Violation,
)

COMMIT_AS_PROPOSED = "no-negotiation"
"""The behaviour flag under which first proposals are committed as they are: to see what negotiation is for."""

CRITIC_OBJECTS = "critic"
"""The behaviour flag under which the critic has a vote on what all four accept; journals from before it had one lack it."""
SENT_BACK = 2
"""How often the critic may object to what one region does in a beat."""


@dataclass(frozen=True, slots=True)
class Member:
    """What the coordinator knows of one region.

    Attributes:
        incarnation: the only one that may speak.
        fallback: whether the fallback plays the region.
        nonces: (nonce, incarnation) of the processes that were let in.
        pending: nonce of a process that waits for the next beat.
        proposal: the latest of this beat.
        answered: whether it has answered the open question: proposed while proposals are gathered, voted in a round.
        violations: what it objected to in this round.
        decisions: its planner's answers for this beat.
        sent_back: how often the critic has objected to what it does in this beat.
    """

    region: Region
    incarnation: int = 1
    fallback: bool = False
    nonces: tuple[tuple[str, int], ...] = ()
    pending: str = ""
    proposal: Proposed | None = None
    answered: bool = False
    violations: tuple[Violation, ...] = ()
    decisions: tuple[Decided, ...] = ()
    sent_back: int = 0


@dataclass(frozen=True, slots=True)
class CoordinatorState:
    """Everything that the coordinator's role remembers."""

    phase: str = "idle"
    opened: TakeOpened | None = None
    exchanges: tuple[Decided, ...] = ()
    """Those of the director with a language model, until it has briefed."""
    brief: Brief | None = None
    beat: BeatOpened | None = None
    round: RoundOpened | None = None
    end_state: EndState | None = None
    ending: EndState | None = None
    """How the open beat ends with what was audited, while the critic looks at it."""
    faulted: str = ""
    """Digest of the vector that the critic has objected to last in the open beat."""
    members: tuple[Member, ...] = tuple(Member(region) for region in REGIONS)
    committed: tuple[tuple[str, tuple[Track, ...]], ...] = ()
    """(digest of the vector, tracks), for every beat so far."""
    film: FilmOpened | None = None
    """What is rendered; None if only the motion is wanted."""
    closed_in: str = ""
    """Where the role was when the take ended before it was done: there it can be resumed."""

    def member(self, region: str) -> Member:
        """One region's entry."""
        return self.members[REGIONS.index(region)]

    def with_member(self, region: str, **changes: Any) -> CoordinatorState:
        """The state with one region's entry changed."""
        members = tuple(replace(m, **changes) if m.region == region else m for m in self.members)
        return replace(self, members=members)

    def speaker(self, role: str, incarnation: int, beat: int | None) -> Member:
        """The member that a message is from.

        Raises:
            PeerError: no region, not the incarnation that may speak, or it speaks of another beat than the open one.
        """
        if role not in REGIONS:
            raise PeerError(f"{role} has no say in what the regions agree on")
        member = self.member(role)
        if incarnation != member.incarnation or self.beat is None or beat != self.beat.beat:
            asked = f"about beat {self.beat.beat}" if self.beat else "nothing"
            raise PeerError(f"{role}.{incarnation} speaks of beat {beat} where {role}.{member.incarnation} is asked {asked}")
        return member

    def has_let_in(self, asked: Rejoined) -> bool:
        """Whether the process that asks holds the newest incarnation already, or waits for the next beat.

        One whose incarnation was replaced, say by a fallback before its answer reached it, is let in anew: it may know nothing.
        """
        member = self.member(asked.region)
        return asked.nonce == member.pending or (asked.nonce, member.incarnation) in member.nonces

    def require_fit(self, track: Track) -> None:
        """Refuse a track that does not belong to the open beat.

        Raises:
            PeerError: it does not begin where the last beat ended, or goes on past the end of this one.
        """
        assert self.beat is not None
        length = self.beat.intent.end - self.beat.intent.start
        before = self.beat.end_state.tracks[REGIONS.index(track.region)]
        for ended, curve in zip(before.curves, track.curves, strict=True):
            if curve.keys[0].value != ended.keys[-1].value:
                first, last = curve.keys[0].value, ended.keys[-1].value
                raise PeerError(f"{curve.channel} begins at {first}; the last beat ended at {last}")
            if curve.keys[-1].time > length + 1e-6:
                late = next(key.time for key in curve.keys if key.time > length + 1e-6)
                raise PeerError(f"{track.region} sets a keyframe at {late} s of a beat that lasts {length:g} s")

    @property
    def tracks(self) -> tuple[Track, ...]:
        """The tracks that are proposed, one of each region that has proposed."""
        return tuple(member.proposal.track for member in self.members if member.proposal)

    @property
    def vector(self) -> Vector:
        """Which proposals these are, once all regions have proposed."""
        return Vector(versions=tuple(member.proposal.version for member in self.members if member.proposal))
