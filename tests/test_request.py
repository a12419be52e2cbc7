"""What `submit` is asked for: what is refused before anything is sent, and the words that the command line gets in the job."""

from __future__ import annotations

import argparse
import json

from collections.abc import Iterator
from pathlib import Path

import pytest

from PIL import Image

from cluster.commands import request, submit
from cluster.jobs import JobServer
from runtime.cli import main
from tests.program import at_home, left, planned, refused

ROOT = Path(__file__).resolve().parent.parent
DIRECTION = "She smiles, then nods."


@pytest.fixture(autouse=True)
def _at_home(tmp_path) -> Iterator[None]:
    with at_home(tmp_path):
        yield


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "PORTRAIT is missing"),
        (["me.png"], "DIRECTION is missing"),
        (["me.png", DIRECTION], "-o FILE is missing"),
        (["me.png", DIRECTION, "-o", "out.avi"], "the ending .avi says no format"),
        (["me.png", DIRECTION, "-o", "s3://bucket/out.avi"], "the ending .avi says no format"),
        (["me.png", DIRECTION, "-o", "out.mp4", "--seconds", "0"], "--seconds '0' is not a length"),
        (["me.png", DIRECTION, "-o", "out.mp4", "--workers", "none"], "--workers"),
        (["me.png", DIRECTION, "-o", "out.mp4", "--address", "h:1"], "--address has no meaning for a job"),
        (["me.png", DIRECTION, "-o", "s3://key:secret@bucket/out.mp4"], "s3://bucket/out.mp4 was given with credentials"),
        (["me.png", DIRECTION, "-o", "out.mp4", "--constraints", "none.yaml"], "none.yaml: cannot be read"),
        (["me.png", DIRECTION, "-o", "out.mp4", "--working-dir", "none"], "--working-dir none is no folder"),
        (["nobody.png", DIRECTION, "-o", "out.mp4"], "nobody.png does not exist"),
        (["me.png", "--resume", "out.take"], "Leave PORTRAIT out"),
        (["--resume", "out.take", "--size", "200", "--no-idle"], "Leave --no-idle, --size out"),
        (["--resume", "out.take", "--sheet", "s3://key:secret@bucket/a.png"], "Leave --sheet out"),
        (["--resume", "out.take", "--gestures", "mine.yaml", "--no-negotiation"], "Leave --no-negotiation, --gestures out"),
        (["me.png", DIRECTION, "-o", "memory://bucket/out.mp4"], "memory://bucket/out.mp4 cannot be the output"),
        (["me.png", DIRECTION, "-o", "https://example.org/out.mp4"], "the web is only read"),
        (["me.png", DIRECTION, "-o", "out.mp4", "--sheet", "memory://a.png"], "memory://a.png cannot be the output"),
        (["me.png", DIRECTION, "-o", "out.mp4", "--working-dir", "sent"], "me.png lies outside of sent"),
        (
            ["sent/raw/me.png", DIRECTION, "-o", "out.mp4", "--working-dir", "sent"],
            "sent/raw/me.png does not go to the cluster",
        ),
        (
            ["https://me:secret@h/a.png", DIRECTION, "-o", "out.mp4", "--working-dir", "sent"],
            "h/a.png was given with credentials",
        ),
        (["--resume", "out.take"], "out.take does not exist"),
        (["--resume", "s3://key:secret@bucket/out.take"], "was given with credentials"),
        (["me.png", DIRECTION, "-o", "out.mp4", "--dashboard", "ray://h:1"], "is not the address of a cluster's dashboard"),
    ],
)
def test_what_cannot_be_asked_for_is_refused_before_anything_is_sent(capsys, words, said):
    Image.new("RGB", (8, 8)).save("me.png")
    Path("sent/raw").mkdir(parents=True)
    Path("sent/.gitignore").write_text("/raw/", encoding="utf-8")
    Image.new("RGB", (8, 8)).save("sent/raw/me.png")
    printed = refused(capsys, "submit", *words)
    assert said in printed
    assert "secret" not in printed


# -------------------------------------------------------------------------------------------------------- its command


@pytest.fixture
def words_of(monkeypatch):
    """The words that the command line gets in the job, and the folder's files of the user's."""

    class Sent(Exception):
        pass

    def sends(*words: str) -> tuple[list[str], list[str]]:
        def hold(address: str | None) -> None:
            raise Sent

        made: list[tuple[list[str], list[str]]] = []
        real = request.command

        def spied(options, package):
            found = real(options, package)
            inputs = package.folder / "inputs"
            made.append((found[0], left(inputs) if inputs.exists() else []))
            return found

        monkeypatch.setattr(request, "command", spied)
        monkeypatch.setattr(JobServer, "at", hold)
        assert main(["submit", *words]) == 1
        return made[0]

    return sends


def test_a_job_asks_the_language_model_that_was_meant_here_and_its_key_stays_here(words_of, monkeypatch):
    monkeypatch.setenv("TEXTUPORTRAY_LLM_MODEL", "small")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://10.0.0.9:8000/v1/")
    monkeypatch.setenv("TEXTUPORTRAY_LLM_KEY", "sk-of-nobody-else-0123")
    Image.new("RGB", (8, 8)).save("me.png")
    made, _ = words_of("me.png", "She smiles.", "-o", "s3://b/a.mp4", "--planner", "llm")
    assert {"--planner=llm", "--llm-model=small", "--llm-base-url=http://10.0.0.9:8000/v1"} <= set(made)
    assert "sk-of-nobody-else-0123" not in " ".join(made)


def test_every_option_of_animate_reaches_the_job(words_of, tmp_path):
    """Those with a value, given one that is not the usual; read by the parser of `animate` they come to the same."""
    from runtime.commands import animate  # noqa: PLC0415

    Image.new("RGB", (8, 8)).save("-me.png")
    table = tmp_path / "mine.yaml"
    table.write_bytes((ROOT / "configs" / "gestures.yaml").read_bytes())
    table.with_name("words.yaml").write_text("ignore: [forsooth]\n", encoding="utf-8")
    given = ["--seconds=3", "--fps=12", "--seed=5", "--emotion=nervous", "--no-idle", "--no-negotiation", "--explain", "--json"]
    given += [
        "--gestures=mine.yaml",
        "--lexicon=words.yaml",
        "--size=64",
        "--face=2",
        "--background=#102030",
        "--sheet=s3://b/a.png",
        "--device=cpu",
        "--neutral",
    ]
    given += [
        "--profile=gpu",
        "--workers=3",
        "--worker-gpus=0.5",
        "--worker-cpus=2",
        "--worker-label=a=b",
        "--worker-label=c=d",
    ]
    given += ["--worker-resource=disk=1", "--output=s3://b/a.mp4", "--debug", "--candidates=3"]
    given += ["--planner=llm", "--llm-model=small", "--llm-base-url=http://10.0.0.9:8000/v1", "--llm-temperature=0.5000"]
    given += ["--llm-tokens=5000", "--llm-money=1.5000", "--llm-prices=0.2500,2.0000", "--llm-seconds=90.0000"]
    given += ["--llm-patience=9.0000"]
    made, inputs = words_of(*given, "--", "-me.png", 'She\'s "sad"; $HOME')
    assert inputs == ["-me.png", "mine.yaml", "words.yaml"]
    parser = argparse.ArgumentParser()
    animate.describe(parser)
    parser.add_argument("--debug", action="store_true")
    assert made[0] == "animate"
    sent, asked = parser.parse_args(made[1:]), parser.parse_args([*given, "--", "-me.png", 'She\'s "sad"; $HOME'])
    sent_files = (sent.portrait, str(sent.gestures), str(sent.lexicon))
    assert sent_files == ("inputs/-me.png", "inputs/mine.yaml", "inputs/words.yaml")
    sent.portrait, sent.gestures, sent.lexicon = asked.portrait, asked.gestures, asked.lexicon
    assert sent == asked
    usual = vars(parser.parse_args(["p", "d", "-o", "o"]))
    same = {name for name, value in vars(asked).items() if usual[name] == value}
    assert same == {"constraints", "renderer", "runtime", "address"}, "an option that this test does not know"


def test_paths_are_made_full_and_urls_stay_as_they_are(words_of, tmp_path):
    Image.new("RGB", (8, 8)).save("me.png")
    made, _ = words_of("me.png", DIRECTION, "-o", "frames/", "--sheet", "s3://b/a.png")
    assert f"--output={tmp_path}/frames/" in made
    assert "--sheet=s3://b/a.png" in made
    made, inputs = words_of("s3://b/me.png", DIRECTION, "-o", "s3://b/a.mp4")
    assert made[-2:] == ["s3://b/me.png", DIRECTION]
    assert inputs == []


def test_a_folder_of_the_users_goes_as_it_is(words_of):
    Path("work").mkdir()
    Image.new("RGB", (8, 8)).save("work/me.png")
    made, inputs = words_of("work/me.png", DIRECTION, "-o", "s3://b/a.mp4", "--working-dir", "work")
    assert made[-2:] == ["me.png", DIRECTION]
    assert inputs == []
    assert left(Path()) == ["work", "work/me.png"]


def test_a_portrait_that_lies_here_goes_into_the_take_that_is_gone_on_with(words_of, tmp_path):
    planned(tmp_path)
    record = json.loads(Path("motion.take/take.json").read_bytes())
    Path("me.png").write_bytes(b"a picture")
    Path("motion.take/take.json").write_text(json.dumps({**record, "film": {"portrait": str(tmp_path / "me.png")}}))
    made, _ = words_of("--resume", "motion.json", "--explain")
    assert made == ["resume", "--explain", "--runtime=ray", "--", str(tmp_path / "motion.json")]
    assert Path("motion.take/portrait/me.png").read_bytes() == b"a picture"


def test_a_url_of_this_machine_is_a_path(words_of, tmp_path):
    """It goes along or is on a shared disk, as a path is: as a URL the job would take it for its own machine's."""
    Image.new("RGB", (8, 8)).save("me.png")
    made, inputs = words_of(
        f"file://{tmp_path}/me.png", DIRECTION, "-o", f"local://{tmp_path}/a.mp4", "--sheet", "FILE:///b.png"
    )
    assert made[-2:] == ["inputs/me.png", DIRECTION]
    assert inputs == ["me.png"]
    assert made[1] == f"--output={tmp_path}/a.mp4"
    assert "--sheet=/b.png" in made
    planned(tmp_path)
    made, _ = words_of("--resume", f"file://{tmp_path}/motion.take")
    assert made[-1] == f"{tmp_path}/motion.take"


# ------------------------------------------------------------------------------------------------------------ going on


def going_on(*words: str) -> list[str]:
    parser = argparse.ArgumentParser()
    submit.describe(parser)
    return request.going_on(parser.parse_args(words))


def test_a_take_is_gone_on_with_where_it_was_and_with_renderers_as_it_had_them():
    given = ["--profile=gpu", "--workers=2", "--worker-gpus=1", "--worker-label=pool=render", "--worker-label=zone=a"]
    words = going_on(
        "me.png", DIRECTION, "-o", "s3://b/a.mp4", "--size=64", "--dashboard=http://h:1", "--working-dir=.", *given
    )
    assert words[:4] == ["textuportray", "submit", "--resume", "s3://b/a.take"]
    assert words[4:] == ["--dashboard", "http://h:1", "--working-dir", ".", *given]


def test_nothing_is_said_that_goes_without_saying():
    assert going_on("--resume", "s3://b/a.take") == ["textuportray", "submit", "--resume", "s3://b/a.take"]
    assert going_on("--resume", "s3://b/a.take", "--runtime=inline")[4:] == ["--runtime=inline"]
