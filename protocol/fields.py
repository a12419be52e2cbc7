"""Kinds of fields that messages have in common, with their bounds."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
Text = Annotated[str, Field(max_length=400)]
LongText = Annotated[str, Field(max_length=60_000)]
Identifier = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,79}$")]
Count = Annotated[int, Field(ge=0, le=1_000_000)]
Positive = Annotated[int, Field(ge=1, le=1_000_000)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
