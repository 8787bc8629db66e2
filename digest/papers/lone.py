"""Tell the records that meet nothing: not what is stored, nor another record of their batch.

Most records of a first poll and of a new day are such. Each makes a paper by itself, and nothing
else can touch that paper in the same batch; all others are ``diff``'s to decide.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from itertools import chain

from digest.papers.diff import Memory
from digest.papers.facts import Facts


def part(batch: Sequence[Facts], memory: Memory) -> tuple[list[Facts], list[Facts]]:
    """Return the lone records of a batch and the others, each in their order."""
    marks = [facts.marks for facts in batch]
    met: set[Hashable] = {
        mark for mark, count in Counter(chain.from_iterable(marks)).items() if count > 1
    }
    met.update(memory.rows, memory.owners, memory.titles, memory.buried)
    lone: list[Facts] = []
    others: list[Facts] = []
    for facts, own in zip(batch, marks, strict=True):
        (lone if met.isdisjoint(own) else others).append(facts)
    return lone, others
