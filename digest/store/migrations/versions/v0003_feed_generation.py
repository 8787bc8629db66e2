"""Let the addresses of private feeds be renewed."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "subscribers",
        sa.Column("feed_generation", sa.Integer, nullable=False, server_default="1"),
    )


def downgrade() -> None:
    op.drop_column("subscribers", "feed_generation")
