"""Looks at who may read what holds addresses, mails or keys."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from digest import files
from digest.actions.doctor.findings import Finding, good, warning
from digest.app import App, own_files
from digest.config.environment import ENV_PREFIX, SECRET_SUFFIX
from digest.config.load import SECRET_WORDS
from digest.config.problems import read_toml

NAMED = 3
"""Files named in one finding; the rest are counted."""


def look(app: App) -> Finding:
    """Find the files that other users of this machine can read."""
    others = dict.fromkeys(path for path in _kept(app) if _is_within_reach(path))
    if not others:
        return good("files", "no other user can read what holds addresses or keys")
    names = ", ".join(map(str, list(others)[:NAMED]))
    more = f" and {len(others) - NAMED} more" if len(others) > NAMED else ""
    return warning(
        "files",
        f"other users of this machine can read {names}{more}",
        f"run `chmod go= {next(iter(others))}` as the file's owner",
    )


def _is_within_reach(path: Path) -> bool:
    folders = path.absolute().parents
    return files.open_to_others(path) and all(map(files.lets_others_in, folders))


def _kept(app: App) -> Iterator[Path]:
    yield from own_files(app.config)
    dkim = app.config.settings.mail.dkim
    yield from (path.expanduser() for path in (dkim.key_file, dkim.ed25519_key_file) if path)
    for name, value in os.environ.items():
        if name.upper().startswith(ENV_PREFIX) and name.upper().endswith(SECRET_SUFFIX):
            yield Path(value)
    yield from (item.path for item in app.config.profiles if item.addresses)
    if app.config.path is not None and _holds_a_secret(app.config.path):
        yield app.config.path


def _holds_a_secret(path: Path) -> bool:
    return _has_secret_key(read_toml(path)[0])


def _has_secret_key(value: Any) -> bool:
    if isinstance(value, list):
        return any(map(_has_secret_key, value))
    if not isinstance(value, dict):
        return False
    return any(
        _has_secret_key(inner)
        or (isinstance(inner, str | list) and inner and key.rstrip("s").endswith(SECRET_WORDS))
        for key, inner in value.items()
    )
