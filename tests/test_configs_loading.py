"""Tables are read strictly, within bounds, and their errors say where and what."""

from __future__ import annotations

import contextlib

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import pytest
import yaml

from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import AfterValidator, BaseModel, Field, RootModel, ValidationInfo, model_validator

from configs import loading
from configs.loading import (
    MAX_BYTES,
    MAX_DEPTH,
    MAX_NODES,
    ChannelName,
    ConfigError,
    EntryError,
    builtin,
    did_you_mean,
    load_yaml_model,
    parse_yaml_model,
    read_text,
)
from protocol.keyframes import Frozen


class Mood(StrEnum):
    GOOD = "good"
    BAD = "bad"


class Gesture(Frozen):
    levels: Mapping[ChannelName, Annotated[float, Field(ge=0, le=1)]]
    seconds: float = 0.5
    times: tuple[float, ...] = ()


class Book(Frozen):
    gestures: Mapping[str, Gesture] = {}
    words: tuple[str, ...] = ()
    by_number: Mapping[int, str] = {}
    mood: Mood = Mood.GOOD
    on: bool = False
    count: int | None = None


class Anything(RootModel[object]):
    """Whatever the text says, to see how scalars are read."""


def read(text: str) -> Book:
    return parse_yaml_model(text, "book.yaml", Book)


def error(text: str, model: type[BaseModel] = Book) -> str:
    with pytest.raises(ConfigError) as caught:
        parse_yaml_model(text, "book.yaml", model)
    return str(caught.value)


def value(text: str) -> object:
    return parse_yaml_model(text, "book.yaml", Anything).root


# What fits


def test_a_table_becomes_its_model() -> None:
    smile = "gestures:\n  smile:\n    levels: {mouthSmile: 0.7, jawOpen: 0}\n    times: [0, 0.25]\n"
    book = read(smile + "words: [no, yes]\nby_number: {12: corner}\nmood: bad\n")
    assert book.gestures["smile"] == Gesture(levels={"mouthSmile": 0.7, "jawOpen": 0.0}, times=(0.0, 0.25))
    assert book.words == ("no", "yes")
    assert book.by_number == {12: "corner"}
    assert book.mood is Mood.BAD


def test_a_whole_number_is_fine_where_a_float_is_due() -> None:
    seconds = read("gestures: {nod: {levels: {}, seconds: 1}}").gestures["nod"].seconds
    assert isinstance(seconds, float)
    assert seconds == 1.0


@pytest.mark.parametrize(
    "word", ["no", "yes", "on", "off", "y", "n", "No", "1:30", "2024-01-01", "0x1F", "1_000", ".inf", "-.nan"]
)
def test_plain_words_stay_words(word: str) -> None:
    assert value(f"[{word}]") == [word]


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("12", 12),
        ("-0.5", -0.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("010", 10),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("'12'", "12"),
        ('"true"', "true"),
        ("|\n  two\n  lines", "two\nlines"),
    ],
)
def test_scalars_follow_the_core_schema(text: str, meaning: object) -> None:
    found = value(f"a: {text}")
    assert found == {"a": meaning}
    assert isinstance(found, dict)
    assert type(found["a"]) is type(meaning)


def test_a_number_beyond_all_floats_is_text_and_not_infinity() -> None:
    assert value("[1e999]") == ["1e999"]


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=50))
def test_floats_keep_every_bit(numbers: list[float]) -> None:
    assert value("\n".join(f"- {number!r}" for number in numbers)) == numbers


def test_keys_are_text_as_written() -> None:
    assert value("{12: a, on: b, 1.50: c}") == {"12": "a", "on": "b", "1.50": "c"}


def test_an_alias_repeats_what_its_anchor_names() -> None:
    assert value("a: &x [1, {b: 2}]\nc: *x\n") == {"a": [1, {"b": 2}], "c": [1, {"b": 2}]}


def test_validators_see_the_context() -> None:
    def listed(name: str, info: ValidationInfo) -> str:
        known = info.context or ()
        if name not in known:
            raise ValueError(f"not listed{did_you_mean(name, known)}")
        return name

    class Chosen(Frozen):
        names: tuple[Annotated[str, AfterValidator(listed)], ...]

    assert parse_yaml_model("names: [nod]", "x", Chosen, context={"nod", "bow"}).names == ("nod",)
    with pytest.raises(ConfigError, match=r"^x:2: names\[1\]: not listed; did you mean nod\?$"):
        parse_yaml_model("names: [nod,\n  nodd]", "x", Chosen, context={"nod", "bow"})


def test_both_parsers_of_pyyaml_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["a: &x [1, no]\nb: *x\n", "k:\n  - 'q'\n  - |\n    t\n", "{a: 1, b: {c: ~}}", 'x: "\\u00e9 \\U0001f600"']
    ours = [value(text) for text in texts]
    monkeypatch.setattr(loading, "_PARSER", yaml.BaseLoader)
    assert [value(text) for text in texts] == ours
    assert error("gestures:\n  nod: {levels: {}, secnds: 1}\n").startswith("book.yaml:2: gestures.nod.secnds: ")


# What does not fit, and what is said about it


def test_an_error_names_file_line_key_and_the_likely_meaning() -> None:
    text = "# gestures\ngestures:\n  smile:\n    seconds: 0.5\n    levels:\n      jawOpen: 0.1\n      mouthSmil: 0.7\n"
    assert error(text) == "book.yaml:7: gestures.smile.levels.mouthSmil: not a channel; did you mean mouthSmile?"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "gestures:\n  nod: {levels: {}, secnds: 1}",
            "book.yaml:2: gestures.nod.secnds: not a known key; did you mean seconds?",
        ),
        ("gestures:\n  nod:\n    seconds: 1", "book.yaml:2: gestures.nod.levels: missing; this key is required"),
        (
            "gestures:\n  nod:\n    levels: {}\n    seconds: fast",
            'book.yaml:4: gestures.nod.seconds: must be a number, not "fast"',
        ),
        ("gestures: {nod: {levels: {}, seconds: '1'}}", 'book.yaml:1: gestures.nod.seconds: must be a number, not "1"'),
        ("gestures: {nod: {levels: {}, seconds: true}}", "book.yaml:1: gestures.nod.seconds: must be a number, not true"),
        ("gestures: {nod: {levels: {jawOpen: 1.2}}}", "levels.jawOpen: must be less than or equal to 1, not 1.2"),
        (
            "gestures: {nod: {levels: {}, times: [0,\n 1,\n x]}}",
            'book.yaml:3: gestures.nod.times[2]: must be a number, not "x"',
        ),
        ("gestures: {nod: {levels: {}, times: {a: 1}}}", "gestures.nod.times: must be a list, not a mapping"),
        ("gestures: [nod]", "gestures: must be a mapping, not a list"),
        ("words: [1]", "words[0]: must be a string, not 1"),
        ("words:", "words: must be a list, not null"),
        ("on: yes", 'on: must be a boolean, not "yes"'),
        ("count: 1.5", "count: must be an integer"),
        ("mood: fine", "mood: must be 'good' or 'bad', not \"fine\""),
        ("gestures: {nod: {levels: {eyeLookUp: 1}}}", "set eyeYaw or eyePitch instead"),
        ("- 1", "book.yaml:1: must be a mapping, not a list"),
    ],
)
def test_what_is_wrong_is_said_in_the_words_of_the_file(text: str, said: str) -> None:
    assert said in error(text)


def test_a_key_unlike_all_others_gets_the_list_of_them() -> None:
    assert error("zzz: 1").endswith("zzz: not a known key; expected one of gestures, words, by_number, mood, on, count")


def test_the_first_of_several_errors_is_shown_and_the_others_counted() -> None:
    text = "mood: worst\nwords: [1, 2]\ncount: x\n"
    assert error(text).startswith("book.yaml:1: mood: ")
    assert error(text).endswith("(and 3 more errors in this file)")


def test_a_misspelt_key_goes_before_the_one_that_is_missing_for_it() -> None:
    said = error("gestures:\n  nod: {level: {}}\n")
    assert said == "book.yaml:2: gestures.nod.level: not a known key; did you mean levels? (and 1 more error in this file)"


def test_a_validator_of_a_whole_model_can_point_at_an_entry() -> None:
    class Pair(Frozen):
        low: float
        high: float

        @model_validator(mode="after")
        def _ordered(self) -> Pair:
            if self.high < self.low:
                raise EntryError(("high",), "must not be below low")
            return self

    class Pairs(Frozen):
        pairs: tuple[Pair, ...]

    assert error("pairs:\n  - low: 1\n    high: 2\n  - low: 1\n    high: 0\n", Pairs) == (
        "book.yaml:5: pairs[1].high: must not be below low"
    )


def test_an_error_inside_an_alias_is_shown_where_the_text_stands() -> None:
    text = "gestures:\n  nod: &nod\n    levels: {}\n    seconds: x\n  bow: *nod\n"
    assert error(text).startswith("book.yaml:4: gestures.nod.seconds: ")


def test_keys_that_would_spoil_the_message_are_escaped() -> None:
    assert '"a\\nb": not a known key' in error('"a\\nb": 1')
    assert len(error("k" * 5000 + ": 1")) < 300


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "book.yaml:1: the file is empty"),
        ("# only a comment\n", "book.yaml:1: the file is empty"),
        ("on: true\nwords: [a\n", "not YAML"),
        ("words:\n\t- a\n", "book.yaml:2: not YAML"),
        ("on: true\nword: \x07", "not YAML"),
        ("on: true\non: false\n", "book.yaml:2: on: given twice, first on line 1; keep one of them"),
        ("on: true\n---\non: true\n", "book.yaml:2: a second document"),
        ("words:\n  - !!python/object/apply:os.system [ls]\n", "book.yaml:2: tag"),
        ("mood: !!str good", "tag"),
        ("on: true\nmood: \ud800", "book.yaml:2: half of a surrogate pair"),
        ("x: &a {b: 1}\ny:\n  <<: *a\n", "book.yaml:3: merge keys are not supported"),
        ("? [a]\n: 1\n", "a key has to be text"),
        ("x: &a k\n*a : 1\n", "a key has to be text"),
        ("x: &a [*a]", "alias *a stands before or inside what it names"),
        ("x: *a", "alias *a"),
    ],
)
def test_text_that_is_no_plain_table_is_refused(text: str, said: str) -> None:
    assert said in error(text)


@pytest.mark.parametrize("opening", ["[", "{a: ", "- "])
def test_depth_is_bounded_before_anything_recurses(opening: str) -> None:
    assert f"nested deeper than {MAX_DEPTH} levels" in error(opening * 100_000)


def test_depth_through_aliases_is_bounded_too() -> None:
    half = MAX_DEPTH - 4
    text = f"x: &a {'[' * half}1{']' * half}\ny: {'[' * half}*a{']' * half}\n"
    assert "nested deeper" in error(text)


def test_aliases_cannot_blow_up() -> None:
    lines = ["l0: &l0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"l{i}: &l{i} [{', '.join([f'*l{i - 1}'] * 10)}]" for i in range(1, 20)]
    assert f"more than {MAX_NODES:,} values" in error("\n".join(lines))


def test_many_values_and_large_texts_are_refused() -> None:
    assert "more than" in error("[" + "1," * (MAX_NODES + 1) + "]")
    assert "larger than 2048 KiB" in error("# " + "x" * MAX_BYTES)
    assert "larger than" in error("# " + "é" * (MAX_BYTES // 2 + 1))


@settings(max_examples=300)
@given(st.text(alphabet=st.sampled_from("abon 1.:-[]{}&*!|>'\"\\#,?\n\t%@~<\x00\u2028\ud800é"), max_size=60))
def test_no_text_raises_anything_but_a_config_error(text: str) -> None:
    with contextlib.suppress(ConfigError):
        parse_yaml_model(text, "book.yaml", Anything)


# Files


def test_a_file_is_read_like_its_text(tmp_path: Path) -> None:
    path = tmp_path / "book.yaml"
    path.write_bytes(b"\xef\xbb\xbfwords: [a]\r\nmood: bad\r\n")
    assert read_text(path) == "words: [a]\nmood: bad\n"
    assert load_yaml_model(path, Book) == read(read_text(path))


def test_files_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    def said(path: Path) -> str:
        with pytest.raises(ConfigError) as caught:
            load_yaml_model(path, Book)
        return str(caught.value)

    assert said(tmp_path / "none.yaml") == f"{tmp_path / 'none.yaml'}: cannot be read: No such file or directory"
    assert "cannot be read" in said(tmp_path)
    latin, large = tmp_path / "latin.yaml", tmp_path / "large.yaml"
    latin.write_bytes(b"words:\n- caf\xe9\n")
    assert said(latin).startswith(f"{latin}:2: not UTF-8 text")
    large.write_bytes(b"#" * (MAX_BYTES + 1))
    assert "larger than" in said(large)


def test_the_programs_own_tables_are_called_by_their_place_in_it() -> None:
    assert builtin("emotions.yaml").is_file()
    with pytest.raises(ConfigError, match=r"^configs/emotions\.yaml:\d+: "):
        load_yaml_model(builtin("emotions.yaml"), Book)
    with pytest.raises(ConfigError, match=r"^configs/lexicon/none\.yaml: cannot be read"):
        load_yaml_model(builtin("lexicon/none.yaml"), Book)


def test_suggestions_do_not_depend_on_the_order_of_a_set() -> None:
    assert did_you_mean("nodd", {"nod", "node", "bow"}) == did_you_mean("nodd", ["bow", "node", "nod", "nod"])
    assert did_you_mean("xyzzy", ["nod"]) == ""
