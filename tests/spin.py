"""Has spin look at everything that can happen in the models of `tests/promela`, and reads what it found.

`spin` makes a program in C from a model, a compiler makes it run, and running it visits every state. A search that was cut
short is no proof, nor is one that looked for something else than it was asked for. Both are told from one that came to its end.

Sizes, what may go wrong, and faults of the protocol itself are settings. What each of them does stands in the models.
"""

from __future__ import annotations

import re
import shutil
import subprocess

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

MODELS = Path(__file__).parent / "promela"
COMPILER = "gcc"
NEEDED = ("spin", COMPILER)  # spin itself has gcc read the settings of a model

SIZES: Mapping[str, Mapping[str, int]] = {
    "negotiation": {"REGIONS": 2, "BEATS": 2, "ROUNDS": 2, "FAULTY": 1}
    | dict.fromkeys(("CRASHES", "SILENCES", "LATE", "COPIES", "RESUMES", "STOPS", "CRITICS"), 0),
    "dispatch": {"RENDERERS": 1, "BEATS": 1, "CHUNKS": 2, "AHEAD": 2, "STRIKES": 2, "LOSSES": 2, "FAILING": 2}
    | dict.fromkeys(("COPIES", "SWAPS", "DEATHS", "FAILURES", "QUIETS", "LOST", "POISON", "RESUMES", "STOPS"), 0),
    "link": {"LENGTH": 2, "EPOCHS": 2, "LOSSES": 1, "REPEATS": 1, "SWAPS": 1, "WIRE": 3},
}
"""The settings of each model, with what is meant where nothing else is said."""


class SpinError(Exception):
    """There is no spin, or it did not do what it was asked for."""


@dataclass(frozen=True)
class Search:
    """One look at everything that can happen in a model.

    Attributes:
        model: its name.
        sizes: settings other than the usual.
        mutation: the fault that is put into it.
        claim: what every run has to come to, if everybody who can go on does so at last (weak fairness). If there is none, no
            state may break an assertion, and none may be a dead end.
    """

    model: str
    sizes: Mapping[str, int] = field(default_factory=dict)
    mutation: str = "NONE"
    claim: str = ""

    @property
    def defines(self) -> tuple[str, ...]:
        """All settings, as spin takes them.

        Raises:
            SpinError: the model has no such setting.
        """
        usual = SIZES[self.model]
        if strange := sorted(self.sizes.keys() - usual.keys()):
            raise SpinError(f"{self.model}.pml has no {', '.join(strange)}; it has {', '.join(usual)}")
        settings = {**usual, **self.sizes, "MUTATION": self.mutation}
        return tuple(f"-D{name}={value}" for name, value in settings.items())


@dataclass(frozen=True)
class Verdict:
    """What a search came to.

    Attributes:
        states: how many different ones were visited.
        depth: steps of the longest run.
        error: what was found, in spin's words; empty if nothing was.
        complete: nothing was found, and there is nothing that was not looked at.
        unseen: sights of the model that this search never came by.
        story: how it came to the error: who did what, one line for each step.
    """

    states: int
    depth: int
    error: str
    complete: bool
    unseen: frozenset[str]
    story: str = ""


_SIZE = re.compile(r"^State-vector \d+ byte, depth reached (\d+), errors: (\d+)", re.MULTILINE)
_STATES = re.compile(r"^\s*(\d+) states, stored", re.MULTILINE)
_ERROR = re.compile(r"^pan:1: (.+?) \(at depth -?\d+\)", re.MULTILINE)
_CUT_SHORT = re.compile(r"max search depth too small|reached -DMEMLIM bound|out of memory|interrupted|Search not completed")
_UNREACHED = re.compile(r"printf\('(\w+)\\n'\)")
_LOOKED_FOR = {
    False: ("never claim         \t- (not selected)", "assertion violations\t+", "invalid end states\t+"),
    True: ("never claim         \t+", "assertion violations\t+", "acceptance   cycles \t+ (fairness enabled)"),
}
"""What the head of a report says, with and without a claim."""


def read(output: str, *, claim: bool) -> Verdict:
    """What the program printed.

    Args:
        output: all of it.
        claim: whether it was to look for runs that break a claim.

    Raises:
        SpinError: it printed something else, or has not looked for what it was asked for.
    """
    size, states, error = _SIZE.search(output), _STATES.search(output), _ERROR.search(output)
    if size is None or states is None:
        raise SpinError(f"spin's search did not come to an end that can be read: {output.strip()[-500:]}")
    if missing := [words for words in _LOOKED_FOR[claim] if words not in output]:
        raise SpinError(f"spin was to look for something else; its report lacks: {'; '.join(missing)}")
    if (error is not None) != (size[2] != "0"):
        raise SpinError(f"spin counts {size[2]} errors, but its first words are: {output.strip()[:500]}")
    return Verdict(
        states=int(states[1]),
        depth=int(size[1]),
        error=error[1] if error else "",
        complete=error is None and not _CUT_SHORT.search(output),
        unseen=frozenset(_UNREACHED.findall(output.partition("\nunreached in ")[2])),
    )


def missing() -> str:
    """What is not installed, in words; empty if all is there."""
    lacking = [tool for tool in NEEDED if shutil.which(tool) is None]
    return f"{' and '.join(lacking)} not found; run: make packages" if lacking else ""


def search(
    what: Search, folder: Path, *, seconds: float = 120, megabytes: int = 1000, deepest: int = 300_000, thorough: bool = False
) -> Verdict:
    """Looks at everything that can happen in a model.

    Args:
        what: which, and for what.
        folder: where files may be left; an empty one.
        seconds: that it may take.
        megabytes: of memory that it may take.
        deepest: steps of the longest run that is followed.
        thorough: whether the search is long, so that it is worth the time to have it compiled well and its states compressed.

    Raises:
        SpinError: there is no spin or no compiler, they refuse the model, or time has run out.
    """
    if lacking := missing():
        raise SpinError(lacking)
    source = f"{what.model}.pml"
    shutil.copy(MODELS / source, folder)
    # Without -o3 statements are merged, and what was never reached cannot be told. All state is global: there are no partial
    # orders to reduce by.
    _run(("spin", "-o3", "-a", *what.defines, source), folder, seconds)
    about = ("-DNFAIR=4",) if what.claim else ("-DSAFETY", "-DNOCLAIM")
    always = ("-w", "-DNOREDUCE", "-DVECTORSZ=4096", f"-DMEMLIM={megabytes}")
    how = ("-O2", "-DCOLLAPSE") if thorough else ("-O0",)
    _run((COMPILER, *how, *always, *about, "-o", "pan", "pan.c"), folder, seconds)
    asked = ("-a", "-f") if what.claim else ()
    output = _run(("./pan", f"-w{24 if thorough else 18}", f"-m{deepest}", *asked), folder, seconds)
    verdict = read(output, claim=bool(what.claim))
    if not verdict.error:
        return verdict
    story = _run(("spin", "-t", "-c", *what.defines, source), folder, seconds)
    return Verdict(verdict.states, verdict.depth, verdict.error, verdict.complete, verdict.unseen, story)


def _run(command: tuple[str, ...], folder: Path, seconds: float) -> str:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        raise SpinError(
            f"{command[0]} took longer than {seconds:g} s in {folder}; what it has not seen by then may be wrong"
        ) from None
    printed = done.stdout + done.stderr
    if command[0] != "./pan" and (done.returncode or "rror:" in printed) and "-t" not in command:
        raise SpinError(f"{' '.join(command)} failed: {printed.strip()[:1000]}")
    return printed


@dataclass(frozen=True)
class Names:
    """What a model says, by name.

    Attributes:
        messages: kinds of messages.
        phases: that a role can be in, by role.
        events: that a role knows, by role.
        left_out: reasons by name.
        sights: what has to be reachable.
        mutations: faults that can be put into it, with what they are.
        settings: sizes that it needs.
    """

    messages: frozenset[str]
    phases: Mapping[str, frozenset[str]]
    events: Mapping[str, frozenset[str]]
    left_out: Mapping[str, str]
    sights: frozenset[str]
    mutations: Mapping[str, str]
    settings: frozenset[str]


_PHASE_OF: Mapping[str, str] = {
    "coordinator": r"(?<![\w.])phase",
    "region": r"(?:ME|player\[\w+\])\.phase",
    "dispatcher": r"(?<![\w.])film",
    "renderer": r"(?:IT|renderer\[\w+\])\.phase",
}
"""The variable that holds the phase of each role."""


def names(text: str) -> Names:
    """What a model says.

    Raises:
        SpinError: it lists a message or a phase that it does not use, or uses a phase that it does not list.
    """
    head, _, body = text.partition("*/")
    bare = re.sub(r"/\*.*?\*/", " ", body, flags=re.DOTALL)
    messages = _listed(body, "messages")
    if unused := sorted(name for name in messages if len(re.findall(rf"\b{name}\b", bare)) < 2):  # once is the list itself
        raise SpinError(f"the model lists messages that it does not use: {', '.join(unused)}")
    phases = {
        role: frozenset(re.findall(rf"{variable} (?:==|!=|=) ([a-z]\w*)\b(?!\()", bare)) for role, variable in _PHASE_OF.items()
    }
    if strange := sorted(frozenset[str]().union(*phases.values()) - {"goal"} ^ _listed(body, "phases")):
        raise SpinError(f"the model lists other phases than it uses: {', '.join(strange)}")
    pieces = re.split(r"/\* -+ role: (\w+) \*/", body)
    return Names(
        messages=messages,
        phases={role: found - {"goal"} for role, found in phases.items()},
        events={
            role: frozenset(re.findall(r"/\* on: (\w+) \*/", part))
            for role, part in zip(pieces[1::2], pieces[2::2], strict=True)
        },
        left_out={
            name: reason
            for listed, reason in re.findall(r"^ \*   left out: (.+?): (.+)$", head, re.MULTILINE)
            for name in listed.split(", ")
        },
        sights=frozenset(re.findall(r'\bsight\("(\w+)\\n"\)', bare)),
        mutations=dict(
            re.findall(r"^#define (\w+) [1-9]\d* +/\* (.+) \*/$", body.partition("#ifndef MUTATION")[0], re.MULTILINE)
        ),
        settings=frozenset(re.findall(r"\b[A-Z]{2,}\b", bare))
        - frozenset(re.findall(r"^#define (\w+)", bare, re.MULTILINE))
        - {"MUTATION"},
    )


def _listed(body: str, label: str) -> frozenset[str]:
    """The names in the declaration below a comment."""
    found = re.search(rf"/\* {label} \*/\s*mtype = \{{([^}}]*)\}}", body)
    return frozenset(re.findall(r"\w+", found[1])) if found else frozenset()
