"""The dispatcher: a machine that hands chunks of frames to renderers and has them written in their order.

It is a part of the coordinator: what it sends is sent by the coordinator and in the journal before it takes effect. Everything
that changes its state is a message that was received, or shows as one that is sent because of it; so its state is a fold of the
journal, too. The rules that it keeps:

- A renderer holds IN_FLIGHT chunks at most: the one that it works on, and one behind it, so that it need not wait for the next.
  One that is quiet gets none; what it holds stays with it until it is gone.
- The lowest chunk that waits is handed out first, to the renderer that holds the fewest, among equals to the one that joined
  first. A chunk that has failed goes to a renderer that it did not fail on, if one has room; the same holds for one whose
  frames were lost, since those of others may well arrive.
- A chunk that a renderer held when it ended is a *suspect*: it goes to a renderer that holds nothing, and nothing is queued
  behind it. Who ended it then is certain, even if an answer was lost with it.
- Each time that a chunk is handed out is an *attempt*, counted from 1. An answer counts under the chunk's latest attempt only
  and once; all others are without effect.
- A chunk that failed, or that a renderer worked on when it ended, has a *strike*. With ATTEMPTS strikes it is given up. The
  others are rendered all the same, so that the verdict can say how many cannot be; those after it are dropped, for a
  video has no gaps.
- A chunk whose frames were lost after it was rendered waits again, and that is no strike: nodes go away. If it happens LOSSES
  times, the video cannot be finished, and nothing more is rendered: the fault is in the way that all frames take.
- What breaks the video after a chunk was given up is told after that, since it often comes of it.
- A renderer that failed FAILURES times in a row is dismissed. What is queued with it goes to others at once.
- The host writes one chunk at a time, each once, in order. Chunks that are handed out or rendered but not yet
  written are bounded (`DispatcherState.window`), so memory does not grow with the length of the take; the chunk that is to be
  written next is exempt, or nothing would ever go on.

A step takes time in proportion to the renderers, whatever the length of the take: of chunks that never were handed out only
the lowest number is remembered, and of those that are done nothing.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Literal

from protocol.dispatcher_events import (
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
from protocol.dispatcher_state import IN_FLIGHT, DispatcherState, Renderer, Work, by_chunk, find, put, rank, take
from protocol.machine import Event, LocalError, Machine, Output, Received, Row, Send
from protocol.messages import (
    ChunkAssigned,
    ChunkFailed,
    ChunkLost,
    ChunkRendered,
    ChunkWritten,
    Cut,
    FilmFailed,
    RendererChanged,
)

__all__ = [
    "ATTEMPTS",
    "DISPATCHER",
    "FAILURES",
    "LOSSES",
    "Close",
    "Dismiss",
    "Drop",
    "FilmBroke",
    "Filmed",
    "FramesLost",
    "Gone",
    "Merge",
    "Quiet",
    "Ready",
    "Unable",
    "Write",
    "Written",
]

ATTEMPTS = 3
"""Strikes with which a chunk is given up."""

LOSSES = 5
"""Times that the frames of one chunk are lost with which the video cannot be finished."""

FAILURES = 3
"""Failures in a row with which a renderer is dismissed."""

MAX_TEXT = 400
"""The most characters of an error in a message."""

State = DispatcherState
Result = tuple[State, Sequence[Output]]

# ------------------------------------------------------------------------------------------- what follows each event


def _go_on(state: State, *before: Output) -> Result:
    """What the state calls for now, after what an event has already given."""
    outputs = list(before)
    if not state.writing and state.rendered and state.rendered[0].chunk == state.next:
        state = replace(state, writing=True)
        outputs.append(Write(state.next, state.rendered[0].attempt))
    state, handed = _hand_out(state)
    if state.phase != "ending" or state.left:
        return state, (*outputs, *handed)
    if state.given_up is None:
        return replace(state, phase="closed"), (*outputs, Filmed())
    return _break(state, state.given_up.chunk, _verdict(state, state.given_up), *outputs)


def _hand_out(state: State) -> Result:
    """Give chunks to renderers until none waits, none has room, or as many as may be are on their way."""
    if not state.returned and state.fresh == len(state.cuts):
        return state, ()
    room = [
        (len(one.holds), place)
        for place, one in enumerate(state.renderers)
        if one.standing == "ready" and len(one.holds) < IN_FLIGHT and not one.alone
    ]
    if not room:
        return state, ()
    allowed = state.window - state.unwritten
    renderers, assigned, returned, fresh = list(state.renderers), list(state.assigned), list(state.returned), state.fresh
    outputs: list[Output] = []
    while room and (returned or fresh < len(state.cuts)):
        # What never was handed out comes after all that was.
        work = returned[0] if returned else Work(fresh, 0, "")
        if allowed <= 0 and work.chunk != state.next and state.writable(work.chunk):
            break
        usable = [one for one in room if one[0] == 0] if work.suspect else room
        if not usable:
            break  # those after it wait, too, or no renderer would ever be free
        chosen = min((one for one in usable if renderers[one[1]].name not in work.failed), default=None) or min(usable)
        room.remove(chosen)
        load, place = chosen
        if load + 1 < IN_FLIGHT and not work.suspect:
            room.append((load + 1, place))
        if returned:
            returned.pop(0)
        else:
            fresh += 1
        allowed -= 1
        renderer = renderers[place]
        renderers[place] = replace(renderer, holds=(*renderer.holds, work.chunk), alone=work.suspect)
        work = replace(work, attempt=work.attempt + 1, renderer=renderer.name, frames="")
        insort(assigned, work, key=by_chunk)
        outputs.append(Send((renderer.name,), _assignment(state.cuts[work.chunk], work.attempt)))
    if not outputs:
        return state, ()
    after = replace(state, renderers=tuple(renderers), assigned=tuple(assigned), returned=tuple(returned), fresh=fresh)
    return after, outputs


def _assignment(cut: Cut, attempt: int) -> ChunkAssigned:
    return ChunkAssigned(chunk=cut.chunk, first=cut.first, last=cut.last, motion=cut.motion, attempt=attempt)


def _verdict(state: State, lowest: Work, room: int = MAX_TEXT) -> str:
    """What to say of the lowest chunk that was given up, in so many characters."""
    cut = state.cuts[lowest.chunk]
    before, after = f"frames {cut.first} to {cut.last - 1} ", ""
    if lowest.losses < LOSSES:
        before, after = before + "could not be rendered: ", f" (tried {ATTEMPTS} times)"
    else:
        before += f"were rendered {LOSSES} times and could not be fetched: "
    if state.others:
        chunks = "chunk" if state.others == 1 else "chunks"
        after += f"; {state.others} other {chunks} could not be rendered either"
    return before + lowest.error[: room - len(before) - len(after)] + after


def _break(state: State, chunk: int | None, error: str, *before: Output) -> Result:
    failed = Send((), FilmFailed(chunk=chunk, error=error))
    return replace(state, phase="closed"), (*before, failed, FilmBroke(error))


# --------------------------------------------------------------------------------------------------------- the beats


def _merge(state: State, event: Merge) -> Result:
    merged = event.merged
    frame = state.cuts[-1].last if state.cuts else 0
    for number, cut in enumerate(merged.chunks, len(state.cuts)):
        if cut.chunk != number or cut.first != frame or cut.last <= frame:
            found = f"chunk {cut.chunk} of frames {cut.first} to {cut.last - 1}"
            raise LocalError(f"dispatcher: beat {merged.beat} has {found} where chunk {number} from frame {frame} is due")
        frame = cut.last
    after = replace(state, phase="ending" if merged.ends else "open", cuts=state.cuts + merged.chunks)
    return _go_on(after, Send((), merged))


# ----------------------------------------------------------------------------------------------------- the renderers


def _changed(renderer: str, to: Literal["ready", "quiet", "gone"], reason: str) -> Send:
    return Send((), RendererChanged(renderer=renderer, to=to, reason=reason[:MAX_TEXT]))


def _welcome(state: State, event: Ready) -> Result:
    known = state.renderer(event.renderer)
    if known is None:
        after = replace(state, renderers=(*state.renderers, Renderer(event.renderer)))
    else:
        after = state.with_renderer(replace(known, standing="ready"))
    return _go_on(after, _changed(event.renderer, "ready", ""))


def _hush(state: State, event: Quiet) -> Result:
    known = state.renderer(event.renderer)
    assert known is not None
    return state.with_renderer(replace(known, standing="quiet")), (_changed(event.renderer, "quiet", event.reason),)


def _lose(state: State, event: Gone) -> Result:
    renderer = state.renderer(event.renderer)
    assert renderer is not None
    after = _take_back(state, renderer.holds[1:], suspect=True)
    after = replace(after, renderers=tuple(one for one in after.renderers if one.name != event.renderer))
    outputs: Sequence[Output] = ()
    if renderer.holds:
        work, assigned = take(after.assigned, renderer.holds[0])
        suspect = replace(work, suspect=True)
        after, outputs = _strike(replace(after, assigned=assigned), suspect, f"the renderer ended: {event.reason}"[:MAX_TEXT])
    return _go_on(after, _changed(event.renderer, "gone", event.reason), *outputs)


def _take_back(state: State, chunks: Sequence[int], *, suspect: bool = False) -> State:
    """The state in which assigned chunks wait again; what their renderer holds is the caller's to change."""
    for chunk in chunks:
        work, assigned = take(state.assigned, chunk)
        work = replace(work, suspect=work.suspect or suspect)
        state = replace(state, assigned=assigned, returned=put(state.returned, work))
    return state


def _strike(state: State, work: Work, error: str) -> Result:
    """A strike for a chunk that was assigned: it waits again, or is given up and all rendered after it dropped."""
    struck = replace(work, strikes=work.strikes + 1, failed=(*work.failed, work.renderer), error=error)
    if struck.strikes < ATTEMPTS:
        return replace(state, returned=put(state.returned, struck)), ()
    others = state.others + (state.given_up is not None)
    if not state.writable(work.chunk):
        return replace(state, others=others), ()
    kept = rank(state.rendered, work.chunk)
    dropped = tuple(Drop(one.chunk, one.attempt) for one in state.rendered[kept:])
    return replace(state, given_up=struck, others=others, rendered=state.rendered[:kept]), dropped


# -------------------------------------------------------------------------------------------------------- the chunks


def _release(state: State, chunk: int, *, failed: bool) -> tuple[Work, Renderer, State]:
    """An assigned chunk, its renderer without it, and the state in which it is no longer assigned."""
    work, assigned = take(state.assigned, chunk)
    renderer = state.renderer(work.renderer)
    assert renderer is not None
    holds = tuple(held for held in renderer.holds if held != chunk)
    renderer = replace(renderer, holds=holds, alone=False, failures=renderer.failures + 1 if failed else 0)
    return work, renderer, replace(state.with_renderer(renderer), assigned=assigned)


def _keep(state: State, event: Received) -> Result:
    message = event.message
    assert isinstance(message, ChunkRendered)
    work, _, after = _release(state, message.chunk, failed=False)
    if not state.writable(work.chunk):
        return _go_on(after, Drop(work.chunk, work.attempt))
    return _go_on(replace(after, rendered=put(after.rendered, replace(work, frames=message.frames, suspect=False))))


def _fail(state: State, event: Received) -> Result:
    message = event.message
    assert isinstance(message, ChunkFailed)
    work, renderer, after = _release(state, message.chunk, failed=True)
    after, outputs = _strike(after, work, message.error)
    if renderer.failures < FAILURES:
        return _go_on(after, *outputs)
    # It is ended because of what it did before, so what is queued with it is not to blame.
    after = _take_back(after, renderer.holds).with_renderer(replace(renderer, standing="dismissed", holds=()))
    reason = f"it failed {FAILURES} times in a row, at last with: {message.error}"[:MAX_TEXT]
    return _go_on(after, *outputs, Dismiss(renderer.name, reason))


def _note_written(state: State, event: Written) -> Result:
    done = state.rendered[0]
    after = replace(state, rendered=state.rendered[1:], next=state.next + 1, writing=False)
    return _go_on(after, Send((), ChunkWritten(chunk=event.chunk, frames=done.frames)))


def _note_lost(state: State, event: FramesLost) -> Result:
    work, rendered = take(state.rendered, event.chunk)
    lost = ChunkLost(chunk=event.chunk, attempt=work.attempt, reason=event.reason[:MAX_TEXT])
    work = replace(work, frames="", losses=work.losses + 1, failed=(*work.failed, work.renderer), error=lost.reason)
    if work.losses == LOSSES:
        others = state.others + (state.given_up is not None)
        after = replace(state, rendered=rendered, writing=False, given_up=work, others=others)
        return _break(after, work.chunk, _verdict(after, work), Send((), lost))
    writing = state.writing and event.chunk != state.next
    after = replace(state, rendered=rendered, returned=put(state.returned, work), writing=writing)
    return _go_on(after, Send((), lost))


# ----------------------------------------------------------------------------------------------------------- the end


def _give_up(state: State, event: Unable) -> Result:
    if state.given_up is None:
        return _break(state, None, event.reason[:MAX_TEXT])
    before = _verdict(state, state.given_up, MAX_TEXT // 2) + ". After that: "
    # Whoever replays a journal reads the reason off the message that is sent here: there it is told already.
    error = event.reason if event.reason.startswith(before) else before + event.reason
    return _break(state, state.given_up.chunk, error[:MAX_TEXT])


def _close(state: State, event: Close) -> Result:
    return replace(state, phase="closed"), ()


def _ignore(state: State, event: Event) -> Result:
    return state, ()


# -------------------------------------------------------------------------------------------------------- conditions

Test = Callable[[State, Any], bool]


def _over(*, complete: bool) -> Test:
    """Whether a beat is the last and nothing is left; and then whether no chunk was given up."""

    def test(state: State, event: Merge) -> bool:
        over = event.merged.ends and not event.merged.chunks and not state.left
        return over and (state.given_up is None) == complete

    return test


def _no_news(*standings: str, known: bool = False) -> Test:
    """Whether a renderer has one of these standings already or, where only a known one matters, is not known."""

    def test(state: State, event: Ready | Quiet | Gone) -> bool:
        renderer = state.renderer(event.renderer)
        return known if renderer is None else renderer.standing in standings

    return test


def _unasked(state: State, event: Received) -> bool:
    assert isinstance(event.message, (ChunkRendered, ChunkFailed))
    work = find(state.assigned, event.message.chunk)
    return work is None or work.attempt != event.message.attempt


def _unwritable(state: State, event: Received) -> bool:
    assert isinstance(event.message, ChunkRendered)
    return not state.writable(event.message.chunk)


def _would_end(state: State, chunk: int) -> bool:
    """Whether nothing is left with one more strike for an assigned chunk: what is rendered after it is dropped with it."""
    work, _ = take(state.assigned, chunk)
    dropped = len(state.rendered) - rank(state.rendered, chunk)
    return work.strikes == ATTEMPTS - 1 and state.left == 1 + dropped


def _last_fails(state: State, event: Received) -> bool:
    assert isinstance(event.message, ChunkFailed)
    return _would_end(state, event.message.chunk)


def _last_goes(state: State, event: Gone) -> bool:
    renderer = state.renderer(event.renderer)
    return renderer is not None and bool(renderer.holds) and _would_end(state, renderer.holds[0])


def _last_written(*, complete: bool) -> Test:
    return lambda state, event: _is_written(state, event) and state.left == 1 and (state.given_up is None) == complete


def _is_written(state: State, event: Written) -> bool:
    return state.writing and event.chunk == state.next


def _not_rendered(state: State, event: FramesLost) -> bool:
    return find(state.rendered, event.chunk) is None


def _lost_too_often(state: State, event: FramesLost) -> bool:
    work = find(state.rendered, event.chunk)
    return work is not None and work.losses == LOSSES - 1


_OPEN = ("open", "ending")
_BROKEN = ("FilmFailed", "FilmBroke")
_EVENTS = "Merge Ready Quiet Gone ChunkRendered ChunkFailed Written FramesLost Unable Close".split()


def _rows(
    event: str, when: str, test: Test | None, emits: tuple[str, ...], act: Callable[..., Result]
) -> tuple[Row[State], ...]:
    """The same row for both phases in which there is work."""
    return tuple(Row(phase, event, when, test, phase, emits, act) for phase in _OPEN)


def _last(event: str, when: str, test: Test, emits: tuple[str, ...], act: Callable[..., Result]) -> Row[State]:
    """A row that ends it all."""
    return Row("ending", event, when, test, "closed", emits, act)


DISPATCHER: Machine[DispatcherState] = Machine(
    "dispatcher",
    (
        Row("open", "Merge", "the last beat, nothing is left", _over(complete=True), "closed", ("Merged", "Filmed"), _merge),
        Row("open", "Merge", "the same, but some were given up", _over(complete=False), "closed", ("Merged", *_BROKEN), _merge),
        Row(
            "open", "Merge", "the last beat", lambda _, event: event.merged.ends, "ending", ("Merged", "ChunkAssigned"), _merge
        ),
        Row("open", "Merge", "beats are left", None, "open", ("Merged", "ChunkAssigned"), _merge),
        *_rows("Ready", "it is so already, or was dismissed", _no_news("ready", "dismissed"), (), _ignore),
        *_rows("Ready", "", None, ("RendererChanged", "ChunkAssigned"), _welcome),
        *_rows(
            "Quiet", "it is so already, was dismissed, or is not known", _no_news("quiet", "dismissed", known=True), (), _ignore
        ),
        *_rows("Quiet", "", None, ("RendererChanged",), _hush),
        *_rows("Gone", "it is not known", _no_news(known=True), (), _ignore),
        _last("Gone", "with a third strike nothing is left", _last_goes, ("RendererChanged", "Drop", *_BROKEN), _lose),
        *_rows("Gone", "", None, ("RendererChanged", "Drop", "ChunkAssigned"), _lose),
        *_rows("ChunkRendered", "it is not awaited, or no longer", _unasked, (), _ignore),
        _last(
            "ChunkRendered",
            "the last chunk, and one before it was given up",
            lambda state, event: state.left == 1 and _unwritable(state, event),
            ("Drop", *_BROKEN),
            _keep,
        ),
        *_rows("ChunkRendered", "one before it was given up", _unwritable, ("Drop", "ChunkAssigned"), _keep),
        *_rows("ChunkRendered", "", None, ("Write", "ChunkAssigned"), _keep),
        *_rows("ChunkFailed", "it is not awaited, or no longer", _unasked, (), _ignore),
        _last("ChunkFailed", "with a third strike nothing is left", _last_fails, ("Drop", "Dismiss", *_BROKEN), _fail),
        *_rows("ChunkFailed", "", None, ("Drop", "Dismiss", "ChunkAssigned"), _fail),
        _last("Written", "the last chunk", _last_written(complete=True), ("ChunkWritten", "Filmed"), _note_written),
        _last(
            "Written",
            "the last chunk but for what was given up",
            _last_written(complete=False),
            ("ChunkWritten", *_BROKEN),
            _note_written,
        ),
        *_rows("Written", "it is the chunk asked for", _is_written, ("ChunkWritten", "Write", "ChunkAssigned"), _note_written),
        *_rows("FramesLost", "they do not wait to be written", _not_rendered, (), _ignore),
        *(
            Row(phase, "FramesLost", "once too often", _lost_too_often, "closed", ("ChunkLost", *_BROKEN), _note_lost)
            for phase in _OPEN
        ),
        *_rows("FramesLost", "", None, ("ChunkLost", "ChunkAssigned"), _note_lost),
        *(Row(phase, "Unable", "", None, "closed", _BROKEN, _give_up) for phase in _OPEN),
        *(Row(phase, "Close", "", None, "closed", (), _close) for phase in _OPEN),
        *(Row("closed", event, "", None, "closed", (), _ignore) for event in _EVENTS),
    ),
)
"""The table of the dispatcher."""
