"""The pages, feeds and JSON API (FastAPI + Jinja2): parse, call one action, render."""
