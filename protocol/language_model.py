"""The language model that plans a take, and what it may cost: part of what a take's result depends on, and so of its journal.

Nothing in it is secret. The server's key is none of the protocol's business: whoever asks reads it from its environment.
"""

from __future__ import annotations

import re

from typing import Annotated, Self

from pydantic import Field, model_validator

from protocol.keyframes import Decimal4, Frozen

_BASE = re.compile(r"https?://(?P<host>\[[0-9A-Fa-f:.]+\]|[^\s/@:?#\[\]\\]+)(:(?P<port>[0-9]{1,5}))?(/[^\s@?#\\]*)?")
"""A base URL without user, password, query and fragment."""

MAX_TOKENS = 10**9
MAX_WAIT = 3600.0
"""Seconds that a take's planning may wait for answers in all."""


class LanguageModel(Frozen):
    """The language model that plans a take, and what that may cost.

    Attributes:
        model: its name, as the server knows it.
        url: base URL of the server's API, such as http://127.0.0.1:8000/v1; without user, password, query and fragment.
        temperature: of its answers; 0 for the likeliest.
        tokens: that the take may use, read and written.
        money: that it may cost, in the currency of the prices; None if that does not matter.
        prices: of a million tokens read and of a million tokens written; None if they are not known.
        seconds: that the take's planning may wait for answers in all.
        patience: seconds for one answer.
    """

    model: Annotated[str, Field(min_length=1, max_length=200)]
    url: Annotated[str, Field(max_length=1000)]
    temperature: Annotated[Decimal4, Field(ge=0, le=2)] = 0.0
    tokens: Annotated[int, Field(ge=1, le=MAX_TOKENS)]
    money: Annotated[Decimal4, Field(gt=0)] | None = None
    prices: tuple[Annotated[Decimal4, Field(ge=0)], Annotated[Decimal4, Field(ge=0)]] | None = None
    seconds: Annotated[Decimal4, Field(gt=0, le=MAX_WAIT)]
    patience: Annotated[Decimal4, Field(gt=0, le=MAX_WAIT)]

    @model_validator(mode="after")
    def _can_be_asked(self) -> Self:
        found = _BASE.fullmatch(self.url)
        if found is None or not 0 < int(found["port"] or 1) < 2**16 or not self.url.isprintable():
            raise ValueError("the url has to be http(s)://host:port/path, without user, password, query and fragment")
        if self.money is not None and self.prices is None:
            raise ValueError("what a take costs cannot be known without prices")
        return self

    @property
    def host(self) -> str:
        """The machine that is asked, with its port if one is given."""
        return self.url.partition("://")[2].partition("/")[0]
