"""One turn of an agent: ask, understand, and where that fails say what is wrong and ask again.

Each turn is a new `AssistantAgent` with everything that it needs to know in its context: an agent that remembers would go on
with a reply that could not be read, and two turns could not be told apart by what they were asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.messages import StructuredMessage
from autogen_core.model_context import UnboundedChatCompletionContext
from autogen_core.models import AssistantMessage, UserMessage
from pydantic import ValidationError

from agents.thinking.answers import Reply, Unusable
from agents.thinking.asking.client import RecordingClient
from agents.thinking.desk import Desk, Turn
from agents.thinking.failing import NotUnderstood

R = TypeVar("R", bound=Reply)
T = TypeVar("T")

REPAIRS = 2
"""How often a reply that cannot be used is asked for again."""
_SHOWN = 6000
"""Characters of a reply that the model is shown again when it is to mend it."""
_MOST_PROBLEMS = 8


async def take_turn(turn: Turn[R, T], desk: Desk) -> tuple[T, R]:
    """What comes of a turn, and the reply that it comes from.

    Raises:
        NotUnderstood: no reply could be used.
        NoAnswer: there was none.
        Spent: the budget has no room for one.
    """
    request = turn.request
    before: list[UserMessage | AssistantMessage] = []
    said = request.user
    problems: tuple[str, ...] = ()
    for call in range(REPAIRS + 1):
        client = RecordingClient(desk.server, request.recorded(call), desk.known, desk.note, desk.budget)
        agent = AssistantAgent(
            request.role,
            model_client=client,
            system_message=request.system,
            model_context=UnboundedChatCompletionContext(initial_messages=list(before)),
            output_content_type=turn.reply,
        )
        try:
            result = await agent.run(task=said)
            reply = _structured(result.messages[-1], turn.reply)
            return turn.use(reply), reply
        except ValidationError as error:
            problems = _problems(error)
        except Unusable as error:
            problems = error.problems
        shown = client.raw if len(client.raw) <= _SHOWN else client.raw[:_SHOWN] + " … (cut)"
        before += [UserMessage(content=said, source="user"), AssistantMessage(content=shown or "(nothing)", source="self")]
        said = request.repair(problems)
    raise NotUnderstood(f"its answer could not be used after {REPAIRS} repairs: {'; '.join(problems)}"[:300])


def _structured(message: Any, kind: type[R]) -> R:
    if not isinstance(message, StructuredMessage) or not isinstance(message.content, kind):
        raise Unusable([f"an answer is one JSON object, not {type(message).__name__}"])
    return message.content


def _problems(error: ValidationError) -> tuple[str, ...]:
    """What is wrong with a reply, for the model: where, what, and what stands there."""
    found = []
    for problem in error.errors(include_url=False, include_context=False)[:_MOST_PROBLEMS]:
        where = ".".join(str(part) for part in problem["loc"])
        given = problem["input"]
        shown = "" if isinstance(given, Mapping | list) or problem["type"] == "json_invalid" else f", not {str(given)[:60]!r}"
        found.append(f"{where + ': ' if where else ''}{problem['msg']}{shown}")
    return tuple(found)
