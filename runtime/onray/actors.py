"""How classes become actors here: without retries and restarts of Ray's own, and with a thread for calls that cannot wait.

A call that fails may have been done or not. What is known of it: its process is gone for good (`is_death`), nobody knows what
became of it (`is_silence`), or something that it was given is lost (`is_loss`); anything else is an error of the actor itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

CONTROL = "control"
"""The group of calls that never queue behind work."""


@dataclass(frozen=True, slots=True)
class Part:
    """What a process plays in: a call names it, and the first one that does begins it, for any other may be lost.

    Attributes:
        number: of the take among those that its crew has played, from 1: the same take may be played twice.
        take: its id.
        nonce: for the process of a region that takes the place of another.
        cast: who is rendered, for a renderer.
        spent: tokens of a language model that were read and written for a region before its process began to play.
    """

    number: int
    take: str
    nonce: str = ""
    cast: str = ""
    spent: tuple[int, int] = (0, 0)


def start(kind: type[Any], *words: Any, **options: Any) -> Any:
    """Start an actor's process.

    A call that is lost is the protocol's to send again, and a process that died is replaced by one with a name of its own. The
    order of calls is the caller's to see to: if Ray sees to it, a call that is lost holds up those after it for half a minute.

    Args:
        kind: the class.
        words: for its constructor.
        options: of Ray, such as `num_cpus`.

    Returns:
        Ray's handle of it.
    """
    import ray  # noqa: PLC0415 - it is there by now

    remote: Any = ray.remote  # its types know nothing of groups
    alone = {"max_restarts": 0, "max_task_retries": 0, "allow_out_of_order_execution": True}
    return remote(**alone, concurrency_groups={CONTROL: 1}, **options)(kind).remote(*words)


def end(actor: Any) -> None:
    """End an actor's process."""
    import ray  # noqa: PLC0415 - it is there by now

    ray.kill(actor, no_restart=True)


def is_death(error: BaseException) -> bool:
    """Whether a call failed because its actor's process is gone for good, or never will be there.

    Ray says so in several ways: of a process that its memory monitor has ended, for instance, with an error that is no
    `RayActorError`. Where a process itself has met such an error, it comes as a `RayTaskError`, and the process lives.
    """
    from ray.exceptions import (  # noqa: PLC0415
        ActorUnavailableError,
        ActorUnschedulableError,
        NodeDiedError,
        OutOfMemoryError,
        RayActorError,
        RayTaskError,
        RuntimeEnvSetupError,
    )

    if isinstance(error, (RayTaskError, ActorUnavailableError)):
        return False
    return isinstance(error, (RayActorError, OutOfMemoryError, NodeDiedError, ActorUnschedulableError, RuntimeEnvSetupError))


def is_loss(error: BaseException) -> bool:
    """Whether a call failed because something that it was given cannot be fetched any more."""
    from ray.exceptions import ObjectLostError  # noqa: PLC0415

    return isinstance(error, ObjectLostError)


def is_silence(error: BaseException) -> bool:
    """Whether nobody knows whether a call was done."""
    from ray.exceptions import ActorUnavailableError, GetTimeoutError  # noqa: PLC0415

    return isinstance(error, (ActorUnavailableError, GetTimeoutError))


def logs() -> str:
    """The files in which Ray keeps what processes of actors say; on each machine of a cluster it is the same folder."""
    import ray  # noqa: PLC0415 - it is there by now

    # Ray tells it to whoever joins, and later nobody but its own node.
    node: Any = getattr(ray._private.worker, "_global_node", None)  # noqa: SLF001
    folder = "/tmp/ray/session_latest/logs" if node is None else node.get_logs_dir_path()  # noqa: S108
    return f"{folder}/worker-*.err"


def reason_of(error: BaseException) -> str:
    """What Ray says of a call that failed, in a line."""
    cause = getattr(error, "cause", None) or error
    lines = [" ".join(line.split()) for line in str(cause).splitlines() if line.strip()]
    return f"{type(cause).__name__}: {' '.join(lines)}"[:300]
