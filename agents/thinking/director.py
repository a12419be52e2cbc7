"""The director that asks a language model: it understands, drafts, criticises and revises, and the better draft is kept.

Each stage is one question with everything that it needs; a draft is rehearsed by the embedded regions and measured before it
is criticised, so that the criticism has something to go by. Where the model fails, the embedded director takes over.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any, Protocol

from agents.director.agent import LexiconDirector
from agents.director.lexicon import LexiconPlanner
from agents.director.revision import traced
from agents.exchange import Exchange, Known, Surroundings
from agents.regions import IDLE
from agents.thinking.answers import Criticism, Draft, Noted, Understanding
from agents.thinking.budget import DIRECTOR_SHARE, Budget
from agents.thinking.desk import Desk, Turn, server_for, take
from agents.thinking.drafting import brief_of
from agents.thinking.failing import Failed, unforeseen
from agents.thinking.noting import Followed, followed, told_of_note
from agents.thinking.requests import NOTES, Requests
from agents.thinking.thread import LoopThread
from configs.tables import Tables
from protocol.brief import Act, Brief
from protocol.channels import REGIONS
from protocol.keyframes import exact
from protocol.messages import DIRECTOR, LanguageModel, Parent, TakeOpened

COLOUR = 0.5
"""Strength of an emotional colouring that was asked for and that the model has left out."""
_MOST_SHOWN = 24
"""Intents of a review that are shown to the model, the worst first, and..."""
_MOST_ODD = 4
"""... measures of nature, of those outside of what is usual."""


class Reviewed(Protocol):
    """What a critic says of a motion; see `agents.critic`."""

    @property
    def score(self) -> float:
        """0 to 100."""

    @property
    def weakest(self) -> str:
        """The weakest point, a sentence."""

    @property
    def intents(self) -> tuple[Any, ...]:
        """What became of each thing asked for."""

    @property
    def nature(self) -> tuple[Any, ...]:
        """How alive the motion is, measure by measure."""


Measure = Callable[[TakeOpened, Brief], Reviewed]


class LanguageDirector:
    """Briefs a take with a language model.

    Args:
        tables: catalogue, lexicon and prompts.
        model: who is asked, and what that may cost.
        surroundings: clock, key, and whether anybody still waits.
        measure: rehearses a brief and has it reviewed; by default with the embedded regions and the critic.

    Raises:
        ConfigError: the tables hold no prompts.
    """

    name = "llm"

    def __init__(
        self, tables: Tables, model: LanguageModel, surroundings: Surroundings, measure: Measure | None = None
    ) -> None:
        self._tables = tables
        self._model = model
        self._surroundings = surroundings
        self._measure = measure or self._rehearsed
        self._requests = Requests(tables, model)

    def brief(self, opened: TakeOpened, known: Known, note: Callable[[Exchange], None]) -> Brief:
        """The brief of a take; or of a revision, what the note leaves of its beats and what it changes.

        Args:
            opened: what the take is asked for.
            known: raw replies that the journal holds, by the digest of what was asked.
            note: told of every new exchange at once, in the thread that asks.

        Raises:
            Stopped: the take was ended while an answer was awaited.
            NoteError: nothing of a note could be used.
        """
        if opened.parent is not None and NOTES not in self._tables.prompts:
            return LexiconDirector(self._tables).brief(opened, known, note)
        heard: deque[Exchange] = deque()

        def listen() -> None:
            while heard:
                note(heard.popleft())

        thread = LoopThread()
        try:
            work = self._think(opened, known, heard.append, thread)
            brief, why = thread.wait(thread.submit(work), self._surroundings.stopped, listen)
        finally:
            thread.close()
            listen()
        if brief is None:
            brief = LexiconDirector(self._tables).brief(opened, known, note)  # made only now: its lexicon takes a while
            why = f"{why}; the embedded planner has read the direction"
        elif opened.emotion and opened.parent is None:
            brief = self._coloured(brief, opened.emotion)
        return brief.model_copy(update={"remarks": (*brief.remarks, why[:400])}) if why else brief

    async def _think(
        self, opened: TakeOpened, known: Known, note: Callable[[Exchange], None], thread: LoopThread
    ) -> tuple[Brief | None, str]:
        """The brief, or None, and what is to be said of how it came about."""
        try:
            server = server_for(self._model, self._surroundings, thread)
            around = self._surroundings
            budget = Budget(self._model, DIRECTOR_SHARE, around.clock, around.spent(DIRECTOR))
            desk = Desk(server, budget, known, note)
            if opened.parent is not None:
                return await self._follow(opened, opened.parent, desk)
            return await self._walk(opened, desk)
        except Failed as error:
            return None, error.told
        except Exception as error:  # noqa: BLE001 - whatever it is, the embedded planner can go on, and the brief says so
            return None, unforeseen(error, self._surroundings.key()).told

    async def _follow(self, opened: TakeOpened, parent: Parent, desk: Desk) -> tuple[Brief, str]:
        """Have a note followed."""

        def use(reply: Noted) -> Followed:
            return followed(reply, opened.direction, parent.brief, self._tables)

        request = self._requests.director("note", told_of_note(opened, parent), opened.seed)
        found, _ = await take(Turn(request, Noted, use), desk)
        return traced(self._tables, opened, found.brief, found.origin), ""

    async def _walk(self, opened: TakeOpened, desk: Desk) -> tuple[Brief, str]:
        """Walk through the stages."""

        def drafted(reply: Draft) -> Brief:
            return brief_of(reply, understanding, self._tables, opened.seconds)

        data = told_of_take(opened)
        request = self._requests.director("understand", data, opened.seed)
        understanding, _ = await take(Turn(request, Understanding, _itself), desk)
        data = {**data, "understood": understanding.model_dump()}
        request = self._requests.director("draft", data, opened.seed)
        brief, draft = await take(Turn(request, Draft, drafted), desk)
        review = self._measure(opened, brief)
        data = {**data, "draft": draft.model_dump(), "critic": _numbers(review)}
        try:
            request = self._requests.director("criticise", data, opened.seed)
            criticism, _ = await take(Turn(request, Criticism, _itself), desk)
            if criticism.verdict == "keep":
                return brief, ""
            data = {**data, "problems": list(criticism.problems)}
            request = self._requests.director("revise", data, opened.seed)
            revised, _ = await take(Turn(request, Draft, drafted), desk)
        except Failed as error:
            return brief, f"{error.told}; the draft was not revised"
        return (revised if self._measure(opened, revised).score >= review.score else brief), ""

    def _rehearsed(self, opened: TakeOpened, brief: Brief) -> Reviewed:
        from agents.critic import review  # noqa: PLC0415 - only where drafts are compared
        from agents.rehearsal import RATE, rehearse  # noqa: PLC0415 - likewise

        samples = rehearse(self._tables, opened, brief)
        found: Reviewed = review(brief, samples, Fraction(RATE), self._tables, idle=IDLE in opened.flags)
        return found

    def _coloured(self, brief: Brief, emotion: str) -> Brief:
        """A brief with the emotion that was asked for apart from the direction, if the model has left all emotion out."""
        states = self._tables.emotions.states
        if any(act.name in states and act.name != "neutral" for beat in brief.beats for act in beat.acts):
            return brief
        planner = LexiconPlanner(self._tables.lexicon, tuple(states))
        read = planner.plan(emotion, brief.seconds, None)
        names = dict.fromkeys(act.name for beat in read.beats for act in beat.acts if act.name in states)
        beats = []
        for beat in brief.beats:
            start, end = exact(0.0 - beat.start), exact(brief.seconds + 1.0 - beat.start)
            colour = [
                Act(name=name, start=start, end=end, strength=COLOUR, regions=REGIONS, words=emotion[:400])
                for name in list(names)[:2]
            ]
            beats.append(beat.model_copy(update={"acts": (*colour, *beat.acts)[:200]}))
        return brief.model_copy(update={"beats": tuple(beats)})


def told_of_take(opened: TakeOpened) -> dict[str, Any]:
    """A take as its director is told of it."""
    return {"direction": opened.direction, "seconds": opened.seconds, "emotion": opened.emotion or None}


def _itself(reply: Any) -> Any:
    return reply


def _numbers(review: Reviewed) -> Mapping[str, Any]:
    """A review as the model gets to see it."""
    worst = sorted(review.intents, key=lambda intent: intent.present)[:_MOST_SHOWN]
    return {
        "score": round(review.score, 1),
        "weakest": review.weakest,
        "acts": [
            {
                "beat": intent.beat,
                "name": intent.name,
                "words": intent.words,
                "at": round(intent.at, 2),
                "seen": round(intent.present, 2),
                "late": round(intent.late, 2),
                "strength": round(intent.strength, 2),
                "note": intent.note,
            }
            for intent in worst
        ],
        "nature": [
            {"about": one.about, "value": round(one.value, 2), "unit": one.unit, "usual": [one.low, one.high]}
            for one in sorted(review.nature, key=lambda one: one.score)[:_MOST_ODD]
            if one.score < 0.5
        ],
    }
