"""A user's own words: a file that adds to the lexicon, or replaces entries of it, and leaves the program's files alone.

The file (`--lexicon my.yaml`) is written in the same terms as `configs/lexicon/`; docs/directions.md explains it with an
example. Its text travels in the journal beside the others (`OWN_LEXICON`), so that a take is replayed, resumed and revised with
the words that it was made with.

Rules
- An entry with `say` is new, or takes the place of the program's entry of that name. An entry with `also` keeps what is there
  and adds ways to say it.
- Emotional states are muscles (configs/emotions.yaml): a new word for a feeling is added to a state, or is an action or a
  situation that is composed of states.
- Where a pattern of the user's and one of the program's find the same words, the user's holds.
"""

from __future__ import annotations

import re

from collections.abc import Iterable, Iterator
from typing import Annotated, Literal, Self, get_args

from pydantic import Field, ValidationInfo, model_validator

from configs.lexicon import JUDGEMENT, Entry, Lexicon, uncited
from configs.loading import EntryError, did_you_mean, parse_yaml_model
from configs.notes import Positive, Table

OWN_LEXICON = "lexicon/own.yaml"
"""What the text is called among the tables of a take; there is none unless the user gives one."""

Section = Literal["states", "actions", "situations"]
SECTIONS: tuple[Section, ...] = get_args(Section)
Patterns = tuple[str, ...]
Phrase = Annotated[str, Field(min_length=1, max_length=100)]

_STRENGTH = re.compile(r"@\s*(\S*)\s*$")
_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?")
_MOST_STRENGTH = 4.0


class OwnEntry(Entry):
    """An entry of the user's.

    Attributes:
        say: as in `Entry`, for an entry that is new or takes another's place.
        also: further patterns for the entry of this name that is there.
    """

    say: Annotated[Patterns, Field(max_length=1000)] = ()
    also: Annotated[Patterns, Field(max_length=1000)] = ()

    @model_validator(mode="after")
    def _says_or_adds(self) -> Self:
        if self.also and self.model_fields_set - {"also"}:
            other = next(name for name in type(self).model_fields if name in self.model_fields_set - {"also"})
            raise EntryError((other,), "cannot go with also, which only adds words; write the whole entry with say instead")
        if not self.say and not self.also:
            raise ValueError("needs say with its patterns, or also to add patterns to an entry that is there")
        return self


class OwnLexicon(Table):
    """The user's file.

    Attributes:
        sources, rests_on: as in `configs.lexicon.Entries`.
        states, actions, situations: entries by name.
        classes: words for a class of `words.yaml`, or a class of the user's own, for patterns to name as <class>.
        degree: phrase to factor on strength.
        pace: phrase to factor on speed.
        ignore: words that mean nothing here, and so are never reported as not understood.
    """

    sources: dict[str, Annotated[str, Field(min_length=1)]] = Field(default_factory=dict)
    rests_on: str = JUDGEMENT
    states: dict[str, OwnEntry] = Field(default_factory=dict)
    actions: dict[str, OwnEntry] = Field(default_factory=dict)
    situations: dict[str, OwnEntry] = Field(default_factory=dict)
    classes: dict[str, tuple[Phrase, ...]] = Field(default_factory=dict)
    degree: dict[Phrase, Positive] = Field(default_factory=dict)
    pace: dict[Phrase, Positive] = Field(default_factory=dict)
    ignore: tuple[Phrase, ...] = ()

    @property
    def entries(self) -> Iterator[tuple[Section, str, OwnEntry]]:
        """All entries with their section and name."""
        for section, entries in zip(SECTIONS, (self.states, self.actions, self.situations), strict=True):
            for name, entry in entries.items():
                yield section, name, entry

    @model_validator(mode="after")
    def _goes_with_the_lexicon(self, info: ValidationInfo) -> Self:
        """Check it against the lexicon that it is for, which the context holds."""
        uncited(self.sources, self.rests_on, {(section, name): entry for section, name, entry in self.entries})
        for key, words in (("degree", self.degree), ("pace", self.pace)):
            for phrase in words:
                _check_words(phrase.split() or [phrase], (key, phrase), phrase)
        for name, listed in self.classes.items():
            for place, word in enumerate(listed):
                _check_words([word], ("classes", name, place), word)
                if "-" in word:
                    raise EntryError(
                        ("classes", name, place), f"{word!r} comes apart at its hyphen, and a class has single words"
                    )
        for place, word in enumerate(self.ignore):
            _check_words([word], ("ignore", place), word)
        theirs = info.context
        if isinstance(theirs, Lexicon):
            classes = theirs.words.classes.keys() | self.classes.keys()
            for section, name, entry in self.entries:
                _check_name(theirs, section, name, entry)
                for key, patterns in (("say", entry.say), ("also", entry.also)):
                    for place, said in enumerate(patterns):
                        _check_pattern(said, classes, (section, name, key, place))
                if entry.say and (problem := theirs.unknown(name, entry)):
                    raise EntryError((section, name), problem)
        return self


def add_own(lexicon: Lexicon, text: str, called: str = OWN_LEXICON) -> Lexicon:
    """The lexicon with a user's file.

    Args:
        lexicon: the program's.
        text: of the user's file.
        called: what errors call it.

    Raises:
        ConfigError: it is not what it should be, or does not go with the lexicon; file, line and key are named.
    """
    own = parse_yaml_model(text, called, OwnLexicon, lexicon)
    sections: dict[str, dict[str, Entry]] = {section: dict(getattr(lexicon, section)) for section in SECTIONS}
    mine: dict[str, Patterns] = {}
    for section, name, entry in own.entries:
        if entry.also:
            before = sections[section][name]
            sections[section][name] = before.model_copy(update={"say": (*before.say, *entry.also)})
            mine[name] = entry.also
        else:
            given = entry.model_dump(exclude={"also"}) | {"source": entry.source or (own.rests_on,)}
            sections[section][name] = Entry.model_validate(given)
            mine[name] = entry.say
    classes = {name: lexicon.words.classes.get(name, ()) + words for name, words in own.classes.items()}
    joined = {word for patterns in mine.values() for said in patterns for word in re.split(r"[\s|?]+", said) if "_" in word}
    glue = dict.fromkeys((*lexicon.words.glue, *(word.replace("_", " ") for word in sorted(joined))))
    words = lexicon.words.model_copy(
        update={
            "classes": {**lexicon.words.classes, **classes},
            "glue": tuple(glue),
            "stop": (*lexicon.words.stop, *(part for word in own.ignore for part in word.split("-"))),
        }
    )
    paces = {
        "degree": {**lexicon.modifiers.degree, **_apart(own.degree)},
        "pace": {**lexicon.modifiers.pace, **_apart(own.pace)},
    }
    modifiers = lexicon.modifiers.model_copy(update=paces)
    given = {name: getattr(lexicon, name) for name in ("english", "acts", "notes")}
    sources = {**own.sources, **lexicon.sources}
    return Lexicon.model_validate(
        {**given, **sections, "words": words, "modifiers": modifiers, "sources": sources, "own": mine}
    )


def _apart(phrases: dict[str, float]) -> dict[str, float]:
    """Phrases as they are looked for: hyphenated words come apart."""
    return {phrase.replace("-", " "): factor for phrase, factor in phrases.items()}


def _check_name(lexicon: Lexicon, section: Section, name: str, entry: OwnEntry) -> None:
    """Whether there is such an entry where it has to be one, and none where it may not."""
    there = next((other for other in SECTIONS if name in getattr(lexicon, other)), None)
    if there is not None and there != section:
        raise EntryError((section, name), f"is one of the {there} of the program; put it under {there}, or rename it")
    if there is None and entry.also:
        near = did_you_mean(name, lexicon.entries)
        raise EntryError((section, name), f"there is no entry of that name to add words to{near}; with say it is a new one")
    if there is None and section == "states":
        raise EntryError(
            (section, name),
            f"the face knows no state of that name{did_you_mean(name, lexicon.states)}; add words to a state with also, or "
            "make this one of the actions, with states as its acts",
        )


def _check_pattern(said: str, classes: Iterable[str], path: tuple[str | int, ...]) -> None:
    """Whether a pattern is written as `words.yaml` says."""
    body = said.strip()
    if found := _STRENGTH.search(body):
        if not _NUMBER.fullmatch(found[1]) or not 0 < float(found[1]) <= _MOST_STRENGTH:
            raise EntryError(path, f"{said!r} has a strength that is no number above 0 and at most 4 after its @")
        body = body[: found.start()]
    places = body.removeprefix("=").removeprefix("+").split()
    if all(place.endswith("?") for place in places):
        raise EntryError(path, f"{said!r} needs at least one word without a question mark")
    for place in places:
        for word in place.removesuffix("?").split("|"):
            if word.startswith("<") and word.endswith(">"):
                if word[1:-1] not in classes:
                    near = did_you_mean(word[1:-1], classes)
                    raise EntryError(path, f"{said!r} names the class {word}, which neither words.yaml nor this file has{near}")
            else:
                _check_words([word], path, said)


def _check_words(words: Iterable[str], path: tuple[str | int, ...], said: str) -> None:
    """Whether words are written as they are looked for: in small letters, without marks."""
    for word in words:
        if word != word.lower() or not re.fullmatch(r"[^\W\d](?:[\w'-]*\w)?", word):
            raise EntryError(path, f"{said!r} has {word!r}, and a word is small letters, with ' - or _ inside it at most")
