"""Running the small networks that look at a picture: a thin, strict wrapper of TensorFlow Lite interpreters.

Rules
- A network is opened with the shapes that its user expects; anything else is refused at once, not when it is first run.
- The number of threads is fixed, so the same picture gives the same numbers on one machine.
- Pictures are cut out with their pixels averaged when they shrink: aliasing would move what the networks find.
"""

from __future__ import annotations

import contextlib
import math
import os
import tempfile

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from numpy.typing import NDArray

from renderer.errors import RendererError

_SAMPLES = 4
"""The most samples along a pixel's side where a picture shrinks."""
THREADS = 2
"""Of one network. The networks are so small that more threads mostly wait for each other."""
MAX_BYTES = 64 * 1024 * 1024
"""The largest model file that is opened; the largest of ours has 2.6 MB."""


class ModelError(RendererError):
    """A model file is missing, damaged or not the one that it should be."""


class Network:
    """One opened network with a picture as its only input.

    Args:
        name: what the model is called; the key of `models`.
        models: where the model files are.
        side: pixels; the input is float32 [1, side, side, 3].
        outputs: the number of values in each output, all of them different, in the order in which `run` gives them.

    Raises:
        ModelError: the file is missing, damaged, or another network than the expected one.
    """

    def __init__(self, name: str, models: Mapping[str, Path], side: int, outputs: Sequence[int]) -> None:
        self.name = name
        self.side = side
        path = models.get(name)
        if path is None:
            raise ModelError(f"The face model {name} was not given. Name its file among the models.")
        self._path = path
        self._interpreter: Any = _opened(name, path)
        self._input = self._check_input()
        self._outputs = self._check_outputs(outputs)

    def run(self, picture: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
        """The outputs for a picture, float32 [side, side, 3] in the network's own range, each as a copy in its own shape.

        Raises:
            ModelError: the interpreter fails, or gives something that is no number.
        """
        try:
            self._interpreter.set_tensor(self._input, np.ascontiguousarray(picture[None], np.float32))
            self._interpreter.invoke()
            found = tuple(self._interpreter.get_tensor(index)[0].copy() for index in self._outputs)
        except (RuntimeError, ValueError) as error:
            raise self._wrong(f"it cannot be run ({_first_line(error)})") from error
        if not all(np.isfinite(values).all() for values in found):
            raise self._wrong("it gives results that are no numbers")
        return found

    def _check_input(self) -> int:
        details = self._interpreter.get_input_details()
        wanted = [1, self.side, self.side, 3]
        if len(details) != 1 or list(details[0]["shape"]) != wanted or details[0]["dtype"] is not np.float32:
            raise self._wrong(f"its input is not a float32 picture of {self.side} x {self.side} pixels")
        return int(details[0]["index"])

    def _check_outputs(self, sizes: Sequence[int]) -> tuple[int, ...]:
        details = self._interpreter.get_output_details()
        by_size = {math.prod(map(int, detail["shape"])): int(detail["index"]) for detail in details}
        floats = all(detail["dtype"] is np.float32 for detail in details)
        if sorted(by_size) != sorted(sizes) or len(details) != len(sizes) or not floats:
            raise self._wrong(f"its outputs do not have {' and '.join(map(str, sizes))} values")
        return tuple(by_size[size] for size in sizes)

    def _wrong(self, said: str) -> ModelError:
        return ModelError(
            f"{self._path} is not the face model {self.name}: {said}. Delete the file, so that the right one is fetched again."
        )


def _opened(name: str, path: Path) -> Any:
    from ai_edge_litert.interpreter import Interpreter  # noqa: PLC0415  # slow to load, and only needed for pictures

    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ModelError(
            f"The face model {name} cannot be read from {path} ({error.strerror or error}). Fetch the models again."
        ) from error
    if len(data) > MAX_BYTES or data[4:8] != b"TFL3":
        raise ModelError(f"{path} is damaged or no TensorFlow Lite model. Delete the file, so that {name} is fetched again.")
    try:
        with _without_chatter():
            interpreter = Interpreter(model_content=data, num_threads=THREADS)
            interpreter.allocate_tensors()
    except (RuntimeError, ValueError) as error:
        raise ModelError(
            f"{path} is damaged: {_first_line(error)}. Delete the file, so that {name} is fetched again."
        ) from error
    return interpreter


@contextlib.contextmanager
def _without_chatter() -> Iterator[None]:
    """Keep the interpreter's "INFO:" lines, which it writes to the process's standard error, from whoever reads that.

    Anything else that is written there meanwhile is passed on afterwards.
    """
    with tempfile.TemporaryFile() as kept:
        before = os.dup(2)
        try:
            os.dup2(kept.fileno(), 2)
            yield
        finally:
            os.dup2(before, 2)
            os.close(before)
            kept.seek(0)
            rest = b"".join(line for line in kept if not line.startswith(b"INFO:"))
            if rest:
                os.write(2, rest)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or ["no reason given"])[0][:120].rstrip(".")


@dataclass(frozen=True, slots=True)
class Square:
    """A square of a picture, perhaps turned and reaching beyond its border.

    Attributes:
        x, y: pixels; its centre.
        side: pixels.
        angle: radians; clockwise as the viewer sees it. The cut-out is the square turned back upright.
    """

    x: float
    y: float
    side: float
    angle: float = 0.0

    def to_picture(self, size: int) -> NDArray[np.float64]:
        """float64 [2, 3]: from pixels of the cut-out with `size` pixels a side to pixels of the picture."""
        scale = self.side / size
        cos, sin = math.cos(self.angle) * scale, math.sin(self.angle) * scale
        middle = (size - 1) / 2
        return np.array([[cos, -sin, self.x - middle * cos + middle * sin], [sin, cos, self.y - middle * sin - middle * cos]])

    def place(self, points: NDArray[Any], size: int) -> NDArray[np.float64]:
        """Points of the cut-out as points of the picture.

        Args:
            points: [n, 2 or 3], in pixels of the cut-out; a third coordinate, the depth, is only scaled.
            size: pixels a side of the cut-out.
        """
        matrix = self.to_picture(size)
        placed = np.array(points, np.float64)
        placed[:, :2] = placed[:, :2] @ matrix[:, :2].T + matrix[:, 2]
        placed[:, 2:] *= self.side / size
        return placed


def cut(picture: NDArray[np.uint8], square: Square, size: int) -> NDArray[np.float32]:
    """A square of a picture, upright and at another size.

    Args:
        picture: uint8 [height, width, 3].
        square: what to cut out; black where it reaches beyond the picture.
        size: pixels a side of the result.

    Returns:
        float32 [size, size, 3], 0..1.
    """
    shrink = square.side / size
    if shrink <= 1:
        return _warped(picture, square.to_picture(size), size).astype(np.float32) / np.float32(255)
    # Box filters twice: whole pixels of the picture first, which is quick, then the turned square at a few samples a pixel.
    part, origin, step = _shrunk_part(picture, square, max(1, int(shrink / 2)))
    times = min(math.ceil(shrink / step), _SAMPLES)
    matrix = square.to_picture(size * times)
    matrix[:, 2] = (matrix[:, 2] - origin + 0.5) / step - 0.5
    matrix[:, :2] /= step
    fine = _warped(part, matrix, size * times)
    # Averaged in float32: whole numbers would be rounded up at every tie, which brightens the picture.
    mean = cv2.resize(fine.astype(np.float32), (size, size), interpolation=cv2.INTER_AREA)
    return mean.astype(np.float32, copy=False) / np.float32(255)


def _shrunk_part(picture: NDArray[np.uint8], square: Square, step: int) -> tuple[NDArray[np.uint8], NDArray[np.float64], int]:
    """What a square touches of a picture, `step` times smaller; where that begins; and the step, 1 for a part too small."""
    reach = square.side / 2 * (abs(math.cos(square.angle)) + abs(math.sin(square.angle))) + step
    left, top = max(0, math.floor(square.x - reach)), max(0, math.floor(square.y - reach))
    part = picture[top : max(top, math.ceil(square.y + reach) + 1), left : max(left, math.ceil(square.x + reach) + 1)]
    rows, columns = part.shape[0] // step, part.shape[1] // step
    if step == 1 or rows == 0 or columns == 0:
        return picture, np.zeros(2), 1
    whole = part[: rows * step, : columns * step]
    small = cv2.resize(whole, (columns, rows), interpolation=cv2.INTER_AREA)
    return small.astype(np.uint8, copy=False), np.array([left, top], np.float64), step


def _warped(picture: NDArray[np.uint8], matrix: NDArray[np.float64], size: int) -> NDArray[np.uint8]:
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    warped = cv2.warpAffine(picture, matrix, (size, size), flags=flags, borderMode=cv2.BORDER_CONSTANT, borderValue=(0, 0, 0))
    return warped.astype(np.uint8, copy=False)
