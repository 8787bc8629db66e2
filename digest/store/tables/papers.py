"""What was announced: sources and their polls, papers, ids, sightings, signals, vectors."""

from sqlalchemy import (
    Boolean,
    Column,
    Date,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from digest.store.tables._metadata import metadata
from digest.store.types import Document, RowId, UTCDateTime

sources = Table(
    "sources",
    metadata,
    Column("name", String(100), primary_key=True),
    Column("kind", String(100), nullable=False),
    # Validators, promoted address, error count, back-off, watermark: one JSON value that the
    # pure decision module reads and writes whole, committed last in the ingest transaction.
    Column("state", Document, nullable=False, server_default=text("'{}'")),
    Column("next_poll_at", UTCDateTime, index=True),
    Column("last_poll_at", UTCDateTime),
    Column("last_success_at", UTCDateTime),
    Column("disabled_reason", Text, nullable=False, server_default=""),
    Column("lease_until", UTCDateTime),
    Column("lease_owner", String(64)),
)

polls = Table(
    "polls",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("source", String(100), nullable=False),
    Column("kind", String(100), nullable=False),
    Column("at", UTCDateTime, nullable=False),
    Column("status", String(16), nullable=False),
    Column("records", Integer, nullable=False, server_default="0"),
    Column("new", Integer, nullable=False, server_default="0"),
    Column("revised", Integer, nullable=False, server_default="0"),
    Column("unchanged", Integer, nullable=False, server_default="0"),
    Column("rejected", Integer, nullable=False, server_default="0"),
    Column("batch_on", Date),
    Column("completeness", String(16), nullable=False, server_default="unknown"),
    Column("error", Text, nullable=False, server_default=""),
    Column("error_kind", String(40), nullable=False, server_default=""),
    Column("seconds", Float, nullable=False, server_default="0"),
    Column("body_sha256", String(64)),
    Index("ix_polls_source_at", "source", "at"),
    Index("ix_polls_at", "at"),
)

bodies = Table(
    "bodies",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("content", LargeBinary, nullable=False),
    Column("stored_at", UTCDateTime, nullable=False, index=True),
)

papers = Table(
    "papers",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("key", String(300), nullable=False, unique=True),
    Column("title", Text, nullable=False),
    Column("title_key", String(300), nullable=False, server_default="", index=True),
    Column("abstract", Text, nullable=False, server_default=""),
    Column("summary", Text, nullable=False, server_default=""),
    Column("authors", Document, nullable=False, server_default=text("'[]'")),
    Column("categories", Document, nullable=False, server_default=text("'[]'")),
    Column("keywords", Document, nullable=False, server_default=text("'[]'")),
    Column("url", Text, nullable=False, server_default=""),
    Column("links", Document, nullable=False, server_default=text("'[]'")),
    Column("comment", Text, nullable=False, server_default=""),
    Column("venue", Text, nullable=False, server_default=""),
    Column("published_at", UTCDateTime),
    Column("announced_on", Date, index=True),
    Column("first_seen_at", UTCDateTime, nullable=False, index=True),
    Column("announced_as_new", Boolean, nullable=False, server_default=text("true")),
    Column("version", Integer),
    Column("fingerprint", String(80), nullable=False),
    Column("revisions", Integer, nullable=False, server_default="0"),
    Column("withdrawn", Boolean, nullable=False, server_default=text("false")),
    # Which source each field's present value came from, for precedence.
    Column("provenance", Document, nullable=False, server_default=text("'{}'")),
    Column("merged_into", RowId, ForeignKey("papers.id", ondelete="SET NULL"), index=True),
)

paper_ids = Table(
    "paper_ids",
    metadata,
    Column("scheme", String(20), primary_key=True),
    Column("value", String(300), primary_key=True),
    Column("paper_id", RowId, ForeignKey("papers.id", ondelete="CASCADE"), nullable=False),
    Column("asserted_by", String(100), nullable=False, server_default=""),
    Index("ix_paper_ids_paper_id", "paper_id"),
)

sightings = Table(
    "sightings",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("paper_id", RowId, ForeignKey("papers.id", ondelete="CASCADE"), nullable=False),
    Column("source", String(100), nullable=False),
    Column("announced_on", Date, nullable=False),
    Column("announce_type", String(16), nullable=False),
    Column("category", String(60), nullable=False, server_default=""),
    Column("seen_at", UTCDateTime, nullable=False),
    UniqueConstraint("paper_id", "source", "announced_on"),
    Index("ix_sightings_source_announced_on", "source", "announced_on"),
)

records = Table(
    "records",
    metadata,
    Column("source", String(100), primary_key=True),
    Column("native_id", String(400), primary_key=True),
    Column("paper_id", RowId, ForeignKey("papers.id", ondelete="CASCADE"), nullable=False),
    Column("fingerprint", String(80), nullable=False),
    # The record as the source last gave it: what merge, split and precedence work from.
    Column("content", Document, nullable=False),
    Column("first_seen_at", UTCDateTime, nullable=False),
    Column("last_seen_at", UTCDateTime, nullable=False),
    Column("changes", Integer, nullable=False, server_default="0"),
    Index("ix_records_paper_id", "paper_id"),
)

versions = Table(
    "versions",
    metadata,
    Column("paper_id", RowId, ForeignKey("papers.id", ondelete="CASCADE"), primary_key=True),
    Column("scheme", String(20), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("title", Text, nullable=False),
    Column("seen_at", UTCDateTime, nullable=False),
)

events = Table(
    "events",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("paper_id", RowId, ForeignKey("papers.id", ondelete="CASCADE"), nullable=False),
    # new, first-seen-late, new-version, retitled, withdrawn, published
    Column("kind", String(20), nullable=False),
    Column("at", UTCDateTime, nullable=False),
    Column("detail", Document, nullable=False, server_default=text("'{}'")),
    Index("ix_events_paper_id", "paper_id"),
    Index("ix_events_kind_at", "kind", "at"),
)

paper_links = Table(
    "paper_links",
    metadata,
    Column("paper_id", RowId, ForeignKey("papers.id", ondelete="CASCADE"), primary_key=True),
    Column("other_id", RowId, ForeignKey("papers.id", ondelete="CASCADE"), primary_key=True),
    # preprint-of, maybe-same
    Column("kind", String(20), primary_key=True),
    Column("at", UTCDateTime, nullable=False),
)

merges = Table(
    "merges",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("kept_id", RowId, nullable=False, index=True),
    Column("absorbed_id", RowId, nullable=False, index=True),
    Column("reason", Text, nullable=False),
    Column("evidence", Document, nullable=False, server_default=text("'{}'")),
    Column("at", UTCDateTime, nullable=False),
    Column("undone_at", UTCDateTime),
)

signals = Table(
    "signals",
    metadata,
    Column("paper_id", RowId, ForeignKey("papers.id", ondelete="CASCADE"), primary_key=True),
    Column("kind", String(20), primary_key=True),
    Column("observed_at", UTCDateTime, primary_key=True),
    Column("value", Float, nullable=False),
    Index("ix_signals_observed_at", "observed_at"),
)

vectors = Table(
    "vectors",
    metadata,
    Column("paper_id", RowId, ForeignKey("papers.id", ondelete="CASCADE"), primary_key=True),
    Column("model", String(100), primary_key=True),
    # float16, little endian, L2-normalised before rounding
    Column("vector", LargeBinary, nullable=False),
)

tombstones = Table(
    "tombstones",
    metadata,
    Column("scheme", String(20), primary_key=True),
    Column("value", String(300), primary_key=True),
    Column("pruned_at", UTCDateTime, nullable=False),
)
