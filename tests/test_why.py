"""Why a channel has its value: the explanation is true of the take, and is told so that an animator reads it at once."""

from __future__ import annotations

import json

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from agents.contributions import Repertoire, composition
from agents.performance import Performance
from protocol.channels import CHANNELS, INDEX, NAMES
from protocol.consistency import committed_timeline
from protocol.conversation import WIDTH
from protocol.debugging.explaining import NothingThereError, excerpt, explain
from protocol.debugging.explanation import Explanation, visible
from protocol.interpolation import frame_times
from protocol.journal import Record
from protocol.messages import BeatOpened, Decided, Proposed
from protocol.rules import Margins, RuleSet
from protocol.timeline import sample
from runtime.cli import main
from runtime.explaining import Told, composed, repertoire_of
from runtime.takes import open_pages
from tests.program import at_home, journal_file, refused
from tests.recorded import Silent, Stubborn, recorded, said, where
from tests.takes import Told as Tiny
from tests.takes import load_tables, playing, run, tiny_take

DIRECTION = "She grins, then turns her head far to the right."
"""The eyes lift the cheeks for the grin, and yield to the head in its turn."""
FPS = Fraction(60)
MOST_LINES = 25


def rules_of(told: Tiny) -> RuleSet:
    """The constraints of a tiny take."""
    return RuleSet(
        margins=Margins(level=0.25, speed=0.0, accel=0.0, drift=0.0),
        rules=tuple(c.rule for c in told.tables.constraints.checks),
    )


def why(told: Tiny, channel: str, time: float) -> Explanation:
    """The explanation of a value of a tiny take."""
    return explain(told.records, rules_of(told), channel, time)


@pytest.fixture(scope="module")
def tiny() -> Tiny:
    """Two beats of half a second; in the first brows and eyes yield to the jaw."""
    return tiny_take()


@pytest.fixture(scope="module")
def records() -> tuple[Record, ...]:
    """A take of the real agents."""
    return run(DIRECTION, seed=1)[0].records


@pytest.fixture(scope="module")
def rules() -> RuleSet:
    """The program's own constraints."""
    checks = load_tables().tables.constraints.checks
    return RuleSet(margins=checks[0].margins, rules=tuple({check.rule.id: check.rule for check in checks}.values()))


@pytest.fixture(scope="module")
def repertoire(records, rules) -> Repertoire:
    """What the regions of the take performed by."""
    found = repertoire_of(records[0].message.configuration, rules)
    assert found is not None
    return found


# ------------------------------------------------------------------------------------------------------- what is said


@pytest.mark.parametrize("frame", [0, 7, 60, 105, 106, 150, 200])
def test_every_value_explained_is_that_of_the_motion(records, rules, frame):
    timeline = committed_timeline(records)
    assert timeline is not None
    motion = sample(timeline, FPS)
    time = float(frame_times(1, FPS, frame)[0])
    assert frame < motion.shape[1]
    for name in NAMES:
        told = explain(records, rules, name, time)
        assert told.value == motion[INDEX[name], frame], name
        assert told.intent.start <= time <= told.intent.end


def test_a_value_lies_between_the_keyframes_that_are_named(records, rules):
    for name in ("mouthSmileLeft", "headYaw", "cheekSquintRight", "browInnerUp"):
        for time in np.linspace(0.01, 3.4, 40):
            told = explain(records, rules, name, float(time))
            values = [key.value for key in told.keys]
            assert told.keys[0].time <= time
            assert min(values) - 1e-9 <= told.value <= max(values) + 1e-9
            assert all(key.time > time for key in told.keys[1:])


def test_a_coefficient_that_nobody_writes_is_explained_by_the_angle_that_it_is_read_off(records, rules):
    told = explain(records, rules, "eyeLookOutRight", 2.2)
    angle = explain(records, rules, "eyeYawRight", 2.2)
    assert told.reads == ("eyeYawRight", angle.value)
    assert (told.keys, told.versions, told.written) == (angle.keys, angle.versions, "eyeYawRight")
    assert explain(records, rules, "eyeLookUpLeft", 2.2).written == "eyePitchLeft"


def test_a_value_that_was_yielded_tells_what_it_was_before_and_what_for(tiny):
    told = why(tiny, "browInnerUp", 0.45)
    first, second = told.versions
    assert (first.how, first.round, first.value) == ("proposed", 0, 0.6)
    assert (second.how, second.round, second.value, second.why) == ("revised", 1, 0.2, "yields")
    assert told.settled is second
    (complaint,) = second.complaints
    assert complaint.violation.constraint == "brows-under-jaw"
    assert (complaint.violation.measured, complaint.violation.bound) == (1.4, 1.0)
    assert complaint.by == ("brows", "mouth")
    assert [(peer.channel, peer.value) for peer in complaint.peers] == [("jawOpen", 0.8)]
    assert complaint.rule is not None
    assert complaint.rule.why == "a tiny take needs something to agree on"
    assert (told.agreed, told.start) == (2, 0.0)


def test_a_value_that_others_yielded_to_says_so(tiny):
    told = why(tiny, "jawOpen", 0.45)
    assert [version.how for version in told.versions] == ["proposed"]
    assert sorted(each.violation.constraint for each in told.kept) == ["brows-under-jaw", "lids-under-jaw"]
    assert {each.violation.yields for each in told.kept} == {"brows", "eyes"}


def test_a_channel_that_no_objection_was_about_names_none(tiny):
    told = why(tiny, "headYaw", 0.3)
    assert told.kept == ()
    assert all(version.complaints == () for version in told.versions)


def test_a_beat_that_starts_where_another_ended_says_with_what(tiny):
    told = why(tiny, "jawOpen", 0.6)
    assert (told.beat, told.start) == (1, 0.8)


def test_the_moment_between_two_beats_belongs_to_the_later_and_the_end_to_the_last(tiny):
    assert why(tiny, "jawOpen", 0.5).beat == 1
    assert why(tiny, "jawOpen", 1.0).beat == 1


def test_a_ruling_tells_its_rung_and_what_was_left_to_object_to():
    told = why(tiny_take(rounds=2, agents=playing("brows", Stubborn)), "browInnerUp", 0.45)
    proposed, ruled = told.versions
    assert (proposed.value, ruled.how, ruled.rung) == (0.6, "ruled", "projected")
    assert ruled.value < 0.25
    assert [each.violation.constraint for each in ruled.complaints] == ["brows-under-jaw"]
    assert told.settled is ruled
    assert told.agreed is None
    assert told.committed is not None


def test_a_fallback_that_spoke_for_a_region_is_named():
    told = why(tiny_take(agents=playing("brows", Silent)), "browInnerUp", 0.45)
    assert told.versions[0].fallback
    assert told.versions[0].incarnation > 1
    assert any("did not answer in time" in incident for incident in told.incidents)
    assert any("its fallback plays it" in incident for incident in told.incidents)


def test_a_take_that_was_cut_off_is_explained_as_far_as_it_goes(tiny):
    places = [n for n, record in enumerate(tiny.records) if isinstance(record.message, Proposed)]
    part = tiny.records[: places[1]]
    told = explain(part, rules_of(tiny), "browInnerUp", 0.45)
    assert (told.value, told.committed) == (0.6, None)
    with pytest.raises(NothingThereError, match="before the mouth have proposed anything for beat 0"):
        explain(part, rules_of(tiny), "jawOpen", 0.45)
    with pytest.raises(NothingThereError, match=r"the journal ends before 0.7 s is planned: it reaches 0.5 s"):
        explain(part, rules_of(tiny), "jawOpen", 0.7)
    with pytest.raises(NothingThereError, match=r"the take is 1 s long, so there is nothing at 1.2 s"):
        explain(tiny.records, rules_of(tiny), "jawOpen", 1.2)


@pytest.mark.parametrize("name", ["undisturbed", "a region is silent", "resumed with a fallback", "stopped while regions vote"])
def test_few_records_explain_a_moment_as_well_as_all_of_them(tiny, name, tmp_path):
    told = recorded(name)
    pages = open_pages(journal_file(tmp_path / "journal.mcap", told.records))
    for time in (0.0, 0.3, 0.5, 0.9, 1.0, 7.0):
        part = excerpt(pages, time)
        assert len(part) < len(told.records)
        for channel in ("browInnerUp", "eyeWideLeft", "jawOpen"):
            assert tried(part, rules_of(tiny), channel, time) == tried(told.records, rules_of(tiny), channel, time)


def tried(records: Sequence[Record], rules: RuleSet, channel: str, time: float) -> Explanation | str:
    """The explanation, or why there is none."""
    try:
        return explain(records, rules, channel, time)
    except NothingThereError as error:
        return str(error)


def test_a_journal_whose_brief_is_none_is_explained_all_the_same(tiny, tmp_path):
    records = said(tiny.records, where(tiny.records, Decided), reply="{}")
    told = explain(records, rules_of(tiny), "browInnerUp", 0.45)
    assert told == why(tiny, "browInnerUp", 0.45)
    with pytest.raises(NothingThereError, match=r"the journal ends before 7 s is planned: it reaches 1 s"):
        explain(records, rules_of(tiny), "browInnerUp", 7.0)


def test_what_meets_in_a_value_makes_what_the_region_proposed(records, rules, repertoire):
    checked = mixed = 0
    beats = {record.message.beat: record.message for record in records if isinstance(record.message, BeatOpened)}
    for name in (name for name in NAMES if not CHANNELS[name].derived):
        for time in (0.3, 1.0, 2.0, 3.0):
            told = explain(records, rules, name, time)
            first = told.versions[0]
            assert first.decided is not None
            performance = Performance.model_validate_json(first.decided.reply)
            beat = beats[told.beat]
            made = composition(repertoire, performance, beat, name, time - beat.intent.start)
            assert made.broken or abs(made.value - first.value) <= visible(name), name
            if not made.parts:
                settled = told.start == 0 or time - beat.intent.start > 1.6
                assert not settled or abs(made.value) <= visible(name), name
            checked += 1
            mixed += len(made.parts) > 1
    assert checked > 200
    assert mixed > 5


# ------------------------------------------------------------------------------------------------------- how it is told


@pytest.fixture(scope="module")
def take(records, tmp_path_factory) -> Path:
    """The journal of the take."""
    return journal_file(tmp_path_factory.mktemp("why") / "journal.mcap", records)


@pytest.fixture(autouse=True)
def _at_home(tmp_path) -> Iterator[None]:
    with at_home(tmp_path):
        yield


def asked(capsys, take: Path, value: str) -> list[str]:
    """The lines that the command prints."""
    assert main(["why", str(take), value]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    lines: list[str] = printed.out.splitlines()
    assert len(lines) <= MOST_LINES
    assert all(len(line) <= WIDTH for line in lines)
    return lines


def test_what_was_asked_for_is_named_first(capsys, take):
    lines = asked(capsys, take, "mouthSmileLeft@1")
    assert lines[0].startswith("mouthSmileLeft is 0.9")
    assert lines[0].endswith(" of 1 at 1 s (frame 60)")
    assert lines[1].split() == ["because", "grin", '("grins")']
    text = "\n".join(lines)
    assert "beat      0, 0.00-" in text
    assert "  asked     grin from 0.20 to " in text
    assert "others    eyes give way to it in round 1: big-smile-lifts-cheek" in text


def test_what_was_yielded_is_named_with_whom_and_why(capsys, take):
    lines = asked(capsys, take, "cheekSquintLeft@1")
    assert lines[1] == "  because   eyes gave way to mouth (big-smile-lifts-cheek); eyes had proposed 0.00"
    text = "\n".join(lines)
    assert "eyes yield to mouth: mouthSmileLeft 0.9" in text
    assert "because a strong pull of the zygomatic raises the cheek, meant or not" in text
    assert "eyes revise 0.3" in text
    assert "instead of 0.00: giving way to mouth (big-smile-lifts-cheek" in text
    assert "yielded to big-smile-lifts-cheek; before that at rest" in text


def test_what_nobody_asked_for_is_said_to_be_idle_or_at_rest(capsys, take):
    assert asked(capsys, take, "cheekPuff@1")[1] == "  because   nothing in this beat moves cheekPuff"
    assert "idle breath motion" in "\n".join(asked(capsys, take, "headY@1"))


def test_a_coefficient_of_the_gaze_says_what_it_is_read_off(capsys, take):
    lines = asked(capsys, take, "eyeLookOutRight@2.2")
    assert "read off  eyeYawRight, which is " in lines[1]
    assert lines[1].endswith("nobody writes eyeLookOutRight itself")


def test_every_channel_is_told_in_few_lines_at_any_time(records, rules, repertoire):
    for name in NAMES:
        for time in (1.0, 2.3):
            told = explain(records, rules, name, time)
            lines = Told(told, composed(repertoire, told), FPS, None).as_text()
            assert len(lines) <= MOST_LINES
            assert all(len(line) <= WIDTH for line in lines)


@pytest.mark.parametrize("value", ["mouthSmileLeft@1", "mouthsmileleft@1.0s", "mouthSmileLeft@#60", "MouthSmileLeft@1s"])
def test_a_value_is_named_by_its_second_or_its_frame(capsys, take, value):
    lines = asked(capsys, take, value)
    assert lines[0].startswith("mouthSmileLeft is ")
    assert lines[0].endswith("at 1 s (frame 60)")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("jawOpn@1", "there is no channel 'jawOpn'. Did you mean jawOpen?"),
        ("mouthSmile@1", "mouthSmile has two sides, the subject's own: ask for mouthSmileLeft or for mouthSmileRight."),
        ("jawOpen", "'jawOpen' does not say which value is meant."),
        ("jawOpen@now", "'jawOpen@now' does not say which value is meant."),
        ("jawOpen@-1", "does not say which value is meant."),
        ("jawOpen@nan", "does not say which value is meant."),
        ("jawOpen@99", "s long, so there is nothing at 99 s. Ask for another time."),
        ("jawOpen@#9999", "at 60 per second ("),
        ("xyzzy@1", "there is no channel 'xyzzy'. Channels are: eyeBlinkLeft, "),
    ],
)
def test_what_cannot_be_asked_is_said_in_a_line(capsys, take, value, said):
    assert main(["why", str(take), value]) == 2
    printed = capsys.readouterr()
    assert (printed.out, printed.err.count("\n")) == ("", 1)
    assert said in printed.err


def test_a_take_that_is_not_there_is_an_error(capsys):
    assert "does not exist" in refused(capsys, "why", "nothing.take", "jawOpen@1")


def test_programs_get_the_same_as_people(capsys, take, records, rules):
    assert main(["why", str(take), "cheekSquintLeft@1", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    told = explain(records, rules, "cheekSquintLeft", 1.0)
    assert (data["value"], data["settled"]) == (told.value, told.settled.seq)
    assert [version["value"] for version in data["history"]] == [version.value for version in told.versions]
    (complaint,) = data["history"][-1]["gave_way_to"]
    assert complaint["constraint"] == "big-smile-lifts-cheek"
    assert complaint["peers"][0]["channel"] == "mouthSmileLeft"
    assert data["keyframes"][0]["source"]["note"] == "yielded to big-smile-lifts-cheek"
    assert data["contributions"] == []


def test_a_revision_says_which_beat_it_was_and_whether_the_same_is_asked(capsys, tmp_path):
    assert main(["plan", DIRECTION, "-o", "parent.json"]) == 0
    assert main(["revise", "parent.take", "hold the turn of her head longer", "-o", "child.json"]) == 0
    capsys.readouterr()
    parent = asked(capsys, tmp_path / "parent.take", "mouthSmileLeft@1")
    child = asked(capsys, tmp_path / "child.take", "mouthSmileLeft@1")
    assert child[0] == parent[0]
    (line,) = (line for line in child if "which this take revises" in line)
    assert line.strip().startswith("was beat 0 of take-")
    assert line.endswith("which this take revises; what is asked of it here is as it was there")
    assert not any("which this take revises" in line for line in parent)
    assert main(["why", "child.take", "mouthSmileLeft@1", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["revises"]["beat"], data["revises"]["as_before"], data["contributions"]) == (0, True, None)


def test_a_take_of_other_tables_is_explained_without_what_they_would_tell(capsys, take, records):
    opened = records[0].message
    texts = {name: text for name, text in opened.configuration.items() if name != "gestures.yaml"}
    message = opened.model_copy(update={"configuration": texts})
    path = journal_file(take.parent / "poor.mcap", [replace(records[0], message=message), *records[1:]])
    lines = asked(capsys, path, "mouthSmileLeft@1")
    assert lines[1].split() == ["because", "grin", '("grins")']
    assert not any(line.startswith("  together") for line in lines)
