"""The client of an OpenAI-compatible ``/chat/completions`` endpoint (Ollama, vLLM, ...).

API: https://platform.openai.com/docs/api-reference/chat/create
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import orjson

from digest.errors import DigestError

ANSWER_LIMIT = 200_000
"""Bytes of an answer that are read."""

MOST_TOKENS = 10_000_000
"""A larger number of tokens in an answer is taken for this one."""


class NoAnswerError(DigestError):
    """The endpoint gave no usable answer; the message names no address, key or text of it."""


@dataclass(frozen=True, kw_only=True)
class Completion:
    """What a model wrote, unchecked."""

    text: str
    tokens: int | None = None
    """Tokens of request and answer, where the endpoint counts them."""


class ChatModel:
    """A model behind an endpoint; may be asked from several threads at once."""

    def __init__(
        self, base_url: str, model: str, key: str = "", extra: Mapping[str, Any] | None = None
    ) -> None:
        """Set it up; ``extra`` are further fields of each request."""
        self._url = f"{base_url.rstrip('/')}/chat/completions"
        self._headers = {"Accept-Encoding": "identity"}
        if key:
            self._headers["Authorization"] = f"Bearer {key}"
        self._fields = {**(extra or {}), "model": model, "stream": False}

    def complete(self, messages: Sequence[Mapping[str, str]], *, timeout_s: float) -> Completion:
        """Return the model's answer. Raises NoAnswerError, at the latest after ``timeout_s``."""
        try:
            return asyncio.run(self._timely(messages, timeout_s))
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, ValueError) as exc:
            # A transport's message may hold the address.
            detail = str(exc) if type(exc) is ValueError else type(exc).__name__
            raise NoAnswerError(detail) from exc

    async def _timely(self, messages: Sequence[Mapping[str, str]], timeout_s: float) -> Completion:
        # httpx limits single reads and writes; a trickle of bytes is only ended by this.
        async with asyncio.timeout(timeout_s):
            async with httpx.AsyncClient(
                headers=self._headers, timeout=timeout_s, follow_redirects=False
            ) as client:
                return await self._ask(client, messages)

    async def _ask(
        self, client: httpx.AsyncClient, messages: Sequence[Mapping[str, str]]
    ) -> Completion:
        body = {**self._fields, "messages": list(messages)}
        async with client.stream("POST", self._url, json=body) as response:
            if response.status_code != 200:
                raise ValueError(f"status {response.status_code}")
            content = bytearray()
            async for chunk in response.aiter_raw():
                content += chunk
                if len(content) > ANSWER_LIMIT:
                    raise ValueError("the answer is too long")
        return _completion(orjson.loads(content))


def _completion(document: Any) -> Completion:
    try:
        text = document["choices"][0]["message"]["content"]
    except (KeyError, IndexError, TypeError) as exc:
        raise ValueError("the answer has no choices[0].message.content") from exc
    usage = document.get("usage") if isinstance(document, dict) else None
    tokens = usage.get("total_tokens") if isinstance(usage, dict) else None
    if not isinstance(tokens, int) or isinstance(tokens, bool) or tokens < 0:
        tokens = None
    return Completion(
        text=text if isinstance(text, str) else "",
        tokens=None if tokens is None else min(tokens, MOST_TOKENS),
    )
