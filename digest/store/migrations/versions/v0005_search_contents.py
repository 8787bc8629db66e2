"""Keep what search by meaning knows of a paper, until the paper changes."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_WATCHED = (
    "title", "abstract", "summary", "authors", "categories", "keywords", "venue", "announced_on",
    "merged_into",
)  # fmt: skip
_CHANGED = " OR ".join(f"old.{name} IS NOT new.{name}" for name in _WATCHED)

# Ids only rise, so that whoever follows the table reads what is new and no more.
SQLITE = (
    """
    CREATE TABLE paper_search_contents (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        paper_id BIGINT NOT NULL REFERENCES papers (id) ON DELETE CASCADE,
        made_with VARCHAR(100) NOT NULL,
        content BLOB NOT NULL
    )
    """,
    "CREATE UNIQUE INDEX ix_paper_search_contents ON paper_search_contents (paper_id, made_with)",
    f"""
    CREATE TRIGGER paper_search_outdated AFTER UPDATE OF {", ".join(_WATCHED)} ON papers
    WHEN {_CHANGED} BEGIN
        DELETE FROM paper_search_contents WHERE paper_id = old.id;
    END
    """,
)

POSTGRESQL = (
    """
    CREATE TABLE paper_search_contents (
        id BIGSERIAL PRIMARY KEY,
        paper_id BIGINT NOT NULL REFERENCES papers (id) ON DELETE CASCADE,
        made_with VARCHAR(100) NOT NULL,
        content BYTEA NOT NULL
    )
    """,
    # Compressing what does not compress costs time and wins nothing.
    "ALTER TABLE paper_search_contents ALTER COLUMN content SET STORAGE EXTERNAL",
    "CREATE UNIQUE INDEX ix_paper_search_contents ON paper_search_contents (paper_id, made_with)",
    """
    CREATE FUNCTION paper_search_outdated() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        DELETE FROM paper_search_contents WHERE paper_id = old.id;
        RETURN NULL;
    END
    $$
    """,
    f"""
    CREATE TRIGGER paper_search_outdated AFTER UPDATE OF {", ".join(_WATCHED)} ON papers
    FOR EACH ROW WHEN (({", ".join(f"old.{name}" for name in _WATCHED)}) IS DISTINCT FROM
    ({", ".join(f"new.{name}" for name in _WATCHED)})) EXECUTE FUNCTION paper_search_outdated()
    """,
)


def upgrade() -> None:
    """Make the table, and the trigger that empties it of what has changed."""
    bind = op.get_bind()
    for statement in SQLITE if bind.dialect.name == "sqlite" else POSTGRESQL:
        bind.exec_driver_sql(statement)


def downgrade() -> None:
    """Drop it all."""
    bind = op.get_bind()
    if bind.dialect.name == "sqlite":
        bind.exec_driver_sql("DROP TRIGGER paper_search_outdated")
    else:
        bind.exec_driver_sql("DROP TRIGGER paper_search_outdated ON papers")
        bind.exec_driver_sql("DROP FUNCTION paper_search_outdated()")
    bind.exec_driver_sql("DROP TABLE paper_search_contents")
