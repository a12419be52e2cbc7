"""The wire form: one sequence of bytes per message, and no message from bytes that are not one."""

import json
import struct

from typing import Any

import msgpack
import pytest

from hypothesis import given
from hypothesis import strategies as st

from protocol import wire
from protocol.brief import Act, Beat, Brief
from protocol.channels import REGIONS, WRITABLE
from protocol.keyframes import MAX_KEYFRAMES, Curve, Keyframe, Source, Track, exact, key, make_track
from protocol.messages import (
    MESSAGES,
    Accepted,
    BeatOpened,
    Cut,
    Decided,
    EndState,
    FilmOpened,
    Merged,
    Message,
    Objected,
    Objection,
    Proposed,
    RoundOpened,
    TakeOpened,
    Vector,
    Version,
    Violation,
    digest,
)
from protocol.wire import (
    MAX_MESSAGE,
    WireError,
    decode,
    encode,
    from_plain,
    parse,
    plain,
    restore,
    to_plain,
    unpack,
)

VECTOR = "0123456789abcdef" * 2
ACCEPTED = Accepted(beat=3, round=1, role="eyes", incarnation=2, vector=VECTOR)


def track(region: Any, value: float = 0.5) -> Track:
    curves = [Curve(channel=name, keys=(key(0, 0), key(0.4, value, "linear"), key(1.25, 0))) for name in WRITABLE[region]]
    return make_track(region, curves, [Source(gesture="smile", words="lächelt 🙂")])


def proposal(region: Any = "head") -> Proposed:
    part = track(region)
    return Proposed(beat=0, region=region, incarnation=1, revision=1, round=0, track=part, digest=digest(part), why="asked")


def round_opened() -> RoundOpened:
    tracks = tuple(track(region) for region in REGIONS)
    versions = tuple(Version(region=part.region, incarnation=1, revision=2, digest=digest(part)) for part in tracks)
    broken = Violation(
        constraint="gaze-and-head", channels=("eyeYawLeft",), start=0.5, end=0.75, measured=1 / 3, bound=-1e-9, yields="eyes"
    )
    objections = (Objection(by="eyes", violation=broken),)
    return RoundOpened(beat=1, round=2, vector=Vector(versions=versions), tracks=tracks, objections=objections)


def take_opened(**configuration: str) -> TakeOpened:
    return TakeOpened(
        take="t", direction="She smiles.", seed=7, fps="30000/1001", seconds=None, flags=("idle",), emotion="", rounds=4,
        configuration=configuration, versions={"numpy": "2", "mcap": "1"},
    )  # fmt: skip


SAMPLES: tuple[Message, ...] = (
    ACCEPTED,
    proposal(),
    round_opened(),
    take_opened(lexicon="a: 1\n", gestures="b: 2\n"),
    Decided(beat=None, role="director", incarnation=1, round=0, planner="lexicon", request=VECTOR, reply='{"ü": 1}'),
    FilmOpened(
        renderer="puppet", portrait=VECTOR * 2, face=None, width=640, height=480,
        ranges={"headYaw": (-1 / 3, 20.0), "headPitch": (-15.0, 15.0)}, background="keep", span=16,
    ),
    Merged(
        beat=1, ends=True,
        chunks=(Cut(chunk=3, first=48, last=64, motion=VECTOR), Cut(chunk=4, first=64, last=70, motion=VECTOR)),
    ),
)  # fmt: skip


def packed(**changes: Any) -> bytes:
    """The head's proposal with some fields replaced, or left out where the new value is `...`."""
    fields = to_plain(proposal()) | changes
    data: bytes = msgpack.packb({name: value for name, value in fields.items() if value is not ...})
    return data


def with_key(**changes: Any) -> bytes:
    """The head's proposal with one keyframe changed."""
    changed = plain(proposal().track)
    changed["curves"][3]["keys"][1].update(changes)
    return packed(track=changed)


@pytest.mark.parametrize("message", SAMPLES, ids=lambda message: type(message).__name__)
def test_a_message_survives_the_wire_and_json(message):
    assert decode(encode(message)) == message
    assert from_plain(json.loads(json.dumps(to_plain(message)))) == message
    assert encode(from_plain(to_plain(message))) == encode(message)


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=5), st.lists(st.floats(-40, 40), min_size=1, max_size=5))
def test_keyframes_survive_to_the_last_bit(gaps, values):
    times = [sum(gaps[:at]) / 10_000 + at for at in range(len(gaps))]
    keys = tuple(key(time, values[at % len(values)]) for at, time in enumerate(times))
    part = track("head").model_copy(update={"curves": (Curve(channel="headYaw", keys=keys), *track("head").curves[1:])})
    message = proposal().model_copy(update={"track": part, "digest": digest(part)})
    for back in (decode(encode(message)), from_plain(json.loads(json.dumps(to_plain(message))))):
        assert isinstance(back, Proposed)
        found = [(frame.time, frame.value) for frame in back.track.curves[0].keys]
        assert [struct.pack("<2d", *pair) for pair in found] == [struct.pack("<2d", frame.time, frame.value) for frame in keys]


def test_the_form_is_canonical():
    """Alphabetical names throughout, the shortest integers, float64: written out by hand for one message."""
    expected = (
        b"\x86\xa4beat\x03\xabincarnation\x02\xa4kind\xa8Accepted\xa4role\xa4eyes\xa5round\x01\xa6vector\xd9\x20"
        + VECTOR.encode()
    )
    assert encode(ACCEPTED) == expected
    assert b"\xa4time\xcb\x3f\xd9\x99\x99\x99\x99\x99\x9a" in encode(proposal())  # 0.4


@pytest.mark.parametrize("message", SAMPLES, ids=lambda message: type(message).__name__)
def test_names_are_in_order_at_every_depth(message):
    def check(pairs: list[tuple[str, Any]]) -> None:
        names = [name for name, _ in pairs]
        assert names == sorted(names)

    msgpack.unpackb(encode(message), object_pairs_hook=check)


def test_the_order_in_which_a_table_was_filled_does_not_show():
    assert encode(take_opened(a="1", b="2")) == encode(take_opened(b="2", a="1"))


def test_a_digest_can_be_checked_against_the_wire():
    """The form that digests are taken of is the wire's, so any reader of a journal can recompute them."""
    fields = unpack(encode(proposal()))
    assert digest(fields["track"]) == fields["digest"]


def test_whole_numbers_in_json_are_taken_for_floats():
    fields = plain(proposal().track)
    fields["curves"][0]["keys"][0]["time"] = 0
    assert parse(Track, fields) == track("head")
    assert isinstance(parse(Track, fields).curves[0].keys[0].time, float)


def test_other_values_of_the_protocol_have_a_plain_form_too():
    brief = Brief(
        beats=(Beat(start=0.0, end=2.5, summary="smile", acts=(Act(name="smile", start=0.0, end=2.0),)),),
        understood=(("smiles", "smile"),),
        unread=("grumpf",),
    )
    assert parse(Brief, json.loads(json.dumps(plain(brief)))) == brief
    with pytest.raises(WireError, match=r"^Brief\.beats\[0\]\.acts\[0\]\.strength: .*greater than 0"):
        parse(Brief, json.loads(json.dumps(plain(brief)).replace('"strength": 1.0', '"strength": 0.0')))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (with_key(value=float("nan")), r"^Proposed\.track\.curves\[3\]\.keys\[1\]\.value: .*finite"),
        (with_key(value=float("inf")), r"^Proposed\.track\.curves\[3\]\.keys\[1\]\.value: .*finite"),
        (with_key(value=3661.0), r"^Proposed\.track\.curves\[3\]\.keys\[1\]\.value: .*less than or equal to 3660"),
        (with_key(value=21.0), r"^Proposed\.track\.curves\[3\]: headX: 21\.0 at 0\.4 s is outside -20\.\.20"),
        (with_key(value=0.123456), r"^Proposed\.track\.curves\[3\]\.keys\[1\]\.value: 0\.123456 is not a decimal"),
        (with_key(value="0.5"), r"^Proposed\.track\.curves\[3\]\.keys\[1\]\.value: "),
        (with_key(value=True), r"^Proposed\.track\.curves\[3\]\.keys\[1\]\.value: "),
        (with_key(mode="wobble"), r"^Proposed\.track\.curves\[3\]\.keys\[1\]\.mode: "),
        (with_key(colour="red"), r"^Proposed\.track\.curves\[3\]\.keys\[1\]\.colour: unknown field$"),
        (with_key(source=1), r"^Proposed\.track: headX: keyframe at 0\.4 s names source 1 of 1"),
        (packed(track=plain(track("brows"))), r"^Proposed: head proposes a track of brows"),
        (packed(digest="0" * 32), r"^Proposed: digest of the track of head does not match"),
        (packed(digest="x"), r"^Proposed\.digest: "),
        (packed(beat=-1), r"^Proposed\.beat: .*greater than or equal to 0"),
        (packed(beat=2**63), r"^Proposed\.beat: .*less than or equal to 1000000"),
        (packed(beat=1.0), r"^Proposed\.beat: "),
        (packed(beat=...), r"^Proposed\.beat: field is missing$"),
        (packed(beat=..., round=...), r"^Proposed\.beat: field is missing \(and 1 more\)$"),
        (packed(why="x" * 401), r"^Proposed\.why: .*400 characters"),
        (packed(mood="good"), r"^Proposed\.mood: unknown field$"),
        (packed(**{"x" * 500: 1}), rf"^Proposed\.{'x' * 57}…: unknown field$"),
        (packed(kind="Whispered"), r"^kind: 'Whispered' is not a kind of message$"),
        (packed(kind="x" * 500), r"^kind: 'x{57}…' is not a kind of message$"),
        (packed(kind=...), r"^kind: NoneType is not a kind of message$"),
        (packed(kind=["Proposed"]), r"^kind: tuple is not a kind of message$"),
        (msgpack.packb([1]), r"^a message is a map, not tuple$"),
        (msgpack.packb(None), r"^a message is a map, not NoneType$"),
    ],
)
def test_a_wrong_field_is_refused_with_its_place(data, words):
    with pytest.raises(WireError, match=words):
        decode(data)


def test_faults_beyond_counting_are_not_listed():
    flags = {"kind": "TakeOpened", "flags": [0] * 20_000}
    with pytest.raises(WireError, match=r"^TakeOpened: wrong in 200[0-9][0-9] places$"):
        decode(msgpack.packb(flags))


def test_of_many_parts_the_first_that_is_wrong_is_named():
    """A list of all that is wrong with millions of keyframes would take gigabytes."""
    curve = {"channel": "headYaw", "keys": [{}] * 10_000}
    with pytest.raises(WireError, match=r"^Proposed.track.curves\[0\].keys\[0\].time: field is missing \(and [0-9] more\)$"):
        decode(packed(track={"region": "head", "curves": [curve] * 8, "sources": []}))


def test_a_foreign_channel_is_refused_with_its_place():
    fields = plain(track("head"))
    for name, words in [
        ("jawOpen", r"^Proposed\.track: track of head: jawOpen is not its own"),
        ("eyeLookUpLeft", r"^Proposed\.track\.curves\[0\]: eyeLookUpLeft is not a channel that can be written"),
        ("tail", r"^Proposed\.track\.curves\[0\]: tail is not a channel that can be written"),
    ]:
        fields["curves"][0]["channel"] = name
        with pytest.raises(WireError, match=words):
            decode(packed(track=fields))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "not a well-formed message"),
        (b"\xc1", "not a well-formed message"),
        (encode(ACCEPTED)[:-1], "not a well-formed message: .*incomplete"),
        (encode(ACCEPTED) + b"\xc0\xc0", "^2 bytes follow the message$"),
        (b"\x81\xa1\xff\x01", "not a well-formed message: .*utf-8"),
        (b"\x81\x01\x01", "not a well-formed message: int is not allowed for map key"),
        (b"\x82\xa4kind\xa1a\xa4kind\xa1a", "^'kind' occurs twice in a map$"),
        (b"\x81\xa4beat\x82\xa1b\x01\xa1b\x02", "^'b' occurs twice in a map$"),
        (msgpack.packb({"kind": b"Accepted"}), "not a well-formed message: .*max_bin_len"),
        (msgpack.packb(msgpack.ExtType(5, b"x")), "not a well-formed message: .*max_ext_len"),
        (b"\xc7\x00\x05", "^extension type 5 has no place in a message$"),
        (msgpack.packb(msgpack.Timestamp(1)), "not a well-formed message: .*max_ext_len"),
        (b"\x91" * 100_000 + b"\xc0", "^nested deeper than any message$"),
        (msgpack.packb([0] * 20_001), "not a well-formed message: .*max_array_len"),
        (msgpack.packb({str(at): 0 for at in range(1025)}), "not a well-formed message: .*max_map_len"),
        (b"\xdd\xff\xff\xff\xff", "not a well-formed message: .*max_array_len"),
        (b"\xdb\xff\xff\xff\xff", "not a well-formed message: "),
        (msgpack.packb([[{}] * 20_000] * 21), "^more than [0-9]+ maps in one message$"),
        (msgpack.packb([[0] * 20_000] * 140), "^more than [0-9]+ values in one message$"),
        (msgpack.packb([{str(at): 0 for at in range(1000)}] * 2800), "^more than [0-9]+ values in one message$"),
    ],
)
def test_what_is_not_even_a_plain_map_is_refused(data, words):
    with pytest.raises(WireError, match=words):
        decode(data)


def test_oversize_is_refused_before_anything_is_unpacked():
    with pytest.raises(WireError, match=f"^{MAX_MESSAGE + 1} bytes are more than the {MAX_MESSAGE}"):
        decode(b"\xc1" * (MAX_MESSAGE + 1))
    with pytest.raises(WireError, match=r"^11 bytes are more than the 10"):
        unpack(b"\xc0" * 11, limit=10)


def test_a_message_that_nobody_would_accept_is_not_sent():
    large = take_opened(**{str(at): "x" * 2_000_000 for at in range(9)})
    with pytest.raises(WireError, match=f"^TakeOpened: takes 18[0-9]* bytes, more than the {MAX_MESSAGE}"):
        encode(large)


def test_a_curve_of_the_greatest_length_passes_and_the_limit_on_maps_is_out_of_its_reach():
    def carried(count: int) -> Proposed:
        keys = tuple(key(at * 0.18, 0, "hold") for at in range(count))
        curves = (Curve(channel="headYaw", keys=keys), *track("head").curves[1:])
        part = make_track("head", curves, [Source(gesture="nod")])
        return proposal().model_copy(update={"track": part, "digest": digest(part)})

    longest = carried(MAX_KEYFRAMES)
    assert decode(encode(longest)) == longest
    # The limits let pass one map per 40 bytes and one value per 6; of a keyframe these are itself and its five fields.
    assert len(encode(longest)) - len(encode(carried(10_000))) > max(40, 6 * 6) * (MAX_KEYFRAMES - 10_000)


def test_values_of_other_types_are_not_encoded():
    class Wave(Accepted):
        """Not in the protocol."""

    impostor = type("Accepted", (Accepted,), {"__doc__": "Another class of the same name."})
    with pytest.raises(TypeError, match="Accepted is not a message"):
        encode(impostor(**ACCEPTED.model_dump()))
    with pytest.raises(TypeError, match="Wave is not a message"):
        encode(Wave(**ACCEPTED.model_dump()))
    with pytest.raises(TypeError, match="Keyframe is not a message"):
        encode(Keyframe(time=0.0, value=0.0))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="set has no place in a message"):
        encode(ACCEPTED.model_copy(update={"role": {"eyes"}}))
    with pytest.raises(WireError, match="Accepted: holds text that cannot be encoded"):
        encode(ACCEPTED.model_copy(update={"role": "\ud800"}))


def test_deep_json_is_refused_and_not_followed_down():
    deep: Any = 0
    for _ in range(5000):
        deep = [deep]
    with pytest.raises(WireError, match=r"^message: nested deeper than any message$"):
        from_plain({"kind": "Accepted", "beat": deep})
    with pytest.raises(WireError, match=r"^Track: nested deeper than any message$"):
        parse(Track, deep)


def test_unpacked_fields_become_a_message_without_a_second_pass():
    assert restore(unpack(encode(round_opened()))) == round_opened()


@given(st.binary(max_size=200))
def test_random_bytes_are_refused_as_such(data):
    with pytest.raises(WireError):
        decode(data)


@given(st.sampled_from(SAMPLES), st.data())
def test_damaged_bytes_give_a_message_or_a_refusal(message, data):
    whole = bytearray(encode(message))
    whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        back = decode(bytes(whole))
    except WireError:
        return
    assert decode(encode(back)) == back


def test_every_kind_is_known_by_its_own_name():
    for kind, model in MESSAGES.items():
        with pytest.raises(WireError, match=rf"^{kind}\.[a-z_]+: field is missing"):
            restore({"kind": kind})
        assert model.__name__ == kind


def test_no_message_has_a_field_that_the_name_of_its_kind_would_hide():
    assert [kind for kind, model in MESSAGES.items() if "kind" in model.model_fields] == []


def test_a_beat_begins_as_its_predecessor_ended():
    """The first beat: no predecessor, an end state of no length, all four tracks at rest."""
    rest = tuple(track(region, 0.0) for region in REGIONS)
    opened = BeatOpened(
        beat=0,
        intent=Beat(start=0.0, end=exact(2.4), summary="", acts=()),
        previous=None,
        end_state=EndState(seconds=0.0, tracks=rest),
    )
    assert decode(encode(opened)) == opened


def test_an_objection_survives_with_numbers_that_are_no_decimals():
    """What was measured is not a keyframe: it keeps all its bits."""
    violation = round_opened().objections[0].violation.model_copy(update={"suggested": 0.1 + 0.2})
    objected = Objected(beat=0, round=1, role="eyes", incarnation=1, vector=VECTOR, violations=(violation,))
    back = decode(encode(objected))
    assert isinstance(back, Objected)
    assert back.violations[0].suggested == 0.30000000000000004
    assert back.violations[0].measured == 1 / 3


@pytest.mark.parametrize("message", [proposal(), round_opened(), ACCEPTED], ids=["Proposed", "RoundOpened", "Accepted"])
def test_a_message_is_packed_into_the_same_bytes_whatever_of_it_was_packed_before(message):
    first, again = wire.packed(message), encode(message)
    assert first == again == msgpack.packb(in_order(to_plain(message)))
    assert first.message is message
    assert decode(first) == message
    assert decode(first) is not message


def in_order(data: Any) -> Any:
    if isinstance(data, dict):
        return {name: in_order(data[name]) for name in sorted(data)}
    return [in_order(value) for value in data] if isinstance(data, list | tuple) else data


def test_what_is_packed_and_then_changed_is_plain_bytes():
    assert type(wire.packed(ACCEPTED)[:-1]) is bytes
    assert type(wire.packed(ACCEPTED) + b"") is bytes
