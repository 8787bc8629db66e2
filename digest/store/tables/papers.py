"""What was announced: sources and their polls, papers, ids, sightings, signals, vectors."""

from sqlalchemy import (
    BigInteger,
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
    Column("notice", Text, nullable=False, server_default=""),
    Column("seconds", Float, nullable=False, server_default="0"),
    Index("ix_polls_source_at", "source", "at"),
    Index("ix_polls_at", "at"),
)

# The answers of one poll in their order, with what a parser needs beside the bytes.
poll_bodies = Table(
    "poll_bodies",
    metadata,
    Column("poll_id", RowId, ForeignKey("polls.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("sha256", String(64), nullable=False, index=True),
    Column("url", Text, nullable=False),
    Column("content_type", Text, nullable=False, server_default=""),
    Column("label", Text, nullable=False, server_default=""),
    Column("fetched_at", UTCDateTime, nullable=False),
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
    # The best of its ids; unique among papers that are not merged away (paper_ids holds that).
    Column("key", String(320), nullable=False, index=True),
    Column("title", Text, nullable=False),
    # 64 bits of the title's key; NULL where the title is too short to recognise a paper by.
    Column("title_hash", BigInteger),
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
    Column("announced_on", Date),
    Column("first_seen_at", UTCDateTime, nullable=False, index=True),
    # When it became news here; NULL while only replacements of it were seen.
    Column("new_at", UTCDateTime, index=True),
    Column("version", Integer),
    Column("fingerprint", String(80), nullable=False),
    Column("revisions", Integer, nullable=False, server_default="0"),
    Column("withdrawn", Boolean, nullable=False, server_default=text("false")),
    # Which source each field's present value came from.
    Column("provenance", Document, nullable=False, server_default=text("'{}'")),
    Column("merged_into", RowId, ForeignKey("papers.id", ondelete="SET NULL")),
    # Ids of pruned papers are never given out again: the ledger of what was shown names them.
    sqlite_autoincrement=True,
)

Index(
    "ix_papers_title_hash",
    papers.c.title_hash,
    sqlite_where=papers.c.title_hash.is_not(None),
    postgresql_where=papers.c.title_hash.is_not(None),
)
Index(
    "ix_papers_merged_into",
    papers.c.merged_into,
    sqlite_where=papers.c.merged_into.is_not(None),
    postgresql_where=papers.c.merged_into.is_not(None),
)

paper_ids = Table(
    "paper_ids",
    metadata,
    Column("scheme", String(20), primary_key=True),
    Column("value", String(300), primary_key=True),
    Column("paper_id", RowId, ForeignKey("papers.id", ondelete="CASCADE"), nullable=False),
    # The source that claims an id of a foreign scheme; empty where the id's own source gave it.
    Column("asserted_by", String(100), nullable=False, server_default=""),
    Index("ix_paper_ids_paper_id", "paper_id"),
    sqlite_with_rowid=False,
)

sightings = Table(
    "sightings",
    metadata,
    Column("paper_id", RowId, ForeignKey("papers.id", ondelete="CASCADE"), primary_key=True),
    Column("source", String(100), primary_key=True),
    # The source's batch date; the day of the first poll that found it where it states none.
    Column("announced_on", Date, primary_key=True),
    Column("announce_type", String(16), nullable=False),
    Column("seen_at", UTCDateTime, nullable=False),
    Index("ix_sightings_source_announced_on", "source", "announced_on"),
    Index("ix_sightings_announced_on", "announced_on"),
    sqlite_with_rowid=False,
)

records = Table(
    "records",
    metadata,
    Column("source", String(100), primary_key=True),
    Column("native_id", String(400), primary_key=True),
    Column("paper_id", RowId, ForeignKey("papers.id", ondelete="CASCADE"), nullable=False),
    # Of what a reader would notice, and of all that is stored.
    Column("fingerprint", String(80), nullable=False),
    Column("content_hash", String(32), nullable=False),
    Column("changes", Integer, nullable=False, server_default="0"),
    Column("first_seen_at", UTCDateTime, nullable=False),
    # To the day: written at most once a day.
    Column("last_seen_at", UTCDateTime, nullable=False),
    # The record as the source last gave it: what merge, split and precedence work from.
    Column("content", Document, nullable=False),
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
    sqlite_with_rowid=False,
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
    # preprint-of (paper_id is the preprint), maybe-same, different (the owner said so)
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
    sqlite_with_rowid=False,
)

# When each observer last asked about a paper and when it is to ask again: signals, enrichment.
observations = Table(
    "observations",
    metadata,
    Column("observer", String(100), primary_key=True),
    Column("paper_id", RowId, ForeignKey("papers.id", ondelete="CASCADE"), primary_key=True),
    Column("asked_at", UTCDateTime, nullable=False),
    Column("next_at", UTCDateTime, nullable=False),
    Index("ix_observations_paper_id", "paper_id"),
    sqlite_with_rowid=False,
)

# Papers that people named by address or id, until an inbox source has read what they are.
submissions = Table(
    "submissions",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("source", String(100), nullable=False),
    Column("key", String(320), nullable=False),
    # As it was given.
    Column("reference", Text, nullable=False),
    # Who gave it; NULL for the owner, and for somebody who is forgotten.
    Column("subscriber_id", RowId, ForeignKey("subscribers.id", ondelete="SET NULL")),
    Column("at", UTCDateTime, nullable=False),
    # waiting, found, failed
    Column("state", String(10), nullable=False, server_default="waiting"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    # Why the last attempt found no paper; empty where nobody knows it.
    Column("problem", Text, nullable=False, server_default=""),
    Column("paper_id", RowId, ForeignKey("papers.id", ondelete="SET NULL"), index=True),
    UniqueConstraint("source", "key"),
    Index("ix_submissions_source_state", "source", "state"),
    Index("ix_submissions_subscriber_id", "subscriber_id"),
)

# Liked and disliked papers by key, whether or not the store has them yet.
lookups = Table(
    "lookups",
    metadata,
    Column("key", String(320), primary_key=True),
    Column("paper_id", RowId, ForeignKey("papers.id", ondelete="SET NULL"), index=True),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("next_at", UTCDateTime, nullable=False, index=True),
    # Why the last attempt brought no paper; empty before the first one.
    Column("problem", Text, nullable=False, server_default=""),
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
    sqlite_with_rowid=False,
)
