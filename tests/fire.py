"""Takes under fire: faults drawn by a seed, takes made in spite of them on a Ray that stands, and what is to come of that.

A *run* is a take to which the faults of its *plan* happen: calls of actors are lost or their answers, processes of regions and
renderers are killed, a node goes away, and the coordinator's process is killed with SIGKILL, in the middle of the take or while
it writes what the take leaves behind; then it is gone on with by `textuportray resume`. Whatever happens, the committed
timeline, the motion and every frame are those of the undisturbed take in one process, and no check finds anything in the
journal.

Rules
- The plan follows from the seed and from how the takes are undisturbed. Faults happen at records of the journal
  (tests/fire_player.py), and not at times; which calls Ray loses it draws by itself, by a share that the plan names.
- No run waits for ever: one that is not over in time has failed, with its seed, its journal and where its process hung.
- A fault that did not happen proves nothing: runs say which did.
"""

from __future__ import annotations

import hashlib
import json
import random

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from protocol.channels import REGIONS
from protocol.journal import Record
from protocol.messages import ChunkRendered, ChunkWritten
from runtime.session import Session
from tests.fire_player import FPS, Fault
from tests.lossy_take import Loss
from tests.players import frames_of, painter
from tests.program import journal_file
from tests.staging import portrait_file

KINDS = ("requests", "replies", "region", "renderer", "node", "driver", "closing", "reopening", "program")
"""Of faults: lost calls, lost answers, killed actors, a node that goes, a coordinator that is killed while it plays, at its end
or as it takes up what was cut off; and the program as its user has it, with a face, killed when its journal has so many
bytes."""
DIRECTIONS = (("She smiles, then nods and looks left.", 3.0), ("She blinks, then frowns.", 2.0), ("She opens her mouth.", 1.2))
SIZE = (160, 120)
"""Of the portrait: frames of a chunk are then too large for Ray to send them along with an answer, and stay on their node."""
SEED = 3
OPERATIONS = 14
"""On files, between the end of a take and that of its command."""
REOPENINGS = 11
"""On files, from the beginning of the command that goes on with a take to its first record."""
STRIKES = 2
"""Renderers that may end in one take: a third could be the third for the same chunk, which is then rightly given up."""
FACE_SIZE = 96
"""Pixels of the longer side of videos with a face."""


# ---------------------------------------------------------------------------------------------------------- undisturbed


@dataclass(frozen=True, slots=True)
class Facts:
    """What has to be the same, whatever happens.

    Attributes:
        motion: digest of the motion's file.
        timeline: digest of the timeline's file; the one that closes a take also says which process of a region spoke.
        frames: digest of each frame of the video.
        chunks: digest of the pixels of each chunk.
    """

    motion: str
    timeline: str
    frames: tuple[str, ...]
    chunks: tuple[tuple[int, str], ...]

    @classmethod
    def of(cls, output: Path, records: Sequence[Record]) -> Facts:
        """Of a take that is done."""
        folder = output.with_suffix(".take")
        chunks = {(r.message.chunk, r.message.frames) for r in records if isinstance(r.message, ChunkRendered)}
        motion, timeline = (_digest((folder / name).read_bytes()) for name in ("motion.json", "timeline.json"))
        frames = tuple(_digest(frame) for frame in frames_of(output))
        return cls(motion, timeline, frames, tuple(sorted(chunks)))

    def differing(self, other: Facts) -> list[str]:
        """The names of what is not the same."""
        return [name for name in ("motion", "timeline", "frames", "chunks") if getattr(self, name) != getattr(other, name)]


@dataclass(frozen=True, slots=True)
class Script:
    """A take as it is when nothing happens.

    Attributes:
        direction: what the face does.
        seconds: how long.
        portrait: who acts.
        output: its video.
        records: its journal.
        facts: what comes of it.
    """

    direction: str
    seconds: float
    portrait: Path
    output: Path
    records: tuple[Record, ...]
    facts: Facts

    @property
    def chunks(self) -> int:
        """How many it has."""
        return sum(isinstance(record.message, ChunkWritten) for record in self.records)

    def sizes(self, folder: Path) -> tuple[int, int]:
        """Bytes of its journal while it is written: with its first record, and with all."""
        path = folder / "size.mcap"
        first, whole = (journal_file(path, some, close=False).stat().st_size for some in (self.records[:1], self.records))
        return first, whole


class Scripts:
    """The takes that runs are compared with, made in this process as they are asked for.

    Args:
        folder: for their files.
        face: a portrait with a face, for the real renderer; None if there is none, or no models.
    """

    def __init__(self, folder: Path, face: Path | None = None) -> None:
        self._folder = folder
        self._face = face
        self._made: dict[Any, Script] = {}

    @cached_property
    def stripes(self) -> Path:
        """A portrait without a face."""
        return portrait_file(self._folder / "stripes.png", SIZE)

    @property
    def kinds(self) -> tuple[str, ...]:
        """Of faults, those that can be had here."""
        return KINDS if self._face else tuple(kind for kind in KINDS if kind != "program")

    def of(self, number: int, *, real: bool) -> Script:
        """A take by its number, with the real renderer or the small one."""
        key = (number, real)
        if key not in self._made:
            self._made[key] = self._make(*DIRECTIONS[number], real=real)
        return self._made[key]

    def _make(self, direction: str, seconds: float, *, real: bool) -> Script:
        portrait = self._face if real else self.stripes
        assert portrait is not None
        output = self._folder / f"script{len(self._made)}.mkv"
        film = {"size": FACE_SIZE} if real else {}
        with Session(runtime="inline", opener=None if real else painter) as session:
            made = session.animate(portrait, direction, output, seconds=seconds, seed=SEED, fps=FPS, film=film)
        records = made.take.records
        return Script(direction, seconds, portrait, output, records, Facts.of(output, records))


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()


# ---------------------------------------------------------------------------------------------------------------- plans


@dataclass(frozen=True, slots=True)
class Plan:
    """What happens in a run.

    Attributes:
        seed: that it was drawn by.
        kinds: of faults that are in it.
        script: number of the take.
        loss: what Ray loses, of all processes that play; None for nothing.
        acts: the faults of the take as it is begun, and of each time that it is gone on with.
        bytes: for the program, shares of its journal at which it is killed, each in its turn.
    """

    seed: int
    kinds: tuple[str, ...]
    script: int
    loss: Loss | None
    acts: tuple[tuple[Fault, ...], ...]
    bytes: tuple[float, ...] = ()

    def __str__(self) -> str:
        lost = f"loses {self.loss.requests:g} % of requests, {self.loss.replies:g} % of replies; " if self.loss else ""
        if self.bytes:
            acts = [f"kill -9 at {share:.1%} of the journal" for share in self.bytes]
        else:
            acts = [", ".join(map(str, act)) or "nothing" for act in self.acts]
        return f"seed {self.seed}, take {self.script}: {lost}{'; resume: '.join(acts)}"


def drawn(seed: int, scripts: Scripts, kinds: Sequence[str]) -> Plan:
    """The plan of a seed: the kinds take turns at being in it for certain, and up to two others come with them.

    Args:
        seed: any number.
        scripts: the takes; faults are drawn from where they are.
        kinds: that it may have.
    """
    chance = random.Random(seed)  # noqa: S311 - nobody is to be kept from guessing it
    kind = kinds[seed % len(kinds)]
    number = chance.randrange(len(DIRECTIONS))
    if kind == "program":
        shares = sorted(round(chance.random(), 3) for _ in range(chance.choice([1, 1, 2])))
        return Plan(seed, (kind,), number, None, (), tuple(shares))
    others = [other for other in kinds if other not in (kind, "program")]
    among = {kind, *chance.sample(others, min(len(others), chance.choice([0, 1, 1, 2])))}
    if "reopening" in among:
        among.add("driver")  # something has to have been cut off
    script = scripts.of(number, real=False)
    places = range(2, len(script.records))
    kills = sorted(chance.choices(places, k=chance.choice([1, 1, 2, 3]))) if "driver" in among else []
    ends = [chance.randint(1, OPERATIONS) for _ in range(chance.choice([1, 1, 2]))] if "closing" in among else []
    acts: list[list[Fault]] = [[Fault("driver", place)] for place in kills] + [[Fault("closing", place)] for place in ends]
    acts.append([])
    kills.append(len(script.records))  # the act after the last of them comes to the end of the take
    if "region" in among:
        for _ in range(chance.choice([1, 1, 2, 3])):
            act = chance.randrange(len(kills))
            place = chance.randint(2, kills[act])
            acts[act].append(Fault("region", place, chance.choice(REGIONS), chance.random() < 0.5))
    if "node" in among:
        act = chance.randrange(len(kills))
        acts[act].append(Fault("node", chance.randint(2, kills[act]), chance.choice("01")))
    if "renderer" in among:
        for _ in range(chance.randint(1, STRIKES - ("node" in among))):
            when = chance.choice(["assigned", "rendered"])
            acts[len(kills) - 1].append(Fault("renderer", chance.randrange(script.chunks), when, chance.random() < 0.5))
    if "reopening" in among:
        acts.insert(chance.randrange(1, len(kills)), [Fault("reopening", chance.randint(1, REOPENINGS))])
    loss = None
    if among & {"requests", "replies"}:
        share = chance.choice([8, 15])
        shares = [share if each in among else 0 for each in ("requests", "replies")]
        loss = Loss(1_000_000, shares[0], shares[1])
    return Plan(seed, tuple(each for each in KINDS if each in among), number, loss, tuple(map(tuple, acts)))


# -------------------------------------------------------------------------------------------------------------- results


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a run.

    Attributes:
        seed: of its plan.
        kinds: of faults that it was to have.
        plan: in words.
        bit: how often each kind happened; "doubt" for calls of which Ray did not say whether they were done.
        problems: what is not as it should be.
        seconds: that it took.
        resumed: times that it was gone on with.
        rejoined: processes that asked to take the place of a region's.
        gone: renderers that ended.
        again: frames that were rendered besides those of the video.
    """

    seed: int
    kinds: tuple[str, ...]
    plan: str
    bit: dict[str, int]
    problems: tuple[str, ...]
    seconds: float
    resumed: int = 0
    rejoined: int = 0
    gone: int = 0
    again: int = 0

    @property
    def missed(self) -> list[str]:
        """Kinds of faults that were to happen and did not, as far as the take that is left can tell: a process, say, may have
        been killed when nobody had anything to ask of it any more."""
        ended = {"region": self.rejoined, "renderer": self.gone, "node": self.rejoined + self.gone, "driver": self.resumed}
        doubt = self.bit.get("doubt", 0)
        told = {**self.bit, "requests": doubt, "replies": doubt}
        return [kind for kind in self.kinds if not (told.get(kind) and ended.get(kind, 1))]

    def line(self) -> str:
        """As results are kept."""
        return json.dumps(asdict(self))

    @staticmethod
    def read(line: str) -> Outcome:
        """The outcome of a line."""
        data = json.loads(line)
        return Outcome(**{**data, "kinds": tuple(data["kinds"]), "problems": tuple(data["problems"])})

    def __str__(self) -> str:
        bit = ", ".join(f"{kind} {count}" for kind, count in sorted(self.bit.items())) or "nothing"
        end = "the same" if not self.problems else "FAILED: " + "; ".join(self.problems)
        return f"{self.plan}\n    {self.seconds:5.1f} s, happened: {bit}; {end}"


def table(outcomes: Sequence[Outcome]) -> str:
    """Outcomes by kind of fault."""
    head = f"{'fault':<12}{'runs':>6}{'happened':>10}{'same':>6}{'failed':>8}{'mean s':>8}"
    head += f"{'in doubt':>10}{'resumed':>9}{'rejoined':>10}{'gone':>6}{'again':>7}"
    lines = [head]
    for kind in (*KINDS, "all"):
        these = [each for each in outcomes if kind in (*each.kinds, "all")]
        if not these:
            continue
        happened = len(these) - sum(kind in each.missed for each in these)
        failed = sum(bool(each.problems) for each in these)
        mean = sum(each.seconds for each in these) / len(these)
        doubt = sum(each.bit.get("doubt", 0) for each in these)
        sums = [sum(getattr(each, name) for each in these) for name in ("resumed", "rejoined", "gone", "again")]
        line = f"{kind:<12}{len(these):>6}{happened:>10}{len(these) - failed:>6}{failed:>8}{mean:>8.1f}"
        lines.append(line + f"{doubt:>10}{sums[0]:>9}{sums[1]:>10}{sums[2]:>6}{sums[3]:>7}")
    return "\n".join(lines)


def never(outcomes: Sequence[Outcome]) -> list[str]:
    """Kinds of faults that were to happen, and did in no run."""
    asked = {kind for each in outcomes for kind in each.kinds}
    happened = {kind for each in outcomes for kind in each.kinds if kind not in each.missed}
    return sorted(asked - happened)
