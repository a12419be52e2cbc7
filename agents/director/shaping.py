"""Which modifier of a clause belongs to which of the things that it asks for."""

from __future__ import annotations

from collections.abc import Sequence

from agents.director.modifiers import Hit, gap
from agents.director.patterns import Match
from configs.lexicon import Entry, Lexicon


def name_of(match: Match) -> str:
    """The entry that a match is of."""
    return match.pattern.entry


class Shaping:
    """Gives each modifier of a clause to the cue that it belongs to."""

    def __init__(self, found: Sequence[Match], hits: Sequence[Hit], lexicon: Lexicon, own: int) -> None:
        self._found = found
        self._entries = [lexicon.entries[match.pattern.entry] for match in found]
        self._lexicon = lexicon
        self.of: list[list[Hit]] = [[] for _ in found]
        self.loose: list[Hit] = []
        for hit in hits:
            takers = [n for n, entry in enumerate(self._entries) if self._takes(entry, n, hit)]
            if hit.kind == "count":  # "winks twice at the camera": what passes is counted before what is held
                takers = [n for n in takers if self._passes(n)] or takers
            if not takers:
                if hit.kind not in ("not", "affirmed"):
                    self.loose.append(hit)
                continue
            # An adjective or adverb stands before what it describes; a direction follows its verb.
            behind = hit.kind in ("aim", "side", "angle")
            best = min(takers, key=lambda n: (2 * gap(hit, found[n].places) + ((hit.last < found[n].places[0]) == behind), n))
            if found[best].places[0] >= own or hit.kind != "number" or gap(hit, found[best].places) <= 2:
                self.of[best].append(hit)
            else:
                self.loose.append(hit)

    def _takes(self, entry: Entry, number: int, hit: Hit) -> bool:
        if hit.kind in ("not", "affirmed"):
            return False
        if hit.kind == "aim":
            return entry.aims in ("gaze", "turn") or (entry.aims == "tilt" and hit.yaw != 0)
        if hit.kind == "side":
            if entry.does == "spare":
                return hit.value in (1, -1)
            if entry.aims in ("gaze", "turn"):
                return hit.value in (1, -1)
            return entry.aims != "none"
        if hit.kind == "angle":
            return entry.aims in ("gaze", "turn", "tilt")
        if hit.kind == "number":
            return self._passes(number)
        return True

    def _passes(self, number: int) -> bool:
        """Whether a match asks for something that is over by itself."""
        kinds = [self._lexicon.kind(call.name) for call in self._lexicon.calls(self._found[number].pattern.entry)]
        return self._entries[number].does == "act" and all(kind.hold in ("own", "span") for kind in kinds)

    def aimless(self) -> set[str]:
        """Entries that need a direction and have none."""
        return {
            match.pattern.entry
            for match, entry, hits in zip(self._found, self._entries, self.of, strict=True)
            if entry.needs_aim and not any(hit.kind == "aim" or (hit.kind == "side" and hit.value in (1, -1)) for hit in hits)
        }
