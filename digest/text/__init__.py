"""Readable text out of TeX, HTML and odd white space; keys for comparing titles and names. Pure."""
