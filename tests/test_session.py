"""A session of this process: takes one after the other, from paths and URLs to paths and URLs."""

from __future__ import annotations

import json
import socket

from collections.abc import Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path

import pytest

from configs.loading import ConfigError
from protocol.journal import Record
from protocol.language_model import LanguageModel
from renderer.video import probe
from runtime.cli import main
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


@pytest.mark.parametrize("made", ["video", "motion"])
def test_the_best_of_several_candidates_is_kept(session, made):
    if made == "video":
        take = session.animate("portrait.png", "She nods.", "nod.mp4", seconds=1.0, fps=Fraction(25), seed=3, candidates=3)
    else:
        take = session.plan("She nods.", "nod.json", seconds=1.0, fps=Fraction(25), seed=3, candidates=3)
    record = json.loads((take.folder / "take.json").read_bytes())
    assert [told["seed"] for told in record["candidates"]] == [3, 4, 5]
    [kept] = [told for told in record["candidates"] if told["kept"]]
    assert kept["score"] == max(told["score"] for told in record["candidates"]) == take.take.review.score
    assert record["seed"] == kept["seed"] == take.candidates.best.opened.seed
    if made == "video":
        assert probe(Path("nod.mp4")).metadata["seed"] == str(kept["seed"])


def test_a_motion_is_what_the_command_plans(session):
    heard: list[Record] = []
    planned = session.plan("She grins.", "a.json", seconds=1.0, told=heard.append)
    assert (planned.output, planned.where, planned.candidates) == ("a.json", "a.take", None)
    assert left(planned.folder) == TAKE
    assert tuple(heard) == planned.take.records
    assert main(["plan", "She grins.", "--seconds", "1", "-o", "b.json"]) == 0
    assert Path("a.json").read_bytes() == Path("b.json").read_bytes()


@pytest.mark.parametrize("count", [0, 17, -1, 2.0, True, "3", None])
def test_so_many_candidates_there_cannot_be(session, count):
    for make in (partial(session.animate, "portrait.png"), session.plan):
        with pytest.raises(UsageError, match=f"candidates={count} is not a number of takes .* from 1 to 16"):
            make("She grins.", "a.mp4", candidates=count)
    assert left(Path()) == ["portrait.png"]


def test_candidates_that_are_stopped_leave_nothing_behind(session):
    for make, name in ((partial(session.animate, "portrait.png"), "a.mp4"), (session.plan, "a.json")):
        with pytest.raises(TakeError, match=f"stopped by a test with 0 of 2 candidates planned. {name} is not written"):
            make("She grins.", name, candidates=2, stopped=lambda: "a test")
    assert left(Path()) == ["portrait.png"]


def test_a_key_that_is_none_is_said_before_the_work(tmp_path, monkeypatch):
    monkeypatch.setenv("TEXTUPORTRAY_LLM_KEY", "sk 0123")
    model = LanguageModel(model="m", url="http://127.0.0.1:9/v1", tokens=1, seconds=1.0, patience=1.0)
    with Session(runtime="inline", opener=lambda: opened(FakeRenderer()), language_model=model) as session:
        for make in (partial(session.animate, "portrait.png"), session.plan):
            with pytest.raises(UsageError, match="TEXTUPORTRAY_LLM_KEY holds what no key does"):
                make("She grins.", "a.mp4")
    assert left(Path()) == ["portrait.png"]


def test_nobody_to_ask_is_said_before_the_work(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    model = LanguageModel(model="m", url=f"http://127.0.0.1:{port}/v1", tokens=1, seconds=1.0, patience=1.0)
    with Session(runtime="inline", opener=lambda: opened(FakeRenderer()), language_model=model) as session:
        for make in (partial(session.animate, "portrait.png"), session.plan):
            with pytest.raises(TakeError, match=f"nobody answers at 127.0.0.1:{port}"):
                make("She grins.", "a.mp4")
    assert left(Path()) == ["portrait.png"]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"runtime": "rey"}, "runtime='rey' is not known. Give inline or ray"),
        ({"renderer": "nobody"}, "renderer='nobody' is not known. Give puppet"),
        ({"device": "tpu"}, "device='tpu' is not known. Give auto or cpu or cuda"),
        ({"workers": 0}, "workers=0 is not a number of workers. Give a whole number from 1 to 1000"),
        ({"workers": -1}, "workers=-1 is not a number of workers"),
        ({"workers": "2"}, "workers='2' is of type str. Give a whole number, or None"),
    ],
)
def test_sessions_that_cannot_be_are_refused_as_options_are(asked, said):
    with pytest.raises(UsageError, match=said):
        Session(**{"runtime": "inline", **asked})


REFUSED = [
    ({"seconds": -1}, "seconds=-1 is not a length that a take can have"),
    ({"seconds": float("nan")}, "seconds=nan is not a length"),
    ({"seconds": "4"}, "seconds='4' is of type str. Give a number of seconds"),
    ({"fps": 0}, "fps=0 is not a frame rate"),
    ({"fps": None}, "fps=None is None. Give a number such as 25"),
    ({"seed": -1}, "seed=-1 is not a seed"),
    ({"seed": True}, "seed=True is of type bool. Give a whole number"),
    ({"rounds": 17}, "rounds=17 is not a round .* Give 1 to 16"),
    ({"idle": "no"}, "idle='no' is of type str. Give True or False"),
    ({"emotion": "x" * 401}, "emotion has 401 characters and the limit is 400"),
    ({"secnds": 4}, "no keyword 'secnds'; did you mean seconds. There are seconds, fps, seed, .* rounds"),
    ({"tables": {}}, "no keyword 'tables'. There are seconds"),
]
"""Keywords, and what is said of them."""


@pytest.mark.parametrize(("asked", "said"), REFUSED)
def test_keywords_that_cannot_be_are_refused_as_options_are(session, asked, said):
    for make, name in ((partial(session.animate, "portrait.png"), "a.mp4"), (session.plan, "a.json")):
        with pytest.raises(UsageError, match=said):
            make("She grins.", name, **asked)
    assert left(Path()) == ["portrait.png"]


@pytest.mark.parametrize(
    ("film", "said"),
    [
        ({"background": "pink?"}, r"background='pink\?' is not known. Give keep, .* such as '#2040a0'\.$"),
        ({"background": (1, 2, 300)}, r"background=\(1, 2, 300\) is not a colour"),
        ({"background": None}, "background=None is None. Give keep"),
        ({"size": 1}, "size=1 is not a size"),
        ({"size": 720.0}, "size=720.0 is of type float"),
        ({"face": 0}, "face=0 is not the number of a face"),
        ({"sheet": 3}, "sheet=3 is of type int"),
        ({"portrait": "b.png"}, "film= has no keyword 'portrait'. There are size, face, background, sheet, neutral"),
        ({"neutral": 1}, "neutral=1 is of type int. Give True or False"),
        ("720", "film= is of type str. Give a dictionary"),
    ],
)
def test_films_that_cannot_be_are_refused_as_options_are(session, film, said):
    with pytest.raises(UsageError, match=said):
        session.animate("portrait.png", "She grins.", "a.mp4", film=film)
    assert left(Path()) == ["portrait.png"]


@pytest.mark.parametrize(("direction", "said"), [("", "is empty"), ("  ", "is empty"), ("a\0b", "U\\+0000"), (None, "is None")])
def test_directions_that_are_none_are_refused(session, direction, said):
    for make, name in ((partial(session.animate, "portrait.png"), "a.mp4"), (session.plan, "a.json")):
        with pytest.raises(UsageError, match=said):
            make(direction, name)
    assert left(Path()) == ["portrait.png"]


def test_a_motion_is_not_named_like_a_video_nor_by_what_is_no_name(session):
    with pytest.raises(UsageError, match=r"a.mp4 is named like a video, .* Name it a.json"):
        session.plan("She grins.", "a.mp4")
    with pytest.raises(UsageError, match="output has to be the name of a file or a URL, and this is of type int"):
        session.plan("She grins.", 3)
    assert left(Path()) == ["portrait.png"]


def test_a_rate_that_only_a_motion_can_have_is_refused_of_a_video(session):
    with pytest.raises(UsageError, match=r"fps=1/2 is below the 1 that a video has at least\. Give fps= "):
        session.animate("portrait.png", "She grins.", "a.mp4", fps=0.5)
    assert session.plan("She grins.", "a.json", fps=0.5, seconds=4).take.records


def test_keywords_are_taken_as_they_are_written_in_python(session):
    asked = {"seconds": 1, "emotion": " sad ", "negotiate": False, "rounds": 2}
    for name, fps in (("a.json", "30000/1001"), ("b.json", Fraction(30000, 1001))):
        opened_by = session.plan(" She grins. ", name, fps=fps, **asked).take.records[0].message
        assert (opened_by.direction, opened_by.fps, opened_by.seconds) == ("She grins.", "30000/1001", 1.0)
        assert (opened_by.emotion, opened_by.rounds) == ("sad", 2)
    film = {"size": 64, "background": (1, 2, 3), "face": None, "sheet": None, "neutral": True}
    assert max(session.animate("portrait.png", "She grins.", "a.mp4", seconds=1, fps=10, film=film).video.size) == 64
    record = json.loads(Path("a.take/take.json").read_bytes())
    assert record["film"]["background"] == [1, 2, 3]
    assert record["neutral"] is record["film"]["neutral"] is True


def test_a_closed_session_makes_no_takes(session):
    session.close()
    for make, name in ((partial(session.animate, "portrait.png"), "a.mp4"), (session.plan, "a.json")):
        with pytest.raises(UsageError, match="The session is closed"):
            make("She grins.", name)
    session.close()
    assert left(Path()) == ["portrait.png"]


def test_your_own_words_hold_in_all_takes_of_a_session():
    Path("mine.yaml").write_text("states: {joy: {also: [discobobbled]}}\n", encoding="utf-8")
    with Session(runtime="inline", opener=lambda: opened(FakeRenderer()), lexicon="mine.yaml") as session:
        for name in ("a.json", "b.json"):
            brief = session.plan("She is discobobbled.", name, seconds=1.0).take.brief
            assert brief is not None
            assert (brief.unread, {act.name for beat in brief.beats for act in beat.acts}) == ((), {"joy"})
    assert main(["plan", "She is discobobbled.", "--seconds", "1", "--lexicon", "mine.yaml", "-o", "c.json"]) == 0
    assert Path("a.json").read_bytes() == Path("c.json").read_bytes()
    with pytest.raises(ConfigError, match=r"none\.yaml: cannot be read"):
        Session(runtime="inline", lexicon=Path("none.yaml"))
