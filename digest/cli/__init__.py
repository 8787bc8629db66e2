"""The commands (Typer + Rich): parse, call one action, print.

One module a noun; each has ``register(app)`` that adds its commands, which ``_commands`` lists.
Exit codes: 0 all well, 1 something failed (it is named), 2 wrong use or configuration.
"""
