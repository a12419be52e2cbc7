"""What `animate` and `render` have in common: a portrait is prepared, a motion is filmed, and that is told."""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
import time

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from protocol.brief import Brief
from protocol.journal import Record
from protocol.messages import DIRECTOR, BeatOpened, Decided, Merged, RoundOpened, TakeOpened
from protocol.timeline import frame_count
from renderer.errors import RendererError
from renderer.motions import Samples
from renderer.video import picture_size
from renderer.weights import Progress as Download
from renderer.weights import open_weights
from runtime.base import Base, BaseOptions
from runtime.commands.models import Meter
from runtime.commands.telling import misunderstood
from runtime.commands.thinking import Thinking, looking
from runtime.filming import Film, Shot, captions, film, metadata_of, open_film, span
from runtime.fitting import as_rendered, fitted
from runtime.inline import InlineBase
from runtime.metrics import TakeMeter
from runtime.onray.joining import Trial, joined
from runtime.onray.placement import nodes, pinned
from runtime.options import FilmOptions, parse_fps
from runtime.outputs import TakeFiles, write_record
from runtime.production import Order, make_take
from runtime.progress import Progress
from runtime.renderers import open_renderer, opener_of
from runtime.studio import Stage, Studio, film_opened, prepare, read_cast
from runtime.take import Filming, TakeResult, Watch
from runtime.take_error import TakeError
from runtime.takes import beats_of, record_of
from runtime.version import VERSION


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
        drawn: how many of the frames were rendered; the others had been kept from before.
    """

    output: str
    frames: int
    size: tuple[int, int]
    fps: Fraction
    seconds: float
    sheet: str | None
    warnings: tuple[str, ...]
    drawn: int

    def as_text(self) -> list[str]:
        """For people."""
        width, height = self.size
        rate = f"{float(self.fps):.5g}"
        frames = "1 frame" if self.frames == 1 else f"{self.frames} frames"
        said = (
            f"{self.output}: {float(self.frames / self.fps):.2f} s, {frames} of {width} x {height} pixels at {rate} per "
            f"second, rendered in {self.seconds:.1f} s"
        )
        lines = [said]
        if self.drawn < self.frames:
            lines.append(f"{self.drawn} of {frames} rendered, {self.frames - self.drawn} taken from before")
        return [*lines, f"{self.sheet}: contact sheet"] if self.sheet else lines

    def as_data(self) -> dict[str, Any]:
        """For programs."""
        return {
            "output": self.output,
            "frames": self.frames,
            "fps": str(self.fps),
            "width": self.size[0],
            "height": self.size[1],
            "rendered_in": round(self.seconds, 4),
            "frames_rendered": self.drawn,
            "frames_kept": self.frames - self.drawn,
            "sheet": self.sheet,
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

    def prepare(self) -> Studio:
        """Read and prepare the portrait in this process; see `runtime.studio.prepare`."""
        options = self._options
        self._progress.phase("preparing the portrait")
        portrait = read_cast(options, self.warn)
        with self._downloading() as told:
            opened = open_renderer(options.renderer, options.device, told)
        studio = prepare(opened, portrait, options.face, options.background, neutral=options.neutral)
        self.warn(*studio.stage.notes)
        return studio

    @contextlib.contextmanager
    def staged(
        self, wanted: BaseOptions, texts: dict[str, str], trial: Trial | None = None, *, debug: bool
    ) -> Iterator[Callable[[], tuple[Stage, Base]]]:
        """Have everybody stand ready for takes; they load what they need while this process goes on.

        Args:
            wanted: what takes are to be run on.
            texts: of the tables.
            trial: of the cluster, if it is being tried already.
            debug: whether actors log every event.

        Yields:
            What prepares the portrait, where it is going to be rendered.
        """
        if wanted.runtime == "inline":

            def prepared() -> tuple[Stage, Base]:
                studio = self.prepare()
                return studio.stage, InlineBase(studio)

            yield prepared
            return
        from runtime.onray.base import Crew

        options = self._options
        placement = wanted.placed(options.device)
        portrait = read_cast(options, self.warn)
        with self._downloading() as told:
            open_weights(os.environ, told).models()
        address = wanted.address or os.environ.get("RAY_ADDRESS")
        self._progress.phase(f"joining Ray at {address}" if address and address != "local" else "starting Ray")
        with contextlib.ExitStack() as stack:
            cluster = stack.enter_context(joined(wanted.address, trial=trial, stopped=self._stopped))
            placement = pinned(placement, nodes())
            opener = opener_of(options.renderer, options.device, placement.gpus)
            crew = stack.enter_context(Crew(texts, opener, placement, wanted.profile, time.monotonic, debug=debug))

            def prepare() -> tuple[Stage, Base]:
                renderers = "1 renderer" if crew.workers == 1 else f"{crew.workers} renderers"
                where = "this machine" if cluster.started else cluster.address
                self._progress.phase(f"preparing the portrait with {renderers} on {where}")
                stage = crew.prepare(portrait, options.face, options.background, self._stopped, neutral=options.neutral)
                self.warn(*stage.notes)
                return stage, crew

            yield prepare

    @contextlib.contextmanager
    def _downloading(self) -> Iterator[Callable[[Download], None]]:
        """Models may be fetched inside; yields who is to be told how far that is."""
        meter = Meter(sys.stderr, time.monotonic)

        def told(state: Download) -> None:
            self._progress.interrupt()
            meter(state)

        try:
            yield told
        finally:
            meter.end()

    def film(self, studio: Studio, scene: Scene, afterwards: str) -> Filmed:
        """Film a motion in this process.

        Args:
            studio: who acts.
            scene: the motion.
            afterwards: a clause that tells how to go on if this fails; it ends the message.

        Raises:
            TakeError: it was stopped or failed.
        """
        stage = studio.stage
        samples, notes = fitted(scene.samples, stage.ranges)
        self.warn(*notes)
        total = len(samples)
        record = record_of(scene.folder) if scene.folder else {}
        about = {**_named(record), "direction": scene.direction, "seed": str(scene.seed)}
        beats = beats_of(scene.folder) if scene.folder and self._options.sheet else ()
        unsaid = None if "take" in about else scene.samples
        shot = self._shot(scene.direction, scene.fps, captions(beats), metadata_of(stage, _made(about), unsaid))

        def step(done: int) -> None:
            self._progress.step(done)
            if (reason := self._stopped()) is not None:
                raise TakeError(
                    f"stopped by {reason} with {done} of {total} frames rendered. {self._options.output} is not written; "
                    f"{afterwards}"
                )

        self._progress.phase("rendering", total)
        began, before = time.monotonic(), studio.tally.drawn

        def keep() -> None:
            self._keep(record, scene.folder, stage, (total, studio.tally.drawn - before), scene.fps)

        with self._told(lambda: afterwards):
            self.warn(*film(studio, samples, shot, step=step, finish=keep))
        self._progress.finish()
        return self._filmed(stage, (total, studio.tally.drawn - before), scene.fps, time.monotonic() - began)

    def act(self, order: Order, stage: Stage, base: Base, files: TakeFiles, following: Following) -> tuple[TakeResult, Filmed]:
        """Plan and film a take at once: beats that are agreed on are rendered while the next ones are negotiated.

        Args:
            order: the take.
            stage: who acts.
            base: who hosts its roles.
            files: where everything goes.
            following: who follows it.

        Raises:
            TakeError: it was stopped or failed.
        """
        opened, options = order.opened, self._options
        fps = parse_fps(opened.fps)
        words = " / ".join(opened.directions)
        about = {"take": opened.take, "direction": words, "seed": str(opened.seed)}
        shot = self._shot(words, fps, following.caption, metadata_of(stage, _made(about)))
        result: TakeResult | None = None

        def afterwards() -> str:
            if result is None:
                return "give the same command again."
            return f"render the planned motion without planning again: {shlex.join(options.words(files.motion))}"

        following.begin(self._progress)
        began = time.monotonic()
        with self._told(afterwards), open_film(stage, shot) as made:
            following.film(made)
            known = order.past.folded.coordinator.film if order.past else None
            frames = span(*stage.size, base.chunk_frames)
            part = known or film_opened(stage, options.face, options.background, frames, neutral=options.neutral)
            meter = TakeMeter(base.meters, order.past.records if order.past else ())
            told = (following.hear, meter.observe, *following.told)
            watch = Watch(following.clock, self._stopped, told, following.thinking.asking)
            with looking(following.say_thinking) if opened.language_model else contextlib.nullcontext():
                result, samples = make_take(replace(order, filming=Filming(part, made)), files, base, watch)
            self.warn(*misunderstood(result))
            self.warn(*fitted(as_rendered(samples), stage.ranges)[1])
            self._keep(record_of(files.folder), files.folder, stage, (made.done, base.drawn), fps)
        self.warn(*made.notes)
        self._progress.finish()
        return result, self._filmed(stage, (made.done, base.drawn), fps, time.monotonic() - began)

    def _shot(self, title: str, fps: Fraction, caption: Callable[[float], str], metadata: Mapping[str, str]) -> Shot:
        return Shot(
            output=self._options.output,
            fps=fps,
            background=self._options.background,
            sheet=self._options.sheet,
            title=title,
            caption=caption,
            metadata=metadata,
        )

    @contextlib.contextmanager
    def _told(self, afterwards: Callable[[], str]) -> Iterator[None]:
        """What goes wrong with a video is told as an error of the take."""
        try:
            yield
        except RendererError as error:
            said = " ".join(str(error).split()).rstrip(".")
            raise TakeError(f"{said}. To go on, {afterwards()}") from error
        except OSError as error:
            said = f"{error.filename or self._options.output} cannot be written ({error.strerror or error})"
            raise TakeError(f"{said}. Free some space on the disk; to go on, {afterwards()}") from error

    def _filmed(self, stage: Stage, frames: tuple[int, int], fps: Fraction, seconds: float) -> Filmed:
        """What there is now; of its frames how many there are, and how many were rendered."""
        return Filmed(
            output=self._options.output,
            frames=frames[0],
            drawn=frames[1],
            size=self._size(stage),
            fps=fps,
            seconds=seconds,
            sheet=None if self._options.sheet is None else str(self._options.sheet),
            warnings=tuple(self._warnings),
        )

    def _size(self, stage: Stage) -> tuple[int, int]:
        """Width and height of the pictures that are written."""
        return picture_size(self._options.output, *stage.size, self._options.background)

    def _keep(
        self, record: Mapping[str, Any], folder: Path | None, stage: Stage, frames: tuple[int, int], fps: Fraction
    ) -> None:
        """Write into the take's record what its video was made with, if the motion's take is that of the output."""
        files = TakeFiles.beside(Path(self._options.output))
        if not record or folder is None or not files.folder.is_dir() or not files.folder.samefile(folder):
            return
        width, height = self._size(stage)
        made = {"frames": frames[0], "frames_rendered": frames[1], "frames_kept": frames[0] - frames[1]}
        video = {**made, "fps": str(fps), "width": width, "height": height}
        write_record(files.record, {**record, **stage.record, "video": video})


class Following:
    """Follows a take: what is going on in it, for people, and what stands under the pictures of its contact sheet.

    Args:
        clock: seconds, never going back.
        told: who else is told of each record.

    Attributes:
        told: who else is told of each record.
        thinking: what a language model is asked meanwhile.
    """

    def __init__(self, clock: Callable[[], float], *told: Callable[[Record], None]) -> None:
        self.told = told
        self.thinking = Thinking(clock)
        self._began = clock()
        self._clock = clock
        self._caption: Callable[[float], str] = lambda _: ""
        self.planned_in = 0.0
        self._progress: Progress | None = None
        self._film: Film | None = None
        self._brief: Brief | None = None
        self._fps = Fraction(1)
        self._beat = self._round = 0

    def clock(self) -> float:
        """Seconds since the following began."""
        return self._clock() - self._began

    def caption(self, seconds: float) -> str:
        """What happens at a time; empty where that is not known yet."""
        return self._caption(seconds)

    def catch_up(self, records: Iterable[Record]) -> None:
        """Hear what was said before the take was resumed."""
        for record in records:
            self._take_in(record)

    def begin(self, progress: Progress) -> None:
        """From now on say how far it is."""
        self._progress = progress
        progress.phase("planning")

    def film(self, film: Film) -> None:
        """Where its frames go."""
        self._film = film

    def hear(self, record: Record) -> None:
        """A record is in the journal."""
        self.thinking.hear(record)
        self._take_in(record)
        self.say()

    def _take_in(self, record: Record) -> None:
        message = record.message
        if isinstance(message, TakeOpened):
            self._fps = parse_fps(message.fps)
        elif isinstance(message, Decided) and message.final and message.role == DIRECTOR:
            self._brief = Brief.model_validate_json(message.reply)
            self._caption = captions(self._brief.beats)
            self.thinking.briefed(len(self._brief.beats))
        elif isinstance(message, BeatOpened):
            self._beat, self._round = message.beat, 0
        elif isinstance(message, RoundOpened):
            self._round = message.round
        elif isinstance(message, Merged):
            if message.ends:
                self.planned_in = self.clock()
                self._beat = -1
            if message.beat == 0 and self._progress and self._brief:
                self._progress.phase("rendering", frame_count(self._brief.seconds, self._fps))

    def say(self) -> None:
        """Say how far it is, if it is time to; from any thread."""
        if self._progress:
            self._progress.step(self._film.done if self._film else 0, self._going_on())

    def say_thinking(self) -> None:
        """The same while a language model is asked, for then nothing else may happen for a while."""
        if self.thinking.busy:
            self.say()

    def _going_on(self) -> str:
        """What is negotiated at the moment, and what a language model is asked."""
        asked = self.thinking.words()
        if self._brief is None or self._beat < 0:
            return asked if self._brief is None else ""
        round_ = f", round {self._round}" if self._round else ""
        beat = f"beat {self._beat + 1} of {len(self._brief.beats)}{round_}"
        return asked if "beat" in asked else "; ".join(part for part in (beat, asked) if part)


def _made(about: Mapping[str, str]) -> dict[str, str]:
    return {"software": f"textuportray {VERSION}", **about}


def _named(record: Mapping[str, Any]) -> dict[str, str]:
    return {"take": record["take"]} if isinstance(record.get("take"), str) else {}
