"""Column types that mean the same on SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, Dialect, Integer, TypeDecorator
from sqlalchemy.dialects.postgresql import JSONB

RowId = BigInteger().with_variant(Integer, "sqlite")
"""64-bit row ids; SQLite auto-increments only a column declared INTEGER."""

Document: JSON = JSON().with_variant(JSONB(), "postgresql")
"""A JSON value."""


class UTCDateTime(TypeDecorator[datetime]):
    """Aware datetimes in, aware UTC datetimes out.

    ``DateTime(timezone=True)`` is not enough: on SQLite it drops the offset without
    converting, so noon in Tokyo comes back as a naive noon.
    """

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive values here, where the traceback still shows who made them."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"naive datetime: {value}")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Say what the column always meant."""
        return None if value is None else value.replace(tzinfo=UTC)
