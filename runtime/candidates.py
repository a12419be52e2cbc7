"""Several takes of one direction, of which the best is kept: `--candidates`.

Rules
- Candidates differ in their seed alone: the one that was asked for, and those after it. They share nothing, and are planned one
  after the other in this process, motion only, with journals in memory: nothing is written before one is chosen.
- The critic's score chooses; of equals the lower seed.
- What is kept is an ordinary take with a seed of its own. Its motion is not planned twice where a language model was asked:
  that might answer otherwise.
"""

from __future__ import annotations

import io

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from agents.critic import Review
from protocol.channels import REGIONS
from protocol.journal import JournalWriter, Record
from protocol.messages import COORDINATOR, Committed, FilmOpened, Objected, Ruled, TakeOpened
from protocol.replay import fold
from runtime.inline import InlineBase
from runtime.loading import Loaded
from runtime.options import TakeOptions, UsageError, quoted
from runtime.production import Order, reviewed
from runtime.take import Past, Watch, opening, run_take
from runtime.take_error import TakeError

MOST = 16
"""Candidates of a take."""
_LAST_SEED = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Candidate:
    """A take that was planned to be compared with others.

    Attributes:
        opened: what it was asked for.
        records: its journal.
        review: what the critic says of it; None if it came to no end.
        reason: why it did not, if so.
    """

    opened: TakeOpened
    records: tuple[Record, ...]
    review: Review | None
    reason: str = ""

    @property
    def score(self) -> float:
        """0 to 100, and below that where there is no motion."""
        return -1.0 if self.review is None else self.review.score

    def as_data(self, *, kept: bool) -> dict[str, Any]:
        """For records and programs."""
        told: dict[str, Any] = {"seed": self.opened.seed, "kept": kept, "score": None, "weakest": self.reason}
        if self.review is not None:
            told |= {"score": self.review.score, "weakest": self.review.weakest}
        counts = {"objections": Objected, "rulings": Ruled}
        return told | {name: sum(isinstance(r.message, kind) for r in self.records) for name, kind in counts.items()}


@dataclass(frozen=True, slots=True)
class Audition:
    """Candidates in the order of their seeds, and which of them is the best."""

    candidates: tuple[Candidate, ...]
    best: Candidate

    def as_data(self) -> list[dict[str, Any]]:
        """All of them, for records and programs."""
        return [candidate.as_data(kept=candidate is self.best) for candidate in self.candidates]


def parse_candidates(text: str) -> int:
    """How many takes are compared, as the command line says it.

    Raises:
        UsageError: not a whole number from 1 to MOST.
    """
    if not (text.isascii() and text.isdigit() and len(text) <= 4 and 1 <= int(text) <= MOST):
        raise UsageError(
            f"--candidates {quoted(text)} is not a number of takes to choose from. Give a whole number from 1 to {MOST}."
        )
    return int(text)


def check_candidates(count: object) -> None:
    """Refuse so many candidates of a program if there cannot be so many.

    Raises:
        UsageError: not a whole number from 1 to MOST.
    """
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= MOST:
        raise UsageError(
            f"candidates={str(count)[:40]} is not a number of takes to choose from. Give a whole number from 1 to {MOST}."
        )


def openings(wanted: TakeOptions, loaded: Loaded, count: int) -> list[TakeOpened]:
    """The messages that open so many candidates.

    Raises:
        UsageError: there are no seeds left for them.
    """
    if wanted.seed + count - 1 > _LAST_SEED:
        raise UsageError(
            f"--candidates {count} takes the seeds from {wanted.seed} on, and there is none beyond {_LAST_SEED}. Give a "
            "smaller --seed."
        )
    return [opening(replace(wanted, seed=wanted.seed + number), loaded) for number in range(count)]


def audition(
    opened: Sequence[TakeOpened], loaded: Loaded, output: str, watch: Watch, told: Callable[[int], None] = lambda done: None
) -> Audition:
    """Plan candidates and choose the best.

    Args:
        opened: of each, in the order of their seeds.
        loaded: the tables.
        output: what the take is to become, for errors.
        watch: who follows it, and from outside ends it.
        told: called with how many have been planned.

    Raises:
        TakeError: it was stopped, or no candidate came to its end.
    """
    candidates: list[Candidate] = []
    for each in opened:
        told(len(candidates))
        if (reason := watch.stopped()) is not None:
            raise TakeError(_stopped(reason, len(candidates), len(opened), output))
        result = run_take(each, loaded, JournalWriter(io.BytesIO(), lambda: None, ""), InlineBase(), watch)
        if result.closed.outcome == "stopped":
            raise TakeError(_stopped(result.closed.reason, len(candidates), len(opened), output))
        review = reviewed(each, loaded, result) if result.closed.outcome == "done" else None
        candidates.append(Candidate(each, result.records, review, " ".join(result.closed.reason.split())))
    best = max(candidates, key=lambda candidate: candidate.score)
    if best.review is None:
        raise TakeError(
            f"none of the {len(candidates)} candidates came to its end: {best.reason.rstrip('.')}. {output} is not written."
        )
    return Audition(tuple(candidates), best)


def _stopped(reason: str, done: int, count: int, output: str) -> str:
    return (
        f"stopped by {reason} with {done} of {count} candidates planned. {output} is not written, and nothing is left behind. "
        "Give the same command again."
    )


def planned_order(chosen: Audition, loaded: Loaded, made_with: Mapping[str, Any]) -> Order:
    """The best candidate as a take whose motion alone is wanted: its journal is what it is already."""
    records = chosen.best.records
    past = Past(records, fold(records, loaded.tables.constraints))
    return Order(chosen.best.opened, loaded, {**made_with, "candidates": chosen.as_data()}, past=past, anew=True)


def filmed_order(chosen: Audition, loaded: Loaded, made_with: Mapping[str, Any], film: FilmOpened) -> Order:
    """The best candidate as a take that is rendered.

    Planned by the embedded planner it is planned once more, which comes to the same. A language model is not asked again: the
    take goes on from shortly before its last commit, with all that was decided.

    Args:
        chosen: what there is to choose from.
        loaded: the tables.
        made_with: what else belongs into its record.
        film: what is going to be rendered.
    """
    best, made = chosen.best, {**made_with, "candidates": chosen.as_data()}
    if best.opened.language_model is None:
        return Order(best.opened, loaded, made)
    records = before_the_end(best.records, film)
    return Order(best.opened, loaded, made, past=Past(records, fold(records, loaded.tables.constraints)), anew=True)


def before_the_end(records: Sequence[Record], film: FilmOpened) -> tuple[Record, ...]:
    """A take's records up to what brought its last commit about, and that it is to be rendered, from its first beat on."""
    committed = max(place for place, record in enumerate(records) if isinstance(record.message, Committed))
    said = max(place for place in range(committed) if records[place].sender in REGIONS)
    last = records[said - 1]
    staged = replace(last, seq=last.seq + 1, sender=COORDINATOR, receivers=(), epoch=0, number=0, message=film)
    return (*records[:said], staged)
