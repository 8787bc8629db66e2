"""Give the owner the shipped templates to change.

Where templates are looked for, and which comes first, is `digest.rendering.templates`' concern.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from digest.errors import UsageError
from digest.rendering.templates import template_folders


@dataclass(frozen=True, kw_only=True)
class Ejected:
    """What was copied where."""

    folder: Path
    """Absolute: what ``mail.templates_dir`` takes."""
    written: tuple[str, ...]
    """Names below the folder, sorted."""
    kept: tuple[str, ...]
    """Files that were there already and were left alone."""


def eject(folder: Path, *, force: bool = False) -> Ejected:
    """Copy every shipped template; write over files only with ``force``. Raises UsageError."""
    target = folder.expanduser().resolve()
    written: list[str] = []
    kept: list[str] = []
    for name, source in sorted(_shipped().items()):
        path = target / name
        if source.resolve().is_relative_to(target):
            raise UsageError(f"{folder}: the shipped templates are there; name another folder")
        if path.exists() and not force:
            kept.append(name)
            continue
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(source.read_bytes())
        except OSError as exc:
            raise UsageError(f"{path}: cannot be written: {exc.strerror or exc}") from exc
        written.append(name)
    return Ejected(folder=target, written=tuple(written), kept=tuple(kept))


def _shipped() -> dict[str, Path]:
    """Return the shipped templates by name; the first folder that has a name gives the file."""
    found: dict[str, Path] = {}
    for folder in template_folders():
        for path in folder.rglob("*"):
            if path.is_file():
                found.setdefault(path.relative_to(folder).as_posix(), path)
    return found
