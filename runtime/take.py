"""One take from its options to its result, on whatever base it runs."""

from __future__ import annotations

import contextlib
import platform

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from importlib import metadata
from typing import Any

from agents.critic import Review
from agents.exchange import Asking, unwatched
from agents.regions import IDLE, Judgements
from protocol.brief import Brief
from protocol.coordinator_state import COMMIT_AS_PROPOSED, CRITIC_OBJECTS, CoordinatorState
from protocol.journal import JournalWriter, Record
from protocol.messages import FilmOpened, Parent, TakeClosed, TakeOpened, digest
from protocol.replay import Folded
from protocol.timeline import CommittedBeat, Timeline
from runtime.base import Base, Place, Play
from runtime.coordinating import CoordinatorHost
from runtime.dispatching import DispatchHost, Merger
from runtime.filming import Film
from runtime.loading import Loaded
from runtime.options import TakeOptions, parse_fps
from runtime.planners import director_for, region_planner_for, surroundings
from runtime.sequencer import Sequencer
from runtime.version import VERSION

SOFTWARE = ("numpy", "pydantic", "msgpack", "mcap")


@dataclass(frozen=True, slots=True)
class TakeResult:
    """What a take came to.

    Attributes:
        brief: what was understood.
        timeline: the committed tracks; None if the take ended before its first commit.
        closed: how it ended.
        records: the journal.
        review: what the critic says of it; None where nobody has asked.
    """

    brief: Brief | None
    timeline: Timeline | None
    closed: TakeClosed
    records: tuple[Record, ...]
    review: Review | None = None


@dataclass(frozen=True, slots=True)
class Filming:
    """That a take is rendered.

    Attributes:
        opened: everything that its frames depend on.
        film: where they go.
    """

    opened: FilmOpened
    film: Film


@dataclass(frozen=True, slots=True)
class Past:
    """What there is of a take that goes on.

    Attributes:
        records: its journal.
        folded: what they come to.
    """

    records: tuple[Record, ...]
    folded: Folded

    @property
    def done(self) -> bool:
        """Whether it came to its end: then nothing is left but to write what follows from its journal."""
        return self.folded.coordinator.phase == "closed" and not self.folded.coordinator.closed_in


@dataclass(frozen=True, slots=True)
class Watch:
    """Who follows a take, and from outside ends it.

    Attributes:
        clock: seconds since the take began, or since it was resumed, for the records.
        stopped: asked again and again; a reason ends the take.
        told: called with each record.
        asking: told of every question that is put to a language model in this process, from any thread.
    """

    clock: Callable[[], float]
    stopped: Callable[[], str | None] = lambda: None
    told: Sequence[Callable[[Record], None]] = field(default_factory=tuple)
    asking: Callable[[Asking], None] = unwatched


def versions() -> dict[str, str]:
    """Versions of what a take's result may depend on."""
    found = {"python": platform.python_version(), "textuportray": VERSION}
    return found | _software()


@cache
def _software() -> dict[str, str]:
    """What is installed stays what it is while the program runs, and looking it up takes milliseconds."""
    found = {}
    for name in SOFTWARE:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def opening(options: TakeOptions, loaded: Loaded) -> TakeOpened:
    """The message that opens a take; its id follows from what it is asked for.

    Raises:
        UsageError: what its language model may cost has no room for one answer of each who asks.
    """
    flags = ((IDLE,) if options.idle else ()) + ((CRITIC_OBJECTS,) if options.negotiate else (COMMIT_AS_PROPOSED,))
    performed = [options.direction, options.seconds, options.seed, options.emotion]
    asked: list[Any] = [*performed, str(options.fps), list(flags), options.rounds, loaded.digest]
    if options.language_model is not None:
        asked.append(options.language_model)
    opened = TakeOpened(
        take=f"take-{digest(asked)[:12]}",
        direction=options.direction,
        seed=options.seed,
        fps=str(options.fps),
        seconds=options.seconds,
        flags=flags,
        emotion=options.emotion,
        rounds=options.rounds,
        configuration=loaded.texts,
        versions=versions(),
        language_model=options.language_model,
    )
    if options.language_model is not None:
        from runtime.language_options import require_room  # noqa: PLC0415 - few takes ask a language model

        require_room(opened, loaded.tables)
    return opened


def revising(revised: TakeOpened, state: CoordinatorState, note: str, loaded: Loaded) -> TakeOpened:
    """The message that opens the revision of a take: what it was asked for, and a note.

    Args:
        revised: the message that opened the take.
        state: what its coordinator remembers, which has committed all of it.
        note: what is to be otherwise.
        loaded: the tables of the revision.
    """
    assert state.brief is not None
    beats = tuple(beat.model_copy(update={"origin": None}) for beat in state.brief.beats)
    parent = Parent(
        take=revised.take,
        timeline=digest([known for known, _ in state.committed]),
        directions=revised.directions,
        brief=state.brief.model_copy(update={"beats": beats, "changes": ()}),
        tracks=tuple(tracks for _, tracks in state.committed),
    )
    performed = [note, revised.seconds, revised.seed, revised.emotion]
    asked: list[Any] = [*performed, revised.fps, list(revised.flags), revised.rounds, loaded.digest, parent]
    if revised.language_model is not None:
        asked.append(revised.language_model)
    changed = {
        "take": f"take-{digest(asked)[:12]}",
        "direction": note,
        "configuration": loaded.texts,
        "versions": versions(),
        "parent": parent,
    }
    return revised.model_copy(update=changed)


def run_take(
    opened: TakeOpened,
    loaded: Loaded,
    journal: JournalWriter,
    base: Base,
    watch: Watch,
    *,
    filming: Filming | None = None,
    past: Past | None = None,
) -> TakeResult:
    """Run a take.

    Args:
        opened: what it is asked for.
        loaded: the tables.
        journal: where its records go, those of the past among them already; closed by the caller.
        base: who hosts its roles.
        watch: who follows it.
        filming: how it is rendered; None if only its motion is wanted.
        past: what there is of it, if it goes on.
    """
    judgements = Judgements(loaded.tables)
    records = list(past.records) if past else []

    def told(record: Record) -> None:
        records.append(record)
        for each in watch.told:
            each(record)

    sequencer = Sequencer(journal, watch.clock, told, past.records if past else ())
    if past is not None and past.done:
        for message in past.folded.due:
            sequencer.record((), message)
        return _result(past.folded.coordinator, records)

    def spent(role: str) -> tuple[int, int]:
        if opened.language_model is None:
            return 0, 0
        from agents.thinking.budget import spent_by  # noqa: PLC0415 - few takes ask a language model

        return spent_by(role, [record.message for record in list(records)])

    around = surroundings(watch.clock, watch.stopped, watch.asking, spent)
    director = director_for(opened, loaded, around)

    def host(place: Place) -> CoordinatorHost:
        dispatch = None
        if filming is not None:
            merger = Merger(parse_fps(opened.fps), filming.opened)
            dispatch = DispatchHost(sequencer, place, merger)
        return CoordinatorHost(director, loaded.tables, judgements, place, sequencer, dispatch)

    def begin(coordinator: CoordinatorHost) -> None:
        film = filming.opened if filming else None
        if past is None:
            coordinator.start(opened, film)
        else:
            coordinator.resume(past.folded, versions(), film)

    film = filming.film if filming else None
    planner_for = partial(region_planner_for, tables=loaded.tables, around=around)
    resumed = f"again{sequencer.seq}-" if past else ""
    asked = opened.language_model
    play = Play(opened.take, loaded, judgements, host, begin, film, watch.stopped, planner_for, resumed, asked, spent)
    state = base.play(play)
    return _result(state, records)


def _result(state: CoordinatorState, records: Sequence[Record]) -> TakeResult:
    closed = next(record.message for record in reversed(records) if isinstance(record.message, TakeClosed))
    return TakeResult(state.brief, timeline_of(state), closed, tuple(records))


def timeline_of(state: CoordinatorState) -> Timeline | None:
    """The committed tracks on their line of time."""
    if state.brief is None or not state.committed:
        return None
    beats = zip(state.brief.beats, state.committed, strict=False)
    return Timeline(beats=tuple(CommittedBeat(start=beat.start, end=beat.end, tracks=tracks) for beat, (_, tracks) in beats))
