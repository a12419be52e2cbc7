"""A journal of which only what is looked at is read: the same records, as strictly, and no more of them."""

from __future__ import annotations

import io

from dataclasses import replace

import msgpack
import pytest

from protocol.debugging import pages as module
from protocol.debugging.pages import Address, Pages
from protocol.journal import JournalError, Record, Stored, compact, read_journal, read_record, scan_journal
from tests.recorded import RUNS, recorded
from tests.walking import pages, pages_of, written


@pytest.mark.parametrize("name", RUNS)
def test_the_records_are_those_of_the_whole_journal(name):
    records, some = recorded(name).records, pages(name)
    assert tuple(some) == records
    assert [some.record(seq) for seq in range(1, len(some) + 1)] == list(records)
    for record in records:
        assert some.kind(record.seq) == type(record.message).__name__
        assert some.address(record.seq) == Address(record.sender, record.receivers)


def test_a_compacted_and_a_torn_journal_have_pages_too():
    records = recorded("undisturbed").records
    whole = written(records)
    target = io.BytesIO()
    compact(io.BytesIO(whole), target)
    assert tuple(Pages.of(scan_journal(io.BytesIO(target.getvalue())))) == records
    for cut in (len(whole) // 3, len(whole) // 2):
        known = read_journal(io.BytesIO(whole[:cut]))
        torn = Pages.of(scan_journal(io.BytesIO(whole[:cut])))
        assert (tuple(torn), torn.torn_at, torn.closed) == (known.records, known.torn_at, known.closed)


@pytest.fixture
def read(monkeypatch) -> list[int]:
    """The places of the records that are read, as they are."""
    places: list[int] = []

    def counting(stored: Stored) -> Record:
        places.append(stored.seq)
        return read_record(stored)

    monkeypatch.setattr(module, "read_record", counting)
    return places


def test_kinds_and_addresses_are_known_without_reading(read):
    some = pages_of(recorded("undisturbed").records)
    assert [some.kind(seq) for seq in range(1, 9)][2:4] == ["BeatOpened", "Decided"]
    assert some.address(5) == Address("brows", ("coordinator",))
    assert read == []


def test_a_record_is_read_when_it_is_asked_for_and_then_known(read):
    some = pages_of(recorded("undisturbed").records)
    assert some.record(7) is some.record(7)
    assert read == [7]
    assert next(iter(some)).seq == 1
    assert read == [7, 1]


def test_the_first_part_of_it_is_a_part_of_it():
    some = pages("undisturbed")
    part = some.until(10)
    assert [record.seq for record in part] == list(range(1, 11))
    assert (part.part, part.closed) == (True, False)
    assert some.until(len(some)) is some


BODY = {"body": {}, "epoch": 0, "number": 0, "receivers": ["eyes"], "sender": "mouth"}


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xc1",
        b"\x85\xa4body",
        b"\xdf\xff\xff\xff\xff",
        b"\xdd\xff\xff\xff\xff",
        b"\x81\xa6sender\xdb\xff\xff\xff\xff",
        b"\x91" * 5000,
        msgpack.packb({**BODY, "sender": 3}),
        msgpack.packb({**BODY, "receivers": [3]}),
        msgpack.packb({**BODY, "receivers": "eyes"}),
        msgpack.packb({**BODY, "sender": b"mouth"}),
        msgpack.packb([1, 2]),
    ],
)
def test_a_record_that_is_none_says_so_where_it_is_looked_at(payload):
    good = pages("undisturbed").stored
    some = Pages([good[0], replace(good[1], payload=payload), *good[2:]])
    for look in (some.record, some.address):
        with pytest.raises(JournalError, match=r"record 2 at byte \d+ of the journal: "):
            look(2)
    assert some.record(3).seq == 3


def test_a_message_on_the_channel_of_another_is_refused():
    good = pages("undisturbed").stored
    with pytest.raises(JournalError, match="Decided on the channel of Accepted"):
        Pages([good[0], replace(good[1], kind="Accepted")]).record(2)
