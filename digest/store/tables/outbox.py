"""What goes out: editions, deliveries and their attempts, suppressions, bounces, runs."""

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    Float,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from digest.store.tables._metadata import metadata
from digest.store.types import Document, RowId, UTCDateTime

editions = Table(
    "editions",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("subscription_id", RowId, nullable=False),
    Column("subscriber_id", RowId, nullable=False, index=True),
    Column("profile_id", RowId, nullable=False),
    Column("slot_at", UTCDateTime, nullable=False),
    Column("edition_on", Date, nullable=False),
    Column("window_start_at", UTCDateTime, nullable=False),
    Column("window_end_at", UTCDateTime, nullable=False),
    Column("frequency", String(10), nullable=False),
    # Picks, row ids of the other titles, source lines: frozen when made.
    # As text: it is written once and read whole, and PostgreSQL takes a document apart.
    Column("content", Text, nullable=False),
    Column("pick_count", Integer, nullable=False, server_default="0"),
    # mailed, empty (on_empty = skip), misfired
    Column("outcome", String(12), nullable=False, server_default="mailed"),
    Column("made_at", UTCDateTime, nullable=False),
    UniqueConstraint("subscription_id", "slot_at"),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", RowId, primary_key=True),
    # Sending an edition twice is the one mistake a reader never forgives.
    Column("edition_id", RowId, unique=True),
    Column("subscriber_id", RowId, index=True),
    Column("purpose", String(16), nullable=False),
    Column("priority", SmallInteger, nullable=False, server_default="50"),
    Column("address", String(320), nullable=False),
    Column("domain", String(255), nullable=False, server_default=""),
    # What the suppressions know the address by: re-checked in the very update before the dot.
    Column("address_hmac", String(64), nullable=False, server_default=""),
    Column("message_id", String(300), nullable=False, unique=True),
    # Mails that are not editions (confirmations, notices) carry what they are made of.
    Column("content", Document),
    Column("state", String(14), nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("created_at", UTCDateTime, nullable=False),
    Column("next_attempt_at", UTCDateTime, nullable=False),
    Column("expires_at", UTCDateTime),
    Column("lease_owner", String(64)),
    Column("lease_until", UTCDateTime),
    Column("transport", String(60), nullable=False, server_default=""),
    Column("code", Integer),
    Column("enhanced_code", String(12), nullable=False, server_default=""),
    Column("reply", Text, nullable=False, server_default=""),
    Column("queue_id", String(200), nullable=False, server_default=""),
    # A word for why: full, policy, greylist, render, ...
    Column("cause", String(20), nullable=False, server_default=""),
    Column("content_hash", String(64), nullable=False, server_default=""),
    Column("composed_at", UTCDateTime),
    Column("sent_at", UTCDateTime),
    # Without the editions', of which each would go to a page of its own: they are found by
    # subscriber.
    Index(
        "ix_deliveries_address_hmac",
        "address_hmac",
        sqlite_where=text("edition_id IS NULL"),
        postgresql_where=text("edition_id IS NULL"),
    ),
    Index("ix_deliveries_state_next_attempt_at", "state", "priority", "next_attempt_at"),
    Index(
        "ix_deliveries_sent_at",
        "sent_at",
        sqlite_where=text("sent_at IS NOT NULL"),
        postgresql_where=text("sent_at IS NOT NULL"),
    ),
)

attempts = Table(
    "attempts",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("delivery_id", RowId, ForeignKey("deliveries.id", ondelete="CASCADE"), nullable=False),
    Column("at", UTCDateTime, nullable=False),
    Column("transport", String(60), nullable=False, server_default=""),
    # connect, mail, rcpt, data, dot, done
    Column("phase", String(10), nullable=False),
    Column("outcome", String(14), nullable=False),
    Column("code", Integer),
    Column("enhanced_code", String(12), nullable=False, server_default=""),
    Column("reply", Text, nullable=False, server_default=""),
    Index("ix_attempts_delivery_id", "delivery_id"),
)

suppressions = Table(
    "suppressions",
    metadata,
    # HMAC of the address key, so that it outlives the subscriber without naming anybody.
    Column("address_hmac", String(64), primary_key=True),
    # unsubscribed, hard, complaint, manual, bomb
    Column("reason", String(16), nullable=False),
    Column("at", UTCDateTime, nullable=False),
    Column("detail", Text, nullable=False, server_default=""),
)

bounces = Table(
    "bounces",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("received_at", UTCDateTime, nullable=False),
    Column("delivery_id", RowId, index=True),
    Column("subscriber_id", RowId, index=True),
    # hard, soft, policy, delayed, complaint, auto-reply, unsubscribe, other, unreadable
    Column("kind", String(12), nullable=False),
    Column("status", String(12), nullable=False, server_default=""),
    # A sentence without addresses; the mail itself stays in the mailbox.
    Column("reason", Text, nullable=False, server_default=""),
    # What was done: suppressed, scored, left, none; unmatched where nobody is known by it,
    # unconfirmed where anybody could have written it.
    Column("effect", String(12), nullable=False, server_default="none"),
    # What the mailbox calls it, so that it is taken in once.
    Column("mailbox_key", String(300), nullable=False, unique=True),
)

summaries = Table(
    "summaries",
    metadata,
    Column("paper_id", RowId, primary_key=True, autoincrement=False),
    Column("language", String(60), primary_key=True),
    # Of the text that was summarised: another fingerprint asks again.
    Column("fingerprint", String(80), nullable=False),
    # Empty where nothing fit to be shown came back: asked once all the same.
    Column("text", Text, nullable=False),
    Column("cause", String(20), nullable=False, server_default=""),
    Column("model", String(200), nullable=False, server_default=""),
    # Mails that were first composed before it never show it: a retry is the same bytes.
    Column("made_at", UTCDateTime, nullable=False, index=True),
)

grades = Table(
    "grades",
    metadata,
    # Of what the model was told of a profile, and of the model: equal ones share grades.
    Column("fingerprint", String(40), primary_key=True),
    Column(
        "paper_id", RowId, ForeignKey("papers.id", ondelete="CASCADE"), primary_key=True, index=True
    ),
    # 0 (not wanted) to 3 (a must)
    Column("value", SmallInteger, nullable=False),
    Column("why", Text, nullable=False, server_default=""),
    Column("graded_at", UTCDateTime, nullable=False, index=True),
)

judge_usage = Table(
    "judge_usage",
    metadata,
    # In UTC. Requests are counted before they are made, with an estimate of their tokens.
    Column("day", Date, primary_key=True),
    Column("requests", Integer, nullable=False),
    Column("tokens", BigInteger, nullable=False),
)

buckets = Table(
    "buckets",
    metadata,
    # "provider:arxiv", "url:<sha>", "relay:main", "domain:example.org"
    Column("name", String(200), primary_key=True),
    Column("tokens", Float, nullable=False, server_default="0"),
    Column("updated_at", UTCDateTime, nullable=False),
    Column("blocked_until", UTCDateTime),
    Column("state", Document, nullable=False, server_default=text("'{}'")),
)

runs = Table(
    "runs",
    metadata,
    Column("id", String(32), primary_key=True),
    # run, poll, send, tick, ...
    Column("command", String(30), nullable=False),
    Column("started_at", UTCDateTime, nullable=False, index=True),
    Column("ended_at", UTCDateTime),
    Column("exit_code", SmallInteger),
    Column("report", Document, nullable=False, server_default=text("'{}'")),
)

owner_alerts = Table(
    "owner_alerts",
    metadata,
    # What is wrong ("source:arxiv-lg", "queue", ...): told once, and once when right again.
    Column("subject", String(200), primary_key=True),
    Column("since", UTCDateTime, nullable=False),
    Column("told_at", UTCDateTime),
    # Set when it is right again; the row goes when the owner was told that too.
    Column("right_at", UTCDateTime),
    Column("detail", Text, nullable=False, server_default=""),
)
