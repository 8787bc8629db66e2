"""Make a Composer and the sender's identity of what the configuration says.

Reads the template files and the DKIM keys once; renders nothing.
"""

from __future__ import annotations

from pathlib import Path

from digest.config import Settings
from digest.errors import ConfigError
from digest.rendering import SenderIdentity
from digest.rendering.compose import Composer
from digest.rendering.dkim import Signer, load_key
from digest.rendering.parts import load_templates
from digest.rendering.templates import template_folders


def composer_from(settings: Settings) -> Composer:
    """Return the installation's Composer. Raises ConfigError, RenderError."""
    mail = settings.mail
    if mail.templates_dir is not None and not mail.templates_dir.is_dir():
        raise ConfigError(f"mail.templates_dir: there is no folder {mail.templates_dir}")
    return Composer(
        load_templates(template_folders(mail.templates_dir)),
        body_limit_kb=mail.body_limit_kb,
        dkim=signer_from(settings),
        subject=mail.subject,
        remote_images=mail.remote_images,
    )


def signer_from(settings: Settings) -> Signer | None:
    """Return the DKIM signer, or None where mail is not signed here. Raises ConfigError."""
    dkim = settings.mail.dkim
    if dkim.mode != "sign":
        return None
    domain = dkim.domain or settings.mail.sender.rpartition("@")[2]
    if not domain:
        raise ConfigError("mail.dkim.domain: needed, for there is no mail.sender to take it from")
    wanted = (
        ("mail.dkim.key_file", dkim.key_file, dkim.selector),
        ("mail.dkim.ed25519_key_file", dkim.ed25519_key_file, dkim.ed25519_selector),
    )
    keys = tuple(
        load_key(_read(path, where), selector, where=where)
        for where, path, selector in wanted
        if path is not None
    )
    if not keys:
        raise ConfigError("mail.dkim.key_file: needed for mail.dkim.mode = sign")
    return Signer(domain=domain, keys=keys)


def sender_identity(settings: Settings, installation: str) -> SenderIdentity:
    """Return who sends. Raises ConfigError without ``mail.sender``."""
    mail = settings.mail
    if not mail.sender:
        raise ConfigError("mail.sender: needed to send mail, such as digest@example.org")
    return SenderIdentity(
        address=mail.sender,
        name=mail.sender_name or settings.digest.name,
        list_id=mail.list_id or f"digest.{mail.sender.rpartition('@')[2]}",
        installation=installation,
        reply_to=mail.reply_to,
    )


def _read(path: Path, where: str) -> bytes:
    try:
        return path.expanduser().read_bytes()
    except OSError as exc:
        raise ConfigError(f"{where}: cannot be read: {exc.strerror}: {path}") from exc
