"""The dispatcher's table: every row is taken by a scenario and keeps its promise; nothing else is allowed anywhere."""

from collections.abc import Callable
from typing import Any

import pytest

from protocol.dispatch import DISPATCHER, LOSSES, Close, Filmed, FramesLost, Gone, Quiet, Ready, Unable, Written
from protocol.dispatcher_state import IN_FLIGHT, find
from protocol.machine import LocalError, PeerError, Received, kind
from protocol.messages import ChunkAssigned, ChunkFailed, ChunkRendered
from tests.dispatching import EVERY, MOTION, Film, closed, merged
from tests.takes import given_by_row


def renderers_come_and_go(film: Film) -> None:
    film(Ready("a"))
    film(Ready("a"))
    film(Quiet("a", "x"))
    film(Quiet("a", "x"))
    film(Ready("a"))
    film(Ready("b"))
    while film.holds()["b"]:
        film.done(film.holds()["b"][0])
    film(Gone("a", "killed"))
    film(Gone("a", "killed"))


def answers(film: Film) -> None:
    film(Ready("a"))
    film.fail(0)
    film(Received(ChunkRendered(chunk=0, attempt=1, frames=MOTION)))
    film(Received(ChunkFailed(chunk=0, attempt=1, error="late")))
    while len(film.holds()["a"]) == IN_FLIGHT:
        film.done(film.holds()["a"][0])
    film(FramesLost(1, "gone"))
    film(FramesLost(1, "gone"))
    film.write(0)


def writing_makes_room(film: Film) -> None:
    film(Ready("a"))
    film(Ready("b"))
    while film.holds()["b"]:
        film.done(film.holds()["b"][0])
    film.done(0, 1)
    film.write(0)


def poison(film: Film) -> None:
    for renderer in "abc":
        film(Ready(renderer))
    film.done(1, 2)
    film.fail(0, 0, 0)
    film.done(3)
    film.done(4)


def poison_by_death(film: Film) -> None:
    for renderer in "abcd":
        film(Ready(renderer))
    film.done(1)
    film.fail(0, 0)
    work = find(film.state.assigned, 0)
    assert work is not None
    film.done(*(held for held in film.holds()[work.renderer] if held))
    film(Gone(work.renderer, "killed"))


def frames_never_arrive(film: Film) -> None:
    film(Ready("a"))
    for _ in range(LOSSES):
        while find(film.state.assigned, 0) is None:
            film.done(film.state.assigned[-1].chunk)
        film.done(0)
        film(FramesLost(0, "gone"))


def a_bad_renderer(film: Film) -> None:
    film(Ready("a"))
    film(Ready("b"))
    while not any(one.standing == "dismissed" for one in film.state.renderers):
        film.fail(film.holds()["a"][0])


def ends(*, given_up: int | None, last: Callable[[Film], Any]) -> Film:
    """A film whose end comes with one event; one chunk may have been given up before."""
    film = Film("a", "b", "c", chunks=2)
    if given_up is not None:
        film.fail(given_up, given_up, given_up)
    last(film)
    return film


def last_beat(chunk_given_up: bool) -> Film:
    film = Film("a", "b", "c", chunks=1, ends=False)
    if chunk_given_up:
        film.fail(0, 0, 0)
    else:
        film.done(0)
        film.write(0)
    film(merged(0, 1))
    return film


def last_goes(film: Film) -> None:
    film.done(1)
    film.fail(0, 0)
    film(Gone(film.state.assigned[0].renderer, "killed"))


def last_fails(film: Film) -> None:
    film.done(1)
    film(Gone("b", "killed"))
    film(Gone("c", "killed"))
    film.fail(0, 0, 0)


def test_every_row_is_taken_and_gives_all_that_it_names():
    scripts: list[Film] = [
        last_beat(chunk_given_up=False),
        last_beat(chunk_given_up=True),
        ends(given_up=None, last=lambda film: (film.done(0, 1), film.write(0, 1))),
        ends(given_up=0, last=lambda film: film.done(1)),
        ends(given_up=1, last=lambda film: (film.done(0), film.write(0))),
        ends(given_up=None, last=last_goes),
        ends(given_up=None, last=last_fails),
    ]
    plays = (renderers_come_and_go, answers, writing_makes_room, poison, poison_by_death, frames_never_arrive, a_bad_renderer)
    for last in (False, True):
        for play in plays:
            film = Film(chunks=30, ends=last)
            play(film)
            scripts.append(film)
        for end in (Unable("x"), Close()):
            scripts.append(Film("a", chunks=1, ends=last))
            scripts[-1](end)
        late = Film("a", ends=False)
        late(merged(2, ends=last))
        scripts.append(late)
    scripts.append(closed())
    for event in EVERY:
        scripts[-1](event)

    given_kinds = given_by_row(scripts)

    named = {place: set(row.emits) for place, row in enumerate(DISPATCHER.rows)}
    assert named == given_kinds


@pytest.mark.parametrize(
    "make",
    [lambda: Film("a", chunks=3, ends=False), lambda: Film("a", chunks=3), closed],
    ids=["open", "ending", "closed"],
)
def test_whatever_no_row_allows_is_refused_and_changes_nothing(make):
    film = make()
    before = film.state
    others = (Received(ChunkAssigned(chunk=0, first=0, last=25, motion=MOTION, attempt=1)), Filmed(), Written(5))

    for event in (*EVERY, *others):
        if DISPATCHER.row(before, event) is None:
            error = PeerError if isinstance(event, Received) else LocalError
            with pytest.raises(error, match=f"dispatcher: {kind(event)} is not allowed in phase {before.phase}"):
                film(event)
            assert film.state is before
