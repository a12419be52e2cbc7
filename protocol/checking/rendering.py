"""Rendering as a system to explore: the machines of the dispatcher and the renderers as shipped, and all that may go wrong.

Beats are committed one after the other and cut into chunks; renderers join, fall silent, die and are replaced, fail, answer
twice or late; frames that were rendered may be lost before they are written. A chunk may be *poisoned*: it fails, or ends the
process, whoever renders it.

S4: a chunk is rendered from the motion that it was cut from.
L1: in every end the film is closed.
L2: chunks are written each once and in order, and the film is finished with all of them, or broken, naming what is missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from protocol.checking.exploring import Violated
from protocol.checking.numbers import Numbers
from protocol.dispatch import (
    DISPATCHER,
    Close,
    Dismiss,
    Drop,
    FilmBroke,
    Filmed,
    FramesLost,
    Gone,
    Merge,
    Quiet,
    Ready,
    Unable,
    Write,
    Written,
)
from protocol.dispatcher_state import IN_FLIGHT, DispatcherState
from protocol.machine import PeerError, Received, Send
from protocol.messages import ChunkAssigned, ChunkFailed, ChunkRendered, ChunkWritten, Cut, FilmFailed, Merged
from protocol.rendering import RENDERER, RenderBroke, Rendered, RendererState

MARKS = (
    "filmed",
    "a chunk was given up, others rendered",
    "broken for want of renderers",
    "closed early",
    "an answer came twice",
    "an answer came after its renderer was replaced",
    "rendered again after a death",
    "rendered again after a failure",
    "rendered again after a loss",
    "dismissed",
    "quiet, and back",
    "written while others render",
)
_BIT = {name: 1 << place for place, name in enumerate(MARKS)}


@dataclass(frozen=True, slots=True)
class Crew:
    """A renderer's place.

    Attributes:
        name: of its process.
        state: what its role remembers.
        coming: chunks and attempts on their way to it, in order.
        going: its answers on their way, by chunk and attempt.
        alive: whether the process is.
        quiet: whether it is taken to be.
    """

    name: str
    state: RendererState = field(default_factory=RendererState)
    coming: tuple[tuple[int, int], ...] = ()
    going: frozenset[tuple[int, int, bool]] = frozenset()
    alive: bool = True
    quiet: bool = False


@dataclass(frozen=True, slots=True)
class Spent:
    """What may still go wrong: see `Rendering`."""

    deaths: int
    failures: int
    losses: int
    silences: int
    repeats: int
    stops: int
    spare: int


@dataclass(frozen=True, slots=True)
class Scene:
    """A state of the system.

    Attributes:
        dispatcher: the number of its state.
        crew: the renderers' places.
        merged: beats that are committed.
        writing: the chunk that is being written, and its attempt; None if none is.
        held: chunks and attempts whose frames are kept, with the process that has them.
        written: how many chunks.
        left: what may still go wrong.
    """

    dispatcher: int
    crew: tuple[Crew, ...]
    merged: int
    writing: tuple[int, int] | None
    held: frozenset[tuple[int, int]]
    written: int
    left: Spent


class Rendering:
    """The system.

    Args:
        beats: chunks of each beat.
        workers: renderers at once.
        spare: processes that may take the place of others.
        poisoned: a chunk that fails whoever renders it; `kills` if it ends the process.
        deaths: of processes, besides.
        failures: of chunks, besides.
        losses: of frames that were rendered.
        silences: of renderers.
        repeats: of answers.
        stops: of the user.
    """

    def __init__(
        self,
        *beats: int,
        workers: int = 2,
        spare: int = 2,
        poisoned: int = -1,
        kills: bool = False,
        deaths: int = 0,
        failures: int = 0,
        losses: int = 0,
        silences: int = 0,
        repeats: int = 0,
        stops: int = 0,
    ) -> None:
        self._merges = _merges(beats)
        self._cuts = [cut for merged in self._merges for cut in merged.chunks]
        self._workers = workers
        self._poisoned, self._kills = poisoned, kills
        self._left = Spent(deaths, failures, losses, silences, repeats, stops, spare)
        self._states: list[DispatcherState] = []
        self._numbers: dict[Any, int] = {}
        self._steps: dict[tuple[int, Any], tuple[int, tuple[Any, ...]]] = {}
        self._words: Numbers[str] = Numbers()

    def first(self) -> Scene:
        """Nobody has joined, nothing is committed."""
        crew = tuple(Crew(f"renderer-{n + 1}") for n in range(self._workers))
        scene = Scene(self._number(DispatcherState()), crew, 0, None, frozenset(), 0, self._left)
        for each in crew:
            (_, scene, _) = self._dispatched(scene, Ready(each.name), "")
        return scene

    def successors(self, scene: Scene) -> Iterator[tuple[int, Scene, int]]:
        """Everything that may happen next."""
        state = self._states[scene.dispatcher]
        if state.phase == "closed":
            return
        if scene.merged < len(self._merges):
            merged = self._merges[scene.merged]
            yield self._dispatched(replace(scene, merged=scene.merged + 1), Merge(merged), f"beat {merged.beat} is merged")
        for place, one in enumerate(scene.crew):
            yield from self._of_renderer(scene, place, one)
        if scene.writing is not None:
            yield from self._of_writing(scene, *scene.writing)
        if scene.left.stops:
            yield self._dispatched(self._paid(scene, "stops"), Close(), "the take is stopped", _BIT["closed early"])
        if not scene.crew:
            yield self._dispatched(scene, Unable("there is nobody to render"), "there is nobody to render")

    def check_end(self, scene: Scene) -> int:
        """The film is closed."""
        state = self._states[scene.dispatcher]
        if state.phase != "closed":
            raise Violated("L1", f"nothing can happen any more, and the film is still {state.phase}")
        return 0

    def say(self, action: int) -> str:
        """An action in words."""
        return self._words[action]

    def name(self, bits: int) -> list[str]:
        """The marks behind bits."""
        return [name for name, bit in _BIT.items() if bits & bit]

    # ------------------------------------------------------------------------------------------------------- renderers

    def _of_renderer(self, scene: Scene, place: int, one: Crew) -> Iterator[tuple[int, Scene, int]]:
        for answer in one.going:
            yield self._answers(scene, place, one, answer, stays=False)
            if scene.left.repeats:
                yield self._answers(self._paid(scene, "repeats"), place, one, answer, stays=True)
        if not one.alive:
            yield self._replaced(scene, place, one)
            return
        if one.coming:
            yield self._begins(scene, place, one, one.coming[0])
        if one.state.chunk is not None:
            yield from self._ends(scene, place, one)
        if scene.left.deaths:
            yield self._dies(self._paid(scene, "deaths"), place, one, f"{one.name} dies")
        if one.quiet:
            back = self._placed(scene, place, replace(one, quiet=False))
            yield self._dispatched(back, Ready(one.name), f"{one.name} is back", _BIT["quiet, and back"])
        elif scene.left.silences:
            hushed = self._placed(self._paid(scene, "silences"), place, replace(one, quiet=True))
            yield self._dispatched(hushed, Quiet(one.name, "no answer"), f"{one.name} falls silent")

    def _begins(self, scene: Scene, place: int, one: Crew, asked: tuple[int, int]) -> tuple[int, Scene, int]:
        cut = self._cuts[asked[0]]
        message = ChunkAssigned(chunk=cut.chunk, first=cut.first, last=cut.last, motion=cut.motion, attempt=asked[1])
        try:
            state, _ = RENDERER.step(one.state, Received(message))
        except PeerError as error:
            raise Violated("L2", f"{one.name} is handed chunk {asked[0]}, and: {error}") from None
        after = replace(one, state=state, coming=one.coming[1:])
        return self._words.of(f"{one.name} gets chunk {asked[0]} (attempt {asked[1]})"), self._placed(scene, place, after), 0

    def _ends(self, scene: Scene, place: int, one: Crew) -> Iterator[tuple[int, Scene, int]]:
        assert one.state.chunk is not None
        chunk, attempt = one.state.chunk.chunk, one.state.chunk.attempt
        if chunk == self._poisoned and self._kills:
            yield self._dies(scene, place, one, f"{one.name} dies of chunk {chunk}")
            return
        if chunk != self._poisoned:
            state, _ = RENDERER.step(one.state, Rendered(chunk, attempt, _frames(chunk)))
            after = replace(one, state=state, going=one.going | {(chunk, attempt, True)})
            yield self._words.of(f"{one.name} has rendered chunk {chunk}"), self._placed(scene, place, after), 0
        if chunk == self._poisoned or scene.left.failures:
            state, _ = RENDERER.step(one.state, RenderBroke(chunk, attempt, "it cannot be painted"))
            after = replace(one, state=state, going=one.going | {(chunk, attempt, False)})
            paid = scene if chunk == self._poisoned else self._paid(scene, "failures")
            yield self._words.of(f"{one.name} cannot render chunk {chunk}"), self._placed(paid, place, after), 0

    def _dies(self, scene: Scene, place: int, one: Crew, words: str) -> tuple[int, Scene, int]:
        """What it has said may still arrive; what it held is lost."""
        dead = Crew(one.name, going=one.going, alive=False)
        return self._words.of(words), self._placed(scene, place, dead), 0

    def _replaced(self, scene: Scene, place: int, one: Crew) -> tuple[int, Scene, int]:
        """It is heard that it is dead; another process joins, if there is one."""
        state = self._states[scene.dispatcher]
        held = state.renderer(one.name)
        marks = _BIT["rendered again after a death"] if held is not None and held.holds else 0
        crew = [each for each in scene.crew if each.name != one.name]
        (action, after, more) = self._dispatched(
            replace(scene, crew=tuple(crew)), Gone(one.name, "it died"), f"{one.name} is gone"
        )
        if not scene.left.spare:
            return action, after, marks | more
        used = self._workers + self._left.spare - scene.left.spare + 1
        fresh = Crew(f"renderer-{used}")
        joined = replace(self._paid(after, "spare"), crew=(*after.crew, fresh))
        (_, joined, extra) = self._dispatched(joined, Ready(fresh.name), "")
        return action, joined, marks | more | extra

    def _answers(
        self, scene: Scene, place: int, one: Crew, answer: tuple[int, int, bool], *, stays: bool
    ) -> tuple[int, Scene, int]:
        chunk, attempt, right = answer
        message: ChunkRendered | ChunkFailed
        if right:
            message = ChunkRendered(chunk=chunk, attempt=attempt, frames=_frames(chunk))
        else:
            message = ChunkFailed(chunk=chunk, attempt=attempt, error="it cannot be painted")
        after = scene if stays else self._placed(scene, place, replace(one, going=one.going - {answer}))
        if right:
            after = replace(after, held=after.held | {(chunk, attempt)})
        marks = _BIT["an answer came twice"] if stays else 0
        if not right:
            marks |= _BIT["rendered again after a failure"]
        words = f"{one.name} says of chunk {chunk} (attempt {attempt}): {'rendered' if right else 'failed'}"
        return self._dispatched(after, Received(message), words, marks)

    # --------------------------------------------------------------------------------------------------------- writing

    def _of_writing(self, scene: Scene, chunk: int, attempt: int) -> Iterator[tuple[int, Scene, int]]:
        done = replace(scene, writing=None, written=scene.written + 1)
        busy = any(one.state.chunk is not None for one in scene.crew)
        marks = _BIT["written while others render"] if busy else 0
        yield self._dispatched(done, Written(chunk), f"chunk {chunk} is written", marks)
        if scene.left.losses:
            lost = replace(self._paid(scene, "losses"), writing=None)
            mark = _BIT["rendered again after a loss"]
            yield self._dispatched(lost, FramesLost(chunk, "its node is gone"), f"the frames of chunk {chunk} are lost", mark)

    # ------------------------------------------------------------------------------------------------------ dispatcher

    def _dispatched(self, scene: Scene, event: Any, words: str, marks: int = 0) -> tuple[int, Scene, int]:
        """The dispatcher takes an event."""
        number, outputs = self._step(scene.dispatcher, event)
        before = self._states[scene.dispatcher]
        after = replace(scene, dispatcher=number)
        for output in outputs:
            after, bits = self._does(before, after, output)
            marks |= bits
        return self._words.of(words), after, marks

    def _step(self, number: int, event: Any) -> tuple[int, tuple[Any, ...]]:
        found = self._steps.get((number, event))
        if found is None:
            state, outputs = DISPATCHER.step(self._states[number], event)
            found = self._steps[number, event] = (self._number(state), outputs)
        return found

    def _does(self, before: DispatcherState, scene: Scene, output: Any) -> tuple[Scene, int]:
        state = self._states[scene.dispatcher]
        if isinstance(output, Write):
            if output.chunk != scene.written or scene.writing is not None:
                raise Violated("L2", f"chunk {output.chunk} is to be written after {scene.written} chunks")
            if (output.chunk, output.attempt) not in scene.held:
                raise Violated("L2", f"chunk {output.chunk} is to be written, and nobody has rendered attempt {output.attempt}")
            return replace(scene, writing=(output.chunk, output.attempt)), 0
        if isinstance(output, Drop):
            return scene, 0
        if isinstance(output, Dismiss):
            place = next(n for n, one in enumerate(scene.crew) if one.name == output.renderer)
            return self._dies(scene, place, scene.crew[place], "")[1], _BIT["dismissed"]
        if isinstance(output, Filmed):
            if scene.written != len(self._cuts) or scene.merged != len(self._merges):
                raise Violated("L2", f"the film is finished with {scene.written} of {len(self._cuts)} chunks")
            return scene, _BIT["filmed"]
        if isinstance(output, FilmBroke):
            return scene, 0
        assert isinstance(output, Send)
        message = output.message
        if isinstance(message, ChunkAssigned):
            return self._assigned(scene, output.to[0], message), 0
        if isinstance(message, FilmFailed):
            if state.given_up is None:
                return scene, _BIT["broken for want of renderers"]
            if message.chunk != state.given_up.chunk or message.chunk != self._poisoned:
                raise Violated("L2", f"the film breaks, naming chunk {message.chunk}")
            return scene, _BIT["a chunk was given up, others rendered"]
        if isinstance(message, ChunkWritten) and message.chunk != scene.written - 1:
            raise Violated("L2", f"chunk {message.chunk} counts as written after {scene.written} chunks")
        return scene, 0

    def _assigned(self, scene: Scene, name: str, message: ChunkAssigned) -> Scene:
        cut = self._cuts[message.chunk]
        if (message.first, message.last, message.motion) != (cut.first, cut.last, cut.motion):
            raise Violated("S4", f"chunk {message.chunk} is handed out with another motion than it was cut from")
        place = next((n for n, one in enumerate(scene.crew) if one.name == name), -1)
        if place < 0:
            raise Violated("L2", f"chunk {message.chunk} is handed to {name}, which is gone")
        one = scene.crew[place]
        if not one.alive:
            return scene  # the call fails; that it is dead is heard by and by
        holds = len(one.coming) + (one.state.chunk is not None) + (one.state.queued is not None)
        if holds >= IN_FLIGHT:
            raise Violated("L2", f"{name} is handed chunk {message.chunk} while it holds {holds}")
        return self._placed(scene, place, replace(one, coming=(*one.coming, (message.chunk, message.attempt))))

    @staticmethod
    def _placed(scene: Scene, place: int, one: Crew) -> Scene:
        return replace(scene, crew=(*scene.crew[:place], one, *scene.crew[place + 1 :]))

    @staticmethod
    def _paid(scene: Scene, what: str) -> Scene:
        return replace(scene, left=replace(scene.left, **{what: getattr(scene.left, what) - 1}))

    def _number(self, state: DispatcherState) -> int:
        key = replace(state, cuts=()), len(state.cuts)
        number = self._numbers.setdefault(key, len(self._states))
        if number == len(self._states):
            self._states.append(state)
        return number


def _merges(beats: tuple[int, ...]) -> tuple[Merged, ...]:
    merges, made = [], 0
    for beat, count in enumerate(beats):
        cuts = tuple(Cut(chunk=n, first=4 * n, last=4 * n + 4, motion=f"{n:032x}") for n in range(made, made + count))
        merges.append(Merged(beat=beat, chunks=cuts, ends=beat + 1 == len(beats)))
        made += count
    return tuple(merges)


def _frames(chunk: int) -> str:
    return f"{chunk + 1:032x}"
