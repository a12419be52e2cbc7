"""`report`: one page that holds a take, what stands in it, and how it behaves in a real browser without a network."""

from __future__ import annotations

import html
import json
import re
import subprocess
import sys
import tomllib

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from protocol.channels import CHANNELS
from protocol.journal import Record
from protocol.messages import MESSAGES, Accepted, BeatOpened, Committed, Objected, Parent, Proposed, RoundOpened
from protocol.wire import to_plain
from renderer.video import probe
from runtime import cli
from runtime.cli import main
from runtime.reporting import curves, film, messages
from runtime.reporting.page import SCRIPTS
from runtime.takes import open_take
from tests.program import at_home, journal_file, refused
from tests.recorded import places, recorded, said
from tests.reporting import FPS, Page, report, shades
from tests.takes import brief

HOSTILE = 'She smiles. </script><img src=x onerror="window.pwned=1"><!-- data --> & "she" nods.'
EVENTFUL = (
    "a region is silent",
    "a region is stubborn",
    "crash and loss",
    "frames are lost",
    "resumed while regions vote",
    "a chunk is given up",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A planned take at 25 frames per second, with idle motion and an objection; `motion.json` and `motion.take`."""
    folder = tmp_path_factory.mktemp("take")
    with at_home(folder):
        words = "She grins, then turns her head far to the right."
        assert main(["plan", words, "--seconds", "4", "--fps", str(FPS), "-o", "motion.json"]) == 0
    return folder


@pytest.fixture(scope="module")
def page(folder, tmp_path_factory) -> Page:
    """Its report."""
    with at_home(folder):
        return report("motion.take", tmp_path_factory.mktemp("page") / "report.html")


@pytest.fixture(scope="module")
def motion(folder) -> dict[str, Any]:
    """Its motion as other programs read it."""
    data: dict[str, Any] = json.loads((folder / "motion.json").read_bytes())
    return data


@pytest.fixture(scope="module")
def records(folder) -> tuple[Record, ...]:
    """Its journal."""
    return open_take(folder / "motion.take").records


@pytest.fixture(autouse=True)
def _at_home(tmp_path) -> Iterator[None]:
    with at_home(tmp_path):
        yield


# ----------------------------------------------------------------------------------------------------------- what is there


def test_a_page_asks_for_nothing_and_lets_nothing_else_run(page):
    policy = html.unescape(page.found(r'Content-Security-Policy" content="([^"]*)"'))
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == rules["media-src"] == "data:"
    assert re.fullmatch(r"'sha256-[\w+/=]{44}'", rules["script-src"])
    assert re.fullmatch(r"'sha256-[\w+/=]{44}'", rules["style-src"])
    assert not re.search(r"<link|<iframe|<object|@import|url\(|\bfetch\(|XMLHttp|https?:", page.text.partition("<body>")[0])
    assert re.findall(r'(?:src|href)="(?!data:)', page.text) == []


def test_curves_are_the_motion_frame_by_frame(page, motion):
    rows = np.array(motion["frames"])
    assert page.data["rate"] == [FPS, 1]
    assert page.data["film"] == {"fps": [FPS, 1], "frames": len(rows)}
    shown = [channel["name"] for row in page.data["rows"] for channel in row["channels"]]
    assert {"headYaw", "mouthSmileLeft", "mouthSmileRight", "eyeYawLeft"} <= set(shown)
    for name in shown:
        expected = rows[:, motion["channels"].index(name)]
        assert np.abs(page.values(name) - expected).max() <= 0.5001 / page.data["scales"][CHANNELS[name].unit]


def test_channels_that_rest_are_named_and_have_no_curve(page, motion):
    rows = np.array(motion["frames"])
    resting = [name for names in page.data["resting"].values() for name in names]
    shown = [channel["name"] for row in page.data["rows"] for channel in row["channels"]]
    written = [name for name, channel in CHANNELS.items() if not channel.derived]
    assert sorted(resting + shown) == sorted(written)
    for name in resting:
        assert np.abs(rows[:, motion["channels"].index(name)]).max() < 0.1


def test_keyframes_say_which_words_or_idle_motion_they_come_from(page):
    sources = page.data["sources"]
    smile = [sources[key[2]] for key in page.channel("mouthSmileLeft")["keys"]]
    assert any(words == "grins" and kind == "asked" for _, words, _, kind in smile)
    roll = [sources[key[2]] for key in page.channel("headRoll")["keys"]]
    assert any(gesture.startswith("idle") and words == "" and kind == "idle" for gesture, words, _, kind in roll)
    turned = page.channel("headYaw")
    assert all(0 <= time <= page.data["seconds"] for time, *_ in turned["keys"])
    (start, end), *_ = turned["asked"]
    turn = next(act for act in page.data["acts"] if act["name"] == "turn head")
    assert start < turn["start"] + 0.5 < end


def test_keyframes_lie_on_their_curve(page):
    for name in ("headYaw", "mouthSmileLeft", "eyeYawRight"):
        values, unit = page.values(name), CHANNELS[name].unit
        for time, value, *_ in page.channel(name)["keys"]:
            frame = time * FPS
            if abs(frame - round(frame)) < 1e-6 and round(frame) < len(values):
                assert abs(values[round(frame)] - value) <= 1 / page.data["scales"][unit]


def test_messages_stand_in_order_under_the_beat_that_they_are_about(page, records):
    lines = page.data["messages"]
    assert [line[0] for line in lines] == [record.seq for record in records]
    spans = {beat["number"]: (beat["start"], beat["end"]) for beat in page.data["beats"]}
    for line, record in zip(lines, records, strict=True):
        seq, when, lane, sender, receivers, kind, _, beat, time, text, *_ = line
        assert (kind, sender, receivers) == (type(record.message).__name__, record.sender, ", ".join(record.receivers))
        assert when == round(record.time, 4)
        assert text, f"record {seq} says nothing"
        assert page.data["lanes"][lane] == (sender if sender in page.data["lanes"] else "coordinator")
        start, end = spans[max(beat, 0)]
        assert start < time < end
        if isinstance(record.message, (Proposed, Accepted, Objected, Committed)):
            assert beat == record.message.beat
    times = [line[8] for line in lines]
    assert times == sorted(times)


def test_every_message_is_there_whole_but_for_what_an_earlier_one_holds(page, records):
    for record, body in zip(records, page.bodies, strict=True):
        link = {"link": {"epoch": record.epoch, "number": record.number}} if record.epoch or record.number else {}
        if isinstance(record.message, RoundOpened):
            held = [each["see"] for each in body.pop("tracks")]
            assert [records[seq - 1].message.track for seq in held] == list(record.message.tracks)
            assert body == {name: value for name, value in to_plain(record.message).items() if name != "tracks"} | link
        else:
            assert body == to_plain(record.message) | link


def turns(page: Page, name: str) -> list[list[float]]:
    """The spans in which a channel does what a constraint made it do."""
    spans: list[list[float]] = page.channel(name)["turned"]
    return spans


def test_an_objection_names_its_channels_span_and_what_became_of_it(page, records):
    objected = next(record for record in records if isinstance(record.message, Objected))
    line = page.data["messages"][objected.seq - 1]
    assert set(line[10]) == {name for violation in objected.message.violations for name in violation.channels}
    beat = page.data["beats"][objected.message.beat]
    assert beat["start"] <= line[11][0] < line[11][1] <= beat["end"]
    violation = objected.message.violations[0]
    rows = page.found(r'<section id="bargains">(.*?)</section>')
    told = " ".join(html.unescape(re.sub(r"<[^>]*>", " ", rows)).split())
    assert violation.constraint in told
    assert f"{violation.measured:.2f}" in told
    assert f"{violation.yields} revised after round {objected.message.round}" in told
    assert ", was " in told, "what the region that yielded did differently"
    became = re.search(r'<b class="number">(-?[\d.]+)', rows)
    assert became
    assert float(became[1]) == pytest.approx(violation.bound, abs=0.02), "it rose to what the rule asks for, and no further"
    turned = [span for name in violation.channels if CHANNELS[name].region == violation.yields for span in turns(page, name)]
    assert any(start <= line[11][0] + 0.1 and line[11][1] - 0.1 <= end for start, end in turned)


def test_the_earlier_proposal_of_who_yielded_is_kept_beside_the_curve(page, records):
    yielded = [record for record in records if isinstance(record.message, Proposed) and record.message.round > 0]
    assert yielded
    earlier = [each for row in page.data["rows"] for each in row["earlier"]]
    first = min(record.seq for record in records if isinstance(record.message, Proposed))
    assert earlier
    assert all(first <= each["seq"] < yielded[-1].seq for each in earlier)
    for each in earlier:
        values = np.cumsum(each["values"])
        now = np.cumsum(page.channel(each["channel"])["values"])[each["first"] : each["first"] + len(values)]
        assert np.abs(values - now).max() > 1


def test_all_hard_constraints_are_listed_with_the_place_where_the_motion_comes_closest(page, records):
    rules = re.findall(r"id: ([a-z-]+), severity: hard", records[0].message.configuration["constraints.yaml"])
    section = page.found(r'<section id="kept">(.*?)</section>')
    listed = re.findall(r"<tr class=\"(kept|close)\"><td>✓ ([a-z-]+)", section)
    assert [name for _, name in listed] == rules
    assert "✗" not in section
    near = re.search(r"✓ head-yaw-range.*?number\">(-?[\d.]+)° of (-?[\d.]+)°", section)
    assert near
    assert abs(float(near[1])) == pytest.approx(np.abs(page.values("headYaw")).max(), abs=0.3)
    assert abs(float(near[1])) < abs(float(near[2]))


def test_the_head_of_the_page_says_what_was_asked_and_that_it_holds(page, records):
    opened = records[0].message
    for fact in (
        opened.direction,
        opened.take,
        "done",
        "2 beats, 4.00 s",
        "seed 0",
        f"{len(records)} messages",
        "✓ verified: ok",
    ):
        assert fact in page.shown
    assert f"textuportray {opened.versions['textuportray']}" in page.shown
    assert "planned without pixels" in page.shown


@pytest.mark.parametrize("kind", MESSAGES)
def test_every_kind_of_message_has_a_mark_of_its_own(kind):
    known = MESSAGES[kind] in messages._TONES or kind in ("Proposed", "RendererChanged")
    assert known, f"say in messages._TONES how {kind} is marked, and in protocol.debugging.saying what it says"


@pytest.mark.parametrize("name", EVENTFUL)
def test_takes_in_which_much_went_wrong_have_a_line_for_every_message_and_a_place_for_every_chunk(tmp_path, name):
    told = recorded(name)
    made = report(journal_file(tmp_path / "take.mcap", told.records, close=False), tmp_path / "report.html")
    assert all(line[9] for line in made.data["messages"])
    chunks = [line for line in made.data["messages"] if line[5].startswith("Chunk")]
    for line in chunks:
        (start, end), time = line[11], line[8]
        assert start < time < end
    kinds = {line[5] for line in made.data["messages"]}
    assert kinds & {"DeadlinePassed", "Rejoined", "Ruled", "ChunkLost", "TakeResumed", "FilmFailed"}


# -------------------------------------------------------------------------------------------------- what a journal may hold


def test_words_of_a_journal_stay_words(tmp_path):
    assert main(["plan", HOSTILE, "--seconds", "2", "-o", "motion.json"]) == 0
    made = report("motion.json", tmp_path / "report.html")
    assert "<img" not in made.text
    assert "onerror=&quot;" in made.text, "the heading shows it as text"
    assert made.text.count("</script>") == made.text.count("<script")
    assert HOSTILE in made.shown
    assert any("</script>" in line[9] for line in made.data["messages"])


@pytest.mark.parametrize("keep", [0.3, 0.6])
def test_a_take_that_was_cut_off_is_shown_as_far_as_it_goes(tmp_path, records, capsys, keep):
    kept = records[: int(len(records) * keep)]
    path = journal_file(tmp_path / "cut.mcap", kept, close=False)
    path.write_bytes(path.read_bytes()[:-20])
    made = report(path, tmp_path / "report.html")
    printed = capsys.readouterr()
    assert "warning: the journal is torn at byte " in printed.err
    assert "the journal is torn at byte " in made.shown
    assert "unfinished" in made.shown
    assert len(made.data["messages"]) == len(kept) - 1
    beats = sum(isinstance(record.message, BeatOpened) for record in kept[:-1])
    assert [beat["state"] for beat in made.data["beats"]] == ["committed"] * (beats - 1) + ["open"]


def test_the_last_proposals_of_an_open_beat_are_its_curves(tmp_path, records):
    last = places(records, Committed)[0]
    made = report(journal_file(tmp_path / "cut.mcap", records[:last], close=False), tmp_path / "report.html")
    assert [beat["state"] for beat in made.data["beats"]] == ["open"]
    assert made.values("mouthSmileLeft").max() > 0.3
    assert "beat 0 is not decided; the last proposals are shown" in made.shown


def test_a_take_without_a_beat_is_a_page_too(tmp_path, records):
    made = report(journal_file(tmp_path / "cut.mcap", records[:2], close=False), tmp_path / "report.html")
    assert made.data["beats"] == made.data["rows"] == []
    assert "0 beats" in made.shown


@pytest.mark.tampers
def test_a_journal_that_breaks_its_protocol_is_shown_with_what_is_wrong(tmp_path, records, capsys):
    bad = journal_file(tmp_path / "bad.mcap", said(records, places(records, Committed)[0], ruled=True))
    made = report(bad, tmp_path / "report.html")
    assert "NOT as it should be" in capsys.readouterr().out
    assert "✗ verified" in made.shown
    assert "H02 record" in made.shown


@pytest.mark.tampers
def test_messages_beyond_what_a_page_can_hold_stay_as_lines(tmp_path, folder, monkeypatch, capsys):
    monkeypatch.setattr(messages, "MAX_BODIES", 100_000)
    made = report(folder / "motion.take", tmp_path / "report.html")
    left = [body for body in made.bodies if "left_out" in body]
    assert left
    assert len(made.bodies) == len(made.data["messages"])
    assert f"warning: {len(left)} messages are too much for a page" in capsys.readouterr().err
    assert len(json.dumps([body for body in made.bodies if "left_out" not in body])) < 1_000_000


def test_long_takes_are_sampled_more_coarsely(tmp_path, folder, monkeypatch):
    monkeypatch.setattr(curves, "MAX_VALUES", 2000)
    made = report(folder / "motion.take", tmp_path / "report.html")
    every = FPS / Fraction(*made.data["rate"])
    assert every.denominator == 1
    assert every > 2
    assert len(made.values("headYaw")) == -(-100 // every)


# ---------------------------------------------------------------------------------------------------------------- the film


@pytest.mark.parametrize("ending", [".mp4", ".webm"])
def test_the_video_beside_a_take_is_in_the_page_as_it_is(tmp_path, folder, records, ending):
    take = tmp_path / "motion.take"
    take.symlink_to(folder / "motion.take")
    video = shades(tmp_path / f"motion{ending}", 100, take=records[0].message.take)
    for given in (take, video):
        made = report(given, tmp_path / "report.html")
        assert made.video == video.read_bytes()
        assert made.data["film"] == {"fps": [FPS, 1], "frames": 100}


def test_a_video_that_is_large_or_that_browsers_may_not_play_is_there_as_a_copy_of_every_frame(tmp_path, folder, monkeypatch):
    take = tmp_path / "motion.take"
    take.symlink_to(folder / "motion.take")
    video = shades(tmp_path / "motion.mkv", 20, side=660)
    made = report(take, tmp_path / "report.html")
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(made.video)
    info = probe(copy)
    assert (info.frames, info.fps, info.width, info.codec) == (20, Fraction(FPS), film.COPY_SIDE, "h264")
    assert "browsers may not play motion.mkv" in made.shown
    video.unlink()
    shades(tmp_path / "motion.mp4", 20, side=660)
    monkeypatch.setattr(film, "MAX_BYTES", (tmp_path / "motion.mp4").stat().st_size - 1)
    monkeypatch.setattr(film, "COPY_SIDE", 64)
    made = report(take, tmp_path / "report.html")
    assert len(made.video) < film.MAX_BYTES
    assert "A smaller copy, 64 x 64 pixels with all 20 frames" in made.shown


@pytest.mark.parametrize("name", ["motion/", "motion_%03d.png"])
def test_pictures_beside_a_take_become_a_video_of_its_rate(tmp_path, folder, name):
    take = (tmp_path / name).with_suffix(".take")
    take.symlink_to(folder / "motion.take")
    shades(f"{tmp_path}/{name}", 20)
    made = report(take, tmp_path / "report.html")
    assert made.data["film"] == {"fps": [FPS, 1], "frames": 20}
    assert f"{name.rstrip('/')} is a row of pictures" in made.shown
    assert made.video


def test_a_video_that_cannot_be_in_the_page_is_named(tmp_path, folder, monkeypatch):
    (tmp_path / "motion.take").symlink_to(folder / "motion.take")
    shades(tmp_path / "motion.mp4", 100)
    monkeypatch.setattr(film, "MAX_BYTES", 100)
    made = report("motion.take", tmp_path / "report.html")
    assert "The video is not in this page" in made.shown
    assert "<video" not in made.text
    assert made.data["film"]["frames"] == 100


def test_a_video_of_another_take_or_a_broken_one_is_left_out_with_a_warning(tmp_path, folder, capsys):
    (tmp_path / "motion.take").symlink_to(folder / "motion.take")
    shades(tmp_path / "motion.mp4", 10, take="take-of-others")
    assert "<video" not in report("motion.take", tmp_path / "report.html").text
    assert "motion.mp4 was made of another take, take-of-others" in capsys.readouterr().err
    (tmp_path / "motion.mp4").write_bytes(b"no video at all")
    assert "<video" not in report("motion.take", tmp_path / "report.html").text
    assert "warning: the page is without the video" in capsys.readouterr().err


def test_a_record_cannot_have_another_file_of_this_machine_put_into_a_page(tmp_path, folder):
    take = tmp_path / "got" / "motion.take"
    take.mkdir(parents=True)
    for name in ("journal.mcap", "motion.json"):
        (take / name).write_bytes((folder / "motion.take" / name).read_bytes())
    elsewhere = shades(tmp_path / "private.mp4", 10)
    asked = {"format": "textuportray.take", "version": 1, "film": {"output": str(elsewhere)}}
    (take / "take.json").write_text(json.dumps(asked))
    assert "<video" not in report(take, tmp_path / "report.html").text


def test_of_several_videos_beside_a_take_the_one_that_its_record_names_is_its_own(tmp_path):
    for name in ("motion.mp4", "motion.webm"):
        (tmp_path / name).touch()
    assert film.video_beside(tmp_path / "motion.take", "/elsewhere/other.webm") == tmp_path / "motion.webm"
    assert film.video_beside(tmp_path / "motion.take", "") == tmp_path / "motion.mp4"
    assert film.video_beside(tmp_path / "other.take", "motion.mp4") is None


# ------------------------------------------------------------------------------------------------------------- the command


@pytest.mark.tampers
def test_a_revision_names_the_take_that_it_revises(tmp_path, records):
    opened = records[0].message
    tabled = next(record.message for record in records if isinstance(record.message, RoundOpened))
    before = Parent(
        take="take-before",
        timeline="0" * 32,
        directions=("She grins, <b>slowly</b>.",),
        brief=brief(1),
        tracks=(tabled.tracks,),
    )
    child = journal_file(tmp_path / "child.mcap", said(records, 0, parent=before))
    made = report(child, tmp_path / "report.html")
    assert "revises take-before" in made.shown
    assert "take-before: “She grins, <b>slowly</b>.”" in made.shown
    assert opened.direction in made.shown


def test_every_template_is_in_the_package(tmp_path):
    root = Path(cli.__file__).parent
    patterns = tomllib.loads((root.parent / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["runtime"]
    packed = {path for pattern in patterns for path in root.glob(pattern)}
    assert packed == {path for path in (root / "reporting").iterdir() if path.is_file() and path.suffix != ".py"}
    assert {path.name for path in packed} == {"page.html", "page.css", *SCRIPTS}


def test_what_is_in_a_page_is_printed_as_json(tmp_path, folder, capsys, records):
    assert main(["report", str(folder / "motion.json"), "-o", "report.html", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["bytes"] == (tmp_path / "report.html").stat().st_size < 1_000_000
    assert printed["messages"] == len(records)
    assert printed["verified"] is True
    assert printed["findings"] == []


@pytest.mark.parametrize("name", ["report.txt", "report", "report.take"])
def test_a_page_is_called_one(capsys, folder, name):
    assert "has to be a page" in refused(capsys, "report", str(folder / "motion.json"), "-o", name)


def test_what_is_no_take_is_refused_and_nothing_is_written(capsys, tmp_path):
    assert "does not exist" in refused(capsys, "report", "nothing.take", "-o", "report.html")
    assert list(tmp_path.iterdir()) == []


def test_a_page_can_go_to_a_url_and_a_take_come_from_one(tmp_path, folder, capsys):
    (tmp_path / "at").mkdir()
    url = (tmp_path / "at" / "page.html").as_uri()
    assert main(["report", (folder / "motion.take").as_uri(), "-o", url]) == 0
    assert (tmp_path / "at" / "page.html").stat().st_size > 10_000


def test_a_report_needs_nothing_that_takes_are_made_with(folder, tmp_path):
    words = ["report", str(folder / "motion.take"), "-o", str(tmp_path / "report.html")]
    program = f"import sys; from runtime.cli import main; main({words!r}); print(*sys.modules, sep='\\n', file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=Path(cli.__file__).parents[1]
    )
    loaded = set(done.stderr.split())
    assert "protocol.replay" in loaded
    assert not {"ray", "torch", "cv2", "agents.regions", "diffusers"} & loaded
