"""What the four regions would make of a brief, without anybody to talk to: a look at a draft before a take is spent on it.

Each beat is proposed by the embedded planners and brought within the hard constraints at one stroke, as a ruling would, in
place of rounds. So a rehearsal is what a take comes to but for the order in which regions give way; it is not journaled, and
nobody may take it for one.
"""

from __future__ import annotations

from fractions import Fraction

from agents.regions import LexiconRegion, Question
from agents.tracks import performed
from configs.tables import Tables
from protocol.brief import Brief
from protocol.channels import REGIONS
from protocol.constraints import Samples
from protocol.keyframes import exact
from protocol.messages import BeatOpened, TakeOpened, digest
from protocol.repair import repair_tracks
from protocol.timeline import CommittedBeat, Timeline, end_state, last_values, rest, sample, view

RATE = Fraction(60)
"""Frames per second of a rehearsed motion."""


def rehearse(tables: Tables, opened: TakeOpened, brief: Brief) -> Samples:
    """The motion that embedded regions would make of a brief.

    Args:
        tables: catalogue, states, behaviour and constraints.
        opened: the take that it is for: its seed and its flags decide about variation and idle motion.
        brief: what is asked for. Its acts may be anybody's; whatever is not in the catalogue is left out.

    Returns:
        float64 [channels, frames] at 60 frames per second, rows in the order of `protocol.channels.NAMES`.
    """
    planner = LexiconRegion(tables)
    state, previous = rest(), None
    committed = []
    for number, intent in enumerate(_playable(tables, brief).beats):
        beat = BeatOpened(beat=number, intent=intent, previous=previous, end_state=state)
        start, seconds = last_values(state), exact(intent.end - intent.start)
        answers = [planner.propose(Question(region, opened, beat, None), {}) for region in REGIONS]
        tracks = tuple(performed(tables, answer.performance, intent, start) for answer in answers)
        tracks = repair_tracks(state, tracks, seconds, tables.constraints.hard, REGIONS, "rehearsed")
        committed.append(CommittedBeat(start=intent.start, end=intent.end, tracks=tracks))
        previous = digest([track.model_dump_json() for track in tracks])
        state = end_state(view(state, tracks, seconds), tracks, seconds)
    return sample(Timeline(beats=tuple(committed)), RATE)


def _playable(tables: Tables, brief: Brief) -> Brief:
    """A brief without what no region knows, nor where its beats come from: a rehearsal has no parent."""
    beats = []
    for beat in brief.beats:
        known = tuple(act for act in beat.acts if act.name in tables.gestures or act.name in tables.emotions.states)
        beats.append(beat.model_copy(update={"acts": known, "origin": None}))
    return brief.model_copy(update={"beats": tuple(beats)})
