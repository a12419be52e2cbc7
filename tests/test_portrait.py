"""Portraits: every ordinary picture file gives upright sRGB pixels and its matte; everything else is refused in a paragraph."""

from __future__ import annotations

import struct
import zlib

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageCms, features

from renderer import portrait
from renderer.errors import RendererError
from renderer.portrait import Portrait, PortraitError, read_portrait

Pixels = NDArray[np.uint8]


def _picture(width: int = 64, height: int = 48) -> Pixels:
    """Something smooth in which every direction and channel differs: uint8 [height, width, 3]."""
    down, right = np.mgrid[0:height, 0:width].astype(np.float64)
    planes = (200 * right / width + 20, 200 * down / height + 40, 60 + 100 * (right + down) / (width + height))
    return np.stack(planes, axis=-1).astype(np.uint8)


PICTURE = _picture()
HEIGHT, WIDTH = PICTURE.shape[:2]


@pytest.fixture
def read(tmp_path):
    """Save a picture and read it as a portrait."""

    def reading(
        picture: Image.Image | Pixels | bytes, name: str = "face.png", size: int | None = None, **options: Any
    ) -> Portrait:
        path = tmp_path / name
        if isinstance(picture, bytes):
            path.write_bytes(picture)
        else:
            (Image.fromarray(picture) if isinstance(picture, np.ndarray) else picture).save(path, **options)
        return read_portrait(path, size=size)

    return reading


def _encoded(picture: Image.Image, kind: str, **options: Any) -> bytes:
    stream = BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def _apart(one: Pixels, other: Pixels) -> int:
    """The largest difference of any two values."""
    return int(np.abs(one.astype(int) - other.astype(int)).max())


def test_a_picture_is_read_as_it_is(read):
    face = read(PICTURE)
    assert (face.rgb == PICTURE).all()
    assert face.rgb.dtype == np.uint8
    assert (face.alpha, face.name, face.notes) == (None, "face.png", ())
    assert not face.rgb.flags.writeable
    assert face.rgb.flags.c_contiguous


@pytest.mark.parametrize(
    ("name", "options", "apart"),
    [
        ("face.bmp", {}, 0),
        ("face.ppm", {}, 0),
        ("face.tiff", {}, 0),
        ("face.tiff", {"compression": "tiff_lzw"}, 0),
        ("face.webp", {"lossless": True}, 0),
        ("face.jpg", {"quality": 95, "subsampling": 0}, 4),
        ("face.jpg", {"quality": 95, "progressive": True}, 8),
        ("FACE.JPEG", {"quality": 95}, 8),
    ],
)
def test_ordinary_formats_are_read(read, name, options, apart):
    face = read(PICTURE, name, **options)
    assert _apart(face.rgb, PICTURE) <= apart
    assert (face.alpha, face.name, face.notes) == (None, name, ())


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow was built without AVIF")
def test_avif_is_read_where_pillow_can(read):
    assert _apart(read(PICTURE, "face.avif", quality=100, subsampling="4:4:4").rgb, PICTURE) <= 6


def test_the_name_of_a_file_does_not_matter(read):
    assert (read(_encoded(Image.fromarray(PICTURE), "PNG"), "face.jpg").rgb == PICTURE).all()


@pytest.mark.parametrize(("mode", "name"), [("L", "face.png"), ("1", "face.png"), ("P", "face.png"), ("P", "face.gif")])
def test_grey_and_palette_pictures_become_coloured(read, mode, name):
    image = Image.fromarray(PICTURE).convert(mode)
    face = read(image, name)
    assert (face.rgb == np.asarray(image.convert("RGB"))).all()
    assert face.alpha is None


@pytest.mark.parametrize("name", ["face.png", "face.tiff"])
@pytest.mark.parametrize("channels", [1, 3])
def test_sixteen_bits_become_eight(read, name, channels):
    deep = PICTURE[..., :channels].astype(np.uint16) * 257  # 255 becomes 65535
    done, data = cv2.imencode(Path(name).suffix, deep[..., ::-1])
    assert done
    expected = PICTURE if channels == 3 else np.repeat(PICTURE[..., :1], 3, axis=2)
    assert (read(data.tobytes(), name).rgb == expected).all()


def _tiff(bits: int, kind: int, white_is_zero: bool, values: NDArray[Any]) -> bytes:
    """An uncompressed grey TIFF (TIFF 6.0, section 2); `kind` is its SampleFormat."""
    data = values.tobytes()
    tags = [
        (256, 4, values.shape[1]),
        (257, 4, values.shape[0]),
        (258, 3, bits),
        (259, 3, 1),
        (262, 3, 0 if white_is_zero else 1),
        (273, 4, 8),
        (277, 3, 1),
        (278, 4, values.shape[0]),
        (279, 4, len(data)),
        (339, 3, kind),
    ]
    entries = b"".join(struct.pack("<HHII", tag, form, 1, value) for tag, form, value in tags)
    return struct.pack("<2sHI", b"II", 42, 8 + len(data)) + data + struct.pack("<H", len(tags)) + entries + bytes(4)


def test_a_tiff_whose_white_is_zero_is_no_negative(read):
    grey = PICTURE[..., 0].astype("<u2") * 257
    assert (read(_tiff(16, 1, True, 65535 - grey), "face.tiff").rgb[..., 0] == PICTURE[..., 0]).all()
    assert (read(_tiff(16, 1, False, grey), "face.tiff").rgb[..., 0] == PICTURE[..., 0]).all()


def test_numbers_whose_white_is_not_known_are_refused(read):
    with pytest.raises(PortraitError, match=r"floating-point numbers.*Save it as an 8-bit PNG"):
        read(_tiff(32, 3, False, PICTURE[..., 0].astype("<f4")), "face.tiff")
    with pytest.raises(PortraitError, match=r"pixels of 32 bits.*Save it as a PNG"):
        read(_tiff(32, 2, False, PICTURE[..., 0].astype("<i4") << 20), "face.tiff")


def _matte() -> Pixels:
    """A disc with a soft edge, uint8 [height, width]."""
    down, right = np.mgrid[0:HEIGHT, 0:WIDTH]
    return np.clip((18 - np.hypot(down - HEIGHT / 2, right - WIDTH / 2)) * 60, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("name", ["face.png", "face.webp", "face.tiff"])
def test_transparency_is_kept_as_the_matte(read, name):
    alpha = _matte()
    options = {"lossless": True, "exact": True} if name == "face.webp" else {}
    face = read(np.dstack([PICTURE, alpha]), name, **options)
    assert (face.alpha == alpha).all()
    assert (face.rgb[alpha > 0] == PICTURE[alpha > 0]).all()
    assert not face.alpha.flags.writeable


def test_colours_under_full_transparency_go_on_from_what_is_visible(read):
    alpha = _matte()
    magenta = np.where(alpha[..., None] == 0, np.array([255, 0, 255], np.uint8), np.array([40, 160, 90], np.uint8))
    face = read(np.dstack([magenta, alpha]))
    assert _apart(face.rgb, np.full_like(face.rgb, (40, 160, 90))) <= 2

    halves = np.where(np.arange(WIDTH)[None, :, None] < WIDTH // 2, (200, 30, 30), (30, 30, 200)).astype(np.uint8)
    face = read(np.dstack([np.broadcast_to(halves, PICTURE.shape), alpha]))
    assert face.rgb[HEIGHT // 2, 4, 0] > face.rgb[HEIGHT // 2, 4, 2]
    assert face.rgb[HEIGHT // 2, -4, 0] < face.rgb[HEIGHT // 2, -4, 2]


def test_grey_and_palette_transparency_is_read_too(read):
    alpha = Image.fromarray(_matte())
    grey = Image.fromarray(PICTURE).convert("L")
    assert (read(Image.merge("LA", (grey, alpha))).alpha == _matte()).all()
    palette = Image.fromarray(PICTURE).quantize(16)
    clear = np.asarray(palette) == 3
    face = read(palette, transparency=3)
    assert ((face.alpha == 0) == clear).all()
    face = read(palette, "face.gif", transparency=3)
    assert ((face.alpha == 0) == clear).all()


def test_a_colour_that_stands_for_transparent_is(read):
    flat = PICTURE.copy()
    flat[:10] = (1, 2, 3)
    face = read(flat, transparency=(1, 2, 3))
    assert (face.alpha[:10] == 0).all()
    assert (face.alpha[10:] == 255).all()


def test_an_opaque_alpha_channel_says_nothing(read):
    face = read(np.dstack([PICTURE, np.full((HEIGHT, WIDTH), 255, np.uint8)]))
    assert face.alpha is None
    assert face.digest == read(PICTURE).digest


def test_nobody_is_seen_in_a_transparent_picture(read):
    with pytest.raises(PortraitError, match="transparent everywhere"):
        read(np.dstack([PICTURE, np.zeros((HEIGHT, WIDTH), np.uint8)]))


# How the stored picture has to be turned to be upright (CIPA DC-008, tag 0x0112), and so how to store an upright one.
STORED: Mapping[int, Image.Transpose | None] = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,  # to be turned clockwise
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@pytest.mark.parametrize("name", ["face.png", "face.tiff", "face.webp", "face.jpg"])
@pytest.mark.parametrize("orientation", STORED)
def test_pictures_are_turned_upright(read, name, orientation):
    turn = STORED[orientation]
    image = Image.fromarray(PICTURE)
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if name == "face.webp" else {"quality": 95, "subsampling": 0} if name == "face.jpg" else {}
    face = read(image if turn is None else image.transpose(turn), name, exif=exif, **options)
    assert face.rgb.shape == PICTURE.shape
    assert _apart(face.rgb, PICTURE) <= (4 if name == "face.jpg" else 0)


def test_the_matte_is_turned_with_its_picture(read):
    exif = Image.Exif()
    exif[0x0112] = 6
    alpha = np.zeros((HEIGHT, WIDTH), np.uint8)
    alpha[:20, :30] = 255
    face = read(Image.fromarray(np.dstack([PICTURE, alpha])).transpose(Image.Transpose.ROTATE_90), exif=exif)
    assert (face.alpha == alpha).all()


@pytest.mark.parametrize("exif", [b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\x7f", b"Exif\0\0nonsense", bytes(200)])
def test_damaged_remarks_do_not_spoil_a_picture(read, exif):
    assert _apart(read(PICTURE, "face.jpg", quality=95, subsampling=0, exif=exif).rgb, PICTURE) <= 4


def _swapped_profile() -> bytes:
    """A profile of sRGB whose red is green and whose green is red."""
    data = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    places = {}
    for number in range(struct.unpack_from(">I", data, 128)[0]):
        tag, offset, length = struct.unpack_from(">4sII", data, 132 + 12 * number)
        places[tag] = slice(offset, offset + length)
    swapped = bytearray(data)
    swapped[places[b"rXYZ"]], swapped[places[b"gXYZ"]] = data[places[b"gXYZ"]], data[places[b"rXYZ"]]
    return bytes(swapped)


def _print_profile() -> bytes:
    """A profile of CMYK by a table of two steps per ink (ICC.1:2001-04, section 6.5.8): black ink alone darkens, cyan colours.

    Lightness 100 without black and 0 with it; the first ink moves a* from 0 to -64.
    """
    corners = [(0 if k else 255, 64 if c else 128, 128) for c in (0, 1) for _ in (0, 1) for _ in (0, 1) for k in (0, 1)]
    matrix = struct.pack(">9i", *(65536 if i % 4 == 0 else 0 for i in range(9)))
    straight = bytes(range(256))
    table = b"mft1" + bytes(4) + bytes((4, 3, 2, 0)) + matrix + straight * 4 + bytes(sum(corners, ())) + straight * 3
    table += bytes(-len(table) % 4)
    white = struct.pack(">4s4x3i", b"XYZ ", 63190, 65536, 54061)  # D50
    start = 128 + 4 + 2 * 12
    tags = struct.pack(">I4sII4sII", 2, b"A2B0", start, len(table), b"wtpt", start + len(table), len(white))
    head = struct.pack(">I4x4s4s4s4s", start + len(table) + len(white), b"\2\x10\0\0", b"prtr", b"CMYK", b"Lab ")
    head += struct.pack(">12x4s28x3i48x", b"acsp", 63190, 65536, 54061)
    return head + tags + table + white


def test_colours_are_converted_by_the_profile(read):
    profile = _swapped_profile()
    assert _apart(read(PICTURE, icc_profile=profile).rgb, PICTURE[..., [1, 0, 2]]) <= 2
    with_matte = read(np.dstack([PICTURE, np.maximum(_matte(), 9)]), icc_profile=profile)
    assert _apart(with_matte.rgb, PICTURE[..., [1, 0, 2]]) <= 2
    assert with_matte.notes == ()
    palette = Image.fromarray(PICTURE).quantize(64)
    assert _apart(read(palette, icc_profile=profile).rgb, np.asarray(palette.convert("RGB"))[..., [1, 0, 2]]) <= 2


def test_a_profile_of_srgb_changes_nothing(read):
    noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert (read(noise, icc_profile=profile).rgb == noise).all()


def test_a_profile_that_cannot_be_used_is_noted(read):
    face = read(PICTURE, icc_profile=b"nonsense")
    assert (face.rgb == PICTURE).all()
    assert face.notes == ("The picture's colour profile is damaged and is not used.",)
    face = read(PICTURE, icc_profile=_print_profile())
    assert (face.rgb == PICTURE).all()
    assert face.notes == ("The picture's colour profile does not fit its pixels and is not used.",)


def test_print_colours_are_converted_by_their_profile(read):
    inks = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
    inks[:, 16:32, 3] = 255
    inks[:, 32:48, 0] = 255
    face = read(Image.fromarray(inks, "CMYK"), "face.jpg", quality=100, icc_profile=_print_profile())
    assert face.notes == ()
    paper, black, cyan = face.rgb[20, 8], face.rgb[20, 24], face.rgb[20, 40]
    assert paper.min() > 250
    assert black.max() < 8
    assert cyan[0] < 180 < cyan[1]  # a* below 0 is green


def test_print_colours_without_a_profile_are_a_guess(read):
    face = read(Image.fromarray(PICTURE).convert("CMYK"), "face.jpg", quality=95)
    assert _apart(face.rgb, PICTURE) <= 10
    assert face.notes == ("The picture is made for print (CMYK) without a usable colour profile, so its colours are a guess.",)


def test_print_colours_stored_as_brightness_and_colour_are_read(read):
    """YCCK (Adobe Technical Note 5116): C, M, Y of the inks as if they were R, G, B, stored as Y, Cb, Cr, and K."""
    inks = 255 - PICTURE
    ycc = np.asarray(Image.fromarray(inks).convert("YCbCr"))
    stored = np.dstack([255 - ycc, np.zeros((HEIGHT, WIDTH), np.uint8)])
    data = bytearray(_encoded(Image.fromarray(stored, "CMYK"), "JPEG", quality=95))
    transform = data.index(b"Adobe") + 11
    assert data[transform] == 0
    data[transform] = 2
    face = read(bytes(data), "face.jpg")
    assert _apart(face.rgb, PICTURE) <= 10


@pytest.mark.parametrize(
    ("name", "options"), [("face.gif", {}), ("face.webp", {"lossless": True}), ("face.png", {}), ("face.tiff", {})]
)
def test_the_first_of_several_pictures_is_used(read, name, options):
    image = Image.fromarray(PICTURE).quantize(64).convert("RGB")
    face = read(image, name, save_all=True, append_images=[image.rotate(180)], **options)
    assert _apart(face.rgb, np.asarray(image)) <= 8  # a GIF's palette is made anew
    assert face.notes == ("The file holds several pictures; the first one is used.",)


def test_what_a_camera_stores_beside_its_picture_is_not_worth_a_note(read):
    image = Image.fromarray(PICTURE)
    face = read(_encoded(image, "MPO", save_all=True, append_images=[image], quality=95, subsampling=0), "face.jpg")
    assert _apart(face.rgb, PICTURE) <= 4
    assert face.notes == ()


@pytest.mark.parametrize(
    ("size", "shape"), [(64, (48, 64)), (128, (96, 128)), (50, (38, 50)), (63, (47, 63)), (None, (48, 64)), (43, (32, 43))]
)
def test_the_longer_side_gets_the_size_that_is_asked_for(read, size, shape):
    face = read(np.dstack([PICTURE, np.maximum(_matte(), 1)]), size=size)
    assert face.rgb.shape == (*shape, 3)
    assert face.alpha.shape == shape
    # The picture is smooth: wherever it is looked at, it shows the same.
    assert _apart(face.rgb[:: shape[0] - 1, :: shape[1] - 1], PICTURE[:: HEIGHT - 1, :: WIDTH - 1]) <= 6


def test_fine_detail_is_averaged_when_a_picture_shrinks(read):
    checks = np.indices((400, 400)).sum(axis=0) % 2 * 255
    face = read(np.repeat(checks[..., None].astype(np.uint8), 3, axis=2), size=40)
    assert _apart(face.rgb[4:-4, 4:-4], np.full((32, 32, 3), 127, np.uint8)) <= 3


def test_a_size_that_no_portrait_can_have_is_refused(read):
    for size in (-5, 0, 31, 41, 10**9):
        with pytest.raises(PortraitError, match="Ask for a size"):
            read(PICTURE, size=size)


def test_the_digest_is_that_of_the_picture_not_of_the_file(read):
    face = read(PICTURE)
    assert len(face.digest) == 64
    assert face.digest == read(PICTURE, "face.bmp").digest == read(PICTURE, compress_level=0).digest
    others = [
        read(_picture(48, 64)),
        read(PICTURE.reshape(64, 48, 3)),
        read(np.dstack([PICTURE, _matte()])),
        read(PICTURE, size=65),
        read(np.where(np.indices(PICTURE.shape).sum(axis=0) == 0, PICTURE + 1, PICTURE).astype(np.uint8)),
    ]
    assert len({face.digest, *(other.digest for other in others)}) == 6


@pytest.mark.parametrize(("width", "height"), [(1, 1), (31, 400), (400, 31)])
def test_what_is_too_small_for_a_face_is_refused(read, width, height):
    with pytest.raises(PortraitError, match=f"only {width} x {height} pixels.*Give a larger picture"):
        read(_picture(width, height))
    assert read(_picture(32, 32)).rgb.shape == (32, 32, 3)


def _png_of(width: int, height: int) -> bytes:
    """The header of a PNG of that size, and no pixels."""
    data = bytearray(_encoded(Image.new("L", (1, 1)), "PNG"))
    data[16:24] = struct.pack(">II", width, height)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    return bytes(data)


@pytest.mark.parametrize(
    ("width", "height", "said"),
    [
        (20_000, 20_000, "has 400 megapixels and the limit is 60. Crop"),
        (10_000, 9_500, "10,000 x 9,500 = 95 megapixels and the limit is 60"),
        (7_746, 7_746, "60 megapixels"),
        (2**31 - 1, 2**31 - 1, "megapixels and the limit is 60"),
        (33_000, 100, "33,000 x 100 pixels and no side may have more than 32,000"),
    ],
)
def test_what_is_too_large_is_refused_from_its_header(read, width, height, said):
    with pytest.raises(PortraitError, match=said):
        read(_png_of(width, height))


def test_pictures_up_to_the_bound_are_read_in_full(read, monkeypatch):
    monkeypatch.setattr(portrait, "MAX_PIXELS", WIDTH * HEIGHT)
    assert read(PICTURE).rgb.shape == PICTURE.shape
    with pytest.raises(PortraitError, match="megapixels"):
        read(_picture(WIDTH, HEIGHT + 1))


@pytest.mark.parametrize("share", [0.1, 0.3, 0.6, 0.9])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "PPM"])
def test_a_picture_that_is_cut_off_is_refused(read, kind, share):
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    data = _encoded(noise, kind)
    with pytest.raises(PortraitError, match=r"is damaged or cut off|it is none, it is damaged"):
        read(data[: int(len(data) * share)])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"%PDF-1.7\n%...", "is a PDF document, which is not read"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n%%EndComments\nquit\n", "is a PostScript drawing"),
        (b"\xc5\xd0\xd3\xc6" + bytes(40), "is a PostScript drawing"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "is an SVG drawing"),
        (b'\xef\xbb\xbf<?xml version="1.0"?>\n<!-- drawn -->\n<svg/>', "is an SVG drawing"),
        (b"\0\0\0\x18ftypheic" + bytes(40), "is a HEIC picture"),
        (b"\0\0\0\x18ftypisom" + bytes(40), "is a video"),
        (b"\x1a\x45\xdf\xa3" + bytes(40), "is a video"),
        (b"8BPS\0\1" + bytes(40), "is a Photoshop document"),
        (b"<!DOCTYPE html><html>", "is a web page"),
        (b"She smiles.", "cannot be read as a picture"),
        (bytes(100), "cannot be read as a picture"),
    ],
)
def test_what_is_no_picture_is_refused_by_name(read, content, said):
    with pytest.raises(PortraitError, match=f"{said}.*Give a PNG, JPEG"):
        read(content)


def test_no_other_program_is_started_for_a_drawing(read, monkeypatch):
    started = []
    monkeypatch.setattr("subprocess.Popen", lambda *words, **options: started.append(words))
    with pytest.raises(PortraitError, match="PostScript"):
        read(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n%%EndComments\n", "face.eps")
    assert started == []


def test_what_is_no_file_is_refused(tmp_path):
    (tmp_path / "empty.png").touch()
    with (tmp_path / "large.png").open("wb") as stream:
        stream.truncate(256 * 2**20 + 1)  # takes no room on the disk
    for name, said in {
        "none.png": "does not exist",
        "empty.png": "is empty",
        "large.png": "limit is 256 MiB",
        ".": "is a folder",
    }.items():
        with pytest.raises(PortraitError, match=said):
            read_portrait(tmp_path / name)
    assert issubclass(PortraitError, RendererError)


ENCODED = [_encoded(Image.fromarray(PICTURE), kind) for kind in ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "PPM")]


@given(st.sampled_from(ENCODED), st.floats(0, 1), st.binary(min_size=1, max_size=8))
def test_damage_is_read_or_refused_but_nothing_else(tmp_path_factory, data, place, damage):
    path = tmp_path_factory.getbasetemp() / "damaged.png"
    # Most of what can go wrong goes wrong in the header.
    at = int(place**3 * len(data))
    path.write_bytes(data[:at] + damage + data[at + len(damage) :])
    try:
        face = read_portrait(path)
    except PortraitError as error:
        assert str(path) in str(error)  # noqa: PT017 - either way is fine
    else:
        assert face.rgb.shape[2] == 3
