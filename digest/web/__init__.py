"""The pages, feeds and JSON API (FastAPI + Jinja2): parse, call one action, render.

One module a group of addresses, each with ``routes(site)``. GET changes nothing, anywhere.
"""
