"""Reading a portrait: any ordinary picture file in, upright sRGB pixels and what is known about transparency out.

Rules
- Nothing is decoded before its size is known from the header, and only formats that Pillow decodes by itself are opened:
  PostScript, PDF and drawings would need programs that run code from the file.
- Full resolution in, full resolution out; only a size that is asked for changes it.
- What was decided on the way is said in `notes`; what cannot be read is refused in one paragraph that says what to do.
"""

from __future__ import annotations

import hashlib
import io
import re
import warnings

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np

from numpy.typing import NDArray
from PIL import Image, ImageCms, UnidentifiedImageError

from renderer.errors import RendererError
from renderer.inputs import open_input

MAX_BYTES = 256 * 1024 * 1024
MAX_PIXELS = 60_000_000
"""More than the pictures of nearly all cameras; decoding that many takes about a gigabyte of memory."""
MAX_SIDE = 32_000
"""OpenCV warps pictures with coordinates of 16 bits, so no side may have 32,767 pixels or more."""
MIN_SIDE = 32
"""Of the shorter side: a face cannot be found in less."""
FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "PPM", "AVIF")
"""What is opened, AVIF only where Pillow was built with it."""

_ASKED = "Give a PNG, JPEG, WebP, TIFF, BMP, GIF, PPM or AVIF picture"
_FILL_SIDE = 1024
"""Pixels of the longer side at which colours are made up for what is fully transparent; the matte hides all detail there."""
_FAINT = 0.02
"""Coverage below which a transparent pixel's colour is too coarsely known (8 bits) to spread."""
_DEEP = frozenset({"I;16", "I;16L", "I;16B", "I;16N", "I"})
"""Pillow's modes of more than 8 bits per pixel; deeper colour it brings down to 8 bits by itself."""
_SUBJECTS = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK", "Lab": "LAB"}
"""Pillow's mode for the colour space that a profile describes."""
_FOREIGN = (
    (re.compile(rb"%PDF-"), "a PDF document"),
    (re.compile(rb"%!|\xc5\xd0\xd3\xc6"), "a PostScript drawing"),
    (re.compile(rb"(?s)(\xef\xbb\xbf)?\s*<(svg|(\?xml|!DOCTYPE|!--).*<svg)"), "an SVG drawing"),
    (re.compile(rb"(?s)....ftyp(hei|hev|mif1|msf1)"), "a HEIC picture"),
    (re.compile(rb"(?s)....ftyp(?!avi[fs])|\x1a\x45\xdf\xa3|RIFF....AVI "), "a video"),
    (re.compile(rb"8BPS"), "a Photoshop document"),
    (re.compile(rb"(?is)(\xef\xbb\xbf)?\s*<(!doctype )?html"), "a web page"),
)
"""First bytes of what is often mistaken for a picture, and what it is."""


class PortraitError(RendererError):
    """A portrait cannot be used."""


@dataclass(frozen=True, slots=True, eq=False)
class Portrait:
    """A decoded portrait; its arrays cannot be written to.

    Attributes:
        rgb: uint8 [height, width, 3], sRGB, upright. Where the picture is fully transparent, colours that go on smoothly from
            what is visible.
        alpha: uint8 [height, width], 255 opaque; None if the picture has no transparency.
        name: of the file, without its folder.
        notes: what its user should know about how it was read, each a sentence.
        digest: SHA-256 of the pixels and the size of the picture, hexadecimal. Another file with the same picture has the same.
    """

    rgb: NDArray[np.uint8]
    alpha: NDArray[np.uint8] | None
    name: str
    notes: tuple[str, ...]
    digest: str


def read_portrait(path: Path, *, size: int | None = None) -> Portrait:
    """Read a portrait.

    Args:
        path: of a PNG, JPEG, WebP, TIFF, BMP, GIF, PPM or AVIF picture.
        size: pixels that the longer side is to have, by Lanczos' filter (Pillow's, wide enough to average when it shrinks);
            None leaves the picture as large as it is.

    Raises:
        PortraitError: the file is missing, no picture, damaged, cut off, too large, too small or wholly transparent.
    """
    with open_input(path, "a portrait", most=MAX_BYTES, refused=PortraitError) as stream, warnings.catch_warnings():
        # Pillow warns of many harmless oddities in a file; what matters is checked here or raised by it.
        warnings.simplefilter("ignore")
        image = _recognised(path, stream)
        _check_size(path, *image.size)
        notes: list[str] = []
        rgb, alpha = _pixels(path, image, notes)
    if alpha is not None:
        if not alpha.any():
            raise PortraitError(
                f"{path} is transparent everywhere, so there is nobody to see. Save it with its picture visible."
            )
        alpha = None if alpha.min() == 255 else alpha
    if alpha is not None:
        rgb = _filled(rgb, alpha)
    if size is not None:
        rgb, alpha = _resized(path, rgb, alpha, size)
    rgb.setflags(write=False)
    if alpha is not None:
        alpha.setflags(write=False)
    return Portrait(rgb, alpha, path.name, tuple(notes), _digest(rgb, alpha))


def _recognised(path: Path, stream: BinaryIO) -> Image.Image:
    """The picture with its header read, nothing decoded."""
    head = stream.read(4096)
    stream.seek(0)
    Image.init()
    try:
        return Image.open(stream, formats=[name for name in FORMATS if name in Image.OPEN])
    except Image.DecompressionBombError as error:
        counted = re.search(r"\((\d+) pixels\)", str(error))
        raise _too_many(path, f"{int(counted[1]) / 1e6:,.0f}" if counted else "too many") from None
    except UnidentifiedImageError:
        kind = next((kind for signature, kind in _FOREIGN if signature.match(head)), None)
        if kind:
            raise PortraitError(f"{path} is {kind}, which is not read as a portrait. {_ASKED} made from it.") from None
        raise PortraitError(
            f"{path} cannot be read as a picture: it is none, it is damaged, or its kind of pixels is not known here. {_ASKED}."
        ) from None
    except MemoryError:
        raise
    except Exception as error:  # decoders of other people's files raise all sorts of things
        raise _damaged(path, error) from error


def _check_size(path: Path, width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise _too_many(path, f"{width:,} x {height:,} = {width * height / 1e6:,.0f}")
    if max(width, height) > MAX_SIDE:
        raise PortraitError(
            f"{path} is {width:,} x {height:,} pixels and no side may have more than {MAX_SIDE:,}. "
            "Crop it to the head and shoulders."
        )
    if min(width, height) < MIN_SIDE:
        raise PortraitError(
            f"{path} is only {width} x {height} pixels; a face needs at least {MIN_SIDE} each way, and 512 to look good. "
            "Give a larger picture."
        )


def _too_many(path: Path, count: str) -> PortraitError:
    return PortraitError(
        f"{path} has {count} megapixels and the limit is {MAX_PIXELS // 10**6}. "
        "Crop it to the head and shoulders or make it smaller."
    )


def _damaged(path: Path, error: Exception) -> PortraitError:
    said = " ".join(str(error).split())[:200] or type(error).__name__
    return PortraitError(
        f"{path} is damaged or cut off ({said}). Get it again, or open it in another program and save it anew."
    )


def _pixels(path: Path, image: Image.Image, notes: list[str]) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    """Decode: uint8 [height, width, 3] upright and in sRGB, and the alpha channel if there is one."""
    try:
        if image.format != "MPO" and getattr(
            image, "is_animated", False
        ):  # a camera's MPO holds one picture and its by-products
            notes.append("The file holds several pictures; the first one is used.")
        image.load()
        turned = _orientation(image, notes)
        image, alpha = _without_alpha(path, image)
        image = _in_srgb(image, notes)
    except (PortraitError, MemoryError):
        raise
    except Exception as error:  # decoders of other people's files raise all sorts of things
        raise _damaged(path, error) from error
    rgb = _upright(np.asarray(image, np.uint8), turned)
    return rgb, None if alpha is None else _upright(np.asarray(alpha, np.uint8), turned)


def _orientation(image: Image.Image, notes: list[str]) -> int:
    try:
        return int(image.getexif().get(0x0112, 1))
    except Exception:  # noqa: BLE001 - a picture with damaged remarks is still a picture
        notes.append("What the file says about its orientation is damaged; the picture is used as it is stored.")
        return 1


def _upright(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Undo an orientation, 1 to 8 as in the EXIF standard (CIPA DC-008, tag 0x0112); anything else is taken for 1."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.array(pixels, order="C")


def _without_alpha(path: Path, image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """The picture with 8 bits per channel and no alpha, and its alpha."""
    if image.mode in _DEEP:
        return _in_eight_bits(path, image), None
    if image.mode == "F":
        raise PortraitError(
            f"{path} has pixels that are floating-point numbers, whose white is not known. Save it as an 8-bit PNG."
        )
    if image.mode in ("La", "RGBa"):
        image = image.convert({"La": "LA", "RGBa": "RGBA"}[image.mode])
    if not image.has_transparency_data:
        return image, None
    colours = image.convert("RGBA")
    return colours.convert("RGB"), colours.getchannel("A")


def _in_eight_bits(path: Path, image: Image.Image) -> Image.Image:
    values = np.asarray(image).astype(np.int32)
    if values.min() < 0 or values.max() > 65535:
        raise PortraitError(f"{path} has pixels of 32 bits, whose white is not known. Save it as a PNG of 8 or 16 bits.")
    tags = getattr(image, "tag_v2", {})
    if tags.get(262) == 0:  # TIFF's "white is zero", which Pillow does not undo at this depth
        values = 65535 - values
    eight = Image.fromarray(((values + 128) // 257).astype(np.uint8))
    if profile := image.info.get("icc_profile"):
        eight.info["icc_profile"] = profile
    return eight


def _in_srgb(image: Image.Image, notes: list[str]) -> Image.Image:
    """The picture in sRGB, by its colour profile where it has one that fits."""
    try:
        source = _profile(image)
        if source is not None:
            profile, mode = source
            # Grey and palette pictures may carry a profile of RGB.
            seen = image.convert("RGB") if mode == "RGB" and image.mode in ("1", "L", "P") else image
            if mode == seen.mode:
                return _transformed(seen, profile)
            notes.append("The picture's colour profile does not fit its pixels and is not used.")
    except ImageCms.PyCMSError:
        notes.append("The picture's colour profile is damaged and is not used.")
    if image.mode == "CMYK":
        notes.append("The picture is made for print (CMYK) without a usable colour profile, so its colours are a guess.")
    return image.convert("RGB")


def _profile(image: Image.Image) -> tuple[ImageCms.ImageCmsProfile, str] | None:
    """A picture's colour profile, and Pillow's mode for the colours that it describes."""
    if image.mode == "LAB":
        return ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")), "LAB"
    given = image.info.get("icc_profile")
    if not given:
        return None
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(given))
    except (OSError, TypeError, ValueError) as error:
        raise ImageCms.PyCMSError(error) from error
    return profile, _SUBJECTS.get(profile.profile.xcolor_space.strip(), "")


def _transformed(image: Image.Image, profile: ImageCms.ImageCmsProfile) -> Image.Image:
    """Convert to sRGB: relative colorimetric with black point compensation, as most programs show pictures.

    A profile that amounts to sRGB changes nothing: rounding twice would, by one step here and there.
    """
    transform = ImageCms.buildTransform(
        profile,
        ImageCms.createProfile("sRGB"),
        image.mode,
        "RGB",
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    if image.mode == "RGB":
        steps = np.linspace(0, 255, 17).round().astype(np.uint8)
        cube = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(17, -1, 3)
        seen = np.asarray(ImageCms.applyTransform(Image.fromarray(cube), transform), np.int16)
        if np.abs(seen - cube).max() <= 1:
            return image
    converted = ImageCms.applyTransform(image, transform)
    assert converted is not None  # it is only when it works in place
    return converted


def _filled(rgb: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Replace what is stored where a picture is fully transparent, which may be anything, by a smooth going on of its colours.

    A pyramid of means over what is visible, each level filling the gaps of the finer one (Gortler et al., "The Lumigraph",
    1996, section 3.4: pull-push).
    """
    height, width = alpha.shape
    scale = min(1.0, _FILL_SIDE / max(height, width))
    small = (max(1, round(width * scale)), max(1, round(height * scale)))
    over_black = cv2.multiply(rgb, cv2.merge([alpha] * 3), scale=1 / 255)
    level: NDArray[np.float32] = np.empty((*small[::-1], 4), np.float32)  # colours over black, and the share that is covered
    level[..., :3] = cv2.resize(over_black, small, interpolation=cv2.INTER_AREA)
    level[..., 3] = cv2.resize(alpha, small, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    level[level[..., 3] < _FAINT] = 0
    levels = [level]
    while min(level.shape[:2]) > 1:
        half = ((level.shape[1] + 1) // 2, (level.shape[0] + 1) // 2)
        level = cv2.resize(level, half, interpolation=cv2.INTER_AREA).astype(np.float32)
        levels.append(level)
    # A single row or column is left; its mean is what is furthest from everything visible.
    mean = level.mean(axis=(0, 1))
    filled = np.full((1, 1, 3), mean[:3] / max(float(mean[3]), 1e-6), np.float32)
    for level in reversed(levels):
        spread = cv2.resize(filled, level.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        filled = level[..., :3] + (1 - level[..., 3:]) * spread
    hidden = alpha == 0
    whole = cv2.resize(np.clip(np.rint(filled), 0, 255).astype(np.uint8), (width, height), interpolation=cv2.INTER_LINEAR)
    return np.where(hidden[..., None], whole, rgb)


def _resized(
    path: Path, rgb: NDArray[np.uint8], alpha: NDArray[np.uint8] | None, size: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    height, width = rgb.shape[:2]
    longer = max(height, width)
    wanted = (max(1, (2 * width * size + longer) // (2 * longer)), max(1, (2 * height * size + longer) // (2 * longer)))
    if min(wanted) < MIN_SIDE or max(wanted) > MAX_SIDE or wanted[0] * wanted[1] > MAX_PIXELS:
        raise PortraitError(
            f"A longer side of {size:,} pixels makes {path} {wanted[0]:,} x {wanted[1]:,} pixels. "
            f"Ask for a size that leaves at least {MIN_SIDE} pixels each way and at most {MAX_PIXELS // 10**6} megapixels."
        )
    if wanted == (width, height):
        return rgb, alpha

    def resized(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        # A picture that shrinks much is averaged first; at three times the size that makes no visible difference.
        return np.array(Image.fromarray(pixels).resize(wanted, Image.Resampling.LANCZOS, reducing_gap=3.0))

    return resized(rgb), None if alpha is None else resized(alpha)


def _digest(rgb: NDArray[np.uint8], alpha: NDArray[np.uint8] | None) -> str:
    height, width = rgb.shape[:2]
    digest = hashlib.sha256(f"{width}x{height} {'RGB' if alpha is None else 'RGBA'}\n".encode())
    digest.update(np.ascontiguousarray(rgb).data)
    if alpha is not None:
        digest.update(np.ascontiguousarray(alpha).data)
    return digest.hexdigest()
