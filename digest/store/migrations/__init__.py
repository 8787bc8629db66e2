"""The schema's history (Alembic). Migrations never import live tables."""
