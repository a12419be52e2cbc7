"""An explanation of a value, for people and for programs: what `why` says.

The order is that in which an animator asks: what is it, between which keyframes, what asked for that, what meets there, and
what happened to it in the negotiation.
"""

from __future__ import annotations

import textwrap

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from protocol.brief import Act
from protocol.channels import CHANNELS, REGIONS, SIGNS
from protocol.conversation import WIDTH
from protocol.debugging.explanation import Complaint, Explanation, Key, Version, visible
from protocol.keyframes import Source
from protocol.messages import OF_CRITIC
from protocol.rules import Acceleration, Drift, RuleSet, Speed, TurnBlink
from protocol.wire import plain

if TYPE_CHECKING:
    from agents.contributions import Composition, Contribution, Repertoire

_LABEL = 10
"""Width of the column of labels."""
_PARTS = 5
"""Contributions that are shown."""
_COMPLAINTS = 2
"""Constraints that are shown of a revision, and those that others gave way to."""
_CLEARLY = 10
"""Times what can be seen from which a peer's value is worth a word."""
_WAYS: Mapping[str, tuple[str, str]] = {
    "headYaw": ("to the subject's left", "to the subject's right"),
    "eyeYaw": ("to the subject's left, in the head", "to the subject's right, in the head"),
    "headPitch": ("chin up", "chin down"),
    "eyePitch": ("up, in the head", "down, in the head"),
    "headRoll": ("tilted to the subject's left shoulder", "tilted to the subject's right shoulder"),
    "headX": ("to the subject's left", "to the subject's right"),
    "headY": ("up", "down"),
    "headZ": ("toward the camera", "away from the camera"),
}
_ITSELF: Mapping[str, str] = {
    "rest": "at rest",
    "carried": "what the beat before left, dying away",
    "hold": "held at its last committed value",
}
"""What is said of sources that are no gesture."""
_MODES: Mapping[str, str] = {"hold": "held", "linear": "straight on"}
_SEVERAL = ("brows", "eyes")


def repertoire_of(configuration: Mapping[str, str], rules: RuleSet) -> Repertoire | None:
    """The tables that regions performed by; None if this version does not understand them, or the take lacks them.

    Args:
        configuration: the texts of the take's tables.
        rules: its constraints.
    """
    from agents.contributions import Repertoire  # noqa: PLC0415 - whoever does not ask for it needs no agents
    from configs.emotions import load_emotions  # noqa: PLC0415
    from configs.gestures import Behaviour, Catalogue  # noqa: PLC0415
    from configs.loading import ConfigError, parse_yaml_model  # noqa: PLC0415
    from protocol.constraints import Constraints  # noqa: PLC0415

    try:
        return Repertoire(
            gestures=parse_yaml_model(configuration["gestures.yaml"], "gestures.yaml", Catalogue),
            emotions=load_emotions(configuration["action_units.yaml"], configuration["emotions.yaml"]),
            behaviour=parse_yaml_model(configuration["behaviour.yaml"], "behaviour.yaml", Behaviour),
            constraints=Constraints.of(rules),
        )
    except (ConfigError, KeyError):
        return None


def composed(repertoire: Repertoire | None, told: Explanation) -> Composition | None:
    """How the value came together in its region before it met its peers.

    None where that cannot be told: without the tables, or where the region's planner answered with no performance.
    """
    from agents.contributions import composition  # noqa: PLC0415
    from agents.performance import Performance  # noqa: PLC0415

    decisions = [version.decided for version in told.versions if version.decided is not None]
    if repertoire is None or not decisions or told.as_before:
        return None  # what a revision keeps was put together in the take that it revises
    try:
        performance = Performance.model_validate_json(decisions[-1].reply)
        return composition(repertoire, performance, told.begins, told.written, told.time - told.intent.start)
    except (KeyError, ValueError):
        return None


@dataclass(frozen=True, slots=True)
class Told:
    """An explanation, ready to be told.

    Attributes:
        why: the explanation.
        parts: how the value came together; None if that is not known.
        fps: frames per second of the take.
        frame: that was asked for; None if it was a time.
    """

    why: Explanation
    parts: Composition | None
    fps: Fraction
    frame: int | None

    # ------------------------------------------------------------------------------------------------------ for people

    def as_text(self) -> list[str]:
        """Lines for a terminal."""
        lines = [self._headline()]
        for label, text in self._said():
            head = f"  {label:<{_LABEL}}"
            hanging = " " * (len(head) + max(len(text) - len(text.lstrip(" 0123456789")), 2))
            lines += textwrap.wrap(text, WIDTH, initial_indent=head, subsequent_indent=hanging, break_on_hyphens=False)
        return lines

    def _headline(self) -> str:
        why = self.why
        at = f"{why.channel} is {_with_way(why.channel, why.value)} at {_seconds(why.time)} s"
        if self.frame is None and why.time == why.intent.end:
            return f"{at} (the very end)"
        frame = self.frame if self.frame is not None else int(Fraction(why.time).limit_denominator(10**6) * self.fps)
        return f"{at} (frame {frame})"

    def _said(self) -> Iterator[tuple[str, str]]:
        why = self.why
        if why.reads:
            angle, value = why.reads
            yield "read off", f"{angle}, which is {_with_way(angle, value)}; nobody writes {why.channel} itself"
        yield "because", self._in_short()
        yield from self._beat()
        yield from self._keys()
        yield from self._asked()
        yield from self._parts()
        yield from self._history()
        label = "others"
        for complaint in why.kept[:_COMPLAINTS]:
            yielding = complaint.violation.yields
            yield label, f"{yielding} {_verb('give', yielding)} way to it in round {complaint.round}: {_breach(complaint)}"
            label = ""

    def _in_short(self) -> str:
        """The one thing that made the value what it is."""
        why = self.why
        settled, first = why.settled, why.versions[0]
        was = f"{why.region} had proposed {_number(why.written, first.value)}"
        if settled.how == "ruled":
            return f"the coordinator ruled so, {why.region} {settled.rung}: {settled.why}; {was}"
        if settled.how == "revised" and settled.complaints:
            to = list(dict.fromkeys(region for each in settled.complaints for region in _regions(each, why)))
            names = ", ".join(dict.fromkeys(each.violation.constraint for each in settled.complaints))
            if all(each.violation.constraint.startswith(OF_CRITIC) for each in settled.complaints):
                return f"{why.region} did more of what the critic missed ({_act(names)}); {was}"
            return f"{why.region} gave way to {' and '.join(to) or 'a rule of their own'} ({names}); {was}"
        key = why.keys[-1]
        if len(why.keys) > 1 and (why.keys[0].mode == "hold" or why.keys[0].value == key.value):
            key = why.keys[0]
        if key.source.gesture == "rest" and not key.source.note:
            return f"nothing in this beat moves {why.written}" if why.count == 1 else f"{why.written} is at rest"
        return _sourced(key)

    def _beat(self) -> Iterator[tuple[str, str]]:
        why = self.why
        if why.agreed is not None:
            state = f"committed when all four accepted in round {why.agreed} (record {why.committed})"
        elif why.committed is not None:
            state = (
                f"committed as it was ruled (record {why.committed})"
                if self._ruled()
                else f"committed (record {why.committed})"
            )
        else:
            state = "not committed: the journal ends before that"
        yield "beat", f'{why.beat}, {why.intent.start:.2f}-{why.intent.end:.2f} s, "{why.intent.summary}"; {state}'
        if why.origin is not None:
            take, number = why.origin
            same = "what is asked of it here is as it was there" if why.as_before else "something else is asked of it here"
            yield "", f"was beat {number} of {take}, which this take revises; {same}"
        if abs(why.start) > visible(why.written) and why.time - why.intent.start < 1.0:
            yield "", f"began at {_number(why.written, why.start)}, where the beat before it ended"
        yield from (("", incident) for incident in why.incidents[:3])

    def _ruled(self) -> bool:
        return self.why.versions[-1].how == "ruled"

    def _keys(self) -> Iterator[tuple[str, str]]:
        why = self.why
        label = "keyframes"
        for key in why.keys:
            mode = "" if key.time > why.time else _MODES.get(key.mode, key.mode) if len(why.keys) > 1 else "held"
            yield label, f"{key.time:.4f} s {_number(why.written, key.value):>9}  {mode:<11}  {_sourced(key)}"
            label = ""
        if why.count == 1 and why.keys[0].source.gesture in ("rest", "hold"):
            return
        more = [_named(source) for source in why.others]
        if more:
            yield "", f"of {why.count} in this beat; others are for {', '.join(more[:4])}" + (" …" if len(more) > 4 else "")

    def _asked(self) -> Iterator[tuple[str, str]]:
        why, said = self.why, set()
        for key in why.keys:
            if key.act is None or key.act in said:
                continue
            said.add(key.act)
            begun, until = why.intent.start + key.act.start, why.intent.start + key.act.end
            since = "since" if key.act.start < 0 else "from"
            yield (
                "asked",
                f'{_acted(key.act)} {since} {begun:.2f} to {min(until, why.intent.end):.2f} s, for "{key.act.words}"'
                if key.act.words
                else f"{_acted(key.act)} {since} {begun:.2f} s",
            )
        for limit in why.limits:
            yield "asked", f'not more than {_number(why.written, limit.most)}, for "{limit.words}"'
        for still in why.stills:
            yield "asked", f'nothing moves at that time, for "{still.words}"'

    def _parts(self) -> Iterator[tuple[str, str]]:
        parts, why = self.parts, self.why
        if parts is None:
            return
        label = "together"
        if len(parts.parts) > 1:
            held = {part.source for part in parts.parts if not part.passing}
            named = [
                f"{_named(part.source)}{' in passing' if part.passing and part.source in held else ''} "
                f"{_number(why.written, part.value)}"
                for part in parts.parts[:_PARTS]
            ]
            more = len(parts.parts) - _PARTS
            text = ", ".join(named) + (f" and {more} more" if more > 0 else "")
            yield label, f"{text} make {_number(why.written, parts.value)}"
            label = ""
        version = [each for each in why.versions if each.decided is not None][-1]
        if version.how == "proposed" and why.origin is None and abs(version.value - parts.value) > visible(why.written):
            rules = ", ".join(parts.broken) or "its own rules"
            values = f"{_number(why.written, version.value)} instead of {_number(why.written, parts.value)}"
            yield label, f"{why.region} kept {rules} by {'themselves' if why.region in _SEVERAL else 'itself'}: {values}"

    def _history(self) -> Iterator[tuple[str, str]]:
        why = self.why
        label, before = "history", None
        for version in why.versions:
            for complaint in version.complaints[:_COMPLAINTS]:
                by = f"{' and '.join(complaint.by)} {_verb('object', *complaint.by)} in round {complaint.round}"
                yield label, f"{complaint.seq:>5}  {by}: {_breach(complaint)}"
                label = ""
                yield from (("", f"       {text}") for text in _because(complaint, why))
            yield label, f"{version.seq:>5}  {self._version(version, before)}"
            label, before = "", version

    def _version(self, version: Version, before: Version | None) -> str:
        region, channel = self.why.region, self.why.written
        value = _number(channel, version.value)
        if before is not None:
            same = abs(version.value - before.value) <= visible(channel)
            value = f"still {value}" if same else f"{value} instead of {_number(channel, before.value)}"
        if version.how == "ruled":
            return f"the coordinator rules: {value} ({region} {version.rung}, {version.why})"
        verb = _verb("propose" if version.how == "proposed" else "revise", region)
        who = f" (fallback, incarnation {version.incarnation})" if version.fallback else ""
        return f"{region} {verb}{who} {value}: {version.why}"

    # ---------------------------------------------------------------------------------------------------- for programs

    def as_data(self) -> dict[str, Any]:
        """Plain data for JSON."""
        why = self.why
        return {
            "channel": why.channel,
            "time": why.time,
            "value": why.value,
            "unit": CHANNELS[why.channel].unit,
            "region": why.region,
            "read_off": {"channel": why.reads[0], "value": why.reads[1]} if why.reads else None,
            "beat": {
                "number": why.beat,
                "start": why.intent.start,
                "end": why.intent.end,
                "summary": why.intent.summary,
                "value_at_start": why.start,
            },
            "committed": {"record": why.committed, "round": why.agreed, "ruled": self._ruled()} if why.committed else None,
            "keyframes": [_key_data(key) for key in why.keys],
            "keyframes_in_beat": why.count,
            "other_sources": [plain(source) for source in why.others],
            "limits": [plain(limit) for limit in why.limits],
            "stills": [plain(still) for still in why.stills],
            "contributions": None if self.parts is None else [_part_data(part, why) for part in self.parts.parts],
            "composed": None if self.parts is None else self.parts.value,
            "own_rules": None if self.parts is None else list(self.parts.broken),
            "history": [_version_data(version) for version in why.versions],
            "settled": why.settled.seq,
            "others_gave_way": [_complaint_data(complaint) for complaint in why.kept],
            "revises": None
            if why.origin is None
            else {"take": why.origin[0], "beat": why.origin[1], "as_before": why.as_before},
            "incidents": list(why.incidents),
        }


def _key_data(key: Key) -> dict[str, Any]:
    return {
        "time": key.time,
        "value": key.value,
        "mode": key.mode,
        "source": plain(key.source),
        "act": None if key.act is None else plain(key.act),
    }


def _part_data(part: Contribution, why: Explanation) -> dict[str, Any]:
    begins = why.intent.start
    return {
        "source": plain(part.source),
        "value": part.value,
        "idle": part.idle,
        "passing": part.passing,
        "start": begins + part.start,
        "end": begins + part.end,
    }


def _version_data(version: Version) -> dict[str, Any]:
    return {
        "record": version.seq,
        "how": version.how,
        "round": version.round,
        "value": version.value,
        "why": version.why,
        "rung": version.rung,
        "incarnation": version.incarnation,
        "fallback": version.fallback,
        "planner": None if version.decided is None else version.decided.planner,
        "gave_way_to": [_complaint_data(complaint) for complaint in version.complaints],
    }


def _complaint_data(complaint: Complaint) -> dict[str, Any]:
    return {
        "record": complaint.seq,
        "round": complaint.round,
        "by": list(complaint.by),
        **plain(complaint.violation),
        "why": None if complaint.rule is None else complaint.rule.why,
        "peers": [{"channel": peer.channel, "value": peer.value, "source": plain(peer.source)} for peer in complaint.peers],
    }


def _because(complaint: Complaint, why: Explanation) -> Iterator[str]:
    """The reason of a constraint, and what it is that the region gave way to."""
    moving = [peer for peer in complaint.peers if abs(peer.value) > _CLEARLY * visible(peer.channel)]
    if complaint.violation.yields == why.region and moving:
        does = ", ".join(f"{peer.channel} {_number(peer.channel, peer.value)} for {_named(peer.source)}" for peer in moving[:2])
        yield f"{why.region} {_verb('yield', why.region)} to {' and '.join(_regions(complaint, why))}: {does}"
    if complaint.rule is not None:
        yield f"because {complaint.rule.why}"


def _regions(complaint: Complaint, why: Explanation) -> list[str]:
    read = {CHANNELS[peer.channel].region for peer in complaint.peers}
    return [region for region in REGIONS if region in read and region != why.region]


def _breach(complaint: Complaint) -> str:
    """A constraint, where it was broken and by how much."""
    found, rule = complaint.violation, complaint.rule
    if found.constraint.startswith(OF_CRITIC):
        return f"{_act(found.constraint)}, {found.start:.2f}-{found.end:.2f} s: {found.measured:.2f} of it is seen, of 1"
    unit = SIGNS[CHANNELS[found.channels[0]].unit]
    if isinstance(rule, Drift):
        unit, what = " s", "the gaze sweeps along for"
    else:
        stems = list(dict.fromkeys(CHANNELS[name].stem for name in found.channels))
        what = f"{' + '.join(stems)} {'is' if len(stems) == 1 else 'are'}"
        if isinstance(rule, Speed):
            what, unit = f"{stems[0]} goes at", f"{unit} per second"
        elif isinstance(rule, Acceleration):
            what, unit = f"{stems[0]} speeds up by", f"{unit} per second²"
        elif isinstance(rule, TurnBlink):
            what = "without a blink the head turns"
    bound = "at most" if found.measured > found.bound else "at least"
    span = f"{found.start:.2f}-{found.end:.2f} s"
    return f"{found.constraint}, {span}: {what} {found.measured:.2f}{unit}, {bound} {found.bound:.2f}{unit}"


def _act(constraints: str) -> str:
    """What the critic missed, by the names of its objections."""
    return constraints.replace(OF_CRITIC, "").replace("_", " ")


def _sourced(key: Key) -> str:
    """Where a keyframe comes from."""
    source = key.source
    note = f"; {source.note}" if source.note and source.gesture not in _ITSELF else ""
    if source.note.startswith("yielded"):
        return f"{source.note}; before that {_named(source)}"
    return _named(source) + note


def _named(source: Source) -> str:
    """A gesture and its words, in the plainest form."""
    name = source.gesture.replace("_", " ")
    if source.gesture in _ITSELF and not source.words:
        return "let go to rest" if source.note == "ruled" else _ITSELF[source.gesture]
    if source.words:
        return f'{name} ("{textwrap.shorten(source.words, 60, placeholder=" …")}")'
    return f"{name} motion" if name.startswith("idle ") else f"an idle {name}"


def _acted(act: Act) -> str:
    """What was asked for, with how much, where to and how."""
    parts = [act.name.replace("_", " ")]
    if act.side != "both" and not act.yaw:
        parts.append(act.side)
    if act.yaw:
        parts.append(f"{abs(act.yaw):g}° {'left' if act.yaw > 0 else 'right'}")
    if act.pitch:
        parts.append(f"{abs(act.pitch):g}° {'up' if act.pitch > 0 else 'down'}")
    if act.count:
        parts.append(f"x{act.count}")
    if act.strength != 1:
        parts.append(f"at strength {act.strength:g}")
    if act.speed != 1:
        parts.append(f"at speed {act.speed:g}")
    return " ".join(parts)


def _with_way(channel: str, value: float) -> str:
    """A value with its unit, and which way it goes."""
    way = _WAYS.get(channel) or _WAYS.get(CHANNELS[channel].stem)
    if way is None:
        return f"{_number(channel, value)} of 1"
    return f"{_number(channel, value)} ({way[0 if value > 0 else 1]})" if abs(value) >= 0.005 else _number(channel, value)


def _number(channel: str, value: float) -> str:
    return f"{round(value, 2) + 0.0:.2f}{SIGNS[CHANNELS[channel].unit]}"


def _seconds(value: float) -> str:
    return f"{value:.4f}".rstrip("0").rstrip(".") if value else "0"


def _verb(verb: str, *roles: str) -> str:
    """A verb that agrees with those who do it."""
    return verb if len(roles) > 1 or roles[0] in _SEVERAL else verb + "s"
