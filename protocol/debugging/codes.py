"""Stable codes of what two takes may differ in: programs and people refer to them, so none is ever given another meaning.

In a module by itself, since help shows them and has no use for what compares takes.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

DIVERGENCES: Mapping[str, str] = MappingProxyType(
    {
        "D01": "the takes were asked for otherwise: direction, seed, length, frame rate, options or parent",
        "D02": "they were made with other tables",
        "D03": "they were made by other software; named where that may be the cause of what follows",
        "D04": "the director read the direction otherwise",
        "D05": "a region's planner answered otherwise",
        "D06": "a region proposed other keyframes for the same answer of its planner",
        "D07": "a region judged otherwise what was on the table",
        "D08": "the coordinator ruled otherwise",
        "D09": "they ended otherwise, or one has something to say where the other is silent",
        "D10": "they were rendered from another portrait, by another renderer, or in another size",
        "D11": "the same motion was rendered to other pixels",
    }
)
"""Codes in the order of causes, and what they stand for."""
