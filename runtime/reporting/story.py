"""The journal of a take sorted by beats: what was proposed, objected to and decided in each, for whoever tells of it.

A journal is taken as it is. It may be cut off, or break its protocol: what does not fit together is then shown as undecided.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from protocol.channels import REGIONS
from protocol.journal import Record
from protocol.keyframes import Track
from protocol.messages import (
    BeatOpened,
    ChunkWritten,
    Committed,
    Cut,
    FilmOpened,
    Merged,
    Objected,
    Proposed,
    RoundOpened,
    Ruled,
    TakeClosed,
    TakeOpened,
    TakeResumed,
    Violation,
)


@dataclass(frozen=True, slots=True)
class Raised:
    """An objection: one constraint, as one role found it broken.

    Attributes:
        seq: of the message.
        by: who objected.
        round: to the proposals of which round.
        violation: what was measured.
    """

    seq: int
    by: str
    round: int
    violation: Violation


@dataclass
class BeatStory:
    """What became of a beat.

    Attributes:
        opened: what it is about.
        seq: the record that opened it.
        began: journal time of that, seconds.
        ended: journal time of the last record about it.
        proposals: (record, proposal), in order.
        raised: all objections, in order.
        rounds: how many were opened.
        ruled: the ruling, if there was one, and its record.
        committed: the decision, if there is one.
    """

    opened: BeatOpened
    seq: int
    began: float
    ended: float
    proposals: list[tuple[int, Proposed]] = field(default_factory=list)
    raised: list[Raised] = field(default_factory=list)
    rounds: int = 0
    ruled: tuple[int, Ruled] | None = None
    committed: Committed | None = None
    _known: dict[str, Track] = field(default_factory=dict)

    @property
    def number(self) -> int:
        """From 0."""
        return self.opened.beat

    @property
    def start(self) -> float:
        """Seconds of the take."""
        return self.opened.intent.start

    @property
    def end(self) -> float:
        """Seconds of the take."""
        return self.opened.intent.end

    @property
    def state(self) -> str:
        """Whether it is decided: "committed", "ruled" or "open"."""
        if self.committed is None or self._chosen() is None:
            return "open"
        return "ruled" if self.committed.ruled else "committed"

    def tracks(self) -> tuple[Track, ...]:
        """What is committed, or else the last that each region has proposed so far."""
        chosen = self._chosen()
        if chosen is not None:
            return chosen
        last = {proposal.region: proposal.track for _, proposal in self.proposals}
        return tuple(last[region] for region in REGIONS if region in last)

    def _chosen(self) -> tuple[Track, ...] | None:
        if self.committed is None:
            return None
        tracks = [self._known.get(version.digest) for version in self.committed.vector.versions]
        return None if any(track is None for track in tracks) else tuple(track for track in tracks if track is not None)

    def take_in(self, record: Record) -> None:
        """Hear a message about this beat."""
        message = record.message
        self.ended = record.time
        if isinstance(message, Proposed):
            self.proposals.append((record.seq, message))
            self._known[message.digest] = message.track
        elif isinstance(message, RoundOpened):
            self.rounds = max(self.rounds, message.round)
        elif isinstance(message, Objected):
            self.raised += [Raised(record.seq, message.role, message.round, each) for each in message.violations]
        elif isinstance(message, Ruled):
            self.ruled = record.seq, message
            self._known |= {
                version.digest: track for version, track in zip(message.vector.versions, message.tracks, strict=True)
            }
        elif isinstance(message, Committed):
            self.committed = message


@dataclass
class Story:
    """What a journal tells.

    Attributes:
        opened: what the take was asked for; None if the journal does not say.
        beats: in order of their numbers.
        place: of each record, by its number from 1, the beat that it is about or came in; -1 before the first.
        film: what was to be rendered, if anything was.
        cuts: chunks of frames by number.
        written: how many chunks are in the video since the take was opened or resumed.
        resumed: how often the take was gone on with.
        closed: how it ended, if it did.
    """

    opened: TakeOpened | None = None
    beats: list[BeatStory] = field(default_factory=list)
    place: list[int] = field(default_factory=list)
    film: FilmOpened | None = None
    cuts: dict[int, Cut] = field(default_factory=dict)
    written: int = 0
    resumed: int = 0
    closed: TakeClosed | None = None

    @property
    def seconds(self) -> float:
        """How long the take is as far as its beats were opened."""
        return max((beat.end for beat in self.beats), default=0.0)

    @property
    def fps(self) -> Fraction:
        """Frames per second of the motion."""
        return Fraction(self.opened.fps) if self.opened else Fraction(25)


def story_of(records: Sequence[Record]) -> Story:
    """Sort a journal by beats."""
    story = Story()
    beats: dict[int, BeatStory] = {}
    now = -1
    for record in records:
        message = record.message
        if isinstance(message, BeatOpened):
            now = message.beat
            beats.setdefault(now, BeatStory(message, record.seq, record.time, record.time))
        about = getattr(message, "beat", None)
        # Of what is about no beat, or holds one (as `Restored` does), all that counts is when it came.
        about = about if isinstance(about, int) and about in beats else now
        story.place.append(about)
        if about in beats and isinstance(getattr(message, "beat", None), int):
            beats[about].take_in(record)
        _note(story, message)
    story.beats = [beats[number] for number in sorted(beats)]
    return story


def _note(story: Story, message: object) -> None:
    """Hear a message about the take as a whole."""
    if isinstance(message, TakeOpened) and story.opened is None:
        story.opened = message
    elif isinstance(message, FilmOpened):
        story.film = message
    elif isinstance(message, Merged):
        story.cuts |= {cut.chunk: cut for cut in message.chunks}
    elif isinstance(message, ChunkWritten):
        story.written += 1
    elif isinstance(message, TakeResumed):
        story.resumed, story.written, story.closed = story.resumed + 1, 0, None
    elif isinstance(message, TakeClosed):
        story.closed = message
