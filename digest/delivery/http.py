"""Messages to an HTTP relay: one POST each, with the whole mail in one JSON field.

One generic shape serves services that take a raw message (SES-like: base64 of the mail) and
those that take its parts (Postmark-like): ``fields`` names the JSON fields. Connections are kept.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from email import policy
from email.parser import BytesParser
from typing import Any

import httpx
from pydantic import Field, SecretStr, field_validator

from digest.delivery import Outcome, OutcomeKind, Phase
from digest.delivery._web import outcome_of, outcome_of_error
from digest.exact import Exact
from digest.model import Message

PARTS = ("sender", "recipient", "subject", "raw", "html", "text", "message_id", "headers")
RAW_FIELDS = {"from": "sender", "to": "recipient", "raw": "raw"}
_KEPT_BY_SERVICE = frozenset(
    {"from", "to", "subject", "mime-version", "content-type", "content-transfer-encoding"}
)


class HttpOptions(Exact):
    """``[transports.NAME]`` with ``kind = "http"``."""

    url: str = Field(description="Address that takes one message a POST.")
    headers: dict[str, SecretStr] = Field(
        default_factory=dict, description="Request headers, such as the service's token."
    )
    fields: dict[str, str] = Field(
        default_factory=lambda: dict(RAW_FIELDS),
        description="JSON field (dots nest) to part: sender, recipient, subject, raw (base64 of "
        "the whole mail), html, text, message_id, headers (a list of Name and Value).",
    )
    constants: dict[str, str] = Field(
        default_factory=dict, description="JSON fields (dots nest) with fixed values."
    )
    id_field: str = Field("", description="Field of the answer that names the accepted message.")
    timeout_s: float = Field(60, gt=0, description="Time for one request.")

    @field_validator("url")
    @classmethod
    def _safe(cls, value: str) -> str:
        local = ("http://127.", "http://localhost", "http://[::1]")
        if not value.startswith(("https://", *local)):
            raise ValueError("expected an address that starts with https://")
        return value

    @field_validator("fields")
    @classmethod
    def _known(cls, value: dict[str, str]) -> dict[str, str]:
        for part in value.values():
            if part not in PARTS:
                raise ValueError(f"there is no part {part!r}: expected one of {', '.join(PARTS)}")
        return value


def transport(name: str, options: Mapping[str, Any]) -> HttpTransport:
    """Make the transport of its block of the configuration."""
    return HttpTransport(name, HttpOptions(**options))


class HttpTransport:
    """One service."""

    kind = "http"

    def __init__(self, name: str, options: HttpOptions) -> None:
        self.name = name
        self.options = options

    def open(self) -> HttpSession:
        """Make a client; it connects with the first message."""
        return HttpSession(self.options)


class HttpSession:
    """One kept connection to the service."""

    def __init__(self, options: HttpOptions) -> None:
        self._options = options
        headers = {name: value.get_secret_value() for name, value in options.headers.items()}
        self._client = httpx.Client(
            headers=headers, timeout=options.timeout_s, follow_redirects=False
        )

    def send(self, message: Message, before_dot: Callable[[], bool]) -> Outcome:
        """Post one message; the marker comes before the request."""
        body = _body(message, self._options)
        if not before_dot():
            return Outcome(kind=OutcomeKind.WITHDRAWN, phase=Phase.DATA)
        try:
            response = self._client.post(self._options.url, json=body)
        except httpx.TransportError as exc:
            return outcome_of_error(exc)
        return outcome_of(response, _queue_id(response, self._options.id_field))

    def close(self) -> None:
        """Close the connection."""
        self._client.close()


def _body(message: Message, options: HttpOptions) -> dict[str, Any]:
    wanted = set(options.fields.values())
    parts: dict[str, Any] = {
        "sender": message.sender,
        "recipient": message.recipient,
        "subject": message.subject,
        "message_id": message.message_id,
    }
    if "raw" in wanted:
        parts["raw"] = base64.b64encode(message.content).decode()
    if wanted & {"html", "text", "headers"}:
        parts |= _read(message.content)
    body: dict[str, Any] = {}
    for path, value in options.constants.items():
        _put(body, path, value)
    for path, part in options.fields.items():
        _put(body, path, parts[part])
    return body


def _read(content: bytes) -> dict[str, Any]:
    """Take the parts out of the very bytes that SMTP would carry."""
    mail = BytesParser(policy=policy.default).parsebytes(content)
    bodies = {kind: mail.get_body((kind,)) for kind in ("html", "plain")}
    return {
        **{
            field: body.get_content().replace("\r\n", "\n") if body else ""
            for field, body in (("html", bodies["html"]), ("text", bodies["plain"]))
        },
        "headers": [
            {"Name": name, "Value": str(value)}
            for name, value in mail.items()
            if name.lower() not in _KEPT_BY_SERVICE
        ],
    }


def _put(body: dict[str, Any], path: str, value: Any) -> None:
    *folders, last = path.split(".")
    for folder in folders:
        body = body.setdefault(folder, {})
    body[last] = value


def _queue_id(response: httpx.Response, field: str) -> str:
    if not field:
        return ""
    try:
        found = response.json()
    except ValueError:
        return ""
    return str(found.get(field, "")) if isinstance(found, dict) else ""
