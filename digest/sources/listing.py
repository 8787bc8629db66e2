"""arXiv's listing mails, from a folder of files, a Maildir or IMAP: a way without any polling.

https://info.arxiv.org/help/subscribe.html. What anybody can send to the folder's address must not
come before readers: a mail counts when arXiv's signature or one's own mail server vouches for it.
Mails are only read: nothing is moved, marked or
deleted. The mails of some days before the last poll are read again, for those that came late.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from digest import isolated
from digest.config.fields import is_local
from digest.errors import SourceError, UnreadableError, UsageError
from digest.exact import Exact
from digest.imap import ImapError, ImapFolder, ImapMailError, ImapPlace, Security
from digest.nameserver import Ask, asking
from digest.sources import Batch, Body, Fetcher, Rejected
from digest.sources._asking import first_day, since_now
from digest.sources._listing_mail import DOMAIN, is_listing, may_be_listing, parse_listing
from digest.sources._mail_proof import NoNameServerError, doubt
from digest.text.clean import clean

log = logging.getLogger(__name__)

OVERLAP = timedelta(days=3)
FIRST_DAYS = timedelta(days=4)
MOST_MAILS = 500
LARGEST_MAIL = 4 * 2**20
UNREADABLE = "unreadable"
_Mail = tuple[str, bytes | str]
"""Where a mail is, and what it holds or why that is not known."""
_ADVICE = (
    "; if your mail server changes mails, set trusted_server to the name that it writes into "
    'Authentication-Results (or authentication = "off", if nobody else can write there)'
)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class ListingOptions(Exact):
    """``[sources.NAME]`` with ``kind = "listing"``."""

    path: Path | None = Field(None, description="Folder with the mails as files, or a Maildir.")
    imap_host: str = Field("", description="IMAP server to read them from instead.")
    imap_port: int = Field(993, description="Its port.")
    imap_security: Security = Field(
        "tls", description="How the connection is encrypted; none only on this machine."
    )
    imap_ca_file: Path | None = Field(None, description="Certificate of a private authority.")
    imap_user: str = Field("", description="Its user.")
    imap_password: str = Field("", description="Its password, from the environment or a file.")
    imap_folder: str = Field("INBOX", description="Folder to read; nothing is marked or deleted.")
    authentication: Literal["required", "off"] = Field(
        "required",
        description="Whether mails must be signed by arxiv.org, or vouched for by trusted_server.",
    )
    trusted_server: str = Field(
        "",
        description="Name that your mail server writes into Authentication-Results; it counts.",
    )
    name_server: str = Field(
        "", description="Name server to ask for arXiv's keys, host or host:port; the system's."
    )

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.path is None) == (not self.imap_host):
            raise ValueError("expected either path or imap_host")
        if self.imap_security == "none" and not is_local(self.imap_host):
            raise ValueError('imap_security: "none" is for a server on this machine alone')
        return self


def source(name: str, options: Mapping[str, Any]) -> ListingSource:
    """Build the source from its block of the configuration."""
    return ListingSource(name, ListingOptions.model_validate(dict(options)))


@dataclass(frozen=True)
class ListingSource:
    """The mails in one place."""

    name: str
    options: ListingOptions
    kind: str = "listing"
    provider: str = "listing"

    def fetch(
        self, fetcher: Fetcher, *, watermark: Mapping[str, Any], now: datetime
    ) -> Iterator[Body]:
        """Read the mails that came since the last good poll; other mail is passed over."""
        since = first_day(watermark, now=now, overlap=OVERLAP, default=FIRST_DAYS)
        root = self.options.path
        mails = self._on_disk(root.expanduser(), since) if root else self._on_server(since)
        ask, good, refused = self._asking(), 0, ""
        for url, content in mails:
            if isinstance(content, str):
                yield self._put_aside(url, content, now)
                continue
            try:
                if not may_be_listing(content) or not isolated.call(is_listing, content):
                    continue
                doubt = self._doubt(content, ask)
            except (UnreadableError, RuntimeError) as exc:
                yield self._put_aside(url, self._reason(exc), now)
                continue
            if doubt:
                refused = f"{url} is taken for forged: {doubt}"
                log.warning("refused source=%s mail=%s: %s", self.name, url, doubt)
                continue
            good += 1
            yield Body(
                url=url,
                content=content,
                content_type="message/rfc822",
                fetched_at=now,
                label=url.rpartition("/")[2],
            )
        if refused and not good:
            raise SourceError(self.name, f"{refused}{_ADVICE}", kind="unauthentic")

    def _reason(self, exc: Exception) -> str:
        """Return why a mail is not read. Raises SourceError where the mail is not to blame."""
        if isinstance(exc, UnreadableError) and exc.kind == "busy":
            raise SourceError(self.name, exc.reason, kind="busy") from exc
        if not isinstance(exc, UnreadableError):
            log.error("a bug in reading a mail source=%s\n%s", self.name, exc)
        return str(exc).strip().rpartition("\n")[2]

    def _put_aside(self, url: str, reason: str, now: datetime) -> Body:
        """Return a body that says why a mail is not read: those behind it are."""
        log.warning("mail put aside source=%s mail=%s: %s", self.name, url, reason)
        content = reason.encode("utf-8", "replace")
        return Body(url=url, content=content, label=UNREADABLE, fetched_at=now)

    def _asking(self) -> Ask:
        try:
            return asking(self.options.name_server)
        except UsageError as exc:
            raise SourceError(self.name, f"name_server: {exc}", kind="dns") from exc

    def _doubt(self, content: bytes, ask: Ask) -> str:
        if self.options.authentication == "off":
            return ""
        try:
            return doubt(content, DOMAIN, ask=ask, trusted_server=self.options.trusted_server)
        except NoNameServerError as exc:  # none of them is lost: they are read by the next poll
            raise SourceError(self.name, f"cannot check signatures: {exc}", kind="dns") from exc

    def _on_disk(self, root: Path, since: date) -> Iterator[_Mail]:
        for path in self._files(root, datetime(since.year, since.month, since.day, tzinfo=UTC)):
            url = path.absolute().as_uri()
            try:
                with path.open("rb") as file:
                    content = file.read(LARGEST_MAIL + 1)
            except FileNotFoundError:  # a mail program has moved it meanwhile
                continue
            except OSError as exc:
                yield url, f"it cannot be opened: {exc.strerror}"
                continue
            if len(content) <= LARGEST_MAIL:
                yield url, content
            elif may_be_listing(content):
                yield url, f"it is larger than {LARGEST_MAIL // 2**20} MB"

    def _files(self, root: Path, since: datetime) -> list[Path]:
        """Return the files changed since, the oldest first. Raises SourceError without a folder."""
        maildir = [root / part for part in ("cur", "new") if (root / part).is_dir()]
        found: list[tuple[float, Path]] = []
        try:
            for folder in maildir or [root]:
                files = (path for path in folder.iterdir() if not path.name.startswith("."))
                found += [(path.stat().st_mtime, path) for path in files if path.is_file()]
        except OSError as exc:
            reason = f"{root.absolute()} cannot be read: {exc.strerror}"
            raise SourceError(self.name, reason, kind="file") from exc
        recent = sorted(one for one in found if one[0] >= since.timestamp())
        return [path for _, path in recent[-MOST_MAILS:]]

    def _on_server(self, since: date) -> Iterator[_Mail]:
        options = self.options
        try:
            folder = ImapFolder(self._place, read_only=True)
            try:
                # English months, whatever the locale says (RFC 3501, `date-month`).
                day = f"{since.day}-{_MONTHS[since.month - 1]}-{since.year}"
                for uid in folder.search(f"SINCE {day}")[-MOST_MAILS:]:
                    url = f"imap://{options.imap_host}/{options.imap_folder}/{uid}"
                    try:
                        content = folder.content(uid, most_bytes=LARGEST_MAIL)
                    except ImapMailError as exc:
                        if exc.is_last:
                            raise
                        yield url, str(exc)
                        continue
                    if content is not None:
                        yield url, content
            finally:
                folder.close()
        except ImapError as exc:
            raise SourceError(self.name, str(exc), kind="imap") from exc

    @property
    def _place(self) -> ImapPlace:
        options = self.options
        return ImapPlace(
            host=options.imap_host,
            port=options.imap_port,
            user=options.imap_user,
            password=options.imap_password,
            folder=options.imap_folder,
            security=options.imap_security,
            ca_file=options.imap_ca_file,
        )

    def parse(self, body: Body) -> Batch:
        """Read one mail. Raises SourceError if it is not a listing."""
        if body.label == UNREADABLE:
            reason = clean(body.content.decode("utf-8", "replace"))
            return Batch(rejected=(Rejected(native_id=body.url, reason=reason),))
        return parse_listing(self.name, body)

    def next_watermark(
        self, watermark: Mapping[str, Any], batches: Sequence[Batch], *, now: datetime
    ) -> Mapping[str, Any]:
        """Remember when all mails were read."""
        return since_now(now)
