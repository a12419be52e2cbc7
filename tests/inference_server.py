"""A local inference server: a small language model with random weights, whose answers are bound to the schema that it is given.

The model is a Llama of two layers made on the spot, with a tokenizer trained on its first prompt; nothing is downloaded. It
knows nothing, so its answers are as arbitrary as a schema lets them be; but everything on the way is real: tokens, a cache of
keys and values, sampling by temperature and seed, a grammar compiled from the JSON Schema (llguidance) that masks what may not
come next, streaming token by token, `max_tokens`, and a connection whose end is the end of the work.

A model that knows nothing does not stop by itself where a grammar would let it go on. So the server leans, as `logit_bias`
does: a little towards the end of texts and numbers all the time, and once an answer has had its share of `max_tokens`, wholly
towards whatever closes what is open. What is left then is bounded by the fields that the schema requires, so answers come to
their end in time.

    python tests/inference_server.py [--port 8000] [--seed 0]

It needs transformers and llguidance: pip install -c constraints.txt -e '.[inference]'
"""

from __future__ import annotations

import argparse
import codecs
import copy
import json
import os
import random
import threading
import time

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # nothing here comes from anywhere else

import llguidance
import llguidance.hf
import llguidance.torch
import torch

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from tests.llm_server import Asked, LanguageServer, Reply, status

VOCABULARY = 2000
END, BEGIN = "<|end|>", "<|begin|>"
WINDOW = 65_536
"""Tokens of a conversation at most."""
SPREAD = 0.35
"""Of the random weights: enough that what comes next hangs on what came before."""
SHARE = 0.5
"""Of `max_tokens`, after which an answer is brought to its end; mostly it is earlier, by chance."""
LEANING = {"]": (0.5, 5.5), '"': (4.0, 8.0), ",": (3.0, 6.0)}
"""How far an answer leans towards signs at all times, in logits, drawn for each answer: towards the end of lists, of texts, and
of numbers, which takes lists further as well."""
CLOSERS = ("]", "}", '"', ",")
"""What brings an answer to its end, the first that the grammar allows: the end of a list, an object, a text, a number."""


@dataclass(frozen=True)
class Generated:
    """What one answer took.

    Attributes:
        stage: what was asked for.
        read: tokens of the prompt.
        cached: of these, how many had been read before.
        written: tokens of the answer.
        forced: of these, how many the grammar left no choice about.
        seconds: from the request to the last token.
        finish: "stop", or "length" if `max_tokens` came first.
        text: the answer.
        schema: that it was bound to; None where none was asked for.
    """

    stage: str
    read: int
    cached: int
    written: int
    forced: int
    seconds: float
    finish: str
    text: str
    schema: Mapping[str, Any] | None


class RandomModel:
    """A language model that knows nothing, behind the API's requests.

    It is a behaviour of `tests.llm_server.LanguageServer`. One answer is written at a time, as by small local servers.

    Args:
        seed: of its weights.
    """

    def __init__(self, seed: int = 0) -> None:
        self.generated: list[Generated] = []
        self._seed = seed
        self._lock = threading.Lock()
        self._made = False
        self._prefixes: dict[str, tuple[list[int], Any]] = {}
        self._grammars: dict[str, str] = {}

    def __call__(self, reply: Reply, asked: Asked) -> None:
        """Answer a request."""
        schema = None
        format_ = asked.body.get("response_format") or {}
        if format_.get("type") == "json_schema":
            schema = format_["json_schema"]["schema"]
        elif format_.get("type") == "json_object":
            schema = {"type": "object"}
        with self._lock:
            began = time.monotonic()
            self._make(asked.body["messages"][0]["content"])
            wrong = self._understood(schema)
            if wrong:
                status(400, f"response_format: {wrong}")(reply, asked)
                return
            writer = _Writer(reply)
            made = self._answer(asked, schema, writer.piece)
            self.generated.append(Generated(asked.stage, *made, time.monotonic() - began, writer.finish, writer.text, schema))
            writer.close(made[0], made[2])

    def _make(self, text: str) -> None:
        """Make tokenizer and model, the first time."""
        if self._made:
            return
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(
            vocab_size=VOCABULARY, special_tokens=[END, BEGIN], initial_alphabet=alphabet, show_progress=False
        )
        tokenizer.train_from_iterator([text], trainer)
        self._tokenizer = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=END, bos_token=BEGIN)
        self._grammar_tokens = llguidance.hf.from_tokenizer(self._tokenizer)
        self._closers = [self._tokenizer.encode(sign)[-1] for sign in CLOSERS]
        torch.set_num_threads(1)  # threads of a model this small would wait for each other
        torch.manual_seed(self._seed)
        config = LlamaConfig(
            vocab_size=len(self._tokenizer),
            hidden_size=64,
            intermediate_size=128,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=WINDOW,
            initializer_range=SPREAD,
        )
        self._model = LlamaForCausalLM(config).eval()
        self._made = True

    def _understood(self, schema: Mapping[str, Any] | None) -> str:
        """Compile the grammar of a schema; what is wrong with it, if anything."""
        if schema is None:
            return ""
        text = json.dumps(schema)
        if text not in self._grammars:
            grammar = llguidance.LLMatcher.grammar_from_json_schema(text, defaults={"whitespace_flexible": False})
            failed, messages = llguidance.LLMatcher.validate_grammar_with_warnings(grammar, self._grammar_tokens)
            if failed:
                return " ".join(messages)[:300]
            self._grammars[text] = grammar
        return ""

    def _answer(
        self, asked: Asked, schema: Mapping[str, Any] | None, piece: Callable[[bytes, str], None]
    ) -> tuple[int, int, int, int]:
        """Write an answer: tokens read, of these read before, written, of these forced."""
        body = asked.body
        grammar = self._grammars[json.dumps(schema)] if schema is not None else "start: /(?s:.*)/"
        matcher = llguidance.LLMatcher(self._grammar_tokens, grammar)
        chance = random.Random(f"{body.get('seed', 0)} {body['messages'][-1]['content']}")  # noqa: S311 - a test
        draw = torch.Generator().manual_seed(chance.getrandbits(48))
        most = int(body.get("max_tokens") or body.get("max_completion_tokens") or 1000)
        enough = min(int(chance.uniform(20, 1500)), int(most * SHARE))
        leaning = torch.zeros(len(self._tokenizer))
        for sign, (low, high) in LEANING.items():
            leaning[self._closers[CLOSERS.index(sign)]] = chance.uniform(low, high)
        temperature = float(body.get("temperature", 1.0))
        with torch.inference_mode():
            logits, cache, read, cached = self._read(body["messages"])
            written = forced = 0
            while True:
                tokens = matcher.compute_ff_tokens()
                forced += len(tokens)
                if not tokens:
                    tokens = [self._next(matcher, logits, draw, temperature, leaning, written > enough)]
                ended = tokens[-1] == self._tokenizer.eos_token_id
                tokens = tokens[: most - written]
                written += len(tokens)
                if not ended and not matcher.consume_tokens(tokens):
                    raise RuntimeError(f"the grammar does not take what it allows: {matcher.get_error()}")
                over = ended or matcher.is_stopped()
                finish = "stop" if over else "length" if written >= most else ""
                piece(b"" if ended else self._grammar_tokens.decode_bytes(tokens), finish)
                if finish:
                    return read, cached, written, forced
                logits = self._model(torch.tensor([tokens]), past_key_values=cache, use_cache=True).logits[0, -1]

    def _next(
        self,
        matcher: llguidance.LLMatcher,
        logits: torch.Tensor,
        draw: torch.Generator,
        temperature: float,
        leaning: torch.Tensor,
        closing: bool,
    ) -> int:
        """What comes next, of what the grammar allows."""
        mask = llguidance.torch.allocate_token_bitmask(1, self._grammar_tokens.vocab_size)
        llguidance.torch.fill_next_token_bitmask(matcher, mask)
        allowed = [bool(mask[0, token // 32] >> (token % 32) & 1) for token in self._closers]
        if closing:
            for token, may in zip(self._closers, allowed, strict=True):
                if may:
                    return token
        logits = (logits + leaning)[None]
        llguidance.torch.apply_token_bitmask_inplace(logits, mask)
        if temperature <= 0:
            return int(logits.argmax())
        return int(torch.multinomial(torch.softmax(logits[0] / temperature, dim=-1), 1, generator=draw))

    def _read(self, messages: Sequence[Mapping[str, str]]) -> tuple[torch.Tensor, Any, int, int]:
        """Read a conversation: what may come next, the cache, tokens read, and of these the ones that were read before."""
        system = self._encoded(messages[0])
        name = messages[0]["content"]
        cached = len(system) if name in self._prefixes else 0
        if name not in self._prefixes:
            self._prefixes[name] = (system, self._model(torch.tensor([system]), use_cache=True).past_key_values)
        cache = copy.deepcopy(self._prefixes[name][1])
        rest = [token for message in messages[1:] for token in self._encoded(message)]
        rest += self._tokenizer.encode(f"{BEGIN}assistant\n")
        if len(system) + len(rest) > WINDOW:
            raise ValueError(f"{len(system) + len(rest)} tokens are more than fit into {WINDOW}")
        logits = self._model(torch.tensor([rest]), past_key_values=cache, use_cache=True).logits[0, -1]
        return logits, cache, len(system) + len(rest), cached

    def _encoded(self, message: Mapping[str, str]) -> list[int]:
        tokens: list[int] = self._tokenizer.encode(f"{BEGIN}{message['role']}\n{message['content']}{END}")
        return tokens


class _Writer:
    """Sends an answer as it comes, or in one piece."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self.text = ""
        self.finish = ""
        if reply.stream:
            reply.open_stream()

    def piece(self, data: bytes, finish: str) -> None:
        """The next bytes; the last ones come with how it ended."""
        text = self._decoder.decode(data, final=bool(finish))
        self.text += text
        self.finish = finish
        if self._reply.stream and text:
            self._reply.chunk(text)

    def close(self, read: int, written: int) -> None:
        """Say what it took, and end."""
        if self._reply.stream:
            usage = {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
            self._reply.close_stream(self.finish, usage)
        else:
            self._reply.text(self.text, finish=self.finish, tokens=(read, written))


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--seed", type=int, default=0, help="of the model's weights")
    given = parser.parse_args()
    with LanguageServer(port=given.port, usual=RandomModel(given.seed)) as server, suppress(KeyboardInterrupt):
        print(server.url, flush=True)  # noqa: T201 - a script: printing is its result
        threading.Event().wait()


if __name__ == "__main__":
    main()
