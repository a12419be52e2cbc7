"""A report in a real browser without a network: it opens, follows the cursor, shows messages, and runs nothing but itself."""

from __future__ import annotations

import io
import json
import time

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from numpy.typing import NDArray
from PIL import Image

from protocol.channels import CHANNELS
from protocol.journal import Record
from protocol.messages import Accepted, BeatOpened, Objected, Proposed
from runtime.cli import main
from runtime.takes import open_take
from tests.browsing import CHROMIUM, MISSING, Browser, browsing
from tests.program import at_home, journal_file
from tests.reporting import FPS, Page, report, shade, shades

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason=MISSING)

DIRECTION = "She grins, then turns her head far to the right."
HOSTILE = 'She smiles. </script><script>window.pwned=1</script><img src=x onerror="window.pwned=1"> "nods"'
READY = "document.documentElement.dataset.ready === 'yes'"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A planned take, and a video of it of which every frame tells which one it is."""
    folder = tmp_path_factory.mktemp("take")
    with at_home(folder):
        assert main(["plan", DIRECTION, "--seconds", "4", "--fps", str(FPS), "-o", "motion.json"]) == 0
        shades(folder / "motion.mp4", 100)
    return folder


@pytest.fixture(scope="module")
def page(folder) -> Page:
    """Its report."""
    with at_home(folder):
        return report("motion.take", folder / "report.html")


@pytest.fixture(scope="module")
def motion(folder) -> dict[str, NDArray[np.float64]]:
    """Every channel's values, frame by frame."""
    data = json.loads((folder / "motion.json").read_bytes())
    return dict(zip(data["channels"], np.array(data["frames"]).T, strict=True))


@pytest.fixture(scope="module")
def records(folder) -> tuple[Record, ...]:
    """Its journal."""
    return open_take(folder / "motion.take").records


@pytest.fixture(scope="module")
def browser(tmp_path_factory) -> Iterator[Browser]:
    """One for all."""
    with browsing(tmp_path_factory.mktemp("browser")) as browser:
        yield browser


@pytest.fixture(autouse=True)
def _quiet(browser, tmp_path) -> Iterator[None]:
    """No page may complain, or ask for anything but itself."""
    with at_home(tmp_path):
        yield
    assert browser.complaints == []
    assert {url.partition("#")[0].rpartition("/")[2] for url in browser.asked} <= {"report.html"}


def opened(browser: Browser, page: Page, fragment: str = "", **how: Any) -> None:
    browser.open(page.path, fragment, **how)
    browser.wait(READY)


def shown_values(browser: Browser) -> dict[str, str]:
    """What stands beside the curves, by channel."""
    script = (
        "Object.fromEntries([...document.querySelectorAll('[data-channel]')].map((e) => [e.dataset.channel, e.textContent]))"
    )
    values: dict[str, str] = browser.value(script)
    return values


def number(text: str) -> float:
    """A value without its unit."""
    return float(text.removesuffix("°").removesuffix(" cm"))


def clock(browser: Browser) -> str:
    said: str = browser.value("document.getElementById('clock').textContent")
    return said


def picture(png: bytes) -> NDArray[np.uint8]:
    """uint8 [height, width, 3]"""
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def box(browser: Browser, element: str) -> tuple[float, float, float, float]:
    """Where an element is in the window: left, top, width, height."""
    script = f"(({{x, y, width, height}}) => [x, y, width, height])({element}.getBoundingClientRect())"
    x, y, width, height = browser.value(script)
    return x, y, width, height


GREY = """new Promise((done) => {
  const video = document.getElementById('video');
  const look = () => {
    if (video.seeking || video.readyState < 2) return setTimeout(look, 20);
    const canvas = document.createElement('canvas');
    canvas.width = canvas.height = 64;
    const pen = canvas.getContext('2d');
    pen.drawImage(video, 0, 0);
    done(pen.getImageData(32, 32, 1, 1).data[1]);
  };
  setTimeout(look, 30);
})"""
"""The shade of the frame that the film shows, once it has found it."""


def test_the_cursor_steps_frame_by_frame_and_values_are_those_of_the_motion(browser, page, motion):
    opened(browser, page)
    assert clock(browser) == "0.000 s  frame 0 of 99"
    frame = 0
    for key, shift, to in (("ArrowRight", False, 1), ("ArrowRight", True, 11), ("ArrowLeft", False, 10), ("End", False, 99)):
        browser.press(key, shift=shift)
        frame = to
        assert clock(browser) == f"{frame / FPS:.3f} s  frame {frame} of 99"
        values = shown_values(browser)
        assert len(values) > 10
        for name, text in values.items():
            finest = {"share": 0.0011, "degree": 0.011, "cm": 0.011}[CHANNELS[name].unit]
            assert number(text) == pytest.approx(motion[name][frame], abs=finest), name
    assert abs(number(shown_values(browser)["headYaw"])) > 10


def test_the_film_shows_the_very_frame_that_the_cursor_stands_on(browser, page):
    opened(browser, page)
    assert browser.value(GREY) == pytest.approx(shade(0), abs=4)
    for key, frame in (
        ("ArrowRight", 1),
        ("ArrowRight", 2),
        ("ArrowRight", 3),
        ("ArrowLeft", 2),
        ("End", 99),
        ("ArrowLeft", 98),
    ):
        browser.press(key)
        assert browser.value(GREY) == pytest.approx(shade(frame), abs=4), frame


def test_a_click_on_a_curve_moves_cursor_and_film_there(browser, page):
    opened(browser, page)
    x, y, width, height = box(browser, "document.querySelector('[data-row=headYaw] canvas')")
    browser.click(x + width * 0.5, y + height - 2)
    frame = browser.value("Number(document.getElementById('scrubber').value)")
    assert frame == pytest.approx(50, abs=3)
    assert browser.value(GREY) == pytest.approx(shade(frame), abs=4)
    line = browser.value("document.getElementById('cursor').getBoundingClientRect().left")
    assert line == pytest.approx(x + width * frame / FPS / 4, abs=2)


def test_an_address_names_a_time_and_a_message(browser, page, records):
    seq = next(record.seq for record in records if isinstance(record.message, Objected))
    opened(browser, page, f"#t=1.2&m={seq}")
    assert clock(browser).startswith("1.200 s  frame 30 ")
    browser.wait("document.querySelector('#message dl')")
    assert browser.value("document.querySelector('#message h3').textContent") == f"#{seq} Objected"


def test_playing_runs_the_cursor_on_to_the_end_and_stops_there(browser, page):
    opened(browser, page, "#t=3.4")
    browser.press(" ")
    assert browser.value("document.getElementById('play').textContent") == "❚❚"
    browser.wait("document.getElementById('scrubber').value === '99'")
    browser.wait("document.getElementById('play').textContent === '▶'")
    assert clock(browser).endswith("frame 99 of 99")


def test_a_loop_stays_within_its_beat(browser, page):
    beat = page.data["beats"][0]
    opened(browser, page, f"#t={beat['end'] - 0.3:.3f}")
    browser.value("document.getElementById('loop').click()")
    browser.press(" ")
    browser.wait(f"Number(document.getElementById('scrubber').value) < {(beat['end'] - 0.4) * FPS}")
    browser.press(" ")
    assert float(clock(browser).partition(" ")[0]) < beat["end"]


def test_a_message_is_shown_whole_and_points_at_its_channels(browser, page, records):
    record = next(record for record in records if isinstance(record.message, Objected))
    opened(browser, page)
    x, y, width, height = box(browser, f"document.querySelector('canvas[aria-label^=\"messages of {record.sender};\"]')")
    at = page.data["messages"][record.seq - 1][8]
    browser.point(x + width * at / 4, y + height / 2)
    assert f"#{record.seq} Objected" in browser.value("document.getElementById('tip').textContent")
    browser.click(x + width * at / 4, y + height / 2)
    browser.wait("document.querySelector('#message dl')")
    text = browser.value("document.getElementById('message').innerText")
    violation = record.message.violations[0]
    assert text.startswith(f"#{record.seq} Objected")
    for part in (violation.constraint, violation.yields, *violation.channels, record.message.vector):
        assert part in text
    assert float(text.partition("coordinator; ")[2].partition(" s ")[0]) == pytest.approx(record.time, abs=0.001)
    rows = browser.value("[...document.querySelectorAll('.row.chosen')].map((row) => row.dataset.row)")
    assert set(rows) == {CHANNELS[name].stem for each in record.message.violations for name in each.channels} & {
        row["stem"] for row in page.data["rows"]
    }
    browser.press("Escape")
    assert browser.value("document.querySelectorAll('.row.chosen').length") == 0


def test_messages_can_be_walked_through_found_and_opened_by_keys(browser, page, records):
    opened(browser, page)
    browser.value("document.getElementById('filter').value = 'revision 1:'")
    browser.value("document.getElementById('filter').dispatchEvent(new Event('input'))")
    proposals = [record.seq for record in records if isinstance(record.message, Proposed) and record.message.round == 0]
    assert browser.value("document.getElementById('count').textContent") == f"{len(proposals)} of {len(records)}"
    for seq in proposals[:3]:
        browser.press("n")
        browser.wait(f"document.querySelector('#message h3')?.textContent === '#{seq} Proposed'")
    browser.wait("document.querySelector('#message details')")
    browser.value("document.querySelector('#message details summary').click()")
    browser.wait("document.querySelector('#message table tbody tr')")
    track = records[proposals[2] - 1].message.track
    moving = [curve for curve in track.curves if len(curve.keys) > 1 or curve.keys[0].value != 0]
    assert browser.value("document.querySelectorAll('#message table tbody tr').length") == sum(len(c.keys) for c in moving)


def test_messages_can_stand_by_the_journals_clock(browser, page, records):
    opened(browser, page)
    before = picture(browser.screenshot())
    browser.value("document.getElementById('order').value = 'journal'")
    browser.value("document.getElementById('order').dispatchEvent(new Event('change'))")
    browser.value("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    after = picture(browser.screenshot())
    assert (before != after).any(axis=2).sum() > 200


def test_words_of_a_journal_do_nothing_in_the_browser(browser, tmp_path):
    assert main(["plan", HOSTILE, "--seconds", "2", "-o", "motion.json"]) == 0
    made = report("motion.json", tmp_path / "report.html")
    opened(browser, made, "#m=1")
    browser.wait("document.querySelector('#message dl')")
    assert browser.value("window.pwned === undefined")
    assert browser.value("document.querySelectorAll('img').length") == 0
    assert browser.value("document.querySelector('h1').textContent") == HOSTILE
    assert HOSTILE in browser.value("document.getElementById('message').textContent")


def test_the_policy_of_the_page_stops_scripts_and_requests_that_are_not_its_own(browser, page):
    opened(browser, page)
    browser.value("{const s = document.createElement('script'); s.textContent = 'window.pwned = 1'; document.body.append(s)}")
    picture = "{const i = document.createElement('img'); i.id = 'added'; i.src = 'report.html'; document.body.append(i)}"
    browser.value(picture)
    assert browser.value("window.pwned === undefined")
    assert browser.value("fetch('data:text/plain,hello').then(() => 'fetched', () => 'refused')") == "refused"
    browser.wait("document.getElementById('added').complete")
    refused = " ".join(browser.complaints)
    assert "script-src" in refused
    assert "img-src" in refused
    assert "connect-src" in refused or "default-src" in refused
    browser.complaints.clear()


@pytest.mark.parametrize(("width", "height"), [(1400, 2000), (900, 1400), (480, 900)])
def test_it_can_be_looked_at_in_any_width_in_light_and_dark(browser, page, width, height):
    seen = {}
    for dark in (False, True):
        opened(browser, page, "#t=1.2&m=14", width=width, height=height, dark=dark)
        browser.value(GREY)
        seen[dark] = picture(browser.screenshot())
        assert len(np.unique(seen[dark][::3, ::3].astype(np.int32) @ [1, 256, 65536])) > 100, "it is not blank"
        assert browser.value("document.documentElement.scrollWidth <= window.innerWidth"), "nothing sticks out"
    assert seen[False].mean() > 200
    assert seen[True].mean() < 80


def test_curves_are_drawn_through_the_values_of_the_motion(browser, page, motion):
    opened(browser, page)
    browser.value("document.getElementById('dots').click()")
    browser.value("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    pixels = picture(browser.screenshot()).astype(int)
    row = next(row for row in page.data["rows"] if row["stem"] == "headYaw")
    start, end = row["channels"][0]["asked"][0]
    x, y, width, height = box(browser, "document.querySelector('[data-row=headYaw] canvas')")
    for frame in range(int(start * FPS) + 1, int(end * FPS), 5):
        # Rows leave seven pixels above and below.
        at = y + height - 7 - (motion["headYaw"][frame] - row["low"]) / (row["high"] - row["low"]) * (height - 14)
        column = pixels[round(at) - 3 : round(at) + 4, round(x + width * frame / FPS / 4)]
        greenest = (column[:, 1] - column[:, 0]).max()
        assert greenest > 60, f"no line of the head's green at frame {frame}"


def test_a_film_that_cannot_be_played_is_told_and_the_cursor_still_runs(browser, page, tmp_path):
    broken = tmp_path / "report.html"
    broken.write_text(page.text.replace('src="data:video/mp4;base64,', 'src="data:video/mp4;base64,AAAA'), encoding="utf-8")
    opened(browser, Page(broken))
    browser.wait("document.getElementById('unplayable')")
    assert "cannot play motion.mp4" in browser.value("document.getElementById('unplayable').textContent")
    browser.press("ArrowRight")
    assert clock(browser).startswith("0.040 s  frame 1 ")
    browser.press(" ")
    browser.wait("Number(document.getElementById('scrubber').value) > 5")
    browser.press(" ")


def test_it_prints(browser, page):
    opened(browser, page)
    printed = browser.printed()
    assert printed.startswith(b"%PDF")
    assert len(printed) > 30_000


@pytest.mark.tampers
@pytest.mark.parametrize("number", [2_000, pytest.param(10_000, marks=pytest.mark.slow)])
def test_thousands_of_messages_open_at_once_and_only_those_in_sight_are_in_the_list(browser, records, tmp_path, number):
    first = next(n for n, record in enumerate(records) if isinstance(record.message, BeatOpened)) + 1
    vote = next(record for record in records if isinstance(record.message, Accepted))
    many = [Record(n + 1, n / 1000, *_rest(vote)) for n in range(first, number)]
    path = journal_file(tmp_path / "long.mcap", [*records[:first], *many])
    made = report(path, tmp_path / "report.html")
    assert made.path.stat().st_size < 5_000_000
    began = time.monotonic()
    opened(browser, made)
    assert time.monotonic() - began < 10
    items = "document.querySelectorAll('#list .item').length"
    assert 10 < browser.value(items) < 200
    browser.value("document.getElementById('list').scrollTop = 1e9")
    last = f"(item) => item.textContent.startsWith('{number}')"
    browser.wait(f"[...document.querySelectorAll('#list .item')].some({last})")
    assert browser.value(items) < 200
    browser.press("End")
    browser.press("n")
    browser.wait("document.querySelector('#message dl')")
    assert "Accepted" in browser.value("document.querySelector('#message h3').textContent")


def _rest(record: Record) -> tuple[Any, ...]:
    return record.sender, record.receivers, record.epoch, record.number, record.message
