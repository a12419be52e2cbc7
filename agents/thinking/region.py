"""A region that asks a language model what to do: before it has seen its peers, and again when it has to give way to them.

What it asks at the opening of a beat depends on the take and on the beat's intent alone, not on what was committed before; so
it can be asked as soon as the brief is known, and the answer counts if the beat is then opened with the same intent. Rules
are none of the model's business in the end: whatever it answers is expanded and brought within them as from any planner.
"""

from __future__ import annotations

import asyncio
import threading

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.doing_more import is_of_critic
from agents.exchange import Exchange, Known, Surroundings
from agents.performance import Performance
from agents.regions import Answer, LexiconRegion, Question
from agents.thinking.answers import Playing
from agents.thinking.budget import REGION_SHARE, Budget
from agents.thinking.desk import Desk, Turn, server_for, take
from agents.thinking.failing import Failed, unforeseen
from agents.thinking.playing import performance_of, told_of_beat, told_of_round
from agents.thinking.requests import Request, Requests
from agents.thinking.thread import LoopThread
from configs.tables import Tables
from protocol.brief import Brief
from protocol.channels import Region
from protocol.messages import BeatOpened, LanguageModel, TakeOpened, Violation
from protocol.timeline import View, rest

if TYPE_CHECKING:
    from agents.thinking.asking.client import Server

AT_ONCE = 2
"""Requests that one region has under way: eight from a face with its four."""
AHEAD = 40
"""Beats that are thought about as soon as the brief is known; those after them when they open."""
ROUNDS = 2
"""Rounds of a beat in which the model is asked to give way; in later ones the rules alone say how."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of asking: a performance, or the reason why there is none."""

    performance: Performance | None
    exchanges: tuple[Exchange, ...]
    why: str = ""


class LanguageRegion:
    """The planner of a region, or of several, that asks a language model and falls back on the embedded one.

    Args:
        tables: catalogue, constraints and prompts.
        model: who is asked, and what that may cost.
        surroundings: clock, key, and whether anybody still waits.

    Raises:
        ConfigError: the tables hold no prompts.
    """

    name = "llm"

    def __init__(self, tables: Tables, model: LanguageModel, surroundings: Surroundings) -> None:
        self._tables = tables
        self._model = model
        self._surroundings = surroundings
        self._requests = Requests(tables, model)
        self._embedded = LexiconRegion(tables)
        self._thread = LoopThread()
        self._lock = threading.Lock()
        self._ahead: dict[str, Future[Outcome]] = {}
        self._server: Server | None = None
        self._budgets: dict[Region, Budget] = {}
        self._turns: dict[Region, asyncio.Semaphore] = {}

    def propose(self, question: Question, known: Known) -> Answer:
        """What the region would do by itself.

        Raises:
            Stopped: the take was ended while an answer was awaited.
        """
        if not _asks(question):
            return self._embedded.propose(question, known)
        request = self._opening(question)
        with self._lock:
            ahead = self._ahead.pop(request.digest, None)
        if ahead is None or request.digest in known:
            ahead = self._thread.submit(self._ask(request, question, known))
        outcome = self._thread.wait(ahead, self._surroundings.stopped)
        if outcome.performance is not None:
            return Answer(outcome.performance, outcome.exchanges)
        return _instead(outcome, self._embedded.propose(question, known).performance)

    def revise(
        self, question: Question, before: Performance, seen: View, yielding: Sequence[Violation], known: Known
    ) -> Answer:
        """What it does now that it has seen its peers and has to give way.

        Raises:
            Stopped: the take was ended while an answer was awaited.
        """
        embedded = self._embedded.revise(question, before, seen, yielding, known)
        if before.kept or not _asks(question) or question.round is None or question.round.round > ROUNDS:
            return embedded
        data = told_of_round(question, before, seen, yielding, self._tables)
        number, round_ = question.beat.beat, question.round.round
        request = self._requests.region(question.region, "round", number, round_, data, question.opened.seed)
        work = self._thread.submit(self._ask(request, question, known))
        outcome = self._thread.wait(work, self._surroundings.stopped)
        if outcome.performance is not None:
            # What the critic misses the model has been told of; only if it did nothing about that the embedded planner does.
            heeded = outcome.performance.moves != before.moves or outcome.performance.curves != before.curves
            left = [violation for violation in yielding if not (heeded and is_of_critic(violation))]
            performance = self._embedded.revise(question, outcome.performance, seen, left, known).performance
            return Answer(performance, outcome.exchanges)
        return _instead(outcome, embedded.performance)

    def foresee(self, region: Region, opened: TakeOpened, brief: Brief) -> None:
        """Begin to ask for all beats to come; what is not asked for in the end is dropped."""
        start = rest()
        for number, intent in enumerate(brief.beats[:AHEAD]):
            beat = BeatOpened(beat=number, intent=intent, previous=None, end_state=start)
            question = Question(region, opened, beat, None)
            if _asks(question):
                request = self._opening(question)
                with self._lock:
                    if request.digest not in self._ahead:
                        self._ahead[request.digest] = self._thread.submit(self._ask(request, question, {}))

    def close(self) -> None:
        """Break off what is still thought about."""
        with self._lock:
            self._ahead.clear()
        self._thread.close()
        self._server = None
        self._budgets.clear()
        self._turns.clear()

    def _opening(self, question: Question) -> Request:
        data = told_of_beat(question)
        return self._requests.region(question.region, "opening", question.beat.beat, 0, data, question.opened.seed)

    async def _ask(self, request: Request, question: Question, known: Known) -> Outcome:
        exchanges: list[Exchange] = []
        try:
            return Outcome(await self._perform(request, question, known, exchanges), tuple(exchanges))
        except Failed as error:
            return Outcome(None, tuple(exchanges), error.told)
        except Exception as error:  # noqa: BLE001 - whatever it is, the embedded planner can go on, and the reason is told
            return Outcome(None, tuple(exchanges), unforeseen(error, self._surroundings.key()).told)

    async def _perform(self, request: Request, question: Question, known: Known, exchanges: list[Exchange]) -> Performance:
        """The performance that the model's answer comes to; exchanges are put down as they come."""
        if self._server is None:
            self._server = server_for(self._model, self._surroundings, self._thread)
        region = question.region
        if region not in self._budgets:
            around = self._surroundings
            self._budgets[region] = Budget(self._model, REGION_SHARE, around.clock, around.spent(region))
        turns = self._turns.setdefault(region, asyncio.Semaphore(AT_ONCE))

        def performed(playing: Playing) -> Performance:
            return performance_of(playing, question, self._tables)

        async with turns:
            desk = Desk(self._server, self._budgets[region], known, exchanges.append)
            performance, _ = await take(Turn(request, Playing, performed), desk)
        return performance


def _instead(outcome: Outcome, embedded: Performance) -> Answer:
    """What the embedded planner does where the model has failed, and why."""
    return Answer(embedded, outcome.exchanges, f"{outcome.why}; embedded planner"[:400])


def _asks(question: Question) -> bool:
    """Whether there is anything to ask: a beat that asks nothing, or what the parent's take did, needs no answer."""
    intent = question.beat.intent
    kept = intent.origin is not None and question.region in intent.origin.same
    return bool(intent.acts) and not kept
