"""``digest demo``: two sample days, played through the real pipeline on loopback.

``samples`` holds what is announced when, ``formats`` writes it in the sources' own formats,
``servers`` answers HTTP and takes mail on loopback, ``play`` runs both days. Nothing here is used
by an installation; the pipeline does not know that it is a demonstration.
"""
