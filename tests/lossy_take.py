"""A take on a Ray that loses requests and replies; prints what came of it as JSON.

Ray draws by itself which calls it loses, and nothing seeds it: what is fixed is how many, how likely and in which direction.

Usage: python -m tests.lossy_take PORTRAIT OUTPUT
"""

from __future__ import annotations

import hashlib
import json
import sys

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from protocol.channels import REGIONS
from protocol.history import history
from protocol.journal import Record
from protocol.messages import RendererChanged
from protocol.monitor import monitor
from protocol.order import canonical
from runtime.onray.placement import Placement
from runtime.session import Made, Session
from tests.players import frames_of, painter

DIRECTION = "She smiles, then nods and looks left."
LOSSY = "RAY_testing_rpc_failure"


@dataclass(frozen=True, slots=True)
class Loss:
    """What Ray is to lose of the calls of actors.

    Attributes:
        failures: how many calls at most, of each process.
        requests: share of the requests.
        replies: share of the replies.
    """

    failures: int
    requests: float
    replies: float

    @property
    def environment(self) -> dict[str, str]:
        """As Ray is told."""
        asked = {"num_failures": self.failures, "req_failure_prob": self.requests, "resp_failure_prob": self.replies}
        return {LOSSY: json.dumps({"CoreWorkerService.grpc_client.PushTask": asked})}


def made(session: Session, portrait: Path, output: Path) -> Made:
    """The take that is compared."""
    return session.animate(portrait, DIRECTION, output, seed=3, fps=Fraction(25))


def facts(take: Made, output: Path) -> dict[str, Any]:
    """What has to be the same."""
    digest = hashlib.sha256
    return {
        "motion": digest((take.folder / "motion.json").read_bytes()).hexdigest(),
        "frames": digest(b"".join(frames_of(output))).hexdigest(),
        "bodies": digest(repr(canonical(take.take.records)).encode()).hexdigest(),
        "findings": [str(each) for each in (*monitor(take.take.records), *history(take.take.records))],
        "repeated": repeated(take.take.records),
    }


def repeated(records: Sequence[Record]) -> list[str]:
    """Messages of regions that took effect more than once."""
    heard = [f"{record.sender} {record.epoch} {record.number}" for record in records if record.sender in REGIONS]
    return sorted({each for each in heard if heard.count(each) > 1})


def main() -> None:
    """Make the take, with two renderers; then once more, with everybody still there."""
    portrait, output = Path(sys.argv[1]), Path(sys.argv[2])
    found = []
    with Session(address="local", placement=Placement(workers=2, cpus=0.1), opener=painter) as session:
        for _ in range(2):
            take = made(session, portrait, output)
            quiet = sum(isinstance(r.message, RendererChanged) and r.message.to != "ready" for r in take.take.records)
            found.append({**facts(take, output), "quiet": quiet})
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
