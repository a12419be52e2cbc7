"""What the critic objects to in a beat, and what real regions do about it."""

from __future__ import annotations

from typing import Any

import pytest

from agents.critic.objecting import objections
from agents.doing_more import MOST, done_more
from agents.exchange import NOTHING
from agents.performance import Move, Performance
from agents.regions import Answer, Judgements, LexiconRegion, Question, RegionAgent
from configs.tables import Tables
from protocol.brief import Act, Beat, Brief, Limit, Origin
from protocol.channels import REGIONS, Region
from protocol.coordinator_state import CRITIC_OBJECTS
from protocol.messages import CRITIC, Accepted, Decided, Objected, Proposed, Ruled, Violation
from protocol.replay import replay
from protocol.timeline import rest, view
from runtime.loading import Loaded
from tests.performing import act, beat, plainly, tracks
from tests.takes import Told, take_opened, tiny_take


@pytest.fixture(scope="module")
def tables(loaded: Loaded) -> Tables:
    return loaded.tables


def missed(tables: Tables, intent: Beat, moves: list[Move]) -> list[Violation]:
    """What the critic misses of a beat in which these moves are performed."""
    seen = view(rest(), tracks(tables, intent, moves, rest()), intent.end - intent.start)
    return list(objections(intent, seen, tables))


# ------------------------------------------------------------------------------------------------------ what is objected to


@pytest.mark.parametrize(
    "name", ["smile", "wink", "nod", "raise_brows", "frown", "blink", "shake_head", "anger", "joy", "surprise"]
)
def test_nothing_is_missed_of_what_is_performed(tables, name):
    assert missed(tables, beat(act(name)), [plainly(act(name))]) == []


@pytest.mark.parametrize(
    ("name", "region"),
    [("smile", "mouth"), ("wink", "eyes"), ("nod", "head"), ("raise_brows", "brows"), ("shake_head", "head"), ("joy", "mouth")],
)
def test_what_is_left_out_is_missed_of_the_region_that_shows_it_most(tables, name, region):
    (found,) = missed(tables, beat(act(name)), [])

    assert found.constraint == f"intent-{name}"
    assert found.yields == region
    assert found.start == 0.3 < found.end <= 2.8
    assert found.measured < tables.critic.objecting.present < found.bound == 1.0


def test_a_movement_that_is_hardly_begun_is_missed_and_the_value_that_would_do_is_named(tables):
    asked = act("smile")
    (found,) = missed(tables, beat(asked), [plainly(asked).model_copy(update={"size": 0.3})])

    assert 0 < found.measured < 0.5
    assert found.channels[0].startswith("mouthSmile")
    assert found.suggested == pytest.approx(0.65)


def test_of_a_look_the_eyes_are_missed_or_the_head_where_it_is_to_turn(tables):
    (eyes,) = missed(tables, beat(act("look", yaw=12.0, regions=("eyes",))), [])
    (head,) = missed(tables, beat(act("look", yaw=60.0)), [])

    assert (eyes.yields, eyes.channels) == ("eyes", ("eyeYawLeft", "eyeYawRight"))
    assert (head.yields, head.channels) == ("head", ("headYaw", "headPitch"))


def test_what_has_its_place_in_other_beats_is_left_to_those(tables):
    begun_before = act("smile", -1.0, 2.0)
    too_long = act("nod", 3.8, 9.0)
    hardly_begun = act("smile", 3.6, 9.0)
    long_enough = act("smile", 1.0, 9.0)

    assert missed(tables, beat(begun_before), []) == []
    assert missed(tables, beat(too_long), []) == []
    assert missed(tables, beat(hardly_begun), []) == []
    assert [found.end for found in missed(tables, beat(long_enough), [])] == [4.0]


def test_a_beat_is_looked_at_alike_wherever_it_stands(tables):
    asked = act("smile")
    assert missed(tables, beat(asked, start=7.3), []) == missed(tables, beat(asked), [])


def test_what_is_forbidden_as_well_is_not_missed(tables):
    limits = (Limit(channels=("mouthSmileLeft", "mouthSmileRight"), most=0.0, start=0.0, end=4.0, words="no smile"),)
    found = missed(tables, beat(act("smile"), limits=limits), [])

    assert not any(name.startswith("mouthSmile") for violation in found for name in violation.channels)


def test_nothing_is_asked_of_a_region_that_keeps_what_it_did(tables):
    found = missed(tables, beat(act("smile"), origin=Origin(beat=0, same=("mouth",))), [])

    assert all(violation.yields != "mouth" for violation in found)


# -------------------------------------------------------------------------------------------------------- what is done about it


def lacking(name: str, measured: float, region: Region = "mouth") -> Violation:
    return Violation(
        constraint=f"intent-{name}",
        channels=("mouthSmileLeft",),
        start=0.3,
        end=2.8,
        measured=measured,
        bound=1.0,
        yields=region,
    )


def test_what_is_hardly_seen_is_done_larger_by_as_much_as_is_missing_and_not_beyond_bounds():
    move = plainly(act("smile"))

    def size(measured: float, before: float = 1.0) -> float:
        (after,) = done_more([move.model_copy(update={"size": before})], [move], [lacking("smile", measured)])
        return after.size

    assert size(0.8) == pytest.approx(1.25)
    assert size(0.1) == MOST
    assert size(0.0, before=0.2) == pytest.approx(0.6)
    assert size(0.4, before=MOST) == MOST


def test_what_was_left_out_is_performed_and_the_rest_left_alone():
    smile, nod = plainly(act("smile")), plainly(act("nod"))
    later = plainly(act("smile", 20.0, 22.0))

    assert done_more([nod], [smile, nod, later], [lacking("smile", 0.0)]) == (nod, smile)
    assert done_more([nod], [nod], [lacking("smile", 0.0)]) == (nod,)


# -------------------------------------------------------------------------------------------------------------- whole takes


class Forgetful(LexiconRegion):
    """Leaves out smiles before it is asked for them."""

    def propose(self, question: Question, known: Any = NOTHING) -> Answer:
        performance = super().propose(question, known).performance
        moves = tuple(move for move in performance.moves if move.act.name != "smile")
        return Answer(performance.model_copy(update={"moves": moves}))


class Faint(LexiconRegion):
    """Does everything at a fifth of its size."""

    def propose(self, question: Question, known: Any = NOTHING) -> Answer:
        performance = super().propose(question, known).performance
        moves = tuple(move.model_copy(update={"size": 0.2}) for move in performance.moves)
        return Answer(performance.model_copy(update={"moves": moves}))


class Refusing(Forgetful):
    """Hears what is missed, thinks it over, and does the same."""

    def revise(self, question: Question, before: Performance, *rest_: Any) -> Answer:
        return Answer(before)


class Directing:
    """A director with one beat of four seconds."""

    name = "fake"

    def __init__(self, *acts: Act) -> None:
        self._brief = Brief(beats=(beat(*acts),))

    def brief(self, *_: object) -> Brief:
        """It."""
        return self._brief


def performed(tables: Tables, mouth: type[LexiconRegion], *acts: Act, rounds: int = 8) -> Told:
    """A take of real regions, one of which is played so."""

    def agent(region: Region, judgements: Judgements) -> RegionAgent:
        kind = mouth if region == "mouth" else LexiconRegion
        return RegionAgent(region, tables, "0" * 32, lambda opened: kind(tables), judgements)

    opened = take_opened(rounds, (CRITIC_OBJECTS,))
    return tiny_take(agents=agent, fallbacks=agent, director=Directing(*acts), tables=tables, opened=opened)


def votes(told: Told) -> list[str]:
    """How the critic voted, in order."""
    return [type(vote).__name__ for vote in told.all(Accepted, Objected) if vote.role == CRITIC]


def smiles(told: Told) -> float:
    """How far the mouth smiles in the end."""
    curve = told.state.committed[0][1][REGIONS.index("mouth")].curve("mouthSmileLeft")
    return max(key.value for key in curve.keys)


def test_a_region_that_leaves_out_what_is_asked_for_is_sent_back_and_performs_it(tables):
    told = performed(tables, Forgetful, act("smile"))

    assert votes(told) == ["Objected", "Accepted"]
    assert smiles(told) > 0.5
    (revised,) = [message for message in told.all(Proposed) if message.round]
    assert (revised.region, revised.why) == ("mouth", "doing more of smile")
    assert told.all(Ruled) == []
    assert replay(told.records, tables.constraints).findings == []


def test_a_region_that_does_it_hardly_is_sent_back_until_it_is_seen(tables):
    told = performed(tables, Faint, act("smile"))

    assert votes(told) == ["Objected", "Accepted"]
    assert smiles(told) > 0.35


def test_a_region_that_refuses_is_not_pressed_and_the_take_commits(tables):
    told = performed(tables, Refusing, act("smile"))

    assert votes(told) == ["Objected", "Accepted"]
    assert smiles(told) < 0.1
    assert told.closed.outcome == "done"
    assert told.all(Ruled) == []
    thought = [(one.role, one.round) for one in told.all(Decided) if one.role == "mouth"]
    assert thought == [("mouth", 0), ("mouth", 2)]  # what it thought about in vain is in the journal
    assert [message for message in told.all(Proposed) if message.round] == []
    assert replay(told.records, tables.constraints).findings == []


def test_the_usual_regions_are_not_sent_back(tables):
    acts = [act("smile"), act("nod"), act("raise_brows", 1.0, 2.0), act("look", yaw=20.0)]
    told = performed(tables, LexiconRegion, *acts)

    assert votes(told) == ["Accepted"]
