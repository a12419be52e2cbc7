"""What a take's history comes to, kept apart from what the coordinator itself remembers, and what must follow from it.

This account is made of messages alone, as they are heard and said; a coordinator that counts a vote twice or forgets one
disagrees with it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from protocol.channels import REGIONS, Region
from protocol.checking.exploring import Violated
from protocol.coordinator_state import SENT_BACK
from protocol.messages import (
    CRITIC,
    Accepted,
    BeatOpened,
    Committed,
    Message,
    Objected,
    Proposed,
    Restored,
    RoundOpened,
    Ruled,
    Vector,
)


@dataclass(frozen=True, slots=True)
class Told:
    """What the messages so far come to.

    Attributes:
        proposed: (region, incarnation, revision, digest) of the open beat.
        accepted: regions that have accepted the vector of the open round.
        round: that is open; 0 before the first.
        ruled: digest of the vector that was ruled, if one was.
        committed: digests of the beats.
        vector: digest of that of the open round.
        voted: regions that have voted in it.
        incarnations: that may speak, of each region.
        revisions: the latest in the open beat, of each region.
        sent_back: how often the critic has sent each region back in the open beat.
        content: whether the critic has accepted the vector of the open round.
    """

    proposed: frozenset[tuple[str, int, int, str]] = frozenset()
    accepted: frozenset[str] = frozenset()
    round: int = 0
    ruled: str = ""
    committed: tuple[str, ...] = ()
    vector: str = ""
    voted: frozenset[str] = frozenset()
    incarnations: tuple[int, ...] = (1,) * len(REGIONS)
    revisions: tuple[int, ...] = (0,) * len(REGIONS)
    sent_back: tuple[int, ...] = (0,) * len(REGIONS)
    content: bool = False

    def heard(self, message: Message) -> Told:
        """With what a region says."""
        if isinstance(message, Proposed):
            version = (message.region, message.incarnation, message.revision, message.digest)
            revisions = _with(self.revisions, message.region, message.revision)
            return replace(self, proposed=self.proposed | {version}, revisions=revisions)
        if isinstance(message, (Accepted, Objected)):
            accepted = self.accepted | {message.role} if isinstance(message, Accepted) else self.accepted
            return replace(self, accepted=accepted, voted=self.voted | {message.role})
        return self

    def fault(self, message: Message) -> str:
        """Why what a region says must have no effect; empty if it may."""
        if isinstance(message, Proposed):
            region: str = message.region
            place = REGIONS.index(message.region)
            question = message.round == self.round and message.revision == self.revisions[place] + 1
        elif isinstance(message, (Accepted, Objected)):
            region, place = message.role, REGIONS.index(message.role)
            question = (message.round, message.vector) == (self.round, self.vector) and region not in self.voted
        else:
            return ""
        kind = type(message).__name__
        if message.incarnation != self.incarnations[place]:
            return f"{kind} of {region}.{message.incarnation} counts, and it is fenced"
        if message.beat != len(self.committed) or not question:
            return f"{kind} of {region} counts, and answers nothing that is asked"
        return ""

    def said(self, message: Message) -> Told:
        """With what the coordinator says, whether it may or not."""
        if isinstance(message, BeatOpened):
            return Told(committed=self.committed, incarnations=self.incarnations)
        if isinstance(message, RoundOpened):
            nobody: frozenset[str] = frozenset()
            return replace(
                self, round=message.round, accepted=nobody, voted=nobody, vector=message.vector.digest, content=False
            )
        if isinstance(message, Accepted):
            return replace(self, content=True)
        if isinstance(message, Objected):
            names = {violation.yields for violation in message.violations}
            return replace(self, sent_back=tuple(n + (r in names) for n, r in zip(self.sent_back, REGIONS, strict=True)))
        if isinstance(message, Restored):
            return replace(self, incarnations=_with(self.incarnations, message.region, message.incarnation))
        if isinstance(message, Ruled):
            return replace(self, ruled=message.vector.digest)
        if isinstance(message, Committed):
            return replace(self, committed=(*self.committed, message.digest))
        return self

    def require(self, message: Message, *, as_proposed: bool = False, reviewed: int = 0) -> None:
        """What the coordinator is about to say has to follow from what was said.

        Args:
            message: what it says.
            as_proposed: first proposals are committed as they are.
            reviewed: the last round in which the critic has a vote; 0 if it never has.

        Raises:
            Violated: it does not.
        """
        if isinstance(message, RoundOpened):
            self._require_proposed(message.vector, f"round {message.round} shows")
        elif isinstance(message, Restored):
            if message.beat is not None and message.beat.beat != len(self.committed):
                told = f"{message.region} is told of beat {message.beat.beat}"
                raise Violated("S1", f"{told} after {len(self.committed)} commits")
            if message.incarnation <= self.incarnations[REGIONS.index(message.region)]:
                raise Violated("S5", f"{message.region}.{message.incarnation} is there already")
        elif isinstance(message, (Accepted, Objected)):
            self._require_vote(message, reviewed)
        elif isinstance(message, Committed):
            self._require_commit(message, as_proposed=as_proposed)
            if not message.ruled and 0 < self.round <= reviewed and not self.content:
                raise Violated("S1", f"beat {message.beat} is committed, and the critic did not accept it")

    def _require_vote(self, message: Accepted | Objected, reviewed: int) -> None:
        """The critic votes on what all four accept, and no later than its objection can be met without a ruling."""
        if message.role != CRITIC or (message.round, message.vector) != (self.round, self.vector):
            raise Violated("S1", f"a vote of {message.role} is journaled that nobody asked for")
        if self.accepted != set(REGIONS) or self.content:
            raise Violated("S1", f"the critic votes in round {message.round} before all four accept, or twice")
        if message.round > reviewed:
            raise Violated("L1", f"the critic votes in round {message.round}, and {reviewed} is the last that it may send back")
        if isinstance(message, Objected):
            for region in {violation.yields for violation in message.violations}:
                if self.sent_back[REGIONS.index(region)] >= SENT_BACK:
                    raise Violated("L1", f"the critic sends {region} back more than {SENT_BACK} times")

    def _require_commit(self, message: Committed, *, as_proposed: bool) -> None:
        if message.beat != len(self.committed):
            raise Violated("S6", f"beat {message.beat} is committed after {len(self.committed)} others")
        if message.vector.digest != message.digest:
            raise Violated("S1", f"beat {message.beat} is committed under a digest that is not its vector's")
        if message.ruled:
            if self.ruled != message.digest:
                raise Violated("S2", f"beat {message.beat} is committed as ruled, and was not ruled so")
            return
        self._require_proposed(message.vector, f"beat {message.beat} commits")
        if self.round and message.digest != self.vector:
            raise Violated("S1", f"beat {message.beat} commits another vector than was voted on")
        if self.accepted != set(REGIONS) and not as_proposed:
            missing = ", ".join(region for region in REGIONS if region not in self.accepted)
            raise Violated("S1", f"beat {message.beat} is committed, and {missing} did not accept it")

    def _require_proposed(self, vector: Vector, what: str) -> None:
        for version in vector.versions:
            if (version.region, version.incarnation, version.revision, version.digest) not in self.proposed:
                raise Violated("S2", f"{what} a track that {version.region} never proposed")


def _with(numbers: tuple[int, ...], region: Region, number: int) -> tuple[int, ...]:
    """Numbers of the regions with that of one changed."""
    place = REGIONS.index(region)
    return (*numbers[:place], number, *numbers[place + 1 :])
