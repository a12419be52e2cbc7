"""The table of the mesh: what is symmetric on a face is symmetric in it, and whoever changes it is told what is wrong."""

import pytest

from configs.loading import ConfigError, builtin, parse_yaml_model, read_text
from configs.mesh import POINTS, MeshTable, builtin_mesh, load_mesh


@pytest.fixture(scope="module")
def text() -> str:
    return read_text(builtin("mesh.yaml"))


def test_mirroring_twice_gives_every_point_back():
    mirrored = load_mesh().mirrored
    assert len(mirrored) == POINTS
    assert all(mirrored[mirrored[point]] == point for point in range(POINTS))


def test_the_middle_line_mirrors_itself_and_nothing_else_does():
    table = builtin_mesh()
    assert {point for point, other in enumerate(table.mirrored) if other == point} == set(table.midline)
    # Forehead, between the eyes, tip of the nose, both lips, chin.
    assert {10, 168, 4, 0, 13, 14, 17, 152} <= set(table.midline)


def test_pairs_name_the_subjects_right_first():
    # Outer corners of the eyes, corners of the mouth, inner ends of the brows, wings of the nose.
    assert {(33, 263), (61, 291), (55, 285), (129, 358)} <= set(builtin_mesh().pairs)


def test_the_lips_rings_go_from_corner_to_corner_point_for_point():
    rings = builtin_mesh().rings
    lips = (rings.lips_outer, rings.lips_semi_outer, rings.lips_semi_inner, rings.lips_inner)
    assert all(len(ring) == 20 for ring in lips)
    assert [ring[0] for ring in lips] == [61, 76, 62, 78]
    assert [ring[10] for ring in lips] == [291, 306, 292, 308]
    # The middle of the lower lip, then of the upper one.
    assert [ring[5] for ring in lips] == [17, 16, 15, 14]
    assert [ring[15] for ring in lips] == [0, 11, 12, 13]


@pytest.mark.parametrize(
    ("written", "instead", "said"),
    [
        ("[0, 1, 2, 4,", "[0, 1, 2,", "4 is missing"),
        ("[3, 248],", "[3, 3],", "3 is there twice"),
        ("[3, 248],", "[3, 468],", "468"),
        ("[46, 53, 52, 65, 55]", "[53, 46, 52, 65, 55]", "go around in different ways"),
        ("[61, 146, 91,", "[61, 61, 91,", "a point is there twice"),
        ("[61, 146, 91,", "[61, 91,", "does not mirror"),
        ("- [33, 0.0587]", "- [33, 0.06]", "weighs the same"),
        ("- [33, -4.446, -2.664, -3.173]", "- [33, -4.446, -2.664, -3.2]", "lies on the other side"),
    ],
)
def test_a_table_that_is_not_symmetric_or_not_whole_is_refused(text, written, instead, said):
    assert written in text
    with pytest.raises(ConfigError, match=said):
        parse_yaml_model(text.replace(written, instead, 1), "mesh.yaml", MeshTable)
