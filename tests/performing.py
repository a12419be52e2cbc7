"""Acts performed by the four regions, each by itself, without peers and without repair."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np

from agents.chance import Chance
from agents.composition import compose
from agents.expansion import Expander, left_over, wandering_layers
from agents.idle import Scene, idle_motion
from agents.layers import Layer
from agents.performance import Move, Wandering
from configs.tables import Tables
from protocol.brief import Act, Beat
from protocol.channels import CHANNELS, INDEX, REGIONS, Region
from protocol.constraints import Samples
from protocol.keyframes import Track, exact
from protocol.messages import EndState
from protocol.timeline import RATE, end_state, last_values, rest, view


def act(name: str, start: float = 0.3, end: float = 2.8, **more: object) -> Act:
    """An act of a beat."""
    return Act.model_validate({"name": name, "start": exact(start), "end": exact(end), **more})


def beat(*acts: Act, seconds: float = 4.0, start: float = 0.0, **more: object) -> Beat:
    """A beat with these acts."""
    return Beat.model_validate({"start": exact(start), "end": exact(start + seconds), "summary": "", "acts": acts, **more})


def plainly(asked: Act, seed: int = 1) -> Move:
    """An act performed to the letter, without variation."""
    return Move(act=asked, seed=seed)


def varied(asked: Act, seed: int = 1) -> Move:
    """An act performed with variation."""
    chance = Chance(seed, asked.name, asked.side)
    left, weaker = chance.chooses(0.5), exact(1 - 0.04 * chance.share())
    return Move(
        act=asked,
        size=exact(chance.around(0.06)),
        pace=exact(chance.around(0.1)),
        left=weaker if left else 1.0,
        right=1.0 if left else weaker,
        late=exact(chance.between(-0.015, 0.015)),
        seed=seed,
    )


def to_the_letter(tables: Tables) -> Tables:
    """The tables without what flesh adds: as takes of earlier versions have them."""
    return replace(tables, behaviour=tables.behaviour.model_copy(update={"liveliness": None}))


def layers(tables: Tables, region: Region, move: Move, seconds: float = 4.0) -> list[Layer]:
    """What a move does in a region."""
    return list(Expander(tables.gestures, tables.emotions, region, seconds, tables.behaviour.liveliness).layers(move))


def tracks(tables: Tables, intent: Beat, moves: list[Move], state: EndState, idle: int | None = None) -> tuple[Track, ...]:
    """The tracks of all regions; `idle` is the seed of idle motion, if there is to be any."""
    seconds, start, lively = exact(intent.end - intent.start), last_values(state), tables.behaviour.liveliness
    result = []
    for region in REGIONS:
        own = [move for move in moves if region in move.act.regions]
        plans: list[Wandering] = []
        if idle is not None:
            scene = Scene(tables.gestures, tables.emotions, start, own)
            blinks, plans = idle_motion(region, tables.behaviour, intent, idle, region, scene=scene)
            own += blinks
        begins = left_over(tables.gestures, tables.emotions, intent, start)
        expander = Expander(tables.gestures, tables.emotions, region, seconds, lively, tuple(own), begins)
        stack = [one for move in own for one in expander.layers(move)]
        stack += [one for plan in plans for one in wandering_layers(plan, tables.behaviour.idle.wander[plan.name], lively)]
        result.append(compose(region, stack, start, intent))
    return tuple(result)


class Motion:
    """Samples of a performance at RATE, by channel."""

    def __init__(self, samples: Samples) -> None:
        self.samples = samples
        self.times = np.arange(samples.shape[1]) / RATE

    def __getitem__(self, channel: str) -> Samples:
        return self.samples[INDEX[channel]]

    def at(self, channel: str, time: float) -> float:
        """A channel's value at a time in seconds."""
        return float(self[channel][round(time * RATE)])

    @property
    def moving(self) -> list[str]:
        """Channels that anything happens in, those that follow from others left out."""
        return [name for name, known in CHANNELS.items() if not known.derived and float(np.abs(self[name]).max()) > 1e-6]


def perform(
    tables: Tables,
    *acts: Act,
    seconds: float = 4.0,
    edges: tuple[float, ...] = (),
    vary: bool = False,
    seed: int = 1,
    idle: int | None = None,
    **more: object,
) -> Motion:
    """Acts, with times from the start of the take, performed in one beat or in several that meet at the edges."""
    state, parts = rest(), []
    borders = (0.0, *edges, seconds)
    for begin, finish in pairwise(borders):
        here = [
            one.model_copy(update={"start": exact(one.start - begin), "end": exact(one.end - begin)})
            for one in acts
            if one.start < finish and one.end > begin
        ]
        intent = beat(*here, seconds=exact(finish - begin), start=begin, **more)
        moves = [(varied if vary else plainly)(one, seed) for one in here]
        played = tracks(tables, intent, moves, state, idle)
        seen = view(state, played, exact(finish - begin))
        parts.append(seen.samples[:, seen.first : seen.last - (finish < seconds)])
        state = end_state(seen, played, exact(finish - begin))
    return Motion(np.concatenate(parts, axis=1))
