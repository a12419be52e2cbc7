"""Reading a director's note: from its text to clauses that say what is to be changed.

A note is cut at its commas and connectives. What is left of a clause without the words of the note itself ("hold ... longer")
is read like a direction, which says what it is about ("the smile").
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Literal

from agents.director.lexicon import LexiconPlanner
from agents.director.morphology import Morphology
from agents.director.patterns import PatternTable
from agents.director.phrases import Phrase, PhraseTable
from agents.director.text import Token, shadow, tokenise
from agents.director.times import TimeMark, TimeReader
from agents.director.wishes import Asked, Joint, Wish, WishLink, with_anchors
from configs.lexicon import Lexicon
from configs.notes import Change, Telling

_Kind = Literal["ask", "tell", "degree", "place", "link", "everything", "same", "anew"]
_Meaning = tuple[_Kind, object, str]
"""What a phrase means, of which value, and the phrase."""

_STOPS = frozenset({".", "!", "?", ";", "\n", "..", "...", "\u2026"})
_COMMAS = frozenset({",", ":", "\u2014", "/", "(", ")"})
_ANDS = frozenset({"and", "or", "plus", "&", "+"})
_BUTS = frozenset({"but", "yet", "though", "although", "however"})
_SIDES = frozenset(
    {"left", "right", "both", "up", "down", "leftward", "rightward", "upward", "upwards", "downward", "downwards"}
)
_WORDS_THAT_ARE_BOTH: frozenset[Telling] = frozenset({"remove", "hold", "move", "turn_into", "end", "swap", "add"})
_ALWAYS = frozenset({"not", "no", "never", "without", "also", "add"})
_LATER = ("later", "on", "afterwards", "thereafter", "after that")
_DETERMINERS = frozenset({"the", "her", "his", "their", "that", "this", "a", "an", "every", "each", "all", "any", "both"})


class WishReader:
    """Reads notes.

    Args:
        planner: reads what a note is about.
        lexicon: its tables, with those of notes.
    """

    def __init__(self, planner: LexiconPlanner, lexicon: Lexicon) -> None:
        self._planner = planner
        self._lexicon = lexicon
        notes, words = lexicon.notes, lexicon.words
        said: dict[str, tuple[_Meaning, ...]] = {}

        def add(kind: _Kind, phrases: Iterable[str], value: object) -> None:
            for phrase in phrases:
                said[phrase] = (*said.get(phrase, ()), (kind, value, phrase))

        add("same", notes.same, None)
        for phrase, degree in notes.degrees.items():
            add("degree", [phrase], degree)
        for tell, phrases in notes.tells.items():
            if tell != "turn_into":  # "turn" is one only with what something turns into, which cuts the clause
                add("tell", phrases, tell)
        for change, ratios in notes.asks.items():
            for phrase, ratio in ratios.items():
                add("ask", [phrase], Asked(change, ratio, phrase))
        for place, phrases in notes.places.items():
            add("place", phrases, place)
        for link, phrases in notes.links.items():
            add("link", phrases, link)
        add("everything", notes.everything, None)
        add("anew", notes.anew, None)
        self._phrases: PhraseTable[tuple[_Meaning, ...]] = PhraseTable(said)
        self._glue = PhraseTable({phrase: phrase.replace(" ", "_") for phrase in words.glue})
        self._times = TimeReader(words.numbers)
        patterns = PatternTable(lexicon).vocabulary()
        own = {word for phrase in (*said, *notes.manners, *notes.wishes) for word in phrase.split()}
        own |= {*notes.ordinals, *notes.beats, *notes.parts, *words.parts, *_SIDES, *_DETERMINERS}
        self._face = patterns
        self._morphology = Morphology(
            patterns | own | {*words.stop, *words.light, *words.numbers, *words.subjects},
            words.irregular,
            lexicon.english.words.split(),
            own | patterns,
        )

    # -------------------------------------------------------------------------------------------------------- cutting

    def read(self, note: str) -> list[Wish]:
        """The clauses of a note, those that only say when or instead of what joined to the ones that they belong to."""
        note = _moved_more(note)
        flat = shadow(note)
        tokens = self._tokens(note)
        marks = [mark for mark in self._times.find(flat) if not self._counts(mark, tokens)]
        wishes = self._cut(tokens, marks)
        for wish, following in zip(wishes, [*wishes[1:], None], strict=True):
            self._understand(wish, note, swapped=following is not None and following.link == "with")
        wishes = [wish for wish in wishes if wish.tokens or wish.marks or wish.link]
        return with_anchors(wishes)

    def _tokens(self, note: str) -> list[Token]:
        """Words with their base forms, spelling repaired; several that are read as one as one."""
        found: list[Token] = []
        for token in tokenise(note, self._lexicon.words):
            if token.kind != "word":
                found.append(token)
                continue
            lemmas, word = self._morphology.lemmas(token.word), token.word
            if not lemmas and (meant := self._morphology.repaired(word)) is not None:
                word, lemmas = meant, self._morphology.lemmas(meant)
            found.append(replace(token, word=word, lemmas=lemmas))
        joined: list[Token] = []
        place = 0
        while place < len(found):
            phrase = self._glue.at(found, place)
            if phrase is None:
                joined.append(found[place])
                place += 1
                continue
            first, last = found[phrase.first], found[phrase.last]
            joined.append(Token(note[first.start : last.end], phrase.value, first.start, last.end, "word", (phrase.value,)))
            place = phrase.last + 1
        return joined

    def _counts(self, mark: TimeMark, tokens: Sequence[Token]) -> bool:
        """Whether "a second" counts, as in "a second smile", and is no time."""
        inside = [token for token in tokens if mark.start <= token.start < mark.end]
        after = next((token for token in tokens if token.start >= mark.end), None)
        return (
            mark.kind == "length"
            and [token.word for token in inside[:2]] == ["a", "second"]
            and len(inside) == 2
            and after is not None
            and after.is_word
            and not self._face.isdisjoint(after.lemmas)
            and after.word not in self._lexicon.words.stop
            and not any(after.word in phrases for phrases in self._lexicon.notes.asks.values())
        )

    def _cut(self, tokens: Sequence[Token], marks: Sequence[TimeMark]) -> list[Wish]:
        """Cut a note into clauses."""
        wishes = [Wish("open")]
        ahead = list(marks)
        place = 0
        while place < len(tokens):
            token = tokens[place]
            while ahead and ahead[0].start <= token.start:
                wishes[-1].marks.append(ahead.pop(0))
            if any(mark.start <= token.start < mark.end for mark in marks):
                wishes[-1].tokens.append(token)
                place += 1
                continue
            phrase = self._phrases.at(tokens, place)
            joint = (
                self._joint(token) if phrase is None or phrase.value[0][0] == "link" or phrase.first == phrase.last else None
            )
            if joint is not None:
                _begin(wishes, joint, None)
                place += 1
                continue
            link = self._link(phrase, wishes[-1])
            if link is not None and phrase is not None:
                _begin(wishes, "and" if wishes[-1].tokens else wishes[-1].joint, link)
                place = phrase.last + 1
                if link == "instead" and (place >= len(tokens) or tokens[place].kind == "mark"):
                    _begin(wishes, "comma", None)
                continue
            if self._with(token, wishes[-1]):
                _begin(wishes, "and", "with")
                place += 1
                continue
            last = phrase.last + 1 if phrase is not None else place + 1
            wishes[-1].tokens.extend(tokens[place:last])
            place = last
        wishes[-1].marks.extend(ahead)
        return wishes

    def _joint(self, token: Token) -> Joint | None:
        if token.kind == "mark" or token.word in ("&", "+"):
            return (
                "open" if token.word in _STOPS else "comma" if token.word in _COMMAS else "and" if token.word in _ANDS else None
            )
        if token.word in ("then", "afterwards"):
            return "then"
        if token.word in _BUTS:
            return "open"
        return "and" if token.word in _ANDS else None

    def _link(self, phrase: Phrase[tuple[_Meaning, ...]] | None, wish: Wish) -> WishLink | None:
        """What a phrase makes of the clause that it begins, if it begins one."""
        if phrase is None:
            return None
        kind, value, _ = phrase.value[0]
        if kind == "link":
            links: dict[object, WishLink] = {"during": "during", "before": "before", "after": "after", "until": "until"}
            return links[value]
        if kind == "tell" and value == "instead":
            return "instead"
        return None

    def _with(self, token: Token, wish: Wish) -> bool:
        """Whether what takes something's place follows: "replace the nod with a wink"."""
        heads = [earlier for earlier in wish.tokens[:3] if earlier.is_word]
        verbs = {lemma for head in heads for lemma in (head.word, *head.lemmas)}
        tells = self._lexicon.notes.tells
        if token.word in ("with", "by", "for"):
            return not verbs.isdisjoint(tells["swap"])
        return (token.word == "into" and not verbs.isdisjoint(tells["turn_into"])) or (token.word == "to" and "change" in verbs)

    # --------------------------------------------------------------------------------------------------- understanding

    def _understand(self, wish: Wish, note: str, *, swapped: bool) -> None:
        """Fill in what a clause asks for; `swapped` if the next one says what takes its place."""
        tokens = wish.tokens
        if not tokens:
            return
        wish.words = " ".join(note[tokens[0].start : tokens[-1].end].split())
        timed = [any(mark.start <= token.start < mark.end for mark in wish.marks) for token in tokens]
        used = list(timed)
        self._count(wish, used)
        full = self._planner.understand(_kept(note, tokens, [False] * len(tokens)))
        wish.full = tuple(moment.cue for step in full.steps for moment in step.moments)
        free = [not taken for taken in used]
        operative = [False] * len(tokens)
        phrases = [phrase for phrase in self._phrases.find(tokens, free) if self._means(wish, phrase, tokens, note)]
        changes = any(kind == "ask" for phrase in phrases for kind, _, _ in phrase.value)
        alone = len(phrases) == 1 and phrases[0].last - phrases[0].first + 1 == len(tokens)
        for phrase in phrases:
            if phrase.value[0][0] == "degree" and not changes and not alone:
                continue  # "only a little" says how much there is to be, and not by how much more
            self._take(wish, phrase, tokens)
            for place in range(phrase.first, phrase.last + 1):
                used[place] = operative[place] = True
        self._percentage(wish, used)
        self._amounts(wish)
        self._comparative(wish, tokens, used)
        drop = self._manners(tokens, used)
        if "add" in wish.told and not wish.asked:
            drop = [
                taken and (timed[n] or operative[n] or tokens[n].word in ("please", "make", "let"))
                for n, taken in enumerate(drop)
            ]
        if swapped:
            tells = self._lexicon.notes.tells
            verbs = {*tells["turn_into"], *tells["swap"]}
            drop = [
                taken or not verbs.isdisjoint((token.word, *token.lemmas)) for taken, token in zip(drop, tokens, strict=True)
            ]
            wish.told.add("swap")
        wish.rest = _kept(note, tokens, drop)
        wish.reading = self._planner.understand(wish.rest)
        wish.cues = tuple(moment.cue for step in wish.reading.steps for moment in step.moments)
        if not wish.cues and not wish.sides:  # "the glance": some acts are only read with where they go
            aimed = self._planner.understand(f"{wish.rest.rstrip()} aside")
            wish.cues = tuple(moment.cue for step in aimed.steps for moment in step.moments)
            if wish.cues:
                wish.aimless, wish.reading = True, aimed
        spared = tuple(cue for cue in wish.full if cue.does in ("spare", "still"))
        if spared and (("hold" in wish.told and not wish.asked) or (wish.told & {"hold", "remove"} and not wish.cues)):
            wish.cues = spared
        left = [token for token, taken in zip(tokens, used, strict=True) if not taken]
        wish.sides = frozenset(token.word for token in left if token.word in _SIDES)
        if wish.cues:
            wish.first_cue = min(cue.place for cue in wish.cues)
            wish.same = False
        else:
            self._part(wish, left)
        wish.evidence |= {token.word for token in tokens if token.word in self._lexicon.notes.wishes}

    def _count(self, wish: Wish, used: list[bool]) -> None:
        """Ordinals, and beats by number."""
        notes = self._lexicon.notes
        asks = {phrase for phrases in notes.asks.values() for phrase in phrases} | {"one"}
        tokens = wish.tokens
        for place, token in enumerate(tokens):
            after = tokens[place + 1] if place + 1 < len(tokens) else None
            before = tokens[place - 1] if place else None
            phrase = self._phrases.at(tokens, place)
            if used[place] or after is None or (phrase is not None and phrase.value[0][0] == "place"):
                continue
            if not set(notes.beats).isdisjoint((token.word, *token.lemmas)) and (
                after.kind == "number" and after.word.isdigit()
            ):
                wish.beat, used[place], used[place + 1] = int(after.word) + 1, True, True  # "beat 0" is the first
            elif token.word in notes.ordinals and not used[place + 1] and after.is_word:
                said = before is not None and before.word in _DETERMINERS
                if token.word == "last" and not said and place == 0:
                    continue
                if not set(notes.beats).isdisjoint((after.word, *after.lemmas)):
                    wish.beat, used[place], used[place + 1] = notes.ordinals[token.word], True, True
                elif said and (after.word in asks or not self._face.isdisjoint(after.lemmas)):
                    wish.ordinal, used[place] = notes.ordinals[token.word], True

    def _means(self, wish: Wish, phrase: Phrase[tuple[_Meaning, ...]], tokens: Sequence[Token], note: str) -> bool:
        """Whether a phrase is the note's own, and not a part of what it is about, as "drop" is in "drop the jaw"."""
        kind, value, _ = phrase.value[0]
        if kind == "same" and phrase.last + 1 < len(tokens) and tokens[phrase.first].word in ("that", "this", "these", "those"):
            after = tokens[phrase.last + 1]
            return not (after.is_word and not self._face.isdisjoint(after.lemmas))
        if kind != "tell" or value not in _WORDS_THAT_ARE_BOTH or tokens[phrase.first].word in _ALWAYS:
            return True
        begin = tokens[phrase.first].start
        covering = [cue for cue in wish.full if cue.does == "act" and cue.place <= begin < cue.end]
        if not covering:
            return True
        without = [range(phrase.first, phrase.last + 1).__contains__(n) for n in range(len(tokens))]
        other = self._planner.understand(_kept(note, tokens, without))
        entries = {moment.cue.entry for step in other.steps for moment in step.moments}
        return any(cue.entry in entries for cue in covering)

    def _take(self, wish: Wish, phrase: Phrase[tuple[_Meaning, ...]], tokens: Sequence[Token]) -> None:
        """Note down what a phrase says."""
        for kind, value, words in phrase.value:
            wish.evidence.add(words)
            _note_down(wish, kind, value, tokens[phrase.first].start)

    def _comparative(self, wish: Wish, tokens: Sequence[Token], used: Sequence[bool]) -> None:
        """ "Sadder", "happier": more of what the word is a form of."""
        for token, taken in zip(tokens, used, strict=True):
            known = self._face.isdisjoint((token.word,)) and not self._face.isdisjoint(token.lemmas)
            if not taken and token.word.endswith("er") and known and not wish.asked:
                wish.asked.append(Asked("stronger", 1.35, token.word))
                wish.first_op = min(wish.first_op, token.start)

    def _percentage(self, wish: Wish, used: list[bool]) -> None:
        """ "20 % stronger", "by 20 percent"."""
        for place, token in enumerate(wish.tokens[:-1]):
            after = wish.tokens[place + 1]
            if token.kind == "number" and not used[place] and after.word in ("%", "percent", "per"):
                wish.share = float(token.word.replace(",", ".")) / 100
                used[place] = used[place + 1] = True
                if after.word == "per" and place + 2 < len(used):
                    used[place + 2] = True

    def _amounts(self, wish: Wish) -> None:
        """Which of the times that a clause names say how much, and not when."""
        for mark in list(wish.marks):
            inside = [token.word for token in wish.tokens if mark.start <= token.start < mark.end]
            after = next((token for token in wish.tokens if token.start >= mark.end), None)
            before = [token.word for token in wish.tokens if token.end <= mark.start]
            if mark.kind == "length" and after is not None:
                _time_instead(wish, after.word)
            changes = {asked.change for asked in wish.asked}
            timed = changes & {"longer", "shorter", "sooner", "later"}
            if mark.kind == "after" and inside and inside[-1] in _LATER:
                wish.delta = mark.low
                if "later" not in changes and not timed:
                    wish.asked.append(Asked("later", 0.4, "later"))
            elif mark.kind == "at" and inside[:1] == ["by"] and timed:
                wish.delta = mark.low
            elif mark.kind == "length" and "move" in wish.told and before[-1:] == ["to"]:
                wish.marks.append(replace(mark, kind="at"))
            elif mark.kind == "throughout" and not wish.cues and not wish.full:
                wish.everything = True
            elif mark.kind == "length":
                told_to = before[-1:] == ["to"] or inside[:1] in (["for"], ["lasting"], ["lasts"]) or inside[-1:] == ["long"]
                more = after is not None and any(after.word in phrase.split() for phrase in _time_words(self._lexicon))
                added = "add" in wish.told and not told_to and not wish.asked
                if added or (timed and (more or not told_to)):
                    wish.delta = mark.low
                else:
                    wish.lasting = mark.low
            else:
                continue
            wish.marks.remove(mark)

    def _manners(self, tokens: Sequence[Token], used: Sequence[bool]) -> list[bool]:
        """What to leave out before the rest is read: the note's own words, and such as "make" and "please" at its edges."""
        manners = {word for phrase in self._lexicon.notes.manners for word in phrase.split()}
        drop = list(used)
        for places in (range(len(tokens)), range(len(tokens) - 1, -1, -1)):
            for place in places:
                if drop[place]:
                    continue
                if tokens[place].word not in manners and not manners.intersection(tokens[place].lemmas):
                    break
                drop[place] = True
        return drop

    def _part(self, wish: Wish, left: Sequence[Token]) -> None:
        """The part of the face that a clause is about, if it names no act."""
        notes, words = self._lexicon.notes, self._lexicon.words
        for token in left:
            for lemma in token.lemmas:
                part = lemma if lemma in notes.parts else words.parts.get(lemma)
                if part in notes.parts:
                    wish.part = part
                    wish.first_cue = min(wish.first_cue, token.start)
                    return


def _note_down(wish: Wish, kind: _Kind, value: object, begin: int) -> None:
    """Note down one thing that a phrase says."""
    if kind == "ask" and isinstance(value, Asked):
        wish.asked.append(value)
        wish.first_op = min(wish.first_op, begin)
    elif kind == "tell":
        wish.told.add(value)  # type: ignore[arg-type]  # the table's key
        wish.first_op = min(wish.first_op, begin)
    elif kind == "degree" and isinstance(value, float | int):
        wish.degree *= float(value)
    elif kind == "place":
        wish.place = value  # type: ignore[assignment]
    elif kind == "everything":
        wish.everything = True
    elif kind == "same":
        wish.same = True
    elif kind == "anew":
        wish.anew = True


def _time_instead(wish: Wish, word: str) -> None:
    """Take "2 seconds more" and "less" for more and less time."""
    for place, asked in enumerate(wish.asked):
        if asked.words == word and asked.words in ("more", "less"):
            change: Change = "longer" if word == "more" else "shorter"
            wish.asked[place] = Asked(change, 1.5 if word == "more" else 0.6, word)


def _time_words(lexicon: Lexicon) -> list[str]:
    asks = lexicon.notes.asks
    return [phrase for change in ("longer", "shorter", "sooner", "later") for phrase in asks[change] if " " not in phrase] + [
        "more", "less", "extra"
    ]  # fmt: skip


def _moved_more(note: str) -> str:
    """ "2 more seconds" as "2 seconds more", character for character."""
    words = note.split(" ")
    for place in range(1, len(words) - 1):
        if words[place].lower() in ("more", "extra", "full") and words[place + 1].lower().startswith("sec"):
            words[place], words[place + 1] = words[place + 1], words[place]
    return " ".join(words)


def _kept(note: str, tokens: Sequence[Token], dropped: Sequence[bool]) -> str:
    """A clause's text with blanks in place of what is dropped and of all that is around it, character for character."""
    kept = [" "] * len(note)
    for token, gone in zip(tokens, dropped, strict=True):
        if not gone:
            kept[token.start : token.end] = note[token.start : token.end]
    return "".join(kept)


def _begin(wishes: list[Wish], joint: Joint, link: WishLink | None) -> None:
    current = wishes[-1]
    if not current.tokens and not current.marks and current.link is None:
        if joint == "open" or current.joint != "open":
            current.joint = joint if current.joint != "then" else "then"
        current.link = link
        return
    wishes.append(Wish(joint, link))
