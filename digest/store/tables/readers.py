"""Who reads: subscribers, their profiles and consents, feedback, and what they were shown."""

from sqlalchemy import (
    Boolean,
    Column,
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

installation = Table(
    "installation",
    metadata,
    # instance (clone guard), created_at, confirmed profile generation, ...
    Column("name", String(60), primary_key=True),
    Column("value", Text, nullable=False),
)

subscribers = Table(
    "subscribers",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("address", String(320), nullable=False),
    # What two spellings of one mailbox share: domain as A-label, whole address case-folded.
    Column("address_key", String(320), nullable=False, unique=True),
    Column("status", String(16), nullable=False, index=True),
    Column("created_at", UTCDateTime, nullable=False),
    Column("confirmed_at", UTCDateTime),
    Column("unsubscribed_at", UTCDateTime),
    Column("soft_bounce_score", Integer, nullable=False, server_default="0"),
    Column("last_bounce_at", UTCDateTime),
    # Part of the addresses of private feeds: raised, it ends those given out before.
    Column("feed_generation", Integer, nullable=False, server_default="1"),
    # A row id is in links that were mailed: it never comes to stand for somebody else.
    sqlite_autoincrement=True,
)

profiles = Table(
    "profiles",
    metadata,
    Column("id", RowId, primary_key=True),
    # "config" profiles mirror the files and follow them; "web" ones belong to one subscriber.
    Column("origin", String(10), nullable=False),
    Column("name", String(200), nullable=False),
    Column("document", Document, nullable=False),
    Column("is_active", Boolean, nullable=False, server_default=text("true")),
    Column("created_at", UTCDateTime, nullable=False),
    Column("changed_at", UTCDateTime, nullable=False),
    UniqueConstraint("origin", "name"),
)

subscriptions = Table(
    "subscriptions",
    metadata,
    Column("id", RowId, primary_key=True),
    Column(
        "subscriber_id", RowId, ForeignKey("subscribers.id", ondelete="CASCADE"), nullable=False
    ),
    Column("profile_id", RowId, ForeignKey("profiles.id", ondelete="CASCADE"), nullable=False),
    Column("status", String(16), nullable=False),
    Column("created_at", UTCDateTime, nullable=False),
    # The next due slot, in UTC; NULL while unconfirmed or unsubscribed.
    Column("next_slot_at", UTCDateTime),
    Column("last_slot_at", UTCDateTime),
    # Who made it: "config" ones go when the address leaves the profile's file, others stay.
    Column("via", String(40), nullable=False, server_default="config"),
    UniqueConstraint("subscriber_id", "profile_id"),
    # With the id: a million share one slot, and each block of them is taken in this order.
    Index("ix_subscriptions_next_slot_at_id", "next_slot_at", "id"),
    Index("ix_subscriptions_profile_id", "profile_id"),
    sqlite_autoincrement=True,
)

libraries = Table(
    "libraries",
    metadata,
    Column("id", RowId, primary_key=True),
    Column(
        "subscriber_id",
        RowId,
        ForeignKey("subscribers.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    # CSL-JSON, compressed: the papers a reader keeps, named by an interest as "stored:<id>".
    Column("content", LargeBinary, nullable=False),
    Column("papers", Integer, nullable=False),
    Column("stored_at", UTCDateTime, nullable=False),
    sqlite_autoincrement=True,
)

consents = Table(
    "consents",
    metadata,
    Column("id", RowId, primary_key=True),
    # No foreign key: the proof of consent outlives neither erasure nor pruning by accident.
    Column("subscriber_id", RowId, nullable=False, index=True),
    # requested, confirmed, refused, unsubscribed, resubscribed, changed, erased, imported
    Column("kind", String(20), nullable=False),
    Column("at", UTCDateTime, nullable=False),
    Column("via", String(40), nullable=False),
    Column("text_version", String(40), nullable=False, server_default=""),
    Column("detail", Document, nullable=False, server_default=text("'{}'")),
)

feedback = Table(
    "feedback",
    metadata,
    Column("id", RowId, primary_key=True),
    Column(
        "subscriber_id", RowId, ForeignKey("subscribers.id", ondelete="CASCADE"), nullable=False
    ),
    Column("paper_id", RowId, ForeignKey("papers.id", ondelete="CASCADE"), nullable=False),
    Column("kind", String(10), nullable=False),
    Column("at", UTCDateTime, nullable=False),
    Column("interest", String(200), nullable=False, server_default=""),
    Column("edition_id", RowId),
    UniqueConstraint("subscriber_id", "paper_id", "kind"),
    Index("ix_feedback_paper_id", "paper_id"),
)

shown = Table(
    "shown",
    metadata,
    # The once-only promise: what stands here is never shown to that subscriber again. A row has
    # all papers of one edition, for there are millions of editions.
    Column(
        "subscriber_id",
        RowId,
        ForeignKey("subscribers.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    # Of the row's papers: ids grow, so that whoever asks for new papers passes over old rows.
    Column("highest_id", RowId, primary_key=True, autoincrement=False),
    Column("edition_id", RowId, primary_key=True, autoincrement=False),
    # ",3,17,42,": short, and one paper is found in it by LIKE.
    Column("paper_ids", Text, nullable=False),
    sqlite_with_rowid=False,
)
