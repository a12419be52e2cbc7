"""Settings that all tests share.

Property tests draw the same examples on every run, so that a failure belongs to the change that caused it. Deadlines are
off, since a busy machine is not a failing one. `pytest --hypothesis-profile=search` looks further, with new examples.
"""

from collections.abc import Iterator

import pytest
import structlog

from hypothesis import settings

from runtime.take import Loaded
from tests.takes import load_tables

settings.register_profile("repeatable", derandomize=True, deadline=None, print_blob=True)
settings.register_profile("search", max_examples=2000, deadline=None, print_blob=True)
settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def loaded() -> Loaded:
    """The program's own tables."""
    return load_tables()


@pytest.fixture(autouse=True)
def plain_log() -> Iterator[None]:
    """What a test sets up of the log, such as where it goes, ends with the test."""
    yield
    structlog.reset_defaults()
