"""Profiles: how many renderers a take has, what each takes of its node, and how long everybody is waited for.

Rules
- Amounts are what Ray accepts: multiples of 0.0001, shares below 1 and whole numbers from 1 on.
- Labels follow the syntax of Kubernetes, as Ray's do; a label's value may be a condition that Ray knows.
- A profile asks; whether a cluster can give it is looked at where the take runs.
"""

from __future__ import annotations

import re

from functools import cache
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from configs.loading import ConfigError, EntryError, builtin, did_you_mean, load_yaml_model
from protocol.keyframes import Frozen

DEFAULT = "laptop"
"""The profile of those who name none."""

_GRANULARITY = 10_000
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?"
_KEY = re.compile(rf"(?:(?=[^/]{{1,253}}/){_LABEL}(?:\.{_LABEL})*/)?{_LABEL}")
_CONDITION = re.compile(rf"!?{_LABEL}|!?in\({_LABEL}(?:, ?{_LABEL})*\)")
_RAYS_OWN = frozenset({"CPU", "GPU", "memory", "object_store_memory"})


def _amount(value: float) -> float:
    if value >= 1 and value != int(value):
        raise ValueError(f"from 1 on it is a whole number, not {value:g}; Ray shares nothing that is larger than one")
    if abs(value * _GRANULARITY - round(value * _GRANULARITY)) > 1e-6:
        raise ValueError(f"a multiple of 0.0001, not {value:g}; Ray counts no finer")
    return value


Amount = Annotated[float, Field(ge=0, le=10_000), AfterValidator(_amount)]
Seconds = Annotated[float, Field(gt=0, le=86_400)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,40}$")]


class Worker(Frozen):
    """What one renderer takes of its node.

    Attributes:
        cpus: processors, which Ray counts and nobody holds it to.
        gpus: GPUs; a renderer sees those that it has, and shares one with others if it has less. None for one of those that
            there are, and for none if there is none.
        labels: that its node must have, by key; a value, "!value" or "in(value, value)".
        resources: of the site's own, by name.
    """

    cpus: Amount
    gpus: Amount | None
    labels: dict[str, str] = Field(default_factory=dict)
    resources: dict[str, Amount] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _is_what_ray_takes(self) -> Self:
        for key, condition in self.labels.items():
            if not _KEY.fullmatch(key):
                raise EntryError(("labels", key), "not the key of a label; expected one such as pool or example.com/pool")
            if not _CONDITION.fullmatch(condition):
                said = f"expected a value such as render, !render or in(render, spare), not {condition!r}"
                raise EntryError(("labels", key), said)
        for name, amount in self.resources.items():
            if name in _RAYS_OWN:
                raise EntryError(("resources", name), "Ray's own; cpus and gpus say it")
            if not name or not name.isprintable() or name != name.strip():
                raise EntryError(("resources", name), "not the name of a resource; expected one such as fast_disk")
            if amount == 0:
                raise EntryError(("resources", name), "more than 0; leave out what is not needed")
        return self


class Profile(Frozen):
    """How a take uses a machine or a cluster.

    Attributes:
        about: what it is for.
        workers: renderers at once; None for as many as fit.
        worker: what each takes.
        start_seconds: that renderers may wait until the first of them has its place; four times as long until it has loaded.
        chunk_seconds: that a chunk may take, and the portrait.
        think_seconds: that a region may take to answer.
        chunk_frames: most frames of a chunk.
    """

    about: Annotated[str, Field(min_length=1, max_length=120)]
    workers: Annotated[int, Field(ge=1, le=10_000)] | None
    worker: Worker
    start_seconds: Seconds
    chunk_seconds: Seconds
    think_seconds: Seconds
    chunk_frames: Annotated[int, Field(ge=1, le=1000)]


class Profiles(Frozen):
    """Profiles by name."""

    profiles: Annotated[dict[Name, Profile], Field(min_length=1)]

    def named(self, name: str) -> Profile:
        """The profile of a name.

        Raises:
            ConfigError: there is none.
        """
        found = self.profiles.get(name)
        if found is None:
            known = did_you_mean(name, self.profiles) or f"; there are {', '.join(self.profiles)}"
            raise ConfigError(f"there is no profile {name!r}{known}")
        return found


def load_profiles(path: Path | None = None) -> Profiles:
    """Read profiles, the program's own unless another file is named.

    Raises:
        ConfigError: they cannot be read, or are not what they have to be.
    """
    return load_yaml_model(path or builtin("cluster.yaml"), Profiles)


@cache
def builtin_profiles() -> Profiles:
    """The program's own profiles, read once: they never change."""
    return load_profiles()
