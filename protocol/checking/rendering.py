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
from dataclasses import replace
from typing import Any, NamedTuple

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
_BROKEN = "it cannot be painted"

Event = tuple[Any, ...]
"""What a machine is given: a word, and of what."""
Taken = tuple[Event, Any, tuple[Any, ...]]
"""An event, as a word and as the dispatcher's machine gets it, and what that gives out."""


class Crew(NamedTuple):
    """A renderer's place.

    Attributes:
        name: of its process.
        role: the number of what its role remembers.
        coming: chunks and attempts on their way to it, in order.
        going: its answers on their way, by chunk and attempt.
        alive: whether the process is.
        quiet: whether it is taken to be.
    """

    name: str
    role: int = 0
    coming: tuple[tuple[int, int], ...] = ()
    going: frozenset[tuple[int, int, bool]] = frozenset()
    alive: bool = True
    quiet: bool = False


class Spent(NamedTuple):
    """What may still go wrong: see `Rendering`."""

    deaths: int
    failures: int
    losses: int
    silences: int
    repeats: int
    stops: int
    spare: int


class Scene(NamedTuple):
    """A state of the system.

    Attributes:
        dispatcher: the number of its state.
        crew: the renderers' places.
        merged: beats that are committed.
        writing: the chunk that is being written, and its attempt; None if none is.
        held: chunks and attempts whose frames are kept.
        late: answers on their way from processes that are known to be gone, with their names.
        written: how many chunks.
        left: what may still go wrong.
    """

    dispatcher: int
    crew: tuple[Crew, ...]
    merged: int
    writing: tuple[int, int] | None
    held: frozenset[tuple[int, int]]
    late: frozenset[tuple[str, int, int, bool]]
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
        self._states: Numbers[DispatcherState] = Numbers(lambda state: (replace(state, cuts=()), len(state.cuts)))
        self._roles: Numbers[RendererState] = Numbers(
            lambda state: (state.phase, *((c.chunk, c.attempt) if c else () for c in (state.chunk, state.queued)))
        )
        self._steps: dict[tuple[int, Event], tuple[int, tuple[Any, ...]]] = {}
        self._parts: dict[tuple[int, Event], int] = {}
        self._words: Numbers[str] = Numbers()
        self._idle = self._roles.of(RendererState())
        self._taken: list[Taken] | None = None

    def first(self) -> Scene:
        """Nobody has joined, nothing is committed."""
        crew = tuple(Crew(f"renderer-{n + 1}", self._idle) for n in range(self._workers))
        scene = Scene(self._states.of(DispatcherState()), crew, 0, None, frozenset(), frozenset(), 0, self._left)
        for each in crew:
            (_, scene, _) = self._dispatched(scene, ("ready", each.name), "")
        return scene

    def successors(self, scene: Scene) -> Iterator[tuple[int, Scene, int]]:
        """Everything that may happen next."""
        if self._states[scene.dispatcher].phase == "closed":
            return
        if scene.merged < len(self._merges):
            words = f"beat {self._merges[scene.merged].beat} is merged"
            yield self._dispatched(scene._replace(merged=scene.merged + 1), ("merged", scene.merged), words)
        for place, one in enumerate(scene.crew):
            yield from self._of_renderer(scene, place, one)
        for name, chunk, attempt, right in scene.late:
            after = scene._replace(late=scene.late - {(name, chunk, attempt, right)})
            mark = _BIT["an answer came after its renderer was replaced"]
            yield self._heard(after, name, (chunk, attempt, right), mark, ", although it is gone")
        if scene.writing is not None:
            yield from self._of_writing(scene, *scene.writing)
        if scene.left.stops:
            yield self._dispatched(self._paid(scene, "stops"), ("close",), "the take is stopped", _BIT["closed early"])
        if not scene.crew:
            yield self._dispatched(scene, ("unable",), "there is nobody to render")

    def opened(self) -> tuple[Scene, list[Taken]]:
        """The first state, and what the dispatcher was given by then."""
        taken: list[Taken] = []
        self._taken = taken
        try:
            return self.first(), taken
        finally:
            self._taken = None

    def follow(self, scene: Scene, action: int) -> tuple[Scene, list[Taken]]:
        """Go one step, and see what the dispatcher was given and what it made of that.

        Raises:
            Violated: it breaks what must hold; its `records` are what the dispatcher had taken by then.
        """
        taken: list[Taken] = []
        self._taken = taken
        try:
            for each, after, _ in self.successors(scene):
                if each == action:
                    return after, taken
                taken.clear()
        except Violated as error:
            raise Violated(error.name, error.text, error.action, tuple(taken)) from None
        finally:
            self._taken = None
        raise ValueError(f"{self.say(action)}: cannot happen here")

    @property
    def beats(self) -> int:
        """How many beats are rendered."""
        return len(self._merges)

    def check_end(self, scene: Scene) -> int:
        """The film is closed."""
        state = self._states[scene.dispatcher]
        if state.phase != "closed":
            raise Violated("L1", f"nothing can happen any more, and the film is still {state.phase}")
        return 0

    def say(self, action: int) -> str:
        """An action in words."""
        return self._words[action]

    def left(self, scene: Scene) -> Spent:
        """What may still go wrong."""
        return scene.left._replace(spare=0)

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
        if self._roles[one.role].chunk is not None:
            yield from self._ends(scene, place, one)
        if scene.left.deaths:
            yield self._dies(self._paid(scene, "deaths"), place, one, f"{one.name} dies")
        if one.quiet:
            back = self._placed(scene, place, one._replace(quiet=False))
            yield self._dispatched(back, ("ready", one.name), f"{one.name} is back", _BIT["quiet, and back"])
        elif scene.left.silences:
            hushed = self._placed(self._paid(scene, "silences"), place, one._replace(quiet=True))
            yield self._dispatched(hushed, ("quiet", one.name), f"{one.name} falls silent")

    def _begins(self, scene: Scene, place: int, one: Crew, asked: tuple[int, int]) -> tuple[int, Scene, int]:
        action = self._words.of(f"{one.name} gets chunk {asked[0]} (attempt {asked[1]})")
        try:
            role = self._played(one.role, ("gets", *asked))
        except PeerError as error:
            raise Violated("L2", f"{one.name} is handed chunk {asked[0]}, and: {error}", action) from None
        return action, self._placed(scene, place, one._replace(role=role, coming=one.coming[1:])), 0

    def _ends(self, scene: Scene, place: int, one: Crew) -> Iterator[tuple[int, Scene, int]]:
        works = self._roles[one.role].chunk
        assert works is not None
        chunk, attempt = works.chunk, works.attempt
        if chunk == self._poisoned and self._kills:
            yield self._dies(scene, place, one, f"{one.name} dies of chunk {chunk}")
            return
        if chunk != self._poisoned:
            role = self._played(one.role, ("rendered", chunk, attempt))
            after = one._replace(role=role, going=one.going | {(chunk, attempt, True)})
            yield self._words.of(f"{one.name} has rendered chunk {chunk}"), self._placed(scene, place, after), 0
        if chunk == self._poisoned or scene.left.failures:
            role = self._played(one.role, ("broke", chunk, attempt))
            after = one._replace(role=role, going=one.going | {(chunk, attempt, False)})
            paid = scene if chunk == self._poisoned else self._paid(scene, "failures")
            yield self._words.of(f"{one.name} cannot render chunk {chunk}"), self._placed(paid, place, after), 0

    def _played(self, role: int, event: Event) -> int:
        """What a renderer's machine makes of an event."""
        found = self._parts.get((role, event))
        if found is None:
            word, chunk, attempt = event
            if word == "gets":
                cut = self._cuts[chunk]
                assigned = ChunkAssigned(chunk=chunk, first=cut.first, last=cut.last, motion=cut.motion, attempt=attempt)
                state, _ = RENDERER.step(self._roles[role], Received(assigned))
            elif word == "rendered":
                state, _ = RENDERER.step(self._roles[role], Rendered(chunk, attempt, _frames(chunk)))
            else:
                state, _ = RENDERER.step(self._roles[role], RenderBroke(chunk, attempt, _BROKEN))
            found = self._parts[role, event] = self._roles.of(state)
        return found

    def _dies(self, scene: Scene, place: int, one: Crew, words: str) -> tuple[int, Scene, int]:
        """What it has said may still arrive; what it held is lost."""
        dead = Crew(one.name, self._idle, going=one.going, alive=False)
        return self._words.of(words), self._placed(scene, place, dead), 0

    def _replaced(self, scene: Scene, place: int, one: Crew) -> tuple[int, Scene, int]:
        """It is heard that it is dead; another process joins, if there is one."""
        held = self._states[scene.dispatcher].renderer(one.name)
        marks = _BIT["rendered again after a death"] if held is not None and held.holds else 0
        without = scene._replace(
            crew=(*scene.crew[:place], *scene.crew[place + 1 :]),
            late=scene.late | {(one.name, *answer) for answer in one.going},
        )
        (action, after, more) = self._dispatched(without, ("gone", one.name), f"{one.name} is gone")
        if not scene.left.spare:
            return action, after, marks | more
        used = self._workers + self._left.spare - scene.left.spare + 1
        fresh = Crew(f"renderer-{used}", self._idle)
        joined = self._paid(after, "spare")._replace(crew=(*after.crew, fresh))
        (_, joined, extra) = self._dispatched(joined, ("ready", fresh.name), "")
        return action, joined, marks | more | extra

    def _answers(
        self, scene: Scene, place: int, one: Crew, answer: tuple[int, int, bool], *, stays: bool
    ) -> tuple[int, Scene, int]:
        if stays:
            return self._heard(scene, one.name, answer, _BIT["an answer came twice"], ", and will again")
        return self._heard(self._placed(scene, place, one._replace(going=one.going - {answer})), one.name, answer)

    def _heard(
        self, scene: Scene, name: str, answer: tuple[int, int, bool], marks: int = 0, again: str = ""
    ) -> tuple[int, Scene, int]:
        """An answer reaches the dispatcher."""
        chunk, attempt, right = answer
        if right:
            scene = scene._replace(held=scene.held | {(chunk, attempt)})
        else:
            marks |= _BIT["rendered again after a failure"]
        what = f"chunk {chunk} (attempt {attempt}) {'is rendered' if right else 'failed'}"
        return self._dispatched(
            scene, ("answer", *answer, name), f"the coordinator hears from {name} that {what}{again}", marks
        )

    # --------------------------------------------------------------------------------------------------------- writing

    def _of_writing(self, scene: Scene, chunk: int, attempt: int) -> Iterator[tuple[int, Scene, int]]:
        done = scene._replace(writing=None, written=scene.written + 1)
        busy = any(self._roles[one.role].chunk is not None for one in scene.crew)
        marks = _BIT["written while others render"] if busy else 0
        yield self._dispatched(done, ("written", chunk), f"chunk {chunk} is written", marks)
        if scene.left.losses:
            lost = self._paid(scene, "losses")._replace(writing=None)
            mark = _BIT["rendered again after a loss"]
            yield self._dispatched(lost, ("lost", chunk), f"the frames of chunk {chunk} are lost", mark)

    # ------------------------------------------------------------------------------------------------------ dispatcher

    def _dispatched(self, scene: Scene, event: Event, words: str, marks: int = 0) -> tuple[int, Scene, int]:
        """The dispatcher takes an event."""
        found = self._steps.get((scene.dispatcher, event))
        if found is None:
            state, outputs = DISPATCHER.step(self._states[scene.dispatcher], self._event(event))
            found = self._steps[scene.dispatcher, event] = (self._states.of(state), outputs)
        after = scene._replace(dispatcher=found[0])
        if self._taken is not None:
            self._taken.append((event, self._event(event), found[1]))
        action = self._words.of(words)
        try:
            for output in found[1]:
                after, bits = self._does(after, output)
                marks |= bits
        except Violated as error:
            raise Violated(error.name, error.text, action) from None
        return action, after, marks

    def _event(self, event: Event) -> Any:
        """What the dispatcher is given."""
        match event:
            case ("merged", int(beat)):
                return Merge(self._merges[beat])
            case ("answer", int(chunk), int(attempt), True, _):
                return Received(ChunkRendered(chunk=chunk, attempt=attempt, frames=_frames(chunk)))
            case ("answer", int(chunk), int(attempt), False, _):
                return Received(ChunkFailed(chunk=chunk, attempt=attempt, error=_BROKEN))
            case ("written", int(chunk)):
                return Written(chunk)
            case ("lost", int(chunk)):
                return FramesLost(chunk, "its node is gone")
            case ("ready", str(name)):
                return Ready(name)
            case ("quiet", str(name)):
                return Quiet(name, "no answer")
            case ("gone", str(name)):
                return Gone(name, "it died")
            case ("unable",):
                return Unable("there is nobody to render")
            case ("close",):
                return Close()
        raise AssertionError(event)

    def _does(self, scene: Scene, output: Any) -> tuple[Scene, int]:
        state = self._states[scene.dispatcher]
        if isinstance(output, Write):
            if output.chunk != scene.written or scene.writing is not None:
                raise Violated("L2", f"chunk {output.chunk} is to be written after {scene.written} chunks")
            if (output.chunk, output.attempt) not in scene.held:
                raise Violated("L2", f"chunk {output.chunk} is to be written, and nobody has rendered attempt {output.attempt}")
            return scene._replace(writing=(output.chunk, output.attempt)), 0
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
        role = self._roles[one.role]
        holds = len(one.coming) + (role.chunk is not None) + (role.queued is not None)
        if holds >= IN_FLIGHT:
            raise Violated("L2", f"{name} is handed chunk {message.chunk} while it holds {holds}")
        return self._placed(scene, place, one._replace(coming=(*one.coming, (message.chunk, message.attempt))))

    @staticmethod
    def _placed(scene: Scene, place: int, one: Crew) -> Scene:
        return scene._replace(crew=(*scene.crew[:place], one, *scene.crew[place + 1 :]))

    @staticmethod
    def _paid(scene: Scene, what: str) -> Scene:
        return scene._replace(left=scene.left._replace(**{what: getattr(scene.left, what) - 1}))


def _merges(beats: tuple[int, ...]) -> tuple[Merged, ...]:
    merges, made = [], 0
    for beat, count in enumerate(beats):
        cuts = tuple(Cut(chunk=n, first=4 * n, last=4 * n + 4, motion=f"{n:032x}") for n in range(made, made + count))
        merges.append(Merged(beat=beat, chunks=cuts, ends=beat + 1 == len(beats)))
        made += count
    return tuple(merges)


def _frames(chunk: int) -> str:
    return f"{chunk + 1:032x}"
