"""The dispatcher: who gets which chunk, in which order chunks are written, and what becomes of failures."""

import pytest

from protocol.dispatch import (
    FAILURES,
    Close,
    Dismiss,
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
from protocol.dispatcher_state import AHEAD, IN_FLIGHT, SPARE, Renderer
from protocol.machine import LocalError, Received, Send
from protocol.messages import (
    ChunkAssigned,
    ChunkFailed,
    ChunkLost,
    ChunkRendered,
    ChunkWritten,
    Cut,
    FilmFailed,
    Merged,
    RendererChanged,
)
from tests.dispatching import EVERY, MOTION, SPAN, Film, digest_of, handed, merged, only
from tests.takes import sent

# ---------------------------------------------------------------------------------------------------- who gets what


def test_chunks_go_to_the_renderers_that_hold_the_fewest_then_by_order_of_joining():
    film = Film("b", "a")

    outputs = film(merged(5))

    assert handed(outputs) == [("b", 0, 1), ("a", 1, 1), ("b", 2, 1), ("a", 3, 1)]
    assert outputs[0] == Send((), merged(5).merged)


def test_an_assignment_carries_frames_and_digest_of_its_chunk():
    film = Film("a")

    (assigned,) = sent(film(merged(1)), ChunkAssigned)

    assert assigned == ChunkAssigned(chunk=0, first=0, last=SPAN, motion=MOTION, attempt=1)


def test_chunks_wait_for_the_first_renderer():
    film = Film(chunks=3)

    outputs = film(Ready("a"))

    assert outputs[0] == Send((), RendererChanged(renderer="a", to="ready", reason=""))
    assert handed(outputs) == [("a", 0, 1), ("a", 1, 1)]


def test_a_renderer_that_answers_gets_the_next():
    film = Film("a", "b", chunks=6)

    assert handed(film.done(1)) == [("b", 4, 1)]
    assert film.holds() == {"a": (0, 2), "b": (3, 4)}


def test_a_later_beat_goes_on_where_the_last_one_ended():
    film = Film("a", chunks=1, ends=False)

    assert handed(film(merged(2, 1))) == [("a", 1, 1)]
    assert film.state.phase == "ending"


@pytest.mark.parametrize(
    "chunk",
    [
        Cut(chunk=2, first=25, last=50, motion=MOTION),
        Cut(chunk=1, first=26, last=50, motion=MOTION),
        Cut(chunk=1, first=25, last=25, motion=MOTION),
    ],
    ids=["a chunk is left out", "a frame is left out", "no frames"],
)
def test_a_beat_that_does_not_follow_on_the_last_is_our_mistake(chunk):
    film = Film(chunks=1, ends=False)
    before = film.state

    with pytest.raises(LocalError, match="where chunk 1 from frame 25 is due"):
        film(Merge(Merged(beat=1, chunks=(chunk,), ends=True)))

    assert film.state is before


def test_a_quiet_renderer_keeps_what_it_holds_and_gets_no_more():
    film = Film("a", "b", chunks=6)

    assert film(Quiet("a", "no answer")) == (Send((), RendererChanged(renderer="a", to="quiet", reason="no answer")),)
    assert handed(film.done(0)) == []
    assert handed(film.done(1)) == [("b", 4, 1)]
    assert film.holds() == {"a": (2,), "b": (3, 4)}


def test_a_renderer_that_is_back_keeps_its_place():
    film = Film("a", "b", chunks=6)
    film(Quiet("a", "no answer"))
    film.done(0, 2)

    outputs = film(Ready("a"))

    assert outputs[0] == Send((), RendererChanged(renderer="a", to="ready", reason=""))
    assert handed(outputs) == [("a", 4, 1), ("a", 5, 1)]
    assert list(film.holds()) == ["a", "b"]


@pytest.mark.parametrize(
    "event",
    [Ready("a"), Quiet("c", "x"), Gone("c", "x"), Quiet("b", "y")],
    ids=["ready", "quiet", "gone", "quiet again"],
)
def test_what_is_no_news_about_a_renderer_changes_nothing(event):
    film = Film("a", "b", chunks=3)
    film(Quiet("b", "x"))
    before = film.state

    assert film(event) == ()
    assert film.state is before


def test_a_dismissed_renderer_is_only_heard_of_when_it_is_gone():
    film = Film("a", chunks=3)
    film.fail(0, 1, 0)
    before = film.state

    assert film(Ready("a")) == film(Quiet("a", "x")) == ()
    assert film.state is before
    assert sent(film(Gone("a", "ended")), RendererChanged) == [RendererChanged(renderer="a", to="gone", reason="ended")]
    assert film.state.renderers == ()


# ------------------------------------------------------------------------------------------------------------ writing


def test_chunks_are_written_one_at_a_time_in_order():
    film = Film("a", "b", chunks=3)

    assert only(film.done(1, 2), Write) == []
    assert only(film.done(0), Write) == [Write(0, 1)]
    outputs = film.write(0)
    assert outputs[0] == Send((), ChunkWritten(chunk=0, frames=digest_of(0)))
    assert only(outputs, Write) == [Write(1, 1)]


def test_the_last_chunk_ends_the_film():
    film = Film("a", chunks=2)
    film.done(0, 1)
    film.write(0)

    assert film.write(1) == (Send((), ChunkWritten(chunk=1, frames=digest_of(1))), Filmed())
    assert film.state.phase == "closed"


def test_a_film_may_end_with_a_beat_without_frames():
    film = Film("a", chunks=1, ends=False)
    film.done(0)
    film.write(0)

    outputs = film(merged(0, 1))

    assert outputs == (Send((), merged(0, 1).merged), Filmed())


def test_a_film_without_a_frame_is_done_at_once():
    assert Film()(merged(0))[1:] == (Filmed(),)


def test_only_what_was_to_be_written_can_be_written():
    film = Film("a", chunks=2)
    film.done(1)

    for chunk in (0, 1):
        with pytest.raises(LocalError, match="dispatcher: Written is not allowed in phase ending"):
            film(Written(chunk))


def test_what_is_rendered_and_not_written_is_bounded():
    film = Film("a", "b", chunks=100)

    while film.holds()["b"]:
        film.done(film.holds()["b"][0])

    assert film.holds() == {"a": (0, 2), "b": ()}
    assert len(film.state.rendered) + len(film.state.assigned) == AHEAD * 2 + SPARE


def test_writing_lets_more_chunks_on_their_way():
    film = Film("a", "b", chunks=100)
    while film.holds()["b"]:
        film.done(film.holds()["b"][0])

    assert handed(film.done(0)) == []
    assert handed(film.write(0)) == [("b", AHEAD * 2 + SPARE, 1)]


def test_the_chunk_that_is_to_be_written_next_is_handed_out_however_many_wait():
    film = Film("a", "b", chunks=100)
    while film.holds()["b"]:
        film.done(film.holds()["b"][0])

    assert handed(film(Gone("a", "killed"))) == [("b", 0, 2)]
    assert film.state.unwritten > film.state.window
    assert [work.chunk for work in film.state.returned] == [2]


# ----------------------------------------------------------------------------------------------- failures and deaths


def test_a_chunk_that_failed_goes_to_another_renderer_under_the_next_attempt():
    film = Film("a", "b", chunks=2)

    assert handed(film.fail(0)) == [("b", 0, 2)]


def test_a_chunk_that_failed_goes_to_the_same_renderer_if_no_other_has_room():
    film = Film("a", "b", chunks=4)

    assert handed(film.fail(0)) == [("a", 0, 2)]


def test_a_chunk_that_failed_is_not_kept_from_those_it_did_not_fail_on_by_who_holds_fewer():
    film = Film("a", "b", chunks=3)
    film.done(2)

    assert film.holds() == {"a": (0,), "b": (1,)}
    assert handed(film.fail(0)) == [("b", 0, 2)]


def test_among_renderers_that_a_chunk_failed_on_it_goes_to_the_one_that_holds_the_fewest():
    film = Film("a", "b", chunks=2)
    film.fail(1)

    assert film.holds() == {"a": (0, 1), "b": ()}
    assert handed(film.fail(1)) == [("b", 1, 3)]


def test_of_a_renderer_that_dies_only_what_it_worked_on_has_a_strike():
    film = Film("a", chunks=3)

    outputs = film(Gone("a", "killed"))

    assert outputs == (Send((), RendererChanged(renderer="a", to="gone", reason="killed")),)
    assert [(work.chunk, work.strikes, work.error) for work in film.state.returned] == [
        (0, 1, "the renderer ended: killed"),
        (1, 0, ""),
    ]
    assert handed(film(Ready("b"))) == [("b", 0, 2)]
    assert handed(film.done(0)) == [("b", 1, 2)]


def test_what_a_renderer_held_that_died_is_handed_out_alone_and_the_others_wait_for_that():
    film = Film("a", "b", chunks=8)
    assert film.holds() == {"a": (0, 2), "b": (1, 3)}

    film(Gone("a", "killed"))
    assert film.holds() == {"b": (1, 3)}
    film.done(1)
    assert film.holds() == {"b": (3,)}  # nothing is put behind it, or it would never be free for chunk 0
    assert handed(film.done(3)) == [("b", 0, 2)]
    assert handed(film(Ready("c"))) == [("c", 2, 2)]
    assert handed(film(Ready("d"))) == [("d", 4, 1), ("d", 5, 1)]
    film.done(0)
    assert film.holds() == {"b": (6, 7), "c": (2,), "d": (4, 5)}


def test_a_chunk_that_ends_renderers_is_found_even_if_it_takes_the_answer_to_another_along():
    """Chunk 0 is rendered each time, and its answer lost with the process that chunk 1 ends."""
    film = Film("a", chunks=2)
    for renderer, after in (("a", "b"), ("b", "c"), ("c", "d"), ("d", "e")):
        film(Gone(renderer, "killed"))
        film(Ready(after))
        if film.holds()[after] == (0,):
            film.done(0)
    film(Gone("e", "killed"))

    assert film.state.given_up is not None
    assert film.state.given_up.chunk == 1


def test_frames_that_are_lost_are_rendered_again_without_a_strike():
    film = Film("a", chunks=2)
    film.done(0)

    outputs = film(FramesLost(0, "its node is gone"))

    assert outputs[0] == Send((), ChunkLost(chunk=0, attempt=1, reason="its node is gone"))
    assert handed(outputs) == [("a", 0, 2)]
    assert film.state.assigned[0].strikes == 0
    assert only(film.done(0), Write) == [Write(0, 2)]


def test_a_chunk_is_written_on_while_frames_of_a_later_one_are_lost():
    film = Film("a", chunks=2)
    film.done(0, 1)

    film(FramesLost(1, "its node is gone"))

    assert only(film.write(0), Write) == []
    assert only(film.done(1), Write) == [Write(1, 2)]


def test_frames_that_do_not_wait_to_be_written_cannot_be_lost():
    film = Film("a", chunks=3)
    film.done(0)
    film.write(0)
    before = film.state

    assert [film(FramesLost(chunk, "gone")) for chunk in (0, 1, 2)] == [(), (), ()]
    assert film.state is before


def test_late_and_second_answers_change_nothing():
    film = Film("a", "b", chunks=2)
    film.fail(0)
    film.done(1)
    before = film.state

    for chunk, attempt in ((0, 1), (0, 3), (1, 1), (7, 1)):
        assert film(Received(ChunkRendered(chunk=chunk, attempt=attempt, frames=MOTION))) == ()
        assert film(Received(ChunkFailed(chunk=chunk, attempt=attempt, error="x"))) == ()

    assert film.state is before


def test_a_renderer_that_fails_three_times_in_a_row_is_dismissed_and_what_is_queued_goes_elsewhere():
    film = Film("a", chunks=5)
    film.fail(0, 1)
    film(Ready("b"))
    assert film.holds() == {"a": (0, 1), "b": (2, 3)}

    outputs = film.fail(0, error="device lost")

    assert only(outputs, Dismiss) == [Dismiss("a", f"it failed {FAILURES} times in a row, at last with: device lost")]
    assert film.state.renderers[0] == Renderer("a", "dismissed", (), FAILURES)
    assert [(work.chunk, work.strikes) for work in film.state.returned] == [(0, 2), (1, 1)]


def test_what_a_dismissed_renderer_still_answers_changes_nothing():
    film = Film("a", chunks=5)
    film.fail(0, 1, 0)
    before = film.state

    assert film(Received(ChunkRendered(chunk=1, attempt=2, frames=MOTION))) == ()
    assert film.state is before


def test_a_success_makes_up_for_failures():
    film = Film("a", chunks=5)
    film.fail(0, 1)
    film.done(0)

    assert film.state.renderers[0].failures == 0
    assert only(film.fail(1), Dismiss) == []


# ------------------------------------------------------------------------------------------------------------ the end


def test_without_a_renderer_to_be_had_the_film_breaks():
    film = Film(chunks=2)

    outputs = film(Unable("no GPU is left " * 50))

    (failed,) = sent(outputs, FilmFailed)
    assert failed == FilmFailed(chunk=None, error=("no GPU is left " * 50)[:400])
    assert outputs[1:] == (FilmBroke(failed.error),)


def test_a_film_that_is_closed_sends_nothing_and_ignores_all_that_still_comes():
    film = Film("a", chunks=3)
    assert film(Close()) == ()
    before = film.state

    assert [film(event) for event in EVERY] == [()] * len(EVERY)
    assert film.state is before


def test_a_film_of_any_length_is_remembered_in_as_little_as_its_renderers_hold():
    film = Film("a", "b", chunks=400)
    most = 0
    while film.state.phase != "closed":
        film.done(film.state.assigned[0].chunk)
        film.write(film.state.next)
        most = max(most, len(film.state.assigned) + len(film.state.rendered) + len(film.state.returned))

    assert most <= IN_FLIGHT * 2
    assert film.state.left == 0
