"""The tables of ``digest.toml`` as frozen pydantic models: names, defaults, and what each means.

Every field's description is the text of the generated reference; durations are in the unit that
the key's name ends with.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import (
    ConfigDict,
    Field,
    SecretStr,
    field_validator,
    model_validator,
)

from digest.config.fields import LocaleName, SecretKey, Section, TimeZone, is_local


class DigestSection(Section):
    """``[digest]``: the installation as a whole."""

    name: str = Field("Paper digest", description="How mails and pages call this installation.")
    base_url: str = Field(
        "",
        description="Public address of the web pages, for links in mails; without it, links to "
        "unsubscribe are mailto: only.",
    )
    owner: str = Field("", description="Address that gets a mail when something is wrong.")
    contact: str = Field(
        "", description="Address or page that sources may contact; sent in the User-Agent."
    )
    data_dir: Path = Field(
        Path("digest-data"), description="Folder for the embedded store and generated secrets."
    )
    time_zone: TimeZone = Field("UTC", description="Default IANA time zone of profiles.")
    locale: LocaleName = Field("en", description="Default language of dates and counts.")
    secret: SecretKey | None = Field(
        None,
        description="Key that signs links; made and kept in data_dir when absent. Set the same on "
        "every machine of one installation. At least 16 characters.",
    )
    old_secrets: tuple[SecretKey, ...] = Field(
        (), description="Former secrets: links signed with them keep working."
    )

    @field_validator("base_url")
    @classmethod
    def _http(cls, value: str) -> str:
        if value and not value.startswith(("http://", "https://")):
            raise ValueError("expected an address that starts with https:// (or http://)")
        return value.rstrip("/")


class StoreSection(Section):
    """``[store]``: the database."""

    url: str = Field(
        "",
        description="Database address; empty means SQLite in data_dir. For several machines: "
        "postgresql://user@host/name (password from DIGEST_STORE__URL or ..._FILE).",
    )
    keep_bodies_days: int = Field(30, ge=0, description="How long raw answers are kept.")
    keep_papers_days: int = Field(
        0, ge=0, description="Papers older than this are pruned, leaving a tombstone; 0 keeps all."
    )
    keep_history_days: int = Field(
        400,
        ge=0,
        description="Runs, polls, bounces, and mails that are over with their editions are deleted "
        "after so long; what was shown to whom is kept. 0 keeps all.",
    )


class HttpSection(Section):
    """``[http]``: limits of every fetch."""

    user_agent: str = Field("", description="Overrides the User-Agent made of name and contact.")
    connect_timeout_s: float = Field(10, gt=0, description="Time to connect.")
    read_timeout_s: float = Field(20, gt=0, description="Time between two pieces of an answer.")
    total_timeout_s: float = Field(60, gt=0, description="Time for one whole answer.")
    wire_limit_mb: float = Field(8, gt=0, description="Largest answer as received.")
    decoded_limit_mb: float = Field(24, gt=0, description="Largest answer after decompression.")
    max_items: int = Field(5000, gt=0, description="Most entries read from one answer.")
    parse_timeout_s: float = Field(20, gt=0, description="Time to parse an untrusted feed.")
    allow_private: bool = Field(
        False, description="Let sources live on private addresses (tests, self-hosted bridges)."
    )
    ports: tuple[int, ...] = Field(
        (80, 443, 8080, 8443), description="Ports that public sources may live on."
    )
    poll_timeout_s: float = Field(900, gt=0, description="Time for one whole poll of a source.")
    concurrency: int = Field(8, gt=0, le=64, description="Sources polled at the same time.")


class LimitSection(Section):
    """``[limits.PROVIDER]``: how often we may ask, over all processes and sources together."""

    every_s: float = Field(gt=0, description="Seconds between two requests, on average.")
    burst: int = Field(1, ge=1, description="Requests that may follow each other at once.")


DEFAULT_LIMITS: Mapping[str, LimitSection] = {
    "arxiv": LimitSection(every_s=3),
    "huggingface": LimitSection(every_s=0.6, burst=20),
    "biorxiv": LimitSection(every_s=1),
    "pubmed": LimitSection(every_s=0.4),
    "crossref": LimitSection(every_s=1),
    "openalex": LimitSection(every_s=0.2, burst=5),
    "semanticscholar": LimitSection(every_s=1.1),
    "openreview": LimitSection(every_s=3),
    "hackernews": LimitSection(every_s=0.4, burst=5),
    "github": LimitSection(every_s=1, burst=10),
}
"""What the providers ask for today; a ``[limits.PROVIDER]`` table replaces an entry."""


class SourceSection(Section):
    """``[sources.NAME]``: one place that announces papers; other keys belong to its kind."""

    model_config = ConfigDict(extra="allow")

    kind: str = Field(description="Which module reads it, or pkg.mod:func.")
    enabled: bool = Field(True, description="Set false to keep the block but not poll it.")
    every_minutes: int = Field(
        60, ge=1, description="Time between polls by `digest serve`, before jitter."
    )
    allow_private: bool = Field(False, description="Let this one live on a private address.")

    @property
    def options(self) -> dict[str, Any]:
        """Return the keys that belong to the kind."""
        return dict(self.model_extra or {})


class TransportSection(Section):
    """``[transports.NAME]``: one way out; other keys belong to its kind."""

    model_config = ConfigDict(extra="allow")

    kind: str = Field(description="smtp, file, http, chat, or pkg.mod:func.")
    rate_per_s: float | None = Field(None, gt=0, description="Most mails a second; none: no limit.")
    burst: int = Field(1, ge=1, description="Mails that may follow each other at once.")
    per_day: int | None = Field(None, ge=1, description="Most mails in any 24 hours.")
    domain_rate_per_s: float | None = Field(
        None, gt=0, description="Most mails a second to one recipient domain."
    )
    domain_burst: int = Field(1, ge=1, description="Of these, at once.")
    domain_connections: int | None = Field(
        None, ge=1, description="Mails on their way to one recipient domain at the same time."
    )

    @property
    def options(self) -> dict[str, Any]:
        """Return the keys that belong to the kind."""
        return dict(self.model_extra or {})


class DkimSection(Section):
    """``[mail.dkim]``: signing in this process."""

    mode: Literal["off", "sign", "relay"] = Field(
        "off", description="sign here, leave it to the relay, or off."
    )
    domain: str = Field("", description="d= of the signature; the domain of mail.sender if empty.")
    selector: str = Field("digest", description="s= of the RSA signature.")
    key_file: Path | None = Field(None, description="PEM file with the RSA-2048 private key.")
    ed25519_selector: str = Field("", description="s= of a second, Ed25519 signature.")
    ed25519_key_file: Path | None = Field(None, description="PEM file with the Ed25519 key.")


class BounceSection(Section):
    """``[mail.bounces]``: where refusals come back."""

    domain: str = Field(
        "",
        description="Domain of the envelope senders, one for each delivery (VERP); its mail goes "
        "into the mailbox below. Empty: refusals go to mail.sender.",
    )
    prefix: str = Field(
        "b+",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._+=-]{0,29}$",
        description="What their local part begins with: the mailbox's name and its separator.",
    )
    maildir: Path | None = Field(None, description="Maildir to read bounces and complaints from.")
    imap_host: str = Field("", description="IMAP server to read them from instead.")
    imap_port: int = Field(993, description="Its port.")
    imap_security: Literal["tls", "starttls", "none"] = Field(
        "tls", description="How the connection is encrypted; none only on this machine."
    )
    imap_ca_file: Path | None = Field(None, description="Certificate of a private authority.")
    imap_user: str = Field("", description="Its user.")
    imap_password: SecretStr | None = Field(None, description="Its password.")
    imap_folder: str = Field("INBOX", description="Folder to read; nothing is deleted.")
    trusted_server: str = Field(
        "",
        description="Name that your mail server writes into Authentication-Results. Needed only "
        "without domain: reports that it vouches for count at once, others when a second one "
        "confirms them.",
    )
    every_minutes: int = Field(10, ge=1, description="Time between looks by `digest serve`.")
    webhook_secret: SecretKey | None = Field(
        None,
        description="Lets a mail service tell of refusals and complaints by POST to "
        "BASE_URL/hooks/bounces/SECRET; off without it. At least 16 letters, digits, - or _.",
    )

    @field_validator("webhook_secret")
    @classmethod
    def _fits_an_address(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not re.fullmatch(r"[A-Za-z0-9_-]+", value.get_secret_value()):
            raise ValueError("expected letters, digits, - or _: it is part of an address")
        return value

    @model_validator(mode="after")
    def _encrypted(self) -> BounceSection:
        if self.imap_security == "none" and not is_local(self.imap_host):
            raise ValueError('imap_security: "none" is for a server on this machine alone')
        return self


class MailSection(Section):
    """``[mail]``: messages and how they leave."""

    sender: str = Field("", description="Address in From.")
    sender_name: str = Field("", description="Name in From; digest.name if empty.")
    reply_to: str = Field("", description="Address for answers.")
    list_id: str = Field("", description="List-Id label.domain; made from sender if empty.")
    unsubscribe_mailto: str = Field("", description="Address for unsubscribing by mail.")
    transports: tuple[str, ...] = Field(
        (), description="Names of transports in order of preference; all of them if empty."
    )
    templates_dir: Path | None = Field(None, description="Folder whose files override templates.")
    body_limit_kb: int = Field(90, ge=20, le=5000, description="Largest HTML part.")
    subject: str = Field("", description="Overrides the subject: a Jinja2 expression template.")
    remote_images: bool = Field(False, description="Show thumbnails from the papers' own hosts.")
    uncertain: Literal["hold", "resend"] = Field(
        "hold", description="What to do where the final dot was written and no reply was read."
    )
    batch_size: int = Field(100, ge=1, le=5000, description="Deliveries claimed at once.")
    connections: int = Field(
        4, ge=1, le=64, description="Connections per transport; each process that sends has them."
    )
    processes: int = Field(
        0,
        ge=0,
        le=64,
        description="Processes that share the planning and sending of a large run; 0: one for "
        "each processor that a container or a service is given. A small run needs one.",
    )
    lease_s: int = Field(600, ge=30, description="How long a claim lasts without a sign of life.")
    misfire_grace_hours: float = Field(
        12, gt=0, description="A slot later than this is merged into the next one."
    )
    max_age_hours: float = Field(
        20, gt=0, description="A delivery older than this expires; weekly ones have 48 at least."
    )
    dkim: DkimSection = Field(default_factory=DkimSection)
    bounces: BounceSection = Field(default_factory=BounceSection)


class SignalsSection(Section):
    """``[signals]``: popularity observed after first sight, each optional."""

    kinds: tuple[str, ...] = Field(
        ("huggingface", "hackernews"),
        description="Which observers run: huggingface, hackernews, github, citations, or "
        "pkg.mod:func; empty turns them off.",
    )
    days: int = Field(14, ge=0, description="How long a paper's signals are re-polled.")
    every_minutes: int = Field(30, ge=5, description="How often `digest serve` looks who is due.")
    max_papers: int = Field(2000, ge=1, description="Most papers an observer is asked at once.")
    local_votes: bool = Field(True, description="Count what readers here marked or saved.")
    enrich: bool = Field(
        True, description="Ask configured sources for what they know of papers found by others."
    )
    look_up: bool = Field(
        True,
        description="Ask by id for liked papers that no source announced: configured sources, and "
        "the public arXiv, Crossref and others where no source of that kind is configured.",
    )
    citations_from: Literal["semanticscholar", "openalex"] = Field(
        "semanticscholar", description="Which catalogue counts citations."
    )
    hackernews_url: str = Field("https://hn.algolia.com", description="Address of its search.")
    github_url: str = Field("https://api.github.com", description="Address of GitHub's API.")
    semanticscholar_url: str = Field(
        "https://api.semanticscholar.org", description="Address of Semantic Scholar's API."
    )
    openalex_url: str = Field("https://api.openalex.org", description="Address of OpenAlex.")
    openalex_key: SecretStr | None = Field(None, description="Free key of OpenAlex.")
    github_token: SecretStr | None = Field(None, description="Raises GitHub's limit.")
    semanticscholar_key: SecretStr | None = Field(None, description="Raises its limit.")


class RankingSection(Section):
    """``[ranking]``: how scores are made."""

    window_days: int = Field(3, ge=1, le=60, description="How far back a first edition looks.")
    community: bool = Field(
        False,
        description="Let likes of similar readers count, for readers whose profile says so too "
        "(`community = true`); off by default.",
    )
    community_readers: int = Field(
        5,
        ge=3,
        description="So many readers must have liked two papers both before it counts for others; "
        "nobody can be told from less.",
    )
    model: str = Field(
        "", description="Sentence model for `semantic`: a folder with model.onnx, or a name."
    )
    model_url: str = Field(
        "", description="OpenAI-compatible address that has the model (.../v1); local if empty."
    )
    model_key: SecretStr | None = Field(None, description="Key of that address.")


class WebSection(Section):
    """``[web]``: the pages."""

    enabled: bool = Field(True, description="Serve pages within `digest serve`.")
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8080, ge=0, le=65535, description="Port to listen on.")
    trusted_proxies: tuple[str, ...] = Field(
        (), description="Addresses whose X-Forwarded-* headers are believed."
    )
    max_connections: int = Field(2500, ge=8, description="Most connections held open at once.")
    subscribe: bool = Field(True, description="Let visitors subscribe.")
    double_opt_in: bool = Field(
        True,
        description="Mail a confirmation link first. Off: an address never seen before gets "
        "editions at once; known ones still confirm.",
    )
    confirmations_per_hour: int = Field(
        600, ge=1, description="Most confirmation mails asked for by page in an hour, all told."
    )
    orcid_url: str = Field(
        "https://pub.orcid.org/v3.0",
        description="Where the works of an ORCID iD are read that a reader gives; empty: nowhere.",
    )
    remote_images: bool = Field(False, description="Show thumbnails from the papers' own hosts.")
    owner_token: SecretKey | None = Field(
        None,
        description="Opens /owner and the owner's API; both are off without it. At least 16 "
        "characters.",
    )


class LogSection(Section):
    """``[log]``: what is written to standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field("info", description="Threshold.")
    json_lines: bool = Field(False, description="One JSON object a line.")
    ping_url: str = Field("", description="Dead-man address, asked after each good run.")
