"""The store: SQLAlchemy Core, rows in, frozen values out. It takes no decisions.

SQLite (WAL) is the embedded default, PostgreSQL the same code by another URL. Every function
takes a ``Connection``; the caller owns the transaction.
"""
