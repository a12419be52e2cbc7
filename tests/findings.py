"""What a bench measures, case by case, and the line of a table that it becomes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

WORST = 10
"""Cases that are named."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What was measured in one case.

    Attributes:
        portrait: its name; empty for what belongs to none.
        case: what was done.
        value: what was measured; NaN where it could not be.
        good: whether it is as it is to be.
    """

    portrait: str
    case: str
    value: float
    good: bool

    @property
    def where(self) -> str:
        return ", ".join(part for part in (self.portrait, self.case) if part)


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the table.

    Attributes:
        row: its name.
        bar: what is asked.
        measured: what was found, in words.
        passed: whether that is enough; None if it could not be measured.
        worst: the cases furthest off, the worst first.
    """

    row: str
    bar: str
    measured: str
    passed: bool | None
    worst: tuple[Finding, ...] = ()


Judge = Callable[[Sequence[Finding]], tuple[str, bool]]
"""From all findings of a row to what was measured and whether it is enough."""


def line(row: str, bar: str, findings: Sequence[Finding], judge: Judge, *, low_is_bad: bool = False) -> Line:
    """The row of some findings."""
    if not findings:
        return Line(row, bar, "nothing to measure", None)
    measured, passed = judge(findings)
    bad = sorted((one for one in findings if not one.good), key=lambda one: _badness(one, low_is_bad))
    return Line(row, bar, measured, passed, tuple(bad[:WORST]))


def _badness(one: Finding, low_is_bad: bool) -> float:
    if np.isnan(one.value):
        return -np.inf
    return one.value if low_is_bad else -one.value


def all_good(unit: str) -> Judge:
    """Every case has to be good; `unit` says how the worst value is put, as `{:.1%} of the displacement`."""

    def judge(findings: Sequence[Finding]) -> tuple[str, bool]:
        good = sum(one.good for one in findings)
        values = [one.value for one in findings if not np.isnan(one.value)]
        most, middle = (max(values), float(np.median(values))) if values else (float("nan"), float("nan"))
        return f"{good} of {len(findings)}; most {unit.format(most)}, median {unit.format(middle)}", good == len(findings)

    return judge


def share_good(least: float) -> Judge:
    """A share of the cases has to be good."""

    def judge(findings: Sequence[Finding]) -> tuple[str, bool]:
        share = sum(one.good for one in findings) / len(findings)
        return f"{share:.1%} of {len(findings)} cases", share >= least

    return judge


def mean_at_most(most: float, unit: str) -> Judge:
    """The mean of the values may be so large at most."""

    def judge(findings: Sequence[Finding]) -> tuple[str, bool]:
        values = [one.value for one in findings if not np.isnan(one.value)]
        mean = float(np.mean(values)) if values else float("nan")
        said = f"mean {unit.format(mean)}, most {unit.format(max(values, default=mean))} ({len(values)} cases)"
        return said, mean <= most and len(values) == len(findings)

    return judge


def portraits_good(share: float) -> Judge:
    """A share of the portraits has to be good, each by its one finding."""

    def judge(findings: Sequence[Finding]) -> tuple[str, bool]:
        good = sum(one.good for one in findings)
        values = [one.value for one in findings if not np.isnan(one.value)] or [float("nan")]
        said = f"{good} of {len(findings)} portraits; {min(values):.0%} to {max(values):.0%}, mean {float(np.mean(values)):.0%}"
        return said, good >= share * len(findings)

    return judge


def table(lines: Iterable[Line]) -> str:
    """All rows as text."""
    every = list(lines)
    marks = {True: "pass", False: "FAIL", None: "-"}
    cells = [("row", "bar", "measured", ""), *((one.row, one.bar, one.measured, marks[one.passed]) for one in every)]
    widths = [max(len(row[column]) for row in cells) for column in range(4)]
    text = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
    text.insert(1, "-" * (sum(widths) + 6))
    for one in every:
        if one.worst:
            text.append(f"\n{one.row}: not as asked")
            text += [f"  {finding.value:10.4g}  {finding.where}" for finding in one.worst]
    return "\n".join(text)
