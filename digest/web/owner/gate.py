"""Who may see the owner's pages: a session cookie, and a token in each form (OWASP, CSRF).

The cookie is signed, holds no secret, and ends after half a day, with the owner's token, or when
the owner logs out anywhere.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from digest.actions import watching
from digest.errors import TokenError
from digest.subscribers.tokens import TokenPurpose
from digest.web.forms import Posted, posted
from digest.web.security import PRIVATE_HEADERS
from digest.web.site import Site

COOKIE = "owner"
HOME = "/owner"
LIFETIME = timedelta(hours=12)
SAID = {
    "retried": "It is due again.",
    "cancelled": "It is cancelled.",
    "unmoved": "Nothing was changed: its state does not allow it.",
    "paused": "Sending is on hold.",
    "resumed": "Sending goes on.",
    "unsubscribed": "They are unsubscribed.",
    "erased": "They are erased.",
    "unticked": "Nothing was erased: tick the box first.",
    "enabled": "The source is polled again.",
}
"""What a page says after a form was posted, by a word in its address."""


@dataclass(frozen=True)
class Session:
    """One browser that showed the owner's token."""

    number: int
    form_token: str
    """Goes into each form of this session."""


@dataclass(frozen=True)
class Gate:
    """Opens sessions, and asks for them."""

    site: Site

    def open(self) -> Response:
        """Answer a right token: go home, with a session."""
        site = self.site
        now = site.app.now()
        value = site.signer.make(
            TokenPurpose.OWNER,
            secrets.randbits(52),
            subscription_id=self._fingerprint(),
            edition_id=watching.session_generation(site.app),
            issued_at=now,
            expires_at=now + LIFETIME,
        )
        answer = self.go(HOME)
        answer.set_cookie(
            COOKIE,
            value,
            max_age=int(LIFETIME.total_seconds()),
            path=site.url(HOME),
            secure=site.is_https,
            httponly=True,
            samesite="strict",
        )
        return answer

    def close(self) -> Response:
        """End all sessions and forget this one's cookie."""
        watching.end_sessions(self.site.app)
        answer = self.go(f"{HOME}/login")
        answer.delete_cookie(
            COOKIE,
            path=self.site.url(HOME),
            secure=self.site.is_https,
            httponly=True,
            samesite="strict",
        )
        return answer

    def session(self, request: Request) -> Session | None:
        """Return the session of a request, if it has one."""
        try:
            claims = self.site.claims(request.cookies.get(COOKIE, ""), TokenPurpose.OWNER)
        except TokenError:
            return None
        if (claims.subscription_id, claims.edition_id) != (
            self._fingerprint(),
            watching.session_generation(self.site.app),
        ):
            return None
        token = self.site.signer.make(
            TokenPurpose.FORM, claims.subscriber_id, expires_at=claims.expires_at
        )
        return Session(claims.subscriber_id, token)

    def ask(self, request: Request) -> Session:
        """Return the session of a request for a page; without one it is sent to the login."""
        found = self.session(request)
        if found is None:
            raise HTTPException(
                303, "Log in first.", headers={"Location": self.site.url(f"{HOME}/login")}
            )
        return found

    async def form(self, request: Request) -> Posted:
        """Return a posted form; raises HTTPException unless this very session was given it."""
        found = self.session(request)
        form = await posted(request)
        if found is None or not self._is_given(found, form.text("token")):
            raise HTTPException(403, "This form is too old, or not from here: open its page again.")
        return form

    def page(
        self, request: Request, template: str, *, title: str, status: int = 200, **values: Any
    ) -> HTMLResponse:
        """Render one of the owner's pages; without a session it is sent to the login."""
        session = self.ask(request)
        return self.site.page(
            f"owner/{template}",
            private=True,
            status=status,
            title=title,
            token=session.form_token,
            said=SAID.get(request.query_params.get("said", ""), ""),
            **values,
        )

    def go(self, path: str, /, **query: object) -> RedirectResponse:
        """Send the browser to another of our pages after a form."""
        return RedirectResponse(
            self.site.url(path, **query), status_code=303, headers=dict(PRIVATE_HEADERS)
        )

    def _is_given(self, session: Session, token: str) -> bool:
        try:
            return self.site.claims(token, TokenPurpose.FORM).subscriber_id == session.number
        except TokenError:
            return False

    def _fingerprint(self) -> int:
        """Return a number that changes with the owner's token, so that sessions end with it."""
        kept = self.site.app.config.settings.web.owner_token
        text = kept.get_secret_value() if kept else ""
        return int.from_bytes(hashlib.sha256(f"session {text}".encode()).digest()[:4], "big")


def texts_of(form: Mapping[str, str], *names: str) -> dict[str, str]:
    """Return the fields of these names as trimmed text, without control characters."""
    found = {name: form.get(name, "") for name in names}
    return {
        name: "".join(char for char in value if char.isprintable()).strip()[:320]
        for name, value in found.items()
    }
