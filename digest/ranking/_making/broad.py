"""Make the shipped moments of papers of all fields anew: how far papers at large lie apart.

    python -m digest.ranking._making.broad --papers papers.jsonl --output broad.npz

Each line is a paper: field, title, abstract. Fields count as ``SHARES`` says, however many papers
each has; what it was made from stands in ``digest/ranking/data/NOTICE.txt``. Some seconds.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from digest.ranking.background import weighted_moments
from digest.ranking.space import Floats
from digest.ranking.table import shipped

SHARES = {"biomedicine": 0.3, "physics": 0.2, "mathematics": 0.15, "computing": 0.3, "other": 0.05}


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the moments; ``arguments`` are the command line's where none are given."""
    parser = argparse.ArgumentParser(prog="python -m digest.ranking._making.broad")
    parser.add_argument("--papers", type=Path, required=True, help="JSON lines")
    parser.add_argument("--output", type=Path, required=True)
    given = parser.parse_args(arguments)
    papers = [json.loads(line) for line in given.papers.read_text("utf-8").splitlines()]
    gram = weighted_moments(
        shipped(),
        [paper["title"] for paper in papers],
        [f"{paper['title']}. {paper['abstract']}" for paper in papers],
        weights([field_of(paper["field"]) for paper in papers]),
    )
    np.savez_compressed(given.output, gram=gram.astype(np.float16))


def field_of(category: str) -> str:
    """Return which of the fields a category (``q-bio.BM``, ``cs.LG``) or other name is of.

    >>> [field_of(name) for name in ("q-bio.BM", "cs.LG", "hep-th", "econ", "history")]
    ['biomedicine', 'computing', 'physics', 'mathematics', 'other']
    """
    archive = category.split(".", maxsplit=1)[0]
    if archive in ("q-bio", "biomedicine"):
        return "biomedicine"
    if archive in ("cs", "eess"):
        return "computing"
    if archive in ("math", "math-ph", "stat", "econ", "q-fin"):
        return "mathematics"
    physics = ("physics", "cond-mat", "quant-ph", "astro-ph", "gr-qc", "nlin")
    return "physics" if archive in physics or archive.startswith(("hep-", "nucl-")) else "other"


def weights(fields: Sequence[str]) -> Floats:
    """Return what each paper counts, so that its field has its share of the whole."""
    counts = Counter(fields)
    found = np.array([SHARES[field] / counts[field] for field in fields], dtype=np.float32)
    return np.asarray(found / found.sum(), dtype=np.float32)


if __name__ == "__main__":
    main()
