"""What a take is run on: a base hosts its roles as actors. There are two, `runtime.inline` and `runtime.onray`.

The same take gives the same motion and the same frames on either, whatever the number of renderers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from agents.exchange import unspent
from agents.regions import Judgements, Planner
from configs.cluster import Profile
from protocol.coordinator_state import CoordinatorState
from protocol.messages import LanguageModel, TakeOpened
from runtime.coordinating import CoordinatorHost
from runtime.dispatching import Renderers
from runtime.filming import Film
from runtime.hosts import Carrier
from runtime.loading import Loaded
from runtime.metrics import Meters
from runtime.onray.placement import Placement, suited


class Place(Carrier, Renderers, Protocol):
    """What carries envelopes and has frames made."""


@dataclass(frozen=True, slots=True)
class Play:
    """A take that is to be run.

    Attributes:
        take: its id.
        loaded: the tables.
        judgements: vectors looked at lately, shared by those who live in the coordinator's process.
        coordinator: makes its host, given the place where it is.
        begin: starts or resumes the take.
        film: where frames go; None if the take is not rendered.
        stopped: asked again and again; a reason ends the take.
        planner_for: makes what a region decides with, where regions live in this process.
        resumed: tells this run's processes from those of the runs before it; empty for the first.
        language_model: what its planners ask; None if they are the embedded ones.
        spent: tokens of a language model that were read and written for a role so far, by the journal.
    """

    take: str
    loaded: Loaded
    judgements: Judgements
    coordinator: Callable[[Any], CoordinatorHost]
    begin: Callable[[CoordinatorHost], None]
    film: Film | None
    stopped: Callable[[], str | None]
    planner_for: Callable[[TakeOpened], Planner]
    resumed: str = ""
    language_model: LanguageModel | None = None
    spent: Callable[[str], tuple[int, int]] = unspent


class Base(Protocol):
    """Runs takes."""

    @property
    def chunk_frames(self) -> int:
        """Most frames of a chunk."""
        ...

    @property
    def meters(self) -> Meters:
        """Where what goes on is counted."""
        ...

    @property
    def drawn(self) -> int:
        """Frames of the last take's video that were rendered for it; the others had been kept from before."""
        ...

    def play(self, play: Play) -> CoordinatorState:
        """Run a take until it is closed; what its coordinator remembers.

        Raises:
            JournalError: the journal takes no more, so nothing may take effect.
            VideoError: the video takes no more.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseOptions:
    """What takes are to be run on.

    Attributes:
        runtime: in this process, or on Ray.
        address: of a Ray cluster; None for the one that the environment names, or one that is started for this.
        profile: how a cluster is used.
        placement: where renderers may run, and how many; GPUs only if they were asked for (see `placed`).
    """

    runtime: Literal["inline", "ray"]
    address: str | None
    profile: Profile
    placement: Placement

    def placed(self, device: str) -> Placement:
        """Where renderers may run that compute on a device.

        Args:
            device: "auto", "cpu" or "cuda".

        Raises:
            UsageError: they are to have no GPU and compute on one.
        """
        return suited(self.placement, device, self.profile.worker.gpus)
