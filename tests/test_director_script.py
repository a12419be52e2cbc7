"""What is only the form of a script is passed over, and its places stay."""

from __future__ import annotations

import pytest

from agents.director.script import formal
from agents.director.text import shadow


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
        ("JOHN\nsmiles", ["JOHN"]),
        ("brows: up; mouth: open", [":", ":"]),
        ("She smiles, then nods.", []),
        ("SHE SMILES.\nHE NODS", []),
        ("Close your eyes: cut the smile.", []),
        ("He smiles for 2 seconds. Step back.", []),
    ],
)
def test_form_is_told_from_content(text: str, passed_over: list[str]) -> None:
    assert [text[start:end].strip(" ") for start, end in formal(text)] == passed_over


@pytest.mark.parametrize("text", ["INT. ROOM - DAY. She nods.", "He nods -- then smiles.", "1) nod 2) smile", "mouth: open"])
def test_places_stay_as_they_were(text: str) -> None:
    flat = shadow(text)
    assert len(flat) == len(text)
    assert all(text[place].lower() == char for place, char in enumerate(flat) if char.isalpha())


@pytest.mark.parametrize(("text", "flat"), [("a - b", "a \u2014 b"), ("a--b", "a\u2014 b"), ("wide-eyed", "wide-eyed")])
def test_dashes_of_typewriters_are_dashes(text: str, flat: str) -> None:
    assert shadow(text) == flat
