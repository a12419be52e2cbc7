"""The sample portrait that the demo animates: head and shoulders out of a photograph by NASA in the public domain.

    python -m renderer.sample portrait.png

The photograph (Eileen Collins, 512 x 512 pixels) is fetched like the models; the same file gives the same picture.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import sys

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from numpy.typing import NDArray
from PIL import Image, ImageFilter

from renderer.errors import RendererError
from renderer.weights import Progress, Weights, WeightsError, open_weights

NAME = "sample_portrait"
"""The photograph's name in `configs/models.yaml`."""
BOX = (97, 0, 353, 320)
"""Left, top, right, bottom of what is shown, in pixels of the photograph: head in the middle, both shoulders, and neither the
flag on one side nor the model of the shuttle on the other. Chosen by eye."""
SCALE = 2
SHARPEN = ImageFilter.UnsharpMask(radius=1.6, percent=50, threshold=2)
"""After enlarging: gives eyes and hair back their edges, without a seam along the cheek. Chosen by eye."""


def sample_portrait(weights: Weights) -> NDArray[np.uint8]:
    """The sample portrait, fetched if it is not there yet.

    Returns:
        uint8 [640, 512, 3], RGB.

    Raises:
        WeightsError: it is not there and cannot be fetched.
    """
    path = weights.require(NAME)
    with Image.open(path) as photograph:
        size = (SCALE * (BOX[2] - BOX[0]), SCALE * (BOX[3] - BOX[1]))
        enlarged = photograph.convert("RGB").resize(size, Image.Resampling.LANCZOS, box=BOX)
    return np.array(enlarged.filter(SHARPEN))


def write_sample(path: Path, weights: Weights) -> None:
    """Write the sample portrait as PNG; the file appears only when it is complete.

    Raises:
        WeightsError: it is not there and cannot be fetched, or the file cannot be written.
    """
    stream = io.BytesIO()
    Image.fromarray(sample_portrait(weights)).save(stream, "PNG")
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(stream.getvalue())
        part.replace(path)
    except OSError as error:
        raise WeightsError(
            f"{path} cannot be written ({error.strerror or error}). Name a file in a folder that you may write to."
        ) from None
    finally:
        with contextlib.suppress(OSError):
            part.unlink()


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the sample portrait to the file that is named; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m renderer.sample", description="Write the sample portrait.")
    parser.add_argument("output", metavar="FILE", type=Path, help="PNG to write")
    options = parser.parse_args(arguments)
    try:
        write_sample(options.output, open_weights(on_progress=_announce))
    except RendererError as error:
        sys.stderr.write(f"{parser.prog}: {error}\n")
        return 1
    return 0


def _announce(progress: Progress) -> None:
    if progress.done == 0:
        sys.stderr.write(f"fetching {progress.requirement} ({progress.total / 1e6:.1f} MB)\n")


if __name__ == "__main__":
    sys.exit(main())
