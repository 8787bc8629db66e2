"""The default ranker: words, likes, authors and trend; no model to download, no key.

``ranker = "default"``. Prepares a window once, scores each distinct interest once, and chooses
for each reader.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from digest.model import Exclusion, Interest, Pick, Term, TermField
from digest.ranking import Candidates, Choice, Reader
from digest.ranking.choose import (
    CARRIED_OVER,
    Chosen,
    Limits,
    Scored,
    choose,
    mixed,
    seed_of,
)
from digest.ranking.interests import Evidence, Pool, evidence, rated_papers
from digest.ranking.reasons import near_likes, reason
from digest.ranking.space import Space, paper_text
from digest.ranking.terms import TermIndex
from digest.ranking.trending import Heat, heats

Floats = npt.NDArray[np.float64]

MUTED_FIELDS: tuple[TermField, ...] = (
    "title", "abstract", "keywords", "authors", "categories",
)  # fmt: skip

FEEDBACK_INTEREST = "papers you liked"
"""Feedback that names no interest teaches one of its own: it can drown no other."""


def ranker(_options: Mapping[str, Any]) -> DefaultRanker:
    """Return the ranker; it has no options."""
    return DefaultRanker()


class DefaultRanker:
    """See the module. Holds the last window's prepared papers, so blocks of readers are cheap."""

    name = "default"

    def __init__(self) -> None:
        self._prepared: tuple[Candidates, datetime, Pool, list[Heat]] | None = None

    def rank(
        self,
        candidates: Candidates,
        readers: Sequence[Reader],
        *,
        now: datetime,
        seed: int,
        explain: bool = False,
    ) -> list[Choice]:
        """Return one Choice per reader, in order."""
        pool, found = self._prepare(candidates, now)
        return [
            _one(pool, found, reader, now=now, seed=seed, explain=explain) for reader in readers
        ]

    def _prepare(self, candidates: Candidates, now: datetime) -> tuple[Pool, list[Heat]]:
        if self._prepared and self._prepared[0] is candidates and self._prepared[1] == now:
            return self._prepared[2], self._prepared[3]
        texts = [paper_text(paper) for paper in candidates.papers]
        space = Space(texts)
        pool = Pool(
            papers=candidates.papers,
            index=TermIndex(candidates.papers),
            space=space,
            vectors=space.vectors(texts),
        )
        found = heats(candidates.papers, candidates.observations, now)
        self._prepared = (candidates, now, pool, found)
        return pool, found


def _one(
    pool: Pool, found: list[Heat], reader: Reader, *, now: datetime, seed: int, explain: bool
) -> Choice:
    profile = reader.profile
    evidences = _evidences(pool, reader, now)
    trend = np.array([heat.score for heat in found])
    if evidences:
        table = np.stack([e.score for e in evidences])
        best, interest = table.argmax(axis=0), table.max(axis=0)
    else:
        best, interest = np.zeros(len(pool.papers), dtype=np.intp), np.zeros(len(pool.papers))
    weight = profile.trending_weight if evidences else 1.0
    if evidences and not trend.any():
        weight = 0.0  # a window without any signal is ranked by interest, on its full scale
    carried = frozenset(
        i
        for i, paper in enumerate(pool.papers)
        if reader.seen_since is not None and paper.first_seen_at < reader.seen_since
    )
    scored = Scored(
        papers=pool.papers,
        score=mixed(interest, trend, weight),
        interest=interest,
        trend=trend,
        best=best,
        names=[e.interest.name for e in evidences],
        causes=_causes(pool, reader, evidences),
        carried=carried,
        followed=frozenset(i for e in evidences for i in e.authors),
    )
    limits = Limits(
        floor=profile.min_score,
        cap=profile.max_papers,
        quotas={i.name: i.quota for i in profile.interests if i.quota is not None},
        exploration=profile.exploration,
        seed=seed_of(seed, reader.subscription_id),
    )
    chosen = choose(scored, limits)
    picks = tuple(_pick(p, scored, chosen, evidences, found[p], now=now) for p in chosen.positions)
    papers = pool.papers
    return Choice(
        picks=picks,
        other_ids=tuple(papers[p].row_id for p in chosen.rest),
        exclusions=_exclusions(scored, chosen, evidences, found) if explain else (),
    )


def _evidences(pool: Pool, reader: Reader, now: datetime) -> list[Evidence]:
    names = {interest.name for interest in reader.profile.interests}
    found = [
        evidence(
            pool,
            interest,
            rated_papers(
                interest,
                [f for f in reader.feedback if f.interest == interest.name],
                reader.known_papers,
                now,
            ),
        )
        for interest in reader.profile.interests
    ]
    loose = [f for f in reader.feedback if f.interest not in names]
    extra = Interest(name=FEEDBACK_INTEREST)
    rated = rated_papers(extra, loose, reader.known_papers, now)
    if any(r.weight > 0 for r in rated):
        found.append(evidence(pool, extra, rated))
    return found


def _causes(pool: Pool, reader: Reader, evidences: Sequence[Evidence]) -> dict[int, str]:
    causes: dict[int, str] = {}
    sources = set(reader.profile.sources)
    for position, paper in enumerate(pool.papers):
        if paper.row_id in reader.shown:
            causes[position] = "seen"
        elif paper.withdrawn:
            causes[position] = "withdrawn"
        elif sources and not sources.intersection(paper.sources):
            causes[position] = "source"
    for mute in reader.profile.mutes:
        for position in pool.index.find(Term(text=mute, fields=MUTED_FIELDS)):
            causes.setdefault(position, "muted")
    if evidences and all(e.barred for e in evidences):
        for position in set.intersection(*(set(e.barred) for e in evidences)):
            causes.setdefault(position, evidences[0].barred[position])
    return causes


def _pick(
    position: int,
    scored: Scored,
    chosen: Chosen,
    evidences: Sequence[Evidence],
    heat: Heat,
    *,
    now: datetime,
) -> Pick:
    paper = scored.papers[position]
    section = chosen.sections[position]
    found = evidences[scored.best[position]] if evidences else None
    carried = position in scored.carried
    return Pick(
        paper_id=paper.row_id,
        key=paper.key,
        score=round(float(np.clip(scored.score[position], 0, 1)), 6),
        interest_score=round(float(scored.interest[position]), 6),
        trend_score=round(float(scored.trend[position]), 6),
        section=section,
        reason=reason(
            position, found, heat, paper=paper, section=section, now=now,
            carried=carried and section == CARRIED_OVER,
        ),
        parts=_parts(position, found, heat),
        is_new=not carried,
    )  # fmt: skip


def _parts(position: int, found: Evidence | None, heat: Heat) -> dict[str, float]:
    """Return the strengths that make a paper's score, by name; those that say nothing are left."""
    parts: dict[str, float] = {f"trend {kind}": value for kind, value in heat.by_kind.items()}
    if found is not None:
        parts |= {name: float(values[position]) for name, values in found.parts.items()}
        parts["near likes"] = near_likes(position, found)
    return {name: round(value, 4) for name, value in parts.items() if round(value, 4)}


def _exclusions(
    scored: Scored, chosen: Chosen, evidences: Sequence[Evidence], found: Sequence[Heat]
) -> tuple[Exclusion, ...]:
    told = []
    for p, cause in sorted({**chosen.left_out, **scored.causes}.items()):
        nearest = evidences[scored.best[p]] if evidences else None
        told.append(
            Exclusion(
                paper_id=scored.papers[p].row_id,
                key=scored.papers[p].key,
                cause=cause,
                score=round(float(scored.score[p]), 6),
                interest_score=round(float(scored.interest[p]), 6),
                trend_score=round(float(scored.trend[p]), 6),
                interest=nearest.interest.name if nearest else "",
                parts=_parts(p, nearest, found[p]),
            )
        )
    return tuple(told)
