"""How long planning with a language model takes when each answer takes a second, beside AutoGen's own team in the same run.

    python tests/bench_thinking.py [--delay 1.0]

The server is real and on loopback; it answers sensibly after the delay. The direction needs four beats and ten seconds, and
its regions have nothing to object to. The team is a `RoundRobinGroupChat` that does the same work with the same prompts: the
director's stages, then the four region agents for each beat, one after the other, as such a team does.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import os
import time

from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.conditions import MaxMessageTermination
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_ext.models.openai import OpenAIChatCompletionClient

from agents.thinking.requests import Requests
from protocol.channels import REGIONS
from protocol.journal import JournalWriter
from protocol.messages import Objected, TakeOpened
from runtime.inline import InlineBase
from runtime.options import TakeOptions
from runtime.take import TakeResult, Watch, opening, run_take
from tests.llm_server import KEY, Asked, LanguageServer, Reply, plan
from tests.thoughts import loaded, model_at

DIRECTION = "She raises her eyebrows. Then she smiles. After that she frowns. Finally she purses her lips."
STAGES = ("understand", "draft", "criticise", "revise")


def revising(reply: Reply, asked: Asked) -> None:
    """Answer sensibly, but never be content with a first draft: the director's four stages are all walked."""
    body = plan(asked)
    if asked.stage == "criticise":
        body = {"problems": ["the smile comes late"], "verdict": "revise"}
    reply.text(json.dumps(body))


def ours(server: LanguageServer) -> tuple[TakeResult, TakeOpened, float]:
    """Plan the take as the program does; the seconds that it took."""
    options = TakeOptions(direction=DIRECTION, seconds=10.0, language_model=model_at(server.url))
    opened = opening(options, loaded())
    writer = JournalWriter(io.BytesIO(), lambda: None)
    began = time.monotonic()
    result = run_take(opened, loaded(), writer, InlineBase(), Watch(time.monotonic))
    return result, opened, time.monotonic() - began


async def team(server: LanguageServer, opened: TakeOpened, beats: int) -> tuple[int, float]:
    """Have AutoGen's team do the same: its messages, and the seconds that it took."""
    assert opened.language_model is not None
    requests = Requests(loaded().tables, opened.language_model)
    client = OpenAIChatCompletionClient(
        model="test",
        base_url=server.url,
        api_key=KEY,
        model_info={
            "vision": False,
            "function_calling": False,
            "json_output": True,
            "family": "unknown",
            "structured_output": True,
        },
        include_name_in_message=False,
    )

    def agent(name: str, role: str, stage: str) -> AssistantAgent:
        return AssistantAgent(name, model_client=client, system_message=requests.system(role, stage)[0])

    began = time.monotonic()
    count = 0
    direct = RoundRobinGroupChat(
        [agent(stage, "director", stage) for stage in STAGES], termination_condition=MaxMessageTermination(1 + len(STAGES))
    )
    result = await direct.run(task=json.dumps({"direction": DIRECTION, "seconds": 10.0, "emotion": None}))
    count += len(result.messages) - 1
    for beat in range(beats):
        act = RoundRobinGroupChat(
            [agent(region, region, "opening") for region in REGIONS],
            termination_condition=MaxMessageTermination(1 + len(REGIONS)),
        )
        result = await act.run(
            task=json.dumps({"region": "any", "direction": DIRECTION, "beat": beat, "seconds": 2.5, "acts": []})
        )
        count += len(result.messages) - 1
    took = time.monotonic() - began
    await client.close()
    return count, took


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--delay", type=float, default=1.0, help="seconds before each answer")
    delay = parser.parse_args().delay
    os.environ["TEXTUPORTRAY_LLM_KEY"] = KEY
    with LanguageServer(usual=revising) as server:
        ours(server)  # what is loaded once is loaded
        server.delay = delay
        server.requests.clear()
        result, opened, took = ours(server)
        assert result.brief is not None, result.closed.reason
        assert not result.brief.remarks, result.brief.remarks
        beats, objections = len(result.brief.beats), sum(isinstance(record.message, Objected) for record in result.records)
        stages = {stage: server.stages().count(stage) for stage in dict.fromkeys(server.stages())}
        print(f"each answer takes {delay:g} s; {beats} beats, {objections} objections, answers asked for: {stages}")
        print(f"this program: {len(server.requests)} answers in {took:.2f} s")
        count, baseline = asyncio.run(team(server, opened, beats))
        print(f"AutoGen RoundRobinGroupChat, the same prompts in turn: {count} answers in {baseline:.2f} s")
        print(f"ratio: {baseline / took:.1f} times as fast")


if __name__ == "__main__":
    main()
