"""The sequencer: gives every message of a take its place in one order, and puts it into the journal before it takes effect."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from protocol.journal import JournalWriter, Record
from protocol.messages import (
    COORDINATOR,
    Committed,
    FilmFailed,
    FilmOpened,
    Message,
    TakeClosed,
    TakeOpened,
    TakeResumed,
)

_KEPT = (TakeOpened, TakeResumed, FilmOpened, Committed, FilmFailed, TakeClosed)
"""Messages that are on disk before anybody acts on them; the others may be lost with the last moments before a crash."""


class Sequencer:
    """Numbers and journals what the roles of a take say.

    Args:
        journal: where records go; what it holds already of a take that is resumed is in `past`.
        clock: seconds since the take began.
        told: called with every record once it is in the journal.
        past: records that came before, in order.
    """

    def __init__(
        self,
        journal: JournalWriter,
        clock: Callable[[], float],
        told: Callable[[Record], None] = lambda record: None,
        past: Sequence[Record] = (),
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._told = told
        self._seq = past[-1].seq if past else 0
        self._since = past[-1].time if past else 0.0

    @property
    def seq(self) -> int:
        """The place of the last record."""
        return self._seq

    def record(
        self,
        receivers: Sequence[str],
        message: Message,
        *,
        sender: str = COORDINATOR,
        epoch: int = 0,
        number: int = 0,
        body: bytes | None = None,
    ) -> None:
        """Put a message in its place; from then on it may take effect.

        Args:
            receivers: roles that it is for.
            message: what is said.
            sender: role that says it.
            epoch: incarnation of the link that it came over; 0 if none.
            number: its number on that link; 0 if it came over none.
            body: its wire form, where that is known already.

        Raises:
            JournalError: it cannot be journaled, so it must not take effect.
        """
        self._seq += 1
        time = self._since + self._clock()
        record = Record(self._seq, time, sender, tuple(receivers), epoch, number, message)
        self._journal.append(record, body)
        if isinstance(message, _KEPT):
            self._journal.commit()
        self._told(record)
