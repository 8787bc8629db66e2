"""The product's rankers in the interface of the public ranking benchmark.

    python RANKBENCH/evaluate.py --split dev --ranker tests.benchmarks.rankbench_adapter:Default

Papers of the benchmark become the product's values and go through its public functions; nothing
here scores. ``Semantic`` takes the benchmark's own sentence vectors for a model's.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np

from digest.model import Interest, Observation, Paper, Term
from digest.ranking import Candidates, community
from digest.ranking.background import learn
from digest.ranking.community import liked_together
from digest.ranking.default import DefaultRanker
from digest.ranking.interests import score
from digest.ranking.meaning import learn_sentences
from digest.ranking.promise import learn_promise
from digest.ranking.semantic import SemanticRanker
from digest.ranking.tastes import Known, Taste, taste_of
from digest.ranking.trending import heats
from digest.ranking.window import Window

FEWEST_READERS = 3
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Default:
    name = "default"

    def setup(self, ctx) -> None:
        self.windows = {}
        self.papers = {}
        self.sentences = None
        self.background = self.learn(ctx)

    def learn(self, ctx):
        return learn([self.paper(p) for p in ctx.background])

    def paper(self, given) -> Paper:
        if given["_i"] not in self.papers:
            self.papers[given["_i"]] = a_paper(given["_i"] + 1, given)
        return self.papers[given["_i"]]

    def fit(self, profile) -> Taste:
        known = {p.key: p for p in map(self.paper, profile["liked"] + profile["disliked"])}
        interest = Interest(
            name="all",
            terms=tuple(Term(text=text) for text in profile["keywords"]),
            categories=tuple(profile["categories"]),
            liked=tuple(self.paper(p).key for p in profile["liked"]),
            disliked=tuple(self.paper(p).key for p in profile["disliked"]),
        )
        return taste_of(interest, (), Known(known), NOON)

    def meanings(self, given, background):
        return DefaultRanker().meanings(given, background)

    def window(self, papers) -> Window:
        if id(papers) not in self.windows:
            found = tuple(self.paper(p) for p in papers)
            given = Candidates(
                papers=found,
                window_start_at=NOON - timedelta(days=1),
                window_end_at=NOON,
                background=self.background,
                sentences=self.sentences,
            )
            window = Window(given, NOON, self.background, self.meanings(given, self.background))
            place = [window.position_of[p.row_id] for p in found]
            self.windows[id(papers)] = (papers, window, place)
        return self.windows[id(papers)][1]

    def score_many(self, states, papers) -> np.ndarray:
        window = self.window(papers)
        place = self.windows[id(papers)][2]
        blocks = [states[n : n + 100] for n in range(0, len(states), 100)]
        return np.concatenate([score(window, block).score[:, place] for block in blocks])

    def score(self, state, papers) -> np.ndarray:
        return self.score_many([state], papers)[0]


def a_paper(row_id, given) -> Paper:
    return Paper(
        row_id=row_id,
        key=f"bench:{row_id:08}",
        title=given["title"],
        abstract=given["abstract"],
        categories=tuple(given.get("categories") or ()),
        first_seen_at=NOON - timedelta(hours=12),
        published_at=NOON - timedelta(hours=12),
    )


class Trend:
    name = "trend"

    def setup_trend(self, history, _vectors) -> None:
        papers = [a_paper(n, p) for n, p in enumerate(history, 1)]
        dates = [p["date"] for p in history]
        self.background = learn(papers)
        votes = [float(p["final"]) for p in history]
        self.promise = learn_promise(self.background, papers, votes, dates)

    def score_trend(self, papers, _vectors) -> np.ndarray:
        found = [a_paper(n, p) for n, p in enumerate(papers, 1)]
        seen = {n: observed(p) for n, p in enumerate(papers, 1)}
        promise = self.promise.of(self.background, found)
        return np.array([heat.score for heat in heats(found, seen, NOON, promise=promise)])


def observed(given) -> tuple[Observation, ...]:
    at = NOON - timedelta(hours=1)
    return (
        Observation(kind="hf_upvotes", observed_at=at, value=float(given["upvotes"])),
        Observation(kind="hf_comments", observed_at=at, value=float(given["comments"])),
    )


class Semantic(Default):
    name = "semantic"

    def learn(self, ctx):
        background = super().learn(ctx)
        self.encoder = Stored(ctx)
        self.sentences = learn_sentences(self.encoder, [self.paper(p) for p in ctx.background])
        return background

    def meanings(self, given, background):
        return SemanticRanker().meanings(given, background)


class Stored:
    """The benchmark's vectors by paper; it has none of keywords."""

    name = "benchmark"

    def __init__(self, ctx) -> None:
        self.vectors = ctx.E

    def papers(self, papers):
        return self.vectors[[p.row_id - 1 for p in papers]]

    def texts(self, texts):
        return np.zeros((len(texts), self.vectors.shape[1]), dtype=np.float32)


class Community(Default):
    """The default ranker where the benchmark's other users take part, and the tested ones do."""

    name = "community"

    def setup(self, ctx) -> None:
        super().setup(ctx)
        others = ctx.community.tocoo()
        likes = list(zip(others.row.tolist(), others.col.tolist(), strict=True))
        together = liked_together(likes, fewest=FEWEST_READERS)
        found = tuple(self.paper(ctx.papers[column]) for column in together.paper_ids)
        self.community = community.Community(papers=found, alike=together.alike)

    def fit(self, profile) -> Taste:
        taste = super().fit(profile)
        liked = [rated.paper.key for rated in taste.rated]
        return replace(taste, borrowed=self.community.borrowed(liked, liked))
