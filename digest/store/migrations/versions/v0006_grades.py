"""Grades of papers by a language model, and what was asked of it on each day."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

RowId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "grades",
        sa.Column("fingerprint", sa.String(length=40), nullable=False),
        sa.Column("paper_id", RowId, nullable=False),
        sa.Column("value", sa.SmallInteger(), nullable=False),
        sa.Column("why", sa.Text(), server_default="", nullable=False),
        sa.Column("graded_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["paper_id"],
            ["papers.id"],
            name=op.f("fk_grades_paper_id_papers"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("fingerprint", "paper_id", name=op.f("pk_grades")),
    )
    op.create_index(op.f("ix_grades_paper_id"), "grades", ["paper_id"], unique=False)
    op.create_index(op.f("ix_grades_graded_at"), "grades", ["graded_at"], unique=False)
    op.create_table(
        "judge_usage",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("requests", sa.Integer(), nullable=False),
        sa.Column("tokens", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_judge_usage")),
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_table("judge_usage")
    op.drop_table("grades")
