"""What the embedded planner makes of directions: which acts, in which order, when and how."""

from __future__ import annotations

import itertools

import pytest

from agents.director.lexicon import LexiconPlanner
from protocol.brief import Act, Brief
from tests.directing import PLANNER


@pytest.fixture(scope="module")
def planner() -> LexiconPlanner:
    return PLANNER


def acts(brief: Brief) -> list[tuple[float, float, Act]]:
    """Each act once, (start, end) on the take's clock, in order of start."""
    found: dict[tuple[str, float, str], tuple[float, float, Act]] = {}
    for beat in brief.beats:
        for act in beat.acts:
            start, end = round(beat.start + act.start, 3), round(beat.start + act.end, 3)
            key = (act.name, start, act.side)
            if key not in found or end < found[key][1]:
                found[key] = (start, end, act)
    return sorted(found.values(), key=lambda item: item[0])


def only(brief: Brief, name: str) -> tuple[float, float, Act]:
    """The one act of a name."""
    mine = [item for item in acts(brief) if item[2].name == name]
    assert len(mine) == 1, [item[2].name for item in acts(brief)]
    return mine[0]


@pytest.mark.parametrize(
    ("direction", "expected"),
    [
        # states, whatever the word class
        ("The girl is overjoyed.", ["joy"]),
        ("He looks sadly at us.", ["look_at_camera", "sadness"]),
        ("A wave of fury comes over her.", ["anger"]),
        ("She is petrified with terror.", ["fear"]),
        ("His face shows nothing but disgust.", ["disgust"]),
        ("She is torn between fear and anger.", ["fearfully_angry"]),
        ("He looks both shocked and delighted.", ["happily_surprised", "joy"]),
        ("She is sad, yet afraid.", ["sadly_fearful"]),
        ("A look of pity crosses his face.", ["sympathy"]),
        ("He gives us a smug look.", ["look_at_camera", "smugness"]),
        ("Ashamed, she lowers her gaze.", ["shame", "look"]),
        ("Tears of joy fill her eyes.", ["bittersweet"]),
        # gestures
        ("He blows out a candle.", ["blow_air"]),
        ("Her nose wrinkles and her upper lip curls.", ["wrinkle_nose", "curl_lip"]),
        ("She bites her lower lip.", ["bite_lip"]),
        ("He clenches his jaw and flares his nostrils.", ["clench_jaw", "wrinkle_nose"]),
        ("She cocks her head to one side.", ["tilt_head"]),
        ("His eyes dart about.", ["dart_eyes"]),
        ("She looks around the room.", ["scan"]),
        ("Tongue out!", ["stick_tongue_out"]),
        ("He lets out a long sigh.", ["sigh"]),
        ("The lips part; the brows lift.", ["open_mouth", "raise_brows"]),
        ("Eyes closed, mouth open.", ["close_eyes", "open_mouth"]),
        ("With raised eyebrows and an open mouth, he stares at the camera.", ["raise_brows", "open_mouth", "look_at_camera"]),
        # spoken to a machine, badly spelt, in signs
        ("Please make her blink.", ["blink"]),
        ("SMILE, DAMN IT!", ["smile"]),
        ("he truns his haed to the left", ["turn_head"]),
        ("sudenly she is suprised", ["surprise", "interest"]),
        ("(sighs) (rolls eyes) (looks away)", ["sigh", "roll_eyes", "avert_gaze"]),
        ("- smile\n- frown\n- wink", ["smile", "furrow_brows", "frown", "wink"]),
        ("1. Smile.\n2. Nod.", ["smile", "nod"]),
        ("smile -> pout", ["smile", "pout"]),
        ("😢", ["cry", "crying"]),
        ("She doesn\u2019t know what to do\u2026 and shrugs.", ["confusion", "shrug"]),
        # what she is not
        ("He can't help smiling.", ["smile"]),
        ("She couldn't be happier.", ["joy"]),
        ("She's not amused.", ["boredom"]),
    ],
)
def test_directions_call_for_the_acts_that_they_name(planner: LexiconPlanner, direction: str, expected: list[str]) -> None:
    assert [act.name for _, _, act in acts(planner.plan(direction, None))] == expected


@pytest.mark.parametrize(
    ("direction", "order"),
    [
        ("She yawns, then blinks.", ["yawn", "blink"]),
        ("Before laughing, she raises her eyebrows.", ["raise_brows", "laugh"]),
        ("She nods before she closes her eyes.", ["nod", "close_eyes"]),
        ("After nodding, he sneezes.", ["nod", "sneeze"]),
        ("He sneezes after a deep breath.", ["deep_breath", "sneeze"]),
        ("Having sighed, he smiles.", ["sigh", "smile"]),
        ("First he blinks, next he pouts, last he sticks out his tongue.", ["blink", "pout", "stick_tongue_out"]),
        ("She winks, sticks out her tongue and laughs.", ["wink", "stick_tongue_out", "laugh"]),
        ("Her joy turns into sorrow.", ["joy", "sadness"]),
        ("His expression changes from anger to surprise.", ["anger", "surprise"]),
        ("Her smile gives way to a pout.", ["smile", "pout"]),
        ("He frowns until he hears his name.", ["furrow_brows", "interest"]),
        ("She hears a loud bang, and turns her head to the left.", ["startle", "turn_head"]),
    ],
)
def test_what_comes_later_in_the_story_comes_later(planner: LexiconPlanner, direction: str, order: list[str]) -> None:
    brief = planner.plan(direction, 9.0)
    starts = [min(start for start, _, act in acts(brief) if act.name == name) for name in order]
    assert all(late - early >= 0.4 for early, late in itertools.pairwise(starts)), starts


@pytest.mark.parametrize(
    ("direction", "names"),
    [
        ("She shakes her head while frowning.", ["shake_head", "frown"]),
        ("As he leans in, his eyes narrow.", ["lean_in", "squint"]),
        ("She grins, tilting her head.", ["grin", "tilt_head"]),
        ("He nods and blinks at the same time.", ["nod", "blink"]),
        ("She hums with her eyes closed.", ["sing", "close_eyes"]),
        ("He chews gum, bored.", ["chew", "boredom"]),
        ("The brows rise and at the same moment the mouth opens.", ["raise_brows", "open_mouth"]),
    ],
)
def test_what_goes_together_begins_together(planner: LexiconPlanner, direction: str, names: list[str]) -> None:
    starts = [only(planner.plan(direction, 6.0), name)[0] for name in names]
    assert max(starts) - min(starts) <= 0.65


@pytest.mark.parametrize(
    ("direction", "name", "side"),
    [
        ("He raises an eyebrow.", "raise_brows", "left"),
        ("He raises both eyebrows.", "raise_brows", "both"),
        ("Her right eyebrow goes up.", "raise_brows", "right"),
        ("She lifts the brow on the onlooker's left.", "raise_brows", "right"),
        ("Screen right, a corner of her mouth lifts.", "half_smile", "left"),
        ("She winks with the left eye.", "wink", "left"),
        ("He closes his right eye.", "wink", "right"),
        ("He tilts his head toward his left shoulder.", "tilt_head", "left"),
        ("The left side of his upper lip curls.", "curl_lip", "left"),
        ("He slides his jaw to the right.", "shift_jaw", "right"),
        ("She smiles on the right side only.", "half_smile", "right"),
    ],
)
def test_sides_are_the_subjects_own_unless_said_otherwise(
    planner: LexiconPlanner, direction: str, name: str, side: str
) -> None:
    assert only(planner.plan(direction, 4.0), name)[2].side == side


@pytest.mark.parametrize(
    ("direction", "name", "yaw", "pitch"),
    [
        ("He looks to his left.", "look", 1, 0),
        ("She glances to the right of the screen.", "glance", 1, 0),
        ("He looks at the floor.", "look", 0, -1),
        ("She looks up and to the left.", "look", 1, 1),
        ("His gaze drifts upward.", "look", 0, 1),
        ("She peers down at her phone.", "look", 0, -1),
        ("He turns his head to the viewer's left.", "turn_head", -1, 0),
        ("He turns his head 30 degrees to the right.", "turn_head", -1, 0),
        ("She looks up from her book.", "look", 0, 1),
        ("Something catches her attention on the right.", "look", -1, 0),
    ],
)
def test_lines_of_sight_go_where_they_are_sent(
    planner: LexiconPlanner, direction: str, name: str, yaw: int, pitch: int
) -> None:
    act = only(planner.plan(direction, 4.0), name)[2]
    assert [(value > 3) - (value < -3) for value in (act.yaw, act.pitch)] == [yaw, pitch]


def test_an_angle_that_is_given_is_taken(planner: LexiconPlanner) -> None:
    assert only(planner.plan("He turns his head 30 degrees to the right.", 4.0), "turn_head")[2].yaw == -30


@pytest.mark.parametrize(
    ("less", "more", "name"),
    [
        ("She smiles ever so slightly.", "She smiles a bit.", "smile"),
        ("She smiles a bit.", "She smiles.", "smile"),
        ("He is a little worried.", "He is extremely worried.", "worry"),
        ("He is angry.", "He is furious.", "anger"),
        ("She raises her brows very slightly.", "She raises her brows slightly.", "raise_brows"),
        ("He opens his mouth.", "He opens his mouth as wide as he can.", "open_mouth"),
        ("There is a hint of a smile.", "There is a smile.", "smile"),
        ("He barely tilts his head.", "He tilts his head far to the left.", "tilt_head"),
    ],
)
def test_degrees_order_strengths(planner: LexiconPlanner, less: str, more: str, name: str) -> None:
    weak, strong = (only(planner.plan(direction, 4.0), name)[2].strength for direction in (less, more))
    assert weak < 0.8 * strong


def test_a_slight_turn_goes_less_far(planner: LexiconPlanner) -> None:
    slight, clear = (only(planner.plan(f"She {how}turns her head left.", 4.0), "turn_head")[2].yaw for how in ("slightly ", ""))
    assert 0 < slight < 0.6 * clear


@pytest.mark.parametrize(
    ("direction", "low", "high"),
    [
        ("He slowly turns his head left.", 0.1, 0.5),
        ("Suddenly he turns his head left.", 2.0, 4.0),
        ("He turns his head left.", 1.0, 1.0),
        ("Very slowly, he turns his head left.", 0.1, 0.4),
        ("His head snaps to the left.", 2.0, 4.0),
    ],
)
def test_manner_sets_the_pace(planner: LexiconPlanner, direction: str, low: float, high: float) -> None:
    assert low <= only(planner.plan(direction, 6.0), "turn_head")[2].speed <= high


@pytest.mark.parametrize(
    ("direction", "name", "count"),
    [
        ("She nods twice.", "nod", 2),
        ("He blinks five times.", "blink", 5),
        ("Three quick nods.", "nod", 3),
        ("He shakes his head again and again.", "shake_head", 4),
        ("She blinks 4 times.", "blink", 4),
    ],
)
def test_repetitions_are_counted(planner: LexiconPlanner, direction: str, name: str, count: int) -> None:
    assert only(planner.plan(direction, 5.0), name)[2].count == count


def test_poses_that_are_asked_for_several_times_are_done_one_after_the_other(planner: LexiconPlanner) -> None:
    found = [item for item in acts(planner.plan("He raises his eyebrows three times.", 6.0)) if item[2].name == "raise_brows"]
    assert len(found) == 3
    assert all(before[1] < after[0] for before, after in itertools.pairwise(found))


def test_every_second_is_every_second(planner: LexiconPlanner) -> None:
    starts = [start for start, _, act in acts(planner.plan("She blinks every second.", 5.0)) if act.name == "blink"]
    assert len(starts) == 5
    assert all(abs(after - before - 1) < 1e-6 for before, after in itertools.pairwise(starts))


@pytest.mark.parametrize(
    ("direction", "name", "start", "end"),
    [
        ("At 0:02 he smiles.", "smile", (2, 2), (6, 99)),
        ("After two seconds she frowns.", "frown", (2, 2), (6, 99)),
        ("Three seconds in, her jaw drops.", "drop_jaw", (3, 3), (6, 99)),
        ("Between 2 and 4 seconds, he closes his eyes.", "close_eyes", (2, 2), (4, 4.4)),
        ("In the last second she smiles.", "smile", (5, 5), (6, 99)),
        ("He frowns for one and a half seconds.", "frown", (0, 0.3), (1.5, 2.1)),
        ("For the first two seconds she looks sad. Then she grins.", "sadness", (0, 0), (1.9, 2.4)),
        ("He pouts until the 4 second mark.", "pout", (0, 0.3), (4, 4)),
        ("Halfway through, he winks.", "wink", (3, 3), (3.3, 4)),
    ],
)
def test_times_that_are_said_are_kept(
    planner: LexiconPlanner, direction: str, name: str, start: tuple[float, float], end: tuple[float, float]
) -> None:
    begins, ends, _ = only(planner.plan(direction, 6.0), name)
    assert start[0] <= begins <= start[1]
    assert end[0] <= ends <= end[1]


def test_nothing_moves_before_its_time(planner: LexiconPlanner) -> None:
    first = planner.plan("After three seconds, she raises her eyebrows.", 6.0).beats[0]
    assert (first.start, first.end, first.acts) == (0.0, 3.0, ())


@pytest.mark.parametrize(
    "direction",
    [
        "A flash of anger crosses her face and is gone.",
        "For a split second he looks frightened.",
        "Disgust flickers over his features and disappears.",
        "Doubt flashes in her eyes and vanishes.",
        "For a tenth of a second she is surprised.",
        "A fleeting smile.",
    ],
)
def test_a_flash_is_over_within_half_a_second(planner: LexiconPlanner, direction: str) -> None:
    (start, end, act), *others = acts(planner.plan(direction, 4.0))
    assert not others
    assert end - start <= 0.5
    assert act.speed >= 2


def test_over_three_seconds_is_slow(planner: LexiconPlanner) -> None:
    assert only(planner.plan("He smiles over three seconds.", 6.0), "smile")[2].speed <= 0.3


class TestWhatPersists:
    def test_a_state_lasts_until_another_takes_its_place(self, planner: LexiconPlanner) -> None:
        brief = planner.plan("He is bored. Then he is happy.", 6.0)
        assert only(brief, "boredom")[1] == only(brief, "joy")[0]
        assert only(brief, "joy")[1] > 6

    def test_a_smile_ends_a_frown(self, planner: LexiconPlanner) -> None:
        brief = planner.plan("She frowns, then smiles.", 6.0)
        assert only(brief, "frown")[1] <= only(brief, "smile")[0]
        assert only(brief, "furrow_brows")[1] <= only(brief, "smile")[0]

    def test_a_raised_brow_does_not_end_a_smile(self, planner: LexiconPlanner) -> None:
        assert only(planner.plan("She smiles, then raises an eyebrow.", 6.0), "smile")[1] > 6

    def test_opening_them_ends_closed_eyes(self, planner: LexiconPlanner) -> None:
        brief = planner.plan("She closes her eyes, takes a deep breath, then opens them and smiles.", 8.0)
        assert only(brief, "deep_breath")[1] <= only(brief, "close_eyes")[1] + 0.5
        assert only(brief, "close_eyes")[1] < only(brief, "smile")[0] + 0.6

    def test_looking_somewhere_opens_the_eyes(self, planner: LexiconPlanner) -> None:
        brief = planner.plan("He closes his eyes. Then he looks at the camera.", 6.0)
        assert only(brief, "close_eyes")[1] <= only(brief, "look_at_camera")[0]

    def test_what_fades_must_have_been_there(self, planner: LexiconPlanner) -> None:
        start, end, _ = only(planner.plan("Her smile fades.", 5.0), "smile")
        assert start == 0
        assert 1 <= end < 5

    def test_going_back_to_neutral_lets_everything_go(self, planner: LexiconPlanner) -> None:
        brief = planner.plan("She smiles and raises her brows, then her face goes back to neutral.", 6.0)
        assert {name for _, end, act in acts(brief) for name in [act.name] if end > 5.5} == set()

    def test_surprise_gives_way_to_a_smile(self, planner: LexiconPlanner) -> None:
        brief = planner.plan("He is surprised, then he smiles.", 6.0)
        assert only(brief, "surprise")[1] <= only(brief, "smile")[0]

    def test_a_head_that_is_lifted_again_only_comes_back(self, planner: LexiconPlanner) -> None:
        brief = planner.plan("He lowers his head, then raises it again.", 6.0)
        assert [act.name for _, _, act in acts(brief)] == ["lower_head"]
        assert only(brief, "lower_head")[1] < 5.5

    def test_an_act_that_goes_on_is_in_every_beat_that_it_touches(self, planner: LexiconPlanner) -> None:
        brief = planner.plan("She smiles. Then she nods. Then she winks.", 9.0)
        assert len(brief.beats) == 3
        assert all("smile" in [act.name for act in beat.acts] for beat in brief.beats)


class TestNegation:
    @pytest.mark.parametrize(
        ("direction", "channel", "most"),
        [
            ("She smiles without showing her teeth.", "mouthUpperUpLeft", 0.15),
            ("He is terrified, yet his mouth remains shut.", "jawOpen", 0.0),
            ("She laughs but does not move her eyebrows.", "browDownRight", 0.05),
            ("Keeping her head still, she looks left.", "headYaw", 0.0),
            ("Don't smile.", "mouthSmileLeft", 0.05),
            ("He stares at us without blinking.", "eyeBlinkLeft", 0.2),
            ("No smile, just a raised eyebrow.", "mouthSmileRight", 0.05),
        ],
    )
    def test_what_is_not_to_move_is_limited(self, planner: LexiconPlanner, direction: str, channel: str, most: float) -> None:
        limits = [limit for beat in planner.plan(direction, 5.0).beats for limit in beat.limits]
        bounds = [limit.most for limit in limits if channel in limit.channels]
        assert bounds
        assert max(bounds) <= most

    def test_what_is_denied_is_not_done(self, planner: LexiconPlanner) -> None:
        assert [act.name for _, _, act in acts(planner.plan("He doesn't smile, he just nods.", 4.0))] == ["nod"]

    def test_a_still_head_leaves_the_look_to_the_eyes(self, planner: LexiconPlanner) -> None:
        assert only(planner.plan("Without turning her head, she looks to the right.", 4.0), "look")[2].regions == ("eyes",)

    def test_only_the_eyes_move(self, planner: LexiconPlanner) -> None:
        brief = planner.plan("He remains motionless, only his eyes move to the left.", 5.0)
        assert only(brief, "look")[2].regions == ("eyes",)
        assert not brief.beats[0].stills
        assert any("headYaw" in limit.channels for limit in brief.beats[0].limits)


class TestFreeze:
    def test_a_neutral_face_that_does_not_move_is_still_throughout(self, planner: LexiconPlanner) -> None:
        (beat,) = planner.plan("Her face stays neutral and nothing moves.", 5.0).beats
        assert [(still.start, still.end) for still in beat.stills] == [(0.0, 5.0)]
        assert not beat.acts

    def test_a_freeze_holds_the_smile(self, planner: LexiconPlanner) -> None:
        brief = planner.plan("He smiles and then freezes for two seconds.", 6.0)
        (still,) = [(beat.start + s.start, beat.start + s.end) for beat in brief.beats for s in beat.stills]
        assert still[1] - still[0] == pytest.approx(2)
        start, end, _ = only(brief, "smile")
        assert start + 0.5 < still[0]
        assert end > still[1]

    def test_stillness_has_its_length_and_ends(self, planner: LexiconPlanner) -> None:
        brief = planner.plan("She does not move for three seconds, then sneezes.", 7.0)
        assert [(s.start, s.end) for s in brief.beats[0].stills] == [(0.0, 3.0)]
        assert only(brief, "sneeze")[0] == 3


class TestSituations:
    @pytest.mark.parametrize(
        ("direction", "expected"),
        [
            ("He bites into a lime.", {"taste_sour", "squint"}),
            ("She smells rotten eggs.", {"disgust", "wrinkle_nose"}),
            ("The portrait watches a scary movie.", {"fear", "startle"}),
            ("He learns that his grandmother has died.", {"grief"}),
            ("She unwraps a present.", {"joy", "happily_surprised"}),
            ("He is told a joke.", {"amusement", "laugh"}),
            ("She tells a friend a joke.", {"talk", "amusement"}),
            ("A child has its birthday.", {"joy"}),
            ("He is freezing in the icy wind.", {"shiver"}),
            ("She stubs her toe.", {"wince", "pain"}),
            ("They gave him terrible news.", {"sadness"}),
            ("He has won the lottery!", {"joy"}),
            ("She is caught lying.", {"nervousness", "dart_eyes"}),
            ("He listens to a boring lecture.", {"boredom"}),
            ("She speaks angrily.", {"talk", "anger"}),
            ("He is fighting to stay awake.", {"sleepiness", "close_eyes"}),
            ("She sees a huge spider.", {"fear", "startle"}),
            ("He sees his old classmate again.", {"joy"}),
            ("She peels an onion.", {"crying", "squint"}),
            ("He tries to remember her name.", {"thoughtfulness", "look"}),
        ],
    )
    def test_situations_are_acted_out(self, planner: LexiconPlanner, direction: str, expected: set[str]) -> None:
        assert expected <= {act.name for _, _, act in acts(planner.plan(direction, 8.0))}

    def test_grief_comes_after_the_shock(self, planner: LexiconPlanner) -> None:
        brief = planner.plan("She hears that her cat has died.", 7.0)
        assert only(brief, "sadly_surprised")[1] <= only(brief, "grief")[0]

    def test_scares_come_again_and_again(self, planner: LexiconPlanner) -> None:
        brief = planner.plan("He watches a horror film full of jump scares.", 10.0)
        assert len([act for _, _, act in acts(brief) if act.name == "startle"]) == 3

    def test_sleep_comes_before_the_take_is_over(self, planner: LexiconPlanner) -> None:
        start, end, act = only(planner.plan("Very slowly he falls asleep.", 8.0), "fall_asleep")
        assert 5.0 / act.speed <= 8 - start  # 5 s is the gesture's own onset at pace 1
        assert end > 8


class TestStories:
    def test_a_story_is_played_in_order(self, planner: LexiconPlanner) -> None:
        brief = planner.plan(
            "She stares blankly ahead. A noise makes her flinch. She glances to the right, relaxes, and smiles with relief.",
            10.0,
        )
        names = [act.name for _, _, act in acts(brief)]
        assert names.index("startle") < names.index("glance") < names.index("relief")
        assert only(brief, "surprise")[1] < only(brief, "relief")[0]

    def test_the_last_act_has_time_to_be_seen(self, planner: LexiconPlanner) -> None:
        direction = "He yawns, sighs, coughs, sneezes, laughs, cries, takes a deep breath, and then winks."
        assert only(planner.plan(direction, 6.0), "wink")[0] <= 6 - 0.6

    def test_slow_growth_reaches_its_peak_by_the_time_that_is_told(self, planner: LexiconPlanner) -> None:
        brief = planner.plan("Little by little a smile grows, and by the time he looks up he is beaming.", 8.0)
        assert only(brief, "smile")[2].speed <= 0.3
        assert only(brief, "joy")[2].speed <= 0.5
