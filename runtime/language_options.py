"""Which language model plans a take, by options and environment, checked before any work.

Nothing here is secret, and nothing secret is read here: the server's key is no option, and never in a URL.
"""

from __future__ import annotations

import contextlib
import re
import shlex

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from pydantic import ValidationError

from agents.thinking.key import WRONG, can_be_sent
from protocol.channels import REGIONS
from protocol.keyframes import MAX_SECONDS, exact
from protocol.language_model import MAX_TOKENS, MAX_WAIT, LanguageModel
from runtime.options import UsageError, quoted
from runtime.planners import KEYS
from runtime.urls import shown

if TYPE_CHECKING:
    from agents.thinking.requests import Request
    from configs.tables import Tables
    from protocol.messages import TakeOpened

MODEL = "TEXTUPORTRAY_LLM_MODEL"
BASE_URLS = ("TEXTUPORTRAY_LLM_BASE_URL", "OPENAI_BASE_URL")
"""Variables of the environment that stand in for options; the first that is set counts."""
SECRETS = (*KEYS, "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_CUSTOM_HEADERS")
"""Variables of the environment whose values a server is sent that is asked: the key, and what its client adds to requests."""
TOKENS = 1_000_000
SECONDS = 600.0
PATIENCE = 60.0
MAX_TEMPERATURE = 2.0
MAX_MONEY = MAX_SECONDS
"""Money and prices are exact decimals, as times are."""

_ROOM = 1.05
"""How much more than an answer's room is named as the least: what a beat asks for is not known before it is planned."""

OPTIONS = ("model", "base_url", "temperature", "tokens", "money", "prices", "seconds", "patience")
"""What can be said with `--llm-...`."""


def language_model(planner: str, given: Mapping[str, str | None], environment: Mapping[str, str]) -> LanguageModel | None:
    """The language model that is asked for; None for the embedded planner.

    Args:
        planner: "lexicon" or "llm".
        given: texts of the options, by the names in OPTIONS; None for what is not given.
        environment: what stands in for model and base URL that are not given.

    Raises:
        UsageError: it cannot be asked, or cannot be asked like that.
    """
    if planner != "llm":
        for name, text in given.items():
            if text is not None:
                raise UsageError(
                    f"{_option(name)} is about a language model, and the embedded planner asks none. Add --planner llm, or "
                    "leave it out."
                )
        return None
    money = _amount(given["money"], "money", 0.0001, MAX_MONEY, "what the take may cost, in the currency of --llm-prices")
    prices = _prices(given["prices"])
    if money is not None and prices is None:
        raise UsageError(
            "--llm-money bounds what the take may cost, which cannot be known without --llm-prices IN,OUT: what a million "
            "tokens read and a million tokens written cost."
        )
    return LanguageModel(
        model=_model(given["model"], environment),
        url=_base_url(given["base_url"], environment),
        temperature=_amount(given["temperature"], "temperature", 0.0, MAX_TEMPERATURE, "how far its answers vary") or 0.0,
        tokens=_tokens(given["tokens"]),
        money=money,
        prices=prices,
        seconds=_amount(given["seconds"], "seconds", 0.1, MAX_WAIT, "how long the take waits for answers in all") or SECONDS,
        patience=_amount(given["patience"], "patience", 0.1, MAX_WAIT, "how long one answer is waited for") or PATIENCE,
    )


def require_key(model: LanguageModel | None, environment: Mapping[str, str]) -> None:
    """Refuse a key that is none, and that therefore no server would be sent.

    Args:
        model: whom the take is to ask; None for the embedded planner.
        environment: where the key may be.

    Raises:
        UsageError: it holds what no key does. What it holds is not said.
    """
    name = next((name for name in KEYS if environment.get(name)), None)
    if model is not None and name is not None and not can_be_sent(environment[name].strip()):
        raise UsageError(
            f"{name} holds what no key does ({WRONG}), so it is not sent to {shown(model.url)}. Set it anew; if that server "
            "needs no key, unset it."
        )


def require_room(opened: TakeOpened, tables: Tables) -> None:
    """Refuse a budget of which a share has no room for one answer: whoever has that share would never ask.

    Args:
        opened: the take, which nobody has planned yet.
        tables: with the prompts.

    Raises:
        UsageError: it is too small; the least that would do is named.
    """
    model = opened.language_model
    if model is None:
        return
    from agents.thinking.budget import tokens_in  # noqa: PLC0415 - few takes ask a language model
    from agents.thinking.requests import MOST_TOKENS  # noqa: PLC0415 - likewise

    needs = []
    for share, first in _first(opened, tables, model):
        read, written = tokens_in(first.asked), MOST_TOKENS[first.stage]
        prices = model.prices or (0.0, 0.0)
        needs.append(((read + written) / share, (read * prices[0] + written * prices[1]) / share / 1e6, first))
    tokens, _, first = max(needs, key=lambda need: need[0])
    if tokens > model.tokens:
        least = f"{-(-int(tokens * _ROOM) // 1000) * 1000}"
        raise UsageError(_too_little(f"--llm-tokens {model.tokens}", first.role, least))
    _, money, first = max(needs, key=lambda need: need[1])
    if model.money is not None and money > model.money:
        raise UsageError(_too_little(f"--llm-money {model.money:g}", first.role, f"{exact(money * _ROOM + 5e-5):g}"))


def _first(opened: TakeOpened, tables: Tables, model: LanguageModel) -> Iterator[tuple[float, Request]]:
    """What each role asks first, as far as that is known before a take is planned, and its share of the budget."""
    from agents.thinking.budget import DIRECTOR_SHARE, REGION_SHARE  # noqa: PLC0415 - few takes ask a language model
    from agents.thinking.director import told_of_take  # noqa: PLC0415 - likewise
    from agents.thinking.requests import Requests  # noqa: PLC0415 - likewise

    requests = Requests(tables, model)
    told = told_of_take(opened)
    if opened.parent is None:
        for stage in ("understand", "draft"):
            yield DIRECTOR_SHARE, requests.director(stage, told, opened.seed)
    for region in REGIONS:
        yield REGION_SHARE, requests.region(region, "opening", 0, 0, told, opened.seed)


def _too_little(given: str, role: str, least: str) -> str:
    return (
        f"{given} has no room for one answer of each who asks: half of it is the director's and an eighth each region's, and "
        f"the share of the {role} is less than one answer may take. Give at least {least}; every further beat and round needs "
        "more."
    )


def require_named(model: LanguageModel | None, environment: Mapping[str, str], *, elsewhere: bool) -> None:
    """Refuse to bring what is secret to a server that a journal names and the user does not: a journal may be anybody's.

    Args:
        model: whom the take is to ask; None for the embedded planner.
        environment: where the user may name the server, and where a key may be.
        elsewhere: whether processes are to ask whose environment may be another.

    Raises:
        UsageError: nobody but the journal names the server, and there is something to lose.
    """
    if model is None or (not elsewhere and not any(environment.get(name) for name in SECRETS)):
        return
    with contextlib.suppress(UsageError):
        if _base_url(None, environment) == model.url.rstrip("/"):
            return
    found = [name for name in SECRETS if environment.get(name)]
    what = f"{' and '.join(found)} would be sent" if found else "the key that processes on a cluster have would be sent"
    without = f"unset {' and '.join(found)}" if found else "use --runtime inline"
    raise UsageError(
        f"The take asks {shown(model.url)}, which only its journal names, and {what} there. If you trust that server, name it "
        f"yourself: {BASE_URLS[0]}={shlex.quote(model.url)}. If it needs no key, {without}."
    )


def words(model: LanguageModel | None) -> list[str]:
    """What asks for this language model on a command line, whatever the environment is; nothing for the embedded planner."""
    if model is None:
        return []
    found = ["--planner=llm", f"--llm-model={model.model}", f"--llm-base-url={model.url}", f"--llm-tokens={model.tokens}"]
    numbers = {"temperature": model.temperature, "money": model.money, "seconds": model.seconds, "patience": model.patience}
    found += [f"--llm-{name}={value:.4f}" for name, value in numbers.items() if value is not None]
    if model.prices is not None:
        found.append("--llm-prices=" + ",".join(f"{price:.4f}" for price in model.prices))
    return found


def _option(name: str) -> str:
    return f"--llm-{name.replace('_', '-')}"


def _model(given: str | None, environment: Mapping[str, str]) -> str:
    text = (given if given is not None else environment.get(MODEL, "")).strip()
    if not text:
        raise UsageError(
            f"--planner llm needs to know which model to ask. Name it with --llm-model or in {MODEL}, as its server knows it; "
            "`textuportray doctor` shows what is set."
        )
    if len(text) > 200 or not text.isprintable():
        source = "--llm-model" if given is not None else MODEL
        raise UsageError(f"{source} {quoted(text)} is no name of a model: that has up to 200 letters and signs, in one line.")
    return text


def _base_url(given: str | None, environment: Mapping[str, str]) -> str:
    source = "--llm-base-url" if given is not None else next((name for name in BASE_URLS if environment.get(name)), "")
    text = (given if given is not None else environment.get(source, "")).strip().rstrip("/")
    if not text:
        raise UsageError(
            f"--planner llm needs to know where the model is. Give the base URL of a server that speaks OpenAI's API with "
            f"--llm-base-url or in {BASE_URLS[0]}, such as http://127.0.0.1:8000/v1 or https://api.openai.com/v1."
        )
    try:
        return LanguageModel(model="any", url=text, tokens=1, seconds=1.0, patience=1.0).url
    except ValidationError:
        pass
    if "@" in text or "?" in text:
        raise UsageError(
            f"{source} {shown(text)} was given with more than an address, and a take's journal shows whom it asked. Leave "
            "user, password and what follows a question mark out, and put the key into TEXTUPORTRAY_LLM_KEY."
        )
    raise UsageError(
        f"{source} {quoted(text)} is not the base URL of a server. Give http(s)://host:port/path, such as "
        "http://127.0.0.1:8000/v1 or https://api.openai.com/v1."
    )


def _number(text: str, low: float, high: float) -> float | None:
    """The number that a text says, None if it is none between the bounds."""
    if not re.fullmatch(r"[0-9]{1,12}(\.[0-9]{0,20})?|\.[0-9]{1,20}", text):
        return None
    value = exact(float(text))
    return value if low <= value <= high else None


def _amount(text: str | None, name: str, low: float, high: float, about: str) -> float | None:
    if text is None:
        return None
    value = _number(text.strip(), low, high)
    if value is None:
        raise UsageError(f"{_option(name)} {quoted(text)} is not {about}. Give a number from {low:g} to {high:g}.")
    return value


def _tokens(text: str | None) -> int:
    if text is None:
        return TOKENS
    if not re.fullmatch("[0-9]{1,10}", text.strip()) or not 1 <= int(text) <= MAX_TOKENS:
        raise UsageError(
            f"--llm-tokens {quoted(text)} is not how many tokens the take may use, read and written. Give a whole number from "
            f"1 to {MAX_TOKENS}."
        )
    return int(text)


def _prices(text: str | None) -> tuple[float, float] | None:
    if text is None:
        return None
    found = [_number(part.strip(), 0.0, MAX_MONEY) for part in text.split(",")]
    if len(found) != 2 or found[0] is None or found[1] is None:
        raise UsageError(
            f"--llm-prices {quoted(text)} is not what tokens cost. Give two numbers with a comma between them: the price of a "
            "million tokens read and of a million tokens written, such as 0.25,2."
        )
    return found[0], found[1]
