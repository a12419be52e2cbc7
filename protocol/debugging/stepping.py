"""A walk through a journal, forward and back, with the state of every role at each step.

The states are those of the machines themselves: they are fed what the journal holds, record after record, up to where the walk
is. What takes long to work out (an audit, a ruling) is not worked out again but taken from what the journal tells of it, for
whoever walks wants to know what was; whether this version would come to the same is what `protocol.replay` checks.

Going back means going on from the last place before that was kept. States are values, so keeping one costs next to nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from protocol.constraints import Constraints
from protocol.conversation import Conversation
from protocol.coordination import Audit, Audited, MakeRuling, RulingMade
from protocol.debugging.pages import Pages
from protocol.journal import Record
from protocol.messages import (
    CRITIC,
    Accepted,
    BeatOpened,
    Committed,
    EndState,
    Message,
    Objected,
    RoundOpened,
    Ruled,
    Violation,
)
from protocol.replay import Replay

EVERY = 128
"""Records between two places that are kept."""


@dataclass(kw_only=True)
class Following(Replay):
    """Machines that follow a journal: what was worked out is taken from what they said because of it.

    So they wait where somebody works something out, as the roles did, and go on with the message that tells the result.

    Args:
        pages: the journal.
        at: the last record that was fed.
    """

    constraints: Constraints | None = None
    pages: Pages
    at: int = 0
    _asked: Audit | MakeRuling | None = None

    def feed(self, record: Record) -> None:
        """Take the next record."""
        self.at = record.seq
        super().feed(record)

    def work_out(self, asked: Audit | MakeRuling) -> list[Audited | RulingMade]:
        """Nothing yet: the journal tells it."""
        self._asked = asked
        return []

    def bring_about(self, message: Message) -> None:
        """Events that are not messages; the end of an audit or of a ruling is one."""
        answer = None if self.due else self._answer(message)
        if answer is None:
            super().bring_about(message)
            return
        self._asked = None
        self.coordinate(answer)
        if not self.due:  # an audit upon which it rules at once, or has the critic look
            self.bring_about(message)

    def _answer(self, message: Message) -> Audited | RulingMade | None:
        """What was worked out, by what the coordinator says because of it; None if it does not tell."""
        match self._asked, message:
            case Audit(beat=beat), Committed() | Accepted() | Objected():
                return Audited((), self._end_state(beat))
            case Audit(beat=beat), RoundOpened(objections=objections):
                found = tuple(objection.violation for objection in objections if objection.by == CRITIC)
                return Audited(found, self._end_state(beat))
            case Audit(beat=beat), Ruled():
                return Audited((_UNTOLD,), self._end_state(beat))
            case MakeRuling(beat=beat), Ruled(tracks=tracks, rulings=rulings):
                return RulingMade(tracks, rulings, self._end_state(beat))
        return None

    def _end_state(self, beat: BeatOpened) -> EndState:
        """How a beat ended: the next one begins with it. Behind the last one nobody needs it, and its beginning is as good."""
        for seq in range(self.at + 1, len(self.pages) + 1):
            if self.pages.kind(seq) == "BeatOpened":
                following = self.pages.record(seq).message
                assert isinstance(following, BeatOpened)
                return following.end_state
            if self.pages.kind(seq) in ("RoundOpened", "TakeClosed"):
                break
        return beat.end_state


_UNTOLD = Violation(constraint="untold", channels=("jawOpen",), start=0.0, end=0.0, measured=0.0, bound=0.0, yields="mouth")
"""What an audit found in the last round: nobody was told what it was, only what was ruled on it."""


@dataclass
class Walk:
    """Where somebody is in a journal.

    Args:
        pages: the journal.
        talk: tells what is said.
        passing: is told now and then which record is passed on a long way.

    Attributes:
        at: the place of the record that was taken in last; 0 before the first.
        states: the machines as they are after it.
    """

    pages: Pages
    talk: Conversation
    passing: Callable[[int], None] = lambda seq: None
    _told: list[Sequence[str]] = field(default_factory=list)
    _kept: list[Following] = field(default_factory=list)
    states: Following = field(init=False)

    def __post_init__(self) -> None:
        self.states = Following(pages=self.pages)
        self._kept.append(self.states.copy())

    @property
    def at(self) -> int:
        """Where the walk is."""
        return self.states.at

    def go(self, seq: int) -> None:
        """Go to a record, back or forward; beyond either end means to that end.

        Raises:
            JournalError: a record on the way cannot be read; the walk is then before it.
        """
        seq = max(0, min(seq, len(self.pages)))
        nearest = min(seq // EVERY, len(self._kept) - 1)
        if not nearest * EVERY <= self.at <= seq:
            self.states = self._kept[nearest].copy()
        while self.at < seq:
            record = self.pages.record(self.at + 1)
            if len(self._told) < record.seq:
                self._told.append(tuple(self.talk.lines(record)))
            self.states.feed(record)
            if self.at % EVERY == 0:
                self.passing(self.at)
                if len(self._kept) == self.at // EVERY:
                    self._kept.append(self.states.copy())

    @property
    def record(self) -> Record | None:
        """The record that was taken in last."""
        return self.pages.record(self.at) if self.at else None

    @property
    def said(self) -> Sequence[str]:
        """What was said there, as the conversation tells it; nothing if it tells it elsewhere or not at all."""
        return self._told[self.at - 1] if self.at else ()
