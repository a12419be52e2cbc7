"""What is counted: each record as it should be, under names, kinds and tags of the table alone."""

from __future__ import annotations

import re

from collections import Counter
from collections.abc import Iterable
from typing import Any

import pytest

from protocol.channels import REGIONS
from protocol.journal import Record
from protocol.messages import (
    COORDINATOR,
    Accepted,
    ChunkAssigned,
    ChunkFailed,
    ChunkLost,
    ChunkRendered,
    ChunkWritten,
    Committed,
    Cut,
    Merged,
    Message,
    Objected,
    RegionRuling,
    Rejoined,
    RendererChanged,
    Restored,
    Ruled,
    TakeClosed,
    TakeResumed,
)
from runtime.metrics import METERS, Meters, NoMeters, RayMeters, TakeMeter, meter
from tests.takes import beat_opened, proposed, round_opened, take_opened, violation

FRAMES = "0" * 32


class Counted:
    """Meters that remember, and take nothing that is not in the table."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, ...]] = Counter()
        self.gauges: dict[str, float] = {}
        self.seconds: dict[tuple[str, ...], list[float]] = {}

    def count(self, name: str, value: int = 1, **tags: str) -> None:
        meter(name, "counter", tags)
        self.counts[(name, *tags.values())] += value

    def set(self, name: str, value: float, **tags: str) -> None:
        meter(name, "gauge", tags)
        self.gauges[name] = value

    def observe(self, name: str, seconds: float, **tags: str) -> None:
        meter(name, "histogram", tags)
        self.seconds.setdefault((name, *tags.values()), []).append(seconds)


def records(messages: Iterable[tuple[float, Message]]) -> list[Record]:
    """Messages as records, at the seconds that are given with them."""
    return [Record(seq, time, COORDINATOR, (), 0, 0, message) for seq, (time, message) in enumerate(messages, 1)]


def counted(*messages: tuple[float, Message], before: tuple[tuple[float, Message], ...] = ()) -> Counted:
    """What is counted of messages at their seconds, after others that had been counted by somebody else."""
    meters = Counted()
    made = TakeMeter(meters, records(before))
    for record in records(messages):
        made.observe(record)
    return meters


def accepted(role: str) -> Accepted:
    return Accepted(beat=0, round=1, role=role, incarnation=1, vector=FRAMES)


def objected(role: str, violations: int) -> Objected:
    broken = tuple(violation(start=exact / 10) for exact in range(violations))
    return Objected(beat=0, round=1, role=role, incarnation=1, vector=FRAMES, violations=broken)


def restored(
    region: Any, *, holder: Any = "region", beat: bool = True, stands: bool = False, voted: bool | None = None
) -> Restored:
    """`stands`: whether its proposal does; `voted`: None where no round is open."""
    return Restored(
        region=region,
        nonce="",
        incarnation=2,
        holder=holder,
        opened=take_opened(),
        beat=beat_opened() if beat else None,
        proposal=proposed(region) if stands else None,
        round=None if voted is None else round_opened(),
        voted=bool(voted),
        decisions=(),
    )


def ruled() -> Ruled:
    opened = round_opened()
    kept = tuple(RegionRuling(region=region, rung="kept", why="") for region in REGIONS)
    return Ruled(beat=0, round=2, vector=opened.vector, tracks=opened.tracks, rulings=kept)


def merged(chunks: int, first: int = 0, frames: int = 16) -> Merged:
    cuts = (Cut(chunk=n, first=frames * n, last=frames * (n + 1), motion=FRAMES) for n in range(first, first + chunks))
    return Merged(beat=0, chunks=tuple(cuts), ends=True)


def assigned(chunk: int, attempt: int = 1) -> ChunkAssigned:
    return ChunkAssigned(chunk=chunk, first=16 * chunk, last=16 * (chunk + 1), motion=FRAMES, attempt=attempt)


def rendered(chunk: int, attempt: int = 1) -> ChunkRendered:
    return ChunkRendered(chunk=chunk, attempt=attempt, frames=FRAMES)


def written(chunk: int) -> ChunkWritten:
    return ChunkWritten(chunk=chunk, frames=FRAMES)


def changed(renderer: str, to: Any) -> RendererChanged:
    return RendererChanged(renderer=renderer, to=to, reason="")


CLOSED = TakeClosed(outcome="done", reason="", beats=1, timeline=FRAMES)


def test_names_are_what_prometheus_takes_and_each_is_explained():
    for name, entry in METERS.items():
        assert re.fullmatch(r"textuportray_[a-z_]+", name)
        assert entry.name == name
        assert entry.about
        assert set(entry.tags) <= {"region", "phase", "kind"}
        assert bool(entry.boundaries) == (entry.kind == "histogram")
        assert list(entry.boundaries) == sorted(set(entry.boundaries))
        assert not name.endswith("_total"), "Ray would add it a second time"


def test_series_are_the_names_that_ray_gives_to_prometheus():
    assert METERS["textuportray_frames"].series == ("ray_textuportray_frames_total",)
    assert METERS["textuportray_queue_depth"].series == ("ray_textuportray_queue_depth",)
    seconds = "ray_textuportray_thinking_seconds"
    assert METERS["textuportray_thinking_seconds"].series == (f"{seconds}_bucket", f"{seconds}_sum", f"{seconds}_count")


@pytest.mark.parametrize(
    ("name", "kind", "tags", "said"),
    [
        ("textuportray_takes", "counter", [], "not in METERS"),
        ("textuportray_frames", "gauge", [], "is a counter, not a gauge"),
        ("textuportray_messages", "counter", [], "has the tags"),
        ("textuportray_messages", "counter", ["kind", "take"], "has the tags"),
    ],
)
def test_what_the_table_does_not_have_is_refused(name, kind, tags, said):
    with pytest.raises(ValueError, match=said):
        meter(name, kind, tags)


def test_every_message_is_counted_by_its_kind():
    meters = counted((0, take_opened()), (0, beat_opened()), (1, proposed("eyes")), (1, proposed("head")))
    found = {key[1]: number for key, number in meters.counts.items() if key[0] == "textuportray_messages"}
    assert found == {"TakeOpened": 1, "BeatOpened": 1, "Proposed": 2}


def test_rounds_objections_rulings_and_beats_are_counted():
    vector = round_opened().vector
    commit = Committed(beat=0, vector=vector, digest=vector.digest, ruled=True)
    meters = counted(
        (0, beat_opened()),
        (1, round_opened()),
        (2, objected("eyes", 3)),
        (2, objected("critic", 1)),
        (3, round_opened(number=2)),
        (4, ruled()),
        (4, commit),
    )
    counts = {key: number for key, number in meters.counts.items() if key[0] != "textuportray_messages"}
    assert counts == {
        ("textuportray_rounds",): 2,
        ("textuportray_objections", "eyes"): 3,
        ("textuportray_objections", "critic"): 1,
        ("textuportray_rulings",): 1,
        ("textuportray_beats",): 1,
    }


def test_thinking_lasts_from_the_question_to_the_first_answer():
    meters = counted(
        (1, beat_opened()),
        (1.5, proposed("eyes")),
        (3, proposed("head")),
        (4, round_opened()),
        (4.25, proposed("eyes", revision=2, round_=1)),
        (4.5, objected("eyes", 1)),
        (5, accepted("head")),
        (6, round_opened(number=2)),
        (6.125, accepted("eyes")),
    )
    name = "textuportray_thinking_seconds"
    assert meters.seconds == {
        (name, "eyes", "propose"): [0.5],
        (name, "head", "propose"): [2.0],
        (name, "eyes", "vote"): [0.25, 0.125],
        (name, "head", "vote"): [1.0],
    }


def test_who_takes_over_thinks_from_then_on():
    meters = counted(
        (0, beat_opened()),
        (60, restored("eyes", holder="fallback")),
        (60.5, proposed("eyes")),
        (61, round_opened()),
        (70, restored("head", stands=True, voted=False)),
        (70.25, accepted("head")),
        (71, restored("mouth", stands=True, voted=True)),
        (72, accepted("mouth")),
    )
    name = "textuportray_thinking_seconds"
    assert meters.seconds == {(name, "eyes", "propose"): [0.5], (name, "head", "vote"): [0.25]}


def test_what_is_proposed_when_nothing_was_asked_is_no_thinking():
    meters = counted((0, take_opened()), (1, restored("eyes", beat=False)), (2, proposed("eyes")))
    assert meters.seconds == {}


def test_restarts_and_fallbacks_are_counted_by_region():
    meters = counted(
        (0, beat_opened()),
        (1, Rejoined(region="eyes", nonce="a")),
        (1, restored("eyes")),
        (2, Rejoined(region="eyes", nonce="b")),
        (9, restored("mouth", holder="fallback")),
    )
    assert meters.counts["textuportray_restarts", "eyes"] == 2
    assert meters.counts["textuportray_fallbacks", "mouth"] == 1
    assert meters.counts["textuportray_fallbacks", "eyes"] == 0


def test_chunks_are_followed_from_the_cut_to_the_video():
    meters = counted(
        (0, merged(3)),
        (1, assigned(0)),
        (1, assigned(1)),
        (2, ChunkFailed(chunk=1, attempt=1, error="out of memory")),
        (2, assigned(1, attempt=2)),
        (3, rendered(0)),
        (3, written(0)),
        (5, rendered(1, attempt=2)),
        (5, written(1)),
    )
    assert {key[1]: number for key, number in meters.counts.items() if key[0] == "textuportray_chunks"} == {
        "assigned": 3,
        "retried": 1,
        "failed": 1,
        "rendered": 2,
        "written": 2,
    }
    assert meters.counts[("textuportray_frames",)] == 32
    assert meters.gauges == {"textuportray_queue_depth": 1, "textuportray_frames_per_second": 32 / 4}


def test_what_is_lost_waits_again_and_what_comes_late_or_twice_does_not_count():
    start = ((0, merged(2)), (0, assigned(0)))
    lost = ChunkLost(chunk=0, attempt=1, reason="its node is gone")
    assert counted(*start, (1, rendered(0)), (1, rendered(0))).gauges["textuportray_queue_depth"] == 1
    again = counted(*start, (1, rendered(0)), (2, lost), (3, assigned(0, attempt=2)), (3, rendered(0)))
    assert again.gauges["textuportray_queue_depth"] == 2
    assert again.counts["textuportray_chunks", "rendered"] == 1
    assert again.counts["textuportray_chunks", "lost"] == 1


def test_renderers_are_ready_until_they_are_quiet_or_gone():
    ready = [(0.0, changed(name, "ready")) for name in ("r1", "r2", "r3", "r2")]
    assert counted(*ready).gauges["textuportray_renderers_ready"] == 3
    after = counted(*ready, (1, changed("r1", "quiet")), (2, changed("r3", "gone")), (2, changed("r3", "gone")))
    assert after.gauges["textuportray_renderers_ready"] == 1


def test_gauges_show_nothing_once_the_take_is_over():
    film = ((0, merged(2)), (0, changed("r1", "ready")), (0, assigned(0)), (1, rendered(0)), (1, written(0)))
    gauges = counted(*film, (2, CLOSED)).gauges
    assert set(gauges) == {name for name, entry in METERS.items() if entry.kind == "gauge"}
    assert set(gauges.values()) == {0}


def test_a_take_that_goes_on_counts_only_what_is_new_and_renders_all_again():
    film = ((0, merged(2)), (0, changed("r1", "ready")), (0, assigned(0)), (1, rendered(0)), (1, written(0)))
    resumed = counted((10, TakeResumed(versions={})), before=film)
    assert resumed.counts == {("textuportray_messages", "TakeResumed"): 1}
    assert resumed.gauges["textuportray_queue_depth"] == 2
    on = counted((10, TakeResumed(versions={})), (10, assigned(0)), (12, rendered(0)), (12, written(0)), before=film)
    assert on.counts[("textuportray_frames",)] == 16
    assert on.gauges == {
        "textuportray_queue_depth": 1,
        "textuportray_renderers_ready": 0,
        "textuportray_frames_per_second": 8,
    }


def test_every_meter_is_used_by_some_record():
    vector = round_opened().vector
    meters = counted(
        (0, beat_opened()),
        (0.5, proposed("eyes")),
        (1, round_opened()),
        (2, objected("eyes", 1)),
        (3, Rejoined(region="eyes", nonce="a")),
        (3, restored("head", holder="fallback")),
        (4, ruled()),
        (4, Committed(beat=0, vector=vector, digest=vector.digest, ruled=True)),
        (5, merged(1)),
        (5, changed("r1", "ready")),
        (5, assigned(0)),
        (6, rendered(0)),
        (6, written(0)),
    )
    used = {key[0] for key in meters.counts} | set(meters.gauges) | {key[0] for key in meters.seconds}
    assert used == set(METERS)
    assert set(REGIONS) >= {key[1] for key in meters.seconds}


def use(meters: Meters) -> None:
    meters.count("textuportray_messages", kind="Proposed")
    meters.count("textuportray_frames", 16)
    meters.count("textuportray_frames", 0)
    meters.set("textuportray_queue_depth", 0)
    meters.observe("textuportray_thinking_seconds", 0.5, region="eyes", phase="vote")


def test_no_meters_take_everything():
    use(NoMeters())


class FakeMetric:
    """A metric of Ray as far as it is used here; Ray's own refuses to count nothing."""

    made: list[tuple[Any, ...]]
    values: list[tuple[Any, ...]]

    def __init__(self, name: str, about: str, *rest: Any) -> None:
        self.name = name
        assert about
        assert isinstance(rest[-1], tuple)
        self.made.append((type(self).__name__, name))

    def inc(self, value: int, tags: dict[str, str]) -> None:
        assert value > 0
        self.values.append((self.name, value, tags))

    set = observe = lambda self, value, tags: self.values.append((self.name, value, tags))


def test_ray_gets_each_metric_once_and_all_values_with_their_tags(monkeypatch):
    pytest.importorskip("ray")
    from ray.util import metrics  # noqa: PLC0415 - where Ray is installed

    made: list[tuple[Any, ...]] = []
    values: list[tuple[Any, ...]] = []
    for name in ("Counter", "Gauge", "Histogram"):
        monkeypatch.setattr(metrics, name, type(name, (FakeMetric,), {"made": made, "values": values}))
    meters = RayMeters()
    assert made == []
    use(meters)
    use(meters)
    assert made == [
        ("Counter", "textuportray_messages"),
        ("Counter", "textuportray_frames"),
        ("Gauge", "textuportray_queue_depth"),
        ("Histogram", "textuportray_thinking_seconds"),
    ]
    assert values[:4] == values[4:]
    assert values[:4] == [
        ("textuportray_messages", 1, {"kind": "Proposed"}),
        ("textuportray_frames", 16, {}),
        ("textuportray_queue_depth", 0, {}),
        ("textuportray_thinking_seconds", 0.5, {"region": "eyes", "phase": "vote"}),
    ]


def test_rays_own_metrics_take_the_whole_table():
    pytest.importorskip("ray")
    meters = RayMeters()
    for name, entry in METERS.items():
        tags = dict.fromkeys(entry.tags, "eyes")
        use_one: Any = {"counter": meters.count, "gauge": meters.set, "histogram": meters.observe}[entry.kind]
        use_one(name, 1, **tags)
        assert meters._made[name].info["tag_keys"] == entry.tags


def test_a_take_without_metrics_does_not_load_ray():
    with pytest.raises(ValueError, match="not in METERS"):
        RayMeters().count("anything")
    assert RayMeters()._made == {}
