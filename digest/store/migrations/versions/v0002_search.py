"""Search over everything stored: FTS5 on SQLite, a tsvector table on PostgreSQL."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# The words stand beside the papers, not in them: no query of the pipeline reads them. On SQLite
# the table is contentless (it keeps the index alone), so a deletion must repeat what was put in.
_SQLITE_WORDS = """
    {0}.title,
    {0}.abstract,
    coalesce((SELECT group_concat(json_extract(value, '$.name'), ' ') FROM json_each({0}.authors)), ''),
    coalesce((SELECT group_concat(value, ' ') FROM json_each({0}.categories)), '') || ' ' ||
    coalesce((SELECT group_concat(value, ' ') FROM json_each({0}.keywords)), '') || ' ' ||
    {0}.venue || ' ' || {0}.key
"""
_WATCHED = ("title", "abstract", "authors", "categories", "keywords", "venue", "key")
# An update names every column; only one that changes a word is worth indexing anew.
_CHANGED = " OR ".join(f"old.{name} IS NOT new.{name}" for name in _WATCHED)

SQLITE = (
    """
    CREATE VIRTUAL TABLE paper_search USING fts5(
        title, abstract, authors, labels, content='',
        tokenize='porter unicode61 remove_diacritics 2'
    )
    """,
    "INSERT INTO paper_search(paper_search, rank) VALUES ('rank', 'bm25(4.0, 1.0, 2.0, 1.5)')",
    # A buffer for two thousand papers, and fewer merges: two thirds of the time to index them.
    "INSERT INTO paper_search(paper_search, rank) VALUES ('hashsize', 8388608)",
    "INSERT INTO paper_search(paper_search, rank) VALUES ('automerge', 8)",
    "INSERT INTO paper_search(rowid, title, abstract, authors, labels) "
    f"SELECT p.id, {_SQLITE_WORDS.format('p')} FROM papers AS p",
    # FTS5 writes its buffer out before every statement that fires a trigger. Whoever inserts many
    # papers puts a row here, then their words in one statement from the view, and takes it away.
    "CREATE TABLE paper_search_held (held INTEGER NOT NULL)",
    "CREATE VIEW paper_search_words(id, title, abstract, authors, labels) AS "
    f"SELECT p.id, {_SQLITE_WORDS.format('p')} FROM papers AS p",
    f"""
    CREATE TRIGGER paper_search_insert AFTER INSERT ON papers
    WHEN NOT EXISTS (SELECT 1 FROM paper_search_held) BEGIN
        INSERT INTO paper_search(rowid, title, abstract, authors, labels)
        VALUES (new.id, {_SQLITE_WORDS.format("new")});
    END
    """,
    f"""
    CREATE TRIGGER paper_search_delete AFTER DELETE ON papers BEGIN
        INSERT INTO paper_search(paper_search, rowid, title, abstract, authors, labels)
        VALUES ('delete', old.id, {_SQLITE_WORDS.format("old")});
    END
    """,
    f"""
    CREATE TRIGGER paper_search_update AFTER UPDATE OF {", ".join(_WATCHED)} ON papers
    WHEN {_CHANGED} BEGIN
        INSERT INTO paper_search(paper_search, rowid, title, abstract, authors, labels)
        VALUES ('delete', old.id, {_SQLITE_WORDS.format("old")});
        INSERT INTO paper_search(rowid, title, abstract, authors, labels)
        VALUES (new.id, {_SQLITE_WORDS.format("new")});
    END
    """,
)

_POSTGRESQL_WORDS = """
    setweight(to_tsvector('english', {0}.title), 'A') ||
    setweight(to_tsvector('english', coalesce(
        (SELECT string_agg(item ->> 'name', ' ') FROM jsonb_array_elements({0}.authors) AS item), '')), 'B') ||
    setweight(to_tsvector('english',
        coalesce((SELECT string_agg(item, ' ') FROM jsonb_array_elements_text({0}.categories) AS item), '') || ' ' ||
        coalesce((SELECT string_agg(item, ' ') FROM jsonb_array_elements_text({0}.keywords) AS item), '') || ' ' ||
        {0}.venue || ' ' || {0}.key), 'C') ||
    setweight(to_tsvector('english', {0}.abstract), 'D')
"""

POSTGRESQL = (
    """
    CREATE TABLE paper_search (
        paper_id BIGINT PRIMARY KEY REFERENCES papers (id) ON DELETE CASCADE,
        words TSVECTOR NOT NULL
    )
    """,
    f"INSERT INTO paper_search SELECT p.id, {_POSTGRESQL_WORDS.format('p')} FROM papers AS p",
    "CREATE INDEX ix_paper_search_words ON paper_search USING gin (words)",
    f"""
    CREATE FUNCTION paper_search_add() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO paper_search (paper_id, words)
        SELECT p.id, {_POSTGRESQL_WORDS.format("p")} FROM fresh AS p;
        RETURN NULL;
    END
    $$
    """,
    """
    CREATE TRIGGER paper_search_add AFTER INSERT ON papers REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION paper_search_add()
    """,
    f"""
    CREATE FUNCTION paper_search_keep() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO paper_search (paper_id, words) VALUES (new.id, {_POSTGRESQL_WORDS.format("new")})
        ON CONFLICT (paper_id) DO UPDATE SET words = excluded.words;
        RETURN NULL;
    END
    $$
    """,
    f"""
    CREATE TRIGGER paper_search_keep AFTER UPDATE OF {", ".join(_WATCHED)} ON papers
    FOR EACH ROW WHEN (({", ".join(f"old.{name}" for name in _WATCHED)}) IS DISTINCT FROM
    ({", ".join(f"new.{name}" for name in _WATCHED)})) EXECUTE FUNCTION paper_search_keep()
    """,
)


def upgrade() -> None:
    """Make the index, fill it, and keep it by triggers."""
    # Straight to the driver: the statements hold colons and percent signs of their own.
    bind = op.get_bind()
    for statement in SQLITE if bind.dialect.name == "sqlite" else POSTGRESQL:
        bind.exec_driver_sql(statement)


def downgrade() -> None:
    """Drop it all."""
    bind = op.get_bind()
    if bind.dialect.name == "sqlite":
        for name in ("insert", "delete", "update"):
            bind.exec_driver_sql(f"DROP TRIGGER paper_search_{name}")
        bind.exec_driver_sql("DROP VIEW paper_search_words")
        bind.exec_driver_sql("DROP TABLE paper_search_held")
    else:
        for name in ("add", "keep"):
            bind.exec_driver_sql(f"DROP TRIGGER paper_search_{name} ON papers")
            bind.exec_driver_sql(f"DROP FUNCTION paper_search_{name}()")
    bind.exec_driver_sql("DROP TABLE paper_search")
