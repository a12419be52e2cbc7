"""What the coordinator's machine asks of its host, and what the host tells it.

Requests are outputs of the machine, answers and incidents its events; messages of the protocol are neither and live in
`protocol.messages`.
"""

from __future__ import annotations

from dataclasses import dataclass

from protocol.brief import Brief
from protocol.channels import Region
from protocol.keyframes import Track
from protocol.messages import BeatOpened, Decided, EndState, FilmOpened, RegionRuling, TakeOpened, Vector, Violation


@dataclass(frozen=True, slots=True)
class Start:
    """A take is to begin; `end_state` is how its first beat starts."""

    opened: TakeOpened
    end_state: EndState


@dataclass(frozen=True, slots=True)
class AskDirector:
    """The host is to have the direction refined into a brief.

    Attributes:
        known: exchanges with a language model that the journal holds already; nobody is asked these again.
    """

    opened: TakeOpened
    known: tuple[Decided, ...] = ()


@dataclass(frozen=True, slots=True)
class Exchanged:
    """The director has asked a language model something on the way to its brief, and has an answer."""

    decided: Decided


@dataclass(frozen=True, slots=True)
class Briefed:
    """The director's answer."""

    decided: Decided
    brief: Brief


@dataclass(frozen=True, slots=True)
class Audit:
    """The host is to check a vector that is about to be committed, and to say how the beat ends with it."""

    beat: BeatOpened
    vector: Vector
    tracks: tuple[Track, ...]


@dataclass(frozen=True, slots=True)
class Audited:
    """What the audit found (nothing, if all regions are right) and how the beat ends."""

    violations: tuple[Violation, ...]
    end_state: EndState


@dataclass(frozen=True, slots=True)
class Review:
    """The host is to have the critic look at a vector that all four accept and the audit found clean."""

    beat: BeatOpened
    vector: Vector
    tracks: tuple[Track, ...]


@dataclass(frozen=True, slots=True)
class Reviewed:
    """What the critic misses of what the beat asks for; nothing, if it is content."""

    violations: tuple[Violation, ...]


@dataclass(frozen=True, slots=True)
class MakeRuling:
    """The host is to work out the smallest change that satisfies every hard constraint."""

    beat: BeatOpened
    tracks: tuple[Track, ...]


@dataclass(frozen=True, slots=True)
class RulingMade:
    """The ruling, and how the beat ends with it."""

    tracks: tuple[Track, ...]
    rulings: tuple[RegionRuling, ...]
    end_state: EndState


@dataclass(frozen=True, slots=True)
class Arm:
    """The host is to give `DeadlineFired` back if the region has not answered in time."""

    region: Region
    incarnation: int
    beat: int
    round: int


@dataclass(frozen=True, slots=True)
class DeadlineFired:
    """A deadline has come. It means something only if what it was armed for is still awaited."""

    region: Region
    incarnation: int
    beat: int
    round: int


@dataclass(frozen=True, slots=True)
class Install:
    """From now on messages to this region go to its fallback, under this incarnation; or back to the region itself."""

    region: Region
    incarnation: int
    fallback: bool


@dataclass(frozen=True, slots=True)
class StageSet:
    """The portrait is prepared: the take is to be rendered, too."""

    film: FilmOpened


@dataclass(frozen=True, slots=True)
class MergeBeat:
    """The host is to turn a committed beat into rows of the motion and to have those rendered.

    Attributes:
        beat: which.
        start: seconds of the take at which it begins.
        end: and ends.
        tracks: that were committed.
        ends: whether it is the last.
    """

    beat: int
    start: float
    end: float
    tracks: tuple[Track, ...]
    ends: bool


@dataclass(frozen=True, slots=True)
class Resume:
    """The take is to go on from its journal, with new processes for all other roles."""

    versions: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Stop:
    """The user ends the take."""

    reason: str


@dataclass(frozen=True, slots=True)
class Broke:
    """An internal error."""

    error: str
