"""A Ray that loses calls of actors or their answers: the same take, and each message takes effect once.

Each take is made by a program of its own, since Ray reads what it is to lose when it starts. It draws by itself which calls
those are, and nothing seeds that; so a seed here says how many, how likely and in which direction.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

from pathlib import Path
from typing import Any

import pytest

from agents.chance import Chance
from runtime.session import Session
from tests.lossy_take import Loss, facts, made
from tests.players import painter
from tests.staging import portrait_file

pytestmark = pytest.mark.ray

TREE = Path(__file__).resolve().parent.parent
LONG = 300
"""Seconds after which a test gives up. Ray takes two for each call that it loses, until it says so."""
IN_DOUBT = "is in doubt"


@pytest.fixture(scope="module")
def portrait(tmp_path_factory) -> Path:
    return portrait_file(tmp_path_factory.mktemp("portrait") / "portrait.png")


@pytest.fixture(scope="module")
def undisturbed(portrait, tmp_path_factory) -> dict[str, Any]:
    output = tmp_path_factory.mktemp("alone") / "a.mkv"
    with Session(runtime="inline", opener=painter) as session:
        found = facts(made(session, portrait, output), output)
    assert found["findings"] == found["repeated"] == []
    return found


def lossy(loss: Loss, portrait: Path, output: Path) -> tuple[list[dict[str, Any]], str]:
    """What comes of two takes, one after the other, and what is said on the way."""
    ran = subprocess.run(
        [sys.executable, "-m", "tests.lossy_take", str(portrait), str(output)],
        cwd=TREE,
        env={**os.environ, **loss.environment},
        capture_output=True,
        text=True,
        timeout=LONG,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    found: list[dict[str, Any]] = json.loads(ran.stdout)
    return found, ran.stderr


def seeds() -> list[Any]:
    """One in every run, ten where there is time; tests/test_fire.py has more."""
    return [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 10))]


def drawn(seed: int) -> tuple[int, int]:
    """How many calls are lost at most, and the share of them in percent: the first three at seed 0, later more or fewer."""
    if seed == 0:
        return 3, 100
    chance = Chance("loss", seed)
    return chance.pick([5, 10, 20, 30]), chance.whole(10, 40)


@pytest.mark.parametrize("seed", seeds())
@pytest.mark.parametrize("direction", ["requests", "replies"])
def test_calls_that_are_lost_change_nothing(direction, seed, portrait, undisturbed, tmp_path):
    failures, share = drawn(seed)
    loss = Loss(failures, share, 0) if direction == "requests" else Loss(failures, 0, share)
    found, said = lossy(loss, portrait, tmp_path / "a.mkv")
    assert [{name: each[name] for name in undisturbed} for each in found] == [undisturbed, undisturbed]
    if share == 100:
        assert IN_DOUBT in said


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 6))
def test_calls_that_are_lost_in_both_directions_change_nothing(seed, portrait, undisturbed, tmp_path):
    failures, share = drawn(seed)
    found, _ = lossy(Loss(failures, share / 2, share / 2), portrait, tmp_path / "a.mkv")
    assert [{name: each[name] for name in undisturbed} for each in found] == [undisturbed, undisturbed]
