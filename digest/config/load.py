"""Read ``digest.toml``, the environment and the profile files into one frozen Config.

Precedence: environment (``DIGEST_MAIL__SENDER``), then files named by the environment
(``DIGEST_MAIL__SENDER_FILE``), then the TOML file, then defaults.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from digest.config import models, sections
from digest.config.environment import ENV_PREFIX, SECRET_SUFFIX
from digest.config.problems import explain, read_toml
from digest.config.profiles import ProfileFile, load_profiles
from digest.errors import ConfigError
from digest.exact import EnvironmentText
from digest.plugins import resolve

DEFAULT_PATH = Path("config/digest.toml")
SECRET_WORDS = ("password", "token", "secret", "key")


class Settings(BaseSettings):
    """Everything that ``digest.toml`` may say."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True
    )
    toml: ClassVar[Mapping[str, Any]] = {}

    digest: sections.DigestSection = Field(default_factory=sections.DigestSection)
    store: sections.StoreSection = Field(default_factory=sections.StoreSection)
    http: sections.HttpSection = Field(default_factory=sections.HttpSection)
    limits: dict[str, sections.LimitSection] = Field(default_factory=dict)
    sources: dict[str, sections.SourceSection] = Field(default_factory=dict)
    signals: sections.SignalsSection = Field(default_factory=sections.SignalsSection)
    ranking: sections.RankingSection = Field(default_factory=sections.RankingSection)
    mail: sections.MailSection = Field(default_factory=sections.MailSection)
    transports: dict[str, sections.TransportSection] = Field(default_factory=dict)
    summaries: models.SummariesSection = Field(default_factory=models.SummariesSection)
    judge: models.JudgeSection = Field(default_factory=models.JudgeSection)
    web: sections.WebSection = Field(default_factory=sections.WebSection)
    log: sections.LogSection = Field(default_factory=sections.LogSection)
    profiles: tuple[str, ...] = Field(
        ("profiles",), description="Files and folders with interest profiles, beside this file."
    )

    def limit_of(self, provider: str) -> sections.LimitSection | None:
        """Return a provider's limit: the configured one, ours, or None (a feed's own host)."""
        return self.limits.get(provider) or sections.DEFAULT_LIMITS.get(provider)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Put the environment above the file; init arguments carry the parsed TOML."""
        return (_PlainValues(settings_cls), _FileSecrets(settings_cls), init_settings)


class _PlainValues(EnvSettingsSource):
    """Values from the environment itself; names of secret files are left to ``_FileSecrets``."""

    def _load_env_vars(self) -> Mapping[str, str | None]:
        found = super()._load_env_vars()
        return {
            name: None if value is None else EnvironmentText(value)
            for name, value in found.items()
            if not _names_a_file(name)
        }


class _FileSecrets(EnvSettingsSource):
    """Values from files that the environment names: ``DIGEST_MAIL__SENDER_FILE=/run/x``."""

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return {
            name[: -len(SECRET_SUFFIX)].lower(): _read_secret(name, Path(value))
            for name, value in os.environ.items()
            if _names_a_file(name)
        }


def _names_a_file(name: str) -> bool:
    """Tell ``DIGEST_STORE__URL_FILE`` from keys that end so: ``DIGEST_MAIL__DKIM__KEY_FILE``."""
    upper = name.upper()
    if not (upper.startswith(ENV_PREFIX) and upper.endswith(SECRET_SUFFIX) and "__" in upper):
        return False
    model: Any = Settings
    for part in upper[len(ENV_PREFIX) :].lower().split("__"):
        field = getattr(model, "model_fields", {}).get(part)
        if field is None:
            return True
        model = field.annotation
    return False


@dataclass(frozen=True, kw_only=True)
class Config:
    """The whole configuration, checked, with the profiles that could be read."""

    path: Path | None
    settings: Settings
    profiles: tuple[ProfileFile, ...] = ()
    profile_problems: tuple[str, ...] = ()
    """One line for each mistake in a profile file; the other profiles are served."""

    @property
    def data_dir(self) -> Path:
        """Return the folder for the embedded store and secrets, absolute."""
        return self._beside(self.settings.digest.data_dir)

    @property
    def store_url(self) -> str:
        """Return the database address, SQLite in ``data_dir`` by default."""
        return self.settings.store.url or f"sqlite:///{self.data_dir / 'digest.db'}"

    def _beside(self, path: Path) -> Path:
        return path.expanduser().absolute()


def load_config(path: Path | None = None, *, overrides: Mapping[str, Any] | None = None) -> Config:
    """Read and check the configuration; raise ConfigError with one line a mistake.

    Without a file (and none given) the defaults and the environment make the configuration.
    Mistakes in profile files do not raise: they are in ``profile_problems``.
    """
    chosen = path or Path(os.environ.get("DIGEST_CONFIG", DEFAULT_PATH))
    values: dict[str, Any] = {}
    text = ""
    has_file = path is not None or "DIGEST_CONFIG" in os.environ or chosen.exists()
    if has_file:
        values, text = read_toml(chosen)
    file = str(chosen)
    try:
        settings = Settings(**_deep_merge(values, overrides or {}))
    except ValidationError as exc:
        lines = explain(exc, file=file, text=text, model=Settings, environ=os.environ)
        raise ConfigError(*lines) from exc
    problems = _check_kinds(settings, file, text)
    if problems:
        raise ConfigError(*problems)
    config = Config(path=chosen if has_file else None, settings=settings)
    folder = chosen.parent if config.path else None
    if folder is None:
        return config
    profiles, profile_problems = load_profiles(
        [folder / entry for entry in settings.profiles],
        default_zone=settings.digest.time_zone,
        default_locale=settings.digest.locale,
    )
    return replace(config, profiles=profiles, profile_problems=profile_problems)


def masked(config: Config) -> dict[str, Any]:
    """Return the settings as plain values with secrets (and passwords in URLs) hidden."""
    values: dict[str, Any] = config.settings.model_dump(mode="json")
    values["store"]["url"] = _mask_url(config.store_url)
    for source in values["sources"].values():
        _hide(source, SECRET_WORDS)
        for key, value in source.items():
            if key.endswith("url") and isinstance(value, str):
                source[key] = _mask_url(value)
    for transport in values["transports"].values():
        _hide(transport, (*SECRET_WORDS, "url"))
    return values


def _hide(table: dict[str, Any], words: tuple[str, ...]) -> None:
    hidden = [key for key in table if any(word in key for word in words)]
    table.update({key: "********" if table[key] else "" for key in hidden})


def _mask_url(url: str) -> str:
    head, at, tail = url.rpartition("@")
    if not at or ":" not in head.partition("://")[2]:
        return url
    return f"{head.rpartition(':')[0]}:********@{tail}"


def _check_kinds(settings: Settings, file: str, text: str) -> list[str]:
    """Build every source and transport once, so that a wrong option is named at the start."""
    problems: list[str] = []
    for table, package, factory, entries in (
        ("sources", "digest.sources", "source", settings.sources),
        ("transports", "digest.delivery", "transport", settings.transports),
    ):
        for name, section in entries.items():
            prefix = (table, name)
            try:
                resolve(section.kind, package, factory)(name, section.options)
            except ValidationError as exc:
                problems += explain(exc, file=file, text=text, prefix=prefix, environ=os.environ)
            except ConfigError as exc:
                problems += [f"{file}: {table}.{name}: {line}" for line in exc.problems]
    for kind in settings.signals.kinds:
        try:
            resolve(kind, "digest.sources.signals", "observer")(settings)
        except (ConfigError, ValidationError) as exc:
            problems.append(f"{file}: signals.kinds: {exc}")
    for name in settings.mail.transports:
        if name not in settings.transports:
            problems.append(f"{file}: mail.transports: there is no [transports.{name}]")
    return problems


def _deep_merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        if isinstance(value, Mapping) and isinstance(merged.get(key), Mapping):
            merged[key] = _deep_merge(merged[key], value)
        else:
            merged[key] = value
    return merged


def _read_secret(name: str, path: Path) -> str:
    try:
        value = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(f"environment: {name}: the file cannot be read: {exc}") from exc
    if not value:
        raise ConfigError(
            f"environment: {name}: {path} is empty: write the value into it, or unset {name}"
        )
    return EnvironmentText(value)


def reveal(secret: SecretStr | None) -> str:
    """Return a secret's value, or an empty string."""
    return secret.get_secret_value() if secret else ""
