"""What every page shares: the App, templates, addresses under the prefix, tokens, limits."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import anyio
from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, StrictUndefined

from digest.actions import posting
from digest.actions.previewing import Previewer
from digest.actions.reading import ByInterest
from digest.actions.search_index import SearchIndex
from digest.app import App
from digest.errors import TokenError
from digest.rendering.templates import find_file, template_loader
from digest.subscribers.limits import network_of
from digest.subscribers.tokens import Claims, Signer, TokenPurpose
from digest.web import charts, words
from digest.web.security import PRIVATE_HEADERS, RateLimiter

T = TypeVar("T")
FORM_THREADS = 6
"""Of the forms that rank papers, read libraries or ask ORCID, so many are worked on at once."""
STATIC_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


@dataclass(frozen=True)
class Site:
    """One installation's pages."""

    app: App
    limits: dict[str, RateLimiter] = field(default_factory=dict)

    @cached_property
    def signer(self) -> Signer:
        """Return what makes and reads the tokens of links."""
        return Signer(self.app.secret_keys)

    @cached_property
    def prefix(self) -> str:
        """Return the path under which the pages live, without a slash at its end."""
        return urlsplit(self.app.config.settings.digest.base_url).path.rstrip("/")

    @cached_property
    def name(self) -> str:
        """Return how the installation is called."""
        return self.app.config.settings.digest.name

    @cached_property
    def is_https(self) -> bool:
        """Tell whether the public address is encrypted: cookies are then Secure."""
        return self.app.config.settings.digest.base_url.startswith("https://")

    @cached_property
    def may_subscribe(self) -> bool:
        """Tell whether visitors may subscribe: the owner lets them, and links can be mailed."""
        return self.app.config.settings.web.subscribe and posting.is_possible(self.app)

    @cached_property
    def by_interest(self) -> ByInterest:
        """Return what orders lists by a visitor's interests."""
        return ByInterest(self.app)

    @cached_property
    def previewer(self) -> Previewer:
        """Return what makes previews of editions."""
        return Previewer(self.app)

    @cached_property
    def search_index(self) -> SearchIndex:
        """Return what finds papers."""
        return SearchIndex(self.app)

    @cached_property
    def _form_threads(self) -> anyio.CapacityLimiter:
        return anyio.CapacityLimiter(FORM_THREADS)

    async def work(self, function: Callable[..., T], *args: object, **more: object) -> T:
        """Do what a form asks for in one of a few threads: however slow, all others go on."""
        call = partial(function, *args, **more)
        return await anyio.to_thread.run_sync(call, limiter=self._form_threads)

    @cached_property
    def templates(self) -> Environment:
        """Return the templates: everything is escaped unless it is our own markup."""
        owner_dir = self.app.config.settings.mail.templates_dir
        environment = Environment(
            loader=template_loader(owner_dir),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        settings = self.app.config.settings
        environment.globals.update(
            site_name=self.name,
            url=self.url,
            static=self.static_url,
            may_subscribe=self.may_subscribe,
            may_mail=posting.is_possible(self.app),
            has_owner=settings.web.owner_token is not None,
            remote_images=settings.web.remote_images,
            main_gain=words.main_gain,
            sparkline=charts.sparkline,
        )
        environment.filters.update(
            day=words.day,
            short_day=words.short_day,
            instant=words.instant,
            number=words.number,
            inert=words.inert,
            names=words.names,
            web_link=words.web_link,
            key_path=words.key_path,
            link_name=words.link_name,
            paragraphs=words.paragraphs,
        )
        environment.tests["web_link"] = lambda text: bool(words.web_link(text))
        environment.globals["signal_name"] = words.signal_name
        return environment

    def url(self, path: str, /, **query: object) -> str:
        """Return the address of a page of ours, with the prefix; empty values are left out."""
        pairs = [
            f"{quote(name)}={quote(str(value), safe='')}"
            for name, value in query.items()
            if value not in {"", None}
        ]
        return f"{self.prefix}{path}" + (f"?{'&'.join(pairs)}" if pairs else "")

    def absolute(self, path: str, request: Request | None = None, /, **query: object) -> str:
        """Return the public address of a page: configured, else as this request came."""
        base = self.app.config.settings.digest.base_url
        if base:
            return base + self.url(path, **query)[len(self.prefix) :]
        origin = f"{request.url.scheme}://{request.url.netloc}" if request else ""
        return origin + self.url(path, **query)

    def static_url(self, name: str) -> str:
        """Return the address of a static file, which changes with its content."""
        return self.url(f"/static/{name}", v=self._versions.get(name, ""))

    @cached_property
    def _versions(self) -> dict[str, str]:
        owner_dir = self.app.config.settings.mail.templates_dir
        found = {}
        for name in ("style.css", "page.js", "icon.svg"):
            if path := find_file(f"web/static/{name}", owner_dir):
                found[name] = hashlib.sha256(path.read_bytes()).hexdigest()[:10]
        return found

    def page(
        self,
        template: str,
        *,
        status: int = 200,
        private: bool = False,
        headers: Mapping[str, str] | None = None,
        **values: Any,
    ) -> HTMLResponse:
        """Render a page; private ones (opened by a token) are neither cached nor indexed."""
        text = self.templates.get_template(f"web/{template}").render(
            private=private, alternates=values.pop("alternates", ()), **values
        )
        extra = dict(headers or {})
        extra |= PRIVATE_HEADERS if private else {}
        return HTMLResponse(text, status_code=status, headers=extra)

    def message(
        self, title: str, text: str, *, status: int = 200, private: bool = True
    ) -> HTMLResponse:
        """Render a page that says one thing."""
        return self.page("message.html", status=status, private=private, title=title, text=text)

    def claims(self, token: str, purpose: TokenPurpose) -> Claims:
        """Read a token of this purpose; raises TokenError."""
        return self.signer.read(token, purpose, now=self.app.now())

    def refusal(self, error: TokenError) -> HTMLResponse:
        """Answer a token that does not open the page: the same words for every such token."""
        if error.expired:
            return self.message("This link is too old", "Ask for a new one.", status=410)
        return self.message(
            "This link is not known here",
            "It may have been cut off by a mail program: try the whole address from the mail.",
            status=404,
        )

    def allows(self, limit: str, request: Request) -> bool:
        """Take one from the client's bucket of this name; unknown names allow all."""
        limiter = self.limits.get(limit)
        return limiter is None or limiter.allows(self.network(request, ipv4=32, ipv6=64))

    def network(self, request: Request, *, ipv4: int = 24, ipv6: int = 48) -> str:
        """Return the network of the client: what a visitor cannot change at will."""
        host = request.client.host if request.client else ""
        return network_of(host, ipv4=ipv4, ipv6=ipv6)

    def too_many(self) -> HTMLResponse:
        """Answer a client that asked for too much."""
        answer = self.message("Too many requests", "Try again in a while.", status=429)
        answer.headers["Retry-After"] = "600"
        return answer

    def torn(self) -> HTMLResponse:
        """Answer a form that did not come in whole."""
        return self.message(
            "The form could not be read", "Open its page and try again.", status=400
        )

    def busy(self) -> HTMLResponse:
        """Answer a client when more visitors wait than can be served soon."""
        answer = self.message("Many visitors at once", "Try again in a minute.", status=503)
        answer.headers["Retry-After"] = "60"
        return answer


def standard_limits(app: App) -> dict[str, RateLimiter]:
    """Return the buckets of a public installation, by client address."""
    return {
        "subscribe": RateLimiter(30, 3600, app.now),
        "preview": RateLimiter(60, 600, app.now),
        "search": RateLimiter(60, 60, app.now),
        "pages": RateLimiter(240, 60, app.now),
        "rankings": RateLimiter(30, 60, app.now),
        "login": RateLimiter(10, 600, app.now),
        "api": RateLimiter(600, 60, app.now),
        "token": RateLimiter(300, 600, app.now),
    }
