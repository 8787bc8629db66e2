"""Check a composed message the way a strict receiver would: on its bytes, before it is sent.

It repairs nothing and asks no network; DKIM is the signer's and the receivers' business. Finding
codes: H header fields (RFC 5322, 2047, 2369, 2919, 8058, 3834), M the MIME structure (RFC 2045,
2046), W the HTML and its text twin.
"""

from __future__ import annotations

import re
from binascii import a2b_qp
from collections.abc import Iterator, Sequence
from email.message import EmailMessage

from digest.model import Message
from digest.rendering import layout
from digest.rendering.bodies import body, parsed
from digest.rendering.findings import Finding, poor, wrong
from digest.rendering.lint_fields import Fields, field_findings, fields_of, values_of
from digest.rendering.markup import Markup

LINE_LIMIT = 998
HEADER_LINE = 78
ENCODED_LINE = 76
CLIPPED_KB = 102
"""Where Gmail cuts a mail off; an owner's limit may lie above."""

_LONE = re.compile(rb"\r(?!\n)|(?<!\r)\n")
_HIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202a-\u202e\u2066-\u2069\u2028\u2029]")
_SAFE = ("http://", "https://", "mailto:")
_MARK = re.compile("\x02[a-z_]+\x03")
_TAG = re.compile(r"<[^<>]*>")
_WEB = re.compile(r"(?<= href=\")https?://[^\"]*(?=\")")
_CLEAN_TAGS: set[tuple[str, bool]] = set()
"""Tags of parts whose content has no faults: see `_tags`."""
CLEAN_LIMIT = 1_000


def lint(
    message: Message, *, body_limit_kb: int = 90, remote_images: bool = False
) -> tuple[Finding, ...]:
    """Return all that is wrong with a message, in the order of its bytes; empty when good.

    ``body_limit_kb`` bounds the HTML part, decoded, in units of 1,000 bytes; ``remote_images``
    says that the owner allows images from elsewhere. Never raises: rubbish is found, not refused.
    """
    fields = fields_of(message.content.partition(b"\r\n\r\n")[0])
    whole = parsed(message.content)
    text, html = body(whole, "plain"), body(whole, "html")
    markup = Markup.of(html)
    return (
        *_lines(message.content),
        *field_findings(fields),
        *_structure(whole),
        *_twins(markup, text, fields),
        *_html(html, markup, body_limit_kb * 1000, remote_images=remote_images),
    )


def html_part_faults(
    rendered: str, encoded: Sequence[bytes], *, remote_images: bool = False
) -> tuple[str, ...]:
    """Return what forbids a part of the HTML, rendered with marks in its personal places.

    Messages that are made of parts without faults, in a known shape, need not be linted whole.
    """
    read = _MARK.sub("https://reader.invalid/", rendered)
    found = [*_encoded(encoded), *_hidden("text/html", _MARK.sub("", rendered))]
    tags = _tags(read)
    if tags is None or (tags, remote_images) not in _CLEAN_TAGS:
        content = list(_content(Markup.of(read), remote_images=remote_images))
        if not content and tags is not None and len(_CLEAN_TAGS) < CLEAN_LIMIT:
            _CLEAN_TAGS.add((tags, remote_images))
        found += content
    return tuple(str(finding) for finding in found if finding.forbids)


def _tags(html: str) -> str | None:
    """Return the tags of a part, with one web address for all; None where they cannot be told.

    The content of a part is judged by its tags alone, and a thousand papers' cards have few
    sorts of them. A ``>`` outside a tag might end a comment: then only a parser can tell.
    """
    found = _TAG.findall(html)
    if html.count(">") != len(found) or "<style" in html:
        return None
    return _WEB.sub("https:", "".join(found))


def text_part_faults(rendered: str, encoded: Sequence[bytes]) -> tuple[str, ...]:
    """Return what forbids a part of the text, as `html_part_faults` does."""
    found = (*_encoded(encoded), *_hidden("text/plain", _MARK.sub("", rendered)))
    return tuple(str(finding) for finding in found if finding.forbids)


def lint_size(html: Sequence[bytes], *, body_limit_kb: int = 90) -> tuple[Finding, ...]:
    """Check the size of an encoded HTML body."""
    limit = body_limit_kb * 1000
    if sum(map(len, html)) <= min(limit, CLIPPED_KB * 1000):
        return ()  # decoding makes nothing longer
    return tuple(_size(len(a2b_qp(b"".join(html)).replace(b"\r\n", b"\n")), limit))


def _lines(content: bytes) -> Iterator[Finding]:
    if _LONE.search(content):
        yield wrong("H1", "a line ends with a bare CR or LF; mail wants CRLF throughout")
    head, _, rest = content.partition(b"\r\n\r\n")
    if not head.isascii():
        yield wrong("H4", "a header field holds bytes outside ASCII that are not encoded")
    if max(map(len, content.split(b"\r\n"))) > LINE_LIMIT:
        yield wrong("H2", f"a line is longer than {LINE_LIMIT} bytes")
    for line in head.split(b"\r\n"):
        # A space inside the value is where the line could have been folded.
        if len(line) > HEADER_LINE and b" " in line.partition(b": ")[2].strip():
            name = line.partition(b":")[0].decode("ascii", "replace")
            yield poor("H2", f"{name} has a line of {len(line)} bytes that could be folded")
    if not rest.endswith(b"\r\n"):
        yield poor("M5", "the last line has no line end")


def _structure(whole: EmailMessage) -> Iterator[Finding]:
    parts = list(whole.walk())
    alternatives = [part for part in parts if part.get_content_type() == "multipart/alternative"]
    kinds = [
        [inner.get_content_type() for inner in part.iter_parts()]
        for part in alternatives
        if isinstance(part, EmailMessage)
    ]
    if len(kinds) != 1 or kinds[0] not in (
        ["text/plain", "text/html"],
        ["text/plain", "multipart/related"],
    ):
        yield wrong("M1", "the bodies are not one multipart/alternative, text first, HTML last")
    for part in parts:
        for defect in part.defects:
            yield wrong("M4", f"{part.get_content_type()}: {type(defect).__name__}")
        if part.is_multipart():
            continue
        coding = str(part.get("Content-Transfer-Encoding", "7bit")).lower()
        if coding not in ("quoted-printable", "base64"):
            yield wrong("M2", f"{part.get_content_type()} is sent as {coding}")
        raw = part.get_payload()
        if isinstance(raw, str) and max(map(len, raw.splitlines() or [""])) > ENCODED_LINE:
            yield wrong("H2", f"{part.get_content_type()} has an encoded line over {ENCODED_LINE}")
        if part.get_content_maintype() == "text" and not part.is_attachment():
            yield from _decodes(part)


def _decodes(part: EmailMessage) -> Iterator[Finding]:
    kind = part.get_content_type()
    if part.get_content_charset() != "utf-8":
        yield wrong("M2", f"{kind} does not say charset=utf-8")
    content = part.get_payload(decode=True)
    try:
        text = content.decode() if isinstance(content, bytes) else ""
    except UnicodeDecodeError:
        yield wrong("M4", f"{kind} is not UTF-8")
        return
    yield from _hidden(kind, text.replace("\r\n", "\n"))


def _hidden(kind: str, text: str) -> Iterator[Finding]:
    if _HIDDEN.search(text):
        yield wrong("W7", f"{kind} holds control characters or ones that turn text around")


def _encoded(pieces: Sequence[bytes]) -> Iterator[Finding]:
    for piece in pieces:
        ends = piece.count(b"\r\n")
        if not (piece.count(b"\r") == piece.count(b"\n") == ends and piece.isascii()):
            yield wrong("H1", "a part is not encoded in lines that end with CRLF")
        if max(map(len, piece.split(b"\r\n"))) > ENCODED_LINE:
            yield wrong("H2", f"a part has an encoded line over {ENCODED_LINE}")


def _twins(markup: Markup, text: str, fields: Fields) -> Iterator[Finding]:
    """What the HTML says, the text says too: readers of it, and spam filters, compare."""
    flat = " ".join(text.split())
    for title in markup.headings:
        if title not in flat:
            yield poor("M3", f"the text lacks a title of the HTML: {title[:60]}")
    words = set(text.split())
    # Of answers the text names one page, below whose address those of the HTML lie.
    pages = tuple(f"{word}/" for word in words if "://" in word)
    lacking = [
        link
        for link in dict.fromkeys(markup.links)
        if link not in words and not link.startswith(pages)
    ]
    for link in [link for link in markup.title_links if link in lacking]:
        yield poor("M3", f"the text lacks the address of a title: {link[:80]}")
    others = [link for link in lacking if link not in markup.title_links]
    if others:
        yield poor("M3", f"the text lacks {len(others)} addresses, the first: {others[0][:80]}")
    stop = " ".join(values_of(fields, "List-Unsubscribe"))
    found = re.search(r"<(https?://[^<>]+)>", stop)
    if found:
        for kind, has in (("text", found[1] in words), ("HTML", found[1] in markup.links)):
            if not has:
                yield wrong("M3", f"the {kind} does not show the unsubscribe address")


def _html(html: str, markup: Markup, limit: int, *, remote_images: bool) -> Iterator[Finding]:
    yield from _size(len(html.encode()), limit)
    if not markup.lang:
        yield wrong("W3", "the HTML does not name its language")
    if not markup.title:
        yield wrong("W3", "the HTML has no title")
    for code, text in layout.faults(markup):
        yield poor(code, text)
    yield from _content(markup, remote_images=remote_images)


def _content(markup: Markup, *, remote_images: bool) -> Iterator[Finding]:
    if not markup.alts:
        yield wrong("W3", "an image has no alt text")
    for tag in sorted(markup.forbidden):
        yield wrong("W6", f"the HTML holds {tag}, which no mail program shows")
    if markup.images and not remote_images:
        yield wrong("W6", f"the HTML loads an image from elsewhere: {markup.images[0][:80]}")
    for link in markup.links:
        if not link.lower().startswith(_SAFE):
            yield wrong("W7", f"a link is neither http, https nor mailto: {link[:80]!r}")


def _size(size: int, limit: int) -> Iterator[Finding]:
    if size > limit:
        yield wrong("W1", f"the HTML has {size:,} bytes; {limit:,} are allowed")
    elif size > CLIPPED_KB * 1000:
        yield poor("W1", f"the HTML has {size:,} bytes; Gmail cuts it off at {CLIPPED_KB} KB")
