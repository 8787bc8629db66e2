"""Where templates and static files are looked for: the owner's folder, the checkout, the package.

One loader for mails and pages, so that an owner overrides one file and keeps the rest. What is
in the templates, and how they are escaped, is their users' concern.
"""

from __future__ import annotations

from pathlib import Path

from jinja2 import FileSystemLoader

import digest

_PACKAGE = Path(digest.__file__).parent


def template_folders(owner_dir: Path | None = None) -> tuple[Path, ...]:
    """Return the folders in order: a file of the first that has it is taken."""
    checkout = _PACKAGE.parent / "templates"
    folders = [_PACKAGE / "_shipped" / "templates"]
    # Installed, the parent is site-packages: a stranger's "templates" there is not ours.
    if (_PACKAGE.parent / "pyproject.toml").is_file():
        folders.insert(0, checkout)
    if owner_dir is not None:
        folders.insert(0, owner_dir.expanduser().absolute())
    return tuple(folder for folder in folders if folder.is_dir())


def template_loader(owner_dir: Path | None = None) -> FileSystemLoader:
    """Return the Jinja2 loader over those folders; it never leaves them."""
    return FileSystemLoader(template_folders(owner_dir))


def find_file(name: str, owner_dir: Path | None = None) -> Path | None:
    """Return the first file of this name, such as ``web/static/style.css``, or None.

    A name that points outside the folders is not found.
    """
    for folder in template_folders(owner_dir):
        path = (folder / name).resolve()
        if path.is_file() and path.is_relative_to(folder.resolve()):
            return path
    return None
