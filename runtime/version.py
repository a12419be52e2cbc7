"""Which version of the program this is."""

from __future__ import annotations

VERSION = "0.1.0"
"""That of pyproject.toml. It stands here too since the source also runs where it is not installed: in a job that a clone was
handed in for there is nobody to ask."""
