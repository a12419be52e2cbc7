"""What is only the form of a script is passed over, and its places stay."""

from __future__ import annotations

import pytest

from agents.director.script import formal
from agents.director.text import shadow
from tests.directing import PLANNER


@pytest.mark.parametrize(
    ("text", "passed_over"),
    [
        ("INT. KITCHEN - NIGHT. ANNA stares at the telephone.", ["INT. KITCHEN - NIGHT."]),
        ("EXT. STREET - DAY\nHe squints.", ["EXT. STREET - DAY\n"]),
        ("CLOSE ON: her eyes widen.", ["CLOSE ON:"]),
        ("FADE IN:\nA man frowns.", ["FADE IN:"]),
        ("Scene 1: he laughs. Scene 2: he cries.", ["Scene 1:", "Scene 2:"]),
        ("1) look up 2) look down", ["1)", "2)"]),
        ("MARY (softly): smiles", ["MARY"]),
        ("JOHN\nsmiles", []),  # a name is passed over by what reads the words
        ("brows: up\nMARY: smiles", [":", "MARY"]),
        ("BROWS: up\nMOUTH: open", [":", ":"]),
        ("Eyes WIDE.", []),
        ("He leans BACK.", []),
        ("Her smile must FADE.", []),
        ("SMILE\nThen he nods.", []),
        ("LOOK UP\nThen he nods.", []),
        ("He nods.\nCUT TO:\nShe frowns. CUT TO: he grins.", ["CUT TO:", "CUT TO:"]),
        ("brows: up; mouth: open", [":", ":"]),
        ("She smiles, then nods.", []),
        ("SHE SMILES.\nHE NODS", []),
        ("Close your eyes: cut the smile.", []),
        ("He smiles for 2 seconds. Step back.", []),
    ],
)
def test_form_is_told_from_content(text: str, passed_over: list[str]) -> None:
    assert [text[start:end].strip(" ") for start, end in formal(text)] == passed_over


@pytest.mark.parametrize(
    ("direction", "acts"),
    [
        ("Eyes WIDE.", {"widen_eyes"}),
        ("He leans BACK.", {"lean_back"}),
        ("SMILE\nThen he nods.", {"smile", "nod"}),
        ("LOOK UP\nThen he nods.", {"look", "nod"}),
        ("BROWS: up\nMOUTH: open", {"raise_brows", "open_mouth"}),
        ("He NODS. Then he SMILES.", {"nod", "smile"}),
        ("JOHN\nsmiles", {"smile"}),
    ],
)
def test_capitals_stress_what_is_asked_for_and_hide_none_of_it(direction: str, acts: set[str]) -> None:
    brief = PLANNER.plan(direction, None)
    assert {act.name for beat in brief.beats for act in beat.acts} == acts
    assert brief.unread == ()


def test_a_smile_that_must_fade_in_capitals_fades() -> None:
    loud, plain = (PLANNER.plan(said, 4.0) for said in ("Her smile must FADE.", "Her smile must fade."))
    assert plain.beats[0].acts[0].end < 4.0
    assert [[(act.name, act.start, act.end) for act in beat.acts] for beat in loud.beats] == [
        [(act.name, act.start, act.end) for act in beat.acts] for beat in plain.beats
    ]


@pytest.mark.parametrize("text", ["INT. ROOM - DAY. She nods.", "He nods -- then smiles.", "1) nod 2) smile", "mouth: open"])
def test_places_stay_as_they_were(text: str) -> None:
    flat = shadow(text)
    assert len(flat) == len(text)
    assert all(text[place].lower() == char for place, char in enumerate(flat) if char.isalpha())


@pytest.mark.parametrize(("text", "flat"), [("a - b", "a \u2014 b"), ("a--b", "a\u2014 b"), ("wide-eyed", "wide-eyed")])
def test_dashes_of_typewriters_are_dashes(text: str, flat: str) -> None:
    assert shadow(text) == flat
