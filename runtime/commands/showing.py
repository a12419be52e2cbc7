"""What `animate` and `render` have in common: a portrait is prepared, a motion is filmed, and that is told."""

from __future__ import annotations

import sys
import time

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from importlib import metadata
from pathlib import Path
from typing import Any

from renderer.errors import RendererError
from renderer.motions import Samples
from renderer.video import picture_size
from renderer.weights import Progress as Download
from runtime.commands.models import Meter
from runtime.filming import Shot, Stage, captions, film, fitted, metadata_of, set_stage
from runtime.options import FilmOptions
from runtime.outputs import TakeFiles, write_record
from runtime.progress import Progress
from runtime.take_error import TakeError
from runtime.takes import beats_of, record_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A motion that is to be filmed.

    Attributes:
        samples: float32 [frames, channels] at `fps`.
        fps: frames per second.
        direction: the words that it came from; empty if it came from none.
        seed: of its take.
        folder: of its take; None if that is not known.
    """

    samples: Samples
    fps: Fraction
    direction: str
    seed: int
    folder: Path | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Filmed:
    """A video that is there.

    Attributes:
        output: as the user named it.
        frames: how many.
        size: width and height of its frames, pixels.
        fps: frames per second.
        seconds: that it took to render and write.
        sheet: its contact sheet.
        warnings: what the user was told about.
    """

    output: str
    frames: int
    size: tuple[int, int]
    fps: Fraction
    seconds: float
    sheet: Path | None
    warnings: tuple[str, ...]

    def as_text(self) -> list[str]:
        """For people."""
        width, height = self.size
        rate = f"{float(self.fps):.5g}"
        frames = "1 frame" if self.frames == 1 else f"{self.frames} frames"
        said = (
            f"{self.output}: {float(self.frames / self.fps):.2f} s, {frames} of {width} x {height} pixels at {rate} per "
            f"second, rendered in {self.seconds:.1f} s"
        )
        return [said, f"{self.sheet}: contact sheet"] if self.sheet else [said]

    def as_data(self) -> dict[str, Any]:
        """For programs."""
        return {
            "output": self.output,
            "frames": self.frames,
            "fps": str(self.fps),
            "width": self.size[0],
            "height": self.size[1],
            "rendered_in": round(self.seconds, 4),
            "sheet": None if self.sheet is None else str(self.sheet),
            "warnings": list(self.warnings),
        }


class Showing:
    """One portrait being filmed, with everything said about it on the way.

    Args:
        options: how it is to be made visible.
        progress: to say it with.
        stopped: asked between chunks; a reason ends the work.
    """

    def __init__(self, options: FilmOptions, progress: Progress, stopped: Callable[[], str | None]) -> None:
        self._options = options
        self._progress = progress
        self._stopped = stopped
        self._warnings: list[str] = []

    def warn(self, *lines: str) -> None:
        """Warn the user, at once."""
        for line in lines:
            text = line.rstrip(".")
            self._warnings.append(text)
            self._progress.say(f"warning: {text}")

    def prepare(self) -> Stage:
        """Read and prepare the portrait; see `runtime.filming.set_stage`."""
        self._progress.phase("preparing the portrait")
        meter = Meter(sys.stderr, time.monotonic)

        def downloading(state: Download) -> None:
            self._progress.interrupt()
            meter(state)

        try:
            stage = set_stage(self._options, downloading, self.warn)
        finally:
            meter.end()
        self.warn(*stage.notes)
        return stage

    def film(self, stage: Stage, scene: Scene, afterwards: str) -> Filmed:
        """Film a motion.

        Args:
            stage: who acts.
            scene: the motion.
            afterwards: a clause that tells how to go on if this fails; it ends the message.

        Raises:
            TakeError: it was stopped or failed.
        """
        samples, notes = fitted(scene.samples, stage.rig)
        self.warn(*notes)
        total = len(samples)
        record = record_of(scene.folder) if scene.folder else {}
        about = {"software": f"textuportray {metadata.version('textuportray')}", **_named(record)}
        about |= {"direction": scene.direction, "seed": str(scene.seed)}
        shot = Shot(
            output=self._options.output,
            fps=scene.fps,
            background=self._options.background,
            sheet=self._options.sheet,
            title=scene.direction,
            caption=captions(beats_of(scene.folder) if scene.folder and self._options.sheet else ()),
            metadata=metadata_of(stage, scene.samples, scene.fps, about),
        )

        def step(done: int) -> None:
            self._progress.step(done)
            if (reason := self._stopped()) is not None:
                raise TakeError(
                    f"stopped by {reason} with {done} of {total} frames rendered. {self._options.output} is not written; "
                    f"{afterwards}"
                )

        def finish() -> None:
            self._keep(record, scene, stage, total)

        self._progress.phase("rendering", total)
        began = time.monotonic()
        try:
            self.warn(*film(stage, samples, shot, step=step, finish=finish))
        except RendererError as error:
            said = " ".join(str(error).split()).rstrip(".")
            raise TakeError(f"{said}. To go on, {afterwards}") from error
        except OSError as error:
            said = f"{error.filename or self._options.output} cannot be written ({error.strerror or error})"
            raise TakeError(f"{said}. Free some space on the disk; to go on, {afterwards}") from error
        took = time.monotonic() - began
        self._progress.finish()
        return Filmed(
            output=self._options.output,
            frames=total,
            size=self._size(stage),
            fps=scene.fps,
            seconds=took,
            sheet=self._options.sheet,
            warnings=tuple(self._warnings),
        )

    def _size(self, stage: Stage) -> tuple[int, int]:
        """Width and height of the pictures that are written."""
        return picture_size(self._options.output, *stage.rig.size, self._options.background)

    def _keep(self, record: Mapping[str, Any], scene: Scene, stage: Stage, frames: int) -> None:
        """Write into the take's record what its video was made with, if the motion's take is that of the output."""
        files = TakeFiles.beside(Path(self._options.output))
        if not record or scene.folder is None or not files.folder.is_dir() or not files.folder.samefile(scene.folder):
            return
        width, height = self._size(stage)
        video = {"frames": frames, "fps": str(scene.fps), "width": width, "height": height}
        write_record(files.record, {**record, **stage.record, "video": video})


def _named(record: Mapping[str, Any]) -> dict[str, str]:
    return {"take": record["take"]} if isinstance(record.get("take"), str) else {}
