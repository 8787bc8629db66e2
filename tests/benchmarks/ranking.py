"""Subscribers ranked a second: 1,000 papers, 30 liked papers and 3 terms each, top 20.

The product's default ranker chooses each subscriber's papers, in as many processes as there are
processors; ``whole_per_s`` counts the same with scores, parts and reasons of every pick, which the
others do not make. Compared, on the same texts in the same run, with what two
known programs do for one subscriber: arxiv-sanity-lite fits a linear SVM on TF-IDF with every
paper of its database as a negative; zotero-arxiv-daily encodes library and candidates and ranks by
the weighted mean cosine (here encoded by the product's own word table, far cheaper than the
sentence model it uses).

Time is processor time, so that what else a machine does moves no figure: a rate is that of the
named number of processes with a processor each (``wall_per_s`` is what this run saw), a ratio is
that rate against one process of the other program, which knows only one.

    python tests/benchmarks/ranking.py --json
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import statistics
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.svm import LinearSVC
from threadpoolctl import threadpool_limits

from digest.model import Author, Interest, Observation, Paper, Profile, Term
from digest.ranking import Candidates, Reader
from digest.ranking.background import Background, learn
from digest.ranking.default import ranker
from digest.ranking.interests import score
from digest.ranking.space import paper_text
from digest.ranking.table import shipped
from digest.ranking.tastes import Known, taste_of
from digest.ranking.window import Window
from digest.ranking.words import content_words

NOON = datetime(2026, 4, 14, 12, tzinfo=UTC)
LIKES, TOP, CHUNK = 30, 20, 1000
DATABASE = 30_000
"""Papers that arxiv-sanity-lite holds beside the new ones: some months of its six categories."""

LIKED_OF = 5000
"""Likes are among so many of them."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--subscribers", type=int, default=100_000)
    parser.add_argument("--papers", type=int, default=1000)
    parser.add_argument("--pairs", type=int, default=3)
    given = parser.parse_args()
    with threadpool_limits(1):
        found = measure(given.subscribers, given.papers, given.pairs)
    print(json.dumps(found, indent=2) if given.json else found)
    return 0


def measure(subscribers: int, count: int, pairs: int) -> dict[str, float]:
    world = KEPT["world"] = World(count)
    svm = [svm_seconds(world, n) for n in range(pairs)]
    cosine = [mean_cosine_seconds(world, n) for n in range(pairs)]
    prepared = prepare_seconds(world)
    fits = [fit_seconds(world, n) for n in range(pairs * 3)]
    processes = os.cpu_count() or 1
    blocks = [(n, min(CHUNK, subscribers - n)) for n in range(0, subscribers, CHUNK)]
    begun = time.perf_counter()
    with ProcessPoolExecutor(processes, mp_context=get_context("fork")) as pool:
        seconds, peaks = zip(*pool.map(rank_block, blocks), strict=True)
        wall = time.perf_counter() - begun
        some = blocks[: max(len(blocks) // 10, processes)]
        whole = sum(pool.map(rank_whole, some)) / sum(size for _, size in some)
    rate = processes * subscribers / sum(seconds)
    # Both programs serve their subscribers one after the other, in one process.
    return {
        "subscribers_per_s": round(rate, 1),
        "wall_per_s": round(subscribers / wall, 1),
        "whole_per_s": round(processes / whole, 1),
        "vs_svm": round(rate * statistics.median(svm), 1),
        "vs_mean_cosine": round(rate * statistics.median(cosine), 1),
        "peak_mb": round(max(peaks), 1),
        "first_block_mb": round(peaks[0], 1),
        "fit_vs_svm_fit": round(statistics.median(fits) / statistics.median(svm), 5),
        "fit_ms": round(1000 * statistics.median(fits), 3),
        "prepare_s": round(prepared, 3),
        "svm_s": round(statistics.median(svm), 3),
        "mean_cosine_s": round(statistics.median(cosine), 3),
        "processes": processes,
        "subscribers": subscribers,
        "papers": count,
    }


class World:
    """Papers of forty subjects in the words of the shipped table, and who likes which."""

    def __init__(self, count: int) -> None:
        chance = random.Random(7)
        known = [word for word in shipped().position if word.isalpha() and len(word) > 3]
        chance.shuffle(known)
        self.subjects = [known[n * 300 : (n + 1) * 300] for n in range(40)]
        self.common = known[12_000:14_000]
        papers = [self.paper(chance, n) for n in range(1, count + DATABASE + 1)]
        self.old, new = papers[count:], tuple(papers[:count])
        self.by_key = {paper.key: paper for paper in self.old}
        self.keys_of: dict[int, list[str]] = {}
        for paper in self.old[:LIKED_OF]:
            self.keys_of.setdefault(paper.row_id % 40, []).append(paper.key)
        at = NOON - timedelta(hours=4)
        self.candidates = Candidates(
            papers=new,
            observations={
                p.row_id: (
                    Observation(kind="hf_upvotes", observed_at=at, value=float(p.row_id % 70)),
                )
                for p in new
                if p.row_id % 4 == 0
            },
            window_start_at=NOON - timedelta(days=1),
            window_end_at=NOON,
            background=learn(self.old[:3000]),
        )

    def paper(self, chance: random.Random, number: int) -> Paper:
        subject = self.subjects[number % 40]

        def words(count: int) -> str:
            # Words are used as unevenly as words are (Zipf), and some go in pairs.
            found: list[str] = []
            while len(found) < count:
                place = min(int(chance.paretovariate(0.6)) - 1, 299)
                source = subject if chance.random() < 0.6 else self.common
                found.append(source[place])
                if chance.random() < 0.3:
                    found.append(source[(place * 7 + 1) % 300])
            return " ".join(found[:count])

        return Paper(
            row_id=number,
            key=f"arxiv:2604.{number:05}",
            title=words(9).capitalize(),
            abstract=". ".join(words(20).capitalize() for _ in range(8)) + ".",
            authors=tuple(Author(name=f"Person {chance.randrange(9000)}") for _ in range(4)),
            categories=("cs.LG",),
            first_seen_at=NOON - timedelta(hours=6),
            published_at=NOON - timedelta(hours=6),
        )

    def reader(self, number: int) -> Reader:
        chance = random.Random(number)
        subject = chance.randrange(40)
        interest = Interest(
            name="work",
            terms=tuple(Term(text=w) for w in chance.sample(self.subjects[subject][:40], 3)),
            liked=tuple(chance.sample(self.keys_of[subject], LIKES)),
        )
        return Reader(
            subscription_id=number,
            profile=Profile(name=f"p{number}", interests=(interest,), max_papers=TOP),
            known_papers=self.by_key,
        )


KEPT: dict[str, object] = {}
"""The world and the ranker of a process; forked ones begin with their parent's world."""


def prepare_seconds(world: World) -> float:
    """Return what making the features of the papers that most readers like takes, once a window.

    The SVM's features are made before, too; a fit of new papers is timed by itself.
    """
    KEPT["ranker"] = ranker({})
    readers = [world.reader(n) for n in range(LIKED_OF // 5)]
    begun = time.process_time()
    KEPT["ranker"].top(world.candidates, readers, now=NOON, seed=1)
    return time.process_time() - begun


def rank_block(block: tuple[int, int]) -> tuple[float, float]:
    """Choose for a block of subscribers; return the seconds and this process's peak in MB."""
    world, found = KEPT["world"], KEPT["ranker"]
    readers = [world.reader(n) for n in range(block[0], block[0] + block[1])]
    begun = time.process_time()
    tops = found.top(world.candidates, readers, now=NOON, seed=1)
    assert statistics.mean(map(len, tops)) > TOP / 2
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return time.process_time() - begun, peak


def rank_whole(block: tuple[int, int]) -> float:
    """Rank for a block with everything that a mail shows; return the seconds."""
    world = KEPT["world"]
    readers = [world.reader(n) for n in range(block[0], block[0] + block[1])]
    begun = time.process_time()
    KEPT["ranker"].rank(world.candidates, readers, now=NOON, seed=1)
    return time.process_time() - begun


def fit_seconds(world: World, number: int) -> float:
    """Return the time of fitting one profile, its liked papers new to the program."""
    if "window" not in KEPT:
        KEPT["window"] = Window(world.candidates, NOON, world.candidates.background)
    window = KEPT["window"]
    reader = world.reader(1_000_000 + number)
    content_words.cache_clear()
    begun = time.process_time()
    interest = reader.profile.interests[0]
    score(window, [taste_of(interest, (), Known(reader.known_papers), NOON)])
    return time.process_time() - begun


def svm_seconds(world: World, number: int) -> float:
    """Return what arxiv-sanity-lite needs for a subscriber, its features made before."""
    if "features" not in KEPT:
        texts = [
            f"{paper_text(p)} {' '.join(a.name for a in p.authors)}"
            for p in (*world.candidates.papers, *world.old)
        ]
        made = TfidfVectorizer(
            strip_accents="unicode", stop_words="english", ngram_range=(1, 2), max_features=20_000,
            min_df=5, max_df=0.1, sublinear_tf=True, dtype=np.float32,
        )  # fmt: skip
        KEPT["features"] = made.fit_transform(texts)
    features = KEPT["features"]
    begun = time.process_time()
    count = len(world.candidates.papers)
    place = {p.key: count + n for n, p in enumerate(world.old)}
    wanted = np.zeros(features.shape[0])
    wanted[[place[key] for key in world.reader(number).profile.interests[0].liked]] = 1
    model = LinearSVC(class_weight="balanced", C=0.01, tol=1e-6, max_iter=10_000, random_state=0)
    model.fit(features, wanted)
    np.argsort(-model.decision_function(features[:count]))[:TOP]
    return time.process_time() - begun


def mean_cosine_seconds(world: World, number: int) -> float:
    """Return what zotero-arxiv-daily needs for a subscriber: it encodes everything each time."""
    content_words.cache_clear()  # it keeps nothing from one to the next
    begun = time.process_time()
    background: Background = world.candidates.background
    liked = [world.by_key[key] for key in world.reader(number).profile.interests[0].liked]
    library = background.encode([paper_text(p) for p in liked])
    papers = background.encode([paper_text(p) for p in world.candidates.papers])
    weights = 1 / (1 + np.log10(np.arange(len(liked)) + 1))
    np.argsort(-((papers @ library.T) @ (weights / weights.sum())))[:TOP]
    return time.process_time() - begun


if __name__ == "__main__":
    raise SystemExit(main())
