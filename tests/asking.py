"""Those who ask a language model before they decide, in tiny takes: there is none, and they remember what they asked."""

from __future__ import annotations

import json

from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

from agents.exchange import Exchange, Known, Stopped
from protocol.brief import Brief
from protocol.messages import Decided, LanguageModel, TakeOpened, digest
from protocol.region import Judge, Propose, Revision
from tests.takes import TinyDirector, TinyRegion, take_opened

STAGES = ("understand", "draft", "criticise")


def exchanged(
    region: str,
    beat: int | None = 0,
    incarnation: int = 1,
    round_: int = 0,
    stage: str = "draft",
    call: int = 0,
    reply: str = "",
) -> Decided:
    """An exchange with a language model."""
    asked = json.dumps({"beat": beat, "call": call, "model": "small", "role": region, "round": round_, "stage": stage})
    return Decided(
        beat=beat,
        role=region,
        incarnation=incarnation,
        round=round_,
        planner="llm",
        request=digest(asked),
        reply=reply,
        asked=asked,
        final=False,
    )


def language_model(**changes: Any) -> LanguageModel:
    """A language model that a take may name."""
    usual = {"model": "small", "url": "http://127.0.0.1:8000/v1", "tokens": 1000, "seconds": 60.0, "patience": 5.0}
    return LanguageModel(**{**usual, **changes})


def opened() -> TakeOpened:
    """A tiny take that a language model plans."""
    return take_opened().model_copy(update={"language_model": language_model()})


def asked_by(role: str, beat: int | None, round_: int, stage: str, call: int = 0) -> Exchange:
    """An exchange of a role."""
    told = exchanged(role, beat, 1, round_, stage, call)
    return Exchange(told.asked, f"answer to {stage} {call}")


class AskingDirector(TinyDirector):
    """Asks in three stages before it briefs.

    Args:
        beats: how many.
        stopped: asked before each answer; a reason ends the waiting.
    """

    name = "llm"

    def __init__(self, beats: int = 2, stopped: Callable[[], str | None] = lambda: None) -> None:
        super().__init__(beats)
        self.asked: list[str] = []
        """Digests of what it had to ask."""
        self._stopped = stopped

    def brief(self, opened: TakeOpened, known: Known, note: Callable[[Exchange], None]) -> Brief:
        """The brief, after all stages that are not known."""
        for stage in STAGES:
            exchange = asked_by("director", None, 0, stage)
            if exchange.request in known:
                assert known[exchange.request] == exchange.reply
                continue
            reason = self._stopped()
            if reason is not None:
                raise Stopped(reason)
            self.asked.append(exchange.request)
            note(exchange)
        return super().brief(opened, known, note)


class AskingRegion(TinyRegion):
    """Asks twice before each decision: the first answer cannot be used."""

    asked: ClassVar[list[str]] = []
    """Digests of what any of them had to ask; to be cleared before a take."""

    def _revision(self, asked: Propose | Judge, round_: int, target: float) -> Revision:
        thought = len(self.thought)
        plain = super()._revision(asked, round_, target)
        if len(self.thought) == thought:
            return plain  # it is in the journal what it has decided
        region, beat = self.region, asked.beat.beat
        known = {decided.request for decided in asked.decisions if not decided.final}
        exchanges = tuple(
            exchanged(region, beat, asked.incarnation, round_, "round" if round_ else "opening", call, str(target))
            for call in range(2)
        )
        AskingRegion.asked.extend(one.request for one in exchanges if one.request not in known)
        return replace(plain, exchanges=exchanges)
