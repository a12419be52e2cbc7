"""The program's tables are whole, and one that is wrong is named with file, line and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from configs.loading import ConfigError
from configs.tables import FILES, build, read_texts
from runtime.loading import Loaded


@pytest.fixture(scope="module")
def texts() -> dict[str, str]:
    return read_texts()


def test_there_are_enough_gestures_and_states(loaded: Loaded):
    # The project's own aims: at least 25 gestures, and 7 basic, 15 compound and 20 further states.
    assert len(loaded.tables.gestures.gestures) >= 60
    assert len(loaded.tables.emotions.states) >= 42


def test_a_gesture_and_a_state_never_share_a_name(loaded: Loaded):
    assert not set(loaded.tables.gestures.gestures) & set(loaded.tables.emotions.states)


def test_every_act_of_the_lexicon_is_in_the_catalogue(loaded: Loaded):
    tables = loaded.tables
    known = {*tables.gestures.gestures, *tables.emotions.states}
    assert sorted(set(tables.lexicon.acts.kinds) - known) == []


def test_tables_come_from_their_texts_alone(texts: dict[str, str], loaded: Loaded):
    assert sorted(texts) == sorted(FILES)
    quieter = texts["behaviour.yaml"].replace("partial: 0.35", "partial: 0.5")
    changed = build({**texts, "behaviour.yaml": quieter})
    assert changed.behaviour.idle.blinks.partial == 0.5
    assert changed.gestures == loaded.tables.gestures


def test_another_file_takes_a_tables_place(tmp_path: Path, texts: dict[str, str]):
    mine = tmp_path / "mine.yaml"
    mine.write_text("gestures:\n  gawk: {about: stares, source: P, levels: {eyeWide: 0.4}}\n")
    replaced = read_texts({"gestures.yaml": mine})
    assert replaced["gestures.yaml"] == mine.read_text()
    assert replaced["behaviour.yaml"] == texts["behaviour.yaml"]


def _line(text: str, part: str) -> int:
    return text[: text.index(part)].count("\n") + 1


@pytest.mark.parametrize(
    ("name", "right", "wrong", "said"),
    [
        ("gestures.yaml", "levels: {eyeWide: 0.75", "levels: {eyeWhite: 0.75", "eyeWhite is not a channel"),
        ("gestures.yaml", "lasts: 0.55, onset: 0.13", "lasts: 0.2, onset: 0.13", "shorter than its onset and offset"),
        ("gestures.yaml", "lasts: 0.42, onset", "lasts: long, onset", "lasts"),
        ("gestures.yaml", "aim: {who: eyes, head_from: 14", "aim: {who: nose, head_from: 14", "who"),
        ("behaviour.yaml", "partial: 0.35", "partial: 1.35", "partial"),
        ("behaviour.yaml", "every: [0.1, 1.0]", "every: [1.1, 1.0]", "every: the smaller number comes first"),
        ("behaviour.yaml", "{browInnerUp: 0.045,", "{headYaw: 1, browInnerUp: 0.045,", "one region's only"),
    ],
)
def test_what_is_wrong_is_named_with_file_line_and_key(texts: dict[str, str], name: str, right: str, wrong: str, said: str):
    assert texts[name].count(right) == 1, f"{name} no longer has {right}"
    with pytest.raises(ConfigError) as caught:
        build({**texts, name: texts[name].replace(right, wrong)})
    message = str(caught.value)
    assert said in message
    # The entry's own line, or the one of the mapping that it belongs to.
    assert message.startswith(f"configs/{name}:"), message
    line = int(message.split(":")[1])
    assert 0 <= _line(texts[name], right) - line <= 3, message


def test_an_error_calls_a_replaced_file_by_its_own_name(texts: dict[str, str]):
    with pytest.raises(ConfigError, match=r"^my/gestures\.yaml:1"):
        build({**texts, "gestures.yaml": "gesturs: {}\n"}, {"gestures.yaml": "my/gestures.yaml"})


def test_a_missing_table_is_no_table(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"gone\.yaml"):
        read_texts({"gestures.yaml": tmp_path / "gone.yaml"})
