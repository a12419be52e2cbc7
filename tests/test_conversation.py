"""A journal told as a conversation: who, what and why, so that a person can say what happened.

The golden journal and its text lie in `tests/golden`. After a change to what a take says or how it is told, run

    REWRITE_GOLDEN=1 python -m pytest tests/test_conversation.py

and read the difference.
"""

from __future__ import annotations

import io
import os

from collections.abc import Sequence
from pathlib import Path

import pytest

from configs.loading import parse_yaml_model
from protocol.brief import Origin
from protocol.channels import REGIONS
from protocol.constraints import Constraints
from protocol.conversation import WIDTH, Conversation
from protocol.journal import Record, compact, read_journal
from protocol.messages import Aborted, BeatOpened, ChunkWritten, Committed, Decided, Parent, RoundOpened, Ruled, TakeOpened
from protocol.replay import replay
from protocol.rules import RuleSet
from tests.filmed import meeting, play
from tests.recorded import RUNS, Silent, checked, places, recorded, said, stopped_after
from tests.takes import brief, run

GOLDEN = Path(__file__).parent / "golden"
DIRECTION = "She grins, then turns her head far to the right."


def told(
    records: Sequence[Record],
    region: str | None = None,
    reasons: dict[str, str] | None = None,
    *,
    numbers: bool = False,
    parties: dict[str, tuple[str, ...]] | None = None,
) -> list[str]:
    """All lines of a conversation."""
    talk = Conversation(reasons or {}, region, numbers=numbers, parties=parties or {})
    return [line for record in records for line in talk.lines(record)]


@pytest.fixture(scope="module")
def golden() -> tuple[Record, ...]:
    """A take of the real agents, as it was recorded when its text was last read."""
    path = GOLDEN / "grin_and_turn.mcap"
    if os.environ.get("REWRITE_GOLDEN"):
        _, journal = run(DIRECTION, idle=False, seed=1)
        with path.open("wb") as stream:
            compact(io.BytesIO(journal), stream)
    with path.open("rb") as stream:
        return read_journal(stream).records


@pytest.fixture(scope="module")
def rules(golden) -> RuleSet:
    """The constraints that it was recorded with."""
    opened = golden[0].message
    assert isinstance(opened, TakeOpened)
    return parse_yaml_model(opened.configuration["constraints.yaml"], "constraints.yaml of the golden take", RuleSet)


def test_the_golden_take_reads_as_it_did(golden, rules):
    text = "\n".join(told(golden, reasons={rule.id: rule.why for rule in rules.rules})) + "\n"
    path = GOLDEN / "grin_and_turn.txt"
    if os.environ.get("REWRITE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def test_the_machines_of_this_version_agree_with_the_golden_take(golden, rules):
    assert replay(golden, Constraints.of(rules)).findings == []


@pytest.fixture(scope="module")
def golden_film() -> tuple[Record, ...]:
    """A tiny take that was rendered, stopped and resumed; a region is silent, a renderer dies, frames are lost."""
    path = GOLDEN / "rendered_and_resumed.mcap"
    if os.environ.get("REWRITE_GOLDEN"):
        fates = meeting({(1, 1): "dies", (2, 1): "lost", (6, 1): "failed"})
        first = play(agents={"eyes": Silent}, fate=fates, stopped=stopped_after(110))
        told_ = play(first.records, agents={"eyes": Silent}, fate=fates)
        with path.open("wb") as stream:
            compact(io.BytesIO(told_.journal), stream)
    with path.open("rb") as stream:
        return read_journal(stream).records


def test_the_golden_film_reads_as_it_did(golden_film):
    text = "\n".join(told(golden_film)) + "\n"
    path = GOLDEN / "rendered_and_resumed.txt"
    if os.environ.get("REWRITE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def test_every_check_of_this_version_agrees_with_the_golden_film(golden_film):
    assert checked(golden_film).codes == []
    assert {type(record.message).__name__ for record in golden_film} >= {
        "FilmOpened", "Merged", "ChunkAssigned", "ChunkRendered", "ChunkFailed", "ChunkWritten", "ChunkLost", "RendererChanged",
        "TakeResumed", "DeadlinePassed", "Restored", "TakeClosed",
    }  # fmt: skip


def test_the_golden_take_tells_what_was_asked_objected_to_and_yielded(golden, rules):
    text = "\n".join(told(golden, reasons={rule.id: rule.why for rule in rules.rules}))
    for part in (DIRECTION, '"grins" as grin', "big-smile-lifts-cheek", "because", "revise", "all four accept", "take done"):
        assert part in text


def test_objections_are_told_before_the_revisions_that_answer_them():
    """In the journal a revision comes first, so that it is there when the vote is counted."""
    lines = told(recorded("undisturbed").records)
    second = lines.index("  round 2:")
    for region, rule in (("brows", "brows-under-jaw"), ("eyes", "lids-under-jaw")):
        objects = next(n for n, line in enumerate(lines) if line.startswith(f"  {region}") and f"object: {rule}" in line)
        assert objects < second < lines.index(f"  {region:<8}revise: yields")


def test_a_revision_says_what_it_changed():
    lines = told(recorded("undisturbed").records)
    after = lines[lines.index("  brows   revise: yields") + 1]
    assert after.split()[:2] == ["browInnerUp", "0.00..0.20"]
    assert "instead of 0.00..0.60" in after


def test_a_proposal_says_what_it_does():
    lines = told(recorded("undisturbed").records)
    place = lines.index("  head    proposes: moves")
    assert lines[place + 1].strip() == "headYaw 6.00°"


def test_a_reason_is_explained_the_first_time_only():
    reasons = {"brows-under-jaw": "a tiny take needs something to agree on"}
    lines = told([*recorded("undisturbed").records, *recorded("undisturbed").records], reasons=reasons)
    assert sum("brows-under-jaw between" in line for line in lines) > 1
    assert sum("because a tiny take" in line for line in lines) == 1


def test_what_two_regions_object_to_is_told_once_in_full():
    lines = [line for line in told(recorded("undisturbed").records) if "brows-under-jaw" in line]
    assert [line.split()[1] for line in lines] == ["object:", "objects"]
    assert lines[1] == "  mouth   objects to the same: brows-under-jaw"


def test_an_objection_names_the_rule_the_span_the_values_and_who_yields():
    (line,) = [line for line in told(recorded("undisturbed").records) if "object: brows-under-jaw" in line]
    assert "between 0.25 and 0.50 s" in line
    assert " s: browInnerUp + jawOpen is 1.40, above 1.00; brows yield" in line


@pytest.mark.parametrize("region", REGIONS)
def test_a_region_may_be_followed_by_itself(region):
    lines = [line for line in told(recorded("undisturbed").records, region) if line.startswith("  ")]
    speakers = {line.split()[0] for line in lines if not line.startswith("   ")}
    others = set(REGIONS) - {region}
    objections = [line for line in lines if "object" in line]
    assert region in speakers
    assert any(line.startswith(f"  {region:<8}accept") for line in lines)
    assert {line.split()[0] for line in lines if "propose" in line or "accept" in line} == {region}
    for line in objections:
        assert line.split()[0] not in others or f"{region} yield" in line or "the same" in line, line


def test_a_region_without_a_part_in_an_objection_does_not_hear_of_it():
    assert not any("  object" in line for line in told(recorded("undisturbed").records, "head"))
    assert any("  object" in line for line in told(recorded("undisturbed").records, "eyes"))


def test_every_commit_is_told():
    records = recorded("undisturbed").records
    digests = [record.message.digest for record in records if isinstance(record.message, Committed)]
    lines = told(records)
    assert [line for line in lines if line.startswith("  committed")] == [f"  committed: {known[:12]}" for known in digests]


def test_a_ruling_says_what_became_of_each_track():
    lines = told(recorded("a region is stubborn").records)
    start = next(n for n, line in enumerate(lines) if "the coordinator rules" in line)
    assert lines[start] == "  no agreement after round 3; the coordinator rules:"
    assert [line.split()[0] for line in lines[start + 1 : start + 5]] == list(REGIONS)
    assert lines[start + 1].split(",")[0].split()[:2] == ["brows", "projected"]
    assert lines[start + 5].startswith("  committed as ruled: ")


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("a region is silent", ["eyes    do not answer in time", "its fallback plays it", "older ones are fenced"]),
        (
            "a region crashes before it votes",
            ["mouth   a new process asks to be let in", "mouth   is now incarnation 2; it goes on"],
        ),
        ("the director fails", ["coordinator gives up: the director failed: it has read nothing", "take failed after 0 beats"]),
        ("stopped while regions vote", ["take stopped after 0 beats, 13 messages: SIGINT"]),
        ("without negotiation", ["first proposals committed as they are", "committed: "]),
    ],
)
def test_what_happens_besides_is_told(name, parts):
    text = "\n".join(told(recorded(name).records))
    for part in parts:
        assert part in text


@pytest.mark.parametrize("name", RUNS)
def test_a_journal_that_makes_no_sense_is_told_all_the_same(name):
    """Whoever looks for what went wrong looks at journals in which something did."""
    records = recorded(name).records
    for some in (records[::-1], records[len(records) // 3 :], records[::2]):
        assert all(len(line) <= WIDTH for line in told(some))


def test_a_revision_names_the_take_that_it_revises_and_what_it_keeps():
    records = recorded("undisturbed").records
    committed = [record.message for record in records if isinstance(record.message, Ruled | RoundOpened)][-2:]
    parent = Parent(
        take="take-0",
        timeline="0" * 32,
        directions=("She smiles.", "hold it longer"),
        brief=brief(2),
        tracks=tuple(one.tracks for one in committed),
    )
    place = places(records, BeatOpened)[0]
    beat = records[place].message
    assert isinstance(beat, BeatOpened)
    intent = beat.intent.model_copy(update={"origin": Origin(beat=1, same=("brows", "head"))})
    lines = told(said(said(records, 0, parent=parent), place, intent=intent))
    assert lines[1] == 'a revision of take-0, which was made of "She smiles.", then "hold it longer"'
    assert "  was:    beat 1 of the take that is revised; brows, head keep what they did" in lines


def test_what_a_note_changes_is_told_once():
    records = recorded("undisturbed").records
    place = places(records, Decided)[0]
    read = brief(1).model_copy(
        update={"understood": (("hold it", "beat 0 lasts longer"),), "changes": ("beat 0 lasts longer",)}
    )
    lines = told(said(records, place, reply=read.model_dump_json()))
    assert 'director understands "hold it" as beat 0 lasts longer' in lines
    assert not any("director changes" in line for line in lines)
    untold = read.model_copy(update={"understood": ()})
    assert "director changes: beat 0 lasts longer" in told(said(records, place, reply=untold.model_dump_json()))


def test_without_negotiation_nobody_accepts_or_objects():
    text = "\n".join(told(recorded("without negotiation").records))
    assert "accept" not in text
    assert "object" not in text


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        (
            "rendered",
            [
                "to be rendered by tiny, 4 x 2 pixels",
                "  renderer-1 joins",
                "\n\nframes: 60 in 10 chunks by 2 renderers\ntake done after 2 beats",
            ],
        ),
        ("a renderer dies", ["  renderer-2 is gone: killed\n  renderer-2b joins", "by 3 renderers, 2 handed out again"]),
        (
            "a renderer does not answer for a while",
            ["  renderer-1 does not answer: no answer for a while", "  renderer-1 answers again", "by 1 renderer\n"],
        ),
        ("a renderer does nothing right", ["  renderer-1 is gone: it failed 3 times in a row, at last with: no memory"]),
        ("a chunk fails once", ["cannot render frames 25 to 29, attempt 1: no memory", "2 renderers, 1 handed out again"]),
        ("frames are lost", ["  frames 25 to 29 are lost after they were rendered: its node is gone", ", 1 handed out again"]),
        (
            "a chunk is given up",
            [
                "cannot render frames 25 to 29, attempt 3: no memory",
                "  the video cannot be finished: frames 25 to 29 could not be rendered: no memory (tried 3 times)",
                "frames: 25 of 60 in 4 of 10 chunks by 2 renderers, 1 handed out again\ntake failed after 2 beats",
            ],
        ),
        ("the disk is full", ["the video cannot be finished: no space left on device", "frames: 18 of 60 in 3 of 10 chunks"]),
        (
            "resumed while regions vote",
            [
                "\n\ntake resumed by new processes; what was agreed on stands, frames are rendered again\n",
                "eyes    a new process asks to be let in (eyes-again20-0)",
                "frames: 60 in 10 chunks by 2 renderers\ntake done",
            ],
        ),
        (
            "resumed after a chunk was given up",
            ["frames: 25 of 60 in 4 of 10 chunks", "could not be rendered", "take resumed", "frames: 60 in 10 chunks"],
        ),
        ("resumed without frames", ["take resumed by new processes; what was agreed on stands\n"]),
    ],
)
def test_of_the_frames_it_is_told_what_went_wrong_and_what_they_came_to(name, parts):
    text = "\n".join(told(recorded(name).records))
    for part in parts:
        assert part in text
    assert text.count("frames: 60 in") <= 1


def test_chunks_that_are_simply_rendered_have_no_lines():
    of_frames = [line for line in told(recorded("rendered").records) if "frames" in line or "renderer" in line]
    assert len(of_frames) == 4, "who joins, what they came to, and the rate in the second line"


def test_what_was_rendered_of_a_take_that_was_cut_off_is_told_when_it_goes_on():
    rendered = recorded("rendered").records
    written = places(rendered, ChunkWritten)[2]
    lines = told(play(rendered[: written + 1]).records)
    place = next(n for n, line in enumerate(lines) if line.startswith("take resumed"))
    assert lines[place - 2 : place] == ["", "frames: 18 of 60 in 3 of 10 chunks by 2 renderers"]


def test_who_goes_on_with_other_software_is_told():
    text = " ".join(told(play(recorded("a chunk is given up").records, versions={"numpy": "3"}).records))
    assert "take resumed by new processes with other software (numpy 3, was none);" in text


@pytest.mark.parametrize("name", ["a renderer dies", "a chunk is given up", "frames are lost"])
def test_who_follows_a_region_does_not_hear_of_renderers(name):
    lines = told(recorded(name).records, "eyes")
    assert [line for line in lines if "renderer" in line] == [line for line in lines if line.startswith("to be rendered")]
    assert [line for line in lines if line.startswith("frames: ")] == []


@pytest.mark.parametrize("name", RUNS)
def test_no_line_is_wider_than_a_page_or_ends_in_space(name):
    for numbers in (False, True):
        for line in told(recorded(name).records, numbers=numbers):
            assert len(line) <= WIDTH
            assert line == line.rstrip()


def test_names_are_not_broken_at_their_hyphens():
    records = recorded("the director fails").records
    error = " ".join(["gaze-rests-or-jumps", "big-smile-lifts-cheek"] * 9)
    lines = told(said(records, places(records, Aborted)[0], error=error))
    words = [word for line in lines for word in line.split() if "-" in word]
    assert words.count("gaze-rests-or-jumps") == words.count("big-smile-lifts-cheek") == 9


def test_numbers_are_the_places_in_the_journal():
    records = recorded("undisturbed").records
    lines = [line for line in told(records, numbers=True) if line]
    numbers = [int(line[:5]) for line in lines if line[:5].strip()]
    assert numbers == sorted(numbers)
    assert set(numbers) <= {record.seq for record in records}
    assert f"{records[-1].seq:>5}  take done after 2 beats, {len(records)} messages" in lines


def test_beats_are_set_apart_by_a_blank_line():
    lines = told(recorded("undisturbed").records)
    for place, line in enumerate(lines):
        if line.startswith("beat "):
            assert lines[place - 1] == ""


def test_an_answer_of_the_director_that_is_no_brief_is_told_as_that():
    records = recorded("undisturbed").records
    lines = told(said(records, places(records, Decided)[0], reply="[]"))
    assert "director answers with what is no brief" in lines


def test_words_that_were_not_understood_are_named():
    result, _ = run("The stock market closed 株 🤖.")
    (line,) = [line for line in told(result.records) if line.startswith("director cannot read")]
    for words in ("stock", "market", "closed", "株", "🤖"):
        assert words in line
    assert "director understands nothing that a face can do" in told(result.records)


def test_where_gaze_and_head_go_is_told_in_degrees_and_sides():
    result, _ = run("He glances left, then turns his head to the right.", idle=False)
    asked = [line for line in told(result.records) if line.startswith("  asked:")]
    assert "glance" in asked[0]
    assert "° left" in asked[0]
    assert any("° right" in line for line in asked)


def test_who_is_yielded_to_is_named():
    lines = told(recorded("undisturbed").records, parties={"brows-under-jaw": ("brows", "mouth")})
    assert "brows yield to mouth" in " ".join(" ".join(lines).split())
