"""Takes one after the other, from Python, with everybody standing ready: the start of processes is paid for once.

with Session(workers=2) as session:
    session.animate("portrait.png", "She smiles.", "smile.mp4")
    session.animate("portrait.png", "She frowns.", "frown.mp4", candidates=6)
    session.plan("She smiles.", "smile.json")
"""

from __future__ import annotations

import contextlib
import io
import os
import time

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

import structlog

from configs.cluster import DEFAULT, builtin_profiles
from configs.own_lexicon import OWN_LEXICON
from protocol.journal import Record
from protocol.language_model import LanguageModel
from runtime.base import Base
from runtime.candidates import Audition, audition, check_candidates, filmed_order, openings, planned_order
from runtime.commands.placing import Places, placed
from runtime.commands.plan import require_motion_name
from runtime.commands.showing import Filmed, Following, Showing
from runtime.filming import check_film, span
from runtime.inline import InlineBase
from runtime.keywords import check_session, check_video_rate, film_options, named, take_options
from runtime.language_options import require_key
from runtime.listening import require_listening
from runtime.loading import read_tables
from runtime.logs import configure
from runtime.onray.base import Crew
from runtime.onray.joining import joined
from runtime.onray.placement import Placement, nodes, pinned, suited
from runtime.options import FilmOptions, TakeOptions, UsageError
from runtime.outputs import TakeFiles
from runtime.production import Order, plan_to_files
from runtime.progress import Progress
from runtime.renderers import Opened, open_renderer, opener_of
from runtime.studio import Stage, film_opened, prepare, read_cast
from runtime.take import TakeResult, Watch, opening
from runtime.urls import is_url


@dataclass(frozen=True, slots=True)
class Planned:
    """A take that is agreed on.

    Attributes:
        output: the motion, or the video, that was written: its path, or its URL without credentials.
        take: what was agreed on, and what the critic says of it.
        where: the folder of the take, likewise.
        candidates: what it was chosen from; None if there was nothing to choose from.
    """

    output: str
    take: TakeResult
    where: str
    candidates: Audition | None

    @property
    def folder(self) -> Path:
        """The folder of the take, with its journal, timeline, motion and record.

        Raises:
            UsageError: it is at a URL.
        """
        if is_url(self.where):
            raise UsageError(f"{self.where} is no folder of this machine. Read it with fsspec.")
        return Path(self.where)


@dataclass(frozen=True, slots=True)
class Made(Planned):
    """A take that is done.

    Attributes:
        video: what was written.
    """

    video: Filmed


class Session:
    """Actors that stand ready for takes.

    Args:
        runtime: "ray" or "inline".
        address: of a Ray cluster; None for the one that the environment names, or one that is started for the session.
        workers: renderers; None for as many as fit.
        profile: how the cluster is used, by `configs/cluster.yaml`.
        renderer: by name.
        device: "auto", "cpu" or "cuda"; on Ray, "auto" is "cuda" for renderers that have a GPU, and "cpu" for all others.
        placement: where renderers may run, instead of `workers` and what the profile says.
        opener: opens the renderer in its process, instead of `renderer` and `device`.
        language_model: what plans the takes; None for the embedded planner. Its server's key is read from the environment.
        lexicon: a file with your own words, as for `--lexicon`; None for the program's alone.
        debug: whether actors log every event.

    Raises:
        UsageError: what is asked for cannot be.
        ConfigError: the lexicon, or a name of the cluster's profiles, is wrong.
        TakeError: Ray cannot be joined or started.
    """

    def __init__(
        self,
        *,
        runtime: str = "ray",
        address: str | None = None,
        workers: int | None = None,
        profile: str = DEFAULT,
        renderer: str = "puppet",
        device: str = "auto",
        placement: Placement | None = None,
        opener: Callable[[], Opened] | None = None,
        language_model: LanguageModel | None = None,
        lexicon: str | Path | None = None,
        debug: bool = False,
    ) -> None:
        check_session({"runtime": runtime, "renderer": renderer, "device": device, "workers": workers})
        if not structlog.is_configured():
            configure(debug=debug)
        self._renderer, self._device = renderer, device
        self._opener = opener or partial(open_renderer, renderer, device)
        self._language_model = language_model
        own = {} if lexicon is None else {OWN_LEXICON: Path(named("lexicon", lexicon))}
        self._tables = read_tables(own, prompts=language_model is not None)
        self._loaded = self._tables.load()
        self._opened: Opened | None = None
        self._stack = contextlib.ExitStack()
        self._crew: Crew | None = None
        self._closed = False
        if runtime == "inline":
            return
        how = builtin_profiles().named(profile)
        asked = placement or Placement(
            workers=workers or how.workers,
            cpus=how.worker.cpus,
            labels=how.worker.labels,
            resources=how.worker.resources,
        )
        asked = suited(asked, device, None if placement else how.worker.gpus)
        with self._stack:
            self._stack.enter_context(joined(address))
            asked = pinned(asked, nodes())
            if opener is None:
                self._opener = opener_of(renderer, device, asked.gpus)
            crew = Crew(self._tables.texts, self._opener, asked, how, time.monotonic, debug=debug)
            self._crew = self._stack.enter_context(crew)
            self._stack = self._stack.pop_all()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End the actors, and the Ray that was started for them; there are no takes after that."""
        self._closed = True
        self._stack.close()

    def animate(
        self,
        portrait: str | Path,
        direction: str,
        output: str | Path,
        *,
        film: Mapping[str, Any] | None = None,
        candidates: int = 1,
        told: Callable[[Record], None] = lambda record: None,
        stopped: Callable[[], str | None] = lambda: None,
        **asked: Any,
    ) -> Made:
        """Make a video of a portrait that does what a direction says.

        Args:
            portrait: picture with a face that can be seen; a file or a URL.
            direction: what the face should do, in words.
            output: video or pictures to write, as a file or a URL; its name says the format.
            film: how it is filmed besides: `size`, `face`, `background` (as for `--background`, or three numbers from 0 to
                255), `sheet`, `neutral`; see `runtime.options.FilmOptions`.
            candidates: takes that are planned, with the seed that is asked for and those after it; the one that the critic
                scores best is filmed. 1 to 16.
            told: called with each record of the journal of the take that is kept.
            stopped: asked again and again; a reason ends the take.
            asked: what the take is asked for besides: `seconds`, `fps`, `seed`, `idle`, `negotiate`, `emotion`, `rounds`; see
                `runtime.options.TakeOptions`.

        Raises:
            UsageError: what is asked for cannot be.
            PlaceError: a URL cannot be read or written.
            RendererError: the portrait cannot be animated.
            TakeError: the take was stopped or failed, or nobody listens where its language model is to be asked.
        """
        wanted = self._wanted(direction, candidates, asked)
        check_video_rate(wanted)
        filming = film_options(film)
        progress = Progress(io.StringIO(), time.monotonic)
        with placed(progress) as places:
            options = self._options(portrait, output, filming, places)
            files = TakeFiles.beside(Path(options.output))
            check_film(options)
            files.check(folder=True)
            places.check()
            showing = Showing(options, progress, stopped)
            stage, base = self._stage(options, stopped)
            about = {"film": places.recorded(options), **stage.record}
            following = Following(time.monotonic, told, places.keeping(options.portrait, files))
            chosen = self._chosen(wanted, candidates, options.output, Watch(following.clock, stopped))
            if chosen:
                frames = span(*stage.size, base.chunk_frames)
                staged = film_opened(stage, options.face, options.background, frames, neutral=options.neutral)
                order = filmed_order(chosen, self._loaded, about, staged)
                following.catch_up(order.past.records if order.past else ())
            else:
                order = Order(opening(wanted, self._loaded), self._loaded, about)
            with places.delivered(files):
                result, filmed = showing.act(order, stage, base, files, following)
            video = places.filmed(filmed)
            return Made(video.output, result, places.named(str(files.folder)), chosen, video)

    def plan(
        self,
        direction: str,
        output: str | Path,
        *,
        candidates: int = 1,
        told: Callable[[Record], None] = lambda record: None,
        stopped: Callable[[], str | None] = lambda: None,
        **asked: Any,
    ) -> Planned:
        """Make the motion alone that a direction asks for; it is planned in this process, without a portrait.

        Args:
            direction: what the face should do, in words.
            output: motion file to write (JSON), as a file or a URL.
            candidates: as for :meth:`animate`.
            told: called with each record of the take's journal; of candidates nothing is told.
            stopped: asked again and again; a reason ends the take.
            asked: as for :meth:`animate`.

        Raises:
            UsageError: what is asked for cannot be.
            PlaceError: a URL cannot be written.
            TakeError: the take was stopped or failed, or nobody listens where its language model is to be asked.
        """
        wanted = self._wanted(direction, candidates, asked)
        began = time.monotonic()
        with placed(Progress(io.StringIO(), time.monotonic)) as places:
            motion = Path(places.output(named("output", output)))
            require_motion_name(motion)
            files = TakeFiles.beside(motion)
            files.check()
            places.check()
            watch = Watch(lambda: time.monotonic() - began, stopped)
            about = {"output": places.named(str(files.output))}
            chosen = self._chosen(wanted, candidates, about["output"], watch)
            if chosen:
                order = planned_order(chosen, self._loaded, about)
            else:
                order = Order(opening(wanted, self._loaded), self._loaded, about)
            with places.delivered(files):
                result, _ = plan_to_files(order, files, InlineBase(), replace(watch, told=(told,)))
            return Planned(about["output"], result, places.named(str(files.folder)), chosen)

    def _wanted(self, direction: str, candidates: int, asked: Mapping[str, Any]) -> TakeOptions:
        """What a take is asked for, if it can be had."""
        if self._closed:
            raise UsageError(
                "The session is closed, so nobody stands ready for a take. Make it inside the with, or open another."
            )
        check_candidates(candidates)
        wanted = take_options(direction, asked, self._language_model)
        require_key(self._language_model, os.environ)
        require_listening(self._language_model)
        return wanted

    def _chosen(self, wanted: TakeOptions, candidates: int, output: str, watch: Watch) -> Audition | None:
        """The best of so many candidates; None if there is nothing to choose from."""
        if candidates == 1:
            return None
        return audition(openings(wanted, self._loaded, candidates), self._loaded, output, watch)

    def _options(self, portrait: str | Path, output: str | Path, film: Mapping[str, Any], places: Places) -> FilmOptions:
        """How the take is filmed, with local files in place of URLs."""
        local = places.output(named("output", output))
        sheet = film.get("sheet")
        given = {**film, "sheet": None if sheet is None else places.sheet(sheet)}
        source = places.portrait(named("portrait", portrait))
        return FilmOptions(portrait=source, output=local, renderer=self._renderer, device=self._device, **given)

    def _stage(self, options: FilmOptions, stopped: Callable[[], str | None]) -> tuple[Stage, Base]:
        """The portrait, prepared where it is rendered."""
        portrait = read_cast(options)
        if self._crew is not None:
            stage = self._crew.prepare(portrait, options.face, options.background, stopped, neutral=options.neutral)
            return stage, self._crew
        if self._opened is None:
            self._opened = self._opener()
        studio = prepare(self._opened, portrait, options.face, options.background, neutral=options.neutral)
        return studio.stage, InlineBase(studio)
