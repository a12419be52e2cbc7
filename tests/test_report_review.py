"""What the critic says of a take, in its page: each thing asked for, how alive it is, and what the take was chosen from."""

from __future__ import annotations

import json
import re

from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.critic import IntentFound, Measured, Review
from agents.regions import IDLE
from protocol.journal import Record
from runtime.cli import main
from runtime.reporting import review as module
from runtime.reporting.review import Judged, gauge, section, tried_of
from runtime.takes import open_take
from tests.program import at_home, journal_file
from tests.reporting import Page, report

DIRECTION = "She grins, then turns her head far to the right without opening her mouth."


@pytest.fixture(autouse=True)
def _at_home(tmp_path: Path) -> Iterator[None]:
    with at_home(tmp_path):
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A take that was chosen from two, long enough for its blinks to be counted."""
    folder = tmp_path_factory.mktemp("take")
    with at_home(folder):
        assert main(["plan", DIRECTION, "--seconds", "9", "--fps", "25", "--candidates", "2", "-o", "motion.json"]) == 0
    return folder / "motion.take"


@pytest.fixture(scope="module")
def recorded(folder: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((folder / "take.json").read_bytes())
    return found


@pytest.fixture(scope="module")
def said(recorded: dict[str, object]) -> Review:
    """What was said when the take was made."""
    return Review.model_validate_json(json.dumps(recorded["review"]))


@pytest.fixture(scope="module")
def records(folder: Path) -> tuple[Record, ...]:
    return open_take(folder).records


@pytest.fixture
def page(folder: Path, tmp_path: Path) -> Page:
    return report(folder, tmp_path / "report.html")


def intent(**changes: object) -> IntentFound:
    given = {"beat": 0, "name": "smile", "side": "both", "at": 0.2, "words": "smiles", "present": 1.0, "late": 0.0}
    return IntentFound.model_validate({**given, "strength": 1.0, "note": "", "score": 1.0, **changes})


def measure(**changes: object) -> Measured:
    given = {"name": "stare", "about": "longest time", "value": 4.0, "low": 0.0, "high": 10.0, "unit": "s", "score": 1.0}
    return Measured.model_validate({**given, **changes})


def shown(**changes: object) -> str:
    given = {"score": 90.0, "weakest": "the smile", "intents": (), "nature": (), "strain": ()}
    return "\n".join(section(Judged(Review.model_validate({**given, **changes}))))


# ------------------------------------------------------------------------------------------------------------ of a take


def test_a_page_shows_what_was_said_when_the_take_was_made(page: Page, said: Review):
    assert f"{said.score:.0f} of 100 weakest: {said.weakest}" in page.shown
    for found in said.intents:
        assert f"“{found.words}”" in page.shown
        if found.name != "limit":
            assert f"{100 * found.strength:.0f} %" in page.shown
    for measured in said.nature:
        assert f"{measured.value:.3g}" in page.shown
        assert measured.about in page.shown
    rate = next(measured for measured in said.nature if measured.name == "blink_rate")
    assert f"blinks {rate.note} {rate.value:.3g} a minute" in page.shown
    assert "8 to 32.5" in page.shown


def test_a_page_shows_what_the_take_was_chosen_from(page: Page, recorded: dict[str, object]):
    tried = recorded["candidates"]
    assert isinstance(tried, list)
    assert "Chosen from 2 candidates" in page.shown
    assert f"critic: {max(each['score'] for each in tried):.0f} of 100, the best of 2 candidates" in page.shown
    for each in tried:
        kept = " kept" if each["kept"] else ""
        assert (
            f"{each['seed']}{kept} {each['score']:.1f} {each['objections']} {each['rulings']} {each['weakest']}" in page.shown
        )


def test_the_page_of_a_journal_alone_has_the_review_too(tmp_path: Path, records: tuple[Record, ...], said: Review):
    made = report(journal_file(tmp_path / "alone.mcap", records), tmp_path / "report.html")
    assert f"{said.score:.0f} of 100 weakest: {said.weakest}" in made.shown
    assert "candidates" not in made.shown


def test_what_stands_beside_the_journal_cannot_say_otherwise(tmp_path: Path, records: tuple[Record, ...], said: Review):
    folder = tmp_path / "motion.take"
    folder.mkdir()
    journal_file(folder / "journal.mcap", records)
    better = said.model_copy(update={"score": 13.0, "weakest": "nothing at all"}).model_dump(mode="json")
    (folder / "take.json").write_text(json.dumps({"format": "textuportray.take", "version": 1, "review": better}))
    made = report(folder, tmp_path / "report.html")
    assert f"{said.score:.0f} of 100 weakest: {said.weakest}" in made.shown
    assert "nothing at all" not in made.shown


def test_a_take_without_an_end_is_not_judged(tmp_path: Path, records: tuple[Record, ...]):
    path = journal_file(tmp_path / "cut.mcap", records[: len(records) // 2], close=False)
    made = report(path, tmp_path / "report.html")
    assert "Not all beats are agreed on, so there is nothing to judge yet." in made.shown
    assert "of 100" not in made.shown


def test_tables_that_are_not_understood_are_told(tmp_path: Path, records: tuple[Record, ...], monkeypatch: pytest.MonkeyPatch):

    def missing(texts: object) -> object:
        raise KeyError("emotions.yaml")

    monkeypatch.setattr("configs.tables.build", missing)
    made = report(journal_file(tmp_path / "old.mcap", records), tmp_path / "report.html")
    assert "The critic cannot judge it by the tables that it was made with: 'emotions.yaml'" in made.shown


def test_programs_get_the_score(folder: Path, said: Review, capsys: pytest.CaptureFixture[str]):
    assert main(["report", str(folder), "-o", "report.html", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["score"] == said.score


def test_the_flag_of_idle_motion_is_the_one_that_takes_have():
    assert module.IDLE == IDLE


# ------------------------------------------------------------------------------------------------------------ how it is told


@pytest.mark.parametrize(
    ("late", "words"), [(0.0, "on time"), (0.004, "on time"), (0.12, "0.12 s late"), (-0.31, "0.31 s early")]
)
def test_timing_is_told_in_words(late: float, words: str):
    assert f'<td class="number">{words}</td>' in shown(intents=(intent(late=late),))


def test_what_is_not_there_has_neither_time_nor_strength():
    for found in (intent(present=0.0), intent(name="still"), intent(name="limit")):
        assert shown(intents=(found,)).count('<td class="number">-</td>') == 2


def test_words_that_set_several_limits_are_told_once_by_the_worst():
    limits = [intent(name="limit", words="without a smile", present=present, score=present) for present in (1.0, 0.4, 0.7)]
    markup = shown(intents=(intent(), *limits))
    assert markup.count("keeps within a limit") == 1
    assert "0.40" in markup


@pytest.mark.parametrize(("score", "kind"), [(0.9, "well"), (0.6, "partly"), (0.2, "hardly")])
def test_how_well_it_is_done_shows(score: float, kind: str):
    assert f'<tr class="{kind}">' in shown(intents=(intent(score=score),))


@pytest.mark.parametrize(("value", "kind"), [(4.0, "inside"), (10.0, "inside"), (10.5, "outside"), (900.0, "outside")])
def test_a_gauge_shows_whether_a_value_is_among_people(value: float, kind: str):
    markup = gauge(measure(value=value))
    assert f'class="{kind}"' in markup
    [x] = re.findall(r'cx="([\d.]+)"', markup)
    assert 0 < float(x) < 120
    assert 'class="chance"' not in markup
    assert 'class="chance"' in gauge(measure(value=value, people=(2.0, 5.0)))


def test_what_is_outside_leads_to_its_place_and_strain_as_well():
    assert 'data-time="2.5000"' not in shown(nature=(measure(at=2.5),))
    assert 'data-time="2.5000"' in shown(nature=(measure(at=2.5, value=40.0, score=0.1),))
    strained = measure(name="smile-lifts-cheeks", value=0.31, low=0.0, high=0.0, unit="of the take", at=1.25, score=0.7)
    assert '31 % of the take <button data-time="1.2500"' in shown(strain=(strained,))


def test_words_stay_words():
    markup = shown(weakest="<b>", intents=(intent(words="</td><script>", note="<i>"),), nature=(measure(about="<u>"),))
    assert not re.search(r"<(script|i|u)>", markup)
    assert "<span>weakest: &lt;b&gt;</span>" in markup


GOOD = {"seed": 3, "kept": True, "score": 88.0, "weakest": "the nod", "objections": 1, "rulings": 0}


@pytest.mark.parametrize(
    "bad",
    [None, 7, [], {**GOOD, "seed": "3"}, {**GOOD, "seed": True}, {**GOOD, "score": 1e9}, {**GOOD, "score": "x"}, {"seed": 1}],
)
def test_what_is_no_candidate_is_left_out(bad: object):
    assert [tried.seed for tried in tried_of([bad, GOOD])] == [3]
    assert list(tried_of(bad)) == []
