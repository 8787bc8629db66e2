"""Read from a mail's HTML what the checks ask about: links, headings, images, what is forbidden.

It judges nothing; `lint` does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

_FORBIDDEN = frozenset(
    {"script", "form", "input", "button", "iframe", "object", "embed", "video", "audio", "svg",
     "base", "frame", "frameset", "applet"}
)  # fmt: skip
_ADDRESSES = ("href", "action", "formaction", "xlink:href")
_REMOTE_CSS = re.compile(r"@import|url\s*\(\s*['\"]?\s*(?!data:)|expression\s*\(", re.IGNORECASE)


@dataclass
class Markup:
    """What stands in one HTML document."""

    lang: str = ""
    title: str = ""
    links: list[str] = field(default_factory=list)
    headings: list[str] = field(default_factory=list)
    """The text of each ``h2``: the papers' titles."""
    title_links: list[str] = field(default_factory=list)
    """The address of each link inside an ``h2``."""
    images: list[str] = field(default_factory=list)
    """Addresses of images that are neither inside the mail (cid:) nor in the address (data:)."""
    alts: bool = True
    """Every image has an ``alt``."""
    forbidden: set[str] = field(default_factory=set)
    plain_tables: int = 0
    """Tables that do not say that they are layout."""
    inline_styles: list[str] = field(default_factory=list)
    sheets: list[str] = field(default_factory=list)
    """The text of each ``style`` element."""
    colour_schemes: str = ""
    h1_count: int = 0
    silent_links: int = 0
    """Links without a word in them."""
    preheader: str = ""
    """The text of the first element of the body, where that is hidden."""

    @classmethod
    def of(cls, html: str) -> Markup:
        """Read a document; never raises."""
        reader = _Reader()
        reader.feed(html)
        reader.close()
        return reader.found


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found = Markup()
        self._inside = ""
        self._text: list[str] = []
        self._link: list[str] | None = None
        self._first: list[str] | None = None
        self._is_body = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        found = self.found
        if tag == "html":
            found.lang = values.get("lang", "")
        if tag in _FORBIDDEN:
            found.forbidden.add(f"<{tag}>")
        if tag == "link":
            found.forbidden.add("<link> (CSS from elsewhere)")
        found.forbidden |= {f"{name}=" for name in values if name.startswith("on")}
        if _REMOTE_CSS.search(values.get("style", "")):
            found.forbidden.add("CSS from elsewhere")
        links = [values[name].strip() for name in _ADDRESSES if name in values and tag != "link"]
        found.links += links
        if self._inside == "h2":
            found.title_links += links
        if tag == "img":
            found.alts = found.alts and "alt" in values
        source = values.get("src") or values.get("background") or values.get("srcset") or ""
        if source and not source.lower().startswith(("cid:", "data:image/")):
            found.images.append(source)
        if tag in ("title", "h2", "style"):
            self._inside, self._text = tag, []
        self._note_layout(tag, values)

    def _note_layout(self, tag: str, values: dict[str, str]) -> None:
        found, style = self.found, values.get("style", "")
        if style:
            found.inline_styles.append(style)
        if self._is_body and tag == "div" and "display:none" in style.replace(" ", ""):
            self._first = []
        self._is_body = tag == "body"
        if tag == "table" and values.get("role") != "presentation":
            found.plain_tables += 1
        elif tag == "meta" and values.get("name") == "color-scheme":
            found.colour_schemes = values.get("content", "")
        elif tag == "h1":
            found.h1_count += 1
        elif tag == "a":
            self._link = []
        elif tag == "img" and self._link is not None:
            self._link.append(values.get("alt", ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "a" and self._link is not None:
            self.found.silent_links += not "".join(self._link).strip()
            self._link = None
        elif tag == "div" and self._first is not None:
            self.found.preheader = " ".join("".join(self._first).split())
            self._first = None
        if tag != self._inside:
            return
        text = " ".join("".join(self._text).split())
        if tag == "title":
            self.found.title = text
        elif tag == "h2":
            self.found.headings.append(text)
        else:
            self.found.sheets.append(text)
            if _REMOTE_CSS.search(text):
                self.found.forbidden.add("CSS from elsewhere")
        self._inside = ""

    def handle_data(self, data: str) -> None:
        for heard in (self._text if self._inside else None, self._link, self._first):
            if heard is not None:
                heard.append(data)
