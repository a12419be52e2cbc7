"""What a face does already is measured however it is held, leaves less of the same to do, and can be taken back."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from configs.puppet import builtin_muscles
from protocol.channels import CHANNELS, INDEX, NAMES, both_sides
from renderer.faces import Face, FaceNets, landmarks_in
from renderer.portrait import Portrait
from renderer.pose import Pose
from renderer.puppet.anatomy import (
    BROW_LOWER,
    BROW_UPPER,
    CORNERS,
    LOWER_INNER,
    LOWER_OUTER,
    UNDER_NOSE,
    UPPER_INNER,
    UPPER_OUTER,
    cm,
)
from renderer.puppet.geometry import CM_PER_U, Points
from renderer.puppet.neutral import (
    ARCH,
    AVERTED,
    BEYOND_MIDDLE,
    EASED,
    GONE,
    LESS,
    MOST_LEVELLED,
    PLUMP,
    Neutral,
    acting,
    hints,
    neutral,
    reach,
    relaxing,
    said,
)
from renderer.puppet.puppet import Puppet, prepared
from renderer.puppet.sealing import sealed
from tests.drawn_face import drawn_mesh, drawn_portrait, found_face

U = 100.0
SMILE, PRESS = "mouthSmileLeft", "mouthPressLeft"


def drawn(roll: float = 0.0, **moved: float) -> Face:
    """The drawn face, its brows and lids as a face at rest has them, then tilted.

    Args:
        roll: degrees.
        moved: u by which the corners go `up` and `out`, the lips `apart`, the brows `brows` up, the irises `aside` to the
            subject's left, and the upper lids `lids` up.
    """
    _, mesh = drawn_mesh(U, 160.0, 120.0)
    face = found_face(mesh)
    mesh = mesh.copy()
    _lift(mesh, [*CORNERS], moved.get("up", 0.0))
    mesh[list(CORNERS), 0] += U * moved.get("out", 0.0) * np.array([-1, 1])
    for ids, sign in ((UPPER_INNER, 1), (UPPER_OUTER, 1), (LOWER_INNER, -1), (LOWER_OUTER, -1)):
        _lift(mesh, list(ids[1:-1]), sign * moved.get("apart", 0.0) / 2)
    _lift(mesh, [UNDER_NOSE], 0.1)  # the drawn lip is long
    for lines in (BROW_LOWER, BROW_UPPER):
        for side in (0, 1):
            _lift(mesh, list(lines[side]), moved.get("brows", 0.0) - 0.06)
    # As drawn the upper lid is 1.2 radii of the iris above its centre, the lower one 0.65 below.
    irises, contours = face.irises.copy(), face.contours.copy()
    contours[:, 9:16, 1] += U * (0.03 - moved.get("lids", 0.0))
    irises[..., 0] += U * moved.get("aside", 0.0)
    irises[..., 1] -= 0.018 * U
    cos, sin = np.cos(np.radians(roll)), np.sin(np.radians(roll))
    turn = np.array([[cos, sin], [-sin, cos]])
    points = np.concatenate([mesh[:, :2] @ turn, mesh[:, 2:]], axis=1)
    arrays = (points.astype(np.float32), (irises @ turn).astype(np.float32), (contours @ turn).astype(np.float32))
    return Face(face.box, 1.0, 1.0, *arrays)


def _lift(mesh: Points, ids: list[int], by: float) -> None:
    mesh[ids, 1] -= by * U


def found(expression: dict[str, float], gaze: float = 0.0, gap: float = 0.0, yaw: float = 0.0, arch: float = ARCH) -> Neutral:
    both = {name: value for stem, value in expression.items() for name in both_sides(stem)}
    return Neutral(Pose(yaw, 0.0, 0.0), (gaze, 0.0), gap, arch, both)


# ------------------------------------------------------------------------------------------------------------ measuring


@pytest.mark.parametrize("roll", [0.0, 35.0, 180.0])
def test_a_face_at_rest_does_nothing_however_the_head_is_tilted(roll):
    rest = neutral(drawn(roll))
    assert dict(rest.expression) == {}
    assert rest.gaze == pytest.approx((0.0, 0.0), abs=3.0)
    assert rest.gap == pytest.approx(0.008, abs=1e-3)
    assert said(rest) == ""
    assert (rest.pose.roll - roll + 180) % 360 - 180 == pytest.approx(0.0, abs=1.0)


@pytest.mark.parametrize("roll", [0.0, 35.0])
def test_a_smile_is_measured_by_what_the_channel_does(roll):
    # Corners that are as high as those of the level mouth and half of the muscle's way (0.78 cm = 0.088 u) above that.
    half = neutral(drawn(roll, up=0.022 + 0.044, out=0.06)).expression
    assert half[SMILE] == pytest.approx(0.5, abs=0.07)  # the drawn head is found some 4 degrees off
    assert half["mouthSmileRight"] == half[SMILE]


def test_corners_that_are_high_but_close_together_are_no_smile():
    assert SMILE not in neutral(drawn(up=0.07)).expression


def test_bared_teeth_are_no_open_jaw_and_an_open_jaw_no_smile():
    grin = neutral(drawn(up=0.11, out=0.08, apart=0.16)).expression
    assert grin[SMILE] > 0.5
    assert grin.get("jawOpen", 0.0) < 0.1
    gape = neutral(drawn(apart=0.2)).expression
    assert gape["jawOpen"] == pytest.approx(0.67, abs=0.05)  # 0.2 u of the 0.276 that the channel opens, less closed lips'
    assert SMILE not in gape


def test_lids_brows_and_gaze_are_measured():
    assert neutral(drawn(brows=-0.05)).expression["browDownLeft"] > 0.2
    assert neutral(drawn(brows=0.1)).expression["browInnerUp"] > 0.5
    assert neutral(drawn(lids=-0.08)).expression["eyeBlinkLeft"] > 0.2
    assert neutral(drawn(lids=0.05)).expression["eyeWideRight"] > 0.2
    # An eyeball's radius is 0.135 u, so 0.035 u are 15 degrees.
    assert neutral(drawn(aside=0.035)).gaze[0] == pytest.approx(15, abs=1.5)
    assert "eyes 15 degrees to its left of the camera" in said(neutral(drawn(aside=0.035)))


def test_eyes_that_do_not_agree_look_ahead():
    face = drawn()
    irises = face.irises.copy()
    irises[0, :, 0] += 0.03 * U
    irises[1, :, 0] -= 0.03 * U
    squinting = Face(face.box, 1.0, 1.0, face.mesh, irises, face.contours)
    assert neutral(squinting).gaze[0] == 0.0


# ------------------------------------------------------------------------------------------------------- what is left


def test_a_face_at_rest_has_all_its_motion_left():
    how = acting(found({}), relaxed=False)
    assert set(how.left.tolist()) == {1.0}
    motion = np.linspace(-1, 1, len(NAMES), dtype=np.float32)[None]
    assert np.array_equal(how.of(motion), motion)


def test_a_face_that_smiles_at_six_tenths_has_four_tenths_left():
    how = acting(found({"mouthSmile": 0.6}), relaxed=False)
    assert how.left[INDEX[SMILE]] == pytest.approx(0.4)
    assert how.left[INDEX["mouthSmileRight"]] == pytest.approx(0.4)
    assert how.left[INDEX["mouthFrownLeft"]] == 1.0  # the other way there is no less
    assert not how.relaxed.any()


@pytest.mark.parametrize("stem", LESS)
def test_the_more_a_face_does_the_less_is_left_and_never_less_than_nothing(stem):
    cause, less = LESS[stem]
    channels = [INDEX[name] for name in both_sides(stem)]
    left = [acting(found({cause: share}), relaxed=False).left[channels] for share in (0.0, 0.3, 0.7, 1.0)]
    assert np.all(np.diff(left, axis=0) < 0)
    assert left[-1] == pytest.approx(1 - less, abs=1e-6)


def test_each_eye_has_its_own_left():
    how = acting(Neutral(Pose(0, 0, 0), (0, 0), 0.0, ARCH, {"eyeWideLeft": 0.5}), relaxed=False)
    assert how.left[[INDEX["eyeWideLeft"], INDEX["eyeWideRight"]]].tolist() == [0.5, 1.0]


def test_a_blink_closes_whatever_is_open():
    how = acting(found({"eyeBlink": 1.0, "eyeWide": 1.0, "mouthSmile": 1.0}), relaxed=False)
    assert how.left[INDEX["eyeBlinkLeft"]] == 1.0


def test_eyes_that_look_aside_turn_less_to_that_side():
    assert reach(found({})) == {}
    assert reach(found({}, gaze=12.0)) == dict.fromkeys(("eyeYawRight", "eyeYawLeft"), (-38.0, 26.0))
    # A head that is turned 30 degrees to the right and looks into the camera has its eyes 30 degrees to the left.
    assert reach(found({}, yaw=-30.0))["eyeYawLeft"] == (-38.0, 8.0)
    assert reach(found({}, gaze=-20.0, yaw=30.0))["eyeYawLeft"] == (-6.0, 38.0)


# ------------------------------------------------------------------------------------------------------------ relaxing


def test_a_face_at_rest_is_left_alone():
    assert relaxing(found({})) == {}
    assert not acting(found({}), relaxed=True).relaxed.any()


def test_a_smile_is_taken_back_in_part_and_what_is_taken_back_can_be_smiled_again():
    given = relaxing(found({"mouthSmile": 0.6}))
    assert -0.6 < given[SMILE] < -0.3
    how = acting(found({"mouthSmile": 0.6}), relaxed=True)
    widest = how.of(np.ones((1, len(NAMES)), np.float32))[0, INDEX[SMILE]]
    assert widest == pytest.approx(0.4, abs=1e-6)  # no further than the face that keeps its smile
    assert how.of(np.zeros((1, len(NAMES)), np.float32))[0, INDEX[SMILE]] == pytest.approx(given[SMILE])


def test_how_far_corners_lie_above_where_lips_meet_is_measured():
    level, high, open_ = (neutral(drawn(**moved)).arch for moved in ({}, {"up": 0.08}, {"up": 0.08, "apart": 0.2}))
    assert high - level == pytest.approx(0.08, abs=0.005)
    # Half of the gap is above where the lips were.
    assert open_ - high == pytest.approx(0.2 * (builtin_muscles().seal.upper - 0.5), abs=0.005)


def test_corners_that_stay_high_when_a_smile_is_taken_back_are_drawn_down():
    level, high, higher = (relaxing(found({"mouthSmile": 0.6}, gap=0.15, arch=arch)) for arch in (0.03, 0.08, 0.3))
    assert "mouthFrownLeft" not in level  # the smile alone has raised them so far
    assert high["mouthFrownLeft"] == high["mouthFrownRight"]
    # .57 of a smile has raised them by most of .57 of its way; the middle of the mouth went along a little.
    parts = builtin_muscles().parts
    smiles, frowns = parts("mouthSmile")["up"] / CM_PER_U, parts("mouthFrown")["down"] / CM_PER_U
    assert high["mouthFrownLeft"] == pytest.approx((0.08 - ARCH) / (BEYOND_MIDDLE * frowns) - 0.57 * smiles / frowns, abs=0.01)
    assert higher["mouthFrownLeft"] == MOST_LEVELLED
    assert "mouthFrownLeft" not in relaxing(found({}, gap=0.0, arch=0.08))  # the mouth is made so


def test_level_corners_are_no_frown():
    how = acting(found({"mouthSmile": 0.6}, gap=0.15, arch=0.08), relaxed=True)
    rest, frowns = how.of(np.stack([np.zeros(len(NAMES)), np.ones(len(NAMES)) * (np.array(NAMES) == "mouthFrownLeft")]))
    assert frowns[INDEX["mouthFrownLeft"]] - rest[INDEX["mouthFrownLeft"]] == pytest.approx(1.0)


def test_who_smiles_again_smiles_as_the_portrait_does():
    how = acting(found({"mouthSmile": 0.6}, gap=0.15, arch=0.08), relaxed=True)
    back = -how.relaxed[INDEX[SMILE]]
    motion = np.zeros((4, len(NAMES)), np.float32)
    motion[1:3, [INDEX[name] for name in both_sides("mouthSmile")]] = [[GONE * back / 2], [GONE * back]]
    motion[3, INDEX[SMILE]] = GONE * back
    motion /= how.left
    rest, half, whole, one_side = how.of(motion)
    for name in (*both_sides("mouthFrown"), *both_sides("mouthStretch"), "mouthPucker"):
        column = INDEX[name]
        assert abs(rest[column]) > 0.05
        assert half[column] == pytest.approx(rest[column] / 2, abs=1e-6)
        assert whole[column] == pytest.approx(0, abs=1e-6)
    assert one_side[INDEX["mouthFrownLeft"]] == pytest.approx(0, abs=1e-6)
    assert one_side[INDEX["mouthFrownRight"]] == rest[INDEX["mouthFrownRight"]]
    assert one_side[INDEX["mouthPucker"]] == pytest.approx(rest[INDEX["mouthPucker"]] / 2, abs=1e-6)


def test_lips_that_a_smile_has_drawn_thin_are_fuller_without_it():
    smiles = found({"mouthSmile": 0.6}, gap=0.15)
    assert relaxing(smiles)["mouthPucker"] == pytest.approx(PLUMP * 0.57)
    how = acting(smiles, relaxed=True)
    kiss = np.array(NAMES)[None] == "mouthPucker"
    assert how.of(kiss.astype(np.float32))[0, INDEX["mouthPucker"]] == pytest.approx(1.0)  # no further than any other face


@pytest.mark.parametrize("gap", [0.025, 0.045, 0.08])
def test_lips_that_hardly_part_are_not_closed_by_becoming_fuller(gap):
    how = acting(found({"mouthSmile": 0.8}, gap=gap), relaxed=True)
    hardly = gap == 0.045
    assert (how.relaxed[INDEX["mouthPucker"]] > 0.2) != hardly
    assert (float(sealed(torch.from_numpy(how.relaxed)[None])) == 0) == hardly


@pytest.mark.parametrize("stem", [stem for stem in EASED if stem != "browOuterUp"])
def test_no_more_is_taken_back_than_looks_right(stem):
    _, most = EASED[stem]
    given = relaxing(found({stem: 1.0}))
    assert all(given[name] == pytest.approx(-most) for name in both_sides(stem))


def test_open_lips_are_closed_by_jaw_and_lips_and_closed_ones_are_not_pressed():
    closed = relaxing(found({}, gap=0.04))
    assert closed == {}
    bared = relaxing(found({}, gap=0.15))
    assert bared["jawOpen"] < -0.1
    assert bared[PRESS] > 0.1
    # Nothing else that is done closes the lips, so that they meet without going beyond each other.
    smiling = relaxing(found({"mouthSmile": 0.6}, gap=0.15))
    closing = {name.removesuffix("Left") for name, value in smiling.items() if value > 0} & builtin_muscles().seal.by.keys()
    assert closing == {"mouthPress"}
    # A jaw that is open comes up further.
    gaping = relaxing(found({"jawOpen": 0.8}, gap=0.24))
    assert gaping["jawOpen"] == pytest.approx(-0.5)
    assert gaping[PRESS] > 0.1


def test_an_upper_lip_that_has_come_down_can_be_raised_again():
    raised = found({"mouthUpperUp": 0.9}, gap=0.14)
    kept, relaxed = (acting(raised, relaxed=relaxed).left[INDEX["mouthUpperUpLeft"]] for relaxed in (False, True))
    assert kept == pytest.approx(1 - 0.75 * 0.9)
    table = builtin_muscles()
    lowered = table.seal.upper * 0.6 * 0.14  # lips close six tenths of the gap, the jaw the rest
    assert relaxed == pytest.approx(1 - 0.75 * (0.9 - lowered / cm(table.parts("mouthUpperUp")["up"])), abs=0.01)


def test_eyes_come_back_to_the_camera_as_far_as_that_is_sure():
    assert relaxing(found({}, gaze=3.0)) == {}
    assert relaxing(found({}, gaze=10.0))["eyeYawLeft"] == pytest.approx(-6.0)
    assert relaxing(found({}, gaze=-40.0))["eyeYawRight"] == pytest.approx(AVERTED)


def test_whatever_is_taken_back_is_a_channel_of_the_face():
    everything = dict.fromkeys(("mouthSmile", "jawOpen", "browDown", "browInnerUp", "eyeBlink", "eyeWide"), 1.0)
    given = relaxing(found(everything, gaze=30.0, gap=0.3))
    assert given.keys() <= CHANNELS.keys()
    assert not any(name.startswith("head") for name in given)
    assert all(abs(value) <= CHANNELS[name].high for name, value in given.items())


def test_only_what_keeps_motion_from_being_seen_is_hinted_at():
    assert hints(found({"mouthSmile": 0.3, "jawOpen": 0.3})) == ()
    (smiles,) = hints(found({"mouthSmile": 0.6}))
    assert "adds only 40% of itself; --neutral relaxes it first" in smiles
    (gapes,) = hints(found({"jawOpen": 0.6}))
    assert "--neutral closes it first" in gapes


def test_a_relaxed_smile_shows_its_teeth_no_more_and_opens_again(models, sample):
    nets = FaceNets(models.models())
    puppet = Puppet(nets)
    portrait = Portrait(rgb=sample, alpha=None, name="portrait.png", notes=(), digest="")
    rig = puppet.prepare(portrait, neutral=True)
    rest, laughs = np.zeros((2, len(NAMES)), np.float32)
    laughs[[INDEX["jawOpen"]]] = 0.7
    calm, laughing = (landmarks_in(frame, rig.face, nets) for frame in puppet.render(rig, np.stack([rest, laughs])))
    assert calm is not None
    assert laughing is not None
    before, after = neutral(rig.face), neutral(calm)
    assert before.gap > 0.12  # of this portrait's eyes' distance, as measured
    assert after.gap < 0.045  # which the mesh leaves between closed lips
    assert after.expression.get(SMILE, 0.0) < 0.25 * before.expression[SMILE]
    assert neutral(laughing).gap > 0.1
    assert rig.notes == ()


def test_a_rig_keeps_the_expression_unless_it_is_to_be_relaxed():
    picture, face, matte = drawn_portrait(62.0, 90.0, 90.0, 180, 210)
    kept, relaxed = (prepared(picture, face, matte, relaxed=relaxed) for relaxed in (False, True))
    assert not kept.acting.relaxed.any()
    assert relaxed.acting.relaxed[INDEX["eyeWideLeft"]] < 0  # as it is drawn, it stares
    assert kept.ranges == relaxed.ranges
