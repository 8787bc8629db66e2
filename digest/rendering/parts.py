"""Read the mail templates, inline their CSS once, and compile them into parts.

One file a part, each looked for where `templates` says: an owner overrides one and keeps the
rest. Nothing is rendered here.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

from digest.errors import RenderError
from digest.rendering.inlining import inline
from digest.rendering.templates import template_folders

EDITION_PARTS = (
    "preheader", "masthead", "section", "card", "title", "titles", "more", "empty", "footer",
)  # fmt: skip
TEXT_PARTS = ("masthead", "section", "card", "title", "titles", "more", "empty", "footer")

OWNERS_MISTAKES = (jinja2.TemplateError, ArithmeticError, LookupError, TypeError, ValueError)
"""What a template raises that compiles and yet is wrong: ``{{ 1 / more }}``, ``{{ name + 1 }}``."""

TEXT_WIDTH = 72

_COMMENT = re.compile(r"\{#.*?#\}\n?", re.DOTALL)
_CSS_COMMENT = re.compile(r"/\*.*?\*/\s*", re.DOTALL)


@dataclass(frozen=True)
class Templates:
    """Compiled parts by name; ``environment`` compiles what configuration holds (a subject)."""

    html: Mapping[str, jinja2.Template]
    text: Mapping[str, jinja2.Template]
    notices: Mapping[str, Notice]
    environment: jinja2.Environment


@dataclass(frozen=True)
class Notice:
    """The three templates of one transactional mail."""

    subject: jinja2.Template
    text: jinja2.Template
    html: jinja2.Template


def load_templates(
    folders: Sequence[Path] | None = None, *, inliner: Callable[[str], str] = inline
) -> Templates:
    """Read, inline and compile every mail template. Raises RenderError naming the file."""
    folders = template_folders() if folders is None else folders
    loader = jinja2.FileSystemLoader([str(folder) for folder in folders])
    html = _environment(loader, autoescape=True)
    text = _environment(loader, autoescape=False)
    sources = _inlined_parts(folders, inliner)
    return Templates(
        html={name: _compile(html, source, f"{name}.html") for name, source in sources.items()},
        text={
            name: _compile(text, find(folders, f"mail/edition/{name}.txt"), f"{name}.txt")
            for name in TEXT_PARTS
        },
        notices=_notices(folders, html, text, inliner),
        environment=text,
    )


def find(folders: Sequence[Path], name: str) -> str:
    """Return the first file of this name, without its comments. Raises RenderError."""
    for folder in folders:
        path = folder / name
        if path.is_file():
            return _COMMENT.sub("", path.read_text(encoding="utf-8"))
    raise RenderError(f"there is no template {name}")


def rendered(template: jinja2.Template, values: Mapping[str, Any]) -> str:
    """Render a template, ending with one line end. Raises RenderError naming it."""
    try:
        return template.render(values).rstrip("\n") + "\n"
    except OWNERS_MISTAKES as exc:
        raise RenderError(f"template {template.name}: {exc}") from exc


def wrap(text: str, indent: int = 0, width: int = TEXT_WIDTH) -> str:
    """Wrap text with every line but the first indented; addresses and long words stay whole."""
    if len(text) + indent <= width:
        return text
    return textwrap.fill(
        text,
        width=width - indent,
        break_long_words=False,
        break_on_hyphens=False,
    ).replace("\n", "\n" + " " * indent)


def _environment(loader: jinja2.BaseLoader, *, autoescape: bool) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=loader,
        autoescape=autoescape,  # noqa: S701 - off only for text/plain
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["wrap"] = wrap
    return environment


def _compile(environment: jinja2.Environment, source: str, name: str) -> jinja2.Template:
    try:
        code = environment.compile(source, name=name)
    except jinja2.TemplateError as exc:
        raise RenderError(f"template {name}: {exc}") from exc
    return jinja2.Template.from_code(environment, code, environment.make_globals(None))


def _inlined_parts(folders: Sequence[Path], inliner: Callable[[str], str]) -> dict[str, str]:
    """Inline the frame with all parts in their places, then cut the parts out again.

    The style sheet thereby sees each part where it will stand.
    """

    def wrapped(name: str) -> str:
        return f"<!--part:{name}-->{find(folders, f'mail/edition/{name}.html')}<!--/part:{name}-->"

    titles = wrapped("titles").replace("{{ title_lines }}", wrapped("title"))
    rows = [wrapped(n) for n in EDITION_PARTS if n not in ("preheader", "title", "titles")]
    document = _styled(folders, "edition/frame.html")
    document = document.replace("{{ preheader }}", wrapped("preheader"))
    document = document.replace("{{ content }}", "\n".join([*rows, titles]))
    document = inliner(document)
    parts: dict[str, str] = {}
    for name in ("title", *(n for n in EDITION_PARTS if n != "title")):
        place = {"title": "{{ title_lines }}", "preheader": "{{ preheader }}"}.get(name, "")
        found = re.search(f"<!--part:{name}-->(.*?)<!--/part:{name}-->", document, re.DOTALL)
        if found is None:
            raise RenderError(f"templates: part {name} got lost: is its HTML well-formed?")
        parts[name] = found[1].strip() + "\n"
        if name == "masthead":
            place = "{{ content }}"
        document = document[: found.start()] + place + document[found.end() :]
    return parts | {"frame": re.sub(r"\n{2,}", "\n", document.strip()) + "\n"}


def _styled(folders: Sequence[Path], name: str) -> str:
    """Return a frame with the style sheets put in."""
    document = find(folders, f"mail/{name}")
    for sheet in ("style", "kept_style", "outlook_style"):
        place = "{{ " + sheet + " }}"
        if place in document:  # an owner's frame may do without
            rules = find(folders, f"mail/{sheet.removesuffix('_style')}.css")
            document = document.replace(place, _CSS_COMMENT.sub("", rules))
    return document


def _notices(
    folders: Sequence[Path],
    html: jinja2.Environment,
    text: jinja2.Environment,
    inliner: Callable[[str], str],
) -> dict[str, Notice]:
    """Compile every notice found: ``mail/notices/<kind>.{subject.txt,txt,html}``."""
    kinds = sorted(
        {
            path.name.removesuffix(".html")
            for folder in folders
            for path in (folder / "mail" / "notices").glob("*.html")
            if path.name != "frame.html"
        }
    )
    frame = _styled(folders, "notices/frame.html")
    return {
        kind: Notice(
            subject=_compile(
                text, find(folders, f"mail/notices/{kind}.subject.txt"), f"{kind}.subject.txt"
            ),
            text=_compile(text, find(folders, f"mail/notices/{kind}.txt"), f"{kind}.txt"),
            html=_compile(
                html,
                inliner(frame.replace("{{ content }}", find(folders, f"mail/notices/{kind}.html"))),
                f"{kind}.html",
            ),
        )
        for kind in kinds
    }
