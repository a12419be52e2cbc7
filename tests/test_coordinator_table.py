"""The coordinator's table: every row is taken by a scenario and keeps its promise; nothing else is allowed anywhere.

A scenario is a few lines of what happens at a desk.
"""

from collections.abc import Callable
from dataclasses import replace

import pytest

from protocol.channels import REGIONS
from protocol.coordination import (
    Audited,
    Briefed,
    Broke,
    DeadlineFired,
    Exchanged,
    Resume,
    Reviewed,
    RulingMade,
    StageSet,
    Start,
    Stop,
)
from protocol.coordinator import COORDINATOR_MACHINE
from protocol.coordinator_state import COMMIT_AS_PROPOSED, CRITIC_OBJECTS
from protocol.dispatch import FilmBroke, Filmed
from protocol.machine import LocalError, PeerError, Received, kind
from protocol.messages import (
    MESSAGES,
)
from protocol.timeline import rest
from tests.asking import exchanged
from tests.desk import ASKING, OPEN, OTHERS, PHASES, PLANNING, Desk, closed, fallback_plays, refuses, voting
from tests.filmed import film_opened
from tests.takes import any_messages, brief, decided, given_by_row, take_opened, track, violation


def agreement(desk):
    desk.start()
    desk.brief()
    for _ in range(2):
        desk.propose_all()
        desk.accept_all()
        desk.audit()


def objection_then_agreement(last_objects):
    def play(desk):
        desk.start()
        desk.brief()
        desk.propose_all()
        desk(desk.decision("brows"))
        desk(desk.proposal("brows", 0.3))
        desk(desk.vote("brows", violation()))
        desk.accept_all(("eyes", "mouth"))
        desk(desk.vote("head", *((violation(),) if last_objects else ())))
        assert desk.round == 2

    return play


def overruled(last_objects):
    def play(desk):
        desk.start()
        desk.brief()
        for _ in range(2):
            desk.propose_all()
            while desk.state.phase == "voting":
                desk(desk.vote("brows", violation()))
                desk.accept_all(("eyes", "mouth"))
                desk(desk.vote("head", *((violation(),) if last_objects else ())))
            desk.rule()

    return play


def language_model_asked(desk):
    desk.start()
    desk(Exchanged(exchanged("director", None)))
    desk.brief()


def criticised(*, film):
    def play(desk):
        desk.opening = take_opened(rounds=5, flags=(CRITIC_OBJECTS,))
        desk.start()
        if film:
            desk.film()
        desk.brief()
        desk.fire("mouth")
        for _ in range(2):
            desk.propose_all()
            desk.accept_all()
            desk.audit()
            desk.review(violation())
            desk.accept_all()
            desk.audit()
            desk.review()
        assert desk.state.phase == ("rendering" if film else "closed")

    return play


def liars(desk):
    desk.start()
    desk.brief()
    desk.propose_all()
    while desk.state.phase != "ruling":
        desk.accept_all()
        desk.audit(violation())


def as_proposed(desk):
    desk.opening = take_opened(flags=(COMMIT_AS_PROPOSED,))
    desk.start()
    desk.brief()
    desk.propose_all()


def fallback_returns(how):
    def play(desk):
        desk.start()
        desk.brief()
        desk.fire("mouth")
        desk.propose_all()
        desk.fire("eyes")
        if how == "agreed":
            desk.accept_all()
            desk.audit()
        else:
            while desk.state.phase == "voting":
                desk(desk.vote("brows", violation()))
                desk.accept_all(OTHERS)
            desk.rule()
        assert desk.beat == 1

    return play


def fallback_silent(phase):
    def play(desk):
        desk.start()
        desk.brief()
        if phase == "voting":
            desk.propose_all()
        desk.fire("eyes")
        desk.fire("eyes")
        assert desk.state.phase == "closed"

    return play


def incidents(phase, event):
    def play(desk):
        other = PHASES[phase]()
        desk.state, desk.taken = other.state, other.taken
        if event == "rejoin":
            desk.rejoin()
        elif event == "deadline":
            desk.fire("brows", incarnation=9)
        else:
            desk(event)

    return play


def filmed(how):
    def play(desk):
        desk.start()
        desk.film()
        desk.brief()
        desk.fire("mouth")
        for _ in range(2):
            desk.propose_all()
            while how == "ruled" and desk.state.phase == "voting":
                desk(desk.vote("brows", violation()))
                desk.accept_all(OTHERS)
            if how == "ruled":
                desk.rule()
            else:
                desk.accept_all()
                desk.audit()
        assert desk.state.phase == "rendering"
        desk(Filmed())

    return play


def resumed(phase, *, ended):
    def play(desk):
        fallback_plays(desk, phase)
        if ended:
            desk(Stop("enough"))
        desk.resume()
        assert desk.state.phase == phase

    return play


def after_the_end(desk):
    other = voting()
    late = [other.decision("eyes"), other.proposal("eyes", 0.1), other.vote("eyes"), other.vote("eyes", violation())]
    desk.state = closed().state
    before = desk.state
    desk.rejoin()
    for event in late:
        desk(event)
    told = (
        Exchanged(exchanged("director", None)),
        Briefed(decided("director", None), brief()),
        Audited((), rest()),
        Reviewed(()),
        StageSet(film_opened()),
    )
    for event in (*told, Filmed(), FilmBroke("again"), Stop("again"), Broke("again")):
        assert desk(event) == ()
    desk.rule(*(track(region) for region in REGIONS))
    assert desk.state is before


SCENARIOS: dict[str, Callable[[Desk], None]] = {
    "agreement": agreement,
    **{f"objection, last against: {last}": objection_then_agreement(last) for last in (False, True)},
    **{f"overruled, last against: {last}": overruled(last) for last in (False, True)},
    "a language model is asked": language_model_asked,
    **{f"criticised, rendered: {film}": criticised(film=film) for film in (False, True)},
    "liars": liars,
    "as proposed": as_proposed,
    **{f"fallback returns, {how}": fallback_returns(how) for how in ("agreed", "ruled")},
    **{f"fallback silent, {phase}": fallback_silent(phase) for phase in ASKING},
    **{f"rejoin, {phase}": incidents(phase, "rejoin") for phase in OPEN},
    **{f"deadline, {phase}": incidents(phase, "deadline") for phase in (*OPEN, "closed")},
    **{f"stop, {phase}": incidents(phase, Stop("enough")) for phase in OPEN},
    **{f"break, {phase}": incidents(phase, Broke("oh")) for phase in OPEN},
    **{f"film, {phase}": incidents(phase, StageSet(film_opened())) for phase in PLANNING},
    **{f"film, {how}": filmed(how) for how in ("agreed", "ruled")},
    **{f"film breaks, {phase}": incidents(phase, FilmBroke("no space left")) for phase in OPEN},
    **{f"resumed, {phase}, ended: {ended}": resumed(phase, ended=ended) for phase in OPEN for ended in (False, True)},
    "after the end": after_the_end,
}


def test_every_row_is_taken_and_gives_all_that_it_names():
    desks = []
    for play in SCENARIOS.values():
        desks.append(Desk())
        play(desks[-1])

    given = given_by_row(desks)

    for place, row in enumerate(COORDINATOR_MACHINE.rows):
        said = (row.phase, row.event, row.when)
        assert place in given, f"no scenario takes {said}"
        assert given[place] == set(row.emits), said


def test_every_phase_of_the_table_is_among_those_tried_here():
    assert set(PHASES) == set(COORDINATOR_MACHINE.phases)
    assert all(make().state.phase == phase for phase, make in PHASES.items())


OUR_OWN = (
    Start(take_opened(), rest()),
    Exchanged(exchanged("director", None)),
    Briefed(decided("director", None), brief()),
    Audited((), rest()),
    Reviewed(()),
    RulingMade((), (), rest()),
    DeadlineFired("eyes", 1, 0, 0),
    StageSet(film_opened()),
    Filmed(),
    FilmBroke("no space left"),
    Resume(()),
    Stop("enough"),
    Broke("oh"),
)


@pytest.mark.parametrize("phase", PHASES)
def test_whatever_no_row_allows_is_refused_and_changes_nothing(phase):
    desk = PHASES[phase]()
    allowed = {row.event for row in COORDINATOR_MACHINE.rows if row.phase == phase}
    events = [*any_messages(), *OUR_OWN]
    refused = [event for event in events if kind(event) not in allowed]

    assert {row.event for row in COORDINATOR_MACHINE.rows} <= {kind(event) for event in events}
    assert len(refused) >= len(MESSAGES) - 5
    for event in refused:
        error = PeerError if isinstance(event, Received) else LocalError
        assert refuses(desk, event, error, f"{kind(event)} is not allowed in phase {phase}")


def test_the_state_of_a_desk_is_a_value_that_steps_leave_alone():
    desk = voting()
    before, copy = desk.state, replace(desk.state)

    desk(desk.vote("brows"))

    assert before == copy
    assert desk.state != before
