"""The tables by which the director's embedded planner reads English directions.

The files in `configs/lexicon/` are data only; this module gives them types, checks that they fit together and builds a
:class:`Lexicon` from their texts alone, so that a take can be planned again from the texts that its journal holds.
"""

from __future__ import annotations

import re

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Literal

from pydantic import BaseModel, Field, model_validator

from configs.loading import ConfigError, EntryError, builtin, did_you_mean, parse_yaml_model, read_text
from configs.notes import Notes, Positive, Table
from protocol.brief import Side
from protocol.channels import REGIONS, Region, both_sides

FILES = ("words", "english", "modifiers", "acts", "states", "actions", "situations", "notes")
"""The lexicon's files, without folder and ending, in the order in which they are read."""

JUDGEMENT = "judgement"
"""What an entry rests on that follows no source: what this project takes a person to do."""

Does = Literal["act", "release", "still", "pause", "spare", "gone", "dip"]
ToneName = Literal["pleasant", "unpleasant", "neutral"]
Aims = Literal["none", "side", "gaze", "turn", "tilt"]
Hold = Literal["keep", "step", "own", "span"]
Joint = Literal[
    "open", "semi", "comma", "and", "but", "though", "except", "then", "last", "by_then", "first", "while", "meanwhile",
    "before", "after", "when", "until", "without", "pause", "like",
]  # fmt: skip
"""How a clause is joined: "open" begins a sentence, "semi" follows a semicolon, the others are said in words."""
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Seconds = Annotated[float, Field(gt=0, le=60, allow_inf_nan=False)]


class Call(Table):
    """One act that an entry calls for.

    Attributes:
        name: gesture or emotional state.
        strength: factor on the strength that the direction asks for.
        speed: factor on its pace.
        at: shares of the step at which it begins; several for something that recurs.
        until: share of the step at which it is over; None leaves that to the act's own kind of ending.
        side: side, unless the direction names another.
        count: how often, unless the direction says it.
        yaw: degrees toward the subject's left.
        pitch: degrees up.
        regions: who is to do it.
    """

    name: str
    strength: Positive = 1.0
    speed: Positive = 1.0
    at: tuple[Share, ...] = (0.0,)
    until: Share | None = None
    side: Side = "both"
    count: Annotated[int, Field(ge=0, le=60)] = 0
    yaw: Annotated[float, Field(ge=-60, le=60)] = 0.0
    pitch: Annotated[float, Field(ge=-40, le=40)] = 0.0
    regions: tuple[Region, ...] = REGIONS


class Entry(Table):
    """Something that a direction can say.

    Attributes:
        say: the patterns by which it is found (see the head of `words.yaml`).
        acts: what it calls for; none stands for one act of the entry's own name.
        does: "act" performs, "release" lets go of `of`, "still" freezes, "pause" waits, "spare" keeps `of` from moving and
            "gone" makes what came before a brief flash; "dip" lets go of `of` for a moment.
        of: what is released or spared: names of `spare` or `release` groups, or acts.
        aims: what a direction such as "left" or "up" beside it means: a side, a line of sight, a turn or a tilt.
        needs_aim: without such a direction the entry does not apply.
        one_sided: the act that it becomes when one side is named.
        seconds: its natural length; None takes the longest of its acts.
        event: it happens to the subject, and what else the sentence tells comes after it.
        waits: as a bare command with a time ("wait two seconds") it is only a pause.
        background: what the subject is busy with; an emotion named beside it takes the place of its own.
        source: what it rests on, by the keys of its file's `sources` and "judgement"; none for what the file says of all.
    """

    say: Annotated[tuple[str, ...], Field(min_length=1)]
    acts: tuple[Call, ...] = ()
    does: Does = "act"
    of: tuple[str, ...] = ()
    aims: Aims = "none"
    needs_aim: bool = False
    one_sided: str = ""
    seconds: Seconds | None = None
    event: bool = False
    waits: bool = False
    background: bool = False
    source: tuple[str, ...] = ()


class Entries(Table):
    """A file of entries.

    Attributes:
        sources: what is cited, by the keys by which entries name it.
        rests_on: what an entry rests on that does not say: a key of `sources`, or "judgement".
        entries: by name.
    """

    sources: dict[str, Annotated[str, Field(min_length=1)]] = Field(default_factory=dict)
    rests_on: str = JUDGEMENT
    entries: dict[str, Entry]

    @model_validator(mode="after")
    def _cites_what_is_listed(self) -> Entries:
        uncited(self.sources, self.rests_on, {("entries", name): entry for name, entry in self.entries.items()})
        return self


def uncited(sources: Mapping[str, str], rests_on: str, entries: Mapping[tuple[str, str], Entry]) -> None:
    """Refuse entries that name a source which their file does not list.

    Args:
        sources: of the file.
        rests_on: the file's own.
        entries: by their place in the file.

    Raises:
        EntryError: one of them does.
    """
    known = {*sources, JUDGEMENT}
    if rests_on not in known:
        raise EntryError(("rests_on",), f"{rests_on} is not among the sources{did_you_mean(rests_on, known)}")
    for path, entry in entries.items():
        for place, cited in enumerate(entry.source):
            if cited not in known:
                said = f"{cited} is neither among the sources of this file nor {JUDGEMENT}{did_you_mean(cited, known)}"
                raise EntryError((*path, "source", place), said)


class Kind(Table):
    """How an act behaves in time, and what it contradicts.

    Attributes:
        hold: "keep" lasts until something contradicts it, "step" for its step, "own" for its natural time, "span" repeats
            for its step.
        seconds: natural length of one, repetitions included for "span".
        onset: seconds that it naturally takes to appear; a slow or short step is given the pace at which it still does.
        often: how often it is done when the direction does not say.
        repeats: whether its gesture does the repetitions itself; others are done one after the other.
        longest: it is over after this many seconds at the latest; one that is "kept" lasts on where the direction asks for it.
        parts: the parts of the face that it takes; a later act on the same part ends it.
        mood: +1 or -1 if it is an expression that the opposite mood ends.
        never: channels, with or without side, and the bound that "does not" puts on them.
    """

    hold: Hold = "own"
    seconds: Seconds = 1.0
    onset: Seconds = 0.5
    often: Annotated[int, Field(ge=1, le=20)] = 1
    repeats: bool = False
    longest: Seconds | None = None
    parts: tuple[str, ...] = ()
    mood: Annotated[int, Field(ge=-1, le=1)] = 0
    never: dict[str, Annotated[float, Field(ge=0)]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _names_channels(self) -> Kind:
        _check_channels(self.never)
        return self


class Compound(Table):
    """Two states that together are a third."""

    of: tuple[str, str]
    name: str


class Acts(Table):
    """The file of acts.

    Attributes:
        kinds: how each gesture behaves.
        state: how emotional states behave, unless listed among the kinds.
        moods: the mood of the states that have one.
        spare: bounds on channels for each part of the face that a direction may ask to be left alone.
        release: the acts that end when an expression of that name is said to fade.
        compounds: pairs of states that merge.
        opposite: what "not" makes of a state.
        presupposed: the act that must have been there for a release group to end.
        spare_parts: the parts of the face that a spare group covers.
        opens_eyes: states that end closed eyes.
        fleeting: states without a mood that an expression with one ends.
        undoes: acts and entries that take back earlier acts.
        ends: poses beside its own parts that an act ends.
        becomes: what is left of a feeling that is over by itself; nothing in lexicons of earlier versions.
        lasting: what an act of its own short time becomes when it is to last; nothing in lexicons of earlier versions.
    """

    kinds: dict[str, Kind]
    state: Kind
    moods: dict[str, int]
    spare: dict[str, dict[str, Annotated[float, Field(ge=0)]]]
    release: dict[str, tuple[str, ...]]
    compounds: tuple[Compound, ...]
    opposite: dict[str, str]
    presupposed: dict[str, str]
    spare_parts: dict[str, tuple[str, ...]]
    opens_eyes: tuple[str, ...]
    fleeting: tuple[str, ...]
    undoes: dict[str, tuple[str, ...]]
    ends: dict[str, tuple[str, ...]]
    becomes: dict[str, Call] = Field(default_factory=dict)
    lasting: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _names_channels(self) -> Acts:
        for bounds in self.spare.values():
            _check_channels(bounds)
        return self


class Tone(Table):
    """What is done in a situation of which nothing but its tone is understood.

    Attributes:
        acts: what it calls for.
        seconds: natural length.
        words: base forms of the words that set this tone.
    """

    acts: Annotated[tuple[Call, ...], Field(min_length=1)]
    seconds: Seconds
    words: str = ""


class Words(Table):
    """The file of words: classes, inflections, and words that say nothing about the face.

    Attributes:
        classes: word classes for patterns.
        irregular: inflected form to its base forms.
        contractions: short form to its words.
        glue: several words that are read as one, written with underscores.
        numbers: number words.
        light: words that stand between the words of a phrase without changing it.
        stop: words without meaning of their own here; never reported as unread.
        subjects: nouns for whom the portrait shows; never reported as unread.
        parts: the part of the face that a noun names.
        confusions: misspellings that are words themselves: (word before, word, what is meant).
        emoji: a sign and the words that it stands for.
        tones: what is done where nothing but the tone of a situation is understood; none in lexicons of earlier versions.
    """

    classes: dict[str, tuple[str, ...]]
    irregular: dict[str, tuple[str, ...]]
    contractions: dict[str, tuple[str, ...]]
    glue: tuple[str, ...]
    numbers: dict[str, int]
    light: tuple[str, ...]
    stop: tuple[str, ...]
    subjects: tuple[str, ...]
    parts: dict[str, str]
    confusions: tuple[tuple[str, str, str], ...]
    emoji: dict[str, str]
    tones: dict[ToneName, Tone] = Field(default_factory=dict)


class English(Table):
    """The file of English words that look like a word of the lexicon, and are not it misspelt."""

    words: str


class Modifiers(Table):
    """The file of modifiers: phrases and what they change.

    A place of a phrase may be a choice of words (`a|b`) and of the words of a class of `words.yaml` (`<class>`).

    Attributes:
        degree: phrase to factor on strength.
        pace: phrase to factor on speed.
        onset: phrase to factor on the speed at which a pose is taken up; none in lexicons of earlier versions.
        brief: phrase to seconds, for what is seen only for an instant.
        counts: phrase to number of times.
        aims: direction word to (yaw, pitch) in units of a clear look, and the region that alone moves, if it does.
        mirror: words that turn left and right to the onlooker's.
        negation: phrases that deny what follows.
        affirmed: phrases with a negation in them that deny nothing.
        joints: how a clause is joined: kind to its phrases.
    """

    degree: dict[str, Positive]
    pace: dict[str, Positive]
    brief: dict[str, Seconds]
    counts: dict[str, int]
    aims: dict[str, tuple[float, float] | tuple[float, float, Region]]
    mirror: tuple[str, ...]
    negation: tuple[str, ...]
    affirmed: tuple[str, ...]
    joints: dict[Joint, tuple[str, ...]]
    onset: dict[str, Positive] = Field(default_factory=dict)

    @cached_property
    def denying(self) -> frozenset[str]:
        """The single words that deny what follows, such as "not" and "without"."""
        return frozenset(said for said in self.negation if " " not in said)


class Lexicon(Table):
    """All tables together.

    Attributes:
        words, english, modifiers, acts, notes: the files of these names.
        states, actions, situations: the entries, each with its `source` filled in.
        sources: what the keys of sources stand for.
        own: the patterns that the user's own file adds, by entry (`configs.own_lexicon`).
    """

    words: Words
    english: English
    modifiers: Modifiers
    acts: Acts
    states: dict[str, Entry]
    actions: dict[str, Entry]
    situations: dict[str, Entry]
    notes: Notes
    sources: dict[str, str] = Field(default_factory=dict)
    own: dict[str, tuple[str, ...]] = Field(default_factory=dict)

    @cached_property
    def entries(self) -> Mapping[str, Entry]:
        """All entries by name: states first, then actions, then situations."""
        return {**self.states, **self.actions, **self.situations}

    @property
    def patterns(self) -> tuple[tuple[str, str], ...]:
        """Entry and pattern, those first that hold where several find the same words: the user's own, then as in the files."""
        own = [(name, said) for name, patterns in self.own.items() for said in patterns]
        theirs = [(name, said) for name, entry in self.entries.items() for said in entry.say]
        return tuple(dict.fromkeys((*own, *theirs)))

    def problem(self, name: str, entry: Entry) -> str | None:
        """What is wrong with an entry in the company of the others, if anything."""
        first = next(section[name] for section in (self.states, self.actions, self.situations) if name in section)
        if first is not entry:
            return "is an entry of two files; rename one of them"
        return self.unknown(name, entry)

    def unknown(self, name: str, entry: Entry) -> str | None:
        """What an entry names that there is not, if anything."""
        if entry.does == "act":
            known = self.acts.kinds.keys() | self.states.keys()
            called = [call.name for call in entry.acts] or [name]
            for act in (*called, *filter(None, [entry.one_sided])):
                if act not in known:
                    return f"calls for {act}, which is neither a gesture of acts.yaml nor a state{did_you_mean(act, known)}"
        elif entry.does in ("release", "spare", "dip"):
            groups: Mapping[str, object] = self.acts.spare if entry.does == "spare" else self.acts.release
            for group in entry.of:
                if group not in groups:
                    return f"{entry.does}s {group}, which acts.yaml does not list{did_you_mean(group, groups)}"
        return None

    def note_problem(self) -> tuple[str, str] | None:
        """The key of the tables of notes with which something is wrong in the company of the others, and what, if anything."""
        known = self.acts.kinds.keys() | self.states.keys()
        parts = {part for kind in (*self.acts.kinds.values(), self.acts.state) for part in kind.parts}
        named = (("families", self.notes.families), ("variants", self.notes.variants), ("of_itself", (self.notes.of_itself,)))
        for key, groups in named:
            for act in (act for group in groups for act in group):
                if act not in known:
                    return key, f"names {act}, which is neither a gesture of acts.yaml nor a state{did_you_mean(act, known)}"
        for noun, covered in self.notes.parts.items():
            for part in covered:
                if part not in parts:
                    return noun, f"names the part {part}, which no act of acts.yaml takes{did_you_mean(part, parts)}"
        return None

    def tone_problem(self) -> tuple[str, str] | None:
        """The tone with which something is wrong in the company of the other tables, and what, if anything."""
        known = self.acts.kinds.keys() | self.states.keys()
        for tone, played in self.words.tones.items():
            for call in played.acts:
                if call.name not in known:
                    near = did_you_mean(call.name, known)
                    return tone, f"calls for {call.name}, which is neither a gesture of acts.yaml nor a state{near}"
        return None

    def calls(self, name: str) -> tuple[Call, ...]:
        """The acts that an entry calls for."""
        entry = self.entries[name]
        return entry.acts or ((Call(name=name),) if entry.does == "act" else ())

    def kind(self, act: str) -> Kind:
        """How a gesture or a state behaves."""
        if act in self.acts.kinds:
            return self.acts.kinds[act]
        return self.acts.state.model_copy(update={"mood": self.acts.moods.get(act, 0)})


def _check_channels(names: Mapping[str, float]) -> None:
    for name in names:
        if not both_sides(name):
            raise ValueError(f"{name} is not a channel, with or without its side")


def load_lexicon(texts: Mapping[str, str], names: Mapping[str, str] | None = None) -> Lexicon:
    """Build the lexicon from the texts of its files.

    Args:
        texts: the text of each of FILES.
        names: what errors call a file, where that is not its path below the project.

    Raises:
        ConfigError: a file is not what it should be, or the files do not fit together; file, line and key are named.
    """
    called = {name: (names or {}).get(name, f"configs/lexicon/{name}.yaml") for name in FILES}
    models: tuple[type[BaseModel], ...] = (Words, English, Modifiers, Acts, Entries, Entries, Entries, Notes)
    tables: dict[str, object] = {}
    sources: dict[str, str] = {}
    for name, model in zip(FILES, models, strict=True):
        table = parse_yaml_model(texts[name], called[name], model)
        tables[name] = table
        if isinstance(table, Entries):
            tables[name] = {
                key: entry if entry.source else entry.model_copy(update={"source": (table.rests_on,)})
                for key, entry in table.entries.items()
            }
            for key, cited in table.sources.items():
                if sources.setdefault(key, cited) != cited:
                    line = _line_of(texts[name], key)
                    raise ConfigError(
                        f"{called[name]}:{line}: {key}: cites something else than in another file; rename one of them"
                    )
    lexicon = Lexicon.model_validate({**tables, "sources": sources})
    for section in ("states", "actions", "situations"):
        for key, entry in getattr(lexicon, section).items():
            if problem := lexicon.problem(key, entry):
                raise ConfigError(f"{called[section]}:{_line_of(texts[section], key)}: {key}: {problem}")
    if wrong := lexicon.tone_problem():
        raise ConfigError(f"{called['words']}:{_line_of(texts['words'], wrong[0])}: tones.{wrong[0]}: {wrong[1]}")
    if wrong := lexicon.note_problem():
        raise ConfigError(f"{called['notes']}:{_line_of(texts['notes'], wrong[0])}: {wrong[0]}: {wrong[1]}")
    return lexicon


def _line_of(text: str, key: str) -> int:
    """The line on which an entry begins."""
    found = re.search(rf"(?m)^(?:  )?{re.escape(key)}:", text)
    return text.count("\n", 0, found.start()) + 1 if found else 1


def builtin_texts() -> dict[str, str]:
    """The texts of the files that come with the program, by name."""
    return {name: read_text(builtin(f"lexicon/{name}.yaml")) for name in FILES}
