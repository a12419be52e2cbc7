"""What runs in the process of a renderer: the renderer with its portrait, and the calls by which chunks come and frames go.

This is an ordinary class; `runtime.onray.pool` makes an actor of it, without retries and restarts of Ray's own. It has two
threads, so that calls in the group CONTROL are answered while it renders. It imports nothing of what regions think with.
"""

from __future__ import annotations

import os

from collections.abc import Callable
from typing import Any

import structlog

from protocol.messages import ChunkAssigned
from protocol.wire import decode, encode
from renderer.errors import DeviceLost
from renderer.interface import Frames
from renderer.motions import Samples
from renderer.portrait import Portrait
from runtime.logs import configure_actor
from runtime.onray.actors import Part
from runtime.options import Background
from runtime.renderers import Opened
from runtime.studio import RendererHost, Stage, Studio, furnish, prepare

log = structlog.get_logger()


class RendererActor:
    """A renderer in a process of its own.

    Args:
        name: by which the journal knows it.
        opener: opens the renderer, here.
        debug: whether every event is logged.
    """

    def __init__(self, name: str, opener: Callable[[], Opened], debug: bool) -> None:  # noqa: FBT001 - Ray passes it on
        configure_actor(debug=debug)
        structlog.contextvars.bind_contextvars(renderer=name)
        self._opener = opener
        self._opened: Opened | None = None
        self._host: RendererHost | None = None
        self._cast = ""
        self._number = 0

    def warm(self) -> None:
        """Load what rendering takes, before there is anything to render."""
        self._renderer()

    def prepare(
        self,
        cast: str,
        portrait: Portrait,
        face: int | None,
        background: Background,
        neutral: bool,  # noqa: FBT001 - Ray passes it on
    ) -> tuple[Stage, Any]:
        """Prepare a portrait; what others know of it, and the rig as it travels."""
        studio = prepare(self._renderer(), portrait, face, background, neutral=neutral)
        self._take(cast, studio)
        return studio.stage, studio.opened.renderer.packed(studio.rig)

    def furnish(
        self,
        rig: Any,
        cast: str,
        portrait: Portrait,
        face: int | None,
        background: Background,
        neutral: bool,  # noqa: FBT001 - Ray passes it on
    ) -> None:
        """Take over a portrait that another has prepared."""
        opened = self._renderer()
        rig = opened.renderer.unpacked(rig)
        self._take(cast, furnish(opened, rig, portrait, face, background, neutral=neutral))

    def render(self, part: Part, data: bytes, rows: Samples) -> tuple[tuple[bytes, int], Frames | None]:
        """Render a chunk; what to tell the coordinator and how many frames had to be rendered, and all frames."""
        assert self._host is not None
        if part.number < self._number or part.cast != self._cast:
            raise ValueError(f"{part.take} was given up before, or is of another portrait")
        if part.number > self._number:
            self._number = part.number
            structlog.contextvars.bind_contextvars(take=part.take)
            self._host.forget()  # another take, in which chunks have the same numbers
        chunk = decode(data)
        assert isinstance(chunk, ChunkAssigned)
        with structlog.contextvars.bound_contextvars(chunk=chunk.chunk):
            try:
                message, frames = self._host.receive(chunk, rows)
            except DeviceLost:
                # In this process the device will not work again. A new one may have it.
                log.exception("the device is lost; this process ends")
                os._exit(1)
        return (encode(message), self._host.drawn(chunk.chunk, chunk.attempt)), frames

    def ping(self) -> int:
        """Give a sign of life: the number of this process."""
        return os.getpid()

    def _renderer(self) -> Opened:
        if self._opened is None:
            self._opened = self._opener()
        return self._opened

    def _take(self, cast: str, studio: Studio) -> None:
        self._cast, self._host = cast, RendererHost(studio.render, studio.tally)
