"""Write ``digest.toml`` and a profile, commented, from answers; never over what is there."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import time
from pathlib import Path

from digest import files
from digest.actions.setup.imports import Imported
from digest.actions.setup.relays import RELAYS
from digest.actions.setup.sources import source_lines
from digest.config import load_config
from digest.errors import ConfigError, UsageError

DEFAULT_CATEGORIES = ("cs.LG", "cs.CL", "cs.AI")
BLOGS = (
    ("huggingface-blog", "https://huggingface.co/blog/feed.xml"),
    ("bair-blog", "https://bair.berkeley.edu/blog/feed.xml"),
    ("google-research", "https://research.google/blog/rss/"),
)


@dataclass(frozen=True, kw_only=True)
class Answers:
    """All that is asked of a new owner; empty values leave a commented line."""

    profile: str = "me"
    address: str = ""
    terms: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    text: str = ""
    imports: tuple[Imported, ...] = ()
    relay: str = "file"
    host: str = ""
    user: str = ""
    password_file: str = ""
    sender: str = ""
    base_url: str = ""
    time_zone: str = "UTC"
    send_time: time = time(7, 30)


@dataclass(frozen=True, kw_only=True)
class Written:
    """The files of a new installation, and what is left to do."""

    config: Path
    profile: Path
    libraries: tuple[Path, ...]
    todo: tuple[str, ...]


def write(folder: Path, answers: Answers, *, force: bool = False) -> Written:
    """Write the files and load them once, as every command will.

    Raises UsageError where a file is there already (unless ``force``) or a name does not fit,
    and ConfigError where the answers do not make a good configuration (nothing is left behind).
    """
    if not re.fullmatch(r"[\w][\w .-]{0,99}", answers.profile):
        raise UsageError(f"profile: expected a plain name, not {answers.profile!r}")
    if answers.relay not in RELAYS:
        raise UsageError(f"relay: expected one of {', '.join(RELAYS)}, not {answers.relay!r}")
    config = folder / "digest.toml"
    profile = folder / "profiles" / f"{answers.profile}.toml"
    libraries = {
        profile.with_name(f"{answers.profile}-{number}.json"): imported
        for number, imported in enumerate(answers.imports, 1)
        if imported.library
    }
    texts = {
        config: config_text(answers),
        profile: profile_text(answers, {i.origin: path.name for path, i in libraries.items()}),
        **{path: imported.library for path, imported in libraries.items()},
    }
    taken = [path for path in texts if path.exists()]
    if taken and not force:
        raise UsageError(f"{taken[0]} is there already; --force writes over it")
    _write_checked(texts, config)
    return Written(
        config=config, profile=profile, libraries=tuple(libraries), todo=tuple(_todo(answers))
    )


def _write_checked(texts: dict[Path, str], config: Path) -> None:
    before = {path: path.read_bytes() if path.exists() else None for path in texts}
    for path, text in texts.items():
        files.write(path, text.encode())
    problems: tuple[str, ...] = ()
    try:
        problems = load_config(config).profile_problems
    except ConfigError as exc:
        problems = exc.problems
    if problems:
        for path, content in before.items():
            if content is None:
                path.unlink()
            else:
                files.write(path, content)
        raise ConfigError(*problems)


def config_text(answers: Answers) -> str:
    """Return the text of ``digest.toml``."""
    categories = _categories(answers)
    lines = [
        "# The digest's configuration. `digest config check` tells every mistake by its line,",
        "# `digest docs reference` tells every key. Any key may come from the environment, too:",
        "# DIGEST_MAIL__SENDER, or DIGEST_MAIL__SENDER_FILE naming a file that holds the value.",
        "",
        "[digest]",
        'name = "Paper digest"',
        f"time_zone = {_quote(answers.time_zone)}",
        _maybe("owner", answers.address, "gets a mail when something is wrong"),
        _maybe("contact", answers.address, "told to the sources that are polled: be reachable"),
        _maybe("base_url", answers.base_url, "public address of the pages; makes one-click links"),
        "",
        "# ---- Sources ----",
        "",
        "[sources.huggingface]",
        'kind = "huggingface"             # Daily Papers: votes, comments, code',
        "every_minutes = 60",
        "",
        "[sources.arxiv]",
        'kind = "arxiv"                   # announcements, one feed a category',
        f"categories = {_list(categories)}",
        "every_minutes = 60",
        "",
    ]
    for name, address in BLOGS:
        lines += [
            f"[sources.{name}]",
            'kind = "feed"                    # any RSS, Atom or JSON feed',
            f"url = {_quote(address)}",
            "every_minutes = 180",
            "",
        ]
    lines += source_lines()
    return "\n".join([*lines, *_mail_lines(answers), ""])


def profile_text(answers: Answers, libraries: dict[str, str]) -> str:
    """Return the text of a profile; ``libraries`` maps an import's origin to its file."""
    most = next((one.max_papers for one in answers.imports if one.max_papers), 10)
    on_empty = next((one.on_empty for one in answers.imports if one.on_empty), "note")
    lines = [
        "# An interest profile: what to look for, and when and how its editions come.",
        "# Each [[interests]] is scored on its own, so that a small one is not drowned.",
        "",
        f"addresses = {_list([answers.address] if answers.address else [])}",
        f"send_time = {answers.send_time.strftime('%H:%M:%S')}",
        f"time_zone = {_quote(answers.time_zone)}",
        'weekdays = ["mon", "tue", "wed", "thu", "fri"]',
        f"max_papers = {most:<21}# at most so many a day",
        "trending_weight = 0.3            # 0: my interests alone, 1: what is popular alone",
        "min_score = 0.15                 # below it a paper is not worth the morning",
        f'on_empty = "{on_empty}"                # a short "note" on a day without papers; "skip"',
        '# mutes = ["blockchain"]         # never again',
    ]
    if _says_something(answers) or not answers.imports:
        lines += ["", *_own_lines(answers)]
    for imported in answers.imports:
        lines += ["", *_import_lines(imported, libraries.get(imported.origin, ""))]
    return "\n".join([*lines, ""])


def _says_something(answers: Answers) -> bool:
    return bool(answers.terms or answers.categories or answers.authors or answers.text)


def _own_lines(answers: Answers) -> Iterable[str]:
    yield "[[interests]]"
    yield f"name = {_quote(_interest_name(answers))}"
    yield f"terms = {_list(answers.terms)}"
    yield '# a term may carry more: { text = "survey", mode = "must-not", fields = ["title"] }'
    yield f"categories = {_list(answers.categories)}"
    yield f"authors = {_list(answers.authors)}"
    yield _maybe("text", answers.text, "what you work on, in your own words")
    yield '# liked = ["arxiv:1706.03762"]   # papers to find more of: keys or addresses'
    yield "# quota = 5                      # at most so many picks from this interest"


def _import_lines(imported: Imported, library: str) -> Iterable[str]:
    yield "[[interests]]"
    yield f"name = {_quote(f'From {Path(imported.origin).name}')}"
    if imported.terms:
        yield f"terms = {_list(imported.terms)}"
    if imported.authors:
        yield f"authors = {_list(imported.authors)}"
    if imported.categories:
        yield f"categories = {_list(imported.categories)}"
    if library:
        yield f"library = {_quote(library)}"
    elif imported.liked:
        yield f"liked = {_list(imported.liked)}"


def _mail_lines(answers: Answers) -> Iterable[str]:
    relay = RELAYS[answers.relay]
    yield "# ---- Mail ----"
    yield ""
    yield "[mail]"
    sender = answers.sender or answers.user or answers.address
    yield _maybe("sender", sender if "@" in sender else "", "address in From")
    yield ""
    yield f"[transports.{answers.relay}]"
    for text in _wrapped(relay.needs):
        yield f"# {text}"
    if answers.relay == "file":
        yield 'kind = "file"'
        yield 'folder = "digest-data/mail"'
        return
    yield 'kind = "smtp"'
    yield f"host = {_quote(answers.host or relay.host)}"
    yield f"port = {relay.port}"
    yield f"security = {_quote(relay.security)}"
    if relay.logs_in:
        # A login without its password is a mistake that the configuration refuses to load.
        mark = "" if answers.password_file else "# "
        user = answers.user or relay.user or answers.address
        password_file = answers.password_file or "config/relay.password"
        yield f"{mark}user = {_quote(user)}"
        yield f"{mark}password_file = {_quote(password_file)}"


def _todo(answers: Answers) -> Iterable[str]:
    relay = RELAYS[answers.relay]
    if answers.relay == "file":
        yield "choose a relay ([transports]); until then mails are files in digest-data/mail"
    elif relay.logs_in and not answers.password_file:
        yield f"put the relay's user and password_file into the configuration. {relay.needs}"
    if not answers.address:
        yield "put your address into the profile (addresses)"
    if not answers.terms and not answers.imports and not answers.text:
        yield "put your interests into the profile (terms, authors, liked)"
    for imported in answers.imports:
        yield from imported.notes


def _categories(answers: Answers) -> Sequence[str]:
    found = [*answers.categories, *(c for i in answers.imports for c in i.categories)]
    return tuple(dict.fromkeys(found)) or DEFAULT_CATEGORIES


def _interest_name(answers: Answers) -> str:
    return answers.terms[0].capitalize()[:200] if answers.terms else "My interests"


def _maybe(key: str, value: str, comment: str) -> str:
    if not value:
        return f'# {key} = ""                    # {comment}'
    return f"{key} = {_quote(value)}    # {comment}"


def _list(values: Iterable[str]) -> str:
    found = list(values)
    short = f"[{', '.join(map(_quote, found))}]"
    if len(short) < 80:
        return short
    return "[\n" + "".join(f"  {_quote(value)},\n" for value in found) + "]"


def _quote(text: str) -> str:
    """Return a TOML basic string: JSON's escapes are a subset of TOML's."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _wrapped(text: str, width: int = 90) -> Iterable[str]:
    line = ""
    for word in text.split():
        if line and len(line) + len(word) + 1 > width:
            yield line
            line = ""
        line = f"{line} {word}".strip()
    yield line
