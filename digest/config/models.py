"""The sections of endpoints with a language model: ``[summaries]`` and ``[judge]``."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, model_validator

from digest.config.fields import Section, is_local


def _check_endpoint(section: SummariesSection | JudgeSection, *, needed: bool) -> None:
    """Raise ValueError where a section's endpoint cannot be asked, or not safely."""
    if needed and not (section.base_url and section.model):
        raise ValueError("enabled: needs base_url and model")
    if section.base_url and not section.base_url.startswith(("https://", "http://")):
        raise ValueError("base_url: expected an address that starts with https://")
    host = urlsplit(section.base_url).hostname or ""
    if section.api_key and section.base_url.startswith("http://") and not is_local(host):
        raise ValueError("base_url: a key is only sent over https:// or to this machine")


class SummariesSection(Section):
    """``[summaries]``: optional one-sentence summaries by an OpenAI-compatible endpoint."""

    enabled: bool = Field(False, description="Off by default; nothing is asked of anybody.")
    kind: str = Field(
        "openai", description="openai for an OpenAI-compatible endpoint, or pkg.mod:func."
    )
    base_url: str = Field("", description="Address up to /v1, such as http://127.0.0.1:11434/v1.")
    model: str = Field("", description="Model name.")
    api_key: SecretStr | None = Field(None, description="Key, from the environment or a file.")
    language: str = Field("English", max_length=60, description="Language of the sentence.")
    daily_budget: int = Field(200, ge=0, description="Most papers asked about in a day (UTC).")
    timeout_s: float = Field(30, gt=0, description="Time for one answer.")
    pass_limit_s: float = Field(
        120, gt=0, description="The mail waits no longer than about this for summaries."
    )
    connections: int = Field(4, ge=1, le=32, description="Papers asked about at the same time.")
    extra: dict[str, Any] = Field(
        default_factory=dict,
        description="Further fields of each request, such as { max_tokens = 200 }.",
    )

    @model_validator(mode="after")
    def _whole(self) -> SummariesSection:
        _check_endpoint(self, needed=self.enabled and self.kind == "openai")
        return self


class JudgeSection(Section):
    """``[judge]``: an optional language model that grades each reader's best papers."""

    enabled: bool = Field(False, description="Off by default; nothing is asked of anybody.")
    base_url: str = Field("", description="Address up to /v1, such as http://127.0.0.1:11434/v1.")
    model: str = Field("", description="Model name.")
    api_key: SecretStr | None = Field(None, description="Key, from the environment or a file.")
    everyone: bool = Field(
        True, description="Judge for all profiles; off: only for those with `judge = true`."
    )
    daily_requests: int = Field(200, ge=0, description="Most requests in a day (UTC).")
    daily_tokens: int = Field(1_000_000, ge=0, description="Most tokens in a day (UTC).")
    papers_per_request: int = Field(
        10,
        ge=1,
        le=40,
        description="Papers graded by one request; with 1 no abstract can sway another's grade.",
    )
    timeout_s: float = Field(30, gt=0, description="Time for one answer.")
    pass_limit_s: float = Field(60, gt=0, description="Time for all answers of one run.")
    connections: int = Field(4, ge=1, le=32, description="Requests at the same time.")
    extra: dict[str, Any] = Field(
        default_factory=dict,
        description="Further fields of each request, such as { temperature = 0 }.",
    )

    @model_validator(mode="after")
    def _whole(self) -> JudgeSection:
        _check_endpoint(self, needed=self.enabled)
        return self
