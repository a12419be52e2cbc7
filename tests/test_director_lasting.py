"""How long things last: surprise passes by itself, a smile that falters comes back, eyes that hardly stay open droop."""

from __future__ import annotations

import pytest

from protocol.brief import Act
from tests.directing import LEXICON, PLANNER, names


def spans(direction: str, seconds: float = 6.0) -> list[tuple[str, float, float]]:
    """Every act with its start and end on the take's clock."""
    beats = PLANNER.plan(direction, seconds).beats
    return [(a.name, b.start + a.start, b.start + a.end) for b in beats for a in b.acts if a.start >= 0 or b.start == 0]


def act(direction: str, name: str, seconds: float = 6.0) -> Act:
    return next(a for beat in PLANNER.plan(direction, seconds).beats for a in beat.acts if a.name == name)


@pytest.mark.parametrize(
    "direction",
    [
        "She is surprised.",
        "A look of astonishment crosses his face.",
        "He is startled.",
        "The news shocks her.",
        "He is amazed.",
    ],
)
def test_surprise_passes_and_leaves_attention(direction: str) -> None:
    found = {name: (start, end) for name, start, end in spans(direction)}
    start, end = found["surprise"]
    assert end - start <= 2.0
    assert found["interest"][0] < end < found["interest"][1]
    assert act(direction, "interest").strength < act(direction, "surprise").strength


@pytest.mark.parametrize(
    ("direction", "mixed", "left"),
    [
        ("She is happily surprised by the news.", "happily_surprised", "joy"),
        ("He is angry and surprised.", "angrily_surprised", "anger"),
        ("The news takes her by surprise and saddens her.", "sadly_surprised", "sadness"),
    ],
)
def test_of_a_mixture_with_surprise_the_other_half_stays(direction: str, mixed: str, left: str) -> None:
    found = {name: (start, end) for name, start, end in spans(direction)}
    assert found[mixed][1] <= 2.5
    assert found[left][1] >= 6.0


@pytest.mark.parametrize(
    ("direction", "least"),
    [
        ("He stays surprised.", 5.0),
        ("She stares in amazement.", 5.0),
        ("She looks surprised for four seconds.", 4.0),
        ("He is surprised until the end.", 5.0),
        ("Surprised, she freezes.", 5.0),
    ],
)
def test_surprise_lasts_where_the_direction_says_so(direction: str, least: float) -> None:
    start, end = next((start, end) for name, start, end in spans(direction) if name == "surprise")
    assert end - start >= least


@pytest.mark.parametrize(
    "direction",
    [
        "She hears something behind her, freezes, then slowly turns her head to the left.",
        "He hears a noise, freezes for a second, then turns his head.",
        "She hears someone behind her, freezes, slowly turns her head to the left and breaks into a relieved smile.",
    ],
)
def test_who_freezes_at_what_happens_is_frozen_as_it_took_them(direction: str) -> None:
    """Alert within half a second, and still so when the freeze is over."""
    [beat] = [beat for beat in PLANNER.plan(direction, 7.0).beats if beat.stills]
    freezes, thaws = (beat.start + at for at in (beat.stills[0].start, beat.stills[0].end))
    start, end = next((start, end) for name, start, end in spans(direction, 7.0) if name == "surprise")
    assert start < 0.5 < freezes < thaws <= end
    assert end <= thaws + 0.5  # what comes then is not done in surprise


def test_surprise_gives_way_to_what_follows() -> None:
    assert names("She is surprised, then smiles.", 4.0) == ["surprise", "smile"]
    assert names("He is surprised and laughs.", 4.0) == ["surprise", "laugh"]
    assert next(end for name, _, end in spans("He is surprised and laughs.", 4.0) if name == "surprise") > 1.0
    assert names("He is surprised, then surprised again.", 4.8).count("surprise") == 2
    assert act("A flicker of surprise.", "surprise").end < 1.0  # a glimpse stays one


@pytest.mark.parametrize(
    ("direction", "name"),
    [
        ("Her smile falters for a moment.", "smile"),
        ("He grins. His grin slips briefly.", "grin"),
        ("For a second his smile wavers.", "smile"),
        ("Her smile flickers and returns.", "smile"),
        ("Her smile fades, then returns.", "smile"),
        ("She beams. Her smile drops for an instant and is back.", "joy"),
        ("Her frown eases briefly.", "frown"),
        ("Her anger fades for a moment.", "anger"),
    ],
)
def test_what_falters_for_a_moment_comes_back(direction: str, name: str) -> None:
    beats = PLANNER.plan(direction, 8.0).beats
    acts = [(b.start + a.start, b.start + a.end, a.strength) for b in beats for a in b.acts if a.name == name]
    whole = sorted(one for one in acts if one[2] >= 0.7)
    first, second = whole[0], whole[-1]
    assert first[1] + 0.4 < second[0]  # gone in between, but for what is left of it
    assert second[1] >= 8.0
    assert all(strength < 0.5 for start, _, strength in acts if first[1] < start < second[0])


@pytest.mark.parametrize("direction", ["Her smile fades.", "His smile slips away.", "A smile flickers across her face."])
def test_what_fades_or_only_flickers_does_not(direction: str) -> None:
    (found,) = [(start, end) for name, start, end in spans(direction, 8.0) if name == "smile"]
    assert found[1] < 8.0


@pytest.mark.parametrize(
    "direction",
    [
        "He can hardly keep his eyes open.",
        "She fights to keep her eyes open.",
        "He can barely stay awake.",
        "She can't keep her eyes open.",
        "Her eyelids are so heavy that she can scarcely hold them open.",
    ],
)
def test_who_can_hardly_keep_awake_is_drowsy(direction: str) -> None:
    found = names(direction)
    assert "sleepiness" in found
    assert found.count("slow_blink") == 2
    assert PLANNER.plan(direction, None).unread == ()


@pytest.mark.parametrize("direction", ["He keeps his eyes open.", "She does not open her eyes.", "He keeps his left eye open."])
def test_who_keeps_eyes_open_or_shut_is_not(direction: str) -> None:
    assert "sleepiness" not in names(direction)


@pytest.mark.parametrize(
    ("direction", "less", "more"),
    [
        ("He is angry, then furious.", 1.0, 1.45),
        ("He is a little sad, then very sad.", 0.5, 1.3),
        ("Raise your brows slightly, then raise them as high as you can.", 0.45, 1.4),
        ("Angry, then angrier.", 1.0, 1.3),
    ],
)
def test_what_is_there_already_can_grow(direction: str, less: float, more: float) -> None:
    acts = [a for beat in PLANNER.plan(direction, 5.0).beats for a in beat.acts if a.start >= 0]
    assert [a.strength for a in acts] == [less, more]
    assert acts[0].name == acts[1].name


@pytest.mark.parametrize(
    ("direction", "name"),
    [
        ("He breaks into a grin.", "grin"),
        ("He bursts out laughing.", "laugh"),
        ("She dissolves into tears.", "cry"),
        ("She erupts in laughter.", "laugh"),
        ("He lapses into a scowl.", "anger"),
        ("He collapses into sobs.", "sob"),
        ("She breaks into a run.", "determination"),
        ("A grin splits his face.", "grin"),
    ],
)
def test_verbs_of_onset_are_understood(direction: str, name: str) -> None:
    brief = PLANNER.plan(direction, None)
    assert name in names(direction)
    assert brief.unread == ()


@pytest.mark.parametrize(
    ("direction", "name", "yaw"),
    [
        ("Something surprises her on the left.", "surprise", 18),
        ("To her right something surprises him.", "surprise", -18),
        ("Out of nowhere a figure appears on her left and surprises her.", "surprise", 18),
        ("Something on her right startles him.", "startle", -18),
    ],
)
def test_what_surprises_from_a_side_is_looked_at_no_later(direction: str, name: str, yaw: int) -> None:
    found = {found: start for found, start, _ in spans(direction, 5.0)}
    assert act(direction, "look", 5.0).yaw == yaw
    assert found["look"] <= found[name]


def test_who_is_followed_is_wary() -> None:
    assert names("A stranger follows her down the street.")[0] == "suspicion"
    assert "fear" in names("A man follows him through the dark park.")
    assert names("A nod follows her smile.") == ["smile", "nod"]


def test_what_is_left_of_a_feeling_is_a_feeling_that_lasts() -> None:
    for name, left in LEXICON.acts.becomes.items():
        assert LEXICON.kind(name).longest is not None
        assert left.name in LEXICON.states
        assert LEXICON.kind(left.name).longest is None
