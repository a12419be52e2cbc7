"""The four region agents: each knows its own channels and the beat's intent, and nothing of its peers until a round opens.

A region's agent is stateless: what it answers follows from the question, the tables and the seed. It has a planner that
decides what to perform (its answer is what the journal keeps) and expands that into keyframes; judging is measuring the
constraints that touch its channels on the four tracks that are on the table; yielding is performing the same again with the
peers' tracks in sight. In a revision it begins with what the parent did, as far as that is still asked for (`agents.keeping`).
"""

from __future__ import annotations

import contextlib
import threading

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from pydantic import ValidationError

from agents.chance import Chance
from agents.doing_more import done_more, is_of_critic
from agents.exchange import NOTHING, Exchange, Known
from agents.idle import Scene, blink, idle_motion, is_clear, lids_taken
from agents.performance import Move, Performance
from agents.tracks import Composer
from configs.tables import Tables
from protocol.brief import Act, Beat, Brief
from protocol.channels import CHANNELS, INDEX, REGIONS, Region
from protocol.constraints import HALF_CLOSED, lids
from protocol.keyframes import Track, exact
from protocol.messages import OF_CRITIC, BeatOpened, Decided, RoundOpened, TakeOpened, Vector, Violation, digest
from protocol.region import Judge, Judged, Propose, Revision, Thought
from protocol.repair import repair_tracks, violations
from protocol.ruling import resting
from protocol.timeline import RATE, View, last_values, view

IDLE = "idle"
"""The behaviour flag under which regions add idle motion."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a planner has decided.

    Attributes:
        performance: what the region is to do.
        exchanges: with a language model, in order, that led there; those that were known before may be among them.
        note: a line for people about how it was decided, such as that the language model did not answer; mostly empty.
    """

    performance: Performance
    exchanges: tuple[Exchange, ...] = ()
    note: str = ""


class Planner(Protocol):
    """Decides what a region performs."""

    @property
    def name(self) -> str:
        """What the journal calls it."""
        ...

    def propose(self, question: Question, known: Known) -> Answer:
        """What the region would do by itself.

        Args:
            question: what it is asked.
            known: what a language model has answered in this beat before: that is not asked again.

        Raises:
            Stopped: the take was ended while an answer was awaited.
        """
        ...

    def revise(
        self, question: Question, before: Performance, seen: View, yielding: Sequence[Violation], known: Known
    ) -> Answer:
        """What it does now that it has seen its peers and has to give way."""
        ...

    def foresee(self, region: Region, opened: TakeOpened, brief: Brief) -> None:
        """Begin to think about the beats to come. It returns at once, and changes nothing but how soon answers are there."""
        ...

    def close(self) -> None:
        """The take is over: nobody waits for what is still thought about."""
        ...


@dataclass(frozen=True, slots=True)
class Question:
    """Everything that a region's answer may depend on.

    Attributes:
        region: whose answer.
        opened: the take.
        beat: the beat.
        round: 0 for the opening proposal.
    """

    region: Region
    opened: TakeOpened
    beat: BeatOpened
    round: RoundOpened | None

    def digest(self, configuration: str, planner: str) -> str:
        """What it is recognised by, together with the digest of the configuration and the name of who is asked."""
        seen = [self.round.round, self.round.vector.digest] if self.round else [0, ""]
        # What was committed before decides how the beat begins, so its digest stands for the end state.
        begins = [self.beat.beat, self.beat.previous, self.beat.intent]
        if self.beat.intent.origin is not None and self.opened.parent is not None:
            begins.append(self.opened.parent.timeline)
        asked = [self.opened.language_model] if self.opened.language_model is not None else []
        return digest([self.region, self.opened.seed, self.opened.flags, *begins, *seen, configuration, planner, *asked])


class Judgements:
    """Vectors of one take looked at lately, so that regions in one process do not measure the same one four times.

    Args:
        tables: the constraints.
        keep_last: how many vectors are remembered.
    """

    def __init__(self, tables: Tables, keep_last: int = 8) -> None:
        self._tables = tables
        self._keep = keep_last
        self._known: OrderedDict[str, tuple[View, tuple[Violation, ...]]] = OrderedDict()
        self._lock = threading.Lock()  # regions may think at the same time

    def of(self, beat: BeatOpened, vector: Vector, tracks: Sequence[Track]) -> tuple[View, tuple[Violation, ...]]:
        """Four tracks in their surroundings, and every hard constraint that they break.

        Args:
            beat: what they are for. What was committed before it decides how it begins.
            vector: which tracks they are.
            tracks: one of each region.
        """
        name = f"{beat.beat} {beat.previous} {vector.digest}"
        with self._lock:
            if name not in self._known:
                seen = view(beat.end_state, tracks, exact(beat.intent.end - beat.intent.start))
                self._known[name] = (seen, tuple(violations(seen, self._tables.constraints.hard)))
                while len(self._known) > self._keep:
                    self._known.popitem(last=False)
            return self._known[name]


class RegionAgent:
    """One region's agent.

    Args:
        region: which.
        tables: what it knows.
        configuration: digest of the tables' texts.
        planner_for: makes what it decides with in a take.
        judgements: shared with whoever works in the same process.
    """

    def __init__(
        self,
        region: Region,
        tables: Tables,
        configuration: str,
        planner_for: Callable[[TakeOpened], Planner],
        judgements: Judgements,
    ) -> None:
        self._region = region
        self._tables = tables
        self._configuration = configuration
        self._planner_for = planner_for
        self._judgements = judgements
        self._planner: tuple[str, Planner] | None = None
        self._composer = Composer(region, tables)
        constraints = tables.constraints
        self._touching = frozenset(check.rule.id for check in constraints.touching(region))
        self._own_checks = constraints.within(region)
        self._yielding_checks = tuple(check for check in constraints.hard if check.rule.yields == region)
        self._lock = threading.Lock()  # what is foreseen may come while it thinks

    def propose(self, asked: Propose) -> Thought:
        """The region's part of a beat, by itself."""
        question, planner = Question(self._region, asked.opened, asked.beat, None), self._planned_by(asked.opened)
        request = question.digest(self._configuration, planner.name)
        performance = self._known(planner, asked.decisions, request=request)
        answer = Answer(performance) if performance else planner.propose(question, _exchanged(asked.decisions))
        track = self._perform(question, answer.performance)
        why = _said(answer.performance, self._region) + (f" ({answer.note})" if answer.note else "")
        return Thought(
            asked.beat.beat, asked.incarnation, self._told(planner, question, answer, asked.incarnation, request, track, why)
        )

    def judge(self, asked: Judge) -> Judged:
        """What a vector breaks that touches this region, and a revised track if this region is to yield."""
        round_, beat = asked.round, asked.beat
        seen, found = self._judgements.of(beat, round_.vector, round_.tracks)
        mine = [v for v in found if v.constraint in self._touching and self._concerns(v)]
        # What others objected to on the same vector is taken up as well: they may see what this region does not.
        named = [o.violation for o in round_.objections if o.violation.yields == self._region and _stands(asked)]
        broken = tuple(sorted({v.order: v for v in (*named, *mine)}.values(), key=lambda v: v.order))
        yielding = [violation for violation in broken if violation.yields == self._region]
        revision = self._revision(asked, seen, yielding) if yielding else None
        if revision is not None and revision.track == round_.tracks[REGIONS.index(self._region)]:
            broken = tuple(violation for violation in broken if not is_of_critic(violation))  # it can do no more
        return Judged(beat.beat, round_.round, asked.incarnation, broken, revision)

    def _concerns(self, violation: Violation) -> bool:
        return violation.yields == self._region or any(CHANNELS[name].region == self._region for name in violation.channels)

    def foresee(self, opened: TakeOpened, brief: Brief) -> None:
        """Begin to think about the beats of a take that has been briefed."""
        self._planned_by(opened).foresee(self._region, opened, brief)

    def close(self) -> None:
        """The take is over."""
        with self._lock:
            planner, self._planner = self._planner, None
        self._composer.forget()
        if planner is not None:
            planner[1].close()

    def _planned_by(self, opened: TakeOpened) -> Planner:
        """What it decides with in a take: what that may spend is counted for each take by itself."""
        with self._lock:
            if self._planner is None or self._planner[0] != opened.take:
                if self._planner is not None:
                    self._planner[1].close()
                self._planner = (opened.take, self._planner_for(opened))
            return self._planner[1]

    def _revision(self, asked: Judge, seen: View, yielding: Sequence[Violation]) -> Revision:
        question, planner = Question(self._region, asked.opened, asked.beat, asked.round), self._planned_by(asked.opened)
        request = question.digest(self._configuration, planner.name)
        performance = self._known(planner, asked.decisions, request=request)
        if performance is not None:
            answer = Answer(performance)
        else:
            opening, known = Question(self._region, asked.opened, asked.beat, None), _exchanged(asked.decisions)
            before = self._known(planner, asked.decisions)
            first = Answer(before) if before else planner.propose(opening, known)
            answer = planner.revise(question, first.performance, seen, yielding, known)
            answer = Answer(answer.performance, (*first.exchanges, *answer.exchanges), answer.note)
        peers = {track.region: track for track in asked.round.tracks}
        track = self._perform(question, answer.performance, peers)
        why = self._yielded(yielding) + (f" ({answer.note})" if answer.note else "")
        return self._told(planner, question, answer, asked.incarnation, request, track, why)

    def _known(self, planner: Planner, decisions: Sequence[Decided], request: str | None = None) -> Performance | None:
        """What the planner has decided before, last or in answer to a request; None if there is nothing to go on with.

        What another planner decided is not gone on with, nor what names things that there are not: it may be what made a
        fallback necessary.
        """
        for decided in reversed(decisions):
            if decided.final and decided.planner == planner.name and request in (None, decided.request):
                with contextlib.suppress(ValidationError):
                    performance = Performance.model_validate_json(decided.reply)
                    if self._performable(performance):
                        return performance
        return None

    def _performable(self, performance: Performance) -> bool:
        acts = {move.act.name for move in performance.moves}
        known = acts <= self._tables.gestures.gestures.keys() | self._tables.emotions.states.keys()
        return known and {plan.name for plan in performance.wandering} <= self._tables.behaviour.idle.wander.keys()

    def _yielded(self, yielding: Sequence[Violation]) -> str:
        """One line of what the region gives way to, and how far."""
        regions = {check.rule.id: check.regions for check in self._tables.constraints.hard}
        parts: dict[str, str] = {}
        missed = [violation.constraint.removeprefix(OF_CRITIC) for violation in yielding if is_of_critic(violation)]
        acts = dict.fromkeys(name.replace("_", " ") for name in missed)
        for violation in yielding:
            if is_of_critic(violation):
                continue
            others = [region for region in REGIONS if region in regions[violation.constraint] and region != self._region]
            to = " and ".join(others) or "its own rule"
            stem = CHANNELS[violation.channels[0]].stem
            more = f", {stem} to {violation.suggested:.2f}" if violation.suggested is not None else ""
            parts.setdefault(violation.constraint, f"{to} ({violation.constraint}{more})")
        given = "giving way to " + ", ".join(parts.values()) if parts else ""
        return "; ".join(part for part in (f"doing more of {', '.join(acts)}" if acts else "", given) if part)[:400]

    def _told(
        self, planner: Planner, question: Question, answer: Answer, incarnation: int, request: str, track: Track, why: str
    ) -> Revision:
        """An answer as the journal has it: each exchange that led there, then what was decided."""

        def decided(reply: str, request: str, asked: str = "") -> Decided:
            return Decided(
                beat=question.beat.beat,
                role=self._region,
                incarnation=incarnation,
                round=question.round.round if question.round else 0,
                planner=planner.name,
                request=request,
                reply=reply,
                asked=asked,
                final=not asked,
            )

        each = {exchange.request: exchange for exchange in answer.exchanges}
        exchanges = tuple(decided(exchange.reply, request, exchange.asked) for request, exchange in each.items())
        return Revision(decided(answer.performance.model_dump_json(), request), track, why, exchanges)

    def _perform(self, question: Question, performance: Performance, peers: dict[Region, Track] | None = None) -> Track:
        """Keyframes for a performance that keep the region's own rules and, with peers in sight, those it yields to."""
        beat = question.beat
        seconds = exact(beat.intent.end - beat.intent.start)
        start = last_values(beat.end_state)
        track = self._composer.track(question.opened, beat, performance, start)
        checks = self._own_checks if peers is None else self._own_checks + self._yielding_checks
        others = peers or resting(beat.end_state)
        tracks = tuple(track if region == self._region else others[region] for region in REGIONS)
        note = "yielded to " + ", ".join(performance.yielding) if performance.yielding else "kept within the region's own rules"
        repaired = repair_tracks(beat.end_state, tracks, seconds, checks, (self._region,), note)
        return repaired[REGIONS.index(self._region)]


class LexiconRegion:
    """The embedded planner of a region: performs what the brief asks for, with seeded variation and idle motion of its own.

    Args:
        tables: catalogue, states and behaviour.
    """

    name = "lexicon"

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def propose(self, question: Question, known: Known = NOTHING) -> Answer:
        """Every act of the beat that this region can take part in, and its idle motion."""
        return Answer(self._proposed(question))

    def _proposed(self, question: Question) -> Performance:
        intent, region = question.beat.intent, question.region
        labels = (question.opened.seed, region)
        if intent.origin is not None and region in intent.origin.same:
            return Performance(region=region, moves=(), kept=True)
        moves = self.asked(region, intent, question.opened.seed)
        if IDLE not in question.opened.flags:
            return Performance(region=region, moves=tuple(moves))
        scene = Scene(self._tables.gestures, self._tables.emotions, last_values(question.beat.end_state), moves)
        extra, wandering = idle_motion(region, self._tables.behaviour, intent, *labels, scene=scene)
        taken = lids_taken(self._tables.gestures, [move.act for move in moves], scene.begins)
        extra = [move for move in extra if is_clear(move.act, taken)]
        return Performance(region=region, moves=(*moves, *extra), wandering=tuple(wandering))

    def asked(self, region: Region, intent: Beat, seed: int) -> list[Move]:
        """What a beat asks of a region, as that performs it in a take with this seed."""
        # An act that goes on from beat to beat is varied alike in all of them, so its seed knows no beat.
        return [
            self._varied(act, Chance(seed, region, act.name, act.side, act.words))
            for act in intent.acts
            if region in act.regions and region in self._regions(act.name)
        ]

    def revise(
        self,
        question: Question,
        before: Performance,
        seen: View,
        yielding: Sequence[Violation],
        known: Known = NOTHING,
    ) -> Answer:
        """The same performance, giving way, or doing more of what is hardly seen; with a blink where the head turns far."""
        ids = tuple(dict.fromkeys(violation.constraint for violation in yielding if not is_of_critic(violation)))
        asked = self.asked(question.region, question.beat.intent, question.opened.seed)
        moves = before.moves if before.kept else done_more(before.moves, asked, yielding)
        if not before.kept and question.region == "eyes" and IDLE in question.opened.flags:
            moves = (*moves, *self._turn_blinks(seen, question.beat.intent, moves))
        return Answer(before.model_copy(update={"moves": moves, "yielding": ids}))

    def foresee(self, region: Region, opened: TakeOpened, brief: Brief) -> None:
        """Nothing has to be thought about before it is asked for."""

    def close(self) -> None:
        """Nothing is thought about any more."""

    def _regions(self, name: str) -> frozenset[Region]:
        if name in self._tables.gestures:
            return self._tables.gestures[name].regions
        return frozenset(CHANNELS[channel].region for channel in self._tables.emotions.state(name).levels)

    def _varied(self, act: Act, chance: Chance) -> Move:
        """An act with the small differences that no two performances lack."""
        variation = self._tables.behaviour.variation
        weaker = exact(1 - variation.side * chance.share())
        left = chance.chooses(0.5)
        return Move(
            act=act,
            size=exact(chance.around(variation.size)),
            pace=exact(chance.around(variation.pace)),
            left=weaker if left else 1.0,
            right=1.0 if left else weaker,
            late=exact(chance.between(-variation.lag, variation.lag)),
            seed=int(chance.share() * 2**32),
        )

    def _turn_blinks(self, seen: View, intent: Beat, moves: Sequence[Move]) -> list[Move]:
        """Blinks that start just before turns of the head that are large and have none yet."""
        blinks = self._tables.behaviour.idle.blinks
        half = RATE // 2
        yaw, closed = seen.samples[INDEX["headYaw"]], lids(seen.samples)
        taken = lids_taken(self._tables.gestures, [move.act for move in moves])
        found: list[Move] = []
        frame = seen.first
        while frame + half < seen.last:
            span = yaw[frame : frame + half + 1]
            if abs(float(span[-1] - span[0])) < blinks.on_turn:
                frame += 3
                continue
            if not (closed[max(frame - half, 0) : frame + half] > HALF_CLOSED).any():
                start = max((frame - seen.first) / RATE - blinks.lead, 0.0)
                candidate = blink(start, start + 0.3)
                quiet = any(still.start < start + 0.3 and start < still.end for still in intent.stills)
                if not quiet and is_clear(candidate.act, taken):
                    found.append(candidate)
            frame += 2 * half
        return found


def _stands(asked: Judge) -> bool:
    """Whether objections of the last round still concern the proposal that is on the table: it does not answer them yet."""
    final = (decided.round for decided in asked.decisions if decided.final and decided.round < asked.round.round)
    answered = max(final, default=0)
    return answered < asked.round.round - 1


def _exchanged(decisions: Sequence[Decided]) -> Known:
    """What a language model has answered before, by the digest of what it was asked."""
    return {decided.request: decided.reply for decided in decisions if not decided.final}


def _said(performance: Performance, region: Region) -> str:
    """One line of why, for people."""
    if performance.kept:
        return "as in the take that is revised"
    names = list(dict.fromkeys(move.act.name.replace("_", " ") for move in performance.moves if not move.idle))
    idle = " with idle motion" if performance.wandering or any(move.idle for move in performance.moves) else ""
    if not names:
        return f"nothing is asked of the {region}{';' + idle if idle else ''}"
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "") + idle
