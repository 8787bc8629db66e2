"""What tells whether a mail made again is the one that was sent, and if not, what has changed.

A sum of its bytes, and sums of what all mails of an installation are made with: templates,
settings, program. No secret is in any; against a forger they prove nothing.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson

from digest import __version__
from digest.config import Settings
from digest.rendering.templates import template_folders

_SHAPING = (
    "sender", "sender_name", "reply_to", "list_id", "unsubscribe_mailto", "body_limit_kb",
    "subject", "remote_images", "dkim", "bounces",
)  # fmt: skip
"""Settings of ``[mail]`` that can be seen in a mail."""


@dataclass(frozen=True)
class Imprint:
    """What mails are made with; ``of`` a mail's bytes it is what is kept of that mail."""

    templates: str
    settings: str
    version: str = __version__

    def of(self, content: bytes) -> str:
        """Return the line that is kept: at most 64 characters.

        A checksum and no cryptographic hash: it is made of every mail, and tells accidents only.
        """
        mail = f"{zlib.crc32(content):08x}-{len(content)}"
        return f"{mail} {self.templates} {self.settings} {self.version}"[:64]

    def changes(self, kept: str) -> tuple[str, ...]:
        """Return what mails are made with has changed since a line was kept."""
        found = kept.split(" ")
        if len(found) != 4:
            return ()
        _, templates, settings, version = found
        said = []
        if templates != self.templates:
            said.append("the mail templates have changed since")
        if settings != self.settings:
            said.append("settings that show in mails ([mail], digest.name, base_url) have changed")
        if version != self.version:
            said.append(f"this is version {self.version} of the program; then it was {version}")
        return tuple(said)


def is_same(kept: str, content: bytes) -> bool | None:
    """Tell whether these are the bytes that a line was kept of; None where there is no line."""
    said = kept.partition(" ")[0].partition("-")
    if not (said[1] and said[2].isdigit()):
        return None
    return (f"{zlib.crc32(content):08x}", str(len(content))) == (said[0], said[2])


def imprint_of(settings: Settings) -> Imprint:
    """Return what this installation's mails are made with, reading its files once."""
    mail = settings.mail.model_dump(mode="json", include=set(_SHAPING))
    digest = settings.digest.model_dump(mode="json", include={"name", "base_url"})
    keys = [_file(path) for path in (settings.mail.dkim.key_file,
                                     settings.mail.dkim.ed25519_key_file) if path]  # fmt: skip
    seen = orjson.dumps([mail, digest, keys], option=orjson.OPT_SORT_KEYS)
    templates = zlib.crc32(b"\0".join(_templates(settings.mail.templates_dir)))
    return Imprint(templates=f"{templates:08x}", settings=f"{zlib.crc32(seen):08x}")


def _templates(owner_dir: Path | None) -> Iterator[bytes]:
    """Yield name and content of every mail template that is used, an owner's before ours."""
    chosen: dict[str, Path] = {}
    for folder in template_folders(owner_dir):
        for path in (folder / "mail").rglob("*"):
            if path.is_file():
                chosen.setdefault(path.relative_to(folder).as_posix(), path)
    for name in sorted(chosen):
        yield name.encode()
        yield chosen[name].read_bytes()


def _file(path: Path) -> int:
    try:
        return zlib.crc32(path.expanduser().read_bytes())
    except OSError:
        return 0  # whoever needs it says so
