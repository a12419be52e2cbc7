"""Films at random: every chunk is written once, in order, or named, whatever happens to those who render.

Renderers answer, fail, die, fall silent and come back; frames get lost; there are chunks that nobody can render; answers come
twice or late. Beside the dispatcher runs a model of them that knows no more than what the dispatcher gave out.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from protocol.dispatch import (
    ATTEMPTS,
    LOSSES,
    Dismiss,
    Drop,
    FilmBroke,
    Filmed,
    FramesLost,
    Gone,
    Merge,
    Quiet,
    Ready,
    Write,
    Written,
)
from protocol.dispatcher_state import AHEAD, IN_FLIGHT, SPARE, DispatcherState
from protocol.machine import Received, Send
from protocol.messages import (
    ChunkAssigned,
    ChunkFailed,
    ChunkLost,
    ChunkRendered,
    ChunkWritten,
    FilmFailed,
    Merged,
    Message,
    RendererChanged,
)
from tests.dispatching import Film, digest_of, handed, merged

Assignment = tuple[int, int]


class Model:
    """Renderers and a host, played from what the dispatcher gives out; each step is checked against what must hold.

    Args:
        beats: how many chunks each beat has.
        poison: chunks that nobody can render, and whether they kill the renderer that tries.
    """

    def __init__(self, beats: Sequence[int], poison: Mapping[int, bool]) -> None:
        self.film = Film()
        self.poison = poison
        self.beats = list(beats)
        self.cut = 0
        self.journal: list[Message] = []
        self.processes: dict[str, list[Assignment]] = {}
        """What each renderer that lives has in its queue, in the order in which it came."""
        self.able: set[str] = set()
        self.dismissed: set[str] = set()
        self.joined = 0
        self.attempts: dict[int, int] = {}
        self.current: dict[int, tuple[int, str]] = {}
        self.strikes: dict[int, int] = {}
        self.losses: dict[int, int] = {}
        self.waits: dict[int, int] = {}
        """Chunks that are rendered, with the attempt."""
        self.written: list[int] = []
        self.writing: int | None = None
        self.answered: list[Message] = []
        self.ended: list[Any] = []

    def given_up(self) -> list[int]:
        """Chunks with three strikes."""
        return sorted(chunk for chunk, strikes in self.strikes.items() if strikes == ATTEMPTS)

    def feed(self, event: Any) -> None:
        """One step of the dispatcher, all that it gives out, and what must hold of that."""
        if isinstance(event, Received):
            self.journal.append(event.message)
        outputs = self.film(event)
        for output in outputs:
            if isinstance(output, Send):
                self.journal.append(output.message)
                if isinstance(output.message, ChunkAssigned):
                    self.assign(output.to, output.message)
            elif isinstance(output, Write):
                assert self.writing is None, "one chunk is written at a time"
                assert output.chunk == len(self.written)
                assert self.waits[output.chunk] == output.attempt
                self.writing = output.chunk
            elif isinstance(output, Drop):
                assert self.waits.pop(output.chunk) == output.attempt
                assert self.given_up()[0] < output.chunk
            elif isinstance(output, Dismiss):
                self.able.discard(output.renderer)
                self.dismissed.add(output.renderer)
                self.current = {chunk: held for chunk, held in self.current.items() if held[1] != output.renderer}
            else:
                self.ended.append(output)
        lowest = min(self.given_up(), default=self.cut)
        later = [chunk for _, chunk, _ in handed(outputs) if len(self.written) < chunk < lowest]
        if later:
            unwritten = sum(chunk < lowest for chunk in (*self.current, *self.waits))
            assert unwritten <= AHEAD * len(self.able) + SPARE
        for one in self.film.state.renderers:
            assert list(one.holds) == [c for c, a in self.processes[one.name] if self.current.get(c) == (a, one.name)]
            assert len(one.holds) <= IN_FLIGHT

    def assign(self, to: tuple[str, ...], assigned: ChunkAssigned) -> None:
        """A chunk is handed to a renderer."""
        (renderer,) = to
        chunk, attempt = assigned.chunk, assigned.attempt
        assert renderer in self.able, "only who is ready is given work"
        assert attempt == self.attempts.get(chunk, 0) + 1
        assert chunk not in self.current
        assert chunk not in self.waits
        assert chunk not in self.written
        assert self.strikes.get(chunk, 0) < ATTEMPTS
        self.attempts[chunk] = attempt
        self.current[chunk] = (attempt, renderer)
        self.processes[renderer].append((chunk, attempt))

    # What may happen; `pick` chooses among whom it may happen to.

    def merge(self, pick: int) -> None:
        """The next beat is committed."""
        if self.beats:
            count = self.beats.pop(0)
            self.cut += count
            self.feed(merged(count, self.cut - count, ends=not self.beats))

    def join(self, pick: int) -> None:
        """Another renderer starts."""
        self.joined += 1
        name = f"renderer-{self.joined}"
        self.processes[name] = []
        self.able.add(name)
        self.feed(Ready(name))

    def answer(self, pick: int, *, fails: bool = False) -> None:
        """A renderer is done with the first in its queue."""
        busy = [name for name, queue in self.processes.items() if queue]
        if not busy:
            return
        name = busy[pick % len(busy)]
        if self.poison.get(self.processes[name][0][0], False):
            self.kill(name)
            return
        chunk, attempt = self.processes[name].pop(0)
        fails = fails or chunk in self.poison
        if self.current.get(chunk) == (attempt, name):
            del self.current[chunk]
            if fails:
                self.strikes[chunk] = self.strikes.get(chunk, 0) + 1
            else:
                self.waits[chunk] = attempt
        answer: Message
        if fails:
            answer = ChunkFailed(chunk=chunk, attempt=attempt, error="no memory")
        else:
            answer = ChunkRendered(chunk=chunk, attempt=attempt, frames=digest_of(chunk))
        self.answered.append(answer)
        self.feed(Received(answer))

    def fail(self, pick: int) -> None:
        """A renderer fails on the first in its queue."""
        self.answer(pick, fails=True)

    def repeat(self, pick: int) -> None:
        """An answer comes again."""
        if self.answered:
            before = self.film.state
            self.feed(Received(self.answered[pick % len(self.answered)]))
            assert self.film.state is before

    def die(self, pick: int) -> None:
        """Some renderer dies."""
        if self.processes:
            self.kill(sorted(self.processes)[pick % len(self.processes)])

    def kill(self, name: str) -> None:
        """A renderer dies; only what it worked on has a strike."""
        held = [chunk for chunk, attempt in self.processes[name] if self.current.get(chunk) == (attempt, name)]
        if held:
            self.strikes[held[0]] = self.strikes.get(held[0], 0) + 1
        self.current = {chunk: held for chunk, held in self.current.items() if held[1] != name}
        self.able.discard(name)
        # Kept until after the step, which must not give it anything.
        self.feed(Gone(name, "killed"))
        del self.processes[name]
        self.dismissed.discard(name)

    def hush(self, pick: int) -> None:
        """A renderer falls silent."""
        if self.able:
            name = sorted(self.able)[pick % len(self.able)]
            self.able.discard(name)
            self.feed(Quiet(name, "no answer"))

    def wake(self, pick: int) -> None:
        """One that fell silent is back."""
        silent = sorted(set(self.processes) - self.able - self.dismissed)
        if silent:
            name = silent[pick % len(silent)]
            self.able.add(name)
            self.feed(Ready(name))

    def write(self, pick: int) -> None:
        """What is to be written is written."""
        if self.writing is not None:
            chunk, self.writing = self.writing, None
            del self.waits[chunk]
            self.written.append(chunk)
            self.feed(Written(chunk))

    def lose(self, pick: int) -> None:
        """Frames that wait to be written are lost."""
        if self.waits:
            chunk = sorted(self.waits)[pick % len(self.waits)]
            del self.waits[chunk]
            if self.writing == chunk:
                self.writing = None
            self.losses[chunk] = self.losses.get(chunk, 0) + 1
            self.feed(FramesLost(chunk, "its node is gone"))

    def finish(self) -> None:
        """From now on all goes as well as it can: the film must come to its end by itself."""
        while self.beats:
            self.merge(0)
        self.join(0)
        while not self.ended:
            for name in sorted(self.dismissed):
                self.kill(name)
            if not self.able and not self.ended:
                self.join(0)
            before = len(self.film.taken)
            self.write(0)
            if not self.ended:
                self.answer(0)
            assert self.ended or len(self.film.taken) > before, "nothing is left to happen, and the film has not ended"

    def replayed(self) -> DispatcherState:
        """The state to which the journal alone leads."""
        again = Film()
        for message in self.journal:
            event = told_by(message)
            if event is not None:
                again(event)
        return again.state


def told_by(message: Message) -> Any:
    """The event behind a message in the journal; None for one that the dispatcher sends by itself."""
    match message:
        case ChunkRendered() | ChunkFailed():
            return Received(message)
        case Merged():
            return Merge(message)
        case RendererChanged(to="ready"):
            return Ready(message.renderer)
        case RendererChanged(to="quiet"):
            return Quiet(message.renderer, message.reason)
        case RendererChanged():
            return Gone(message.renderer, message.reason)
        case ChunkWritten():
            return Written(message.chunk)
        case ChunkLost():
            return FramesLost(message.chunk, message.reason)
        case _:
            return None


INCIDENTS = ("merge", "join", "answer", "answer", "answer", "write", "write", "fail", "repeat", "die", "hush", "wake", "lose")


@given(
    beats=st.lists(st.integers(0, 12), min_size=1, max_size=4),
    poison=st.dictionaries(st.integers(0, 15), st.booleans(), max_size=4),
    incidents=st.lists(st.tuples(st.sampled_from(INCIDENTS), st.integers(0, 1000)), max_size=120),
)
def test_whatever_happens_every_chunk_is_written_once_in_order_or_named(beats, poison, incidents):
    model = Model(beats, poison)
    model.merge(0)
    model.join(0)
    for incident, pick in incidents:
        if not model.ended:
            getattr(model, incident)(pick)
            assert model.replayed() == model.film.state
    if not model.ended:
        model.finish()

    given_up = model.given_up()
    assert model.film.state.phase == "closed"
    assert model.replayed() == model.film.state
    lost = [chunk for chunk, losses in model.losses.items() if losses == LOSSES]
    if lost:
        (failed,) = [message for message in model.journal if isinstance(message, FilmFailed)]
        assert [failed.chunk] == lost
        assert f"rendered {LOSSES} times and could not be fetched" in failed.error
        assert model.ended == [FilmBroke(failed.error)]
        return
    assert set(given_up) >= {chunk for chunk in poison if chunk < model.cut}
    if given_up:
        assert model.written == list(range(given_up[0]))
        (failed,) = [message for message in model.journal if isinstance(message, FilmFailed)]
        assert failed.chunk == given_up[0]
        assert model.ended == [FilmBroke(failed.error)]
        assert set(model.attempts) == set(range(model.cut)), "the others are rendered all the same"
    else:
        assert model.written == list(range(model.cut))
        assert model.ended == [Filmed()]


@given(
    chunks=st.integers(1, 40),
    renderers=st.integers(2, 6),
    deaths=st.lists(st.tuples(st.integers(0, 80), st.integers(0, 5)), max_size=5),
)
def test_each_death_costs_one_chunk_that_was_begun_at_most(chunks, renderers, deaths):
    model = Model([chunks], {})
    for _ in range(renderers):
        model.join(0)
    model.merge(0)
    begun = 0
    when = dict(deaths)
    for turn in range(200):
        if turn in when and len(model.able) > 1 and not model.ended:
            model.die(when[turn])
        if not model.ended:
            model.write(0)
        if not model.ended and any(model.processes.values()):
            begun += 1
            model.answer(turn)

    assert model.written == list(range(chunks))
    assert begun == chunks, "what was finished is never rendered again"
    assert sum(model.strikes.values()) <= len(when)
