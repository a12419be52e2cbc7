"""Cases that are much alike: a few of them are tried every day, and all of them with the proofs."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from typing import Any

import pytest

from _pytest.mark.structures import ParameterSet


def thinned(cases: Iterable[Any], every: int) -> list[ParameterSet]:
    """For `parametrize`: the first of so many cases each day, from the first one on; a tuple is one case of several values."""
    return [
        pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=[pytest.mark.slow] * (place % every > 0))
        for place, case in enumerate(cases)
    ]


def in_turn(cases: Iterable[Any], turns: Iterable[Any]) -> list[ParameterSet]:
    """For `parametrize` with two names: every case each day with one of the turns, the next case with the next one."""
    turns = list(turns)
    return [
        pytest.param(case, turn, marks=[pytest.mark.slow] * ((place + number) % len(turns) > 0))
        for (place, case), (number, turn) in product(enumerate(cases), enumerate(turns))
    ]
