"""Takes on Ray that a language model plans: regions ask from their own processes, and nobody waits for those who are late."""

from __future__ import annotations

import os
import signal
import time

from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from protocol.history import history
from protocol.messages import Committed, DeadlinePassed, Decided, Proposed, TakeOpened
from protocol.monitor import monitor
from protocol.replay import replay
from runtime.onray.joining import joined
from runtime.onray.placement import Placement
from runtime.session import Made, Session
from runtime.take_error import TakeError
from runtime.takes import open_take
from tests.asking import language_model
from tests.llm_server import KEY, LanguageServer, slow
from tests.players import Once, number_of, painter, region_actor
from tests.staging import portrait_file
from tests.takes import load_tables

pytestmark = pytest.mark.ray

DIRECTION = "She smiles, then opens her mouth wide and nods."
SHARE = 0.1
"""Of a processor for each renderer: painting stripes takes little."""


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    """One Ray for all tests here, whose nodes have the key in their environment."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("TEXTUPORTRAY_LLM_KEY", KEY)
        with joined("local", cpus=4):
            yield


@pytest.fixture(scope="module")
def portrait(tmp_path_factory) -> Path:
    return portrait_file(tmp_path_factory.mktemp("portrait") / "portrait.png")


def session(server: LanguageServer, **more: Any) -> Session:
    asked = language_model(url=server.url, tokens=1_000_000, seconds=600.0, patience=20.0)
    return Session(language_model=asked, opener=painter, **more)


def on_ray(server: LanguageServer) -> Session:
    return session(server, placement=Placement(workers=1, cpus=SHARE))


def made(with_: Session, portrait: Path, output: Path, **more: Any) -> Made:
    return with_.animate(portrait, DIRECTION, output, seed=3, fps=Fraction(25), **more)


def exchanges(take: Made) -> Counter[str]:
    return Counter(
        record.message.request
        for record in take.take.records
        if isinstance(record.message, Decided) and not record.message.final
    )


def test_a_take_on_ray_asks_the_same_and_moves_the_same_as_in_one_process(portrait, tmp_path):
    with LanguageServer() as server:
        with session(server, runtime="inline") as alone:
            here = made(alone, portrait, tmp_path / "here.mkv")
        with on_ray(server) as crew:
            there = made(crew, portrait, tmp_path / "there.mkv")
        keys = {asked.headers.get("authorization") for asked in server.requests}
    assert here.take.timeline == there.take.timeline
    assert exchanges(here) == exchanges(there)
    assert sum(exchanges(there).values()) >= 3 + 4 * 2
    assert keys == {f"Bearer {KEY}"}  # from each process
    journal = open_take(there.folder)
    assert isinstance(journal.records[0].message, TakeOpened)
    assert monitor(journal.records) == []
    assert history(journal.records) == []
    assert replay(journal.records, load_tables().tables.constraints).findings == []
    assert KEY.encode() not in b"".join(path.read_bytes() for path in there.folder.iterdir() if path.is_file())


def test_a_region_whose_process_is_replaced_has_spent_what_it_had_spent(portrait, tmp_path):
    asked = language_model(tokens=8 * 13_000, seconds=600.0, patience=20.0)  # room for a second answer if the first was cheap
    with LanguageServer() as server:
        there = asked.model_copy(update={"url": server.url})
        with Session(language_model=there, opener=painter, placement=Placement(workers=1, cpus=SHARE)) as crew:
            dies = Once(
                lambda record: isinstance(record.message, Committed),
                lambda _: os.kill(number_of(region_actor(crew, "mouth")), signal.SIGKILL),
            )
            take = made(crew, portrait, tmp_path / "take.mkv", told=dies)
    proposals = [record.message for record in take.take.records if isinstance(record.message, Proposed)]
    mouth = {one.beat: one.why for one in proposals if one.region == "mouth" and one.round == 0}

    assert dies.done
    assert "embedded planner" not in mouth[0]
    assert "--llm-tokens" in mouth[1]


@pytest.mark.parametrize("answers", [0, 4])
def test_a_take_is_stopped_while_answers_are_awaited_and_the_next_one_does_not_wait_for_them(answers, portrait, tmp_path):
    with LanguageServer() as server, on_ray(server) as crew:
        server.then(*[slow(0.0)] * answers, *[slow(90.0)] * 8)
        began = time.monotonic()

        def stopped() -> str | None:
            # The next answer is under way for a while.
            return "enough" if len(server.requests) > answers and time.monotonic() - server.requests[-1].at > 0.5 else None

        with pytest.raises(TakeError, match="stopped by enough"):
            made(crew, portrait, tmp_path / "stopped.mkv", stopped=stopped)
        server.script.clear()
        again = made(crew, portrait, tmp_path / "again.mkv")
        assert time.monotonic() - began < 60.0
        assert not [record for record in again.take.records if isinstance(record.message, DeadlinePassed)]
