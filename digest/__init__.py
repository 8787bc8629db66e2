"""A daily digest of trending papers by email: poll, diff, rank, render, deliver."""

import os

# Our matrices are small: threads that share one cost more processor than they save time (half of
# all that planning takes), and large runs are divided among processes. NumPy reads it when it is
# first imported; an owner's own setting stays.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

__version__ = "0.1.0"
