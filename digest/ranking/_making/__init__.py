"""Make the shipped word table anew: ``python -m digest.ranking._making --help``.

Not used by the product when it runs.
"""
