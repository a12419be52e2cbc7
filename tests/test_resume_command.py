"""`resume`: a take that was cut short goes on to the end that it would have come to; what cannot go on is refused."""

from __future__ import annotations

import json
import shlex
import shutil
import signal

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from PIL import Image

from protocol.journal import Record
from protocol.messages import TakeResumed
from renderer.video import probe, read_frames
from runtime import loading
from runtime.cli import main
from runtime.inline import InlineBase
from runtime.options import TakeOptions
from runtime.outputs import TakeFiles
from runtime.production import Order, plan_to_files
from runtime.take import Watch, opening
from runtime.take_error import TakeError
from runtime.takes import open_take
from tests.program import at_home, journal_file, left, refused
from tests.recorded import numbered, stopped_after
from tests.staging import FakeRenderer, FakeRig, opening_fake, portrait_file

DIRECTION = "She grins, then nods."
OPTIONS = TakeOptions(direction=DIRECTION, fps=Fraction(25), seconds=2.0)
TAKE = ["journal.mcap", "motion.json", "take.json", "timeline.json"]
CUT_SHORT = ["out.take", "out.take/journal.mcap", "out.take/take.json"]


@pytest.fixture(autouse=True)
def _at_home(tmp_path) -> Iterator[None]:
    with at_home(tmp_path):
        portrait_file(Path("portrait.png"))
        yield


@pytest.fixture(autouse=True)
def renderer(monkeypatch) -> FakeRenderer:
    """What is opened instead of the puppet."""
    fake = FakeRenderer()
    opening_fake(monkeypatch, fake)
    return fake


def animate(*words: str, seconds: str = "2") -> int:
    return main(["animate", "portrait.png", DIRECTION, "--runtime", "inline", "--seconds", seconds, *words])


@pytest.fixture
def stopped(renderer, capsys) -> Callable[..., str]:
    """Begins a take of 50 frames that is stopped when the third chunk is to be rendered; what that says."""

    def begin(*words: str) -> str:
        before = sum(renderer.chunks)
        renderer.before = lambda done: signal.raise_signal(signal.SIGINT) if done > before + 4 else None
        assert animate(*(words or ("-o", "out.mp4"))) == 1
        renderer.before = lambda done: None
        said: str = capsys.readouterr().err.splitlines()[-1]
        return said

    return begin


@pytest.fixture
def planning(loaded, capsys) -> Callable[[int], None]:
    """Begins out.json, as `plan` does, and stops it after some events."""

    def begin(events: int) -> None:
        order = Order(opening(OPTIONS, loaded), loaded, {"output": "out.json"})
        with pytest.raises(TakeError):
            plan_to_files(order, TakeFiles.beside(Path("out.json")), InlineBase(), Watch(lambda: 0.0, stopped_after(events)))
        capsys.readouterr()

    return begin


def frames(output: str) -> np.ndarray:
    return np.stack(list(read_frames(Path(output))))


def changed(**changes: Any) -> None:
    """Change what take.json says; with another output, it is no longer of a take that is filmed."""
    path = Path("out.take/take.json")
    record = {**json.loads(path.read_bytes()), **changes}
    path.write_text(json.dumps({k: v for k, v in record.items() if k != "film" or "output" not in changes}), encoding="utf-8")


def rewritten(change: Callable[[tuple[Record, ...]], tuple[Record, ...]]) -> None:
    """Change what the journal holds."""
    journal_file(Path("out.take/journal.mcap"), change(open_take(Path("out.take")).records))


def begun_with(**changes: Any) -> Callable[[tuple[Record, ...]], tuple[Record, ...]]:
    def change(records: tuple[Record, ...]) -> tuple[Record, ...]:
        opened = records[0].message.model_copy(update=changes)
        return (replace(records[0], message=opened), *records[1:])

    return change


# ------------------------------------------------------------------------------------------------------------ it goes on


@pytest.mark.parametrize("take", ["out.take", "out.mp4", "out.take/journal.mcap", "out.take/"])
def test_a_take_is_meant_by_its_folder_its_journal_or_the_output_that_is_not_there(stopped, take):
    stopped()
    assert left(Path()) == [*CUT_SHORT, "portrait.png"]
    assert main(["resume", take]) == 0
    assert left(Path()) == ["out.mp4", "out.take", *(f"out.take/{name}" for name in TAKE), "portrait.png"]
    assert probe(Path("out.mp4")).frames == 50


def test_it_comes_to_the_same_end_as_if_nothing_had_happened(stopped):
    words = ["--size", "60", "--background", "#102030", "--seed", "3", "--sheet", "out.png", "--neutral"]
    assert animate(*words, "-o", "out.mkv") == 0
    for name in ("out.mkv", "out.png", "out.take"):
        Path(name).rename(f"whole-{name}")
    said = stopped(*words, "-o", "out.mkv")
    again = said.partition("Go on with: ")[2].partition(", or")[0]
    assert main(shlex.split(again)[1:]) == 0
    assert Path("out.mkv").read_bytes() == Path("whole-out.mkv").read_bytes()
    assert Path("out.png").read_bytes() == Path("whole-out.png").read_bytes()
    assert Path("out.take/motion.json").read_bytes() == Path("whole-out.take/motion.json").read_bytes()
    assert Path("out.take/timeline.json").read_bytes() == Path("whole-out.take/timeline.json").read_bytes()
    records = [json.loads(Path(f"{name}.take/take.json").read_bytes()) for name in ("out", "whole-out")]
    for record in records:
        del record["timeline"]  # that names the regions' processes, too
    assert records[0] == records[1]
    assert main(["verify", "out.mkv"]) == 0
    assert main(["replay", "out.take"]) == 0


def test_the_result_is_told_as_animate_tells_it(stopped, capsys):
    stopped()
    assert main(["resume", "out.take", "--explain"]) == 0
    printed = capsys.readouterr()
    first, second, third, *_ = printed.out.splitlines()
    assert first.startswith("out.mp4: 2.00 s, 50 frames of 40 x 48 pixels at 25 per second, rendered in ")
    assert second.startswith("planned in ")
    assert second.endswith("; see out.take")
    assert third.startswith("beat 0")
    assert [line.split()[0] for line in printed.err.splitlines()] == ["preparing", "planning", "rendering", "rendering:"]


def test_the_result_as_json_is_one_document(stopped, capsys):
    stopped()
    assert main(["resume", "out.take", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["output"], result["take"], result["frames"], result["seconds"]) == ("out.mp4", "out.take", 50, 2)
    assert result["warnings"] == []
    assert result["proposals"] >= 8


def test_pictures_in_a_folder_go_on_too(stopped):
    stopped("-o", "frames/")
    assert main(["resume", "frames"]) == 0
    assert len(left(Path("frames"))) == 50
    assert left(Path("frames.take")) == TAKE


def test_a_take_that_was_moved_goes_on_where_it_is(stopped):
    stopped()
    Path("elsewhere").mkdir()
    Path("out.take").rename("elsewhere/final.take")
    assert main(["resume", "elsewhere/final.take"]) == 0
    assert left(Path()) == ["elsewhere", "elsewhere/final.mp4", "elsewhere/final.take",
                            *(f"elsewhere/final.take/{name}" for name in TAKE), "portrait.png"]  # fmt: skip


def test_a_take_can_be_stopped_again_and_go_on_again(stopped, renderer, capsys):
    assert animate("-o", "whole_%03d.png") == 0
    stopped("-o", "out_%03d.png")
    before = sum(renderer.chunks)
    renderer.before = lambda done: signal.raise_signal(signal.SIGTERM) if done > before + 4 else None
    assert main(["resume", "out_%03d.take"]) == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("textuportray: stopped by SIGTERM with ")
    assert said.endswith("or see how far it got with: textuportray replay out_%03d.take.")
    renderer.before = lambda done: None
    assert main(["resume", "out_%03d.take"]) == 0
    assert np.array_equal(frames("out_%03d.png"), frames("whole_%03d.png"))
    records = open_take(Path("out_%03d.take")).records
    assert sum(isinstance(record.message, TakeResumed) for record in records) == 2
    assert main(["verify", "out_%03d.take"]) == 0


def test_a_take_that_failed_goes_on_when_what_was_wrong_is_mended(renderer, capsys):
    assert animate("-o", "out.mkv") == 0
    whole, renderer.poison = frames("out.mkv"), {renderer.asked[1]}
    Path("out.mkv").unlink()
    assert animate("-o", "out.mkv") == 1
    assert main(["resume", "out.mkv"]) == 1
    assert "could not be rendered: RuntimeError: this is poison" in capsys.readouterr().err.splitlines()[-1]
    renderer.poison = set()
    assert main(["resume", "out.mkv"]) == 0
    assert np.array_equal(frames("out.mkv"), whole)


@pytest.mark.parametrize("events", [0, 25, 60])
def test_a_motion_that_was_cut_short_goes_on_to_the_same_bytes(planning, capsys, events):
    assert main(["plan", DIRECTION, "--fps", "25", "--seconds", "2", "-o", "whole.json"]) == 0
    capsys.readouterr()
    planning(events)
    assert not Path("out.json").exists()
    assert main(["resume", "out.json"]) == 0
    first, second, *_ = capsys.readouterr().out.splitlines()
    assert first.startswith("out.json: 2 s, 50 frames, 2 beats, planned in ")
    assert second.endswith("; see out.take")
    assert Path("out.json").read_bytes() == Path("whole.json").read_bytes()
    assert left(Path("out.take")) == TAKE
    assert main(["verify", "out.json"]) == 0


def test_of_a_motion_json_says_what_plan_says(planning, capsys):
    planning(30)
    assert main(["resume", "out.take", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["output"], result["take"], result["frames"]) == ("out.json", "out.take", 50)
    assert len(result["beats"]) == 2


def test_a_take_whose_video_was_lost_at_the_end_gets_it(capsys):
    """It was killed when all was journaled and nothing had appeared."""
    assert animate("-o", "out.mkv", "--sheet", "out.png") == 0
    whole, sheet = Path("out.mkv").read_bytes(), Path("out.png").read_bytes()
    motion = Path("out.take/motion.json").read_bytes()
    for name in ("out.mkv", "out.png", "out.take/motion.json", "out.take/timeline.json"):
        Path(name).unlink()
    capsys.readouterr()
    assert main(["resume", "out.take"]) == 0
    assert Path("out.mkv").read_bytes() == whole
    assert Path("out.png").read_bytes() == sheet
    assert Path("out.take/motion.json").read_bytes() == motion
    assert capsys.readouterr().out.startswith("out.mkv: 2.00 s, 50 frames")


def test_a_motion_that_was_lost_at_the_end_is_written(capsys):
    assert main(["plan", DIRECTION, "--fps", "25", "-o", "out.json"]) == 0
    motion = Path("out.json").read_bytes()
    Path("out.json").unlink()
    assert main(["resume", "out.take"]) == 0
    assert Path("out.json").read_bytes() == motion


# --------------------------------------------------------------------------------------------------------------- warned


def warnings(capsys: Any) -> list[str]:
    return [line for line in capsys.readouterr().err.splitlines() if line.startswith("warning: ")]


def test_a_torn_journal_is_gone_on_with_from_before_the_tear(planning, capsys):
    assert main(["plan", DIRECTION, "--fps", "25", "--seconds", "2", "-o", "whole.json"]) == 0
    planning(30)
    live = Path("out.take/journal.live.mcap")
    journal_file(live, open_take(Path("out.take")).records[:-1], close=False)
    Path("out.take/journal.mcap").unlink()
    live.write_bytes(live.read_bytes()[:-7])
    capsys.readouterr()
    assert main(["resume", "out.take"]) == 0
    (said,) = warnings(capsys)
    assert said.startswith("warning: the journal is torn at byte ")
    assert Path("out.json").read_bytes() == Path("whole.json").read_bytes()


def test_tables_that_have_changed_since_are_pointed_out_and_not_used(stopped, capsys, monkeypatch, loaded):
    stopped()
    texts = {**loaded.texts, "gestures.yaml": "changed", "lexicon/words.yaml": "changed"}
    monkeypatch.setattr("configs.tables.read_texts", lambda replaced=None, *, prompts=False: texts)
    assert main(["resume", "out.take", "--json"]) == 0
    printed = capsys.readouterr()
    said = "gestures.yaml, lexicon/words.yaml have changed since the take was begun, which goes on with their old content"
    assert f"warning: {said}\n" in printed.err
    assert json.loads(printed.out)["warnings"] == [said]
    assert open_take(Path("out.take")).records[0].message.configuration == loaded.texts  # type: ignore[union-attr]


def test_a_portrait_that_is_prepared_otherwise_now_is_pointed_out(stopped, capsys, monkeypatch):
    stopped()
    monkeypatch.setattr(FakeRig, "ranges", {"headYaw": (-25.0, 20.0)})
    assert main(["resume", "out.take"]) == 0
    (said,) = warnings(capsys)
    assert said.startswith("warning: the portrait can show other poses with this version than when the take was begun")


def test_a_take_goes_on_with_the_tables_that_it_was_begun_with(planning, capsys, monkeypatch, loaded):
    """With its own constraints, not with those of the program."""
    text = loaded.texts["constraints.yaml"] + "\n# mine\n"
    monkeypatch.undo()
    own = loading.loaded_from({**loaded.texts, "constraints.yaml": text})
    order = Order(opening(OPTIONS, own), own, {"output": "out.json"})
    with pytest.raises(TakeError):
        plan_to_files(order, TakeFiles.beside(Path("out.json")), InlineBase(), Watch(lambda: 0.0, stopped_after(20)))
    assert main(["resume", "out.take"]) == 0
    assert warnings(capsys) == [
        "warning: constraints.yaml has changed since the take was begun, which goes on with its old content"
    ]
    assert json.loads(Path("out.take/take.json").read_bytes())["take"] == order.opened.take


def test_other_software_than_the_take_was_begun_with_is_pointed_out(planning, capsys, loaded):
    planning(20)
    now = opening(OPTIONS, loaded).versions
    rewritten(begun_with(versions={**now, "numpy": "0.1", "abacus": "7"}))
    assert main(["resume", "out.take"]) == 0
    (said,) = warnings(capsys)
    assert said == (
        "warning: other software than the take was begun with: abacus 7 is now none, numpy 0.1 is now " + now["numpy"]
    )


# -------------------------------------------------------------------------------------------------------------- refused


def test_a_take_that_is_done_says_how_it_is_rendered_again(capsys):
    assert animate("-o", "out.mp4", "--size", "60") == 0
    capsys.readouterr()
    said = refused(capsys, "resume", "out.take")
    portrait = Path("portrait.png").absolute()
    assert said == (
        "out.take is done and out.mp4 is there, so nothing is left to go on with. Render it again with: textuportray render "
        f"{portrait} out.take/motion.json -o out.mp4 --size 60"
    )
    assert main(shlex.split(said.partition("again with: ")[2])[1:]) == 0


def test_a_motion_that_is_done_says_how_it_is_seen(capsys):
    assert main(["plan", DIRECTION, "-o", "out.json"]) == 0
    capsys.readouterr()
    said = refused(capsys, "resume", "out.json")
    assert said.startswith(
        "out.take is done and out.json is there, so nothing is left to go on with. See it with: textuportray"
    )


def test_a_video_that_was_rendered_without_a_take_has_none_to_go_on_with(stopped, capsys):
    assert main(["plan", DIRECTION, "--fps", "25", "--seconds", "1", "-o", "motion.json"]) == 0
    assert main(["render", "portrait.png", "motion.json", "-o", "video.mp4"]) == 0
    capsys.readouterr()
    assert "video.mp4 has no take beside it" in refused(capsys, "resume", "video.mp4")
    assert "nothing.mp4 does not exist" in refused(capsys, "resume", "nothing.mp4")


def test_a_take_that_still_runs_is_left_alone(stopped, capsys):
    stopped()
    before = Path("out.take/journal.mcap").read_bytes()
    with TakeFiles.beside(Path("out.mp4")).claimed():
        said = refused(capsys, "resume", "out.take", code=1)
    assert said.startswith("out.take belongs to a take that still runs, in another process. Wait until it is done")
    assert Path("out.take/journal.mcap").read_bytes() == before


def test_a_portrait_that_is_gone_is_asked_for_by_name(stopped, capsys):
    stopped()
    path = Path("portrait.png").absolute()
    Path("portrait.png").rename("moved.png")
    said = refused(capsys, "resume", "out.take")
    assert said.startswith(f"{path}, the portrait that the take was begun with, is not there any more. Put it back")
    Path("moved.png").rename("portrait.png")
    assert main(["resume", "out.take"]) == 0


def test_a_portrait_that_is_another_picture_now_is_refused(stopped, capsys):
    stopped()
    portrait_file(Path("portrait.png"), (48, 40))
    assert "is not the picture any more that the take was begun with" in refused(capsys, "resume", "out.take")
    Image.new("RGB", (40, 48)).save("portrait.png")
    assert "is not the picture any more" in refused(capsys, "resume", "out.take")
    portrait_file(Path("portrait.png"))
    assert main(["resume", "out.take"]) == 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda: Path("out.take/take.json").unlink(), "out.take has no take.json that says what the take was to become"),
        (lambda: Path("out.take/take.json").write_text("no JSON"), "out.take has no take.json"),
        (lambda: changed(film=None), "out.take/take.json is not as it was written: portrait of the film is missing"),
        (lambda: changed(output=7), "out.take/take.json does not say what the take was to become"),
        (lambda: changed(take="take-0"), "take.json is of another take than the journal"),
        (lambda: Path("out.take/journal.mcap").rename("out.mcap"), "out.take"),
    ],
)  # fmt: skip
def test_a_folder_that_is_not_as_it_was_left_is_refused(stopped, capsys, change, said):
    stopped()
    change()
    before = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
    assert said in refused(capsys, "resume", "out.take")
    assert {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()} == before


def film_of(**changes: Any) -> Mapping[str, Any]:
    return {**json.loads(Path("out.take/take.json").read_bytes())["film"], **changes}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"size": 10**9}, "size of the film is '1000000000' and has to be 32 to 8192, or null"),
        (
            {"background": "green"},
            "out.take/take.json asks for other frames than the journal says that the take was begun with",
        ),
        ({"face": 1}, "asks for other frames than the journal"),
        ({"neutral": True}, "asks for other frames than the journal"),
        ({"renderer": "wan"}, "The take was begun with the renderer 'wan', which this version does not have"),
        ({"output": "out.xyz"}, "the ending .xyz says no format"),
        ({"sheet": "/dev/null/a.png"}, "cannot be written"),
    ],
)
def test_options_in_the_record_are_checked_like_those_of_a_command(stopped, capsys, changes, said):
    stopped()
    changed(film=film_of(**changes))
    assert main(["resume", "out.take"]) == 2
    assert said in capsys.readouterr().err.splitlines()[-1]
    assert left(Path()) == [*CUT_SHORT, "portrait.png"]


def test_a_journal_outside_of_its_folder_lacks_the_rest_of_the_take(stopped, capsys):
    stopped()
    shutil.copy("out.take/journal.mcap", "copy.mcap")
    assert "copy.mcap is a journal outside of the folder of its take" in refused(capsys, "resume", "copy.mcap")


@pytest.mark.tampers
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (begun_with(configuration={"constraints.yaml": ""}), "the journal has no gestures.yaml, which this version needs"),
        (lambda records: numbered([*records[:8], *records[9:]]), "this version cannot follow the journal (record "),
    ],
)
def test_a_journal_that_this_version_cannot_follow_names_the_one_that_can(planning, capsys, change, said):
    planning(40)
    rewritten(change)
    text = refused(capsys, "resume", "out.take", code=1)
    assert said in text
    assert "It was begun with textuportray " in text
    assert text.endswith("go on with that version, or make the take again.")
    assert left(Path("out.take")) == ["journal.mcap", "take.json"]


def test_tables_that_this_version_does_not_understand_are_told_apart_from_bad_usage(planning, capsys, loaded):
    planning(20)
    texts = {**loaded.texts, "gestures.yaml": "colour: red"}
    rewritten(begun_with(configuration=texts))
    text = refused(capsys, "resume", "out.take", code=1)
    assert "this version cannot follow the journal (" in text


def test_a_journal_that_does_not_begin_is_refused(planning, capsys):
    planning(20)
    rewritten(lambda records: numbered(records[1:]))
    assert "the journal does not begin with TakeOpened" in refused(capsys, "resume", "out.take", code=1)
