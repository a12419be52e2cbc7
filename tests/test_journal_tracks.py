"""Tracks in a journal: most of them are told twice, and read once."""

from __future__ import annotations

import gc

from collections.abc import Sequence
from contextlib import suppress
from hashlib import blake2b
from typing import Any

import pytest

from protocol.canonical import pack
from protocol.channels import REGIONS
from protocol.journal import JournalError
from protocol.messages import Message, digest
from tests.takes import proposed, round_opened, track
from tests.test_journal import journal, read


def negotiated(tracks: Sequence[Any]) -> tuple[Message, ...]:
    """Four proposals, and the round on the tracks given."""
    proposals = [proposed(region, shape=track(region, 0.5)) for region in REGIONS]
    return (*proposals, round_opened(proposals).model_copy(update={"tracks": tuple(tracks)}))


def test_a_track_that_is_told_twice_is_there_once():
    tracks = [track(region, 0.5) for region in REGIONS]
    found: list[Any] = [record.message for record in read(journal(negotiated(tracks))).records]
    *proposals, opened = found
    assert [each.track is one for each, one in zip(proposals, opened.tracks, strict=True)] == [True] * 4
    assert opened == negotiated(tracks)[-1]


def test_a_track_that_differs_in_a_value_is_read_as_it_stands():
    tracks = [track(region, 0.5) for region in REGIONS]
    tracks[1] = track(REGIONS[1], 0.4)
    found: list[Any] = [record.message for record in read(journal(negotiated(tracks))).records]
    *proposals, opened = found
    assert opened.tracks == tuple(tracks)
    assert [each.track is one for each, one in zip(proposals, opened.tracks, strict=True)] == [True, False, True, True]


def test_a_track_of_another_region_is_refused_although_it_is_known():
    tracks = [track(REGIONS[0], 0.5)] * 4
    with pytest.raises(JournalError, match=r"record 5 .*: RoundOpened: .*one track each of"):
        read(journal(negotiated(tracks)))


def test_garbage_is_searched_for_again_after_a_journal_was_read():
    for data in (journal(), b"{}"):
        with suppress(JournalError):
            read(data)
        assert gc.isenabled()


def test_the_digest_of_a_track_is_that_of_what_it_holds_whoever_asks_and_how_often():
    known = track("eyes", 0.5)
    assert digest(known) == digest(known) == blake2b(pack(known), digest_size=16).hexdigest()
    other = known.model_copy(update={"sources": (known.sources[0].model_copy(update={"note": "otherwise"}),)})
    assert digest(other) == blake2b(pack(other), digest_size=16).hexdigest() != digest(known)
