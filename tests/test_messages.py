"""Messages: what each of them refuses, and digests that stay what they are."""

import itertools

from hashlib import blake2b
from typing import Any

import pytest

from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from protocol.brief import Beat
from protocol.channels import REGIONS, WRITABLE, Region
from protocol.keyframes import Curve, Frozen, Source, Track, key, make_track
from protocol.messages import (
    MESSAGES,
    RUNGS,
    Aborted,
    Accepted,
    BeatOpened,
    ChunkAssigned,
    ChunkFailed,
    ChunkLost,
    ChunkRendered,
    ChunkWritten,
    Committed,
    Cut,
    DeadlinePassed,
    Decided,
    Discarded,
    EndState,
    FilmFailed,
    FilmOpened,
    Merged,
    Objected,
    Objection,
    Proposed,
    RegionRuling,
    Rejoined,
    RendererChanged,
    Restored,
    RoundOpened,
    Ruled,
    TakeClosed,
    TakeOpened,
    TakeResumed,
    Vector,
    Version,
    Violation,
    digest,
    require_tracks,
    sort_objections,
)

ANY = "0123456789abcdef" * 2
NAN, INF = float("nan"), float("inf")


def track(region: Region, value: float = 0.0) -> Track:
    curves = [Curve(channel=name, keys=(key(0, value),)) for name in WRITABLE[region]]
    return make_track(region, curves, [Source(gesture="rest")])


TRACKS = tuple(track(region) for region in REGIONS)
VECTOR = Vector(versions=tuple(Version(region=t.region, incarnation=1, revision=1, digest=digest(t)) for t in TRACKS))
VIOLATION = Violation(constraint="lids", channels=("eyeBlinkLeft",), start=0.1, end=0.2, measured=0.9, bound=0.5, yields="eyes")
HEAD = TRACKS[REGIONS.index("head")]
TAKE = TakeOpened(
    take="t-1", direction="She smiles.", seed=7, fps="25", seconds=4.0, flags=("idle",), emotion="", rounds=4,
    configuration={"rules.yaml": "a: 1"}, versions={"numpy": "2"},
)  # fmt: skip
PROPOSED = Proposed(beat=0, region="head", incarnation=1, revision=1, round=0, track=HEAD, digest=digest(HEAD), why="asked")
DECIDED = Decided(beat=0, role="head", incarnation=1, round=0, planner="lexicon", request=ANY, reply="{}")
BEAT = BeatOpened(
    beat=0, intent=Beat(start=0.0, end=2.0, summary=""), previous=None, end_state=EndState(seconds=0.5, tracks=TRACKS)
)
ROUND = RoundOpened(beat=0, round=1, vector=VECTOR, tracks=TRACKS, objections=(Objection(by="eyes", violation=VIOLATION),))
CUT = Cut(chunk=0, first=0, last=16, motion=ANY)
RULINGS = tuple(RegionRuling(region=region, rung="kept", why="") for region in REGIONS)

EXAMPLES: tuple[Frozen, ...] = (
    TAKE,
    BEAT,
    DECIDED,
    PROPOSED,
    ROUND,
    Accepted(beat=0, round=1, role="critic", incarnation=1, vector=ANY),
    Objected(beat=0, round=1, role="eyes", incarnation=1, vector=ANY, violations=(VIOLATION,)),
    Ruled(beat=0, round=4, vector=VECTOR, tracks=TRACKS, rulings=RULINGS),
    Committed(beat=0, vector=VECTOR, digest=VECTOR.digest, ruled=False),
    Aborted(beat=None, error="out of paint"),
    Rejoined(region="eyes", nonce="n1"),
    Restored(
        region="head", nonce="", incarnation=2, holder="fallback", opened=TAKE, beat=BEAT, proposal=PROPOSED, round=ROUND,
        voted=False, decisions=(DECIDED,),
    ),
    Discarded(role="eyes", incarnation=0, number=3, what="Proposed", reason="fenced"),
    DeadlinePassed(beat=0, region="eyes", incarnation=1, round=0),
    ChunkAssigned(chunk=0, first=0, last=25, motion=ANY, attempt=1),
    ChunkRendered(chunk=0, attempt=1, frames=ANY),
    ChunkFailed(chunk=0, attempt=1, error="no memory"),
    ChunkWritten(chunk=0, frames=ANY),
    ChunkLost(chunk=0, attempt=1, reason="its node is gone"),
    RendererChanged(renderer="renderer-1", to="ready", reason=""),
    FilmOpened(
        renderer="puppet", portrait=ANY * 2, face=1, width=640, height=480, ranges={"headYaw": (-20.0, 20.0)},
        background="keep", span=16,
    ),
    Merged(beat=0, chunks=(CUT,), ends=True),
    FilmFailed(chunk=0, error="frames 0 to 15 could not be rendered"),
    TakeResumed(versions={"numpy": "2"}),
    TakeClosed(outcome="done", reason="", beats=1, timeline=ANY),
)  # fmt: skip

BY_NAME = {
    type(example).__name__: example for example in (*EXAMPLES, VIOLATION, VECTOR, BEAT.end_state, VECTOR.versions[0], CUT)
}


def changed(name: str, **changes: Any) -> Frozen:
    """The example of that name with some fields replaced, validated anew."""
    example = BY_NAME[name]
    fields = {field: getattr(example, field) for field in type(example).model_fields}
    return type(example).model_validate(fields | changes)


def test_there_is_an_example_of_every_message():
    assert [type(example).__name__ for example in EXAMPLES] == list(MESSAGES)


@pytest.mark.parametrize("name", BY_NAME)
def test_a_message_takes_no_unknown_field_misses_none_and_stays_as_it_is(name):
    example = BY_NAME[name]
    assert changed(name) == example
    with pytest.raises(ValidationError, match="Extra inputs"):
        changed(name, surprise=1)
    for field, about in type(example).model_fields.items():
        fields = {other: getattr(example, other) for other in type(example).model_fields if other != field}
        if about.is_required():
            with pytest.raises(ValidationError, match=rf"{field}\n  Field required"):
                type(example).model_validate(fields)
        with pytest.raises(ValidationError, match="frozen"):
            setattr(example, field, getattr(example, field))


@pytest.mark.parametrize("name", BY_NAME)
def test_no_field_takes_a_value_of_another_type(name):
    """No conversions: what is a number is not text that looks like one, a list is no tuple, and so on."""

    class Other:
        """Nothing that a message holds."""

    for field in type(BY_NAME[name]).model_fields:
        value = getattr(BY_NAME[name], field)
        wrong: list[Any] = [Other()]
        if isinstance(value, (int, float)):
            wrong.append(str(value))
        if isinstance(value, str):
            wrong += [value.encode(), 7]
        if isinstance(value, bool):
            wrong.append(int(value))
        elif isinstance(value, int):
            wrong.append(value == 1)
        if isinstance(value, tuple):
            wrong.append(list(value))
        for one in wrong:
            with pytest.raises(ValidationError):
                changed(name, **{field: one})


@pytest.mark.parametrize(
    ("name", "field", "values"),
    [
        ("TakeOpened", "take", ("", "/etc", ".hidden", "a b", "x" * 81, "ä", "a\n")),
        ("TakeOpened", "direction", ("x" * 60_001,)),
        ("TakeOpened", "seed", (-1, 2**63)),
        ("TakeOpened", "fps", ("", "0", "-25", "25.0", "30000/", "30000/0", "nan", "25\n", "12345678")),
        ("TakeOpened", "seconds", (0.0, -1.0, NAN, INF, 3660.5, 0.00001)),
        ("TakeOpened", "flags", (("",), ("two words",))),
        ("TakeOpened", "rounds", (0, 17)),
        ("TakeOpened", "configuration", ({"rules.yaml": 1}, {1: "a"}, {"rules.yaml": "x" * 2_000_001})),
        ("BeatOpened", "beat", (-1, 1_000_001)),
        ("BeatOpened", "previous", ("", "0" * 31, "0" * 33, "G" * 32, ANY.upper(), ANY + "\n")),
        ("EndState", "seconds", (-0.1, 2.5, NAN)),
        ("EndState", "tracks", (TRACKS[:3], TRACKS[::-1], (*TRACKS, TRACKS[0]), (TRACKS[0],) * 4)),
        ("Decided", "reply", ("x" * 4_000_001,)),
        ("Decided", "request", ("lexicon",)),
        ("Decided", "role", ("", "two words")),
        ("Proposed", "revision", (0,)),
        ("Proposed", "incarnation", (0,)),
        ("Proposed", "why", ("x" * 401,)),
        ("Proposed", "region", ("ears",)),
        ("Version", "incarnation", (0,)),
        ("Vector", "versions", ((), VECTOR.versions[:3], VECTOR.versions[::-1], (VECTOR.versions[0],) * 4)),
        ("RoundOpened", "round", (0,)),
        ("RoundOpened", "tracks", (TRACKS[:3], TRACKS[::-1])),
        ("RoundOpened", "objections", ((ROUND.objections[0],) * 2001,)),
        ("Accepted", "round", (0,)),
        ("Objected", "violations", ((), (VIOLATION,) * 501)),
        ("Violation", "channels", ((), ("tail",), ("eyeBlink",), ("eyeBlinkLeft", "tail"), ("jawOpen",) * 9)),
        ("Violation", "measured", (NAN, INF)),
        ("Violation", "bound", (NAN, -INF)),
        ("Violation", "suggested", (NAN, INF)),
        ("Violation", "start", (NAN, 1 / 3)),
        ("Violation", "yields", ("neck", None)),
        ("Ruled", "tracks", (TRACKS[:3], TRACKS[::-1])),
        ("Ruled", "rulings", (RULINGS[:3], RULINGS[::-1], (RULINGS[0],) * 4)),
        ("Rejoined", "nonce", ("", "a b", "x" * 81)),
        ("Restored", "incarnation", (0,)),
        ("Restored", "holder", ("nobody",)),
        ("ChunkAssigned", "last", (0,)),
        ("ChunkAssigned", "attempt", (0,)),
        ("ChunkWritten", "frames", ("", ANY.upper())),
        ("ChunkLost", "attempt", (0,)),
        ("RendererChanged", "to", ("tired", "")),
        ("RendererChanged", "renderer", ("", "two words")),
        ("FilmOpened", "portrait", ("", ANY, ANY + ANY.upper())),
        ("FilmOpened", "face", (0,)),
        ("FilmOpened", "width", (0,)),
        ("FilmOpened", "span", (0,)),
        (
            "FilmOpened",
            "ranges",
            ({"tail": (0.0, 1.0)}, {"headYaw": (1.0, -1.0)}, {"headYaw": (NAN, 1.0)}, {"headYaw": (0.0,)}),
        ),
        ("FilmOpened", "background", ("two words", "")),
        ("Cut", "last", (0,)),
        ("Cut", "motion", ("",)),
        ("Merged", "chunks", ((VIOLATION,),)),
        ("TakeResumed", "versions", ({"numpy": 2}, {1: "2"})),
        ("TakeClosed", "outcome", ("perhaps",)),
        ("TakeClosed", "timeline", ("",)),
    ],
)
def test_values_out_of_range_are_refused(name, field, values):
    for value in values:
        with pytest.raises(ValidationError):
            changed(name, **{field: value})


@pytest.mark.parametrize("fps", ["24", "25", "60", "30000/1001", "120/1"])
def test_rates_are_whole_numbers_or_ratios(fps):
    assert changed("TakeOpened", fps=fps).fps == fps  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("TakeOpened", {"seconds", "parent", "language_model"}),
        ("BeatOpened", {"previous"}),
        ("Decided", {"beat"}),
        ("Aborted", {"beat"}),
        ("Restored", {"beat", "proposal", "round"}),
        ("FilmOpened", {"face"}),
        ("FilmFailed", {"chunk"}),
        ("TakeClosed", {"timeline"}),
        ("Violation", {"suggested"}),
    ],
)
def test_only_what_may_be_missing_can_be_none(name, fields):
    for field in type(BY_NAME[name]).model_fields:
        if field in fields:
            assert getattr(changed(name, **{field: None}), field) is None
        else:
            with pytest.raises(ValidationError):
                changed(name, **{field: None})


def test_a_proposal_is_what_it_says_it_is():
    with pytest.raises(ValidationError, match="head proposes a track of eyes"):
        changed("Proposed", track=track("eyes"), digest=digest(track("eyes")))
    with pytest.raises(ValidationError, match="digest of the track of head does not match"):
        changed("Proposed", track=track("head", 1.0))
    assert PROPOSED.version == VECTOR.versions[REGIONS.index("head")]


def test_tracks_come_one_of_each_region_in_order():
    require_tracks(TRACKS)
    for wrong in (TRACKS[::-1], TRACKS[1:], (TRACKS[0], *TRACKS)):
        with pytest.raises(ValueError, match="one track each of brows, eyes, mouth, head, in this order"):
            require_tracks(wrong)


def test_the_rungs_go_from_the_smallest_change_to_the_one_that_always_succeeds():
    assert RUNGS == ("kept", "projected", "scaled", "rested", "held")
    for rung in RUNGS:
        RegionRuling(region="eyes", rung=rung, why="")
    with pytest.raises(ValidationError):
        RegionRuling(region="eyes", rung="invented", why="")  # type: ignore[arg-type]


def test_digests_stay_what_they_are():
    """Journals hold digests: these were computed when version 1 of the format was fixed, and must not change with the code."""
    by_hand = b"\x82\xa1a\xc3\xa1b\x94\x01\xcb\x3f\xe0\0\0\0\0\0\0\xc0\xa2\xc3\xbc"
    assert digest({"b": [1, 0.5, None, "ü"], "a": True}) == blake2b(by_hand, digest_size=16).hexdigest()
    assert digest(HEAD) == "5c0c42729ac78dc97eca3a1e76ae14cd"
    assert VECTOR.digest == "f9dbf3a1ded356a9772eeb45b74267fe"


def test_a_digest_does_not_see_in_which_order_a_map_was_filled():
    assert digest({"a": 1, "b": {"c": 2, "d": 3}}) == digest({"b": {"d": 3, "c": 2}, "a": 1})
    assert digest([1, 2]) == digest((1, 2)) != digest([2, 1])


def test_a_digest_sees_every_keyframe():
    whole = track("head")
    digests = {digest(whole)}
    for at, curve in enumerate(whole.curves):
        moved = curve.model_copy(update={"keys": (key(0, 0.0001),)})
        digests.add(digest(whole.model_copy(update={"curves": (*whole.curves[:at], moved, *whole.curves[at + 1 :])})))
    assert len(digests) == 1 + len(whole.curves)


def objection(by: str, constraint: str, channels: tuple[str, ...], start: float, end: float) -> Objection:
    fields: dict[str, Any] = {"constraint": constraint, "channels": channels, "start": start, "end": end}
    return Objection(by=by, violation=VIOLATION.model_copy(update=fields))


OBJECTIONS = tuple(
    objection(*parts)
    for parts in itertools.product(
        ("critic", "eyes"), ("gaze", "lids"), (("eyeYawLeft",), ("eyeYawLeft", "headYaw")), (0.0, 0.5), (1.0, 10.0)
    )
)


@given(st.permutations(OBJECTIONS))
def test_objections_have_one_order_whatever_order_they_came_in(shuffled):
    ordered = sort_objections(shuffled)
    assert ordered == sort_objections(OBJECTIONS)
    assert sorted(map(repr, ordered)) == sorted(map(repr, shuffled))
    places = [(o.violation.constraint, o.violation.channels, o.violation.start, o.violation.end, o.by) for o in ordered]
    assert places == sorted(places)
