"""What a take's history comes to, kept apart from what the coordinator itself remembers, and what must follow from it.

This account is made of messages alone, as they are heard and said; a coordinator that counts a vote twice or forgets one
disagrees with it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from protocol.channels import REGIONS
from protocol.checking.exploring import Violated
from protocol.messages import Accepted, BeatOpened, Committed, Message, Proposed, Restored, RoundOpened, Ruled, Vector


@dataclass(frozen=True, slots=True)
class Told:
    """What the messages so far come to.

    Attributes:
        proposed: (region, incarnation, revision, digest) of the open beat.
        accepted: regions that have accepted the vector of the open round.
        round: that is open; 0 before the first.
        ruled: digest of the vector that was ruled, if one was.
        committed: digests of the beats.
    """

    proposed: frozenset[tuple[str, int, int, str]] = frozenset()
    accepted: frozenset[str] = frozenset()
    round: int = 0
    ruled: str = ""
    committed: tuple[str, ...] = ()

    def heard(self, message: Message) -> Told:
        """With what a region says."""
        if isinstance(message, Proposed):
            version = (message.region, message.incarnation, message.revision, message.digest)
            return replace(self, proposed=self.proposed | {version})
        if isinstance(message, Accepted):
            return replace(self, accepted=self.accepted | {message.role})
        return self

    def said(self, message: Message) -> Told:
        """With what the coordinator says, whether it may or not."""
        if isinstance(message, BeatOpened):
            return Told(committed=self.committed)
        if isinstance(message, RoundOpened):
            return replace(self, round=message.round, accepted=frozenset())
        if isinstance(message, Ruled):
            return replace(self, ruled=message.vector.digest)
        if isinstance(message, Committed):
            return replace(self, committed=(*self.committed, message.digest))
        return self

    def require(self, message: Message, *, as_proposed: bool = False) -> None:
        """What the coordinator is about to say has to follow from what was said.

        Args:
            message: what it says.
            as_proposed: first proposals are committed as they are.

        Raises:
            Violated: it does not.
        """
        if isinstance(message, RoundOpened):
            self._require_proposed(message.vector, f"round {message.round} shows")
        elif isinstance(message, Restored) and message.beat is not None and message.beat.beat != len(self.committed):
            raise Violated("S1", f"{message.region} is told of beat {message.beat.beat} after {len(self.committed)} commits")
        elif isinstance(message, Committed):
            self._require_commit(message, as_proposed=as_proposed)

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
        if self.accepted != set(REGIONS) and not as_proposed:
            missing = ", ".join(region for region in REGIONS if region not in self.accepted)
            raise Violated("S1", f"beat {message.beat} is committed, and {missing} did not accept it")

    def _require_proposed(self, vector: Vector, what: str) -> None:
        for version in vector.versions:
            if (version.region, version.incarnation, version.revision, version.digest) not in self.proposed:
                raise Violated("S2", f"{what} a track that {version.region} never proposed")
