"""The JSON in what a language model writes: without fences, thoughts and courtesies around it."""

from __future__ import annotations

import json
import re

_THOUGHT = re.compile(r"^\s*<think>.*?(</think>|\Z)", re.DOTALL)


def json_in(raw: str) -> str:
    """The first whole JSON object in a reply; the reply without thoughts if there is none, for whoever says what is wrong.

    Only objects count: an answer is one. What follows it is not read, so nothing can be said there.
    """
    text = _THOUGHT.sub("", raw, count=1).strip()
    start = text.find("{")
    if start < 0:
        return text
    try:
        _, end = json.JSONDecoder().raw_decode(text, start)
    except (ValueError, RecursionError):
        return text[start:]
    return text[start:end]
