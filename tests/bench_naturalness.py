"""How alive planned faces are: ten minutes of idle and acted motion, measured and printed beside the ranges of people.

    python tests/bench_naturalness.py

Takes are planned in process by the embedded planner, with negotiation. The exit status is 1 if a figure lies outside its range.
"""

from __future__ import annotations

import io
import statistics
import sys

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise

import numpy as np

from protocol.channels import INDEX
from protocol.journal import JournalWriter
from protocol.messages import Objected, Ruled
from protocol.timeline import sample
from runtime.inline import InlineBase
from runtime.loading import Loaded, load
from runtime.options import TakeOptions
from runtime.take import Watch, opening, run_take
from tests import naturalness as nature

FELT = (
    "She smiles with real joy for three seconds, then the smile fades.",
    "A genuine smile spreads over his face and then goes away.",
    "She is happy.",
    "After a second he beams with delight, then calms down.",
)
POSED = (
    "She gives a polite smile for two seconds, then goes back to neutral.",
    "He puts on a fake smile for a moment.",
    "A social smile, then a neutral face.",
    "She gives a forced smile and drops it.",
)
TURNING = (
    "She turns her head to the left, then faces the camera again.",
    "He turns his head far to the right and looks back at us.",
    "She looks far to the left, then far to the right, then at the camera.",
    "He looks over his left shoulder, startled, and then back.",
    "She looks 40 degrees to the right and then 40 degrees to the left.",
    "He snaps his head to the left.",
)
GAZING = (
    "His eyes go to the left, then to the right, then up, his head still.",
    "Only her eyes move: she glances left, glances right, glances up and down.",
    "She scans the room nervously with her eyes.",
    "He looks down for two seconds, then up at the ceiling.",
)
TALKING = (
    "She talks excitedly for eight seconds.",
    "He explains something calmly, talking for ten seconds and nodding now and then.",
    "She whispers for eight seconds.",
    "He talks for 9 seconds.",
)
FLASHES = (
    "A flash of fear crosses her face and she smiles again.",
    "For a split second he looks disgusted.",
    "A fleeting look of contempt, then a neutral face.",
)
HELD = (
    "He holds a broad grin for five seconds.",
    "She keeps her eyebrows raised for four seconds.",
    "He frowns for five seconds.",
    "She winks and smirks.",
)
SHUTTING = (
    "She closes her eyes for three seconds, then opens them.",
    "He yawns and closes his eyes, then opens them again.",
    "She shuts her eyes tight in pain, then looks at us.",
)
ACTING = (
    "She nods twice and says yes.",
    "He nods slowly and thoughtfully, then shakes his head.",
    "She laughs out loud for four seconds.",
    "He bursts out laughing, then wipes the grin off his face.",
    "She is surprised, then afraid.",
    "His jaw drops in amazement.",
    "She raises her eyebrows, then frowns.",
    "He gets angry and stares hard for three seconds.",
    "She cries, then pulls herself together.",
    "He smells something rotten and pulls back.",
    "She yawns and closes her eyes.",
    "He is in pain and winces twice.",
    "She tilts her head, confused, and squints.",
    "He looks proud and lifts his chin.",
    "She sees a ghost.",
)
SECONDS = 8.0
RANGES: Mapping[str, tuple[float, float, str, str]] = {
    "blinks at rest": (8, 21, "/min", "Doughty 2001; Bentivoglio 1997: 17"),
    "blinks while talking": (10.5, 32.5, "/min", "Doughty 2001; Bentivoglio 1997: 26"),
    "gap between blinks, median": (2, 5, "s", "60 / 17 = 3.5, log-normal (Bentivoglio 1997)"),
    "gaps, sigma of the logarithm": (0.3, 0.9, "", "log-normal (Bentivoglio 1997)"),
    "gaps shorter than 0.4 s": (0, 0.02, "", "least gap 0.4 s (P)"),
    "soonest blink after shut eyes": (0.9, 60, "s", "nothing to wet yet (P)"),
    "blinks that come in twos": (0.04, 0.2, "", "0.12 (P), 0.15 (V)"),
    "blinks that do not close": (0.25, 0.56, "", "0.44 to 0.75 close: Sforza 2008"),
    "closing": (60, 105, "ms", "66 to 78; capture 100 (V, M)"),
    "opening": (110, 205, "ms", "150 to 200 (M)"),
    "opening / closing": (1.4, 2.3, "", "closing 1.4 times as fast or more: Sforza 2008"),
    "lid speed, 99.9 %": (8, 28, "/s", "14 at 30 Hz (M); rule 28"),
    "saccade time / (21 ms + 2.2 A)": (0.85, 1.2, "", "Carpenter 1988"),
    "saccade times near it": (0.9, 1, "", "between 0.75 and 1.3 of it"),
    "saccade speed / 473 (1 - e^(-A / 7.8))": (0.85, 1.3, "", "main sequence; asymptote 473, 500 to 700"),
    "saccade speeds near it": (0.9, 1, "", "asymptote 380 to 700"),
    "eyes start before the head": (0, 100, "ms", "0 to 50; 40 (Freedman 2008)"),
    "turns in which they do not": (0, 0.1, "", "Freedman 2008"),
    "gain of the eyes against the head": (-1.15, -0.85, "", "vestibulo-ocular reflex, near -1"),
    "head turns over 17 degrees with a blink": (0.9, 1, "", "Evinger 1994"),
    "shifts of gaze over 33 degrees with one": (0.9, 1, "", "0.97: Evinger 1994"),
    "felt smile, onset 2 to 98 %": (400, 700, "ms", "400 to 700 spontaneous (L)"),
    "felt smile, 10 to 80 %": (100, 1000, "ms", "100 to 1000 (M)"),
    "felt smile, offset": (400, 1300, "ms", "900; 400 to 1000 (Krumhuber, Ekman 2003)"),
    "felt smile, speed": (0.5, 8, "/s", "8 at most (M)"),
    "posed smile, onset 2 to 98 %": (100, 400, "ms", "130 to 400 (P after Krumhuber)"),
    "posed smile, offset": (150, 600, "ms", "270 (P after Krumhuber)"),
    "relative speed of onset, posed / felt": (1.2, 6, "", "posed ones are faster: Schmidt 2006, Guo 2018"),
    "cheeks / corners, felt": (0.5, 1.2, "", "AU 6 with AU 12: Ekman 1982; rule R09"),
    "cheeks / corners, posed": (0, 0.25, "", "the eyes are left alone"),
    "cheeks after corners, felt": (0, 100, "ms", "within 100 ms (R09)"),
    "nods": (1.8, 3.7, "/s", "Hadar 1985"),
    "notes of laughter": (4.3, 5.1, "/s", "every 210 to 218 ms: Provine and Yong 1991"),
    "longest micro-expression": (0.1, 0.5, "s", "Yan 2013"),
    "longest onset of one": (0.03, 0.26, "s", "Yan 2013"),
    "idle sway, half of the range": (0.5, 2, "deg", "1 to 2 (V)"),
    "idle sway, mean frequency": (0.1, 0.45, "Hz", "0.13 to 0.41 (V); below 0.4: Hadar 1983"),
    "breath": (12, 20, "/min", "12 to 20 (V)"),
    "one side weaker by": (0.005, 0.08, "", "0.005 to 0.036 (M), at most 0.08 (R10)"),
    "one side later by": (2, 15, "ms", "5 to 15 (P)"),
    "time in which nothing moves": (0, 0.01, "", "nothing is held dead still (P)"),
    "stir of what is held, idle motion off": (0.01, 0.08, "/s", "2 to 5 % (P)"),
    "eyeWide, 99.9 % of speeds": (0.2, 10, "/s", "99.9 % on capture (M)"),
    "mouthSmile, 99.9 % of speeds": (0.2, 8, "/s", "99.9 % on capture (M)"),
    "browDown, 99.9 % of speeds": (0.2, 8, "/s", "99.9 % on capture (M)"),
    "jawOpen, 99.9 % of speeds": (0.2, 7, "/s", "99.9 % on capture (M)"),
    "mouthFrown, 99.9 % of speeds": (0.2, 6.5, "/s", "99.9 % on capture (M)"),
    "noseSneer, 99.9 % of speeds": (0.2, 5, "/s", "99.9 % on capture (M)"),
}
"""Smallest and largest value of each figure, its unit, and their source (V read in it, L literature from memory, M measured on
capture, P our proposal)."""


@dataclass(slots=True)
class Take:
    """A planned take: its samples at `nature.RATE`, the names of its acts, and what it was bargained over."""

    direction: str
    samples: nature.Row
    beats: int
    objections: int
    rulings: int
    acts: tuple[str, ...] = field(default=())

    @property
    def seconds(self) -> float:
        """Its length."""
        return (self.samples.shape[1] - 1) / nature.RATE


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured figure, and over how many cases."""

    name: str
    value: float
    over: int

    @property
    def ok(self) -> bool:
        """Whether it lies in its range."""
        low, high, _, _ = RANGES[self.name]
        return self.over > 0 and low <= self.value <= high


def plan(loaded: Loaded, direction: str, seconds: float | None, seed: int, *, idle: bool = True) -> Take:
    """A take by the embedded planner, as `textuportray plan` makes it."""
    options = TakeOptions(direction=direction, seconds=seconds, seed=seed, idle=idle)
    journal = JournalWriter(io.BytesIO(), lambda: None)
    result = run_take(opening(options, loaded), loaded, journal, InlineBase(), Watch(lambda: 0.0))
    assert result.timeline is not None, direction
    assert result.brief is not None, direction
    told = [record.message for record in result.records]
    acts = tuple(act.name for beat in result.brief.beats for act in beat.acts)
    samples = sample(result.timeline, Fraction(nature.RATE))
    objections = sum(isinstance(one, Objected) for one in told)
    return Take(direction, samples, len(result.brief.beats), objections, sum(isinstance(one, Ruled) for one in told), acts)


def middle(values: Sequence[float]) -> float:
    """The median; 0 of nothing."""
    return statistics.median(values) if values else 0.0


def blinking(idle: Sequence[Take], talking: Sequence[Take], acted: Sequence[Take], shutting: Sequence[Take]) -> list[Figure]:
    """Blinks: how often, how far apart, how far, how fast."""
    rest = [nature.blinks(take.samples) for take in idle]
    talk = [nature.blinks(take.samples) for take in talking]
    every = [blink for take in (*rest, *talk) for blink in take]
    gaps = [b.at - a.at for take in rest for a, b in pairwise(take)]
    close = gaps + [b.at - a.at for take in acted for a, b in pairwise(nature.blinks(take.samples))]
    after = [blink.at - opened for take in shutting for opened, blink in _after_shut(take)]
    single = [gap for gap in gaps if gap > 0.6]
    twice = sum(gap <= 0.6 for gap in gaps)
    minutes, talked = (sum(take.seconds for take in takes) / 60 for takes in (idle, talking))
    ratio = [blink.opening / blink.closing for blink in every]
    return [
        Figure("blinks at rest", sum(map(len, rest)) / minutes, sum(map(len, rest))),
        Figure("blinks while talking", sum(map(len, talk)) / talked, sum(map(len, talk))),
        Figure("gap between blinks, median", middle(single), len(single)),
        Figure("gaps, sigma of the logarithm", statistics.pstdev(np.log(single)), len(single)),
        Figure("gaps shorter than 0.4 s", sum(gap < 0.4 for gap in close) / len(close), len(close)),
        Figure("soonest blink after shut eyes", min(after, default=0.0), len(after)),
        Figure("blinks that come in twos", twice / max(sum(map(len, rest)) - twice, 1), sum(map(len, rest))),
        Figure("blinks that do not close", sum(b.peak < 0.9 for b in every) / len(every), len(every)),
        Figure("closing", 1000 * middle([b.closing for b in every]), len(every)),
        Figure("opening", 1000 * middle([b.opening for b in every]), len(every)),
        Figure("opening / closing", middle(ratio), len(every)),
        Figure("lid speed, 99.9 %", float(np.percentile([v for b in every for v in b.speeds], 99.9)), len(every)),
    ]


def _after_shut(take: Take) -> Iterator[tuple[float, nature.Blink]]:
    """When lids that had been shut for a second came open, and the first blink from then on."""
    shut = nature.both(take.samples, "eyeBlink") > 0.5
    for start, end in nature.runs(shut):
        if end - start >= nature.RATE and (
            later := [one for one in nature.blinks(take.samples) if one.at >= end / nature.RATE]
        ):
            yield end / nature.RATE, later[0]


def looking(all_takes: Sequence[Take], turning: Sequence[Take]) -> list[Figure]:
    """Saccades, and eyes with the head."""
    fixed = [jump for take in all_takes for jump in nature.jumps(take.samples) if jump.head < 8 and jump.size >= 2]
    times = [jump.seconds / (0.021 + 0.0022 * jump.size) for jump in fixed]
    speeds = [jump.speed / (473 * (1 - np.exp(-jump.size / 7.8))) for jump in fixed]
    sure = sum(0.75 <= time <= 1.3 for time in times) / max(len(times), 1)
    near = sum(0.8 <= pace <= 1.48 for pace in speeds) / max(len(speeds), 1)
    ahead = [lead for take in turning for lead in nature.leads(take.samples)]
    gains = [gain for take in turning for gain in nature.reflex(take.samples)]
    with_blink: list[bool] = []
    wide: list[bool] = []
    for take in all_takes:
        quick = [turn for turn in nature.turns(take.samples, 17.0, ("headYaw",)) if turn.rests and turn.end - turn.at < 1.2]
        with_blink += [blinked(take, turn) for turn in quick]
        wide += [blinked(take, shift) for shift in nature.shifts(take.samples, 33.0)]
    return [
        Figure("saccade time / (21 ms + 2.2 A)", middle(times), len(times)),
        Figure("saccade times near it", sure, len(times)),
        Figure("saccade speed / 473 (1 - e^(-A / 7.8))", middle(speeds), len(speeds)),
        Figure("saccade speeds near it", near, len(speeds)),
        Figure("eyes start before the head", 1000 * middle(ahead), len(ahead)),
        Figure("turns in which they do not", sum(lead < -0.03 for lead in ahead) / max(len(ahead), 1), len(ahead)),
        Figure("gain of the eyes against the head", middle(gains), len(gains)),
        Figure("head turns over 17 degrees with a blink", sum(with_blink) / max(len(with_blink), 1), len(with_blink)),
        Figure("shifts of gaze over 33 degrees with one", sum(wide) / max(len(wide), 1), len(wide)),
    ]


def blinked(take: Take, shift: nature.Shift) -> bool:
    """Whether a blink goes with a shift, or the lids are shut anyway."""
    if any(shift.at - 0.3 < blink.at < shift.end + 0.1 for blink in nature.blinks(take.samples)):
        return True
    lids = nature.both(take.samples, "eyeBlink")[round(shift.at * nature.RATE) : round(shift.end * nature.RATE) + 1]
    return float(lids.max()) > 0.7


def smiling(felt: Sequence[Take], posed: Sequence[Take]) -> list[Figure]:
    """Smiles that are felt, and posed ones."""
    rises: dict[str, list[nature.Onset]] = {}
    ends: dict[str, list[float]] = {}
    cheeks: dict[str, list[float]] = {}
    cheek_lag = []
    for kind, takes in (("felt", felt), ("posed", posed)):
        rises[kind], ends[kind], cheeks[kind] = [], [], []
        for take in takes:
            row, cheek = nature.both(take.samples, "mouthSmile"), nature.both(take.samples, "cheekSquint")
            came = nature.onset(row)
            if came is None:
                continue
            rises[kind].append(came)
            cheeks[kind].append(float(cheek.max()) / float(row.max()))
            if row[-1] < 0.1:
                ends[kind].append(nature.offset_seconds(row))
            raised = nature.onset(cheek)
            if kind == "felt" and raised:
                cheek_lag.append(abs(raised.at + raised.seconds / 2 - came.at - came.seconds / 2))
    swift = [middle([one.speed / one.size for one in rises[kind]]) for kind in ("posed", "felt")]
    return [
        Figure("felt smile, onset 2 to 98 %", 1000 * middle([r.seconds for r in rises["felt"]]), len(rises["felt"])),
        Figure("felt smile, 10 to 80 %", 1000 * middle([r.middle for r in rises["felt"]]), len(rises["felt"])),
        Figure("felt smile, offset", 1000 * middle(ends["felt"]), len(ends["felt"])),
        Figure("felt smile, speed", middle([r.speed for r in rises["felt"]]), len(rises["felt"])),
        Figure("posed smile, onset 2 to 98 %", 1000 * middle([r.seconds for r in rises["posed"]]), len(rises["posed"])),
        Figure("posed smile, offset", 1000 * middle(ends["posed"]), len(ends["posed"])),
        Figure("relative speed of onset, posed / felt", swift[0] / swift[1] if swift[1] else 0.0, len(rises["posed"])),
        Figure("cheeks / corners, felt", middle(cheeks["felt"]), len(cheeks["felt"])),
        Figure("cheeks / corners, posed", middle(cheeks["posed"]), len(cheeks["posed"])),
        Figure("cheeks after corners, felt", 1000 * middle(cheek_lag), len(cheek_lag)),
    ]


def moving(idle: Sequence[Take], acted: Sequence[Take], micro: Sequence[Take]) -> list[Figure]:
    """Nods, laughter, what flashes by, sway, breath."""
    nods = [
        f for take in acted if "nod" in take.acts for f in nature.beat_rate(take.samples[INDEX["headPitch"]], 3.0) if f > 0.7
    ]
    laughs = [
        f for take in acted if "laugh" in take.acts for f in nature.beat_rate(take.samples[INDEX["jawOpen"]], 0.04) if f > 3
    ]
    sway = [float(np.ptp(take.samples[INDEX[f"head{axis}"]])) / 2 for take in idle for axis in ("Yaw", "Pitch", "Roll")]
    pace = [_main_rate(take.samples[INDEX[f"head{axis}"]]) for take in idle for axis in ("Yaw", "Pitch", "Roll")]
    breath = [60 * f for take in idle for f in nature.beat_rate(take.samples[INDEX["headY"]], 0.04)]
    totals, rises = [], []
    for take in micro:
        for stem in ("mouthStretch", "noseSneer", "mouthDimple", "browDown", "eyeWide"):
            row = np.maximum(take.samples[INDEX[f"{stem}Left"]], take.samples[INDEX[f"{stem}Right"]])
            up = list(nature.runs(row > 0.12 * float(row.max())))
            if float(row.max()) > 0.2 and len(up) == 1:
                totals.append((up[0][1] - up[0][0]) / nature.RATE)
                rises.append((int(np.argmax(row)) - up[0][0]) / nature.RATE)
                break
    return [
        Figure("nods", middle(nods), len(nods)),
        Figure("notes of laughter", middle(laughs), len(laughs)),
        Figure("longest micro-expression", max(totals, default=0), len(totals)),
        Figure("longest onset of one", max(rises, default=0), len(rises)),
        Figure("idle sway, half of the range", middle(sway), len(sway)),
        Figure("idle sway, mean frequency", middle(pace), len(pace)),
        Figure("breath", middle(breath), len(breath)),
    ]


def _main_rate(row: nature.Row) -> float:
    """The mean frequency of a row, weighted by power."""
    power = np.abs(np.fft.rfft(row - row.mean())) ** 2
    steps = np.fft.rfftfreq(len(row), 1 / nature.RATE)
    return float((power * steps).sum() / power.sum())


def alive(idle: Sequence[Take], acted: Sequence[Take], plain: Sequence[Take]) -> list[Figure]:
    """Sides, lags, stillness."""
    stems = ("mouthSmile", "mouthFrown", "browDown", "browOuterUp", "cheekSquint")
    pairs = [pair for stem in stems for take in acted if (pair := nature.sides(take.samples, stem)) and pair[0] < 0.25]
    apart, lags = [pair[0] for pair in pairs], [pair[1] for pair in pairs if pair[1] < 0.1]
    stirs = [stir for take in plain for stir in nature.held(take.samples)]
    every = (*idle, *acted)
    still = sum(nature.still_share(take.samples) * take.seconds for take in every) / sum(take.seconds for take in every)
    return [
        Figure("one side weaker by", middle(apart), len(apart)),
        Figure("one side later by", 1000 * middle(lags), len(lags)),
        Figure("time in which nothing moves", still, len(every)),
        Figure("stir of what is held, idle motion off", middle(stirs), len(stirs)),
    ]


def pace_of(acted: Sequence[Take]) -> list[Figure]:
    """The fastest that channels move, at the 30 frames a second of the capture they are compared with."""
    figures = []
    every = nature.RATE // 30
    for stem in ("eyeWide", "mouthSmile", "browDown", "jawOpen", "mouthFrown", "noseSneer"):
        names = [name for name in INDEX if name.startswith(stem)]
        speeds = np.concatenate([np.abs(np.diff(take.samples[INDEX[name]][::every])) * 30 for take in acted for name in names])
        figures.append(Figure(f"{stem}, 99.9 % of speeds", float(np.percentile(speeds, 99.9)), len(speeds)))
    return figures


def show(title: str, figures: Sequence[Figure]) -> int:
    """Print figures beside their ranges; how many lie outside."""
    print(f"\n{title}")
    for one in figures:
        low, high, unit, source = RANGES[one.name]
        mark = "ok " if one.ok else "OUT"
        print(f"  {one.name:<41}{one.value:9.3f} {unit:<4} {f'{low:g} .. {high:g}':>14}  {mark} n={one.over:<6} {source}")
    return sum(not one.ok for one in figures)


def main() -> int:
    """Plan, measure, print."""
    loaded = load()
    idle = [plan(loaded, "neutral face", 60.0, seed) for seed in range(1, 6)]
    talking = [plan(loaded, text, None, seed) for seed in (1, 2) for text in TALKING]
    felt, posed = ([plan(loaded, text, 5.0, seed) for seed in (1, 2) for text in texts] for texts in (FELT, POSED))
    turning = [plan(loaded, text, 6.0, seed) for seed in (1, 2, 3) for text in TURNING]
    gazing = [plan(loaded, text, 6.0, 1) for text in GAZING]
    micro = [plan(loaded, text, SECONDS, 1) for text in FLASHES]
    shutting = [plan(loaded, text, SECONDS, seed) for seed in range(1, 9) for text in SHUTTING]
    acting = [*(plan(loaded, text, SECONDS, 1) for text in (*ACTING, *HELD)), *micro]
    plain = [plan(loaded, text, SECONDS, 1, idle=False) for text in HELD]
    acted = [*talking, *felt, *posed, *turning, *gazing, *acting, *shutting]
    seconds = [sum(take.seconds for take in takes) for takes in (idle, acted)]
    beats = sum(take.beats for take in acted)
    objections, rulings = (sum(numbers) / beats for numbers in zip(*((t.objections, t.rulings) for t in acted), strict=True))
    print(f"{seconds[0] / 60:.1f} minutes idle, {seconds[1] / 60:.1f} minutes acted in {len(acted)} takes")
    print(f"{objections:.2f} objections and {rulings:.3f} rulings per beat ({beats} beats)")
    outside = show("Blinks", blinking(idle, talking, acted, shutting))
    outside += show("Eyes and head", looking([*idle, *acted], turning))
    outside += show("Smiles", smiling(felt, posed))
    outside += show("Rhythms and flashes", moving(idle, acted, micro))
    outside += show("Sides and stillness", alive(idle, acted, plain))
    outside += show("Speeds", pace_of(acted))
    print(f"\n{outside} figures outside their range" if outside else "\nall figures inside their ranges")
    return 1 if outside else 0


if __name__ == "__main__":
    sys.exit(main())
