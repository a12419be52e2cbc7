"""`export`: what is in the file is what is in the take. Recordings are read back with the reader of the SDK that opens them."""

from __future__ import annotations

import io
import json
import subprocess
import sys

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from PIL import Image

from protocol.channels import CHANNELS, INDEX, NAMES, REGIONS
from protocol.consistency import committed_timeline
from protocol.debugging.saying import in_a_line
from protocol.interpolation import frame_times
from protocol.journal import Record
from protocol.messages import Objected, RoundOpened
from protocol.timeline import sample
from runtime.cli import COMMANDS, main
from runtime.commands.export import FORMATS
from runtime.options import TakeOptions
from runtime.viewing import MAX_SIDE, UNITS, Made, write_recording
from tests.program import at_home, journal_file, left, planned, refused
from tests.staging import FakeRenderer, film_take, studio
from tests.takes import run

WITHOUT = "the extra `viewer` is not installed: pip install -e '.[viewer]'"
DIRECTION = "She grins, then turns her head far to the right."
FPS = Fraction(25)

Columns = dict[str, list[Any]]


@pytest.fixture(autouse=True)
def _at_home(tmp_path) -> Iterator[None]:
    with at_home(tmp_path):
        yield


@pytest.fixture(scope="module")
def records() -> tuple[Record, ...]:
    """A take of the real agents: eyes give way in both of its beats."""
    return run(DIRECTION, seed=1, fps=FPS)[0].records


@pytest.fixture(scope="module")
def frames() -> list[Any]:
    """As many pictures as the take has frames, and one more, each of its own grey; larger than a recording keeps."""
    return [np.full((MAX_SIDE * 2, 64, 3), n * 2, np.uint8) for n in range(100)]


@pytest.fixture(scope="module")
def made(records, frames, tmp_path_factory) -> tuple[Path, Made]:
    """A recording of it, and what is said to be in it."""
    pytest.importorskip("rerun", reason=WITHOUT)
    path = tmp_path_factory.mktemp("recording") / "take.rrd"
    return path, write_recording(records, iter(frames), path)


def read(path: Path) -> dict[str, Columns]:
    """Everything in a recording that changes over time: by entity, the values of each column in order."""
    chunk = pytest.importorskip("rerun.chunk", reason=WITHOUT)
    found: dict[str, Columns] = {}
    for part in chunk.RrdReader(path).stream().to_chunks():
        if part.is_static:
            continue
        columns = found.setdefault(part.entity_path, {})
        batch = part.to_record_batch()
        for name, values in zip(batch.schema.names, batch.columns, strict=True):
            timed = str(values.type).startswith("duration")
            listed = [ns / 1e9 for ns in values.cast("int64").to_pylist()] if timed else values.to_pylist()
            columns.setdefault(name.rpartition(":")[2], []).extend(plain(value) for value in listed)
    return found


def plain(value: Any) -> Any:
    """A value without the list of one that a column keeps it in."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


@pytest.fixture(scope="module")
def recording(made) -> dict[str, Columns]:
    """What the reader finds in it."""
    return read(made[0])


# --------------------------------------------------------------------------------------------------------- recordings


def test_every_channel_that_moves_is_there_with_the_values_of_the_motion(records, recording):
    timeline = committed_timeline(records)
    assert timeline is not None
    motion = sample(timeline, FPS)
    times = frame_times(motion.shape[1], FPS)
    curves = {place.rpartition("/")[2]: columns for place, columns in recording.items() if place.startswith("/curves/")}
    assert len(curves) > 15
    for name, columns in curves.items():
        assert np.allclose(columns["take"], times, atol=1e-9)
        assert columns["scalars"] == motion[INDEX[name]].tolist(), name
        assert f"/curves/{CHANNELS[name].region}/{UNITS[CHANNELS[name].unit]}/{name}" in recording
    still = [name for name in NAMES if name not in curves and not CHANNELS[name].derived]
    assert np.ptp(motion[[INDEX[name] for name in still]], axis=1).max() < 0.1


def test_every_keyframe_is_there_with_what_it_is_for(records, recording):
    timeline = committed_timeline(records)
    assert timeline is not None
    for place, columns in recording.items():
        if not place.startswith("/keyframes/"):
            continue
        name = place.rpartition("/")[2]
        expected = {}
        for beat in timeline.beats:
            track = beat.tracks[REGIONS.index(CHANNELS[name].region)]
            for key in track.curve(name).keys:
                source = track.sources[key.source]
                expected[round(beat.start + key.time, 4)] = (key.value, key.mode, source.gesture, source.words, source.note)
        found = zip(*(columns[name] for name in ("scalars", "interpolation", "gesture", "words", "note")), strict=True)
        assert dict(zip((round(time, 4) for time in columns["take"]), found, strict=True)) == expected
    told = [columns for place, columns in recording.items() if place.startswith("/keyframes/")]
    assert any("grins" in columns["words"] for columns in told)
    assert any("yielded to big-smile-lifts-cheek" in columns["note"] for columns in told)


def test_every_frame_is_there_at_its_time_in_a_size_to_look_at(records, frames, recording, made):
    timeline = committed_timeline(records)
    assert timeline is not None
    count = sample(timeline, FPS).shape[1]
    assert count < len(frames)
    columns = recording["/video"]
    assert made[1].frames == len(columns["blob"]) == count
    assert np.allclose(columns["take"], np.arange(count) / 25, atol=1e-9)
    for number in (0, 40, count - 1):
        picture = Image.open(io.BytesIO(bytes(columns["blob"][number])))
        assert picture.size == (32, MAX_SIDE)
        assert abs(float(np.asarray(picture).mean()) - number * 2) < 1
    assert set(columns["media_type"]) == {"image/jpeg"}


def test_every_message_is_there_once_on_three_lines_of_time(records, recording, made):
    said = {
        seq: (place.rpartition("/")[2], level, journal, take, text)
        for place, columns in recording.items()
        if place.startswith("/messages/")
        for seq, level, journal, take, text in zip(
            *(columns[name] for name in ("record", "level", "journal", "take", "text")), strict=True
        )
    }
    assert made[1].messages == len(said) == len(records)
    timeline = committed_timeline(records)
    assert timeline is not None
    for record in records:
        sender, level, journal, take, text = said[record.seq]
        assert (sender, level) == (record.sender, type(record.message).__name__)
        assert abs(journal - record.time) < 1e-9
        assert 0 <= take <= timeline.seconds
        assert text.strip() == f"{record.seq}  {in_a_line(record)}"
        beat = getattr(record.message, "beat", None)
        if isinstance(beat, int):
            assert timeline.beats[beat].start <= take <= timeline.beats[beat].end


def test_a_constraint_that_was_broken_on_the_table_has_a_lane_with_who_yields(records, recording):
    timeline = committed_timeline(records)
    assert timeline is not None
    objected = [record.message for record in records if isinstance(record.message, Objected)]
    ids = {violation.constraint for message in objected for violation in message.violations}
    lanes = {place.rpartition("/")[2]: columns for place, columns in recording.items() if "/constraints/" in place}
    assert set(lanes) == ids
    assert "big-smile-lifts-cheek" in ids
    for message in objected:
        for violation in message.violations:
            columns = lanes[violation.constraint]
            at = timeline.beats[message.beat].start + (violation.start + violation.end) / 2
            last = max(n for n, time in enumerate(columns["take"]) if time <= at)
            assert columns["state"][last] == f"{violation.yields} yield"
    assert all(columns["state"][-1] == "" for columns in lanes.values())


def test_what_became_of_each_region_in_each_beat_has_a_lane(records, recording):
    lane = recording["/lanes/eyes"]
    timeline = committed_timeline(records)
    assert timeline is not None
    assert np.allclose(lane["take"], [*(beat.start for beat in timeline.beats), timeline.seconds])
    assert lane["state"][0].startswith("giving way to mouth (big-smile-lifts-cheek")
    assert lane["state"][-1] == ""
    assert recording["/lanes/mouth"]["state"][0] == "as proposed"
    assert recording["/lanes/beats"]["state"][0] == "0: She grins"


def test_a_recording_of_the_same_take_holds_the_same(records, frames, recording, tmp_path):
    write_recording(records, iter(frames), tmp_path / "again.rrd")
    again = read(tmp_path / "again.rrd")
    assert again.keys() == recording.keys()
    for place, columns in recording.items():
        others = again[place]
        assert all(columns[name] == others[name] for name in columns if not name.endswith("RowId")), place


def test_the_viewer_s_own_check_finds_nothing_wrong(made):
    program = Path(sys.executable).with_name("rerun")
    done = subprocess.run([program, "rrd", "verify", made[0]], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "without error" in done.stdout + done.stderr


def test_a_recording_brings_how_it_is_to_be_shown(made):
    chunk = pytest.importorskip("rerun.chunk", reason=WITHOUT)
    reader = chunk.RrdReader(made[0])
    (entry,) = reader.recordings()
    assert entry.application_id == "textuportray"
    assert entry.recording_id.startswith("take-")
    assert len(reader.blueprints()) == 1


def test_a_take_that_was_cut_off_is_recorded_as_far_as_it_goes(records, tmp_path):
    pytest.importorskip("rerun", reason=WITHOUT)
    cut = next(n for n, record in enumerate(records) if isinstance(record.message, RoundOpened))
    written = write_recording(records[:cut], None, tmp_path / "part.rrd")
    assert (written.messages, written.frames) == (cut, 0)
    assert written.curves > 0
    assert recorded_states(tmp_path / "part.rrd") == ["as proposed (not decided)", ""]
    written = write_recording(records[:2], None, tmp_path / "start.rrd")
    assert (written.messages, written.curves) == (2, 0)


def recorded_states(path: Path) -> list[Any]:
    """The states of the mouth's lane."""
    states: list[Any] = read(path)["/lanes/mouth"]["state"]
    return states


# ---------------------------------------------------------------------------------------------------------- the command


@pytest.fixture(scope="module")
def filmed(loaded, tmp_path_factory) -> Path:
    """A folder with out.gif, the video of a take, and out.take."""
    folder = tmp_path_factory.mktemp("filmed")
    film_take(studio(FakeRenderer(), folder), loaded, folder / "out.gif", TakeOptions(direction=DIRECTION, fps=FPS, seconds=2))
    return folder


@pytest.mark.parametrize("name", ["out.gif", "out.take"])
def test_the_video_beside_a_take_goes_with_it(capsys, filmed, name):
    pytest.importorskip("rerun", reason=WITHOUT)
    assert main(["export", str(filmed / name), "-o", "film.rrd", "--format", "rerun"]) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith("film.rrd: 50 frames, ")
    assert "warning" not in printed.err
    assert len(read(Path("film.rrd"))["/video"]["blob"]) == 50


def test_a_take_without_its_video_is_exported_with_a_warning(capsys, filmed, tmp_path):
    pytest.importorskip("rerun", reason=WITHOUT)
    journal = tmp_path / "alone" / "journal.mcap"
    journal.parent.mkdir()
    journal.write_bytes((filmed / "out.take" / "journal.mcap").read_bytes())
    assert main(["export", str(journal), "-o", "film.rrd", "--format", "rerun", "--json"]) == 0
    printed = capsys.readouterr()
    assert "warning: the video is not beside the take on this machine, so the recording has no frames" in printed.err
    data = json.loads(printed.out)
    assert (data["output"], data["format"], data["frames"]) == ("film.rrd", "rerun", 0)
    assert data["size"] == Path("film.rrd").stat().st_size


def test_a_motion_is_exported_without_a_word_about_videos(capsys, tmp_path):
    pytest.importorskip("rerun", reason=WITHOUT)
    planned(tmp_path)
    capsys.readouterr()
    assert main(["export", "motion.json", "-o", "motion.rrd", "--format", "rerun"]) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith("motion.rrd: no frames, ")
    assert "warning" not in printed.err


def test_a_take_that_was_cut_off_is_exported_with_a_warning(capsys, records, tmp_path):
    pytest.importorskip("rerun", reason=WITHOUT)
    journal_file(tmp_path / "part.mcap", records[:20], close=False)
    assert main(["export", "part.mcap", "-o", "part.rrd", "--format", "rerun"]) == 0
    assert "warning: the journal was not closed; the take was cut off or still runs" in capsys.readouterr().err


def test_without_the_sdk_it_says_how_to_install_it_and_leaves_nothing(capsys, records, tmp_path, monkeypatch):
    journal_file(tmp_path / "take.mcap", records)
    monkeypatch.setitem(sys.modules, "rerun", None)  # as an import finds it that is not installed
    said = refused(capsys, "export", "take.mcap", "-o", "take.rrd", "--format", "rerun", code=1)
    assert said.endswith("which is not installed. Install it with: pip install 'textuportray[viewer]'")
    assert left(tmp_path) == ["take.mcap"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nothing.take", "-o", "x.rrd", "--format", "rerun"], "nothing.take does not exist"),
        (["nothing.take", "-o", "x.mp4", "--format", "rerun"], "-o x.mp4 is not named like rerun. Name it x.rrd."),
        (["nothing.take", "-o", "x.rrd", "--format", "usd"], "argument --format: invalid choice: 'usd'"),
        (["nothing.take", "-o", "x.rrd"], "the following arguments are required: --format"),
    ],
)
def test_what_cannot_be_exported_is_said_in_a_line(capsys, tmp_path, words, said):
    pytest.importorskip("rerun", reason=WITHOUT)
    assert said in refused(capsys, "export", *words)
    assert left(tmp_path) == []


def test_help_lists_every_format(capsys):
    assert main(["export", "--help"]) == 0
    text = capsys.readouterr().out
    for name, one in FORMATS.items():
        assert f"  {name:<10} {one.ending}  {one.about}" in text


@pytest.mark.parametrize(
    ("words", "absent"),
    [
        (["why", "motion.take", "jawOpen@0.5"], {"ray", "torch", "cv2", "scipy", "rerun", "agents.director"}),
        (["diff", "motion.take", "motion.take"], {"ray", "torch", "cv2", "scipy", "rerun", "agents"}),
        (["export", "--help"], {"ray", "torch", "cv2", "numpy", "pydantic", "rerun"}),
        (["diff", "--help"], {"ray", "torch", "cv2", "numpy", "pydantic", "rerun"}),
    ],
)
def test_commands_that_look_at_takes_load_nothing_that_makes_them(tmp_path, words, absent):
    planned(tmp_path)
    assert words[0] in COMMANDS
    program = f"import sys; from runtime.cli import main; main({words!r}); print(*sys.modules, sep='\\n', file=sys.stderr)"
    root = Path(__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(root)!r}); {program}"],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    loaded = set(done.stderr.split())
    assert "runtime.cli" in loaded
    assert loaded.isdisjoint(absent), sorted(loaded & absent)
