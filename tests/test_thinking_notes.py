"""Notes on a take that a language model follows: what it keeps is kept to the byte, what it changes is performed."""

from __future__ import annotations

import io
import json

import pytest

from agents.director.notes import NoteError
from agents.exchange import NOTHING, unheard
from agents.thinking.answers import Noted, Unusable
from agents.thinking.director import LanguageDirector
from agents.thinking.noting import Followed, followed
from configs.tables import build
from protocol.brief import Act, Beat, Brief
from protocol.journal import JournalWriter
from protocol.messages import TakeOpened
from protocol.replay import fold
from runtime.inline import InlineBase
from runtime.options import TakeOptions
from runtime.take import TakeResult, Watch, opening, revising, run_take
from tests.llm_server import KEY, LanguageServer, gives, status
from tests.test_thinking_takes import decisions, violations
from tests.thoughts import DIRECTION, loaded, model_at, surroundings

PARENT = Brief(
    beats=(
        Beat(start=0.0, end=2.0, summary="smiles", acts=(Act(name="smile", start=0.2, end=5.0, words="smiles"),)),
        Beat(
            start=2.0,
            end=3.5,
            summary="nods",
            acts=(Act(name="smile", start=-1.8, end=3.0), Act(name="nod", start=0.1, end=1.2)),
        ),
    ),
    understood=(("smiles", "smile"),),
)


def beat(of: int, keep: bool, seconds: float = 1.5, **more):
    return {"of": of, "keep": keep, "seconds": seconds, **more}


def follow(*beats, changes=("as asked",)) -> Followed:
    noted = Noted.model_validate_json(json.dumps({"changes": list(changes), "beats": list(beats)}))
    return followed(noted, "nod less", PARENT, loaded().tables)


# ------------------------------------------------------------------------------------------------------- what becomes of beats


def test_what_is_kept_is_as_it_was_whatever_else_is_said_of_it():
    nod = {"name": "nod", "start": 0.1, "end": 1.2, "strength": 0.5, "words": "nod less"}
    made = follow(beat(0, True, 9.0, acts=[nod]), beat(1, False, acts=[nod]))

    assert made.brief.beats[0] == PARENT.beats[0]
    assert made.origin == (0, 1)
    assert [(act.name, act.strength) for act in made.brief.beats[1].acts] == [("nod", 0.5)]
    assert made.brief.beats[1].summary == "nods"
    assert made.brief.changes == ("as asked",)
    assert made.brief.understood == (("smiles", "smile"), ("nod less", "as asked"))


def test_beats_may_move_go_and_come():
    made = follow(beat(1, True), beat(-1, False, 1.0, acts=[{"name": "frown", "start": 0, "end": 1}]))

    assert [(b.start, b.end) for b in made.brief.beats] == [(0.0, 1.5), (1.5, 2.5)]
    assert made.origin == (1, None)
    assert made.brief.beats[0].acts == PARENT.beats[1].acts


def test_a_beat_has_one_successor_only():
    assert follow(beat(0, True), beat(0, True)).origin == (0, None)


def test_an_act_may_have_begun_before_its_beat_and_go_on_after_it():
    act = {"name": "smile", "start": -1.8, "end": 3.0, "strength": 0.4}
    made = follow(beat(0, True), beat(1, False, acts=[act]))

    assert [(a.start, a.end) for a in made.brief.beats[1].acts] == [(-1.8, 3.0)]


@pytest.mark.parametrize(
    ("beats", "said"),
    [
        ([beat(0, True), beat(1, True)], "nothing is changed"),
        ([beat(0, False, 59), beat(1, False, 59)], "it may last 1 to 60 s"),
        ([beat(-1, False, 0.1)], "it may last 1 to 60 s"),
        ([beat(-1, False, acts=[{"name": "smiel", "start": 0, "end": 1}])], "did you mean smile?"),
        ([beat(7, True, 0.1)], "it may last 1 to 60 s"),
    ],
)
def test_what_is_no_answer_to_a_note_is_told_to_the_model(beats, said):
    with pytest.raises(Unusable) as caught:
        follow(*beats)

    assert said in str(caught.value)


# ------------------------------------------------------------------------------------------------------------- whole revisions


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("TEXTUPORTRAY_LLM_KEY", KEY)
    with LanguageServer() as server:
        yield server


def perform(opened: TakeOpened) -> TakeResult:
    writer = JournalWriter(io.BytesIO(), lambda: None)
    result = run_take(opened, loaded(), writer, InlineBase(), Watch(lambda: 0.0))
    writer.close()
    return result


def parent_and_child(server: LanguageServer, note: str) -> tuple[TakeResult, TakeOpened]:
    options = TakeOptions(direction=DIRECTION, seconds=4.0, language_model=model_at(server.url))
    first = perform(opening(options, loaded()))
    state = fold(first.records, loaded().tables.constraints).coordinator
    assert state.opened is not None
    server.requests.clear()
    return first, revising(state.opened, state, note, loaded())


def test_a_revision_keeps_the_beats_that_the_note_does_not_touch(server):
    first, opened = parent_and_child(server, "the smile at the end should be less")
    second = perform(opened)

    assert server.stages()[0] == "note"
    assert set(server.stages()) == {"note", "opening", "round"} or set(server.stages()) == {"note", "opening"}
    assert second.timeline is not None
    assert first.timeline is not None
    assert second.timeline.beats[0] == first.timeline.beats[0]
    assert second.timeline.beats[1] != first.timeline.beats[1]
    assert second.brief is not None
    assert second.brief.changes == ("the end is weaker",)
    assert {asked.data.get("beat") for asked in server.requests[1:]} == {1}
    assert violations(second) == []


def test_the_model_is_told_the_note_and_the_take(server):
    _, opened = parent_and_child(server, 'less "smile"')
    perform(opened)
    data = server.requests[0].data

    assert (data["note"], data["direction"], data["notes_before"]) == ('less "smile"', DIRECTION, [])
    assert [beat["beat"] for beat in data["beats"]] == [0, 1]
    assert data["beats"][1]["acts"][0]["name"] == "smile"


@pytest.mark.parametrize("trouble", [status(401), gives({"changes": [], "beats": []})])
def test_without_an_answer_the_embedded_planner_reads_the_note(server, trouble):
    _, opened = parent_and_child(server, "hold the smile longer")
    server.usual = trouble
    second = perform(opened)

    assert second.brief is not None
    assert second.brief.changes
    assert "the embedded planner has read the direction" in second.brief.remarks[0]


def test_a_note_that_nobody_understands_is_refused(server):
    _, opened = parent_and_child(server, "xyzzy")
    server.usual = status(401)
    assert opened.language_model is not None

    with pytest.raises(NoteError):
        LanguageDirector(loaded().tables, opened.language_model, surroundings()).brief(opened, NOTHING, unheard)


def test_a_take_from_before_there_was_a_prompt_for_notes_has_them_read_by_the_embedded_planner(server):
    _, opened = parent_and_child(server, "hold the smile longer")
    tables = build({name: text for name, text in loaded().texts.items() if name != "prompts/note.md"})
    assert opened.language_model is not None
    brief = LanguageDirector(tables, opened.language_model, surroundings()).brief(opened, NOTHING, unheard)

    assert brief.changes
    assert server.requests == []
    assert len(decisions(perform(opened).records)) > 0
