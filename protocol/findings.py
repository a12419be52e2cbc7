"""What a check has found wrong with a journal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

CODES: Mapping[str, str] = MappingProxyType(
    {
        "M01": "a role sent or received what its table does not allow",
        "H01": "agreement: two commits of a beat, or a digest that does not fit (S1)",
        "H02": "validity: a committed track that was neither proposed nor ruled (S2)",
        "H03": "a beat was committed without four votes for it and without a ruling",
        "H04": "an effect before its cause",
        "H05": "a message under a number or an incarnation that is not its own",
        "H06": "the take does not end as it should (L1)",
        "H07": "completeness: a frame is not in the video exactly once, in order (L2)",
        "H08": "a chunk is handed out to whom, or as what, it may not be",
        "H09": "determinism: the same rows of the motion were rendered to other frames (S7)",
        "H10": "a beat does not begin where the one before it ended (S3)",
        "C01": "consistency: a hard constraint is broken on the committed motion (S3)",
        "C02": "a motion beside the journal is not what was committed",
        "C03": "what is rendered is not the committed motion (S4)",
        "R01": "this version's machines say something else than the journal",
        "R02": "this version's machines do not allow what the journal holds",
        "R03": "this version would ask a language model something else than the journal holds",
    }
)
"""Stable codes, and what they stand for."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong.

    Attributes:
        code: one of CODES.
        seq: the record it was found at; 0 for the take as a whole.
        text: what, for people; several lines for differences.
    """

    code: str
    seq: int
    text: str

    def __str__(self) -> str:
        place = f"record {self.seq}" if self.seq else "take"
        return f"{self.code} {place}: {self.text}"
