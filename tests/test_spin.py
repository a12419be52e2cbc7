"""The protocol as Promela models, checked by spin; and the models, the machines and the documentation have the same names.

Searches do not depend on each other, so two run beside each other from the first that is asked for on. Each has a folder of its
own. Without spin and gcc they are skipped: `make packages` installs both.
"""

from __future__ import annotations

import re
import shutil

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from _pytest.mark.structures import ParameterSet

from protocol.coordinator import COORDINATOR_MACHINE
from protocol.dispatch import DISPATCHER
from protocol.machine import Machine
from protocol.messages import MESSAGES
from protocol.region import REGION
from protocol.rendering import RENDERER
from tests import spin
from tests.spin import MODELS, SIZES, Search, SpinError, Verdict, names, read
from tests.thinned import thinned

TEXTS: Mapping[str, str] = {name: (MODELS / f"{name}.pml").read_text("utf-8") for name in SIZES}
TAKE = ("negotiation", "dispatch")
"""The models that the roles are in."""
MACHINES: Mapping[str, Machine[Any]] = {
    "coordinator": COORDINATOR_MACHINE,
    "region": REGION,
    "dispatcher": DISPATCHER,
    "renderer": RENDERER,
}
DOCUMENTATION = (Path(__file__).parent.parent / "docs" / "protocol.md").read_text("utf-8")


def of(model: str, sizes: str = "", **more: str) -> Search:
    """A search, its sizes written as `NAME=VALUE`."""
    return Search(model, {name: int(value) for name, _, value in (each.partition("=") for each in sizes.split())}, **more)


def negotiation(sizes: str, **more: str) -> Search:
    return of("negotiation", sizes, **more)


def dispatch(sizes: str, **more: str) -> Search:
    return of("dispatch", sizes, **more)


HOLDS: Mapping[str, Search] = {
    "a process dies": negotiation("ROUNDS=1 CRASHES=1"),
    "two processes die, and ask twice": negotiation("BEATS=1 ROUNDS=1 CRASHES=2 COPIES=1"),
    "deadlines pass over two beats": negotiation("ROUNDS=1 LATE=1 SILENCES=1"),
    "a process dies behind a deadline": negotiation("BEATS=1 ROUNDS=1 CRASHES=1 LATE=1"),
    "the coordinator is lost": negotiation("BEATS=1 RESUMES=1"),
    "three regions": negotiation("REGIONS=3 BEATS=1"),
    "the critic sends back, and a process dies": negotiation("BEATS=1 ROUNDS=3 CRITICS=1 CRASHES=1"),
    "renderers die": dispatch("RENDERERS=2 DEATHS=1 COPIES=1"),
    "a chunk is poisoned": dispatch("RENDERERS=2 POISON=1 QUIETS=1"),
    "frames and the coordinator are lost": dispatch("BEATS=2 LOST=2 RESUMES=1 STOPS=1"),
    "renderings fail": dispatch("RENDERERS=2 FAILURES=3"),
    "answers change places": dispatch("RENDERERS=2 BEATS=2 SWAPS=1 COPIES=1"),
    "a link": of("link"),
}
"""No assertion is broken, and nothing comes to a dead end."""

ENDS: Mapping[str, Search] = {
    "a take in which processes die": negotiation("BEATS=1 ROUNDS=1 CRASHES=1 LATE=1", claim="closes"),
    "a take with silent agents": negotiation("BEATS=1 SILENCES=2 STOPS=1", claim="closes"),
    "a take that is resumed": negotiation("BEATS=1 ROUNDS=1 RESUMES=1 SILENCES=1", claim="closes"),
    "a take of which the critic sends back": negotiation("BEATS=1 ROUNDS=4 CRITICS=2", claim="closes"),
    "a film with a poisoned chunk": dispatch("RENDERERS=2 POISON=1", claim="closes"),
    "a film of which frames are lost": dispatch("LOST=2 DEATHS=1 RESUMES=1", claim="closes"),
    "what is sent over a link": of("link", claim="arrives"),
}
"""Every run comes to its end, as long as everybody who can go on does so at last (L1)."""

LARGE: Mapping[str, Search] = {
    "a process dies in two beats and rounds": negotiation("CRASHES=1 COPIES=1"),
    "four regions": negotiation("REGIONS=4 BEATS=1"),
    "three regions, one of which dies": negotiation("REGIONS=3 BEATS=1 CRASHES=1 COPIES=1"),
    "deadlines over two beats and rounds": negotiation("LATE=1 SILENCES=1"),
    "the coordinator is lost in two beats": negotiation("RESUMES=1 STOPS=1"),
    "processes die over two rounds": negotiation("BEATS=1 CRASHES=2 COPIES=1"),
    "processes die behind a deadline": negotiation("BEATS=1 CRASHES=2 LATE=1"),
    "all that can go wrong in one beat": negotiation("BEATS=1 ROUNDS=1 CRASHES=2 LATE=1 SILENCES=1 COPIES=1 FAULTY=2"),
    "a take ends in two beats": negotiation("CRASHES=1", claim="closes"),
    "all that can go wrong with two renderers": dispatch("RENDERERS=2 POISON=1 DEATHS=1 COPIES=1 LOST=1 BEATS=2 CHUNKS=1"),
    "a longer link": of("link", "LENGTH=3"),
}

FAULTS: Mapping[str, Mapping[str, str]] = {
    "negotiation": {
        "NO_FENCE": "BEATS=1 CRASHES=1",
        "SAME_INCARNATION": "BEATS=1 CRASHES=1",
        "ANY_RESTORED": "BEATS=1 CRASHES=2 COPIES=1",
        "FORGET_TRACK": "BEATS=1 CRASHES=1",
        "COUNT_TWICE": "BEATS=1 CRASHES=1",
        "STALE_VOTES": "BEATS=1",
        "COMMIT_EARLY": "BEATS=1",
        "COMMIT_LATEST": "BEATS=1 CRASHES=1",
        "COMMIT_AGAIN": "BEATS=1",
        "SKIP_VOTE": "BEATS=1 SILENCES=1",
        "AUDIT_AGAIN": "BEATS=1",
        "NO_CAP": "BEATS=1",
        "NO_DEADLINE": "BEATS=1 SILENCES=1",
    },
    "dispatch": {
        "MIX": "BEATS=2",
        "LATE_COUNTS": "COPIES=1 DEATHS=1",
        "ANY_ATTEMPT": "COPIES=1",
        "WRITE_TWICE": "COPIES=1",
        "OUT_OF_ORDER": "RENDERERS=2",
        "NO_STRIKES": "POISON=1",
        "NO_SUSPECTS": "POISON=1",
        "FORGET_HELD": "DEATHS=1",
        "END_EARLY": "",
        "KEEP_VIDEO": "RESUMES=1",
    },
    "link": dict.fromkeys(("NEW_NUMBER", "NO_DEDUPE", "NO_ORDER", "ACK_HIGHEST", "ACK_ANY_EPOCH", "NO_RESEND"), ""),
}
"""Faults that are put into the models, with the smallest take that shows them."""
NEVER_END: Mapping[str, str] = {"NO_CAP": "closes", "NO_RESEND": "arrives"}
"""Faults that break no assertion: a claim is refuted by them."""
DEAD_ENDS = ("FORGET_TRACK", "NO_DEADLINE", "FORGET_HELD")
"""Faults by which a take does not go on."""

MUTANTS: Mapping[str, Search] = {
    f"{model}: {fault}": of(model, sizes, mutation=fault, claim=NEVER_END.get(fault, ""))
    for model, faults in FAULTS.items()
    for fault, sizes in faults.items()
}
SEARCHES: Mapping[str, Search] = {**HOLDS, **ENDS, **LARGE, **MUTANTS}
QUICK = (
    "two processes die, and ask twice",
    "renderings fail",
    "a link",
    "a film of which frames are lost",
    "negotiation: NO_FENCE",
    "link: NO_DEDUPE",
)
"""One of each kind, for the everyday tests: each costs the compiler a second. The others are made with the proofs."""
SOUND: Mapping[str, tuple[str, ...]] = {
    model: tuple(name for name, search in {**HOLDS, **ENDS}.items() if search.model == model) for model in SIZES
}
"""What is looked at of each model without a fault: together it has to come by all that should happen."""


def searches(names: Iterable[str]) -> list[ParameterSet]:
    """Searches to be made; those that are not quick, with the proofs."""
    return [pytest.param(name, marks=[pytest.mark.slow] * (name not in QUICK)) for name in names]


@pytest.fixture(scope="module")
def verdict(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Verdict]]:
    """What the search of a name comes to; all that this session's tests ask for are begun at once."""
    if lacking := spin.missing():
        pytest.skip(lacking)

    def look(name: str, folder: Path) -> Verdict:
        most: dict[str, Any] = {"seconds": 1500, "megabytes": 4000, "thorough": True} if name in LARGE else {}
        found = spin.search(SEARCHES[name], folder, **most)
        if not found.error:
            shutil.rmtree(folder)  # megabytes that nobody is going to look at
        return found

    items = [item for item in request.session.items if item.path == request.path and isinstance(item, pytest.Function)]
    asked = [str(value) for item in items if hasattr(item, "callspec") for value in item.callspec.params.values()]
    needed = dict.fromkeys(name for value in asked for name in SOUND.get(value, (value,)) if name in SEARCHES)
    with ThreadPoolExecutor(max_workers=2) as pool:
        begun: Mapping[str, Future[Verdict]] = {
            name: pool.submit(look, name, tmp_path_factory.mktemp("spin")) for name in needed
        }
        yield lambda name: begun[name].result()
        pool.shutdown(cancel_futures=True)


def told(found: Verdict) -> str:
    """How it came to what was found, for who has to find out why."""
    return f"{found.error}\n{found.story.partition('final state:')[0][-8000:]}"


# ------------------------------------------------------------------------------------------------------------------- what holds


@pytest.mark.parametrize("name", searches(HOLDS))
def test_no_run_breaks_an_assertion_or_comes_to_a_dead_end(verdict, name):
    found = verdict(name)
    assert found.error == "", told(found)
    assert found.complete


@pytest.mark.parametrize("name", searches(ENDS))
def test_every_run_comes_to_its_end(verdict, name):
    found = verdict(name)
    assert found.error == "", told(found)
    assert found.complete


@pytest.mark.slow
@pytest.mark.parametrize("name", LARGE)
def test_the_same_is_true_of_larger_takes(verdict, name):
    found = verdict(name)
    assert found.error == "", told(found)
    assert found.complete


@pytest.mark.slow
@pytest.mark.parametrize("model", SIZES)
def test_what_should_happen_can_happen(verdict, model):
    """What holds, holds of something: commits after objections, rulings, rejoining in each phase, fallbacks that vote, …"""
    unseen = names(TEXTS[model]).sights.intersection(*(verdict(name).unseen for name in SOUND[model]))
    assert unseen == set()


def test_what_does_not_happen_is_told(tmp_path):
    if lacking := spin.missing():
        pytest.skip(lacking)
    found = spin.search(of("link", "LOSSES=0 REPEATS=0 SWAPS=0 EPOCHS=1 LENGTH=1"), tmp_path)
    assert found.unseen == {"OldEpoch", "NewEpochBeforeItsTurn", "BeforeItsTurn", "WireFull"}


@pytest.mark.parametrize("name", searches(MUTANTS))
def test_every_fault_is_found(verdict, name):
    found = verdict(name)
    fault = name.partition(": ")[2]
    if fault in NEVER_END:
        assert found.error == "acceptance cycle"
    elif fault in DEAD_ENDS:
        assert found.error == "invalid end state"
    else:
        assert found.error.startswith("assertion violated (")
        assert "nfull" not in found.error  # a queue that is too short for a fault is no finding
    assert "spin: trail ends after" in found.story


@pytest.mark.parametrize("name", ["negotiation: NO_FENCE"])
def test_what_was_found_is_told_message_by_message(verdict, name):
    """A process proposes under a fenced incarnation: who sent what and who took it, in the columns of processes."""
    story = verdict(name).story
    for words in ("to[1]!BeatOpened,1,", "from[1]?Proposed,1,", "door[0]!Rejoined,1", "to[0]!Restored,2,1,"):
        assert words in story


@pytest.mark.parametrize("bound", thinned([{"deepest": 100}, {"megabytes": 20}], 2), ids=["in depth", "in memory"])
def test_a_search_that_is_cut_short_proves_nothing(bound, tmp_path):
    if lacking := spin.missing():
        pytest.skip(lacking)
    found = spin.search(of("link"), tmp_path, **bound)
    assert found.error == ""
    assert not found.complete


# ------------------------------------------------------------------------------------------------------ one vocabulary for all


def test_every_message_is_modelled_or_left_out_for_a_reason():
    said = [names(TEXTS[model]) for model in TAKE]
    modelled = said[0].messages | said[1].messages
    left_out = {name for each in said for name in each.left_out} & MESSAGES.keys()
    assert modelled | left_out == MESSAGES.keys()
    assert not modelled & left_out


@pytest.mark.parametrize("role", MACHINES)
def test_the_phases_of_each_role_are_those_of_its_table(role):
    modelled = {phase for model in TAKE for phase in names(TEXTS[model]).phases[role]}
    assert modelled == set(MACHINES[role].phases)


@pytest.mark.parametrize("role", MACHINES)
def test_the_events_of_each_role_are_those_of_its_table(role):
    said = [names(TEXTS[model]) for model in TAKE]
    modelled = {event for each in said for event in each.events.get(role, ())}
    assert modelled == {row.event for row in MACHINES[role].rows} - {name for each in said for name in each.left_out}


@pytest.mark.parametrize("model", TAKE)
def test_what_a_model_leaves_out_exists_and_is_not_in_it(model):
    said = names(TEXTS[model])
    exists = {*MESSAGES, *(phase for machine in MACHINES.values() for phase in machine.phases)}
    assert said.left_out.keys() <= exists
    assert not said.left_out.keys() & (said.messages | said.phases["coordinator"])


@pytest.mark.parametrize("role", MACHINES)
def test_the_documentation_has_the_names_of_the_models(role):
    table = DOCUMENTATION.partition(f"<!-- generated: {role} table -->")[2].partition("<!-- end:")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.split("\n") if line.startswith("|")][2:]
    said = [names(TEXTS[model]) for model in TAKE]
    left_out = {name for each in said for name in each.left_out}
    phases = {phase for row in rows for cell in (row[0], row[3]) for phase in cell.split(", ")} - {"stays"}
    events = {event.strip("`*") for row in rows for event in row[1].split(", ")}
    assert phases == {phase for each in said for phase in each.phases[role]}
    assert events - left_out == {event for each in said for event in each.events.get(role, ())}


def test_the_documentation_has_the_messages_of_the_models():
    table = DOCUMENTATION.partition("<!-- generated: messages -->")[2].partition("<!-- end:")[0]
    said = [names(TEXTS[model]) for model in TAKE]
    messages = {name for each in said for name in each.messages} | (
        {name for each in said for name in each.left_out} & MESSAGES.keys()
    )
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == messages


def test_every_property_has_its_place_in_the_models():
    """All but S3 and S7, which are about tracks and frames themselves."""
    named = {name for text in TEXTS.values() for name in re.findall(r"/\* ([SL]\d)\b", text.partition("*/")[2])}
    assert named == {"S1", "S2", "S4", "S5", "S6", "L1", "L2"}


@pytest.mark.parametrize("model", SIZES)
def test_settings_and_faults_are_those_of_the_model(model):
    said = names(TEXTS[model])
    assert said.settings == SIZES[model].keys()
    assert said.mutations.keys() == FAULTS[model].keys()
    assert all(re.search(rf"^ \*.*\b{size}   *\S", TEXTS[model].partition("*/")[0], re.MULTILINE) for size in SIZES[model])


# ------------------------------------------------------------------------------------------------------------- what is read

MODEL = """/*
 *   left out: Decided, voting: they say nothing
 */
/* mutations */
#define LOUD 1   /* it shouts */
#ifndef MUTATION
#define MUTATION NONE
#endif
/* messages */
mtype = { Ask, Answer };
/* phases */
mtype = { idle, open };
/* --- role: coordinator */
  phase = idle; to ! Ask; n = SIZE; sight("Asked\\n") /* on: Go */
/* --- role: region */
  ME.phase == open -> from ! Answer /* on: Ask */
"""


def test_names_are_read_from_a_model():
    said = names(MODEL)
    assert said.messages == {"Ask", "Answer"}
    assert said.phases == {"coordinator": {"idle"}, "region": {"open"}, "dispatcher": set(), "renderer": set()}
    assert said.events == {"coordinator": {"Go"}, "region": {"Ask"}}
    assert said.left_out == {"Decided": "they say nothing", "voting": "they say nothing"}
    assert said.sights == {"Asked"}
    assert said.mutations == {"LOUD": "it shouts"}


def test_a_phase_that_is_used_and_not_listed_is_noticed():
    with pytest.raises(SpinError, match="other phases than it uses: awake, open"):
        names(MODEL.replace("ME.phase == open", "ME.phase == awake"))


def test_a_message_that_is_listed_and_not_used_is_noticed():
    with pytest.raises(SpinError, match="does not use: Answer"):
        names(MODEL.replace("from ! Answer", "skip"))


REPORT = """
Full statespace search for:
	never claim         	- (not selected)
	assertion violations	+
	acceptance   cycles 	- (not selected)
	invalid end states	+

State-vector 412 byte, depth reached 241, errors: 0
      190 states, stored
unreached in proctype Sender
	link.pml:78, state 8, "printf('WireFull\\n')"
"""
FOUND = REPORT.replace("\nFull", "pan:1: assertion violated (x==video) (at depth 217)\nFull").replace("errors: 0", "errors: 1")


def test_a_verdict_is_read():
    assert read(REPORT, claim=False) == Verdict(190, 241, "", complete=True, unseen=frozenset({"WireFull"}))
    found = read(FOUND, claim=False)
    assert found.error == "assertion violated (x==video)"
    assert not found.complete


@pytest.mark.parametrize("words", ["error: max search depth too small", "pan: reached -DMEMLIM bound", "Search not completed"])
def test_a_report_of_a_search_that_was_cut_short_is_incomplete(words):
    assert not read(f"{words}\n{REPORT}", claim=False).complete


@pytest.mark.parametrize("output", ["", "Segmentation fault", REPORT.replace("errors: 0", "errors: 1")])
def test_what_cannot_be_read_is_no_verdict(output):
    with pytest.raises(SpinError, match="spin"):
        read(output, claim=False)


@pytest.mark.parametrize("words", ["invalid end states", "assertion violations"])
def test_a_search_for_something_else_is_no_verdict(words):
    with pytest.raises(SpinError, match=f"its report lacks: {words}"):
        read(re.sub(rf"{words}\t\+", f"{words}\t- (disabled)", REPORT), claim=False)
    with pytest.raises(SpinError, match="its report lacks: never claim"):
        read(REPORT, claim=True)


def test_a_setting_that_a_model_does_not_have_is_refused():
    with pytest.raises(SpinError, match=r"link\.pml has no CRASHES; it has LENGTH, "):
        _ = of("link", "CRASHES=1").defines


def test_without_spin_it_is_said_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SpinError, match="spin and gcc not found; run: make packages"):
        spin.search(of("link"), tmp_path)


def test_a_search_that_takes_too_long_is_ended(tmp_path):
    if lacking := spin.missing():
        pytest.skip(lacking)
    with pytest.raises(SpinError, match="took longer than"):
        spin.search(of("link"), tmp_path, seconds=0.001)
