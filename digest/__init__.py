"""A daily digest of trending papers by email: poll, diff, rank, render, deliver."""

__version__ = "0.1.0"
