"""What the critic finds: a review, plain data that goes into a take's record."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from protocol.brief import Words
from protocol.keyframes import Frozen

Share = Annotated[float, Field(ge=0, le=1)]


class IntentFound(Frozen):
    """One thing that a brief asks for, and what the motion shows of it.

    Attributes:
        beat: number of the beat that asks for it first.
        name: gesture or emotional state as in the catalogue; "limit" or "still" for what is asked not to move.
        side: the subject's side, where it has one.
        at: seconds from the start of the take at which it is asked for.
        words: the words that it comes from.
        present: how plainly it is seen, 0 to 1.
        late: seconds by which it comes later than asked for; below 0 if earlier; 0 if it is not there.
        strength: its size as a share of the size that is asked for.
        note: what else there is to say; may be empty.
        score: 0 to 1, from all of these.
    """

    beat: int
    name: str
    side: str
    at: float
    words: Words
    present: Share
    late: float
    strength: float
    note: str
    score: Share


class Measured(Frozen):
    """One measure of a motion beside the range that it is expected in.

    Attributes:
        name: the measure, as in `configs/critic.yaml`; for strain the id of the soft constraint.
        about: what is measured, in a few words.
        value: in `unit`.
        low: end of the range that it is judged by.
        high: the other end.
        unit: what it is measured in; empty for plain numbers.
        at: seconds at which it is worst; None where it is of the whole take.
        score: 1 where most people are, less toward the ends of the range, and 0 far outside of it.
        people: the range of people where the motion is too short to be judged by it, so that low and high are further apart;
            None where they are that range.
        note: what was counted, and what would be no surprise in so short a motion; empty where there is nothing to say.
    """

    name: str
    about: str
    value: float
    low: float
    high: float
    unit: str
    at: float | None = None
    score: Share
    people: tuple[float, float] | None = None
    note: str = ""

    @property
    def inside(self) -> bool:
        """Whether it is in the range that it is judged by."""
        return self.low <= self.value <= self.high

    @property
    def shown_range(self) -> tuple[float, float]:
        """The range to show beside it: that of people."""
        return self.people or (self.low, self.high)


class Review(Frozen):
    """What became of a brief in a motion.

    Attributes:
        score: 0 to 100.
        weakest: the weakest point, one sentence for a director.
        intents: everything that was asked for, in the order of time.
        nature: how alive the motion is, measure by measure.
        strain: soft constraints that it strains.
    """

    score: Annotated[float, Field(ge=0, le=100)]
    weakest: str
    intents: tuple[IntentFound, ...]
    nature: tuple[Measured, ...]
    strain: tuple[Measured, ...]

    @property
    def told(self) -> tuple[IntentFound, ...]:
        """What to tell people of: words that set several limits at a time are one intent to them, the worst kept of those."""
        kept: dict[tuple[object, ...], IntentFound] = {}
        for place, intent in enumerate(self.intents):
            same = (intent.beat, intent.at, intent.words) if intent.name == "limit" else (place,)
            if same not in kept or intent.score < kept[same].score:
                kept[same] = intent
        return tuple(kept.values())
