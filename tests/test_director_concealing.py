"""A feeling behind another face leaks for an instant; the face that is put on is seen, and posed."""

from __future__ import annotations

import pytest

from protocol.brief import Act
from tests.directing import PLANNER, names


def acts(direction: str) -> dict[str, Act]:
    return {act.name: act for beat in PLANNER.plan(direction, 5.0).beats for act in beat.acts}


@pytest.mark.parametrize(
    ("direction", "shown", "hidden"),
    [
        ("She hides her fear behind a smile.", "politeness", "fear"),
        ("He masks his anger with a polite smile.", "politeness", "anger"),
        ("She covers her grief with a grin.", "politeness", "grief"),
        ("Behind his smile there is anger.", "politeness", "anger"),
        ("He smiles to hide his disappointment.", "politeness", "disappointment"),
        ("His cheerful grin masks deep sadness.", "politeness", "sadness"),
        ("A smile that hides her pain.", "politeness", "pain"),
        ("She smiles, hiding her fear.", "politeness", "fear"),
        ("His fear is masked by a grin.", "politeness", "fear"),
        ("He disguises his nervousness with a laugh.", "laugh", "nervousness"),
        ("She hides her contempt behind a mask of calm.", "calm", "contempt"),
        ("She nods politely, masking her boredom.", "politeness", "boredom"),
    ],
)
def test_the_mask_is_held_and_the_feeling_leaks(direction: str, shown: str, hidden: str) -> None:
    played = acts(direction)
    mask, leak = played[shown], played[hidden]
    assert mask.end >= 4.5
    assert leak.end - leak.start <= 0.5  # a micro-expression (Yan 2013)
    assert leak.strength <= 0.6
    assert set(leak.regions) == {"brows", "eyes"}
    assert leak.start > mask.start + 0.5


@pytest.mark.parametrize(
    ("direction", "shown"),
    [
        ("She hides a smile.", ["suppress_smile"]),
        ("She hid her smile behind her hand.", ["suppress_smile"]),
        ("He hides behind a smile.", ["politeness"]),
        ("With a smile she hides the letter.", ["smile"]),
        ("He hides his fear.", ["fear"]),
        ("He cannot hide his joy.", ["joy"]),
        ("She buries her face in her hands.", ["drop_head"]),
    ],
)
def test_what_is_only_hidden_has_no_mask(direction: str, shown: list[str]) -> None:
    assert names(direction) == shown
    assert acts(direction)[shown[0]].end > 4.0
