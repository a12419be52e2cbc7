"""A take as a recording for the Rerun viewer (https://rerun.io): frames, curves and messages on common lines of time.

    take       seconds of the take: frames, curves, keyframes, and each message at what it is about
    journal    seconds since the journal was begun: messages when they were said
    record     places in the journal: messages in their total order

    /video                              frames, JPEG, no larger than MAX_SIDE
    /curves/REGION/UNIT/CHANNEL         the motion of every channel that moves, at the take's frame rate
    /keyframes/REGION/UNIT/CHANNEL      its keyframes as points; a point that is chosen names gesture, words and interpolation
    /lanes/beats, /lanes/REGION         what is asked, and how each region came to what it does
    /lanes/constraints/ID               where a constraint was broken on the table, who yields
    /messages/SENDER                    every message as a line

The recording of a take is the same whenever it is made, but for the numbers that Rerun gives its parts.
"""

from __future__ import annotations

import io

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from numpy.typing import NDArray

from protocol.channels import CHANNELS, INDEX, REGIONS, WRITABLE, Region, Unit
from protocol.debugging.saying import in_a_line
from protocol.interpolation import frame_times
from protocol.journal import Record
from protocol.keyframes import Source
from protocol.messages import Objected
from protocol.reduction import TOLERANCES
from protocol.timeline import CommittedBeat, Timeline, frame_count, sample
from runtime.reporting.story import BeatStory, Story, story_of
from runtime.take_error import TakeError

if TYPE_CHECKING:
    import rerun as rr

    from rerun import blueprint as rrb

MAX_SIDE = 640
"""Pixels of a frame's longer side: enough to see what a face does, and a few megabytes for twenty seconds."""
QUALITY = 85
"""Of the JPEG pictures, 1 to 95."""
APPLICATION = "textuportray"
TAKE, JOURNAL, RECORD = "take", "journal", "record"
"""The timelines."""
UNITS: dict[Unit, str] = {"share": "coefficients", "degree": "degrees", "cm": "centimetres"}
"""What curves of a unit are kept under."""
_COLOURS = (0x4E79A7, 0xF28E2B, 0x59A14F, 0xE15759, 0xB07AA1, 0x76B7B2, 0xEDC948, 0xFF9DA7, 0x9C755F, 0x86BCB6)
"""Of curves, in turn (Tableau's ten); the right side of a pair is darker."""
_TONES = {
    "BeatOpened": 0x4E79A7,
    "Objected": 0xF28E2B,
    "Ruled": 0xB07AA1,
    "Committed": 0x59A14F,
    "Aborted": 0xE15759,
    "ChunkFailed": 0xE15759,
    "ChunkLost": 0xE15759,
    "DeadlinePassed": 0xE15759,
    "Discarded": 0xE15759,
    "FilmFailed": 0xE15759,
}
"""Of messages that stand out, by kind."""
_GREY = 0xA0A0A0
_NO_STATE = ""
"""Stands where a lane has none; the SDK knows no better word for it that its own check of a file lets pass."""


@dataclass
class Made:
    """What is in a recording.

    Attributes:
        frames: of the video.
        curves: channels that move.
        keyframes: of those.
        messages: of the journal.
        size: bytes.
    """

    frames: int = 0
    curves: int = 0
    keyframes: int = 0
    messages: int = 0
    size: int = 0


def require_sdk() -> None:
    """Refuse where the SDK that writes recordings is not installed.

    Raises:
        TakeError: how to install it.
    """
    try:
        import rerun  # noqa: F401, PLC0415 - an extra, loaded where it is used
    except ImportError:
        raise TakeError(
            "Recordings for the Rerun viewer are written by its SDK, which is not installed. Install it with: "
            "pip install 'textuportray[viewer]'"
        ) from None


def write_recording(records: Sequence[Record], frames: Iterator[NDArray[np.uint8]] | None, path: Path) -> Made:
    """Write a take as a recording.

    Args:
        records: its journal, which may be cut off.
        frames: uint8 [height, width, 3] of its video, from the first on; None if there is none.
        path: the file, which is overwritten; it is not complete before this returns.

    Raises:
        TakeError: the SDK is not installed.
    """
    require_sdk()
    import rerun as rr  # noqa: PLC0415 - an extra, loaded where it is used

    story = story_of(records)
    named = story.opened.take if story.opened else "take"
    stream = rr.RecordingStream(APPLICATION, recording_id=named, send_properties=False)
    stream.set_log_time_enabled(False)
    stream.set_log_tick_enabled(False)
    recording = _Recording(rr, stream, story)
    stream.save(path, default_blueprint=recording.blueprint())
    stream.send_recording_name(story.opened.direction[:80] if story.opened else named)
    recording.curves()
    recording.lanes()
    recording.messages(records)
    if frames is not None:
        recording.video(frames)
    stream.disconnect()
    recording.made.size = path.stat().st_size
    return recording.made


@dataclass
class _Recording:
    """A recording being written."""

    rr: Any
    stream: rr.RecordingStream
    story: Story
    made: Made = field(default_factory=Made)

    # ----------------------------------------------------------------------------------------------------------- video

    def video(self, frames: Iterator[NDArray[np.uint8]]) -> None:
        """The frames of the take, each at its time; further ones than the take has are left out."""
        count = frame_count(self.story.seconds, self.story.fps)
        times = frame_times(count, self.story.fps)
        for time, frame in zip(times.tolist(), frames, strict=False):
            self._at(time)
            self.stream.log("video", self.rr.EncodedImage(contents=_jpeg(frame), media_type="image/jpeg"))
            self.made.frames += 1

    # ---------------------------------------------------------------------------------------------------------- curves

    def curves(self) -> None:
        """What moves, as it is committed or was proposed last."""
        timeline = _timeline(self.story)
        if timeline is None:
            return
        fps = self.story.fps
        samples = sample(timeline, fps)
        times = frame_times(samples.shape[1], fps)
        for region in REGIONS:
            colours: dict[str, int] = {}
            for name in WRITABLE[region]:
                values = samples[INDEX[name]]
                known = CHANNELS[name]
                if float(values.max() - values.min()) <= TOLERANCES[known.unit]:
                    continue
                base = colours.setdefault(known.stem, _COLOURS[len(colours) % len(_COLOURS)])
                colour = _darker(base) if name.endswith("Right") and name != known.stem else base
                self._curve(region, name, colour, times, values)
                self._keyframes(timeline, region, name, colour)
                self.made.curves += 1

    def _curve(self, region: Region, name: str, colour: int, times: NDArray[np.float64], values: NDArray[np.float64]) -> None:
        place = f"curves/{region}/{UNITS[CHANNELS[name].unit]}/{name}"
        self.stream.log(place, self.rr.SeriesLines(colors=_rgba(colour), names=[name], widths=[1.5]), static=True)
        index = self.rr.TimeColumn(TAKE, duration=times)
        self.stream.send_columns(place, [index], self.rr.Scalars.columns(scalars=values))

    def _keyframes(self, timeline: Timeline, region: Region, name: str, colour: int) -> None:
        """A channel's keyframes, with where each comes from."""
        found: dict[float, tuple[float, str, Source]] = {}
        for beat in timeline.beats:
            track = beat.tracks[REGIONS.index(region)]
            for key in track.curve(name).keys:
                if beat.start + key.time <= beat.end:
                    # Where one beat ends and the next begins, that of the later one stands.
                    found[round(beat.start + key.time, 4)] = (key.value, key.mode, track.sources[key.source])
        place = f"keyframes/{region}/{UNITS[CHANNELS[name].unit]}/{name}"
        points = self.rr.SeriesPoints(colors=_rgba(colour), names=[name], markers=["circle"], marker_sizes=[3.0])
        self.stream.log(place, points, static=True)
        rows = list(found.values())
        told = self.rr.AnyValues.columns(
            gesture=[source.gesture for _, _, source in rows],
            words=[source.words for _, _, source in rows],
            note=[source.note for _, _, source in rows],
            interpolation=[mode for _, mode, _ in rows],
        )
        values = self.rr.Scalars.columns(scalars=[value for value, _, _ in rows])
        self.stream.send_columns(place, [self.rr.TimeColumn(TAKE, duration=list(found))], [*values, *told])
        self.made.keyframes += len(rows)

    # ----------------------------------------------------------------------------------------------------------- lanes

    def lanes(self) -> None:
        """What is asked for in each beat, how each region came to what it does, and where constraints were broken."""
        beats = self.story.beats
        asked = [(beat.start, f"{beat.number}: {beat.opened.intent.summary}"[:80]) for beat in beats]
        self._lane("beats", asked, {text: _COLOURS[n % len(_COLOURS)] for n, (_, text) in enumerate(asked)})
        for region in REGIONS:
            came = [(beat.start, _came(beat, region)) for beat in beats]
            self._lane(region, came, {text: _came_colour(text) for _, text in came})
        for constraint, changes in sorted(_broken(beats).items()):
            states = {text: _TONES["Objected"] for _, text in changes if text != _NO_STATE}
            self._lane(f"constraints/{constraint}", changes, states)

    def _lane(self, name: str, changes: Sequence[tuple[float, str]], colours: Mapping[str, int]) -> None:
        """States over the time of the take; nothing is shown where it is empty."""
        place = f"lanes/{name}"
        looks = self.rr.StateConfiguration(
            values=[*colours, _NO_STATE],
            colors=_rgba(*colours.values(), 0),
            visible=[*(True for _ in colours), False],
        )
        self.stream.log(place, looks, static=True)
        rows = [*changes, (self.story.seconds, _NO_STATE)]
        index = self.rr.TimeColumn(TAKE, duration=[time for time, _ in rows])
        self.stream.send_columns(place, [index], self.rr.StateChange.columns(state=[state for _, state in rows]))

    # -------------------------------------------------------------------------------------------------------- messages

    def messages(self, records: Sequence[Record]) -> None:
        """Every message as a line, on all lines of time."""
        moments = _moments(records, self.story)
        by_sender: dict[str, list[int]] = {}
        for number, record in enumerate(records):
            by_sender.setdefault(record.sender, []).append(number)
        for sender, numbers in sorted(by_sender.items()):
            said = [records[number] for number in numbers]
            kinds = [type(record.message).__name__ for record in said]
            self.stream.send_columns(
                f"messages/{self.rr.escape_entity_path_part(sender)}",
                [
                    self.rr.TimeColumn(TAKE, duration=[moments[number] for number in numbers]),
                    self.rr.TimeColumn(JOURNAL, duration=[record.time for record in said]),
                    self.rr.TimeColumn(RECORD, sequence=[record.seq for record in said]),
                ],
                self.rr.TextLog.columns(
                    text=[f"{record.seq:>4}  {in_a_line(record)}" for record in said],
                    level=kinds,
                    color=_rgba(*(_TONES.get(kind, _GREY) for kind in kinds)),
                ),
            )
        self.made.messages = len(records)

    def _at(self, seconds: float) -> None:
        self.stream.set_time(TAKE, duration=seconds)

    # ------------------------------------------------------------------------------------------------------- blueprint

    def blueprint(self) -> rrb.Blueprint:
        """How the viewer shows it: the face and what is said to the left, curves region by region to the right."""
        from rerun import blueprint as rrb  # noqa: PLC0415 - an extra, loaded where it is used

        plots: list[tuple[Region, str, Unit]] = [
            ("brows", "brows", "share"),
            ("eyes", "eyes: lids and cheeks", "share"),
            ("eyes", "eyes: gaze in the head, degrees", "degree"),
            ("mouth", "mouth", "share"),
            ("head", "head, degrees", "degree"),
            ("head", "head, centimetres", "cm"),
        ]
        # The curves leave room for the legend to their right.
        seconds = self.story.seconds
        span = self.rr.TimeRange(
            self.rr.TimeRangeBoundary.absolute(seconds=0.0), self.rr.TimeRangeBoundary.absolute(seconds=seconds * 1.3)
        )
        views = [
            rrb.TimeSeriesView(
                origin="/",
                contents=[f"/curves/{region}/{UNITS[unit]}/**", f"/keyframes/{region}/{UNITS[unit]}/**"],
                name=name,
                axis_x=rrb.TimeAxis(view_range=span),
                plot_legend=rrb.PlotLegend("RightTop"),
            )
            for region, name, unit in plots
        ]
        left = [
            rrb.Spatial2DView(origin="/video", name="video"),
            rrb.StateTimelineView(origin="/lanes", name="beats, regions, constraints"),
            rrb.TextLogView(
                origin="/messages",
                name="messages",
                columns=rrb.TextLogColumns(
                    text_log_columns=["LogLevel", "Body"], timeline_columns=[rrb.encodings.TimelineColumn(TAKE, visible=False)]
                ),
            ),
        ]
        return rrb.Blueprint(
            rrb.Horizontal(rrb.Vertical(*left, row_shares=[5, 3, 4]), rrb.Vertical(*views), column_shares=[4, 5]),
            rrb.TimePanel(timeline=TAKE, state="collapsed", fps=float(self.story.fps)),
            rrb.BlueprintPanel(state="collapsed"),
            rrb.SelectionPanel(state="collapsed"),
            auto_views=False,
        )


def _jpeg(frame: NDArray[np.uint8]) -> bytes:
    """A frame as a JPEG picture, scaled down to MAX_SIDE."""
    from PIL import Image  # noqa: PLC0415 - only frames need it

    picture = Image.fromarray(frame)
    picture.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=QUALITY)
    return stream.getvalue()


def _timeline(story: Story) -> Timeline | None:
    """The tracks of the beats up to the first that lacks one; of those that are not decided, the last proposals."""
    beats = []
    for beat in story.beats:
        tracks = beat.tracks()
        if len(tracks) < len(REGIONS):
            break
        beats.append(CommittedBeat(start=beat.start, end=beat.end, tracks=tracks))
    return Timeline(beats=tuple(beats)) if beats else None


def _came_colour(state: str) -> int:
    """Of a region's lane: quiet where it does what it wanted to."""
    return _TONES["Ruled"] if state.startswith("ruled") else _GREY if state.startswith("as proposed") else _TONES["Objected"]


def _came(beat: BeatStory, region: Region) -> str:
    """How a region came to what it does in a beat."""
    if beat.ruled is not None:
        rung = beat.ruled[1].rulings[REGIONS.index(region)].rung
        if rung != "kept":
            return f"ruled: {rung}"
    revisions = [proposal for _, proposal in beat.proposals if proposal.region == region and proposal.round]
    state = revisions[-1].why[:80] if revisions else "as proposed"
    return state if beat.state != "open" else f"{state} (not decided)"


def _broken(beats: Sequence[BeatStory]) -> dict[str, list[tuple[float, str]]]:
    """By constraint, where it began to be broken on the table, and where that was over."""
    found: dict[str, list[tuple[float, str]]] = {}
    for beat in beats:
        spans: dict[str, tuple[float, float, str]] = {}
        for raised in beat.raised:
            violation = raised.violation
            start, end = beat.start + violation.start, beat.start + violation.end
            before = spans.get(violation.constraint, (start, end, ""))
            state = f"{violation.yields} {'yield' if violation.yields in ('brows', 'eyes') else 'yields'}"
            spans[violation.constraint] = (min(before[0], start), max(before[1], end), state)
        for constraint, (start, end, state) in spans.items():
            found.setdefault(constraint, []).extend([(start, state), (end, _NO_STATE)])
    return found


def _moments(records: Sequence[Record], story: Story) -> list[float]:
    """Where on the take's line of time each message stands: an objection where the constraint is broken, frames at the first
    of them, all others side by side within their beat, in order."""
    counts: dict[int, int] = {}
    for beat in story.place:
        counts[beat] = counts.get(beat, 0) + 1
    spans = {beat.number: (beat.start, beat.end) for beat in story.beats}
    reached: dict[int, int] = {}
    moments = []
    for record, number in zip(records, story.place, strict=True):
        message = record.message
        reached[number] = reached.get(number, -1) + 1
        start, end = spans.get(number, (0.0, 0.0))
        chunk = getattr(message, "chunk", None)
        if isinstance(message, Objected):
            moments.append(start + min(violation.start for violation in message.violations))
        elif chunk in story.cuts:
            moments.append(float(story.cuts[chunk].first / story.fps))
        else:
            moments.append(start + (end - start) * reached[number] / counts[number])
    return moments


def _rgba(*colours: int) -> NDArray[np.uint32]:
    """Opaque colours; four of them as a plain list would be taken for the parts of one."""
    return np.array([colour << 8 | 0xFF for colour in colours], np.uint32)


def _darker(colour: int) -> int:
    """The same hue at two thirds of its brightness."""
    return sum((colour >> shift & 0xFF) * 2 // 3 << shift for shift in (0, 8, 16))
