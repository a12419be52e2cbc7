"""The pool of renderers without Ray: who prepares, who gets the rig, who is asked again, and who is given up."""

from __future__ import annotations

import pytest

from ray.exceptions import ActorUnschedulableError, NodeDiedError, OutOfMemoryError, RuntimeEnvSetupError

from protocol.wire import encode
from renderer.casting import FaceError
from renderer.errors import DeviceLost
from runtime.onray import pool as module
from runtime.onray.actors import Part, is_death
from runtime.onray.placement import Node
from runtime.options import UsageError
from runtime.studio import Stage
from runtime.take_error import TakeError
from tests.pooling import DIED, LOST, SILENT, STAGE, Audience, Dispatching, House, chunk, raised, rendered

KILLED = OutOfMemoryError("Task was killed due to the node running low on memory.")
ENDS = [ActorUnschedulableError("no such node"), NodeDiedError("gone"), KILLED, RuntimeEnvSetupError("no such package")]


@pytest.fixture
def house(monkeypatch):
    return House(monkeypatch)


# ------------------------------------------------------------------------------------------------------------- portrait


def test_the_first_that_is_up_prepares_and_the_others_get_its_rig_when_it_has(house):
    house.pool.start()
    stage = house.prepare(
        lambda: house.up(1),
        lambda: house.up(0),
        lambda: house.answer(1, "prepare", STAGE),
    )
    assert stage is STAGE
    assert house.actors[1].asked == ["warm", "prepare"]
    assert house.actors[0].asked == ["warm", "furnish"]
    assert house.actors[0].calls[-1].words == ("second of 3", "one", "portrait one", None, "keep", False)


def test_a_portrait_that_stands_ready_is_not_prepared_again(house):
    house.furnished()
    house.pool.end()
    assert house.prepare() is STAGE
    assert house.actors[0].asked == ["warm", "prepare"]


def test_calls_that_are_lost_before_a_take_are_made_again(house):
    house.pool.start()
    for method in ("ping", "warm"):
        for number in range(2):
            house.answer(number, method, SILENT)
        house.settle(1)
        for number in range(2):
            house.answer(number, method)
    house.prepare(
        lambda: house.answer(0, "prepare", SILENT),
        lambda: house.settle(1),
        lambda: house.answer(0, "prepare", STAGE),
    )
    house.answer(1, "furnish", SILENT)
    house.settle(1)
    house.answer(1, "furnish")
    assert house.actors[0].asked == ["warm", "warm", "prepare", "prepare"]
    assert house.actors[1].asked == ["warm", "warm", "furnish", "furnish"]
    assert house.begun(Part(1, "take")).heard == [("ready", "renderer-1"), ("ready", "renderer-2")]


def test_if_the_one_that_prepares_dies_another_does_and_nobody_else_is_held_for_dead(house):
    house.pool.start()
    house.up(0, 1)
    house.prepare(lambda: house.answer(0, "prepare", DIED), lambda: house.answer(1, "prepare", STAGE))
    house.up(2)
    assert house.actors[1].asked == ["warm", "prepare"]
    assert house.actors[2].asked == ["warm", "furnish"]
    assert [actor.name for actor in house.actors] == ["renderer-1", "renderer-2", "renderer-3"]


def test_a_rig_that_is_lost_with_its_node_is_prepared_once_more_by_one_of_those_that_need_it(house):
    audience = house.furnished()
    house.pool.dismiss("renderer-1", "its node is gone")
    house.pool.dismiss("renderer-2", "its node is gone")
    house.up(2, 3)
    house.answer(2, "furnish", raised(LOST))
    house.answer(3, "furnish", raised(LOST))
    assert [actor.asked[2:] for actor in house.actors[2:]] == [["prepare"], []]
    house.answer(2, "prepare", STAGE)
    house.answer(3, "furnish")
    assert audience.heard[-2:] == [("ready", "renderer-3"), ("ready", "renderer-4")]


def test_a_portrait_that_cannot_be_animated_is_refused_and_the_next_is_prepared(house):
    house.pool.start()
    house.up(0)
    with pytest.raises(FaceError, match="no face"):
        house.prepare(lambda: house.answer(0, "prepare", raised(FaceError("no face"))))
    assert house.prepare(lambda: house.answer(0, "prepare", STAGE), key="two") is STAGE
    assert house.actors[0].calls[-1].words == ("two", "portrait two", None, "keep", False)
    assert len(house.actors) == 2


def test_an_answer_for_a_portrait_that_was_given_up_is_not_taken_for_the_next(house):
    house.pool.start()
    house.up(0)
    with pytest.raises(TakeError, match="stopped by the test"):
        house.prepare()
    old, other = house.actors[0].open[0], Stage("1" * 64, (1, 1), (0, 0, 1, 1), {}, (), {})
    found = house.prepare(
        lambda: old.done.set_result(STAGE), house.settle, lambda: house.answer(0, "prepare", other), key="two"
    )
    assert found is other


def test_a_process_whose_device_is_lost_is_replaced_before_it_is_held_against_the_portrait(house):
    house.pool.start()
    house.up(0)
    house.prepare(
        lambda: house.answer(0, "prepare", raised(DeviceLost("gone"))),
        lambda: house.up(1),
        lambda: house.answer(1, "prepare", STAGE),
    )
    assert house.actors[0].ended


@pytest.mark.parametrize("error", ENDS, ids=lambda error: type(error).__name__)
def test_a_process_that_ray_has_ended_while_it_loaded_is_replaced_before_it_is_held_against_the_portrait(house, error):
    house.pool.start()
    house.answer(0, "ping", 1)
    house.answer(0, "warm", error)
    assert len(house.actors) == 3
    house.up(1)
    assert house.prepare(lambda: house.answer(1, "prepare", STAGE)) is STAGE
    assert house.actors[0].asked == ["warm"]


@pytest.mark.parametrize("error", [DIED, *ENDS], ids=lambda error: type(error).__name__)
def test_what_a_process_has_met_is_not_its_own_end(error):
    assert is_death(error)
    assert not is_death(raised(error))


def test_one_that_cannot_take_the_rig_is_replaced(house):
    house.pool.start()
    house.up(0, 1)
    house.prepare(lambda: house.answer(0, "prepare", STAGE))
    house.answer(1, "furnish", raised(MemoryError()))
    assert house.actors[1].ended
    assert len(house.actors) == 3


# ------------------------------------------------------------------------------------------------------------ rendering


def test_a_chunk_that_is_silent_is_asked_for_again_under_its_attempt_and_counts_once(house):
    audience = house.furnished()
    house.pool.assign("renderer-1", *chunk())
    first = house.actors[0].open[0]
    house.answer(0, "render", SILENT)
    house.answer(0, "ping", SILENT)
    house.settle(1)
    house.answer(0, "ping", 7)
    again = house.actors[0].open[0]
    assert (again.method, again.words[:2]) == ("render", first.words[:2])
    house.answer(0, "render", rendered())
    assert audience.heard[2:] == [("quiet", "renderer-1"), ("ready", "renderer-1"), ("chunk 0", "renderer-1")]


def test_it_counts_what_had_to_be_rendered_for_the_frames_that_it_has(house):
    house.furnished()
    for number, drawn in enumerate((16, 0, 3)):
        house.pool.assign("renderer-1", *chunk(number))
        house.answer(0, "render", rendered(number, drawn=drawn))
    assert house.pool.drawn == 19
    house.pool.assign("renderer-1", *chunk(0, 2))  # those of the first attempt were lost
    house.answer(0, "render", rendered(0, 2, drawn=4))
    assert house.pool.drawn == 7
    house.pool.end()
    house.begun(Part(2, "take"))
    assert house.pool.drawn == 0


def test_two_answers_to_one_chunk_are_one(house):
    audience = house.furnished()
    for number in range(2):
        house.pool.assign("renderer-1", *chunk(number))
    house.answer(0, "render", SILENT)
    house.answer(0, "ping", 7)
    for _ in range(2):  # of chunk 1, which was asked for before it was known that chunk 0 was in doubt, and again after
        call = next(call for call in house.actors[0].open if call.words[1] == encode(chunk(1)[0]))
        call.done.set_result(rendered(1))
        house.settle()
    assert [what for what, _ in audience.heard].count("chunk 1") == 1


def test_one_that_gives_no_sign_of_life_is_replaced(house):
    audience = house.furnished()
    house.pool.assign("renderer-1", *chunk())
    house.answer(0, "render", SILENT)
    house.settle(module.QUIET_SECONDS)  # the ping has no answer at all
    assert house.actors[0].ended
    assert audience.heard[-1] == ("gone", "renderer-1")
    assert len(house.actors) == 3


def test_the_time_for_a_chunk_begins_when_the_one_before_it_is_done(house):
    audience = house.furnished()
    for number in range(2):
        house.pool.assign("renderer-1", *chunk(number))
    house.settle(400)
    house.answer(0, "render", rendered(0))
    house.settle(400)
    assert not house.actors[0].ended
    house.settle(200)
    assert house.actors[0].ended
    assert audience.heard[-1] == ("gone", "renderer-1")


def test_an_answer_for_an_earlier_take_of_the_same_words_is_not_taken_for_the_next(house):
    house.furnished()
    house.pool.assign("renderer-1", *chunk())
    old = house.actors[0].open[0]
    house.pool.end()
    audience = house.begun(Part(2, "take"))
    house.pool.assign("renderer-1", *chunk())
    old.done.set_result(rendered())
    house.settle()
    assert [what for what, _ in audience.heard] == ["ready", "ready"]
    house.answer(0, "render", rendered())
    assert audience.heard[-1] == ("chunk 0", "renderer-1")
    assert house.actors[0].calls[-1].words[0] == Part(2, "take", cast="one")


def test_the_time_for_a_chunk_of_an_earlier_take_does_not_end_the_next(house):
    house.furnished()
    house.pool.assign("renderer-1", *chunk())
    house.pool.end()
    house.settle(500)
    house.begun(Part(2, "take"))
    house.pool.assign("renderer-1", *chunk())
    house.settle(200)
    assert not house.actors[0].ended


def test_who_takes_a_place_in_a_take_gets_the_portrait_and_is_asked_then(house):
    audience = house.furnished()
    house.pool.assign("renderer-1", *chunk())
    house.answer(0, "render", DIED)
    assert audience.heard[-1] == ("gone", "renderer-1")
    house.up(2)
    house.answer(2, "furnish")
    assert audience.heard[-1] == ("ready", "renderer-3")


def test_an_error_of_the_actor_itself_ends_its_process(house):
    audience = house.furnished()
    house.pool.assign("renderer-1", *chunk())
    house.answer(0, "render", raised(AssertionError()))
    assert house.actors[0].ended
    assert audience.heard[-1] == ("gone", "renderer-1")


# ---------------------------------------------------------------------------------------------- those who are gone unseen


def test_nobody_is_given_a_chunk_who_had_nothing_to_do_and_gave_no_sign_of_life_since(house):
    house.furnish()
    audience = Audience()
    house.pool.begin(Part(1, "take"), audience)
    assert ("ready", "renderer-1") not in audience.heard
    house.answer(0, "ping", 1)
    assert audience.heard[-1] == ("ready", "renderer-1")
    house.answer(1, "ping", 2)
    house.pool.assign("renderer-1", *chunk())
    house.answer(0, "render", DIED)
    assert audience.heard[-2:] == [("quiet", "renderer-2"), ("gone", "renderer-1")]  # before the chunk is handed on
    house.answer(1, "ping", 2)
    assert audience.heard[-1] == ("ready", "renderer-2")


def test_who_works_is_not_asked_for_a_sign_of_life_when_another_ends(house):
    audience = house.furnished()
    for number in range(2):
        house.pool.assign(f"renderer-{number + 1}", *chunk(number))
    house.answer(0, "render", DIED)
    assert audience.heard[-1] == ("gone", "renderer-1")
    assert [call.method for call in house.actors[1].open] == ["render"]


def test_a_node_of_several_renderers_that_goes_away_costs_a_chunk_one_strike_at_most(monkeypatch):
    house = House(monkeypatch, workers=6)
    house.furnish()
    take = Dispatching(house, 6)
    take.render(1, 2, 3)  # three of the four on the node have nothing left to do; one renders, and two elsewhere
    for number in range(4):
        house.actors[number].die()
    house.live()
    assert take.state.given_up is None
    for _ in range(2):
        take.render(4, 5)
    assert take.written == list(range(6))
    assert take.ended == [""]


def test_renderers_that_ended_while_nobody_rendered_cost_no_chunk(monkeypatch):
    house = House(monkeypatch, workers=4)
    house.furnish()
    for number in range(3):
        house.actors[number].die()
    take = Dispatching(house, 1)
    assert [one.name for one in take.state.renderers] == ["renderer-4"]
    take.render(3)
    assert take.ended == [""]


@pytest.mark.parametrize("error", [MemoryError(), KILLED], ids=lambda error: type(error).__name__)
def test_an_error_is_no_sign_of_life(house, error):
    audience = house.furnished()
    house.pool.assign("renderer-1", *chunk())
    house.answer(0, "render", SILENT)
    house.answer(0, "ping", error if error is KILLED else raised(error))
    assert audience.heard[-1] == ("gone", "renderer-1")


# ------------------------------------------------------------------------------------------------- chunks that end them


@pytest.mark.parametrize(("workers", "deadly"), [(1, {1}), (1, {1, 2}), (1, {1, 2, 3, 4}), (2, {1, 2, 3, 4})])
def test_neighbouring_chunks_that_end_whoever_renders_them_are_named_when_all_others_are_rendered(monkeypatch, workers, deadly):
    house = House(monkeypatch, workers=workers)
    house.furnish()
    take = Dispatching(house, 8)
    take.play(deadly=frozenset(deadly))
    (error,) = take.ended
    assert error.startswith("frames 16 to 31 could not be rendered: the renderer ended: ActorDiedError")
    others = {1: "", 2: "; 1 other chunk", 4: "; 3 other chunks"}[len(deadly)]
    assert f"(tried 3 times){others}" in error
    assert "After that" not in error


def test_if_every_chunk_ends_its_renderer_the_first_is_named_and_that_nobody_is_left(monkeypatch):
    house = House(monkeypatch, workers=1)
    house.furnish()
    take = Dispatching(house, 100)
    take.play(deadly=frozenset(range(100)))
    (error,) = take.ended
    assert error.startswith("frames 0 to 15 could not be rendered: the renderer ended: ")
    assert "After that: every renderer has ended, and so have" in error
    assert len(house.actors) <= 1 + 3 * module.REPLACEMENTS


# --------------------------------------------------------------------------------------------------- who is there or not


def test_when_all_have_ended_again_and_again_the_take_is_told_and_the_next_begins_anew(monkeypatch):
    house = House(monkeypatch, workers=1)
    audience = house.furnished()
    for number in range(1 + module.REPLACEMENTS):
        house.pool.dismiss(f"renderer-{number + 1}", "it is no good")
    house.settle(module.LOOK_SECONDS)
    assert audience.heard[-1][0] == "starved"
    assert "it is no good" in audience.heard[-1][1]
    house.pool.end()
    again = Audience()
    house.pool.begin(Part(2, "take"), again)
    number = len(house.actors) - 1
    house.up(number)
    house.answer(number, "furnish")
    assert again.heard == [("ready", f"renderer-{number + 1}")]


def test_one_take_after_the_other_is_looked_after_once_each(house):
    house.furnished()
    looked: list[int] = []
    for number in range(2, 6):
        house.pool.end()
        house.pool.begin(Part(number, "take"), Audience())
    lack = house.pool._lack

    def counted() -> str | None:
        looked.append(1)
        return lack()

    house.pool._lack = counted
    house.settle(module.LOOK_SECONDS)
    assert len(looked) == 1


def test_if_none_starts_in_time_it_is_said_why(house):
    house.pool.start()
    house.machines = [Node(id="n", name="n", total={"CPU": 8.0}, available={"CPU": 0.0})]
    with pytest.raises(TakeError, match=r"within 30 s: No worker could start.*0 CPU"):
        house.prepare(lambda: house.settle(29), lambda: house.settle(1))


@pytest.mark.parametrize("free", [0.0, 8.0], ids=["ours take all there is", "there is more"])
def test_renderers_that_have_their_place_may_load_for_longer(house, free):
    house.pool.start()
    house.answer(1, "ping", 1)
    house.machines = [Node(id="n", name="n", total={"CPU": 8.0}, available={"CPU": free})]
    house.settle(module.SLOW * 30 - 1)
    assert house.prepare(lambda: house.answer(1, "warm"), lambda: house.answer(1, "prepare", STAGE)) is STAGE


def test_renderers_that_never_come_to_an_end_with_loading_are_named_so_and_where_they_say_why(house):
    house.pool.start()
    house.answer(0, "ping", 1)
    house.machines = [Node(id="n", name="n", total={"CPU": 8.0}, available={"CPU": 0.0})]
    with pytest.raises(TakeError, match=r"within 120 s: they have started, and still load .* See .*/logs/worker-\*\.err$"):
        house.prepare(lambda: house.settle(119), lambda: house.settle(1))


def test_where_they_say_why_is_on_their_machines_if_there_are_several(house):
    house.machines *= 2
    house.pool.start()
    with pytest.raises(TakeError, match=r"they do not start\. See .*worker-\*\.err on the machines where they ran$"):
        house.prepare(lambda: house.settle(119), lambda: house.settle(1))


def test_a_portrait_that_takes_long_is_not_a_renderer_that_does_not_start(house):
    house.pool.start()
    house.up(0)
    assert house.prepare(lambda: house.settle(100), lambda: house.answer(0, "prepare", STAGE)) is STAGE


def test_if_no_node_that_is_left_can_have_one_that_is_said_at_once(house):
    house.furnished()
    house.pool.end()
    audience = Audience()
    house.machines = [Node(id="n", name="n", total={"CPU": 0.0}, available={"CPU": 0.0})]
    for number in range(2):
        house.pool.dismiss(f"renderer-{number + 1}", "its node is gone")
    house.pool.begin(Part(2, "take"), audience)
    assert audience.heard[-1][0] == "starved"
    assert "1 CPU" in audience.heard[-1][1]


def test_what_the_cluster_can_never_have_is_refused_before_anything_starts(monkeypatch):
    house = House(monkeypatch, gpus=1.0)
    with pytest.raises(UsageError, match="GPU"):
        house.pool.start()
    assert house.actors == []


def test_who_takes_the_place_of_one_with_a_gpu_asks_for_one_too(monkeypatch):
    house = House(monkeypatch, workers=1)
    house.machines = [Node(id="n", name="n", total={"CPU": 8.0, "GPU": 1.0}, available={"CPU": 8.0, "GPU": 1.0})]
    house.furnished()
    house.machines = [Node(id="m", name="m", total={"CPU": 8.0}, available={"CPU": 8.0})]
    house.pool.dismiss("renderer-1", "its node is gone")
    assert [asked["num_gpus"] for asked in house.asked] == [1.0, 1.0]


def test_all_processes_are_ended_at_the_end(house):
    house.furnished()
    house.pool.close()
    assert all(actor.ended for actor in house.actors)
