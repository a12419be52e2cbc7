"""Budgets of roles that ask a language model: set aside before, settled after, and not overdrawn by asking at the same time."""

from __future__ import annotations

import asyncio

from typing import Any

import pytest

from agents.thinking.budget import Budget, spent_by, tokens_in
from agents.thinking.failing import Spent
from tests.asking import exchanged, language_model
from tests.takes import take_opened

LANGUAGE_MODEL = language_model(tokens=1000, seconds=100.0, patience=10.0)


def budget(clock=lambda: 0.0, **changes: Any) -> Budget:
    return Budget(LANGUAGE_MODEL.model_copy(update=changes), 0.5, clock)


def test_a_role_has_its_share():
    async def ask():
        made = budget()
        async with made.room(300, 200):
            pass
        with pytest.raises(
            Spent, match=r"an answer may take 501 tokens and 500 are left of the role's share of --llm-tokens 1000"
        ):
            async with made.room(300, 201):
                pass

    asyncio.run(ask())


def test_what_one_has_set_aside_another_waits_for_and_gets_what_is_left_of_it():
    told = []

    async def ask(made: Budget, name: str, used: int):
        async with made.room(200, 200):
            told.append(f"{name} asks")
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            made.charge(used, 0)
            told.append(f"{name} has")

    async def both():
        made = budget()
        results = await asyncio.gather(ask(made, "a", 50), ask(made, "b", 100), ask(made, "c", 0), return_exceptions=True)
        return [type(result) for result in results]

    # Of 500 tokens there is room for 400 at a time; after 50 for another, and after 100 more for none.
    assert asyncio.run(both()) == [type(None), type(None), Spent]
    assert told == ["a asks", "a has", "b asks", "b has"]


def test_money_is_reckoned_from_both_prices():
    async def ask():
        made = budget(tokens=10_000_000, money=1.0, prices=(1.0, 10.0))
        async with made.room(100_000, 10_000):  # 0.1 and 0.1 of 0.5
            made.charge(100_000, 10_000)
        with pytest.raises(Spent, match=r"an answer may cost 0\.4000 and 0\.3000 is left of the role's share of --llm-money 1"):
            async with made.room(300_000, 10_000):
                pass

    asyncio.run(ask())


def test_answers_awaited_together_are_waited_for_once():
    now = [0.0]

    async def ask(made: Budget, until: float):
        async with made.room(1, 1):
            await asyncio.sleep(0)
            now[0] = until

    async def several():
        made = budget(lambda: now[0])
        await asyncio.gather(ask(made, 20.0), ask(made, 30.0))
        together = made.seconds_left
        await ask(made, 45.0)
        return together, made.seconds_left

    assert asyncio.run(several()) == (20.0, 5.0)


def test_without_time_nothing_is_asked():
    now = [0.0]

    async def ask():
        made = budget(lambda: now[0])
        async with made.room(1, 1):
            now[0] = 51.0
        with pytest.raises(Spent, match="the time for waiting is used up, the role's share of --llm-seconds"):
            async with made.room(1, 1):
                pass

    asyncio.run(ask())


def test_what_was_spent_before_counts():
    async def ask():
        made = Budget(LANGUAGE_MODEL, 0.5, lambda: 0.0, (300, 50))
        async with made.room(100, 50):
            pass
        with pytest.raises(Spent, match="151 tokens and 150 are left"):
            async with made.room(100, 51):
                pass

    asyncio.run(ask())


def test_an_attempt_that_is_lost_costs_all_that_was_set_aside_and_the_next_needs_as_much():
    async def ask():
        made = budget()
        async with made.room(150, 50) as room:
            room.lost()
            room.again(50)
            room.lost()
            with pytest.raises(Spent, match="200 tokens and 100 are left"):
                room.again(50)
        assert room.used == 400
        async with made.room(50, 50):  # nothing is set aside any more
            pass

    asyncio.run(ask())


def test_another_attempt_may_need_another_room():
    async def ask():
        made = budget()
        async with made.room(100, 100) as room:
            room.again(400)
            with pytest.raises(Spent, match="501 tokens and 500 are left"):
                room.again(401)
            assert room.written == 400
        async with made.room(250, 250):
            pass

    asyncio.run(ask())


def test_tokens_are_rather_overestimated():
    assert tokens_in("She smiles, then nods.") >= 6
    assert tokens_in("") == 1


@pytest.mark.parametrize("text", ["\u5979\u5fae\u7b11", "\u043e\u043d\u0430", "\u00e9\u00e9\u00e9", "\U0001f600", "\ud800"])
def test_of_what_is_not_ascii_no_tokenizer_makes_more_tokens_than_bytes(text):
    assert tokens_in(text) > len(text.encode("utf-8", "replace"))


def test_what_a_role_has_spent_is_in_the_journal():
    asked, other = exchanged("mouth", reply="x" * 7), exchanged("eyes", reply="y" * 70)
    final = asked.model_copy(update={"final": True, "asked": ""})

    assert spent_by("mouth", [take_opened(), asked, other, final]) == (tokens_in(asked.asked), 3)
    assert spent_by("head", [asked, other]) == (0, 0)
