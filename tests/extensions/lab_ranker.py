"""Newest first, whatever it is about: ranker = "extensions.lab_ranker:ranker"."""

from digest.model import Pick
from digest.ranking import Choice


class Newest:
    name = "newest"

    def rank(self, candidates, readers, *, now, seed, explain=False):
        newest = sorted(candidates.papers, key=lambda p: p.first_seen_at, reverse=True)
        return [self._choice(newest, reader) for reader in readers]

    def _choice(self, papers, reader):
        unseen = [paper for paper in papers if paper.row_id not in reader.shown]
        most = reader.profile.max_papers
        return Choice(
            picks=tuple(map(self._pick, unseen[:most])),
            other_ids=tuple(paper.row_id for paper in unseen[most:]),
        )

    def _pick(self, paper):
        return Pick(
            paper_id=paper.row_id, key=paper.key, section="new", reason="hot off the press",
            score=1.0, interest_score=0.0, trend_score=0.0,
        )  # fmt: skip


def ranker(options):
    return Newest()
