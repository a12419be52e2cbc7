"""Replies of a language model: what is mended, what is refused, and what every valid one comes to."""

from __future__ import annotations

import json

import pytest

from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from agents.contributions import Repertoire, composition
from agents.thinking.answers import Draft, Playing, Understanding, Unusable, schema_of, tidy
from agents.thinking.drafting import brief_of, names_of
from agents.thinking.playing import performance_of
from agents.thinking.replies import json_in
from agents.thinking.requests import REPLIES, Requests, acts_of
from agents.tracks import performed
from protocol.brief import Act, Brief
from protocol.channels import CHANNELS, REGIONS, WRITABLE
from protocol.timeline import last_values, rest
from tests.thoughts import beat_of, loaded, model_at, opened_at, question

NOWHERE = "http://127.0.0.1:9/v1"
HEARD = Understanding(heard=(), mood="", seconds=0.0)


def beat(start, end, *acts, **more):
    return {"start": start, "end": end, "summary": f"{start}", "acts": list(acts), **more}


def act(name="smile", start=0.0, end=1.0, **more):
    return {"name": name, "start": start, "end": end, **more}


def brief(*beats, seconds=None, told=0.0) -> Brief:
    draft = Draft.model_validate_json(json.dumps({"seconds": told, "beats": list(beats)}))
    return brief_of(draft, HEARD, loaded().tables, seconds)


def plays(region="mouth", intent=None, **answer):
    playing = Playing.model_validate_json(json.dumps({"moves": [], **answer}))
    return performance_of(playing, question(region, opened_at(NOWHERE), intent), loaded().tables)


# ---------------------------------------------------------------------------------------------------------------- the text


@pytest.mark.parametrize(
    "raw",
    [
        '{"a": 1}',
        '  {"a": 1}\n',
        '```json\n{"a": 1}\n```',
        'Here it is:\n```\n{"a": 1}\n```\nI hope it helps!',
        '<think>{"b": 2} or so</think>{"a": 1}',
        '{"a": 1}{"a": 2}',
    ],
)
def test_the_first_object_of_a_reply_counts_whatever_is_around_it(raw):
    assert json.loads(json_in(raw)) == {"a": 1}


@pytest.mark.parametrize("raw", ["", "no", "[1, 2]", '{"a": ', "<think>for ever", "{" * 100_000])
def test_a_reply_without_an_object_is_none(raw):
    with pytest.raises(ValidationError):
        Playing.model_validate_json(json_in(raw))


def test_texts_lose_what_hides_in_them():
    assert tidy("a\x1b[31m\u202eb\r\n  c\u200b") == "a [31m b c"
    assert tidy("x" * 400, 10) == "xxxxxxxxx…"


# ---------------------------------------------------------------------------------------------------------------- numbers


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", '"1.0"', "null", "true", "[1]"])
def test_what_is_no_number_is_refused(number):
    with pytest.raises(ValidationError):
        Playing.model_validate_json('{"moves": [{"name": "smile", "start": 0, "end": 1, "strength": ' + number + "}]}")


@pytest.mark.parametrize(("given", "kept"), [(-3, 0.05), (0.7, 0.7), (900, 2.0), (1e300, 2.0)])
def test_a_number_beyond_its_range_comes_to_the_end_of_it(given, kept):
    move = Playing.model_validate_json(json.dumps({"moves": [act(strength=given)]})).moves[0]

    assert move.strength == kept


def test_capitals_and_spaces_in_names_are_no_matter_and_what_nobody_asked_for_is_left_out():
    move = Playing.model_validate_json(json.dumps({"moves": [act("Turn Head", side="LEFT", run="rm -rf /")]})).moves[0]

    assert (move.name, move.side) == ("turn_head", "left")


@pytest.mark.parametrize(
    "answer",
    [
        {"moves": [act()] * 41},
        {"moves": [], "keyframes": [{"channel": "jawOpen", "points": [{"time": n, "value": 0} for n in range(10_000)]}]},
        {"moves": [], "keyframes": [{"channel": "jawOpen", "points": []}]},
        {"moves": [act(side="up")]},
        {"moves": {}},
        {"beats": []},
    ],
)
def test_too_much_or_of_another_shape_is_refused(answer):
    with pytest.raises(ValidationError):
        Playing.model_validate_json(json.dumps(answer))


# ---------------------------------------------------------------------------------------------------------------- schemas


@pytest.mark.parametrize("stage", REPLIES)
def test_schemas_are_strict_and_name_only_what_there_is(stage):
    tables = loaded().tables
    role = "head" if stage in ("opening", "round") else "director"
    system, schema = Requests(tables, model_at(NOWHERE)).system(role, stage)

    def check(node):
        if isinstance(node, dict):
            if "properties" in node:
                assert node["required"] == list(node["properties"])
                assert node["additionalProperties"] is False
            assert not {"default", "title", "enumerates"} & {name for name in node if name != "properties"}
            for value in node.values():
                check(value)
        elif isinstance(node, list):
            for value in node:
                check(value)

    check(schema)
    if stage == "opening":
        names = schema["$defs"]["Chosen"]["properties"]["name"]["enum"]
        assert names == [name for name, _ in acts_of(tables, "head")]
        assert "nod" in names
        assert "smile" not in names
        assert schema["$defs"]["DrawnLine"]["properties"]["channel"]["enum"] == list(WRITABLE["head"])
    assert json.dumps(schema, ensure_ascii=False, separators=(",", ":")) in system


def test_a_catalogue_tells_of_every_act_and_no_placeholder_is_left():
    requests = Requests(loaded().tables, model_at(NOWHERE))

    director, _ = requests.system("director", "draft")
    for name in names_of(loaded().tables)["acts"]:
        assert f"\n- {name}: " in director
    for role, stage in (("director", "revise"), ("eyes", "round"), ("mouth", "opening")):
        assert "{{" not in requests.system(role, stage)[0]


# ------------------------------------------------------------------------------------------------------------------ briefs


def test_beats_are_put_in_order_and_tile_the_take():
    made = brief(beat(2.5, 4, act("smile", 2.5, 4)), beat(0.4, 2, act("nod", 0.5, 1.5)), seconds=4.0)

    assert [(b.start, b.end, b.summary) for b in made.beats] == [(0.0, 2.5, "0.4"), (2.5, 4.0, "2.5")]
    assert [(a.name, a.start, a.end) for a in made.beats[1].acts] == [("smile", 0.0, 1.5)]


def test_an_act_that_reaches_into_later_beats_is_told_in_each_of_them():
    made = brief(beat(0, 2, act("smile", 0.5, 5)), beat(2, 3, act("nod", 2.2, 2.8)), beat(3, 5), seconds=5.0)

    assert [[(a.name, a.start, a.end) for a in b.acts] for b in made.beats] == [
        [("smile", 0.5, 5.0)],
        [("smile", -1.5, 3.0), ("nod", 0.2, 0.8)],
        [("smile", -2.5, 2.0)],
    ]


def test_beats_too_short_to_be_told_are_joined():
    made = brief(beat(0, 1, act()), beat(0.1, 0.2), beat(1, 2), beat(1.9, 2), seconds=2.0)

    assert [(b.start, b.summary) for b in made.beats] == [(0.0, "0; 0.1"), (1.0, "1; 1.9")]


@pytest.mark.parametrize(
    ("asked", "told", "end", "seconds"),
    [(None, 7.0, 7.0, 7.0), (None, 0.0, 6.0, 6.0), (None, 900.0, 900.0, 20.0), (None, 0.5, 0.5, 3.0), (5.0, 9.0, 9.0, 5.0)],
)
def test_the_length_is_what_was_asked_for_or_else_what_the_draft_says_within_bounds(asked, told, end, seconds):
    made = brief(beat(0, end, act("smile", 0, end)), seconds=asked, told=told)

    assert made.seconds == seconds


def test_a_draft_that_is_too_long_is_squeezed_and_one_that_is_too_short_is_not_stretched():
    long = brief(beat(0, 4, act("smile", 1, 3)), beat(4, 8, act("nod", 6, 7)), seconds=4.0, told=8.0)
    short = brief(beat(0, 1, act("smile", 0.2, 0.9)), beat(1, 2, act("nod", 1.2, 1.8)), seconds=4.0, told=2.0)

    assert [(b.start, b.end) for b in long.beats] == [(0.0, 2.0), (2.0, 4.0)]
    assert long.beats[1].acts[0].start == 1.0
    assert [(b.start, b.end) for b in short.beats] == [(0.0, 1.0), (1.0, 4.0)]
    assert short.beats[1].acts[0].start == 0.2


def test_limits_on_a_region_are_limits_on_its_channels():
    limit = {"channels": ["head", "jawOpen", "mouthSmile"], "most": 0.1, "start": 0, "end": 3}
    made = brief(beat(0, 3, act("smile", 0, 2), limits=[limit], stills=[{"start": 1, "end": 9}]), seconds=3.0)

    assert made.beats[0].limits[0].channels == (*WRITABLE["head"], "jawOpen", "mouthSmileLeft", "mouthSmileRight")
    assert (made.beats[0].stills[0].start, made.beats[0].stills[0].end) == (1.0, 3.0)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (beat(0, 1, act("smiel")), "there is no gesture or state called 'smiel'; did you mean smile?"),
        (
            beat(0, 1, act(), limits=[{"channels": ["jaw"], "most": 0, "start": 0, "end": 1}]),
            "no region or channel called 'jaw'",
        ),
        (beat(0, 1), 'a face at rest is the act "neutral"'),
    ],
)
def test_what_names_nothing_is_told_to_the_model(given, said):
    with pytest.raises(Unusable) as caught:
        brief(given, seconds=3.0)

    assert said in str(caught.value)


# -------------------------------------------------------------------------------------------------------------- performances


def test_a_move_serves_its_act_with_that_acts_words_and_company():
    intent = beat_of(Act(name="look", start=0.5, end=3.0, yaw=20.0, regions=("eyes",), words="only her eyes go left"))
    made = plays("eyes", intent, moves=[act("look", 0.55, 3, act=1, yaw=20)])

    move = next(move for move in made.moves if not move.idle)
    assert (move.act.words, move.act.regions, move.act.start) == ("only her eyes go left", ("eyes",), 0.55)
    assert any(move.idle for move in made.moves)
    assert made.wandering


def test_an_act_that_began_before_and_goes_on_after_goes_on_along_its_curve():
    intent = beat_of(Act(name="smile", start=-1.5, end=4.0), seconds=2.0)

    move = plays("mouth", intent, moves=[act("smile", 0, 2, act=1)]).moves[0]

    assert (move.act.start, move.act.end) == (-1.5, 4.0)


def test_a_drawn_line_is_sorted_brought_into_range_and_seen():
    points = [{"time": 9, "value": 0}, {"time": 1, "value": 3, "mode": "min_jerk"}, {"time": 0.5, "value": -4}]
    made = plays("mouth", keyframes=[{"channel": "jawOpen", "points": points}])
    intent = beat_of(Act(name="smile", start=0.2, end=2.0))

    assert [(drawn.channel, drawn.points) for drawn in made.curves] == [
        ("jawOpen", ((0.5, 0.0, "smooth"), (1.0, 1.0, "min_jerk"), (3.0, 0.0, "smooth")))
    ]
    track = performed(loaded().tables, made, intent, last_values(rest()))
    assert max(key.value for key in track.curve("jawOpen").keys) > 0.9
    assert any(track.sources[key.source].gesture == "drawn" for key in track.curve("jawOpen").keys)


def test_a_drawn_line_is_told_apart_by_whoever_asks_where_a_value_comes_from():
    tables = loaded().tables
    lines = [{"channel": "jawOpen", "points": [{"time": 0.5, "value": 0}, {"time": 1, "value": 0.8}]}]
    asked = question("mouth", opened_at(NOWHERE))
    made = plays("mouth", keyframes=lines, moves=[act("smile", 0.2, 2, act=1)])
    repertoire = Repertoire(tables.gestures, tables.emotions, tables.behaviour, tables.constraints)

    found = composition(repertoire, made, asked.beat, "jawOpen", 1.5)
    assert [(part.source.gesture, part.value) for part in found.parts] == [("drawn", 0.8)]


@pytest.mark.parametrize(
    ("region", "answer", "said"),
    [
        ("head", {"moves": [act("smile")]}, "smile is nothing that the head can do"),
        ("mouth", {"moves": [act("smirk_badly")]}, "there is no move called 'smirk_badly'"),
        ("mouth", {"keyframes": [{"channel": "headYaw", "points": [{"time": 0, "value": 0}]}]}, "belongs to the head"),
        ("eyes", {"keyframes": [{"channel": "eyeLookInLeft", "points": [{"time": 0, "value": 0}]}]}, "no channel called"),
        ("mouth", {"keyframes": [{"channel": "../../etc/passwd", "points": [{"time": 0, "value": 0}]}]}, "no channel called"),
    ],
)
def test_what_is_not_the_regions_is_told_to_the_model(region, answer, said):
    with pytest.raises(Unusable) as caught:
        plays(region, **answer)

    assert said in str(caught.value)


# ------------------------------------------------------------------------------------------------- whatever the schema allows

TIMES = st.floats(0, 3600, allow_nan=False)
SHORT = st.floats(0, 25, allow_nan=False)
SIDES = st.sampled_from(["both", "left", "right"])
FACTORS = {"strength": st.floats(0.05, 2), "speed": st.floats(0.2, 3), "side": SIDES, "count": st.integers(0, 30)}
AIMS = {"yaw": st.floats(-60, 60), "pitch": st.floats(-40, 40)}


def moments(times=SHORT):
    return {"start": times, "end": times}


@st.composite
def drafts(draw):
    names = names_of(loaded().tables)
    acts = st.fixed_dictionaries(
        {
            "name": st.sampled_from(names["acts"]),
            **moments(),
            **FACTORS,
            **AIMS,
            "only": st.lists(st.sampled_from(REGIONS), max_size=4),
            "words": st.text(max_size=20),
        }
    )
    limits = st.fixed_dictionaries(
        {"channels": st.lists(st.sampled_from(names["parts"]), min_size=1, max_size=3), "most": st.floats(0, 60), **moments()}
    )
    beats = st.fixed_dictionaries(
        {
            **moments(),
            "summary": st.text(max_size=20),
            "acts": st.lists(acts, min_size=1, max_size=4),
            "limits": st.lists(limits, max_size=2),
            "stills": st.lists(st.fixed_dictionaries(moments()), max_size=2),
        }
    )
    return {"seconds": draw(TIMES), "beats": draw(st.lists(beats, min_size=1, max_size=6)), "unread": []}


@settings(max_examples=60)
@given(drafts(), st.one_of(st.none(), st.floats(0.2, 30).map(lambda seconds: round(seconds, 4))))
def test_every_valid_draft_is_a_brief_of_the_length_asked_for(given_, seconds):
    made = brief_of(Draft.model_validate_json(json.dumps(given_)), HEARD, loaded().tables, seconds)

    again = Brief.model_validate_json(made.model_dump_json())
    assert again == made
    assert made.seconds == seconds if seconds is not None else 3.0 <= made.seconds <= 20.0


@st.composite
def answers(draw):
    region = draw(st.sampled_from(REGIONS))
    names = [name for name, _ in acts_of(loaded().tables, region)]
    moves = st.fixed_dictionaries(
        {"act": st.integers(0, 3), "name": st.sampled_from(names), **moments(), **FACTORS, **AIMS, "why": st.just("")}
    )
    modes = st.sampled_from(["hold", "linear", "ease_in", "ease_out", "ease_in_out", "smooth", "cubic", "min_jerk", "spring"])
    points = st.fixed_dictionaries({"time": SHORT, "value": st.floats(-60, 60), "mode": modes})
    lines = st.fixed_dictionaries(
        {"channel": st.sampled_from(WRITABLE[region]), "points": st.lists(points, min_size=1, max_size=8), "why": st.just("")}
    )
    answer = {"moves": draw(st.lists(moves, max_size=5)), "keyframes": draw(st.lists(lines, max_size=3))}
    return region, answer


@settings(max_examples=60)
@given(answers(), st.sampled_from([0.3, 1.0, 4.0]))
def test_every_valid_answer_is_a_track_of_the_regions_own(answer, seconds):
    region, given_ = answer
    intent = beat_of(Act(name="smile", start=-0.5, end=2.0), Act(name="look", start=0.1, end=3.0, yaw=30.0), seconds=seconds)
    made = plays(region, intent, **given_)

    track = performed(loaded().tables, made, intent, last_values(rest()))
    assert track.region == region
    assert all(CHANNELS[curve.channel].region == region for curve in track.curves)


def test_schemas_can_be_read_back_by_what_they_are_of():
    schema = schema_of(Draft, {"acts": ["smile"], "parts": ["head"], "channels": []})

    assert schema["$defs"]["DraftAct"]["properties"]["name"] == {"type": "string", "enum": ["smile"]}
    assert schema["$defs"]["DraftLimit"]["properties"]["channels"]["items"]["enum"] == ["head"]
