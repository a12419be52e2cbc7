"""What the dispatcher says of frames that cannot be had: nobody can render them, they never arrive, or nobody is left."""

from typing import Any

import pytest

from protocol.dispatch import ATTEMPTS, LOSSES, Drop, FilmBroke, Filmed, FramesLost, Gone, Ready, Unable, Write
from protocol.dispatcher_state import DispatcherState, Renderer, Work, find
from protocol.machine import Send
from protocol.messages import ChunkLost, FilmFailed
from tests.dispatching import Film, digest_of, handed, merged, only
from tests.takes import sent

# ------------------------------------------------------------------------------------------------------------- poison


def poisoned(*chunks: int, of: int = 6, error: str = "no memory") -> Film:
    """A film in which some chunks were given up; the others are on their way."""
    film = Film(*"abc", chunks=of)
    for attempt in range(1, ATTEMPTS + 1):
        for chunk in chunks:
            assert film.attempt(chunk) == attempt
            film.fail(chunk, error=error)
    return film


def test_a_chunk_with_three_strikes_is_given_up_and_not_before():
    film = Film("a", "b", chunks=4)

    film.fail(1, 1)
    before = film.state
    film.fail(1)

    assert before.given_up is None
    assert find(before.assigned, 1)
    assert film.state.given_up == Work(1, 3, "b", "", 3, ("b", "b", "b"), "no memory")
    assert find(film.state.assigned + film.state.returned, 1) is None


def test_deaths_and_failures_are_strikes_alike():
    film = Film("a", "b", "c", chunks=1)
    film(Gone("a", "killed"))
    film.fail(0)

    assert film.state.given_up is None
    work = find(film.state.assigned, 0)
    assert work is not None
    assert (work.attempt, work.strikes, work.renderer) == (3, 2, "c")


def test_chunks_after_one_that_was_given_up_are_rendered_and_dropped():
    film = poisoned(1)

    assert only(film.done(2), Drop, Write) == [Drop(2, 1)]
    assert only(film.done(0), Drop, Write) == [Write(0, 1)]


def test_frames_that_wait_behind_a_chunk_that_is_given_up_are_dropped_then():
    film = Film("a", "b", chunks=4)
    film.done(0, 2, 3)
    film.fail(1, 1)

    assert only(film.fail(1), Drop) == [Drop(2, 1), Drop(3, 1)]
    assert only(film.write(0), FilmBroke)


def test_when_all_others_are_done_the_verdict_names_the_frames():
    film = poisoned(1)
    film.done(0, 2, 3, 4, 5)

    outputs = film.write(0)

    error = "frames 25 to 49 could not be rendered: no memory (tried 3 times)"
    assert outputs[1:] == (Send((), FilmFailed(chunk=1, error=error)), FilmBroke(error))
    assert film.state.phase == "closed"


@pytest.mark.parametrize(
    ("chunks", "others"),
    [((1, 2), "1 other chunk"), ((2, 1), "1 other chunk"), ((5, 1, 3), "2 other chunks")],
    ids=["lowest first", "lowest last", "in between"],
)
def test_the_verdict_names_the_lowest_and_counts_the_others(chunks, others):
    film = Film(*"abcdefghi", chunks=6)
    for chunk in chunks:
        film.fail(chunk, chunk, chunk)
    film.done(*(chunk for chunk in range(6) if chunk not in chunks))

    (failed,) = sent(film.write(*range(min(chunks))), FilmFailed)

    assert failed.chunk == min(chunks)
    assert failed.error.endswith(f" (tried 3 times); {others} could not be rendered either")


def test_the_verdict_waits_for_the_last_beat():
    film = Film("a", chunks=1, ends=False)
    film.fail(0, 0)
    assert only(film.fail(0), FilmBroke) == []

    assert only(film(merged(0, 1)), FilmBroke) == [FilmBroke("frames 0 to 24 could not be rendered: no memory (tried 3 times)")]


def test_chunks_that_cannot_be_written_do_not_hold_others_back():
    film = Film("a", "b", chunks=30)
    film.fail(0, 0, 0)

    while film.state.phase != "closed":
        film.done(film.state.assigned[-1].chunk)

    assert film.state.next == 0


def test_chunks_that_cannot_be_written_are_handed_out_however_many_others_wait_to_be():
    film = Film()
    film.state = DispatcherState(
        phase="ending",
        cuts=merged(40).merged.chunks,
        fresh=22,
        assigned=(Work(0, 1, "a"), Work(21, 1, "a")),
        rendered=tuple(Work(chunk, 1, "a", digest_of(chunk)) for chunk in range(1, 20)),
        renderers=(Renderer("a", "quiet", (0, 21)),),
        given_up=Work(20, 3, "a", strikes=ATTEMPTS, error="no memory"),
    )

    assert handed(film(Ready("b"))) == [("b", 22, 1), ("b", 23, 1)]
    assert film.state.unwritten == 20 > film.state.window


def test_an_error_is_shortened_so_that_the_verdict_stays_a_message():
    film = poisoned(0, 1, error="x" * 400)
    film.done(2, 3, 4)

    (failed,) = sent(film.done(5), FilmFailed)

    assert len(failed.error) == 400
    assert failed.error.startswith("frames 0 to 24 could not be rendered: xxx")
    assert failed.error.endswith("xxx (tried 3 times); 1 other chunk could not be rendered either")


# ------------------------------------------------------------------------------------------------------- frames are lost


def rendered(film: Film, chunk: int) -> None:
    """A chunk is rendered, and what renderers hold until one of them has room for it."""
    while find(film.state.assigned, chunk) is None:
        film.done(film.state.assigned[-1].chunk)
    film.done(chunk)


def lose(film: Film, chunk: int, times: int, reason: str = "its node is gone") -> tuple[Any, ...]:
    """A chunk is rendered and its frames are lost, so many times; what the last one gives."""
    for _ in range(times):
        rendered(film, chunk)
        outputs = film(FramesLost(chunk, reason))
    return outputs


def test_frames_that_are_lost_are_rendered_by_somebody_else_if_there_is_room():
    film = Film("a", "b", "c", chunks=3)
    film.done(2)

    assert film.holds() == {"a": (0,), "b": (1,), "c": ()}
    film.done(0)
    film(Ready("d"))
    assert handed(film(FramesLost(0, "its node is gone"))) == [("c", 0, 2)]
    film.done(0)
    assert handed(film(FramesLost(0, "its node is gone"))) == [("d", 0, 3)]


def test_frames_that_never_arrive_break_the_video_at_once_and_the_verdict_says_so():
    film = Film("a", "b", chunks=30)

    lose(film, 0, LOSSES - 1)
    assert film.state.phase == "ending"
    outputs = lose(film, 0, 1, "they did not come within 60 s")

    error = f"frames 0 to 24 were rendered {LOSSES} times and could not be fetched: they did not come within 60 s"
    assert outputs == (
        Send((), ChunkLost(chunk=0, attempt=LOSSES, reason="they did not come within 60 s")),
        Send((), FilmFailed(chunk=0, error=error)),
        FilmBroke(error),
    )
    assert film.state.phase == "closed"


def test_losses_of_different_chunks_do_not_add_up():
    film = Film("a", chunks=2)

    for chunk in range(2):
        lose(film, chunk, LOSSES - 1)
        film.done(chunk)
        outputs = film.write(chunk)

    assert only(outputs, Filmed) == [Filmed()]


def test_strikes_and_losses_do_not_add_up():
    film = Film("a", chunks=1)
    lose(film, 0, LOSSES - 1)
    film.fail(0, 0)

    assert film.state.given_up is None
    film.done(0)
    assert only(film.write(0), Filmed) == [Filmed()]


def test_a_chunk_that_was_given_up_behind_frames_that_never_arrive_is_counted():
    film = poisoned(2)

    (failed,) = sent(lose(film, 0, LOSSES), FilmFailed)
    assert failed.chunk == 0
    assert failed.error.endswith("its node is gone; 1 other chunk could not be rendered either")


# --------------------------------------------------------------------------------------------- the end of those who render


def test_what_breaks_the_video_after_a_chunk_was_given_up_is_told_after_it():
    film = poisoned(1)

    outputs = film(Unable("every renderer has ended"))

    error = "frames 25 to 49 could not be rendered: no memory (tried 3 times). After that: every renderer has ended"
    assert outputs == (Send((), FilmFailed(chunk=1, error=error)), FilmBroke(error))


def test_there_is_room_for_both():
    film = poisoned(1, error="x" * 400)

    (failed,) = sent(film(Unable("y" * 400)), FilmFailed)

    assert len(failed.error) == 400
    assert "xxx (tried 3 times). After that: yyy" in failed.error


@pytest.mark.parametrize("error", ["no memory", "x" * 400])
@pytest.mark.parametrize("reason", ["every renderer has ended", "y" * 400])
def test_a_verdict_that_is_read_off_the_journal_stays_as_it_is(error, reason):
    film, again = poisoned(1, error=error), poisoned(1, error=error)
    (failed,) = sent(film(Unable(reason)), FilmFailed)

    assert sent(again(Unable(failed.error)), FilmFailed) == [failed]
