"""Opt-in, preferences, tokens, suppression keys, slots. Pure."""
