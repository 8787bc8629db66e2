"""Text as it comes from the world, made plain: cleaning, HTML, TeX, names, identifiers, keys.

Pure functions of strings. Nothing here knows a source, a store or a template.
"""
