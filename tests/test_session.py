"""A session of this process: takes one after the other, from paths and URLs to paths and URLs."""

from __future__ import annotations

import json

from collections.abc import Iterator
from pathlib import Path

import pytest

from protocol.journal import Record
from renderer.video import probe
from runtime.commands.placing import take_url
from runtime.options import UsageError
from runtime.session import Session
from runtime.take_error import TakeError
from tests.away import away_files, away_url
from tests.program import at_home, left
from tests.staging import FakeRenderer, opened, portrait_file

TAKE = ["journal.mcap", "motion.json", "take.json", "timeline.json"]


@pytest.fixture(autouse=True)
def _at_home(tmp_path, monkeypatch) -> Iterator[None]:
    for name in ("scratch", "home", "away"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "scratch"))
    with at_home(tmp_path / "home"), away_files():
        portrait_file(Path("portrait.png"))
        yield
    assert left(tmp_path / "scratch") == []


@pytest.fixture
def session() -> Iterator[Session]:
    with Session(runtime="inline", opener=lambda: opened(FakeRenderer())) as made:
        yield made


def test_takes_go_to_files(session):
    for name in ("a.mp4", "b.mp4"):
        made = session.animate("portrait.png", "She grins.", Path(name), seconds=1.0, film={"sheet": Path(f"{name}.png")})
        assert (made.video.output, made.where) == (name, name.replace("mp4", "take"))
        assert left(made.folder) == TAKE
    assert probe(Path("b.mp4")).frames == 60
    assert Path("b.mp4.png").is_file()


def test_a_take_goes_from_a_url_to_a_url(session, tmp_path):
    away = tmp_path / "away"
    portrait_file(away / "me.png")
    url = away_url(away)
    made = session.animate(f"{url}/me.png", "She grins.", f"{url}/a.mp4", seconds=1.0, film={"sheet": f"{url}/a.png"})
    assert (made.video.output, made.video.sheet, made.where) == (f"{url}/a.mp4", f"{url}/a.png", take_url(f"{url}/a.mp4"))
    with pytest.raises(UsageError, match="is no folder of this machine"):
        _ = made.folder
    take = sorted(f"a.take/{name}" for name in [*TAKE, "portrait", "portrait/me.png"])
    assert left(away) == ["a.mp4", "a.png", "a.take", *take, "me.png"]
    film = json.loads((away / "a.take" / "take.json").read_bytes())["film"]
    assert (film["portrait"], film["output"], film["sheet"]) == (f"{url}/me.png", f"{url}/a.mp4", f"{url}/a.png")
    assert left(Path()) == ["portrait.png"]


def test_what_cannot_be_an_output_is_refused_before_the_work(session):
    for output in ("https://host/a.mp4", "memory://b/a.mp4", "nothing://b/a.mp4", "file://a.mp4"):
        with pytest.raises(UsageError):
            session.animate("portrait.png", "She grins.", output)
    assert left(Path()) == ["portrait.png"]


def test_a_take_that_is_stopped_is_at_its_url_as_far_as_it_got(session, tmp_path):
    url = f"{away_url(tmp_path / 'away')}/a.mp4"
    heard: list[Record] = []

    def stopped() -> str | None:
        return "a test" if len(heard) > 20 else None

    with pytest.raises(TakeError, match=r"stopped by a test.* textuportray resume away://"):
        session.animate("portrait.png", "She grins.", url, told=heard.append, stopped=stopped)
    assert {"a.take/journal.mcap", "a.take/portrait/portrait.png"} <= set(left(tmp_path / "away"))
