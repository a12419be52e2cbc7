"""What is remembered is what would be worked out again, of the very value that it was worked out of."""

import gc

from protocol.keyframes import Source
from protocol.remembering import Findings, Remembered


class Counted:
    """Tells a source and a number, and counts how often it had to."""

    def __init__(self, most: int = 3) -> None:
        self.asked: list[str] = []
        self.told: Remembered[Source, str] = Remembered(self._tell, most)

    def _tell(self, source: Source, *more: int) -> str:
        self.asked.append(source.gesture)
        return " ".join([source.gesture, *map(str, more)])


def test_the_same_value_is_worked_out_once():
    counted, one = Counted(), Source(gesture="smile")
    assert [counted.told(one), counted.told(one)] == ["smile", "smile"]
    assert counted.asked == ["smile"]


def test_what_else_it_depends_on_is_told_apart():
    counted, one = Counted(), Source(gesture="smile")
    assert [counted.told(one, 1), counted.told(one, 2), counted.told(one, 1)] == ["smile 1", "smile 2", "smile 1"]
    assert len(counted.asked) == 2


def test_an_equal_value_is_another_one():
    counted, one, other = Counted(), Source(gesture="smile"), Source(gesture="smile")
    assert counted.told(one) == counted.told(other)
    assert counted.asked == ["smile", "smile"]


def test_what_lies_where_a_value_was_is_not_taken_for_it():
    counted = Counted(most=1000)
    for n in range(200):  # each may get the place of the one before, which is there no more
        assert counted.told(Source(gesture=f"gesture {n}")) == f"gesture {n}"
    gc.collect()
    assert len(counted.asked) == 200


def test_no_more_is_known_than_allowed_and_what_is_forgotten_is_worked_out_again():
    counted, them = Counted(most=3), [Source(gesture=name) for name in "abcd"]
    for one in them:
        counted.told(one)
    assert len(counted.told._known) == 1
    assert counted.told(them[0]) == "a"
    assert counted.asked == [*"abcd", "a"]


def test_findings_are_about_the_very_values_and_what_else_they_depend_on():
    known, one, other = Findings(8), Source(gesture="smile"), Source(gesture="smile")
    known.about([one, other], 2.0)["rule"] = "kept"
    assert known.about([one, other], 2.0) == {"rule": "kept"}
    for values, more in (([other, one], 2.0), ([one], 2.0), ([one, other], 3.0), ([one, Source(gesture="smile")], 2.0)):
        assert known.about(values, more) == {}


def test_findings_about_values_that_are_gone_are_not_taken_for_those_of_others():
    known, stays = Findings(1000), Source(gesture="rest")
    for n in range(200):
        found = known.about([stays, Source(gesture=f"gesture {n}")])
        assert found == {}
        found["n"] = n


def test_no_more_findings_are_kept_than_allowed():
    known, them = Findings(2), [Source(gesture=name) for name in "abc"]
    for one in them:
        known.about([one])["name"] = one.gesture
    assert known.about([them[0]]) == {}
    assert known.about([them[2]]) == {"name": "c"}
