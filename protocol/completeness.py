"""The history of the frames: is each of them in the video exactly once, in order, or did the take fail for want of it (L2)?

Read off the messages alone, like `protocol.history`, of which this is a part. Since a take was opened or last resumed:

- The chunks of committed beats, in the order of the beats, tile the frames from 0 on (H07).
- A chunk is handed out as it was cut, under attempts that count up, while nobody else has it, to a renderer that answers and
  holds fewer than IN_FLIGHT (H08). Who has failed FAILURES times in a row has lost what it held, and gets nothing more.
- An answer is of somebody who was given that chunk under that attempt (H05). It counts while the chunk is still with it.
- Chunks are written in order, each once, and as they were rendered (H07). A take that is done has all of them written.
- Rows that are rendered again with the same software give the same frames (H09), also after a take was resumed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from protocol.dispatch import FAILURES
from protocol.dispatcher_state import IN_FLIGHT
from protocol.messages import (
    ChunkAssigned,
    ChunkFailed,
    ChunkLost,
    ChunkRendered,
    ChunkWritten,
    Cut,
    FilmFailed,
    FilmOpened,
    Merged,
    Message,
    RendererChanged,
    TakeClosed,
)

Faults = list[tuple[str, str]]
"""What is wrong, each with its code."""


@dataclass
class _Renderer:
    """What is known of one renderer.

    Attributes:
        ready: whether it can be given chunks.
        holds: the chunks that it has.
        given: (chunk, attempt) of everything that it was given.
        failures: how many times in a row it has failed.
    """

    ready: bool = True
    holds: list[int] = field(default_factory=list)
    given: set[tuple[int, int]] = field(default_factory=set)
    failures: int = 0


@dataclass
class FilmPast:
    """What has become of a take's frames so far.

    Attributes:
        opened: what is rendered; None if nothing is.
        cuts: all chunks so far, each at the place of its number.
        merged: how many beats were merged.
        ended: whether the last one was.
        renderers: by name, those that are gone among them.
        attempts: the latest of each chunk that was handed out.
        rendered: digest of the frames of each chunk that is rendered and not lost.
        written: how many chunks are in the video.
        failed: why the video cannot be finished.
        frames: digests of frames by chunk and rows, for as long as the software is the same.
        software: its versions.
    """

    opened: FilmOpened | None = None
    cuts: list[Cut] = field(default_factory=list)
    merged: int = 0
    ended: bool = False
    renderers: dict[str, _Renderer] = field(default_factory=dict)
    attempts: dict[int, int] = field(default_factory=dict)
    rendered: dict[int, str] = field(default_factory=dict)
    written: int = 0
    failed: FilmFailed | None = None
    frames: dict[tuple[int, str], str] = field(default_factory=dict)
    software: Mapping[str, str] = field(default_factory=dict)

    def resume(self, versions: Mapping[str, str]) -> None:
        """The take goes on; everything is rendered again."""
        self.cuts, self.merged, self.ended = [], 0, False
        self.renderers, self.attempts, self.rendered = {}, {}, {}
        self.written, self.failed = 0, None
        if versions != self.software:
            self.frames, self.software = {}, versions

    def check(self, sender: str, receivers: tuple[str, ...], message: Message, committed: int) -> Faults:
        """Take in the next message.

        Args:
            sender: whose it is.
            receivers: to whom it goes.
            message: what is said.
            committed: how many beats are.
        """
        if isinstance(message, FilmOpened):
            return self._open(message)
        if isinstance(message, RendererChanged):
            self._change(message)
        elif isinstance(message, Merged):
            return self._merge(message, committed)
        elif isinstance(message, ChunkAssigned):
            return self._assign(message, receivers)
        elif isinstance(message, (ChunkRendered, ChunkFailed)):
            return self._answer(sender, message)
        elif isinstance(message, ChunkWritten):
            return self._write(message)
        elif isinstance(message, ChunkLost):
            return self._lose(message)
        elif isinstance(message, FilmFailed):
            self.failed = message
            if message.chunk is not None and not self.written <= message.chunk < len(self.cuts):
                return [("H07", f"chunk {message.chunk} is given up, which does not wait to be written")]
        elif isinstance(message, TakeClosed) and message.outcome == "done":
            return self._finish(committed)
        return []

    def _open(self, message: FilmOpened) -> Faults:
        again = self.opened is not None
        self.opened = message
        return [("H04", "what is rendered is said twice")] if again else []

    def _change(self, message: RendererChanged) -> None:
        known = self.renderers.setdefault(message.renderer, _Renderer())
        known.ready = message.to == "ready"
        if message.to == "gone":
            known.holds, known.failures = [], 0

    def _merge(self, message: Merged, committed: int) -> Faults:
        wrong = []
        if self.opened is None:
            wrong.append(("H04", f"beat {message.beat} is cut into chunks before it is said what is rendered"))
        if message.beat >= committed:
            wrong.append(("H04", f"beat {message.beat} is cut into chunks before it is committed"))
        if message.beat != self.merged or self.ended:
            due = "none" if self.ended else f"beat {self.merged}"
            wrong.append(("H07", f"beat {message.beat} is cut into chunks where {due} is due"))
        self.merged, self.ended = message.beat + 1, self.ended or message.ends
        for cut in message.chunks:
            number, frame = len(self.cuts), self.cuts[-1].last if self.cuts else 0
            if cut.chunk != number or cut.first != frame or cut.last <= cut.first:
                found = f"chunk {cut.chunk} of frames {cut.first} to {cut.last - 1}"
                wrong.append(("H07", f"{found} is cut where chunk {number} from frame {frame} is due"))
            elif self.opened and cut.last - cut.first > self.opened.span:
                wrong.append(("H07", f"chunk {cut.chunk} has {cut.last - cut.first} frames, more than {self.opened.span}"))
            self.cuts.append(cut)
        return wrong

    def _assign(self, message: ChunkAssigned, receivers: tuple[str, ...]) -> Faults:
        (name,) = receivers if len(receivers) == 1 else ("",)
        renderer = self.renderers.get(name)
        if renderer is None:
            return [("H08", f"chunk {message.chunk} is handed to {name or 'nobody'}, which is no renderer")]
        wrong = []
        cut = self.cuts[message.chunk] if message.chunk < len(self.cuts) else None
        if cut is None:
            wrong.append(("H04", f"chunk {message.chunk} is handed out before it is cut"))
        elif (cut.first, cut.last, cut.motion) != (message.first, message.last, message.motion):
            wrong.append(("H08", f"chunk {message.chunk} is not handed out as it was cut"))
        if not renderer.ready:
            wrong.append(("H08", f"chunk {message.chunk} is handed to {name}, which does not answer"))
        if renderer.failures >= FAILURES:
            wrong.append(("H08", f"chunk {message.chunk} is handed to {name} after {renderer.failures} failures in a row"))
        if len(renderer.holds) >= IN_FLIGHT:
            wrong.append(("H08", f"chunk {message.chunk} is handed to {name}, which holds {len(renderer.holds)} already"))
        holder = next((other for other, one in self.renderers.items() if message.chunk in one.holds), None)
        if holder is not None:
            wrong.append(("H08", f"chunk {message.chunk} is handed to {name} while {holder} has it"))
        if message.chunk in self.rendered or message.chunk < self.written:
            wrong.append(("H08", f"chunk {message.chunk} is handed out although it is rendered"))
        due = self.attempts.get(message.chunk, 0) + 1
        if message.attempt != due:
            wrong.append(("H08", f"chunk {message.chunk} is handed out as attempt {message.attempt}, not {due}"))
        self.attempts[message.chunk] = message.attempt
        renderer.holds.append(message.chunk)
        renderer.given.add((message.chunk, message.attempt))
        return wrong

    def _answer(self, sender: str, message: ChunkRendered | ChunkFailed) -> Faults:
        said = (message.chunk, message.attempt)
        renderer = self.renderers.get(sender)
        if renderer is None or said not in renderer.given:
            return [("H05", f"{sender} speaks of attempt {message.attempt} at chunk {message.chunk}, which it was not given")]
        counts = message.chunk in renderer.holds and self.attempts[message.chunk] == message.attempt
        if counts:
            renderer.holds.remove(message.chunk)
            renderer.failures = 0 if isinstance(message, ChunkRendered) else renderer.failures + 1
            if renderer.failures >= FAILURES:
                renderer.holds = []
        if isinstance(message, ChunkFailed):
            return []
        if counts:
            self.rendered[message.chunk] = message.frames
        key = (message.chunk, self.cuts[message.chunk].motion) if message.chunk < len(self.cuts) else (message.chunk, "")
        if self.frames.setdefault(key, message.frames) != message.frames:
            return [("H09", f"chunk {message.chunk} was rendered to other frames before, from the same rows of the motion")]
        return []

    def _write(self, message: ChunkWritten) -> Faults:
        wrong = []
        if message.chunk != self.written:
            wrong.append(("H07", f"chunk {message.chunk} is written where chunk {self.written} is due"))
        if message.chunk not in self.rendered:
            wrong.append(("H07", f"chunk {message.chunk} is written without having been rendered"))
        elif self.rendered[message.chunk] != message.frames:
            wrong.append(("H07", f"chunk {message.chunk} is written with other frames than were rendered"))
        self.written = max(self.written, message.chunk + 1)
        return wrong

    def _lose(self, message: ChunkLost) -> Faults:
        waits = message.chunk in self.rendered and message.chunk >= self.written
        if not waits or self.attempts[message.chunk] != message.attempt:
            return [("H07", f"attempt {message.attempt} at chunk {message.chunk} is lost, which does not wait to be written")]
        del self.rendered[message.chunk]
        return []

    def _finish(self, committed: int) -> Faults:
        if self.opened is None:
            return []
        if self.failed is not None:
            return [("H07", f"the take is done although its video cannot be finished: {self.failed.error}")]
        if not self.ended or self.merged != committed:
            last = "the last among them" if self.ended else "and the last is not among them"
            return [("H07", f"the take is done with {self.merged} of {committed} beats cut into chunks, {last}")]
        if self.written < len(self.cuts):
            return [("H07", f"the take is done with {self.written} of {len(self.cuts)} chunks written")]
        return []
