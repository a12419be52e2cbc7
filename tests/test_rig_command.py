"""`rig`: a picture of what is found in a portrait, and what it refuses."""

from __future__ import annotations

import json

from collections.abc import Iterator
from pathlib import Path

import pytest

from PIL import Image

from runtime.cli import main
from tests.program import at_home, left, refused
from tests.staging import portrait_file


@pytest.fixture(autouse=True)
def _at_home(tmp_path) -> Iterator[None]:
    with at_home(tmp_path):
        yield


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nobody.png", "-o", "rig.png"], "nobody.png does not exist"),
        (["portrait.png", "-o", "rig.jpg"], "-o rig.jpg has to be a PNG"),
        (["portrait.png", "-o", "portrait.png"], "is the portrait itself and would be replaced"),
        (["portrait.png", "-o", "portrait.png/rig.png"], "cannot be written (Not a directory)"),
        (["portrait.png", "-o", "rig.png", "--size", "8"], "--size '8' is not a size"),
    ],
)
def test_what_cannot_be_drawn_is_bad_usage(capsys, tmp_path, words, said):
    portrait_file(Path("portrait.png"))
    assert said in refused(capsys, "rig", *words)
    assert left(tmp_path) == ["portrait.png"]


def test_what_was_found_is_drawn_and_told(models, sample, capsys):
    Image.fromarray(sample).save("portrait.png")
    assert main(["rig", "portrait.png", "-o", "rig.png", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["width"], found["height"]) == (512, 640)
    (face,) = found["faces"]
    assert 100 < face["eyes_apart"] < 140  # seen in the picture
    assert abs(face["pose"]["yaw"]) < 5
    assert 0.4 < face["expression"]["mouthSmileLeft"] < 0.8  # a broad smile with closed teeth
    assert "jawOpen" not in face["expression"]
    assert abs(face["gaze"]["yaw"]) < 4
    assert "the face smiles in the portrait" in " ".join(found["warnings"])
    assert found["ranges"]["headYaw"][0] < 0 < found["ranges"]["headYaw"][1]
    with Image.open("rig.png") as chart:
        assert min(chart.size) > 500


def test_for_people_it_says_what_the_face_does_already(models, sample, capsys):
    Image.fromarray(sample).save("portrait.png")
    assert main(["rig", "portrait.png", "-o", "rig.png"]) == 0
    printed = capsys.readouterr()
    first, second = printed.out.splitlines()
    assert first == "rig.png: 1 face in 512 x 640 pixels"
    assert second.startswith("expression: smile (0.")
    assert "--neutral relaxes it first" in printed.err


def test_a_picture_without_a_face_fails(models, capsys, tmp_path):
    portrait_file(Path("portrait.png"), (200, 200))
    assert main(["rig", "portrait.png", "-o", "rig.png"]) == 1
    assert "portrait.png: no face was found" in capsys.readouterr().err.splitlines()[-1]
    assert left(tmp_path) == ["portrait.png"]
