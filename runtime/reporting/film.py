"""The video of a take as a part of the page: as it is where browsers can play it, or else a small copy."""

from __future__ import annotations

import base64

from dataclasses import dataclass, replace
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import av

from renderer.video_files import Numbered, explained
from renderer.video_reading import FOLDER_NAMES, VideoInfo, probe, read_frames

MAX_BYTES = 30_000_000
"""Of a video that is embedded as it is; larger ones are copied at a smaller size."""
MAX_FRAMES = 15_000
"""Of a video that is copied: ten minutes at 25 frames per second, which takes minutes itself."""
COPY_SIDE = 640
"""Pixels of a copy's longer side at most."""
ENDINGS = (".mp4", ".webm", ".mov", ".mkv", ".gif")
"""Of videos that may lie beside a take."""
_PLAYABLE = {(".mp4", "h264", "yuv420p"): "video/mp4", (".webm", "vp9", "yuv420p"): "video/webm"}
"""What every browser plays, by ending, codec and planes."""
_COPY = {"crf": "27", "preset": "veryfast", "g": "12"}
"""Options of x264. A key frame every half second makes stepping quick, backwards too."""


@dataclass(frozen=True, slots=True)
class Film:
    """A video, embedded.

    Attributes:
        source: data URI; empty if it is not embedded.
        name: of the file.
        fps: frames per second.
        frames: how many.
        width: pixels, of what is embedded.
        height: the same.
        take: that it says it was made of; empty if it does not say.
        note: what the reader should know of it; empty if it is the video itself.
    """

    source: str
    name: str
    fps: Fraction
    frames: int
    width: int
    height: int
    take: str = ""
    note: str = ""


def video_beside(folder: Path, recorded: str) -> Path | None:
    """The video of a take by its `.take` folder, where it lies beside that; None if there is none.

    Args:
        folder: of the take.
        recorded: what the take's record calls its output. Its ending counts and nothing else: a record may come from
            anywhere, and is not to have any file of this machine put into a page.
    """
    endings = dict.fromkeys([Path(recorded).suffix.lower(), *ENDINGS])
    for path in [folder.with_suffix(ending) for ending in endings if ending in ENDINGS]:
        if path.is_file():
            return path
    pictures = (folder.with_suffix(""), folder.with_suffix(".png"))  # in a folder, or numbered by a pattern
    return next((path for path in pictures if _first_of(path).is_file()), None)


def _first_of(path: Path) -> Path:
    """The first picture of a folder or a pattern of them."""
    pattern = Numbered.parse(path.name)
    return path.with_name(pattern.name(0)) if pattern else path / FOLDER_NAMES.name(0)


def film_of(path: Path, fps: Fraction) -> Film:
    """A video, a GIF or a row of pictures as a part of the page.

    Args:
        path: of it.
        fps: frames per second where it does not say itself.

    Raises:
        VideoError: it cannot be read.
    """
    info = probe(path)
    kind = _PLAYABLE.get((path.suffix.lower(), info.codec, info.pixels))
    whole = Film("", path.name, info.fps or fps, info.frames, info.width, info.height, info.metadata.get("take", ""))
    if not path.is_file():
        why = f"{path.name} is a row of pictures"
    elif kind is None:
        why = f"browsers may not play {path.name} ({info.codec}, {info.pixels})"
    elif path.stat().st_size > MAX_BYTES:
        why = f"{path.name} has {path.stat().st_size / 1e6:.0f} MB"
    else:
        return replace(whole, source=_uri(kind, path.read_bytes()))
    if info.frames <= MAX_FRAMES:
        copy, width, height = _copied(path, info, whole.fps)
        if len(copy) <= MAX_BYTES:
            note = f"A smaller copy, {width} x {height} pixels with all {info.frames} frames: {why}."
            return replace(whole, source=_uri("video/mp4", copy), width=width, height=height, note=note)
    return replace(whole, note=f"The video is not in this page: {why}. Open it in a player beside the page.")


def _uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _copied(path: Path, info: VideoInfo, fps: Fraction) -> tuple[bytes, int, int]:
    """A video in H.264, frame by frame, no larger than `COPY_SIDE`; its bytes, width and height."""
    scale = min(1.0, COPY_SIDE / max(info.width, info.height))
    width, height = (max(2, round(side * scale / 2) * 2) for side in (info.width, info.height))
    target = BytesIO()
    with explained(path, "copied"), av.open(target, "w", format="mp4") as container:
        stream: av.VideoStream = container.add_stream("libx264", rate=fps, options=dict(_COPY))
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for picture in read_frames(path):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(width, height, "yuv420p")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return target.getvalue(), width, height
