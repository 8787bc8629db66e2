"""What tables of the configuration are made of: their base, and kinds of values.

Names, defaults and meanings are in `sections` and `profiles`.
"""

from __future__ import annotations

from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, SecretStr

from digest.exact import Exact
from digest.keys import flaw_of
from digest.text.locales import find_locale


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as exc:
        raise ValueError(f"expected an IANA time zone such as Europe/Berlin, not {name!r}") from exc
    return name


def _known_locale(name: str) -> str:
    if name and find_locale(name) is None:
        raise ValueError(f"expected a locale such as en, de or pt-BR, not {name!r}")
    return name


def _long_enough(value: SecretStr) -> SecretStr:
    if flaw := flaw_of(value.get_secret_value()):
        raise ValueError(flaw)
    return value


TimeZone = Annotated[str, AfterValidator(_known_zone)]
LocaleName = Annotated[str, AfterValidator(_known_locale)]
SecretKey = Annotated[SecretStr, AfterValidator(_long_enough)]
"""What signs, or lets in: long enough that nobody guesses it."""


Section = Exact
"""A table of the configuration."""


def is_local(host: str) -> bool:
    """Tell a host name of this machine, or none at all."""
    return host in {"", "localhost", "::1"} or host.startswith("127.")
