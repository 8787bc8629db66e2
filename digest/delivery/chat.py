"""Posts to Slack, Discord, Telegram, Feishu, webhooks and many more, through Apprise (an extra).

A channel is reached only by its own address, ``chat:NAME`` for ``[transports.NAME]``: it never
takes over for a relay of mail. Apprise tells no more than yes or no, so what it logs while it
posts decides between "surely not taken" and "perhaps"; nothing uncertain is posted again.
"""

from __future__ import annotations

import importlib
import logging
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from pydantic import Field, SecretStr, field_validator

from digest.delivery import Outcome, OutcomeKind, Phase
from digest.delivery._web import verdict_of
from digest.delivery.policy import Cause
from digest.exact import Exact
from digest.model import Message

INSTALL = "posting to a chat needs Apprise: pip install 'paper-digest[chat]'"

_BLOCKS = "\n\n"
_TITLE_ROOM = 300
_CODE = re.compile(r"\berror=(\d{3})\b")
_NEVER_LEFT = re.compile(
    r"NewConnectionError|ConnectTimeout|NameResolutionError|Connection refused|getaddrinfo"
)

# Both log addresses, which hold tokens, at their lower levels: heard here, passed on to nobody.
_logger = logging.getLogger("apprise")
_requests_logger = logging.getLogger("urllib3.connectionpool")
_one_at_a_time = threading.Lock()
"""Apprise posts on threads of its own: what is logged meanwhile is of the one post under way."""


class ChatOptions(Exact):
    """``[transports.NAME]`` with ``kind = "chat"``."""

    url: SecretStr = Field(
        description="Apprise address of one channel, such as slack://..., discord://..., "
        "tgram://..., feishu://... or jsons://host/path for a webhook."
    )
    timeout_s: float = Field(30, gt=0, description="Time for one request.")

    @field_validator("url")
    @classmethod
    def _known(cls, value: SecretStr) -> SecretStr:
        if _plugin(value.get_secret_value()) is None:
            raise ValueError("expected an address that Apprise knows, such as slack://...")
        return value


def transport(name: str, options: Mapping[str, Any]) -> ChatTransport:
    """Make the transport of its block of the configuration."""
    return ChatTransport(name, ChatOptions(**options))


class ChatTransport:
    """One channel."""

    kind = "chat"
    is_channel = True

    def __init__(self, name: str, options: ChatOptions) -> None:
        self.name = name
        self.options = options

    def open(self) -> ChatSession:
        """Read the channel's address; it connects with the first post."""
        return ChatSession(_plugin(self.options.url.get_secret_value()), self.options.timeout_s)


class ChatSession:
    """Posts to one channel, a long edition in several posts."""

    def __init__(self, plugin: Any, timeout_s: float) -> None:
        self._plugin = plugin
        self._plugin.socket_connect_timeout = min(timeout_s, 10)
        self._plugin.socket_read_timeout = timeout_s
        apprise = importlib.import_module("apprise")
        self._markdown = apprise.NotifyFormat.MARKDOWN
        self._outer = apprise.Apprise()
        with _heard():
            self._outer.add(plugin)

    def send(self, message: Message, before_dot: Callable[[], bool]) -> Outcome:
        """Post one edition; the marker comes before the first request."""
        posts = cut(message.content.decode(), self._room())
        if not before_dot():
            return Outcome(kind=OutcomeKind.WITHDRAWN, phase=Phase.DATA)
        for number, post in enumerate(posts):
            title = message.subject if number == 0 else ""
            with _heard() as said:
                taken = self._outer.notify(body=post, title=title, body_format=self._markdown)
            if not taken:
                return _refused(said, number, len(posts))
        many = f"{len(posts)} posts" if len(posts) > 1 else "one post"
        return Outcome(kind=OutcomeKind.SENT, phase=Phase.DONE, reply=many)

    def close(self) -> None:
        """Have nothing to close."""

    def _room(self) -> int:
        # Half is left for what the service's own markup adds to ours.
        return max(500, (int(self._plugin.body_maxlen) - _TITLE_ROOM) * 2 // 3)


def cut(text: str, room: int) -> list[str]:
    """Split a post between its blocks so that each part has at most ``room`` characters.

    A single block that is longer is shortened.
    """
    parts: list[str] = []
    for block in text.strip().split(_BLOCKS):
        short = block if len(block) <= room else block[: room - 1] + "…"
        if parts and len(parts[-1]) + len(_BLOCKS) + len(short) <= room:
            parts[-1] += _BLOCKS + short
        else:
            parts.append(short)
    return parts


def _refused(said: Sequence[logging.LogRecord], number: int, count: int) -> Outcome:
    """Judge a post that was not taken, by what was logged of it."""
    lines = [record.getMessage() for record in said]
    partly = number > 0 or any(line.startswith("Sent ") for line in lines)
    text = "\n".join(lines)
    found = _CODE.search(text)
    if partly:
        reply = f"{number} of {count} posts were taken, then one was not"
        return Outcome(kind=OutcomeKind.UNCERTAIN, phase=Phase.DOT, reply=reply, cause=Cause.LOST)
    if found:
        return verdict_of(int(found[1]), f"the service answered {found[1]}")
    if _NEVER_LEFT.search(text):
        return Outcome(
            kind=OutcomeKind.DEFERRED,
            phase=Phase.CONNECT,
            reply="the service could not be reached",
            cause=Cause.RELAY,
            blames_relay=True,
        )
    reply = "the service did not say that it took the post"
    return Outcome(kind=OutcomeKind.UNCERTAIN, phase=Phase.DOT, reply=reply, cause=Cause.LOST)


@contextmanager
def _heard() -> Iterator[list[logging.LogRecord]]:
    heard: list[logging.LogRecord] = []

    def keep(record: logging.LogRecord) -> bool:
        heard.append(record)
        return False

    with _one_at_a_time:
        _logger.setLevel(logging.DEBUG)
        _requests_logger.setLevel(logging.WARNING)
        _logger.addFilter(keep)
        try:
            yield heard
        finally:
            _logger.removeFilter(keep)
            _logger.setLevel(logging.WARNING)


def _plugin(url: str) -> Any:
    try:
        apprise = importlib.import_module("apprise")
    except ImportError as exc:
        raise ValueError(INSTALL) from exc
    with _heard():
        return apprise.Apprise.instantiate(url)
