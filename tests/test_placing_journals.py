"""`replay` and `verify` of takes at URLs: no more is fetched than is looked at, and all is told by the names of the URLs."""

from __future__ import annotations

import json

from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.cli import main
from tests.away import Away, away_files, away_url
from tests.program import at_home, left, planned


@pytest.fixture
def away(tmp_path) -> Path:
    """Where the URLs lead to."""
    folder = tmp_path / "away"
    folder.mkdir()
    return folder


@pytest.fixture(autouse=True)
def _at_home(tmp_path, monkeypatch) -> Iterator[None]:
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "scratch"))
    with at_home(tmp_path), away_files():
        yield
    assert left(tmp_path / "scratch") == []


@pytest.fixture
def read(monkeypatch) -> list[str]:
    """What is read in the places."""
    names: list[str] = []
    opened = Away._open

    def opening(self: Away, path: str, mode: str = "rb", **options: object) -> object:
        names.append(Path(path).name)
        return opened(self, path, mode, **options)

    monkeypatch.setattr(Away, "_open", opening)
    return names


@pytest.mark.parametrize("name", ["motion.json", "motion.take", "motion.take/", "motion.take/journal.mcap", "motion.mp4"])
def test_a_take_at_a_url_is_shown_and_verified(away, capsys, read, name):
    planned(away)
    url = f"{away_url(away)}/{name}"
    assert main(["replay", url]) == 0
    assert "take done after 2 beats" in capsys.readouterr().out
    assert read == ["journal.mcap"]
    read.clear()
    assert main(["verify", url]) == 0
    assert capsys.readouterr().out.startswith(f"{url}: ok: ")
    assert read == ["journal.mcap", "motion.json", *(["motion.json"] if name == "motion.json" else [])]


def test_what_is_wrong_at_a_url_has_its_names(away, capsys):
    planned(away)
    for path in (away / "motion.json", away / "motion.take" / "motion.json"):
        path.write_text("junk")
    url = away_url(away)
    capsys.readouterr()
    assert main(["verify", f"{url}/motion.json", f"{url}/motion.take", "--json"]) == 3
    report = json.loads(capsys.readouterr().out)
    texts = {name: [finding["text"].partition(" is no motion")[0] for finding in found] for name, found in report.items()}
    assert texts == {
        f"{url}/motion.json": [f"{url}/motion.take/motion.json", f"{url}/motion.json"],
        f"{url}/motion.take": [f"{url}/motion.take/motion.json"],
    }


def test_a_journal_that_was_cut_off_or_lies_alone_is_shown_and_verified(away, capsys):
    planned(away)
    (away / "motion.take" / "journal.mcap").rename(away / "motion.take" / "journal.live.mcap")
    (away / "lone.mcap").write_bytes((away / "motion.take" / "journal.live.mcap").read_bytes()[:-100])
    for name in ("motion.take", "lone.mcap"):
        for command in ("replay", "verify"):
            assert main([command, f"{away_url(away)}/{name}"]) == 0
    assert f"warning: {away_url(away)}/lone.mcap: the journal " in capsys.readouterr().err


@pytest.mark.parametrize("command", ["replay", "verify"])
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("none.take", "none.take has no journal, so there is no take to look at"),
        ("none.json", "none.take has no journal, so there is no take to look at"),
        ("none.mcap", "none.mcap cannot be read (No such file or directory)"),
        ("text.mcap", "text.mcap: this is not a journal"),
    ],
)
def test_what_is_no_take_at_a_url_is_refused_by_its_name(away, capsys, command, name, said):
    (away / "text.mcap").write_text("once upon a time")
    assert main([command, f"{away_url(away)}/{name}"]) in (1, 2)
    assert f"textuportray: {away_url(away)}/{said}" in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize("command", ["replay", "verify", "resume"])
@pytest.mark.parametrize("url", ["s3://bucket", "away://", "nothing://b/x.take", "file://x.take"])
def test_what_names_no_take_is_bad_usage(capsys, command, url):
    assert main([command, url]) == 2
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    assert "should not happen" not in said
