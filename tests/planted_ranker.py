"""A ranker that is worse on purpose: it chooses what the default ranker likes least."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from digest.model import Pick
from digest.ranking import Candidates, Choice
from digest.ranking.default import DefaultRanker

KIND = "planted_ranker:ranker"


def ranker(options: Mapping[str, Any]) -> PlantedRanker:
    return PlantedRanker()


class PlantedRanker(DefaultRanker):
    name = "planted"

    def rank(self, candidates: Candidates, readers: Any, **how: Any) -> list[Choice]:
        keys = {paper.row_id: paper.key for paper in candidates.papers}
        found = super().rank(candidates, readers, **how)
        return [
            replace(choice, **_turned(choice, reader.profile.max_papers, keys))
            for choice, reader in zip(found, readers, strict=True)
        ]


def _turned(choice: Choice, count: int, keys: Mapping[int, str]) -> dict[str, Any]:
    order = [*choice.picks, *choice.other_ids][::-1]
    ids = [one.paper_id if isinstance(one, Pick) else one for one in order]
    picks = tuple(
        Pick(
            paper_id=row_id, key=keys[row_id], score=0.3, interest_score=0.3, trend_score=0.0,
            section="things", reason="planted",
        )
        for row_id in ids[:count]
    )  # fmt: skip
    return {"picks": picks, "other_ids": ids[count:]}
