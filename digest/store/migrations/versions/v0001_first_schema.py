"""The first schema."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

RowId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Document = sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    """Make every table."""
    op.create_table(
        "bodies",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("stored_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_bodies")),
    )
    op.create_index(op.f("ix_bodies_stored_at"), "bodies", ["stored_at"], unique=False)
    op.create_table(
        "bounces",
        sa.Column("id", RowId, nullable=False),
        sa.Column("received_at", sa.DateTime(), nullable=False),
        sa.Column("delivery_id", RowId, nullable=True),
        sa.Column("subscriber_id", RowId, nullable=True),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("status", sa.String(length=12), server_default="", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("effect", sa.String(length=12), server_default="none", nullable=False),
        sa.Column("mailbox_key", sa.String(length=300), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bounces")),
        sa.UniqueConstraint("mailbox_key", name=op.f("uq_bounces_mailbox_key")),
    )
    op.create_index(op.f("ix_bounces_delivery_id"), "bounces", ["delivery_id"], unique=False)
    op.create_index(op.f("ix_bounces_subscriber_id"), "bounces", ["subscriber_id"], unique=False)
    op.create_table(
        "buckets",
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("tokens", sa.Float(), server_default="0", nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=False),
        sa.Column("blocked_until", sa.DateTime(), nullable=True),
        sa.Column("state", Document, server_default=sa.text("'{}'"), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_buckets")),
    )
    op.create_table(
        "consents",
        sa.Column("id", RowId, nullable=False),
        sa.Column("subscriber_id", RowId, nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("via", sa.String(length=40), nullable=False),
        sa.Column("text_version", sa.String(length=40), server_default="", nullable=False),
        sa.Column("detail", Document, server_default=sa.text("'{}'"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consents")),
    )
    op.create_index(op.f("ix_consents_subscriber_id"), "consents", ["subscriber_id"], unique=False)
    op.create_table(
        "deliveries",
        sa.Column("id", RowId, nullable=False),
        sa.Column("edition_id", RowId, nullable=True),
        sa.Column("subscriber_id", RowId, nullable=True),
        sa.Column("purpose", sa.String(length=16), nullable=False),
        sa.Column("priority", sa.SmallInteger(), server_default="50", nullable=False),
        sa.Column("address", sa.String(length=320), nullable=False),
        sa.Column("domain", sa.String(length=255), server_default="", nullable=False),
        sa.Column("address_hmac", sa.String(length=64), server_default="", nullable=False),
        sa.Column("message_id", sa.String(length=300), nullable=False),
        sa.Column("content", Document, nullable=True),
        sa.Column("state", sa.String(length=14), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(), nullable=False),
        sa.Column("expires_at", sa.DateTime(), nullable=True),
        sa.Column("lease_owner", sa.String(length=64), nullable=True),
        sa.Column("lease_until", sa.DateTime(), nullable=True),
        sa.Column("transport", sa.String(length=60), server_default="", nullable=False),
        sa.Column("code", sa.Integer(), nullable=True),
        sa.Column("enhanced_code", sa.String(length=12), server_default="", nullable=False),
        sa.Column("reply", sa.Text(), server_default="", nullable=False),
        sa.Column("queue_id", sa.String(length=200), server_default="", nullable=False),
        sa.Column("cause", sa.String(length=20), server_default="", nullable=False),
        sa.Column("content_hash", sa.String(length=64), server_default="", nullable=False),
        sa.Column("composed_at", sa.DateTime(), nullable=True),
        sa.Column("sent_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
        sa.UniqueConstraint("edition_id", name=op.f("uq_deliveries_edition_id")),
        sa.UniqueConstraint("message_id", name=op.f("uq_deliveries_message_id")),
    )
    op.create_index(
        "ix_deliveries_address_hmac",
        "deliveries",
        ["address_hmac"],
        unique=False,
        sqlite_where=sa.text("edition_id IS NULL"),
        postgresql_where=sa.text("edition_id IS NULL"),
    )
    op.create_index(
        "ix_deliveries_sent_at",
        "deliveries",
        ["sent_at"],
        unique=False,
        sqlite_where=sa.text("sent_at IS NOT NULL"),
        postgresql_where=sa.text("sent_at IS NOT NULL"),
    )
    op.create_index(
        "ix_deliveries_state_next_attempt_at",
        "deliveries",
        ["state", "priority", "next_attempt_at"],
        unique=False,
    )
    op.create_index(
        op.f("ix_deliveries_subscriber_id"), "deliveries", ["subscriber_id"], unique=False
    )
    op.create_table(
        "editions",
        sa.Column("id", RowId, nullable=False),
        sa.Column("subscription_id", RowId, nullable=False),
        sa.Column("subscriber_id", RowId, nullable=False),
        sa.Column("profile_id", RowId, nullable=False),
        sa.Column("slot_at", sa.DateTime(), nullable=False),
        sa.Column("edition_on", sa.Date(), nullable=False),
        sa.Column("window_start_at", sa.DateTime(), nullable=False),
        sa.Column("window_end_at", sa.DateTime(), nullable=False),
        sa.Column("frequency", sa.String(length=10), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("pick_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("outcome", sa.String(length=12), server_default="mailed", nullable=False),
        sa.Column("made_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_editions")),
        sa.UniqueConstraint(
            "subscription_id", "slot_at", name=op.f("uq_editions_subscription_id_slot_at")
        ),
    )
    op.create_index(op.f("ix_editions_subscriber_id"), "editions", ["subscriber_id"], unique=False)
    op.create_table(
        "installation",
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_installation")),
    )
    op.create_table(
        "merges",
        sa.Column("id", RowId, nullable=False),
        sa.Column("kept_id", RowId, nullable=False),
        sa.Column("absorbed_id", RowId, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("evidence", Document, server_default=sa.text("'{}'"), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("undone_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_merges")),
    )
    op.create_index(op.f("ix_merges_absorbed_id"), "merges", ["absorbed_id"], unique=False)
    op.create_index(op.f("ix_merges_kept_id"), "merges", ["kept_id"], unique=False)
    op.create_table(
        "owner_alerts",
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("since", sa.DateTime(), nullable=False),
        sa.Column("told_at", sa.DateTime(), nullable=True),
        sa.Column("right_at", sa.DateTime(), nullable=True),
        sa.Column("detail", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("subject", name=op.f("pk_owner_alerts")),
    )
    op.create_table(
        "papers",
        sa.Column("id", RowId, nullable=False),
        sa.Column("key", sa.String(length=320), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("title_hash", sa.BigInteger(), nullable=True),
        sa.Column("abstract", sa.Text(), server_default="", nullable=False),
        sa.Column("summary", sa.Text(), server_default="", nullable=False),
        sa.Column("authors", Document, server_default=sa.text("'[]'"), nullable=False),
        sa.Column("categories", Document, server_default=sa.text("'[]'"), nullable=False),
        sa.Column("keywords", Document, server_default=sa.text("'[]'"), nullable=False),
        sa.Column("url", sa.Text(), server_default="", nullable=False),
        sa.Column("links", Document, server_default=sa.text("'[]'"), nullable=False),
        sa.Column("comment", sa.Text(), server_default="", nullable=False),
        sa.Column("venue", sa.Text(), server_default="", nullable=False),
        sa.Column("published_at", sa.DateTime(), nullable=True),
        sa.Column("announced_on", sa.Date(), nullable=True),
        sa.Column("first_seen_at", sa.DateTime(), nullable=False),
        sa.Column("new_at", sa.DateTime(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("fingerprint", sa.String(length=80), nullable=False),
        sa.Column("revisions", sa.Integer(), server_default="0", nullable=False),
        sa.Column("withdrawn", sa.Boolean(), server_default=sa.text("(false)"), nullable=False),
        sa.Column("provenance", Document, server_default=sa.text("'{}'"), nullable=False),
        sa.Column("merged_into", RowId, nullable=True),
        sa.ForeignKeyConstraint(
            ["merged_into"], ["papers.id"], name=op.f("fk_papers_merged_into"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_papers")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_papers_first_seen_at"), "papers", ["first_seen_at"], unique=False)
    op.create_index(op.f("ix_papers_key"), "papers", ["key"], unique=False)
    op.create_index(
        "ix_papers_merged_into",
        "papers",
        ["merged_into"],
        unique=False,
        sqlite_where=sa.text("merged_into IS NOT NULL"),
        postgresql_where=sa.text("merged_into IS NOT NULL"),
    )
    op.create_index(op.f("ix_papers_new_at"), "papers", ["new_at"], unique=False)
    op.create_index(
        "ix_papers_title_hash",
        "papers",
        ["title_hash"],
        unique=False,
        sqlite_where=sa.text("title_hash IS NOT NULL"),
        postgresql_where=sa.text("title_hash IS NOT NULL"),
    )
    op.create_table(
        "polls",
        sa.Column("id", RowId, nullable=False),
        sa.Column("source", sa.String(length=100), nullable=False),
        sa.Column("kind", sa.String(length=100), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("records", sa.Integer(), server_default="0", nullable=False),
        sa.Column("new", sa.Integer(), server_default="0", nullable=False),
        sa.Column("revised", sa.Integer(), server_default="0", nullable=False),
        sa.Column("unchanged", sa.Integer(), server_default="0", nullable=False),
        sa.Column("rejected", sa.Integer(), server_default="0", nullable=False),
        sa.Column("batch_on", sa.Date(), nullable=True),
        sa.Column("completeness", sa.String(length=16), server_default="unknown", nullable=False),
        sa.Column("error", sa.Text(), server_default="", nullable=False),
        sa.Column("error_kind", sa.String(length=40), server_default="", nullable=False),
        sa.Column("notice", sa.Text(), server_default="", nullable=False),
        sa.Column("seconds", sa.Float(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_polls")),
    )
    op.create_index("ix_polls_at", "polls", ["at"], unique=False)
    op.create_index("ix_polls_source_at", "polls", ["source", "at"], unique=False)
    op.create_table(
        "profiles",
        sa.Column("id", RowId, nullable=False),
        sa.Column("origin", sa.String(length=10), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("document", Document, nullable=False),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("(true)"), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("changed_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_profiles")),
        sa.UniqueConstraint("origin", "name", name=op.f("uq_profiles_origin_name")),
    )
    op.create_table(
        "runs",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("command", sa.String(length=30), nullable=False),
        sa.Column("started_at", sa.DateTime(), nullable=False),
        sa.Column("ended_at", sa.DateTime(), nullable=True),
        sa.Column("exit_code", sa.SmallInteger(), nullable=True),
        sa.Column("report", Document, server_default=sa.text("'{}'"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_runs")),
    )
    op.create_index(op.f("ix_runs_started_at"), "runs", ["started_at"], unique=False)
    op.create_table(
        "sources",
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("kind", sa.String(length=100), nullable=False),
        sa.Column("state", Document, server_default=sa.text("'{}'"), nullable=False),
        sa.Column("next_poll_at", sa.DateTime(), nullable=True),
        sa.Column("last_poll_at", sa.DateTime(), nullable=True),
        sa.Column("last_success_at", sa.DateTime(), nullable=True),
        sa.Column("disabled_reason", sa.Text(), server_default="", nullable=False),
        sa.Column("lease_until", sa.DateTime(), nullable=True),
        sa.Column("lease_owner", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_sources")),
    )
    op.create_index(op.f("ix_sources_next_poll_at"), "sources", ["next_poll_at"], unique=False)
    op.create_table(
        "subscribers",
        sa.Column("id", RowId, nullable=False),
        sa.Column("address", sa.String(length=320), nullable=False),
        sa.Column("address_key", sa.String(length=320), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(), nullable=True),
        sa.Column("unsubscribed_at", sa.DateTime(), nullable=True),
        sa.Column("soft_bounce_score", sa.Integer(), server_default="0", nullable=False),
        sa.Column("last_bounce_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscribers")),
        sa.UniqueConstraint("address_key", name=op.f("uq_subscribers_address_key")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_subscribers_status"), "subscribers", ["status"], unique=False)
    op.create_table(
        "summaries",
        sa.Column("paper_id", RowId, autoincrement=False, nullable=False),
        sa.Column("language", sa.String(length=60), nullable=False),
        sa.Column("fingerprint", sa.String(length=80), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("cause", sa.String(length=20), server_default="", nullable=False),
        sa.Column("model", sa.String(length=200), server_default="", nullable=False),
        sa.Column("made_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("paper_id", "language", name=op.f("pk_summaries")),
    )
    op.create_index(op.f("ix_summaries_made_at"), "summaries", ["made_at"], unique=False)
    op.create_table(
        "suppressions",
        sa.Column("address_hmac", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.String(length=16), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("detail", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("address_hmac", name=op.f("pk_suppressions")),
    )
    op.create_table(
        "tombstones",
        sa.Column("scheme", sa.String(length=20), nullable=False),
        sa.Column("value", sa.String(length=300), nullable=False),
        sa.Column("pruned_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("scheme", "value", name=op.f("pk_tombstones")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "attempts",
        sa.Column("id", RowId, nullable=False),
        sa.Column("delivery_id", RowId, nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("transport", sa.String(length=60), server_default="", nullable=False),
        sa.Column("phase", sa.String(length=10), nullable=False),
        sa.Column("outcome", sa.String(length=14), nullable=False),
        sa.Column("code", sa.Integer(), nullable=True),
        sa.Column("enhanced_code", sa.String(length=12), server_default="", nullable=False),
        sa.Column("reply", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["delivery_id"],
            ["deliveries.id"],
            name=op.f("fk_attempts_delivery_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempts")),
    )
    op.create_index("ix_attempts_delivery_id", "attempts", ["delivery_id"], unique=False)
    op.create_table(
        "events",
        sa.Column("id", RowId, nullable=False),
        sa.Column("paper_id", RowId, nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("detail", Document, server_default=sa.text("'{}'"), nullable=False),
        sa.ForeignKeyConstraint(
            ["paper_id"], ["papers.id"], name=op.f("fk_events_paper_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
    )
    op.create_index("ix_events_kind_at", "events", ["kind", "at"], unique=False)
    op.create_index("ix_events_paper_id", "events", ["paper_id"], unique=False)
    op.create_table(
        "feedback",
        sa.Column("id", RowId, nullable=False),
        sa.Column("subscriber_id", RowId, nullable=False),
        sa.Column("paper_id", RowId, nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("interest", sa.String(length=200), server_default="", nullable=False),
        sa.Column("edition_id", RowId, nullable=True),
        sa.ForeignKeyConstraint(
            ["paper_id"], ["papers.id"], name=op.f("fk_feedback_paper_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["subscriber_id"],
            ["subscribers.id"],
            name=op.f("fk_feedback_subscriber_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_feedback")),
        sa.UniqueConstraint(
            "subscriber_id",
            "paper_id",
            "kind",
            name=op.f("uq_feedback_subscriber_id_paper_id_kind"),
        ),
    )
    op.create_index("ix_feedback_paper_id", "feedback", ["paper_id"], unique=False)
    op.create_table(
        "libraries",
        sa.Column("id", RowId, nullable=False),
        sa.Column("subscriber_id", RowId, nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("papers", sa.Integer(), nullable=False),
        sa.Column("stored_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["subscriber_id"],
            ["subscribers.id"],
            name=op.f("fk_libraries_subscriber_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_libraries")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_libraries_subscriber_id"), "libraries", ["subscriber_id"], unique=False
    )
    op.create_table(
        "observations",
        sa.Column("observer", sa.String(length=100), nullable=False),
        sa.Column("paper_id", RowId, nullable=False),
        sa.Column("asked_at", sa.DateTime(), nullable=False),
        sa.Column("next_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["paper_id"], ["papers.id"], name=op.f("fk_observations_paper_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("observer", "paper_id", name=op.f("pk_observations")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_observations_paper_id", "observations", ["paper_id"], unique=False)
    op.create_table(
        "paper_ids",
        sa.Column("scheme", sa.String(length=20), nullable=False),
        sa.Column("value", sa.String(length=300), nullable=False),
        sa.Column("paper_id", RowId, nullable=False),
        sa.Column("asserted_by", sa.String(length=100), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["paper_id"], ["papers.id"], name=op.f("fk_paper_ids_paper_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("scheme", "value", name=op.f("pk_paper_ids")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_paper_ids_paper_id", "paper_ids", ["paper_id"], unique=False)
    op.create_table(
        "paper_links",
        sa.Column("paper_id", RowId, nullable=False),
        sa.Column("other_id", RowId, nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["other_id"], ["papers.id"], name=op.f("fk_paper_links_other_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["paper_id"], ["papers.id"], name=op.f("fk_paper_links_paper_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("paper_id", "other_id", "kind", name=op.f("pk_paper_links")),
    )
    op.create_table(
        "poll_bodies",
        sa.Column("poll_id", RowId, nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("content_type", sa.Text(), server_default="", nullable=False),
        sa.Column("label", sa.Text(), server_default="", nullable=False),
        sa.Column("fetched_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["poll_id"], ["polls.id"], name=op.f("fk_poll_bodies_poll_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("poll_id", "position", name=op.f("pk_poll_bodies")),
    )
    op.create_index(op.f("ix_poll_bodies_sha256"), "poll_bodies", ["sha256"], unique=False)
    op.create_table(
        "records",
        sa.Column("source", sa.String(length=100), nullable=False),
        sa.Column("native_id", sa.String(length=400), nullable=False),
        sa.Column("paper_id", RowId, nullable=False),
        sa.Column("fingerprint", sa.String(length=80), nullable=False),
        sa.Column("content_hash", sa.String(length=32), nullable=False),
        sa.Column("changes", sa.Integer(), server_default="0", nullable=False),
        sa.Column("first_seen_at", sa.DateTime(), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(), nullable=False),
        sa.Column("content", Document, nullable=False),
        sa.ForeignKeyConstraint(
            ["paper_id"], ["papers.id"], name=op.f("fk_records_paper_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("source", "native_id", name=op.f("pk_records")),
    )
    op.create_index("ix_records_paper_id", "records", ["paper_id"], unique=False)
    op.create_table(
        "shown",
        sa.Column("subscriber_id", RowId, autoincrement=False, nullable=False),
        sa.Column("highest_id", RowId, autoincrement=False, nullable=False),
        sa.Column("edition_id", RowId, autoincrement=False, nullable=False),
        sa.Column("paper_ids", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["subscriber_id"],
            ["subscribers.id"],
            name=op.f("fk_shown_subscriber_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("subscriber_id", "highest_id", "edition_id", name=op.f("pk_shown")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "sightings",
        sa.Column("paper_id", RowId, nullable=False),
        sa.Column("source", sa.String(length=100), nullable=False),
        sa.Column("announced_on", sa.Date(), nullable=False),
        sa.Column("announce_type", sa.String(length=16), nullable=False),
        sa.Column("seen_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["paper_id"], ["papers.id"], name=op.f("fk_sightings_paper_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("paper_id", "source", "announced_on", name=op.f("pk_sightings")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_sightings_announced_on", "sightings", ["announced_on"], unique=False)
    op.create_index(
        "ix_sightings_source_announced_on", "sightings", ["source", "announced_on"], unique=False
    )
    op.create_table(
        "signals",
        sa.Column("paper_id", RowId, nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("observed_at", sa.DateTime(), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["paper_id"], ["papers.id"], name=op.f("fk_signals_paper_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("paper_id", "kind", "observed_at", name=op.f("pk_signals")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_signals_observed_at", "signals", ["observed_at"], unique=False)
    op.create_table(
        "submissions",
        sa.Column("id", RowId, nullable=False),
        sa.Column("source", sa.String(length=100), nullable=False),
        sa.Column("key", sa.String(length=320), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("subscriber_id", RowId, nullable=True),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("state", sa.String(length=10), server_default="waiting", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("problem", sa.Text(), server_default="", nullable=False),
        sa.Column("paper_id", RowId, nullable=True),
        sa.ForeignKeyConstraint(
            ["paper_id"], ["papers.id"], name=op.f("fk_submissions_paper_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["subscriber_id"],
            ["subscribers.id"],
            name=op.f("fk_submissions_subscriber_id"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_submissions")),
        sa.UniqueConstraint("source", "key", name=op.f("uq_submissions_source_key")),
    )
    op.create_index(op.f("ix_submissions_paper_id"), "submissions", ["paper_id"], unique=False)
    op.create_index("ix_submissions_source_state", "submissions", ["source", "state"], unique=False)
    op.create_index("ix_submissions_subscriber_id", "submissions", ["subscriber_id"], unique=False)
    op.create_table(
        "subscriptions",
        sa.Column("id", RowId, nullable=False),
        sa.Column("subscriber_id", RowId, nullable=False),
        sa.Column("profile_id", RowId, nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("next_slot_at", sa.DateTime(), nullable=True),
        sa.Column("last_slot_at", sa.DateTime(), nullable=True),
        sa.Column("via", sa.String(length=40), server_default="config", nullable=False),
        sa.ForeignKeyConstraint(
            ["profile_id"],
            ["profiles.id"],
            name=op.f("fk_subscriptions_profile_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["subscriber_id"],
            ["subscribers.id"],
            name=op.f("fk_subscriptions_subscriber_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscriptions")),
        sa.UniqueConstraint(
            "subscriber_id", "profile_id", name=op.f("uq_subscriptions_subscriber_id_profile_id")
        ),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_subscriptions_next_slot_at_id", "subscriptions", ["next_slot_at", "id"], unique=False
    )
    op.create_index("ix_subscriptions_profile_id", "subscriptions", ["profile_id"], unique=False)
    op.create_table(
        "vectors",
        sa.Column("paper_id", RowId, nullable=False),
        sa.Column("model", sa.String(length=100), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["paper_id"], ["papers.id"], name=op.f("fk_vectors_paper_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("paper_id", "model", name=op.f("pk_vectors")),
    )
    op.create_table(
        "versions",
        sa.Column("paper_id", RowId, nullable=False),
        sa.Column("scheme", sa.String(length=20), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("seen_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["paper_id"], ["papers.id"], name=op.f("fk_versions_paper_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("paper_id", "scheme", "number", name=op.f("pk_versions")),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Drop every table."""
    op.drop_table("versions")
    op.drop_table("vectors")
    op.drop_index("ix_subscriptions_profile_id", table_name="subscriptions")
    op.drop_index("ix_subscriptions_next_slot_at_id", table_name="subscriptions")
    op.drop_table("subscriptions")
    op.drop_index("ix_submissions_subscriber_id", table_name="submissions")
    op.drop_index("ix_submissions_source_state", table_name="submissions")
    op.drop_index(op.f("ix_submissions_paper_id"), table_name="submissions")
    op.drop_table("submissions")
    op.drop_index("ix_signals_observed_at", table_name="signals")
    op.drop_table("signals")
    op.drop_index("ix_sightings_source_announced_on", table_name="sightings")
    op.drop_index("ix_sightings_announced_on", table_name="sightings")
    op.drop_table("sightings")
    op.drop_table("shown")
    op.drop_index("ix_records_paper_id", table_name="records")
    op.drop_table("records")
    op.drop_index(op.f("ix_poll_bodies_sha256"), table_name="poll_bodies")
    op.drop_table("poll_bodies")
    op.drop_table("paper_links")
    op.drop_index("ix_paper_ids_paper_id", table_name="paper_ids")
    op.drop_table("paper_ids")
    op.drop_index("ix_observations_paper_id", table_name="observations")
    op.drop_table("observations")
    op.drop_index(op.f("ix_libraries_subscriber_id"), table_name="libraries")
    op.drop_table("libraries")
    op.drop_index("ix_feedback_paper_id", table_name="feedback")
    op.drop_table("feedback")
    op.drop_index("ix_events_paper_id", table_name="events")
    op.drop_index("ix_events_kind_at", table_name="events")
    op.drop_table("events")
    op.drop_index("ix_attempts_delivery_id", table_name="attempts")
    op.drop_table("attempts")
    op.drop_table("tombstones")
    op.drop_table("suppressions")
    op.drop_index(op.f("ix_summaries_made_at"), table_name="summaries")
    op.drop_table("summaries")
    op.drop_index(op.f("ix_subscribers_status"), table_name="subscribers")
    op.drop_table("subscribers")
    op.drop_index(op.f("ix_sources_next_poll_at"), table_name="sources")
    op.drop_table("sources")
    op.drop_index(op.f("ix_runs_started_at"), table_name="runs")
    op.drop_table("runs")
    op.drop_table("profiles")
    op.drop_index("ix_polls_source_at", table_name="polls")
    op.drop_index("ix_polls_at", table_name="polls")
    op.drop_table("polls")
    op.drop_index(
        "ix_papers_title_hash",
        table_name="papers",
        sqlite_where=sa.text("title_hash IS NOT NULL"),
        postgresql_where=sa.text("title_hash IS NOT NULL"),
    )
    op.drop_index(op.f("ix_papers_new_at"), table_name="papers")
    op.drop_index(
        "ix_papers_merged_into",
        table_name="papers",
        sqlite_where=sa.text("merged_into IS NOT NULL"),
        postgresql_where=sa.text("merged_into IS NOT NULL"),
    )
    op.drop_index(op.f("ix_papers_key"), table_name="papers")
    op.drop_index(op.f("ix_papers_first_seen_at"), table_name="papers")
    op.drop_table("papers")
    op.drop_table("owner_alerts")
    op.drop_index(op.f("ix_merges_kept_id"), table_name="merges")
    op.drop_index(op.f("ix_merges_absorbed_id"), table_name="merges")
    op.drop_table("merges")
    op.drop_table("installation")
    op.drop_index(op.f("ix_editions_subscriber_id"), table_name="editions")
    op.drop_table("editions")
    op.drop_index(op.f("ix_deliveries_subscriber_id"), table_name="deliveries")
    op.drop_index("ix_deliveries_state_next_attempt_at", table_name="deliveries")
    op.drop_index(
        "ix_deliveries_sent_at",
        table_name="deliveries",
        sqlite_where=sa.text("sent_at IS NOT NULL"),
        postgresql_where=sa.text("sent_at IS NOT NULL"),
    )
    op.drop_index(
        "ix_deliveries_address_hmac",
        table_name="deliveries",
        sqlite_where=sa.text("edition_id IS NULL"),
        postgresql_where=sa.text("edition_id IS NULL"),
    )
    op.drop_table("deliveries")
    op.drop_index(op.f("ix_consents_subscriber_id"), table_name="consents")
    op.drop_table("consents")
    op.drop_table("buckets")
    op.drop_index(op.f("ix_bounces_subscriber_id"), table_name="bounces")
    op.drop_index(op.f("ix_bounces_delivery_id"), table_name="bounces")
    op.drop_table("bounces")
    op.drop_index(op.f("ix_bodies_stored_at"), table_name="bodies")
    op.drop_table("bodies")
