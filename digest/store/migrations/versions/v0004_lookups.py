"""Liked papers that the store does not have: asked for by id."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

RowId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "lookups",
        sa.Column("key", sa.String(length=320), nullable=False),
        sa.Column("paper_id", RowId, nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_at", sa.DateTime(), nullable=False),
        sa.Column("problem", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["paper_id"],
            ["papers.id"],
            name=op.f("fk_lookups_paper_id_papers"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_lookups")),
    )
    op.create_index(op.f("ix_lookups_paper_id"), "lookups", ["paper_id"], unique=False)
    op.create_index(op.f("ix_lookups_next_at"), "lookups", ["next_at"], unique=False)


def downgrade() -> None:
    """Drop it."""
    op.drop_table("lookups")
