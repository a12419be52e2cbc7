"""A region's agent proposes its own part, judges what is on the table and gives way where it has to."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from agents.exchange import NOTHING, Known
from agents.performance import Move, Performance
from agents.regions import IDLE, Answer, Judgements, LexiconRegion, Question, RegionAgent
from configs.tables import Tables
from protocol.brief import Act, Beat
from protocol.channels import INDEX, REGIONS, WRITABLE, Region
from protocol.keyframes import Track, key
from protocol.messages import BeatOpened, Proposed, RoundOpened, TakeOpened, Vector, Version, digest
from protocol.region import Judge, Propose, Thought
from protocol.repair import violations
from protocol.ruling import keep
from protocol.timeline import RATE, last_values, rest, view
from runtime.loading import Loaded
from tests.performing import act, beat


@pytest.fixture(scope="module")
def tables(loaded: Loaded) -> Tables:
    return loaded.tables


def opened(*flags: str, seed: int = 1) -> TakeOpened:
    """A take with these behaviour flags."""
    return TakeOpened(
        take="take",
        direction="x",
        seed=seed,
        fps="60",
        seconds=None,
        flags=flags,
        emotion="",
        rounds=4,
        configuration={},
        versions={},
    )


def asked(intent: Beat, *flags: str, seed: int = 1) -> Propose:
    """What a region is asked when a beat opens."""
    return Propose(opened(*flags, seed=seed), BeatOpened(beat=0, intent=intent, previous=None, end_state=rest()), 1, ())


class Desk:
    """Four agents that know nothing of each other, and how a round is put before them."""

    def __init__(self, tables: Tables) -> None:
        judgements, planner = Judgements(tables), LexiconRegion(tables)
        self.tables = tables
        self.agents = {region: RegionAgent(region, tables, "0" * 32, lambda _: planner, judgements) for region in REGIONS}

    def propose(self, question: Propose) -> dict[Region, Thought]:
        """Every region's opening proposal."""
        return {region: agent.propose(question) for region, agent in self.agents.items()}

    def judged(self, question: Propose, thoughts: dict[Region, Thought], region: Region, **more: Track) -> Judge:
        """The first round as one region is asked to judge it, some tracks replaced."""
        shown = tuple(more.get(name) or thoughts[name].revision.track for name in REGIONS)
        versions = tuple(Version(region=track.region, incarnation=1, revision=1, digest=digest(track)) for track in shown)
        round_ = RoundOpened(beat=0, round=1, vector=Vector(versions=versions), tracks=shown, objections=())
        own = thoughts[region].revision
        proposal = Proposed(
            beat=0, region=region, incarnation=1, revision=1, round=0, track=own.track, digest=digest(own.track), why=own.why
        )
        return Judge(question.opened, question.beat, round_, 1, proposal, (own.decided,))


@pytest.fixture
def desk(tables: Tables) -> Desk:
    return Desk(tables)


# ------------------------------------------------------------------------------------------------- proposing


def test_each_region_proposes_its_own_part_of_an_act(desk: Desk):
    thoughts = desk.propose(asked(beat(act("smile"), act("nod"))))
    moving = {
        region: {curve.channel for curve in thought.revision.track.curves if any(one.value for one in curve.keys)}
        for region, thought in thoughts.items()
    }
    assert "mouthSmileLeft" in moving["mouth"]
    assert "cheekSquintLeft" in moving["eyes"]
    assert moving["head"] == {"headPitch"}
    assert moving["brows"] == set()


def test_regions_that_an_act_leaves_out_do_nothing(desk: Desk):
    thoughts = desk.propose(asked(beat(act("look", yaw=25.0, regions=("eyes",)))))
    assert all(len(curve.keys) == 1 for curve in thoughts["head"].revision.track.curves)
    assert any(len(curve.keys) > 1 for curve in thoughts["eyes"].revision.track.curves)


@pytest.mark.parametrize("name", ["joy", "grin", "sob", "startle", "sneeze", "stick_tongue_out", "talk"])
@pytest.mark.parametrize("strength", [1.0, 4.0])
def test_a_proposal_keeps_the_regions_own_rules(desk: Desk, name: str, strength: float):
    question = asked(beat(act(name, strength=strength), act("kiss", 0.5, 2.0), seconds=4.0), IDLE)
    start = last_values(rest())
    for region, thought in desk.propose(question).items():
        alone = tuple(thought.revision.track if other == region else keep(other, start) for other in REGIONS)
        rules = list(desk.tables.constraints.within(region))
        assert violations(view(rest(), alone, 4.0), rules) == []


def test_a_proposal_says_in_a_line_what_it_is(desk: Desk):
    thoughts = desk.propose(asked(beat(act("smile"), act("raise_brows")), IDLE))
    assert thoughts["mouth"].revision.why == "smile with idle motion"
    assert thoughts["brows"].revision.why == "raise brows with idle motion"
    assert thoughts["head"].revision.why.startswith("nothing is asked of the head")


def test_the_same_question_has_one_answer_and_another_seed_another(desk: Desk):
    intent = beat(act("talk"), act("laugh"))
    once, again, other = (desk.propose(asked(intent, seed=seed)) for seed in (1, 1, 2))
    assert once == again
    assert once["mouth"].revision.track != other["mouth"].revision.track


def test_an_answer_that_was_given_before_is_not_asked_for_again(desk: Desk):
    question = asked(beat(act("smile")))
    first = desk.agents["mouth"].propose(question)

    class Refusing(LexiconRegion):
        def propose(self, question: Question, known: Known = NOTHING) -> Answer:
            raise AssertionError("asked twice")

    heir = RegionAgent("mouth", desk.tables, "0" * 32, lambda _: Refusing(desk.tables), Judgements(desk.tables))
    again = heir.propose(replace(question, incarnation=2, decisions=(first.revision.decided,)))
    assert again.revision.track == first.revision.track
    with pytest.raises(AssertionError, match="asked twice"):
        heir.propose(question)


def test_an_act_that_goes_on_is_varied_alike_in_both_beats(tables: Tables):
    planner = LexiconRegion(tables)

    def move_of(number: int, start: float, end: float):
        intent = beat(act("smile", start, end, words="smiles"), seconds=3.0, start=3.0 * number)
        opened_beat = BeatOpened(beat=number, intent=intent, previous="0" * 32 if number else None, end_state=rest())
        (move,) = planner.propose(Question("mouth", opened(), opened_beat, None)).performance.moves
        return move.model_copy(update={"act": None})

    assert move_of(0, 1.0, 5.0) == move_of(1, -2.0, 2.0)


@pytest.mark.parametrize("region", REGIONS)
def test_variation_stays_within_its_table(tables: Tables, region: Region):
    planner, table = LexiconRegion(tables), tables.behaviour.variation
    sizes = []
    for seed in range(60):
        question = Question(region, opened(seed=seed), asked(beat(act("startle"))).beat, None)
        (move,) = planner.propose(question).performance.moves
        sizes.append(move.size)
        assert abs(move.size - 1) <= table.size + 1e-4
        assert abs(move.pace - 1) <= table.pace + 1e-4
        assert 1 - table.side - 1e-4 <= min(move.left, move.right) <= max(move.left, move.right) == 1
        assert abs(move.late) <= table.lag
    assert len(set(sizes)) > 50


def test_regions_vary_independently(tables: Tables):
    planner = LexiconRegion(tables)
    questions = [Question(region, opened(), asked(beat(act("startle"))).beat, None) for region in REGIONS]
    moves = [planner.propose(question).performance.moves[0] for question in questions]
    assert len({move.size for move in moves}) == len(REGIONS)


def test_idle_motion_is_a_matter_of_the_flag(tables: Tables):
    planner = LexiconRegion(tables)
    for region in REGIONS:
        silent, idle = (
            planner.propose(Question(region, opened(*flags), asked(beat(seconds=20.0)).beat, None)).performance
            for flags in ((), (IDLE,))
        )
        assert silent == Performance(region=region, moves=())
        assert idle.wandering


def test_no_idle_blink_falls_into_a_blink_that_was_asked_for(tables: Tables):
    planner = LexiconRegion(tables)
    lids = [act("blink", at, at + 0.5) for at in np.arange(0.5, 59.0, 1.5).round(1).tolist()]
    performance = planner.propose(Question("eyes", opened(IDLE), asked(beat(*lids, seconds=60.0)).beat, None)).performance
    idle = [move.act for move in performance.moves if move.idle]
    assert len(idle) < 12  # of 17 or so in a minute without
    assert not [one for one in idle for other in lids if one.start < other.end and other.start < one.end]


def test_no_idle_blink_comes_soon_after_eyes_were_shut(tables: Tables):
    """There is nothing to wet yet. After a shorter closing, as of a blink, it may."""
    planner, near = LexiconRegion(tables), {}
    for name in ("close_eyes", "blink"):
        lids = [act(name, at, at + 0.6) for at in np.arange(0.5, 59.0, 2.5).round(1).tolist()]
        performance = planner.propose(Question("eyes", opened(IDLE), asked(beat(*lids, seconds=60.0)).beat, None)).performance
        idle = [move.act.start for move in performance.moves if move.idle]
        near[name] = [start for start in idle for other in lids if other.end <= start < other.end + 1.0]
    assert near["blink"]
    assert not near["close_eyes"]


def test_no_idle_blink_begins_a_beat_that_starts_with_shut_eyes(tables: Tables):
    open_, early = rest(), {}
    held = key(0, 1, "hold")
    lids = {"eyeBlinkLeft", "eyeBlinkRight"}
    shut = open_.model_copy(
        update={
            "tracks": tuple(
                track.model_copy(
                    update={
                        "curves": tuple(
                            curve.model_copy(update={"keys": (held,)}) if curve.channel in lids else curve
                            for curve in track.curves
                        )
                    }
                )
                for track in open_.tracks
            )
        }
    )
    for state in (open_, shut):
        early[state] = 0
        for seed in range(40):
            question = asked(beat(seconds=4.0), IDLE, seed=seed)
            began = question.beat.model_copy(update={"end_state": state})
            performance = LexiconRegion(tables).propose(Question("eyes", question.opened, began, None)).performance
            early[state] += sum(move.act.start < 1.0 for move in performance.moves if move.idle)
    assert early[open_] > 3
    assert not early[shut]


# ------------------------------------------------------------------------------------------------- judging


def test_what_keeps_every_rule_is_accepted(desk: Desk):
    question = asked(beat(act("raise_brows", strength=0.5)))
    thoughts = desk.propose(question)
    for region in REGIONS:
        answer = desk.agents[region].judge(desk.judged(question, thoughts, region))
        assert (answer.violations, answer.revision) == ((), None)


def broad_smile(desk: Desk) -> tuple[Propose, dict[Region, Thought]]:
    """A grin of the mouth whose eyes know nothing of it: a large smile without raised cheeks."""
    question = asked(beat(act("grin", 0.3, 3.5, strength=1.5)))
    return question, desk.propose(question)


def test_the_region_that_yields_objects_and_revises(desk: Desk):
    question, thoughts = broad_smile(desk)
    answer = desk.agents["eyes"].judge(desk.judged(question, thoughts, "eyes"))
    assert {violation.constraint for violation in answer.violations} == {"big-smile-lifts-cheek"}
    assert all(violation.yields == "eyes" for violation in answer.violations)
    assert answer.revision is not None
    assert "giving way to mouth (big-smile-lifts-cheek" in answer.revision.why
    notes = {source.note for source in answer.revision.track.sources}
    assert "yielded to big-smile-lifts-cheek" in notes


def test_a_revision_settles_what_it_gives_way_to(desk: Desk):
    question, thoughts = broad_smile(desk)
    judged = desk.judged(question, thoughts, "eyes")
    answer = desk.agents["eyes"].judge(judged)
    assert answer.revision is not None
    now = tuple(answer.revision.track if track.region == "eyes" else track for track in judged.round.tracks)
    broken = violations(view(rest(), now, 4.0), list(desk.tables.constraints.hard))
    assert [violation.constraint for violation in broken] == []


def test_what_concerns_others_is_left_to_them(desk: Desk):
    question, thoughts = broad_smile(desk)
    for region in ("brows", "mouth", "head"):
        answer = desk.agents[region].judge(desk.judged(question, thoughts, region))
        assert (answer.violations, answer.revision) == ((), None)


def test_a_revision_changes_only_the_regions_own_channels(desk: Desk):
    question, thoughts = broad_smile(desk)
    answer = desk.agents["eyes"].judge(desk.judged(question, thoughts, "eyes"))
    assert answer.revision is not None
    assert tuple(curve.channel for curve in answer.revision.track.curves) == WRITABLE["eyes"]


def test_eyes_hold_their_target_while_the_head_turns(desk: Desk):
    question = asked(beat(act("turn_head", 0.3, 3.5, yaw=30.0, regions=("head",))))
    thoughts = desk.propose(question)
    judged = desk.judged(question, thoughts, "eyes")
    answer = desk.agents["eyes"].judge(judged)
    assert {violation.constraint for violation in answer.violations} == {"gaze-rests-or-jumps"}
    assert answer.revision is not None
    now = tuple(answer.revision.track if track.region == "eyes" else track for track in judged.round.tracks)
    seen = view(rest(), now, 4.0)
    assert violations(seen, list(desk.tables.constraints.hard)) == []
    assert float(np.abs(seen.samples[INDEX["eyeYawLeft"]]).max()) > 5


@pytest.mark.parametrize(("flags", "blinks"), [((), False), ((IDLE,), True)])
def test_a_large_turn_of_the_head_brings_a_blink_in_a_face_that_idles(desk: Desk, flags: tuple[str, ...], blinks: bool):
    # With every turn of more than 17 degrees (Evinger 1994), starting a little before the head.
    question = asked(beat(act("turn_head", 0.5, 9.0, yaw=35.0, speed=1.3), seconds=3.0), *flags, seed=5)
    thoughts = desk.propose(question)
    judged = desk.judged(question, thoughts, "eyes")
    answer = desk.agents["eyes"].judge(judged)
    assert answer.revision is not None
    now = tuple(answer.revision.track if track.region == "eyes" else track for track in judged.round.tracks)
    seen = view(rest(), now, 3.0)
    closed = seen.samples[INDEX["eyeBlinkLeft"], round(0.3 * RATE) : round(1.4 * RATE)]
    assert (float(closed.max()) > 0.6) == blinks


def on_the_table(*names: str) -> list[tuple[BeatOpened, Vector, tuple[Track, ...]]]:
    """A beat in which nothing moves, under vectors that differ by the digests in them."""
    tracks = tuple(keep(region, last_values(rest())) for region in REGIONS)
    opening = BeatOpened(beat=0, intent=beat(seconds=1.0), previous=None, end_state=rest())
    vectors = [
        Vector(versions=tuple(Version(region=region, incarnation=1, revision=1, digest=digest(name)) for region in REGIONS))
        for name in names
    ]
    return [(opening, vector, tracks) for vector in vectors]


def test_a_vector_is_measured_once_for_all_regions_of_a_process(tables: Tables):
    judgements = Judgements(tables)
    one, two = on_the_table("one", "two")
    first = judgements.of(*one)
    assert judgements.of(*one) is first
    assert judgements.of(*two) is not first


def test_only_the_last_vectors_are_remembered(tables: Tables):
    judgements = Judgements(tables, keep_last=2)
    one, *others = on_the_table("one", "two", "three")
    first = judgements.of(*one)
    for other in others:
        judgements.of(*other)
    assert judgements.of(*one) is not first


def test_acts_of_no_catalogue_are_refused(tables: Tables):
    stranger = Act(name="gawk", start=0.0, end=1.0)
    with pytest.raises(KeyError, match="gawk"):
        LexiconRegion(tables).propose(Question("eyes", opened(), asked(beat(stranger)).beat, None))


def test_a_decision_that_cannot_be_performed_or_is_another_planners_is_not_gone_on_with(desk: Desk):
    question = asked(beat(act("smile", 0.5, 3.0), seconds=3.0))
    answer = desk.agents["mouth"].propose(question).revision
    wild = Act(name="wiggle_everything", start=0.0, end=1.0)
    nonsense = Performance(region="mouth", moves=(Move(act=wild),))
    for earlier in (
        answer.decided.model_copy(update={"reply": nonsense.model_dump_json()}),
        answer.decided.model_copy(
            update={"planner": "stranger", "reply": Performance(region="mouth", moves=()).model_dump_json()}
        ),
        answer.decided.model_copy(update={"reply": "not a performance"}),
    ):
        again = desk.agents["mouth"].propose(replace(question, decisions=(earlier,))).revision
        assert again.track == answer.track
