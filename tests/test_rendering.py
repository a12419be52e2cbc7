"""The renderer's machine: one chunk at a time and one behind it, each answered once, under the attempt that was asked for."""

import pytest

from protocol.machine import LocalError, PeerError, Received, Send, kind
from protocol.messages import COORDINATOR, ChunkAssigned, ChunkFailed, ChunkRendered, TakeClosed
from protocol.rendering import RENDERER, Render, RenderBroke, Rendered, RendererState
from tests.takes import Script, any_messages, given_by_row

MOTION, FRAMES = "0" * 32, "1" * 32
CHUNK = ChunkAssigned(chunk=3, first=75, last=100, motion=MOTION, attempt=2)
NEXT = ChunkAssigned(chunk=5, first=125, last=150, motion=MOTION, attempt=1)
CLOSED = TakeClosed(outcome="done", reason="", beats=1, timeline=MOTION)
OURS = (Rendered(3, 2, FRAMES), RenderBroke(3, 2, "no memory"))
ANSWERS = (ChunkRendered(chunk=3, attempt=2, frames=FRAMES), ChunkFailed(chunk=3, attempt=2, error="no memory"))


def script() -> Script[RendererState]:
    return Script(RENDERER, RendererState())


def rendering() -> Script[RendererState]:
    step = script()
    step(Received(CHUNK))
    return step


def queued() -> Script[RendererState]:
    step = rendering()
    step(Received(NEXT))
    return step


def closed() -> Script[RendererState]:
    step = queued()
    step(Received(CLOSED))
    return step


def test_a_chunk_is_given_to_the_host():
    step = script()

    assert step(Received(CHUNK)) == (Render(CHUNK),)
    assert step.state == RendererState("rendering", CHUNK)


def test_what_is_done_is_reported_under_its_attempt():
    step = rendering()

    assert step(Rendered(3, 2, FRAMES)) == (Send((COORDINATOR,), ChunkRendered(chunk=3, attempt=2, frames=FRAMES)),)
    assert step.state == RendererState()


def test_what_went_wrong_is_reported_shortened():
    step = rendering()

    assert step(RenderBroke(3, 2, "x" * 500)) == (Send((COORDINATOR,), ChunkFailed(chunk=3, attempt=2, error="x" * 400)),)
    assert step.state == RendererState()


def test_the_next_chunk_can_be_taken_after_either():
    for end in OURS:
        step = rendering()
        step(end)
        again = CHUNK.model_copy(update={"attempt": 3})
        assert step(Received(again)) == (Render(again),)


def test_a_second_chunk_waits_while_one_is_rendered():
    step = rendering()

    assert step(Received(NEXT)) == ()
    assert step.state == RendererState("rendering", CHUNK, NEXT)


@pytest.mark.parametrize(("end", "answer"), list(zip(OURS, ANSWERS, strict=True)), ids=["rendered", "broke"])
def test_a_chunk_that_waits_is_gone_on_with_after_either(end, answer):
    step = queued()

    assert step(end) == (Send((COORDINATOR,), answer), Render(NEXT))
    assert step.state == RendererState("rendering", NEXT)


def test_a_chunk_that_waits_cannot_be_answered_before_its_turn():
    step = queued()
    before = step.state

    for early in (Rendered(5, 1, FRAMES), RenderBroke(5, 1, "x")):
        with pytest.raises(LocalError):
            step(early)

    assert step.state is before


@pytest.mark.parametrize("answer", [Rendered(3, 1, FRAMES), Rendered(2, 2, FRAMES), RenderBroke(3, 1, "x")])
@pytest.mark.parametrize("make", [rendering, queued], ids=["one", "two"])
def test_an_answer_to_another_question_is_our_mistake(make, answer):
    step = make()
    before = step.state

    with pytest.raises(LocalError):
        step(answer)

    assert step.state == before


def test_a_third_chunk_is_not_taken():
    step = queued()
    before = step.state

    with pytest.raises(PeerError, match="ChunkAssigned is not allowed in phase rendering"):
        step(Received(CHUNK.model_copy(update={"chunk": 4})))

    assert step.state is before


def test_a_chunk_is_taken_behind_the_one_that_waited():
    step = queued()
    step(OURS[0])

    assert step(Received(CHUNK.model_copy(update={"chunk": 6}))) == ()


def test_a_take_that_closes_ends_the_work_and_late_answers_are_dropped():
    step = closed()

    assert [step(answer) for answer in OURS] == [(), ()]
    assert step.state == RendererState("closed")


def test_every_row_is_taken_and_gives_all_that_it_names():
    scripts = [closed()]
    for answer in OURS:
        scripts[0](answer)
    for make in (rendering, queued):
        for answer in OURS:
            step = make()
            step(answer)
            step(Received(CLOSED))
            scripts.append(step)

    given = given_by_row(scripts)

    assert {place: set(row.emits) for place, row in enumerate(RENDERER.rows)} == given


@pytest.mark.parametrize("make", [script, rendering, queued, closed], ids=["idle", "rendering", "queued", "closed"])
def test_whatever_no_row_allows_is_refused_and_changes_nothing(make):
    step = make()
    before = step.state

    for event in (*any_messages(), *OURS, Rendered(5, 1, FRAMES)):
        if RENDERER.row(before, event) is None:
            error = PeerError if isinstance(event, Received) else LocalError
            with pytest.raises(error, match=f"renderer: {kind(event)} is not allowed in phase {before.phase}"):
                step(event)
            assert step.state is before
